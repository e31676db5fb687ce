// Package trail records every call in every region of an account where nobody
// can alter it (AC-5): a CloudTrail trail with validated files into a locked
// bucket with a copy in the second region, under keys of its own, and into a log
// group in which it can be searched.
//
// Alarms on what the CIS benchmark lists tell people what it says. It knows the
// account and none of what is in it.
package trail

import (
	"errors"
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

// Args describe the trail. Providers: aws.
type Args struct {
	Scope scope.Scope
	// Days is how long each record is locked, 365 or more; LogDays how long CloudWatch keeps its own copy for searching.
	Days, LogDays int
	// Second is the provider of SecondRegion, which holds the copy. Nil: none, outside production.
	Second       pulumi.ProviderResource
	SecondRegion string
	// LogsTo and SecondLogsTo are the buckets for access logs.
	LogsTo, SecondLogsTo pulumi.StringInput
	// TopicArn is told by the alarms.
	TopicArn pulumi.StringInput
}

// Trail is in place.
type Trail struct {
	pulumi.ResourceState

	Arn            pulumi.StringOutput
	BucketName     pulumi.StringOutput
	BucketArn      pulumi.StringOutput
	CopyBucketName *pulumi.StringOutput // nil where there is no second region
	LogGroupName   pulumi.StringOutput
}

// bucketPart names the trail's buckets.
const bucketPart = "trail"

// BucketArns are the ARNs that the trail's buckets in these regions will have, for policies that guard them.
func BucketArns(s scope.Scope, regions ...string) []string {
	arns := make([]string, len(regions))
	for i, region := range regions {
		arns[i] = "arn:aws:s3:::" + s.Bucket(region, bucketPart)
	}
	return arns
}

func (a Args) check() error {
	var errs []error
	need := func(missing bool, format string, values ...any) {
		if missing {
			errs = append(errs, fmt.Errorf(format, values...))
		}
	}
	need(a.Days < 365, "the trail is locked for %d days: keep it 365 or more", a.Days)
	need(a.LogDays < 1, "the log group keeps %d days: say how long", a.LogDays)
	need((a.Second == nil) != (a.SecondRegion == "") || a.SecondRegion == a.Scope.Region, "the trail's copy needs a second region and its provider, both or none")
	need(a.LogsTo == nil || a.Second != nil && a.SecondLogsTo == nil, "reads of the trail are not logged: pass the buckets for access logs")
	need(a.TopicArn == nil, "nobody is told what the trail says: pass a topic")
	return errors.Join(errs...)
}

// New makes keys, buckets, log group and trail.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Trail, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("trail %q: %w", name, err)
	}
	t := &Trail{}
	if err := ctx.RegisterComponentResourceV2("berth:trail:Trail", name, pulumi.Map{"days": pulumi.Int(args.Days)}, t, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, args: args, trail: t, parent: pulumi.Parent(t)}
	for _, step := range []func() error{b.keys, b.buckets, b.group, b.record, b.benchmark} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("trail %q: %w", name, err)
		}
	}
	return t, ctx.RegisterResourceOutputs(t, pulumi.Map{"trailArn": t.Arn, "bucketName": t.BucketName, "logGroupName": t.LogGroupName})
}

// builder carries what every step of New needs, and what one step makes for the next.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   Args
	trail  *Trail
	parent pulumi.ResourceOption

	key, copyKey key.Key
	bucket       *bucket.Bucket
	logs         *cloudwatch.LogGroup
}

func (b *builder) trailName() string { return b.args.Scope.Name(naming.Trail, "trail") }

// trailArn is known before the trail is: whatever the trail uses trusts this one trail only.
func (b *builder) trailArn() string {
	return b.args.Scope.ARN("cloudtrail", b.args.Scope.Region, "trail/"+b.trailName())
}

func (b *builder) groupName() string { return "/" + b.args.Scope.Path(naming.LogGroup, "trail") }

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
	if err != nil || b.args.Second == nil {
		return err
	}
	b.copyKey, err = key.New(b.ctx, b.name+"-copy-key", key.Args{
		Scope: s, Alias: s.Name(naming.KeyAlias, "trail-copy"), Description: "Copy of the audit trail", Region: b.args.SecondRegion, Services: []string{"s3"},
	}, b.parent, pulumi.Provider(b.args.Second))
	return err
}

// buckets makes the locked bucket and its copy. Until the lock ends nobody can delete or alter a record, not even the
// account's root user.
func (b *builder) buckets() error {
	s := b.args.Scope
	locked := bucket.Args{
		Scope: s, Parts: []string{bucketPart}, Region: s.Region, Class: scope.Audit, KeyArn: b.key.Arn,
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
	if b.bucket, err = bucket.New(b.ctx, b.name+"-records", locked, b.parent); err != nil {
		return err
	}
	b.trail.BucketName, b.trail.BucketArn = b.bucket.ID, b.bucket.Arn
	if b.args.Second == nil {
		return nil
	}
	locked.Region, locked.KeyArn, locked.LogsTo, locked.Statements = b.args.SecondRegion, b.copyKey.Arn, b.args.SecondLogsTo, nil
	// As component children take their provider from their parent, the copy names its own.
	second, err := bucket.New(b.ctx, b.name+"-copy", locked, b.parent, pulumi.Providers(b.args.Second))
	if err != nil {
		return err
	}
	b.trail.CopyBucketName = &second.ID
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
	b.trail.LogGroupName = b.logs.Name
	return nil
}

// record makes the trail: every call in every region, and every access to objects in the account's buckets.
func (b *builder) record() error {
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
	trail, err := cloudtrail.NewTrail(b.ctx, b.name, &cloudtrail.TrailArgs{
		Name: pulumi.String(b.trailName()), S3BucketName: b.bucket.ID, KmsKeyId: b.key.Arn, Tags: s.Tags(scope.Audit, b.trailName()),
		IsMultiRegionTrail: pulumi.Bool(true), IncludeGlobalServiceEvents: pulumi.Bool(true), EnableLogFileValidation: pulumi.Bool(true), EnableLogging: pulumi.Bool(true),
		CloudWatchLogsGroupArn: pulumi.Sprintf("%s:*", b.logs.Arn), CloudWatchLogsRoleArn: role.Arn,
		InsightSelectors: cloudtrail.TrailInsightSelectorArray{
			cloudtrail.TrailInsightSelectorArgs{InsightType: pulumi.String("ApiCallRateInsight")},
			cloudtrail.TrailInsightSelectorArgs{InsightType: pulumi.String("ApiErrorRateInsight")}},
		AdvancedEventSelectors: cloudtrail.TrailAdvancedEventSelectorArray{
			cloudtrail.TrailAdvancedEventSelectorArgs{Name: pulumi.String("Every call"),
				FieldSelectors: cloudtrail.TrailAdvancedEventSelectorFieldSelectorArray{field("eventCategory", "Management")}},
			cloudtrail.TrailAdvancedEventSelectorArgs{Name: pulumi.String("Every object of every bucket"),
				FieldSelectors: cloudtrail.TrailAdvancedEventSelectorFieldSelectorArray{field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object")}},
		},
	}, b.args.Scope.Stateful(b.parent, pulumi.DependsOn([]pulumi.Resource{granted}))...)
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	b.trail.Arn = trail.Arn
	return nil
}
