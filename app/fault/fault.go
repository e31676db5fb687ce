// Package fault is what can go wrong in TaskFlow, as whoever called has to know it: a kind that picks the HTTP status and the
// exit code, words for the person who asked, and the cause for the log. It knows nothing of HTTP, of commands or of storage.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure it is.
type Kind int

// The kinds. An error that says nothing of itself is Internal.
const (
	Internal        Kind = iota
	Invalid              // the input breaks a rule; there may be several, see Problems
	Unauthenticated      // nobody is signed in, or the secret is wrong
	Forbidden            // signed in, and may not
	NotFound             // not there, or not for this person to know of
	Conflict             // somebody else was faster, or it exists already
	TooMany              // a limit on how often; RetryAfter says when to come back
	TooLarge             // a limit on how much
	Unavailable          // something that it needs is away for now
)

var kinds = [...]string{"internal", "invalid", "unauthenticated", "forbidden", "not found", "conflict", "too many", "too large", "unavailable"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kinds) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kinds[k]
}

// Error is one failure.
type Error struct {
	Kind       Kind
	Field      string        // the input that it is about, such as "title"; "" for none
	Msg        string        // what is wrong, in words that a visitor may read
	Fix        string        // what to do about it, such as "use at most 200 characters"; "" where nobody knows
	RetryAfter time.Duration // for TooMany and Unavailable; 0 where nobody knows
	Err        error         // the cause: logged, never shown
}

// Error gives all of it, the cause included: it is for the log.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Shown())
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Shown is what a visitor may read.
func (e *Error) Shown() string {
	if e.Fix == "" {
		return e.Msg
	}
	return e.Msg + ": " + e.Fix
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Because adds the cause.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// BadInput is an input that breaks a rule: field by the name that the caller knows it by, what is wrong, and how to mend it.
func BadInput(field, msg, fix string) *Error {
	return &Error{Kind: Invalid, Field: field, Msg: msg, Fix: fix}
}

// Missing says that something is not there, or not for this person to know of; both read the same.
func Missing(what string) *Error { return &Error{Kind: NotFound, Msg: "there is no such " + what} }

// Refused says that somebody who is signed in may not do something.
func Refused(msg string) *Error { return &Error{Kind: Forbidden, Msg: msg} }

// SignIn says that nobody is signed in, or that what was given to sign in with is wrong.
func SignIn(msg string) *Error { return &Error{Kind: Unauthenticated, Msg: msg} }

// Clash says that the state of things does not allow it.
func Clash(msg, fix string) *Error { return &Error{Kind: Conflict, Msg: msg, Fix: fix} }

// Limited says that something was done too often.
func Limited(msg string, retryAfter time.Duration) *Error {
	return &Error{Kind: TooMany, Msg: msg, RetryAfter: retryAfter}
}

// Oversize says that something is too large.
func Oversize(field, msg, fix string) *Error {
	return &Error{Kind: TooLarge, Field: field, Msg: msg, Fix: fix}
}

// Away says that something needed does not answer for now.
func Away(what string, err error) *Error {
	return &Error{Kind: Unavailable, Msg: what + " does not answer", Fix: "try again in a moment", Err: err}
}

// KindOf is an error's kind. Of several joined it is the first that has one.
func KindOf(err error) Kind {
	if e, found := errors.AsType[*Error](err); found {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Is tells whether an error is of a kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Problems are all the faults that an error holds, in order: a form with three wrong fields has three.
func Problems(err error) []*Error {
	switch e := err.(type) { //nolint:errorlint // it walks the tree that errors.As would only search
	case nil:
		return nil
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, one := range e.Unwrap() {
			all = append(all, Problems(one)...)
		}
		return all
	default:
		return Problems(errors.Unwrap(err))
	}
}
