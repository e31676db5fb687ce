package database

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe a client's database.
type Args struct {
	Scope    scope.Scope
	Database spec.Database // decoded: every field has a value
	// Replica asks for a read replica even where Database.ReadReplica does not: BI access reads from it.
	Replica bool

	VPCID     pulumi.StringInput
	SubnetIDs pulumi.StringArrayInput // isolated: without a route to the internet, in two zones or more
	// ClientSecurityGroupID belongs to the machines that use the database. Nobody else reaches it.
	ClientSecurityGroupID pulumi.StringInput

	KeyArn        pulumi.StringInput // encrypts storage, snapshots and performance data
	SecretsKeyArn pulumi.StringInput // encrypts the master password's secret
	LogsKeyArn    pulumi.StringInput
	LogDays       int                // how long logs are kept
	TopicArn      pulumi.StringInput // hears of failures, failovers, low storage and the like

	// MaintenanceWindow in UTC, as in "sun:02:00-sun:04:00", clear of the backup at 00:00.
	MaintenanceWindow string

	// Second is a provider for SecondRegion, which receives the automated backups. Nil: no copy.
	Second       pulumi.ProviderResource
	SecondRegion string
	SecondKeyArn pulumi.StringInput
}

func (a Args) check() error {
	var errs []error
	fail := func(format string, v ...any) { errs = append(errs, fmt.Errorf(format, v...)) }
	if err := checkEngine(a.Database.Engine, a.Database.Version); err != nil {
		errs = append(errs, err)
	}
	if a.Database.InstanceClass == "" {
		fail("instance class is empty: decode the spec, which sets it by tier")
	}
	if a.Database.MultiAZ == nil || a.Database.ReadReplica == nil {
		fail("multiAz or readReplica is not set: decode the spec, which sets them by environment and tier")
	}
	if a.Database.StorageGiB < 20 {
		fail("storage is %d GiB: use at least 20", a.Database.StorageGiB)
	}
	if a.Database.MaxStorageGiB < a.Database.StorageGiB {
		fail("storage may grow to %d GiB, less than the %d GiB it begins with", a.Database.MaxStorageGiB, a.Database.StorageGiB)
	}
	if d := a.Database.PointInTimeDays; d < 1 || d > 35 {
		fail("point-in-time recovery covers %d days: use 1 to 35", d)
	}
	if a.LogDays <= 0 {
		fail("logs are kept %d days: use at least 1", a.LogDays)
	}
	if a.MaintenanceWindow == "" {
		fail(`the maintenance window is empty: set it, for example to "sun:02:00-sun:04:00"`)
	}
	for _, in := range []struct {
		what  string
		given bool
	}{
		{"VPC", a.VPCID != nil}, {"isolated subnets", a.SubnetIDs != nil}, {"client's security group", a.ClientSecurityGroupID != nil},
		{"database key", a.KeyArn != nil}, {"secrets key", a.SecretsKeyArn != nil}, {"logs key", a.LogsKeyArn != nil}, {"topic", a.TopicArn != nil},
	} {
		if !in.given {
			fail("no %s given", in.what)
		}
	}
	if a.Second != nil && (a.SecondKeyArn == nil || a.SecondRegion == "") {
		fail("a second region is given without its name or its key")
	}
	return errors.Join(errs...)
}
