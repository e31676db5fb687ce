package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// What keeps a bucket of evidence (AC-5) or of releases (OP-1) as it was written: settings beside it, its policy, its
// copy. Buckets of clients' backups are judged with the backups.

// fixBucket is what mends a bucket that lacks a part.
const fixBucket = "make the bucket with components/bucket, which adds it"

// keeping says how a bucket is to be kept.
type keeping struct {
	mode  string // of the object lock: COMPLIANCE or GOVERNANCE; empty: none
	days  int    // of the lock, and the least that the lifecycle leaves objects alone
	until int    // when the lifecycle deletes objects at the latest; 0: never
	older int    // how long the lifecycle leaves overwritten and deleted versions alone
	stays bool   // the program must not be able to delete it: not where a client leaves, nor where test data is
}

// lasting tells whether what the stack keeps must stay whatever the program does.
func lasting(s promises.Subject) bool { return s.Production() && !s.Leaving() }

// wantProtected reports whether the engine refuses to delete a resource.
func wantProtected(r *promises.Report, resource *graph.Resource) {
	r.Say(resource, resource.Protect && len(resource.IgnoreChanges) == 0, fmt.Sprintf("protected: %t, changes ignored: %s", resource.Protect, listed(resource.IgnoreChanges)),
		"protected: the program cannot delete it; no change of it ignored", "pass Scope.Stateful to it in the component that makes it, and no IgnoreChanges")
}

// part is the one resource of a type that sets something on a bucket; anything else is reported on the bucket.
func part(r *promises.Report, bucket *graph.Resource, typeToken, what string) *graph.Resource {
	found := bucket.Referrers("bucket", typeToken)
	if len(found) != 1 {
		r.Say(bucket, false, fmt.Sprintf("%s: %d", what, len(found)), "one setting of "+what, fixBucket)
		return nil
	}
	return found[0]
}

// wantKept reports whether what is in a bucket stays, unread by strangers.
func (k keeping) wantKept(r *promises.Report, bucket *graph.Resource) {
	if k.stays {
		wantProtected(r, bucket)
		r.Want(bucket, !bucket.Bool("forceDestroy"), "forceDestroy", "false: it cannot be deleted with what is in it", fixBucket)
	}
	if v := part(r, bucket, "aws:s3/bucketVersioningV2:BucketVersioningV2", "versioning"); v != nil {
		r.Want(v, v.Text("versioningConfiguration.status") == "Enabled", "versioningConfiguration.status", "Enabled: nothing is overwritten for good", fixBucket)
	}
	if p := part(r, bucket, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "a block of public access"); p != nil {
		for _, property := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			r.Want(p, p.Bool(property), property, "true: never public", fixBucket)
		}
	}
	if o := part(r, bucket, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", "ownership"); o != nil {
		r.Want(o, o.Text("rule.objectOwnership") == "BucketOwnerEnforced", "rule.objectOwnership", "BucketOwnerEnforced: access by policies only", fixBucket)
	}
	k.lifecycle(r, bucket)
	if k.mode == "" {
		return
	}
	r.Want(bucket, bucket.Bool("objectLockEnabled"), "objectLockEnabled", "true", fixBucket)
	if l := part(r, bucket, "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", "object lock"); l != nil {
		r.Want(l, l.Text("rule.defaultRetention.mode") == k.mode, "rule.defaultRetention.mode", k.mode+k.because(), "set LockMode where the bucket is made")
		days, given := l.Number("rule.defaultRetention.days")
		r.Want(l, given && days >= float64(k.days), "rule.defaultRetention.days", fmt.Sprintf("%d days or more", k.days), "set LockDays where the bucket is made")
	}
}

func (k keeping) because() string {
	if k.mode == "COMPLIANCE" {
		return ": nobody can lift it, not even the account's root user"
	}
	return ": only whoever may bypass the lock can lift it, and the boundaries deny that"
}

