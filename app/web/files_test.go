package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/pages"
)

// TestAssetsAreKeptForEver: what a page needs is named by its content, may be kept for ever, and comes again only if it is another.
func TestAssetsAreKeptForEver(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.browser()
	page := b.get("/sign-in").want(200).body
	linked := regexp.MustCompile(`(?:href|src)="(/assets/[^"#]+)`).FindAllStringSubmatch(page, -1)
	if len(linked) < 4 {
		t.Fatalf("the page needs only %v", linked)
	}
	seen := map[string]bool{}
	for _, one := range linked {
		path := one[1]
		if seen[path] {
			continue
		}
		seen[path] = true
		if !regexp.MustCompile(`\.[0-9a-f]{12,}\.|-[0-9a-f]{12,}\.`).MatchString(path) {
			t.Errorf("%s does not name its content", path)
		}
		plain := b.do("GET", path, nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") }).want(200)
		small := b.do("GET", path, nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "br, gzip;q=0.8") }).want(200)
		for _, a := range []*answer{plain, small} {
			if got := a.header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
				t.Errorf("%s: Cache-Control is %q", path, got)
			}
			if a.header.Get("Vary") != "Accept-Encoding" || a.header.Get("ETag") == "" || len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s: %v", path, a.header)
			}
			again := b.do("GET", path, nil, func(r *http.Request) {
				r.Header.Set("Accept-Encoding", map[bool]string{true: "gzip", false: "identity"}[a == small])
				r.Header.Set("If-None-Match", `"another", W/`+a.header.Get("ETag"))
			}).want(http.StatusNotModified)
			if again.body != "" || again.header.Get("ETag") != a.header.Get("ETag") {
				t.Errorf("%s again: %q %v", path, again.body, again.header)
			}
			b.do("GET", path, nil, func(r *http.Request) { r.Header.Set("If-None-Match", `"another"`) }).want(200)
		}
		if small.header.Get("Content-Encoding") == "gzip" {
			if small.header.Get("ETag") == plain.header.Get("ETag") {
				t.Errorf("%s: both forms have one name", path)
			}
			r, err := gzip.NewReader(strings.NewReader(small.body))
			must(t, err)
			content, err := io.ReadAll(r)
			must(t, err)
			if string(content) != plain.body || len(small.body) >= len(plain.body) {
				t.Errorf("%s: the small form is another, or not small", path)
			}
		}
		b.get(strings.Replace(path, ".", ".x", 1)).want(404)
		head := b.do("HEAD", path, nil, nil).want(200)
		if head.body != "" {
			t.Errorf("%s: HEAD has a body", path)
		}
	}
	for name := range pages.Assets() {
		b.get(pages.AssetPrefix + name).want(200)
	}
}

