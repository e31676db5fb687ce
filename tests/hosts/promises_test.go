package hosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/machine/ssh"
)

// psql is a query at a cluster by the superuser, on the machine itself.
func psql(port int, database, query string) string {
	return fmt.Sprintf("cd / && runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -p %d -d %s <<'SQL'\n%s\nSQL\n", port, database, query)
}

// same applies what is there again: nothing may differ, and nothing may be done.
func (l *lab) same(t *testing.T) {
	side(t, map[string]func(*testing.T){"jnb": func(t *testing.T) { l.sameOn(t, l.jnb) }, "cpt": func(t *testing.T) { l.sameOn(t, l.cpt) }})
}

func (l *lab) sameOn(t *testing.T, m *server) {
	began := time.Now()
	if out, err := m.run(t.Context(), "berth-host plan"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("a plan right after the apply wants to change something on %s: %v\n%s", m.name, err, out)
	}
	l.figure("%s: plan of all bundles: %s", m.name, time.Since(began).Round(time.Second))
	if out, err := m.run(t.Context(), "berth-host apply"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("a second apply changed something on %s: %v\n%s", m.name, err, out)
	}
}

// mirrored looks at the array, what lies on it, and where.
func (l *lab) mirrored(t *testing.T) {
	for _, m := range []*server{l.jnb, l.cpt} {
		stat := m.must(t, "cat /proc/mdstat; findmnt -no SOURCE,FSTYPE,OPTIONS /srv/data; lsblk -no NAME,TYPE; systemctl is-active mdmonitor")
		for _, want := range []string{"raid1", "[2/2] [UU]", "crypt", "ext4", "nodev"} {
			if !strings.Contains(stat, want) {
				t.Errorf("%s: no %q in:\n%s", m.name, want, stat)
			}
		}
	}
}

// scanned is what each place sees of each machine, and nothing else.
func (l *lab) scanned(t *testing.T) {
	places := map[string]*network{"internet": l.networks.anybody, "office": l.networks.office, "edge": l.networks.edge}
	want := map[string]string{"internet": "", "office": "tcp 22 open", "edge": "tcp 443 open"}
	began := time.Now()
	things := map[string]func(*testing.T){}
	for place, from := range places {
		things["from the "+place] = func(t *testing.T) {
			for _, m := range []*server{l.jnb, l.cpt} {
				out, err := from.command(t.Context(), l.scan, m.address).CombinedOutput()
				seen := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(out)), "scanned"))
				if err != nil || !strings.Contains(string(out), "scanned") || seen != want[place] {
					t.Errorf("from the %s, %s shows %q, want %q (%v)", place, m.name, seen, want[place], err)
				}
			}
		}
	}
	things["from the sister site"] = func(t *testing.T) {
		program, err := os.Open(l.scan)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = program.Close() }()
		if _, err := l.cpt.feed(t.Context(), "cat >/root/scan && chmod 0700 /root/scan", program); err != nil {
			t.Fatal(err)
		}
		// In the tunnel, what logs, replication, backups and attachments need; beside it nothing: WireGuard answers nobody whom it does not know.
		for address, want := range map[string][]string{addressJNB: nil, "10.255.0.1": {"tcp 19532 open", "tcp 5432 open", "tcp 5433 open", "tcp 8432 open", "tcp 873 open"}} {
			out, err := l.cpt.feed(t.Context(), "/root/scan "+address+" known", nil)
			var seen []string
			for line := range strings.Lines(strings.TrimSuffix(strings.TrimSpace(out), "scanned")) {
				if strings.HasSuffix(strings.TrimSpace(line), "open") { // what is refused was let through for a service that does not run now
					seen = append(seen, strings.TrimSpace(line))
				}
			}
			if err != nil || !slices.Equal(seen, want) {
				t.Errorf("from the sister site, %s shows %q, want %q (%v)", address, seen, want, err)
			}
		}
		l.cpt.must(t, "rm /root/scan")
	}
	side(t, things)
	l.figure("65,535 TCP ports and 19 UDP ports of both machines from the internet, the office, Cloudflare's and the sister's: %s", time.Since(began).Round(time.Second))
}

