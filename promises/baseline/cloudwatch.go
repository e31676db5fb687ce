package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// Alarms and logs as such. What the alarms of the audit trail watch is in cloudwatch_trail.go.

const (
	alarmType     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
)

// reaches tells whether a topic has somebody who listens.
func reaches(topic *graph.Resource) bool {
	return len(topic.Referrers("topic", "aws:sns/topicSubscription:TopicSubscription")) > 0
}

// CloudWatch15 is alarms that tell somebody.
func (baseline) CloudWatch15() promises.Control {
	return promises.Control{
		ID: "CloudWatch.15", Title: "Every alarm tells somebody", Severity: "high",
		References: []string{hub("CloudWatch.15")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, alarm := range s.Graph.OfType(alarmType, compositeType) {
				heard := slices.ContainsFunc(alarm.Refs("alarmActions", topicType), reaches)
				r.Want(alarm, heard, "alarmActions", "a topic of the stack that somebody subscribes to", "name the alerting topic in alarmActions (components/monitoring)")
			}
		},
	}
}

// CloudWatch16 is how long logs are kept.
func (baseline) CloudWatch16() promises.Control {
	return promises.Control{
		ID: "CloudWatch.16", Title: "Logs are kept for a year or longer", Severity: "medium",
		References: []string{hub("CloudWatch.16")},
		Check: want(logGroupType, "retentionInDays", "365 days or more, or absent: for ever", "raise retentionInDays of the log group", func(group *graph.Resource) bool {
			days, ok := group.Number("retentionInDays")
			return !group.Has("retentionInDays") || ok && (days == 0 || days >= 365)
		}),
	}
}

// CloudWatch17 is alarms that nobody silenced.
func (baseline) CloudWatch17() promises.Control {
	return promises.Control{
		ID: "CloudWatch.17", Title: "No alarm is silenced", Severity: "high",
		References: []string{hub("CloudWatch.17")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, alarm := range s.Graph.OfType(alarmType, compositeType) {
				r.Want(alarm, on(alarm, "actionsEnabled"), "actionsEnabled", "true, or absent", "take out what silences the alarm")
			}
		},
	}
}
