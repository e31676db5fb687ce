package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) front() bundle.Bundle { return bundle.Bundle{} }

func (c Client) website() bundle.Bundle { return bundle.Bundle{} }
