package client

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// InvitationLink is the address that a person opens to take an invitation up.
func (c *Client) InvitationLink(secret string) string { return c.Site + "/invitation/" + secret }

// ResetLink is the address where a person chooses a new password.
func (c *Client) ResetLink(secret string) string { return c.Site + "/reset/" + secret }

// Invitation renders invitations; inviter is who people hear it from.
func (c *Client) Invitation(ctx context.Context, inviter string) accounts.Letter {
	return func(to accounts.Person, secret string, until time.Time) (outbox.Mail, error) {
		return c.compose(ctx, to.Email, to, func(l pages.Letter) pages.Mail {
			return pages.InvitationMail{Letter: l, Inviter: inviter, Role: pages.Role(to.Role), Link: c.InvitationLink(secret), Expires: until}
		})
	}
}

// Reset renders reset instructions (AC-9).
func (c *Client) Reset(ctx context.Context) accounts.Letter {
	return func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
		return c.compose(ctx, to.Email, to, func(l pages.Letter) pages.Mail {
			return pages.ResetMail{Letter: l, Link: c.ResetLink(secret), Minutes: int(accounts.ResetLasts.Minutes())}
		})
	}
}

func (c *Client) compose(ctx context.Context, address string, to accounts.Person, mail func(pages.Letter) pages.Mail) (outbox.Mail, error) {
	g, err := c.Settings.General(ctx)
	if err != nil {
		return outbox.Mail{}, err
	}
	zone, err := time.LoadLocation(to.Timezone)
	if err != nil {
		zone = time.UTC // a zone that this machine does not know
	}
	m, err := pages.Compose(mail(pages.Letter{Client: g.Name, To: to.Name, Site: c.Site, Clock: pages.Clock{Now: c.Now(), Zone: zone}}))
	if err != nil {
		return outbox.Mail{}, fmt.Errorf("write a mail: %w", err)
	}
	return outbox.Mail{To: address, Subject: m.Subject, Text: m.Text, HTML: m.HTML}, nil
}

// notify queues the e-mail of a notification, in its transaction, if whom it is for wants to hear of it so.
func (c *Client) notify(ctx context.Context, tx *ent.Tx, n work.Notice) error {
	if c.process.Mail == nil {
		return nil // it stands on the page; a mail would wait for ever
	}
	u, err := tx.User.Get(ctx, n.UserID)
	if err != nil {
		return fmt.Errorf("find whom to tell: %w", err)
	}
	wanted := map[string]bool{
		work.NoticeAssigned: u.MailChoices.Assigned, work.NoticeMentioned: u.MailChoices.Mentioned,
		work.NoticeCommented: u.MailChoices.Commented, work.NoticeDue: u.MailChoices.DueSoon, work.NoticeRule: true,
	}
	if u.Status != "active" || !wanted[n.Kind] {
		return nil
	}
	link := c.Site + "/tasks/" + n.Key
	if n.CommentID != uuid.Nil {
		link += "#comment-" + n.CommentID.String()
	}
	to := accounts.Person{Name: u.Name, Timezone: u.Timezone}
	var write func(l pages.Letter) pages.Mail
	switch n.Kind {
	case work.NoticeAssigned:
		t, err := tx.Task.Query().Where(task.ID(n.TaskID)).WithProject().Only(ctx)
		if err != nil {
			return fmt.Errorf("find the task to tell of: %w", err)
		}
		write = func(l pages.Letter) pages.Mail {
			m := pages.AssignmentMail{Letter: l, Who: n.ActorName, Key: n.Key, Subject: n.Title, Project: t.Edges.Project.Name,
				Priority: pages.Priority(work.PriorityName(t.Priority)), Link: link}
			if t.DueOn != nil {
				m.Due, _ = time.Parse(time.DateOnly, *t.DueOn)
			}
			return m
		}
	case work.NoticeMentioned:
		write = func(l pages.Letter) pages.Mail {
			return pages.MentionMail{Letter: l, Who: n.ActorName, Key: n.Key, Subject: n.Title, Excerpt: n.Text, Link: link}
		}
	case work.NoticeDue:
		write = func(l pages.Letter) pages.Mail {
			line := pages.DigestLine{Key: n.Key, Words: n.Title, Link: link, Due: c.Now().UTC().Truncate(24 * time.Hour)}
			return pages.DigestMail{Letter: l, Period: "soon", Due: []pages.DigestLine{line}, Link: link, Choices: c.Site + "/me/notifications"}
		}
	default:
		write = func(l pages.Letter) pages.Mail {
			m := pages.TaskMail{Letter: l, Who: n.ActorName, What: "commented on", Key: n.Key, Subject: n.Title, Excerpt: n.Text, Link: link,
				Choices: c.Site + "/me/notifications"}
			if n.Kind == work.NoticeRule {
				m.Who, m.What, m.Excerpt = "The "+n.Text, "tells you of", "" // the text is which rule it was
			}
			return m
		}
	}
	m, err := c.compose(ctx, u.Email, to, write)
	if err != nil {
		return err
	}
	return c.Outbox.Queue(ctx, tx, m)
}
