package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/example"
	"github.com/spf13/cobra"
)

type exampleOptions struct {
	clients int
	seed    int64
	out     string
	force   bool
}

func newFleetExample(env Env, g *global) *cobra.Command {
	var o exampleOptions
	cmd := &cobra.Command{
		Use:   "example [flags]",
		Short: "Invent a fleet to try things on",
		Long: `Example writes the files of an invented fleet into a folder of its own: clients on
AWS (standard, dedicated and light tier), on pairs of sites and on their own
premises, with the pairs and one organisation. Every file is valid and no stack
breaks a promise. The same seed makes the same fleet.

Names, addresses and keys are nobody's, and secrets are stand-ins: the stacks
live on the embedded cloud, with --local. A folder that holds stacks is refused;
--force removes them and their local state first.`,
		Example: "  berth fleet example --clients 100 --out /tmp/fleet\n  berth fleet example --clients 1000 --seed 7 --out /tmp/fleet --force",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return runFleetExample(env, g, o)
		},
	}
	cmd.Flags().IntVar(&o.clients, "clients", 100, "`number` of clients, besides the pairs of sites and the organisation")
	cmd.Flags().Int64Var(&o.seed, "seed", 1, "`number` that the fleet grows from")
	cmd.Flags().StringVar(&o.out, "out", "fleet-example", "write into `folder`")
	cmd.Flags().BoolVar(&o.force, "force", false, "remove the stacks that the folder holds")
	return cmd
}

// exampleProject is the Pulumi.yaml of a fleet, by which its folder is known again.
const exampleProject = "name: berth\ndescription: An invented fleet\nruntime: go\n"

// exampleAnswer is what example wrote.
type exampleAnswer struct {
	Folder string         `json:"folder"`
	Seed   int64          `json:"seed"`
	Kinds  map[string]int `json:"kinds"`
	Stacks []string       `json:"stacks"`
}

func runFleetExample(env Env, g *global, o exampleOptions) error {
	if o.clients < 1 || o.clients > example.Most {
		return usage("--clients is %d; it is 1 to %d", o.clients, example.Most)
	}
	before, err := engine.Stacks(o.out)
	if err != nil {
		return err
	}
	if len(before) > 0 && !o.force {
		return &unconfirmedError{fmt.Sprintf("%s holds %d stacks, such as %s; nothing was changed\nname another folder with --out, or add --force to remove them",
			o.out, len(before), before[0])}
	}
	if err := ownFolder(o.out); err != nil {
		return err
	}
	files, err := example.Make(example.Options{Clients: o.clients, Seed: o.seed, Now: env.Now()})
	if err != nil {
		return err
	}
	answer := exampleAnswer{Folder: o.out, Seed: o.seed, Kinds: map[string]int{}}
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return fmt.Errorf("make the fleet's folder: %w", err)
	}
	for _, stack := range before {
		err := errors.Join(os.Remove(filepath.Join(o.out, "Pulumi."+stack+".yaml")), os.RemoveAll(engine.LocalFolder(o.out, stack)))
		if err != nil {
			return fmt.Errorf("remove the fleet before: %w", err)
		}
	}
	project := filepath.Join(o.out, "Pulumi.yaml")
	if err := replaceFile(project, []byte(exampleProject)); err != nil {
		return err
	}
	for _, file := range files {
		if err := replaceFile(filepath.Join(o.out, file.Name), file.Text); err != nil {
			return err
		}
		answer.Stacks = append(answer.Stacks, file.Stack)
		answer.Kinds[string(file.Kind)]++
	}
	if g.output == "json" {
		return printJSON(env, answer)
	}
	_, _ = fmt.Fprintf(env.Out, "%s: %d stacks of %d clients, seed %d\n", o.out, len(files), o.clients, o.seed)
	kinds := make([]string, 0, len(answer.Kinds))
	for kind := range answer.Kinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		_, _ = fmt.Fprintf(env.Out, "  %5d  %s\n", answer.Kinds[kind], kind)
	}
	if g.quiet {
		return nil
	}
	style := g.style(env)
	_, _ = fmt.Fprintln(env.Out, "\nTry next:")
	show.Next(env.Out, style, "berth fleet preview --local --root "+o.out, "what bringing all of them up would do")
	show.Next(env.Out, style, "berth fleet up --all --local --yes --root "+o.out, "bring them up on the embedded cloud, wave by wave")
	show.Next(env.Out, style, "berth client list --root "+o.out, "who they are")
	show.Next(env.Out, style, "berth up "+answer.Stacks[0]+" --local --root "+o.out, "one of them alone")
	return nil
}

// ownFolder refuses a folder whose Pulumi.yaml is not one that example wrote: it is somebody's project.
func ownFolder(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "Pulumi.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the folder's project: %w", err)
	}
	if string(text) != exampleProject {
		return &unconfirmedError{folder + " holds a project of its own (Pulumi.yaml); nothing was changed\nname another folder with --out"}
	}
	return nil
}
