package localcloud

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// injector makes things go wrong as the faults say.
type injector struct {
	faults []Fault
	crash  func(string)

	mu       sync.Mutex
	calls    []int                   // that fitted, by fault
	attempts map[string]map[int]bool // resources that had their first attempt, by fault
}

func newInjector(faults []Fault, crash func(string)) (*injector, error) {
	for _, f := range faults {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("fault %q: %w; the form is %s", f, err, faultGrammar)
		}
		if (f.Action == "crash" || f.Action == "crash-after") && crash == nil {
			return nil, fmt.Errorf("fault %q: this program cannot crash on demand: leave the fault out", f)
		}
	}
	return &injector{faults: faults, crash: crash, calls: make([]int, len(faults)), attempts: map[string]map[int]bool{}}, nil
}

// call is one operation under way, with the faults that strike once it has happened.
type call struct {
	injector *injector
	what     string
	after    []Fault
}

// begin waits as long as the operation takes and lets the faults strike that come before anything happens.
func (i *injector) begin(ctx context.Context, operation, token, name string, takes time.Duration) (*call, error) {
	c := &call{injector: i, what: operation + " " + token + " " + name}
	for _, f := range i.striking(operation, token, name) {
		switch f.Action {
		case "fail", "fail-first":
			return nil, refusal(fmt.Sprintf("InternalFailure: the embedded cloud was told to fail (%s)", f))
		case "throttle":
			if err := throttle(ctx, f.Times); err != nil {
				return nil, err
			}
		case "delay":
			takes += f.Delay
		case "hang":
			<-ctx.Done()
			return nil, status.FromContextError(ctx.Err()).Err()
		case "crash":
			i.crash(c.what)
		default:
			c.after = append(c.after, f)
		}
	}
	return c, pause(ctx, takes)
}

// end lets the faults strike that come between what happened and the answer.
func (c *call) end(t typed, id string, state, inputs *structpb.Struct) error {
	for _, f := range c.after {
		switch f.Action {
		case "half-made":
			return initFailed(t, id, state, inputs)
		case "lost":
			return status.Errorf(codes.Unknown, "RequestError: send request failed: %s: unexpected EOF (%s)", c.what, f)
		case "crash-after":
			c.injector.crash(c.what)
		}
	}
	return nil
}

// striking are the faults that this call brings about.
func (i *injector) striking(operation, token, name string) []Fault {
	if len(i.faults) == 0 {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []Fault
	for n, f := range i.faults {
		if !f.fits(operation, token, name) {
			continue
		}
		i.calls[n]++
		if f.Nth > 0 && i.calls[n] != f.Nth {
			continue
		}
		if f.Action == "fail-first" {
			resource := operation + "\x00" + token + "\x00" + name
			if i.attempts[resource][n] {
				continue
			}
			if i.attempts[resource] == nil {
				i.attempts[resource] = map[int]bool{}
			}
			i.attempts[resource][n] = true
		}
		all = append(all, f)
	}
	return all
}

// How the real providers wait between attempts when a cloud throttles them.
const (
	firstRetry   = 50 * time.Millisecond
	longestRetry = 2 * time.Second
	mostRetries  = 25
)

func throttle(ctx context.Context, times int) error {
	wait := firstRetry
	for n := range times {
		if n == mostRetries {
			return refusal(fmt.Sprintf("ThrottlingException: Rate exceeded (%d attempts)", mostRetries))
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, longestRetry)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
