package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC11 is what a client on premises does.
func (catalogue) AC11() promises.Promise {
	return promises.Promise{
		ID:       "AC-11",
		Title:    "On premises: the server and its backups are yours",
		Sentence: "On your premises you guard the server, and you make its backups: both are your duties. We supply the tooling for both, and instructions for using it.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnPremises: promises.Clients},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "your duties", Value: "guarding the server; making and keeping its backups"}, {Name: "supplied by us", Value: "hardening and firewall of the host, backup and restore tooling, and instructions"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the tools that we supply for the client's duties are in what is placed on the machine: they are read in the resource graph"},
			{Level: promises.Document, How: "the list of the client's duties is part of what is delivered on premises, with the tooling for each"},
		},
		Keywords: []string{
			"on-premises responsibility", "client makes backups", "backups on premises", "on premises security", "what must we do on premises",
			"shared responsibility", "customer responsibilities", "physical security of the server", "backup responsibility", "own data centre",
			"customer-managed hosting", "on-prem deployment", "responsibility matrix", "on premises", "on-premises responsibilities", "self-hosted",
			"who makes backups on premises",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnPremises: clientsTools},
	}
}
