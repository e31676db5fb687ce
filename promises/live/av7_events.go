package live

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const (
	warningType = "aws:cloudwatch/eventRule:EventRule"
	fixEvents   = "mend the rule in components/monitoring, events.go"
)

// warning is one kind of the cloud's own warnings that must reach people.
type warning struct {
	what, source string
	types        []string
	detail       map[string][]string // what the pattern names of the event's details: at least these values, and no other key
	resource     string              // ARN that the pattern may be narrowed to
}

// warnings tells whether the cloud's own warnings about the service reach people.
func (w watcher) warnings(ctx context.Context) error {
	rules, err := w.eventRules(ctx, w.home)
	if err != nil {
		return err
	}
	doors, err := w.frontDoors(ctx)
	if err != nil {
		return err
	}
	fleets, err := w.fleets(ctx, w.home)
	if err != nil {
		return err
	}
	all := []warning{
		{what: "AWS reports an issue that touches the account", source: "aws.health", types: []string{"AWS Health Event"},
			detail: map[string][]string{"eventTypeCategory": {"issue", "scheduledChange", "investigation"}}},
		{what: "a key is disabled or about to be deleted, which would take the databases away", source: "aws.kms", types: []string{"AWS API Call via CloudTrail"},
			detail: map[string][]string{"eventSource": {"kms.amazonaws.com"}, "eventName": {"DisableKey", "DisableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial"}}},
	}
	for _, door := range doors {
		for _, fleet := range fleets {
			if slices.ContainsFunc(fleet.TargetGroupARNs, func(arn string) bool { return slices.Contains(door.targets(), arn) }) {
				all = append(all, warning{what: "a machine could not be replaced", source: "aws.autoscaling", types: []string{"EC2 Instance Launch Unsuccessful", "EC2 Instance Terminate Unsuccessful",
					"EC2 Auto Scaling Instance Refresh Failed", "EC2 Auto Scaling Instance Refresh Cancelled"}, detail: map[string][]string{"AutoScalingGroupName": {aws.ToString(fleet.AutoScalingGroupName)}}})
			}
		}
		for _, l := range door.listeners {
			for _, c := range l.Certificates {
				all = append(all, warning{what: "the certificate runs out and was not renewed", source: "aws.acm", types: []string{"ACM Certificate Approaching Expiration", "ACM Certificate Expired",
					"ACM Certificate Renewal Action Required"}, resource: aws.ToString(c.CertificateArn)})
			}
		}
	}
	for _, one := range all {
		w.warned(one, rules)
	}
	return nil
}

// warned reports whether a rule that is on carries a warning to a topic of the stack.
func (w watcher) warned(one warning, rules []eventRule) {
	expected := "people are told when " + one.what
	i := slices.IndexFunc(rules, func(r eventRule) bool { return one.fits(aws.ToString(r.EventPattern)) })
	if i < 0 {
		w.missing("rule for events of "+one.source+" that says that "+one.what, expected, fixEvents)
		return
	}
	rule := rules[i]
	o := object{warningType, aws.ToString(rule.Arn)}
	w.want(o, rule.State == eventtypes.RuleStateEnabled || rule.State == eventtypes.RuleStateEnabledWithAllCloudtrailManagementEvents, "state", string(rule.State), "enabled: "+expected, fixEvents)
	told := slices.ContainsFunc(rule.targets, func(arn string) bool { return w.topicHere(w.home, arn) })
	w.want(o, told, "targets", joined(rule.targets), "a topic of the stack: "+expected, fixEvents)
}

// fits tells whether a rule's pattern lets every such warning through.
func (one warning) fits(text string) bool {
	var p struct {
		Source    []string         `json:"source"`
		Types     []string         `json:"detail-type"`
		Resources []string         `json:"resources"`
		Detail    map[string][]any `json:"detail"`
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return false // it has another form, and fits nothing that is looked for
	}
	has := func(list []string, values ...string) bool {
		return !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(list, v) })
	}
	if !has(p.Source, one.source) || !has(p.Types, one.types...) || len(p.Resources) > 0 && (one.resource == "" || !has(p.Resources, one.resource)) {
		return false
	}
	for key, values := range p.Detail {
		wanted, known := one.detail[key]
		if !known || slices.ContainsFunc(wanted, func(v string) bool { return !slices.Contains(values, any(v)) }) {
			return false
		}
	}
	return true
}
