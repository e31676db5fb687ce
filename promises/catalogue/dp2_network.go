package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// How DP-2 reads the network around databases: routes, access lists, firewall rules, endpoints.

// isolation of a subnet: no route out of the network, and an access list of its own.
func (x *reach) isolation(subnet *graph.Resource) {
	x.r.Want(subnet, subnet.Ref("vpcId", typeVPC) != nil, "vpcId", "the stack's own network", fixIsolation)
	ways, known := routes(subnet)
	found := "no route table of its own, or one with routes inside"
	if known {
		found = howMany(len(ways), "route")
	}
	x.r.Say(subnet, known && len(ways) == 0, found, "a route table of its own without any route: no way to or from the internet", fixIsolation)
	lists := subnet.Referrers("subnetIds", accessListType)
	x.r.Say(subnet, len(lists) == 1, howMany(len(lists), "access list"), "an access list of its own, which admits the machines of the service only", "components/network, acl.go, makes it")
}

const accessListType = "aws:ec2/networkAcl:NetworkAcl"

// accessLists of isolated subnets admit machines to the data ports, and databases to each other.
func (x *reach) accessLists() {
	const fix = "components/network, acl.go, writes the rules"
	var lists []*graph.Resource
	for _, subnet := range x.isolated {
		for _, list := range subnet.Referrers("subnetIds", accessListType) {
			if !slices.Contains(lists, list) {
				lists = append(lists, list)
			}
		}
	}
	for _, list := range lists {
		x.r.Say(list, len(list.List("ingress")) == 0 && len(list.List("egress")) == 0, "rules in the list itself: "+fmt.Sprint(len(list.List("ingress"))+len(list.List("egress"))),
			"none: each rule is a resource of its own", fix)
		rules := list.Referrers("networkAclId", "aws:ec2/networkAclRule:NetworkAclRule")
		for _, rule := range rules {
			x.accessRule(rule, fix)
		}
		x.admitted(list, rules, fix)
	}
}

