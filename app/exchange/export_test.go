package exchange_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

var update = flag.Bool("update", false, "write the golden files anew")

var anID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

var aHash = regexp.MustCompile(`[0-9a-f]{64}`)

// alike takes out of an export what differs from run to run: ids, and the hashes of what holds them.
func alike() func(string) string {
	names := map[string]string{}
	return func(text string) string {
		text = anID.ReplaceAllStringFunc(text, func(id string) string {
			if names[id] == "" {
				names[id] = fmt.Sprintf("id-%d", len(names)+1)
			}
			return names[id]
		})
		return aHash.ReplaceAllString(text, "hash")
	}
}

// A small export is what it was, file by file, on every engine (DP-7).
func TestGoldenExport_DP_7(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		p := newPlace(t, "acme", open(t))
		p.fill(t)
		r, data := p.export(t, exchange.Order{Format: exchange.Zip, Attachments: true})
		if r.Files != 2 || r.Missing != 0 || r.Bytes != int64(len(data)) || r.Rows == 0 {
			t.Errorf("the result is %+v", r)
		}
		all := unpack(t, data)
		var m struct {
			Rows  map[string]int64
			Files []struct {
				Path, SHA256 string
				Bytes        int64
				Rows         *int64
			}
		}
		must(t, json.Unmarshal([]byte(all["manifest.json"]), &m))
		if len(m.Files) != len(all)-1 {
			t.Errorf("the manifest has %d files of %d", len(m.Files), len(all))
		}
		same, golden := alike(), ""
		for _, f := range m.Files {
			text, there := all[f.Path]
			sum := sha256.Sum256([]byte(text))
			if !there || f.Bytes != int64(len(text)) || f.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("%s is not as the manifest has it", f.Path)
			}
			if f.Rows != nil && strings.HasSuffix(f.Path, ".csv") && int64(len(rowsOf(t, text))-1) != *f.Rows {
				t.Errorf("%s has other rows than %d", f.Path, *f.Rows)
			}
			if strings.HasSuffix(f.Path, ".json") {
				var rows []map[string]any
				must(t, json.Unmarshal([]byte(text), &rows))
				if int64(len(rows)) != *f.Rows {
					t.Errorf("%s has other rows than %d", f.Path, *f.Rows)
				}
			}
			golden += "==== " + f.Path + "\n" + same(strings.ReplaceAll(text, "\r\n", "\n"))
		}
		file := filepath.Join("testdata", "golden.txt")
		if *update {
			must(t, os.WriteFile(file, []byte(golden), 0o600))
		}
		want, err := os.ReadFile(file)
		must(t, err)
		if golden != string(want) {
			t.Errorf("the export differs from %s; look at it, and run with -update:\n%s", file, differs(string(want), golden))
		}
		for _, secret := range []string{"$2a$", "a-sealed-secret", strings.Repeat("a1", 32), "ending42", "totp", "password_hash"} {
			for name, text := range all {
				if strings.Contains(text, secret) {
					t.Errorf("%s holds %q", name, secret)
				}
			}
		}
	})
}

func differs(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range g {
		if i >= len(w) || w[i] != g[i] {
			old := ""
			if i < len(w) {
				old = w[i]
			}
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, old, g[i])
		}
	}
	return "it is shorter"
}

// Every row of the client's database is in the export, but for what opens accounts and what the service notes for itself.
func TestEveryTableIsExportedOrNamed_DP_7(t *testing.T) {
	exported := map[string]string{}
	for _, one := range exchange.Tables() {
		exported[one.Name] = one.About
	}
	where := map[string]string{"User": "people", "Team": "teams", "TeamMember": "team_members", "Project": "projects", "ProjectMember": "project_access", "ProjectTeam": "project_access",
		"State": "columns", "Label": "labels", "TaskLabel": "tasks", "Task": "tasks", "ChecklistItem": "checklist", "TaskRelation": "relations", "Comment": "comments", "Mention": "mentions",
		"Attachment": "attachments", "SavedFilter": "filters", "AutomationRule": "rules", "Notification": "notifications", "Activity": "activity", "Setting": "settings", "APIToken": "api_tokens",
		"ProviderGrant": "support_access", "BIGrant": "database_access", "AuditEntry": "audit_log",
		"Session": "", "Link": "", "RecoveryCode": "", "OutgoingMail": "", "Lock": "", "AuditHead": "", "SchemaRevision": "", "DataMigration": ""}
	source, err := filepath.Glob("../ent/schema/*.go")
	must(t, err)
	kind := regexp.MustCompile(`type (\w+) struct\{ ent\.Schema \}`)
	n := 0
	for _, name := range source {
		text, err := os.ReadFile(name)
		must(t, err)
		for _, found := range kind.FindAllStringSubmatch(string(text), -1) {
			n++
			table, known := where[found[1]]
			if !known || table != "" && exported[table] == "" {
				t.Errorf("%s is not exported, and not named as what is left out", found[1])
			}
		}
	}
	if n != len(where) {
		t.Errorf("the schema has %d kinds of rows, the list %d", n, len(where))
	}
}

