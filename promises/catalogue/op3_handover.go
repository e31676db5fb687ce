package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// handoverHour is when one week's person takes over from the last, in UTC.
const handoverHour = 9

// updateContact is the call of Incident Manager that a handover makes.
const updateContact = "arn:aws:scheduler:::aws-sdk:ssmcontacts:updateContact"

// handovers judges that each person's week comes round: a schedule for everybody in the rotation, a week apart, which
// puts that person first, and an alarm if one fails.
func handovers(s promises.Subject, r *promises.Report, escalation *graph.Resource, persons map[string]*graph.Resource) {
	const fix = "change onCall in the organisation's spec; components/oncall/handover.go makes the schedules from it"
	o := s.Organisation()
	rotation := o.OnCall.Rotation
	turns, seen := map[string]*graph.Resource{}, map[*graph.Resource]bool{}
	for _, schedule := range s.Graph.OfType("aws:scheduler/schedule:Schedule") {
		if schedule.Text("target.arn") != updateContact {
			continue
		}
		found, leads := stagesOf(schedule, escalation, persons)
		first := ""
		if len(found) > 0 && len(found[0].people) > 0 {
			first = found[0].people[0]
		}
		place := slices.Index(rotation, first)
		r.Say(schedule, leads && place >= 0 && turns[first] == nil, fmt.Sprintf("puts %q on call, in the rotation's escalation: %t", first, leads), "puts one person of the rotation on call", fix)
		if place < 0 {
			continue
		}
		turns[first] = schedule
		wantStages(r, schedule, found, turn(rotation, place))
		every := fmt.Sprintf("rate(%d days)", 7*len(rotation))
		r.Want(schedule, schedule.Text("scheduleExpression") == every, "scheduleExpression", every+": a week for each", fix)
		starts := o.OnCall.Starts.Add(time.Duration(place)*7*24*time.Hour + handoverHour*time.Hour).UTC().Format(time.RFC3339)
		r.Want(schedule, schedule.Text("startDate") == starts, "startDate", starts+", the person's first Monday", fix)
		r.Want(schedule, schedule.Text("scheduleExpressionTimezone") == "UTC", "scheduleExpressionTimezone", "UTC", fix)
		r.Want(schedule, !schedule.Has("endDate"), "endDate", "absent: it goes on", fix)
		r.Want(schedule, !schedule.Has("state") || schedule.Text("state") == "ENABLED", "state", "ENABLED", fix)
		r.Want(schedule, schedule.Text("flexibleTimeWindow.mode") == "OFF", "flexibleTimeWindow.mode", "OFF: at that hour", fix)
		attempts, _ := schedule.Number("target.retryPolicy.maximumRetryAttempts")
		age, _ := schedule.Number("target.retryPolicy.maximumEventAgeInSeconds")
		r.Want(schedule, attempts >= 10 && age >= 600, "target.retryPolicy", "tried again, ten times or more", fix)
		role, queue := schedule.Ref("target.roleArn", typeRole), schedule.Ref("target.deadLetterConfig.arn", "aws:sqs/queue:Queue")
		r.Want(schedule, role != nil, "target.roleArn", "a role of the stack that hands over", fix)
		r.Want(schedule, mayAct(schedule, s.Organisation().AWS.Account), "groupName", "a group of schedules that may take the role", fix)
		r.Want(schedule, queue != nil, "target.deadLetterConfig.arn", "a queue of the stack that keeps failed handovers", fix)
		if role != nil && !seen[role] {
			wantHandoverRole(s, r, role, queue, escalation, persons)
		}
		if queue != nil && !seen[queue] {
			wantFailuresTold(s, r, queue)
		}
		seen[role], seen[queue] = true, true
	}
	for _, name := range rotation {
		if turns[name] == nil {
			r.Missing("weekly handover to "+name, "a schedule that puts everybody of the rotation on call in turn", fix)
		}
	}
}

