package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	contacttypes "github.com/aws/aws-sdk-go-v2/service/ssmcontacts/types"
	"github.com/aws/aws-sdk-go-v2/service/ssmincidents"
	incidenttypes "github.com/aws/aws-sdk-go-v2/service/ssmincidents/types"
	"github.com/berth-iac/berth/spec"
)

const (
	// handoverHour is when one week's person takes over from the last, in UTC; handoverRetry is how long that is tried.
	handoverHour  = 9 * time.Hour
	handoverRetry = time.Hour
	week          = 7 * 24 * time.Hour
	// confirmWithin is how long people have to confirm their e-mail address and phone after Incident Manager was switched on.
	confirmWithin = week
	// answersSince is how far back incidents are looked at.
	answersSince = 31 * 24 * time.Hour
	// updateContact is the call of Incident Manager that a handover makes.
	updateContact = "arn:aws:scheduler:::aws-sdk:ssmcontacts:updateContact"
)

const fixOnCall = "run `berth up` for the organisation: onCall.rotation and staff in its spec are what it is made from"

// incidentClass is a class of incidents and how soon an engineer answers one.
type incidentClass struct {
	name    string
	impact  int32 // as Incident Manager counts: 1 is critical
	minutes int
}

var incidentClasses = []incidentClass{{"first", 1, 120}, {"second", 2, 360}, {"third", 3, 2880}}

// onCall is the look at OP-3: plans by class, who is called and how, who is on call this week, and how soon the last
// month's incidents were answered.
func onCall(ctx context.Context, l *look) error {
	sets, err := l.replicationSets(ctx)
	if err != nil {
		return err
	}
	l.incidentStore(sets)
	all, err := l.contacts(ctx)
	if err != nil {
		return err
	}
	persons := l.people(all, sets)
	plans, err := l.responsePlans(ctx)
	if err != nil {
		return err
	}
	escalation := l.plansByClass(plans, all)
	if escalation != nil {
		l.onCallNow(*escalation, persons)
	}
	errs := []error{l.handovers(ctx, escalation, persons)}
	incidents, err := l.incidents(ctx, l.subject.Now.Add(-answersSince))
	for _, i := range incidents {
		l.answered(i)
	}
	return errors.Join(append(errs, err)...)
}

// incidentStore judges that incidents are kept in both regions, under keys of the account's own.
func (l *look) incidentStore(sets []incidenttypes.ReplicationSet) {
	const fix = "run `berth up` for the organisation"
	if len(sets) == 0 {
		l.missing("replication of incidents", "incidents kept in both regions", fix)
	}
	for _, set := range sets {
		at := object{"aws:ssmincidents/replicationSet:ReplicationSet", aws.ToString(set.Arn)}
		var regions, unwell []string
		for name, region := range set.RegionMap {
			regions = append(regions, name)
			if region.Status != incidenttypes.RegionStatusActive || aws.ToString(region.SseKmsKeyId) == "" || aws.ToString(region.SseKmsKeyId) == "DefaultKey" {
				unwell = append(unwell, fmt.Sprintf("%s is %s under %q", name, region.Status, aws.ToString(region.SseKmsKeyId)))
			}
		}
		l.want(at, set.Status == incidenttypes.ReplicationSetStatusActive, "status", string(set.Status), "ACTIVE", fix)
		l.want(at, sameTexts(regions, l.regions()) && len(unwell) == 0, "regions", inOrder(append(regions, unwell...)), "active in "+inOrder(l.regions())+", each under a key of its own", fix)
	}
}

