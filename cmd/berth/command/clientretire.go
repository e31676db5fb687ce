package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/retire"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

type retireOptions struct {
	target
	stack, reason, backup, export, key string
}

func newClientRetire(env Env, g *global) *cobra.Command {
	var o retireOptions
	cmd := &cobra.Command{
		Use:   "retire [flags] <stack>",
		Short: "Take a client who leaves down in the orderly way",
		Long: `Retire goes the orderly way of a client who leaves: a final backup, the client's
own copy of its data, deletion protection lifted (by leaving in the stack's file), everything
deleted, nothing left beside the state, and a certificate of deletion: signed JSON and a
page that list every resource with its id and when it was deleted, and what remains by law
or by a lock, and until when.

Without --yes it only shows what it would do. Each step is recorded below .berth/retire: a
run that was interrupted is gone on with by the same command.

For a real client, --backup names the final backup (the recovery point, or where the copy
lies) and --export who has received the client's data, and how. With --local the way is
rehearsed on the embedded cloud, from end to end.`,
		Example: `  berth client retire acme
  berth client retire acme --local --yes --confirm acme --reason 'rehearsal of the contract end'
  berth client retire acme --yes --confirm acme --reason 'contract ended 2026-12-31' \
    --backup arn:aws:backup:eu-west-2:123456789012:recovery-point:1a2b --export 'handed to A. Okafor on 2026-12-30'`,
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runClientRetire(cmd.Context(), env, g, o)
		},
	}
	flags := cmd.Flags()
	o.localFlag(flags)
	flags.BoolVarP(&o.yes, "yes", "y", false, "do it, instead of showing what would be done")
	flags.StringArrayVar(&o.confirm, "confirm", nil, "short `name` of the client whose data is deleted")
	flags.StringVar(&o.reason, "reason", "", "`text` for the record: why the client leaves (10 characters or more)")
	flags.StringVar(&o.backup, "backup", "", "the final backup's `id` or place")
	flags.StringVar(&o.export, "export", "", "`text` for the record: who received the client's data, and how")
	flags.StringVar(&o.key, "key", "", "sign with the private key in `file` (default .berth/evidence.key)")
	return cmd
}

// retirement is one run of retire.
type retirement struct {
	retireOptions
	env    Env
	g      *global
	read   *spec.Spec
	record *retire.Record
	path   string // of the record
	kept   map[string]bool
}

// retireAnswer is what retire did, or would do.
type retireAnswer struct {
	DryRun      bool           `json:"dryRun"`
	Record      *retire.Record `json:"record"`
	Next        retire.Step    `json:"next,omitempty"` // the first step that is not done
	Certificate string         `json:"certificate,omitempty"`
}

func runClientRetire(ctx context.Context, env Env, g *global, o retireOptions) (err error) {
	r := &retirement{retireOptions: o, env: env, g: g, kept: map[string]bool{}}
	cloud := string(engine.RealCloud)
	if o.local {
		cloud = string(engine.EmbeddedCloud)
	}
	r.path = retire.File(g.root, o.stack, cloud)
	if r.record, err = retire.Load(r.path); err != nil {
		return err
	}
	if _, err := os.Stat(stackPath(g, o.stack)); errors.Is(err, fs.ErrNotExist) && r.record != nil && r.record.Is(retire.Certify) {
		// A run before this one came as far as putting the file away.
		r.record.Mark(retire.TakeDown, env.Now(), filepath.Join(r.folder(), "Pulumi."+o.stack+".yaml"))
		return r.finish()
	}
	stack, read, err := o.open(ctx, env, g, o.stack, engine.Options{Settling: engine.Settling{Changing: o.yes}})
	if err != nil {
		return err
	}
	defer closing(stack, &err)
	r.read = read
	about := read.Summary()
	if read.Kind == spec.KindSites || read.Kind == spec.KindOrganisation {
		return usage("stack %s is no client's; `berth destroy %s` says what its way is", o.stack, o.stack)
	}
	plan, err := stack.PreviewDestroy(ctx)
	if err != nil {
		return err
	}
	if plan.Changes() == 0 && r.record == nil {
		return fmt.Errorf("stack %s has nothing in the cloud: there is nothing to retire; remove its file", o.stack)
	}
	if r.record == nil {
		r.record = &retire.Record{Version: retire.RecordVersion, Stack: o.stack, Client: about.Name, DisplayName: about.DisplayName, Kind: string(read.Kind),
			Where: about.Where, Cloud: cloud, Reason: o.reason, Began: env.Now().UTC().Truncate(time.Second),
			Steps: []retire.Done{}, Resources: []retire.Resource{}, Remains: []retire.Remaining{}}
	}
	if err := r.inventory(ctx, stack, plan); err != nil {
		return err
	}
	if !o.yes && !env.Terminal || !o.yes && g.output == "json" {
		return r.shown(plan)
	}
	if err := r.agreed(plan); err != nil {
		return err
	}
	if err := r.save(); err != nil {
		return err
	}
	return r.do(ctx, stack, plan)
}

