package pair

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/host"
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
	s.jnb.must("runuser -u tf-globex -- bash -c 'echo one >/srv/data/taskflow/globex/files/one'")
	s.cpt.must("systemctl start taskflow-attachments@globex.service && grep -q one /srv/data/taskflow/globex/files/one")
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

// fenced: the lost machine comes back. It must not serve what it has, and can be applied all the same.
func (s sites) fenced(t *testing.T) {
	s.jnb.must("ip link set wg0 up; rm -f /run/postgresql/.s.*") // as a boot leaves it
	if out, err := s.jnb.try("systemctl start postgresql@15-main.service"); err == nil || !strings.Contains(out, "stays down") {
		t.Fatalf("the former primary started: %v, %q", err, out)
	}
	s.jnb.must("rm /var/lib/berth/promoted/elsewhere") // the first to find it may as well be an apply
	s.jnb.apply(render(t, s.description("jnb")))
	if changed := s.jnb.apply(render(t, s.description("jnb"))); len(changed) > 0 {
		t.Errorf("a fenced machine is not quiet: %q", changed)
	}
	if changed := s.jnb.apply(renderClient(t, client("globex", host.Home))); len(changed) > 0 {
		t.Errorf("a client of a fenced machine is not quiet: %q", changed)
	}
	s.jnb.must("systemctl start postgresql@15-sister.service; berth-standby")
	if got := s.jnb.must("ls /run/served"); got != "" {
		t.Errorf("without a database %q run", got)
	}
	if out, err := s.jnb.try(checks + "standby"); code(err) != 2 || !strings.Contains(out, "berth-rejoin main --yes") {
		t.Errorf("the check of a fenced machine: %v, %q", err, out)
	}
}

// copied: winding back fails. Where the line is down nothing is moved; where it cannot be done, a copy takes the data's place, and a run that
// ends between the two renames is completed by the next.
func (s sites) copied(t *testing.T) {
	const data, rewind = "/srv/data/postgresql/15/main", "/usr/lib/postgresql/15/bin/pg_rewind"
	s.jnb.must("mv " + rewind + " " + rewind + ".real")
	defer s.jnb.must("rm -f /usr/local/bin/mv; mv " + rewind + ".real " + rewind)
	s.jnb.write(rewind, "#!/bin/sh\ntouch /tmp/rewinding; until [ -e /tmp/cut ]; do sleep 0.1; done; exit 1\n", "0755")
	out, err := s.jnb.try(`berth-rejoin main --yes >/run/rejoin.out 2>&1 & until [ -e /tmp/rewinding ]; do sleep 0.1; done; ip link set wg0 down; touch /tmp/cut; wait $!; rc=$?; ip link set wg0 up; cat /run/rejoin.out; exit $rc`)
	if err == nil || !strings.Contains(out, "nothing was moved") {
		t.Errorf("the line went down: %v, %q", err, out)
	}
	s.jnb.must("[ -s " + data + "/PG_VERSION ] && ! ls -d " + data + ".*")
	s.jnb.write("/usr/local/bin/mv", "#!/bin/sh\ncase \"$*\" in *"+data+".copy\\ "+data+") exit 1 ;; esac\nexec /bin/mv \"$@\"\n", "0755")
	if out, err := s.jnb.try("berth-rejoin main --yes"); err == nil {
		t.Errorf("between the renames: %q", out)
	}
	s.jnb.must("rm /usr/local/bin/mv; ! [ -e " + data + " ]; ls -d " + data + ".copy " + data + ".kept-*")
	// An apply in between makes no empty cluster.
	s.jnb.apply(render(t, s.description("jnb")))
	s.jnb.must("! [ -e " + data + " ]")
	t.Log(s.jnb.must("berth-rejoin main --yes"))
	s.jnb.must("systemctl restart pgbackrest.service; berth-standby; [ $(ls -d " + data + ".* | wc -l) = 1 ] && rm -r " + data + ".kept-*")
	if got := s.jnb.sql(home, "globex", "SELECT count(*), pg_is_in_recovery() FROM orders"); got != "1001|t" {
		t.Errorf("the former primary has %q, want all orders, as a standby", got)
	}
}

