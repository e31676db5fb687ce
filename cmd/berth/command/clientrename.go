package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

type renameOptions struct {
	target
	from, to, display, name string
}

func newClientRename(env Env, g *global) *cobra.Command {
	var o renameOptions
	cmd := &cobra.Command{
		Use:   "rename [flags] <from> <to>",
		Short: "Give a client's stack another name",
		Long: `Rename gives a stack another name, in Pulumi's backend, on this machine's embedded cloud
and as its file, and with --display-name changes how the client is called. The state
is kept: nothing is replaced. The next up changes the tag "stack" of resources.

The client's short name (client.name) cannot change: it is part of the names of
databases, buckets and keys, which would all be replaced. The way to another one is a
copy under the new name, a restore into it, and the retirement of the old stack.

With --local only this machine is changed: the file, and the stack's embedded cloud.
A rename that was interrupted is completed by the same command.`,
		Example: "  berth client rename acme acme-production --yes\n  berth client rename acme acme --display-name 'Acme Group plc' --yes",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("%s needs the name of a stack and its new one", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.from, o.to = args[0], args[1]
			return runClientRename(cmd.Context(), env, g, o)
		},
	}
	o.localFlag(cmd.Flags())
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.Flags().StringVar(&o.display, "display-name", "", "`name` as people write it")
	cmd.Flags().StringVar(&o.name, "name", "", "refused: says why, and what the way to another short `name` is")
	return cmd
}

// renamed is the answer of rename.
type renamed struct {
	From        string   `json:"from"`
	To          string   `json:"to"`
	DisplayName string   `json:"displayName,omitempty"`
	Notes       []string `json:"notes"`
}

func runClientRename(ctx context.Context, env Env, g *global, o renameOptions) error {
	source := o.from
	if _, err := os.Stat(stackPath(g, o.from)); errors.Is(err, fs.ErrNotExist) && o.from != o.to {
		if _, err := os.Stat(stackPath(g, o.to)); err == nil {
			source = o.to // a rename before this one came as far as the file
		}
	}
	read, err := readSpec(env, g, source)
	if err != nil {
		return err
	}
	about := read.Summary()
	switch {
	case o.name != "":
		return &unconfirmedError{fmt.Sprintf("the short name %s cannot change: databases, buckets and keys carry it, and would be replaced with their data; nothing was changed\nthe way to another one:\n"+
			"  berth client copy %s <new stack> --name %s\n  berth up <new stack>, and restore the last backup into it\n  berth client retire %s", about.Name, o.from, o.name, o.from)}
	case read.Kind == spec.KindSites || read.Kind == spec.KindOrganisation:
		return usage("stack %s is no client's: other stacks know it by its name", o.from)
	case o.from == o.to && o.display == "":
		return usage("both names are %s; give another, or --display-name", o.to)
	case strings.ContainsAny(o.to, "./\\ ") || o.to == "":
		return usage("%q is no name of a stack: letters, digits, hyphens and underscores", o.to)
	}
	if source == o.from && o.from != o.to {
		if _, err := os.Stat(stackPath(g, o.to)); err == nil {
			return &unconfirmedError{"there is a stack " + o.to + " already; nothing was changed"}
		}
	}
	if err := o.agreed(ctx, env, g); err != nil {
		return err
	}
	answer := renamed{From: o.from, To: o.to, DisplayName: o.display, Notes: []string{}}
	if o.display != "" {
		if err := o.call(env, stackPath(g, source)); err != nil {
			return err
		}
	}
	if o.from != o.to {
		if answer.Notes, err = o.move(ctx, env, g); err != nil {
			return err
		}
	}
	if g.output == "json" {
		return printJSON(env, answer)
	}
	_, _ = fmt.Fprintf(env.Out, "stack %s is now %s\n", o.from, o.to)
	for _, note := range answer.Notes {
		_, _ = fmt.Fprintln(env.Err, "note: "+note)
	}
	return nil
}

func (o renameOptions) agreed(ctx context.Context, env Env, g *global) error {
	if o.yes {
		return nil
	}
	if !env.Terminal || g.output == "json" {
		return &unconfirmedError{"a rename needs consent, and nobody can be asked here; nothing was changed\nadd --yes"}
	}
	yes, err := newForm(env, false).agree(ctx, fmt.Sprintf("Rename stack %s to %s?", o.from, o.to))
	if err == nil && !yes {
		err = &unconfirmedError{"not confirmed; nothing was changed"}
	}
	return err
}

