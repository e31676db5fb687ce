package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) base() bundle.Bundle { return bundle.Bundle{} }
