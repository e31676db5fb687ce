package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/host"
	"github.com/berth-iac/berth/spec"
)

// How machines keep backups: pgBackRest's repositories, and the timers that fill and watch them.

const (
	backrestConf   = "/etc/pgbackrest/pgbackrest.conf"
	backrestRepos  = "/etc/pgbackrest/conf.d/"
	backrestSister = "/etc/pgbackrest/sister.conf"
	clusterMain    = "main"
	clusterSister  = "sister"
	dataFolder     = "/srv/data/"
	machineChecks  = "/usr/local/lib/berth/host/checks/"
	sbin           = "/usr/local/sbin/"
	trustedCA      = "/etc/berth/certificates/trusted.crt"
)

// machineBackup is how a spec has copies kept.
type machineBackup struct {
	keepDays int
	third    *spec.ObjectStore
	folder   string
	zone     func(m *machine) string
	version  string
	watch    spec.Watch
	clusters []string
}

func machineBackupOf(s promises.Subject) machineBackup {
	switch {
	case s.Spec.Sites != nil:
		p := s.Spec.Sites
		return machineBackup{keepDays: p.Backup.KeepDays, third: p.Backup.ThirdPlace, version: p.PostgreSQL.Version, watch: p.Watch, clusters: []string{clusterMain, clusterSister},
			zone: func(m *machine) string {
				if m.site == nil {
					return ""
				}
				return m.site.TimeZone
			}}
	case s.Spec.OnPremises != nil:
		p := s.Spec.OnPremises
		return machineBackup{keepDays: p.Backup.KeepDays, third: p.Backup.ThirdPlace, folder: p.Backup.Folder, version: p.PostgreSQL.Version, watch: p.Watch, clusters: []string{clusterMain},
			zone: func(*machine) string { return p.TimeZone }}
	}
	return machineBackup{zone: func(*machine) string { return "" }}
}

// numbers are the repositories that there have to be: 1 on the machine, 2 at the sister's or in a folder, 3 in a bucket.
func (b machineBackup) numbers(s promises.Subject) []string {
	numbers := []string{"1"}
	if s.Spec.Sites != nil || b.folder != "" {
		numbers = append(numbers, "2")
	}
	if b.third != nil {
		numbers = append(numbers, "3")
	}
	return numbers
}

// repository is one place that a cluster's backups go to: the files that describe it together.
type repository struct {
	path string // of the first file
	conf host.Sections
}

func (m *machine) repository(number string) repository { return m.repositoryIn(backrestRepos, number) }

func (m *machine) repositoryIn(folder, number string) repository {
	r := repository{path: folder + "repo" + number + ".conf"}
	for i, path := range m.files.Matching(folder + "repo" + number + "*.conf") {
		if i == 0 {
			r.path = path
		}
		r.conf = append(r.conf, host.ReadSections(m.files[path].Content)...)
	}
	return r
}

// facts are what a machine's scripts go by.
func (m *machine) facts() host.Settings {
	all := host.ReadSettings(m.files[siteFacts].Content)
	for key, value := range all {
		all[key] = strings.Trim(value, `"`)
	}
	return all
}

// threshold is the figure that a script falls back to, of the form ${NAME:-26}.
func threshold(value, name string) int {
	value, is := strings.CutPrefix(value, "${"+name+":-")
	if !is {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(value, "}"))
	if err != nil {
		return 0
	}
	return n
}

func dailyAt(zone string, minute int) func(host.Calendar) bool {
	return func(c host.Calendar) bool { return c.Every == 24*time.Hour && c.At == minute && c.Zone == zone }
}

func atMostEvery(d time.Duration) func(host.Calendar) bool {
	return func(c host.Calendar) bool { return c.Every > 0 && c.Every <= d }
}

// leastDays is how many days back production goes at least.
const leastDays = 7

