package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) report() bundle.Bundle { return bundle.Bundle{} }
