package promises_test

import (
	"testing"
	"time"

	"github.com/berth-iac/berth/fleet/example"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/program"
)

// Every stack of an invented fleet goes up: none breaks a promise or a control.
func TestInventedStacksBreakNoPromise(t *testing.T) {
	now := time.Date(2026, time.November, 22, 9, 0, 0, 0, time.UTC)
	files, err := example.Make(example.Options{Clients: 100, Seed: 1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	sorts := map[string]bool{}
	for _, file := range files {
		s, err := spec.DecodeFile(file.Name, file.Text, spec.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		sorts[string(s.Kind)+" "+string(s.Summary().Environment)] = true
		_, assessment, err := program.Assess(t.Context(), file.Stack, s, now)
		if err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
		if err := assessment.Refusal(file.Stack); err != nil {
			t.Errorf("%s: %v", file.Name, err)
		}
	}
	if len(sorts) < 8 {
		t.Errorf("stacks of %d sorts were judged: %v", len(sorts), sorts)
	}
}
