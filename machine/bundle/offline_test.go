package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/berth-iac/berth/machine/bundle"
)

func offlineArgs() bundle.OfflineArgs {
	return bundle.OfflineArgs{
		Client: "initech", Version: "1.2.0",
		Bundles: []bundle.Bundle{
			{
				Name:  "host",
				Files: []bundle.File{{Path: "/etc/app/main.conf", Content: "one\n", Mode: 0o644}},
				Steps: []bundle.Step{{Name: "20-conf", Script: "setting disk | put 0644 root:root /etc/app/disk\nsetting colour | put 0644 root:root /etc/app/colour\n"}}, Settings: []string{"colour", "disk"},
			},
			{
				Name:    "client-initech",
				Steps:   []bundle.Step{{Name: "20-keys", Script: "secret key | put 0600 root:root /etc/app/key\nsecret certificate | put 0600 root:root /etc/app/certificate\n"}},
				Secrets: []string{"certificate", "key"},
			},
		},
		Settings: map[string]string{"disk": "/dev/disk/by-id/ata-1"}, Questions: map[string]string{"colour": "Which colour it is to be.", "certificate": "The certificate, PEM."},
		Generated: []string{"key"}, Duties: []string{"Keep the door locked.", "Make backups."},
		Release: map[string][]byte{"manifest.json": []byte("{}\n"), "taskflow-linux-amd64.tar.gz": bytes.Repeat([]byte{0, 1, 2, '\n'}, 5000)},
	}
}

