package plugins

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/berth-iac/berth/engine/cli"
)

// maxMessage is as much as the engine sends in one message.
const maxMessage = 400 << 20

// process is a running plugin.
type process struct {
	plugin Plugin
	pool   *Pool

	started chan struct{} // closed when it answers, or failed to start
	failed  error         // to start; read it after started
	conn    *grpc.ClientConn

	configured chan struct{} // closed when it was told its configuration
	answer     frame         // to that
	refused    error

	ended chan struct{}

	// The pool's lock is held for these.
	users  map[*Session]int
	digest string // of its configuration; empty: none yet

	mu   sync.Mutex
	pid  int
	kill context.CancelFunc
	tail tail
}

// run starts the program and returns when it has ended.
func (p *process) run(ctx context.Context, options Options) {
	defer close(p.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	p.kill = cancel
	p.mu.Unlock()
	logs, address, err := p.listen(ctx)
	if err != nil {
		p.failed = refuse(p.plugin, err)
		close(p.started)
		return
	}
	defer logs.Stop()
	path, err := options.Find(ctx, p.plugin)
	if err != nil {
		p.failed = refuse(p.plugin, err)
		close(p.started)
		return
	}
	cmd := exec.CommandContext(ctx, path, address)
	cmd.Dir, cmd.Env = options.Dir, environment(options.Env)
	// A group of its own: an interrupt at the terminal is the engine's to hear, and what the plugin starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = &p.tail
		err = cmd.Start()
	}
	if err != nil {
		p.failed = refuse(p.plugin, fmt.Errorf("start %s: %w", path, err))
		close(p.started)
		return
	}
	p.mu.Lock()
	p.pid = cmd.Process.Pid
	p.mu.Unlock()
	patience := time.AfterFunc(options.Starting, cancel)
	reader := bufio.NewReader(out)
	err = p.connect(ctx, reader)
	patience.Stop()
	if err != nil {
		cancel()
		_ = cmd.Wait() // what matters is why it did not start
		if p.conn != nil {
			_ = p.conn.Close()
		}
		p.failed = refuse(p.plugin, fmt.Errorf("start %s: %w%s", path, err, p.tail.words()))
		close(p.started)
		return
	}
	close(p.started)
	_, _ = io.Copy(&p.tail, reader) // until it ends
	_ = cmd.Wait()                  // whoever uses it hears of its end by their calls
	_ = p.conn.Close()
}

// connect reads where the plugin listens, and waits until it answers.
func (p *process) connect(ctx context.Context, out *bufio.Reader) error {
	line, err := out.ReadString('\n')
	if err != nil {
		return errors.New("it ended before it listened, or took too long")
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return fmt.Errorf("it said %q in place of the port that it listens on", strings.TrimSpace(line))
	}
	p.conn, err = grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return err
	}
	// Without a handshake: the engine's own would end it after ten seconds, within which not every plugin can be started or installed.
	_, err = pulumirpc.NewResourceProviderClient(p.conn).GetPluginInfo(ctx, &emptypb.Empty{}, grpc.WaitForReady(true))
	if status.Code(err) == codes.Unimplemented {
		err = nil
	}
	return err
}

// end has the process end.
func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kill != nil {
		p.kill()
	}
}

// memory is what the process and its children hold, in bytes.
func (p *process) memory() uint64 {
	p.mu.Lock()
	pid := p.pid
	p.mu.Unlock()
	if pid == 0 {
		return 0
	}
	return cli.Held(pid)
}

// wait waits until the process answers.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.started:
		return p.failed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// why adds to an error that the process has ended, where it has.
func (p *process) why(err error) error {
	if status.Code(err) == codes.Unavailable {
		select {
		case <-p.ended:
		case <-time.After(time.Second): // the connection breaks first
		}
	}
	select {
	case <-p.ended:
		return status.Errorf(codes.Unavailable, "the provider plugin %s ended while it was in use%s", p.plugin, p.tail.words())
	default:
		return err
	}
}

// listen serves the engine that the plugin believes to be its own.
func (p *process) listen(ctx context.Context) (*grpc.Server, string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
	pulumirpc.RegisterEngineServer(server, &logs{process: p})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer()) // plugins end by themselves when nobody answers
	go func() { _ = server.Serve(listener) }()                      // ends with Stop
	return server, listener.Addr().String(), nil
}

// logs passes on what the plugin has to say: about a resource to the engine whose it is, and about itself to all that use it.
type logs struct {
	pulumirpc.UnimplementedEngineServer
	process *process
}

// Log is called by the plugin.
func (l *logs) Log(ctx context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	for _, engine := range l.listeners(stackOf(req.GetUrn())) {
		_, _ = engine.Log(ctx, req) // an engine that has ended misses nothing
	}
	return &emptypb.Empty{}, nil
}

func (l *logs) listeners(stack string) []pulumirpc.EngineClient {
	var sessions []*Session
	l.process.pool.mu.Lock()
	for s := range l.process.users {
		if stack == "" || s.stack == stack {
			sessions = append(sessions, s)
		}
	}
	l.process.pool.mu.Unlock()
	var engines []pulumirpc.EngineClient
	for _, s := range sessions {
		if engine := s.listener(); engine != nil {
			engines = append(engines, engine)
		}
	}
	return engines
}

// stackOf is the stack that a URN names.
func stackOf(urn string) string {
	stack, _, _ := strings.Cut(strings.TrimPrefix(urn, "urn:pulumi:"), "::")
	return stack
}

// tail keeps the last of what a process says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const kept = 2 << 10 // bytes

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > kept {
		t.text = bytes.Clone(t.text[len(t.text)-kept:])
	}
	return len(b), nil
}

// words are its last words, for the end of an error.
func (t *tail) words() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := strings.TrimSpace(string(t.text)); text != "" {
		return "; it said last:\n" + text
	}
	return ""
}
