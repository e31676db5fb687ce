package audit

import (
	"fmt"

	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/replication"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudtrail"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// keys makes the trail's own key, and its copy's.
func (b *builder) keys() error {
	s := b.args.Scope
	trails := []policy.Condition{
		policy.Is("StringEquals", "aws:SourceArn", b.trailArn()),
		policy.Is("StringLike", "kms:EncryptionContext:aws:cloudtrail:arn", s.ARN("cloudtrail", "*", "trail/*")),
	}
	var err error
	b.key, err = key.New(b.ctx, b.name+"-key", key.Args{
		Scope: s, Alias: s.Name(naming.KeyAlias, "trail"), Description: "Audit trail", Region: s.Region, Services: []string{"s3"},
		Statements: []policy.Statement{
			{Sid: "TrailEncrypts", Principals: policy.Service("cloudtrail.amazonaws.com"), Actions: []string{"kms:GenerateDataKey"},
				Resources: key.This(), Conditions: trails},
			{Sid: "TrailLooks", Principals: policy.Service("cloudtrail.amazonaws.com"), Actions: []string{"kms:DescribeKey"},
				Resources: key.This(), Conditions: trails[:1]},
			{Sid: "LogGroup", Principals: policy.Service("logs." + s.Region + ".amazonaws.com"), Resources: key.This(),
				Actions: []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"},
				Conditions: []policy.Condition{policy.Is("ArnEquals", "kms:EncryptionContext:aws:logs:arn",
					s.ARN("logs", s.Region, "log-group:"+b.groupName()))}},
		},
	}, b.parent)
	if err != nil {
		return err
	}
	b.copyKey, err = key.New(b.ctx, b.name+"-copy-key", key.Args{
		Scope: s, Alias: s.Name(naming.KeyAlias, "trail-copy"), Description: "Copy of the audit trail", Region: b.args.SecondRegion, Services: []string{"s3"},
	}, b.parent, b.second)
	return err
}

// buckets makes the locked bucket and its copy. Until the lock ends nobody can delete or alter a record, not even the
// account's root user.
func (b *builder) buckets() error {
	s := b.args.Scope
	locked := bucket.Args{
		Scope: s, Parts: BucketParts(), Region: s.Region, Class: scope.Audit, KeyArn: b.key.Arn,
		LockDays: b.args.Days, LockMode: bucket.Compliance,
		Lifecycle: bucket.Lifecycle{ArchiveAfterDays: 90, DeleteAfterDays: b.args.Days + 30, NoncurrentDays: 30},
		LogsTo:    b.args.LogsTo,
		Statements: func(arn pulumi.StringOutput) []policy.Statement {
			only := policy.OnlyFor(s.Account, pulumi.String(b.trailArn()))
			return []policy.Statement{
				{Sid: "TrailLooks", Principals: policy.Service("cloudtrail.amazonaws.com"), Actions: []string{"s3:GetBucketAcl"},
					Resources: []pulumi.StringInput{arn}, Conditions: only},
				{Sid: "TrailWrites", Principals: policy.Service("cloudtrail.amazonaws.com"), Actions: []string{"s3:PutObject"},
					Resources:  []pulumi.StringInput{pulumi.Sprintf("%s/AWSLogs/%s/*", arn, s.Account)},
					Conditions: append(only, policy.Is("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control"))},
			}
		},
	}
	var err error
	if b.bucket, err = bucket.New(b.ctx, b.name+"-trail", locked, b.parent); err != nil {
		return err
	}
	locked.Region, locked.KeyArn, locked.LogsTo, locked.Statements = b.args.SecondRegion, b.copyKey.Arn, b.args.SecondLogsTo, nil
	// As component children take their provider from their parent, the copy names its own.
	second, err := bucket.New(b.ctx, b.name+"-trail-copy", locked, b.parent, pulumi.Providers(b.args.Second))
	if err != nil {
		return err
	}
	b.audit.BucketName, b.audit.BucketArn, b.audit.CopyBucketName = b.bucket.ID, b.bucket.Arn, second.ID
	_, err = replication.New(b.ctx, b.name+"-replication", replication.Args{Scope: s, What: "trail",
		From: replication.Side{Region: s.Region, Name: b.bucket.Name, Arn: b.bucket.Arn, KeyArn: b.key.Arn, VersioningOn: b.bucket.Versioning},
		To:   replication.Side{Region: b.args.SecondRegion, Name: second.Name, Arn: second.Arn, KeyArn: b.copyKey.Arn, VersioningOn: second.Versioning},
	}, b.parent)
	return err
}

// group keeps the trail where it can be searched, for the alarms and for people.
func (b *builder) group() error {
	var err error
	b.logs, err = cloudwatch.NewLogGroup(b.ctx, b.name+"-logs", &cloudwatch.LogGroupArgs{
		Name: pulumi.String(b.groupName()), RetentionInDays: pulumi.Int(b.args.LogDays), KmsKeyId: b.key.Arn,
		Tags: b.args.Scope.Tags(scope.Audit, b.groupName()),
	}, b.args.Scope.Stateful(b.parent)...)
	if err != nil {
		return fmt.Errorf("log group: %w", err)
	}
	b.audit.LogGroupName = b.logs.Name
	return nil
}

// trail records every call in every region, and every access to the buckets that matter most.
func (b *builder) trail() error {
	s := b.args.Scope
	roleName := s.Name(naming.Role, "trail-logs")
	role, err := iam.NewRole(b.ctx, b.name+"-logs-role", &iam.RoleArgs{
		Name: pulumi.String(roleName), Description: pulumi.String("The trail writes to its log group"), Tags: s.Tags(scope.Audit, roleName),
		AssumeRolePolicy: policy.Document(policy.Statement{Principals: policy.Service("cloudtrail.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(s.Account, pulumi.String(b.trailArn()))}),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("role of the trail: %w", err)
	}
	stream := s.ARN("logs", s.Region, fmt.Sprintf("log-group:%s:log-stream:%s_CloudTrail_%s*", b.groupName(), s.Account, s.Region))
	granted, err := iam.NewRolePolicy(b.ctx, b.name+"-logs-role-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("write"), Role: role.Name, Policy: policy.Document(policy.Statement{
			Sid: "Write", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resources: policy.Strings(stream)}),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("role of the trail: %w", err)
	}
	field := func(name string, equals ...string) cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs {
		return cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs{Field: pulumi.String(name), Equals: pulumi.ToStringArray(equals)}
	}
	var objects pulumi.StringArray
	for _, arn := range append([]pulumi.StringInput{b.bucket.Arn}, b.args.Watched...) {
		objects = append(objects, pulumi.Sprintf("%s/", arn))
	}
	trail, err := cloudtrail.NewTrail(b.ctx, b.name+"-trail", &cloudtrail.TrailArgs{
		Name: pulumi.String(b.trailName()), S3BucketName: b.bucket.ID, KmsKeyId: b.key.Arn, Tags: s.Tags(scope.Audit, b.trailName()),
		IsMultiRegionTrail: pulumi.Bool(true), IncludeGlobalServiceEvents: pulumi.Bool(true), EnableLogFileValidation: pulumi.Bool(true), EnableLogging: pulumi.Bool(true),
		CloudWatchLogsGroupArn: pulumi.Sprintf("%s:*", b.logs.Arn), CloudWatchLogsRoleArn: role.Arn,
		InsightSelectors: cloudtrail.TrailInsightSelectorArray{
			cloudtrail.TrailInsightSelectorArgs{InsightType: pulumi.String("ApiCallRateInsight")},
			cloudtrail.TrailInsightSelectorArgs{InsightType: pulumi.String("ApiErrorRateInsight")}},
		AdvancedEventSelectors: cloudtrail.TrailAdvancedEventSelectorArray{
			cloudtrail.TrailAdvancedEventSelectorArgs{Name: pulumi.String("Every call"),
				FieldSelectors: cloudtrail.TrailAdvancedEventSelectorFieldSelectorArray{field("eventCategory", "Management")}},
			cloudtrail.TrailAdvancedEventSelectorArgs{Name: pulumi.String("Objects of the buckets that matter most"),
				FieldSelectors: cloudtrail.TrailAdvancedEventSelectorFieldSelectorArray{
					field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object"),
					cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs{Field: pulumi.String("resources.ARN"), StartsWiths: objects}}},
		},
	}, b.args.Scope.Stateful(b.parent, pulumi.DependsOn([]pulumi.Resource{granted}))...)
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	b.audit.TrailArn = trail.Arn
	return nil
}
