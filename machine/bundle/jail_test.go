package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/machine/bundle"
)

// jail is this machine seen through an overlay: what the applier changes in it goes with the test. systemd does not run there; a
// script that keeps units as files stands in for systemctl.
type jail struct {
	t    testing.TB
	base string
}

const systemctl = `#!/bin/bash
# Stands in for systemd: a unit's state is a file below /run/units.
d=/run/units
mkdir -p $d
words=()
for a; do case $a in -*) ;; *) words+=("$a") ;; esac; done
set -- "${words[@]}"
u=$2
case $1 in
is-enabled) cat $d/$u.enabled 2>/dev/null || { echo disabled; exit 1; } ;;
is-active) cat $d/$u.active 2>/dev/null || { echo inactive; exit 3; } ;;
enable) echo enabled >$d/$u.enabled ;;
disable | unmask) rm -f $d/$u.enabled ;;
mask) echo masked >$d/$u.enabled; [ -e /etc/systemd/system/$u ] || echo "Unit $u does not exist, proceeding anyway." >&2 ;;
start) [ "$u" != broken.service ] || exit 1; echo active >$d/$u.active ;;
stop) rm -f $d/$u.active ;;
show)
	shift
	for u; do
		echo "UnitFileState=$(cat $d/$u.enabled 2>/dev/null || echo disabled)"
		echo "ActiveState=$(cat $d/$u.active 2>/dev/null || echo inactive)"
		if [ -e /etc/systemd/system/$u ]; then echo "FragmentPath=/etc/systemd/system/$u"; else echo FragmentPath=/usr/sbin/nft; fi
		echo
	done
	exit ;;
esac
echo "$*" >>/run/calls
if [ "$1" = "$(cat /run/kill-after 2>/dev/null)" ]; then kill -9 $PPID; fi
`

func newJail(t testing.TB) jail {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a jail")
	}
	for _, program := range []string{"unshare", "chroot", "dpkg-deb", "apt-get", "flock"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: a jail needs a Debian machine", program)
		}
	}
	j := jail{t, t.TempDir()}
	for _, d := range []string{"upper", "work", "root"} {
		write(t, filepath.Join(j.base, "layers", d, "keep"), "", 0o644)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "tmpfs", filepath.Join(j.base, "layers")).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %s", out)
	}
	t.Cleanup(func() {
		_ = exec.Command("umount", "--lazy", filepath.Join(j.base, "layers/root")).Run()
		_ = exec.Command("umount", "--lazy", filepath.Join(j.base, "layers")).Run()
	})
	for _, d := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(j.base, "layers", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	layers := filepath.Join(j.base, "layers")
	if out, err := exec.Command("mount", "-t", "overlay", "overlay", "-o",
		"lowerdir=/,upperdir="+layers+"/upper,workdir="+layers+"/work", layers+"/root").CombinedOutput(); err != nil {
		t.Skipf("an overlay of this machine cannot be mounted here: %s", out)
	}
	write(t, j.path("/usr/local/sbin/systemctl"), systemctl, 0o755)
	write(t, j.path("/run/systemd/system/keep"), "", 0o644)
	return j
}

func (j jail) path(p string) string { return filepath.Join(j.base, "layers/root", p) }

// put copies a folder of an extracted bundle into the jail.
func (j jail) put(dir string) string {
	j.t.Helper()
	if err := os.RemoveAll(j.path("/run/bundle")); err != nil {
		j.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", dir, j.path("/run/bundle")).CombinedOutput(); err != nil {
		j.t.Fatalf("%v: %s", err, out)
	}
	return "/run/bundle"
}

