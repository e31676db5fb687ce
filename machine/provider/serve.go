package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/berth-iac/berth/loopback"
	"github.com/berth-iac/berth/machine/ssh"
)

// Package is the provider's name.
const Package = "machine"

// Options of a provider. The zero value serves programs that configure a private key.
type Options struct {
	// Agent is the socket of the SSH agent that signs in where no private key is configured.
	Agent string
	// Version that the provider reports; default 0.0.0.
	Version string
	// Dial opens connections to machines; nil: the system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Connect and Silence are the bounds that package ssh describes; 0: its defaults.
	Connect, Silence time.Duration
}

// Server serves the provider on 127.0.0.1, to nobody but the user whose process it is.
type Server struct {
	grpc    *grpc.Server
	port    int
	pool    *pool
	serving sync.WaitGroup
}

// maxMessage is as much as the engine sends in one message.
const maxMessage = 400 << 20

// Start serves until Close.
func Start(ctx context.Context, options Options) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve the machine provider: %w", err)
	}
	machines := newPool()
	s := &Server{port: listener.Addr().(*net.TCPAddr).Port, pool: machines,
		grpc: grpc.NewServer(grpc.StatsHandler(connections{}), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))}
	pulumirpc.RegisterResourceProviderServer(s.grpc, &provider{options: options, pool: machines})
	s.serving.Go(func() { _ = s.grpc.Serve(listener) }) // ends with Stop
	return s, nil
}

// Port is where the provider listens.
func (s *Server) Port() int { return s.port }

// Providers is an entry of PULUMI_DEBUG_PROVIDERS.
func (s *Server) Providers() string { return fmt.Sprintf("%s:%d", Package, s.port) }

// Close ends what is under way and all connections to machines. It may be called twice.
func (s *Server) Close() error {
	s.grpc.Stop() // cancels the contexts of calls and waits for them
	s.serving.Wait()
	return s.pool.closeAll()
}

// connection is one engine's connection for one provider resource: the engine dials anew for each, and its calls carry nothing else
// that would tell two provider resources, and so two private keys, apart.
type connection struct {
	stranger   error // why its calls are refused; nil: they are the user's own
	mu         sync.Mutex
	configured bool
	privateKey string
	engine     pulumirpc.EngineClient // nil: nobody listens to what is logged
	dialled    *grpc.ClientConn
	cancelled  chan struct{}
	cancel     sync.Once
}

type connectionKey struct{}

// connections gives every new connection a value of its own, which its calls then carry in their contexts.
type connections struct{}

func (connections) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{stranger: loopback.OfThisUser(info.RemoteAddr, info.LocalAddr), cancelled: make(chan struct{})})
}

func (connections) HandleConn(ctx context.Context, s stats.ConnStats) {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		if _, ended := s.(*stats.ConnEnd); ended {
			c.end()
		}
	}
}

func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (connections) HandleRPC(context.Context, stats.RPCStats) {}

func (c *connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialled != nil {
		_ = c.dialled.Close() // nothing more is said to it
		c.dialled, c.engine = nil, nil
	}
}

func connectionOf(ctx context.Context) (*connection, error) {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return nil, status.Error(codes.Internal, "machine: the call came over no connection")
	}
	return c, nil
}

// errCancelled is why work ends that the user interrupted.
var errCancelled = errors.New("interrupted by the user")

// bounded is a call's context: it ends with the call, with the engine's Cancel, and after a time.
func (c *connection) bounded(ctx context.Context, seconds float64, usual time.Duration) (context.Context, context.CancelFunc) {
	if seconds > 0 {
		usual = time.Duration(seconds * float64(time.Second))
	}
	ctx, release := context.WithTimeoutCause(ctx, usual, fmt.Errorf("it took longer than %s; raise the resource's timeouts if that can be", usual))
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-c.cancelled:
			cancel(errCancelled)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); release() }
}

// login is how the connection's program signs in.
func (p *provider) login(c *connection) (ssh.Options, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stranger != nil {
		return ssh.Options{}, status.Errorf(codes.PermissionDenied, "machine: %v", c.stranger)
	}
	if !c.configured {
		return ssh.Options{}, status.Error(codes.FailedPrecondition, "machine: this connection was never configured; run the engine again")
	}
	return ssh.Options{PrivateKey: c.privateKey, Agent: p.options.Agent, Dial: p.options.Dial, Connect: p.options.Connect, Silence: p.options.Silence}, nil
}
