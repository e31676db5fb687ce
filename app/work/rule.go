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
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
)

// Triggers are what a rule can wait for.
func Triggers() []string {
	return []string{"task.created", "task.changed", "task.moved", "comment.added", "attachment.added", "task.due"}
}

// The actions of a rule. Each has a value: a priority, the name of a label or column, somebody's handle, a text.
const (
	DoPriority = "priority"
	DoDue      = "due" // a day, or +3 for in three days
	DoMove     = "move"
	DoAssign   = "assign" // a handle; "" for nobody
	DoLabel    = "add-label"
	DoUnlabel  = "remove-label"
	DoComment  = "comment"
	DoNotify   = "notify" // a handle, "assignee" or "author"
	DoArchive  = "archive"
)

// Actions are all actions.
func Actions() []string {
	return []string{DoPriority, DoDue, DoMove, DoAssign, DoLabel, DoUnlabel, DoComment, DoNotify, DoArchive}
}

// Action is one thing that a rule does.
type Action struct{ Do, Value string }

// Rule is "when … if … then … else …".
type Rule struct {
	ID        uuid.UUID
	Project   string // its key
	Name      string
	When      string // one of Triggers
	If        string // CEL; "" for always (AS-5)
	Then      []Action
	Else      []Action
	Enabled   bool
	Runs      int64
	LastRun   time.Time // zero: never
	LastError string
	OwnerID   uuid.UUID
}

// Rules are a project's rules: whoever sees the project may know why its tasks change.
func (w *Work) Rules(ctx context.Context, who actor.Actor, key string) ([]Rule, error) {
	if err := who.Need(actor.Read); err != nil {
		return nil, err
	}
	p, _, err := projectFor(ctx, w.db(), who, key, SeeProject)
	if err != nil {
		return nil, err
	}
	rows, err := w.db().AutomationRule.Query().Where(automationrule.ProjectID(p.ID)).
		Order(ent.Asc(automationrule.FieldPosition, automationrule.FieldID)).All(ctx)
	if err != nil {
		return nil, wrap("read the rules", err)
	}
	rules := make([]Rule, len(rows))
	for i, row := range rows {
		rules[i] = toRule(row, p.Key)
	}
	return rules, nil
}

// Rule is one rule.
func (w *Work) Rule(ctx context.Context, who actor.Actor, id uuid.UUID) (Rule, error) {
	if err := who.Need(actor.Read); err != nil {
		return Rule{}, err
	}
	row, p, err := ruleFor(ctx, w.db(), who, id, SeeProject)
	if err != nil {
		return Rule{}, err
	}
	return toRule(row, p.Key), nil
}

func toRule(row *ent.AutomationRule, project string) Rule {
	r := Rule{ID: row.ID, Project: project, Name: row.Name, When: row.Trigger, If: row.Condition, Enabled: row.Enabled, Runs: row.Runs,
		LastError: row.LastError, OwnerID: row.OwnerID}
	if row.LastRunAt != nil {
		r.LastRun = *row.LastRunAt
	}
	for _, a := range row.Actions {
		one := Action{a.Do, a.With["value"]}
		if a.With["branch"] == "else" {
			r.Else = append(r.Else, one)
		} else {
			r.Then = append(r.Then, one)
		}
	}
	return r
}

func ruleFor(ctx context.Context, db *ent.Client, who actor.Actor, id uuid.UUID, d Deed) (*ent.AutomationRule, *ent.Project, error) {
	if err := who.Need(mustScope(d)); err != nil {
		return nil, nil, err
	}
	row, err := db.AutomationRule.Query().Where(automationrule.ID(id)).WithProject().Only(ctx)
	if ent.IsNotFound(err) || err == nil && row.Edges.Project == nil {
		return nil, nil, fault.Missing("rule")
	}
	if err != nil {
		return nil, nil, wrap("find the rule", err)
	}
	p := row.Edges.Project
	s, err := standing(ctx, db, who, p)
	if err != nil {
		return nil, nil, err
	}
	if err := need(who, d, s, "rule"); err != nil {
		return nil, nil, err
	}
	if d != SeeProject {
		err = archived(p)
	}
	return row, p, err
}

// check tells all that is wrong with a rule. prefix of an action's fields: then-0-do, else-1-value.
func (w *Work) check(r Rule) (Rule, []schema.Action, error) {
	var f form
	r.Name = f.line("name", r.Name, schema.MaxName, true)
	if !slices.Contains(Triggers(), r.When) {
		f.bad("when", "there is no such event", "choose one of "+strings.Join(Triggers(), ", "))
	}
	r.If = strings.TrimSpace(r.If)
	if r.If != "" {
		if _, err := w.o.Conditions.Compile(r.If); err != nil {
			for _, one := range fault.Problems(err) {
				f.bad("if", one.Msg, one.Fix)
			}
			if len(fault.Problems(err)) == 0 {
				f.problems = append(f.problems, err)
			}
		}
	}
	var actions []schema.Action
	for branch, all := range map[string][]Action{"then": r.Then, "else": r.Else} {
		for i, a := range all {
			if a.Do == "" {
				continue
			}
			f.action(fmt.Sprintf("%s-%d-", branch, i), a)
		}
	}
	for _, one := range []struct {
		branch string
		all    []Action
	}{{"then", r.Then}, {"else", r.Else}} {
		for _, a := range one.all {
			if a.Do != "" {
				actions = append(actions, schema.Action{Do: a.Do, With: map[string]string{"branch": one.branch, "value": strings.TrimSpace(a.Value)}})
			}
		}
	}
	switch {
	case len(actions) == 0:
		f.bad("then-0-do", "it does nothing", "choose at least one action")
	case len(actions) > schema.MaxActionsPerRule:
		f.bad("then-0-do", "it does too much", "use at most 10 actions")
	}
	return r, actions, f.err()
}

