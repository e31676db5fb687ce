package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
)

func TestParseShard(t *testing.T) {
	if s, err := fleet.ParseShard("2/5"); err != nil || s.Index != 2 || s.Of != 5 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"", "2", "0/5", "6/5", "a/b", "1/5/7", "-1/2", "1/100000", "1 / 5"} {
		if s, err := fleet.ParseShard(text); err == nil {
			t.Errorf("%q is read as %+v", text, s)
		}
	}
}

// TestCut: shards cover a selection, each stack once, whatever order it comes in, and take about the same time.
func TestCut(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		all := members(rnd.IntN(80))
		n := 1 + rnd.IntN(9)
		seconds, total, longest := map[string]float64{}, 0.0, 0.0
		for _, m := range all {
			seconds[m.Stack] = 0.1 + 60*rnd.Float64()
			total, longest = total+seconds[m.Stack], max(longest, seconds[m.Stack])
		}
		var h *fleet.History
		if seed%3 > 0 {
			h = history(t, t.TempDir(), fleet.Preview, seconds)
		}
		found := map[string]int{}
		for i := 1; i <= n; i++ {
			mixed := slices.Clone(all)
			rnd.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			cut, shard := fleet.Cut(mixed, fleet.Shard{Index: i, Of: n}, h, fleet.Preview, "embedded")
			if shard.Stacks != len(all) || shard.Selection == "" || shard.Index != i {
				t.Errorf("shard is %+v", shard)
			}
			load := 0.0
			for _, m := range cut {
				found[m.Stack]++
				load += seconds[m.Stack]
			}
			if h != nil && load > total/float64(n)+longest {
				t.Errorf("seed %d: shard %d of %d takes %.1f s of %.1f s, the longest stack %.1f s", seed, i, n, load, total, longest)
			}
			if h == nil && len(cut) > (len(all)+n-1)/n {
				t.Errorf("seed %d: shard %d of %d has %d of %d stacks", seed, i, n, len(cut), len(all))
			}
		}
		for _, m := range all {
			if found[m.Stack] != 1 {
				t.Errorf("seed %d: %s is in %d shards", seed, m.Stack, found[m.Stack])
			}
		}
	}
}

// outcomes is work with every outcome, each stack's always the same.
func outcomes(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
	time.Sleep(time.Second)
	switch n := m.Stack[len(m.Stack)-1]; n {
	case '1':
		return changing("x"), nil
	case '2':
		return changing("x", "y"), nil
	case '3':
		return losing(), nil
	case '4':
		return weakening(promises.Weakens), nil
	case '5':
		return fleet.Outcome{}, errors.New("no")
	case '6':
		panic("at six")
	}
	return same(), nil
}

// groupPromises groups promises by id.
func groupPromises(entries []fleet.Entry) []fleet.PromiseGroup {
	var stacks []string
	for _, e := range entries {
		if len(e.Promises) > 0 {
			stacks = append(stacks, e.Stack)
		}
	}
	if stacks == nil {
		return nil
	}
	return []fleet.PromiseGroup{{ID: "AV-1", Stacks: stacks, Points: []string{}}}
}

