package work_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

// hostile is what comes in the place of keys, words and pages.
func hostile() []string {
	encode := base64.RawURLEncoding.EncodeToString
	return []string{"\x00", "OPS\x00-1", "OPS-99999999999999999999", "ops-0", "' or 1=1 --", "%", "_", "\xff\xfe", "🙂", "{{.}}", "<script>", "../../etc/passwd",
		encode([]byte(`{"s":"title","v":"\u0000","i":"00000000-0000-0000-0000-000000000000"}`)),
		encode([]byte(`{"s":"updated","v":9223372036854775807,"i":"00000000-0000-0000-0000-000000000000"}`)),
		encode([]byte(`{"s":"priority","v":-9223372036854775808,"i":"x"}`)), encode([]byte(`{"s":"number","v":1e400}`)),
		encode([]byte(`{"s":"due","p":7,"v":""}`)), encode(make([]byte, 24)), encode([]byte("\x7f\xff\xff\xff\xff\xff\xff\xff0123456789abcdef"))}
}

// Whatever is asked for, the answer is a result or the asker's fault, never the service's; and wildcards find nothing that is not there.
func TestHostileInputIsTheAskersFault(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		c := newClient(t, open(t))
		ctx := t.Context()
		b := c.project(t, "OPS", true)
		c.task(t, work.NewTask{Project: "OPS"})
		for _, text := range hostile() {
			for name, do := range map[string]func() error{
				"Board":    func() error { return second(c.Board(ctx, c.ada, text, work.BoardFilter{})) },
				"words":    func() error { return second(c.Board(ctx, c.ada, "OPS", work.BoardFilter{Words: text})) },
				"Task":     func() error { return second(c.Task(ctx, c.ada, text)) },
				"Search":   func() error { return second(c.Search(ctx, c.ada, text, "")) },
				"page":     func() error { return second(c.Search(ctx, c.ada, "lift", text)) },
				"Activity": func() error { return second(c.Activity(ctx, c.ada, "OPS", text, 0)) },
				"notices":  func() error { return second(c.Notifications(ctx, c.ada, "", text, 0)) },
				"List": func() error {
					return second(c.List(ctx, c.ada, work.Query{Words: text, Status: text, Assignee: text, Priority: text, Due: text, Sort: text, Page: text}))
				},
				"before": func() error {
					return second(c.MoveTask(ctx, c.ada, work.Move{Key: "OPS-1", Status: b.Columns[0].ID, Before: text}))
				},
				"relate":  func() error { return second(c.Relate(ctx, c.ada, "OPS-1", text, text)) },
				"filter":  func() error { return second(c.SaveFilter(ctx, c.ada, text, text, "", false)) },
				"comment": func() error { return second(c.AddComment(ctx, c.ada, "OPS-1", text)) },
				"title": func() error {
					return second(c.CreateTask(ctx, c.ada, work.NewTask{Project: "OPS", Title: text, Description: text, Due: text}))
				},
				"project": func() error {
					return second(c.CreateProject(ctx, c.ada, work.ProjectEdit{Key: text, Name: text, Description: text}))
				},
				"rule": func() error {
					return second(c.SaveRule(ctx, c.ada, work.Rule{Project: "OPS", Name: text, When: "task.due", If: text, Then: []work.Action{{Do: "notify", Value: text}}}))
				},
			} {
				if err := do(); err != nil && (fault.Is(err, fault.Internal) || fault.Is(err, fault.Unavailable)) {
					t.Errorf("%s of %q: %v", name, text, err)
				}
			}
			for _, sort := range work.Sorts() {
				if _, err := c.List(ctx, c.ada, work.Query{Sort: sort, Page: text}); err != nil && !fault.Is(err, fault.Invalid) {
					t.Errorf("a page by %s of %q: %v", sort, text, err)
				}
			}
		}
		for _, text := range []string{"%lift%x", "m_nd"} {
			if page, err := c.List(ctx, c.ada, work.Query{Words: text}); err != nil || len(page.Tasks) > 0 {
				t.Errorf("%q finds %+v, %v", text, page.Tasks, err)
			}
		}
	})
}

