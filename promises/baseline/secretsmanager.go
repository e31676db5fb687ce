package baseline

import (
	"github.com/berth-iac/berth/promises"
)

// SecretsManager1 is passwords that change by themselves.
func (baseline) SecretsManager1() promises.Control {
	return promises.Control{
		ID: "SecretsManager.1", Title: "Secrets Manager keeps and rotates the passwords of databases' administrators", Severity: "medium",
		References: []string{fsbp("SecretsManager.1"), fsbp("SecretsManager.4")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected = "true: the password is made, kept and changed every week without anybody"
			for _, db := range append(primaries(s), s.Graph.OfType(documentsType)...) {
				r.Want(db, db.Bool("manageMasterUserPassword"), "manageMasterUserPassword", expected, "set manageMasterUserPassword (components/database, components/documents)")
			}
		},
	}
}
