package pair

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func code(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return 0
}

func (s sites) failover(t *testing.T) {
	if out, err := s.cpt.try("berth-promote --yes"); err == nil || !strings.Contains(out, "jnb still answers") {
		t.Fatalf("while the primary answers: %v, %q", err, out)
	}
	s.jnb.sql(home, "globex", "CREATE TABLE orders (n int); INSERT INTO orders SELECT generate_series(1, 1000)")
	s.cpt.eventually("[ \"$(cd / && runuser -u postgres -- psql -p 5433 -qAtc 'SELECT count(*) FROM orders' globex)\" = 1000 ]")
	// The machine is gone: its processes at once, its network too.
	s.jnb.must("kill -9 $(pidof postgres pgbackrest); ip link set wg0 down")
	lost := time.Now()
	if out := s.cpt.must("berth-promote"); !strings.Contains(out, "Nothing was done") || s.cpt.sql(copy2, "postgres", "SELECT pg_is_in_recovery()") != "t" {
		t.Errorf("a dry run: %q", out)
	}
	out := s.cpt.must("berth-promote --yes")
	s.cpt.sql(copy2, "globex", "INSERT INTO orders VALUES (1001)")
	t.Logf("from the loss to the first write on the standby: %.1f s\n%s", time.Since(lost).Seconds(), out)
	if got := s.cpt.sql(copy2, "globex", "SELECT count(*) FROM orders"); got != "1001" {
		t.Errorf("%s orders of 1001 are there", got)
	}
	if got := s.cpt.must("ls /run/served | xargs"); got != "acme-corp.service acme-corp.socket globex.service globex.socket" {
		t.Errorf("served: %q", got)
	}
	// The client's own user writes there now, and a second run finds nothing left to do.
	s.cpt.must("cd / && runuser -u tf-globex -- psql -q -h /run/postgresql -p 5433 -U globex -c 'INSERT INTO rows VALUES (2)' globex && berth-promote --yes")
	if out, err := s.cpt.try(checks + "standby"); code(err) != 1 || !strings.Contains(out, "served here since") {
		t.Errorf("after a failover the check says: %v, %q", err, out)
	}
	// Its backups go on, into the copies that are here.
	if out := s.cpt.must("berth-backup 2"); !strings.Contains(out, "full backup of jnb to this machine") {
		t.Errorf("a backup after the failover: %q", out)
	}
}

func (s sites) back(t *testing.T) {
	// The lost machine comes back: it must not serve what it has.
	s.jnb.must("ip link set wg0 up; rm -f /run/postgresql/.s.*") // as a boot leaves it
	if out, err := s.jnb.try("systemctl start postgresql@15-main.service"); err == nil || !strings.Contains(out, "stays down") {
		t.Fatalf("the former primary started: %v, %q", err, out)
	}
	t.Log(s.jnb.must("berth-rejoin main --yes"))
	s.jnb.must("systemctl restart pgbackrest.service; berth-standby")
	if got := s.jnb.sql(home, "globex", "SELECT count(*), pg_is_in_recovery() FROM orders"); got != "1001|t" {
		t.Errorf("the former primary has %q, want all orders, as a standby", got)
	}
	lost := time.Now()
	s.cpt.eventually("berth-yield sister --yes")
	if out, err := s.cpt.try("systemctl start postgresql@15-sister.service"); err == nil || !strings.Contains(out, "handed over") {
		t.Errorf("what was handed over started again: %v, %q", err, out)
	}
	s.cpt.must("berth-standby")
	t.Log(s.jnb.must("berth-promote main --yes"))
	s.jnb.must("cd / && runuser -u tf-globex -- psql -q -h /run/postgresql -U globex -c 'INSERT INTO rows VALUES (3)' globex")
	s.jnb.sql(home, "globex", "INSERT INTO orders VALUES (1002)")
	t.Logf("clients were down for %.1f s on the way back", time.Since(lost).Seconds())
	t.Log(s.cpt.must("berth-rejoin sister --yes"))
	for _, m := range []*machine{s.jnb, s.cpt} {
		m.eventually(checks + "replication-lag && " + checks + "standby")
	}
	if got := s.cpt.sql(copy2, "globex", "SELECT count(*) FROM orders"); got != "1002" {
		t.Errorf("the standby has %s orders of 1002", got)
	}
}
