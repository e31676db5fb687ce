package statebackend

import (
	"fmt"

	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/replication"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// state keeps Pulumi's state. Its key has a replica in the second region, so that the copy of the state, and the
// secrets in it, can be read when the first region is lost.
func (b *builder) state() error {
	s := b.args.Scope
	everyone := append(append([]string{}, b.args.StateUsers...), b.args.StateReaders...)
	root := key.Root(s.Account)
	args := key.Args{
		Scope: s, Alias: StateKeyAlias(s), Description: "Pulumi's state and the secrets in it", Region: s.Region, MultiRegion: true, Services: []string{"s3"},
		Statements: []policy.Statement{
			// Pulumi's secrets provider calls KMS itself, not through S3.
			{Sid: "SecretsProviderReads", Principals: root, Actions: []string{"kms:Decrypt"}, Resources: key.This(), Conditions: who("ArnEquals", everyone...)},
			{Sid: "SecretsProviderWrites", Principals: root, Actions: []string{"kms:Encrypt", "kms:GenerateDataKey"}, Resources: key.This(), Conditions: who("ArnEquals", b.args.StateUsers...)},
		},
	}
	first, err := key.New(b.ctx, b.name+"-state-key", args, b.parent)
	if err != nil {
		return err
	}
	args.Region = b.args.SecondRegion
	second, err := key.Replica(b.ctx, b.name+"-state-key-second", first, args, b.parent, b.second)
	if err != nil {
		return err
	}
	made, err := b.pair("state", bucket.Args{
		Scope: s, Parts: []string{"pulumi-state"}, Region: s.Region, Class: scope.Secret, KeyArn: first.Arn,
		Lifecycle: bucket.Lifecycle{NoncurrentDays: 400}, LogsTo: b.args.LogsTo,
		Statements: func(arn pulumi.StringOutput) []policy.Statement {
			objects := []pulumi.StringInput{pulumi.Sprintf("%s/*", arn)}
			return []policy.Statement{
				{Sid: "DenyOtherReaders", Effect: policy.Deny, Principals: policy.Anyone(), Resources: objects,
					Actions: []string{"s3:GetObject", "s3:GetObjectVersion"}, Conditions: who("ArnNotEquals", everyone...)},
				{Sid: "DenyOtherWriters", Effect: policy.Deny, Principals: policy.Anyone(), Resources: objects,
					Actions: []string{"s3:DeleteObject", "s3:PutObject"}, Conditions: who("ArnNotEquals", b.args.StateUsers...)},
				// Old versions are the way back from a broken state: they end by the lifecycle alone.
				{Sid: "DenyDeletingVersions", Effect: policy.Deny, Principals: policy.Anyone(), Resources: objects, Actions: []string{"s3:DeleteObjectVersion"}},
			}
		},
	}, first, second)
	if err != nil {
		return err
	}
	b.made.StateBucketName, b.made.StateBucketArn, b.made.StateKeyArn = made.ID, made.Arn, first.Arn
	return nil
}

// who is a condition on the calling role: for an assumed role it names the role, not the session.
func who(operator string, arns ...string) []policy.Condition {
	return []policy.Condition{policy.Is(operator, "aws:PrincipalArn", arns...)}
}

func (b *builder) replicate(what string, from, to *bucket.Bucket, fromKey, toKey key.Key) error {
	_, err := replication.New(b.ctx, b.name+"-"+what+"-replication", replication.Args{Scope: b.args.Scope, What: what,
		From: replication.Side{Region: b.args.Scope.Region, Name: from.Name, Arn: from.Arn, KeyArn: fromKey.Arn, VersioningOn: from.Versioning},
		To:   replication.Side{Region: b.args.SecondRegion, Name: to.Name, Arn: to.Arn, KeyArn: toKey.Arn, VersioningOn: to.Versioning},
	}, b.parent)
	if err != nil {
		return fmt.Errorf("copy of %s: %w", what, err)
	}
	return nil
}
