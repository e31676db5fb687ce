package engine

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// RunOptions are common to all runs.
type RunOptions struct {
	Parallel int      // resources worked on at once; 0: the engine's default
	Progress Progress // may be nil
}

// ChangeOptions are for runs that may replace or delete what holds data.
type ChangeOptions struct {
	RunOptions
	// Confirm names the stateful resources that may be replaced or deleted, by name or URN.
	// For Destroy the stack's own name confirms them all.
	Confirm []string
	// Reviewed is a preview of this very change from the same session. Nil: one is made first.
	Reviewed *Result
	// Lift is what lifts deletion protection in the configuration before Destroy. Only for a local stack,
	// whose configuration is a copy; a real stack's file is edited and brought up by people first.
	Lift []Edit
}

// RefusedError says that a change would lose data and was not confirmed. Nothing was done.
type RefusedError struct {
	Operation Operation
	Stack     string
	Dangers   []Danger // those that were not confirmed
}

func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s would lose data and was not confirmed; nothing was changed", e.Operation, e.Stack)
	for _, d := range e.Dangers {
		fmt.Fprintf(&b, "\n  %s %s %s: %s", d.Op, d.Type, d.Name, d.Holds)
		if len(d.Because) > 0 {
			fmt.Fprintf(&b, " (because of %s)", strings.Join(d.Because, ", "))
		}
	}
	return b.String()
}

// RunError says that a run failed. The result tells what was done until then.
type RunError struct {
	Result *Result
	Err    error
}

func (e *RunError) Error() string {
	var errs []string
	for _, d := range e.Result.Diagnostics {
		if d.Severity != "error" {
			continue
		}
		text := d.Message
		if d.URN != "" && !strings.Contains(d.URN, "::"+stackType+"::") {
			text = nameOf(d.URN) + ": " + text
		}
		if text == "update failed" || text == "preview failed" {
			continue // the engine's own headline over what follows
		}
		errs = append(errs, text)
	}
	if len(errs) == 0 {
		return fmt.Sprintf("%s of %s: %v", e.Result.Operation, e.Result.Stack, e.Err)
	}
	return fmt.Sprintf("%s of %s failed:\n  %s", e.Result.Operation, e.Result.Stack, strings.Join(errs, "\n  "))
}

func (e *RunError) Unwrap() error { return e.Err }

// Preview says what Up would do, and changes nothing.
func (s *Stack) Preview(ctx context.Context, options RunOptions) (*Result, error) {
	return s.run(ctx, Preview, options, func(stream chan<- events.EngineEvent, said *bytes.Buffer) error {
		_, err := s.stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.Parallel(options.Parallel),
			optpreview.ErrorProgressStreams(said), optpreview.SuppressProgress(), optpreview.Color("never"))
		return err
	})
}

// Up brings the cloud to what the program says.
func (s *Stack) Up(ctx context.Context, options ChangeOptions) (*Result, error) {
	if err := s.begin(ctx, Up); err != nil {
		return nil, err
	}
	reviewed := options.Reviewed
	if reviewed == nil && !s.fresh {
		preview, err := s.Preview(ctx, RunOptions{Parallel: options.Parallel})
		if err != nil {
			return preview, err
		}
		s.notes = append(preview.Notes, s.notes...)
		reviewed = preview
	}
	if err := refuse(Up, s.options.Stack, reviewed, options.Confirm); err != nil {
		return reviewed, err
	}
	s.announce(options.Progress, "updating", reviewed)
	return s.up(ctx, options.RunOptions)
}

func (s *Stack) up(ctx context.Context, options RunOptions, more ...optup.Option) (*Result, error) {
	return s.run(ctx, Up, options, func(stream chan<- events.EngineEvent, said *bytes.Buffer) error {
		all := append([]optup.Option{optup.EventStreams(stream), optup.Parallel(options.Parallel), optup.ErrorProgressStreams(said),
			optup.SuppressProgress(), optup.SuppressOutputs(), optup.Color("never"), optup.ShowSecrets(false)}, more...)
		_, err := s.stack.Up(ctx, all...)
		return err
	})
}

// Refresh takes over into the state what changed in the cloud, and reports it as steps.
func (s *Stack) Refresh(ctx context.Context, options RunOptions) (*Result, error) {
	return s.run(ctx, Refresh, options, func(stream chan<- events.EngineEvent, said *bytes.Buffer) error {
		_, err := s.stack.Refresh(ctx, optrefresh.EventStreams(stream), optrefresh.Parallel(options.Parallel),
			optrefresh.ErrorProgressStreams(said), optrefresh.SuppressProgress(), optrefresh.SuppressOutputs(),
			optrefresh.Color("never"), optrefresh.ShowSecrets(false))
		return err
	})
}

