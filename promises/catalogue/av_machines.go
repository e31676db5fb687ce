package catalogue

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
	"github.com/berth-iac/berth/spec"
)

// How two sites stand in for each other, and how machines tell people what is wrong.

// tunnelView is a machine's end of the tunnel between the sites, as the pair's file has it.
type tunnelView struct {
	own, sister string // addresses
	network     netip.Prefix
	port        int
}

const tunnelInterface = "berth"

func (m machineCheck) tunnel() tunnelView {
	if m.s.Spec.Sites == nil || m.site == nil {
		return tunnelView{}
	}
	t := m.s.Spec.Sites.Tunnel
	first := t.CIDR.Masked().Addr().Next()
	second := first.Next()
	if m.index > 0 {
		first, second = second, first
	}
	return tunnelView{own: first.String(), sister: second.String(), network: t.CIDR.Masked(), port: t.Port}
}

// streamed is AV-4: on the pair, that each site's databases follow the other's; for a client, that it stands at both.
func streamed(s promises.Subject, r *promises.Report) {
	switch {
	case s.Spec.Sites != nil:
		sites := map[string]bool{}
		eachHost(s, r, func(m machineCheck) {
			sites[m.facts()["SITE"]] = true
			m.follows(s.Spec.Sites)
		})
		for _, site := range s.Spec.Sites.Sites {
			if !sites[site.Name] {
				r.Missing("machine of site "+site.Name, "a machine at each site, each of which stands in for the other", "keep both sites in the stack")
			}
		}
	case s.Spec.SiteClient != nil:
		c := s.Spec.SiteClient
		standings := map[string]string{}
		eachClient(s, r, 2, func(m machineCheck, b *graph.Resource, client string) {
			path := "/etc/taskflow/" + client + "/standing"
			standing := strings.TrimSpace(m.files[path].Content)
			standings[standing] = m.address
			site, cluster := c.Pair.Home, clusterMain
			if standing == "standby" {
				site, cluster = c.Pair.Standby, clusterSister
			}
			m.wantKey(path, "standing", standing, standing == "home" || standing == "standby", "home or standby")
			r.Want(b, m.address == site.Machine.Address, "connection.address", site.Machine.Address+", the machine of site "+site.Name, "mend stacks/siteclient")
			r.Want(b, b.Text("connection.hostKey") == site.Machine.HostKey, "connection.hostKey", "the host key of that machine, and no other's", "mend stacks/siteclient")
			note := "/etc/berth/clients.d/" + client
			known := host.ReadSettings(m.files[note].Content)
			m.wantKey(note, "cluster", known["cluster"], known["cluster"] == cluster, cluster+": where the client's database is on that machine")
			m.wantKey(note, "standing", known["standing"], known["standing"] == standing, standing+", as the service is told")
		})
		if len(standings) < 2 {
			r.Missing("second standing", "the client served at "+c.Pair.Home.Name+" and standing by at "+c.Pair.Standby.Name, "keep both bundles of the client in the stack")
		}
	}
}

