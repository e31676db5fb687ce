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

func (s sites) expiry(t *testing.T) {
	if _, err := s.jnb.try("command -v faketime"); err != nil {
		t.Skip("faketime is missing: apt-get install faketime")
	}
	labels := func() []string {
		return strings.Fields(s.jnb.must("cd / && runuser -u postgres -- pgbackrest --stanza=jnb --repo=1 --output=json info | jq -r '.[0].backup[].label'"))
	}
	s.jnb.must("berth-backup 1")
	made := labels()
	if len(made) != 2 {
		t.Fatalf("full backups: %q, want 2", made)
	}
	expire := func(days int) []string {
		s.jnb.must(fmt.Sprintf("cd / && runuser -u postgres -- faketime '+%d days' pgbackrest --stanza=jnb --repo=1 expire", days))
		return labels()
	}
	if left := expire(6); len(left) != 2 {
		t.Errorf("after six days %q are left of %q", left, made)
	}
	// After seven days one is needed to reach back seven days: the newest of those that are older.
	if left := expire(8); len(left) != 1 || left[0] != made[1] {
		t.Errorf("after eight days %q are left of %q, want the newest alone", left, made)
	}
}
