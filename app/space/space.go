// Package space is what one client keeps for a while: sessions, cached answers, counters, the state of limits. Values expire by
// themselves. It is kept in this process (Memory) or in Redis, and behaves the same in both; one contract test holds that.
//
// A Space is made for one client's prefix and reaches nothing else: the prefix is fixed, and whatever a key holds is encoded, so
// that no key can leave it. The package knows neither clients nor what the values mean.
package space

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

const (
	// MaxValue is how large one value may be, in bytes.
	MaxValue = 1 << 20
	// MaxTTL is how long anything may be kept. What is to stay longer belongs into the database.
	MaxTTL = 366 * 24 * time.Hour
	// longKey: a longer key is stored by its digest, so that nobody can fill the memory with keys.
	longKey = 96
)

// Rate is a token bucket: it holds Burst tokens and gains PerSecond of them, so that Burst may be used at once.
type Rate struct {
	PerSecond float64 // more than 0
	Burst     float64 // 1 or more
}

// Valid tells whether a bucket can be made of it. A rate that was left empty is an error, never without limit.
func (r Rate) Valid() error {
	if !(r.PerSecond > 0) || r.PerSecond > 1e9 || !(r.Burst >= 1) || r.Burst > 1e9 {
		return fault.BadInput("rate", fmt.Sprintf("it is %g a second with a burst of %g", r.PerSecond, r.Burst), "choose more than 0 a second and a burst of at least 1, both at most 1e9")
	}
	return nil
}

// Taken is what came of taking tokens.
type Taken struct {
	OK         bool
	Remaining  float64       // tokens left
	RetryAfter time.Duration // when there will be enough, if it is not OK
}

// Store is where the values of all clients are: Memory or Redis. Only New can reach into it.
type Store interface {
	get(ctx context.Context, k key) ([]byte, bool, error)
	set(ctx context.Context, k key, value []byte, ttl time.Duration) error
	setIfAbsent(ctx context.Context, k key, value []byte, ttl time.Duration) (bool, error)
	pop(ctx context.Context, k key) ([]byte, bool, error)
	remove(ctx context.Context, keys []key) error
	increment(ctx context.Context, k key, by int64, ttl time.Duration) (int64, error)
	take(ctx context.Context, k key, rate Rate, cost float64) (Taken, error)
	add(ctx context.Context, k key, member string, ttl time.Duration) error
	drop(ctx context.Context, k key, member string) error
	members(ctx context.Context, k key) ([]string, error)
	clear(ctx context.Context, prefix string) error
	ping(ctx context.Context) error
}

// key is a client's prefix and an encoded name in it.
type key struct{ prefix, name string }

// What is kept under one name as a value, a counter, a bucket and a set are four things.
const (
	values   = "v"
	counters = "n"
	buckets  = "b"
	sets     = "s"
)

// Space is the place of one client. Every method fails with fault.Unavailable while Redis is away, within a second or two.
type Space struct {
	store  Store
	prefix string
}

var prefixes = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// New makes the space of a prefix: 1 to 63 small letters, digits and hyphens.
func New(store Store, prefix string) (*Space, error) {
	if store == nil || !prefixes.MatchString(prefix) {
		return nil, fault.BadInput("prefix", fmt.Sprintf("%q cannot be the prefix of a space", prefix), "use 1 to 63 small letters, digits and hyphens")
	}
	return &Space{store: store, prefix: prefix}, nil
}

