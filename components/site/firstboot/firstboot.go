// Package firstboot is what a new server is told before anything else: who may
// reach it to apply the rest, and that nobody signs in with a password, not even
// in its first minute. Everything else comes with its bundle.
//
// It knows neither a cloud nor what the server is for.
package firstboot

import (
	"encoding/json"
	"strings"
)

// user is who applies bundles.
const user = "berth"

// strictFile is read before the distribution's own settings: the first value that sshd meets counts.
const strictFile = "/etc/ssh/sshd_config.d/00-berth-first-boot.conf"

const strict = `PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
`

// CloudConfig is the user data of a server whose image reads cloud-init's own form.
func CloudConfig(deployKeys []string) string {
	var b strings.Builder
	b.WriteString(`#cloud-config
# Only what it takes to be reached by key. The bundle "host" does the rest.
users:
  - name: ` + user + `
    gecos: Applies bundles
    groups: [sudo]
    shell: /bin/bash
    lock_passwd: true
    sudo: "ALL=(ALL) NOPASSWD:ALL"
    ssh_authorized_keys:
`)
	for _, key := range deployKeys {
		b.WriteString("      - " + quoted(key) + "\n")
	}
	b.WriteString(`disable_root: true
ssh_pwauth: false
write_files:
  - path: ` + strictFile + `
    permissions: "0644"
    content: |
`)
	for line := range strings.Lines(strict) {
		b.WriteString("      " + line)
	}
	b.WriteString(`runcmd:
  - [systemctl, reload-or-restart, ssh]
`)
	return b.String()
}

// quoted is a text as YAML reads it whatever is in it: a JSON string is one of YAML's.
func quoted(text string) string {
	out, _ := json.Marshal(text) // a string cannot fail
	return string(out)
}

// Script is the same for a server that runs its user data as a shell script, as Lightsail's do.
func Script(deployKeys []string) string {
	var b strings.Builder
	b.WriteString(`#!/bin/bash
# Only what it takes to be reached by key. The bundle "host" does the rest.
set -Eeuo pipefail
cat >` + strictFile + ` <<'END'
` + strict + `END
systemctl reload-or-restart ssh
id ` + user + ` >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --comment 'Applies bundles' --groups sudo ` + user + `
passwd --lock ` + user + ` >/dev/null
install -d -m 0700 -o ` + user + ` -g ` + user + ` /home/` + user + `/.ssh
cat >/home/` + user + `/.ssh/authorized_keys <<'END'
`)
	for _, key := range deployKeys {
		b.WriteString(key + "\n")
	}
	b.WriteString(`END
chown ` + user + `:` + user + ` /home/` + user + `/.ssh/authorized_keys
chmod 0600 /home/` + user + `/.ssh/authorized_keys
echo '` + user + ` ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-` + user + `
chmod 0440 /etc/sudoers.d/90-` + user + `
`)
	return b.String()
}
