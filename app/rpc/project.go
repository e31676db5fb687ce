package rpc

import (
	"context"
	"slices"

	"github.com/berth-iac/berth/app/fault"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

func projectOf(p work.ProjectSummary) *taskflowv1.Project {
	return &taskflowv1.Project{
		Id: p.ID.String(), Key: p.Key, Name: p.Name, Description: p.Description, Everyone: p.Everyone, Archived: p.Archived, Open: int32(p.Open),
		Done: int32(p.Done), Overdue: int32(p.Overdue), Members: mapped(p.Members, personOf), MoreMembers: int32(p.MoreMembers),
		UpdatedAt: stamp(p.Updated), MayManage: p.MayManage,
	}
}

// ListProjects gives the projects that the caller sees.
func (c *calls) ListProjects(ctx context.Context, q *taskflowv1.ListProjectsRequest) (*taskflowv1.ListProjectsResponse, error) {
	all, err := c.work.Projects(ctx, who(ctx), q.GetArchived())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListProjectsResponse{Projects: mapped(all, projectOf)}, nil
}

// GetProject gives a project, and what the fields of its tasks can be.
func (c *calls) GetProject(ctx context.Context, q *taskflowv1.GetProjectRequest) (*taskflowv1.GetProjectResponse, error) {
	choices, err := c.work.Choices(ctx, who(ctx), q.GetKey())
	if err != nil {
		return nil, err
	}
	all, err := c.work.Projects(ctx, who(ctx), choices.Archived)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p work.ProjectSummary) bool { return p.ID == choices.Project.ID })
	if i < 0 { // it was put away or brought back just now
		return nil, fault.Clash("somebody else changed it meanwhile", "try again")
	}
	return &taskflowv1.GetProjectResponse{
		Project: projectOf(all[i]), Columns: mapped(choices.Columns, columnOf), Labels: mapped(choices.Labels, labelOf),
		People: mapped(choices.People, personOf), MayCreateTasks: choices.MayCreate,
	}, nil
}

// GetBoard gives a project's tasks by column.
func (c *calls) GetBoard(ctx context.Context, q *taskflowv1.GetBoardRequest) (*taskflowv1.GetBoardResponse, error) {
	var f fields
	filter := work.BoardFilter{Words: q.GetWords(), Assignee: f.id("assignee_id", q.GetAssigneeId()), Label: f.id("label_id", q.GetLabelId())}
	if err := f.err(); err != nil {
		return nil, err
	}
	board, err := c.work.Board(ctx, who(ctx), q.GetKey(), filter)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.GetBoardResponse{MayMove: board.MayMove, Columns: mapped(board.Columns, func(one work.Column) *taskflowv1.BoardColumn {
		return &taskflowv1.BoardColumn{Column: columnOf(one), Tasks: tasksOf(one.Cards, true), More: int32(one.More)}
	})}, nil
}

