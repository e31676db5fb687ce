package exchange

import (
	"context"
	"strconv"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/checklistitem"
	"github.com/berth-iac/berth/app/ent/label"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/projectmember"
	"github.com/berth-iac/berth/app/ent/projectteam"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/taskrelation"
	"github.com/berth-iac/berth/app/work"
)

const aKey = "key of the task, such as OPS-12"

// somewhere and something read of a project and of a task what other tables need.
func somewhere(q *ent.ProjectQuery) { q.Select(project.FieldID, project.FieldKey) }

func something(q *ent.TaskQuery) {
	q.Select(task.FieldID, task.FieldNumber, task.FieldProjectID).WithProject(somewhere)
}

func projectKey(p *ent.Project) any {
	if p == nil {
		return nil
	}
	return p.Key
}

func key(t *ent.Task) any {
	if t == nil || t.Edges.Project == nil {
		return nil
	}
	return plain(t.Edges.Project.Key + "-" + strconv.Itoa(t.Number))
}

// projectsOf reads the projects that are wanted.
func projectsOf(ctx context.Context, s *snapshot, each func(*ent.Project) error) error {
	return through(ctx, s, func(after uuid.UUID) ([]*ent.Project, error) {
		q := s.Project.Query().Where(project.IDGT(after)).Order(project.ByID()).Limit(pageSize)
		if s.only != uuid.Nil {
			q.Where(project.ID(s.only))
		}
		return q.All(ctx)
	}, func(p *ent.Project) uuid.UUID { return p.ID }, each)
}

