package reference_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
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

func referenceSpec(t *testing.T, root string) *spec.Spec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Pulumi.prod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile("Pulumi.prod.yaml", text, spec.Options{Now: today()})
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
// the same verdicts on the same number of findings.
func TestStateGivesTheVerdictsOfTheProgram(t *testing.T) {
	root, _, _ := upRoot(t)
	read := referenceSpec(t, root)
	before, err := program.Graph(t.Context(), "prod", read)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, root, "prod")
	seen := preview(t, s)
	resources, err := s.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := verdicts(t, read, before)
	for from, g := range map[string]*graph.Graph{"the state": graph.FromState(resources), "the engine's events": seen.Before()} {
		got := verdicts(t, read, g)
		for id, w := range want {
			if got[id].Verdict != w.Verdict || len(got[id].Findings) != len(w.Findings) {
				t.Errorf("%s: %s is %s with %d findings, the program's graph gives %s with %d: %v",
					id, from, got[id].Verdict, len(got[id].Findings), w.Verdict, len(w.Findings), got[id].Broken())
			}
		}
	}
	update, err := s.LastUpdate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if update == nil || update.Version < 1 || !strings.Contains(update.Config["berth:spec"], "awsclient") {
		t.Errorf("the last update is %+v, want the one that brought the stack up, with its spec", update)
	}
}
