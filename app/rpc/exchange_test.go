package rpc_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/rpc"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/rpc/gen/taskflow/v1/taskflowv1connect"
	"github.com/berth-iac/berth/app/work"
)

const (
	exportMethod = "/taskflow.v1.ExportService/Export"
	importMethod = "/taskflow.v1.ImportService/ImportTasks"
)

// listed is what the manifest of an archive says of its files.
type listed struct {
	Client, By string
	Rows       map[string]int64
	Files      []packed
	Missing    []any
}

type packed struct {
	Path, SHA256 string
	Bytes        int64
}

func manifestOf(t testing.TB, data []byte) listed {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	for _, f := range archive.File { // reading to the end holds each against its checksum
		r, err := f.Open()
		must(t, err)
		_, err = io.Copy(io.Discard, r)
		must(t, err)
	}
	text, err := archive.Open("manifest.json")
	must(t, err)
	var m listed
	must(t, json.NewDecoder(text).Decode(&m))
	return m
}

// TestAnExportByToken_DP_7: what comes over a real connection, in both encodings, is what exchange itself gives, in pieces of bounded size, and
// is logged as it logs it.
func TestAnExportByToken_DP_7(t *testing.T) {
	p := newPlace(t, "acme")
	large := strings.Repeat("0123456789abcdef\n", 60_000)
	_, err := p.c.Work.Attach(t.Context(), p.owner.who(), p.newTask(), "large.txt", "text/plain", upload(t, large))
	must(t, err)
	program := p.join(actor.Administrator).with(actor.Export)
	x, err := exchange.New(exchange.Options{Client: p.c.Name, Store: p.c.Store, Files: p.c.Files, Feed: p.c.Feed, Work: p.c.Work, Audit: p.c.Audit, Space: p.c.Space, Clock: p.c.Now})
	must(t, err)
	var direct bytes.Buffer
	_, err = x.Export(t.Context(), operator, exchange.Order{Format: exchange.Zip, Attachments: true, Reason: "to compare"}, func(exchange.File) (io.Writer, error) { return &direct, nil })
	must(t, err)
	want := manifestOf(t, direct.Bytes())

	s := p.serve()
	for name, encoding := range map[string]connect.ClientOption{"protobuf": connect.WithOptions(), "JSON": connect.WithProtoJSON()} {
		t.Run(name, func(t *testing.T) {
			exports := taskflowv1connect.NewExportServiceClient(&http.Client{Transport: carrier{program.token, s.Client().Transport}}, s.URL+rpc.Prefix, encoding)
			data := received(t, exports, &taskflowv1.ExportRequest{Format: "zip", Reason: "a copy elsewhere"}, "acme-"+p.clock().Format(time.DateOnly)+".zip", "application/zip")
			got := manifestOf(t, data)
			if got.Client != "acme" || got.By != program.who().Name || len(got.Missing) != 0 || len(got.Files) != len(want.Files) || len(got.Files) == 0 {
				t.Fatalf("the manifest is %v", got)
			}
			for i, f := range got.Files {
				// Its own exports are in the log, and that the token was used is with the tokens.
				if changes := strings.Contains(f.Path, "audit") || strings.Contains(f.Path, "token"); f.Path != want.Files[i].Path || !changes && f != want.Files[i] {
					t.Errorf("%v is in the export, want %v", f, want.Files[i])
				}
			}
			if !slices.ContainsFunc(got.Files, func(f packed) bool { return strings.HasSuffix(f.Path, "/large.txt") && f.Bytes == int64(len(large)) }) {
				t.Error("the attachment is not in it")
			}
			less := manifestOf(t, received(t, exports, &taskflowv1.ExportRequest{Format: "zip", WithoutAttachments: true}, "", ""))
			if len(less.Files) != len(got.Files)-1 {
				t.Errorf("without attachments it has %d files of %d", len(less.Files), len(got.Files))
			}
			var document map[string]any
			must(t, json.Unmarshal(received(t, exports, &taskflowv1.ExportRequest{Format: "json"}, "", "application/json"), &document))
			if document["complete"] != true {
				t.Error("the document is not complete")
			}
		})
	}
	last := map[string]string{}
	for _, e := range p.entries() {
		if e.ActorName == program.who().Name && strings.Contains(e.Detail, "a copy elsewhere") {
			last[e.Action] = string(e.Outcome)
			if e.ActorKind != audit.Token || e.Address != "192.0.2.7" {
				t.Errorf("an export is logged as %v", e)
			}
		}
	}
	if last["data.export"] != string(audit.OK) || last["data.export.end"] != string(audit.OK) {
		t.Errorf("logged is %v", last)
	}
}

