// Package outbox keeps mail that waits to be sent in the client's database: it is queued in the transaction of what it tells of, so that
// there is neither without the other, and sent later, with retries. Bodies are sealed while they wait and gone afterwards, for they may
// hold a link that opens an account. The package renders nothing and speaks no SMTP.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/outgoingmail"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
)

const (
	// Lease is how long one machine has a mail for itself. Sending is given half of it, so that no two send at the same time.
	Lease = 10 * time.Minute
	batch = 20
)

// pauses are how long to wait after each failure; after the last the mail is given up.
func pauses() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	}
}

// Mail is one message, rendered.
type Mail struct {
	ID         uuid.UUID // given by the outbox. It makes the Message-ID, so that a second delivery can be told for what it is
	To         string
	Subject    string
	Text, HTML string
	Once       string // a name of which there is one mail at most, such as "digest 2026-03-02 <user id>"; "" for none
	NotBefore  time.Time
	Attempt    int       // 1 for the first
	QueuedAt   time.Time // by the outbox
}

type body struct {
	Text string `json:"text"`
	HTML string `json:"html,omitempty"`
}

// Outbox is one client's.
type Outbox struct {
	store *store.Store
	keys  *seal.Keys
	now   func() time.Time
}

// New makes the outbox of a client's database.
func New(s *store.Store, keys *seal.Keys, now func() time.Time) *Outbox {
	return &Outbox{store: s, keys: keys, now: now}
}

// Check tells whether a mail can be sent at all, all problems at once.
func (m Mail) Check() error {
	var all []error
	if a, err := mail.ParseAddress(m.To); err != nil || a.Address != m.To || len(m.To) > schema.MaxEmail {
		all = append(all, fault.BadInput("email", "it is no e-mail address", "write it like name@example.com"))
	}
	if m.Subject == "" || utf8.RuneCountInString(m.Subject) > schema.MaxTitle || strings.ContainsFunc(m.Subject, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		all = append(all, fault.BadInput("subject", "the subject is empty, too long or of several lines", "use one line of at most 200 characters"))
	}
	if m.Text == "" || len(m.Text)+len(m.HTML) > schema.MaxMail/2 {
		all = append(all, fault.BadInput("text", "the text is empty or too long", "use at most 128 KiB with the HTML"))
	}
	return errors.Join(all...)
}

