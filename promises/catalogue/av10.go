package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AV10 is mirrored disks.
func (catalogue) AV10() promises.Promise {
	return promises.Promise{
		ID:    "AV-10",
		Title: "Mirrored disks",
		Sentence: "The disks of every machine that is run for you are mirrored in RAID 1, and a mirror that loses a disk raises an alert. " +
			"On your own premises we set up the mirror and its alert; you supply disks in pairs and exchange the one that failed.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours, promises.OnPremises: promises.Shared},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "disk array", Value: "RAID 1: two disks with the same content"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "each machine in the resource graph is installed on a RAID 1 array, and its watch has an alert"},
			{Level: promises.Live, How: "the state of every array is read from the machines"},
			{Level: promises.Drill, How: "a disk is failed: nothing is lost, the alert arrives, and the array is rebuilt"},
		},
		Keywords: []string{
			"raid", "mirrored disks", "disk failure", "degraded array", "disk redundancy", "disk fails data", "storage redundancy",
			"one disk of a mirror failed", "hard disk failure", "hot spare disk", "server hardware redundancy", "raid 1", "disk mirroring",
			"failed disk",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: mirrored, promises.OnPremises: mirrored},
	}
}
