package provider_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/machine/provider"
)

const passphrase = "correct horse battery staple"

// wish is what a test's program asks of a machine.
type wish struct {
	motd, sysctl string // files; "" is none
	mode         uint32
	disk         string
	generation   int
	name         string
}

func usual() wish {
	return wish{motd: "welcome\n", sysctl: "kernel.dmesg_restrict = 1\n", mode: 0o644, disk: "/dev/sdb", generation: 1, name: "host"}
}

func (w *wish) program(h *host) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		p, err := machine.NewProvider(ctx, "ssh", pulumi.String(h.own))
		if err != nil {
			return err
		}
		keys, err := machine.NewKeys(ctx, "jnb", machine.KeysArgs{Connection: h.connection(), Generation: w.generation}, pulumi.Provider(p))
		if err != nil {
			return err
		}
		b := bundle.Bundle{Name: w.name, Settings: []string{"disk-a", "own-key"}, Secrets: []string{"backup-passphrase"}}
		owner := h.owner()
		if w.motd != "" {
			b.Files = append(b.Files, bundle.File{Path: "/etc/motd.d/berth.txt", Content: w.motd, Mode: w.mode, Owner: owner})
		}
		if w.sysctl != "" {
			b.Files = append(b.Files, bundle.File{Path: "/etc/sysctl.d/90-berth.conf", Content: w.sysctl, Mode: 0o644, Owner: owner})
		}
		lies, err := machine.NewBundle(ctx, "jnb-host", machine.BundleArgs{Connection: h.connection(), Bundle: b,
			Settings: map[string]pulumi.StringInput{"disk-a": pulumi.String(w.disk), "own-key": keys.WireGuard},
			Secrets:  map[string]pulumi.StringInput{"backup-passphrase": pulumi.String(passphrase)},
		}, pulumi.Provider(p))
		if err != nil {
			return err
		}
		ctx.Export("wireguard", keys.WireGuard)
		ctx.Export("hostKey", keys.HostKey)
		ctx.Export("version", lies.Version)
		return nil
	}
}

// changes runs a preview and gives the paths that it names for a resource.
func changes(t *testing.T, s auto.Stack, name string) []string {
	t.Helper()
	stream := make(chan events.EngineEvent, 1000)
	var paths []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range stream {
			if e.ResourcePreEvent != nil && strings.HasSuffix(e.ResourcePreEvent.Metadata.URN, "::"+name) {
				for path := range e.ResourcePreEvent.Metadata.DetailedDiff {
					paths = append(paths, path)
				}
			}
		}
	}()
	if _, err := s.Preview(t.Context(), optpreview.EventStreams(stream)); err != nil {
		t.Fatal(err)
	}
	<-done
	slices.Sort(paths)
	return paths
}

func wantChanges(t *testing.T, s auto.Stack, want ...string) {
	t.Helper()
	if got := changes(t, s, "jnb-host"); !slices.Equal(got, want) {
		t.Errorf("the preview changes %q, want %q", got, want)
	}
}

func up(t *testing.T, s auto.Stack) auto.UpResult {
	t.Helper()
	r, err := s.Up(t.Context(), optup.SuppressProgress())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.StdOut+r.StdErr, passphrase) {
		t.Error("the secret was printed")
	}
	return r
}

func wantNothing(t *testing.T, s auto.Stack) {
	t.Helper()
	if _, err := s.Preview(t.Context(), optpreview.ExpectNoChanges()); err != nil {
		t.Error(err)
	}
}

