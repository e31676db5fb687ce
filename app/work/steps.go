package work

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/checklistitem"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/taskrelation"
	"github.com/berth-iac/berth/app/fault"
)

// AddStep adds an item to a task's checklist.
func (w *Work) AddStep(ctx context.Context, who actor.Actor, key, text string) (uuid.UUID, error) {
	id := schema.NewID()
	err := w.onTask(ctx, who, key, "task.checklist", func(c *change, t found) (string, error) {
		var f form
		text := f.line("item", text, schema.MaxChecklist, true)
		n, err := c.ChecklistItem.Query().Where(checklistitem.TaskID(t.ID)).Count(ctx)
		if err != nil {
			return "", wrap("count the checklist", err)
		}
		if n >= schema.MaxChecklistPerTask {
			f.bad("item", "the checklist is full", "make another task of some of it")
		}
		if err := f.err(); err != nil {
			return "", err
		}
		last, err := c.ChecklistItem.Query().Where(checklistitem.TaskID(t.ID)).Order(ent.Desc(checklistitem.FieldPosition)).First(ctx)
		position := 0
		if err == nil {
			position = last.Position + 1
		} else if !ent.IsNotFound(err) {
			return "", wrap("find the end of the checklist", err)
		}
		return "added: " + text, c.ChecklistItem.Create().SetID(id).SetTaskID(t.ID).SetText(text).SetPosition(position).Exec(ctx)
	})
	return id, err
}

// The things to do to a step.
const (
	StepDone   = "done"
	StepOpen   = "open"
	StepDelete = "delete"
)

// ChangeStep marks a step as done or open, or deletes it.
func (w *Work) ChangeStep(ctx context.Context, who actor.Actor, key string, id uuid.UUID, do string) error {
	return w.onTask(ctx, who, key, "task.checklist", func(c *change, t found) (string, error) {
		row, err := c.ChecklistItem.Query().Where(checklistitem.ID(id), checklistitem.TaskID(t.ID)).Only(ctx)
		if ent.IsNotFound(err) {
			return "", fault.Missing("item")
		}
		if err != nil {
			return "", err
		}
		switch do {
		case StepDone:
			err = c.ChecklistItem.UpdateOneID(id).SetDoneAt(c.at).Exec(ctx)
		case StepOpen:
			err = c.ChecklistItem.UpdateOneID(id).ClearDoneAt().Exec(ctx)
		case StepDelete:
			err = c.ChecklistItem.DeleteOneID(id).Exec(ctx)
		default:
			return "", fault.BadInput("do", "it is not known", "use done, open or delete")
		}
		return do + ": " + row.Text, err
	})
}

// onTask changes what hangs on a task, which counts as a change of the task.
func (w *Work) onTask(ctx context.Context, who actor.Actor, key, action string, do func(c *change, t found) (string, error)) error {
	if err := who.Need(actor.Write); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		t, err := taskFor(ctx, c.Client(), who, key, EditTask)
		if err != nil {
			return err
		}
		// First, so that two who add to the same task wait for each other and the limits hold.
		if err := c.Task.UpdateOneID(t.ID).SetUpdatedAt(c.at).Exec(ctx); err != nil {
			return wrap("mark the task", err)
		}
		what, err := do(c, t)
		if err != nil {
			return wrap("change the task", err)
		}
		c.log(action, "task "+t.key, t.ID, "what", what)
		c.say(action, t.ProjectID, t.ID, t.subject(), "what", cut(what, 140))
		_, field, _ := strings.Cut(action, ".")
		c.happen(event{name: "task.changed", task: t.ID, project: t.ProjectID, changed: []string{field}, before: t.Task})
		return nil
	})
}

// The kinds of relation, as the task that they are added to reads them. The last two are the other ends of blocks and parent.
const (
	Blocks     = "blocks"
	Relates    = "relates"
	Duplicates = "duplicates"
	Parent     = "parent" // this task is the other's parent
	BlockedBy  = "blocked-by"
	ChildOf    = "child-of"
)

// RelationKinds are all kinds that can be added.
func RelationKinds() []string {
	return []string{Blocks, BlockedBy, Relates, Duplicates, Parent, ChildOf}
}