// run calls a command in namespaces of its own, where only the jail is to be seen.
func (j jail) run(command string, args ...string) (stdout, stderr string, code int) {
	j.t.Helper()
	script := `mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot "$0" "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "--pid", "--fork", "--kill-child", "--net", "bash", "-c", script, j.path("/"), command}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		j.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mortal runs a command that may be killed from within: the first process of a namespace cannot be.
func (j jail) mortal(line string) (stdout, stderr string, code int) {
	j.t.Helper()
	return j.run("bash", "-c", line+"; exit $?")
}

func (j jail) expect(code int, want, command string, args ...string) {
	j.t.Helper()
	out, errs, got := j.run(command, args...)
	if got != code || out != want {
		j.t.Fatalf("%s %s: exit %d, want %d; printed\n%s\nwant\n%s\nstandard error:\n%s", command, strings.Join(args, " "), got, code, out, want, errs)
	}
}

const step = `
say "telling what is said"
secret token | put 0600 daemon:daemon "/etc/app/$(setting name).conf"
if [ ! -e /run/made ]; then change "make /run/made" touch /run/made; fi
gone /etc/app/old
if [ "$BERTH_ACTION" = remove ]; then rm -f /run/made; fi
`

func service() bundle.Bundle {
	return bundle.Bundle{
		Name:     "host",
		Packages: []string{"berth-probe"},
		Files: []bundle.File{
			{Path: "/etc/app/main.conf", Content: "one\n", Mode: 0o640, Owner: "berth-probe:berth-probe"},
			{Path: "/etc/systemd/system/app.service", Content: "[Service]\n", Mode: 0o644},
		},
		Units: []bundle.Unit{
			{Name: "app.service", State: bundle.Running, RestartOn: []string{"/etc/app/"}},
			{Name: "late.timer", State: bundle.Enabled},
			{Name: "nftables.service", State: bundle.Running, Reload: true, RestartOn: []string{"/etc/app/main.conf"}},
			{Name: "off.service", State: bundle.Disabled},
			{Name: "rpc.service", State: bundle.Masked},
		},
		Steps:    []bundle.Step{{Name: "20-conf", Script: step}, {Name: "60-late", Script: "[ -e /run/units/app.service.active ]\n[ -e /run/late ] || change 'write /run/late' touch /run/late\n"}},
		Settings: []string{"name"}, Secrets: []string{"token"},
	}
}

// deb builds a package that makes a user and would start a service.
func deb(t testing.TB, dir string) {
	t.Helper()
	tree := t.TempDir()
	write(t, filepath.Join(tree, "DEBIAN/control"), "Package: berth-probe\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a probe\n", 0o644)
	write(t, filepath.Join(tree, "DEBIAN/postinst"), "#!/bin/sh\nset -e\ngetent passwd berth-probe >/dev/null || useradd --system berth-probe\n/usr/sbin/policy-rc.d probe start || echo refused >/run/refused\necho mine >>/etc/app/main.conf\n", 0o755)
	if err := os.MkdirAll(filepath.Join(dir, "debs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, filepath.Join(dir, "debs/berth-probe_1.0_all.deb")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestWholeMachine(t *testing.T) {
	j := newJail(t)
	dir := extract(t, service(), map[string]string{"name": "it"}, map[string]string{"token": "tok\n"})
	deb(t, dir)
	at := j.put(dir)
	write(t, j.path("/run/units/off.service.active"), "active\n", 0o644)
	write(t, j.path("/run/units/rpc.service.active"), "active\n", 0o644)
	write(t, j.path("/run/units/nftables.service.active"), "active\n", 0o644)
	write(t, j.path("/run/units/nftables.service.enabled"), "enabled\n", 0o644)
	write(t, j.path("/etc/app/old"), "", 0o644)
	beginning := `setting create name
secret create token
file create /etc/app/main.conf
file create /etc/systemd/system/app.service
package install berth-probe
step 20-conf: write /etc/app/it.conf
step 20-conf: make /run/made
step 20-conf: remove /etc/app/old
unit enable app.service
unit start app.service
unit enable late.timer
unit reload nftables.service
unit stop off.service
unit stop rpc.service
unit mask rpc.service
`
	j.expect(10, beginning+"step 60-late: can be told only once what stands above is done\n", "bash", at+"/berth-host", "plan", at)
	if out, errs, code := j.run("bash", at+"/berth-host", "apply", at); code != 0 || out != beginning+"step 60-late: write /run/late\n" || strings.Contains(errs, "does not exist") {
		t.Fatalf("exit %d, printed\n%s\nand said, perhaps of a unit that is none the worse for being masked,\n%s", code, out, errs)
	}
	j.expect(0, "", "berth-host", "apply", at)
	j.expect(0, "", "berth-host", "plan")
	j.expect(0, "640 berth-probe /etc/app/main.conf\n600 daemon /etc/app/it.conf\n", "stat", "-c", "%a %U %n", "/etc/app/main.conf", "/etc/app/it.conf")
	if _, err := os.Stat(j.path("/run/refused")); err != nil {
		t.Error("a package's service could have started")
	}
	if _, err := os.Stat(j.path("/usr/sbin/policy-rc.d")); err == nil && strings.Contains(read(t, j.path("/usr/sbin/policy-rc.d")), "berth-host") {
		t.Error("services are still kept from starting")
	}

	// A change by hand is found and mended; a new value of a secret restarts what reads the file that it goes to.
	write(t, j.path("/etc/app/main.conf"), "by hand\n", 0o644)
	write(t, j.path("/run/bundle/secrets/token"), "tok2\n", 0o600)
	if err := os.Remove(j.path("/run/units/late.timer.enabled")); err != nil {
		t.Fatal(err)
	}
	out, errs, code := j.run("berth-host", "apply", at)
	want := "secret change token\nfile change /etc/app/main.conf\nstep 20-conf: change /etc/app/it.conf\nunit restart app.service\nunit enable late.timer\nunit reload nftables.service\n"
	if code != 0 || out != want {
		t.Errorf("exit %d, printed\n%s\nwant\n%s\n%s", code, out, want, errs)
	}
	out, errs, code = j.run("berth-host", "state")
	all, err := bundle.ParseState(strings.NewReader(out))
	if code != 0 || err != nil || len(all) != 1 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	if s := all[0]; s.Units["app.service"] != bundle.Running || s.Units["rpc.service"] != bundle.Masked || s.Units["off.service"] != bundle.Disabled ||
		s.Packages["berth-probe"] != "1.0" || s.Steps["20-conf"] != "" || s.Files["/etc/app/main.conf"].Owner != "berth-probe:berth-probe" {
		t.Errorf("read %+v\nof %s", s, out)
	}

	// A unit that does not start stops the run; the next one, with it mended, restarts what the first had not come to.
	broken := service()
	broken.Files[0].Content = "two\n"
	broken.Units = append(broken.Units[:1:1], append([]bundle.Unit{{Name: "broken.service", State: bundle.Running}}, broken.Units[2:]...)...)
	j.put(extract(t, broken, nil, nil))
	out, errs, code = j.run("berth-host", "apply", at)
	if code != 1 || !strings.Contains(errs, "broken.service would not start") || !strings.Contains(errs, "run it again") || strings.Contains(out, "nftables") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	broken.Units = append(broken.Units[:1:1], broken.Units[2:]...)
	j.put(extract(t, broken, nil, nil))
	// app.service was restarted already, and is once more: the first run could not record it.
	want = "unit restart app.service\nunit reload nftables.service\n"
	if out, errs, code = j.run("berth-host", "apply", at); code != 0 || out != want {
		t.Errorf("exit %d, printed\n%s\nwant\n%s\n%s", code, out, want, errs)
	}

	out, errs, code = j.run("berth-host", "remove", "host")
	for _, line := range []string{"unit stop app.service\n", "unit disable app.service\n", "unit unmask rpc.service\n", "step 20-conf: removed\n", "file remove /etc/app/main.conf\n"} {
		if code != 0 || !strings.Contains(out, line) {
			t.Errorf("remove: exit %d, lacks %q\n%s%s", code, line, out, errs)
		}
	}
	if strings.Contains(out, "stop nftables") {
		t.Error("the removal stopped a distribution's service")
	}
	if _, err := os.Stat(j.path("/run/made")); err == nil {
		t.Error("the step's remove did not run")
	}
	if _, err := os.Stat(j.path("/etc/app/it.conf")); err != nil {
		t.Error("what a step wrote is data, and is gone")
	}
}

func TestStepThatDoesNotSettleIsSaid(t *testing.T) {
	j := newJail(t)
	for name, tc := range map[string]struct{ script, want string }{
		"unsettled": {"would 'turn the wheel'\n", "was applied, and still wants: turn the wheel"},
		"check":     {"false\n", "line 1: failed (1): false"},
		"apply":     {"would x\nif applying; then cat /nowhere | sort; fi\n", "step 20-a of bundle host failed"},
		"setting":   {"setting none\n", "setting none of bundle host has no value"},
		"secret":    {"x=$(secret none)\n", "secret none of bundle host has no value"},
	} {
		b := bundle.Bundle{Name: "host", Steps: []bundle.Step{{Name: "20-a", Script: tc.script}}}
		at := j.put(extract(t, b, nil, nil))
		if out, errs, code := j.run("bash", at+"/berth-host", "apply", at); code != 1 || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit %d, want 1 and %q\n%s%s", name, code, tc.want, out, errs)
		}
	}
}

// units is a bundle that has a service and a timer of its own, or no longer.
func units(has bool) bundle.Bundle {
	b := bundle.Bundle{Name: "host", Files: []bundle.File{{Path: "/etc/app/main.conf", Content: "one\n", Mode: 0o644}}}
	for _, name := range []string{"app.service", "app.timer"} {
		if has {
			b.Files = append(b.Files, bundle.File{Path: "/etc/systemd/system/" + name, Content: "[Unit]\n", Mode: 0o644})
			b.Units = append(b.Units, bundle.Unit{Name: name, State: bundle.Running})
		}
	}
	return b
}

func TestUnitsThatANewerBundleLacksAreStopped(t *testing.T) {
	const want = `unit stop app.service
unit disable app.service
unit stop app.timer
unit disable app.timer
file remove /etc/systemd/system/app.service
file remove /etc/systemd/system/app.timer
`
	sorted := func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
	for _, killed := range []string{"", "stop", "disable", "daemon-reload"} {
		t.Run("killed after "+killed, func(t *testing.T) {
			j := newJail(t)
			at := j.put(extract(t, units(true), nil, nil))
			if _, errs, code := j.run("bash", at+"/berth-host", "apply", at); code != 0 {
				t.Fatalf("exit %d: %s", code, errs)
			}
			j.put(extract(t, units(false), nil, nil))
			if out, errs, code := j.run("berth-host", "plan", at); code != 10 || sorted(out) != sorted(want) {
				t.Errorf("plan: exit %d, printed\n%s\nwant\n%s\n%s", code, out, want, errs)
			}
			if killed != "" {
				write(t, j.path("/run/kill-after"), killed+"\n", 0o644)
				if out, _, code := j.mortal("berth-host apply " + at); code == 0 {
					t.Fatalf("it was not killed: %s", out)
				}
				if err := os.Remove(j.path("/run/kill-after")); err != nil {
					t.Fatal(err)
				}
			}
			out, errs, code := j.run("berth-host", "apply", at)
			if code != 0 || killed == "" && sorted(out) != sorted(want) {
				t.Errorf("apply: exit %d, printed\n%s\nwant\n%s\n%s", code, out, want, errs)
			}
			for _, name := range []string{"app.service", "app.timer"} {
				for _, is := range []string{".active", ".enabled"} {
					if _, err := os.Stat(j.path("/run/units/" + name + is)); err == nil {
						t.Errorf("%s is still %s", name, is[1:])
					}
				}
			}
			j.expect(0, "", "berth-host", "plan")
		})
	}
}

// killer stands in for a program of the system, and kills who calls it after it was called for the nth time for an archive.
const killer = `#!/bin/bash
%s "$@" || exit
case "$*" in *archive*)
	n=$(cat /run/count 2>/dev/null || echo 0)
	echo $((n + 1)) >/run/count
	[ "$((n + 1))" != "$(cat /run/kill 2>/dev/null)" ] || kill -9 $PPID
