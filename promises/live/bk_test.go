package live

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
	"github.com/google/go-cmp/cmp"
)

const (
	filesHere   = "berth-acme-production-files-123456789012-eu-west-2"
	filesThere  = "berth-acme-production-files-123456789012-eu-west-1"
	backupHere  = "berth-acme-production-backup-123456789012-eu-west-2"
	backupThere = "berth-acme-production-backup-123456789012-eu-west-1"
	vaultHere   = "arn:aws:backup:eu-west-2:123456789012:backup-vault:acme-production-backup"
)

func TestRollingBackup(t *testing.T) {
	rule := func(w *dataWorld) *s3types.ReplicationRule { return &w.here.bucket("files").replication.Rules[0] }
	breaksIn(t, "BK-3", map[string]dataChange{
		"an old log":       {func(w *dataWorld) { w.db().LatestRestorableTime = minutesPast(11) }, []string{testDatabase + ".latestRestorableTime"}},
		"no log":           {func(w *dataWorld) { w.db().LatestRestorableTime = nil }, []string{testDatabase + ".latestRestorableTime"}},
		"no copy of it":    {func(w *dataWorld) { w.there.automated = nil }, []string{testDatabase}},
		"an old copy":      {func(w *dataWorld) { w.there.automated[0].RestoreWindow.LatestTime = minutesPast(40) }, []string{testReplicas + ".restoreWindow.latestTime"}},
		"a copy in clear":  {func(w *dataWorld) { w.there.automated[0].Encrypted = aws.Bool(false) }, []string{testReplicas + ".encrypted"}},
		"AWS's key":        {func(w *dataWorld) { w.there.automated[0].KmsKeyId = aws.String(keyARN("eu-west-1", "awss")) }, []string{testReplicas + ".kmsKeyId"}},
		"a disabled key":   {func(w *dataWorld) { w.there.keys[0].KeyState = kmstypes.KeyStateDisabled }, []string{"database-eu-west-1.isEnabled"}},
		"no database":      {func(w *dataWorld) { w.here.instances = nil }, []string{"stack"}},
		"no cache":         {func(w *dataWorld) { w.here.caches = nil }, []string{"stack"}},
		"few snapshots":    {func(w *dataWorld) { w.here.caches[0].SnapshotRetentionLimit = aws.Int32(1) }, []string{testCache + ".snapshotRetentionLimit"}},
		"an old snapshot":  {func(w *dataWorld) { w.here.cacheSnapshots[0].NodeSnapshots[0].SnapshotCreateTime = past(2) }, []string{testCache}},
		"no versions":      {func(w *dataWorld) { w.there.bucket("files").versioning = s3types.BucketVersioningStatusSuspended }, []string{filesThere + ".versioningConfiguration.status"}},
		"no copy of files": {func(w *dataWorld) { w.here.bucket("files").replication = nil }, []string{filesHere + ".rules"}},
		"copies of some":   {func(w *dataWorld) { rule(w).Filter.Prefix = aws.String("a/") }, []string{filesHere + ".rules"}},
		"copies off":       {func(w *dataWorld) { rule(w).Status = s3types.ReplicationRuleStatusDisabled }, []string{filesHere + ".rules.0.status"}},
		"none encrypted":   {func(w *dataWorld) { rule(w).SourceSelectionCriteria = nil }, []string{filesHere + ".rules.0.sourceSelectionCriteria.sseKmsEncryptedObjects.status"}},
		"deletions copied": {func(w *dataWorld) { rule(w).DeleteMarkerReplication.Status = "Enabled" }, []string{filesHere + ".rules.0.deleteMarkerReplication.status"}},
		"copies at leisure": {func(w *dataWorld) { rule(w).Destination.ReplicationTime = nil },
			[]string{filesHere + ".rules.0.destination.replicationTime"}},
		"copies in the archive": {func(w *dataWorld) { rule(w).Destination.StorageClass = s3types.StorageClassGlacier }, []string{filesHere + ".rules.0.destination.storageClass"}},
		"copies to others":      {func(w *dataWorld) { rule(w).Destination.Bucket = aws.String("arn:aws:s3:::theirs") }, []string{filesHere + ".rules.0.destination.bucket"}},
		"copies in clear":       {func(w *dataWorld) { rule(w).Destination.EncryptionConfiguration = nil }, []string{filesHere + ".rules.0.destination.encryptionConfiguration.replicaKmsKeyId"}},
		"no bucket for files":   {func(w *dataWorld) { w.there.bucket("files").tags = nil }, []string{filesHere + ".rules.0.destination.bucket", "stack"}},
	})
	deniedBy(t, "BK-3", "RDS:DescribeDBInstances", "RDS:DescribeDBInstanceAutomatedBackups", "ElastiCache:DescribeSnapshots", "S3:ListBuckets", "S3:GetBucketReplication", "KMS:ListKeys")
	tooEarlyFor(t, "BK-3", "acme-production", func(w *dataWorld) { w.db().InstanceCreateTime, w.db().LatestRestorableTime = minutesPast(20), nil })
	tooEarlyFor(t, "BK-3", "auto-backup:ab-1: at most 30 minutes ago: each log is copied to eu-west-1, first due at 2026-11-22T12:00:00Z", func(w *dataWorld) {
		w.db().InstanceCreateTime, w.there.automated[0].RestoreWindow = minutesPast(180), nil
	})
	tooEarlyFor(t, "BK-3", "a snapshot of the last day", func(w *dataWorld) {
		w.here.caches[0].ReplicationGroupCreateTime, w.here.cacheSnapshots = past(0.5), nil
	})
	tooEarlyFor(t, "BK-3", "first due at", func(w *dataWorld) { w.db().InstanceCreateTime, w.db().LatestRestorableTime = nil, nil }) // AWS is making it
}

