package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// endSlack is how late AWS Backup may be with deleting what has expired.
	endSlack   = 2 * day
	uploadDays = 7 // what is left of an upload that was given up may stay as long
)

// endOfBackups is the look at DP-8.
func endOfBackups(ctx context.Context, l *look) error {
	errs := []error{plansEnd(ctx, l)}
	for _, region := range l.regions() {
		errs = append(errs, pointsEnd(ctx, l, region))
	}
	buckets, err := l.backupBuckets(ctx)
	errs = append(errs, err)
	for _, b := range buckets {
		errs = append(errs, objectsEndByRule(ctx, l, b), objectsEnd(ctx, l, b))
	}
	return errors.Join(errs...)
}

// plansEnd reports whether each plan ends its backups, and their copies, on the agreed day.
func plansEnd(ctx context.Context, l *look) error {
	plans, err := l.plans(ctx, l.home)
	if err != nil {
		return err
	}
	if len(plans) == 0 {
		l.missing("backup plan in "+l.home, "a plan whose backups end on schedule", fixByUpdate)
	}
	want := l.subject.Client().Backup.RetentionDays
	ends := func(o object, property string, life *backuptypes.Lifecycle) {
		var days *int64
		if life != nil {
			days = life.DeleteAfterDays
		}
		l.want(o, days != nil && *days == int64(want), property, days, fmt.Sprintf("%d, the days that a daily backup is kept", want), fixByUpdate)
	}
	for _, p := range plans {
		o := object{backupPlan, p.id}
		for i, rule := range p.Rules {
			ends(o, fmt.Sprintf("rules.%d.lifecycle.deleteAfter", i), rule.Lifecycle)
			for n, action := range rule.CopyActions {
				ends(o, fmt.Sprintf("rules.%d.copyActions.%d.lifecycle.deleteAfter", i, n), action.Lifecycle)
			}
		}
	}
	return nil
}

// pointsEnd lists the backups of all vaults in a region: each has its day of deletion, and none outlives it.
func pointsEnd(ctx context.Context, l *look, region string) error {
	vaults, err := l.vaults(ctx, region)
	if err != nil {
		return err
	}
	b := l.subject.Client().Backup
	for _, name := range slices.Sorted(maps.Keys(vaults)) {
		v := vault{vaults[name], region}
		most := aws.ToInt64(v.MaxRetentionDays)
		l.want(v.of(backupVaultLock), most >= int64(b.RetentionDays) && most <= int64(b.DeleteAfterDays), "maxRetentionDays", most,
			fmt.Sprintf("%d to %d: no backup outlives the schedule, and none is refused for being too long", b.RetentionDays, b.DeleteAfterDays), fixByUpdate)
		points, err := l.recoveryPoints(ctx, region, name)
		if err != nil {
			return err
		}
		longest := time.Duration(b.RetentionDays)*day + endSlack
		var oldest *time.Time
		wrong := 0
		for _, p := range points {
			if oldest == nil || p.CreationDate != nil && p.CreationDate.Before(*oldest) {
				oldest = p.CreationDate
			}
			o, when := object{"", aws.ToString(p.RecoveryPointArn)}, deletionOf(p)
			if when == nil {
				wrong++
				l.want(o, false, "lifecycle.deleteAfter", "none: it is kept for ever", fmt.Sprintf("%d days", b.RetentionDays), "give the backup a lifecycle")
				continue
			}
			if late := l.subject.Now.Sub(*when) > endSlack; late || p.CreationDate != nil && when.Sub(*p.CreationDate) > longest {
				wrong++
				l.want(o, false, "lifecycle.deleteAfter", fmt.Sprintf("made %s, to be deleted at %s", l.agoOf(p.CreationDate), when.UTC().Format(time.RFC3339)),
					fmt.Sprintf("gone after %d days", b.RetentionDays), "see in AWS Backup why it was not deleted")
			}
		}
		if wrong == 0 {
			found := fmt.Sprintf("%d backups", len(points))
			if oldest != nil {
				found += ", the oldest of " + l.agoOf(oldest)
			}
			l.want(v.of(backupVault), true, "", found, fmt.Sprintf("none older than %d days, each with its day of deletion", b.RetentionDays), "")
		}
	}
	return nil
}

