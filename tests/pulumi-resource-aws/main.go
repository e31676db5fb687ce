// Command pulumi-resource-aws answers the Pulumi engine for the AWS provider's tokens and lets the Terraform AWS
// provider, run as a child process, do the work. With it the stacks meet the real provider's checks and plans where
// Pulumi's own plugin cannot be had. It is for tests: what the emulator behind the provider lacks stands in a gaps
// file, and the plugin makes up for it. It knows nothing of Berth.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	rprovider "github.com/pulumi/pulumi/pkg/v3/resource/provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The environment of the plugin. It inherits that of the Pulumi CLI.
const (
	envBinary = "TF_AWS_PROVIDER"     // path of the Terraform AWS provider; unset: pathBinary on PATH
	envCache  = "BERTH_PLUGIN_CACHE"  // folder for the cut-down schema and assets' files; unset: in the user's cache
	envLog    = "BERTH_PLUGIN_TF_LOG" // file that gets the Terraform provider's own log; unset: none
	envGaps   = "BERTH_PLUGIN_GAPS"   // the gaps file; unset: everything is sent
	envTry    = "BERTH_PLUGIN_TRY"    // 1: gaps that are not costly are tried
	envReport = "BERTH_PLUGIN_REPORT" // file that gets what came of trying, a line each

	pathBinary = "terraform-provider-aws"
)

// settings are what the plugin is told by its environment.
type settings struct {
	binary, cache, log, gaps, report string
	try                              bool
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-aws:", err)
		os.Exit(1)
	}
}

func readSettings(env func(string) string) (settings, error) {
	s := settings{binary: env(envBinary), cache: env(envCache), log: env(envLog),
		gaps: env(envGaps), report: env(envReport), try: env(envTry) == "1"}
	if s.binary == "" {
		path, err := exec.LookPath(pathBinary)
		if err != nil {
			return s, fmt.Errorf("set %s to the Terraform AWS provider, or have %s on PATH", envBinary, pathBinary)
		}
		s.binary = path
	}
	if s.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return s, fmt.Errorf("set %s to a folder: %w", envCache, err)
		}
		s.cache = filepath.Join(dir, "berth-pulumi-resource-aws")
	}
	return s, nil
}

func run(ctx context.Context, args []string) error {
	s, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	t, err := parseTables(tokenTable)
	if err != nil {
		return err
	}
	proc := startTF(ctx, s.binary, s.log)
	defer proc.stop()
	schema, err := loadSchema(ctx, proc, s.binary, s.cache, t)
	if err != nil {
		return err
	}
	server := &gapServer{tfServer: &tfServer{proc: proc, schema: schema}}
	if len(args) == 2 && args[0] == "-sdk" {
		return sdkDiff(ctx, os.Stdout, os.Stderr, args[1], server, t)
	}
	info, err := providerInfo(ctx, server, t, s.cache)
	if err != nil {
		return err
	}
	if s.gaps != "" {
		if err := fillGaps(ctx, server, s, t, info); err != nil {
			return err
		}
	}
	meta := pfbridge.ProviderMetadata{
		XGetSchema: func(context.Context, plugin.GetSchemaRequest) ([]byte, error) {
			return fmt.Appendf(nil, `{"name":"aws","version":%q}`, sdkVersion), nil
		},
	}
	return rprovider.Main("aws", func(host *rprovider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		inner, err := pfbridge.NewProviderServer(ctx, host, info, meta)
		if err != nil {
			return nil, fmt.Errorf("describe the provider: %w", err)
		}
		return newFront(inner, info, s.cache), nil
	})
}

// fillGaps tells the server what the gaps file says.
func fillGaps(ctx context.Context, server *gapServer, s settings, t tables, info tfbridge.ProviderInfo) error {
	text, err := os.ReadFile(s.gaps)
	if err != nil {
		return fmt.Errorf("read the gaps file that %s names: %w", envGaps, err)
	}
	gaps, err := decodeGaps(s.gaps, text, t, info)
	if err != nil {
		return err
	}
	var r *report
	if s.report != "" {
		w, err := os.OpenFile(s.report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("open the report that %s names: %w", envReport, err)
		}
		r = &report{w: w}
	}
	return server.use(ctx, gaps, s.try, r)
}
