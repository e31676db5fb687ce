package work

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/automationrule"
	"github.com/berth-iac/berth/app/ent/checklistitem"
	"github.com/berth-iac/berth/app/ent/comment"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/team"
	"github.com/berth-iac/berth/app/ent/teammember"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/fault"
)

// Rules run after the change that set them off is kept, one after the other, each in a transaction of its own. What keeps them from
// storms: what a rule changes sets off others only so many levels deep, never the rule itself again on that way, and all that follows of
// one change does so within runTime. A rule that fails again and again is switched off.
const (
	maxDepth    = 3
	maxFailures = 5
	runTime     = 10 * time.Second
	maxCached   = 500
)

// event is something that rules can wait for.
type event struct {
	name    string
	task    uuid.UUID
	project uuid.UUID
	changed []string
	before  *ent.Task
	comment string
	who     actor.Actor
	rules   []uuid.UUID // that led to it
}

// happen notes an event for the rules.
func (c *change) happen(e event) {
	e.who = c.who
	e.rules = c.rules
	c.events = append(c.events, e)
}

// automate runs the rules that wait for what happened. The change itself is kept whatever becomes of them.
func (w *Work) automate(ctx context.Context, events []event, depth int) {
	if len(events) == 0 || depth >= maxDepth {
		return
	}
	if depth == 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), runTime)
		defer stop()
	}
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.name
	}
	rows, err := w.db().AutomationRule.Query().Where(automationrule.TriggerIn(uniq(names)...), automationrule.Enabled(true),
		automationrule.Or(automationrule.ProjectID(events[0].project), automationrule.ProjectIDIsNil())).
		Order(ent.Asc(automationrule.FieldPosition, automationrule.FieldID)).WithOwner().All(ctx)
	if err != nil {
		w.o.Report(ctx, wrap("read the rules", err))
		return
	}
	for _, e := range events {
		for _, row := range rows {
			if row.Trigger != e.name || slices.Contains(e.rules, row.ID) {
				continue
			}
			if err := ctx.Err(); err != nil {
				w.o.Report(ctx, fmt.Errorf("the rules took too long: %w", err))
				return
			}
			w.note(ctx, row, w.run(ctx, row, e, depth))
		}
	}
}

// note records how a run ended. A failure that is the service's own is reported and not held against the rule.
func (w *Work) note(ctx context.Context, row *ent.AutomationRule, failed error) {
	switch fault.KindOf(failed) {
	case fault.Internal, fault.Unavailable:
		if failed != nil {
			w.o.Report(ctx, fmt.Errorf("run rule %s: %w", row.ID, failed))
			return
		}
	}
	err := w.o.Store.Tx(ctx, func(tx *ent.Tx) error {
		update := tx.AutomationRule.Update().Where(automationrule.ID(row.ID)).AddRuns(1).SetLastRunAt(w.now())
		if failed == nil {
			if row.LastError != "" {
				update.SetLastError("")
			}
			return update.Exec(ctx)
		}
		times := 1
		if now, err := tx.AutomationRule.Get(ctx, row.ID); err == nil {
			if _, err := fmt.Sscanf(now.LastError, "failed %d times", &times); err == nil {
				times++
			} else if now.LastError != "" {
				times = 2
			}
		}
		text := shown(failed)
		if times > 1 {
			text = fmt.Sprintf("failed %d times in a row: %s", times, text)
		}
		if times >= maxFailures {
			text += "; it was switched off"
			update.SetEnabled(false)
		}
		return update.SetLastError(cut(text, schema.MaxReason)).Exec(ctx)
	})
	if err != nil {
		w.o.Report(ctx, fmt.Errorf("record the run of rule %s: %w", row.ID, err))
	}
}

// shown is what an error says to who made the rule; of one that is the service's own, nothing.
func shown(err error) string {
	var all []string
	for _, one := range fault.Problems(err) {
		all = append(all, one.Shown())
	}
	if len(all) == 0 {
		return "it could not be run"
	}
	return strings.Join(all, "; ")
}

func (w *Work) compiled(source string) (*expression.Condition, error) {
	w.mu.Lock()
	known := w.conditions[source]
	w.mu.Unlock()
	if known != nil {
		return known, nil
	}
	made, err := w.o.Conditions.Compile(source)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.conditions) >= maxCached {
		clear(w.conditions)
	}
	w.conditions[source] = made
	return made, nil
}

