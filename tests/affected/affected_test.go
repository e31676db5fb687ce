package affected_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/fleet/affected"
	"github.com/berth-iac/berth/spec"
)

const repository = "../.."

// everything are the stacks of this repository.
var everything = []string{"globex", "hooli", "initech", "organisation", "prod", "sites", "sites-hetzner"}

// run starts a program as the command does.
func run(ctx context.Context, name string, args ...string) (string, error) {
	var said strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return string(text), nil
}

// tree is a copy of this repository as it is now, committed.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) *tree {
	t.Helper()
	for _, tool := range []string{"git", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: %v", tool, err)
		}
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &tree{t, root}
	listed, err := run(t.Context(), "git", "-C", repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		t.Skipf("this is no git repository: %v", err)
	}
	for file := range strings.SplitSeq(listed, "\x00") {
		info, err := os.Lstat(filepath.Join(repository, file))
		if file == "" || err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		c.write(file, string(text))
	}
	c.git("init", "--quiet", "--initial-branch=main")
	c.commit()
	return c
}

func (c *tree) git(args ...string) {
	c.t.Helper()
	if _, err := run(context.WithoutCancel(c.t.Context()), "git", append([]string{"-C", c.root, "-c", "user.name=Test", "-c", "user.email=test@example.com",
		"-c", "commit.gpgsign=false", "-c", "gc.auto=0"}, args...)...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *tree) commit() {
	c.t.Helper()
	c.git("add", "--all")
	c.git("commit", "--quiet", "--message", "before")
}

// back undoes all changes since the commit.
func (c *tree) back() {
	c.t.Helper()
	c.git("reset", "--quiet", "--hard")
	c.git("clean", "--quiet", "-fd")
}

func (c *tree) write(file, text string) {
	c.t.Helper()
	path := filepath.Join(c.root, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// replace changes a text in a file; it has to be there.
func (c *tree) replace(file, old, text string) {
	c.t.Helper()
	was, err := os.ReadFile(filepath.Join(c.root, file))
	if err != nil {
		c.t.Fatal(err)
	}
	is := strings.Replace(string(was), old, text, 1)
	if is == string(was) {
		c.t.Fatalf("%s has no %q to change", file, old)
	}
	c.write(file, is)
}

func (c *tree) remove(file string) {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.root, file)); err != nil {
		c.t.Fatal(err)
	}
}

// since asks the package under test.
func (c *tree) since() *affected.Answer {
	c.t.Helper()
	git, packages := affected.NewTools(c.root, run)
	answer, err := affected.Since(c.t.Context(), affected.Input{Revision: "HEAD", Stacks: c.stacks(), Git: git, Packages: packages})
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c *tree) stacks() map[string]spec.Kind {
	c.t.Helper()
	all := map[string]spec.Kind{}
	files, err := filepath.Glob(filepath.Join(c.root, "Pulumi.*.yaml"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		all[name] = ""
		for line := range strings.Lines(string(text)) {
			if kind, ok := strings.CutPrefix(strings.TrimSpace(line), "kind: "); ok {
				all[name] = spec.Kind(kind)
			}
		}
	}
	return all
}

// graphs are the digests of all stacks' resource graphs.
func (c *tree) graphs() map[string]string {
	c.t.Helper()
	text, err := run(c.t.Context(), "go", "-C", c.root, "run", "./tests/affected/digest")
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(text) {
		stack, digest, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[stack] = digest
	}
	if len(all) != len(c.stacks()) {
		c.t.Fatalf("graphs of %d stacks, want %d:\n%s", len(all), len(c.stacks()), text)
	}
	return all
}

// Each change of a file, and the stacks that it has to name: no fewer, and here no more either.
func TestAChangeNamesTheStacksThatHaveIt(t *testing.T) {
	c := newTree(t)
	hosts := []string{"globex", "hooli", "initech", "sites", "sites-hetzner"}
	for _, tc := range []struct {
		name   string
		change func()
		want   []string
		why    string // in each stack's reasons
	}{
		{"nothing", func() {}, nil, ""},
		{"a component of one kind", func() { c.replace("components/backup/backup.go", "package backup", "package backup // changed") },
			[]string{"prod"}, "package components/backup is in the programs of awsclient"},
		{"a component of several kinds", func() { c.replace("components/edge/edge.go", "package edge", "package edge // changed") },
			[]string{"globex", "hooli", "prod"}, "awsclient, lightclient, siteclient"},
		{"a file that is embedded", func() { c.replace("components/host/files/service/serves", "\n", "\n# changed\n") }, hosts, "embeds it"},
		{"a new file where files are embedded", func() { c.write("components/host/files/service/new", "new\n") }, hosts, "embeds it"},
		{"an embedded file that is gone", func() { c.remove("components/host/files/service/serves") }, hosts, "gone from package components/host"},
		{"the script of machines", func() { c.replace("machine/bundle/berth-host", "\n", "\n# changed\n") }, everything, "embeds it"},
		{"a file of Go that is gone", func() { c.remove("components/backup/vault.go") }, []string{"prod"}, "components/backup"},
		{"what all kinds share", func() { c.replace("spec/sites.go", "package spec", "package spec // changed") }, everything, "all kinds"},
		{"a promise", func() {
			c.replace("promises/catalogue/catalogue.go", "package catalogue", "package catalogue // changed")
		}, everything, "all kinds"},
		{"pages", func() { c.replace("docs/README.md", "\n", "\nchanged\n") }, nil, ""},
		{"tests", func() { c.write("components/backup/new_test.go", "package backup\n") }, nil, ""},
		{"golden files", func() { c.write("components/backup/testdata/new.golden", "new\n") }, nil, ""},
		{"the provider of machines", func() { c.write("machine/provider/new.go", "package provider\n") }, nil, ""},
		{"the embedded cloud", func() { c.write("localcloud/new.go", "package localcloud\n") }, nil, ""},
		{"the service", func() { c.replace("app/go.mod", "\n", "\n// changed\n") }, nil, ""},
		{"one stack's file", func() { c.replace("Pulumi.globex.yaml", "requests: 600", "requests: 700") }, []string{"globex"}, "the stack's own file"},
		{"a stack that is not tracked yet", func() {
			text, err := os.ReadFile(filepath.Join(c.root, "Pulumi.globex.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			c.write("Pulumi.umbrella.yaml", string(text))
		}, []string{"umbrella"}, "the stack's own file"},
		{"a stack that is gone", func() { c.remove("Pulumi.globex.yaml") }, nil, ""},
		{"the project", func() { c.replace("Pulumi.yaml", "A place", "The place") }, everything, "the project"},
		{"two at once", func() {
			c.replace("components/backup/backup.go", "package backup", "package backup // changed")
			c.replace("Pulumi.globex.yaml", "requests: 600", "requests: 700")
		}, []string{"globex", "prod"}, ""},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			c.t = t
			t.Cleanup(func() { c.t = t; c.back() })
			tc.change()
			answer := c.since()
			if got := answer.Names(); !slices.Equal(got, tc.want) && len(got)+len(tc.want) > 0 {
				t.Errorf("named %v, want %v", got, tc.want)
			}
			for _, s := range answer.Stacks {
				said := fmt.Sprint(s.Reasons)
				if !strings.Contains(said, tc.why) {
					t.Errorf("%s: the reasons are %s, want %q among them", s.Name, said, tc.why)
				}
			}
			if gone := tc.name == "a stack that is gone"; gone != slices.Contains(answer.Removed, "globex") {
				t.Errorf("removed: %v", answer.Removed)
			}
		})
	}
}

// The same against the programs themselves: whatever changes a graph has to be foretold.
func TestWhatChangesWasForetold(t *testing.T) {
	if testing.Short() {
		t.Skip("it links the programs of all stacks four times")
	}
	c := newTree(t)
	before := c.graphs()
	for _, tc := range []struct {
		name   string
		change func()
		least  []string // stacks whose graph the change is known to change
	}{
		{"a_component_and_one_stack", func() {
			c.replace("components/backup/plan.go", "cron(0 0", "cron(15 0")
			c.replace("Pulumi.globex.yaml", "requests: 600", "requests: 700")
		}, []string{"globex", "prod"}},
		{"a_file_on_machines", func() { c.replace("components/host/files/service/serves", "\n", "\n# changed\n") }, []string{"hooli", "initech", "sites"}},
		{"spec_and_pages", func() {
			c.replace("spec/defaults.go", "package spec", "package spec // changed")
			c.replace("docs/README.md", "\n", "\nchanged\n")
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.t = t
			t.Cleanup(func() { c.t = t; c.back() })
			tc.change()
			answer, after := c.since(), c.graphs()
			var changed []string
			for _, stack := range slices.Sorted(maps.Keys(after)) {
				if after[stack] != before[stack] {
					changed = append(changed, stack)
				}
			}
			t.Logf("changed: %v; foretold: %v", changed, answer.Names())
			for _, stack := range changed {
				if !answer.Has(stack) {
					t.Errorf("the graph of %s changes, and it was not foretold", stack)
				}
			}
			for _, stack := range tc.least {
				if !slices.Contains(changed, stack) {
					t.Errorf("the graph of %s does not change: the test's own change is none", stack)
				}
			}
		})
	}
}

func TestRevisionsThatAreNotThere(t *testing.T) {
	c := newTree(t)
	for name, tc := range map[string]struct {
		root     func() string
		revision string
		want     []string
	}{
		"no repository": {func() string { return t.TempDir() }, "HEAD", []string{"not in a git repository", "clone"}},
		"unknown":       {func() string { return c.root }, "origin/nowhere", []string{"no such revision", "git fetch origin"}},
		"a flag":        {func() string { return c.root }, "--output=x", []string{"no name of a revision"}},
		"shallow": {func() string {
			c.write("docs/README.md", "changed\n")
			c.commit()
			shallow := filepath.Join(t.TempDir(), "shallow")
			if _, err := run(t.Context(), "git", "clone", "--quiet", "--depth=1", "file://"+c.root, shallow); err != nil {
				t.Fatal(err)
			}
			return shallow
		}, "HEAD~1", []string{"shallow", "git fetch --unshallow", "fetch-depth: 0"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			git, packages := affected.NewTools(tc.root(), run)
			_, err := affected.Since(t.Context(), affected.Input{Revision: tc.revision, Git: git, Packages: packages})
			var wrong *affected.RevisionError
			if !errors.As(err, &wrong) {
				t.Fatalf("err = %v, want a RevisionError", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("err = %q, want %q in it", err, part)
				}
			}
		})
	}
}
