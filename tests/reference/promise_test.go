package reference_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/program"
)

// oneZone is the reference client with its database in one zone, under a waiver for a resource.
func oneZone(resource string) settings {
	return settings{"database.multiAz": false, "waivers": []any{map[string]any{
		"promise": "AV-3", "resource": resource, "reason": "single zone until the move, agreed with the client",
		"owner": "ada.lindqvist@northwind.example", "expires": "2026-12-01",
	}}}
}

// A stack that breaks a promise does not go up: the program itself refuses before it registers anything.
func TestBrokenPromiseIsRefused(t *testing.T) {
	root := newRoot(t)
	edit(t, root, "prod", oneZone("another-resource"))
	s := open(t, root, "prod")
	_, err := s.Preview(t.Context(), engine.RunOptions{})
	if err == nil {
		t.Fatal("a preview of a broken promise succeeds")
	}
	for _, want := range []string{"AV-3", "database-instance", "multiAz", "to mend it", "nothing was done"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal does not name %q:\n%v", want, err)
		}
	}
	if _, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: &engine.Result{}}); err == nil {
		t.Fatal("a broken promise goes up")
	}
	var run *engine.RunError
	if _, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: &engine.Result{}}); !errors.As(err, &run) {
		t.Fatalf("err = %v", err)
	}
	resources, err := s.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if exist := graph.FromState(resources).Clouds(); len(exist) > 0 {
		t.Errorf("%d resources exist after the refusal, such as %s", len(exist), exist[0].Name)
	}
	orphans, err := s.Orphans(t.Context())
	if err != nil || len(orphans) > 0 {
		t.Errorf("the cloud has %v (%v)", orphans, err)
	}
}

// With a waiver for the resource that deviates it goes, and every run says that the waiver ends soon.
func TestWaivedPromiseWarns(t *testing.T) {
	root := newRoot(t)
	edit(t, root, "prod", oneZone("database-instance"))
	r := preview(t, open(t, root, "prod"))
	if !slices.ContainsFunc(r.Diagnostics, func(d engine.Diagnostic) bool {
		return d.Severity == "warning" && strings.Contains(d.Message, "AV-3") && strings.Contains(d.Message, "2026-12-01")
	}) {
		t.Errorf("no warning of the waiver's end in %v", r.Diagnostics)
	}
}

func referenceSpec(t *testing.T, root, stack string) *spec.Spec {
	t.Helper()
	name := "Pulumi." + stack + ".yaml"
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile(name, text, spec.Options{Now: today()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verdicts(t *testing.T, s *spec.Spec, g *graph.Graph) map[string]promises.Result {
	t.Helper()
	a, err := promises.Assess(promises.Subject{Stack: "prod", Spec: s, Graph: g, Now: today()}, catalogue.All(), baseline.All())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]promises.Result{}
	for _, result := range slices.Concat(a.Promises, a.Baseline) {
		all[result.ID] = result
	}
	return all
}

// What is judged before anything is registered, what the engine's events say, and what the state holds give
// the same verdicts from the same number of findings.
func TestStateGivesTheVerdictsOfTheProgram(t *testing.T) {
	root, _, _ := upRoot(t)
	s := open(t, root, "prod")
	wantVerdictsOfTheProgram(t, root, "prod", s, preview(t, s))
	update, err := s.LastUpdate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if update == nil || update.Version < 1 || !strings.Contains(update.Config["berth:spec"], "awsclient") {
		t.Errorf("the last update is %+v, want the one that brought the stack up, with its spec", update)
	}
}

// wantVerdictsOfTheProgram wants a stack that is up to be judged as its program is.
func wantVerdictsOfTheProgram(t *testing.T, root, stack string, s *engine.Stack, seen *engine.Result) {
	t.Helper()
	read := referenceSpec(t, root, stack)
	before, err := program.Graph(t.Context(), stack, read)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := s.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := verdicts(t, read, before)
	for from, g := range map[string]*graph.Graph{"the state": graph.FromState(resources), "the engine's events": seen.Before()} {
		got := verdicts(t, read, g)
		for id, w := range want {
			// The events do not tell which changes are ignored, and so a finding on that is not made from them.
			all := len(got[id].Findings) == len(w.Findings) || from == "the engine's events" && id == "Berth.Engine.1"
			if got[id].Verdict != w.Verdict || !all {
				t.Errorf("%s: %s is %s with %d findings, the program's graph gives %s with %d: %v",
					id, from, got[id].Verdict, len(got[id].Findings), w.Verdict, len(w.Findings), got[id].Broken())
			}
		}
	}
}

// TestEvidence goes the way of an auditor: evidence of what is up, from the state, signed; it verifies, and not after a
// byte has changed.
func TestEvidence(t *testing.T) {
	root, _, _ := upRoot(t)
	var out, errs bytes.Buffer
	env := command.Env{
		// The CLI says by the real clock when the stack was brought up; evidence is not older than that.
		Out: &out, Err: &errs, In: strings.NewReader(""), Now: time.Now, Environ: os.Environ(), Home: t.TempDir(),
		Program: program.At(today), Promises: catalogue.All(), Controls: baseline.All(), Version: "1.2.3",
		Assess: func(ctx context.Context, stack string, s *spec.Spec, now time.Time) (*command.Judged, error) {
			g, a, err := program.Assess(ctx, stack, s, now)
			return &command.Judged{Graph: g, Assessment: a}, err
		},
		FindCLI:         func(context.Context, string) (string, error) { return pulumiCLI(t), nil },
		Open:            func(ctx context.Context, o engine.Options) (command.Stack, error) { return engine.Open(ctx, o) },
		ShedCredentials: func() {},
	}
	run := func(want int, args ...string) string {
		t.Helper()
		out.Reset()
		errs.Reset()
		if got := command.Run(t.Context(), env, append([]string{"--root", root}, args...)); got != want {
			t.Fatalf("berth %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, want, &out, &errs)
		}
		return out.String()
	}
	folder := filepath.Join(t.TempDir(), "evidence")
	var document evidence.Document
	if err := json.Unmarshal([]byte(run(0, "evidence", "prod", "--local", "--strict", "--out", folder, "--output", "json")), &document); err != nil {
		t.Fatal(err)
	}
	if document.Source.Kind != evidence.FromState || document.Source.State == nil || document.Source.State.Serial < 1 || document.Release.Version != "1.2.3" {
		t.Errorf("source %+v, release %+v", document.Source, document.Release)
	}
	if document.Subject.Cloud != evidence.Embedded || document.Subject.Statement == "" {
		t.Errorf("the evidence does not say that it is about the embedded cloud: %+v", document.Subject)
	}
	if c := document.Summary.Promises; c.Kept < 20 || c.Broken > 0 {
		t.Errorf("promises: %+v", c)
	}
	for _, name := range []string{"evidence.html", "evidence.md", "evidence.csv", "findings.csv", "oscal-assessment-results.json", "ocsf-compliance-findings.json", "evidence.pub"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := filepath.Join(folder, "evidence.json")
	run(0, "evidence", "verify", file, "--strict")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		changed := slices.Clone(text)
		changed[i*len(text)/20] ^= 0x20
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		run(command.ExitFailure, "evidence", "verify", file)
	}
	questions, err := filepath.Abs(filepath.Join(repository, "docs", "questionnaires", "hosting-and-continuity.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if answered := run(0, "questionnaire", "prod", questions, "--local"); !strings.Contains(answered, "AV-3") || !strings.Contains(answered, "rehearsal") {
		t.Error("the questionnaire is not answered from the evidence, or does not say that it is a rehearsal")
	}
}
