package compute

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	rootDevice    = "/dev/xvda" // of Amazon Linux 2023
	rootGiB       = 20
	warmupSeconds = 120 // from a machine's start of service until its load counts
	graceSeconds  = 300 // for a machine to boot before the load balancer's check can replace it
	lifetimeDays  = 30  // after which a machine is replaced whatever its state (AC-1)
	cpuPercent    = 60.0
	// requestsPerMachine is the requests a minute at which the group grows.
	requestsPerMachine = 1500.0
)

// launchTemplate describes a machine. Each version is a release or a configuration.
func (b *builder) launchTemplate() (*ec2.LaunchTemplate, error) {
	physical := b.Scope.Name(naming.LaunchTemplate, "service")
	tags := b.Scope.Tags(scope.None, physical)
	var tagged ec2.LaunchTemplateTagSpecificationArray
	for _, kind := range []string{"instance", "network-interface", "volume"} {
		tagged = append(tagged, ec2.LaunchTemplateTagSpecificationArgs{ResourceType: pulumi.String(kind), Tags: tags})
	}
	userData := b.Configuration.Digest.ApplyT(func(digest string) (string, error) {
		script, err := b.boot(digest).render()
		return base64.StdEncoding.EncodeToString([]byte(script)), err
	}).(pulumi.StringOutput)
	args := &ec2.LaunchTemplateArgs{
		Name:                 pulumi.String(physical),
		Description:          pulumi.String("TaskFlow " + b.Service.Release.Version),
		UpdateDefaultVersion: pulumi.Bool(true),
		ImageId:              pulumi.String(b.Service.ImageID),
		InstanceType:         pulumi.String(b.Service.InstanceType),
		UserData:             userData,
		EbsOptimized:         pulumi.String("true"),
		IamInstanceProfile:   ec2.LaunchTemplateIamInstanceProfileArgs{Arn: b.Identity.ProfileArn},
		// One hop: nothing but the machine itself gets its credentials.
		MetadataOptions: ec2.LaunchTemplateMetadataOptionsArgs{
			HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"),
			HttpPutResponseHopLimit: pulumi.Int(1), InstanceMetadataTags: pulumi.String("disabled"),
		},
		Monitoring: ec2.LaunchTemplateMonitoringArgs{Enabled: pulumi.Bool(true)},
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex: pulumi.Int(0), AssociatePublicIpAddress: pulumi.String("false"), DeleteOnTermination: pulumi.String("true"),
			SecurityGroups: pulumi.StringArray{b.Identity.SecurityGroupID},
		}},
		BlockDeviceMappings: ec2.LaunchTemplateBlockDeviceMappingArray{ec2.LaunchTemplateBlockDeviceMappingArgs{
			DeviceName: pulumi.String(rootDevice),
			Ebs: ec2.LaunchTemplateBlockDeviceMappingEbsArgs{
				VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(rootGiB), DeleteOnTermination: pulumi.String("true"),
				Encrypted: pulumi.String("true"), KmsKeyId: b.Keys.Volumes.Arn,
			},
		}},
		InstanceInitiatedShutdownBehavior: pulumi.String("terminate"),
		TagSpecifications:                 tagged,
		Tags:                              tags,
	}
	if b.Tier == spec.Dedicated {
		args.Placement = ec2.LaunchTemplatePlacementArgs{Tenancy: pulumi.String("dedicated")}
	}
	return ec2.NewLaunchTemplate(b.ctx, b.name+"-template", args, b.child)
}