esac
`

func TestTheKeptBundleSurvivesTwoKills(t *testing.T) {
	j := newJail(t)
	at := j.put(extract(t, units(false), nil, nil))
	if _, errs, code := j.run("bash", at+"/berth-host", "apply", at); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, program := range []string{"mv", "rm"} {
		write(t, j.path("/usr/local/sbin/"+program), fmt.Sprintf(killer, "/usr/bin/"+program), 0o755)
	}
	first, second := 0, 0
	for {
		first++
		if first > 12 {
			t.Fatal("it is killed however late")
		}
		write(t, j.path("/run/kill"), fmt.Sprint(first), 0o644)
		write(t, j.path("/run/count"), "0", 0o644)
		if _, _, code := j.mortal("berth-host apply " + at); code == 0 {
			break // it ends before it is killed
		}
		for second = 1; second <= 6; second++ {
			write(t, j.path("/run/kill"), fmt.Sprint(second), 0o644)
			write(t, j.path("/run/count"), "0", 0o644)
			_, _, _ = j.mortal("berth-host apply " + at)
			write(t, j.path("/run/kill"), "0", 0o644)
			if out, errs, code := j.run("berth-host", "state"); code != 0 || !strings.Contains(out, "end host") {
				t.Fatalf("killed at %d and at %d: exit %d, %s%s", first, second, code, out, errs)
			}
			if _, errs, code := j.run("berth-host", "plan"); code != 0 {
				t.Fatalf("killed at %d and at %d: the kept bundle cannot be planned: exit %d, %s", first, second, code, errs)
			}
		}
	}
	if first < 3 {
		t.Errorf("only %d places were tried", first)
	}
	left, err := filepath.Glob(j.path("/var/lib/berth/bundles/host/archive*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
