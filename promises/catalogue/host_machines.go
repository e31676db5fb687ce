package catalogue

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
	"github.com/berth-iac/berth/spec"
)

// Who gets onto machines, and what is let in.

const sshConf = "/etc/ssh/sshd_config.d/"

// machineAccess is who may reach a machine, by a spec.
type machineAccess struct {
	ssh, web       []netip.Prefix
	administrators []spec.Administrator
	deploy         []string
	now            time.Time
}

func machineAccessOf(s promises.Subject, m *machine) machineAccess {
	a := machineAccess{now: s.Now}
	prefixes := func(texts []string) (all []netip.Prefix) {
		for _, text := range texts {
			if p, err := netip.ParsePrefix(text); err == nil {
				all = append(all, p)
			}
		}
		return all
	}
	switch {
	case s.Spec.Sites != nil:
		p := s.Spec.Sites
		a.ssh, a.administrators, a.deploy = slices.Clone(p.OfficeCIDRs), p.Administrators, p.DeployKeys
		if m.site != nil && m.site.Machine != nil && m.site.Machine.Bastion != nil {
			if bastion, err := netip.ParseAddr(m.site.Machine.Bastion.Address); err == nil {
				a.ssh = append(a.ssh, netip.PrefixFrom(bastion, bastion.BitLen()))
			}
		}
		a.web = prefixes(webRanges(s, m))
	case s.Spec.LightClient != nil:
		c := s.Spec.LightClient
		a.ssh, a.administrators, a.deploy, a.web = c.OfficeCIDRs, c.Administrators, c.DeployKeys, prefixes(edgeRanges["IPv4"])
	case s.Spec.OnPremises != nil:
		c := s.Spec.OnPremises
		a.ssh, a.administrators, a.deploy, a.web = c.AdministratorCIDRs, c.Administrators, c.DeployKeys, c.PeopleCIDRs
	}
	return a
}

// rulesetPath is the file that the machine's firewall is loaded from.
func (m *machine) rulesetPath() string { return nftConf }

// sshByKey is AC-2 on sites.
func sshByKey(s promises.Subject, r *promises.Report) {
	if s.Spec.Sites == nil {
		return
	}
	for _, firewall := range s.Graph.OfType(typeCloudFirewall) {
		cloudSSH(r, firewall, "rules", "sourceIps", s.Spec.Sites.OfficeCIDRs)
	}
	eachHost(s, r, func(m machineCheck) {
		a := machineAccessOf(s, m.machine)
		m.signsInByKey(a)
		m.sshFrom(a.ssh)
		if m.site != nil && m.site.Machine != nil {
			r.Want(m.host, m.host.Text("connection.hostKey") == m.site.Machine.HostKey, "connection.hostKey", "the host key of the pair's file: another machine in its place is refused", "mend stacks/sites")
		}
	})
}

// cloudSSH reports whether a cloud's firewall opens SSH to the office alone.
func cloudSSH(r *promises.Report, firewall *graph.Resource, rules, sources string, from []netip.Prefix) {
	for _, rule := range firewall.Items(rules) {
		first, last := portsOf(rule)
		if rule.Text("direction") == "out" || first > 22 || last < 22 {
			continue
		}
		r.Want(firewall, first == 22 && last == 22 && sameRanges(rule.Texts(sources), from) && len(rule.Texts("ipv6Cidrs")) == 0 && len(rule.Texts("cidrListAliases")) == 0, rule.Path+"."+sources, "the office's addresses alone, "+ranges(from), "set officeCidrs in the stack's file")
	}
}

func sameRanges(texts []string, from []netip.Prefix) bool {
	want := make([]string, len(from))
	for i, p := range from {
		want[i] = p.String()
	}
	return slices.Equal(slices.Sorted(slices.Values(texts)), slices.Sorted(slices.Values(want)))
}

// sshdPath is the file that the server reads first.
func (m *machine) sshdPath() string {
	if all := m.files.Matching(sshConf + "*.conf"); len(all) > 0 {
		return all[0]
	}
	return "/etc/ssh/sshd_config"
}

// sshdSettings are what an SSH server has to be told. What is not told has a value that may be another in the next release.
var sshdSettings = []struct{ option, value, what string }{
	{"AuthenticationMethods", "publickey", "a key pair, and nothing else"},
	{"PubkeyAuthentication", "yes", "a key pair, and nothing else"},
	{"PasswordAuthentication", "no", "no passwords"},
	{"KbdInteractiveAuthentication", "no", "no passwords by another name"},
	{"GSSAPIAuthentication", "no", "no tickets"},
	{"HostbasedAuthentication", "no", "no machine speaks for a person"},
	{"PermitEmptyPasswords", "no", "no passwords"},
	{"PermitRootLogin", "no", "nobody signs in as root"},
	{"PermitUserEnvironment", "no", "a person's file changes nothing of the sign-in"},
	{"AuthorizedKeysFile", "/etc/ssh/authorized_keys.d/%u", "keys that the bundle names; nobody adds one of their own"},
	{"StrictModes", "yes", "files that others may change do not count"},
	{"IgnoreRhosts", "yes", "no machine speaks for a person"},
	{"UsePAM", "yes", "an account that has ended is refused"},
}

