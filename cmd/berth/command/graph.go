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
	about := read.Summary()
	s := graph.Subject{Stack: stack, Title: about.DisplayName, SecondRegion: about.SecondRegion}
	switch {
	case read.AWSClient != nil:
		s.Detail, s.Region = fmt.Sprintf("%s · %s tier · %s", about.Environment, read.AWSClient.Tier, about.Hostname), about.Where
	case read.Organisation != nil:
		s.Detail, s.Region = "the organisation's own accounts", about.Where
	case read.LightClient != nil:
		s.Detail, s.Region = fmt.Sprintf("%s · light tier · %s", about.Environment, about.Hostname), about.Where
	case read.Sites != nil:
		s.Detail, s.Place, s.By = fmt.Sprintf("%s · the pair of sites %s", about.Environment, about.Name), "Sites "+about.Where, "machines that exist"
		if read.Sites.NetworkCIDR().IsValid() {
			s.By = "Hetzner Cloud"
		}
	case read.SiteClient != nil:
		s.Detail, s.Place, s.By = fmt.Sprintf("%s · %s", about.Environment, about.Hostname), "Sites "+about.Where, "the pair "+read.SiteClient.Pair.Name
	case read.OnPremises != nil:
		s.Detail, s.Place, s.By = fmt.Sprintf("%s · %s", about.Environment, about.Hostname), "The client's premises", "its own machine"
	}
	return s
}