func TestPointInTime(t *testing.T) {
	breaksIn(t, "BK-4", map[string]dataChange{
		"few days":           {func(w *dataWorld) { w.db().BackupRetentionPeriod = aws.Int32(6) }, []string{testDatabase + ".backupRetentionPeriod"}},
		"few days abroad":    {func(w *dataWorld) { w.there.automated[0].BackupRetentionPeriod = aws.Int32(1) }, []string{testReplicas + ".retentionPeriod"}},
		"unprotected":        {func(w *dataWorld) { w.db().DeletionProtection = aws.Bool(false) }, []string{testDatabase + ".deletionProtection"}},
		"unmarked snapshots": {func(w *dataWorld) { w.db().CopyTagsToSnapshot = nil }, []string{testDatabase + ".copyTagsToSnapshot"}},
		"a short window":     {func(w *dataWorld) { w.here.automated[0].RestoreWindow.EarliestTime = past(6.9) }, []string{testDatabase + ".restoreWindow.earliestTime"}},
		"no window":          {func(w *dataWorld) { w.here.automated = nil }, []string{testDatabase + ".restoreWindow.earliestTime"}},
		"it ends early":      {func(w *dataWorld) { w.db().LatestRestorableTime = past(0.1) }, []string{testDatabase + ".latestRestorableTime"}},
		"short abroad":       {func(w *dataWorld) { w.there.automated[0].RestoreWindow.EarliestTime = past(2) }, []string{testReplicas + ".restoreWindow.earliestTime"}},
		"ends early abroad":  {func(w *dataWorld) { w.there.automated[0].RestoreWindow.LatestTime = past(1) }, []string{testReplicas + ".latestRestorableTime"}},
		"none abroad":        {func(w *dataWorld) { w.there.automated = nil }, []string{testDatabase}},
		"no versions":        {func(w *dataWorld) { w.here.bucket("backup").versioning = "" }, []string{backupHere + ".versioningConfiguration.status"}},
		"young, but shortened": {func(w *dataWorld) {
			w.db().InstanceCreateTime, w.here.automated[0].RestoreWindow.EarliestTime = past(5), past(2)
		},
			[]string{testDatabase + ".restoreWindow.earliestTime"}},
	})
	deniedBy(t, "BK-4", "RDS:DescribeDBInstances", "RDS:DescribeDBInstanceAutomatedBackups", "RDS:DescribeDBClusters", "S3:GetBucketVersioning")
	tooEarlyFor(t, "BK-4", "the window of 7 days is full at 2026-11-28T09:00:00Z", func(w *dataWorld) {
		w.db().InstanceCreateTime = past(2)
		w.here.automated[0].RestoreWindow.EarliestTime, w.there.automated[0].RestoreWindow.EarliestTime = past(1.9), past(1.8)
	})
	tooEarlyFor(t, "BK-4", "its first backup is being made", func(w *dataWorld) {
		w.db().InstanceCreateTime, w.db().LatestRestorableTime, w.here.automated, w.there.automated[0].RestoreWindow = minutesPast(20), nil, nil, nil
	})
}

