package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

// global are the flags that every command has.
type global struct {
	root    string
	output  string
	noColor bool
	quiet   bool
	cli     string
}

// New is berth's command tree.
func New(env Env) *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "berth",
		Short: "A place of its own for every client",
		Long: `Berth runs a client's stack on the Pulumi engine: it shows what a change would
do, does it, and keeps what holds data from harm. With --local everything
happens on the embedded cloud, on this machine, without any account.

Exit codes: 0 done, or nothing to do; 1 failed; 2 wrong use; 3 changes where
--expect-no-changes was given; 4 not confirmed, nothing done; 5 the stack's file
is not valid; 6 a promise to the client is broken, nothing done; 130 interrupted, the state is usable.
Berth fleet: 3 changes, 4 dangerous changes.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if g.output != "text" && g.output != "json" {
				return usage("--output is %q; it is text or json", g.output)
			}
			return nil
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.root, "root", ".", "`folder` that holds Pulumi.yaml")
	flags.StringVar(&g.output, "output", "text", "`form` of what is printed: text or json")
	flags.BoolVar(&g.noColor, "no-color", false, "print without colours (so does NO_COLOR)")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "print no progress")
	flags.StringVar(&g.cli, "pulumi", "", "`path` of the Pulumi CLI (default: BERTH_PULUMI, the one that make pulumi built, the one on PATH)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.AddCommand(
		newPreview(env, g), newUp(env, g), newRefresh(env, g), newDestroy(env, g), newOutputs(env, g),
		newStacks(env, g), newSpec(env, g), newGraph(env, g), newExplain(env, g), newEvidence(env, g), newVerify(env, g), newQuestionnaire(env, g), newCompare(env, g), newDoctor(env, g), newBundle(env, g), newBootstrap(env, g),
		newFleet(env, g), newState(env, g), newClient(env, g), newVersion(env, g), newCompletion(env),
	)
	return root
}

// Run runs the command line and returns the exit code. Errors are printed with what mends them.
func Run(ctx context.Context, env Env, args []string) int {
	root := New(env)
	root.SetArgs(args)
	reached := false
	check := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		reached = true
		return check(cmd, args)
	}
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if !reached { // cobra itself turned the command line down
		err = &usageError{err}
	}
	explain(env.Err, cmd, err)
	return Exit(err)
}

func explain(w io.Writer, cmd *cobra.Command, err error) {
	var (
		problems spec.Problems
		verdict  *verdictError
	)
	switch code := Exit(err); {
	case errors.As(err, &verdict) && code == ExitInterrupted:
		_, _ = fmt.Fprintf(w, "berth: interrupted: %v\nevery state holds what was done; the same command with --resume goes on\n", verdict)
	case errors.As(err, &problems):
		_, _ = fmt.Fprintf(w, "berth: %d problem(s) in the stack's file; nothing was done\n%s\n", len(problems), problems)
	case code == ExitInterrupted:
		_, _ = fmt.Fprintf(w, "berth: interrupted: %v\nthe state holds what was done; run the same command again to go on\n", err)
	case code == ExitUsage:
		_, _ = fmt.Fprintf(w, "berth: %v\nsee `%s --help`\n", err, cmd.CommandPath())
	default:
		_, _ = fmt.Fprintf(w, "berth: %v\n", err)
	}
}

// stackArg is the one argument of most commands.
func stackArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || strings.TrimSpace(args[0]) == "" {
		return usage("%s needs the name of one stack, such as prod", cmd.CommandPath())
	}
	return nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments", cmd.CommandPath())
	}
	return nil
}

// style is how a command prints.
func (g *global) style(env Env) show.Style {
	return show.Style{Color: env.Color && !g.noColor, Width: env.Width}
}

// completeStacks completes the name of a stack.
func (g *global) completeStacks(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := engine.Stacks(g.root) // completion offers nothing when it cannot read
	return names, cobra.ShellCompDirectiveNoFileComp
}
