package live

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/berth-iac/berth/promises"
)

// history is what a probe measured: one value a minute from its birth to its end, but in the gaps.
type history struct {
	born, ended time.Time // ended may be zero
	down, gaps  []stretch
}

func (h history) has(t time.Time, in []stretch) bool {
	for _, s := range in {
		if !t.Before(s.from) && t.Before(s.until) {
			return true
		}
	}
	return false
}

// answer is what CloudWatch makes of it, in pages of 500: it has no minutes that are older than 15 days.
func (h history) answer(in *cloudwatch.GetMetricDataInput) *cloudwatch.GetMetricDataOutput {
	query := in.MetricDataQueries[0].MetricStat
	period := time.Duration(*query.Period) * time.Second
	from := *in.StartTime
	if in.NextToken != nil {
		from, _ = time.Parse(time.RFC3339, *in.NextToken)
	}
	result := cwtypes.MetricDataResult{Id: in.MetricDataQueries[0].Id}
	out := &cloudwatch.GetMetricDataOutput{}
	for at := from; at.Before(*in.EndTime); at = at.Add(period) {
		if period < 5*time.Minute && now.Sub(at) > 15*24*time.Hour {
			continue
		}
		if len(result.Values) == 500 {
			out.NextToken = aws.String(at.Format(time.RFC3339))
			break
		}
		n, sum, least := 0.0, 0.0, 1.0
		for minute := at; minute.Before(at.Add(period)); minute = minute.Add(time.Minute) {
			if minute.Before(h.born) || !h.ended.IsZero() && !minute.Before(h.ended) || h.has(minute, h.gaps) {
				continue
			}
			value := 1.0
			if h.has(minute, h.down) {
				value = 0
			}
			n, sum, least = n+1, sum+value, min(least, value)
		}
		if n == 0 {
			continue
		}
		value := least
		if *query.Stat == "Average" {
			value = sum / n
		}
		result.Timestamps, result.Values = append(result.Timestamps, at), append(result.Values, value)
	}
	out.MetricDataResults = []cwtypes.MetricDataResult{result}
	return out
}

// outage is a stretch of minutes that began so long ago.
func outage(long time.Duration, minutes int) stretch {
	from := now.Add(-long)
	return stretch{from, from.Add(time.Duration(minutes) * time.Minute)}
}

const aDay = 24 * time.Hour

func TestUptime(t *testing.T) {
	mutated(t, "AV-1", nil, []mutation{
		{"down for ten minutes this week", func(s *site) { s.history.down = []stretch{outage(2*aDay, 10)} }, []string{probeID + ".uptime"}},
		{"down for ten minutes at the month's beginning, of which only averages are left", func(s *site) { s.history.down = []stretch{outage(20*aDay, 10)} }, []string{probeID + ".uptime"}},
		{"down for ten minutes last month", func(s *site) { s.history.down = []stretch{outage(40*aDay, 10)} }, []string{probeID + ".uptime"}},
		{"down for nine minutes in parts", func(s *site) { s.history.down = []stretch{outage(2*aDay, 4), outage(20*aDay, 5)} }, []string{probeID + ".uptime"}},
		{"the probe fell silent", func(s *site) { s.history.ended = now.Add(-25 * time.Minute) }, []string{probeID + ".HealthCheckStatus"}},
		{"the probe never measured", func(s *site) { s.history.born = now }, []string{probeID + ".HealthCheckStatus"}},
		{"the probe is switched off", func(s *site) { s.probes[0].HealthCheckConfig.Disabled = aws.Bool(true) }, []string{probeID + ".disabled"}},
		{"the probe is inverted", func(s *site) { s.probes[0].HealthCheckConfig.Inverted = aws.Bool(true) }, []string{probeID + ".disabled"}},
		{"another host is asked", func(s *site) { s.probes[0].HealthCheckConfig.FullyQualifiedDomainName = aws.String("www.example") }, []string{promises.StackName}},
		{"no probe", func(s *site) { s.probes = nil }, []string{promises.StackName}},
	})
	unreadable(t, "AV-1", Outside{}, "Route53:ListHealthChecks", "CloudWatch:GetMetricData")
}

