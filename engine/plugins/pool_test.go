package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/berth-iac/berth/engine/plugins"
)

func newPool(t *testing.T, change ...func(*plugins.Options)) *plugins.Pool {
	t.Helper()
	options := plugins.Options{Plugins: []plugins.Plugin{{Name: "fake", Version: "1.2.3"}, {Name: "other", Version: "2.0.0"}}, Dir: t.TempDir(),
		Env:  append(os.Environ(), asPlugin+"=answer", "PULUMI_CONFIG_PASSPHRASE=hush", "PULUMI_ACCESS_TOKEN=hush", "FOR_PLUGINS=yes"),
		Find: func(context.Context, plugins.Plugin) (string, error) { return os.Executable() }}
	for _, c := range change {
		c(&options)
	}
	pool := plugins.New(t.Context(), options)
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// stack is an engine's half of a session.
type stack struct {
	*plugins.Session
	t      *testing.T
	name   string
	engine *listener
}

func newStack(t *testing.T, pool *plugins.Pool, name string) *stack {
	t.Helper()
	session, err := pool.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() }) // where the test does not
	return &stack{session, t, name, listen(t)}
}

func (s *stack) close() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Error(err)
	}
}

// provider is an engine's connection for one provider resource.
type provider struct {
	pulumirpc.ResourceProviderClient
	conn  *grpc.ClientConn
	stack *stack
}

// dial connects as the engine does, and asks the plugin about a configuration.
func (s *stack) dial(plugin string) (*provider, error) {
	s.t.Helper()
	for entry := range strings.SplitSeq(s.Providers(), ",") {
		name, port, _ := strings.Cut(entry, ":")
		if name != plugin {
			continue
		}
		conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(400<<20)))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = conn.Close() })
		p := &provider{pulumirpc.NewResourceProviderClient(conn), conn, s}
		if _, err := p.Handshake(s.t.Context(), &pulumirpc.ProviderHandshakeRequest{}); status.Code(err) != codes.Unimplemented {
			s.t.Errorf("err = %v, want that the engine attaches", err)
		}
		if _, err := p.Attach(s.t.Context(), &pulumirpc.PluginAttach{Address: s.engine.address}); err != nil {
			return p, err
		}
		_, err = p.CheckConfig(s.t.Context(), &pulumirpc.CheckRequest{News: object(map[string]any{"account": "any"})})
		return p, err
	}
	s.t.Fatalf("no port for %s in %q", plugin, s.Providers())
	return nil, nil
}

// configured is a connection with a configuration.
func (s *stack) configured(plugin, account string) *provider {
	s.t.Helper()
	p, err := s.dial(plugin)
	if err == nil {
		err = p.configure(account)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (p *provider) configure(account string) error {
	urn, name := "urn:pulumi:"+p.stack.name+"::berth::pulumi:providers:fake::p", "p"
	answer, err := p.Configure(p.stack.t.Context(), &pulumirpc.ConfigureRequest{Urn: &urn, Name: &name, Id: &p.stack.name,
		Args: object(map[string]any{"account": account, "b": 1, "c": 2}), AcceptSecrets: true})
	if err == nil && !answer.GetSupportsPreview() {
		return errors.New("the configuration's answer is not the plugin's")
	}
	return err
}

// made is what the plugin says of a creation.
type made struct {
	account, env string
	pid          int
}

func (p *provider) create(name string) (made, error) {
	answer, err := p.Create(p.stack.t.Context(), &pulumirpc.CreateRequest{Urn: "urn:pulumi:" + p.stack.name + "::berth::fake:index:Thing::" + name, Name: name})
	if err != nil {
		return made{}, err
	}
	fields := answer.GetProperties().GetFields()
	return made{fields["account"].GetStringValue(), fields["env"].GetStringValue(), int(fields["pid"].GetNumberValue())}, nil
}

func (p *provider) mustCreate(name string) made {
	p.stack.t.Helper()
	m, err := p.create(name)
	if err != nil {
		p.stack.t.Fatal(err)
	}
	return m
}

func object(values map[string]any) *structpb.Struct {
	o, err := structpb.NewStruct(values)
	if err != nil {
		panic(err) // the tests' own values
	}
	return o
}

// listener is an engine's own server.
type listener struct {
	pulumirpc.UnimplementedEngineServer
	address string
	mu      sync.Mutex
	heard   []string
}

func listen(t *testing.T) *listener {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{address: socket.Addr().String()}
	server := grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, l)
	go func() { _ = server.Serve(socket) }()
	t.Cleanup(server.Stop)
	return l
}

func (l *listener) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, req.GetMessage())
	return &emptypb.Empty{}, nil
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// eventually waits for what happens beside the test.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 500 {
		if holds() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("after ten seconds still not so: %s", what)
}

