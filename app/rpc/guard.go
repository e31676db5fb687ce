package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
)

// call is who calls what.
type call struct {
	visit  accounts.Visit
	method *served
	still  func(context.Context) error // whether the token is still good for the method; a call may last
}

type callKey struct{}

// callOf is the call that a context belongs to. Without one it is nobody's, who may nothing.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{method: &served{}}
}

// who is the actor of a call.
func who(ctx context.Context) actor.Actor { return callOf(ctx).visit.Actor }

// ServeHTTP lets in who may come in, before anything of the message is read.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Only what is declared is here, spelled as it is declared (AS-3). All else is told the same.
	m := h.methods[r.URL.Path]
	if m == nil || r.URL.RawPath != "" {
		plain(w, http.StatusNotFound, "404 page not found")
		return
	}
	client.Route(r.Context(), "POST "+Prefix+m.Procedure)
	if r.Method != http.MethodPost { // also for what only reads: a token has no place in an address
		w.Header().Set("Allow", http.MethodPost)
		plain(w, http.StatusMethodNotAllowed, "call it with POST")
		return
	}
	if !m.takes(r.Header) {
		plain(w, http.StatusUnsupportedMediaType, "send application/json or application/proto, and for streams application/connect+json or application/connect+proto; not compressed")
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	limit := h.options.Time
	if m.Streams {
		limit = h.options.Transfer
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	defer hurry(w, limit)()
	c := &call{method: m}
	ctx = context.WithValue(ctx, callKey{}, c)
	err := h.enter(ctx, r, c)
	if err == nil && !m.Streams && r.ContentLength > int64(h.options.MaxMessage) {
		err = fault.Oversize("", "the message is too large", "send less at once")
	}
	if err == nil && m.Streams {
		var end func()
		if end, err = h.client.Lasting(c.visit.Actor.ID); err == nil {
			defer end()
		}
	}
	if err != nil {
		h.refuse(ctx, w, r, err)
		return
	}
	in := r.WithContext(ctx)
	in.URL = &url.URL{Path: m.Procedure}
	in.Body = body{r.Body}
	m.handler().ServeHTTP(w, in)
}

func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// takes tells whether a method takes what is sent. Other protocols than Connect's are not spoken: what is not there cannot be attacked.
func (m *served) takes(h http.Header) bool {
	kind, more, _ := strings.Cut(h.Get("Content-Type"), ";")
	if charset := strings.ToLower(strings.ReplaceAll(more, " ", "")); charset != "" && charset != "charset=utf-8" || len(h.Values("Content-Type")) != 1 {
		return false
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return false
	}
	if m.Streams {
		return kind == "application/connect+json" || kind == "application/connect+proto"
	}
	return kind == "application/json" || kind == "application/proto"
}

// hurry ends the reading of a message that takes too long. The clock is the runtime's: what it sets is a time long past.
func hurry(w http.ResponseWriter, within time.Duration) (stop func()) {
	control := http.NewResponseController(w)
	timer := time.AfterFunc(within, func() {
		_ = control.SetReadDeadline(time.Unix(1, 0)) // where it cannot be set, the server's own limits hold
	})
	return func() { timer.Stop() }
}

// enter finds out who calls, counts the call against them (AS-6), and keeps out whoever cannot be right.
func (h *handler) enter(ctx context.Context, r *http.Request, c *call) error {
	from := accounts.From{Address: client.AddressOf(ctx), Agent: r.UserAgent()}
	token := bearer(r.Header)
	var err error
	if c.visit, err = h.client.Accounts.ByToken(ctx, from, token); err != nil {
		return err
	}
	c.still = func(ctx context.Context) error {
		visit, err := h.client.Accounts.ByToken(ctx, from, token)
		if err != nil {
			return err
		}
		return visit.Actor.Need(c.method.Scope)
	}
	if err := h.client.AllowPerson(ctx, c.visit.Actor.ID, 1); err != nil {
		return err
	}
	return c.visit.Actor.Need(c.method.Scope)
}

// bearer is the token of a request, or "". It stands in one place only.
func bearer(h http.Header) string {
	given := h.Values("Authorization")
	if len(given) != 1 {
		return ""
	}
	scheme, token, found := strings.Cut(given[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// refuse answers who is not let in.
func (h *handler) refuse(ctx context.Context, w http.ResponseWriter, r *http.Request, err error) {
	if fault.Is(err, fault.Unauthenticated) {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	limits.RetryAfter(w.Header(), err)
	told := h.told(ctx, err)
	told.Meta().Del("Retry-After") // it is there already
	if err := h.errors.Write(w, r, told); err != nil && ctx.Err() == nil {
		h.client.Log().DebugContext(ctx, "an answer could not be sent", "error", err)
	}
}

// body is a message that comes in. What goes wrong with the connection on the way is not told to whoever is at its other end: it names
// addresses.
type body struct{ io.ReadCloser }

// Read is io.Reader's.
func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return n, connect.NewError(connect.CodeResourceExhausted, errors.New("what is sent is too large: send less at once"))
	}
	return n, connect.NewError(connect.CodeDeadlineExceeded, errors.New("the message did not come in whole or took too long: send it again"))
}

// known tells whether somebody was found out to call.
func (c *call) known() bool { return c.visit.Actor.ID != uuid.Nil }
