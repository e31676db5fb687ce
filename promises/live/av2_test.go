package live

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/berth-iac/berth/promises"
)

func TestSeveralMachines(t *testing.T) {
	group := func(change func(*asgtypes.AutoScalingGroup)) func(*site) {
		return func(s *site) { change(&s.fleets[0]) }
	}
	check := func(change func(*elbtypes.TargetGroup)) func(*site) { return func(s *site) { change(&s.groups[0]) } }
	mutated(t, "AV-2", nil, []mutation{
		{"no load balancer", func(s *site) { s.balancers = nil }, []string{promises.StackName}},
		{"another stack's load balancer", func(s *site) { s.tags[0].Value = aws.String("staging") }, []string{promises.StackName}},
		{"failed", func(s *site) { s.balancers[0].State.Code = elbtypes.LoadBalancerStateEnumFailed }, []string{doorARN + ".state"}},
		{"one zone less", func(s *site) { s.balancers[0].AvailabilityZones = s.balancers[0].AvailabilityZones[:2] }, []string{doorARN + ".subnets"}},
		{"sends nowhere", func(s *site) { s.rules[secureARN] = s.rules[secureARN][1:] }, []string{doorARN + ".listeners"}},
		{"no way in", func(s *site) { s.tables[3].Routes[0].GatewayId = nil },
			[]string{"subnet-public-a.routes", "subnet-public-b.routes", "subnet-public-c.routes"}},
		{"no auto-scaling group", group(func(g *asgtypes.AutoScalingGroup) { g.TargetGroupARNs = nil }), []string{targetsARN + ".autoscalingGroups"}},
		{"check is off", check(func(g *elbtypes.TargetGroup) { g.HealthCheckEnabled = aws.Bool(false) }), []string{targetsARN + ".healthCheck.enabled"}},
		{"check asks a page", check(func(g *elbtypes.TargetGroup) { g.HealthCheckPath = aws.String("/") }), []string{targetsARN + ".healthCheck.path"}},
		{"check takes errors", check(func(g *elbtypes.TargetGroup) { g.Matcher.HttpCode = aws.String("200-499") }), []string{targetsARN + ".healthCheck.matcher"}},
		{"check is slow", check(func(g *elbtypes.TargetGroup) { g.UnhealthyThresholdCount = aws.Int32(7) }), []string{targetsARN + ".healthCheck.interval"}},
		{"check is slow to trust", check(func(g *elbtypes.TargetGroup) { g.HealthyThresholdCount = aws.Int32(7) }), []string{targetsARN + ".healthCheck.healthyThreshold"}},
		{"check waits", check(func(g *elbtypes.TargetGroup) { g.HealthCheckTimeoutSeconds = aws.Int32(10) }), []string{targetsARN + ".healthCheck.timeout"}},
		{"check is in plain text", check(func(g *elbtypes.TargetGroup) { g.HealthCheckProtocol = elbtypes.ProtocolEnumHttp }), []string{targetsARN + ".healthCheck.protocol"}},
		{"check asks elsewhere", check(func(g *elbtypes.TargetGroup) { g.HealthCheckPort = aws.String("22") }), []string{targetsARN + ".healthCheck.port"}},
		{"smaller than the spec", group(func(g *asgtypes.AutoScalingGroup) { g.MinSize = aws.Int32(2) }), []string{fleetName + ".minSize"}},
		{"no room to grow", group(func(g *asgtypes.AutoScalingGroup) { g.MaxSize = aws.Int32(3) }), []string{fleetName + ".maxSize"}},
		{"fewer wanted", group(func(g *asgtypes.AutoScalingGroup) { g.DesiredCapacity = aws.Int32(1) }), []string{fleetName + ".desiredCapacity"}},
		{"one subnet less", group(func(g *asgtypes.AutoScalingGroup) {
			g.VPCZoneIdentifier = aws.String("subnet-private-a,subnet-private-b")
		}), []string{fleetName + ".vpcZoneIdentifiers"}},
		{"nobody replaces what does not serve", group(func(g *asgtypes.AutoScalingGroup) { g.HealthCheckType = aws.String("EC2") }), []string{fleetName + ".healthCheckType"}},
		{"replaced late", group(func(g *asgtypes.AutoScalingGroup) { g.HealthCheckGracePeriod = aws.Int32(3600) }), []string{fleetName + ".healthCheckGracePeriod"}},
		{"renewed without a spare", group(func(g *asgtypes.AutoScalingGroup) { g.InstanceMaintenancePolicy = nil }), []string{fleetName + ".instanceMaintenancePolicy.minHealthyPercentage"}},
		{"launches suspended", group(func(g *asgtypes.AutoScalingGroup) {
			g.SuspendedProcesses = []asgtypes.SuspendedProcess{{ProcessName: aws.String("Launch")}}
		}), []string{fleetName + ".suspendedProcesses"}},
		{"does not grow when busy", func(s *site) { s.policies = s.policies[1:] }, []string{fleetName + ".policies.cpu"}},
		{"does not grow with requests", func(s *site) { s.policies = s.policies[:1] }, []string{fleetName + ".policies.requests"}},
		{"grows late", func(s *site) { s.policies[0].TargetTrackingConfiguration.TargetValue = aws.Float64(95) }, []string{"policy-cpu.targetTrackingConfiguration.targetValue"}},
		{"policy switched off", func(s *site) { s.policies[1].Enabled = aws.Bool(false) }, []string{"policy-requests.targetTrackingConfiguration.targetValue"}},
		{"follows another's requests", func(s *site) {
			s.policies[1].TargetTrackingConfiguration.PredefinedMetricSpecification.ResourceLabel = aws.String("app/other/1/targetgroup/other/2")
		}, []string{"policy-requests.targetTrackingConfiguration.predefinedMetricSpecification.resourceLabel"}},
		{"a machine does not serve", func(s *site) { s.health[1].TargetHealth.State = elbtypes.TargetHealthStateEnumUnhealthy }, []string{fleetName + ".instances"}},
		{"a machine is on standby", group(func(g *asgtypes.AutoScalingGroup) { g.Instances[0].LifecycleState = asgtypes.LifecycleStateStandby }), []string{fleetName + ".instances"}},
		{"a machine is gone", group(func(g *asgtypes.AutoScalingGroup) { g.Instances = g.Instances[1:] }), []string{fleetName + ".instances"}},
		{"all in one zone", group(func(g *asgtypes.AutoScalingGroup) {
			for i := range g.Instances {
				g.Instances[i].AvailabilityZone = aws.String("eu-west-2a")
			}
		}), []string{fleetName + ".instances.availabilityZone"}},
		{"an old release runs", group(func(g *asgtypes.AutoScalingGroup) {
			g.Instances[2].LaunchTemplate = &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String(templateID), Version: aws.String("6")}
		}), []string{"i-c.launchTemplate.version"}},
		{"made by hand", group(func(g *asgtypes.AutoScalingGroup) { g.Instances[2].LaunchTemplate = nil }), []string{"i-c.launchTemplate.version"}},
		{"no launch templateID", group(func(g *asgtypes.AutoScalingGroup) { g.LaunchTemplate = nil }), []string{fleetName + ".launchTemplate.id"}},
		{"another image", func(s *site) { s.machines[0].ImageId = aws.String("ami-1") }, []string{"i-a.imageId"}},
		{"another type", func(s *site) { s.machines[0].InstanceType = "t3.nano" }, []string{"i-a.instanceType"}},
		{"stopped", func(s *site) { s.machines[0].State.Name = ec2types.InstanceStateNameStopped }, []string{"i-a.state"}},
		{"counted, but terminated", func(s *site) { s.machines[0].State.Name = ec2types.InstanceStateNameTerminated }, []string{"i-a.state"}},
		{"no way out", func(s *site) { s.tables[0].Routes = nil }, []string{"subnet-private-a.routes"}},
		{"the way out is a black hole", func(s *site) { s.tables[0].Routes[0].State = ec2types.RouteStateBlackhole }, []string{"subnet-private-a.routes"}},
		{"out by another zone", func(s *site) { s.tables[0].Routes[0].NatGatewayId = aws.String("nat-b") }, []string{"subnet-private-a.routes"}},
		{"gateway failed", func(s *site) { s.gateways[1].State = ec2types.NatGatewayStateFailed }, []string{"nat-b.state"}},
		{"gateway deleted", func(s *site) { s.gateways[1].State = ec2types.NatGatewayStateDeleted }, []string{"subnet-private-b.routes"}},
		{"gateway without an address", func(s *site) { s.gateways[1].NatGatewayAddresses = nil }, []string{"nat-b.state"}},
		{"no endpoint for keys", func(s *site) { s.endpoints = s.endpoints[1:] }, []string{fleetName + ".endpoints.kms"}},
		{"endpoint failed", func(s *site) { s.endpoints[0].State = ec2types.StateFailed }, []string{"vpce-kms.state"}},
		{"endpoint that nobody finds", func(s *site) { s.endpoints[0].PrivateDnsEnabled = aws.Bool(false) }, []string{"vpce-kms.privateDnsEnabled"}},
		{"endpoint in one zone", func(s *site) { s.endpoints[0].SubnetIds = s.endpoints[0].SubnetIds[:1] }, []string{"vpce-kms.subnetIds"}},
		{"S3 by an interface", func(s *site) { s.endpoints[6].VpcEndpointType = ec2types.VpcEndpointTypeInterface }, []string{"vpce-s3.vpcEndpointType"}},
	})
	unreadable(t, "AV-2", Outside{}, "ElasticLoadBalancingv2:DescribeLoadBalancers", "ElasticLoadBalancingv2:DescribeTags", "ElasticLoadBalancingv2:DescribeRules", "ElasticLoadBalancingv2:DescribeTargetGroups",
		"ElasticLoadBalancingv2:DescribeTargetHealth", "AutoScaling:DescribeAutoScalingGroups", "AutoScaling:DescribePolicies", "EC2:DescribeInstances", "EC2:DescribeSubnets",
		"EC2:DescribeRouteTables", "EC2:DescribeNatGateways", "EC2:DescribeVpcEndpoints", "EC2:DescribeLaunchTemplateVersions")
}

