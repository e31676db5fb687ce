package catalogue

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
)

// How machines keep clients' data apart, out of reach and encrypted.

// taskflowConfig is what the service of a client is told: JSON, which is YAML too.
type taskflowConfig struct {
	path string
	all  map[string]any
}

func (m *machine) taskflow(client string) taskflowConfig {
	c := taskflowConfig{path: "/etc/taskflow/" + client + "/config.yaml"}
	if _, placed := m.files[c.path]; !placed {
		c.path = "/etc/taskflow/" + client + "/config.template" // a step fills in where the database is
	}
	if err := json.Unmarshal([]byte(m.files[c.path].Content), &c.all); err != nil {
		c.all = nil // nothing is as it should be
	}
	return c
}

// text is the value at a path of keys with dots between them.
func (c taskflowConfig) text(path string) string {
	var value any = c.all
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		texts := make([]string, len(v))
		for i, one := range v {
			texts[i] = fmt.Sprint(one)
		}
		return strings.Join(texts, ", ")
	}
	return ""
}

// wantTold reports whether the service is told a value.
func (m machineCheck) wantTold(c taskflowConfig, path, want, why string) {
	got := c.text(path)
	m.wantKey(c.path, path, got, got == want, or(want, "absent")+": "+why)
}

// ownDataOnMachines is DP-1 on machines: nobody signs in to a database but as the owner of an account of the machine's, and each client's
// service has an account, a database and files of its own.
func ownDataOnMachines(s promises.Subject, r *promises.Report) {
	if pair := s.Spec.Sites; pair != nil {
		eachHost(s, r, func(m machineCheck) {
			for _, cluster := range []string{clusterMain, clusterSister} {
				m.signIns(pair.PostgreSQL.Version, cluster)
				m.goesBy(pair.PostgreSQL.Version, cluster)
			}
			m.apart()
		})
		return
	}
	if s.Spec.SiteClient == nil {
		return
	}
	eachClient(s, r, 2, func(m machineCheck, b *graph.Resource, name string) {
		role := strings.ReplaceAll(name, "-", "_")
		want := s.Spec.SiteClient.Client.Name
		r.Want(b, name == want, "name", clientBundles+want+": the client's own", "mend stacks/siteclient")
		note := "/etc/berth/clients.d/" + name
		database := host.ReadSettings(m.files[note].Content)["database"]
		m.wantKey(note, "database", database, database == role, role+": the client's own database, which nobody else's account opens")
		config := m.taskflow(name)
		m.wantTold(config, "client.name", name, "whose service it is")
		m.wantTold(config, "client.database.name", role, "the client's own database")
		m.wantTold(config, "client.database.user", role, "the client's own role")
		m.wantTold(config, "client.database.host", "/run/postgresql", "over the machine's socket, where the account of the process is the proof")
		m.wantTold(config, "client.database.password", "", "no password that another could have")
		m.wantTold(config, "client.hosts", s.Spec.SiteClient.Edge.Hostname, "the client's own host name alone")
		own := "/srv/data/taskflow/" + name + "/"
		m.wantTold(config, "storage.directory", own+"files", "the client's own folder")
		m.wantTold(config, "backups.directory", own+"backups", "the client's own folder")
		m.wantTold(config, "backups.key", "file:/etc/taskflow/"+name+"/backup-key", "the client's own key")
		m.wantTold(config, "client.sealKeys", "file:/etc/taskflow/"+name+"/application-key", "the client's own key")
		m.proxied(name)
		for _, secret := range []string{"application-key", "backup-key"} {
			machineCheck{r, &machine{host: b, bundles: m.bundles}, s}.wantSecret(secret)
		}
		made := "45-database-" + name
		r.Note(b, strings.TrimSpace(step(b, made)) != "", "steps["+made+"]", or(map[bool]string{true: "there"}[step(b, made) != ""], "absent"), "what makes the client's own role and database", fixBundle)
	})
}

