package catalogue

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV7 is the alerting of the team.
func (catalogue) AV7() promises.Promise {
	return promises.Promise{
		ID:    "AV-7",
		Title: "The team is alerted at once",
		Sentence: "When your service is down, slow or about to run out of something, our team is told at once by Slack, SMS and e-mail. " +
			"Your site is watched from outside too, as your people reach it.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			email, sms, slack := "yes", "yes", "yes"
			if c := clientOnAWS(s); c != nil {
				email = howMany(len(c.Alerts.Emails), "address") // an address is a person's: evidence counts them
				sms = howMany(len(c.Alerts.Phones), "phone")
				if c.Alerts.Slack == nil {
					slack = "no"
				}
			}
			return []promises.Parameter{
				{Name: "e-mail", Value: email, Key: "alerts.emails"},
				{Name: "SMS", Value: sms, Key: "alerts.phones"},
				{Name: "Slack", Value: slack, Key: "alerts.slack"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every alarm on availability, capacity and errors in the resource graph is followed to the people and the channel that it reaches"},
			{Level: promises.Live, How: "topics, their confirmed subscriptions, what keeps SMS back, the Slack channel, the probe from outside, every alarm, the rules for AWS's own warnings and the databases' event subscriptions are read back and followed to whom they reach; no test alert is sent"},
		},
		Keywords: []string{
			"outage alert team", "who is alerted outage", "alert channel", "alerted at once", "availability alert", "detect outage",
			"monitoring of availability", "service monitored round the clock", "notified outage", "operations team alerts",
			"who hears first site down", "notice outage", "find out site down", "alerting", "notify the team", "monitoring and alerting",
			"service monitoring", "24x7 monitoring", "alarm thresholds", "health check from outside", "capacity monitoring",
			"how are you informed of an outage", "performance monitoring", "on-call notification channels", "alerts", "slack alerts", "sms alerts",
			"e-mail alerts", "outage notification", "detect outages",
		},
		Check:  teamIsAlerted,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machinesTell, promises.OnLightsail: machinesTell},
	}
}

const (
	typeComposite   = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	typeEventRule   = "aws:cloudwatch/eventRule:EventRule"
	typeEventTarget = "aws:cloudwatch/eventTarget:EventTarget"
	typeProbe       = "aws:route53/healthCheck:HealthCheck"

	fixAlarms   = "mend the alarm in components/monitoring, catalogue.go"
	fixEvents   = "mend the rule in components/monitoring, events.go"
	fixAlerting = "mend the topics in components/alerting"
)

// globalMetrics is the region in which Route 53 keeps the metrics of its health checks.
const globalMetrics = "us-east-1"

func teamIsAlerted(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	w := watcher{Report: r, subject: s, client: client, judged: map[*graph.Resource]bool{}}
	w.service()
	w.outside()
	w.data()
	w.otherAlarms()
	w.events()
	channels{Report: r, subject: s, client: client}.all()
}

// watcher judges whether what may fail is watched, and whether the watch speaks to a topic.
type watcher struct {
	*promises.Report
	subject promises.Subject
	client  *spec.AWSClient
	judged  map[*graph.Resource]bool // alarms that a watch was found in
}

// tells tells whether an alarm, when it is raised, speaks to a topic of its own region; others reach nobody.
func tells(alarm *graph.Resource) bool {
	enabled := !alarm.Has("actionsEnabled") || alarm.Bool("actionsEnabled")
	return enabled && slices.ContainsFunc(alarm.Refs("alarmActions", typeTopic), func(topic *graph.Resource) bool { return sameRegion(alarm, topic) })
}

// toldTo is what tells asks for, in words.
const toldTo = "actions on, and a topic of the alarm's own region"

// onCopies tells whether an alarm is about backups and replication, which BK-9 promises.
func onCopies(alarm *graph.Resource) bool {
	return slices.Contains([]string{"AWS/Backup", "AWS/S3"}, alarm.Text("namespace")) || strings.Contains(alarm.Text("metricName"), "Replica")
}

// otherAlarms are those that nothing here asks for, such as those on the audit trail: they too must be heard.
func (w watcher) otherAlarms() {
	for _, alarm := range w.subject.Graph.OfType(typeAlarm) {
		if w.judged[alarm] || onCopies(alarm) {
			continue
		}
		w.Want(alarm, tells(alarm), "alarmActions", toldTo, fixAlarms)
	}
}
