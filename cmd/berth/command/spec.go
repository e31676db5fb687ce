package command

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

func newSpec(env Env, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spec",
		Short: "Check and describe the stacks' files",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s needs a command: check or schema", cmd.CommandPath())
		},
	}
	cmd.AddCommand(newSpecCheck(env, g), newSpecSchema(env))
	return cmd
}

// specReport is what was found in one file.
type specReport struct {
	Stack    string         `json:"stack"`
	Valid    bool           `json:"valid"`
	Problems []spec.Problem `json:"problems"`
}

func newSpecCheck(env Env, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "check [flags] [<stack>...]",
		Short: "Check stacks' files and report every problem",
		Long: `Check reads the named stacks' files, or all of them, and reports every problem
at once: where it is, what was found, what was expected, and how to mend it. No
cloud and no Pulumi is needed. With problems the exit code is 5.`,
		Example:           "  berth spec check\n  berth spec check prod\n  berth spec check --output json",
		ValidArgsFunction: g.completeStacks,
		RunE: func(_ *cobra.Command, args []string) error {
			return runSpecCheck(env, g, args)
		},
	}
}

func runSpecCheck(env Env, g *global, names []string) error {
	if len(names) == 0 {
		var err error
		if names, err = engine.Stacks(g.root); err != nil {
			return err
		}
	}
	var all spec.Problems
	reports := []specReport{}
	for _, name := range names {
		report := specReport{Stack: name, Valid: true, Problems: []spec.Problem{}}
		_, err := readSpec(env, g, name)
		var problems spec.Problems
		switch {
		case errors.As(err, &problems):
			report.Valid, report.Problems = false, problems
			all = append(all, problems...)
		case err != nil:
			return err
		}
		reports = append(reports, report)
	}
	if g.output == "json" {
		if err := printJSON(env, reports); err != nil {
			return err
		}
	} else {
		for _, r := range reports {
			if r.Valid {
				_, _ = fmt.Fprintf(env.Out, "Pulumi.%s.yaml is valid\n", r.Stack)
			}
		}
	}
	if len(all) > 0 {
		return all
	}
	return nil
}

func newSpecSchema(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a stack's file",
		Long: `Schema prints the JSON Schema of Pulumi.<stack>.yaml. An editor with a YAML
language server completes and checks the file with it.`,
		Example: "  berth spec schema > stack.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := spec.Schema()
			if err != nil {
				return err
			}
			_, err = env.Out.Write(text)
			return err
		},
	}
}
