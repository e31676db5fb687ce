package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AV1 is uptime, measured from outside.
func (catalogue) AV1() promises.Promise {
	return promises.Promise{
		ID:    "AV-1",
		Title: "Uptime of 99.98 % a month",
		Sentence: "Your site is up 99.98 % of each month: in 30 days it is away for 8.64 minutes at most. It is measured from outside, " +
			"as your people reach it, and you get the report every month.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{
				{Name: "uptime target", Value: "99.98 % of a month"},
				{Name: "downtime at most", Value: "8.64 minutes in a 30-day month"},
				{Name: "report", Value: "monthly, for each site"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "the measurements of Route 53's probe, which asks the site from outside, are read back for this month and the one before: the minutes down are held against what 99.98 % of the month leaves, and time without a measurement is not counted as up"},
			{Level: promises.Drill, How: "an outage of known length is caused, and the report must show it to the second"},
		},
		Keywords: []string{
			"uptime report", "uptime", "availability measured from outside", "uptime percentage", "minutes of outage per month", "uptime commitment",
			"unplanned outage", "how often outage", "availability figures", "achieved availability", "uptime history", "status page",
			"reachable share of month", "availability reached past year", "percentage of time reachable", "guaranteed reachable",
			"how long down per year", "service credits", "external monitoring probes", "status report", "downtime per month", "availability target",
			"99.98", "service level agreement", "sla", "guaranteed availability", "monthly availability", "availability report",
			"how is uptime measured",
		},
	}
}
