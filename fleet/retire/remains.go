package retire

import (
	"fmt"
	"time"

	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Remains is what outlives a stack by law, by a lock, or because somebody else holds it.
func Remains(s *spec.Spec, resources []apitype.ResourceV3, now time.Time) []Remaining {
	var all []Remaining
	day := func(days int) string { return now.AddDate(0, 0, days).UTC().Format(time.DateOnly) }
	for _, r := range resources {
		name := r.URN.Name()
		if r.RetainOnDelete {
			all = append(all, Remaining{fmt.Sprintf("%s %s", r.Type, name), string(r.ID), "it is kept when its stack goes", "somebody deletes it"})
		}
		for _, key := range []string{"finalSnapshotIdentifier", "finalSnapshotName"} {
			if id, ok := r.Inputs[key].(string); ok && id != "" && r.Inputs["skipFinalSnapshot"] != true {
				all = append(all, Remaining{"the final snapshot of " + name, id, "the last copy of the data, for a return within the notice of the contract", "an administrator deletes it"})
			}
		}
		if days, ok := r.Inputs["deletionWindowInDays"].(float64); ok && r.Type == "aws:kms/key:Key" {
			all = append(all, Remaining{"the encryption key " + name, string(r.ID), "AWS waits before it destroys a key; it is disabled until then", day(int(days))})
		}
		if r.Type == "aws:backup/vaultLockConfiguration:VaultLockConfiguration" {
			vault, _ := r.Inputs["backupVaultName"].(string)
			all = append(all, Remaining{"recovery points in the vault " + vault, vault, "the vault is locked: nobody may delete them earlier", day(retention(s))})
		}
	}
	switch {
	case s == nil:
	case s.AWSClient != nil:
		all = append(all, Remaining{"the audit trail of the account", s.AWSClient.AWS.Account, "the organisation keeps it locked (OP-4)", "the trail's own retention ends"})
	case s.LightClient != nil:
		all = append(all, Remaining{"the audit trail of the account", s.LightClient.AWS.Account, "the organisation keeps it locked (OP-4)", "the trail's own retention ends"})
	case s.SiteClient != nil:
		all = append(all, Remaining{"encrypted backups in the third place of pair " + s.SiteClient.Pair.Name, "", "backups are kept for the pair's days and then expire", day(longestPair)})
	case s.OnPremises != nil:
		all = append(all, Remaining{"the machine and its disks", s.OnPremises.Hostname, "they are the client's own", "the client erases them"})
	}
	return all
}

// longestPair is for how many days a pair keeps backups at most.
const longestPair = 35

func retention(s *spec.Spec) int {
	if s != nil && s.AWSClient != nil {
		return s.AWSClient.Backup.RetentionDays
	}
	return 90
}