func projects() table {
	return table{
		name: "projects", about: "boards and lists of tasks", ofProject: true,
		columns: []column{{"id", anID}, {"key", "short name, which the keys of its tasks begin with"}, {"name", "name"}, {"description", "Markdown"}, {"color", "RGB, such as #4f6bed"},
			{"visibility", "everyone, or members only"}, {"next_number", "of the next task"}, {"created_at", aTime}, {"updated_at", aTime}, {"archived_at", aTime + "; empty while it is in use"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return projectsOf(ctx, s, func(p *ent.Project) error {
				return each([]any{p.ID, p.Key, p.Name, p.Description, p.Color, string(p.Visibility), p.NextNumber, moment(p.CreatedAt), moment(p.UpdatedAt), maybe(p.ArchivedAt)})
			})
		},
	}
}

func projectAccess() table {
	return table{
		name: "project_access", about: "which people and teams are members of a project", ofProject: true,
		columns: []column{{"project", "key of the project"}, {"kind", "person or team"}, {"person", anMail + "the person"}, {"team", "name of the team"}, {"since", aTime + "; empty for teams"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return projectsOf(ctx, s, func(p *ent.Project) error {
				if err := through(ctx, s, func(after uuid.UUID) ([]*ent.ProjectMember, error) {
					return s.ProjectMember.Query().Where(projectmember.ProjectID(p.ID), projectmember.IDGT(after)).Order(projectmember.ByID()).Limit(pageSize).WithUser(somebody).All(ctx)
				}, func(m *ent.ProjectMember) uuid.UUID { return m.ID }, func(m *ent.ProjectMember) error {
					return each([]any{p.Key, "person", email(m.Edges.User), nil, moment(m.CreatedAt)})
				}); err != nil {
					return err
				}
				return through(ctx, s, func(after uuid.UUID) ([]*ent.ProjectTeam, error) {
					return s.ProjectTeam.Query().Where(projectteam.ProjectID(p.ID), predicate.ProjectTeam(sql.FieldGT(projectteam.FieldTeamID, after))).Order(projectteam.ByTeamID()).Limit(pageSize).WithTeam().All(ctx)
				}, func(m *ent.ProjectTeam) uuid.UUID { return m.TeamID }, func(m *ent.ProjectTeam) error {
					return each([]any{p.Key, "team", nil, m.Edges.Team.Name, nil})
				})
			})
		},
	}
}

func columns() table {
	return table{
		name: "columns", about: "the columns of the boards: what status a task can have", ofProject: true,
		columns: []column{{"id", anID}, {"project", "key of the project"}, {"name", "name"}, {"kind", "todo, doing or done"}, {"position", "from left to right"},
			{"wip_limit", "how many tasks it should hold at most; 0 for any number"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return projectsOf(ctx, s, func(p *ent.Project) error {
				all, err := s.State.Query().Where(state.ProjectID(p.ID)).Order(state.ByPosition(), state.ByID()).All(ctx) // a handful
				if err != nil {
					return err
				}
				for _, one := range all {
					if err := each([]any{one.ID, p.Key, one.Name, string(one.Kind), one.Position, one.WipLimit}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func labels() table {
	return table{
		name: "labels", about: "words on tasks: of one project, or of all", ofProject: true,
		columns: []column{{"id", anID}, {"project", "key of the project; empty for all projects"}, {"name", "name"}, {"color", "RGB, such as #6b7280"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.Label, error) {
				q := s.Label.Query().Where(label.IDGT(after)).Order(label.ByID()).Limit(pageSize).WithProject(somewhere)
				if s.only != uuid.Nil {
					q.Where(label.Or(label.ProjectID(s.only), label.ProjectIDIsNil()))
				}
				return q.All(ctx)
			}, func(l *ent.Label) uuid.UUID { return l.ID }, func(l *ent.Label) error {
				return each([]any{l.ID, projectKey(l.Edges.Project), l.Name, l.Color})
			})
		},
	}
}

// tasksOf reads the tasks of a project by their numbers, with all that stands in their row.
func tasksOf(ctx context.Context, s *snapshot, p *ent.Project, each func(*ent.Task) error) error {
	for after := 0; ; {
		if err := s.tick(ctx); err != nil {
			return err
		}
		q := s.Task.Query().Where(task.ProjectID(p.ID), task.NumberGT(after)).Order(task.ByNumber()).Limit(pageSize)
		q.Select(task.FieldID, task.FieldProjectID, task.FieldNumber, task.FieldTitle, task.FieldDescription, task.FieldStateID, task.FieldPriority, task.FieldAssigneeID,
			task.FieldReporterID, task.FieldDueOn, task.FieldPosition, task.FieldVersion, task.FieldCreatedAt, task.FieldUpdatedAt, task.FieldDoneAt, task.FieldArchivedAt)
		page, err := q.WithState().WithAssignee(somebody).WithReporter(somebody).
			WithLabels(func(q *ent.LabelQuery) { q.Order(label.ByName()) }).
			WithChecklist(func(q *ent.ChecklistItemQuery) { q.Order(checklistitem.ByPosition(), checklistitem.ByID()) }).
			WithRelations(func(q *ent.TaskRelationQuery) { q.WithTo(something).Order(taskrelation.ByID()) }).
			WithRelated(func(q *ent.TaskRelationQuery) { q.WithFrom(something).Order(taskrelation.ByID()) }).All(ctx)
		if err != nil {
			return err
		}
		for _, t := range page {
			t.Edges.Project = p
			if err := each(t); err != nil {
				return err
			}
			after = t.Number
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

func tasks() table {
	return table{
		name: "tasks", about: "what there is to do, and what was done", ofProject: true,
		columns: []column{{"id", anID}, {"key", aKey}, {"project", "key of the project"}, {"title", "in one line"}, {"description", "Markdown"}, {"status", "name of the column"},
			{"priority", "low, normal, high or urgent"}, {"assignee", anMail + "who does it"}, {"assignee_name", "name"}, {"reporter", anMail + "who wrote it down"}, {"reporter_name", "name"},
			{"due", "day"}, {"labels", "a list"}, {"checklist", "a line for each step: [x] is done, [ ] is not"}, {"relations", "a list, such as: blocks OPS-13"}, {"position", "order inside of the column"},
			{"version", "how often it was changed, and 1"}, {"created_at", aTime}, {"updated_at", aTime}, {"done_at", aTime + "; empty while it is not done"}, {"archived_at", aTime + "; empty while it is in use"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return projectsOf(ctx, s, func(p *ent.Project) error {
				return tasksOf(ctx, s, p, func(t *ent.Task) error {
					var due any
					if t.DueOn != nil {
						due = plain(*t.DueOn)
					}
					return each([]any{t.ID, key(t), p.Key, t.Title, t.Description, t.Edges.State.Name, work.PriorityName(t.Priority), email(t.Edges.Assignee), name(t.Edges.Assignee),
						email(t.Edges.Reporter), name(t.Edges.Reporter), due, labelsOf(t), stepsOf(t), relationsOf(t), t.Position, t.Version, moment(t.CreatedAt),
						moment(t.UpdatedAt), maybe(t.DoneAt), maybe(t.ArchivedAt)})
				})
			})
		},
	}
}

func labelsOf(t *ent.Task) list {
	var names list
	for _, l := range t.Edges.Labels {
		names = append(names, l.Name)
	}
	return names
}

func stepsOf(t *ent.Task) lines {
	var steps lines
	for _, item := range t.Edges.Checklist {
		mark := stepOpen
		if item.DoneAt != nil {
			mark = stepDone
		}
		steps = append(steps, mark+item.Text)
	}
	return steps
}

// relationsOf are a task's relations as the task itself reads them.
func relationsOf(t *ent.Task) list {
	var all list
	say := func(kind string, other *ent.Task) {
		if at, known := key(other).(plain); known {
			all = append(all, kind+" "+string(at))
		}
	}
	for _, r := range t.Edges.Relations {
		say(string(r.Kind), r.Edges.To)
	}
	for _, r := range t.Edges.Related {
		kind := string(r.Kind)
		switch r.Kind {
		case taskrelation.KindBlocks:
			kind = work.BlockedBy
		case taskrelation.KindParent:
			kind = work.ChildOf
		case taskrelation.KindDuplicates:
			kind = "duplicated-by"
		}
		say(kind, r.Edges.From)
	}
	return all
}

func checklist() table {
	return table{
		name: "checklist", about: "the steps of tasks", ofProject: true,
		columns: []column{{"id", anID}, {"task", aKey}, {"text", "what is to be done"}, {"position", "order"}, {"done_at", aTime + "; empty while it is not done"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.ChecklistItem, error) {
				q := s.ChecklistItem.Query().Where(checklistitem.IDGT(after)).Order(checklistitem.ByID()).Limit(pageSize).WithTask(something)
				if s.only != uuid.Nil {
					q.Where(checklistitem.HasTaskWith(task.ProjectID(s.only)))
				}
				return q.All(ctx)
			}, func(i *ent.ChecklistItem) uuid.UUID { return i.ID }, func(i *ent.ChecklistItem) error {
				return each([]any{i.ID, key(i.Edges.Task), i.Text, i.Position, maybe(i.DoneAt)})
			})
		},
	}
}

func relations() table {
	return table{
		name: "relations", about: "what tasks are to each other", ofProject: true,
		columns: []column{{"id", anID}, {"from", aKey}, {"kind", "blocks, relates, duplicates or parent"}, {"to", aKey}, {"created_at", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.TaskRelation, error) {
				q := s.TaskRelation.Query().Where(taskrelation.IDGT(after)).Order(taskrelation.ByID()).Limit(pageSize).WithFrom(something).WithTo(something)
				if s.only != uuid.Nil {
					q.Where(taskrelation.Or(taskrelation.HasFromWith(task.ProjectID(s.only)), taskrelation.HasToWith(task.ProjectID(s.only))))
				}
				return q.All(ctx)
			}, func(r *ent.TaskRelation) uuid.UUID { return r.ID }, func(r *ent.TaskRelation) error {
				return each([]any{r.ID, key(r.Edges.From), string(r.Kind), key(r.Edges.To), moment(r.CreatedAt)})
			})
		},
	}
}
