package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV2 is several machines in several zones behind a load balancer.
func (catalogue) AV2() promises.Promise {
	return promises.Promise{
		ID:    "AV-2",
		Title: "Several machines in several zones",
		Sentence: "Your service runs on at least two machines in at least two availability zones behind a load balancer. When one dies, " +
			"the others take its load and a new one is started by itself.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			zones, least, most, nat := 3, 3, 9, spec.PerZone
			if c := clientOnAWS(s); c != nil {
				zones, least, most, nat = c.AWS.Zones, c.Service.MinMachines, c.Service.MaxMachines, c.Network.NATGateways
			}
			ways := "one for each zone"
			if nat == spec.SingleGateway {
				ways = "one for all zones"
			}
			return []promises.Parameter{
				{Name: "availability zones", Value: howMany(zones, "zone"), Key: "aws.zones"},
				{Name: "machines at least", Value: howMany(least, "machine"), Key: "service.minMachines"},
				{Name: "machines at most", Value: howMany(most, "machine"), Key: "service.maxMachines"},
				{Name: "ways out to the internet", Value: ways, Key: "network.natGateways"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "before every change, the resource graph is followed from the load balancer to the machines' group, its zones, its health check and the way out of each zone"},
			{Level: promises.Live, How: "load balancer, target group, auto-scaling group, launch template, routes, NAT gateways and endpoints are read back from the account: enough machines must be in service and found healthy, in several zones, and be what the template describes"},
			{Level: promises.Drill, How: "a machine is killed under load, the failed requests are counted, and the time until the spare serves is measured"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"several servers", "load balancer", "several availability zones", "single point of failure", "failure of a server",
			"application servers in several zones", "loss of a zone", "machine fails replacement", "redundant servers", "auto scaling",
			"data centres or availability zones", "spare machine", "machine breaks takes over", "server replaced without help", "application servers",
			"horizontal scaling", "high availability architecture", "spare capacity", "load balancing", "autoscaling", "multiple availability zones",
			"redundancy", "server failure", "self-healing", "zone failure",
		},
		Check: severalMachines,
	}
}

const (
	typeRouteTable = "aws:ec2/routeTable:RouteTable"
	typeAddress    = "aws:ec2/eip:Eip"

	fixFleet    = "set service.minMachines and aws.zones in the client's spec, or mend the auto-scaling group in components/compute"
	fixBalancer = "mend the load balancer in components/loadbalancer"
	fixNetwork  = "set network.natGateways: perZone in the client's spec, or mend the routes in components/network"
)

func severalMachines(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	const what = "an application load balancer in front of machines in several zones"
	public := map[*graph.Resource]bool{} // subnets whose way to the internet was looked at
	for _, balancer := range r.Must(frontDoors(s.Graph), "load balancer", what, fixBalancer) {
		spreadOver(r, balancer, "subnets", zoneCount(client), "set aws.zones in the client's spec, or give the load balancer a subnet in each zone")
		for _, subnet := range balancer.Refs("subnets", typeSubnet) {
			hasInternet(r, subnet, public)
		}
		groups := targetsOf(balancer)
		if len(groups) == 0 {
			r.Say(balancer, false, "no listener forwards to a target group", "a listener that forwards requests to the machines", fixBalancer)
		}
		for _, group := range groups {
			isProbed(r, group)
			fleets := fleetsOf(group)
			if len(fleets) == 0 {
				r.Say(group, false, "no auto-scaling group registers its machines", "an auto-scaling group behind it, so that a dead machine is replaced", fixFleet)
			}
			for _, fleet := range fleets {
				f := fleetCheck{Report: r, subject: s, client: client, fleet: fleet, balancer: balancer, group: group, template: fleet.Ref("launchTemplate.id", typeTemplate)}
				f.size()
				f.scaling()
				f.machines()
				for _, subnet := range fleet.Refs("vpcZoneIdentifiers", typeSubnet) {
					r.Want(subnet, subnet.Text("vpcId") == group.Text("vpcId"), "vpcId", "the network of the target group", fixNetwork)
					hasWayOut(r, subnet, client.Network.NATGateways == spec.PerZone, public)
				}
			}
		}
	}
}

// isProbed reports whether a target group notices a machine that does not serve.
func isProbed(r *promises.Report, group *graph.Resource) {
	check := func(property, expected string, holds bool) {
		r.Want(group, holds, "healthCheck."+property, expected, fixBalancer)
	}
	enabled := !group.Has("healthCheck.enabled") || group.Bool("healthCheck.enabled")
	check("enabled", "true, so that a machine which does not serve is noticed", enabled && group.Has("healthCheck"))
	check("path", healthPath+", which the service answers only while it can serve", group.Text("healthCheck.path") == healthPath)
	check("matcher", "200 alone", group.Text("healthCheck.matcher") == "200")
	interval, _ := group.Number("healthCheck.interval")
	failures, _ := group.Number("healthCheck.unhealthyThreshold")
	successes, _ := group.Number("healthCheck.healthyThreshold")
	timeout, _ := group.Number("healthCheck.timeout")
	check("interval", "at most a minute until a dead machine gets no more requests", interval > 0 && failures > 0 && interval*failures <= 60)
	check("healthyThreshold", "at most a minute until a new machine gets requests", successes > 0 && interval*successes <= 60)
	check("timeout", "less than the interval", timeout > 0 && timeout < interval)
	check("protocol", "that of the requests themselves", group.Text("healthCheck.protocol") == group.Text("protocol"))
	check("port", "traffic-port, where the service itself answers", !group.Has("healthCheck.port") || group.Text("healthCheck.port") == "traffic-port")
}

// fleetCheck judges one auto-scaling group behind a target group.
type fleetCheck struct {
	*promises.Report
	subject                   promises.Subject
	client                    *spec.AWSClient
	fleet                     *graph.Resource
	balancer, group, template *graph.Resource // template is nil where the group has none of this stack
}

func (f fleetCheck) size() {
	least, most := float64(max(2, f.client.Service.MinMachines)), float64(f.client.Service.MaxMachines)
	minimum, _ := f.fleet.Number("minSize")
	maximum, _ := f.fleet.Number("maxSize")
	f.Want(f.fleet, minimum >= least, "minSize", fmt.Sprintf("at least %.0f machines", least), fixFleet)
	f.Want(f.fleet, maximum >= max(minimum, most), "maxSize", fmt.Sprintf("room to grow to %.0f machines, as the client's spec says", max(least, most)),
		"set service.maxMachines in the client's spec")
	if wanted, set := f.fleet.Number("desiredCapacity"); set {
		f.Want(f.fleet, wanted >= least, "desiredCapacity", fmt.Sprintf("at least %.0f machines", least), fixFleet)
	}
	spreadOver(f.Report, f.fleet, "vpcZoneIdentifiers", zoneCount(f.client), fixFleet)
	f.Want(f.fleet, f.fleet.Text("healthCheckType") == "ELB", "healthCheckType", "ELB, so that a machine which the load balancer finds dead is replaced", fixFleet)
	grace, _ := f.fleet.Number("healthCheckGracePeriod")
	f.Want(f.fleet, grace > 0 && grace <= 600, "healthCheckGracePeriod", "time to boot, at most 600 seconds, before a dead machine is replaced", fixFleet)
	f.Want(f.fleet, f.fleet.Text("instanceRefresh.strategy") == "Rolling", "instanceRefresh.strategy", "Rolling, so that machines are renewed a few at a time", fixFleet)
	healthy, _ := f.fleet.Number("instanceMaintenancePolicy.minHealthyPercentage")
	f.Want(f.fleet, healthy >= 100, "instanceMaintenancePolicy.minHealthyPercentage", "100, so that a spare serves before a machine is taken away", fixFleet)
	f.Want(f.fleet, len(f.fleet.Texts("suspendedProcesses")) == 0, "suspendedProcesses", "none, so that dead machines are replaced", fixFleet)
}

// scaling reports whether the group grows under load.
func (f fleetCheck) scaling() {
	const policyType = "aws:autoscaling/policy:Policy"
	const metric = "targetTrackingConfiguration.predefinedMetricSpecification."
	cpu, requests := false, false
	for _, policy := range f.fleet.Referrers("autoscalingGroupName", policyType) {
		target, _ := policy.Number("targetTrackingConfiguration.targetValue")
		on := policy.Text("policyType") == "TargetTrackingScaling" && (!policy.Has("enabled") || policy.Bool("enabled"))
		switch policy.Text(metric + "predefinedMetricType") {
		case "ASGAverageCPUUtilization":
			cpu = true
			f.Want(policy, on && target > 0 && target <= 80, "targetTrackingConfiguration.targetValue", "more machines from 80 % of the processors' power at the latest", fixFleet)
		case "ALBRequestCountPerTarget":
			requests = true
			label := answered(f.balancer, "arnSuffix") + "/" + answered(f.group, "arnSuffix")
			f.Want(policy, on && target > 0 && target <= mostRequests, "targetTrackingConfiguration.targetValue",
				fmt.Sprintf("more machines from %d requests a minute to each at the latest", mostRequests), fixFleet)
			f.Want(policy, policy.Text(metric+"resourceLabel") == label, metric+"resourceLabel", "the requests of this load balancer's target group", fixFleet)
		}
	}
	if !cpu {
		f.Say(f.fleet, false, "no policy that follows the processors' load", "a scaling policy that adds machines when they are busy", fixFleet)
	}
	if !requests {
		f.Say(f.fleet, false, "no policy that follows the number of requests", "a scaling policy that adds machines when requests come faster", fixFleet)
	}
}

// mostRequests is how many requests a minute a machine may get before another is started.
const mostRequests = 3000

// bootServices are what a machine asks while it boots and serves: by the last part of their endpoints' names, and with
// the call without which it cannot.
var bootServices = []struct{ name, call string }{
	{"kms", "kms:Decrypt"}, {"logs", "logs:PutLogEvents"}, {"monitoring", "cloudwatch:PutMetricData"},
	{"secretsmanager", "secretsmanager:GetSecretValue"}, {"ssm", "ssm:GetParametersByPath"}, {"sts", "sts:GetCallerIdentity"},
}

// machines reports whether a machine that is started can boot and be reached.
func (f fleetCheck) machines() {
	f.Want(f.fleet, f.template != nil, "launchTemplate.id", "a launch template of this stack, from which a new machine is started", fixFleet)
	if f.template == nil {
		return
	}
	const fix = "mend the launch template in components/compute, machines.go"
	f.Want(f.template, f.template.Text("imageId") == f.client.Service.ImageID, "imageId", "the image of service.imageId, "+f.client.Service.ImageID, "set service.imageId in the client's spec")
	profile := f.template.Ref("iamInstanceProfile.arn", "aws:iam/instanceProfile:InstanceProfile")
	f.Want(f.template, profile != nil && profile.Ref("role", typeRole) != nil, "iamInstanceProfile", "a profile and role of this stack, without which a machine cannot boot", fix)
	f.Want(f.template, !f.template.Has("metadataOptions.httpEndpoint") || f.template.Text("metadataOptions.httpEndpoint") == "enabled", "metadataOptions.httpEndpoint",
		"enabled: there a machine gets what its role may do", fix)
	f.Want(f.template, f.template.Bool("monitoring.enabled"), "monitoring.enabled", "true: load is measured every minute, so that the group grows in time", fix)
	f.Want(f.template, f.template.Text("instanceInitiatedShutdownBehavior") == "terminate", "instanceInitiatedShutdownBehavior",
		"terminate, so that a machine which shuts itself down is replaced", fix)
	machines, doors := firewallsOf(f.template), f.balancer.Refs("securityGroups", typeSecurityGroup)
	port, _ := f.group.Number("port")
	f.Say(f.template, letsThrough(doors, machines, port), fmt.Sprintf("security groups %s and %s on port %.0f", namesOf(doors), namesOf(machines), port),
		"rules by which the load balancer reaches the machines", "mend the pair of rules in components/compute, identity.go")
	f.endpoints(machines)
	f.disks()
}

const fixEndpoints = "mend the endpoints in components/network"

// endpoints reports whether a new machine reaches all that it boots from without the internet.
func (f fleetCheck) endpoints(machines []*graph.Resource) {
	named := map[string]*graph.Resource{} // by the last part of the service's name
	for _, endpoint := range f.subject.Graph.OfType(typeEndpoint) {
		service := endpoint.Text("serviceName")
		if endpoint.Text("vpcId") == f.group.Text("vpcId") {
			named[service[strings.LastIndex(service, ".")+1:]] = endpoint
		}
	}
	for _, service := range bootServices {
		endpoint := named[service.name]
		if endpoint == nil {
			f.Say(f.fleet, false, "no endpoint for "+service.name+" in its network", "an endpoint for "+service.name+", so that a machine boots whatever happens to the internet", fixEndpoints)
			continue
		}
		ask := policyCall{action: service.call, context: map[string]string{"aws:PrincipalAccount": f.client.AWS.Account}}
		f.Want(endpoint, !endpoint.Has("policy") || ask.granted(endpoint.Text("policy")), "policy", "the machines may call "+service.call, fixEndpoints)
		f.Want(endpoint, endpoint.Text("vpcEndpointType") == "Interface", "vpcEndpointType", "Interface", fixEndpoints)
		f.Want(endpoint, endpoint.Bool("privateDnsEnabled"), "privateDnsEnabled", "true, so that machines find it", fixEndpoints)
		near := endpoint.Refs("subnetIds", typeSubnet)
		far := slices.DeleteFunc(f.fleet.Refs("vpcZoneIdentifiers", typeSubnet), func(subnet *graph.Resource) bool { return slices.Contains(near, subnet) })
		f.Want(endpoint, len(far) == 0 && len(near) > 0, "subnetIds", "the machines' own subnets, so that the loss of one zone does not touch another's", fixEndpoints)
		groups := endpoint.Refs("securityGroupIds", typeSecurityGroup)
		f.Say(endpoint, letsThrough(machines, groups, 443), "security groups "+namesOf(machines)+" and "+namesOf(groups),
			"rules by which the machines reach it on port 443: a new machine boots from what it gets there", fixEndpoints)
	}
	const files = "an endpoint for S3 that every zone's machines are routed to: releases and packages come from there"
	s3 := named["s3"]
	if s3 == nil {
		f.Say(f.fleet, false, "no endpoint for s3 in its network", files, fixEndpoints)
		return
	}
	routed := s3.Text("vpcEndpointType") == "Gateway"
	for _, subnet := range f.fleet.Refs("vpcZoneIdentifiers", typeSubnet) {
		routed = routed && slices.Contains(s3.Refs("routeTableIds", typeRouteTable), routeTableOf(subnet))
	}
	f.Want(s3, routed, "routeTableIds", files, fixEndpoints)
}

// disks reports whether the auto-scaling group's role may use the key of the machines' disks: without that no machine starts.
func (f fleetCheck) disks() {
	role := f.fleet.Ref("serviceLinkedRoleArn", "aws:iam/serviceLinkedRole:ServiceLinkedRole")
	for _, disk := range f.template.Items("blockDeviceMappings") {
		if !disk.Has("ebs.kmsKeyId") {
			continue
		}
		key := disk.Ref("ebs.kmsKeyId", typeKey)
		if key == nil {
			f.Want(f.template, false, disk.Path+".ebs.kmsKeyId", "a key of this stack, which the auto-scaling group's role may use", fixFleet)
			continue
		}
		may := role != nil
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant"} {
			ask := policyCall{action: action, is: role, context: map[string]string{"kms:GrantIsForAWSResource": "true"}}
			may = may && ask.granted(key.Text("policy"))
		}
		f.Want(key, may, "policy", "the auto-scaling group's role "+namesOf([]*graph.Resource{role})+" may use the key, so that machines with encrypted disks start",
			"mend the key's policy in components/encryption, plan.go")
	}
}

