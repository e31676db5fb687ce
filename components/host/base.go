package host

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"github.com/berth-iac/berth/machine/bundle"
)

//go:embed files/base files/disks files/accounts files/ssh files/firewall files/kernel files/auditing files/updates files/clock files/logs files/integrity files/tunnel
var baseFiles embed.FS

// baseText fills a file in; with nil data it is taken as it is. What it names and data has not is a mistake in this package.
func baseText(name string, data any) string {
	raw, err := fs.ReadFile(baseFiles, "files/"+name)
	if err != nil {
		panic(err)
	}
	if data == nil {
		return string(raw)
	}
	functions := template.FuncMap{"quote": shellQuote, "join": func(words []string) string { return strings.Join(words, ", ") }}
	t := template.Must(template.New(name).Option("missingkey=error").Funcs(functions).Parse(string(raw)))
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		panic(err)
	}
	return out.String()
}

// fullName of the machine, as it knows itself.
func (d Description) fullName() string {
	if d.Domain == "" {
		return d.Name
	}
	return d.Name + "." + d.Domain
}

// unneeded are services that images and packages bring along, and that a server has no use for.
var unneeded = []string{
	"ModemManager.service", "avahi-daemon.service", "avahi-daemon.socket", "bluetooth.service", "ctrl-alt-del.target", "cups.service",
	"cups.socket", "debug-shell.service", "rpcbind.service", "rpcbind.socket",
}

// base is what every machine has, whatever it is for: its name, no services beside those that are asked for, and rules for passwords.
func (d Description) base() bundle.Bundle {
	hosts := fmt.Sprintf("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n", strings.TrimSpace(d.fullName()+" "+d.Name))
	if d.Domain == "" {
		hosts = strings.Replace(hosts, d.Name+" "+d.Name, d.Name, 1)
	}
	if d.Sister != nil {
		hosts += fmt.Sprintf("%s %s-sister %s-tunnel\n", d.Sister.Address, d.Sister.Name, d.Sister.Name)
	}
	b := bundle.Bundle{
		Packages: []string{"apparmor", "apparmor-utils", "apt-listchanges", "ca-certificates", "debsums", "libpam-pwquality", "logrotate", "needrestart", "tzdata"},
		Files: []bundle.File{
			plain("/etc/hostname", d.Name+"\n"),
			plain("/etc/hosts", hosts),
			plain("/etc/timezone", d.TimeZone+"\n"),
			// Where cloud-init made the machine, it leaves the name alone from now on.
			plain("/etc/cloud/cloud.cfg.d/99-berth.cfg", "# Written by Berth.\npreserve_hostname: true\nmanage_etc_hosts: false\n"),
			plain("/etc/login.defs", baseText("base/login.defs", nil)),
			plain("/etc/security/pwquality.conf", baseText("base/pwquality.conf", nil)),
			plain("/etc/security/limits.d/90-berth.conf", "# Written by Berth: no core dumps, in which secrets would lie.\n* hard core 0\nroot hard core 0\n"),
			plain("/etc/systemd/system.conf.d/90-berth.conf", "# Written by Berth.\n[Manager]\nDefaultLimitCORE=0\nDumpCore=no\n"),
			plain("/etc/systemd/coredump.conf.d/90-berth.conf", "# Written by Berth.\n[Coredump]\nStorage=none\nProcessSizeMax=0\n"),
			plain("/etc/profile.d/90-berth.sh", "# Written by Berth.\numask 027\nTMOUT=3600\nreadonly TMOUT\nexport TMOUT\n"),
			plain("/etc/issue", baseText("base/issue", nil)),
			plain("/etc/issue.net", baseText("base/issue", nil)),
			plain("/etc/motd", baseText("base/motd", nil)),
			// Jobs are units; whoever could leave one behind would stay in after he has left.
			plain("/etc/cron.allow", "root\n"),
			plain("/etc/at.allow", "root\n"),
			plain("/etc/needrestart/conf.d/90-berth.conf", "# Written by Berth: services that use a mended library are restarted without being asked.\n$nrconf{restart} = 'a';\n$nrconf{kernelhints} = 0;\n"),
		},
		Units: []bundle.Unit{{Name: "apparmor.service", State: bundle.Running}},
		Steps: []bundle.Step{{Name: "12-base", Script: baseText("base/12-base", d)}},
	}
	for _, name := range unneeded {
		b.Units = append(b.Units, bundle.Unit{Name: name, State: bundle.Masked})
	}
	return b
}
