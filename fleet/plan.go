package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine"
)

// Plan is what a run does, and to whom.
type Plan struct {
	Operation              Operation
	Basis, Revision, Since string   // as in Answer
	Members                []Member // that were selected, and that belong to the shard
	Shard                  *Shard   // as Cut gave it; nil for an undivided run
	// Inputs are digests of all that a stack's answer depends on, by stack. A run that is resumed takes over what was found out
	// with the same inputs; a stack without is always done again.
	Inputs map[string]string
}

// Options are how a run goes about it.
type Options struct {
	Budget    Budget
	Timeout   time.Duration // of one stack; 0: none
	Grace     time.Duration // from the end of its time, or from a kill, until harder means are taken; default 20 s
	Wait      time.Duration // for a stack that another process works on; 0: it is refused at once
	KeepGoing bool          // waves go on after a stack that would stop them
	// Gate is asked before a wave's stacks are begun, those aside that an earlier run brought to an answer. An error refuses them
	// all, and stops the later waves. The time that it takes counts for no stack. Nil: every wave may begin.
	Gate     func(ctx context.Context, wave int, members []Member) error
	Clock    func() time.Time
	Kill     <-chan struct{} // closed: whatever runs is killed at once
	Progress func(Event)     // is never called twice at once; may be nil
	Tick     time.Duration   // how often Progress hears at least; 0: only when something happens
	History  *History        // may be nil
	Journal  *Journal        // may be nil
	Grouping Grouping
}

// Grouping makes what is said once of what many stacks have in common. Either may be nil.
type Grouping struct {
	// Changes groups results, which hold what changes only, without properties that stay. The order does not matter.
	Changes  func(members map[string]Member, results map[string]*engine.Result) []Group
	Promises func(entries []Entry) []PromiseGroup
}

const defaultGrace = 20 * time.Second

// check reports all that is wrong with a plan.
func (p Plan) check(options Options, work Work) error {
	var errs []error
	if work == nil {
		errs = append(errs, errors.New("no work is given"))
	}
	if options.Clock == nil {
		errs = append(errs, errors.New("no clock is given"))
	}
	if !slices.Contains([]Operation{Preview, Up, Refresh, Verify, Evidence}, p.Operation) {
		errs = append(errs, fmt.Errorf("there is no operation %q", p.Operation))
	}
	seen := map[string]bool{}
	for _, m := range p.Members {
		if seen[m.Stack] {
			errs = append(errs, fmt.Errorf("stack %s is there twice", m.Stack))
		}
		seen[m.Stack] = true
	}
	if waves := p.waves(); p.Shard != nil && p.Shard.Of > 1 && p.Operation.Changes() && len(waves) > 1 {
		errs = append(errs, fmt.Errorf("waves on several machines cannot wait for each other: run one wave at a time (there are %s here), put its shards' answers together, and go on with the next when they are good",
			strings.Join(numbers(waves), ", ")))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("run %s on the fleet: %w", p.Operation, err)
	}
	return nil
}

// waves are those of members whose files can be read, the first first.
func (p Plan) waves() []int {
	found := map[int]bool{}
	for _, m := range p.Members {
		if len(m.Problems) == 0 {
			found[m.Wave] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// shard is how a journal tells shards apart.
func (p Plan) shard() string {
	if p.Shard == nil {
		return ""
	}
	return p.Shard.String()
}

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	Began       EventKind = "began"
	Moved       EventKind = "moved" // a stack's work went on
	Ended       EventKind = "ended"
	Waits       EventKind = "waits" // another process works on the stack
	WaveBegan   EventKind = "wave began"
	WaveStopped EventKind = "wave stopped" // the waves after this one are not begun
	Ticked      EventKind = "ticked"
)

// Event is one thing that happened in a run, with how all stands after it.
type Event struct {
	Kind           EventKind
	Stack          string
	Phase          string // with Moved: such as "previewing"
	Done, Expected int    // with Moved: resources; Expected is 0 when that is not known
	Entry          *Entry // with Ended; not to be changed
	Because        string // with Waits and WaveStopped
	Overview       Overview
}

// Overview is how a run stands.
type Overview struct {
	Total, Ended, Waiting int
	Running               []string       // in the order begun
	Wave                  int            // 0 where waves do not wait for each other
	Statuses              map[Status]int // of those that ended
	Elapsed, Left         time.Duration
	LeftKnown             bool // Left is more than a guess
}