func TestDocumentsHaveTheirWindowToo(t *testing.T) {
	subject := subjectOf(t, "prod")
	subject.Spec.AWSClient.Documents = &spec.Documents{}
	w := goodDataWorld()
	if r := makeLook(t, "BK-4", subject, w.answers(), w.outside); cmp.Diff([]string{"stack"}, brokenAt(r)) != "" {
		t.Errorf("without a cluster: %v", brokenAt(r))
	}
	const arn = "arn:aws:rds:eu-west-2:123456789012:cluster:acme-production"
	w.here.clusters = []rdstypes.DBCluster{{DBClusterArn: aws.String(arn), DBClusterIdentifier: aws.String("acme-production"), Engine: aws.String("docdb"), TagList: w.db().TagList, ClusterCreateTime: past(200),
		BackupRetentionPeriod: aws.Int32(7), DeletionProtection: aws.Bool(true), EarliestRestorableTime: past(7.2), LatestRestorableTime: minutesPast(3)}}
	for _, id := range []string{"BK-3", "BK-4"} {
		if r := makeLook(t, id, subject, w.answers(), w.outside); r.Verdict != promises.Kept {
			t.Errorf("%s: %s %s %v", id, r.Verdict, r.Why, brokenAt(r))
		}
	}
	w.here.clusters[0].EarliestRestorableTime, w.here.clusters[0].LatestRestorableTime = past(3), past(1)
	if r := makeLook(t, "BK-4", subject, w.answers(), w.outside); cmp.Diff([]string{arn + ".earliestRestorableTime", arn + ".latestRestorableTime"}, brokenAt(r)) != "" {
		t.Errorf("a short window: %v", brokenAt(r))
	}
}

