// Package network makes a client's VPC: over two or three zones a public subnet
// for the load balancer and the NAT gateway, a private one for the machines and
// an isolated one for databases and caches, which has no way out at all. AWS's
// own services are reached through endpoints inside the VPC.
//
// It lets nothing in by itself: the VPC's default security group is empty, and
// who may speak to whom is said by the security groups of those who listen. It
// does not know what runs in the subnets.
package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// How NAT gateways are laid out.
const (
	PerZone = "perZone" // each zone has its own and survives the loss of the others
	Single  = "single"  // one for all, in the first zone
)

// Args describe a VPC.
type Args struct {
	Scope scope.Scope
	CIDR  netip.Prefix // /16 to /20
	Zones []string     // two or three names, such as "eu-west-2a"
	// NATGateways is PerZone or Single.
	NATGateways string
	// DatabasePorts are the TCP ports on which machines reach the isolated subnets, at most five;
	// every other port is closed there.
	DatabasePorts []int
	// ReleaseBucket is the bucket of another account that machines fetch releases from.
	ReleaseBucket string
	FlowLogDays   int
	LogsKeyArn    pulumi.StringInput
}

// Network is a VPC. Its subnets' ids come out when their routes are in place, so that whatever is
// put into a subnet starts with its connections working.
type Network struct {
	pulumi.ResourceState

	VPCID             pulumi.StringOutput
	PublicSubnetIDs   pulumi.StringArrayOutput // in the order of the zones, as the others
	PrivateSubnetIDs  pulumi.StringArrayOutput
	IsolatedSubnetIDs pulumi.StringArrayOutput
	// IsolatedACLID is the network ACL in front of the isolated subnets. Rule numbers from 500 are free.
	IsolatedACLID pulumi.StringOutput
	// EndpointSecurityGroupID guards the interface endpoints. It lets nobody in until somebody adds a
	// rule for 443 that names them.
	EndpointSecurityGroupID pulumi.StringOutput
	// S3PrefixListID stands for S3's addresses in the region.
	S3PrefixListID pulumi.StringOutput
	// NATGateways are the ways out, in the order of the zones.
	NATGateways []NATGateway
	// FlowLogGroup is the log group of the flow logs.
	FlowLogGroup pulumi.StringOutput
}

// NATGateway is one way out.
type NATGateway struct {
	Zone string // the zone's letter, such as "a"
	ID   pulumi.StringOutput
}

// builder carries what the parts of a network share while they are made.
type builder struct {
	ctx   *pulumi.Context
	name  string
	args  Args
	plan  spec.Plan
	child pulumi.ResourceOption
	vpc   *ec2.Vpc
	// by zone
	public, private, isolated []*ec2.Subnet
	privateTables             []*ec2.RouteTable
}

// New makes the VPC.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Network, error) {
	plan, err := args.check()
	if err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	n := &Network{}
	inputs := pulumi.Map{"cidr": pulumi.String(args.CIDR.String()), "zones": pulumi.ToStringArray(args.Zones)}
	if err := ctx.RegisterComponentResourceV2("berth:network:Network", name, inputs, n, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, args: args, plan: plan, child: pulumi.Parent(n)}
	b.vpc, err = ec2.NewVpc(ctx, name+"-vpc", &ec2.VpcArgs{
		CidrBlock:          pulumi.String(args.CIDR.String()),
		EnableDnsSupport:   pulumi.Bool(true),
		EnableDnsHostnames: pulumi.Bool(true),
		Tags:               b.tags("vpc"),
	}, b.child)
	if err != nil {
		return nil, err
	}
	n.VPCID = b.vpc.ID().ToStringOutput()
	for _, make := range []func(*Network) error{
		b.lockDefaults, b.subnets, b.routes, b.isolatedACL, b.endpoints, b.flowLogs,
	} {
		if err := make(n); err != nil {
			return nil, err
		}
	}
	return n, ctx.RegisterResourceOutputs(n, pulumi.Map{
		"vpcId":             n.VPCID,
		"publicSubnetIds":   n.PublicSubnetIDs,
		"privateSubnetIds":  n.PrivateSubnetIDs,
		"isolatedSubnetIds": n.IsolatedSubnetIDs,
	})
}

// maxDatabasePorts keeps the isolated subnets' ACL within its 20 rules for three zones.
const maxDatabasePorts = 5

func (a Args) check() (spec.Plan, error) {
	plan, err := spec.SubnetPlan(a.CIDR, len(a.Zones))
	errs := []error{err}
	for _, zone := range a.Zones {
		if !strings.HasPrefix(zone, a.Scope.Region) || len(zone) != len(a.Scope.Region)+1 {
			errs = append(errs, fmt.Errorf("zone %q is none of region %s: use names such as %sa", zone, a.Scope.Region, a.Scope.Region))
		}
	}
	if a.NATGateways != PerZone && a.NATGateways != Single {
		errs = append(errs, fmt.Errorf("NAT gateways are %q: use %q or %q", a.NATGateways, PerZone, Single))
	}
	if len(a.DatabasePorts) == 0 || len(a.DatabasePorts) > maxDatabasePorts {
		errs = append(errs, fmt.Errorf("%d database ports: give 1 to %d, one for each engine in use", len(a.DatabasePorts), maxDatabasePorts))
	}
	if a.ReleaseBucket == "" {
		errs = append(errs, errors.New("no release bucket: name the one that machines fetch TaskFlow from"))
	}
	if a.FlowLogDays <= 0 {
		errs = append(errs, fmt.Errorf("flow logs are kept for %d days: keep them at least one day", a.FlowLogDays))
	}
	if a.LogsKeyArn == nil {
		errs = append(errs, errors.New("no key for the flow logs: pass the ARN of the logs key"))
	}
	return plan, errors.Join(errs...)
}

// lockDefaults empties what AWS puts into every VPC and would use where nothing else is said.
func (b *builder) lockDefaults(*Network) error {
	if _, err := ec2.NewDefaultSecurityGroup(b.ctx, b.name+"-default-group", &ec2.DefaultSecurityGroupArgs{
		VpcId:   b.vpc.ID(),
		Ingress: ec2.DefaultSecurityGroupIngressArray{},
		Egress:  ec2.DefaultSecurityGroupEgressArray{},
		Tags:    b.tags("default-closed"),
	}, b.child); err != nil {
		return err
	}
	_, err := ec2.NewDefaultRouteTable(b.ctx, b.name+"-default-routes", &ec2.DefaultRouteTableArgs{
		DefaultRouteTableId: b.vpc.DefaultRouteTableId,
		Routes:              ec2.DefaultRouteTableRouteArray{},
		Tags:                b.tags("default-empty"),
	}, b.child)
	return err
}

// tags are a resource's tags with its name.
func (b *builder) tags(parts ...string) pulumi.StringMap {
	return b.args.Scope.Tags(scope.None, b.args.Scope.Name(naming.Text, parts...))
}

// letter is what tells a zone from the others: "a" of eu-west-2a.
func letter(zone string) string { return zone[len(zone)-1:] }
