package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"google.golang.org/grpc"

	pb "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
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
	return fmt.Errorf("client only")
}

func (clientPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return pb.NewProviderClient(c), nil
}

// tfProcess is the Terraform provider binary, started in the background.
type tfProcess struct {
	ready  chan struct{}
	client pb.ProviderClient
	err    error
	plugin *goplugin.Client
}

// startTF launches the binary at once and returns without waiting for it.
func startTF(ctx context.Context, path, log string) *tfProcess {
	p := &tfProcess{ready: make(chan struct{})}
	go func() {
		// The child is told to die with the thread that started it (see
		// dieWithParent), so this thread is kept for the life of the process.
		runtime.LockOSThread()
		p.start(ctx, path, log)
		close(p.ready)
		select {}
	}()
	return p
}

func (p *tfProcess) start(ctx context.Context, path, log string) {
	logs, level := io.Discard, hclog.Off
	if log != "" {
		w, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			p.err = err
			return
		}
		logs, level = w, hclog.Debug
	}
	cmd := exec.CommandContext(ctx, path)
	dieWithParent(cmd)
	p.plugin = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{5: {"provider": clientPlugin{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		Cmd:              cmd,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: level, Output: logs}),
		SyncStdout:       logs,
		SyncStderr:       logs,
	})
	conn, err := p.plugin.Client()
	if err != nil {
		p.err = fmt.Errorf("starting the Terraform provider %s: %w", path, err)
		return
	}
	raw, err := conn.Dispense("provider")
	if err != nil {
		p.err = err
		return
	}
	p.client = raw.(pb.ProviderClient)
}

func (p *tfProcess) get(ctx context.Context) (pb.ProviderClient, error) {
	select {
	case <-p.ready:
		return p.client, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *tfProcess) stop() {
	<-p.ready
	if p.plugin != nil {
		p.plugin.Kill()
	}
}

// tfServer offers the running protocol-5 provider as the protocol-6 server that
// the bridge's plugin-framework half drives. The embedded interface is nil: the
// bridge calls no other method than those below.
type tfServer struct {
	tfprotov6.ProviderServer
	proc   *tfProcess
	schema *pb.GetProviderSchema_Response
}

func dynOut(v *tfprotov6.DynamicValue) *pb.DynamicValue {
	if v == nil {
		return nil
	}
	return &pb.DynamicValue{Msgpack: v.MsgPack, Json: v.JSON}
}

func dynIn(v *pb.DynamicValue) *tfprotov6.DynamicValue {
	if v == nil {
		return nil
	}
	return &tfprotov6.DynamicValue{MsgPack: v.Msgpack, JSON: v.Json}
}

func pathIn(p *pb.AttributePath) *tftypes.AttributePath {
	out := tftypes.NewAttributePath()
	for _, s := range p.GetSteps() {
		switch s := s.Selector.(type) {
		case *pb.AttributePath_Step_AttributeName:
			out = out.WithAttributeName(s.AttributeName)
		case *pb.AttributePath_Step_ElementKeyInt:
			out = out.WithElementKeyInt(int(s.ElementKeyInt))
		case *pb.AttributePath_Step_ElementKeyString:
			out = out.WithElementKeyString(s.ElementKeyString)
		}
	}
	return out
}

func diagsIn(ds []*pb.Diagnostic) []*tfprotov6.Diagnostic {
	var out []*tfprotov6.Diagnostic
	for _, d := range ds {
		o := &tfprotov6.Diagnostic{
			Severity: tfprotov6.DiagnosticSeverity(d.Severity), // same numbers in both
			Summary:  d.Summary,
			Detail:   d.Detail,
		}
		if d.Attribute != nil {
			o.Attribute = pathIn(d.Attribute)
		}
		out = append(out, o)
	}
	return out
}

func schemaIn(s *pb.Schema) (*tfprotov6.Schema, error) {
	if s == nil {
		return nil, nil
	}
	b, err := blockIn(s.Block)
	return &tfprotov6.Schema{Version: s.Version, Block: b}, err
}

func blockIn(b *pb.Schema_Block) (*tfprotov6.SchemaBlock, error) {
	out := &tfprotov6.SchemaBlock{Version: b.Version, Deprecated: b.Deprecated}
	for _, a := range b.Attributes {
		t, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the only parser there is
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{
			Name: a.Name, Type: t, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
			Sensitive: a.Sensitive, Deprecated: a.Deprecated, WriteOnly: a.WriteOnly,
		})
	}
	for _, n := range b.BlockTypes {
		inner, err := blockIn(n.Block)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", n.TypeName, err)
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: n.TypeName, Block: inner, MinItems: n.MinItems, MaxItems: n.MaxItems,
			Nesting: tfprotov6.SchemaNestedBlockNestingMode(n.Nesting), // same numbers in both
		})
	}
	return out, nil
}