// fullBackups is BK-1 on machines.
func fullBackups(s promises.Subject, r *promises.Report) {
	b := machineBackupOf(s)
	if s.Spec.SiteClient != nil {
		return // on the pair's own machines
	}
	eachHost(s, r, func(m machineCheck) {
		zone := b.zone(m.machine)
		m.wantTimer("berth-backup", dailyAt(zone, 0), sbin+"berth-backup", "a full backup every day at 00:00, "+zone)
		persistent := host.ReadUnit(m.files, "berth-backup.timer").Value("Timer", "Persistent")
		m.wantKey(unitFolder+"berth-backup.timer", "Persistent", persistent, persistent == "yes" || persistent == "true", "yes: what was missed while the machine was off is made up for")
		facts := m.facts()
		m.wantKey(siteFacts, "ZONE", facts["ZONE"], facts["ZONE"] == zone, zone+", so that the day begins at the site's midnight")
		m.wantKey(siteFacts, "CLUSTERS", facts["CLUSTERS"], facts["CLUSTERS"] == strings.Join(b.clusters, " "), strings.Join(b.clusters, " ")+": all of them are backed up")
		numbers := strings.Join(b.numbers(s), " ")
		m.wantKey(siteFacts, "REPOSITORIES", facts["REPOSITORIES"], facts["REPOSITORIES"] == numbers, numbers+": a full backup goes to each")
		for _, number := range b.numbers(s) {
			m.kept(b, number)
		}
		m.stanza(backrestConf, facts["SITE"], clusterMain, b.version)
		if slices.Contains(b.clusters, clusterSister) {
			m.stanza(backrestSister, facts["SISTER"], clusterSister, b.version)
			for _, number := range b.numbers(s)[1:] { // of the other site's databases, while they are served here
				m.keptIn(m.repositoryIn(sisterRepos, number), b, number)
			}
		}
		m.wantPackage("pgbackrest", "what makes the backups")
		for _, program := range []string{"/usr/local/lib/berth/host/backups.sh", "/usr/local/lib/berth/host/clusters.sh"} {
			m.wantFile(program, false, "what berth-backup goes by")
		}
	})
}

// kept reports whether a repository keeps as many days as were agreed.
func (m machineCheck) kept(b machineBackup, number string) {
	m.keptIn(m.repository(number), b, number)
}

func (m machineCheck) keptIn(repo repository, b machineBackup, number string) {
	key := "repo" + number + "-retention-full"
	days, _ := strconv.Atoi(repo.conf.Value("global", key))
	holds := days == b.keepDays && (days >= leastDays || !m.s.Production())
	expected := fmt.Sprintf("%d, as backup.keepDays says", b.keepDays)
	if m.s.Production() {
		expected += fmt.Sprintf(", and at least %d in production", leastDays)
	}
	m.wantKey(repo.path, key, repo.conf.Value("global", key), holds, expected)
	m.wantKey(repo.path, key+"-type", repo.conf.Value("global", key+"-type"), repo.conf.Value("global", key+"-type") == "time", "time: the figure counts days")
}

// stanza reports whether pgBackRest reads the cluster that PostgreSQL serves.
func (m machineCheck) stanza(path, name, cluster, version string) {
	conf := host.ReadSections(m.files[path].Content)
	data := host.ReadPostgreSQL(m.files, version+"/"+cluster)["data_directory"]
	said := conf.Value(name, "pg1-path")
	m.wantKey(path, "pg1-path", said, said == data && strings.HasPrefix(said, dataFolder), "the folder of cluster "+cluster+", "+data+", under stanza "+name)
	port := host.ReadPostgreSQL(m.files, version+"/"+cluster)["port"]
	m.wantKey(path, "pg1-port", conf.Value(name, "pg1-port"), conf.Value(name, "pg1-port") == port && port != "", "the port of cluster "+cluster+", "+port)
}