// people judges that everybody in the rotation can be reached by mail, message and call, and has confirmed it. It
// returns the people by the ARNs of their contacts. No address is shown.
func (l *look) people(all []contact, sets []incidenttypes.ReplicationSet) map[string]string {
	o := l.subject.Organisation()
	persons := map[string]string{}
	for _, c := range all {
		if c.Type != contacttypes.ContactTypePersonal {
			continue
		}
		name := aws.ToString(c.DisplayName)
		persons[aws.ToString(c.ContactArn)] = name
		i := slices.IndexFunc(o.Staff, func(p spec.Person) bool { return p.Name == name })
		known := slices.Contains(o.OnCall.Rotation, name) && i >= 0
		l.want(c.object(), known, "displayName", name, "one of the rotation: "+inOrder(o.OnCall.Rotation), fixOnCall)
		if !known {
			continue
		}
		var found, waiting []string
		for _, channel := range c.channels {
			address := ""
			if channel.DeliveryAddress != nil {
				address = aws.ToString(channel.DeliveryAddress.SimpleAddress)
			}
			found = append(found, string(channel.Type)+" "+address)
			if channel.ActivationStatus != contacttypes.ActivationStatusActivated {
				waiting = append(waiting, string(channel.Type))
			}
		}
		same := sameTexts(found, []string{"EMAIL " + o.Staff[i].Email, "SMS " + o.Staff[i].Phone, "VOICE " + o.Staff[i].Phone})
		l.want(c.object(), same, "channels", fmt.Sprintf("%d channels, as in the spec: %t", len(found), same), "reached by the e-mail address and the phone of the spec: mail, message and call", fixOnCall)
		l.confirmed(c, name, waiting, sets)
		l.engaged(c)
	}
	for _, name := range o.OnCall.Rotation {
		if !slices.Contains(slices.Collect(maps.Values(persons)), name) {
			l.missing("contact for "+name, "everybody in the rotation can be reached", fixOnCall)
		}
	}
	return persons
}

// confirmed judges whether a person has confirmed every channel; until then nobody is called there.
func (l *look) confirmed(c contact, name string, waiting []string, sets []incidenttypes.ReplicationSet) {
	if len(waiting) > 0 && len(sets) == 1 && sets[0].CreatedTime != nil {
		if until := sets[0].CreatedTime.Add(confirmWithin); l.subject.Now.Before(until) {
			l.tooEarly("%s has not confirmed %s yet: that is due by %s", name, inOrder(waiting), until.UTC().Format(time.DateOnly))
			return
		}
	}
	l.want(c.object(), len(waiting) == 0, "channels.activationStatus", "not confirmed: "+inOrder(waiting), "every channel confirmed: nobody is called on one that is not",
		"have the person confirm the channels in Incident Manager's console, with the code sent there")
}

// engaged judges whether a person's plan uses all their channels, at once or shortly after.
func (l *look) engaged(c contact) {
	missed := map[string]bool{}
	for _, channel := range c.channels {
		missed[aws.ToString(channel.ContactChannelArn)] = true
	}
	late := int32(0)
	if c.Plan != nil {
		begins := int32(0)
		for _, stage := range c.Plan.Stages {
			for _, target := range stage.Targets {
				if target.ChannelTargetInfo != nil {
					delete(missed, aws.ToString(target.ChannelTargetInfo.ContactChannelId))
					late = max(late, begins)
				}
			}
			begins += aws.ToInt32(stage.DurationInMinutes)
		}
	}
	l.want(c.object(), len(missed) == 0 && late <= 10, "plan", fmt.Sprintf("channels not used: %d, the last after %d minutes", len(missed), late), "every channel of the person, the last one within ten minutes", fixOnCall)
}

// plansByClass judges that each class has a plan with its response time, and returns the escalation that all engage.
func (l *look) plansByClass(plans []ssmincidents.GetResponsePlanOutput, all []contact) *contact {
	var escalation *contact
	for _, class := range incidentClasses {
		i := slices.IndexFunc(plans, func(p ssmincidents.GetResponsePlanOutput) bool {
			return p.IncidentTemplate != nil && p.IncidentTemplate.IncidentTags["incident-class"] == class.name
		})
		if i < 0 {
			l.missing("response plan for incidents of the "+class.name+" class", fmt.Sprintf("%d minutes to an engineer's answer", class.minutes), fixOnCall)
			continue
		}
		plan, template := plans[i], plans[i].IncidentTemplate
		at := object{"aws:ssmincidents/responsePlan:ResponsePlan", aws.ToString(plan.Arn)}
		minutes := template.IncidentTags["response-minutes"]
		l.want(at, minutes == fmt.Sprint(class.minutes), "incidentTemplate.incidentTags.response-minutes", minutes, fmt.Sprintf("%d minutes", class.minutes), fixOnCall)
		l.want(at, strings.Contains(aws.ToString(template.Summary), fmt.Sprintf("within %d minutes", class.minutes)), "incidentTemplate.summary", aws.ToString(template.Summary), fmt.Sprintf("says so: within %d minutes", class.minutes), fixOnCall)
		l.want(at, aws.ToInt32(template.Impact) == class.impact, "incidentTemplate.impact", aws.ToInt32(template.Impact), fmt.Sprint(class.impact), fixOnCall)
		l.want(at, aws.ToString(template.DedupeString) == "", "incidentTemplate.dedupeString", aws.ToString(template.DedupeString), "absent: a second client's incident pages too", fixOnCall)
		var engaged *contact
		if len(plan.Engagements) == 1 {
			if j := slices.IndexFunc(all, func(c contact) bool {
				return aws.ToString(c.ContactArn) == plan.Engagements[0] && c.Type == contacttypes.ContactTypeEscalation
			}); j >= 0 {
				engaged = &all[j]
			}
		}
		l.want(at, engaged != nil && (escalation == nil || escalation == engaged), "engagements", inOrder(plan.Engagements), "the escalation of the rotation", fixOnCall)
		if engaged != nil {
			escalation = engaged
		}
		told := slices.ContainsFunc(template.NotificationTargets, func(t incidenttypes.NotificationTargetItem) bool {
			topic, ok := t.(*incidenttypes.NotificationTargetItemMemberSnsTopicArn)
			return ok && strings.HasPrefix(topic.Value, "arn:aws:sns:"+l.home+":"+l.number+":")
		})
		l.want(at, told, "incidentTemplate.notificationTargets", fmt.Sprintf("the team is told: %t", told), "a topic of the account is told of the incident", fixOnCall)
	}
	return escalation
}

