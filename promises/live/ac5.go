package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	analyzertypes "github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	guardtypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	// trailDays is how long a client's record of every call is locked, and can be searched, at least.
	trailDays = 365
	// firstRecord and firstDigest are how long a new trail may take; lastRecord and lastDigest how old the newest may be.
	// A digest comes every hour, whether anything happened or not; a record comes when something did.
	firstRecord, lastRecord = time.Hour, 24 * time.Hour
	firstDigest, lastDigest = 3 * time.Hour, 3 * time.Hour
	// setUp is how long after an account was opened its root user may be needed, and rootRest how long it has not been used.
	setUp, rootRest = 30 * 24 * time.Hour, 30 * 24 * time.Hour
)

const fixTrail = "run `berth up` for the stack, and find out who changed the trail: it says so itself"

// unalterableLog is the look at AC-5: personal accounts, the trail and where it is kept, and every other log.
func unalterableLog(ctx context.Context, l *look) error {
	errs := []error{l.personalAccounts(ctx), l.trailKept(ctx)}
	if l.subject.Organisation() != nil {
		for _, region := range l.regions() {
			errs = append(errs, l.detection(ctx, region))
		}
	} else {
		for _, step := range []func(context.Context) error{l.flowsRecorded, l.logsKept, l.balancersLogged, l.databasesLogged} {
			errs = append(errs, step(ctx))
		}
	}
	return errors.Join(errs...)
}

// personalAccounts judges that each member of staff has one account and nobody else any, that nobody has keys, and that
// the account's root user rests.
func (l *look) personalAccounts(ctx context.Context) error {
	all, err := l.authority(ctx)
	if err != nil {
		return err
	}
	staff := map[string]bool{}
	if o := l.subject.Organisation(); o != nil {
		for _, person := range o.Staff {
			staff[person.Name] = true
			if !slices.ContainsFunc(all.users, func(u holder) bool { return u.name == person.Name }) {
				l.missing("user "+person.Name, "an account of their own for everybody on the staff", "run `berth up` for the organisation")
			}
		}
	}
	for _, user := range all.users {
		expected := "a member of the staff that the spec lists"
		if len(staff) == 0 {
			expected = "no users: people sign in with their own account at the organisation and take a role"
		}
		l.want(user.object, staff[user.name], "name", user.name, expected, "delete the user, or add the person to staff in the organisation's spec")
	}
	report, err := l.credentialReport(ctx)
	if err != nil {
		return err
	}
	for _, c := range report {
		at := object{tokenUser, c.user}
		if c.root {
			at = object{"", "root user"}
			rests := c.used.IsZero() || l.subject.Now.Sub(c.used) > rootRest || !c.created.IsZero() && c.used.Sub(c.created) <= setUp
			found := "never"
			if !c.used.IsZero() {
				found = c.used.UTC().Format(time.RFC3339)
			}
			l.want(at, rests, "passwordLastUsed", found, "not in the last 30 days, but for the account's first 30: the root user is nobody's own account", "find out who signed in as the root user and why")
		}
		l.want(at, c.keys+c.certificates == 0, "accessKeys", c.keys+c.certificates, "0: nobody acts with a key that could be anybody's", "delete the access keys and certificates")
	}
	return nil
}

// trailKept judges the stack's trail: that it records everything, is being delivered, and cannot be altered.
func (l *look) trailKept(ctx context.Context) error {
	var errs []error
	own := 0
	for _, region := range l.regions() {
		trails, err := l.trails(ctx, region)
		errs = append(errs, err)
		for _, t := range trails {
			if l.ours(t.tags) {
				own++
				errs = append(errs, l.trail(ctx, t))
			}
		}
	}
	if own == 0 && l.subject.Production() && errors.Join(errs...) == nil {
		l.missing("trail of the stack", "a trail over every call in every region, into a locked bucket", fixTrail)
	}
	return errors.Join(errs...)
}