func TestUptimeThatTheMonthAllows(t *testing.T) {
	s := goodSite()
	s.history.down = []stretch{outage(2*aDay, 3), outage(20*aDay, 5), outage(30*aDay, 8)}
	s.probes = append(s.probes, route53types.HealthCheck{Id: aws.String("calculated"), HealthCheckConfig: &route53types.HealthCheckConfig{Type: route53types.HealthCheckTypeCalculated}})
	r := makeLook(t, "AV-1", subjectOf(t, "prod"), s.answers(), Outside{})
	if r.Verdict != promises.Kept {
		t.Fatalf("%s: %s, %v", r.Verdict, r.Why, brokenAt(r))
	}
	var found []string
	for _, f := range r.Findings {
		if f.Property == "uptime" {
			found = append(found, f.Found+" | "+f.Expected)
		}
	}
	want := []string{
		"October 2026: 99.982 %, 8.0 min down, 0.0 min not measured, from 1 Oct 00:00 to 2026-11-01 00:00 UTC | 99.98 % of the month: at most 8.93 minutes down",
		"November 2026: 99.974 %, 8.0 min down, 0.0 min not measured, from 1 Nov 00:00 to 2026-11-22 08:55 UTC | 99.98 % of the month: at most 8.64 minutes down",
	}
	if len(found) != 2 || found[0] != want[0] || found[1] != want[1] {
		t.Errorf("found %q", found)
	}
}

func TestUptimeIsNotToldFromGaps(t *testing.T) {
	s := goodSite()
	s.history.gaps = []stretch{outage(3*aDay, 60)}
	if why := notShown(t, "AV-1", s, nil, Outside{}); !strings.Contains(why, "uptime of November 2026: more was left unmeasured than the month may be down, 8.64 minutes") || !strings.Contains(why, "60.0 min not measured") {
		t.Error(why)
	}
	s.history.down = []stretch{outage(2*aDay, 10)} // an outage stays one
	if r := makeLook(t, "AV-1", subjectOf(t, "prod"), s.answers(), Outside{}); r.Verdict != promises.Broken {
		t.Errorf("%s: %s", r.Verdict, r.Why)
	}
	s = goodSite()
	s.history.gaps = []stretch{outage(3*aDay, 5)} // within what the month may be down
	if r := makeLook(t, "AV-1", subjectOf(t, "prod"), s.answers(), Outside{}); r.Verdict != promises.Kept {
		t.Errorf("%s: %s", r.Verdict, r.Why)
	}
}

func TestUptimeOfANewProbe(t *testing.T) {
	s := goodSite()
	s.history.born = now.Add(-2 * time.Hour)
	if why := notShown(t, "AV-1", s, nil, Outside{}); why != "the probe has measured since 2026-11-22 07:00 UTC: an uptime is told from 2026-11-22 13:00 UTC on" {
		t.Error(why)
	}
	s.history.born = now
	s.alarms["us-east-1"][0].AlarmConfigurationUpdatedTimestamp = aws.Time(now.Add(-10 * time.Minute))
	if why := notShown(t, "AV-1", s, nil, Outside{}); why != "the probe of "+probeID+" has not measured yet: an uptime is told once it has for 6 hours" {
		t.Error(why)
	}
	// Born in the month: what is left of the month may be down for its part of the minutes.
	s = goodSite()
	s.history = history{born: now.Add(-3 * aDay), down: []stretch{outage(aDay, 4)}}
	if r := makeLook(t, "AV-1", subjectOf(t, "prod"), s.answers(), Outside{}); r.Verdict != promises.Broken {
		t.Errorf("4 minutes of the last 12 days: %s: %s", r.Verdict, r.Why)
	}
	s.history.down[0] = outage(aDay, 3)
	if r := makeLook(t, "AV-1", subjectOf(t, "prod"), s.answers(), Outside{}); r.Verdict != promises.Kept {
		t.Errorf("3 minutes of the last 12 days: %s: %s", r.Verdict, r.Why)
	}
}
