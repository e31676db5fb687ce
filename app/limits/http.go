package limits

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

// Asked is one request as the limits see it.
type Asked struct {
	Limiter *Limiter // of the request's client; nil refuses
	Who     Who
	Cost    float64 // 0 is 1
}

// Middleware lets a request through while there are tokens, and otherwise hands the fault to refuse; the header Retry-After is set
// by then. nil for refuse is Refuse.
func Middleware(asked func(*http.Request) Asked, refuse func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	if refuse == nil {
		refuse = Refuse
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := asked(r)
			if a.Limiter == nil {
				refuse(w, r, fault.Away("the service", errors.New("a request has no limits to count it by")))
				return
			}
			if a.Cost == 0 {
				a.Cost = 1
			}
			answer := a.Limiter.Allow(r.Context(), a.Who, a.Cost)
			if err := answer.Err(); err != nil {
				RetryAfter(w.Header(), err)
				refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Handler lets requests through the gate. client names whose line a request stands in.
func (g *Gate) Handler(client func(*http.Request) string, refuse func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	if refuse == nil {
		refuse = Refuse
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			leave, err := g.Enter(r.Context(), client(r))
			if err != nil {
				RetryAfter(w.Header(), err)
				refuse(w, r, err)
				return
			}
			defer leave()
			next.ServeHTTP(w, r)
		})
	}
}

// RetryAfter sets the header of that name to whole seconds, rounded up, if the error says when to come back.
func RetryAfter(h http.Header, err error) {
	if e, found := errors.AsType[*fault.Error](err); found && e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(e.RetryAfter.Seconds())), 10))
	}
}

// Refuse answers in plain text: 429, or 503 where nothing could be counted.
func Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status, text := http.StatusServiceUnavailable, "The service cannot answer now. Try again in a moment.\n"
	if e, found := errors.AsType[*fault.Error](err); found && e.Kind == fault.TooMany {
		status, text = http.StatusTooManyRequests, "Too many requests. Try again in "+max(e.RetryAfter, time.Second).Round(time.Second).String()+".\n"
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
