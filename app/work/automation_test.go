package work_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

func (c *client) rule(t testing.TB, when, condition string, then []work.Action, otherwise ...work.Action) uuid.UUID {
	t.Helper()
	id, err := c.SaveRule(t.Context(), c.ada, work.Rule{Project: "OPS", Name: when + " " + condition, When: when, If: condition, Then: then, Else: otherwise, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRulesDoWhatTheySay_AS_5(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		c := newClient(t, open(t))
		b := c.project(t, "OPS", false, c.bob)
		c.rule(t, "task.created", `task.priority == "urgent"`, []work.Action{
			{Do: work.DoAssign, Value: "bob.builder"}, {Do: work.DoLabel, Value: "Bug"}, {Do: work.DoMove, Value: "in progress"},
			{Do: work.DoDue, Value: "+2"}, {Do: work.DoComment, Value: "Looking at it."}, {Do: work.DoNotify, Value: "author"},
		}, work.Action{Do: work.DoPriority, Value: "low"})
		c.task(t, work.NewTask{Project: "OPS", Priority: "urgent"})
		c.task(t, work.NewTask{Project: "OPS"})
		d := c.detail(t, "OPS-1")
		due := storetest.Now.AddDate(0, 0, 2).Format(time.DateOnly)
		if d.Assignee.Name != "Bob Builder" || len(d.Labels) != 1 || d.Labels[0].Name != "bug" || d.Status != b.Columns[1].ID || d.Due != due || len(d.Discussion) != 1 {
			t.Errorf("the task is %+v, %v", d, c.broken)
		}
		if d := c.detail(t, "OPS-2"); d.Priority != "low" {
			t.Errorf("else: %+v", d.TaskRow)
		}
		rules, err := c.Rules(t.Context(), c.bob, "OPS")
		if err != nil || rules[0].Runs != 2 || rules[0].LastError != "" || rules[0].LastRun.IsZero() {
			t.Errorf("the rule is %+v, %v", rules, err)
		}
		n := c.store.Client().AuditEntry.Query().Where(auditentry.ActorKindEQ(auditentry.ActorKindAutomation), auditentry.ActorID(c.ada.ID)).CountX(t.Context())
		if n != 6 {
			t.Errorf("%d entries of rules in the log", n)
		}
	})
}

func TestRulesMakeNoStorm_AS_5(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	c.project(t, "OPS", false)
	// Each sets off the other, and itself.
	c.rule(t, "task.changed", "", []work.Action{{Do: work.DoPriority, Value: "low"}, {Do: work.DoLabel, Value: "bug"}})
	c.rule(t, "task.changed", "", []work.Action{{Do: work.DoPriority, Value: "high"}, {Do: work.DoUnlabel, Value: "bug"}})
	c.rule(t, "task.changed", "", []work.Action{{Do: work.DoComment, Value: "again"}})
	c.rule(t, "comment.added", "", []work.Action{{Do: work.DoComment, Value: "and again"}, {Do: work.DoPriority, Value: "urgent"}})
	c.task(t, work.NewTask{Project: "OPS"})
	if _, err := c.UpdateTask(t.Context(), c.ada, work.TaskChange{Key: "OPS-1", Title: to("x")}); err != nil {
		t.Fatal(err)
	}
	d := c.detail(t, "OPS-1")
	if d.Version > 40 || len(d.Discussion) == 0 || len(d.Discussion) > 40 || len(c.broken) > 0 {
		t.Errorf("%d versions, %d comments, %v", d.Version, len(d.Discussion), c.broken)
	}
	t.Logf("%d versions, %d comments", d.Version, len(d.Discussion))
}

func TestAFailingRuleIsSwitchedOff(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false)
	bad := c.rule(t, "comment.added", "", []work.Action{{Do: work.DoPriority, Value: "high"}, {Do: work.DoLabel, Value: "no such label"}})
	good := c.rule(t, "comment.added", "", []work.Action{{Do: work.DoLabel, Value: "idea"}})
	c.task(t, work.NewTask{Project: "OPS"})
	for i := range 6 {
		if _, err := c.AddComment(ctx, c.ada, "OPS-1", "x"); err != nil {
			t.Fatal(err)
		}
		r, err := c.Rule(ctx, c.ada, bad)
		if err != nil || r.LastError == "" || r.Enabled != (i < 4) {
			t.Errorf("after %d: %+v, %v", i+1, r, err)
		}
	}
	r, _ := c.Rule(ctx, c.ada, bad)
	if r.Runs != 5 || !strings.Contains(r.LastError, "5 times") || !strings.Contains(r.LastError, "switched off") {
		t.Errorf("the rule is %+v", r)
	}
	if d := c.detail(t, "OPS-1"); d.Priority != "normal" || len(d.Labels) != 1 {
		t.Errorf("a rule that failed left something, or kept the other from running: %+v", d.TaskRow)
	}
	if r, _ := c.Rule(ctx, c.ada, good); r.Runs != 6 || r.LastError != "" {
		t.Errorf("the other rule is %+v", r)
	}
	if _, err := c.EnableRule(ctx, c.ada, bad, true); err != nil {
		t.Fatal(err)
	}
	if r, _ = c.Rule(ctx, c.ada, bad); !r.Enabled || r.LastError != "" {
		t.Errorf("switched on again: %+v", r)
	}
}

