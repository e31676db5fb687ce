package lint

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/format"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const module = "github.com/berth-iac/berth"

// targets are packages that others import, by the name that the matrix has for them.
var targets = map[string]string{
	"spec":       module + "/spec",
	"components": module + "/components/vault",
	"actions":    module + "/components/verifier/actions",
	"verifier":   module + "/components/verifier",
	"stacks":     module + "/stacks/harbour",
	"engine":     module + "/engine",
	"promises":   module + "/promises/catalogue",
	"localcloud": module + "/localcloud",
	"machine":    module + "/machine",
	"bundle":     module + "/machine/bundle",
	"provider":   module + "/machine/provider",
	"fleet":      module + "/fleet",
	"cmd":        module + "/cmd/berth/command",
	"pulumi":     "github.com/pulumi/pulumi/sdk/v3/go/pulumi",
	"aws":        "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2",
}

// mayImport is the direction of the dependencies: all that each part of the tree may import of the targets.
var mayImport = map[string][]string{
	"spec":       {"spec"},
	"components": {"actions", "aws", "bundle", "components", "machine", "pulumi", "spec", "verifier"},
	// What a machine is to be is worked out from a spec alone.
	"components/host": {"actions", "bundle", "components", "machine", "spec", "verifier"},
	"promises":        {"promises", "pulumi", "spec"},
	// What reads an account back knows what it may read, and nothing of the role that may.
	"promises/live":  {"actions", "promises", "pulumi", "spec"},
	"stacks":         {"actions", "aws", "bundle", "components", "machine", "promises", "pulumi", "spec", "stacks", "verifier"},
	"localcloud":     {"localcloud", "pulumi"},
	"machine":        {"bundle", "machine", "provider", "pulumi"},
	"machine/bundle": {"bundle", "machine", "provider"},
	"engine":         {"bundle", "engine", "localcloud", "machine", "promises", "provider", "pulumi", "spec"},
	// Messages go through it as they are, and whose a connection is does not depend on what it is for.
	"engine/plugins": {"pulumi"},
	"loopback":       {},
	"fleet":          {"engine", "fleet", "promises", "spec"},
	"cmd":            slices.Sorted(maps.Keys(targets)),
}

