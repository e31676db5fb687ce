package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	attachedPolicyType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

	// copyMinutes is how late a copy of an object may be before S3 says so.
	copyMinutes = 15

	replicateWith = "make it with components/replication"
)

// wantCopied reports whether everything in a bucket is copied into one of the buckets given, in time and under a key of
// the copy's region, by a role that can do that and nothing else.
func wantCopied(s promises.Subject, r *promises.Report, source *graph.Resource, copies []*graph.Resource) {
	config := bucketSetting(r, source, typeReplication, "replication into the second region")
	if config == nil {
		return
	}
	if !copiesAll(config) {
		r.Want(config, false, "rules", "one rule, for everything in the bucket", replicateWith)
		return
	}
	const first = "rules.0."
	yes := func(path, expected string) {
		r.Want(config, config.Text(first+path) == "Enabled", first+path, expected, replicateWith)
	}
	minutes := func(path string) {
		n, _ := config.Number(first + path)
		r.Want(config, n == copyMinutes, first+path, fmt.Sprintf("%d minutes", copyMinutes), replicateWith)
	}
	yes("status", "Enabled")
	yes("sourceSelectionCriteria.sseKmsEncryptedObjects.status", "Enabled: without it no encrypted object is copied")
	yes("destination.replicationTime.status", "Enabled, for copies in time")
	minutes("destination.replicationTime.time.minutes")
	yes("destination.metrics.status", "Enabled: without the metrics nobody sees that copies are late")
	minutes("destination.metrics.eventThreshold.minutes")
	r.Want(config, config.Text(first+"deleteMarkerReplication.status") == "Disabled", first+"deleteMarkerReplication.status",
		"Disabled: what is deleted here stays in the copy", replicateWith)

	class := config.Text(first + "destination.storageClass")
	r.Want(config, class == "" || class == "STANDARD", first+"destination.storageClass", "STANDARD: a copy in the archive cannot be restored in time", replicateWith)
	target := config.Ref(first+"destination.bucket", typeBucket)
	known := target != nil && slices.Contains(copies, target)
	r.Want(config, known, first+"destination.bucket", "the bucket of the same data in the second region", replicateWith)
	if !known {
		return
	}
	key := config.Ref(first+"destination.encryptionConfiguration.replicaKmsKeyId", typeKey)
	r.Want(config, key != nil && key == defaultKey(target), first+"destination.encryptionConfiguration.replicaKmsKeyId",
		"the key of the copy's bucket", "pass both sides' keys to components/replication")
	role := config.Ref("role", typeRole)
	r.Want(config, role != nil, "role", "a role of this stack that can copy and nothing else", replicateWith)
	if role != nil && key != nil {
		copyRole{s, r, role, source, target, defaultKey(source), key}.check()
	}
}

// copiesAll tells whether there is one rule, which leaves nothing out.
func copiesAll(config *graph.Resource) bool {
	rules := config.Items("rules")
	return len(rules) == 1 && rules[0].Text("prefix") == "" && rules[0].Text("filter.prefix") == "" && !rules[0].Has("filter.tag") && !rules[0].Has("filter.and")
}

// defaultKey is the key of a bucket's default encryption, or nil.
func defaultKey(bucket *graph.Resource) *graph.Resource {
	for _, setting := range bucket.Referrers("bucket", typeBucketEncryption) {
		return setting.Ref("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", typeKey)
	}
	return nil
}

// copyRole is a role that copies from one bucket to another.
type copyRole struct {
	s                     promises.Subject
	r                     *promises.Report
	role                  *graph.Resource
	from, to              *graph.Resource
	decryptsBy, encryptBy *graph.Resource
}

// grants are what copying takes: by action, on what.
func (c copyRole) grants() map[string]func(arn string) bool {
	itself := func(one *graph.Resource) func(string) bool {
		return func(arn string) bool { return one != nil && one.Goes(arn) }
	}
	objects := func(bucket *graph.Resource) func(string) bool {
		return func(arn string) bool { return allObjects(bucket, arn) }
	}
	return map[string]func(string) bool{
		"s3:GetReplicationConfiguration":    itself(c.from),
		"s3:ListBucket":                     itself(c.from),
		"s3:GetObjectLegalHold":             objects(c.from),
		"s3:GetObjectRetention":             objects(c.from),
		"s3:GetObjectVersionAcl":            objects(c.from),
		"s3:GetObjectVersionForReplication": objects(c.from),
		"s3:GetObjectVersionTagging":        objects(c.from),
		"s3:ReplicateObject":                objects(c.to),
		"s3:ReplicateTags":                  objects(c.to),
		"kms:Decrypt":                       itself(c.decryptsBy),
		"kms:Encrypt":                       itself(c.encryptBy),
		"kms:GenerateDataKey":               itself(c.encryptBy),
	}
}

