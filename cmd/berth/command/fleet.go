package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fleetOptions say which stacks a fleet's operation is for, and how it runs.
type fleetOptions struct {
	target
	operation fleet.Operation

	all                                  bool
	patterns, labels                     []string
	kinds, tiers, environments, releases []string
	waves                                []int
	since                                string

	shard     string
	resume    bool
	keepGoing bool
	timeout   time.Duration
	wait      time.Duration
	memory    string
	cpus      float64
	reports   reporting

	role string // of verify
	key  string // of verify and evidence
}

func newFleet(env Env, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Do something to many stacks at once, with one answer",
		Long: `Fleet works on all stacks of the folder, or on those that are named by pattern,
label, kind, tier, environment or wave, or that a change in git can affect. They
run side by side within a budget of memory and processors. One that fails, hangs
or cannot be read hides none of the others. What happens to many stacks in the
same way stands in the answer once.

Exit codes: 0 no changes, or done; 1 at least one stack has no answer; 2 wrong use;
3 there are changes; 4 there are dangerous changes: data would be lost, or a promise
weakened or broken, or nobody agreed; 130 interrupted: go on with --resume.`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFleetPreview(env, g), newFleetUp(env, g), newFleetRefresh(env, g), newFleetVerify(env, g), newFleetEvidence(env, g),
		newFleetMerge(env, g), newFleetExample(env, g))
	return cmd
}

// noSubcommand says which there are, where the one that was asked for is none.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usage("%s has no %q; it has %s", cmd.CommandPath(), args[0], strings.Join(names, ", "))
}

func newFleetPreview(env Env, g *global) *cobra.Command {
	o := fleetOptions{operation: fleet.Preview, timeout: 15 * time.Minute}
	cmd := o.command(env, g, "preview", "Show what up would do to many stacks", `Preview shows what up would create, update, replace and delete in every selected
stack: each change once, with the stacks that it happens to, those that lose data
first. Without a selection it is all stacks. Nothing is changed.

With --from the stacks are compared with states that "berth state export
--redacted" wrote: that needs neither credentials nor secrets.`,
		"  berth fleet preview --local\n  berth fleet preview 'acme-*' --kind awsclient --label sector=logistics\n"+
			"  berth fleet preview --since origin/main --report markdown=comment.md --report junit=junit.xml\n"+
			"  berth fleet preview --shard 2/5 --report json=part-2.json")
	o.localFlag(cmd.Flags())
	o.fromFlag(cmd.Flags())
	return cmd
}

func newFleetUp(env Env, g *global) *cobra.Command {
	o := fleetOptions{operation: fleet.Up, timeout: 2 * time.Hour}
	cmd := o.command(env, g, "up", "Bring many stacks to what their files say, wave by wave", `Up goes through the waves in their order (see fleet.wave in the stacks' files). It
previews a wave, asks once for all of it, and makes the changes. A stack that
fails, is refused or weakens a promise keeps the later waves from being begun,
unless --keep-going says otherwise. A stack without changes is left alone.

A resource that holds data is replaced or deleted only where --confirm names it
with its stack. A change that is not what was agreed to any more is not made.`,
		"  berth fleet up --all --wave 2\n  berth fleet up --all --yes --keep-going\n  berth fleet up 'acme-*' --yes --confirm acme-production/database\n  berth fleet up --all --resume")
	o.localFlag(cmd.Flags())
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.Flags().StringArrayVar(&o.confirm, "confirm", nil, "`stack/name` of a resource that holds data and may be replaced or deleted; may be repeated")
	return cmd
}

func newFleetRefresh(env Env, g *global) *cobra.Command {
	o := fleetOptions{operation: fleet.Refresh, timeout: time.Hour}
	cmd := o.command(env, g, "refresh", "Take over into many states what changed in the clouds", `Refresh compares every resource of the selected stacks with the cloud and takes
over into their states what differs. It goes wave by wave; clouds are not changed.`,
		"  berth fleet refresh --all --local\n  berth fleet refresh --all --kind sites --report markdown=drift.md")
	o.localFlag(cmd.Flags())
	return cmd
}

func newFleetVerify(env Env, g *global) *cobra.Command {
	o := fleetOptions{operation: fleet.Verify, timeout: 30 * time.Minute}
	cmd := o.command(env, g, "verify", "Read many running accounts back, and raise their evidence to live", `Verify does to every selected stack what "berth verify" does: it reads the stack's
account back and writes signed evidence below .berth/evidence. Stacks of kinds that
are not read back are left out and counted.`,
		"  berth fleet verify --tier dedicated\n  berth fleet verify --role none")
	cmd.Flags().StringVar(&o.role, "role", "", "`arn` of the role to sign in as; none: the credentials as they are (default: each stack's berth-verify)")
	cmd.Flags().StringVar(&o.key, "key", "", "sign with the private key in `file` (default .berth/evidence.key)")
	return cmd
}

