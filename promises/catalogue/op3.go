package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// incidentClass is a class of incidents and how soon an engineer answers one.
type incidentClass struct {
	name    string
	minutes string
	impact  float64 // as Incident Manager counts: 1 is critical
	covers  string
}

var incidentClasses = []incidentClass{
	{"first", "120", 1, "outages, messages not sending, security breaches, regulatory or contractual matters"},
	{"second", "360", 2, "malformed, corrupted or missing data, performance, high-impact issues"},
	{"third", "2880", 3, "the product does not operate as designed, below the other classes"},
}

// OP3 is how soon incidents are answered, and by whom.
func (catalogue) OP3() promises.Promise {
	return promises.Promise{
		ID:    "OP-3",
		Title: "Incidents answered by class, at any hour",
		Sentence: "Your incidents have three classes with response times: 120 minutes for outages, security breaches and the like, 6 hours for wrong or missing data " +
			"and slowness, 48 hours for the rest. They go to an operations engineer, out of hours to whoever is on call that week.",
		Duties: map[promises.Hosting]promises.Duty{promises.Organisation: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			list := []promises.Parameter{
				{Name: "response, first class", Value: "120 minutes"}, {Name: "response, second class", Value: "6 hours"}, {Name: "response, third class", Value: "48 hours"},
			}
			rotation := "weekly"
			if people := len(organisationSpec(s).OnCall.Rotation); people > 0 {
				rotation = fmt.Sprintf("weekly, among %d people", people)
			}
			return append(list, promises.Parameter{Name: "on-call rotation", Value: rotation, Key: "onCall.rotation"})
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "response plans, escalation, contacts and the weekly handover in the graph are compared with the rotation in the spec, person by person"},
			{Level: promises.Live, How: "plans, contacts with their confirmed channels, the handovers and whose week it is are read back from Incident Manager, with the " +
				"time to the first answer of each incident of the last 31 days; no test incident is opened"},
		},
		Keywords: []string{
			"incident response time", "incident classes", "on-call", "incident severity", "response time", "out of hours incident",
			"response times contract", "incident handled weekend", "incident escalation", "respond incident", "on-call engineer", "report an incident",
			"incident management", "how quickly respond incident", "react to outage at weekend", "urgent problem at night", "severity levels",
			"out of hours support", "escalation", "service level response", "priority levels", "pager", "support hours", "emergency contact",
			"incident response", "response times", "24/7 support", "incident classification", "sla response time", "incident escalation procedure",
		},
		Check: func(s promises.Subject, r *promises.Report) {
			persons := contacts(s, r)
			escalation := responsePlans(s, r)
			if escalation != nil {
				wantEscalation(s, r, escalation, persons)
				handovers(s, r, escalation, persons)
			}
			incidentStore(s, r)
			alertTopics(s, r)
		},
	}
}

const (
	contactType  = "aws:ssmcontacts/contact:Contact"
	planType     = "aws:ssmcontacts/plan:Plan"
	responseType = "aws:ssmincidents/responsePlan:ResponsePlan"
)

const fixOnCall = "change onCall.rotation and staff in the organisation's spec; the component on-call makes it from them"

// contacts judges that everybody in the rotation can be reached by mail, message and call. They come by name.
func contacts(s promises.Subject, r *promises.Report) map[string]*graph.Resource {
	o := s.Organisation()
	persons := map[string]*graph.Resource{}
	for _, contact := range s.Graph.OfType(contactType) {
		if contact.Text("type") != "PERSONAL" {
			continue
		}
		name := contact.Text("displayName")
		r.Want(contact, slices.Contains(o.OnCall.Rotation, name), "displayName", "one of the rotation: "+listed(o.OnCall.Rotation), fixOnCall)
		persons[name] = contact
	}
	for _, name := range o.OnCall.Rotation {
		contact := persons[name]
		if contact == nil {
			r.Missing("contact for "+name, "everybody in the rotation can be reached", fixOnCall)
			continue
		}
		i := slices.IndexFunc(o.Staff, func(p spec.Person) bool { return p.Name == name })
		if i < 0 {
			continue // the spec itself refuses that
		}
		want := []string{"EMAIL " + o.Staff[i].Email, "SMS " + o.Staff[i].Phone, "VOICE " + o.Staff[i].Phone}
		var found []string
		channels := contact.Referrers("contactId", "aws:ssmcontacts/contactChannel:ContactChannel")
		for _, channel := range channels {
			found = append(found, channel.Text("type")+" "+channel.Text("deliveryAddress.simpleAddress"))
		}
		r.Say(contact, sameTexts(found, want), fmt.Sprintf("reached by %d channels, as in the spec: %t", len(found), sameTexts(found, want)), "reached by the e-mail address and the phone of the spec: mail, message and call", fixOnCall)
		wantEngaged(r, contact, channels)
	}
	return persons
}

