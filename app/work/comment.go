package work

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/comment"
	"github.com/berth-iac/berth/app/ent/mention"
	"github.com/berth-iac/berth/app/ent/notification"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
)

// AddComment says something of a task.
func (w *Work) AddComment(ctx context.Context, who actor.Actor, key, body string) (uuid.UUID, error) {
	if err := who.Need(actor.Write); err != nil {
		return uuid.Nil, err
	}
	if who.ID == uuid.Nil {
		return uuid.Nil, fault.Refused("a comment has an author: somebody with an account")
	}
	var id uuid.UUID
	err := w.change(ctx, who, func(c *change) error {
		t, err := taskFor(ctx, c.Client(), who, key, WriteComment)
		if err != nil {
			return err
		}
		id, err = c.comment(ctx, t, body)
		return err
	})
	if err != nil {
		return uuid.Nil, err
	}
	return id, nil
}

func (c *change) comment(ctx context.Context, t found, body string) (uuid.UUID, error) {
	var f form
	body = f.markdown("body", body, true)
	if err := f.err(); err != nil {
		return uuid.Nil, err
	}
	id := schema.NewID()
	if err := c.Comment.Create().SetID(id).SetTaskID(t.ID).SetAuthorID(c.who.ID).SetBody(body).SetCreatedAt(c.at).Exec(ctx); err != nil {
		return uuid.Nil, wrap("write the comment", err)
	}
	excerpt := cut(body, 140)
	c.log("comment.create", "task "+t.key, t.ID, "comment", id.String())
	c.say("comment.added", t.ProjectID, t.ID, t.subject(), "comment", id.String())
	if err := c.mentions(ctx, t.project, t.Task, id, body, ""); err != nil {
		return uuid.Nil, err
	}
	interested := uniq([]uuid.UUID{assigneeOf(t.Task), t.ReporterID})
	still, err := c.User.Query().Where(user.IDIn(interested...), access(t.project)).IDs(ctx)
	if err != nil {
		return uuid.Nil, wrap("find who is interested", err)
	}
	for _, one := range interested {
		if slices.Contains(still, one) {
			c.tell(Notice{UserID: one, Kind: NoticeCommented, TaskID: t.ID, Key: t.key, Title: t.Title, CommentID: id, Text: excerpt})
		}
	}
	c.happen(event{name: "comment.added", task: t.ID, project: t.ProjectID, comment: body})
	return id, nil
}

// mentions notes who is named in a text and was not in the one before it. Only who sees the project is.
func (c *change) mentions(ctx context.Context, p *ent.Project, t *ent.Task, commentID uuid.UUID, body, before string) error {
	where := mention.And(mention.TaskID(t.ID), mention.CommentIDIsNil())
	if commentID != uuid.Nil {
		where = mention.CommentID(commentID)
	}
	if before != "" {
		if _, err := c.Mention.Delete().Where(where).Exec(ctx); err != nil {
			return wrap("clear mentions", err)
		}
	}
	if !strings.Contains(body, "@") {
		return nil
	}
	names, _ := c.w.o.Markdown.References(body)
	if len(names) == 0 {
		return nil
	}
	named := map[string]bool{}
	for _, name := range names {
		named[strings.ToLower(name)] = true
	}
	was, _ := c.w.o.Markdown.References(before)
	known := map[string]bool{}
	for _, name := range was {
		known[strings.ToLower(name)] = true
	}
	people, err := c.User.Query().Where(access(p)).Select(user.FieldID, user.FieldName).All(ctx)
	if err != nil {
		return wrap("find who is mentioned", err)
	}
	key := taskKey(p.Key, t.Number)
	for _, one := range people {
		handle := Handle(one.Name)
		if !named[handle] {
			continue
		}
		row := c.Mention.Create().SetTaskID(t.ID).SetUserID(one.ID).SetCreatedAt(c.at)
		if commentID != uuid.Nil {
			row.SetCommentID(commentID)
		}
		if err := row.Exec(ctx); err != nil {
			return wrap("note a mention", err)
		}
		if !known[handle] {
			c.tell(Notice{UserID: one.ID, Kind: NoticeMentioned, TaskID: t.ID, Key: key, Title: t.Title, CommentID: commentID, Text: cut(body, 140)})
		}
	}
	return nil
}

