package spec

import (
	"fmt"
	"net/netip"
	"time"
)

// sitesCheck judges a pair of sites.
type sitesCheck struct {
	*report
	*Sites
	now time.Time
}

func (c *sitesCheck) strict(promises ...string) bool {
	return c.held(c.Environment, c.Waivers, promises)
}

func (c *sitesCheck) all() {
	c.pair()
	c.tunnel()
	c.allowList("officeCidrs", c.OfficeCIDRs, "AC-2")
	c.people(c.Administrators, c.DeployKeys, c.now)
	c.copies()
	c.watched(c.Watch, c.Alerts, true, c.strict("AV-7"))
	c.leaving("name", c.Name, c.Leaving)
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}

// pair judges the two sites, and what each says of its machine.
func (c *sitesCheck) pair() {
	if n := len(c.Sites.Sites); n > 2 && c.sound("sites") {
		c.add("sites", fmt.Sprintf("%d of them", n), "exactly two (AV-4)", "make a pair of each two: a stack has one")
	}
	names, addresses := map[string]string{}, map[string]string{}
	for i, s := range c.Sites.Sites {
		path := fmt.Sprintf("sites[%d]", i)
		c.once(names, path+".name", s.Name)
		c.zone(path+".timeZone", s.TimeZone)
		if !c.sound(path, path+".machine", path+".hetzner") {
			continue
		}
		switch {
		case s.Machine == nil && s.Hetzner == nil:
			c.add(path, "neither machine nor hetzner", "one of the two", "add machine with address and hostKey, or hetzner with location and cidr")
		case s.Machine != nil && s.Hetzner != nil:
			c.add(path+".hetzner", "a mapping", "one of machine and hetzner", "remove one of them: a site is one machine")
		case s.Machine != nil:
			c.reach(path+".machine", *s.Machine, true)
			c.once(addresses, path+".machine.address", s.Machine.Address)
			c.disks(path+".disks", s.Disks, false)
		default:
			c.hetzner(path+".hetzner", i)
			c.disks(path+".disks", s.Disks, true)
		}
	}
	c.sameSort()
}

// sameSort refuses a pair of one made and one adopted machine: their firewalls are opened for each other by address, which
// the file has for both or for neither.
func (c *sitesCheck) sameSort() {
	if len(c.Sites.Sites) != 2 || !c.sound("sites[0]", "sites[1]", "sites[0].machine", "sites[1].machine", "sites[0].hetzner", "sites[1].hetzner") {
		return
	}
	a, b := c.Sites.Sites[0], c.Sites.Sites[1]
	if a.Machine != nil && a.Hetzner == nil && b.Hetzner != nil && b.Machine == nil || a.Hetzner != nil && a.Machine == nil && b.Machine != nil && b.Hetzner == nil {
		c.add("sites[1]", choose(b.Machine != nil, "machine", "hetzner"), "the same as the first site: "+choose(a.Machine != nil, "machine", "hetzner"),
			"make a pair of two machines that exist, or of two servers at Hetzner Cloud")
	}
}

// hetzner judges a server that is made; both sites' ranges lie in one network.
func (c *sitesCheck) hetzner(path string, i int) {
	h := c.Sites.Sites[i].Hetzner
	c.publicKey(path+".hostKey", h.HostKey)
	c.allowList(path+".biCidrs", h.BICIDRs, "DP-5")
	for j, p := range h.BICIDRs {
		if item := fmt.Sprintf("%s.biCidrs[%d]", path, j); c.sound(item) && !p.Addr().Is4() {
			c.add(item, p.String(), "an IPv4 range: the server has no other address", "write the IPv4 addresses of the tools")
		}
	}
	cidr := path + ".cidr"
	if !c.sound(cidr) || !c.canonical(cidr, h.CIDR) {
		return
	}
	switch {
	case !h.CIDR.Addr().Is4() || !private(h.CIDR):
		c.add(cidr, h.CIDR.String(), "a private IPv4 range, within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16", "choose one such as 10.30.1.0/24")
	case h.CIDR.Bits() > 24:
		c.add(cidr, h.CIDR.String(), "a /24 or larger", "write a /24")
	case h.CIDR.Bits() < 16:
		c.add(cidr, h.CIDR.String(), "at most a /16: a site has a few addresses", "write a /24")
	}
	for j, other := range c.Sites.Sites[:i] {
		if other.Hetzner == nil || !c.sound(fmt.Sprintf("sites[%d].hetzner", j), fmt.Sprintf("sites[%d].hetzner.cidr", j)) {
			continue
		}
		if other.Hetzner.CIDR.Overlaps(h.CIDR) {
			c.add(cidr, h.CIDR.String(), "no overlap with the other site's "+other.Hetzner.CIDR.String(), "choose another range")
		} else if private(h.CIDR) && private(other.Hetzner.CIDR) && !private(c.NetworkCIDR()) {
			c.add(cidr, h.CIDR.String(), "within one private network with the other site's "+other.Hetzner.CIDR.String(), "choose both in 10.0.0.0/8, or both in another private range")
		}
		if other.Hetzner.Location == h.Location && c.sound(path+".location", fmt.Sprintf("sites[%d].hetzner.location", j)) {
			c.add(path+".location", show(h.Location), "another data centre than the other site's (AV-4)", "choose another location")
		}
	}
}

// tunnelBits is how narrow the tunnel's range may be: two addresses besides its first and last.
const tunnelBits = 30

func (c *sitesCheck) tunnel() {
	const path = "tunnel.cidr"
	cidr := c.Tunnel.CIDR
	if !c.sound(path) || !c.canonical(path, cidr) {
		return
	}
	switch {
	case !cidr.Addr().Is4() || !private(cidr):
		c.add(path, cidr.String(), "a private IPv4 range", "choose one such as 10.255.0.0/29, or leave it out")
	case cidr.Bits() > tunnelBits:
		c.add(path, cidr.String(), "at least a /30: each site has an address", "write "+netip.PrefixFrom(cidr.Addr(), tunnelBits).Masked().String()+", or leave it out")
	case cidr.Bits() < 24:
		c.add(path, cidr.String(), "a /24 or smaller: the tunnel has two ends", "choose one such as 10.255.0.0/29, or leave it out")
	}
	for i, s := range c.Sites.Sites {
		if s.Hetzner != nil && c.sound(fmt.Sprintf("sites[%d].hetzner.cidr", i)) && s.Hetzner.CIDR.Overlaps(cidr) {
			c.add(path, cidr.String(), fmt.Sprintf("no overlap with sites[%d].hetzner.cidr %s", i, s.Hetzner.CIDR), "choose another range for one of them")
		}
	}
}

func (c *sitesCheck) copies() {
	c.store("backup.thirdPlace", c.Backup.ThirdPlace)
	if c.Backup.ThirdPlace == nil && c.strict("BK-2") && c.sound("backup") {
		c.add("backup.thirdPlace", "missing", "a bucket outside both sites in production (BK-2)", "add it with endpoint, region, bucket, country")
	}
	if c.strict("BK-1", "BK-4") && c.sound("backup.keepDays") && c.Backup.KeepDays < 7 {
		c.add("backup.keepDays", show(c.Backup.KeepDays), "at least 7 in production (BK-1, BK-4)", "set it to 7 or more, or leave it out")
	}
}