// received is an export as it came.
func received(t *testing.T, from taskflowv1connect.ExportServiceClient, q *taskflowv1.ExportRequest, name, kind string) []byte {
	t.Helper()
	down, err := from.Export(t.Context(), q)
	must(t, err)
	var all bytes.Buffer
	for i := 0; down.Receive(); i++ {
		about, piece := down.Msg().GetFile(), down.Msg().GetData()
		if (i == 0) != (about != nil) || i == 0 && (name != "" && about.GetName() != name || kind != "" && about.GetType() != kind) || len(piece) > 256<<10 {
			t.Errorf("message %d is about %v with %d bytes", i, about, len(piece))
		}
		all.Write(piece)
	}
	must(t, down.Err())
	must(t, down.Close())
	return all.Bytes()
}

// TestExportsAreRefused (AC-5): whoever lacks the scope or the role gets nothing and is logged; what is wrong is told by its field.
func TestExportsAreRefused(t *testing.T) {
	p := newPlace(t, "acme")
	p.newTask()
	was := p.join(actor.Administrator).with(actor.Export)
	must(t, p.c.Accounts.ChangeRole(t.Context(), operator, was.who().ID, actor.Member))
	rest := p.owner.with(actor.Read, actor.Write, actor.Admin)
	people := map[string]*program{"no scope": rest, "a member": p.join(actor.Member), "a guest": p.join(actor.Guest), "an administrator who is one no more": was}
	before := p.changes()
	for who, b := range people {
		refusals := p.refusals()
		a := b.stream(exportMethod, `{"format":"zip"}`).want("permission_denied").hides("A task of acme")
		if len(a.frames()) != 1 {
			t.Errorf("%s got %d messages", who, len(a.frames()))
		}
		if p.refusals() != refusals+1 {
			t.Errorf("that %s was refused is not logged once", who)
		}
	}
	for body, field := range map[string]string{
		`{}`: "format", `{"format":"tar"}`: "format", `{"format":"ZIP"}`: "format", `{"format":"zip","table":"tasks"}`: "format", `{"format":"csv","table":"users; --"}`: "table",
		`{"format":"csv","projectKey":"NOPE"}`: "project_key", `{"format":"csv","table":"teams","projectKey":"NOPE"}`: "project_key", `{"format":"csv","projectKey":"a\u0000"}`: "project_key",
		`{"format":"zip","reason":"a\u0000"}`: "reason", `{"format":"zip","reason":"` + strings.Repeat("é", 501) + `"}`: "reason",
	} {
		a := p.owner.stream(exportMethod, body).want("invalid_argument")
		if !strings.Contains(string(a.body), `"field":"`+field) || len(a.frames()) != 1 {
			t.Errorf("%.60s is told as %.600s", body, a.body)
		}
	}
	if p.changes() != before {
		t.Error("the log has an export, though none was made")
	}
	p.owner.stream(exportMethod, `{"format":"csv"}`, `{"format":"csv"}`).want("unimplemented")
	p.owner.stream(exportMethod, `{"format":"csv","reason":"`+strings.Repeat("é", 500)+`"}`).want("ok")
}

// refusals counts the refusals of exports in the log.
func (p *place) refusals() int {
	n := 0
	for _, e := range p.entries() {
		if e.Outcome == audit.Refused && e.Target == "call "+exportMethod {
			n++
		}
	}
	return n
}

// meddled is where an answer goes; something happens when the first whole piece of an export comes.
type meddled struct {
	*httptest.ResponseRecorder
	do func() error
}

// Write is http.ResponseWriter's.
func (m *meddled) Write(data []byte) (int, error) {
	if do := m.do; do != nil && len(data) > 200<<10 {
		m.do = nil
		if err := do(); err != nil {
			return 0, err
		}
	}
	return m.ResponseRecorder.Write(data)
}