// Queue puts a mail into the outbox, in the transaction of what it tells of. A mail whose Once is known already is left out.
func (o *Outbox) Queue(ctx context.Context, tx *ent.Tx, m Mail) error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	now := o.now()
	due := now
	if m.NotBefore.After(now) {
		due = m.NotBefore
	}
	text, err := json.Marshal(body{Text: m.Text, HTML: m.HTML})
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	id := schema.NewID()
	create := tx.OutgoingMail.Create().SetID(id).SetRecipient(m.To).SetSubject(m.Subject).
		SetBody(o.keys.Seal(text, about(id))).SetCreatedAt(now).SetDueAt(due)
	if m.Once == "" {
		err = create.Exec(ctx)
	} else {
		var known bool
		if known, err = tx.OutgoingMail.Query().Where(outgoingmail.Once(m.Once)).Exist(ctx); err == nil && !known {
			err = create.SetOnce(m.Once).OnConflictColumns(outgoingmail.FieldOnce).Ignore().Exec(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	return nil
}

func about(id uuid.UUID) string { return "outgoing_mails.body/" + id.String() }

// permanent is a failure that no retry mends.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks a failure of sending that no retry mends, such as an address that does not exist.
func Permanent(err error) error { return permanent{err} }

// Delivered is what a round of Deliver did.
type Delivered struct {
	Sent, Again, GivenUp int
	More                 bool // there is more that is due: come back at once
}

// Deliver sends what is due: some, not all, so that whoever calls it in a loop can stop between rounds. Each mail is taken for Lease first
// and by one machine only. A machine that dies after the mail server took a mail and before that is written down leaves it to be sent
// once more when the lease is over: that is the doubt that SMTP leaves to everybody. The Message-ID stays the same.
//
// An error of send is a retry, by a schedule; Permanent is none. Deliver itself fails when the database does.
func (o *Outbox) Deliver(ctx context.Context, send func(context.Context, Mail) error) (Delivered, error) {
	var done Delivered
	now := o.now()
	due, err := o.store.Client().OutgoingMail.Query().
		Where(outgoingmail.StateEQ(outgoingmail.StateWaiting), outgoingmail.DueAtLTE(now)).
		Order(outgoingmail.ByDueAt(), outgoingmail.ByID()).Limit(batch).All(ctx)
	if err != nil {
		return done, fmt.Errorf("look for mail that is due: %w", store.Translate(err))
	}
	done.More = len(due) == batch
	for _, row := range due {
		if ctx.Err() != nil {
			return done, fmt.Errorf("send mail: %w", ctx.Err())
		}
		if err := o.deliver(ctx, row, send, &done); err != nil {
			return done, fmt.Errorf("mail %s: %w", row.ID, err)
		}
	}
	return done, nil
}

func (o *Outbox) deliver(ctx context.Context, row *ent.OutgoingMail, send func(context.Context, Mail) error, done *Delivered) error {
	attempt := row.Attempts + 1
	taken, err := o.store.Client().OutgoingMail.Update().
		Where(outgoingmail.ID(row.ID), outgoingmail.StateEQ(outgoingmail.StateWaiting), outgoingmail.Attempts(row.Attempts), outgoingmail.DueAtLTE(o.now())).
		SetAttempts(attempt).SetDueAt(o.now().Add(Lease)).Save(ctx)
	if err != nil {
		return fmt.Errorf("take it: %w", store.Translate(err))
	}
	if taken == 0 {
		return nil // another machine was faster
	}
	failure := o.send(ctx, row, attempt, send)
	// What came of it is written down although the caller stops: else it would be sent again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	update := o.store.Client().OutgoingMail.Update().
		Where(outgoingmail.ID(row.ID), outgoingmail.StateEQ(outgoingmail.StateWaiting), outgoingmail.Attempts(attempt))
	_, hopeless := errors.AsType[permanent](failure)
	switch {
	case failure == nil:
		done.Sent++
		update.SetState(outgoingmail.StateSent).SetSentAt(o.now()).SetBody([]byte{}).SetLastError("")
	case hopeless || attempt > len(pauses()):
		done.GivenUp++
		update.SetState(outgoingmail.StateFailed).SetBody([]byte{}).SetLastError(shorten(failure))
	default:
		done.Again++
		update.SetDueAt(o.now().Add(pauses()[attempt-1])).SetLastError(shorten(failure))
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("write down what came of it: %w", store.Translate(err))
	}
	return nil
}

func (o *Outbox) send(ctx context.Context, row *ent.OutgoingMail, attempt int, send func(context.Context, Mail) error) error {
	text, err := o.keys.Open(row.Body, about(row.ID))
	if err != nil {
		return Permanent(fmt.Errorf("open the body: %w", err))
	}
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		return Permanent(errors.New("read the body: it is no JSON"))
	}
	ctx, cancel := context.WithTimeout(ctx, Lease/2)
	defer cancel()
	return send(ctx, Mail{ID: row.ID, To: row.Recipient, Subject: row.Subject, Text: b.Text, HTML: b.HTML, Attempt: attempt, QueuedAt: row.CreatedAt})
}

// Waiting is how many mails wait, and how many were given up.
func (o *Outbox) Waiting(ctx context.Context) (waiting, givenUp int, err error) {
	count := func(state outgoingmail.State) int {
		n, e := o.store.Client().OutgoingMail.Query().Where(outgoingmail.StateEQ(state)).Count(ctx)
		err = errors.Join(err, store.Translate(e))
		return n
	}
	waiting, givenUp = count(outgoingmail.StateWaiting), count(outgoingmail.StateFailed)
	return waiting, givenUp, err
}

// Sweep forgets mails that were sent or given up before a time.
func (o *Outbox) Sweep(ctx context.Context, before time.Time) (int, error) {
	n, err := o.store.Client().OutgoingMail.Delete().
		Where(outgoingmail.StateNEQ(outgoingmail.StateWaiting), outgoingmail.CreatedAtLT(before)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("forget old mail: %w", store.Translate(err))
	}
	return n, nil
}

func shorten(err error) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(err.Error(), "?"))
	if runes := []rune(text); len(runes) > schema.MaxReason {
		return string(runes[:schema.MaxReason])
	}
	return text
}
