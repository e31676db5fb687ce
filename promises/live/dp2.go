package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	networkACLType = "aws:ec2/networkAcl:NetworkAcl"
	// dialPatience is how long a port is waited for: whoever does not answer by then is not reached.
	dialPatience = 5 * time.Second
)

// outOfReach is the look at DP-2.
func outOfReach(ctx context.Context, l *look) error {
	stores, err := l.reachable(ctx)
	errs := []error{l.wantThere(ctx), err}
	if err == nil {
		errs = append(errs, isolated(ctx, l, stores), guardedStores(ctx, l, stores), portsRefused(ctx, l, stores))
	}
	errs = append(errs, machinesHidden(ctx, l), networksClosed(ctx, l), onlyOwnAddress(ctx, l))
	for _, region := range l.regions() {
		errs = append(errs, nothingPublic(ctx, l, region))
	}
	return errors.Join(errs...)
}

// dataPort is a database, document cluster or cache, and where it stands in the network.
type dataPort struct {
	object
	host          string
	port          int32
	subnets       []string
	groups        []string // security groups
	public, asked bool     // asked: whether AWS says so of it
}

// reachable are all databases, document clusters and caches in the account's own region, those restored for a trial among them.
func (l *look) reachable(ctx context.Context) ([]dataPort, error) {
	var all []dataPort
	instances, err := l.dbInstances(ctx, l.home)
	if err != nil {
		return nil, err
	}
	for _, db := range instances {
		d := dataPort{object: dbObject(db), public: aws.ToBool(db.PubliclyAccessible), asked: true}
		if db.Endpoint != nil {
			d.host, d.port = aws.ToString(db.Endpoint.Address), aws.ToInt32(db.Endpoint.Port)
		}
		if db.DBSubnetGroup != nil {
			for _, s := range db.DBSubnetGroup.Subnets {
				d.subnets = append(d.subnets, aws.ToString(s.SubnetIdentifier))
			}
		}
		for _, g := range db.VpcSecurityGroups {
			d.groups = append(d.groups, aws.ToString(g.VpcSecurityGroupId))
		}
		all = append(all, d)
	}
	clusters, err := l.dbClusters(ctx, l.home)
	if err != nil {
		return nil, err
	}
	subnetGroups := map[string][]string{}
	if len(clusters) > 0 {
		groups, err := l.dbSubnetGroups(ctx, l.home)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			for _, s := range g.Subnets {
				subnetGroups[aws.ToString(g.DBSubnetGroupName)] = append(subnetGroups[aws.ToString(g.DBSubnetGroupName)], aws.ToString(s.SubnetIdentifier))
			}
		}
	}
	for _, c := range clusters {
		d := dataPort{object: clusterObject(c), host: aws.ToString(c.Endpoint), port: aws.ToInt32(c.Port), subnets: subnetGroups[aws.ToString(c.DBSubnetGroup)]}
		for _, g := range c.VpcSecurityGroups {
			d.groups = append(d.groups, aws.ToString(g.VpcSecurityGroupId))
		}
		all = append(all, d)
	}
	caches, err := l.cachePorts(ctx)
	return append(all, caches...), err
}

// cachePorts are the replication groups. Where they stand is told of their nodes.
func (l *look) cachePorts(ctx context.Context) ([]dataPort, error) {
	groups, err := l.caches(ctx, l.home)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	nodes, err := l.cacheNodes(ctx, l.home)
	if err != nil {
		return nil, err
	}
	places, err := l.cacheSubnetGroups(ctx, l.home)
	if err != nil {
		return nil, err
	}
	var all []dataPort
	for _, g := range groups {
		d := dataPort{object: object{cacheType, aws.ToString(g.ARN)}}
		endpoint := g.ConfigurationEndpoint
		if endpoint == nil && len(g.NodeGroups) > 0 {
			endpoint = g.NodeGroups[0].PrimaryEndpoint
		}
		if endpoint != nil {
			d.host, d.port = aws.ToString(endpoint.Address), aws.ToInt32(endpoint.Port)
		}
		for _, n := range nodes {
			if aws.ToString(n.ReplicationGroupId) != aws.ToString(g.ReplicationGroupId) {
				continue
			}
			for _, s := range n.SecurityGroups {
				d.groups = append(d.groups, aws.ToString(s.SecurityGroupId))
			}
			for _, place := range places {
				if aws.ToString(place.CacheSubnetGroupName) == aws.ToString(n.CacheSubnetGroupName) {
					for _, s := range place.Subnets {
						d.subnets = append(d.subnets, aws.ToString(s.SubnetIdentifier))
					}
				}
			}
		}
		d.groups, d.subnets = distinct(d.groups), distinct(d.subnets)
		all = append(all, d)
	}
	return all, nil
}

