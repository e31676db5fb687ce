// Package bucket is an S3 bucket as every auditor wants to find it: versioned,
// encrypted, owned by its account alone, closed to the public, reached over TLS
// only, with a lifecycle, and locked against deletion where asked. All buckets
// of all stacks are made here, so that the promises about them hold in one place.
//
// It does not know what is kept in the bucket, nor who may read it: callers add
// statements for that.
package bucket

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Retention modes of an object lock.
const (
	Governance = "GOVERNANCE" // a principal with s3:BypassGovernanceRetention may lift it
	Compliance = "COMPLIANCE" // nobody may, not even the account's root
)

// keyHeader is the condition key of the KMS key that a request asks for.
const keyHeader = "s3:x-amz-server-side-encryption-aws-kms-key-id"

// Args describe a bucket.
type Args struct {
	Scope  scope.Scope
	Parts  []string // of the physical name, such as "backup"; required
	Region string   // where the bucket lies, for its name; required
	Class  scope.DataClass
	// KeyArn of the KMS key. Nil: S3's own key (SSE-S3), only for targets of log delivery that take no other.
	KeyArn pulumi.StringInput
	// LockDays is the default retention of each object version; 0: no object lock. A change from or to 0 replaces the bucket.
	LockDays int
	// LockMode is Governance (default) or Compliance.
	LockMode  string
	Lifecycle Lifecycle
	// LogsTo is the bucket that receives this one's access logs. Nil: none, only for buckets that hold access logs.
	LogsTo pulumi.StringInput
	// Statements are added to the bucket's policy, which denies everything that is not TLS 1.2.
	Statements func(arn pulumi.StringOutput) []policy.Statement
	// ForceDestroy lets a destroy delete the bucket with its objects. Only without Scope.Protect.
	ForceDestroy bool
}

// Lifecycle counts days; 0 leaves a rule out, except for AbortUploadsDays, default 7.
type Lifecycle struct {
	ArchiveAfterDays int // to Glacier Flexible Retrieval
	DeleteAfterDays  int // of the current version
	NoncurrentDays   int // after which an overwritten or deleted version goes
	AbortUploadsDays int // after which an incomplete multipart upload goes
}

// Bucket is a bucket with all that guards it.
type Bucket struct {
	pulumi.ResourceState

	ID   pulumi.StringOutput // the name, once the bucket's policy and access block are in place
	Name pulumi.StringOutput
	Arn  pulumi.StringOutput
	// Versioning is what a replication must wait for.
	Versioning pulumi.Resource
}

