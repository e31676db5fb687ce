package accounts

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/apitoken"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/store"
)

const (
	// TokenPrefix begins every token, so that scanners for leaked secrets find it.
	TokenPrefix = "tfp_"
	// TokenLasts is how long a token may be good at most.
	TokenLasts = 366 * 24 * time.Hour
	maxTokens  = 50 // of one person that are good
)

// Token lets a program act for a person. Its secret is not kept.
type Token struct {
	ID          uuid.UUID
	Name        string
	Ending      string // of its secret, to tell tokens apart
	Scopes      []actor.Scope
	Created     time.Time
	Expires     time.Time
	LastUsed    time.Time // zero: never
	LastAddress string
	Revoked     time.Time // zero: not
}

// NewToken makes a token, and gives its secret: it is shown this once. What a token may do is what its scopes and its owner's role both
// allow.
func (a *Accounts) NewToken(ctx context.Context, v Visit, name string, scopes []actor.Scope, expires time.Time) (Token, string, error) {
	if err := errors.Join(v.has(Full), a.confirmed(v.Actor)); err != nil {
		return Token{}, "", err
	}
	if v.Person.Staff {
		return Token{}, "", fault.Refused("the provider's staff have no tokens: they would outlast the grant")
	}
	name, now := strings.TrimSpace(name), a.now()
	var problems []error
	if n := utf8.RuneCountInString(name); n == 0 || n > schema.MaxName {
		problems = append(problems, fault.BadInput("name", "the name is empty or too long", fmt.Sprintf("use 1 to %d characters", schema.MaxName)))
	}
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	scopes, err := actor.ParseScopes(names)
	problems = append(problems, err)
	for _, s := range scopes {
		if !slices.Contains(v.Actor.Role.Allows(), s) {
			problems = append(problems, fault.BadInput("scope", "your role does not allow "+string(s), "leave it out"))
		}
	}
	if !expires.After(now) || expires.After(now.Add(TokenLasts)) {
		problems = append(problems, fault.BadInput("expires", "the end is missing, past or too far away", "choose one within 366 days"))
	}
	if err := errors.Join(problems...); err != nil {
		return Token{}, "", err
	}
	text, err := a.secret()
	if err != nil {
		return Token{}, "", err
	}
	text = TokenPrefix + text
	names = names[:0]
	for _, s := range scopes {
		names = append(names, string(s))
	}
	var made Token
	err = a.tx(ctx, func(c *change) error {
		n, err := c.APIToken.Query().Where(apitoken.UserID(v.Person.ID), apitoken.RevokedAtIsNil(), apitoken.ExpiresAtGT(now)).Count(ctx)
		if err != nil {
			return fmt.Errorf("count tokens: %w", err)
		}
		if n >= maxTokens {
			return fault.Clash(fmt.Sprintf("there are %d tokens already", n), "revoke one that is not needed")
		}
		row, err := c.APIToken.Create().SetUserID(v.Person.ID).SetName(name).SetHash(digest(text)).SetEnding(text[len(text)-4:]).SetScopes(names).
			SetCreatedAt(now).SetExpiresAt(expires).Save(ctx)
		if err != nil {
			return fmt.Errorf("make a token: %w", err)
		}
		made = tokenFrom(row)
		return c.log(ctx, v.Actor, "access.create", target("API access "+name, row.ID), detail("scopes", strings.Join(names, " ")),
			detail("until", row.ExpiresAt.Format(time.RFC3339)))
	})
	if err != nil {
		return Token{}, "", err
	}
	return made, text, nil
}

// Tokens are a visitor's own, the newest first.
func (a *Accounts) Tokens(ctx context.Context, v Visit) ([]Token, error) {
	if err := v.has(Full); err != nil {
		return nil, err
	}
	rows, err := a.options.Store.Client().APIToken.Query().Where(apitoken.UserID(v.Person.ID)).
		Order(apitoken.ByCreatedAt(sql.OrderDesc()), apitoken.ByID(sql.OrderDesc())).Limit(200).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", store.Translate(err))
	}
	all := make([]Token, len(rows))
	for i, row := range rows {
		all[i] = tokenFrom(row)
	}
	return all, nil
}

