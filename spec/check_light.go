package spec

import "time"

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
	c.people(c.Administrators, c.DeployKeys, c.now)
	c.publicKey("server.hostKey", c.Server.HostKey)
	c.release(c.Release)
	c.watched(c.Watch, c.Alerts, false, c.held(c.Environment, c.Waivers, []string{"AV-7"}))
	c.maintenance(c.Maintenance, false)
	c.leaving("client.name", c.Client.Name, c.Leaving)
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}
