package client_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/tenancy"
)

func TestAClientIsNotOpenedByHalves(t *testing.T) {
	p := newPlace(t)
	whole := p.process
	for name, lack := range map[string]func(*client.Process){
		"Hasher": func(p *client.Process) { p.Hasher = nil }, "Sandbox": func(p *client.Process) { p.Sandbox = nil }, "Gate": func(p *client.Process) { p.Gate = nil },
		"Memory": func(p *client.Process) { p.Memory = nil }, "Clock": func(p *client.Process) { p.Clock = nil }, "Log": func(p *client.Process) { p.Log = nil },
		"Random": func(p *client.Process) { p.Random = nil }, "Renderer": func(p *client.Process) { p.Renderer = nil }, "Scheme": func(p *client.Process) { p.Scheme = "ftp" },
	} {
		process := whole
		lack(&process)
		if _, err := client.Open(t.Context(), p.tenant("acme"), process); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	tenant := p.tenant("acme")
	tenant.Hosts = nil
	if _, err := client.Open(t.Context(), tenant, whole); err == nil {
		t.Error("a client without a host was opened")
	}
}

func TestTheAddressOfAClient(t *testing.T) {
	for want, one := range map[string]struct {
		scheme string
		port   int
	}{
		"https://acme.example.org": {"https", 0}, "https://acme.example.org/": {"https", 443}, "https://acme.example.org:8443": {"https", 8443},
		"http://acme.example.org": {"http", 80}, "http://acme.example.org:8080": {"http", 8080}, "http://acme.example.org:443": {"http", 443},
	} {
		p := newPlace(t)
		p.process.Scheme, p.process.Port = one.scheme, one.port
		c := p.open(p.tenant("acme"))
		want = strings.TrimSuffix(want, "/")
		if c.Site != want || c.InvitationLink("s3") != want+"/invitation/s3" || c.ResetLink("s3") != want+"/reset/s3" || c.Secure() != (one.scheme == "https") {
			t.Errorf("%v gives %s, %s", one, c.Site, c.InvitationLink("s3"))
		}
	}
}

func TestSettings(t *testing.T) {
	p := newPlace(t)
	tenant := p.tenant("acme")
	here, elsewhere := p.open(tenant), p.open(tenant) // two machines
	owner, member := join(t, here, actor.Owner, "Ada").Actor, join(t, here, actor.Member, "Ben").Actor
	get := func(c *client.Client) client.General {
		t.Helper()
		g, err := c.Settings.General(t.Context())
		must(t, err)
		return g
	}
	if g := get(here); g.Name != "The acme company" || g.Accent != pages.Accents()[0] {
		t.Errorf("to begin with they are %v", g)
	}
	get(elsewhere)
	err := here.Settings.SetGeneral(t.Context(), owner, client.General{Name: " \x07 ", Accent: "url(evil)"})
	var fields []string
	for _, one := range fault.Problems(err) {
		fields = append(fields, one.Field)
	}
	if !slices.Equal(fields, []string{"name", "accent"}) {
		t.Errorf("the problems are with %q: %v", fields, err)
	}
	for _, name := range []string{"", strings.Repeat("x", 500), "two\nlines", "\xff"} {
		wants(t, here.Settings.SetGeneral(t.Context(), owner, client.General{Name: name, Accent: pages.Accents()[1]}), fault.Invalid)
	}
	wants(t, here.Settings.SetGeneral(t.Context(), member, client.General{Name: "Mine", Accent: pages.Accents()[1]}), fault.Forbidden)
	wants(t, here.Settings.SetGeneral(t.Context(), actor.Actor{}, client.General{Name: "Mine", Accent: pages.Accents()[1]}), fault.Unauthenticated)
	if g := get(here); g.Name != "The acme company" {
		t.Errorf("what was refused changed them to %v", g)
	}

	must(t, here.Settings.SetGeneral(t.Context(), owner, client.General{Name: "  Acme & Söhne ", Accent: pages.Accents()[1]}))
	if g := get(here); g.Name != "Acme & Söhne" || g.Accent != pages.Accents()[1] {
		t.Errorf("here they are %v", g)
	}
	p.later(6 * time.Second)
	if g := get(elsewhere); g.Name != "Acme & Söhne" {
		t.Errorf("on another machine they are %v", g)
	}
	entries, _, err := here.Audit.Page(t.Context(), audit.Filter{Action: "settings.general"})
	must(t, err)
	if len(entries) != 1 || entries[0].ActorName != "Ada" || !strings.Contains(entries[0].Detail, "Acme & Söhne") && !strings.Contains(entries[0].Detail, `Acme \u0026 S`) {
		t.Errorf("the log has %v", entries)
	}
}

func TestTheConfigurationMayAskForSecondFactors_AC_7(t *testing.T) {
	p := newPlace(t)
	tenant := p.tenant("acme")
	tenant.Passwords = config.Passwords{Minimum: 14, Mixed: true, MaxAgeDays: 90, SecondFactor: true}
	c := p.open(tenant)
	rules, err := c.Accounts.Rules(t.Context())
	must(t, err)
	if rules.Factor != accounts.FactorEveryone || rules.Password.MinLength != 14 || !rules.Password.Symbol || rules.Password.MaxAge != 90*24*time.Hour || !rules.Password.RefuseBreached {
		t.Errorf("the rules are %+v", rules)
	}
	rules.Factor = accounts.FactorOptional // the client chooses otherwise
	must(t, c.Accounts.SetRules(t.Context(), operator, rules))
	rules, err = p.open(tenant).Accounts.Rules(t.Context())
	must(t, err)
	if rules.Factor != accounts.FactorOptional {
		t.Errorf("opened again, the client's choice became %s", rules.Factor)
	}
}

func TestFacts(t *testing.T) {
	p := newPlace(t)
	tenant := p.tenant("acme")
	tenant.Facts = config.Facts{Residency: "Frankfurt", MaintenanceWindow: "Sundays, 02:00 to 04:00", MaintenanceNoticeDays: 5}
	if f := p.open(tenant).Facts(t.Context()); f.Residency != "Frankfurt" || f.MaintenanceNoticeDays != 5 || f.Promises != nil || f.Backups != nil {
		t.Errorf("what is not known is made up: %+v", f)
	}
	promise := client.Promise{ID: "AC-5", Words: "every login is logged", State: "kept", At: p.now()}
	var away error
	asked := ""
	p.process.Provider = client.Provider{Name: "Berth", Promises: func(context.Context) ([]client.Promise, error) { return []client.Promise{promise}, away }}
	p.process.Backups = func(of *tenancy.Tenant) func(context.Context) ([]client.Backup, error) {
		asked = of.Name
		return func(context.Context) ([]client.Backup, error) {
			return []client.Backup{{What: "Everything", At: p.now(), Late: true}}, away
		}
	}
	c := p.open(tenant)
	if f := c.Facts(t.Context()); f.Provider != "Berth" || len(f.Promises) != 1 || f.Promises[0] != promise || len(f.Backups) != 1 || !f.Backups[0].Late || asked != "acme" {
		t.Errorf("the facts are %+v, asked for %q", f, asked)
	}
	away = errors.New("the file is gone")
	if f := c.Facts(t.Context()); f.Residency != "Frankfurt" {
		t.Errorf("what is known is left out: %+v", f)
	}
	if log := p.logged.String(); strings.Count(log, "the file is gone") != 2 || !strings.Contains(log, "client=acme") {
		t.Errorf("the log says %s", log)
	}
}

// AS-6, AV-12: buckets of people and of sign-ins are each client's own, and refill.
func TestLimits_AS_6(t *testing.T) {
	p := newPlace(t)
	few := config.Rate{Requests: 3, Period: config.Duration(time.Minute)}
	tight := p.tenant("acme")
	tight.Rates.User, tight.Rates.Login = few, few
	c, neighbour := p.open(tight), p.open(p.tenant("blue"))
	ada, ben := join(t, c, actor.Member, "Ada").Person.ID, join(t, c, actor.Member, "Ben").Person.ID
	for i := range 3 {
		if err := c.AllowPerson(t.Context(), ada, 1); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
	}
	err := c.AllowPerson(t.Context(), ada, 1)
	wants(t, err, fault.TooMany)
	if f, _ := errors.AsType[*fault.Error](err); f == nil || f.RetryAfter <= 0 || f.RetryAfter > 21*time.Second {
		t.Errorf("it says to come back after %v", f.RetryAfter)
	}
	must(t, c.AllowPerson(t.Context(), ben, 1))
	must(t, neighbour.AllowPerson(t.Context(), ada, 1))
	p.later(20 * time.Second)
	must(t, c.AllowPerson(t.Context(), ada, 1))
	wants(t, c.AllowPerson(t.Context(), ada, 1), fault.TooMany)

	one, same, other := netip.MustParseAddr("2001:db8:0:1::1"), netip.MustParseAddr("2001:db8:0:1:ffff::2"), netip.MustParseAddr("2001:db8:0:2::1")
	for range 3 {
		must(t, c.AllowSignIn(t.Context(), one))
	}
	wants(t, c.AllowSignIn(t.Context(), same), fault.TooMany) // one customer's network
	must(t, c.AllowSignIn(t.Context(), other))
	must(t, neighbour.AllowSignIn(t.Context(), one))

	if err := c.SetRates(config.Rates{}); err == nil {
		t.Error("rates of nothing were taken")
	}
	wants(t, c.AllowSignIn(t.Context(), one), fault.TooMany)
	more := tight.Rates
	more.Login = config.Rate{Requests: 1000, Period: config.Duration(time.Minute)}
	must(t, c.SetRates(more))
	p.later(time.Second)
	must(t, c.AllowSignIn(t.Context(), one))
}

// AV-12: nobody holds all of a client's turns with files that are on their way.
func TestOnePersonsTransfersAreFew_AV_12(t *testing.T) {
	p := newPlace(t)
	c := p.open(p.tenant("acme"))
	ada, ben := uuid.New(), uuid.New()
	var ends []func()
	for {
		end, err := c.Lasting(ada)
		if err != nil {
			wants(t, err, fault.TooMany)
			break
		}
		if ends = append(ends, end); len(ends) > 20 {
			t.Fatal("one person may have any number of files on its way")
		}
	}
	if _, err := c.Lasting(ben); err != nil || len(ends) < 2 {
		t.Errorf("another person, after %d of the first: %v", len(ends), err)
	}
	ends[0]()
	ends[0]() // once more is no error, and frees nothing
	if _, err := c.Lasting(ada); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	if _, err := c.Lasting(ada); err == nil {
		t.Error("an end that is told twice frees two places")
	}
}

func TestWhatTheServerKnowsOfARequest(t *testing.T) {
	if client.AddressOf(t.Context()).IsValid() || client.RequestID(t.Context()) != "" {
		t.Error("of nothing something is known")
	}
	client.Route(t.Context(), "GET /") // has nowhere to be kept, and does no harm
	r := &client.Request{ID: "r1", Address: netip.MustParseAddr("192.0.2.1")}
	ctx := client.WithRequest(t.Context(), r)
	client.Route(ctx, "POST /tasks/{key}/fields")
	if client.AddressOf(ctx) != r.Address || client.RequestID(ctx) != "r1" || r.Route() != "POST /tasks/{key}/fields" {
		t.Errorf("%+v", r)
	}
}
