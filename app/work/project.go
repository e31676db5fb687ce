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
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/projectmember"
	"github.com/berth-iac/berth/app/ent/projectteam"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/team"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
)

// ColumnEdit is a column as it is to be. ID uuid.Nil is a new one; an empty name leaves it out.
type ColumnEdit struct {
	ID    uuid.UUID
	Name  string
	Limit int
	Done  bool
}

// LabelEdit is a label as it is to be. ID uuid.Nil is a new one; an empty name leaves it out.
type LabelEdit struct {
	ID   uuid.UUID
	Name string
	Hue  int
}

// ProjectEdit is a project as it is to be. Nil lists leave things as they are; a new project without columns gets the usual ones.
type ProjectEdit struct {
	Key         string // of a new one; a project keeps its key for good, for tasks are known by it
	Name        string
	Description string
	Everyone    bool // all members see it
	Columns     []ColumnEdit
	Labels      []LabelEdit
	Members     []uuid.UUID // nil: as they are
	Teams       []uuid.UUID // nil: as they are
}

// CreateProject makes a project, of which its maker is a member.
func (w *Work) CreateProject(ctx context.Context, who actor.Actor, e ProjectEdit) (ProjectName, error) {
	if err := need(who, CreateProject, Standing{}, "project"); err != nil {
		return ProjectName{}, err
	}
	e.Key = strings.ToUpper(strings.TrimSpace(e.Key))
	if len(e.Columns) == 0 {
		e.Columns = []ColumnEdit{{Name: "To do"}, {Name: "In progress"}, {Name: "Done", Done: true}}
	}
	if who.ID != uuid.Nil && who.IsPerson() && !slices.Contains(e.Members, who.ID) && !who.Role.AtLeast(actor.Administrator) {
		e.Members = append(slices.Clone(e.Members), who.ID)
	}
	name := ProjectName{ID: schema.NewID(), Key: e.Key}
	err := w.change(ctx, who, func(c *change) error {
		var f form
		if !projectKeyForm.MatchString(e.Key) {
			f.bad("key", "it is no key", "use 2 to 10 capital letters and digits, beginning with a letter, such as OPS")
		} else if taken, err := c.Project.Query().Where(project.Key(e.Key)).Exist(ctx); err != nil {
			return wrap("look for the key", err)
		} else if taken {
			f.bad("key", "another project has this key", "choose another")
		}
		plan, err := c.plan(ctx, &f, nil, e)
		if err != nil {
			return err
		}
		if err := f.err(); err != nil {
			return err
		}
		name.Name = plan.Name
		p, err := c.Project.Create().SetID(name.ID).SetKey(e.Key).SetName(plan.Name).SetDescription(plan.Description).SetVisibility(visibility(e.Everyone)).
			SetCreatedAt(c.at).SetUpdatedAt(c.at).Save(ctx)
		if err != nil {
			return wrap("write the project", err)
		}
		c.log("project.create", "project "+e.Key, p.ID, "name", plan.Name, "everyone", yes(e.Everyone))
		c.say("project.created", p.ID, uuid.Nil, e.Key+" "+plan.Name)
		return c.apply(ctx, p, plan)
	})
	return name, err
}

func visibility(everyone bool) project.Visibility {
	if everyone {
		return project.VisibilityEveryone
	}
	return project.VisibilityMembers
}

// UpdateProject changes a project's settings.
func (w *Work) UpdateProject(ctx context.Context, who actor.Actor, key string, e ProjectEdit) error {
	if err := who.Need(actor.Write); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		p, _, err := projectFor(ctx, c.Client(), who, key, ManageProject)
		if err != nil {
			return err
		}
		if err := archived(p); err != nil {
			return err
		}
		// First, so that two who change the same project wait for each other.
		if err := c.Project.UpdateOneID(p.ID).SetUpdatedAt(c.at).Exec(ctx); err != nil {
			return wrap("mark the project", err)
		}
		var f form
		plan, err := c.plan(ctx, &f, p, e)
		if err != nil {
			return err
		}
		if err := f.err(); err != nil {
			return err
		}
		if err := c.Project.UpdateOneID(p.ID).SetName(plan.Name).SetDescription(plan.Description).SetVisibility(visibility(e.Everyone)).Exec(ctx); err != nil {
			return wrap("write the project", err)
		}
		if err := c.apply(ctx, p, plan); err != nil {
			return err
		}
		detail := []string{"name", p.Name + " → " + plan.Name, "everyone", yes(p.Visibility == project.VisibilityEveryone) + " → " + yes(e.Everyone)}
		if e.Members != nil {
			detail = append(detail, "members", fmt.Sprint(e.Members))
		}
		if e.Teams != nil {
			detail = append(detail, "teams", fmt.Sprint(e.Teams))
		}
		c.log("project.update", "project "+p.Key, p.ID, detail...)
		c.say("project.changed", p.ID, uuid.Nil, p.Key+" "+plan.Name)
		return nil
	})
}

