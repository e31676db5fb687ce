package exchange_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

// place is one client with people of every role.
type place struct {
	*exchange.Exchange
	work  *work.Work
	store *store.Store
	files *gone
	audit *audit.Log
	feed  feed.Feed
	space *space.Space
	mu    sync.Mutex
	now   time.Time

	owner, admin, ada, gus actor.Actor // a member, a guest
}

// gone is a storage that has lost what it is told to.
type gone struct {
	files.Store
	fail func(key string) error
}

func (g *gone) Open(ctx context.Context, key string) (files.File, error) {
	if g.fail != nil {
		if err := g.fail(key); err != nil {
			return nil, err
		}
	}
	return g.Store.Open(ctx, key)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newPlace(t testing.TB, name string, s *store.Store) *place {
	t.Helper()
	p := &place{store: s, now: storetest.Now, audit: audit.New(s), feed: feed.NewRelational(s)}
	disk, err := files.NewDisk(t.TempDir(), name, storetest.Now)
	must(t, err)
	t.Cleanup(func() { _ = disk.Close() })
	p.files = &gone{Store: disk}
	sandbox, err := expression.New()
	must(t, err)
	p.space, err = space.New(space.NewMemory(space.MemoryOptions{Clock: p.clock}), name)
	must(t, err)
	p.work, err = work.New(work.Options{Store: s, Files: p.files, Feed: p.feed, Conditions: sandbox, Markdown: markdown.New(), Clock: p.clock})
	must(t, err)
	p.Exchange, err = exchange.New(exchange.Options{Client: name, Store: s, Files: p.files, Feed: p.feed, Work: p.work, Audit: p.audit, Space: p.space, Clock: p.clock})
	must(t, err)
	p.owner, p.admin = p.person(t, "Olga Owner", actor.Owner), p.person(t, "Anna Admin", actor.Administrator)
	p.ada, p.gus = p.person(t, "Ada Lovelace", actor.Member), p.person(t, "Gus Guest", actor.Guest)
	return p
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

func (p *place) person(t testing.TB, name string, role actor.Role) actor.Actor {
	t.Helper()
	row := p.store.Client().User.Create().SetEmail(work.Handle(name) + "@example.org").SetName(name).SetRole(user.Role(role)).SetStatus("active").
		SetPasswordHash("$2a$04$abcdefghijklmnopqrstuuJ9w5vv2rLRpXzQrBRRVNkJSjRZgRz1G").SetPreviousHashes([]string{"$2a$04$previous"}).SetTotpSecret([]byte("a-sealed-secret")).
		SetCreatedAt(storetest.Now).SetUpdatedAt(storetest.Now).SaveX(context.Background())
	return actor.Actor{ID: row.ID, Name: name, Role: role, Kind: actor.Person, Scopes: actor.Scopes(), Address: "192.0.2.7", Agent: "Firefox", SessionID: uuid.New(),
		ConfirmedAt: storetest.Now}
}

func (p *place) project(t testing.TB, key string) work.Choices {
	t.Helper()
	_, err := p.work.CreateProject(t.Context(), p.ada, work.ProjectEdit{Key: key, Name: "Project " + key, Everyone: true, Labels: []work.LabelEdit{{Name: "bug", Hue: 1}, {Name: "ideas, wild", Hue: 5}}})
	must(t, err)
	c, err := p.work.Choices(t.Context(), p.ada, key)
	must(t, err)
	return c
}

func (p *place) task(t testing.TB, n work.NewTask) string {
	t.Helper()
	ref, err := p.work.CreateTask(t.Context(), p.ada, n)
	must(t, err)
	return ref.Key
}

func (p *place) attach(t testing.TB, key, name, content string) {
	t.Helper()
	up, err := files.Receive(t.Context(), strings.NewReader(content), 1<<20, t.TempDir())
	must(t, err)
	defer func() { _ = up.Close() }()
	_, err = p.work.Attach(t.Context(), p.ada, key, name, "text/plain", up)
	must(t, err)
}

// fill makes a small client with one of everything.
func (p *place) fill(t testing.TB) {
	t.Helper()
	ctx, db := t.Context(), p.store.Client()
	c := p.project(t, "OPS")
	p.task(t, work.NewTask{Project: "OPS", Title: "Mend the lift", Description: "It *squeaks*, \"badly\".\nAsk @ada.lovelace", Priority: work.PriorityHigh, Assignee: p.admin.ID,
		Due: "2026-03-31", Labels: []uuid.UUID{c.Labels[0].ID, c.Labels[1].ID}, Status: c.Columns[1].ID})
	p.task(t, work.NewTask{Project: "OPS", Title: "=HYPERLINK(\"http://evil.example\")", Description: "+1\r\nand more; of it"})
	p.task(t, work.NewTask{Project: "OPS", Title: "'=already", Status: c.Columns[2].ID})
	for _, text := range []string{"Order paper", "-call"} {
		id, err := p.work.AddStep(ctx, p.ada, "OPS-1", text)
		must(t, err)
		if text == "-call" {
			must(t, p.work.ChangeStep(ctx, p.ada, "OPS-1", id, work.StepDone))
		}
	}
	_, err := p.work.Relate(ctx, p.ada, "OPS-1", work.Blocks, "OPS-2")
	must(t, err)
	_, err = p.work.AddComment(ctx, p.ada, "OPS-1", "@olga.owner look:\n\n<script>alert(1)</script>")
	must(t, err)
	gone, err := p.work.AddComment(ctx, p.ada, "OPS-1", "a word too much")
	must(t, err)
	_, err = p.work.DeleteComment(ctx, p.ada, gone)
	must(t, err)
	p.attach(t, "OPS-1", "../notes.txt", "first\n")
	p.attach(t, "OPS-1", "Notes.txt", "second\n")
	_, err = p.work.SaveFilter(ctx, p.ada, "Mine", "assignee=me", "", true)
	must(t, err)
	_, err = p.work.SaveRule(ctx, p.ada, work.Rule{Project: "OPS", Name: "Hurry", When: "task.moved", If: "task.priority == 'high'", Then: []work.Action{{Do: work.DoPriority, Value: "urgent"}}, Enabled: true})
	must(t, err)
	team := db.Team.Create().SetName("Crew").SetDescription("@home").SetCreatedAt(p.clock()).SetUpdatedAt(p.clock()).SaveX(ctx)
	db.TeamMember.Create().SetTeamID(team.ID).SetUserID(p.ada.ID).SetCreatedAt(p.clock()).ExecX(ctx)
	db.Setting.Create().SetID("client.general").SetValue(json.RawMessage(`{"name": "Acme", "accent": "lagoon"}`)).SetUpdatedAt(p.clock()).SetUpdatedBy(p.owner.ID).ExecX(ctx)
	db.APIToken.Create().SetUserID(p.ada.ID).SetName("Nightly").SetHash(strings.Repeat("a1", 32)).SetEnding("ending42").SetScopes([]string{"read"}).SetCreatedAt(p.clock()).
		SetExpiresAt(p.clock().AddDate(0, 1, 0)).ExecX(ctx)
	db.ProviderGrant.Create().SetGrantedBy(p.owner.ID).SetGrantedByName("Olga Owner").SetReason("a question").SetCreatedAt(p.clock()).SetStartsAt(p.clock()).SetEndsAt(p.clock().Add(time.Hour)).ExecX(ctx)
	db.BIGrant.Create().SetRole("bi_acme_1").SetAddresses([]string{"192.0.2.0/24"}).SetReason("figures").SetCreatedAt(p.clock()).SetExpiresAt(p.clock().AddDate(0, 1, 0)).ExecX(ctx)
}

// export gives what was exported, in memory.
func (p *place) export(t testing.TB, o exchange.Order) (exchange.Result, []byte) {
	t.Helper()
	var out bytes.Buffer
	r, err := p.Export(t.Context(), p.owner, o, func(exchange.File) (io.Writer, error) { return &out, nil })
	must(t, err)
	return r, out.Bytes()
}

// unpack gives the files of an archive by their names.
func unpack(t testing.TB, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		if _, twice := all[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		all[f.Name] = string(text)
	}
	return all
}

func rowsOf(t testing.TB, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	must(t, err)
	return rows
}

// entries are those of the audit log that begin so, the newest first.
func (p *place) entries(t testing.TB, action string) []*ent.AuditEntry {
	t.Helper()
	all, _, err := p.audit.Page(t.Context(), audit.Filter{Action: action, Limit: 200})
	must(t, err)
	return all
}

// many makes tasks in bulk, as fast as the engine takes them.
func (p *place) many(t testing.TB, c work.Choices, n int) {
	t.Helper()
	for from := 0; from < n; from += 500 {
		must(t, p.store.Tx(t.Context(), func(tx *ent.Tx) error {
			var rows []*ent.TaskCreate
			for i := from; i < min(from+500, n); i++ {
				rows = append(rows, tx.Task.Create().SetProjectID(c.Project.ID).SetNumber(i+1).SetTitle("A task").SetDescription(strings.Repeat("Words of it. ", 20)).
					SetStateID(c.Columns[0].ID).SetPriority(schema.PriorityLow).SetReporterID(p.ada.ID).SetPosition(int64(i)).SetCreatedAt(p.clock()).SetUpdatedAt(p.clock()))
			}
			return tx.Task.CreateBulk(rows...).Exec(t.Context())
		}))
	}
}
