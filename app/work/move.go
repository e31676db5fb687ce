package work

import (
	"context"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/fault"
)

// Move puts a task into a column, before another task of it or at its end.
type Move struct {
	Key    string
	Status uuid.UUID
	Before string // the key of the task that it goes before; "": the end of the column
}

// MoveTask moves a task on the board. Moves of one column wait for each other.
func (w *Work) MoveTask(ctx context.Context, who actor.Actor, m Move) (TaskRef, error) {
	if err := who.Need(actor.Write); err != nil {
		return TaskRef{}, err
	}
	var ref TaskRef
	err := w.change(ctx, who, func(c *change) (err error) {
		t, err := taskFor(ctx, c.Client(), who, m.Key, EditTask)
		if err != nil {
			return err
		}
		ref, err = c.move(ctx, t, m)
		return err
	})
	if err != nil {
		return TaskRef{}, err
	}
	return ref, nil
}

func (c *change) move(ctx context.Context, t found, m Move) (TaskRef, error) {
	var f form
	column, err := c.column(ctx, &f, t.ProjectID, m.Status)
	if err != nil {
		return TaskRef{}, err
	}
	if err := f.err(); err != nil {
		return TaskRef{}, err
	}
	// The column's row is locked, so that two moves do not take the same place, nor renumber at the same time.
	if err := c.State.Update().Where(state.ID(column.ID)).SetName(column.Name).Exec(ctx); err != nil {
		return TaskRef{}, wrap("lock the column", err)
	}
	position, err := c.room(ctx, t, column.ID, m.Before)
	if err != nil {
		return TaskRef{}, err
	}
	ref := TaskRef{ID: t.ID, Key: t.key, Title: t.Title, Project: t.project.Key, Version: t.Version + 1}
	update := c.Task.UpdateOneID(t.ID).SetStateID(column.ID).SetPosition(position).AddVersion(1).SetUpdatedAt(c.at)
	done(update, t.Task, column, c.at)
	if err := update.Exec(ctx); ent.IsNotFound(err) {
		return TaskRef{}, fault.Missing("task")
	} else if err != nil {
		return TaskRef{}, wrap("move the task", err)
	}
	if column.ID == t.StateID { // only its order: the log knows, the feed and the rules need not
		c.log("task.order", "task "+t.key, t.ID)
		return ref, nil
	}
	old, err := c.State.Get(ctx, t.StateID)
	if err != nil {
		return TaskRef{}, wrap("read the column", err)
	}
	way := old.Name + " → " + column.Name
	c.log("task.move", "task "+t.key, t.ID, "status", way)
	c.say("task.moved", t.ProjectID, t.ID, t.subject(), "status", way)
	c.happen(event{name: "task.changed", task: t.ID, project: t.ProjectID, changed: []string{"status"}, before: t.Task})
	c.happen(event{name: "task.moved", task: t.ID, project: t.ProjectID, changed: []string{"status"}, before: t.Task})
	return ref, nil
}

// room finds a position, and makes room where there is none between two neighbours.
func (c *change) room(ctx context.Context, t found, column uuid.UUID, before string) (int64, error) {
	others := func() *ent.TaskQuery { return c.Task.Query().Where(task.StateID(column), task.IDNEQ(t.ID)) }
	if before == "" {
		last, err := others().Order(ent.Desc(task.FieldPosition)).Select(task.FieldPosition).First(ctx)
		if ent.IsNotFound(err) {
			return schema.PositionGap, nil
		}
		if err != nil {
			return 0, wrap("find the end of the column", err)
		}
		return last.Position + schema.PositionGap, nil
	}
	name, number, ok := parseKey(before)
	if !ok {
		return 0, fault.BadInput("before", "there is no such task in this column", "choose one that is")
	}
	for range 2 {
		next, err := others().Where(task.Number(number), task.HasProjectWith(project.Key(name))).Only(ctx)
		if ent.IsNotFound(err) {
			return 0, fault.BadInput("before", "there is no such task in this column", "choose one that is")
		}
		if err != nil {
			return 0, wrap("find the neighbour", err)
		}
		low := int64(0)
		previous, err := others().Where(task.IDNEQ(next.ID), task.PositionLTE(next.Position)).Order(ent.Desc(task.FieldPosition)).First(ctx)
		switch {
		case ent.IsNotFound(err):
			low = next.Position - 2*schema.PositionGap
		case err != nil:
			return 0, wrap("find the neighbour", err)
		default:
			low = previous.Position
		}
		if next.Position-low > 1 {
			return low + (next.Position-low)/2, nil
		}
		if err := c.renumber(ctx, column); err != nil {
			return 0, err
		}
	}
	return 0, fault.Clash("the column has no room there", "try again")
}

// renumber puts the tasks of a column as far apart as at first. It is rare: after some 16 moves to the same place.
func (c *change) renumber(ctx context.Context, column uuid.UUID) error {
	rows, err := c.Task.Query().Where(task.StateID(column)).Order(ent.Asc(task.FieldPosition, task.FieldID)).
		Select(task.FieldID, task.FieldPosition).All(ctx)
	if err != nil {
		return wrap("read the column", err)
	}
	for i, row := range rows {
		if want := int64(i+1) * schema.PositionGap; row.Position != want {
			if err := c.Task.UpdateOneID(row.ID).SetPosition(want).Exec(ctx); err != nil {
				return wrap("renumber the column", err)
			}
		}
	}
	return nil
}