// routeTableOf is the route table that a subnet is put on, where it belongs to the subnet's network; or nil.
func routeTableOf(subnet *graph.Resource) *graph.Resource {
	associations := subnet.Referrers("subnetId", "aws:ec2/routeTableAssociation:RouteTableAssociation")
	if len(associations) != 1 {
		return nil
	}
	table := associations[0].Ref("routeTableId", typeRouteTable)
	if table == nil || table.Text("vpcId") != subnet.Text("vpcId") {
		return nil
	}
	return table
}

// defaultRoute is the route to the internet of a subnet's own route table, or nil.
func defaultRoute(subnet *graph.Resource) *graph.Resource {
	table := routeTableOf(subnet)
	if table == nil {
		return nil
	}
	routes := slices.DeleteFunc(table.Referrers("routeTableId", "aws:ec2/route:Route"), func(route *graph.Resource) bool {
		return route.Text("destinationCidrBlock") != "0.0.0.0/0"
	})
	if len(routes) != 1 {
		return nil
	}
	return routes[0]
}

// hasInternet reports, once, whether a public subnet has its way to and from the internet.
func hasInternet(r *promises.Report, subnet *graph.Resource, seen map[*graph.Resource]bool) {
	if seen[subnet] {
		return
	}
	seen[subnet] = true
	const expected = "a route to the internet gateway of the subnet's network"
	route := defaultRoute(subnet)
	if route == nil {
		r.Say(subnet, false, "no default route", expected, fixNetwork)
		return
	}
	gateway := route.Ref("gatewayId", "aws:ec2/internetGateway:InternetGateway")
	holds := gateway != nil && gateway.Text("vpcId") == subnet.Text("vpcId")
	r.Say(subnet, holds, "default route "+route.Name+" to "+namesOf([]*graph.Resource{gateway}), expected, fixNetwork)
}