func (s *Space) key(kind, name string) key {
	if len(name) > longKey {
		sum := sha256.Sum256([]byte(name))
		return key{s.prefix, kind + "#" + base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	return key{s.prefix, kind + ":" + base64.RawURLEncoding.EncodeToString([]byte(name))}
}

// Get gives a value and whether there is one.
func (s *Space) Get(ctx context.Context, name string) ([]byte, bool, error) {
	value, found, err := s.store.get(ctx, s.key(values, name))
	return value, found, wrap("read", err)
}

// Set keeps a value for ttl.
func (s *Space) Set(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if err := fits(value, ttl); err != nil {
		return err
	}
	return wrap("keep", s.store.set(ctx, s.key(values, name), value, ttl))
}

// SetIfAbsent keeps a value for ttl unless there is one, and tells whether it did: of many callers one is told so.
func (s *Space) SetIfAbsent(ctx context.Context, name string, value []byte, ttl time.Duration) (bool, error) {
	if err := fits(value, ttl); err != nil {
		return false, err
	}
	done, err := s.store.setIfAbsent(ctx, s.key(values, name), value, ttl)
	return done, wrap("keep", err)
}

// Pop gives a value and removes it: of many callers one gets it.
func (s *Space) Pop(ctx context.Context, name string) ([]byte, bool, error) {
	value, found, err := s.store.pop(ctx, s.key(values, name))
	return value, found, wrap("take out", err)
}

// Delete removes values, counters, buckets and sets of these names; those that are not there are no error.
func (s *Space) Delete(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	keys := make([]key, 0, 4*len(names))
	for _, name := range names {
		for _, kind := range []string{values, counters, buckets, sets} {
			keys = append(keys, s.key(kind, name))
		}
	}
	return wrap("remove", s.store.remove(ctx, keys))
}

// Increment adds to a counter, which starts at 0 and is gone ttl after it started, and gives what it is then. by may be 0 to read.
func (s *Space) Increment(ctx context.Context, name string, by int64, ttl time.Duration) (int64, error) {
	if err := fits(nil, ttl); err != nil {
		return 0, err
	}
	n, err := s.store.increment(ctx, s.key(counters, name), by, ttl)
	return n, wrap("count", err)
}

// Take takes cost tokens out of a bucket, or none if there are too few. A cost above the burst counts as the burst.
func (s *Space) Take(ctx context.Context, name string, rate Rate, cost float64) (Taken, error) {
	if err := rate.Valid(); err != nil {
		return Taken{}, err
	}
	if !(cost >= 0) {
		return Taken{}, fmt.Errorf("a cost of %g cannot be taken", cost)
	}
	taken, err := s.store.take(ctx, s.key(buckets, name), rate, min(cost, rate.Burst))
	return taken, wrap("take tokens", err)
}

// Add puts a member into a set for ttl; a member that is in it already gets the new ttl.
func (s *Space) Add(ctx context.Context, set, member string, ttl time.Duration) error {
	if err := fits([]byte(member), ttl); err != nil {
		return err
	}
	return wrap("add", s.store.add(ctx, s.key(sets, set), member, ttl))
}

// Remove takes a member out of a set.
func (s *Space) Remove(ctx context.Context, set, member string) error {
	return wrap("remove", s.store.drop(ctx, s.key(sets, set), member))
}

// Members gives a set's members, sorted.
func (s *Space) Members(ctx context.Context, set string) ([]string, error) {
	all, err := s.store.members(ctx, s.key(sets, set))
	return all, wrap("list", err)
}

// Clear removes everything of this client.
func (s *Space) Clear(ctx context.Context) error {
	return wrap("remove everything", s.store.clear(ctx, s.prefix))
}

// Ping tells whether the store answers.
func (s *Space) Ping(ctx context.Context) error { return wrap("reach", s.store.ping(ctx)) }

func fits(value []byte, ttl time.Duration) error {
	if ttl < time.Millisecond || ttl > MaxTTL {
		return fmt.Errorf("nothing can be kept for %v: from a millisecond to %v", ttl, MaxTTL)
	}
	if len(value) > MaxValue {
		return fault.Oversize("", fmt.Sprintf("%d bytes are too many to keep in the cache", len(value)), fmt.Sprintf("at most %d", MaxValue))
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s in the cache: %w", doing, err)
}

// level is a bucket's state; both stores reckon alike.
type level struct {
	tokens float64
	at     time.Time
}

func (l level) take(now time.Time, rate Rate, cost float64) (level, Taken) {
	if l.at.IsZero() {
		l = level{rate.Burst, now}
	}
	if passed := now.Sub(l.at); passed > 0 {
		l = level{l.tokens + passed.Seconds()*rate.PerSecond, now}
	}
	l.tokens = min(l.tokens, rate.Burst)
	if l.tokens >= cost {
		l.tokens -= cost
		return l, Taken{OK: true, Remaining: l.tokens}
	}
	return l, Taken{Remaining: l.tokens, RetryAfter: seconds((cost - l.tokens) / rate.PerSecond)}
}

// full is when the bucket is full again, and need not be remembered any more.
func (l level) full(rate Rate) time.Duration {
	return min(seconds((rate.Burst-l.tokens)/rate.PerSecond)+time.Second, MaxTTL)
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, MaxTTL.Seconds())*float64(time.Second)) + time.Microsecond
}
