package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// DP8 is the schedule by which backups end.
func (catalogue) DP8() promises.Promise {
	return promises.Promise{
		ID:       "DP-8",
		Title:    "Backups deleted on schedule",
		Sentence: "Your daily backups are kept for 3 months, then archived, and then deleted on schedule.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			b := backupOf(s)
			return []promises.Parameter{
				{Name: "daily backups kept", Value: inDays(b.RetentionDays), Key: "backup.retentionDays"},
				{Name: "archived", Value: "from day " + fmt.Sprint(b.ArchiveAfterDays), Key: "backup.archiveAfterDays"},
				{Name: "deleted", Value: fmt.Sprintf("after %d days", b.DeleteAfterDays), Key: "backup.deleteAfterDays"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the plan's, the vault locks' and the backup buckets' schedules in the resource graph end every backup on the agreed day"},
			{Level: promises.Live, How: "recovery points and objects of both regions are listed with their ages and days of deletion: none is older than the schedule lets it be"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"backup deletion schedule", "backups deleted", "backup retention deleted", "backups archived then deleted", "backup expiry",
			"backup retention schedule", "daily backups kept", "how long backups kept", "old backups deleted", "backups destroyed after",
			"deletion schedule", "data retention period", "retention schedule", "data disposal", "end of retention", "storage limitation",
			"data minimisation", "deletion of backups", "when are backups deleted", "expiry of backups", "how long are backups kept",
			"retention policy",
		},
		Check: endOfBackups,
	}
}

func endOfBackups(s promises.Subject, r *promises.Report) {
	b := s.Client().Backup
	const fix = "set backup.retentionDays in the client's spec"
	kept := fmt.Sprintf("exactly %d, the days that a daily backup is kept", b.RetentionDays)
	on := func(days float64, given bool) bool { return given && days == float64(b.RetentionDays) }
	for _, plan := range r.Must(s.Graph.OfType(backupPlanType), "backup plan", "a plan whose backups end on schedule", "keep component "+backupComponent+" in the stack") {
		for _, rule := range plan.Items("rules") {
			r.Want(plan, on(rule.Number("lifecycle.deleteAfter")), rule.Path+".lifecycle.deleteAfter", kept, fix)
			for _, action := range rule.Items("copyActions") {
				r.Want(plan, on(action.Number("lifecycle.deleteAfter")), action.Path+".lifecycle.deleteAfter", kept, fix)
			}
		}
	}
	for _, lock := range s.Graph.OfType("aws:backup/vaultLockConfiguration:VaultLockConfiguration") {
		days, given := lock.Number("maxRetentionDays")
		r.Want(lock, given && days >= float64(b.RetentionDays) && days <= float64(b.DeleteAfterDays), "maxRetentionDays",
			fmt.Sprintf("%d to %d: no backup outlives the schedule, and none is refused for being too long", b.RetentionDays, b.DeleteAfterDays),
			"set backup.deleteAfterDays in the client's spec")
	}
	for _, bucket := range backupBuckets(s, r) {
		if lifecycle := bucketSetting(r, bucket, lifecycleType, "lifecycle"); lifecycle != nil {
			endOfObjects(r, lifecycle, b)
		}
	}
}

// uploadDays is how long what is left of an upload that was given up may stay.
const uploadDays = 7

// endOfObjects reports whether a bucket's lifecycle ends everything in it: backups, overwritten backups and the parts of failed uploads.
func endOfObjects(r *promises.Report, lifecycle *graph.Resource, b spec.Backup) {
	ends := func(path, what, fix string, want int, exact bool) {
		expected := fmt.Sprintf("%d, the days after which %s", want, what)
		found := lifecycleRules(lifecycle, path)
		for _, rule := range found {
			days, given := rule.Number(path)
			r.Want(lifecycle, given && (days == float64(want) || !exact && days < float64(want)), rule.Path+"."+path, expected, fix)
		}
		if len(found) == 0 {
			r.Say(lifecycle, false, "no enabled rule for all objects with "+path, expected, fix)
		}
	}
	ends("expiration.days", "a backup is deleted", "set backup.deleteAfterDays in the client's spec", b.DeleteAfterDays, true)
	ends("noncurrentVersionExpiration.noncurrentDays", "a backup that was overwritten or deleted is gone for good", "set backup.retentionDays in the client's spec", b.RetentionDays, true)
	ends("abortIncompleteMultipartUpload.daysAfterInitiation", "the parts of a failed upload go", "leave AbortUploadsDays of components/bucket as it is", uploadDays, false)
}
