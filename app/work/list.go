package work

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/tasklabel"
)

// Query picks and sorts tasks. What is empty picks all.
type Query struct {
	Project  string // its key; "": all that the reader sees
	Words    string
	Status   string // the id of a column, or open, done, all; "" is open and done
	Assignee string // an id, me or nobody
	Label    uuid.UUID
	Priority string
	Due      string // overdue, today, week, none, or any
	Sort     string // updated (the newest first), created, due, priority, title, number
	Archived bool   // those put away instead
	Page     string // Next of the page before
	Limit    int    // at most; 50, and never more than 200
	Brief    bool   // without what has to be counted: checklist, comments, attachments, what blocks it
}

// TaskPage is a part of a list.
type TaskPage struct {
	Project ProjectName // no key: all
	Tasks   []TaskRow
	Next    string
}

// Sorts are the orders of a list.
func Sorts() []string { return []string{"updated", "created", "due", "priority", "title", "number"} }

// Dues are what a list can be narrowed to by due date.
func Dues() []string { return []string{"overdue", "today", "week", "any", "none"} }

// List reads tasks, in a fixed number of queries.
func (w *Work) List(ctx context.Context, who actor.Actor, q Query) (TaskPage, error) {
	if err := who.Need(actor.Read); err != nil {
		return TaskPage{}, err
	}
	var page TaskPage
	k := known{brief: q.Brief}
	where := seenTasks(who)
	if q.Project != "" {
		p, _, err := projectFor(ctx, w.db(), who, q.Project, SeeProject)
		if err != nil {
			return TaskPage{}, err
		}
		page.Project = ProjectName{p.ID, p.Key, p.Name}
		k.projects = map[uuid.UUID]ProjectName{p.ID: page.Project}
		where = []predicate.Task{task.ProjectID(p.ID)}
	} else {
		where = append(where, task.HasProjectWith(project.ArchivedAtIsNil()))
	}
	more, err := q.where(who, w.now())
	if err != nil {
		return TaskPage{}, err
	}
	tasks, next, err := w.sorted(ctx, append(where, more...), q)
	if err != nil {
		return TaskPage{}, err
	}
	page.Next = next
	page.Tasks, err = w.rows(ctx, tasks, k)
	return page, err
}

func (q Query) where(who actor.Actor, now time.Time) ([]predicate.Task, error) {
	var f form
	where := words(q.Words)
	if q.Archived {
		where = append(where, task.ArchivedAtNotNil())
	} else {
		where = append(where, task.ArchivedAtIsNil())
	}
	switch q.Status {
	case "", "all":
	case "open":
		where = append(where, task.HasStateWith(state.KindNEQ(state.KindDone)))
	case "done":
		where = append(where, task.HasStateWith(state.KindEQ(state.KindDone)))
	default:
		id, err := uuid.Parse(q.Status)
		if err != nil {
			f.bad("status", "there is no such status", "choose one of the list")
		}
		where = append(where, task.StateID(id))
	}
	switch q.Assignee {
	case "":
	case "me":
		where = append(where, task.AssigneeID(who.ID))
	case "nobody":
		where = append(where, task.AssigneeIDIsNil())
	default:
		id, err := uuid.Parse(q.Assignee)
		if err != nil {
			f.bad("assignee", "there is no such person", "choose one of the list")
		}
		where = append(where, task.AssigneeID(id))
	}
	if q.Label != uuid.Nil {
		where = append(where, task.HasTaskLabelsWith(tasklabel.LabelID(q.Label)))
	}
	if q.Priority != "" {
		p := f.priority("priority", q.Priority)
		if p == schema.PriorityMedium {
			where = append(where, task.PriorityIn(schema.PriorityNone, schema.PriorityMedium))
		} else {
			where = append(where, task.PriorityEQ(p))
		}
	}
	day := func(days int) string { return now.AddDate(0, 0, days).Format(time.DateOnly) }
	switch q.Due {
	case "":
	case "any":
		where = append(where, task.DueOnNotNil())
	case "none":
		where = append(where, task.DueOnIsNil())
	case "overdue":
		where = append(where, task.DueOnLT(day(0)), task.DoneAtIsNil())
	case "today":
		where = append(where, task.DueOn(day(0)))
	case "week":
		where = append(where, task.DueOnGTE(day(0)), task.DueOnLTE(day(7)))
	default:
		f.bad("due", "there is no such choice", "choose one of the list")
	}
	return where, f.err()
}

// order is a way to sort. A list that is sorted by due date has two parts, for every engine puts what has none elsewhere.
type order struct {
	field string
	desc  bool
	parts []predicate.Task // empty: one part
	value func(t *ent.Task) any
	parse func(raw json.RawMessage) (any, error)
}

