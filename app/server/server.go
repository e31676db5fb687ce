// Package server is the process that serves thousands of clients: it finds the client that a request's host name is of, opens it on
// demand, keeps everybody within limits, says how it is (health, metrics, traces, logs), and comes and goes without losing a request.
// What a client's pages are it does not know: it is given them. Nothing in here tells one client of another (DP-1); whoever asks for a
// host name that is no client's learns nothing.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/listen"
	"github.com/berth-iac/berth/app/tenancy"
)

// Options are what a server is made of. All but RPC, Transfers, Certificate and Spans are required.
type Options struct {
	Config    *config.Config
	Directory *tenancy.Directory
	Process   client.Process

	Web         func(*client.Client) (http.Handler, error) // a client's pages, made when the client is opened
	RPC         func(*client.Client) (http.Handler, error) // what programs call, below /rpc/; nil: nothing is there
	Transfers   func(*http.Request) bool                   // requests that may last: uploads, downloads; nil: none
	Certificate *listen.Certificate                        // nil: no TLS here, a proxy in front has it
	Spans       trace.SpanExporter                         // where traces go; nil: nowhere

	// Expire ends what a client's BI tools were given and whose time is over (DP-5); nil: nothing does.
	Expire func(ctx context.Context, client string) error

	Version string
	Log     *slog.Logger
	Clock   func() time.Time
	Random  io.Reader
}

// Server answers for all clients.
type Server struct {
	o       Options
	edge    listen.Edge
	sites   *sites
	drain   listen.Drain
	metrics *metrics
	tracer  *tracer
	ready   readiness
	ages    ages
	handler http.Handler

	mu    sync.Mutex
	rates config.Rates // since the last reload
}

// New makes a server. It serves nothing yet.
func New(o Options) (*Server, error) {
	if o.Config == nil || o.Directory == nil || o.Web == nil || o.Log == nil || o.Clock == nil || o.Random == nil {
		return nil, errors.New("a server needs a configuration, a directory, pages, a log, a clock and random bytes")
	}
	s := &Server{o: o, rates: o.Config.Rates, edge: listen.Edge{Trusted: trusted(o.Config), Socket: o.Config.Listen.TrustSocket}}
	s.metrics = newMetrics(s)
	s.tracer = newTracer(o.Spans, o.Config.Telemetry.Sample, o.Version, o.Log)
	s.sites = &sites{server: s, open: map[string]*site{}}
	s.ready = readiness{check: s.checkReady, clock: o.Clock}
	s.handler = s.build()
	return s, nil
}

func trusted(c *config.Config) []netip.Prefix {
	all := make([]netip.Prefix, len(c.Listen.TrustedProxies))
	for i, n := range c.Listen.TrustedProxies {
		all[i] = n.Prefix
	}
	return all
}

// Handler answers requests: the whole of it, without listeners.
func (s *Server) Handler() http.Handler { return s.handler }

// Listeners are the sockets to serve on.
type Listeners struct {
	Public   []net.Listener // raw: TLS and the PROXY protocol are put on top here
	Metrics  net.Listener   // nil: none
	HandOver string         // a path: there the next release asks for the sockets; "" for none
	Serving  func() error   // called once requests are answered
	Settle   time.Duration  // how long not being ready is shown before the end; 0 at once
}

// lingers is how long connections that are open when the service ends may still bring a request.
const lingers = 2 * time.Second

