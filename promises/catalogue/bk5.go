package catalogue

import (
	"fmt"
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// BK5 is complete backups in several regions.
func (catalogue) BK5() promises.Promise {
	return promises.Promise{
		ID:    "BK-5",
		Title: "Complete backups in several regions",
		Sentence: "Complete, encrypted backups of your data are kept for at least 3 months in at least two regions. They cannot be reached from the public internet, " +
			"and cannot be deleted before their time.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			b := backupOf(s)
			return []promises.Parameter{
				{Name: "kept", Value: inDays(b.RetentionDays), Key: "backup.retentionDays"},
				{Name: "made", Value: "every day at 00:00 UTC"},
				{Name: "second region", Value: secondRegion(s), Key: "backup.secondRegion"},
				{Name: "lock against deletion", Value: b.Lock, Key: "backup.lock"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the daily plan in the resource graph is followed to every database, to its vault and to the vault in the second region, " +
				"and of every vault and backup bucket the key, the lock, the access policy and the access block are read"},
			{Level: promises.Live, How: "the recovery points of both regions are listed with their ages, keys and days of deletion; plans, locks and policies of the vaults and " +
				"all settings of the backup buckets are read back, and an anonymous request for each of those buckets is refused"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"backups encrypted", "backups in several regions", "backup public internet", "backup retention three months", "backup reachable internet",
			"backup storage access", "backups isolated", "backup regions", "backup kept months", "backup retention", "backups deleted by attacker",
			"database replicated to a second region", "backups in another region", "cross-region backup", "geo-redundant backup", "second region",
			"immutable backups", "backup vault lock", "object lock", "WORM", "kept for 3 months", "ransomware protection of backups",
			"backups protected against deletion", "separate location", "complete backup", "encrypted backups",
			"backups not reachable from the internet",
		},
		Check: completeBackups,
	}
}

const (
	leastRetention = 90 // days that every backup is kept in production
	startMinutes   = 8 * 60
	dayMinutes     = 24 * 60
)

// retention is how long the client's backups are to be kept, in days.
func retention(s promises.Subject) int { return max(s.Client().Backup.RetentionDays, leastRetention) }

func completeBackups(s promises.Subject, r *promises.Report) {
	const fix = "keep component " + backupComponent + " in the stack"
	keys := &judgedKeys{}
	for _, plan := range r.Must(s.Graph.OfType(backupPlanType), "backup plan", "a plan that backs every database up every day", fix) {
		for _, vault := range dailyPlan(s, r, plan) {
			lockedVault(s, r, keys, vault)
		}
		databasesSelected(s, r, plan)
	}
	buckets := backupBuckets(s, r)
	for _, bucket := range buckets {
		lockedBucket(s, r, keys, bucket)
	}
	for _, bucket := range buckets {
		if bucket.Region() == s.Client().AWS.Region {
			wantCopied(s, r, bucket, buckets)
			writtenByService(s, r, bucket)
			wantToldBucket(r, s.Graph, "backup-bucket", bucket)
		}
	}
	keptAttachments(s, r)
}

// judgedKeys are the keys that were judged already: several copies share one.
type judgedKeys struct{ keys []*graph.Resource }

func (k *judgedKeys) judge(s promises.Subject, r *promises.Report, key *graph.Resource) {
	if key == nil || slices.Contains(k.keys, key) {
		return
	}
	k.keys = append(k.keys, key)
	wantKeySafe(s, r, key)
	wantNoOutsider(s, r, key)
}

// dailyPlan reports whether a plan makes a backup every day and copies it to the second region; it returns the vaults.
func dailyPlan(s promises.Subject, r *promises.Report, plan *graph.Resource) []*graph.Resource {
	const fix = "leave the plan to components/backup"
	want := float64(retention(s))
	kept := fmt.Sprintf("at least %d, the days that a backup is kept", retention(s))
	const keep = "set backup.retentionDays in the client's spec"
	var vaults []*graph.Resource
	add := func(vault *graph.Resource) {
		if vault != nil && !slices.Contains(vaults, vault) {
			vaults = append(vaults, vault)
		}
	}
	long := func(days float64, given bool) bool { return !given || days >= want } // without a number it is kept for ever, see DP-8
	rules := plan.Items("rules")
	if len(rules) == 0 {
		r.Want(plan, false, "rules", "a rule for every day", fix)
	}
	for _, rule := range rules {
		r.Want(plan, rule.Text("schedule") == "cron(0 0 * * ? *)", rule.Path+".schedule", "every day at 00:00", fix)
		r.Want(plan, slices.Contains([]string{"", "UTC", "Etc/UTC"}, rule.Text("scheduleExpressionTimezone")), rule.Path+".scheduleExpressionTimezone", "UTC", fix)
		start, given := rule.Number("startWindow")
		r.Want(plan, !given || start <= startMinutes, rule.Path+".startWindow", fmt.Sprintf("at most %d minutes after midnight", startMinutes), fix)
		end, given := rule.Number("completionWindow")
		r.Want(plan, given && end <= dayMinutes, rule.Path+".completionWindow", fmt.Sprintf("at most %d minutes: done before the next one begins", dayMinutes), fix)
		r.Want(plan, long(rule.Number("lifecycle.deleteAfter")), rule.Path+".lifecycle.deleteAfter", kept, keep)

		vault := vaultIn(s.Graph, rule.Text("targetVaultName"), plan.Region())
		r.Want(plan, vault != nil && vault.Region() == s.Client().AWS.Region, rule.Path+".targetVaultName", "a vault of this stack in "+s.Client().AWS.Region, fix)
		add(vault)
		abroad := false
		for _, action := range rule.Items("copyActions") {
			vault := action.Ref("destinationVaultArn", backupVaultType)
			there := vault != nil && vault.Region() == s.Client().Backup.SecondRegion
			abroad = abroad || there
			r.Want(plan, there, action.Path+".destinationVaultArn", "the vault in "+s.Client().Backup.SecondRegion, "set backup.secondRegion in the client's spec")
			r.Want(plan, long(action.Number("lifecycle.deleteAfter")), action.Path+".lifecycle.deleteAfter", kept, keep)
			add(vault)
		}
		if !abroad {
			r.Want(plan, false, rule.Path+".copyActions", "a copy to a vault in a second region", "set backup.secondRegion in the client's spec")
		}
	}
	return vaults
}

// vaultIn is the vault of that name in a region: those of two regions have the same name.
func vaultIn(g *graph.Graph, name, region string) *graph.Resource {
	for _, vault := range g.OfType(backupVaultType) {
		if vault.Region() == region && vault.Goes(name) {
			return vault
		}
	}
	return nil
}

// databasesSelected reports whether a plan backs every database up, in a role that can.
func databasesSelected(s promises.Subject, r *promises.Report, plan *graph.Resource) {
	const fix = "name every database in ResourceArns of components/backup"
	selection := single(r, plan, beside(plan, "planId", "aws:backup/selection:Selection"), "selection of what is backed up", fix)
	if selection == nil {
		return
	}
	named := selection.Refs("resources", typeDatabase, typeDocuments)
	r.Want(selection, len(named) == len(selection.List("resources")), "resources", "databases of this stack, each by its ARN", fix)
	for _, db := range append(r.Must(sources(s.Graph), "database instance", "a database that is backed up", "give the client a database"), s.Graph.OfType(typeDocuments)...) {
		found := "named in the plan's selection"
		if !slices.Contains(named, db) {
			found = "not named in the plan's selection"
		}
		r.Say(db, slices.Contains(named, db), found, "in the daily backup plan", fix)
	}
	for _, excluding := range []string{"notResources", "conditions"} {
		r.Want(selection, !selection.Has(excluding), excluding, "absent: nothing is taken out of the plan", fix)
	}
	wantBackupRole(s, r, selection, "AWSBackupServiceRolePolicyForBackup")
}

// wantBackupRole reports whether AWS Backup works in a role that it alone may take and that one of its own policies allows to work.
func wantBackupRole(s promises.Subject, r *promises.Report, user *graph.Resource, managed string) {
	const fix = "leave the role to components/backup"
	role := user.Ref("iamRoleArn", typeRole)
	r.Want(user, role != nil, "iamRoleArn", "a role of this stack for AWS Backup", fix)
	if role == nil {
		return
	}
	wantTrusts(s, r, role, "backup.amazonaws.com", nil)
	if attached := single(r, role, role.Referrers("role", attachedPolicyType), "policy attached to it", fix); attached != nil {
		r.Want(attached, attached.Text("policyArn") == "arn:aws:iam::aws:policy/service-role/"+managed, "policyArn", "AWS's own policy "+managed, fix)
	}
}

// keptAttachments reports whether attachments that were deleted or overwritten stay as long as backups do, in both
// regions: they are in no vault.
func keptAttachments(s promises.Subject, r *promises.Report) {
	const fix = "set Lifecycle.NoncurrentDays of the bucket in the stack's program"
	buckets := madeBy(s.Graph, filesComponent, s.Client().AWS.Region, typeBucket)
	if second := s.Client().Backup.SecondRegion; second != "" {
		buckets = append(buckets, madeBy(s.Graph, secondFilesComponent, second, typeBucket)...)
	}
	for _, bucket := range buckets { // whether there are any is BK-3
		lifecycle := bucketSetting(r, bucket, lifecycleType, "lifecycle")
		if lifecycle == nil {
			continue
		}
		for _, rule := range lifecycle.Items("rules") {
			if rule.Text("status") != "Enabled" {
				continue
			}
			if rule.Has("expiration") {
				r.Want(lifecycle, !rule.Has("expiration.days") && !rule.Has("expiration.date"), rule.Path+".expiration", "absent: no attachment goes by itself", fix)
			}
			if days, given := rule.Number("noncurrentVersionExpiration.noncurrentDays"); given {
				r.Want(lifecycle, days >= leastRetention, rule.Path+".noncurrentVersionExpiration.noncurrentDays",
					fmt.Sprintf("at least %d, the days that a deleted attachment can be had back", leastRetention), fix)
			}
		}
	}
}
