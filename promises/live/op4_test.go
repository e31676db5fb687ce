package live

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/berth-iac/berth/promises"
)

const auditStore = "berth-northwind-pulumi-state-111122223333-eu-west-2"

// auditedAccount reminds of audits since a day, and holds reports. A key that ends on "." is empty.
func auditedAccount(t *testing.T, since time.Time, change func(*scheduler.GetScheduleOutput), keys ...string) answers {
	s := &scheduler.GetScheduleOutput{Name: aws.String("northwind-monthly-audit"), GroupName: aws.String("default"), CreationDate: &since, ScheduleExpression: aws.String("cron(0 8 1 * ? *)"),
		State: schedulertypes.ScheduleStateEnabled, Target: &schedulertypes.Target{Arn: aws.String("arn:aws:sns:eu-west-2:111122223333:northwind-alerts")}}
	if change != nil {
		change(s)
	}
	return readAccess(t, "organisation").answers().with(answers{
		"Scheduler:ListSchedules": &scheduler.ListSchedulesOutput{Schedules: []schedulertypes.ScheduleSummary{{Name: s.Name, GroupName: s.GroupName}}},
		"Scheduler:GetSchedule":   s,
		"S3:ListObjectsV2": func(_ string, in any) (any, error) { // one a page
			input := in.(*s3.ListObjectsV2Input)
			if *input.Bucket != auditStore || *input.Prefix != "audits/" {
				return nil, errors.New("unexpected bucket or prefix")
			}
			i := 0
			if input.ContinuationToken != nil {
				i = len(*input.ContinuationToken)
			}
			out := &s3.ListObjectsV2Output{}
			if i < len(keys) {
				out.Contents = []s3types.Object{{Key: aws.String(strings.TrimSuffix(keys[i], ".")), Size: aws.Int64(int64(1 - strings.Count(keys[i][len(keys[i])-1:], "."))), LastModified: &now}}
			}
			if i+1 < len(keys) {
				out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String(strings.Repeat("x", i+1))
			}
			return out, nil
		},
	})
}

func TestMonthlyAudit(t *testing.T) {
	report := func(day string) []string {
		return []string{"audits/" + day + "/evidence.json", "audits/" + day + "/evidence.json.sig"}
	}
	long := now.AddDate(-1, 0, 0)
	for name, tc := range map[string]struct {
		now    time.Time
		since  time.Time
		change func(*scheduler.GetScheduleOutput)
		keys   []string
		broken []string
		why    string
	}{
		"reported this month":             {now, long, nil, report("2026-11-03"), nil, ""},
		"with older ones":                 {now, long, nil, append(report("2026-11-03"), report("2026-10-02")...), nil, ""},
		"reported last month only":        {now, long, nil, report("2026-10-03"), []string{auditStore + ".audits"}, ""},
		"this month's may still come":     {time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC), long, nil, report("2026-10-03"), nil, ""},
		"but last month's is missing":     {time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC), long, nil, report("2026-09-03"), []string{auditStore + ".audits"}, ""},
		"no report":                       {now, long, nil, nil, []string{auditStore + ".audits"}, ""},
		"an empty report":                 {now, long, nil, []string{"audits/2026-11-03/evidence.json."}, []string{auditStore + ".audits"}, ""},
		"a report of tomorrow":            {now, long, nil, report("2026-11-23"), []string{auditStore + ".audits"}, ""},
		"not signed":                      {now, long, nil, []string{"audits/2026-11-03/evidence.json"}, []string{auditStore + ".audits"}, ""},
		"the signature of something else": {now, long, nil, []string{"audits/2026-11-03/evidence.json", "audits/2026-11-03/other.sig"}, []string{auditStore + ".audits"}, ""},
		"a new account":                   {now, now.Add(-time.Hour), nil, nil, nil, "the first audit is due on 2026-12-01, and its report by 2026-12-08"},
		"its first month":                 {time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC), now, nil, nil, nil, "due by 2026-12-08"},
		"after its first month":           {time.Date(2026, 12, 8, 9, 0, 0, 0, time.UTC), now, nil, nil, []string{auditStore + ".audits"}, ""},
		"another day":                     {now, long, func(s *scheduler.GetScheduleOutput) { s.ScheduleExpression = aws.String("cron(0 8 1 1 ? *)") }, report("2026-11-03"), []string{"default/northwind-monthly-audit.scheduleExpression"}, ""},
		"switched off":                    {now, long, func(s *scheduler.GetScheduleOutput) { s.State = schedulertypes.ScheduleStateDisabled }, report("2026-11-03"), []string{"default/northwind-monthly-audit.state"}, ""},
		"nobody is told": {now, long, func(s *scheduler.GetScheduleOutput) {
			s.Target.Arn = aws.String("arn:aws:sns:eu-west-2:999999999999:x")
		}, report("2026-11-03"), []string{"default/northwind-monthly-audit.target.arn"}, ""},
		"no schedule": {now, long, func(s *scheduler.GetScheduleOutput) { s.Name = aws.String("x") }, report("2026-11-03"), []string{"stack"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			subject := subjectOf(t, "organisation")
			subject.Now = tc.now
			got := makeLook(t, "OP-4", subject, auditedAccount(t, tc.since, tc.change, tc.keys...), Outside{})
			if tc.why != "" {
				if got.Verdict != promises.NotShown || !strings.Contains(got.Why, tc.why) {
					t.Errorf("%s (%s) %v", got.Verdict, got.Why, brokenAt(got))
				}
				return
			}
			wantLook(t, got, tc.broken)
		})
	}
	for _, call := range []string{"Scheduler:ListSchedules", "Scheduler:GetSchedule", "S3:ListObjectsV2", "S3:ListBuckets", "IAM:ListRoles"} {
		a := auditedAccount(t, long, nil, report("2026-11-03")...).with(answers{call: errors.New("api error AccessDenied: no")})
		if got := makeLook(t, "OP-4", subjectOf(t, "organisation"), a, Outside{}); got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %s (%s)", call, got.Verdict, got.Why)
		}
	}
}
