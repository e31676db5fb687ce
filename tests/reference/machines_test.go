package reference_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// machineStacks are the reference stacks whose services run on machines. Their files hold secrets that nobody can decrypt: each
// gets a stand-in.
var machineStacks = []struct {
	name, stack string
	confirm     string // what leaving repeats
	least       int    // resources of the cloud
	secrets     string // a resource that was given secrets
	drift       localcloud.Change
}{
	{
		name: "AV-4 BK-2 a pair of machines that exist", stack: "sites", confirm: "southern", least: 4, secrets: "jnb-host",
		drift: localcloud.Change{Type: "machine:index:Bundle", Name: "cpt-host", Set: map[string]any{"packages": []any{"telnetd"}}},
	},
	{
		name: "AV-4 AC-10 a pair of servers at Hetzner Cloud", stack: "sites-hetzner", confirm: "nordic", least: 23, secrets: "hel-host",
		drift: localcloud.Change{Type: "hcloud:index/firewall:Firewall", Name: "fsn-firewall", Set: map[string]any{"rules": []any{map[string]any{
			"direction": "in", "protocol": "tcp", "port": "22", "sourceIps": []any{"0.0.0.0/0"}, "destinationIps": []any{}}}}},
	},
	{
		name: "AV-5 AV-11 a client on a pair of sites", stack: "globex", confirm: "globex", least: 20, secrets: "jnb-client",
		drift: localcloud.Change{Type: "cloudflare:index/loadBalancerPool:LoadBalancerPool", Name: "edge-pool-cpt", Set: map[string]any{"enabled": false}},
	},
	{
		name: "AC-11 a client on its own premises", stack: "initech", confirm: "initech", least: 2, secrets: "client",
		drift: localcloud.Change{Type: "machine:index:Bundle", Name: "host", Set: map[string]any{"packages": []any{}}},
	},
	{
		name: "AV-8 DP-2 a client of the light tier", stack: "hooli", confirm: "hooli", least: 25, secrets: "client",
		drift: localcloud.Change{Type: "aws:lightsail/database:Database", Name: "light-database", Set: map[string]any{"publiclyAccessible": true}},
	},
}

// Each reference stack of machines lives a whole life on the embedded cloud, with something changed by hand in the middle.
func TestMachineStacks(t *testing.T) {
	for _, c := range machineStacks {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			root := newRoot(t)
			s := open(t, root, c.stack)
			planned := preview(t, s)
			made := up(t, s)
			if p, m := changes(planned), changes(made); !slices.Equal(p, m) {
				t.Errorf("previewed and not made: %q; made and not previewed: %q", without(p, m), without(m, p))
			}
			for name, output := range made.Outputs {
				if output.Purpose == "" || output.Value == nil && !output.Secret {
					t.Errorf("output %s = %+v, want a value and a purpose", name, output)
				}
			}
			w := wantAgreement(t, root, c.stack)
			if len(w.resources) < c.least {
				t.Errorf("%d resources, want %d or more", len(w.resources), c.least)
			}
			wantSecretsHidden(t, w, c.secrets)
			seen := preview(t, s)
			wantNoChanges(t, seen)
			wantVerdictsOfTheProgram(t, root, c.stack, s, seen)
			closed(t, s)

			if err := localcloud.DriftIn(t.Context(), filepath.Join(engine.LocalFolder(root, c.stack), "cloud"), c.drift); err != nil {
				t.Fatal(err)
			}
			found := []string{"update " + c.drift.Type + " " + c.drift.Name}
			s = open(t, root, c.stack)
			if got := changes(refresh(t, s)); !slices.Equal(got, found) {
				t.Errorf("refresh found %q, want %q", got, found)
			}
			if got := changes(up(t, s)); !slices.Equal(got, found) {
				t.Errorf("up repaired %q, want %q", got, found)
			}
			wantNoChanges(t, refresh(t, s))

			destroy(t, s, []engine.Edit{{Key: "berth:spec", Path: []string{"leaving"}, Value: map[string]string{
				"confirm": c.confirm, "reason": "berth destroy --local"}}})
			wantNothing(t, root, c.stack)
			t.Logf("%d resources of the cloud, took %s", len(w.resources), time.Since(began).Round(time.Millisecond))
		})
	}
}

// wantSecretsHidden wants a resource that was given secrets, and what it was given to be masked.
func wantSecretsHidden(t *testing.T, w world, name string) {
	t.Helper()
	for _, o := range w.live {
		if o.Type != "machine:index:Bundle" || o.Properties["secrets"] == nil || resource.URN(o.URN).Name() != name {
			continue
		}
		switch given := o.Properties["secrets"].(type) {
		case string:
			if given == "[secret]" {
				return
			}
		case map[string]any:
			for key, value := range given {
				if value != "[secret]" {
					t.Errorf("the secret %s of %s is shown: %v", key, name, value)
				}
			}
			return
		}
		t.Errorf("the secrets of %s are %v", name, o.Properties["secrets"])
		return
	}
	t.Errorf("%s has no secrets", name)
}

// A client that moves to the other site of its pair changes what lies on both machines, and replaces nothing.
func TestAClientMovesToTheOtherSite(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, "globex")
	up(t, s)
	closed(t, s)
	site := func(name, address, hostKey string) map[string]any {
		return map[string]any{"name": name, "country": "ZA", "machine": map[string]any{"address": address, "hostKey": hostKey}}
	}
	edit(t, root, "globex", settings{
		"pair.home":    site("cpt", "203.0.113.10", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPPrnRbEwwqi9hNRF3FfaHhv1Is9fAshe74Xz0IMypBT"),
		"pair.standby": site("jnb", "198.51.100.10", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTIlF/hXzsT0zS3e3WVvw9UjCZvQY4st2J734LotwdR"),
	})
	s = open(t, root, "globex")
	moved := up(t, s)
	for _, want := range []string{"update machine:index:Bundle cpt-client", "update machine:index:Bundle jnb-client", "update cloudflare:index/loadBalancer:LoadBalancer edge-balancer"} {
		if !slices.Contains(changes(moved), want) {
			t.Errorf("%q is not among %q", want, changes(moved))
		}
	}
	for _, step := range moved.Steps {
		if step.Op.Changes() && step.Op != engine.OpUpdate && !step.Group {
			t.Errorf("%s %s, want changes in place alone", step.Op, step.URN)
		}
	}
	wantNoChanges(t, preview(t, s))
	wantAgreement(t, root, "globex")
}
