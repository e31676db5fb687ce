package plugins_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// asPlugin is the variable that makes the tests' own program a plugin.
const asPlugin = "BERTH_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) == "" {
		os.Exit(m.Run())
	}
	if err := servePlugin(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// plugin is a provider's plugin that tells what it knows.
type plugin struct {
	pulumirpc.UnimplementedResourceProviderServer
	engine    pulumirpc.EngineClient
	account   atomic.Value
	cancelled atomic.Bool
}

func servePlugin(engine string) error {
	conn, err := grpc.NewClient(engine, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(400 << 20))
	pulumirpc.RegisterResourceProviderServer(server, &plugin{engine: pulumirpc.NewEngineClient(conn)})
	fmt.Println(socket.Addr().(*net.TCPAddr).Port)
	return server.Serve(socket)
}

func (p *plugin) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
}

func (p *plugin) Parameterize(context.Context, *pulumirpc.ParameterizeRequest) (*pulumirpc.ParameterizeResponse, error) {
	return &pulumirpc.ParameterizeResponse{Name: "made"}, nil
}

func (p *plugin) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	account := req.GetArgs().GetFields()["account"].GetStringValue()
	if account == "refused" {
		return nil, status.Error(codes.InvalidArgument, "no such account")
	}
	if p.account.Swap(account) != nil {
		return nil, status.Error(codes.Internal, "configured twice")
	}
	return &pulumirpc.ConfigureResponse{SupportsPreview: true, AcceptSecrets: true}, nil
}

func (p *plugin) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	account, ok := p.account.Load().(string)
	switch {
	case p.cancelled.Load():
		return nil, status.Error(codes.Canceled, "told to stop")
	case !ok:
		return nil, status.Error(codes.FailedPrecondition, "never configured")
	case req.GetName() == "crash":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(3)
	case req.GetName() == "loud":
		for _, said := range []*pulumirpc.LogRequest{{Message: "made loud", Urn: req.GetUrn()}, {Message: "of nobody's in particular"}} {
			if _, err := p.engine.Log(ctx, said); err != nil {
				return nil, err
			}
		}
	}
	var seen []string
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "PULUMI_") || strings.HasPrefix(entry, "FOR_PLUGINS") {
			seen = append(seen, entry)
		}
	}
	return &pulumirpc.CreateResponse{Id: "id", Properties: object(map[string]any{"account": account, "pid": os.Getpid(), "env": strings.Join(seen, " ")})}, nil
}

func (p *plugin) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return &pulumirpc.InvokeResponse{Return: req.GetArgs()}, nil
}

func (p *plugin) List(_ *pulumirpc.ListRequest, stream grpc.ServerStreamingServer[pulumirpc.ListResponse]) error {
	for i := range 3 {
		next := &pulumirpc.ListResponse_Continuation{ContinuationToken: strconv.Itoa(i)}
		if err := stream.Send(&pulumirpc.ListResponse{Response: &pulumirpc.ListResponse_Continuation_{Continuation: next}}); err != nil {
			return err
		}
	}
	return nil
}

func (p *plugin) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	p.cancelled.Store(true)
	return &emptypb.Empty{}, nil
}