// signedIn tries all ways in that must not be.
func (l *lab) signedIn(t *testing.T) {
	try := func(from *network, user, key string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		target := ssh.Target{Hop: ssh.Hop{Address: addressJNB, User: user}}
		m, err := ssh.Connect(ctx, target, ssh.Options{PrivateKey: key, Dial: from.dial})
		if err == nil {
			_ = m.Close()
		}
		return err
	}
	if err := try(l.networks.office, "ada-lindqvist", l.people.ada.private); err != nil {
		t.Errorf("the administrator cannot sign in: %v", err)
	}
	for name, refused := range map[string]error{
		"root with the pipeline's key":          try(l.networks.office, "root", l.people.deploy.private),
		"the administrator with another's key":  try(l.networks.office, "ada-lindqvist", l.people.stranger.private),
		"the pipeline with the administrator's": try(l.networks.office, "berth", l.people.ada.private),
		"a service's user":                      try(l.networks.office, "postgres", l.people.deploy.private),
	} {
		if refused == nil || !strings.Contains(refused.Error(), "sign in") && !strings.Contains(refused.Error(), "authenticate") && !strings.Contains(refused.Error(), "key") {
			t.Errorf("%s: %v, want a refusal by the server", name, refused)
		}
	}
	out, _ := l.networks.office.command(t.Context(), "ssh", "-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=password,keyboard-interactive", "ada-lindqvist@"+addressJNB, "true").CombinedOutput()
	if !strings.Contains(string(out), "Permission denied (publickey)") {
		t.Errorf("the server offers other ways than keys: %s", out)
	}
	if _, err := l.networks.anybody.dial(t.Context(), "tcp", addressJNB+":22"); err == nil {
		t.Error("SSH answers the internet")
	}
	log := l.jnb.must(t, "journalctl -u ssh --no-pager -o cat | grep -c 'Accepted publickey for ada-lindqvist' ")
	if log == "0" {
		t.Error("the sign-in is not in the log")
	}
}

// web is a client's browser, seen from where Cloudflare would be.
func (l *lab) web(t *testing.T, from *network, machine, hostname string, certificate bool) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(l.world.authority.cert)
	config := &tls.Config{RootCAs: roots, ServerName: hostname}
	if certificate {
		config.Certificates = []tls.Certificate{l.origin.keyPair(t, "cloudflare.example")}
	}
	return &http.Client{
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: config, DisableKeepAlives: true,
			DialContext: func(ctx context.Context, proto, _ string) (net.Conn, error) {
				return from.dial(ctx, proto, machine+":443")
			},
		},
	}
}

func get(ctx context.Context, c *http.Client, url string) (int, string, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	r, err := c.Do(q)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	return r.StatusCode, string(body), err
}

// served asks each client's service at its home, and at the site that stands by.
func (l *lab) served(t *testing.T) {
	for _, c := range homes {
		name := c.name + ".northwind.example"
		home, other := addressJNB, addressCPT
		if c.home == "cpt" {
			home, other = other, home
		}
		if status, body, err := get(t.Context(), l.web(t, l.networks.edge, home, name, true), "https://"+name+"/healthz"); err != nil || status != http.StatusOK {
			t.Errorf("%s at home: %d %v %s", c.name, status, err, body)
		}
		if c.standby != "" {
			if status, _, err := get(t.Context(), l.web(t, l.networks.edge, other, name, true), "https://"+name+"/healthz"); err != nil || status != http.StatusServiceUnavailable {
				t.Errorf("%s where it stands by: %d %v, want 503", c.name, status, err)
			}
		}
		if status, _, err := get(t.Context(), l.web(t, l.networks.edge, home, name, false), "https://"+name+"/healthz"); err == nil && status < 400 {
			t.Errorf("%s answers %d to who has no certificate of Cloudflare's", c.name, status)
		}
	}
}

var exposure = regexp.MustCompile(`Overall exposure level for [^ ]+ ([0-9.]+)`)

// hardened measures services and the machine as auditors do.
func (l *lab) hardened(t *testing.T) {
	for unit, limit := range map[string]float64{"taskflow@globex.service": 2.0, "nginx.service": 4.0} {
		out := l.jnb.must(t, "systemd-analyze security --no-pager "+unit+" | tail -n 1 | sed 's/[^ -~]//g; s/: / /'")
		found := exposure.FindStringSubmatch(out)
		if found == nil {
			t.Errorf("%s: cannot read %q", unit, out)
			continue
		}
		l.figure("systemd-analyze security %s: %s", unit, found[1])
		if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > limit {
			t.Errorf("%s has an exposure of %s, want at most %.1f", unit, found[1], limit)
		}
	}
	if out := l.jnb.must(t, "aa-status --enabled && echo enforcing; auditctl -s | grep -E '^enabled' ; sysctl -n kernel.kptr_restrict"); !strings.Contains(out, "enforcing") {
		t.Errorf("AppArmor or audit are off: %s", out)
	}
	for m, sister := range map[*server]string{l.jnb: "cpt", l.cpt: "jnb"} {
		const folder = "/var/log/journal/remote"
		if out := m.must(t, "journalctl -D "+folder+" -q -n 1 -o cat _HOSTNAME="+sister); out == "" {
			t.Errorf("%s has no logs of %s", m.name, sister)
		}
		if out := m.must(t, "ls "+folder+" | wc -l"); out != "1" { // one each time that the sister delivers fills the disk
			t.Errorf("the logs of %s fill %s files on %s, want one", sister, out, m.name)
		}
	}
}