// plan checks what a project is to be. p is nil for a new one.
func (c *change) plan(ctx context.Context, f *form, p *ent.Project, e ProjectEdit) (ProjectEdit, error) {
	e.Name = f.line("name", e.Name, schema.MaxName, true)
	e.Description = f.markdown("description", e.Description, false)
	names := map[string]bool{}
	kept := 0
	for i := range e.Columns {
		one := &e.Columns[i]
		field := fmt.Sprintf("column-name-%d", i)
		if one.Name = f.line(field, one.Name, schema.MaxName, false); one.Name == "" {
			continue
		}
		kept++
		if names[one.Name] {
			f.bad(field, "another column has this name", "choose another")
		}
		names[one.Name] = true
		if one.Limit < 0 || one.Limit > 10_000 {
			f.bad(fmt.Sprintf("column-limit-%d", i), "it is no limit", "use 0 for none, or a number")
		}
	}
	if e.Columns != nil && kept == 0 {
		f.bad("column-name-0", "the board has no column", "name at least one")
	}
	if kept > schema.MaxStatesPerProject {
		f.bad("column-name-0", "these are too many columns", "use at most 20")
	}
	f.labels(e.Labels)
	if e.Members != nil {
		e.Members = uniq(e.Members)
		n, err := c.User.Query().Where(user.IDIn(e.Members...), user.StatusNEQ(user.StatusDisabled), user.KindEQ(user.KindPerson)).Count(ctx)
		if err != nil {
			return e, wrap("find the members", err)
		}
		if n != len(e.Members) {
			f.bad("member", "there is no such person", "choose from the list")
		}
	}
	if e.Teams != nil {
		e.Teams = uniq(e.Teams)
		n, err := c.Team.Query().Where(team.IDIn(e.Teams...)).Count(ctx)
		if err != nil {
			return e, wrap("find the teams", err)
		}
		if n != len(e.Teams) {
			f.bad("team", "there is no such team", "choose from the list")
		}
	}
	return e, c.planColumns(ctx, f, p, e)
}

// labels checks what labels are to be.
func (f *form) labels(labels []LabelEdit) {
	names := map[string]bool{}
	for i := range labels {
		one := &labels[i]
		field := fmt.Sprintf("label-name-%d", i)
		if one.Name = f.line(field, one.Name, schema.MaxName, false); one.Name == "" {
			continue
		}
		if names[one.Name] {
			f.bad(field, "another label has this name", "choose another")
		}
		names[one.Name] = true
		if one.Hue < 0 || one.Hue > 9 {
			f.bad(fmt.Sprintf("label-hue-%d", i), "there is no such colour", "choose one of the list")
		}
	}
	if len(names) > 200 {
		f.bad("label-name-0", "these are too many labels", "use at most 200")
	}
}

func namesOf(labels []LabelEdit) string {
	var names []string
	for _, one := range labels {
		if one.Name != "" {
			names = append(names, one.Name)
		}
	}
	return strings.Join(names, ", ")
}

// planColumns refuses to remove a column that has tasks.
func (c *change) planColumns(ctx context.Context, f *form, p *ent.Project, e ProjectEdit) error {
	var had []*ent.State
	if p != nil && e.Columns != nil {
		var err error
		if had, err = c.State.Query().Where(state.ProjectID(p.ID)).All(ctx); err != nil {
			return wrap("read the columns", err)
		}
	}
	for i, one := range e.Columns {
		if one.ID != uuid.Nil && !slices.ContainsFunc(had, func(s *ent.State) bool { return s.ID == one.ID }) {
			f.bad(fmt.Sprintf("column-name-%d", i), "the project has no such column", "look at what it is now, and try again")
		}
	}
	for _, s := range had {
		i := slices.IndexFunc(e.Columns, func(one ColumnEdit) bool { return one.ID == s.ID })
		if i >= 0 && e.Columns[i].Name != "" {
			continue
		}
		used, err := c.Task.Query().Where(task.StateID(s.ID)).Exist(ctx)
		if err != nil {
			return wrap("look into the column", err)
		}
		if used {
			f.bad(fmt.Sprintf("column-name-%d", max(i, 0)), fmt.Sprintf("the column %q has tasks", s.Name), "move them first, archived ones too")
		}
	}
	return nil
}