// GetProjectSettings gives a project to whoever may change it.
func (c *calls) GetProjectSettings(ctx context.Context, q *taskflowv1.GetProjectSettingsRequest) (*taskflowv1.GetProjectSettingsResponse, error) {
	s, err := c.work.Settings(ctx, who(ctx), q.GetKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.GetProjectSettingsResponse{
		Id: s.ID.String(), Key: s.Key, Name: s.Name, Description: s.Description, Everyone: s.Everyone, Archived: s.Archived,
		Columns: mapped(s.Columns, func(one work.ColumnEdit) *taskflowv1.ColumnEdit {
			return &taskflowv1.ColumnEdit{Id: one.ID.String(), Name: one.Name, Limit: int32(one.Limit), Done: one.Done}
		}),
		Labels: mapped(s.Labels, func(one work.LabelEdit) *taskflowv1.LabelEdit {
			return &taskflowv1.LabelEdit{Id: one.ID.String(), Name: one.Name, Hue: int32(one.Hue)}
		}),
		MemberIds: mapped(s.Members, text), TeamIds: mapped(s.Teams, text), Candidates: mapped(s.People, personOf), CreatedAt: stamp(s.Created),
	}, nil
}

func (f *fields) columns(field string, all []*taskflowv1.ColumnEdit) []work.ColumnEdit {
	return mapped(all, func(one *taskflowv1.ColumnEdit) work.ColumnEdit {
		return work.ColumnEdit{ID: f.id(field, one.GetId()), Name: one.GetName(), Limit: int(one.GetLimit()), Done: one.GetDone()}
	})
}

func (f *fields) labels(field string, all []*taskflowv1.LabelEdit) []work.LabelEdit {
	return mapped(all, func(one *taskflowv1.LabelEdit) work.LabelEdit {
		return work.LabelEdit{ID: f.id(field, one.GetId()), Name: one.GetName(), Hue: int(one.GetHue())}
	})
}

// CreateProject makes a project.
func (c *calls) CreateProject(ctx context.Context, q *taskflowv1.CreateProjectRequest) (*taskflowv1.CreateProjectResponse, error) {
	var f fields
	edit := work.ProjectEdit{
		Key: q.GetKey(), Name: q.GetName(), Description: q.GetDescription(), Everyone: q.GetEveryone(), Columns: f.columns("columns", q.GetColumns()),
		Labels: f.labels("labels", q.GetLabels()), Members: f.ids("member_ids", q.GetMemberIds()), Teams: f.ids("team_ids", q.GetTeamIds()),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	made, err := c.work.CreateProject(ctx, who(ctx), edit)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.CreateProjectResponse{Id: made.ID.String(), Key: made.Key}, nil
}

// UpdateProject changes what is given of a project.
func (c *calls) UpdateProject(ctx context.Context, q *taskflowv1.UpdateProjectRequest) (*taskflowv1.UpdateProjectResponse, error) {
	var f fields
	edit := work.ProjectEdit{Members: f.list("members", q.GetMembers()), Teams: f.list("teams", q.GetTeams())}
	if q.GetColumns() != nil {
		edit.Columns = f.columns("columns.items", q.GetColumns().GetItems())
	}
	if q.GetLabels() != nil {
		edit.Labels = f.labels("labels.items", q.GetLabels().GetItems())
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	var was work.ProjectSettings
	if q.Name == nil || q.Description == nil || q.Everyone == nil { // work writes these three always
		var err error
		if was, err = c.work.Settings(ctx, who(ctx), q.GetKey()); err != nil {
			return nil, err
		}
	}
	edit.Name, edit.Description, edit.Everyone = given(q.Name, was.Name), given(q.Description, was.Description), given(q.Everyone, was.Everyone)
	return &taskflowv1.UpdateProjectResponse{}, c.work.UpdateProject(ctx, who(ctx), q.GetKey(), edit)
}

// ArchiveProject puts a project away, or brings it back.
func (c *calls) ArchiveProject(ctx context.Context, q *taskflowv1.ArchiveProjectRequest) (*taskflowv1.ArchiveProjectResponse, error) {
	return &taskflowv1.ArchiveProjectResponse{}, c.work.ArchiveProject(ctx, who(ctx), q.GetKey(), q.GetArchived())
}

// ListSharedLabels gives the labels of all projects.
func (c *calls) ListSharedLabels(ctx context.Context, _ *taskflowv1.ListSharedLabelsRequest) (*taskflowv1.ListSharedLabelsResponse, error) {
	all, err := c.work.SharedLabels(ctx, who(ctx))
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListSharedLabelsResponse{Labels: mapped(all, func(one work.LabelEdit) *taskflowv1.Label {
		return &taskflowv1.Label{Id: one.ID.String(), Name: one.Name, Hue: int32(one.Hue), Shared: true}
	})}, nil
}

// SaveSharedLabels makes the labels of all projects what is given.
func (c *calls) SaveSharedLabels(ctx context.Context, q *taskflowv1.SaveSharedLabelsRequest) (*taskflowv1.SaveSharedLabelsResponse, error) {
	var f fields
	if q.GetLabels() == nil {
		f.bad("labels", "it is not given", "give all labels; to delete all of them, give an empty list")
	}
	labels := f.labels("labels.items", q.GetLabels().GetItems())
	if err := f.err(); err != nil {
		return nil, err
	}
	return &taskflowv1.SaveSharedLabelsResponse{}, c.work.SaveSharedLabels(ctx, who(ctx), labels)
}
