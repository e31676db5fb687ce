package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
)

func TestObjectOfAKilledRunIsTakenOver(t *testing.T) {
	s := usual
	root := newRoot(t)
	kill := make(chan struct{})
	// The cloud has made the topic; the CLI dies before it hears of it.
	stack := open(t, root, &s, fault(t, "create:aws:sns/topic:Topic:crash-after"), func(o *engine.Options) {
		o.Kill = kill
		o.Cloud.Crash = func(string) {
			close(kill)
			time.Sleep(time.Second)
		}
	})
	if _, err := stack.Up(t.Context(), engine.ChangeOptions{}); err == nil {
		t.Fatal("up succeeded although its CLI was killed")
	}
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, &s)
	r := up(t, again)
	if got := find(t, r, "topic"); got.Op != engine.OpSame {
		t.Errorf("topic = %+v, want it unchanged", got)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "taken over: ") && strings.Contains(n, "topic") }) {
		t.Errorf("notes = %q", r.Notes)
	}
	orphans, err := again.Orphans(t.Context())
	if err != nil || len(orphans) > 0 {
		t.Errorf("orphans = %q, %v", orphans, err)
	}
	wantNoChanges(t, preview(t, again))
}

func TestInterruptLeavesAUsableState(t *testing.T) {
	s := usual
	s.parameters = 12
	root := newRoot(t)
	stack := open(t, root, &s, func(o *engine.Options) { o.Cloud.Delay = 300 * time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := stack.Up(ctx, engine.ChangeOptions{RunOptions: engine.RunOptions{Parallel: 2, Progress: func(e engine.Event) {
		if e.Ended != nil && e.Ended.Name == "p1" {
			cancel()
		}
	}}})
	if err == nil || r.Outcome != engine.Cancelled || !errors.Is(err, context.Canceled) {
		t.Fatalf("outcome = %v, err = %v", r, err)
	}
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, &s)
	up(t, again)
	wantNoChanges(t, preview(t, again))
	orphans, err := again.Orphans(t.Context())
	if err != nil || len(orphans) > 0 {
		t.Errorf("orphans = %q, %v", orphans, err)
	}
}

func TestKilledCLIIsRecoveredFrom(t *testing.T) {
	s := usual
	s.parameters = 12
	root := newRoot(t)
	kill := make(chan struct{})
	stack := open(t, root, &s, func(o *engine.Options) { o.Cloud.Delay, o.Kill = 300*time.Millisecond, kill })
	killed := false
	_, err := stack.Up(t.Context(), engine.ChangeOptions{RunOptions: engine.RunOptions{Progress: func(e engine.Event) {
		if e.Ended != nil && e.Ended.Name == "p1" && !killed {
			killed = true
			close(kill)
		}
	}}})
	if err == nil {
		t.Fatal("up succeeded although its CLI was killed")
	}
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, &s)
	r := up(t, again)
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "an earlier run was killed") }) {
		t.Errorf("notes = %q", r.Notes)
	}
	wantNoChanges(t, preview(t, again))
	orphans, err := again.Orphans(t.Context())
	if err != nil || len(orphans) > 0 {
		t.Errorf("orphans = %q, %v", orphans, err)
	}
	if _, err := again.Destroy(t.Context(), engine.ChangeOptions{Confirm: []string{"dev"}}); err != nil {
		t.Error(err)
	}
}
