package space

import (
	"bytes"
	"container/heap"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

// MemoryOptions bound what one client may keep in this process.
type MemoryOptions struct {
	Clock      func() time.Time // required
	MaxEntries int              // 0 is 100,000
	MaxBytes   int              // keys and values; 0 is 32 MiB
}

// Memory keeps values in this process; a restart loses them. Every client has a room with a lock and a bound of its own, so that
// one that fills its room neither slows the others nor pushes out what is theirs. When a room is full, what would expire
// soonest goes first. There is no goroutine: what has expired is removed in passing.
type Memory struct {
	o     MemoryOptions
	mu    sync.RWMutex
	rooms map[string]*room
	swept atomic.Int64 // UnixNano
}

// sweepEvery is how often rooms that nobody enters are looked into.
const sweepEvery = time.Minute

// NewMemory makes one for the process.
func NewMemory(o MemoryOptions) *Memory {
	if o.MaxEntries <= 0 {
		o.MaxEntries = 100_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 32 << 20
	}
	m := &Memory{o: o, rooms: map[string]*room{}}
	m.swept.Store(o.Clock().UnixNano())
	return m
}

// Entries is how many values, counters, buckets and sets are kept for all clients; some may have expired.
func (m *Memory) Entries() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := 0
	for _, r := range m.rooms {
		r.mu.Lock()
		n += len(r.entries)
		r.mu.Unlock()
	}
	return n
}

type room struct {
	mu      sync.Mutex
	entries map[string]*entry
	expiry  soonest
	bytes   int
	gone    bool // it was empty and is no longer in the house
}

type entry struct {
	name    string
	value   []byte
	count   int64
	level   level
	members map[string]time.Time
	expires time.Time
	size    int
	index   int
}

// overhead is about what an entry weighs besides its key and value.
const overhead = 200

// enter runs do in the locked room of a client.
func (m *Memory) enter(ctx context.Context, prefix string, do func(r *room, now time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := m.o.Clock()
	m.sweep(now)
	for {
		m.mu.RLock()
		r := m.rooms[prefix]
		m.mu.RUnlock()
		if r == nil {
			m.mu.Lock()
			if r = m.rooms[prefix]; r == nil {
				r = &room{entries: map[string]*entry{}}
				m.rooms[prefix] = r
			}
			m.mu.Unlock()
		}
		r.mu.Lock()
		if r.gone { // between the two locks it was removed
			r.mu.Unlock()
			continue
		}
		err := do(r, now)
		r.mu.Unlock()
		return err
	}
}

func (m *Memory) sweep(now time.Time) {
	last := m.swept.Load()
	if now.UnixNano()-last < int64(sweepEvery) || !m.swept.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for prefix, r := range m.rooms {
		r.mu.Lock()
		r.expire(now)
		if len(r.entries) == 0 {
			r.gone = true
			delete(m.rooms, prefix)
		}
		r.mu.Unlock()
	}
}

// at gives what is under a name and has not expired.
func (r *room) at(name string, now time.Time) *entry {
	e := r.entries[name]
	if e != nil && !e.expires.After(now) {
		r.delete(e)
		return nil
	}
	return e
}

// keep puts an entry in or changes it, and makes room.
func (m *Memory) keep(r *room, e *entry, size int, expires, now time.Time) error {
	size += len(e.name) + overhead
	if size > m.o.MaxBytes {
		return fault.Oversize("", "it is more than this client may keep in the cache", "")
	}
	r.bytes += size - e.size
	e.size, e.expires = size, expires
	if r.entries[e.name] == nil {
		r.entries[e.name] = e
		heap.Push(&r.expiry, e)
	} else {
		heap.Fix(&r.expiry, e.index)
	}
	r.expire(now)
	for len(r.entries) > m.o.MaxEntries || r.bytes > m.o.MaxBytes {
		victim := r.expiry[0]
		if victim == e && len(r.expiry) > 1 { // never what was just kept, while there is another
			victim = r.expiry[1]
			if len(r.expiry) > 2 && r.expiry[2].expires.Before(victim.expires) {
				victim = r.expiry[2]
			}
		}
		r.delete(victim)
	}
	return nil
}

func (r *room) expire(now time.Time) {
	for len(r.expiry) > 0 && !r.expiry[0].expires.After(now) {
		r.delete(r.expiry[0])
	}
}

func (r *room) delete(e *entry) {
	if r.entries[e.name] != e {
		return
	}
	delete(r.entries, e.name)
	r.bytes -= e.size
	heap.Remove(&r.expiry, e.index)
}

func (m *Memory) get(ctx context.Context, k key) (value []byte, found bool, err error) {
	err = m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		if e := r.at(k.name, now); e != nil {
			value, found = bytes.Clone(e.value), true
		}
		return nil
	})
	return value, found, err
}

