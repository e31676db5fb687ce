package tenancy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fixture is a folder of clients and its directory.
type fixture struct {
	*tenancy.Directory
	t     *testing.T
	root  string
	clock *clock
	o     tenancy.Options
}

func resolver() func(context.Context, config.Ref) (string, error) {
	return config.Resolver{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv}.Resolve
}

func newFixture(t *testing.T, change ...func(*tenancy.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, root: filepath.Join(t.TempDir(), "clients"), clock: &clock{at: storetest.Now}}
	f.o = tenancy.Options{
		Root: f.root, Resolve: resolver(), Now: f.clock.now, Migrate: true, Passwords: config.Passwords{Minimum: 12},
		Rates: config.Default().Rates, MaxOpen: 100,
	}
	for _, one := range change {
		one(&f.o)
	}
	f.Directory = f.again()
	return f
}

// again is the directory as another process sees it.
func (f *fixture) again() *tenancy.Directory {
	f.t.Helper()
	d, err := tenancy.New(f.o, func(err error) { f.t.Error(err) })
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			f.t.Error(err)
		}
	})
	return d
}

func client(name string, hosts ...string) config.Client {
	if len(hosts) == 0 {
		hosts = []string{name + ".example.com"}
	}
	return config.Client{Name: name, DisplayName: strings.ToUpper(name), Hosts: hosts}
}

func (f *fixture) create(c config.Client) {
	f.t.Helper()
	if _, err := f.Create(f.t.Context(), c, storetest.Now); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) open(host string) (*tenancy.Tenant, func()) {
	f.t.Helper()
	tenant, release, err := f.Open(f.t.Context(), host)
	if err != nil {
		f.t.Fatalf("open %s: %v", host, err)
	}
	return tenant, release
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("error is %v (%s); want %s", err, fault.KindOf(err), kind)
	}
}