// commentFor finds a comment for a deed.
func commentFor(ctx context.Context, db *ent.Client, who actor.Actor, id uuid.UUID, d Deed) (*ent.Comment, found, error) {
	if err := who.Need(mustScope(d)); err != nil {
		return nil, found{}, err
	}
	row, err := db.Comment.Query().Where(comment.ID(id), comment.DeletedAtIsNil()).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, found{}, fault.Missing("comment")
	}
	if err != nil {
		return nil, found{}, wrap("find the comment", err)
	}
	// Whoever does not see the task knows of no comment on it.
	reader := who
	reader.Scopes = append(slices.Clone(who.Scopes), actor.Read)
	t, err := taskByID(ctx, db, reader, row.TaskID, SeeProject)
	if fault.Is(err, fault.NotFound) {
		return nil, found{}, fault.Missing("comment")
	}
	if err != nil {
		return nil, found{}, err
	}
	t.s.Own = row.AuthorID == who.ID
	if err := need(who, d, t.s, "comment"); err != nil {
		return nil, found{}, err
	}
	if d != SeeProject {
		err = archived(t.project)
	}
	return row, t, err
}

// CommentText is a comment as it was written, to be edited.
type CommentText struct {
	ID         uuid.UUID
	Key, Title string // of the task
	Project    string
	Body       string
	At         time.Time
}

// Comment gives a comment to whoever may edit it.
func (w *Work) Comment(ctx context.Context, who actor.Actor, id uuid.UUID) (CommentText, error) {
	row, t, err := commentFor(ctx, w.db(), who, id, EditComment)
	if err != nil {
		return CommentText{}, err
	}
	return CommentText{ID: row.ID, Key: t.key, Title: t.Title, Project: t.project.Key, Body: row.Body, At: row.CreatedAt}, nil
}

// EditComment changes one's own comment. It gives the task's key.
func (w *Work) EditComment(ctx context.Context, who actor.Actor, id uuid.UUID, body string) (key string, err error) {
	if err := who.Need(actor.Write); err != nil {
		return "", err
	}
	err = w.change(ctx, who, func(c *change) error {
		row, t, err := commentFor(ctx, c.Client(), who, id, EditComment)
		if err != nil {
			return err
		}
		key = t.key
		var f form
		body := f.markdown("body", body, true)
		if err := f.err(); err != nil {
			return err
		}
		if body == row.Body {
			return nil
		}
		if err := c.Comment.UpdateOneID(id).SetBody(body).SetEditedAt(c.at).Exec(ctx); err != nil {
			return wrap("write the comment", err)
		}
		c.log("comment.update", "task "+t.key, t.ID, "comment", id.String())
		return c.mentions(ctx, t.project, t.Task, id, body, row.Body)
	})
	return key, err
}

// DeleteComment empties a comment: its author may, and administrators. It gives the task's key.
func (w *Work) DeleteComment(ctx context.Context, who actor.Actor, id uuid.UUID) (key string, err error) {
	if err := who.Need(actor.Write); err != nil {
		return "", err
	}
	err = w.change(ctx, who, func(c *change) error {
		row, t, err := commentFor(ctx, c.Client(), who, id, DeleteComment)
		if err != nil {
			return err
		}
		key = t.key
		if err := c.Comment.UpdateOneID(row.ID).SetBody("").SetDeletedAt(c.at).Exec(ctx); err != nil {
			return wrap("delete the comment", err)
		}
		if _, err := c.Mention.Delete().Where(mention.CommentID(id)).Exec(ctx); err != nil {
			return wrap("clear mentions", err)
		}
		if _, err := c.Notification.Delete().Where(notification.CommentID(id)).Exec(ctx); err != nil { // they repeat its words
			return wrap("clear notifications", err)
		}
		c.log("comment.delete", "task "+t.key, t.ID, "comment", id.String(), "author", row.AuthorID.String())
		return nil
	})
	return key, err
}
