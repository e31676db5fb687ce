package localcloud

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// provider serves all provider resources of one package.
type provider struct {
	pulumirpc.UnimplementedResourceProviderServer
	cloud *Cloud
	pkg   string
}

// Handshake is the engine's first call on a connection.
func (p *provider) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	// References to resources and output values come as what they stand for: a cloud knows ids only.
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

// Attach is called because the engine did not start this process itself.
func (p *provider) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Cancel asks one engine's work to end. Others share the cloud, and calls end with their connections.
func (p *provider) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// GetPluginInfo gives the version that the SDK asks for.
func (p *provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	version, err := p.cloud.cat.Version(p.pkg)
	return &pulumirpc.PluginInfo{Version: version}, err
}

// GetSchema gives enough to tell what answers; the embedded cloud generates no code.
func (p *provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	rules, err := p.cloud.cat.Rules()
	if err != nil {
		return nil, err
	}
	is := rules.Packages[p.pkg]
	return &pulumirpc.GetSchemaResponse{Schema: fmt.Sprintf(
		`{"name":%q,"version":%q,"displayName":"%s (embedded cloud)","description":"Nothing is created in a real account."}`,
		p.pkg, is.Version, is.Title)}, nil
}

// CheckConfig looks at a provider's configuration before it is used.
func (p *provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	rules, err := p.cloud.cat.Rules()
	if err != nil {
		return nil, err
	}
	problems := configProblems(rules.Packages[p.pkg].Config, news)
	if !resource.NewObjectProperty(news).ContainsUnknowns() {
		if _, err := settingsOf(p.pkg, news); err != nil {
			problems[""] = err.Error()
		}
	}
	resp := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	for _, name := range sortedKeys(problems) {
		resp.Failures = append(resp.Failures, &pulumirpc.CheckFailure{Property: name, Reason: problems[name]})
	}
	return resp, nil
}

// DiffConfig tells what a change of a provider's configuration means for its resources: in another region or
// account there are none of them.
func (p *provider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, err := unmarshal(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	before, errBefore := settingsOf(p.pkg, olds)
	after, errAfter := settingsOf(p.pkg, news)
	if errBefore == nil && errAfter == nil && !resource.NewObjectProperty(news).ContainsUnknowns() {
		if before.region != after.region {
			resp.Replaces = append(resp.Replaces, "region")
		}
		if before.account != after.account {
			resp.Replaces = append(resp.Replaces, "allowedAccountIds")
		}
	}
	for name := range news {
		if !olds[name].DeepEquals(news[name]) {
			resp.Diffs = append(resp.Diffs, string(name))
		}
	}
	for name := range olds {
		if _, ok := news[name]; !ok {
			resp.Diffs = append(resp.Diffs, string(name))
		}
	}
	if len(resp.Diffs) > 0 {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
	}
	return resp, nil
}

// Configure sets what the connection's calls mean.
func (p *provider) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	args, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	s, err := settingsOf(p.pkg, args)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return nil, status.Error(codes.Internal, "embedded cloud: the call came over no connection")
	}
	c.configure(s)
	if s.region == "" {
		p.cloud.logf("stands in for %s; nothing is created in a real account", p.pkg)
	} else {
		p.cloud.logf("stands in for %s, account %s, region %s; nothing is created in a real account", p.pkg, s.account, s.region)
	}
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

// typed is what a call on a resource needs to know.
type typed struct {
	settings settings
	shape    *catalogue.Type
	rule     *catalogue.Rule
	rules    *catalogue.Rules
	token    string
	urn      resource.URN
}

func (p *provider) typed(ctx context.Context, urn string) (typed, error) {
	t := typed{urn: resource.URN(urn)}
	if !t.urn.IsValid() {
		return t, status.Errorf(codes.InvalidArgument, "embedded cloud: %q is no URN", urn)
	}
	t.token = string(t.urn.Type())
	var err error
	if t.settings, err = configured(ctx); err != nil {
		return t, err
	}
	if t.shape, t.rule, err = p.cloud.cat.Type(t.token); err != nil {
		return t, status.Error(codes.InvalidArgument, err.Error())
	}
	t.rules, err = p.cloud.cat.Rules()
	return t, err
}

func options(label string) plugin.MarshalOptions {
	return plugin.MarshalOptions{Label: label, KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true}
}

func unmarshal(s *structpb.Struct) (resource.PropertyMap, error) {
	props, err := plugin.UnmarshalProperties(s, options("embedded cloud"))
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "embedded cloud: read properties: %v", err)
	}
	if props == nil {
		props = resource.PropertyMap{}
	}
	return props, nil
}

func marshal(props resource.PropertyMap) (*structpb.Struct, error) {
	s, err := plugin.MarshalProperties(props, options("embedded cloud"))
	if err != nil {
		return nil, status.Errorf(codes.Internal, "embedded cloud: write properties: %v", err)
	}
	return s, nil
}
