package spec

import (
	"fmt"
	"time"
)

// lightCheck judges a client on AWS, light tier.
type lightCheck struct {
	*report
	*LightClient
	now time.Time
}

func (c *lightCheck) all() {
	c.client(c.Client)
	c.accountNumber("aws.account", c.AWS.Account)
	c.role("aws.deployRoleArn", c.AWS.DeployRoleArn, c.AWS.Account)
	c.residence(c.Residency, c.AWS.Region)
	c.edge(c.Edge)
	c.allowList("officeCidrs", c.OfficeCIDRs, "AC-2")
	c.fourth()
	c.people(c.Administrators, c.DeployKeys, c.now)
	c.publicKey("server.hostKey", c.Server.HostKey)
	c.release(c.Release)
	c.watched(c.Watch, c.Alerts, false, c.held(c.Environment, c.Waivers, []string{"AV-7"}))
	c.maintenance(c.Maintenance, false)
	c.leaving("client.name", c.Client.Name, c.Leaving)
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}

// fourth refuses an office of IPv6 ranges alone: Lightsail takes a list without IPv4 for everyone, and the server has no other address.
func (c *lightCheck) fourth() {
	const path = "officeCidrs"
	if len(c.OfficeCIDRs) == 0 || !c.sound(path) {
		return
	}
	for i, p := range c.OfficeCIDRs {
		if p.Addr().Is4() || !c.sound(fmt.Sprintf("%s[%d]", path, i)) {
			return
		}
	}
	c.add(path, "IPv6 ranges alone", "an IPv4 range among them: the server has an IPv4 address alone, and Lightsail would let everyone in (AC-2)",
		"add the office's IPv4 addresses")
}
