package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var update = flag.Bool("update", false, "rewrite the golden files and the reference pages")

// fakeStack answers with what a test gives it, and remembers what it was asked.
type fakeStack struct {
	options  engine.Options
	preview  *engine.Result
	plan     *engine.Result
	result   *engine.Result
	outputs  map[string]engine.Output
	orphans  []string
	err      error // of Up, Refresh and Destroy
	asked    []string
	changed  engine.ChangeOptions
	state    apitype.UntypedDeployment
	stateSet bool
	exist    []apitype.ResourceV3
	update   *engine.Update // the last one
}

func (s *fakeStack) Preview(context.Context, engine.RunOptions) (*engine.Result, error) {
	s.asked = append(s.asked, "preview")
	return s.preview, nil
}

func (s *fakeStack) Up(_ context.Context, o engine.ChangeOptions) (*engine.Result, error) {
	s.asked, s.changed = append(s.asked, "up"), o
	return s.result, s.err
}

func (s *fakeStack) Refresh(context.Context, engine.RunOptions) (*engine.Result, error) {
	s.asked = append(s.asked, "refresh")
	return s.result, s.err
}

func (s *fakeStack) PreviewDestroy(context.Context) (*engine.Result, error) { return s.plan, nil }

func (s *fakeStack) Destroy(_ context.Context, o engine.ChangeOptions) (*engine.Result, error) {
	s.asked, s.changed = append(s.asked, "destroy"), o
	return s.result, s.err
}

func (s *fakeStack) Outputs(context.Context, bool) (map[string]engine.Output, error) {
	return s.outputs, nil
}
func (s *fakeStack) Resources(context.Context) ([]apitype.ResourceV3, error) { return s.exist, nil }
func (s *fakeStack) LastUpdate(context.Context) (*engine.Update, error)      { return s.update, nil }
func (s *fakeStack) Orphans(context.Context) ([]string, error)               { return s.orphans, nil }
func (s *fakeStack) State(context.Context) (apitype.UntypedDeployment, error) {
	return s.state, nil
}
func (s *fakeStack) SetState(_ context.Context, state apitype.UntypedDeployment) error {
	s.state, s.stateSet = state, true
	return nil
}
func (s *fakeStack) RemoveLocal() error { s.asked = append(s.asked, "remove"); return nil }
func (s *fakeStack) Close() error       { s.asked = append(s.asked, "close"); return nil }

// shell is a folder with stacks and everything that a command may touch, in memory as far as that goes.
type shell struct {
	root     string
	out, err bytes.Buffer
	stack    *fakeStack
	env      command.Env
	shed     bool
}

// repository is the root of the tree, where the reference stacks are.
const repository = "../../.."

