package loadbalancer

import (
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/cloudflare"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// securityGroup takes HTTPS, and HTTP for the redirect, from Cloudflare and from nobody else. It lets
// nothing out: the machines' component adds the rule that lets it reach them.
func (a Args) securityGroup(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) (*ec2.SecurityGroup, error) {
	physical := a.Scope.Name(naming.SecurityGroup, "balancer")
	group, err := ec2.NewSecurityGroup(ctx, name+"-group", &ec2.SecurityGroupArgs{
		Name:        pulumi.String(physical),
		Description: pulumi.String("Load balancer, from the edge only"),
		VpcId:       a.Network.VPCID,
		Tags:        a.Scope.Tags(scope.None, physical),
	}, opts...)
	if err != nil {
		return nil, err
	}
	for _, family := range []struct {
		name   string
		ranges []string
	}{{"IPv4", cloudflare.IPv4()}, {"IPv6", cloudflare.IPv6()}} {
		list, err := a.prefixList(ctx, name, family.name, family.ranges, opts...)
		if err != nil {
			return nil, err
		}
		for _, port := range []struct {
			name   string
			number int
		}{{"https", 443}, {"http", 80}} {
			what := fmt.Sprintf("%s-from-edge-%s", port.name, strings.ToLower(family.name))
			if _, err := vpc.NewSecurityGroupIngressRule(ctx, name+"-"+what, &vpc.SecurityGroupIngressRuleArgs{
				SecurityGroupId: group.ID(),
				PrefixListId:    list.ID(),
				IpProtocol:      pulumi.String("tcp"),
				FromPort:        pulumi.Int(port.number),
				ToPort:          pulumi.Int(port.number),
				Description:     pulumi.String("Cloudflare " + family.name),
				Tags:            a.Scope.Tags(scope.None, a.Scope.Name(naming.Text, "balancer", what)),
			}, opts...); err != nil {
				return nil, err
			}
		}
	}
	return group, nil
}

// prefixList holds one address family of Cloudflare's ranges. Each rule that refers to it counts as
// MaxEntries rules against the group's quota of 60, so that it has room for no more than there are.
func (a Args) prefixList(ctx *pulumi.Context, name, family string, ranges []string, opts ...pulumi.ResourceOption) (*ec2.ManagedPrefixList, error) {
	entries := make(ec2.ManagedPrefixListEntryTypeArray, len(ranges))
	for i, cidr := range ranges {
		entries[i] = ec2.ManagedPrefixListEntryTypeArgs{Cidr: pulumi.String(cidr), Description: pulumi.String("Cloudflare")}
	}
	physical := a.Scope.Name(naming.Text, "cloudflare", strings.ToLower(family))
	return ec2.NewManagedPrefixList(ctx, name+"-cloudflare-"+strings.ToLower(family), &ec2.ManagedPrefixListArgs{
		Name:          pulumi.String(physical),
		AddressFamily: pulumi.String(family),
		MaxEntries:    pulumi.Int(len(ranges)),
		Entries:       entries,
		Tags:          a.Scope.Tags(scope.None, physical),
	}, opts...)
}
