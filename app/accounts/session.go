package accounts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// How long sessions last: without use, and at all.
const (
	Idle          = 24 * time.Hour
	Absolute      = 14 * 24 * time.Hour
	StaffIdle     = 30 * time.Minute // of the provider (AC-8)
	StaffAbsolute = 12 * time.Hour   // and never longer than the grant
	Unfinished    = 15 * time.Minute // of one that waits for the second factor
	seenEvery     = time.Minute      // how often it is written down that a session was used
)

// Stage is how far somebody has come in. Only at Full do they have any rights.
type Stage string

// The stages.
const (
	Full        Stage = "full"
	NeedsCode   Stage = "code"     // the second factor has not been given
	NeedsFactor Stage = "factor"   // a second factor is required and has not been set up
	NeedsChange Stage = "password" // the password has expired
)

// Session is a browser that is signed in, as its owner sees it.
type Session struct {
	ID           uuid.UUID // opens nothing
	Address      string
	Agent        string
	Created      time.Time
	Seen         time.Time
	Expires      time.Time
	SecondFactor bool
	Current      bool
}

// session is what is kept of one.
type session struct {
	ID, UserID, GrantID    uuid.UUID
	Hash                   string `json:"-"` // in the key
	Created, Seen, Expires time.Time
	Confirmed              time.Time
	SecondFactor           bool
	Address, Agent         string
}

// keeper is where sessions lie. A session is found by the SHA-256 of what the browser has; the value itself is kept nowhere.
type keeper interface {
	put(ctx context.Context, s session) error
	find(ctx context.Context, hash string) (session, bool, error)
	// swap puts s in place of the session of a hash. Of several that try, one succeeds.
	swap(ctx context.Context, hash string, s session) (bool, error)
	seen(ctx context.Context, s session, now time.Time, idle time.Duration) error
	of(ctx context.Context, person uuid.UUID, now time.Time) ([]session, error)
	drop(ctx context.Context, sessions ...session) error
	// dropAll ends all of a person's but those of a hash.
	dropAll(ctx context.Context, person uuid.UUID, except string) error
	sweep(ctx context.Context, now time.Time) error
}

// Visit is a request's visitor, and how far they have come in.
type Visit struct {
	Actor   actor.Actor
	Person  Person
	Session Session // its ID is uuid.Nil with a token
	Stage   Stage

	session session
	user    *ent.User
}

// SignedIn is what a browser gets when somebody signed in or rose: the values of two cookies.
type SignedIn struct {
	Visit  Visit
	Cookie string // the session's value, always a new one; "" where the provider's staff may not come in yet
	Device string // the device's mark, to be kept for DeviceLasts; "" leaves the one that is there
}

func errNobody() error { return fault.SignIn("sign in first") }

// Visit finds who a session's value belongs to. Whatever is wrong with it, the answer is the same.
func (a *Accounts) Visit(ctx context.Context, from From) (Visit, error) {
	if len(from.Cookie) != secretLength {
		return Visit{}, errNobody()
	}
	s, found, err := a.sessions.find(ctx, digest(from.Cookie))
	if err != nil {
		return Visit{}, fmt.Errorf("find a session: %w", err)
	}
	if !found {
		return Visit{}, errNobody()
	}
	v, err := a.alive(ctx, s, from)
	if err != nil {
		return Visit{}, err
	}
	if v.user == nil {
		if err := a.sessions.drop(ctx, s); err != nil {
			return Visit{}, fmt.Errorf("end a session: %w", err)
		}
		return Visit{}, errNobody()
	}
	if now := a.now(); now.Sub(s.Seen) >= seenEvery {
		if err := a.sessions.seen(ctx, s, now, a.idle(v.user)); err != nil {
			return Visit{}, fmt.Errorf("write down that a session was used: %w", err)
		}
	}
	return v, nil
}

// alive gives the visit of a session, with no user where it is over: by time, because the person was disabled or has a new password,
// or because what let the provider in has ended.
func (a *Accounts) alive(ctx context.Context, s session, from From) (Visit, error) {
	now := a.now()
	u, err := a.options.Store.Client().User.Get(ctx, s.UserID)
	if ent.IsNotFound(err) {
		return Visit{}, nil
	}
	if err != nil {
		return Visit{}, fmt.Errorf("find a session's person: %w", store.Translate(err))
	}
	if u.Status != user.StatusActive || !now.Before(s.Expires) || now.Sub(s.Seen) > a.idle(u) {
		return Visit{}, nil
	}
	if u.PasswordSetAt != nil && s.Created.Before(*u.PasswordSetAt) {
		return Visit{}, nil
	}
	var grant *actor.Grant
	if u.Kind == user.KindProvider {
		if grant, err = a.grantOf(ctx, s.GrantID); err != nil || grant == nil {
			return Visit{}, err
		}
	}
	rules, err := a.Rules(ctx)
	if err != nil {
		return Visit{}, err
	}
	return a.visit(u, s, grant, rules, from), nil
}

func (a *Accounts) visit(u *ent.User, s session, grant *actor.Grant, rules Rules, from From) Visit {
	v := Visit{Person: person(u), Stage: Full, session: s, user: u, Session: s.shown(s.Hash)}
	v.Actor = actor.Actor{
		ID: u.ID, Name: u.Name, Role: actor.Role(u.Role), Kind: kindOf(u), Grant: grant, Address: from.address(), Agent: from.agent(),
		SessionID: s.ID, SecondFactor: s.SecondFactor, ConfirmedAt: s.Confirmed, Fresh: a.options.Fresh,
	}
	switch {
	case u.TotpConfirmedAt != nil && !s.SecondFactor:
		v.Stage = NeedsCode
	case u.PasswordSetAt == nil || rules.policy(u).Expired(*u.PasswordSetAt, a.now()):
		v.Stage = NeedsChange
	case u.TotpConfirmedAt == nil && rules.needsFactor(u):
		v.Stage = NeedsFactor
	default:
		v.Actor.Scopes = actor.Scopes()
	}
	return v
}