// follows reports whether a machine holds a copy of the other site's databases that is kept up in real time.
func (m machineCheck) follows(pair *spec.Sites) {
	t := m.tunnel()
	for _, cluster := range []string{clusterMain, clusterSister} {
		path := "/etc/postgresql/" + pair.PostgreSQL.Version + "/" + cluster + "/postgresql.conf"
		conf := host.ReadPostgreSQL(m.files, pair.PostgreSQL.Version+"/"+cluster)
		upstream := conninfo(conf["primary_conninfo"])
		port := map[string]string{clusterMain: "5433", clusterSister: "5432"}[cluster] // the counterpart of one is the other site's other
		m.wantKey(path, "primary_conninfo host", upstream["host"], upstream["host"] == t.sister && t.sister != "", "the other site's address in the tunnel, "+t.sister)
		m.wantKey(path, "primary_conninfo port", upstream["port"], upstream["port"] == port, port+": the same data at the other site")
		m.wantKey(path, "primary_slot_name", conf["primary_slot_name"], conf["primary_slot_name"] != "", "a slot, so that what is not yet copied is not thrown away")
		m.wantKey(path, "hot_standby", conf["hot_standby"], conf["hot_standby"] == "on" || conf["hot_standby"] == "", "on")
		kept := conf["max_slot_wal_keep_size"]
		m.wantKey(path, "max_slot_wal_keep_size", kept, kept == fmt.Sprintf("%dGB", pair.PostgreSQL.SlotGiB), fmt.Sprintf("%dGB, as postgresql.slotGiB says: a standby that is away must not fill the disk", pair.PostgreSQL.SlotGiB))
		for _, key := range []string{"max_wal_senders", "max_replication_slots"} {
			m.wantKey(path, key, conf[key], conf[key] != "0", "not 0: the other site may follow")
		}
		m.wantKey(path, "max_connections", conf["max_connections"], conf["max_connections"] == fmt.Sprint(pair.PostgreSQL.MaxConnections), fmt.Sprintf("%d, the same at both sites: a standby with fewer stops", pair.PostgreSQL.MaxConnections))
	}
	m.wantStarted("postgresql@"+pair.PostgreSQL.Version+"-main.service", "55-postgresql", `systemctl start "$(unit_of main)"`, "the databases of the site's own clients")
	m.wantTimer("berth-standby", atMostEvery(5*time.Minute), sbin+"berth-standby", "the copy of the other site's databases is made, and kept up")
	facts := m.facts()
	m.wantKey(siteFacts, "OWN_ADDRESS", facts["OWN_ADDRESS"], facts["OWN_ADDRESS"] == t.own && t.own != "", t.own+", the machine's address in the tunnel")
	m.wantKey(siteFacts, "SISTER_ADDRESS", facts["SISTER_ADDRESS"], facts["SISTER_ADDRESS"] == t.sister && t.sister != "", t.sister+", the other site's")
	other := pair.Sites[1-min(m.index, 1)].Name
	m.wantKey(siteFacts, "SISTER", facts["SISTER"], facts["SISTER"] == other, other+", the other site")
}

// conninfo are the settings of a connection string of PostgreSQL's.
func conninfo(text string) map[string]string {
	all := map[string]string{}
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		all[key] = strings.Trim(value, "'")
	}
	return all
}

// counterpartServes is what of AV-5 can be seen before a drill measures it: the tool of the switch is on both machines, two
// primaries of the same data are prevented, and the edge tries the home site first and the standby after it.
func counterpartServes(s promises.Subject, r *promises.Report) {
	switch {
	case s.Spec.Sites != nil:
		eachHost(s, r, func(m machineCheck) {
			for _, program := range []struct{ name, what string }{
				{"berth-promote", "what makes the counterpart serve"}, {"berth-rejoin", "the way back"}, {"berth-yield", "the way back"},
				{"berth-fence", "a database that was taken over does not start beside its successor"},
			} {
				m.wantFile(sbin+program.name, true, program.what)
			}
			for _, cluster := range []string{clusterMain, clusterSister} {
				unit := "postgresql@" + s.Spec.Sites.PostgreSQL.Version + "-" + cluster + ".service"
				before := host.ReadUnit(m.files, unit).Values("Service", "ExecStartPre")
				fence := sbin + "berth-fence " + cluster
				m.wantKey(unitFolder+unit+".d/berth.conf", "ExecStartPre", strings.Join(before, "; "), slices.Contains(before, fence), fence+": it starts only where no other serves the same data")
			}
		})
	case s.Spec.SiteClient != nil:
		c := s.Spec.SiteClient
		edges := slices.DeleteFunc(slices.Clone(s.Graph.OfType(typeEdge)), func(e *graph.Resource) bool { return !strings.EqualFold(e.Text("name"), c.Edge.Hostname) })
		for _, edge := range r.Must(edges, "load balancer for "+c.Edge.Hostname+" at Cloudflare", "requests go to the home site, and to the standby when that is away", fixEdge) {
			pools := edge.Refs("defaultPoolIds", typePool)
			var origins []string
			for _, pool := range pools {
				for _, origin := range pool.Items("origins") {
					if !origin.Has("enabled") || origin.Bool("enabled") {
						origins = append(origins, origin.Text("address"))
					}
				}
			}
			want := []string{c.Pair.Home.Machine.Address, c.Pair.Standby.Machine.Address}
			r.Note(edge, slices.Equal(origins, want), "defaultPoolIds", strings.Join(origins, ", then "), strings.Join(want, ", then ")+": the home site first, the standby after it", fixEdge)
			fallback := edge.Ref("fallbackPoolId", typePool)
			r.Want(edge, fallback != nil, "fallbackPoolId", "a pool of this stack", fixEdge)
			r.Want(edge, !edge.Has("steeringPolicy") || edge.Text("steeringPolicy") == "off", "steeringPolicy", "off: the pools are tried in order", fixEdge)
			for _, pool := range pools {
				monitor := pool.Ref("monitor", typeMonitor)
				r.Want(pool, monitor != nil, "monitor", "a monitor of this stack, which notices that a site is away", fixEdge)
				if monitor != nil {
					r.Want(monitor, monitor.Text("path") == healthPath, "path", healthPath, fixEdge)
					r.Want(monitor, monitor.Text("expectedCodes") == "200" || monitor.Text("expectedCodes") == "2xx", "expectedCodes", "200: a standby that is not promoted answers 503, and gets no requests", fixEdge)
				}
			}
		}
	}
}