func (c copyRole) check() {
	const fix = "leave the role to components/replication"
	wantTrusts(c.s, c.r, c.role, "s3.amazonaws.com", c.from)
	attached := c.role.Referrers("role", attachedPolicyType)
	for _, extra := range attached {
		c.r.Say(extra, false, "one more policy of the role that copies", "no policy but the role's own", fix)
	}
	own := single(c.r, c.role, c.role.Referrers("role", typeRolePolicy), "policy that lets it copy", fix)
	if own == nil {
		return
	}
	document, err := policy.Parse(own.Text("policy"))
	if err != nil {
		c.r.Want(own, false, "policy", "a policy that can be read", fix)
		return
	}
	wrong := c.deviations(document)
	found := "exactly what copying takes"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	c.r.Say(own, len(wrong) == 0, found, "read from the one bucket, write to the other, use their two keys through S3, and nothing else", fix)
}

// deviations are what the policy allows too much or not at all.
func (c copyRole) deviations(document policy.Document) []string {
	grants := c.grants()
	given := map[string]bool{}
	var wrong []string
	for _, st := range document.Allows() {
		if len(st.NotActions) > 0 || len(st.NotResources) > 0 {
			wrong = append(wrong, "everything but some is allowed")
		}
		for _, action := range st.Actions {
			on, known := grants[action]
			for _, arn := range st.Resources {
				if !known || !on(arn) {
					wrong = append(wrong, action+" on "+arn+" is not needed")
				}
			}
			given[action] = len(st.Resources) > 0
			if strings.HasPrefix(action, "kms:") {
				wrong = append(wrong, c.deviatingConditions(action, st)...)
			} else if len(st.Conditions) > 0 {
				wrong = append(wrong, action+" has a condition that nobody asked for")
			}
		}
	}
	for action := range grants {
		if !given[action] {
			wrong = append(wrong, action+" is missing")
		}
	}
	if len(document.Denies()) > 0 {
		wrong = append(wrong, "it denies something")
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// deviatingConditions are those on a key's use but that it goes through S3 of the key's region, for the bucket at that side.
func (c copyRole) deviatingConditions(action string, st policy.Statement) []string {
	bucket := c.to
	if action == "kms:Decrypt" {
		bucket = c.from
	}
	var wrong []string
	if via, _ := st.Condition("StringEquals", "kms:ViaService"); !slices.Equal(via, []string{"s3." + bucket.Region() + ".amazonaws.com"}) {
		wrong = append(wrong, action+" is not bound to S3 in "+bucket.Region())
	}
	// With bucket keys the context is the bucket, without them the object.
	contexts, _ := st.Condition("ArnLike", "kms:EncryptionContext:aws:s3:arn")
	ours := func(arn string) bool { return bucket.Goes(arn) || allObjects(bucket, arn) }
	if !slices.ContainsFunc(contexts, bucket.Goes) || slices.ContainsFunc(contexts, func(arn string) bool { return !ours(arn) }) {
		wrong = append(wrong, action+" is not bound to "+bucket.Name)
	}
	if len(st.Conditions) > 2 {
		wrong = append(wrong, action+" has a condition that nobody asked for")
	}
	return wrong
}

// wantTrusts reports whether a service, and nobody else, may take a role, on behalf of the client's account and, where
// one is given, of one resource only.
func wantTrusts(s promises.Subject, r *promises.Report, role *graph.Resource, service string, source *graph.Resource) {
	document, err := policy.Parse(role.Text("assumeRolePolicy"))
	allows := document.Allows()
	ok := err == nil && len(allows) > 0 && len(document.Denies()) == 0
	for _, st := range allows {
		account, _ := st.Condition("StringEquals", "aws:SourceAccount")
		ok = ok && len(st.Principals) == 1 && slices.Equal(st.Principals["Service"], []string{service}) &&
			slices.Equal(st.Actions, []string{"sts:AssumeRole"}) && slices.Equal(account, []string{s.Client().AWS.Account})
		if source != nil {
			arns, _ := st.Condition("ArnLike", "aws:SourceArn")
			ok = ok && len(arns) == 1 && source.Goes(arns[0])
		}
	}
	expected := service + " may take the role on behalf of the client's account, and nobody else may"
	if source != nil {
		expected = service + " may take the role on behalf of " + source.Name + ", and nobody else may"
	}
	r.Want(role, ok, "assumeRolePolicy", expected, "let components/policy write the role's trust")
}
