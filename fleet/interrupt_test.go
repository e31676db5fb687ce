package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
)

func goexit() { runtime.Goexit() }

// TestInterrupt cancels a run: what is under way ends in order, the rest is not begun.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		a, err := fleet.Run(ctx, fleet.Plan{Operation: fleet.Up, Members: append(members(6), member("later", 9))}, options(2),
			func(ctx context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
				select {
				case <-time.After(time.Second):
					return changing("x"), nil
				case <-ctx.Done():
					time.Sleep(time.Minute) // what it does at the moment is finished first
					if m.Stack == "client-002" {
						return changing("x"), nil // it was nearly done
					}
					half := changing("x")
					half.Run.Steps[1].Status = engine.Done
					return half, context.Cause(ctx)
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		if a.Statuses[fleet.Changed] != 3 || a.Statuses[fleet.Interrupted] != 1 || a.Statuses[fleet.Held] != 3 || a.Verdict != fleet.Failures {
			t.Errorf("statuses are %v, %s", a.Statuses, a.Verdict)
		}
		if len(a.Groups) != 1 || len(a.Groups[0].Stacks) != 4 {
			t.Errorf("what was done until then is %+v", a.Groups)
		}
		if e := entry(t, a, "later"); e.Status != fleet.Held || !strings.Contains(e.Error, "interrupted") {
			t.Errorf("later is %s: %s", e.Status, e.Error)
		}
	})
}

// TestKill is the second interrupt: whatever runs is killed at once, and what does not die is given up.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, kill := make(chan struct{}), make(chan struct{})
		time.AfterFunc(time.Second, func() { close(kill) })
		o := options(2)
		o.Kill, o.Grace = kill, 5*time.Second
		a := run(t, fleet.Plan{Operation: fleet.Preview, Members: members(5)}, o,
			func(_ context.Context, m fleet.Member, kill <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
				if m.Stack == "client-000" {
					<-release
					return same(), nil
				}
				<-kill
				return fleet.Outcome{}, errors.New("killed")
			})
		close(release)
		if a.Statuses[fleet.Interrupted] != 2 || a.Statuses[fleet.Held] != 3 || a.DurationSeconds != 6 {
			t.Errorf("statuses are %v after %v s", a.Statuses, a.DurationSeconds)
		}
	})
}

// TestTimeoutOfChange gives work that changes something the chance to end in order before it is killed.
func TestTimeoutOfChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(2)
		o.Timeout, o.Grace = time.Minute, 10*time.Second
		a := run(t, fleet.Plan{Operation: fleet.Up, Members: []fleet.Member{member("orderly", 1), member("deaf", 1)}}, o,
			func(ctx context.Context, m fleet.Member, kill <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
				if m.Stack == "deaf" {
					<-kill
					return fleet.Outcome{}, errors.New("killed")
				}
				select {
				case <-ctx.Done():
					half := changing("x", "y")
					half.Run.Steps[1].Status = engine.Done
					return half, ctx.Err()
				case <-kill:
					return fleet.Outcome{}, errors.New("killed too early")
				}
			})
		if e := entry(t, a, "orderly"); e.Status != fleet.Failed || e.DurationSeconds != 60 || strings.Contains(e.Error, "early") {
			t.Errorf("orderly is %+v", e)
		}
		if e := entry(t, a, "deaf"); e.Status != fleet.Failed || e.DurationSeconds != 70 {
			t.Errorf("deaf is %+v", e)
		}
		if len(a.Groups) != 1 || a.Groups[0].Name != "x" {
			t.Errorf("what was done is %+v", a.Groups)
		}
	})
}

