// Command languagehost is the smallest language host that Pulumi's engine can
// run a compiled Go program with: it starts $BERTH_PROGRAM for each run, with
// the environment that Pulumi's Go SDK reads. For tests only; everything else
// that a language host can do is refused as unimplemented.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
}

func main() {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer()
	pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: os.Args[len(os.Args)-1]})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port) // how the engine learns where to call
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (*host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "1.0.0"}, nil
}

func (*host) GetRequiredPlugins(context.Context, *pulumirpc.GetRequiredPluginsRequest) (*pulumirpc.GetRequiredPluginsResponse, error) {
	return &pulumirpc.GetRequiredPluginsResponse{}, nil
}

func (*host) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

func (h *host) Run(ctx context.Context, r *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	config, err := json.Marshal(r.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(r.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	program := exec.CommandContext(ctx, os.Getenv("BERTH_PROGRAM"))
	program.Dir = r.GetInfo().GetProgramDirectory()
	program.Stdout, program.Stderr = os.Stderr, os.Stderr
	program.Env = append(os.Environ(),
		"PULUMI_ORGANIZATION="+r.GetOrganization(), "PULUMI_PROJECT="+r.GetProject(), "PULUMI_STACK="+r.GetStack(),
		"PULUMI_ROOT_DIRECTORY="+r.GetInfo().GetRootDirectory(),
		"PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secrets),
		"PULUMI_DRY_RUN="+strconv.FormatBool(r.GetDryRun()), "PULUMI_PARALLEL="+strconv.Itoa(int(r.GetParallel())),
		"PULUMI_MONITOR="+r.GetMonitorAddress(), "PULUMI_ENGINE="+h.engine)
	if err := program.Run(); err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil //nolint:nilerr // the answer carries it
	}
	return &pulumirpc.RunResponse{}, nil
}