// sources are the files that break other rules, or nearly do. wants are "linter: the start of the finding".
var sources = []struct {
	promise, file, code string
	wants               []string
}{
	{"a component does not read the environment", "components/a/a.go",
		doc("a") + `import "os"` + "\n" + `var _ = os.Getenv("HOME")`, []string{"forbidigo: use of `os.Getenv`"}},
	{"an import by another name hides nothing", "spec/a/a.go",
		doc("a") + `import system "os"` + "\n" + `var _ = system.Environ()`, []string{"forbidigo: use of `system.Environ`"}},
	{"the engine does not read the environment", "engine/a/a.go",
		doc("a") + `import "os"` + "\n" + `var _, _ = os.LookupEnv("HOME")`, []string{"forbidigo: use of `os.LookupEnv`"}},
	{"the command may", "cmd/berth/a/a.go",
		doc("a") + `import "os"` + "\n" + `var _ = os.Getenv("HOME")`, nil},

	{"a component does not read the clock", "components/b/b.go",
		doc("b") + `import "time"` + "\n" + `var _ = time.Now()`, []string{"forbidigo: use of `time.Now`"}},
	{"no stack but the program reads the clock", "stacks/b/b.go",
		doc("b") + `import "time"` + "\n" + `var _ = time.Since(time.Time{})`, []string{"forbidigo: use of `time.Since`"}},
	{"the program may", "stacks/program/b.go",
		doc("program") + `import "time"` + "\n" + `var _ = time.Now()`, nil},
	{"the embedded cloud does not read the clock", "localcloud/drift.go",
		"package localcloud\n" + `import "time"` + "\n" + `var _ = time.Now()`, []string{"forbidigo: use of `time.Now`"}},
	{"but in one place, which reads no environment", "localcloud/cloud.go",
		"package localcloud\n" + `import ("os"; "time")` + "\n" + `var _, _ = time.Now(), os.Getenv("HOME")`,
		[]string{"forbidigo: use of `os.Getenv`"}},
	{"another place of that name may not", "localcloud/deeper/cloud.go",
		doc("deeper") + `import "time"` + "\n" + `var _ = time.Now()`, []string{"forbidigo: use of `time.Now`"}},
	{"the engine reads the clock", "engine/b/b.go",
		doc("b") + `import "time"` + "\n" + `var _ = time.Now()`, nil},
	{"a package that is called engine is not the engine", "components/engine/b.go",
		doc("engine") + `import "time"` + "\n" + `var _ = time.Now()`, []string{"forbidigo: use of `time.Now`"}},

	{"a component starts no process", "components/c/c.go",
		doc("c") + `import ("context"; "os/exec")` + "\n" + `var _ = exec.CommandContext(context.Background(), "true")`,
		[]string{"forbidigo: use of `exec.CommandContext`"}},
	{"the engine does", "engine/c/c.go",
		doc("c") + `import ("context"; "os/exec")` + "\n" + `var _ = exec.CommandContext(context.Background(), "true")`, nil},
	{"but none that knows no end", "engine/d/d.go",
		doc("d") + `import "os/exec"` + "\n" + `func _() { _ = exec.Command("true") }`, []string{"noctx: os/exec.Command must not be called"}},
	{"nobody but the command ends the process", "engine/e/e.go",
		doc("e") + `import "os"` + "\n" + `func _() { os.Exit(1) }`, []string{"forbidigo: use of `os.Exit`"}},
	{"nobody writes past the writer it was given", "stacks/f/f.go",
		doc("f") + `import "fmt"` + "\n" + `func _() { fmt.Println() }`, []string{"forbidigo: use of `fmt.Println`"}},
	{"a component asks no network", "components/g/g.go",
		doc("g") + `import "net/http"` + "\n" + `var _ = http.DefaultClient`, []string{"forbidigo: use of `http.DefaultClient`"}},

	{"graph tests are for tests", "stacks/h/h.go",
		doc("h") + `import "` + module + `/components/graphtest"` + "\n" + `var _ = graphtest.Here`,
		[]string{"depguard: import '" + module + "/components/graphtest'"}},
	{"and tests may", "stacks/h/h_test.go",
		"package h\n" + `import "` + module + `/components/graphtest"` + "\n" + `var _ = graphtest.Here`, nil},
	{"testing is for tests", "components/h/h.go",
		doc("h") + `import "testing"` + "\n" + `var _ = testing.Short`, []string{"depguard: import 'testing'"}},

	{"every package says what it is for", "components/i/i.go", "package i\n", []string{"revive: package-comments: "}},
	{"every exported name says what it is", "spec/i/i.go", doc("i") + "func Berth() {}", []string{"revive: exported: "}},
	{"no package runs by being imported", "spec/j/j.go", doc("j") + "func init() {}", []string{"gochecknoinits: "}},
	{"no error is passed over in silence", "engine/k/k.go",
		doc("k") + `import "os"` + "\n" + `func _() { os.Remove("x") }`, []string{"errcheck: "}},
	{"no finding is waved through without a reason", "engine/l/l.go",
		doc("l") + `import "os/exec"` + "\n" + `func _() { _ = exec.Command("true") } //nolint:noctx`, []string{"nolintlint: "}},
	{"the prose is British", "spec/m/m.go", "// Package m has a behav" + "ior.\npackage m\n", []string{"misspell: "}},
}

func doc(name string) string {
	return "// Package " + name + " is here to be looked at.\npackage " + name + "\n"
}

