package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// trailDays is how long the record of every call is locked, and can be searched, at least.
const trailDays = 365

// organisationTrail judges the organisation's trail, and that nobody of the staff or the pipeline can stop it.
func organisationTrail(s promises.Subject, r *promises.Report) {
	const fix = "keep the component audit in the organisation's stack"
	trails := r.Must(s.Graph.OfType(auditTrail), "audit trail", "a trail over every call in every region", fix)
	for _, trail := range trails {
		bucket := wantTrail(s, r, trail)
		if bucket != nil {
			wantTrailBucket(s, r, trail, bucket, s.Organisation().TrailDays)
		}
		wantTrailStays(s, r, trail, bucket)
	}
	wantAccessLogs(s, r, s.Organisation().TrailDays)
}

// clientTrail judges that calls in the client's account are recorded by a trail: the organisation's is of its own account.
func clientTrail(s promises.Subject, r *promises.Report) {
	trails := s.Graph.OfType(auditTrail)
	if s.Production() {
		r.Must(trails, "trail of the client's account", "a trail over every call in the client's account, into a locked bucket",
			"keep the component trail in the client's stack")
	}
	for _, trail := range trails {
		if bucket := wantTrail(s, r, trail); bucket != nil {
			wantTrailBucket(s, r, trail, bucket, max(trailDays, s.Client().Service.LogDays))
		}
	}
}

// trailGroup is the log group in which a trail can be searched, or nil.
func trailGroup(g *graph.Graph, trail *graph.Resource) *graph.Resource {
	return g.Resolve(strings.TrimSuffix(trail.Text("cloudWatchLogsGroupArn"), ":*"), typeLogGroup)
}

// wantTrail judges a trail's own settings and returns its bucket, or nil where that is none of the stack's.
func wantTrail(s promises.Subject, r *promises.Report, trail *graph.Resource) *graph.Resource {
	const fix = "correct components/trail/trail.go"
	if lasting(s) {
		wantProtected(r, trail)
	}
	for _, property := range []string{"isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation"} {
		r.Want(trail, trail.Bool(property), property, "true", fix)
	}
	r.Want(trail, !trail.Has("enableLogging") || trail.Bool("enableLogging"), "enableLogging", "true", fix)
	key := trail.Ref("kmsKeyId", typeKey)
	r.Want(trail, key != nil, "kmsKeyId", "a key of the stack", fix)
	trailEvents(s, r, trail)
	if group := trailGroup(s.Graph, trail); group == nil {
		r.Want(trail, false, "cloudWatchLogsGroupArn", "a log group of the stack, in which the trail can be searched", fix)
	} else {
		wantRetention(r, group, 365, "LogDays of the trail")
		if lasting(s) {
			wantProtected(r, group)
		}
		r.Want(group, key != nil && group.Ref("kmsKeyId", typeKey) == key, "kmsKeyId", "the trail's own key", fix)
		writer := trail.Ref("cloudWatchLogsRoleArn", typeRole)
		r.Want(trail, writer != nil && takenBy(writer, "cloudtrail.amazonaws.com") && mayWrite(s, writer, group), "cloudWatchLogsRoleArn", "a role that may write to that log group", fix)
	}
	insights := trail.Items("insightSelectors")
	kinds := make([]string, len(insights))
	for i, insight := range insights {
		kinds[i] = insight.Text("insightType")
	}
	r.Want(trail, slices.Contains(kinds, "ApiCallRateInsight") && slices.Contains(kinds, "ApiErrorRateInsight"), "insightSelectors", "unusual rates of calls and of errors are noticed", fix)
	bucket := trail.Ref("s3BucketName", typeBucket)
	r.Want(trail, bucket != nil, "s3BucketName", "the locked bucket of this stack", fix)
	if key != nil && bucket != nil {
		wantTrailKey(s, r, key, trail)
	}
	return bucket
}

