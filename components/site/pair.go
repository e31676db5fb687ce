package site

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-hcloud/sdk/go/hcloud"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// networkZone is where Hetzner's European locations are: one network reaches all of them.
const networkZone = "eu-central"

// hetznerName is what Hetzner Cloud takes as a name; it is unique in a project, and a server's is a host name.
var hetznerName = naming.Rule{Max: 63, Allowed: "-"}

// PairArgs are what two servers at Hetzner Cloud share.
type PairArgs struct {
	Scope scope.Scope
	// CIDR holds the private networks of both sites.
	CIDR netip.Prefix
	// DeployKeys are who may sign in before anything is applied. At least one: a server without keys gets a password by mail.
	DeployKeys []string
}

// Pair is what two servers at Hetzner Cloud share: a private network, keys, and the wish to run on different hardware.
type Pair struct {
	pulumi.ResourceState

	NetworkID        pulumi.IntOutput
	PlacementGroupID pulumi.IntOutput
	KeyIDs           pulumi.StringArray
}

func (a PairArgs) check() error {
	var errs []error
	if !a.CIDR.IsValid() || !a.CIDR.Addr().Is4() {
		errs = append(errs, fmt.Errorf("the network's range %s is no IPv4 range: pass one that holds both sites'", a.CIDR))
	}
	if len(a.DeployKeys) == 0 {
		errs = append(errs, errors.New("no deploy key is given: without one a server gets a password by mail"))
	}
	return errors.Join(errs...)
}

// NewPair makes what the servers share. Providers: hcloud.
func NewPair(ctx *pulumi.Context, name string, args PairArgs, opts ...pulumi.ResourceOption) (*Pair, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("pair %q: %w", name, err)
	}
	p := &Pair{}
	if err := ctx.RegisterComponentResourceV2("berth:site:Pair", name, pulumi.Map{"cidr": pulumi.String(args.CIDR.String())}, p, opts...); err != nil {
		return nil, err
	}
	s, child := args.Scope, pulumi.Parent(p)
	network, err := hcloud.NewNetwork(ctx, name+"-network", &hcloud.NetworkArgs{
		Name: pulumi.String(s.Name(hetznerName)), IpRange: pulumi.String(args.CIDR.String()),
		DeleteProtection: pulumi.Bool(s.Protect), Labels: labels(s, scope.None),
	}, child)
	if err != nil {
		return nil, err
	}
	group, err := hcloud.NewPlacementGroup(ctx, name+"-placement", &hcloud.PlacementGroupArgs{
		Name: pulumi.String(s.Name(hetznerName)), Type: pulumi.String("spread"), Labels: labels(s, scope.None),
	}, child)
	if err != nil {
		return nil, err
	}
	for i, key := range args.DeployKeys {
		made, err := hcloud.NewSshKey(ctx, fmt.Sprintf("%s-deploy-key-%d", name, i+1), &hcloud.SshKeyArgs{
			Name: pulumi.String(s.Name(hetznerName, "deploy", strconv.Itoa(i+1))), PublicKey: pulumi.String(key), Labels: labels(s, scope.None),
		}, child)
		if err != nil {
			return nil, err
		}
		p.KeyIDs = append(p.KeyIDs, made.ID().ToStringOutput())
	}
	p.NetworkID, p.PlacementGroupID = number(network.ID()), number(group.ID())
	return p, ctx.RegisterResourceOutputs(p, pulumi.Map{"networkId": p.NetworkID})
}

// labels are the scope's tags as Hetzner's labels.
func labels(s scope.Scope, class scope.DataClass) pulumi.StringMap {
	return pulumi.ToStringMap(s.TagValues(class))
}

// number is an id as Hetzner's properties take it.
func number(id pulumi.IDOutput) pulumi.IntOutput {
	return id.ApplyT(func(id pulumi.ID) (int, error) {
		n, err := strconv.Atoi(string(id))
		if err != nil {
			return 0, fmt.Errorf("the id %q of Hetzner Cloud is no number: %w", id, err)
		}
		return n, nil
	}).(pulumi.IntOutput)
}
