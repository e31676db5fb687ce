// Package replication copies a bucket into another region as it is written,
// with a role that can do that and nothing else. Both buckets must be
// versioned. Deletions are not copied: what is deleted by mistake, or by an
// intruder, is still in the copy.
//
// It knows two buckets and their keys, and not what is in them.
package replication

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RuleID is the name of the one rule, as metrics give it.
const RuleID = "all"

// Side is one of the two buckets.
type Side struct {
	Region       string
	Name, Arn    pulumi.StringInput
	KeyArn       pulumi.StringInput
	VersioningOn pulumi.Resource // replication must wait for it
}

// Args describe a replication. The provider is the source's.
type Args struct {
	Scope    scope.Scope
	What     string // of the role's name, such as "trail"
	From, To Side
}

// Replication is in place.
type Replication struct {
	pulumi.ResourceState

	RoleArn pulumi.StringOutput
}

func (a Args) check() error {
	var errs []error
	if a.What == "" {
		errs = append(errs, errors.New("what is replicated is not said: the role is named after it"))
	}
	for what, side := range map[string]Side{"source": a.From, "destination": a.To} {
		if side.Region == "" || side.Name == nil || side.Arn == nil || side.KeyArn == nil || side.VersioningOn == nil {
			errs = append(errs, fmt.Errorf("the %s needs region, name, ARN, key and versioning", what))
		}
	}
	if len(errs) == 0 && a.From.Region == a.To.Region {
		errs = append(errs, fmt.Errorf("both buckets are in %s: copy to another region", a.From.Region))
	}
	return errors.Join(errs...)
}

// New makes the role and the replication.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Replication, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("replication %q: %w", name, err)
	}
	r := &Replication{}
	if err := ctx.RegisterComponentResourceV2("berth:replication:Replication", name,
		pulumi.Map{"from": args.From.Name, "to": args.To.Name}, r, opts...); err != nil {
		return nil, err
	}
	child := pulumi.Parent(r)
	s := args.Scope
	roleName := s.Name(naming.Role, args.What, "replication")
	role, err := iam.NewRole(ctx, name+"-role", &iam.RoleArgs{
		Name: pulumi.String(roleName), Description: pulumi.Sprintf("S3 copies %s to %s", args.What, args.To.Region), Tags: s.Tags(scope.None, roleName),
		AssumeRolePolicy: policy.Document(policy.Statement{Principals: policy.Service("s3.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(s.Account, args.From.Arn)}),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("replication %q: %w", name, err)
	}
	r.RoleArn = role.Arn
	granted, err := iam.NewRolePolicy(ctx, name+"-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("replicate"), Role: role.Name, Policy: policy.Document(args.statements()...)}, child)
	if err != nil {
		return nil, fmt.Errorf("replication %q: %w", name, err)
	}
	_, err = s3.NewBucketReplicationConfig(ctx, name+"-configuration", &s3.BucketReplicationConfigArgs{
		Bucket: args.From.Name, Role: role.Arn,
		Rules: s3.BucketReplicationConfigRuleArray{s3.BucketReplicationConfigRuleArgs{
			Id: pulumi.String(RuleID), Status: pulumi.String("Enabled"), Priority: pulumi.Int(0),
			Filter:                  s3.BucketReplicationConfigRuleFilterArgs{Prefix: pulumi.String("")},
			DeleteMarkerReplication: s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs{Status: pulumi.String("Disabled")},
			SourceSelectionCriteria: s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs{
				SseKmsEncryptedObjects: s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs{Status: pulumi.String("Enabled")}},
			Destination: s3.BucketReplicationConfigRuleDestinationArgs{
				Bucket: args.To.Arn, StorageClass: pulumi.String("STANDARD"),
				EncryptionConfiguration: s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs{ReplicaKmsKeyId: args.To.KeyArn},
				// Within 15 minutes, with the metrics that show it.
				ReplicationTime: s3.BucketReplicationConfigRuleDestinationReplicationTimeArgs{Status: pulumi.String("Enabled"),
					Time: s3.BucketReplicationConfigRuleDestinationReplicationTimeTimeArgs{Minutes: pulumi.Int(15)}},
				Metrics: s3.BucketReplicationConfigRuleDestinationMetricsArgs{Status: pulumi.String("Enabled"),
					EventThreshold: s3.BucketReplicationConfigRuleDestinationMetricsEventThresholdArgs{Minutes: pulumi.Int(15)}},
			},
		}},
	}, child, pulumi.DependsOn([]pulumi.Resource{granted, args.From.VersioningOn, args.To.VersioningOn}))
	if err != nil {
		return nil, fmt.Errorf("replication %q: %w", name, err)
	}
	return r, ctx.RegisterResourceOutputs(r, pulumi.Map{"roleArn": r.RoleArn})
}

func (a Args) statements() []policy.Statement {
	one := func(v pulumi.StringInput) []pulumi.StringInput { return []pulumi.StringInput{v} }
	within := func(side Side) []pulumi.StringInput { return one(pulumi.Sprintf("%s/*", side.Arn)) }
	through := func(side Side) []policy.Condition {
		return []policy.Condition{
			policy.Is("StringEquals", "kms:ViaService", "s3."+side.Region+".amazonaws.com"),
			// With bucket keys the encryption context is the bucket.
			policy.When("ArnLike", "kms:EncryptionContext:aws:s3:arn", side.Arn, pulumi.Sprintf("%s/*", side.Arn)),
		}
	}
	return []policy.Statement{
		{Sid: "ReadConfiguration", Actions: []string{"s3:GetReplicationConfiguration", "s3:ListBucket"}, Resources: one(a.From.Arn)},
		{Sid: "ReadVersions", Actions: []string{"s3:GetObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectVersionAcl",
			"s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"}, Resources: within(a.From)},
		{Sid: "WriteCopies", Actions: []string{"s3:ReplicateObject", "s3:ReplicateTags"}, Resources: within(a.To)},
		{Sid: "Decrypt", Actions: []string{"kms:Decrypt"}, Resources: one(a.From.KeyArn), Conditions: through(a.From)},
		{Sid: "Encrypt", Actions: []string{"kms:Encrypt", "kms:GenerateDataKey"}, Resources: one(a.To.KeyArn), Conditions: through(a.To)},
	}
}
