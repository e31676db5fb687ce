package command

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/plugins"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/spec"
)

// worker does a fleet's operation to one stack; several of its works run at once.
type worker struct {
	env Env
	g   *global
	o   fleetOptions
	key ed25519.PrivateKey // of verify and evidence
	// pool is of plugins that the stacks share; nil: none is shared.
	pool *plugins.Pool
	// sites are the stacks that describe pairs of sites, among all of the folder.
	sites []string

	mu      sync.Mutex
	agreed  map[string]string        // what each stack may change, as changesOf has it; nil: anything
	same    map[string]fleet.Outcome // of stacks that were previewed just now, and have nothing to change
	held    map[string]*sync.Mutex
	pairs   map[string]foundPair
	beneath map[string]*promises.Assessment
}

type foundPair struct {
	stack string
	sites *spec.Sites
}

func newWorker(env Env, g *global, o fleetOptions, all []fleet.Member) *worker {
	quiet := *g
	quiet.quiet, quiet.output = true, "json"
	env.FindCLI = once(env.FindCLI)
	if o.local || o.from != "" {
		env.ShedCredentials()
	}
	env.ShedCredentials = func() {} // once is enough
	env.Out, env.Err, env.Terminal = io.Discard, io.Discard, false
	w := &worker{env: env, g: &quiet, o: o, held: map[string]*sync.Mutex{}, pairs: map[string]foundPair{}, beneath: map[string]*promises.Assessment{}}
	for _, m := range all {
		if m.Kind == spec.KindSites {
			w.sites = append(w.sites, m.Stack)
		}
	}
	return w
}

// once looks for the CLI a single time.
func once(find func(context.Context, string) (string, error)) func(context.Context, string) (string, error) {
	var (
		looking sync.Mutex
		found   string
	)
	return func(ctx context.Context, named string) (string, error) {
		looking.Lock()
		defer looking.Unlock()
		if found != "" {
			return found, nil
		}
		path, err := find(ctx, named)
		found = path
		return path, err
	}
}

// work is the fleet's operation.
func (w *worker) work(ctx context.Context, m fleet.Member, kill <-chan struct{}, progress engine.Progress) (fleet.Outcome, error) {
	env := w.env
	env.Kill = kill
	switch w.o.operation {
	case fleet.Preview:
		return w.preview(ctx, env, m, progress)
	case fleet.Up:
		return w.up(ctx, env, m, progress)
	case fleet.Refresh:
		return w.refresh(ctx, env, m, progress)
	default:
		return w.show(ctx, env, m)
	}
}

// outcome is what is kept of a run: what stays as it is, is counted only.
func outcome(stack Stack, result *engine.Result) fleet.Outcome {
	o := fleet.Outcome{Run: slim(result)}
	if peak, ok := stack.(interface{ Peak() uint64 }); ok {
		o.Memory = peak.Peak()
	}
	return o
}

// slim is a result without what nobody asks a fleet for: a thousand clients' unchanged resources would fill the memory.
func slim(r *engine.Result) *engine.Result {
	if r == nil {
		return nil
	}
	kept := &engine.Result{Version: r.Version, Operation: r.Operation, Project: r.Project, Stack: r.Stack, Cloud: r.Cloud, Outcome: r.Outcome,
		Counts: r.Counts, Dangers: r.Dangers, Steps: []engine.Step{}, Diagnostics: []engine.Diagnostic{}, Outputs: map[string]engine.Output{},
		Notes: r.Notes, DurationSeconds: r.DurationSeconds, Promises: r.Promises}
	for _, step := range r.Steps {
		if step.Op.Changes() || step.Status == engine.Failed || step.Status == engine.Interrupted {
			kept.Steps = append(kept.Steps, step.WithInputs(nil))
		}
	}
	for _, d := range r.Diagnostics {
		if d.Severity == "error" || d.Severity == "warning" {
			kept.Diagnostics = append(kept.Diagnostics, d)
		}
	}
	return kept
}

