package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// errWrong is the one answer to a sign-in that fails, whatever the reason: it does not tell whether there is such an account.
func errWrong() error { return fault.SignIn("the e-mail address or the password is not right") }

// errChanged says that the account was changed while somebody signed in.
var errChanged = errors.New("the account was changed meanwhile")

// SignIn checks a password and begins a session. The session may have further stages: see Visit.Stage.
//
// Of an account that does not exist, has no password, is disabled or may not come in now (AC-8) the answer, its work and what is
// counted are the same as of a wrong password.
func (a *Accounts) SignIn(ctx context.Context, from From, email, secret string) (SignedIn, error) {
	folded := schema.FoldEmail(email)
	u, err := a.byEmail(ctx, folded)
	if err != nil {
		return SignedIn{}, err
	}
	hash, id := "", uuid.Nil
	about := []func(*audit.Entry){detail("typed", a.fingerprint("typed", folded))}
	if u != nil {
		hash, id = u.PasswordHash, u.ID
		about = append(about, target("person "+u.Name, u.ID))
	}
	try := a.attempt("password", folded, id, from)
	if err := a.enter(ctx, try); err != nil {
		return SignedIn{}, a.blocked(ctx, err, try, from.nobody(), "sign-in", about...)
	}
	right, err := a.options.Hasher.Compare(ctx, hash, secret)
	if err != nil {
		return SignedIn{}, fmt.Errorf("sign in: %w", err)
	}
	why, grant := "no such account", (*actor.Grant)(nil)
	switch {
	case u == nil:
	case !right:
		why = "wrong password"
	case u.Status != user.StatusActive:
		why = "the account is " + string(u.Status)
	default:
		if why, grant, err = a.mayCome(ctx, u); err != nil {
			return SignedIn{}, err
		}
	}
	if why != "" {
		return SignedIn{}, a.refuse(ctx, errWrong(), from.nobody(), "sign-in", append(about, detail("reason", why))...)
	}
	fresh := "" // a hash of what is the fashion now
	if a.options.Hasher.NeedsRehash(u.PasswordHash) {
		if fresh, err = a.options.Hasher.Hash(ctx, secret); err != nil {
			return SignedIn{}, fmt.Errorf("sign in: %w", err)
		}
	}
	in, err := a.begin(ctx, u, grant, from, "sign-in", func(c *change) error {
		// Only with the password that was compared: somebody may be changing it at this moment.
		update := c.User.Update().Where(user.ID(u.ID), user.StatusEQ(user.StatusActive), user.PasswordHash(u.PasswordHash)).
			SetLastLoginAt(a.now())
		if fresh != "" {
			update.SetPasswordHash(fresh)
		}
		n, err := update.Save(ctx)
		if err == nil && n == 0 {
			err = errChanged
		}
		return err
	})
	if errors.Is(err, errChanged) {
		return SignedIn{}, a.refuse(ctx, errWrong(), from.nobody(), "sign-in", append(about, detail("reason", errChanged.Error()))...)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return in, a.succeeded(ctx, try)
}

// mayCome tells why somebody with the right password may not come in, or "". The provider's staff come under a grant only (AC-8).
func (a *Accounts) mayCome(ctx context.Context, u *ent.User) (string, *actor.Grant, error) {
	if u.Kind != user.KindProvider {
		return "", nil, nil
	}
	grant, err := a.openGrant(ctx)
	if err != nil {
		return "", nil, err
	}
	if grant == nil {
		return "no grant is open for the provider", nil, nil
	}
	return "", grant, nil
}

func (a *Accounts) byEmail(ctx context.Context, folded string) (*ent.User, error) {
	u, err := a.options.Store.Client().User.Query().Where(user.Email(folded)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a person: %w", store.Translate(err))
	}
	return u, nil
}

// begin makes a session with a new value in a transaction with do, and ends the one that the browser had (session fixation).
func (a *Accounts) begin(ctx context.Context, u *ent.User, grant *actor.Grant, from From, action string, do func(c *change) error) (SignedIn, error) {
	cookie, err := a.secret()
	if err != nil {
		return SignedIn{}, err
	}
	rules, err := a.Rules(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	var in SignedIn
	err = a.tx(ctx, func(c *change) error {
		if err := do(c); err != nil {
			return err
		}
		// As it is now: the update above holds the row until the end.
		u, err := c.User.Get(ctx, u.ID)
		if err != nil {
			return err
		}
		now := a.now()
		s := session{
			ID: schema.NewID(), UserID: u.ID, Hash: digest(cookie), Created: now, Seen: now, Expires: a.end(u, false, grant),
			Address: from.address(), Agent: from.agent(),
		}
		if grant != nil {
			s.GrantID = grant.ID
		}
		if u.PasswordSetAt != nil && s.Created.Before(*u.PasswordSetAt) { // another machine's clock is ahead
			s.Created = *u.PasswordSetAt
		}
		if u.TotpConfirmedAt == nil {
			s.Confirmed = now
		}
		if err := c.keep(func(k keeper) error {
			if len(from.Cookie) == secretLength {
				old, found, err := k.find(ctx, digest(from.Cookie))
				if err != nil {
					return err
				}
				if found {
					if err := k.drop(ctx, old); err != nil {
						return err
					}
				}
			}
			return k.put(ctx, s)
		}); err != nil {
			return fmt.Errorf("keep a session: %w", err)
		}
		in = SignedIn{Visit: a.visit(u, s, grant, rules, from), Cookie: cookie}
		done := action
		if in.Visit.Stage == NeedsCode {
			done += ".password" // the rest follows with the code
		}
		return c.log(ctx, in.Visit.Actor, done, target("person "+u.Name, u.ID), detail("stage", string(in.Visit.Stage)))
	})
	if err != nil {
		return SignedIn{}, err
	}
	if in.Visit.Stage != NeedsCode {
		in.Device, err = a.remember(from, u.ID)
	}
	return in, err
}

// remember gives a device's mark where it has none.
func (a *Accounts) remember(from From, person uuid.UUID) (string, error) {
	if _, known := a.knows(from.Device, person); known {
		return "", nil
	}
	return a.mark(person)
}