func (l *look) trail(ctx context.Context, t trail) error {
	at := t.object()
	for _, setting := range []struct {
		property string
		on       *bool
	}{
		{"isMultiRegionTrail", t.IsMultiRegionTrail}, {"includeGlobalServiceEvents", t.IncludeGlobalServiceEvents}, {"enableLogFileValidation", t.LogFileValidationEnabled},
		{"enableLogging", t.status.IsLogging},
	} {
		l.want(at, aws.ToBool(setting.on), setting.property, aws.ToBool(setting.on), "true", fixTrail)
	}
	l.deliveries(at, t.status)
	l.recorded(at, t)
	keys, err := l.keyring(ctx, t.region)
	if err != nil {
		return err
	}
	k, known := keys[aws.ToString(t.KmsKeyId)]
	l.want(at, known && usable(k), "kmsKeyId", aws.ToString(t.KmsKeyId), "a key of the account's own that is in use", fixTrail)
	if known {
		l.trailKey(k, t)
	}
	if err := l.trailGroup(ctx, t); err != nil {
		return err
	}
	if l.subject.Organisation() != nil {
		if err := l.trailStays(ctx, t); err != nil {
			return err
		}
	}
	return l.trailBucket(ctx, t)
}

// usable tells whether a key is the account's own, and neither switched off nor about to be deleted.
func usable(k key) bool {
	return k.customers() && k.KeyState == kmstypes.KeyStateEnabled
}

// trailKey judges that CloudTrail encrypts with the key for this trail, and for no other.
func (l *look) trailKey(k key, t trail) {
	document, err := policy.Parse(k.policy)
	encrypts, others := false, err != nil
	for _, s := range document.Allows() {
		if !slices.Contains(s.Principals["Service"], "cloudtrail.amazonaws.com") {
			continue
		}
		source, _ := s.Condition("StringEquals", "aws:SourceArn")
		own := slices.Equal(source, []string{aws.ToString(t.TrailARN)})
		encrypts, others = encrypts || own && s.Covers("kms:GenerateDataKey"), others || !own
	}
	l.want(k.object(), encrypts && !others, "policy", fmt.Sprintf("this trail encrypts: %t, others: %t", encrypts, others), "CloudTrail encrypts with it for this trail, and for no other", fixTrail)
}

// deliveries judges how old the newest record and the newest digest are, and the newest entry that can be searched.
func (l *look) deliveries(at object, s *cloudtrail.GetTrailStatusOutput) {
	now, since := l.subject.Now, aws.ToTime(s.StartLoggingTime)
	for _, d := range []struct {
		what, property string
		last           *time.Time
		failed         *string
		first, oldest  time.Duration
	}{
		{"record", "latestDeliveryTime", s.LatestDeliveryTime, s.LatestDeliveryError, firstRecord, lastRecord},
		{"digest", "latestDigestDeliveryTime", s.LatestDigestDeliveryTime, s.LatestDigestDeliveryError, firstDigest, lastDigest},
		{"entry in the log group", "latestCloudWatchLogsDeliveryTime", s.LatestCloudWatchLogsDeliveryTime, s.LatestCloudWatchLogsDeliveryError, firstRecord, lastRecord},
	} {
		if failed := aws.ToString(d.failed); failed != "" {
			l.want(at, false, d.property, "the last delivery failed: "+failed, "every "+d.what+" is delivered", "correct what the trail may write to: its bucket, its key and its log group")
			continue
		}
		if d.last == nil {
			if aws.ToBool(s.IsLogging) && !since.IsZero() && now.Sub(since) <= d.first {
				l.tooEarly("the trail records since %s, and its first %s is due by %s", since.UTC().Format(time.RFC3339), d.what, since.Add(d.first).UTC().Format(time.RFC3339))
				continue
			}
			l.want(at, false, d.property, "none", fmt.Sprintf("one of the last %g hours", d.oldest.Hours()), fixTrail)
			continue
		}
		l.want(at, now.Sub(*d.last) <= d.oldest, d.property, d.last.UTC().Format(time.RFC3339), fmt.Sprintf("one of the last %g hours", d.oldest.Hours()), "find out why nothing is delivered: GetTrailStatus says what CloudTrail was told")
	}
}