// copiedAway is BK-2 on sites.
func copiedAway(s promises.Subject, r *promises.Report) {
	pair := s.Spec.Sites
	if pair == nil {
		return
	}
	third := pair.Backup.ThirdPlace
	if third == nil && s.Production() {
		r.Missing("third place of backups", "a bucket outside both sites", "set backup.thirdPlace in the pair's file")
	}
	eachHost(s, r, func(m machineCheck) {
		second := m.repository("2")
		tunnel := m.tunnel()
		said := func(repo repository, key, want, expected string) {
			value := repo.conf.Value("global", key)
			m.wantKey(repo.path, key, value, value == want && want != "", expected)
		}
		said(second, "repo2-host", tunnel.sister, "the other site's address in the tunnel, "+tunnel.sister)
		said(second, "repo2-host-type", "tls", "tls: a channel with certificates at both ends")
		said(second, "repo2-host-port", "8432", "8432, where the other site listens")
		said(second, "repo2-path", "/srv/data/pgbackrest/sister", "/srv/data/pgbackrest/sister, on the mirrored disks")
		said(second, "repo2-host-ca-file", trustedCA, trustedCA+": the other site's authority alone")
		for _, key := range []string{"repo2-host-cert-file", "repo2-host-key-file"} {
			said(second, key, "/etc/berth/certificates/pgbackrest/client.pem", "this machine's own certificate")
		}
		m.overTLS(tunnel)
		first := m.repository("1")
		path := first.conf.Value("global", "repo1-path")
		m.wantKey(first.path, "repo1-path", path, strings.HasPrefix(path, dataFolder) && path != second.conf.Value("global", "repo2-path"), "a folder of its own on the mirrored disks")
		m.takesIn(tunnel)
		if third == nil {
			return
		}
		outside := m.repository("3")
		said(outside, "repo3-type", "s3", "s3: a bucket outside both sites")
		said(outside, "repo3-s3-endpoint", third.Endpoint, third.Endpoint+", as backup.thirdPlace says")
		said(outside, "repo3-s3-bucket", third.Bucket, third.Bucket+", as backup.thirdPlace says")
		said(outside, "repo3-s3-region", third.Region, third.Region+", as backup.thirdPlace says")
		m.sealed(outside)
		m.afterFailover(third)
	})
}

// afterFailover reports whether the other site's databases go to the same places while they are served here.
func (m machineCheck) afterFailover(third *spec.ObjectStore) {
	for _, number := range []string{"2", "3"} {
		repo := m.repositoryIn(sisterRepos, number)
		want := map[string]string{"repo2-path": "/srv/data/pgbackrest/sister"}
		if number == "3" {
			want = map[string]string{"repo3-type": "s3", "repo3-s3-endpoint": third.Endpoint, "repo3-s3-bucket": third.Bucket, "repo3-s3-region": third.Region, "repo3-cipher-type": "aes-256-cbc",
				"repo3-path": m.repository("3").conf.Value("global", "repo3-path")}
		}
		for _, key := range sorted(want) {
			value := repo.conf.Value("global", key)
			m.wantKey(repo.path, key, value, value == want[key], want[key]+": the same place as before the failover")
		}
	}
}

const sisterRepos = "/etc/pgbackrest/sister.d/"

// overTLS reports whether pgBackRest, in whatever file, speaks to the other site alone, under TLS, with certificates at both ends.
func (m machineCheck) overTLS(t tunnelView) {
	const copies = "/etc/pgbackrest/copy.conf" // reads the other site's databases for the copies that this one makes
	if f, placed := m.files[copies]; placed {
		from := host.ReadSections(f.Content).Value(m.facts()["SISTER"], "pg1-host")
		m.wantKey(copies, "pg1-host", from, from == t.sister && t.sister != "", t.sister+", the other site in the tunnel")
	}
	for _, path := range slices.Sorted(maps.Keys(m.files)) {
		if !strings.HasPrefix(path, "/etc/pgbackrest/") {
			continue
		}
		conf := host.ReadSections(m.files[path].Content)
		for _, section := range conf.Names() {
			for _, one := range conf {
				if one.Name != section {
					continue
				}
				for _, key := range one.Keys {
					which, is := strings.CutSuffix(key.Name, "-host")
					if !is || path == m.repository("2").path {
						continue
					}
					m.wantKey(path, key.Name, key.Value, key.Value == t.sister && t.sister != "", t.sister+", the other site in the tunnel")
					for _, want := range []struct{ name, value string }{
						{"type", "tls"}, {"ca-file", trustedCA}, {"cert-file", "/etc/berth/certificates/pgbackrest/client.pem"}, {"key-file", "/etc/berth/certificates/pgbackrest/client.pem"},
					} {
						name := which + "-host-" + want.name
						value := conf.Value(section, name)
						m.wantKey(path, name, value, value == want.value, want.value)
					}
				}
			}
		}
	}
}

