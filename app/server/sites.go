package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/tenancy"
)

// site is one client while it is open: its tenant is held until nobody uses it and it is told to end.
type site struct {
	name   string
	tenant *tenancy.Tenant
	free   func() // gives the tenant back
	stop   context.CancelFunc
	loops  sync.WaitGroup
	gone   chan struct{} // closed when the tenant was given back

	once    sync.Once
	client  *client.Client
	handler http.Handler
	err     error

	// of sites.mu
	refs    int
	used    time.Time
	retired bool
	forever bool // the only client of this process
}

// sites are the clients that are open.
type sites struct {
	server *Server
	mu     sync.Mutex
	open   map[string]*site
	closed bool
	ending sync.WaitGroup
}

// of finds the client of a host name and opens it if need be. Call release when the request is done.
func (s *sites) of(ctx context.Context, host string) (_ *site, release func(), err error) {
	return s.hold(ctx, func() (*tenancy.Tenant, func(), error) { return s.server.o.Directory.Open(ctx, host) })
}

// named is of, by the client's short name.
func (s *sites) named(ctx context.Context, name string) (_ *site, release func(), err error) {
	return s.hold(ctx, func() (*tenancy.Tenant, func(), error) { return s.server.o.Directory.OpenName(ctx, name) })
}

func (s *sites) hold(ctx context.Context, open func() (*tenancy.Tenant, func(), error)) (*site, func(), error) {
	t, free, err := open()
	for range 3 {
		if !fault.Is(err, fault.Unavailable) || !s.evict() {
			break
		}
		t, free, err = open()
	}
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		free()
		return nil, nil, fault.Away("the service", errors.New("it is being shut down"))
	}
	e := s.open[t.Name]
	if e != nil && e.tenant != t { // its file was changed: whoever comes now gets the new one
		s.retire(e)
		e = nil
	}
	if e == nil {
		e = &site{name: t.Name, tenant: t, free: free, gone: make(chan struct{}), forever: s.server.o.Config.Client != nil}
		s.open[t.Name] = e
	} else {
		free()
	}
	e.refs++
	e.used = s.server.o.Clock()
	s.mu.Unlock()
	e.once.Do(func() { s.start(ctx, e) })
	if e.err != nil {
		s.mu.Lock()
		s.retire(e)
		s.mu.Unlock()
		s.release(e)
		return nil, nil, e.err
	}
	return e, sync.OnceFunc(func() { s.release(e) }), nil
}

// start puts the client together, once for all who wait for it, and begins its duties.
func (s *sites) start(ctx context.Context, e *site) {
	o := s.server.o
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if e.client, e.err = client.Open(ctx, e.tenant, o.Process); e.err != nil {
		return
	}
	if e.err = s.rate(e); e.err != nil {
		return
	}
	web, err := o.Web(e.client)
	if err != nil {
		e.err = fmt.Errorf("pages of client %s: %w", e.name, err)
		return
	}
	e.handler = web
	if o.RPC != nil {
		rpc, err := o.RPC(e.client)
		if err != nil {
			e.err = fmt.Errorf("calls of client %s: %w", e.name, err)
			return
		}
		e.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/rpc/") {
				rpc.ServeHTTP(w, r)
				return
			}
			web.ServeHTTP(w, r)
		})
	}
	duties, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.loops.Go(func() { s.server.duties(duties, e.client) })
}

// rate gives a client the limits that hold since the last reload.
func (s *sites) rate(e *site) error {
	s.server.mu.Lock()
	rates := s.server.rates
	s.server.mu.Unlock()
	record, err := s.server.o.Directory.Get(e.name)
	if err != nil {
		return err
	}
	if own := record.Client.Rates; own != nil {
		rates = config.Rates{Client: cmp.Or(own.Client, rates.Client), User: cmp.Or(own.User, rates.User),
			Address: cmp.Or(own.Address, rates.Address), Login: cmp.Or(own.Login, rates.Login)}
	}
	return e.client.SetRates(rates)
}

func (s *sites) setRates(ctx context.Context) error {
	s.mu.Lock()
	var all []*site
	for _, e := range s.open {
		e.refs++
		all = append(all, e)
	}
	s.mu.Unlock()
	var problems []error
	for _, e := range all {
		e.once.Do(func() { s.start(ctx, e) }) // or waits for whoever does
		if e.err == nil {
			problems = append(problems, s.rate(e))
		}
		s.release(e)
	}
	return errors.Join(problems...)
}

func (s *sites) release(e *site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.refs--
	e.used = s.server.o.Clock()
	s.end(e)
}

// retire takes a client out of the map; it ends when nobody uses it. The lock is held.
func (s *sites) retire(e *site) {
	if s.open[e.name] == e {
		delete(s.open, e.name)
	}
	if !e.retired {
		e.retired = true
		s.end(e)
	}
}

// end ends what is out of the map and out of use: first its duties, then its tenant is given back. The lock is held.
func (s *sites) end(e *site) {
	if !e.retired || e.refs > 0 || e.free == nil {
		return
	}
	free := e.free
	e.free = nil
	s.ending.Go(func() {
		if e.stop != nil {
			e.stop()
		}
		e.loops.Wait()
		free()
		close(e.gone)
	})
}

// evict ends the client that nobody used for longest, and waits until it is gone: another one needs its place.
func (s *sites) evict() bool {
	s.mu.Lock()
	if s.server.o.Directory.Opened() < s.server.o.Config.Tenants.MaxOpen {
		s.mu.Unlock()
		return false // that is not what was in the way
	}
	var oldest *site
	for _, e := range s.open {
		if e.refs == 0 && !e.forever && (oldest == nil || e.used.Before(oldest.used)) {
			oldest = e
		}
	}
	if oldest == nil {
		s.mu.Unlock()
		return false
	}
	s.retire(oldest)
	s.mu.Unlock()
	<-oldest.gone
	return true
}

// sweep ends the clients that nobody used for a while, and those that may not be served any more.
func (s *sites) sweep() {
	o, now := s.server.o, s.server.o.Clock()
	s.mu.Lock()
	all := make([]*site, 0, len(s.open))
	for _, e := range s.open {
		all = append(all, e)
	}
	s.mu.Unlock()
	for _, e := range all {
		record, err := o.Directory.Get(e.name)
		gone := fault.Is(err, fault.NotFound) || err == nil && record.State != tenancy.Active
		s.mu.Lock()
		if gone || e.refs == 0 && !e.forever && now.Sub(e.used) >= o.Config.Tenants.IdleClose.D() {
			s.retire(e)
		}
		s.mu.Unlock()
	}
	o.Directory.CloseIdle()
}

const sweepEvery = 5 * time.Second

func (s *sites) sweepUntil(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.sweep()
		}
	}
}

// close ends all clients, and waits for it.
func (s *sites) close() {
	s.mu.Lock()
	s.closed = true
	for _, e := range s.open {
		s.retire(e)
	}
	s.mu.Unlock()
	s.ending.Wait()
}

// opened is how many clients are open.
func (s *sites) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
