package command

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/plugins"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/affected"
	"github.com/berth-iac/berth/spec"
)

// perRealStack is the memory that is planned for a stack on real clouds of which nothing is recorded yet, in bytes: AWS's plugin
// takes most of that where the stack has an account of its own.
const perRealStack = 1 << 30

// picture is how often the progress is drawn anew.
const picture = 250 * time.Millisecond

// fleetRun is one run of a fleet's operation.
type fleetRun struct {
	env     Env
	g       *global
	o       fleetOptions
	in      *bufio.Reader // answers; it may read ahead, and so is one for all questions
	worker  *worker
	plan    fleet.Plan
	options fleet.Options
	notes   []string
	// declined is set when somebody was asked and did not agree.
	declined error
}

func runFleet(ctx context.Context, env Env, g *global, o fleetOptions) (err error) {
	r := &fleetRun{env: env, g: g, o: o, in: bufio.NewReader(env.In)}
	if err := errors.Join(o.check(), checkReports(o.reports.files)); err != nil {
		return err
	}
	if o.operation == fleet.Up && !o.yes && (!env.Terminal || g.output == "json") {
		return &unconfirmedError{"changes to many stacks need consent, and nobody can be asked here; nothing was done\n" +
			"look at `berth fleet preview`, then add --yes"}
	}
	all, err := r.selected(ctx)
	if err != nil {
		return err
	}
	if err := r.budget(); err != nil {
		return err
	}
	r.worker = newWorker(env, g, o, all)
	pool, err := r.share(ctx)
	if err != nil {
		return err
	}
	if pool != nil {
		r.worker.pool = pool
		defer func() { err = errors.Join(err, pool.Close()) }()
	}
	if o.operation == fleet.Verify || o.operation == fleet.Evidence {
		if r.worker.key, _, err = signingKey(env, g, o.key); err != nil {
			return err
		}
	}
	r.inputs()
	if r.o.resume {
		r.options.Journal, err = fleet.Resume(g.root, "", r.plan, env.Now())
	} else {
		r.options.Journal, err = fleet.NewJournal(g.root, r.plan, env.Now())
	}
	if err != nil {
		return err
	}
	defer func() { _ = r.options.Journal.Close() }()
	answer, err := r.run(ctx, r.plan, r.options, r.worker.work, map[fleet.Operation]string{fleet.Preview: "Previewing", fleet.Up: "Updating",
		fleet.Refresh: "Refreshing", fleet.Verify: "Reading back", fleet.Evidence: "Judging"}[o.operation])
	if err != nil {
		return err
	}
	if pool != nil {
		if count := pool.Count(); count.Configured > 0 {
			r.notes = append(r.notes, fmt.Sprintf("%d processes of provider plugins served %d providers of stacks", count.Started, count.Configured))
		}
	}
	answer.Notes = append(r.notes, answer.Notes...)
	return errors.Join(g.answered(env, answer, o.reports), interrupted(ctx), r.declined)
}

// interrupted is the error of a run that somebody cut short.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// selected picks the stacks and makes the plan. It returns all stacks of the folder.
func (r *fleetRun) selected(ctx context.Context) ([]fleet.Member, error) {
	all, err := fleet.Members(ctx, r.g.root, r.env.Now())
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, usage("there is no Pulumi.<stack>.yaml in %s: name another folder with --root, or make a client with `berth client new`", r.g.root)
	}
	selection := r.o.selection()
	if r.o.since != "" {
		if err := r.since(ctx, all, &selection); err != nil {
			return nil, err
		}
	}
	members, err := fleet.Select(all, selection)
	if err != nil {
		return nil, &usageError{err}
	}
	if r.o.operation == fleet.Verify {
		members = r.readBackOnly(members)
	}
	r.plan = fleet.Plan{Operation: r.o.operation, Basis: r.o.basis(), Revision: r.revision(ctx), Since: r.o.since, Members: members}
	if r.options.History, err = fleet.OpenHistory(fleet.HistoryFile(r.g.root)); err != nil {
		r.notes = append(r.notes, err.Error())
	}
	if r.o.shard != "" {
		shard, err := fleet.ParseShard(r.o.shard)
		if err != nil {
			return nil, &usageError{err}
		}
		part, cut := fleet.Cut(members, shard, r.options.History, r.plan.Operation, r.plan.Basis)
		r.plan.Members, r.plan.Shard = part, &cut
	}
	return all, nil
}

