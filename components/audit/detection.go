package audit

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/guardduty"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// features are GuardDuty's, each said to be on or off: the service's own default changes with its releases.
var features = []struct{ child, name, status string }{
	{"s3", "S3_DATA_EVENTS", "ENABLED"},
	{"malware", "EBS_MALWARE_PROTECTION", "ENABLED"},
	{"databases", "RDS_LOGIN_EVENTS", "ENABLED"},
	{"runtime", "RUNTIME_MONITORING", "ENABLED"},
	{"kubernetes", "EKS_AUDIT_LOGS", "DISABLED"}, // none is in use
	{"functions", "LAMBDA_NETWORK_LOGS", "DISABLED"},
}

// detectors look for intruders in both regions and tell people of what is not minor.
func (b *builder) detectors() error {
	id, err := b.detector("", b.args.TopicArn, b.parent)
	if err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	b.audit.DetectorID = id
	if b.audit.SecondDetectorID, err = b.detector("-second", b.args.SecondTopicArn, b.parent, b.second); err != nil {
		return fmt.Errorf("detector in %s: %w", b.args.SecondRegion, err)
	}
	return nil
}

func (b *builder) detector(suffix string, topic pulumi.StringInput, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	none := pulumi.StringOutput{}
	s := b.args.Scope
	detector, err := guardduty.NewDetector(b.ctx, b.name+"-detector"+suffix, &guardduty.DetectorArgs{
		Enable: pulumi.Bool(true), FindingPublishingFrequency: pulumi.String("FIFTEEN_MINUTES"), Tags: s.Tags(scope.Audit, s.Name(naming.Text, "detector")),
	}, opts...)
	if err != nil {
		return none, err
	}
	id := detector.ID().ToStringOutput()
	for _, f := range features {
		args := &guardduty.DetectorFeatureArgs{DetectorId: id, Name: pulumi.String(f.name), Status: pulumi.String(f.status)}
		if f.name == "RUNTIME_MONITORING" { // its agent comes by itself on machines only
			for _, agent := range []struct{ name, status string }{
				{"EKS_ADDON_MANAGEMENT", "DISABLED"}, {"ECS_FARGATE_AGENT_MANAGEMENT", "DISABLED"}, {"EC2_AGENT_MANAGEMENT", "ENABLED"}} {
				list, _ := args.AdditionalConfigurations.(guardduty.DetectorFeatureAdditionalConfigurationArray)
				args.AdditionalConfigurations = append(list, guardduty.DetectorFeatureAdditionalConfigurationArgs{
					Name: pulumi.String(agent.name), Status: pulumi.String(agent.status)})
			}
		}
		if _, err := guardduty.NewDetectorFeature(b.ctx, b.name+"-detector"+suffix+"-"+f.child, args, opts...); err != nil {
			return none, fmt.Errorf("feature %s: %w", f.name, err)
		}
	}
	for _, e := range []finding{
		{"findings", "GuardDuty found something", pulumi.Map{"source": list("aws.guardduty"), "detail-type": list("GuardDuty Finding"),
			"detail": pulumi.Map{"severity": pulumi.Array{pulumi.Map{"numeric": pulumi.Array{pulumi.String(">="), pulumi.Int(4)}}}}},
			map[string]string{"type": "$.detail.type", "severity": "$.detail.severity"}, "<type>, severity <severity>."},
		{"open-doors", "The access analyzer found something open to strangers", pulumi.Map{"source": list("aws.access-analyzer"),
			"detail-type": list("Access Analyzer Finding"), "detail": pulumi.Map{"status": list("ACTIVE")}},
			map[string]string{"type": "$.detail.resourceType", "what": "$.detail.resource"}, "<type> <what>."},
	} {
		if err := b.tell(suffix, e, topic, opts...); err != nil {
			return none, fmt.Errorf("rule %s: %w", e.name, err)
		}
	}
	return id, nil
}

// finding is one kind of event that people are told of.
type finding struct {
	name, title string
	pattern     pulumi.Map
	fields      map[string]string
	text        string
}

func list(values ...string) pulumi.Input { return pulumi.ToStringArray(values) }