func newShell(t *testing.T, stack *fakeStack) *shell {
	t.Helper()
	s := &shell{root: t.TempDir(), stack: stack}
	for _, name := range []string{"Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.organisation.yaml"} {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.root, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	clock := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	s.env = command.Env{
		Out: &s.out, Err: &s.err, In: strings.NewReader(""), Now: func() time.Time { return clock },
		Home: t.TempDir(), Environ: []string{"PATH=/nowhere"},
		Program: func(*pulumi.Context) error { return nil },
		Assess: func(context.Context, string, *spec.Spec, time.Time) (*command.Judged, error) {
			return &command.Judged{Graph: graph.New(nil), Assessment: &promises.Assessment{}}, nil
		},
		FindCLI: func(context.Context, string) (string, error) { return "/cache/pulumi", nil },
		Open: func(_ context.Context, o engine.Options) (command.Stack, error) {
			stack.options = o
			return stack, nil
		},
		ShedCredentials: func() { s.shed = true },
		Probe:           func(context.Context, string, ...string) (string, error) { return "v3.253.0", nil },
		LookPath:        func(string) (string, error) { return "", fs.ErrNotExist },
	}
	return s
}

func (s *shell) run(t *testing.T, args ...string) int {
	t.Helper()
	s.out.Reset()
	s.err.Reset()
	return command.Run(t.Context(), s.env, append([]string{"--root", s.root}, args...))
}

func (s *shell) want(t *testing.T, code, got int) {
	t.Helper()
	if got != code {
		t.Fatalf("exit code %d, want %d\n%s\n%s", got, code, &s.out, &s.err)
	}
}

func (s *shell) says(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(s.out.String()+s.err.String(), text) {
		t.Errorf("want %q in\n%s\n%s", text, &s.out, &s.err)
	}
}

// change is a preview with something of everything.
func change() *engine.Result {
	urn := func(kind, name string) string { return "urn:pulumi:prod::berth::" + kind + "::" + name }
	step := func(kind, name, component string, op engine.Op, diffs ...engine.Diff) engine.Step {
		return engine.Step{URN: urn(kind, name), Type: kind, Name: name, Component: component, Op: op, Status: engine.Planned, Diffs: diffs}
	}
	database := step("aws:rds/instance:Instance", "database", "data/database", engine.OpReplace,
		engine.Diff{Property: "engine", Kind: "update", Old: "postgres", New: "mysql", Replaces: true},
		engine.Diff{Property: "password", Kind: "update", Old: "[secret]", New: "[secret]"})
	database.Stateful, database.Replaces = "a database", []string{"engine"}
	return &engine.Result{
		Version: engine.ResultVersion, Operation: engine.Preview, Project: "berth", Stack: "prod", Cloud: engine.EmbeddedCloud,
		Outcome: engine.Succeeded, Counts: map[engine.Op]int{engine.OpCreate: 1, engine.OpReplace: 1, engine.OpUpdate: 1, engine.OpDelete: 1, engine.OpSame: 2},
		Dangers: []engine.Danger{{URN: database.URN, Type: database.Type, Name: "database", Op: engine.OpReplace, Holds: "a database", Because: []string{"engine"}}},
		Steps: []engine.Step{
			{URN: urn("berth:data:Data", "data"), Type: "berth:data:Data", Name: "data", Component: "data", Group: true, Op: engine.OpSame, Status: engine.Planned},
			database,
			step("aws:ec2/vpc:Vpc", "vpc", "network", engine.OpSame),
			step("aws:ec2/subnet:Subnet", "subnet-a", "network", engine.OpCreate),
			step("aws:iam/rolePolicy:RolePolicy", "policy", "network", engine.OpUpdate,
				engine.Diff{Property: "policy", Kind: "update",
					Old: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}`,
					New: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject"}]}`},
				engine.Diff{Property: "tags.owner", Kind: "add", New: "ops"}),
			step("aws:sns/topic:Topic", "old-alarms", "", engine.OpDelete),
			step("pulumi:providers:aws", "home", "", engine.OpSame),
		},
		Diagnostics: []engine.Diagnostic{{Severity: "warning", URN: urn("aws:ec2/vpc:Vpc", "vpc"), Message: "something is deprecated"}},
		Outputs:     map[string]engine.Output{}, Notes: []string{"the secret berth:token is a local stand-in"}, DurationSeconds: 1.4,
	}
}

// done is the result of an up.
func done() *engine.Result {
	r := change()
	r.Operation, r.DurationSeconds, r.Diagnostics, r.Notes = engine.Up, 7.25, nil, nil
	for i := range r.Steps {
		r.Steps[i].Status = engine.Done
	}
	r.Outputs = map[string]engine.Output{
		"url":      {Value: "https://acme.taskflow.example", Purpose: "where the client's people go"},
		"password": {Secret: true, Purpose: "for nobody"},
	}
	return r
}