// call writes another displayName into the file, and leaves the rest of it as it is.
func (o renameOptions) call(env Env, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the stack's file: %w", err)
	}
	var file struct {
		Config struct {
			Spec struct {
				Client struct {
					DisplayName yaml.Node `yaml:"displayName"`
				} `yaml:"client"`
			} `yaml:"berth:spec"`
		} `yaml:"config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("read the stack's file: %w", err)
	}
	at := file.Config.Spec.Client.DisplayName
	lines := bytes.SplitAfter(text, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) {
		return errors.New("the stack's file has no displayName to change: write it by hand")
	}
	line := lines[at.Line-1]
	key, _, found := bytes.Cut(line, []byte("displayName:"))
	if !found {
		return errors.New("displayName is written in a way that only people should change: write it by hand")
	}
	lines[at.Line-1] = []byte(string(key) + "displayName: " + strconv.Quote(o.display) + "\n")
	changed := bytes.Join(lines, nil)
	s, err := spec.DecodeFile(filepath.Base(path), changed, spec.Options{Now: env.Now()})
	if err != nil {
		return err
	}
	if s.Summary().DisplayName != o.display {
		return errors.New("displayName is written in a way that only people should change: write it by hand")
	}
	return replaceFile(path, changed)
}

// move renames the stack wherever it is, the file last. Each part that is done already is left alone.
func (o renameOptions) move(ctx context.Context, env Env, g *global) (notes []string, err error) {
	path, err := env.FindCLI(ctx, g.cli)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(engine.LocalFolder(g.root, o.from)); err == nil {
		if err := o.moveLocal(ctx, env, g, path); err != nil {
			return nil, err
		}
		notes = append(notes, "its embedded cloud on this machine goes with it")
	}
	if !o.local {
		command := &cli.Command{Path: path, Env: env.Environ, Kill: env.Kill}
		if said, err := rename(ctx, command, g.root, nil, o.from, o.to); err != nil {
			if !strings.Contains(said, "no stack named") {
				return nil, fmt.Errorf("rename stack %s in its backend: %w: %s\nwith --local only this machine is changed", o.from, err, strings.TrimSpace(said))
			}
			notes = append(notes, "the backend has no stack "+o.from+": its file alone is renamed")
		}
	}
	if _, err := os.Stat(stackPath(g, o.from)); err == nil { // Pulumi renames the file with the stack
		if err := os.Rename(stackPath(g, o.from), stackPath(g, o.to)); err != nil {
			return nil, fmt.Errorf("rename the stack's file: %w", err)
		}
	}
	return append(notes, "the next up changes the tag \"stack\" of its resources; evidence that was made keeps the old name"), nil
}

// moveLocal renames the stack in its local backend, and then its folder.
func (o renameOptions) moveLocal(ctx context.Context, env Env, g *global, path string) error {
	from, err := filepath.Abs(engine.LocalFolder(g.root, o.from))
	if err != nil {
		return fmt.Errorf("find the local stack: %w", err)
	}
	command := &cli.Command{Path: path, Env: env.Environ, Kill: env.Kill}
	said, err := rename(ctx, command, filepath.Join(from, "work"), []string{
		"PULUMI_HOME=" + filepath.Join(from, "home"), "PULUMI_BACKEND_URL=file://" + filepath.Join(from, "state") + "?metadata=skip",
		"PULUMI_CONFIG_PASSPHRASE_FILE=" + filepath.Join(from, "passphrase"), "PULUMI_SKIP_UPDATE_CHECK=true",
	}, o.from, o.to)
	if err != nil && !strings.Contains(said, "no stack named") {
		return fmt.Errorf("rename the local stack %s: %w: %s", o.from, err, strings.TrimSpace(said))
	}
	if err := os.Rename(from, engine.LocalFolder(g.root, o.to)); err != nil {
		return fmt.Errorf("rename the local stack's folder: %w", err)
	}
	return nil
}

func rename(ctx context.Context, command *cli.Command, dir string, env []string, from, to string) (said string, err error) {
	_, said, _, err = command.Run(ctx, dir, nil, nil, nil, env, "stack", "rename", "--stack", from, to)
	return said, err
}
