package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/machine/bundle"
)

// extract lays a bundle's archive out in a folder, with values for what it needs.
func extract(t testing.TB, b bundle.Bundle, settings map[string]string, secrets map[string]string) string {
	t.Helper()
	archive, err := b.Archive()
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, h.Name), string(content), os.FileMode(h.Mode))
	}
	var lines strings.Builder
	for k, v := range settings {
		fmt.Fprintf(&lines, "%s=%s\n", k, v)
	}
	if len(settings) > 0 {
		write(t, filepath.Join(dir, "settings"), lines.String(), 0o600)
	}
	for k, v := range secrets {
		write(t, filepath.Join(dir, "secrets", k), v, 0o600)
	}
	return dir
}

func write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// machine is a folder that stands for a machine's files. Packages, units and steps are tried in jail_test.go.
type machine struct {
	t    testing.TB
	root string
}

func newMachine(t testing.TB) machine {
	t.Helper()
	for _, program := range []string{"bash", "flock", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	return machine{t, t.TempDir()}
}

func (m machine) path(p string) string { return filepath.Join(m.root, p) }

func (m machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("bash", append([]string{"berth-host"}, args...)...)
	cmd.Env = append(os.Environ(), "BERTH_ROOT="+m.root)
	return cmd
}

// run gives the standard output, the standard error and the exit code.
func (m machine) run(args ...string) (stdout, stderr string, code int) {
	m.t.Helper()
	cmd := m.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// expect runs the applier and compares what it prints, and its exit code.
func (m machine) expect(code int, want string, args ...string) {
	m.t.Helper()
	out, errs, got := m.run(args...)
	if got != code || out != want {
		m.t.Fatalf("berth-host %s: exit %d, want %d; printed\n%s\nwant\n%s\nstandard error:\n%s", strings.Join(args, " "), got, code, out, want, errs)
	}
}

func values() (map[string]string, map[string]string) {
	return map[string]string{"disk-a": "/dev/disk/by-id/a=b c"}, map[string]string{"mail-password": "s3cret\n"}
}

const created = `setting create disk-a
secret create mail-password
file create /etc/app/a.conf
file create /etc/app/empty
file create /etc/app/hello world's \ "$(id)" file.conf
`

func TestApply(t *testing.T) {
	m := newMachine(t)
	settings, secrets := values()
	dir := extract(t, sample(), settings, secrets)
	m.expect(10, created, "plan", dir)
	if _, err := os.Stat(m.path("/etc")); err == nil {
		t.Fatal("a plan changed something")
	}
	m.expect(0, created, "apply", dir)
	for path, want := range map[string]string{
		"/etc/app/a.conf": "one\n", `/etc/app/hello world's \ "$(id)" file.conf`: "quoted\n", "/etc/app/empty": "",
		"/etc/berth/host/settings": "disk-a=/dev/disk/by-id/a=b c\n", "/etc/berth/host/secrets/mail-password": "s3cret\n",
		"/usr/local/sbin/berth-host":         bundle.Applier,
		"/var/lib/berth/bundles/host/state":  "applied " + sample().Version() + "\n",
		"/var/lib/berth/bundles/host/placed": "/etc/app/a.conf\n/etc/app/empty\n/etc/app/hello world's \\ \"$(id)\" file.conf\n",
	} {
		if got := read(t, m.path(path)); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]os.FileMode{
		"/etc/app/empty": 0o600, "/etc/berth/host/secrets": 0o700, "/etc/berth/host/secrets/mail-password": 0o600, "/var/lib/berth/bundles/host": 0o700,
	} {
		info, err := os.Stat(m.path(path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info, err, want)
		}
	}
	if _, err := os.Stat(m.path("/var/lib/berth/bundles/host/archive/secrets")); err == nil {
		t.Error("the kept archive holds secrets")
	}
	m.expect(0, "", "plan", dir)
	m.expect(0, "", "apply", dir)
	// Values stay on the machine: the folder need not bring them again, nor is it needed at all.
	m.expect(0, "", "plan", extract(t, sample(), nil, nil))
	m.expect(0, "", "plan")
	m.expect(0, "host applied "+sample().Version()+"\n", "list")
}

func TestApplyMendsWhatSomebodyChanged(t *testing.T) {
	m := newMachine(t)
	settings, secrets := values()
	dir := extract(t, sample(), settings, secrets)
	m.expect(0, created, "apply", dir)
	write(t, m.path("/etc/app/a.conf"), "two\n", 0o644)
	if err := os.Chmod(m.path("/etc/app/empty"), 0o666); err != nil {
		t.Fatal(err)
	}
	write(t, m.path("/etc/berth/host/settings"), "disk-a=/dev/sda\nold=1\n", 0o644)
	if err := os.Remove(m.path("/etc/berth/host/secrets/mail-password")); err != nil {
		t.Fatal(err)
	}
	want := "setting change disk-a\nsetting remove old\nsecret create mail-password\nfile change /etc/app/a.conf\nfile mode /etc/app/empty\n"
	m.expect(10, want, "plan", dir)
	m.expect(10, strings.Replace(want, "a.conf\n", "a.conf\n--- /etc/app/a.conf\n+++ /etc/app/a.conf\n@@ -1 +1 @@\n-two\n+one\n", 1), "plan", "--diff", dir)
	m.expect(0, want, "apply", dir)
	m.expect(0, "", "plan", dir)
}

func TestNewerVersionChangesWhatDiffers(t *testing.T) {
	m := newMachine(t)
	settings, secrets := values()
	write(t, m.path("/etc/app/empty"), "the distribution's\n", 0o640)
	write(t, m.path("/etc/app/foreign.conf"), "somebody's\n", 0o644)
	if err := os.Symlink("/nowhere", m.path("/etc/app/a.conf")); err != nil {
		t.Fatal(err)
	}
	dir := extract(t, sample(), settings, secrets)
	m.expect(0, strings.NewReplacer("file create /etc/app/empty", "file change /etc/app/empty", "file create /etc/app/a.conf", "file change /etc/app/a.conf").Replace(created), "apply", dir)
	newer := sample()
	newer.Files = []bundle.File{{Path: "/etc/app/a.conf", Content: "two\n", Mode: 0o600}, {Path: "/usr/local/lib/berth/host/tool", Mode: 0o755}}
	newer.Secrets = nil
	newerDir := extract(t, newer, nil, nil)
	out, _, code := m.run("plan", newerDir)
	for _, want := range []string{
		"secret remove mail-password\n", "file change /etc/app/a.conf\n", "file create /usr/local/lib/berth/host/tool\n", "file restore /etc/app/empty\n",
		"file remove /etc/app/hello world's \\ \"$(id)\" file.conf\n",
	} {
		if code != 10 || !strings.Contains(out, want) {
			t.Errorf("exit %d; the plan lacks %q:\n%s", code, want, out)
		}
	}
	m.expect(0, out, "apply", newerDir)
	m.expect(0, "", "plan", newerDir)
	if got := read(t, m.path("/etc/app/empty")); got != "the distribution's\n" {
		t.Errorf("what was there before came back as %q", got)
	}
	out, errs, code := m.run("remove", "host")
	if code != 0 || !strings.Contains(errs, "packages and all data stay") {
		t.Fatalf("remove: exit %d\n%s%s", code, out, errs)
	}
	for path, there := range map[string]bool{
		"/etc/app/a.conf": true, "/etc/app/empty": true, "/etc/app/foreign.conf": true, "/usr/local/lib/berth/host": false, "/etc/berth/host": false,
		"/var/lib/berth/bundles/host": false,
	} {
		if _, err := os.Lstat(m.path(path)); (err == nil) != there {
			t.Errorf("after the removal %s is there: %v, want %v", path, err == nil, there)
		}
	}
	if to, err := os.Readlink(m.path("/etc/app/a.conf")); err != nil || to != "/nowhere" {
		t.Errorf("the link that was there before: %q, %v", to, err)
	}
	if _, errs, code := m.run("remove", "host"); code != 0 || !strings.Contains(errs, "nothing to do") {
		t.Errorf("a second removal: exit %d, %s", code, errs)
	}
}

func TestRefusesBeforeAnythingChanges(t *testing.T) {
	settings, secrets := values()
	for name, tc := range map[string]struct {
		prepare func(m machine, dir string)
		want    string
	}{
		"values": {func(_ machine, dir string) {
			_ = os.Remove(filepath.Join(dir, "settings"))
			_ = os.RemoveAll(filepath.Join(dir, "secrets"))
		}, "lacks setting disk-a, secret mail-password"},
		"folder": {func(m machine, _ string) { write(m.t, m.path("/etc/app/a.conf/x"), "", 0o644) }, "/etc/app/a.conf is a folder"},
		"pipe": {func(m machine, _ string) {
			write(m.t, m.path("/etc/app/b"), "", 0o644)
			_ = syscall.Mkfifo(m.path("/etc/app/a.conf"), 0o600)
		}, "neither file nor link"},
		"torn":     {func(m machine, dir string) { write(m.t, filepath.Join(dir, "files/etc/app/a.conf"), "on", 0o644) }, "is torn"},
		"half":     {func(_ machine, dir string) { _ = os.Remove(filepath.Join(dir, "units")) }, "has no units"},
		"its name": {func(m machine, dir string) { write(m.t, filepath.Join(dir, "name"), "../x\n", 0o644) }, "is no bundle's"},
		"another's file": {func(m machine, _ string) {
			write(m.t, m.path("/var/lib/berth/bundles/client-x/placed"), "/etc/app/a.conf\n", 0o600)
		}, "/etc/app/a.conf (bundle client-x)"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			dir := extract(t, sample(), settings, secrets)
			tc.prepare(m, dir)
			for _, command := range []string{"plan", "apply"} {
				out, errs, code := m.run(command, dir)
				if code != 1 || !strings.Contains(errs, tc.want) || out != "" {
					t.Errorf("%s: exit %d, want 1 and %q; it printed\n%s%s", command, code, tc.want, out, errs)
				}
			}
			if _, err := os.Stat(m.path("/etc/berth")); err == nil {
				t.Error("something changed")
			}
		})
	}
}

// many is a bundle that takes a while.
func many(n int, content string) bundle.Bundle {
	b := bundle.Bundle{Name: "host"}
	for i := range n {
		b.Files = append(b.Files, bundle.File{Path: fmt.Sprintf("/etc/app/%03d.conf", i), Content: fmt.Sprintln(content, i), Mode: 0o644})
	}
	return b
}

func TestKilledRunIsCompletedByTheNext(t *testing.T) {
	m := newMachine(t)
	write(t, m.path("/etc/app/007.conf"), "somebody's\n", 0o600)
	random := rand.New(rand.NewPCG(6, 6))
	killed := 0
	var last bundle.Bundle
	for round := range 20 {
		last = many(12+round%5, fmt.Sprintf("round %d", round))
		dir := extract(t, last, nil, nil)
		cmd := m.command("apply", dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err == nil {
			killed++
		}
		_ = cmd.Wait()
		// Never half: each file is the one before or the new one, and whole.
		for i := range 12 {
			content, err := os.ReadFile(m.path(fmt.Sprintf("/etc/app/%03d.conf", i)))
			if err == nil && (len(content) == 0 || content[len(content)-1] != '\n') {
				t.Fatalf("round %d: file %d is half written: %q", round, i, content)
			}
		}
	}
	t.Logf("%d of 20 runs were killed", killed)
	dir := extract(t, last, nil, nil)
	if out, errs, code := m.run("apply", dir); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	m.expect(0, "", "plan", dir)
	there, err := filepath.Glob(m.path("/etc/app/*"))
	if err != nil || len(there) != len(last.Files) {
		t.Errorf("%d files are there, want %d: %v, %v", len(there), len(last.Files), there, err)
	}
	if left, _ := filepath.Glob(m.path("/etc/app/.*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if out, errs, code := m.run("remove", "host"); code != 0 {
		t.Fatalf("remove: exit %d\n%s%s", code, out, errs)
	}
	if got := read(t, m.path("/etc/app/007.conf")); got != "somebody's\n" {
		t.Errorf("the file that was there before came back as %q", got)
	}
	if there, _ := filepath.Glob(m.path("/etc/app/*")); len(there) != 1 {
		t.Errorf("left after the removal: %v", there)
	}
}

func TestTwoRunsWaitForEachOther(t *testing.T) {
	m := newMachine(t)
	one, two := m.command("apply", extract(t, many(20, "one"), nil, nil)), m.command("apply", extract(t, many(20, "two"), nil, nil))
	for _, cmd := range []*exec.Cmd{one, two} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(one.Wait(), two.Wait()); err != nil {
		t.Fatal(err)
	}
	first := strings.Fields(read(t, m.path("/etc/app/000.conf")))[0]
	for i := range 20 {
		if got := read(t, m.path(fmt.Sprintf("/etc/app/%03d.conf", i))); got != fmt.Sprintln(first, i) {
			t.Errorf("file %d holds %q: the runs mixed", i, got)
		}
	}
}

func TestFullDiskIsSaidAndTheNextRunCompletes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	m := newMachine(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", m.root).CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be mounted here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", m.root).Run() })
	b := many(5, strings.Repeat("content ", 5000))
	dir := extract(t, b, nil, nil)
	out, errs, code := m.run("apply", dir)
	if code != 1 || !strings.Contains(errs, "No space left") || !strings.Contains(errs, "stopped while") || !strings.Contains(errs, "run it again") {
		t.Fatalf("exit %d, want 1 and a clear word\n%s%s", code, out, errs)
	}
	for i := range 5 {
		if content, err := os.ReadFile(m.path(fmt.Sprintf("/etc/app/%03d.conf", i))); err == nil && string(content) != b.Files[i].Content {
			t.Errorf("file %d is half written", i)
		}
	}
	if out, err := exec.Command("mount", "-o", "remount,size=4m", m.root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, errs, code := m.run("apply", dir); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	m.expect(0, "", "plan", dir)
}

func TestStateIsWhatParseStateReads(t *testing.T) {
	m := newMachine(t)
	settings, secrets := values()
	dir := extract(t, sample(), settings, secrets)
	m.expect(0, created, "apply", dir)
	write(t, m.path("/etc/app/a.conf"), "by hand\n", 0o600)
	if err := os.Remove(m.path("/etc/app/empty")); err != nil {
		t.Fatal(err)
	}
	out, errs, code := m.run("state", "--bundle", "host")
	all, err := bundle.ParseState(strings.NewReader(out))
	if code != 0 || err != nil || len(all) != 1 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	s := all[0]
	if !s.Applied || s.Version != sample().Version() || s.Settings["disk-a"] != settings["disk-a"] || len(s.Secrets) != 1 ||
		s.Files["/etc/app/a.conf"].Content != "by hand\n" || s.Files["/etc/app/a.conf"].Mode != 0o600 || len(s.Missing) != 1 || s.Missing[0] != "/etc/app/empty" {
		t.Errorf("read %+v\nof %s", s, out)
	}
}

func TestScriptsPassShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	if out, err := exec.Command("shellcheck", "--shell=bash", "berth-host", "lib.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
