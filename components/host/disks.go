package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) disks() bundle.Bundle { return bundle.Bundle{} }
