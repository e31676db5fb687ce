package fleet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/berth-iac/berth/engine"
)

// job is one attempt at one stack.
type job struct {
	task
	began time.Time
}

// task is a stack that is to be worked on.
type task struct {
	member    Member
	usage     Usage
	notBefore time.Time // another process works on it: not again before
	busySince time.Time // zero: not busy
	attempts  int
}

// result is how a job ended.
type result struct {
	*job
	outcome  Outcome
	err      error
	crashed  bool
	late     bool // its time was up
	deserted bool // it did not end when it was killed, and goes on somewhere
}

// tooLate says that a stack took longer than it may.
func tooLate(timeout time.Duration, res result) string {
	text := fmt.Sprintf("took longer than %s and was ended; allow it more with --timeout", timeout)
	switch {
	case res.deserted:
		return fmt.Sprintf("took longer than %s, and did not end when it was killed: look for processes that it left", timeout)
	case !errors.Is(res.err, context.Canceled):
		text += ": " + res.err.Error()
	}
	return text
}

// supervise has a job done and sees to it that it ends: when its time is up, work that changes something is asked first to end in
// order, then it is killed, and in the end it is given up.
func (r *run) supervise(ctx context.Context, j *job) result {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done, kill := make(chan result, 1), make(chan struct{})
	progress := r.follow(j.member.Stack)
	go call(ctx, j, r.work, kill, progress, done)

	var times <-chan time.Time
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	within := func(d time.Duration) {
		timer.Reset(d)
		times = timer.C
	}
	if r.Timeout > 0 {
		within(r.Timeout)
	}
	late, killed, userKill := false, false, r.Kill
	for {
		select {
		case res := <-done:
			res.late = late
			return res
		case <-userKill:
			userKill = nil
			if !killed {
				killed = true
				close(kill)
				cancel(context.Canceled)
			}
			within(r.Grace)
		case <-times:
			switch {
			case !late && !killed && r.plan.Operation.Changes():
				late = true
				cancel(context.Canceled)
				within(r.Grace)
			case !killed:
				late, killed = true, true
				close(kill)
				cancel(context.Canceled)
				within(r.Grace)
			default:
				return result{job: j, err: errors.New("did not end when it was killed: look for processes that it left"), late: late, deserted: true}
			}
		}
	}
}

// call does the work, and turns a panic into an error.
func call(ctx context.Context, j *job, work Work, kill <-chan struct{}, progress engine.Progress, done chan<- result) {
	res := result{job: j, crashed: true, err: errors.New("crashed: its work ended without an answer")}
	defer func() { // also when the work ends its goroutine
		if r := recover(); r != nil {
			res.err = fmt.Errorf("crashed%s: %v", place(), r)
		}
		done <- res
	}()
	outcome, err := work(ctx, j.member, kill, progress)
	res = result{job: j, outcome: outcome, err: err}
}

// place is where the panic that is being recovered from began.
func place() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	panicked := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicked && !inRuntime {
			return fmt.Sprintf(" at %s:%d", filepath.Base(frame.File), frame.Line)
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}

// moved is how far a stack's work came.
type moved struct {
	stack          string
	phase          string
	done, expected int
}

// follow passes on how far a stack's work comes. Where too much comes at once, some of it is left out.
func (r *run) follow(stack string) engine.Progress {
	var mu sync.Mutex
	at := moved{stack: stack}
	return func(e engine.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e.Phase != "":
			at.phase, at.done, at.expected = e.Phase, 0, e.Expected
		case e.Ended != nil:
			at.done++
		default:
			return
		}
		select {
		case r.moved <- at:
		default:
		}
	}
}
