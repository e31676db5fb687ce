package command

import (
	"bytes"
	"fmt"

	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/comparison"
	"github.com/spf13/cobra"
)

func newCompare(env Env, g *global) *cobra.Command {
	var format, file string
	cmd := &cobra.Command{
		Use:   "compare [flags]",
		Short: "Put the kinds of hosting side by side, promise by promise",
		Long: `Compare says of every promise who keeps it in each kind of hosting: we, the
client, or nobody, with the promise's figures. It is what a client reads to choose
between SaaS and the client's own premises.`,
		Example: "  berth compare\n  berth compare --format html --file hosting.html\n  berth compare --output json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return runCompare(env, g, format, file)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`form` of the comparison: text, markdown or html")
	cmd.Flags().StringVar(&file, "file", "", "write to `path` instead of the standard output")
	return cmd
}

func runCompare(env Env, g *global, format, file string) error {
	c := comparison.New(env.Promises, catalogue.Group)
	var out bytes.Buffer
	var err error
	switch {
	case g.output == "json":
		err = c.JSON(&out)
	case format == "text":
		style := comparison.Style{}
		if file == "" {
			style = comparison.Style{Color: env.Color && !g.noColor, Width: env.Width}
		}
		err = c.Text(&out, style)
	case format == "markdown":
		err = c.Markdown(&out)
	case format == "html":
		err = c.HTML(&out)
	default:
		return usage("--format is %q; it is text, markdown or html", format)
	}
	if err != nil {
		return err
	}
	if file != "" {
		return replaceFile(file, out.Bytes())
	}
	if _, err := env.Out.Write(out.Bytes()); err != nil {
		return fmt.Errorf("print the comparison: %w", err)
	}
	return nil
}
