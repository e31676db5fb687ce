package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
	"github.com/berth-iac/berth/spec"
)

// What is agreed of clients on machines besides: where their data is, how large their machines are, when work is announced, and
// what a client on premises does itself.

// machineTier is AV-8 on sites and on Lightsail.
func machineTier(s promises.Subject, r *promises.Report) {
	switch {
	case s.Spec.Sites != nil:
		for _, site := range s.Spec.Sites.Sites {
			if site.Hetzner == nil {
				continue
			}
			servers := slices.DeleteFunc(slices.Clone(s.Graph.OfType(typeCloudServer)), func(one *graph.Resource) bool { return !strings.HasPrefix(one.Name, site.Name+"-") })
			for _, server := range r.Must(servers, "server of site "+site.Name, "a server of the size that was agreed", "keep both sites in the stack") {
				r.Want(server, server.Text("serverType") == site.Hetzner.ServerType, "serverType", site.Hetzner.ServerType+", as hetzner.serverType says", "set hetzner.serverType in the pair's file")
				shared := strings.HasPrefix(server.Text("serverType"), "cx") || strings.HasPrefix(server.Text("serverType"), "cpx") || strings.HasPrefix(server.Text("serverType"), "cax")
				r.Want(server, !shared || !s.Production(), "serverType", "processors of its own in production, such as ccx23", "set hetzner.serverType in the pair's file")
			}
		}
		eachHost(s, r, func(m machineCheck) {
			if m.site != nil && m.site.Machine != nil {
				r.Want(m.host, m.address == m.site.Machine.Address, "connection.address", m.site.Machine.Address+": the dedicated machine of site "+m.site.Name, "mend stacks/sites")
			}
		})
	case s.Spec.SiteClient != nil:
		c := s.Spec.SiteClient
		eachClient(s, r, 2, func(m machineCheck, _ *graph.Resource, name string) {
			config := m.taskflow(name)
			most := config.text("client.database.maxOpen")
			want := fmt.Sprint(max(2, c.Database.Connections*3/4))
			m.wantKey(config.path, "client.database.maxOpen", most, most == want, want+": three quarters of database.connections, the rest is for backups and commands")
		})
	case s.Spec.LightClient != nil:
		c := s.Spec.LightClient
		for _, server := range r.Must(s.Graph.OfType(typeLightServer), "server", "a server of the light tier", "keep component light in the stack") {
			r.Want(server, server.Text("bundleId") == c.Server.Bundle, "bundleId", c.Server.Bundle+", as server.bundle says", "set server.bundle in the client's file")
		}
		for _, db := range r.Must(s.Graph.OfType(typeLightDatabase), "database", "a database of the light tier", "keep component light in the stack") {
			r.Want(db, db.Text("bundleId") == c.Database.Bundle, "bundleId", c.Database.Bundle+", as database.bundle says", "set database.bundle in the client's file")
			r.Want(db, db.Text("blueprintId") == "postgres_"+c.Database.Version, "blueprintId", "postgres_"+c.Database.Version+", as database.version says", "set database.version in the client's file")
		}
	}
}

