package limits_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
)

func gate(t *testing.T, o limits.GateOptions) *limits.Gate {
	t.Helper()
	g, err := limits.NewGate(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for range 5000 {
		if met() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// One client fills every place and its whole line; each of the neighbour's requests waits for one turn, not for the line.
func TestABurstDelaysTheNeighbourByOneTurnAV12(t *testing.T) {
	g := gate(t, limits.GateOptions{Slots: 2, PerClient: 2, Queue: 200, Wait: time.Minute})
	type visit struct {
		client string
		leave  func()
	}
	inside := make(chan visit, 200)
	enter := func(client string) {
		go func() {
			leave, err := g.Enter(t.Context(), client)
			if err != nil {
				t.Error(err)
			}
			inside <- visit{client, leave}
		}()
	}
	for range 100 {
		enter("burst")
	}
	until(t, "the burst waits", func() bool { return g.Waiting() == 98 })
	for range 3 {
		enter("neighbour")
	}
	until(t, "the neighbour waits", func() bool { return g.Waiting() == 101 })
	var order []string
	var held []visit
	for len(order) < 103 || len(held) > 0 { // one leaves when both have said that they are in, and the next is let in
		for len(held) < 2 && len(order) < 103 {
			v := <-inside
			order, held = append(order, v.client), append(held, v)
		}
		held[0].leave()
		held = held[1:]
	}
	last := 0
	for i, client := range order {
		if client == "neighbour" {
			last = i + 1
		}
	}
	if len(order) != 103 || last == 0 || last > 12 {
		t.Errorf("of %d requests the neighbour's third and last was number %d, want among the first 12", len(order), last)
	}
	if g.Running() != 0 || g.Waiting() != 0 {
		t.Errorf("%d running and %d waiting at the end", g.Running(), g.Waiting())
	}
}

func TestOneClientCannotTakeEveryPlace(t *testing.T) {
	g := gate(t, limits.GateOptions{Slots: 4, Queue: 1, Wait: time.Minute})
	var leaves []func()
	for range 3 {
		leave, err := g.Enter(t.Context(), "burst")
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	waiting, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := g.Enter(waiting, "burst"); gone <- err }()
	until(t, "the fourth waits", func() bool { return g.Waiting() == 1 })
	if _, err := g.Enter(t.Context(), "burst"); !fault.Is(err, fault.TooMany) {
		t.Errorf("the line is full: %v", err)
	}
	leave, err := g.Enter(t.Context(), "neighbour") // at once, else the test hangs
	if err != nil {
		t.Fatal(err)
	}
	leave()
	leave() // twice is once
	if g.Running() != 3 {
		t.Errorf("%d run, want 3", g.Running())
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) || g.Waiting() != 0 {
		t.Errorf("who went away: %v, %d waiting", err, g.Waiting())
	}
	for _, leave := range leaves {
		leave()
	}
	if g.Running() != 0 || limits.Lines(g) != 0 {
		t.Errorf("%d run and %d lines are remembered", g.Running(), limits.Lines(g))
	}
}

func TestGateWaitEnds(t *testing.T) {
	g := gate(t, limits.GateOptions{Slots: 1, Wait: 10 * time.Millisecond})
	leave, err := g.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if _, err := g.Enter(t.Context(), "b"); !fault.Is(err, fault.TooMany) {
		t.Error(err)
	}
	if _, err := limits.NewGate(limits.GateOptions{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a gate without places: %v", err)
	}
}

func TestGateUnderPressureLosesNoPlace(t *testing.T) {
	g := gate(t, limits.GateOptions{Slots: 5, PerClient: 3, Queue: 50, Wait: 5 * time.Millisecond})
	var inside, peak atomic.Int64
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7+1)*time.Millisecond)
			defer cancel()
			leave, err := g.Enter(ctx, fmt.Sprint(i%4))
			if err != nil {
				return
			}
			now := inside.Add(1)
			for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
			}
			time.Sleep(time.Millisecond)
			inside.Add(-1)
			leave()
		})
	}
	all.Wait()
	if peak.Load() > 5 || peak.Load() < 1 || g.Running() != 0 || g.Waiting() != 0 || limits.Lines(g) != 0 {
		t.Errorf("peak %d, %d running, %d waiting, %d lines", peak.Load(), g.Running(), g.Waiting(), limits.Lines(g))
	}
}

func TestGateHandler(t *testing.T) {
	g := gate(t, limits.GateOptions{Slots: 1, Wait: time.Millisecond})
	handler := g.Handler(func(r *http.Request) string { return r.Host }, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("oh")
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	func() {
		defer func() { _ = recover() }()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/panic", nil))
	}()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 204 {
		t.Errorf("after a panic the place is lost: %d", w.Code)
	}
	leave, err := g.Enter(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}
