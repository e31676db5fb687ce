package work

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/notification"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/fault"
)

// The kinds of notification, which are also what a person may choose to hear of by e-mail.
const (
	NoticeAssigned  = "assigned"
	NoticeMentioned = "mentioned"
	NoticeCommented = "commented"
	NoticeDue       = "due"
	NoticeRule      = "rule"
)

// Notice is something that a person is told.
type Notice struct {
	ID        uuid.UUID
	UserID    uuid.UUID // who is told
	Kind      string
	TaskID    uuid.UUID
	Key       string // of the task
	Title     string
	CommentID uuid.UUID // uuid.Nil for none
	ActorName string
	Text      string // one line
	At        time.Time
}

// tell notes that a person should know. Nobody is told of what they did themselves.
func (c *change) tell(n Notice) {
	if n.UserID == uuid.Nil || n.UserID == c.who.ID && c.who.Kind != actor.Automation && c.who.Kind != actor.System {
		return
	}
	for _, known := range c.notices { // one is enough: the first is the nearest
		if known.UserID == n.UserID && known.TaskID == n.TaskID {
			return
		}
	}
	n.ID, n.At, n.ActorName = schema.NewID(), c.at, cut(c.who.Name, schema.MaxPersonName)
	n.Text = cut(n.Text, schema.MaxReason)
	c.notices = append(c.notices, n)
}

func (c *change) deliver(ctx context.Context) error {
	for _, n := range c.notices {
		row := c.Notification.Create().SetID(n.ID).SetUserID(n.UserID).SetKind(n.Kind).SetTaskID(n.TaskID).SetActorName(n.ActorName).
			SetText(n.Text).SetCreatedAt(n.At)
		if n.CommentID != uuid.Nil {
			row.SetCommentID(n.CommentID)
		}
		if err := row.Exec(ctx); err != nil {
			return wrap("notify", err)
		}
		if c.w.o.Notify != nil {
			if err := c.w.o.Notify(ctx, c.Tx, n); err != nil {
				return wrap("pass a notification on", err)
			}
		}
	}
	return nil
}

// Notification is a message to the one who reads.
type Notification struct {
	ID        uuid.UUID
	Kind      string
	Key       string // of the task
	Title     string
	CommentID uuid.UUID
	ActorName string
	Text      string
	At        time.Time
	Unread    bool
}

// NotificationPage is a part of somebody's notifications, the newest first.
type NotificationPage struct {
	Items []Notification
	Next  string
}

// person refuses whoever has no account: rules and the service have no notifications and no filters.
func person(who actor.Actor, scope actor.Scope) error {
	if err := who.Need(scope); err != nil {
		return err
	}
	if !who.IsPerson() {
		return fault.Refused("only people have these")
	}
	return nil
}

// Notifications gives somebody's own notifications, of tasks that they still see.
func (w *Work) Notifications(ctx context.Context, who actor.Actor, onlyKind, after string, limit int) (NotificationPage, error) {
	if err := person(who, actor.Read); err != nil {
		return NotificationPage{}, err
	}
	limit = within(limit, 50, 200)
	query := w.db().Notification.Query().Where(notification.UserID(who.ID), notification.HasTaskWith(task.HasProjectWith(visible(who)))).
		WithTask(func(q *ent.TaskQuery) {
			q.Select(task.FieldID, task.FieldProjectID, task.FieldNumber, task.FieldTitle).WithProject(func(q *ent.ProjectQuery) { q.Select(project.FieldID, project.FieldKey) })
		})
	if onlyKind != "" {
		query.Where(notification.Kind(onlyKind))
	}
	if after != "" {
		at, id, err := parsePlace(after)
		if err != nil {
			return NotificationPage{}, err
		}
		query.Where(notification.Or(notification.CreatedAtLT(at), notification.And(notification.CreatedAt(at), notification.IDLT(id))))
	}
	rows, err := query.Order(ent.Desc(notification.FieldCreatedAt, notification.FieldID)).Limit(limit + 1).All(ctx)
	if err != nil {
		return NotificationPage{}, wrap("read notifications", err)
	}
	var page NotificationPage
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = place(rows[limit-1].CreatedAt, rows[limit-1].ID)
	}
	for _, row := range rows {
		n := Notification{ID: row.ID, Kind: row.Kind, ActorName: row.ActorName, Text: row.Text, At: row.CreatedAt, Unread: row.ReadAt == nil}
		if row.CommentID != nil {
			n.CommentID = *row.CommentID
		}
		if t := row.Edges.Task; t != nil && t.Edges.Project != nil {
			n.Key, n.Title = taskKey(t.Edges.Project.Key, t.Number), t.Title
		}
		page.Items = append(page.Items, n)
	}
	return page, nil
}

// Unread counts somebody's unread notifications.
func (w *Work) Unread(ctx context.Context, who actor.Actor) (int, error) {
	if err := person(who, actor.Read); err != nil {
		return 0, err
	}
	n, err := w.db().Notification.Query().Where(notification.UserID(who.ID), notification.ReadAtIsNil(),
		notification.HasTaskWith(task.HasProjectWith(visible(who)))).Count(ctx)
	return n, wrap("count notifications", err)
}

// MarkRead marks one of somebody's own notifications as read, or all of them (uuid.Nil).
func (w *Work) MarkRead(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	if err := person(who, actor.Write); err != nil {
		return err
	}
	return w.o.Store.Tx(ctx, func(tx *ent.Tx) error {
		update := tx.Notification.Update().Where(notification.UserID(who.ID), notification.ReadAtIsNil()).SetReadAt(w.now())
		if id != uuid.Nil {
			update.Where(notification.ID(id))
		}
		n, err := update.Save(ctx)
		if err != nil || n > 0 || id == uuid.Nil {
			return wrap("mark notifications", err)
		}
		known, err := tx.Notification.Query().Where(notification.ID(id), notification.UserID(who.ID)).Exist(ctx)
		if err == nil && !known {
			return fault.Missing("notification")
		}
		return wrap("find the notification", err)
	})
}
