package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// What stands in front of AWS. No benchmark has numbers for it: these are of this package, after Cloudflare's own advice and
// the checks of Prowler, whose severities they have.

const (
	zoneSettingsType = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
	rulesetType      = "cloudflare:index/ruleset:Ruleset"
	recordType       = "cloudflare:index/record:Record"
	edgeType         = "cloudflare:index/loadBalancer:LoadBalancer"
	inZone           = "components/edge, zone.go"
	inRules          = "components/edge, rules.go"
)

// cloudflareDocs is a page of Cloudflare's documentation.
func cloudflareDocs(page string) string { return "Cloudflare docs, " + page }

// ofZone are the resources of the types in the same zone as a load balancer of Cloudflare.
func ofZone(s promises.Subject, edge *graph.Resource, types ...string) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(s.Graph.OfType(types...)), func(other *graph.Resource) bool {
		return !edge.Has("zoneId") || other.Text("zoneId") != edge.Text("zoneId")
	})
}

// setting judges a setting of the zone of each load balancer.
func setting(property, expected string, holds func(*graph.Resource) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, edge := range s.Graph.OfType(edgeType) {
			settings := ofZone(s, edge, zoneSettingsType)
			if len(settings) == 0 {
				r.Say(edge, false, "its zone has no settings in the stack", expected, "set the zone's settings in "+inZone)
			}
			for _, of := range settings {
				r.Want(of, holds(of), "settings."+property, expected, "set "+property+" in "+inZone)
			}
		}
	}
}

// is is the check that a setting of the zone has one of the values.
func is(property, expected string, values ...string) promises.Check {
	return setting(property, expected, func(of *graph.Resource) bool { return slices.Contains(values, of.Text("settings."+property)) })
}

// Cloudflare1 is encryption on the way to the origin.
func (baseline) Cloudflare1() promises.Control {
	return promises.Control{
		ID: "Cloudflare.1", Title: "Cloudflare checks the certificate of what it speaks to", Severity: "high",
		References: []string{prowler("zone_ssl_strict"), cloudflareDocs("SSL/TLS, encryption modes")},
		Check:      is("ssl", "strict: encrypted, with a certificate that is checked", "strict"),
	}
}

// Cloudflare2 is old TLS.
func (baseline) Cloudflare2() promises.Control {
	return promises.Control{
		ID: "Cloudflare.2", Title: "Cloudflare refuses TLS before 1.2", Severity: "high",
		References: []string{prowler("zone_min_tls_version_secure"), cloudflareDocs("SSL/TLS, minimum TLS version")},
		Check:      is("minTlsVersion", "1.2 or 1.3", "1.2", "1.3"),
	}
}

// Cloudflare3 is new TLS.
func (baseline) Cloudflare3() promises.Control {
	return promises.Control{
		ID: "Cloudflare.3", Title: "Cloudflare speaks TLS 1.3", Severity: "medium",
		References: []string{prowler("zone_tls_1_3_enabled"), cloudflareDocs("SSL/TLS, TLS 1.3")},
		Check:      is("tls13", "on, or zrt", "on", "zrt"),
	}
}

// Cloudflare4 is HTTP that leads to HTTPS.
func (baseline) Cloudflare4() promises.Control {
	return promises.Control{
		ID: "Cloudflare.4", Title: "Cloudflare sends people from HTTP to HTTPS", Severity: "medium",
		References: []string{prowler("zone_https_redirect_enabled"), cloudflareDocs("SSL/TLS, Always Use HTTPS")},
		Check:      is("alwaysUseHttps", "on", "on"),
	}
}

// Cloudflare5 is browsers that remember HTTPS.
func (baseline) Cloudflare5() promises.Control {
	return promises.Control{
		ID: "Cloudflare.5", Title: "Browsers remember for 6 months or longer that the domain is HTTPS only (HSTS)", Severity: "high",
		References: []string{prowler("zone_hsts_enabled"), cloudflareDocs("SSL/TLS, HTTP Strict Transport Security"), "RFC 6797"},
		Check: func(s promises.Subject, r *promises.Report) {
			const header = "settings.securityHeader."
			setting("securityHeader.enabled", "true", func(of *graph.Resource) bool { return of.Bool(header + "enabled") })(s, r)
			setting("securityHeader.includeSubdomains", "true", func(of *graph.Resource) bool { return of.Bool(header + "includeSubdomains") })(s, r)
			setting("securityHeader.maxAge", "15768000 seconds (6 months) or more", func(of *graph.Resource) bool { return atLeast(of, header+"maxAge", 15768000) })(s, r)
		},
	}
}

