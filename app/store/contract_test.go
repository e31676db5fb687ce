package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/session"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

var now = storetest.Now

// world is the least that a task needs.
type world struct {
	user    *ent.User
	project *ent.Project
	todo    *ent.State
}

func person(t *testing.T, c *ent.Client, email string) *ent.User {
	t.Helper()
	return c.User.Create().SetEmail(email).SetName("Ada").SetRole(user.RoleOwner).SetStatus(user.StatusActive).
		SetCreatedAt(now).SetUpdatedAt(now).SaveX(t.Context())
}

func makeWorld(t *testing.T, s *store.Store) world {
	t.Helper()
	c := s.Client()
	w := world{user: person(t, c, "ada@example.com")}
	w.project = c.Project.Create().SetKey("OPS").SetName("Operations").SetCreatedAt(now).SetUpdatedAt(now).SaveX(t.Context())
	w.todo = c.State.Create().SetProject(w.project).SetName("To do").SetKind(state.KindTodo).SetPosition(0).SaveX(t.Context())
	return w
}

func (w world) task(c *ent.TaskClient, number int) *ent.TaskCreate {
	return c.Create().SetProjectID(w.project.ID).SetStateID(w.todo.ID).SetReporterID(w.user.ID).SetNumber(number).
		SetTitle(fmt.Sprintf("Task %d", number)).SetCreatedAt(now).SetUpdatedAt(now)
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if got := fault.KindOf(err); err == nil || got != kind {
		t.Fatalf("error is %v (%s); want %s", err, got, kind)
	}
}

func TestContract(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		for name, test := range map[string]func(*testing.T, *store.Store){
			"WhatIsNotThereIsMissing":          missing,
			"WhatIsThereAlreadyIsAConflict":    unique,
			"EmailsDifferByMoreThanCase":       emails,
			"KeysHold":                         foreignKeys,
			"DeletingCascadesAsMeant":          onDelete,
			"TimesKeepMicroseconds":            times,
			"TextIsKeptByteByByte":             text,
			"SizesAreRefusedBeforeTheEngine":   sizes,
			"SearchFindsFoldedText":            search,
			"OptionalThingsComeBackEmpty":      nullable,
			"SortingIsTheSame":                 sorting,
			"TransactionsAreWhole":             atomic,
			"ConcurrentNumbersAreNeverTheSame": numbers,
			"AnOldVersionIsAConflict":          versions,
			"DeadlocksAreTriedAgain":           deadlock,
			"AViewSeesOneMoment":               view,
			"ALockHasOneHolder":                locks,
			"TheAuditLogIsOnlyAppendedTo_AC_5": appendOnly,
			"LabelsOfAllProjectsAreUniqueToo":  labels,
			"AFailedRunOfATransactionIsUndone": undone,
			"InjectedTextIsOnlyText_AS_1":      injection,
			"AClosedContextEndsATransaction":   cancelled,
			"ManyReadWhileOneWrites":           readers,
		} {
			t.Run(name, func(t *testing.T) { test(t, open(t)) })
		}
	})
}

func missing(t *testing.T, s *store.Store) {
	_, err := s.Client().Task.Get(t.Context(), uuid.New())
	err = store.Translate(err)
	wantKind(t, err, fault.NotFound)
	if got := fault.Problems(err)[0].Shown(); got != "there is no such task" {
		t.Errorf("a visitor reads %q", got)
	}
}

func unique(t *testing.T, s *store.Store) {
	w := makeWorld(t, s)
	w.task(s.Client().Task, 1).SaveX(t.Context())
	err := store.Translate(w.task(s.Client().Task, 1).Exec(t.Context()))
	wantKind(t, err, fault.Conflict)
	if shown := fault.Problems(err)[0].Shown(); strings.Contains(strings.ToLower(shown), "unique") || strings.Contains(shown, "tasks") {
		t.Errorf("a visitor reads of the table: %q", shown)
	}
	wantKind(t, s.Tx(t.Context(), func(tx *ent.Tx) error { return w.task(tx.Task, 1).Exec(t.Context()) }), fault.Conflict)
}

