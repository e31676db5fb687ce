package server

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/tenancy"
)

// How often a client's duties are done while it is open.
const (
	deliverEvery = 10 * time.Second
	settleEvery  = 30 * time.Second
	hourly       = time.Hour
	round        = time.Hour       // in which every client that is not open is opened once for its duties
	roundPause   = 2 * time.Second // between two clients at most; with many of them less
	dutyTime     = 5 * time.Minute
)

// duties does what is to be done for a client without anybody asking, until ctx ends.
func (s *Server) duties(ctx context.Context, c *client.Client) {
	deliver, settle, hour := time.NewTicker(deliverEvery), time.NewTicker(settleEvery), time.NewTicker(hourly)
	defer deliver.Stop()
	defer settle.Stop()
	defer hour.Stop()
	holder := uuid.NewString()
	start := time.NewTimer(time.Second) // whoever waits for the first page goes first
	defer start.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-start.C:
			s.duty(ctx, c.Name, "settle", c.Settle)
			s.deliver(ctx, c)
			s.hour(ctx, c, holder)
		case <-deliver.C:
			s.deliver(ctx, c)
		case <-settle.C:
			s.duty(ctx, c.Name, "settle", c.Settle)
		case <-hour.C:
			s.hour(ctx, c, holder)
		}
	}
}

func (s *Server) hour(ctx context.Context, c *client.Client, holder string) {
	s.duty(ctx, c.Name, "remind", func(ctx context.Context) error { return c.Remind(ctx, holder) })
	s.duty(ctx, c.Name, "sweep", func(ctx context.Context) error { return c.Sweep(ctx, holder) })
	s.ages.look(ctx, c)
	s.expire(ctx, c.Name)
}

// expire ends what a client's BI tools were given and whose time is over (DP-5).
func (s *Server) expire(ctx context.Context, name string) {
	if s.o.Expire != nil {
		s.duty(ctx, name, "expire", func(ctx context.Context) error { return s.o.Expire(ctx, name) })
	}
}

func (s *Server) deliver(ctx context.Context, c *client.Client) {
	s.duty(ctx, c.Name, "deliver", func(ctx context.Context) error {
		for ctx.Err() == nil {
			if more, err := c.Deliver(ctx); err != nil || !more {
				return err
			}
		}
		return nil
	})
}

func (s *Server) duty(ctx context.Context, client, name string, do func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, dutyTime)
	defer cancel()
	err := do(limited)
	switch {
	case err == nil:
		s.metrics.duties.WithLabelValues(name, "done").Inc()
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // the client is being closed; another time
	default:
		s.metrics.duties.WithLabelValues(name, "failed").Inc()
		s.o.Log.WarnContext(ctx, "a duty failed", "duty", name, "client", client, "error", err)
	}
}

// rounds visits the clients that nobody uses, so that their mail leaves and their people are reminded.
func (s *sites) rounds(ctx context.Context) {
	if s.server.o.Config.Client != nil {
		return // the only one is always open
	}
	for pause(ctx, roundPause) {
		var names []string
		for name, err := range s.server.o.Directory.Names() {
			if err != nil {
				s.server.o.Log.WarnContext(ctx, "the clients cannot be listed", "error", err)
				break
			}
			names = append(names, name)
		}
		began := s.server.o.Clock()
		for _, name := range names {
			if !pause(ctx, min(roundPause, round/time.Duration(len(names)+1))) {
				return
			}
			s.visit(ctx, name)
		}
		if !pause(ctx, max(0, round-s.server.o.Clock().Sub(began))) {
			return
		}
	}
}

// visit does a client's duties once and closes it again, if it is not open anyway. It takes no place from clients that are used.
func (s *sites) visit(ctx context.Context, name string) {
	o := s.server.o
	s.mu.Lock()
	_, open := s.open[name]
	s.mu.Unlock()
	if open || o.Directory.Opened() >= max(1, o.Config.Tenants.MaxOpen*3/4) {
		return
	}
	record, err := o.Directory.Get(name)
	if err != nil || record.State == tenancy.Deleting {
		return
	}
	if record.State != tenancy.Active { // suspended: what its BI tools were given ends all the same (DP-5)
		s.server.expire(ctx, name)
		return
	}
	t, free, err := o.Directory.OpenName(ctx, name)
	if err != nil {
		if !fault.Is(err, fault.NotFound) && ctx.Err() == nil {
			o.Log.WarnContext(ctx, "a client cannot be opened for its duties", "client", name, "error", err)
		}
		return
	}
	defer free()
	c, err := client.Open(ctx, t, o.Process)
	if err != nil {
		o.Log.WarnContext(ctx, "a client cannot be opened for its duties", "client", name, "error", err)
		return
	}
	s.server.duty(ctx, c.Name, "settle", c.Settle)
	s.server.hour(ctx, c, uuid.NewString())
	s.server.deliver(ctx, c)
}

// pause tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