// Run serves until ctx ends or the next release has taken the sockets, then drains: it is not ready any more, requests in flight are
// finished within limits.drain, and the clients are closed. It returns when all that is done.
func (s *Server) Run(ctx context.Context, l Listeners) error {
	limits := s.o.Config.Limits
	main := listen.NewServer(s.handler, listen.Limits{
		Header: limits.ReadHeader.D(), Idle: limits.Idle.D(), Handler: limits.Request.D() + 5*time.Second, HeaderBytes: int(limits.Header),
	}, s.o.Log)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	main.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	s.drain.Watch(main)

	stacked := make([]net.Listener, len(l.Public))
	for i, raw := range l.Public {
		var err error
		if stacked[i], err = s.stack(raw); err != nil {
			return err
		}
	}
	ended := make(chan error, len(l.Public)+2)
	var serving sync.WaitGroup
	for _, one := range stacked {
		serving.Go(func() { ended <- listen.Serve(main, one) })
	}
	accepted := make(chan struct{})
	go func() {
		serving.Wait()
		close(accepted)
	}()
	servers := []*http.Server{main}
	if l.Metrics != nil {
		numbers := listen.NewServer(s.metrics.handler(), listen.Limits{}, s.o.Log)
		go func() { ended <- listen.Serve(numbers, l.Metrics) }()
		defer numbers.Close() //nolint:errcheck // the numbers are there to the end, and nobody waits for the last of them
	}
	var work sync.WaitGroup
	work.Go(func() { s.sites.sweepUntil(background) })
	work.Go(func() { s.sites.rounds(background) })
	taken := make(chan struct{})
	if l.HandOver != "" {
		work.Go(func() {
			switch err := listen.HandOver(background, l.HandOver, l.Public); {
			case err == nil:
				close(taken)
			case background.Err() == nil:
				s.o.Log.ErrorContext(background, "the next release cannot take the sockets over", "error", err)
			}
		})
	}
	if l.Serving != nil {
		if err := l.Serving(); err != nil {
			s.o.Log.WarnContext(ctx, "nobody could be told that the service is ready", "error", err)
		}
	}
	var failed error
	how := listen.How{Settle: l.Settle, Accepting: stacked, Accepted: accepted, Linger: lingers}
	select {
	case <-ctx.Done():
	case failed = <-ended:
		how.Settle = 0
	case <-taken:
		// The next release answers on the same sockets: only what is open here is left to finish.
		how.Settle, how.Replaced = 0, true
	}
	s.o.Log.InfoContext(ctx, "draining")
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), limits.Drain.D()+how.Settle)
	defer cancel()
	failed = errors.Join(failed, s.drain.Run(limited, how, servers...))
	stop()
	work.Wait()
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancelClosing()
	failed = errors.Join(failed, s.Close(closing))
	s.o.Log.InfoContext(ctx, "ended")
	return failed
}

// Close ends what runs for the clients, and closes them. Run does it by itself.
func (s *Server) Close(ctx context.Context) error {
	s.sites.close()
	return errors.Join(s.o.Directory.Close(ctx), s.tracer.close(ctx))
}

// stack puts on a socket what the configuration asks for.
func (s *Server) stack(l net.Listener) (net.Listener, error) {
	l = listen.AtMost(l, max(1024, 8*s.o.Config.Limits.Concurrent))
	if s.o.Config.Listen.ProxyProtocol {
		var err error
		if l, err = listen.ProxyProtocol(l, s.edge.Trusted, 0); err != nil {
			return nil, fmt.Errorf("speak the PROXY protocol: %w", err)
		}
	}
	if s.o.Certificate != nil {
		l = newTLSListener(l, s.o.Certificate)
	}
	return l, nil
}

// Reload takes new limits, and a new certificate where there is one. What is wrong leaves things as they were.
func (s *Server) Reload(ctx context.Context, c *config.Config) error {
	var problems []error
	if s.o.Certificate != nil {
		if _, err := s.o.Certificate.Reload(); err != nil {
			problems = append(problems, err)
		}
	}
	s.mu.Lock()
	s.rates = c.Rates
	s.mu.Unlock()
	s.o.Directory.Reload()
	problems = append(problems, s.sites.setRates(ctx))
	s.o.Log.InfoContext(ctx, "read the configuration anew", "problems", len(problems)-1)
	return errors.Join(problems...)
}

func (s *Server) newID() string {
	id, err := uuid.NewRandomFromReader(s.o.Random)
	if err != nil {
		return "unknown"
	}
	return id.String()
}
