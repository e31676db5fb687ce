package host

import "github.com/berth-iac/berth/machine/bundle"

func (d Description) kernel() bundle.Bundle { return bundle.Bundle{} }

func (d Description) auditing() bundle.Bundle { return bundle.Bundle{} }

func (d Description) updates() bundle.Bundle { return bundle.Bundle{} }

func (d Description) clock() bundle.Bundle { return bundle.Bundle{} }

func (d Description) logs() bundle.Bundle { return bundle.Bundle{} }

func (d Description) integrity() bundle.Bundle { return bundle.Bundle{} }