// wantEngaged reports whether a person's plan uses all their channels, at once or shortly after.
func wantEngaged(r *promises.Report, contact *graph.Resource, channels []*graph.Resource) {
	const fix = "correct components/oncall/contacts.go"
	plans := r.Must(contact.Referrers("contactId", planType), "plan for "+contact.Text("displayName"), "messages first, then a call", fix)
	for _, plan := range plans {
		var engaged []*graph.Resource
		minutes, prompt := 0.0, true
		for i, stage := range plan.Items("stages") {
			length, _ := stage.Number("durationInMinutes")
			minutes += length
			for _, target := range stage.Items("targets") {
				if channel := target.Ref("channelTargetInfo.contactChannelId", "aws:ssmcontacts/contactChannel:ContactChannel"); channel != nil {
					engaged = append(engaged, channel)
				}
				again, given := target.Number("channelTargetInfo.retryIntervalInMinutes")
				prompt = prompt && length <= 10 && (!given || again <= 5) && (i == 0 || minutes-length <= 10)
			}
		}
		missed := slices.DeleteFunc(slices.Clone(channels), func(channel *graph.Resource) bool { return slices.Contains(engaged, channel) })
		r.Say(plan, len(missed) == 0 && prompt, fmt.Sprintf("channels not used: %d, within ten minutes: %t", len(missed), prompt), "every channel of the person, the last one within ten minutes", fix)
	}
}

// responsePlans judges that each class has a plan with its response time, and returns the escalation that all engage.
func responsePlans(s promises.Subject, r *promises.Report) *graph.Resource {
	const fix = "correct components/oncall/response.go"
	var escalation *graph.Resource
	for _, class := range incidentClasses {
		var plan *graph.Resource
		for _, one := range s.Graph.OfType(responseType) {
			if one.Text("incidentTemplate.incidentTags.incident-class") == class.name {
				plan = one
			}
		}
		if plan == nil {
			r.Missing("response plan for incidents of the "+class.name+" class", class.minutes+" minutes to an engineer's answer", fix)
			continue
		}
		r.Want(plan, plan.Text("incidentTemplate.incidentTags.response-minutes") == class.minutes, "incidentTemplate.incidentTags.response-minutes", class.minutes+" minutes", fix)
		summary := plan.Text("incidentTemplate.summary")
		r.Want(plan, strings.Contains(summary, class.covers) && strings.Contains(summary, "within "+class.minutes+" minutes"), "incidentTemplate.summary", "what the class covers, and "+class.minutes+" minutes", fix)
		impact, _ := plan.Number("incidentTemplate.impact")
		r.Want(plan, impact == class.impact, "incidentTemplate.impact", fmt.Sprintf("%g", class.impact), fix)
		r.Want(plan, !plan.Has("incidentTemplate.dedupeString"), "incidentTemplate.dedupeString", "absent: a second client's incident pages too", fix)
		engaged := plan.Refs("engagements", contactType)
		holds := len(engaged) == 1 && engaged[0].Text("type") == "ESCALATION" && (escalation == nil || escalation == engaged[0])
		r.Want(plan, holds, "engagements", "the escalation of the rotation", fix)
		if holds {
			escalation = engaged[0]
		}
		told := false
		for _, target := range plan.Items("incidentTemplate.notificationTargets") {
			told = told || target.Ref("snsTopicArn", typeTopic) != nil
		}
		r.Say(plan, told, fmt.Sprintf("the team is told: %t", told), "the team is told of the incident", fix)
	}
	return escalation
}

// stageOf is one step of an escalation: who is engaged, for how long.
type stageOf struct {
	minutes float64
	people  []string
}

// turn is the escalation in the week of the person at a place in the rotation: that person, the next, everybody.
func turn(rotation []string, first int) []stageOf {
	all := append(slices.Clone(rotation[first:]), rotation[:first]...)
	return []stageOf{{10, all[:1]}, {10, all[1:2]}, {30, all}}
}

// wantStages reports whether an escalation's steps are those of a week.
func wantStages(r *promises.Report, of *graph.Resource, found, want []stageOf) {
	same := len(found) == len(want)
	var texts []string
	for i, stage := range found {
		texts = append(texts, listed(stage.people))
		same = same && i < len(want) && stage.minutes > 0 && stage.minutes <= want[i].minutes && sameTexts(stage.people, want[i].people)
	}
	var expected []string
	for _, stage := range want {
		expected = append(expected, listed(stage.people))
	}
	r.Say(of, same, "engages "+strings.Join(texts, "; then "), "engages "+strings.Join(expected, "; then ")+", ten minutes apart", fixOnCall)
}

