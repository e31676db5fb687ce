package web_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/web"
	"github.com/berth-iac/berth/app/work"
)

// payloads are markup that somebody writes where words belong. Each carries the word pwn, by which it is found.
func payloads() []string {
	return []string{
		`<script>pwn(1)</script>`, `"><script src=//pwn.example></script>`, `'><img src=x onerror=pwn(1)>`, `"><svg/onload=pwn(1)>`, `<iframe src="javascript:pwn(1)">`,
		`javascript:pwn(1)`, `[pwn](javascript:pwn(1))`, `![pwn](x" onerror="pwn(1))`, `<a href="data:text/html,<script>pwn(1)</script>">pwn</a>`,
		`</textarea><script>pwn(1)</script>`, `</title><script>pwn(1)</script>`, `<!--><script>pwn(1)</script>-->`, `" onfocus="pwn(1)" autofocus="`, `' onmouseover='pwn(1)`,
		`<math><mtext></mtext><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=pwn(1)&gt;">`, `<style>@import'//pwn.example'</style>`, `<base href="//pwn.example/">`,
		`<form action="//pwn.example"><button>pwn`, `<meta http-equiv=refresh content="0;url=//pwn.example">`, `<div hx-get="/pwn" hx-trigger="load" data-hx-on="pwn">`,
		`{{pwn}}`, "`${pwn}`", "<x\x00y onclick=pwn(1)>", `&lt;script&gt;pwn(1)&lt;/script&gt;`, `<img src=x:pwn onerror&equals;pwn(1)>`, "<<script>pwn(1)//<</script>",
		`<a href=" &#14; javascript:pwn(1)">pwn</a>`, "pwn\r\nSet-Cookie: pwn=1", `<details open ontoggle=pwn(1)>`, `<link rel=stylesheet href=//pwn.example>`,
	}
}

// inert tells whether nothing that somebody wrote became markup of a page (AS-2). Elements of Markdown are allowed: links to the web too.
func inert(t *testing.T, a *answer) {
	t.Helper()
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		return
	}
	each(t, a.body, func(n *html.Node) {
		switch n.Data {
		case "script":
			if src := attr(n, "src"); !strings.HasPrefix(src, pages.AssetPrefix) || n.FirstChild != nil {
				t.Errorf("%s has a script of %q", a.asked, src)
			}
		case "style", "iframe", "object", "embed", "base", "math", "mglyph", "x", "video", "audio", "applet", "frame":
			t.Errorf("%s has an element %s", a.asked, n.Data)
		case "link":
			if !strings.HasPrefix(attr(n, "href"), pages.AssetPrefix) {
				t.Errorf("%s links to %q", a.asked, attr(n, "href"))
			}
		case "meta":
			if attr(n, "http-equiv") != "" {
				t.Errorf("%s has a meta of %q", a.asked, attr(n, "http-equiv"))
			}
		}
		for _, one := range n.Attr {
			name, value := strings.ToLower(one.Key), strings.ToLower(strings.Map(func(r rune) rune {
				if r <= ' ' {
					return -1
				}
				return r
			}, one.Val))
			switch {
			case strings.HasPrefix(name, "on"), name == "style", name == "srcdoc", strings.HasPrefix(name, "hx-on"), strings.HasPrefix(name, "data-hx"):
				t.Errorf("%s: %s has an attribute %s", a.asked, n.Data, name)
			case strings.HasPrefix(name, "hx-") && strings.Contains(value, "pwn"):
				t.Errorf("%s: %s has %s=%q", a.asked, n.Data, name, value)
			case name == "href" || name == "src" || name == "action" || name == "formaction" || name == "xlink:href":
				if strings.Contains(value, "script:") && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") || strings.HasPrefix(value, "data:") {
					t.Errorf("%s: %s has %s=%q", a.asked, n.Data, name, one.Val)
				}
				if (name == "action" || name == "src" || name == "formaction") && !strings.HasPrefix(value, "/") || strings.HasPrefix(value, "//") {
					t.Errorf("%s: %s leads elsewhere by %s=%q", a.asked, n.Data, name, one.Val)
				}
			}
		}
	})
	for name, values := range a.header {
		for _, value := range values {
			if strings.Contains(value, "pwn") && name != "Location" && name != "Content-Disposition" || strings.ContainsAny(value, "\r\n") {
				t.Errorf("%s: the header %s is %q", a.asked, name, value)
			}
		}
	}
	if len(a.header.Values("Set-Cookie")) > 0 && strings.Contains(strings.Join(a.header.Values("Set-Cookie"), ""), "pwn") {
		t.Errorf("%s sets a cookie that somebody wrote", a.asked)
	}
}

