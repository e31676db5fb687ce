package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/draft"
	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/comparison"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

type clientNewOptions struct {
	secretOptions
	answers           map[string]*string
	file              string // of answers
	accessible        bool
	dryRun, noPreview bool
	yes               bool
}

func newClientNew(env Env, g *global) *cobra.Command {
	o := clientNewOptions{answers: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "new [flags]",
		Short: "Make the stack of a new client",
		Long: `New asks what it must know of a new client, the kind of hosting first, with what
it means for promises and duties. What the fleet's other stacks tell already is not
asked: releases, alerts, who may sign in, pairs of sites, a free range of addresses.
It shows the file with what each key means, checks it (also against all other stacks:
no two clients have a name, a host name, an account or a range in common), makes the
secrets that can be made, encrypted, previews the stack on the embedded cloud and says
what comes next.

A program answers by flags, or by --answers with a file of the same names. What is
missing is listed at once (exit code 2); what is wrong as well (exit code 5).

Secrets are encrypted with the passphrase in PULUMI_CONFIG_PASSPHRASE (or _FILE), or
by --secrets-provider. Without either there are stand-ins, which the embedded cloud
takes and a real one refuses. Secrets of others, such as the certificate, come from
--secrets, never from arguments.`,
		Example: `  berth client new
  berth client new --kind siteclient --pair southern --name globex --display-name 'Globex Freight (Pty) Ltd' \
    --contact-name 'Thandi Mokoena' --contact-email thandi.mokoena@globex.example --environment production \
    --hostname taskflow.globex.example --zone-id 5f1c9a4b7e2d4830a6c1d8e0f7b3924c
  berth client new --answers globex.yaml --secrets - < certificate.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runClientNew(cmd.Context(), env, g, o, answersOf(cmd.Flags(), o.answers))
		},
	}
	flags := cmd.Flags()
	answerFlags(flags, o.answers, nil)
	secretFlags(flags, &o.secretOptions)
	flags.StringVar(&o.file, "answers", "", "take answers from `file`: the flags' names and values, as YAML or JSON")
	flags.BoolVar(&o.accessible, "accessible", false, "ask line by line, for screen readers (so does ACCESSIBLE)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "show the file, and write nothing")
	flags.BoolVar(&o.noPreview, "no-preview", false, "do not preview the stack on the embedded cloud")
	flags.BoolVarP(&o.yes, "yes", "y", false, "write without asking")
	_ = cmd.RegisterFlagCompletionFunc("kind", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { // fails for unknown flags only
		var kinds []string
		for _, kind := range draft.Kinds {
			kinds = append(kinds, string(kind))
		}
		return kinds, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// answerFlags adds a flag for each question, but for those that are left out.
func answerFlags(flags *pflag.FlagSet, answers map[string]*string, without []string) {
	add := func(key, what string) {
		if !slices.Contains(without, key) {
			answers[key] = flags.String(key, "", what)
		}
	}
	add("kind", "`kind` of hosting: awsclient, lightclient, siteclient or onpremises")
	add("like", "take the provider's part (release, alerts, …) from this `stack` instead of the first of the kind")
	said := map[string]bool{}
	for _, kind := range draft.Kinds {
		for _, q := range draft.Questions(kind) {
			if !said[q.Key] {
				said[q.Key] = true
				add(q.Key, "`answer`: "+strings.TrimSuffix(q.Title, "?"))
			}
		}
	}
}

// answersOf are the flags that were given.
func answersOf(flags *pflag.FlagSet, values map[string]*string) draft.Answers {
	a := draft.Answers{}
	for key, value := range values {
		if flags.Changed(key) {
			a[key] = *value
		}
	}
	return a
}

// newAnswer is what new wrote, or would.
type newAnswer struct {
	Stack     string            `json:"stack"`
	Kind      spec.Kind         `json:"kind"`
	File      string            `json:"file"`
	Text      string            `json:"text,omitempty"` // of a dry run
	Written   bool              `json:"written"`
	Encrypted bool              `json:"encrypted"` // otherwise all secrets are stand-ins
	Secrets   secretsAnswer     `json:"secrets"`
	Notes     []string          `json:"notes"`
	Preview   map[engine.Op]int `json:"preview,omitempty"`
	Next      []nextStep        `json:"next"`
}

type nextStep struct {
	Command string `json:"command"`
	Purpose string `json:"purpose"`
}

func runClientNew(ctx context.Context, env Env, g *global, o clientNewOptions, given draft.Answers) error {
	known, err := fleetFiles(env, g)
	if err != nil {
		return err
	}
	answers, err := answersFrom(o.file, given)
	if err != nil {
		return err
	}
	var asker *form
	if env.Terminal && g.output == "text" {
		asker = newForm(env, o.accessible)
	}
	made, err := drafted(ctx, env, g, known, answers, asker)
	if err != nil {
		return err
	}
	return writeClient(ctx, env, g, o, made, asker)
}

// answersFrom reads a file of answers. What was given otherwise counts more.
func answersFrom(file string, given draft.Answers) (draft.Answers, error) {
	a := draft.Answers{}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the answers: %w", err)
		}
		var values map[string]any
		if err := yaml.Unmarshal(text, &values); err != nil {
			return nil, usage("--answers %s: %w", file, err)
		}
		keys := append(draft.Keys(), "kind", "like")
		var errs []error
		for key, value := range values {
			if !slices.Contains(keys, key) {
				errs = append(errs, usage("--answers %s: there is no question %q", file, key))
			}
			if list, ok := value.([]any); ok {
				var parts []string
				for _, part := range list {
					parts = append(parts, fmt.Sprint(part))
				}
				value = strings.Join(parts, ",")
			}
			a[key] = fmt.Sprint(value)
		}
		if err := errors.Join(errs...); err != nil {
			return nil, &usageError{err}
		}
	}
	for key, value := range given {
		a[key] = value
	}
	return a, nil
}

// drafted makes the stack of answers. A person is asked for what is missing, and again for what is wrong.
func drafted(ctx context.Context, env Env, g *global, known *draft.Fleet, a draft.Answers, asker *form) (*draft.Draft, error) {
	if a["kind"] == "" && asker != nil {
		kind, err := asker.ask(ctx, kindQuestion(env), "")
		if err != nil {
			return nil, err
		}
		a["kind"] = kind
	}
	if !slices.Contains(draft.Kinds, spec.Kind(a["kind"])) {
		return nil, usage("--kind is %q; it is awsclient, lightclient, siteclient or onpremises (see `berth compare`)", a["kind"])
	}
	kind := spec.Kind(a["kind"])
	for {
		if err := complete(ctx, known, a, asker); err != nil {
			return nil, err
		}
		made, err := known.Make(a)
		var problems spec.Problems
		if err == nil || asker == nil || !errors.As(err, &problems) {
			return made, err
		}
		_, _ = fmt.Fprintf(env.Err, "\n%d thing(s) to correct:\n%s\n", len(problems), problems)
		asked := map[string]bool{}
		for _, p := range problems {
			q, found := draft.About(kind, p.Path)
			if !found {
				return nil, err
			}
			if asked[q.Key] {
				continue
			}
			asked[q.Key] = true
			q.Why = p.Expected + "; " + p.Fix
			if a[q.Key], err = asker.ask(ctx, choices(known, q), a[q.Key]); err != nil {
				return nil, err
			}
		}
	}
}

// complete asks for what is missing, or says all of it at once where nobody can be asked.
func complete(ctx context.Context, known *draft.Fleet, a draft.Answers, asker *form) error {
	kind := spec.Kind(a["kind"])
	for {
		missing := known.Missing(a)
		if asker == nil {
			missing = slices.DeleteFunc(missing, func(q draft.Question) bool { return q.Optional || known.Default(q, a, kind) != "" })
		}
		if len(missing) == 0 {
			return nil
		}
		if asker == nil {
			lines := ""
			for _, q := range missing {
				lines += fmt.Sprintf("\n  --%s: %s", q.Key, q.Title)
				var values []string
				for _, c := range choices(known, q).Choices {
					values = append(values, c.Value)
				}
				if len(values) > 0 {
					lines += " (" + strings.Join(values, ", ") + ")"
				}
			}
			return usage("%d answers are missing, and nobody can be asked here:%s", len(missing), lines)
		}
		q := missing[0]
		answer, err := asker.ask(ctx, choices(known, q), known.Default(q, a, kind))
		if err != nil {
			return err
		}
		a[q.Key] = answer
		if answer == "" && !q.Optional {
			delete(a, q.Key)
			_, _ = fmt.Fprintln(asker.env.Err, "An answer is needed here.")
		}
	}
}

// choices fills in what the fleet offers.
func choices(known *draft.Fleet, q draft.Question) draft.Question {
	if q.Key == "pair" {
		q.Choices = known.Pairs()
	}
	return q
}

// kindQuestion offers the kinds of hosting, with what each means in a line.
func kindQuestion(env Env) draft.Question {
	hostings := map[spec.Kind]promises.Hosting{spec.KindAWSClient: promises.OnAWS, spec.KindLightClient: promises.OnLightsail,
		spec.KindSiteClient: promises.OnSites, spec.KindOnPremises: promises.OnPremises}
	compared := comparison.New(env.Promises, catalogue.Group)
	q := draft.Question{Key: "kind", Title: "Where is TaskFlow to run for the client?", Why: "`berth compare` puts all promises side by side."}
	for _, kind := range draft.Kinds {
		for _, k := range compared.Kinds {
			if k.Hosting == hostings[kind] {
				about, _, _ := strings.Cut(k.For, ". ")
				q.Choices = append(q.Choices, draft.Choice{Value: string(kind), Means: fmt.Sprintf("%s. Promises: %d ours, %d shared, %d the client's, %d not made.",
					strings.TrimSuffix(about, "."), k.Counts[comparison.We], k.Counts[comparison.Shared]+k.Counts[comparison.InPart], k.Counts[comparison.You], k.Counts[comparison.NotOffered])})
			}
		}
	}
	return q
}

// writeClient shows the file, writes it, previews it, and says what comes next.
func writeClient(ctx context.Context, env Env, g *global, o clientNewOptions, made *draft.Draft, asker *form) error {
	values, about, err := stackSecrets(env, made.Spec, o.secretOptions)
	if err != nil {
		return err
	}
	made.File.Heading = []string{"Made by `berth client new`. `berth spec check " + made.Stack + "` checks it."}
	file, encrypted, err := made.File, false, error(nil)
	if o.provider != "" {
		file.Secrets = map[string]string{}
		for name := range values {
			file.Secrets[name] = stackfile.StandIn
		}
	} else if file, encrypted, err = sealed(ctx, env, file, values); err != nil {
		return err
	}
	text, err := stackfile.Render(file)
	if err != nil {
		return err
	}
	answer := newAnswer{Stack: made.Stack, Kind: made.Spec.Kind, File: stackPath(g, made.Stack), Encrypted: encrypted, Secrets: about, Notes: append([]string{}, made.Notes...)}
	if g.output == "text" && (o.dryRun || asker != nil) {
		_, _ = fmt.Fprintf(env.Out, "%s\n", text)
	}
	if o.dryRun {
		answer.Text = string(text)
		return printNew(env, g, answer)
	}
	if asker != nil && !o.yes {
		yes, err := asker.agree(ctx, "Write "+answer.File+"?")
		if err != nil {
			return err
		}
		if !yes {
			return &unconfirmedError{"not confirmed; nothing was changed"}
		}
	}
	if err := createFile(answer.File, text); err != nil {
		return err
	}
	answer.Written = true
	if o.provider != "" && len(values) > 0 {
		if err := setSecrets(ctx, env, g, made.Stack, values, o.provider); err != nil {
			return err
		}
		answer.Encrypted = true
	}
	if !answer.Encrypted && len(values) > 0 {
		answer.Secrets.ToSet = append(answer.Secrets.ToSet, answer.Secrets.Made...)
		answer.Secrets.ToSet = append(answer.Secrets.ToSet, answer.Secrets.Brought...)
		answer.Secrets.Made, answer.Secrets.Brought = []string{}, []string{}
		slices.Sort(answer.Secrets.ToSet)
		answer.Notes = append(answer.Notes, "nothing says what encrypts secrets (PULUMI_CONFIG_PASSPHRASE or --secrets-provider): all of them are stand-ins")
	}
	if !o.noPreview {
		if answer.Preview, err = localPreview(ctx, env, g, made.Stack); err != nil {
			return fmt.Errorf("%s is written, and its preview on the embedded cloud fails: %w", answer.File, err)
		}
	}
	answer.Next = nextOf(made, answer.Secrets)
	return printNew(env, g, answer)
}

// localPreview previews a stack on the embedded cloud.
func localPreview(ctx context.Context, env Env, g *global, name string) (counts map[engine.Op]int, err error) {
	t := target{local: true}
	stack, read, err := t.open(ctx, env, g, name, engine.Options{})
	if err != nil {
		return nil, err
	}
	defer closing(stack, &err)
	if _, err := judge(ctx, env, name, read); err != nil {
		return nil, err
	}
	result, err := watched(env, g, "Previewing "+name, nil, func(progress engine.Progress) (*engine.Result, error) {
		return stack.Preview(ctx, engine.RunOptions{Progress: progress})
	})
	if err != nil {
		return nil, err
	}
	return result.Counts, nil
}

func nextOf(made *draft.Draft, secrets secretsAnswer) []nextStep {
	var next []nextStep
	for _, name := range secrets.ToSet {
		next = append(next, nextStep{fmt.Sprintf("pulumi config set --stack %s --secret berth:%s", made.Stack, name), "set it; the value is asked for"})
	}
	if made.Spec.AWSClient != nil || made.Spec.LightClient != nil {
		next = append(next, nextStep{"berth up organisation", "once its file names the client's account under clients"})
	}
	return append(next, nextStep{"berth up " + made.Stack + " --local", "bring it up on the embedded cloud"},
		nextStep{"berth preview " + made.Stack, "what bringing it up for real would do"})
}

func printNew(env Env, g *global, answer newAnswer) error {
	if answer.Next == nil {
		answer.Next = []nextStep{}
	}
	if g.output == "json" {
		return printJSON(env, answer)
	}
	for _, note := range answer.Notes {
		_, _ = fmt.Fprintln(env.Err, "note: "+note)
	}
	if !answer.Written {
		return nil
	}
	_, _ = fmt.Fprintf(env.Out, "%s is written: stack %s, kind %s\n", answer.File, answer.Stack, answer.Kind)
	for what, names := range map[string][]string{"encrypted": append(slices.Clone(answer.Secrets.Made), answer.Secrets.Brought...)} {
		if len(names) > 0 {
			_, _ = fmt.Fprintf(env.Out, "secrets %s: %s\n", what, strings.Join(names, ", "))
		}
	}
	if len(answer.Secrets.ToSet) > 0 {
		_, _ = fmt.Fprintf(env.Out, "secrets to be set: %s\n", strings.Join(answer.Secrets.ToSet, ", "))
	}
	if n := answer.Preview[engine.OpCreate]; n > 0 {
		_, _ = fmt.Fprintf(env.Out, "on the embedded cloud it would create %d resources\n", n)
	}
	if g.quiet || len(answer.Next) == 0 {
		return nil
	}
	_, _ = fmt.Fprintln(env.Out, "\nTry next:")
	for _, n := range answer.Next {
		show.Next(env.Out, g.style(env), n.Command, n.Purpose)
	}
	return nil
}
