package client

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"time"

	"github.com/berth-iac/berth/app/mail"
	"github.com/berth-iac/berth/app/outbox"
)

// mailKept is how long mails that were sent or given up are remembered.
const mailKept = 30 * 24 * time.Hour

// Deliver sends some of the mail that is due, and tells whether there is more. Without a sender it does nothing.
func (c *Client) Deliver(ctx context.Context) (more bool, err error) {
	if c.process.Mail == nil {
		return false, nil
	}
	done, err := c.Outbox.Deliver(ctx, func(ctx context.Context, m outbox.Mail) error {
		err := c.process.Mail.Send(ctx, mail.Message{
			To: netmail.Address{Address: m.To}, Subject: m.Subject, Text: m.Text, HTML: m.HTML, ID: m.ID.String(), Date: m.QueuedAt,
		})
		if err != nil && !mail.Temporary(err) {
			return outbox.Permanent(err)
		}
		return err
	})
	return done.More, err
}

// Settle moves what waits for the activity feed.
func (c *Client) Settle(ctx context.Context) error { return c.Feed.Settle(ctx) }

// Remind sends notices of what is due and runs the rules for it, on one machine at a time: holder is a name that nobody else has.
func (c *Client) Remind(ctx context.Context, holder string) error {
	return c.alone(ctx, "remind", holder, 50*time.Minute, func(ctx context.Context) error {
		_, err := c.Work.Remind(ctx)
		return err
	})
}

// Sweep removes what is over: sessions, links, attachments of tasks that are gone, mails that were sent. One machine does it.
func (c *Client) Sweep(ctx context.Context, holder string) error {
	return c.alone(ctx, "sweep", holder, 50*time.Minute, func(ctx context.Context) error {
		_, mails := c.Outbox.Sweep(ctx, c.Now().Add(-mailKept))
		_, contents := c.Work.Sweep(ctx)
		return errors.Join(mails, contents, c.Accounts.Sweep(ctx))
	})
}

// alone does something if no other machine does it or did it a short while ago.
func (c *Client) alone(ctx context.Context, what, holder string, keep time.Duration, do func(context.Context) error) error {
	taken, err := c.Store.Take(ctx, what, holder, c.Now(), keep)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !taken {
		return nil
	}
	if err := do(ctx); err != nil {
		// Somebody may try again soon, also where this one was stopped.
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return fmt.Errorf("%s: %w", what, errors.Join(err, c.Store.Release(release, what, holder)))
	}
	return nil
}
