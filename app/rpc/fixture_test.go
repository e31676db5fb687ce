package rpc_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
	"github.com/berth-iac/berth/app/work"
)

const secret = "correct-horse-battery-7"

var operator = actor.Service("operator")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is one client with what programs call.
type place struct {
	testing.TB
	c       *client.Client
	handler http.Handler
	logged  *bytes.Buffer
	owner   *program

	mu  sync.Mutex
	now time.Time
}

func (p *place) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *place) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

var many = config.Rate{Requests: 1_000_000, Period: config.Duration(time.Minute)}

func newPlace(t testing.TB, name string, change ...func(*tenancy.Tenant, *rpc.Options)) *place {
	t.Helper()
	p := &place{TB: t, now: storetest.Now, logged: &bytes.Buffer{}}
	disk, err := files.NewDisk(t.TempDir(), name, p.now)
	must(t, err)
	t.Cleanup(func() { _ = disk.Close() })
	keys, err := seal.New(name, seal.NewKey())
	must(t, err)
	memory := space.NewMemory(space.MemoryOptions{Clock: p.clock})
	room, err := space.New(memory, name)
	must(t, err)
	sandbox, err := expression.New()
	must(t, err)
	gate, err := limits.NewGate(limits.GateOptions{Slots: 100})
	must(t, err)
	tenant := &tenancy.Tenant{Name: name, DisplayName: "The " + name + " company", Hosts: []string{name + ".example.org"}, Created: p.now,
		Store: storetest.SQLite(t), Seal: keys, Space: room, Files: disk,
		Rates: config.Rates{Client: many, User: many, Address: many, Login: many}, Passwords: config.Passwords{Minimum: 10}}
	var o rpc.Options
	for _, set := range change {
		set(tenant, &o)
	}
	p.c, err = client.Open(t.Context(), tenant, client.Process{
		Hasher: password.NewTestHasher(), Sandbox: sandbox, Renderer: markdown.New(), Gate: gate, Memory: memory,
		Clock: p.clock, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(p.logged, nil)), Scheme: "https",
	})
	must(t, err)
	p.handler, err = rpc.New(p.c, o)
	must(t, err)
	p.owner = p.join(actor.Owner)
	return p
}

// program is somebody, and a program that calls with a token of theirs.
type program struct {
	*place
	visit accounts.Visit
	from  accounts.From
	token string
}

// who is the person behind it, as somebody at a browser.
func (b *program) who() actor.Actor { return b.visit.Actor }

// join is somebody new, whose token has all scopes of their role.
func (p *place) join(role actor.Role) *program {
	p.Helper()
	_, link := p.invited(role)
	b := &program{place: p, from: accounts.From{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Firefox"}}
	in, err := p.c.Accounts.Accept(p.Context(), b.from, link, strings.ToUpper(string(role[0]))+string(role[1:])+" "+uuid.NewString()[:8], secret)
	must(p, err)
	b.visit = in.Visit
	b.from.Cookie = in.Cookie
	b.token = b.with(role.Allows()...).token
	return b
}

// with is the same person's program with another token.
func (b *program) with(scopes ...actor.Scope) *program {
	b.Helper()
	_, text, err := b.c.Accounts.NewToken(b.Context(), b.visit, "A program", scopes, b.clock().AddDate(0, 1, 0))
	must(b, err)
	other := *b
	other.token = text
	return &other
}

func (p *place) invited(role actor.Role) (id, link string) {
	p.Helper()
	who, err := p.c.Accounts.Invite(p.Context(), operator, accounts.Invitation{Email: string(role) + "." + uuid.NewString()[:12] + "@example.org", Role: role},
		func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
			link = secret
			return outbox.Mail{To: to.Email, Subject: "A link", Text: secret}, nil
		})
	must(p, err)
	return who.ID.String(), link
}

// answer is what came back.
type answer struct {
	testing.TB
	asked  string
	status int
	header http.Header
	body   []byte
}

// send asks the handler without a network.
func (p *place) send(r *http.Request) *answer {
	p.Helper()
	r = r.WithContext(client.WithRequest(r.Context(), &client.Request{ID: "ref-1", Address: netip.MustParseAddr("192.0.2.7")}))
	r.RemoteAddr = "192.0.2.7:4711"
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	got := w.Result()
	body, err := io.ReadAll(got.Body)
	must(p, err)
	return &answer{p.TB, r.Method + " " + r.URL.Path, got.StatusCode, got.Header, body}
}

// request is a call as a program makes it.
func (b *program) request(procedure, body string) *http.Request {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, rpc.Prefix+procedure, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "a-program/1.0")
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return r
}

