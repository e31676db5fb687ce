package host

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/machine/bundle"
)

// through are the ports that the sister site reaches through the tunnel.
var through = []struct {
	port int
	what string
}{{873, "attachments"}, {5432, "replication"}, {5433, "replication back"}, {8432, "backups"}, {19532, "logs"}}

// firewall lets in what is named, from where it is named (AC-10, AV-12, DP-2).
func (d Description) firewall() bundle.Bundle {
	type sister struct {
		Address, Own netip.Addr
		Port         int
		Ports, What  string
	}
	data := struct {
		Web4, Web6, SSH4, SSH6 []string
		Sister                 *sister
	}{}
	data.Web4, data.Web6 = families(d.WebFrom)
	data.SSH4, data.SSH6 = families(d.SSHFrom)
	if d.Sister != nil {
		var ports, what []string
		for _, p := range through {
			ports, what = append(ports, strconv.Itoa(p.port)), append(what, p.what)
		}
		if d.Watch.Exporters {
			ports, what = append(ports, "9100", "9187"), append(what, "exporters")
		}
		data.Sister = &sister{d.Sister.Address, d.Sister.Own, d.Sister.Port, strings.Join(ports, ", "), strings.Join(what, ", ")}
	}
	b := bundle.Bundle{
		Packages: []string{"nftables"},
		Files: []bundle.File{
			{Path: "/etc/nftables.conf", Content: baseText("firewall/nftables.conf", data), Mode: 0o755},
			program(hostLib+"firewall", baseText("firewall/firewall", nil)),
			program(hostLib+"checks/firewall", baseText("firewall/check", nil)),
			plain(unitFolder+"nftables.service.d/berth.conf", baseText("firewall/nftables-drop-in.conf", nil)),
			// Not Requires: where no rules load at all, keys of named users are still the way in to mend it.
			plain(unitFolder+"ssh.service.d/berth.conf", "# Written by Berth.\n[Unit]\nAfter=nftables.service\n"),
		},
		Units: []bundle.Unit{{
			Name: "nftables.service", State: bundle.Running, Reload: true, RestartOn: []string{"/etc/berth/nftables.d/", "/etc/nftables.conf"},
		}},
		Steps: []bundle.Step{{Name: "42-firewall", Script: baseText("firewall/42-firewall", data)}},
	}
	if d.Sister != nil {
		b.Settings = []string{"sister-endpoint"}
	}
	return b
}

// families sorts ranges into those of IPv4 and those of IPv6.
func families(all []netip.Prefix) (v4, v6 []string) {
	for _, p := range all {
		if p.Addr().Is4() {
			v4 = append(v4, p.Masked().String())
		} else {
			v6 = append(v6, p.Masked().String())
		}
	}
	return v4, v6
}