func emails(t *testing.T, s *store.Store) {
	c := s.Client()
	made := person(t, c, " Grace.Hopper@Example.COM ")
	if made.Email != "grace.hopper@example.com" {
		t.Errorf("stored as %q", made.Email)
	}
	err := c.User.Create().SetEmail("GRACE.hopper@example.com").SetName("x").SetRole(user.RoleGuest).SetStatus(user.StatusActive).
		SetCreatedAt(now).SetUpdatedAt(now).Exec(t.Context())
	wantKind(t, store.Translate(err), fault.Conflict)
	if found := c.User.Query().Where(user.Email(schema.FoldEmail("Grace.Hopper@example.com"))).OnlyX(t.Context()); found.ID != made.ID {
		t.Error("found somebody else")
	}
	for _, wrong := range []string{"", "ada", "ada@", "@x", "a b@x", "a@x, b@y", "a@x\nBcc: b@y", strings.Repeat("a", 260) + "@x"} {
		err := c.User.Create().SetEmail(wrong).SetName("x").SetRole(user.RoleGuest).SetStatus(user.StatusActive).
			SetCreatedAt(now).SetUpdatedAt(now).Exec(t.Context())
		wantKind(t, store.Translate(err), fault.Invalid)
	}
}

func foreignKeys(t *testing.T, s *store.Store) {
	w := makeWorld(t, s)
	err := store.Translate(s.Client().Comment.Create().SetTaskID(uuid.New()).SetAuthor(w.user).SetBody("x").SetCreatedAt(now).Exec(t.Context()))
	wantKind(t, err, fault.Conflict)
	made := w.task(s.Client().Task, 1).SaveX(t.Context())
	for what, err := range map[string]error{
		"a project with tasks":  s.Client().Project.DeleteOne(w.project).Exec(t.Context()),
		"a column with tasks":   s.Client().State.DeleteOne(w.todo).Exec(t.Context()),
		"the reporter of tasks": s.Client().User.DeleteOne(w.user).Exec(t.Context()),
	} {
		if err := store.Translate(err); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s was deleted: %v", what, err)
		}
	}
	if !s.Client().Task.Query().Where(task.ID(made.ID)).ExistX(t.Context()) {
		t.Error("the task is gone")
	}
}

func onDelete(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	other := person(t, c, "bob@example.com")
	label := c.Label.Create().SetScope(schema.EveryProject).SetName("urgent").SaveX(ctx)
	one := w.task(c.Task, 1).SetAssignee(other).AddLabels(label).SaveX(ctx)
	two := w.task(c.Task, 2).SaveX(ctx)
	comment := c.Comment.Create().SetTask(one).SetAuthor(w.user).SetBody("see @bob").SetCreatedAt(now).SaveX(ctx)
	c.Mention.Create().SetTask(one).SetComment(comment).SetUser(other).SetCreatedAt(now).ExecX(ctx)
	c.ChecklistItem.Create().SetTask(one).SetText("step").SetPosition(0).ExecX(ctx)
	c.TaskRelation.Create().SetFrom(two).SetTo(one).SetKind("blocks").SetCreatedAt(now).ExecX(ctx)
	c.Notification.Create().SetTask(one).SetUser(other).SetKind("mentioned").SetCreatedAt(now).ExecX(ctx)
	file := c.Attachment.Create().SetTask(one).SetUploader(w.user).SetName("a.txt").SetSize(1).SetContentType("text/plain").
		SetStorageKey("a/b").SetState("stored").SetCreatedAt(now).SaveX(ctx)

	c.User.DeleteOne(other).ExecX(ctx)
	if after := c.Task.GetX(ctx, one.ID); after.AssigneeID != nil {
		t.Error("the task is still assigned to nobody who is there")
	}
	c.Task.DeleteOne(one).ExecX(ctx)
	for what, n := range map[string]int{
		"comments": c.Comment.Query().CountX(ctx), "mentions": c.Mention.Query().CountX(ctx), "steps": c.ChecklistItem.Query().CountX(ctx),
		"relations": c.TaskRelation.Query().CountX(ctx), "notifications": c.Notification.Query().CountX(ctx),
		"labels of it": c.TaskLabel.Query().CountX(ctx),
	} {
		if n != 0 {
			t.Errorf("%d %s are left", n, what)
		}
	}
	if after := c.Attachment.GetX(ctx, file.ID); after.TaskID != nil {
		t.Error("the attachment still points to its task")
	}
	if c.Label.Query().CountX(ctx) != 1 {
		t.Error("the label went with the task")
	}
	c.Task.DeleteOne(two).ExecX(ctx)
	c.Project.DeleteOne(w.project).ExecX(ctx)
	if n := c.State.Query().CountX(ctx); n != 0 {
		t.Errorf("%d columns are left", n)
	}
}

