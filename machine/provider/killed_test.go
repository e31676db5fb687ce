package provider_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"github.com/berth-iac/berth/machine/provider"
)

// hold makes the applier wait in the middle of its work until the returned function is called.
func (h *host) hold() (arrived func() bool, release func()) {
	h.t.Helper()
	held, here := filepath.Join(h.dir, "held"), filepath.Join(h.dir, "here")
	h.write(held, "", 0o600)
	_ = os.Remove(here)
	// The applier syncs each file before it renames it into its place: the third is in the middle.
	h.write(filepath.Join(h.dir, "bash_env"), "sync() {\n  echo >>"+here+"\n  while [ -e "+held+" ] && [ $(wc -l <"+here+
		") -ge 3 ]; do sleep 0.1; done\n  command sync \"$@\"\n}\n", 0o600)
	arrived = func() bool {
		text, _ := os.ReadFile(here)
		return strings.Count(string(text), "\n") >= 3
	}
	return arrived, func() { _ = os.Remove(held) }
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("gave up waiting for %s", what)
}

// running are the processes of a program.
func running(program string) []int {
	var all []int
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == program {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			all = append(all, pid)
		}
	}
	return all
}

// TestProviderIsKilled has the engine start the plugin as Pulumi.yaml names it, and kills it in the middle of an apply.
func TestProviderIsKilled(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skipf("needs /proc to find the plugin: %v", err)
	}
	h := newHost(t)
	folder := t.TempDir()
	plugin := filepath.Join(folder, "pulumi-resource-machine")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", plugin, "../../cmd/pulumi-resource-machine").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := usual()
	s := stack(t, "plugins:\n  providers:\n    - {name: machine, path: "+folder+"}\n", nil, w.program(h))
	arrived, release := h.hold()
	defer release()
	failed := make(chan error, 1)
	go func() {
		_, err := s.Up(context.WithoutCancel(t.Context()), optup.SuppressProgress())
		failed <- err
	}()
	until(t, "the applier to be in the middle", arrived)
	for _, pid := range running(plugin) {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	if err := <-failed; err == nil {
		t.Fatal("up succeeded although its provider was killed")
	}
	release()
	up(t, s)
	if h.read("/etc/motd.d/berth.txt") != w.motd || h.read("/etc/sysctl.d/90-berth.conf") != w.sysctl || h.read("/etc/berth/host/secrets/backup-passphrase") != passphrase {
		t.Error("the next up did not complete it")
	}
	if state := h.read("/var/lib/berth/bundles/host/state"); !strings.HasPrefix(state, "applied ") {
		t.Errorf("state = %q", state)
	}
	wantNothing(t, s)
	until(t, "the plugin to end with its engine", func() bool { return len(running(plugin)) == 0 })
}

// TestConnectionIsLost: the machine vanishes in the middle of an apply; the resource is there, unfinished, and the next up goes on.
func TestConnectionIsLost(t *testing.T) {
	h := newHost(t)
	w := usual()
	s := stack(t, "", serve(t, provider.Options{}), w.program(h))
	arrived, release := h.hold()
	defer release()
	failed := make(chan error, 1)
	go func() {
		_, err := s.Up(context.WithoutCancel(t.Context()), optup.SuppressProgress())
		failed <- err
	}()
	until(t, "the applier to be in the middle", arrived)
	h.stop()
	err := <-failed
	if err == nil || !strings.Contains(err.Error(), "the connection was lost") || !strings.Contains(err.Error(), "run up again") {
		t.Fatalf("err = %v, want it to name the loss and what to do", err)
	}
	release()
	h.start("/usr/sbin/sshd")
	up(t, s)
	if h.read("/etc/motd.d/berth.txt") != w.motd || h.read("/etc/sysctl.d/90-berth.conf") != w.sysctl {
		t.Error("the next up did not complete it")
	}
	wantNothing(t, s)
}

// TestApplierFails: what the applier says stands in the error, without secrets, and the next up goes on.
func TestApplierFails(t *testing.T) {
	h := newHost(t)
	w := usual()
	s := stack(t, "", serve(t, provider.Options{}), w.program(h))
	if err := os.MkdirAll(filepath.Join(h.root, "/etc/motd.d/berth.txt"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := s.Up(t.Context(), optup.SuppressProgress())
	if err == nil || !strings.Contains(err.Error(), "apply bundle host to 127.0.0.1") || !strings.Contains(err.Error(), "move the folder away") {
		t.Fatalf("err = %v, want the machine, the bundle and what to do", err)
	}
	if strings.Contains(err.Error(), passphrase) {
		t.Error("the error holds the secret")
	}
	if err := os.RemoveAll(filepath.Join(h.root, "/etc/motd.d")); err != nil {
		t.Fatal(err)
	}
	up(t, s)
	wantNothing(t, s)
}
