package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/berth-iac/berth/loopback"
)

// Session is one stack's use of a pool. It listens on a port of its own for each plugin.
type Session struct {
	pool    *Pool
	stack   string
	server  *grpc.Server
	entries []string
	serving sync.WaitGroup

	mu      sync.Mutex
	engine  pulumirpc.EngineClient // nil: nobody listens to what is logged
	dialled *grpc.ClientConn
	address string
	closed  bool

	// The pool's lock is held for these.
	uses map[*process]int
	left map[*family][]*process // configured processes whose connections ended
	peak uint64
}

// connection is one engine's connection for one provider resource: the engine dials anew for each.
type connection struct {
	family   *family
	stranger error // why its calls are refused; nil: they are the user's own

	mu         sync.Mutex
	process    *process // that answers; nil: none yet
	configured bool
	private    bool // its process was made something else than the plugin was, and is nobody else's
}

type connectionKey struct{}

// Open begins a stack's use of the pool.
func (p *Pool) Open(ctx context.Context, stack string) (*Session, error) {
	s := &Session{pool: p, stack: stack, uses: map[*process]int{}, left: map[*family][]*process{}}
	ports := map[string]*family{}
	s.server = grpc.NewServer(grpc.StatsHandler(&connections{s, ports}), grpc.ForceServerCodec(codec{}), grpc.UnknownServiceHandler(s.handle),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	var listeners []net.Listener
	for _, plugin := range p.options.Plugins {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			for _, l := range listeners {
				_ = l.Close() // nothing was served on it
			}
			return nil, fmt.Errorf("share the plugin %s with stack %s: %w", plugin, stack, err)
		}
		listeners = append(listeners, listener)
		ports[listener.Addr().String()] = p.families[plugin.Name]
		s.entries = append(s.entries, fmt.Sprintf("%s:%d", plugin.Name, listener.Addr().(*net.TCPAddr).Port))
	}
	for _, listener := range listeners {
		s.serving.Go(func() { _ = s.server.Serve(listener) }) // ends with Stop
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions[s] = true
	return s, nil
}

// Providers are entries of PULUMI_DEBUG_PROVIDERS.
func (s *Session) Providers() string { return strings.Join(s.entries, ",") }

// Peak is the session's share of what its plugins held at most, in bytes; 0 when that is not known.
func (s *Session) Peak() uint64 {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return s.peak
}

// Close ends the use. It may be called twice.
func (s *Session) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.server.Stop() // cancels the contexts of calls and waits for them
	s.serving.Wait()
	s.pool.look()
	s.pool.mu.Lock()
	delete(s.pool.sessions, s)
	for used, times := range s.uses {
		for range times {
			s.pool.release(s.pool.families[used.plugin.Name], s, used)
		}
	}
	s.uses = map[*process]int{}
	s.pool.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialled == nil {
		return nil
	}
	return s.dialled.Close()
}

func (s *Session) listener() pulumirpc.EngineClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// listenTo has the engine at an address hear what plugins say.
func (s *Session) listenTo(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if address == "" || address == s.address {
		return nil
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("reach the engine at %s: %w", address, err)
	}
	if s.dialled != nil {
		_ = s.dialled.Close() // of a run that has ended
	}
	s.dialled, s.engine, s.address = conn, pulumirpc.NewEngineClient(conn), address
	return nil
}

// connections gives every new connection a value of its own, which its calls then carry in their contexts.
type connections struct {
	session *Session
	ports   map[string]*family
}

func (c *connections) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{family: c.ports[info.LocalAddr.String()],
		stranger: loopback.OfThisUser(info.RemoteAddr, info.LocalAddr)})
}

func (c *connections) HandleConn(ctx context.Context, event stats.ConnStats) {
	ended, ok := ctx.Value(connectionKey{}).(*connection)
	if _, end := event.(*stats.ConnEnd); !end || !ok {
		return
	}
	ended.mu.Lock()
	defer ended.mu.Unlock()
	if ended.configured {
		c.session.pool.mu.Lock()
		defer c.session.pool.mu.Unlock()
		c.session.left[ended.family] = append(c.session.left[ended.family], ended.process)
	}
}