func TestMachine(t *testing.T) {
	h := newHost(t)
	w := usual()
	s := stack(t, "", serve(t, provider.Options{}), w.program(h))
	h.put("/etc/foreign.conf", "somebody else's\n")

	preview, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if preview.ChangeSummary["create"] != 4 {
		t.Errorf("the first preview: %v", preview.ChangeSummary)
	}
	if _, err := os.Stat(filepath.Join(h.root, "run")); err == nil {
		t.Error("a preview reached the machine")
	}
	r := up(t, s)
	if got := h.read("/etc/motd.d/berth.txt"); got != w.motd {
		t.Errorf("motd = %q", got)
	}
	if got := h.read("/etc/berth/host/secrets/backup-passphrase"); got != passphrase {
		t.Errorf("secret = %q", got)
	}
	key := strings.TrimSpace(h.read("/etc/berth/keys/wireguard.pub"))
	if r.Outputs["wireguard"].Value != key || !strings.Contains(h.read("/etc/berth/host/settings"), "own-key="+key) {
		t.Errorf("wireguard = %v, settings %q", r.Outputs["wireguard"].Value, h.read("/etc/berth/host/settings"))
	}
	if !strings.HasPrefix(r.Outputs["hostKey"].Value.(string), "ssh-ed25519 ") || r.Outputs["version"].Value == "" {
		t.Errorf("outputs = %v", r.Outputs)
	}
	wantNothing(t, s)
	if _, err := s.Refresh(t.Context(), optrefresh.ExpectNoChanges()); err != nil {
		t.Errorf("a refresh of what nobody touched: %v", err)
	}

	t.Run("a changed file is named, and no other", func(t *testing.T) {
		w.motd = "welcome back\n"
		wantChanges(t, s, `files["/etc/motd.d/berth.txt"].content`)
		up(t, s)
		if got := h.read("/etc/motd.d/berth.txt"); got != w.motd {
			t.Errorf("motd = %q", got)
		}
		wantNothing(t, s)
	})

	t.Run("a file that is dropped goes", func(t *testing.T) {
		w.sysctl = ""
		wantChanges(t, s, `files["/etc/sysctl.d/90-berth.conf"]`)
		up(t, s)
		if got := h.read("/etc/sysctl.d/90-berth.conf"); !strings.Contains(got, "no such file") {
			t.Errorf("sysctl = %q", got)
		}
		w.sysctl = usual().sysctl
		up(t, s)
	})

	t.Run("what somebody changed is found and put right", func(t *testing.T) {
		h.put("/etc/motd.d/berth.txt", "hacked\n")
		if err := os.Chmod(filepath.Join(h.root, "/etc/motd.d/berth.txt"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(h.root, "/etc/sysctl.d/90-berth.conf")); err != nil {
			t.Fatal(err)
		}
		wantNothing(t, s) // nobody has looked yet
		if _, err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantChanges(t, s, `files["/etc/motd.d/berth.txt"].content`, `files["/etc/motd.d/berth.txt"].mode`, `files["/etc/sysctl.d/90-berth.conf"]`)
		up(t, s)
		if h.read("/etc/motd.d/berth.txt") != w.motd || h.read("/etc/sysctl.d/90-berth.conf") != w.sysctl {
			t.Error("drift was not put right")
		}
		wantNothing(t, s)
	})

	t.Run("a setting and a secret that are gone come back", func(t *testing.T) {
		if err := os.Remove(filepath.Join(h.root, "/etc/berth/host/secrets/backup-passphrase")); err != nil {
			t.Fatal(err)
		}
		settings := h.read("/etc/berth/host/settings")
		h.put("/etc/berth/host/settings", strings.Replace(settings, "/dev/sdb", "/dev/sdz", 1))
		if _, err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantChanges(t, s, `secrets["backup-passphrase"]`, `settings["disk-a"]`)
		up(t, s)
		if h.read("/etc/berth/host/secrets/backup-passphrase") != passphrase || h.read("/etc/berth/host/settings") != settings {
			t.Error("setting or secret did not come back")
		}
	})

	t.Run("a rotation changes the key and what depends on it", func(t *testing.T) {
		w.generation = 2
		up(t, s)
		if now := strings.TrimSpace(h.read("/etc/berth/keys/wireguard.pub")); now == key || !strings.Contains(h.read("/etc/berth/host/settings"), "own-key="+now) {
			t.Error("the new key did not arrive")
		}
		wantNothing(t, s)
	})

	t.Run("a bundle that is gone is put back", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(h.root, bundle.ApplierPath), "remove", "host")
		cmd.Env = append(os.Environ(), "BERTH_ROOT="+h.root)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if _, err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := s.Preview(t.Context())
		if err != nil || p.ChangeSummary["create"] != 1 {
			t.Errorf("preview = %v, %v; want the bundle created", p.ChangeSummary, err)
		}
		up(t, s)
	})

	t.Run("another host key is refused, and nothing is taken for gone", func(t *testing.T) {
		known := h.key
		h.stop()
		h.newHostKey()
		h.key, known = known, h.key // the program goes on to name the old one
		h.start("/usr/sbin/sshd")
		_, err := s.Refresh(t.Context())
		if err == nil || !strings.Contains(err.Error(), "nothing was sent to it") || !strings.Contains(err.Error(), "SHA256:") {
			t.Fatalf("err = %v, want both fingerprints", err)
		}
		h.key = known // the person looked, and names the new one
		up(t, s)
		wantNothing(t, s)
	})

	t.Run("a machine that does not answer is an error", func(t *testing.T) {
		h.stop()
		_, err := s.Refresh(t.Context())
		if err == nil || !strings.Contains(err.Error(), "see that the machine runs") {
			t.Errorf("err = %v", err)
		}
		h.start("/usr/sbin/sshd")
		wantNothing(t, s)
	})

	t.Run("destroy leaves what is not ours", func(t *testing.T) {
		if _, err := s.Destroy(t.Context(), optdestroy.SuppressProgress()); err != nil {
			t.Fatal(err)
		}
		for _, gone := range []string{"/etc/motd.d/berth.txt", "/etc/berth/host/secrets/backup-passphrase", "/var/lib/berth/bundles/host/state"} {
			if got := h.read(gone); !strings.Contains(got, "no such file") {
				t.Errorf("%s is left: %q", gone, got)
			}
		}
		if h.read("/etc/foreign.conf") != "somebody else's\n" || strings.Contains(h.read("/etc/berth/keys/wireguard.key"), "no such file") {
			t.Error("destroy took what is not the bundle's, or the keys")
		}
		if left, _ := filepath.Glob(filepath.Join(h.root, "run", "berth-incoming-*")); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	})
}

