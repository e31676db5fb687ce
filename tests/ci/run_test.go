package ci_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/berth-iac/berth/engine/cli"
)

// github answers as much of GitHub's interface as the recipes ask for.
type github struct {
	mu       sync.Mutex
	comments []map[string]any
	issues   []map[string]any
	asked    []string
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, r.Method+" "+r.URL.Path)
	if r.Header.Get("Authorization") != "Bearer not-a-token" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	const base = "/repos/northwind/berth/issues"
	list, where := &g.comments, base+"/7/comments"
	if !strings.Contains(r.URL.Path, "comments") {
		list, where = &g.issues, base
	}
	one := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, base+"/comments/"), base+"/")
	body := map[string]any{}
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Path == where:
		shown := []map[string]any{}
		for _, item := range *list {
			if item["state"] != "closed" {
				shown = append(shown, item)
			}
		}
		_ = json.NewEncoder(w).Encode(shown)
	case r.Method == http.MethodPost && r.URL.Path == where:
		n := len(*list) + 1
		body["id"], body["number"], body["user"] = 100+n, 100+n, map[string]any{"login": "github-actions[bot]"}
		*list = append(*list, body)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(body)
	case r.Method == http.MethodPatch:
		n, err := strconv.Atoi(one)
		if err != nil || n <= 100 || n > 100+len(*list) {
			http.NotFound(w, r)
			return
		}
		for key, value := range body {
			(*list)[n-101][key] = value
		}
		_ = json.NewEncoder(w).Encode((*list)[n-101])
	default:
		http.NotFound(w, r)
	}
}

// gh is as much of GitHub's own program as the recipes use, on the server of this test.
const gh = `#!/usr/bin/env bash
set -euo pipefail
[ "$GH_TOKEN" = not-a-token ] || { echo "gh: no token" >&2; exit 4; }
case "$1 $2" in
  "run list") [ -z "${EXPORTED:-}" ] || echo 42 ;;
  "run download")
    while [ "$1" != --dir ]; do shift; done
    cp -R "$EXPORTED"/. "$2" ;;
  api*)
    shift
    method=GET jq= input= path=
    while [ $# -gt 0 ]; do
      case $1 in
        --paginate) ;;
        --silent) jq=empty ;;
        --method) method=$2; shift ;;
        --jq) jq=$2; shift ;;
        --input) input=$2; shift ;;
        *) path=$1 ;;
      esac
      shift
    done
    curl --silent --show-error --fail --request "$method" --header "Authorization: Bearer $GH_TOKEN" ${input:+--data @"$input"} "$GITHUB_SERVER/$path" |
      jq --raw-output "${jq:-.}" ;;
  *) echo "gh: $*: not known here" >&2; exit 1 ;;
esac
`

// berth is the real one, kept to the embedded cloud.
const berth = `#!/usr/bin/env bash
set -euo pipefail
case "${1:-} ${2:-}" in
  "fleet up" | "fleet refresh" | "fleet evidence" | "state export") set -- "$@" --local ;;
  "fleet preview")
    case " $* " in *" --from "*) ;; *) set -- "$@" --local ;; esac ;;
esac
exec "$REAL_BERTH" --quiet "$@"
`

// makefile builds what the test has built already.
const makefile = `build:
	mkdir -p bin && cp "$$WRAPPER" bin/berth && chmod +x bin/berth
pulumi:
	mkdir -p "$(CACHE)/pulumi-v0/bin" && cp "$$REAL_PULUMI" "$(CACHE)/pulumi-v0/bin/pulumi"
`

// sample is a repository that uses the recipes, on a machine of its own for each job.
type sample struct {
	t      *testing.T
	origin string
	env    []string
	github *github
	store  map[string]string // what jobs hand to each other: folders, by name
}