// machineResidence is AV-9 on sites and on Lightsail.
func machineResidence(s promises.Subject, r *promises.Report) {
	switch {
	case s.Spec.Sites != nil:
		siteResidence(s, r, s.Spec.Sites)
	case s.Spec.SiteClient != nil:
		c := s.Spec.SiteClient
		allowed := strings.Join(c.Countries, ", ")
		in := func(country string) bool { return slices.Contains(c.Countries, country) }
		for _, side := range []struct {
			name string
			site spec.ClientSite
		}{{"home", c.Pair.Home}, {"standby", c.Pair.Standby}} {
			eachClient(s, r, 2, func(m machineCheck, b *graph.Resource, _ string) {
				if m.address == side.site.Machine.Address {
					r.Note(b, in(side.site.Country), "connection.address", side.site.Name+", "+side.site.Country, "in "+allowed+", as countries of the client's file says", "set countries and pair in the client's file")
				}
			})
		}
		eachClient(s, r, 2, func(m machineCheck, b *graph.Resource, name string) {
			known := m.address == c.Pair.Home.Machine.Address || m.address == c.Pair.Standby.Machine.Address
			r.Want(b, known, "connection.address", "a machine of the pair "+c.Pair.Name, "mend stacks/siteclient")
			r.Note(b, in(c.Pair.ThirdPlace) || c.CopiesAbroad != "" || !s.Production(), "connection", "copies in "+c.Pair.ThirdPlace+or(map[bool]string{true: ", " + c.CopiesAbroad}[c.CopiesAbroad != ""], ""),
				"copies in "+allowed+", or the client's consent", "set copiesAbroad in the client's file")
			m.wantTold(m.taskflow(name), "client.facts.residency", allowed, "the service tells its people")
			m.wantTold(m.taskflow(name), "storage.kind", "disk", "files stay on the machine")
		})
	case s.Spec.LightClient != nil:
		c := s.Spec.LightClient
		home := spec.RegionFor(c.Residency)
		for _, one := range r.Must(s.Graph.OfType(typeLightServer, typeLightDatabase), "server and database", "data in "+home, "keep component light in the stack") {
			r.Say(one, one.Region() == home && c.AWS.Region == home, "in "+or(one.Region(), "a region that nobody names"), home+" alone, as residency says", "set residency and aws.region in the client's file")
			r.Want(one, strings.HasPrefix(one.Text("availabilityZone"), home), "availabilityZone", "a zone of "+home, "set residency and aws.region in the client's file")
		}
		for _, provider := range s.Graph.OfType("pulumi:providers:aws") {
			r.Want(provider, provider.Text("region") == home, "region", home+" alone", "set residency in the client's file")
		}
		eachClient(s, r, 1, func(m machineCheck, _ *graph.Resource, name string) {
			m.wantTold(m.taskflow(name), "storage.kind", "disk", "files stay on the machine")
		})
	}
}

// locations of Hetzner Cloud by country.
var locations = map[string]string{"fsn1": "DE", "nbg1": "DE", "hel1": "FI"}

func siteResidence(s promises.Subject, r *promises.Report, pair *spec.Sites) {
	for _, site := range pair.Sites {
		if site.Hetzner == nil {
			continue
		}
		for _, one := range s.Graph.OfType(typeCloudServer, "hcloud:index/volume:Volume") {
			if strings.HasPrefix(one.Name, site.Name+"-") {
				r.Want(one, one.Text("location") == site.Hetzner.Location, "location", site.Hetzner.Location+", as hetzner.location says", "set hetzner.location in the pair's file")
				r.Note(one, locations[one.Text("location")] == site.Country, "location", or(locations[one.Text("location")], "unknown country"), site.Country+", as country of the site says", "set country in the pair's file")
			}
		}
	}
	eachHost(s, r, func(m machineCheck) {
		found := "no site"
		if m.site != nil {
			found = m.site.Name + ", " + m.site.Country
		}
		m.Note(m.host, m.site != nil, "connection.address", found, "one of the pair's sites", "mend stacks/sites")
		if third := pair.Backup.ThirdPlace; third != nil {
			repo := m.repository("3")
			place := repo.conf.Value("global", "repo3-s3-endpoint")
			m.wantKey(repo.path, "repo3-s3-endpoint", place, place == third.Endpoint, third.Endpoint+" in "+third.Country+": copies lie there and nowhere else")
		}
		for _, repo := range m.files.Matching(backrestRepos + "*.conf") {
			name := strings.TrimPrefix(repo, backrestRepos)
			known := slices.ContainsFunc([]string{"repo1", "repo2", "repo3"}, func(p string) bool { return strings.HasPrefix(name, p) })
			m.wantKey(repo, "repository", name, known, "no place besides the two sites and the bucket of the pair's file")
		}
	})
}

