package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

// The organisation's outputs that say where the team's state is to be kept.
const (
	outputBackend  = "stateBackend"
	outputProvider = "secretsProvider"
)

type bootstrapOptions struct {
	target
	stack string
}

func newBootstrap(env Env, g *global) *cobra.Command {
	var o bootstrapOptions
	cmd := &cobra.Command{
		Use:   "bootstrap [flags] [<stack>]",
		Short: "Make the organisation's stack, and move its state into the backend that it makes",
		Long: `Bootstrap solves the first step of a new organisation: its stack makes the
bucket and the key that hold the team's Pulumi state, so that its own state
cannot lie there yet. The stack is brought up with its state on this disk, the
state is moved into the bucket, and the copy on this disk is removed.

Without --yes it shows the steps and does nothing. A run that was interrupted is
taken up where it stopped. With --local it is a rehearsal on the embedded cloud,
with a second folder in the place of the bucket; everything is removed at the
end.`,
		Example: "  berth bootstrap\n  berth bootstrap --local --yes\n  berth bootstrap organisation --yes",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes at most the name of one stack", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = "organisation"
			if len(args) == 1 {
				o.stack = args[0]
			}
			return runBootstrap(cmd.Context(), env, g, o)
		},
	}
	o.changeFlags(cmd.Flags())
	return cmd
}

// bootstrap is one run of the command.
type bootstrap struct {
	bootstrapOptions
	env    Env
	g      *global
	folder string // of the state on this disk
	file   string // that remembers how far it came
	kept   progress
}

// progress is what a run of bootstrap remembers.
type progress struct {
	Done     []string `json:"done"`
	Backend  string   `json:"backend,omitempty"`
	Provider string   `json:"provider,omitempty"`
}

type bootstrapStep struct {
	name, does string
	run        func(context.Context) error
}

// bootstrapReport is what is printed with --output json.
type bootstrapReport struct {
	Stack   string          `json:"stack"`
	Local   bool            `json:"local"`
	DryRun  bool            `json:"dryRun"`
	Backend string          `json:"backend,omitempty"`
	Steps   []bootstrapLine `json:"steps"`
}

type bootstrapLine struct {
	Name string `json:"name"`
	Does string `json:"does"`
	Done bool   `json:"done"`
}

func runBootstrap(ctx context.Context, env Env, g *global, o bootstrapOptions) error {
	read, err := readSpec(env, g, o.stack)
	if err != nil {
		return err
	}
	if read.Kind != spec.KindOrganisation {
		return usage("stack %s is of kind %s; bootstrap is for the organisation's", o.stack, read.Kind)
	}
	name := o.stack
	if o.local {
		name += "-rehearsal"
	}
	base := filepath.Join(g.root, ".berth", "bootstrap")
	b := &bootstrap{bootstrapOptions: o, env: env, g: g, folder: filepath.Join(base, name), file: filepath.Join(base, name+".json")}
	if err := b.load(); err != nil {
		return err
	}
	where := "the S3 bucket"
	if o.local {
		where = "a second folder, which stands for the S3 bucket"
	}
	steps := []bootstrapStep{
		{"up", "bring the stack up with its state on this disk", b.up},
		{"move", "create the stack in " + where + " and put the state there", b.move},
		{"verify", "preview the stack from there: nothing may change", b.verify},
		{"remove", "remove the state from this disk", b.remove},
	}
	if o.yes {
		for _, step := range steps {
			if slices.Contains(b.kept.Done, step.name) {
				continue
			}
			if !g.quiet {
				_, _ = fmt.Fprintf(env.Err, "%s: %s\n", step.name, step.does)
			}
			if err := step.run(ctx); err != nil {
				return fmt.Errorf("bootstrap, step %q: %w\nrun the same command again to go on from here", step.name, err)
			}
			b.kept.Done = append(b.kept.Done, step.name)
			if err := b.save(); err != nil {
				return err
			}
		}
	}
	return b.report(steps)
}

