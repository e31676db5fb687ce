package promises_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	shapes "github.com/berth-iac/berth/localcloud/catalogue"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/tests/promises/mutation"
)

var update = flag.Bool("update", false, "rewrite the golden file and docs/mutation-report.md")

// order is that in which the variants are mutated. What a variant has in common with an earlier one of the same
// program is mutated there.
var order = []string{"prod", "organisation", "dedicated", "doors", "dublin", "staging", "leaving"}

// suite is what the mutants of all variants showed.
type suite struct {
	outcomes []mutation.Outcome
	harmless []mutation.Outcome // of mutants that a rule calls harmless; they do not count
	rules    *mutation.Rules
	fit      map[*mutation.Rule]int // mutants that each rule decides on
}

// runSuite mutates and judges once for all tests that look at the outcome.
var runSuite = sync.OnceValues(func() (*suite, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // a graph for each mutant, and none lives long
	text, err := os.ReadFile(filepath.Join("testdata", "irrelevant.yaml"))
	if err != nil {
		return nil, err
	}
	s := &suite{fit: map[*mutation.Rule]int{}}
	if s.rules, err = mutation.ReadRules(text); err != nil {
		return nil, err
	}
	all, controls := catalogue.All(), baseline.All()
	known := map[string]bool{}
	for _, name := range order {
		subject, err := load(name)
		if err != nil {
			return nil, err
		}
		var mutants, harmless []*mutation.Mutant
		for _, m := range mutation.Of(subject.Graph, shapes.Embedded()) {
			id := variants[name].file + " " + m.ID()
			if known[id] {
				continue
			}
			known[id] = true
			rule := s.rules.Of(m)
			if rule != nil {
				s.fit[rule]++
			}
			switch {
			case rule == nil || slices.Contains(s.rules.Counts, rule):
				mutants = append(mutants, m)
			case slices.Contains(s.rules.Harmless, rule):
				harmless = append(harmless, m)
			}
		}
		judge, err := mutation.NewJudge(subject, all, controls)
		if err != nil {
			return nil, err
		}
		outcomes, err := judge.Run(mutants)
		if err != nil {
			return nil, err
		}
		s.outcomes = append(s.outcomes, outcomes...)
		if outcomes, err = judge.Run(harmless); err != nil {
			return nil, err
		}
		s.harmless = append(s.harmless, outcomes...)
	}
	return s, nil
})

func mutated(t *testing.T) *suite {
	t.Helper()
	s, err := runSuite()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// aim is the share of mutants that must be noticed.
const aim = 0.95

// Each change for the worse is noticed by a promise or a control, or a line of survivors.txt says why not.
func TestMutants(t *testing.T) {
	s := mutated(t)
	text, err := os.ReadFile(filepath.Join("testdata", "survivors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := mutation.ReadLines(text)
	if err != nil {
		t.Fatalf("testdata/survivors.txt: %v", err)
	}
	survive := make([]int, len(lines))
	caught := 0
	unexplained := map[string]int{}
	for _, o := range s.outcomes {
		if o.Caught() {
			caught++
			continue
		}
		if i := slices.IndexFunc(lines, func(r *mutation.Rule) bool { return r.Fits(o.Mutant) }); i >= 0 {
			survive[i]++
			continue
		}
		class := strings.Join([]string{o.Mutant.Type, o.Mutant.Property, o.Mutant.Operator}, " | ")
		if unexplained[class]++; unexplained[class] == 1 {
			t.Errorf("no check notices, and no line of testdata/survivors.txt says why:\n  %s", o.Mutant)
		}
	}
	for i, n := range survive {
		if n == 0 {
			t.Errorf("testdata/survivors.txt: no mutant of this line survives, or none is left for it: remove it\n  %s", lines[i])
		}
	}
	for _, rule := range s.rules.All() {
		if s.fit[rule] == 0 {
			t.Errorf("testdata/irrelevant.yaml: a rule fits no mutant: remove it\n  %s", rule)
		}
	}
	for _, o := range s.harmless {
		if o.Caught() {
			t.Errorf("testdata/irrelevant.yaml: a rule calls harmless what %v calls broken: narrow the rule, or the check\n  %s\n  %s",
				slices.Concat(o.Promises, o.Controls), s.rules.Of(o.Mutant), o.Mutant)
		}
	}
	if share := float64(caught) / float64(len(s.outcomes)); share < aim {
		t.Errorf("%d of %d mutants are noticed, %.1f %%; want %.0f %%", caught, len(s.outcomes), 100*share, 100*aim)
	}
	if !t.Failed() {
		golden(t, filepath.Join("..", "..", "docs", "mutation-report.md"), s.report(lines, survive))
	}
}

// Each check can fail: for each promise there is a mutant that breaks it and no other promise, and for each
// control one that breaks it.
func TestEveryCheckCanFail(t *testing.T) {
	s := mutated(t)
	for _, p := range catalogue.All() {
		if p.Check == nil {
			continue
		}
		if breaking, alone := s.breaking(p.ID); breaking == 0 {
			t.Errorf("%s: no mutant breaks it: what does the check look at?", p.ID)
		} else if alone == nil {
			t.Errorf("%s: %d mutants break it, and each of them breaks other promises too: which fact is its own?", p.ID, breaking)
		}
	}
	judged := map[string]bool{}
	for _, name := range order {
		subject, err := load(name)
		if err != nil {
			t.Fatal(err)
		}
		a := assess(t, subject)
		for _, r := range a.Baseline {
			judged[r.ID] = judged[r.ID] || r.Verdict == promises.Kept
		}
	}
	for _, c := range baseline.All() {
		if strings.HasPrefix(c.ID, "Berth.Host.") || strings.HasPrefix(c.ID, "Berth.Cloud.") {
			continue // shown in package machines, and in the baseline's own tests
		}
		switch breaking, _ := s.breaking(c.ID); {
		case !judged[c.ID]:
			t.Errorf("%s: no reference stack has anything that the control is about", c.ID)
		case breaking == 0:
			t.Errorf("%s: no mutant breaks it: what does the check look at?", c.ID)
		}
	}
}

// Checks that do not read what a mutant changes are not asked about it. Asked all the same, they say nothing else.
func TestAskedChecksAreEnough(t *testing.T) {
	s := subject(t, "doors")
	judge, err := mutation.NewJudge(s, catalogue.All(), baseline.All())
	if err != nil {
		t.Fatal(err)
	}
	const every = 101 // mutants, of which one is judged by all checks
	var sample []*mutation.Mutant
	for i, m := range mutation.Of(s.Graph, shapes.Embedded()) {
		if i%every == 0 {
			sample = append(sample, m)
		}
	}
	asked, err := judge.Run(sample)
	if err != nil {
		t.Fatal(err)
	}
	all, err := judge.RunAll(sample)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range sample {
		if !slices.Equal(asked[i].Promises, all[i].Promises) || !slices.Equal(asked[i].Controls, all[i].Controls) {
			t.Errorf("%s\n  asked: %v %v\n  all: %v %v", m, asked[i].Promises, asked[i].Controls, all[i].Promises, all[i].Controls)
		}
	}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what is found now; run with -update and review what changed:\n%s", path, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	wanted, found := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(found)) {
		a, b := "", ""
		if i < len(wanted) {
			a = wanted[i]
		}
		if i < len(found) {
			b = found[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, a, b)
		}
	}
	return ""
}
