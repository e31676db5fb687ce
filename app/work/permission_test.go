package work_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

// The rule, said once more in another way than in the code: each deed, who may do it.
func expected(d work.Deed, role actor.Role, s work.Standing) bool {
	admin := role == actor.Owner || role == actor.Administrator
	member := role == actor.Member
	sees := admin || member && (s.Everyone || s.Member) || role == actor.Guest && s.Member
	switch d {
	case work.CreateProject, work.ShareFilter:
		return admin || member
	case work.SharedLabels:
		return admin
	case work.SeeProject, work.WriteComment:
		return sees
	case work.ManageProject, work.EditRules:
		return admin || member && s.Member
	case work.DeleteProject:
		return admin
	case work.CreateTask, work.DeleteTask:
		return sees && role != actor.Guest
	case work.EditTask:
		return sees && (role != actor.Guest || s.Assignee)
	case work.EditComment:
		return sees && s.Own
	case work.DeleteComment, work.DeleteAttachment:
		return sees && (admin || s.Own)
	}
	return false
}

func deeds() []work.Deed {
	return []work.Deed{work.SeeProject, work.ManageProject, work.DeleteProject, work.CreateProject, work.CreateTask, work.EditTask, work.DeleteTask,
		work.WriteComment, work.EditComment, work.DeleteComment, work.DeleteAttachment, work.EditRules, work.ShareFilter, work.SharedLabels}
}

func scopeOf(d work.Deed) actor.Scope {
	switch d {
	case work.SeeProject:
		return actor.Read
	case work.DeleteProject, work.SharedLabels:
		return actor.Admin
	}
	return actor.Write
}

func TestThePermissionMatrix(t *testing.T) {
	n := 0
	for _, d := range append(deeds(), "something new") {
		for _, role := range append(actor.Roles(), "", "king") {
			for bits := range 16 {
				s := work.Standing{Everyone: bits&1 > 0, Member: bits&2 > 0, Assignee: bits&4 > 0, Own: bits&8 > 0}
				for scopes := range 16 {
					who := actor.Actor{ID: uuid.New(), Role: role, Kind: actor.Person}
					for i, one := range actor.Scopes() {
						if scopes&(1<<i) > 0 {
							who.Scopes = append(who.Scopes, one)
						}
					}
					want := expected(d, role, s) && who.May(scopeOf(d))
					if got := work.Can(who, d, s); got != want {
						t.Errorf("%s %q, %+v, %v: %v; want %v", role, d, s, who.Scopes, got, want)
					}
					for _, kind := range []actor.Kind{actor.Anonymous, "", actor.Provider} { // the provider without a grant (AC-8)
						who.Kind = kind
						if work.Can(who, d, s) {
							t.Errorf("%q may %q", kind, d)
						}
					}
					n++
				}
			}
		}
	}
	t.Logf("%d cases", n)
}

