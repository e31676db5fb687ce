package fleet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
)

// took is an answer in which stacks took so many seconds.
func took(o fleet.Operation, seconds map[string]float64) *fleet.Answer {
	a := &fleet.Answer{Operation: o, Basis: "embedded"}
	for stack, s := range seconds {
		a.Stacks = append(a.Stacks, fleet.Entry{Member: member(stack, 4), Status: fleet.Unchanged, DurationSeconds: s})
	}
	return a
}

func history(t testing.TB, root string, o fleet.Operation, seconds map[string]float64) *fleet.History {
	t.Helper()
	h, err := fleet.OpenHistory(fleet.HistoryFile(root))
	if err != nil {
		t.Fatal(err)
	}
	h.Learn(took(o, seconds))
	if err := h.Save(); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestLongestFirst has what is recorded decide the order, operation by operation.
func TestLongestFirst(t *testing.T) {
	root := t.TempDir()
	history(t, root, fleet.Preview, map[string]float64{"client-001": 1, "client-002": 9, "client-003": 5})
	synctest.Test(t, func(t *testing.T) {
		for operation, want := range map[fleet.Operation]string{
			fleet.Preview: "client-002 client-000 client-003 client-004 client-001", // those unknown take what others do: 5 s
			fleet.Verify:  "client-000 client-001 client-002 client-003 client-004",
		} {
			h, err := fleet.OpenHistory(fleet.HistoryFile(root))
			if err != nil {
				t.Fatal(err)
			}
			o := options(1)
			o.History = h
			var order []string
			run(t, fleet.Plan{Operation: operation, Basis: "embedded", Members: members(5)}, o,
				func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
					order = append(order, m.Stack)
					return same(), nil
				})
			if strings.Join(order, " ") != want {
				t.Errorf("%s: order is %q, want %q", operation, order, want)
			}
		}
	})
}

// TestMemoryIsLearned: stacks of which it is known that they take much are not begun beside others.
func TestMemoryIsLearned(t *testing.T) {
	root := t.TempDir()
	for round, want := range []int{5, 2} { // at first a stack counts as 200 MiB
		synctest.Test(t, func(t *testing.T) {
			h, err := fleet.OpenHistory(fleet.HistoryFile(root))
			if err != nil {
				t.Fatal(err)
			}
			o := options(9)
			o.History, o.Budget.Memory = h, 1100<<20
			peak := 0
			o.Progress = func(e fleet.Event) { peak = max(peak, len(e.Overview.Running)) }
			run(t, fleet.Plan{Operation: fleet.Preview, Basis: "embedded", Members: members(8)}, o,
				func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
					time.Sleep(time.Second)
					outcome := same()
					outcome.Memory = 500 << 20
					return outcome, nil
				})
			if peak != want {
				t.Errorf("in round %d at most %d ran at once, want %d", round, peak, want)
			}
		})
	}
}

func TestHistoryOfTwoProcesses(t *testing.T) {
	path := fleet.HistoryFile(t.TempDir())
	var open []*fleet.History
	for range 8 { // all of them know nothing yet
		h, err := fleet.OpenHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, h)
	}
	var wait sync.WaitGroup
	for i, h := range open {
		wait.Go(func() {
			h.Learn(took(fleet.Preview, map[string]float64{fmt.Sprintf("client-%03d", i): float64(i + 1)}))
			if err := h.Save(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range open {
		if !strings.Contains(string(text), fmt.Sprintf(`"client-%03d":{"seconds":%d}`, i, i+1)) {
			t.Errorf("what process %d learned is lost: %s", i, text)
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || slices.ContainsFunc(files, func(e os.DirEntry) bool { return strings.Contains(e.Name(), ".new-") }) {
		t.Errorf("files are left: %v, %v", files, err)
	}
}

func TestHistoryIsUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "durations.json")
	for _, text := range []string{"{", "", `{"version": 99}`, "[]"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := fleet.OpenHistory(path)
		if err == nil || h == nil {
			t.Fatalf("%q: %v, %v", text, h, err)
		}
		h.Learn(took(fleet.Preview, map[string]float64{"a": 1}))
		if err := h.Save(); err != nil {
			t.Fatal(err)
		}
		if _, err := fleet.OpenHistory(path); err != nil {
			t.Errorf("%q: it is not made anew: %v", text, err)
		}
	}
}

// TestHistoryForgets: what is recorded comes near to what stacks take now, and failures are not learned from.
func TestHistoryForgets(t *testing.T) {
	root := t.TempDir()
	history(t, root, fleet.Preview, map[string]float64{"a": 100})
	failed := took(fleet.Preview, map[string]float64{"b": 7})
	failed.Stacks[0].Status = fleet.Failed
	for range 8 {
		h := history(t, root, fleet.Preview, map[string]float64{"a": 2})
		h.Learn(failed)
		if err := h.Save(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(fleet.HistoryFile(root))
	if err != nil || !strings.Contains(string(text), `"a":{"seconds":2.3`) || strings.Contains(string(text), `"b"`) {
		t.Errorf("%s, %v", text, err)
	}
}
