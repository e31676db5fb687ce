package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) tunnel() bundle.Bundle { return bundle.Bundle{} }