// recorded judges what the trail records: every management call, every access to an object of any bucket, and what is unusual.
func (l *look) recorded(at object, t trail) {
	management, objects := false, false
	for _, selector := range t.advanced {
		equals, narrowed := map[string][]string{}, false
		for _, field := range selector.FieldSelectors {
			equals[aws.ToString(field.Field)] = field.Equals
			narrowed = narrowed || len(field.StartsWith)+len(field.EndsWith)+len(field.NotEquals)+len(field.NotStartsWith)+len(field.NotEndsWith) > 0
		}
		management = management || !narrowed && len(equals) == 1 && slices.Equal(equals["eventCategory"], []string{"Management"})
		objects = objects || !narrowed && len(equals) == 2 && slices.Equal(equals["eventCategory"], []string{"Data"}) && slices.Equal(equals["resources.type"], []string{"AWS::S3::Object"})
	}
	for _, selector := range t.basic {
		all := selector.ReadWriteType == trailtypes.ReadWriteTypeAll && len(selector.ExcludeManagementEventSources) == 0
		management = management || all && aws.ToBool(selector.IncludeManagementEvents)
		for _, data := range selector.DataResources {
			objects = objects || selector.ReadWriteType == trailtypes.ReadWriteTypeAll && aws.ToString(data.Type) == "AWS::S3::Object" &&
				slices.ContainsFunc(data.Values, func(v string) bool { return strings.TrimSuffix(v, ":::") == "arn:aws:s3" })
		}
	}
	l.want(at, management, "advancedEventSelectors", fmt.Sprintf("all management calls: %t", management), "every management call, whether it reads or writes", fixTrail)
	l.want(at, objects, "advancedEventSelectors", fmt.Sprintf("all accesses to objects: %t", objects), "every access to the objects of every bucket", fixTrail)
	l.want(at, slices.Contains(t.insights, "ApiCallRateInsight") && slices.Contains(t.insights, "ApiErrorRateInsight"), "insightSelectors", inOrder(t.insights), "unusual rates of calls and of errors are noticed", fixTrail)
}

// trailGroup judges the log group in which the trail can be searched.
func (l *look) trailGroup(ctx context.Context, t trail) error {
	groups, err := l.logGroups(ctx, t.region)
	if err != nil {
		return err
	}
	arn := strings.TrimSuffix(aws.ToString(t.CloudWatchLogsLogGroupArn), ":*")
	for _, g := range groups {
		if strings.TrimSuffix(aws.ToString(g.Arn), ":*") != arn {
			continue
		}
		at := object{logGroupType, aws.ToString(g.LogGroupName)}
		l.want(at, g.RetentionInDays == nil || *g.RetentionInDays >= trailDays, "retentionInDays", retention(g.RetentionInDays), fmt.Sprintf("%d days or more", trailDays), fixTrail)
		l.want(at, g.KmsKeyId != nil && aws.ToString(g.KmsKeyId) == aws.ToString(t.KmsKeyId), "kmsKeyId", aws.ToString(g.KmsKeyId), "the trail's own key", fixTrail)
		return nil
	}
	l.want(t.object(), false, "cloudWatchLogsGroupArn", arn, "a log group of the account, in which the trail can be searched", fixTrail)
	return nil
}

func retention(days *int32) string {
	if days == nil {
		return "for ever"
	}
	return fmt.Sprintf("%d days", *days)
}

// lockedDays is how long the trail's bucket has to lock each record.
func (l *look) lockedDays() int32 {
	if o := l.subject.Organisation(); o != nil {
		return int32(o.TrailDays)
	}
	return int32(max(trailDays, l.subject.Client().Service.LogDays))
}

// trailBucket judges where the records are kept, and their copy in the second region. A deletion is not tried: the
// lock's mode and the newest record's own lock say what would come of it.
func (l *look) trailBucket(ctx context.Context, t trail) error {
	all, err := l.allBuckets(ctx)
	if err != nil {
		return err
	}
	find := func(name string) (bucket, bool) {
		i := slices.IndexFunc(all, func(b bucket) bool { return b.name == name })
		if i < 0 {
			return bucket{}, false
		}
		return all[i], true
	}
	first, known := find(aws.ToString(t.S3BucketName))
	l.want(t.object(), known, "s3BucketName", aws.ToString(t.S3BucketName), "a locked bucket of the account", fixTrail)
	if !known {
		return nil
	}
	if err := l.lockedStore(ctx, first, &t); err != nil {
		return err
	}
	if err := l.newestRecord(ctx, first, t); err != nil {
		return err
	}
	if l.second == "" {
		return nil // outside production a client may do without a second region
	}
	replication, err := l.bucketReplication(ctx, first)
	if err != nil {
		return err
	}
	var second bucket
	copied := false
	if replication != nil {
		for _, rule := range replication.Rules {
			if rule.Status == s3types.ReplicationRuleStatusEnabled && rule.Destination != nil && wholeBucket(rule) {
				if b, ours := find(strings.TrimPrefix(aws.ToString(rule.Destination.Bucket), "arn:aws:s3:::")); ours && b.region != first.region {
					second, copied = b, true
				}
			}
		}
	}
	l.want(first.of(s3Replication), copied, "rules", fmt.Sprintf("everything is copied to a bucket of the account in another region: %t", copied), "every record is copied to a locked bucket in "+l.second, fixTrail)
	if !copied {
		return nil
	}
	return l.lockedStore(ctx, second, nil)
}

