package client

import (
	"context"
	"net/netip"
)

// Request is what the server knows of a request before the client's handlers see it.
type Request struct {
	ID      string     // for logs, and for people to name when they ask for help
	Address netip.Addr // where it comes from, trusted proxies taken into account; the zero value where it is not known
	route   string
}

type requestKey struct{}

// WithRequest hands it on to the client's handlers.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func request(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

// AddressOf is where a request comes from. Nothing else may be believed of it.
func AddressOf(ctx context.Context) netip.Addr { return request(ctx).Address }

// RequestID names a request.
func RequestID(ctx context.Context) string { return request(ctx).ID }

// Route says which route a request was for, as in "POST /tasks/{key}/fields": logs and metrics carry it, and never the path, which may
// hold a secret or a name.
func Route(ctx context.Context, route string) { request(ctx).route = route }

// Route is what a handler said.
func (r *Request) Route() string { return r.route }