// machineReleases is AV-6 on machines: the service is exchanged behind its socket, which outlives it, and work is announced.
func machineReleases(s promises.Subject, r *promises.Report) {
	var maintenance spec.Maintenance
	want := 1
	switch {
	case s.Spec.Sites != nil:
		eachHost(s, r, func(m machineCheck) { m.exchanges() })
		return
	case s.Spec.SiteClient != nil:
		maintenance, want = s.Spec.SiteClient.Maintenance, 2
	case s.Spec.OnPremises != nil:
		maintenance = s.Spec.OnPremises.Maintenance
		eachHost(s, r, func(m machineCheck) { m.exchanges() })
	default:
		return
	}
	eachClient(s, r, want, func(m machineCheck, b *graph.Resource, name string) {
		config := m.taskflow(name)
		m.wantTold(config, "client.facts.maintenanceWindow", maintenance.Window, "the service announces it")
		m.wantTold(config, "client.facts.maintenanceNoticeDays", fmt.Sprint(maintenance.NoticeDays), "the service announces it")
		script := step(b, "70-taskflow")
		order := []string{"systemctl start \"taskflow-migrate@$client.service\"", "systemctl start \"$unit.socket\"", "systemctl restart \"$unit.service\""}
		at, holds := -1, true
		for _, command := range order {
			next := strings.Index(script, command)
			holds, at = holds && next > at, next
		}
		r.Note(b, holds, "steps[70-taskflow]", map[bool]string{true: "migrate, open the socket, restart", false: "another order"}[holds],
			"the database is brought up to the release while the one before serves, and connections wait in the socket", fixBundle)
	})
}

// exchanges reports whether connections wait while one release follows another.
func (m machineCheck) exchanges() {
	socket := host.ReadUnit(m.files, "taskflow@.socket")
	path := unitFolder + "taskflow@.socket"
	for _, w := range []struct{ key, value, what string }{
		{"ListenStream", "/run/taskflow/%i.sock", "a socket that outlives the service: connections wait in it"},
		{"SocketUser", "tf-%i", "the client's own account"}, {"SocketGroup", "www-data", "nginx, and nobody else"}, {"SocketMode", "0660", "nginx, and nobody else"},
	} {
		value := socket.Value("Socket", w.key)
		m.wantKey(path, w.key, value, value == w.value, w.value+": "+w.what)
	}
	backlog := socket.Value("Socket", "Backlog")
	m.wantKey(path, "Backlog", backlog, backlog != "" && backlog != "0", "room for those who wait")
	service := host.ReadUnit(m.files, "taskflow@.service")
	for _, w := range []struct{ key, value, what string }{{"Type", "notify", "it says when it can serve"}, {"Restart", "always", "it comes back by itself"}} {
		value := service.Value("Service", w.key)
		m.wantKey(unitFolder+"taskflow@.service", w.key, value, value == w.value, w.value+": "+w.what)
	}
	start := service.Value("Service", "ExecStart")
	m.wantKey(unitFolder+"taskflow@.service", "ExecStart", start, strings.HasPrefix(start, "/opt/taskflow/clients/%i/taskflow serve "), "the client's own release")
}

// machineOutsideProduction is DP-6 on sites.
func machineOutsideProduction(s promises.Subject, r *promises.Report) {
	if s.Spec.SiteClient == nil {
		return
	}
	eachClient(s, r, 2, func(m machineCheck, _ *graph.Resource, name string) {
		config := m.taskflow(name)
		m.wantTold(config, "environment", string(s.Spec.SiteClient.Environment), "what the service is for")
		m.wantTold(config, "testDataOnly", fmt.Sprint(!s.Production()), "outside production the service takes test data alone")
	})
}

