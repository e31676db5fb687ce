package catalogue

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// DP2 is that databases cannot be reached from the internet.
func (catalogue) DP2() promises.Promise {
	return promises.Promise{
		ID:    "DP-2",
		Title: "Databases out of the internet's reach",
		Sentence: "Your databases cannot be reached from the internet; your data is reached through your own address only. " +
			"On your premises we keep the database closed on its host, and you keep the network around it.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours, promises.OnPremises: promises.Shared,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			hostname := "your own host name"
			if c := clientOnAWS(s); c != nil {
				hostname = "https://" + c.Edge.Hostname
			}
			return []promises.Parameter{{Name: "your address", Value: hostname, Key: "edge.hostname"}}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "each database, document cluster and cache in the resource graph is followed to its subnets, routes, access lists and firewall rules; none leads to or from the internet, and no bucket can be made public"},
			{Level: promises.Live, How: "each database and cache is followed in the account to its subnets, routes, access lists and security groups, and its port is tried from outside; " +
				"machines have no address on the internet, and no bucket or snapshot can be public"},
		},
		Keywords: []string{
			"database internet", "database reachable from the internet", "data reached through own url", "any other way to reach data than url",
			"database private network", "database network access", "database public address", "private subnet", "public internet access",
			"isolated subnet", "network segmentation", "database firewall", "security groups", "publicly exposed", "public bucket",
			"block public access", "vpc", "private network", "network isolation", "egress", "database not publicly accessible",
		},
		Check:  outOfReach,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machineDatabaseOutOfReach, promises.OnLightsail: machineDatabaseOutOfReach, promises.OnPremises: machineDatabaseOutOfReach},
	}
}

// reach judges DP-2: what of the stack can be reached from where.
type reach struct {
	g      *graph.Graph
	r      *promises.Report
	client *spec.AWSClient

	stores   []store
	isolated []*graph.Resource // subnets of databases and caches
	private  []*graph.Resource // subnets of machines
	service  []*graph.Resource // security groups of the service's machines
	doors    []*graph.Resource // security groups of machines that a door, while it is open, puts between people and database
}

// store is one database or cache.
type store struct {
	resource *graph.Resource
	subnets  []*graph.Resource
	groups   []*graph.Resource // its security groups
	port     float64
}

const (
	fixIsolation = "components/network lays the network out so"
	fixRule      = "name a security group of the stack in the rule, not addresses"
)

func outOfReach(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	x := &reach{g: s.Graph, r: r, client: client}
	x.machines()
	x.findStores()
	for _, subnet := range x.g.OfType(typeSubnet) {
		x.r.Want(subnet, !subnet.Bool("mapPublicIpOnLaunch"), "mapPublicIpOnLaunch", "false: no addresses on the internet", fixIsolation)
	}
	for _, subnet := range x.isolated {
		x.isolation(subnet)
	}
	x.onlyThrough()
	x.accessLists()
	x.firewalls()
	x.defaults()
	x.buckets()
	x.services()
	x.address()
}

// machines are in private subnets, without addresses of their own on the internet.
func (x *reach) machines() {
	const inside = "private subnets of the stack, without a way in from the internet"
	bi, glass := doorOf(x.g, biComponent), doorOf(x.g, glassComponent)
	place := func(of *graph.Resource, property string, subnets []*graph.Resource, named int) {
		private := len(subnets) > 0 && len(subnets) == named && !slices.ContainsFunc(subnets, func(s *graph.Resource) bool { return !x.hidden(s) })
		x.r.Want(of, private, property, inside, fixIsolation)
		for _, subnet := range subnets {
			if !slices.Contains(x.private, subnet) {
				x.private = append(x.private, subnet)
			}
		}
	}
	for _, fleet := range x.r.Must(x.g.OfType(typeFleet), "group of machines", "machines of the service", "components/compute makes them") {
		place(fleet, "vpcZoneIdentifiers", fleet.Refs("vpcZoneIdentifiers", typeSubnet), len(fleet.Texts("vpcZoneIdentifiers")))
		template := fleet.Ref("launchTemplate.id", typeTemplate)
		if template == nil {
			x.r.Want(fleet, false, "launchTemplate.id", "a launch template of the stack", "components/compute makes it")
			continue
		}
		x.r.Want(template, !slices.Contains(template.Texts("networkInterfaces.*.associatePublicIpAddress"), "true"), "networkInterfaces.0.associatePublicIpAddress",
			"false: no address on the internet", "components/compute, machines.go, sets it")
		groups := firewallsOf(template)
		named := len(template.Texts("networkInterfaces.*.securityGroups")) + len(template.Texts("vpcSecurityGroupIds"))
		x.r.Say(template, len(groups) > 0 && len(groups) == named, "security groups "+namesOf(groups), "a security group of the stack, and no other", "components/compute, identity.go, makes it")
		if bi[fleet.Parent] {
			x.doors = append(x.doors, groups...)
		} else {
			x.service = append(x.service, groups...)
		}
	}
	for _, machine := range x.g.OfType(typeMachine) {
		subnet := machine.Ref("subnetId", typeSubnet)
		place(machine, "subnetId", slices.DeleteFunc([]*graph.Resource{subnet}, func(s *graph.Resource) bool { return s == nil }), 1)
		x.r.Want(machine, !machine.Bool("associatePublicIpAddress"), "associatePublicIpAddress", "false: no address on the internet", "components/access, relay.go, sets it")
		groups := machine.Refs("vpcSecurityGroupIds", typeSecurityGroup)
		x.r.Want(machine, len(groups) > 0, "vpcSecurityGroupIds", "a security group of the stack", "components/access, relay.go, makes it")
		if glass[machine.Parent] {
			x.doors = append(x.doors, groups...)
		}
	}
	if x.client.Access.BI == nil && x.client.Access.BreakGlass == nil {
		x.doors = nil // nothing is to be open, whatever there is
	}
	for _, address := range x.g.OfType("aws:ec2/eip:Eip") {
		x.r.Want(address, !address.Has("instance") && !address.Has("networkInterface"), "instance", "none: addresses on the internet belong to NAT gateways", "give the machine no address")
	}
}