// since narrows the selection to the stacks that a difference in git can change.
func (r *fleetRun) since(ctx context.Context, all []fleet.Member, selection *fleet.Selection) error {
	stacks := map[string]spec.Kind{}
	for _, m := range all {
		stacks[m.Stack] = m.Kind
	}
	git, packages := affected.NewTools(r.g.root, r.env.Probe)
	found, err := affected.Since(ctx, affected.Input{Revision: r.o.since, Stacks: stacks, Git: git, Packages: packages})
	if err != nil {
		return err
	}
	selection.Affected, selection.IsAffected = found.Names(), true
	r.notes = append(r.notes, found.Notes...)
	return nil
}

// readBackOnly leaves out what cannot be read back yet, and says so.
func (r *fleetRun) readBackOnly(selected []fleet.Member) []fleet.Member {
	kept, left := []fleet.Member{}, 0
	for _, m := range selected {
		if m.Kind == "" || m.Kind == spec.KindAWSClient || m.Kind == spec.KindOrganisation {
			kept = append(kept, m)
		} else {
			left++
		}
	}
	if left > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d stacks are left out: machines and Lightsail are not read back yet, `berth fleet evidence` and `berth fleet refresh` are for them", left))
	}
	return kept
}

// revision is the git revision of the folder; empty where there is none.
func (r *fleetRun) revision(ctx context.Context) string {
	if r.env.Probe == nil {
		return ""
	}
	revision, err := r.env.Probe(ctx, "git", "-C", r.g.root, "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(revision)
}

// budget says how much of the machine the run may take, and how it goes about it.
func (r *fleetRun) budget() error {
	machine := fleet.ReadMachine(os.ReadFile, runtime.NumCPU())
	if r.o.cpus > 0 {
		machine.CPUs = r.o.cpus
	}
	budget := machine.Budget(!r.isolated())
	if !r.isolated() {
		budget.Unrecorded = perRealStack
	}
	if r.o.memory != "" {
		memory, err := parseMemory(r.o.memory)
		if err != nil {
			return err
		}
		budget.Memory = memory
	}
	r.options.Budget, r.options.Timeout, r.options.Wait, r.options.KeepGoing = budget, r.o.timeout, r.o.wait, r.o.keepGoing
	r.options.Clock, r.options.Kill, r.options.Grouping = r.env.Now, r.env.Kill, grouping()
	if r.o.operation == fleet.Up && !r.o.yes {
		r.options.Gate = r.gate
	}
	return nil
}

// share makes a pool of plugins where stacks run on real clouds. It ends after them: what is under way when somebody interrupts is
// finished first.
func (r *fleetRun) share(ctx context.Context) (*plugins.Pool, error) {
	if r.isolated() || r.env.Share == nil {
		return nil, nil
	}
	cli, err := r.env.FindCLI(ctx, r.g.cli)
	if err != nil {
		return nil, err
	}
	return r.env.Share(context.WithoutCancel(ctx), cli, r.g.root), nil
}

// isolated tells whether the run stays on this machine.
func (r *fleetRun) isolated() bool { return r.o.local || r.o.from != "" }

// inputs are digests of all that a stack's answer depends on, for --resume: its file, this program, and the flags.
func (r *fleetRun) inputs() {
	r.plan.Inputs = map[string]string{}
	common := fmt.Sprintln(r.env.build(), r.plan.Operation, r.plan.Basis, r.o.local, r.o.role, r.o.confirm)
	for _, m := range r.plan.Members {
		state := []byte{}
		if r.o.from != "" {
			state, _ = os.ReadFile(filepath.Join(r.o.from, m.Stack+".state.json")) // the preview itself says what is wrong with it
		}
		sum := sha256.Sum256(append([]byte(common+m.Digest), state...))
		r.plan.Inputs[m.Stack] = hex.EncodeToString(sum[:])
	}
}

// build tells this program from others, those of the same version among them.
func (e Env) build() string {
	text := e.versions().Berth
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			text += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
		}
	}
	return text
}

