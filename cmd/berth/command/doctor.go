package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/spf13/cobra"
)

// finding is one thing that berth can use, and whether it is there.
type finding struct {
	Name    string `json:"name"`
	Found   bool   `json:"found"`
	Needed  bool   `json:"needed"`            // without it nothing works
	Detail  string `json:"detail,omitempty"`  // version, path, or names; never a secret's value
	Without string `json:"without,omitempty"` // what is missed without it
	Fix     string `json:"fix,omitempty"`
}

type doctorOptions struct {
	local string
}

func newDoctor(env Env, g *global) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is there to work with, and what each missing thing costs",
		Long: `Doctor looks for the Pulumi CLI, its language host and plugins, credentials,
and the emulators that tests can use. Of credentials it names the variables and
files, never their values. The exit code is 1 when something is missing that
nothing works without.

With --local <stack> it compares the embedded cloud of that stack with its state
as well, and names what exists there and is in no state.`,
		Example: "  berth doctor\n  berth doctor --output json\n  berth doctor --local prod",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), env, g, o)
		},
	}
	cmd.Flags().StringVar(&o.local, "local", "", "compare the embedded cloud of this `stack` with its state too")
	return cmd
}

func runDoctor(ctx context.Context, env Env, g *global, o doctorOptions) error {
	findings := examine(ctx, env, g)
	if o.local != "" {
		orphans, err := localOrphans(ctx, env, g, o.local)
		if err != nil {
			return err
		}
		findings = append(findings, orphans)
	}
	if g.output == "json" {
		if err := printJSON(env, findings); err != nil {
			return err
		}
	} else {
		printFindings(env.Out, g.style(env), findings)
	}
	for _, f := range findings {
		if f.Needed && !f.Found {
			return fmt.Errorf("%s is missing, and nothing works without it\n%s", f.Name, f.Fix)
		}
	}
	return nil
}

func printFindings(w io.Writer, s show.Style, findings []finding) {
	for _, f := range findings {
		show.Finding(w, s, f.Name, f.Found, f.Needed, f.Detail, f.Without, f.Fix)
	}
}

// examine looks for everything, in the order in which it matters.
func examine(ctx context.Context, env Env, g *global) []finding {
	pulumi := finding{Name: "Pulumi CLI", Needed: true, Without: "nothing runs", Fix: "make pulumi"}
	if path, err := env.FindCLI(ctx, g.cli); err == nil {
		pulumi.Found, pulumi.Detail = true, path
		if version, err := env.Probe(ctx, path, "version"); err == nil {
			pulumi.Detail = version + " at " + path
		}
	}
	findings := []finding{
		{Name: "Embedded cloud", Found: true, Detail: "built in: " + runtime.GOOS + "/" + runtime.GOARCH + ", no account needed"},
		pulumi,
		program(env, "git", "git", "versions of what is deployed cannot be told", "apt-get install git"),
		program(env, "Go language host", "pulumi-language-go", "`pulumi up` without berth does not run; berth itself does not need it", "install the stock Pulumi CLI, which brings it along"),
		plugin(env, "aws", "v6.83.0"),
		plugin(env, "cloudflare", "v5.49.1"),
		plugin(env, "hcloud", "v1.41.0"),
		credentials(env, "AWS credentials", "the real AWS cannot be reached; --local works",
			[]string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"},
			filepath.Join(env.Home, ".aws", "credentials"), filepath.Join(env.Home, ".aws", "config")),
		credentials(env, "Cloudflare credentials", "the real Cloudflare cannot be reached; --local works", []string{"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"}),
		credentials(env, "Hetzner credentials", "the real Hetzner Cloud cannot be reached; --local works", []string{"HCLOUD_TOKEN"}),
		credentials(env, "Pulumi backend", "real stacks have no state to work on; --local has its own", []string{"PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"},
			filepath.Join(env.Home, ".pulumi", "credentials.json")),
		program(env, "moto_server", "moto_server", "the tests against an emulated AWS are left out", "pip install 'moto[server]'"),
		program(env, "rsvg-convert", "rsvg-convert", "pictures stay SVG; PNG is not made", "apt-get install librsvg2-bin"),
	}
	if _, err := env.LookPath("docker"); err != nil {
		findings = append(findings, finding{Name: "Docker", Detail: "not there", Without: "nothing: berth does not use it"})
	} else {
		findings = append(findings, finding{Name: "Docker", Found: true, Detail: "there; berth does not use it"})
	}
	return findings
}

func program(env Env, name, file, without, fix string) finding {
	path, err := env.LookPath(file)
	if err != nil {
		return finding{Name: name, Without: without, Fix: fix}
	}
	return finding{Name: name, Found: true, Detail: path}
}

// plugin looks for a provider plugin where Pulumi finds it: on the PATH or in Pulumi's home.
func plugin(env Env, name, version string) finding {
	f := finding{Name: "Plugin " + name, Without: "stacks on the real cloud cannot be worked on; --local works",
		Fix: "pulumi plugin install resource " + name + " " + version}
	if path, err := env.LookPath("pulumi-resource-" + name); err == nil {
		f.Found, f.Detail = true, path
		return f
	}
	home := variable(env, "PULUMI_HOME")
	if home == "" {
		home = filepath.Join(env.Home, ".pulumi")
	}
	found, _ := filepath.Glob(filepath.Join(home, "plugins", "resource-"+name+"-v*")) // the pattern is well formed
	found = slices.DeleteFunc(found, func(path string) bool { return strings.HasSuffix(path, ".lock") })
	if len(found) > 0 {
		slices.Sort(found)
		f.Found, f.Detail = true, found[len(found)-1]
	}
	return f
}

// credentials looks for variables and files that hold credentials, and names those that are there.
func credentials(env Env, name, without string, variables []string, files ...string) finding {
	f := finding{Name: name, Without: without, Fix: "set " + variables[0]}
	var found []string
	for _, v := range variables {
		if variable(env, v) != "" {
			found = append(found, v)
		}
	}
	for _, path := range files {
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	if len(found) > 0 {
		f.Found, f.Detail = true, strings.Join(found, ", ")
	}
	return f
}

func variable(env Env, name string) string {
	found := ""
	for _, entry := range env.Environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			found = v
		}
	}
	return found
}

// localOrphans compares a stack's embedded cloud with its state.
func localOrphans(ctx context.Context, env Env, g *global, name string) (f finding, err error) {
	f = finding{Name: "Local stack " + name}
	if _, err := os.Stat(engine.LocalFolder(g.root, name)); err != nil {
		f.Detail, f.Without, f.Fix = "", "it was never brought up here", "berth up "+name+" --local"
		return f, nil
	}
	t := target{local: true}
	stack, _, err := t.open(ctx, env, g, name, engine.Options{})
	if err != nil {
		return f, err
	}
	defer closing(stack, &err)
	orphans, err := stack.Orphans(ctx)
	if err != nil {
		return f, err
	}
	f.Found, f.Detail = len(orphans) == 0, "the embedded cloud holds what the state names, and nothing else"
	if !f.Found {
		f.Detail, f.Without, f.Fix = "", "in the embedded cloud, and in no state: "+strings.Join(orphans, ", "), "berth destroy "+name+" --local --yes --confirm "+name
	}
	return f, nil
}
