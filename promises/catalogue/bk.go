package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// What the promises on backups (BK) share: which resources keep data and copies of it, and how one leads to the next.

// The components that keep a client's files and backups. They are known by component, not by their settings,
// which are what is judged.
const (
	filesComponent       = "files"
	secondFilesComponent = "second-files"
	backupComponent      = "backup"
)

const (
	lifecycleType   = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	versioningType  = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	backupVaultType = "aws:backup/vault:Vault"
	backupPlanType  = "aws:backup/plan:Plan"
)

// defaultBackup is what a spec says that leaves the section backup out, without its region.
func defaultBackup() spec.Backup {
	return spec.Backup{RetentionDays: 90, ArchiveAfterDays: 90, DeleteAfterDays: 2555, Lock: "governance"}
}

// backupOf is how a spec has its copies kept; the defaults where there is no client's spec.
func backupOf(s *spec.Spec) spec.Backup {
	if s == nil || s.AWSClient == nil {
		return defaultBackup()
	}
	return s.AWSClient.Backup
}

// windowDays is how many days back a database can be restored to any second.
func windowDays(s *spec.Spec) int {
	if s == nil || s.AWSClient == nil {
		return 7
	}
	return s.AWSClient.Database.PointInTimeDays
}

// secondRegion is where the copies lie, in words for people.
func secondRegion(s *spec.Spec) string {
	switch {
	case s == nil || s.AWSClient == nil:
		return "eu-west-1 for clients in eu-west-2, and the other way round"
	case s.AWSClient.Backup.SecondRegion == "":
		return "none"
	}
	return s.AWSClient.Backup.SecondRegion
}

func inDays(n int) string { return fmt.Sprintf("%d days", n) }

// guarded tells whether the stack holds clients' data that nobody may delete: not once the client is leaving.
func guarded(s promises.Subject) bool { return s.Production() && !s.Leaving() }

// wantGuarded reports whether the engine refuses to delete what holds data.
func wantGuarded(s promises.Subject, r *promises.Report, resource *graph.Resource) {
	if !guarded(s) {
		return
	}
	found := "protected"
	if !resource.Protect {
		found = "not protected: a change of the program may delete it"
	}
	r.Say(resource, resource.Protect, found, "protected against deletion in production", "pass Scope.Stateful to it in the component that makes it")
}

// sources are the databases that hold data of their own; a replica's data is its source's.
func sources(g *graph.Graph) []*graph.Resource {
	return slices.DeleteFunc(g.OfType(typeDatabase), func(db *graph.Resource) bool { return db.Has("replicateSourceDb") })
}

// madeBy are the resources of a type inside the outermost component of that name, in a region.
func madeBy(g *graph.Graph, component, region, typeToken string) []*graph.Resource {
	return slices.DeleteFunc(g.OfType(typeToken), func(one *graph.Resource) bool {
		around := one.Components()
		return one.Region() != region || len(around) == 0 || around[0] != component
	})
}

// backupBuckets are the bucket that the service writes its backups to, and its copy; only the first outside production,
// where a spec may do without a second region.
func backupBuckets(s promises.Subject, r *promises.Report) []*graph.Resource {
	aws, second := s.Client().AWS.Region, s.Client().Backup.SecondRegion
	expected := "a bucket for the service's own backups in " + aws
	found := r.Must(madeBy(s.Graph, backupComponent, aws, typeBucket), "backup bucket in "+aws, expected, "keep component "+backupComponent+" in the stack")
	if second != "" {
		found = append(found, r.Must(madeBy(s.Graph, backupComponent, second, typeBucket), "backup bucket in "+second,
			"a copy of the backup bucket in "+second, "set backup.secondRegion, and keep component "+backupComponent+" in the stack")...)
	}
	return found
}

// beside are the resources of a type whose property at path names r and that lie in r's region: vaults and event
// rules have the same name in both.
func beside(r *graph.Resource, path string, types ...string) []*graph.Resource {
	return slices.DeleteFunc(r.Referrers(path, types...), func(other *graph.Resource) bool { return other.Region() != r.Region() })
}

// single is the one resource of found; none or several are reported on the resource that they belong to.
func single(r *promises.Report, of *graph.Resource, found []*graph.Resource, what, fix string) *graph.Resource {
	if len(found) == 1 {
		return found[0]
	}
	r.Say(of, false, fmt.Sprintf("%d of: %s", len(found), what), "one "+what, fix)
	return nil
}

// bucketSetting is the one resource of a type that configures a bucket.
func bucketSetting(r *promises.Report, bucket *graph.Resource, typeToken, what string) *graph.Resource {
	return single(r, bucket, bucket.Referrers("bucket", typeToken), what, "make the bucket with components/bucket, which adds it")
}

// ownKey is the KMS key that encrypts a copy, where it is one of the stack's own in the copy's region.
func ownKey(r *promises.Report, user *graph.Resource, property string) *graph.Resource {
	key := user.Ref(property, typeKey)
	if key != nil && key.Region() != user.Region() {
		key = nil
	}
	r.Want(user, key != nil, property, "a key of the client's own in "+user.Region()+", so that the copy can be read without another region",
		"pass the key that components/encryption makes for that region")
	return key
}

// wantKeySafe reports whether what a key encrypts stays readable: a deleted key takes every copy along.
func wantKeySafe(s promises.Subject, r *promises.Report, key *graph.Resource) {
	r.Want(key, !key.Has("isEnabled") || key.Bool("isEnabled"), "isEnabled", "not false: nothing can be restored under a disabled key",
		"leave isEnabled out in components/encryption")
	days, given := key.Number("deletionWindowInDays")
	r.Want(key, !given || days >= 30, "deletionWindowInDays", "30 days in which a deletion can be taken back", "set 30 in components/encryption")
	wantGuarded(s, r, key)
}

// wantVersioned reports whether a bucket keeps what was overwritten or deleted.
func wantVersioned(r *promises.Report, bucket *graph.Resource) {
	if v := bucketSetting(r, bucket, versioningType, "versioning"); v != nil {
		r.Want(v, v.Text("versioningConfiguration.status") == "Enabled", "versioningConfiguration.status",
			"Enabled: what is overwritten or deleted by mistake can be had back", "make the bucket with components/bucket")
	}
}

// wantKept reports whether a bucket can be destroyed with what is in it.
func wantKept(s promises.Subject, r *promises.Report, bucket *graph.Resource) {
	if guarded(s) {
		r.Want(bucket, !bucket.Bool("forceDestroy"), "forceDestroy", "false in production: a bucket that holds anything cannot be deleted",
			"leave ForceDestroy off in components/bucket")
	}
	wantGuarded(s, r, bucket)
}

// lifecycleRules are the rules of a bucket's lifecycle that are on, apply to everything in it, and have something at path.
func lifecycleRules(lifecycle *graph.Resource, path string) []graph.Item {
	return slices.DeleteFunc(lifecycle.Items("rules"), func(rule graph.Item) bool {
		limited := rule.Text("prefix") != "" || rule.Text("filter.prefix") != "" || rule.Has("filter.tag") || rule.Has("filter.and") ||
			rule.Has("filter.objectSizeGreaterThan") || rule.Has("filter.objectSizeLessThan")
		return rule.Text("status") != "Enabled" || limited || !rule.Has(path)
	})
}

// allObjects tells whether an ARN in a policy stands for all objects of a bucket.
func allObjects(bucket *graph.Resource, arn string) bool {
	base, all := strings.CutSuffix(arn, "/*")
	return all && bucket.Goes(base)
}
