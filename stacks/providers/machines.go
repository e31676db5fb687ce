package providers

import (
	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Machines makes the provider that reaches machines by SSH. It signs in with the secret berth:ssh-private-key, and without it with
// the keys of the SSH agent.
func Machines(ctx *pulumi.Context, source secrets.Source) (*machine.Provider, error) {
	return machine.NewProvider(ctx, "machines", source.Optional("ssh-private-key"))
}