func schemasIn(m map[string]*pb.Schema) (map[string]*tfprotov6.Schema, error) {
	out := make(map[string]*tfprotov6.Schema, len(m))
	for name, s := range m {
		c, err := schemaIn(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = c
	}
	return out, nil
}

func (s *tfServer) GetProviderSchema(
	context.Context, *tfprotov6.GetProviderSchemaRequest,
) (*tfprotov6.GetProviderSchemaResponse, error) {
	prov, err := schemaIn(s.schema.Provider)
	if err != nil {
		return nil, err
	}
	res, err := schemasIn(s.schema.ResourceSchemas)
	if err != nil {
		return nil, err
	}
	ds, err := schemasIn(s.schema.DataSourceSchemas)
	if err != nil {
		return nil, err
	}
	return &tfprotov6.GetProviderSchemaResponse{
		Provider: prov, ResourceSchemas: res, DataSourceSchemas: ds,
	}, nil
}

func caps() *pb.ClientCapabilities { return &pb.ClientCapabilities{WriteOnlyAttributesAllowed: true} }

// ask waits for the provider process and makes one call to it.
func ask[Q, A any](
	ctx context.Context, s *tfServer,
	method func(pb.ProviderClient, context.Context, *Q, ...grpc.CallOption) (*A, error), q *Q,
) (*A, error) {
	c, err := s.proc.get(ctx)
	if err != nil {
		return nil, err
	}
	return method(c, ctx, q)
}

func (s *tfServer) ConfigureProvider(
	ctx context.Context, r *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.Configure, &pb.Configure_Request{
		TerraformVersion: r.TerraformVersion, Config: dynOut(r.Config), ClientCapabilities: caps(),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov6.ConfigureProviderResponse{Diagnostics: diagsIn(a.Diagnostics)}, nil
}

func (s *tfServer) ValidateResourceConfig(
	ctx context.Context, r *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.ValidateResourceTypeConfig, &pb.ValidateResourceTypeConfig_Request{
		TypeName: r.TypeName, Config: dynOut(r.Config), ClientCapabilities: caps(),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: diagsIn(a.Diagnostics)}, nil
}

func (s *tfServer) UpgradeResourceState(
	ctx context.Context, r *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	q := &pb.UpgradeResourceState_Request{TypeName: r.TypeName, Version: r.Version}
	if r.RawState != nil {
		q.RawState = &pb.RawState{Json: r.RawState.JSON, Flatmap: r.RawState.Flatmap}
	}
	a, err := ask(ctx, s, pb.ProviderClient.UpgradeResourceState, q)
	if err != nil {
		return nil, err
	}
	return &tfprotov6.UpgradeResourceStateResponse{
		UpgradedState: dynIn(a.UpgradedState), Diagnostics: diagsIn(a.Diagnostics),
	}, nil
}

func (s *tfServer) ReadResource(
	ctx context.Context, r *tfprotov6.ReadResourceRequest,
) (*tfprotov6.ReadResourceResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.ReadResource, &pb.ReadResource_Request{
		TypeName: r.TypeName, CurrentState: dynOut(r.CurrentState), Private: r.Private,
		ProviderMeta: dynOut(r.ProviderMeta), ClientCapabilities: caps(),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov6.ReadResourceResponse{
		NewState: dynIn(a.NewState), Private: a.Private, Diagnostics: diagsIn(a.Diagnostics),
	}, nil
}

func (s *tfServer) PlanResourceChange(
	ctx context.Context, r *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.PlanResourceChange, &pb.PlanResourceChange_Request{
		TypeName: r.TypeName, PriorState: dynOut(r.PriorState), ProposedNewState: dynOut(r.ProposedNewState),
		Config: dynOut(r.Config), PriorPrivate: r.PriorPrivate, ProviderMeta: dynOut(r.ProviderMeta),
		ClientCapabilities: caps(),
	})
	if err != nil {
		return nil, err
	}
	out := &tfprotov6.PlanResourceChangeResponse{
		PlannedState: dynIn(a.PlannedState), PlannedPrivate: a.PlannedPrivate,
		Diagnostics: diagsIn(a.Diagnostics),
	}
	for _, p := range a.RequiresReplace {
		out.RequiresReplace = append(out.RequiresReplace, pathIn(p))
	}
	return out, nil
}

// halfDone gathers the errors of an apply that failed but left a resource
// behind. A caller that puts one into the context gets the resource as if all
// had gone well, and the errors here.
type halfDone struct{ reasons []string }

type halfDoneKey struct{}

func (s *tfServer) ApplyResourceChange(
	ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.ApplyResourceChange, &pb.ApplyResourceChange_Request{
		TypeName: r.TypeName, PriorState: dynOut(r.PriorState), PlannedState: dynOut(r.PlannedState),
		Config: dynOut(r.Config), PlannedPrivate: r.PlannedPrivate, ProviderMeta: dynOut(r.ProviderMeta),
	})
	if err != nil {
		return nil, err
	}
	out := &tfprotov6.ApplyResourceChangeResponse{
		NewState: dynIn(a.NewState), Private: a.Private,
	}
	half, _ := ctx.Value(halfDoneKey{}).(*halfDone)
	if null, err := out.NewState.IsNull(); err != nil || null {
		half = nil
	}
	for _, d := range diagsIn(a.Diagnostics) {
		if half != nil && d.Severity == tfprotov6.DiagnosticSeverityError {
			half.reasons = append(half.reasons, strings.Trim(d.Summary+": "+d.Detail, ": "))
			continue
		}
		out.Diagnostics = append(out.Diagnostics, d)
	}
	return out, nil
}

func (s *tfServer) ImportResourceState(
	ctx context.Context, r *tfprotov6.ImportResourceStateRequest,
) (*tfprotov6.ImportResourceStateResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.ImportResourceState, &pb.ImportResourceState_Request{
		TypeName: r.TypeName, Id: r.ID, ClientCapabilities: caps(),
	})
	if err != nil {
		return nil, err
	}
	out := &tfprotov6.ImportResourceStateResponse{Diagnostics: diagsIn(a.Diagnostics)}
	for _, i := range a.ImportedResources {
		out.ImportedResources = append(out.ImportedResources, &tfprotov6.ImportedResource{
			TypeName: i.TypeName, State: dynIn(i.State), Private: i.Private,
		})
	}
	return out, nil
}

func (s *tfServer) ValidateDataResourceConfig(
	ctx context.Context, r *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.ValidateDataSourceConfig, &pb.ValidateDataSourceConfig_Request{
		TypeName: r.TypeName, Config: dynOut(r.Config),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: diagsIn(a.Diagnostics)}, nil
}

func (s *tfServer) ReadDataSource(
	ctx context.Context, r *tfprotov6.ReadDataSourceRequest,
) (*tfprotov6.ReadDataSourceResponse, error) {
	a, err := ask(ctx, s, pb.ProviderClient.ReadDataSource, &pb.ReadDataSource_Request{
		TypeName: r.TypeName, Config: dynOut(r.Config), ProviderMeta: dynOut(r.ProviderMeta),
		ClientCapabilities: caps(),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov6.ReadDataSourceResponse{State: dynIn(a.State), Diagnostics: diagsIn(a.Diagnostics)}, nil
}
