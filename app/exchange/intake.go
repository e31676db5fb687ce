package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/projectmember"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/team"
	"github.com/berth-iac/berth/app/ent/teammember"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/work"
)

// Source is a file to import.
type Source struct {
	Project string // the key of the project that gets the tasks
	Name    string // of the file, for the log
	Data    []byte
	Targets []Target // what its columns become; nil: by their names
}

// Preview is what a file would become. Nothing is changed by looking.
type Preview struct {
	Project  work.ProjectName
	Heads    []string
	Targets  []Target
	Sample   [][]string // the first rows
	Rows     int
	Tasks    int      // that would be made
	There    int      // rows that were imported before, and are left out
	Labels   []string // that would be made
	Problems []Problem
	More     int // problems that are not listed
}

// Ready tells whether it can be imported.
func (p Preview) Ready() bool { return len(p.Problems) == 0 && p.Tasks > 0 }

// Imported is what an import made.
type Imported struct {
	Project     work.ProjectName
	Tasks       int
	There       int // rows that were imported before
	Labels      int
	First, Last string // keys of tasks; "" where none was made
}

// mayImport keeps out whoever may not: who does not see the project, and who may create no tasks in it.
func (x *Exchange) mayImport(ctx context.Context, who actor.Actor, key string) (work.Choices, error) {
	err := who.Need(actor.Write)
	if err == nil && who.ID == uuid.Nil {
		err = fault.Refused("a task has a reporter: somebody with an account")
	}
	var choices work.Choices
	if err == nil {
		choices, err = x.o.Work.Choices(ctx, who, key)
	}
	switch {
	case err != nil:
	case choices.Archived:
		return choices, fault.Clash("the project is archived", "bring it back from the archive first")
	case !choices.MayCreate:
		err = fault.Refused("you may not create tasks in this project")
	}
	if fault.Is(err, fault.Forbidden) {
		e := trail.Entry(who, x.now(), "data.import")
		e.Target = "project " + shorten(key, 20)
		return choices, errors.Join(err, x.refuse(ctx, e, err))
	}
	return choices, err
}

// Look says what a file would become, with all that is wrong with it.
func (x *Exchange) Look(ctx context.Context, who actor.Actor, s Source) (Preview, error) {
	choices, err := x.mayImport(ctx, who, s.Project)
	if err != nil {
		return Preview{}, err
	}
	d, err := x.draft(ctx, choices, s.Data, s.Targets)
	if err != nil {
		return Preview{}, err
	}
	return d.preview(), nil
}

func (d *draft) preview() Preview {
	p := Preview{Project: d.choices.Project, Heads: d.heads, Targets: d.targets, Rows: len(d.rows), Tasks: len(d.tasks), There: d.there, Labels: d.fresh, Problems: d.all, More: d.more}
	for _, row := range d.rows[:min(len(d.rows), 5)] {
		p.Sample = append(p.Sample, row.cells)
	}
	return p
}

// Import makes tasks of a file: all of them or, where anything is wrong with it, none. Rules do not act on them and nobody is notified.
func (x *Exchange) Import(ctx context.Context, who actor.Actor, s Source) (Imported, error) {
	choices, err := x.mayImport(ctx, who, s.Project)
	if err != nil {
		return Imported{}, err
	}
	d, err := x.draft(ctx, choices, s.Data, s.Targets)
	if err != nil {
		return Imported{}, err
	}
	if len(d.all) > 0 {
		var all []error
		for _, one := range d.all {
			all = append(all, fault.BadInput("file", one.String(), ""))
		}
		return Imported{}, errors.Join(all...)
	}
	var made Imported
	drafted, there := d.tasks, d.there
	if err := x.o.Store.Tx(ctx, func(tx *ent.Tx) error {
		d.tasks, d.there = slices.Clone(drafted), there // it may run again
		made = Imported{Project: choices.Project}
		return x.intake(ctx, tx, who, s, d, &made)
	}); err != nil {
		return Imported{}, fmt.Errorf("import %s: %w", s.Project, err)
	}
	if err := x.o.Feed.Settle(ctx); err != nil {
		return made, nil //nolint:nilerr // the tasks are made; the next change settles the feed
	}
	return made, nil
}

func (p Problem) String() string {
	text := p.Words
	if p.Column != "" {
		text = p.Column + ": " + text
	}
	if p.Line > 0 {
		text = "line " + strconv.Itoa(p.Line) + ", " + text
	}
	return text
}