// wantEscalation reports whether the escalation is that of one of the rotation's weeks.
func wantEscalation(s promises.Subject, r *promises.Report, escalation *graph.Resource, persons map[string]*graph.Resource) {
	plans := r.Must(escalation.Referrers("contactId", planType), "plan of the escalation", "who is engaged when, until somebody answers", fixOnCall)
	for _, plan := range plans {
		var found []stageOf
		for _, stage := range plan.Items("stages") {
			minutes, _ := stage.Number("durationInMinutes")
			one := stageOf{minutes: minutes}
			for _, target := range stage.Items("targets") {
				one.people = append(one.people, personOf(persons, target.Text("contactTargetInfo.contactId"), target.Bool("contactTargetInfo.isEssential")))
			}
			found = append(found, one)
		}
		rotation, place := s.Organisation().OnCall.Rotation, 0
		if len(found) > 0 && len(found[0].people) > 0 {
			place = max(slices.Index(rotation, found[0].people[0]), 0) // whose week it is, once handovers have begun
		}
		wantStages(r, plan, found, turn(rotation, place))
	}
}

// personOf is the name of the contact that an ARN stands for.
func personOf(persons map[string]*graph.Resource, arn string, essential bool) string {
	for name, contact := range persons {
		if contact.Goes(arn) {
			if !essential {
				return name + " (an answer does not end the escalation)"
			}
			return name
		}
	}
	return "nobody of the rotation"
}

// incidentStore judges that incidents are kept in both regions, so that they can be worked on when one is lost.
func incidentStore(s promises.Subject, r *promises.Report) {
	const fix = "correct components/oncall/oncall.go"
	o := s.Organisation()
	sets := r.Must(s.Graph.OfType("aws:ssmincidents/replicationSet:ReplicationSet"), "replication of incidents", "incidents kept in both regions", fix)
	for _, set := range sets {
		var regions []string
		for _, region := range set.Items("regions") {
			key := region.Ref("kmsKeyArn", typeKey)
			if key == nil || key.Region() != region.Text("name") {
				r.Say(set, false, "no key of the stack in "+region.Text("name"), "a key of its own in each region", fix)
				continue
			}
			wantKeyKept(s, r, key, true)
			regions = append(regions, region.Text("name"))
		}
		r.Say(set, sameTexts(regions, []string{o.AWS.Region, o.AWS.SecondRegion}), "kept in "+listed(regions), "kept in "+o.AWS.Region+" and "+o.AWS.SecondRegion, fix)
		wantProtected(r, set)
	}
}

// mayPublish tells whether a topic's policy, and the key that encrypts it, let a service publish for the account.
func mayPublish(topic *graph.Resource, service, account string) bool {
	policies := topic.Referrers("arn", "aws:sns/topicPolicy:TopicPolicy")
	key := topic.Ref("kmsMasterKeyId", typeKey)
	if len(policies) != 1 || key == nil || key.Region() != topic.Region() {
		return false
	}
	document, err := policy.Parse(policies[0].Text("policy"))
	keyDocument, keyErr := policy.Parse(key.Text("policy"))
	if err != nil || keyErr != nil {
		return false
	}
	publishes := slices.ContainsFunc(document.Allows(), func(statement policy.Statement) bool {
		owner, _ := statement.Condition("StringEquals", "aws:SourceAccount")
		source, _ := statement.Condition("ArnLike", "aws:SourceArn")
		own := slices.Equal(owner, []string{account}) || len(source) == 1 && strings.Contains(source[0], ":"+account+":")
		return slices.Contains(statement.Principals["Service"], service) && statement.Covers("sns:Publish") && own && slices.ContainsFunc(statement.Resources, topic.Goes)
	})
	encrypts := slices.ContainsFunc(keyDocument.Allows(), func(statement policy.Statement) bool {
		context, _ := statement.Condition("StringEquals", "kms:EncryptionContext:aws:sns:topicArn")
		own := len(context) == 1 && (topic.Goes(context[0]) || strings.HasSuffix(context[0], ":"+account+":"+topic.Text("name")))
		return slices.Contains(statement.Principals["Service"], service) && statement.Covers("kms:GenerateDataKey") && statement.Covers("kms:Decrypt") && own
	})
	return publishes && encrypts
}

