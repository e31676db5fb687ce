package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// member is a stack in a wave.
func member(stack string, wave int) fleet.Member {
	return fleet.Member{Stack: stack, Kind: spec.KindAWSClient, Client: stack, Environment: spec.Production, Wave: wave}
}

// members are n stacks in one wave.
func members(n int) (all []fleet.Member) {
	for i := range n {
		all = append(all, member(fmt.Sprintf("client-%03d", i), 4))
	}
	return all
}

// same is the result of a stack that does not change.
func same() fleet.Outcome {
	return fleet.Outcome{Run: &engine.Result{Outcome: engine.Succeeded, Counts: map[engine.Op]int{engine.OpSame: 3},
		Steps: []engine.Step{{Name: "a", Op: engine.OpSame}}}}
}

// changing is the result of a stack in which resources are updated.
func changing(names ...string) fleet.Outcome {
	r := &engine.Result{Outcome: engine.Succeeded, Counts: map[engine.Op]int{engine.OpUpdate: len(names), engine.OpSame: 1},
		Steps: []engine.Step{{Name: "a", Op: engine.OpSame}}}
	for _, name := range names {
		r.Steps = append(r.Steps, engine.Step{Name: name, Op: engine.OpUpdate, Status: engine.Planned})
	}
	return fleet.Outcome{Run: r}
}

func weakening(kind promises.EffectKind) fleet.Outcome {
	o := changing("db")
	o.Run.Promises = []promises.Effect{{ID: "AV-1", Kind: kind}}
	return o
}

func losing() fleet.Outcome {
	o := changing("db")
	o.Run.Dangers = []engine.Danger{{Name: "db", Op: engine.OpDelete, Holds: "a database"}}
	return o
}

// groupByName groups changes by resource.
func groupByName(_ map[string]fleet.Member, results map[string]*engine.Result) []fleet.Group {
	byName := map[string]*fleet.Group{}
	for stack, r := range results {
		for _, step := range r.Steps {
			if byName[step.Name] == nil {
				byName[step.Name] = &fleet.Group{Key: step.Name, Title: step.Name, Name: step.Name, Op: step.Op}
			}
			byName[step.Name].Stacks = append(byName[step.Name].Stacks, stack)
		}
	}
	var groups []fleet.Group
	for _, g := range byName {
		slices.Sort(g.Stacks)
		groups = append(groups, *g)
	}
	return groups
}

func options(slots int) fleet.Options {
	return fleet.Options{Budget: fleet.Budget{Slots: slots}, Clock: time.Now, Grouping: fleet.Grouping{Changes: groupByName}}
}

