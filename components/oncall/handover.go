package oncall

import (
	"fmt"
	"time"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	handoverHour = 9 // UTC: in working hours, so that a failed handover is seen by people at work
	week         = 7 * 24 * time.Hour
	// retrySeconds is how long a handover is tried before it counts as failed.
	retrySeconds   = 60 * 60
	retryAttempts  = 30
	queueSeconds   = 14 * 24 * 60 * 60 // failed handovers are kept: the most that SQS offers
	updateContact  = "arn:aws:scheduler:::aws-sdk:ssmcontacts:updateContact"
	dataKeySeconds = 300
)

// handover makes one schedule for every person, which puts that person first, once in as many weeks as there are people.
func (b *builder) handover() error {
	queue, err := b.failures()
	if err != nil {
		return fmt.Errorf("queue of failed handovers: %w", err)
	}
	s := b.args.Scope
	groupName := s.Name(naming.Schedule, "on-call")
	group, err := scheduler.NewScheduleGroup(b.ctx, b.name+"-schedules", &scheduler.ScheduleGroupArgs{
		Name: pulumi.String(groupName), Tags: s.Tags(scope.Internal, groupName)}, b.parent)
	if err != nil {
		return fmt.Errorf("schedule group: %w", err)
	}
	role, permission, err := b.role(group, queue)
	if err != nil {
		return fmt.Errorf("role of the handover: %w", err)
	}
	generation, people := b.args.generation(), len(b.contacts)
	for i, person := range b.args.OnCall.Rotation {
		// The start says in which week the person's turn is, and comes from the spec alone. It never changes under a
		// name, for the name holds the generation; should it seem to (another handover hour in a later version), the
		// schedule keeps the one it has: AWS would refuse to update it with one that has passed. For the same reason a
		// schedule that is deleted by hand cannot be made again with the old start: set onCall.starts to a Monday ahead.
		starts := b.args.OnCall.Starts.Add(time.Duration(i)*week + handoverHour*time.Hour).UTC()
		if _, err := scheduler.NewSchedule(b.ctx, b.name+"-handover-"+generation+"-"+person, &scheduler.ScheduleArgs{
			Name: pulumi.String(s.Name(naming.Schedule, "on-call", generation, person)), GroupName: group.Name,
			Description:        pulumi.String("Puts " + person + " on call"),
			ScheduleExpression: pulumi.Sprintf("rate(%d days)", 7*people), ScheduleExpressionTimezone: pulumi.String("UTC"),
			StartDate: pulumi.String(starts.Format(time.RFC3339)), State: pulumi.String("ENABLED"),
			FlexibleTimeWindow: scheduler.ScheduleFlexibleTimeWindowArgs{Mode: pulumi.String("OFF")},
			Target: scheduler.ScheduleTargetArgs{
				Arn: pulumi.String(updateContact), RoleArn: role.Arn, Input: b.turn(i),
				DeadLetterConfig: scheduler.ScheduleTargetDeadLetterConfigArgs{Arn: queue.Arn},
				RetryPolicy: scheduler.ScheduleTargetRetryPolicyArgs{
					MaximumEventAgeInSeconds: pulumi.Int(retrySeconds), MaximumRetryAttempts: pulumi.Int(retryAttempts)},
			},
		}, b.parent, pulumi.IgnoreChanges([]string{"startDate"}), pulumi.DependsOn([]pulumi.Resource{permission})); err != nil {
			return fmt.Errorf("handover to %s: %w", person, err)
		}
	}
	return nil
}

// turn is the request that puts the person at place first on call: UpdateContact of the escalation, as its API spells it.
func (b *builder) turn(first int) pulumi.StringOutput {
	list := pulumi.Array{}
	for _, stage := range stages(first, len(b.contacts)) {
		targets := pulumi.Array{}
		for _, i := range stage.people {
			targets = append(targets, pulumi.Map{"ContactTargetInfo": pulumi.Map{"ContactId": b.contacts[i], "IsEssential": pulumi.Bool(true)}})
		}
		list = append(list, pulumi.Map{"DurationInMinutes": pulumi.Int(stage.minutes), "Targets": targets})
	}
	return pulumi.JSONMarshal(pulumi.Map{"ContactId": b.escalation, "Plan": pulumi.Map{"Stages": list}})
}