func times(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	zone := time.FixedZone("somewhere", 5*3600+1800)
	for i, at := range []time.Time{
		time.Date(2026, 3, 29, 2, 30, 0, 123456789, zone), time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC),
	} {
		made := w.task(s.Client().Task, i+1).SetDoneAt(at).SaveX(ctx)
		read := s.Client().Task.GetX(ctx, made.ID)
		if want := store.Moment(at); !read.DoneAt.Equal(want) || !made.DoneAt.Equal(want) {
			t.Errorf("%v was kept as %v and returned as %v", want, read.DoneAt, made.DoneAt)
		}
		if _, offset := read.DoneAt.Zone(); offset != 0 {
			t.Errorf("%v came back in zone %v", at, read.DoneAt.Location())
		}
		for what, found := range map[string]bool{
			"equal":   s.Client().Task.Query().Where(task.DoneAtEQ(store.Moment(at)), task.ID(made.ID)).ExistX(ctx),
			"in zone": s.Client().Task.Query().Where(task.DoneAtEQ(store.Moment(at).In(zone)), task.ID(made.ID)).ExistX(ctx),
			"after":   s.Client().Task.Query().Where(task.DoneAtGT(store.Moment(at).Add(-time.Microsecond)), task.ID(made.ID)).ExistX(ctx),
			"before":  s.Client().Task.Query().Where(task.DoneAtLT(store.Moment(at).Add(time.Microsecond)), task.ID(made.ID)).ExistX(ctx),
		} {
			if !found {
				t.Errorf("%v is not found by %s", at, what)
			}
		}
	}
}

func text(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	for i, title := range []string{
		"Grüße aus Köln", "👩‍👩‍👧‍👦 family, 𝄞 clef, 🇪🇺", "日本語のタイトル", "e\u0301 is not é", "' \" ` \\ %_ ; -- /* */ $1 ? :x", "İstanbul ıI",
	} {
		made := w.task(c.Task, i+1).SetTitle(title).SetDescription(title + "\r\n\ttail ").SaveX(ctx)
		read := c.Task.GetX(ctx, made.ID)
		if read.Title != title || read.Description != title+"\r\n\ttail " {
			t.Errorf("%q came back as %q and %q", title, read.Title, read.Description)
		}
		if n := c.Task.Query().Where(task.Title(title)).CountX(ctx); n != 1 {
			t.Errorf("%q is found %d times", title, n)
		}
		if n := c.Task.Query().Where(task.TitleContains(title)).CountX(ctx); n != 1 {
			t.Errorf("part %q is found %d times", title, n)
		}
	}
	c.Label.Create().SetScope(schema.EveryProject).SetName("Urgent").ExecX(ctx)
	c.Label.Create().SetScope(schema.EveryProject).SetName("urgent").ExecX(ctx)
	c.Label.Create().SetScope(schema.EveryProject).SetName("ürgent").ExecX(ctx)
	if n := c.Label.Query().Where(label.Name("urgent")).CountX(ctx); n != 1 {
		t.Errorf("%d labels are called urgent", n)
	}
}