func orderOf(sort string) (order, bool) {
	text := func(raw json.RawMessage) (any, error) {
		var s string
		err := json.Unmarshal(raw, &s)
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			err = noPage()
		}
		return s, err
	}
	number := func(raw json.RawMessage) (any, error) {
		var n int64
		err := json.Unmarshal(raw, &n)
		if n < 0 || n > math.MaxInt32 {
			err = noPage()
		}
		return n, err
	}
	moment := func(raw json.RawMessage) (any, error) {
		var us int64
		err := json.Unmarshal(raw, &us)
		if at := time.UnixMicro(us).UTC(); at.Year() >= 1970 && at.Year() <= 9999 {
			return at, err
		}
		return nil, noPage()
	}
	switch sort {
	case "", "updated":
		return order{task.FieldUpdatedAt, true, nil, func(t *ent.Task) any { return t.UpdatedAt.UnixMicro() }, moment}, true
	case "created":
		return order{task.FieldCreatedAt, true, nil, func(t *ent.Task) any { return t.CreatedAt.UnixMicro() }, moment}, true
	case "due":
		return order{task.FieldDueOn, false, []predicate.Task{task.DueOnNotNil(), task.DueOnIsNil()}, func(t *ent.Task) any { return dueOf(t) }, text}, true
	case "priority":
		return order{task.FieldPriority, true, nil, func(t *ent.Task) any { return int64(t.Priority) }, number}, true
	case "title":
		return order{task.FieldTitle, false, nil, func(t *ent.Task) any { return t.Title }, text}, true
	case "number":
		return order{task.FieldNumber, false, nil, func(t *ent.Task) any { return int64(t.Number) }, number}, true
	}
	return order{}, false
}

// cursor is a place in a sorted list.
type cursor struct {
	Sort  string          `json:"s"`
	Part  int             `json:"p,omitempty"`
	Value json.RawMessage `json:"v"`
	ID    uuid.UUID       `json:"i"`
}

func (w *Work) sorted(ctx context.Context, where []predicate.Task, q Query) ([]*ent.Task, string, error) {
	o, ok := orderOf(q.Sort)
	if !ok {
		var f form
		f.bad("sort", "there is no such order", "choose one of the list")
		return nil, "", f.err()
	}
	limit := within(q.Limit, 50, 200)
	part := 0
	var after predicate.Task
	if q.Page != "" {
		var c cursor
		data, err := base64.RawURLEncoding.DecodeString(q.Page)
		if err != nil || json.Unmarshal(data, &c) != nil || c.Sort != q.Sort || c.Part < 0 || c.Part >= max(len(o.parts), 1) {
			return nil, "", noPage()
		}
		value, err := o.parse(c.Value)
		if err != nil {
			return nil, "", noPage()
		}
		part = c.Part
		after = o.after(value, c.ID, part)
	}
	var tasks []*ent.Task
	for ; part < max(len(o.parts), 1); part++ {
		query := brief(w.db().Task.Query()).Where(where...)
		if after != nil {
			query.Where(after)
			after = nil
		}
		if len(o.parts) > 0 {
			query.Where(o.parts[part])
		}
		by := ent.Asc(o.field, task.FieldID)
		if part > 0 {
			by = ent.Asc(task.FieldID)
		} else if o.desc {
			by = ent.Desc(o.field, task.FieldID)
		}
		found, err := query.Order(by).Limit(limit + 1 - len(tasks)).All(ctx)
		if err != nil {
			return nil, "", wrap("list tasks", err)
		}
		if tasks = append(tasks, found...); len(tasks) > limit {
			break
		}
	}
	if len(tasks) <= limit {
		return tasks, "", nil
	}
	tasks = tasks[:limit]
	last := tasks[limit-1]
	c := cursor{Sort: q.Sort, ID: last.ID}
	if len(o.parts) > 0 && last.DueOn == nil {
		c.Part = 1
	}
	c.Value, _ = json.Marshal(o.value(last))
	data, err := json.Marshal(c)
	if err != nil {
		return nil, "", wrap("mark the page", err)
	}
	return tasks, base64.RawURLEncoding.EncodeToString(data), nil
}

func (o order) after(value any, id uuid.UUID, part int) predicate.Task {
	return func(s *sql.Selector) {
		field, key := s.C(o.field), s.C(task.FieldID)
		switch {
		case part > 0:
			s.Where(sql.GT(key, id))
		case o.desc:
			s.Where(sql.Or(sql.LT(field, value), sql.And(sql.EQ(field, value), sql.LT(key, id))))
		default:
			s.Where(sql.Or(sql.GT(field, value), sql.And(sql.EQ(field, value), sql.GT(key, id))))
		}
	}
}