// wholeBucket tells whether a rule goes for all objects.
func wholeBucket(rule s3types.ReplicationRule) bool {
	f := rule.Filter
	return f == nil || aws.ToString(f.Prefix) == "" && f.Tag == nil && f.And == nil
}

// lockedStore judges one bucket of records: locked against everybody, versioned, encrypted, and written by the trail
// alone; the copy, which is no trail's own, by S3 alone.
func (l *look) lockedStore(ctx context.Context, b bucket, t *trail) error {
	lock, err := l.bucketLock(ctx, b)
	if err != nil {
		return err
	}
	mode, days := "none", int32(0)
	if lock != nil && lock.Rule != nil && lock.Rule.DefaultRetention != nil {
		r := lock.Rule.DefaultRetention
		mode, days = string(r.Mode), aws.ToInt32(r.Days)+365*aws.ToInt32(r.Years)
	}
	l.want(b.of(s3Lock), mode == "COMPLIANCE", "rule.defaultRetention.mode", mode, "COMPLIANCE: nobody deletes or alters a record, not even the root user", fixTrail)
	l.want(b.of(s3Lock), days >= l.lockedDays(), "rule.defaultRetention.days", days, fmt.Sprintf("%d days or more", l.lockedDays()), fixTrail)
	versioning, err := l.bucketVersioning(ctx, b)
	if err != nil {
		return err
	}
	l.want(b.of(s3Versioning), versioning == "Enabled", "versioningConfiguration.status", versioning, "Enabled", fixTrail)
	encryption, err := l.bucketDefault(ctx, b)
	if err != nil {
		return err
	}
	keys, err := l.keyring(ctx, b.region)
	if err != nil {
		return err
	}
	name := ""
	if encryption != nil {
		name = aws.ToString(encryption.KMSMasterKeyID)
	}
	k, known := keys[name]
	holds := known && usable(k) && (t == nil || aws.ToString(k.Arn) == aws.ToString(t.KmsKeyId))
	l.want(b.of(s3Encryption), holds, "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", name, "a key of the account's own that is in use; the first bucket's is the trail's", fixTrail)
	text, err := l.bucketPolicy(ctx, b)
	if err != nil {
		return err
	}
	l.trailWrites(b, text, t)
	return nil
}

// trailWrites judges that nobody but the trail writes to its bucket, and nobody at all to the copy.
func (l *look) trailWrites(b bucket, text string, t *trail) {
	writes, wrong := false, []string{}
	document, err := policy.Parse(text)
	if text != "" && err != nil {
		wrong = append(wrong, "a policy that cannot be read")
	}
	for _, s := range document.Allows() {
		source, like := s.Condition("ArnLike", "aws:SourceArn")
		own := t != nil && like && slices.Equal(source, []string{aws.ToString(t.TrailARN)}) && len(lacks(s, is("StringEquals", "aws:SourceAccount", l.number))) == 0 &&
			len(s.Principals) == 1 && slices.Equal(s.Principals["Service"], []string{"cloudtrail.amazonaws.com"})
		switch {
		case own && slices.Equal(s.Actions, []string{"s3:GetBucketAcl"}):
		case own && slices.Equal(s.Actions, []string{"s3:PutObject"}) && slices.Equal(s.Resources, []string{b.arn() + "/AWSLogs/" + l.number + "/*"}):
			writes = true
		default:
			wrong = append(wrong, "besides "+s.Sid+" of "+principalsOf(s))
		}
	}
	found := fmt.Sprintf("the trail writes: %t; %s", writes, inOrder(wrong))
	l.want(b.of(s3Policy), len(wrong) == 0 && writes == (t != nil), "policy", found, "the trail writes to its bucket and nobody else; S3 alone writes the copy", fixTrail)
}

