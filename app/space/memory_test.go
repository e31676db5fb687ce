package space_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/space"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_800_000_000, 0).UTC().Add(time.Duration(c.at.Load()))
}
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func TestMemory(t *testing.T) {
	contract(t, func(*testing.T) house {
		var c clock
		return house{space.NewMemory(space.MemoryOptions{Clock: c.now}), c.advance, time.Second}
	})
}

func TestMemoryIsBoundedPerClient(t *testing.T) {
	var c clock
	m := space.NewMemory(space.MemoryOptions{Clock: c.now, MaxEntries: 50, MaxBytes: 1 << 20})
	h := house{store: m}
	acme, other := h.space(t, "acme"), h.space(t, "other")
	_ = other.Set(t.Context(), "theirs", nil, time.Minute)
	_ = acme.Set(t.Context(), "session", nil, time.Hour)
	for i := range 500 {
		if err := acme.Set(t.Context(), fmt.Sprint("flood", i), []byte("x"), time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, found, _ := acme.Get(t.Context(), fmt.Sprint("flood", i)); !found {
			t.Fatalf("entry %d was pushed out by itself", i)
		}
	}
	if n := m.Entries(); n != 51 {
		t.Errorf("%d entries, want 50 and the other client's", n)
	}
	if _, found, _ := other.Get(t.Context(), "theirs"); !found {
		t.Error("one client's flood pushed out another's value")
	}
	if _, found, _ := acme.Get(t.Context(), "session"); !found {
		t.Error("what expires last went before what expires soon")
	}
	big := make([]byte, 300<<10)
	for i := range 10 {
		if err := acme.Set(t.Context(), fmt.Sprint("big", i), big, 2*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.Entries(); n != 4 { // three of 300 KiB and the other client's
		t.Errorf("%d entries in 1 MiB", n)
	}
	var err error
	for i := 0; i < 20 && err == nil; i++ {
		err = acme.Add(t.Context(), "set", fmt.Sprint(i, string(big)), time.Hour)
	}
	if !fault.Is(err, fault.TooLarge) {
		t.Errorf("a set that outgrows the room: %v", err)
	}
}

func TestMemoryForgetsWhatExpiredInIdleRooms(t *testing.T) {
	var c clock
	m := space.NewMemory(space.MemoryOptions{Clock: c.now})
	h := house{store: m}
	for i := range 100 {
		s := h.space(t, fmt.Sprint("client-", i))
		for j := range 10 {
			_ = s.Set(t.Context(), fmt.Sprint(j), nil, time.Minute)
		}
	}
	c.advance(3 * time.Minute)
	s := h.space(t, "somebody")
	_, _, _ = s.Get(t.Context(), "else")
	if n := m.Entries(); n != 0 {
		t.Errorf("%d entries are left after they expired", n)
	}
	first := h.space(t, "client-0")
	_ = first.Set(t.Context(), "k", nil, time.Minute)
	if _, found, _ := h.space(t, "client-0").Get(t.Context(), "k"); !found {
		t.Error("a room that was swept away does not come back")
	}
}

func BenchmarkMemoryTake(b *testing.B) {
	s, err := space.New(space.NewMemory(space.MemoryOptions{Clock: time.Now}), "acme")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Take(b.Context(), "user 1", space.Rate{PerSecond: 1e6, Burst: 1e6}, 1); err != nil {
				b.Error(err)
			}
		}
	})
}