func TestCompleteBackups(t *testing.T) {
	vaultLock, vaultPolicy := testVault+" in eu-west-1", testVault+" in eu-west-2.policy"
	point := func(w *dataWorld) *backuptypes.RecoveryPointByBackupVault { return &w.there.points[3] }
	rule := func(w *dataWorld) *backuptypes.BackupRule { return &w.here.plans[0].Rules[0] }
	const thatPoint = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:job-3"
	breaksIn(t, "BK-5", map[string]dataChange{
		"no plan":       {func(w *dataWorld) { w.here.plans = nil }, []string{"stack"}},
		"a weekly plan": {func(w *dataWorld) { rule(w).ScheduleExpression = aws.String("cron(0 0 ? * MON *)") }, []string{testPlan + ".rules.0.schedule"}},
		"kept shortly":  {func(w *dataWorld) { rule(w).Lifecycle.DeleteAfterDays = aws.Int64(30) }, []string{testPlan + ".rules.0.lifecycle.deleteAfter"}},
		"no copies":     {func(w *dataWorld) { rule(w).CopyActions = nil }, []string{testPlan + ".rules.0.copyActions"}},
		"copies kept shortly": {func(w *dataWorld) { rule(w).CopyActions[0].Lifecycle.DeleteAfterDays = aws.Int64(7) },
			[]string{testPlan + ".rules.0.copyActions.0.lifecycle.deleteAfter"}},
		"copies to others": {func(w *dataWorld) {
			rule(w).CopyActions[0].DestinationBackupVaultArn = aws.String("arn:aws:backup:eu-west-1:999988887777:backup-vault:x")
		},
			[]string{testPlan + ".rules.0.copyActions", testPlan + ".rules.0.copyActions.0.destinationVaultArn"}},
		"no vault":          {func(w *dataWorld) { w.there.vaults = nil }, []string{"stack"}},
		"an unlocked vault": {func(w *dataWorld) { w.there.vaults[0].Locked = aws.Bool(false) }, []string{vaultLock + ".locked"}},
		"a short lock":      {func(w *dataWorld) { w.there.vaults[0].MinRetentionDays = aws.Int64(1) }, []string{vaultLock + ".minRetentionDays"}},
		"a vault's key":     {func(w *dataWorld) { w.here.vaults[0].EncryptionKeyArn = aws.String(keyARN("eu-west-2", "awss")) }, []string{vaultHere + ".kmsKeyArn"}},
		"no policy":         {func(w *dataWorld) { delete(w.here.guards, testVault) }, []string{vaultPolicy}},
		"a vault opened":    {func(w *dataWorld) { w.here.guards[testVault] = statement(w.here.guards[testVault], toEveryone) }, []string{vaultPolicy}},
		"deletions allowed": {func(w *dataWorld) {
			w.here.guards[testVault] = strings.ReplaceAll(w.here.guards[testVault], "backup:DeleteRecoveryPoint", "backup:Other")
		}, []string{vaultPolicy}},
		"no backup of today": {func(w *dataWorld) { w.here.points = w.here.points[2:] }, []string{testDatabase}},
		"today's failed":     {func(w *dataWorld) { w.here.points[0].Status, w.here.points[1].Status = "PARTIAL", "PARTIAL" }, []string{testDatabase}},
		"no copy of today":   {func(w *dataWorld) { w.there.points = w.there.points[2:] }, []string{testDatabase}},
		"no backup at all":   {func(w *dataWorld) { w.here.points = nil }, []string{testDatabase}},
		"old ones deleted":   {func(w *dataWorld) { w.here.points = w.here.points[:30] }, []string{testDatabase}},
		"a backup in clear":  {func(w *dataWorld) { point(w).IsEncrypted = false }, []string{thatPoint + ".encryptionKeyArn"}},
		"AWS's key on one":   {func(w *dataWorld) { point(w).EncryptionKeyArn = aws.String(keyARN("eu-west-1", "awss")) }, []string{thatPoint + ".encryptionKeyArn"}},
		"a shortened life":   {func(w *dataWorld) { point(w).CalculatedLifecycle.DeleteAt = aws.Time(now) }, []string{thatPoint + ".lifecycle.deleteAfter"}},
		"no bucket":          {func(w *dataWorld) { w.there.bucket("backup").lock = nil }, []string{backupThere + ".rules", "stack"}},
		"a short object lock": {func(w *dataWorld) { w.here.bucket("backup").lock.Rule.DefaultRetention.Days = aws.Int32(30) },
			[]string{backupHere + ".rule.defaultRetention.days"}},
		"another lock":      {func(w *dataWorld) { w.here.bucket("backup").lock.Rule.DefaultRetention.Mode = "COMPLIANCE" }, []string{backupHere + ".rule.defaultRetention.mode"}},
		"no versions":       {func(w *dataWorld) { w.here.bucket("backup").versioning = "" }, []string{backupHere + ".versioningConfiguration.status"}},
		"AWS's key on it":   {func(w *dataWorld) { w.here.bucket("backup").encryption.KMSMasterKeyID = nil }, []string{backupHere + ".rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"}},
		"S3's key on it":    {func(w *dataWorld) { w.here.bucket("backup").encryption.SSEAlgorithm = "AES256" }, []string{backupHere + ".rules.0.applyServerSideEncryptionByDefault.sseAlgorithm"}},
		"an open block":     {func(w *dataWorld) { w.here.bucket("backup").block.BlockPublicPolicy = aws.Bool(false) }, []string{backupHere + ".blockPublicPolicy"}},
		"access lists":      {func(w *dataWorld) { w.here.bucket("backup").ownership = "ObjectWriter" }, []string{backupHere + ".rule.objectOwnership"}},
		"a bucket's policy": {func(w *dataWorld) { w.there.bucket("backup").policy = "" }, []string{backupThere + ".policy"}},
		"objects deletable": {func(w *dataWorld) {
			b := w.here.bucket("backup")
			b.policy = strings.ReplaceAll(b.policy, "s3:DeleteObjectVersion", "s3:X")
		}, []string{backupHere + ".policy"}},
		"a bucket not copied": {func(w *dataWorld) { w.here.bucket("backup").replication = nil }, []string{backupHere + ".rules"}},
		"attachments go": {func(w *dataWorld) {
			w.here.bucket("files").lifecycle[1].NoncurrentVersionExpiration.NoncurrentDays = aws.Int32(5)
		}, []string{filesHere + ".rules"}},
		"attachments expire": {func(w *dataWorld) {
			w.here.bucket("files").lifecycle[0].Expiration = &s3types.LifecycleExpiration{Days: aws.Int32(5)}
		},
			[]string{filesHere + ".rules"}},
		"anybody is answered": {func(w *dataWorld) {
			w.outside.Do = func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Body: http.NoBody}, nil
			}
		}, []string{backupThere, backupHere}},
	})
	deniedBy(t, "BK-5", "Backup:ListBackupPlans", "Backup:ListBackupVaults", "Backup:ListRecoveryPointsByBackupVault", "Backup:GetBackupVaultAccessPolicy", "S3:GetBucketPolicy", "S3:GetObjectLockConfiguration")
	tooEarlyFor(t, "BK-5", "a backup in eu-west-2 of the last day, at most 26 hours old, first due at 2026-11-22T10:00:00Z", func(w *dataWorld) {
		w.db().InstanceCreateTime, w.here.points, w.there.points = past(0.5), nil, nil
	})
	w := goodDataWorld()
	w.outside = Outside{}
	if r := w.look(t, "BK-5"); r.Verdict != promises.NotShown || !strings.Contains(r.Why, errNotAsked.Error()) {
		t.Errorf("nobody asked from outside: %s %q", r.Verdict, r.Why)
	}
	w.outside.Do = func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }
	if r := w.look(t, "BK-5"); r.Verdict != promises.NotShown || !strings.Contains(r.Why, "no network") {
		t.Errorf("nobody could ask from outside: %s %q", r.Verdict, r.Why)
	}
	compliance := subjectOf(t, "prod")
	compliance.Spec.AWSClient.Backup.Lock = "compliance"
	if r := makeLook(t, "BK-5", compliance, goodDataWorld().answers(), goodDataWorld().outside); cmp.Diff([]string{
		testVault + " in eu-west-1.lockDate", testVault + " in eu-west-2.lockDate", backupThere + ".rule.defaultRetention.mode", backupHere + ".rule.defaultRetention.mode"}, brokenAt(r)) != "" {
		t.Errorf("governance where compliance was agreed: %v", brokenAt(r))
	}
}

