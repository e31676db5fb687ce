package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC2 is the way to machines of the sites: by key, from the office, for a few.
func (catalogue) AC2() promises.Promise {
	return promises.Promise{
		ID:       "AC-2",
		Title:    "SSH by key, from the office, for a few",
		Sentence: "Your machines at our sites take SSH by key pair only, only from our office's fixed address, and only from a named few of our staff.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			from := "the office's fixed addresses"
			if offices := offices(organisationSpec(s)); len(offices) > 0 {
				from = listed(offices)
			}
			return []promises.Parameter{{Name: "SSH from", Value: from, Key: "officeCidrs"}, {Name: "sign-in by", Value: "key pair only"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the firewall's rules and the SSH server's settings in the graph are compared with the office's addresses and the keys in the spec"},
			{Level: promises.Live, How: "sign-ins with a password, with an unknown key and from another address are tried, and must be refused"},
		},
		Keywords: []string{
			"ssh key pair", "ssh address", "ssh password login", "servers administered address", "ssh limited", "administer servers network",
			"ssh key", "ssh from office", "who may ssh", "administrative access from address", "remote administration servers", "ssh named few",
			"open ssh", "ssh password or key", "password authentication disabled", "ip allow list for administration", "source address restriction",
			"administrative access to servers", "authorized keys", "vpn for administrators", "remote administration", "ssh hardening",
			"who can log in to servers", "ssh from office only",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: sshByKey},
	}
}
