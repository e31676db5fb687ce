package exchange

import (
	"context"
	"fmt"
	"path"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/activity"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/automationrule"
	"github.com/berth-iac/berth/app/ent/comment"
	"github.com/berth-iac/berth/app/ent/mention"
	"github.com/berth-iac/berth/app/ent/notification"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/savedfilter"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
)

func comments() table {
	return table{
		name: "comments", about: "what was said of tasks", ofProject: true,
		columns: []column{{"id", anID}, {"task", aKey}, {"author", anMail + "who said it"}, {"author_name", "name"}, {"body", "Markdown; empty where it was deleted"}, {"created_at", aTime},
			{"edited_at", aTime + "; empty for never"}, {"deleted_at", aTime + "; empty while it is not"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.Comment, error) {
				q := s.Comment.Query().Where(comment.IDGT(after)).Order(comment.ByID()).Limit(pageSize).WithTask(something).WithAuthor(somebody)
				if s.only != uuid.Nil {
					q.Where(comment.HasTaskWith(task.ProjectID(s.only)))
				}
				return q.All(ctx)
			}, func(c *ent.Comment) uuid.UUID { return c.ID }, func(c *ent.Comment) error {
				return each([]any{c.ID, key(c.Edges.Task), email(c.Edges.Author), name(c.Edges.Author), c.Body, moment(c.CreatedAt), maybe(c.EditedAt), maybe(c.DeletedAt)})
			})
		},
	}
}

func mentions() table {
	return table{
		name: "mentions", about: "who is named in descriptions and comments", ofProject: true,
		columns: []column{{"id", anID}, {"task", aKey}, {"comment", "identifier of the comment; empty for the description"}, {"person", anMail + "who is named"}, {"created_at", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.Mention, error) {
				q := s.Mention.Query().Where(mention.IDGT(after)).Order(mention.ByID()).Limit(pageSize).WithTask(something).WithUser(somebody)
				if s.only != uuid.Nil {
					q.Where(mention.HasTaskWith(task.ProjectID(s.only)))
				}
				return q.All(ctx)
			}, func(m *ent.Mention) uuid.UUID { return m.ID }, func(m *ent.Mention) error {
				return each([]any{m.ID, key(m.Edges.Task), maybeID(m.CommentID), email(m.Edges.User), moment(m.CreatedAt)})
			})
		},
	}
}

// attachmentsOf reads the attachments that are there, task by task, and says where each stands in an archive: always in the same place.
func attachmentsOf(ctx context.Context, s *snapshot, each func(a *ent.Attachment, at string) error) error {
	var last *ent.Attachment
	var used map[string]bool // names in the folder of a task, as systems that do not tell capitals see them
	for {
		if err := s.tick(ctx); err != nil {
			return err
		}
		q := s.Attachment.Query().Where(attachment.StateEQ(attachment.StateStored), attachment.TaskIDNotNil()).
			Order(attachment.ByTaskID(), attachment.ByID()).Limit(pageSize).WithTask(something).WithUploader(somebody)
		if s.only != uuid.Nil {
			q.Where(attachment.HasTaskWith(task.ProjectID(s.only)))
		}
		if last != nil {
			q.Where(attachment.Or(predicate.Attachment(sql.FieldGT(attachment.FieldTaskID, *last.TaskID)), attachment.And(attachment.TaskID(*last.TaskID), attachment.IDGT(last.ID))))
		}
		page, err := q.All(ctx)
		if err != nil {
			return err
		}
		for _, a := range page {
			if last == nil || *last.TaskID != *a.TaskID {
				used = map[string]bool{}
			}
			last = a
			if err := each(a, "attachments/"+csvCell(key(a.Edges.Task))+"/"+freeName(used, a.Name)); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// freeName is a name that is safe on every system and that no other file of the folder has.
func freeName(used map[string]bool, wanted string) string {
	clean := files.CleanName(wanted)
	name, ext := clean, path.Ext(clean)
	for n := 2; used[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(clean, ext), n, ext)
	}
	used[strings.ToLower(name)] = true
	return name
}

func attachments() table {
	return table{
		name: "attachments", about: "the files on tasks", ofProject: true,
		columns: []column{{"id", anID}, {"task", aKey}, {"name", "as it was called"}, {"path", "where it stands in the archive"}, {"size", "bytes"}, {"content_type", "as the content looks"},
			{"sha256", "of the content"}, {"uploader", anMail + "who sent it"}, {"created_at", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return attachmentsOf(ctx, s, func(a *ent.Attachment, at string) error {
				return each([]any{a.ID, key(a.Edges.Task), a.Name, at, a.Size, a.ContentType, plain(a.Sha256), email(a.Edges.Uploader), moment(a.CreatedAt)})
			})
		},
	}
}

func filters() table {
	return table{
		name: "filters", about: "searches that somebody wants again",
		columns: []column{{"id", anID}, {"owner", anMail + "whose it is"}, {"name", "name"}, {"query", "as the address line has it"}, {"shared", "whether others see it: true or false"},
			{"created_at", aTime}, {"updated_at", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.SavedFilter, error) {
				return s.SavedFilter.Query().Where(savedfilter.IDGT(after)).Order(savedfilter.ByID()).Limit(pageSize).WithOwner(somebody).All(ctx)
			}, func(f *ent.SavedFilter) uuid.UUID { return f.ID }, func(f *ent.SavedFilter) error {
				return each([]any{f.ID, email(f.Edges.Owner), f.Name, f.Query, f.Shared, moment(f.CreatedAt), moment(f.UpdatedAt)})
			})
		},
	}
}

func rules() table {
	return table{
		name: "rules", about: "automation: when something happens, and if a condition holds, then do something", ofProject: true,
		columns: []column{{"id", anID}, {"project", "key of the project; empty for all projects"}, {"owner", anMail + "in whose name it acts"}, {"name", "name"}, {"when", "what happens"},
			{"if", "condition in CEL; empty for always"}, {"then", "what it does, JSON"}, {"enabled", "true or false"}, {"position", "order"}, {"last_error", "what went wrong last"},
			{"last_run_at", aTime + "; empty for never"}, {"runs", "how often it acted"}, {"created_at", aTime}, {"updated_at", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.AutomationRule, error) {
				q := s.AutomationRule.Query().Where(automationrule.IDGT(after)).Order(automationrule.ByID()).Limit(pageSize).WithProject(somewhere).WithOwner(somebody)
				if s.only != uuid.Nil {
					q.Where(automationrule.ProjectID(s.only))
				}
				return q.All(ctx)
			}, func(r *ent.AutomationRule) uuid.UUID { return r.ID }, func(r *ent.AutomationRule) error {
				return each([]any{r.ID, projectKey(r.Edges.Project), email(r.Edges.Owner), r.Name, r.Trigger, r.Condition, r.Actions, r.Enabled, r.Position, r.LastError,
					maybe(r.LastRunAt), r.Runs, moment(r.CreatedAt), moment(r.UpdatedAt)})
			})
		},
	}
}

func notifications() table {
	return table{
		name: "notifications", about: "what people were told of",
		columns: []column{{"id", anID}, {"person", anMail + "who was told"}, {"kind", "what it is about"}, {"task", aKey}, {"actor", "name of who did it"}, {"text", "some of the words"},
			{"created_at", aTime}, {"read_at", aTime + "; empty while it is new"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.Notification, error) {
				return s.Notification.Query().Where(notification.IDGT(after)).Order(notification.ByID()).Limit(pageSize).WithUser(somebody).WithTask(something).All(ctx)
			}, func(n *ent.Notification) uuid.UUID { return n.ID }, func(n *ent.Notification) error {
				return each([]any{n.ID, email(n.Edges.User), n.Kind, key(n.Edges.Task), n.ActorName, n.Text, moment(n.CreatedAt), maybe(n.ReadAt)})
			})
		},
	}
}

