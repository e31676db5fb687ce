package host

import (
	"strings"

	"github.com/berth-iac/berth/machine/bundle"
)

// ssh lets in keys of named users, and nothing else (AC-2).
func (d Description) ssh() bundle.Bundle {
	var users []string
	for _, a := range d.Administrators {
		users = append(users, a.Name)
	}
	if len(d.DeployKeys) > 0 {
		users = append(users, "berth")
	}
	return bundle.Bundle{
		Packages: []string{"openssh-server"},
		Files: []bundle.File{{
			Path: "/etc/ssh/sshd_config.d/00-berth.conf", Mode: 0o600,
			Content: baseText("ssh/berth.conf", struct{ Users string }{strings.Join(users, " ")}),
		}},
		Units: []bundle.Unit{{Name: "ssh.service", State: bundle.Running, Reload: true, RestartOn: []string{"/etc/ssh/sshd_config.d/"}}},
		Steps: []bundle.Step{{Name: "45-ssh", Script: baseText("ssh/45-ssh", nil)}},
	}
}
