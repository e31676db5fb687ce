package baseline

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
)

const (
	bundleType     = "machine:index:Bundle"
	cloudServer    = "hcloud:index/server:Server"
	lightPortsType = "aws:lightsail/instancePublicPorts:InstancePublicPorts"
	unitFolder     = "/etc/systemd/system/"
	mendBundle     = "mend what writes it in components/host"
)

// filesOf are the files that a bundle places.
func filesOf(bundle *graph.Resource) host.Files {
	files := host.Files{}
	placed, _ := bundle.At("files").(map[string]any)
	for path, v := range placed {
		file, _ := v.(map[string]any)
		content, _ := file["content"].(string)
		mode, _ := file["mode"].(string)
		owner, _ := file["owner"].(string)
		files[path] = host.File{Content: content, Mode: mode, Owner: owner}
	}
	return files
}

func stateOf(bundle *graph.Resource, unit string) string {
	units, _ := bundle.At("units").(map[string]any)
	one, _ := units[unit].(map[string]any)
	state, _ := one["state"].(string)
	return state
}

// hostBundles are the bundles that make a machine what it is, without those of clients.
func hostBundles(s promises.Subject) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(s.Graph.OfType(bundleType)), func(b *graph.Resource) bool { return b.Text("name") != "host" })
}

// BerthHost1 is files that others than their owner may change: whoever may, may change what root does.
func (baseline) BerthHost1() promises.Control {
	return promises.Control{
		ID: "Berth.Host.1", Title: "Files on machines are root's or the database's, and nobody else may change them", Severity: "high",
		References: []string{"CIS Debian Linux 12 6.1", "Lynis FILE-7524"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bundle := range s.Graph.OfType(bundleType) {
				files := filesOf(bundle)
				var odd []string
				for _, path := range slices.Sorted(maps.Keys(files)) {
					f := files[path]
					if f.Writable() || !slices.Contains([]string{"", "root:root", "postgres:postgres", "root:postgres"}, f.Owner) {
						odd = append(odd, fmt.Sprintf("%s %s %s", path, f.Mode, cmp.Or(f.Owner, "root:root")))
					}
				}
				r.Note(bundle, len(odd) == 0, "files", cmp.Or(strings.Join(odd, ", "), fmt.Sprintf("%d files", len(files))), "modes that let only the owner change a file, and root or postgres as the owner", mendBundle)
			}
		},
	}
}

// BerthHost2 is units that start what is there: what nobody starts, or cannot be started, does nothing and says nothing.
func (baseline) BerthHost2() promises.Control {
	return promises.Control{
		ID: "Berth.Host.2", Title: "Units of machines are started, and start programs that are there", Severity: "medium",
		References: []string{"systemd.unit(5)"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bundle := range hostBundles(s) {
				files := filesOf(bundle)
				for _, path := range slices.Sorted(maps.Keys(files)) {
					if unit, is := strings.CutPrefix(path, unitFolder); is && !strings.Contains(unit, "/") {
						startedUnit(r, bundle, files, unit)
					}
				}
				for _, unit := range []string{"ssh.service", "systemd-journald.service", "systemd-sysctl.service", "unattended-upgrades.service", "nftables.service", "nginx.service"} {
					state := stateOf(bundle, unit)
					r.Note(bundle, state == "running", "units["+unit+"]", cmp.Or(state, "absent"), "running", mendBundle)
				}
				for _, step := range []string{"12-base", "15-accounts", "42-firewall", "45-ssh", "45-mail", "55-auditing"} {
					stepThere(r, bundle, step)
				}
			}
			for _, bundle := range s.Graph.OfType(bundleType) {
				client, is := strings.CutPrefix(bundle.Text("name"), "client-")
				if !is {
					continue
				}
				for _, step := range []string{"40-taskflow", "45-website", "70-taskflow", "75-website"} {
					stepThere(r, bundle, step)
				}
				files := filesOf(bundle)
				checks := files.Matching("/usr/local/lib/berth/client-" + client + "/checks/*")
				r.Note(bundle, slices.Contains(checks, "/usr/local/lib/berth/client-"+client+"/checks/service-"+client), "files", strings.Join(checks, ", "), "a check that the client's service answers", mendBundle)
				state := stateOf(bundle, "taskflow-backup@"+client+".timer")
				r.Note(bundle, state == "running", "units[taskflow-backup@"+client+".timer]", cmp.Or(state, "absent"), "running: the service's own encrypted backup", mendBundle)
				if strings.TrimSpace(files["/etc/taskflow/"+client+"/standing"].Content) == "standby" {
					continue // started by whoever promotes it
				}
				steps, _ := bundle.At("steps").(map[string]any)
				script, _ := steps["70-taskflow"].(string)
				lasts := strings.Contains(script, `systemctl enable "$unit.socket" "$unit.service"`)
				r.Note(bundle, lasts, "steps[70-taskflow]", map[bool]string{true: "enables the service", false: "does not enable the service"}[lasts], "enabled where it serves: it comes back after a boot", mendBundle)
			}
		},
	}
}

