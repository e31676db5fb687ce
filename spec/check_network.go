package spec

import (
	"fmt"
	"net/netip"
)

var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

// nonPublicRanges are addresses that nobody comes from over the internet.
var nonPublicRanges = append([]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/16"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}, privateRanges...)

func (c *clientCheck) network() {
	path, cidr := "network.cidr", c.Network.CIDR
	if c.sound(path) && c.canonical(path, cidr) {
		c.vpcRange(path, cidr)
	}
	if c.strict("AV-2") && c.Tier == Dedicated && c.sound("tier", "network.natGateways") && c.Network.NATGateways != PerZone {
		c.add("network.natGateways", show(c.Network.NATGateways), "perZone for the dedicated tier in production (AV-2)", "write perZone, or leave it out")
	}
	for i, reserved := range c.Network.Reserved {
		path := fmt.Sprintf("network.reserved[%d]", i)
		switch {
		case !c.sound(path) || !c.canonical(path, reserved):
		case !reserved.Addr().Is4():
			c.add(path, reserved.String(), "an IPv4 range: the VPC has no other", "remove it")
		case c.sound("network.cidr") && reserved.Overlaps(cidr):
			c.add(path, reserved.String(), "no overlap with network.cidr "+cidr.String(), "choose another range for the VPC, or correct this one")
		default:
			c.apart("network.reserved", c.Network.Reserved, i)
		}
	}
}

func (c *clientCheck) vpcRange(path string, cidr netip.Prefix) {
	const fix = "choose one such as 10.20.0.0/16"
	private := false
	for _, r := range privateRanges {
		private = private || r.Overlaps(cidr) && r.Bits() <= cidr.Bits()
	}
	switch {
	case !cidr.Addr().Is4():
		c.add(path, cidr.String(), "an IPv4 range", fix)
	case !private:
		c.add(path, cidr.String(), "a private range, within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16", fix)
	case cidr.Bits() < minNetworkBits:
		c.add(path, cidr.String(), "at most a /16, the largest VPC that AWS makes", fmt.Sprintf("write %s/16", cidr.Addr()))
	case cidr.Bits() > maxNetworkBits:
		c.add(path, cidr.String(), "at least a /20: three subnets in each zone have to fit", fmt.Sprintf("write %s, if it is free", netip.PrefixFrom(cidr.Addr(), maxNetworkBits).Masked()))
	}
}

// canonical refuses a range that is written with host bits, for it is unclear which part is the mistake.
func (r *report) canonical(path string, p netip.Prefix) bool {
	if p == p.Masked() && !p.Addr().Is4In6() {
		return true
	}
	r.add(path, p.String(), "a range without host bits", fmt.Sprintf("write %s, or another prefix length", p.Masked()))
	return false
}

// apart refuses a range that overlaps an earlier one of its list.
func (r *report) apart(path string, ranges []netip.Prefix, i int) {
	for j, other := range ranges[:i] {
		if r.sound(fmt.Sprintf("%s[%d]", path, j)) && other.Overlaps(ranges[i]) {
			r.add(fmt.Sprintf("%s[%d]", path, i), ranges[i].String(), "ranges that do not overlap", fmt.Sprintf("remove it or correct it: %s[%d] is %s", path, j, other))
			return
		}
	}
}

// allowList judges public addresses that a door is opened for.
func (r *report) allowList(list string, ranges []netip.Prefix, promise string) {
	for i, p := range ranges {
		path := fmt.Sprintf("%s[%d]", list, i)
		if !r.sound(path) || !r.canonical(path, p) {
			continue
		}
		narrowest := choose(p.Addr().Is4(), 24, 48)
		switch {
		case p.Bits() == 0:
			r.add(path, p.String(), fmt.Sprintf("named addresses, not everyone (%s)", promise), "name the addresses")
		case overlapsAny(p, nonPublicRanges):
			r.add(path, p.String(), fmt.Sprintf("public addresses (%s)", promise), "name the addresses as they are seen from the internet")
		case p.Bits() < narrowest:
			r.add(path, p.String(), fmt.Sprintf("a range of /%d or smaller (%s)", narrowest, promise), "name the addresses themselves")
		default:
			r.apart(list, ranges, i)
		}
	}
}

func overlapsAny(p netip.Prefix, ranges []netip.Prefix) bool {
	for _, r := range ranges {
		if r.Overlaps(p) {
			return true
		}
	}
	return false
}