// role lets the schedules rewrite the escalation, name the rotation's people in it, and report failures; nothing else.
func (b *builder) role(group *scheduler.ScheduleGroup, queue *sqs.Queue) (*iam.Role, *iam.RolePolicy, error) {
	s := b.args.Scope
	name := s.Name(naming.Role, "on-call-handover")
	role, err := iam.NewRole(b.ctx, b.name+"-handover-role", &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String("Rewrites the escalation plan once a week"), Tags: s.Tags(scope.None, name),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Principals: policy.Service("scheduler.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(s.Account, group.Arn), // a schedule speaks in the name of its group
		}),
	}, b.parent)
	if err != nil {
		return nil, nil, err
	}
	people := make([]pulumi.StringInput, len(b.contacts))
	for i, arn := range b.contacts {
		people[i] = arn
	}
	permission, err := iam.NewRolePolicy(b.ctx, b.name+"-handover-role-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("handover"), Role: role.Name, Policy: policy.Document(
			policy.Statement{Sid: "RewriteEscalation", Actions: []string{"ssm-contacts:UpdateContact"}, Resources: []pulumi.StringInput{b.escalation}},
			policy.Statement{Sid: "NamePeople", Actions: []string{"ssm-contacts:AssociateContact"}, Resources: people},
			policy.Statement{Sid: "ReportFailures", Actions: []string{"sqs:SendMessage"}, Resources: []pulumi.StringInput{queue.Arn}},
			policy.Statement{Sid: "EncryptReports", Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: []pulumi.StringInput{b.args.KeyArn},
				Conditions: []policy.Condition{policy.Is("StringEquals", "kms:ViaService", "sqs."+s.Region+".amazonaws.com")}},
		),
	}, b.parent)
	return role, permission, err
}

// failures makes the queue for handovers that failed, and the alarm that tells of the first: until somebody acts,
// last week's person stays on call.
func (b *builder) failures() (*sqs.Queue, error) {
	s := b.args.Scope
	name := s.Name(naming.Queue, "on-call-failures")
	queue, err := sqs.NewQueue(b.ctx, b.name+"-failures", &sqs.QueueArgs{
		Name: pulumi.String(name), MessageRetentionSeconds: pulumi.Int(queueSeconds), KmsMasterKeyId: b.args.KeyArn.ToStringOutput(),
		KmsDataKeyReusePeriodSeconds: pulumi.Int(dataKeySeconds), Tags: s.Tags(scope.Internal, name),
	}, b.parent)
	if err != nil {
		return nil, err
	}
	if _, err := sqs.NewQueuePolicy(b.ctx, b.name+"-failures-policy", &sqs.QueuePolicyArgs{
		QueueUrl: queue.Url, Policy: policy.Document(policy.Statement{
			Sid: "DenyPlainHTTP", Effect: policy.Deny, Principals: policy.Anyone(), Actions: []string{"sqs:*"}, Resources: []pulumi.StringInput{queue.Arn},
			Conditions: []policy.Condition{policy.Is("Bool", "aws:SecureTransport", "false")}}),
	}, b.parent); err != nil {
		return nil, err
	}
	alarm := s.Name(naming.Alarm, "on-call-handover-failed")
	b.queueArn = queue.Arn
	_, err = cloudwatch.NewMetricAlarm(b.ctx, b.name+"-failures-alarm", &cloudwatch.MetricAlarmArgs{
		Name: pulumi.String(alarm), Tags: s.Tags(scope.Telemetry, alarm),
		AlarmDescription: pulumi.String("The weekly handover failed: last week's person is still on call (OP-3). The queue " + name + " says why."),
		Namespace:        pulumi.String("AWS/SQS"), MetricName: pulumi.String("ApproximateNumberOfMessagesVisible"),
		Dimensions: pulumi.StringMap{"QueueName": queue.Name}, Statistic: pulumi.String("Maximum"), Period: pulumi.Int(300),
		EvaluationPeriods: pulumi.Int(1), ComparisonOperator: pulumi.String("GreaterThanThreshold"), Threshold: pulumi.Float64(0),
		TreatMissingData: pulumi.String("notBreaching"), AlarmActions: pulumi.Array{b.args.TopicArn}, OkActions: pulumi.Array{b.args.TopicArn},
	}, b.parent)
	return queue, err
}