func stepThere(r *promises.Report, bundle *graph.Resource, name string) {
	steps, _ := bundle.At("steps").(map[string]any)
	script, _ := steps[name].(string)
	found := "absent"
	if script != "" {
		found = "there"
	}
	r.Note(bundle, script != "", "steps["+name+"]", found, "there", mendBundle)
}

// startedUnit reports whether a unit that asks to be started is, and whether what it starts is placed beside it.
func startedUnit(r *promises.Report, bundle *graph.Resource, files host.Files, unit string) {
	sections := host.ReadUnit(files, unit)
	template := strings.Contains(unit, "@.")
	timer, isTimer := strings.CutSuffix(unit, ".timer")
	if !template && (sections.Has("Install", "WantedBy") || isTimer) {
		state := stateOf(bundle, unit)
		r.Note(bundle, state == "running" || state == "enabled", "units["+unit+"]", cmp.Or(state, "absent"), "running: its file asks to be started", mendBundle)
	}
	if isTimer {
		_, there := files[unitFolder+timer+".service"]
		r.Note(bundle, there, "files["+unitFolder+unit+"]", cmp.Or(map[bool]string{true: "its service"}[there], "no service"), timer+".service beside it", mendBundle)
		r.Note(bundle, host.Timer(sections).Every > 0, "files["+unitFolder+unit+"]", cmp.Or(strings.Join(sections.Values("Timer", "OnCalendar"), ", "), sections.Value("Timer", "OnUnitInactiveSec"), "never"), "a time that comes again", mendBundle)
	}
	if !strings.HasSuffix(unit, ".service") {
		return
	}
	starts := sections.Values("Service", "ExecStart")
	r.Note(bundle, len(starts) > 0, "files["+unitFolder+unit+"] ExecStart", cmp.Or(strings.Join(starts, "; "), "absent"), "a program", mendBundle)
	for _, key := range []string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop"} {
		for _, command := range sections.Values("Service", key) {
			program, _, _ := strings.Cut(strings.TrimLeft(command, "+-!@:"), " ")
			if !strings.HasPrefix(program, "/usr/local/") {
				continue
			}
			f, there := files[program]
			r.Note(bundle, there && strings.HasSuffix(f.Mode, "755"), "files["+unitFolder+unit+"] "+key, program, "a program that the bundle places, and that can be run", mendBundle)
		}
	}
}

// sandboxed are the services of machines that listen or read what comes from outside, and what each may do.
var sandboxed = []string{"nginx.service", "berth-mail.service", "berth-attachments.service", "pgbackrest.service", "taskflow-attachments@.service"}