// previewed previews an open stack. The program judges what it describes by itself, so that an unchanged stack needs no
// judgement here; where it refuses, the refusal is told in its own form.
func (w *worker) previewed(ctx context.Context, env Env, stack Stack, read *spec.Spec, m fleet.Member, progress engine.Progress) (*engine.Result, error) {
	preview, err := stack.Preview(ctx, engine.RunOptions{Progress: progress})
	if err != nil {
		var run *engine.RunError
		if errors.As(err, &run) && run.Result.Outcome == engine.Failure {
			if _, judgement := judge(ctx, env, m.Stack, read); judgement != nil {
				err = judgement
			}
		}
		return preview, err
	}
	if preview.Changes() == 0 {
		return preview, nil
	}
	after, err := judge(ctx, env, m.Stack, read)
	if err != nil {
		return preview, err
	}
	return preview, effects(ctx, env, stack, read, preview, after)
}

// options are of every session with a stack.
func (w *worker) options(m fleet.Member) engine.Options {
	if w.pool == nil {
		return engine.Options{}
	}
	return engine.Options{Attach: func(ctx context.Context) (engine.Attached, error) { return w.pool.Open(ctx, m.Stack) }}
}

func (w *worker) preview(ctx context.Context, env Env, m fleet.Member, progress engine.Progress) (_ fleet.Outcome, err error) {
	stack, read, err := w.o.open(ctx, env, w.g, m.Stack, w.options(m))
	if err != nil {
		return fleet.Outcome{}, err
	}
	defer closing(stack, &err)
	preview, err := w.previewed(ctx, env, stack, read, m, progress)
	return outcome(stack, preview), err
}

func (w *worker) refresh(ctx context.Context, env Env, m fleet.Member, progress engine.Progress) (_ fleet.Outcome, err error) {
	stack, _, err := w.o.open(ctx, env, w.g, m.Stack, w.options(m))
	if err != nil {
		return fleet.Outcome{}, err
	}
	defer closing(stack, &err)
	result, err := stack.Refresh(ctx, engine.RunOptions{Progress: progress})
	return outcome(stack, result), err
}

func (w *worker) up(ctx context.Context, env Env, m fleet.Member, progress engine.Progress) (_ fleet.Outcome, err error) {
	w.mu.Lock()
	same, known := w.same[m.Stack]
	w.mu.Unlock()
	if known {
		same.Run.Operation = engine.Up
		return same, nil
	}
	options := w.options(m)
	options.Settling.Changing = true
	stack, read, err := w.o.open(ctx, env, w.g, m.Stack, options)
	if err != nil {
		return fleet.Outcome{}, err
	}
	defer closing(stack, &err)
	preview, err := w.previewed(ctx, env, stack, read, m, progress)
	if err != nil {
		return outcome(stack, preview), err
	}
	if !changes(preview) {
		preview.Operation = engine.Up
		return outcome(stack, preview), nil
	}
	if allowed, known := w.allowed(m.Stack); known && allowed != changesOf(preview) {
		return outcome(stack, preview), fleet.Refuse(fmt.Errorf("stack %s would change otherwise than was agreed to; nothing was changed: run up again to see how", m.Stack))
	}
	result, err := stack.Up(ctx, engine.ChangeOptions{RunOptions: engine.RunOptions{Progress: progress},
		Confirm: w.o.confirmed(m.Stack), Reviewed: preview})
	if result != nil {
		result.Promises = preview.Promises
		if result != preview {
			result.Notes = append(preview.Notes, result.Notes...)
		}
	}
	return outcome(stack, result), confirmHint(m.Stack, err)
}

// changes tells whether there is anything to do, components included. A stack that makes nothing, such as that of a client who gets
// an archive, has outputs that an update writes down all the same.
func changes(r *engine.Result) bool {
	if len(r.Counts) == 0 {
		return true
	}
	return slices.ContainsFunc(r.Steps, func(s engine.Step) bool { return s.Op.Changes() })
}

// confirmHint says how to allow what was refused for the data that would be lost.
func confirmHint(stack string, err error) error {
	var refused *engine.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	var names []string
	for _, name := range engine.Names(refused.Dangers) {
		names = append(names, stack+"/"+name)
	}
	return fmt.Errorf("%w\nto allow it, add%s", err, confirmFlags(names))
}

