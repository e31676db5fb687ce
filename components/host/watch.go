package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) watch() bundle.Bundle { return bundle.Bundle{} }

func (c Client) watched() bundle.Bundle { return bundle.Bundle{} }