func (s sites) back(t *testing.T) {
	// The line breaks while the cluster is stopped: what was written last did not get over, and that is said.
	s.cpt.sql(copy2, "postgres", "ALTER SYSTEM SET wal_sender_timeout = '2s'")
	s.cpt.sql(copy2, "postgres", "SELECT pg_reload_conf()")
	s.cpt.write("/run/before-stop", `nft add table inet cut; nft add chain inet cut out '{ type filter hook output priority 0; }'; nft add rule inet cut out tcp sport 5433 drop
cd / && runuser -u postgres -- psql -p 5433 -qc 'INSERT INTO orders VALUES (0)' globex`, "0644")
	out := s.cpt.eventually("out=$(berth-yield sister --yes 2>&1); rc=$?; [ $rc = 1 ] && grep 'has not got all' <<<\"$out\"")
	t.Log(out)
	s.cpt.must("rm /run/before-stop; nft delete table inet cut")
	_, again, _ := strings.Cut(out, "To serve here again: ")
	again, _, _ = strings.Cut(again, "; then")
	s.cpt.must(again)
	if got := s.cpt.must("ls /run/served | xargs"); got != "acme-corp.service acme-corp.socket globex.service globex.socket" {
		t.Errorf("served again: %q", got)
	}
	s.cpt.sql(copy2, "globex", "DELETE FROM orders WHERE n = 0")
	s.cpt.sql(copy2, "postgres", "ALTER SYSTEM RESET ALL")
	lost := time.Now()
	s.cpt.eventually("berth-yield sister --yes")
	if out, err := s.cpt.try("systemctl start postgresql@15-sister.service"); err == nil || !strings.Contains(out, "handed over") {
		t.Errorf("what was handed over started again: %v, %q", err, out)
	}
	s.cpt.must("berth-standby")
	// What was uploaded in the last minute comes along; without it nobody is served.
	s.cpt.must("runuser -u tf-globex -- bash -c 'echo two >/srv/data/taskflow/globex/files/two'; kill $(cat /run/rsync.pid)")
	if out, err := s.jnb.try("berth-promote main --yes"); err == nil || !strings.Contains(out, "last files could not be fetched") {
		t.Errorf("without the last files: %v, %q", err, out)
	}
	s.cpt.must(handOut + "; sleep 0.5")
	t.Log(s.jnb.must("berth-promote main --yes && cat /srv/data/taskflow/globex/files/two"))
	s.jnb.must("cd / && runuser -u tf-globex -- psql -q -h /run/postgresql -U globex -c 'INSERT INTO rows VALUES (3)' globex")
	s.jnb.sql(home, "globex", "INSERT INTO orders VALUES (1002)")
	t.Logf("clients were down for %.1f s on the way back", time.Since(lost).Seconds())
	t.Log(s.cpt.must("berth-rejoin sister --yes"))
	s.joined(t, "1002")
}

// joined: both machines are a pair again, and both have all orders.
func (s sites) joined(t *testing.T, orders string) {
	for _, m := range []*machine{s.jnb, s.cpt} {
		m.eventually(checks + "replication-lag && " + checks + "standby")
	}
	if got := s.cpt.sql(copy2, "globex", "SELECT count(*) FROM orders"); got != orders {
		t.Errorf("the standby has %s orders of %s", got, orders)
	}
}

// two: while the line is down each machine is promoted, one after the other. When it is up again the one that was promoted first stops.
func (s sites) two(t *testing.T) {
	timelines := func() string {
		return s.jnb.sql(home, "postgres", "SELECT pg_walfile_name(pg_current_wal_lsn())")[:8] + s.cpt.sql(copy2, "postgres", "SELECT pg_walfile_name(pg_current_wal_lsn())")[:8]
	}
	s.cpt.must("ip link set wg0 down; berth-promote sister --yes")
	s.cpt.sql(copy2, "globex", "INSERT INTO orders VALUES (1003)")
	s.cpt.must("ip link set wg0 up")
	t.Log(timelines())
	out := s.jnb.must("berth-standby")
	if !strings.Contains(out, "cluster main was fenced") {
		t.Errorf("the home of what was promoted elsewhere: %q", out)
	}
	s.jnb.must("! pg_ctlcluster 15 main status && [ -z \"$(ls /run/served)\" ]")
	s.jnb.must("berth-rejoin main --yes")
	// Now it is the standby's turn to be the older one.
	s.jnb.eventually("[ \"$(cd / && runuser -u postgres -- psql -qAtc 'SELECT count(*) FROM orders' globex)\" = 1003 ]")
	s.jnb.must("ip link set wg0 down; berth-promote main --yes")
	s.jnb.sql(home, "globex", "INSERT INTO orders VALUES (1004)")
	s.jnb.must("ip link set wg0 up")
	t.Log(timelines())
	if out := s.jnb.must("berth-standby"); !strings.Contains(out, "leads an older state") || s.jnb.sql(home, "postgres", "SELECT pg_is_in_recovery()") != "f" {
		t.Errorf("the newer one: %q", out)
	}
	if out, err := s.jnb.try(checks + "standby"); code(err) != 2 || !strings.Contains(out, "two primaries") {
		t.Errorf("the check of the newer one: %v, %q", err, out)
	}
	if out, err := s.cpt.try("berth-promote sister --yes"); err == nil || !strings.Contains(out, "not the newer one") {
		t.Errorf("the older one is promoted once more: %v, %q", err, out)
	}
	// Where neither is newer nothing is stopped, and somebody is told.
	const shared = "/usr/local/lib/berth/host/clusters.sh"
	s.cpt.must("cp " + shared + " /run/shared; echo 'newer() { echo neither; }' >>" + shared + "; rm -f /run/alerts; berth-standby; cp /run/shared " + shared)
	if out := s.cpt.must("cat /run/alerts"); !strings.Contains(out, "standby critical two primaries") || s.cpt.sql(copy2, "postgres", "SELECT pg_is_in_recovery()") != "f" {
		t.Errorf("neither is newer: %q", out)
	}
	if out := s.cpt.must("berth-standby"); !strings.Contains(out, "cluster sister was fenced") {
		t.Errorf("the older one: %q", out)
	}
	s.cpt.must("! pg_ctlcluster 15 sister status && [ -z \"$(ls /run/served)\" ]")
	if out, err := s.cpt.try(checks + "standby"); code(err) != 2 || !strings.Contains(out, "berth-rejoin sister --yes") || strings.Contains(out, "run it again") {
		t.Errorf("the check of the older one: %v, %q", err, out)
	}
	if out, err := s.cpt.try("systemctl start postgresql@15-sister.service"); err == nil || !strings.Contains(out, "stays down") {
		t.Errorf("the older one started again: %v, %q", err, out)
	}
	s.cpt.must("berth-rejoin sister --yes")
	s.joined(t, "1004")
}