func newSample(t *testing.T) *sample {
	t.Helper()
	if testing.Short() {
		t.Skip("it links berth")
	}
	for _, tool := range []string{"bash", "git", "jq", "curl", "make", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s, which the recipes use, is not installed: %v", tool, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = ""
	}
	pulumi, err := cli.Find(t.Context(), os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
	if err != nil {
		t.Skipf("%s is skipped, run `make pulumi`: %v", t.Name(), err)
	}
	tools := t.TempDir()
	real := filepath.Join(tools, "berth")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", real, "./cmd/berth")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build berth: %v\n%s", err, out)
	}
	s := &sample{t: t, origin: t.TempDir(), github: &github{}, store: map[string]string{}}
	server := httptest.NewServer(s.github)
	t.Cleanup(server.Close)
	s.put(filepath.Join(tools, "path", "gh"), gh, 0o755)
	s.put(filepath.Join(tools, "wrapper"), berth, 0o755)
	s.env = []string{"PATH=" + filepath.Join(tools, "path") + ":" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "CI=true",
		"GITHUB_REPOSITORY=northwind/berth", "GITHUB_SERVER_URL=https://github.example", "GITHUB_RUN_ID=42", "GITHUB_SERVER=" + server.URL, "REAL_BERTH=" + real, "REAL_PULUMI=" + pulumi, "WRAPPER=" + filepath.Join(tools, "wrapper")}
	s.put(filepath.Join(s.origin, "Makefile"), makefile, 0o644)
	s.put(filepath.Join(s.origin, ".gitignore"), "/bin/\n/.berth/\n/exported/\n/answer/\n*.tar\n", 0o644)
	for _, file := range []string{"Pulumi.yaml", "Pulumi.initech.yaml", "Pulumi.globex.yaml"} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		s.put(filepath.Join(s.origin, file), string(text), 0o644)
	}
	s.git(s.origin, "init", "--quiet", "--initial-branch=main")
	s.commit("first")
	return s
}

