package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// BK8 is the recovery time objective.
func (catalogue) BK8() promises.Promise {
	return promises.Promise{
		ID:       "BK-8",
		Title:    "Back online within 4 hours (RTO)",
		Sentence: "Whatever fails, your service is back online within 4 hours.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours,
			promises.OnSites: promises.Ours, promises.OnPremises: promises.Clients},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "recovery time objective (RTO)", Value: "4 hours"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Drill, How: "the whole service is restored from its backups into an empty region; the time until it answers its users again is measured and recorded"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"recovery time objective", "back online after disaster", "disaster recovery", "restore time", "how soon back after failure",
			"time to restore service", "disaster recovery plan", "how soon back online", "how long restore from backup", "time to restore database",
			"how long does recovery take", "maximum downtime after a disaster", "disaster recovery test", "business continuity", "RTO",
			"back online within", "time to recover", "restoration time", "disaster recovery time",
		},
	}
}
