package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
	"github.com/berth-iac/berth/app/web"
	"github.com/berth-iac/berth/app/work"
)

const secret = "correct-horse-battery-7"

var operator = actor.Service("operator")

// place is one client with its site.
type place struct {
	t      *testing.T
	c      *client.Client
	site   *web.Site
	origin string
	logged *bytes.Buffer
	mu     sync.Mutex
	now    time.Time
	people int
	owner  actor.Actor
}

func (p *place) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newPlace(t *testing.T, name string, change ...func(*web.Options)) *place {
	t.Helper()
	p := &place{t: t, now: storetest.Now, origin: "https://" + name + ".example.org", logged: &bytes.Buffer{}}
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
	many := config.Rate{Requests: 1_000_000, Period: config.Duration(time.Minute)}
	tenant := &tenancy.Tenant{Name: name, DisplayName: "The " + name + " company", Hosts: []string{name + ".example.org"}, Created: p.now,
		Store: storetest.SQLite(t), Seal: keys, Space: room, Files: disk,
		Rates: config.Rates{Client: many, User: many, Address: many, Login: many}, Passwords: config.Passwords{Minimum: 10}}
	p.c, err = client.Open(t.Context(), tenant, client.Process{
		Hasher: password.NewTestHasher(), Sandbox: sandbox, Renderer: markdown.New(), Gate: gate, Memory: memory,
		Clock: p.clock, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(p.logged, nil)), Scheme: "https",
	})
	must(t, err)
	var o web.Options
	for _, set := range change {
		set(&o)
	}
	p.site, err = web.New(p.c, o)
	must(t, err)
	p.owner = p.join(actor.Owner).visit.Actor
	return p
}

// RoundTrip asks the site without a network.
func (p *place) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(client.WithRequest(r.Context(), &client.Request{ID: "ref-1", Address: netip.MustParseAddr("192.0.2.7")}))
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "192.0.2.7:4711"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.site.ServeHTTP(w, in)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// browser is a browser at a site, with its cookies and the token of the last page.
type browser struct {
	p     *place
	http  *http.Client
	token string
	visit accounts.Visit
	from  accounts.From
	at    string // the page that is open
	htmx  bool
}

func (p *place) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(p.t, err)
	return &browser{p: p, at: "/", http: &http.Client{Transport: p, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// join is somebody new who is signed in.
func (p *place) join(role actor.Role) *browser {
	p.t.Helper()
	p.people++
	email := string(role) + "." + uuid.NewString()[:8] + "@example.org"
	link := ""
	_, err := p.c.Accounts.Invite(p.t.Context(), operator, accounts.Invitation{Email: email, Role: role},
		func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
			link = secret
			return outbox.Mail{To: to.Email, Subject: "A link", Text: secret}, nil
		})
	must(p.t, err)
	b := p.browser()
	b.from = accounts.From{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Firefox"}
	in, err := p.c.Accounts.Accept(p.t.Context(), b.from, link, upperFirst(string(role))+" "+uuid.NewString()[:8], secret)
	must(p.t, err)
	b.visit, b.from.Cookie = in.Visit, in.Cookie
	b.cookie("__Host-session", in.Cookie)
	return b
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (b *browser) cookie(name, value string) {
	u, _ := url.Parse(b.p.origin)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true}})
}