// stageOf is one step of an escalation: who is engaged, for how long.
type stageOf struct {
	minutes int32
	people  []string
}

// turn is the escalation in the week of the person at a place in the rotation: that person, the next, everybody.
func turn(rotation []string, first int) []stageOf {
	all := slices.Concat(rotation[first:], rotation[:first])
	return []stageOf{{10, all[:1]}, {10, all[1:2]}, {30, all}}
}

// sameStages tells whether an escalation's steps are those of a week, or faster.
func sameStages(found, want []stageOf) bool {
	return slices.EqualFunc(found, want, func(f, w stageOf) bool {
		return f.minutes > 0 && f.minutes <= w.minutes && sameTexts(f.people, w.people)
	})
}

// inWords is an escalation for people.
func inWords(stages []stageOf) string {
	var all []string
	for _, s := range stages {
		all = append(all, inOrder(s.people))
	}
	return strings.Join(all, "; then ")
}

// places are the places in the rotation whose week it is: one, or two while a handover may be under way.
func places(c spec.OnCall, now time.Time) []int {
	since := now.Sub(c.Starts.Add(handoverHour))
	if since < 0 {
		return []int{0}
	}
	weeks, n := int(since/week), len(c.Rotation)
	list := []int{weeks % n}
	if since%week < handoverRetry {
		list = append(list, max(weeks-1, 0)%n)
	}
	return list
}

// onCallNow judges that the escalation calls whoever's week it is. So it shows whether the last handover came about.
func (l *look) onCallNow(escalation contact, persons map[string]string) {
	rotation := l.subject.Organisation().OnCall
	var found []stageOf
	if escalation.Plan != nil {
		for _, stage := range escalation.Plan.Stages {
			one := stageOf{minutes: aws.ToInt32(stage.DurationInMinutes)}
			for _, target := range stage.Targets {
				if c := target.ContactTargetInfo; c != nil {
					one.people = append(one.people, personOf(persons, aws.ToString(c.ContactId), aws.ToBool(c.IsEssential)))
				}
			}
			found = append(found, one)
		}
	}
	expected := places(rotation, l.subject.Now)
	holds := slices.ContainsFunc(expected, func(place int) bool { return sameStages(found, turn(rotation.Rotation, place)) })
	l.want(escalation.object(), holds, "plan.stages", inWords(found), "this week "+inWords(turn(rotation.Rotation, expected[0]))+", ten minutes apart",
		"see why the last handover failed, in the queue of failed handovers, and correct the escalation's plan")
}

// personOf is the name of the contact that an ARN stands for.
func personOf(persons map[string]string, arn string, essential bool) string {
	name, known := persons[arn]
	switch {
	case !known:
		return "nobody of the rotation"
	case !essential:
		return name + " (an answer does not end the escalation)"
	}
	return name
}

