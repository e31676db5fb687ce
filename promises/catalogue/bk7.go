package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// BK7 is the recovery point objective.
func (catalogue) BK7() promises.Promise {
	return promises.Promise{
		ID:       "BK-7",
		Title:    "At most 24 hours of data lost (RPO)",
		Sentence: "Whatever fails, you lose at most the last 24 hours of your data; where a rolling backup is made, at most the last 5 minutes.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours,
			promises.OnSites: promises.Ours, promises.OnPremises: promises.Clients},
		Parameters: func(h promises.Hosting, _ *spec.Spec) []promises.Parameter {
			list := []promises.Parameter{{Name: "recovery point objective (RPO)", Value: "24 hours"}}
			if h == promises.OnAWS || h == promises.OnSites { // where BK-3 is promised
				list = append(list, promises.Parameter{Name: "RPO from the rolling backup", Value: "5 minutes"})
			}
			return list
		},
		Proofs: []promises.Proof{
			{Level: promises.Drill, How: "a database is lost on purpose while writes go on and is restored; the age of the last write that survived is measured and recorded"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"recovery point objective", "how much data lost", "worst case data lost", "rto and rpo", "data loss tolerance", "lose at most 24 hours",
			"loss of transactions", "RPO", "maximum data loss", "how much data can be lost", "acceptable data loss", "recovery point",
			"data lost in a disaster",
		},
	}
}
