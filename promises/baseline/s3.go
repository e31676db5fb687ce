package baseline

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	bucketPolicyType  = "aws:s3/bucketPolicy:BucketPolicy"
	bucketBlockType   = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	bucketLoggingType = "aws:s3/bucketLoggingV2:BucketLoggingV2"
	bucketACLType     = "aws:s3/bucketAclV2:BucketAclV2"
	inBucket          = "components/bucket, bucket.go"
)

// buckets are all buckets of a stack.
func buckets(s promises.Subject) []*graph.Resource { return s.Graph.OfType(bucketType, bucketOldType) }

// blocks are the four settings that keep the public out.
var blocks = []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"}

// blocked tells whether a block on public access has all four settings on.
func blocked(block *graph.Resource) bool {
	return !slices.ContainsFunc(blocks, func(setting string) bool { return !block.Bool(setting) })
}

// receives tells whether the access logs of another bucket go to a bucket.
func receives(bucket *graph.Resource) bool {
	return slices.ContainsFunc(bucket.Referrers("targetBucket", bucketLoggingType), logsElsewhere)
}

// takesLogs tells whether AWS delivers access logs into a bucket: S3's own, or a load balancer's. Such a bucket takes
// no key but S3's.
func takesLogs(bucket *graph.Resource) bool {
	return receives(bucket) || len(bucket.Referrers("accessLogs.bucket", balancerType)) > 0
}

// rule is the first of a bucket's settings of a type for which something holds, or nil.
func rule(bucket *graph.Resource, typeToken string, holds func(*graph.Resource) bool) *graph.Resource {
	for _, setting := range bucket.Referrers("bucket", typeToken) {
		if holds(setting) {
			return setting
		}
	}
	return nil
}

// wantRule is the check that every bucket has a setting of a type for which something holds.
func wantRule(typeToken, what, fix string, holds func(*graph.Resource) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, bucket := range buckets(s) {
			setting := rule(bucket, typeToken, holds)
			found := "no such setting"
			if setting != nil {
				found = setting.Name
			}
			r.Say(bucket, setting != nil, found, what, fix)
		}
	}
}

// S31 is the account's block on public access.
func (baseline) S31() promises.Control {
	return promises.Control{
		ID: "S3.1", Title: "The account blocks public access to all its buckets", Severity: "medium",
		References: []string{fsbp("S3.1"), cis("2.1.4")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "true: public access is blocked for the whole account", "set all four settings in components/identity, account.go"
			for _, block := range inAccount(s, r, "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock", "block on public access to the account's buckets", expected, fix) {
				for _, setting := range blocks {
					r.Want(block, block.Bool(setting), setting, expected, fix)
				}
			}
		},
	}
}

// opens judges whether policies and access lists let the public do any of the actions.
func opens(fix string, actions ...string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, bucket := range buckets(s) {
			private := true
			for _, p := range bucket.Referrers("bucket", bucketPolicyType) {
				d, readable := document(p, "policy")
				private = private && readable && !slices.ContainsFunc(d.Statements, func(st policy.Statement) bool {
					return public(st) && slices.ContainsFunc(actions, st.Covers)
				})
			}
			for _, list := range bucket.Referrers("bucket", bucketACLType) {
				private = private && slices.Contains([]string{"private", "log-delivery-write"}, list.Text("acl"))
			}
			r.Say(bucket, private, either(private, "policy and access list name no public", "policy or access list opens it"),
				"a policy that allows "+strings.Join(actions, ", ")+" to nobody unnamed", fix)
		}
	}
}