// proxied reports whether a client's host name leads to the client's own service.
func (m machineCheck) proxied(name string) {
	path := clientSite(name)
	socket := "http://unix:/run/taskflow/" + name + ".sock"
	ways := 0
	host.Walk(m.servers(path), func(_ []string, d host.Directive) {
		if d.Name != "proxy_pass" {
			return
		}
		ways++
		to := strings.Join(d.Args, " ")
		m.wantKey(path, "proxy_pass", to, to == socket || strings.HasPrefix(to, socket+":/"), socket+": the client's own service")
	})
	if ways == 0 {
		m.wantKey(path, "proxy_pass", "", false, socket)
	}
	key := host.Arg(firstBlock(m.servers(path)), "ssl_certificate_key")
	m.wantKey(path, "ssl_certificate_key", key, key == nginxSites+name+".key", nginxSites+name+".key: the client's own")
}

func firstBlock(all []host.Directive) []host.Directive {
	if len(all) == 0 {
		return nil
	}
	return all[0].Block
}

// goesBy reports whether a cluster goes by the files that are judged here, and by no others, and whether one client's queries leave the
// others room on the disk.
func (m machineCheck) goesBy(version, cluster string) {
	folder := "/etc/postgresql/" + version + "/" + cluster + "/"
	conf := host.ReadPostgreSQL(m.files, version+"/"+cluster)
	for key, file := range map[string]string{"hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"} {
		m.wantKey(folder+"postgresql.conf", key, conf[key], conf[key] == folder+file, folder+file)
	}
	spill := conf["temp_file_limit"]
	m.wantKey(folder+"postgresql.conf", "temp_file_limit", spill, spill == "4GB", "4GB: one client's query does not fill the disk of all")
}

// signIns reports whether each line of a cluster's pg_hba.conf asks for a proof, and the last turns everybody else away.
func (m machineCheck) signIns(version, cluster string) {
	path := "/etc/postgresql/" + version + "/" + cluster + "/pg_hba.conf"
	lines := host.ReadHBA(m.files[path].Content)
	rejects := map[string]bool{}
	for i, a := range lines {
		at := "line " + strconv.Itoa(i+1)
		m.Note(m.by(path), a.Proven(), fileAt(path, at), a.Line, "whoever signs in proves to be who it is: by the machine's account, a verified certificate, or a password that never crosses the line", fixBundle)
		mapped := a.Type != "local" || a.Method != "peer" || a.Option("map") == "berth" || slices.Equal(a.Users, []string{"postgres"})
		m.Note(m.by(path), mapped, fileAt(path, at), a.Line, "an account of the machine is one role alone, as pg_ident.conf says", fixBundle)
		if a.Type == "host" && !a.Admits() && slices.Contains(a.Users, "all") && a.Address == "all" {
			for _, database := range a.Databases {
				rejects[database] = true
			}
		}
	}
	found := "not everybody else is turned away"
	closed := rejects["all"] && rejects["replication"]
	if closed {
		found = "everybody else is turned away"
	}
	m.Note(m.by(path), closed, fileAt(path), found, "lines at the end that reject all others, for databases and for replication", fixBundle)
	m.wantFile(sbin+"berth-access", true, "what writes which account is which role")
}

// apart reports whether the units that run each client's service, its migrations and its backups keep it from the others'.
func (m machineCheck) apart() {
	for _, name := range []string{"taskflow", "taskflow-migrate", "taskflow-backup", "taskflow-attachments"} {
		unit, path := host.ReadUnit(m.files, name+"@.service"), unitFolder+name+"@.service.d/hardening.conf"
		for _, want := range serviceSandbox {
			value := strings.Join(unit.Values("Service", want.key), "; ")
			m.wantKey(path, want.key, value, unit.Has("Service", want.key) && value == want.value, or(want.value, "empty")+": "+want.what)
		}
	}
}

