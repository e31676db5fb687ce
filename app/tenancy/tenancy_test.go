package tenancy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
)

func TestAClientHasEverythingOfItsOwn_DP_1(t *testing.T) {
	f := newFixture(t)
	f.create(client("acme"))
	f.create(client("umbrella"))
	a, release := f.open("acme.example.com:8080")
	defer release()
	b, release2 := f.open("umbrella.example.com")
	defer release2()
	sealed := a.Seal.Seal([]byte("x"), "y")
	if _, err := b.Seal.Open(sealed, "y"); err == nil {
		t.Error("one client's key opens another's secret")
	}
	a.Store.Client().Setting.Create().SetID("x").SetValue(json.RawMessage("1")).SetUpdatedAt(storetest.Now).ExecX(t.Context())
	if n := b.Store.Client().Setting.Query().CountX(t.Context()); n != 0 {
		t.Error("one client's setting is in another's database")
	}
	if a.Store.Options().Path == b.Store.Options().Path {
		t.Error("both are in one file")
	}
	info, err := os.Stat(a.Store.Options().Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database is %v, %v", info.Mode(), err)
	}
	if folder, err := os.Stat(filepath.Dir(a.Store.Options().Path)); err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("its folder is %v, %v", folder.Mode(), err)
	}
}

func TestATenantHasNoWayToTheDirectory_DP_1(t *testing.T) {
	// What a tenant is made of leads to nothing that knows other clients.
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type, string)
	visit = func(at reflect.Type, path string) {
		if seen[at] {
			return
		}
		seen[at] = true
		if at == reflect.TypeFor[tenancy.Directory]() || at == reflect.TypeFor[tenancy.Options]() {
			t.Errorf("%s leads to %s", path, at)
		}
		switch at.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Chan:
			visit(at.Elem(), path)
		case reflect.Struct:
			for i := range at.NumField() {
				visit(at.Field(i).Type, path+"."+at.Field(i).Name)
			}
		}
	}
	visit(reflect.TypeFor[tenancy.Tenant](), "Tenant")
}

