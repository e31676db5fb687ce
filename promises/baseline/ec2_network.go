package baseline

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// Networks: what Security Hub numbers among EC2.

const (
	inNetwork       = "components/network"
	firewallType    = "aws:ec2/securityGroup:SecurityGroup"
	ingressType     = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	egressType      = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	ingressOldType  = "aws:ec2/securityGroupRule:SecurityGroupRule"
	accessListType  = "aws:ec2/networkAcl:NetworkAcl"
	accessRuleType  = "aws:ec2/networkAclRule:NetworkAclRule"
	prefixListType  = "aws:ec2/managedPrefixList:ManagedPrefixList"
	defaultWallType = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
)

// opening is one way in: what a rule of a security group or access list lets through.
type opening struct {
	resource *graph.Resource
	path     string   // of the source in the resource; empty where it has several
	networks []string // in CIDR notation
	protocol string   // tcp, udp, or -1 for all
	from, to float64  // ports
	unread   bool     // the ports cannot be read
}

// reads fills in the ports of an opening.
func (o opening) reads(in interface {
	reader
	Number(path string) (float64, bool)
}) opening {
	var first, last bool
	o.from, first = in.Number("fromPort")
	o.to, last = in.Number("toPort")
	o.unread = !first || !last
	return o
}

// lets tells whether TCP or UDP to a port gets through.
func (o opening) lets(port float64) bool {
	switch o.protocol {
	case "icmp", "icmpv6", "1", "58":
		return false
	case "tcp", "udp", "6", "17":
		return o.unread || o.from <= port && port <= o.to
	}
	return true // all protocols, or one that cannot be read
}

// wide are the opening's networks of an address family that are practically everybody. A network that cannot be
// read is of both families.
func (o opening) wide(family string) bool {
	return slices.ContainsFunc(o.networks, func(network string) bool {
		six := strings.Contains(network, ":")
		known := six || strings.Contains(network, ".")
		return anybody(network) && (!known || family == "" || six == (family == "IPv6"))
	})
}

// openings are all ways in through security groups.
func openings(s promises.Subject) []opening {
	var all []opening
	for _, rule := range s.Graph.OfType(ingressType) {
		o := opening{resource: rule, protocol: rule.Text("ipProtocol")}.reads(rule)
		for _, path := range []string{"cidrIpv4", "cidrIpv6"} {
			if rule.Has(path) {
				o.path, o.networks = path, append(o.networks, rule.Text(path))
			}
		}
		if list := rule.Ref("prefixListId", prefixListType); list != nil {
			o.path = "prefixListId"
			for _, entry := range list.Items("entries") {
				o.networks = append(o.networks, entry.Text("cidr"))
			}
		}
		all = append(all, o)
	}
	for _, rule := range s.Graph.OfType(ingressOldType) {
		if rule.Text("type") == "ingress" {
			all = append(all, opening{resource: rule, protocol: rule.Text("protocol"), networks: append(rule.Texts("cidrBlocks"), rule.Texts("ipv6CidrBlocks")...)}.reads(rule))
		}
	}
	for _, group := range s.Graph.OfType(firewallType) {
		for _, rule := range group.Items("ingress") {
			all = append(all, opening{resource: group, path: rule.Path, protocol: rule.Text("protocol"),
				networks: append(rule.Texts("cidrBlocks"), rule.Texts("ipv6CidrBlocks")...)}.reads(rule))
		}
	}
	return all
}

// wantClosed judges every way in through security groups.
func wantClosed(expected, fix string, holds func(opening) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, o := range openings(s) {
			if o.path != "" {
				r.Want(o.resource, holds(o), o.path, expected, fix)
			} else {
				r.Say(o.resource, holds(o), either(len(o.networks) == 0, "only from other security groups", strings.Join(o.networks, ", ")), expected, fix)
			}
		}
	}
}

