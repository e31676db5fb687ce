// Package backup keeps the copies of a client's data: a bucket for the service's
// own rolling backups and AWS Backup's vault for daily snapshots, both encrypted,
// locked against deletion, and doubled in a second region (BK-3, BK-5, BK-6, DP-8).
// What fails is told to the team (BK-9), and a restore is tried every week (BK-8).
//
// It knows ARNs of what is to be backed up and who writes, not what it is. Point-in-time
// recovery of databases is not made here but by the databases' own services: AWS Backup's
// continuous mode would take over their retention and windows, and a second preview would
// want them back.
package backup

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe a client's backups.
type Args struct {
	Scope  scope.Scope
	Backup spec.Backup // decoded: every field has a value

	KeyArn   pulumi.StringInput // encrypts bucket and vault
	TopicArn pulumi.StringInput // hears of failures
	LogsTo   pulumi.StringInput // bucket for access logs in the first region

	// Second is a provider for SecondRegion, where everything is kept once more. Nil: no copies.
	Second         pulumi.ProviderResource
	SecondRegion   string
	SecondKeyArn   pulumi.StringInput
	SecondTopicArn pulumi.StringInput
	SecondLogsTo   pulumi.StringInput

	// ResourceArns are what AWS Backup takes a snapshot of every day. At least one.
	ResourceArns []pulumi.StringInput
	// WriterRoleArn is the only role that writes to the bucket.
	WriterRoleArn pulumi.StringInput
	// AdministratorArns are the roles (ARNs, may hold wildcards) that may delete copies before their time.
	// Empty: nobody may.
	AdministratorArns []string
	// RestoreTest tries the newest snapshot of a database every week. Nil: no test.
	RestoreTest *RestoreTest
}

// RestoreTest says where a database is restored to for a trial.
type RestoreTest struct {
	DatabaseArn     pulumi.StringInput // an RDS instance among ResourceArns
	SubnetGroupName pulumi.StringInput
	VPCID           pulumi.StringInput
}

// Backup is what keeps a client's copies.
type Backup struct {
	pulumi.ResourceState

	BucketName pulumi.StringOutput // once the bucket's policy is in place
	BucketArn  pulumi.StringOutput
	VaultName  pulumi.StringOutput
	VaultArn   pulumi.StringOutput
	PlanID     pulumi.StringOutput
	RoleArn    pulumi.StringOutput // of AWS Backup

	// The copies in the second region; nil when there is none.
	SecondBucketName *pulumi.StringOutput
	SecondBucketArn  *pulumi.StringOutput
	SecondVaultName  *pulumi.StringOutput
	SecondVaultArn   *pulumi.StringOutput
}

func (a Args) check() error {
	var errs []error
	fail := func(format string, v ...any) { errs = append(errs, fmt.Errorf(format, v...)) }
	if a.Backup.RetentionDays <= 0 {
		fail("retention is %d days: decode the spec, which sets it", a.Backup.RetentionDays)
	}
	if a.Backup.ArchiveAfterDays <= 0 || a.Backup.DeleteAfterDays <= a.Backup.ArchiveAfterDays {
		fail("objects are archived after %d days and deleted after %d: delete later than archive", a.Backup.ArchiveAfterDays, a.Backup.DeleteAfterDays)
	}
	if a.Backup.RetentionDays > a.Backup.DeleteAfterDays {
		fail("snapshots are kept %d days, longer than the %d after which everything is deleted", a.Backup.RetentionDays, a.Backup.DeleteAfterDays)
	}
	if a.Backup.Lock != lockGovernance && a.Backup.Lock != lockCompliance {
		fail("lock is %q: use %q or %q", a.Backup.Lock, lockGovernance, lockCompliance)
	}
	if len(a.ResourceArns) == 0 {
		fail("nothing to back up: name at least one resource")
	}
	for _, in := range []struct {
		what  string
		given bool
	}{
		{"backup key", a.KeyArn != nil}, {"topic", a.TopicArn != nil}, {"bucket for access logs", a.LogsTo != nil}, {"writer's role", a.WriterRoleArn != nil},
	} {
		if !in.given {
			fail("no %s given", in.what)
		}
	}
	if a.Second != nil && (a.SecondRegion == "" || a.SecondKeyArn == nil || a.SecondTopicArn == nil || a.SecondLogsTo == nil) {
		fail("a second region is given without its name, key, topic or bucket for access logs")
	}
	if r := a.RestoreTest; r != nil && (r.DatabaseArn == nil || r.SubnetGroupName == nil || r.VPCID == nil) {
		fail("a restore test is asked for without its database, subnet group or VPC")
	}
	return errors.Join(errs...)
}

// The modes of Backup.Lock in the spec.
const (
	lockGovernance = "governance"
	lockCompliance = "compliance"
)

// lockMode is what S3 calls the spec's lock.
func (a Args) lockMode() string {
	if a.Backup.Lock == lockCompliance {
		return bucket.Compliance
	}
	return bucket.Governance
}

// builder carries what the steps of New share.
type builder struct {
	ctx  *pulumi.Context
	name string
	Args
	backup *Backup
	parent pulumi.ResourceOption
}

// New makes bucket, vaults and plan. It checks args before it registers anything.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Backup, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("backup %q: %w", name, err)
	}
	s := &Backup{}
	inputs := pulumi.Map{"retentionDays": pulumi.Int(args.Backup.RetentionDays), "lock": pulumi.String(args.Backup.Lock),
		"secondRegion": pulumi.String(args.SecondRegion)}
	if err := ctx.RegisterComponentResourceV2("berth:backup:Backup", name, inputs, s, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx, name, args, s, pulumi.Parent(s)}
	for _, step := range []func() error{b.buckets, b.vaults, b.plan, b.restoreTest} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	outputs := pulumi.Map{"bucketName": s.BucketName, "vaultArn": s.VaultArn}
	if s.SecondVaultArn != nil {
		outputs["secondBucketName"], outputs["secondVaultArn"] = *s.SecondBucketName, *s.SecondVaultArn
	}
	return s, ctx.RegisterResourceOutputs(s, outputs)
}
