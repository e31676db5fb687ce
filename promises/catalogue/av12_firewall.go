package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// AWS's firewall in front of the load balancer, which holds if Cloudflare is passed by.

const fixFirewall = "mend components/firewall"

// managedGroups are AWS's lists of known attacks that are in force, with what of each is counted and does not block.
var managedGroups = map[string]struct {
	counts  bool     // the whole group
	counted []string // single rules
}{
	// It judges the address that connects, and that is always Cloudflare's, which carries everybody.
	"AWSManagedRulesAmazonIpReputationList": {counts: true},
	// Attachments are larger than the rule allows a body; the service bounds them itself.
	"AWSManagedRulesCommonRuleSet":         {counted: []string{"SizeRestrictions_BODY"}},
	"AWSManagedRulesKnownBadInputsRuleSet": {},
	"AWSManagedRulesSQLiRuleSet":           {},
	"AWSManagedRulesLinuxRuleSet":          {},
}

func (o originCheck) firewall(balancer *graph.Resource) {
	o.Want(balancer, !balancer.Bool("enableWafFailOpen"), "enableWafFailOpen", "false: nothing passes that the firewall did not judge", fixOrigin)
	associations := balancer.Referrers("resourceArn", "aws:wafv2/webAclAssociation:WebAclAssociation")
	if len(associations) == 0 {
		o.Say(balancer, false, "no firewall is tied to it", "a web firewall in front of the load balancer", fixFirewall)
	}
	for _, association := range associations {
		acl := association.Ref("webAclArn", "aws:wafv2/webAcl:WebAcl")
		o.Want(association, acl != nil, "webAclArn", "a web firewall of this stack", fixFirewall)
		if acl == nil {
			continue
		}
		o.Want(acl, acl.Text("scope") == "REGIONAL", "scope", "REGIONAL, as a load balancer needs", fixFirewall)
		o.Want(acl, acl.Has("defaultAction.block") && !acl.Has("defaultAction.allow"), "defaultAction", "block what no rule allows", fixFirewall)
		o.rules(acl)
		o.logs(acl)
	}
}

// windowOf is the client's limit over a window that AWS's firewall counts in; a shorter period keeps its rate.
func windowOf(limit spec.RateLimit) (requests, seconds int) {
	const shortest = 60
	if limit.PeriodSeconds > 0 && limit.PeriodSeconds < shortest {
		return limit.Requests * shortest / limit.PeriodSeconds, shortest
	}
	return limit.Requests, limit.PeriodSeconds
}

func (o originCheck) rules(acl *graph.Resource) {
	limited, host := false, false
	metrics := true
	priorities := map[float64]bool{}
	groups := map[string]bool{}
	last := 0.0 // priority of the rules that block
	for _, rule := range acl.Items("rules") {
		priority, _ := rule.Number("priority")
		priorities[priority] = true
		metrics = metrics && rule.Bool("visibilityConfig.cloudwatchMetricsEnabled")
		name := rule.Text("statement.managedRuleGroupStatement.name")
		switch {
		case rule.Has("statement.rateBasedStatement"):
			limited = true
			o.rate(acl, rule)
			last = max(last, priority)
		case name != "":
			groups[name] = o.managed(acl, rule, name)
			last = max(last, priority)
		case rule.Has("action.allow"):
			host = true
			o.allowed(acl, rule)
		}
	}
	for _, rule := range acl.Items("rules") {
		if priority, _ := rule.Number("priority"); rule.Has("action.allow") {
			o.Want(acl, priority > last, rule.Path+".priority", "after every rule that blocks: what is allowed is judged no further", fixFirewall)
		}
	}
	o.Want(acl, metrics, "rules.*.visibilityConfig.cloudwatchMetricsEnabled", "true for each rule: what it stops is counted", fixFirewall)
	o.Want(acl, len(priorities) == len(acl.Items("rules")), "rules.*.priority", "a priority of its own for each rule", fixFirewall)
	if !limited {
		o.Say(acl, false, "no rule that counts requests", "whoever asks too often is refused", fixFirewall)
	}
	if !host {
		o.Say(acl, false, "no rule that allows the client's host", "requests for "+o.client.Edge.Hostname+" pass", fixFirewall)
	}
	for _, name := range slices.Sorted(maps.Keys(managedGroups)) {
		if !groups[name] {
			o.Say(acl, false, name+" is not in force", "AWS's lists of known attacks block: "+name, fixFirewall)
		}
	}
}

