package pair

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/spec"
)

const (
	home  = "5432" // a machine's own main
	copy2 = "5433" // the copy of the sister's
)

func (s sites) streaming(t *testing.T) {
	for _, m := range []*machine{s.jnb, s.cpt} {
		m.eventually("/usr/local/lib/berth/host/checks/replication-lag")
		got := m.sql(home, "postgres", `SELECT r.application_name, r.usename, r.client_addr, r.state, s.ssl, s.version, s.client_dn, s.issuer_dn LIKE '/CN=Berth%'
			FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)`)
		sister := map[string]*machine{"jnb": s.cpt, "cpt": s.jnb}[m.name]
		want := fmt.Sprintf("%s|berth_replication|%s|streaming|t|TLSv1.3|/CN=berth_replication|t", sister.name, sister.address)
		if got != want {
			t.Errorf("streaming from %s: %q, want %q", m.name, got, want)
		}
		t.Logf("%s: %s", m.name, got)
		for _, check := range []string{"standby", "certificates"} {
			t.Logf("%s: %s: %s", m.name, check, m.must("/usr/local/lib/berth/host/checks/"+check))
		}
	}
	if got := s.jnb.sql(home, "postgres", "SHOW data_checksums"); got != "on" {
		t.Errorf("data checksums are %s", got)
	}
	s.jnb.sql(home, "globex", "CREATE TABLE streamed (at timestamptz); INSERT INTO streamed VALUES (now())")
	s.cpt.eventually("cd / && runuser -u postgres -- psql -p 5433 -qAtc 'SELECT 1 FROM streamed' globex | grep -q 1")
}

func (s sites) refused(t *testing.T) {
	const certificates = "/etc/berth/certificates/"
	// What an attacker on the sister's machine, or on the wire, could try.
	s.cpt.must(`cd /run && mkdir -p attack && cd attack
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj "/CN=berth_replication" -keyout other.key -out other.crt 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out cn.key
openssl req -new -key cn.key -subj "/CN=postgres" -out cn.csr
openssl x509 -req -in cn.csr -CA /etc/berth/keys/authority.crt -CAkey /etc/berth/keys/authority.key -days 9 -set_serial 7 -out cn.crt 2>/dev/null`)
	s.jnb.sql(home, "postgres", "CREATE ROLE with_password LOGIN REPLICATION PASSWORD 'guessed'")
	defer s.jnb.sql(home, "postgres", "DROP ROLE with_password")
	for name, tc := range map[string]struct{ connection, want string }{
		"the right certificate":         {"user=berth_replication sslmode=verify-full sslcert=" + certificates + "postgresql/replication.pem sslkey=" + certificates + "postgresql/replication.pem", ""},
		"no TLS":                        {"user=berth_replication sslmode=disable", "pg_hba.conf rejects replication connection"},
		"no certificate":                {"user=berth_replication sslmode=verify-full sslcert=none", "requires a valid client certificate"},
		"another name":                  {"user=berth_replication sslmode=verify-full sslcert=attack/cn.crt sslkey=attack/cn.key", "certificate authentication failed"},
		"another role":                  {"user=postgres sslmode=verify-full sslcert=attack/cn.crt sslkey=attack/cn.key", "pg_hba.conf rejects replication connection"},
		"another authority":             {"user=berth_replication sslmode=verify-full sslcert=attack/other.crt sslkey=attack/other.key", "unknown ca"},
		"a password":                    {"user=with_password password=guessed sslmode=verify-full sslcert=none", "pg_hba.conf rejects replication connection"},
		"a server of another authority": {"user=berth_replication sslmode=verify-full sslrootcert=attack/other.crt sslcert=none", "certificate verify failed"},
	} {
		root := " sslrootcert=" + certificates + "trusted.crt"
		if strings.Contains(tc.connection, "sslrootcert") {
			root = ""
		}
		out, err := s.cpt.try(fmt.Sprintf("cd /run && psql -X -At -d 'host=%s port=5432 replication=true dbname=postgres %s%s' -c IDENTIFY_SYSTEM", s.jnb.address, tc.connection, root))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: refused: %s", name, out)
		case tc.want != "" && (err == nil || !strings.Contains(out, tc.want)):
			t.Errorf("%s: %v, %q, want %q", name, err, out, tc.want)
		}
	}
	// From an address that is not the sister's, on a machine that is otherwise trusted.
	s.cpt.must("ip addr add 10.255.0.3/29 dev wg0")
	defer s.cpt.must("ip addr del 10.255.0.3/29 dev wg0")
	s.cpt.must("ip route replace 10.255.0.1/32 dev wg0 src 10.255.0.3")
	defer s.cpt.must("ip route del 10.255.0.1/32 dev wg0 src 10.255.0.3")
	out, err := s.cpt.try(fmt.Sprintf("psql -X -At -d 'host=%s port=5432 replication=true dbname=postgres user=berth_replication sslmode=verify-full sslrootcert=%[2]strusted.crt sslcert=%[2]spostgresql/replication.pem sslkey=%[2]spostgresql/replication.pem' -c IDENTIFY_SYSTEM", s.jnb.address, certificates))
	if err == nil || !strings.Contains(out, "pg_hba.conf rejects") {
		t.Errorf("from another address: %v, %q", err, out)
	}
}

