package fidelity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// Session is a configured connection to one provider, whichever that is.
type Session struct {
	conn   *grpc.ClientConn
	client pulumirpc.ResourceProviderClient
}

// Dial connects to a provider that listens on a port of this machine and configures it.
func Dial(ctx context.Context, port string, config resource.PropertyMap) (*Session, error) {
	conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, err
	}
	s := &Session{conn: conn, client: pulumirpc.NewResourceProviderClient(conn)}
	if err := s.configure(ctx, config); err != nil {
		return nil, errors.Join(fmt.Errorf("configure the provider at port %s: %w", port, err), s.Close())
	}
	return s, nil
}

const maxMessage = 400 << 20

// Close ends the connection; the provider goes on.
func (s *Session) Close() error { return s.conn.Close() }

// configure does as an engine does: CheckConfig, then Configure with what came out of it.
func (s *Session) configure(ctx context.Context, config resource.PropertyMap) error {
	news, err := wire(config)
	if err != nil {
		return err
	}
	checked, err := s.client.CheckConfig(ctx, &pulumirpc.CheckRequest{Urn: "urn:pulumi:fidelity::fidelity::pulumi:providers:aws::aws", News: news})
	if err != nil {
		return err
	}
	if f := checked.GetFailures(); len(f) > 0 {
		return fmt.Errorf("%s: %s", f[0].GetProperty(), f[0].GetReason())
	}
	_, err = s.client.Configure(ctx, &pulumirpc.ConfigureRequest{Args: checked.GetInputs(), AcceptSecrets: true, AcceptResources: true})
	return err
}

// Refusal is why a provider does not take inputs.
type Refusal struct {
	Stage   string // check or plan
	Reasons []string
}

func refusal(stage string, err error) *Refusal { return &Refusal{stage, []string{err.Error()}} }

// seed makes chosen names the same in every run.
var seed = []byte("0123456789abcdef0123456789abcdef")

// Check gives the inputs with the provider's defaults.
func (s *Session) Check(ctx context.Context, urn resource.URN, olds, news resource.PropertyMap) (resource.PropertyMap, *Refusal, error) {
	o, err := wire(olds)
	if err != nil {
		return nil, nil, err
	}
	n, err := wire(news)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.client.Check(ctx, &pulumirpc.CheckRequest{Urn: string(urn), Olds: o, News: n, RandomSeed: seed})
	if err != nil {
		return nil, refusal("check", err), nil
	}
	if len(a.GetFailures()) > 0 {
		r := &Refusal{Stage: "check"}
		for _, f := range a.GetFailures() {
			r.Reasons = append(r.Reasons, strings.TrimSpace(f.GetProperty()+": "+f.GetReason()))
		}
		return nil, r, nil
	}
	inputs, err := Plain(a.GetInputs())
	return inputs, nil, err
}

// Create really creates; only for the embedded cloud.
func (s *Session) Create(ctx context.Context, urn resource.URN, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
	props, err := wire(inputs)
	if err != nil {
		return "", nil, err
	}
	a, err := s.client.Create(ctx, &pulumirpc.CreateRequest{Urn: string(urn), Properties: props})
	if err != nil {
		return "", nil, err
	}
	state, err := Plain(a.GetProperties())
	return a.GetId(), state, err
}

// Invoke asks a function; only for the embedded cloud.
func (s *Session) Invoke(ctx context.Context, token string, args resource.PropertyMap) (resource.PropertyMap, error) {
	in, err := wire(args)
	if err != nil {
		return nil, err
	}
	a, err := s.client.Invoke(ctx, &pulumirpc.InvokeRequest{Tok: token, Args: in})
	if err != nil {
		return nil, err
	}
	return Plain(a.GetReturn())
}

// PreviewCreate shows what would be created.
func (s *Session) PreviewCreate(ctx context.Context, urn resource.URN, inputs resource.PropertyMap) (resource.PropertyMap, *Refusal, error) {
	props, err := wire(inputs)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.client.Create(ctx, &pulumirpc.CreateRequest{Urn: string(urn), Properties: props, Preview: true})
	if err != nil {
		return nil, refusal("plan", err), nil
	}
	state, err := Plain(a.GetProperties())
	return state, nil, err
}

// Object is a resource as an engine knows it from its last update.
type Object struct {
	URN    resource.URN
	ID     string
	Inputs resource.PropertyMap
	State  resource.PropertyMap
}

// Diff tells what new inputs mean for an object.
func (s *Session) Diff(ctx context.Context, o Object, news resource.PropertyMap) (*pulumirpc.DiffResponse, *Refusal, error) {
	in, state, n, err := wires(o, news)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.client.Diff(ctx, &pulumirpc.DiffRequest{Urn: string(o.URN), Id: o.ID, OldInputs: in, Olds: state, News: n})
	if err != nil {
		return nil, refusal("plan", err), nil
	}
	return a, nil, nil
}

// PreviewUpdate shows what an object would be with new inputs.
func (s *Session) PreviewUpdate(ctx context.Context, o Object, news resource.PropertyMap) (resource.PropertyMap, *Refusal, error) {
	in, state, n, err := wires(o, news)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.client.Update(ctx, &pulumirpc.UpdateRequest{Urn: string(o.URN), Id: o.ID, OldInputs: in, Olds: state, News: n, Preview: true})
	if err != nil {
		return nil, refusal("plan", err), nil
	}
	after, err := Plain(a.GetProperties())
	return after, nil, err
}

func wires(o Object, news resource.PropertyMap) (inputs, state, after *structpb.Struct, err error) {
	if inputs, err = wire(o.Inputs); err != nil {
		return nil, nil, nil, err
	}
	if state, err = wire(o.State); err != nil {
		return nil, nil, nil, err
	}
	after, err = wire(news)
	return inputs, state, after, err
}

func wire(props resource.PropertyMap) (*structpb.Struct, error) {
	return plugin.MarshalProperties(props, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, ComputeAssetHashes: true})
}

// Plain reads properties without the wrappers that say what is secret: fidelity is about values.
func Plain(s *structpb.Struct) (resource.PropertyMap, error) {
	return plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true})
}
