package command

import (
	"context"
	"fmt"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/spf13/cobra"
)

type outputsOptions struct {
	target
	stack, name string
	showSecrets bool
}

func newOutputs(env Env, g *global) *cobra.Command {
	var o outputsOptions
	cmd := &cobra.Command{
		Use:     "outputs [flags] <stack> [<output>]",
		Short:   "Print what a stack hands out, with the purpose of each value",
		Example: "  berth outputs prod --local\n  berth outputs prod url\n  berth outputs prod --output json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("%s needs the name of one stack, and at most one output's", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			if len(args) == 2 {
				o.name = args[1]
			}
			return runOutputs(cmd.Context(), env, g, o)
		},
	}
	o.localFlag(cmd.Flags())
	cmd.Flags().BoolVar(&o.showSecrets, "show-secrets", false, "print secret values too")
	return cmd
}

func runOutputs(ctx context.Context, env Env, g *global, o outputsOptions) (err error) {
	stack, _, err := o.open(ctx, env, g, o.stack, engine.Options{})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	outputs, err := stack.Outputs(ctx, o.showSecrets)
	if err != nil {
		return err
	}
	if o.name != "" {
		output, known := outputs[o.name]
		switch {
		case !known:
			return fmt.Errorf("stack %s has no output %q; `berth outputs %s` lists them", o.stack, o.name, o.stack)
		case output.Secret && !o.showSecrets:
			return fmt.Errorf("output %q is secret; --show-secrets prints it", o.name)
		case g.output == "json":
			return printJSON(env, output)
		}
		if text, isText := output.Value.(string); isText {
			_, err = fmt.Fprintln(env.Out, text)
			return err
		}
		return printJSON(env, output.Value)
	}
	if g.output == "json" {
		return printJSON(env, outputs)
	}
	if len(outputs) == 0 {
		_, _ = fmt.Fprintf(env.Err, "stack %s has no outputs; bring it up first\n", o.stack)
	}
	show.Outputs(env.Out, g.style(env), outputs)
	return nil
}
