package firewall

import (
	"fmt"
	"strconv"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/wafv2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// managed are AWS's rule groups, in the order in which they judge.
var managed = []struct {
	group     string
	countOnly string // why the group's findings are counted and do not block; "" when they block
	counted   []string
}{
	// It judges the address that connects, and that is always Cloudflare's, which carries everybody.
	{group: "AWSManagedRulesAmazonIpReputationList", countOnly: "sees only the edge's addresses"},
	// Attachments are larger than the 8 KB that the rule allows a body; the service bounds them itself.
	{group: "AWSManagedRulesCommonRuleSet", counted: []string{"SizeRestrictions_BODY"}},
	{group: "AWSManagedRulesKnownBadInputsRuleSet"},
	{group: "AWSManagedRulesSQLiRuleSet"},
	{group: "AWSManagedRulesLinuxRuleSet"},
}

// rules judge in the order of their priority: too many requests, known attacks, and at last whether
// the request is for the client's host. What passes none of them meets the default, which blocks.
func (a Args) rules() wafv2.WebAclRuleArray {
	rules := wafv2.WebAclRuleArray{a.rateRule(0)}
	for i, m := range managed {
		group := wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs{
			VendorName: pulumi.String("AWS"), Name: pulumi.String(m.group),
		}
		if len(m.counted) > 0 {
			overrides := wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArray{}
			for _, rule := range m.counted {
				overrides = append(overrides, wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs{
					Name: pulumi.String(rule),
					ActionToUse: wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs{
						Count: wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs{},
					},
				})
			}
			group.RuleActionOverrides = overrides
		}
		override := wafv2.WebAclRuleOverrideActionArgs{None: wafv2.WebAclRuleOverrideActionNoneArgs{}}
		if m.countOnly != "" {
			override = wafv2.WebAclRuleOverrideActionArgs{Count: wafv2.WebAclRuleOverrideActionCountArgs{}}
		}
		rules = append(rules, wafv2.WebAclRuleArgs{
			Name: pulumi.String(m.group), Priority: pulumi.Int(10 * (i + 1)),
			OverrideAction:   override,
			Statement:        wafv2.WebAclRuleStatementArgs{ManagedRuleGroupStatement: group},
			VisibilityConfig: a.visible(m.group),
		})
	}
	return append(rules, a.hostRule(100))
}

// hostRule lets in what asks for the client's host.
func (a Args) hostRule(priority int) wafv2.WebAclRuleArgs {
	return wafv2.WebAclRuleArgs{
		Name: pulumi.String("host"), Priority: pulumi.Int(priority),
		Action: wafv2.WebAclRuleActionArgs{Allow: wafv2.WebAclRuleActionAllowArgs{}},
		Statement: wafv2.WebAclRuleStatementArgs{ByteMatchStatement: wafv2.WebAclRuleStatementByteMatchStatementArgs{
			FieldToMatch: wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs{
				SingleHeader: wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchSingleHeaderArgs{Name: pulumi.String("host")},
			},
			PositionalConstraint: pulumi.String("EXACTLY"),
			SearchString:         pulumi.String(a.Hostname),
			TextTransformations: wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArray{
				wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArgs{Priority: pulumi.Int(0), Type: pulumi.String("LOWERCASE")},
			},
		}},
		VisibilityConfig: a.visible("host"),
	}
}

// rateRule answers 429 to an address that asks too often. The address is the one that the edge
// vouches for; a request without it did not come through the edge and counts as too many.
func (a Args) rateRule(priority int) wafv2.WebAclRuleArgs {
	limit, err := window(a.RateLimit)
	if err != nil {
		panic(err) // check has refused it
	}
	return wafv2.WebAclRuleArgs{
		Name: pulumi.String("rate"), Priority: pulumi.Int(priority),
		Action: wafv2.WebAclRuleActionArgs{Block: wafv2.WebAclRuleActionBlockArgs{
			CustomResponse: wafv2.WebAclRuleActionBlockCustomResponseArgs{
				ResponseCode: pulumi.Int(429),
				ResponseHeaders: wafv2.WebAclRuleActionBlockCustomResponseResponseHeaderArray{
					wafv2.WebAclRuleActionBlockCustomResponseResponseHeaderArgs{
						Name: pulumi.String("Retry-After"), Value: pulumi.String(strconv.Itoa(limit.PeriodSeconds)),
					},
				},
			},
		}},
		Statement: wafv2.WebAclRuleStatementArgs{RateBasedStatement: wafv2.WebAclRuleStatementRateBasedStatementArgs{
			Limit:               pulumi.Int(limit.Requests),
			EvaluationWindowSec: pulumi.Int(limit.PeriodSeconds),
			AggregateKeyType:    pulumi.String("FORWARDED_IP"),
			ForwardedIpConfig: wafv2.WebAclRuleStatementRateBasedStatementForwardedIpConfigArgs{
				HeaderName: pulumi.String("CF-Connecting-IP"), FallbackBehavior: pulumi.String("MATCH"),
			},
		}},
		VisibilityConfig: a.visible("rate"),
	}
}

// window is the limit over a window that WAF counts in: 60, 120, 300 or 600 seconds. A shorter
// period keeps its rate.
func window(limit spec.RateLimit) (spec.RateLimit, error) {
	const shortest = 60
	switch period := limit.PeriodSeconds; {
	case period == 60, period == 120, period == 300, period == 600:
		return limit, nil
	case period < shortest && shortest%period == 0:
		return spec.RateLimit{Requests: limit.Requests * (shortest / period), PeriodSeconds: shortest}, nil
	default:
		return spec.RateLimit{}, fmt.Errorf("the rate limit's period is %d s: use 10, 60, 120, 300 or 600", period)
	}
}

func (a Args) visible(rule string) wafv2.WebAclRuleVisibilityConfigArgs {
	return wafv2.WebAclRuleVisibilityConfigArgs{
		CloudwatchMetricsEnabled: pulumi.Bool(true),
		SampledRequestsEnabled:   pulumi.Bool(false), // samples would hold what the logs redact
		MetricName:               pulumi.String(a.Scope.Name(naming.WebACL, rule)),
	}
}
