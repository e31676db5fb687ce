package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/link"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/password"
)

// ChangePassword gives a visitor a new password. All their sessions end; the present browser gets a new one.
func (a *Accounts) ChangePassword(ctx context.Context, from From, v Visit, current, chosen string) (SignedIn, error) {
	if err := v.has(Full, NeedsFactor, NeedsChange); err != nil {
		return SignedIn{}, err
	}
	try, err := a.prove(ctx, from, v, "password.change", current)
	if err != nil {
		return SignedIn{}, err
	}
	if err := a.succeeded(ctx, try); err != nil { // whatever comes of the new one
		return SignedIn{}, err
	}
	hash, err := a.choose(ctx, v.user, v.user.Name, chosen)
	if err != nil {
		return SignedIn{}, err
	}
	s := v.session
	s.Created = time.Time{}
	return a.rise(ctx, from, v, s, "password.change", func(c *change) error {
		if err := a.setPassword(ctx, c, v.user, hash); err != nil {
			return err
		}
		return c.keep(func(k keeper) error { return k.dropAll(ctx, v.user.ID, v.session.Hash) })
	})
}

// prove compares a visitor's password, counting attempts.
func (a *Accounts) prove(ctx context.Context, from From, v Visit, action, secret string) (attempt, error) {
	try := a.attempt("password", v.user.Email, v.user.ID, from)
	if err := a.enter(ctx, try); err != nil {
		return try, a.blocked(ctx, err, try, v.Actor, action)
	}
	right, err := a.options.Hasher.Compare(ctx, v.user.PasswordHash, secret)
	if err != nil {
		return try, fmt.Errorf("compare a password: %w", err)
	}
	if !right {
		wrong := fault.BadInput("current", "the password is not right", "give the one that you sign in with")
		return try, a.refuse(ctx, wrong, v.Actor, action, detail("reason", "wrong password"))
	}
	return try, nil
}

// Confirm asks again who somebody is, before a dangerous action: by their password, and a code where they have a second factor. It is
// good for actor.Fresh, and the session gets a new value.
func (a *Accounts) Confirm(ctx context.Context, from From, v Visit, secret, code string) (SignedIn, error) {
	if err := v.has(Full, NeedsFactor); err != nil {
		return SignedIn{}, err
	}
	try, err := a.prove(ctx, from, v, "confirm", secret)
	if problem, ok := errors.AsType[*fault.Error](err); ok && problem.Field == "current" {
		problem.Field = "password"
	}
	if err != nil {
		return SignedIn{}, err
	}
	s := v.session
	s.Confirmed = a.now()
	code = clean(code)
	var step int64
	if v.user.TotpConfirmedAt != nil {
		if step, err = a.step(v.user, code); err != nil {
			return SignedIn{}, err
		}
	}
	in, err := a.rise(ctx, from, v, s, "confirm", func(c *change) error {
		if v.user.TotpConfirmedAt == nil {
			return nil
		}
		err := spend(ctx, c, v.user, code, step)
		if fault.Is(err, fault.Unauthenticated) {
			return fault.BadInput("code", "the code is not right", "give the newest code, or a recovery code; each is good once")
		}
		return err
	})
	if fault.Is(err, fault.Invalid) {
		return SignedIn{}, a.refuse(ctx, err, v.Actor, "confirm", detail("reason", "wrong or used code"))
	}
	if err != nil {
		return SignedIn{}, err
	}
	return in, a.succeeded(ctx, try)
}

// choose tells whether a password may become somebody's, and hashes it.
func (a *Accounts) choose(ctx context.Context, u *ent.User, name, chosen string) (string, error) {
	rules, err := a.Rules(ctx)
	if err != nil {
		return "", err
	}
	policy := rules.policy(u)
	if err := password.Check(policy, chosen, []string{name, u.Email, a.options.Client}); err != nil {
		return "", err
	}
	// The present one never, so that a change is one; earlier ones as the policy says.
	var earlier []string
	if u.PasswordHash != "" {
		earlier = append(earlier, u.PasswordHash)
	}
	earlier = append(earlier, u.PreviousHashes[:min(policy.History, len(u.PreviousHashes))]...)
	used, err := a.options.Hasher.Used(ctx, earlier, chosen)
	if err != nil {
		return "", fmt.Errorf("compare with earlier passwords: %w", err)
	}
	if used {
		return "", fault.BadInput("password", "you have used it before", "choose another one")
	}
	hash, err := a.options.Hasher.Hash(ctx, chosen)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// setPassword writes a new password, if nobody else changed it meanwhile, and makes links to choose one void.
func (a *Accounts) setPassword(ctx context.Context, c *change, u *ent.User, hash string, more ...func(*ent.UserUpdate)) error {
	now := a.now()
	update := c.User.Update().SetPasswordHash(hash).SetPasswordSetAt(now).SetUpdatedAt(now)
	if u.PasswordHash == "" {
		update.Where(user.ID(u.ID), user.Or(user.PasswordHash(""), user.PasswordHashIsNil()))
	} else {
		previous := slices.Insert(slices.Clone(u.PreviousHashes), 0, u.PasswordHash)
		update.Where(user.ID(u.ID), user.PasswordHash(u.PasswordHash)).SetPreviousHashes(previous[:min(len(previous), schema.MaxPreviousHashes)])
	}
	for _, set := range more {
		set(update)
	}
	n, err := update.Save(ctx)
	if err != nil {
		return fmt.Errorf("write a password: %w", err)
	}
	if n == 0 {
		return fault.Clash("the account was changed meanwhile", "try again").Because(errChanged)
	}
	if err := c.Link.Update().Where(link.UserID(u.ID), link.UsedAtIsNil()).SetUsedAt(now).Exec(ctx); err != nil {
		return fmt.Errorf("make links void: %w", err)
	}
	return nil
}
