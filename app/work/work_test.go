package work_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

// What a person does in the first ten minutes, on every engine; all of it is in the log (AC-5).
func TestWorkAsAWhole_AC_5(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		c := newClient(t, open(t))
		ctx := t.Context()
		b := c.project(t, "OPS", false, c.bob, c.gus)
		first := c.task(t, work.NewTask{Project: "OPS", Title: "Mend the lift", Description: "See OPS-2, @bob.builder", Priority: "high",
			Assignee: c.bob.ID, Due: "2026-03-05", Labels: []uuid.UUID{b.Labels[0].ID}})
		second := c.task(t, work.NewTask{Project: "OPS", Title: "Paint the door"})
		if first.Key != "OPS-1" || second.Key != "OPS-2" {
			t.Fatalf("keys are %s and %s", first.Key, second.Key)
		}
		_, err := c.AddComment(ctx, c.gus, "OPS-1", "I saw it, @ada.lovelace")
		steps, err2 := c.AddStep(ctx, c.bob, "OPS-1", "Call the firm")
		err3 := c.ChangeStep(ctx, c.bob, "OPS-1", steps, work.StepDone)
		_, err4 := c.Relate(ctx, c.ada, "OPS-1", work.BlockedBy, "OPS-2")
		_, err5 := c.MoveTask(ctx, c.bob, work.Move{Key: "OPS-1", Status: b.Columns[2].ID})
		for _, err := range []error{err, err2, err3, err4, err5} {
			if err != nil {
				t.Fatal(err)
			}
		}
		d := c.detail(t, "OPS-1")
		if !d.Done || d.StatusName != "Done" || d.Priority != "high" || d.Assignee.Name != "Bob Builder" || len(d.Discussion) != 1 || !d.Blocked ||
			d.Checklist != (work.Progress{Done: 1, Total: 1}) || len(d.Relations) != 1 || d.Relations[0].Kind != work.BlockedBy || d.Due != "2026-03-05" ||
			len(d.Labels) != 1 || !strings.Contains(string(d.HTML), `href="/tasks/OPS-2"`) || len(d.Events) != 6 {
			t.Errorf("the task is %+v", d)
		}
		board := c.board(t, "OPS")
		if len(board.Columns[0].Cards) != 1 || len(board.Columns[2].Cards) != 1 || board.Columns[2].Cards[0].Comments != 1 {
			t.Errorf("the board is %+v", board)
		}
		for _, sort := range work.Sorts() { // pages join without a gap, in every order
			var keys []string
			q := work.Query{Sort: sort, Limit: 1}
			for {
				page, err := c.List(ctx, c.bob, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range page.Tasks {
					keys = append(keys, row.Key)
				}
				if q.Page = page.Next; q.Page == "" {
					break
				}
			}
			if slices.Sort(keys); !slices.Equal(keys, []string{"OPS-1", "OPS-2"}) {
				t.Errorf("by %s the list is %v", sort, keys)
			}
		}
		found, err := c.Search(ctx, c.bob, "LIFT mend", "")
		if err != nil || len(found.Tasks) != 1 || found.Tasks[0].Key != "OPS-1" {
			t.Errorf("found %+v, %v", found, err)
		}
		if found, err = c.Search(ctx, c.bob, "ops-2", ""); err != nil || found.Key != "OPS-2" {
			t.Errorf("a key leads to %+v, %v", found, err)
		}
		if found, err = c.Search(ctx, c.bob, "saw", ""); err != nil || len(found.Comments) != 1 {
			t.Errorf("found %+v, %v", found, err)
		}
		home, err := c.Home(ctx, c.bob)
		if err != nil || len(home.Mentions) != 0 || len(home.Projects) != 1 || home.Projects[0].Open != 1 || home.Projects[0].Done != 1 {
			t.Errorf("home is %+v, %v", home, err)
		}
		n, err := c.Unread(ctx, c.ada)
		if err != nil || n != 1 {
			t.Errorf("ada has %d unread, %v", n, err)
		}
		if err := c.MarkRead(ctx, c.ada, uuid.Nil); err != nil {
			t.Error(err)
		}
		if n, _ = c.Unread(ctx, c.ada); n != 0 {
			t.Errorf("ada still has %d unread", n)
		}
		r, err := audit.New(c.store).Verify(ctx)
		if err != nil || !r.OK() || r.Entries != 8 {
			t.Errorf("the log is %+v, %v", r, err)
		}
		if err := c.DeleteProject(ctx, c.owner, "OPS"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Task(ctx, c.owner, "OPS-1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a deleted task: %v", err)
		}
		if len(c.broken) > 0 {
			t.Error(c.broken)
		}
	})
}

