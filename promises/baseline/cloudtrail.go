package baseline

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

const inTrail = "components/trail, trail.go"

// everyCall tells whether a trail records every call that manages something, in all regions.
func everyCall(trail *graph.Resource) bool {
	if !trail.Bool("isMultiRegionTrail") || !on(trail, "includeGlobalServiceEvents") || !on(trail, "enableLogging") {
		return false
	}
	selectors, simple := trail.Items("advancedEventSelectors"), trail.Items("eventSelectors")
	if len(selectors)+len(simple) == 0 {
		return true // that is what a trail does by itself
	}
	return slices.ContainsFunc(selectors, func(selector graph.Item) bool {
		fields := selector.Items("fieldSelectors") // one alone: any other would narrow it
		return len(fields) == 1 && fields[0].Text("field") == "eventCategory" && slices.Equal(fields[0].Texts("equals"), []string{"Management"})
	}) || slices.ContainsFunc(simple, func(selector graph.Item) bool {
		return on(selector, "includeManagementEvents") && slices.Contains([]string{"", "All"}, selector.Text("readWriteType")) && len(selector.Texts("excludeManagementEventSources")) == 0
	})
}

// CloudTrail1 is a record of every call.
func (baseline) CloudTrail1() promises.Control {
	return promises.Control{
		ID: "CloudTrail.1", Title: "A trail records every call in all regions", Severity: "high",
		References: []string{fsbp("CloudTrail.1"), cis("3.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "a trail of all regions and global services, switched on, that records reads and writes", "let the trail record all management events (" + inTrail + ")"
			trails := inAccount(s, r, trailType, "audit trail", expected, fix)
			whole := slices.ContainsFunc(trails, everyCall) // one is enough
			for _, trail := range trails {
				if everyCall(trail) || !whole {
					r.Say(trail, whole, either(whole, "it records every call", "it leaves calls out"), expected, fix)
				}
			}
		},
	}
}

// CloudTrail2 is encryption of trails.
func (baseline) CloudTrail2() promises.Control {
	return promises.Control{
		ID: "CloudTrail.2", Title: "Trails are encrypted with a KMS key", Severity: "medium",
		References: []string{fsbp("CloudTrail.2"), cis("3.5")},
		Check: want(trailType, "kmsKeyId", "a KMS key of the stack", "give the trail a key ("+inTrail+")",
			func(trail *graph.Resource) bool { return ownKey(trail, "kmsKeyId") != nil }),
	}
}

// CloudTrail4 is proof that nobody altered a record.
func (baseline) CloudTrail4() promises.Control {
	return promises.Control{
		ID: "CloudTrail.4", Title: "Trails are signed, so that a change shows", Severity: "low",
		References: []string{fsbp("CloudTrail.4"), cis("3.2")},
		Check:      wantTrue(trailType, "enableLogFileValidation", "true", "set enableLogFileValidation in "+inTrail),
	}
}

// groupOf is the log group that a trail writes to, or nil.
func groupOf(s promises.Subject, trail *graph.Resource) *graph.Resource {
	return s.Graph.Resolve(strings.TrimSuffix(trail.Text("cloudWatchLogsGroupArn"), ":*"), logGroupType)
}

// CloudTrail5 is trails that alarms can watch.
func (baseline) CloudTrail5() promises.Control {
	return promises.Control{
		ID: "CloudTrail.5", Title: "Trails go to CloudWatch, where alarms watch them", Severity: "low",
		References: []string{fsbp("CloudTrail.5")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, trail := range s.Graph.OfType(trailType) {
				r.Want(trail, groupOf(s, trail) != nil && trail.Ref("cloudWatchLogsRoleArn", roleType) != nil, "cloudWatchLogsGroupArn",
					"a log group of the stack, and a role that may write to it", "give the trail a log group ("+inTrail+")")
			}
		},
	}
}

// CloudTrail6 is trails that the public cannot reach.
func (baseline) CloudTrail6() promises.Control {
	return promises.Control{
		ID: "CloudTrail.6", Title: "The public cannot reach the buckets of trails", Severity: "critical",
		References: []string{hub("CloudTrail.6")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, trail := range s.Graph.OfType(trailType) {
				bucket := trail.Ref("s3BucketName", bucketType, bucketOldType)
				shut := bucket != nil && rule(bucket, bucketBlockType, blocked) != nil && rule(bucket, bucketPolicyType, func(p *graph.Resource) bool {
					d, readable := document(p, "policy")
					return !readable || slices.ContainsFunc(d.Statements, func(st policy.Statement) bool { return public(st) })
				}) == nil && len(bucket.Referrers("bucket", bucketACLType)) == 0
				r.Want(trail, shut, "s3BucketName", "a bucket of the stack that blocks public access and whose policy names who may use it", "send the trail to the audit bucket ("+inTrail+")")
			}
		},
	}
}

// CloudTrail7 is who looks at trails.
func (baseline) CloudTrail7() promises.Control {
	return promises.Control{
		ID: "CloudTrail.7", Title: "Accesses to the buckets of trails are logged", Severity: "low",
		References: []string{hub("CloudTrail.7"), cis("3.4")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, trail := range s.Graph.OfType(trailType) {
				bucket := trail.Ref("s3BucketName", bucketType, bucketOldType)
				r.Want(trail, bucket != nil && rule(bucket, bucketLoggingType, logsElsewhere) != nil, "s3BucketName",
					"a bucket of the stack whose accesses go to another bucket", "give the audit bucket LogsTo ("+inTrail+")")
			}
		},
	}
}
