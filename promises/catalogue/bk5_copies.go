package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

const compliance = "compliance" // the lock that nobody may lift, as the spec calls it

// lockedVault reports whether a vault keeps what is in it: under a key of its region, locked, and closed to others.
func lockedVault(s promises.Subject, r *promises.Report, keys *judgedKeys, vault *graph.Resource) {
	const fix = "make the vault with components/backup"
	key := ownKey(r, vault, "kmsKeyArn")
	keys.judge(s, r, key)
	wantServes(s, r, key, "backup")
	if guarded(s) {
		r.Want(vault, !vault.Bool("forceDestroy"), "forceDestroy", "false in production: a vault that holds anything cannot be deleted", fix)
	}
	wantGuarded(s, r, vault)
	if lock := single(r, vault, beside(vault, "backupVaultName", "aws:backup/vaultLockConfiguration:VaultLockConfiguration"), "lock", fix); lock != nil {
		days, _ := lock.Number("minRetentionDays")
		r.Want(lock, days == float64(retention(s)), "minRetentionDays", fmt.Sprintf("%d: nothing goes earlier, and the plan's backups are not refused for being too short", retention(s)),
			"set backup.retentionDays in the client's spec")
		if s.Client().Backup.Lock == compliance {
			grace, given := lock.Number("changeableForDays")
			r.Want(lock, given && grace <= 3, "changeableForDays", "3, the fewest days after which nobody can lift the lock", "set backup.lock: compliance in the client's spec")
		} else {
			r.Want(lock, !lock.Has("changeableForDays"), "changeableForDays", "absent: the lock is one of governance", "set backup.lock: governance in the client's spec")
		}
	}
	guard := single(r, vault, beside(vault, "backupVaultName", "aws:backup/vaultPolicy:VaultPolicy"), "access policy", fix)
	if guard == nil {
		return
	}
	document, readable := policyOf(r, guard)
	if !readable {
		return
	}
	everything := func(arns []string) bool { return slices.Contains(arns, "*") }
	wantRefused(r, guard, document, deletion(s), everything, "everybody is refused to delete a backup or to shorten its life",
		"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle")
	wantRefused(r, guard, document, []policy.Condition{{Operator: "StringNotEquals", Key: "aws:PrincipalAccount", Values: []string{s.Client().AWS.Account}}},
		everything, "every other account is refused everything that a vault offers",
		"backup:CopyFromBackupVault", "backup:CopyIntoBackupVault", "backup:DeleteBackupVault", "backup:DeleteBackupVaultAccessPolicy",
		"backup:DescribeRecoveryPoint", "backup:GetRecoveryPointRestoreMetadata", "backup:ListRecoveryPointsByBackupVault",
		"backup:PutBackupVaultAccessPolicy", "backup:StartRestoreJob")
	wantNoOutsider(s, r, guard)
}

// deletion is under which condition deletions are refused: always, or to all but the administrator once the client is leaving.
func deletion(s promises.Subject) []policy.Condition {
	if !s.Leaving() {
		return nil
	}
	return []policy.Condition{{Operator: "ArnNotLike", Key: "aws:PrincipalArn", Values: []string{administrator(s)}}}
}

// administrator is the role that may take away the copies of a client who is leaving.
func administrator(s promises.Subject) string {
	return "arn:aws:iam::" + s.Client().AWS.Account + ":role/berth-administrator"
}

