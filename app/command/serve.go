package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/listen"
	"github.com/berth-iac/berth/app/server"
)

type serveOptions struct {
	listen   []string
	handOver string
	settle   time.Duration
}

func (p *program) serve() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use: "serve", Short: "Serve all clients until told to end",
		Long: `Serve all clients until the process gets SIGTERM or SIGINT; then requests in flight are finished and no new ones are taken.
SIGHUP reads the limits and the TLS certificate anew.

Without any configuration the data is in ./taskflow-data, and the first start makes a demonstration client with made-up data at
http://demo.localhost:8080; the terminal tells how to sign in.`,
		Example: "  taskflow serve\n  taskflow serve --config /etc/taskflow --listen :8443\n  taskflow serve --config taskflow.yaml --hand-over /run/taskflow/next.sock",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runServe(cmd.Context(), o) },
	}
	c.Flags().StringArrayVar(&o.listen, "listen", nil, "host:port to listen on instead of the configuration's; may be given several times")
	c.Flags().StringVar(&o.handOver, "hand-over", "", "a Unix socket where the next release takes the listening sockets over, so that no request is lost")
	c.Flags().DurationVar(&o.settle, "settle", 0, "how long readiness is off before the end, so that a load balancer sees it")
	return c
}

func (p *program) runServe(ctx context.Context, o serveOptions) (err error) {
	c, err := p.load()
	if err != nil {
		return err
	}
	if len(o.listen) > 0 {
		c.Listen.Addresses = o.listen
	}
	log := p.logger(c.Log.Level)
	listeners, err := p.listeners(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() {
		for _, l := range listeners.Public {
			_ = l.Close()
		}
	}()
	if address, ok := listeners.Public[0].Addr().(*net.TCPAddr); ok && p.configPath == "" && c.Public.Scheme == "http" {
		c.Public.Port = address.Port // nothing stands in front: links lead to where it listens
	}
	parts, err := p.parts(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, parts.Close(closing))
	}()
	var welcome string
	if c.Client == nil {
		if err := os.MkdirAll(c.Tenants.Directory, 0o700); err != nil {
			return fmt.Errorf("make the clients' folder: %w", err)
		}
		if err := parts.Directory.Repair(ctx); err != nil {
			return err
		}
		if c.Tenants.Demo {
			if welcome, err = p.demo(ctx, c, parts); err != nil {
				return fmt.Errorf("the demonstration client: %w", err)
			}
		}
	}
	so := server.Options{
		Config: c, Directory: parts.Directory, Process: parts.Process, Web: p.Web, RPC: p.RPC, Transfers: p.Transfers, Version: p.Version,
		Log: log, Clock: p.Clock, Random: p.Random,
	}
	so.Expire = func(ctx context.Context, name string) error {
		_, err := p.biExpireOne(ctx, parts, name, "taskflow serve")
		return err
	}
	if c.Listen.Certificate != "" {
		if so.Certificate, err = listen.NewCertificate(c.Listen.Certificate, c.Listen.Key); err != nil {
			return err
		}
	}
	if so.Spans, err = p.spans(ctx, c); err != nil {
		return err
	}
	s, err := server.New(so)
	if err != nil {
		return err
	}
	serving := listeners.Serving
	listeners.Serving = func() error {
		for _, l := range listeners.Public {
			log.InfoContext(ctx, "serving", "address", l.Addr().String(), "version", p.Version, "environment", string(c.Environment))
		}
		if welcome != "" {
			line(p.Out, "%s", welcome)
		}
		var problems []error
		if serving != nil {
			problems = append(problems, serving(), listen.MainPID(os.Getpid()).Send())
		}
		return errors.Join(append(problems, listen.Ready.Send())...)
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	go p.reload(background, s)
	go func() {
		if err := listen.Watchdog(background, func(context.Context) bool { return true }); err != nil {
			log.WarnContext(ctx, "systemd's watchdog cannot be told", "error", err)
		}
	}()
	if so.Certificate != nil {
		go so.Certificate.Watch(background, time.Minute, func(err error) {
			if err != nil {
				log.WarnContext(ctx, "the new certificate is not used", "error", err)
				return
			}
			log.InfoContext(ctx, "a new certificate is used")
		})
	}
	err = s.Run(ctx, listeners)
	_ = listen.Stopping.Send() // it says so by ending, too
	return err
}

// listeners opens the sockets, or takes them from systemd or from the release that runs.
func (p *program) listeners(ctx context.Context, c *config.Config, o serveOptions) (server.Listeners, error) {
	l := server.Listeners{HandOver: o.handOver, Settle: o.settle}
	fail := func(err error) (server.Listeners, error) {
		for _, one := range l.Public {
			_ = one.Close()
		}
		return server.Listeners{}, err
	}
	var given []*os.File
	if p.Sockets != nil {
		given = p.Sockets()
	}
	if len(given) == 0 && o.handOver != "" {
		files, serving, _, err := listen.TakeOver(ctx, o.handOver)
		switch {
		case err == nil:
			given, l.Serving = files, serving
		case !errors.Is(err, listen.ErrNobody):
			return fail(err)
		}
	}
	var err error
	if len(given) > 0 {
		l.Public, err = listen.Open(ctx, "", given)
		if err != nil {
			return fail(err)
		}
	} else {
		for _, address := range c.Listen.Addresses {
			opened, err := listen.Open(ctx, address, nil)
			if err != nil {
				return fail(err)
			}
			l.Public = append(l.Public, opened...)
		}
	}
	if c.Listen.Metrics != "" {
		// During a hand-over the release before still has the address.
		opened, err := listen.Open(ctx, c.Listen.Metrics, nil)
		for range 50 {
			if err == nil || l.Serving == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fail(ctx.Err())
			case <-time.After(100 * time.Millisecond):
			}
			opened, err = listen.Open(ctx, c.Listen.Metrics, nil)
		}
		if err != nil {
			return fail(err)
		}
		l.Metrics = opened[0]
	}
	return l, nil
}

func (p *program) spans(ctx context.Context, c *config.Config) (trace.SpanExporter, error) {
	if c.Telemetry.Endpoint == "" {
		return nil, nil
	}
	headers := ""
	if c.Telemetry.Headers != "" {
		var err error
		if headers, err = p.resolve(ctx, c.Telemetry.Headers); err != nil {
			return nil, fmt.Errorf("telemetry.headers: %w", err)
		}
	}
	return server.Spans(ctx, c.Telemetry.Endpoint, headers)
}

// reload reads the configuration anew when asked to.
func (p *program) reload(ctx context.Context, s *server.Server) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-p.Hangups:
			if !open || p.Hangups == nil {
				return
			}
			log := p.logger("info")
			c, err := p.load()
			if err == nil {
				err = s.Reload(ctx, c)
			}
			if err != nil {
				log.ErrorContext(ctx, "the configuration was not taken over in full", "error", err)
			}
		}
	}
}
