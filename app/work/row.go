package work

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/checklistitem"
	"github.com/berth-iac/berth/app/ent/comment"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/tasklabel"
	"github.com/berth-iac/berth/app/ent/taskrelation"
	"github.com/berth-iac/berth/app/ent/user"
)

// Person is somebody as others see them.
type Person struct {
	ID     uuid.UUID // uuid.Nil: nobody
	Name   string
	Handle string
	Role   actor.Role
	Visit  bool // of the provider's staff (AC-8)
}

// Label is a coloured word on tasks.
type Label struct {
	ID     uuid.UUID
	Name   string
	Hue    int  // 0 to 9
	Shared bool // of all projects
}

// Progress is how much of a checklist is done.
type Progress struct{ Done, Total int }

// ProjectName is a project in short.
type ProjectName struct {
	ID        uuid.UUID
	Key, Name string
}

// TaskRow is a task in short: a card of the board, or a row of a list.
type TaskRow struct {
	ID          uuid.UUID
	Key         string
	Title       string
	Version     int
	Project     ProjectName
	Status      uuid.UUID
	StatusName  string
	Done        bool
	Priority    string
	Assignee    Person
	Due         string // a day, or ""
	Labels      []Label
	Created     time.Time
	Updated     time.Time
	Checklist   Progress
	Comments    int
	Attachments int
	Blocked     bool
}

// DueDay is the day as pages want it: midnight UTC, zero for none.
func (t TaskRow) DueDay() time.Time {
	day, _ := time.Parse(time.DateOnly, t.Due) // "" is none
	return day
}

// brief are the columns that a row needs: not the long texts.
func brief(q *ent.TaskQuery) *ent.TaskQuery {
	q.Select(task.FieldID, task.FieldProjectID, task.FieldNumber, task.FieldTitle, task.FieldStateID, task.FieldPriority, task.FieldAssigneeID,
		task.FieldDueOn, task.FieldPosition, task.FieldVersion, task.FieldCreatedAt, task.FieldUpdatedAt, task.FieldDoneAt)
	return q
}

// known is what is read already and need not be again.
type known struct {
	projects map[uuid.UUID]ProjectName
	states   map[uuid.UUID]*ent.State
	labels   map[uuid.UUID]Label
	brief    bool // the counts are not wanted
}

// rows makes rows of tasks, in a fixed number of queries however many there are.
func (w *Work) rows(ctx context.Context, tasks []*ent.Task, k known) ([]TaskRow, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	db := w.db()
	ids, at := make([]uuid.UUID, len(tasks)), make(map[uuid.UUID]int, len(tasks))
	out := make([]TaskRow, len(tasks))
	var people, projects, states []uuid.UUID
	seen := map[uuid.UUID]bool{}
	once := func(list *[]uuid.UUID, id uuid.UUID) {
		if !seen[id] {
			seen[id] = true
			*list = append(*list, id)
		}
	}
	for i, t := range tasks {
		ids[i], at[t.ID] = t.ID, i
		if t.AssigneeID != nil {
			once(&people, *t.AssigneeID)
		}
		once(&projects, t.ProjectID)
		once(&states, t.StateID)
	}
	var err error
	if k.projects == nil {
		if k.projects, err = projectNames(ctx, db, projects); err != nil {
			return nil, err
		}
	}
	if k.states == nil {
		all, err := db.State.Query().Where(state.IDIn(states...)).All(ctx)
		if err != nil {
			return nil, wrap("read columns", err)
		}
		k.states = make(map[uuid.UUID]*ent.State, len(all))
		for _, one := range all {
			k.states[one.ID] = one
		}
	}
	names, err := w.people(ctx, people)
	if err != nil {
		return nil, err
	}
	for i, t := range tasks {
		p := k.projects[t.ProjectID]
		row := TaskRow{ID: t.ID, Key: taskKey(p.Key, t.Number), Title: t.Title, Version: t.Version, Project: p, Status: t.StateID,
			Priority: PriorityName(t.Priority), Due: dueOf(t), Created: t.CreatedAt, Updated: t.UpdatedAt}
		if s := k.states[t.StateID]; s != nil {
			row.StatusName, row.Done = s.Name, s.Kind == state.KindDone
		}
		if t.AssigneeID != nil {
			row.Assignee = names[*t.AssigneeID]
		}
		out[i] = row
	}
	if err := w.rowLabels(ctx, ids, at, out, k); err != nil {
		return nil, err
	}
	if k.brief {
		return out, nil
	}
	return out, w.rowCounts(ctx, ids, at, out)
}

