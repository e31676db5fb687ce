package aws_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// bucketsByRegion are the account's buckets by where they are.
func bucketsByRegion(t *testing.T, d *deployed) map[string][]string {
	t.Helper()
	c := d.in(first)
	all := map[string][]string{}
	for _, b := range of(c.s3.ListBuckets(t.Context(), nil))(t).Buckets {
		where := of(c.s3.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: b.Name}))(t)
		region := cmp.Or(string(where.LocationConstraint), global)
		all[region] = append(all[region], *b.Name)
	}
	return all
}

// safeBucket wants of a bucket what every one is to have.
func safeBucket(t *testing.T, c *clients, region, bucket string) {
	t.Helper()
	name := aws.String(bucket)
	block, err := c.s3.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: name})
	if err != nil {
		t.Errorf("%s: public access block: %v", bucket, err)
	} else if b := block.PublicAccessBlockConfiguration; !aws.ToBool(b.BlockPublicAcls) || !aws.ToBool(b.BlockPublicPolicy) ||
		!aws.ToBool(b.IgnorePublicAcls) || !aws.ToBool(b.RestrictPublicBuckets) {
		t.Errorf("%s: public access block %+v, want all four", bucket, *b)
	}
	versions, err := c.s3.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: name})
	if err != nil || versions.Status != s3types.BucketVersioningStatusEnabled {
		t.Errorf("%s: versioning %+v, %v; want it enabled", bucket, versions, err)
	}
	encryption, err := c.s3.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: name})
	if err != nil {
		t.Errorf("%s: encryption: %v", bucket, err)
	} else {
		// Logs that AWS's services write can be encrypted with S3's own key only.
		by := encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault
		logs := strings.Contains(bucket, "logs")
		if !logs && (by.SSEAlgorithm != s3types.ServerSideEncryptionAwsKms || !strings.Contains(aws.ToString(by.KMSMasterKeyID), ":kms:"+region+":")) {
			t.Errorf("%s: encryption %s with %s, want a key of the stack's", bucket, by.SSEAlgorithm, aws.ToString(by.KMSMasterKeyID))
		}
	}
	policy, err := c.s3.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: name})
	if err != nil {
		t.Errorf("%s: policy: %v", bucket, err)
		return
	}
	for condition, value := range map[string]map[string]string{
		"aws:SecureTransport": {"Bool": "false"}, "s3:TlsVersion": {"NumericLessThan": "1.2"},
	} {
		if !denies(t, *policy.Policy, bucket, condition, value) {
			t.Errorf("%s: the policy does not refuse everybody who comes with %s %v", bucket, condition, value)
		}
	}
}

// denies tells whether a bucket's policy refuses every call of everybody under a condition.
func denies(t *testing.T, text, bucket, key string, value map[string]string) bool {
	t.Helper()
	var policy struct {
		Statement []struct {
			Effect    string
			Principal any
			Action    any
			Resource  any
			Condition map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatalf("%s: the policy cannot be read: %v\n%s", bucket, err, text)
	}
	for _, s := range policy.Statement {
		everybody := s.Principal == "*"
		if by, named := s.Principal.(map[string]any); named {
			everybody = by["AWS"] == "*"
		}
		resources := strings.Join(list(s.Resource), " ")
		for operator, v := range value {
			if s.Effect == "Deny" && everybody && slices.Equal(list(s.Action), []string{"s3:*"}) && list(s.Condition[operator][key])[0] == v &&
				len(s.Condition) == 1 && strings.Contains(resources+" ", ":"+bucket+" ") && strings.Contains(resources, ":"+bucket+"/*") {
				return true
			}
		}
	}
	return false
}

// list is a policy's value, which may be one text or several.
func list(value any) []string {
	switch v := value.(type) {
	case []any:
		var all []string
		for _, entry := range v {
			all = append(all, list(entry)...)
		}
		return all
	case string:
		return []string{v}
	default:
		return []string{""}
	}
}

func safeBuckets(t *testing.T, d *deployed, want client) {
	n := 0
	for region, buckets := range bucketsByRegion(t, d) {
		for _, bucket := range buckets {
			n++
			safeBucket(t, d.in(region), region, bucket)
		}
	}
	if n < 2*len(want.regions()) {
		t.Errorf("there are %d buckets in %v", n, want.regions())
	}
}

// rules are a bucket's rules for its objects' lives, and how long an object is locked.
type rules struct {
	glacier, expires, old int32 // days; 0: not
	lock                  s3types.ObjectLockRetentionMode
	locked                int32 // days
}

func rulesOf(t *testing.T, c *clients, bucket string) rules {
	t.Helper()
	var r rules
	for _, rule := range of(c.s3.GetBucketLifecycleConfiguration(t.Context(),
		&s3.GetBucketLifecycleConfigurationInput{Bucket: aws.String(bucket)}))(t).Rules {
		if rule.Status != s3types.ExpirationStatusEnabled {
			continue
		}
		for _, transition := range rule.Transitions {
			if transition.StorageClass == s3types.TransitionStorageClassGlacier {
				r.glacier = aws.ToInt32(transition.Days)
			}
		}
		if rule.Expiration != nil && rule.Expiration.Days != nil {
			r.expires = *rule.Expiration.Days
		}
		if rule.NoncurrentVersionExpiration != nil {
			r.old = aws.ToInt32(rule.NoncurrentVersionExpiration.NoncurrentDays)
		}
	}
	lock, err := c.s3.GetObjectLockConfiguration(t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: aws.String(bucket)})
	if err == nil && lock.ObjectLockConfiguration.Rule != nil {
		r.lock, r.locked = lock.ObjectLockConfiguration.Rule.DefaultRetention.Mode, aws.ToInt32(lock.ObjectLockConfiguration.Rule.DefaultRetention.Days)
	}
	return r
}

