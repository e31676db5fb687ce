package network

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Ports that the answering side of a connection sends to.
const (
	firstEphemeral = 1024
	lastEphemeral  = 65535
)

// isolatedACL lets machines reach the database ports of the isolated subnets, lets these answer and
// lets databases and caches speak with their own replicas in other zones. All else is refused, so
// that a security group that somebody opens too far still exposes nothing.
func (b *builder) isolatedACL(n *Network) error {
	subnets := make(pulumi.StringArray, len(b.isolated))
	for i, subnet := range b.isolated {
		subnets[i] = subnet.ID()
	}
	acl, err := ec2.NewNetworkAcl(b.ctx, b.name+"-isolated-acl", &ec2.NetworkAclArgs{
		VpcId: b.vpc.ID(), SubnetIds: subnets, Tags: b.tags("isolated"),
	}, b.child)
	if err != nil {
		return err
	}
	n.IsolatedACLID = acl.ID().ToStringOutput()

	rule := func(what string, egress bool, number int, cidr netip.Prefix, from, to int) error {
		_, err := ec2.NewNetworkAclRule(b.ctx, b.name+"-isolated-"+what, &ec2.NetworkAclRuleArgs{
			NetworkAclId: acl.ID(),
			Egress:       pulumi.Bool(egress),
			RuleNumber:   pulumi.Int(number),
			RuleAction:   pulumi.String("allow"),
			Protocol:     pulumi.String("tcp"),
			CidrBlock:    pulumi.String(cidr.String()),
			FromPort:     pulumi.Int(from),
			ToPort:       pulumi.Int(to),
		}, b.child)
		return err
	}
	for i, zone := range b.args.Zones {
		machines, peers := b.plan.Private[i], b.plan.Isolated[i]
		for j, port := range b.args.DatabasePorts {
			if err := rule(fmt.Sprintf("from-machines-%d-%s", port, letter(zone)), false, 100+10*j+i, machines, port, port); err != nil {
				return err
			}
		}
		if err := rule("to-machines-"+letter(zone), true, 100+i, machines, firstEphemeral, lastEphemeral); err != nil {
			return err
		}
		if err := rule("from-peers-"+letter(zone), false, 200+i, peers, firstEphemeral, lastEphemeral); err != nil {
			return err
		}
		if err := rule("to-peers-"+letter(zone), true, 200+i, peers, firstEphemeral, lastEphemeral); err != nil {
			return err
		}
	}
	return nil
}