// newestRecord judges the newest digest's own lock, of today or yesterday. It lists names, and reads no record.
func (l *look) newestRecord(ctx context.Context, b bucket, t trail) error {
	if t.status.LatestDigestDeliveryTime == nil {
		return nil // too early, or reported as missing
	}
	prefix := ""
	if p := aws.ToString(t.S3KeyPrefix); p != "" {
		prefix = p + "/"
	}
	client := l.s3(b.region)
	for _, day := range []time.Time{t.status.LatestDigestDeliveryTime.UTC(), t.status.LatestDigestDeliveryTime.UTC().AddDate(0, 0, -1)} {
		under := prefix + "AWSLogs/" + l.number + "/CloudTrail-Digest/" + t.region + "/" + day.Format("2006/01/02") + "/"
		found, err := paged(ctx, s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &under}), func(o *s3.ListObjectsV2Output) []s3types.Object { return o.Contents })
		if err != nil {
			return fmt.Errorf("list the newest records in %s: %w", b.name, err)
		}
		if len(found) == 0 {
			continue
		}
		newest := slices.MaxFunc(found, func(x, y s3types.Object) int { return aws.ToTime(x.LastModified).Compare(aws.ToTime(y.LastModified)) })
		lock, err := client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &b.name, Key: newest.Key})
		if err != nil {
			return fmt.Errorf("read the lock of the newest record in %s: %w", b.name, err)
		}
		mode, until := "none", time.Time{}
		if lock.Retention != nil {
			mode, until = string(lock.Retention.Mode), aws.ToTime(lock.Retention.RetainUntilDate)
		}
		long := !until.Before(aws.ToTime(newest.LastModified).AddDate(0, 0, int(l.lockedDays())).Add(-time.Hour))
		l.want(b.of(s3Bucket), mode == "COMPLIANCE" && long, "newestRecord.retention", mode+" until "+until.UTC().Format(time.DateOnly),
			fmt.Sprintf("COMPLIANCE for %d days: its deletion is refused to everybody", l.lockedDays()), fixTrail)
		return nil
	}
	l.want(b.of(s3Bucket), false, "newestRecord", "none of "+t.status.LatestDigestDeliveryTime.UTC().Format(time.DateOnly), "the digest that CloudTrail says it delivered", fixTrail)
	return nil
}