// S32 is buckets that the public cannot read.
func (baseline) S32() promises.Control {
	return promises.Control{
		ID: "S3.2", Title: "The public cannot read buckets", Severity: "critical",
		References: []string{fsbp("S3.2")},
		Check:      opens("name the principals in the bucket's policy", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
	}
}

// S33 is buckets that the public cannot change.
func (baseline) S33() promises.Control {
	return promises.Control{
		ID: "S3.3", Title: "The public cannot write to buckets", Severity: "critical",
		References: []string{fsbp("S3.3")},
		Check: opens("name the principals in the bucket's policy",
			"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutBucketPolicy", "s3:PutBucketAcl"),
	}
}

// deniesPlain tells whether a bucket's policy refuses requests without TLS, for the bucket and all in it.
func deniesPlain(bucket, p *graph.Resource) bool {
	d, _ := document(p, "policy")
	return slices.ContainsFunc(d.Denies(), func(st policy.Statement) bool {
		values, _ := st.Condition("Bool", "aws:SecureTransport")
		covered := slices.Contains(st.Resources, "*")
		if !covered {
			whole := slices.ContainsFunc(st.Resources, bucket.Goes)
			covered = whole && slices.ContainsFunc(st.Resources, func(arn string) bool {
				of, all := strings.CutSuffix(arn, "/*")
				return all && bucket.Goes(of)
			})
		}
		return covered && st.Everyone() && len(st.NotPrincipals) == 0 && len(st.Conditions) == 1 && slices.Equal(values, []string{"false"}) &&
			(slices.Contains(st.Actions, "s3:*") || slices.Contains(st.Actions, "*"))
	})
}

// S35 is TLS to buckets.
func (baseline) S35() promises.Control {
	return promises.Control{
		ID: "S3.5", Title: "Buckets refuse requests without TLS", Severity: "medium",
		References: []string{fsbp("S3.5"), cis("2.1.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bucket := range buckets(s) {
				refuses := rule(bucket, bucketPolicyType, func(p *graph.Resource) bool { return deniesPlain(bucket, p) }) != nil
				r.Say(bucket, refuses, either(refuses, "its policy denies them", "its policy lets them through"),
					"a policy that denies everything to everyone when aws:SecureTransport is false", "add the statement DenyPlainHTTP in "+inBucket)
			}
		},
	}
}

// S36 is what other accounts may do to a bucket.
func (baseline) S36() promises.Control {
	return promises.Control{
		ID: "S3.6", Title: "Other accounts cannot change who may use a bucket", Severity: "high",
		References: []string{fsbp("S3.6")},
		Check: func(s promises.Subject, r *promises.Report) {
			actions := []string{"s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketPolicy", "s3:PutEncryptionConfiguration", "s3:PutObjectAcl"}
			for _, p := range s.Graph.OfType(bucketPolicyType) {
				d, readable := document(p, "policy")
				foreign := slices.ContainsFunc(d.Allows(), func(st policy.Statement) bool {
					stranger := len(st.NotPrincipals) > 0 || slices.ContainsFunc(append(st.Principals["AWS"], st.Principals["*"]...), func(who string) bool {
						return s.Graph.Resolve(who) == nil && (account(s) == "" || !strings.Contains(who, account(s)))
					})
					return stranger && slices.ContainsFunc(actions, st.Covers)
				})
				r.Want(p, readable && !foreign, "policy", "a policy that lets no other account change its policy, access lists or encryption",
					"take "+strings.Join(actions, ", ")+" out of what other accounts may do")
			}
		},
	}
}

// S38 is each bucket's block on public access.
func (baseline) S38() promises.Control {
	return promises.Control{
		ID: "S3.8", Title: "Every bucket blocks public access", Severity: "high",
		References: []string{fsbp("S3.8"), cis("2.1.4")},
		Check:      wantRule(bucketBlockType, "a block on public access with all four settings on", "set all four settings in "+inBucket, blocked),
	}
}

// S39 is logs of who uses a bucket.
func (baseline) S39() promises.Control {
	return promises.Control{
		ID: "S3.9", Title: "Accesses to buckets are logged", Severity: "medium",
		References: []string{fsbp("S3.9")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bucket := range buckets(s) {
				if receives(bucket) {
					r.Say(bucket, true, "it receives such logs", "a bucket that receives access logs logs none of its own", "")
					continue
				}
				logging := rule(bucket, bucketLoggingType, logsElsewhere)
				r.Say(bucket, logging != nil, either(logging != nil, "its accesses go to another bucket", "its accesses go nowhere"),
					"a log of accesses in another bucket of the stack", "give the bucket LogsTo (components/bucket)")
			}
		},
	}
}

// logsElsewhere tells whether a bucket's access logs go to another bucket of the stack.
func logsElsewhere(logging *graph.Resource) bool {
	target := logging.Ref("targetBucket", bucketType, bucketOldType)
	return target != nil && target != logging.Ref("bucket", bucketType, bucketOldType)
}

// S312 is access by policy alone.
func (baseline) S312() promises.Control {
	return promises.Control{
		ID: "S3.12", Title: "Access lists have no say over buckets", Severity: "medium",
		References: []string{fsbp("S3.12")},
		Check: wantRule("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "object ownership BucketOwnerEnforced, which switches access lists off",
			"set objectOwnership in "+inBucket, func(o *graph.Resource) bool { return o.Text("rule.objectOwnership") == "BucketOwnerEnforced" }),
	}
}

// S313 is lifecycle rules.
func (baseline) S313() promises.Control {
	return promises.Control{
		ID: "S3.13", Title: "Buckets have rules for what becomes of old objects", Severity: "low",
		References: []string{fsbp("S3.13")},
		Check: wantRule("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", "lifecycle rules, all of them enabled",
			"give the bucket a Lifecycle (components/bucket)", func(lifecycle *graph.Resource) bool {
				rules := lifecycle.Items("rules")
				return len(rules) > 0 && !slices.ContainsFunc(rules, func(rule graph.Item) bool { return rule.Text("status") != "Enabled" })
			}),
	}
}

// S314 is versions of objects.
func (baseline) S314() promises.Control {
	return promises.Control{
		ID: "S3.14", Title: "Buckets keep versions", Severity: "low",
		References: []string{hub("S3.14")},
		Check: wantRule("aws:s3/bucketVersioningV2:BucketVersioningV2", "versioning that is enabled", "set the status to Enabled in "+inBucket,
			func(v *graph.Resource) bool { return v.Text("versioningConfiguration.status") == "Enabled" }),
	}
}

// S315 is what lies in a bucket with a lock.
func (baseline) S315() promises.Control {
	return promises.Control{
		ID: "S3.15", Title: "Buckets that can lock objects lock every one", Severity: "medium",
		References: []string{hub("S3.15")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bucket := range buckets(s) {
				if off(bucket, "objectLockEnabled") && len(bucket.Referrers("bucket", "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2")) == 0 {
					continue // no lock is meant
				}
				lock := rule(bucket, "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", func(lock *graph.Resource) bool {
					mode := lock.Text("rule.defaultRetention.mode")
					return slices.Contains([]string{"COMPLIANCE", "GOVERNANCE"}, mode) &&
						(atLeast(lock, "rule.defaultRetention.days", 1) || atLeast(lock, "rule.defaultRetention.years", 1))
				})
				r.Say(bucket, lock != nil && bucket.Bool("objectLockEnabled"), either(lock != nil, "objects are locked by default", "objects are not locked by default"),
					"a lock with a mode and a term for every new object", "give the bucket LockDays and LockMode (components/bucket)")
			}
		},
	}
}

// S317 is encryption of buckets with own keys.
func (baseline) S317() promises.Control {
	return promises.Control{
		ID: "S3.17", Title: "Buckets are encrypted with a KMS key", Severity: "medium",
		References: []string{hub("S3.17")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, bucket := range buckets(s) {
				logs := takesLogs(bucket)
				encrypted := rule(bucket, "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", func(e *graph.Resource) bool {
					const path = "rules.0.applyServerSideEncryptionByDefault."
					byKey := strings.HasPrefix(e.Text(path+"sseAlgorithm"), "aws:kms") && ownKey(e, path+"kmsMasterKeyId") != nil
					return byKey || logs && e.Text(path+"sseAlgorithm") == "AES256"
				})
				r.Say(bucket, encrypted != nil, either(encrypted != nil, "encrypted by default", "not encrypted by default, or with a key that is not the stack's"),
					either(logs, "S3's own encryption: log delivery takes no other key", "a KMS key of the stack"), "give the bucket KeyArn (components/bucket)")
			}
		},
	}
}

// dataEvents judges whether trails record what is done to objects. readOnly is the value that a selector may narrow itself
// to and still count.
func dataEvents(readOnly, what string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		trails := s.Graph.OfType(trailType)
		if len(trails) == 0 {
			return // the trail of a client's account is not of the client's stack
		}
		for _, bucket := range buckets(s) {
			recorded := slices.ContainsFunc(trails, func(trail *graph.Resource) bool {
				return trail.Bool("isMultiRegionTrail") && on(trail, "enableLogging") && slices.ContainsFunc(trail.Items("advancedEventSelectors"), func(selector graph.Item) bool {
					return selects(selector, bucket, readOnly)
				})
			})
			r.Say(bucket, recorded, either(recorded, "a trail records them", "no trail records them"), "a trail of all regions that records "+what+" its objects",
				"let the trail's selector for AWS::S3::Object cover every bucket (components/trail, trail.go)")
		}
	}
}