// inventory notes what the stack has, and what will remain, before anything is deleted.
func (r *retirement) inventory(ctx context.Context, stack Stack, plan *engine.Result) error {
	var resources []retire.Resource
	for _, step := range plan.Steps {
		if step.Group || step.Op != engine.OpDelete || strings.HasPrefix(step.Type, "pulumi:") {
			continue
		}
		resources = append(resources, retire.Resource{URN: step.URN, Type: step.Type, Name: step.Name, ID: step.ID, Held: engine.Holds(step.Type)})
	}
	r.record.Take(resources)
	exist, err := stack.Resources(ctx)
	if err != nil {
		return err
	}
	for _, one := range exist {
		if one.RetainOnDelete {
			r.kept[string(one.URN)] = true
		}
	}
	if len(r.record.Remains) == 0 {
		r.record.Remains = append(r.record.Remains, retire.Remains(r.read, exist, r.env.Now())...)
	}
	return nil
}

// shown prints what would be done.
func (r *retirement) shown(plan *engine.Result) error {
	if r.g.output == "json" {
		return printJSON(r.env, retireAnswer{DryRun: true, Record: r.record, Next: r.record.Next()})
	}
	out, style := r.env.Out, r.g.style(r.env)
	_, _ = fmt.Fprintf(out, "Retirement of %s, stack %s (nothing is done yet)\n\n", r.record.DisplayName, r.stack)
	for _, step := range retire.Steps() {
		mark := "to do"
		if r.record.Is(step) {
			mark = "done"
		}
		_, _ = fmt.Fprintf(out, "  %-5s  %s\n", mark, step.Means())
	}
	_, _ = fmt.Fprintf(out, "\n%d resources would be deleted, %d of them hold data.\n", len(r.record.Resources), len(plan.Dangers))
	if len(r.record.Remains) > 0 {
		_, _ = fmt.Fprintln(out, "\nWhat would remain:")
		for _, one := range r.record.Remains {
			_, _ = fmt.Fprintf(out, "  %s: %s; until: %s\n", one.What, one.Why, one.Until)
		}
	}
	local := ""
	if r.local {
		local = " --local"
	}
	_, _ = fmt.Fprintln(out, "\nTry next:")
	show.Next(out, style, fmt.Sprintf("berth client retire %s%s --yes --confirm %s --reason '…'", r.stack, local, r.record.Client), "do it")
	return nil
}

// agreed refuses what was not confirmed, or lacks what a real client's end needs.
func (r *retirement) agreed(plan *engine.Result) error {
	named := false
	for _, name := range r.confirm {
		named = named || name == r.record.Client
	}
	if r.env.Terminal && !r.yes {
		answer, err := ask(r.env, bufio.NewReader(r.env.In), fmt.Sprintf("%d resources of %s will be deleted, with all data. Type %s to allow it: ", plan.Changes(), r.record.DisplayName, r.record.Client))
		if err != nil {
			return err
		}
		named = answer == r.record.Client
	}
	var errs []string
	if !named {
		errs = append(errs, "the client's name was not confirmed: add --confirm "+r.record.Client)
	}
	if leaving := r.read.Summary().Leaving; leaving != nil && r.record.Reason == "" {
		r.record.Reason = leaving.Reason
	}
	if r.reason != "" {
		r.record.Reason = r.reason
	}
	if len(r.record.Reason) < 10 {
		errs = append(errs, "the record needs a reason of 10 characters or more: add --reason")
	}
	if !r.local {
		if !r.record.Is(retire.Backup) && r.backup == "" && r.env.FinalBackup == nil {
			errs = append(errs, "nobody can tell that there is a final backup: start one (`aws backup start-backup-job`, or a backup of the machine), wait for its end, and name it with --backup")
		}
		if !r.record.Is(retire.Export) && r.export == "" {
			errs = append(errs, "the record needs who has received the client's data (`taskflow export`), and how: add --export")
		}
	}
	if len(errs) > 0 {
		return &unconfirmedError{"nothing was changed\n  " + strings.Join(errs, "\n  ")}
	}
	return nil
}

