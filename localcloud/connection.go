package localcloud

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// connection is one engine's connection for one provider resource. The engine dials anew for each provider
// resource, even of the same package, and its calls carry nothing else that would tell providers apart: the
// region of a create is the region that this connection was configured with.
type connection struct {
	mu       sync.Mutex
	settings *settings
}

func (c *connection) configure(s settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings = &s
}

// configured are the settings of the provider that a call is meant for.
func configured(ctx context.Context) (settings, error) {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return settings{}, status.Error(codes.Internal, "embedded cloud: the call came over no connection")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settings == nil {
		return settings{}, status.Error(codes.FailedPrecondition,
			"embedded cloud: this connection was never configured; if the engine was idle for half an hour, run it again")
	}
	return *c.settings, nil
}

type connectionKey struct{}

// connections gives every new connection a value of its own, which its calls then carry in their contexts.
type connections struct{}

func (connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

func (connections) HandleConn(context.Context, stats.ConnStats) {}

func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (connections) HandleRPC(context.Context, stats.RPCStats) {}
