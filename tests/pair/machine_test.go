package pair

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/machine/bundle"
)

// machine is a set of namespaces with a root of its own.
type machine struct {
	t        *testing.T
	name     string
	address  string
	pid      string // of its first process, as this machine sees it
	settings map[string]string
	secrets  map[string]string
}

// setup runs as the first process of the namespaces: it makes the root in $1, an empty folder, and ends when its standard input does: with the
// test, however that ends. Until then it takes in, as a first process does, what others leave.
const setup = `set -euo pipefail
mount -t tmpfs -o size=3g tmpfs "$1"
mkdir "$1"/{upper,work,root}
mount -t overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" overlay "$1/root"
cd "$1/root"
mount --rbind /dev dev
exec chroot . bash -euc '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp
rm -rf /srv/* /etc/postgresql/* /etc/pgbackrest* /var/lib/berth /etc/berth /var/log/postgresql/* /var/log/pgbackrest/* /var/spool/pgbackrest/*
mkdir -p /srv/data /run/lock
mount -t tmpfs tmpfs /srv/data
ip link set lo up
useradd --system tf-globex; useradd --system tf-acme; useradd --system tf-acme-corp; useradd ada-lindqvist
echo ready
while read -r _; do :; done'`

// start makes the namespaces; they end with the test.
func start(t *testing.T, name, address string) *machine {
	t.Helper()
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private",
		"bash", "-c", setup, "setup", t.TempDir())
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("make namespaces: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // with it, by --kill-child, all of the machine
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		if strings.Contains(problems.String(), "not permitted") {
			t.Skipf("namespaces or mounts are not permitted here: %s", problems.String())
		}
		t.Fatalf("make machine %s: %v, %s", name, err, problems.String())
	}
	child, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, name: name, address: address, pid: strings.Fields(string(child))[0]}
	m.must("hostname " + name)
	return m
}

// cable joins two machines; each calls its end wg0, as the tunnel is called on real ones.
func cable(t *testing.T, a, b *machine) {
	t.Helper()
	// Made inside of a's namespace, so that nothing of it is ever on this machine.
	a.must("ip link add wg0 type veth peer name far")
	if out, err := exec.Command("nsenter", "-t", a.pid, "-n", "ip", "link", "set", "far", "netns", b.pid, "name", "wg0").CombinedOutput(); err != nil {
		t.Fatalf("cable: %v: %s", err, out)
	}
	for _, m := range []*machine{a, b} {
		m.must("ip addr add " + m.address + "/29 dev wg0 && ip link set wg0 up")
	}
}

// try runs bash on the machine, as root, and gives what it printed on both streams.
func (m *machine) try(script string, stdin ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", m.pid, "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wd", "bash", "-c", script)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Stdin = strings.NewReader(strings.Join(stdin, ""))
	// A file, not a pipe: a server that was started here keeps it open.
	out, err := os.CreateTemp(m.t.TempDir(), "out")
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if _, seek := out.Seek(0, io.SeekStart); seek != nil {
		return "", seek
	}
	text, readErr := io.ReadAll(out)
	if err == nil {
		err = readErr
	}
	return strings.TrimSpace(string(text)), err
}

func (m *machine) must(script string, stdin ...string) string {
	m.t.Helper()
	out, err := m.try(script, stdin...)
	if err != nil {
		logs, _ := m.try("tail -n 15 /var/log/postgresql/*.log /var/log/pgbackrest/*.log")
		m.t.Fatalf("%s: %s\n%v: %s\n\n%s", m.name, script, err, out, logs)
	}
	return out
}

// sql asks a cluster as the superuser.
func (m *machine) sql(port, database, query string) string {
	m.t.Helper()
	return m.must("cd / && runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -h /run/postgresql -p "+port+" -d "+database, query)
}

// eventually waits until bash on the machine succeeds.
func (m *machine) eventually(script string) string {
	m.t.Helper()
	var out string
	var err error
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if out, err = m.try(script); err == nil {
			return out
		}
	}
	m.t.Fatalf("%s: %s\nnever succeeded: %v: %s", m.name, script, err, out)
	return ""
}

func (m *machine) write(path, text, mode string) {
	m.t.Helper()
	m.must(fmt.Sprintf("mkdir -p %s && cat >%s && chmod %s %s", filepath.Dir(path), path, mode, path), text)
}