func TestMachinesThatAreBeingStarted(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*site)
		want   string
	}{
		"a spare boots": {func(s *site) {
			s.health[1].TargetHealth.State, s.machines[1].LaunchTime = elbtypes.TargetHealthStateEnumInitial, aws.Time(now.Add(-3*time.Minute))
		}, "2 of 3 machines of " + fleetName + " serve, and 1 more being started"},
		"all boot for the first time": {func(s *site) {
			s.fleets[0].CreatedTime = aws.Time(now.Add(-5 * time.Minute))
			for i := range s.health {
				s.health[i].TargetHealth.State = elbtypes.TargetHealthStateEnumInitial
			}
			for i := range s.fleets[0].Instances {
				s.fleets[0].Instances[i].LifecycleState = asgtypes.LifecycleStatePending
			}
		}, "0 of 3 machines of " + fleetName + " serve, and 3 more being started"},
		"a release goes out": {func(s *site) {
			s.refreshes = []asgtypes.InstanceRefresh{{Status: asgtypes.InstanceRefreshStatusInProgress}}
			s.fleets[0].Instances[0].LaunchTemplate = &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String(templateID), Version: aws.String("6")}
		}, "machine i-a is about to be renewed from version 6 of the launch template to 7"},
		"the load balancer is made": {func(s *site) { s.balancers[0].State.Code = elbtypes.LoadBalancerStateEnumProvisioning }, "load balancer " + doorARN + " is being made"},
		"the gateway is made":       {func(s *site) { s.gateways[0].State = ec2types.NatGatewayStatePending }, "NAT gateway nat-a is being made"},
		"an endpoint is made":       {func(s *site) { s.endpoints[2].State = ec2types.StatePending }, "the endpoint for monitoring is being made"},
		"the main table's way in it": {func(s *site) {
			s.tables[3].Associations = []ec2types.RouteTableAssociation{{Main: aws.Bool(true)}}
			s.gateways[0].State = ec2types.NatGatewayStatePending
		}, "NAT gateway nat-a is being made"},
	} {
		t.Run(name, func(t *testing.T) {
			s := goodSite()
			tc.change(s)
			if why := notShown(t, "AV-2", s, nil, Outside{}); why != tc.want {
				t.Error(why)
			}
		})
	}
}