func unchanged() *engine.Result {
	r := change()
	r.Dangers, r.Diagnostics, r.Notes = nil, nil, nil
	for i := range r.Steps {
		r.Steps[i].Op, r.Steps[i].Diffs = engine.OpSame, nil
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestPreviewPrintsTheDifference(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	s.want(t, command.ExitOK, s.run(t, "preview", "prod", "--local", "--quiet"))
	golden(t, "preview", s.out.String())
	s.says(t, "warning: vpc: something is deprecated")
	if !s.stack.options.Local || !s.shed {
		t.Errorf("local = %v, credentials shed = %v; want both", s.stack.options.Local, s.shed)
	}
	if !slices.Contains(s.stack.asked, "close") {
		t.Error("the stack was not closed")
	}
}

func TestPreviewAsJSON(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	s.want(t, command.ExitOK, s.run(t, "preview", "prod", "--local", "--output", "json"))
	var back engine.Result
	if err := json.Unmarshal(s.out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Steps) != len(change().Steps) || back.Cloud != engine.EmbeddedCloud {
		t.Errorf("result = %+v", back)
	}
	if s.err.Len() > 0 {
		t.Errorf("progress beside JSON: %s", &s.err)
	}
}

func TestExitCodes(t *testing.T) {
	refused := &engine.RefusedError{Operation: engine.Up, Stack: "prod", Dangers: change().Dangers}
	cancelled := &engine.RunError{Result: &engine.Result{Outcome: engine.Cancelled}, Err: context.Canceled}
	for name, tc := range map[string]struct {
		stack *fakeStack
		args  []string
		code  int
		says  string
	}{
		"unknown command":       {&fakeStack{}, []string{"prevew"}, command.ExitUsage, "unknown command"},
		"unknown flag":          {&fakeStack{}, []string{"preview", "prod", "--lokal"}, command.ExitUsage, "unknown flag"},
		"no stack":              {&fakeStack{}, []string{"up"}, command.ExitUsage, "needs the name of one stack"},
		"bad output":            {&fakeStack{}, []string{"stacks", "--output", "xml"}, command.ExitUsage, "text or json"},
		"fault without local":   {&fakeStack{}, []string{"up", "prod", "--fault", "create:*:fail"}, command.ExitUsage, "add --local"},
		"bad fault":             {&fakeStack{}, []string{"up", "prod", "--local", "--fault", "oops"}, command.ExitUsage, "the form is"},
		"unknown stack":         {&fakeStack{}, []string{"preview", "prd"}, command.ExitFailure, "there are: organisation, prod"},
		"changes not expected":  {&fakeStack{preview: change()}, []string{"preview", "prod", "--expect-no-changes"}, command.ExitChanges, "4 changes"},
		"drift not expected":    {&fakeStack{result: done()}, []string{"refresh", "prod", "--expect-no-changes"}, command.ExitChanges, "changes"},
		"nothing changed":       {&fakeStack{preview: unchanged()}, []string{"preview", "prod", "--expect-no-changes"}, command.ExitOK, "No changes"},
		"nobody to ask":         {&fakeStack{preview: change()}, []string{"up", "prod"}, command.ExitRefused, "add --yes --confirm database"},
		"danger not confirmed":  {&fakeStack{preview: change()}, []string{"up", "prod", "--yes"}, command.ExitRefused, "add --confirm database"},
		"other name confirmed":  {&fakeStack{preview: change()}, []string{"up", "prod", "--yes", "--confirm", "vpc"}, command.ExitRefused, "a database (because of engine)"},
		"engine refuses":        {&fakeStack{preview: unchanged(), err: refused}, []string{"up", "prod", "--yes"}, command.ExitRefused, "would lose data"},
		"interrupted":           {&fakeStack{preview: unchanged(), err: cancelled}, []string{"up", "prod", "--yes"}, command.ExitInterrupted, "run the same command again"},
		"up fails":              {&fakeStack{preview: unchanged(), err: errors.New("the cloud is closed")}, []string{"up", "prod", "--yes"}, command.ExitFailure, "the cloud is closed"},
		"bootstrap of a client": {&fakeStack{}, []string{"bootstrap", "prod"}, command.ExitUsage, "for the organisation's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, tc.stack)
			s.want(t, tc.code, s.run(t, tc.args...))
			s.says(t, tc.says)
			if tc.code == command.ExitRefused && tc.stack.err == nil && slices.Contains(tc.stack.asked, "up") {
				t.Error("the change was made although it was refused")
			}
		})
	}
}

func TestInvalidSpecIsReportedBeforeAnythingRuns(t *testing.T) {
	s := newShell(t, &fakeStack{})
	path := filepath.Join(s.root, "Pulumi.prod.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(strings.Replace(string(text), "tier: standard", "tier: golden", 1), "residency: uk", "residencie: uk", 1)
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"up", "prod", "--local"}, {"spec", "check"}} {
		s.want(t, command.ExitSpec, s.run(t, args...))
		s.says(t, "berth:spec.tier")
		s.says(t, "residencie")
	}
	if len(s.stack.asked) > 0 {
		t.Errorf("the stack was asked to %v", s.stack.asked)
	}
	s.want(t, command.ExitOK, s.run(t, "stacks"))
	s.says(t, "berth spec check prod")
	s.says(t, "northwind") // the other stack is still listed
}

