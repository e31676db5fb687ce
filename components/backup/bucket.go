package backup

import (
	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/replication"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// buckets are the one that the service writes its backups to, and its copy in the second region.
func (b *builder) buckets() error {
	first, err := bucket.New(b.ctx, b.name+"-bucket", b.bucketArgs(b.Scope.Region, b.KeyArn, b.LogsTo, b.writers), b.parent)
	if err != nil {
		return err
	}
	b.backup.BucketName, b.backup.BucketArn = first.ID, first.Arn
	if b.Second == nil {
		return nil
	}
	second, err := bucket.New(b.ctx, b.name+"-second-bucket", b.bucketArgs(b.SecondRegion, b.SecondKeyArn, b.SecondLogsTo, nil),
		b.parent, pulumi.Provider(b.Second))
	if err != nil {
		return err
	}
	b.backup.SecondBucketName, b.backup.SecondBucketArn = &second.ID, &second.Arn
	_, err = replication.New(b.ctx, b.name+"-replication", replication.Args{
		Scope: b.Scope, What: "backup",
		From: replication.Side{Region: b.Scope.Region, Name: first.ID, Arn: first.Arn, KeyArn: b.KeyArn, VersioningOn: first.Versioning},
		To:   replication.Side{Region: b.SecondRegion, Name: second.ID, Arn: second.Arn, KeyArn: b.SecondKeyArn, VersioningOn: second.Versioning},
	}, b.parent)
	return err
}

func (b *builder) bucketArgs(region string, key, logs pulumi.StringInput, more func(arn pulumi.StringOutput) []policy.Statement) bucket.Args {
	return bucket.Args{
		Scope: b.Scope, Parts: []string{"backup"}, Region: region, Class: scope.Personal,
		KeyArn: key, LogsTo: logs, LockDays: b.Backup.RetentionDays, LockMode: b.lockMode(),
		Lifecycle: bucket.Lifecycle{ArchiveAfterDays: b.Backup.ArchiveAfterDays, DeleteAfterDays: b.Backup.DeleteAfterDays,
			NoncurrentDays: b.Backup.RetentionDays},
		ForceDestroy: !b.Scope.Protect,
		Statements: func(arn pulumi.StringOutput) []policy.Statement {
			statements := b.keepers(arn)
			if more != nil {
				statements = append(statements, more(arn)...)
			}
			return statements
		},
	}
}

// keepers let nobody but the named administrators take away what is stored. The lifecycle is S3's own doing and goes on.
// An environment without protection can be destroyed, copies and all.
func (b *builder) keepers(arn pulumi.StringOutput) []policy.Statement {
	if !b.Scope.Protect {
		return nil
	}
	deny := policy.Statement{
		Sid: "DenyDeletion", Effect: policy.Deny, Principals: policy.Anyone(),
		Actions:   []string{"s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"},
		Resources: []pulumi.StringInput{pulumi.Sprintf("%s/*", arn)},
	}
	deny.Conditions = b.unlessAdministrator()
	return []policy.Statement{deny}
}

// writers let nobody but the service put a backup where a restore would find it.
func (b *builder) writers(arn pulumi.StringOutput) []policy.Statement {
	allowed := append([]pulumi.StringInput{b.WriterRoleArn}, policy.Strings(b.AdministratorArns...)...)
	return []policy.Statement{{
		Sid: "DenyOtherWriters", Effect: policy.Deny, Principals: policy.Anyone(), Actions: []string{"s3:PutObject"},
		Resources:  []pulumi.StringInput{pulumi.Sprintf("%s/*", arn)},
		Conditions: []policy.Condition{policy.When("ArnNotLike", "aws:PrincipalArn", allowed...)},
	}}
}

func (b *builder) unlessAdministrator() []policy.Condition {
	if len(b.AdministratorArns) == 0 {
		return nil
	}
	return []policy.Condition{policy.Is("ArnNotLike", "aws:PrincipalArn", b.AdministratorArns...)}
}
