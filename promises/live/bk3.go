package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// logLimit is how old the newest point may be to which a database can be restored: RDS writes the log every five
	// minutes, and writing it takes a moment, as does a restart.
	logLimit = 10 * time.Minute
	// abroadLimit is the same for the copy in the second region.
	abroadLimit = 30 * time.Minute
	// firstLog is how long after its creation a database has made its first backup, which a restore begins with.
	firstLog, firstAbroad = 2 * time.Hour, 6 * time.Hour
	// snapshotLimit is how old a cache's newest daily snapshot may be.
	snapshotLimit = 26 * time.Hour
	copyMinutes   = 15
)

// rollingBackup is the look at BK-3.
func rollingBackup(ctx context.Context, l *look) error {
	return errors.Join(l.wantThere(ctx), logsAtHome(ctx, l), logsAbroad(ctx, l), cacheSnapshots(ctx, l), filesCopied(ctx, l))
}

func logsAtHome(ctx context.Context, l *look) error {
	const expected = "at most 10 minutes ago: the log goes to S3 every 5 minutes"
	const fix = "see RDS's events of the database, and that its retention of backups is not 0"
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return err
	}
	for _, db := range databases {
		l.wantFresh(dbObject(db), "latestRestorableTime", db.LatestRestorableTime, logLimit, l.after(db.InstanceCreateTime, firstLog), expected, fix)
	}
	clusters, err := l.documentClusters(ctx, l.home)
	for _, c := range clusters {
		l.wantFresh(clusterObject(c), "latestRestorableTime", c.LatestRestorableTime, logLimit, l.after(c.ClusterCreateTime, firstLog), expected, fix)
	}
	return err
}

// after is a time after a creation. What AWS is still making has no time of creation yet.
func (l *look) after(created *time.Time, d time.Duration) time.Time {
	if created == nil {
		return l.subject.Now.Add(d)
	}
	return created.Add(d)
}

// replicatedTo is what of a database's backups is in the second region; nil: nothing.
func (a *account) replicatedTo(ctx context.Context, db rdstypes.DBInstance) (*rdstypes.DBInstanceAutomatedBackup, error) {
	all, err := a.dbAutomatedBackups(ctx, a.second)
	for _, b := range all {
		if aws.ToString(b.DBInstanceArn) == aws.ToString(db.DBInstanceArn) {
			return &b, err
		}
	}
	return nil, err
}

// logsAbroad reads the copies of the databases' logs. Those of DocumentDB stay at home: its daily copies (BK-5) go abroad.
func logsAbroad(ctx context.Context, l *look) error {
	if l.second == "" {
		if l.subject.Production() {
			l.missing("second region", "a second region in production", "set backup.secondRegion in the client's spec")
		}
		return nil
	}
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return err
	}
	for _, db := range databases {
		copied, err := l.replicatedTo(ctx, db)
		if err != nil {
			return err
		}
		if copied == nil {
			l.want(dbObject(db), false, "", "no replication of its backups to "+l.second, "each log in "+l.second+" too", fixByUpdate)
			continue
		}
		o := object{rdsReplicas, aws.ToString(copied.DBInstanceAutomatedBackupsArn)}
		l.want(o, aws.ToBool(copied.Encrypted), "encrypted", aws.ToBool(copied.Encrypted), "true", "make the replication anew, with the stack's key")
		if err := l.wantOwnKey(ctx, o, l.second, "kmsKeyId", aws.ToString(copied.KmsKeyId)); err != nil {
			return err
		}
		var latest *time.Time
		if copied.RestoreWindow != nil {
			latest = copied.RestoreWindow.LatestTime
		}
		l.wantFresh(o, "restoreWindow.latestTime", latest, abroadLimit, l.after(db.InstanceCreateTime, firstAbroad),
			"at most 30 minutes ago: each log is copied to "+l.second, "see RDS's events of the database in "+l.second+": its status is "+aws.ToString(copied.Status))
	}
	return nil
}

// cacheSnapshots are made every day; a cache has no log.
func cacheSnapshots(ctx context.Context, l *look) error {
	groups, err := l.caches(ctx, l.home)
	if err != nil {
		return err
	}
	if l.subject.Client().Cache != nil && len(groups) == 0 {
		l.missing("cache in "+l.home, "the client's cache, with snapshots", fixByUpdate)
	}
	if len(groups) == 0 {
		return nil
	}
	snapshots, err := l.cacheSnapshots(ctx, l.home)
	if err != nil {
		return err
	}
	for _, g := range groups {
		o := object{cacheType, aws.ToString(g.ARN)}
		kept, window := int(aws.ToInt32(g.SnapshotRetentionLimit)), l.subject.Client().Database.PointInTimeDays
		l.want(o, kept >= window, "snapshotRetentionLimit", kept, fmt.Sprintf("at least %d daily snapshots", window), fixByUpdate)
		var newest *time.Time
		for _, s := range snapshots {
			if aws.ToString(s.ReplicationGroupId) == aws.ToString(g.ReplicationGroupId) || slices.Contains(g.MemberClusters, aws.ToString(s.CacheClusterId)) {
				newest = newer(newest, cacheSnapshotTime(s))
			}
		}
		l.wantFresh(o, "", newest, snapshotLimit, l.after(g.ReplicationGroupCreateTime, snapshotLimit), "a snapshot of the last day, at most 26 hours old",
			"see ElastiCache's events of the group in "+l.home)
	}
	return nil
}

