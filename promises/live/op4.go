package live

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

// reportWithin is how long after its day an audit's report may take.
const reportWithin = 7 * 24 * time.Hour

// auditHour is when people are reminded, on the audit's day, in UTC.
const auditHour = 8

// reportKey is what a report's files are called in the state's bucket: below the day of the report.
var reportKey = regexp.MustCompile(`^audits/([0-9]{4}-[0-9]{2}-[0-9]{2})/.`)

// monthlyAudit is the look at OP-4: the reminder, and the newest report. No report is read: its name says its day.
func monthlyAudit(ctx context.Context, l *look) error {
	day := max(l.subject.Organisation().AuditDay, 1)
	schedules, err := l.schedules(ctx, l.home)
	if err != nil {
		return err
	}
	var since time.Time
	for _, s := range schedules {
		if s.Target == nil || !strings.HasSuffix(aws.ToString(s.Name), "monthly-audit") {
			continue
		}
		const fix = "run `berth up` for the organisation: auditDay in its spec says when"
		at := scheduleObject(s)
		since = aws.ToTime(s.CreationDate)
		want := fmt.Sprintf("cron(0 %d %d * ? *)", auditHour, day)
		l.want(at, aws.ToString(s.ScheduleExpression) == want, "scheduleExpression", aws.ToString(s.ScheduleExpression), want+": every month", fix)
		l.want(at, s.State == schedulertypes.ScheduleStateEnabled && s.EndDate == nil, "state", string(s.State), "ENABLED, without an end", fix)
		topic := strings.HasPrefix(aws.ToString(s.Target.Arn), "arn:aws:sns:"+l.home+":"+l.number+":")
		l.want(at, topic, "target.arn", aws.ToString(s.Target.Arn), "a topic of the account, which people are subscribed to", fix)
	}
	if since.IsZero() {
		l.missing("schedule of the monthly audit", "people are reminded of the audit every month", "run `berth up` for the organisation")
	}
	return l.newestReport(ctx, day, since)
}

// newestReport judges that the last audit that was due left a report, with a signature beside it.
func (l *look) newestReport(ctx context.Context, day int, since time.Time) error {
	last, ended, began := dueAudits(day, since, l.subject.Now)
	if !began {
		l.tooEarly("the first audit is due on %s, and its report by %s", last.Format(time.DateOnly), last.Add(reportWithin).Format(time.DateOnly))
		return nil
	}
	store, err := l.stateBucket(ctx)
	if err != nil {
		return err
	}
	newest, signed := "", false
	if store != nil {
		if newest, signed, err = l.reports(ctx, *store); err != nil {
			return err
		}
	}
	month := last.Format("2006-01") + "-01"
	if newest < month && !ended {
		previous, _, earlier := dueAudits(day, since, last.Add(-time.Hour))
		if !earlier {
			l.tooEarly("the first audit was due on %s, and its report is due by %s", last.Format(time.DateOnly), last.Add(reportWithin).Format(time.DateOnly))
			return nil
		}
		month = previous.Format("2006-01") + "-01" // this month's may still be written
	}
	const fix = "make the audit, and keep its signed report in the bucket of Pulumi's state, below audits/YYYY-MM-DD/"
	if store == nil {
		l.missing("bucket of Pulumi's state", "a bucket that keeps the audits' reports", fixPipeline)
		return nil
	}
	if newest == "" {
		l.want(store.of(s3Bucket), false, "audits", "no report", "a report of "+month[:7]+" or later", fix)
		return nil
	}
	l.want(store.of(s3Bucket), newest >= month, "audits", "the newest report is of "+newest, "a report of "+month[:7]+" or later", fix)
	l.want(store.of(s3Bucket), signed, "audits", fmt.Sprintf("a signature beside the report of %s: %t", newest, signed), "a signature beside the report", fix)
	return nil
}

// dueAudits is the last audit that was due since the schedule exists, whether its report's time has ended, and whether
// any was due at all: if none, the first that will be.
func dueAudits(day int, since, now time.Time) (last time.Time, ended, began bool) {
	at := func(t time.Time, months int) time.Time {
		return time.Date(t.Year(), t.Month()+time.Month(months), day, auditHour, 0, 0, 0, time.UTC)
	}
	first := at(since.UTC(), 0)
	if first.Before(since) {
		first = at(since.UTC(), 1)
	}
	if last = at(now.UTC(), 0); last.After(now) {
		last = at(now.UTC(), -1)
	}
	if last.Before(first) {
		return first, false, false
	}
	return last, !now.Before(last.Add(reportWithin)), true
}

// stateBucket is the bucket that the pipeline's deployments write the state to; nil where that cannot be told.
func (l *look) stateBucket(ctx context.Context) (*bucket, error) {
	all, err := l.authority(ctx)
	if err != nil {
		return nil, err
	}
	role := all.role(l.subject.Organisation().Name + "-pipeline-" + jobDeploy)
	if role == nil {
		return nil, nil
	}
	buckets, err := l.allBuckets(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range role.allowing("s3:PutObject") {
		for _, arn := range s.Resources {
			for i, b := range buckets {
				if strings.HasPrefix(arn, b.arn()+"/") {
					return &buckets[i], nil
				}
			}
		}
	}
	return nil, nil
}

// reports is the day of the newest report, and whether a signature lies beside it.
func (l *look) reports(ctx context.Context, b bucket) (newest string, signed bool, err error) {
	found, err := paged(ctx, s3.NewListObjectsV2Paginator(l.s3(b.region), &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: aws.String("audits/")}),
		func(o *s3.ListObjectsV2Output) []s3types.Object { return o.Contents })
	if err != nil {
		return "", false, fmt.Errorf("list the reports of audits in %s: %w", b.name, err)
	}
	today := l.subject.Now.UTC().Format(time.DateOnly)
	days := map[string][]string{}
	for _, o := range found {
		if parts := reportKey.FindStringSubmatch(aws.ToString(o.Key)); parts != nil && parts[1] <= today && aws.ToInt64(o.Size) > 0 {
			days[parts[1]] = append(days[parts[1]], aws.ToString(o.Key))
		}
	}
	for day, keys := range days {
		report := slices.ContainsFunc(keys, func(key string) bool { return !strings.HasSuffix(key, ".sig") })
		if report && day > newest {
			newest = day
			signed = slices.ContainsFunc(keys, func(key string) bool {
				return strings.HasSuffix(key, ".sig") && slices.Contains(keys, strings.TrimSuffix(key, ".sig"))
			})
		}
	}
	return newest, signed, nil
}
