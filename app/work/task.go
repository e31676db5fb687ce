package work

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
)

// NewTask is a task to be made. Status, labels and assignee are ids.
type NewTask struct {
	Project     string // its key
	Title       string
	Description string
	Status      uuid.UUID // uuid.Nil: the first column
	Priority    string    // "" is normal
	Assignee    uuid.UUID // uuid.Nil: nobody
	Due         string    // a day, or ""
	Labels      []uuid.UUID
}

// TaskRef is a task that was made or changed.
type TaskRef struct {
	ID      uuid.UUID
	Key     string
	Title   string
	Project string
	Version int
}

// CreateTask makes a task at the end of its column.
func (w *Work) CreateTask(ctx context.Context, who actor.Actor, n NewTask) (TaskRef, error) {
	if err := who.Need(actor.Write); err != nil {
		return TaskRef{}, err
	}
	if who.ID == uuid.Nil {
		return TaskRef{}, fault.Refused("a task has a reporter: somebody with an account")
	}
	var ref TaskRef
	err := w.change(ctx, who, func(c *change) error {
		p, _, err := projectFor(ctx, c.Client(), who, n.Project, CreateTask)
		if err != nil {
			return err
		}
		if err := archived(p); err != nil {
			return err
		}
		var f form
		title := f.line("title", n.Title, schema.MaxTitle, true)
		description := f.markdown("description", n.Description, false)
		priority, due := f.priority("priority", n.Priority), f.day("due", n.Due)
		column, err := c.column(ctx, &f, p.ID, n.Status)
		if err != nil {
			return err
		}
		labels, err := c.labels(ctx, &f, p, n.Labels)
		if err != nil {
			return err
		}
		if err := c.assignee(ctx, &f, p, n.Assignee); err != nil {
			return err
		}
		if err := f.err(); err != nil {
			return err
		}
		last, err := c.end(ctx, column.ID)
		if err != nil {
			return err
		}
		number, err := c.number(ctx, p)
		if err != nil {
			return err
		}
		key := taskKey(p.Key, number)
		id := schema.NewID()
		row := c.Task.Create().SetID(id).SetProjectID(p.ID).SetNumber(number).SetTitle(title).SetDescription(description).SetStateID(column.ID).
			SetPriority(priority).SetReporterID(who.ID).SetPosition(last + schema.PositionGap).SetSearch(searchText(key, title, description)).
			SetCreatedAt(c.at).SetUpdatedAt(c.at)
		if n.Assignee != uuid.Nil {
			row.SetAssigneeID(n.Assignee)
		}
		if due != "" {
			row.SetDueOn(due)
		}
		if column.Kind == state.KindDone {
			row.SetDoneAt(c.at)
		}
		t, err := row.Save(ctx)
		if err != nil {
			return wrap("write the task", err)
		}
		if err := c.link(ctx, id, labels); err != nil {
			return err
		}
		ref = TaskRef{ID: id, Key: key, Title: title, Project: p.Key, Version: 1}
		subject := key + " " + title
		c.log("task.create", "task "+key, id, "title", title)
		c.say("task.created", p.ID, id, subject)
		if n.Assignee != uuid.Nil {
			c.tell(Notice{UserID: n.Assignee, Kind: NoticeAssigned, TaskID: id, Key: key, Title: title})
		}
		if err := c.mentions(ctx, p, t, uuid.Nil, description, ""); err != nil {
			return err
		}
		c.happen(event{name: "task.created", task: id, project: p.ID})
		return nil
	})
	if err != nil {
		return TaskRef{}, err
	}
	return ref, nil
}

// number takes the next number of a project. Where nobody was faster since the project was read, that is one statement.
func (c *change) number(ctx context.Context, p *ent.Project) (int, error) {
	n, err := c.Project.Update().Where(project.ID(p.ID), project.NextNumber(p.NextNumber)).AddNextNumber(1).Save(ctx)
	if err != nil {
		return 0, wrap("number the task", err)
	}
	if n == 1 {
		return p.NextNumber, nil
	}
	fresh, err := c.Project.UpdateOneID(p.ID).AddNextNumber(1).Save(ctx)
	if err != nil {
		return 0, wrap("number the task", err)
	}
	return fresh.NextNumber - 1, nil
}

func searchText(key, title, description string) string {
	text := schema.FoldSearch(key + "\n" + title + "\n" + description)
	if len(text) > schema.MaxSearch {
		text = strings.ToValidUTF8(text[:schema.MaxSearch], "")
	}
	return text
}

// column finds a column of a project; the first where none is named.
func (c *change) column(ctx context.Context, f *form, p, id uuid.UUID) (*ent.State, error) {
	query := c.State.Query().Where(state.ProjectID(p)).Order(ent.Asc(state.FieldPosition))
	if id != uuid.Nil {
		query.Where(state.ID(id))
	}
	column, err := query.First(ctx)
	if ent.IsNotFound(err) {
		f.bad("status", "the project has no such column", "choose one of its columns")
		return nil, nil
	}
	return column, wrap("find the column", err)
}

