// Package limits is how often and how much at once somebody may ask (AS-6, AV-12): token buckets for a client, its users and the
// addresses that they come from, and a gate that lets clients take turns. It knows neither who a client is nor what is asked.
//
// The buckets are in the client's space, so several processes with Redis share them. While Redis is away each process counts for
// itself, in memory: with three processes a client may then do up to three times as much, and never without limit. Redis is tried
// again every two seconds, by one request at a time, so that its absence slows nobody.
package limits

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/space"
)

// Rules are a client's limits. A request takes from the buckets of its address, its user and its client, in that order: who is
// refused by one takes nothing from the next, so that one address cannot use up what its whole client has.
type Rules struct {
	Client  space.Rate
	User    space.Rate
	Address space.Rate
}

// Valid tells whether the rules can be used, all problems at once. There is no rule that means without limit.
func (r Rules) Valid() error {
	var all []error
	for _, one := range []struct {
		name string
		rate space.Rate
	}{{"client", r.Client}, {"user", r.User}, {"address", r.Address}} {
		if err := one.rate.Valid(); err != nil {
			all = append(all, fmt.Errorf("the limit of each %s: %w", one.name, err))
		}
	}
	return errors.Join(all...)
}

// Per is the rate of so many requests in so much time, of which all may come at once.
func Per(requests int, in time.Duration) space.Rate {
	return space.Rate{PerSecond: float64(requests) / in.Seconds(), Burst: float64(requests)}
}

// Who asks. Only the client is always known.
type Who struct {
	User    string     // an ID; "" is nobody who is signed in
	Address netip.Addr // the zero value is the service itself
}

// Answer is what came of asking.
type Answer struct {
	OK         bool
	Limit      string        // whose limit it was, if it is not OK: client, user or address
	Remaining  float64       // what is left in the emptiest of the buckets
	RetryAfter time.Duration // when to come back, if it is not OK
}

// Err is nil, or fault.TooMany with the time to come back.
func (a Answer) Err() error {
	if a.OK {
		return nil
	}
	return fault.Limited("too many requests", max(a.RetryAfter, time.Second))
}

// Bucket is where tokens are taken; *space.Space is one.
type Bucket interface {
	Take(ctx context.Context, name string, rate space.Rate, cost float64) (space.Taken, error)
}

// Options make a Limiter.
type Options struct {
	Rules  Rules
	Local  Bucket           // in this process; required
	Shared Bucket           // in Redis; nil where there is none
	Clock  func() time.Time // required
}

// Limiter holds the limits of one client.
type Limiter struct {
	local, shared Bucket
	clock         func() time.Time
	rules         atomic.Pointer[Rules]
	retry         atomic.Int64 // UnixNano until when shared is not asked; 0 if it answers
}

const (
	retryEvery = 2 * time.Second
	// longest: nobody is told to come back later than this.
	longest = time.Hour
)

// New makes the limiter of one client.
func New(o Options) (*Limiter, error) {
	if o.Local == nil || o.Clock == nil {
		return nil, errors.New("limits need a bucket in this process and a clock")
	}
	l := &Limiter{local: o.Local, shared: o.Shared, clock: o.Clock}
	if err := l.SetRules(o.Rules); err != nil {
		return nil, err
	}
	return l, nil
}

// SetRules changes the limits from the next request on. Rules that are not valid change nothing.
func (l *Limiter) SetRules(r Rules) error {
	if err := r.Valid(); err != nil {
		return err
	}
	l.rules.Store(&r)
	return nil
}

// Allow takes cost, usually 1, from every bucket that applies.
func (l *Limiter) Allow(ctx context.Context, who Who, cost float64) Answer {
	rules := l.rules.Load()
	answer := Answer{OK: true, Remaining: rules.Client.Burst}
	steps := [...]struct {
		limit, key string
		rate       space.Rate
		applies    bool
	}{
		{"address", "a/" + Key(who.Address), rules.Address, who.Address.IsValid()},
		{"user", "u/" + who.User, rules.User, who.User != ""},
		{"client", "c", rules.Client, true},
	}
	for _, step := range steps {
		if !step.applies {
			continue
		}
		taken, err := l.take(ctx, step.key, step.rate, cost)
		if err != nil { // the request has ended, or the memory is full: deny
			return Answer{Limit: step.limit, RetryAfter: time.Second}
		}
		answer.Remaining = min(answer.Remaining, taken.Remaining)
		if !taken.OK {
			return Answer{Limit: step.limit, Remaining: taken.Remaining, RetryAfter: min(taken.RetryAfter, longest)}
		}
	}
	return answer
}

func (l *Limiter) take(ctx context.Context, key string, rate space.Rate, cost float64) (space.Taken, error) {
	if l.shared != nil && l.mayTry() {
		taken, err := l.shared.Take(ctx, key, rate, cost)
		switch {
		case err == nil:
			l.retry.Store(0)
			return taken, nil
		case errors.Is(ctx.Err(), context.Canceled): // that is no sign of Redis being away
			return space.Taken{}, err
		}
		l.retry.Store(l.clock().Add(retryEvery).UnixNano())
	}
	return l.local.Take(ctx, key, rate, cost)
}

func (l *Limiter) mayTry() bool {
	until := l.retry.Load()
	if until == 0 {
		return true
	}
	now := l.clock()
	return now.UnixNano() >= until && l.retry.CompareAndSwap(until, now.Add(retryEvery).UnixNano())
}

// Key is what an address is counted by: itself, or for IPv6 the network of 64 bits that one customer of a provider gets.
func Key(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		network, err := address.Prefix(64)
		if err == nil {
			return network.String()
		}
	}
	return address.String()
}