func (s *sample) put(path, text string, mode os.FileMode) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sample) git(dir string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), "git", append([]string{"-C", dir, "-c", "user.name=Test", "-c", "user.email=test@example.com",
		"-c", "commit.gpgsign=false"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *sample) commit(message string) string {
	s.t.Helper()
	s.git(s.origin, "add", "--all")
	s.git(s.origin, "commit", "--quiet", "--message", message)
	return s.git(s.origin, "rev-parse", "HEAD")
}

// edit changes a text in a stack's file, and commits it.
func (s *sample) edit(file, old, text string) {
	s.t.Helper()
	path := filepath.Join(s.origin, file)
	was, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	is := strings.ReplaceAll(string(was), old, text)
	if is == string(was) {
		s.t.Fatalf("%s has no %q", file, old)
	}
	s.put(path, is, 0o644)
	s.commit("change " + file)
}

// job does what GitHub does with one job: a machine, the steps in their order, values for expressions. It returns the machine's
// folder and the exit code of the first script that failed.
func (s *sample) job(file, name string, values map[string]string, more ...string) (string, int) {
	s.t.Helper()
	w, _ := read(s.t, file)
	machine := s.t.TempDir()
	summary := filepath.Join(machine, "summary")
	work := filepath.Join(machine, "work")
	s.put(summary, "", 0o644)
	s.put(filepath.Join(work, "none"), "", 0o644)
	for _, st := range w.Jobs[name].Steps {
		if st.If != "" && values[st.If] == "" {
			continue
		}
		action, _, _ := strings.Cut(strings.TrimPrefix(st.Uses, "actions/"), "-")
		action, _, _ = strings.Cut(action, "@")
		switch action {
		case "":
			env := append(append([]string{"GITHUB_STEP_SUMMARY=" + summary, "GITHUB_OUTPUT=" + filepath.Join(machine, "output")}, s.env...), more...)
			for key, text := range st.Env {
				env = append(env, key+"="+s.value(text, machine, values))
			}
			cmd := exec.CommandContext(s.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", st.Run)
			cmd.Dir, cmd.Env = work, env
			out, err := cmd.CombinedOutput()
			s.t.Logf("%s, %s, %s:\n%s", file, name, st.Name, out)
			if err != nil {
				return work, cmd.ProcessState.ExitCode()
			}
		case "checkout":
			s.git(s.origin, "clone", "--quiet", s.origin, work+".new")
			s.copy(work, work+".new")
			if err := os.RemoveAll(work); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Rename(work+".new", work); err != nil {
				s.t.Fatal(err)
			}
		case "upload":
			s.upload(st, work, values)
		case "download":
			for handed, folder := range s.store {
				if wanted, _ := st.With["name"].(string); wanted == handed || wanted == "" {
					s.copy(folder, work)
				}
			}
		case "setup", "aws": // Go is here, and the embedded cloud asks nobody to sign in
		default:
			s.t.Fatalf("%s: nothing stands in for %s here", file, st.Uses)
		}
	}
	return work, 0
}

// value fills in expressions; one that is not known is a mistake of the test.
func (s *sample) value(text, machine string, values map[string]string) string {
	s.t.Helper()
	for strings.Contains(text, "${{") {
		before, rest, _ := strings.Cut(text, "${{")
		expression, after, _ := strings.Cut(rest, "}}")
		value, known := values[strings.TrimSpace(expression)]
		switch strings.TrimSpace(expression) {
		case "github.token":
			value, known = "not-a-token", true
		case "runner.temp":
			value, known = machine, true
		}
		if !known {
			s.t.Fatalf("no value for %s", expression)
		}
		text = before + value + after
	}
	return text
}

func (s *sample) upload(st step, work string, values map[string]string) {
	s.t.Helper()
	name := s.value(fmt.Sprint(st.With["name"]), "", values)
	path := fmt.Sprint(st.With["path"])
	folder := s.t.TempDir()
	for _, one := range strings.Fields(path) {
		found, err := filepath.Glob(filepath.Join(work, one))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, file := range found {
			if info, err := os.Stat(file); err == nil && info.IsDir() {
				s.copy(file, folder)
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				s.t.Fatal(err)
			}
			s.put(filepath.Join(folder, filepath.Base(file)), string(text), 0o644)
		}
	}
	s.store[name] = folder
}

func (s *sample) copy(from, to string) {
	s.t.Helper()
	if out, err := exec.CommandContext(s.t.Context(), "cp", "-R", from+"/.", to).CombinedOutput(); err != nil {
		s.t.Fatalf("copy: %v\n%s", err, out)
	}
}

// preview goes through preview.yml as a pull request does.
func (s *sample) preview(base, exported string, agreed bool) (verdict int) {
	s.t.Helper()
	env := []string{}
	if exported != "" {
		env = append(env, "EXPORTED="+exported)
	}
	s.store = map[string]string{}
	if _, code := s.job("preview.yml", "build", nil, env...); code != 0 {
		s.t.Fatalf("build: exit code %d", code)
	}
	for i := range 3 {
		values := map[string]string{"matrix.shard": fmt.Sprintf("%d/3", i+1), "github.event.pull_request.base.sha": base,
			"steps.part.outputs.name": fmt.Sprintf("part-%d", i+1)}
		if _, code := s.job("preview.yml", "shard", values); code != 0 {
			s.t.Fatalf("shard %d: exit code %d", i+1, code)
		}
	}
	if _, code := s.job("preview.yml", "answer", nil); code != 0 {
		s.t.Fatalf("answer: exit code %d", code)
	}
	if _, code := s.job("preview.yml", "comment", map[string]string{"github.event.pull_request.number": "7"}); code != 0 {
		s.t.Fatalf("comment: exit code %d", code)
	}
	_, verdict = s.job("preview.yml", "verdict",
		map[string]string{"contains(github.event.pull_request.labels.*.name, 'dangerous-change-agreed')": strconv.FormatBool(agreed)})
	return verdict
}

func (s *sample) comment() string {
	s.t.Helper()
	if len(s.github.comments) != 1 {
		s.t.Fatalf("there are %d comments, want one:\n%v", len(s.github.comments), s.github.asked)
	}
	text, _ := s.github.comments[0]["body"].(string)
	return text
}

func TestScriptsOfGitHubRun(t *testing.T) {
	s := newSample(t)
	base := s.git(s.origin, "rev-parse", "HEAD")

	// A pull request before anything was deployed: every stack that it changes is new.
	s.edit("Pulumi.globex.yaml", "requests: 600", "requests: 700")
	if code := s.preview(base, "", false); code != 0 {
		t.Errorf("the verdict's exit code is %d, want 0", code)
	}
	first := s.comment()
	if !strings.HasPrefix(first, "<!-- berth:fleet -->") || !strings.Contains(first, "globex") || strings.Contains(first, "initech") {
		t.Errorf("the comment is not on what the change affects:\n%s", first)
	}

	// It is merged and deployed, wave by wave; the last wave hands out the states.
	s.store = map[string]string{}
	if _, code := s.job("deploy.yml", "build", nil); code != 0 {
		t.Fatalf("build: exit code %d", code)
	}
	exported := ""
	for wave := 1; wave <= 4; wave++ {
		values := map[string]string{"inputs.wave": strconv.Itoa(wave), "inputs.confirm": "", "vars.PULUMI_BACKEND_URL": ""}
		if wave == 4 {
			values["inputs.last"] = "true"
		}
		work, code := s.job("wave.yml", "wave", values)
		if code != 0 {
			t.Fatalf("wave %d: exit code %d", wave, code)
		}
		if wave == 4 {
			exported = filepath.Join(work, "exported")
		}
	}
	for _, stack := range []string{"globex", "initech"} {
		if _, err := os.Stat(filepath.Join(exported, stack+".state.json")); err != nil {
			t.Errorf("the state of %s was not handed out: %v", stack, err)
		}
	}

	// The next pull request: the comment is brought up to date, and says what changes against what was deployed.
	base = s.git(s.origin, "rev-parse", "HEAD")
	s.edit("Pulumi.globex.yaml", "requests: 700", "requests: 800")
	if code := s.preview(base, exported, false); code != 0 {
		t.Errorf("the verdict's exit code is %d, want 0", code)
	}
	second := s.comment()
	if !strings.Contains(second, "https://github.example/northwind/berth/actions/runs/42") {
		t.Errorf("the comment does not say where the whole answer is:\n%s", second)
	}
	if second == first || !strings.Contains(second, "globex") || !strings.Contains(second, "700") || !strings.Contains(second, "800") {
		t.Errorf("the comment was not brought up to date:\n%s", second)
	}
	created, updated := 0, 0
	for _, asked := range s.github.asked {
		switch {
		case strings.HasPrefix(asked, "POST"):
			created++
		case strings.HasPrefix(asked, "PATCH"):
			updated++
		}
	}
	if created != 1 || updated != 1 {
		t.Errorf("%d comments were created and %d updated, want one each: %v", created, updated, s.github.asked)
	}
}

func TestTheVerdictFailsWhereItShould(t *testing.T) {
	s := &sample{t: t, github: &github{}, env: []string{"PATH=" + os.Getenv("PATH")}}
	const label = "contains(github.event.pull_request.labels.*.name, 'dangerous-change-agreed')"
	for _, tc := range []struct {
		status, agreed string
		want           int
	}{{"0", "false", 0}, {"3", "false", 0}, {"4", "false", 1}, {"4", "true", 0}, {"1", "true", 1}, {"2", "true", 1}} {
		folder := t.TempDir()
		s.put(filepath.Join(folder, "status"), tc.status+"\n", 0o644)
		s.store = map[string]string{"preview": folder}
		if _, code := s.job("preview.yml", "verdict", map[string]string{label: tc.agreed}); code != tc.want {
			t.Errorf("status %s, agreed %s: exit code %d, want %d", tc.status, tc.agreed, code, tc.want)
		}
	}
}

// The comment of CircleCI's recipe goes by GitHub's interface itself.
func TestCircleCIsCommentIsKeptUpToDate(t *testing.T) {
	for _, tool := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s, which the recipe uses, is not installed: %v", tool, err)
		}
	}
	script := ""
	for _, node := range readCircle(t).Jobs["answer"].Steps {
		if name, options := entry(t, node); name == "run" && strings.HasPrefix(fmt.Sprint(options["name"]), "Write the comment") {
			script, _ = options["command"].(string)
		}
	}
	g := &github{}
	server := httptest.NewServer(g)
	defer server.Close()
	work := t.TempDir()
	for i, body := range []string{"first", "second"} {
		if err := os.MkdirAll(filepath.Join(work, "answer"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, "answer", "comment.md"), []byte("<!-- berth:fleet -->\n"+body+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		cmd.Dir = work
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GITHUB_API=" + server.URL, "GITHUB_TOKEN=not-a-token", "CIRCLE_PROJECT_USERNAME=northwind",
			"CIRCLE_PROJECT_REPONAME=berth", "CIRCLE_PULL_REQUEST=https://github.com/northwind/berth/pull/7"}
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = io.Discard, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		if text := fmt.Sprint(g.comments[0]["body"]); len(g.comments) != 1 || !strings.Contains(text, body) {
			t.Errorf("after run %d there are %d comments, the first: %s", i+1, len(g.comments), text)
		}
	}
}