// rate reports whether a rule refuses by the client's limit, counted by the address that Cloudflare vouches for.
func (o originCheck) rate(acl *graph.Resource, rule graph.Item) {
	const fix = "set edge.rateLimit in the client's spec, or mend components/firewall, rules.go"
	const statement = "statement.rateBasedStatement."
	requests, seconds := windowOf(o.client.Edge.RateLimit)
	want := func(holds bool, path, expected string) { o.Want(acl, holds, rule.Path+"."+path, expected, fix) }
	limit, _ := rule.Number(statement + "limit")
	window, _ := rule.Number(statement + "evaluationWindowSec")
	code, _ := rule.Number("action.block.customResponse.responseCode")
	want(rule.Has("action.block"), "action", "block")
	want(code == 429, "action.block.customResponse.responseCode", "429, too many requests")
	want(int(limit) == requests && requests > 0, statement+"limit", fmt.Sprintf("%d requests, as edge.rateLimit says", requests))
	want(int(window) == seconds && seconds > 0, statement+"evaluationWindowSec", fmt.Sprintf("in %d s, as edge.rateLimit says", seconds))
	want(rule.Text(statement+"aggregateKeyType") == "FORWARDED_IP", statement+"aggregateKeyType", "FORWARDED_IP: by the address of the client, not of the edge")
	want(rule.Text(statement+"forwardedIpConfig.headerName") == "CF-Connecting-IP", statement+"forwardedIpConfig.headerName", "CF-Connecting-IP, which Cloudflare vouches for")
	want(rule.Text(statement+"forwardedIpConfig.fallbackBehavior") == "MATCH", statement+"forwardedIpConfig.fallbackBehavior", "MATCH: without it, a request did not come through the edge")
	want(!rule.Has(statement+"scopeDownStatement"), statement+"scopeDownStatement", "none: every request counts")
}

// managed reports whether a list of known attacks is in force, as far as it is to be.
func (o originCheck) managed(acl *graph.Resource, rule graph.Item, name string) bool {
	const statement = "statement.managedRuleGroupStatement."
	known, found := managedGroups[name]
	blocks := rule.Has("overrideAction.none") && !rule.Has("overrideAction.count") || found && known.counts && rule.Has("overrideAction.count")
	var weak []string
	for _, override := range rule.Items(statement + "ruleActionOverrides") {
		if !override.Has("actionToUse.block") && !slices.Contains(known.counted, override.Text("name")) || override.Has("actionToUse.allow") {
			weak = append(weak, override.Text("name"))
		}
	}
	whole := len(weak) == 0 && !rule.Has(statement+"scopeDownStatement") && rule.Text(statement+"vendorName") == "AWS"
	expected := name + " of AWS blocks"
	if len(known.counted) > 0 {
		expected += ", except " + strings.Join(known.counted, ", ")
	}
	if known.counts {
		expected = name + " of AWS counts: it judges the edge's addresses, which carry everybody"
	}
	o.Want(acl, blocks && whole, rule.Path, expected, fixFirewall)
	return true
}

// allowed reports whether a rule that lets requests in is about the client's host alone.
func (o originCheck) allowed(acl *graph.Resource, rule graph.Item) {
	const statement = "statement.byteMatchStatement."
	exact := rule.Text(statement+"searchString") == o.client.Edge.Hostname && rule.Text(statement+"positionalConstraint") == "EXACTLY" &&
		strings.EqualFold(rule.Text(statement+"fieldToMatch.singleHeader.name"), "host")
	o.Want(acl, exact, rule.Path+"."+strings.TrimSuffix(statement, "."), "allow requests whose host is exactly "+o.client.Edge.Hostname, fixFirewall)
	var forms []string
	for _, form := range rule.Items(statement + "textTransformations") {
		forms = append(forms, form.Text("type"))
	}
	o.Want(acl, slices.Equal(forms, []string{"LOWERCASE"}), rule.Path+"."+statement+"textTransformations", "LOWERCASE, for a host's name has no case", fixFirewall)
}

