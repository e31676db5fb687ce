package live

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/berth-iac/berth/spec"
)

const fixFirewall = "mend components/firewall"

// firewallLogs say how web firewalls log, by their ARNs.
type firewallLogs map[string]waftypes.LoggingConfiguration

// managedRules are AWS's lists of known attacks that are in force, with what of each is counted and does not block.
var managedRules = map[string]struct {
	counts  bool // the whole list
	counted []string
}{
	"AWSManagedRulesAmazonIpReputationList": {counts: true}, // it judges the edge's addresses, which carry everybody
	"AWSManagedRulesCommonRuleSet":          {counted: []string{"SizeRestrictions_BODY"}},
	"AWSManagedRulesKnownBadInputsRuleSet":  {},
	"AWSManagedRulesSQLiRuleSet":            {},
	"AWSManagedRulesLinuxRuleSet":           {},
}

// firewall tells whether AWS's firewall holds if Cloudflare is passed by.
func (e originLook) firewall(ctx context.Context, b balancer) error {
	door := object{balancerType, b.arn()}
	open := b.attributes["waf.fail_open.enabled"] == "true"
	e.want(door, !open, "enableWafFailOpen", open, "false: nothing passes that the firewall did not judge", fixOrigin)
	acl, err := e.webFirewall(ctx, e.home, b.arn())
	if err != nil {
		return err
	}
	if acl == nil {
		e.want(door, false, "webAclArn", "none", "a web firewall in front of the load balancer", fixFirewall)
		return nil
	}
	o := object{webFirewallType, aws.ToString(acl.ARN)}
	e.want(o, acl.DefaultAction != nil && acl.DefaultAction.Block != nil && acl.DefaultAction.Allow == nil, "defaultAction", shown(acl.DefaultAction), "block what no rule allows", fixFirewall)
	metered := acl.VisibilityConfig != nil && acl.VisibilityConfig.CloudWatchMetricsEnabled
	e.want(o, metered, "visibilityConfig.cloudwatchMetricsEnabled", metered, "true, for alarms follow it", fixFirewall)
	e.rules(o, acl)
	config, logged := e.logs[o.id]
	e.want(o, logged && len(config.LogDestinationConfigs) > 0 && config.LoggingFilter == nil, "logging", logged, "a log of every decision, so that an attack can be understood", fixFirewall)
	if logged {
		var redacted []string
		for _, f := range config.RedactedFields {
			if f.SingleHeader != nil {
				redacted = append(redacted, strings.ToLower(aws.ToString(f.SingleHeader.Name)))
			}
		}
		e.want(o, slices.Contains(redacted, "authorization") && slices.Contains(redacted, "cookie"), "logging.redactedFields", joined(redacted), "authorization and cookie: they are people's credentials", fixFirewall)
	}
	return nil
}

// shown is a part of a firewall's rule in one line.
func shown(part any) string {
	text, err := json.Marshal(part)
	if err != nil {
		return "?"
	}
	return string(text)
}

// windowOf is the client's limit over a window that AWS's firewall counts in; a shorter period keeps its rate.
func windowOf(limit spec.RateLimit) (requests, seconds int64) {
	const shortest = 60
	if limit.PeriodSeconds > 0 && limit.PeriodSeconds < shortest {
		return int64(limit.Requests * shortest / limit.PeriodSeconds), shortest
	}
	return int64(limit.Requests), int64(limit.PeriodSeconds)
}

func (e originLook) rules(o object, acl *waftypes.WebACL) {
	limited, allows := false, false
	last, first := int32(-1), int32(1<<30) // priority of the last that blocks, of the first that allows
	groups := map[string]bool{}
	for _, rule := range acl.Rules {
		s := rule.Statement
		switch {
		case s == nil:
		case s.RateBasedStatement != nil:
			limited = true
			last = max(last, rule.Priority)
			e.rate(o, rule)
		case s.ManagedRuleGroupStatement != nil:
			last = max(last, rule.Priority)
			groups[aws.ToString(s.ManagedRuleGroupStatement.Name)] = true
			e.managed(o, rule)
		case rule.Action != nil && rule.Action.Allow != nil:
			allows = true
			first = min(first, rule.Priority)
			e.allowed(o, rule)
		}
	}
	e.want(o, limited, "rules.rateBasedStatement", limited, "a rule that refuses whoever asks too often", fixFirewall)
	e.want(o, allows && first > last, "rules.allow", fmt.Sprintf("allows: %t, at %d after %d", allows, first, last),
		"requests for "+e.client.Edge.Hostname+" pass, after every rule that blocks: what is allowed is judged no further", fixFirewall)
	for _, name := range slices.Sorted(maps.Keys(managedRules)) {
		if !groups[name] {
			e.want(o, false, "rules."+name, "not in force", "AWS's lists of known attacks block: "+name, fixFirewall)
		}
	}
}

