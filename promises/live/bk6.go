package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// lifecycleSlack is how late S3 may be: it counts from the next midnight, and carries rules out within days.
const lifecycleSlack = 3 * day

// archives are the storage classes that are Glacier's, without the one that answers at once.
var archives = []string{"GLACIER", "DEEP_ARCHIVE"}

// oldBackupsArchived is the look at BK-6.
func oldBackupsArchived(ctx context.Context, l *look) error {
	buckets, err := l.backupBuckets(ctx)
	errs := []error{err}
	for _, b := range buckets {
		errs = append(errs, movedByRule(ctx, l, b), moved(ctx, l, b))
	}
	return errors.Join(errs...)
}

// forAll are the rules of a lifecycle that are on and leave nothing out.
func forAll(rules []s3types.LifecycleRule) []s3types.LifecycleRule {
	return slices.DeleteFunc(slices.Clone(rules), func(r s3types.LifecycleRule) bool {
		f := r.Filter
		limited := f != nil && (aws.ToString(f.Prefix) != "" || f.Tag != nil || f.And != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil)
		//nolint:staticcheck // the old place of the prefix still counts where it is used
		return r.Status != s3types.ExpirationStatusEnabled || limited || aws.ToString(r.Prefix) != ""
	})
}

// movedByRule reports whether a bucket's lifecycle moves everything to Glacier on the agreed day.
func movedByRule(ctx context.Context, l *look, b bucket) error {
	rules, err := l.bucketLifecycle(ctx, b)
	if err != nil {
		return err
	}
	archive := l.subject.Client().Backup.ArchiveAfterDays
	o := b.of(s3Lifecycle)
	count := 0
	old, holds := "overwritten backups stay where they are", false
	for _, rule := range forAll(rules) {
		for _, to := range rule.Transitions {
			count++
			right := int(aws.ToInt32(to.Days)) == archive && slices.Contains(archives, string(to.StorageClass))
			l.want(o, right, "rules.transitions", fmt.Sprintf("to %s after %d days", to.StorageClass, aws.ToInt32(to.Days)), fmt.Sprintf("to GLACIER or DEEP_ARCHIVE after %d days", archive), fixByUpdate)
		}
		for _, to := range rule.NoncurrentVersionTransitions {
			if days := int(aws.ToInt32(to.NoncurrentDays)); days <= archive && slices.Contains(archives, string(to.StorageClass)) {
				old, holds = fmt.Sprintf("overwritten backups go to %s after %d days", to.StorageClass, days), true
			}
		}
		if gone := rule.NoncurrentVersionExpiration; gone != nil && int(aws.ToInt32(gone.NoncurrentDays)) <= archive && !holds {
			old, holds = fmt.Sprintf("overwritten backups are deleted after %d days", aws.ToInt32(gone.NoncurrentDays)), true
		}
	}
	if count == 0 {
		l.want(o, false, "rules.transitions", "no rule that is on moves everything to Glacier", fmt.Sprintf("to GLACIER or DEEP_ARCHIVE after %d days", archive), fixByUpdate)
	}
	l.want(o, holds, "rules", old, fmt.Sprintf("overwritten backups are in Glacier, or gone, %d days later", archive), fixByUpdate)
	return nil
}

// moved lists a bucket and reports whether what is old enough is in Glacier.
func moved(ctx context.Context, l *look, b bucket) error {
	all, err := l.versions(ctx, b)
	if err != nil {
		return err
	}
	archive := l.subject.Client().Backup.ArchiveAfterDays
	limit := l.subject.Now.Add(-time.Duration(archive)*day - lifecycleSlack)
	var old, late int
	var oldest stored
	for _, v := range all {
		if since := v.since(); since.Before(limit) {
			old++
			if !slices.Contains(archives, v.class) {
				if late++; late == 1 || v.written.Before(oldest.written) {
					oldest = v
				}
			}
		}
	}
	found := fmt.Sprintf("%d of %d objects are older than %d days, all of them in Glacier", old, len(all), archive)
	if late > 0 {
		found = fmt.Sprintf("%d of %d objects that are older than %d days are not in Glacier; the oldest is %s, of %s, in %s",
			late, old, archive, oldest.key, l.agoOf(&oldest.written), orAbsent(oldest.class))
	}
	l.want(b.of(s3Bucket), late == 0, "", found, fmt.Sprintf("nothing older than %d days is outside Glacier", archive), "see that the bucket's lifecycle has the rule; S3 carries it out within days")
	return nil
}

// since is from when on a version's days in its lifecycle count: since it was written, or, where it is not the present one, replaced.
func (v stored) since() time.Time {
	if v.replaced.IsZero() {
		return v.written
	}
	return v.replaced
}