// hasWayOut reports whether a private subnet has a NAT gateway, and one of its own zone where each zone is to have one.
func hasWayOut(r *promises.Report, subnet *graph.Resource, own bool, seen map[*graph.Resource]bool) {
	zone := subnet.Text("availabilityZone")
	expected := "a route to a NAT gateway"
	if own {
		expected = "a route to a NAT gateway in the subnet's own zone, " + zone + ", which the loss of another zone does not touch"
	}
	route := defaultRoute(subnet)
	if route == nil {
		r.Say(subnet, false, "no default route", expected, fixNetwork)
		return
	}
	gateway := route.Ref("natGatewayId", "aws:ec2/natGateway:NatGateway")
	if gateway == nil {
		r.Want(route, false, "natGatewayId", expected, fixNetwork)
		return
	}
	public := gateway.Ref("subnetId", typeSubnet)
	if public == nil {
		r.Want(gateway, false, "subnetId", "a public subnet of this stack", fixNetwork)
		return
	}
	place := public.Text("availabilityZone")
	r.Say(subnet, !own || place == zone, "default route "+route.Name+" to "+gateway.Name+" in "+place, expected, fixNetwork)
	address := gateway.Ref("allocationId", typeAddress)
	r.Want(gateway, address != nil && len(address.Referrers("allocationId", "aws:ec2/natGateway:NatGateway")) == 1 && gateway.Text("connectivityType") != "private",
		"allocationId", "a public address of this stack that no other gateway has", fixNetwork)
	hasInternet(r, public, seen)
}
