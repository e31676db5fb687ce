package client

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/tenancy"
)

type rates struct{ signIn atomic.Pointer[space.Rate] }

// lasting counts what people have on its way.
type lasting struct {
	sync.Mutex
	of map[uuid.UUID]int
}

// named is a part of a bucket's names.
type named struct {
	bucket limits.Bucket
	part   string
}

// Take is limits.Bucket's.
func (n named) Take(ctx context.Context, name string, rate space.Rate, cost float64) (space.Taken, error) {
	return n.bucket.Take(ctx, n.part+name, rate, cost)
}

// openLimits makes the client's limits (AS-6). Those of people are apart from those of addresses: who somebody is, is known only later,
// and one request must not count twice.
func (c *Client) openLimits(t *tenancy.Tenant, p Process) error {
	var local, shared limits.Bucket = t.Space, nil
	if p.Redis != nil {
		here, err := space.New(p.Memory, t.Name)
		if err != nil {
			return fmt.Errorf("limits of client %s: %w", t.Name, err)
		}
		local, shared = here, t.Space
	}
	limiter := func(part string) (*limits.Limiter, error) {
		o := limits.Options{Rules: rules(t.Rates), Local: named{local, part}, Clock: p.Clock}
		if shared != nil {
			o.Shared = named{shared, part}
		}
		return limits.New(o)
	}
	var err error
	if c.Limits, err = limiter("limit/"); err != nil {
		return fmt.Errorf("limits of client %s: %w", t.Name, err)
	}
	if c.people, err = limiter("people/"); err != nil {
		return fmt.Errorf("limits of client %s: %w", t.Name, err)
	}
	c.signIns = named{t.Space, "sign-in/"}
	return c.SetRates(t.Rates)
}

// SetRates changes the limits from the next request on.
func (c *Client) SetRates(r config.Rates) error {
	if err := c.Limits.SetRules(rules(r)); err != nil {
		return fmt.Errorf("limits of client %s: %w", c.Name, err)
	}
	signIn := per(r.Login)
	if err := signIn.Valid(); err != nil {
		return fmt.Errorf("limits of client %s: of signing in: %w", c.Name, err)
	}
	c.rates.signIn.Store(&signIn)
	return c.people.SetRules(rules(r))
}

func rules(r config.Rates) limits.Rules {
	return limits.Rules{Client: per(r.Client), User: per(r.User), Address: per(r.Address)}
}

func per(r config.Rate) space.Rate { return limits.Per(r.Requests, r.Period.D()) }

// AllowPerson takes from the bucket of somebody whom a session or a token has named (AS-6); fault.TooMany where it is empty. The
// address's and the client's buckets were taken from before, by the server.
func (c *Client) AllowPerson(ctx context.Context, id uuid.UUID, cost float64) error {
	return c.people.Allow(ctx, limits.Who{User: id.String()}, cost).Err()
}

// maxLasting is how many files of one person may be on their way at once: each holds one of the client's turns (AV-12).
const maxLasting = 6

// Lasting counts a request of somebody's that may last, until end is called; fault.TooMany where there are many already.
func (c *Client) Lasting(person uuid.UUID) (end func(), err error) {
	c.lasting.Lock()
	defer c.lasting.Unlock()
	if c.lasting.of[person] >= maxLasting {
		return nil, fault.Limited("too many of your files are on their way at once", 5*time.Second)
	}
	if c.lasting.of == nil {
		c.lasting.of = map[uuid.UUID]int{}
	}
	c.lasting.of[person]++
	return sync.OnceFunc(func() {
		c.lasting.Lock()
		defer c.lasting.Unlock()
		if c.lasting.of[person]--; c.lasting.of[person] == 0 {
			delete(c.lasting.of, person)
		}
	}), nil
}

// AllowSignIn takes from an address's bucket of attempts to sign in; ask before a password is looked at.
func (c *Client) AllowSignIn(ctx context.Context, from netip.Addr) error {
	taken, err := c.signIns.Take(ctx, limits.Key(from), *c.rates.signIn.Load(), 1)
	if err != nil {
		return fmt.Errorf("count an attempt to sign in: %w", err)
	}
	if !taken.OK {
		return fault.Limited("too many attempts to sign in", taken.RetryAfter)
	}
	return nil
}
