package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/questionnaire"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

type questionnaireOptions struct {
	target
	stack, file, out string
}

func newQuestionnaire(env Env, g *global) *cobra.Command {
	var o questionnaireOptions
	cmd := &cobra.Command{
		Use:   "questionnaire [flags] <stack> <file.csv|file.md>",
		Short: "Answer a client's security questionnaire from evidence",
		Long: `Questionnaire reads a client's questions (CSV with a column of questions, or
Markdown lists and tables), finds the promise that each is about, and answers from
how that promise stands in the client's stack, and in the organisation's where
there is one. Every answer names its promise, its proof and its date. A question
that no promise fits well enough is left for a person, never guessed.

The answers are written into a copy of the file; the summary says what is left.`,
		Example: "  berth questionnaire prod docs/questionnaires/security-and-access.md --local\n" +
			"  berth questionnaire prod questions.csv --out answered.csv",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("%s needs the name of one stack and the client's file", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"csv", "tsv", "md"}, cobra.ShellCompDirectiveFilterFileExt
			}
			return g.completeStacks(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack, o.file = args[0], args[1]
			return runQuestionnaire(cmd.Context(), env, g, o)
		},
	}
	o.localFlag(cmd.Flags())
	cmd.Flags().StringVar(&o.out, "out", "", "write the answered copy to `path` (default: the standard output)")
	return cmd
}

func runQuestionnaire(ctx context.Context, env Env, g *global, o questionnaireOptions) error {
	text, err := os.ReadFile(o.file)
	if err != nil {
		return fmt.Errorf("read the questionnaire: %w", err)
	}
	asked, err := questionnaire.Read(o.file, text)
	if err != nil {
		return err
	}
	if o.out != "" {
		if same, err := sameFile(o.file, o.out); err != nil || same {
			return errors.Join(err, usage("--out %s is the client's own file: name another, so that the original stays", o.out))
		}
	}
	stacks := []string{o.stack}
	others, err := organisations(env, g, o.stack)
	if err != nil {
		return err
	}
	var documents []*evidence.Document
	for _, stack := range append(stacks, others...) {
		document, err := makeEvidence(ctx, env, g, o.target, stack, nil, nil)
		if err != nil {
			return err
		}
		documents = append(documents, document)
	}
	matcher, err := questionnaire.NewMatcher(env.Promises)
	if err != nil {
		return err
	}
	answerer, err := questionnaire.NewAnswerer(matcher, env.Now(), documents...)
	if err != nil {
		return err
	}
	answers := answerer.Answers(asked)
	answered := asked.Write(answers)
	switch {
	case o.out != "":
		if err := replaceFile(o.out, answered); err != nil {
			return err
		}
		if g.output == "json" {
			return questionnaire.WriteJSON(env.Out, asked, answers)
		}
	case g.output == "json":
		return questionnaire.WriteJSON(env.Out, asked, answers)
	default:
		if _, err := env.Out.Write(answered); err != nil {
			return fmt.Errorf("print the answers: %w", err)
		}
	}
	if !g.quiet {
		show.Answers(env.Err, g.style(env), asked, answers)
	}
	return nil
}

func sameFile(a, b string) (bool, error) {
	first, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	second, err := os.Stat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(first, second), nil
}

// organisations are the other stacks that keep promises to every client: those of the organisation.
func organisations(env Env, g *global, stack string) ([]string, error) {
	names, err := engine.Stacks(g.root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		if name == stack {
			continue
		}
		read, err := readSpec(env, g, name)
		if err != nil {
			continue // another client's broken file is no concern of this one
		}
		if read.Kind == spec.KindOrganisation {
			found = append(found, name)
		}
	}
	return found, nil
}
