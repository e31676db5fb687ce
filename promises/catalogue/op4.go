package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// OP4 is the monthly audit of clouds.
func (catalogue) OP4() promises.Promise {
	return promises.Promise{
		ID:       "OP-4",
		Title:    "Clouds audited every month",
		Sentence: "The clouds that your service runs on are audited every month: findings, access, drift and exceptions are gone through, and a dated report is kept.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Organisation: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "audited", Value: fmt.Sprintf("every month, on day %d", orDefault(organisationSpec(s).AuditDay, 1)), Key: "auditDay"}}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "the monthly reminder is read back, and the names of reports in the state's bucket below audits/: the last audit that was due " +
				"left a report with a signature beside it; report and signature themselves are not read"},
		},
		Keywords: []string{
			"cloud audit", "monthly audit", "audit cadence", "cloud review monthly", "misconfiguration", "settings of cloud accounts",
			"cloud settings checked", "security review", "internal audit", "configuration review", "access review", "cloud security posture", "cspm",
			"drift detection", "compliance monitoring", "audit report", "vulnerability review", "regular security audits", "periodic review",
		},
	}
}