func offline(t testing.TB, a bundle.OfflineArgs) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := bundle.Offline(&out, a); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func shell(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", args...)
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal("sh does not start")
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestOfflineArchiveIsReadAndChecked_AC_11(t *testing.T) {
	dir := t.TempDir()
	text := offline(t, offlineArgs())
	if !bytes.Equal(text, offline(t, offlineArgs())) {
		t.Error("the same arguments give other bytes")
	}
	write(t, filepath.Join(dir, "a.run"), string(text), 0o644)
	for _, tc := range []struct {
		args []string
		code int
		has  string
	}{
		{nil, 0, "sh a.run plan"},
		{[]string{"help"}, 0, "TaskFlow 1.2.0"},
		{[]string{"verify"}, 0, "whole: "},
		{[]string{"list"}, 0, "bundles/client-initech/steps/20-keys"},
		{[]string{"duties"}, 0, " 2. Make backups."},
		{[]string{"readme"}, 0, "minisign -V -P <our public key> -m initech-1.2.0.run"},
		{[]string{"extract", "out"}, 0, "everything is in out"},
		{[]string{"extract"}, 2, "sh a.run extract DIR"},
		{[]string{"frobnicate"}, 2, "sh a.run plan"},
		{[]string{"plan", "--what"}, 2, "sh a.run plan"},
	} {
		if out, code := shell(t, dir, append([]string{"a.run"}, tc.args...)...); code != tc.code || !strings.Contains(out, tc.has) {
			t.Errorf("%v: exit %d, want %d and %q: %s", tc.args, code, tc.code, tc.has, out)
		}
	}
	for path, want := range map[string]string{"out/release/manifest.json": "{}\n", "out/bundles/host/files/etc/app/main.conf": "one\n", "out/settings": "disk=/dev/disk/by-id/ata-1\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	altered := bytes.Clone(text)
	altered[len(altered)-2000] ^= 1
	for name, bad := range map[string][]byte{"cut": text[:len(text)-1], "added": append(bytes.Clone(text), 'x'), "altered": altered} {
		write(t, filepath.Join(dir, "bad.run"), string(bad), 0o644)
		for _, command := range []string{"verify", "list", "plan", "apply", "duties"} {
			if out, code := shell(t, dir, "bad.run", command); code != 1 || !strings.Contains(out, "get it again") {
				t.Errorf("%s %s: exit %d: %s", name, command, code, out)
			}
		}
	}
}

func TestOfflineArchiveIsPlannedAndApplied_AC_11(t *testing.T) {
	j := newJail(t)
	write(t, j.path("/srv/a.run"), string(offline(t, offlineArgs())), 0o644)
	run := func(code int, has string, args ...string) {
		t.Helper()
		out, errs, got := j.run("sh", append([]string{"-c", `cd /srv && exec sh a.run "$@"`, "a.run"}, args...)...)
		if got != code || !strings.Contains(out+errs, has) {
			t.Fatalf("%v: exit %d, want %d and %q: %s%s", args, got, code, has, out, errs)
		}
	}
	read := func(path string) string {
		text, _ := os.ReadFile(j.path(path))
		return string(text)
	}
	run(3, "missing: certificate", "plan")
	if got := read("/srv/answers"); !strings.Contains(got, "# Which colour it is to be.\ncolour=\n") || !strings.Contains(got, "# The certificate, PEM.\ncertificate=\n") || strings.Contains(got, "key=") || strings.Contains(got, "disk=") {
		t.Errorf("the questions: %s", got)
	}
	info, err := os.Stat(j.path("/srv/answers"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the answers are %v, %v", info.Mode(), err)
	}
	if read("/etc/app/main.conf") != "" || read("/var/lib/berth/releases/1.2.0/manifest.json") != "" {
		t.Error("a plan changed something")
	}
	write(t, j.path("/srv/pem"), "line 1\nline 2\n", 0o600)
	write(t, j.path("/srv/answers"), "colour=light blue = sky\ncertificate=@/srv/pem\n", 0o644)
	run(1, "make it root's alone", "apply")
	if err := os.Chmod(j.path("/srv/answers"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(10, "file create /etc/app/main.conf", "plan", "--diff")
	if read("/etc/app/main.conf") != "" {
		t.Error("a plan changed something")
	}
	run(0, "/etc/berth/client-initech/secrets/key", "apply")
	// Whoever was stopped before he read it is told again, until he says that he has it.
	run(0, "Copy them to a safe place now", "plan")
	run(0, "/etc/berth/client-initech/secrets/key", "apply")
	run(0, "copied: /etc/berth/client-initech/secrets/key", "copied")
	run(0, "there is none", "copied")
	if out, errs, _ := j.run("sh", "-c", "cd /srv && sh a.run apply"); strings.Contains(out+errs, "Copy them") {
		t.Errorf("what was copied is named again: %s%s", out, errs)
	}
	for path, want := range map[string]string{
		"/etc/app/main.conf": "one\n", "/etc/app/disk": "/dev/disk/by-id/ata-1\n", "/etc/app/colour": "light blue = sky\n", "/etc/app/certificate": "line 1\nline 2\n",
		"/var/lib/berth/releases/1.2.0/manifest.json": "{}\n",
	} {
		if got := read(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	key := read("/etc/app/key")
	if len(key) != 44 {
		t.Errorf("the key that the machine made: %d letters", len(key))
	}
	if err := os.Remove(j.path("/srv/answers")); err != nil {
		t.Fatal(err)
	}
	run(0, "nothing to change", "plan")
	run(0, "Done", "apply")
	if read("/etc/app/key") != key {
		t.Error("a second apply made another key")
	}
	left, _ := filepath.Glob(j.path("/var/lib/berth/offline.*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOfflineNamesWhatAKilledRunMade(t *testing.T) {
	j := newJail(t)
	write(t, j.path("/srv/a.run"), string(offline(t, offlineArgs())), 0o644)
	write(t, j.path("/srv/answers"), "colour=blue\ncertificate=x\n", 0o600)
	// Whoever replaces the applier's file by another kills the run as soon as the secret is stored.
	write(t, j.path("/usr/local/sbin/mv"), "#!/bin/bash\n/usr/bin/mv \"$@\"\ncase \"$*\" in */client-initech/secrets/key) kill -9 1 $(cat /run/sh) $PPID ;; esac\n", 0o755)
	if out, errs, code := j.mortal(`cd /srv && sh -c 'echo $$ >/run/sh; exec sh a.run apply'`); code == 0 {
		t.Fatalf("it was not killed: %s%s", out, errs)
	}
	if err := os.Remove(j.path("/usr/local/sbin/mv")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(j.path("/etc/berth/client-initech/secrets/key")); err != nil {
		t.Fatal("it was killed before the secret was made:", err)
	}
	if out, errs, code := j.run("sh", "-c", "cd /srv && sh a.run apply"); code != 0 || !strings.Contains(errs, "  /etc/berth/client-initech/secrets/key\n") {
		t.Errorf("exit %d, and the secret that the killed run made is not named: %s%s", code, out, errs)
	}
}

func TestOfflineFollowsNoLinkOfAnswers(t *testing.T) {
	j := newJail(t)
	write(t, j.path("/srv/a.run"), string(offline(t, offlineArgs())), 0o644)
	for name, to := range map[string]string{"nowhere": "/etc/cron.d/x", "a file": "/etc/hostname"} {
		if err := os.Symlink(to, j.path("/srv/answers")); err != nil {
			t.Fatal(err)
		}
		out, errs, code := j.run("sh", "-c", "cd /srv && sh a.run plan")
		if code != 1 || !strings.Contains(errs, "./answers is a link") {
			t.Errorf("to %s: exit %d: %s%s", name, code, out, errs)
		}
		if err := os.Remove(j.path("/srv/answers")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(j.path("/etc/cron.d/x")); err == nil {
		t.Error("the questions were written to where a link led")
	}
}

func TestOfflineTakesThePackagesThatWereFetched(t *testing.T) {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	folder := func(change func(fstest.MapFS)) fstest.MapFS {
		all := fstest.MapFS{
			"nginx_1.22_amd64.deb": {Data: []byte("web")}, "libc6_2.36_amd64.deb": {Data: []byte("c")}, "packages": {Data: []byte("nginx\n")},
			"SHA256SUMS": {Data: []byte(sum("c") + "  libc6_2.36_amd64.deb\n" + sum("web") + "  nginx_1.22_amd64.deb\n")},
		}
		if change != nil {
			change(all)
		}
		return all
	}
	for name, tc := range map[string]struct {
		change func(fstest.MapFS)
		want   string
	}{
		"as it was fetched":  {nil, ""},
		"one more":           {func(f fstest.MapFS) { f["evil_1_all.deb"] = &fstest.MapFile{Data: []byte("x")} }, "evil_1_all.deb that SHA256SUMS does not name"},
		"another":            {func(f fstest.MapFS) { f["nginx_1.22_amd64.deb"].Data = []byte("wed") }, "nginx_1.22_amd64.deb is not the one"},
		"one less":           {func(f fstest.MapFS) { delete(f, "libc6_2.36_amd64.deb") }, "libc6_2.36_amd64.deb, which SHA256SUMS names, is gone"},
		"for other bundles":  {func(f fstest.MapFS) { f["packages"].Data = []byte("apache2\n") }, "lacks nginx"},
		"of who knows where": {func(f fstest.MapFS) { delete(f, "SHA256SUMS") }, "does not say what was fetched"},
	} {
		t.Run(name, func(t *testing.T) {
			a := offlineArgs()
			a.Bundles[0].Packages = []string{"nginx"}
			a.Packages = folder(tc.change)
			err := bundle.Offline(&bytes.Buffer{}, a)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestOfflineRefuses(t *testing.T) {
	err := bundle.Offline(&bytes.Buffer{}, bundle.OfflineArgs{
		Client: "Initech; rm", Version: "x'", Bundles: []bundle.Bundle{{Name: "host"}, {Name: "host"}}, Settings: map[string]string{"a": "b\nc"}, Questions: map[string]string{"a": "b\nc"}, Generated: []string{"A"},
	})
	if err == nil {
		t.Fatal("nothing is refused")
	}
	for _, want := range []string{"client", "version", "twice", "duties", `setting "a"`, `question "a"`, `"A"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
	a := offlineArgs()
	a.Packages = fstest.MapFS{"readme.txt": {}}
	if err := bundle.Offline(&bytes.Buffer{}, a); err == nil || !strings.Contains(err.Error(), "no file that ends in .deb") {
		t.Errorf("a folder without packages: %v", err)
	}
}

func TestOfflineScriptsAreClean(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed: tests/needs installs it")
	}
	script, _, _ := bytes.Cut(offline(t, offlineArgs()), []byte("\n__PAYLOAD__\n"))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "offline.sh"), string(script)+"\n", 0o644)
	write(t, filepath.Join(dir, "fetch.sh"), bundle.FetchPackages(offlineArgs().Bundles), 0o644)
	if out, err := exec.CommandContext(t.Context(), "shellcheck", dir+"/offline.sh", dir+"/fetch.sh").CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
}
