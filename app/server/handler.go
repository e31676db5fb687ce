package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/listen"
	"github.com/berth-iac/berth/app/pages"
)

// build puts the handlers around each other. From the outside: who asks and under which name the request is known; log, metrics and
// traces; panics; headers; health; then the client, its limits, its turn, the request's own limits, and its pages.
func (s *Server) build() http.Handler {
	pace := func(body int64) func(http.Handler) http.Handler {
		return listen.Pace{Clock: s.o.Clock, MaxBody: body}.Steady
	}
	ask := http.HandlerFunc(s.ask)
	short, long := pace(int64(s.o.Config.Limits.Body))(ask), pace(int64(s.o.Config.Limits.Upload)+64<<10)(ask) // with the form around a file
	bound := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next, limit := short, s.o.Config.Limits.Request.D()
		if s.o.Transfers != nil && s.o.Transfers(r) {
			next, limit = long, s.o.Config.Limits.Transfer.D()
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
	return s.observe(s.recover(s.drain.Handler(s.headers(s.health(s.route(bound))))))
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// about says who asks and names the request.
func (s *Server) about(r *http.Request) *client.Request {
	known := &client.Request{Address: listen.ClientAddress(r, s.edge)}
	if header := s.o.Config.Listen.RequestIDFrom; header != "" && s.edge.TrustsNearest(r) {
		if given := r.Header.Values(header); len(given) == 1 && plainID.MatchString(given[0]) {
			known.ID = given[0]
		}
	}
	if known.ID == "" {
		known.ID = s.newID()
	}
	return known
}

// recover keeps a mistake in one request from ending the others.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if err, ok := what.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(what)
			}
			s.metrics.panics.Inc()
			// What was thrown may hold anything, also a secret: its type and the place are enough to find it.
			s.o.Log.ErrorContext(r.Context(), "a request failed badly", "id", client.RequestID(r.Context()), "type", fmt.Sprintf("%T", what), "stack", string(debug.Stack()))
			if seen, ok := w.(*watched); ok && seen.status == 0 {
				answer(w, http.StatusInternalServerError, "Something went wrong here. It was noted under "+client.RequestID(r.Context())+".\n")
				return
			}
			panic(http.ErrAbortHandler) // part of an answer is out: let nobody take it for the whole
		}()
		next.ServeHTTP(w, r)
	})
}

// headers are the floor under every answer; pages have their own above it (AS-2).
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("X-Request-Id", client.RequestID(r.Context()))
		if s.o.Config.Public.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}

type siteKey struct{}

func siteOf(ctx context.Context) *site { e, _ := ctx.Value(siteKey{}).(*site); return e }

// route finds the client. Whoever names no client learns nothing, whatever the method and the path.
func (s *Server) route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, release, err := s.sites.of(r.Context(), r.Host)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		defer release()
		if seen, ok := w.(*watched); ok {
			seen.client = e.name
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), siteKey{}, e)))
	})
}

// refuse answers where no client can.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case fault.Is(err, fault.NotFound):
		client.Route(r.Context(), "unknown host")
		answer(w, http.StatusNotFound, "404 page not found\n")
	case fault.Is(err, fault.Forbidden):
		client.Route(r.Context(), "suspended")
		answer(w, http.StatusForbidden, "This workspace is suspended. Nothing in it was removed.\n")
	default:
		if r.Context().Err() == nil {
			s.o.Log.ErrorContext(r.Context(), "a client cannot be opened", "id", client.RequestID(r.Context()), "error", err)
		}
		client.Route(r.Context(), "away")
		w.Header().Set("Retry-After", "2")
		limits.RetryAfter(w.Header(), err)
		answer(w, http.StatusServiceUnavailable, "The service cannot answer now. Try again in a moment.\n")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// asset is what a style sheet or a script counts against the limits: a page has several, and browsers keep them.
const asset = 0.1

// ask counts the request (AS-6), waits for its turn (AV-12), and hands it to the client's pages.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	e := siteOf(r.Context())
	cost := 1.0
	if strings.HasPrefix(r.URL.Path, pages.AssetPrefix) {
		cost = asset
	}
	allowed := e.client.Limits.Allow(r.Context(), limits.Who{Address: client.AddressOf(r.Context())}, cost)
	if err := allowed.Err(); err != nil {
		s.metrics.refused.WithLabelValues(allowed.Limit).Inc()
		client.Route(r.Context(), "limited")
		limits.RetryAfter(w.Header(), err)
		limits.Refuse(w, r, err)
		return
	}
	leave, err := e.client.Enter(r.Context())
	if err != nil {
		if r.Context().Err() != nil && !fault.Is(err, fault.TooMany) {
			return // nobody is there any more
		}
		s.metrics.refused.WithLabelValues("turn").Inc()
		client.Route(r.Context(), "limited")
		w.Header().Set("Retry-After", "1")
		limits.RetryAfter(w.Header(), err)
		limits.Refuse(w, r, err)
		return
	}
	defer leave()
	e.handler.ServeHTTP(w, r)
	if r.Pattern != "" && routeOf(r.Context()) == "" {
		client.Route(r.Context(), r.Pattern)
	}
}

// within tells whether a time is over at the other, for tests with a clock of their own.
func within(since, now time.Time, most time.Duration) bool {
	age := now.Sub(since)
	return age >= 0 && age < most
}