func run(t *testing.T, plan fleet.Plan, o fleet.Options, work fleet.Work) *fleet.Answer {
	t.Helper()
	answer, err := fleet.Run(t.Context(), plan, o, work)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func entry(t *testing.T, a *fleet.Answer, stack string) fleet.Entry {
	t.Helper()
	i := slices.IndexFunc(a.Stacks, func(e fleet.Entry) bool { return e.Stack == stack })
	if i < 0 {
		t.Fatalf("the answer has no stack %s", stack)
	}
	return a.Stacks[i]
}

// TestOneHidesNoOther has one stack of every way to fail among healthy ones.
func TestOneHidesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(20)
		all = append(all, fleet.Member{Stack: "unreadable", Problems: []string{"line 3: unreadable"}})
		for _, name := range []string{"fails", "refuses", "invalid", "unconfirmed", "breaks", "panics", "exits", "hangs", "stubborn", "slow", "empty", "changes", "loses", "weakens", "strengthens", "half"} {
			all = append(all, member(name, 4))
		}
		release := make(chan struct{})
		o := options(3)
		o.Timeout, o.Grace = time.Minute, 10*time.Second
		began := time.Now()
		a := run(t, fleet.Plan{Operation: fleet.Preview, Basis: "embedded", Members: all}, o,
			func(_ context.Context, m fleet.Member, kill <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
				switch m.Stack {
				case "fails":
					return fleet.Outcome{}, errors.New("no such bucket")
				case "half":
					o := changing("x")
					o.Run.Outcome = engine.Failure
					return o, &engine.RunError{Result: o.Run, Err: errors.New("the cloud said no")}
				case "refuses":
					return fleet.Outcome{}, fleet.Refuse(errors.New("nobody agreed"))
				case "invalid":
					return fleet.Outcome{}, fmt.Errorf("read it: %w", spec.Problems{{Path: "berth:spec"}})
				case "unconfirmed":
					return losing(), &engine.RefusedError{Stack: m.Stack}
				case "breaks":
					return weakening(promises.Breaks), &promises.Refusal{Stack: m.Stack}
				case "panics":
					var none map[string]int
					none[m.Stack]++ //nolint:staticcheck // it is to panic
				case "exits":
					goexit()
				case "hangs":
					<-kill
					return fleet.Outcome{}, errors.New("the CLI was killed")
				case "stubborn":
					<-release
					return same(), nil
				case "slow":
					time.Sleep(50 * time.Second)
				case "empty":
					return fleet.Outcome{}, nil
				case "changes":
					return changing("x", "y"), nil
				case "loses":
					return losing(), nil
				case "weakens":
					return weakening(promises.Weakens), nil
				case "strengthens":
					return weakening(promises.Strengthens), nil
				}
				time.Sleep(time.Second)
				return same(), nil
			})
		close(release)
		for stack, want := range map[string]struct {
			status fleet.Status
			says   string
		}{
			"fails":       {fleet.Failed, "no such bucket"},
			"half":        {fleet.Failed, "the cloud said no"},
			"refuses":     {fleet.Refused, "nobody agreed"},
			"invalid":     {fleet.Refused, "berth:spec"},
			"unconfirmed": {fleet.Refused, "not confirmed"},
			"breaks":      {fleet.Refused, "breaks what is promised"},
			"panics":      {fleet.Failed, "crashed at run_test.go:"},
			"exits":       {fleet.Failed, "without an answer"},
			"hangs":       {fleet.Failed, "took longer than 1m0s and was ended; allow it more with --timeout: the CLI was killed"},
			"stubborn":    {fleet.Failed, "did not end when it was killed"},
			"empty":       {fleet.Failed, "brought nothing"},
			"unreadable":  {fleet.Refused, "line 3: unreadable"},
			"slow":        {fleet.Unchanged, ""},
			"changes":     {fleet.Changed, ""},
			"loses":       {fleet.Risky, ""},
			"weakens":     {fleet.Risky, ""},
			"strengthens": {fleet.Changed, ""},
			"client-007":  {fleet.Unchanged, ""},
		} {
			e := entry(t, a, stack)
			if e.Status != want.status || !strings.Contains(e.Error, want.says) || want.says == "" && e.Error != "" {
				t.Errorf("%s is %s: %q, want %s: %q", stack, e.Status, e.Error, want.status, want.says)
			}
		}
		if len(a.Stacks) != len(all) || a.Verdict != fleet.Failures || a.Exit() != fleet.ExitFailures {
			t.Errorf("%d stacks of %d, %s, exit code %d", len(a.Stacks), len(all), a.Verdict, a.Exit())
		}
		if a.Statuses[fleet.Unchanged] != 21 || a.Statuses[fleet.Held] != 0 {
			t.Errorf("statuses are %v", a.Statuses)
		}
		if e := entry(t, a, "changes"); e.Changes != 2 || e.DurationSeconds != 1 && e.DurationSeconds != 0 {
			t.Errorf("changes is %+v", e)
		}
		if len(a.Groups) != 3 || a.Groups[0].Name != "db" || slices.Contains(a.Groups[1].Stacks, "half") {
			t.Errorf("groups are %+v", a.Groups)
		}
		if a.Results != nil || a.Shards != nil {
			t.Error("an undivided answer has what only shards need")
		}
		if took := time.Since(began); took > 100*time.Second {
			t.Errorf("the run took %s", took)
		}
	})
}