// apply writes what plan checked.
func (c *change) apply(ctx context.Context, p *ent.Project, e ProjectEdit) error {
	if e.Columns != nil {
		if err := c.applyColumns(ctx, p, e.Columns); err != nil {
			return err
		}
	}
	if e.Labels != nil {
		if err := c.applyLabels(ctx, p, e.Labels); err != nil {
			return err
		}
	}
	if e.Members != nil {
		if _, err := c.ProjectMember.Delete().Where(projectmember.ProjectID(p.ID), projectmember.UserIDNotIn(e.Members...)).Exec(ctx); err != nil {
			return wrap("remove members", err)
		}
		had, err := c.ProjectMember.Query().Where(projectmember.ProjectID(p.ID)).All(ctx)
		if err != nil {
			return wrap("read members", err)
		}
		for _, id := range e.Members {
			if slices.ContainsFunc(had, func(m *ent.ProjectMember) bool { return m.UserID == id }) {
				continue
			}
			if err := c.ProjectMember.Create().SetProjectID(p.ID).SetUserID(id).SetCreatedAt(c.at).Exec(ctx); err != nil {
				return wrap("add a member", err)
			}
		}
	}
	if e.Teams != nil {
		if _, err := c.ProjectTeam.Delete().Where(projectteam.ProjectID(p.ID)).Exec(ctx); err != nil {
			return wrap("remove teams", err)
		}
		for _, id := range e.Teams {
			if err := c.ProjectTeam.Create().SetProjectID(p.ID).SetTeamID(id).Exec(ctx); err != nil {
				return wrap("add a team", err)
			}
		}
	}
	return nil
}

func (c *change) applyColumns(ctx context.Context, p *ent.Project, columns []ColumnEdit) error {
	var keep []uuid.UUID
	for _, one := range columns {
		if one.ID != uuid.Nil && one.Name != "" {
			keep = append(keep, one.ID)
		}
	}
	gone := c.State.Delete().Where(state.ProjectID(p.ID))
	if len(keep) > 0 {
		gone.Where(state.IDNotIn(keep...))
	}
	if _, err := gone.Exec(ctx); err != nil {
		return wrap("remove columns", err)
	}
	had, err := c.State.Query().Where(state.ProjectID(p.ID)).All(ctx)
	if err != nil {
		return wrap("read the columns", err)
	}
	for _, s := range had { // names may change places: out of the way first
		if err := c.State.UpdateOneID(s.ID).SetName(s.ID.String()).Exec(ctx); err != nil {
			return wrap("rename columns", err)
		}
	}
	position := 0
	for _, one := range columns {
		if one.Name == "" {
			continue
		}
		kind := state.KindDoing
		switch {
		case one.Done:
			kind = state.KindDone
		case position == 0:
			kind = state.KindTodo
		}
		if one.ID == uuid.Nil {
			err = c.State.Create().SetProjectID(p.ID).SetName(one.Name).SetKind(kind).SetPosition(position).SetWipLimit(one.Limit).Exec(ctx)
		} else {
			err = c.State.UpdateOneID(one.ID).SetName(one.Name).SetKind(kind).SetPosition(position).SetWipLimit(one.Limit).Exec(ctx)
			if err == nil { // what is done follows its column
				if kind == state.KindDone {
					err = c.Task.Update().Where(task.StateID(one.ID), task.DoneAtIsNil()).SetDoneAt(c.at).Exec(ctx)
				} else {
					err = c.Task.Update().Where(task.StateID(one.ID), task.DoneAtNotNil()).ClearDoneAt().Exec(ctx)
				}
			}
		}
		if err != nil {
			return wrap("write a column", err)
		}
		position++
	}
	return nil
}

func (c *change) applyLabels(ctx context.Context, p *ent.Project, labels []LabelEdit) error {
	had, err := c.Label.Query().Where(label.Scope(scope(p))).All(ctx)
	if err != nil {
		return wrap("read labels", err)
	}
	for _, l := range had {
		i := slices.IndexFunc(labels, func(one LabelEdit) bool { return one.ID == l.ID })
		if i < 0 || labels[i].Name == "" {
			err = c.Label.DeleteOneID(l.ID).Exec(ctx)
		} else { // names may change places: out of the way first
			err = c.Label.UpdateOneID(l.ID).SetName(l.ID.String()).Exec(ctx)
		}
		if err != nil {
			return wrap("change labels", err)
		}
	}
	for _, one := range labels {
		switch {
		case one.Name == "":
			continue
		case one.ID == uuid.Nil:
			row := c.Label.Create().SetScope(scope(p)).SetName(one.Name).SetColor(colorOf(one.Hue))
			if p != nil {
				row.SetProjectID(p.ID)
			}
			err = row.Exec(ctx)
		case !slices.ContainsFunc(had, func(l *ent.Label) bool { return l.ID == one.ID }):
			return fault.BadInput("label-name-0", "the project has no such label", "look at what it has now, and try again")
		default:
			err = c.Label.UpdateOneID(one.ID).SetName(one.Name).SetColor(colorOf(one.Hue)).Exec(ctx)
		}
		if err != nil {
			return wrap("write a label", err)
		}
	}
	return nil
}

