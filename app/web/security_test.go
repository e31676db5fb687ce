package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/web"
)

// walls tells whether an answer has the headers that every answer has (AS-2).
func walls(t *testing.T, a *answer) {
	t.Helper()
	policy := a.header.Get("Content-Security-Policy")
	download := strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") && strings.Contains(policy, "sandbox") && strings.Contains(policy, "default-src 'none'")
	if policy != pages.ContentSecurityPolicy && !download {
		t.Errorf("%s: the policy is %q", a.asked, policy)
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("%s: the policy allows what is unsafe", a.asked)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
		if got := a.header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q, want %q", a.asked, name, got, want)
		}
	}
	for _, name := range []string{"Permissions-Policy", "Strict-Transport-Security", "Cache-Control"} {
		if a.header.Get(name) == "" {
			t.Errorf("%s: %s is missing", a.asked, name)
		}
	}
	if cache := a.header.Get("Cache-Control"); !strings.Contains(cache, "no-store") && !strings.Contains(a.asked, "/assets/") {
		t.Errorf("%s: Cache-Control is %q", a.asked, cache)
	}
	for _, raw := range a.header.Values("Set-Cookie") {
		if !strings.HasPrefix(raw, "__Host-") || !strings.Contains(raw, "; HttpOnly") || !strings.Contains(raw, "; Secure") || !strings.Contains(raw, "; SameSite=Lax") ||
			!strings.Contains(raw, "Path=/;") || strings.Contains(raw, "Domain=") {
			t.Errorf("%s: a cookie is not as it should be: %s", a.asked, raw)
		}
	}
	for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
		if got := a.header.Get(name); got != "" {
			t.Errorf("%s: %s is %q", a.asked, name, got)
		}
	}
}

// TestEveryAnswerHasItsHeaders (AS-2): of every route, to somebody and to nobody, and of what is no route.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	for _, route := range web.Routes() {
		e := known[route.Method+" "+route.Pattern]
		for _, b := range []*browser{p.join(actor.Administrator), p.browser()} {
			walls(t, b.ask(route, e, p.path(route, p.join(actor.Owner))))
		}
	}
	b := p.join(actor.Member)
	for _, path := range []string{"/no-such-page", "/tasks/NONE-1", "/tasks/", "//", "/../etc/passwd", "/attachments/x"} {
		walls(t, b.get(path))
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT-ISH", "HEAD"} {
		walls(t, b.do(method, "/tasks", nil, nil))
	}
	walls(t, b.do("POST", "/tasks", strings.NewReader(strings.Repeat("a=b&", 400_000)), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}))
}

// TestEveryChangeNeedsItsToken (AS-4): without one, with a made-up one, with that of another session and of a visitor, and from another
// site, every change is refused, and nothing is changed.
func TestEveryChangeNeedsItsToken(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	other := p.join(actor.Owner)
	other.ready()
	visitor := p.browser()
	visitor.ready()
	for _, route := range web.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		e := known[route.Method+" "+route.Pattern]
		b := p.join(actor.Administrator)
		if strings.HasPrefix(route.Pattern, "/sign-in") || strings.HasPrefix(route.Pattern, "/forgotten") {
			if route.Access == web.Anyone {
				b = p.browser() // the forms of visitors have tokens too
			}
		}
		path := p.path(route, b)
		form := p.form(e, path, b)
		b.ready()
		right, before := b.token, changes(p)
		wrong := map[string]string{"none": "", "nonsense": "x", "one of another session": other.token, "one of a visitor": visitor.token,
			"one that was altered": flip(right), "one that is too long": right + "AAAA", "one of zeros": strings.Repeat("A", 86)}
		for name, token := range wrong {
			b.token = token
			var a *answer
			if route.Upload {
				a = b.upload(path, "notes.txt", "some words\n", &token)
			} else {
				form.Set("csrf", token)
				a = b.post2(path, form, nil)
			}
			if a.status != http.StatusForbidden {
				t.Errorf("%s with %s as its token gave %d %s, want 403", e.route, name, a.status, a.location)
			}
		}
		form.Set("csrf", right)
		for _, site := range []string{"cross-site", "same-site"} {
			if a := b.post2(path, form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) }); a.status != http.StatusForbidden {
				t.Errorf("%s from a site that is %s gave %d, want 403", e.route, site, a.status)
			}
		}
		if a := b.post2(path, form, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.example")
		}); a.status != http.StatusForbidden {
			t.Errorf("%s from another origin gave %d, want 403", e.route, a.status)
		}
		// In the address line a token is worth nothing.
		delete(form, "csrf")
		if a := b.post2(path+"?csrf="+url.QueryEscape(right), form, nil); a.status != http.StatusForbidden && (!route.Upload || a.status != 400) {
			t.Errorf("%s with its token in the address gave %d, want 403", e.route, a.status)
		}
		if after := changes(p); after != before {
			t.Errorf("%s changed something without a right token", e.route)
		}
	}
}

