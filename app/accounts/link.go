package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/link"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
)

// How long links are good.
const (
	InvitationLasts = 7 * 24 * time.Hour
	ResetLasts      = 30 * time.Minute
	linksKept       = 30 * 24 * time.Hour // after their end
)

// Letter renders the mail that carries a link's secret to somebody.
type Letter func(to Person, secret string, until time.Time) (outbox.Mail, error)

// Who may ask for reset links how often.
var (
	resetsPerAccount = space.Rate{PerSecond: 3.0 / 3600, Burst: 3}
	resetsPerAddress = space.Rate{PerSecond: 10.0 / 3600, Burst: 10}
)

func errLink() error {
	return &fault.Error{Kind: fault.NotFound, Msg: "the link has expired or was used", Fix: "ask for a new one"}
}

// opened finds the person of a link that is good.
func (a *Accounts) opened(ctx context.Context, kind link.Kind, secret string) (*ent.Link, *ent.User, error) {
	if len(secret) != secretLength {
		return nil, nil, errLink()
	}
	row, err := a.options.Store.Client().Link.Query().
		Where(link.Hash(digest(secret)), link.KindEQ(kind), link.UsedAtIsNil(), link.ExpiresAtGT(a.now())).WithUser().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil, errLink()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find a link: %w", store.Translate(err))
	}
	want := user.StatusActive
	if kind == link.KindInvite {
		want = user.StatusInvited
	}
	if row.Edges.User.Status != want {
		return nil, nil, errLink()
	}
	return row, row.Edges.User, nil
}

// use uses a link up, in a transaction: of two that try, one does.
func (a *Accounts) use(ctx context.Context, c *change, row *ent.Link) error {
	n, err := c.Link.Update().Where(link.ID(row.ID), link.UsedAtIsNil(), link.ExpiresAtGT(a.now())).SetUsedAt(a.now()).Save(ctx)
	if err != nil {
		return fmt.Errorf("use a link: %w", err)
	}
	if n == 0 {
		return errLink()
	}
	return nil
}

func putLink(ctx context.Context, c *change, kind link.Kind, person uuid.UUID, secret string, by *uuid.UUID, now, until time.Time) error {
	if err := c.Link.Create().SetKind(kind).SetUserID(person).SetHash(digest(secret)).SetNillableCreatedBy(by).SetCreatedAt(now).
		SetExpiresAt(until).Exec(ctx); err != nil {
		return fmt.Errorf("keep a link: %w", err)
	}
	return nil
}

func (a *Accounts) sweepLinks(ctx context.Context) error {
	if _, err := a.options.Store.Client().Link.Delete().Where(link.ExpiresAtLT(a.now().Add(-linksKept))).Exec(ctx); err != nil {
		return fmt.Errorf("remove old links: %w", store.Translate(err))
	}
	return nil
}

// Forgotten sends reset instructions (AC-9). Whether there is such an account, and whether it may be reset, shows neither in the answer
// nor in how long it takes.
func (a *Accounts) Forgotten(ctx context.Context, from From, email string, letter Letter) error {
	taken, err := a.options.Space.Take(ctx, "reset/address/"+a.fingerprint("reset", limits.Key(from.Address)), resetsPerAddress, 1)
	if err != nil {
		return fmt.Errorf("count resets: %w", err)
	}
	if !taken.OK {
		return tooMany(taken.RetryAfter)
	}
	wait := time.NewTimer(a.options.Pause)
	defer wait.Stop()
	err = a.forgotten(ctx, from, schema.FoldEmail(email), letter)
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return err
}

func (a *Accounts) forgotten(ctx context.Context, from From, folded string, letter Letter) error {
	typed := a.fingerprint("typed", folded)
	u, err := a.byEmail(ctx, folded)
	if err != nil {
		return err
	}
	// Counted whether there is such an account or not. What is too often is silently left out: the links sent before are good.
	taken, err := a.options.Space.Take(ctx, "reset/account/"+typed, resetsPerAccount, 1)
	if err != nil {
		return fmt.Errorf("count resets: %w", err)
	}
	secret, err := a.secret()
	if err != nil {
		return err
	}
	to, until := Person{Email: folded, Timezone: "UTC", Locale: "en"}, a.now().Add(ResetLasts)
	if u != nil {
		to = person(u)
	}
	mail, err := letter(to, secret, until) // for nobody too: it takes its time, and may fail
	if err != nil {
		return fmt.Errorf("write a reset mail: %w", err)
	}
	if u == nil || u.Status != user.StatusActive || !taken.OK {
		why := "too many"
		if taken.OK {
			why = "no active account"
		}
		return a.refuse(ctx, nil, from.nobody(), "reset.ask", detail("typed", typed), detail("reason", why))
	}
	return a.tx(ctx, func(c *change) error {
		if err := putLink(ctx, c, link.KindReset, u.ID, secret, nil, a.now(), until); err != nil {
			return err
		}
		if err := a.options.Outbox.Queue(ctx, c.Tx, mail); err != nil {
			return err
		}
		return c.log(ctx, from.nobody(), "reset.ask", target("person "+u.Name, u.ID), detail("typed", typed))
	})
}

// SendReset sends somebody reset instructions, as an administrator or the operator at the command line.
func (a *Accounts) SendReset(ctx context.Context, who actor.Actor, id uuid.UUID, letter Letter) error {
	to, err := a.Person(ctx, who, id)
	if err != nil {
		return err
	}
	secret, err := a.secret()
	if err != nil {
		return err
	}
	until := a.now().Add(ResetLasts)
	mail, err := letter(to, secret, until)
	if err != nil {
		return fmt.Errorf("write a reset mail: %w", err)
	}
	return a.administer(ctx, who, id, "person.reset", func(c *change, u *ent.User) error {
		if u.Status != user.StatusActive {
			return fault.Clash("the account is not active", "enable it, or send the invitation again")
		}
		if err := putLink(ctx, c, link.KindReset, u.ID, secret, by(who), a.now(), until); err != nil {
			return err
		}
		return a.options.Outbox.Queue(ctx, c.Tx, mail)
	})
}

// ResetOf tells whose password a link resets.
func (a *Accounts) ResetOf(ctx context.Context, secret string) (Person, error) {
	_, u, err := a.opened(ctx, link.KindReset, secret)
	if err != nil {
		return Person{}, err
	}
	return person(u), nil
}

// Reset chooses a new password by a link. All sessions end; the second factor stays. Nobody is signed in by it. The device gets a mark,
// so that whoever holds the mailbox comes in even while others try to guess.
func (a *Accounts) Reset(ctx context.Context, from From, secret, chosen string) (Person, string, error) {
	row, u, err := a.opened(ctx, link.KindReset, secret)
	if err != nil {
		return Person{}, "", err
	}
	hash, err := a.choose(ctx, u, u.Name, chosen)
	if err != nil {
		return Person{}, "", err
	}
	if err := a.tx(ctx, func(c *change) error {
		if err := a.use(ctx, c, row); err != nil {
			return err
		}
		if err := a.setPassword(ctx, c, u, hash); err != nil {
			return err
		}
		if err := c.keep(func(k keeper) error { return k.dropAll(ctx, u.ID, "") }); err != nil {
			return err
		}
		return c.log(ctx, from.nobody(), "password.reset", target("person "+u.Name, u.ID))
	}); err != nil {
		return Person{}, "", err
	}
	device, err := a.remember(from, u.ID)
	return person(u), device, err
}
