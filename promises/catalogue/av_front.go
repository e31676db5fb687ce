package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// The way of a client's request through a stack, as the checks of availability follow it: from the load balancer over
// its listeners to the target group, the auto-scaling group behind that, and the subnets in which machines start.

// healthPath answers 200 while the service can serve.
const healthPath = "/healthz"

// clientOnAWS is the client on AWS that a spec describes, or nil.
func clientOnAWS(s *spec.Spec) *spec.AWSClient {
	if s == nil {
		return nil
	}
	return s.AWSClient
}

// frontDoors are the load balancers that take people's requests. Network load balancers, such as the gateway that is
// opened for a client's BI tools, are none.
func frontDoors(g *graph.Graph) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(g.OfType(typeBalancer)), func(b *graph.Resource) bool {
		return b.Has("loadBalancerType") && b.Text("loadBalancerType") != "application"
	})
}

// listenersOf are a load balancer's listeners.
func listenersOf(balancer *graph.Resource) []*graph.Resource {
	return balancer.Referrers("loadBalancerArn", typeListener)
}

// forwards are the target groups that a list of a listener's or rule's actions sends requests to.
func forwards(of *graph.Resource, actions string) []*graph.Resource {
	var groups []*graph.Resource
	for _, action := range of.Items(actions) {
		if group := action.Ref("targetGroupArn", typeTargetGroup); group != nil && action.Text("type") == "forward" {
			groups = append(groups, group)
		}
	}
	return groups
}

// targetsOf are the target groups that a load balancer forwards to.
func targetsOf(balancer *graph.Resource) []*graph.Resource {
	var groups []*graph.Resource
	for _, listener := range listenersOf(balancer) {
		groups = append(groups, forwards(listener, "defaultActions")...)
		for _, rule := range listener.Referrers("listenerArn", typeListenerRule) {
			groups = append(groups, forwards(rule, "actions")...)
		}
	}
	slices.SortStableFunc(groups, func(a, b *graph.Resource) int { return strings.Compare(a.URN, b.URN) })
	return slices.Compact(groups)
}

// fleetsOf are the auto-scaling groups whose machines register with a target group.
func fleetsOf(group *graph.Resource) []*graph.Resource {
	return group.Referrers("targetGroupArns", typeFleet)
}

// serviceFleets are the auto-scaling groups that serve people's requests.
func serviceFleets(g *graph.Graph) []*graph.Resource {
	var fleets []*graph.Resource
	for _, balancer := range frontDoors(g) {
		for _, group := range targetsOf(balancer) {
			fleets = append(fleets, fleetsOf(group)...)
		}
	}
	return fleets
}

// firewallsOf are the security groups of the machines that a launch template describes.
func firewallsOf(template *graph.Resource) []*graph.Resource {
	return append(template.Refs("networkInterfaces.0.securityGroups", typeSecurityGroup), template.Refs("vpcSecurityGroupIds", typeSecurityGroup)...)
}

// letsThrough tells whether a TCP connection from machines of one security group to another's port passes both.
func letsThrough(from, to []*graph.Resource, port float64) bool {
	passes := func(of, peers []*graph.Resource, rules string) bool {
		for _, group := range of {
			for _, rule := range group.Referrers("securityGroupId", rules) {
				first, _ := rule.Number("fromPort")
				last, _ := rule.Number("toPort")
				protocol := rule.Text("ipProtocol")
				inRange := protocol == "-1" || protocol == "tcp" && first <= port && port <= last
				peer := rule.Ref("referencedSecurityGroupId", typeSecurityGroup)
				if inRange && (slices.Contains(peers, peer) || rule.Text("cidrIpv4") == "0.0.0.0/0") {
					return true
				}
			}
		}
		return false
	}
	return passes(from, to, typeEgress) && passes(to, from, typeIngress)
}

// zonesOf are the availability zones of subnets, each once and in order. What is no subnet of the stack has none.
func zonesOf(subnets []*graph.Resource) []string {
	var zones []string
	for _, subnet := range subnets {
		if zone := subnet.Text("availabilityZone"); zone != "" {
			zones = append(zones, zone)
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// spreadOver reports whether the subnets that a property names lie in enough zones.
func spreadOver(r *promises.Report, of *graph.Resource, property string, least int, fix string) {
	zones := zonesOf(of.Refs(property, typeSubnet))
	found := "subnets in " + strings.Join(zones, ", ")
	if len(zones) == 0 {
		found = "no subnet of this stack"
	}
	r.Say(of, len(zones) >= least, found, fmt.Sprintf("subnets in %d availability zones", least), fix)
}

// spreadGroup reports whether the subnet group that a property names lies in enough zones.
func spreadGroup(r *promises.Report, of *graph.Resource, property, typeToken string, least int, fix string) {
	group := of.Ref(property, typeToken)
	if group == nil {
		r.Want(of, false, property, fmt.Sprintf("a subnet group of this stack over %d availability zones", least), fix)
		return
	}
	spreadOver(r, group, "subnetIds", least, fix)
}

// zoneCount is how many zones the client's spec asks for, at least two.
func zoneCount(c *spec.AWSClient) int { return max(2, c.AWS.Zones) }

// howMany writes a number with its noun, such as "1 zone" or "3 zones".
func howMany(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// answered is a text that a resource answered with; empty where there is none.
func answered(r *graph.Resource, key string) string {
	text, _ := r.Outputs[key].(string)
	return text
}
