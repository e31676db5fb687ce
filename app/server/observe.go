package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/listen"
)

// watched notes what was answered.
type watched struct {
	http.ResponseWriter
	status int
	bytes  int64
	client string
}

// WriteHeader is http.ResponseWriter's.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is http.Flusher's.
func (w *watched) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// observe names each request, and logs, counts and traces it. A log line tells which route was asked and never the path: paths and
// queries hold secrets and names. It tells neither address nor browser, which are a person's.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.o.Clock()
		about := s.about(r)
		ctx, span := s.tracer.begin(client.WithRequest(context.WithValue(r.Context(), aboutKey{}, about), about))
		seen := &watched{ResponseWriter: w}
		s.metrics.running.Inc()
		defer func() {
			s.metrics.running.Dec()
			took := s.o.Clock().Sub(began)
			route, method := routeName(about.Route()), methodName(r.Method)
			status := seen.status
			if status == 0 {
				status = http.StatusOK
			}
			s.tracer.end(span, method, route, seen.client, status)
			if route == "health" {
				return // every few seconds, from everywhere
			}
			s.metrics.answered(method, route, seen.client, status, took)
			level := slog.LevelInfo
			if status >= 500 {
				level = slog.LevelError
			}
			s.o.Log.LogAttrs(ctx, level, "request", slog.String("id", about.ID), slog.String("client", seen.client), slog.String("method", method),
				slog.String("route", route), slog.Int("status", status), slog.Int64("bytes", seen.bytes), slog.Float64("ms", float64(took.Microseconds())/1000))
		}()
		next.ServeHTTP(seen, r.WithContext(ctx))
	})
}

type aboutKey struct{}

func routeOf(ctx context.Context) string {
	if about, ok := ctx.Value(aboutKey{}).(*client.Request); ok {
		return about.Route()
	}
	return ""
}

// routeName is a route without its method and host.
func routeName(route string) string {
	if _, path, found := strings.Cut(route, " "); found && strings.HasPrefix(path, "/") {
		return path
	}
	if route == "" {
		return "none"
	}
	return route
}

// methodName keeps made-up methods out of logs and metrics.
func methodName(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		return method
	}
	return "other"
}

func newTLSListener(l net.Listener, c *listen.Certificate) net.Listener {
	return tls.NewListener(l, c.Config())
}