// The same through the methods: what somebody does not see is missing, what they see and may not change is forbidden.
func TestEveryMethodAsksFirst(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	b := c.project(t, "OPS", false, c.bob, c.gus)
	outsider, stranger := c.person(t, "Otto Outside", actor.Member), c.person(t, "Gina Guest", actor.Guest)
	c.task(t, work.NewTask{Project: "OPS"})
	comment, err := c.AddComment(ctx, c.ada, "OPS-1", "hello")
	if err != nil {
		t.Fatal(err)
	}
	file, err := attach(t, c, c.ada, "OPS-1")
	if err != nil {
		t.Fatal(err)
	}
	rule, err := c.SaveRule(ctx, c.ada, work.Rule{Project: "OPS", Name: "r", When: "task.moved", If: "false", Then: []work.Action{{Do: "archive"}}})
	if err != nil {
		t.Fatal(err)
	}
	filter, err := c.SaveFilter(ctx, c.ada, "mine", "status=open", "", false)
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]struct {
		scope actor.Scope
		guest fault.Kind // what a guest of the project gets who is not assigned; 0 for no error
		do    func(who actor.Actor) error
	}{
		"Board":    {actor.Read, 0, func(a actor.Actor) error { _, err := c.Board(ctx, a, "OPS", work.BoardFilter{}); return err }},
		"List":     {actor.Read, 0, func(a actor.Actor) error { _, err := c.List(ctx, a, work.Query{Project: "OPS"}); return err }},
		"Task":     {actor.Read, 0, func(a actor.Actor) error { _, err := c.Task(ctx, a, "OPS-1"); return err }},
		"Activity": {actor.Read, 0, func(a actor.Actor) error { _, err := c.Activity(ctx, a, "OPS", "", 0); return err }},
		"Rules":    {actor.Read, 0, func(a actor.Actor) error { _, err := c.Rules(ctx, a, "OPS"); return err }},
		"Rule":     {actor.Read, 0, func(a actor.Actor) error { _, err := c.Rule(ctx, a, rule); return err }},
		"TestRule": {actor.Read, 0, func(a actor.Actor) error {
			_, err := c.TestRule(ctx, a, work.Rule{Name: "x", When: "task.moved", Then: []work.Action{{Do: "archive"}}}, "OPS-1")
			return missing(err)
		}},
		"OpenAttachment": {actor.Read, 0, func(a actor.Actor) error {
			_, f, err := c.OpenAttachment(ctx, a, file)
			if f != nil {
				_ = f.Close()
			}
			return err
		}},
		"Settings":       {actor.Read, fault.Forbidden, func(a actor.Actor) error { _, err := c.Settings(ctx, a, "OPS"); return err }},
		"UpdateProject":  {actor.Write, fault.Forbidden, func(a actor.Actor) error { return c.UpdateProject(ctx, a, "OPS", work.ProjectEdit{Name: "Operations"}) }},
		"ArchiveProject": {actor.Write, fault.Forbidden, func(a actor.Actor) error { return c.ArchiveProject(ctx, a, "OPS", false) }},
		"CreateTask": {actor.Write, fault.Forbidden, func(a actor.Actor) error {
			_, err := c.CreateTask(ctx, a, work.NewTask{Project: "OPS", Title: "x"})
			return err
		}},
		"UpdateTask": {actor.Write, fault.Forbidden, func(a actor.Actor) error {
			_, err := c.UpdateTask(ctx, a, work.TaskChange{Key: "OPS-1", Title: to("y")})
			return err
		}},
		"MoveTask": {actor.Write, fault.Forbidden, func(a actor.Actor) error {
			_, err := c.MoveTask(ctx, a, work.Move{Key: "OPS-1", Status: b.Columns[1].ID})
			return err
		}},
		"AddStep": {actor.Write, fault.Forbidden, func(a actor.Actor) error { _, err := c.AddStep(ctx, a, "OPS-1", "x"); return err }},
		"Relate": {actor.Write, fault.Forbidden, func(a actor.Actor) error {
			_, err := c.Relate(ctx, a, "OPS-1", "relates", "OPS-1")
			return invalid(err)
		}},
		"Unrelate":   {actor.Write, fault.Forbidden, func(a actor.Actor) error { return gone(t, c.Unrelate(ctx, a, "OPS-1", uuid.New()), "relation") }},
		"ChangeStep": {actor.Write, fault.Forbidden, func(a actor.Actor) error { return gone(t, c.ChangeStep(ctx, a, "OPS-1", uuid.New(), "done"), "item") }},
		"CanAttach":  {actor.Write, fault.Forbidden, func(a actor.Actor) error { _, err := c.CanAttach(ctx, a, "OPS-1"); return err }},
		"Attach":     {actor.Write, fault.Forbidden, func(a actor.Actor) error { _, err := attach(t, c, a, "OPS-1"); return err }},
		"AddComment": {actor.Write, 0, func(a actor.Actor) error { _, err := c.AddComment(ctx, a, "OPS-1", "x"); return err }},
		"EnableRule": {actor.Write, fault.Forbidden, func(a actor.Actor) error { _, err := c.EnableRule(ctx, a, rule, true); return err }},
		"SaveRule": {actor.Write, fault.Forbidden, func(a actor.Actor) error {
			_, err := c.SaveRule(ctx, a, work.Rule{ID: rule, Name: "r", When: "task.moved", If: "false", Then: []work.Action{{Do: "archive"}}})
			return err
		}},
		"SaveFilter": {actor.Write, 0, func(a actor.Actor) error { _, err := c.SaveFilter(ctx, a, "f", "", "OPS", false); return err }},
	}
	for name, m := range methods {
		for _, who := range []actor.Actor{c.owner, c.admin, c.ada, c.bob} {
			if err := m.do(who); err != nil {
				t.Errorf("%s by %s: %v", name, who.Name, err)
			}
		}
		for _, who := range []actor.Actor{outsider, stranger} {
			wants(t, name+" by "+who.Name, m.do(who), fault.NotFound)
		}
		if err := m.do(c.gus); m.guest == 0 && err != nil || m.guest != 0 && !fault.Is(err, m.guest) {
			t.Errorf("%s by a guest of the project: %v; want %v", name, err, m.guest)
		}
		wants(t, name+" by nobody", m.do(actor.Actor{}), fault.Unauthenticated)
		weak := c.owner // a token without the scope
		weak.Scopes, weak.TokenID = []actor.Scope{actor.Export, actor.Admin, actor.Read}, uuid.New()
		if m.scope == actor.Read {
			weak.Scopes = []actor.Scope{actor.Export, actor.Admin, actor.Write}
		}
		wants(t, name+" without the scope", m.do(weak), fault.Forbidden)
	}
	// What is somebody's own.
	_, err = c.EditComment(ctx, c.owner, comment, "mine now")
	wants(t, "edit another's comment", err, fault.Forbidden)
	_, err = c.EditComment(ctx, outsider, comment, "x")
	wants(t, "edit an unseen comment", err, fault.NotFound)
	_, err = c.DeleteComment(ctx, c.bob, comment)
	wants(t, "delete another's comment", err, fault.Forbidden)
	_, err = c.DeleteAttachment(ctx, c.bob, file)
	wants(t, "delete another's file", err, fault.Forbidden)
	_, err = c.DeleteAttachment(ctx, outsider, file)
	wants(t, "delete an unseen file", err, fault.NotFound)
	wants(t, "delete another's filter", c.DeleteFilter(ctx, c.bob, filter), fault.NotFound)
	wants(t, "a guest's shared filter", second(c.SaveFilter(ctx, c.gus, "s", "", "", true)), fault.Forbidden)
	wants(t, "a guest's project", second(c.CreateProject(ctx, c.gus, work.ProjectEdit{Key: "GUS", Name: "x"})), fault.Forbidden)
	wants(t, "a member deletes a project", c.DeleteProject(ctx, c.ada, "OPS"), fault.Forbidden)
	unsure := c.owner
	unsure.SessionID = uuid.Nil
	wants(t, "delete a project without confirming", c.DeleteProject(ctx, unsure, "OPS"), fault.Forbidden)
	// A guest changes what is assigned to them, and nothing else.
	if _, err := c.UpdateTask(ctx, c.bob, work.TaskChange{Key: "OPS-1", Assignee: &c.gus.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateTask(ctx, c.gus, work.TaskChange{Key: "OPS-1", Priority: to("low")}); err != nil {
		t.Errorf("a guest changes their task: %v", err)
	}
	wants(t, "a guest deletes their task", c.DeleteTask(ctx, c.gus, "OPS-1"), fault.Forbidden)
	// What lists give to whom.
	for _, one := range []struct {
		who  actor.Actor
		want int
	}{{c.owner, 1}, {c.ada, 1}, {c.gus, 1}, {outsider, 0}, {stranger, 0}} {
		list, err := c.List(ctx, one.who, work.Query{Words: "y"})
		projects, err2 := c.Projects(ctx, one.who, false)
		found, err3 := c.Search(ctx, one.who, "OPS-1", "")
		lines, err4 := c.Activity(ctx, one.who, "", "", 0)
		if got := fmt.Sprint(len(list.Tasks) > 0, len(projects), found.Key != "", len(lines.Lines) > 0, err, err2, err3, err4); got != fmt.Sprint(one.want > 0, one.want, one.want > 0, one.want > 0, nil, nil, nil, nil) {
			t.Errorf("%s finds %s", one.who.Name, got)
		}
	}
	if err := c.DeleteTask(ctx, c.bob, "OPS-1"); err != nil {
		t.Error(err)
	}
}

// A notification that came while somebody saw the project is not shown after.
func TestWhoLeavesSeesNoMore(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false, c.bob, c.ada)
	c.task(t, work.NewTask{Project: "OPS", Assignee: c.bob.ID})
	if n, err := c.Unread(ctx, c.bob); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := c.UpdateProject(ctx, c.ada, "OPS", work.ProjectEdit{Name: "x", Members: []uuid.UUID{c.ada.ID}}); err != nil {
		t.Fatal(err)
	}
	page, err := c.Notifications(ctx, c.bob, "", "", 0)
	if n, _ := c.Unread(ctx, c.bob); err != nil || len(page.Items) > 0 || n != 0 {
		t.Errorf("%+v, %d, %v", page, n, err)
	}
	before := len(c.told)
	if _, err := c.AddComment(ctx, c.ada, "OPS-1", "now that he is gone, @bob.builder"); err != nil || len(c.told) != before {
		t.Errorf("told %+v, %v", c.told[before:], err)
	}
}

func second[T any](_ T, err error) error { return err }

// invalid takes an invalid input for allowed: it was asked for permission first.
func invalid(err error) error {
	if fault.Is(err, fault.Invalid) {
		return nil
	}
	return err
}

// missing turns the problem of a field that names a task into what it says.
func missing(err error) error {
	if fault.Is(err, fault.Invalid) {
		return fault.Missing("task")
	}
	return err
}

// gone takes the absence of a part of the task for allowed.
func gone(t *testing.T, err error, what string) error {
	t.Helper()
	if err != nil && fault.Is(err, fault.NotFound) {
		if all := fault.Problems(err); len(all) == 1 && all[0].Msg == "there is no such "+what {
			return nil
		}
	}
	return err
}