// Who may not export gets nothing, and the refusal is logged (AC-5).
func TestOnlyWhoMayExports_AC_5(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.fill(t)
	stale, token, reader := p.owner, p.owner, p.owner
	stale.ConfirmedAt = storetest.Now.Add(-time.Hour)
	token.SessionID, token.TokenID, token.ConfirmedAt = uuid.Nil, uuid.New(), time.Time{}
	reader.SessionID, reader.TokenID, reader.Scopes = uuid.Nil, uuid.New(), []actor.Scope{actor.Read, actor.Admin}
	provider := p.admin
	provider.Kind = actor.Provider
	granted := provider
	granted.Grant = &actor.Grant{ID: uuid.New(), Reason: "a question", Ends: storetest.Now.Add(time.Hour)}
	for name, tc := range map[string]struct {
		who    actor.Actor
		reason string
		kind   fault.Kind // Internal: it may
		logged int
	}{
		"nobody":                     {actor.Actor{}, "", fault.Unauthenticated, 0},
		"a visitor":                  {actor.Nobody("192.0.2.1", ""), "", fault.Unauthenticated, 0},
		"a guest":                    {p.gus, "", fault.Forbidden, 1},
		"a member":                   {p.ada, "", fault.Forbidden, 1},
		"an owner, unconfirmed":      {stale, "", fault.Forbidden, 0},
		"a token without the scope":  {reader, "", fault.Forbidden, 1},
		"the provider":               {provider, "", fault.Forbidden, 1},
		"the operator, without why":  {actor.Service("operator"), "", fault.Invalid, 0},
		"a rule":                     {actor.Rule("r", actor.Owner), "", fault.Forbidden, 1},
		"an owner":                   {p.owner, "", 0, 0},
		"an administrator":           {p.admin, "", 0, 0},
		"a token":                    {token, "", 0, 0},
		"the operator":               {actor.Service("operator"), "moving out", 0, 0},
		"the provider under a grant": {granted, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			began, ended := len(p.entries(t, "data.export")), len(p.entries(t, "data.export.end"))
			opened := false
			for _, format := range []exchange.Format{exchange.Zip, exchange.CSV, exchange.JSON} {
				_, err := p.Export(t.Context(), tc.who, exchange.Order{Format: format, Reason: tc.reason}, func(exchange.File) (io.Writer, error) {
					opened = true
					return io.Discard, nil
				})
				if tc.kind == 0 && err != nil || tc.kind != 0 && !fault.Is(err, tc.kind) {
					t.Errorf("%s: %v", format, err)
				}
			}
			now := p.entries(t, "data.export")
			if want := began + 3*tc.logged; tc.kind != 0 && (len(now) != want || opened) {
				t.Errorf("%d entries, want %d; opened: %v", len(now), want, opened)
			}
			if tc.logged > 0 && (now[0].Outcome != "refused" || now[0].ActorName != tc.who.Name || now[0].Address != tc.who.Address) {
				t.Errorf("the refusal is logged as %v", now[0])
			}
			if tc.kind != 0 {
				return
			}
			done := p.entries(t, "data.export.end")
			if len(now) != began+6 || len(done) != ended+3 || done[0].Outcome != "ok" || !strings.Contains(done[0].Detail, `"rows":"`) || strings.Contains(done[0].Detail, `"rows":"0"`) ||
				!strings.Contains(done[0].Detail, `"sha256":"`) || tc.reason != "" && !strings.Contains(done[0].Detail, tc.reason) {
				t.Errorf("the log has %d and %d entries, the last is %v", len(now)-began, len(done)-ended, done[0])
			}
			if tc.who.Grant != nil && (now[0].ActorKind != "provider" || now[0].GrantID == nil) {
				t.Errorf("the provider's export is not marked: %v", now[0])
			}
		})
	}
}

