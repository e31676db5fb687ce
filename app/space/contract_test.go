package space_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/space"
)

// house is a store under test, and how its time passes.
type house struct {
	store   space.Store
	advance func(time.Duration)
	// tick is the unit of the times below: a real server's clock has to be waited for.
	tick time.Duration
}

func (h house) space(t *testing.T, prefix string) *space.Space {
	t.Helper()
	s, err := space.New(h.store, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contract is what holds for every store.
func contract(t *testing.T, open func(t *testing.T) house) {
	for name, test := range map[string]func(t *testing.T, h house){
		"values": values, "absent": absent, "expiry": expiry, "counters": counters, "buckets": buckets, "sets": sets,
		"DP-1 prefixes": prefixes, "at once": atOnce, "bounds": bounds, "gone callers": goneCallers,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func values(t *testing.T, h house) {
	s := h.space(t, "acme")
	if _, found, err := s.Get(t.Context(), "k"); found || err != nil {
		t.Errorf("before: %v, %v", found, err)
	}
	for _, value := range [][]byte{[]byte("one"), {}, {0, 255, '\r', '\n'}} {
		if err := s.Set(t.Context(), "k", value, time.Hour); err != nil {
			t.Fatal(err)
		}
		got, found, err := s.Get(t.Context(), "k")
		if !bytes.Equal(got, value) || !found || err != nil {
			t.Errorf("got %q, %v, %v, want %q", got, found, err, value)
		}
	}
	if err := s.Delete(t.Context(), "k", "never"); err != nil {
		t.Error(err)
	}
	if _, found, err := s.Get(t.Context(), "k"); found || err != nil {
		t.Errorf("after: %v, %v", found, err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func absent(t *testing.T, h house) {
	s := h.space(t, "acme")
	first, err1 := s.SetIfAbsent(t.Context(), "code", []byte("1"), 100*h.tick)
	second, err2 := s.SetIfAbsent(t.Context(), "code", []byte("2"), 100*h.tick)
	if !first || second || err1 != nil || err2 != nil {
		t.Errorf("%v %v, %v %v", first, second, err1, err2)
	}
	got, found, err := s.Pop(t.Context(), "code")
	if string(got) != "1" || !found || err != nil {
		t.Errorf("popped %q, %v, %v", got, found, err)
	}
	if _, found, err := s.Pop(t.Context(), "code"); found || err != nil {
		t.Errorf("popped twice: %v, %v", found, err)
	}
	if again, err := s.SetIfAbsent(t.Context(), "code", nil, 2*h.tick); !again || err != nil {
		t.Errorf("after: %v, %v", again, err)
	}
	h.advance(3 * h.tick)
	if again, err := s.SetIfAbsent(t.Context(), "code", nil, h.tick); !again || err != nil {
		t.Errorf("after it expired: %v, %v", again, err)
	}
}

func expiry(t *testing.T, h house) {
	s := h.space(t, "acme")
	_ = s.Set(t.Context(), "short", []byte("x"), 2*h.tick)
	_ = s.Set(t.Context(), "long", []byte("x"), 100*h.tick)
	_ = s.Set(t.Context(), "again", []byte("x"), 2*h.tick)
	_ = s.Set(t.Context(), "again", []byte("x"), 100*h.tick)
	h.advance(4 * h.tick)
	for name, want := range map[string]bool{"short": false, "long": true, "again": true} {
		if _, found, err := s.Get(t.Context(), name); found != want || err != nil {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

func counters(t *testing.T, h house) {
	s := h.space(t, "acme")
	for i, by := range []int64{0, 1, 1, 5, -2, 0} {
		want := []int64{0, 1, 2, 7, 5, 5}[i]
		if n, err := s.Increment(t.Context(), "n", by, 4*h.tick); n != want || err != nil {
			t.Errorf("step %d: %d, %v, want %d", i, n, err, want)
		}
	}
	if _, found, _ := s.Get(t.Context(), "n"); found {
		t.Error("a counter is a value")
	}
	h.advance(3 * h.tick)
	if n, err := s.Increment(t.Context(), "n", 1, 4*h.tick); n != 6 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	h.advance(2 * h.tick) // 5 after it started, 2 after the last
	if n, err := s.Increment(t.Context(), "n", 1, 4*h.tick); n != 1 || err != nil {
		t.Errorf("it did not start anew: %d, %v", n, err)
	}
}

func buckets(t *testing.T, h house) {
	s := h.space(t, "acme")
	rate := space.Rate{PerSecond: 0.5 / h.tick.Seconds(), Burst: 3} // one token in two ticks
	for i, want := range []bool{true, true, true, false, false} {
		taken, err := s.Take(t.Context(), "ip", rate, 1)
		if taken.OK != want || err != nil {
			t.Errorf("take %d: %+v, %v", i, taken, err)
		}
		if !want && (taken.RetryAfter <= 0 || taken.RetryAfter > 2*h.tick+time.Millisecond) {
			t.Errorf("come back in %v, want up to %v", taken.RetryAfter, 2*h.tick)
		}
	}
	if taken, err := s.Take(t.Context(), "other", rate, 1); !taken.OK || err != nil || taken.Remaining < 2 || taken.Remaining > 2.01 {
		t.Errorf("another bucket: %+v, %v", taken, err)
	}
	h.advance(2*h.tick + h.tick/2)
	first, _ := s.Take(t.Context(), "ip", rate, 1)
	second, _ := s.Take(t.Context(), "ip", rate, 1)
	if !first.OK || second.OK {
		t.Errorf("after a while: %+v, %+v", first, second)
	}
	h.advance(20 * h.tick)
	if taken, err := s.Take(t.Context(), "ip", rate, 99); !taken.OK || err != nil || taken.Remaining > 0.1 {
		t.Errorf("more than there can be: %+v, %v", taken, err)
	}
	for _, bad := range []space.Rate{{}, {PerSecond: 1}, {Burst: 5}, {PerSecond: -1, Burst: 5}, {PerSecond: 1, Burst: 0.5}} {
		if taken, err := s.Take(t.Context(), "bad", bad, 1); taken.OK || !fault.Is(err, fault.Invalid) {
			t.Errorf("rate %+v: %+v, %v", bad, taken, err)
		}
	}
	if _, err := s.Take(t.Context(), "bad", rate, -1); err == nil {
		t.Error("a negative cost fills the bucket")
	}
}

func sets(t *testing.T, h house) {
	s := h.space(t, "acme")
	for _, member := range []string{"b", "a", "b", ""} {
		if err := s.Add(t.Context(), "sessions", member, 50*h.tick); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Add(t.Context(), "sessions", "short", 2*h.tick)
	if got, err := s.Members(t.Context(), "sessions"); !slices.Equal(got, []string{"", "a", "b", "short"}) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	h.advance(3 * h.tick)
	_ = s.Remove(t.Context(), "sessions", "")
	if got, err := s.Members(t.Context(), "sessions"); !slices.Equal(got, []string{"a", "b"}) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = s.Delete(t.Context(), "sessions")
	if got, err := s.Members(t.Context(), "sessions"); len(got) != 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func prefixes(t *testing.T, h house) {
	acme, acme2, other := h.space(t, "acme"), h.space(t, "acme-2"), h.space(t, "other")
	names := []string{"k", "", "../other:k", "other:v:k", "*", "acme:v:aw", "k\x00", "k\r\nDEL k", "{other}", strings.Repeat("k", 5000), "ключ"}
	for i, name := range names {
		if err := acme.Set(t.Context(), name, fmt.Append(nil, i), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range names {
		if got, _, err := acme.Get(t.Context(), name); string(got) != fmt.Sprint(i) || err != nil {
			t.Errorf("%q holds %q, %v", name, got, err)
		}
		for _, s := range []*space.Space{acme2, other} {
			if got, found, err := s.Get(t.Context(), name); found || err != nil {
				t.Errorf("%q of another client: %q, %v", name, got, err)
			}
		}
	}
	_ = other.Set(t.Context(), "k", []byte("mine"), time.Hour)
	_ = acme2.Set(t.Context(), "k", []byte("mine"), time.Hour)
	_, _ = acme.Increment(t.Context(), "n", 1, time.Hour)
	_ = acme.Add(t.Context(), "s", "m", time.Hour)
	if err := acme.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := acme.Get(t.Context(), "k"); found {
		t.Error("clear left a value")
	}
	if n, _ := acme.Increment(t.Context(), "n", 0, time.Hour); n != 0 {
		t.Error("clear left a counter")
	}
	for _, s := range []*space.Space{acme2, other} {
		if got, _, err := s.Get(t.Context(), "k"); string(got) != "mine" || err != nil {
			t.Errorf("clear reached another client: %q, %v", got, err)
		}
	}
	if err := acme.Clear(t.Context()); err != nil {
		t.Errorf("clear of nothing: %v", err)
	}
	for _, bad := range []string{"", "a:b", "a*", "Acme", "-a", "a b", "a\n", strings.Repeat("a", 64), "é"} {
		if _, err := space.New(h.store, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("prefix %q: %v", bad, err)
		}
	}
}

func atOnce(t *testing.T, h house) {
	s := h.space(t, "acme")
	rate := space.Rate{PerSecond: 0.0001, Burst: 25}
	var taken, popped, set atomic.Int64
	_ = s.Set(t.Context(), "once", []byte("x"), time.Hour)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 10 {
				if _, err := s.Increment(t.Context(), "n", 1, time.Hour); err != nil {
					t.Error(err)
				}
				if got, _ := s.Take(t.Context(), "b", rate, 1); got.OK {
					taken.Add(1)
				}
			}
			if _, found, _ := s.Pop(t.Context(), "once"); found {
				popped.Add(1)
			}
			if done, _ := s.SetIfAbsent(t.Context(), "claim", nil, time.Hour); done {
				set.Add(1)
			}
		})
	}
	all.Wait()
	n, err := s.Increment(t.Context(), "n", 0, time.Hour)
	if n != 100 || err != nil || taken.Load() != 25 || popped.Load() != 1 || set.Load() != 1 {
		t.Errorf("counted %d (%v), took %d, popped %d, set %d", n, err, taken.Load(), popped.Load(), set.Load())
	}
}

func bounds(t *testing.T, h house) {
	s := h.space(t, "acme")
	if err := s.Set(t.Context(), "k", make([]byte, space.MaxValue+1), time.Hour); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a large value: %v", err)
	}
	for _, ttl := range []time.Duration{0, -1, time.Microsecond, space.MaxTTL + 1} {
		if err := s.Set(t.Context(), "k", nil, ttl); err == nil {
			t.Errorf("kept for %v", ttl)
		}
		if _, err := s.Increment(t.Context(), "k", 1, ttl); err == nil {
			t.Errorf("counted for %v", ttl)
		}
		if err := s.Add(t.Context(), "k", "m", ttl); err == nil {
			t.Errorf("added for %v", ttl)
		}
	}
}

func goneCallers(t *testing.T, h house) {
	s := h.space(t, "acme")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Set(gone, "k", nil, time.Hour); err == nil || fault.Is(err, fault.Unavailable) {
		t.Errorf("after the caller went away: %v", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, _, err := s.Get(late, "k"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("out of time: %v", err)
	}
}