// TestWithinBudget runs random fleets and looks at all times at what runs.
func TestWithinBudget(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			slots, most := 1+rnd.IntN(6), uint64(0)
			per := uint64(50 + rnd.IntN(150))
			if rnd.IntN(2) == 0 {
				most = uint64(100 + rnd.IntN(600))
			}
			all := members(1 + rnd.IntN(60))
			seconds := map[string]time.Duration{}
			var total, longest time.Duration
			for _, m := range all {
				seconds[m.Stack] = time.Duration(rnd.IntN(5000)) * time.Millisecond
				total, longest = total+seconds[m.Stack], max(longest, seconds[m.Stack])
			}
			o := options(slots)
			o.Budget.Memory, o.Budget.Unrecorded = most, per
			allowed := slots
			if most > 0 {
				allowed = max(1, min(slots, int(most/per)))
			}
			var mu sync.Mutex
			now, peak, done := 0, 0, map[string]int{}
			o.Progress = func(e fleet.Event) {
				if n := len(e.Overview.Running); n > allowed {
					t.Errorf("%d run, allowed are %d", n, allowed)
				}
				if v := e.Overview; v.Ended+v.Waiting+len(v.Running) != v.Total || v.Total != len(all) {
					t.Errorf("overview is %+v", v)
				}
			}
			a := run(t, fleet.Plan{Operation: fleet.Preview, Members: all}, o,
				func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
					mu.Lock()
					now++
					peak, done[m.Stack] = max(peak, now), done[m.Stack]+1
					mu.Unlock()
					time.Sleep(seconds[m.Stack])
					mu.Lock()
					now--
					mu.Unlock()
					return same(), nil
				})
			if peak > allowed || peak < min(allowed, len(all)) {
				t.Errorf("seed %d: at most %d at once, allowed are %d of %d", seed, peak, allowed, len(all))
			}
			if a.Verdict != fleet.NoChange || len(done) != len(all) || len(a.Stacks) != len(all) {
				t.Errorf("seed %d: %s, %d done, %d in the answer, of %d", seed, a.Verdict, len(done), len(a.Stacks), len(all))
			}
			if most, took := total/time.Duration(allowed)+longest, time.Duration(a.DurationSeconds*float64(time.Second)); took > most+time.Millisecond {
				t.Errorf("seed %d: took %s; no time is lost within %s", seed, took, most)
			}
		})
	}
}

