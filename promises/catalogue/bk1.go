package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// BK1 is the daily full backup of instances on dedicated sites.
func (catalogue) BK1() promises.Promise {
	return promises.Promise{
		ID:       "BK-1",
		Title:    "Full backup every day",
		Sentence: "A full backup of your instance is made every day at 00:00 of its site's time, and the last 7 are kept.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours, promises.OnPremises: promises.Clients},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "made", Value: "every day at 00:00, site time"}, {Name: "kept", Value: "7 days"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the timer of every instance's backup and how many backups it keeps are checked in the resource graph before every change"},
			{Level: promises.Live, How: "the backups of each instance are listed at their place: one for each of the past 7 days, each complete by its checksum"},
			{Level: promises.Drill, How: "an instance is restored from last night's full backup and its records are counted; the time is measured"},
		},
		Keywords: []string{
			"full backup", "daily backup", "full backup schedule", "backup time of day", "backup at midnight", "backup of every instance",
			"number of backups kept", "backup rotation", "backup generations", "full backup every day", "daily full backup", "full backups",
			"nightly backup", "00:00", "how often are full backups made", "7 days of backups",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: fullBackups, promises.OnPremises: clientsBackups},
	}
}