// Nothing of another client is in an export (DP-1).
func TestNothingOfAnotherClient_DP_1(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		acme, blue := newPlace(t, "acme", open(t)), newPlace(t, "blue", open(t))
		acme.fill(t)
		blue.project(t, "SECRET")
		blue.task(t, work.NewTask{Project: "SECRET", Title: "only blue knows"})
		blue.attach(t, "SECRET-1", "blue.txt", "only blue knows\n")
		_, data := acme.export(t, exchange.Order{Format: exchange.Zip, Attachments: true})
		for name, text := range unpack(t, data) {
			if strings.Contains(text, "blue") || strings.Contains(text, "SECRET") || strings.Contains(name, "SECRET") {
				t.Errorf("%s speaks of another client", name)
			}
		}
		if _, err := acme.Export(t.Context(), acme.owner, exchange.Order{Format: exchange.CSV, Project: "SECRET"}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("a project of another client: %v", err)
		}
		// What one client keeps to import is not there at the other, even for somebody with the same id.
		id, err := blue.Keep(t.Context(), blue.ada, "SECRET", "x.csv", strings.NewReader("Title\nx\n"))
		must(t, err)
		if _, _, err := acme.LookAt(t.Context(), blue.ada, id, nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("a kept file of another client: %v", err)
		}
	})
}

// hooked does something when so many bytes were written.
type hooked struct {
	io.Writer
	n, at int
	do    func()
}

func (h *hooked) Write(p []byte) (int, error) {
	h.n += len(p)
	if h.do != nil && h.n > h.at {
		h.do()
		h.do = nil
	}
	return h.Writer.Write(p)
}

// What is changed while an export is made is not in it: it is of one moment. Neither does anybody wait for it.
func TestAnExportIsOfOneMoment_DP_7(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		p := newPlace(t, "acme", open(t))
		p.fill(t)
		ctx := t.Context()
		var out bytes.Buffer
		_, err := p.Export(ctx, p.owner, exchange.Order{Format: exchange.JSON}, func(exchange.File) (io.Writer, error) {
			return &hooked{Writer: &out, do: func() {
				p.task(t, work.NewTask{Project: "OPS", Title: "too late"})
				_, err := p.work.AddComment(ctx, p.ada, "OPS-2", "too late")
				must(t, err)
				must(t, p.work.DeleteTask(ctx, p.ada, "OPS-1"))
				must(t, p.store.Client().User.UpdateOneID(p.ada.ID).SetStatus("disabled").SetName("Nobody Any More").Exec(ctx)) // a person removed in the middle
			}}, nil
		})
		must(t, err)
		text := out.String()
		if strings.Contains(text, "too late") || strings.Contains(text, "Nobody Any More") || !strings.Contains(text, `"title":"Mend the lift"`) || !strings.Contains(text, `"complete":true`) {
			t.Error("the export is of more than one moment")
		}
		var whole map[string]json.RawMessage
		must(t, json.Unmarshal(out.Bytes(), &whole))
		if len(whole) != len(exchange.Tables())+4 {
			t.Errorf("the document has %d parts", len(whole))
		}
	})
}

// An export ends when nobody waits for it any more, when whoever ordered it may have it no more, and when the place it goes to fails; the
// log says so, and the next can begin at once.
func TestAnExportEndsEarly_AC_5(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.many(t, p.project(t, "OPS"), 3000)
	full := errors.New("the disk is full")
	for name, tc := range map[string]struct {
		failure string
		start   func(ctx context.Context, stop func(), o *exchange.Order) io.Writer
		want    error
	}{
		"nobody waits": {"broken off", func(_ context.Context, stop func(), _ *exchange.Order) io.Writer {
			return &hooked{Writer: io.Discard, do: stop}
		}, context.Canceled},
		"the place fails": {"internal", func(context.Context, func(), *exchange.Order) io.Writer { return failing{full} }, full},
		"rights are gone": {"forbidden", func(_ context.Context, _ func(), o *exchange.Order) io.Writer {
			o.Still = func(context.Context) error { return fault.Refused("the session has ended") }
			return &hooked{Writer: io.Discard, do: func() { p.later(time.Minute) }}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			p.owner.ConfirmedAt = p.clock()
			o := exchange.Order{Format: exchange.Zip}
			to := tc.start(ctx, stop, &o)
			_, err := p.Export(ctx, p.owner, o, func(exchange.File) (io.Writer, error) { return to, nil })
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) || tc.want == nil && !fault.Is(err, fault.Forbidden) {
				t.Errorf("it ended with %v", err)
			}
			if e := p.entries(t, "data.export.end")[0]; e.Outcome != "failed" || !strings.Contains(e.Detail, `"failure":"`+tc.failure) {
				t.Errorf("the log says %v", e)
			}
		})
	}
	p.owner.ConfirmedAt = p.clock()
	p.export(t, exchange.Order{Format: exchange.CSV})
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// One export of a client is made at a time.
func TestOneExportAtATime(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.fill(t)
	inside := false
	_, err := p.Export(t.Context(), p.owner, exchange.Order{Format: exchange.CSV}, func(exchange.File) (io.Writer, error) {
		_, err := p.Export(t.Context(), p.admin, exchange.Order{Format: exchange.CSV}, nil)
		inside = fault.Is(err, fault.Conflict)
		return io.Discard, nil
	})
	if err != nil || !inside {
		t.Errorf("%v, refused: %v", err, inside)
	}
	// It is kept as long as the export goes on, and lost by one that stood still for too long.
	p.export(t, exchange.Order{Format: exchange.JSON})
	for name, tc := range map[string]struct {
		pause time.Duration
		other bool
		kind  fault.Kind
	}{"it goes on": {time.Minute, false, 0}, "it stood still": {3 * time.Minute, false, 0}, "another began": {3 * time.Minute, true, fault.Conflict}} {
		p.owner.ConfirmedAt = p.clock()
		_, err := p.Export(t.Context(), p.owner, exchange.Order{Format: exchange.JSON}, func(exchange.File) (io.Writer, error) {
			return &hooked{Writer: io.Discard, do: func() {
				p.later(tc.pause)
				if tc.other {
					taken, err := p.store.Take(t.Context(), "exchange.export", "another", p.clock(), time.Second)
					if err != nil || !taken {
						t.Errorf("%v, %v", taken, err)
					}
				}
			}}, nil
		})
		if tc.kind == 0 && err != nil || tc.kind != 0 && !fault.Is(err, tc.kind) {
			t.Errorf("%s: %v", name, err)
		}
		p.later(time.Minute)
	}
}

