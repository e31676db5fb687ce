package host

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

// content gives a file of a bundle.
func content(t *testing.T, b bundle.Bundle, path string) string {
	t.Helper()
	for _, f := range b.Files {
		if f.Path == path {
			return f.Content
		}
	}
	t.Fatalf("bundle %s has no file %s", b.Name, path)
	return ""
}

func has(b bundle.Bundle, path string) bool {
	for _, f := range b.Files {
		if f.Path == path {
			return true
		}
	}
	return false
}

// rules are a configuration's lines without comments, their words separated by one space.
func rules(text string) []string {
	var all []string
	for _, l := range strings.Split(text, "\n") {
		l, _, _ = strings.Cut(l, "#")
		if words := strings.Fields(l); len(words) > 0 {
			all = append(all, strings.Join(words, " "))
		}
	}
	return all
}

func TestWhoMaySignInToClusters(t *testing.T) {
	b, err := Render(johannesburg())
	if err != nil {
		t.Fatal(err)
	}
	common := []string{
		"local all postgres peer",
		"local all all peer map=berth",
		"hostssl replication berth_replication 10.255.0.2/32 cert",
		"hostssl postgres berth_replication 10.255.0.2/32 cert",
	}
	reject := []string{"host replication all all reject", "host all all all reject"}
	bi := []string{"hostssl all +berth_bi 0.0.0.0/0 scram-sha-256"}
	for cluster, want := range map[string][][]string{"main": {common, bi, reject}, "sister": {common, reject}} {
		var lines []string
		for _, part := range want {
			lines = append(lines, part...)
		}
		if got := rules(content(t, b, "/etc/postgresql/15/"+cluster+"/pg_hba.conf")); strings.Join(got, "\n") != strings.Join(lines, "\n") {
			t.Errorf("pg_hba.conf of %s:\n%s\nwant\n%s", cluster, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
}

func TestClustersOfASite(t *testing.T) {
	b, err := Render(johannesburg())
	if err != nil {
		t.Fatal(err)
	}
	main, sister := content(t, b, "/etc/postgresql/15/main/postgresql.conf"), content(t, b, "/etc/postgresql/15/sister/postgresql.conf")
	for _, line := range []string{
		"listen_addresses = '127.0.0.1,10.255.0.1'", "port = 5432", "max_connections = 200", "password_encryption = scram-sha-256",
		"ssl_min_protocol_version = 'TLSv1.2'", "max_slot_wal_keep_size = '20GB'", "archive_timeout = 300", "archive_mode = on", "wal_log_hints = on",
		"archive_command = 'pgbackrest --stanza=jnb archive-push %p'", "log_connections = on", "log_statement = ddl", "hot_standby = on",
	} {
		if !contains(rules(main), line) {
			t.Errorf("postgresql.conf of main lacks %q", line)
		}
	}
	for _, text := range []string{
		"port = 5433", "host=10.255.0.2 port=5432 user=berth_replication sslmode=verify-full", "primary_slot_name = 'sister'",
		"--stanza=cpt archive-push %p", "--stanza=cpt --no-archive-async --repo=2 archive-get %f \"%p\"",
	} {
		if !strings.Contains(sister, text) {
			t.Errorf("postgresql.conf of sister lacks %q", text)
		}
	}
	for _, f := range b.Files {
		if strings.Contains(f.Content, "listen_addresses = '*'") || strings.Contains(f.Content, "trust\n") && strings.HasSuffix(f.Path, "pg_hba.conf") {
			t.Errorf("%s lets everybody in", f.Path)
		}
	}
}

func contains(lines []string, want string) bool {
	for _, l := range lines {
		if l == want {
			return true
		}
	}
	return false
}

func TestRepositories(t *testing.T) {
	site, err := Render(johannesburg())
	if err != nil {
		t.Fatal(err)
	}
	bucket := content(t, site, "/etc/pgbackrest/conf.d/repo3.conf")
	for _, line := range []string{"repo3-cipher-type=aes-256-cbc", "repo3-retention-full=7", "repo3-retention-full-type=time", "repo3-s3-bucket=berth-southern-backups"} {
		if !contains(rules(bucket), line) {
			t.Errorf("repository 3 lacks %q", line)
		}
	}
	if timer := content(t, site, "/etc/systemd/system/berth-backup.timer"); !strings.Contains(timer, "OnCalendar=*-*-* 00:00:00 Africa/Johannesburg\n") {
		t.Errorf("the full backup is made at another time: %s", timer)
	}
	if server := content(t, site, "/etc/pgbackrest/pgbackrest.conf"); !contains(rules(server), "tls-server-auth=berth-cpt=cpt,jnb") || !contains(rules(server), "tls-server-address=10.255.0.1") {
		t.Errorf("the server for the sister: %s", server)
	}
	// The sister names paths by itself: what this machine's own repository is, its requests never see.
	unit := content(t, site, "/etc/systemd/system/pgbackrest.service.d/berth.conf")
	if !contains(rules(unit), "ReadWritePaths=/srv/data/pgbackrest/sister /var/log/pgbackrest /var/spool/pgbackrest") || !contains(rules(unit), "InaccessiblePaths=-/srv/data/pgbackrest/own") {
		t.Errorf("the server for the sister reaches: %s", unit)
	}
	d := onPremises()
	d.Backup.Folder = "/mnt/backup"
	premises, err := Render(d)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(content(t, premises, "/etc/pgbackrest/conf.d/repo2.conf"), "repo2-path=/mnt/backup/pgbackrest\n") {
		t.Error("the folder of a client's own is no repository")
	}
	for _, path := range []string{"/etc/pgbackrest/sister.conf", "/etc/postgresql/15/sister/postgresql.conf", "/usr/local/sbin/berth-promote", "/usr/local/sbin/berth-doors"} {
		if has(premises, path) {
			t.Errorf("a machine without a sister has %s", path)
		}
	}
	for _, f := range append(site.Files, premises.Files...) {
		if regexp.MustCompile(`(?m)^repo3-(s3-key|s3-key-secret|cipher-pass)=`).MatchString(f.Content) {
			t.Errorf("%s holds a secret", f.Path)
		}
	}
}

func TestClientsDatabases(t *testing.T) {
	c := someClient()
	c.Name = "acme-corp"
	b, err := RenderClient(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, b, "/etc/berth/clients.d/acme-corp"); !strings.Contains(got, "\ndatabase=acme_corp\ncluster=main\nstanding=home\n") {
		t.Errorf("at home: %s", got)
	}
	c.Standing = Standby
	if b, err = RenderClient(c); err != nil {
		t.Fatal(err)
	}
	if got := content(t, b, "/etc/berth/clients.d/acme-corp"); !strings.Contains(got, "\ncluster=sister\nstanding=standby\n") {
		t.Errorf("on the standby: %s", got)
	}
	for _, s := range b.Steps {
		if strings.Contains(s.Script, "CREATE DATABASE") {
			t.Errorf("step %s makes a database on the standby", s.Name)
		}
	}
	for _, name := range []string{"postgres", "template1", "pg-monitor", "bi-globex", "bg-ada", "berth-replication", "public", "prometheus"} {
		c.Name = name
		if _, err := RenderClient(c); err == nil || !strings.Contains(err.Error(), "choose another name") {
			t.Errorf("a client named %s: %v", name, err)
		}
	}
}

func mustRender(t *testing.T) bundle.Bundle {
	t.Helper()
	b, err := Render(johannesburg())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDoors(t *testing.T) {
	c := someClient()
	c.Name = "globex"
	c.BI = &spec.BIAccess{Reason: "sales report\ndatabase=acme", From: prefixes("203.0.113.16/29", "203.0.113.32/32"), Until: spec.Date{Time: time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)}}
	c.BreakGlass = &spec.MachineBreakGlass{
		Reason: "INC-2026-014: tasks vanished", Person: "ada-lindqvist",
		Opens: spec.Instant{Time: time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)}, Closes: spec.Instant{Time: time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)},
	}
	b, err := RenderClient(c)
	if err != nil {
		t.Fatal(err)
	}
	want := "client=globex\ndatabase=globex\nuntil=2027-03-31\nfrom=203.0.113.16/29 203.0.113.32/32\nreason=sales report database=acme\n"
	if got := content(t, b, "/etc/berth/doors.d/globex.bi"); got != want {
		t.Errorf("the door for BI: %q, want %q", got, want)
	}
	want = "client=globex\ndatabase=globex\nperson=ada-lindqvist\nopens=2026-11-21T21:00:00Z\ncloses=2026-11-21T22:00:00Z\nreason=INC-2026-014: tasks vanished\n"
	if got := content(t, b, "/etc/berth/doors.d/globex.break-glass"); got != want {
		t.Errorf("the door for break-glass access: %q, want %q", got, want)
	}
	// No two doors have the same role, and none has one that PostgreSQL would cut.
	one, other := Client{Name: "b-c"}, Client{Name: "c"}
	if one.breakGlassRole("a") == other.breakGlassRole("a-b") {
		t.Error("two people on two clients have one role:", one.breakGlassRole("a"))
	}
	if script := content(t, mustRender(t), "/usr/local/sbin/berth-doors"); !strings.Contains(script, `'bg_%s.%s\n' "$(value "$1" person)" "$(value "$1" database)"`) || c.breakGlassRole("ada-lindqvist") != "bg_ada-lindqvist.globex" {
		t.Error("berth-doors makes a role of another name than", c.breakGlassRole("ada-lindqvist"))
	}
	long := c
	long.Name, long.BreakGlass = strings.Repeat("n", 29), &spec.MachineBreakGlass{Person: strings.Repeat("a", 31)}
	if _, err := RenderClient(long); err == nil || !strings.Contains(err.Error(), "longer than the 63 letters") {
		t.Errorf("a role of 64 letters: %v", err)
	}
	c.Standing = Standby
	if b, err = RenderClient(c); err != nil {
		t.Fatal(err)
	}
	for _, f := range b.Files {
		if strings.HasPrefix(f.Path, "/etc/berth/doors.d/") {
			t.Errorf("the standby has the door %s", f.Path)
		}
	}
}

// What BI roles may read is said twice, for the service is a module of its own that may not be imported: here it is compared.
func TestBIReadsWhatTheServiceSays(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "../../app/bi/bi.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(source, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != "readable" {
			return true
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			ast.Inspect(pair.Value, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					word, err := strconv.Unquote(text.Value)
					if err != nil {
						t.Fatal(err)
					}
					if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Name" {
						word += ":"
					}
					want = append(want, word)
				}
				return true
			})
			return false
		})
		return false
	})
	text, err := os.ReadFile("files/doors/bi-columns")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rules(string(text)), " "); got != strings.Join(want, " ") || len(want) < 50 {
		t.Errorf("files/doors/bi-columns says\n%s\nthe service says\n%s", got, strings.Join(want, " "))
	}
}