// signedReleases is OP-1 on machines: the service is the release of the client's file, by its checksum and its signature.
func signedReleases(s promises.Subject, r *promises.Report) {
	var release spec.MachineRelease
	want := 1
	switch {
	case s.Spec.SiteClient != nil:
		release, want = s.Spec.SiteClient.Release, 2
	case s.Spec.OnPremises != nil:
		release = s.Spec.OnPremises.Release
	case s.Spec.LightClient != nil:
		release = s.Spec.LightClient.Release
	default:
		return
	}
	eachClient(s, r, want, func(m machineCheck, b *graph.Resource, name string) {
		script := step(b, "40-taskflow")
		for _, w := range []struct{ what, text string }{
			{"version", "version='" + release.Version + "'"}, {"checksum", "sum='" + release.SHA256 + "'"},
			{"installer", `"$lib/install-release" "$version" "$sum" '` + release.Source.URL + `' '` + release.Source.PublicKey + `'`},
		} {
			holds := strings.Contains(script, w.text)
			r.Note(b, holds, "steps[40-taskflow] "+w.what, map[bool]string{true: w.text, false: "another"}[holds], w.text+": the signed release of the client's file", fixBundle)
		}
		m.wantTold(m.taskflow(name), "release", release.Version, "the release of the client's file")
		if m.host != nil {
			m.wantFile("/usr/local/lib/berth/host/install-release", true, "what verifies checksum and signature before it installs")
			m.wantPackage("minisign", "what verifies signatures")
		}
	})
}

// clientsTools is what we supply for the client's duties on premises (AC-11): hardening, backups to make and to restore, and a report.
func clientsTools(s promises.Subject, r *promises.Report) {
	if s.Spec.OnPremises == nil {
		return
	}
	eachHost(s, r, func(m machineCheck) {
		for _, tool := range []struct{ name, what string }{
			{"berth-backup", "what makes backups"}, {"berth-restore", "what restores them"}, {"berth-verify", "what reads them again"}, {"berth-report", "what tells how the machine is"},
		} {
			m.wantFile(sbin+tool.name, true, tool.what+", for the client's own people")
		}
	})
}

// clientsBackups is what we supply for the client's backups on premises.
func clientsBackups(s promises.Subject, r *promises.Report) { fullBackups(s, r) }

// lightBackups is what of BK-9 Lightsail carries: snapshots of both, and people who are told when a check fails.
func lightBackups(s promises.Subject, r *promises.Report) {
	if s.Spec.LightClient == nil {
		return
	}
	for _, server := range r.Must(s.Graph.OfType(typeLightServer), "server", "a server of which a snapshot is made every day", "keep component light in the stack") {
		r.Want(server, server.Text("addOn.type") == "AutoSnapshot" && server.Text("addOn.status") == "Enabled", "addOn.status", "Enabled: a snapshot every day", "mend components/light")
	}
	for _, db := range r.Must(s.Graph.OfType(typeLightDatabase), "database", "a database of which a snapshot is made every day", "keep component light in the stack") {
		r.Want(db, db.Bool("backupRetentionEnabled"), "backupRetentionEnabled", "true: a snapshot every day, and any second of 7 days", "mend components/light")
		r.Want(db, !guarded(s) || !db.Bool("skipFinalSnapshot") && db.Text("finalSnapshotName") != "", "skipFinalSnapshot", "false in production: a last snapshot outlives it", "mend components/light")
		wantGuarded(s, r, db)
	}
	eachHost(s, r, func(m machineCheck) {
		m.wantTimer("berth-check", atMostEvery(5*time.Minute), sbin+"berth-check", "every check runs every minute")
		m.wantFile(machineChecks+"failed-units", true, "a backup that fails alerts")
		backup := host.ReadUnit(m.files, "taskflow-backup@.service")
		m.wantKey(unitFolder+"taskflow-backup@.service", "OnFailure", backup.Value("Unit", "OnFailure"), strings.HasPrefix(backup.Value("Unit", "OnFailure"), "berth-alert@"), "berth-alert@%n.service: a failure is told")
	})
}