func (b *builder) tell(suffix string, f finding, topic pulumi.StringInput, opts ...pulumi.ResourceOption) error {
	s := b.args.Scope
	physical := s.Name(naming.EventRule, f.name)
	rule, err := cloudwatch.NewEventRule(b.ctx, b.name+"-"+f.name+suffix, &cloudwatch.EventRuleArgs{
		Name: pulumi.String(physical), Description: pulumi.String(f.title), EventPattern: pulumi.JSONMarshal(f.pattern), Tags: s.Tags(scope.Audit, physical),
	}, opts...)
	if err != nil {
		return err
	}
	paths := pulumi.StringMap{"account": pulumi.String("$.account"), "region": pulumi.String("$.region"), "time": pulumi.String("$.time")}
	for field, path := range f.fields {
		paths[field] = pulumi.String(path)
	}
	_, err = cloudwatch.NewEventTarget(b.ctx, b.name+"-"+f.name+suffix+"-target", &cloudwatch.EventTargetArgs{
		Rule: rule.Name, TargetId: pulumi.String("people"), Arn: topic,
		InputTransformer: cloudwatch.EventTargetInputTransformerArgs{InputPaths: paths, InputTemplate: pulumi.Sprintf(
			`{"version":"1.0","source":"custom","content":{"textType":"client-markdown","title":"%s: %s","description":"%s Account <account>, <region>, <time>."}}`,
			s.Client, f.title, f.text)},
	}, opts...)
	return err
}

// reminder tells people on the audit's day what to do (OP-4).
func (b *builder) reminder() error {
	s := b.args.Scope
	name := s.Name(naming.Schedule, "monthly-audit")
	roleName := s.Name(naming.Role, "monthly-audit")
	role, err := iam.NewRole(b.ctx, b.name+"-reminder-role", &iam.RoleArgs{
		Name: pulumi.String(roleName), Description: pulumi.String("The schedule reminds people of the audit"), Tags: s.Tags(scope.None, roleName),
		AssumeRolePolicy: policy.Document(policy.Statement{Principals: policy.Service("scheduler.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(s.Account, pulumi.String(s.ARN("scheduler", s.Region, "schedule-group/default")))}),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("reminder: %w", err)
	}
	granted, err := iam.NewRolePolicy(b.ctx, b.name+"-reminder-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("publish"), Role: role.Name, Policy: policy.Document(
			policy.Statement{Sid: "Publish", Actions: []string{"sns:Publish"}, Resources: []pulumi.StringInput{b.args.TopicArn}},
			policy.Statement{Sid: "Encrypt", Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: []pulumi.StringInput{b.args.AlertsKeyArn},
				Conditions: []policy.Condition{policy.Is("StringEquals", "kms:ViaService", "sns."+s.Region+".amazonaws.com")}}),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("reminder: %w", err)
	}
	message := pulumi.JSONMarshal(pulumi.Map{
		"version": pulumi.String("1.0"), "source": pulumi.String("custom"), "content": pulumi.Map{
			"textType": pulumi.String("client-markdown"), "title": pulumi.Sprintf("%s: the monthly audit is due (OP-4)", s.Client),
			"description": pulumi.String("1. Go through the findings of GuardDuty and the access analyzer.\n2. Compare staff and assignments with who works here and on what.\n" +
				"3. Look at the month's sign-ins of the root user and uses of the emergency role.\n4. Refresh every stack: what drifted, and who did it?\n" +
				"5. Check that waivers have not run out.\n6. Keep the dated report, signed, in the bucket of Pulumi's state: audits/YYYY-MM-DD/"),
		}})
	_, err = scheduler.NewSchedule(b.ctx, b.name+"-reminder", &scheduler.ScheduleArgs{
		Name: pulumi.String(name), Description: pulumi.String("Reminds people of the monthly audit"), GroupName: pulumi.String("default"),
		ScheduleExpression: pulumi.Sprintf("cron(0 8 %d * ? *)", b.args.Day), ScheduleExpressionTimezone: pulumi.String("UTC"),
		FlexibleTimeWindow: scheduler.ScheduleFlexibleTimeWindowArgs{Mode: pulumi.String("OFF")}, State: pulumi.String("ENABLED"),
		Target: scheduler.ScheduleTargetArgs{Arn: b.args.TopicArn, RoleArn: role.Arn, Input: message,
			RetryPolicy: scheduler.ScheduleTargetRetryPolicyArgs{MaximumEventAgeInSeconds: pulumi.Int(24 * 60 * 60), MaximumRetryAttempts: pulumi.Int(50)}},
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{granted}))
	if err != nil {
		return fmt.Errorf("reminder: %w", err)
	}
	return nil
}
