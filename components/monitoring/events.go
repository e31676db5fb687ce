package monitoring

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// event is one kind of the cloud's own warnings and how it is told.
type event struct {
	name, title string
	source      string
	types       []string
	detail      pulumi.Map         // what else has to fit; nil: anything
	resources   pulumi.StringArray // ARNs that it is about; nil: any
	// fields are put into the message; none may hold a quotation mark, which would break it.
	fields map[string]string
	text   string // with <field> for each of fields
}

func oneOf(values ...string) pulumi.Input { return pulumi.ToStringArray(values) }

// fieldsOfCalls describe an API call as CloudTrail reports it.
var fieldsOfCalls = map[string]string{"call": "$.detail.eventName", "who": "$.detail.userIdentity.arn", "from": "$.detail.sourceIPAddress"}

// happenings are what is watched here. Failed backups and the database's own events are reported by the components that own them.
func (a Args) happenings() []event {
	list := []event{
		{name: "machines", title: "A machine could not be replaced", source: "aws.autoscaling",
			types: []string{"EC2 Instance Launch Unsuccessful", "EC2 Instance Terminate Unsuccessful",
				"EC2 Auto Scaling Instance Refresh Failed", "EC2 Auto Scaling Instance Refresh Cancelled"},
			detail: pulumi.Map{"AutoScalingGroupName": pulumi.StringArray{a.Machines.GroupName}},
			fields: map[string]string{"what": "$.detail.AutoScalingGroupName", "type": "$.detail-type"}, text: "<what>: <type>."},
		{name: "health", title: "AWS reports an issue that touches this account", source: "aws.health", types: []string{"AWS Health Event"},
			detail: pulumi.Map{"eventTypeCategory": oneOf("issue", "scheduledChange", "investigation")},
			fields: map[string]string{"service": "$.detail.service", "code": "$.detail.eventTypeCode"}, text: "<service>: <code>."},
		// CloudTrail's calls reach EventBridge only where the account has a trail.
		{name: "keys", title: "Somebody touches an encryption key", source: "aws.kms", types: []string{"AWS API Call via CloudTrail"},
			detail: pulumi.Map{"eventSource": oneOf("kms.amazonaws.com"),
				"eventName": oneOf("DisableKey", "DisableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial")},
			fields: fieldsOfCalls, text: "<call> by <who> from <from>."},
		vaults(),
	}
	if a.CertificateArn != nil {
		list = append(list, event{name: "certificate", title: "The certificate runs out and was not renewed", source: "aws.acm",
			types:     []string{"ACM Certificate Approaching Expiration", "ACM Certificate Expired", "ACM Certificate Renewal Action Required"},
			resources: pulumi.StringArray{a.CertificateArn},
			fields:    map[string]string{"what": "$.resources[0]", "type": "$.detail-type"}, text: "<what>: <type>."})
	}
	return list
}

// vaults is what is watched wherever there are backups.
func vaults() event {
	return event{name: "vaults", title: "Somebody touches the backups", source: "aws.backup", types: []string{"AWS API Call via CloudTrail"},
		detail: pulumi.Map{"eventSource": oneOf("backup.amazonaws.com"),
			"eventName": oneOf("DeleteBackupPlan", "DeleteBackupSelection", "DeleteBackupVault", "DeleteBackupVaultAccessPolicy",
				"DeleteBackupVaultLockConfiguration", "DeleteRecoveryPoint", "PutBackupVaultAccessPolicy", "UpdateRecoveryPointLifecycle")},
		fields: fieldsOfCalls, text: "<call> by <who> from <from>."}
}

// events carries the cloud's own warnings to people.
func (b builder) events() error {
	for _, e := range b.args.happenings() {
		if err := b.event(e, e.name, b.args.TopicArn, b.parent); err != nil {
			return err
		}
	}
	if b.args.Second == nil {
		return nil
	}
	return b.event(vaults(), "second-vaults", b.args.SecondTopicArn, b.parent, pulumi.Provider(b.args.Second))
}

func (b builder) event(e event, name string, topic pulumi.StringInput, opts ...pulumi.ResourceOption) error {
	pattern := pulumi.Map{"source": oneOf(e.source), "detail-type": oneOf(e.types...)}
	if e.detail != nil {
		pattern["detail"] = e.detail
	}
	if e.resources != nil {
		pattern["resources"] = e.resources
	}
	physical := b.args.Scope.Name(naming.EventRule, name)
	rule, err := cloudwatch.NewEventRule(b.ctx, b.name+"-event-"+name, &cloudwatch.EventRuleArgs{
		Name: pulumi.String(physical), Description: pulumi.String(e.title), EventPattern: pulumi.JSONMarshal(pattern),
		Tags: b.args.Scope.Tags(scope.Telemetry, physical),
	}, opts...)
	if err != nil {
		return fmt.Errorf("event rule %s: %w", name, err)
	}
	if _, err := cloudwatch.NewEventTarget(b.ctx, b.name+"-event-"+name+"-target", &cloudwatch.EventTargetArgs{
		Rule: rule.Name, TargetId: pulumi.String("people"), Arn: topic, InputTransformer: e.message(b.args.Scope),
		RetryPolicy: cloudwatch.EventTargetRetryPolicyArgs{MaximumEventAgeInSeconds: pulumi.Int(hour), MaximumRetryAttempts: pulumi.Int(10)},
	}, opts...); err != nil {
		return fmt.Errorf("event target %s: %w", name, err)
	}
	return nil
}

// message writes the event as AWS Chatbot's custom notification: Slack drops what has another form, mail shows any.
func (e event) message(s scope.Scope) cloudwatch.EventTargetInputTransformerArgs {
	paths := pulumi.StringMap{"account": pulumi.String("$.account"), "region": pulumi.String("$.region"), "time": pulumi.String("$.time")}
	for field, path := range e.fields {
		paths[field] = pulumi.String(path)
	}
	return cloudwatch.EventTargetInputTransformerArgs{InputPaths: paths, InputTemplate: pulumi.Sprintf(
		`{"version":"1.0","source":"custom","content":{"textType":"client-markdown","title":"%s, %s: %s","description":"%s Account <account>, <region>, <time>."}}`,
		s.Client, s.Environment, e.title, e.text)}
}