func (m *Memory) set(ctx context.Context, k key, value []byte, ttl time.Duration) error {
	return m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		return m.put(r, k.name, value, ttl, now)
	})
}

func (m *Memory) put(r *room, name string, value []byte, ttl time.Duration, now time.Time) error {
	e := r.at(name, now)
	if e == nil {
		e = &entry{name: name}
	}
	e.value = append([]byte{}, value...)
	return m.keep(r, e, len(value), now.Add(ttl), now)
}

func (m *Memory) setIfAbsent(ctx context.Context, k key, value []byte, ttl time.Duration) (done bool, err error) {
	err = m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		if r.at(k.name, now) != nil {
			return nil
		}
		done = true
		return m.put(r, k.name, value, ttl, now)
	})
	return done && err == nil, err
}

func (m *Memory) pop(ctx context.Context, k key) (value []byte, found bool, err error) {
	err = m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		if e := r.at(k.name, now); e != nil {
			value, found = e.value, true
			r.delete(e)
		}
		return nil
	})
	return value, found, err
}

func (m *Memory) remove(ctx context.Context, keys []key) error {
	return m.enter(ctx, keys[0].prefix, func(r *room, now time.Time) error {
		for _, k := range keys {
			if e := r.at(k.name, now); e != nil {
				r.delete(e)
			}
		}
		return nil
	})
}

func (m *Memory) increment(ctx context.Context, k key, by int64, ttl time.Duration) (n int64, err error) {
	err = m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		e := r.at(k.name, now)
		if e == nil {
			if by == 0 {
				return nil
			}
			e = &entry{name: k.name, expires: now.Add(ttl)}
		}
		e.count += by
		n = e.count
		return m.keep(r, e, 0, e.expires, now)
	})
	return n, err
}

func (m *Memory) take(ctx context.Context, k key, rate Rate, cost float64) (taken Taken, err error) {
	err = m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		e := r.at(k.name, now)
		if e == nil {
			e = &entry{name: k.name}
		}
		e.level, taken = e.level.take(now, rate, cost)
		return m.keep(r, e, 0, now.Add(e.level.full(rate)), now)
	})
	return taken, err
}

func (m *Memory) add(ctx context.Context, k key, member string, ttl time.Duration) error {
	return m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		e := r.at(k.name, now)
		if e == nil {
			e = &entry{name: k.name, members: map[string]time.Time{}}
		}
		e.members[member] = now.Add(ttl)
		size, last := 0, now
		for name, until := range e.members {
			if !until.After(now) {
				delete(e.members, name)
				continue
			}
			size += len(name) + 64
			if until.After(last) {
				last = until
			}
		}
		err := m.keep(r, e, size, last, now)
		if err != nil {
			delete(e.members, member)
		}
		return err
	})
}

func (m *Memory) drop(ctx context.Context, k key, member string) error {
	return m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		if e := r.at(k.name, now); e != nil {
			delete(e.members, member)
			if len(e.members) == 0 {
				r.delete(e)
			}
		}
		return nil
	})
}

func (m *Memory) members(ctx context.Context, k key) (all []string, err error) {
	err = m.enter(ctx, k.prefix, func(r *room, now time.Time) error {
		if e := r.at(k.name, now); e != nil {
			maps.DeleteFunc(e.members, func(_ string, until time.Time) bool { return !until.After(now) })
			all = slices.Sorted(maps.Keys(e.members))
		}
		return nil
	})
	return all, err
}

func (m *Memory) clear(ctx context.Context, prefix string) error {
	return m.enter(ctx, prefix, func(r *room, _ time.Time) error {
		clear(r.entries)
		r.expiry, r.bytes = nil, 0
		return nil
	})
}

func (m *Memory) ping(ctx context.Context) error { return ctx.Err() }

// soonest is a heap by expiry.
type soonest []*entry

func (s soonest) Len() int           { return len(s) }
func (s soonest) Less(i, j int) bool { return s[i].expires.Before(s[j].expires) }
func (s soonest) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push is heap's.
func (s *soonest) Push(x any) {
	e := x.(*entry)
	e.index = len(*s)
	*s = append(*s, e)
}

// Pop is heap's.
func (s *soonest) Pop() any {
	old := *s
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return e
}
