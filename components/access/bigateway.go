package access

import (
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// forwarders are two, so that one may be replaced without the tools noticing for long.
const forwarders = 2

// firewall leads from the client's addresses to the load balancer, from there to the forwarders, from there to
// the database, and nowhere else.
func (b *bi) firewall() error {
	var err error
	group := func(what, description string) (*ec2.SecurityGroup, error) {
		name := b.Scope.Name(naming.SecurityGroup, "bi", what)
		return ec2.NewSecurityGroup(b.ctx, b.name+"-"+what, &ec2.SecurityGroupArgs{
			Name: pulumi.String(name), Description: pulumi.String(description), VpcId: b.VPCID.ToStringOutput(), Tags: b.Scope.Tags(scope.None, name),
		}, b.parent)
	}
	if b.public, err = group("gateway", "Read-only database access: in from addresses of the client"); err != nil {
		return err
	}
	if b.inside, err = group("forwarder", "Read-only database access: in from the gateway"); err != nil {
		return err
	}
	public, inside := b.public.ID().ToStringOutput(), b.inside.ID().ToStringOutput()
	return b.open(
		opening{what: "forward", from: public, to: inside, port: b.Port, egress: true, ingress: true, fromText: "The gateway", toText: "The forwarders"},
		opening{what: "database", from: inside, to: b.DatabaseSecurityGroupID, port: b.Port, egress: true, ingress: true,
			fromText: "Read-only access for tools of the client", toText: "The read replica"},
		opening{what: "endpoints", from: inside, to: b.EndpointSecurityGroupID, port: httpsPort, egress: true, ingress: true,
			fromText: "Forwarders of read-only database access", toText: "AWS services through endpoints in the VPC"},
		opening{what: "packages", from: inside, toPrefixList: b.S3PrefixListID, port: httpsPort, egress: true, toText: "Amazon Linux packages in S3"},
	)
}

// gateway is the load balancer and the forwarders behind it.
func (b *bi) gateway() error {
	group, err := b.forwarders()
	if err != nil {
		return err
	}
	balancerName := b.Scope.Name(naming.LoadBalancer, "bi")
	balancer, err := lb.NewLoadBalancer(b.ctx, b.name+"-gateway", &lb.LoadBalancerArgs{
		Name: pulumi.String(balancerName), LoadBalancerType: pulumi.String("network"), Internal: pulumi.Bool(false), IpAddressType: pulumi.String("ipv4"),
		Subnets: b.PublicSubnetIDs, SecurityGroups: pulumi.StringArray{b.public.ID()}, EnableCrossZoneLoadBalancing: pulumi.Bool(true),
		// It is meant to go: when the access ends, so does the gateway.
		EnableDeletionProtection: pulumi.Bool(false), Tags: b.Scope.Tags(scope.None, balancerName),
	}, b.parent)
	if err != nil {
		return err
	}
	b.access.Host = balancer.DnsName
	if _, err := lb.NewListener(b.ctx, b.name+"-listener", &lb.ListenerArgs{
		LoadBalancerArn: balancer.Arn, Port: pulumi.Int(b.Port), Protocol: pulumi.String("TCP"), TcpIdleTimeoutSeconds: pulumi.Int(3600),
		DefaultActions: lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{Type: pulumi.String("forward"), TargetGroupArn: group.targets.Arn}},
		Tags:           b.tags("listener"),
	}, b.parent); err != nil {
		return err
	}
	return b.end(group.machines)
}

type forwarderGroup struct {
	targets  *lb.TargetGroup
	machines *autoscaling.Group
}

