// Command taskflow serves TaskFlow, and runs it. This is the only place that reads the environment and the clock, and that ends the
// process.
package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/command"
	"github.com/berth-iac/berth/app/config/awssecrets"
	"github.com/berth-iac/berth/app/listen"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/web"
)

// version is set by the release.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	code := command.Run(ctx, command.Env{
		Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), LookupEnv: os.LookupEnv, ReadFile: os.ReadFile,
		Clock: time.Now, Random: rand.Reader, AWS: awssecrets.New(time.Now), Sockets: listen.Activated, Hangups: hangups, Version: version,
		Web: func(c *client.Client) (http.Handler, error) {
			return web.New(c, web.Options{Address: func(r *http.Request) netip.Addr { return client.AddressOf(r.Context()) }})
		},
		RPC:       func(c *client.Client) (http.Handler, error) { return rpc.New(c, rpc.Options{}) },
		Transfers: func(r *http.Request) bool { return web.Transfers(r) || rpc.Transfers(r) },
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