// TestTheLogIsExportedWhole_AC_5_DP_7: as CSV and as JSON, every entry with its chain, as the page's filter says; and the export is itself
// written down.
func TestTheLogIsExportedWhole_AC_5_DP_7(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Administrator)
	b.post("/me/profile", url.Values{"name": {"=HYPERLINK(\"https://evil.example\")"}, "email": {b.visit.Person.Email}, "zone": {"Europe/Paris"}}).want(303)
	p.join(actor.Guest).get("/audit").want(403)
	key := p.task()
	b.post("/tasks/"+key+"/comments", url.Values{"body": {"A word"}}).want(303)
	b.get("/audit").want(200)

	a := b.post("/audit/export", url.Values{"query": {""}, "format": {"json"}}).want(200)
	if kind := a.header.Get("Content-Type"); kind != "application/json" || !regexp.MustCompile(`^attachment; filename="audit-\d{4}-\d\d-\d\d\.json"$`).MatchString(a.header.Get("Content-Disposition")) {
		t.Errorf("it comes as %s, %s", kind, a.header.Get("Content-Disposition"))
	}
	var all []struct {
		Number                                                                                      int64
		At                                                                                          time.Time
		ActorKind, ActorID, Actor, Action, Target, Outcome, Address, Agent, Previous, Hash, GrantID string
		Detail                                                                                      map[string]string
	}
	must(t, json.Unmarshal([]byte(a.body), &all))
	found := map[string]int{}
	for i, e := range all {
		found[e.Action+" "+e.Outcome]++
		if e.Number != int64(i+1) || e.Hash == "" || i > 0 && e.Previous != all[i-1].Hash {
			t.Fatalf("entry %d does not fit the one before it: %+v", i, e)
		}
		if e.At.IsZero() || e.ActorKind == "" {
			t.Errorf("entry %d says too little: %+v", i, e)
		}
	}
	report, err := p.c.Audit.Verify(t.Context())
	must(t, err)
	if len(all) != int(report.Entries) || found["page.refused refused"] != 1 || found["profile.change ok"] != 1 || found["comment.add ok"]+found["comment.create ok"]+found["comment.added ok"] != 1 {
		t.Errorf("%d of %d entries: %v", len(all), report.Entries, found)
	}
	if last := all[len(all)-1]; last.Action != "audit.export" || last.Detail["format"] != "json" || last.Address != "192.0.2.7" || !strings.Contains(last.Agent, "Firefox") {
		t.Errorf("the export is written down as %+v", last)
	}

	a = b.post("/audit/export", url.Values{"query": {""}, "format": {"csv"}}).want(200)
	rows, err := csv.NewReader(bytes.NewBufferString(a.body)).ReadAll()
	must(t, err)
	if len(rows) != len(all)+2 { // its names, and the entry of this export
		t.Errorf("CSV has %d rows, JSON %d entries", len(rows), len(all))
	}
	for i, row := range rows[1:] {
		if row[0] != fmt.Sprint(i+1) || i < len(all) && row[14] != all[i].Hash {
			t.Errorf("row %d is %q", i, row)
		}
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "+") {
				t.Errorf("row %d has what a spreadsheet takes for a formula: %q", i, cell)
			}
		}
	}
	if !strings.Contains(a.body, "'=HYPERLINK") {
		t.Error("the name that looks like a formula is not there")
	}

	a = b.post("/audit/export", url.Values{"query": {"kind=refused"}, "format": {"json"}}).want(200)
	all = nil
	must(t, json.Unmarshal([]byte(a.body), &all))
	if len(all) != 1 || all[0].Action != "page.refused" {
		t.Errorf("refusals alone are %+v", all)
	}
	a = b.post("/audit/export", url.Values{"query": {"kind=no-such-kind"}, "format": {"json"}}).want(200)
	if strings.TrimSpace(a.body) != "[]" {
		t.Errorf("nothing is %q", a.body)
	}
	b.post("/audit/export", url.Values{"query": {""}, "format": {"xml"}}).want(400)
	p.join(actor.Member).post("/audit/export", url.Values{"query": {""}, "format": {"json"}}).want(403)
}

// AV-12: who has many files on the way gets no more of the client's turns; others do, and pages still come.
func TestTransfersOfOnePersonAreFew_AV_12(t *testing.T) {
	p := newPlace(t, "acme")
	b, other := p.join(actor.Member), p.join(actor.Member)
	key := p.task()
	b.upload("/tasks/"+key+"/attachments", "notes.txt", "words", nil).want(303)
	d, err := p.c.Work.Task(t.Context(), p.owner, key)
	must(t, err)
	file := "/attachments/" + d.Files[0].ID.String()
	var end func()
	for err == nil {
		var more func()
		if more, err = p.c.Lasting(b.visit.Actor.ID); err == nil {
			end = more
		}
	}
	if a := b.get(file).want(429); a.header.Get("Retry-After") == "" {
		t.Error("when to come again is not said")
	}
	other.get(file).want(200)
	b.get("/tasks/" + key).want(200)
	end()
	b.get(file).want(200)
	b.get(file).want(200) // what has ended counts no more
}
