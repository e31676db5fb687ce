package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are what a request may take. The zero value is what a server should have.
type Limits struct {
	Header      time.Duration // to send the header; 0 is 10 s
	Idle        time.Duration // between two requests of a connection; 0 is 2 min
	Handler     time.Duration // from the header to the end of the answer, unless Steady moves it on; 0 is 60 s
	HeaderBytes int           // 0 is 32 KiB
	Streams     int           // requests at once in one connection of HTTP/2; 0 is 100
}

// NewServer makes a server with these limits. Its own complaints, of broken handshakes for instance, go to log at level debug: they
// are the visitors' doing.
func NewServer(handler http.Handler, l Limits, log *slog.Logger) *http.Server {
	or := func(d, otherwise time.Duration) time.Duration {
		if d <= 0 {
			return otherwise
		}
		return d
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 32 << 10
	}
	if l.Streams <= 0 {
		l.Streams = 100
	}
	all := or(l.Handler, time.Minute)
	return &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: or(l.Header, 10*time.Second), ReadTimeout: all, WriteTimeout: all, IdleTimeout: or(l.Idle, 2*time.Minute),
		MaxHeaderBytes: l.HeaderBytes, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: l.Streams},
	}
}

// Serve answers requests until the server is shut down or the listener closed, which are no errors.
func Serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// Pace is how slow a visitor may be.
type Pace struct {
	Clock          func() time.Time // of the machine; required, for a connection's deadlines are in its time
	BytesPerSecond int64            // of what is sent, on average; 0 is 1024
	Grace          time.Duration    // before that counts, and how long one piece of the answer may take; 0 is 20 s
	MaxBody        int64            // bytes; 0 is 1 MiB
}

// Steady bounds bodies, and lets uploads and downloads of any length go on while they move: who sends or reads too slowly is cut off,
// and who is steady is not. A body that is longer than MaxBody fails with *http.MaxBytesError. It stands in front of the handlers; one
// that takes larger bodies has a Steady of its own.
func (p Pace) Steady(next http.Handler) http.Handler {
	if p.BytesPerSecond <= 0 {
		p.BytesPerSecond = 1024
	}
	if p.Grace <= 0 {
		p.Grace = 20 * time.Second
	}
	if p.MaxBody <= 0 {
		p.MaxBody = 1 << 20
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		switch {
		case r.Body == nil || r.Body == http.NoBody:
		case r.ContentLength > p.MaxBody: // nobody has to wait for it to come
			w.Header().Set("Connection", "close")
			r.Body = tooLong{r.Body, p.MaxBody}
		default:
			r.Body = http.MaxBytesReader(w, &steadyBody{ReadCloser: r.Body, control: control, pace: p, began: p.Clock()}, p.MaxBody)
		}
		next.ServeHTTP(&steadyWriter{ResponseWriter: w, control: control, pace: p}, r)
	})
}

// tooLong is a body that is not read, because it said that it is too long.
type tooLong struct {
	io.Closer
	limit int64
}

// Read is io.Reader's.
func (b tooLong) Read([]byte) (int, error) { return 0, &http.MaxBytesError{Limit: b.limit} }

type steadyBody struct {
	io.ReadCloser
	control *http.ResponseController
	pace    Pace
	began   time.Time
	read    int64
}

func (b *steadyBody) Read(p []byte) (int, error) {
	// What came so far earns time for what is to come; errors mean that the connection knows no deadlines, as in tests.
	earned := time.Duration(float64(b.read) / float64(b.pace.BytesPerSecond) * float64(time.Second))
	_ = b.control.SetReadDeadline(b.began.Add(b.pace.Grace + earned))
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}

type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    Pace
}

// piece is how much is written under one deadline.
const piece = 64 << 10

func (w *steadyWriter) Write(p []byte) (int, error) {
	written := 0
	for {
		part := p[:min(len(p), piece)]
		until := w.pace.Clock().Add(w.pace.Grace + time.Duration(float64(len(part))/float64(w.pace.BytesPerSecond)*float64(time.Second)))
		_ = w.control.SetWriteDeadline(until)
		n, err := w.ResponseWriter.Write(part)
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}

// Flush is http.Flusher's.
func (w *steadyWriter) Flush() { _ = w.control.Flush() }

// Unwrap is for http.ResponseController.
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Drain ends servers so that nobody's request is lost.
type Drain struct {
	begun atomic.Bool
	away  atomic.Bool
	mu    sync.Mutex
	open  map[net.Conn]http.ConnState
}

// Watch counts a server's connections, so that Run can wait for them. It comes before the server serves.
func (d *Drain) Watch(s *http.Server) { s.ConnState = d.note }

func (d *Drain) note(c net.Conn, to http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if to == http.StateClosed || to == http.StateHijacked {
		delete(d.open, c)
		return
	}
	if d.open == nil {
		d.open = map[net.Conn]http.ConnState{}
	}
	d.open[c] = to
}

// connections are those that are open, and those of them on which something is asked or may just be.
func (d *Drain) connections() (open, busy int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, state := range d.open {
		if state != http.StateIdle {
			busy++
		}
	}
	return len(d.open), busy
}

// Ready tells whether new requests are welcome; /readyz says what it says.
func (d *Drain) Ready() bool { return !d.away.Load() }

// Handler asks whoever comes on an open connection while it is drained to come on a new one.
func (d *Drain) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// How says how to drain.
type How struct {
	// Settle is how long requests are still answered after Ready has become false, so that the load balancer sees it and open
	// connections are left. A load balancer that asks every 5 s and takes two refusals for an answer needs 10 s and a little.
	Settle time.Duration
	// Accepting are the listeners that are closed after that.
	Accepting []net.Listener
	// Accepted is closed when no server accepts any more: what was accepted is known by then. Nil is not waited for.
	Accepted <-chan struct{}
	// Linger is how long connections that are open may still bring a request. Each is closed with its next answer, which says so, and
	// those that bring none are closed at the end.
	Linger time.Duration
	// Replaced says that the next release answers on the same sockets: Ready stays true, for nobody has to go elsewhere.
	Replaced bool
}

// Run drains: not ready; after Settle no more connections; what those that are open bring within Linger is answered; requests in flight
// are finished; then it returns nil. When ctx ends before, what is left is cut off, and the error says so.
func (d *Drain) Run(ctx context.Context, how How, servers ...*http.Server) error {
	d.begun.Store(true)
	d.away.Store(!how.Replaced)
	timer := time.NewTimer(how.Settle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	for _, l := range how.Accepting {
		_ = l.Close()
	}
	if how.Accepted != nil {
		select {
		case <-how.Accepted:
		case <-ctx.Done():
		}
	}
	d.linger(ctx, how.Linger)
	errs := make(chan error, len(servers))
	for _, s := range servers {
		go func() {
			err := s.Shutdown(ctx)
			switch {
			case errors.Is(err, net.ErrClosed): // of a listener of Accepting
				err = nil
			case err != nil:
				err = errors.Join(fmt.Errorf("requests were cut off when the time to drain was over: %w", err), s.Close())
			}
			errs <- err
		}()
	}
	var all []error
	for range servers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// linger waits until the open connections are gone, or for so long and then until nothing is asked. Shutdown does not: it closes a
// connection on which a request comes in just then, without an answer.
func (d *Drain) linger(ctx context.Context, most time.Duration) {
	over := time.NewTimer(most)
	defer over.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	late := false
	for {
		if open, busy := d.connections(); open == 0 || late && busy == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			late = true
		case <-look.C:
		}
	}
}