func (b *bi) forwarders() (forwarderGroup, error) {
	var g forwarderGroup
	profile, permissions, err := b.machineRole("forwarder", "Forwarders of the client's tools write their log", writeLogs(b.logGroup.Arn))
	if err != nil {
		return g, err
	}
	userData := pulumi.All(b.Endpoint, b.logGroup.Name).ApplyT(func(v []any) (string, error) {
		return script("forwarder.sh.tmpl", map[string]any{"Endpoint": v[0], "LogGroup": v[1], "Port": b.Port})
	}).(pulumi.StringOutput)

	name := b.Scope.Name(naming.LaunchTemplate, "bi")
	tags := b.Scope.Tags(scope.None, name)
	specifications := ec2.LaunchTemplateTagSpecificationArray{}
	for _, kind := range []string{"instance", "volume", "network-interface"} {
		specifications = append(specifications, ec2.LaunchTemplateTagSpecificationArgs{ResourceType: pulumi.String(kind), Tags: tags})
	}
	template, err := ec2.NewLaunchTemplate(b.ctx, b.name+"-forwarder", &ec2.LaunchTemplateArgs{
		Name: pulumi.String(name), Description: pulumi.String("Forwarder of read-only database access"),
		ImageId: pulumi.String(b.ImageID), InstanceType: pulumi.String(machineType), UpdateDefaultVersion: pulumi.Bool(true),
		IamInstanceProfile:  ec2.LaunchTemplateIamInstanceProfileArgs{Arn: profile.Arn},
		VpcSecurityGroupIds: pulumi.StringArray{b.inside.ID()},
		MetadataOptions: ec2.LaunchTemplateMetadataOptionsArgs{HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"),
			HttpPutResponseHopLimit: pulumi.Int(1), InstanceMetadataTags: pulumi.String("disabled")},
		BlockDeviceMappings: ec2.LaunchTemplateBlockDeviceMappingArray{ec2.LaunchTemplateBlockDeviceMappingArgs{
			DeviceName: pulumi.String("/dev/xvda"),
			Ebs: ec2.LaunchTemplateBlockDeviceMappingEbsArgs{VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(diskGiB),
				Encrypted: pulumi.String("true"), KmsKeyId: b.VolumesKeyArn.ToStringOutput(), DeleteOnTermination: pulumi.String("true")},
		}},
		Monitoring: ec2.LaunchTemplateMonitoringArgs{Enabled: pulumi.Bool(true)},
		UserData:   userData, TagSpecifications: specifications, Tags: tags,
	}, b.parent)
	if err != nil {
		return g, err
	}
	targetsName := b.Scope.Name(naming.TargetGroup, "bi")
	g.targets, err = lb.NewTargetGroup(b.ctx, b.name+"-targets", &lb.TargetGroupArgs{
		Name: pulumi.String(targetsName), TargetType: pulumi.String("instance"), Protocol: pulumi.String("TCP"), Port: pulumi.Int(b.Port),
		VpcId: b.VPCID.ToStringOutput(), PreserveClientIp: pulumi.String("true"), // so that the log says who connected
		DeregistrationDelay: pulumi.Int(30), ConnectionTermination: pulumi.Bool(true),
		HealthCheck: lb.TargetGroupHealthCheckArgs{Protocol: pulumi.String("TCP"), Interval: pulumi.Int(10), HealthyThreshold: pulumi.Int(2), UnhealthyThreshold: pulumi.Int(2)},
		Tags:        b.Scope.Tags(scope.None, targetsName),
	}, b.parent)
	if err != nil {
		return g, err
	}
	groupName := b.Scope.Name(naming.AutoScalingGroup, "bi")
	groupTags := autoscaling.GroupTagArray{autoscaling.GroupTagArgs{
		Key: pulumi.String("Name"), Value: pulumi.String(groupName), PropagateAtLaunch: pulumi.Bool(false)}}
	values := b.Scope.TagValues(scope.None)
	for _, key := range []string{"client", "data-class", "environment", "managed-by", "stack"} {
		groupTags = append(groupTags, autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: pulumi.String(values[key]), PropagateAtLaunch: pulumi.Bool(false)}) // the launch template tags machines
	}
	g.machines, err = autoscaling.NewGroup(b.ctx, b.name+"-forwarders", &autoscaling.GroupArgs{
		Name: pulumi.String(groupName), MinSize: pulumi.Int(forwarders), MaxSize: pulumi.Int(forwarders), DesiredCapacity: pulumi.Int(forwarders),
		VpcZoneIdentifiers: b.PrivateSubnetIDs, TargetGroupArns: pulumi.StringArray{g.targets.Arn},
		ServiceLinkedRoleArn: b.AutoScalingRoleArn.ToStringOutput(),
		HealthCheckType:      pulumi.String("ELB"), HealthCheckGracePeriod: pulumi.Int(300),
		LaunchTemplate: autoscaling.GroupLaunchTemplateArgs{Id: template.ID(),
			Version: template.LatestVersion.ApplyT(func(v int) string { return fmt.Sprint(v) }).(pulumi.StringOutput)},
		InstanceRefresh: autoscaling.GroupInstanceRefreshArgs{Strategy: pulumi.String("Rolling"),
			Preferences: autoscaling.GroupInstanceRefreshPreferencesArgs{MinHealthyPercentage: pulumi.Int(50)}},
		WaitForCapacityTimeout: pulumi.String("15m"), Tags: groupTags,
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{permissions}))
	if err == nil {
		b.access.GroupName = g.machines.Name
	}
	return g, err
}

// end lets each of the client's addresses in until the last day is over. Then each rule is revoked, and the
// forwarders are stopped: connections that are open outlive the rule that let them in, but not the machine.
func (b *bi) end(machines *autoscaling.Group) error {
	until := b.BI.Until.End()
	groupArn := pulumi.Sprintf("%s/%s", b.Scope.ARN("ec2", b.Scope.Region, "security-group"), b.public.ID())
	revocable := []pulumi.StringInput{groupArn}
	var endings []ending
	for _, from := range b.BI.From {
		label := "from-" + strings.NewReplacer(".", "-", "/", "-").Replace(from.String())
		rule, err := vpc.NewSecurityGroupIngressRule(b.ctx, b.name+"-"+label, &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: b.public.ID(), CidrIpv4: pulumi.String(from.String()), IpProtocol: pulumi.String("tcp"),
			FromPort: pulumi.Int(b.Port), ToPort: pulumi.Int(b.Port),
			Description: pulumi.String("Tools of the client until " + b.BI.Until.String()), Tags: b.tags(label),
		}, b.parent)
		if err != nil {
			return err
		}
		revocable = append(revocable, rule.Arn)
		endings = append(endings, ending{"revoke-" + label, "ec2:revokeSecurityGroupIngress", pulumi.Map{
			"GroupId": b.public.ID(), "SecurityGroupRuleIds": pulumi.StringArray{rule.SecurityGroupRuleId}}})
	}
	endings = append(endings, ending{"stop-forwarders", "autoscaling:updateAutoScalingGroup", pulumi.Map{
		"AutoScalingGroupName": machines.Name, "MinSize": pulumi.Int(0), "MaxSize": pulumi.Int(0), "DesiredCapacity": pulumi.Int(0)}})
	return b.closeAt(until, []policy.Statement{
		{Sid: "CloseTheGateway", Actions: []string{"ec2:RevokeSecurityGroupIngress"}, Resources: revocable},
		{Sid: "StopTheForwarders", Actions: []string{"autoscaling:UpdateAutoScalingGroup"}, Resources: []pulumi.StringInput{machines.Arn}},
	}, endings)
}
