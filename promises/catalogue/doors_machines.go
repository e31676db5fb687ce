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
)

// Doors to databases on machines: files that a timer opens and closes them by (DP-5, AC-4).

const doorFolder = "/etc/berth/doors.d/"

// keepsDoors reports whether a machine closes doors by itself, and says so when one stays open.
func (m machineCheck) keepsDoors() {
	m.wantTimer("berth-doors", atMostEvery(5*time.Minute), sbin+"berth-doors", "doors close by themselves within minutes of their end")
	m.wantFile(machineChecks+"doors", true, "a door that stays open alerts")
}

// doorsOf are the door files of a client's bundles, with the machine that each is on.
func doorsOf(s promises.Subject, r *promises.Report, ending string, judge func(machineCheck, string, host.Settings)) int {
	n := 0
	eachClient(s, r, 0, func(m machineCheck, _ *graph.Resource, name string) {
		for _, path := range m.files.Matching(doorFolder + "*." + ending) {
			n++
			known := path == doorFolder+name+"."+ending
			m.Note(m.by(path), known && !m.files[path].Writable(), fileAt(path), path, "a door of the client's own, in a file that root alone may change", fixBundle)
			judge(m, path, host.ReadSettings(m.files[path].Content))
		}
	})
	return n
}

// machineDoorsForTools is DP-5 on sites.
func machineDoorsForTools(s promises.Subject, r *promises.Report) {
	if pair := s.Spec.Sites; pair != nil {
		eachHost(s, r, func(m machineCheck) {
			m.keepsDoors()
			columns := "/usr/local/lib/berth/host/bi-columns"
			m.wantFile(columns, false, "what BI tools may read, table by table")
			for _, line := range host.Lines(m.files[columns].Content) {
				table, listed, _ := strings.Cut(line, ":")
				var secret []string
				for column := range strings.FieldsSeq(listed) {
					if slices.ContainsFunc([]string{"password", "token", "secret", "otp", "hash", "recovery"}, func(part string) bool { return strings.Contains(column, part) }) {
						secret = append(secret, column)
					}
				}
				private := slices.Contains([]string{"sessions", "tokens", "mail", "settings", "audit", "audit_log", "invitations"}, table)
				m.Note(m.by(columns), len(secret) == 0 && !private, fileAt(columns, table), or(strings.Join(secret, ", "), "no secrets"), "no column of passwords, tokens or sessions", fixBundle)
			}
			for _, a := range host.ReadHBA(m.files["/etc/postgresql/"+pair.PostgreSQL.Version+"/main/pg_hba.conf"].Content) {
				if !slices.Contains(a.Users, "+berth_bi") {
					continue
				}
				path := "/etc/postgresql/" + pair.PostgreSQL.Version + "/main/pg_hba.conf"
				m.Note(m.by(path), a.Type == "hostssl" && a.Method == "scram-sha-256", fileAt(path, "+berth_bi"), a.Line, "hostssl … scram-sha-256: under TLS, with a password that never crosses the line", fixBundle)
			}
		})
		return
	}
	c := s.Spec.SiteClient
	if c == nil {
		return
	}
	open := doorsOf(s, r, "bi", func(m machineCheck, path string, door host.Settings) {
		bi := c.Access.BI
		if bi == nil {
			m.Note(m.by(path), false, fileAt(path), "a door", "none: access.bi of the client's file opens none", fixBundle)
			return
		}
		var from []string
		for _, p := range bi.From {
			from = append(from, p.String())
		}
		m.wantKey(path, "from", door["from"], door["from"] == strings.Join(from, " ") && narrow(bi.From), strings.Join(from, " ")+", as access.bi.from says, and no wider than a /24")
		m.wantKey(path, "until", door["until"], door["until"] == bi.Until.String(), bi.Until.String()+", as access.bi.until says")
		m.wantKey(path, "database", door["database"], door["database"] == strings.ReplaceAll(c.Client.Name, "-", "_"), "the client's own database")
	})
	if c.Access.BI != nil && open == 0 {
		r.Missing("door for BI tools", "a door, as access.bi of the client's file says", fixBundle)
	}
	closedOrNot(s, r, open, "BI tools")
}