// call sends JSON.
func (b *program) call(procedure, body string) *answer {
	b.Helper()
	return b.send(b.request(procedure, body))
}

// task calls a method of tasks, and so on.
func (b *program) task(method, body string) *answer {
	b.Helper()
	return b.call("/taskflow.v1.TaskService/"+method, body)
}

// code is the code of an answer; ok where there is none.
func (a *answer) code() string {
	if a.status == http.StatusOK && !strings.HasPrefix(a.header.Get("Content-Type"), "application/connect+") {
		return "ok"
	}
	var e struct {
		Code  string
		Error struct{ Code string }
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/connect+") {
		last := a.frames()
		if len(last) == 0 {
			return "broken"
		}
		_ = json.Unmarshal(last[len(last)-1], &e)
		if e.Error.Code == "" {
			return "ok"
		}
		return e.Error.Code
	}
	_ = json.Unmarshal(a.body, &e)
	return e.Code
}

// frames are the messages of a stream.
func (a *answer) frames() [][]byte {
	var all [][]byte
	for rest := a.body; len(rest) >= 5; {
		n := int(rest[1])<<24 | int(rest[2])<<16 | int(rest[3])<<8 | int(rest[4])
		if len(rest) < 5+n {
			break
		}
		all = append(all, rest[5:5+n])
		rest = rest[5+n:]
	}
	return all
}

// frame is a message of a stream.
func frame(text string) string {
	n := len(text)
	return string([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + text
}

func (a *answer) want(code string) *answer {
	a.Helper()
	if got := a.code(); got != code {
		a.Errorf("%s gave %d %s, want %s: %.600s", a.asked, a.status, got, code, a.body)
	}
	return a
}

func (a *answer) hides(words ...string) *answer {
	a.Helper()
	for _, one := range words {
		if one != "" && bytes.Contains(a.body, []byte(one)) {
			a.Errorf("%s tells %q: %.600s", a.asked, one, a.body)
		}
	}
	return a
}

// value is what the answer has at a path of names and indices.
func (a *answer) value(path ...any) any {
	a.Helper()
	var v any
	must(a, json.Unmarshal(a.body, &v))
	for _, step := range path {
		switch one := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[one]
		case int:
			l, _ := v.([]any)
			if one >= len(l) {
				return nil
			}
			v = l[one]
		}
	}
	return v
}

func (a *answer) text(path ...any) string {
	a.Helper()
	s, _ := a.value(path...).(string)
	return s
}

// stream asks a method that streams: one message in JSON, or several.
func (b *program) stream(procedure string, messages ...string) *answer {
	b.Helper()
	var body strings.Builder
	for _, one := range messages {
		body.WriteString(frame(one))
	}
	r := b.request(procedure, body.String())
	r.Header.Set("Content-Type", "application/connect+json")
	return b.send(r)
}

// entries are those of the audit log, the newest first.
func (p *place) entries() []*ent.AuditEntry {
	p.Helper()
	all, _, err := p.c.Audit.Page(p.Context(), audit.Filter{Limit: 200})
	must(p, err)
	return all
}

// changes counts what the log knows, but for refusals: whatever changes something is there (AC-5).
func (p *place) changes() int {
	p.Helper()
	n := 0
	for e, err := range p.c.Audit.All(p.Context(), audit.Filter{}) {
		must(p, err)
		if e.Outcome == audit.OK {
			n++
		}
	}
	return n
}

func upload(t testing.TB, content string) *files.Upload {
	t.Helper()
	u, err := files.Receive(context.Background(), strings.NewReader(content), 1<<20, t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = u.Close() })
	return u
}

func id(text string) uuid.UUID { return uuid.MustParse(text) }

// projectOf is a project with these members.
func (p *place) projectOf(everyone bool, members ...*program) string {
	p.Helper()
	key := "P" + strings.ToUpper(uuid.NewString()[:7])
	e := work.ProjectEdit{Key: key, Name: "Project " + key, Everyone: everyone}
	for _, one := range members {
		e.Members = append(e.Members, one.who().ID)
	}
	_, err := p.c.Work.CreateProject(p.Context(), p.owner.who(), e)
	must(p, err)
	return key
}

// codeOf is the code that a kind of failure should have.
func codeOf(err error) string {
	if err == nil {
		return "ok"
	}
	return map[fault.Kind]string{fault.Invalid: "invalid_argument", fault.Unauthenticated: "unauthenticated", fault.Forbidden: "permission_denied",
		fault.NotFound: "not_found", fault.Conflict: "aborted", fault.TooMany: "resource_exhausted", fault.TooLarge: "resource_exhausted",
		fault.Unavailable: "unavailable", fault.Internal: "internal"}[fault.KindOf(err)]
}
