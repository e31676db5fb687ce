package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/redact"
	"github.com/spf13/cobra"
)

// fingerprintKeyVariable holds the key of fingerprints where no file does.
const fingerprintKeyVariable = "BERTH_FINGERPRINT_KEY"

type stateExportOptions struct {
	target
	stacks        []string
	all, redacted bool
	out, key      string
	atOnce        int
}

func newState(env Env, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Hand out what a stack's state says",
		Args:  noSubcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateExport(env, g))
	return cmd
}

func newStateExport(env Env, g *global) *cobra.Command {
	var o stateExportOptions
	cmd := &cobra.Command{
		Use:   "export [flags] [<stack>]",
		Short: "Write a stack's state to a file, for previews without secrets",
		Long: `Export writes the stack's state to a file. With --redacted each secret in it is
replaced by a fingerprint, a keyed digest: the same secret has the same one, so
that a change shows, and nobody can get or guess the secret from it. Whoever has
the file can preview the stack without credentials or passphrases:

  berth preview <stack> --from <folder>

The key of the fingerprints is a secret of the pipeline, 32 bytes or more: a file
that --fingerprint-key names, or BERTH_FINGERPRINT_KEY. Without one each export
has a key of its own, which is thrown away: then fingerprints of two exports
differ even where the secrets are the same. Previews need no key.

With --all every stack that has a file here is exported into the folder --out, each
as <stack>.state.json. One that fails hides none of the others.

Without --redacted the file is what ` + "`pulumi stack import`" + ` takes, with all secrets in
plain text.`,
		Example: "  berth state export prod --redacted --out exported/prod.state.json\n" +
			"  berth state export --all --redacted --out exported --fingerprint-key fingerprint.key",
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.all == (len(args) == 1) || len(args) > 1 {
				return usage("%s needs the name of one stack, such as prod, or --all", cmd.CommandPath())
			}
			o.stacks = args
			return runStateExport(cmd.Context(), env, g, o)
		},
	}
	o.localFlag(cmd.Flags())
	cmd.Flags().BoolVar(&o.redacted, "redacted", false, "replace secrets by fingerprints")
	cmd.Flags().BoolVar(&o.all, "all", false, "export every stack that has a file here, into the folder --out")
	cmd.Flags().StringVar(&o.out, "out", "", "write into `file`, with --all into a folder (default: print a redacted state)")
	cmd.Flags().StringVar(&o.key, "fingerprint-key", "", "`file` with the key of the fingerprints, 32 bytes or more (default: BERTH_FINGERPRINT_KEY)")
	cmd.Flags().IntVar(&o.atOnce, "parallel", 4, "with --all: `number` of stacks that are exported at once")
	return cmd
}

func runStateExport(ctx context.Context, env Env, g *global, o stateExportOptions) error {
	switch {
	case o.all && o.out == "":
		return usage("--all writes many files: name a folder with --out")
	case !o.redacted && o.out == "":
		return usage("the state holds secrets in plain text: name a file with --out, or take them out with --redacted")
	case !o.redacted && o.key != "":
		return usage("--fingerprint-key is for --redacted")
	case o.atOnce < 1:
		return usage("--parallel is %d; use 1 or more", o.atOnce)
	}
	key, err := fingerprintKey(env, o)
	if err != nil {
		return err
	}
	if !o.all {
		text, err := exportState(ctx, env, g, o, o.stacks[0], key)
		if err != nil {
			return err
		}
		if o.out == "" {
			_, err := env.Out.Write(text)
			return err
		}
		if err := writeState(o.out, text); err != nil {
			return err
		}
		return wrote(env, o, o.out)
	}
	names, err := engine.Stacks(g.root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o700); err != nil {
		return fmt.Errorf("make the folder of exported states: %w", err)
	}
	return exportAll(ctx, env, g, o, names, key)
}

// exportAll exports stacks side by side, and each whatever becomes of the others.
func exportAll(ctx context.Context, env Env, g *global, o stateExportOptions, names []string, key []byte) error {
	var (
		working sync.WaitGroup
		errs    = make([]error, len(names))
		slots   = make(chan struct{}, o.atOnce)
	)
	for i, name := range names {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				errs[i] = context.Cause(ctx)
				return
			}
			text, err := exportState(ctx, env, g, o, name, key)
			if err == nil {
				err = writeState(filepath.Join(o.out, redact.FileName(name)), text)
			}
			errs[i] = err
		})
	}
	working.Wait()
	written := 0
	for i, name := range names {
		if errs[i] == nil {
			written++
		} else {
			errs[i] = fmt.Errorf("stack %s: %w", name, errs[i])
		}
	}
	return errors.Join(append(errs, wrote(env, o, fmt.Sprintf("%d of %d stacks to %s", written, len(names), o.out)))...)
}

// exportState is the text of a stack's export.
func exportState(ctx context.Context, env Env, g *global, o stateExportOptions, name string, key []byte) (text []byte, err error) {
	if o.local {
		if _, err := os.Stat(engine.LocalFolder(g.root, name)); err != nil {
			return nil, fmt.Errorf("stack %s has no state on the embedded cloud: bring it up with `berth up %s --local`, or leave --local away", name, name)
		}
	}
	stack, _, err := o.open(ctx, env, g, name, engine.Options{})
	if err != nil {
		return nil, err
	}
	defer closing(stack, &err)
	if o.redacted {
		export, err := stack.Export(ctx, key)
		if err != nil {
			return nil, err
		}
		return export.Write()
	}
	state, err := stack.State(ctx)
	if err != nil {
		return nil, err
	}
	if text, err = json.MarshalIndent(state, "", " "); err != nil {
		return nil, fmt.Errorf("write the state of stack %s: %w", name, err)
	}
	return append(text, '\n'), nil
}

// writeState writes a file whole or not at all.
func writeState(path string, text []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return fmt.Errorf("write the exported state: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write the exported state: %w", err)
	}
	return nil
}

func wrote(env Env, o stateExportOptions, what string) error {
	said := "wrote " + what
	if !o.redacted {
		said += "; this holds secrets in plain text: keep it where the passphrase is kept, and delete it when it has served"
	}
	_, err := fmt.Fprintln(env.Err, said)
	return err
}

// fingerprintKey is the key that the pipeline keeps; nil where there is none.
func fingerprintKey(env Env, o stateExportOptions) ([]byte, error) {
	if !o.redacted {
		return nil, nil
	}
	key, where := "", fingerprintKeyVariable
	for _, entry := range env.Environ {
		if value, ok := strings.CutPrefix(entry, fingerprintKeyVariable+"="); ok {
			key = strings.TrimSpace(value)
		}
	}
	if o.key != "" {
		text, err := os.ReadFile(o.key)
		if err != nil {
			return nil, fmt.Errorf("read the key of fingerprints: %w", err)
		}
		key, where = strings.TrimSpace(string(text)), o.key
	} else if key == "" {
		return nil, nil
	}
	if len(key) < redact.MinKey {
		return nil, usage("%s holds %d characters, and a key of fingerprints has %d or more: make one with `openssl rand -hex 32`", where, len(key), redact.MinKey)
	}
	return []byte(key), nil
}
