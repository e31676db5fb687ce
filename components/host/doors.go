package host

import "github.com/berth-iac/berth/machine/bundle"

func (c Client) doors() bundle.Bundle { return bundle.Bundle{} }