// PreviewDestroy says what Destroy would delete: all that the state holds. The engine is not asked: it
// would stop at the first protected resource.
func (s *Stack) PreviewDestroy(ctx context.Context) (*Result, error) {
	if err := s.begin(ctx, PreviewDestroy); err != nil {
		return nil, err
	}
	began := s.options.Clock()
	resources, err := s.Resources(ctx)
	if err != nil {
		return nil, err
	}
	r := newReader(PreviewDestroy, s.options.Clock, nil)
	for _, resource := range resources {
		step := Step{URN: string(resource.URN), Type: string(resource.Type), Name: nameOf(string(resource.URN)),
			ID: string(resource.ID), Parent: string(resource.Parent), Group: !resource.Custom, Op: OpDelete,
			Protected: resource.Protect, Provider: providerOf(resource.Provider), Status: Planned, inputs: masked(resource.Inputs)}
		if resource.External {
			step.Op = OpForget
		}
		key := step.URN
		if resource.Delete {
			key += "#" + step.ID
		}
		r.steps[key] = &record{Step: step}
	}
	return s.finish(r, PreviewDestroy, Succeeded, began), nil
}

// Destroy deletes all that the stack has in the cloud.
func (s *Stack) Destroy(ctx context.Context, options ChangeOptions) (*Result, error) {
	if err := s.begin(ctx, Destroy); err != nil {
		return nil, err
	}
	reviewed := options.Reviewed
	if reviewed == nil {
		var err error
		if reviewed, err = s.PreviewDestroy(ctx); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(options.Confirm, s.options.Stack) {
		if err := refuse(Destroy, s.options.Stack, reviewed, options.Confirm); err != nil {
			return reviewed, err
		}
	}
	if s.options.Local {
		if err := s.lift(ctx, reviewed, options); err != nil {
			return nil, err
		}
	}
	s.announce(options.Progress, "destroying", reviewed)
	result, err := s.run(ctx, Destroy, options.RunOptions, func(stream chan<- events.EngineEvent, said *bytes.Buffer) error {
		_, err := s.stack.Destroy(ctx, optdestroy.EventStreams(stream), optdestroy.Parallel(options.Parallel),
			optdestroy.ErrorProgressStreams(said), optdestroy.SuppressProgress(), optdestroy.SuppressOutputs(),
			optdestroy.Color("never"), optdestroy.ShowSecrets(false))
		return err
	})
	if err != nil || !s.options.Local {
		return result, err
	}
	orphans, err := s.Orphans(ctx)
	if err != nil {
		return result, err
	}
	for _, orphan := range orphans {
		result.Notes = append(result.Notes, "left in the embedded cloud, and in no state: "+orphan)
	}
	return result, nil
}

// lift takes protection off a local stack in the way that is right for a real one: the configuration says
// that the client leaves, and an up of what exists lifts deletion protection in the cloud and in the state.
// What is still protected then, in a stack whose configuration knows no leaving, is unprotected in the state.
func (s *Stack) lift(ctx context.Context, reviewed *Result, options ChangeOptions) error {
	var targets []string
	protected := false
	for _, step := range reviewed.Steps {
		targets = append(targets, step.URN)
		protected = protected || step.Protected
	}
	if !protected {
		return nil
	}
	if len(options.Lift) > 0 {
		s.options.Edits = append(slices.Clone(s.options.Edits), options.Lift...)
		if _, err := s.writeConfig(); err != nil {
			return err
		}
		s.announce(options.Progress, "lifting deletion protection", nil)
		if _, err := s.up(ctx, options.RunOptions, optup.Target(targets)); err != nil {
			return fmt.Errorf("lift deletion protection before destroy: %w", err)
		}
		s.notes = append(s.notes, "deletion protection was lifted first, in the local copy of the stack's file")
	}
	if _, err := s.command.Plain(ctx, s.dirs.work, nil, "state", "unprotect", "--all", "--yes", "--stack", s.options.Stack); err != nil {
		return fmt.Errorf("unprotect the local state: %w", err)
	}
	return nil
}

// RemoveLocal deletes everything that a local stack has on disk. The session is closed.
func (s *Stack) RemoveLocal() error {
	if !s.options.Local {
		return fmt.Errorf("remove stack %s: it is not a local one", s.options.Stack)
	}
	if s.lock == nil { // nobody may be at work in it
		lock, _, err := acquire(s.dirs.lock, s.options.Stack, Run{PID: os.Getpid(), Operation: Destroy, Started: s.options.Clock()})
		if err != nil {
			return err
		}
		s.lock = lock
	}
	if s.cloud != nil {
		if err := s.cloud.Close(); err != nil {
			return fmt.Errorf("stop the embedded cloud: %w", err)
		}
		s.cloud = nil
	}
	if err := os.RemoveAll(s.dirs.base); err != nil {
		return fmt.Errorf("remove the local stack %s: %w", s.options.Stack, err)
	}
	return s.Close()
}

func (s *Stack) announce(progress Progress, phase string, reviewed *Result) {
	if progress == nil {
		return
	}
	event := Event{Phase: phase}
	if reviewed != nil {
		for _, step := range reviewed.Steps {
			if step.Op.Changes() && !step.Group {
				event.Expected++
			}
		}
	}
	progress(event)
}

// run begins a session where there is none, runs work with an event stream, and makes a result of the events.
func (s *Stack) run(ctx context.Context, operation Operation, options RunOptions, work func(chan<- events.EngineEvent, *bytes.Buffer) error) (*Result, error) {
	if err := s.begin(ctx, operation); err != nil {
		return nil, err
	}
	began := s.options.Clock()
	r := newReader(operation, s.options.Clock, options.Progress)
	stream, stop, done := make(chan events.EngineEvent), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.read(stream, stop)
	}()
	var said bytes.Buffer
	s.busy = true
	err := work(stream, &said)
	s.busy = false
	close(stop)
	<-done
	outcome := Succeeded
	switch {
	case ctx.Err() != nil || r.summary != nil && r.summary.Result == apitype.OperationResultCanceled:
		outcome = Cancelled
	case err != nil:
		outcome = Failure
	}
	result := s.finish(r, operation, outcome, began)
	if outcome == Succeeded {
		s.fresh = s.fresh && operation == Preview
		return result, nil
	}
	s.nameOrphans(ctx, result)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if text := strings.TrimSpace(said.String()); text != "" {
		err = fmt.Errorf("%s", strings.TrimPrefix(text, "error: "))
	}
	return result, &RunError{Result: result, Err: err}
}

