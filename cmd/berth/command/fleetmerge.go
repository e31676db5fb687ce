package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/berth-iac/berth/fleet"
	"github.com/spf13/cobra"
)

func newFleetMerge(env Env, g *global) *cobra.Command {
	var reports reporting
	cmd := &cobra.Command{
		Use:   "merge [flags] <part.json>…",
		Short: "Make one answer of the answers of all shards",
		Long: `Merge puts the answers of the shards of one run together (--shard i/n with --report
json=file): identical changes are grouped over all of them. It refuses to leave out
a shard. How long each stack took is recorded below .berth/fleet, for the next run
to share the work out evenly.`,
		Example: "  berth fleet merge part-1.json part-2.json part-3.json --report markdown=comment.md",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s needs the answers of all shards", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runFleetMerge(env, g, args, reports)
		},
	}
	reports.flags(cmd.Flags())
	return cmd
}

func runFleetMerge(env Env, g *global, files []string, reports reporting) error {
	if err := checkReports(reports.files); err != nil {
		return err
	}
	var (
		parts []*fleet.Answer
		errs  []error
	)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("read a part: %w", err))
			continue
		}
		part := &fleet.Answer{}
		if err := json.Unmarshal(text, part); err != nil || part.Version != fleet.AnswerVersion {
			errs = append(errs, fmt.Errorf("%s is no answer of `berth fleet … --report json=FILE` (version %d): %w", file, part.Version, cmpErr(err)))
			continue
		}
		parts = append(parts, part)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	answer, err := fleet.Merge(parts, grouping())
	if err != nil {
		return err
	}
	history, err := fleet.OpenHistory(fleet.HistoryFile(g.root))
	if err != nil {
		_, _ = fmt.Fprintf(env.Err, "warning: %v\n", err)
	}
	history.Learn(answer)
	if err := history.Save(); err != nil {
		_, _ = fmt.Fprintf(env.Err, "warning: %v\n", err)
	}
	return g.answered(env, answer, reports)
}

// cmpErr is an error to wrap where reading itself went well.
func cmpErr(err error) error {
	if err == nil {
		return errors.New("another version")
	}
	return err
}