func TestWaves(t *testing.T) {
	all := []fleet.Member{member("org", 1), member("dev-a", 2), member("dev-b", 2), member("prod-a", 4), member("prod-b", 4)}
	for name, tc := range map[string]struct {
		operation fleet.Operation
		outcome   fleet.Outcome
		err       error
		keepGoing bool
		held      bool
		verdict   fleet.Verdict
		exit      int
	}{
		"good":                 {fleet.Up, changing("x"), nil, false, false, fleet.Changes, fleet.ExitDone},
		"failed":               {fleet.Up, fleet.Outcome{}, errors.New("no"), false, true, fleet.Failures, fleet.ExitFailures},
		"failed_but_go_on":     {fleet.Up, fleet.Outcome{}, errors.New("no"), true, false, fleet.Failures, fleet.ExitFailures},
		"refused":              {fleet.Up, losing(), &engine.RefusedError{}, false, true, fleet.Failures, fleet.ExitFailures},
		"refused_but_go_on":    {fleet.Up, losing(), &engine.RefusedError{}, true, false, fleet.Dangerous, fleet.ExitDangerous},
		"weakens":              {fleet.Up, weakening(promises.Weakens), nil, false, true, fleet.Failures, fleet.ExitFailures},
		"weakens_but_go_on":    {fleet.Up, weakening(promises.Weakens), nil, true, false, fleet.Dangerous, fleet.ExitDangerous},
		"confirmed_danger":     {fleet.Up, losing(), nil, false, false, fleet.Dangerous, fleet.ExitDangerous},
		"failed_refresh":       {fleet.Refresh, fleet.Outcome{}, errors.New("no"), false, true, fleet.Failures, fleet.ExitFailures},
		"failed_preview":       {fleet.Preview, fleet.Outcome{}, errors.New("no"), false, false, fleet.Failures, fleet.ExitFailures},
		"strengthens":          {fleet.Up, weakening(promises.Strengthens), nil, false, false, fleet.Changes, fleet.ExitDone},
		"preview_with_changes": {fleet.Preview, changing("x"), nil, false, false, fleet.Changes, fleet.ExitChanges},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var order []string
				underWay, apart := map[int]int{}, true
				o := options(3)
				o.KeepGoing = tc.keepGoing
				stopped := ""
				o.Progress = func(e fleet.Event) {
					if e.Kind == fleet.WaveStopped {
						stopped = e.Because
					}
				}
				a := run(t, fleet.Plan{Operation: tc.operation, Members: all}, o,
					func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
						mu.Lock()
						order = append(order, m.Stack)
						underWay[m.Wave]++
						apart = apart && len(underWay) == 1
						mu.Unlock()
						time.Sleep(time.Second)
						mu.Lock()
						defer mu.Unlock()
						if underWay[m.Wave]--; underWay[m.Wave] == 0 {
							delete(underWay, m.Wave)
						}
						if m.Stack == "dev-a" {
							return tc.outcome, tc.err
						}
						return same(), nil
					})
				if apart != tc.operation.Changes() {
					t.Errorf("one wave at a time: %t, want %t", apart, tc.operation.Changes())
				}
				if held := entry(t, a, "prod-a"); (held.Status == fleet.Held) != tc.held || tc.held && !strings.Contains(held.Error, "wave 2 was stopped by dev-a") {
					t.Errorf("prod-a is %s: %s", held.Status, held.Error)
				}
				if b := entry(t, a, "dev-b"); b.Status != fleet.Unchanged {
					t.Errorf("dev-b, in the same wave, is %s", b.Status)
				}
				if (stopped != "") != tc.held {
					t.Errorf("the stop was told as %q", stopped)
				}
				if wave1 := slices.Index(order, "org"); tc.operation.Changes() && wave1 != 0 {
					t.Errorf("order is %q", order)
				}
				if a.Verdict != tc.verdict || a.Exit() != tc.exit {
					t.Errorf("%s, exit code %d, want %s and %d", a.Verdict, a.Exit(), tc.verdict, tc.exit)
				}
			})
		})
	}
}

// TestUnreadableStopsNoWave: nobody knows in which wave it would be.
func TestUnreadableStopsNoWave(t *testing.T) {
	all := []fleet.Member{member("dev", 2), member("prod", 4), {Stack: "broken", Problems: []string{"unreadable"}}}
	a := run(t, fleet.Plan{Operation: fleet.Up, Members: all}, options(2),
		func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
			if len(m.Problems) > 0 {
				t.Errorf("%s was worked on", m.Stack)
			}
			return same(), nil
		})
	if a.Statuses[fleet.Unchanged] != 2 || a.Statuses[fleet.Refused] != 1 || a.Exit() != fleet.ExitFailures {
		t.Errorf("statuses are %v, exit code %d", a.Statuses, a.Exit())
	}
}