// stagesOf is the escalation that a schedule writes, and whether it writes it to the rotation's.
func stagesOf(schedule, escalation *graph.Resource, persons map[string]*graph.Resource) ([]stageOf, bool) {
	var input struct {
		ContactID string `json:"ContactId"`
		Plan      struct {
			Stages []struct {
				DurationInMinutes float64
				Targets           []struct {
					ContactTargetInfo struct {
						ContactID   string `json:"ContactId"`
						IsEssential bool
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(schedule.Text("target.input")), &input); err != nil {
		return nil, false
	}
	var stages []stageOf
	for _, stage := range input.Plan.Stages {
		one := stageOf{minutes: stage.DurationInMinutes}
		for _, target := range stage.Targets {
			one.people = append(one.people, personOf(persons, target.ContactTargetInfo.ContactID, target.ContactTargetInfo.IsEssential))
		}
		stages = append(stages, one)
	}
	return stages, escalation.Goes(input.ContactID)
}

// wantHandoverRole reports whether a handover may do what it has to.
func wantHandoverRole(s promises.Subject, r *promises.Report, role, queue, escalation *graph.Resource, persons map[string]*graph.Resource) {
	permissions := permissionsOf(s.Graph, role)
	may := func(action string, on *graph.Resource) bool {
		return on != nil && slices.ContainsFunc(allowing(permissions, action), func(statement policy.Statement) bool { return slices.ContainsFunc(statement.Resources, on.Goes) })
	}
	var missing []string
	if !takenBy(role, "scheduler.amazonaws.com") {
		missing = append(missing, "be taken by the scheduler")
	}
	if !may("ssm-contacts:UpdateContact", escalation) {
		missing = append(missing, "rewrite the escalation")
	}
	for _, name := range s.Organisation().OnCall.Rotation {
		if !may("ssm-contacts:AssociateContact", persons[name]) {
			missing = append(missing, "name "+name)
		}
	}
	if !may("sqs:SendMessage", queue) {
		missing = append(missing, "report a failure")
	}
	if queue != nil && queue.Has("kmsMasterKeyId") {
		key := queue.Ref("kmsMasterKeyId", typeKey)
		if !may("kms:GenerateDataKey", key) || !may("kms:Decrypt", key) {
			missing = append(missing, "encrypt the report")
		}
	}
	r.Say(role, len(missing) == 0, "cannot: "+listed(missing), "may rewrite the escalation, name everybody of the rotation, and report a failure", "correct components/oncall/handover.go")
}

// wantFailuresTold reports whether a handover that failed is kept and told: until somebody acts, last week's person is
// still on call.
func wantFailuresTold(s promises.Subject, r *promises.Report, queue *graph.Resource) {
	const fix = "correct the queue and its alarm in components/oncall/handover.go"
	kept, given := queue.Number("messageRetentionSeconds")
	r.Want(queue, given && kept >= 7*24*60*60, "messageRetentionSeconds", "a week or longer", fix)
	key := queue.Ref("kmsMasterKeyId", typeKey)
	r.Want(queue, key != nil, "kmsMasterKeyId", "a key of the stack: the reports name people", fix)
	secure := false
	for _, p := range queue.Referrers("queueUrl", "aws:sqs/queuePolicy:QueuePolicy") {
		document, err := policy.Parse(p.Text("policy"))
		secure = secure || err == nil && len(document.Allows()) == 0 && !overPlainHTTP(document, "sqs:SendMessage", queue)
	}
	r.Say(queue, secure, fmt.Sprintf("plain HTTP denied: %t", secure), "nothing over plain HTTP, and nobody let in by the queue itself", fix)
	told := 0
	for _, alarm := range s.Graph.OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		if alarm.Text("namespace") == "AWS/SQS" && strings.HasPrefix(alarm.Text("metricName"), "ApproximateNumberOfMessages") && alarm.Text("dimensions.QueueName") == queue.Text("name") {
			told++
			wantFirstAlarm(r, alarm, fix)
		}
	}
	r.Say(queue, told > 0, fmt.Sprintf("alarms on it: %d", told), "an alarm to people when a handover fails", fix)
}