// TestAnExportEndsEarly (AC-5): whoever goes away, or loses the right to it on the way, gets no whole export; the log says so, and the next can
// be made at once.
func TestAnExportEndsEarly(t *testing.T) {
	p := newPlace(t, "acme")
	for range 3 { // each more than a piece, however well it is compressed
		noise := make([]byte, 400<<10)
		_, _ = rand.Read(noise)
		_, err := p.c.Work.Attach(t.Context(), p.owner.who(), p.newTask(), "noise.txt", "text/plain", upload(t, hex.EncodeToString(noise)))
		must(t, err)
	}
	gone := errors.New("the connection was closed")
	for name, tc := range map[string]struct {
		do   func(b *program, cancel func()) error
		code string
	}{
		"nobody waits":        {func(_ *program, cancel func()) error { cancel(); return nil }, "canceled"},
		"the connection ends": {func(*program, func()) error { return gone }, ""},
		"the token is revoked": {func(b *program, _ func()) error {
			tokens, err := p.c.Accounts.Tokens(t.Context(), b.visit)
			must(t, err)
			for _, one := range tokens {
				must(t, p.c.Accounts.RevokeToken(t.Context(), b.visit, one.ID))
			}
			p.later(10 * time.Second)
			return nil
		}, "unauthenticated"},
		"the role is another": {func(b *program, _ func()) error {
			must(t, p.c.Accounts.ChangeRole(t.Context(), operator, b.who().ID, actor.Member))
			p.later(10 * time.Second)
			return nil
		}, "permission_denied"},
		"another is asked for": {func(*program, func()) error {
			p.owner.stream(exportMethod, `{"format":"csv"}`).want("aborted")
			return nil
		}, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			b := p.join(actor.Administrator)
			b = b.with(actor.Export)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := b.request(exportMethod, frame(`{"format":"zip"}`)).WithContext(ctx)
			r.Header.Set("Content-Type", "application/connect+json")
			w := &meddled{ResponseRecorder: httptest.NewRecorder(), do: func() error { return tc.do(b, cancel) }}
			p.handler.ServeHTTP(w, r)
			a := &answer{t, exportMethod, w.Code, w.Header(), w.Body.Bytes()}
			if tc.code != "" {
				a.want(tc.code)
			}
			var end string
			for _, e := range p.entries() {
				if e.Action == "data.export.end" && e.ActorName == b.who().Name {
					end = string(e.Outcome)
				}
			}
			if want := map[bool]string{true: string(audit.OK), false: string(audit.Failed)}[tc.code == "ok"]; end != want {
				t.Errorf("the log says %q, want %q", end, want)
			}
			p.owner.stream(exportMethod, `{"format":"csv"}`).want("ok")
		})
	}
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("none of it is a failure of the service's own: %.2000s", p.logged.String())
	}
}

// TestNothingOfAnotherClientIsExported_DP_1: an export has its own client's words, and none of another's.
func TestNothingOfAnotherClientIsExported_DP_1(t *testing.T) {
	acme, blue := newPlace(t, "acme"), newPlace(t, "blue")
	acme.newTask()
	blue.newTask()
	s := blue.serve()
	exports := taskflowv1connect.NewExportServiceClient(&http.Client{Transport: carrier{blue.owner.token, s.Client().Transport}}, s.URL+rpc.Prefix)
	text := string(received(t, exports, &taskflowv1.ExportRequest{Format: "json"}, "", ""))
	if !strings.Contains(text, "A task of blue") || strings.Contains(text, "acme") || strings.Contains(text, acme.owner.who().Name) {
		t.Errorf("blue's export is %.2000s", text)
	}
}

// TestExportsMayLast: the server gives them the time of a download, and nothing else that looks like them.
func TestExportsMayLast(t *testing.T) {
	for path, want := range map[string]bool{rpc.Prefix + exportMethod: true, exportMethod: false, rpc.Prefix + importMethod: false, rpc.Prefix + exportMethod + "/": false,
		rpc.Prefix + rpc.Prefix + exportMethod: false, rpc.Prefix + "/taskflow.v1.AttachmentService/UploadAttachment": true} {
		for method, right := range map[string]bool{http.MethodPost: true, http.MethodGet: false} {
			if got := rpc.Transfers(httptest.NewRequestWithContext(t.Context(), method, path, nil)); got != (want && right) {
				t.Errorf("%s %s may last: %t", method, path, got)
			}
		}
	}
}