// RevokeToken ends one of a visitor's own tokens.
func (a *Accounts) RevokeToken(ctx context.Context, v Visit, id uuid.UUID) error {
	if err := v.has(Full); err != nil {
		return err
	}
	return a.tx(ctx, func(c *change) error {
		n, err := c.APIToken.Update().Where(apitoken.ID(id), apitoken.UserID(v.Person.ID), apitoken.RevokedAtIsNil()).SetRevokedAt(a.now()).Save(ctx)
		if err != nil {
			return fmt.Errorf("revoke a token: %w", err)
		}
		if n == 0 {
			return fault.Missing("token")
		}
		return c.log(ctx, v.Actor, "access.revoke", target("API access", id))
	})
}

// ByToken finds who a token acts for. Whatever is wrong with it, the answer is the same. Refusals are logged once a minute for an address:
// there is nothing to be guessed, and a program with an old token asks without end.
func (a *Accounts) ByToken(ctx context.Context, from From, text string) (Visit, error) {
	v, err := a.byToken(ctx, from, text)
	if !fault.Is(err, fault.Unauthenticated) {
		return v, err
	}
	first, away := a.options.Space.SetIfAbsent(ctx, "logged/api/"+a.fingerprint(limits.Key(from.Address)), []byte{1}, time.Minute)
	if away != nil {
		return Visit{}, fmt.Errorf("log a refusal: %w", errors.Join(away, err))
	}
	if first {
		err = a.refuse(ctx, err, from.nobody(), "access.refused")
	}
	return Visit{}, err
}

func (a *Accounts) byToken(ctx context.Context, from From, text string) (Visit, error) {
	wrong := fault.SignIn("the token is not good")
	if !strings.HasPrefix(text, TokenPrefix) || len(text) != len(TokenPrefix)+secretLength {
		return Visit{}, wrong
	}
	// Found by its hash, of which nobody can steer how much is right: how long the look-up takes tells nothing of the token.
	hash := digest(text)
	row, err := a.options.Store.Client().APIToken.Query().Where(apitoken.Hash(hash)).WithUser().Only(ctx)
	if ent.IsNotFound(err) {
		return Visit{}, wrong
	}
	if err != nil {
		return Visit{}, fmt.Errorf("find a token: %w", store.Translate(err))
	}
	u, now := row.Edges.User, a.now()
	if subtle.ConstantTimeCompare([]byte(row.Hash), []byte(hash)) != 1 || row.RevokedAt != nil || !now.Before(row.ExpiresAt) ||
		u.Status != user.StatusActive || u.Kind != user.KindPerson {
		return Visit{}, wrong
	}
	if row.LastUsedAt == nil || now.Sub(*row.LastUsedAt) >= seenEvery {
		if err := a.options.Store.Client().APIToken.Update().Where(apitoken.ID(row.ID)).SetLastUsedAt(now).SetLastAddress(from.address()).Exec(ctx); err != nil {
			return Visit{}, fmt.Errorf("write down that a token was used: %w", store.Translate(err))
		}
	}
	v := Visit{Person: person(u), Stage: Full, user: u}
	v.Actor = actor.Actor{
		ID: u.ID, Name: u.Name, Role: actor.Role(u.Role), Kind: actor.Person, Address: from.address(), Agent: from.agent(), TokenID: row.ID,
	}
	for _, name := range row.Scopes {
		v.Actor.Scopes = append(v.Actor.Scopes, actor.Scope(name))
	}
	return v, nil
}

func tokenFrom(row *ent.APIToken) Token {
	t := Token{ID: row.ID, Name: row.Name, Ending: row.Ending, Created: row.CreatedAt, Expires: row.ExpiresAt, LastAddress: row.LastAddress}
	for _, name := range row.Scopes {
		t.Scopes = append(t.Scopes, actor.Scope(name))
	}
	if row.LastUsedAt != nil {
		t.LastUsed = *row.LastUsedAt
	}
	if row.RevokedAt != nil {
		t.Revoked = *row.RevokedAt
	}
	return t
}
