package host

import (
	"strings"

	"github.com/berth-iac/berth/machine/bundle"
)

// keyFolder holds the keys that sshd takes, a file for each user. It is root's: nobody lets others in by himself.
const keyFolder = "/etc/ssh/authorized_keys.d/"

type account struct {
	Name, Email string
	Expiry      int64 // the first day without access, in days since 1970
}

// accounts are the people who may sign in, and berth, who applies bundles (AC-2, AC-5, AC-6).
func (d Description) accounts() bundle.Bundle {
	data := struct {
		Administrators []account
		Deploy         bool
	}{Deploy: len(d.DeployKeys) > 0}
	b := bundle.Bundle{
		Packages: []string{"libpam-systemd", "passwd", "procps", "sudo"},
		Files:    []bundle.File{plain("/etc/logrotate.d/berth-sudo", baseText("accounts/logrotate", nil))},
	}
	for _, a := range d.Administrators {
		data.Administrators = append(data.Administrators, account{a.Name, a.Email, a.Until.Unix()/86400 + 1})
		b.Files = append(b.Files, plain(keyFolder+a.Name, strings.Join(a.Keys, "\n")+"\n"))
	}
	if data.Deploy {
		b.Files = append(b.Files, plain(keyFolder+"berth", strings.Join(d.DeployKeys, "\n")+"\n"))
	}
	b.Files = append(b.Files,
		bundle.File{Path: "/etc/sudoers.d/90-berth", Content: baseText("accounts/sudoers", data), Mode: 0o440},
		plain("/etc/tmpfiles.d/berth-sudo.conf", "# Written by Berth.\nd /var/log/sudo-io 0700 root root 180d\n"))
	b.Steps = []bundle.Step{{Name: "15-accounts", Script: baseText("accounts/15-accounts", data)}}
	return b
}
