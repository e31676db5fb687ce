package work

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/tasklabel"
	"github.com/berth-iac/berth/app/ent/user"
)

// Column is a column of a board.
type Column struct {
	ID    uuid.UUID
	Name  string
	Kind  string // todo, doing or done
	Limit int    // 0: none
	Cards []TaskRow
	More  int // tasks of it that are not in Cards
}

// Done tells whether tasks here are finished.
func (c Column) Done() bool { return c.Kind == string(state.KindDone) }

// BoardFilter narrows a board down.
type BoardFilter struct {
	Words    string
	Assignee uuid.UUID
	Label    uuid.UUID
}

// Board is a project's tasks in columns.
type Board struct {
	Project     ProjectName
	Description string
	Archived    bool
	Columns     []Column
	Labels      []Label
	People      []Person // who may be assigned
	MayCreate   bool
	MayMove     bool
	MayManage   bool
}

// How many tasks a board shows: of all columns where work goes on, and of each where it is done.
const (
	maxCards     = 2000
	maxDoneCards = 30
	maxPeople    = 500
)

// Board reads a project's board.
func (w *Work) Board(ctx context.Context, who actor.Actor, key string, f BoardFilter) (Board, error) {
	db := w.db()
	p, _, err := projectFor(ctx, db, who, key, SeeProject)
	if err != nil {
		return Board{}, err
	}
	s, err := standing(ctx, db, who, p)
	if err != nil {
		return Board{}, err
	}
	states, err := db.State.Query().Where(state.ProjectID(p.ID)).Order(ent.Asc(state.FieldPosition)).All(ctx)
	if err != nil {
		return Board{}, wrap("read the columns", err)
	}
	labels, err := w.labelsOf(ctx, p.ID)
	if err != nil {
		return Board{}, err
	}
	people, err := w.peopleOf(ctx, p)
	if err != nil {
		return Board{}, err
	}
	where := append(f.where(), task.ArchivedAtIsNil())
	var going []uuid.UUID
	k := known{projects: map[uuid.UUID]ProjectName{p.ID: {p.ID, p.Key, p.Name}}, states: map[uuid.UUID]*ent.State{}, labels: map[uuid.UUID]Label{}}
	for _, one := range states {
		k.states[one.ID] = one
		if one.Kind != state.KindDone {
			going = append(going, one.ID)
		}
	}
	for _, l := range labels {
		k.labels[l.ID] = l
	}
	var tasks []*ent.Task
	if len(going) > 0 {
		if tasks, err = brief(db.Task.Query()).Where(task.StateIDIn(going...)).Where(where...).Order(ent.Asc(task.FieldPosition, task.FieldID)).
			Limit(maxCards).All(ctx); err != nil {
			return Board{}, wrap("read the tasks", err)
		}
	}
	more := map[uuid.UUID]int{}
	for _, one := range states {
		if one.Kind != state.KindDone {
			continue
		}
		query := db.Task.Query().Where(task.StateID(one.ID)).Where(where...)
		finished, err := brief(query.Clone()).Order(ent.Asc(task.FieldPosition, task.FieldID)).Limit(maxDoneCards + 1).All(ctx)
		if err != nil {
			return Board{}, wrap("read the tasks", err)
		}
		if len(finished) > maxDoneCards {
			finished = finished[:maxDoneCards]
			n, err := query.Count(ctx)
			if err != nil {
				return Board{}, wrap("count the tasks", err)
			}
			more[one.ID] = n - maxDoneCards
		}
		tasks = append(tasks, finished...)
	}
	rows, err := w.rows(ctx, tasks, k)
	if err != nil {
		return Board{}, err
	}
	b := Board{Project: k.projects[p.ID], Description: p.Description, Archived: p.ArchivedAt != nil, Labels: labels, People: people}
	open := p.ArchivedAt == nil
	b.MayCreate = open && Can(who, CreateTask, s)
	b.MayMove = open && Can(who, EditTask, s)
	b.MayManage = Can(who, ManageProject, s)
	at := map[uuid.UUID]int{}
	for i, one := range states {
		at[one.ID] = i
		b.Columns = append(b.Columns, Column{ID: one.ID, Name: one.Name, Kind: string(one.Kind), Limit: one.WipLimit, More: more[one.ID]})
	}
	for _, row := range rows {
		column := &b.Columns[at[row.Status]]
		column.Cards = append(column.Cards, row)
	}
	return b, nil
}

func (f BoardFilter) where() []predicate.Task {
	where := words(f.Words)
	if f.Assignee != uuid.Nil {
		where = append(where, task.AssigneeID(f.Assignee))
	}
	if f.Label != uuid.Nil {
		where = append(where, task.HasTaskLabelsWith(tasklabel.LabelID(f.Label)))
	}
	return where
}

// words picks tasks that hold all words.
func words(text string) []predicate.Task {
	var where []predicate.Task
	for _, word := range searchWords(text) {
		where = append(where, task.SearchContains(word))
	}
	return where
}

func searchWords(text string) []string {
	all := strings.Fields(schema.FoldSearch(cut(text, 200)))
	return all[:min(len(all), 10)]
}

// labelsOf are the labels that tasks of a project may have.
func (w *Work) labelsOf(ctx context.Context, p uuid.UUID) ([]Label, error) {
	all, err := w.db().Label.Query().Where(label.ScopeIn(p.String(), schema.EveryProject)).All(ctx)
	if err != nil {
		return nil, wrap("read labels", err)
	}
	labels := make([]Label, len(all))
	for i, one := range all {
		labels[i] = toLabel(one)
	}
	sortLabels(labels)
	return labels, nil
}

func sortLabels(labels []Label) {
	slices.SortFunc(labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
}

// peopleOf are the people who see a project: who may be assigned and mentioned there.
func (w *Work) peopleOf(ctx context.Context, p *ent.Project) ([]Person, error) {
	all, err := w.db().User.Query().Where(access(p)).Order(ent.Asc(user.FieldName, user.FieldID)).Limit(maxPeople).
		Select(user.FieldID, user.FieldName, user.FieldRole, user.FieldKind).All(ctx)
	if err != nil {
		return nil, wrap("read people", err)
	}
	people := make([]Person, len(all))
	for i, one := range all {
		people[i] = toPerson(one)
	}
	return people, nil
}