// Cloudflare6 is pages that ask for plain HTTP.
func (baseline) Cloudflare6() promises.Control {
	return promises.Control{
		ID: "Cloudflare.6", Title: "Cloudflare turns links in pages to HTTPS", Severity: "medium",
		References: []string{prowler("zone_automatic_https_rewrites_enabled"), cloudflareDocs("SSL/TLS, Automatic HTTPS Rewrites")},
		Check:      is("automaticHttpsRewrites", "on", "on"),
	}
}

// Cloudflare7 is names that nobody can forge.
func (baseline) Cloudflare7() promises.Control {
	return promises.Control{
		ID: "Cloudflare.7", Title: "The zone is signed (DNSSEC)", Severity: "high",
		References: []string{prowler("zone_dnssec_enabled"), cloudflareDocs("DNS, DNSSEC"), "RFC 9364"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, edge := range s.Graph.OfType(edgeType) {
				signed := len(ofZone(s, edge, "cloudflare:index/zoneDnssec:ZoneDnssec")) > 0
				r.Say(edge, signed, either(signed, "its zone is signed", "its zone is not signed"), "DNSSEC for the zone", "switch DNSSEC on in "+inZone)
			}
		},
	}
}

// Cloudflare8 is who may issue certificates.
func (baseline) Cloudflare8() promises.Control {
	return promises.Control{
		ID: "Cloudflare.8", Title: "The zone says who may issue certificates (CAA)", Severity: "low",
		References: []string{prowler("zone_record_caa_exists"), cloudflareDocs("SSL/TLS, CAA records"), "RFC 8659"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, edge := range s.Graph.OfType(edgeType) {
				for _, tag := range []string{"issue", "issuewild"} {
					said := slices.ContainsFunc(ofZone(s, edge, recordType), func(record *graph.Resource) bool {
						return record.Text("type") == "CAA" && record.Text("data.tag") == tag && record.Text("data.value") != ""
					})
					r.Say(edge, said, either(said, "a record "+tag, "no record "+tag), "a CAA record "+tag+": without one, anybody may issue", "name the authorities in "+inZone)
				}
			}
		},
	}
}

// rules judges whether the zone of each load balancer has, in a phase, a rule that is enabled and for which something holds.
func rules(phase, what string, holds func(graph.Item) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, edge := range s.Graph.OfType(edgeType) {
			has := slices.ContainsFunc(ofZone(s, edge, rulesetType), func(set *graph.Resource) bool {
				return set.Text("phase") == phase && slices.ContainsFunc(set.Items("rules"), func(rule graph.Item) bool { return on(rule, "enabled") && holds(rule) })
			})
			r.Say(edge, has, either(has, "its zone has it", "its zone has it not"), what, "put the rule back in "+inRules)
		}
	}
}

// executes tells whether a rule runs a set of managed rules on every request.
func executes(id string) func(graph.Item) bool {
	return func(rule graph.Item) bool {
		return rule.Text("action") == "execute" && rule.Text("actionParameters.id") == id && rule.Text("expression") == "true" &&
			on(rule, "actionParameters.overrides.enabled")
	}
}

// Cloudflare9 is rules against known attacks.
func (baseline) Cloudflare9() promises.Control {
	return promises.Control{
		ID: "Cloudflare.9", Title: "Cloudflare's managed rules look at every request", Severity: "high",
		References: []string{prowler("zone_waf_enabled"), cloudflareDocs("WAF, managed rules")},
		Check: rules("http_request_firewall_managed", "a rule that runs the Cloudflare Managed Ruleset on every request",
			executes("efb7b8c949ac4650a09736fc376e9aee")), // the same for all customers
	}
}

