package network

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// subnets makes the three subnets of each zone. None gives public addresses to what starts in it.
func (b *builder) subnets(*Network) error {
	for _, sort := range []struct {
		what   string
		ranges []netip.Prefix
		into   *[]*ec2.Subnet
	}{
		{"public", b.plan.Public, &b.public},
		{"private", b.plan.Private, &b.private},
		{"isolated", b.plan.Isolated, &b.isolated},
	} {
		for i, zone := range b.args.Zones {
			subnet, err := ec2.NewSubnet(b.ctx, fmt.Sprintf("%s-%s-%s", b.name, sort.what, letter(zone)), &ec2.SubnetArgs{
				VpcId:               b.vpc.ID(),
				CidrBlock:           pulumi.String(sort.ranges[i].String()),
				AvailabilityZone:    pulumi.String(zone),
				MapPublicIpOnLaunch: pulumi.Bool(false),
				Tags:                b.tags(sort.what, letter(zone)),
			}, b.child)
			if err != nil {
				return err
			}
			*sort.into = append(*sort.into, subnet)
		}
	}
	return nil
}

// routes gives the public subnets the internet gateway, each private one a NAT gateway and the
// isolated ones nothing.
func (b *builder) routes(n *Network) error {
	gateway, err := ec2.NewInternetGateway(b.ctx, b.name+"-internet-gateway", &ec2.InternetGatewayArgs{
		VpcId: b.vpc.ID(), Tags: b.tags("internet"),
	}, b.child)
	if err != nil {
		return err
	}
	public, err := b.routeTable("public")
	if err != nil {
		return err
	}
	outward, err := ec2.NewRoute(b.ctx, b.name+"-public-default", &ec2.RouteArgs{
		RouteTableId: public.ID(), DestinationCidrBlock: pulumi.String(everywhere), GatewayId: gateway.ID(),
	}, b.child)
	if err != nil {
		return err
	}
	var publicIDs, privateIDs, isolatedIDs pulumi.StringArray
	for i, zone := range b.args.Zones {
		id, err := b.associate("public", zone, b.public[i], public, outward)
		if err != nil {
			return err
		}
		publicIDs = append(publicIDs, id)
	}

	nats, err := b.natGateways(gateway)
	if err != nil {
		return err
	}
	for i, nat := range nats {
		n.NATGateways = append(n.NATGateways, NATGateway{letter(b.args.Zones[i]), nat.ID().ToStringOutput()})
	}
	for i, zone := range b.args.Zones {
		table, err := b.routeTable("private", letter(zone))
		if err != nil {
			return err
		}
		b.privateTables = append(b.privateTables, table)
		route, err := ec2.NewRoute(b.ctx, b.name+"-private-default-"+letter(zone), &ec2.RouteArgs{
			RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(everywhere), NatGatewayId: nats[i%len(nats)].ID(),
		}, b.child)
		if err != nil {
			return err
		}
		id, err := b.associate("private", zone, b.private[i], table, route)
		if err != nil {
			return err
		}
		privateIDs = append(privateIDs, id)
	}

	isolated, err := b.routeTable("isolated")
	if err != nil {
		return err
	}
	for i, zone := range b.args.Zones {
		id, err := b.associate("isolated", zone, b.isolated[i], isolated)
		if err != nil {
			return err
		}
		isolatedIDs = append(isolatedIDs, id)
	}
	n.PublicSubnetIDs = publicIDs.ToStringArrayOutput()
	n.PrivateSubnetIDs = privateIDs.ToStringArrayOutput()
	n.IsolatedSubnetIDs = isolatedIDs.ToStringArrayOutput()
	return nil
}

// everywhere is the destination of a default route.
const everywhere = "0.0.0.0/0"

// natGateways are one for each zone, or one.
func (b *builder) natGateways(gateway *ec2.InternetGateway) ([]*ec2.NatGateway, error) {
	zones := b.args.Zones
	if b.args.NATGateways == Single {
		zones = zones[:1]
	}
	var nats []*ec2.NatGateway
	for i, zone := range zones {
		after := pulumi.DependsOn([]pulumi.Resource{gateway}) // AWS makes neither usable without it
		address, err := ec2.NewEip(b.ctx, b.name+"-nat-address-"+letter(zone), &ec2.EipArgs{
			Domain: pulumi.String("vpc"), Tags: b.tags("nat", letter(zone)),
		}, b.child, after)
		if err != nil {
			return nil, err
		}
		nat, err := ec2.NewNatGateway(b.ctx, b.name+"-nat-"+letter(zone), &ec2.NatGatewayArgs{
			SubnetId: b.public[i].ID(), AllocationId: address.ID(), Tags: b.tags("nat", letter(zone)),
		}, b.child, after)
		if err != nil {
			return nil, err
		}
		nats = append(nats, nat)
	}
	return nats, nil
}

func (b *builder) routeTable(parts ...string) (*ec2.RouteTable, error) {
	name := b.name
	for _, part := range parts {
		name += "-" + part
	}
	return ec2.NewRouteTable(b.ctx, name+"-routes", &ec2.RouteTableArgs{VpcId: b.vpc.ID(), Tags: b.tags(parts...)}, b.child)
}

// associate puts a subnet on a route table and returns the subnet's id once that is done and the
// routes are there.
func (b *builder) associate(what, zone string, subnet *ec2.Subnet, table *ec2.RouteTable, routes ...pulumi.Resource) (pulumi.StringOutput, error) {
	association, err := ec2.NewRouteTableAssociation(b.ctx, fmt.Sprintf("%s-%s-%s-association", b.name, what, letter(zone)),
		&ec2.RouteTableAssociationArgs{SubnetId: subnet.ID(), RouteTableId: table.ID()}, b.child)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	await := []any{subnet.ID(), association.URN()}
	for _, route := range routes {
		await = append(await, route.URN())
	}
	return pulumi.All(await...).ApplyT(func(v []any) string { return string(v[0].(pulumi.ID)) }).(pulumi.StringOutput), nil
}
