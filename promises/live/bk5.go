package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	leastRetention = 90 // days that every backup is kept in production
	// backupLimit is how old the newest backup of a database may be: a day, and the time that it takes. Its copy is made
	// after it, over a longer way.
	backupLimit, copyLimit = 26 * time.Hour, 32 * time.Hour
	// firstBackup and firstCopy are how long after midnight the first ones are there at the latest: AWS Backup begins within
	// eight hours.
	firstBackup, firstCopy = 10 * time.Hour, 16 * time.Hour
)

// retention is how long the client's backups are to be kept, in days.
func (l *look) retention() int { return max(l.subject.Client().Backup.RetentionDays, leastRetention) }

// completeBackups is the look at BK-5.
func completeBackups(ctx context.Context, l *look) error {
	vaults, err := l.dailyVaults(ctx)
	errs := []error{l.wantThere(ctx), err}
	for _, v := range vaults {
		errs = append(errs, lockedVault(ctx, l, v), backupsInVault(ctx, l, v))
	}
	buckets, err := l.backupBuckets(ctx)
	errs = append(errs, err)
	for _, b := range buckets {
		errs = append(errs, lockedBucket(ctx, l, b))
		if b.region == l.home && l.second != "" {
			errs = append(errs, wantCopied(ctx, l, b))
		}
	}
	return errors.Join(append(errs, attachmentsKept(ctx, l), refusedOutside(ctx, l, buckets))...)
}

// vault is one vault that the daily plan fills.
type vault struct {
	backuptypes.BackupVaultListMember
	region string
}

func (v vault) name() string { return aws.ToString(v.BackupVaultName) }

func (v vault) of(token string) object {
	if token != backupVault { // settings go by the vault's name, which is the same in both regions
		return object{token, v.name() + " in " + v.region}
	}
	return object{token, aws.ToString(v.BackupVaultArn)}
}

// dailyVaults are the vaults that the plans fill, here and in the second region; on the way the plans are judged.
func (l *look) dailyVaults(ctx context.Context) ([]vault, error) {
	plans, err := l.plans(ctx, l.home)
	if err != nil {
		return nil, err
	}
	if len(plans) == 0 {
		l.missing("backup plan in "+l.home, "a plan that backs every database up every day", fixByUpdate)
	}
	places := map[string]string{} // by region and name
	for _, p := range plans {
		o := object{backupPlan, p.id}
		for i, rule := range p.Rules {
			at := fmt.Sprintf("rules.%d.", i)
			schedule, zone := aws.ToString(rule.ScheduleExpression), aws.ToString(rule.ScheduleExpressionTimezone)
			l.want(o, schedule == "cron(0 0 * * ? *)" && slices.Contains([]string{"", "UTC", "Etc/UTC"}, zone), at+"schedule", strings.TrimSpace(schedule+" "+zone), "every day at 00:00 UTC", fixByUpdate)
			l.wantKept(o, at+"lifecycle.deleteAfter", rule.Lifecycle)
			places[l.home+"/"+aws.ToString(rule.TargetBackupVaultName)] = l.home
			abroad := l.second == ""
			for n, action := range rule.CopyActions {
				parts := strings.SplitN(aws.ToString(action.DestinationBackupVaultArn), ":", 7)
				there := len(parts) == 7 && parts[3] == l.second && parts[4] == l.number
				l.want(o, there, fmt.Sprintf("%scopyActions.%d.destinationVaultArn", at, n), aws.ToString(action.DestinationBackupVaultArn), "the account's vault in "+l.second, fixByUpdate)
				l.wantKept(o, fmt.Sprintf("%scopyActions.%d.lifecycle.deleteAfter", at, n), action.Lifecycle)
				if there {
					abroad, places[l.second+"/"+parts[6]] = true, l.second
				}
			}
			if !abroad {
				l.want(o, false, at+"copyActions", "none to "+l.second, "a copy to the vault in "+l.second, fixByUpdate)
			}
		}
	}
	var all []vault
	for place, region := range places {
		there, err := l.vaults(ctx, region)
		if err != nil {
			return nil, err
		}
		_, name, _ := strings.Cut(place, "/")
		one, known := there[name]
		if !known {
			l.missing("vault "+name+" in "+region, "the vault that the daily plan fills", fixByUpdate)
			continue
		}
		all = append(all, vault{one, region})
	}
	slices.SortFunc(all, func(x, y vault) int { return strings.Compare(x.region+x.name(), y.region+y.name()) })
	return all, nil
}