// serviceSandbox is what a process of a client's may do. What keeps clients apart and what hardens the host are one list: each
// line of it takes something away that another client's data could be reached with.
var serviceSandbox = []struct{ key, value, what string }{
	{"User", "tf-%i", "an account of the client's own"},
	{"Group", "tf-%i", "a group of the client's own"},
	{"UMask", "0077", "nobody else reads what it writes"},
	{"TemporaryFileSystem", "/srv/data:ro", "other clients' folders are not there"},
	{"BindPaths", "/srv/data/taskflow/%i", "its own folder is"},
	{"InaccessiblePaths", "-/etc/berth -/etc/ssh -/var/lib/postgresql -/var/lib/pgbackrest -/var/backups", "the machine's keys and the cluster's files are not there"},
	{"NoNewPrivileges", "yes", "no process of it becomes another account"},
	{"CapabilityBoundingSet", "", "no privileges of root's"},
	{"AmbientCapabilities", "", "no privileges of root's"},
	{"ProtectSystem", "strict", "it writes to its own folder alone"},
	{"ProtectHome", "yes", "no home folders"},
	{"ProtectClock", "yes", "the clock is not its to set"},
	{"ProtectControlGroups", "yes", "its limits are not its to set"},
	{"ProtectHostname", "yes", "the host's name is not its to set"},
	{"ProtectKernelLogs", "yes", "no log of the kernel's"},
	{"ProtectKernelModules", "yes", "no modules of the kernel's"},
	{"ProtectKernelTunables", "yes", "no settings of the kernel's"},
	{"ProtectProc", "invisible", "it does not see others' processes"},
	{"ProcSubset", "pid", "it does not see the machine's state"},
	{"PrivateTmp", "yes", "temporary files of its own"},
	{"PrivateDevices", "yes", "no disks"},
	{"PrivateUsers", "yes", "other accounts do not exist for it"},
	{"DevicePolicy", "closed", "no devices"},
	{"KeyringMode", "private", "keys of its own"},
	{"RemoveIPC", "yes", "nothing is left behind"},
	{"LockPersonality", "yes", "no other system interface"},
	{"MemoryDenyWriteExecute", "yes", "no code made at run time"},
	{"RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX", "no raw network"},
	{"RestrictNamespaces", "yes", "no way around these lines"},
	{"RestrictRealtime", "yes", "it cannot starve its neighbours"},
	{"RestrictSUIDSGID", "yes", "it leaves no programs of root's"},
	{"SystemCallArchitectures", "native", "no other system interface"},
	{"SystemCallFilter", "@system-service; ~@privileged @resources", "the calls that a service needs"},
	{"IPAddressDeny", "any", "it speaks to nothing but what IPAddressAllow names"},
	{"TasksMax", "512", "it cannot starve its neighbours"},
}

// machineDatabaseOutOfReach is DP-2 on machines.
func machineDatabaseOutOfReach(s promises.Subject, r *promises.Report) {
	if s.Spec.LightClient != nil {
		for _, db := range r.Must(s.Graph.OfType(typeLightDatabase), "database", "a database that only the server reaches", "keep component light in the stack") {
			r.Want(db, !db.Bool("publiclyAccessible"), "publiclyAccessible", "false: it has no address in the internet", "mend components/light")
		}
		for _, ports := range s.Graph.OfType(typeLightPorts) {
			closedPorts(r, ports, "portInfos")
			cloudSSH(r, ports, "portInfos", "cidrs", s.Spec.LightClient.OfficeCIDRs)
		}
		eachHost(s, r, func(m machineCheck) { // whoever signs in to the server reaches the database
			a := machineAccessOf(s, m.machine)
			m.signsInByKey(a)
			m.sshFrom(a.ssh)
			m.lets(a)
			for _, unit := range []string{"taskflow@", "taskflow-migrate@", "taskflow-backup@"} {
				allowed := strings.Join(host.ReadUnit(m.files, unit+".service").Values("Service", "IPAddressAllow"), " ")
				m.wantKey(unitFolder+unit+".service.d/hardening.conf", "IPAddressAllow", allowed, allowed == "localhost 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", "the machine itself and Lightsail's private network")
			}
		})
	}
	b := machineBackupOf(s)
	if s.Spec.SiteClient != nil {
		eachClient(s, r, 2, func(m machineCheck, _ *graph.Resource, name string) { m.listensLocally(name) })
		return
	}
	for _, firewall := range s.Graph.OfType(typeCloudFirewall) {
		closedPorts(r, firewall, "rules")
	}
	eachHost(s, r, func(m machineCheck) {
		tunnel := m.tunnel()
		for _, cluster := range b.clusters {
			path := "/etc/postgresql/" + b.version + "/" + cluster + "/postgresql.conf"
			listens := host.ReadPostgreSQL(m.files, b.version+"/"+cluster)["listen_addresses"]
			local := listens != ""
			for address := range strings.SplitSeq(listens, ",") {
				address = strings.TrimSpace(address)
				parsed, err := netip.ParseAddr(address)
				local = local && (address == "localhost" || err == nil && parsed.IsLoopback() || address == tunnel.own && address != "")
			}
			m.wantKey(path, "listen_addresses", listens, local, "the machine itself, and its address in the tunnel where there is one")
		}
		m.closedTo(tunnel)
		if s.Spec.Sites != nil {
			m.attachments(tunnel)
		}
	})
	if s.Spec.OnPremises != nil || s.Spec.LightClient != nil {
		eachClient(s, r, 1, func(m machineCheck, _ *graph.Resource, name string) { m.listensLocally(name) })
	}
}