// nameOrphans says what a failed run left in the embedded cloud without a state that knows of it, as happens when an
// answer is lost. Real clouds keep such objects too; there, nobody can list them for one stack.
func (s *Stack) nameOrphans(ctx context.Context, result *Result) {
	if !s.options.Local || ctx.Err() != nil {
		return
	}
	orphans, err := s.Orphans(ctx)
	if err != nil || len(orphans) == 0 {
		return // the failure itself is what matters
	}
	result.Notes = append(result.Notes, "in the embedded cloud, but in no state: "+strings.Join(orphans, ", ")+
		"; as on a real cloud, what has the same name is refused until it is gone: remove "+s.dirs.base+" to begin anew")
}

func (s *Stack) finish(r *reader, operation Operation, outcome Outcome, began time.Time) *Result {
	if outcome == Succeeded {
		r.complete()
	}
	result := &Result{Version: ResultVersion, Operation: operation, Project: s.project, Stack: s.options.Stack,
		Cloud: s.cloudKind(), Outcome: outcome, Dangers: []Danger{}, Steps: []Step{}, Diagnostics: []Diagnostic{}, Notes: []string{}}
	r.fill(result)
	result.Notes = append(result.Notes, s.notes...)
	s.notes = nil
	result.DurationSeconds = s.options.Clock().Sub(began).Round(time.Millisecond).Seconds()
	result.sort()
	return result
}

// refuse is the error for the dangers in a preview that nobody confirmed.
func refuse(operation Operation, stack string, reviewed *Result, confirmed []string) error {
	if reviewed == nil {
		return nil
	}
	var open []Danger
	for _, d := range reviewed.Dangers {
		if !slices.Contains(confirmed, d.Name) && !slices.Contains(confirmed, d.URN) {
			open = append(open, d)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return &RefusedError{Operation: operation, Stack: stack, Dangers: open}
}

// Names are the names of resources in danger, each once, sorted.
func Names(dangers []Danger) []string {
	names := map[string]bool{}
	for _, d := range dangers {
		names[d.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
