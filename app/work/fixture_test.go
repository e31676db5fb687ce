package work_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

// client is one client with people of every role.
type client struct {
	*work.Work
	store  *store.Store
	files  *shaky
	now    time.Time
	mu     sync.Mutex
	told   []work.Notice
	broken []error

	owner, admin, ada, bob, gus actor.Actor // gus is a guest
}

// shaky is a storage that fails when it is told to.
type shaky struct {
	files.Store
	fail func(step string) error
}

func (s *shaky) Put(ctx context.Context, key string, r io.Reader, limit int64) (files.Info, error) {
	if s.fail != nil {
		if err := s.fail("before put"); err != nil {
			return files.Info{}, err
		}
	}
	info, err := s.Store.Put(ctx, key, r, limit)
	if err == nil && s.fail != nil {
		err = s.fail("after put")
	}
	return info, err
}

func newClient(t testing.TB, s *store.Store) *client {
	t.Helper()
	c := &client{store: s, now: storetest.Now}
	disk, err := files.NewDisk(t.TempDir(), "acme", storetest.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	c.files = &shaky{Store: disk}
	sandbox, err := expression.New()
	if err != nil {
		t.Fatal(err)
	}
	c.Work, err = work.New(work.Options{
		Store: s, Files: c.files, Feed: feed.NewRelational(s), Conditions: sandbox, Markdown: markdown.New(),
		Clock: func() time.Time {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.now = c.now.Add(time.Millisecond)
			return c.now
		},
		Notify: func(_ context.Context, _ *ent.Tx, n work.Notice) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told = append(c.told, n)
			return nil
		},
		Report: func(_ context.Context, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.broken = append(c.broken, err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.owner, c.admin = c.person(t, "Olga Owner", actor.Owner), c.person(t, "Anna Admin", actor.Administrator)
	c.ada, c.bob = c.person(t, "Ada Lovelace", actor.Member), c.person(t, "Bob Builder", actor.Member)
	c.gus = c.person(t, "Gus Guest", actor.Guest)
	return c
}

func (c *client) later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *client) person(t testing.TB, name string, role actor.Role) actor.Actor {
	t.Helper()
	row := c.store.Client().User.Create().SetEmail(work.Handle(name) + "@example.org").SetName(name).SetRole(user.Role(role)).SetStatus("active").
		SetCreatedAt(storetest.Now).SetUpdatedAt(storetest.Now).SaveX(context.Background())
	return actor.Actor{ID: row.ID, Name: name, Role: role, Kind: actor.Person, Scopes: actor.Scopes(), Address: "192.0.2.7", SessionID: uuid.New(),
		ConfirmedAt: storetest.Now}
}

// project makes a project of ada's, with whoever else is named.
func (c *client) project(t testing.TB, key string, everyone bool, others ...actor.Actor) work.Board {
	t.Helper()
	e := work.ProjectEdit{Key: key, Name: "Project " + key, Everyone: everyone, Labels: []work.LabelEdit{{Name: "bug", Hue: 1}, {Name: "idea", Hue: 5}}}
	for _, one := range others {
		e.Members = append(e.Members, one.ID)
	}
	if _, err := c.CreateProject(t.Context(), c.ada, e); err != nil {
		t.Fatal(err)
	}
	return c.board(t, key)
}

func (c *client) board(t testing.TB, key string) work.Board {
	t.Helper()
	b, err := c.Board(t.Context(), c.owner, key, work.BoardFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *client) task(t testing.TB, n work.NewTask) work.TaskRef {
	t.Helper()
	if n.Title == "" {
		n.Title = "Mend the lift"
	}
	ref, err := c.CreateTask(t.Context(), c.ada, n)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (c *client) detail(t testing.TB, key string) work.TaskDetail {
	t.Helper()
	d, err := c.Task(t.Context(), c.owner, key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wants(t testing.TB, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v; want %v", what, err, kind)
	}
}

func fields(err error) string {
	var all []string
	for _, one := range fault.Problems(err) {
		all = append(all, one.Field)
	}
	return strings.Join(all, " ")
}

func to[T any](v T) *T { return &v }