func TestAnOldReleaseIsNotExcusedByWhatCannotBeRead(t *testing.T) {
	s := goodSite()
	s.fleets[0].Instances[0].LaunchTemplate = &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String(templateID), Version: aws.String("6")}
	if why := notShown(t, "AV-2", s, answers{"AutoScaling:DescribeInstanceRefreshes": errDenied}, Outside{}); !strings.Contains(why, errDenied.Error()) {
		t.Error(why)
	}
}

func TestMachinesOnTheSecondPage(t *testing.T) {
	s := goodSite()
	pages := func(_ string, in any) (any, error) {
		if in.(*ec2.DescribeInstancesInput).NextToken == nil {
			return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: s.machines[:2]}}, NextToken: aws.String("more")}, nil
		}
		return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: s.machines[2:]}}}, nil
	}
	r := makeLook(t, "AV-2", subjectOf(t, "prod"), s.answers().with(answers{"EC2:DescribeInstances": pages}), Outside{})
	if r.Verdict != promises.Kept {
		t.Errorf("%s: %s, %v", r.Verdict, r.Why, brokenAt(r))
	}
	s.machines[2].ImageId = aws.String("ami-1")
	r = makeLook(t, "AV-2", subjectOf(t, "prod"), s.answers().with(answers{"EC2:DescribeInstances": pages}), Outside{})
	if got := strings.Join(brokenAt(r), " "); got != "i-c.imageId" {
		t.Errorf("broken at %s", got)
	}
}