func (s sites) standby(t *testing.T) {
	out, err := s.cpt.try("cd / && runuser -u postgres -- psql -p 5433 -c 'INSERT INTO streamed VALUES (now())' globex")
	if err == nil || !strings.Contains(out, "cannot execute INSERT in a read-only transaction") {
		t.Errorf("a write on the standby: %v, %q", err, out)
	}
	// The client's own user as well, which cannot make its session write there.
	out, err = s.cpt.try("cd / && runuser -u tf-globex -- psql -h /run/postgresql -p 5433 -U globex -c 'SET default_transaction_read_only = off; CREATE TABLE x ()' globex")
	if err == nil || !strings.Contains(out, "cannot execute CREATE TABLE in a read-only transaction") {
		t.Errorf("a client's write on the standby: %v, %q", err, out)
	}
}

func (s sites) apart(t *testing.T) {
	as := func(user, role, database, query string) (string, error) {
		return s.jnb.try(fmt.Sprintf("cd / && runuser -u %s -- psql -X -q -At -h /run/postgresql -U %s -d %s", user, role, database), query)
	}
	if out, err := as("tf-globex", "globex", "globex", "CREATE TABLE rows (id int); INSERT INTO rows VALUES (1); SELECT current_user, count(*) FROM rows"); err != nil || out != "globex|1" {
		t.Fatalf("the client's own database: %v, %q", err, out)
	}
	for name, tc := range map[string]struct{ user, role, database, query, want string }{
		"another client's database":   {"tf-globex", "globex", "acme_corp", "SELECT 1", "permission denied for database"},
		"the database postgres":       {"tf-globex", "globex", "postgres", "SELECT 1", "permission denied for database"},
		"a template":                  {"tf-globex", "globex", "template1", "SELECT 1", "permission denied for database"},
		"another client's role":       {"tf-globex", "acme_corp", "acme_corp", "SELECT 1", "Peer authentication failed"},
		"the superuser":               {"tf-globex", "postgres", "postgres", "SELECT 1", "Peer authentication failed"},
		"a user of nobody's":          {"ada-lindqvist", "globex", "globex", "SELECT 1", "Peer authentication failed"},
		"becoming the other":          {"tf-globex", "globex", "globex", "SET ROLE acme_corp", "permission denied to set role"},
		"making a role":               {"tf-globex", "globex", "globex", "CREATE ROLE x", "permission denied to create role"},
		"making a database":           {"tf-globex", "globex", "globex", "CREATE DATABASE x", "permission denied to create database"},
		"reading files of the server": {"tf-globex", "globex", "globex", "SELECT pg_read_file('/etc/passwd')", "permission denied for function"},
		"programs of the server":      {"tf-globex", "globex", "globex", "COPY rows FROM PROGRAM 'id'", "must be superuser"},
		"hashes of others":            {"tf-globex", "globex", "globex", "SELECT * FROM pg_authid", "permission denied for table"},
	} {
		if out, err := as(tc.user, tc.role, tc.database, tc.query); err == nil && !strings.Contains(out, "ERROR") || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v, %q, want %q", name, err, out, tc.want)
		}
	}
	// Not over TCP either, with or without a password.
	if out, err := s.jnb.try("psql -X -At -d 'host=127.0.0.1 user=globex dbname=globex' -c 'SELECT 1'"); err == nil || !strings.Contains(out, "pg_hba.conf rejects") {
		t.Errorf("over TCP: %v, %q", err, out)
	}
	// No more connections at once than it may hold.
	out, err := s.jnb.try(`cd / && for i in 1 2 3 4 5 6 7 8; do runuser -u tf-globex -- psql -qAt -h /run/postgresql -U globex globex -c 'SELECT pg_sleep(2)' & done; wait`)
	if !strings.Contains(out, "too many connections for role") {
		t.Errorf("eight connections of seven: %v, %q", err, out)
	}
}

