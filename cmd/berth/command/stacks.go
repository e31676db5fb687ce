package command

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

// stackRow is one stack in the list.
type stackRow struct {
	Stack       string   `json:"stack"`
	Kind        string   `json:"kind,omitempty"`
	Client      string   `json:"client,omitempty"` // or the organisation
	Environment string   `json:"environment,omitempty"`
	Region      string   `json:"region,omitempty"`
	Wave        int      `json:"wave,omitempty"`
	Local       bool     `json:"local"` // it has state on the embedded cloud
	Problems    []string `json:"problems,omitempty"`
}

func newStacks(env Env, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "stacks",
		Short: "List the stacks that have a file here",
		Long: `Stacks lists every Pulumi.<stack>.yaml with whom it is for. A file with problems
is listed with them and hides none of the others.`,
		Example: "  berth stacks\n  berth stacks --output json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return runStacks(env, g)
		},
	}
}

func runStacks(env Env, g *global) error {
	names, err := engine.Stacks(g.root)
	if err != nil {
		return err
	}
	rows := []stackRow{}
	for _, name := range names {
		rows = append(rows, rowOf(env, g, name))
	}
	if g.output == "json" {
		return printJSON(env, rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintf(env.Err, "no Pulumi.<stack>.yaml in %s\n", g.root)
		return err
	}
	table := tabwriter.NewWriter(env.Out, 0, 4, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "STACK\tKIND\tCLIENT\tENVIRONMENT\tREGION\tLOCAL\tFILE")
	for _, r := range rows {
		local, file := "-", "ok"
		if r.Local {
			local = "yes"
		}
		if n := len(r.Problems); n > 0 {
			file = fmt.Sprintf("%d problem(s), see `berth spec check %s`", n, r.Stack)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Stack, dash(r.Kind), dash(r.Client), dash(r.Environment), dash(r.Region), local, file)
	}
	return table.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func rowOf(env Env, g *global, name string) stackRow {
	row := stackRow{Stack: name}
	if _, err := os.Stat(engine.LocalFolder(g.root, name)); err == nil {
		row.Local = true
	}
	read, err := readSpec(env, g, name)
	if err != nil {
		var problems spec.Problems
		if errors.As(err, &problems) {
			for _, p := range problems {
				row.Problems = append(row.Problems, p.String())
			}
		} else {
			row.Problems = []string{err.Error()}
		}
		return row
	}
	row.Kind, row.Wave = string(read.Kind), read.Fleet().Wave
	about := read.Summary()
	row.Client, row.Environment, row.Region = about.Name, string(about.Environment), about.Where
	return row
}