// TestReplacedServer: a cloud's server was lost, and another has its address. What lay on the one is made on the other, though the bundle
// is protected, and nobody has pinned a host key.
func TestReplacedServer(t *testing.T) {
	h := newHost(t)
	h.key = ""
	instance, owner := "4711", h.owner()
	program := func(ctx *pulumi.Context) error {
		p, err := machine.NewProvider(ctx, "ssh", pulumi.String(h.own))
		if err != nil {
			return err
		}
		connection := h.connection()
		connection.Instance = pulumi.String(instance)
		keys, err := machine.NewKeys(ctx, "fsn", machine.KeysArgs{Connection: connection, Generation: 1}, pulumi.Provider(p))
		if err != nil {
			return err
		}
		_, err = machine.NewBundle(ctx, "fsn-host", machine.BundleArgs{Connection: connection.With(keys.HostKey),
			Bundle: bundle.Bundle{Name: "host", Settings: []string{"own-key"},
				Files: []bundle.File{{Path: "/etc/motd", Content: "welcome\n", Mode: 0o644, Owner: owner}}},
			Settings: map[string]pulumi.StringInput{"own-key": keys.WireGuard},
		}, pulumi.Provider(p), pulumi.Protect(true))
		ctx.Export("wireguard", keys.WireGuard)
		return err
	}
	s := stack(t, "", serve(t, provider.Options{}), program)
	before := up(t, s).Outputs["wireguard"].Value
	wantNothing(t, s)

	h.stop()
	if err := os.RemoveAll(h.root); err != nil {
		t.Fatal(err)
	}
	h.newHostKey()
	h.key = ""
	h.start("/usr/sbin/sshd")
	if _, err := s.Refresh(t.Context()); err == nil {
		t.Error("another machine is taken for the one that the state knows")
	}
	instance = "4712"
	r := up(t, s)
	if r.Outputs["wireguard"].Value == before {
		t.Error("the new machine's keys are not read")
	}
	if h.read("/etc/motd") != "welcome\n" || !strings.Contains(h.read("/etc/berth/host/settings"), "own-key="+r.Outputs["wireguard"].Value.(string)) {
		t.Errorf("the bundle is not on the new machine: %q, %q", h.read("/etc/motd"), h.read("/etc/berth/host/settings"))
	}
	wantNothing(t, s)
	if _, err := s.Refresh(t.Context(), optrefresh.ExpectNoChanges()); err != nil {
		t.Errorf("a refresh of the new machine: %v", err)
	}
}

// TestOneFirstContact: the machine that made the keys is the one that secrets are sent to, also when the run ended between the two.
func TestOneFirstContact(t *testing.T) {
	h := newHost(t)
	h.key = ""
	whole := false
	program := func(ctx *pulumi.Context) error {
		p, err := machine.NewProvider(ctx, "ssh", pulumi.String(h.own))
		if err != nil {
			return err
		}
		keys, err := machine.NewKeys(ctx, "fsn", machine.KeysArgs{Connection: h.connection(), Generation: 1}, pulumi.Provider(p))
		if err != nil || !whole {
			return err
		}
		_, err = machine.NewBundle(ctx, "fsn-host", machine.BundleArgs{Connection: h.connection().With(keys.HostKey),
			Bundle:  bundle.Bundle{Name: "host", Secrets: []string{"backup-passphrase"}},
			Secrets: map[string]pulumi.StringInput{"backup-passphrase": pulumi.String(passphrase)},
		}, pulumi.Provider(p))
		return err
	}
	s := stack(t, "", serve(t, provider.Options{}), program)
	up(t, s)
	h.stop()
	h.newHostKey() // somebody else answers
	h.key = ""
	h.start("/usr/sbin/sshd")
	whole = true
	_, err := s.Up(t.Context(), optup.SuppressProgress())
	if err == nil || !strings.Contains(err.Error(), "nothing was sent to it") {
		t.Errorf("err = %v, want that the other machine is refused", err)
	}
	if got := h.read("/etc/berth/host/secrets/backup-passphrase"); !strings.Contains(got, "no such file") {
		t.Error("the secret was sent to whoever answered")
	}
}