// sealed reports whether what goes to a bucket is encrypted before it leaves, over a verified channel.
func (m machineCheck) sealed(repo repository) {
	cipher := repo.conf.Value("global", "repo3-cipher-type")
	m.wantKey(repo.path, "repo3-cipher-type", cipher, cipher == "aes-256-cbc", "aes-256-cbc: encrypted before it leaves the machine")
	verify := repo.conf.Value("global", "repo3-storage-verify-tls")
	m.wantKey(repo.path, "repo3-storage-verify-tls", verify, verify == "" || verify == "y", "not n: the bucket's certificate is verified")
	m.wantKeyFile("35-backups", "repo3-cipher-pass", "backup-passphrase")
	for _, secret := range []string{"backup-access-key", "backup-secret-key", "backup-passphrase"} {
		m.wantSecret(secret)
	}
}

// wantSecret reports whether a machine gets a secret, whose value nobody sees here.
func (m machineCheck) wantSecret(name string) {
	secrets, _ := m.host.At("secrets").(map[string]any)
	_, given := secrets[name]
	found := "absent"
	if given {
		found = "given"
	}
	m.Note(m.host, given, "secrets["+name+"]", found, "given: the machine keeps it where root alone reads it", "give it in the stack's program")
}

// wantKeyFile reports whether a step writes a key from a secret into a file that not everybody can read.
func (m machineCheck) wantKeyFile(stepName, key, secret string) {
	script := step(m.host, stepName)
	puts := slices.ContainsFunc(host.Commands(script), func(words []string) bool {
		return slices.Contains(words, "put") && slices.ContainsFunc(words, func(w string) bool { return w == "0640" || w == "0600" })
	})
	holds := puts && strings.Contains(script, key+"=") && strings.Contains(script, "secret "+secret)
	found := "not written so"
	if holds {
		found = "written from the secret " + secret
	}
	m.Note(m.host, holds, "steps["+stepName+"]", found, key+" from the secret "+secret+", in a file that not everybody reads", fixBundle)
}

// takesIn reports whether a site takes the other's copies, from its certificate alone.
func (m machineCheck) takesIn(t tunnelView) {
	conf := host.ReadSections(m.files[backrestConf].Content)
	said := func(key, want, expected string) {
		value := conf.Value("global", key)
		m.wantKey(backrestConf, key, value, value == want && want != "", expected)
	}
	said("tls-server-address", t.own, "this machine's address in the tunnel alone, "+t.own)
	said("tls-server-port", "8432", "8432, where the other site looks for it")
	said("tls-server-ca-file", trustedCA, trustedCA+": the other site's authority alone")
	for _, key := range []string{"tls-server-cert-file", "tls-server-key-file"} {
		said(key, "/etc/berth/certificates/pgbackrest/server.pem", "this machine's own certificate")
	}
	sister, own := m.facts()["SISTER"], m.facts()["SITE"]
	auth := strings.Join(conf.Values("global", "tls-server-auth"), "; ")
	// After a failover it is the other site that copies this one's databases.
	m.wantKey(backrestConf, "tls-server-auth", auth, auth == "berth-"+sister+"="+sister || auth == "berth-"+sister+"="+sister+","+own, "the other site's certificate alone, for the two sites' databases")
	m.wantRunning("pgbackrest.service", "the other site's copies come in")
}

// rollingArchive is BK-3 on sites.
func rollingArchive(s promises.Subject, r *promises.Report) {
	if s.Spec.Sites == nil {
		return
	}
	b := machineBackupOf(s)
	eachHost(s, r, func(m machineCheck) { m.archives(b) })
}