func TestOneProcessForEachConfiguration(t *testing.T) {
	pool := newPool(t)
	var stacks []*stack
	pids := map[string]map[int]bool{}
	for i := range 6 {
		s := newStack(t, pool, fmt.Sprintf("client-%d", i))
		stacks = append(stacks, s)
		for _, account := range []string{"common", fmt.Sprintf("own-%d", i%3)} {
			m := s.configured("fake", account).mustCreate("thing")
			if m.account != account {
				t.Errorf("%s was made in account %s, want %s", s.name, m.account, account)
			}
			if m.env != "FOR_PLUGINS=yes" {
				t.Errorf("the plugin's environment holds %q, want what it may know alone", m.env)
			}
			if pids[account] == nil {
				pids[account] = map[int]bool{}
			}
			pids[account][m.pid] = true
		}
	}
	all := map[int]bool{}
	for account, of := range pids {
		if len(of) != 1 {
			t.Errorf("account %s has the processes %v, want one", account, of)
		}
		maps.Copy(all, of)
	}
	if len(all) != 4 {
		t.Errorf("%d processes for four configurations", len(all))
	}
	if got, want := pool.Count(), (plugins.Count{Configured: 12, Started: 4}); got != want {
		t.Errorf("count = %+v, want %+v", got, want)
	}
	if other := stacks[0].configured("other", "common").mustCreate("thing"); all[other.pid] {
		t.Error("two plugins share a process")
	}
	eventually(t, "a stack is charged a share of what its plugins hold", func() bool { return stacks[0].Peak() > 0 })
	for _, s := range stacks {
		s.close()
	}
	eventually(t, "one process of the plugin is left for who comes next", func() bool {
		left := 0
		for pid := range all {
			if alive(pid) {
				left++
			}
		}
		return left == 1
	})
}

func TestManyAtOnceGetTheirOwn(t *testing.T) {
	pool := newPool(t)
	var working sync.WaitGroup
	for i := range 24 {
		s := newStack(t, pool, fmt.Sprintf("client-%d", i))
		account := fmt.Sprintf("account-%d", i%4)
		working.Go(func() {
			p, err := s.dial("fake")
			if err == nil {
				err = p.configure(account)
			}
			for n := 0; n < 10 && err == nil; n++ {
				var m made
				if m, err = p.create(strconv.Itoa(n)); err == nil && m.account != account {
					err = fmt.Errorf("made in %s, want %s", m.account, account)
				}
			}
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
			if i%2 == 0 {
				s.close()
			}
		})
	}
	working.Wait()
	if got := pool.Count(); got.Configured != 24 || got.Started > 8 {
		t.Errorf("count = %+v, want few processes", got)
	}
}

func TestWhatAPluginSaysReachesItsStack(t *testing.T) {
	pool := newPool(t)
	a, b := newStack(t, pool, "a"), newStack(t, pool, "b")
	inA, inB := a.configured("fake", "common"), b.configured("fake", "common")
	inA.mustCreate("loud")
	if got := a.engine.all(); !slices.Equal(got, []string{"made loud", "of nobody's in particular"}) {
		t.Errorf("a's engine heard %q", got)
	}
	if got := b.engine.all(); !slices.Equal(got, []string{"of nobody's in particular"}) {
		t.Errorf("b's engine heard %q, want nothing of a's", got)
	}
	inB.mustCreate("quiet")
}

func TestRefusedConfigurationIsNobodyElsesFault(t *testing.T) {
	pool := newPool(t)
	s := newStack(t, pool, "a")
	for range 2 {
		p, err := s.dial("fake")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.configure("refused"); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "no such account") {
			t.Errorf("err = %v, want the plugin's own", err)
		}
	}
	if m := s.configured("fake", "good").mustCreate("thing"); m.account != "good" {
		t.Errorf("made in %s", m.account)
	}
}

func TestProcessThatEndsIsNamed(t *testing.T) {
	pool := newPool(t)
	a, b := newStack(t, pool, "a"), newStack(t, pool, "b")
	inA := a.configured("fake", "common")
	before := inA.mustCreate("thing").pid
	_, err := inA.create("crash")
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "fake 1.2.3 ended") || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("err = %v, want the plugin and its last words", err)
	}
	if after := b.configured("fake", "common").mustCreate("thing").pid; after == before {
		t.Error("a process that has ended is handed out")
	}
}

func TestPluginThatCannotBeHad(t *testing.T) {
	script := func(text string) func(*plugins.Options) {
		return func(o *plugins.Options) {
			path := filepath.Join(o.Dir, "plugin")
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			o.Find = func(context.Context, plugins.Plugin) (string, error) { return path, nil }
			o.Starting = 500 * time.Millisecond
		}
	}
	for name, tc := range map[string]struct {
		change func(*plugins.Options)
		want   []string
	}{
		"not installed": {func(o *plugins.Options) {
			o.Find = func(context.Context, plugins.Plugin) (string, error) { return "", errors.New("no network") }
		}, []string{"fake 1.2.3 cannot be had", "no network"}},
		"ends at once":     {script("echo no licence >&2; exit 1"), []string{"ended before it listened", "no licence"}},
		"says nonsense":    {script("echo hello; sleep 60"), []string{`"hello"`, "port"}},
		"says nothing":     {script("sleep 60"), []string{"took too long"}},
		"does not answer":  {script("echo 1; sleep 60"), []string{"cannot be had"}},
		"is not a program": {func(o *plugins.Options) { script("")(o); _ = os.Chmod(filepath.Join(o.Dir, "plugin"), 0o600) }, []string{"start", "permission denied"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newStack(t, newPool(t, tc.change), "a").dial("fake")
			if status.Code(err) != codes.Unavailable {
				t.Errorf("err = %v, want that it is unavailable", err)
			}
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q", err, want)
				}
			}
		})
	}
}

