package feed_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

// documents gives a feed in a stand-in for MongoDB: no server is installed here. It answers over the wire, so that the driver and all that
// it sends are the real ones; how it finds and sorts is standin_test.go's.
func documents(t *testing.T, s *store.Store) (feed.Feed, *standIn) {
	t.Helper()
	server := newStandIn(t)
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + server.address() + "/?directConnection=true&retryWrites=false&serverSelectionTimeoutMS=2000&timeoutMS=5000"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(t.Context()) })
	f, err := feed.NewDocuments(t.Context(), s, client.Database("acme"))
	if err != nil {
		t.Fatal(err)
	}
	return f, server
}

// each runs the contract on every place where a feed can lie.
func each(t *testing.T, do func(t *testing.T, s *store.Store, f feed.Feed)) {
	t.Run("relational", func(t *testing.T) {
		storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
			s := open(t)
			do(t, s, feed.NewRelational(s))
		})
	})
	t.Run("documents", func(t *testing.T) {
		s := storetest.SQLite(t)
		f, _ := documents(t, s)
		do(t, s, f)
	})
}

func add(t *testing.T, s *store.Store, f feed.Feed, lines ...feed.Line) {
	t.Helper()
	if err := s.Tx(t.Context(), func(tx *ent.Tx) error { return f.Append(t.Context(), tx, lines...) }); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func subjects(t *testing.T, f feed.Feed, filter feed.Filter) []string {
	t.Helper()
	page, err := f.Page(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range page.Lines {
		all = append(all, l.Subject)
	}
	return all
}

func TestTheContract(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, f feed.Feed) {
		ctx := t.Context()
		one, two, task := uuid.New(), uuid.New(), uuid.New()
		at := storetest.Now
		whole := feed.Line{At: at.Add(time.Microsecond), ActorID: uuid.New(), ActorName: "Ada 👩‍🔧", Verb: "task.moved", ProjectID: one, TaskID: task,
			Subject: "OPS-1 Mend", Detail: map[string]string{"status": "To do → Done", "a.b": "$x"}}
		add(t, s, f, whole)
		page, err := f.Page(ctx, feed.Filter{Projects: []uuid.UUID{one}})
		if err != nil || len(page.Lines) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		whole.ID = page.Lines[0].ID
		if got := page.Lines[0]; fmt.Sprint(got) != fmt.Sprint(whole) || got.ID == uuid.Nil {
			t.Errorf("read %+v; want %+v", got, whole)
		}
		var lines []feed.Line
		for i := range 9 { // three at each time, so that pages break between equals
			lines = append(lines, feed.Line{At: at.Add(time.Duration(i/3+1) * time.Second), Verb: "task.changed", ProjectID: []uuid.UUID{one, two}[i%2], Subject: fmt.Sprint(i)})
		}
		add(t, s, f, lines...)
		both := []uuid.UUID{one, two}
		all := subjects(t, f, feed.Filter{Projects: both, Limit: 100})
		if len(all) != 10 || all[9] != "OPS-1 Mend" {
			t.Fatalf("all are %v", all)
		}
		var paged []string
		filter := feed.Filter{Projects: both, Limit: 2}
		for {
			page, err := f.Page(ctx, filter)
			if err != nil || len(page.Lines) > 2 {
				t.Fatalf("%+v, %v", page, err)
			}
			for _, l := range page.Lines {
				paged = append(paged, l.Subject)
			}
			if filter.After = page.Next; page.Next == "" {
				break
			}
		}
		if !slices.Equal(paged, all) {
			t.Errorf("in pages they are %v; want %v", paged, all)
		}
		if got := subjects(t, f, feed.Filter{Projects: []uuid.UUID{two}}); len(got) != 4 {
			t.Errorf("of one project %v", got)
		}
		if got := subjects(t, f, feed.Filter{Projects: both, Task: task}); len(got) != 1 {
			t.Errorf("of one task %v", got)
		}
		if got := subjects(t, f, feed.Filter{Projects: []uuid.UUID{two}, Task: task}); len(got) != 0 {
			t.Errorf("of a task of another project %v", got)
		}
		if got := subjects(t, f, feed.Filter{}); len(got) != 0 {
			t.Errorf("no projects give %v", got)
		}
		for _, bad := range []string{"x", "AAAA", "%%"} {
			if _, err := f.Page(ctx, feed.Filter{Projects: both, After: bad}); !fault.Is(err, fault.Invalid) {
				t.Errorf("page %q: %v", bad, err)
			}
		}
		stop := errors.New("stop")
		if err := s.Tx(ctx, func(tx *ent.Tx) error {
			return errors.Join(f.Append(ctx, tx, feed.Line{At: at, Verb: "x", ProjectID: one}), stop)
		}); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if err := f.Settle(ctx); err != nil || len(subjects(t, f, feed.Filter{Projects: both, Limit: 100})) != 10 {
			t.Errorf("a change that was undone left a line, %v", err)
		}
		forget := func(do func(tx *ent.Tx) error) {
			t.Helper()
			if err := errors.Join(s.Tx(ctx, do), f.Settle(ctx)); err != nil {
				t.Fatal(err)
			}
		}
		forget(func(tx *ent.Tx) error { return f.ForgetTask(ctx, tx, one, task, at.Add(time.Hour)) })
		if got := subjects(t, f, feed.Filter{Projects: both, Limit: 100}); len(got) != 9 {
			t.Errorf("without the task %v", got)
		}
		forget(func(tx *ent.Tx) error { return f.ForgetProject(ctx, tx, one, at.Add(time.Hour)) })
		if got := subjects(t, f, feed.Filter{Projects: both, Limit: 100}); len(got) != 4 {
			t.Errorf("without the project %v", got)
		}
	})
}

// A crash, or a store of documents that is away, delays lines and loses none; what was moved already is there once.
func TestLinesWaitForTheStoreOfDocuments(t *testing.T) {
	s := storetest.SQLite(t)
	f, server := documents(t, s)
	ctx := t.Context()
	project := uuid.New()
	line := feed.Line{ID: uuid.New(), At: storetest.Now, Verb: "task.created", ProjectID: project, Subject: "one"}
	server.refuse(true)
	if err := s.Tx(ctx, func(tx *ent.Tx) error { return f.Append(ctx, tx, line) }); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(ctx); !fault.Is(err, fault.Unavailable) {
		t.Errorf("settle while it is away: %v", err)
	}
	server.refuse(false)
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	add(t, s, f, line, feed.Line{At: storetest.Now, Verb: "task.created", ProjectID: project, Subject: "two"}) // as if it had not been cleared
	if got := subjects(t, f, feed.Filter{Projects: []uuid.UUID{project}}); len(got) != 2 {
		t.Errorf("lines are %v", got)
	}
	if n := s.Client().Activity.Query().CountX(ctx); n != 0 {
		t.Errorf("%d lines still wait", n)
	}
}
