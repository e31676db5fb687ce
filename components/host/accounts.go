package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) accounts() bundle.Bundle { return bundle.Bundle{} }
