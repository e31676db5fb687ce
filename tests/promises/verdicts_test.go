package promises_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
)

func assess(t testing.TB, subject promises.Subject) *promises.Assessment {
	t.Helper()
	a, err := promises.Assess(subject, catalogue.All(), baseline.All())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The reference stacks break nothing; how each promise and control stands in them is pinned.
func TestReferenceStacksKeepTheirPromises(t *testing.T) {
	verdicts := map[string]map[string]promises.Verdict{}
	for _, name := range order {
		s := subject(t, name)
		a := assess(t, s)
		for _, r := range slices.Concat(a.Promises, a.Baseline) {
			if verdicts[r.ID] == nil {
				verdicts[r.ID] = map[string]promises.Verdict{}
			}
			verdicts[r.ID][name] = r.Verdict
		}
		if err := a.Refusal(name); err != nil {
			t.Error(err)
		}
		for _, warning := range a.Warnings {
			t.Errorf("%s: %s", name, warning)
		}
	}
	var b strings.Builder
	row := func(id string, cells []string) {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-14s %s", id, strings.Join(cells, " ")), " "))
	}
	var head []string
	for _, name := range order {
		head = append(head, fmt.Sprintf("%-16s", name))
	}
	row("", head)
	var ids []string
	for _, p := range catalogue.All() {
		ids = append(ids, p.ID)
	}
	for _, c := range baseline.All() {
		ids = append(ids, c.ID)
	}
	for _, id := range ids {
		var cells []string
		for _, name := range order {
			verdict := string(verdicts[id][name])
			if verdict == "" {
				verdict = "–"
			}
			cells = append(cells, fmt.Sprintf("%-16s", verdict))
		}
		row(id, cells)
	}
	golden(t, filepath.Join("testdata", "verdicts.golden"), b.String())
}

// All promises and controls are judged in milliseconds, before every change of a stack.
func BenchmarkAssess(b *testing.B) {
	s := subject(b, "prod")
	all, controls := catalogue.All(), baseline.All()
	for b.Loop() {
		if _, err := promises.Assess(s, all, controls); err != nil {
			b.Fatal(err)
		}
	}
}
