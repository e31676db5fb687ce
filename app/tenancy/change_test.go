package tenancy_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
)

func TestAClientIsSuspendedAndResumed(t *testing.T) {
	f := newFixture(t)
	f.create(client("acme"))
	before, release := f.open("acme.example.com")
	other := f.again() // the command runs in a process of its own
	if err := other.Suspend(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	f.clock.move(2 * time.Second)
	_, _, err := f.Open(t.Context(), "acme.example.com")
	wantKind(t, err, fault.Forbidden)
	if _, err := before.Store.Client().User.Query().Count(t.Context()); err != nil {
		t.Errorf("a request under way was cut off: %v", err)
	}
	release()
	tenant, release, err := f.OpenName(t.Context(), "acme")
	if err != nil || tenant.State != tenancy.Suspended {
		t.Fatalf("a command: %v", err)
	}
	release()
	if err := other.Resume(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	f.Reload()
	_, release = f.open("acme.example.com")
	release()
	wantKind(t, f.Suspend(t.Context(), "nobody"), fault.NotFound)
	wantKind(t, f.Suspend(t.Context(), "../acme"), fault.Invalid)
}

func TestAClientIsRenamed(t *testing.T) {
	f := newFixture(t)
	f.create(client("acme"))
	f.create(client("umbrella"))
	_, release := f.open("acme.example.com")
	release()
	wantKind(t, f.Rename(t.Context(), "acme", "Acme", "umbrella.example.com"), fault.Conflict)
	wantKind(t, f.Rename(t.Context(), "acme", "Acme", "no host"), fault.Invalid)
	if err := f.Rename(t.Context(), "acme", "Acme & Söhne", "New.example.com", "acme.example.com"); err != nil {
		t.Fatal(err)
	}
	if err := f.Rename(t.Context(), "acme", "Acme & Söhne", "new.example.com"); err != nil {
		t.Fatal(err)
	}
	f.clock.move(2 * time.Second)
	tenant, release := f.open("new.example.com")
	defer release()
	if tenant.DisplayName != "Acme & Söhne" || tenant.Name != "acme" {
		t.Errorf("it is %+v", tenant)
	}
	_, _, err := f.Open(t.Context(), "acme.example.com")
	wantKind(t, err, fault.NotFound)
	u, release := f.open("umbrella.example.com")
	defer release()
	if u.Name != "umbrella" {
		t.Errorf("umbrella's host is %s's", u.Name)
	}
	f.create(client("second", "acme.example.com")) // the host is free again
}

func TestCreatingRefusesWhatCannotBe(t *testing.T) {
	f := newFixture(t)
	f.create(client("acme"))
	for name, test := range map[string]struct {
		client config.Client
		kind   fault.Kind
	}{
		"a name that is taken":  {client("acme", "x.example.com"), fault.Conflict},
		"a host that is taken":  {client("b", "b.example.com", "acme.example.com"), fault.Conflict},
		"a path":                {client("../b"), fault.Invalid},
		"capitals":              {client("B"), fault.Invalid},
		"an address":            {client("b", "127.0.0.1"), fault.Invalid},
		"a host with a port":    {client("b", "b.example.com:80"), fault.Invalid},
		"a name that is nobody": {client(""), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.Create(t.Context(), test.client, storetest.Now)
			wantKind(t, err, test.kind)
		})
	}
	for _, c := range []config.Client{{Name: "b", Hosts: []string{"b.example.com"}}, {Name: "b", DisplayName: "B"}} {
		if _, err := f.Create(t.Context(), c, storetest.Now); err == nil {
			t.Errorf("%+v was made", c)
		}
	}
	var names []string
	for name, err := range f.Names() {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"acme"}) {
		t.Errorf("clients are %v", names)
	}
	_, _, err := f.Open(t.Context(), "b.example.com")
	wantKind(t, err, fault.NotFound)
	f.create(client("b")) // nothing of the refused ones is in the way
}

func TestAClientIsDeleted(t *testing.T) {
	f := newFixture(t)
	f.create(client("acme"))
	tenant, release := f.open("acme.example.com")
	stop := errors.New("the bucket does not answer")
	if err := f.Delete(t.Context(), "acme", func(context.Context, tenancy.Record) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	_, _, err := f.Open(t.Context(), "acme.example.com")
	wantKind(t, err, fault.NotFound)
	wantKind(t, f.Resume(t.Context(), "acme"), fault.Conflict)
	if _, err := tenant.Store.Client().User.Query().Count(t.Context()); err != nil {
		t.Errorf("a request under way was cut off: %v", err)
	}
	release()
	var erased tenancy.Record
	if err := f.Delete(t.Context(), "acme", func(_ context.Context, r tenancy.Record) error { erased = r; return nil }); err != nil {
		t.Fatal(err)
	}
	if erased.Client.StoragePrefix != "acme" || erased.State != tenancy.Deleting {
		t.Errorf("erased %+v", erased)
	}
	left := ""
	if err := filepath.WalkDir(f.root, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, "acme") {
			left += path + " "
		}
		return err
	}); err != nil || left != "" {
		t.Errorf("left are %s, %v", left, err)
	}
	wantKind(t, f.Delete(t.Context(), "acme", nil), fault.NotFound)
	f.create(client("acme"))
}

