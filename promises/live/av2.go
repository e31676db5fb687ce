package live

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/berth-iac/berth/spec"
)

const (
	booting      = 15 * time.Minute // in which a new machine may not serve yet
	mostRequests = 3000             // a minute that a machine may get before another is started

	fixFleet    = "set service.minMachines and aws.zones in the client's spec, or mend the auto-scaling group in components/compute"
	fixBalancer = "mend the load balancer in components/loadbalancer"
	fixNetwork  = "set network.natGateways: perZone in the client's spec, or mend the routes in components/network"
	fixTemplate = "mend the launch template in components/compute, machines.go, and let the group renew its machines"
	fixHealth   = "find out from the service's logs and the group's activities why machines do not serve"
)

// severalMachines looks at AV-2: from the load balancer to the machines that serve now, and their way out.
func severalMachines(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	doors, err := l.frontDoors(ctx)
	if err != nil {
		return err
	}
	if len(doors) == 0 {
		l.missing("load balancer", "an application load balancer in front of machines in several zones", fixBalancer)
		return nil
	}
	f := fleetLook{look: l, client: client}
	if err := f.read(ctx); err != nil {
		return err
	}
	for _, door := range doors {
		if err := f.door(ctx, door); err != nil {
			return err
		}
	}
	return nil
}

// fleetLook judges the way of a request through the account.
type fleetLook struct {
	*look
	client    *spec.AWSClient
	zones     map[string]string // of subnets
	fleets    []asgtypes.AutoScalingGroup
	policies  []asgtypes.ScalingPolicy
	groups    []elbtypes.TargetGroup
	machines  map[string]ec2types.Instance
	templates []ec2types.LaunchTemplateVersion
	tables    []ec2types.RouteTable
	gateways  map[string]ec2types.NatGateway
	endpoints []ec2types.VpcEndpoint
}

func (f *fleetLook) read(ctx context.Context) (err error) {
	a := f.account
	if f.zones, err = a.zones(ctx, a.home); err != nil {
		return err
	}
	if f.fleets, err = a.fleets(ctx, a.home); err != nil {
		return err
	}
	if f.policies, err = a.scalingPolicies(ctx, a.home); err != nil {
		return err
	}
	if f.groups, err = a.targetGroups(ctx, a.home); err != nil {
		return err
	}
	machines, err := a.instances(ctx, a.home)
	if err != nil {
		return err
	}
	f.machines = map[string]ec2types.Instance{}
	for _, m := range machines {
		f.machines[aws.ToString(m.InstanceId)] = m
	}
	if f.templates, err = a.templateVersions(ctx, a.home); err != nil {
		return err
	}
	if f.tables, err = a.routeTables(ctx, a.home); err != nil {
		return err
	}
	gateways, err := a.natGateways(ctx, a.home)
	if err != nil {
		return err
	}
	f.gateways = map[string]ec2types.NatGateway{}
	for _, g := range gateways {
		f.gateways[aws.ToString(g.NatGatewayId)] = g
	}
	f.endpoints, err = a.endpoints(ctx, a.home)
	return err
}

// leastZones is how many zones the spec asks for, at least two.
func (f *fleetLook) leastZones() int { return max(2, f.client.AWS.Zones) }

// least is how many machines must serve.
func (f *fleetLook) least() int { return max(2, f.client.Service.MinMachines) }

func (f *fleetLook) spread(o object, property string, zones []string, fix string) {
	f.want(o, len(zones) >= f.leastZones(), property, "subnets in "+joined(zones), "subnets in "+several(f.leastZones(), "availability zone"), fix)
}

