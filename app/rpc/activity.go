package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/feed"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

// ListActivity gives a page of the feed.
func (c *calls) ListActivity(ctx context.Context, q *taskflowv1.ListActivityRequest) (*taskflowv1.ListActivityResponse, error) {
	page, err := c.work.Activity(ctx, who(ctx), q.GetProjectKey(), q.GetPageToken(), int(q.GetPageSize()))
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListActivityResponse{NextPageToken: page.Next, Events: mapped(page.Lines, func(l feed.Line) *taskflowv1.Event {
		return &taskflowv1.Event{Id: l.ID.String(), At: stamp(l.At), ActorId: text(l.ActorID), ActorName: l.ActorName, Verb: l.Verb,
			ProjectId: text(l.ProjectID), TaskId: text(l.TaskID), Subject: l.Subject, Detail: l.Detail}
	})}, nil
}

// Search looks for words.
func (c *calls) Search(ctx context.Context, q *taskflowv1.SearchRequest) (*taskflowv1.SearchResponse, error) {
	found, err := c.work.Search(ctx, who(ctx), q.GetText(), q.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.SearchResponse{
		TaskKey: found.Key, Tasks: tasksOf(found.Tasks, true), NextPageToken: found.Next, Projects: mapped(found.Projects, projectOf),
		Comments: mapped(found.Comments, func(f work.Found) *taskflowv1.FoundComment {
			return &taskflowv1.FoundComment{Id: f.ID.String(), TaskKey: f.Key, TaskTitle: f.Title, Author: personOf(f.Who), Body: f.Text, CreatedAt: stamp(f.At)}
		}),
	}, nil
}

// ListNotifications gives a page of what the caller was told.
func (c *calls) ListNotifications(ctx context.Context, q *taskflowv1.ListNotificationsRequest) (*taskflowv1.ListNotificationsResponse, error) {
	page, err := c.work.Notifications(ctx, who(ctx), q.GetKind(), q.GetPageToken(), int(q.GetPageSize()))
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListNotificationsResponse{NextPageToken: page.Next, Notifications: mapped(page.Items, func(n work.Notification) *taskflowv1.Notification {
		return &taskflowv1.Notification{Id: n.ID.String(), Kind: n.Kind, TaskKey: n.Key, TaskTitle: n.Title, CommentId: text(n.CommentID),
			ActorName: n.ActorName, Text: n.Text, At: stamp(n.At), Unread: n.Unread}
	})}, nil
}

// CountUnread tells how many the caller has not read.
func (c *calls) CountUnread(ctx context.Context, _ *taskflowv1.CountUnreadRequest) (*taskflowv1.CountUnreadResponse, error) {
	n, err := c.work.Unread(ctx, who(ctx))
	return &taskflowv1.CountUnreadResponse{Count: int32(n)}, err
}

// MarkRead marks one of the caller's notifications as read.
func (c *calls) MarkRead(ctx context.Context, q *taskflowv1.MarkReadRequest) (*taskflowv1.MarkReadResponse, error) {
	id, err := named("notification", q.GetId()) // never all of them by an empty id
	if err != nil {
		return nil, err
	}
	return &taskflowv1.MarkReadResponse{}, c.work.MarkRead(ctx, who(ctx), id)
}

// MarkAllRead marks all of them as read.
func (c *calls) MarkAllRead(ctx context.Context, _ *taskflowv1.MarkAllReadRequest) (*taskflowv1.MarkAllReadResponse, error) {
	return &taskflowv1.MarkAllReadResponse{}, c.work.MarkRead(ctx, who(ctx), uuid.Nil)
}