// trailEvents judges what a trail records: every management call, reading ones too, and every access to the objects of
// the stack's buckets in the trail's region. Buckets that hold logs of accesses would log themselves.
func trailEvents(s promises.Subject, r *promises.Report, trail *graph.Resource) {
	const fix = "correct the selectors in components/trail/trail.go"
	management := len(trail.Items("advancedEventSelectors"))+len(trail.Items("eventSelectors")) == 0
	var watched []string
	all := false
	for _, selector := range trail.Items("advancedEventSelectors") {
		equals, begins := map[string][]string{}, map[string][]string{}
		for _, field := range selector.Items("fieldSelectors") {
			equals[field.Text("field")], begins[field.Text("field")] = field.Texts("equals"), field.Texts("startsWiths")
		}
		switch {
		case slices.Equal(equals["eventCategory"], []string{"Management"}) && len(equals) == 1:
			management = true
		case slices.Equal(equals["eventCategory"], []string{"Data"}) && slices.Equal(equals["resources.type"], []string{"AWS::S3::Object"}) && len(equals) == 2:
			all = true
		case slices.Equal(equals["eventCategory"], []string{"Data"}) && slices.Equal(equals["resources.type"], []string{"AWS::S3::Object"}) && len(equals) == 3:
			watched = append(watched, begins["resources.ARN"]...)
		}
	}
	r.Say(trail, management, fmt.Sprintf("all management calls: %t", management), "every management call, whether it reads or writes", fix)
	for _, bucket := range s.Graph.OfType(typeBucket) {
		target := len(bucket.Referrers("targetBucket", "aws:s3/bucketLoggingV2:BucketLoggingV2")) > 0
		if target || bucket.Region() != trail.Region() {
			continue
		}
		seen := all || slices.ContainsFunc(watched, func(prefix string) bool {
			return bucket.Goes(strings.TrimSuffix(prefix, "/")) && strings.HasSuffix(prefix, "/")
		})
		found := "its objects are not watched"
		if seen {
			found = "the trail records every access to its objects"
		}
		r.Say(bucket, seen, found, "every access to its objects in the trail", fix)
	}
}

// wantTrailKey reports whether a trail's key stays, and serves this trail alone.
func wantTrailKey(s promises.Subject, r *promises.Report, key, trail *graph.Resource) {
	wantKeyKept(s, r, key, lasting(s))
	document, _ := policy.Parse(key.Text("policy"))
	encrypts, others := false, false
	for _, statement := range document.Allows() {
		if !slices.Contains(statement.Principals["Service"], "cloudtrail.amazonaws.com") {
			continue
		}
		source, _ := statement.Condition("StringEquals", "aws:SourceArn")
		own := len(source) == 1 && isTrail(source[0], trail, accountOf(s))
		encrypts = encrypts || own && statement.Covers("kms:GenerateDataKey")
		others = others || !own
	}
	r.Want(key, encrypts && !others, "policy", "CloudTrail encrypts with it for this trail, and for no other", "correct the key in components/trail/trail.go")
}

// isTrail tells whether an ARN is a trail's, of this account.
func isTrail(arn string, trail *graph.Resource, account string) bool {
	return strings.HasPrefix(arn, "arn:aws:cloudtrail:") && strings.HasSuffix(arn, ":"+account+":trail/"+trail.Text("name"))
}

// wantTrailBucket judges where a trail's records are kept, and their copy in the second region.
func wantTrailBucket(s promises.Subject, r *promises.Report, trail, bucket *graph.Resource, days int) {
	kept := keeping{mode: "COMPLIANCE", days: days, until: days + 31, older: 30, stays: lasting(s)}
	account := accountOf(s)
	judge := func(one *graph.Resource) {
		kept.wantKept(r, one)
		wantReadsLogged(r, one)
		if p, document, ok := bucketPolicy(r, one); ok {
			wantSecureOnly(r, p, document, one)
			wantTrailWrites(r, p, document, one, trail, account, one == bucket)
		}
	}
	judge(bucket)
	key := wantEncrypted(r, bucket)
	r.Want(trail, key != nil && trail.Ref("kmsKeyId", typeKey) == key, "kmsKeyId", "the key of the trail's bucket", "pass the same key to both")
	if s.Organisation() == nil && s.Client().Backup.SecondRegion == "" {
		return // outside production a client may do without a second region
	}
	if second := copyOf(s, r, bucket); second != nil {
		judge(second)
		if key := second.Referrers("bucket", "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"); len(key) == 1 {
			if key := key[0].Ref("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", typeKey); key != nil {
				wantKeyKept(s, r, key, lasting(s))
			}
		}
	}
}

