package database

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// securityGroup lets the client's machines in on the database's port, and nothing out (DP-2).
func (b *builder) securityGroup() error {
	name := b.Scope.Name(naming.SecurityGroup, "database")
	group, err := ec2.NewSecurityGroup(b.ctx, b.name+"-firewall", &ec2.SecurityGroupArgs{
		Name: pulumi.String(name), Description: pulumi.String("The database: in from its client only, nothing out"),
		VpcId: b.VPCID.ToStringOutput(), Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return err
	}
	b.db.SecurityGroupID = group.ID().ToStringOutput()

	port := pulumi.Int(b.db.Port)
	_, err = vpc.NewSecurityGroupIngressRule(b.ctx, b.name+"-from-client", &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: group.ID(), ReferencedSecurityGroupId: b.ClientSecurityGroupID.ToStringOutput(),
		IpProtocol: pulumi.String("tcp"), FromPort: port, ToPort: port,
		Description: pulumi.String("Machines of the service"), Tags: b.Scope.Tags(scope.None, name+"-from-client"),
	}, b.parent)
	if err != nil {
		return err
	}
	_, err = vpc.NewSecurityGroupEgressRule(b.ctx, b.name+"-client-egress", &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: b.ClientSecurityGroupID, ReferencedSecurityGroupId: group.ID(),
		IpProtocol: pulumi.String("tcp"), FromPort: port, ToPort: port,
		Description: pulumi.String(fmt.Sprintf("The database on port %d", b.db.Port)), Tags: b.Scope.Tags(scope.None, name+"-client-egress"),
	}, b.parent)
	return err
}
