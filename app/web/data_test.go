package web_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/web"
)

// kept is a file that waits to be imported: that of who asks, or of the owner where who asks sends none.
func (p *place) kept(who actor.Actor) string {
	p.t.Helper()
	if !who.Role.AtLeast(actor.Administrator) {
		who = p.owner
	}
	x, err := exchange.New(exchange.Options{Client: p.c.Name, Store: p.c.Store, Files: p.c.Files, Feed: p.c.Feed, Work: p.c.Work, Audit: p.c.Audit, Space: p.c.Space, Clock: p.clock})
	must(p.t, err)
	id, err := x.Keep(p.t.Context(), who, p.project(true), "what "+p.c.Name+" knows.csv", strings.NewReader("Title,Who\nA task of "+p.c.Name+",\n"))
	must(p.t, err)
	return id.String()
}

// sendFile sends a form with a file, in the order in which a page has it.
func (b *browser) sendFile(path string, fields [][2]string, name, content string) *answer {
	b.p.t.Helper()
	b.ready()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, one := range append([][2]string{{"csrf", b.token}}, fields...) {
		must(b.p.t, w.WriteField(one[0], one[1]))
	}
	part, err := w.CreateFormFile("file", name)
	must(b.p.t, err)
	_, err = io.WriteString(part, content)
	must(b.p.t, err)
	must(b.p.t, w.Close())
	return b.do(http.MethodPost, path, &body, func(r *http.Request) { r.Header.Set("Content-Type", w.FormDataContentType()) })
}

// TestDataComesOut_DP_7: everything, one table, what is refused, and what the log says of it (AC-5).
func TestDataComesOut_DP_7(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Administrator)
	key := p.task()
	p.attachment()
	if page := b.get("/data").want(200); !strings.Contains(page.body, `action="/data/export"`) || !strings.Contains(page.body, `href="/data" aria-current="page"`) {
		t.Errorf("the page is %s", text(page.body))
	}
	a := b.post("/data/export", url.Values{"format": {"zip"}, "attachments": {"yes"}}).want(200)
	walls(t, a)
	if a.header.Get("Content-Disposition") != `attachment; filename="acme-2026-03-02.zip"; filename*=UTF-8''acme-2026-03-02.zip` {
		t.Errorf("it is called %q", a.header.Get("Content-Disposition"))
	}
	z, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	must(t, err)
	files := map[string]bool{}
	for _, f := range z.File {
		files[f.Name] = true
	}
	if !files["README.txt"] || !files["csv/tasks.csv"] || !files["json/audit_log.json"] || !files["manifest.json"] {
		t.Errorf("it holds %v", files)
	}
	a = b.post("/data/export", url.Values{"format": {"csv"}, "table": {"tasks"}, "project": {strings.Split(key, "-")[0]}}).want(200)
	if rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll(); err != nil || len(rows) != 2 || rows[1][1] != key {
		t.Errorf("%q, %v", rows, err)
	}
	for _, form := range []url.Values{{}, {"format": {"exe"}}, {"format": {"csv"}, "table": {"users"}}, {"format": {"csv"}, "project": {"NONE"}}, {"format": {"csv"}, "table": {"people"}, "project": {strings.Split(key, "-")[0]}}} {
		if a := b.post("/data/export", form).want(422); !strings.Contains(a.body, "There is a problem") {
			t.Errorf("%v: %s", form, text(a.body))
		}
	}
	all := p.entries()
	if all[0].Action != "data.export.end" || all[1].Action != "data.export" || all[1].ActorName != b.visit.Person.Name || all[1].Address != "192.0.2.7" {
		t.Errorf("the log says %v", all[:2])
	}
	// After a while it has to be said again who it is.
	p.mu.Lock()
	p.now = p.now.Add(actor.Fresh + time.Second)
	p.mu.Unlock()
	if a := b.post("/data/export", url.Values{"format": {"csv"}}); a.status != 303 || !strings.HasPrefix(a.location, "/confirm") {
		t.Errorf("an export without a confirmation gave %d to %q", a.status, a.location)
	}
	if len(p.entries()) != len(all) {
		t.Error("it was logged that somebody has to confirm")
	}
}

