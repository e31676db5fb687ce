package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/ssmcontacts"
	contacttypes "github.com/aws/aws-sdk-go-v2/service/ssmcontacts/types"
	"github.com/aws/aws-sdk-go-v2/service/ssmincidents"
	incidenttypes "github.com/aws/aws-sdk-go-v2/service/ssmincidents/types"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// calledAccount is an organisation that can be called.
type calledAccount struct {
	subject   promises.Subject
	set       incidenttypes.ReplicationSet
	plans     map[string]*ssmincidents.GetResponsePlanOutput
	contacts  map[string]*ssmcontacts.GetContactOutput
	channels  map[string][]contacttypes.ContactChannel
	schedules map[string]*scheduler.GetScheduleOutput
	records   []incidenttypes.IncidentRecordSummary
	read      map[string]time.Time // by incident
}

const escalationARN = "arn:aws:ssm-contacts:eu-west-2:111122223333:contact/northwind-on-call"

func contactARN(name string) string {
	return "arn:aws:ssm-contacts:eu-west-2:111122223333:contact/northwind-" + name
}

// escalationOf is the plan in the week of the person at a place.
func escalationOf(rotation []string, place int) *contacttypes.Plan {
	plan := &contacttypes.Plan{}
	for _, s := range turn(rotation, place) {
		stage := contacttypes.Stage{DurationInMinutes: aws.Int32(s.minutes)}
		for _, name := range s.people {
			stage.Targets = append(stage.Targets, contacttypes.Target{ContactTargetInfo: &contacttypes.ContactTargetInfo{ContactId: aws.String(contactARN(name)), IsEssential: aws.Bool(true)}})
		}
		plan.Stages = append(plan.Stages, stage)
	}
	return plan
}