// archives reports whether every change is in the repositories within five minutes.
func (m machineCheck) archives(b machineBackup) {
	for _, cluster := range b.clusters {
		path := "/etc/postgresql/" + b.version + "/" + cluster + "/postgresql.conf"
		conf := host.ReadPostgreSQL(m.files, b.version+"/"+cluster)
		seconds, _ := strconv.Atoi(conf["archive_timeout"])
		m.wantKey(path, "archive_mode", conf["archive_mode"], conf["archive_mode"] == "on", "on")
		m.wantKey(path, "archive_timeout", conf["archive_timeout"], seconds > 0 && seconds <= 300, "at most 300 seconds until work that is done is in an archive")
		command := conf["archive_command"]
		m.wantKey(path, "archive_command", command, strings.Contains(command, "pgbackrest") && strings.HasSuffix(command, " archive-push %p"), "pgbackrest … archive-push %p")
		m.wantKey(path, "wal_level", conf["wal_level"], conf["wal_level"] == "replica" || conf["wal_level"] == "logical" || conf["wal_level"] == "", "replica or logical")
		fsync := conf["fsync"]
		m.wantKey(path, "fsync", fsync, fsync == "" || fsync == "on", "on")
	}
	conf := host.ReadSections(m.files[backrestConf].Content)
	m.wantKey(backrestConf, "archive-async", conf.Value("global", "archive-async"), conf.Value("global", "archive-async") == "y", "y: a slow repository does not hold the others up")
	if b.third == nil && m.s.Production() {
		m.Missing("bucket for archives", "every change in S3 within 5 minutes", "set backup.thirdPlace in the pair's file")
	}
}

// anySecond is BK-4 on sites.
func anySecond(s promises.Subject, r *promises.Report) {
	if s.Spec.Sites == nil {
		return
	}
	b := machineBackupOf(s)
	eachHost(s, r, func(m machineCheck) {
		for _, number := range b.numbers(s) {
			repo := m.repository(number)
			for _, key := range []string{"retention-archive", "retention-archive-type", "retention-diff"} {
				key = "repo" + number + "-" + key
				value := repo.conf.Value("global", key)
				m.wantKey(repo.path, key, value, value == "", "absent: the log is kept as long as the oldest full backup needs it, "+inDays(b.keepDays))
			}
		}
		m.wantFile(sbin+"berth-restore", true, "what restores to a named second")
		m.wantTimer("berth-verify", atMostEvery(7*24*time.Hour), sbin+"berth-verify", "every file of every backup is read again and compared, weekly")
		initdb := commandWith(step(m.host, "30-postgresql"), "--data-checksums")
		found := "no such command"
		if initdb {
			found = "--data-checksums"
		}
		m.Note(m.host, initdb, "steps[30-postgresql]", found, "clusters are made with checksums, so that a backup of broken data is noticed", fixBundle)
	})
}

// commandWith tells whether a script calls something with an argument.
func commandWith(script, argument string) bool {
	return slices.ContainsFunc(host.Commands(script), func(words []string) bool { return slices.Contains(words, argument) })
}

// copiesWatched is BK-9 on machines.
func copiesWatched(s promises.Subject, r *promises.Report) {
	if s.Spec.Sites == nil {
		return
	}
	b := machineBackupOf(s)
	eachHost(s, r, func(m machineCheck) {
		for _, check := range []string{"backup-age", "archive-lag", "replication-lag", "standby"} {
			m.wantFile(machineChecks+check, true, "the check "+check+" runs with all others")
		}
		facts := m.facts()
		age, lag, waits := threshold(facts["BACKUP_AGE_HOURS"], "BACKUP_AGE_HOURS"), threshold(facts["REPLICATION_LAG_SECONDS"], "REPLICATION_LAG_SECONDS"), threshold(facts["ARCHIVE_LAG_SECONDS"], "ARCHIVE_LAG_SECONDS")
		m.wantKey(siteFacts, "BACKUP_AGE_HOURS", facts["BACKUP_AGE_HOURS"], age == b.watch.BackupAgeHours && age >= 24 && age <= 48, fmt.Sprintf("%d, as watch.backupAgeHours says", b.watch.BackupAgeHours))
		m.wantKey(siteFacts, "REPLICATION_LAG_SECONDS", facts["REPLICATION_LAG_SECONDS"], lag == b.watch.ReplicationLagSeconds && lag > 0, fmt.Sprintf("%d, as watch.replicationLagSeconds says", b.watch.ReplicationLagSeconds))
		m.wantKey(siteFacts, "ARCHIVE_LAG_SECONDS", facts["ARCHIVE_LAG_SECONDS"], waits > 0 && waits <= 900, "at most 900 seconds")
		m.wantTimer("berth-repositories", atMostEvery(time.Hour), sbin+"berth-repositories", "it is seen every hour that all repositories take backups")
	})
}