// listensLocally reports whether a client's service takes requests from nginx alone.
func (m machineCheck) listensLocally(name string) {
	config := m.taskflow(name)
	m.wantTold(config, "listen.addresses", "127.0.0.1:0", "requests come by the socket; no port of its own is open")
	hostname := ""
	switch {
	case m.s.Spec.SiteClient != nil:
		hostname = m.s.Spec.SiteClient.Edge.Hostname
	case m.s.Spec.LightClient != nil:
		hostname = m.s.Spec.LightClient.Edge.Hostname
	case m.s.Spec.OnPremises != nil:
		hostname = m.s.Spec.OnPremises.Hostname
	}
	m.wantTold(config, "client.hosts", hostname, "data is reached through the client's own URL alone")
	servers := m.servers(clientSite(name))
	named := len(servers) == 1 && host.Arg(servers[0].Block, "server_name") == hostname
	m.wantKey(clientSite(name), "server_name", host.Arg(firstBlock(servers), "server_name"), named, hostname+": data is reached through the client's own URL alone")
}

// dataPorts are the ports of databases and of copies.
var dataPorts = []int{873, 3306, 5432, 5433, 6379, 8432, 27017}

// closedPorts reports whether a cloud's firewall opens none of the ports of databases.
func closedPorts(r *promises.Report, firewall *graph.Resource, rules string) {
	for _, rule := range firewall.Items(rules) {
		first, last := portsOf(rule)
		open := slices.ContainsFunc(dataPorts, func(p int) bool { return first <= p && p <= last })
		r.Want(firewall, rule.Text("direction") == "out" || !open, rule.Path, "no port of a database or of copies", "mend the rule")
	}
}

// closedTo reports whether the ports of databases are open to the other site inside the tunnel alone, and to BI tools by a rule of
// their own while a door is open.
func (m machineCheck) closedTo(t tunnelView) {
	path := m.rulesetPath()
	for _, o := range host.ReadFirewall(m.files, path).Open("input") {
		if o.Follows() || loopback(o) || !slices.ContainsFunc(dataPorts, func(p int) bool { return reaches(o, "tcp", p) }) {
			continue
		}
		inside := t.sister != "" && len(o.Sources) == 1 && o.Sources[0].String() == t.sister+"/32" && slices.Equal(o.Interfaces, []string{tunnelInterface})
		m.Note(m.by(path), inside || doorForTools(o), fileAt(path, o.Rule), o.Rule, "databases are open to the other site in the tunnel alone, and to BI tools while a door is open", fixRuleset)
	}
}

