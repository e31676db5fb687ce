package spec

import "strings"

func (r *report) edge(e Edge) {
	if r.sound("edge.hostname", "edge.zone") && e.Hostname != e.Zone && !strings.HasSuffix(e.Hostname, "."+e.Zone) {
		r.add("edge.hostname", show(e.Hostname), "a name inside edge.zone "+e.Zone, "write a name that ends in ."+e.Zone+", or correct the zone")
	}
	for path, id := range map[string]string{"edge.zoneId": e.ZoneID, "edge.accountId": e.AccountID} {
		if id != "" && strings.Trim(id, id[:1]) == "" {
			r.add(path, show(id), "a real Cloudflare ID", "copy it from the zone's overview page")
		}
	}
	if r.sound("edge.zoneId", "edge.accountId") && e.ZoneID == e.AccountID {
		r.add("edge.accountId", show(e.AccountID), "another ID than edge.zoneId", "copy both from the zone's overview page")
	}
}
