package work

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/tasklabel"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
)

// TaskChange is what is to become of a task; nil leaves a thing as it is.
type TaskChange struct {
	Key         string
	Version     int // that was read; 0 changes it whatever the version
	Title       *string
	Description *string
	Status      *uuid.UUID
	Priority    *string
	Assignee    *uuid.UUID // uuid.Nil: nobody
	Due         *string    // "": none
	Labels      *[]uuid.UUID
	Archived    *bool
}

// UpdateTask changes a task. Somebody who was faster is a fault.Clash.
func (w *Work) UpdateTask(ctx context.Context, who actor.Actor, n TaskChange) (TaskRef, error) {
	if err := who.Need(actor.Write); err != nil {
		return TaskRef{}, err
	}
	var ref TaskRef
	err := w.change(ctx, who, func(c *change) (err error) {
		t, err := taskFor(ctx, c.Client(), who, n.Key, EditTask)
		if err != nil {
			return err
		}
		ref, err = c.update(ctx, t, n)
		return err
	})
	if err != nil {
		return TaskRef{}, err
	}
	return ref, nil
}

func faster() error {
	return fault.Clash("somebody else changed it meanwhile", "look at what it is now, and try again")
}

// update changes a task that may be changed.
func (c *change) update(ctx context.Context, t found, n TaskChange) (TaskRef, error) {
	if n.Version != 0 && n.Version != t.Version {
		return TaskRef{}, faster()
	}
	var f form
	p := t.project
	update := c.Task.UpdateOneID(t.ID).Where(task.Version(t.Version)).AddVersion(1).SetUpdatedAt(c.at)
	var changed, detail []string
	note := func(field, from, to string) {
		changed = append(changed, field)
		detail = append(detail, field, from+" → "+to)
	}
	title, description := t.Title, t.Description
	if n.Title != nil {
		if title = f.line("title", *n.Title, schema.MaxTitle, true); title != t.Title {
			update.SetTitle(title)
			note("title", t.Title, title)
		}
	}
	if n.Description != nil {
		if description = f.markdown("description", *n.Description, false); description != t.Description {
			update.SetDescription(description)
			changed, detail = append(changed, "description"), append(detail, "description", "changed")
		}
	}
	if title != t.Title || description != t.Description {
		update.SetSearch(searchText(t.key, title, description))
	}
	if n.Priority != nil {
		if priority := f.priority("priority", *n.Priority); priority != t.Priority && PriorityName(priority) != PriorityName(t.Priority) {
			update.SetPriority(priority)
			note("priority", PriorityName(t.Priority), PriorityName(priority))
		}
	}
	if n.Due != nil {
		if due := f.day("due", *n.Due); due != dueOf(t.Task) {
			if due == "" {
				update.ClearDueOn()
			} else {
				update.SetDueOn(due)
			}
			note("due", dueOf(t.Task), due)
		}
	}
	if n.Assignee != nil && *n.Assignee != assigneeOf(t.Task) {
		if err := c.assignee(ctx, &f, p, *n.Assignee); err != nil {
			return TaskRef{}, err
		}
		if *n.Assignee == uuid.Nil {
			update.ClearAssigneeID()
		} else {
			update.SetAssigneeID(*n.Assignee)
			c.tell(Notice{UserID: *n.Assignee, Kind: NoticeAssigned, TaskID: t.ID, Key: t.key, Title: title})
		}
		names, err := c.names(ctx, assigneeOf(t.Task), *n.Assignee)
		if err != nil {
			return TaskRef{}, err
		}
		note("assignee", names[0], names[1])
	}
	if n.Archived != nil && *n.Archived != (t.ArchivedAt != nil) {
		if *n.Archived {
			update.SetArchivedAt(c.at)
		} else {
			update.ClearArchivedAt()
		}
		note("archived", yes(t.ArchivedAt != nil), yes(*n.Archived))
	}
	moved := false
	if n.Status != nil && *n.Status != t.StateID {
		column, err := c.column(ctx, &f, p.ID, *n.Status)
		if err != nil {
			return TaskRef{}, err
		}
		if column != nil && column.ID != t.StateID {
			last, err := c.end(ctx, column.ID)
			if err != nil {
				return TaskRef{}, err
			}
			old, err := c.State.Get(ctx, t.StateID)
			if err != nil {
				return TaskRef{}, wrap("read the column", err)
			}
			update.SetStateID(column.ID).SetPosition(last + schema.PositionGap)
			done(update, t.Task, column, c.at)
			note("status", old.Name, column.Name)
			moved = true
		}
	}
	var labels []*ent.Label
	var relabel bool
	if n.Labels != nil {
		var err error
		if labels, err = c.labels(ctx, &f, p, *n.Labels); err != nil {
			return TaskRef{}, err
		}
		had, err := c.TaskLabel.Query().Where(tasklabel.TaskID(t.ID)).Select(tasklabel.FieldLabelID, tasklabel.FieldTaskID).All(ctx)
		if err != nil {
			return TaskRef{}, wrap("read the labels", err)
		}
		if relabel = !sameLabels(had, labels); relabel {
			changed, detail = append(changed, "labels"), append(detail, "labels", labelNames(labels))
		}
	}
	if err := f.err(); err != nil {
		return TaskRef{}, err
	}
	if len(changed) == 0 {
		return TaskRef{ID: t.ID, Key: t.key, Title: t.Title, Project: p.Key, Version: t.Version}, nil
	}
	if err := update.Exec(ctx); ent.IsNotFound(err) {
		return TaskRef{}, faster()
	} else if err != nil {
		return TaskRef{}, wrap("write the task", err)
	}
	if relabel {
		if _, err := c.TaskLabel.Delete().Where(tasklabel.TaskID(t.ID)).Exec(ctx); err != nil {
			return TaskRef{}, wrap("take labels off", err)
		}
		if err := c.link(ctx, t.ID, labels); err != nil {
			return TaskRef{}, err
		}
	}
	if description != t.Description {
		if err := c.mentions(ctx, p, t.Task, uuid.Nil, description, t.Description); err != nil {
			return TaskRef{}, err
		}
	}
	c.log("task.update", "task "+t.key, t.ID, detail...)
	verb := "task.changed"
	if moved && len(changed) == 1 {
		verb = "task.moved"
	}
	c.say(verb, p.ID, t.ID, t.key+" "+title, detail...)
	c.happen(event{name: "task.changed", task: t.ID, project: p.ID, changed: changed, before: t.Task})
	if moved {
		c.happen(event{name: "task.moved", task: t.ID, project: p.ID, changed: changed, before: t.Task})
	}
	return TaskRef{ID: t.ID, Key: t.key, Title: title, Project: p.Key, Version: t.Version + 1}, nil
}

