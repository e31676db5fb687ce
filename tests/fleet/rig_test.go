package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/program"
)

// repository is where the stacks' files are, seen from this folder.
const repository = "../.."

// childVariable makes the test binary a berth, so that a test can kill the whole of it.
const childVariable = "BERTH_FLEET_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(command.Run(context.Background(), environment(os.Stdout, os.Stderr), os.Args[1:]))
	}
	os.Exit(m.Run())
}

var began = time.Now()

// now is a clock that goes on from the day on which the stacks' files are judged.
func now() time.Time {
	return time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC).Add(time.Since(began))
}

func findCLI(ctx context.Context, _ string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = "" // there is no home; the CLI is named then, or on PATH
	}
	return cli.Find(ctx, os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
}

// environment is berth's own, as far as a stack on the embedded cloud needs it.
func environment(out, errOut io.Writer) command.Env {
	return command.Env{
		Out: out, Err: errOut, In: strings.NewReader(""), Version: "test", Environ: os.Environ(), Now: now, Program: program.At(now),
		Assess: func(ctx context.Context, stack string, s *spec.Spec, now time.Time) (*command.Judged, error) {
			g, assessment, err := program.Assess(ctx, stack, s, now)
			if err != nil {
				return nil, err
			}
			return &command.Judged{Graph: g, Assessment: assessment}, nil
		},
		Promises: catalogue.All(), Controls: baseline.All(), FindCLI: findCLI, Open: open, ShedCredentials: func() {},
		Probe: func(context.Context, string, ...string) (string, error) { return "", errors.New("not here") },
	}
}

// troubles are what goes wrong for a stack with such a name, on the embedded cloud.
var troubles = map[string]string{
	"failing":  "create:*:fail",
	"hanging":  "create:*:hang",
	"slow":     "create:*:delay=1s",
	"dawdling": "create:*:delay=400ms",
}

// open opens a stack, with the trouble that its name asks for.
func open(ctx context.Context, o engine.Options) (command.Stack, error) {
	kind, _, _ := strings.Cut(o.Stack, "-")
	if text := troubles[kind]; text != "" && os.Getenv("BERTH_FLEET_HEALED") == "" {
		fault, err := localcloud.ParseFault(text)
		if err != nil {
			return nil, err
		}
		o.Cloud.Faults = append(o.Cloud.Faults, fault)
	}
	s, err := engine.Open(ctx, o)
	if err != nil || kind != "crashing" || os.Getenv("BERTH_FLEET_HEALED") != "" {
		return s, err
	}
	return &crashing{s, filepath.Join(o.Root, ".berth", "run", "local-"+o.Stack+".lock")}, nil
}

// crashing is a stack whose CLI dies of SIGKILL in each update.
type crashing struct {
	*engine.Stack
	lock string
}

func (c *crashing) Up(ctx context.Context, o engine.ChangeOptions) (*engine.Result, error) {
	told := o.Progress
	o.Progress = func(e engine.Event) {
		if e.Ended != nil && e.Ended.Op.Changes() {
			var run engine.Run
			if text, err := os.ReadFile(c.lock); err == nil && json.Unmarshal(text, &run) == nil && run.CLI > 0 {
				_ = syscall.Kill(run.CLI, syscall.SIGKILL)
			}
		}
		if told != nil {
			told(e)
		}
	}
	return c.Stack.Up(ctx, o)
}

// models are the reference stacks that the fleet is made of: small ones, since there are many.
const (
	onSites    = "globex"
	onPremises = "initech"
	light      = "hooli"
)

// newFleet is a folder with stacks, each made like a reference stack.
func newFleet(t *testing.T, stacks map[string]string) string {
	t.Helper()
	if path, err := findCLI(t.Context(), ""); err != nil {
		t.Skipf("%s is skipped, run `make pulumi`: %v (%s)", t.Name(), err, path)
	}
	root := t.TempDir()
	copyFile(t, filepath.Join(repository, "Pulumi.yaml"), filepath.Join(root, "Pulumi.yaml"))
	for stack, model := range stacks {
		copyFile(t, filepath.Join(repository, "Pulumi."+model+".yaml"), filepath.Join(root, "Pulumi."+stack+".yaml"))
	}
	return root
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace edits the files of stacks.
func replace(t *testing.T, root string, was, is string, stacks ...string) {
	t.Helper()
	for _, stack := range stacks {
		path := filepath.Join(root, "Pulumi."+stack+".yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), was) {
			t.Fatalf("%s holds no %q", path, was)
		}
		write(t, path, strings.Replace(string(text), was, is, 1))
	}
}

// answered is what one call of berth fleet brought.
type answered struct {
	*fleet.Answer
	code int
	said string
}

// berth runs `berth fleet` in this process.
func berth(t *testing.T, root string, args ...string) answered {
	t.Helper()
	var out, errOut bytes.Buffer
	code := command.Run(t.Context(), environment(&out, &errOut), arguments(root, args))
	return read(t, code, out.Bytes(), errOut.String())
}

func arguments(root string, args []string) []string {
	return append(append([]string{"--root", root, "--output", "json", "fleet"}, args...), "--local")
}

func read(t *testing.T, code int, out []byte, said string) answered {
	t.Helper()
	a := answered{code: code, said: said, Answer: &fleet.Answer{}}
	if len(out) == 0 {
		return a
	}
	if err := json.Unmarshal(out, a.Answer); err != nil {
		t.Fatalf("the answer cannot be read: %v\n%s\n%s", err, out, said)
	}
	t.Logf("%s: exit code %d, %s, %v in %.1f s", a.Operation, code, a.Verdict, a.Statuses, a.DurationSeconds)
	return a
}

// entry is one stack's part.
func (a answered) entry(t *testing.T, stack string) fleet.Entry {
	t.Helper()
	i := slices.IndexFunc(a.Stacks, func(e fleet.Entry) bool { return e.Stack == stack })
	if i < 0 {
		t.Fatalf("the answer has no stack %s\n%s", stack, a.said)
	}
	return a.Stacks[i]
}

// want wants stacks to have come out in one way, with words in their errors.
func (a answered) want(t *testing.T, status fleet.Status, says string, stacks ...string) {
	t.Helper()
	for _, stack := range stacks {
		e := a.entry(t, stack)
		if e.Status != status || !strings.Contains(e.Error, says) {
			t.Errorf("%s: %s is %s, want %s with %q\n%s", a.Operation, stack, e.Status, status, says, e.Error)
		}
	}
}

func (a answered) wantCode(t *testing.T, code int) {
	t.Helper()
	if a.code != code {
		t.Errorf("exit code %d, want %d\n%s\n%s", a.code, code, a.said, a.errors())
	}
}

func (a answered) errors() string {
	var all []string
	for _, e := range a.Stacks {
		if e.Error != "" {
			all = append(all, fmt.Sprintf("%s: %s", e.Stack, e.Error))
		}
	}
	return strings.Join(all, "\n")
}