// rate tells whether a rule refuses by the client's limit, counted by the address that Cloudflare vouches for.
func (e originLook) rate(o object, rule waftypes.Rule) {
	const fix = "set edge.rateLimit in the client's spec, or mend components/firewall, rules.go"
	s := rule.Statement.RateBasedStatement
	requests, seconds := windowOf(e.client.Edge.RateLimit)
	want := func(holds bool, property string, found any, expected string) {
		e.want(o, holds, "rules."+aws.ToString(rule.Name)+"."+property, found, expected, fix)
	}
	code := int32(0)
	if rule.Action != nil && rule.Action.Block != nil && rule.Action.Block.CustomResponse != nil {
		code = aws.ToInt32(rule.Action.Block.CustomResponse.ResponseCode)
	}
	want(code == 429, "action", shown(rule.Action), "block with 429, too many requests")
	want(aws.ToInt64(s.Limit) == requests && requests > 0, "limit", aws.ToInt64(s.Limit), fmt.Sprintf("%d requests, as edge.rateLimit says", requests))
	want(s.EvaluationWindowSec == seconds && seconds > 0, "evaluationWindowSec", s.EvaluationWindowSec, fmt.Sprintf("in %d s, as edge.rateLimit says", seconds))
	header, fallback := "", waftypes.FallbackBehavior("")
	if s.ForwardedIPConfig != nil {
		header, fallback = aws.ToString(s.ForwardedIPConfig.HeaderName), s.ForwardedIPConfig.FallbackBehavior
	}
	want(s.AggregateKeyType == waftypes.RateBasedStatementAggregateKeyTypeForwardedIp && strings.EqualFold(header, "CF-Connecting-IP") && fallback == waftypes.FallbackBehaviorMatch,
		"aggregateKeyType", fmt.Sprintf("%s %s %s", s.AggregateKeyType, header, fallback), "FORWARDED_IP by CF-Connecting-IP, with MATCH for what lacks it: by the client's address, not the edge's")
	want(s.ScopeDownStatement == nil, "scopeDownStatement", shown(s.ScopeDownStatement), "none: every request counts")
}

// managed tells whether a list of known attacks is in force, as far as it is to be.
func (e originLook) managed(o object, rule waftypes.Rule) {
	s := rule.Statement.ManagedRuleGroupStatement
	name := aws.ToString(s.Name)
	known, listed := managedRules[name]
	override := rule.OverrideAction
	blocks := override != nil && override.Count == nil && override.None != nil || listed && known.counts && override != nil && override.Count != nil
	var weak []string
	for _, a := range s.RuleActionOverrides {
		if a.ActionToUse == nil || a.ActionToUse.Block == nil && !slices.Contains(known.counted, aws.ToString(a.Name)) || a.ActionToUse.Allow != nil {
			weak = append(weak, aws.ToString(a.Name))
		}
	}
	expected := name + " of AWS blocks"
	if len(known.counted) > 0 {
		expected += ", except " + strings.Join(known.counted, ", ")
	}
	if known.counts {
		expected = name + " of AWS counts: it judges the edge's addresses, which carry everybody"
	}
	e.want(o, blocks && len(weak) == 0 && s.ScopeDownStatement == nil && aws.ToString(s.VendorName) == "AWS", "rules."+name,
		fmt.Sprintf("override %s, weakened: %s", shown(override), joined(weak)), expected, fixFirewall)
}

// allowed tells whether a rule that lets requests in is about the client's host alone.
func (e originLook) allowed(o object, rule waftypes.Rule) {
	match := rule.Statement.ByteMatchStatement
	exact := match != nil && string(match.SearchString) == e.client.Edge.Hostname && match.PositionalConstraint == waftypes.PositionalConstraintExactly &&
		match.FieldToMatch != nil && match.FieldToMatch.SingleHeader != nil && strings.EqualFold(aws.ToString(match.FieldToMatch.SingleHeader.Name), "host")
	found := "another statement"
	if match != nil {
		found = string(match.PositionalConstraint) + " " + string(match.SearchString)
	}
	e.want(o, exact, "rules."+aws.ToString(rule.Name)+".byteMatchStatement", found, "allow requests whose host is exactly "+e.client.Edge.Hostname, fixFirewall)
}