// run runs a plan with progress on the error output.
func (r *fleetRun) run(ctx context.Context, plan fleet.Plan, options fleet.Options, work fleet.Work, title string) (*fleet.Answer, error) {
	if !r.g.quiet && r.g.output == "text" && r.env.Terminal {
		progress := show.NewFleet(r.env.Err, r.g.style(r.env), title, r.env.Now)
		options.Progress, options.Tick = progress.Handle, picture
		defer progress.Clear()
		if ask := options.Gate; ask != nil {
			options.Gate = func(ctx context.Context, wave int, members []fleet.Member) error {
				progress.Clear()
				return ask(ctx, wave, members)
			}
		}
	}
	return fleet.Run(ctx, plan, options, work)
}

// gate previews a wave, shows it, and asks for consent to all of it at once.
func (r *fleetRun) gate(ctx context.Context, wave int, members []fleet.Member) error {
	agreed := map[string]string{}
	unchanged := map[string]fleet.Outcome{}
	var mu sync.Mutex
	work := func(ctx context.Context, m fleet.Member, kill <-chan struct{}, progress engine.Progress) (fleet.Outcome, error) {
		env := r.worker.env
		env.Kill = kill
		outcome, err := r.worker.preview(ctx, env, m, progress)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			agreed[m.Stack] = changesOf(outcome.Run)
			if !changes(outcome.Run) {
				unchanged[m.Stack] = outcome
			}
		}
		return outcome, err
	}
	options := r.options
	options.Gate, options.Journal = nil, nil
	plan := fleet.Plan{Operation: fleet.Preview, Basis: r.plan.Basis, Revision: r.plan.Revision, Members: members}
	preview, err := r.run(ctx, plan, options, work, fmt.Sprintf("Previewing wave %d", wave))
	if err != nil {
		return err
	}
	if err := interrupted(ctx); err != nil {
		return err
	}
	r.worker.agree(agreed, unchanged)
	if err := r.g.printAnswer(r.env.Err, r.env, preview); err != nil {
		return err
	}
	open, changing := r.unconfirmed(preview)
	if len(open) > 0 {
		_, _ = fmt.Fprintf(r.env.Err, "\nLeft out, because data would be lost: %d stacks. To allow it, run again with%s\n", len(open), confirmFlags(slices.Concat(open...)))
	}
	if changing == 0 {
		return nil
	}
	answer, err := ask(r.env, r.in, fmt.Sprintf("\nMake these changes to %s of wave %d? [y/N] ", stacks(changing), wave))
	if err == nil && strings.ToLower(answer) != "y" && strings.ToLower(answer) != "yes" {
		err = &unconfirmedError{"not confirmed; nothing was changed"}
	}
	r.declined = err
	return err
}

func stacks(n int) string {
	if n == 1 {
		return "1 stack"
	}
	return fmt.Sprintf("%d stacks", n)
}

// unconfirmed are the dangers that --confirm does not name, stack by stack, and how many stacks would change besides.
func (r *fleetRun) unconfirmed(preview *fleet.Answer) (open [][]string, changing int) {
	for _, e := range preview.Stacks {
		var names []string
		for _, name := range engine.Names(e.Dangers) {
			if !slices.Contains(r.o.confirm, e.Stack+"/"+name) {
				names = append(names, e.Stack+"/"+name)
			}
		}
		switch {
		case len(names) > 0:
			open = append(open, names)
		case e.Status == fleet.Changed || e.Status == fleet.Risky:
			changing++
		}
	}
	return open, changing
}