// signsInByKey reports whether named people alone sign in, by the keys of the stack's file.
func (m machineCheck) signsInByKey(a machineAccess) {
	path := m.sshdPath()
	conf := host.ReadSSHD(m.files)
	for _, want := range sshdSettings {
		value := conf.Value(want.option)
		m.wantKey(path, want.option, value, conf.Always(want.option, want.value), want.value+": "+want.what)
	}
	for _, option := range []string{"AuthorizedKeysCommand", "TrustedUserCAKeys", "AuthorizedPrincipalsFile"} {
		value := conf.Value(option)
		m.wantKey(path, option, value, value == "" || value == "none", "absent: keys come from the bundle alone")
	}
	var users []string
	for _, one := range a.administrators {
		users = append(users, one.Name)
	}
	if len(a.deploy) > 0 {
		users = append(users, "berth")
	}
	allowed := conf.Values("AllowUsers")
	m.wantKey(path, "AllowUsers", strings.Join(allowed, " "), len(users) > 0 && slices.Equal(slices.Sorted(slices.Values(allowed)), slices.Sorted(slices.Values(users))), "the "+howMany(len(users), "account")+" of the stack's file, and nobody else")
	for _, one := range conf.Matches {
		m.wantKey(path, "Match", one.Condition, one.Value("AllowUsers") == "" && one.Value("AuthorizedKeysFile") == "", "no block that lets others in")
	}
	for _, one := range a.administrators {
		m.keysOf(one.Name, one.Keys)
	}
	if len(a.deploy) > 0 {
		m.keysOf("berth", a.deploy)
	}
	known := func(path string) bool {
		return slices.ContainsFunc(users, func(user string) bool { return path == "/etc/ssh/authorized_keys.d/"+user })
	}
	for _, path := range m.files.Matching("/etc/ssh/authorized_keys.d/*") {
		if !known(path) {
			m.wantKey(path, "keys", "of nobody in the stack's file", false, "no keys of others")
		}
	}
	m.accounts(a)
}

// keysOf reports whether an account takes the keys of the stack's file, and no others.
func (m machineCheck) keysOf(user string, want []string) {
	path := "/etc/ssh/authorized_keys.d/" + user
	first := func(lines []string) (keys []string) {
		for _, line := range lines {
			words := strings.Fields(line)
			keys = append(keys, strings.Join(words[:min(2, len(words))], " "))
		}
		return keys
	}
	got := first(host.Lines(m.files[path].Content))
	holds := slices.Equal(got, first(want)) && !m.files[path].Writable()
	m.Note(m.by(path), holds, fileAt(path), howMany(len(got), "key")+", mode "+m.files[path].Mode, "the "+howMany(len(want), "key")+" of the stack's file, which the account itself cannot change", fixBundle)
}

// accounts reports whether each person's account ends on the day that the stack's file says.
func (m machineCheck) accounts(a machineAccess) {
	const name = "15-accounts"
	people := map[string]string{}
	for _, words := range host.Commands(step(m.host, name)) {
		if words[0] == "person" && len(words) >= 4 {
			people[words[1]] = words[len(words)-1]
		}
	}
	for _, one := range a.administrators {
		end := strconv.FormatInt(one.Until.AddDate(0, 0, 1).Unix()/86400, 10) // the first day without access
		m.Note(m.host, people[one.Name] == end, "steps["+name+"] "+one.Name, or(people[one.Name], "absent"), end+", the day after "+one.Until.String()+", in days since 1970", "set until of the administrator in the stack's file")
		m.Note(m.host, one.Until.Before(a.now.AddDate(0, 0, 367)), "steps["+name+"] "+one.Name, one.Until.String(), "within a year", "set until of the administrator in the stack's file")
		delete(people, one.Name)
	}
	delete(people, "berth")
	m.Note(m.host, len(people) == 0, "steps["+name+"]", howMany(len(people), "other account"), "nobody but those of the stack's file", fixBundle)
}

