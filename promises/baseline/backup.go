package baseline

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// Backup1 is encryption of backups.
func (baseline) Backup1() promises.Control {
	return promises.Control{
		ID: "Backup.1", Title: "Backups are encrypted", Severity: "medium",
		References: []string{fsbp("Backup.1")},
		Check: want("aws:backup/vault:Vault", "kmsKeyArn", "a KMS key of the stack: it encrypts every recovery point in the vault",
			"give the vault a key (components/backup, vault.go)", func(vault *graph.Resource) bool { return ownKey(vault, "kmsKeyArn") != nil }),
	}
}