// TestAnImportByToken_DP_7: looked at first, then made, and not made twice; what is wrong is told by line and column, and nothing is made of it.
func TestAnImportByToken_DP_7(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Administrator)
	b = b.with(actor.Read, actor.Write)
	key := p.project()
	of := func(file string, dry bool) string {
		return jsonOf(t, map[string]any{"projectKey": key, "name": "tasks.csv", "data": []byte(file), "dryRun": dry})
	}
	tasks := func() int {
		page, err := p.c.Work.List(t.Context(), p.owner.who(), work.Query{Project: key})
		must(t, err)
		return len(page.Tasks)
	}
	const good = "Title,Priority,Labels\nMend the lift,high,house\nPaint the hall,low,house\n"
	before := p.changes()
	a := b.call(importMethod, of(good, true)).want("ok")
	if a.value("rows") != 2.0 || a.value("tasks") != 2.0 || a.value("labels") != 1.0 || a.value("problems") != nil || tasks() != 0 || p.changes() != before {
		t.Errorf("looked at, it is %s", a.body)
	}
	a = b.call(importMethod, of(good, false)).want("ok")
	if a.value("tasks") != 2.0 || a.text("firstKey") != key+"-1" || a.text("lastKey") != key+"-2" || tasks() != 2 {
		t.Errorf("imported, it is %s", a.body)
	}
	a = b.call(importMethod, of(good, false)).want("ok")
	if a.value("there") != 2.0 || a.value("tasks") != nil || tasks() != 2 {
		t.Errorf("imported again, it is %s", a.body)
	}
	if !slices.ContainsFunc(p.entries(), func(e *ent.AuditEntry) bool { return e.Action == "data.import" && e.ActorKind == audit.Token }) {
		t.Error("an import is not logged")
	}

	bad := "Title,Priority\nFine,\n,so-so\n" + strings.Repeat("x,so-so\n", 30)
	a = b.call(importMethod, of(bad, true)).want("ok")
	if a.value("problems", 0, "line") != 3.0 || a.text("problems", 0, "column") != "Title" || a.text("problems", 0, "message") == "" || a.value("problems", 31, "line") != 33.0 {
		t.Errorf("what is wrong is told as %s", a.body)
	}
	a = b.call(importMethod, of(bad, false)).want("invalid_argument")
	problems, _ := a.value("details", 0, "debug", "problems").([]any)
	if text := a.text("message"); !strings.Contains(text, "line 3, Title") || !strings.Contains(text, "12 more problems") || len(problems) != 21 || a.text("details", 0, "debug", "problems", 0, "field") != "data" || tasks() != 2 {
		t.Errorf("what is wrong is told as %s", a.body)
	}
	a = b.call(importMethod, of("", false)).want("invalid_argument")
	if a.text("details", 0, "debug", "problems", 0, "field") != "data" {
		t.Errorf("an empty file is told as %s", a.body)
	}
	b.call(importMethod, of("Title\n"+strings.Repeat("x\n", 1<<20), false)).want("resource_exhausted")
	p.owner.with(actor.Read).call(importMethod, of(good, true)).want("permission_denied")
	insider := p.join(actor.Guest)
	key = p.projectOf(false, insider)
	insider.call(importMethod, of(good, false)).want("permission_denied")
	p.join(actor.Member).call(importMethod, of(good, true)).want("not_found")
	if tasks() != 0 {
		t.Error("something was imported without a right")
	}
}

// AV-12: streams of one person are few; others', and calls, go on.
func TestStreamsOfOnePersonAreFew_AV_12(t *testing.T) {
	p := newPlace(t, "acme")
	const stream = "/taskflow.v1.AttachmentService/DownloadAttachment"
	var end func()
	for err := error(nil); err == nil; {
		var more func()
		if more, err = p.c.Lasting(p.owner.visit.Actor.ID); err == nil {
			end = more
		}
	}
	p.owner.stream(stream, `{"id":"x"}`).want("resource_exhausted")
	p.owner.call("/taskflow.v1.AccountService/GetAccount", `{}`).want("ok")
	end()
	if code := p.owner.stream(stream, `{"id":"x"}`).code(); code == "resource_exhausted" {
		t.Error("what has ended still counts")
	}
}
