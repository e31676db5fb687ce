package localcloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// Options say how the cloud is to behave. Only Dir is required.
type Options struct {
	Dir    string           // where its state lies; made when it is not there; one process at a time
	Seed   uint64           // makes all ids depend on names only; 0: random ids
	Faults []Fault          // what is to go wrong
	Delay  time.Duration    // how long each create, update and delete takes
	Clock  func() time.Time // default time.Now
	Log    io.Writer        // one line for each provider that is configured and each change; default none
	// Crash is called by crash faults, with the place, and is not expected to return. For tests.
	Crash func(place string)
	// Catalogue replaces the one that is built in. For tests.
	Catalogue *catalogue.Catalogue
}

// Cloud is a running embedded cloud. It listens on 127.0.0.1 only.
type Cloud struct {
	options  Options
	cat      *catalogue.Catalogue
	store    *store
	injector *injector
	servers  []*grpc.Server
	ports    []string

	logging sync.Mutex
	serving sync.WaitGroup
}

// Start opens the state in options.Dir and serves the providers until ctx ends or Close is called.
func Start(ctx context.Context, options Options) (*Cloud, error) {
	if options.Dir == "" {
		return nil, errors.New("start the embedded cloud: no directory for its state is given")
	}
	if options.Clock == nil {
		options.Clock = systemClock
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Catalogue == nil {
		options.Catalogue = catalogue.Embedded()
	}
	faults, err := newInjector(options.Faults, options.Crash)
	if err != nil {
		return nil, fmt.Errorf("start the embedded cloud: %w", err)
	}
	st, err := openStore(options.Dir, options.Catalogue)
	if err != nil {
		return nil, err
	}
	c := &Cloud{options: options, cat: options.Catalogue, store: st, injector: faults}
	if err := c.serve(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded cloud: %w", err), c.Close())
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

// systemClock is where the package reads the clock when no other is given.
func systemClock() time.Time { return time.Now() }

func (c *Cloud) serve(ctx context.Context) error {
	packages, err := c.cat.Packages()
	if err != nil {
		return err
	}
	for _, pkg := range packages {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := grpc.NewServer(grpc.StatsHandler(connections{}), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
			grpc.WaitForHandlers(true))
		pulumirpc.RegisterResourceProviderServer(server, &provider{cloud: c, pkg: pkg})
		c.servers = append(c.servers, server)
		c.ports = append(c.ports, fmt.Sprintf("%s:%d", pkg, listener.Addr().(*net.TCPAddr).Port))
		c.serving.Go(func() { _ = server.Serve(listener) }) // ends with Stop
	}
	return nil
}

// maxMessage is as much as the engine sends in one message.
const maxMessage = 400 << 20

// Providers is the value for PULUMI_DEBUG_PROVIDERS in the environment of the Pulumi CLI.
func (c *Cloud) Providers() string { return strings.Join(c.ports, ",") }

// Close stops serving, waits for what is under way, and closes the state. It may be called twice.
func (c *Cloud) Close() error {
	for _, server := range c.servers {
		server.Stop()
	}
	c.serving.Wait()
	return c.store.close()
}

func (c *Cloud) logf(format string, args ...any) {
	c.logging.Lock()
	defer c.logging.Unlock()
	_, _ = fmt.Fprintf(c.options.Log, "embedded cloud: "+format+"\n", args...)
}
