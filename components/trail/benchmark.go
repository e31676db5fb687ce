package trail

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// control is one line of the CIS AWS Foundations Benchmark's chapter on monitoring.
type control struct {
	name, says, pattern string
	often               int // how many in five minutes alert; 0: the first
}

// controls are the benchmark's, in its order.
var controls = []control{
	{"unauthorised-calls", "Many calls are refused: somebody tries what they may not", `{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }`, 20},
	{"sign-in-without-second-factor", "Somebody signed in to the console without a second factor (AC-7)",
		`{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }`, 0},
	{"root-user", "The account's root user was used",
		`{ ($.userIdentity.type = "Root") && ($.userIdentity.invokedBy NOT EXISTS) && ($.eventType != "AwsServiceEvent") }`, 0},
	{"iam-policies", "A policy changed",
		`{ ($.eventSource = iam.amazonaws.com) && (($.eventName = DeleteGroupPolicy) || ($.eventName = DeleteRolePolicy) || ($.eventName = DeleteUserPolicy) || ($.eventName = PutGroupPolicy) || ($.eventName = PutRolePolicy) || ($.eventName = PutUserPolicy) || ($.eventName = CreatePolicy) || ($.eventName = DeletePolicy) || ($.eventName = CreatePolicyVersion) || ($.eventName = DeletePolicyVersion) || ($.eventName = AttachRolePolicy) || ($.eventName = DetachRolePolicy) || ($.eventName = AttachUserPolicy) || ($.eventName = DetachUserPolicy) || ($.eventName = AttachGroupPolicy) || ($.eventName = DetachGroupPolicy)) }`, 0},
	{"trail", "The audit trail's settings changed",
		`{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging) }`, 0},
	{"failed-sign-ins", "Many sign-ins failed", `{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }`, 5},
	{"keys", "An encryption key is switched off or is to be deleted",
		`{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) }`, 0},
	{"buckets", "A bucket's policy, lifecycle or replication changed",
		`{ ($.eventSource = s3.amazonaws.com) && (($.eventName = PutBucketAcl) || ($.eventName = PutBucketPolicy) || ($.eventName = PutBucketCors) || ($.eventName = PutBucketLifecycle) || ($.eventName = PutBucketReplication) || ($.eventName = DeleteBucketPolicy) || ($.eventName = DeleteBucketCors) || ($.eventName = DeleteBucketLifecycle) || ($.eventName = DeleteBucketReplication)) }`, 0},
	{"configuration-recorder", "AWS Config's recorder changed",
		`{ ($.eventSource = config.amazonaws.com) && (($.eventName = StopConfigurationRecorder) || ($.eventName = DeleteDeliveryChannel) || ($.eventName = PutDeliveryChannel) || ($.eventName = PutConfigurationRecorder)) }`, 0},
	{"security-groups", "A security group changed",
		`{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }`, 0},
	{"network-lists", "A network's access list changed",
		`{ ($.eventName = CreateNetworkAcl) || ($.eventName = CreateNetworkAclEntry) || ($.eventName = DeleteNetworkAcl) || ($.eventName = DeleteNetworkAclEntry) || ($.eventName = ReplaceNetworkAclEntry) || ($.eventName = ReplaceNetworkAclAssociation) }`, 0},
	{"gateways", "A way in or out of a network changed",
		`{ ($.eventName = CreateCustomerGateway) || ($.eventName = DeleteCustomerGateway) || ($.eventName = AttachInternetGateway) || ($.eventName = CreateInternetGateway) || ($.eventName = DeleteInternetGateway) || ($.eventName = DetachInternetGateway) }`, 0},
	{"routes", "A route changed",
		`{ ($.eventSource = ec2.amazonaws.com) && (($.eventName = CreateRoute) || ($.eventName = CreateRouteTable) || ($.eventName = ReplaceRoute) || ($.eventName = ReplaceRouteTableAssociation) || ($.eventName = DeleteRouteTable) || ($.eventName = DeleteRoute) || ($.eventName = DisassociateRouteTable)) }`, 0},
	{"networks", "A network changed",
		`{ ($.eventName = CreateVpc) || ($.eventName = DeleteVpc) || ($.eventName = ModifyVpcAttribute) || ($.eventName = AcceptVpcPeeringConnection) || ($.eventName = CreateVpcPeeringConnection) || ($.eventName = DeleteVpcPeeringConnection) || ($.eventName = RejectVpcPeeringConnection) || ($.eventName = AttachClassicLinkVpc) || ($.eventName = DetachClassicLinkVpc) || ($.eventName = DisableVpcClassicLink) || ($.eventName = EnableVpcClassicLink) }`, 0},
	{"organisation", "The organisation of accounts changed",
		`{ ($.eventSource = organizations.amazonaws.com) && (($.eventName = AcceptHandshake) || ($.eventName = AttachPolicy) || ($.eventName = CreateAccount) || ($.eventName = CreateOrganizationalUnit) || ($.eventName = CreatePolicy) || ($.eventName = DeclineHandshake) || ($.eventName = DeleteOrganization) || ($.eventName = DeleteOrganizationalUnit) || ($.eventName = DeletePolicy) || ($.eventName = DetachPolicy) || ($.eventName = DisablePolicyType) || ($.eventName = EnablePolicyType) || ($.eventName = InviteAccountToOrganization) || ($.eventName = LeaveOrganization) || ($.eventName = MoveAccount) || ($.eventName = RemoveAccountFromOrganization) || ($.eventName = UpdatePolicy) || ($.eventName = UpdateOrganizationalUnit)) }`, 0},
	// Two of our own.
	{"access-keys", "An access key was made: people have none (AC-5)", `{ ($.eventSource = iam.amazonaws.com) && ($.eventName = CreateAccessKey) }`, 0},
	{"emergency-role", "Somebody took the emergency role for databases (AC-4)",
		`{ ($.eventSource = sts.amazonaws.com) && ($.eventName = AssumeRole) && ($.requestParameters.roleArn = "*break-glass*") }`, 0},
}