// text is an answer as it is written, without what depends on when and in how many parts it was made.
func text(t *testing.T, a *fleet.Answer) string {
	t.Helper()
	plain := *a
	plain.Began, plain.DurationSeconds, plain.Shards = time.Time{}, 0, nil
	text, err := json.MarshalIndent(plain, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// throughFile is an answer as another machine reads it.
func throughFile(t *testing.T, a *fleet.Answer) *fleet.Answer {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	read := &fleet.Answer{}
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	return read
}

// shards runs a plan in n parts, and returns what each machine wrote.
func shards(t *testing.T, plan fleet.Plan, o fleet.Options, n int, h *fleet.History) (answers []*fleet.Answer) {
	t.Helper()
	all := plan.Members
	for i := 1; i <= n; i++ {
		cut, shard := fleet.Cut(all, fleet.Shard{Index: i, Of: n}, h, plan.Operation, plan.Basis)
		plan.Members, plan.Shard = cut, &shard
		answers = append(answers, throughFile(t, run(t, plan, o, outcomes)))
	}
	return answers
}

// TestMergedIsUndivided: the parts put together are what an undivided run gives.
func TestMergedIsUndivided(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			all := members(rnd.IntN(40))
			if rnd.IntN(2) == 0 {
				all = append(all, fleet.Member{Stack: "unreadable", Problems: []string{"no"}})
			}
			seconds := map[string]float64{}
			for _, m := range all {
				seconds[m.Stack] = rnd.Float64()
			}
			h := history(t, t.TempDir(), fleet.Preview, seconds)
			plan := fleet.Plan{Operation: fleet.Preview, Basis: "embedded", Revision: "abc", Since: "main", Members: all}
			o := options(1 + rnd.IntN(4))
			o.Grouping.Promises = groupPromises
			whole := throughFile(t, run(t, plan, o, outcomes))
			parts := shards(t, plan, o, 1+rnd.IntN(6), h)
			rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			merged, err := fleet.Merge(parts, o.Grouping)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := text(t, throughFile(t, merged)), text(t, whole); got != want {
				t.Errorf("seed %d: merged:\n%s\nundivided:\n%s", seed, got, want)
			}
			if len(merged.Shards) != len(parts) || !slices.IsSortedFunc(merged.Shards, func(a, b fleet.Shard) int { return a.Index - b.Index }) {
				t.Errorf("shards are %+v", merged.Shards)
			}
			if merged.DurationSeconds < whole.DurationSeconds-1e-6 && len(parts) == 1 {
				t.Errorf("merged took %v s, undivided %v s", merged.DurationSeconds, whole.DurationSeconds)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func([]*fleet.Answer) []*fleet.Answer
		want   string
	}{
		"none":            {func([]*fleet.Answer) []*fleet.Answer { return nil }, "there are none"},
		"missing":         {func(a []*fleet.Answer) []*fleet.Answer { return a[1:3] }, "shards are missing: 1/4, 4/4"},
		"twice":           {func(a []*fleet.Answer) []*fleet.Answer { return append(a, a[1]) }, "shard 2/4 is there twice"},
		"undivided":       {func(a []*fleet.Answer) []*fleet.Answer { a[2].Shards = nil; return a }, "no. 3 is not of one shard"},
		"other_revision":  {func(a []*fleet.Answer) []*fleet.Answer { a[2].Revision = "def"; return a }, `shard 3/4 has another revision ("def") than shard 1/4 ("abc")`},
		"other_since":     {func(a []*fleet.Answer) []*fleet.Answer { a[1].Since = "def"; return a }, "another revision compared with"},
		"other_operation": {func(a []*fleet.Answer) []*fleet.Answer { a[1].Operation = fleet.Verify; return a }, "another operation"},
		"other_basis":     {func(a []*fleet.Answer) []*fleet.Answer { a[1].Basis = "real"; return a }, "another basis"},
		"other_number":    {func(a []*fleet.Answer) []*fleet.Answer { a[1].Shards[0].Of = 5; return a }, "another number of shards"},
		"other_selection": {func(a []*fleet.Answer) []*fleet.Answer { a[1].Shards[0].Selection = "x"; return a }, "was cut from other stacks"},
		"other_form":      {func(a []*fleet.Answer) []*fleet.Answer { a[1].Version = 9; return a }, "has form 9"},
		"stack_missing":   {func(a []*fleet.Answer) []*fleet.Answer { a[1].Stacks = a[1].Stacks[1:]; return a }, "hold 11 of 12 stacks; they were cut by different records of durations"},
		"stack_twice": {func(a []*fleet.Answer) []*fleet.Answer { a[1].Stacks[0] = a[0].Stacks[0]; return a },
			"hold 11 of 12 stacks, and some twice: client-0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parts := shards(t, fleet.Plan{Operation: fleet.Preview, Basis: "embedded", Revision: "abc", Members: members(12)}, options(4), 4, nil)
				merged, err := fleet.Merge(tc.change(parts), fleet.Grouping{})
				if err == nil || merged != nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("err = %v, want %q in it", err, tc.want)
				}
			})
		})
	}
}

// TestShardsOnOneMachine: a shard does not record what would cut the next one differently; who merges does.
func TestShardsOnOneMachine(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var parts []*fleet.Answer
		all := members(9)
		for i := 1; i <= 3; i++ {
			h, err := fleet.OpenHistory(fleet.HistoryFile(root))
			if err != nil {
				t.Fatal(err)
			}
			o := options(2)
			o.History = h
			cut, shard := fleet.Cut(all, fleet.Shard{Index: i, Of: 3}, h, fleet.Preview, "embedded")
			parts = append(parts, run(t, fleet.Plan{Operation: fleet.Preview, Basis: "embedded", Members: cut, Shard: &shard}, o,
				func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
					time.Sleep(time.Duration(1+m.Stack[len(m.Stack)-1]-'0') * time.Second)
					return same(), nil
				}))
		}
		merged, err := fleet.Merge(parts, fleet.Grouping{})
		if err != nil {
			t.Fatal(err)
		}
		h, err := fleet.OpenHistory(fleet.HistoryFile(root))
		if err != nil {
			t.Fatal(err)
		}
		h.Learn(merged)
		if err := h.Save(); err != nil {
			t.Fatal(err)
		}
		first, _ := fleet.Cut(all, fleet.Shard{Index: 1, Of: 9}, h, fleet.Preview, "embedded")
		if len(first) != 1 || first[0].Stack != "client-008" {
			t.Errorf("of nine shards the first holds %v, want the longest", first)
		}
	})
}

func TestSortGroups(t *testing.T) {
	want := []fleet.Group{
		{Key: "1", Danger: true, Stateful: "database", Op: engine.OpDelete, Stacks: []string{"a"}},
		{Key: "2", Danger: true, Stateful: "database", Op: engine.OpReplace, Stacks: []string{"a", "b"}},
		{Key: "3", Stateful: "bucket", Op: engine.OpUpdate, Stacks: []string{"a", "b", "c"}},
		{Key: "4", Op: engine.OpDelete, Stacks: []string{"a"}},
		{Key: "5", Op: engine.OpUpdate, Stacks: []string{"a", "b", "c"}},
		{Key: "6", Op: engine.OpUpdate, Stacks: []string{"a", "b"}, Title: "a"},
		{Key: "7", Op: engine.OpUpdate, Stacks: []string{"a", "b"}, Title: "b"},
		{Key: "8", Op: engine.OpCreate, Stacks: []string{"a", "b", "c", "d"}},
	}
	for seed := range uint64(20) {
		groups := slices.Clone(want)
		rand.New(rand.NewPCG(seed, 4)).Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
		fleet.SortGroups(groups)
		if !reflect.DeepEqual(groups, want) {
			t.Fatalf("order is %s", fmt.Sprint(groups))
		}
	}
}
