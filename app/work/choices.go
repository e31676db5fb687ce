package work

import (
	"context"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
)

// Choices are what the fields of a task in a project can be, for forms and filters.
type Choices struct {
	Project   ProjectName
	Archived  bool
	Columns   []Column // without cards
	Labels    []Label
	People    []Person
	MayCreate bool
	MayManage bool
}

// Choices reads what the fields of a project's tasks can be.
func (w *Work) Choices(ctx context.Context, who actor.Actor, key string) (Choices, error) {
	if err := who.Need(actor.Read); err != nil {
		return Choices{}, err
	}
	p, _, err := projectFor(ctx, w.db(), who, key, SeeProject)
	if err != nil {
		return Choices{}, err
	}
	s, err := standing(ctx, w.db(), who, p)
	if err != nil {
		return Choices{}, err
	}
	out := Choices{Project: ProjectName{p.ID, p.Key, p.Name}, Archived: p.ArchivedAt != nil, MayManage: Can(who, ManageProject, s)}
	out.MayCreate = !out.Archived && Can(who, CreateTask, s)
	states, err := w.db().State.Query().Where(state.ProjectID(p.ID)).Order(ent.Asc(state.FieldPosition)).All(ctx)
	if err != nil {
		return Choices{}, wrap("read the columns", err)
	}
	for _, one := range states {
		out.Columns = append(out.Columns, Column{ID: one.ID, Name: one.Name, Kind: string(one.Kind), Limit: one.WipLimit})
	}
	if out.Labels, err = w.labelsOf(ctx, p.ID); err != nil {
		return Choices{}, err
	}
	out.People, err = w.peopleOf(ctx, p)
	return out, err
}

// SharedLabels are the labels of all projects.
func (w *Work) SharedLabels(ctx context.Context, who actor.Actor) ([]LabelEdit, error) {
	if err := who.Need(actor.Read); err != nil {
		return nil, err
	}
	if !who.Role.AtLeast(actor.Member) { // a guest sees those of their projects' tasks
		return nil, nil
	}
	all, err := w.db().Label.Query().Where(label.Scope(schema.EveryProject)).Order(ent.Asc(label.FieldName)).All(ctx)
	labels := make([]LabelEdit, len(all))
	for i, one := range all {
		labels[i] = LabelEdit{one.ID, one.Name, hueOf(one.Color)}
	}
	return labels, wrap("read labels", err)
}

// SaveSharedLabels makes the labels of all projects what is given: administrators may.
func (w *Work) SaveSharedLabels(ctx context.Context, who actor.Actor, labels []LabelEdit) error {
	if err := need(who, SharedLabels, Standing{}, "label"); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		if err := c.lock(ctx, "work.labels"); err != nil {
			return err
		}
		var f form
		f.labels(labels)
		if err := f.err(); err != nil {
			return err
		}
		c.log("label.update", "labels of all projects", uuid.Nil, "labels", namesOf(labels))
		return c.applyLabels(ctx, nil, labels)
	})
}

// scope is where a label of a project belongs, or one of all projects (nil).
func scope(p *ent.Project) string {
	if p == nil {
		return schema.EveryProject
	}
	return p.ID.String()
}

// keys are the keys of the projects that somebody sees.
func keys(ctx context.Context, db *ent.Client, who actor.Actor) ([]string, error) {
	seen, err := db.Project.Query().Where(visible(who)).Select(project.FieldKey).Strings(ctx)
	return seen, wrap("read projects", err)
}