const metricNamespace = "Berth/Audit"

// benchmark raises an alarm on each control, from what the log group hears.
func (b *builder) benchmark() error {
	s := b.args.Scope
	for _, c := range controls {
		if len(c.pattern) > 1024 {
			return fmt.Errorf("control %s: its pattern has %d characters, CloudWatch takes 1024", c.name, len(c.pattern))
		}
		metric := s.Name(naming.Alarm, c.name)
		filter, err := cloudwatch.NewLogMetricFilter(b.ctx, b.name+"-filter-"+c.name, &cloudwatch.LogMetricFilterArgs{
			Name: pulumi.String(s.Name(naming.MetricFilter, c.name)), LogGroupName: b.logs.Name, Pattern: pulumi.String(c.pattern),
			MetricTransformation: cloudwatch.LogMetricFilterMetricTransformationArgs{
				Namespace: pulumi.String(metricNamespace), Name: pulumi.String(metric), Value: pulumi.String("1"), DefaultValue: pulumi.String("0")},
		}, b.parent)
		if err != nil {
			return fmt.Errorf("control %s: %w", c.name, err)
		}
		if _, err := cloudwatch.NewMetricAlarm(b.ctx, b.name+"-alarm-"+c.name, &cloudwatch.MetricAlarmArgs{
			Name: pulumi.String(s.Name(naming.Alarm, "audit", c.name)), AlarmDescription: pulumi.String(c.says), Tags: s.Tags(scope.Audit, metric),
			Namespace: pulumi.String(metricNamespace), MetricName: pulumi.String(metric), Statistic: pulumi.String("Sum"),
			ComparisonOperator: pulumi.String("GreaterThanOrEqualToThreshold"), Threshold: pulumi.Float64(max(1, c.often)),
			Period: pulumi.Int(300), EvaluationPeriods: pulumi.Int(1), TreatMissingData: pulumi.String("notBreaching"),
			ActionsEnabled: pulumi.Bool(true), AlarmActions: pulumi.Array{b.args.TopicArn},
		}, b.parent, pulumi.DependsOn([]pulumi.Resource{filter})); err != nil {
			return fmt.Errorf("control %s: %w", c.name, err)
		}
	}
	return nil
}