func backupBuckets(t *testing.T, d *deployed, want client) {
	all := bucketsByRegion(t, d)
	for _, region := range want.regions() {
		i := slices.IndexFunc(all[region], func(name string) bool { return strings.HasPrefix(name, "berth-"+want.name+"-backup-") })
		if i < 0 {
			t.Errorf("%s has no bucket for backups: %v", region, all[region])
			continue
		}
		got := rulesOf(t, d.in(region), all[region][i])
		if got.glacier != 90 || got.expires <= got.glacier || got.old < want.kept || got.lock != s3types.ObjectLockRetentionModeGovernance || got.locked != want.kept {
			t.Errorf("%s: %s has %+v; want Glacier from day 90, an end after that, and a lock of %d days", region, all[region][i], got, want.kept)
		}
	}
}

// trailRecords wants the account's calls recorded in all regions, where nobody can change the record.
func trailRecords(t *testing.T, d *deployed) {
	c := d.in(first)
	trails := of(c.cloudtrail.DescribeTrails(t.Context(), nil))(t).TrailList
	i := slices.IndexFunc(trails, func(trail trailtypes.Trail) bool { return aws.ToBool(trail.IsMultiRegionTrail) })
	if i < 0 {
		t.Fatalf("no trail is for all regions: %+v", trails)
	}
	trail := trails[i]
	if !aws.ToBool(trail.LogFileValidationEnabled) || !aws.ToBool(trail.IncludeGlobalServiceEvents) || aws.ToString(trail.KmsKeyId) == "" ||
		aws.ToString(trail.CloudWatchLogsLogGroupArn) == "" {
		t.Errorf("the trail is %+v; want validation, global services, a key and a log group", trail)
	}
	got := rulesOf(t, c, *trail.S3BucketName)
	if got.lock != s3types.ObjectLockRetentionModeCompliance || got.locked < 365 {
		t.Errorf("records are locked as %+v, want a year or more that nobody can lift", got)
	}
	safeBucket(t, c, first, *trail.S3BucketName)
}

func recorded(t *testing.T, d *deployed, _ client) { trailRecords(t, d) }

// wantTagged wants everything that AWS can list by its tags to say whose it is and what it holds.
func wantTagged(t *testing.T, d *deployed, own map[string]string, regions ...string) {
	t.Helper()
	for _, region := range regions {
		n := 0
		pages := tagging.NewGetResourcesPaginator(d.in(region).tagging, &tagging.GetResourcesInput{})
		for pages.HasMorePages() {
			page := of(pages.NextPage(t.Context()))(t)
			for _, r := range page.ResourceTagMappingList {
				got := map[string]string{}
				for _, tag := range r.Tags {
					got[*tag.Key] = aws.ToString(tag.Value)
				}
				if got["aws:secretsmanager:owningService"] != "" {
					continue // AWS's own: the database's master password
				}
				n++
				for key, value := range own {
					if got[key] != value {
						t.Errorf("%s: %s has tag %s %q, want %q", region, *r.ResourceARN, key, got[key], value)
					}
				}
				if got["data-class"] == "" {
					t.Errorf("%s: %s does not say what it holds: %v", region, *r.ResourceARN, got)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: nothing with tags was found", region)
		}
		t.Logf("%s: %d resources with tags", region, n)
	}
}

func tagged(t *testing.T, d *deployed, want client) {
	client, environment, _ := strings.Cut(want.name, "-")
	wantTagged(t, d, map[string]string{"client": client, "environment": environment, "stack": d.stack, "managed-by": "berth"}, want.regions()...)
}
