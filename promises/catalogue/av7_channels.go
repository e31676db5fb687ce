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

// channels judges whether what is published to the topics reaches people.
type channels struct {
	*promises.Report
	subject promises.Subject
	client  *spec.AWSClient
}

func (c channels) all() {
	const expected = "a topic in each region that the stack has resources in, for alarms do not leave their region"
	topics := c.subject.Graph.OfType(typeTopic)
	for _, region := range c.regions() {
		here := slices.ContainsFunc(topics, func(t *graph.Resource) bool { return t.Region() == region })
		if !here {
			c.Missing("topic in "+region, expected, fixAlerting)
		}
	}
	if c.subject.Production() {
		if len(c.client.Alerts.Phones) == 0 {
			c.Missing("phone that is told by SMS", "all three channels in production: e-mail, SMS and Slack", "add alerts.phones to the client's spec")
		}
		if c.client.Alerts.Slack == nil {
			c.Missing("Slack channel", "all three channels in production: e-mail, SMS and Slack", "add alerts.slack to the client's spec")
		}
	}
	for _, topic := range topics {
		c.subscribers(topic)
		c.slack(topic)
		c.publishers(topic)
	}
}

// regions are those that AWS resources of the stack are in, in order.
func (c channels) regions() []string {
	var regions []string
	for _, r := range c.subject.Graph.Clouds() {
		if region := r.Region(); region != "" && strings.HasPrefix(r.Type, "aws:") {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// subscribers reports whether each address and phone of the spec is subscribed to a topic. Addresses are persons': the
// report counts them.
func (c channels) subscribers(topic *graph.Resource) {
	for _, channel := range []struct {
		protocol, noun, key string
		people              []string
	}{
		{"email", "e-mail address", "alerts.emails", c.client.Alerts.Emails},
		{"sms", "phone", "alerts.phones", c.client.Alerts.Phones},
	} {
		reached := 0
		for _, person := range channel.people {
			if slices.ContainsFunc(topic.Referrers("topic", "aws:sns/topicSubscription:TopicSubscription"), func(s *graph.Resource) bool {
				return s.Region() == topic.Region() && s.Text("protocol") == channel.protocol && strings.EqualFold(s.Text("endpoint"), person) && !s.Has("filterPolicy")
			}) {
				reached++
			}
		}
		c.Say(topic, reached == len(channel.people), fmt.Sprintf("%d of %d told by %s", reached, len(channel.people), channel.protocol),
			"each "+channel.noun+" of "+channel.key+", told of everything without a filter", "list it under "+channel.key+" in the client's spec, and "+fixAlerting)
	}
}

// slack reports whether a topic's messages are posted to the spec's channel.
func (c channels) slack(topic *graph.Resource) {
	want := c.client.Alerts.Slack
	if want == nil {
		return
	}
	const fix = "set alerts.slack in the client's spec, or mend components/alerting, slack.go"
	posts := topic.Referrers("snsTopicArns", "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration")
	if len(posts) == 0 {
		c.Say(topic, false, "nothing posts its messages to Slack", "posted to the Slack channel of alerts.slack", fix)
		return
	}
	for _, post := range posts {
		c.Want(post, post.Text("slackTeamId") == want.WorkspaceID, "slackTeamId", "the workspace of alerts.slack, "+want.WorkspaceID, fix)
		c.Want(post, post.Text("slackChannelId") == want.ChannelID, "slackChannelId", "the channel of alerts.slack, "+want.ChannelID, fix)
		role := post.Ref("iamRoleArn", typeRole)
		account := c.client.AWS.Account
		ask := policyCall{service: "chatbot.amazonaws.com", action: "sts:AssumeRole", context: map[string]string{
			"aws:SourceAccount": account, "aws:SourceArn": "arn:aws:chatbot::" + account + ":chat-configuration/slack-channel/" + post.Text("configurationName")}}
		may := role != nil && ask.granted(role.Text("assumeRolePolicy"))
		c.Say(post, may, "role "+namesOf([]*graph.Resource{role}), "a role of this stack that AWS Chatbot may take for this configuration", fix)
	}
}

// publisher is a service that speaks to topics, and what it says of itself when it does. What a service does not send
// cannot meet a condition: its messages would be dropped without a word.
type publisher struct {
	service, does         string
	property              string   // that names the topic
	types                 []string // of what makes the service speak
	account, source       bool     // it sends aws:SourceAccount and aws:SourceArn to the topic
	accountKey, sourceKey bool     // … and to the topic's key
	arn                   string   // of the source, after the partition
}

var publishers = []publisher{
	{service: "cloudwatch.amazonaws.com", does: "alarms", property: "alarmActions", types: []string{typeAlarm, typeComposite},
		account: true, source: true, accountKey: true, sourceKey: true, arn: "cloudwatch:%s:%s:alarm:name"},
	// EventBridge sends the rule's ARN, which holds the account, and no account besides.
	{service: "events.amazonaws.com", does: "events", property: "arn", types: []string{typeEventTarget}, source: true, arn: "events:%s:%s:rule/name"},
	{service: "events.rds.amazonaws.com", does: "databases' events", property: "snsTopic", types: []string{"aws:rds/eventSubscription:EventSubscription"},
		account: true, source: true, arn: "rds:%s:%s:es:name"},
	{service: "events.rds.amazonaws.com", does: "document databases' events", property: "snsTopicArn", types: []string{"aws:docdb/eventSubscription:EventSubscription"},
		account: true, source: true, arn: "rds:%s:%s:es:name"},
	{service: "elasticache.amazonaws.com", does: "caches' events", property: "notificationTopicArn", types: []string{typeCache}, account: true, arn: "elasticache:%s:%s:name"},
	{service: "backup.amazonaws.com", does: "backups' events", property: "snsTopicArn", types: []string{"aws:backup/vaultNotifications:VaultNotifications"},
		account: true, arn: "backup:%s:%s:name"},
}

// publishers reports whether the services that have the topic as their target may publish to it, and may use its key.
func (c channels) publishers(topic *graph.Resource) {
	var policies []string
	for _, attached := range topic.Referrers("arn", typeTopicPolicy) {
		policies = append(policies, attached.Text("policy"))
	}
	if topic.Has("policy") {
		policies = append(policies, topic.Text("policy"))
	}
	for _, text := range policies {
		c.speakers(topic, text)
	}
	version, _ := topic.Number("signatureVersion")
	c.Want(topic, version == 2, "signatureVersion", "2: messages are signed with SHA-256", "set signatureVersion in components/alerting")
	key := topic.Ref("kmsMasterKeyId", typeKey)
	if key == nil && topic.Has("kmsMasterKeyId") {
		c.Want(topic, false, "kmsMasterKeyId", "a key of this stack: no service may use SNS's own", fixAlerting)
	}
	for _, p := range publishers {
		if len(topic.Referrers(p.property, p.types...)) == 0 {
			continue
		}
		ask := policyCall{service: p.service, action: "sns:Publish", context: p.context(c.client.AWS.Account, topic.Region(), p.account, p.source),
			on: func(pattern string) bool {
				return topic.Goes(pattern) || policy.Matches(pattern, answered(topic, "arn"))
			}}
		may := len(policies) == 1 && ask.granted(policies[0])
		found := "may publish"
		if !may {
			found = "may not publish"
		}
		c.Say(topic, may, p.service+" "+found, p.service+" may publish "+p.does+" of this account and region", "mend the topic's policy in components/alerting")
		if key != nil {
			c.key(topic, key, p)
		}
	}
}

// speakers reports whether nobody but services that act for this account may publish: an alarm that anybody can raise is
// soon heard by nobody.
func (c channels) speakers(topic *graph.Resource, text string) {
	const fix = "mend the topic's policy in components/alerting"
	document, err := policy.Parse(text)
	if err != nil {
		c.Say(topic, false, "a policy that cannot be read", "a policy that names who may publish", fix)
		return
	}
	for _, st := range document.Allows() {
		exact := slices.Equal(st.Actions, []string{"sns:Publish"}) && len(st.Resources) > 0 && len(st.Principals) == 1 && len(st.Principals["Service"]) == 1
		for _, resource := range st.Resources {
			exact = exact && (topic.Goes(resource) || resource == answered(topic, "arn"))
		}
		exact = exact && slices.ContainsFunc(publishers, func(p publisher) bool {
			return slices.Contains(st.Principals["Service"], p.service) && p.bound(st, c.client.AWS.Account, topic.Region())
		})
		c.Say(topic, exact, "statement "+st.Sid+" for "+strings.Join(st.Principals["Service"], ", "),
			"one service that may publish to this topic, for this account and region alone, and may do nothing else", fix)
	}
}

// bound tells whether a statement holds the service to this account's own resources, by all that the service says of itself.
func (p publisher) bound(st policy.Statement, account, region string) bool {
	accounts, byAccount := st.Condition("StringEquals", "aws:SourceAccount")
	sources, bySource := st.Condition("ArnLike", "aws:SourceArn")
	prefix := "arn:aws:" + strings.SplitN(p.arn, ":", 2)[0] + ":" + region + ":" + account + ":"
	own := len(sources) > 0 && !slices.ContainsFunc(sources, func(arn string) bool { return !strings.HasPrefix(arn, prefix) })
	return (!p.account || byAccount && slices.Equal(accounts, []string{account})) && (!p.source || bySource && own)
}

// key reports whether a service may encrypt its messages to a topic.
func (c channels) key(topic, key *graph.Resource, p publisher) {
	account, region := c.client.AWS.Account, topic.Region()
	context := p.context(account, region, p.accountKey, p.sourceKey)
	context["kms:EncryptionContext:aws:sns:topicArn"] = fmt.Sprintf("arn:aws:sns:%s:%s:%s", region, account, topic.Text("name"))
	may := key.Region() == region
	for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
		may = may && policyCall{service: p.service, action: action, context: context}.granted(key.Text("policy"))
	}
	found := "may use it"
	if !may {
		found = "may not use it"
	}
	c.Say(key, may, p.service+" "+found, p.service+" may use the key for "+p.does+" to "+topic.Name, "mend the key's policy in components/encryption, plan.go, or components/alerting")
}

// context is what the service says of itself.
func (p publisher) context(account, region string, sendsAccount, sendsSource bool) map[string]string {
	context := map[string]string{"aws:SecureTransport": "true"}
	if sendsAccount {
		context["aws:SourceAccount"] = account
	}
	if sendsSource {
		context["aws:SourceArn"] = "arn:aws:" + fmt.Sprintf(p.arn, region, account)
	}
	return context
}
