// Package alerting is how the cloud tells people at once that something is
// wrong: an encrypted topic in every region that has something to say, with
// e-mail and SMS behind each of them and a Slack channel behind all (AV-7).
//
// It knows who is told and which services may speak; what is worth saying is
// decided by those who publish.
//
// E-mail addresses confirm their subscription themselves, once; the Slack
// workspace has to be authorised once in the account's AWS Chatbot console.
package alerting

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// GlobalRegion is where Route 53's health checks, Health and IAM events have their metrics and rules.
const GlobalRegion = "us-east-1"

// Args say who is told. Providers: aws, and one more for each further region.
type Args struct {
	Scope  scope.Scope
	Alerts spec.Alerts
	KeyArn pulumi.StringInput // encrypts the topic of the scope's region
	// Second is the provider of SecondRegion; nil: no topic there. SecondKeyArn encrypts it.
	Second       pulumi.ProviderResource
	SecondRegion string
	SecondKeyArn pulumi.StringInput
	// Global is the provider of us-east-1; nil: no topic there. Its key is made here: keys do not leave their region.
	Global pulumi.ProviderResource
	// Incidents lets Incident Manager publish to the topic of the scope's region.
	Incidents bool
}

// Channels are the topics that alarms and events are published to, one a region.
type Channels struct {
	pulumi.ResourceState

	TopicArn       pulumi.StringOutput
	SecondTopicArn *pulumi.StringOutput // nil without a second region
	GlobalTopicArn *pulumi.StringOutput // nil without Global
}

var (
	phonePattern = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	emailPattern = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
)

func (a Args) check() error {
	var errs []error
	if len(a.Alerts.Emails) == 0 {
		errs = append(errs, errors.New("nobody is told: give at least one e-mail address in the spec's alerts"))
	}
	for _, e := range a.Alerts.Emails {
		if !emailPattern.MatchString(e) {
			errs = append(errs, fmt.Errorf("%q is no e-mail address", e))
		}
	}
	for _, p := range a.Alerts.Phones {
		if !phonePattern.MatchString(p) {
			errs = append(errs, fmt.Errorf("%q is no phone number in E.164 form, such as +442071234567", p))
		}
	}
	if a.KeyArn == nil {
		errs = append(errs, errors.New("no key is given for the topic: pass the Alerts key"))
	}
	if a.Second != nil && (a.SecondRegion == "" || a.SecondKeyArn == nil) {
		errs = append(errs, errors.New("the second region needs its name and its key"))
	}
	return errors.Join(errs...)
}

// New makes the topics and subscribes people to them.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Channels, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("alerting %q: %w", name, err)
	}
	c := &Channels{}
	if err := ctx.RegisterComponentResourceV2("berth:alerting:Channels", name, pulumi.Map{"region": pulumi.String(args.Scope.Region)}, c, opts...); err != nil {
		return nil, err
	}
	topics := pulumi.StringArray{}
	add := func(child, region string, keyArn pulumi.StringInput, opts ...pulumi.ResourceOption) (*pulumi.StringOutput, error) {
		arn, err := topic(ctx, name+child, region, keyArn, args, append(opts, pulumi.Parent(c))...)
		if err != nil {
			return nil, fmt.Errorf("alerting %q: topic in %s: %w", name, region, err)
		}
		topics = append(topics, arn)
		return &arn, nil
	}
	arn, err := add("", args.Scope.Region, args.KeyArn)
	if err != nil {
		return nil, err
	}
	c.TopicArn = *arn
	outputs := pulumi.Map{"topicArn": c.TopicArn}
	if args.Second != nil {
		if c.SecondTopicArn, err = add("-second", args.SecondRegion, args.SecondKeyArn, pulumi.Provider(args.Second)); err != nil {
			return nil, err
		}
		outputs["secondTopicArn"] = *c.SecondTopicArn
	}
	if args.Global != nil {
		globalTopicKey, err := globalKey(ctx, name+"-global", args.Scope, pulumi.Parent(c), pulumi.Provider(args.Global))
		if err != nil {
			return nil, fmt.Errorf("alerting %q: key in %s: %w", name, GlobalRegion, err)
		}
		if c.GlobalTopicArn, err = add("-global", GlobalRegion, globalTopicKey, pulumi.Provider(args.Global)); err != nil {
			return nil, err
		}
		outputs["globalTopicArn"] = *c.GlobalTopicArn
	}
	if args.Alerts.Slack != nil {
		if err := slack(ctx, name, args, topics, pulumi.Parent(c)); err != nil {
			return nil, fmt.Errorf("alerting %q: Slack: %w", name, err)
		}
	}
	return c, ctx.RegisterResourceOutputs(c, outputs)
}