// TestMarkupInEveryFieldIsInert (AS-2): every field of every form, with the whole corpus, one field at a time; the answer is looked at,
// and where it leads. Then all pages are looked at, with all that was kept.
func TestMarkupInEveryFieldIsInert(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	b := p.join(actor.Owner)
	var seen []string
	for _, route := range web.Routes() {
		e := known[route.Method+" "+route.Pattern]
		if route.Method != http.MethodPost || route.Upload || strings.HasPrefix(route.Pattern, "/me/sessions") || route.Pattern == "/sign-out" || route.Pattern == "/me/password" {
			continue
		}
		who := b
		if route.Access == web.Anyone {
			who = p.browser()
		}
		if route.Pattern == "/forgotten" { // it takes its time: TestForgottenTellsNothing
			continue
		}
		path := p.path(route, b)
		right := p.form(e, path, b)
		for i, payload := range payloads() {
			for field := range right {
				if (i+len(field)+len(route.Pattern))%5 != 0 { // a fifth of the corpus for each field; the task below gets all of it
					continue
				}
				form := maps.Clone(right)
				form[field] = []string{payload}
				if field == "emails" {
					form[field] = []string{payload + "@example.org"}
				}
				a := who.post(path, form)
				if a.status == 404 && strings.Contains(route.Pattern, "{") { // what was there is gone
					path = p.path(route, b)
					a = who.post(path, form)
				}
				if a.status >= 500 {
					t.Errorf("%s with %s=%q gave %d: %.2000s", e.route, field, payload, a.status, p.logged.String())
				}
				inert(t, a)
				if a.status == 303 && strings.HasPrefix(a.location, "/") && !strings.HasPrefix(a.location, "/sign-in") {
					inert(t, who.follow(a))
				}
				if a.status == 303 && !strings.HasPrefix(a.location, "/") {
					t.Errorf("%s leads to %q", e.route, a.location)
				}
			}
			if i == len(payloads())-1 || i == 0 {
				seen = append(seen, path)
			}
		}
	}
	for _, path := range seen {
		inert(t, b.get(path))
	}
	for _, route := range web.Routes() {
		if route.Method == http.MethodGet {
			inert(t, b.get(p.path(route, b)))
		}
	}
	// One task with everything in it, and who is called like this.
	for _, payload := range payloads() {
		key := p.task()
		for _, sent := range []struct{ path, field string }{{"/edit", "description"}, {"/comments", "body"}, {"/checklist", "item"}} {
			form := url.Values{sent.field: {payload}, "title": {payload}}
			inert(t, b.post("/tasks/"+key+sent.path, form))
		}
		b.post("/me/profile", url.Values{"name": {payload}, "email": {b.visit.Person.Email}, "zone": {"UTC"}})
		for _, path := range []string{"/tasks/" + key, "/tasks/" + key + "/edit", "/projects/" + strings.Split(key, "-")[0], "/activity", "/", "/people", "/search?q=pwn", "/audit"} {
			a := b.get(path)
			inert(t, a)
			b.htmx = true
			inert(t, b.get(path))
			b.htmx = false
		}
	}
}

