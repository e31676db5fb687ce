// Package actor says who acts: a person at a browser, a program with a token, the provider's staff under a grant (AC-8), an automation
// rule or the service itself; from where, and with which rights. Whatever checks a permission or writes to the log takes an Actor. The
// package knows no storage and no HTTP: package accounts makes the Actors of people.
package actor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/fault"
)

// Role is what a person is to the client.
type Role string

// The roles. Each may do what those after it may.
const (
	Owner         Role = "owner"
	Administrator Role = "administrator"
	Member        Role = "member"
	Guest         Role = "guest"
)

// Roles are all roles, the highest first.
func Roles() []Role { return []Role{Owner, Administrator, Member, Guest} }

// ParseRole reads a role.
func ParseRole(text string) (Role, error) {
	if role := Role(text); role.rank() > 0 {
		return role, nil
	}
	return "", fault.BadInput("role", fmt.Sprintf("%q is no role", text), "use one of owner, administrator, member, guest")
}

func (r Role) rank() int {
	roles := Roles()
	i := slices.Index(roles, r)
	if i < 0 {
		return 0 // below everybody
	}
	return len(roles) - i
}

// AtLeast tells whether a role is the other or above it. What is no role is below all.
func (r Role) AtLeast(other Role) bool {
	return r.rank() > 0 && r.rank() >= other.rank() && other.rank() > 0
}

// Above tells whether a role is above the other.
func (r Role) Above(other Role) bool { return r.AtLeast(other) && r != other }

// Kind is what sort of actor it is.
type Kind string

// The kinds.
const (
	Anonymous  Kind = "anonymous"
	Person     Kind = "person"
	Provider   Kind = "provider"   // of the provider's staff, under a grant (AC-8)
	Automation Kind = "automation" // a rule of the client's
	System     Kind = "system"     // the service itself, and its operator at the command line
)

// Scope is a part of what can be done. A token has those that it was given, a session has all; the role narrows both.
type Scope string

// The scopes.
const (
	Read   Scope = "read"
	Write  Scope = "write"
	Admin  Scope = "admin"  // people, teams, settings, grants, the audit log
	Export Scope = "export" // everything that the client owns
)

// Scopes are all scopes.
func Scopes() []Scope { return []Scope{Read, Write, Admin, Export} }

// Allows are the scopes of a role: what no token and no session goes beyond.
func (r Role) Allows() []Scope {
	switch r {
	case Owner, Administrator:
		return Scopes()
	case Member, Guest:
		return []Scope{Read, Write}
	}
	return nil
}

// Fresh is how long a confirmation of who somebody is allows dangerous actions, where an actor has no other time.
const Fresh = 10 * time.Minute

// Grant is what let the provider's staff in (AC-8).
type Grant struct {
	ID     uuid.UUID
	Reason string
	Ends   time.Time
}

// Actor is who acts. The zero value is nobody and may nothing.
type Actor struct {
	ID           uuid.UUID // of the person; uuid.Nil for nobody, for rules and for the service
	Name         string
	Role         Role
	Kind         Kind
	Scopes       []Scope       // what the session or token was given; an empty list is none
	Grant        *Grant        // of the provider's staff, and of nobody else
	Address      string        // from where
	Agent        string        // the browser's or program's name of itself
	SessionID    uuid.UUID     // uuid.Nil without one; opens nothing
	TokenID      uuid.UUID     // uuid.Nil without one
	SecondFactor bool          // given in this session
	ConfirmedAt  time.Time     // when the password was last given in this session
	Fresh        time.Duration // how long that allows dangerous actions; 0 is the constant Fresh
}

// May tells whether the actor has a scope: it was given to the session or token, and the role allows it.
func (a Actor) May(scope Scope) bool {
	switch a.Kind {
	case Provider:
		if a.Grant == nil { // without a grant the provider may nothing (AC-8)
			return false
		}
	case Person, Automation, System:
	default:
		return false
	}
	return slices.Contains(a.Scopes, scope) && slices.Contains(a.Role.Allows(), scope)
}

// Need is May as an error: for whoever is not signed in, and for whoever may not.
func (a Actor) Need(scope Scope) error {
	switch {
	case a.May(scope):
		return nil
	case a.Kind == "" || a.Kind == Anonymous:
		return fault.SignIn("sign in first")
	case a.TokenID != uuid.Nil && !slices.Contains(a.Scopes, scope):
		return fault.Refused("the token lacks the scope " + string(scope))
	}
	return fault.Refused("your role does not allow this")
}

// Confirmed tells whether the actor said again who they are, short enough ago for a dangerous action. A token never did.
func (a Actor) Confirmed(now time.Time) bool {
	age := now.Sub(a.ConfirmedAt)
	return a.SessionID != uuid.Nil && !a.ConfirmedAt.IsZero() && age >= 0 && age <= cmp.Or(a.Fresh, Fresh)
}

// IsPerson tells whether it is somebody with an account, at a browser or through a token.
func (a Actor) IsPerson() bool { return a.ID != uuid.Nil && (a.Kind == Person || a.Kind == Provider) }

// Service is the service itself, or its operator at the command line: by says which, such as "operator" or "reminders".
func Service(by string) Actor {
	return Actor{Name: by, Role: Owner, Kind: System, Scopes: Scopes()}
}

// Rule is an automation rule, which acts with no more than its maker's role and never administers.
func Rule(name string, role Role) Actor {
	return Actor{Name: name, Role: role, Kind: Automation, Scopes: []Scope{Read, Write}}
}

// Nobody is a visitor who is not signed in.
func Nobody(address, agent string) Actor {
	return Actor{Kind: Anonymous, Address: address, Agent: agent}
}

// ParseScopes reads the scopes of a token: at least one, each once, in the order of Scopes.
func ParseScopes(names []string) ([]Scope, error) {
	asked := map[Scope]bool{}
	for _, name := range names {
		scope := Scope(strings.TrimSpace(name))
		if !slices.Contains(Scopes(), scope) {
			return nil, fault.BadInput("scope", fmt.Sprintf("%q is no scope", name), "use read, write, admin, export")
		}
		asked[scope] = true
	}
	var scopes []Scope
	for _, scope := range Scopes() {
		if asked[scope] {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 {
		return nil, fault.BadInput("scope", "no scope is chosen", "choose at least one")
	}
	return scopes, nil
}

// ErrConfirm says that somebody has to give their password again before a dangerous action; errors.Is finds it.
var ErrConfirm error = &fault.Error{Kind: fault.Forbidden, Msg: "confirm that it is you", Fix: "give your password again"}

// NeedConfirmed is Confirmed as an error. A token gets a refusal, for it can confirm nothing.
func (a Actor) NeedConfirmed(now time.Time) error {
	switch {
	case a.Confirmed(now):
		return nil
	case a.SessionID == uuid.Nil:
		return fault.Refused("this is done in the browser only")
	}
	return ErrConfirm
}
