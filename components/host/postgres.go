package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) postgres() bundle.Bundle { return bundle.Bundle{} }

func (c Client) database() bundle.Bundle { return bundle.Bundle{} }
