package ci_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	repository = "../.."
	recipes    = repository + "/docs/ci"
)

// workflow is what of a workflow of GitHub's is looked at.
type workflow struct {
	On          any               `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	Uses        string            `yaml:"uses"`
	Permissions map[string]string `yaml:"permissions"`
	Timeout     int               `yaml:"timeout-minutes"`
	Environment string            `yaml:"environment"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	Name string            `yaml:"name"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	If   string            `yaml:"if"`
	With map[string]any    `yaml:"with"`
	Env  map[string]string `yaml:"env"`
}

func read(t *testing.T, name string) (workflow, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recipes, "github", name))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w, string(text)
}

func names(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recipes, "github", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recipes: %v", err)
	}
	for i, file := range files {
		files[i] = filepath.Base(file)
	}
	return files
}

func TestWorkflowsPassActionlint(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skipf("shellcheck, which reads the scripts, is not installed: %v", err)
	}
	root := t.TempDir() // as in a repository that uses them, where they call each other
	folder := filepath.Join(root, ".github", "workflows")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "--quiet", root).CombinedOutput(); err != nil {
		t.Skipf("git: %v: %s", err, out)
	}
	for _, name := range names(t) {
		_, text := read(t, name)
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	modfile, err := filepath.Abs(filepath.Join(repository, "tools", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	linter := filepath.Join(t.TempDir(), "actionlint")
	build := exec.CommandContext(t.Context(), "go", "build", "-modfile="+modfile, "-o", linter, "github.com/rhysd/actionlint/cmd/actionlint")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build actionlint: %v\n%s", err, out)
	}
	lint := exec.CommandContext(t.Context(), linter, "-no-color")
	lint.Dir = root
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
}

// pinned is an action by the full digest of a commit, with the version that it is beside it.
var pinned = regexp.MustCompile(`^\s*- uses: [A-Za-z0-9-]+/[A-Za-z0-9-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$`)

// secrets are the only ones that recipes ask for: what signs.
var secrets = []string{"secrets.RELEASE_KEY", "secrets.EVIDENCE_KEY"}

func TestWorkflowsHaveNoMoreThanTheyNeed(t *testing.T) {
	asked := regexp.MustCompile(`secrets\.[A-Za-z_]+`)
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			w, text := read(t, name)
			if w.Permissions == nil || len(w.Permissions) > 0 {
				t.Errorf("permissions are %v, want {}: each job asks for its own", w.Permissions)
			}
			if strings.Contains(text, "pull_request_target") || strings.Contains(text, "workflow_run") {
				t.Error("it runs what strangers propose with the repository's own rights")
			}
			for _, secret := range asked.FindAllString(text, -1) {
				if !slices.Contains(secrets, secret) {
					t.Errorf("it needs %s: there are roles for that", secret)
				}
			}
			for line := range strings.Lines(text) {
				line = strings.TrimRight(line, "\n")
				if strings.Contains(line, "- uses: ") && !pinned.MatchString(line) {
					t.Errorf("%q is not pinned by a commit with its version beside it", strings.TrimSpace(line))
				}
			}
			for _, key := range slices.Sorted(maps.Keys(w.Jobs)) {
				checkJob(t, key, w.Jobs[key])
			}
		})
	}
}

func checkJob(t *testing.T, key string, j job) {
	t.Helper()
	if j.Permissions == nil {
		t.Errorf("job %s does not say what it may", key)
	}
	if j.Uses == "" && j.Timeout == 0 {
		t.Errorf("job %s may go on for six hours", key)
	}
	cloud := false
	for _, s := range j.Steps {
		if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
			t.Errorf("job %s: the checkout leaves its token in the working folder", key)
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("job %s, step %q: a value stands in the script's own text; pass it in env", key, s.Name)
		}
		if strings.HasPrefix(s.Uses, "aws-actions/") {
			cloud = true
			for _, name := range []string{"aws-access-key-id", "aws-secret-access-key"} {
				if s.With[name] != nil {
					t.Errorf("job %s signs in with keys", key)
				}
			}
		}
	}
	if cloud != (j.Permissions["id-token"] == "write") && j.Uses == "" {
		t.Errorf("job %s: signs in: %v; may have a token for that: %v", key, cloud, j.Permissions["id-token"])
	}
	if cloud && j.Environment == "" {
		t.Errorf("job %s signs in outside of an environment: nobody is asked", key)
	}
	for permission, level := range j.Permissions {
		if level == "write" && !slices.Contains([]string{"id-token", "pull-requests", "issues"}, permission) {
			t.Errorf("job %s may write %s", key, permission)
		}
	}
}

// What runs a pull request's code may not write, and what may write runs none of it.
func TestThePreviewOfAStrangerMayNotWrite(t *testing.T) {
	w, _ := read(t, "preview.yml")
	for key, j := range w.Jobs {
		writes, runs := false, false
		for _, level := range j.Permissions {
			writes = writes || level == "write"
		}
		for _, s := range j.Steps {
			runs = runs || strings.HasPrefix(s.Uses, "actions/checkout@") || strings.Contains(s.Run, "bin/berth") || strings.Contains(s.Run, "make ")
		}
		if writes && runs {
			t.Errorf("job %s runs what is proposed and may write", key)
		}
	}
}

// circle is what of CircleCI's file is looked at.
type circle struct {
	Version   float64                   `yaml:"version"`
	Executors map[string]any            `yaml:"executors"`
	Commands  map[string]circleSteps    `yaml:"commands"`
	Jobs      map[string]circleSteps    `yaml:"jobs"`
	Workflows map[string]circleWorkflow `yaml:"workflows"`
}

type circleSteps struct {
	Executor   string         `yaml:"executor"`
	Parameters map[string]any `yaml:"parameters"`
	Steps      []yaml.Node    `yaml:"steps"`
}

type circleWorkflow struct {
	Triggers []any       `yaml:"triggers"`
	Jobs     []yaml.Node `yaml:"jobs"`
}

// builtIn are CircleCI's own steps that the file uses.
var builtIn = []string{"checkout", "run", "restore_cache", "save_cache", "persist_to_workspace", "attach_workspace", "when", "store_test_results",
	"store_artifacts"} //nolint:misspell // CircleCI's own word

func readCircle(t *testing.T) circle {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recipes, "circleci", "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "<<<") || regexp.MustCompile(`<<[A-Z'"-]`).Match(text) {
		t.Error("CircleCI takes << for its own: a script may not have it")
	}
	var c circle
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCircleCIsFileHoldsTogether(t *testing.T) {
	c := readCircle(t)
	if c.Version != 2.1 {
		t.Errorf("version is %v, want 2.1", c.Version)
	}
	for key, j := range c.Jobs {
		if _, ok := c.Executors[j.Executor]; !ok {
			t.Errorf("job %s runs on executor %q, which is not there", key, j.Executor)
		}
	}
	for _, all := range []map[string]circleSteps{c.Jobs, c.Commands} {
		for key, j := range all {
			checkCircleSteps(t, c, key, j.Steps)
		}
	}
	for key, w := range c.Workflows {
		there := map[string]bool{}
		for _, node := range w.Jobs {
			name, options := entry(t, node)
			kind, _ := options["type"].(string)
			if _, ok := c.Jobs[name]; !ok && kind != "approval" {
				t.Errorf("workflow %s has job %s, which is not there", key, name)
			}
			if called, ok := options["name"].(string); ok {
				name = called
			}
			for _, before := range anys(options["requires"]) {
				if !there[fmt.Sprint(before)] {
					t.Errorf("workflow %s: %s waits for %v, which does not come before it", key, name, before)
				}
			}
			there[name] = true
		}
	}
	wave := c.Workflows["deploy"].Jobs
	for i, node := range wave {
		if name, _ := entry(t, node); name == "wave" {
			if _, options := entry(t, wave[i-1]); options["type"] != "approval" {
				t.Error("a wave is not preceded by an approval")
			}
		}
	}
}

func anys(v any) []any { all, _ := v.([]any); return all }

// entry is a step or job with its options: a name alone, or a name that is mapped to them.
func entry(t *testing.T, node yaml.Node) (string, map[string]any) {
	t.Helper()
	if node.Kind == yaml.ScalarNode {
		return node.Value, nil
	}
	if node.Kind != yaml.MappingNode || len(node.Content) != 2 {
		t.Fatalf("line %d is neither a name nor a name with its options", node.Line)
	}
	options := map[string]any{}
	if node.Content[1].Kind == yaml.MappingNode {
		if err := node.Content[1].Decode(&options); err != nil {
			t.Fatal(err)
		}
	}
	return node.Content[0].Value, options
}

func checkCircleSteps(t *testing.T, c circle, key string, steps []yaml.Node) {
	t.Helper()
	for _, node := range steps {
		name, options := entry(t, node)
		if _, own := c.Commands[name]; !own && !slices.Contains(builtIn, name) {
			t.Errorf("%s: there is no step %q", key, name)
		}
		if name == "when" {
			var inner struct{ Steps []yaml.Node }
			if err := node.Content[1].Decode(&inner); err != nil {
				t.Fatal(err)
			}
			checkCircleSteps(t, c, key, inner.Steps)
		}
		if name != "run" {
			continue
		}
		script, _ := options["command"].(string)
		if !strings.HasPrefix(script, "set -euo pipefail\n") {
			t.Errorf("%s, %v: goes on after a command that fails", key, options["name"])
		}
		shellcheck(t, fmt.Sprintf("%s, %v", key, options["name"]), script)
	}
}

var parameter = regexp.MustCompile(`<< parameters\.[a-z]+ >>`)

func shellcheck(t *testing.T, where, script string) {
	t.Helper()
	path, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skipf("shellcheck is not installed: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--shell=bash", "-")
	cmd.Stdin = strings.NewReader(parameter.ReplaceAllString(script, "PARAMETER"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", where, err, out)
	}
}