// Relate says what one task is to another, which the person has to see.
func (w *Work) Relate(ctx context.Context, who actor.Actor, key, kind, other string) (uuid.UUID, error) {
	id := schema.NewID()
	err := w.onTask(ctx, who, key, "task.relation", func(c *change, t found) (string, error) {
		reader := who
		reader.Scopes = []actor.Scope{actor.Read}
		o, err := taskFor(ctx, c.Client(), reader, other, SeeProject)
		if fault.Is(err, fault.NotFound) {
			return "", fault.BadInput("other", "there is no such task", "write a key such as OPS-12")
		}
		if err != nil {
			return "", err
		}
		from, to, stored := t.ID, o.ID, taskrelation.Kind(kind)
		switch kind {
		case BlockedBy:
			from, to, stored = to, from, taskrelation.KindBlocks
		case ChildOf:
			from, to, stored = to, from, taskrelation.KindParent
		case Relates:
			if strings.Compare(from.String(), to.String()) > 0 { // it has no direction: one row for both
				from, to = to, from
			}
		}
		if err := taskrelation.KindValidator(stored); err != nil {
			return "", fault.BadInput("kind", "there is no such relation", "choose one of "+strings.Join(RelationKinds(), ", "))
		}
		if from == to {
			return "", fault.BadInput("other", "it is the same task", "choose another")
		}
		n, err := c.TaskRelation.Query().Where(taskrelation.Or(taskrelation.FromID(t.ID), taskrelation.ToID(t.ID))).Count(ctx)
		if err != nil {
			return "", err
		}
		if n >= schema.MaxRelationsPerTask {
			return "", fault.BadInput("other", "the task has too many relations", "remove some first")
		}
		known, err := c.TaskRelation.Query().Where(taskrelation.FromID(from), taskrelation.ToID(to), taskrelation.KindEQ(stored)).Exist(ctx)
		if err != nil {
			return "", err
		}
		if known {
			return "", fault.BadInput("other", "this is known already", "")
		}
		if stored == taskrelation.KindBlocks || stored == taskrelation.KindParent {
			// One that adds such a relation at a time: else two of them could close a circle that neither sees.
			if err := c.lock(ctx, "work.relations"); err != nil {
				return "", err
			}
			circle, err := c.leads(ctx, stored, to, from)
			if err != nil {
				return "", err
			}
			if circle {
				return "", fault.BadInput("other", "this would close a circle", "remove the relation in the other direction first")
			}
		}
		return kind + " " + o.key, c.TaskRelation.Create().SetID(id).SetFromID(from).SetToID(to).SetKind(stored).SetCreatedAt(c.at).Exec(ctx)
	})
	return id, err
}

// lock makes changes of one kind wait for each other, until the transaction is over.
func (c *change) lock(ctx context.Context, name string) error {
	err := c.Setting.Create().SetID(name).SetValue([]byte("0")).SetUpdatedAt(c.at).OnConflictColumns("id").UpdateUpdatedAt().Exec(ctx)
	return wrap("wait for others", err)
}

// leads tells whether relations of a kind lead from a task to another.
func (c *change) leads(ctx context.Context, kind taskrelation.Kind, from, to uuid.UUID) (bool, error) {
	seen := map[uuid.UUID]bool{from: true}
	for edge := []uuid.UUID{from}; len(edge) > 0; {
		if seen[to] {
			return true, nil
		}
		if len(seen) > 10_000 {
			return true, nil // so long a chain is refused
		}
		rows, err := c.TaskRelation.Query().Where(taskrelation.FromIDIn(edge[:min(len(edge), 500)]...), taskrelation.KindEQ(kind)).All(ctx)
		if err != nil {
			return false, wrap("follow relations", err)
		}
		edge = edge[min(len(edge), 500):]
		for _, row := range rows {
			if !seen[row.ToID] {
				seen[row.ToID] = true
				edge = append(edge, row.ToID)
			}
		}
	}
	return seen[to], nil
}

// Unrelate removes a relation, from either of its ends.
func (w *Work) Unrelate(ctx context.Context, who actor.Actor, key string, id uuid.UUID) error {
	return w.onTask(ctx, who, key, "task.relation", func(c *change, t found) (string, error) {
		n, err := c.TaskRelation.Delete().Where(taskrelation.ID(id), taskrelation.Or(taskrelation.FromID(t.ID), taskrelation.ToID(t.ID)),
			taskrelation.HasFromWith(seenTasks(who)...), taskrelation.HasToWith(seenTasks(who)...)).Exec(ctx)
		if err == nil && n == 0 {
			err = fault.Missing("relation")
		}
		return "removed", err
	})
}

// relations are those of some tasks whose other end the reader sees.
func relationsOf(ctx context.Context, db *ent.Client, who actor.Actor, id uuid.UUID) ([]*ent.TaskRelation, error) {
	brief := func(q *ent.TaskQuery) {
		q.Select(task.FieldID, task.FieldProjectID, task.FieldNumber, task.FieldTitle, task.FieldDoneAt).Where(seenTasks(who)...).WithProject()
	}
	rows, err := db.TaskRelation.Query().Where(taskrelation.Or(taskrelation.FromID(id), taskrelation.ToID(id))).
		WithFrom(brief).WithTo(brief).Order(ent.Asc(taskrelation.FieldCreatedAt)).All(ctx)
	return rows, wrap("read relations", err)
}
