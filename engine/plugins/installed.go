package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// Installed finds plugins where Pulumi keeps them.
type Installed struct {
	CLI string   // path of the Pulumi CLI, which installs what is not there
	Env []string // its environment
}

// Find returns the path of a plugin's program, as the engine would find it.
func (i Installed) Find(ctx context.Context, p Plugin) (string, error) {
	version, err := semver.Parse(p.Version)
	if err != nil {
		return "", fmt.Errorf("%q is no version: %w", p.Version, err)
	}
	wanted := workspace.PluginDescriptor{Name: p.Name, Kind: apitype.ResourcePlugin, Version: &version}
	sink := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	path, err := workspace.GetPluginPath(ctx, sink, wanted, nil)
	var missing *workspace.MissingError
	if !errors.As(err, &missing) {
		return path, err
	}
	cmd := exec.CommandContext(ctx, i.CLI, "plugin", "install", "resource", p.Name, p.Version, "--non-interactive")
	cmd.Env = append(environment(i.Env), "PULUMI_SKIP_UPDATE_CHECK=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it is not installed, and `pulumi plugin install resource %s %s` failed: %w\n%s", p.Name, p.Version, err, strings.TrimSpace(string(out)))
	}
	return workspace.GetPluginPath(ctx, sink, wanted, nil)
}