// attachments reports whether files go to the other site alone, and cannot be written by it.
func (m machineCheck) attachments(t tunnelView) {
	const path = "/etc/berth/attachments.conf"
	said := host.Settings{}
	for line := range strings.Lines(m.files[path].Content) {
		if key, value, is := strings.Cut(strings.TrimSpace(line), "="); is {
			if before := said[strings.TrimSpace(key)]; before == "" {
				said[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	for _, want := range []struct{ key, value, what string }{
		{"address", t.own, "the tunnel alone"}, {"read only", "yes", "nobody writes by this way"}, {"list", "no", "nobody sees what there is"},
		{"hosts allow", t.sister, "the other site alone"}, {"hosts deny", "*", "nobody else"},
	} {
		m.wantKey(path, want.key, said[want.key], said[want.key] == want.value && want.value != "", want.value+": "+want.what)
	}
	unit := host.ReadUnit(m.files, "taskflow-attachments@.service")
	allowed := unit.Values("Service", "IPAddressAllow")
	m.wantKey(unitFolder+"taskflow-attachments@.service", "IPAddressAllow", strings.Join(allowed, ", "), slices.Contains(allowed, t.sister) && len(allowed) <= 2, t.sister+" and the machine itself")
}

// sealedReplication is DP-3: databases follow each other inside the tunnel, under TLS, by certificates, and by nothing else.
func sealedReplication(s promises.Subject, r *promises.Report) {
	pair := s.Spec.Sites
	if pair == nil {
		return
	}
	eachHost(s, r, func(m machineCheck) {
		t := m.tunnel()
		for _, cluster := range []string{clusterMain, clusterSister} {
			folder := "/etc/postgresql/" + pair.PostgreSQL.Version + "/" + cluster + "/"
			conf := host.ReadPostgreSQL(m.files, pair.PostgreSQL.Version+"/"+cluster)
			upstream := conninfo(conf["primary_conninfo"])
			for _, want := range []struct{ key, value, what string }{
				{"sslmode", "verify-full", "the other end's certificate is verified, with its name"},
				{"sslrootcert", trustedCA, "the other site's authority alone"},
				{"sslcert", "/etc/berth/certificates/postgresql/replication.pem", "this machine's own certificate"},
				{"sslkey", "/etc/berth/certificates/postgresql/replication.pem", "its key, which never leaves the machine"},
				{"user", "berth_replication", "the account of replication"},
				{"password", "", "no password"},
			} {
				m.wantKey(folder+"postgresql.conf", "primary_conninfo "+want.key, upstream[want.key], upstream[want.key] == want.value, or(want.value, "absent")+": "+want.what)
			}
			m.wantKey(folder+"postgresql.conf", "ssl_ca_file", conf["ssl_ca_file"], conf["ssl_ca_file"] == trustedCA, trustedCA+": certificates of the other site's authority alone sign in")
			m.replicates(folder+"pg_hba.conf", t)
		}
		m.wireguard(t)
		m.wantTimer("berth-certificates", atMostEvery(7*24*time.Hour), sbin+"berth-certificates", "certificates are renewed before they end")
	})
	for _, keys := range r.Must(s.Graph.OfType(typeKeys), "keys of machines", "each machine makes its own keys, and hands out the public halves alone", "keep component site in the stack") {
		generation, _ := keys.Number("generation")
		r.Want(keys, generation >= 1, "generation", "1 or later", "mend components/site")
	}
}

// replicates reports whether replication is let in from the other site in the tunnel alone, by certificate.
func (m machineCheck) replicates(path string, t tunnelView) {
	lines := host.ReadHBA(m.files[path].Content)
	admitted := 0
	for i, a := range lines {
		about := slices.Contains(a.Databases, "replication") || slices.Contains(a.Users, "berth_replication")
		if !about || !a.Admits() {
			continue
		}
		admitted++
		holds := a.Type == "hostssl" && a.Method == "cert" && a.Address == t.sister+"/32" && t.sister != "" && slices.Equal(a.Users, []string{"berth_replication"})
		m.Note(m.by(path), holds, fileAt(path, "line "+strconv.Itoa(i+1)), a.Line, "the other site's address in the tunnel, under TLS, by a certificate for berth_replication", fixBundle)
	}
	found := strconv.Itoa(admitted) + " lines let replication in"
	both := admitted > 0 && slices.ContainsFunc(lines, func(a host.Access) bool { return slices.Contains(a.Databases, "replication") && a.Admits() })
	m.Note(m.by(path), both, fileAt(path), found, "a line for the other site", fixBundle)
}