// narrow tells whether ranges are those of somebody's own tools, and not of a whole network.
func narrow(ranges []netip.Prefix) bool {
	return len(ranges) > 0 && !slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Addr().Is4() && p.Bits() < 24 || p.Addr().Is6() && p.Bits() < 64 })
}

// closedOrNot reports how many doors a client's stack opens.
func closedOrNot(s promises.Subject, r *promises.Report, open int, whose string) {
	eachClient(s, r, 0, func(m machineCheck, b *graph.Resource, _ string) {
		r.Note(b, open <= 1, "files["+doorFolder+"]", fmt.Sprintf("%d doors for %s", open, whose), "no door, or the one that the client's file opens", fixBundle)
	})
}

// staffDoors is AC-4 on sites: no way to a client's database but a door of one person's, for an hour at most.
func staffDoors(s promises.Subject, r *promises.Report) {
	if pair := s.Spec.Sites; pair != nil {
		eachHost(s, r, func(m machineCheck) {
			m.keepsDoors()
			for _, cluster := range []string{clusterMain, clusterSister} {
				path := "/etc/postgresql/" + pair.PostgreSQL.Version + "/" + cluster + "/pg_hba.conf"
				for i, a := range host.ReadHBA(m.files[path].Content) {
					super := slices.Contains(a.Users, "postgres") || slices.Contains(a.Users, "all") && a.Option("map") == ""
					holds := !a.Admits() || !super || a.Type == "local" && a.Method == "peer" && slices.Equal(a.Users, []string{"postgres"})
					m.Note(m.by(path), holds, fileAt(path, fmt.Sprintf("line %d", i+1)), a.Line, "nobody is superuser but the machine's own account postgres, inside the machine", fixBundle)
				}
				statement := host.ReadPostgreSQL(m.files, pair.PostgreSQL.Version+"/"+cluster)
				conf := "/etc/postgresql/" + pair.PostgreSQL.Version + "/" + cluster + "/postgresql.conf"
				for _, key := range []string{"log_connections", "log_disconnections"} {
					m.wantKey(conf, key, statement[key], statement[key] == "on", "on: who was in a database is known")
				}
				m.wantKey(conf, "log_destination", statement["log_destination"], strings.Contains(statement["log_destination"], "syslog"), "syslog: it leaves the machine with the journal")
				ddl := statement["log_statement"]
				m.wantKey(conf, "log_statement", ddl, ddl == "ddl" || ddl == "mod" || ddl == "all", "ddl or more")
				prefix := statement["log_line_prefix"]
				m.wantKey(conf, "log_line_prefix", prefix, strings.Contains(prefix, "%u") && strings.Contains(prefix, "%d"), "with role and database")
			}
		})
		return
	}
	c := s.Spec.SiteClient
	if c == nil {
		return
	}
	open := doorsOf(s, r, "break-glass", func(m machineCheck, path string, door host.Settings) {
		glass := c.Access.BreakGlass
		if glass == nil {
			m.Note(m.by(path), false, fileAt(path), "a door", "none: access.breakGlass of the client's file opens none", fixBundle)
			return
		}
		opens, errOpens := time.Parse(time.RFC3339, door["opens"])
		closes, errCloses := time.Parse(time.RFC3339, door["closes"])
		length := closes.Sub(opens)
		m.wantKey(path, "opens", door["opens"], errOpens == nil && opens.Equal(glass.Opens.Time), glass.Opens.String()+", as the client's file says")
		m.wantKey(path, "closes", door["closes"], errCloses == nil && closes.Equal(glass.Closes.Time) && length > 0 && length <= time.Hour, glass.Closes.String()+", an hour after it opens at most")
		m.wantKey(path, "person", door["person"], door["person"] == glass.Person, glass.Person+": one person")
		m.wantKey(path, "reason", door["reason"], len(door["reason"]) >= 10, "a reason, for the record")
		m.wantKey(path, "database", door["database"], door["database"] == strings.ReplaceAll(c.Client.Name, "-", "_"), "the client's own database")
	})
	if c.Access.BreakGlass != nil && open == 0 {
		r.Missing("door for the incident", "a door, as access.breakGlass of the client's file says", fixBundle)
	}
	closedOrNot(s, r, open, "staff")
}