func kindOf(u *ent.User) actor.Kind {
	if u.Kind == user.KindProvider {
		return actor.Provider
	}
	return actor.Person
}

func (a *Accounts) idle(u *ent.User) time.Duration {
	if u.Kind == user.KindProvider {
		return StaffIdle
	}
	return cmp.Or(a.options.Idle, Idle)
}

// end is when a session is over however much it is used.
func (a *Accounts) end(u *ent.User, secondFactor bool, grant *actor.Grant) time.Time {
	now := a.now()
	if u.TotpConfirmedAt != nil && !secondFactor {
		return now.Add(Unfinished)
	}
	if u.Kind != user.KindProvider {
		return now.Add(cmp.Or(a.options.Absolute, Absolute))
	}
	end := now.Add(StaffAbsolute)
	if grant != nil && grant.Ends.Before(end) {
		end = grant.Ends
	}
	return end
}

func (s session) shown(current string) Session {
	return Session{
		ID: s.ID, Address: s.Address, Agent: s.Agent, Created: s.Created, Seen: s.Seen, Expires: s.Expires, SecondFactor: s.SecondFactor,
		Current: s.Hash == current,
	}
}

// has tells whether a visit is that of a browser, and has come far enough.
func (v Visit) has(stages ...Stage) error {
	if v.user == nil || v.Actor.SessionID == uuid.Nil {
		if v.Actor.TokenID != uuid.Nil {
			return fault.Refused("this is done in the browser only")
		}
		return errNobody()
	}
	if !slices.Contains(stages, v.Stage) {
		return fault.SignIn("finish signing in first")
	}
	return nil
}

// renew puts a session with a new value in place of a visit's: whoever learnt the old one has nothing (session fixation).
func (a *Accounts) renew(ctx context.Context, c *change, v Visit, s session) (string, session, error) {
	cookie, err := a.secret()
	if err != nil {
		return "", s, err
	}
	s.Hash = digest(cookie)
	return cookie, s, c.keep(func(k keeper) error {
		done, err := k.swap(ctx, v.session.Hash, s)
		if err == nil && !done {
			err = errNobody()
		}
		return err
	})
}

// SignOut ends a visit's session.
func (a *Accounts) SignOut(ctx context.Context, v Visit) error {
	if err := v.has(Full, NeedsCode, NeedsFactor, NeedsChange); err != nil {
		return err
	}
	return a.tx(ctx, func(c *change) error {
		if err := c.keep(func(k keeper) error { return k.drop(ctx, v.session) }); err != nil {
			return err
		}
		return c.log(ctx, v.Actor, "sign-out")
	})
}

// Sessions are a visitor's own, the latest used first.
func (a *Accounts) Sessions(ctx context.Context, v Visit) ([]Session, error) {
	if err := v.has(Full); err != nil {
		return nil, err
	}
	all, err := a.sessions.of(ctx, v.Person.ID, a.now())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	var own []Session
	for _, s := range all {
		if a.now().Sub(s.Seen) <= a.idle(v.user) && (v.user.PasswordSetAt == nil || !s.Created.Before(*v.user.PasswordSetAt)) {
			own = append(own, s.shown(v.session.Hash))
		}
	}
	slices.SortFunc(own, func(x, y Session) int {
		return cmp.Or(y.Seen.Compare(x.Seen), cmp.Compare(x.ID.String(), y.ID.String()))
	})
	return own, nil
}

// Revoke ends one of a visitor's own sessions.
func (a *Accounts) Revoke(ctx context.Context, v Visit, id uuid.UUID) error {
	if err := v.has(Full); err != nil {
		return err
	}
	all, err := a.sessions.of(ctx, v.Person.ID, a.now())
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	i := slices.IndexFunc(all, func(s session) bool { return s.ID == id })
	if i < 0 {
		return fault.Missing("session")
	}
	return a.tx(ctx, func(c *change) error {
		if err := c.keep(func(k keeper) error { return k.drop(ctx, all[i]) }); err != nil {
			return err
		}
		return c.log(ctx, v.Actor, "sign-in.revoke", target("session", id))
	})
}

// RevokeOthers ends all of a visitor's own sessions but the present one.
func (a *Accounts) RevokeOthers(ctx context.Context, v Visit) error {
	if err := v.has(Full); err != nil {
		return err
	}
	return a.tx(ctx, func(c *change) error {
		if err := c.keep(func(k keeper) error { return k.dropAll(ctx, v.Person.ID, v.session.Hash) }); err != nil {
			return err
		}
		return c.log(ctx, v.Actor, "sign-in.revoke-others")
	})
}

// SignOutPerson ends all sessions of somebody else.
func (a *Accounts) SignOutPerson(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	return a.administer(ctx, who, id, "person.sign-out", func(c *change, u *ent.User) error {
		return c.keep(func(k keeper) error { return k.dropAll(ctx, u.ID, "") })
	})
}

// Sweep removes what is over: sessions, links. It is called now and then.
func (a *Accounts) Sweep(ctx context.Context) error {
	if err := a.sessions.sweep(ctx, a.now()); err != nil {
		return fmt.Errorf("remove old sessions: %w", err)
	}
	return a.sweepLinks(ctx)
}