// Cloudflare10 is rules against kinds of attacks.
func (baseline) Cloudflare10() promises.Control {
	return promises.Control{
		ID: "Cloudflare.10", Title: "OWASP's core rules look at every request", Severity: "high",
		References: []string{prowler("zone_waf_owasp_ruleset_enabled"), cloudflareDocs("WAF, managed rules")},
		Check: rules("http_request_firewall_managed", "a rule that runs the Cloudflare OWASP Core Ruleset on every request",
			executes("4814384a9e5d4991b9815dcfc25d2f1f")), // the same for all customers
	}
}

// Cloudflare11 is how often one may ask.
func (baseline) Cloudflare11() promises.Control {
	return promises.Control{
		ID: "Cloudflare.11", Title: "Cloudflare limits how often one address may ask", Severity: "medium",
		References: []string{prowler("zone_rate_limiting_enabled"), cloudflareDocs("WAF, rate limiting rules")},
		Check: rules("http_ratelimit", "a rule that blocks addresses that ask too often", func(rule graph.Item) bool {
			n, ok := rule.Number("ratelimit.requestsPerPeriod")
			return rule.Text("action") == "block" && ok && n > 0 && slices.Contains(rule.Texts("ratelimit.characteristics"), "ip.src")
		}),
	}
}

// Cloudflare12 is requests of no browser.
func (baseline) Cloudflare12() promises.Control {
	return promises.Control{
		ID: "Cloudflare.12", Title: "Cloudflare challenges requests whose headers no browser sends", Severity: "low",
		References: []string{prowler("zone_browser_integrity_check_enabled"), cloudflareDocs("WAF, Browser Integrity Check")},
		Check:      is("browserCheck", "on", "on"),
	}
}

// Cloudflare13 is a switch that somebody forgot.
func (baseline) Cloudflare13() promises.Control {
	return promises.Control{
		ID: "Cloudflare.13", Title: "Cloudflare is not in development mode", Severity: "low",
		References: []string{prowler("zone_development_mode_disabled"), cloudflareDocs("Cache, development mode")},
		Check:      is("developmentMode", "off, or absent", "off", ""),
	}
}

// Cloudflare14 is rules of one's own.
func (baseline) Cloudflare14() promises.Control {
	return promises.Control{
		ID: "Cloudflare.14", Title: "Own rules at Cloudflare block, they do not only log", Severity: "medium",
		References: []string{prowler("zone_firewall_blocking_rules_configured"), cloudflareDocs("WAF, custom rules")},
		Check: func(s promises.Subject, r *promises.Report) {
			const phase, expected = "http_request_firewall_custom", "rules that block or challenge, none that only logs or lets through"
			rules(phase, expected, func(graph.Item) bool { return true })(s, r)
			for _, set := range s.Graph.OfType(rulesetType) {
				if set.Text("phase") != phase {
					continue
				}
				for _, rule := range set.Items("rules") {
					acts := slices.Contains([]string{"block", "challenge", "js_challenge", "managed_challenge"}, rule.Text("action"))
					r.Want(set, acts && on(rule, "enabled"), rule.Path+".action", expected, "let the rule block in "+inRules)
				}
			}
		},
	}
}

// Cloudflare15 is who may speak to the origin.
func (baseline) Cloudflare15() promises.Control {
	return promises.Control{
		ID: "Cloudflare.15", Title: "Cloudflare shows the origin who it is, and the origin asks", Severity: "medium",
		References: []string{cloudflareDocs("SSL/TLS, authenticated origin pulls")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, edge := range s.Graph.OfType(edgeType) {
				shown := slices.ContainsFunc(ofZone(s, edge, "cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls"), func(pulls *graph.Resource) bool {
					return pulls.Bool("enabled")
				})
				r.Say(edge, shown, either(shown, "its zone shows a certificate", "its zone shows no certificate"), "authenticated origin pulls, enabled", "enable them in "+inZone)
			}
			if len(s.Graph.OfType(edgeType)) == 0 {
				return
			}
			for _, listener := range s.Graph.OfType(listenerType) {
				if listener.Text("protocol") == "HTTPS" {
					asks := listener.Text("mutualAuthentication.mode") == "verify" && off(listener, "mutualAuthentication.ignoreClientCertificateExpiry") &&
						listener.Ref("mutualAuthentication.trustStoreArn", "aws:lb/trustStore:TrustStore") != nil
					r.Want(listener, asks, "mutualAuthentication", "verify, with a trust store of the stack", "let the listener verify in "+inListeners)
				}
			}
		},
	}
}