// selects tells whether an advanced event selector takes the data events of a bucket.
func selects(selector graph.Item, bucket *graph.Resource, readOnly string) bool {
	data, objects := false, false
	for _, field := range selector.Items("fieldSelectors") {
		equals := field.Texts("equals")
		switch field.Text("field") {
		case "eventCategory":
			data = slices.Equal(equals, []string{"Data"})
		case "resources.type":
			objects = slices.Contains(equals, "AWS::S3::Object")
		case "readOnly":
			if !slices.Contains(equals, readOnly) {
				return false
			}
		case "resources.ARN":
			if !slices.ContainsFunc(field.Texts("startsWiths"), func(arn string) bool {
				return strings.HasSuffix(arn, ":s3") || strings.HasSuffix(arn, ":s3:::") || bucket.Goes(strings.TrimSuffix(arn, "/"))
			}) {
				return false
			}
		default:
			return false // narrowed by something else
		}
	}
	return data && objects
}

// S322 is a record of writes.
func (baseline) S322() promises.Control {
	return promises.Control{
		ID: "S3.22", Title: "Writes to objects are recorded", Severity: "medium",
		References: []string{hub("S3.22"), cis("3.8")},
		Check:      dataEvents("false", "writes to"),
	}
}

// S323 is a record of reads.
func (baseline) S323() promises.Control {
	return promises.Control{
		ID: "S3.23", Title: "Reads of objects are recorded", Severity: "medium",
		References: []string{hub("S3.23"), cis("3.9")},
		Check:      dataEvents("true", "reads of"),
	}
}
