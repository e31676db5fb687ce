package limits_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/space"
)

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_800_000_000, 0).UTC().Add(time.Duration(c.at.Load()))
}
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

var rules = limits.Rules{Client: limits.Per(20, time.Minute), User: limits.Per(10, time.Minute), Address: limits.Per(5, time.Minute)}

func house(t *testing.T, store space.Store, prefix string) *space.Space {
	t.Helper()
	s, err := space.New(store, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func limiter(t *testing.T, o limits.Options) *limits.Limiter {
	t.Helper()
	l, err := limits.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAllowPerClientUserAndAddressAS6(t *testing.T) {
	var c clock
	l := limiter(t, limits.Options{Rules: rules, Clock: c.now, Local: house(t, space.NewMemory(space.MemoryOptions{Clock: c.now}), "acme")})
	ask := func(user, address string) limits.Answer {
		return l.Allow(t.Context(), limits.Who{User: user, Address: netip.MustParseAddr(address)}, 1)
	}
	count := func(n int, user, address string) (ok int) {
		for range n {
			if ask(user, address).OK {
				ok++
			}
		}
		return ok
	}
	if got := count(50, "ada", "192.0.2.1"); got != 5 {
		t.Errorf("an address got %d through, want 5", got)
	}
	if a := ask("ada", "192.0.2.1"); a.Limit != "address" || a.RetryAfter <= 0 || a.RetryAfter > 13*time.Second {
		t.Errorf("refused by %+v", a)
	}
	if got := count(50, "ada", "192.0.2.2"); got != 5 { // 5 of the address, and the user's 10 are used up with them
		t.Errorf("the user's second address got %d through, want 5", got)
	}
	if a := ask("ada", "192.0.2.3"); a.OK || a.Limit != "user" {
		t.Errorf("the user from a third: %+v", a)
	}
	// 10 of the client's 20 are used: those who were refused took none of them.
	if got := count(5, "bob", "192.0.2.4") + count(5, "bob", "192.0.2.5"); got != 10 {
		t.Errorf("another user got %d through, want 10", got)
	}
	if a := ask("eve", "192.0.2.6"); a.OK || a.Limit != "client" || !fault.Is(a.Err(), fault.TooMany) {
		t.Errorf("the client is at its end: %+v", a)
	}
	c.advance(time.Minute)
	if a := ask("ada", "192.0.2.1"); !a.OK || a.Err() != nil || a.Remaining > 4.1 {
		t.Errorf("after a minute: %+v", a)
	}
}

func TestAddressesOfIPv6AreCountedByTheirNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7",
		"::ffff:192.0.2.7":       "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":   "2001:db8:1:2::/64",
		"2001:db8:1:3::1":        "2001:db8:1:3::/64",
		"fe80::1%eth0":           "fe80::/64",
		"::ffff:192.0.2.7%wrong": "192.0.2.7",
	} {
		if got := limits.Key(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is counted by %s, want %s", address, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	if err := (limits.Rules{}).Valid(); len(fault.Problems(err)) != 3 {
		t.Errorf("rules that nobody wrote mean something: %v", err)
	}
	var c clock
	l := limiter(t, limits.Options{Rules: rules, Clock: c.now, Local: house(t, space.NewMemory(space.MemoryOptions{Clock: c.now}), "acme")})
	if err := l.SetRules(limits.Rules{}); err == nil {
		t.Error("limits can be taken away")
	}
	tight := limits.Rules{Client: limits.Per(1, time.Hour), User: limits.Per(1, time.Hour), Address: limits.Per(1, time.Hour)}
	if err := l.SetRules(tight); err != nil {
		t.Fatal(err)
	}
	first, second := l.Allow(t.Context(), limits.Who{}, 1), l.Allow(t.Context(), limits.Who{}, 1)
	if !first.OK || second.OK {
		t.Errorf("%+v %+v", first, second)
	}
}

// counting is a bucket that counts how often it is asked.
type counting struct {
	limits.Bucket
	asked atomic.Int64
}

func (b *counting) Take(ctx context.Context, name string, rate space.Rate, cost float64) (space.Taken, error) {
	b.asked.Add(1)
	return b.Bucket.Take(ctx, name, rate, cost)
}

func TestLimitsHoldWhileRedisIsAwayAV12(t *testing.T) {
	var c clock
	server := miniredis.RunT(t)
	redis, err := space.NewRedis(space.RedisOptions{Address: server.Addr(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	shared := &counting{Bucket: house(t, redis, "acme")}
	one := limiter(t, limits.Options{Rules: rules, Clock: c.now, Shared: shared, Local: house(t, space.NewMemory(space.MemoryOptions{Clock: c.now}), "acme")})
	two := limiter(t, limits.Options{Rules: rules, Clock: c.now, Shared: shared, Local: house(t, space.NewMemory(space.MemoryOptions{Clock: c.now}), "acme")})
	count := func(l *limits.Limiter, n int) (ok int) {
		for range n {
			if l.Allow(t.Context(), limits.Who{}, 1).OK {
				ok++
			}
		}
		return ok
	}
	if a, b := count(one, 15), count(two, 15); a+b != 20 {
		t.Errorf("two processes let %d and %d through, want 20 together", a, b)
	}
	server.Close()
	shared.asked.Store(0)
	if got := count(one, 100); got != 20 {
		t.Errorf("without Redis one process let %d through, want its own 20", got)
	}
	if n := shared.asked.Load(); n != 1 {
		t.Errorf("Redis was asked %d times while it was known to be away", n)
	}
	c.advance(3 * time.Second)
	count(one, 10)
	if n := shared.asked.Load(); n != 2 {
		t.Errorf("after a while Redis was asked %d times in all, want one more", n)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	shared.asked.Store(0)
	c.advance(3 * time.Second)
	count(one, 10)
	if n := shared.asked.Load(); n != 10 {
		t.Errorf("Redis is back and was asked %d times of 10", n)
	}
}

// A Redis that takes longer than the requests may must be given up like one that refuses.
func TestASlowRedisIsGivenUp(t *testing.T) {
	var c clock
	slow := &counting{Bucket: hanging{}}
	l := limiter(t, limits.Options{Rules: rules, Clock: c.now, Shared: slow, Local: house(t, space.NewMemory(space.MemoryOptions{Clock: c.now}), "acme")})
	through := 0
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if l.Allow(ctx, limits.Who{}, 1).OK {
			through++
		}
		cancel()
	}
	if through != 4 || slow.asked.Load() != 1 {
		t.Errorf("%d of 5 went through, Redis was asked %d times", through, slow.asked.Load())
	}
}

type hanging struct{}

func (hanging) Take(ctx context.Context, _ string, _ space.Rate, _ float64) (space.Taken, error) {
	<-ctx.Done()
	return space.Taken{}, fault.Away("the cache", ctx.Err())
}

func TestWhatCannotBeCountedIsRefused(t *testing.T) {
	var c clock
	l := limiter(t, limits.Options{Rules: rules, Clock: c.now, Local: broken{}})
	if a := l.Allow(t.Context(), limits.Who{}, 1); a.OK || a.Err() == nil {
		t.Errorf("%+v", a)
	}
	if _, err := limits.New(limits.Options{Rules: rules, Clock: c.now}); err == nil {
		t.Error("limits without a bucket")
	}
}

type broken struct{}

func (broken) Take(context.Context, string, space.Rate, float64) (space.Taken, error) {
	return space.Taken{}, errors.New("full")
}

func TestABurstGets429AndTheNeighbourDoesNotAV12(t *testing.T) {
	var c clock
	memory := space.NewMemory(space.MemoryOptions{Clock: c.now})
	byHost := map[string]*limits.Limiter{}
	for _, client := range []string{"acme", "other"} {
		byHost[client+".example"] = limiter(t, limits.Options{Rules: rules, Clock: c.now, Local: house(t, memory, client)})
	}
	handler := limits.Middleware(func(r *http.Request) limits.Asked {
		return limits.Asked{Limiter: byHost[r.Host], Who: limits.Who{Address: netip.MustParseAddr(r.Header.Get("Test-Address"))}}
	}, nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	ask := func(host, address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
		r.Header.Set("Test-Address", address)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	codes := map[int]int{}
	for range 100 {
		codes[ask("acme.example", "192.0.2.1").Code]++
	}
	if codes[204] != 5 || codes[429] != 95 {
		t.Errorf("the burst got %v", codes)
	}
	if w := ask("acme.example", "192.0.2.1"); w.Header().Get("Retry-After") != "13" && w.Header().Get("Retry-After") != "12" {
		t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
	}
	for range 5 {
		if w := ask("other.example", "192.0.2.1"); w.Code != 204 {
			t.Errorf("the neighbour got %d", w.Code)
		}
	}
	if w := ask("unknown.example", "192.0.2.1"); w.Code != 503 {
		t.Errorf("a request that nothing counts got %d", w.Code)
	}
}

func BenchmarkAllow(b *testing.B) {
	s, err := space.New(space.NewMemory(space.MemoryOptions{Clock: time.Now}), "acme")
	if err != nil {
		b.Fatal(err)
	}
	rate := space.Rate{PerSecond: 1e8, Burst: 1e9}
	l, err := limits.New(limits.Options{Rules: limits.Rules{Client: rate, User: rate, Address: rate}, Clock: time.Now, Local: s})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	who := limits.Who{User: "ada", Address: netip.MustParseAddr("192.0.2.1")}
	for b.Loop() {
		if !l.Allow(b.Context(), who, 1).OK {
			b.Fatal("refused")
		}
	}
}
