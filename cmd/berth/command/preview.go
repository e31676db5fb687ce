package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/spf13/cobra"
)

type previewOptions struct {
	target
	stack           string
	expectNoChanges bool
	destroy         bool
}

func newPreview(env Env, g *global) *cobra.Command {
	var o previewOptions
	cmd := &cobra.Command{
		Use:   "preview [flags] <stack>",
		Short: "Show what up would do",
		Long: `Preview runs the stack's program and shows, component by component, what up
would create, update, replace and delete. Resources that hold data and would be
replaced or deleted come first, and then the promises to the client that the
change strengthens, weakens or touches. A stack that breaks one is refused with
exit code 6. Nothing is changed.

With --from it is compared with a state that the pipeline exported without its
secrets (` + "`berth state export --redacted`" + `), on the embedded cloud: neither
credentials nor passphrases are needed. A secret of the stack's file counts as
unchanged while its ciphertext is the one of the export.`,
		Example:           "  berth preview prod --local\n  berth preview prod --local --output json\n  berth preview prod --expect-no-changes\n  berth preview prod --from exported",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runPreview(cmd.Context(), env, g, o)
		},
	}
	o.runFlags(cmd.Flags())
	o.fromFlag(cmd.Flags())
	cmd.Flags().BoolVar(&o.expectNoChanges, "expect-no-changes", false, "end with exit code 3 when there are changes")
	cmd.Flags().BoolVar(&o.destroy, "destroy", false, "show what destroy would delete instead")
	return cmd
}

func runPreview(ctx context.Context, env Env, g *global, o previewOptions) (err error) {
	stack, read, err := o.open(ctx, env, g, o.stack, engine.Options{})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	var after *promises.Assessment
	if !o.destroy {
		if after, err = judge(ctx, env, o.stack, read); err != nil {
			return err
		}
	}
	result, err := watched(env, g, "Previewing "+o.stack, nil, func(progress engine.Progress) (*engine.Result, error) {
		if o.destroy {
			return stack.PreviewDestroy(ctx)
		}
		preview, err := stack.Preview(ctx, engine.RunOptions{Parallel: o.parallel, Progress: progress})
		if err != nil {
			return preview, err
		}
		return preview, effects(ctx, env, stack, read, preview, after)
	})
	if printErr := g.printResult(env, result, err); err != nil || printErr != nil {
		return errors.Join(err, printErr)
	}
	if n := result.Changes(); n > 0 && o.expectNoChanges {
		return &changesError{o.stack, n}
	}
	return nil
}

// watched runs work with progress on the error output.
func watched(env Env, g *global, title string, reviewed *engine.Result, work func(engine.Progress) (*engine.Result, error)) (*engine.Result, error) {
	if g.quiet || g.output == "json" {
		return work(nil)
	}
	progress := show.NewProgress(env.Err, g.style(env), env.Terminal, env.Now)
	progress.Start(title, reviewed)
	defer progress.Stop()
	return work(progress.Handle)
}

// printResult prints a run's result in the form that was asked for. runErr is how the run ended.
func (g *global) printResult(env Env, result *engine.Result, runErr error) error {
	if result == nil {
		return nil
	}
	if g.output == "json" {
		return printJSON(env, result)
	}
	out := env.Out
	if runErr != nil {
		out = env.Err
	}
	title := map[engine.Operation]string{engine.Preview: "Preview of", engine.PreviewDestroy: "Preview of the destruction of",
		engine.Up: "Up of", engine.Refresh: "Refresh of", engine.Destroy: "Destruction of"}[result.Operation]
	show.Title(out, g.style(env), title, result)
	show.Diff(out, g.style(env), result)
	for _, d := range result.Diagnostics {
		if d.Severity == "warning" {
			show.Warning(env.Err, g.style(env), d)
		}
	}
	return nil
}

func printJSON(env Env, value any) error {
	encoder := json.NewEncoder(env.Out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// closing closes a stack at the end of a command and keeps the first error.
func closing(stack Stack, err *error) {
	if closeErr := stack.Close(); *err == nil {
		*err = closeErr
	}
}