// Every change made by the provider's account is marked (AC-8).
func TestTheProviderIsMarked_AC_8(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	c.project(t, "OPS", true)
	who := c.person(t, "Pia Provider", actor.Administrator)
	who.Kind = actor.Provider
	_, err := c.CreateTask(t.Context(), who, work.NewTask{Project: "OPS", Title: "x"})
	wants(t, "without a grant", err, fault.Forbidden)
	who.Grant = &actor.Grant{ID: uuid.New(), Reason: "ticket", Ends: storetest.Now.Add(time.Hour)}
	if _, err := c.CreateTask(t.Context(), who, work.NewTask{Project: "OPS", Title: "x"}); err != nil {
		t.Fatal(err)
	}
	row := c.store.Client().AuditEntry.Query().Where(auditentry.Action("task.create")).OnlyX(t.Context())
	if row.ActorKind != audit.Provider || row.GrantID == nil || *row.GrantID != who.Grant.ID || row.Address != "192.0.2.7" {
		t.Errorf("the entry is %+v", row)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false)
	_, err := c.CreateTask(ctx, c.ada, work.NewTask{Project: "OPS", Title: " ", Description: "\x00", Priority: "huge", Due: "2026-02-30", Status: uuid.New(),
		Labels: []uuid.UUID{uuid.New()}, Assignee: c.bob.ID}) // bob does not see it
	if got := fields(err); got != "title description priority due status label assignee" {
		t.Errorf("fields are %q", got)
	}
	_, err = c.CreateProject(ctx, c.ada, work.ProjectEdit{Key: "ops", Name: "", Columns: []work.ColumnEdit{{Name: "A"}, {Name: "A", Limit: -1}},
		Labels: []work.LabelEdit{{Name: "x", Hue: 99}}})
	if got := fields(err); got != "key name column-name-1 column-limit-1 label-hue-0" {
		t.Errorf("fields are %q", got)
	}
	_, err = c.SaveRule(ctx, c.ada, work.Rule{Project: "OPS", When: "never", If: "1 +", Then: []work.Action{{Do: "fly"}}, Else: []work.Action{{Do: "priority", Value: "x"}}})
	if got := fields(err); !strings.HasPrefix(got, "name when if") || !strings.Contains(got, "then-0-do") || !strings.Contains(got, "else-0-value") {
		t.Errorf("fields are %q", got)
	}
}

func TestAColumnWithTasksStays(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false)
	c.task(t, work.NewTask{Project: "OPS"})
	s, err := c.Settings(ctx, c.ada, "OPS")
	if err != nil {
		t.Fatal(err)
	}
	e := s.ProjectEdit
	e.Columns[0].Name = ""
	wants(t, "remove a column in use", c.UpdateProject(ctx, c.ada, "OPS", e), fault.Invalid)
	e.Columns[0].Name, e.Columns[1].Name = e.Columns[1].Name, "To do" // names change places
	e.Columns = append(e.Columns, work.ColumnEdit{Name: "Later"})
	if err := c.UpdateProject(ctx, c.ada, "OPS", e); err != nil {
		t.Fatal(err)
	}
	if b := c.board(t, "OPS"); len(b.Columns) != 4 || b.Columns[0].Name != "In progress" || len(b.Columns[0].Cards) != 1 {
		t.Errorf("the board is %+v", b.Columns)
	}
	if err := c.ArchiveProject(ctx, c.ada, "OPS", true); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateTask(ctx, c.ada, work.NewTask{Project: "OPS", Title: "x"})
	wants(t, "a task in an archived project", err, fault.Conflict)
}

func TestTwoEditsOneWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		c := newClient(t, open(t))
		c.project(t, "OPS", true)
		ref := c.task(t, work.NewTask{Project: "OPS"})
		won, lost := 0, 0
		var mu sync.Mutex
		var wait sync.WaitGroup
		for i := range 6 {
			wait.Go(func() {
				_, err := c.UpdateTask(context.Background(), c.bob, work.TaskChange{Key: ref.Key, Version: 1, Title: to(fmt.Sprint("title ", i))})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case fault.Is(err, fault.Conflict):
					lost++
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won != 1 || lost != 5 || c.detail(t, ref.Key).Version != 2 {
			t.Errorf("%d won, %d lost", won, lost)
		}
	})
}

func TestNumbersAndMovesAtTheSameTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		c := newClient(t, open(t))
		b := c.project(t, "OPS", true)
		var wait sync.WaitGroup
		for range 12 {
			wait.Go(func() {
				if _, err := c.CreateTask(context.Background(), c.ada, work.NewTask{Project: "OPS", Title: "x"}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for i := range 8 {
			wait.Go(func() {
				_, err := c.MoveTask(context.Background(), c.bob, work.Move{Key: fmt.Sprint("OPS-", i+3), Status: b.Columns[0].ID, Before: "OPS-2"})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		seen := map[string]bool{}
		at := map[string]int{}
		for i, card := range c.board(t, "OPS").Columns[0].Cards {
			seen[card.Key] = true
			at[card.Key] = i
		}
		for i := range 12 {
			key := fmt.Sprint("OPS-", i+1)
			if !seen[key] {
				t.Errorf("%s is missing", key)
			}
			if i >= 2 && i < 10 && at[key] >= at["OPS-2"] {
				t.Errorf("%s is not before OPS-2", key)
			}
		}
	})
}

// The gap between two tasks is used up after some moves, and made anew.
func TestMovesToTheSamePlace(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	b := c.project(t, "OPS", true)
	for range 4 {
		c.task(t, work.NewTask{Project: "OPS"})
	}
	want := []string{"OPS-1", "OPS-2", "OPS-3", "OPS-4"}
	for i := range 60 { // 2 and 3 take turns right before 4
		key := []string{"OPS-2", "OPS-3"}[i%2]
		if _, err := c.MoveTask(t.Context(), c.bob, work.Move{Key: key, Status: b.Columns[0].ID, Before: "OPS-4"}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			want[1], want[2] = "OPS-3", "OPS-2"
		} else {
			want[1], want[2] = "OPS-2", "OPS-3"
		}
		var got []string
		for _, card := range c.board(t, "OPS").Columns[0].Cards {
			got = append(got, card.Key)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("after %d moves: %v; want %v", i+1, got, want)
		}
	}
	_, err := c.MoveTask(t.Context(), c.bob, work.Move{Key: "OPS-1", Status: b.Columns[0].ID, Before: "OPS-99"})
	wants(t, "before what is not there", err, fault.Invalid)
}

func TestNoCircles(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", true)
	for range 4 {
		c.task(t, work.NewTask{Project: "OPS"})
	}
	for _, one := range [][3]string{{"OPS-1", work.Blocks, "OPS-2"}, {"OPS-3", work.BlockedBy, "OPS-2"}, {"OPS-1", work.Parent, "OPS-2"}, {"OPS-4", work.Relates, "OPS-1"}} {
		if _, err := c.Relate(ctx, c.bob, one[0], one[1], one[2]); err != nil {
			t.Fatal(one, err)
		}
	}
	for _, one := range [][3]string{{"OPS-3", work.Blocks, "OPS-1"}, {"OPS-2", work.Parent, "OPS-1"}, {"OPS-1", work.ChildOf, "OPS-2"},
		{"OPS-1", work.Blocks, "OPS-1"}, {"OPS-1", work.Relates, "OPS-4"}, {"OPS-1", "eats", "OPS-2"}, {"OPS-1", work.Blocks, "OPS-77"}} {
		_, err := c.Relate(ctx, c.bob, one[0], one[1], one[2])
		wants(t, fmt.Sprint(one), err, fault.Invalid)
	}
}

// However many tasks there are, a page takes the same number of queries.
func TestFewQueries(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	b := c.project(t, "OPS", true)
	n := 0
	c.store.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			n++
			return next.Query(ctx, q)
		})
	}))
	count := func() (board, list, detail int) {
		n = 0
		c.board(t, "OPS")
		board, n = n, 0
		if _, err := c.List(t.Context(), c.bob, work.Query{Project: "OPS", Limit: 100}); err != nil {
			t.Fatal(err)
		}
		list, n = n, 0
		c.detail(t, "OPS-1")
		return board, list, n
	}
	fill := func(many int) {
		for i := range many {
			ref := c.task(t, work.NewTask{Project: "OPS", Assignee: []uuid.UUID{c.ada.ID, c.bob.ID}[i%2], Labels: []uuid.UUID{b.Labels[i%2].ID}})
			if _, err := c.AddComment(t.Context(), c.bob, ref.Key, "x"); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(2)
	board, list, detail := count()
	fill(30)
	board2, list2, detail2 := count()
	if board != board2 || list != list2 || detail != detail2 || board > 14 || list > 12 || detail > 24 {
		t.Errorf("board %d then %d, list %d then %d, task %d then %d queries", board, board2, list, list2, detail, detail2)
	}
	t.Logf("board %d, list %d, task %d queries", board, list, detail)
}

// Two clients have nothing of each other (DP-1): ids and keys of one mean nothing to the other.
func TestAnotherClientsThingsAreMissing_DP_1(t *testing.T) {
	one, two := newClient(t, storetest.SQLite(t)), newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	one.project(t, "OPS", true)
	one.task(t, work.NewTask{Project: "OPS"})
	comment, err := one.AddComment(ctx, one.ada, "OPS-1", "secret")
	if err != nil {
		t.Fatal(err)
	}
	file, err := attach(t, one, one.ada, "OPS-1")
	if err != nil {
		t.Fatal(err)
	}
	rule, err := one.SaveRule(ctx, one.ada, work.Rule{Project: "OPS", Name: "r", When: "task.created", Then: []work.Action{{Do: "archive"}}})
	if err != nil {
		t.Fatal(err)
	}
	who := two.owner
	_, err = two.Task(ctx, who, "OPS-1")
	wants(t, "task", err, fault.NotFound)
	_, err = two.Board(ctx, who, "OPS", work.BoardFilter{})
	wants(t, "board", err, fault.NotFound)
	_, err = two.Comment(ctx, who, comment)
	wants(t, "comment", err, fault.NotFound)
	_, _, err = two.OpenAttachment(ctx, who, file)
	wants(t, "file", err, fault.NotFound)
	_, err = two.Rule(ctx, who, rule)
	wants(t, "rule", err, fault.NotFound)
	if found, err := two.Search(ctx, who, "secret", ""); err != nil || len(found.Comments)+len(found.Tasks)+len(found.Projects) > 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	if page, err := two.Activity(ctx, who, "", "", 0); err != nil || len(page.Lines) > 0 {
		t.Errorf("activity is %+v, %v", page, err)
	}
}
