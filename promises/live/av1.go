package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

const (
	mayBeDown    = 0.0002           // of a month: what 99.98 % leaves
	firstUptime  = 6 * time.Hour    // of measurements before an uptime says something
	probeSilence = 15 * time.Minute // after which a probe that measured does so no more
	probeStart   = time.Hour        // until a new probe's first measurement, at most
	metricDelay  = 5 * time.Minute  // until CloudWatch shows a measurement

	// CloudWatch keeps a minute's values for 15 days, and five minutes' averages for 63.
	fineDays = 14 * 24 * time.Hour
	fine     = time.Minute
	coarse   = 5 * time.Minute
)

const fixProbe = "mend the health check in components/monitoring, alarms.go"

// uptime looks at AV-1: how long the site was away, by the probe that asks it from outside, in this month so far and in
// the one before.
func uptime(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	probes, err := l.probesOf(ctx, client.Edge.Hostname)
	if err != nil {
		return err
	}
	if len(probes) == 0 {
		l.missing("health check that asks "+client.Edge.Hostname+" from outside", "a probe of the client's own address, as its people reach it", fixProbe)
	}
	var errs []error
	for _, probe := range probes {
		o := object{probeType, aws.ToString(probe.Id)}
		c := probe.HealthCheckConfig
		off := aws.ToBool(c.Disabled) || aws.ToBool(c.Inverted)
		l.want(o, !off, "disabled", off, "neither disabled nor inverted", fixProbe)
		if !off {
			errs = append(errs, l.uptimeBy(ctx, probe))
		}
	}
	return errors.Join(errs...)
}

// probesOf are the health checks that ask a host.
func (a *account) probesOf(ctx context.Context, host string) ([]route53types.HealthCheck, error) {
	all, err := a.probes(ctx)
	var found []route53types.HealthCheck
	for _, probe := range all {
		if c := probe.HealthCheckConfig; c != nil && strings.EqualFold(aws.ToString(c.FullyQualifiedDomainName), host) {
			found = append(found, probe)
		}
	}
	return found, err
}

// measurement is what a probe found in a time that it stands for.
type measurement struct {
	at   time.Time
	long time.Duration
	down time.Duration // of it
}

func (l *look) uptimeBy(ctx context.Context, probe route53types.HealthCheck) error {
	o := object{probeType, aws.ToString(probe.Id)}
	now := l.subject.Now.UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	before := month.AddDate(0, -1, 0)
	until := now.Add(-metricDelay).Truncate(fine)
	measured, err := l.measurements(ctx, o.id, before, until)
	if err != nil {
		return err
	}
	const expected = "a measurement every minute"
	if len(measured) == 0 {
		young, err := l.probeIsYoung(ctx, o.id)
		switch {
		case err != nil:
			return err
		case young:
			l.tooEarly("the probe of %s has not measured yet: an uptime is told once it has for %.0f hours", l.called(o), firstUptime.Hours())
		default:
			l.want(o, false, "HealthCheckStatus", "no measurement since "+when(before), expected, fixProbe)
		}
		return nil
	}
	first, last := measured[0].at, measured[len(measured)-1]
	end := last.at.Add(last.long)
	l.want(o, until.Sub(end) <= probeSilence, "HealthCheckStatus", "measured until "+when(end), expected, fixProbe)
	if first.Sub(before) <= coarse {
		first = before // it is older, or as old
	} else if now.Sub(first) < firstUptime {
		l.tooEarly("the probe has measured since %s: an uptime is told from %s on", when(first), when(first.Add(firstUptime)))
		return nil
	}
	var errs []error
	if first.Before(month) {
		errs = append(errs, l.judgeMonth(o, measured, stretch{first, month}, month))
	}
	if from := laterOf(first, month); until.After(from) {
		errs = append(errs, l.judgeMonth(o, measured, stretch{from, until}, month.AddDate(0, 1, 0)))
	}
	return errors.Join(errs...)
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// measurements are all that the probe found between two times. Each is bad as far as any asking in it failed.
func (a *account) measurements(ctx context.Context, probe string, from, until time.Time) ([]measurement, error) {
	m := metric{namespace: "AWS/Route53", name: "HealthCheckStatus", dimensions: map[string]string{"HealthCheckId": probe}}
	cut := laterOf(from, until.Add(-fineDays).Truncate(coarse))
	var all []measurement
	if from.Before(cut) {
		m.statistic, m.period, m.from, m.until = "Average", coarse, from, cut
		old, err := a.samples(ctx, global, m)
		if err != nil {
			return nil, err
		}
		for _, s := range old {
			all = append(all, measurement{s.at, coarse, time.Duration((1 - min(s.value, 1)) * float64(coarse))})
		}
	}
	m.statistic, m.period, m.from, m.until = "Minimum", fine, cut, until
	recent, err := a.samples(ctx, global, m)
	for _, s := range recent {
		one := measurement{at: s.at, long: fine}
		if s.value < 1 {
			one.down = fine
		}
		all = append(all, one)
	}
	return all, err
}

// probeIsYoung tells by the alarm on a probe whether it was made a short while ago: Route 53 has no date for it.
func (a *account) probeIsYoung(ctx context.Context, probe string) (bool, error) {
	all, err := a.alarms(ctx, global)
	for _, alarm := range all.metric {
		if dimensionsOf(alarm.Dimensions)["HealthCheckId"] == probe && a.younger(alarm.AlarmConfigurationUpdatedTimestamp, probeStart) {
			return true, err
		}
	}
	return false, err
}

type stretch struct{ from, until time.Time }

// judgeMonth holds what was measured in a part of a month against what the month may be down from then to its end. The
// error says that too little was measured to tell.
func (l *look) judgeMonth(o object, measured []measurement, part stretch, end time.Time) error {
	var known, down time.Duration
	for _, m := range measured {
		if !m.at.Before(part.from) && m.at.Before(part.until) {
			known, down = known+m.long, down+m.down
		}
	}
	whole := part.until.Sub(part.from)
	gaps := max(0, whole-known)
	allowed := time.Duration(math.Round(mayBeDown * float64(end.Sub(part.from))))
	name := part.from.Format("January 2006")
	share := 0.0
	if known > 0 {
		share = 100 * (1 - float64(down)/float64(known))
	}
	found := fmt.Sprintf("%s: %.3f %%, %.1f min down, %.1f min not measured, from %s to %s", name, share, down.Minutes(), gaps.Minutes(), part.from.Format("2 Jan 15:04"), when(part.until))
	expected := fmt.Sprintf("99.98 %% of the month: at most %.2f minutes down", allowed.Minutes())
	switch {
	case down > allowed:
		l.want(o, false, "uptime", found, expected, "find the outages in the probe's history and mend their causes")
	case down+gaps > allowed: // what was not measured is not counted as up
		return fmt.Errorf("uptime of %s: more was left unmeasured than the month may be down, %.2f minutes (%s)", name, allowed.Minutes(), found)
	default:
		l.want(o, true, "uptime", found, expected, "")
	}
	return nil
}