func withDoors(c host.Client, bi *spec.BIAccess, glass *spec.MachineBreakGlass) host.Client {
	c.BI, c.BreakGlass = bi, glass
	return c
}

func (s sites) bi(t *testing.T) {
	// A table that BI may read in part, and one that it may not.
	s.jnb.must("cd / && runuser -u tf-globex -- psql -qAt -h /run/postgresql -U globex globex",
		"CREATE TABLE users (id int, name text, password_hash text); INSERT INTO users VALUES (1, 'Ann', 'secret'); CREATE TABLE sessions (id text)")
	access := &spec.BIAccess{
		Reason: "monthly sales report, asked for by J. Doe", From: []netip.Prefix{netip.MustParsePrefix("10.255.0.2/32")},
		Until: spec.Date{Time: time.Now().UTC().AddDate(0, 0, 3).Truncate(24 * time.Hour)},
	}
	s.jnb.apply(renderClient(t, withDoors(client("globex", host.Home), access, nil)))
	password := s.jnb.must("berth-doors password bi_globex 2>/dev/null")
	if out, err := s.jnb.try("berth-doors password bi_globex"); err == nil {
		t.Errorf("the password came a second time: %s", out)
	}
	if out := s.jnb.must("cat /var/log/postgresql/postgresql-15-main.log"); strings.Contains(out, password) {
		t.Error("the password is in the log")
	}
	ask := func(database, query string) (string, error) {
		return s.cpt.try(fmt.Sprintf("PGPASSWORD=%s psql -X -q -At -d 'host=%s user=bi_globex dbname=%s sslmode=verify-full sslrootcert=/etc/berth/certificates/trusted.crt'", password, s.jnb.address, database), query)
	}
	if out, err := ask("globex", "SELECT id, name FROM users"); err != nil || out != "1|Ann" {
		t.Errorf("BI reads: %v, %q", err, out)
	}
	for name, tc := range map[string]struct{ database, query, want string }{
		"a secret's column":       {"globex", "SELECT password_hash FROM users", "permission denied for table users"},
		"a secret's table":        {"globex", "SELECT * FROM sessions", "permission denied for table sessions"},
		"another client's":        {"acme_corp", "SELECT 1", "permission denied for database"},
		"a write":                 {"globex", "SET default_transaction_read_only = off; INSERT INTO users (id) VALUES (2)", "permission denied for table users"},
		"a table":                 {"globex", "SET default_transaction_read_only = off; CREATE TABLE x ()", "permission denied for schema public"},
		"a large object":          {"globex", "SET default_transaction_read_only = off; SELECT lo_from_bytea(0, 'x')", "permission denied for function lo_from_bytea"},
		"the disk":                {"globex", "SET temp_file_limit = -1", "permission denied to set parameter"},
		"becoming the client":     {"globex", "SET ROLE globex", "permission denied to set role"},
		"a table for the session": {"globex", "SET default_transaction_read_only = off; CREATE TEMP TABLE x ()", "permission denied to create temporary tables"},
	} {
		if out, _ := ask(tc.database, tc.query); !strings.Contains(out, tc.want) {
			t.Errorf("BI, %s: %q, want %q", name, out, tc.want)
		}
	}
	if out, err := s.cpt.try(fmt.Sprintf("PGPASSWORD=%s psql -X -At -d 'host=%s user=bi_globex dbname=globex sslmode=disable' -c 'SELECT 1'", password, s.jnb.address)); err == nil || !strings.Contains(out, "pg_hba.conf rejects") {
		t.Errorf("BI without TLS: %v, %q", err, out)
	}
	// What comes with the next release's migration is readable a minute later, as far as the list goes.
	s.jnb.must("cd / && runuser -u tf-globex -- psql -qAt -h /run/postgresql -U globex globex", "CREATE TABLE labels (id int, project_id int, name text); INSERT INTO labels VALUES (1, 1, 'red')")
	s.jnb.must("berth-doors")
	if out, err := ask("globex", "SELECT name FROM labels"); err != nil || out != "red" {
		t.Errorf("BI reads a new table: %v, %q", err, out)
	}
	if out := s.jnb.must("nft list set inet berth bi; nft list table ip berth_doors"); !strings.Contains(out, "10.255.0.2 timeout") || !strings.Contains(out, "dnat to 10.255.0.1:5432") {
		t.Errorf("the firewall: %s", out)
	}
	// A reload of the firewall, as its own bundle does, is mended.
	s.jnb.must("nft flush ruleset && nft add table inet berth && nft add set inet berth bi '{ type ipv4_addr; flags interval, timeout; }' && berth-doors")
	if out := s.jnb.must("nft list set inet berth bi"); !strings.Contains(out, "10.255.0.2") {
		t.Errorf("the firewall after a reload: %s", out)
	}
	// Its day is over, while somebody is connected.
	s.cpt.must(fmt.Sprintf("PGPASSWORD=%s psql -X -At -d 'host=%s user=bi_globex dbname=globex sslmode=require' -c 'SELECT pg_sleep(30)' >/run/bi.out 2>&1 & sleep 1", password, s.jnb.address))
	s.jnb.must("sed -i 's/^until=.*/until=2020-01-01/' /etc/berth/doors.d/globex.bi")
	if out, err := s.jnb.try("/usr/local/lib/berth/host/checks/doors"); err == nil || !strings.Contains(out, "bi_globex") {
		t.Errorf("the check does not see an overdue door: %v, %q", err, out)
	}
	// A role that cannot be dropped, for it has rights where nobody can take them, and a door whose dates nobody can read keep no other open.
	s.jnb.sql(home, "postgres", `CREATE ROLE bi_aaa LOGIN IN ROLE berth_bi; CREATE DATABASE shut`)
	s.jnb.sql(home, "shut", "CREATE TABLE x (); GRANT SELECT ON x TO bi_aaa")
	s.jnb.sql(home, "postgres", "ALTER DATABASE shut ALLOW_CONNECTIONS false")
	s.jnb.must("printf 'client=acme-corp\ndatabase=acme_corp\nuntil=soon\nfrom=10.255.0.3\n' >/etc/berth/doors.d/acme-corp.bi")
	if out, err := s.jnb.try("berth-doors"); err == nil || !strings.Contains(out, "not done: bi_aaa acme-corp.bi, whose times cannot be read.") {
		t.Errorf("a door that cannot be closed: %v, %q", err, out)
	}
	if got := s.jnb.sql(home, "postgres", "SELECT string_agg(rolname || ' ' || rolcanlogin, ',') FROM pg_roles WHERE rolname IN ('bi_aaa', 'bi_globex')"); got != "bi_aaa false" {
		t.Errorf("roles after their end: %q", got)
	}
	s.jnb.sql(home, "postgres", "DROP DATABASE shut")
	s.jnb.must("rm /etc/berth/doors.d/acme-corp.bi && berth-doors")
	if out, err := ask("globex", "SELECT 1"); err == nil {
		t.Errorf("BI after its end: %q", out)
	}
	s.cpt.eventually("grep -q 'terminating connection' /run/bi.out")
	if out := s.jnb.must("nft list set inet berth bi"); strings.Contains(out, "10.255.0.2") {
		t.Errorf("the firewall still lets BI in: %s", out)
	}
	s.jnb.must("rm /etc/berth/doors.d/globex.bi && berth-doors && /usr/local/lib/berth/host/checks/doors")
}