// wantKept reports whether backups are kept long enough. Without a number they are kept for ever, which is DP-8's.
func (l *look) wantKept(o object, property string, life *backuptypes.Lifecycle) {
	var days *int64
	if life != nil {
		days = life.DeleteAfterDays
	}
	l.want(o, days == nil || *days >= int64(l.retention()), property, days, fmt.Sprintf("at least %d, the days that a backup is kept", l.retention()), fixByUpdate)
}

// lockedVault reports whether a vault keeps what is in it: under a key of its region, locked, and closed to others.
func lockedVault(ctx context.Context, l *look, v vault) error {
	lock := v.of(backupVaultLock)
	l.want(lock, aws.ToBool(v.Locked), "locked", aws.ToBool(v.Locked), "true", fixByUpdate)
	l.want(lock, aws.ToInt64(v.MinRetentionDays) == int64(l.retention()), "minRetentionDays", aws.ToInt64(v.MinRetentionDays), fmt.Sprintf("%d: nothing goes earlier", l.retention()), fixByUpdate)
	if l.subject.Client().Backup.Lock == "compliance" {
		l.want(lock, v.LockDate != nil, "lockDate", l.agoOf(v.LockDate), "the day after which nobody can lift the lock", fixByUpdate)
	}
	if err := l.wantOwnKey(ctx, v.of(backupVault), v.region, "kmsKeyArn", aws.ToString(v.EncryptionKeyArn)); err != nil {
		return err
	}
	text, err := l.vaultPolicy(ctx, v.region, v.name())
	if err != nil {
		return err
	}
	o := v.of(backupVaultPolicy)
	document, readable := l.readPolicy(o, text)
	if !readable {
		return nil
	}
	whole := func(resources []string) bool { return slices.Contains(resources, "*") }
	l.wantRefused(o, document, whole, "everybody is refused to delete a backup or to shorten its life", l.leaversMayDelete(),
		"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle")
	l.wantRefused(o, document, whole, "every other account is refused what the vault offers",
		[]policy.Condition{{Operator: "StringNotEquals", Key: "aws:PrincipalAccount", Values: []string{l.number}}},
		"backup:CopyFromBackupVault", "backup:CopyIntoBackupVault", "backup:DeleteBackupVault", "backup:PutBackupVaultAccessPolicy", "backup:StartRestoreJob")
	l.wantNoStrangers(o, text)
	return nil
}

// wantRefused reports whether a policy refuses actions to everybody on what it guards.
func (l *look) wantRefused(o object, document policy.Document, on func(resources []string) bool, expected string, conditions []policy.Condition, actions ...string) {
	var open []string
	for _, action := range actions {
		if !refusesAll(document, action, on, conditions...) {
			open = append(open, action)
		}
	}
	l.want(o, len(open) == 0, "policy", "not refused: "+noneOr(open), expected, fixByUpdate)
}