func cacheSnapshotTime(s cachetypes.Snapshot) *time.Time {
	var at *time.Time
	for _, node := range s.NodeSnapshots {
		at = newer(at, node.SnapshotCreateTime)
	}
	return at
}

func newer(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}

// filesCopied reports whether attachments, which no log has, are kept in versions and copied as they are written.
func filesCopied(ctx context.Context, l *look) error {
	for _, region := range l.regions() {
		files, _, err := l.personalBuckets(ctx, region)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			l.missing("bucket for attachments in "+region, "a bucket for attachments in "+region, fixByUpdate)
		}
		for _, b := range files {
			if err := wantVersioned(ctx, l, b); err != nil {
				return err
			}
			if region == l.home && l.second != "" {
				if err := wantCopied(ctx, l, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func wantVersioned(ctx context.Context, l *look, b bucket) error {
	status, err := l.bucketVersioning(ctx, b)
	if err == nil {
		l.want(b.of(s3Versioning), status == "Enabled", "versioningConfiguration.status", orAbsent(status), "Enabled: what is overwritten or deleted can be had back", fixByUpdate)
	}
	return err
}

// wantCopied reports whether everything in a bucket is copied in time to a bucket of the account in the second region, under a
// key of its own there.
func wantCopied(ctx context.Context, l *look, b bucket) error {
	o := b.of(s3Replication)
	config, err := l.bucketReplication(ctx, b)
	if err != nil {
		return err
	}
	if config == nil || len(config.Rules) != 1 || !everything(config.Rules[0]) {
		rules := 0
		if config != nil {
			rules = len(config.Rules)
		}
		l.want(o, false, "rules", rules, "one rule, for everything in the bucket", fixByUpdate)
		return nil
	}
	rule := config.Rules[0]
	const first = "rules.0."
	want := func(holds bool, property string, found any, expected string) {
		l.want(o, holds, first+property, found, expected, fixByUpdate)
	}
	want(rule.Status == s3types.ReplicationRuleStatusEnabled, "status", string(rule.Status), "Enabled")
	encrypted := rule.SourceSelectionCriteria != nil && rule.SourceSelectionCriteria.SseKmsEncryptedObjects != nil &&
		rule.SourceSelectionCriteria.SseKmsEncryptedObjects.Status == s3types.SseKmsEncryptedObjectsStatusEnabled
	want(encrypted, "sourceSelectionCriteria.sseKmsEncryptedObjects.status", encrypted, "Enabled: without it no encrypted object is copied")
	kept := rule.DeleteMarkerReplication == nil || rule.DeleteMarkerReplication.Status != s3types.DeleteMarkerReplicationStatusEnabled
	want(kept, "deleteMarkerReplication.status", !kept, "Disabled: what is deleted here stays in the copy")
	to := rule.Destination
	if to == nil {
		to = &s3types.Destination{}
	}
	inTime := to.ReplicationTime != nil && to.ReplicationTime.Status == s3types.ReplicationTimeStatusEnabled && to.ReplicationTime.Time != nil &&
		aws.ToInt32(to.ReplicationTime.Time.Minutes) == copyMinutes
	want(inTime, "destination.replicationTime", inTime, fmt.Sprintf("on: copies within %d minutes", copyMinutes))
	want(to.StorageClass == "" || to.StorageClass == s3types.StorageClassStandard, "destination.storageClass", string(to.StorageClass), "STANDARD: a copy in the archive cannot be restored in time")

	there, err := l.buckets(ctx, l.second)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(there, func(other bucket) bool { return other.arn() == aws.ToString(to.Bucket) })
	own := i >= 0 && l.ours(there[i].tags) && (to.Account == nil || *to.Account == l.number)
	want(own, "destination.bucket", aws.ToString(to.Bucket), "the stack's own bucket of the same data in "+l.second)
	if !own {
		return nil
	}
	key := ""
	if to.EncryptionConfiguration != nil {
		key = aws.ToString(to.EncryptionConfiguration.ReplicaKmsKeyID)
	}
	return l.wantOwnKey(ctx, o, l.second, first+"destination.encryptionConfiguration.replicaKmsKeyId", key)
}

// everything tells whether a rule leaves nothing in a bucket out.
func everything(rule s3types.ReplicationRule) bool {
	f := rule.Filter
	//nolint:staticcheck // the old place of the prefix still counts where it is used
	return aws.ToString(rule.Prefix) == "" && (f == nil || aws.ToString(f.Prefix) == "" && f.Tag == nil && f.And == nil)
}