// trailStays judges that the boundaries of people and of the pipeline keep the trail out of their reach.
func (l *look) trailStays(ctx context.Context, t trail) error {
	const fix = "restore the denial: run `berth up` for the organisation"
	all, err := l.authority(ctx)
	if err != nil {
		return err
	}
	judged := map[string]bool{}
	for _, role := range all.roles {
		if role.linked() || role.name == verifyRole || role.takers() == byServices {
			continue
		}
		document, bounded := all.policies[role.boundary]
		if !bounded || judged[role.boundary] {
			continue // AC-3 and OP-1 ask for the boundary
		}
		judged[role.boundary] = true
		l.wantDenied(role.boundary, document, []string{"cloudtrail:DeleteTrail", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail", "cloudtrail:PutEventSelectors"},
			aws.ToString(t.TrailARN), "nobody stops or narrows the trail", fix)
		store := "arn:aws:s3:::" + aws.ToString(t.S3BucketName)
		l.wantDenied(role.boundary, document, []string{"s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy", "s3:PutBucketVersioning",
			"s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration"}, store, "nobody weakens what keeps the records", fix)
		l.wantDenied(role.boundary, document, []string{"s3:BypassGovernanceRetention", "s3:DeleteObjectVersion"}, store+"/any", "nobody deletes a record", fix)
		l.wantDenied(role.boundary, document, []string{"kms:DisableKey", "kms:ScheduleKeyDeletion"}, aws.ToString(t.KmsKeyId), "the key of the records stays: without it they are as good as deleted", fix)
		if role.takers() == byPeople {
			l.wantDenied(role.boundary, document, []string{"s3:DeleteObject", "s3:PutObject"}, store+"/any", "no person writes or hides a record", fix)
			l.wantDenied(role.boundary, document, []string{"cloudtrail:PutInsightSelectors", "guardduty:DeleteDetector", "guardduty:UpdateDetector", "guardduty:DisassociateFromAdministratorAccount",
				"access-analyzer:DeleteAnalyzer", "organizations:LeaveOrganization", "backup:DeleteBackupVaultLockConfiguration"}, "any", "nobody switches detection or locks off", fix)
		}
	}
	if len(judged) == 0 {
		l.missing("boundary of people's roles", "people who can never stop the trail, whatever they are allowed", fix)
	}
	return nil
}

// detectorFeatures are what GuardDuty looks at besides the trail and the network.
var detectorFeatures = []string{"S3_DATA_EVENTS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "RUNTIME_MONITORING"}

// detection judges that a region is watched for intruders and for what is open to strangers, and that people are told.
func (l *look) detection(ctx context.Context, region string) error {
	const fix = "run `berth up` for the organisation"
	var errs []error
	detectors, err := l.detectors(ctx, region)
	errs = append(errs, err)
	if err == nil && len(detectors) == 0 {
		l.missing("GuardDuty detector in "+region, "intruders are looked for in "+region, fix)
	}
	for _, d := range detectors {
		at := object{"aws:guardduty/detector:Detector", d.id}
		l.want(at, d.Status == guardtypes.DetectorStatusEnabled, "enable", string(d.Status), "ENABLED", fix)
		l.want(at, d.FindingPublishingFrequency == guardtypes.FindingPublishingFrequencyFifteenMinutes, "findingPublishingFrequency", string(d.FindingPublishingFrequency), "FIFTEEN_MINUTES", fix)
		off := slices.DeleteFunc(slices.Clone(detectorFeatures), func(name string) bool {
			return slices.ContainsFunc(d.Features, func(f guardtypes.DetectorFeatureConfigurationResult) bool {
				return string(f.Name) == name && f.Status == guardtypes.FeatureStatusEnabled
			})
		})
		l.want(at, len(off) == 0, "features", "off: "+inOrder(off), "on: "+inOrder(detectorFeatures), fix)
	}
	analyzers, err := l.analyzers(ctx, region)
	errs = append(errs, err)
	active := 0
	for _, a := range analyzers {
		if a.Type == analyzertypes.TypeAccount || a.Type == analyzertypes.TypeOrganization {
			active++
			l.want(object{"aws:accessanalyzer/analyzer:Analyzer", aws.ToString(a.Name)}, a.Status == analyzertypes.AnalyzerStatusActive, "status", string(a.Status), "ACTIVE", fix)
		}
	}
	if err == nil && active == 0 {
		l.missing("access analyzer in "+region, "what is open to strangers is looked for in "+region, fix)
	}
	return errors.Join(append(errs, l.findingsTold(ctx, region, fix))...)
}

// findingsTold judges that findings are brought to a topic of the region.
func (l *look) findingsTold(ctx context.Context, region, fix string) error {
	rules, err := l.eventRules(ctx, region)
	if err != nil {
		return err
	}
	for _, what := range []struct{ source, title string }{{"aws.guardduty", "GuardDuty's findings"}, {"aws.access-analyzer", "findings of the access analyzer"}} {
		told := 0
		for _, r := range rules {
			var pattern struct {
				Source []string `json:"source"`
			}
			if json.Unmarshal([]byte(aws.ToString(r.EventPattern)), &pattern) != nil || !slices.Contains(pattern.Source, what.source) || aws.ToString(r.ManagedBy) != "" {
				continue
			}
			at := object{"aws:cloudwatch/eventRule:EventRule", aws.ToString(r.Arn)}
			l.want(at, strings.HasPrefix(string(r.State), "ENABLED"), "state", string(r.State), "ENABLED", fix)
			topic := slices.ContainsFunc(r.targets, func(arn string) bool { return strings.HasPrefix(arn, "arn:aws:sns:"+region+":"+l.number+":") })
			l.want(at, topic, "targets", inOrder(r.targets), "a topic of the region", fix)
			told++
		}
		if told == 0 {
			l.missing("event rule on "+what.title+" in "+region, what.title+" are told to people", fix)
		}
	}
	return nil
}
