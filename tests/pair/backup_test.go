package pair

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const checks = "/usr/local/lib/berth/host/checks/"

func (s sites) backups(t *testing.T) {
	// Each takes the other's into repository 2: the one that comes second finds all it needs.
	for _, m := range []*machine{s.jnb, s.cpt, s.jnb} {
		t.Logf("%s: %s", m.name, m.must("berth-repositories"))
	}
	for _, m := range []*machine{s.jnb, s.cpt} {
		t.Logf("%s: %s", m.name, m.must(checks+"backup-age"))
	}
	s.jnb.must(checks + "archive-lag")
	s.verify(t)
	// The disk of the repository was made anew: the next run finds it empty, and begins again.
	s.jnb.must("rm -rf /srv/data/pgbackrest/own/*")
	if out := s.jnb.must("berth-repositories"); !strings.Contains(out, "full backup of jnb to this machine") || strings.Contains(out, "bucket") {
		t.Errorf("after repository 1 was emptied: %q", out)
	}
	if out := s.jnb.must("berth-repositories"); out != "" {
		t.Errorf("where all is well berth-repositories does %q", out)
	}
	// Where they are: this machine, the sister, and the bucket, where nothing of it can be read.
	s.jnb.must("ls /srv/data/pgbackrest/own/backup/jnb/*F/backup.manifest")
	s.cpt.must("ls /srv/data/pgbackrest/sister/backup/jnb/*F/backup.manifest")
	objects := 0
	list, err := s.bucket.backend.ListBucket(bucketName, nil, gofakes3NoPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		if strings.HasPrefix(o.Key, "pgbackrest/southern/backup/jnb/") {
			objects++
			if body := s.bucket.read(t, o.Key); !strings.HasPrefix(body, "Salted__") {
				t.Errorf("%s is not encrypted", o.Key)
			}
		}
	}
	if objects == 0 {
		t.Errorf("the bucket has no backup of jnb, but %d objects", len(list.Contents))
	}
	// Whoever is no machine of the pair gets at nothing, and who is gets at no stanza of others.
	remote := "cd / && runuser -u postgres -- pgbackrest --config=/dev/null --stanza=%s --repo1-host=10.255.0.1 --repo1-host-type=tls --repo1-host-port=8432" +
		" --repo1-host-ca-file=/etc/berth/certificates/trusted.crt --repo1-host-cert-file=%[2]s --repo1-host-key-file=%[2]s --repo1-path=/srv/data/pgbackrest/own info"
	s.cpt.must("cp /etc/berth/certificates/postgresql/replication.pem /run/attack/replication.pem; cat /run/attack/other.crt /run/attack/other.key >/run/attack/other.pem; chmod 0755 /run/attack; chown postgres /run/attack/*.pem; chmod 0600 /run/attack/*.pem")
	for name, tc := range map[string]struct{ stanza, certificate, want string }{
		"its own":           {"cpt", "/etc/berth/certificates/pgbackrest/client.pem", ""},
		"a third's stanza":  {"fsn", "/etc/berth/certificates/pgbackrest/client.pem", "access denied"},
		"another name":      {"cpt", "/run/attack/replication.pem", "access denied"},
		"another authority": {"cpt", "/run/attack/other.pem", "unknown ca"},
	} {
		out, err := s.cpt.try(fmt.Sprintf(remote, tc.stanza, tc.certificate))
		if tc.want == "" && err != nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v, %q, want %q", name, err, out, tc.want)
		}
	}
}

func (s sites) moment(t *testing.T) {
	s.jnb.sql(home, "globex", "CREATE TABLE moments (n int, at timestamptz DEFAULT clock_timestamp())")
	var second string
	for n := range 6 {
		s.jnb.sql(home, "globex", fmt.Sprintf("INSERT INTO moments (n) VALUES (%d)", n))
		if n == 2 {
			time.Sleep(1100 * time.Millisecond)
			second = s.jnb.must("date -u '+%F %T UTC'") // three rows are from before this second, the others from after
			time.Sleep(1100 * time.Millisecond)
		}
	}
	s.jnb.sql(home, "postgres", "SELECT pg_switch_wal()")
	s.jnb.eventually("[ \"$(cd / && runuser -u postgres -- psql -qAtc \"SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'\")\" = 0 ]")
	if out := s.jnb.must(fmt.Sprintf("berth-restore --to '%s'", second)); !strings.Contains(out, "Nothing was done") {
		t.Errorf("without --yes: %s", out)
	}
	for _, repository := range []string{"1", "2", "3"} {
		begin := time.Now()
		s.jnb.must(fmt.Sprintf("berth-restore --to '%s' --repository %s --yes", second, repository))
		t.Logf("restored to %s from repository %s in %.1f s", second, repository, time.Since(begin).Seconds())
		if got := s.jnb.sql("5439", "globex", "SELECT string_agg(n::text, ',' ORDER BY n) FROM moments"); got != "0,1,2" {
			t.Errorf("from repository %s: rows %s, want those of the second: 0,1,2", repository, got)
		}
	}
	s.jnb.must("berth-restore --drop --yes")
	if got := s.jnb.sql(home, "globex", "SELECT count(*) FROM moments"); got != "6" {
		t.Errorf("main has %s rows after a restore beside it", got)
	}
}