// Every change is killed at every step; the next process finds what was before or what was wanted.
func TestAKilledChangeLeavesOneStateOrTheOther(t *testing.T) {
	type died string
	changes := map[string]struct {
		do    func(*fixture) error
		check func(t *testing.T, f *fixture) (done bool)
	}{
		"create": {
			func(f *fixture) error {
				_, err := f.Create(f.t.Context(), client("new", "new.example.com", "www.new.example.com"), storetest.Now)
				return err
			},
			func(t *testing.T, f *fixture) bool {
				_, release, err := f.Open(t.Context(), "www.new.example.com")
				if err == nil {
					release()
					_, release, err = f.Open(t.Context(), "new.example.com")
					release()
				}
				if err != nil && !fault.Is(err, fault.NotFound) {
					t.Error(err)
				}
				return err == nil
			},
		},
		"rename": {
			func(f *fixture) error { return f.Rename(f.t.Context(), "acme", "Other", "other.example.com") },
			func(t *testing.T, f *fixture) bool {
				r, err := f.Get("acme")
				if err != nil {
					t.Fatal(err)
				}
				_, release, _ := f.Open(t.Context(), r.Client.Hosts[0])
				if release == nil {
					t.Fatalf("host %s is not found", r.Client.Hosts[0])
				}
				release()
				return r.Client.DisplayName == "Other"
			},
		},
		"suspend": {
			func(f *fixture) error { return f.Suspend(f.t.Context(), "acme") },
			func(t *testing.T, f *fixture) bool {
				_, release, err := f.Open(t.Context(), "acme.example.com")
				if err == nil {
					release()
				}
				return fault.Is(err, fault.Forbidden)
			},
		},
		"delete": {
			func(f *fixture) error {
				return f.Delete(f.t.Context(), "acme", func(context.Context, tenancy.Record) error { return nil })
			},
			func(t *testing.T, f *fixture) bool {
				_, release, err := f.Open(t.Context(), "acme.example.com")
				if err == nil {
					release()
					return false
				}
				wantKind(t, err, fault.NotFound)
				if r, err := f.Get("acme"); err == nil { // begun: called again it goes on
					if r.State != tenancy.Deleting {
						t.Errorf("state is %s", r.State)
					}
					if err := f.Delete(t.Context(), "acme", func(context.Context, tenancy.Record) error { return nil }); err != nil {
						t.Error(err)
					}
				}
				return true
			},
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			states := map[bool]int{}
			for n := 1; ; n++ {
				f := newFixture(t)
				f.create(client("acme"))
				f.create(client("bystander"))
				left, at := n, ""
				f.DieAt(func(step string) {
					if left--; left == 0 {
						at = step
						panic(died(step))
					}
				})
				func() {
					defer func() {
						if p := recover(); p != nil {
							if _, ok := p.(died); !ok {
								panic(p)
							}
						}
					}()
					if err := change.do(f); err != nil {
						t.Fatal(err)
					}
				}()
				next := &fixture{t: t, root: f.root, clock: f.clock, o: f.o}
				next.Directory = next.again()
				if n%2 == 0 { // half of them before the repair, too
					_ = change.check(t, next)
				}
				if err := next.Repair(t.Context()); err != nil {
					t.Fatalf("after %q: %v", at, err)
				}
				states[change.check(t, next)]++
				wantConsistent(t, f.root)
				_, release := next.open("bystander.example.com")
				release()
				if at == "" {
					t.Logf("killed at %d steps", n-1)
					break
				}
			}
			if states[true] == 0 || states[false] == 0 && name != "delete" {
				t.Errorf("only one state was seen: %v; the steps prove nothing", states)
			}
		})
	}
}

// wantConsistent: every host's file is of a record that says so, and the other way round; nothing half made lies about.
func wantConsistent(t *testing.T, root string) {
	t.Helper()
	hosts := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(root, "hosts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(root, "hosts", entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		hosts[entry.Name()] = strings.TrimSpace(string(text))
	}
	tenants, err := os.ReadDir(filepath.Join(root, "tenants"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range tenants {
		if strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s lies about", entry.Name())
			continue
		}
		var r tenancy.Record
		text, err := os.ReadFile(filepath.Join(root, "tenants", entry.Name(), "tenant.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		for _, host := range r.Client.Hosts {
			if hosts[host] != r.Client.Name {
				t.Errorf("host %s is %q's and should be %s's", host, hosts[host], r.Client.Name)
			}
			delete(hosts, host)
		}
	}
	if len(hosts) > 0 {
		t.Errorf("hosts of nobody: %v", hosts)
	}
	if notes, err := os.ReadDir(filepath.Join(root, "changing")); err != nil || len(notes) > 0 {
		t.Errorf("%d changes are under way, %v", len(notes), err)
	}
}
