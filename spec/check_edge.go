package spec

import "strings"

func (c *clientCheck) edge() {
	e := c.Edge
	if c.sound("edge.hostname", "edge.zone") && e.Hostname != e.Zone && !strings.HasSuffix(e.Hostname, "."+e.Zone) {
		c.add("edge.hostname", show(e.Hostname), "a name inside edge.zone "+e.Zone, "write a name that ends in ."+e.Zone+", or correct the zone")
	}
	for path, id := range map[string]string{"edge.zoneId": e.ZoneID, "edge.accountId": e.AccountID} {
		if id != "" && strings.Trim(id, id[:1]) == "" {
			c.add(path, show(id), "a real Cloudflare ID", "copy it from the zone's overview page")
		}
	}
	if c.sound("edge.zoneId", "edge.accountId") && e.ZoneID == e.AccountID {
		c.add("edge.accountId", show(e.AccountID), "another ID than edge.zoneId", "copy both from the zone's overview page")
	}
}