// New makes the bucket.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Bucket, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("bucket %q: %w", name, err)
	}
	physical := args.Scope.Bucket(args.Region, args.Parts...)
	b := &Bucket{}
	inputs := pulumi.Map{"bucket": pulumi.String(physical), "lockDays": pulumi.Int(args.LockDays)}
	if err := ctx.RegisterComponentResourceV2("berth:bucket:Bucket", name, inputs, b, opts...); err != nil {
		return nil, err
	}
	child := pulumi.Parent(b)

	own, err := s3.NewBucketV2(ctx, name+"-bucket", &s3.BucketV2Args{
		Bucket:            pulumi.String(physical),
		ForceDestroy:      pulumi.Bool(args.ForceDestroy),
		ObjectLockEnabled: pulumi.Bool(args.LockDays > 0),
		Tags:              args.Scope.Tags(args.Class, physical),
	}, args.Scope.Stateful(child)...)
	if err != nil {
		return nil, err
	}
	b.Name, b.Arn = own.Bucket, own.Arn

	block, err := s3.NewBucketPublicAccessBlock(ctx, name+"-public-access-block", &s3.BucketPublicAccessBlockArgs{
		Bucket:                own.Bucket,
		BlockPublicAcls:       pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		RestrictPublicBuckets: pulumi.Bool(true),
	}, child)
	if err != nil {
		return nil, err
	}
	if _, err := s3.NewBucketOwnershipControls(ctx, name+"-ownership", &s3.BucketOwnershipControlsArgs{
		Bucket: own.Bucket,
		Rule:   s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, child); err != nil {
		return nil, err
	}
	versioning, err := s3.NewBucketVersioningV2(ctx, name+"-versioning", &s3.BucketVersioningV2Args{
		Bucket:                  own.Bucket,
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, child)
	if err != nil {
		return nil, err
	}
	b.Versioning = versioning
	if err := args.encryption(ctx, name, own, child); err != nil {
		return nil, err
	}
	// The access block first: S3 refuses two conflicting changes of a bucket's policy status at a time.
	guard, err := s3.NewBucketPolicy(ctx, name+"-policy", &s3.BucketPolicyArgs{
		Bucket: own.Bucket,
		Policy: policy.Document(args.statements(own.Arn)...),
	}, child, pulumi.DependsOn([]pulumi.Resource{block}))
	if err != nil {
		return nil, err
	}
	if _, err := s3.NewBucketLifecycleConfigurationV2(ctx, name+"-lifecycle", &s3.BucketLifecycleConfigurationV2Args{
		Bucket: own.Bucket,
		Rules:  args.Lifecycle.rules(),
	}, child, pulumi.DependsOn([]pulumi.Resource{versioning})); err != nil {
		return nil, err
	}
	if args.LockDays > 0 {
		if _, err := s3.NewBucketObjectLockConfigurationV2(ctx, name+"-object-lock", &s3.BucketObjectLockConfigurationV2Args{
			Bucket: own.Bucket,
			Rule: s3.BucketObjectLockConfigurationV2RuleArgs{DefaultRetention: s3.BucketObjectLockConfigurationV2RuleDefaultRetentionArgs{
				Mode: pulumi.String(args.LockMode), Days: pulumi.Int(args.LockDays),
			}},
		}, child, pulumi.DependsOn([]pulumi.Resource{versioning})); err != nil {
			return nil, err
		}
	}
	if args.LogsTo != nil {
		if _, err := s3.NewBucketLoggingV2(ctx, name+"-logging", &s3.BucketLoggingV2Args{
			Bucket: own.Bucket, TargetBucket: args.LogsTo, TargetPrefix: pulumi.String("s3/" + physical + "/"),
		}, child); err != nil {
			return nil, err
		}
	}
	b.ID = pulumi.All(own.Bucket, guard.ID()).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{"name": b.Name, "arn": b.Arn})
}

func (a *Args) check() error {
	if a.LockMode == "" {
		a.LockMode = Governance
	}
	if a.Lifecycle.AbortUploadsDays == 0 {
		a.Lifecycle.AbortUploadsDays = 7
	}
	var errs []error
	if len(a.Parts) == 0 {
		errs = append(errs, errors.New(`no parts for a name: set Parts, for example to "backup"`))
	}
	if a.Region == "" {
		errs = append(errs, errors.New("no region: set Region to where the provider makes the bucket"))
	}
	if a.Class == "" {
		errs = append(errs, errors.New("no data class: set Class, so that the bucket's tags say what it holds"))
	}
	if a.LockMode != Governance && a.LockMode != Compliance {
		errs = append(errs, fmt.Errorf("lock mode is %q: use %s or %s", a.LockMode, Governance, Compliance))
	}
	if a.ForceDestroy && a.Scope.Protect {
		errs = append(errs, errors.New("ForceDestroy on a protected stack: leave it off where Scope.Protect is on"))
	}
	if l := a.Lifecycle; l.ArchiveAfterDays > 0 && l.DeleteAfterDays > 0 && l.DeleteAfterDays <= l.ArchiveAfterDays {
		errs = append(errs, fmt.Errorf("objects go to the archive after %d days and are deleted after %d: delete later than archive",
			l.ArchiveAfterDays, l.DeleteAfterDays))
	}
	return errors.Join(errs...)
}

func (a *Args) encryption(ctx *pulumi.Context, name string, own *s3.BucketV2, child pulumi.ResourceOption) error {
	byDefault := s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{SseAlgorithm: pulumi.String("AES256")}
	if a.KeyArn != nil {
		byDefault.SseAlgorithm = pulumi.String("aws:kms")
		byDefault.KmsMasterKeyId = a.KeyArn.ToStringOutput().ToStringPtrOutput()
	}
	_, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, name+"-encryption", &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: own.Bucket,
		Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: byDefault,
			BucketKeyEnabled:                   pulumi.Bool(a.KeyArn != nil),
		}},
	}, child)
	return err
}