func (f *fleetLook) door(ctx context.Context, door balancer) error {
	o := object{balancerType, door.arn()}
	switch state := door.State; {
	case state != nil && state.Code == elbtypes.LoadBalancerStateEnumProvisioning:
		f.tooEarly("load balancer %s is being made", f.called(o))
	default:
		code := elbtypes.LoadBalancerStateEnum("unknown")
		if state != nil {
			code = state.Code
		}
		f.want(o, code == elbtypes.LoadBalancerStateEnumActive, "state", string(code), "active", "read the load balancer's state in AWS's console")
	}
	var zones []string
	for _, zone := range door.AvailabilityZones {
		zones = append(zones, aws.ToString(zone.ZoneName))
		f.hasInternet(aws.ToString(zone.SubnetId), aws.ToString(door.VpcId))
	}
	f.spread(o, "subnets", distinct(zones), "set aws.zones in the client's spec, or give the load balancer a subnet in each zone")
	targets := door.targets()
	f.want(o, len(targets) > 0, "listeners", several(len(targets), "target group"), "a listener that forwards requests to the machines", fixBalancer)
	for _, arn := range targets {
		i := slices.IndexFunc(f.groups, func(g elbtypes.TargetGroup) bool { return aws.ToString(g.TargetGroupArn) == arn })
		if i < 0 {
			return fmt.Errorf("load balancer %s forwards to %s, which is not among the target groups", door.arn(), arn)
		}
		if err := f.group(ctx, door, f.groups[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleetLook) group(ctx context.Context, door balancer, group elbtypes.TargetGroup) error {
	arn := aws.ToString(group.TargetGroupArn)
	f.probed(group)
	served := 0
	for _, fleet := range f.fleets {
		if !slices.Contains(fleet.TargetGroupARNs, arn) {
			continue
		}
		served++
		f.size(fleet)
		f.scales(fleet, door, group)
		if err := f.serves(ctx, fleet, group); err != nil {
			return err
		}
		for _, subnet := range subnetsOf(fleet) {
			f.hasWayOut(subnet, aws.ToString(group.VpcId))
		}
		f.boots(fleet, aws.ToString(group.VpcId))
	}
	f.want(object{targetGroupType, arn}, served > 0, "autoscalingGroups", several(served, "auto-scaling group"), "an auto-scaling group behind it, so that a dead machine is replaced", fixFleet)
	return nil
}

func subnetsOf(fleet asgtypes.AutoScalingGroup) []string {
	return distinct(strings.FieldsFunc(aws.ToString(fleet.VPCZoneIdentifier), func(r rune) bool { return r == ',' || r == ' ' }))
}

// probed tells whether a target group notices a machine that does not serve.
func (f *fleetLook) probed(g elbtypes.TargetGroup) {
	o := object{targetGroupType, aws.ToString(g.TargetGroupArn)}
	check := func(property string, found any, expected string, holds bool) {
		f.want(o, holds, "healthCheck."+property, found, expected, fixBalancer)
	}
	interval, failures, successes := aws.ToInt32(g.HealthCheckIntervalSeconds), aws.ToInt32(g.UnhealthyThresholdCount), aws.ToInt32(g.HealthyThresholdCount)
	matcher := ""
	if g.Matcher != nil {
		matcher = aws.ToString(g.Matcher.HttpCode)
	}
	check("enabled", aws.ToBool(g.HealthCheckEnabled), "true, so that a machine which does not serve is noticed", aws.ToBool(g.HealthCheckEnabled))
	check("path", aws.ToString(g.HealthCheckPath), healthPath+", which the service answers only while it can serve", aws.ToString(g.HealthCheckPath) == healthPath)
	check("matcher", matcher, "200 alone", matcher == "200")
	check("interval", interval*failures, "at most a minute until a dead machine gets no more requests", interval > 0 && failures > 0 && interval*failures <= 60)
	check("healthyThreshold", interval*successes, "at most a minute until a new machine gets requests", successes > 0 && interval*successes <= 60)
	check("timeout", aws.ToInt32(g.HealthCheckTimeoutSeconds), "less than the interval", aws.ToInt32(g.HealthCheckTimeoutSeconds) < interval)
	check("protocol", string(g.HealthCheckProtocol), "that of the requests themselves", g.HealthCheckProtocol == g.Protocol)
	check("port", aws.ToString(g.HealthCheckPort), "traffic-port, where the service itself answers", aws.ToString(g.HealthCheckPort) == "traffic-port")
}

// fleetObject is an auto-scaling group; Pulumi knows it by its name.
func fleetObject(fleet asgtypes.AutoScalingGroup) object {
	return object{fleetType, aws.ToString(fleet.AutoScalingGroupName)}
}

func (f *fleetLook) size(fleet asgtypes.AutoScalingGroup) {
	o := fleetObject(fleet)
	least, most := f.least(), f.client.Service.MaxMachines
	minimum, maximum, wanted := int(aws.ToInt32(fleet.MinSize)), int(aws.ToInt32(fleet.MaxSize)), int(aws.ToInt32(fleet.DesiredCapacity))
	f.want(o, minimum >= least, "minSize", minimum, fmt.Sprintf("at least %d machines", least), fixFleet)
	f.want(o, maximum >= max(minimum, most), "maxSize", maximum, fmt.Sprintf("room to grow to %d machines, as the client's spec says", max(least, most)), "set service.maxMachines in the client's spec")
	f.want(o, wanted >= least, "desiredCapacity", wanted, fmt.Sprintf("at least %d machines", least), fixFleet)
	f.spread(o, "vpcZoneIdentifiers", inZones(f.zones, subnetsOf(fleet)), fixFleet)
	kind := aws.ToString(fleet.HealthCheckType)
	f.want(o, slices.Contains(strings.Split(kind, ","), "ELB"), "healthCheckType", kind, "ELB, so that a machine which the load balancer finds dead is replaced", fixFleet)
	grace := aws.ToInt32(fleet.HealthCheckGracePeriod)
	f.want(o, grace > 0 && grace <= 600, "healthCheckGracePeriod", grace, "time to boot, at most 600 seconds, before a dead machine is replaced", fixFleet)
	healthy := int32(0)
	if fleet.InstanceMaintenancePolicy != nil {
		healthy = aws.ToInt32(fleet.InstanceMaintenancePolicy.MinHealthyPercentage)
	}
	f.want(o, healthy >= 100, "instanceMaintenancePolicy.minHealthyPercentage", healthy, "100, so that a spare serves before a machine is taken away", fixFleet)
	var suspended []string
	for _, p := range fleet.SuspendedProcesses {
		suspended = append(suspended, aws.ToString(p.ProcessName))
	}
	f.want(o, len(suspended) == 0, "suspendedProcesses", joined(suspended), "none, so that dead machines are replaced", fixFleet)
}

// scales tells whether the group grows under load.
func (f *fleetLook) scales(fleet asgtypes.AutoScalingGroup, door balancer, group elbtypes.TargetGroup) {
	const target = "targetTrackingConfiguration.targetValue"
	cpu, requests := false, false
	for _, p := range f.policies {
		t := p.TargetTrackingConfiguration
		if aws.ToString(p.AutoScalingGroupName) != aws.ToString(fleet.AutoScalingGroupName) || t == nil || t.PredefinedMetricSpecification == nil {
			continue
		}
		o := object{scalingType, aws.ToString(p.PolicyARN)}
		value, on := aws.ToFloat64(t.TargetValue), p.Enabled == nil || *p.Enabled
		switch t.PredefinedMetricSpecification.PredefinedMetricType {
		case asgtypes.MetricTypeASGAverageCPUUtilization:
			cpu = true
			f.want(o, on && value > 0 && value <= 80, target, value, "more machines from 80 % of the processors' power at the latest", fixFleet)
		case asgtypes.MetricTypeALBRequestCountPerTarget:
			requests = true
			f.want(o, on && value > 0 && value <= mostRequests, target, value, fmt.Sprintf("more machines from %d requests a minute to each at the latest", mostRequests), fixFleet)
			label := aws.ToString(t.PredefinedMetricSpecification.ResourceLabel)
			f.want(o, label == dimension(door.arn())+"/"+dimension(aws.ToString(group.TargetGroupArn)), "targetTrackingConfiguration.predefinedMetricSpecification.resourceLabel",
				label, "the requests of this load balancer's target group", fixFleet)
		}
	}
	o := fleetObject(fleet)
	f.want(o, cpu, "policies.cpu", cpu, "a scaling policy that adds machines when they are busy", fixFleet)
	f.want(o, requests, "policies.requests", requests, "a scaling policy that adds machines when requests come faster", fixFleet)
}

// serves tells whether enough machines serve now, in several zones, and are what the launch template describes.
func (f *fleetLook) serves(ctx context.Context, fleet asgtypes.AutoScalingGroup, group elbtypes.TargetGroup) error {
	o := fleetObject(fleet)
	told, err := f.targetHealth(ctx, f.home, aws.ToString(group.TargetGroupArn))
	if err != nil {
		return err
	}
	health := map[string]elbtypes.TargetHealthStateEnum{}
	for _, t := range told {
		if t.Target != nil && t.TargetHealth != nil {
			health[aws.ToString(t.Target.Id)] = t.TargetHealth.State
		}
	}
	version := f.version(fleet)
	var serving, zones, starting []string
	for _, i := range fleet.Instances {
		id := aws.ToString(i.InstanceId)
		state := i.LifecycleState
		switch {
		case state == asgtypes.LifecycleStateInService && aws.ToString(i.HealthStatus) == "Healthy" && health[id] == elbtypes.TargetHealthStateEnumHealthy:
			serving, zones = append(serving, id), append(zones, aws.ToString(i.AvailabilityZone))
		case strings.HasPrefix(string(state), "Pending"), state == asgtypes.LifecycleStateInService && f.younger(f.machines[id].LaunchTime, booting):
			starting = append(starting, id)
		}
		if state == asgtypes.LifecycleStateInService {
			if err := f.runs(ctx, i, fleet, version); err != nil {
				return err
			}
		}
	}
	zones = distinct(zones)
	least := f.least()
	enough := len(serving) >= least && len(zones) >= 2
	if !enough && (f.younger(fleet.CreatedTime, booting) || len(zones) >= 2 && len(serving)+len(starting) >= least) {
		f.tooEarly("%d of %d machines of %s serve, and %d more being started", len(serving), least, f.called(o), len(starting))
		return nil
	}
	f.want(o, len(serving) >= least, "instances", several(len(serving), "machine")+" in service and healthy", fmt.Sprintf("at least %d that the load balancer finds healthy", least), fixHealth)
	f.want(o, len(zones) >= 2, "instances.availabilityZone", joined(zones), "machines that serve in at least 2 zones", fixHealth)
	return nil
}

// version is the launch template's version by which the group starts machines; nil where there is none.
func (f *fleetLook) version(fleet asgtypes.AutoScalingGroup) *ec2types.LaunchTemplateVersion {
	t := fleet.LaunchTemplate
	if t == nil {
		return nil
	}
	var found *ec2types.LaunchTemplateVersion
	for i := range f.templates {
		v := &f.templates[i]
		if aws.ToString(v.LaunchTemplateId) != aws.ToString(t.LaunchTemplateId) {
			continue
		}
		switch name := aws.ToString(t.Version); {
		case name == strconv.FormatInt(aws.ToInt64(v.VersionNumber), 10), (name == "" || name == "$Default") && aws.ToBool(v.DefaultVersion):
			return v
		case name == "$Latest" && (found == nil || aws.ToInt64(v.VersionNumber) > aws.ToInt64(found.VersionNumber)):
			found = v
		}
	}
	return found
}

// runs tells whether a machine in service is of the group's version of the launch template, and that is as the spec says.
func (f *fleetLook) runs(ctx context.Context, i asgtypes.Instance, fleet asgtypes.AutoScalingGroup, version *ec2types.LaunchTemplateVersion) error {
	o := object{machineType, aws.ToString(i.InstanceId)}
	if version == nil {
		f.want(fleetObject(fleet), false, "launchTemplate.id", "none", "a launch template, from which a new machine is started", fixFleet)
		return nil
	}
	want, runs := strconv.FormatInt(aws.ToInt64(version.VersionNumber), 10), ""
	if i.LaunchTemplate != nil && aws.ToString(i.LaunchTemplate.LaunchTemplateId) == aws.ToString(version.LaunchTemplateId) {
		runs = aws.ToString(i.LaunchTemplate.Version)
	}
	if runs != want {
		renewing, err := f.renewing(ctx, fleet)
		if err != nil {
			return err
		}
		if renewing {
			f.tooEarly("machine %s is about to be renewed from version %s of the launch template to %s", o.id, runs, want)
			return nil
		}
	}
	f.want(o, runs == want, "launchTemplate.version", runs, want+", the version that the group starts machines by", fixTemplate)
	machine, known := f.machines[o.id]
	if !known {
		f.want(o, false, "state", "the group counts it, and it does not run", "running", fixHealth)
		return nil
	}
	state := ec2types.InstanceStateName("")
	if machine.State != nil {
		state = machine.State.Name
	}
	f.want(o, state == ec2types.InstanceStateNameRunning, "state", string(state), "running", fixHealth)
	image, kind := aws.ToString(machine.ImageId), string(machine.InstanceType)
	f.want(o, image == f.client.Service.ImageID, "imageId", image, "the image of service.imageId, "+f.client.Service.ImageID, fixTemplate)
	f.want(o, kind == f.client.Service.InstanceType, "instanceType", kind, "the type of service.instanceType, "+f.client.Service.InstanceType, fixTemplate)
	return nil
}

// renewing tells whether a group is about to replace its machines.
func (f *fleetLook) renewing(ctx context.Context, fleet asgtypes.AutoScalingGroup) (bool, error) {
	all, err := f.refreshes(ctx, f.home, aws.ToString(fleet.AutoScalingGroupName))
	return slices.ContainsFunc(all, func(r asgtypes.InstanceRefresh) bool {
		return slices.Contains([]asgtypes.InstanceRefreshStatus{asgtypes.InstanceRefreshStatusPending, asgtypes.InstanceRefreshStatusInProgress,
			asgtypes.InstanceRefreshStatusBaking, asgtypes.InstanceRefreshStatusRollbackInProgress}, r.Status)
	}), err
}