func noneOr(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// backupsInVault reports whether each database has a backup of the last day in a vault, and whether they go back as far as they
// are to be kept.
func backupsInVault(ctx context.Context, l *look, v vault) error {
	points, err := l.recoveryPoints(ctx, v.region, v.name())
	if err != nil {
		return err
	}
	protected, err := l.protectedStores(ctx)
	if err != nil {
		return err
	}
	limit, first, where := backupLimit, firstBackup, "in "+v.region
	if v.region != l.home {
		limit, first = copyLimit, firstCopy
	}
	for _, s := range protected {
		begun := s.created
		if v.CreationDate != nil && v.CreationDate.After(begun) {
			begun = *v.CreationDate
		}
		due := begun.UTC().Truncate(day).Add(day + first)
		var newest, oldest *time.Time
		count := 0
		for _, p := range points {
			if aws.ToString(p.ResourceArn) != s.id || p.Status != backuptypes.RecoveryPointStatusCompleted {
				continue
			}
			count++
			newest = newer(newest, timeOf(p.CompletionDate, p.CreationDate))
			if oldest == nil || p.CreationDate != nil && p.CreationDate.Before(*oldest) {
				oldest = p.CreationDate
			}
		}
		l.wantFresh(s.object, "", newest, limit, due, fmt.Sprintf("a backup %s of the last day, at most %s old", where, lasting(limit)), "see the jobs of AWS Backup in "+v.region)
		if oldest == nil {
			continue
		}
		// The first of those that are still kept may be a day younger than the day on which the oldest one left.
		reach := min(time.Duration(l.retention()-2)*day, l.subject.Now.Sub(due))
		l.want(s.object, l.subject.Now.Sub(*oldest) >= reach, "", fmt.Sprintf("%d backups %s, the oldest of %s", count, where, l.agoOf(oldest)),
			fmt.Sprintf("backups of the last %d days", l.retention()), "find in CloudTrail who deleted backups")
	}
	ring, err := l.keyring(ctx, v.region)
	if err != nil {
		return err
	}
	for _, p := range points {
		l.wantPointKept(v, p, ring)
	}
	return nil
}

// wantPointKept reports a backup that is not encrypted under the client's key, not complete, or not kept long enough; good ones
// are counted with their database.
func (l *look) wantPointKept(v vault, p backuptypes.RecoveryPointByBackupVault, ring map[string]key) {
	o := object{"", aws.ToString(p.RecoveryPointArn)}
	k, known := ring[aws.ToString(p.EncryptionKeyArn)]
	if !p.IsEncrypted || !known || !k.customers() || !l.ours(k.tags) {
		l.want(o, false, "encryptionKeyArn", orAbsent(aws.ToString(p.EncryptionKeyArn)), "a key of the client's own in "+v.region, "make the backup again, in the stack's vault")
	}
	if p.CreationDate == nil || p.CalculatedLifecycle == nil || p.CalculatedLifecycle.DeleteAt == nil {
		return // kept for ever: DP-8
	}
	if kept := p.CalculatedLifecycle.DeleteAt.Sub(*p.CreationDate); kept < time.Duration(l.retention())*day-day {
		l.want(o, false, "lifecycle.deleteAfter", lasting(kept), fmt.Sprintf("at least %d days", l.retention()), "find in CloudTrail who shortened its life")
	}
}

func timeOf(first, otherwise *time.Time) *time.Time {
	if first != nil {
		return first
	}
	return otherwise
}

// store is a database or document cluster that the daily plan backs up.
type store struct {
	object
	id      string // ARN
	created time.Time
}

// protectedStores are all databases and document clusters of the account in its own region.
func (l *look) protectedStores(ctx context.Context) ([]store, error) {
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return nil, err
	}
	clusters, err := l.documentClusters(ctx, l.home)
	var all []store
	for _, db := range databases {
		all = append(all, store{dbObject(db), aws.ToString(db.DBInstanceArn), l.after(db.InstanceCreateTime, 0)})
	}
	for _, c := range clusters {
		all = append(all, store{clusterObject(c), aws.ToString(c.DBClusterArn), l.after(c.ClusterCreateTime, 0)})
	}
	return all, err
}

// lockedBucket reports whether a bucket keeps the backups in it: under a key of its region, locked, versioned, and closed.
func lockedBucket(ctx context.Context, l *look, b bucket) error {
	lock, err := l.bucketLock(ctx, b)
	if err != nil {
		return err
	}
	days, mode := 0, ""
	if lock != nil && lock.Rule != nil && lock.Rule.DefaultRetention != nil {
		days = int(aws.ToInt32(lock.Rule.DefaultRetention.Days)) + 365*int(aws.ToInt32(lock.Rule.DefaultRetention.Years))
		mode = string(lock.Rule.DefaultRetention.Mode)
	}
	want := strings.ToUpper(l.subject.Client().Backup.Lock)
	l.want(b.of(s3Lock), days >= l.retention(), "rule.defaultRetention.days", days, fmt.Sprintf("at least %d: no backup goes earlier", l.retention()), fixByUpdate)
	l.want(b.of(s3Lock), mode == want, "rule.defaultRetention.mode", orAbsent(mode), want+", as the spec has it", fixByUpdate)
	return errors.Join(wantVersioned(ctx, l, b), wantBucketKey(ctx, l, b), wantClosed(ctx, l, b), guardedBucket(ctx, l, b))
}

// wantBucketKey reports whether a bucket encrypts with a key of the client's own in its region.
func wantBucketKey(ctx context.Context, l *look, b bucket) error {
	const byDefault = "rules.0.applyServerSideEncryptionByDefault."
	setting, err := l.bucketDefault(ctx, b)
	if err != nil {
		return err
	}
	if setting == nil || setting.SSEAlgorithm != s3types.ServerSideEncryptionAwsKms && setting.SSEAlgorithm != s3types.ServerSideEncryptionAwsKmsDsse {
		found := "absent"
		if setting != nil {
			found = string(setting.SSEAlgorithm)
		}
		l.want(b.of(s3Encryption), false, byDefault+"sseAlgorithm", found, "aws:kms", fixByUpdate)
		return nil
	}
	return l.wantOwnKey(ctx, b.of(s3Encryption), b.region, byDefault+"kmsMasterKeyId", aws.ToString(setting.KMSMasterKeyID))
}

