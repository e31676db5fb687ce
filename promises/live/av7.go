package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

const (
	confirming = 3 * 24 * time.Hour // in which an address has to confirm that it wants to be told

	fixAlarms   = "mend the alarm in components/monitoring, catalogue.go"
	fixAlerting = "mend the topics in components/alerting"
	fixConfirm  = "have each addressee follow the link in AWS's mail; `pulumi up` sends another where it has run out"
)

// teamIsAlerted looks at AV-7: whether what may fail is watched, and what the watch says reaches people. Nothing is sent.
func teamIsAlerted(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	w := watcher{look: l, client: client, topics: map[string][]topic{}, alarmed: map[string]alarms{}, judged: map[string]bool{}}
	regions := distinct(append(l.regions(), global))
	// What one part cannot read is kept for the end: another may be found broken all the same.
	var errs []error
	for _, region := range regions {
		errs = append(errs, w.readTopics(ctx, region))
	}
	for _, region := range regions {
		errs = append(errs, w.readAlarms(ctx, region))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	errs = append(errs, w.service(ctx), w.data(ctx), w.outside(ctx), w.events(ctx), w.warnings(ctx))
	for _, region := range regions {
		w.otherAlarms(region)
	}
	for _, region := range regions {
		errs = append(errs, w.phones(ctx, region))
	}
	errs = append(errs, w.slack(ctx))
	return errors.Join(errs...)
}

// watcher judges what is watched and who is told.
type watcher struct {
	*look
	client  *spec.AWSClient
	topics  map[string][]topic // of the stack, by region
	alarmed map[string]alarms  // by region
	judged  map[string]bool    // ARNs of alarms that a watch was found in
}

func (w watcher) readTopics(ctx context.Context, region string) error {
	topics, err := w.ourTopics(ctx, region)
	if err != nil {
		return err
	}
	w.topics[region] = topics
	if len(topics) == 0 {
		w.missing("topic in "+region, "a topic in each region that the stack has resources in, for alarms do not leave their region", fixAlerting)
	}
	for _, t := range topics {
		o := object{topicType, t.arn}
		if err := w.subscribers(ctx, region, t, "email", "e-mail address", "alerts.emails", w.client.Alerts.Emails); err != nil {
			return err
		}
		if err := w.subscribers(ctx, region, t, "sms", "phone", "alerts.phones", w.client.Alerts.Phones); err != nil {
			return err
		}
		w.speakers(o, t)
		id := t.attributes["KmsMasterKeyId"]
		if id == "" {
			continue // whether it is encrypted is DP-4's
		}
		state, err := w.keyState(ctx, region, id)
		if err != nil {
			return err
		}
		w.want(o, id != "alias/aws/sns" && state == "Enabled", "kmsMasterKeyId", state, "an enabled key of the account's own: without it, or with SNS's, no alarm is delivered", fixAlerting)
	}
	return nil
}

// subscribers tells whether each address of the spec is subscribed, confirmed and not filtered. Addresses are persons':
// findings count them.
func (w watcher) subscribers(ctx context.Context, region string, t topic, protocol, noun, key string, people []string) error {
	reached, pending := 0, 0
	for _, person := range people {
		waits, told := false, false
		for _, s := range t.subscriptions {
			if aws.ToString(s.Protocol) != protocol || !strings.EqualFold(aws.ToString(s.Endpoint), person) {
				continue
			}
			arn := aws.ToString(s.SubscriptionArn)
			if !strings.HasPrefix(arn, "arn:") { // PendingConfirmation, or Deleted
				waits = waits || arn == "PendingConfirmation"
				continue
			}
			filter, err := w.subscriptionFilter(ctx, region, arn)
			if err != nil {
				return err
			}
			told = told || filter == "" || filter == "{}"
		}
		switch {
		case told:
			reached++
		case waits:
			pending++
		}
	}
	o := object{topicType, t.arn}
	found := fmt.Sprintf("%d of %d told by %s", reached, len(people), protocol)
	if pending > 0 {
		found += fmt.Sprintf(", %d did not confirm yet", pending)
		made, err := w.born(ctx)
		if err != nil {
			return err
		}
		if reached+pending == len(people) && w.younger(&made, confirming) {
			w.tooEarly("topic %s in %s: %s; every addressee has to follow the link in AWS's mail by %s", w.called(o), region, found, when(made.Add(confirming)))
			return nil
		}
	}
	w.want(o, reached == len(people), "subscriptions."+protocol, found, "each "+noun+" of "+key+", confirmed and told of everything without a filter",
		fixConfirm+"; or list it under "+key+" in the client's spec")
	return nil
}

// speakers tells whether alarms may be published to a topic, and only services that act for this account may publish.
func (w watcher) speakers(o object, t topic) {
	const fix = "mend the topic's policy in components/alerting"
	document, err := policy.Parse(t.attributes["Policy"])
	if err != nil {
		w.want(o, false, "policy", "a policy that cannot be read", "a policy that names who may publish", fix)
		return
	}
	alarms := false
	for _, st := range document.Allows() {
		services := st.Principals["Service"]
		bound := slices.ContainsFunc(st.Conditions, func(c policy.Condition) bool {
			own := c.Key == "aws:SourceAccount" || c.Key == "aws:SourceArn"
			return own && len(c.Values) > 0 && !slices.ContainsFunc(c.Values, func(v string) bool { return !strings.Contains(v, w.number) })
		})
		exact := len(st.Principals) == 1 && len(services) > 0 && slices.Equal(st.Actions, []string{"sns:Publish"}) && len(st.NotActions) == 0 && bound
		w.want(o, exact, "policy", "statement "+st.Sid+" for "+joined(services), "services that may publish for this account alone, and may do nothing else", fix)
		alarms = alarms || exact && slices.Contains(services, "cloudwatch.amazonaws.com")
	}
	found := "alarms may not be published"
	if alarms {
		found = "alarms may be published"
	}
	w.want(o, alarms, "policy", found, "cloudwatch.amazonaws.com may publish alarms of this account and region", fix)
}

// phones tells whether SMS reaches each phone of the spec: AWS keeps it back in the sandbox of a new account, and from
// owners who answered STOP.
func (w watcher) phones(ctx context.Context, region string) error {
	if len(w.client.Alerts.Phones) == 0 || len(w.topics[region]) == 0 {
		return nil
	}
	sms, err := w.textMessages(ctx, region)
	if err != nil {
		return err
	}
	reached := 0
	for _, phone := range w.client.Alerts.Phones {
		if !sms.optedOut[phone] && (!sms.sandbox || sms.verified[phone]) {
			reached++
		}
	}
	found := fmt.Sprintf("%d of %d reached by SMS", reached, len(w.client.Alerts.Phones))
	if sms.sandbox {
		found += ", in AWS's SMS sandbox"
	}
	for _, t := range w.topics[region] {
		w.want(object{topicType, t.arn}, reached == len(w.client.Alerts.Phones), "subscriptions.sms.delivery", found, "no phone that AWS keeps SMS from",
			"ask AWS to take the account out of the SMS sandbox in "+region+", or verify the phones there; opt phones in again that answered STOP")
	}
	return nil
}

// slack tells whether each topic's messages are posted to the spec's channel.
func (w watcher) slack(ctx context.Context) error {
	want := w.client.Alerts.Slack
	if want == nil {
		return nil
	}
	const fix = "set alerts.slack in the client's spec, authorise the workspace in AWS Chatbot's console, or mend components/alerting, slack.go"
	channels, err := w.slackChannels(ctx)
	if err != nil {
		return err
	}
	posted := map[string]bool{}
	for _, c := range channels {
		if aws.ToString(c.SlackTeamId) != want.WorkspaceID || aws.ToString(c.SlackChannelId) != want.ChannelID {
			continue
		}
		state := aws.ToString(c.State)
		w.want(object{chatType, aws.ToString(c.ChatConfigurationArn)}, state == "" || strings.EqualFold(state, "ENABLED"), "state", state, "enabled", fix)
		for _, arn := range c.SnsTopicArns {
			posted[arn] = true
		}
	}
	for _, region := range distinct(append(w.regions(), global)) {
		for _, t := range w.topics[region] {
			found := "nothing posts its messages to the channel"
			if posted[t.arn] {
				found = "posted to channel " + want.ChannelID
			}
			w.want(object{topicType, t.arn}, posted[t.arn], "subscriptions.slack", found, "posted to the Slack channel of alerts.slack", fix)
		}
	}
	return nil
}

// events tells whether the databases' own events reach people.
func (w watcher) events(ctx context.Context) error {
	databases, err := w.databases(ctx, w.home)
	if err != nil {
		return err
	}
	clusters, err := w.dbClusters(ctx, w.home)
	if err != nil {
		return err
	}
	subscriptions, err := w.dbSubscriptions(ctx, w.home)
	if err != nil {
		return err
	}
	for _, db := range databases {
		w.heard(object{databaseType, aws.ToString(db.DBInstanceArn)}, aws.ToString(db.DBInstanceIdentifier), "db-instance", subscriptions,
			"availability", "configuration change", "failover", "failure", "low storage", "maintenance", "notification")
	}
	for _, c := range clusters {
		w.heard(object{documentsType, aws.ToString(c.DBClusterArn)}, aws.ToString(c.DBClusterIdentifier), "db-cluster", subscriptions, "failover", "failure", "maintenance", "notification")
	}
	return nil
}

func (w watcher) heard(o object, id, kind string, subscriptions []rdstypes.EventSubscription, least ...string) {
	heard := map[string]bool{}
	for _, s := range subscriptions {
		of := aws.ToString(s.SourceType) == kind && (len(s.SourceIdsList) == 0 || slices.Contains(s.SourceIdsList, id)) || aws.ToString(s.SourceType) == ""
		if !of || !aws.ToBool(s.Enabled) || !w.topicHere(w.home, aws.ToString(s.SnsTopicArn)) {
			continue
		}
		for _, category := range least {
			heard[category] = heard[category] || len(s.EventCategoriesList) == 0 || slices.Contains(s.EventCategoriesList, category)
		}
	}
	silent := slices.DeleteFunc(slices.Clone(least), func(category string) bool { return heard[category] })
	w.want(o, len(silent) == 0, "eventCategories", "nobody is told of: "+joined(silent), "a subscription to its events that a topic of the stack hears: "+strings.Join(least, ", "),
		"mend the event subscription in the database's component")
}

// topicHere tells whether an ARN is that of a topic of the stack in a region.
func (w watcher) topicHere(region, arn string) bool {
	return slices.ContainsFunc(w.topics[region], func(t topic) bool { return t.arn == arn })
}