// acts is who a rule acts as: its owner, with what its owner may now, and never more than changing tasks.
func acts(row *ent.AutomationRule) (actor.Actor, error) {
	owner := row.Edges.Owner
	if owner == nil || owner.Status != user.StatusActive || owner.Kind != user.KindPerson {
		return actor.Actor{}, fault.Refused("whoever made the rule is no longer here: somebody else has to save it")
	}
	who := actor.Rule(cut("rule “"+row.Name+"”", schema.MaxPersonName), actor.Role(owner.Role))
	who.ID = owner.ID
	return who, nil
}

func (w *Work) run(ctx context.Context, row *ent.AutomationRule, e event, depth int) error {
	who, err := acts(row)
	if err != nil {
		return err
	}
	t, err := taskByID(ctx, w.db(), who, e.task, SeeProject)
	if fault.Is(err, fault.NotFound) {
		return nil // gone meanwhile, or not its owner's to see
	}
	if err != nil {
		return err
	}
	holds, err := w.holds(ctx, row.Condition, t, e)
	if err != nil {
		return err
	}
	branch := "then"
	if !holds {
		branch = "else"
	}
	var todo []Action
	for _, a := range row.Actions {
		if (a.With["branch"] == "else") == (branch == "else") {
			todo = append(todo, Action{a.Do, a.With["value"]})
		}
	}
	if len(todo) == 0 {
		return nil
	}
	return w.changeBy(ctx, who, depth+1, append(slices.Clone(e.rules), row.ID), func(c *change) error {
		for _, a := range todo {
			t, err := taskByID(ctx, c.Client(), who, e.task, EditTask)
			if err != nil {
				return err
			}
			if err := c.act(ctx, t, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// holds tells whether a rule's condition is true of what happened (AS-5).
func (w *Work) holds(ctx context.Context, condition string, t found, e event) (bool, error) {
	if condition == "" {
		return true, nil
	}
	compiled, err := w.compiled(condition)
	if err != nil {
		return false, err
	}
	facts, err := w.facts(ctx, t, e)
	if err != nil {
		return false, err
	}
	return compiled.Holds(ctx, facts)
}

func (w *Work) facts(ctx context.Context, t found, e event) (expression.Facts, error) {
	db := w.db()
	now, err := w.fact(ctx, t.Task, t.key, t.project.Key)
	if err != nil {
		return expression.Facts{}, err
	}
	before := now
	if e.before != nil {
		if before, err = w.fact(ctx, e.before, t.key, t.project.Key); err != nil {
			return expression.Facts{}, err
		}
	}
	teams, err := db.Team.Query().Where(team.HasMembersWith(teammember.UserID(e.who.ID))).Select(team.FieldName).Strings(ctx)
	if err != nil {
		return expression.Facts{}, wrap("read teams", err)
	}
	return expression.Facts{
		Now: w.now(), Event: e.name, Changed: e.changed, Task: now, Before: before, Comment: e.comment,
		Actor: expression.Actor{ID: e.who.ID.String(), Name: e.who.Name, Role: string(e.who.Role), Teams: teams},
	}, nil
}

func (w *Work) fact(ctx context.Context, t *ent.Task, key, project string) (expression.Task, error) {
	db := w.db()
	f := expression.Task{Key: key, Project: project, Title: t.Title, Description: t.Description, Priority: PriorityName(t.Priority),
		Author: t.ReporterID.String(), Created: t.CreatedAt}
	if t.AssigneeID != nil {
		f.Assignee = t.AssigneeID.String()
	}
	if t.DueOn != nil {
		f.Due, _ = time.Parse(time.DateOnly, *t.DueOn) // it was checked when it was written
	}
	column, err := db.State.Get(ctx, t.StateID)
	if err == nil {
		f.Status = column.Name
	} else if !ent.IsNotFound(err) {
		return f, wrap("read the column", err)
	}
	if f.Labels, err = t.QueryLabels().Order(ent.Asc(label.FieldName)).Select(label.FieldName).Strings(ctx); err != nil {
		return f, wrap("read labels", err)
	}
	items, err := db.ChecklistItem.Query().Where(checklistitem.TaskID(t.ID)).Select(checklistitem.FieldID, checklistitem.FieldDoneAt).All(ctx)
	if err != nil {
		return f, wrap("read the checklist", err)
	}
	for _, item := range items {
		if item.DoneAt != nil {
			f.Done++
		} else {
			f.Open++
		}
	}
	f.Comments, err = db.Comment.Query().Where(comment.TaskID(t.ID), comment.DeletedAtIsNil()).Count(ctx)
	return f, wrap("count comments", err)
}

// act does one thing to a task, with the rights of the rule.
func (c *change) act(ctx context.Context, t found, a Action) error {
	set := func(n TaskChange) error {
		_, err := c.update(ctx, t, n)
		return err
	}
	switch a.Do {
	case DoPriority:
		return set(TaskChange{Priority: &a.Value})
	case DoDue:
		if n, ok := inDays(a.Value); ok {
			a.Value = c.at.AddDate(0, 0, n).Format(time.DateOnly)
		}
		return set(TaskChange{Due: &a.Value})
	case DoMove:
		column, err := c.State.Query().Where(state.ProjectID(t.ProjectID), state.NameEqualFold(a.Value)).First(ctx)
		if ent.IsNotFound(err) {
			return fault.BadInput("value", fmt.Sprintf("the project has no column %q", cut(a.Value, 50)), "change the rule")
		}
		if err != nil {
			return wrap("find the column", err)
		}
		return set(TaskChange{Status: &column.ID})
	case DoAssign:
		id := uuid.Nil
		if a.Value != "" {
			one, err := c.byHandle(ctx, t, a.Value)
			if err != nil {
				return err
			}
			id = one
		}
		return set(TaskChange{Assignee: &id})
	case DoLabel, DoUnlabel:
		l, err := c.Label.Query().Where(label.ScopeIn(t.ProjectID.String(), schema.EveryProject), label.NameEqualFold(a.Value)).First(ctx)
		if ent.IsNotFound(err) {
			return fault.BadInput("value", fmt.Sprintf("the project has no label %q", cut(a.Value, 50)), "change the rule")
		}
		if err != nil {
			return wrap("find the label", err)
		}
		ids, err := t.QueryLabels().IDs(ctx) // through the transaction that t was read in
		if err != nil {
			return wrap("read labels", err)
		}
		ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return id == l.ID })
		if a.Do == DoLabel {
			ids = append(ids, l.ID)
		}
		return set(TaskChange{Labels: &ids})
	case DoComment:
		_, err := c.comment(ctx, t, a.Value)
		return err
	case DoNotify:
		var id uuid.UUID
		switch a.Value {
		case "assignee":
			id = assigneeOf(t.Task)
		case "author":
			id = t.ReporterID
		default:
			one, err := c.byHandle(ctx, t, a.Value)
			if err != nil {
				return err
			}
			id = one
		}
		if ok, err := c.User.Query().Where(user.ID(id), access(t.project)).Exist(ctx); err != nil || !ok {
			return wrap("find who to notify", err)
		}
		c.tell(Notice{UserID: id, Kind: NoticeRule, TaskID: t.ID, Key: t.key, Title: t.Title, Text: c.who.Name})
		return nil
	case DoArchive:
		is := true
		return set(TaskChange{Archived: &is})
	}
	return fault.BadInput("do", "there is no such action", "change the rule")
}

// byHandle finds somebody who sees the project.
func (c *change) byHandle(ctx context.Context, t found, handle string) (uuid.UUID, error) {
	handle = strings.ToLower(strings.TrimPrefix(handle, "@"))
	people, err := c.User.Query().Where(access(t.project)).Select(user.FieldID, user.FieldName).Order(ent.Asc(user.FieldID)).All(ctx)
	if err != nil {
		return uuid.Nil, wrap("find people", err)
	}
	for _, one := range people {
		if Handle(one.Name) == handle {
			return one.ID, nil
		}
	}
	return uuid.Nil, fault.BadInput("value", fmt.Sprintf("nobody who sees the project is called %q", cut(handle, 50)), "change the rule")
}

// RuleTest is what trying a rule came to.
type RuleTest struct {
	Key   string
	Holds bool
	Would []Action
}

// TestRule tries a rule on a task, without doing anything. A condition that fails is a fault.Invalid of the field if.
func (w *Work) TestRule(ctx context.Context, who actor.Actor, r Rule, key string) (RuleTest, error) {
	if err := person(who, actor.Read); err != nil {
		return RuleTest{}, err
	}
	t, err := taskFor(ctx, w.db(), who, key, SeeProject)
	if fault.Is(err, fault.NotFound) {
		return RuleTest{}, fault.BadInput("test-task", "there is no such task", "write a key such as OPS-12")
	}
	if err != nil {
		return RuleTest{}, err
	}
	r, actions, err := w.check(r)
	if err != nil {
		return RuleTest{}, err
	}
	test := RuleTest{Key: t.key}
	test.Holds, err = w.holds(ctx, r.If, t, event{name: r.When, task: t.ID, project: t.ProjectID, who: who})
	if err != nil {
		return RuleTest{}, fault.BadInput("if", shown(err), "")
	}
	for _, a := range actions {
		if (a.With["branch"] == "else") != test.Holds {
			test.Would = append(test.Would, Action{a.Do, a.With["value"]})
		}
	}
	return test, nil
}