func activities() table {
	return table{
		name: "activity", about: "the activity feed", ofProject: true,
		columns: []column{{"id", anID}, {"at", aTime}, {"actor", "name of who did it"}, {"actor_id", "identifier of the person"}, {"verb", "what was done"}, {"project_id", "identifier of the project"},
			{"task_id", "identifier of the task"}, {"subject", "to what"}, {"detail", "JSON"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			if s.feed != nil {
				return documents(ctx, s, each)
			}
			return through(ctx, s, func(after uuid.UUID) ([]*ent.Activity, error) {
				q := s.Activity.Query().Where(activity.IDGT(after)).Order(activity.ByID()).Limit(pageSize)
				if s.only != uuid.Nil {
					q.Where(activity.ProjectID(s.only))
				}
				return q.All(ctx)
			}, func(a *ent.Activity) uuid.UUID { return a.ID }, func(a *ent.Activity) error {
				return each([]any{a.ID, moment(a.At), a.ActorName, maybeID(a.ActorID), a.Verb, maybeID(a.ProjectID), maybeID(a.TaskID), a.Subject, maybeMap(a.Detail)})
			})
		},
	}
}

// documents reads a feed that is not in the database, the newest line of each project first. It is of the moment at which it is read.
func documents(ctx context.Context, s *snapshot, each func([]any) error) error {
	some := func(id uuid.UUID) any {
		if id == uuid.Nil {
			return nil
		}
		return id
	}
	var ids []uuid.UUID
	if s.only != uuid.Nil {
		ids = []uuid.UUID{s.only}
	} else {
		var err error
		if ids, err = s.Project.Query().Order(project.ByID()).IDs(ctx); err != nil {
			return err
		}
	}
	for _, id := range ids {
		for after := ""; ; {
			if err := s.tick(ctx); err != nil {
				return err
			}
			page, err := s.feed.Page(ctx, feed.Filter{Projects: []uuid.UUID{id}, After: after, Limit: pageSize})
			if err != nil {
				return err
			}
			for _, l := range page.Lines {
				if err := each([]any{l.ID, moment(l.At), l.ActorName, some(l.ActorID), l.Verb, some(l.ProjectID), some(l.TaskID), l.Subject, maybeMap(l.Detail)}); err != nil {
					return err
				}
			}
			if page.Next == "" {
				break
			}
			after = page.Next
		}
	}
	return nil
}

func maybeMap(m map[string]string) any {
	if len(m) == 0 {
		return nil
	}
	return m
}
