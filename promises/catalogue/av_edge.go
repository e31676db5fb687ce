package catalogue

import (
	"slices"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// What the checks know of Cloudflare in front of a client.

const (
	typeEdge    = "cloudflare:index/loadBalancer:LoadBalancer"
	typePool    = "cloudflare:index/loadBalancerPool:LoadBalancerPool"
	typeRuleset = "cloudflare:index/ruleset:Ruleset"
	typeRecord  = "cloudflare:index/record:Record"

	typeZoneSettings = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
	typePrefixList   = "aws:ec2/managedPrefixList:ManagedPrefixList"
)

// The expressions in Cloudflare's language that rules are known by.
const (
	isEverything = "true"
	isStatic     = `http.request.method in {"GET" "HEAD"} and starts_with(http.request.uri.path, "/static/")`
	isProbe      = `http.request.method in {"GET" "HEAD"} and http.request.uri.path eq "` + healthPath + `"`
)

// managesZone tells whether the client's stack owns the rules and settings of its zone. Exactly one stack of a zone does.
func managesZone(c *spec.AWSClient) bool { return c.Edge.ManageZone == nil || *c.Edge.ManageZone }

// zoneRules are the lists of rules of a phase for the client's zone; of every phase where it is empty.
func zoneRules(g *graph.Graph, c *spec.AWSClient, phase string) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(g.OfType(typeRuleset)), func(set *graph.Resource) bool {
		return phase != "" && set.Text("phase") != phase || set.Text("zoneId") != c.Edge.ZoneID || set.Text("kind") != "zone"
	})
}

// inZone are the resources of a type for the client's zone.
func inZone(g *graph.Graph, c *spec.AWSClient, typeToken string) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(g.OfType(typeToken)), func(r *graph.Resource) bool { return r.Text("zoneId") != c.Edge.ZoneID })
}
