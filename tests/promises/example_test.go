package promises_test

import (
	"testing"
	"time"

	"github.com/berth-iac/berth/fleet/example"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/program"
)

// Of an invented fleet, a few of each kind and environment are judged by all promises: none is broken.
func TestInventedStacksBreakNoPromise(t *testing.T) {
	const each = 2
	now := time.Date(2026, time.November, 22, 9, 0, 0, 0, time.UTC)
	files, err := example.Make(example.Options{Clients: 100, Seed: 1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	judged := map[string]int{}
	for _, file := range files {
		s, err := spec.DecodeFile(file.Name, file.Text, spec.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		like := string(s.Kind) + " " + string(s.Summary().Environment)
		if s.AWSClient != nil {
			like += " " + string(s.AWSClient.Tier) + " " + string(s.AWSClient.Residency)
		}
		if judged[like] >= each {
			continue
		}
		judged[like]++
		_, assessment, err := program.Assess(t.Context(), file.Stack, s, now)
		if err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
		for _, result := range assessment.Promises {
			if result.Verdict == promises.Broken {
				t.Errorf("%s breaks %s", file.Name, result.ID)
			}
		}
	}
	if len(judged) < 10 {
		t.Errorf("stacks of %d sorts were judged: %v", len(judged), judged)
	}
}
