package rpc

import (
	"context"

	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

// ListComments gives a task's comments.
func (c *calls) ListComments(ctx context.Context, q *taskflowv1.ListCommentsRequest) (*taskflowv1.ListCommentsResponse, error) {
	d, err := c.work.Task(ctx, who(ctx), q.GetTaskKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListCommentsResponse{Comments: mapped(d.Discussion, func(one work.Comment) *taskflowv1.Comment {
		return &taskflowv1.Comment{Id: one.ID.String(), Author: personOf(one.Who), Body: one.Body, CreatedAt: stamp(one.At), Edited: one.Edited,
			MayEdit: one.MayEdit, MayDelete: one.MayDelete}
	})}, nil
}

// CreateComment says something of a task.
func (c *calls) CreateComment(ctx context.Context, q *taskflowv1.CreateCommentRequest) (*taskflowv1.CreateCommentResponse, error) {
	id, err := c.work.AddComment(ctx, who(ctx), q.GetTaskKey(), q.GetBody())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.CreateCommentResponse{Id: id.String()}, nil
}

// UpdateComment changes a comment of the caller's own.
func (c *calls) UpdateComment(ctx context.Context, q *taskflowv1.UpdateCommentRequest) (*taskflowv1.UpdateCommentResponse, error) {
	id, err := named("comment", q.GetId())
	if err != nil {
		return nil, err
	}
	key, err := c.work.EditComment(ctx, who(ctx), id, q.GetBody())
	return &taskflowv1.UpdateCommentResponse{TaskKey: key}, err
}

// DeleteComment deletes a comment.
func (c *calls) DeleteComment(ctx context.Context, q *taskflowv1.DeleteCommentRequest) (*taskflowv1.DeleteCommentResponse, error) {
	id, err := named("comment", q.GetId())
	if err != nil {
		return nil, err
	}
	key, err := c.work.DeleteComment(ctx, who(ctx), id)
	return &taskflowv1.DeleteCommentResponse{TaskKey: key}, err
}
