package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) service() bundle.Bundle { return bundle.Bundle{} }

func (c Client) instance() bundle.Bundle { return bundle.Bundle{} }