func TestGate(t *testing.T) {
	all := []fleet.Member{member("b", 2), member("a", 2), member("c", 3), member("d", 4)}
	work := func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
		return same(), nil
	}
	asked := map[int][]string{}
	o := options(1)
	o.KeepGoing = true // which does not go over a gate
	o.Gate = func(_ context.Context, wave int, members []fleet.Member) error {
		for _, m := range members {
			asked[wave] = append(asked[wave], m.Stack)
		}
		if wave == 3 {
			return errors.New("nobody agreed")
		}
		return nil
	}
	a := run(t, fleet.Plan{Operation: fleet.Up, Members: all}, o, work)
	if fmt.Sprint(asked) != "map[2:[a b] 3:[c]]" {
		t.Errorf("asked for %v", asked)
	}
	for stack, want := range map[string]fleet.Status{"a": fleet.Unchanged, "b": fleet.Unchanged, "c": fleet.Refused, "d": fleet.Held} {
		if e := entry(t, a, stack); e.Status != want {
			t.Errorf("%s is %s, want %s", stack, e.Status, want)
		}
	}
	asked = map[int][]string{}
	run(t, fleet.Plan{Operation: fleet.Preview, Members: all}, o, work)
	if len(asked) != 0 {
		t.Errorf("a preview asked for %v", asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Gate = func(context.Context, int, []fleet.Member) error { cancel(); return ctx.Err() }
	a, err := fleet.Run(ctx, fleet.Plan{Operation: fleet.Up, Members: all}, o, work)
	if err != nil || a.Statuses[fleet.Held] != 4 {
		t.Errorf("interrupted at the gate: %v, %v", a.Statuses, err)
	}
}

// TestGroupingCrashes: what only presents the answer may not cost it.
func TestGroupingCrashes(t *testing.T) {
	o := options(2)
	o.Grouping = fleet.Grouping{
		Changes:  func(map[string]fleet.Member, map[string]*engine.Result) []fleet.Group { panic("odd diff") },
		Promises: func([]fleet.Entry) []fleet.PromiseGroup { panic("odd promise") },
	}
	a := run(t, fleet.Plan{Operation: fleet.Preview, Members: members(3)}, o,
		func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
			return changing("x"), nil
		})
	if a.Statuses[fleet.Changed] != 3 || len(a.Notes) != 2 || !strings.Contains(a.Notes[0], "odd diff") || a.Groups == nil || a.Promises == nil {
		t.Errorf("statuses %v, notes %q", a.Statuses, a.Notes)
	}
}

// TestRefusalIsAnAnswer: what a stack was refused for is known, and told as what it is, even where no result came with it.
func TestRefusalIsAnAnswer(t *testing.T) {
	finding := promises.Finding{Resource: "db", Property: "multiAz", Found: "false", Expected: "true"}
	for name, err := range map[string]error{
		"danger":  fmt.Errorf("up: %w", &engine.RefusedError{Dangers: []engine.Danger{{Name: "db"}}}),
		"promise": &promises.Refusal{Broken: []promises.Result{{ID: "AV-1", Verdict: promises.Broken, Findings: []promises.Finding{finding}}}},
	} {
		a := run(t, fleet.Plan{Operation: fleet.Preview, Members: members(1)}, options(1),
			func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
				return fleet.Outcome{}, err
			})
		e := a.Stacks[0]
		if e.Status != fleet.Refused || a.Verdict != fleet.Dangerous || a.Exit() != fleet.ExitDangerous || len(e.Dangers)+len(e.Promises) != 1 {
			t.Errorf("%s: %s, %+v", name, a.Verdict, e)
		}
		if name == "promise" && (e.Promises[0].Kind != promises.Breaks || e.Promises[0].Points[0] != "db.multiAz: found false; expected true") {
			t.Errorf("the promise is %+v", e.Promises[0])
		}
	}
}

func TestPlanIsChecked(t *testing.T) {
	_, err := fleet.Run(t.Context(), fleet.Plan{Operation: "destroy", Members: []fleet.Member{member("a", 1), member("a", 1)}}, fleet.Options{}, nil)
	for _, want := range []string{"no work", "no clock", "destroy", "a is there twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q in it", err, want)
		}
	}
	work := func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
		return same(), nil
	}
	plan := fleet.Plan{Operation: fleet.Up, Members: []fleet.Member{member("a", 1), member("b", 2)}, Shard: &fleet.Shard{Index: 1, Of: 2}}
	if _, err := fleet.Run(t.Context(), plan, options(1), work); err == nil || !strings.Contains(err.Error(), "one wave at a time") {
		t.Errorf("err = %v, want that waves and shards do not go together", err)
	}
	if a := run(t, fleet.Plan{Operation: fleet.Up}, options(1), work); a.Verdict != fleet.NoChange || a.Stacks == nil || a.Exit() != 0 {
		t.Errorf("nobody: %+v", a)
	}
}