func TestUpMakesTheChangeThatWasShown(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change(), result: done()})
	s.want(t, command.ExitOK, s.run(t, "up", "prod", "--local", "--yes", "--confirm", "database", "--quiet"))
	golden(t, "up", s.out.String())
	if s.stack.changed.Reviewed != s.stack.preview || !slices.Equal(s.stack.changed.Confirm, []string{"database"}) {
		t.Errorf("up was given %+v", s.stack.changed)
	}
}

func TestWhatAPersonSaysOfAKilledRunReachesTheEngine(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change(), result: done()})
	s.env.Finder = func() (engine.Finder, error) { return nil, nil }
	s.want(t, command.ExitOK, s.run(t, "up", "prod", "--yes", "--confirm", "database", "--quiet",
		"--settle", "--exists", "plan=11|22", "--absent", "channel", "--absent", "queue"))
	got := s.stack.options.Settling
	if !got.Always || !got.Changing || got.Exists["plan"] != "11|22" || !slices.Equal(got.Absent, []string{"channel", "queue"}) || len(got.Pauses) == 0 {
		t.Errorf("settling = %+v", got)
	}
	s.want(t, command.ExitOK, s.run(t, "preview", "prod", "--quiet"))
	if got := s.stack.options.Settling; got.Always || got.Changing {
		t.Errorf("a preview's settling = %+v, want it to leave others' runs alone", got)
	}
	s.want(t, command.ExitUsage, s.run(t, "up", "prod", "--local", "--settle"))
}

func TestUpAsksOnATerminal(t *testing.T) {
	for answers, code := range map[string]int{
		"database\ny\n": command.ExitOK,
		"database\n\n":  command.ExitRefused,
		"databas\ny\n":  command.ExitRefused,
		"":              command.ExitRefused,
	} {
		s := newShell(t, &fakeStack{preview: change(), result: done()})
		s.env.Terminal, s.env.In = true, strings.NewReader(answers)
		s.want(t, code, s.run(t, "up", "prod", "--quiet"))
		s.says(t, "database will lose its data")
		if made := slices.Contains(s.stack.asked, "up"); made != (code == command.ExitOK) {
			t.Errorf("answers %q: up ran: %v", answers, made)
		}
	}
}

func TestDestroyLocalNeedsTheStacksName(t *testing.T) {
	plan := change()
	plan.Operation = engine.PreviewDestroy
	gone := done()
	gone.Operation = engine.Destroy
	s := newShell(t, &fakeStack{plan: plan, result: gone})
	s.want(t, command.ExitRefused, s.run(t, "destroy", "prod", "--local", "--yes"))
	s.says(t, "berth destroy prod --local --yes --confirm prod")
	for _, name := range []string{"prod", "acme"} {
		s.stack.asked = nil
		s.want(t, command.ExitOK, s.run(t, "destroy", "prod", "--local", "--yes", "--confirm", name))
		if !slices.Contains(s.stack.asked, "remove") {
			t.Error("the local stack was not removed")
		}
		s.says(t, "nothing is left")
	}
	lift := s.stack.changed.Lift
	if len(lift) != 1 || lift[0].Path[0] != "leaving" || fmt.Sprint(lift[0].Value) != "map[confirm:acme reason:berth destroy --local]" {
		t.Errorf("lift = %+v, want the client's leaving", lift)
	}
	s.stack.orphans, s.stack.asked = []string{"aws:s3/bucketV2:BucketV2 left (bucket)"}, nil
	s.want(t, command.ExitOK, s.run(t, "destroy", "prod", "--local", "--yes", "--confirm", "prod"))
	if slices.Contains(s.stack.asked, "remove") {
		t.Error("the local stack was removed with an orphan in its cloud")
	}
}

func TestDestroyRealSaysTheOrderlyWay(t *testing.T) {
	plan := change()
	plan.Operation = engine.PreviewDestroy
	plan.Steps[1].Protected = true
	s := newShell(t, &fakeStack{plan: plan})
	s.want(t, command.ExitRefused, s.run(t, "destroy", "prod", "--yes", "--confirm", "prod"))
	s.says(t, "`leaving` to Pulumi.prod.yaml")
	if s.shed {
		t.Error("credentials were shed for a real stack")
	}
}

