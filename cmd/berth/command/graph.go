package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

type graphOptions struct {
	stack, format, file string
}

func newGraph(env Env, g *global) *cobra.Command {
	var o graphOptions
	cmd := &cobra.Command{
		Use:   "graph [flags] <stack>",
		Short: "Draw a stack's topology by component and network zone",
		Long: `Graph previews the stack on the embedded cloud and draws what the program
describes: from the clients through the edge and the network's zones to the
data, with the second region and what guards and watches it all. The picture is
the same for the same stack, and needs no cloud account.`,
		Example:           "  berth graph prod --file prod.svg\n  berth graph prod --format mermaid",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runGraph(cmd.Context(), env, g, o)
		},
	}
	cmd.Flags().StringVar(&o.format, "format", "svg", "`form` of the picture: svg or mermaid")
	cmd.Flags().StringVar(&o.file, "file", "", "write to `path` instead of the standard output")
	return cmd
}

func runGraph(ctx context.Context, env Env, g *global, o graphOptions) (err error) {
	if o.format != "svg" && o.format != "mermaid" {
		return usage("--format is %q; it is svg or mermaid", o.format)
	}
	t := target{local: true}
	stack, read, err := t.open(ctx, env, g, o.stack, engine.Options{})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	result, err := stack.Preview(ctx, engine.RunOptions{})
	if err != nil {
		return errors.Join(err, g.printResult(env, result, err))
	}
	picture := graph.From(result, subject(o.stack, read))
	text := picture.SVG()
	if o.format == "mermaid" {
		text = picture.Mermaid()
	}
	if o.file == "" {
		_, err = fmt.Fprint(env.Out, text)
		return err
	}
	if err := os.WriteFile(o.file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	if !g.quiet {
		_, _ = fmt.Fprintf(env.Err, "%s shows %d resources of %s\n", o.file, picture.Resources, o.stack)
	}
	return nil
}

// subject is what the picture's title says of the stack.
func subject(stack string, read *spec.Spec) graph.Subject {
	s := graph.Subject{Stack: stack}
	switch {
	case read.AWSClient != nil:
		c := read.AWSClient
		s.Title, s.Detail = c.Client.DisplayName, fmt.Sprintf("%s · %s tier · %s", c.Environment, c.Tier, c.Edge.Hostname)
		s.Region, s.SecondRegion = c.AWS.Region, c.Backup.SecondRegion
	case read.Organisation != nil:
		s.Title, s.Detail = read.Organisation.Domain, "the organisation's own accounts"
		s.Region, s.SecondRegion = read.Organisation.AWS.Region, read.Organisation.AWS.SecondRegion
	}
	return s
}
