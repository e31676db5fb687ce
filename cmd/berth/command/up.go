package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/spf13/cobra"
)

type upOptions struct {
	target
	stack string
}

func newUp(env Env, g *global) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up [flags] <stack>",
		Short: "Bring the cloud to what the stack's file says",
		Long: `Up previews the change, asks for consent, makes the change, and prints the
stack's components, its outputs with their purposes, and what to try next.

A stack that breaks a promise to the client does not go up (exit code 6). A
resource that holds data is replaced or deleted only when it is named: on a
terminal by typing its name, otherwise with --yes --confirm <name>.

After a run that was killed, up goes on: what that run was creating is looked up
in the cloud and taken over, or created. What cannot be found out is named, with
what to answer by --exists or --absent.`,
		Example: `  berth up prod --local --yes
  berth up prod --yes --confirm database
  berth up prod --local --yes --fault 'create:aws:rds/instance:Instance:fail-first'`,
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runUp(cmd.Context(), env, g, o)
		},
	}
	o.changeFlags(cmd.Flags())
	return cmd
}

func runUp(ctx context.Context, env Env, g *global, o upOptions) (err error) {
	stack, read, err := o.open(ctx, env, g, o.stack, engine.Options{Settling: engine.Settling{Changing: true}})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	after, err := judge(ctx, env, o.stack, read)
	if err != nil {
		return err
	}
	preview, err := watched(env, g, "Previewing "+o.stack, nil, func(progress engine.Progress) (*engine.Result, error) {
		preview, err := stack.Preview(ctx, engine.RunOptions{Parallel: o.parallel, Progress: progress})
		if err != nil {
			return preview, err
		}
		return preview, effects(ctx, env, stack, read, preview, after)
	})
	if err != nil {
		return errors.Join(g.printResult(env, preview, err), err)
	}
	if preview.Changes() > 0 {
		if g.output == "text" {
			show.Title(env.Err, g.style(env), "Preview of", preview)
			show.Diff(env.Err, g.style(env), preview)
			_, _ = fmt.Fprintln(env.Err)
		}
		if o.confirm, err = consent(env, g, o.target, o.stack, preview); err != nil {
			return err
		}
	}
	result, err := watched(env, g, "Updating "+o.stack, preview, func(progress engine.Progress) (*engine.Result, error) {
		return stack.Up(ctx, engine.ChangeOptions{
			RunOptions: engine.RunOptions{Parallel: o.parallel, Progress: progress},
			Confirm:    o.confirm, Reviewed: preview,
		})
	})
	if result != nil {
		result.Notes, result.Promises = append(preview.Notes, result.Notes...), preview.Promises
	}
	if err != nil || g.output == "json" {
		return errors.Join(err, g.printResult(env, result, err))
	}
	g.printUp(env, o, result)
	return nil
}

// printUp prints a successful up: the tree, the outputs, and what to try next.
func (g *global) printUp(env Env, o upOptions, result *engine.Result) {
	style := g.style(env)
	show.Title(env.Out, style, "Up of", result)
	show.Tree(env.Out, style, result)
	_, _ = fmt.Fprintln(env.Out)
	show.Promises(env.Out, style, result)
	if len(result.Outputs) > 0 {
		show.Outputs(env.Out, style, result.Outputs)
		_, _ = fmt.Fprintln(env.Out)
	}
	show.Summary(env.Out, style, result)
	local := ""
	if o.local {
		local = " --local"
	}
	_, _ = fmt.Fprintln(env.Out, "\nTry next:")
	show.Next(env.Out, style, "berth outputs "+o.stack+local, "the values above, also with --output json")
	show.Next(env.Out, style, "berth graph "+o.stack+" --file "+o.stack+".svg", "a picture of it")
	show.Next(env.Out, style, "berth refresh "+o.stack+local, "compare the state with the cloud")
	if o.local {
		show.Next(env.Out, style, "berth destroy "+o.stack+" --local --yes --confirm "+o.stack, "take it all down")
	}
}
