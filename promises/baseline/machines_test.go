package baseline_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// onMachines tells whether a control is about machines, which the stacks of testdata have none of.
func onMachines(id string) bool {
	return strings.HasPrefix(id, "Berth.Host.") || strings.HasPrefix(id, "Berth.Cloud.")
}

const sandboxLines = "NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\nRestrictNamespaces=yes\nRestrictSUIDSGID=yes\n" +
	"LockPersonality=yes\nMemoryDenyWriteExecute=yes\nRestrictAddressFamilies=AF_UNIX\nCapabilityBoundingSet=\n"

// machine is a host's bundle that all controls hold of, with files changed; a nil takes one away.
func machine(edit map[string]map[string]any) []*graph.Resource {
	file := func(content, mode string) map[string]any {
		return map[string]any{"content": content, "mode": mode, "owner": ""}
	}
	files := map[string]any{
		"/etc/systemd/system/tick.timer":                 file("[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n", "0644"),
		"/etc/systemd/system/tick.service":               file("[Service]\nExecStart=/usr/local/sbin/tick --now\n", "0644"),
		"/usr/local/sbin/tick":                           file("#!/bin/bash\n", "0755"),
		"/etc/systemd/system/nginx.service.d/berth.conf": file("[Service]\n"+sandboxLines, "0644"),
		"/etc/postgresql/15/main/postgresql.conf":        map[string]any{"content": "port = 5432", "mode": "0640", "owner": "postgres:postgres"},
	}
	for path, f := range edit {
		if f == nil {
			delete(files, path)
		} else {
			files[path] = f
		}
	}
	units := map[string]any{}
	for _, unit := range []string{"tick.timer", "ssh.service", "systemd-journald.service", "systemd-sysctl.service", "unattended-upgrades.service", "nftables.service", "nginx.service"} {
		units[unit] = map[string]any{"state": "running"}
	}
	steps := map[string]any{}
	for _, step := range []string{"12-base", "15-accounts", "42-firewall", "45-ssh", "45-mail", "55-auditing"} {
		steps[step] = ":"
	}
	return []*graph.Resource{{Type: "machine:index:Bundle", Name: "jnb-host", URN: "urn:host", Inputs: map[string]any{"name": "host", "files": files, "units": units, "steps": steps}}}
}

func machineVerdict(t *testing.T, id string, s *spec.Spec, resources []*graph.Resource) promises.Verdict {
	t.Helper()
	a, err := promises.Assess(promises.Subject{Stack: "small", Spec: s, Graph: graph.New(resources), Now: time.Unix(0, 0)}, nil, baseline.All())
	if err != nil {
		t.Fatal(err)
	}
	r, _ := a.Result(id)
	return r.Verdict
}