// wantClosed reports whether nothing can make a bucket public, and whether no access list counts in it.
func wantClosed(ctx context.Context, l *look, b bucket) error {
	block, err := l.bucketAccessBlock(ctx, b)
	if err != nil {
		return err
	}
	if block == nil {
		block = &s3types.PublicAccessBlockConfiguration{}
	}
	for _, flag := range []struct {
		name string
		on   *bool
	}{
		{"blockPublicAcls", block.BlockPublicAcls}, {"blockPublicPolicy", block.BlockPublicPolicy},
		{"ignorePublicAcls", block.IgnorePublicAcls}, {"restrictPublicBuckets", block.RestrictPublicBuckets},
	} {
		l.want(b.of(s3AccessBlock), aws.ToBool(flag.on), flag.name, aws.ToBool(flag.on), "true: nothing opens the bucket to the public", fixByUpdate)
	}
	owner, err := l.bucketOwnership(ctx, b)
	if err == nil {
		l.want(b.of(s3Ownership), owner == string(s3types.ObjectOwnershipBucketOwnerEnforced), "rule.objectOwnership", orAbsent(owner),
			"BucketOwnerEnforced: no access list opens an object", fixByUpdate)
	}
	return err
}

// guardedBucket reports whether a backup bucket's policy refuses deletions and plain transport, and lets in nobody from outside.
func guardedBucket(ctx context.Context, l *look, b bucket) error {
	text, err := l.bucketPolicy(ctx, b)
	if err != nil {
		return err
	}
	o := b.of(s3Policy)
	document, readable := l.readPolicy(o, text)
	if !readable {
		return nil
	}
	l.wantRefused(o, document, b.whole, "whoever comes without TLS is refused everything", []policy.Condition{withoutTLS}, "s3:GetObject", "s3:PutObject", "s3:ListBucket")
	l.wantRefused(o, document, b.whole, "whoever comes with less than TLS 1.2 is refused everything", []policy.Condition{withOldTLS}, "s3:GetObject", "s3:PutObject", "s3:ListBucket")
	if l.subject.Production() && !l.subject.Leaving() {
		l.wantRefused(o, document, b.objects, "everybody is refused to delete a backup or to lift its lock", nil,
			"s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion")
	}
	l.wantNoStrangers(o, text)
	return nil
}

// objects tells whether ARNs of a policy stand for everything in the bucket, whole for the bucket too.
func (b bucket) objects(resources []string) bool {
	return slices.Contains(resources, b.arn()+"/*") || slices.Contains(resources, "*")
}

func (b bucket) whole(resources []string) bool {
	return b.objects(resources) && (slices.Contains(resources, b.arn()) || slices.Contains(resources, "*"))
}

// attachmentsKept reports whether deleted attachments, which are in no vault, can be had back as long as backups are kept.
func attachmentsKept(ctx context.Context, l *look) error {
	for _, region := range l.regions() {
		files, _, err := l.personalBuckets(ctx, region)
		if err != nil {
			return err
		}
		for _, b := range files {
			rules, err := l.bucketLifecycle(ctx, b)
			if err != nil {
				return err
			}
			holds, found := true, "nothing goes earlier"
			for _, rule := range rules {
				switch gone := rule.NoncurrentVersionExpiration; {
				case rule.Status != s3types.ExpirationStatusEnabled:
				case rule.Expiration != nil && (rule.Expiration.Days != nil || rule.Expiration.Date != nil):
					holds, found = false, "rule "+aws.ToString(rule.ID)+" deletes attachments by itself"
				case gone != nil && aws.ToInt32(gone.NoncurrentDays) < leastRetention:
					holds, found = false, fmt.Sprintf("deleted attachments are gone after %d days", aws.ToInt32(gone.NoncurrentDays))
				}
			}
			l.want(b.of(s3Lifecycle), holds, "rules", found, fmt.Sprintf("deleted attachments can be had back for %d days", leastRetention), fixByUpdate)
		}
	}
	return nil
}

// refusedOutside asks for each backup bucket as anybody on the internet can, without a name. HEAD: nothing of it is sent back.
func refusedOutside(ctx context.Context, l *look, buckets []bucket) error {
	if len(buckets) == 0 {
		return nil
	}
	if l.outside.Do == nil {
		return errNotAsked
	}
	for _, b := range buckets {
		address := "https://" + b.name + ".s3." + b.region + ".amazonaws.com/"
		request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
		if err != nil {
			return err
		}
		answer, err := l.outside.Do(request)
		if err != nil {
			return fmt.Errorf("ask for bucket %s without a name: %w", b.name, err)
		}
		_ = answer.Body.Close() // nothing was read
		l.want(b.of(s3Bucket), answer.StatusCode == http.StatusForbidden, "", "an anonymous request for "+address+" is answered "+answer.Status,
			"refused: 403 Forbidden", "close the bucket to the public: "+fixByUpdate)
	}
	return nil
}
