package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const (
	aclType    = "aws:wafv2/webAcl:WebAcl"
	inFirewall = "components/firewall"
)

// WAF10 is firewalls that do something.
func (baseline) WAF10() promises.Control {
	return promises.Control{
		ID: "WAF.10", Title: "Web ACLs have rules", Severity: "medium",
		References: []string{fsbp("WAF.10")},
		Check: want(aclType, "rules", "one rule or more", "name the rules in "+inFirewall+", rules.go",
			func(acl *graph.Resource) bool { return len(acl.Items("rules")) > 0 }),
	}
}

// WAF11 is logs of what firewalls decide.
func (baseline) WAF11() promises.Control {
	return promises.Control{
		ID: "WAF.11", Title: "Web ACLs log what they see", Severity: "low",
		References: []string{hub("WAF.11")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, acl := range s.Graph.OfType(aclType) {
				logged := slices.ContainsFunc(acl.Referrers("resourceArn", "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"), func(l *graph.Resource) bool {
					return len(l.Refs("logDestinationConfigs", logGroupType, bucketType, bucketOldType)) > 0
				})
				r.Say(acl, logged, either(logged, "it logs into the stack", "it does not log"), "a log group or bucket of the stack", "log the ACL in "+inFirewall)
			}
		},
	}
}

// WAF12 is figures of what firewalls decide.
func (baseline) WAF12() promises.Control {
	return promises.Control{
		ID: "WAF.12", Title: "Web ACLs and their rules are measured", Severity: "medium",
		References: []string{fsbp("WAF.12")},
		Check: func(s promises.Subject, r *promises.Report) {
			const property = "visibilityConfig.cloudwatchMetricsEnabled"
			for _, acl := range s.Graph.OfType(aclType) {
				r.Want(acl, acl.Bool(property), property, "true", "set it in "+inFirewall)
				for _, rule := range acl.Items("rules") {
					r.Want(acl, rule.Bool(property), rule.Path+"."+property, "true", "set it in "+inFirewall+", rules.go")
				}
			}
		},
	}
}
