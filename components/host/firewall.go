package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) firewall() bundle.Bundle { return bundle.Bundle{} }
