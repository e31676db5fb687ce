package command

import (
	"context"
	"errors"

	"github.com/berth-iac/berth/engine"
	"github.com/spf13/cobra"
)

type refreshOptions struct {
	target
	stack           string
	expectNoChanges bool
}

func newRefresh(env Env, g *global) *cobra.Command {
	var o refreshOptions
	cmd := &cobra.Command{
		Use:   "refresh [flags] <stack>",
		Short: "Take over into the state what changed in the cloud",
		Long: `Refresh compares every resource in the stack's state with the cloud, shows what
differs, and takes it over into the state. The cloud is not changed; the next up
brings it back to what the stack's file says.`,
		Example:           "  berth refresh prod --local\n  berth refresh prod --expect-no-changes",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runRefresh(cmd.Context(), env, g, o)
		},
	}
	o.runFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.expectNoChanges, "expect-no-changes", false, "end with exit code 3 when the cloud differs")
	return cmd
}

func runRefresh(ctx context.Context, env Env, g *global, o refreshOptions) (err error) {
	stack, _, err := o.open(ctx, env, g, o.stack, engine.Options{})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	result, err := watched(env, g, "Refreshing "+o.stack, nil, func(progress engine.Progress) (*engine.Result, error) {
		return stack.Refresh(ctx, engine.RunOptions{Parallel: o.parallel, Progress: progress})
	})
	if printErr := g.printResult(env, result, err); err != nil || printErr != nil {
		return errors.Join(err, printErr)
	}
	if n := result.Changes(); n > 0 && o.expectNoChanges {
		return &changesError{o.stack, n}
	}
	return nil
}
