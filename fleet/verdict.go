package fleet

import (
	"cmp"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
)

// The exit codes of a fleet's operation. They are part of berth's interface and do not change.
const (
	ExitDone      = 0 // nothing to do, or it was done
	ExitFailures  = 1 // at least one stack has no answer
	ExitChanges   = 3 // there are changes; not for up, which was asked to make them
	ExitDangerous = 4 // data would be lost, or a promise is weakened or broken
)

// Exit is the exit code that tells an answer's verdict.
func (a *Answer) Exit() int {
	switch {
	case a.Verdict == Failures:
		return ExitFailures
	case a.Verdict == Dangerous:
		return ExitDangerous
	case a.Verdict == Changes && a.Operation != Up:
		return ExitChanges
	}
	return ExitDone
}

// gravity orders verdicts.
func (v Verdict) gravity() int {
	return slices.Index([]Verdict{NoChange, Changes, Dangerous, Failures}, v)
}

// answered tells whether a stack came to an answer: it need not be done again.
func (s Status) answered() bool {
	return s == Unchanged || s == Changed || s == Risky || s == Shown
}

// Verdict is what one stack's part comes to.
func (e Entry) Verdict() Verdict {
	switch e.Status {
	case Unchanged:
		return NoChange
	case Changed:
		return Changes
	case Risky:
		return Dangerous
	case Shown:
		if e.Standing[promises.Broken] > 0 {
			return Dangerous
		}
		return NoChange
	case Refused: // with a review of what it would do it has an answer: that this is not to be done
		if len(e.Dangers) > 0 || e.weakens() {
			return Dangerous
		}
	}
	return Failures
}

// weakens tells whether the change takes away from a promise.
func (e Entry) weakens() bool {
	return slices.ContainsFunc(e.Promises, func(p promises.Effect) bool { return p.Kind == promises.Weakens || p.Kind == promises.Breaks })
}

// stops tells whether the stack keeps the waves after its own from being begun.
func (e Entry) stops() bool {
	return !e.Status.answered() || e.weakens() || e.Standing[promises.Broken] > 0
}

// SortGroups orders changes: those that lose data first, then those of what holds data, deletions and replacements before the rest,
// and what happens to many before what happens to few.
func SortGroups(groups []Group) {
	rank := func(o engine.Op) int {
		return slices.Index([]engine.Op{engine.OpDelete, engine.OpReplace, engine.OpForget, engine.OpUpdate, engine.OpImport, engine.OpCreate}, o)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(
			compareBool(a.Danger, b.Danger), compareBool(a.Stateful != "", b.Stateful != ""), cmp.Compare(rank(a.Op), rank(b.Op)),
			cmp.Compare(len(b.Stacks), len(a.Stacks)), strings.Compare(a.Title, b.Title), strings.Compare(a.Key, b.Key))
	})
}

// compareBool puts what is true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