func TestOldBackupsArchived(t *testing.T) {
	lifecycle := func(w *dataWorld) []s3types.LifecycleRule { return w.here.bucket("backup").lifecycle }
	breaksIn(t, "BK-6", map[string]dataChange{
		"another day": {func(w *dataWorld) { lifecycle(w)[2].Transitions[0].Days = aws.Int32(120) }, []string{backupHere + ".rules.transitions"}},
		"another class": {func(w *dataWorld) {
			lifecycle(w)[2].Transitions[0].StorageClass = s3types.TransitionStorageClassGlacierIr
		}, []string{backupHere + ".rules.transitions"}},
		"the rule off": {func(w *dataWorld) { lifecycle(w)[2].Status = s3types.ExpirationStatusDisabled }, []string{backupHere + ".rules.transitions"}},
		"some only": {func(w *dataWorld) {
			lifecycle(w)[2].Filter = &s3types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(1)}
		}, []string{backupHere + ".rules.transitions"}},
		"old ones stay": {func(w *dataWorld) { lifecycle(w)[1].NoncurrentVersionExpiration = nil }, []string{backupHere + ".rules"}},
		"no lifecycle":  {func(w *dataWorld) { w.there.bucket("backup").lifecycle = nil }, []string{backupThere + ".rules", backupThere + ".rules.transitions"}},
		"an old object": {func(w *dataWorld) { w.here.bucket("backup").objects[1].LastModified = past(94) }, []string{backupHere}},
		"an old version": {func(w *dataWorld) {
			o := w.here.bucket("backup").objects
			o[1].LastModified, o[1].StorageClass = past(95), "GLACIER"
		}, []string{backupHere}},
		"no bucket": {func(w *dataWorld) { w.here.bucket("backup").tags = nil }, []string{"stack"}},
	})
	deniedBy(t, "BK-6", "S3:ListBuckets", "S3:GetBucketLifecycleConfiguration", "S3:ListObjectVersions")
}