// A rule may do what its maker may, now: not what they could when they made it.
func TestARuleHasNoMoreRightsThanItsMaker(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false, c.bob)
	id := c.rule(t, "comment.added", "", []work.Action{{Do: work.DoPriority, Value: "urgent"}})
	c.task(t, work.NewTask{Project: "OPS"})
	for name, then := range map[string]func(){
		"demoted":  func() { c.store.Client().User.UpdateOneID(c.ada.ID).SetRole("guest").ExecX(ctx) },
		"disabled": func() { c.store.Client().User.UpdateOneID(c.ada.ID).SetStatus("disabled").ExecX(ctx) },
	} {
		then()
		if _, err := c.AddComment(ctx, c.bob, "OPS-1", "x"); err != nil {
			t.Fatal(err)
		}
		if r, _ := c.Rule(ctx, c.bob, id); r.LastError == "" || c.detail(t, "OPS-1").Priority != "normal" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestTryingARuleDoesNothing(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false)
	c.task(t, work.NewTask{Project: "OPS", Title: "Lift"})
	r := work.Rule{Name: "r", When: "task.changed", If: `task.title.contains("Lift") && task.project == "OPS"`, Then: []work.Action{{Do: work.DoArchive}}, Else: []work.Action{{Do: work.DoPriority, Value: "low"}}}
	before := c.store.Client().AuditEntry.Query().CountX(ctx)
	got, err := c.TestRule(ctx, c.ada, r, "ops-1")
	if err != nil || !got.Holds || len(got.Would) != 1 || got.Would[0].Do != work.DoArchive {
		t.Errorf("%+v, %v", got, err)
	}
	r.If = `task.title == "x"`
	if got, err = c.TestRule(ctx, c.ada, r, "OPS-1"); err != nil || got.Holds || got.Would[0].Do != work.DoPriority {
		t.Errorf("%+v, %v", got, err)
	}
	r.If = `[1,2,3][9] == 1`
	if _, err = c.TestRule(ctx, c.ada, r, "OPS-1"); !fault.Is(err, fault.Invalid) || fields(err) != "if" {
		t.Errorf("a condition that fails: %v", err)
	}
	if d := c.detail(t, "OPS-1"); d.Version != 1 || d.Archived || c.store.Client().AuditEntry.Query().CountX(ctx) != before {
		t.Error("it did something")
	}
}

func TestWhatFallsDue(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false, c.bob)
	today := storetest.Now.Format(time.DateOnly)
	c.task(t, work.NewTask{Project: "OPS", Due: today, Assignee: c.bob.ID})
	c.task(t, work.NewTask{Project: "OPS", Due: "2099-01-01"})
	c.rule(t, "task.due", "", []work.Action{{Do: work.DoPriority, Value: "urgent"}})
	c.told = nil
	if n, err := c.Remind(ctx); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if n, err := c.Remind(ctx); err != nil || n != 0 {
		t.Errorf("the same day again: %d, %v", n, err)
	}
	if len(c.told) != 1 || c.told[0].Kind != work.NoticeDue || c.told[0].UserID != c.bob.ID || c.detail(t, "OPS-1").Priority != "urgent" || c.detail(t, "OPS-2").Priority != "normal" {
		t.Errorf("told %+v", c.told)
	}
}
