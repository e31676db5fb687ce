package catalogue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
	"google.golang.org/grpc"
)

// handshake is the fixed greeting every Terraform provider binary expects.
var handshake = goplugin.HandshakeConfig{
	MagicCookieKey:   "TF_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
}

// clientPlugin tells go-plugin how to make a protocol-5 client from a connection.
type clientPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (clientPlugin) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("client only")
}

func (clientPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return tfplugin5.NewProviderClient(c), nil
}

// Provider is a running Terraform AWS provider that reaches no cloud: it can
// describe itself, validate and plan.
type Provider struct {
	path        string
	plugin      *goplugin.Client
	client      tfplugin5.ProviderClient
	resources   map[string]*tfplugin5.Schema
	dataSources map[string]*tfplugin5.Schema
}

// StartProvider runs the binary at path, with made-up credentials and with every
// service at an address where nothing listens.
func StartProvider(ctx context.Context, path string) (*Provider, error) {
	p := &Provider{path: path}
	return p, p.start(ctx)
}

func (p *Provider) start(ctx context.Context) error {
	cmd := exec.Command(p.path) //nolint:noctx // the plugin client ends it, in Stop
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	p.plugin = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{5: {"provider": clientPlugin{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		Cmd:              cmd,
		Logger:           hclog.NewNullLogger(),
	})
	conn, err := p.plugin.Client()
	if err != nil {
		p.plugin.Kill()
		return fmt.Errorf("starting the Terraform provider: %w", err)
	}
	raw, err := conn.Dispense("provider")
	if err != nil {
		p.plugin.Kill()
		return fmt.Errorf("connecting to the Terraform provider: %w", err)
	}
	p.client = raw.(tfplugin5.ProviderClient)
	if err := p.configure(ctx); err != nil {
		p.plugin.Kill()
		return err
	}
	return nil
}

// Stop ends the provider's process.
func (p *Provider) Stop() { p.plugin.Kill() }

func (p *Provider) configure(ctx context.Context) error {
	size := grpc.MaxCallRecvMsgSize(256 << 20)
	s, err := p.client.GetSchema(ctx, &tfplugin5.GetProviderSchema_Request{}, size)
	if err != nil {
		return fmt.Errorf("asking the Terraform provider for its schema: %w", err)
	}
	if err := problems(s.Diagnostics); err != nil {
		return fmt.Errorf("asking the Terraform provider for its schema: %w", err)
	}
	p.resources, p.dataSources = s.ResourceSchemas, s.DataSourceSchemas
	typ, err := blockType(s.Provider.Block)
	if err != nil {
		return err
	}
	config, err := pack(with(emptyBlock(s.Provider.Block), map[string]any{
		"region": "eu-central-1", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "example",
		"skip_credentials_validation": true, "skip_requesting_account_id": true, "skip_region_validation": true,
		"skip_metadata_api_check": "true", "max_retries": float64(1),
	}), typ)
	if err != nil {
		return err
	}
	a, err := p.client.Configure(ctx, &tfplugin5.Configure_Request{TerraformVersion: "1.11.4", Config: config})
	if err != nil {
		return fmt.Errorf("configuring the Terraform provider: %w", err)
	}
	return problems(a.Diagnostics)
}

// plan asks what a change does. A nil prior is a creation.
type plan struct {
	planned map[string]any
	replace []string // paths of attribute names, joined with dots
}

func (p *Provider) plan(ctx context.Context, name string, typ tftypes.Type, prior, config, proposed map[string]any) (*plan, error) {
	q := &tfplugin5.PlanResourceChange_Request{
		TypeName:           name,
		ClientCapabilities: &tfplugin5.ClientCapabilities{WriteOnlyAttributesAllowed: true},
	}
	var err error
	for _, v := range []struct {
		to    **tfplugin5.DynamicValue
		value map[string]any
	}{{&q.PriorState, prior}, {&q.Config, config}, {&q.ProposedNewState, proposed}} {
		if *v.to, err = pack(v.value, typ); err != nil {
			return nil, fmt.Errorf("writing a value of %s: %w", name, err)
		}
	}
	a, err := p.client.PlanResourceChange(ctx, q)
	if err != nil {
		// A panic in its code for this resource type ends the provider.
		p.plugin.Kill()
		if err := p.start(ctx); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the provider panics when it plans this (%w)", err)
	}
	if err := problems(a.Diagnostics); err != nil {
		return nil, err
	}
	out := &plan{}
	planned, err := unpack(a.PlannedState, typ)
	if err != nil {
		return nil, fmt.Errorf("reading the plan of %s: %w", name, err)
	}
	out.planned, _ = planned.(map[string]any)
	for _, path := range a.RequiresReplace {
		out.replace = append(out.replace, attributePath(path))
	}
	return out, nil
}

func attributePath(p *tfplugin5.AttributePath) string {
	out := ""
	for _, s := range p.Steps {
		if n, ok := s.Selector.(*tfplugin5.AttributePath_Step_AttributeName); ok {
			if out != "" {
				out += "."
			}
			out += n.AttributeName
		}
	}
	return out
}

// problems makes an error of the diagnostics that are errors.
func problems(ds []*tfplugin5.Diagnostic) error {
	var all []error
	for _, d := range ds {
		if d.Severity == tfplugin5.Diagnostic_ERROR {
			all = append(all, fmt.Errorf("%s: %s", d.Summary, d.Detail))
		}
	}
	return errors.Join(all...)
}