// ours are the parts of a machine's bundle that these tests are about.
func ours(b bundle.Bundle) bundle.Bundle {
	folders := []string{"/etc/postgresql", "/etc/pgbackrest", "/etc/berth/clients.d", "/etc/berth/doors.d", "/etc/berth/attachments.conf", "/etc/taskflow/", "/etc/systemd/system/postgresql@"}
	names := []string{
		"site.conf", "clusters.sh", "backups.sh", "keys", "bi-columns", "serves", "fetch-attachments",
		"checks/certificates", "checks/replication-lag", "checks/standby", "checks/archive-lag", "checks/backup-age", "checks/doors",
	}
	commands := []string{"access", "certificates", "fence", "promote", "rejoin", "standby", "yield", "backup", "repositories", "verify", "restore", "doors"}
	var part bundle.Bundle
	part.Name = b.Name
	for _, f := range b.Files {
		name, ofLibrary := strings.CutPrefix(f.Path, "/usr/local/lib/berth/host/")
		command, ofCommands := strings.CutPrefix(f.Path, "/usr/local/sbin/berth-")
		if slices.ContainsFunc(folders, func(p string) bool { return strings.HasPrefix(f.Path, p) }) ||
			ofLibrary && slices.Contains(names, name) || ofCommands && slices.Contains(commands, command) {
			part.Files = append(part.Files, f)
		}
	}
	for _, s := range b.Steps {
		for _, word := range []string{"-certificates", "-postgresql", "-backups", "-database-", "-doors-"} {
			if strings.Contains(s.Name, word) {
				part.Steps = append(part.Steps, s)
				break
			}
		}
	}
	return part
}

