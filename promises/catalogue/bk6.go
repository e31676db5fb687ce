package catalogue

import (
	"fmt"
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// BK6 is the archive.
func (catalogue) BK6() promises.Promise {
	return promises.Promise{
		ID:       "BK-6",
		Title:    "Old backups in the archive",
		Sentence: "Your backups move to Amazon's archive, S3 Glacier, once they are 3 months old, and stay there for a set time.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			b := backupOf(s)
			return []promises.Parameter{
				{Name: "archived", Value: "from day " + fmt.Sprint(b.ArchiveAfterDays), Key: "backup.archiveAfterDays"},
				{Name: "kept in all", Value: inDays(b.DeleteAfterDays), Key: "backup.deleteAfterDays"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the lifecycle of both backup buckets in the resource graph moves everything to Glacier at the agreed age"},
			{Level: promises.Live, How: "the lifecycle of both backup buckets is read back, and their contents are listed: nothing older than the agreed age is outside Glacier"},
		},
		Keywords: []string{
			"archive backup", "glacier", "old backups archived", "long-term backup", "older backups moved", "long term retention",
			"backups after three months", "where do old backups go", "old backups moved elsewhere", "long-term archive", "tape",
			"moved to the archive", "backups older than 3 months", "storage class", "deep archive", "archive tier", "Glacier", "archive",
			"cold storage", "long-term retention", "archival of backups",
		},
		Check: oldBackupsArchived,
	}
}

// leastArchiveAge is how old a backup is, in days, before it may go to the archive, from which it comes back in hours.
const leastArchiveAge = 90

// archives are the storage classes that are Glacier's, without the one that answers at once.
var archives = []string{"GLACIER", "DEEP_ARCHIVE"}

func oldBackupsArchived(s promises.Subject, r *promises.Report) {
	const fix = "set backup.archiveAfterDays in the client's spec; components/bucket makes the rule of it"
	for _, bucket := range backupBuckets(s, r) {
		if lifecycle := bucketSetting(r, bucket, lifecycleType, "lifecycle"); lifecycle != nil {
			movedToArchive(s, r, lifecycle, fix)
			oldVersionsArchived(s, r, lifecycle)
		}
	}
}

// movedToArchive reports whether everything goes to Glacier on the day.
func movedToArchive(s promises.Subject, r *promises.Report, lifecycle *graph.Resource, fix string) {
	day := s.Client().Backup.ArchiveAfterDays
	expected := fmt.Sprintf("on day %d, not before day %d", day, leastArchiveAge)
	moved := false
	for _, rule := range lifecycleRules(lifecycle, "transitions") {
		for _, to := range rule.Items("transitions") {
			moved = true
			days, _ := to.Number("days")
			r.Want(lifecycle, days == float64(day) && days >= leastArchiveAge, to.Path+".days", expected, fix)
			r.Want(lifecycle, slices.Contains(archives, to.Text("storageClass")), to.Path+".storageClass", "GLACIER or DEEP_ARCHIVE", fix)
		}
	}
	if !moved {
		r.Say(lifecycle, false, "no enabled rule moves all backups to Glacier", "all backups move to Glacier "+expected, fix)
	}
}

// oldVersionsArchived reports whether a backup that was overwritten goes to Glacier too, or is gone by then.
func oldVersionsArchived(s promises.Subject, r *promises.Report, lifecycle *graph.Resource) {
	day := float64(s.Client().Backup.ArchiveAfterDays)
	found := "overwritten backups stay where they are"
	holds := false
	for _, rule := range lifecycleRules(lifecycle, "noncurrentVersionTransitions") {
		for _, to := range rule.Items("noncurrentVersionTransitions") {
			days, given := to.Number("noncurrentDays")
			if given && days <= day && slices.Contains(archives, to.Text("storageClass")) {
				found, holds = fmt.Sprintf("overwritten backups go to Glacier after %g days", days), true
			}
		}
	}
	for _, rule := range lifecycleRules(lifecycle, "noncurrentVersionExpiration") {
		if days, given := rule.Number("noncurrentVersionExpiration.noncurrentDays"); given && days <= day && !holds {
			found, holds = fmt.Sprintf("overwritten backups are deleted after %g days", days), true
		}
	}
	r.Say(lifecycle, holds, found, fmt.Sprintf("overwritten backups are in Glacier, or gone, %g days later", day),
		"let components/bucket move noncurrent versions to Glacier where backup.retentionDays is longer than backup.archiveAfterDays")
}
