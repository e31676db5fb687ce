package command

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/berth-iac/berth/fleet/draft"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

// notCopied are questions that a copy does not ask: its arguments answer them.
var notCopied = []string{"kind", "like", "stack"}

func newClientCopy(env Env, g *global) *cobra.Command {
	o := clientNewOptions{answers: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "copy [flags] <from> <to>",
		Short: "Make a client's stack after another's",
		Long: `Copy makes the stack <to> after the file of <from>: the same sizes, releases and
settings, for another client or another environment. What no two clients have in common
is asked, or given by flags: name, contact, host name, zone, account. A free range of
addresses is picked.

Nothing that belongs to <from> alone goes along: no secrets (new ones are made, others
are to be brought), no access for a while, no waivers, no leaving, no data.`,
		Example: `  berth client copy acme acme-staging --name acme-staging --environment staging \
    --display-name 'Acme, staging' --contact-name 'Ann Okafor' --contact-email ann.okafor@acme.example \
    --hostname acme-staging.taskflow.example --account 234567890123`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("%s needs the name of a stack and the name of the new one", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runClientCopy(cmd.Context(), env, g, o, args[0], args[1], answersOf(cmd.Flags(), o.answers))
		},
	}
	flags := cmd.Flags()
	answerFlags(flags, o.answers, notCopied)
	secretFlags(flags, &o.secretOptions)
	flags.StringVar(&o.file, "answers", "", "take answers from `file`: the flags' names and values, as YAML or JSON")
	flags.BoolVar(&o.accessible, "accessible", false, "ask line by line, for screen readers (so does ACCESSIBLE)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "show the file, and write nothing")
	flags.BoolVar(&o.noPreview, "no-preview", false, "do not preview the stack on the embedded cloud")
	flags.BoolVarP(&o.yes, "yes", "y", false, "write without asking")
	return cmd
}

func runClientCopy(ctx context.Context, env Env, g *global, o clientNewOptions, from, to string, given draft.Answers) error {
	read, err := readSpec(env, g, from)
	if err != nil {
		return err
	}
	if read.Kind == spec.KindSites || read.Kind == spec.KindOrganisation {
		return usage("stack %s is no client's", from)
	}
	text, err := os.ReadFile(stackPath(g, from))
	if err != nil {
		return fmt.Errorf("read the stack's file: %w", err)
	}
	known, err := fleetFiles(env, g)
	if err != nil {
		return err
	}
	if err := known.Copy(text); err != nil {
		return err
	}
	answers, err := answersFrom(o.file, given)
	if err != nil {
		return err
	}
	answers["kind"], answers["stack"], answers["like"] = string(read.Kind), to, ""
	answers["name"] = cmp.Or(answers["name"], to)
	if c := read.SiteClient; c != nil {
		answers["pair"], answers["home"] = cmp.Or(answers["pair"], c.Pair.Name), cmp.Or(answers["home"], c.Pair.Home.Name)
	}
	var asker *form
	if env.Terminal && g.output == "text" {
		asker = newForm(env, o.accessible)
	}
	made, err := drafted(ctx, env, g, known, answers, asker)
	if err != nil {
		return err
	}
	made.Notes = append([]string{"sizes and settings are as in " + from + "; its data and its secrets stay its own"}, made.Notes...)
	return writeClient(ctx, env, g, o, made, asker)
}