func TestOutputs(t *testing.T) {
	s := newShell(t, &fakeStack{outputs: done().Outputs})
	s.want(t, command.ExitOK, s.run(t, "outputs", "prod"))
	golden(t, "outputs", s.out.String())
	s.want(t, command.ExitOK, s.run(t, "outputs", "prod", "url"))
	if s.out.String() != "https://acme.taskflow.example\n" {
		t.Errorf("out = %q", &s.out)
	}
	s.want(t, command.ExitFailure, s.run(t, "outputs", "prod", "password"))
	s.says(t, "--show-secrets")
	s.want(t, command.ExitFailure, s.run(t, "outputs", "prod", "nope"))
}

func TestStacksListsAll(t *testing.T) {
	s := newShell(t, &fakeStack{})
	s.want(t, command.ExitOK, s.run(t, "stacks"))
	golden(t, "stacks", s.out.String())
}

func TestDoctorNamesWhatIsMissing(t *testing.T) {
	s := newShell(t, &fakeStack{})
	s.env.Environ = append(s.env.Environ, "AWS_ACCESS_KEY_ID=AKIAREALSECRET", "CLOUDFLARE_API_TOKEN=tokenvalue")
	s.want(t, command.ExitOK, s.run(t, "doctor"))
	golden(t, "doctor", s.out.String())
	if text := s.out.String(); strings.Contains(text, "AKIAREALSECRET") || strings.Contains(text, "tokenvalue") {
		t.Errorf("a credential's value is printed:\n%s", text)
	}
	s.env.FindCLI = func(context.Context, string) (string, error) { return "", errors.New("no Pulumi CLI") }
	s.want(t, command.ExitFailure, s.run(t, "doctor"))
	s.says(t, "make pulumi")
}

func TestBootstrapShowsThenDoesAndResumes(t *testing.T) {
	up := done()
	up.Outputs["stateBackend"] = engine.Output{Value: "s3://state?region=eu-west-2"}
	up.Outputs["secretsProvider"] = engine.Output{Value: "awskms://alias/state?region=eu-west-2"}
	stack := &fakeStack{preview: unchanged(), result: up}
	s := newShell(t, stack)
	s.want(t, command.ExitOK, s.run(t, "bootstrap"))
	s.says(t, "Nothing was done")
	if len(stack.asked) > 0 {
		t.Fatalf("a dry run asked for %v", stack.asked)
	}
	stack.preview = change() // the moved state is not complete
	s.want(t, command.ExitFailure, s.run(t, "bootstrap", "--yes"))
	s.says(t, `step "verify"`)
	stack.preview, stack.asked = unchanged(), nil
	s.want(t, command.ExitOK, s.run(t, "bootstrap", "--yes"))
	if slices.Contains(stack.asked, "up") || stack.options.Backend != "s3://state?region=eu-west-2" || stack.options.SecretsProvider != "awskms://alias/state?region=eu-west-2" {
		t.Errorf("asked %v with %+v, want it to go on with verify in the bucket", stack.asked, stack.options)
	}
	s.says(t, "pulumi login 's3://state?region=eu-west-2'")
}

func TestSpecSchemaAndVersionAndCompletion(t *testing.T) {
	s := newShell(t, &fakeStack{})
	s.want(t, command.ExitOK, s.run(t, "spec", "schema"))
	if !json.Valid(s.out.Bytes()) {
		t.Error("the schema is no JSON")
	}
	s.want(t, command.ExitOK, s.run(t, "version"))
	s.says(t, "pulumi 3.253.0")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		s.want(t, command.ExitOK, s.run(t, "completion", shell))
	}
	s.want(t, command.ExitUsage, s.run(t, "completion", "tcsh"))
}

func TestReferencePagesAreCurrent(t *testing.T) {
	const dir = "../../../docs/cli"
	pages := command.Reference(command.New(command.Env{}))
	if *update {
		old, err := filepath.Glob(filepath.Join(dir, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(pages) {
		t.Errorf("docs/cli holds %d pages, want %d", len(found), len(pages))
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if diff := cmp.Diff(string(text), pages[name]); diff != "" {
			t.Errorf("docs/cli/%s is out of date; run `go test ./cmd/berth/command -run Reference -update`:\n%s", name, diff)
		}
	}
}
