package catalogue

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// DP5 is a client's own read-only access to its database.
func (catalogue) DP5() promises.Promise {
	return promises.Promise{
		ID:    "DP-5",
		Title: "Read-only access for your BI tools",
		Sentence: "When you ask for it, your own reporting tools read your database directly: from the addresses that you name, over TLS, " +
			"as a user that can change nothing, and until the day that you name.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			from, until := "those that you name, each a /24 or smaller", "a day that you name, at most 366 days ahead"
			if c := clientOnAWS(s); c != nil {
				from, until = "none: you have not asked for access", "not open"
				if c.Access.BI != nil {
					from, until = strings.Join(addresses(c.Access.BI), ", "), c.Access.BI.Until.String()
				}
			}
			return []promises.Parameter{
				{Name: "addresses", Value: from, Key: "access.bi.from"},
				{Name: "last day", Value: until, Key: "access.bi.until"},
				{Name: "TLS", Value: "1.2 or later"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "while access is asked for, the resource graph is followed from the gateway to a read replica: the addresses are those of the spec and no others, and schedules in the account end the access on the last day; otherwise nothing of it exists"},
			{Level: promises.Live, How: "while no access is asked for, the account is searched for gateways, forwarders and credentials, and has none; while it is open, the gateway's addresses, " +
				"the read replica and the schedules that end the access are read back, and the gateway is tried from another address, which is refused"},
		},
		Keywords: []string{
			"bi tools access database", "read-only database access", "direct database access", "bi access", "analytics read-only",
			"database for reporting", "direct access sql reporting", "bi connection addresses", "query database directly", "read-only access",
			"read replica", "SQL access", "ODBC", "IP allow list", "allow-listed addresses", "BI access", "business intelligence", "reporting tools",
			"Power BI", "Tableau", "data warehouse", "analytics access",
		},
		Check:  toolsRead,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machineDoorsForTools},
	}
}

// addresses are those that the client's tools come from.
func addresses(bi *spec.BIAccess) []string {
	texts := make([]string, len(bi.From))
	for i, from := range bi.From {
		texts[i] = from.String()
	}
	return texts
}

// The components that open a way to the database for a while.
const (
	biComponent    = "berth:access:BI"
	glassComponent = "berth:access:BreakGlass"
)

// gateways are the load balancers that are no front doors: the ways of clients' tools.
func gateways(g *graph.Graph) []*graph.Resource {
	var found []*graph.Resource
	for _, balancer := range g.OfType(typeBalancer) {
		if balancer.Has("loadBalancerType") && balancer.Text("loadBalancerType") != "application" {
			found = append(found, balancer)
		}
	}
	return found
}

func toolsRead(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	if client.Access.BI == nil { // nothing was asked for: nothing to show, and nothing may be there
		open, ways := doorOf(s.Graph, biComponent), gateways(s.Graph)
		for _, resource := range s.Graph.Clouds() {
			if open[resource.Parent] || slices.Contains(ways, resource) {
				r.Say(resource, false, "part of a way to the database for the client's tools", "nothing: access.bi is not set",
					"let the next update remove it, or set access.bi in the client's spec")
			}
		}
		return
	}
	t := tools{s: s, g: s.Graph, r: r, bi: client.Access.BI}
	if !t.replicaIsThere() {
		return
	}
	const asked = "a gateway for the client's tools, as access.bi asks for"
	for _, gateway := range r.Must(gateways(t.g), "gateway", asked, "components/access, bigateway.go, makes it") {
		t.way(gateway)
	}
	t.credentials()
}
