package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

type destroyOptions struct {
	target
	stack string
}

func newDestroy(env Env, g *global) *cobra.Command {
	var o destroyOptions
	cmd := &cobra.Command{
		Use:   "destroy [flags] <stack>",
		Short: "Take a stack down",
		Long: `Destroy deletes everything that the stack has in the cloud.

What holds a client's data is protected, in the cloud and in Pulumi's state. The
orderly way for a client who leaves is to say so in the stack's file, to bring
that up, and then to destroy:

  leaving:
    confirm: <the client's name>
    reason: <the contract's end, for the record>

On the embedded cloud berth goes the same way by itself, in its own copy of the
file, when the stack's or the client's name is confirmed. Everything that the
local stack has on disk is removed afterwards.`,
		Example:           "  berth destroy prod --local --yes --confirm prod\n  berth preview prod --destroy",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runDestroy(cmd.Context(), env, g, o)
		},
	}
	o.changeFlags(cmd.Flags())
	return cmd
}

func runDestroy(ctx context.Context, env Env, g *global, o destroyOptions) (err error) {
	stack, read, err := o.open(ctx, env, g, o.stack, engine.Options{Settling: engine.Settling{Changing: true}})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	plan, err := stack.PreviewDestroy(ctx)
	if err != nil {
		return err
	}
	if plan.Changes() > 0 {
		if !o.local {
			if err := unprotected(o.stack, read, plan); err != nil {
				return err
			}
		}
		if o.confirm, err = o.consent(env, g, read, plan); err != nil {
			return err
		}
	}
	result, err := watched(env, g, "Destroying "+o.stack, plan, func(progress engine.Progress) (*engine.Result, error) {
		return stack.Destroy(ctx, engine.ChangeOptions{
			RunOptions: engine.RunOptions{Parallel: o.parallel, Progress: progress},
			Confirm:    o.confirm, Reviewed: plan, Lift: leaving(read),
		})
	})
	if err != nil {
		return errors.Join(err, g.printResult(env, result, err))
	}
	result.Notes = append(plan.Notes, result.Notes...)
	if o.local {
		orphans, err := stack.Orphans(ctx)
		if err != nil {
			return err
		}
		if len(orphans) == 0 {
			if err := stack.RemoveLocal(); err != nil {
				return err
			}
			result.Notes = append(result.Notes, "nothing is left: the local stack's state and its embedded cloud were removed")
		}
	}
	if g.output == "json" {
		return printJSON(env, result)
	}
	show.Title(env.Out, g.style(env), "Destruction of", result)
	show.Summary(env.Out, g.style(env), result)
	return nil
}

// unprotected refuses to destroy a real stack that is still protected, and says what the orderly way is.
func unprotected(stack string, read *spec.Spec, plan *engine.Result) error {
	var protected []string
	for _, step := range plan.Steps {
		if step.Protected {
			protected = append(protected, step.Name)
		}
	}
	if len(protected) == 0 {
		return nil
	}
	slices.Sort(protected)
	about := read.Summary()
	how := "add the client's `leaving` to Pulumi." + stack + ".yaml, run `berth up " + stack + "`, then destroy again"
	switch {
	case about.Endless:
		how = "a stack of this kind is not meant to go; `pulumi state unprotect` lifts it, one resource at a time"
	case about.Leaving != nil:
		how = "`leaving` is set already: run `berth up " + stack + "` to lift the protection, then destroy again"
	}
	return &unconfirmedError{fmt.Sprintf("stack %s protects %d resources that hold data; nothing was changed\n  %s\n%s",
		stack, len(protected), strings.Join(protected, "\n  "), how)}
}

// consent to a destruction: the stack's or the client's name stands for all resources of a local stack; on
// a real one each resource that holds data is named.
func (o *destroyOptions) consent(env Env, g *global, read *spec.Spec, plan *engine.Result) ([]string, error) {
	names := []string{o.stack}
	if about := read.Summary(); !about.Endless {
		names = append(names, about.Name)
	}
	if o.local {
		for _, name := range names {
			if o.yes && slices.Contains(o.confirm, name) {
				return append(o.confirm, o.stack), nil
			}
		}
		if o.yes || !env.Terminal {
			return nil, &unconfirmedError{fmt.Sprintf("destroy of %s deletes %d resources, among them %d that hold data; nothing was changed\n"+
				"to allow it: berth destroy %s --local --yes --confirm %s", o.stack, plan.Changes(), len(plan.Dangers), o.stack, o.stack)}
		}
		asked := o.target
		plan := *plan
		plan.Dangers = []engine.Danger{{Name: o.stack}}
		return consent(env, g, asked, o.stack, &plan)
	}
	if g.output == "text" && !g.quiet {
		show.Title(env.Err, g.style(env), "Preview of the destruction of", plan)
		show.Dangers(env.Err, g.style(env), plan)
		show.Summary(env.Err, g.style(env), plan)
	}
	return consent(env, g, o.target, o.stack, plan)
}

// leaving is the change to the local copy of the stack's file that lifts deletion protection, in the same
// words in which it is lifted for a real client.
func leaving(read *spec.Spec) []engine.Edit {
	about := read.Summary()
	if about.Endless || about.Leaving != nil {
		return nil
	}
	return []engine.Edit{{Key: "berth:spec", Path: []string{"leaving"}, Value: map[string]string{
		"confirm": about.Name, "reason": "berth destroy --local",
	}}}
}