func (r *retirement) save() error {
	text, err := r.record.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the record: %w", err)
	}
	return replaceFile(r.path, text)
}

// do goes through the steps that are not done. Each is recorded before the next begins.
func (r *retirement) do(ctx context.Context, stack Stack, plan *engine.Result) error {
	steps := map[retire.Step]func() (string, error){
		retire.Backup:   func() (string, error) { return r.finalBackup(ctx, stack) },
		retire.Export:   func() (string, error) { return r.exported(), nil },
		retire.Lift:     func() (string, error) { return r.lift(ctx, stack) },
		retire.Destroy:  func() (string, error) { return r.destroy(ctx, stack, plan) },
		retire.Orphans:  func() (string, error) { return r.orphans(ctx, stack) },
		retire.Certify:  r.certify,
		retire.TakeDown: func() (string, error) { return r.takeDown(stack) },
	}
	for step := r.record.Next(); step != ""; step = r.record.Next() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		detail, err := steps[step]()
		if err != nil {
			return fmt.Errorf("%s: %w\nwhat was done before is recorded; the same command goes on", step, err)
		}
		r.record.Mark(step, r.env.Now(), detail)
		if err := r.save(); err != nil {
			return err
		}
		if r.g.output == "text" && !r.g.quiet {
			_, _ = fmt.Fprintf(r.env.Err, "%s: %s\n", step.Means(), detail)
		}
	}
	return r.finish()
}

// finish puts the record away and says what is left to do.
func (r *retirement) finish() error {
	certificate := filepath.Join(r.folder(), "certificate.json")
	// The record is complete: it goes to its certificate, so that a stack of that name may live again.
	if err := os.Rename(r.path, filepath.Join(r.folder(), "record.json")); err != nil {
		return fmt.Errorf("put the record away: %w", err)
	}
	if r.g.output == "json" {
		return printJSON(r.env, retireAnswer{Record: r.record, Certificate: certificate})
	}
	style := r.g.style(r.env)
	_, _ = fmt.Fprintf(r.env.Out, "%s is retired. Resources deleted: %d. What remains for a time: %d.\n\nTry next:\n", r.record.DisplayName, len(r.record.Resources), len(r.record.Remains))
	show.Next(r.env.Out, style, "berth client certificate "+certificate, "check the certificate; certificate.html beside it is for the client")
	if !r.local {
		show.Next(r.env.Out, style, "pulumi stack rm "+r.stack+" --yes", "remove the empty stack from its backend")
		if r.record.Kind == string(spec.KindAWSClient) || r.record.Kind == string(spec.KindLightClient) {
			show.Next(r.env.Out, style, "berth up organisation", "once its file no longer names the client's account")
		}
	}
	return nil
}

func (r *retirement) finalBackup(ctx context.Context, stack Stack) (string, error) {
	switch {
	case r.local:
		return "embedded: there is no data to keep", nil
	case r.backup != "":
		return r.backup, nil
	}
	exist, err := stack.Resources(ctx)
	if err != nil {
		return "", err
	}
	return r.env.FinalBackup(ctx, r.read, exist)
}

func (r *retirement) exported() string {
	if r.local && r.export == "" {
		return "embedded: there is no data to hand over"
	}
	return r.export
}

// lift takes deletion protection off a real client by saying in its file that it leaves, and bringing that up. A local stack's
// destroy does so in its own copy.
func (r *retirement) lift(ctx context.Context, stack Stack) (string, error) {
	if r.local {
		return "by destroy, in the local copy of the stack's file", nil
	}
	if r.read.Summary().Leaving == nil {
		if err := r.writeLeaving(); err != nil {
			return "", err
		}
	}
	preview, err := stack.Preview(ctx, engine.RunOptions{})
	if err != nil {
		return "", err
	}
	if len(preview.Dangers) > 0 {
		return "", fmt.Errorf("bringing up `leaving` would also replace or delete %s: bring the file's other changes up first", strings.Join(engine.Names(preview.Dangers), ", "))
	}
	if preview.Changes() > 0 {
		_, err = watched(r.env, r.g, "Lifting the protection of "+r.stack, preview, func(progress engine.Progress) (*engine.Result, error) {
			return stack.Up(ctx, engine.ChangeOptions{RunOptions: engine.RunOptions{Progress: progress}, Reviewed: preview})
		})
	}
	return "leaving is in Pulumi." + r.stack + ".yaml, and was brought up", err
}