// labels finds labels of a project, or of all projects.
func (c *change) labels(ctx context.Context, f *form, p *ent.Project, ids []uuid.UUID) ([]*ent.Label, error) {
	ids = uniq(ids)
	if len(ids) > schema.MaxLabelsPerTask {
		f.bad("label", "these are too many labels", "choose at most 20")
		return nil, nil
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := c.Label.Query().Where(label.IDIn(ids...), label.ScopeIn(p.ID.String(), schema.EveryProject)).All(ctx)
	if err != nil {
		return nil, wrap("find the labels", err)
	}
	if len(found) != len(ids) {
		f.bad("label", "the project has no such label", "choose from its labels")
	}
	return found, nil
}

func (c *change) link(ctx context.Context, id uuid.UUID, labels []*ent.Label) error {
	if len(labels) == 0 {
		return nil
	}
	rows := make([]*ent.TaskLabelCreate, len(labels))
	for i, l := range labels {
		rows[i] = c.TaskLabel.Create().SetTaskID(id).SetLabelID(l.ID)
	}
	return wrap("put labels on the task", c.TaskLabel.CreateBulk(rows...).Exec(ctx))
}

// assignee refuses whoever does not see the project.
func (c *change) assignee(ctx context.Context, f *form, p *ent.Project, id uuid.UUID) error {
	if id == uuid.Nil {
		return nil
	}
	ok, err := c.User.Query().Where(user.ID(id), access(p)).Exist(ctx)
	if err == nil && !ok {
		f.bad("assignee", "this person does not see the project", "choose somebody who does")
	}
	return wrap("find the assignee", err)
}

// end is the last position of a column.
func (c *change) end(ctx context.Context, column uuid.UUID) (int64, error) {
	last, err := c.Task.Query().Where(task.StateID(column)).Order(ent.Desc(task.FieldPosition)).Select(task.FieldPosition).First(ctx)
	if ent.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, wrap("find the end of the column", err)
	}
	return last.Position, nil
}

// found is a task that somebody is about to do something to.
type found struct {
	*ent.Task
	project *ent.Project
	key     string
	s       Standing
}

func (f found) subject() string { return f.key + " " + f.Title }

// taskFor finds a task by its key for a deed.
func taskFor(ctx context.Context, db *ent.Client, who actor.Actor, key string, d Deed) (found, error) {
	if err := who.Need(mustScope(d)); err != nil {
		return found{}, err
	}
	name, number, ok := parseKey(key)
	if !ok {
		return found{}, fault.Missing("task")
	}
	return loadTask(ctx, db, who, d, db.Task.Query().Where(task.Number(number), task.HasProjectWith(project.Key(name))))
}

// taskByID is taskFor by the task's id.
func taskByID(ctx context.Context, db *ent.Client, who actor.Actor, id uuid.UUID, d Deed) (found, error) {
	if err := who.Need(mustScope(d)); err != nil {
		return found{}, err
	}
	return loadTask(ctx, db, who, d, db.Task.Query().Where(task.ID(id)))
}

func loadTask(ctx context.Context, db *ent.Client, who actor.Actor, d Deed, query *ent.TaskQuery) (found, error) {
	t, err := query.WithProject().Only(ctx)
	if ent.IsNotFound(err) {
		return found{}, fault.Missing("task")
	}
	if err != nil {
		return found{}, wrap("find the task", err)
	}
	p := t.Edges.Project
	s, err := quick(ctx, db, who, d, p)
	if err != nil {
		return found{}, err
	}
	s.Assignee = t.AssigneeID != nil && who.ID != uuid.Nil && *t.AssigneeID == who.ID
	if err := need(who, d, s, "task"); err != nil {
		return found{}, err
	}
	if d != SeeProject {
		if err := archived(p); err != nil {
			return found{}, err
		}
	}
	return found{Task: t, project: p, key: taskKey(p.Key, t.Number), s: s}, nil
}

// DeleteTask removes a task with all that belongs to it. The content of its attachments goes with the next Sweep.
func (w *Work) DeleteTask(ctx context.Context, who actor.Actor, key string) error {
	if err := who.Need(actor.Write); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		t, err := taskFor(ctx, c.Client(), who, key, DeleteTask)
		if err != nil {
			return err
		}
		if _, err := c.Attachment.Update().Where(attachment.TaskID(t.ID)).SetState(attachment.StateRemoved).SetRemovedAt(c.at).Save(ctx); err != nil {
			return wrap("remove attachments", err)
		}
		if err := c.Task.DeleteOneID(t.ID).Exec(ctx); err != nil {
			return wrap("delete the task", err)
		}
		if err := w.o.Feed.ForgetTask(ctx, c.Tx, t.ProjectID, t.ID, c.at); err != nil {
			return err
		}
		c.log("task.delete", "task "+t.key, t.ID, "title", t.Title)
		c.say("task.deleted", t.ProjectID, uuid.Nil, t.subject())
		return nil
	})
}