const (
	typeMonitor = "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor"
	watchConf   = "/etc/berth/watch.conf"
)

// machineAlerts is who is told by a spec's machines, and how.
func machineAlerts(s *spec.Spec) (spec.Alerts, spec.Watch, bool) {
	switch {
	case s.Sites != nil:
		return s.Sites.Alerts, s.Sites.Watch, true
	case s.LightClient != nil:
		return s.LightClient.Alerts, s.LightClient.Watch, true
	case s.OnPremises != nil:
		return s.OnPremises.Alerts, s.OnPremises.Watch, true
	}
	return spec.Alerts{}, spec.Watch{}, false
}

// machinesTell is AV-7 on machines: everything that looks for trouble runs every minute, and what it finds reaches the people
// and channels of the file.
func machinesTell(s promises.Subject, r *promises.Report) {
	alerts, watch, known := machineAlerts(s.Spec)
	if s.Spec.SiteClient != nil {
		probed(s, r, s.Spec.SiteClient.Edge)
		return
	}
	if !known {
		return
	}
	if s.Spec.LightClient != nil {
		probed(s, r, s.Spec.LightClient.Edge)
	}
	eachHost(s, r, func(m machineCheck) {
		conf := host.ReadSettings(m.files[watchConf].Content)
		value := func(key string) string { return strings.Trim(conf[key], `"'`) }
		people := func(key string, want []string, what string) {
			got := strings.Fields(value(key))
			m.Note(m.by(watchConf), slices.Equal(got, want) && (len(want) > 0 || key != "EMAILS"), fileAt(watchConf, key), howMany(len(got), what), "the "+howMany(len(want), what)+" of the stack's file", fixBundle)
		}
		people("EMAILS", alerts.Emails, "e-mail address")
		people("PHONES", alerts.Phones, "phone")
		slack := "no"
		if watch.SlackWebhook {
			slack = "yes"
			m.wantSecret("slack-webhook")
		}
		m.wantKey(watchConf, "SLACK", value("SLACK"), value("SLACK") == slack, slack+", as watch.slackWebhook says")
		m.wantKey(watchConf, "SMS_GATEWAY", value("SMS_GATEWAY"), value("SMS_GATEWAY") == watch.SMSGateway, or(watch.SMSGateway, "none")+", as watch.smsGateway says")
		m.wantKey(watchConf, "HEARTBEAT_URL", value("HEARTBEAT_URL"), value("HEARTBEAT_URL") == watch.HeartbeatURL, or(watch.HeartbeatURL, "none")+", as watch.heartbeatUrl says")
		m.wantKey(watchConf, "MAIL_FROM", value("MAIL_FROM"), value("MAIL_FROM") == watch.Mail.From, watch.Mail.From+", as watch.mail.from says")
		if watch.SMSGateway != "" {
			m.wantSecret("sms-token")
		}
		if watch.Mail.User != "" {
			m.wantSecret("mail-password")
		}
		m.mails(watch.Mail)
		m.wantTimer("berth-check", atMostEvery(5*time.Minute), sbin+"berth-check", "every check runs every minute")
		m.wantTimer("berth-heartbeat", atMostEvery(10*time.Minute), sbin+"berth-heartbeat", "while all is well, that is told elsewhere every five minutes")
		m.wantTimer("berth-daily", atMostEvery(24*time.Hour), sbin+"berth-heartbeat", "a mail every day, whose absence is noticed")
		m.wantRunning("berth-alert-queue.timer", "what could not be delivered is tried again")
		queue := host.Timer(host.ReadUnit(m.files, "berth-alert-queue.timer"))
		m.wantKey(unitFolder+"berth-alert-queue.timer", "OnCalendar", queue.Every.String(), queue.Every > 0 && queue.Every <= 5*time.Minute, "every five minutes at least")
		deliver := host.ReadUnit(m.files, "berth-alert-queue.service").Value("Service", "ExecStart")
		m.wantKey(unitFolder+"berth-alert-queue.service", "ExecStart", deliver, deliver == sbin+"berth-alert --deliver", sbin+"berth-alert --deliver")
		failed := host.ReadUnit(m.files, "berth-alert@.service").Value("Service", "ExecStart")
		m.wantKey(unitFolder+"berth-alert@.service", "ExecStart", failed, failed == "/usr/local/lib/berth/host/unit-failed %i", "a unit that fails is told of")
		m.wantFile("/usr/local/lib/berth/host/unit-failed", true, "what tells of a unit that failed")
		m.wantFile(sbin+"berth-alert", true, "what tells people")
		for _, check := range []string{"disk-space", "clock", "website-certificates", "failed-units", "updates", "bundles", "alerts"} {
			m.wantFile(machineChecks+check, true, "the check "+check+" runs with all others")
		}
		m.wantPackage("msmtp", "what mails are sent with")
	})
}

