// Command berth runs clients' stacks: preview, up, refresh, destroy, on real
// clouds and on the embedded one. This package builds the real side effects and
// hands over to package command; it holds no logic of its own.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/adopt"
	"github.com/berth-iac/berth/engine/adopt/account"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/engine/plugins"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/machine/provider"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/onpremises"
	"github.com/berth-iac/berth/stacks/program"
	"golang.org/x/term"
)

// version is set when a release is built: -ldflags "-X main.version=…".
var version string

func main() {
	// A run is short and its garbage goes with it: collecting less often makes a preview a tenth faster.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(400 << 20)
	ctx, kill := interrupts()
	os.Exit(command.Run(ctx, environment(kill), os.Args[1:]))
}

// interrupts gives a context that the first interrupt ends, so that what is under way is finished, and a
// channel that the second one closes.
func interrupts() (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	kill := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		fmt.Fprintln(os.Stderr, "\ninterrupted: finishing what is under way; interrupt again to stop at once")
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, "interrupted again: stopping at once; the next run puts right what is left")
		close(kill)
	}()
	return ctx, kill
}

func environment(kill <-chan struct{}) command.Env {
	cache, _ := os.UserCacheDir() // empty: the CLI is looked for elsewhere
	home, _ := os.UserHomeDir()   // empty: doctor finds no credentials there
	terminal := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
	columns, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil {
		columns = 0
	}
	return command.Env{
		Out: os.Stdout, Err: os.Stderr, In: os.Stdin, Terminal: terminal, Width: columns,
		Color:   os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(os.Stdout.Fd())),
		Version: version, Environ: os.Environ(), Home: home, Now: time.Now, Kill: kill, Program: program.Program,
		Assess: assess, Offline: offline, ReadBack: readBack, Promises: catalogue.All(), Controls: baseline.All(),
		FindCLI: findCLI(cache),
		Open: func(ctx context.Context, options engine.Options) (command.Stack, error) {
			options.Attach = engine.Attach(machines).And(options.Attach)
			return engine.Open(ctx, options)
		},
		Share:           share,
		Finder:          finder,
		ShedCredentials: shedCredentials,
		Crash:           crash,
		Probe:           probe,
		LookPath:        exec.LookPath,
	}
}

// machines serves the provider of machines inside this process: whoever has berth needs no plugin.
func machines(ctx context.Context) (engine.Attached, error) {
	return provider.Start(ctx, provider.Options{Agent: os.Getenv("SSH_AUTH_SOCK"), Version: strings.TrimPrefix(version, "v")})
}

// share makes a pool of the plugins whose SDKs this program is built with.
func share(ctx context.Context, cli, root string) *plugins.Pool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{} // nothing is shared; engines start plugins themselves
	}
	installed := plugins.Installed{CLI: cli, Env: os.Environ()}
	return plugins.New(ctx, plugins.Options{Plugins: plugins.Linked(info), Find: installed.Find, Env: os.Environ(), Dir: root})
}

func assess(ctx context.Context, stack string, s *spec.Spec, now time.Time) (*command.Judged, error) {
	g, assessment, err := program.Assess(ctx, stack, s, now)
	if err != nil {
		return nil, err
	}
	return &command.Judged{Graph: g, Assessment: assessment}, nil
}

// offline describes the archive of a client on its own premises.
func offline(s *spec.OnPremises) (bundle.OfflineArgs, error) {
	bundles, err := onpremises.Bundles(s)
	if err != nil {
		return bundle.OfflineArgs{}, err
	}
	return bundle.OfflineArgs{
		Client: s.Client.Name, Version: s.Release.Version, Bundles: bundles, Settings: onpremises.Settings(s), Duties: onpremises.Duties(s),
		Questions: host.Questions(), Generated: host.Generated(),
	}, nil
}

// findCLI looks for the Pulumi CLI: the one that is named, by flag or by BERTH_PULUMI, the one that was built, the one on PATH.
func findCLI(cache string) func(context.Context, string) (string, error) {
	return func(ctx context.Context, named string) (string, error) {
		if named == "" {
			named = os.Getenv("BERTH_PULUMI")
		}
		return cli.Find(ctx, named, cache, os.Getenv("PATH"))
	}
}

// finder looks into the account that a stack's AWS provider works on. Where another program stands in for that
// provider there is no telling which account that would be.
func finder() (engine.Finder, error) {
	options := adopt.Options{Open: account.Open}
	if strings.Contains(os.Getenv("PULUMI_DEBUG_PROVIDERS"), "aws:") {
		options = adopt.Options{}
	}
	return adopt.New(options)
}

// credentialPrefixes begin the variables that cloud SDKs read credentials from.
var credentialPrefixes = []string{"AWS_", "CLOUDFLARE_", "CF_", "HCLOUD_"}

// shedCredentials takes cloud credentials out of this process: providers' SDKs fill their arguments from
// the environment, and a local stack's state must never hold a real token.
func shedCredentials() {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range credentialPrefixes {
			if strings.HasPrefix(name, prefix) {
				_ = os.Unsetenv(name) // fails for malformed names only, and this one came from the environment
			}
		}
	}
}

// crash ends this process as kill -9 would, without any chance to tidy up.
func crash(place string) {
	fmt.Fprintln(os.Stderr, "crashing, as --fault asked for:", place)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it does not return
}

func probe(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout = &out
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	return strings.TrimSpace(out.String()), nil
}