// admitted reports whether an access list lets the machines of all subnets in, and databases speak with each other.
func (x *reach) admitted(list *graph.Resource, rules []*graph.Resource, fix string) {
	const ephemeral, highest = 1024, 65535
	var shut []string
	need := func(subnets []*graph.Resource, egress bool, first, last float64) {
		for _, subnet := range subnets {
			if !slices.ContainsFunc(rules, func(rule *graph.Resource) bool {
				from, _ := rule.Number("fromPort")
				to, _ := rule.Number("toPort")
				return rule.Text("ruleAction") == "allow" && rule.Bool("egress") == egress && rule.Text("cidrBlock") == subnet.Text("cidrBlock") && from <= first && to >= last
			}) {
				shut = append(shut, subnet.Name)
			}
		}
	}
	for _, s := range x.stores {
		if s.port > 0 {
			need(x.private, false, s.port, s.port)
		}
	}
	need(x.private, true, ephemeral, highest)
	need(x.isolated, false, ephemeral, highest)
	need(x.isolated, true, ephemeral, highest)
	x.r.Want(list, list.Ref("vpcId", typeVPC) != nil, "vpcId", "the stack's own network", fix)
	slices.Sort(shut)
	x.r.Say(list, len(shut) == 0, "shut out: "+orNobody(slices.Compact(shut)), "a way for the machines' subnets and for the databases' own, so that nobody needs another", fix)
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

func (x *reach) accessRule(rule *graph.Resource, fix string) {
	first, last := rule.Text("fromPort"), rule.Text("toPort")
	direction := "from"
	if rule.Bool("egress") {
		direction = "to"
	}
	found := fmt.Sprintf("%s ports %s to %s %s %s", rule.Text("ruleAction"), first, last, direction, rule.Text("cidrBlock")+rule.Text("ipv6CidrBlock"))
	switch rule.Text("ruleAction") {
	case "deny":
		x.r.Say(rule, true, found, "what is refused", fix)
		return
	case "allow":
	default:
		x.r.Want(rule, false, "ruleAction", "allow or deny", fix)
		return
	}
	answers, _ := rule.Number("fromPort")
	cidr := func(subnets []*graph.Resource) bool {
		return !rule.Has("ipv6CidrBlock") && slices.ContainsFunc(subnets, func(s *graph.Resource) bool { return s.Text("cidrBlock") == rule.Text("cidrBlock") })
	}
	tcp := rule.Text("protocol") == "tcp" || rule.Text("protocol") == "6"
	expected := "the machines' subnets on the databases' ports"
	holds := tcp && cidr(x.private) && first == last && slices.ContainsFunc(x.stores, func(s store) bool { return fmt.Sprint(s.port) == first })
	switch {
	case cidr(x.isolated):
		expected, holds = "the databases' own subnets, on ports from 1024 up", tcp && answers >= 1024
	case rule.Bool("egress"):
		expected, holds = "answers to the machines' subnets, on ports from 1024 up", tcp && answers >= 1024 && cidr(x.private)
	}
	x.r.Say(rule, holds, found, expected, fix)
}

// firewalls are closed, but for rules that name a security group of the stack.
func (x *reach) firewalls() {
	for _, group := range x.r.Must(x.g.OfType(typeSecurityGroup), "security group", "security groups of the stack", "components/securitygroup makes them") {
		x.r.Want(group, group.Ref("vpcId", typeVPC) != nil, "vpcId", "the stack's own network", fixIsolation)
		inside := len(group.List("ingress")) + len(group.List("egress"))
		x.r.Say(group, inside == 0, fmt.Sprintf("rules in the group itself: %d", inside), "none: closed, and each opening is a resource of its own", "make each opening a rule of its own")
	}
	for _, rule := range x.g.OfType("aws:ec2/securityGroupRule:SecurityGroupRule") {
		x.r.Say(rule, false, "a rule of the old kind, which can replace others", "a rule of aws:vpc", "use SecurityGroupIngressRule or SecurityGroupEgressRule")
	}
	for _, rule := range x.g.OfType(typeIngress) {
		x.opening(rule)
	}
	for _, rule := range x.g.OfType(typeEgress) {
		x.wayOut(rule)
	}
}

// onlyThrough is how data is reached: by the machines of the service, which the client's address leads to.
func (x *reach) onlyThrough() {
	for _, s := range x.stores {
		if s.port > 0 {
			reached := letsThrough(x.service, s.groups, s.port)
			x.r.Say(s.resource, reached, map[bool]string{true: "the rules are there", false: "a rule is missing"}[reached],
				"rules by which the machines of the service reach it on its port", "the component makes them with components/securitygroup")
		}
	}
}

// stored are the databases and caches that a security group guards.
func (x *reach) stored(group *graph.Resource) []store {
	var found []store
	for _, s := range x.stores {
		if slices.Contains(s.groups, group) {
			found = append(found, s)
		}
	}
	return found
}

// span writes a rule's ports and peer.
func span(rule *graph.Resource) string {
	peer := rule.Text("cidrIpv4") + rule.Text("cidrIpv6") + rule.Text("prefixListId")
	if group := rule.Ref("referencedSecurityGroupId", typeSecurityGroup); group != nil {
		peer += group.Name
	}
	if peer == "" {
		peer = "nobody of this stack"
	}
	return fmt.Sprintf("%s, ports %s to %s, %s", rule.Text("ipProtocol"), rule.Text("fromPort"), rule.Text("toPort"), peer)
}

// opening is a rule that lets something in.
func (x *reach) opening(rule *graph.Resource) {
	group, peer := rule.Ref("securityGroupId", typeSecurityGroup), rule.Ref("referencedSecurityGroupId", typeSecurityGroup)
	if group == nil {
		x.r.Want(rule, false, "securityGroupId", "a security group of the stack", fixRule)
		return
	}
	if x.balancers(group) {
		return // who comes to a load balancer is AV-12's, to the gateway of a client's tools DP-5's
	}
	ranged := rule.Has("cidrIpv4") || rule.Has("cidrIpv6") || rule.Has("prefixListId")
	port, _ := rule.Number("fromPort")
	one := rule.Text("ipProtocol") == "tcp" && rule.Text("fromPort") == rule.Text("toPort") && port > 0
	guarded := x.stored(group)
	if len(guarded) == 0 {
		x.r.Say(rule, !ranged && peer != nil && one, span(rule), "one port, from a security group of the stack; no range of addresses", fixRule)
		return
	}
	known := slices.Contains(x.service, peer) || slices.Contains(x.doors, peer)
	fits := slices.ContainsFunc(guarded, func(s store) bool { return s.port == port })
	x.r.Say(rule, !ranged && peer != nil && one && known && fits, span(rule),
		"the database's own port, from the machines of the service; from others only while the client's spec opens access", "remove the rule, or set access in the client's spec")
}

// balancers tells whether a security group belongs to a load balancer.
func (x *reach) balancers(group *graph.Resource) bool {
	return len(group.Referrers("securityGroups", typeBalancer)) > 0
}

// wayOut is a rule that lets something out. Databases need none; machines speak HTTPS to the world, for mail and webhooks.
func (x *reach) wayOut(rule *graph.Resource) {
	group, peer := rule.Ref("securityGroupId", typeSecurityGroup), rule.Ref("referencedSecurityGroupId", typeSecurityGroup)
	if group == nil {
		x.r.Want(rule, false, "securityGroupId", "a security group of the stack", fixRule)
		return
	}
	if len(x.stored(group)) > 0 {
		x.r.Say(rule, false, span(rule), "no rule: nothing goes out from a database", "remove the rule")
		return
	}
	one := rule.Text("ipProtocol") == "tcp" && rule.Text("fromPort") == rule.Text("toPort") && rule.Text("fromPort") != "0"
	https := one && rule.Text("fromPort") == "443"
	switch {
	case rule.Has("cidrIpv4") || rule.Has("cidrIpv6"):
		x.r.Say(rule, https && slices.Contains(x.service, group) && peer == nil, span(rule), "HTTPS on port 443, from machines of the service only", fixRule)
	case rule.Has("prefixListId"):
		own := slices.ContainsFunc(x.g.OfType(typeEndpoint), func(e *graph.Resource) bool { return answered(e, "prefixListId") == rule.Text("prefixListId") })
		x.r.Say(rule, https && own, span(rule), "HTTPS on port 443, to the endpoint of S3 in the network", fixRule)
	default:
		x.r.Say(rule, one && peer != nil, span(rule), "one port, to a security group of the stack", fixRule)
	}
}

// defaults are what a new resource gets that is given nothing else: no rule, no route.
func (x *reach) defaults() {
	for _, vpc := range x.r.Must(x.g.OfType(typeVPC), "network", "a network of the client's own", fixIsolation) {
		groups := vpc.Referrers("vpcId", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
		x.r.Say(vpc, len(groups) == 1, howMany(len(groups), "emptied default security group"), "a default security group without rules", fixIsolation)
		for _, group := range groups {
			x.r.Want(group, len(group.List("ingress")) == 0, "ingress", "no rule", fixIsolation)
			x.r.Want(group, len(group.List("egress")) == 0, "egress", "no rule", fixIsolation)
		}
		var tables []*graph.Resource
		for _, table := range x.g.OfType("aws:ec2/defaultRouteTable:DefaultRouteTable") {
			if table.Text("defaultRouteTableId") == answered(vpc, "defaultRouteTableId") {
				tables = append(tables, table)
			}
		}
		x.r.Say(vpc, len(tables) == 1, howMany(len(tables), "emptied default route table"), "a default route table without routes", fixIsolation)
		for _, table := range tables {
			x.r.Want(table, len(table.List("routes")) == 0, "routes", "no route", fixIsolation)
		}
	}
}

// buckets cannot be made public by anybody, by accident or otherwise.
func (x *reach) buckets() {
	const blockType = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	const fix = "components/bucket makes the block with every bucket"
	for _, bucket := range x.r.Must(x.g.OfType(typeBucket), "bucket", "buckets that cannot be made public", "components/bucket makes them") {
		blocks := bucket.Referrers("bucket", blockType)
		x.r.Say(bucket, len(blocks) == 1, howMany(len(blocks), "public access block"), "one block of public access", fix)
		for _, block := range blocks {
			for _, property := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
				x.r.Want(block, block.Bool(property), property, "true", fix)
			}
		}
	}
}

// services that hold keys, secrets and files are reached inside the network, not over the internet.
func (x *reach) services() {
	const fix = "components/network, endpoints.go, makes it"
	for _, need := range []struct{ service, action string }{
		{"s3", "s3:PutObject"}, {"kms", "kms:Decrypt"}, {"secretsmanager", "secretsmanager:GetSecretValue"}, {"ssm", "ssm:GetParametersByPath"}, {"logs", "logs:PutLogEvents"},
	} {
		var found []*graph.Resource
		for _, endpoint := range x.g.OfType(typeEndpoint) {
			if endpoint.Text("serviceName") == "com.amazonaws."+x.client.AWS.Region+"."+need.service {
				found = append(found, endpoint)
			}
		}
		for _, endpoint := range x.r.Must(found, "endpoint for "+need.service, "a way to "+need.service+" inside the network", fix) {
			document, err := policy.Parse(endpoint.Text("policy"))
			x.r.Want(endpoint, err == nil && slices.ContainsFunc(document.Allows(), func(st policy.Statement) bool { return st.Covers(need.action) }), "policy",
				need.action+" passes, so that it does not go over the internet", fix)
		}
	}
	for _, endpoint := range x.g.OfType(typeEndpoint) {
		vpc := endpoint.Ref("vpcId", typeVPC)
		x.r.Want(endpoint, vpc != nil, "vpcId", "the stack's own network", fix)
		if endpoint.Text("vpcEndpointType") == "Gateway" {
			x.gateway(endpoint, fix)
			continue
		}
		x.r.Want(endpoint, endpoint.Text("vpcEndpointType") == "Interface", "vpcEndpointType", "Interface, or Gateway for S3", fix)
		x.r.Want(endpoint, endpoint.Bool("privateDnsEnabled"), "privateDnsEnabled", "true: the service's name leads to the endpoint", fix)
		if vpc != nil {
			x.r.Want(vpc, vpc.Bool("enableDnsSupport") && vpc.Bool("enableDnsHostnames"), "enableDnsHostnames", "true, as enableDnsSupport: names inside the network lead to endpoints", fix)
		}
		groups := endpoint.Refs("securityGroupIds", typeSecurityGroup)
		x.r.Want(endpoint, len(groups) > 0 && len(groups) == len(endpoint.Texts("securityGroupIds")), "securityGroupIds", "a security group of the stack, and no other", fix)
		subnets := endpoint.Refs("subnetIds", typeSubnet)
		inside := len(subnets) > 0 && len(subnets) == len(endpoint.Texts("subnetIds")) && !slices.ContainsFunc(subnets, func(s *graph.Resource) bool { return !x.hidden(s) })
		x.r.Want(endpoint, inside, "subnetIds", "private subnets of the stack", fix)
	}
}

// gateway endpoints stand in the route tables of all machines.
func (x *reach) gateway(endpoint *graph.Resource, fix string) {
	tables := endpoint.Refs("routeTableIds", "aws:ec2/routeTable:RouteTable")
	var past []string
	for _, subnet := range x.private {
		through := slices.ContainsFunc(subnet.Referrers("subnetId", "aws:ec2/routeTableAssociation:RouteTableAssociation"), func(a *graph.Resource) bool {
			return slices.Contains(tables, a.Ref("routeTableId", "aws:ec2/routeTable:RouteTable"))
		})
		if !through {
			past = append(past, subnet.Name)
		}
	}
	x.r.Say(endpoint, len(past) == 0, "machines' subnets that go past it: "+fmt.Sprint(len(past)), "in the route tables of all machines", fix)
}

// address is the client's own: a load balancer that people reach answers to that host name only.
func (x *reach) address() {
	const fix = "components/loadbalancer, listeners.go, makes the rule"
	hostname := x.client.Edge.Hostname
	for _, balancer := range x.r.Must(frontDoors(x.g), "load balancer", "a load balancer that answers to the client's address", "components/loadbalancer makes it") {
		for _, listener := range x.r.Must(listenersOf(balancer), "listener", "a listener on HTTPS", fix) {
			x.r.Want(listener, len(forwards(listener, "defaultActions")) == 0 && len(listener.List("defaultActions")) > 0, "defaultActions",
				"nothing is served to who asks for another host", fix)
			for _, rule := range listener.Referrers("listenerArn", typeListenerRule) {
				if len(forwards(rule, "actions")) == 0 {
					continue
				}
				hosts := rule.Texts("conditions.*.hostHeader.values")
				x.r.Say(rule, slices.Equal(hosts, []string{hostname}), "served for "+strings.Join(hosts, ", "), "the client's own host name "+hostname+" only", fix)
			}
		}
	}
}