func (*connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (*connections) HandleRPC(context.Context, stats.RPCStats) {}

// handle answers every call.
func (s *Session) handle(_ any, stream grpc.ServerStream) error {
	c, ok := stream.Context().Value(connectionKey{}).(*connection)
	method, named := grpc.MethodFromServerStream(stream)
	if !ok || !named || c.family == nil {
		return status.Error(codes.Internal, "shared plugins: the call came over no connection")
	}
	if c.stranger != nil {
		return status.Errorf(codes.PermissionDenied, "shared plugins: %v", c.stranger)
	}
	var in frame
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	switch method {
	case pulumirpc.ResourceProvider_Handshake_FullMethodName:
		// The engine attaches then, which waits for no plugin to start, and takes what a handshake says from the configuration's answer.
		return status.Error(codes.Unimplemented, "shared plugins: attach instead")
	case pulumirpc.ResourceProvider_Attach_FullMethodName:
		var req pulumirpc.PluginAttach
		if err := proto.Unmarshal(in, &req); err != nil {
			return status.Errorf(codes.InvalidArgument, "shared plugins: read the call to attach: %v", err)
		}
		if err := s.listenTo(req.GetAddress()); err != nil {
			return err
		}
		return send(stream, &emptypb.Empty{})
	case pulumirpc.ResourceProvider_Cancel_FullMethodName:
		return s.cancel(stream, c, in)
	case pulumirpc.ResourceProvider_Configure_FullMethodName:
		return s.configure(stream, c, in)
	case pulumirpc.ResourceProvider_Parameterize_FullMethodName: // makes another provider of it
		c.mu.Lock()
		s.leave(c)
		c.process, c.private = s.use(c.family, s.pool.own), true
		c.mu.Unlock()
	}
	answering, err := s.answering(c, method)
	if err != nil {
		return err
	}
	return forward(stream, answering, method, in)
}

// unconfigured are the calls that come before a configuration.
var unconfigured = []string{
	pulumirpc.ResourceProvider_GetSchema_FullMethodName, pulumirpc.ResourceProvider_GetPluginInfo_FullMethodName,
	pulumirpc.ResourceProvider_GetMapping_FullMethodName, pulumirpc.ResourceProvider_GetMappings_FullMethodName,
	pulumirpc.ResourceProvider_CheckConfig_FullMethodName, pulumirpc.ResourceProvider_DiffConfig_FullMethodName,
}

// answering is the process that answers a connection's calls.
func (s *Session) answering(c *connection, method string) (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.configured && !c.private && !slices.Contains(unconfigured, method) {
		if err := s.resume(c); err != nil {
			return nil, err
		}
	}
	if c.process == nil {
		c.process = s.use(c.family, s.pool.question)
	}
	return c.process, nil
}

// resume finds out whose a connection is that was configured before: after half an hour without a call the engine lets go of one, and
// dials anew without configuring anew.
func (s *Session) resume(c *connection) error {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	left := s.left[c.family]
	if len(left) == 0 {
		return nil // the engine does not know the configuration yet; the plugin says what it makes of the call
	}
	for _, other := range left {
		if other != left[0] {
			return status.Errorf(codes.FailedPrecondition,
				"the engine let go of several connections to the plugin %s, and this call does not say which of them it is for; run it again: what is done is kept", c.family.plugin)
		}
	}
	s.left[c.family] = left[1:]
	s.pool.take(c.family, s, left[0])
	s.uses[left[0]]++
	if c.process != nil {
		s.drop(c)
	}
	c.process, c.configured = left[0], true
	return nil
}

// use has the session hold a process.
func (s *Session) use(f *family, choose func(*family, *Session) *process) *process {
	chosen := choose(f, s)
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.uses[chosen]++
	return chosen
}

// leave ends a connection's use of the process that answered its questions.
func (s *Session) leave(c *connection) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.drop(c)
}

func (s *Session) drop(c *connection) {
	if c.process == nil {
		return
	}
	if s.uses[c.process]--; s.uses[c.process] <= 0 {
		delete(s.uses, c.process)
	}
	s.pool.release(c.family, s, c.process)
	c.process = nil
}

// configure finds the process that has the configuration, and gives it to one where there is none.
func (s *Session) configure(stream grpc.ServerStream, c *connection, in frame) error {
	digest, err := digestOf(in)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.private {
		c.configured = true
		return forward(stream, c.process, pulumirpc.ResourceProvider_Configure_FullMethodName, in)
	}
	isNew := false
	chosen := s.use(c.family, func(f *family, s *Session) (chosen *process) {
		chosen, isNew = s.pool.configuredAs(f, s, digest)
		return chosen
	})
	s.leave(c)
	c.process, c.configured = chosen, true
	if isNew {
		chosen.configure(s.pool.ctx, in) // not the caller's context: others wait for it too
		if chosen.refused != nil {
			s.pool.mu.Lock()
			s.pool.forget(c.family, chosen)
			s.pool.mu.Unlock()
		}
		close(chosen.configured)
	}
	select {
	case <-chosen.configured:
	case <-stream.Context().Done():
		return context.Cause(stream.Context())
	}
	if chosen.refused != nil {
		return chosen.refused
	}
	return stream.SendMsg(&chosen.answer)
}

// digestOf tells configurations apart. Which stack's provider resource it is for is no part of it.
func digestOf(in frame) (string, error) {
	var req pulumirpc.ConfigureRequest
	if err := proto.Unmarshal(in, &req); err != nil {
		return "", status.Errorf(codes.InvalidArgument, "shared plugins: read the configuration: %v", err)
	}
	req.Urn, req.Id, req.Name, req.Type = nil, nil, nil, nil
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(&req)
	if err != nil {
		return "", status.Errorf(codes.Internal, "shared plugins: write the configuration: %v", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// cancel ends what the engine has under way where nobody else uses the process: a plugin that was told so takes no further work.
// Else the engine waits for what is under way, which it does anyway.
func (s *Session) cancel(stream grpc.ServerStream, c *connection, in frame) error {
	c.mu.Lock()
	told := c.process
	c.mu.Unlock()
	s.pool.mu.Lock()
	alone := told != nil && len(told.users) == 1
	if alone {
		s.pool.forget(c.family, told)
	}
	s.pool.mu.Unlock()
	if !alone {
		return send(stream, &emptypb.Empty{})
	}
	return forward(stream, told, pulumirpc.ResourceProvider_Cancel_FullMethodName, in)
}
