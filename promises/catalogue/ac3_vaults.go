package catalogue

import (
	"fmt"
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// sharedVaults judges who does what with the copies of clients' backups in the organisation's account: clients send
// them, and nobody deletes one, whatever their assignment.
func sharedVaults(s promises.Subject, r *promises.Report) {
	const fix = "correct components/statebackend/vaults.go"
	days := s.Organisation().BackupRetentionDays
	for _, region := range []string{s.Organisation().AWS.Region, s.Organisation().AWS.SecondRegion} {
		vaults := slices.DeleteFunc(s.Graph.OfType("aws:backup/vault:Vault"), func(vault *graph.Resource) bool { return vault.Region() != region })
		for _, vault := range r.Must(vaults, "vault for clients' backups in "+region, "a vault that clients send copies to", fix) {
			wantProtected(r, vault)
			key := vault.Ref("kmsKeyArn", typeKey)
			own := key != nil && key.Region() == region && len(key.Referrers("kmsKeyArn", vault.Type)) == 1
			r.Want(vault, own, "kmsKeyArn", "a key of its own in its region", fix)
			if own {
				wantKeyKept(s, r, key, true)
			}
			lock := one(r, vault, "aws:backup/vaultLockConfiguration:VaultLockConfiguration", "a lock")
			if lock != nil {
				least, given := lock.Number("minRetentionDays")
				r.Want(lock, given && least >= float64(days), "minRetentionDays", fmt.Sprintf("%d days or more: nobody deletes a copy before", days), "set backupRetentionDays in the organisation's spec")
				most, bounded := lock.Number("maxRetentionDays")
				r.Want(lock, bounded && most >= 3650, "maxRetentionDays", "3650: no client's retention is refused", fix)
			}
			if p := one(r, vault, "aws:backup/vaultPolicy:VaultPolicy", "a policy"); p != nil {
				wantVaultPolicy(s, r, p)
			}
			if told := one(r, vault, "aws:backup/vaultNotifications:VaultNotifications", "notifications"); told != nil {
				events := told.Texts("backupVaultEvents")
				topic := told.Ref("snsTopicArn", typeTopic)
				r.Want(told, sameTexts(events, []string{"COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "RECOVERY_POINT_MODIFIED"}), "backupVaultEvents", "a failed copy, a restore, and every change of a copy", fix)
				r.Want(told, topic != nil && topic.Region() == region, "snsTopicArn", "a topic of the region that people are subscribed to", fix)
			}
		}
	}
}

// one is the one resource of a type that goes with a vault, in the vault's own region; anything else is reported.
func one(r *promises.Report, vault *graph.Resource, typeToken, what string) *graph.Resource {
	found := slices.DeleteFunc(vault.Referrers("backupVaultName", typeToken), func(other *graph.Resource) bool { return other.Region() != vault.Region() })
	if len(found) != 1 {
		r.Say(vault, false, fmt.Sprintf("%s: %d", what, len(found)), what+" of its own", "correct components/statebackend/vaults.go")
		return nil
	}
	return found[0]
}

// wantVaultPolicy reports whether clients' accounts send copies into a vault, and nobody deletes or shortens one.
func wantVaultPolicy(s promises.Subject, r *promises.Report, p *graph.Resource) {
	const fix = "correct components/statebackend/vaults.go"
	document, err := policy.Parse(p.Text("policy"))
	sends, more := false, []string{}
	for _, statement := range document.Allows() {
		own := slices.Equal(statement.Actions, []string{"backup:CopyIntoBackupVault"}) && len(statement.Principals) == 1 && sameTexts(statement.Principals["AWS"], clientARNs(s.Organisation(), ":root"))
		sends = sends || own
		if !own {
			more = append(more, statement.Sid)
		}
	}
	r.Say(p, err == nil && sends && len(more) == 0, fmt.Sprintf("clients send copies: %t, others: %s", sends, listed(more)), "clients' accounts send copies, and nobody else does anything", fix)
	var open []string
	for _, action := range []string{"backup:DeleteBackupVault", "backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"} {
		if !slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
			return d.Everyone() && len(d.Conditions) == 0 && d.Covers(action) && slices.Contains(d.Resources, "*")
		}) {
			open = append(open, action)
		}
	}
	r.Say(p, len(open) == 0, "not denied: "+listed(open), "denied to everybody: deleting a copy, or shortening its life", fix)
}
