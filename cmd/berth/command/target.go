package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/redact"
	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/pflag"
)

// target is which stack a command works on, and how.
type target struct {
	local    bool
	faults   []string
	seed     uint64
	delay    time.Duration
	parallel int
	yes      bool
	confirm  []string
	settle   bool
	exists   map[string]string
	absent   []string
	from     string // a folder of exported states
}

func (t *target) localFlag(flags *pflag.FlagSet) {
	flags.BoolVar(&t.local, "local", false, "work on the embedded cloud, with state of its own; nothing outside this machine is touched")
}

func (t *target) fromFlag(flags *pflag.FlagSet) {
	flags.StringVar(&t.from, "from", "", "compare with the state that berth state export wrote into `folder`, on the embedded cloud, without credentials or secrets")
}

// basis says what a preview is compared with.
func (t *target) basis() string {
	switch {
	case t.from != "":
		return "the states that were last exported to " + t.from + ", without credentials or secrets; what a cloud would answer is the embedded cloud's word"
	case t.local:
		return "the embedded cloud; nothing outside this machine is touched"
	}
	return "real clouds, as their states have them"
}

func (t *target) runFlags(flags *pflag.FlagSet) {
	t.localFlag(flags)
	flags.StringArrayVar(&t.faults, "fault", nil, "with --local: `what` the embedded cloud shall do wrong, such as \"create:aws:rds/instance:Instance:fail\"; may be repeated")
	flags.Uint64Var(&t.seed, "seed", 0, "with --local: `number` that the embedded cloud's ids grow from; 0 for random ids")
	flags.DurationVar(&t.delay, "delay", 0, "with --local: `time` that the embedded cloud takes for each answer")
	flags.IntVar(&t.parallel, "parallel", 0, "`number` of resources worked on at once (default: Pulumi's own)")
	flags.BoolVar(&t.settle, "settle", false, "settle creations that a run killed on another machine left in the state; make sure that nobody's run is under way")
	flags.StringToStringVar(&t.exists, "exists", nil, "`name=id` of an object that a killed run created, where berth cannot find it out; may be repeated")
	flags.StringArrayVar(&t.absent, "absent", nil, "`name` of a resource that a killed run did not come to create, where berth cannot find it out; may be repeated")
}

func (t *target) changeFlags(flags *pflag.FlagSet) {
	t.runFlags(flags)
	flags.BoolVarP(&t.yes, "yes", "y", false, "do not ask")
	flags.StringArrayVar(&t.confirm, "confirm", nil, "`name` of a resource that holds data and may be replaced or deleted; may be repeated")
}

func (t *target) check() error {
	if t.from != "" && (t.local || len(t.faults) > 0 || t.seed != 0 || t.delay != 0 || t.settle || len(t.exists)+len(t.absent) > 0) {
		return usage("--from compares with an exported state: leave --local, --fault, --seed, --delay, --settle, --exists and --absent away")
	}
	if !t.local && (len(t.faults) > 0 || t.seed != 0 || t.delay != 0) {
		return usage("--fault, --seed and --delay are for the embedded cloud: add --local")
	}
	if t.local && (t.settle || len(t.exists)+len(t.absent) > 0) {
		return usage("--settle, --exists and --absent are for real clouds: the embedded one is compared with the state by itself")
	}
	if t.parallel < 0 {
		return usage("--parallel is %d; use 1 or more", t.parallel)
	}
	return nil
}

// open checks the stack's file and opens the stack.
func (t *target) open(ctx context.Context, env Env, g *global, stack string, options engine.Options) (Stack, *spec.Spec, error) {
	if err := t.check(); err != nil {
		return nil, nil, err
	}
	read, err := readSpec(env, g, stack)
	if err != nil {
		return nil, nil, err
	}
	cli, err := env.FindCLI(ctx, g.cli)
	if err != nil {
		return nil, nil, err
	}
	if t.from != "" {
		if options.From, err = redact.Load(t.from, stack); err != nil {
			return nil, nil, err
		}
	}
	local := t.local || t.from != ""
	if local {
		env.ShedCredentials()
	}
	options.Root, options.Stack, options.Program, options.CLI = g.root, stack, env.Program, cli
	options.Env, options.Local, options.Clock, options.Kill = env.Environ, local, env.Now, env.Kill
	options.Cloud = engine.CloudOptions{Seed: t.seed, Delay: t.delay, Crash: env.Crash}
	for _, text := range t.faults {
		fault, err := localcloud.ParseFault(text)
		if err != nil {
			return nil, nil, &usageError{err}
		}
		options.Cloud.Faults = append(options.Cloud.Faults, fault)
	}
	options.Settling.Pauses = searchPauses
	options.Settling.Always, options.Settling.Exists, options.Settling.Absent = t.settle, t.exists, t.absent
	if env.Finder != nil && !local {
		if options.Settling.Finder, err = env.Finder(); err != nil {
			return nil, nil, err
		}
	}
	opened, err := env.Open(ctx, options)
	return opened, read, err
}

// searchPauses are waited before it is believed that a killed run did not come to create something: AWS's index of tags
// knows of an object some seconds after it is there.
var searchPauses = []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

// readSpec reads and checks a stack's file.
func readSpec(env Env, g *global, stack string) (*spec.Spec, error) {
	path := filepath.Join(g.root, "Pulumi."+stack+".yaml")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		known, _ := engine.Stacks(g.root) // the list only helps the message
		return nil, &engine.NoStackError{Stack: stack, Root: g.root, Known: known}
	}
	if err != nil {
		return nil, fmt.Errorf("read the stack's file: %w", err)
	}
	return spec.DecodeFile(filepath.Base(path), text, spec.Options{Now: env.Now()})
}