// TestBusy is about stacks that another process works on: they are waited for while others go on, and refused in the end.
func TestBusy(t *testing.T) {
	for name, tc := range map[string]struct {
		wait, free time.Duration
		want       fleet.Status
	}{
		"freed":      {time.Minute, 20 * time.Second, fleet.Unchanged},
		"never":      {30 * time.Second, time.Hour, fleet.Refused},
		"no_waiting": {0, time.Second, fleet.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				o := options(1)
				o.Wait = tc.wait
				waits, begun := 0, 0
				o.Progress = func(e fleet.Event) {
					switch {
					case e.Kind == fleet.Waits:
						waits++
						if !strings.Contains(e.Because, "process 4711") {
							t.Errorf("it waits because %q", e.Because)
						}
					case e.Kind == fleet.Began && e.Stack == "client-000":
						begun++
					}
				}
				a := run(t, fleet.Plan{Operation: fleet.Preview, Members: members(6)}, o,
					func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
						if m.Stack == "client-000" && time.Since(began) < tc.free {
							return fleet.Outcome{}, fmt.Errorf("open it: %w", &engine.BusyError{Stack: m.Stack, Run: engine.Run{PID: 4711, Operation: engine.Up, Started: today}})
						}
						time.Sleep(time.Second)
						return same(), nil
					})
				e := entry(t, a, "client-000")
				if e.Status != tc.want || tc.want == fleet.Refused && !strings.Contains(e.Error, "process 4711") {
					t.Errorf("it is %s: %s", e.Status, e.Error)
				}
				if a.Statuses[fleet.Unchanged] < 5 || begun != 1 || (waits > 0) != (tc.wait > 0) {
					t.Errorf("statuses are %v; it waited %d times and was begun %d times", a.Statuses, waits, begun)
				}
				if limit := max(tc.wait, tc.free%time.Hour) + 6*time.Second; time.Since(began) > limit {
					t.Errorf("the run took %s", time.Since(began))
				}
			})
		})
	}
}

// TestProgress hears of every stack, from one goroutine, and of the time that is left.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(2)
		o.Tick = 500 * time.Millisecond
		var events []fleet.Event
		inside := false
		o.Progress = func(e fleet.Event) {
			if inside {
				t.Error("two events at once")
			}
			inside = true
			events = append(events, e)
			inside = false
		}
		run(t, fleet.Plan{Operation: fleet.Preview, Members: members(10)}, o,
			func(_ context.Context, _ fleet.Member, _ <-chan struct{}, progress engine.Progress) (fleet.Outcome, error) {
				progress(engine.Event{Phase: "previewing", Expected: 2})
				time.Sleep(time.Second)
				progress(engine.Event{Ended: &engine.Step{}})
				progress(engine.Event{Diagnostic: &engine.Diagnostic{}})
				time.Sleep(time.Second)
				return same(), nil
			})
		count := map[fleet.EventKind]int{}
		for _, e := range events {
			count[e.Kind]++
		}
		if count[fleet.Began] != 10 || count[fleet.Ended] != 10 || count[fleet.Ticked] < 15 || count[fleet.Moved] < 10 || count[fleet.WaveBegan] != 0 {
			t.Errorf("events are %v", count)
		}
		if last := events[len(events)-1].Overview; last.Ended != 10 || last.Left != 0 || last.Statuses[fleet.Unchanged] != 10 || last.Elapsed != 10*time.Second {
			t.Errorf("in the end: %+v", last)
		}
		i := slices.IndexFunc(events, func(e fleet.Event) bool { return e.Overview.Ended == 4 && e.Kind == fleet.Ticked })
		if o := events[i].Overview; !o.LeftKnown || o.Left < 4*time.Second || o.Left > 7*time.Second {
			t.Errorf("with six of ten left at two a time, 2 s each: %+v", o)
		}
		if i := slices.IndexFunc(events, func(e fleet.Event) bool {
			return e.Kind == fleet.Moved && e.Done == 1 && e.Expected == 2 && e.Phase == "previewing"
		}); i < 0 {
			t.Error("nothing is said of how far a stack is")
		}
	})
}

// TestFlaky has work that fails now and then: every stack is tried once, and reported as it came out.
func TestFlaky(t *testing.T) {
	all, tries := members(30), make(chan string, 100)
	a := run(t, fleet.Plan{Operation: fleet.Verify, Members: all}, options(4),
		func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
			tries <- m.Stack
			if strings.HasSuffix(m.Stack, "3") {
				return fleet.Outcome{}, errors.New("connection reset")
			}
			return fleet.Outcome{Standing: standing(m.Stack == "client-005")}, nil
		})
	if len(tries) != 30 || a.Statuses[fleet.Failed] != 3 || a.Statuses[fleet.Shown] != 27 || a.Verdict != fleet.Failures {
		t.Errorf("%d tries, statuses are %v, %s", len(tries), a.Statuses, a.Verdict)
	}
	if e := entry(t, a, "client-005"); e.Verdict() != fleet.Dangerous {
		t.Errorf("a broken promise comes to %s", e.Verdict())
	}
	if e := entry(t, a, "client-006"); e.Verdict() != fleet.NoChange {
		t.Errorf("kept promises come to %s", e.Verdict())
	}
}

func standing(broken bool) map[promises.Verdict]int {
	if broken {
		return map[promises.Verdict]int{promises.Kept: 40, promises.Broken: 1}
	}
	return map[promises.Verdict]int{promises.Kept: 41}
}