func TestCancelIsPassedOnToWhoIsAlone(t *testing.T) {
	pool := newPool(t)
	a, b := newStack(t, pool, "a"), newStack(t, pool, "b")
	inA, inB := a.configured("fake", "common"), b.configured("fake", "common")
	if _, err := inA.Cancel(t.Context(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}
	before := inB.mustCreate("thing").pid // it was not cancelled
	a.close()
	if _, err := inB.Cancel(t.Context(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := inB.create("thing"); status.Code(err) != codes.Canceled {
		t.Errorf("err = %v, want that the plugin was cancelled", err)
	}
	if after := newStack(t, pool, "c").configured("fake", "common").mustCreate("thing").pid; after == before {
		t.Error("a process that was cancelled is handed out")
	}
}

func TestConnectionThatWasLetGoIsTakenUp(t *testing.T) {
	pool := newPool(t)
	s := newStack(t, pool, "a")
	again := func(first *provider) (made, error) {
		_ = first.conn.Close()
		var m made
		var err error
		eventually(t, "the pool hears of the connection's end", func() bool {
			second, dialErr := s.dial("fake")
			if dialErr != nil {
				t.Fatal(dialErr)
			}
			m, err = second.create("thing")
			return m.account != "" || status.Code(err) != codes.FailedPrecondition || strings.Contains(err.Error(), "let go of several")
		})
		return m, err
	}
	if m, err := again(s.configured("fake", "first")); err != nil || m.account != "first" {
		t.Errorf("made in %q, %v; want the configuration of the connection that was let go", m.account, err)
	}
	one := s.configured("fake", "one")
	_ = one.conn.Close()
	if _, err := again(s.configured("fake", "two")); err == nil || !strings.Contains(err.Error(), "run it again") {
		t.Errorf("err = %v, want that nobody guesses", err)
	}
}

func TestStreamsAndLargeMessagesGoThrough(t *testing.T) {
	p := newStack(t, newPool(t), "a").configured("fake", "common")
	stream, err := p.List(t.Context(), &pulumirpc.ListRequest{Token: "fake:index:Thing"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		answer, err := stream.Recv()
		if err != nil || answer.GetContinuation().GetContinuationToken() != strconv.Itoa(i) {
			t.Fatalf("answer %d = %v, %v", i, answer, err)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("err = %v, want the list's end", err)
	}
	text := strings.Repeat("x", 20<<20)
	answer, err := p.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "fake:index:echo", Args: object(map[string]any{"text": text})})
	if err != nil || answer.GetReturn().GetFields()["text"].GetStringValue() != text {
		t.Errorf("the text came back changed: %v", err)
	}
}

func TestParameterizedPluginIsNobodyElses(t *testing.T) {
	pool := newPool(t)
	s := newStack(t, pool, "a")
	p, err := s.dial("fake")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parameterize(t.Context(), &pulumirpc.ParameterizeRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := p.configure("common"); err != nil {
		t.Fatal(err)
	}
	if own, shared := p.mustCreate("thing"), s.configured("fake", "common").mustCreate("thing"); own.pid == shared.pid {
		t.Error("what was made another provider is handed out as the plugin")
	}
}

func TestCloseEndsEverything(t *testing.T) {
	pool := newPool(t)
	p := newStack(t, pool, "a").configured("fake", "common")
	pid := p.mustCreate("thing").pid
	for range 2 {
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if alive(pid) {
		t.Error("a plugin outlives its pool")
	}
}

func TestLinked(t *testing.T) {
	info := &debug.BuildInfo{}
	for path, version := range map[string]string{"github.com/pulumi/pulumi-aws/sdk/v6": "v6.83.0", "github.com/pulumi/pulumi/sdk/v3": "v3.253.0",
		"github.com/pulumi/pulumi-hcloud/sdk": "v1.41.0", "example.org/pulumi-aws/sdk": "v1.0.0"} {
		info.Deps = append(info.Deps, &debug.Module{Path: path, Version: version})
	}
	want := []plugins.Plugin{{Name: "aws", Version: "6.83.0"}, {Name: "hcloud", Version: "1.41.0"}}
	if got := plugins.Linked(info); !slices.Equal(got, want) {
		t.Errorf("linked = %v, want %v", got, want)
	}
}