// alertTopics judges that what the organisation's own alarms and incidents say comes to people, by every channel.
func alertTopics(s promises.Subject, r *promises.Report) {
	const fix = "change alerts in the organisation's spec; components/alerting makes the topics from it"
	o := s.Organisation()
	account := o.AWS.Account
	var want []string
	for _, email := range o.Alerts.Emails {
		want = append(want, "email "+email)
	}
	for _, phone := range o.Alerts.Phones {
		want = append(want, "sms "+phone)
	}
	for _, channel := range s.Graph.OfType("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration") {
		r.Want(channel, len(channel.Refs("snsTopicArns", typeTopic)) == len(channel.Texts("snsTopicArns")), "snsTopicArns", "topics of the stack", fix)
	}
	topics := r.Must(s.Graph.OfType(typeTopic), "alert topic", "a topic that people are subscribed to", fix)
	for _, topic := range topics {
		if key := topic.Ref("kmsMasterKeyId", typeKey); key != nil {
			wantKeyPolicy(s, r, key)
		}
		var found []string
		for _, subscription := range topic.Referrers("topic", "aws:sns/topicSubscription:TopicSubscription") {
			if !subscription.Has("filterPolicy") {
				found = append(found, subscription.Text("protocol")+" "+subscription.Text("endpoint"))
			}
		}
		version, _ := topic.Number("signatureVersion")
		r.Want(topic, version == 2, "signatureVersion", "2: messages are signed with SHA-256", "correct components/alerting/alerting.go")
		r.Say(topic, sameTexts(found, want), fmt.Sprintf("%d subscriptions, as in the spec: %t", len(found), sameTexts(found, want)), "everybody whom alerts in the spec names, and nobody else", fix)
		if o.Alerts.Slack != nil {
			shown := slices.ContainsFunc(s.Graph.OfType("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"), func(c *graph.Resource) bool {
				return c.Text("slackChannelId") == o.Alerts.Slack.ChannelID && c.Text("slackTeamId") == o.Alerts.Slack.WorkspaceID && slices.ContainsFunc(c.Texts("snsTopicArns"), topic.Goes)
			})
			r.Say(topic, shown, fmt.Sprintf("shown in Slack: %t", shown), "shown in the Slack channel of the spec", fix)
		}
		services := []string{"cloudwatch.amazonaws.com", "events.amazonaws.com"}
		if len(topicOfResponses(s)) > 0 && slices.Contains(topicOfResponses(s), topic) {
			services = append(services, "ssm-incidents.amazonaws.com")
		}
		mute := slices.DeleteFunc(services, func(service string) bool { return mayPublish(topic, service, account) })
		r.Say(topic, len(mute) == 0, "may not publish: "+listed(mute), "alarms, events and incidents of the account reach it, through its key as well", "correct components/alerting/alerting.go")
		for _, p := range topic.Referrers("arn", "aws:sns/topicPolicy:TopicPolicy") {
			document, err := policy.Parse(p.Text("policy"))
			open := err != nil
			for _, statement := range document.Allows() {
				bound := !slices.ContainsFunc(statement.Principals["Service"], func(service string) bool { return !publishesFor(statement, service, account) }) && !slices.ContainsFunc(statement.Resources, func(arn string) bool { return !topic.Goes(arn) })
				open = open || slices.ContainsFunc(statement.Principals["Service"], wild) || len(statement.Principals["Service"]) == 0 || len(statement.Principals) > 1 || !bound || !slices.Equal(statement.Actions, []string{"sns:Publish"})
			}
			r.Want(p, !open, "policy", "services of the account publish, and nobody else", "correct components/alerting/alerting.go")
			r.Want(p, !overPlainHTTP(document, "sns:Publish", topic), "policy", "nothing over plain HTTP", "correct components/alerting/alerting.go")
		}
	}
}

// callers say by which conditions a service's call can be bound to the account; whoever is not named here sends the
// account alone.
var callers = map[string]struct{ account, arn bool }{
	"cloudwatch.amazonaws.com": {true, true}, "events.rds.amazonaws.com": {true, true}, "events.amazonaws.com": {false, true},
}

// publishesFor tells whether a statement is bound to what a service does for the account.
func publishesFor(statement policy.Statement, service, account string) bool {
	by, known := callers[service]
	if !known {
		by.account = true
	}
	owner, _ := statement.Condition("StringEquals", "aws:SourceAccount")
	source, _ := statement.Condition("ArnLike", "aws:SourceArn")
	return (!by.account || slices.Equal(owner, []string{account})) && (!by.arn || len(source) == 1 && strings.Contains(source[0], ":"+account+":"))
}

// overPlainHTTP tells whether a policy lets an action on a resource come without TLS.
func overPlainHTTP(document policy.Document, action string, on *graph.Resource) bool {
	return !slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
		return d.Everyone() && d.Covers(action) && len(d.Conditions) == 1 && len(lacks(d, is("Bool", "aws:SecureTransport", "false"))) == 0 && slices.ContainsFunc(d.Resources, on.Goes)
	})
}

// topicOfResponses are the topics that response plans tell.
func topicOfResponses(s promises.Subject) []*graph.Resource {
	var topics []*graph.Resource
	for _, plan := range s.Graph.OfType(responseType) {
		for _, target := range plan.Items("incidentTemplate.notificationTargets") {
			if topic := target.Ref("snsTopicArn", typeTopic); topic != nil {
				topics = append(topics, topic)
			}
		}
	}
	return topics
}