// flip alters a token in its middle.
func flip(token string) string {
	i := len(token) / 2
	other := byte('A')
	if token[i] == 'A' {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

// post2 sends exactly this form.
func (b *browser) post2(path string, form url.Values, set func(*http.Request)) *answer {
	b.p.t.Helper()
	return b.do(http.MethodPost, path, strings.NewReader(form.Encode()), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if set != nil {
			set(r)
		}
	})
}

// changes counts what the log knows, but for refusals: whatever changes something is there (AC-5).
func changes(p *place) int {
	p.t.Helper()
	n := 0
	for e, err := range p.c.Audit.All(p.t.Context(), auditAll) {
		must(p.t, err)
		if e.Outcome == "ok" {
			n++
		}
	}
	return n
}

// TestRefusalsAreLogged (AC-5): who was refused what, from where.
func TestRefusalsAreLogged(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Guest)
	b.get("/audit").want(403)
	b.token = "wrong"
	b.post2("/me/theme", url.Values{"theme": {"dark"}, "csrf": {"x"}}, nil).want(403)
	all := p.entries()
	for i, want := range []string{"page POST /me/theme", "page GET /audit"} {
		if e := all[i]; e.Action != "page.refused" || e.Target != want || e.Outcome != "refused" || e.ActorName != b.visit.Person.Name || e.Address != "192.0.2.7" {
			t.Errorf("entry %d is %v, want a refusal of %s", i, e, want)
		}
	}
}

// TestNothingReachesAcrossClients (DP-1): everything of one client, asked for at another: by its own people with their cookies and tokens,
// and by the other's owner with all rights there.
func TestNothingReachesAcrossClients(t *testing.T) {
	acme, blue, known := newPlace(t, "acme"), newPlace(t, "blue"), entries(t)
	for _, route := range web.Routes() {
		e := known[route.Method+" "+route.Pattern]
		theirs := acme.join(actor.Owner)
		theirs.ready()
		path := acme.path(route, theirs)
		form := acme.form(e, path, theirs)
		before := changes(acme)

		// Acme's owner, at blue, with everything that acme gave them.
		stranger := blue.browser()
		for _, name := range []string{"__Host-session", "__Host-visitor", "__Host-device"} {
			if v := theirs.cookieValue(name); v != "" {
				stranger.cookie(name, v)
			}
		}
		stranger.token = theirs.token
		a := stranger.askAs(route, path, form)
		if route.Access != web.Asset && a.status < 300 && route.Access != web.Anyone {
			t.Errorf("%s: acme's owner got %d at blue", e.route, a.status)
		}
		if route.Method == http.MethodPost && a.status != 303 && a.status != 403 {
			t.Errorf("%s: acme's token got %d at blue", e.route, a.status)
		}
		a.hides("of acme", "acme knows", "The acme company", theirs.visit.Person.Name)

		// Blue's owner asks for what is acme's.
		local := blue.join(actor.Owner)
		a = local.askAs(route, path, form)
		if strings.Contains(route.Pattern, "{") && route.Access != web.Asset && route.Pattern != "/{$}" && a.status != 404 {
			t.Errorf("%s: blue's owner got %d %s for what is acme's, want 404", e.route, a.status, a.location)
		}
		a.hides("of acme", "acme knows", "The acme company", theirs.visit.Person.Name)
		if after := changes(acme); after != before {
			t.Errorf("%s: something changed at acme", e.route)
		}
	}
	for _, e := range blue.entries() {
		if strings.Contains(e.ActorName+e.Target+e.Detail, "acme") {
			t.Errorf("blue's log speaks of acme: %v", e)
		}
	}
}

// askAs sends to this browser's place what is of another.
func (b *browser) askAs(route web.Route, path string, form url.Values) *answer {
	b.p.t.Helper()
	switch {
	case route.Method == http.MethodGet:
		return b.get(path)
	case route.Upload:
		return b.upload(path, "notes.txt", "some words\n", nil)
	}
	b.ready()
	form.Set("csrf", b.token)
	return b.post2(path, form, nil)
}