func (w *Work) rowLabels(ctx context.Context, ids []uuid.UUID, at map[uuid.UUID]int, out []TaskRow, k known) error {
	db := w.db()
	links, err := db.TaskLabel.Query().Where(tasklabel.TaskIDIn(ids...)).All(ctx)
	if err != nil {
		return wrap("read labels", err)
	}
	if k.labels == nil && len(links) > 0 {
		var wanted []uuid.UUID
		seen := map[uuid.UUID]bool{}
		for _, l := range links {
			if !seen[l.LabelID] {
				seen[l.LabelID] = true
				wanted = append(wanted, l.LabelID)
			}
		}
		all, err := db.Label.Query().Where(label.IDIn(wanted...)).Order(ent.Asc(label.FieldName)).All(ctx)
		if err != nil {
			return wrap("read labels", err)
		}
		k.labels = labelMap(all)
	}
	for _, l := range links {
		if one, ok := k.labels[l.LabelID]; ok {
			row := &out[at[l.TaskID]]
			row.Labels = append(row.Labels, one)
		}
	}
	for i := range out {
		sortLabels(out[i].Labels)
	}
	return nil
}

// tally is a count of one task's things.
type tally struct {
	TaskID uuid.UUID `json:"task_id"`
	N      int       `json:"n"`
	Done   int       `json:"done"`
}

func (w *Work) rowCounts(ctx context.Context, ids []uuid.UUID, at map[uuid.UUID]int, out []TaskRow) error {
	db := w.db()
	var all []tally
	if err := db.ChecklistItem.Query().Where(checklistitem.TaskIDIn(ids...)).GroupBy(checklistitem.FieldTaskID).
		Aggregate(ent.As(ent.Count(), "n"), func(s *sql.Selector) string { return sql.As(sql.Count(s.C(checklistitem.FieldDoneAt)), "done") }).
		Scan(ctx, &all); err != nil {
		return wrap("count checklists", err)
	}
	for _, one := range all {
		out[at[one.TaskID]].Checklist = Progress{one.Done, one.N}
	}
	all = nil
	if err := db.Comment.Query().Where(comment.TaskIDIn(ids...), comment.DeletedAtIsNil()).GroupBy(comment.FieldTaskID).
		Aggregate(ent.As(ent.Count(), "n")).Scan(ctx, &all); err != nil {
		return wrap("count comments", err)
	}
	for _, one := range all {
		out[at[one.TaskID]].Comments = one.N
	}
	all = nil
	if err := db.Attachment.Query().Where(attachment.TaskIDIn(ids...), attachment.StateEQ(attachment.StateStored)).
		GroupBy(attachment.FieldTaskID).Aggregate(ent.As(ent.Count(), "n")).Scan(ctx, &all); err != nil {
		return wrap("count attachments", err)
	}
	for _, one := range all {
		out[at[one.TaskID]].Attachments = one.N
	}
	blocked, err := db.TaskRelation.Query().Where(taskrelation.ToIDIn(ids...), taskrelation.KindEQ(taskrelation.KindBlocks),
		taskrelation.HasFromWith(task.DoneAtIsNil(), task.ArchivedAtIsNil())).Select(taskrelation.FieldID, taskrelation.FieldToID).All(ctx)
	if err != nil {
		return wrap("read what blocks", err)
	}
	for _, one := range blocked {
		out[at[one.ToID]].Blocked = true
	}
	return nil
}

func projectNames(ctx context.Context, db *ent.Client, ids []uuid.UUID) (map[uuid.UUID]ProjectName, error) {
	all, err := db.Project.Query().Where(project.IDIn(ids...)).Select(project.FieldID, project.FieldKey, project.FieldName).All(ctx)
	if err != nil {
		return nil, wrap("read projects", err)
	}
	names := make(map[uuid.UUID]ProjectName, len(all))
	for _, one := range all {
		names[one.ID] = ProjectName{one.ID, one.Key, one.Name}
	}
	return names, nil
}

// people reads people by their ids.
func (w *Work) people(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := w.db().User.Query().Where(user.IDIn(ids...)).Select(user.FieldID, user.FieldName, user.FieldRole, user.FieldKind).All(ctx)
	if err != nil {
		return nil, wrap("read people", err)
	}
	people := make(map[uuid.UUID]Person, len(all))
	for _, one := range all {
		people[one.ID] = toPerson(one)
	}
	return people, nil
}

func toPerson(u *ent.User) Person {
	return Person{ID: u.ID, Name: u.Name, Handle: Handle(u.Name), Role: actor.Role(u.Role), Visit: u.Kind == user.KindProvider}
}

func toLabel(l *ent.Label) Label {
	return Label{ID: l.ID, Name: l.Name, Hue: hueOf(l.Color), Shared: l.Scope == schema.EveryProject}
}

func labelMap(all []*ent.Label) map[uuid.UUID]Label {
	labels := make(map[uuid.UUID]Label, len(all))
	for _, one := range all {
		labels[one.ID] = toLabel(one)
	}
	return labels
}
