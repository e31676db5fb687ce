package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/draft"
	"github.com/spf13/cobra"
)

func newClient(env Env, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "client",
		Short: "Take a client from the first day to the last",
		Long: `Client makes the stack of a new client out of few answers, lists all clients,
copies and renames stacks, and retires a client who leaves, with a certificate
that says what was deleted.`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClientNew(env, g), newClientList(env, g), newClientCopy(env, g), newClientRename(env, g), newClientRetire(env, g), newClientCertificate(env, g))
	return cmd
}

// fleetFiles reads what the folder's stacks tell.
func fleetFiles(env Env, g *global) (*draft.Fleet, error) {
	if _, err := os.Stat(filepath.Join(g.root, "Pulumi.yaml")); err != nil {
		return nil, fmt.Errorf("%s is no folder of stacks: %w\nrun berth in the folder that holds Pulumi.yaml, or name it with --root", g.root, err)
	}
	names, err := engine.Stacks(g.root)
	if err != nil {
		return nil, err
	}
	f := &draft.Fleet{Now: env.Now()}
	for _, name := range names {
		text, err := os.ReadFile(stackPath(g, name))
		if err != nil {
			return nil, fmt.Errorf("read the stack's file: %w", err)
		}
		f.Add(name, text)
	}
	return f, nil
}

func stackPath(g *global, stack string) string {
	return filepath.Join(g.root, "Pulumi."+stack+".yaml")
}

// createFile writes a new file in one piece. It is there whole or not at all, and no other is overwritten.
func createFile(path string, text []byte) (err error) {
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(next.Name()) }() // its other name stays
	_, err = next.Write(text)
	err = errors.Join(err, next.Chmod(0o644), next.Sync(), next.Close())
	if err == nil {
		err = os.Link(next.Name(), path)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return &unconfirmedError{path + " is there already; nothing was changed"}
	case err != nil:
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
