package live

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// What of EC2 ties the account's network and disks to others.

const (
	ec2Peering         = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
	ec2Transit         = "aws:ec2transitgateway/vpcAttachment:VpcAttachment"
	ec2VPN             = "aws:ec2/vpnConnection:VpnConnection"
	ec2EndpointService = "aws:ec2/vpcEndpointService:VpcEndpointService"
	ebsSnapshot        = "aws:ebs/snapshot:Snapshot"
	ec2Image           = "aws:ec2/ami:Ami"
)

// peerings are connections between a network of the account and another, but those that are gone.
func (a *account) peerings(ctx context.Context, region string) ([]ec2types.VpcPeeringConnection, error) {
	return once(a, []string{"ec2", "peerings", region}, func() ([]ec2types.VpcPeeringConnection, error) {
		p := ec2.NewDescribeVpcPeeringConnectionsPaginator(a.ec2(region), &ec2.DescribeVpcPeeringConnectionsInput{})
		return paged(ctx, p, func(o *ec2.DescribeVpcPeeringConnectionsOutput) []ec2types.VpcPeeringConnection {
			var all []ec2types.VpcPeeringConnection
			for _, one := range o.VpcPeeringConnections {
				switch {
				case one.Status == nil:
				case one.Status.Code == ec2types.VpcPeeringConnectionStateReasonCodeDeleted, one.Status.Code == ec2types.VpcPeeringConnectionStateReasonCodeRejected,
					one.Status.Code == ec2types.VpcPeeringConnectionStateReasonCodeExpired, one.Status.Code == ec2types.VpcPeeringConnectionStateReasonCodeFailed:
					continue
				}
				all = append(all, one)
			}
			return all
		})
	})
}

// transits tie networks of the account to a transit gateway.
func (a *account) transits(ctx context.Context, region string) ([]ec2types.TransitGatewayVpcAttachment, error) {
	return once(a, []string{"ec2", "transit gateway attachments", region}, func() ([]ec2types.TransitGatewayVpcAttachment, error) {
		p := ec2.NewDescribeTransitGatewayVpcAttachmentsPaginator(a.ec2(region), &ec2.DescribeTransitGatewayVpcAttachmentsInput{})
		return paged(ctx, p, func(o *ec2.DescribeTransitGatewayVpcAttachmentsOutput) []ec2types.TransitGatewayVpcAttachment {
			var all []ec2types.TransitGatewayVpcAttachment
			for _, one := range o.TransitGatewayVpcAttachments {
				if one.State != ec2types.TransitGatewayAttachmentStateDeleted && one.State != ec2types.TransitGatewayAttachmentStateRejected {
					all = append(all, one)
				}
			}
			return all
		})
	})
}

// vpns are private lines into networks of the account, but those that are gone. The call has no pages.
func (a *account) vpns(ctx context.Context, region string) ([]ec2types.VpnConnection, error) {
	return once(a, []string{"ec2", "VPN connections", region}, func() ([]ec2types.VpnConnection, error) {
		answer, err := a.ec2(region).DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{})
		if err != nil {
			return nil, err
		}
		var all []ec2types.VpnConnection
		for _, one := range answer.VpnConnections {
			if one.State != ec2types.VpnStateDeleted {
				all = append(all, one)
			}
		}
		return all, nil
	})
}

// offered are endpoint services: what the account lets others reach.
func (a *account) offered(ctx context.Context, region string) ([]ec2types.ServiceConfiguration, error) {
	return once(a, []string{"ec2", "endpoint services", region}, func() ([]ec2types.ServiceConfiguration, error) {
		p := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(a.ec2(region), &ec2.DescribeVpcEndpointServiceConfigurationsInput{})
		return paged(ctx, p, func(o *ec2.DescribeVpcEndpointServiceConfigurationsOutput) []ec2types.ServiceConfiguration {
			return o.ServiceConfigurations
		})
	})
}

// diskSnapshotShares are the accounts that a snapshot of a disk is shared with; "all" stands for everybody.
func (a *account) diskSnapshotShares(ctx context.Context, region, snapshot string) ([]string, error) {
	return once(a, []string{"ec2", "shares of snapshot", snapshot, region}, func() ([]string, error) {
		answer, err := a.ec2(region).DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: &snapshot, Attribute: ec2types.SnapshotAttributeNameCreateVolumePermission})
		if err != nil {
			return nil, err
		}
		var with []string
		for _, p := range answer.CreateVolumePermissions {
			with = append(with, aws.ToString(p.UserId)+string(p.Group))
		}
		return with, nil
	})
}

// imageShares are the accounts that an image is shared with.
func (a *account) imageShares(ctx context.Context, region, image string) ([]string, error) {
	return once(a, []string{"ec2", "shares of image", image, region}, func() ([]string, error) {
		answer, err := a.ec2(region).DescribeImageAttribute(ctx, &ec2.DescribeImageAttributeInput{ImageId: &image, Attribute: ec2types.ImageAttributeNameLaunchPermission})
		if err != nil {
			return nil, err
		}
		var with []string
		for _, p := range answer.LaunchPermissions {
			with = append(with, aws.ToString(p.UserId)+string(p.Group)+aws.ToString(p.OrganizationArn)+aws.ToString(p.OrganizationalUnitArn))
		}
		return with, nil
	})
}

// ingressRules are the rules of all security groups that let something in, each with its id.
func (a *account) ingressRules(ctx context.Context, region string) ([]ec2types.SecurityGroupRule, error) {
	return once(a, []string{"ec2", "security group rules", region}, func() ([]ec2types.SecurityGroupRule, error) {
		p := ec2.NewDescribeSecurityGroupRulesPaginator(a.ec2(region), &ec2.DescribeSecurityGroupRulesInput{})
		return paged(ctx, p, func(o *ec2.DescribeSecurityGroupRulesOutput) []ec2types.SecurityGroupRule {
			var all []ec2types.SecurityGroupRule
			for _, r := range o.SecurityGroupRules {
				if !aws.ToBool(r.IsEgress) {
					all = append(all, r)
				}
			}
			return all
		})
	})
}

// ownDisks and ownImages are the snapshots and images of the account itself, whatever else a list holds: those that AWS and others
// make public are not its data.
func (a *account) ownDisks(ctx context.Context, region string) ([]ec2types.Snapshot, error) {
	all, err := a.diskSnapshots(ctx, region)
	return slices.DeleteFunc(slices.Clone(all), func(s ec2types.Snapshot) bool { return s.OwnerId != nil && *s.OwnerId != a.number }), err
}

func (a *account) ownImages(ctx context.Context, region string) ([]ec2types.Image, error) {
	all, err := a.images(ctx, region)
	return slices.DeleteFunc(slices.Clone(all), func(i ec2types.Image) bool { return i.OwnerId != nil && *i.OwnerId != a.number }), err
}