// ArchiveProject puts a project away, or brings it back.
func (w *Work) ArchiveProject(ctx context.Context, who actor.Actor, key string, away bool) error {
	if err := who.Need(actor.Write); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		p, _, err := projectFor(ctx, c.Client(), who, key, ManageProject)
		if err != nil {
			return err
		}
		update := c.Project.UpdateOneID(p.ID).SetUpdatedAt(c.at)
		if away {
			update.SetArchivedAt(c.at)
		} else {
			update.ClearArchivedAt()
		}
		c.log("project.archive", "project "+p.Key, p.ID, "archived", yes(away))
		c.say("project.archived", p.ID, uuid.Nil, p.Key+" "+p.Name, "archived", yes(away))
		return wrap("archive the project", update.Exec(ctx))
	})
}

// DeleteProject removes a project with its tasks, for who has just said again who they are.
func (w *Work) DeleteProject(ctx context.Context, who actor.Actor, key string) error {
	if err := who.Need(actor.Admin); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		p, _, err := projectFor(ctx, c.Client(), who, key, DeleteProject)
		if err != nil {
			return err
		}
		if who.Kind != actor.System && !who.Confirmed(w.now()) {
			return fault.Refused("give your password again before this")
		}
		if err := c.Attachment.Update().Where(attachment.HasTaskWith(task.ProjectID(p.ID))).SetState(attachment.StateRemoved).SetRemovedAt(c.at).Exec(ctx); err != nil {
			return wrap("remove attachments", err)
		}
		n, err := c.Task.Delete().Where(task.ProjectID(p.ID)).Exec(ctx)
		if err != nil {
			return wrap("delete the tasks", err)
		}
		if err := c.Project.DeleteOneID(p.ID).Exec(ctx); err != nil {
			return wrap("delete the project", err)
		}
		c.log("project.delete", "project "+p.Key, p.ID, "name", p.Name, "tasks", fmt.Sprint(n))
		return w.o.Feed.ForgetProject(ctx, c.Tx, p.ID, c.at)
	})
}

// ProjectSettings is a project as whoever manages it sees it.
type ProjectSettings struct {
	ProjectEdit
	ID        uuid.UUID
	Archived  bool
	MayDelete bool
	People    []Person // who can be members
	Created   time.Time
}

// Settings gives a project to whoever may change it.
func (w *Work) Settings(ctx context.Context, who actor.Actor, key string) (ProjectSettings, error) {
	if err := who.Need(actor.Read); err != nil {
		return ProjectSettings{}, err
	}
	p, s, err := projectFor(ctx, w.db(), who, key, ManageProject)
	if err != nil {
		return ProjectSettings{}, err
	}
	out := ProjectSettings{ID: p.ID, Archived: p.ArchivedAt != nil, MayDelete: Can(who, DeleteProject, s), Created: p.CreatedAt}
	out.Key, out.Name, out.Description, out.Everyone = p.Key, p.Name, p.Description, p.Visibility == project.VisibilityEveryone
	full, err := w.db().Project.Query().Where(project.ID(p.ID)).WithMembers().WithTeams().WithLabels().
		WithStates(func(q *ent.StateQuery) { q.Order(ent.Asc(state.FieldPosition)) }).Only(ctx)
	if err != nil {
		return ProjectSettings{}, wrap("read the project", err)
	}
	for _, one := range full.Edges.States {
		out.Columns = append(out.Columns, ColumnEdit{one.ID, one.Name, one.WipLimit, one.Kind == state.KindDone})
	}
	for _, one := range full.Edges.Labels {
		out.Labels = append(out.Labels, LabelEdit{one.ID, one.Name, hueOf(one.Color)})
	}
	slices.SortFunc(out.Labels, func(a, b LabelEdit) int { return strings.Compare(a.Name, b.Name) })
	for _, one := range full.Edges.Members {
		out.Members = append(out.Members, one.UserID)
	}
	for _, one := range full.Edges.Teams {
		out.Teams = append(out.Teams, one.ID)
	}
	out.People, err = w.Candidates(ctx, who)
	return out, err
}

// Candidates are the people who can become members of a project, for whoever may make one.
func (w *Work) Candidates(ctx context.Context, who actor.Actor) ([]Person, error) {
	if err := need(who, CreateProject, Standing{}, "project"); err != nil {
		return nil, err
	}
	all, err := w.db().User.Query().Where(user.StatusNEQ(user.StatusDisabled), user.KindEQ(user.KindPerson)).
		Order(ent.Asc(user.FieldName, user.FieldID)).Limit(maxPeople).Select(user.FieldID, user.FieldName, user.FieldRole, user.FieldKind).All(ctx)
	if err != nil {
		return nil, wrap("read people", err)
	}
	people := make([]Person, len(all))
	for i, one := range all {
		people[i] = toPerson(one)
	}
	return people, nil
}
