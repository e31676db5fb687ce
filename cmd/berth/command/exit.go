package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// The exit codes. They are part of berth's interface and do not change.
const (
	ExitOK          = 0   // done, or nothing to do
	ExitFailure     = 1   // something went wrong
	ExitUsage       = 2   // the command line is wrong
	ExitChanges     = 3   // --expect-no-changes, and there are changes; of a fleet: there are changes
	ExitRefused     = 4   // a change was not confirmed; nothing was done. Of a fleet: there are dangerous changes, or nobody agreed
	ExitSpec        = 5   // the stack's file is not valid
	ExitPromise     = 6   // a promise to the client is broken; nothing was done
	ExitInterrupted = 130 // interrupted; the state is usable
)

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// changesError says that there are changes where none were expected.
type changesError struct {
	stack string
	count int
}

func (e *changesError) Error() string {
	return fmt.Sprintf("stack %s: %d changes, and --expect-no-changes was given", e.stack, e.count)
}

// unconfirmedError says that nobody agreed to a change.
type unconfirmedError struct{ msg string }

func (e *unconfirmedError) Error() string { return e.msg }

// Exit is the exit code for an error.
func Exit(err error) int {
	var (
		wrongUse    *usageError
		changes     *changesError
		refused     *engine.RefusedError
		unconfirmed *unconfirmedError
		problems    spec.Problems
		run         *engine.RunError
		broken      *promises.Refusal
		shown       *brokenError
	)
	fleetCode, isFleet := fleetExit(err)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &wrongUse):
		return ExitUsage
	case isFleet:
		return fleetCode
	case errors.As(err, &changes):
		return ExitChanges
	case errors.As(err, &refused), errors.As(err, &unconfirmed):
		return ExitRefused
	case errors.As(err, &problems):
		return ExitSpec
	case errors.As(err, &broken), errors.As(err, &shown):
		return ExitPromise
	case errors.Is(err, context.Canceled), errors.As(err, &run) && run.Result.Outcome == engine.Cancelled:
		return ExitInterrupted
	default:
		return ExitFailure
	}
}