// topic makes one region's topic with its policy and its subscribers.
func topic(ctx *pulumi.Context, name, region string, keyArn pulumi.StringInput, args Args, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	s := args.Scope
	physical := s.Name(naming.Topic, "alerts")
	t, err := sns.NewTopic(ctx, name+"-topic", &sns.TopicArgs{
		Name: pulumi.String(physical), DisplayName: pulumi.String(naming.Text.Join("berth", s.Client)), KmsMasterKeyId: keyArn.ToStringOutput(),
		SignatureVersion: pulumi.Int(2), Tags: s.Tags(scope.Telemetry, physical),
	}, opts...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	if _, err := sns.NewTopicPolicy(ctx, name+"-policy", &sns.TopicPolicyArgs{
		Arn: t.Arn, Policy: policy.Document(args.speakers(region, t.Arn)...),
	}, opts...); err != nil {
		return pulumi.StringOutput{}, err
	}
	for i, email := range args.Alerts.Emails {
		if err := subscribe(ctx, name+"-email-"+strconv.Itoa(i+1), t, "email", email, opts...); err != nil {
			return pulumi.StringOutput{}, err
		}
	}
	for i, phone := range args.Alerts.Phones {
		if err := subscribe(ctx, name+"-sms-"+strconv.Itoa(i+1), t, "sms", phone, opts...); err != nil {
			return pulumi.StringOutput{}, err
		}
	}
	return t.Arn, nil
}

func subscribe(ctx *pulumi.Context, name string, t *sns.Topic, protocol, endpoint string, opts ...pulumi.ResourceOption) error {
	_, err := sns.NewTopicSubscription(ctx, name, &sns.TopicSubscriptionArgs{
		Topic: t.Arn, Protocol: pulumi.String(protocol), Endpoint: pulumi.String(endpoint),
	}, opts...)
	return err
}

// speakers are the services that may publish, each only for this account's own resources.
func (a Args) speakers(region string, topic pulumi.StringOutput) []policy.Statement {
	s := a.Scope
	publish := func(sid, service string, conditions ...policy.Condition) policy.Statement {
		return policy.Statement{Sid: sid, Principals: policy.Service(service), Actions: []string{"sns:Publish"},
			Resources: []pulumi.StringInput{topic}, Conditions: conditions}
	}
	list := []policy.Statement{
		{Sid: "DenyPlainHTTP", Effect: policy.Deny, Principals: policy.Anyone(), Actions: []string{"sns:Publish"},
			Resources:  []pulumi.StringInput{topic},
			Conditions: []policy.Condition{policy.Is("Bool", "aws:SecureTransport", "false")}},
		publish("Alarms", "cloudwatch.amazonaws.com", policy.OnlyFor(s.Account, pulumi.String(s.ARN("cloudwatch", region, "alarm:*")))...),
		// EventBridge sends the rule's ARN, which holds the account, and no aws:SourceAccount.
		publish("Events", "events.amazonaws.com", policy.Is("ArnLike", "aws:SourceArn", s.ARN("events", region, "rule/*"))),
		publish("Backups", "backup.amazonaws.com", policy.Is("StringEquals", "aws:SourceAccount", s.Account)),
		publish("Caches", "elasticache.amazonaws.com", policy.Is("StringEquals", "aws:SourceAccount", s.Account)),
		publish("Databases", "events.rds.amazonaws.com", policy.OnlyFor(s.Account, pulumi.String(s.ARN("rds", region, "*")))...),
	}
	if a.Incidents && region == s.Region {
		list = append(list, publish("Incidents", "ssm-incidents.amazonaws.com", policy.Is("StringEquals", "aws:SourceAccount", s.Account)))
	}
	return list
}

// KeyStatements let the services that speak encrypt their messages to the topic. Of these only CloudWatch says for which
// account it acts; for all of them the encryption context names the topic.
func KeyStatements(s scope.Scope, region string, services ...string) []policy.Statement {
	return []policy.Statement{{
		Sid: "Publishers", Principals: policy.Service(services...), Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: key.This(),
		Conditions: []policy.Condition{policy.Is("StringEquals", "kms:EncryptionContext:aws:sns:topicArn",
			s.ARN("sns", region, s.Name(naming.Topic, "alerts")))},
	}}
}

// globalKey encrypts the topic in us-east-1.
func globalKey(ctx *pulumi.Context, name string, s scope.Scope, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	made, err := key.New(ctx, name+"-key", key.Args{
		Scope: s, Alias: s.Name(naming.KeyAlias, "global-alerts"), Description: "Topics that carry alarms from " + GlobalRegion,
		Region: GlobalRegion, Services: []string{"sns"}, Transient: true,
		Statements: KeyStatements(s, GlobalRegion, "cloudwatch.amazonaws.com", "events.amazonaws.com"),
	}, opts...)
	return made.Arn, err
}