func TestControlsOfMachines(t *testing.T) {
	pair := &spec.Spec{Kind: spec.KindSites, Sites: &spec.Sites{Environment: spec.Production}}
	for _, id := range []string{"Berth.Host.1", "Berth.Host.2", "Berth.Host.3"} {
		if got := machineVerdict(t, id, pair, machine(nil)); got != promises.Kept {
			t.Errorf("%s is %s", id, got)
		}
	}
	for name, tc := range map[string]struct {
		id   string
		edit map[string]map[string]any
	}{
		"anybody writes":    {"Berth.Host.1", map[string]map[string]any{"/usr/local/sbin/tick": {"content": "x", "mode": "0777"}}},
		"another's":         {"Berth.Host.1", map[string]map[string]any{"/usr/local/sbin/tick": {"content": "x", "mode": "0755", "owner": "www-data:www-data"}}},
		"no mode":           {"Berth.Host.1", map[string]map[string]any{"/usr/local/sbin/tick": {"content": "x"}}},
		"no program":        {"Berth.Host.2", map[string]map[string]any{"/usr/local/sbin/tick": nil}},
		"cannot be run":     {"Berth.Host.2", map[string]map[string]any{"/usr/local/sbin/tick": {"content": "x", "mode": "0644"}}},
		"no service":        {"Berth.Host.2", map[string]map[string]any{"/etc/systemd/system/tick.service": nil}},
		"never":             {"Berth.Host.2", map[string]map[string]any{"/etc/systemd/system/tick.timer": {"content": "[Timer]\nOnBootSec=1min\n", "mode": "0644"}}},
		"not started":       {"Berth.Host.2", map[string]map[string]any{"/etc/systemd/system/tock.timer": {"content": "[Timer]\nOnCalendar=daily\n", "mode": "0644"}}},
		"free":              {"Berth.Host.3", map[string]map[string]any{"/etc/systemd/system/nginx.service.d/berth.conf": {"content": "[Service]\nProtectSystem=strict\n", "mode": "0644"}}},
		"writes everywhere": {"Berth.Host.3", map[string]map[string]any{"/etc/systemd/system/nginx.service.d/berth.conf": {"content": "[Service]\n" + strings.Replace(sandboxLines, "strict", "full", 1), "mode": "0644"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := machineVerdict(t, tc.id, pair, machine(tc.edit)); got != promises.Broken {
				t.Errorf("%s is %s", tc.id, got)
			}
		})
	}
}

func TestControlsOfClouds(t *testing.T) {
	pair := &spec.Spec{Kind: spec.KindSites, Sites: &spec.Sites{Environment: spec.Production}}
	light := &spec.Spec{Kind: spec.KindLightClient, LightClient: &spec.LightClient{Environment: spec.Production, OfficeCIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")}}}
	server := func(edit map[string]any) []*graph.Resource {
		inputs := map[string]any{"deleteProtection": true, "rebuildProtection": true, "firewallIds": []any{7.0}, "publicNets": []any{map[string]any{"ipv6Enabled": false}}}
		maps.Copy(inputs, edit)
		return []*graph.Resource{{Type: "hcloud:index/server:Server", Name: "fsn-server", URN: "urn:server", Inputs: inputs}}
	}
	ports := func(port float64, from ...any) []*graph.Resource {
		return []*graph.Resource{{Type: "aws:lightsail/instancePublicPorts:InstancePublicPorts", Name: "ports", URN: "urn:ports",
			Inputs: map[string]any{"portInfos": []any{map[string]any{"protocol": "tcp", "fromPort": port, "toPort": port, "cidrs": from}}}}}
	}
	for name, tc := range map[string]struct {
		id        string
		s         *spec.Spec
		resources []*graph.Resource
		want      promises.Verdict
	}{
		"a server":           {"Berth.Cloud.1", pair, server(nil), promises.Kept},
		"may be deleted":     {"Berth.Cloud.1", pair, server(map[string]any{"deleteProtection": false}), promises.Broken},
		"no firewall":        {"Berth.Cloud.1", pair, server(map[string]any{"firewallIds": []any{}}), promises.Broken},
		"IPv6":               {"Berth.Cloud.1", pair, server(map[string]any{"publicNets": []any{map[string]any{"ipv6Enabled": true}}}), promises.Broken},
		"SSH from an office": {"Berth.Cloud.2", light, ports(22, "203.0.113.16/29"), promises.Kept},
		"SSH from elsewhere": {"Berth.Cloud.2", light, ports(22, "198.51.100.0/24"), promises.Broken},
		"open to all":        {"Berth.Cloud.2", light, ports(443, "0.0.0.0/0"), promises.Broken},
		"to nobody named":    {"Berth.Cloud.2", light, ports(443), promises.Broken},
		"a database's port":  {"Berth.Cloud.2", light, ports(5432, "203.0.113.16/29"), promises.Broken},
	} {
		t.Run(name, func(t *testing.T) {
			if got := machineVerdict(t, tc.id, tc.s, tc.resources); got != tc.want {
				t.Errorf("%s is %s", tc.id, got)
			}
		})
	}
}
