package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// refusal is an error that means that nothing was done.
type refusal struct{ err error }

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

// Refuse makes an error of work one that says that the stack was refused and nothing was done.
func Refuse(err error) error { return &refusal{err} }

// refused tells whether an error means that nothing was done.
func refused(err error) bool {
	var (
		said     *refusal
		danger   *engine.RefusedError
		promise  *promises.Refusal
		problems spec.Problems
		busy     *engine.BusyError
	)
	return errors.As(err, &said) || errors.As(err, &danger) || errors.As(err, &promise) || errors.As(err, &problems) || errors.As(err, &busy)
}

// judge makes an entry of what a job brought.
func (r *run) judge(res result) Entry {
	e := Entry{Member: res.member, Standing: res.outcome.Standing}
	if done := res.outcome.Run; done != nil {
		e.Counts, e.Changes, e.Dangers, e.Promises = done.Counts, done.Changes(), done.Dangers, done.Promises
	}
	switch {
	case res.err != nil:
		e.Status = r.failure(res)
		e.explain(res.err)
		e.Error = res.err.Error()
		if res.late && !res.crashed {
			e.Error = tooLate(r.Timeout, res)
		}
	case res.outcome.Run == nil && res.outcome.Standing == nil:
		e.Status, e.Error = Failed, "its work brought nothing"
	case res.outcome.Run == nil:
		e.Status = Shown
	case len(e.Dangers) > 0 || e.weakens():
		e.Status = Risky
	case e.Changes > 0:
		e.Status = Changed
	default:
		e.Status = Unchanged
	}
	return e
}

// explain takes over what a refusal says of dangers and promises, where the result does not.
func (e *Entry) explain(err error) {
	var danger *engine.RefusedError
	if errors.As(err, &danger) && len(e.Dangers) == 0 {
		e.Dangers = danger.Dangers
	}
	var refusal *promises.Refusal
	if !errors.As(err, &refusal) || e.weakens() {
		return
	}
	for _, broken := range refusal.Broken {
		effect := promises.Effect{ID: broken.ID, Title: broken.Title, Kind: promises.Breaks, Before: promises.NotShown, After: broken.Verdict, Points: []string{}}
		for _, f := range broken.Broken() {
			where := f.Resource
			if f.Property != "" {
				where += "." + f.Property
			}
			effect.Points = append(effect.Points, fmt.Sprintf("%s: found %s; expected %s", where, f.Found, f.Expected))
		}
		e.Promises = append(e.Promises, effect)
	}
}

// failure is the status for an error.
func (r *run) failure(res result) Status {
	switch {
	case res.late || res.crashed:
		return Failed
	case refused(res.err):
		return Refused
	case r.interrupted:
		return Interrupted
	}
	return Failed
}

// changesOf is what a result changes or changed, without all else that it holds; nil for nothing. Of work that failed only what was
// done counts.
func (r *run) changesOf(e Entry, full *engine.Result) *engine.Result {
	failed := e.Status == Failed || e.Status == Interrupted
	if full == nil || failed && !r.plan.Operation.Changes() {
		return nil
	}
	result := &engine.Result{Version: full.Version, Operation: full.Operation, Project: full.Project, Stack: full.Stack, Cloud: full.Cloud,
		Outcome: full.Outcome, Dangers: full.Dangers, Promises: full.Promises, Counts: full.Counts, DurationSeconds: full.DurationSeconds,
		Diagnostics: []engine.Diagnostic{}, Outputs: map[string]engine.Output{}, Notes: []string{}}
	for _, step := range full.Steps {
		if step.Op.Changes() && (!failed || step.Status == engine.Done) {
			result.Steps = append(result.Steps, step.WithInputs(nil))
		}
	}
	if len(result.Steps) == 0 {
		return nil
	}
	return result
}

// answer puts all together.
func (r *run) answer() *Answer {
	a := &Answer{Version: AnswerVersion, Operation: r.plan.Operation, Basis: r.plan.Basis, Began: r.began,
		DurationSeconds: r.Clock().Sub(r.began).Round(time.Millisecond).Seconds(), Revision: r.plan.Revision, Since: r.plan.Since, Notes: []string{}}
	for _, e := range r.entries {
		a.Stacks = append(a.Stacks, e)
	}
	if r.plan.Shard != nil {
		a.Shards, a.Results = []Shard{*r.plan.Shard}, r.results
	}
	a.conclude(r.Grouping, r.results)
	if r.Journal != nil {
		a.Run = r.Journal.ID()
		if r.taken > 0 {
			r.note(fmt.Sprintf("%d stacks were not done again: run %s, begun at %s, had brought them to an answer", r.taken, a.Run, r.Journal.began.UTC().Format(time.RFC3339)))
		}
	}
	if !slices.ContainsFunc(a.Stacks, func(e Entry) bool { return !e.Status.answered() }) {
		if err := r.Journal.end(); err != nil {
			r.note(err.Error())
		}
	}
	if r.History != nil && r.plan.Shard == nil { // the shards after this one are cut by the same history; who puts them together records it
		r.History.Learn(a)
		if err := r.History.Save(); err != nil {
			r.note(err.Error())
		}
	}
	a.Notes = append(a.Notes, r.notes...)
	return a
}

// conclude fills in what follows from an answer's stacks.
func (a *Answer) conclude(g Grouping, results map[string]*engine.Result) {
	slices.SortFunc(a.Stacks, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Wave, y.Wave), strings.Compare(x.Stack, y.Stack))
	})
	a.Verdict, a.Statuses, a.Groups, a.Promises = NoChange, map[Status]int{}, []Group{}, []PromiseGroup{}
	members := make(map[string]Member, len(a.Stacks))
	for _, e := range a.Stacks {
		a.Statuses[e.Status]++
		members[e.Stack] = e.Member
		if v := e.Verdict(); v.gravity() > a.Verdict.gravity() {
			a.Verdict = v
		}
	}
	if a.Stacks == nil {
		a.Stacks = []Entry{}
	}
	a.guarded("changes", func() {
		if g.Changes != nil && len(results) > 0 {
			a.Groups = append(a.Groups, g.Changes(members, results)...)
		}
	})
	SortGroups(a.Groups)
	a.guarded("promises", func() {
		if g.Promises != nil {
			a.Promises = append(a.Promises, g.Promises(a.Stacks)...)
		}
	})
}

// guarded has a mistake in what only presents the answer cost no stack its part in it.
func (a *Answer) guarded(what string, group func()) {
	defer func() {
		if r := recover(); r != nil {
			a.Notes = append(a.Notes, fmt.Sprintf("the %s of all stacks together could not be put together: crashed%s: %v", what, place(), r))
		}
	}()
	group()
}
