package host

import "github.com/berth-iac/berth/machine/bundle"

// report is what a client's administrator sends to whoever helps: how the machine is, without secrets and without data.
func (d Description) report() bundle.Bundle {
	return bundle.Bundle{
		Packages: []string{"jq"},
		Files:    []bundle.File{program(sbin+"berth-report", serviceRaw("report/berth-report"))},
	}
}