// abortDays is how long what was begun and never finished may lie about.
const abortDays = 30

// lifecycle judges that nothing is deleted before its days are over, nor kept longer than is said.
func (k keeping) lifecycle(r *promises.Report, bucket *graph.Resource) {
	l := part(r, bucket, "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", "lifecycle")
	if l == nil {
		return
	}
	for _, limit := range []struct {
		property    string
		least, most int // both 0: there is no such rule
	}{
		{"expiration.days", k.days, k.until}, {"noncurrentVersionExpiration.noncurrentDays", k.older, k.older + 31},
		{"abortIncompleteMultipartUpload.daysAfterInitiation", 1, abortDays},
	} {
		if limit.most == 0 {
			limit.least = 0
		}
		shortest := 0.0
		for _, rule := range l.Items("rules") {
			everything := rule.Text("filter.prefix") == "" && rule.Text("prefix") == "" && !rule.Has("filter.tag") && !rule.Has("filter.and")
			days, given := rule.Number(limit.property)
			if given && rule.Text("status") == "Enabled" && (everything || days < float64(limit.least)) && (shortest == 0 || days < shortest) {
				shortest = days
			}
			if rule.Has("expiration.date") {
				shortest = 1 // whatever the date is, it is no number of days
			}
		}
		expected := fmt.Sprintf("%s: %d to %d", limit.property, limit.least, limit.most)
		if limit.most == 0 {
			expected = limit.property + ": none, nothing is deleted"
		}
		r.Say(l, shortest >= float64(limit.least) && shortest <= float64(limit.most), fmt.Sprintf("%s: %g", limit.property, shortest), expected, "correct the lifecycle where the bucket is made")
	}
}

