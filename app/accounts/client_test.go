package accounts_test

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/pquerna/otp/totp"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

const (
	first  = "correct-horse-battery-7"
	second = "Wet.Paint.On.Tuesday.9"
)

var operator = actor.Service("operator")

// client is one client's accounts, with a clock that tests move and the last link's secret.
type client struct {
	*accounts.Accounts
	t      *testing.T
	store  *store.Store
	now    time.Time
	secret string
	to     accounts.Person
}

func open(t *testing.T, change ...func(*accounts.Options)) *client {
	t.Helper()
	return openOn(t, storetest.SQLite(t), change...)
}

func openOn(t *testing.T, s *store.Store, change ...func(*accounts.Options)) *client {
	t.Helper()
	c := &client{t: t, store: s, now: storetest.Now}
	clock := func() time.Time { return c.now }
	keys, err := seal.New("acme", seal.NewKey())
	must(t, err)
	room, err := space.New(space.NewMemory(space.MemoryOptions{Clock: clock}), "acme")
	must(t, err)
	o := accounts.Options{
		Client: "Acme", Store: s, Space: room, Keys: keys, Hasher: password.NewTestHasher(), Log: audit.New(s), Outbox: outbox.New(s, keys, clock),
		Policy: password.Default(), Clock: clock, Random: rand.Reader, Pause: time.Millisecond,
	}
	for _, set := range change {
		set(&o)
	}
	c.Accounts, err = accounts.New(o)
	must(t, err)
	return c
}

func inSpace(o *accounts.Options) { o.SessionsInSpace = true }

// inRedis keeps sessions and counters in a Redis.
func inRedis(t *testing.T) func(*accounts.Options) {
	server := miniredis.RunT(t)
	redis, err := space.NewRedis(space.RedisOptions{Address: server.Addr(), Timeout: 10 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, redis.Close()) })
	return func(o *accounts.Options) {
		o.SessionsInSpace = true
		o.Space, err = space.New(redis, "acme")
		must(t, err)
	}
}

// everySort runs a test with sessions in the database, in a space of this process and in Redis: they behave the same.
func everySort(t *testing.T, do func(t *testing.T, c *client)) {
	t.Run("sessions in the database", func(t *testing.T) { do(t, open(t)) })
	t.Run("sessions in the space", func(t *testing.T) { do(t, open(t, inSpace)) })
	t.Run("sessions in Redis", func(t *testing.T) { do(t, open(t, inRedis(t))) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("got %v, want it to be %v", err, kind)
	}
}

func (c *client) letter(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
	c.secret, c.to = secret, to
	return outbox.Mail{To: to.Email, Subject: "A link", Text: "https://acme.example/" + secret}, nil
}

func at(address string) accounts.From {
	return accounts.From{Address: netip.MustParseAddr(address), Agent: "Firefox"}
}

var home = at("192.0.2.1")

// join invites somebody and takes the invitation up.
func (c *client) join(email string, role actor.Role) accounts.SignedIn {
	c.t.Helper()
	_, err := c.Invite(c.t.Context(), operator, accounts.Invitation{Email: email, Role: role}, c.letter)
	must(c.t, err)
	name, _, _ := strings.Cut(email, "@")
	in, err := c.Accept(c.t.Context(), home, c.secret, name, first)
	must(c.t, err)
	return in
}

func (c *client) staff() accounts.Person {
	c.t.Helper()
	p, err := c.InviteStaff(c.t.Context(), operator, "sam@provider.example", "Sam", c.letter)
	must(c.t, err)
	in, err := c.Accept(c.t.Context(), home, c.secret, "Sam", second)
	must(c.t, err)
	if in.Cookie != "" {
		c.t.Fatal("the provider's staff came in without a grant")
	}
	return p
}

func (c *client) visit(cookie string) (accounts.Visit, error) {
	from := home
	from.Cookie = cookie
	return c.Visit(c.t.Context(), from)
}

func (c *client) alive(cookie string) bool {
	c.t.Helper()
	_, err := c.visit(cookie)
	if err != nil {
		wants(c.t, err, fault.Unauthenticated)
	}
	return err == nil
}

func (c *client) signIn(email, secret string) accounts.SignedIn {
	c.t.Helper()
	in, err := c.SignIn(c.t.Context(), home, email, secret)
	must(c.t, err)
	return in
}

// factor sets a second factor up, and gives its secret and the recovery codes.
func (c *client) factor(in accounts.SignedIn) (accounts.SignedIn, string, []string) {
	c.t.Helper()
	setup, err := c.StartFactor(c.t.Context(), in.Visit)
	must(c.t, err)
	v, err := c.visit(in.Cookie)
	must(c.t, err)
	in, codes, err := c.ConfirmFactor(c.t.Context(), home, v, c.code(setup.Secret))
	must(c.t, err)
	return in, setup.Secret, codes
}

func (c *client) code(secret string) string {
	c.t.Helper()
	code, err := totp.GenerateCode(secret, c.now)
	must(c.t, err)
	return code
}

func (c *client) later(d time.Duration) { c.now = c.now.Add(d) }

// entries are the audit log's entries of an action, the oldest first.
func (c *client) entries(action string) []*ent.AuditEntry {
	c.t.Helper()
	all, err := c.store.Client().AuditEntry.Query().Where(auditentry.Action(action)).Order(auditentry.BySeq()).All(c.t.Context())
	must(c.t, err)
	return all
}

func (c *client) whole() {
	c.t.Helper()
	report, err := audit.New(c.store).Verify(c.t.Context())
	must(c.t, err)
	if !report.OK() {
		c.t.Errorf("the audit log is not whole: %v", report.Problems)
	}
}

func isConfirm(err error) bool { return errors.Is(err, actor.ErrConfirm) }