// changesOf says what a run changes, so that two previews can be told apart. Values are left out: some are made anew each time.
func changesOf(r *engine.Result) string {
	var lines []string
	for _, step := range r.Steps {
		if !step.Op.Changes() {
			continue
		}
		line := string(step.Op) + " " + step.URN
		for _, d := range step.Diffs {
			line += " " + d.Kind + " " + d.Property
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// allowed is what a stack may change, where somebody was asked.
func (w *worker) allowed(stack string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agreed[stack], w.agreed != nil
}

// agree takes in what a preview showed, which is all that may be done.
func (w *worker) agree(agreed map[string]string, same map[string]fleet.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.agreed == nil {
		w.agreed, w.same = map[string]string{}, map[string]fleet.Outcome{}
	}
	maps.Copy(w.agreed, agreed)
	maps.Copy(w.same, same)
}

// show makes evidence of one stack: with what its account shows for verify.
func (w *worker) show(ctx context.Context, env Env, m fleet.Member) (fleet.Outcome, error) {
	in, err := w.judged(ctx, env, m.Stack)
	if err != nil {
		return fleet.Outcome{}, err
	}
	o := verifyStackOptions{evidenceOptions{w.o.target, m.Stack, "", w.o.key, false}, w.o.role}
	public := w.key.Public().(ed25519.PublicKey)
	below := pairs{w.pair, func(stack string) (*promises.Assessment, error) { return w.foundation(ctx, env, stack) }}
	doc, err := document(ctx, in, public, below, func(ctx context.Context, in *evidence.Input) error {
		if w.o.operation == fleet.Evidence {
			return carryOver(in, o.folder(w.g), public)
		}
		if in.Source.Kind == evidence.FromProgram {
			return fmt.Errorf("nothing of stack %s is deployed yet, so there is nothing to read back", m.Stack)
		}
		return readBack(ctx, env, w.g, o, in, public)
	})
	if err != nil {
		return fleet.Outcome{}, err
	}
	if _, err := writeEvidence(doc, w.key, o.folder(w.g)); err != nil {
		return fleet.Outcome{}, err
	}
	standing := map[promises.Verdict]int{}
	for _, p := range doc.Promises {
		standing[p.At(doc.Made).Verdict]++
	}
	return fleet.Outcome{Standing: standing}, nil
}

// judged is a stack as it stands. A pair of sites may be asked for by several of its clients at once, and its stack opens once
// at a time only.
func (w *worker) judged(ctx context.Context, env Env, stack string) (*evidence.Input, error) {
	held := w.hold(stack)
	held.Lock()
	defer held.Unlock()
	return judged(ctx, env, w.g, w.o.target, stack)
}

// foundation is how the stack stands that others stand on; it is judged once.
func (w *worker) foundation(ctx context.Context, env Env, stack string) (*promises.Assessment, error) {
	held := w.hold("beneath " + stack)
	held.Lock()
	defer held.Unlock()
	w.mu.Lock()
	known := w.beneath[stack]
	w.mu.Unlock()
	if known != nil {
		return known, nil
	}
	in, err := w.judged(ctx, env, stack)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.beneath[stack] = in.Assessment
	w.mu.Unlock()
	return in.Assessment, nil
}

func (w *worker) hold(what string) *sync.Mutex {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held[what] == nil {
		w.held[what] = &sync.Mutex{}
	}
	return w.held[what]
}

// pair finds the stack that describes a pair of sites; each pair is looked for once.
func (w *worker) pair(name string) (string, *spec.Sites, error) {
	held := w.hold("pair " + name)
	held.Lock()
	defer held.Unlock()
	w.mu.Lock()
	found, known := w.pairs[name]
	w.mu.Unlock()
	if known {
		return found.stack, found.sites, nil
	}
	stack, sites, err := pairAmong(w.env, w.g, w.sites, name)
	if err == nil {
		w.mu.Lock()
		w.pairs[name] = foundPair{stack, sites}
		w.mu.Unlock()
	}
	return stack, sites, err
}