func sizes(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	widest := strings.Repeat("𝄞", schema.MaxTitle)
	full := strings.Repeat("x", schema.MaxMarkdown)
	made := w.task(c.Task, 1).SetTitle(widest).SetDescription(full).SetSearch(strings.Repeat("s", schema.MaxSearch)).SaveX(ctx)
	if read := c.Task.GetX(ctx, made.ID); read.Title != widest || read.Description != full {
		t.Error("the largest that is allowed came back cut")
	}
	for what, create := range map[string]*ent.TaskCreate{
		"a longer title":         w.task(c.Task, 2).SetTitle(widest + "x"),
		"a longer description":   w.task(c.Task, 2).SetDescription(full + "x"),
		"no title":               w.task(c.Task, 2).SetTitle(""),
		"a title of two lines":   w.task(c.Task, 2).SetTitle("a\nb"),
		"bytes that are no text": w.task(c.Task, 2).SetDescription("a\xff"),
		"a NUL":                  w.task(c.Task, 2).SetDescription("a\x00b"),
		"a priority of 5":        w.task(c.Task, 2).SetPriority(schema.PriorityUrgent + 1),
		"a day of no month":      w.task(c.Task, 2).SetDueOn("2026-13-01"),
		"number 0":               w.task(c.Task, 0),
	} {
		if err := store.Translate(create.Exec(ctx)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func search(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	w.task(c.Task, 1).SetSearch(schema.FoldSearch("OPS-1 Ärger mit 100% der Ümläute\nund _ mehr")).ExecX(ctx)
	w.task(c.Task, 2).SetSearch(schema.FoldSearch("OPS-2 nothing like it")).ExecX(ctx)
	for wanted, n := range map[string]int{"ÄRGER": 1, "ümläute": 1, "100%": 1, "%": 1, "_": 1, "ops-": 2, "OPS-2": 1, "x%y": 0, "\\": 0} {
		if got := c.Task.Query().Where(task.SearchContains(schema.FoldSearch(wanted))).CountX(ctx); got != n {
			t.Errorf("%q finds %d tasks; want %d", wanted, got, n)
		}
	}
}

func nullable(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	read := c.Task.GetX(ctx, w.task(c.Task, 1).SaveX(ctx).ID)
	if read.AssigneeID != nil || read.DueOn != nil || read.DoneAt != nil || read.Description != "" || read.Version != 1 {
		t.Errorf("a bare task is %+v", read)
	}
	read = c.Task.UpdateOne(read).SetDueOn("2026-03-31").SetAssignee(w.user).SetDoneAt(now).SaveX(ctx)
	read = c.Task.UpdateOne(read).ClearDueOn().ClearAssignee().ClearDoneAt().SaveX(ctx)
	read = c.Task.GetX(ctx, read.ID)
	if read.AssigneeID != nil || read.DueOn != nil || read.DoneAt != nil {
		t.Errorf("a cleared task is %+v", read)
	}
	u := c.User.GetX(ctx, w.user.ID)
	if u.MailChoices != schema.AllMail() || len(u.PreviousHashes) != 0 || u.TotpSecret != nil {
		t.Errorf("a new person is %+v", u)
	}
	rule := c.AutomationRule.Create().SetOwner(w.user).SetName("r").SetTrigger("task_created").
		SetActions([]schema.Action{{Do: "assign", With: map[string]string{"to": "ada 👋"}}}).SetCreatedAt(now).SetUpdatedAt(now).SaveX(ctx)
	if back := c.AutomationRule.GetX(ctx, rule.ID).Actions; len(back) != 1 || back[0].With["to"] != "ada 👋" {
		t.Errorf("actions came back as %+v", back)
	}
}

func sorting(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	for i, due := range []string{"2026-10-01", "2026-02-28", "1999-12-31"} {
		w.task(c.Task, i+1).SetDueOn(due).SetPriority(schema.Priority(i + 1)).SetPosition(int64(-i) * schema.PositionGap).ExecX(ctx)
	}
	for what, order := range map[string]task.OrderOption{
		"due": task.ByDueOn(), "position": task.ByPosition(), "priority": task.ByPriority(entsql.OrderDesc()),
	} {
		all := c.Task.Query().Order(order).AllX(ctx)
		if all[0].Number != 3 || all[1].Number != 2 || all[2].Number != 1 {
			t.Errorf("by %s: %d %d %d", what, all[0].Number, all[1].Number, all[2].Number)
		}
	}
}

var errStop = errors.New("stop")

func appendOnly(t *testing.T, s *store.Store) {
	ctx, c := t.Context(), s.Client()
	hash := strings.Repeat("0", 64)
	entry := c.AuditEntry.Create().SetSeq(1).SetAt(now).SetActorKind("system").SetAction("x").SetOutcome("ok").
		SetPrevHash(hash).SetHash(hash).SaveX(ctx)
	if err := c.AuditEntry.DeleteOne(entry).Exec(ctx); err == nil {
		t.Error("an entry was deleted")
	}
	if _, err := c.AuditEntry.Delete().Exec(ctx); err == nil {
		t.Error("the log was deleted")
	}
	if err := s.Tx(ctx, func(tx *ent.Tx) error { return tx.AuditEntry.UpdateOne(entry).Exec(ctx) }); err == nil {
		t.Error("an entry was changed")
	}
}

func labels(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	c.Label.Create().SetScope(schema.EveryProject).SetName("bug").ExecX(ctx)
	c.Label.Create().SetScope(w.project.ID.String()).SetProject(w.project).SetName("bug").ExecX(ctx)
	wantKind(t, store.Translate(c.Label.Create().SetScope(schema.EveryProject).SetName("bug").Exec(ctx)), fault.Conflict)
}

func injection(t *testing.T, s *store.Store) {
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	for i, hostile := range []string{
		"'; DROP TABLE tasks; --", `\'; DROP TABLE tasks; -- `, `" OR ""="`, "1) OR 1=1 --", "` OR 1=1", "%' OR '1'='1", "\u2019 OR 1=1", "\xbf'"[1:] + "\u00bf' OR 1=1 -- ",
		"$1", "?", "?1", ":a", "@a", "{{x}}",
	} {
		w.task(c.Task, i+1).SetTitle(hostile).SetSearch(hostile).ExecX(ctx)
		if n := c.Task.Query().Where(task.Title(hostile), task.SearchContains(hostile)).CountX(ctx); n != 1 {
			t.Errorf("%q finds %d tasks", hostile, n)
		}
	}
	if c.Project.Query().Where(project.Key("' OR 1=1 --")).ExistX(ctx) || c.Session.Query().Where(session.Hash("' OR '1'='1")).ExistX(ctx) {
		t.Error("a condition was widened")
	}
}

func cancelled(t *testing.T, s *store.Store) {
	w := makeWorld(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Tx(ctx, func(tx *ent.Tx) error {
		w.task(tx.Task, 1).ExecX(ctx)
		cancel()
		return w.task(tx.Task, 2).Exec(ctx)
	})
	if err == nil {
		t.Error("it was committed")
	}
	if err := s.Tx(t.Context(), func(tx *ent.Tx) error { return w.task(tx.Task, 3).Exec(t.Context()) }); err != nil {
		t.Fatalf("the next one: %v", err)
	}
	if n := s.Client().Task.Query().CountX(t.Context()); n != 1 {
		t.Errorf("%d tasks; want 1", n)
	}
}

func readers(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	var wait sync.WaitGroup
	if err := s.Tx(ctx, func(tx *ent.Tx) error {
		w.task(tx.Task, 1).ExecX(ctx)
		for range 20 { // more than there are connections
			wait.Go(func() {
				if n := s.Client().Task.Query().CountX(ctx); n != 0 {
					t.Errorf("a reader saw %d tasks", n)
				}
			})
		}
		wait.Wait() // or this would never end
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// SQLite alone lets only one write at a time.
func TestAWriteOutsideOfATransactionIsSafe(t *testing.T) {
	s := sqliteStore(t)
	w := makeWorld(t, s)
	o := s.Options()
	o.Pool.Wait = 50 * time.Millisecond
	quick := storetest.Reopen(t, o)
	err := quick.Tx(t.Context(), func(*ent.Tx) error { return w.task(quick.Client().Task, 1).Exec(t.Context()) })
	wantKind(t, err, fault.Unavailable)
	if err := quick.Tx(t.Context(), func(tx *ent.Tx) error { return w.task(tx.Task, 1).Exec(t.Context()) }); err != nil {
		t.Fatal(err)
	}
}
