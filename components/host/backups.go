package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) backups() bundle.Bundle { return bundle.Bundle{} }