// scalingGroup keeps the machines running over the zones, and replaces them without a gap when the
// template changes: first a third, then, if the service stays well for five minutes, the rest.
func (b *builder) scalingGroup(template *ec2.LaunchTemplate, ready []pulumi.Resource) (*autoscaling.Group, error) {
	var tags autoscaling.GroupTagArray
	values := b.Scope.TagValues(scope.None)
	values["Name"] = b.groupName
	for _, key := range slices.Sorted(maps.Keys(values)) {
		// The template tags the machines.
		tags = append(tags, autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: pulumi.String(values[key]), PropagateAtLaunch: pulumi.Bool(false)})
	}
	group, err := autoscaling.NewGroup(b.ctx, b.name+"-group", &autoscaling.GroupArgs{
		Name:    pulumi.String(b.groupName),
		MinSize: pulumi.Int(b.Service.MinMachines),
		MaxSize: pulumi.Int(b.Service.MaxMachines),
		LaunchTemplate: autoscaling.GroupLaunchTemplateArgs{
			Id:      template.ID().ToStringOutput().ToStringPtrOutput(),
			Version: template.LatestVersion.ApplyT(strconv.Itoa).(pulumi.StringOutput), // a number: "$Latest" would refresh nothing
		},
		VpcZoneIdentifiers:     b.Network.PrivateSubnetIDs,
		TargetGroupArns:        pulumi.StringArray{b.LoadBalancer.TargetGroupArn},
		ServiceLinkedRoleArn:   b.Keys.AutoScalingRoleArn,
		HealthCheckType:        pulumi.String("ELB"),
		HealthCheckGracePeriod: pulumi.Int(graceSeconds),
		DefaultInstanceWarmup:  pulumi.Int(warmupSeconds),
		MaxInstanceLifetime:    pulumi.Int(lifetimeDays * 24 * 60 * 60),
		TerminationPolicies:    pulumi.ToStringArray([]string{"OldestLaunchTemplate", "OldestInstance"}),
		MetricsGranularity:     pulumi.String("1Minute"),
		EnabledMetrics: pulumi.ToStringArray([]string{
			"GroupDesiredCapacity", "GroupInServiceInstances", "GroupMaxSize", "GroupMinSize", "GroupPendingInstances",
			"GroupTerminatingInstances", "GroupTotalInstances",
		}),
		InstanceMaintenancePolicy: autoscaling.GroupInstanceMaintenancePolicyArgs{
			MinHealthyPercentage: pulumi.Int(100), MaxHealthyPercentage: pulumi.Int(150),
		},
		InstanceRefresh: autoscaling.GroupInstanceRefreshArgs{
			Strategy: pulumi.String("Rolling"),
			Preferences: autoscaling.GroupInstanceRefreshPreferencesArgs{
				MinHealthyPercentage: pulumi.Int(100), MaxHealthyPercentage: pulumi.Int(150),
				InstanceWarmup: pulumi.String(strconv.Itoa(warmupSeconds)),
				AutoRollback:   pulumi.Bool(true), SkipMatching: pulumi.Bool(true),
				CheckpointPercentages: pulumi.ToIntArray([]int{34, 100}), CheckpointDelay: pulumi.String("300"),
			},
		},
		Tags: tags,
	}, b.child, pulumi.DependsOn(ready), pulumi.IgnoreChanges([]string{"desiredCapacity"})) // the policies below set it
	if err != nil {
		return nil, err
	}
	return group, b.scaling(group)
}

// scaling adds machines when they are busy and takes them away when they are not.
func (b *builder) scaling(group *autoscaling.Group) error {
	requests := autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs{
		PredefinedMetricType: pulumi.String("ALBRequestCountPerTarget"),
		ResourceLabel:        pulumi.Sprintf("%s/%s", b.LoadBalancer.ArnSuffix, b.LoadBalancer.TargetGroupArnSuffix),
	}
	busy := autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs{
		PredefinedMetricType: pulumi.String("ASGAverageCPUUtilization"),
	}
	for _, p := range []struct {
		name   string
		metric autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs
		target float64
	}{{"cpu", busy, cpuPercent}, {"requests", requests, requestsPerMachine}} {
		if _, err := autoscaling.NewPolicy(b.ctx, b.name+"-scale-by-"+p.name, &autoscaling.PolicyArgs{
			Name:                 pulumi.String(b.Scope.Name(naming.AutoScalingGroup, "service", p.name)),
			AutoscalingGroupName: group.Name,
			PolicyType:           pulumi.String("TargetTrackingScaling"),
			TargetTrackingConfiguration: autoscaling.PolicyTargetTrackingConfigurationArgs{
				PredefinedMetricSpecification: p.metric, TargetValue: pulumi.Float64(p.target),
			},
		}, b.child); err != nil {
			return err
		}
	}
	return nil
}