// EC22 is the security group that nobody chose.
func (baseline) EC22() promises.Control {
	return promises.Control{
		ID: "EC2.2", Title: "The default security group of every network lets nothing through", Severity: "high",
		References: []string{fsbp("EC2.2"), cis("5.4")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, vpc := range s.Graph.OfType(vpcType) {
				groups := vpc.Referrers("vpcId", defaultWallType)
				shut := len(groups) > 0 && !slices.ContainsFunc(groups, func(group *graph.Resource) bool {
					return !empty(group, "ingress") || !empty(group, "egress") || len(group.Referrers("securityGroupId", ingressType, egressType, ingressOldType)) > 0
				})
				r.Say(vpc, shut, either(shut, "emptied", "not emptied: it lets its members speak with each other and with the world"),
					"a default security group without rules", "empty the default security group in "+inNetwork+", network.go")
			}
		},
	}
}

// empty tells whether there is nothing in a list.
func empty(r *graph.Resource, path string) bool {
	return !r.Has(path) || len(r.List(path)) == 0 && r.Text(path) == ""
}

// EC26 is logs of networks.
func (baseline) EC26() promises.Control {
	return promises.Control{
		ID: "EC2.6", Title: "Every network keeps flow logs", Severity: "medium",
		References: []string{fsbp("EC2.6"), cis("3.7")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, vpc := range s.Graph.OfType(vpcType) {
				logged := slices.ContainsFunc(vpc.Referrers("vpcId", "aws:ec2/flowLog:FlowLog"), func(log *graph.Resource) bool {
					return slices.Contains([]string{"ALL", "REJECT"}, log.Text("trafficType")) && log.Ref("logDestination", logGroupType, bucketType, bucketOldType) != nil
				})
				r.Say(vpc, logged, either(logged, "its traffic is logged", "its traffic is not logged"), "a flow log of all or of refused traffic, into a log group or bucket of the stack",
					"make a flow log in "+inNetwork+", flowlogs.go")
			}
		},
	}
}

// EC212 is addresses that nobody uses.
func (baseline) EC212() promises.Control {
	return promises.Control{
		ID: "EC2.12", Title: "Every elastic address is in use", Severity: "low",
		References: []string{hub("EC2.12")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, address := range s.Graph.OfType(addressType) {
				used := address.Has("instance") || address.Has("networkInterface") ||
					len(address.Referrers("allocationId", "aws:ec2/natGateway:NatGateway", "aws:ec2/eipAssociation:EipAssociation")) > 0 ||
					slices.ContainsFunc(s.Graph.OfType(balancerType), func(balancer *graph.Resource) bool {
						return slices.ContainsFunc(balancer.Items("subnetMappings"), func(m graph.Item) bool { return address.Goes(m.Text("allocationId")) })
					})
				r.Say(address, used, either(used, "in use", "nothing uses it"), "a NAT gateway, machine or load balancer that uses it", "remove the address")
			}
		},
	}
}

// EC215 is subnets that give no public addresses.
func (baseline) EC215() promises.Control {
	return promises.Control{
		ID: "EC2.15", Title: "Subnets give machines no public address by themselves", Severity: "medium",
		References: []string{fsbp("EC2.15")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, subnet := range s.Graph.OfType(subnetType) {
				for _, property := range []string{"mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"} {
					r.Want(subnet, off(subnet, property), property, "false", "set "+property+" to false in "+inNetwork+", subnets.go")
				}
			}
		},
	}
}

// EC216 is access lists that guard something.
func (baseline) EC216() promises.Control {
	return promises.Control{
		ID: "EC2.16", Title: "Every network access list guards a subnet", Severity: "low",
		References: []string{fsbp("EC2.16")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, list := range s.Graph.OfType(accessListType) {
				guards := len(list.Refs("subnetIds", subnetType))+len(list.Referrers("networkAclId", "aws:ec2/networkAclAssociation:NetworkAclAssociation")) > 0
				r.Want(list, guards, "subnetIds", "a subnet of the stack or more", "tie the list to its subnets ("+inNetwork+", acl.go), or remove it")
			}
		},
	}
}

// EC218 is what everybody may reach.
func (baseline) EC218() promises.Control {
	return promises.Control{
		ID: "EC2.18", Title: "What everybody may reach is on ports 80 and 443 only", Severity: "high",
		References: []string{fsbp("EC2.18")},
		Check: wantClosed("TCP 80 or 443 where a rule lets everybody in", "name the source's network or security group in the rule", func(o opening) bool {
			web := o.protocol == "tcp" && !o.unread && o.from == o.to && (o.from == 80 || o.from == 443)
			return !o.wide("") || web
		}),
	}
}

