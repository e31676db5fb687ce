package hosts

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// writer inserts numbered rows one by one, as a service would, and counts those that were acknowledged.
type writer struct {
	stop  context.CancelFunc
	done  sync.WaitGroup
	mu    sync.Mutex
	acked int
	err   error
}

// write begins to write into a client's database until ended.
func (l *lab) write(t *testing.T, m *server, database, table string) *writer {
	t.Helper()
	m.must(t, psql(5432, database, "CREATE TABLE "+table+" (n bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), filling text NOT NULL)"))
	ctx, cancel := context.WithCancel(t.Context())
	w := &writer{stop: cancel}
	w.done.Go(func() {
		for n := 0; ctx.Err() == nil; n += 100 {
			// Each row is a transaction of its own; what was printed was acknowledged.
			script := fmt.Sprintf("cd / && for n in $(seq %d %d); do echo \"INSERT INTO %s VALUES ($n, DEFAULT, repeat('x', 2000)) RETURNING n;\"; done | runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -p 5432 -d %s",
				n+1, n+100, table, database)
			out, err := m.run(ctx, script)
			acked := strings.Fields(out)
			w.mu.Lock()
			if len(acked) > 0 {
				if last, e := strconv.Atoi(acked[len(acked)-1]); e == nil {
					w.acked = last
				}
			}
			w.err = err
			w.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	return w
}

// end stops writing, and tells how many rows were acknowledged.
func (w *writer) end() (acked int, err error) {
	w.stop()
	w.done.Wait()
	return w.acked, w.err
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acked
}

// reaches waits until so many rows are acknowledged.
func (w *writer) reaches(t *testing.T, n int) {
	t.Helper()
	for began := time.Now(); w.count() < n; time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > 3*time.Minute {
			t.Fatalf("only %d rows were written in 3 minutes: %v", w.count(), w.err)
		}
	}
}

// pulled takes one disk out of cpt while it writes, and puts a new one in.
func (l *lab) pulled(t *testing.T) {
	m := l.cpt
	m.until(t, 4*time.Minute, "! grep -E 'resync|recovery' /proc/mdstat") // the first one
	w := l.write(t, m, "hooli", "lab_pulled")
	w.reaches(t, 100)
	began := time.Now()
	if err := m.qmp("device_del", map[string]any{"id": "dev-cpt-b"}); err != nil {
		t.Fatal(err)
	}
	m.until(t, 2*time.Minute, "grep -E '\\[2/1\\]' /proc/mdstat")
	degraded := time.Since(began)
	mail := l.world.awaitMail(t.Context(), t, began, 4*time.Minute, "cpt", "berth")
	l.figure("disk pulled: degraded after %s, first mail after %s (%s)", degraded.Round(time.Second), mail.at.Sub(began).Round(time.Second), subject(mail.text))
	before := w.count()
	w.reaches(t, before+100)
	acked, _ := w.end()
	m.must(t, "systemctl start berth-check.service") // which a machine that is not emulated does every minute
	rows := m.must(t, psql(5432, "hooli", "SELECT count(*) FROM lab_pulled"))
	if n, err := strconv.Atoi(rows); err != nil || n < acked {
		t.Errorf("%s rows are there, and %d were acknowledged", rows, acked)
	}
	l.figure("disk pulled under load: %d rows acknowledged, %s there", acked, rows)

	// A new disk in the slot; its name is the one that the file says.
	m.newDisk("cpt-new")
	if err := m.qmp("blockdev-add", map[string]any{"driver": "raw", "node-name": "cpt-new", "file": map[string]any{"driver": "file", "filename": m.disk("cpt-new")}}); err != nil {
		t.Fatal(err)
	}
	if err := m.qmp("device_add", map[string]any{"driver": "virtio-blk-pci", "drive": "cpt-new", "id": "dev-cpt-new", "serial": "cpt-b", "bus": "slot2"}); err != nil {
		t.Fatal(err)
	}
	m.until(t, time.Minute, "test -b "+diskOf("cpt-b"))
	began = time.Now()
	m.must(t, "berth-host apply")
	m.until(t, 6*time.Minute, "grep -F '[2/2] [UU]' /proc/mdstat")
	l.figure("new disk: mirror whole again after %s", time.Since(began).Round(time.Second))
	if out, err := m.run(t.Context(), "berth-host plan"); err != nil || out != "" {
		t.Errorf("after the rebuild a plan wants: %v %s", err, out)
	}
	m.must(t, "systemctl start berth-check.service")
	mail = l.world.awaitMail(t.Context(), t, began, 4*time.Minute, "recovered", "raid")
	l.figure("mail that the mirror has recovered: %s", subject(mail.text))
}

// backedUp makes a full backup into all three repositories, and looks for it in each place.
func (l *lab) backedUp(t *testing.T) {
	began := time.Now()
	l.jnb.until(t, 5*time.Minute, "berth-repositories && systemctl is-active berth-backup.timer") // stanzas are made as soon as places answer
	l.jnb.must(t, "berth-backup")
	l.figure("full backup of jnb into three repositories: %s", time.Since(began).Round(time.Second))
	for place, find := range map[string]string{
		"the own site":    "find /srv/data/pgbackrest -path '*backup/jnb/*F/backup.manifest'",
		"the sister site": "",
	} {
		m := l.jnb
		if find == "" {
			m, find = l.cpt, "find /srv/data/pgbackrest -path '*backup/jnb/*F/backup.manifest'"
		}
		if out := m.must(t, find); !strings.Contains(out, "F/backup.manifest") {
			t.Errorf("%s has no full backup: %q", place, out)
		}
	}
	found := ""
	for _, key := range l.world.keys(t, "pgbackrest/") {
		if strings.Contains(key, "/backup/jnb/") && strings.HasSuffix(key, "F/backup.manifest") {
			found = key
		}
	}
	if found == "" {
		t.Fatalf("the bucket has no full backup: %q", l.world.keys(t, ""))
	}
	object, err := l.world.objects.GetObject(bucket, found, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = object.Contents.Close() }()
	head := make([]byte, 8)
	if _, err := object.Contents.Read(head); err != nil || string(head) != "Salted__" {
		t.Errorf("what lies in the bucket is not encrypted: it begins with %q (%v)", head, err)
	}
}

// restored brings back exactly the rows of a second.
func (l *lab) restored(t *testing.T) {
	m := l.jnb
	m.must(t, psql(5432, "globex", "CREATE TABLE lab_moments (n int, at timestamptz DEFAULT clock_timestamp()); INSERT INTO lab_moments (n) SELECT generate_series(1, 10)"))
	time.Sleep(2 * time.Second)
	moment := m.must(t, "date -u '+%F %T UTC'")
	time.Sleep(2 * time.Second)
	m.must(t, psql(5432, "globex", "INSERT INTO lab_moments (n) SELECT generate_series(11, 20); DELETE FROM lab_moments WHERE n <= 5; SELECT pg_switch_wal()"))
	m.until(t, 2*time.Minute, psql(5432, "postgres", "DO $$ BEGIN IF (SELECT last_archived_time < now() - interval '2 minutes' OR last_archived_time IS NULL FROM pg_stat_archiver) THEN RAISE EXCEPTION 'not archived yet'; END IF; END $$;"))
	began := time.Now()
	m.must(t, "berth-restore --to '"+moment+"' --yes")
	l.figure("restore of jnb to a named second into a cluster beside: %s", time.Since(began).Round(time.Second))
	m.until(t, 3*time.Minute, psql(5439, "globex", "SELECT 1"))
	if rows := m.must(t, psql(5439, "globex", "SELECT string_agg(n::text, ',' ORDER BY n) FROM lab_moments")); rows != "1,2,3,4,5,6,7,8,9,10" {
		t.Errorf("at %s there were the rows %s, want 1 to 10", moment, rows)
	}
	m.must(t, "berth-restore --drop --yes")
}

// broken takes a repository away: the backup fails, and that is told.
func (l *lab) broken(t *testing.T) {
	m := l.jnb
	began := time.Now()
	m.must(t, "mv /srv/data/pgbackrest/own /srv/data/pgbackrest/away && install -d -o root -g root -m 0700 /srv/data/pgbackrest/own")
	defer m.must(t, "rm -rf /srv/data/pgbackrest/own && mv /srv/data/pgbackrest/away /srv/data/pgbackrest/own; systemctl reset-failed berth-backup.service || true")
	if _, err := m.run(t.Context(), "systemctl start berth-backup.service"); err == nil {
		t.Error("berth-backup.service is content although a repository takes nothing")
	}
	m.must(t, "systemctl start berth-check.service") // which a machine that is not emulated does every minute
	mail := l.world.awaitMail(t.Context(), t, began, 5*time.Minute, "jnb", "backup")
	l.figure("broken backup: mail after %s (%s)", mail.at.Sub(began).Round(time.Second), subject(mail.text))
}

// rebooted is a machine that starts anew: all comes back by itself.
func (l *lab) rebooted(t *testing.T) {
	m := l.cpt
	began := time.Now()
	boot := m.must(t, "cat /proc/sys/kernel/random/boot_id")
	_, _ = m.run(t.Context(), "systemctl reboot")
	m.forget()
	m.until(t, 4*time.Minute, "[ \"$(cat /proc/sys/kernel/random/boot_id)\" != "+boot+" ]")
	m.until(t, 4*time.Minute, "curl --silent --fail --unix-socket /run/taskflow/hooli.sock http://hooli.northwind.example/healthz >/dev/null; grep -F '[2/2]' /proc/mdstat; systemctl is-active nginx nftables wg-quick@berth")
	l.figure("cpt: from the order to reboot until its clients are served: %s", time.Since(began).Round(time.Second))
	m.until(t, 2*time.Minute, psql(5433, "postgres", "DO $$ BEGIN IF (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming') = 0 THEN RAISE EXCEPTION 'does not stream'; END IF; END $$;"))
	if out, err := m.run(t.Context(), "berth-host plan"); err != nil || out != "" {
		t.Errorf("after a reboot a plan wants: %v %s", err, out)
	}
}

// lost is the loss of a whole site while it is written to: the other takes over.
func (l *lab) lost(t *testing.T) {
	w := l.write(t, l.jnb, "globex", "lab_lost")
	w.reaches(t, 100)
	began := time.Now()
	l.jnb.kill()
	acked, _ := w.end()
	m := l.cpt
	out := m.must(t, "berth-promote sister --yes")
	promoted := time.Since(began)
	t.Logf("berth-promote:\n%s", out)
	for _, name := range []string{"globex", "initrode", "hooli"} {
		l.awaitServed(t, name, addressCPT, began)
	}
	l.figure("site lost: promoted after %s, all clients served at the other site after %s (promised: 4 h)", promoted.Round(time.Second), time.Since(began).Round(time.Second))
	rows, err := strconv.Atoi(m.must(t, psql(5433, "globex", "SELECT count(*) FROM lab_lost")))
	if err != nil || rows < acked-50 {
		t.Errorf("%d rows are there, and %d were acknowledged (%v)", rows, acked, err)
	}
	l.figure("site lost under load: %d rows acknowledged, %d there: %d lost (promised: what was written in 24 h at most)", acked, rows, max(0, acked-rows))
	m.must(t, psql(5433, "globex", "INSERT INTO lab_lost VALUES (1000000, DEFAULT, 'after')"))
	if out, err := m.run(t.Context(), "berth-host plan"); err != nil || out != "" {
		t.Errorf("after the promotion a plan wants: %v %s", err, out)
	}
}

// returned is the way back: the lost site starts again, does not serve what is served elsewhere, follows, and takes over.
func (l *lab) returned(t *testing.T) {
	began := time.Now()
	l.jnb.start("jnb-a", "jnb-b")
	l.jnb.up(t, 5*time.Minute)
	l.figure("lost site: from power on to cloud-init's end: %s", time.Since(began).Round(time.Second))
	// Its own copy is older than what cpt has: nobody may write to it.
	l.jnb.until(t, 3*time.Minute, "test -e /var/lib/berth/promoted/elsewhere && systemctl is-active wg-quick@berth && ! systemctl is-active taskflow@globex.service")
	if out, err := l.jnb.run(t.Context(), psql(5432, "globex", "INSERT INTO lab_lost VALUES (2000000, DEFAULT, 'astray')")); err == nil {
		t.Errorf("the site that came back takes writes while the other serves: %s", out)
	}
	if out, err := l.jnb.run(t.Context(), "berth-host apply && berth-host plan"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("a machine whose clients are served elsewhere cannot be applied, or wants something then: %v\n%s", err, out)
	}
	t.Log(l.jnb.must(t, "berth-rejoin main --yes"))
	down := time.Now()
	t.Log(l.cpt.must(t, "berth-yield sister --yes"))
	t.Log(l.jnb.must(t, "berth-promote main --yes"))
	l.awaitServed(t, "globex", addressJNB, down)
	l.awaitServed(t, "initrode", addressJNB, down)
	l.figure("the way back: clients were down for %s", time.Since(down).Round(time.Second))
	t.Log(l.cpt.must(t, "berth-rejoin sister --yes"))
	if rows := l.jnb.must(t, psql(5432, "globex", "SELECT count(*) FILTER (WHERE n = 1000000), count(*) FILTER (WHERE n = 2000000) FROM lab_lost")); rows != "1|0" {
		t.Errorf("after the way back: %q, want the row that was written meanwhile and none that went astray", rows)
	}
	l.cpt.until(t, 2*time.Minute, psql(5433, "globex", "DO $$ BEGIN IF NOT pg_is_in_recovery() OR (SELECT count(*) FROM lab_lost) = 0 THEN RAISE EXCEPTION 'does not follow'; END IF; END $$;"))
	for _, m := range []*server{l.jnb, l.cpt} {
		if out, err := m.run(t.Context(), "berth-host plan"); err != nil || out != "" {
			t.Errorf("after the way back a plan on %s wants: %v %s", m.name, err, out)
		}
	}
}

// awaitServed waits until a client's service answers through a machine's front.
func (l *lab) awaitServed(t *testing.T, name, machine string, began time.Time) {
	t.Helper()
	host := name + ".northwind.example"
	web := l.web(t, l.networks.edge, machine, host, true)
	for {
		status, _, err := get(t.Context(), web, "https://"+host+"/healthz")
		if err == nil && status == http.StatusOK {
			return
		}
		if time.Since(began) > 6*time.Minute {
			t.Fatalf("%s is not served at %s: %d %v", name, machine, status, err)
		}
		time.Sleep(time.Second)
	}
}