// TestAttachmentsAreNeverShown: whatever was uploaded is only ever saved.
func TestAttachmentsAreNeverShown(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Member)
	key := p.task()
	for name, content := range map[string]string{
		"page.html": "<!doctype html><script>alert(1)</script>", "picture.svg": `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`,
		"notes.txt": "<script>alert(1)</script> is what we saw\n", "a\"; filename=\"b.html.txt": "words\n", "../../etc/passwd.txt": "words\n", "line\r\nSet-Cookie: a=b.txt": "words\n",
	} {
		a := b.upload("/tasks/"+key+"/attachments", name, content, nil)
		if a.status != 303 && a.status != 422 && a.status != 400 {
			t.Errorf("%q gave %d: %.300s", name, a.status, text(a.body))
		}
	}
	d, err := p.c.Work.Task(t.Context(), p.owner, key)
	must(t, err)
	if len(d.Files) == 0 {
		t.Fatal("nothing was kept")
	}
	for _, file := range d.Files {
		a := b.get("/attachments/" + file.ID.String()).want(200)
		walls(t, a)
		if !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment; ") || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %v", file.Name, a.header)
		}
		if kind := a.header.Get("Content-Type"); strings.Contains(kind, "html") || strings.Contains(kind, "svg") || strings.Contains(kind, "script") {
			t.Errorf("%s is sent as %s", file.Name, kind)
		}
		if strings.ContainsAny(file.Name, "/\\\r\n\"") {
			t.Errorf("a file is called %q", file.Name)
		}
	}
}

// TestOtherMethodsDoNothing: what no route is for is refused, whatever a header says it should have been.
func TestOtherMethodsDoNothing(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Administrator)
	is := map[string]bool{}
	for _, route := range web.Routes() {
		is[route.Method+" "+route.Pattern] = true
	}
	for _, route := range web.Routes() {
		path := p.path(route, b)
		before := changes(p)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			as := method
			if method == "HEAD" {
				as = "GET"
			}
			if is[as+" "+route.Pattern] {
				continue
			}
			a := b.do(method, path, nil, func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", route.Method) })
			if a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotFound {
				if method == "POST" && (a.status == 403 || a.status == 400) || method == "GET" && a.status == 200 && strings.HasSuffix(path, "new") {
					continue
				}
				t.Errorf("%s %s gave %d", method, route.Pattern, a.status)
			}
			if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Errorf("%s %s does not say what is allowed", method, route.Pattern)
			}
		}
		if after := changes(p); after != before {
			t.Errorf("%s: a method that is not its own changed something", route.Pattern)
		}
	}
	// A route for reading never changes anything, not even with a form in its body.
	before := changes(p)
	for _, route := range web.Routes() {
		if route.Method == http.MethodGet && !strings.Contains(route.Pattern, "{") {
			b.do("GET", route.Pattern+"?do=delete&archived=yes&_method=POST", strings.NewReader("name=x"), func(r *http.Request) {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			})
		}
	}
	if changes(p) != before {
		t.Error("reading changed something")
	}
}

// TestPathsLeadNowhereElse: no spelling of a path leads to a file or around a route's access.
func TestPathsLeadNowhereElse(t *testing.T) {
	p := newPlace(t, "acme")
	guest := p.join(actor.Guest)
	for _, path := range []string{"/assets/..%2f..%2fgo.mod", "/assets/%2e%2e/app.css", "/assets/../audit", "//audit", "/./audit", "/projects/../audit", "/%2e%2e/audit",
		"/audit%2f", "/audit/", "/AUDIT", "/audit;x", "/audit%00", "/attachments/..%2f..%2fsecret", "/attachments/" + uuid.NewString(), "/tasks/..%2faudit",
		"/tasks/%00", "/tasks/a%0d%0aSet-Cookie:%20a=b", "/assets/app.css%00.js", `/assets/..\..\x`, "/reset/..%2f..", "/invitation/%2e%2e%2f"} {
		u, err := url.Parse(p.origin + path)
		if err != nil {
			continue
		}
		a := guest.do("GET", u.RequestURI(), nil, nil)
		if a.status != 404 && a.status != 403 && a.status != 303 {
			t.Errorf("%s gave %d: %.200s", path, a.status, text(a.body))
		}
		if a.status == 303 && !strings.HasPrefix(a.location, "/") {
			t.Errorf("%s leads to %s", path, a.location)
		}
		a.hides("Entries, newest first", "module github.com")
	}
}