// logs reports whether the firewall writes down what it decided, without people's credentials.
func (o originCheck) logs(acl *graph.Resource) {
	logging := acl.Referrers("resourceArn", "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
	if len(logging) == 0 {
		o.Say(acl, false, "writes no log", "a log of what it decided, so that an attack can be understood", fixFirewall)
	}
	for _, config := range logging {
		o.Want(config, !config.Has("loggingFilter"), "loggingFilter", "none: every decision is written down", fixFirewall)
		var redacted []string
		for _, field := range config.Items("redactedFields") {
			redacted = append(redacted, field.Text("singleHeader.name"))
		}
		o.Want(config, slices.Contains(redacted, "authorization") && slices.Contains(redacted, "cookie"), "redactedFields", "authorization and cookie: they are people's credentials", fixFirewall)
		groups := config.Refs("logDestinationConfigs", typeLogGroup)
		o.Want(config, len(groups) > 0, "logDestinationConfigs", "a log group of this stack", fixFirewall)
		for _, group := range groups {
			o.Want(group, strings.HasPrefix(group.Text("name"), "aws-waf-logs-"), "name", "a name that begins with aws-waf-logs-, without which nothing is written", fixFirewall)
			o.delivered(group)
		}
	}
	samples := acl.Bool("visibilityConfig.sampledRequestsEnabled")
	for _, rule := range acl.Items("rules") {
		samples = samples || rule.Bool("visibilityConfig.sampledRequestsEnabled")
	}
	o.Want(acl, !samples, "visibilityConfig.sampledRequestsEnabled", "false, also of each rule: samples hold what the log leaves out", fixFirewall)
	o.Want(acl, acl.Bool("visibilityConfig.cloudwatchMetricsEnabled"), "visibilityConfig.cloudwatchMetricsEnabled", "true, for alarms follow it", fixFirewall)
}

// delivered reports whether the firewall may write to a log group, and whoever may, nothing else.
func (o originCheck) delivered(group *graph.Resource) {
	const fix, service = "mend components/firewall, firewall.go", "delivery.logs.amazonaws.com"
	account, region := o.client.AWS.Account, group.Region()
	streams := fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:log-stream:", region, account, group.Text("name"))
	granted := map[string]bool{}
	for _, p := range o.g.OfType("aws:cloudwatch/logResourcePolicy:LogResourcePolicy") {
		about := false
		for _, action := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
			ask := policyCall{service: service, action: action, on: func(pattern string) bool { return policy.Matches(pattern, streams+"name") },
				context: map[string]string{"aws:SourceAccount": account, "aws:SourceArn": fmt.Sprintf("arn:aws:logs:%s:%s:name", region, account)}}
			if p.Region() == region && ask.granted(p.Text("policyDocument")) {
				about, granted[action] = true, true
			}
		}
		if about {
			o.Want(p, onlyDelivery(p.Text("policyDocument"), service, account, streams), "policyDocument",
				service+" writes to "+group.Name+" for this account, and may do nothing else", fix)
		}
	}
	holds := len(granted) == 2
	found := "the firewall may write to it"
	if !holds {
		found = "the firewall may not write to it"
	}
	o.Say(group, holds, found, "a policy by which "+service+" writes to it", fix)
}

// onlyDelivery tells whether all that a policy allows is that a service writes to a log group's streams for the account.
func onlyDelivery(text, service, account, streams string) bool {
	document, err := policy.Parse(text)
	if err != nil {
		return false
	}
	for _, st := range document.Allows() {
		odd := func(action string) bool { return action != "logs:CreateLogStream" && action != "logs:PutLogEvents" }
		accounts, byAccount := st.Condition("StringEquals", "aws:SourceAccount")
		if len(st.Principals) != 1 || !slices.Equal(st.Principals["Service"], []string{service}) || len(st.NotActions) > 0 || slices.ContainsFunc(st.Actions, odd) ||
			len(st.NotResources) > 0 || slices.ContainsFunc(st.Resources, func(arn string) bool { return !strings.HasPrefix(arn, streams) }) ||
			!byAccount || !slices.Equal(accounts, []string{account}) {
			return false
		}
	}
	return true
}