// TestDataComesIn_DP_7: a file is sent, looked at, corrected and imported.
func TestDataComesIn_DP_7(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Owner)
	key := p.project(true)
	file := "What,Until,State,Tags\r\n<script>pwn(1)</script>,soon,Done,\"bug, fresh\"\r\n=1+1,2026-04-01,To do,\r\n"
	a := b.sendFile("/data/import", [][2]string{{"project", key}}, `..\a"<b>.csv`, file).want(303)
	page := b.follow(a).want(200)
	inert(t, page)
	if shown := text(page.body); !strings.Contains(shown, "Line 2 Until: “soon” is no date") || !strings.Contains(shown, "There is a problem") {
		t.Errorf("the page says %s", shown)
	}
	at := a.location
	form := func(do string, due string) url.Values {
		return url.Values{"do": {do}, "map-0": {"title"}, "map-1": {due}, "map-2": {"status"}, "map-3": {"labels"}}
	}
	if a := b.post(at, form("run", "due")).want(422); !strings.Contains(text(a.body), "Nothing was imported") {
		t.Errorf("%s", text(a.body))
	}
	b.post(at, form("preview", "")).to(at)
	page = b.get(at).want(200)
	if shown := text(page.body); !strings.Contains(shown, "2 tasks will be made") || !strings.Contains(shown, "A new label: fresh.") {
		t.Errorf("the page says %s", shown)
	}
	each(t, page.body, func(n *html.Node) {
		if n.Data == "button" && attr(n, "value") == "run" {
			for _, one := range n.Attr {
				if one.Key == "disabled" {
					t.Error("it cannot be imported")
				}
			}
		}
	})
	a = b.post(at, form("run", "")).to("/projects/" + key + "/list")
	list := b.follow(a).want(200)
	inert(t, list)
	if shown := text(list.body); !strings.Contains(shown, "=1+1") || !strings.Contains(shown, "<script>pwn(1)</script>") {
		t.Errorf("the list says %s", shown)
	}
	b.get(at).want(404)
	if shown := text(b.get("/data").want(200).body); !strings.Contains(shown, "2 tasks into "+key) {
		t.Errorf("the page says %s", shown)
	}
	// Once more: nothing is made.
	a = b.sendFile("/data/import", [][2]string{{"project", key}}, "a.csv", strings.Replace(file, "soon", "", 1)).want(303)
	b.post(a.location, url.Values{"do": {"discard"}}).to("/data")
	b.get(a.location).want(404)
	a = b.sendFile("/data/import", [][2]string{{"project", key}}, "a.csv", file).want(303)
	b.post(a.location, form("preview", "")).want(303)
	if shown := text(b.get(a.location).body); !strings.Contains(shown, "There is nothing to import") || !strings.Contains(shown, "All 2 rows were imported before") {
		t.Errorf("the page says %s", shown)
	}
	// What another sent is not there, and what cannot be read is told at once.
	p.join(actor.Owner).get(a.location).want(404)
	for name, one := range map[string][2]string{"no project": {"", "Title\nx\n"}, "nothing in it": {key, ""}, "too many columns": {key, strings.Repeat(",", 200) + "\n"},
		"too large": {key, "Title\n" + strings.Repeat("x", exchange.MaxBytes)}} {
		if got := b.sendFile("/data/import", [][2]string{{"project", one[0]}}, "a.csv", one[1]); got.status != 422 {
			t.Errorf("%s: %d %s", name, got.status, text(got.body))
		}
	}
	b.sendFile("/data/import", [][2]string{{"project", "NONE"}}, "a.csv", "Title\nx\n").want(404)
	b.post(a.location, url.Values{"do": {"nothing"}}).want(400)
}

// TestTransfersKnowsWhatLasts: the server gives exports and imports the time and the room that they need.
func TestTransfersKnowsWhatLasts(t *testing.T) {
	for _, route := range web.Routes() {
		r, err := http.NewRequestWithContext(t.Context(), route.Method, "https://acme.example.org"+strings.NewReplacer("{key}", "OPS-1", "{id}", "1", "{token}", "x", "{name}", "x", "{$}", "").Replace(route.Pattern), nil)
		must(t, err)
		if web.Transfers(r) != route.Lasts {
			t.Errorf("%s %s: lasts %v", route.Method, route.Pattern, route.Lasts)
		}
	}
}
