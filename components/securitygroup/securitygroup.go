// Package securitygroup makes the security group of something that holds data:
// one group of machines reaches it on one port, and it reaches nothing (DP-2).
// Both ends are named by reference, so that no address is ever trusted.
//
// It makes plain resources for the component that calls it, and knows nothing
// of what listens there.
package securitygroup

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe the one way in.
type Args struct {
	Scope scope.Scope
	Part  string // of the group's physical name, such as "cache"
	What  string // is protected, as descriptions call it, such as "The cache"
	// Peer describes the rule that lets the client out, such as "The cache".
	Peer                  string
	Port                  int
	VPCID                 pulumi.StringInput
	ClientSecurityGroupID pulumi.StringInput // of the machines that are let in
}

// New makes the group with the rule that lets the client in, and the client's rule that lets it out to here.
// It returns the group's id.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	physical := args.Scope.Name(naming.SecurityGroup, args.Part)
	group, err := ec2.NewSecurityGroup(ctx, name+"-firewall", &ec2.SecurityGroupArgs{
		Name: pulumi.String(physical), Description: pulumi.String(args.What + ": in from its client only, nothing out"),
		VpcId: args.VPCID.ToStringOutput(), Tags: args.Scope.Tags(scope.None, physical),
	}, opts...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	port := pulumi.Int(args.Port)
	if _, err := vpc.NewSecurityGroupIngressRule(ctx, name+"-from-client", &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: group.ID(), ReferencedSecurityGroupId: args.ClientSecurityGroupID.ToStringOutput(),
		IpProtocol: pulumi.String("tcp"), FromPort: port, ToPort: port,
		Description: pulumi.String("Machines of the service"), Tags: args.Scope.Tags(scope.None, physical+"-from-client"),
	}, opts...); err != nil {
		return pulumi.StringOutput{}, err
	}
	if _, err := vpc.NewSecurityGroupEgressRule(ctx, name+"-client-egress", &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: args.ClientSecurityGroupID, ReferencedSecurityGroupId: group.ID(),
		IpProtocol: pulumi.String("tcp"), FromPort: port, ToPort: port,
		Description: pulumi.String(args.Peer), Tags: args.Scope.Tags(scope.None, physical+"-client-egress"),
	}, opts...); err != nil {
		return pulumi.StringOutput{}, err
	}
	return group.ID().ToStringOutput(), nil
}