// isolated reports whether no route leads from the databases' subnets out of the network, and whether their access lists admit
// nobody from outside it.
func isolated(ctx context.Context, l *look, stores []dataPort) error {
	tables, err := l.routeTables(ctx, l.home)
	if err != nil {
		return err
	}
	subnets, err := l.subnets(ctx, l.home)
	if err != nil {
		return err
	}
	vpcs, err := l.vpcs(ctx, l.home)
	if err != nil {
		return err
	}
	lists, err := l.networkACLs(ctx, l.home)
	if err != nil {
		return err
	}
	inside := map[string][]netip.Prefix{} // addresses of a network, by its id
	for _, v := range vpcs {
		for _, c := range append([]ec2types.VpcCidrBlockAssociation{{CidrBlock: v.CidrBlock}}, v.CidrBlockAssociationSet...) {
			if p, err := netip.ParsePrefix(aws.ToString(c.CidrBlock)); err == nil {
				inside[aws.ToString(v.VpcId)] = append(inside[aws.ToString(v.VpcId)], p)
			}
		}
	}
	var ids []string
	for _, s := range stores {
		if s.asked {
			l.want(s.object, !s.public, "publiclyAccessible", s.public, "false: no address on the internet", fixByUpdate)
		}
		if len(s.subnets) == 0 {
			l.want(s.object, false, "dbSubnetGroupName", "no subnets that AWS tells of", "isolated subnets", fixByUpdate)
		}
		ids = append(ids, s.subnets...)
	}
	for _, id := range distinct(ids) {
		o := object{subnetType, id}
		i := slices.IndexFunc(subnets, func(s ec2types.Subnet) bool { return aws.ToString(s.SubnetId) == id })
		if i < 0 {
			l.want(o, false, "", "no subnet of the account", "a subnet of the account", fixByUpdate)
			continue
		}
		vpc := aws.ToString(subnets[i].VpcId)
		l.want(o, !aws.ToBool(subnets[i].MapPublicIpOnLaunch), "mapPublicIpOnLaunch", aws.ToBool(subnets[i].MapPublicIpOnLaunch), "false: no addresses on the internet", fixByUpdate)
		var out []string
		for _, r := range routesOf(tables, id, vpc) {
			if aws.ToString(r.GatewayId) != "local" {
				out = append(out, aws.ToString(r.DestinationCidrBlock)+aws.ToString(r.DestinationIpv6CidrBlock)+aws.ToString(r.DestinationPrefixListId))
			}
		}
		l.want(o, len(out) == 0, "", "routes out of the network: "+noneOr(out), "none: no way to or from the internet", "remove the route, or "+fixByUpdate)
		for _, list := range lists {
			if slices.ContainsFunc(list.Associations, func(a ec2types.NetworkAclAssociation) bool { return aws.ToString(a.SubnetId) == id }) {
				open := admittedFrom(list, inside[vpc])
				l.want(object{networkACLType, aws.ToString(list.NetworkAclId)}, len(open) == 0, "ingress", "admits from outside: "+orNone(open), "nobody from outside the network", fixByUpdate)
			}
		}
	}
	return nil
}

// routesOf are the routes of a subnet: of its own table, or else of its network's.
func routesOf(tables []ec2types.RouteTable, subnet, vpc string) []ec2types.Route {
	var main []ec2types.Route
	for _, t := range tables {
		for _, a := range t.Associations {
			if aws.ToString(a.SubnetId) == subnet {
				return t.Routes
			}
			if aws.ToBool(a.Main) && aws.ToString(t.VpcId) == vpc {
				main = t.Routes
			}
		}
	}
	return main
}

// admittedFrom are the addresses outside a network that an access list lets in.
func admittedFrom(list ec2types.NetworkAcl, inside []netip.Prefix) []string {
	var open []string
	for _, e := range list.Entries {
		if aws.ToBool(e.Egress) || e.RuleAction != ec2types.RuleActionAllow {
			continue
		}
		p, err := netip.ParsePrefix(aws.ToString(e.CidrBlock))
		within := err == nil && slices.ContainsFunc(inside, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) })
		if !within {
			open = append(open, aws.ToString(e.CidrBlock)+aws.ToString(e.Ipv6CidrBlock))
		}
	}
	return open
}