func (a *Args) statements(arn pulumi.StringOutput) []policy.Statement {
	objects := pulumi.Sprintf("%s/*", arn)
	all := policy.TLSOnly(arn, objects)
	if a.KeyArn != nil {
		all = append(all, policy.Statement{
			Sid: "DenyOtherKeys", Effect: policy.Deny, Principals: policy.Anyone(), Actions: []string{"s3:PutObject"},
			Resources: []pulumi.StringInput{objects},
			// Whoever names no key gets the bucket's own.
			Conditions: []policy.Condition{
				policy.When("StringNotEquals", keyHeader, a.KeyArn), policy.Is("Null", keyHeader, "false"),
			},
		})
	}
	if a.Statements != nil {
		all = append(all, a.Statements(arn)...)
	}
	return all
}

func (l Lifecycle) rules() s3.BucketLifecycleConfigurationV2RuleArray {
	everything := s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")}
	rules := s3.BucketLifecycleConfigurationV2RuleArray{s3.BucketLifecycleConfigurationV2RuleArgs{
		Id: pulumi.String("abort-incomplete-uploads"), Status: pulumi.String("Enabled"), Filter: everything,
		AbortIncompleteMultipartUpload: s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
			DaysAfterInitiation: pulumi.Int(l.AbortUploadsDays)},
	}}
	if l.ArchiveAfterDays > 0 {
		rules = append(rules, s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("archive"), Status: pulumi.String("Enabled"), Filter: everything,
			Transitions: s3.BucketLifecycleConfigurationV2RuleTransitionArray{s3.BucketLifecycleConfigurationV2RuleTransitionArgs{
				Days: pulumi.Int(l.ArchiveAfterDays), StorageClass: pulumi.String("GLACIER")}},
		})
	}
	if l.DeleteAfterDays > 0 {
		rules = append(rules, s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("delete"), Status: pulumi.String("Enabled"), Filter: everything,
			Expiration: s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(l.DeleteAfterDays)},
		})
	}
	if l.ArchiveAfterDays > 0 && l.NoncurrentDays > l.ArchiveAfterDays {
		rules = append(rules, s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("archive-old-versions"), Status: pulumi.String("Enabled"), Filter: everything,
			NoncurrentVersionTransitions: s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionTransitionArray{
				s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionTransitionArgs{
					NoncurrentDays: pulumi.Int(l.ArchiveAfterDays), StorageClass: pulumi.String("GLACIER")}},
		})
	}
	if l.NoncurrentDays > 0 {
		rules = append(rules, s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("delete-old-versions"), Status: pulumi.String("Enabled"), Filter: everything,
			NoncurrentVersionExpiration: s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(l.NoncurrentDays)},
		})
	}
	return rules
}

// LogTarget makes a bucket that receives access logs from AWS's log delivery. S3's own key encrypts it,
// since log delivery takes no other.
func LogTarget(ctx *pulumi.Context, name string, s scope.Scope, region string, keepDays int, statements func(arn pulumi.StringOutput) []policy.Statement, opts ...pulumi.ResourceOption) (*Bucket, error) {
	return New(ctx, name, Args{
		Scope: s, Parts: []string{"access-logs"}, Region: region, Class: scope.Audit,
		Lifecycle: Lifecycle{DeleteAfterDays: keepDays, NoncurrentDays: 30},
		Statements: func(arn pulumi.StringOutput) []policy.Statement {
			// Any bucket of the account may log here; S3 says on whose behalf it writes.
			all := []policy.Statement{{
				Sid: "AllowServerAccessLogs", Principals: policy.Service("logging.s3.amazonaws.com"), Actions: []string{"s3:PutObject"},
				Resources:  []pulumi.StringInput{pulumi.Sprintf("%s/s3/*", arn)},
				Conditions: policy.OnlyFor(s.Account, pulumi.String(fmt.Sprintf("arn:aws:s3:::%s*", naming.Bucket.Join("berth", s.Client)))),
			}}
			if statements != nil {
				all = append(all, statements(arn)...)
			}
			return all
		},
	}, opts...)
}