func (f *form) action(prefix string, a Action) {
	value := prefix + "value"
	if !slices.Contains(Actions(), a.Do) {
		f.bad(prefix+"do", "there is no such action", "choose one of "+strings.Join(Actions(), ", "))
		return
	}
	switch a.Do {
	case DoPriority:
		if a.Value == "" {
			f.bad(value, "it is empty", "use one of low, normal, high, urgent")
		}
		f.priority(value, a.Value)
	case DoDue:
		if _, ok := inDays(a.Value); !ok {
			f.day(value, a.Value)
		}
	case DoComment:
		f.markdown(value, a.Value, true)
		if len(a.Value) > 4000 {
			f.bad(value, "it is too long", "use at most 4,000 bytes")
		}
	case DoArchive, DoAssign:
		f.line(value, a.Value, schema.MaxName, false)
	default:
		f.line(value, a.Value, schema.MaxName, true)
	}
}

// inDays reads +3.
func inDays(text string) (int, bool) {
	var n int
	_, err := fmt.Sscanf(strings.TrimSpace(text), "+%d", &n)
	return n, err == nil && n >= 0 && n <= 3650
}

// SaveRule makes a rule (ID uuid.Nil) or changes one, which is its editor's from then on: it may do what they may.
func (w *Work) SaveRule(ctx context.Context, who actor.Actor, r Rule) (uuid.UUID, error) {
	if err := person(who, actor.Write); err != nil {
		return uuid.Nil, err
	}
	id := r.ID
	err := w.change(ctx, who, func(c *change) error {
		var p *ent.Project
		var err error
		if r.ID == uuid.Nil {
			var s Standing
			if p, s, err = projectFor(ctx, c.Client(), who, r.Project, EditRules); err == nil {
				err = need(who, EditRules, s, "project")
			}
			if err == nil {
				err = archived(p)
			}
		} else {
			_, p, err = ruleFor(ctx, c.Client(), who, r.ID, EditRules)
		}
		if err != nil {
			return err
		}
		r, actions, err := w.check(r)
		if err != nil {
			return err
		}
		if r.ID == uuid.Nil {
			n, err := c.AutomationRule.Query().Where(automationrule.ProjectID(p.ID)).Count(ctx)
			if err != nil {
				return wrap("count the rules", err)
			}
			if n >= maxRules {
				return fault.BadInput("name", "the project has too many rules", "delete some that nobody needs")
			}
			id = schema.NewID()
			err = c.AutomationRule.Create().SetID(id).SetProjectID(p.ID).SetOwnerID(who.ID).SetName(r.Name).SetTrigger(r.When).SetCondition(r.If).
				SetActions(actions).SetEnabled(r.Enabled).SetPosition(n).SetCreatedAt(c.at).SetUpdatedAt(c.at).Exec(ctx)
			if err != nil {
				return wrap("write the rule", err)
			}
			c.log("rule.create", "rule "+r.Name, id, "project", p.Key, "when", r.When, "if", r.If)
			return nil
		}
		err = c.AutomationRule.UpdateOneID(r.ID).SetOwnerID(who.ID).SetName(r.Name).SetTrigger(r.When).SetCondition(r.If).
			SetActions(actions).SetEnabled(r.Enabled).SetLastError("").SetUpdatedAt(c.at).Exec(ctx)
		c.log("rule.update", "rule "+r.Name, r.ID, "project", p.Key, "when", r.When, "if", r.If)
		return wrap("write the rule", err)
	})
	return id, err
}

// maxRules is how many rules a project has at most.
const maxRules = 50

// EnableRule switches a rule on or off. It gives the project's key.
func (w *Work) EnableRule(ctx context.Context, who actor.Actor, id uuid.UUID, on bool) (project string, err error) {
	if err := person(who, actor.Write); err != nil {
		return "", err
	}
	err = w.change(ctx, who, func(c *change) error {
		row, p, err := ruleFor(ctx, c.Client(), who, id, EditRules)
		if err != nil {
			return err
		}
		project = p.Key
		update := c.AutomationRule.UpdateOneID(id).SetEnabled(on).SetUpdatedAt(c.at)
		if on {
			update.SetLastError("")
		}
		c.log("rule.enable", "rule "+row.Name, id, "enabled", yes(on))
		return wrap("write the rule", update.Exec(ctx))
	})
	return project, err
}

// DeleteRule removes a rule. It gives the project's key.
func (w *Work) DeleteRule(ctx context.Context, who actor.Actor, id uuid.UUID) (project string, err error) {
	if err := person(who, actor.Write); err != nil {
		return "", err
	}
	err = w.change(ctx, who, func(c *change) error {
		row, p, err := ruleFor(ctx, c.Client(), who, id, EditRules)
		if err != nil {
			return err
		}
		project = p.Key
		c.log("rule.delete", "rule "+row.Name, id, "project", p.Key)
		return wrap("delete the rule", c.AutomationRule.DeleteOneID(id).Exec(ctx))
	})
	return project, err
}