func calledOut(t *testing.T) *calledAccount {
	a := &calledAccount{subject: subjectOf(t, "organisation"), plans: map[string]*ssmincidents.GetResponsePlanOutput{}, contacts: map[string]*ssmcontacts.GetContactOutput{},
		channels: map[string][]contacttypes.ContactChannel{}, schedules: map[string]*scheduler.GetScheduleOutput{}, read: map[string]time.Time{}}
	o := a.subject.Organisation()
	key := func(region string) incidenttypes.RegionInfo {
		return incidenttypes.RegionInfo{Status: incidenttypes.RegionStatusActive, SseKmsKeyId: aws.String("arn:aws:kms:" + region + ":111122223333:key/k")}
	}
	a.set = incidenttypes.ReplicationSet{Status: incidenttypes.ReplicationSetStatusActive, CreatedTime: aws.Time(now.AddDate(0, 0, -30)), RegionMap: map[string]incidenttypes.RegionInfo{"eu-west-2": key("eu-west-2"), "eu-west-1": key("eu-west-1")}}
	for i, class := range []struct {
		name    string
		minutes int
	}{{"first", 120}, {"second", 360}, {"third", 2880}} {
		a.plans[class.name] = &ssmincidents.GetResponsePlanOutput{Arn: aws.String("plan/" + class.name), Engagements: []string{escalationARN}, IncidentTemplate: &incidenttypes.IncidentTemplate{
			Impact: aws.Int32(int32(i + 1)), Summary: aws.String(fmt.Sprintf("An engineer answers within %d minutes of the report.", class.minutes)),
			IncidentTags:        map[string]string{"incident-class": class.name, "response-minutes": fmt.Sprint(class.minutes)},
			NotificationTargets: []incidenttypes.NotificationTargetItem{&incidenttypes.NotificationTargetItemMemberSnsTopicArn{Value: "arn:aws:sns:eu-west-2:111122223333:northwind-alerts"}}}}
	}
	rotation := o.OnCall.Rotation
	a.contacts[escalationARN] = &ssmcontacts.GetContactOutput{ContactArn: aws.String(escalationARN), Type: contacttypes.ContactTypeEscalation, Plan: escalationOf(rotation, 0)}
	for place, name := range rotation {
		arn := contactARN(name)
		person := o.Staff[slices.IndexFunc(o.Staff, func(p spec.Person) bool { return p.Name == name })]
		plan := &contacttypes.Plan{Stages: []contacttypes.Stage{{DurationInMinutes: aws.Int32(5)}, {DurationInMinutes: aws.Int32(5)}}}
		for i, channel := range []struct{ kind, address string }{{"EMAIL", person.Email}, {"SMS", person.Phone}, {"VOICE", person.Phone}} {
			id := arn + "/" + channel.kind
			a.channels[arn] = append(a.channels[arn], contacttypes.ContactChannel{ContactChannelArn: &id, Type: contacttypes.ChannelType(channel.kind), ActivationStatus: contacttypes.ActivationStatusActivated,
				DeliveryAddress: &contacttypes.ContactChannelAddress{SimpleAddress: &channel.address}})
			stage := &plan.Stages[i/2]
			stage.Targets = append(stage.Targets, contacttypes.Target{ChannelTargetInfo: &contacttypes.ChannelTargetInfo{ContactChannelId: &id}})
		}
		a.contacts[arn] = &ssmcontacts.GetContactOutput{ContactArn: &arn, DisplayName: &name, Type: contacttypes.ContactTypePersonal, Plan: plan}
		input, err := json.Marshal(map[string]any{"ContactId": escalationARN, "Plan": escalationOf(rotation, place)})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(input), `"ChannelTargetInfo":null,`, "")
		a.schedules[name] = &scheduler.GetScheduleOutput{Name: aws.String(name), GroupName: aws.String("northwind-on-call"), ScheduleExpression: aws.String("rate(21 days)"), State: schedulertypes.ScheduleStateEnabled,
			StartDate: aws.Time(o.OnCall.Starts.Add(time.Duration(place)*week + 9*time.Hour)),
			Target:    &schedulertypes.Target{Arn: aws.String(updateContact), Input: &text, DeadLetterConfig: &schedulertypes.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:eu-west-2:111122223333:failures")}}}
	}
	return a
}

func (a *calledAccount) answers() answers {
	return answers{
		"SSMIncidents:ListReplicationSets": &ssmincidents.ListReplicationSetsOutput{ReplicationSetArns: []string{"set"}},
		"SSMIncidents:GetReplicationSet":   &ssmincidents.GetReplicationSetOutput{ReplicationSet: &a.set},
		"SSMIncidents:ListResponsePlans": func(string, any) (any, error) {
			out := &ssmincidents.ListResponsePlansOutput{}
			for name := range a.plans {
				out.ResponsePlanSummaries = append(out.ResponsePlanSummaries, incidenttypes.ResponsePlanSummary{Arn: &name})
			}
			return out, nil
		},
		"SSMIncidents:GetResponsePlan": func(_ string, in any) (any, error) {
			return a.plans[*in.(*ssmincidents.GetResponsePlanInput).Arn], nil
		},
		"SSMIncidents:ListIncidentRecords": &ssmincidents.ListIncidentRecordsOutput{IncidentRecordSummaries: a.records},
		"SSMContacts:ListContacts": func(_ string, in any) (any, error) { // of two pages
			out := &ssmcontacts.ListContactsOutput{}
			more := in.(*ssmcontacts.ListContactsInput).NextToken != nil
			if !more {
				out.NextToken = aws.String("more")
			}
			for arn, c := range a.contacts {
				if (c.Type == contacttypes.ContactTypePersonal) == more {
					out.Contacts = append(out.Contacts, contacttypes.Contact{ContactArn: &arn})
				}
			}
			return out, nil
		},
		"SSMContacts:GetContact": func(_ string, in any) (any, error) {
			return a.contacts[*in.(*ssmcontacts.GetContactInput).ContactId], nil
		},
		"SSMContacts:ListContactChannels": func(_ string, in any) (any, error) {
			return &ssmcontacts.ListContactChannelsOutput{ContactChannels: a.channels[*in.(*ssmcontacts.ListContactChannelsInput).ContactId]}, nil
		},
		"SSMContacts:ListEngagements": func(_ string, in any) (any, error) {
			return &ssmcontacts.ListEngagementsOutput{Engagements: []contacttypes.Engagement{{EngagementArn: in.(*ssmcontacts.ListEngagementsInput).IncidentId}}}, nil
		},
		"SSMContacts:ListPagesByEngagement": func(_ string, in any) (any, error) {
			out := &ssmcontacts.ListPagesByEngagementOutput{Pages: []contacttypes.Page{{}}}
			if at, ok := a.read[*in.(*ssmcontacts.ListPagesByEngagementInput).EngagementId]; ok {
				out.Pages = append(out.Pages, contacttypes.Page{ReadTime: aws.Time(at.Add(time.Hour))}, contacttypes.Page{ReadTime: &at})
			}
			return out, nil
		},
		"Scheduler:ListSchedules": func(string, any) (any, error) {
			out := &scheduler.ListSchedulesOutput{}
			for name := range a.schedules {
				out.Schedules = append(out.Schedules, schedulertypes.ScheduleSummary{Name: &name, GroupName: aws.String("northwind-on-call")})
			}
			return out, nil
		},
		"Scheduler:GetSchedule": func(_ string, in any) (any, error) {
			return a.schedules[*in.(*scheduler.GetScheduleInput).Name], nil
		},
	}
}

func TestSomebodyIsOnCall(t *testing.T) {
	const ada, ben = "ada.lindqvist", "ben.adeyemi"
	inc := func(impact int32, ago time.Duration) incidenttypes.IncidentRecordSummary {
		return incidenttypes.IncidentRecordSummary{Arn: aws.String("incident"), Impact: &impact, CreationTime: aws.Time(now.Add(-ago)), Status: incidenttypes.IncidentRecordStatusOpen}
	}
	at := func(ago time.Duration) string {
		return "incident of " + now.Add(-ago).Format(time.RFC3339) + ".answered"
	}
	for name, tc := range map[string]struct {
		change func(a *calledAccount)
		broken []string
	}{
		"as the stack makes it": {func(*calledAccount) {}, nil},
		"a region less":         {func(a *calledAccount) { delete(a.set.RegionMap, "eu-west-1") }, []string{"set.regions"}},
		"no key": {func(a *calledAccount) {
			a.set.RegionMap["eu-west-1"] = incidenttypes.RegionInfo{Status: incidenttypes.RegionStatusActive, SseKmsKeyId: aws.String("DefaultKey")}
		}, []string{"set.regions"}},
		"a failed set":            {func(a *calledAccount) { a.set.Status = incidenttypes.ReplicationSetStatusFailed }, []string{"set.status"}},
		"no plan for a class":     {func(a *calledAccount) { delete(a.plans, "second") }, []string{"stack"}},
		"more time":               {func(a *calledAccount) { a.plans["first"].IncidentTemplate.IncidentTags["response-minutes"] = "240" }, []string{"plan/first.incidentTemplate.incidentTags.response-minutes"}},
		"another text":            {func(a *calledAccount) { a.plans["first"].IncidentTemplate.Summary = aws.String("Soon.") }, []string{"plan/first.incidentTemplate.summary"}},
		"less impact":             {func(a *calledAccount) { a.plans["first"].IncidentTemplate.Impact = aws.Int32(4) }, []string{"plan/first.incidentTemplate.impact"}},
		"a fixed text joins them": {func(a *calledAccount) { a.plans["third"].IncidentTemplate.DedupeString = aws.String("x") }, []string{"plan/third.incidentTemplate.dedupeString"}},
		"nobody is engaged":       {func(a *calledAccount) { a.plans["third"].Engagements = nil }, []string{"plan/third.engagements"}},
		"nobody is told":          {func(a *calledAccount) { a.plans["third"].IncidentTemplate.NotificationTargets = nil }, []string{"plan/third.incidentTemplate.notificationTargets"}},
		"somebody is missing":     {func(a *calledAccount) { delete(a.contacts, contactARN(ben)) }, []string{"northwind-on-call/ada.lindqvist.target.input", "northwind-on-call/ben.adeyemi.target.input", "northwind-on-call/chiara.rossi.target.input", "stack", escalationARN + ".plan.stages"}},
		"a stranger is called": {func(a *calledAccount) {
			a.contacts["x"] = &ssmcontacts.GetContactOutput{ContactArn: aws.String("x"), DisplayName: aws.String("mallory"), Type: contacttypes.ContactTypePersonal}
		}, []string{"x.displayName"}},
		"another phone": {func(a *calledAccount) {
			a.channels[contactARN(ada)][2].DeliveryAddress.SimpleAddress = aws.String("+15550100")
		}, []string{contactARN(ada) + ".channels"}},
		"a channel not confirmed": {func(a *calledAccount) {
			a.channels[contactARN(ada)][2].ActivationStatus = contacttypes.ActivationStatusNotActivated
		}, []string{contactARN(ada) + ".channels.activationStatus"}},
		"a channel not used": {func(a *calledAccount) { a.contacts[contactARN(ada)].Plan.Stages[1].Targets = nil }, []string{contactARN(ada) + ".plan"}},
		"a call too late":    {func(a *calledAccount) { a.contacts[contactARN(ada)].Plan.Stages[0].DurationInMinutes = aws.Int32(15) }, []string{contactARN(ada) + ".plan"}},
		"another's week": {func(a *calledAccount) {
			a.contacts[escalationARN].Plan = escalationOf(a.subject.Organisation().OnCall.Rotation, 1)
		}, []string{escalationARN + ".plan.stages"}},
		"an answer ends nothing": {func(a *calledAccount) {
			a.contacts[escalationARN].Plan.Stages[0].Targets[0].ContactTargetInfo.IsEssential = nil
		}, []string{escalationARN + ".plan.stages"}},
		"a long wait":            {func(a *calledAccount) { a.contacts[escalationARN].Plan.Stages[0].DurationInMinutes = aws.Int32(30) }, []string{escalationARN + ".plan.stages"}},
		"a week is left out":     {func(a *calledAccount) { delete(a.schedules, ben) }, []string{"stack"}},
		"a handover is off":      {func(a *calledAccount) { a.schedules[ben].State = schedulertypes.ScheduleStateDisabled }, []string{"northwind-on-call/ben.adeyemi.state"}},
		"a handover ends":        {func(a *calledAccount) { a.schedules[ben].EndDate = aws.Time(now) }, []string{"northwind-on-call/ben.adeyemi.state"}},
		"a handover is rare":     {func(a *calledAccount) { a.schedules[ben].ScheduleExpression = aws.String("rate(42 days)") }, []string{"northwind-on-call/ben.adeyemi.scheduleExpression"}},
		"a handover begins late": {func(a *calledAccount) { a.schedules[ben].StartDate = aws.Time(now) }, []string{"northwind-on-call/ben.adeyemi.startDate"}},
		"failures are forgotten": {func(a *calledAccount) { a.schedules[ben].Target.DeadLetterConfig = nil }, []string{"northwind-on-call/ben.adeyemi.target.deadLetterConfig.arn"}},
		"a handover to another": {func(a *calledAccount) {
			*a.schedules[ben].Target.Input = strings.ReplaceAll(*a.schedules[ben].Target.Input, escalationARN, "old")
		}, []string{"northwind-on-call/ben.adeyemi.target.input"}},
		"answered in time": {func(a *calledAccount) {
			a.records = append(a.records, inc(1, 5*time.Hour))
			a.read["incident"] = now.Add(-4 * time.Hour)
		}, nil},
		"answered late": {func(a *calledAccount) {
			a.records = append(a.records, inc(1, 5*time.Hour))
			a.read["incident"] = now.Add(-2 * time.Hour)
		}, []string{at(5 * time.Hour)}},
		"never answered":   {func(a *calledAccount) { a.records = append(a.records, inc(2, 7*time.Hour)) }, []string{at(7 * time.Hour)}},
		"not answered yet": {func(a *calledAccount) { a.records = append(a.records, inc(3, 40*time.Hour)) }, nil},
		"resolved without a page": {func(a *calledAccount) {
			r := inc(1, 5*time.Hour)
			r.ResolvedTime = aws.Time(now.Add(-4 * time.Hour))
			a.records = append(a.records, r)
		}, nil},
		"long ago": {func(a *calledAccount) { a.records = append(a.records, inc(1, 40*24*time.Hour)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := calledOut(t)
			tc.change(a)
			got := makeLook(t, "OP-3", a.subject, a.answers(), Outside{})
			wantLook(t, got, sorted(tc.broken))
			for _, f := range got.Findings {
				if strings.Contains(f.Found, "+44") || strings.Contains(f.Found, "@") {
					t.Errorf("a finding shows an address: %s", f.Found)
				}
			}
		})
	}
}

func TestWhoseWeekItIs(t *testing.T) {
	c := spec.OnCall{Rotation: []string{"a", "b", "c"}, Starts: spec.Date{Time: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}}
	for at, want := range map[string][]int{
		"2026-11-22T09:00:00Z": {0}, "2026-11-30T09:30:00Z": {0, 0}, "2026-12-03T00:00:00Z": {0}, "2026-12-07T08:59:00Z": {0}, "2026-12-07T09:10:00Z": {1, 0}, "2026-12-07T10:00:00Z": {1},
		"2026-12-14T12:00:00Z": {2}, "2026-12-21T09:00:00Z": {0, 2}, "2026-12-21T12:00:00Z": {0},
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := places(c, now); !slices.Equal(got, want) {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
}

func TestChannelsAreConfirmedWithinAWeek(t *testing.T) {
	a := calledOut(t)
	a.set.CreatedTime = aws.Time(now.AddDate(0, 0, -2))
	a.channels[contactARN("ada.lindqvist")][0].ActivationStatus = contacttypes.ActivationStatusNotActivated
	got := makeLook(t, "OP-3", a.subject, a.answers(), Outside{})
	if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "EMAIL yet: that is due by 2026-11-27") {
		t.Errorf("%s (%s) %v", got.Verdict, got.Why, brokenAt(got))
	}
}

func TestOnCallUnread(t *testing.T) {
	a := calledOut(t)
	a.records = append(a.records, incidenttypes.IncidentRecordSummary{Arn: aws.String("incident"), Impact: aws.Int32(3), CreationTime: aws.Time(now)})
	for call := range a.answers() {
		got := makeLook(t, "OP-3", a.subject, a.answers().with(answers{call: errors.New("api error AccessDenied: no")}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %s (%s) %v", call, got.Verdict, got.Why, brokenAt(got))
		}
	}
}
