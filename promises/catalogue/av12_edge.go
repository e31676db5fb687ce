package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
)

// Cloudflare's own rules for the zone. They are in the stack that manages it, for every host name of the zone.

const fixZoneRules = "mend the rules in components/edge, rules.go"

// zone reports on what the owner of the zone sets; other stacks of the zone stand behind it.
func (o originCheck) zone() {
	if !managesZone(o.client) {
		return
	}
	zone := "zone " + o.client.Edge.Zone
	const certificate = "Cloudflare shows its client certificate to the origin"
	for _, pulls := range o.Must(inZone(o.g, o.client, "cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls"), "authenticated origin pulls in "+zone, certificate, fixEdge) {
		o.Want(pulls, pulls.Bool("enabled"), "enabled", "true: "+certificate, fixEdge)
	}
	for _, settings := range o.Must(inZone(o.g, o.client, typeZoneSettings), "settings of "+zone, "suspicious requests are challenged", fixEdge) {
		level := settings.Text("settings.securityLevel")
		o.Want(settings, slices.Contains([]string{"medium", "high", "under_attack"}, level), "settings.securityLevel", "medium or stricter", fixEdge)
		o.Want(settings, settings.Text("settings.browserCheck") == "on", "settings.browserCheck", "on: what pretends to be a browser is challenged", fixEdge)
		passage, given := settings.Number("settings.challengeTtl")
		o.Want(settings, !given || passage <= 1800, "settings.challengeTtl", "at most 1800 seconds until the next challenge", fixEdge)
	}
	o.limits(zone)
	o.refusals(zone)
	o.attacks(zone)
	o.exceptions()
}

// ruleWhere is the path of the rule that fits; of all rules where none does.
func ruleWhere(set *graph.Resource, fits func(graph.Item) bool) (path string, found bool) {
	for _, rule := range set.Items("rules") {
		if fits(rule) {
			return rule.Path, true
		}
	}
	return "rules", false
}

// limits reports whether the edge counts each address's requests by the client's limit, and sign-in more strictly.
func (o originCheck) limits(zone string) {
	const signIn = `http.request.method eq "POST" and (http.request.uri.path eq "/login" or starts_with(http.request.uri.path, "/login/") or starts_with(http.request.uri.path, "/password-reset"))`
	limit := o.client.Edge.RateLimit
	for _, set := range o.Must(zoneRules(o.g, o.client, "http_ratelimit"), "rate limits in "+zone, "whoever asks too often is refused at the edge", fixZoneRules) {
		for _, want := range []struct {
			what              string
			expressions       []string
			requests, seconds int
			fix               string
		}{
			{"everything but cached assets", []string{"not (" + isStatic + ")", isEverything}, limit.Requests, limit.PeriodSeconds, "set edge.rateLimit in the client's spec, or " + fixZoneRules},
			{"sign-in and password reset", []string{signIn}, signInRequests, signInSeconds, fixZoneRules},
		} {
			path, holds := ruleWhere(set, func(rule graph.Item) bool {
				requests, _ := rule.Number("ratelimit.requestsPerPeriod")
				seconds, _ := rule.Number("ratelimit.period")
				pause, _ := rule.Number("ratelimit.mitigationTimeout")
				by := rule.Texts("ratelimit.characteristics")
				slices.Sort(by)
				return rule.Bool("enabled") && rule.Text("action") == "block" && slices.Contains(want.expressions, rule.Text("expression")) &&
					int(requests) == want.requests && int(seconds) == want.seconds && int(pause) == want.seconds && !rule.Bool("ratelimit.requestsToOrigin") &&
					slices.Equal(by, []string{"cf.colo.id", "ip.src"}) && !rule.Has("ratelimit.countingExpression")
			})
			o.Want(set, holds, path, fmt.Sprintf("%s: an address is blocked after %d requests in %d s", want.what, want.requests, want.seconds), want.fix)
		}
	}
}