// sshFrom reports whether the machine's firewall opens SSH to the given addresses alone.
func (m machineCheck) sshFrom(from []netip.Prefix) {
	path := m.rulesetPath()
	var open []string
	anybody := false
	for _, o := range host.ReadFirewall(m.files, path).Open("input") {
		if o.Follows() || loopback(o) || !reaches(o, "tcp", 22) {
			continue
		}
		anybody = anybody || o.Anybody() || o.Filled
		for _, p := range o.Sources {
			open = append(open, p.String())
		}
	}
	found := "open to " + or(strings.Join(open, ", "), "nobody")
	if anybody {
		found = "open to everybody"
	}
	m.Note(m.by(path), !anybody && sameRanges(open, from), fileAt(path, "tcp 22"), found, "open to "+ranges(from)+", as the stack's file says, and to nobody else", fixRuleset)
	m.wantRunning("nftables.service", "the firewall is up before the network")
}

// hardened is AC-10: what is let in, and how little can be done with it.
func hardened(s promises.Subject, r *promises.Report) {
	if s.Spec.SiteClient != nil {
		eachClient(s, r, 2, func(m machineCheck, b *graph.Resource, _ string) { m.opensNothing(b) })
		return
	}
	for _, server := range s.Graph.OfType(typeCloudServer) {
		covered := server.Refs("firewallIds", typeCloudFirewall)
		r.Want(server, len(covered) > 0 && len(covered) == len(server.List("firewallIds")), "firewallIds", "firewalls of this stack in front of the machine's own", "mend components/site")
	}
	eachHost(s, r, func(m machineCheck) {
		a := machineAccessOf(s, m.machine)
		if s.Spec.Sites == nil {
			m.signsInByKey(a)
			m.sshFrom(a.ssh)
		}
		m.lets(a)
		m.restrained()
		m.updated()
		m.counted()
	})
}

// opensNothing reports whether a client's bundle leaves the firewall and the way in alone.
func (m machineCheck) opensNothing(b *graph.Resource) {
	var odd []string
	for path := range m.files {
		for _, prefix := range []string{"/etc/nftables", "/etc/berth/nftables.d", "/etc/ssh", "/etc/sudoers", "/etc/sysctl", "/etc/audit", "/etc/pam.d", "/etc/apt", "/root", "/etc/cron", "/etc/security"} {
			if strings.HasPrefix(path, prefix) {
				odd = append(odd, path)
			}
		}
	}
	slices.Sort(odd)
	m.Note(b, len(odd) == 0, "files", or(strings.Join(odd, ", "), "the client's own files"), "nothing of the machine's firewall, sign-in or hardening", fixBundle)
}

// lets reports whether each opening of the firewall is one that the service needs.
func (m machineCheck) lets(a machineAccess) {
	path := m.rulesetPath()
	f := host.ReadFirewall(m.files, path)
	t := m.tunnel()
	within := func(o host.Opening, from []netip.Prefix) bool {
		if o.Set != "" {
			return !o.Filled
		}
		return len(o.Sources) > 0 && !slices.ContainsFunc(o.Sources, func(p netip.Prefix) bool { return !slices.Contains(from, p) })
	}
	for _, o := range f.Open("input") {
		var as string
		switch {
		case o.Follows(), loopback(o):
			continue
		case len(o.Protocols) > 0 && !slices.ContainsFunc(o.Protocols, func(p string) bool { return p != "icmp" && p != "icmpv6" }):
			as = "what the network itself needs"
		case slices.Equal(o.Protocols, []string{"udp"}) && o.One(546) && len(o.Sources) == 1 && o.Sources[0].Addr().IsLinkLocalUnicast():
			as = "what the network itself needs"
		case slices.Equal(o.Protocols, []string{"tcp"}) && o.One(443) && within(o, a.web):
			as = "people's requests"
		case slices.Equal(o.Protocols, []string{"tcp"}) && o.One(22) && within(o, a.ssh):
			as = "administrators"
		case t.sister != "" && slices.Equal(o.Protocols, []string{"udp"}) && o.One(t.port) && o.Set == "sister" && !o.Filled:
			as = "the tunnel"
		case t.sister != "" && slices.Equal(o.Interfaces, []string{tunnelInterface}) && len(o.Sources) == 1 && o.Sources[0].String() == t.sister+"/32" && fromSister(o):
			as = "the other site"
		case doorForTools(o):
			as = "BI tools, while a door is open"
		}
		m.Note(m.by(path), as != "", fileAt(path, o.Rule), o.Rule, "an opening that is needed: "+or(as, "443, SSH, and what the sites say to each other"), fixRuleset)
	}
	dropped := len(f.Open("forward")) == 0
	m.Note(m.by(path), dropped, fileAt(path, "forward"), fmt.Sprintf("%d openings", len(f.Open("forward"))), "none: the machine forwards for nobody", fixRuleset)
	closed := len(f.Problems) == 0 && !slices.ContainsFunc(f.Open("input"), func(o host.Opening) bool { return o.Rule == "policy accept" })
	m.Note(m.by(path), closed && !m.files[path].Writable(), fileAt(path, "input"), or(strings.Join(f.Problems, "; "), "what no rule names is dropped"), "a ruleset that drops by default, in a file that root alone may change", fixRuleset)
	m.wantPackage("nftables", "the firewall")
	m.wantRunning("nftables.service", "the firewall is up before the network")
	m.loads()
}

