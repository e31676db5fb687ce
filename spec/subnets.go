package spec

import (
	"fmt"
	"net/netip"
)

// Plan is how a VPC's range is divided: one subnet of each sort per zone, in the order of the zones.
type Plan struct {
	Public   []netip.Prefix // load balancer and NAT gateways
	Private  []netip.Prefix // machines; the largest, for they are what grows
	Isolated []netip.Prefix // databases and caches: no route out
}

// The sizes of a VPC that SubnetPlan divides.
const (
	minNetworkBits = 16 // the largest VPC that AWS makes
	maxNetworkBits = 20 // the smallest that leaves a public subnet of 128 addresses per zone
	maxZones       = 3
)

// SubnetPlan divides a VPC's range, /16 to /20, among two or three zones.
//
// The range is cut into quarters. Zone n's private subnet is quarter n; the last
// quarter is cut into eighths, of which the first three are public and the fifth
// to seventh isolated. A zone's subnets therefore stay where they are when a
// zone is added. In a /16 that is a private /18 and a public and an isolated /21
// per zone; in a /20 a private /22 and two /25.
func SubnetPlan(cidr netip.Prefix, zones int) (Plan, error) {
	if !cidr.IsValid() || !cidr.Addr().Is4() || cidr != cidr.Masked() ||
		cidr.Bits() < minNetworkBits || cidr.Bits() > maxNetworkBits {
		return Plan{}, fmt.Errorf("plan subnets: %s is no IPv4 range from /%d to /%d without host bits", cidr, minNetworkBits, maxNetworkBits)
	}
	if zones < 2 || zones > maxZones {
		return Plan{}, fmt.Errorf("plan subnets: %d zones: use 2 or %d", zones, maxZones)
	}
	var plan Plan
	last := part(cidr, 2, 3)
	for zone := range zones {
		plan.Private = append(plan.Private, part(cidr, 2, zone))
		plan.Public = append(plan.Public, part(last, 3, zone))
		plan.Isolated = append(plan.Isolated, part(last, 3, zone+4))
	}
	return plan, nil
}

// Subnets is the SubnetPlan of a decoded client.
func (a *AWSClient) Subnets() (Plan, error) { return SubnetPlan(a.Network.CIDR, a.AWS.Zones) }

// ZoneNames are the availability zones that the client uses, such as eu-west-2a.
func (a *AWSClient) ZoneNames() []string {
	names := make([]string, a.AWS.Zones)
	for i := range names {
		names[i] = a.AWS.Region + string(rune('a'+i))
	}
	return names
}

// part is the index-th of the 2^bits equal parts of an IPv4 range.
func part(p netip.Prefix, bits, index int) netip.Prefix {
	addr := p.Addr().As4()
	shift := 32 - p.Bits() - bits
	n := uint32(addr[0])<<24 | uint32(addr[1])<<16 | uint32(addr[2])<<8 | uint32(addr[3])
	n |= uint32(index) << shift
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), p.Bits()+bits)
}