// guardedStores reports whether the databases' security groups admit machines of the stack on the database's port, and nobody else.
func guardedStores(ctx context.Context, l *look, stores []dataPort) error {
	groups, err := l.securityGroups(ctx, l.home)
	if err != nil {
		return err
	}
	machines, err := l.machineGroups(ctx)
	if err != nil {
		return err
	}
	ports := map[string][]int32{}
	for _, s := range stores {
		l.want(s.object, len(s.groups) > 0, "vpcSecurityGroupIds", s.groups, "a security group of its own", fixByUpdate)
		for _, g := range s.groups {
			ports[g] = append(ports[g], s.port)
		}
	}
	for _, g := range groups {
		id := aws.ToString(g.GroupId)
		its, guards := ports[id]
		if !guards {
			continue
		}
		o := object{securityGroupType, id}
		var wrong []string
		for _, rule := range g.IpPermissions {
			from, to := aws.ToInt32(rule.FromPort), aws.ToInt32(rule.ToPort)
			fits := aws.ToString(rule.IpProtocol) == "tcp" && from == to && slices.Contains(its, from)
			for _, peer := range rule.UserIdGroupPairs {
				if name := aws.ToString(peer.GroupId); !fits || !machines[name] {
					wrong = append(wrong, fmt.Sprintf("%s on ports %d to %d", name, from, to))
				}
			}
			for _, r := range ranges(rule) {
				wrong = append(wrong, fmt.Sprintf("%s on ports %d to %d", r, from, to))
			}
		}
		l.want(o, len(wrong) == 0, "ingress", "admitted besides the machines: "+orNone(wrong), "the machines of the stack on the database's own port, and nobody else", "remove the rule, or "+fixByUpdate)
		l.want(o, len(g.IpPermissionsEgress) == 0, "egress", several(len(g.IpPermissionsEgress), "rule"), "no rule: nothing goes out from a database", "remove the rule, or "+fixByUpdate)
	}
	return nil
}

// ranges are the addresses, of any kind, that a rule names.
func ranges(rule ec2types.IpPermission) []string {
	var all []string
	for _, r := range rule.IpRanges {
		all = append(all, aws.ToString(r.CidrIp))
	}
	for _, r := range rule.Ipv6Ranges {
		all = append(all, aws.ToString(r.CidrIpv6))
	}
	for _, r := range rule.PrefixListIds {
		all = append(all, aws.ToString(r.PrefixListId))
	}
	return all
}

// machineGroups are the security groups that the stack's machines carry, or will from their next start on.
func (l *look) machineGroups(ctx context.Context) (map[string]bool, error) {
	found := map[string]bool{}
	machines, err := l.instances(ctx, l.home)
	if err != nil {
		return nil, err
	}
	for _, m := range machines {
		if l.ours(ec2Tags(m.Tags)) {
			for _, g := range m.SecurityGroups {
				found[aws.ToString(g.GroupId)] = true
			}
		}
	}
	fleets, err := l.fleets(ctx, l.home)
	if err != nil {
		return nil, err
	}
	versions, err := l.templateVersions(ctx, l.home)
	if err != nil {
		return nil, err
	}
	for _, fleet := range fleets {
		if fleet.LaunchTemplate == nil {
			continue
		}
		for _, v := range versions {
			if aws.ToString(v.LaunchTemplateId) != aws.ToString(fleet.LaunchTemplate.LaunchTemplateId) || v.LaunchTemplateData == nil {
				continue
			}
			ids := v.LaunchTemplateData.SecurityGroupIds
			for _, n := range v.LaunchTemplateData.NetworkInterfaces {
				ids = append(ids, n.Groups...)
			}
			for _, id := range ids {
				found[id] = true
			}
		}
	}
	return found, nil
}

// portsRefused tries each database's port from outside. Its name leads to a private address, if it leads anywhere.
func portsRefused(ctx context.Context, l *look, stores []dataPort) error {
	for _, s := range stores {
		if s.host == "" || s.port == 0 {
			continue // still being made
		}
		if l.outside.Dial == nil {
			return errNotAsked
		}
		address := net.JoinHostPort(s.host, strconv.Itoa(int(s.port)))
		patience, cancel := context.WithTimeout(ctx, dialPatience)
		connection, err := l.outside.Dial(patience, "tcp", address)
		cancel()
		if err := ctx.Err(); err != nil {
			return err
		}
		if err == nil {
			_ = connection.Close() // it was opened to see whether it opens
		}
		l.want(s.object, err != nil, "", "from outside, "+address+" "+map[bool]string{true: "is not reached", false: "takes connections"}[err != nil], "not reached from outside", fixByUpdate)
	}
	return nil
}

