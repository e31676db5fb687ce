package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/berth-iac/berth/machine/ssh"
)

// provider serves all provider resources of the package.
type provider struct {
	pulumirpc.UnimplementedResourceProviderServer
	options Options
	pool    *pool
}

// The resource types.
const (
	keysType   = "machine:index:Keys"
	bundleType = "machine:index:Bundle"
)

// Handshake is the engine's first call on a connection.
func (p *provider) Handshake(ctx context.Context, req *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	if err := listen(ctx, req.GetEngineAddress()); err != nil {
		return nil, err
	}
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true, SupportsAutonamingConfiguration: false}, nil
}

// Attach is called by an engine that did not start this process itself.
func (p *provider) Attach(ctx context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, listen(ctx, req.GetAddress())
}

// listen sends what the connection's calls have to say to the engine.
func listen(ctx context.Context, address string) error {
	c, err := connectionOf(ctx)
	if err != nil || address == "" {
		return err
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("reach the engine at %s: %w", address, err)
	}
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled, c.engine = conn, pulumirpc.NewEngineClient(conn)
	return nil
}

// Cancel ends what the engine has under way on this connection. What is half applied then is completed by the next run.
func (p *provider) Cancel(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	c, err := connectionOf(ctx)
	if err != nil {
		return nil, err
	}
	c.cancel.Do(func() { close(c.cancelled) })
	return &emptypb.Empty{}, nil
}

// GetPluginInfo gives the provider's version.
func (p *provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: cmp.Or(p.options.Version, "0.0.0")}, nil
}

// GetSchema describes the package to programs that are not written in Go.
func (p *provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return &pulumirpc.GetSchemaResponse{Schema: schema}, nil
}

// CheckConfig looks at the configuration before it is used.
func (p *provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	var found problems
	for name, v := range news {
		switch {
		case name == "version" || name == "pluginDownloadURL" || strings.HasPrefix(string(name), "__"):
		case name != "privateKey":
			found.add(string(name), "the provider has no configuration key %q; there is privateKey", name)
		default:
			text, known := found.text("privateKey", v)
			if err := ssh.CheckPrivateKey(text); known && text != "" && err != nil {
				found.add("privateKey", "%v", err)
			}
			news[name] = secret(v)
		}
	}
	inputs, err := marshal(news)
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: found.list}, err
}

// DiffConfig never replaces: who signs in makes no difference to a machine.
func (p *provider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, errOlds := unmarshal(req.GetOldInputs())
	news, errNews := unmarshal(req.GetNews())
	if err := errors.Join(errOlds, errNews); err != nil {
		return nil, err
	}
	if same(olds["privateKey"], news["privateKey"]) {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME, Diffs: []string{"privateKey"}}, nil
}

// Configure sets what the connection's calls sign in with.
func (p *provider) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	c, err := connectionOf(ctx)
	if err != nil {
		return nil, err
	}
	args, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	var found problems
	key, _ := found.text("privateKey", args["privateKey"])
	if len(found.list) > 0 {
		return nil, status.Error(codes.InvalidArgument, found.list[0].GetReason())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.privateKey, c.configured = key, true
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

// asked is what a call on a resource has in common.
type asked struct {
	urn     resource.URN
	kind    string
	machine *connection
	login   ssh.Options
}

func (p *provider) asked(ctx context.Context, urn string) (asked, error) {
	a := asked{urn: resource.URN(urn)}
	if !a.urn.IsValid() {
		return a, status.Errorf(codes.InvalidArgument, "machine: %q is no URN", urn)
	}
	a.kind = string(a.urn.Type())
	if a.kind != keysType && a.kind != bundleType {
		return a, status.Errorf(codes.InvalidArgument, "machine: there is no resource type %s; there are %s and %s", a.kind, keysType, bundleType)
	}
	var err error
	if a.machine, err = connectionOf(ctx); err != nil {
		return a, err
	}
	a.login, err = p.login(a.machine)
	return a, err
}

// say tells the engine, for a person to see while it happens (ephemeral) or to keep.
func (a asked) say(ctx context.Context, text string, keep bool) {
	a.machine.mu.Lock()
	engine := a.machine.engine
	a.machine.mu.Unlock()
	if engine == nil || text == "" {
		return
	}
	// An engine that does not listen is no reason to stop work on a machine.
	_, _ = engine.Log(ctx, &pulumirpc.LogRequest{Severity: pulumirpc.LogSeverity_INFO, Message: text, Urn: string(a.urn), Ephemeral: !keep})
}

// failure is the error that the engine shows; what was being done stands in it.
func failure(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Unknown, err.Error())
}

// partial says that a resource exists and is not all that it should be: the state keeps it, and the next up goes on.
func partial(id string, state, inputs resource.PropertyMap, err error) error {
	props, errState := marshal(state)
	in, errInputs := marshal(inputs)
	if e := errors.Join(errState, errInputs); e != nil {
		return errors.Join(err, e)
	}
	// The engine shows the reasons; whoever calls without one, or logs the error as it is, has them in its message.
	s, e := status.New(codes.Unknown, "the machine is not yet what it should be: "+err.Error()).WithDetails(&pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: props, Inputs: in, Reasons: []string{err.Error()},
	})
	if e != nil {
		return errors.Join(err, e)
	}
	return s.Err()
}

func options() plugin.MarshalOptions {
	return plugin.MarshalOptions{Label: "machine", KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true}
}

func unmarshal(s *structpb.Struct) (resource.PropertyMap, error) {
	props, err := plugin.UnmarshalProperties(s, options())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "machine: read properties: %v", err)
	}
	if props == nil {
		props = resource.PropertyMap{}
	}
	return props, nil
}

func marshal(props resource.PropertyMap) (*structpb.Struct, error) {
	s, err := plugin.MarshalProperties(props, options())
	if err != nil {
		return nil, status.Errorf(codes.Internal, "machine: write properties: %v", err)
	}
	return s, nil
}