// TestMarkupInEveryAddressIsInert (AS-2): every value of the address line of every page.
func TestMarkupInEveryAddressIsInert(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Owner)
	fields := []string{"next", "words", "assignee", "label", "status", "priority", "due", "sort", "page", "filter", "q", "after", "who", "kind", "from", "to", "before", "for", "archived"}
	for _, route := range web.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		path := p.path(route, b)
		for _, payload := range payloads() {
			for _, who := range []*browser{b, p.browser()} {
				query := url.Values{}
				for _, field := range fields {
					query.Set(field, payload)
				}
				inert(t, who.get(path+"?"+query.Encode()))
				query = url.Values{"q": {payload}, "words": {payload}, "next": {payload}, "who": {payload}, "for": {payload}, "kind": {payload}}
				a := who.get(path + "?" + query.Encode())
				inert(t, a)
				if a.status >= 500 {
					t.Errorf("%s gave %d", a.asked, a.status)
				}
			}
		}
		for _, payload := range payloads()[:6] { // in place of an id or key
			at := strings.NewReplacer("{key}", url.PathEscape(payload), "{id}", url.PathEscape(payload), "{token}", url.PathEscape(payload), "{name}", url.PathEscape(payload), "{$}", "").Replace(route.Pattern)
			if at != route.Pattern && route.Pattern != "/{$}" {
				if a := b.get(at); a.status != 404 {
					t.Errorf("%s gave %d, want 404", at, a.status)
				} else {
					inert(t, a)
				}
			}
		}
	}
}

// TestNobodyIsLedElsewhere: next and Referer lead to this site only.
func TestNobodyIsLedElsewhere(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Member)
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, `\\evil.example`, "/%09/evil.example/..//evil.example", "http:evil.example", "javascript:alert(1)",
		"/\tevil.example", "//evil.example/%2f..", "/..//evil.example", "///evil.example", "https:/evil.example", "/ /evil.example", "\r\nLocation: //evil.example", "@evil.example",
		"//user@evil.example", "/sign-in//..//../evil.example://", "data:text/html,x", strings.Repeat("/a", 5000)} {
		check := func(what string, a *answer) {
			t.Helper()
			if a.status == 413 && len(next) > 4096 {
				return
			}
			if a.status == 200 || a.status == 422 || a.status == 429 { // a page that passes it on
				each(t, a.body, func(n *html.Node) {
					if attr(n, "name") == "next" && attr(n, "value") != "/" && !plain(attr(n, "value")) {
						t.Errorf("%s passes %q on", what, attr(n, "value"))
					}
				})
				return
			}
			u, err := url.Parse(a.location)
			if a.status != 303 || err != nil || u.Host != "" || u.Scheme != "" || !plain(a.location) {
				t.Errorf("%s with next=%q gave %d to %q", what, next, a.status, a.location)
			}
		}
		query := "?next=" + url.QueryEscape(next)
		check("the page of sign-in, signed in", b.get("/sign-in"+query))
		visitor := p.browser()
		check("the page of sign-in", visitor.get("/sign-in"+query))
		check("a wrong sign-in", visitor.post("/sign-in", url.Values{"email": {"x@example.org"}, "password": {"x"}, "next": {next}}))
		check("signing in", visitor.post("/sign-in", url.Values{"email": {b.visit.Person.Email}, "password": {secret}, "next": {next}}))
		check("the page to confirm", b.get("/confirm"+query))
		check("confirming", b.post("/confirm", url.Values{"password": {secret}, "next": {next}}))
		b.ready()
		check("back to where one was", b.post2("/me/theme", url.Values{"theme": {"dark"}, "csrf": {b.token}}, func(r *http.Request) {
			r.Header.Set("Referer", strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(next))
		}))
	}
	// Where it leads on this site, it does.
	visitor := p.browser()
	visitor.get("/tasks?assignee=me").to("/sign-in?next=%2Ftasks%3Fassignee%3Dme")
	visitor.get("/sign-in?next=%2Ftasks%3Fassignee%3Dme")
	visitor.post("/sign-in", url.Values{"email": {b.visit.Person.Email}, "password": {secret}, "next": {"/tasks?assignee=me"}}).to("/tasks?assignee=me")
}

