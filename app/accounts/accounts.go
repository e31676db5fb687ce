// Package accounts is who may come in to one client, and as whom: people and their invitations, passwords (AC-7, AC-9), the second
// factor, sessions, tokens, reset links, the provider's account and what lets it in (AC-8). Every sign-in and every refusal goes into
// the client's audit log (AC-5).
//
// An Accounts holds one client's store, space and keys, and reaches no other client. It knows no HTTP: whoever calls keeps the secrets
// that it hands out (the session's, a device's mark) in cookies, renders mails, and asks again for what has to be confirmed.
package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
)

// Options are what one client's accounts are made of. All are required, unless it says otherwise.
type Options struct {
	Client string // the client's name, as people read it: authenticators show it
	Store  *store.Store
	Space  *space.Space // counters of failed attempts; sessions too, where SessionsInSpace
	// SessionsInSpace keeps sessions in Space rather than in the database: for a Space that outlives this process.
	SessionsInSpace bool
	Keys            *seal.Keys
	Hasher          *password.Hasher
	Log             *audit.Log
	Outbox          *outbox.Outbox
	Policy          password.Policy // of the client's people, until the client chooses: see Rules
	Clock           func() time.Time
	Random          io.Reader // crypto/rand.Reader but in tests
	// Idle and Absolute bound a person's session; 0 is the constant of that name. The provider's staff have their own.
	Idle, Absolute time.Duration
	Fresh          time.Duration // how long a confirmation is good for dangerous actions; 0 is actor.Fresh
	Pause          time.Duration // how long an answer to a forgotten password takes at least; 0 is 400 ms
}

// Accounts are one client's.
type Accounts struct {
	options  Options
	sessions keeper
	rules    atomic.Pointer[knownRules]
}

// New makes one client's accounts.
func New(o Options) (*Accounts, error) {
	for name, missing := range map[string]bool{
		"Store": o.Store == nil, "Space": o.Space == nil, "Keys": o.Keys == nil, "Hasher": o.Hasher == nil, "Log": o.Log == nil,
		"Outbox": o.Outbox == nil, "Clock": o.Clock == nil, "Random": o.Random == nil, "Client": o.Client == "",
	} {
		if missing {
			return nil, fmt.Errorf("accounts lack %s", name)
		}
	}
	if err := o.Policy.Valid(); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	if o.Pause == 0 {
		o.Pause = 400 * time.Millisecond
	}
	a := &Accounts{options: o}
	a.sessions = rows{o.Store.Client().Session}
	if o.SessionsInSpace {
		a.sessions = kept{o.Space}
	}
	return a, nil
}

// From is where a request comes from, and what its browser showed.
type From struct {
	Address netip.Addr
	Agent   string
	Cookie  string // the session's value, or "": what it opened ends when somebody signs in
	Device  string // the device's mark, or ""
}

func (f From) address() string {
	if !f.Address.IsValid() {
		return ""
	}
	return f.Address.Unmap().String()
}

func (f From) agent() string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(f.Agent, ""))
	if runes := []rune(text); len(runes) > schema.MaxAgent {
		return string(runes[:schema.MaxAgent])
	}
	return text
}

func (f From) nobody() actor.Actor { return actor.Nobody(f.address(), f.agent()) }

// now is the present as the database keeps it.
func (a *Accounts) now() time.Time { return store.Moment(a.options.Clock()) }

// secret gives 256 random bits, as 43 characters.
func (a *Accounts) secret() (string, error) {
	var bytes [32]byte
	if _, err := io.ReadFull(a.options.Random, bytes[:]); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes[:]), nil
}

const secretLength = 43

// digest is what is stored of a secret of 256 random bits, which needs no slow hash: nobody can try them all.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// fingerprint stands for something that must not be kept, such as what was typed where an e-mail address belongs: it may be a password.
// It is keyed, so that whoever has the database alone cannot try words.
func (a *Accounts) fingerprint(parts ...string) string {
	mac := hmac.New(sha256.New, a.options.Keys.Derive("accounts: fingerprint"))
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash never fails to be written to
	}
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// change is a transaction, and what follows when it is committed.
type change struct {
	*ent.Tx
	accounts *Accounts
	after    []func() error
}

// tx runs do in a transaction. do may run several times.
func (a *Accounts) tx(ctx context.Context, do func(c *change) error) error {
	var after []func() error
	if err := a.options.Store.Tx(ctx, func(tx *ent.Tx) error {
		c := &change{Tx: tx, accounts: a}
		err := do(c)
		after = c.after
		return err
	}); err != nil {
		return err
	}
	for _, follow := range after {
		if err := follow(); err != nil {
			return err
		}
	}
	return nil
}

// keep changes sessions: with the transaction where they lie in the database, else once it is committed. That they end with the old
// password does not hang on it: see Accounts.alive.
func (c *change) keep(do func(k keeper) error) error {
	if _, ok := c.accounts.sessions.(rows); ok {
		return do(rows{c.Session})
	}
	c.after = append(c.after, func() error { return do(c.accounts.sessions) })
	return nil
}

// log appends to the audit log, last in a transaction.
func (c *change) log(ctx context.Context, who actor.Actor, action string, about ...func(*audit.Entry)) error {
	return audit.Append(ctx, c.Tx, c.accounts.entry(who, action, about...))
}

func (a *Accounts) entry(who actor.Actor, action string, about ...func(*audit.Entry)) audit.Entry {
	e := trail.Entry(who, a.now(), action)
	for _, set := range about {
		set(&e)
	}
	return e
}

// refuse logs a refusal and gives back the error that the visitor gets.
func (a *Accounts) refuse(ctx context.Context, refusal error, who actor.Actor, action string, about ...func(*audit.Entry)) error {
	e := a.entry(who, action, about...)
	e.Outcome = audit.Refused
	if err := a.options.Log.Record(ctx, e); err != nil {
		return fmt.Errorf("log a refusal: %w", errors.Join(err, refusal))
	}
	return refusal
}

func target(what string, id uuid.UUID) func(*audit.Entry) {
	return func(e *audit.Entry) { e.Target, e.TargetID = what, id }
}

func detail(name, value string) func(*audit.Entry) {
	return func(e *audit.Entry) { e.Detail[name] = value }
}

// admin tells whether somebody may change people and settings.
func admin(who actor.Actor) error { return who.Need(actor.Admin) }

// confirmed tells whether somebody said again who they are; the operator at the command line need not.
func (a *Accounts) confirmed(who actor.Actor) error {
	if who.Kind == actor.System {
		return nil
	}
	return who.NeedConfirmed(a.now())
}

func reasonable(reason string) error {
	if n := len([]rune(strings.TrimSpace(reason))); n < 3 || n > schema.MaxReason {
		return fault.BadInput("reason", "a reason is missing or too long", fmt.Sprintf("say why in at most %d characters", schema.MaxReason))
	}
	return nil
}
