package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// BK3 is the rolling backup.
func (catalogue) BK3() promises.Promise {
	return promises.Promise{
		ID:       "BK-3",
		Title:    "Rolling backup every 5 minutes",
		Sentence: "Every change to your data is in an encrypted backup in S3 within 5 minutes, for each of your sites and environments.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours},
		Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
			list := []promises.Parameter{{Name: "made", Value: "every 5 minutes"}, {Name: "place", Value: "S3, encrypted"}}
			if h == promises.OnAWS {
				list = append(list, promises.Parameter{Name: "copied on to", Value: secondRegion(s), Key: "backup.secondRegion"})
			}
			return list
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every database in the resource graph writes its transaction log to S3 every 5 minutes and has the log copied to a second region, " +
				"and every attachment is kept in versions and copied as it is written"},
			{Level: promises.Live, How: "the age of the newest second to which each database can be restored is read back from both regions, with the key of the copy, and the age of the cache's newest snapshot; " +
				"of the buckets for attachments, versioning and the settings of their copy are read"},
		},
		Keywords: []string{
			"rolling backup", "backup every 5 minutes", "backup frequency database", "how often backup", "continuous backup",
			"changes since last backup", "minutes missing from latest backup", "age of the newest backup", "newest backup old", "log shipping",
			"WAL archiving", "how often is data backed up", "backup in S3", "near real-time backup", "every 5 minutes", "incremental backup",
			"transaction log backup", "backup interval", "backup frequency",
		},
		Check:  rollingBackup,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: rollingArchive},
	}
}

func rollingBackup(s promises.Subject, r *promises.Report) {
	databases := r.Must(sources(s.Graph), "database instance", "a database with a rolling backup", "give the client a database")
	databases = append(databases, s.Graph.OfType(typeDocuments)...)
	groups := s.Graph.OfType(typeCache)
	client := s.Client()
	if client.Documents != nil {
		r.Must(s.Graph.OfType(typeDocuments), "document database", "a document database with a rolling backup", "keep component documents in the stack")
	}
	if client.Cache != nil {
		r.Must(groups, "cache", "a cache with snapshots", "keep component cache in the stack")
	}
	for _, db := range databases {
		days, _ := db.Number("backupRetentionPeriod")
		r.Want(db, days >= 1, "backupRetentionPeriod", "1 or more: with 0 no transaction log goes to S3, with any other one goes there every 5 minutes",
			"set database.pointInTimeDays in the client's spec")
	}
	for _, group := range groups {
		kept, _ := group.Number("snapshotRetentionLimit")
		r.Want(group, kept >= float64(windowDays(s.Spec)), "snapshotRetentionLimit",
			fmt.Sprintf("at least %d, the daily snapshots of the cache that go to S3", windowDays(s.Spec)), "set database.pointInTimeDays in the client's spec")
		if guarded(s) {
			r.Want(group, group.Text("finalSnapshotIdentifier") != "", "finalSnapshotIdentifier", "a name for the snapshot that is made before a deletion",
				"set it in components/cache")
		}
		wantGuarded(s, r, group)
	}
	logsAbroad(s, r)
	attachmentsCopied(s, r)
}

// logsAbroad reports whether each database's log goes to the second region. DocumentDB cannot do that; its daily
// copies (BK-5) go there.
func logsAbroad(s promises.Subject, r *promises.Report) {
	const replicas = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
	region := s.Client().Backup.SecondRegion
	if region == "" {
		if s.Production() {
			r.Missing("second region", "a second region in production", "set backup.secondRegion in the client's spec")
		}
		return
	}
	for _, db := range sources(s.Graph) {
		replica := single(r, db, db.Referrers("sourceDbInstanceArn", replicas), "replication of the automated backups",
			"set backup.secondRegion, with which components/database adds it")
		if replica == nil {
			continue
		}
		r.Say(replica, replica.Region() == region, "in "+replica.Region(), "in "+region+", with every transaction log", "set backup.secondRegion in the client's spec")
		if key := ownKey(r, replica, "kmsKeyId"); key != nil {
			wantKeySafe(s, r, key)
			wantNoOutsider(s, r, key)
			wantServes(s, r, key, "rds")
		}
	}
}

// attachmentsCopied reports whether attachments, which no database's log has, are copied one by one.
func attachmentsCopied(s promises.Subject, r *promises.Report) {
	aws, second := s.Client().AWS.Region, s.Client().Backup.SecondRegion
	buckets := r.Must(madeBy(s.Graph, filesComponent, aws, typeBucket), "bucket for attachments", "a bucket for attachments in "+aws,
		"keep component "+filesComponent+" in the stack")
	for _, bucket := range buckets {
		wantToldBucket(r, s.Graph, "files-bucket", bucket)
		if key := defaultKey(bucket); key != nil { // whether there is one is DP-4
			wantKeySafe(s, r, key)
		}
	}
	if second != "" {
		copies := r.Must(madeBy(s.Graph, secondFilesComponent, second, typeBucket), "copy of the attachments", "a bucket for attachments in "+second,
			"set backup.secondRegion, and keep component "+secondFilesComponent+" in the stack")
		for _, bucket := range buckets {
			wantCopied(s, r, bucket, copies)
		}
		for _, bucket := range copies {
			bucketKey(r, bucket) // BK-5 has more on it: the key is that of all copies
		}
		buckets = append(buckets, copies...)
	}
	for _, bucket := range buckets {
		wantVersioned(r, bucket)
		wantKept(s, r, bucket)
	}
}

// bucketKey is the key that a bucket encrypts with where nothing else is asked for.
func bucketKey(r *promises.Report, bucket *graph.Resource) *graph.Resource {
	const byDefault = "rules.0.applyServerSideEncryptionByDefault."
	setting := bucketSetting(r, bucket, typeBucketEncryption, "encryption with a key of the client's own")
	if setting == nil {
		return nil
	}
	r.Want(setting, setting.Text(byDefault+"sseAlgorithm") == "aws:kms", byDefault+"sseAlgorithm", "aws:kms", "pass KeyArn to components/bucket")
	return ownKey(r, setting, byDefault+"kmsMasterKeyId")
}