// plain tells whether a path is one of this site for every browser.
func plain(where string) bool {
	return strings.HasPrefix(where, "/") && !strings.HasPrefix(where, "//") && !strings.HasPrefix(where, `/\`) && !strings.ContainsAny(where, "\\\r\n\t ")
}

// TestSessionsCannotBeFixed: a session has a new value after each rise, and what was planted before counts for nothing.
func TestSessionsCannotBeFixed(t *testing.T) {
	p := newPlace(t, "acme")
	victim := p.join(actor.Member).visit.Person.Email
	planted := p.join(actor.Guest) // the attacker's own session
	b := p.browser()
	b.cookie("__Host-session", planted.cookieValue("__Host-session"))
	b.cookie("__Host-visitor", strings.Repeat("A", 43))
	b.ready()
	b.token = ""
	b.get("/tasks").want(200) // as the attacker
	signed := b.post("/sign-in", url.Values{"email": {victim}, "password": {secret}})
	signed.to("/")
	value := b.cookieValue("__Host-session")
	if value == planted.cookieValue("__Host-session") || len(value) != 43 {
		t.Fatal("the session kept its value")
	}
	planted.get("/tasks").to("/sign-in?next=%2Ftasks") // it ended
	for what, change := range map[string]func() *answer{
		"confirming": func() *answer { return b.post("/confirm", url.Values{"password": {secret}}) },
		"changing a password": func() *answer {
			return b.post("/me/password", url.Values{"current": {secret}, "password": {"Wet.Paint.9.Tuesday"}, "password-again": {"Wet.Paint.9.Tuesday"}})
		},
	} {
		b.get("/me")
		before := b.cookieValue("__Host-session")
		change().want(303)
		if b.cookieValue("__Host-session") == before {
			t.Errorf("%s kept the session's value", what)
		}
		old := p.browser()
		old.cookie("__Host-session", before)
		old.get("/tasks").to("/sign-in?next=%2Ftasks")
	}
	// Of two cookies by one name neither counts, and one without the prefix does not either.
	twice := p.browser()
	twice.do("GET", "/tasks", nil, func(r *http.Request) {
		r.Header.Set("Cookie", "__Host-session="+b.cookieValue("__Host-session")+"; __Host-session="+value)
	}).to("/sign-in?next=%2Ftasks")
	twice.do("GET", "/tasks", nil, func(r *http.Request) { r.Header.Set("Cookie", "session="+b.cookieValue("__Host-session")) }).to("/sign-in?next=%2Ftasks")
	// After signing out the cookie is worth nothing.
	last := b.cookieValue("__Host-session")
	b.get("/me")
	b.post("/sign-out", nil).to("/sign-in")
	old := p.browser()
	old.cookie("__Host-session", last)
	old.get("/me").to("/sign-in?next=%2Fme")
}

// TestTheHostHeaderIsNotBelieved: links in mails, redirects and cookies go by the client's own address.
func TestTheHostHeaderIsNotBelieved(t *testing.T) {
	p := newPlace(t, "acme")
	email := p.join(actor.Member).visit.Person.Email
	p.mails()
	b := p.browser()
	b.get("/forgotten")
	form := url.Values{"email": {email}, "csrf": {b.token}}
	a := b.post2("/forgotten", form, func(r *http.Request) {
		r.Host = "evil.example"
		r.Header.Set("Cookie", "__Host-visitor="+b.cookieValue("__Host-visitor")) // which the jar keeps from that host
		for _, name := range []string{"X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"} {
			r.Header.Set(name, "evil.example")
		}
	})
	a.want(200).hides("evil.example")
	mails := p.mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	if text := mails[0].Text + mails[0].HTML + mails[0].Subject; strings.Contains(text, "evil") || !strings.Contains(text, "https://acme.example.org/reset/") {
		t.Errorf("the mail is %s", text)
	}
	a = b.do("GET", "/tasks", nil, func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("X-Forwarded-Proto", "http") })
	a.to("/sign-in?next=%2Ftasks")
	walls(t, a)
}

// TestForgottenTellsNothing (AC-9): the answer is the same for every address.
func TestForgottenTellsNothing(t *testing.T) {
	p := newPlace(t, "acme")
	email := p.join(actor.Member).visit.Person.Email
	var bodies []string
	for _, one := range []string{email, "nobody@example.org"} {
		b := p.browser()
		b.ready()
		a := b.post("/forgotten", url.Values{"email": {one}}).want(200)
		bodies = append(bodies, strings.ReplaceAll(text(a.body), one, ""))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the answers differ:\n%s\n%s", bodies[0], bodies[1])
	}
	var wrong []string
	for _, one := range []string{email, "nobody@example.org"} {
		b := p.browser()
		b.ready()
		a := b.post("/sign-in", url.Values{"email": {one}, "password": {"wrong-password"}}).want(422)
		wrong = append(wrong, text(a.body))
	}
	if wrong[0] != wrong[1] {
		t.Errorf("sign-in tells who has an account:\n%s\n%s", wrong[0], wrong[1])
	}
}

// TestWhatIsTooMuchIsRefused: bodies that are too large, of too many fields, of another kind, and addresses that are too long.
func TestWhatIsTooMuchIsRefused(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Member)
	b.ready()
	key := p.task()
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	b.do("POST", "/tasks/"+key+"/comments", strings.NewReader("csrf="+url.QueryEscape(b.token)+"&body="+strings.Repeat("x", 600<<10)), form).want(413)
	b.do("POST", "/tasks/"+key+"/comments", strings.NewReader("csrf="+url.QueryEscape(b.token)+strings.Repeat("&a=", 1500)), form).want(413)
	b.do("POST", "/tasks/"+key+"/comments", strings.NewReader("csrf="+url.QueryEscape(b.token)+"&body=%zz"), form).want(400)
	for _, kind := range []string{"", "text/plain", "application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded, text/plain"} {
		b.do("POST", "/tasks/"+key+"/comments", strings.NewReader("csrf="+url.QueryEscape(b.token)+"&body=x"), func(r *http.Request) { r.Header.Set("Content-Type", kind) }).want(400)
	}
	b.get("/tasks?words=" + strings.Repeat("x", 5000)).want(413)
	b.post("/tasks/"+key+"/comments", url.Values{"body": {strings.Repeat("x", 70<<10)}}).want(422)
	b.upload("/tasks/"+key+"/attachments", "large.txt", strings.Repeat("words\n", 5<<20), nil).want(422)
	b.upload("/tasks/"+key+"/attachments", "", "", nil).want(422)
	// A file before its token is not taken in.
	body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nwords\r\n--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + b.token + "\r\n--x--\r\n"
	b.do("POST", "/tasks/"+key+"/attachments", strings.NewReader(body), func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }).want(403)
	// Many parts, a boundary that never comes, and none at all.
	b.do("POST", "/tasks/"+key+"/attachments", strings.NewReader(strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", 500)+"--x--\r\n"),
		func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }).want(403)
	b.do("POST", "/tasks/"+key+"/attachments", strings.NewReader("words"), func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }).want(403)
	b.do("POST", "/tasks/"+key+"/attachments", strings.NewReader("words"), func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data") }).want(400)
	d, err := p.c.Work.Task(t.Context(), p.owner, key)
	must(t, err)
	if len(d.Files)+len(d.Discussion) != 0 {
		t.Errorf("%d files and %d comments were kept", len(d.Files), len(d.Discussion))
	}
}

// TestSlowBodiesAreCutOff: a form that comes in drop by drop holds nothing for long.
func TestSlowBodiesAreCutOff(t *testing.T) {
	p := newPlace(t, "acme", func(o *web.Options) { o.FormTime, o.UploadTime = 300*time.Millisecond, 300*time.Millisecond })
	b := p.join(actor.Member)
	key := p.task()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.site.ServeHTTP(w, r.WithContext(client.WithRequest(r.Context(), &client.Request{ID: "x"})))
	}))
	defer server.Close()
	for _, one := range []struct{ path, kind, begin string }{
		{"/tasks/" + key + "/comments", "application/x-www-form-urlencoded", "csrf="},
		{"/tasks/" + key + "/attachments", "multipart/form-data; boundary=x", "--x\r\n"},
	} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: acme.example.org\r\nCookie: __Host-session=%s\r\nContent-Type: %s\r\nContent-Length: 100000\r\n\r\n%s",
			one.path, b.cookieValue("__Host-session"), one.kind, one.begin)
		must(t, err)
		began := time.Now()
		must(t, connection.SetDeadline(began.Add(20*time.Second)))
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			if answer.StatusCode < 400 || answer.StatusCode >= 500 {
				t.Errorf("%s gave %d", one.path, answer.StatusCode)
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s held the connection for %v", one.path, took)
		}
		_ = connection.Close()
	}
}

// TestHeadersCannotBeInjected: what somebody wrote is in no header as more than a value.
func TestHeadersCannotBeInjected(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Owner)
	broken := "x\r\nSet-Cookie: pwn=1\r\n\r\n<script>"
	for path, form := range map[string]url.Values{
		"/projects":     {"key": {broken}, "name": {broken}, "visibility": {"everyone"}},
		"/filters":      {"name": {broken}, "query": {broken}, "project": {broken}},
		"/sign-in":      {"email": {broken}, "password": {broken}, "next": {"/" + broken}},
		"/confirm":      {"password": {secret}, "next": {"/tasks" + broken}},
		"/tasks":        {"project": {broken}, "title": {broken}},
		"/audit/export": {"format": {"csv" + broken}, "query": {"who=" + broken}},
	} {
		a := b.post(path, form)
		inert(t, a)
		if a.header.Get("Set-Cookie") != "" && strings.Contains(a.header.Get("Set-Cookie"), "pwn") || a.status >= 500 {
			t.Errorf("%s gave %d with %v", path, a.status, a.header)
		}
	}
	// A flash is one of those that are known, whatever the cookie says.
	b.cookie("__Host-flash", "<script>pwn(1)</script>")
	b.get("/").hides("pwn")
	// A mail's headers are lines of one's own.
	p.mails()
	key := p.task()
	b.post("/people/invite", url.Values{"emails": {"a@example.org\r\nBcc: b@example.org"}, "role": {"member"}})
	b.post("/people/invite", url.Values{"emails": {"c@example.org"}, "role": {"member"}})
	for _, m := range p.mails() {
		if strings.ContainsAny(m.Subject+m.To, "\r\n") || strings.Contains(m.To, "Bcc") {
			t.Errorf("a mail goes to %q about %q", m.To, m.Subject)
		}
	}
	_ = key
}

// TestInjectionThroughParameters (AS-1): what a database would read as its own is a value like any other.
func TestInjectionThroughParameters(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Member)
	p.task()
	for _, value := range []string{`' OR '1'='1`, `"; DROP TABLE users; --`, `%`, `_`, `\`, `1 UNION SELECT password_hash FROM users`, `{"$ne":null}`, "\x00", "\xff\xfe", "𝕏", `$(id)`, `${jndi:ldap://x}`} {
		for _, path := range []string{"/search?q=", "/tasks?words=", "/tasks?sort=", "/tasks?page=", "/tasks?assignee=", "/tasks?label=", "/activity?after=", "/notifications?after=", "/people?words=", "/tasks?filter=", "/people?page="} {
			if a := b.get(path + url.QueryEscape(value)); a.status >= 500 {
				t.Errorf("%s%q gave %d: %.500s", path, value, a.status, p.logged.String())
			} else {
				a.hides("tf1:", "$2a$", "SQL logic")
			}
		}
	}
}

// TestARuleCannotEscape (AS-5): hostile conditions are refused or stopped, and the page stays.
func TestARuleCannotEscape(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Administrator)
	key := p.task()
	project := strings.Split(key, "-")[0]
	for _, condition := range []string{`[1,2,3].all(a,[1,2,3].all(b,[1,2,3].all(c,true)))`, strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500), `os.Exit(1)`, `"a".matches("(a+)+$")`,
		strings.Repeat(`"x"+`, 3000) + `"x" == ""`, `task.secret`, "true\x00"} {
		for _, do := range []string{"save", "test"} {
			a := b.post("/projects/"+project+"/rules", url.Values{"name": {"A rule"}, "when": {"task.created"}, "if": {condition}, "then-0-do": {"priority"}, "then-0-value": {"high"}, "do": {do}, "test-task": {key}})
			if a.status != 422 && a.status != 200 && (a.status != 303 || !strings.HasPrefix(condition, `"a"`)) {
				t.Errorf("%.60q gave %d", condition, a.status)
			}
			inert(t, a)
		}
	}
	if !slices.Contains(work.Triggers(), "task.created") {
		t.Error("the suite names a trigger that is none")
	}
}