// wantEncrypted reports whether a bucket is encrypted with a key of the stack in its own region, and takes no other. It
// returns the key.
func wantEncrypted(r *promises.Report, bucket *graph.Resource) *graph.Resource {
	e := part(r, bucket, "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "encryption")
	if e == nil {
		return nil
	}
	const property = "rules.0.applyServerSideEncryptionByDefault."
	r.Want(e, e.Text(property+"sseAlgorithm") == "aws:kms", property+"sseAlgorithm", "aws:kms: reading needs the key too", fixBucket)
	key := e.Ref(property+"kmsMasterKeyId", typeKey, "aws:kms/replicaKey:ReplicaKey")
	if key != nil && key.Region() != bucket.Region() {
		key = nil
	}
	r.Want(e, key != nil, property+"kmsMasterKeyId", "a key of the stack in the bucket's own region", "pass the key where the bucket is made")
	return key
}

// wantKeyKept reports whether a key stays usable: what it encrypts cannot be read without it. stays asks for protection
// against the program too.
func wantKeyKept(s promises.Subject, r *promises.Report, key *graph.Resource, stays bool) {
	if stays {
		wantProtected(r, key)
	}
	days, given := key.Number("deletionWindowInDays")
	r.Want(key, !given || days >= 30, "deletionWindowInDays", "30 days in which a deletion is noticed and taken back", "set 30 in components/key")
	enabled := "isEnabled"
	if key.Type != typeKey {
		enabled = "enabled"
	}
	r.Want(key, !key.Has(enabled) || key.Bool(enabled), enabled, "not false", "leave it out in components/key")
	wantKeyPolicy(s, r, key)
}

// wantKeyPolicy reports whether a key is used by named principals only, each for what it is meant for: through a
// service, for one resource, or by one role.
func wantKeyPolicy(s promises.Subject, r *promises.Report, key *graph.Resource) {
	document, err := policy.Parse(key.Text("policy"))
	var wrong []string
	if err != nil || len(document.Allows()) == 0 {
		wrong = append(wrong, "a policy that lets nobody in, or cannot be read")
	}
	for _, statement := range document.Allows() {
		if problem := keyExcess(s, statement); problem != "" {
			wrong = append(wrong, statement.Sid+": "+problem)
		}
	}
	found := "named principals, bound to a service, a resource or a role"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	r.Say(key, len(wrong) == 0, found, "used by named principals only, through a service, for one resource or by one role", "write the statement in the component that makes the key")
}

// keyExcess says in words what a statement of a key's policy opens that it should not.
func keyExcess(s promises.Subject, statement policy.Statement) string {
	if statement.Everyone() || len(statement.NotActions) > 0 || len(statement.Principals) != 1 || slices.ContainsFunc(statement.Principals["Service"], wild) {
		return "open to everybody"
	}
	if slices.ContainsFunc(statement.Conditions, func(c policy.Condition) bool { return slices.Contains(c.Values, "*") }) {
		return "a condition that everything meets"
	}
	if other := strangers(s, statement); other != "" {
		return other
	}
	_, through := statement.Condition("StringEquals", "kms:ViaService")
	_, caller := statement.Condition("StringEquals", "kms:CallerAccount")
	role := statement.ConditionOn("aws:PrincipalArn")
	bound := statement.ConditionOn("aws:SourceArn") || slices.ContainsFunc(statement.Conditions, func(c policy.Condition) bool { return strings.HasPrefix(c.Key, "kms:EncryptionContext:") })
	for _, action := range statement.Actions {
		cipher := slices.Contains(cipherActions, action)
		switch {
		case wild(action):
			return "allows " + action
		case len(statement.Principals["AWS"]) > 0 && cipher && (!through || !caller) && !role:
			return action + " not through a service for the account"
		case len(statement.Principals["AWS"]) > 0 && action == "kms:CreateGrant" && (!through || !caller || !grantsToServices(statement)):
			return "grants to others than services"
		case len(statement.Principals["Service"]) > 0 && cipher && !bound:
			return action + " for any resource of anybody"
		}
	}
	return ""
}

// strangers says in words whom of other accounts a statement of a key's policy lets in. Clients' accounts may decrypt
// and verify, where it says so.
func strangers(s promises.Subject, statement policy.Statement) string {
	var clients []string
	if o := s.Organisation(); o != nil {
		clients = clientARNs(o, ":root")
	}
	for _, principal := range statement.Principals["AWS"] {
		reads := !slices.ContainsFunc(statement.Actions, func(action string) bool { return action != "kms:Decrypt" && action != "kms:GetPublicKey" })
		if principal != "arn:aws:iam::"+accountOf(s)+":root" && (!reads || !slices.Contains(clients, principal)) {
			return principal + " is let in"
		}
	}
	return ""
}

// grantsToServices tells whether grants go to services of AWS only. Incident Manager makes its own.
func grantsToServices(s policy.Statement) bool {
	services, _ := s.Condition("StringEquals", "kms:ViaService")
	incidents := []string{"ssm-incidents.amazonaws.com", "ssm-contacts.amazonaws.com"}
	return len(lacks(s, is("Bool", "kms:GrantIsForAWSResource", "true"))) == 0 || sameTexts(services, incidents)
}

// bucketPolicy is a bucket's policy, parsed; false where there is none that can be read, which is reported.
func bucketPolicy(r *promises.Report, bucket *graph.Resource) (*graph.Resource, policy.Document, bool) {
	p := part(r, bucket, "aws:s3/bucketPolicy:BucketPolicy", "policy")
	if p == nil {
		return nil, policy.Document{}, false
	}
	document, err := policy.Parse(p.Text("policy"))
	if err != nil {
		r.Want(p, false, "policy", "a policy that can be read", fixBucket)
	}
	return p, document, err == nil
}

// wantSecureOnly reports whether a bucket's policy denies everything that does not come over TLS 1.2.
func wantSecureOnly(r *promises.Report, p *graph.Resource, document policy.Document, bucket *graph.Resource) {
	all := func(statement policy.Statement) bool {
		return statement.Everyone() && slices.Contains(statement.Actions, "s3:*") && len(statement.Conditions) == 1 &&
			slices.ContainsFunc(statement.Resources, bucket.Goes) && objectsOf(statement, bucket)
	}
	plain, old := false, false
	for _, statement := range document.Denies() {
		if all(statement) {
			plain = plain || len(lacks(statement, is("Bool", "aws:SecureTransport", "false"))) == 0
			old = old || len(lacks(statement, is("NumericLessThan", "s3:TlsVersion", "1.2"))) == 0
		}
	}
	r.Say(p, plain && old, fmt.Sprintf("plain HTTP denied: %t, TLS before 1.2 denied: %t", plain, old), "nothing but TLS 1.2 or later", fixBucket)
}

// wantOneKey reports whether a bucket takes no object under another key than its own.
func wantOneKey(r *promises.Report, p *graph.Resource, document policy.Document, bucket *graph.Resource) {
	const header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
	var own *graph.Resource
	for _, e := range bucket.Referrers("bucket", "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2") {
		own = e.Ref("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", typeKey, "aws:kms/replicaKey:ReplicaKey")
	}
	one := false
	for _, statement := range document.Denies() {
		keys, named := statement.Condition("StringNotEquals", header)
		one = one || named && own != nil && len(keys) == 1 && own.Goes(keys[0]) && len(lacks(statement, is("Null", header, "false"))) == 0 && statement.Everyone() && statement.Covers("s3:PutObject") && objectsOf(statement, bucket)
	}
	r.Say(p, one, fmt.Sprintf("other keys denied: %t", one), "objects under the bucket's own key only", fixBucket)
}

// objectsOf tells whether a statement goes for all objects of a bucket.
func objectsOf(statement policy.Statement, bucket *graph.Resource) bool {
	return slices.ContainsFunc(statement.Resources, func(arn string) bool {
		base, all := strings.CutSuffix(arn, "/*")
		return all && bucket.Goes(base)
	})
}

// inBucket tells whether an ARN stands for a bucket, or for something in it.
func inBucket(bucket *graph.Resource, arn string) bool {
	for base := arn; base != ""; base = base[:max(strings.LastIndex(base, "/"), 0)] {
		if bucket.Goes(base) {
			return true
		}
	}
	return false
}

// wantReadsLogged reports whether every access to a bucket is written to another.
func wantReadsLogged(r *promises.Report, bucket *graph.Resource) {
	if l := part(r, bucket, "aws:s3/bucketLoggingV2:BucketLoggingV2", "access logging"); l != nil {
		to := l.Ref("targetBucket", typeBucket)
		r.Want(l, to != nil && to != bucket && to.Region() == bucket.Region(), "targetBucket", "another bucket of the stack in the same region", "pass LogsTo where the bucket is made")
	}
}

// copyOf judges a bucket's replication and returns the copy, or nil.
func copyOf(s promises.Subject, r *promises.Report, bucket *graph.Resource) *graph.Resource {
	const fix = "keep components/replication between the bucket and its copy"
	replication := part(r, bucket, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "replication")
	if replication == nil {
		return nil
	}
	rule := "rules.0."
	r.Want(replication, replication.Text(rule+"status") == "Enabled", rule+"status", "Enabled", fix)
	whole := replication.Text(rule+"filter.prefix") == "" && replication.Text(rule+"prefix") == "" && !replication.Has(rule+"filter.tag") && !replication.Has(rule+"filter.and")
	r.Want(replication, whole, rule+"filter", "everything in the bucket", fix)
	r.Want(replication, replication.Text(rule+"deleteMarkerReplication.status") == "Disabled", rule+"deleteMarkerReplication.status", "Disabled: a deletion is not copied", fix)
	r.Want(replication, replication.Text(rule+"sourceSelectionCriteria.sseKmsEncryptedObjects.status") == "Enabled", rule+"sourceSelectionCriteria.sseKmsEncryptedObjects.status",
		"Enabled: what is encrypted is copied too", fix)
	minutes, _ := replication.Number(rule + "destination.replicationTime.time.minutes")
	r.Want(replication, replication.Text(rule+"destination.replicationTime.status") == "Enabled" && minutes > 0 && minutes <= 15, rule+"destination.replicationTime", "Enabled, within 15 minutes", fix)
	noticed, _ := replication.Number(rule + "destination.metrics.eventThreshold.minutes")
	r.Want(replication, replication.Text(rule+"destination.metrics.status") == "Enabled" && noticed > 0 && noticed <= 15, rule+"destination.metrics", "Enabled, so that a delay of 15 minutes shows", fix)
	to := replication.Ref(rule+"destination.bucket", typeBucket)
	away := to != nil && to != bucket && to.Region() != bucket.Region()
	r.Want(replication, away, rule+"destination.bucket", "a bucket of the stack in another region", fix)
	if !away {
		return nil
	}
	key := wantEncrypted(r, to)
	r.Want(replication, key != nil && replication.Ref(rule+"destination.encryptionConfiguration.replicaKmsKeyId", key.Type) == key,
		rule+"destination.encryptionConfiguration.replicaKmsKeyId", "the copy's own key", fix)
	role := replication.Ref("role", typeRole)
	if role == nil {
		r.Want(replication, false, "role", "a role of the stack that copies", fix)
		return to
	}
	wantCopies(s, r, role, bucket, to, key)
	return to
}

// wantCopies reports whether a role may do what copying takes, by S3 alone and for these two buckets only.
func wantCopies(s promises.Subject, r *promises.Report, role, from, to, key *graph.Resource) {
	permissions := permissionsOf(s.Graph, role)
	may := func(action string, on *graph.Resource, suffix string) bool {
		return on != nil && slices.ContainsFunc(allowing(permissions, action), func(statement policy.Statement) bool {
			return slices.ContainsFunc(statement.Resources, func(arn string) bool {
				base, ok := strings.CutSuffix(arn, suffix)
				return ok && on.Goes(base)
			})
		})
	}
	ciphers := func(action string, bucket *graph.Resource) bool {
		return slices.ContainsFunc(allowing(permissions, action), func(statement policy.Statement) bool {
			context, _ := statement.Condition("ArnLike", "kms:EncryptionContext:aws:s3:arn")
			return len(context) == 2 && !slices.ContainsFunc(context, func(arn string) bool { return !bucket.Goes(strings.TrimSuffix(arn, "/*")) }) &&
				len(lacks(statement, is("StringEquals", "kms:ViaService", "s3."+bucket.Region()+".amazonaws.com"))) == 0
		})
	}
	var missing []string
	for _, needed := range []struct {
		what  string
		holds bool
	}{
		{"be taken by S3", takenBy(role, "s3.amazonaws.com")},
		{"s3:GetReplicationConfiguration", may("s3:GetReplicationConfiguration", from, "")}, {"s3:ListBucket", may("s3:ListBucket", from, "")},
		{"s3:GetObjectVersionForReplication", may("s3:GetObjectVersionForReplication", from, "/*")}, {"s3:GetObjectRetention", may("s3:GetObjectRetention", from, "/*")},
		{"s3:ReplicateObject", may("s3:ReplicateObject", to, "/*")}, {"kms:Decrypt of the first bucket's objects", ciphers("kms:Decrypt", from)},
		{"kms:Encrypt of the copy's objects", may("kms:Encrypt", key, "") && ciphers("kms:Encrypt", to)},
	} {
		if !needed.holds {
			missing = append(missing, needed.what)
		}
	}
	r.Say(role, len(missing) == 0, "cannot: "+listed(missing), "may read every version, and write and encrypt its copy, for these buckets only", "restore the statement in components/replication")
}