func newFleetEvidence(env Env, g *global) *cobra.Command {
	o := fleetOptions{operation: fleet.Evidence, timeout: 15 * time.Minute}
	cmd := o.command(env, g, "evidence", "Write up how every promise of many stacks stands, signed", `Evidence does to every selected stack what "berth evidence" does: it writes signed
evidence below .berth/evidence, and counts here how the promises stand.`,
		"  berth fleet evidence --local\n  berth fleet evidence --tier dedicated --key ~/keys/evidence.key --report html=evidence.html")
	o.localFlag(cmd.Flags())
	cmd.Flags().StringVar(&o.key, "key", "", "sign with the private key in `file` (default .berth/evidence.key)")
	return cmd
}

// command is what the operations have in common.
func (o *fleetOptions) command(env Env, g *global, name, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " [flags] [pattern…]", Short: short, Long: long, Example: example,
		ValidArgsFunction: g.completeFleet,
		RunE: func(cmd *cobra.Command, args []string) error {
			run := *o
			run.patterns = args
			return runFleet(cmd.Context(), env, g, run)
		},
	}
	flags := cmd.Flags()
	o.selectionFlags(flags)
	flags.StringVar(&o.shard, "shard", "", "do part `i/n` of the work, such as 2/5; put the answers together with \"berth fleet merge\"")
	flags.BoolVar(&o.resume, "resume", false, "go on with the last run of this kind that did not end, and repeat nothing that it finished")
	flags.BoolVar(&o.keepGoing, "keep-going", false, "begin later waves even where one before them went wrong")
	flags.DurationVar(&o.timeout, "timeout", o.timeout, "`time` that one stack may take; 0: any")
	flags.DurationVar(&o.wait, "wait", 2*time.Minute, "`time` to wait for a stack that another process works on; 0: do not wait")
	flags.StringVar(&o.memory, "memory", "", "`memory` for all stacks together, such as 1500MiB or 4GiB (default: three quarters of what is free)")
	flags.Float64Var(&o.cpus, "cpus", 0, "`processors` to work with (default: those that there are)")
	o.reports.flags(flags)
	return cmd
}

func (o *fleetOptions) selectionFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.all, "all", false, "all stacks of the folder, or all that the other flags leave")
	flags.StringArrayVar(&o.labels, "label", nil, "`key=value` that stacks are labelled with, or key!=value; may be repeated, and all must hold")
	flags.StringSliceVar(&o.kinds, "kind", nil, "`kinds` of stacks, such as awsclient or siteclient")
	flags.StringSliceVar(&o.tiers, "tier", nil, "`tiers` of clients")
	flags.StringSliceVar(&o.environments, "environment", nil, "`environments`, such as production")
	flags.StringSliceVar(&o.releases, "release", nil, "`versions` of TaskFlow that stacks run")
	flags.IntSliceVar(&o.waves, "wave", nil, "`numbers` of waves")
	flags.StringVar(&o.since, "since", "", "only stacks that the difference since this git `revision` can change")
}

// completeFleet completes patterns with the names of stacks.
func (g *global) completeFleet(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names, _ := engine.Stacks(g.root) // completion offers nothing when it cannot read
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) }), cobra.ShellCompDirectiveNoFileComp
}

// check holds the flags against each other.
func (o fleetOptions) check() error {
	if err := o.target.check(); err != nil {
		return err
	}
	for _, text := range o.confirm {
		if stack, name, ok := strings.Cut(text, "/"); !ok || stack == "" || name == "" {
			return usage("--confirm is %q; it is a stack and a resource of it, such as acme-production/database", text)
		}
	}
	if o.timeout < 0 || o.wait < 0 || o.cpus < 0 {
		return usage("--timeout, --wait and --cpus are not below 0")
	}
	if o.operation.Changes() && !o.all && o.selection().Empty() && o.since == "" {
		return usage("say which stacks, by name, pattern or flag; --all means every one of them")
	}
	return nil
}

func (o fleetOptions) selection() fleet.Selection {
	return fleet.Selection{Patterns: o.patterns, Labels: o.labels, Kinds: o.kinds, Tiers: o.tiers, Environments: o.environments,
		Releases: o.releases, Waves: o.waves}
}

// confirmed are the names that may lose their data in one stack.
func (o fleetOptions) confirmed(stack string) []string {
	var names []string
	for _, text := range o.confirm {
		if of, name, _ := strings.Cut(text, "/"); of == stack {
			names = append(names, name)
		}
	}
	return names
}

// parseMemory reads an amount such as 1500MiB, 4GiB or 4G; all count in powers of 1024.
func parseMemory(text string) (uint64, error) {
	digits := strings.TrimRight(text, "KMGTBibkmgt")
	unit := strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text[len(digits):]), "B"), "I"))
	shift, known := map[string]uint{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[unit]
	amount, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !known || amount <= 0 || amount > 1<<40 {
		return 0, usage("--memory is %q; it is an amount such as 1500MiB or 4GiB", text)
	}
	return uint64(amount * float64(uint64(1)<<shift)), nil
}

// verdictError says what an answer comes to. Everything that there is to say has been printed already.
type verdictError struct{ answer *fleet.Answer }

func (e *verdictError) Error() string {
	return fmt.Sprintf("%s of %d stacks: %s", e.answer.Operation, len(e.answer.Stacks), e.answer.Verdict)
}