// verify: backups are read again, and one that was altered is found.
func (s sites) verify(t *testing.T) {
	if out := s.jnb.must("berth-verify"); !strings.Contains(out, "verified the backups of jnb at this machine") || !strings.Contains(out, "verified the backups of jnb at the bucket") {
		t.Errorf("berth-verify: %q", out)
	}
	s.jnb.must("cd /srv/data/pgbackrest/own/archive/jnb/15-1/*/ && f=$(ls | grep -m1 -E '^[0-9A-F]{24}-') && cp -p $f /run/whole && echo $PWD/$f >/run/altered && printf x | dd of=$f bs=1 seek=100 conv=notrunc 2>/dev/null")
	if out, err := s.jnb.try("berth-verify"); err == nil || !strings.Contains(out, "jnb at this machine are NOT whole") {
		t.Errorf("an altered file, and berth-verify says: %v, %q", err, out)
	}
	s.jnb.must("cp -p /run/whole $(cat /run/altered)")
}

func (s sites) inPlace(t *testing.T) {
	s.jnb.sql(home, "globex", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
	time.Sleep(1100 * time.Millisecond)
	second := s.jnb.must("date -u '+%F %T UTC'")
	time.Sleep(1100 * time.Millisecond)
	s.jnb.sql(home, "globex", "DROP TABLE kept")
	s.jnb.sql(home, "postgres", "SELECT pg_switch_wal()")
	s.jnb.eventually("[ \"$(cd / && runuser -u postgres -- psql -qAtc \"SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'\")\" = 0 ]")
	if out := s.jnb.must(fmt.Sprintf("berth-restore --to '%s' --in-place", second)); !strings.Contains(out, "Nothing was done") || !strings.Contains(out, "globex") {
		t.Errorf("without --yes: %s", out)
	}
	// A run that was killed at its very beginning has left folders and nothing else.
	s.jnb.must("systemctl stop postgresql@15-main.service && rm -rf /srv/data/postgresql/15/main/* && mkdir -p /srv/data/postgresql/15/main/base/1")
	begin := time.Now()
	s.jnb.must(fmt.Sprintf("berth-restore --to '%s' --in-place --yes", second))
	t.Logf("restored in place in %.1f s", time.Since(begin).Seconds())
	s.jnb.sql(home, "globex", "INSERT INTO kept VALUES (2)")
	if got := s.jnb.sql(home, "globex", "SELECT count(*) FROM kept"); got != "2" {
		t.Errorf("after a restore in place there are %s rows, want the one from before and a new one", got)
	}
	if got := s.jnb.must("ls /run/served | xargs"); got != "acme-corp.service acme-corp.socket globex.service globex.socket" {
		t.Errorf("served after a restore: %q", got)
	}
	// The sister's copy has what was taken back here, and follows again once it is told.
	s.jnb.must("berth-standby && berth-backup 1 3")
	t.Log(s.cpt.must("berth-rejoin sister --yes"))
	s.cpt.must("berth-repositories; berth-backup 2")
	for _, m := range []*machine{s.jnb, s.cpt} {
		m.eventually(checks + "replication-lag && " + checks + "standby && " + checks + "backup-age")
	}
}

// givenUp: pgBackRest drops what waits for too long from all repositories; it is critical until each has a full backup from after it.
func (s sites) givenUp(t *testing.T) {
	const log = "/var/log/pgbackrest/jnb-archive-push-async.log"
	s.jnb.must("sed -i s/^archive-push-queue-max=.*/archive-push-queue-max=32MiB/ /etc/pgbackrest/pgbackrest.conf")
	s.bucket.broken.Store(true)
	s.jnb.eventually("cd / && runuser -u postgres -- psql -qAtc \"SELECT pg_logical_emit_message(true, 'x', 'y')\" -c 'SELECT pg_switch_wal()' >/dev/null; sleep 0.3; grep -q 'dropped WAL file' " + log)
	s.bucket.broken.Store(false)
	s.jnb.must("sed -i s/^archive-push-queue-max=.*/archive-push-queue-max=1GiB/ /etc/pgbackrest/pgbackrest.conf")
	out, err := s.jnb.try(checks + "archive-lag")
	for _, place := range []string{"this machine", "cpt", "the bucket"} {
		if code(err) != 2 || !strings.Contains(out, "jnb at "+place+": write-ahead log up to") {
			t.Errorf("of what was given up at %s the check says: %v, %q", place, err, out)
		}
	}
	t.Log(out)
	s.jnb.must("rm /run/repositories-asked && mv " + log + " " + log + ".2") // it asks for backups at once, and remembers what the log has forgotten
	if out := s.jnb.must("berth-repositories"); strings.Count(out, "full backup of jnb to") != 2 {
		t.Errorf("after write-ahead log was given up: %q", out)
	}
	if out, err := s.jnb.try(checks + "archive-lag"); code(err) != 2 || !strings.Contains(out, "jnb at cpt") || strings.Contains(out, "bucket") {
		t.Errorf("before the sister has made its backup: %v, %q", err, out)
	}
	s.cpt.eventually("out=$(berth-repositories); grep -q 'full backup of jnb to this machine' <<<\"$out\"")
	s.jnb.must(checks + "archive-lag")
}

func (s sites) watched(t *testing.T) {
	s.bucket.broken.Store(true)
	if out, err := s.jnb.try("berth-backup 3"); err == nil {
		t.Errorf("a backup to a broken bucket says: %s", out)
	}
	out, err := s.jnb.try(checks + "backup-age")
	if code(err) != 2 || !strings.Contains(out, "jnb at the bucket: the repository cannot be read") {
		t.Errorf("a broken backup: %v, %q", err, out)
	}
	t.Logf("the bucket is broken: %s", out)
	s.bucket.broken.Store(false)
	out, err = s.jnb.try(checks + "backup-age")
	if code(err) != 2 || !strings.Contains(out, "the last backup failed") {
		t.Errorf("the last backup failed, and the check says: %v, %q", err, out)
	}
	s.jnb.must("berth-backup 3")
	s.jnb.must(checks + "backup-age")
	if out, err := s.jnb.try("BACKUP_AGE_HOURS=0 " + checks + "backup-age"); code(err) != 2 || !strings.Contains(out, "hours old") {
		t.Errorf("an old backup: %v, %q", err, out)
	}
	// The standby falls behind: it replays nothing while the primary goes on.
	s.cpt.sql(copy2, "postgres", "SELECT pg_wal_replay_pause()")
	s.jnb.sql(home, "globex", "INSERT INTO moments (n) SELECT generate_series(10, 1000)")
	for _, m := range []*machine{s.jnb, s.cpt} { // seen from both sides
		out := m.eventually("out=$(REPLICATION_LAG_SECONDS=2 " + checks + "replication-lag); [ $? = 2 ] && echo \"$out\"")
		t.Logf("%s: %s", m.name, out)
	}
	s.cpt.sql(copy2, "postgres", "SELECT pg_wal_replay_resume()")
	s.jnb.eventually("REPLICATION_LAG_SECONDS=2 " + checks + "replication-lag")
	// The cable is cut.
	s.cpt.must("ip link set wg0 down")
	s.jnb.eventually("out=$(" + checks + "replication-lag); [ $? = 2 ] && grep -q 'cpt does not follow' <<<\"$out\"")
	s.cpt.must("ip link set wg0 up")
	s.jnb.eventually(checks + "replication-lag")
}

// expiry: a full backup on each of ten days, by pgBackRest whose clock is moved: no more than are needed to reach back seven days are kept.
func (s sites) expiry(t *testing.T) {
	s.jnb.must(`cd / && install -d -o postgres -g postgres /srv/data/days && runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D /srv/data/days/main --no-sync -A peer >/dev/null`)
	defer s.jnb.must("rm -rf /srv/data/days /srv/data/pgbackrest/own/*/days")
	// The configuration is the machine's own; a cluster that is down takes its backup's time from pgBackRest's clock.
	days := func(day int, command string) string {
		return fmt.Sprintf("set -o pipefail; cd / && runuser -u postgres -- faketime '+%d days' pgbackrest --config-include-path=/var/lib/berth/backups/only-main-1 --stanza=days %s", day, command)
	}
	s.jnb.must(days(0, "--pg1-path=/srv/data/days/main --no-online stanza-create"))
	for day := range 11 {
		s.jnb.must(days(day, "--pg1-path=/srv/data/days/main --no-online --type=full backup"))
		kept := strings.Fields(s.jnb.must(days(day, "--output=json info | jq -r '.[0].backup[].label'")))
		// Those of the last seven days, and the one by which the first of these can be reached.
		if want := min(day+1, 8); len(kept) != want {
			t.Errorf("on day %d there are %d backups, want %d: %q", day, len(kept), want, kept)
		}
		if day == 10 {
			t.Logf("on day %d: %q", day, kept)
		}
	}
}
