package alerting

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/chatbot"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// slack posts every topic's messages to the channel. Whoever writes there can ask for alarms and graphs and nothing
// else: the same policy is the role's only one and the guard rail over it.
func slack(ctx *pulumi.Context, name string, args Args, topics pulumi.StringArray, opts ...pulumi.ResourceOption) error {
	s := args.Scope
	roleName := s.Name(naming.Role, "alerts-slack")
	role, err := iam.NewRole(ctx, name+"-slack-role", &iam.RoleArgs{
		Name: pulumi.String(roleName), Description: pulumi.String("AWS Chatbot shows alarms in Slack"), Tags: s.Tags(scope.Telemetry, roleName),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Principals: policy.Service("chatbot.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(s.Account, pulumi.String(s.ARN("chatbot", "", "chat-configuration/slack-channel/*"))),
		}),
	}, opts...)
	if err != nil {
		return err
	}
	policyName := s.Name(naming.Policy, "alerts-slack")
	readOnly, err := iam.NewPolicy(ctx, name+"-slack-policy", &iam.PolicyArgs{
		Name: pulumi.String(policyName), Description: pulumi.String("Read alarms and their graphs"), Tags: s.Tags(scope.Telemetry, policyName),
		Policy: policy.Document(
			policy.Statement{Sid: "ReadAlarms", Actions: []string{"cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms"},
				Resources: policy.Strings(s.ARN("cloudwatch", "*", "alarm:*"))},
			// These know no resources.
			policy.Statement{Sid: "DrawGraphs", Actions: []string{"cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics",
				"cloudwatch:GetMetricWidgetImage", "cloudwatch:ListMetrics"}, Resources: policy.Strings("*")},
		),
	}, opts...)
	if err != nil {
		return err
	}
	if _, err := iam.NewRolePolicyAttachment(ctx, name+"-slack-attachment", &iam.RolePolicyAttachmentArgs{
		Role: role.Name, PolicyArn: readOnly.Arn,
	}, opts...); err != nil {
		return err
	}
	configuration := s.Name(naming.Chatbot, "alerts")
	_, err = chatbot.NewSlackChannelConfiguration(ctx, name+"-slack", &chatbot.SlackChannelConfigurationArgs{
		ConfigurationName: pulumi.String(configuration), IamRoleArn: role.Arn, GuardrailPolicyArns: pulumi.StringArray{readOnly.Arn},
		SlackTeamId: pulumi.String(args.Alerts.Slack.WorkspaceID), SlackChannelId: pulumi.String(args.Alerts.Slack.ChannelID),
		SnsTopicArns: topics, LoggingLevel: pulumi.String("ERROR"), UserAuthorizationRequired: pulumi.Bool(true),
		Tags: s.Tags(scope.Telemetry, configuration),
	}, opts...)
	return err
}
