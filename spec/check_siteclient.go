package spec

import (
	"fmt"
	"slices"
	"time"
)

// siteClientCheck judges a client on a pair of sites.
type siteClientCheck struct {
	*report
	*SiteClient
	now time.Time
}

func (c *siteClientCheck) all() {
	c.client(c.Client)
	c.countries("countries", c.Countries)
	c.pair()
	c.edge(c.Edge)
	c.release(c.Release)
	c.alerts("alerts", c.Alerts, false)
	c.bi(c.Access.BI, c.now)
	c.emergency(c.Access.BreakGlass, c.now)
	c.maintenance(c.Maintenance, false)
	c.leaving("client.name", c.Client.Name, c.Leaving)
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}

// pair judges the two sites, and where the client's data would lie (AV-4, AV-9).
func (c *siteClientCheck) pair() {
	p := c.Pair
	sites := []struct {
		path string
		site ClientSite
	}{{"pair.home", p.Home}, {"pair.standby", p.Standby}}
	names, addresses := map[string]string{}, map[string]string{}
	for _, s := range sites {
		if !c.sound(s.path) {
			continue
		}
		c.once(names, s.path+".name", s.site.Name)
		c.reach(s.path+".machine", s.site.Machine, true)
		c.once(addresses, s.path+".machine.address", s.site.Machine.Address)
		c.address(s.path+".origin", s.site.Origin, true)
		if c.known() && c.sound(s.path+".country") && !slices.Contains(c.Countries, s.site.Country) {
			c.add(s.path+".country", show(s.site.Country), "one of countries, "+list(c.Countries)+" (AV-9)",
				"choose a pair whose sites lie there, or add the country to countries if the client wants that")
		}
	}
	const third = "pair.thirdPlace"
	if c.known() && c.sound(third) && !slices.Contains(c.Countries, p.ThirdPlace) && c.held(c.Environment, c.Waivers, []string{"AV-9"}) && c.sound("copiesAbroad") {
		c.agreed("copiesAbroad", c.CopiesAbroad,
			fmt.Sprintf("the client's consent to copies in %s, outside countries %s (AV-9)", p.ThirdPlace, list(c.Countries)), "", c.now)
	}
}

// known tells whether every country was read.
func (c *siteClientCheck) known() bool {
	for i := range c.Countries {
		if !c.sound(fmt.Sprintf("countries[%d]", i)) {
			return false
		}
	}
	return c.sound("countries")
}
