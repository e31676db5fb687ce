package network

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// flowLogs records every connection, taken or refused, once a minute.
func (b *builder) flowLogs(n *Network) error {
	s := b.args.Scope
	groupName := s.Path(naming.LogGroup, "network", "flow")
	group, err := cloudwatch.NewLogGroup(b.ctx, b.name+"-flow-log-group", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(groupName),
		RetentionInDays: pulumi.Int(b.args.FlowLogDays),
		KmsKeyId:        b.args.LogsKeyArn.ToStringOutput(),
		Tags:            s.Tags(scope.Audit, groupName),
	}, s.Stateful(b.child)...)
	if err != nil {
		return err
	}
	n.FlowLogGroup = group.Name

	roleName := s.Name(naming.Role, "flow-logs")
	role, err := iam.NewRole(b.ctx, b.name+"-flow-log-role", &iam.RoleArgs{
		Name:        pulumi.String(roleName),
		Description: pulumi.String("Lets the VPC write its flow logs"),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Sid: "FlowLogs", Principals: policy.Service("vpc-flow-logs.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(s.Account, pulumi.String(s.ARN("ec2", s.Region, "vpc-flow-log/*"))),
		}),
		Tags: s.Tags(scope.None, roleName),
	}, b.child)
	if err != nil {
		return err
	}
	write, err := iam.NewRolePolicy(b.ctx, b.name+"-flow-log-role-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("write-flow-logs"),
		Role: role.ID(),
		Policy: policy.Document(
			policy.Statement{
				Sid: "Write", Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
				Resources: policy.Strings(s.ARN("logs", s.Region, "log-group:"+groupName+":*")),
			},
			policy.Statement{
				Sid: "Find", Actions: []string{"logs:DescribeLogGroups"},
				Resources: policy.Strings(s.ARN("logs", s.Region, "log-group:*")),
			}),
	}, b.child)
	if err != nil {
		return err
	}
	_, err = ec2.NewFlowLog(b.ctx, b.name+"-flow-log", &ec2.FlowLogArgs{
		VpcId:                  b.vpc.ID(),
		TrafficType:            pulumi.String("ALL"),
		LogDestinationType:     pulumi.String("cloud-watch-logs"),
		LogDestination:         group.Arn,
		IamRoleArn:             role.Arn,
		MaxAggregationInterval: pulumi.Int(60),
		Tags:                   b.tags("flow-log"),
	}, b.child, pulumi.DependsOn([]pulumi.Resource{write}))
	return err
}