var index = regexp.MustCompile(`hardening_index=([0-9]+)`)

func (l *lab) lynis(t *testing.T, m *server) {
	began := time.Now()
	// As a unit of its own: what a person starts is noted by auditd command by command, and lynis starts ten thousand.
	out := m.must(t, "systemd-run --quiet --collect --wait lynis audit system --quick --no-colors --quiet || true; grep -E '^(hardening_index|warning|suggestion)' /var/log/lynis-report.dat")
	found := index.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("lynis gave no index: %s", out)
	}
	l.figure("lynis hardening index of %s: %s (%s)", m.name, found[1], time.Since(began).Round(time.Second))
	if n, err := strconv.Atoi(found[1]); err != nil || n < 85 {
		t.Errorf("lynis gives %s a hardening index of %s, want at least 85:\n%s", m.name, found[1], out)
	}
}

// apart tries to reach one client's data as another.
func (l *lab) apart(t *testing.T) {
	as := func(user, rest string) string {
		return "cd / && runuser -u " + user + " -- psql -X -At -p 5432 " + rest + " 2>&1"
	}
	if out := l.jnb.must(t, as("tf-globex", "-U globex -d globex -c 'SELECT current_user'")); out != "globex" {
		t.Errorf("the client cannot reach its own database: %s", out)
	}
	for name, refused := range map[string]string{
		"another client's database":   as("tf-globex", "-U globex -d initrode -c 'SELECT 1'"),
		"another client's role":       as("tf-globex", "-U initrode -d initrode -c 'SELECT 1'"),
		"the superuser's role":        as("tf-globex", "-U postgres -d postgres -c 'SELECT 1'"),
		"the maintenance database":    as("tf-globex", "-U globex -d postgres -c 'SELECT 1'"),
		"another client's files":      "runuser -u tf-globex -- ls /srv/data/taskflow/initrode 2>&1",
		"another client's key":        "runuser -u tf-globex -- cat /etc/taskflow/initrode/application-key 2>&1",
		"the cluster's files":         "runuser -u tf-globex -- ls /srv/data/postgresql/15/main 2>&1",
		"the machine's own authority": "runuser -u tf-globex -- cat /etc/berth/keys/authority.key 2>&1",
	} {
		out, err := l.jnb.run(t.Context(), refused)
		if err == nil {
			t.Errorf("%s was not refused to a client's user: %s", name, out)
		}
	}
}

// streamed looks at replication both ways.
func (l *lab) streamed(t *testing.T) {
	for _, pair := range [][2]*server{{l.jnb, l.cpt}, {l.cpt, l.jnb}} {
		primary, standby := pair[0], pair[1]
		began := time.Now()
		primary.until(t, 4*time.Minute, psql(5432, "postgres", `DO $$ BEGIN IF (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming') = 0 THEN RAISE EXCEPTION 'nobody streams'; END IF; END $$;`))
		out := primary.must(t, psql(5432, "postgres", `SELECT s.ssl, s.version, s.client_dn, s.issuer_dn, r.client_addr, coalesce(extract(epoch FROM r.replay_lag), 0)
			FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid) WHERE r.state = 'streaming'`))
		f := strings.Split(out, "|")
		if len(f) != 6 || f[0] != "t" || f[1] != "TLSv1.3" || !strings.Contains(f[2], "CN=berth_replication") || !strings.HasPrefix(f[4], "10.255.0.") {
			t.Errorf("%s streams as %q, want TLS 1.3 with a client certificate through the tunnel", primary.name, out)
		}
		l.figure("replication %s to %s: waited %s, lag %s s", primary.name, standby.name, time.Since(began).Round(time.Second), f[len(f)-1])
		if out, err := standby.run(t.Context(), psql(5433, "postgres", "CREATE TABLE nobody (x int)")); err == nil || !strings.Contains(err.Error()+out, "read-only") {
			t.Errorf("a write on the standby: %v %s", err, out)
		}
		primary.must(t, psql(5432, "postgres", "CREATE TABLE lab_seen (at timestamptz); INSERT INTO lab_seen VALUES (now())"))
		standby.until(t, time.Minute, psql(5433, "postgres", "SELECT at FROM lab_seen"))
		primary.must(t, psql(5432, "postgres", "DROP TABLE lab_seen"))
	}
	// Nobody without the other site's certificate gets in, be it over the tunnel.
	if out, err := l.cpt.run(t.Context(), "psql -X -At 'host=10.255.0.1 port=5432 user=berth_replication dbname=postgres sslmode=require connect_timeout=10' -c 'SELECT 1' 2>&1"); err == nil {
		t.Errorf("replication's role signs in without a certificate: %s", out)
	}
}
