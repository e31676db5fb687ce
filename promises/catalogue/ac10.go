package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC10 is what a host lets in.
func (catalogue) AC10() promises.Promise {
	return promises.Promise{
		ID:       "AC-10",
		Title:    "Hardened hosts behind a firewall",
		Sentence: "Your hosts run a hardened Linux with a firewall that lets in only the ports that the service needs.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours, promises.OnPremises: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "open to people", Value: "443"}, {Name: "everything else", Value: "closed, but for what the sites say to each other"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the bundle that makes a host is read: its firewall's rules, its services and its hardening are compared with what is expected"},
			{Level: promises.Live, How: "the ports are scanned from outside, and a hardening audit runs on the host and is compared with what is expected"},
		},
		Keywords: []string{
			"host firewall", "operating system hardened", "open ports", "hardened linux", "hardening standard", "ports open", "firewall ports",
			"server hardening", "unnecessary services disabled", "firewall on servers", "os hardening", "port scan", "minimal installation",
			"operating system security", "patching of servers", "unattended upgrades", "cis benchmark linux", "nftables",
			"security baseline for servers",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: hardened, promises.OnPremises: hardened},
	}
}