// refusals reports whether the edge refuses what no host in the zone answers.
func (o originCheck) refusals(zone string) {
	for _, set := range o.Must(zoneRules(o.g, o.client, "http_request_firewall_custom"), "firewall rules in "+zone, "what the service never answers is refused at the edge", fixZoneRules) {
		for _, want := range []struct{ what, expression string }{
			{"other ports than 80 and 443", "not cf.edge.server_port in {80 443}"},
			{"methods that the service does not have", `not http.request.method in {"GET" "HEAD" "POST" "PUT" "PATCH" "DELETE" "OPTIONS"}`},
			{"metrics and profiles", `http.request.uri.path eq "/metrics" or starts_with(http.request.uri.path, "/debug/")`},
		} {
			path, holds := ruleWhere(set, func(rule graph.Item) bool {
				return rule.Bool("enabled") && rule.Text("action") == "block" && rule.Text("expression") == want.expression
			})
			o.Want(set, holds, path, want.what+" are blocked", fixZoneRules)
		}
		for _, rule := range set.Items("rules") {
			o.Want(set, rule.Text("action") != "skip", rule.Path+".action", "no rule that skips others", fixZoneRules)
		}
	}
}

// edgeRulesets are Cloudflare's own lists of known attacks, which are the same in every account.
var edgeRulesets = []struct{ id, name string }{
	{"efb7b8c949ac4650a09736fc376e9aee", "Cloudflare Managed Ruleset"},
	{"4814384a9e5d4991b9815dcfc25d2f1f", "Cloudflare OWASP Core Ruleset"},
	{"c2e184081120413c86c3ab7e14069605", "Cloudflare Exposed Credentials Check"},
}

const (
	owaspScore = "6179ae15870a4bb7b2d480d4843b323c" // the rule that acts when a request's anomalies add up
	owaspLeast = 40                                 // Cloudflare's "medium"
)

// attacks reports whether Cloudflare's lists of known attacks are in force.
func (o originCheck) attacks(zone string) {
	for _, set := range o.Must(zoneRules(o.g, o.client, "http_request_firewall_managed"), "managed rules in "+zone, "known attacks are stopped at the edge", fixZoneRules) {
		for _, want := range edgeRulesets {
			path, holds := ruleWhere(set, func(rule graph.Item) bool {
				return rule.Text("actionParameters.id") == want.id && rule.Bool("enabled") && rule.Text("action") == "execute" &&
					rule.Text("expression") == isEverything && unweakened(rule, want.id)
			})
			o.Want(set, holds, path, want.name+" is in force for every request", fixZoneRules)
		}
	}
}

// unweakened tells whether nothing of a ruleset is switched off or only logged, but the paranoid levels of OWASP's, which
// stop ordinary text in comments.
func unweakened(rule graph.Item, id string) bool {
	const overrides = "actionParameters.overrides."
	if rule.Has(overrides+"action") || rule.Has(overrides+"enabled") && !rule.Bool(overrides+"enabled") {
		return false
	}
	for _, category := range rule.Items(overrides + "categories") {
		if !strings.HasPrefix(category.Text("category"), "paranoia-level-") || category.Has("action") {
			return false
		}
		if category.Text("category") == "paranoia-level-1" {
			return false
		}
	}
	scored := false
	for _, one := range rule.Items(overrides + "rules") {
		threshold, _ := one.Number("scoreThreshold")
		if one.Text("id") != owaspScore || one.Text("action") != "block" || threshold <= 0 || threshold > owaspLeast || one.Has("enabled") && !one.Bool("enabled") {
			return false
		}
		scored = true
	}
	return scored || id != edgeRulesets[1].id
}

// exceptions reports whether the edge's guard is lowered for nothing but health probes.
func (o originCheck) exceptions() {
	for _, set := range zoneRules(o.g, o.client, "http_config_settings") {
		for _, rule := range set.Items("rules") {
			lowers := rule.Has("actionParameters.securityLevel") || rule.Has("actionParameters.bic") && !rule.Bool("actionParameters.bic")
			if lowers {
				o.Want(set, rule.Text("expression") == isProbe, rule.Path+".expression", "checks are left out for probes of "+healthPath+" alone", fixZoneRules)
			}
		}
	}
}
