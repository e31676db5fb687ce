package edge

import (
	"fmt"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Cloudflare's own rulesets, which are the same in every account.
const (
	managedRuleset     = "efb7b8c949ac4650a09736fc376e9aee"
	owaspRuleset       = "4814384a9e5d4991b9815dcfc25d2f1f"
	owaspScoreRule     = "6179ae15870a4bb7b2d480d4843b323c" // acts when a request's anomalies add up
	leakedCredentials  = "c2e184081120413c86c3ab7e14069605"
	owaspBlockAtScore  = 40 // Cloudflare's "medium"
	everyRequest       = "true"
	loginRequests      = 10 // a minute: people mistype, robots try lists
	loginPeriodSeconds = 60
)

// The paths that rules speak of, as Cloudflare's language puts them.
const (
	isLogin   = `http.request.method eq "POST" and (http.request.uri.path eq "/login" or starts_with(http.request.uri.path, "/login/") or starts_with(http.request.uri.path, "/password-reset"))`
	isAsset   = `http.request.method in {"GET" "HEAD"} and starts_with(http.request.uri.path, "/static/")`
	isHealth  = `http.request.method in {"GET" "HEAD"} and http.request.uri.path eq "` + HealthPath + `"`
	isPrivate = `http.request.uri.path eq "/metrics" or starts_with(http.request.uri.path, "/debug/")`
)

func (b builder) ruleset(child, phase, description string, rules cloudflare.RulesetRuleArray) error {
	_, err := cloudflare.NewRuleset(b.ctx, b.name+"-"+child, &cloudflare.RulesetArgs{
		ZoneId: b.zoneID(), Kind: pulumi.String("zone"), Phase: pulumi.String(phase),
		Name: pulumi.String("berth " + child), Description: pulumi.String(description), Rules: rules,
	}, b.child())
	if err != nil {
		return fmt.Errorf("rules of phase %s: %w", phase, err)
	}
	return nil
}

// firewall refuses what the service never answers, then hands the rest to Cloudflare's managed rules (AV-12).
func (b builder) firewall() error {
	block := func(ref, description, expression string) cloudflare.RulesetRuleArgs {
		return cloudflare.RulesetRuleArgs{Ref: pulumi.String(ref), Action: pulumi.String("block"), Enabled: pulumi.Bool(true),
			Description: pulumi.String(description), Expression: pulumi.String(expression)}
	}
	if err := b.ruleset("firewall", "http_request_firewall_custom", "What no host in the zone answers", cloudflare.RulesetRuleArray{
		block("ports", "Only the standard ports; port 80 redirects", "not cf.edge.server_port in {80 443}"),
		block("methods", "Methods that the service does not have",
			`not http.request.method in {"GET" "HEAD" "POST" "PUT" "PATCH" "DELETE" "OPTIONS"}`),
		block("private", "Metrics and profiles are read inside the network only", isPrivate),
	}); err != nil {
		return err
	}
	execute := func(ref, description, id string, overrides cloudflare.RulesetRuleActionParametersOverridesPtrInput) cloudflare.RulesetRuleArgs {
		return cloudflare.RulesetRuleArgs{Ref: pulumi.String(ref), Action: pulumi.String("execute"), Enabled: pulumi.Bool(true),
			Description: pulumi.String(description), Expression: pulumi.String(everyRequest),
			ActionParameters: cloudflare.RulesetRuleActionParametersArgs{Id: pulumi.String(id), Overrides: overrides}}
	}
	var categories cloudflare.RulesetRuleActionParametersOverridesCategoryArray
	for level := 2; level <= 4; level++ { // the paranoid levels stop ordinary text in comments
		categories = append(categories, cloudflare.RulesetRuleActionParametersOverridesCategoryArgs{
			Category: pulumi.String(fmt.Sprintf("paranoia-level-%d", level)), Enabled: pulumi.Bool(false)})
	}
	return b.ruleset("managed-firewall", "http_request_firewall_managed", "Cloudflare's managed rules for every host in the zone", cloudflare.RulesetRuleArray{
		execute("managed", "Cloudflare Managed Ruleset", managedRuleset, nil),
		execute("owasp", "Cloudflare OWASP Core Ruleset", owaspRuleset, cloudflare.RulesetRuleActionParametersOverridesArgs{
			Categories: categories,
			Rules: cloudflare.RulesetRuleActionParametersOverridesRuleArray{cloudflare.RulesetRuleActionParametersOverridesRuleArgs{
				Id: pulumi.String(owaspScoreRule), Action: pulumi.String("block"), ScoreThreshold: pulumi.Int(owaspBlockAtScore)}},
		}),
		execute("leaked-credentials", "Cloudflare Exposed Credentials Check", leakedCredentials, nil),
	})
}

// limits counts each address's requests (AV-12); sign-in is counted more strictly.
func (b builder) limits() error {
	limit := func(ref, description, expression string, requests, period int) cloudflare.RulesetRuleArgs {
		return cloudflare.RulesetRuleArgs{Ref: pulumi.String(ref), Action: pulumi.String("block"), Enabled: pulumi.Bool(true),
			Description: pulumi.String(description), Expression: pulumi.String(expression),
			Ratelimit: cloudflare.RulesetRuleRatelimitArgs{
				Characteristics: pulumi.ToStringArray([]string{"cf.colo.id", "ip.src"}), // Cloudflare counts by data centre
				Period:          pulumi.Int(period), RequestsPerPeriod: pulumi.Int(requests), MitigationTimeout: pulumi.Int(period),
				RequestsToOrigin: pulumi.Bool(false)}}
	}
	r := b.args.Edge.RateLimit
	return b.ruleset("rate-limits", "http_ratelimit", "How often one address may ask", cloudflare.RulesetRuleArray{
		limit("login", "Sign-in and password reset", isLogin, loginRequests, loginPeriodSeconds),
		limit("all", "Everything but cached assets", "not ("+isAsset+")", r.Requests, r.PeriodSeconds),
	})
}

// cache keeps assets at the edge and nothing else: pages and the API are personal.
func (b builder) cache() error {
	if err := b.ruleset("cache", "http_request_cache_settings", "Only assets are cached", cloudflare.RulesetRuleArray{
		cloudflare.RulesetRuleArgs{Ref: pulumi.String("dynamic"), Action: pulumi.String("set_cache_settings"), Enabled: pulumi.Bool(true),
			Description: pulumi.String("Pages and the API are never cached"), Expression: pulumi.String(everyRequest),
			ActionParameters: cloudflare.RulesetRuleActionParametersArgs{Cache: pulumi.Bool(false)}},
		// The last rule that fits wins.
		cloudflare.RulesetRuleArgs{Ref: pulumi.String("assets"), Action: pulumi.String("set_cache_settings"), Enabled: pulumi.Bool(true),
			Description: pulumi.String("Assets"), Expression: pulumi.String(isAsset),
			ActionParameters: cloudflare.RulesetRuleActionParametersArgs{
				Cache: pulumi.Bool(true),
				// The service names assets by checksum and says how long each lasts. Overriding it would keep the
				// "not found" of a machine that has the next release's assets not yet.
				EdgeTtl:    cloudflare.RulesetRuleActionParametersEdgeTtlArgs{Mode: pulumi.String("respect_origin")},
				BrowserTtl: cloudflare.RulesetRuleActionParametersBrowserTtlArgs{Mode: pulumi.String("respect_origin")},
				CacheKey:   cloudflare.RulesetRuleActionParametersCacheKeyArgs{CacheDeceptionArmor: pulumi.Bool(true)},
			}},
	}); err != nil {
		return err
	}
	// Uptime is measured through the edge (AV-1): a challenge would count as an outage.
	return b.ruleset("probes", "http_config_settings", "Health probes are no browsers", cloudflare.RulesetRuleArray{
		cloudflare.RulesetRuleArgs{Ref: pulumi.String("health"), Action: pulumi.String("set_config"), Enabled: pulumi.Bool(true),
			Description: pulumi.String("Probes of " + HealthPath), Expression: pulumi.String(isHealth),
			ActionParameters: cloudflare.RulesetRuleActionParametersArgs{
				Bic: pulumi.Bool(false), SecurityLevel: pulumi.String("essentially_off")}},
	})
}
