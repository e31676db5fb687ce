package live

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (a *account) ec2(region string) *ec2.Client { return ec2.NewFromConfig(a.config(region)) }

func ec2Tags(tags []ec2types.Tag) map[string]string {
	return tagMap(tags, func(t ec2types.Tag) (key, value *string) { return t.Key, t.Value })
}

// enabledRegions are all regions that the account can have something in.
func (a *account) enabledRegions(ctx context.Context) ([]string, error) {
	return once(a, []string{"ec2", "regions"}, func() ([]string, error) {
		out, err := a.ec2(a.home).DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(false)})
		if err != nil {
			return nil, err
		}
		var names []string
		for _, r := range out.Regions {
			names = append(names, aws.ToString(r.RegionName))
		}
		return names, nil
	})
}

// instances are all machines but those that are gone.
func (a *account) instances(ctx context.Context, region string) ([]ec2types.Instance, error) {
	return once(a, []string{"ec2", "instances", region}, func() ([]ec2types.Instance, error) {
		p := ec2.NewDescribeInstancesPaginator(a.ec2(region), &ec2.DescribeInstancesInput{})
		return paged(ctx, p, func(o *ec2.DescribeInstancesOutput) []ec2types.Instance {
			var all []ec2types.Instance
			for _, reservation := range o.Reservations {
				for _, i := range reservation.Instances {
					if i.State == nil || i.State.Name != ec2types.InstanceStateNameTerminated {
						all = append(all, i)
					}
				}
			}
			return all
		})
	})
}

func (a *account) vpcs(ctx context.Context, region string) ([]ec2types.Vpc, error) {
	return once(a, []string{"ec2", "vpcs", region}, func() ([]ec2types.Vpc, error) {
		p := ec2.NewDescribeVpcsPaginator(a.ec2(region), &ec2.DescribeVpcsInput{})
		return paged(ctx, p, func(o *ec2.DescribeVpcsOutput) []ec2types.Vpc { return o.Vpcs })
	})
}

func (a *account) subnets(ctx context.Context, region string) ([]ec2types.Subnet, error) {
	return once(a, []string{"ec2", "subnets", region}, func() ([]ec2types.Subnet, error) {
		p := ec2.NewDescribeSubnetsPaginator(a.ec2(region), &ec2.DescribeSubnetsInput{})
		return paged(ctx, p, func(o *ec2.DescribeSubnetsOutput) []ec2types.Subnet { return o.Subnets })
	})
}

// zones are the availability zones of subnets, by the subnets' ids.
func (a *account) zones(ctx context.Context, region string) (map[string]string, error) {
	subnets, err := a.subnets(ctx, region)
	if err != nil {
		return nil, err
	}
	zones := map[string]string{}
	for _, s := range subnets {
		zones[aws.ToString(s.SubnetId)] = aws.ToString(s.AvailabilityZone)
	}
	return zones, nil
}

func (a *account) routeTables(ctx context.Context, region string) ([]ec2types.RouteTable, error) {
	return once(a, []string{"ec2", "route tables", region}, func() ([]ec2types.RouteTable, error) {
		p := ec2.NewDescribeRouteTablesPaginator(a.ec2(region), &ec2.DescribeRouteTablesInput{})
		return paged(ctx, p, func(o *ec2.DescribeRouteTablesOutput) []ec2types.RouteTable { return o.RouteTables })
	})
}

// natGateways are all but those that are gone.
func (a *account) natGateways(ctx context.Context, region string) ([]ec2types.NatGateway, error) {
	return once(a, []string{"ec2", "NAT gateways", region}, func() ([]ec2types.NatGateway, error) {
		p := ec2.NewDescribeNatGatewaysPaginator(a.ec2(region), &ec2.DescribeNatGatewaysInput{})
		return paged(ctx, p, func(o *ec2.DescribeNatGatewaysOutput) []ec2types.NatGateway {
			var all []ec2types.NatGateway
			for _, n := range o.NatGateways {
				if n.State != ec2types.NatGatewayStateDeleted && n.State != ec2types.NatGatewayStateDeleting {
					all = append(all, n)
				}
			}
			return all
		})
	})
}

// endpoints are the ways to AWS's services that do not lead over the internet.
func (a *account) endpoints(ctx context.Context, region string) ([]ec2types.VpcEndpoint, error) {
	return once(a, []string{"ec2", "endpoints", region}, func() ([]ec2types.VpcEndpoint, error) {
		p := ec2.NewDescribeVpcEndpointsPaginator(a.ec2(region), &ec2.DescribeVpcEndpointsInput{})
		return paged(ctx, p, func(o *ec2.DescribeVpcEndpointsOutput) []ec2types.VpcEndpoint { return o.VpcEndpoints })
	})
}

