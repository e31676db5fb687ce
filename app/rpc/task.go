package rpc

import (
	"context"

	"github.com/google/uuid"

	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

// ListTasks gives a page of tasks.
func (c *calls) ListTasks(ctx context.Context, q *taskflowv1.ListTasksRequest) (*taskflowv1.ListTasksResponse, error) {
	var f fields
	filter := q.GetFilter()
	query := work.Query{
		Project: filter.GetProjectKey(), Words: filter.GetWords(), Status: filter.GetStatus(), Assignee: filter.GetAssignee(),
		Label: f.id("filter.label_id", filter.GetLabelId()), Priority: filter.GetPriority(), Due: filter.GetDue(), Sort: filter.GetSort(),
		Archived: filter.GetArchived(), Page: q.GetPageToken(), Limit: int(q.GetPageSize()), Brief: !q.GetCounts(),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	page, err := c.work.List(ctx, who(ctx), query)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListTasksResponse{Tasks: tasksOf(page.Tasks, q.GetCounts()), NextPageToken: page.Next}, nil
}

func tasksOf(rows []work.TaskRow, counts bool) []*taskflowv1.Task {
	all := make([]*taskflowv1.Task, len(rows))
	for i := range rows {
		all[i] = taskOf(&rows[i], counts)
	}
	return all
}

func taskOf(t *work.TaskRow, counts bool) *taskflowv1.Task {
	task := &taskflowv1.Task{
		Id: t.ID.String(), Key: t.Key, Title: t.Title, Version: int32(t.Version), ProjectKey: t.Project.Key, StatusId: t.Status.String(),
		Status: t.StatusName, Done: t.Done, Priority: t.Priority, Assignee: personOf(t.Assignee), Due: t.Due, Labels: mapped(t.Labels, labelOf),
		CreatedAt: stamp(t.Created), UpdatedAt: stamp(t.Updated),
	}
	if counts {
		task.Counts = &taskflowv1.TaskCounts{ChecklistDone: int32(t.Checklist.Done), ChecklistTotal: int32(t.Checklist.Total),
			Comments: int32(t.Comments), Attachments: int32(t.Attachments), Blocked: t.Blocked}
	}
	return task
}

func refOf(t work.TaskRef) *taskflowv1.TaskRef {
	return &taskflowv1.TaskRef{Id: t.ID.String(), Key: t.Key, Version: int32(t.Version)}
}

// GetTask gives a task in full.
func (c *calls) GetTask(ctx context.Context, q *taskflowv1.GetTaskRequest) (*taskflowv1.GetTaskResponse, error) {
	d, err := c.work.Task(ctx, who(ctx), q.GetKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.GetTaskResponse{
		Task: taskOf(&d.TaskRow, true), Description: d.Description, Archived: d.Archived, CreatedBy: personOf(d.CreatedBy),
		Checklist: mapped(d.Steps, func(s work.Step) *taskflowv1.ChecklistItem {
			return &taskflowv1.ChecklistItem{Id: s.ID.String(), Text: s.Text, Done: s.Done}
		}),
		Relations: mapped(d.Relations, func(r work.Relation) *taskflowv1.Relation {
			return &taskflowv1.Relation{Id: r.ID.String(), Kind: r.Kind, Key: r.Key, Title: r.Title, Done: r.Done}
		}),
		MayEdit: d.MayEdit, MayComment: d.MayComment, MayDelete: d.MayDelete,
	}, nil
}

// CreateTask makes a task.
func (c *calls) CreateTask(ctx context.Context, q *taskflowv1.CreateTaskRequest) (*taskflowv1.CreateTaskResponse, error) {
	var f fields
	task := work.NewTask{
		Project: q.GetProjectKey(), Title: q.GetTitle(), Description: q.GetDescription(), Status: f.id("status_id", q.GetStatusId()),
		Priority: q.GetPriority(), Assignee: f.id("assignee_id", q.GetAssigneeId()), Due: q.GetDue(), Labels: f.ids("label_ids", q.GetLabelIds()),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	made, err := c.work.CreateTask(ctx, who(ctx), task)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.CreateTaskResponse{Task: refOf(made)}, nil
}

// UpdateTask changes what is given of a task.
func (c *calls) UpdateTask(ctx context.Context, q *taskflowv1.UpdateTaskRequest) (*taskflowv1.UpdateTaskResponse, error) {
	var f fields
	change := work.TaskChange{
		Key: q.GetKey(), Version: int(q.GetVersion()), Title: q.Title, Description: q.Description, Status: f.optional("status_id", q.StatusId),
		Priority: q.Priority, Assignee: f.optional("assignee_id", q.AssigneeId), Due: q.Due, Archived: q.Archived,
	}
	if q.GetLabels() != nil {
		labels := f.list("labels", q.GetLabels())
		change.Labels = &labels
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	done, err := c.work.UpdateTask(ctx, who(ctx), change)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.UpdateTaskResponse{Task: refOf(done)}, nil
}

// MoveTask puts a task to a place on the board.
func (c *calls) MoveTask(ctx context.Context, q *taskflowv1.MoveTaskRequest) (*taskflowv1.MoveTaskResponse, error) {
	var f fields
	move := work.Move{Key: q.GetKey(), Status: f.id("status_id", q.GetStatusId()), Before: q.GetBeforeKey()}
	if move.Status == uuid.Nil && f.err() == nil {
		f.id("status_id", "-") // no column is not the first one
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	done, err := c.work.MoveTask(ctx, who(ctx), move)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.MoveTaskResponse{Task: refOf(done)}, nil
}

// DeleteTask deletes a task for good.
func (c *calls) DeleteTask(ctx context.Context, q *taskflowv1.DeleteTaskRequest) (*taskflowv1.DeleteTaskResponse, error) {
	return &taskflowv1.DeleteTaskResponse{}, c.work.DeleteTask(ctx, who(ctx), q.GetKey())
}

// AddChecklistItem adds an item to a checklist.
func (c *calls) AddChecklistItem(ctx context.Context, q *taskflowv1.AddChecklistItemRequest) (*taskflowv1.AddChecklistItemResponse, error) {
	id, err := c.work.AddStep(ctx, who(ctx), q.GetTaskKey(), q.GetText())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.AddChecklistItemResponse{Id: id.String()}, nil
}

// UpdateChecklistItem says whether an item is done.
func (c *calls) UpdateChecklistItem(ctx context.Context, q *taskflowv1.UpdateChecklistItemRequest) (*taskflowv1.UpdateChecklistItemResponse, error) {
	do := work.StepOpen
	if q.GetDone() {
		do = work.StepDone
	}
	return &taskflowv1.UpdateChecklistItemResponse{}, c.step(ctx, q.GetTaskKey(), q.GetId(), do)
}

// DeleteChecklistItem removes an item.
func (c *calls) DeleteChecklistItem(ctx context.Context, q *taskflowv1.DeleteChecklistItemRequest) (*taskflowv1.DeleteChecklistItemResponse, error) {
	return &taskflowv1.DeleteChecklistItemResponse{}, c.step(ctx, q.GetTaskKey(), q.GetId(), work.StepDelete)
}

func (c *calls) step(ctx context.Context, key, item, do string) error {
	id, err := named("item", item)
	if err != nil {
		return err
	}
	return c.work.ChangeStep(ctx, who(ctx), key, id, do)
}

// AddRelation says what a task is to another.
func (c *calls) AddRelation(ctx context.Context, q *taskflowv1.AddRelationRequest) (*taskflowv1.AddRelationResponse, error) {
	id, err := c.work.Relate(ctx, who(ctx), q.GetTaskKey(), q.GetKind(), q.GetOtherKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.AddRelationResponse{Id: id.String()}, nil
}

// RemoveRelation removes a relation.
func (c *calls) RemoveRelation(ctx context.Context, q *taskflowv1.RemoveRelationRequest) (*taskflowv1.RemoveRelationResponse, error) {
	id, err := named("relation", q.GetId())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.RemoveRelationResponse{}, c.work.Unrelate(ctx, who(ctx), q.GetTaskKey(), id)
}
