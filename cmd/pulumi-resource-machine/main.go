// Command pulumi-resource-machine is the Pulumi plugin of the provider
// "machine", for `pulumi up` without berth. The engine starts it with its own
// address and reads from standard output the port that it listens on. It ends
// when the engine does. berth needs no plugin: it serves the provider itself.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/berth-iac/berth/machine/provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
)

// version is set when a release is built: -ldflags "-X main.version=…".
var version = "0.0.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-machine:", err)
		os.Exit(1)
	}
}

// lookAfter is how often the engine is asked whether it is there.
const lookAfter = 10 * time.Second

func serve(ctx context.Context, args []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := provider.Start(ctx, provider.Options{Agent: os.Getenv("SSH_AUTH_SOCK"), Version: version})
	if err != nil {
		return err
	}
	if len(args) > 0 {
		// A provider whose engine was killed would go on for ever.
		if err := rpcutil.Healthcheck(ctx, args[len(args)-1], lookAfter, cancel); err != nil {
			return fmt.Errorf("reach the engine at %s: %w", args[len(args)-1], err)
		}
	}
	fmt.Println(s.Port())
	<-ctx.Done()
	return s.Close()
}