// sandbox is what every one of them gives up.
var sandbox = []string{"NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictNamespaces", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute", "RestrictAddressFamilies"}

// BerthHost3 is services that could do more than they need.
func (baseline) BerthHost3() promises.Control {
	return promises.Control{
		ID: "Berth.Host.3", Title: "Services of machines give up what they do not need", Severity: "medium",
		References: []string{"systemd-analyze(1) security", "Lynis BOOT-5264"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bundle := range hostBundles(s) {
				files := filesOf(bundle)
				for _, unit := range sandboxed {
					sections := host.ReadUnit(files, unit)
					if sections == nil {
						continue // not on this machine
					}
					var missing []string
					for _, key := range sandbox {
						value := sections.Value("Service", key)
						if value == "" || value == "no" || value == "false" {
							missing = append(missing, key)
						}
					}
					system := sections.Value("Service", "ProtectSystem")
					r.Note(bundle, len(missing) == 0 && system == "strict", "files["+unitFolder+unit+"]", cmp.Or(strings.Join(missing, ", "), "ProtectSystem="+system), "all of "+strings.Join(sandbox, ", ")+", and ProtectSystem=strict", mendBundle)
					r.Note(bundle, sections.Has("Service", "CapabilityBoundingSet"), "files["+unitFolder+unit+"] CapabilityBoundingSet", cmp.Or(sections.Value("Service", "CapabilityBoundingSet"), "empty or absent"), "the few that it needs, or none", mendBundle)
				}
			}
		},
	}
}

// BerthCloud1 is servers at a cloud that anybody may delete or that stand without a firewall.
func (baseline) BerthCloud1() promises.Control {
	return promises.Control{
		ID: "Berth.Cloud.1", Title: "Servers and addresses at Hetzner Cloud are protected against deletion, and have no open address of IPv6", Severity: "high",
		References: []string{"Hetzner Cloud docs, resource protection"},
		Check: func(s promises.Subject, r *promises.Report) {
			const fix = "mend components/site"
			guarded := s.Production() && !s.Leaving()
			for _, one := range s.Graph.OfType(cloudServer, "hcloud:index/primaryIp:PrimaryIp", "hcloud:index/volume:Volume", "hcloud:index/network:Network") {
				r.Want(one, !guarded || one.Bool("deleteProtection"), "deleteProtection", "true in production", fix)
			}
			for _, server := range s.Graph.OfType(cloudServer) {
				r.Want(server, !guarded || server.Bool("rebuildProtection"), "rebuildProtection", "true in production", fix)
				r.Want(server, len(server.List("firewallIds")) > 0, "firewallIds", "a firewall in front of the machine's own", fix)
				six := server.Items("publicNets")
				r.Note(server, len(six) == 1 && !six[0].Bool("ipv6Enabled"), "publicNets", fmt.Sprintf("%d networks", len(six)), "IPv4 alone: the firewalls' rules are of IPv4", fix)
			}
		},
	}
}

// BerthCloud2 is Lightsail's firewall.
func (baseline) BerthCloud2() promises.Control {
	return promises.Control{
		ID: "Berth.Cloud.2", Title: "Lightsail servers are open on 22 and 443 alone, and to nobody in general", Severity: "high",
		References: []string{"AWS Lightsail docs, instance firewalls"},
		Check: func(s promises.Subject, r *promises.Report) {
			const fix = "mend components/light"
			for _, ports := range s.Graph.OfType(lightPortsType) {
				for _, rule := range ports.Items("portInfos") {
					first, _ := rule.Number("fromPort")
					last, _ := rule.Number("toPort")
					r.Want(ports, first == last && (first == 22 || first == 443) && rule.Text("protocol") == "tcp", rule.Path+".fromPort", "tcp on 22 or 443", fix)
					from := slices.Concat(rule.Texts("cidrs"), rule.Texts("ipv6Cidrs"))
					open := len(from) == 0 || len(rule.Texts("cidrListAliases")) > 0 || slices.ContainsFunc(from, func(c string) bool { return strings.HasSuffix(c, "/0") })
					if c := s.Spec.LightClient; c != nil && first == 22 {
						for _, one := range from {
							open = open || !slices.ContainsFunc(c.OfficeCIDRs, func(p netip.Prefix) bool { return p.String() == one })
						}
					}
					r.Want(ports, !open, rule.Path+".cidrs", "named addresses: the office's for 22", fix)
				}
			}
		},
	}
}