func TestTheRulesBite(t *testing.T) {
	linter, root := golangci(t)
	dir := t.TempDir()
	write(t, dir, "go.mod", "module "+module+"\n\ngo 1.26\n\n"+
		"require (\n\tgithub.com/pulumi/pulumi/sdk/v3 v3.0.0\n\tgithub.com/pulumi/pulumi-aws/sdk/v6 v6.0.0\n)\n\n"+
		"replace github.com/pulumi/pulumi/sdk/v3 => ./outside/pulumi\n\nreplace github.com/pulumi/pulumi-aws/sdk/v6 => ./outside/aws\n")
	write(t, dir, "outside/pulumi/go.mod", "module github.com/pulumi/pulumi/sdk/v3\n\ngo 1.26\n")
	write(t, dir, "outside/aws/go.mod", "module github.com/pulumi/pulumi-aws/sdk/v6\n\ngo 1.26\n")
	for _, target := range append(slices.Collect(maps.Values(targets)), module+"/components/graphtest") {
		folder := strings.NewReplacer(module+"/", "", "github.com/pulumi/pulumi/sdk/v3", "outside/pulumi",
			"github.com/pulumi/pulumi-aws/sdk/v6", "outside/aws").Replace(target)
		write(t, dir, folder+"/here.go", doc(path.Base(target))+"\n// Here is a name to import.\nconst Here = 1\n")
	}
	for from := range mayImport {
		for to, target := range targets {
			write(t, dir, importer(from, to), fmt.Sprintf("%s\nimport %q\n\nvar _ = %s.Here\n", doc("to"+to), target, path.Base(target)))
		}
	}
	for _, source := range sources {
		write(t, dir, source.file, source.code)
	}
	config, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".golangci.yml", string(config))
	found := run(t, linter, dir)

	for _, from := range slices.Sorted(maps.Keys(mayImport)) {
		t.Run(from+" imports what it may only", func(t *testing.T) {
			list, _, _ := strings.Cut(from, "/") // a part of one has its rules in lists of that name, or of names that begin so
			for _, to := range slices.Sorted(maps.Keys(targets)) {
				var wants []string
				if !slices.Contains(mayImport[from], to) {
					wants = []string{"depguard: import '" + targets[to] + "' is not allowed from list '" + list}
				}
				compare(t, importer(from, to), found, wants)
			}
		})
	}
	for _, source := range sources {
		t.Run(source.promise, func(t *testing.T) { compare(t, source.file, found, source.wants) })
	}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("%s: found what nobody looked for: %q", file, found[file])
	}
}

func importer(from, to string) string { return path.Join(from, "to"+to, "to.go") }

// compare takes a file's findings out of all that were found.
func compare(t *testing.T, file string, found map[string][]string, wants []string) {
	t.Helper()
	got := found[file]
	delete(found, file)
	if !slices.EqualFunc(got, wants, strings.HasPrefix) {
		t.Errorf("%s:\ngot  %q\nwant %q", file, got, wants)
	}
}

// golangci is the linter that tools/go.mod pins, where the Makefile builds it, and the tree's root.
func golangci(t *testing.T) (linter, root string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root = filepath.Join(filepath.Dir(here), "..", "..")
	pins, err := os.ReadFile(filepath.Join(root, "tools", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^\s*github\.com/golangci/golangci-lint/v2 (v\S+)`).FindSubmatch(pins)
	if version == nil {
		t.Fatal("tools/go.mod pins no golangci-lint")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	cache := cmp.Or(os.Getenv("XDG_CACHE_HOME"), filepath.Join(home, ".cache"))
	linter = filepath.Join(cache, "berth", "golangci-lint-"+string(version[1]), "bin", "golangci-lint")
	if _, err := os.Stat(linter); err != nil {
		t.Skipf("golangci-lint %s is not built: run `make lint` to see its rules bite: %v", version[1], err)
	}
	return linter, root
}

// run lints the module in dir. It returns "linter: finding" by file.
func run(t *testing.T, linter, dir string) map[string][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	report := filepath.Join(dir, "report.json")
	cmd := exec.CommandContext(ctx, linter, "run", "--allow-parallel-runners", "--issues-exit-code", "0",
		"--output.json.path", report, "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "PWD="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("golangci-lint: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Issues []struct {
			FromLinter, Text string
			Pos              struct{ Filename string }
		}
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, issue := range result.Issues {
		found[issue.Pos.Filename] = append(found[issue.Pos.Filename], issue.FromLinter+": "+issue.Text)
	}
	return found
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if path.Ext(name) == ".go" { // the sources above are written to be short
		formatted, err := format.Source([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text = string(formatted)
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