func (b *bootstrap) report(steps []bootstrapStep) error {
	r := bootstrapReport{Stack: b.stack, Local: b.local, DryRun: !b.yes, Backend: b.kept.Backend}
	for _, s := range steps {
		r.Steps = append(r.Steps, bootstrapLine{s.name, s.does, slices.Contains(b.kept.Done, s.name)})
	}
	if b.g.output == "json" {
		return printJSON(b.env, r)
	}
	style := b.g.style(b.env)
	for _, s := range r.Steps {
		show.Finding(b.env.Out, style, s.Name, s.Done, false, s.Does, "", "")
	}
	switch {
	case !b.yes:
		_, _ = fmt.Fprintln(b.env.Out, "\nNothing was done. Add --yes to do it; with --local as well it is a rehearsal on the embedded cloud.")
	case b.local:
		_, _ = fmt.Fprintln(b.env.Out, "\nThe rehearsal on the embedded cloud went well, and everything it made was removed.")
	default:
		_, _ = fmt.Fprintf(b.env.Out, "\nThe team's state lives in %s now. Everybody runs, once:\n  pulumi login '%s'\nand commits Pulumi.%s.yaml, which names the key of the state's secrets.\n",
			b.kept.Backend, b.kept.Backend, b.stack)
	}
	return nil
}

// here opens the stack with its state on this disk.
func (b *bootstrap) here(ctx context.Context) (Stack, error) {
	stack, _, err := b.open(ctx, b.env, b.g, b.stack, engine.Options{Folder: b.folder})
	return stack, err
}

// there opens the stack in the backend that it made.
func (b *bootstrap) there(ctx context.Context) (Stack, error) {
	options := engine.Options{Backend: b.kept.Backend, SecretsProvider: b.kept.Provider}
	if b.local {
		options.Folder, options.SecretsProvider = b.folder, ""
	}
	stack, _, err := b.open(ctx, b.env, b.g, b.stack, options)
	return stack, err
}

func (b *bootstrap) up(ctx context.Context) (err error) {
	stack, err := b.here(ctx)
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	result, err := watched(b.env, b.g, "Updating "+b.stack, nil, func(handle engine.Progress) (*engine.Result, error) {
		return stack.Up(ctx, engine.ChangeOptions{RunOptions: engine.RunOptions{Parallel: b.parallel, Progress: handle}, Confirm: b.confirm})
	})
	if err != nil {
		return err
	}
	if b.kept.Backend, err = textOutput(result.Outputs, outputBackend); err != nil {
		return err
	}
	if b.kept.Provider, err = textOutput(result.Outputs, outputProvider); err != nil {
		return err
	}
	if b.local { // the embedded cloud has no bucket that Pulumi could write to
		absolute, err := filepath.Abs(filepath.Join(b.folder, "bucket"))
		if err != nil {
			return err
		}
		b.kept.Backend = "file://" + absolute
	}
	return nil
}

func textOutput(outputs map[string]engine.Output, name string) (string, error) {
	text, _ := outputs[name].Value.(string)
	if text == "" {
		return "", fmt.Errorf("the stack has no output %q, which says where the state is to be kept", name)
	}
	return text, nil
}

func (b *bootstrap) move(ctx context.Context) (err error) {
	stack, err := b.here(ctx)
	if err != nil {
		return err
	}
	state, err := stack.State(ctx)
	if err = errors.Join(err, stack.Close()); err != nil {
		return err
	}
	target, err := b.there(ctx)
	if err != nil {
		return err
	}
	defer closing(target, &err)
	return target.SetState(ctx, state)
}

func (b *bootstrap) verify(ctx context.Context) (err error) {
	stack, err := b.there(ctx)
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	result, err := stack.Preview(ctx, engine.RunOptions{Parallel: b.parallel})
	if err != nil {
		return err
	}
	if n := result.Changes(); n > 0 {
		var names []string
		for _, step := range result.Steps {
			if step.Op.Changes() {
				names = append(names, string(step.Op)+" "+step.Name)
			}
		}
		return fmt.Errorf("the moved state is not complete: a preview wants %d changes\n  %s", n, strings.Join(names, "\n  "))
	}
	return nil
}

func (b *bootstrap) remove(context.Context) error {
	if err := os.RemoveAll(b.folder); err != nil {
		return fmt.Errorf("remove the state from this disk: %w", err)
	}
	if b.local {
		b.kept.Backend = ""
		return os.Remove(b.file) // a rehearsal leaves nothing, and the next one begins anew
	}
	return nil
}

func (b *bootstrap) load() error {
	text, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &b.kept)
	}
	if err != nil {
		return fmt.Errorf("read how far bootstrap came: %w", err)
	}
	return nil
}

func (b *bootstrap) save() error {
	if b.local && len(b.kept.Done) == 4 {
		return nil
	}
	text, err := json.MarshalIndent(b.kept, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(b.file), 0o700)
	}
	if err == nil {
		err = os.WriteFile(b.file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember how far bootstrap came: %w", err)
	}
	return nil
}
