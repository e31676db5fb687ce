package live

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// testDataOnly is the look at DP-6.
func testDataOnly(ctx context.Context, l *look) error {
	errs := []error{l.wantThere(ctx)}
	for _, region := range l.regions() {
		errs = append(errs, environments(ctx, l, region))
		if l.subject.Production() {
			errs = append(errs, sharedCopies(ctx, l, region))
		} else {
			errs = append(errs, fromElsewhere(ctx, l, region))
		}
	}
	return errors.Join(errs...)
}

// environments reports whether everything of the stack that holds data says which environment it is in.
func environments(ctx context.Context, l *look, region string) error {
	all, err := l.dataHolders(ctx, region)
	environment := string(l.subject.Client().Environment)
	for _, h := range all {
		if l.ours(h.tags) {
			l.want(h.object, h.tags["environment"] == environment, "tags.environment", orAbsent(h.tags["environment"]), environment, fixByUpdate)
		}
	}
	return err
}

// fromElsewhere reports what could bring another environment's data into this one: snapshots that other accounts share with it, its
// own snapshots that are copies of others' or are marked with another environment, and backups of others in its vaults.
func fromElsewhere(ctx context.Context, l *look, region string) error {
	const expected, fix = "nothing of another account or environment", "delete it; test environments are filled with test data"
	environment := string(l.subject.Client().Environment)
	foreign, err := l.foreignSnapshots(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range foreign {
		l.want(object{rdsSnapshot, aws.ToString(s.DBSnapshotArn)}, false, "sharedAccounts", "shared with this account by account "+accountOf(aws.ToString(s.DBSnapshotArn)), expected, "take the share back in that account")
	}
	own, err := l.dbSnapshots(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range own {
		source, marked := aws.ToString(s.SourceDBSnapshotIdentifier), rdsTags(s.TagList)["environment"]
		from := accountOf(source)
		holds := (from == "" || from == l.number) && (marked == "" || marked == environment)
		l.want(object{rdsSnapshot, aws.ToString(s.DBSnapshotArn)}, holds, "sourceDbSnapshotIdentifier", "a copy of: "+orAbsent(source)+", marked: "+orAbsent(marked), expected, fix)
	}
	clusters, err := l.dbClusterSnapshots(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range clusters {
		source, marked := aws.ToString(s.SourceDBClusterSnapshotArn), rdsTags(s.TagList)["environment"]
		from := accountOf(source)
		holds := (from == "" || from == l.number) && (marked == "" || marked == environment)
		l.want(object{docSnapshot, aws.ToString(s.DBClusterSnapshotArn)}, holds, "sourceDbClusterSnapshotArn", "a copy of: "+orAbsent(source)+", marked: "+orAbsent(marked), expected, fix)
	}
	vaults, err := l.vaults(ctx, region)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(vaults)) {
		points, err := l.recoveryPoints(ctx, region, name)
		if err != nil {
			return err
		}
		for _, p := range points {
			for _, arn := range []string{aws.ToString(p.ResourceArn), aws.ToString(p.SourceBackupVaultArn)} {
				if of := accountOf(arn); of != "" && of != l.number {
					l.want(object{"", aws.ToString(p.RecoveryPointArn)}, false, "resourceArn", arn, expected, fix)
				}
			}
		}
	}
	return nil
}