// An attachment whose content is lost does not cost the rest of the export; a storage that is away does.
func TestLostContentIsNamed(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.fill(t)
	n := 0
	p.files.fail = func(string) error {
		if n++; n == 1 {
			return fault.Missing("file")
		}
		return nil
	}
	r, data := p.export(t, exchange.Order{Format: exchange.Zip, Attachments: true})
	all := unpack(t, data)
	if r.Missing != 1 || r.Files != 1 || !strings.Contains(all["manifest.json"], `"path": "attachments/OPS-1/notes.txt"`) || all["attachments/OPS-1/Notes (2).txt"] != "second\n" {
		t.Errorf("%+v: %s", r, all["manifest.json"])
	}
	p.files.fail = func(string) error { return fault.Away("the storage", io.ErrUnexpectedEOF) }
	if _, err := p.Export(t.Context(), p.owner, exchange.Order{Format: exchange.Zip, Attachments: true}, func(exchange.File) (io.Writer, error) { return io.Discard, nil }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a storage that is away: %v", err)
	}
}

// One table, of one project or of all.
func TestOneTable(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.fill(t)
	p.project(t, "WEB")
	p.task(t, work.NewTask{Project: "WEB", Title: "A page"})
	r, data := p.export(t, exchange.Order{Format: exchange.CSV, Project: "WEB"})
	if rows := rowsOf(t, string(data)); len(rows) != 2 || r.File != "acme-tasks-WEB-2026-03-02.csv" || !slices.Contains(rows[1], "A page") {
		t.Errorf("%+v: %q", r, rows)
	}
	_, data = p.export(t, exchange.Order{Format: exchange.JSON, Table: "tasks"})
	var rows []map[string]any
	must(t, json.Unmarshal(data, &rows))
	if len(rows) != 4 {
		t.Errorf("%d tasks", len(rows))
	}
	for _, one := range exchange.Tables() {
		for _, format := range []exchange.Format{exchange.CSV, exchange.JSON} {
			p.export(t, exchange.Order{Format: format, Table: one.Name})
			if one.OfProject {
				r, data := p.export(t, exchange.Order{Format: format, Table: one.Name, Project: "WEB"})
				if strings.Contains(string(data), "OPS") {
					t.Errorf("%s of WEB speaks of OPS: %s", r.File, data)
				}
			}
		}
	}
	for name, o := range map[string]exchange.Order{
		"no format": {}, "another format": {Format: "exe"}, "no such table": {Format: exchange.CSV, Table: "users"}, "no such project": {Format: exchange.CSV, Project: "NONE"},
		"not of projects": {Format: exchange.CSV, Table: "people", Project: "OPS"}, "part of a zip": {Format: exchange.Zip, Table: "tasks"}, "zip of a project": {Format: exchange.Zip, Project: "OPS"},
	} {
		if _, err := p.Export(t.Context(), p.owner, o, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