// The versions of one object may stand on two pages, and a deletion replaces what was before.
func TestVersionsAreListedPageByPage(t *testing.T) {
	pages := []*s3.ListObjectVersionsOutput{
		{Versions: []s3types.ObjectVersion{{Key: aws.String("a"), LastModified: past(1), IsLatest: aws.Bool(true)}, {Key: aws.String("a"), LastModified: past(5), IsLatest: aws.Bool(false)}},
			IsTruncated: aws.Bool(true), NextKeyMarker: aws.String("a"), NextVersionIdMarker: aws.String("5")},
		{Versions: []s3types.ObjectVersion{{Key: aws.String("a"), LastModified: past(9), IsLatest: aws.Bool(false)}, {Key: aws.String("b"), LastModified: past(7), IsLatest: aws.Bool(false)}},
			DeleteMarkers: []s3types.DeleteMarkerEntry{{Key: aws.String("b"), LastModified: past(3), IsLatest: aws.Bool(true)}}},
	}
	asked := 0
	a, err := newAccount(Options{Subject: subjectOf(t, "prod"), Config: answers{"S3:ListObjectVersions": func(string, any) (any, error) { asked++; return pages[asked-1], nil }}.config()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.versions(t.Context(), bucket{name: "x", region: "eu-west-2"})
	want := []stored{{key: "a", written: *past(1)}, {key: "a", written: *past(5), replaced: *past(1)}, {key: "a", written: *past(9), replaced: *past(5)}, {key: "b", written: *past(7), replaced: *past(3)}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stored{})); diff != "" || err != nil || asked != 2 {
		t.Errorf("%d pages, %v:\n%s", asked, err, diff)
	}
}

func TestBackupsWatched(t *testing.T) {
	arn := func(p *place, n int) string { return aws.ToString(p.alarms[n].AlarmArn) }
	good := goodDataWorld()
	first, missing, late := arn(good.here, 0), arn(good.here, 1), arn(good.there, 0)
	subscription := "acme-production-database"
	notes := testVault + " in eu-west-1"
	breaksIn(t, "BK-9", map[string]dataChange{
		"no plan":             {func(w *dataWorld) { w.here.plans = nil }, []string{"stack"}},
		"no alarm":            {func(w *dataWorld) { w.here.alarms = w.here.alarms[1:] }, []string{vaultHere}},
		"no alarm on a copy":  {func(w *dataWorld) { w.there.alarms = w.there.alarms[1:] }, []string{backupHere}},
		"no alarm on a cache": {func(w *dataWorld) { w.here.alarms = w.here.alarms[:len(w.here.alarms)-1] }, []string{testCache}},
		"a lax alarm":         {func(w *dataWorld) { w.there.alarms[0].Threshold = aws.Float64(3600) }, []string{late + ".threshold"}},
		"a reversed alarm": {func(w *dataWorld) {
			w.here.alarms[1].ComparisonOperator = cwtypes.ComparisonOperatorGreaterThanThreshold
		}, []string{missing + ".threshold"}},
		"silence taken well": {func(w *dataWorld) { w.here.alarms[1].TreatMissingData = aws.String("notBreaching") }, []string{missing + ".treatMissingData"}},
		"an alarm off":       {func(w *dataWorld) { w.here.alarms[0].ActionsEnabled = aws.Bool(false) }, []string{first + ".alarmActions"}},
		"told to nobody":     {func(w *dataWorld) { w.here.alarms[0].AlarmActions = []string{"arn:aws:sns:eu-west-2:999988887777:x"} }, []string{first + ".alarmActions"}},
		"it is raised":       {func(w *dataWorld) { w.here.alarms[0].StateValue = cwtypes.StateValueAlarm }, []string{first}},
		"it sees nothing":    {func(w *dataWorld) { w.here.alarms[1].StateValue = cwtypes.StateValueInsufficientData }, []string{missing}},
		"a mute vault":       {func(w *dataWorld) { w.there.tells = nil }, []string{notes}},
		"a vault elsewhere":  {func(w *dataWorld) { w.there.tells.SNSTopicArn = aws.String(w.here.topics[0].arn) }, []string{notes + ".snsTopicArn"}},
		"half told":          {func(w *dataWorld) { w.there.tells.BackupVaultEvents = w.there.tells.BackupVaultEvents[:3] }, []string{notes + ".backupVaultEvents"}},
		"no rule":            {func(w *dataWorld) { w.here.rules = nil }, []string{"stack"}},
		"a narrower rule": {func(w *dataWorld) {
			for i, r := range w.here.rules {
				w.here.rules[i].EventPattern = aws.String(strings.Replace(aws.ToString(r.EventPattern), `{"source"`, `{"account":["1"],"source"`, 1))
			}
		}, []string{"stack"}},
		"a rule off":              {func(w *dataWorld) { w.here.rules[0].State = "DISABLED" }, []string{aws.ToString(good.here.rules[0].Arn) + ".state"}},
		"a rule for nobody":       {func(w *dataWorld) { w.here.targets["failed"] = "arn:x" }, []string{arnOf("events", "eu-west-2", "rule/failed")}},
		"no subscription":         {func(w *dataWorld) { w.here.events = nil }, []string{testDatabase}},
		"a subscription off":      {func(w *dataWorld) { w.here.events[0].Enabled = aws.Bool(false) }, []string{subscription + ".enabled"}},
		"a subscription for none": {func(w *dataWorld) { w.here.events[0].SnsTopicArn = nil }, []string{subscription + ".snsTopic"}},
		"a narrow one":            {func(w *dataWorld) { w.here.events[0].EventCategoriesList = []string{"failure"} }, []string{subscription + ".eventCategories"}},
		"the backup failed":       {func(w *dataWorld) { w.here.backups[0].State = "FAILED" }, []string{testDatabase}},
		"an old backup":           {func(w *dataWorld) { w.here.backups[0].CompletionDate = past(2) }, []string{testDatabase}},
		"no backup":               {func(w *dataWorld) { w.here.backups = nil }, []string{testDatabase}},
		"the copy failed":         {func(w *dataWorld) { w.here.copies[0].State = "FAILED" }, []string{testDatabase}},
		"no trial planned":        {func(w *dataWorld) { w.here.trials = nil }, []string{"stack"}},
		"the trial failed":        {func(w *dataWorld) { w.here.restores[0].Status = "FAILED" }, []string{testDatabase}},
		"an old trial":            {func(w *dataWorld) { w.here.restores[0].CompletionDate = past(9) }, []string{testDatabase}},
		"no trial":                {func(w *dataWorld) { w.here.restores[0].CreatedBy = nil }, []string{testDatabase}},
	})
	deniedBy(t, "BK-9", "CloudWatch:DescribeAlarms", "Backup:GetBackupVaultNotifications", "Backup:ListBackupJobs", "Backup:ListCopyJobs", "Backup:ListRestoreJobs",
		"Backup:ListRestoreTestingPlans", "EventBridge:ListRules", "RDS:DescribeEventSubscriptions", "SNS:ListTopics")
	tooEarlyFor(t, "BK-9", "missing backups is first due at 2026-11-22T10:00:00Z", func(w *dataWorld) {
		w.here.vaults[0].CreationDate, w.here.alarms[1].StateValue = past(0.5), cwtypes.StateValueAlarm
	})
	tooEarlyFor(t, "BK-9", "has seen no data since", func(w *dataWorld) {
		w.here.alarms[1].StateValue, w.here.alarms[1].StateUpdatedTimestamp = cwtypes.StateValueInsufficientData, minutesPast(10)
	})
	tooEarlyFor(t, "BK-9", "its latest trial of a restore ended well", func(w *dataWorld) { w.here.trials[0].CreationTime, w.here.restores = past(3), nil })
	quiet := goodDataWorld()
	quiet.there.alarms[0].StateValue = cwtypes.StateValueInsufficientData
	if r := quiet.look(t, "BK-9"); r.Verdict != promises.Kept {
		t.Errorf("copies are not measured while nothing is written: %s %s %v", r.Verdict, r.Why, brokenAt(r))
	}
}

func TestReplicasAreWatched(t *testing.T) {
	w := goodDataWorld()
	const arn = "arn:aws:rds:eu-west-2:123456789012:db:acme-production-replica"
	w.here.instances = append(w.here.instances, rdstypes.DBInstance{DBInstanceArn: aws.String(arn), DBInstanceIdentifier: aws.String("acme-production-replica"), InstanceCreateTime: past(9),
		ReadReplicaSourceDBInstanceIdentifier: aws.String("acme-production"), Engine: aws.String("postgres")})
	if r := w.look(t, "BK-9"); cmp.Diff([]string{arn}, brokenAt(r)) != "" {
		t.Errorf("a replica without an alarm breaks %v", brokenAt(r))
	}
	// Its backups are its source's.
	for _, id := range []string{"BK-3", "BK-4"} {
		if r := w.look(t, id); r.Verdict != promises.Kept {
			t.Errorf("%s: %s %s %v", id, r.Verdict, r.Why, brokenAt(r))
		}
	}
}

func TestSpansAreReadable(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 90 * time.Second: "90 s", 10 * time.Minute: "10 minutes", 26 * time.Hour: "26 hours", 90 * day: "90 days"} {
		if got := lasting(d); got != want {
			t.Errorf("%s is written %q, want %q", d, got, want)
		}
	}
}