// doorOf are the components of a kind, by URN.
func doorOf(g *graph.Graph, typeToken string) map[string]bool {
	urns := map[string]bool{}
	for _, component := range g.OfType(typeToken) {
		urns[component.URN] = true
	}
	return urns
}

// routes are the routes of a subnet's own table; false where it does not have exactly one table of its own.
func routes(subnet *graph.Resource) ([]*graph.Resource, bool) {
	const tableType, routeType = "aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route"
	associations := subnet.Referrers("subnetId", "aws:ec2/routeTableAssociation:RouteTableAssociation")
	if len(associations) != 1 {
		return nil, false
	}
	table := associations[0].Ref("routeTableId", tableType)
	if table == nil || table.Text("vpcId") != subnet.Text("vpcId") || len(table.List("routes")) > 0 { // routes are resources of their own
		return nil, false
	}
	return table.Referrers("routeTableId", routeType), true
}

// hidden tells whether nothing from the internet finds its way into a subnet: what goes out, goes through NAT.
func (x *reach) hidden(subnet *graph.Resource) bool {
	ways, known := routes(subnet)
	return known && subnet.Ref("vpcId", typeVPC) != nil && !subnet.Bool("mapPublicIpOnLaunch") && !slices.ContainsFunc(ways, func(route *graph.Resource) bool {
		return route.Ref("natGatewayId", "aws:ec2/natGateway:NatGateway") == nil
	})
}

// findStores follows each database and cache to its subnets and security groups.
func (x *reach) findStores() {
	add := func(resource *graph.Resource, groupProperty, groupType, firewallProperty string) {
		one := store{resource: resource, groups: resource.Refs(firewallProperty, typeSecurityGroup)}
		one.port, _ = resource.Number("port")
		if group := resource.Ref(groupProperty, groupType); group != nil {
			one.subnets = group.Refs("subnetIds", typeSubnet)
			x.r.Want(group, len(one.subnets) > 0 && len(one.subnets) == len(group.Texts("subnetIds")), "subnetIds", "isolated subnets of the stack", fixIsolation)
		} else if !resource.Has("replicateSourceDb") { // a replica is in its source's subnets
			x.r.Want(resource, false, groupProperty, "a group of isolated subnets of the stack", fixIsolation)
		}
		x.r.Want(resource, len(one.groups) > 0 && len(one.groups) == len(resource.Texts(firewallProperty)), firewallProperty,
			"a security group of the stack, and no other", "the component makes one with components/securitygroup")
		x.stores = append(x.stores, one)
		for _, subnet := range one.subnets {
			if !slices.Contains(x.isolated, subnet) {
				x.isolated = append(x.isolated, subnet)
			}
		}
	}
	for _, db := range x.r.Must(x.g.OfType(typeDatabase), "database instance", "a database that nobody outside reaches", "components/database makes it") {
		x.r.Want(db, db.Has("publiclyAccessible") && !db.Bool("publiclyAccessible"), "publiclyAccessible", "false: no address on the internet", "components/database sets it")
		x.r.Want(db, !db.Has("networkType") || db.Text("networkType") == "IPV4", "networkType", "IPV4: its addresses are private ones", "components/database sets it")
		add(db, "dbSubnetGroupName", subnetGroupType, "vpcSecurityGroupIds")
	}
	for _, cluster := range x.g.OfType(typeDocuments) {
		add(cluster, "dbSubnetGroupName", "aws:docdb/subnetGroup:SubnetGroup", "vpcSecurityGroupIds")
	}
	for _, cache := range x.g.OfType(typeCache) {
		add(cache, "subnetGroupName", "aws:elasticache/subnetGroup:SubnetGroup", "securityGroupIds")
	}
	x.restored()
}

const subnetGroupType = "aws:rds/subnetGroup:SubnetGroup"

// restored databases, which AWS Backup makes to try its copies, are as far away as the one that they are copies of.
func (x *reach) restored() {
	const overrides = "restoreMetadataOverrides."
	const fix = "components/backup, plan.go, says where copies are restored"
	for _, test := range x.g.OfType("aws:backup/restoreTestingSelection:RestoreTestingSelection") {
		group := test.Ref(overrides+"dbSubnetGroupName", subnetGroupType)
		x.r.Want(test, group != nil, overrides+"dbSubnetGroupName", "the database's own isolated subnets", fix)
		x.r.Want(test, !test.Bool(overrides+"publiclyAccessible"), overrides+"publiclyAccessible", "not true: no address on the internet", fix)
		one := store{resource: test}
		for _, firewall := range x.g.OfType(typeSecurityGroup) {
			if test.Text(overrides+"vpcSecurityGroupIds") == `["`+firewall.ID+`"]` {
				one.groups = append(one.groups, firewall)
			}
		}
		x.r.Want(test, len(one.groups) == 1, overrides+"vpcSecurityGroupIds", "one security group of the stack, that lets nothing in", fix)
		x.stores = append(x.stores, one)
	}
}
