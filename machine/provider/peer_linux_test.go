package provider_test

import (
	"context"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/berth-iac/berth/machine/provider"
)

// TestAnotherUserIsRefused: whoever else is signed in to the operator's computer uses neither his agent nor his keys.
func TestAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can call as another user")
	}
	port := strings.TrimPrefix(serve(t, provider.Options{Agent: "/nowhere"})["PULUMI_DEBUG_PROVIDERS"], "machine:")
	as := func(uid uintptr) error {
		dial := func(ctx context.Context, address string) (net.Conn, error) {
			runtime.LockOSThread() // a socket is the user's that its thread works for with files
			defer runtime.UnlockOSThread()
			if _, _, err := syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0); err != 0 {
				return nil, err
			}
			defer func() { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0) }()
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
		conn, err := grpc.NewClient("passthrough:///127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		e := engine{t, pulumirpc.NewResourceProviderClient(conn)}
		if _, err := e.client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: e.marshal(nil)}); err != nil {
			return err
		}
		_, err = e.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn("Bundle"), Preview: true, Properties: e.marshal(lies(nil))})
		return err
	}
	if err := as(65534); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "65534") {
		t.Errorf("another user: %v, want that he is refused", err)
	}
	if err := as(0); err != nil {
		t.Errorf("the user himself: %v", err)
	}
}