// mails reports whether mail leaves the machine under TLS, to the relay of the file.
func (m machineCheck) mails(relay spec.Relay) {
	script := step(m.host, "45-mail")
	lines := host.Lines(script)
	starttls := "on"
	if relay.TLS == "tls" {
		starttls = "off"
	}
	for _, want := range []string{"tls on", "tls_starttls " + starttls, "tls_trust_file /etc/ssl/certs/ca-certificates.crt", "host " + relay.Host, fmt.Sprintf("port %d", relay.Port)} {
		holds := slices.Contains(lines, want)
		found := "absent"
		if holds {
			found = want
		}
		m.Note(m.host, holds, "steps[45-mail]", found, want+": alerts go to the relay of watch.mail, encrypted", fixBundle)
	}
	verifies := !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "tls_certcheck off") })
	m.Note(m.host, verifies, "steps[45-mail]", fmt.Sprintf("tls_certcheck %v", verifies), "the relay's certificate is verified", fixBundle)
}

// probed reports whether the client's site is watched from outside, by Cloudflare's monitors.
func probed(s promises.Subject, r *promises.Report, edge spec.Edge) {
	monitors := s.Graph.OfType(typeMonitor)
	for _, monitor := range r.Must(monitors, "monitor at Cloudflare", edge.Hostname+" is asked from outside, as people reach it", fixEdge) {
		r.Want(monitor, monitor.Text("path") == healthPath, "path", healthPath, fixEdge)
		seconds, given := monitor.Number("interval")
		r.Want(monitor, !given || seconds <= 60, "interval", "every 60 seconds at most", fixEdge)
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