// lockedBucket reports whether a bucket keeps the backups in it: under a key of its region, locked, versioned, and
// closed to the public and to others.
func lockedBucket(s promises.Subject, r *promises.Report, keys *judgedKeys, bucket *graph.Resource) {
	const fix = "make the bucket with components/bucket"
	key := bucketKey(r, bucket)
	keys.judge(s, r, key)
	wantServes(s, r, key, "s3")
	wantVersioned(r, bucket)
	wantKept(s, r, bucket)
	r.Want(bucket, bucket.Bool("objectLockEnabled"), "objectLockEnabled", "true, for a lock on every backup", fix)
	if lock := bucketSetting(r, bucket, "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", "object lock"); lock != nil {
		days, _ := lock.Number("rule.defaultRetention.days")
		r.Want(lock, days >= float64(retention(s)), "rule.defaultRetention.days", fmt.Sprintf("at least %d: no backup goes earlier", retention(s)),
			"set backup.retentionDays in the client's spec")
		mode := strings.ToUpper(s.Client().Backup.Lock)
		r.Want(lock, lock.Text("rule.defaultRetention.mode") == mode, "rule.defaultRetention.mode", mode+", as the spec has it", "set backup.lock in the client's spec")
	}
	if block := bucketSetting(r, bucket, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "public access block"); block != nil {
		for _, flag := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			r.Want(block, block.Bool(flag), flag, "true: nothing opens the bucket to the public", fix)
		}
	}
	if owner := bucketSetting(r, bucket, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", "ownership"); owner != nil {
		r.Want(owner, owner.Text("rule.objectOwnership") == "BucketOwnerEnforced", "rule.objectOwnership", "BucketOwnerEnforced: no access list opens an object", fix)
	}
	guard := bucketSetting(r, bucket, typeBucketPolicy, "access policy")
	if guard == nil {
		return
	}
	document, readable := policyOf(r, guard)
	if !readable {
		return
	}
	objects := func(arns []string) bool {
		return slices.ContainsFunc(arns, func(arn string) bool { return allObjects(bucket, arn) })
	}
	everything := func(arns []string) bool { return objects(arns) && slices.ContainsFunc(arns, bucket.Goes) }
	wantRefused(r, guard, document, []policy.Condition{{Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"false"}}}, everything,
		"whoever comes without TLS is refused everything", "s3:*")
	wantRefused(r, guard, document, []policy.Condition{{Operator: "NumericLessThan", Key: "s3:TlsVersion", Values: []string{"1.2"}}}, everything,
		"whoever comes with less than TLS 1.2 is refused everything", "s3:*")
	if key != nil {
		const header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
		wantRefused(r, guard, document, []policy.Condition{{Operator: "Null", Key: header, Values: []string{"false"}},
			{Operator: "StringNotEquals", Key: header, Values: []string{bucketKeyName(bucket)}}}, objects,
			"whoever writes under another key is refused", "s3:PutObject")
	}
	if guarded(s) {
		wantRefused(r, guard, document, nil, objects, "everybody is refused to delete a backup or to lift its lock",
			"s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion")
	}
	wantNoOutsider(s, r, guard)
}

// bucketKeyName is the key of a bucket's default encryption as the bucket names it.
func bucketKeyName(bucket *graph.Resource) string {
	for _, setting := range bucket.Referrers("bucket", typeBucketEncryption) {
		return setting.Text("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId")
	}
	return ""
}

// writtenByService reports whether nobody but the machines writes backups, and whether they cannot take them away again.
func writtenByService(s promises.Subject, r *promises.Report, bucket *graph.Resource) {
	const fix = "pass the machines' role as WriterRoleArn to components/backup"
	guard := bucketSetting(r, bucket, typeBucketPolicy, "access policy")
	if guard == nil {
		return
	}
	document, err := policy.Parse(guard.Text("policy"))
	if err != nil {
		return // reported with the rest of the policy
	}
	var writers []*graph.Resource
	others := 0
	for _, st := range document.Denies() {
		arns, limited := st.Condition("ArnNotLike", "aws:PrincipalArn")
		if !limited || len(st.Conditions) > 1 || !toAll(st) || !st.Covers("s3:PutObject") ||
			!slices.ContainsFunc(st.Resources, func(arn string) bool { return allObjects(bucket, arn) }) {
			continue
		}
		for _, arn := range arns {
			switch role := s.Graph.Resolve(arn, typeRole); {
			case role != nil:
				writers = append(writers, role)
			case !s.Leaving() || arn != administrator(s):
				others++
			}
		}
	}
	r.Say(guard, len(writers) == 1 && others == 0, fmt.Sprintf("%d roles of this stack and %d others may write", len(writers), others),
		"one role of this stack may write, the machines', and nobody else", fix)
	for _, role := range writers {
		wantWritesOnly(r, role, bucket)
	}
}

// wantWritesOnly reports whether a role writes to a bucket of backups under the bucket's key and can delete nothing there.
func wantWritesOnly(r *promises.Report, role, bucket *graph.Resource) {
	const fix = "pass BackupBucketArn and the backup key to components/compute, which lets the machines write and nothing more"
	var puts, encrypts, deletes bool
	for _, own := range role.Referrers("role", typeRolePolicy) {
		document, err := policy.Parse(own.Text("policy"))
		if err != nil {
			continue // judged with all roles' policies
		}
		for _, st := range document.Allows() {
			here := len(st.NotResources) > 0 || slices.ContainsFunc(st.Resources, func(arn string) bool { return arn == "*" || someObjects(bucket, arn) })
			puts = puts || here && st.Covers("s3:PutObject")
			for _, action := range []string{"s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"} {
				deletes = deletes || here && st.Covers(action)
			}
			key := defaultKey(bucket)
			encrypts = encrypts || key != nil && st.Covers("kms:GenerateDataKey") && slices.ContainsFunc(st.Resources, key.Goes)
		}
	}
	found := []string{}
	for what, holds := range map[string]bool{"may write": puts, "may use the bucket's key": encrypts, "may delete": deletes} {
		if holds {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	r.Say(role, puts && encrypts && !deletes, "in the backup bucket: "+strings.Join(found, ", "), "may write backups under the bucket's key, and may delete none", fix)
}