// writeLeaving adds leaving to the stack's file.
func (r *retirement) writeLeaving() error {
	path := stackPath(r.g, r.stack)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the stack's file: %w", err)
	}
	byHand := fmt.Errorf("add `leaving` with confirm: %s and the reason to %s by hand, then run the same command again", r.record.Client, path)
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	at, indent := -1, ""
	for i, line := range lines {
		if strings.TrimSpace(line) == "berth:spec:" && i+1 < len(lines) {
			next := lines[i+1]
			at, indent = i+1, next[:len(next)-len(strings.TrimLeft(next, " "))]
		}
	}
	if at < 0 || indent == "" {
		return byHand
	}
	block := []string{indent + "leaving:", indent + "  confirm: " + r.record.Client, indent + fmt.Sprintf("  reason: %q", r.record.Reason)}
	changed := strings.Join(append(append(append([]string{}, lines[:at]...), block...), lines[at:]...), "\n") + "\n"
	s, err := spec.DecodeFile(filepath.Base(path), []byte(changed), spec.Options{Now: r.env.Now()})
	if err != nil || s.Summary().Leaving == nil {
		return errors.Join(byHand, err)
	}
	r.read = s
	return replaceFile(path, []byte(changed))
}

// destroy deletes everything, and notes when.
func (r *retirement) destroy(ctx context.Context, stack Stack, plan *engine.Result) (string, error) {
	times := map[string]time.Time{}
	if plan.Changes() > 0 {
		if !r.local { // lifting the protection has changed the state that was planned for
			var err error
			if plan, err = stack.PreviewDestroy(ctx); err != nil {
				return "", err
			}
			if err := unprotected(r.stack, r.read, plan); err != nil {
				return "", err
			}
		}
		_, err := watched(r.env, r.g, "Destroying "+r.stack, plan, func(progress engine.Progress) (*engine.Result, error) {
			return stack.Destroy(ctx, engine.ChangeOptions{
				RunOptions: engine.RunOptions{Progress: func(e engine.Event) {
					if e.Ended != nil && e.Ended.Op == engine.OpDelete && e.Ended.Status == engine.Done {
						times[e.Ended.URN] = r.env.Now()
					}
					if progress != nil {
						progress(e)
					}
				}},
				Confirm: append(engine.Names(plan.Dangers), r.stack), Reviewed: plan, Lift: leaving(r.read),
			})
		})
		if err != nil {
			return "", err
		}
	}
	exist, err := stack.Resources(ctx)
	if err != nil {
		return "", err
	}
	left := map[string]bool{}
	for _, one := range exist {
		if one.Custom && !strings.HasPrefix(string(one.Type), "pulumi:") {
			left[string(one.URN)] = true
		}
	}
	r.record.Gone(times, r.env.Now(), func(one retire.Resource) bool { return left[one.URN] || r.kept[one.URN] })
	if len(left) > 0 {
		return "", errors.Join(fmt.Errorf("%d resources are still in the state", len(left)), r.save())
	}
	return fmt.Sprintf("%d resources deleted", len(r.record.Resources)-len(r.kept)), nil
}

func (r *retirement) orphans(ctx context.Context, stack Stack) (string, error) {
	orphans, err := stack.Orphans(ctx)
	switch {
	case err != nil:
		return "", err
	case len(orphans) > 0:
		return "", fmt.Errorf("the embedded cloud still has what no state knows:\n  %s", strings.Join(orphans, "\n  "))
	case r.local:
		return "the embedded cloud has nothing that the state does not know", nil
	}
	return "the state is empty; what people made beside it is not looked for", nil
}

// takeDown takes the stack out of the fleet: a local one's folder, a real one's file.
func (r *retirement) takeDown(stack Stack) (string, error) {
	if r.local {
		return "the local stack is removed; the file stays for the real one", stack.RemoveLocal()
	}
	to := filepath.Join(r.folder(), "Pulumi."+r.stack+".yaml")
	if err := os.Rename(stackPath(r.g, r.stack), to); err != nil {
		return "", fmt.Errorf("put the stack's file away: %w", err)
	}
	return to, nil
}

// folder is where the certificate goes: one for each retirement.
func (r *retirement) folder() string {
	return strings.TrimSuffix(r.path, ".json") + "-" + r.record.Began.UTC().Format("20060102T150405Z")
}