// machinesHidden reports whether no machine of the account has an address on the internet.
func machinesHidden(ctx context.Context, l *look) error {
	machines, err := l.instances(ctx, l.home)
	for _, m := range machines {
		l.want(object{machineType, aws.ToString(m.InstanceId)}, aws.ToString(m.PublicIpAddress) == "", "publicIp", orAbsent(aws.ToString(m.PublicIpAddress)), "absent: no address on the internet", fixByUpdate)
	}
	return err
}

// networksClosed reports whether the stack's networks give new resources neither rules nor addresses, and whether a security group
// that guards no load balancer is open to the world.
func networksClosed(ctx context.Context, l *look) error {
	vpcs, err := l.vpcs(ctx, l.home)
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, v := range vpcs {
		own[aws.ToString(v.VpcId)] = l.ours(ec2Tags(v.Tags))
	}
	subnets, err := l.subnets(ctx, l.home)
	if err != nil {
		return err
	}
	for _, s := range subnets {
		if own[aws.ToString(s.VpcId)] {
			l.want(object{subnetType, aws.ToString(s.SubnetId)}, !aws.ToBool(s.MapPublicIpOnLaunch), "mapPublicIpOnLaunch", aws.ToBool(s.MapPublicIpOnLaunch), "false: no addresses on the internet", fixByUpdate)
		}
	}
	balancers, err := l.balancers(ctx, l.home)
	if err != nil {
		return err
	}
	groups, err := l.securityGroups(ctx, l.home)
	for _, g := range groups {
		o := object{securityGroupType, aws.ToString(g.GroupId)}
		if aws.ToString(g.GroupName) == "default" {
			if own[aws.ToString(g.VpcId)] {
				l.want(o, len(g.IpPermissions)+len(g.IpPermissionsEgress) == 0, "ingress", several(len(g.IpPermissions)+len(g.IpPermissionsEgress), "rule"), "no rule in the default group", fixByUpdate)
			}
			continue
		}
		if slices.ContainsFunc(balancers, func(b balancer) bool { return slices.Contains(b.SecurityGroups, aws.ToString(g.GroupId)) }) {
			continue // who comes to a load balancer is AV-12's, to the gateway of a client's tools DP-5's
		}
		var open []string
		for _, rule := range g.IpPermissions {
			open = append(open, slices.DeleteFunc(ranges(rule), func(r string) bool { return !strings.HasSuffix(r, "/0") })...)
		}
		l.want(o, len(open) == 0, "ingress", "open to: "+orNone(open), "not open to the world", "remove the rule")
	}
	return err
}

// nothingPublic reports buckets that can be made public, and snapshots that are.
func nothingPublic(ctx context.Context, l *look, region string) error {
	buckets, err := l.buckets(ctx, region)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if err := wantClosed(ctx, l, b); err != nil {
			return err
		}
	}
	snapshots, err := l.snapshotShares(ctx, region)
	for _, s := range snapshots {
		l.want(s.object, !slices.Contains(s.with, "all"), "sharedAccounts", orNone(s.with), "not public", "take the shares of the snapshot back")
	}
	return err
}

// onlyOwnAddress reports whether the load balancer serves those only who ask for the client's own host name.
func onlyOwnAddress(ctx context.Context, l *look) error {
	doors, err := l.frontDoors(ctx)
	hostname := l.subject.Client().Edge.Hostname
	for _, door := range doors {
		for _, at := range door.listeners {
			o := object{listenerType, aws.ToString(at.ListenerArn)}
			l.want(o, len(forwards(at.DefaultActions)) == 0, "defaultActions", several(len(forwards(at.DefaultActions)), "target"), "nothing is served to who asks for another host", fixByUpdate)
			for _, rule := range at.rules {
				if aws.ToBool(rule.IsDefault) || len(forwards(rule.Actions)) == 0 {
					continue
				}
				hosts := hostsOf(rule)
				l.want(object{listenerRuleType, aws.ToString(rule.RuleArn)}, slices.Equal(hosts, []string{hostname}), "conditions", "served for "+noneOr(hosts), hostname+" only", fixByUpdate)
			}
		}
	}
	return err
}