// intake writes what was drafted, in one transaction.
func (x *Exchange) intake(ctx context.Context, tx *ent.Tx, who actor.Actor, s Source, d *draft, made *Imported) error {
	at := x.now()
	// First, so that two who import into the same project wait for each other.
	p, err := tx.Project.UpdateOneID(d.choices.Project.ID).SetUpdatedAt(at).Save(ctx)
	if err != nil {
		return fmt.Errorf("mark the project: %w", err)
	}
	if err := still(ctx, tx, who, p, d); err != nil {
		return err
	}
	if err := d.known(ctx, tx.Task); err != nil {
		return err
	}
	made.There = d.there
	if len(d.tasks) > 0 {
		if err := makeTasks(ctx, tx, who, p, d, made); err != nil {
			return err
		}
		l := feed.Line{At: at, ActorID: who.ID, ActorName: who.Name, Verb: "task.created", ProjectID: p.ID,
			Subject: fmt.Sprintf("%s %d tasks from %s", p.Key, made.Tasks, files.CleanName(s.Name))}
		if who.Grant != nil {
			l.Detail = map[string]string{"visit": "provider"} // AC-8
		}
		if err := x.o.Feed.Append(ctx, tx, l); err != nil {
			return err
		}
	}
	e := trail.Entry(who, at, "data.import")
	e.Target, e.TargetID = "project "+p.Key, p.ID
	for name, value := range map[string]string{"file": files.CleanName(s.Name), "sha256": digest(s.Data), "rows": strconv.Itoa(len(d.rows)), "tasks": strconv.Itoa(made.Tasks),
		"there": strconv.Itoa(made.There), "labels": strconv.Itoa(made.Labels), "first": made.First, "last": made.Last} {
		e.Detail[name] = value
	}
	return audit.Append(ctx, tx, e) // last: it locks the end of the log
}

// still sees to it that what was drafted may still be done: who imports is who they were, and whoever gets tasks is still here.
func still(ctx context.Context, tx *ent.Tx, who actor.Actor, p *ent.Project, d *draft) error {
	changed := fault.Clash("things changed meanwhile", "look at the file again")
	me, err := tx.User.Query().Where(user.ID(who.ID), user.StatusEQ(user.StatusActive)).Select(user.FieldID, user.FieldRole).Only(ctx)
	if ent.IsNotFound(err) {
		return fault.Refused("your account is closed")
	}
	if err != nil {
		return fmt.Errorf("find out who imports: %w", err)
	}
	now := who
	now.Role = actor.Role(me.Role)
	member, err := tx.Project.Query().Where(project.ID(p.ID), project.Or(project.HasMembersWith(projectmember.UserID(who.ID)),
		project.HasTeamsWith(team.HasMembersWith(teammember.UserID(who.ID))))).Exist(ctx)
	if err != nil {
		return fmt.Errorf("read memberships: %w", err)
	}
	standing := work.Standing{Everyone: p.Visibility == project.VisibilityEveryone, Member: member}
	if !work.Can(now, work.CreateTask, standing) || len(d.fresh) > 0 && !work.Can(now, work.ManageProject, standing) {
		return fault.Refused("you may not do this any more")
	}
	if p.ArchivedAt != nil {
		return changed
	}
	people := map[uuid.UUID]bool{}
	for _, t := range d.tasks {
		if t.assignee != uuid.Nil {
			people[t.assignee] = true
		}
	}
	var ids []uuid.UUID
	for id := range people {
		ids = append(ids, id)
	}
	for some := range slices.Chunk(ids, 500) {
		n, err := tx.User.Query().Where(user.IDIn(some...), user.StatusEQ(user.StatusActive)).Count(ctx)
		if err != nil {
			return fmt.Errorf("look for those who get tasks: %w", err)
		}
		if n != len(some) {
			return changed
		}
	}
	return nil
}

// A statement has at most so many rows, and so much text: servers refuse larger ones.
const (
	batchRows = 200
	batchText = 1 << 20
)