func TestWhatIsNotAClientsIsUnknown_DP_1(t *testing.T) {
	f := newFixture(t)
	f.create(client("acme"))
	var shown []string
	for _, host := range []string{"other.example.com", "example.com", "acme", "acme.example.com.evil.com", "", "../acme", "127.0.0.1", "acme.example.com\x00", "ACME.EXAMPLE.COM@x"} {
		_, _, err := f.Open(t.Context(), host)
		wantKind(t, err, fault.NotFound)
		shown = append(shown, fault.Problems(err)[0].Shown())
	}
	if shown = slices.Compact(shown); len(shown) != 1 || strings.Contains(shown[0], "client") {
		t.Errorf("a stranger can tell: %q", shown)
	}
	// A stale or forged index opens nothing that the record does not say.
	if err := os.WriteFile(filepath.Join(f.root, "hosts", "evil.example.com"), []byte("acme\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.root, "hosts", "gone.example.com"), []byte("nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"evil.example.com", "gone.example.com"} {
		_, _, err := f.Open(t.Context(), host)
		wantKind(t, err, fault.NotFound)
	}
	if err := os.WriteFile(filepath.Join(f.root, "hosts", "up.example.com"), []byte("../../etc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Open(t.Context(), "up.example.com"); err == nil {
		t.Error("a path was followed")
	}
}

func TestManyOpenOneClientOnce(t *testing.T) {
	var asked atomic.Int32
	f := newFixture(t, func(o *tenancy.Options) {
		resolve := o.Resolve
		o.Resolve = func(ctx context.Context, ref config.Ref) (string, error) { asked.Add(1); return resolve(ctx, ref) }
	})
	f.create(client("acme", "acme.example.com", "www.acme.example.com"))
	var wait sync.WaitGroup
	var first atomic.Pointer[tenancy.Tenant]
	for i := range 40 {
		wait.Go(func() {
			host := []string{"acme.example.com", "WWW.acme.example.com:80"}[i%2]
			tenant, release, err := f.Open(t.Context(), host)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			defer release() // twice is once
			if !first.CompareAndSwap(nil, tenant) && first.Load() != tenant {
				t.Error("opened twice")
			}
			if _, err := tenant.Store.Client().User.Query().Count(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if asked.Load() != 1 || f.Opened() != 1 {
		t.Errorf("the key was asked for %d times, and %d are open", asked.Load(), f.Opened())
	}
}

func TestOnlyWhatNobodyUsesIsClosed_DP_1(t *testing.T) {
	f := newFixture(t, func(o *tenancy.Options) { o.MaxOpen = 2 })
	for _, name := range []string{"a", "b", "c"} {
		f.create(client(name))
	}
	a, releaseA := f.open("a.example.com")
	f.clock.move(time.Second)
	b, releaseB := f.open("b.example.com")
	_, _, err := f.Open(t.Context(), "c.example.com")
	wantKind(t, err, fault.Unavailable)
	if problem, _ := errors.AsType[*fault.Error](err); problem.RetryAfter == 0 {
		t.Error("nobody says when to come back")
	}
	f.clock.move(time.Hour)
	if n := f.CloseIdle(); n != 0 {
		t.Errorf("%d in use were closed", n)
	}
	releaseB()
	if _, err := a.Store.Client().User.Query().Count(t.Context()); err != nil {
		t.Errorf("a is closed: %v", err)
	}
	_, releaseC := f.open("c.example.com") // takes the place of b, although a was used longer ago: a is in use
	waitFor(t, func() bool { _, err := b.Store.Client().User.Query().Count(t.Context()); return err != nil })
	if _, err := a.Store.Client().User.Query().Count(t.Context()); err != nil {
		t.Errorf("a is closed: %v", err)
	}
	releaseA()
	releaseC()
	if n := f.CloseIdle(); n != 0 {
		t.Errorf("%d were closed that were used just now", n)
	}
	f.clock.move(time.Hour)
	if n := f.CloseIdle(); n != 2 || f.Opened() != 0 {
		t.Errorf("%d were closed and %d are open", n, f.Opened())
	}
	again, release := f.open("a.example.com")
	defer release()
	if again == a {
		t.Error("a closed tenant was given out")
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 6000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}

func TestEvictionUnderUse_DP_1(t *testing.T) {
	f := newFixture(t, func(o *tenancy.Options) { o.MaxOpen = 3 })
	for i := range 8 {
		f.create(client(fmt.Sprintf("c%d", i)))
	}
	var wait sync.WaitGroup
	var served, busy atomic.Int32
	for worker := range 6 {
		wait.Go(func() {
			for i := range 15 {
				name := fmt.Sprintf("c%d", (worker*3+i)%8)
				tenant, release, err := f.Open(t.Context(), name+".example.com")
				if fault.Is(err, fault.Unavailable) {
					busy.Add(1)
					continue
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if tenant.Name != name {
					t.Errorf("%s got %s", name, tenant.Name)
				}
				if _, err := tenant.Store.Client().User.Query().Count(t.Context()); err != nil {
					t.Errorf("%s was closed while in use: %v", name, err)
				}
				served.Add(1)
				release()
			}
		})
	}
	wait.Wait()
	if f.Opened() > 3 || served.Load() == 0 {
		t.Errorf("%d are open, %d were served, %d were told to come back", f.Opened(), served.Load(), busy.Load())
	}
}

func TestAClientThatCannotBeOpenedStopsNoOther(t *testing.T) {
	broken := make(chan struct{})
	var tries atomic.Int32
	f := newFixture(t, func(o *tenancy.Options) {
		resolve := o.Resolve
		o.Resolve = func(ctx context.Context, ref config.Ref) (string, error) {
			if strings.Contains(string(ref), "slow") {
				tries.Add(1)
				<-broken
				return "", errors.New("the secret's place is away")
			}
			return resolve(ctx, ref)
		}
	})
	f.create(client("slow"))
	f.create(client("acme"))
	results := make(chan error, 5)
	for range 5 {
		go func() { _, _, err := f.Open(context.Background(), "slow.example.com"); results <- err }()
	}
	hurried, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := f.Open(hurried, "slow.example.com"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	_, release := f.open("acme.example.com") // meanwhile
	release()
	close(broken)
	for range 5 {
		if err := <-results; err == nil || !strings.Contains(err.Error(), "away") {
			t.Errorf("error is %v", err)
		}
	}
	if _, _, err := f.Open(t.Context(), "slow.example.com"); err == nil || tries.Load() != 1 {
		t.Errorf("%v after %d tries: it is not tried again at once", err, tries.Load())
	}
	f.clock.move(time.Minute)
	if _, _, err := f.Open(t.Context(), "slow.example.com"); err == nil || tries.Load() != 2 {
		t.Errorf("%v after %d tries: it is tried again later", err, tries.Load())
	}
}

func TestClientsOfTheConfigurationItself(t *testing.T) {
	key := seal.NewKey().Encode()
	t.Setenv("TASKFLOW_TEST_SEAL", key)
	one := config.Client{
		Name: "acme", DisplayName: "Acme", Hosts: []string{"Tasks.Acme.example"}, StoragePrefix: "acme", SpacePrefix: "acme",
		SealKeys: []config.Ref{"env:TASKFLOW_TEST_SEAL"}, Database: config.Database{Engine: "sqlite", Path: filepath.Join(t.TempDir(), "x.db")},
		Rates: &config.Rates{Client: config.Rate{Requests: 7, Period: config.Duration(time.Second)}}, Passwords: &config.Passwords{Minimum: 20},
	}
	memory := space.NewMemory(space.MemoryOptions{Clock: func() time.Time { return storetest.Now }})
	f := newFixture(t, func(o *tenancy.Options) {
		o.Root, o.Fixed = "", []config.Client{one}
		o.Space = func(prefix string) (*space.Space, error) { return space.New(memory, prefix) }
		o.Files = func(_ context.Context, prefix string) (files.Store, error) {
			return files.NewDisk(t.TempDir(), prefix, storetest.Now)
		}
	})
	tenant, release := f.open("tasks.acme.example:8443")
	defer release()
	if tenant.Rates.Client.Requests != 7 || tenant.Rates.User != config.Default().Rates.User || tenant.Passwords.Minimum != 20 || tenant.Space == nil || tenant.Files == nil {
		t.Errorf("it is %+v", tenant)
	}
	_, _, err := f.Open(t.Context(), "other.acme.example")
	wantKind(t, err, fault.NotFound)
	if err := f.Repair(t.Context()); err != nil {
		t.Error(err)
	}
	twice := one
	twice.Name = "other"
	if _, err := tenancy.New(tenancy.Options{Fixed: []config.Client{one, twice}, Resolve: resolver(), Now: f.clock.now}, nil); err == nil {
		t.Error("two clients have one host")
	}
}

func TestThousandsOfKnownClientsCostNothing_DP_1(t *testing.T) {
	const known, active = 10_000, 20
	f := newFixture(t)
	f.create(client("template"))
	text, err := os.ReadFile(filepath.Join(f.root, "tenants", "template", "tenant.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range known {
		name := fmt.Sprintf("c%d", i)
		folder := filepath.Join(f.root, "tenants", name)
		for file, content := range map[string]string{
			filepath.Join(folder, "tenant.json"):                strings.ReplaceAll(string(text), "template", name),
			filepath.Join(folder, "seal.key"):                   seal.NewKey().Encode(),
			filepath.Join(f.root, "hosts", name+".example.com"): name,
		} {
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	resident := func() float64 { // SQLite's memory is not of Go's heap
		text, err := os.ReadFile("/proc/self/statm")
		var size, pages float64
		if _, scan := fmt.Sscan(string(text), &size, &pages); err != nil || scan != nil {
			return 0
		}
		return pages * float64(os.Getpagesize()) / (1 << 20)
	}
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	before := heap()
	d := f.again()
	for i := range 500 { // asked for and unknown: neither leaves anything behind
		if _, _, err := d.Open(t.Context(), fmt.Sprintf("nobody%d.example.com", i)); !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
	}
	knows, without := heap(), resident()
	for i := range active {
		tenant, release, err := d.Open(t.Context(), fmt.Sprintf("c%d.example.com", i*(known/active)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tenant.Store.Client().Task.Query().Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	opened, all := heap(), resident()
	t.Logf("%d known clients: %.2f MiB of heap; %d of them open on SQLite: %.2f MiB of heap and %.1f MiB of resident memory more, %.2f MiB each; %.0f MiB resident in all",
		known, knows-before, active, opened-knows, all-without, (all-without)/active, all)
	if knows-before > 5 {
		t.Errorf("known clients cost %.1f MiB", knows-before)
	}
	if d.Opened() != active {
		t.Errorf("%d are open", d.Opened())
	}
}