// deletionOf is when a backup is to be deleted; nil: never.
func deletionOf(p backuptypes.RecoveryPointByBackupVault) *time.Time {
	if p.CalculatedLifecycle != nil && p.CalculatedLifecycle.DeleteAt != nil {
		return p.CalculatedLifecycle.DeleteAt
	}
	if p.Lifecycle != nil && p.Lifecycle.DeleteAfterDays != nil && p.CreationDate != nil {
		return aws.Time(p.CreationDate.Add(time.Duration(*p.Lifecycle.DeleteAfterDays) * day))
	}
	return nil
}

// objectsEndByRule reports whether a backup bucket's lifecycle ends everything in it on the agreed day.
func objectsEndByRule(ctx context.Context, l *look, b bucket) error {
	rules, err := l.bucketLifecycle(ctx, b)
	if err != nil {
		return err
	}
	spec := l.subject.Client().Backup
	for _, end := range []struct {
		property string
		days     func(r s3types.LifecycleRule) *int32
		want     int
		exact    bool
	}{
		{"rules.expiration.days", func(r s3types.LifecycleRule) *int32 {
			if r.Expiration == nil {
				return nil
			}
			return r.Expiration.Days
		}, spec.DeleteAfterDays, true},
		{"rules.noncurrentVersionExpiration.noncurrentDays", func(r s3types.LifecycleRule) *int32 {
			if r.NoncurrentVersionExpiration == nil {
				return nil
			}
			return r.NoncurrentVersionExpiration.NoncurrentDays
		}, spec.RetentionDays, true},
		{"rules.abortIncompleteMultipartUpload.daysAfterInitiation", func(r s3types.LifecycleRule) *int32 {
			if r.AbortIncompleteMultipartUpload == nil {
				return nil
			}
			return r.AbortIncompleteMultipartUpload.DaysAfterInitiation
		}, uploadDays, false},
	} {
		var found []int32
		holds := true
		for _, rule := range forAll(rules) {
			if days := end.days(rule); days != nil {
				found = append(found, *days)
				holds = holds && (int(*days) == end.want || !end.exact && int(*days) < end.want)
			}
		}
		l.want(b.of(s3Lifecycle), holds && len(found) > 0, end.property, found, fmt.Sprintf("%d days, for everything in the bucket", end.want), fixByUpdate)
	}
	return nil
}

// objectsEnd lists a backup bucket and reports whether nothing in it is older than the schedule lets it be.
func objectsEnd(ctx context.Context, l *look, b bucket) error {
	all, err := l.versions(ctx, b)
	if err != nil {
		return err
	}
	spec := l.subject.Client().Backup
	late := 0
	var oldest *stored
	for i, v := range all {
		days := spec.DeleteAfterDays
		if !v.replaced.IsZero() {
			days = spec.RetentionDays
		}
		if oldest == nil || v.written.Before(oldest.written) {
			oldest = &all[i]
		}
		if l.subject.Now.Sub(v.since()) > time.Duration(days)*day+lifecycleSlack {
			late++
		}
	}
	found := fmt.Sprintf("%d of %d objects outlived it", late, len(all))
	if oldest != nil {
		found += ", the oldest is of " + l.agoOf(&oldest.written)
	}
	l.want(b.of(s3Bucket), late == 0, "", found, fmt.Sprintf("nothing is older than %d days, and nothing was replaced more than %d days ago", spec.DeleteAfterDays, spec.RetentionDays),
		"see that the bucket's lifecycle has the rules; S3 carries them out within days")
	return nil
}
