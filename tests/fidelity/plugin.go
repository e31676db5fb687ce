package fidelity

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// pluginName is the program that serves the real provider to Pulumi.
const pluginName = "pulumi-resource-aws"

// Plugin is the program that serves the real provider.
type Plugin struct {
	path string
	env  []string
}

// FindPlugin finds it; env is the environment to run it in.
func FindPlugin(env []string) (Plugin, error) {
	path, err := exec.LookPath(pluginName)
	if err != nil {
		return Plugin{}, fmt.Errorf("%s is not on PATH: build it from tests/%s: %w", pluginName, pluginName, err)
	}
	// Whoever plans reads nothing: every service is where nobody listens.
	env = append(env, "AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	return Plugin{path: path, env: env}, nil
}

// instances are processes of the plugin, one for each region that was asked for.
type instances struct {
	plugin  Plugin
	running map[string]*instance
}

type instance struct {
	command *exec.Cmd
	session *Session
}

func (p Plugin) start() *instances { return &instances{plugin: p, running: map[string]*instance{}} }

// session is the connection to the provider of a region.
func (is *instances) session(ctx context.Context, region string) (*Session, error) {
	if i := is.running[region]; i != nil {
		return i.session, nil
	}
	cmd := exec.CommandContext(ctx, is.plugin.path, "127.0.0.1:9") // no engine listens; the plugin only logs to it
	cmd.Env, cmd.Stderr = is.plugin.env, io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", pluginName, err)
	}
	i := &instance{command: cmd}
	is.running[region] = i
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s told no port: %w", pluginName, err), is.end(region))
	}
	i.session, err = Dial(ctx, strings.TrimSpace(port), resource.PropertyMap{
		"region": resource.NewProperty(region), "accessKey": resource.NewProperty("test"), "secretKey": resource.NewProperty("test"),
		"skipCredentialsValidation": resource.NewProperty(true), "skipRequestingAccountId": resource.NewProperty(true),
		"skipRegionValidation": resource.NewProperty(true), "skipMetadataApiCheck": resource.NewProperty(true),
		"maxRetries": resource.NewProperty(1.0),
	})
	if err != nil {
		return nil, errors.Join(err, is.end(region))
	}
	return i.session, nil
}

// end ends the instance of a region; the next session starts another.
func (is *instances) end(region string) error {
	i := is.running[region]
	delete(is.running, region)
	if i == nil {
		return nil
	}
	err := i.command.Process.Signal(os.Interrupt)
	_ = i.command.Wait() // ended by the signal
	if i.session != nil {
		err = errors.Join(err, i.session.Close())
	}
	return err
}

func (is *instances) stop() {
	for region := range is.running {
		_ = is.end(region) // a process that is gone already is what is wanted
	}
}

var died = regexp.MustCompile(`code = Unavailable|error reading from server|client connection is closing`)