func (s sites) breakGlass(t *testing.T) {
	now := time.Now().UTC()
	glass := &spec.MachineBreakGlass{
		Reason: "INC-2026-014: tasks vanished after an import", Person: "ada-lindqvist",
		Opens: spec.Instant{Time: now.Add(time.Hour)}, Closes: spec.Instant{Time: now.Add(2 * time.Hour)},
	}
	as := func(user, query string) (string, error) {
		return s.jnb.try("cd / && runuser -u "+user+" -- psql -X -q -At -h /run/postgresql -U bg_ada-lindqvist.globex -d globex", query)
	}
	s.jnb.apply(renderClient(t, withDoors(client("globex", host.Home), nil, glass)))
	if out, err := as("ada-lindqvist", "SELECT 1"); err == nil {
		t.Errorf("before its time: %q", out)
	}
	glass.Opens, glass.Closes = spec.Instant{Time: now.Add(-time.Minute)}, spec.Instant{Time: now.Add(50 * time.Minute)}
	s.jnb.apply(renderClient(t, withDoors(client("globex", host.Home), nil, glass)))
	if out, err := as("ada-lindqvist", "CREATE TABLE found AS SELECT count(*) FROM rows; SELECT session_user, current_user"); err != nil || out != "bg_ada-lindqvist.globex|globex" {
		t.Errorf("while it is open: %v, %q", err, out)
	}
	if out, err := as("tf-acme", "SELECT 1"); err == nil {
		t.Errorf("somebody else's account takes it: %q", out)
	}
	if out := s.jnb.must("cat /var/log/postgresql/postgresql-15-main.log"); !strings.Contains(out, "bg_ada-lindqvist.globex@globex [local] LOG:  statement: CREATE TABLE found") {
		t.Error("what was done is not in the log under the person's name")
	}
	s.jnb.must("cd / && (runuser -u ada-lindqvist -- psql -h /run/postgresql -U bg_ada-lindqvist.globex globex -c 'SELECT pg_sleep(30)' >/run/glass.out 2>&1 &) ; sleep 1; sed -i 's/^closes=.*/closes=2020-01-01T00:00:00Z/' /etc/berth/doors.d/globex.break-glass; berth-doors")
	s.jnb.eventually("grep -q 'terminating connection' /run/glass.out")
	if out, err := as("ada-lindqvist", "SELECT 1"); err == nil {
		t.Errorf("after its end: %q", out)
	}
	if got := s.jnb.sql(home, "globex", "SELECT tableowner FROM pg_tables WHERE tablename = 'found'"); got != "globex" {
		t.Errorf("what was made in the incident is owned by %q", got)
	}
	s.jnb.apply(renderClient(t, client("globex", host.Home)))
	s.jnb.must("rm -f /etc/berth/doors.d/globex.break-glass")
}