// riskyPorts are those of EC2.19.
var riskyPorts = []float64{20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300}

// EC219 is ports that are attacked most.
func (baseline) EC219() promises.Control {
	return promises.Control{
		ID: "EC2.19", Title: "No rule lets everybody reach ports of administration, files, mail or databases", Severity: "critical",
		References: []string{fsbp("EC2.19")},
		Check: wantClosed("no way in for everybody to ports such as 22, 3306, 3389 or 5432", "name the source's network or security group in the rule", func(o opening) bool {
			return !o.wide("") || !slices.ContainsFunc(riskyPorts, o.lets)
		}),
	}
}

// remote judges ways in to SSH and RDP from everybody of an address family.
func remote(family string) promises.Check {
	return wantClosed("no way in for everybody on "+family+" to ports 22 and 3389", "remove the rule: nobody administers machines from outside", func(o opening) bool {
		return !o.wide(family) || !o.lets(22) && !o.lets(3389)
	})
}

// EC253 is remote administration over IPv4.
func (baseline) EC253() promises.Control {
	return promises.Control{
		ID: "EC2.53", Title: "No security group lets all of IPv4 reach SSH or RDP", Severity: "high",
		References: []string{hub("EC2.53"), cis("5.2")},
		Check:      remote("IPv4"),
	}
}

// EC254 is remote administration over IPv6.
func (baseline) EC254() promises.Control {
	return promises.Control{
		ID: "EC2.54", Title: "No security group lets all of IPv6 reach SSH or RDP", Severity: "high",
		References: []string{hub("EC2.54"), cis("5.3")},
		Check:      remote("IPv6"),
	}
}

// EC221 is access lists and remote administration.
func (baseline) EC221() promises.Control {
	return promises.Control{
		ID: "EC2.21", Title: "No network access list lets everybody reach SSH or RDP", Severity: "medium",
		References: []string{fsbp("EC2.21"), cis("5.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "no entry that allows everybody ports 22 and 3389", "name the network in the entry (components/network, acl.go)"
			judge := func(resource *graph.Resource, path string, allows bool, o opening) {
				r.Want(resource, !allows || !o.wide("") || !o.lets(22) && !o.lets(3389), path, expected, fix)
			}
			for _, rule := range s.Graph.OfType(accessRuleType) {
				if !off(rule, "egress") {
					continue
				}
				for _, path := range []string{"cidrBlock", "ipv6CidrBlock"} {
					if rule.Has(path) {
						judge(rule, path, rule.Text("ruleAction") != "deny", opening{protocol: rule.Text("protocol"), networks: []string{rule.Text(path)}}.reads(rule))
					}
				}
			}
			for _, list := range s.Graph.OfType(accessListType) {
				for _, entry := range list.Items("ingress") {
					networks := []string{either(entry.Has("cidrBlock"), entry.Text("cidrBlock"), entry.Text("ipv6CidrBlock"))}
					judge(list, entry.Path, entry.Text("action") != "deny", opening{protocol: entry.Text("protocol"), networks: networks}.reads(entry))
				}
			}
		},
	}
}

// EC257 is Systems Manager without the internet.
func (baseline) EC257() promises.Control {
	return promises.Control{
		ID: "EC2.57", Title: "Every network reaches Systems Manager through an endpoint of its own", Severity: "medium",
		References: []string{fsbp("EC2.57")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, vpc := range s.Graph.OfType(vpcType) {
				reached := slices.ContainsFunc(vpc.Referrers("vpcId", "aws:ec2/vpcEndpoint:VpcEndpoint"), func(endpoint *graph.Resource) bool {
					return strings.HasSuffix(endpoint.Text("serviceName"), ".ssm") && endpoint.Text("vpcEndpointType") == "Interface" &&
						endpoint.Bool("privateDnsEnabled") && len(endpoint.Refs("subnetIds", subnetType)) > 0
				})
				r.Say(vpc, reached, either(reached, "it has the endpoint", "it has no such endpoint"), "an interface endpoint of ssm, with private DNS",
					"name ssm among the endpoints ("+inNetwork+", endpoints.go)")
			}
		},
	}
}