// done keeps done_at as the column says.
func done(update *ent.TaskUpdateOne, t *ent.Task, column *ent.State, at time.Time) {
	switch {
	case column.Kind != state.KindDone:
		update.ClearDoneAt()
	case t.DoneAt == nil:
		update.SetDoneAt(at)
	}
}

func dueOf(t *ent.Task) string {
	if t.DueOn == nil {
		return ""
	}
	return *t.DueOn
}

func assigneeOf(t *ent.Task) uuid.UUID {
	if t.AssigneeID == nil {
		return uuid.Nil
	}
	return *t.AssigneeID
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func sameLabels(had []*ent.TaskLabel, want []*ent.Label) bool {
	return len(had) == len(want) && !slices.ContainsFunc(had, func(one *ent.TaskLabel) bool {
		return !slices.ContainsFunc(want, func(l *ent.Label) bool { return l.ID == one.LabelID })
	})
}

func labelNames(labels []*ent.Label) string {
	names := make([]string, len(labels))
	for i, l := range labels {
		names[i] = l.Name
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// names gives people's names, in order; "nobody" for none.
func (c *change) names(ctx context.Context, ids ...uuid.UUID) ([]string, error) {
	rows, err := c.User.Query().Where(user.IDIn(ids...)).Select(user.FieldID, user.FieldName).All(ctx)
	if err != nil {
		return nil, wrap("read names", err)
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = "nobody"
		for _, row := range rows {
			if row.ID == id {
				names[i] = row.Name
			}
		}
	}
	return names, nil
}