// makeTasks writes the tasks, at the ends of their columns.
func makeTasks(ctx context.Context, tx *ent.Tx, who actor.Actor, p *ent.Project, d *draft, made *Imported) error {
	at := p.UpdatedAt
	ids, err := makeLabels(ctx, tx, p, d, made)
	if err != nil {
		return err
	}
	numbered, err := tx.Project.UpdateOneID(p.ID).AddNextNumber(len(d.tasks)).Save(ctx)
	if err != nil {
		return fmt.Errorf("number the tasks: %w", err)
	}
	number := numbered.NextNumber - len(d.tasks)
	ends := map[uuid.UUID]int64{}
	for _, c := range d.choices.Columns {
		last, err := tx.Task.Query().Where(task.StateID(c.ID)).Order(ent.Desc(task.FieldPosition)).Select(task.FieldID, task.FieldPosition).First(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return fmt.Errorf("find the end of a column: %w", err)
		}
		if err == nil {
			ends[c.ID] = last.Position
		}
	}
	made.Tasks, made.First = len(d.tasks), p.Key+"-"+strconv.Itoa(number)
	for len(d.tasks) > 0 {
		n, text := 0, 0
		for n < len(d.tasks) && n < batchRows && (n == 0 || text < batchText) {
			text += 2 * len(d.tasks[n].description)
			n++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := make([]*ent.TaskCreate, n)
		for i, t := range d.tasks[:n] {
			key := p.Key + "-" + strconv.Itoa(number)
			ends[t.column] += schema.PositionGap
			rows[i] = tx.Task.Create().SetID(t.id).SetProjectID(p.ID).SetNumber(number).SetTitle(t.title).SetDescription(t.description).SetStateID(t.column).
				SetPriority(t.priority).SetReporterID(who.ID).SetPosition(ends[t.column]).SetSearch(schema.FoldSearch(key + "\n" + t.title + "\n" + t.description)).
				SetCreatedAt(at).SetUpdatedAt(at)
			if t.assignee != uuid.Nil {
				rows[i].SetAssigneeID(t.assignee)
			}
			if t.due != "" {
				rows[i].SetDueOn(t.due)
			}
			if t.done {
				rows[i].SetDoneAt(at)
			}
			made.Last = key
			number++
		}
		if err := tx.Task.CreateBulk(rows...).Exec(ctx); err != nil {
			return fmt.Errorf("write tasks: %w", err)
		}
		if err := hang(ctx, tx, d.tasks[:n], ids, p); err != nil {
			return err
		}
		d.tasks = d.tasks[n:]
	}
	return nil
}

// makeLabels makes the labels that are not there yet, and gives all that tasks get by their names.
func makeLabels(ctx context.Context, tx *ent.Tx, p *ent.Project, d *draft, made *Imported) (map[string]uuid.UUID, error) {
	ids := map[string]uuid.UUID{}
	for _, l := range d.choices.Labels {
		ids[l.Name] = l.ID
	}
	for _, name := range d.fresh {
		if !slices.ContainsFunc(d.tasks, func(t newTask) bool { return slices.Contains(t.labels, name) }) {
			continue // only tasks that are there already have it
		}
		row, err := tx.Label.Query().Where(label.Scope(p.ID.String()), label.Name(name)).Only(ctx)
		if ent.IsNotFound(err) {
			row, err = tx.Label.Create().SetProjectID(p.ID).SetScope(p.ID.String()).SetName(name).Save(ctx)
			made.Labels++
		}
		if err != nil {
			return nil, fmt.Errorf("make a label: %w", err)
		}
		ids[name] = row.ID
	}
	return ids, nil
}

// hang puts labels and steps on tasks.
func hang(ctx context.Context, tx *ent.Tx, tasks []newTask, ids map[string]uuid.UUID, p *ent.Project) error {
	var links []*ent.TaskLabelCreate
	var steps []*ent.ChecklistItemCreate
	for _, t := range tasks {
		for _, name := range t.labels {
			links = append(links, tx.TaskLabel.Create().SetTaskID(t.id).SetLabelID(ids[name]))
		}
		for i, one := range t.steps {
			row := tx.ChecklistItem.Create().SetTaskID(t.id).SetText(one.text).SetPosition(i)
			if one.done {
				row.SetDoneAt(p.UpdatedAt)
			}
			steps = append(steps, row)
		}
	}
	for some := range slices.Chunk(links, 500) {
		if err := tx.TaskLabel.CreateBulk(some...).Exec(ctx); err != nil {
			return fmt.Errorf("put labels on tasks: %w", err)
		}
	}
	for some := range slices.Chunk(steps, 500) {
		if err := tx.ChecklistItem.CreateBulk(some...).Exec(ctx); err != nil {
			return fmt.Errorf("write steps: %w", err)
		}
	}
	return nil
}
