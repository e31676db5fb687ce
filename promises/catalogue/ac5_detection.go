package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// detectorFeatures are what GuardDuty looks at besides the trail and the network.
var detectorFeatures = []string{"S3_DATA_EVENTS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "RUNTIME_MONITORING"}

// detection judges that both of the organisation's regions are watched for intruders and for what is open to strangers,
// and that people are told.
func detection(s promises.Subject, r *promises.Report) {
	const fix = "keep components/audit/detection.go and components/identity/account.go as they are"
	in := func(region string, typeToken string) []*graph.Resource {
		return slices.DeleteFunc(s.Graph.OfType(typeToken), func(one *graph.Resource) bool { return one.Region() != region })
	}
	for _, region := range []string{s.Organisation().AWS.Region, s.Organisation().AWS.SecondRegion} {
		for _, detector := range r.Must(in(region, "aws:guardduty/detector:Detector"), "GuardDuty detector in "+region, "intruders are looked for in "+region, fix) {
			r.Want(detector, !detector.Has("enable") || detector.Bool("enable"), "enable", "true", fix)
			r.Want(detector, detector.Text("findingPublishingFrequency") == "FIFTEEN_MINUTES", "findingPublishingFrequency", "FIFTEEN_MINUTES", fix)
			on := map[string]bool{}
			for _, feature := range detector.Referrers("detectorId", "aws:guardduty/detectorFeature:DetectorFeature") {
				on[feature.Text("name")] = feature.Text("status") == "ENABLED"
				if feature.Text("name") == "RUNTIME_MONITORING" {
					agent := slices.ContainsFunc(feature.Items("additionalConfigurations"), func(c graph.Item) bool {
						return c.Text("name") == "EC2_AGENT_MANAGEMENT" && c.Text("status") == "ENABLED"
					})
					r.Want(feature, agent, "additionalConfigurations", "EC2_AGENT_MANAGEMENT is ENABLED: machines get the agent by themselves", fix)
				}
			}
			off := slices.DeleteFunc(slices.Clone(detectorFeatures), func(name string) bool { return on[name] })
			r.Say(detector, len(off) == 0, "off: "+listed(off), "on: "+listed(detectorFeatures), fix)
		}
		for _, analyzer := range r.Must(in(region, "aws:accessanalyzer/analyzer:Analyzer"), "access analyzer in "+region, "what is open to strangers is looked for in "+region, fix) {
			r.Want(analyzer, !analyzer.Has("type") || analyzer.Text("type") == "ACCOUNT" || analyzer.Text("type") == "ORGANIZATION", "type", "of the whole account", fix)
		}
		rules := in(region, "aws:cloudwatch/eventRule:EventRule")
		for _, what := range []struct{ source, title string }{{"aws.guardduty", "GuardDuty's findings"}, {"aws.access-analyzer", "findings of the access analyzer"}} {
			wantTold(s, r, rules, what.source, what.title+" in "+region, fix)
		}
	}
}

// wantTold reports whether events of a source are brought to people.
func wantTold(s promises.Subject, r *promises.Report, rules []*graph.Resource, source, title, fix string) {
	for _, rule := range rules {
		var pattern struct {
			Source []string `json:"source"`
			Detail struct {
				Severity []struct {
					Numeric []any `json:"numeric"`
				} `json:"severity"`
				Status []string `json:"status"`
			} `json:"detail"`
		}
		if json.Unmarshal([]byte(rule.Text("eventPattern")), &pattern) != nil || !slices.Contains(pattern.Source, source) {
			continue
		}
		all := true
		for _, severity := range pattern.Detail.Severity {
			least, number := 0.0, false
			if len(severity.Numeric) == 2 && severity.Numeric[0] == ">=" {
				least, number = severity.Numeric[1].(float64)
			}
			all = all && number && least <= 4
		}
		r.Want(rule, all && (len(pattern.Detail.Status) == 0 || slices.Contains(pattern.Detail.Status, "ACTIVE")), "eventPattern", "every finding that is not minor (severity 4 or more)", fix)
		r.Want(rule, !rule.Has("state") || strings.HasPrefix(rule.Text("state"), "ENABLED"), "state", "ENABLED", fix)
		told := false
		for _, target := range rule.Referrers("rule", "aws:cloudwatch/eventTarget:EventTarget") {
			topic := target.Ref("arn", typeTopic)
			told = told || target.Region() == rule.Region() && topic != nil && topic.Region() == rule.Region()
		}
		r.Say(rule, told, fmt.Sprintf("told to people: %t", told), "a topic of the region that people are subscribed to", fix)
		return
	}
	r.Missing("event rule on "+title, title+" are told to people", fix)
}