// loads reports whether rules that nft refuses at a boot leave the last ones that it took, and somebody hears of it.
func (m machineCheck) loads() {
	const path, program = unitFolder + "nftables.service.d/berth.conf", "/usr/local/lib/berth/host/firewall"
	found := strings.Join(host.Lines(m.files[path].Content), "; ")
	want := "[Unit]; OnFailure=berth-alert@%n.service; RequiresMountsFor=/var/lib/berth; [Service]; ExecStart=; ExecStart=+" + program + "; ExecReload=; ExecReload=+" + program + " --reload"
	m.Note(m.by(path), found == want, fileAt(path), or(found, "absent"), "the last good rules where nft refuses the present ones: "+want, fixBundle)
	m.wantFile(program, true, "what loads the rules, and keeps the last good ones")
	m.wantFile(machineChecks+"firewall", true, "the check firewall runs with all others")
	for unit, key := range map[string]string{"nginx.service": "Requires", "ssh.service": "After"} {
		said := host.ReadUnit(m.files, unit).Values("Unit", key)
		m.wantKey(unitFolder+unit+".d/berth.conf", key, strings.Join(said, ", "), slices.Contains(said, "nftables.service"), "nftables.service: nobody is answered before the rules are loaded")
	}
}

// doorForTools tells whether an opening is the one that doors for BI tools fill while they are open; where nothing keeps doors,
// nothing fills it.
func doorForTools(o host.Opening) bool {
	return o.Set == "bi" && o.Filled && o.Redirected && o.One(5432)
}

// fromSister tells whether an opening in the tunnel is for what the sites say to each other: databases, their copies, attachments,
// logs and figures.
func fromSister(o host.Opening) bool {
	return slices.Equal(o.Protocols, []string{"tcp"}) && len(o.Ports) > 0 && !slices.ContainsFunc(o.Ports, func(p host.PortRange) bool {
		return p.First != p.Last || !slices.Contains([]int{873, 5432, 5433, 8432, 9100, 9187, 19532}, p.First)
	})
}

// wireguard reports whether the tunnel speaks to the other site alone, with a key that the machine made.
func (m machineCheck) wireguard(t tunnelView) {
	const name = "40-tunnel"
	conf := host.ReadSections(step(m.host, name))
	bits := strconv.Itoa(t.network.Bits())
	for _, want := range []struct{ section, key, value, what string }{
		{"Interface", "PrivateKey", `$(cat "$key")`, "the key that the machine made, which never leaves it"},
		{"Interface", "Address", t.own + "/" + bits, "the machine's own address"},
		{"Interface", "ListenPort", strconv.Itoa(t.port), "the port of the pair's file"},
		{"Peer", "PublicKey", "$sister", "the other site's public key, from the setting sister-wireguard-key"},
		{"Peer", "Endpoint", "$endpoint", "the other site, from the setting sister-endpoint"},
		{"Peer", "AllowedIPs", t.sister + "/32", "the other site's address, and no other"},
	} {
		values := conf.Values(want.section, want.key)
		got := strings.Join(values, ", ")
		m.Note(m.host, slices.Equal(values, []string{want.value}) && t.own != "", "steps["+name+"] "+want.key, or(got, "absent"), want.value+": "+want.what, fixBundle)
	}
	private := slices.ContainsFunc(host.Commands(step(m.host, name)), func(words []string) bool {
		return len(words) >= 4 && words[0] == "put" && words[1] == "0600" && words[3] == "/etc/wireguard/berth.conf"
	})
	found := "not so"
	if private {
		found = "put 0600"
	}
	m.Note(m.host, private, "steps["+name+"] put", found, "/etc/wireguard/berth.conf, which root alone reads", fixBundle)
	m.wantRunning("wg-quick@"+tunnelInterface+".service", "the tunnel is up")
	settings, _ := m.host.At("settings").(map[string]any)
	for _, name := range []string{"sister-wireguard-key", "sister-authority", "sister-endpoint"} {
		value, _ := settings[name].(string)
		m.Note(m.host, value != "", "settings["+name+"]", or(map[bool]string{true: "given"}[value != ""], "absent"), "what the other machine made for itself", "mend components/site")
	}
}
