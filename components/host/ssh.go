package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) ssh() bundle.Bundle { return bundle.Bundle{} }