// handovers judges that each person's week comes round: a schedule for everybody in the rotation, a week apart.
func (l *look) handovers(ctx context.Context, escalation *contact, persons map[string]string) error {
	schedules, err := l.schedules(ctx, l.home)
	if err != nil {
		return err
	}
	o := l.subject.Organisation().OnCall
	turns := map[string]bool{}
	for _, s := range schedules {
		if s.Target == nil || aws.ToString(s.Target.Arn) != updateContact {
			continue
		}
		at := scheduleObject(s)
		found, of := stagesOf(s, persons)
		first := ""
		if len(found) > 0 && len(found[0].people) > 0 {
			first = found[0].people[0]
		}
		place := slices.Index(o.Rotation, first)
		leads := escalation != nil && of == aws.ToString(escalation.ContactArn)
		holds := leads && place >= 0 && !turns[first] && sameStages(found, turn(o.Rotation, max(place, 0)))
		l.want(at, holds, "target.input", fmt.Sprintf("puts on call %s; in the escalation in force: %t", inWords(found), leads), "one person of the rotation, then the next, then everybody", fixOnCall)
		if place < 0 {
			continue
		}
		turns[first] = true
		every := fmt.Sprintf("rate(%d days)", 7*len(o.Rotation))
		l.want(at, aws.ToString(s.ScheduleExpression) == every, "scheduleExpression", aws.ToString(s.ScheduleExpression), every+": a week for each", fixOnCall)
		starts := o.Starts.Add(time.Duration(place)*week + handoverHour)
		l.want(at, aws.ToTime(s.StartDate).Equal(starts), "startDate", aws.ToTime(s.StartDate).UTC().Format(time.RFC3339), starts.UTC().Format(time.RFC3339)+", the person's first Monday", fixOnCall)
		l.want(at, s.State == schedulertypes.ScheduleStateEnabled && s.EndDate == nil, "state", string(s.State), "ENABLED, without an end", fixOnCall)
		queue := s.Target.DeadLetterConfig != nil && strings.HasPrefix(aws.ToString(s.Target.DeadLetterConfig.Arn), "arn:aws:sqs:"+l.home+":"+l.number+":")
		l.want(at, queue, "target.deadLetterConfig.arn", fmt.Sprintf("a queue of the account: %t", queue), "a queue that keeps failed handovers", fixOnCall)
	}
	for _, name := range o.Rotation {
		if !turns[name] {
			l.missing("weekly handover to "+name, "a schedule that puts everybody of the rotation on call in turn", fixOnCall)
		}
	}
	return nil
}

// stagesOf is the escalation that a schedule writes, and the contact that it writes it to.
func stagesOf(s scheduler.GetScheduleOutput, persons map[string]string) ([]stageOf, string) {
	var input struct {
		ContactID string `json:"ContactId"`
		Plan      struct {
			Stages []struct {
				DurationInMinutes int32
				Targets           []struct {
					ContactTargetInfo struct {
						ContactID   string `json:"ContactId"`
						IsEssential bool
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(s.Target.Input)), &input); err != nil {
		return nil, ""
	}
	var stages []stageOf
	for _, stage := range input.Plan.Stages {
		one := stageOf{minutes: stage.DurationInMinutes}
		for _, target := range stage.Targets {
			one.people = append(one.people, personOf(persons, target.ContactTargetInfo.ContactID, target.ContactTargetInfo.IsEssential))
		}
		stages = append(stages, one)
	}
	return stages, input.ContactID
}

// answered judges how soon an incident was answered, by its class.
func (l *look) answered(i incident) {
	limit := incidentClasses[len(incidentClasses)-1].minutes
	for _, class := range incidentClasses {
		if class.impact == aws.ToInt32(i.Impact) {
			limit = class.minutes
		}
	}
	at := object{"", "incident " + dated(i.CreationTime)}
	due := aws.ToTime(i.CreationTime).Add(time.Duration(limit) * time.Minute)
	answer := i.answered
	if answer.IsZero() {
		answer = aws.ToTime(i.ResolvedTime) // somebody dealt with it without answering a page
	}
	expected := fmt.Sprintf("within %d minutes", limit)
	switch {
	case answer.IsZero() && l.subject.Now.After(due):
		l.want(at, false, "answered", "nobody has answered", expected, "answer it, and find out why nobody was reached")
	case answer.IsZero():
		l.want(at, true, "answered", "not yet; due by "+due.UTC().Format(time.RFC3339), expected, "")
	default:
		took := answer.Sub(aws.ToTime(i.CreationTime))
		l.want(at, !answer.After(due), "answered", fmt.Sprintf("after %d minutes", int(took.Minutes())), expected, "find out why it took so long, and tell the client")
	}
}

func dated(at *time.Time) string { return "of " + aws.ToTime(at).UTC().Format(time.RFC3339) }
