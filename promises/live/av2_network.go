package live

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/berth-iac/berth/spec"
)

// defaultRoute is the route to the internet that holds for a subnet; nil where there is none.
func (f *fleetLook) defaultRoute(subnet, vpc string) *ec2types.Route {
	of := func(fits func(ec2types.RouteTable, ec2types.RouteTableAssociation) bool) int {
		return slices.IndexFunc(f.tables, func(t ec2types.RouteTable) bool {
			return slices.ContainsFunc(t.Associations, func(s ec2types.RouteTableAssociation) bool { return fits(t, s) })
		})
	}
	i := of(func(_ ec2types.RouteTable, s ec2types.RouteTableAssociation) bool {
		return aws.ToString(s.SubnetId) == subnet
	})
	if i < 0 { // none of its own: the network's main one
		i = of(func(t ec2types.RouteTable, s ec2types.RouteTableAssociation) bool {
			return aws.ToBool(s.Main) && aws.ToString(t.VpcId) == vpc
		})
	}
	if i < 0 {
		return nil
	}
	for n, route := range f.tables[i].Routes {
		if aws.ToString(route.DestinationCidrBlock) == "0.0.0.0/0" {
			return &f.tables[i].Routes[n]
		}
	}
	return nil
}

// hasInternet tells whether a public subnet has its way to and from the internet.
func (f *fleetLook) hasInternet(subnet, vpc string) {
	route := f.defaultRoute(subnet, vpc)
	found, holds := "no default route", false
	if route != nil {
		found = string(route.State) + ", to " + aws.ToString(route.GatewayId)
		holds = strings.HasPrefix(aws.ToString(route.GatewayId), "igw-") && route.State == ec2types.RouteStateActive
	}
	f.want(object{subnetType, subnet}, holds, "routes", found, "a route to the internet gateway of the subnet's network", fixNetwork)
}

// hasWayOut tells whether a private subnet has a NAT gateway, and one of its own zone where each zone is to have one.
func (f *fleetLook) hasWayOut(subnet, vpc string) {
	o, zone := object{subnetType, subnet}, f.zones[subnet]
	own := f.client.Network.NATGateways == spec.PerZone
	expected := "a route to a NAT gateway"
	if own {
		expected = "a route to a NAT gateway in the subnet's own zone, " + zone + ", which the loss of another zone does not touch"
	}
	route := f.defaultRoute(subnet, vpc)
	if route == nil {
		f.want(o, false, "routes", "no default route", expected, fixNetwork)
		return
	}
	id := aws.ToString(route.NatGatewayId)
	gateway, known := f.gateways[id]
	if !known || route.State != ec2types.RouteStateActive {
		f.want(o, false, "routes", string(route.State)+", to NAT gateway "+joined([]string{id}), expected, fixNetwork)
		return
	}
	if gateway.State == ec2types.NatGatewayStatePending {
		f.tooEarly("NAT gateway %s is being made", f.called(object{natType, id}))
		return
	}
	place := f.zones[aws.ToString(gateway.SubnetId)]
	f.want(o, !own || place == zone, "routes", "to "+f.called(object{natType, id})+" in "+place, expected, fixNetwork)
	public := slices.ContainsFunc(gateway.NatGatewayAddresses, func(a ec2types.NatGatewayAddress) bool { return aws.ToString(a.PublicIp) != "" })
	f.want(object{natType, id}, gateway.State == ec2types.NatGatewayStateAvailable && public, "state", string(gateway.State), "available, with a public address", fixNetwork)
	f.hasInternet(aws.ToString(gateway.SubnetId), vpc)
}

// bootServices are what a machine asks while it boots and serves, by the last part of their endpoints' names.
var bootServices = []string{"kms", "logs", "monitoring", "secretsmanager", "ssm", "sts"}

// boots tells whether a new machine reaches all that it boots from without the internet.
func (f *fleetLook) boots(fleet asgtypes.AutoScalingGroup, vpc string) {
	const fix = "mend the endpoints in components/network"
	found := map[string]ec2types.VpcEndpoint{}
	for _, e := range f.endpoints {
		name := aws.ToString(e.ServiceName)
		if aws.ToString(e.VpcId) == vpc && e.State != ec2types.StateDeleted {
			found[name[strings.LastIndex(name, ".")+1:]] = e
		}
	}
	for _, service := range append(slices.Clone(bootServices), "s3") {
		e, there := found[service]
		if !there {
			f.want(fleetObject(fleet), false, "endpoints."+service, "none", "an endpoint for "+service+", so that a machine boots whatever happens to the internet", fix)
			continue
		}
		o := object{endpointType, aws.ToString(e.VpcEndpointId)}
		if e.State == ec2types.StatePending {
			f.tooEarly("the endpoint for %s is being made", service)
			continue
		}
		f.want(o, strings.EqualFold(string(e.State), string(ec2types.StateAvailable)), "state", string(e.State), "available", fix)
		if service == "s3" {
			f.want(o, e.VpcEndpointType == ec2types.VpcEndpointTypeGateway, "vpcEndpointType", string(e.VpcEndpointType), "Gateway", fix)
			continue
		}
		f.want(o, aws.ToBool(e.PrivateDnsEnabled), "privateDnsEnabled", aws.ToBool(e.PrivateDnsEnabled), "true, so that machines find it", fix)
		far := slices.DeleteFunc(inZones(f.zones, subnetsOf(fleet)), func(zone string) bool { return slices.Contains(inZones(f.zones, e.SubnetIds), zone) })
		f.want(o, len(far) == 0, "subnetIds", "in "+joined(inZones(f.zones, e.SubnetIds)), "a subnet in each zone of the machines, so that the loss of one zone does not touch another's", fix)
	}
}