// wantTrailWrites reports whether nobody but the trail writes to its bucket, and nobody at all to the copy.
func wantTrailWrites(r *promises.Report, p *graph.Resource, document policy.Document, bucket, trail *graph.Resource, account string, first bool) {
	const fix = "correct the statements in components/trail/trail.go"
	writes := false
	var others []string
	for _, statement := range document.Allows() {
		source, like := statement.Condition("ArnLike", "aws:SourceArn")
		own := like && len(source) == 1 && isTrail(source[0], trail, account) && len(lacks(statement, is("StringEquals", "aws:SourceAccount", account))) == 0 &&
			len(statement.Principals) == 1 && slices.Equal(statement.Principals["Service"], []string{"cloudtrail.amazonaws.com"})
		under := slices.ContainsFunc(statement.Resources, func(arn string) bool {
			base, ok := strings.CutSuffix(arn, "/AWSLogs/"+account+"/*")
			return ok && bucket.Goes(base)
		})
		switch {
		case own && slices.Equal(statement.Actions, []string{"s3:GetBucketAcl"}) && !slices.ContainsFunc(statement.Resources, func(arn string) bool { return !bucket.Goes(arn) }):
		case own && slices.Equal(statement.Actions, []string{"s3:PutObject"}) && under && len(lacks(statement, is("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control"))) == 0:
			writes = true
		default:
			others = append(others, statement.Sid)
		}
	}
	r.Say(p, len(others) == 0 && writes == first, fmt.Sprintf("the trail writes: %t, others: %s", writes, listed(others)), "the trail writes to its bucket, and nobody else; S3 writes the copy", fix)
	wantOneKey(r, p, document, bucket)
}

// wantTrailStays reports whether the boundaries of people and of the pipeline keep the trail out of their reach.
func wantTrailStays(s promises.Subject, r *promises.Report, trail, bucket *graph.Resource) {
	const fix = "restore the denial in the boundary: components/identity/roles.go for people, components/pipeline/permissions.go for the pipeline"
	account := s.Organisation().AWS.Account
	var judged []*graph.Resource
	for _, role := range s.Graph.OfType(typeRole) {
		boundary := role.Ref("permissionsBoundary", iamPolicy)
		if who := takers(role); boundary == nil || slices.Contains(judged, boundary) || who == takenByServices || who == takenByVerifiers {
			continue
		}
		judged = append(judged, boundary)
		wantDenied(r, boundary, []string{"cloudtrail:DeleteTrail", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail", "cloudtrail:PutEventSelectors"},
			"arn:aws:cloudtrail:"+trail.Region()+":"+account+":trail/"+trail.Text("name"), "nobody stops or narrows the trail", fix)
		stores := []*graph.Resource{bucket}
		if bucket != nil {
			for _, replication := range bucket.Referrers("bucket", "aws:s3/bucketReplicationConfig:BucketReplicationConfig") {
				stores = append(stores, replication.Ref("rules.0.destination.bucket", typeBucket))
			}
		}
		for _, store := range stores {
			if store == nil {
				continue
			}
			arn := "arn:aws:s3:::" + store.Text("bucket")
			wantDenied(r, boundary, []string{"s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy", "s3:PutBucketVersioning",
				"s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration"}, arn, "nobody weakens what keeps the records", fix)
			wantDenied(r, boundary, []string{"s3:BypassGovernanceRetention", "s3:DeleteObjectVersion"}, arn+"/any", "nobody deletes a record", fix)
			wantKeyStays(r, boundary, store, fix)
		}
		if takers(role) == takenByPeople {
			wantDenied(r, boundary, []string{"s3:DeleteObject", "s3:PutObject"}, "arn:aws:s3:::"+trail.Text("s3BucketName")+"/any", "no person writes or hides a record", fix)
			wantDenied(r, boundary, []string{"cloudtrail:PutInsightSelectors", "guardduty:DeleteDetector", "guardduty:UpdateDetector", "guardduty:DisassociateFromAdministratorAccount",
				"access-analyzer:DeleteAnalyzer", "organizations:LeaveOrganization", "backup:DeleteBackupVaultLockConfiguration"}, "any", "nobody switches detection or locks off", fix)
		}
	}
	r.Must(judged, "boundary of people's roles", "people who can never stop the trail, whatever they are allowed", fix)
}

// wantKeyStays reports whether a boundary denies to disable or delete the key of a bucket: records that nobody can
// decrypt are as good as deleted.
func wantKeyStays(r *promises.Report, boundary, store *graph.Resource, fix string) {
	for _, encryption := range store.Referrers("bucket", "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2") {
		key := encryption.Ref("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", typeKey)
		document, err := policy.Parse(boundary.Text("policy"))
		if key == nil || err != nil {
			continue
		}
		var open []string
		for _, action := range []string{"kms:DisableKey", "kms:ScheduleKeyDeletion"} {
			if !slices.ContainsFunc(document.Denies(), func(statement policy.Statement) bool {
				return len(statement.Conditions) == 0 && statement.Covers(action) && slices.ContainsFunc(statement.Resources, func(arn string) bool { return arn == "*" || key.Goes(arn) })
			}) {
				open = append(open, action)
			}
		}
		r.Say(boundary, len(open) == 0, "of key "+key.Name+" not denied: "+listed(open), "the key of the records cannot be disabled or deleted: without it they are as good as deleted", fix)
	}
}