// A shared filter of a project that somebody does not see is not shown to them.
func TestSharedFiltersTellNothingOfHiddenProjects(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "SECRET", false)
	c.project(t, "OPS", true)
	for _, key := range []string{"SECRET", "OPS", ""} {
		if _, err := c.SaveFilter(ctx, c.ada, "of "+key, "status=open&x=1&project=SECRET", key, true); err != nil && key != "" {
			t.Fatal(err)
		}
	}
	for _, one := range []struct {
		who  actor.Actor
		want int
	}{{c.ada, 3}, {c.owner, 3}, {c.bob, 2}, {c.gus, 0}} {
		if got, err := c.Filters(ctx, one.who); err != nil || len(got) != one.want {
			t.Errorf("%s sees %+v, %v", one.who.Name, got, err)
		}
	}
}

// A relation to a task that the reader does not see is not shown to them, and cannot be made.
func TestRelationsTellNothingOfHiddenTasks(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "SECRET", false)
	c.project(t, "OPS", true)
	c.task(t, work.NewTask{Project: "SECRET", Title: "hush"})
	c.task(t, work.NewTask{Project: "OPS", Description: "see SECRET-1"})
	id, err := c.Relate(ctx, c.ada, "OPS-1", work.Relates, "SECRET-1")
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Task(ctx, c.bob, "OPS-1")
	if err != nil || len(d.Relations) != 0 || string(d.HTML) != "<p>see SECRET-1</p>\n" {
		t.Errorf("bob sees %+v, %q, %v", d.Relations, d.HTML, err)
	}
	_, err = c.Relate(ctx, c.bob, "OPS-1", work.Blocks, "SECRET-1")
	wants(t, "relate to a hidden task", err, fault.Invalid)
	wants(t, "remove a hidden relation", c.Unrelate(ctx, c.bob, "OPS-1", id), fault.NotFound)
	if d, err := c.Task(ctx, c.ada, "OPS-1"); err != nil || len(d.Relations) != 1 || d.Relations[0].Key != "SECRET-1" {
		t.Errorf("ada sees %+v, %v", d.Relations, err)
	}
	if _, err := c.UpdateTask(ctx, c.ada, work.TaskChange{Key: "SECRET-1", Assignee: to(uuid.New())}); !fault.Is(err, fault.Invalid) {
		t.Errorf("assign a stranger: %v", err)
	}
}

func TestLabelsOfAllProjects(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", true)
	wants(t, "by a member", c.SaveSharedLabels(ctx, c.ada, []work.LabelEdit{{Name: "legal"}}), fault.Forbidden)
	if err := c.SaveSharedLabels(ctx, c.admin, []work.LabelEdit{{Name: "legal", Hue: 3}, {Name: "bug"}}); err != nil {
		t.Fatal(err)
	}
	choices, err := c.Choices(ctx, c.bob, "OPS")
	if err != nil || len(choices.Labels) != 4 || len(choices.Columns) != 3 || len(choices.People) != 4 || !choices.MayCreate || choices.MayManage {
		t.Fatalf("%+v, %v", choices, err)
	}
	shared, err := c.SharedLabels(ctx, c.bob)
	if err != nil || len(shared) != 2 || shared[1].Name != "legal" || shared[1].Hue != 3 {
		t.Fatalf("%+v, %v", shared, err)
	}
	ref := c.task(t, work.NewTask{Project: "OPS", Labels: []uuid.UUID{shared[1].ID}})
	if err := c.SaveSharedLabels(ctx, c.admin, []work.LabelEdit{{ID: shared[1].ID, Name: "law", Hue: 3}}); err != nil {
		t.Fatal(err)
	}
	if d := c.detail(t, ref.Key); len(d.Labels) != 1 || d.Labels[0].Name != "law" || !d.Labels[0].Shared {
		t.Errorf("labels are %+v", d.Labels)
	}
	if _, err := c.Choices(ctx, c.gus, "OPS"); !fault.Is(err, fault.NotFound) {
		t.Errorf("choices for a guest who is no member: %v", err)
	}
}