func (a *account) securityGroups(ctx context.Context, region string) ([]ec2types.SecurityGroup, error) {
	return once(a, []string{"ec2", "security groups", region}, func() ([]ec2types.SecurityGroup, error) {
		p := ec2.NewDescribeSecurityGroupsPaginator(a.ec2(region), &ec2.DescribeSecurityGroupsInput{})
		return paged(ctx, p, func(o *ec2.DescribeSecurityGroupsOutput) []ec2types.SecurityGroup { return o.SecurityGroups })
	})
}

func (a *account) networkACLs(ctx context.Context, region string) ([]ec2types.NetworkAcl, error) {
	return once(a, []string{"ec2", "network ACLs", region}, func() ([]ec2types.NetworkAcl, error) {
		p := ec2.NewDescribeNetworkAclsPaginator(a.ec2(region), &ec2.DescribeNetworkAclsInput{})
		return paged(ctx, p, func(o *ec2.DescribeNetworkAclsOutput) []ec2types.NetworkAcl { return o.NetworkAcls })
	})
}

func (a *account) volumes(ctx context.Context, region string) ([]ec2types.Volume, error) {
	return once(a, []string{"ec2", "volumes", region}, func() ([]ec2types.Volume, error) {
		p := ec2.NewDescribeVolumesPaginator(a.ec2(region), &ec2.DescribeVolumesInput{})
		return paged(ctx, p, func(o *ec2.DescribeVolumesOutput) []ec2types.Volume { return o.Volumes })
	})
}

// diskSnapshots are the account's own.
func (a *account) diskSnapshots(ctx context.Context, region string) ([]ec2types.Snapshot, error) {
	return once(a, []string{"ec2", "snapshots", region}, func() ([]ec2types.Snapshot, error) {
		p := ec2.NewDescribeSnapshotsPaginator(a.ec2(region), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
		return paged(ctx, p, func(o *ec2.DescribeSnapshotsOutput) []ec2types.Snapshot {
			return slices.DeleteFunc(o.Snapshots, func(s ec2types.Snapshot) bool { return s.OwnerId != nil && *s.OwnerId != a.number }) // emulators tell of others too
		})
	})
}

// images are the account's own.
func (a *account) images(ctx context.Context, region string) ([]ec2types.Image, error) {
	return once(a, []string{"ec2", "images", region}, func() ([]ec2types.Image, error) {
		p := ec2.NewDescribeImagesPaginator(a.ec2(region), &ec2.DescribeImagesInput{Owners: []string{"self"}})
		return paged(ctx, p, func(o *ec2.DescribeImagesOutput) []ec2types.Image { return o.Images })
	})
}

// prefixLists are the account's own and AWS's.
func (a *account) prefixLists(ctx context.Context, region string) ([]ec2types.ManagedPrefixList, error) {
	return once(a, []string{"ec2", "prefix lists", region}, func() ([]ec2types.ManagedPrefixList, error) {
		p := ec2.NewDescribeManagedPrefixListsPaginator(a.ec2(region), &ec2.DescribeManagedPrefixListsInput{})
		return paged(ctx, p, func(o *ec2.DescribeManagedPrefixListsOutput) []ec2types.ManagedPrefixList { return o.PrefixLists })
	})
}

// prefixes are the address ranges of a prefix list.
func (a *account) prefixes(ctx context.Context, region, list string) ([]string, error) {
	return once(a, []string{"ec2", "prefix list", region, list}, func() ([]string, error) {
		p := ec2.NewGetManagedPrefixListEntriesPaginator(a.ec2(region), &ec2.GetManagedPrefixListEntriesInput{PrefixListId: aws.String(list)})
		return paged(ctx, p, func(o *ec2.GetManagedPrefixListEntriesOutput) []string {
			var all []string
			for _, e := range o.Entries {
				all = append(all, aws.ToString(e.Cidr))
			}
			return all
		})
	})
}

// templateVersions are all versions of all launch templates.
func (a *account) templateVersions(ctx context.Context, region string) ([]ec2types.LaunchTemplateVersion, error) {
	return once(a, []string{"ec2", "launch template versions", region}, func() ([]ec2types.LaunchTemplateVersion, error) {
		templates, err := paged(ctx, ec2.NewDescribeLaunchTemplatesPaginator(a.ec2(region), &ec2.DescribeLaunchTemplatesInput{}),
			func(o *ec2.DescribeLaunchTemplatesOutput) []ec2types.LaunchTemplate { return o.LaunchTemplates })
		if err != nil {
			return nil, err
		}
		var all []ec2types.LaunchTemplateVersion
		for _, t := range templates {
			p := ec2.NewDescribeLaunchTemplateVersionsPaginator(a.ec2(region), &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: t.LaunchTemplateId})
			versions, err := paged(ctx, p, func(o *ec2.DescribeLaunchTemplateVersionsOutput) []ec2types.LaunchTemplateVersion {
				return o.LaunchTemplateVersions
			})
			if err != nil {
				return nil, err
			}
			all = append(all, versions...)
		}
		return all, nil
	})
}