// archive packs files with their owners. They are old: whatever runs has read them, unless a test says otherwise.
func archive(t *testing.T, files []bundle.File) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		user, group, _ := strings.Cut(cmp.Or(f.Owner, "root:root"), ":")
		err := w.WriteHeader(&tar.Header{
			Name: strings.TrimPrefix(f.Path, "/"), Mode: int64(f.Mode), Size: int64(len(f.Content)), Uname: user, Gname: group, ModTime: time.Unix(1_700_000_000, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// apply puts our part of a bundle on the machine as the applier does: files, steps below 50, the unit, the rest. It gives what was changed
// by steps.
func (m *machine) apply(whole bundle.Bundle) (changed []string) {
	m.t.Helper()
	b := ours(whole)
	m.must("tar -x --no-overwrite-dir -C / -f -", archive(m.t, b.Files))
	var values strings.Builder
	etc := "/etc/berth/" + b.Name
	fmt.Fprintf(&values, "mkdir -p %s/secrets\nchmod 0700 %s/secrets\n", etc, etc)
	for name, value := range m.settings {
		fmt.Fprintf(&values, "printf '%%s\\n' %q >>%s/settings.new\n", name+"="+value, etc)
	}
	fmt.Fprintf(&values, "touch %s/settings.new\nmv %s/settings.new %s/settings\n", etc, etc, etc)
	for name, value := range m.secrets {
		fmt.Fprintf(&values, "printf '%%s' %q >%s/secrets/%s\n", value, etc, name)
	}
	m.must("set -e\n" + values.String())
	m.write("/run/lib.sh", bundle.Library, "0644")
	started := false
	for _, s := range b.Steps {
		if s.Name >= "50" && !started && b.Name == "host" {
			m.must("systemctl restart pgbackrest.service")
			for _, u := range whole.Units {
				if strings.HasPrefix(u.Name, "postgresql@") && u.State == bundle.Running {
					m.must("systemctl start " + u.Name)
				}
			}
			started = true
		}
		m.write("/run/step", s.Script, "0644")
		step := func(action string) string {
			return fmt.Sprintf("cd / && export BERTH_BUNDLE=%s BERTH_ETC=%s BERTH_LIB=/usr/local/lib/berth/%s BERTH_SETTINGS=%s/settings BERTH_SECRETS=%s/secrets BERTH_STEP=%s; set -Eeuo pipefail -- %s; . /run/lib.sh; . /run/step",
				b.Name, etc, b.Name, etc, etc, s.Name, action)
		}
		wants := m.must(step("check"))
		if wants == "" {
			continue
		}
		changed = append(changed, strings.Split(wants, "\n")...)
		m.must(step("apply"))
		if left := m.must(step("check")); left != "" {
			m.t.Errorf("%s, step %s was applied and still wants: %s", m.name, s.Name, left)
		}
	}
	return changed
}

// systemctl plays systemd for the units that matter here. What /run/before-stop says is done before a cluster stops.
const systemctl = `#!/bin/bash
exec 8>&- 9>&-
verb=$1; shift
for unit; do
  case $verb:$unit in
    *:--now|*:--no-block|*:--quiet) ;;
    is-active:taskflow@*|is-enabled:taskflow@*) [ -e "/run/served/${unit#taskflow@}" ] || exit 3 ;;
    is-active:taskflow-attachments@*) echo inactive; exit 3 ;;
    start:taskflow-attachments@*)
      client=${unit#taskflow-attachments@}; client=${client%.service}
      rc=0; /usr/local/lib/berth/host/serves "$client" || rc=$?
      if [ $rc = 1 ]; then runuser -u "tf-$client" -- /usr/local/lib/berth/host/fetch-attachments "$client" || exit 1; fi ;;
    start:berth-repositories.service) touch /run/repositories-asked ;;
    start:taskflow@*|enable:taskflow@*) mkdir -p /run/served; touch "/run/served/${unit#taskflow@}" ;;
    stop:taskflow@*|disable:taskflow@*) rm -f "/run/served/${unit#taskflow@}" ;;
    start:postgresql@15-*|restart:postgresql@15-*)
      cluster=${unit#postgresql@15-}; cluster=${cluster%.service}
      if [ $verb = restart ]; then pg_ctlcluster --skip-systemctl-redirect -m fast 15-$cluster stop || true; fi
      if pg_ctlcluster 15 $cluster status >/dev/null; then continue; fi
      pre=$(sed -n s/^ExecStartPre=//p /etc/systemd/system/postgresql@15-$cluster.service.d/berth.conf)
      $pre || exit 1
      pg_ctlcluster --skip-systemctl-redirect 15-$cluster start </dev/null || exit 1 ;;
    stop:postgresql@15-*)
      if [ -e /run/before-stop ]; then bash /run/before-stop; fi
      c=${unit#postgresql@15-}; pg_ctlcluster --skip-systemctl-redirect -m fast 15-${c%.service} stop ;;
    reload:postgresql@15-*) c=${unit#postgresql@15-}; pg_ctlcluster --skip-systemctl-redirect 15-${c%.service} reload ;;
    restart:pgbackrest.service)
      if [ -e /run/pgbackrest.pid ]; then kill $(cat /run/pgbackrest.pid); fi
      cd /; setsid runuser -u postgres -- pgbackrest server >/var/log/pgbackrest/server-out.log 2>&1 </dev/null &
      echo $! >/run/pgbackrest.pid ;;
    reload:pgbackrest.service) kill -HUP -- $(cat /run/pgbackrest.pid) ;;
    *) echo "no unit $unit for $verb" >&2; exit 5 ;;
  esac
done
`

// curl plays the clients' services: those that were started answer.
const curl = `#!/bin/bash
for word; do case $word in /run/taskflow/*.sock) client=$(basename "$word" .sock) ;; esac; done
[ -e "/run/served/$client.service" ] && [ -e "/run/served/$client.socket" ]
`

// alert plays the alerts of the machine.
const alert = `#!/bin/bash
printf '%s\n' "$*" >>/run/alerts
`

// place puts on the machine what is played, and what makes the servers quicker without changing what they do.
func (m *machine) place() {
	m.t.Helper()
	m.write("/usr/local/bin/systemctl", systemctl, "0755")
	m.write("/usr/local/bin/curl", curl, "0755")
	m.write("/usr/local/sbin/berth-alert", alert, "0755")
	for _, cluster := range []string{"main", "sister"} {
		m.write("/etc/postgresql/15/"+cluster+"/conf.d/test.conf", "fsync = off\nwal_retrieve_retry_interval = 300ms\nshared_buffers = 32MB\nlog_destination = stderr\n", "0644")
	}
	m.must("mkdir -p /run/postgresql && chown postgres:postgres /run/postgresql && chmod 2775 /run/postgresql && nft add table inet berth && nft add set inet berth bi '{ type ipv4_addr; flags interval, timeout; }'")
}

// serves makes what a client keeps in files, and hands the machine's out to its sister.
func (m *machine) serves(clients ...string) {
	m.t.Helper()
	for _, c := range clients {
		m.must(fmt.Sprintf(`d=/srv/data/taskflow/%[1]s; mkdir -p $d/files $d/backups && echo %[1]s >$d/files/.client && chown -R tf-%[1]s: $d && chmod 0700 $d`, c))
	}
	m.must(`mkdir -p /run/berth-attachments /var/lib/berth/watch && (echo uid = root; echo gid = root; cat /etc/berth/attachments.conf) >/run/attachments.conf`)
	m.must(handOut)
}

// handOut starts the sister's way to files; its process is in /run/rsync.pid.
const handOut = "(setsid rsync --daemon --no-detach --config=/run/attachments.conf >/dev/null 2>&1 </dev/null & echo $! >/run/rsync.pid)"

func render(t *testing.T, d host.Description) bundle.Bundle {
	t.Helper()
	b, err := host.Render(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func renderClient(t *testing.T, c host.Client) bundle.Bundle {
	t.Helper()
	b, err := host.RenderClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// needs skips the test by name where a machine lacks what it takes.
func needs(t *testing.T) {
	t.Helper()
	if syscall.Geteuid() != 0 {
		t.Skip("not run as root: namespaces and mounts need it")
	}
	for program, install := range map[string]string{
		"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "nft": "nftables", "psql": "postgresql-client",
		"pgbackrest": "pgbackrest", "openssl": "openssl", "jq": "jq", "rsync": "rsync", "faketime": "faketime", "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
	} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing: apt-get install %s", program, install)
		}
	}
}
