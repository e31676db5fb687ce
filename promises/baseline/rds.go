package baseline

import (
	"github.com/berth-iac/berth/promises"
)

// RDS3 is encryption of database instances at rest.
func (baseline) RDS3() promises.Control {
	return promises.Control{
		ID: "RDS.3", Title: "Database instances are encrypted at rest", Severity: "medium",
		References: []string{"AWS FSBP RDS.3", "CIS AWS Foundations 3.0.0 2.3.1"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range s.Graph.OfType("aws:rds/instance:Instance") {
				r.Want(db, db.Bool("storageEncrypted") || db.Has("replicateSourceDb"), "storageEncrypted", "true", "set storageEncrypted on the instance")
			}
		},
	}
}