func (b *browser) cookieValue(name string) string {
	u, _ := url.Parse(b.p.origin)
	for _, one := range b.http.Jar.Cookies(u) {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

// answer is what came back.
type answer struct {
	t        *testing.T
	asked    string
	status   int
	header   http.Header
	body     string
	location string
}

func (b *browser) do(method, path string, body io.Reader, set func(*http.Request)) *answer {
	b.p.t.Helper()
	r, err := http.NewRequestWithContext(b.p.t.Context(), method, b.p.origin+path, body)
	must(b.p.t, err)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Referer", b.p.origin+b.at)
	if b.htmx {
		r.Header.Set("HX-Request", "true")
	}
	if set != nil {
		set(r)
	}
	response, err := b.http.Do(r)
	must(b.p.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(b.p.t, err)
	a := &answer{t: b.p.t, asked: method + " " + path, status: response.StatusCode, header: response.Header, body: string(text), location: response.Header.Get("Location")}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		if token := tokenOf(a.body); token != "" {
			b.token = token
		}
		if method == http.MethodGet && a.status == http.StatusOK {
			b.at = path
		}
	}
	return a
}

func (b *browser) get(path string) *answer {
	b.p.t.Helper()
	return b.do(http.MethodGet, path, nil, nil)
}

// post sends a form as the page would: with the token of the last page. Who has seen none yet looks at one first.
func (b *browser) post(path string, form url.Values) *answer {
	b.p.t.Helper()
	b.ready()
	sent := url.Values{"csrf": {b.token}}
	for name, values := range form {
		sent[name] = values
	}
	return b.do(http.MethodPost, path, strings.NewReader(sent.Encode()), func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") })
}

func (b *browser) ready() {
	if b.token == "" {
		at := b.at
		if b.visit.Session.ID == uuid.Nil {
			b.get("/sign-in")
		} else {
			b.get("/no-such-page")
		}
		b.at = at
	}
}

// upload sends a file.
func (b *browser) upload(path, name, content string, token *string) *answer {
	b.p.t.Helper()
	b.ready()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if token == nil {
		token = &b.token
	}
	if *token != "" {
		must(b.p.t, w.WriteField("csrf", *token))
	}
	part, err := w.CreateFormFile("file", name)
	must(b.p.t, err)
	_, err = io.WriteString(part, content)
	must(b.p.t, err)
	must(b.p.t, w.Close())
	return b.do(http.MethodPost, path, &body, func(r *http.Request) { r.Header.Set("Content-Type", w.FormDataContentType()) })
}

// follow goes where an answer leads.
func (b *browser) follow(a *answer) *answer {
	b.p.t.Helper()
	if a.status != http.StatusSeeOther {
		b.p.t.Fatalf("%s gave %d and leads nowhere: %s", a.asked, a.status, text(a.body))
	}
	path, _, _ := strings.Cut(a.location, "#")
	return b.get(path)
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s gave %d %s, want %d: %.600s", a.asked, a.status, a.location, status, text(a.body))
	}
	return a
}

func (a *answer) to(path string) *answer {
	a.t.Helper()
	if a.status != http.StatusSeeOther || a.location != path {
		a.t.Errorf("%s gave %d to %q, want 303 to %q: %.600s", a.asked, a.status, a.location, path, text(a.body))
	}
	return a
}

func (a *answer) hides(words ...string) *answer {
	a.t.Helper()
	for _, one := range words {
		if strings.Contains(a.body, one) {
			a.t.Errorf("%s shows %q", a.asked, one)
		}
	}
	return a
}

// each calls for every element of a page.
func each(t testing.TB, page string, do func(n *html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	must(t, err)
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			do(n)
		}
	}
}

func attr(n *html.Node, name string) string {
	for _, one := range n.Attr {
		if one.Key == name {
			return one.Val
		}
	}
	return ""
}

func tokenOf(page string) string {
	const mark = `name="csrf" value="`
	_, rest, found := strings.Cut(page, mark)
	if !found {
		return ""
	}
	token, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(token)
}

// text is what a page shows, without markup.
func text(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent != nil && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// The things that routes are about. All belong to the owner, but for what can only be one's own.

func (p *place) project(everyone bool) string {
	p.t.Helper()
	key := "P" + strings.ToUpper(uuid.NewString()[:7])
	_, err := p.c.Work.CreateProject(p.t.Context(), p.owner, work.ProjectEdit{Key: key, Name: "Project " + key + " of " + p.c.Name, Everyone: everyone,
		Labels: []work.LabelEdit{{Name: "bug", Hue: 1}}})
	must(p.t, err)
	return key
}

func (p *place) task() string {
	p.t.Helper()
	ref, err := p.c.Work.CreateTask(p.t.Context(), p.owner, work.NewTask{Project: p.project(true), Title: "A task of " + p.c.Name, Description: "What **" + p.c.Name + "** knows"})
	must(p.t, err)
	return ref.Key
}

func (p *place) comment(who actor.Actor) string {
	p.t.Helper()
	if !who.Role.AtLeast(actor.Member) {
		who = p.owner
	}
	id, err := p.c.Work.AddComment(p.t.Context(), who, p.task(), "A comment of "+p.c.Name)
	must(p.t, err)
	return id.String()
}

func (p *place) attachment() string {
	p.t.Helper()
	upload, err := files.Receive(context.Background(), strings.NewReader("the content of "+p.c.Name+"\n"), 1<<20, p.t.TempDir())
	must(p.t, err)
	defer func() { _ = upload.Close() }()
	id, err := p.c.Work.Attach(p.t.Context(), p.owner, p.task(), "notes.txt", "text/plain", upload)
	must(p.t, err)
	return id.String()
}

func (p *place) rule() string {
	p.t.Helper()
	id, err := p.c.Work.SaveRule(p.t.Context(), p.owner, work.Rule{Project: p.project(true), Name: "A rule of " + p.c.Name, When: "task.created",
		Then: []work.Action{{Do: work.DoPriority, Value: "high"}}, Enabled: true})
	must(p.t, err)
	return id.String()
}

func (p *place) invited() (id, link string) {
	p.t.Helper()
	who, err := p.c.Accounts.Invite(p.t.Context(), operator, accounts.Invitation{Email: uuid.NewString()[:12] + "@example.org", Role: actor.Member},
		func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
			link = secret
			return outbox.Mail{To: to.Email, Subject: "A link", Text: secret}, nil
		})
	must(p.t, err)
	return who.ID.String(), link
}

func (p *place) resetLink() (link string) {
	p.t.Helper()
	must(p.t, p.c.Accounts.SendReset(p.t.Context(), operator, p.join(actor.Member).visit.Person.ID, func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
		link = secret
		return outbox.Mail{To: to.Email, Subject: "A link", Text: secret}, nil
	}))
	return link
}

// mails are what waits to be sent, taken out.
func (p *place) mails() []outbox.Mail {
	p.t.Helper()
	var all []outbox.Mail
	for {
		done, err := p.c.Outbox.Deliver(p.t.Context(), func(_ context.Context, m outbox.Mail) error {
			all = append(all, m)
			return nil
		})
		must(p.t, err)
		if !done.More {
			return all
		}
	}
}

// entries are those of the audit log, the newest first.
func (p *place) entries() []*ent.AuditEntry {
	p.t.Helper()
	all, _, err := p.c.Audit.Page(p.t.Context(), auditAll)
	must(p.t, err)
	return all
}
