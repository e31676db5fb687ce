package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// BK2 is the copies of dedicated sites' backups in two other places.
func (catalogue) BK2() promises.Promise {
	return promises.Promise{
		ID:       "BK-2",
		Title:    "Backups copied to two other places",
		Sentence: "Your backups are copied over an encrypted channel to the other data centre, and to a third place outside both.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "second place", Value: "the other data centre"}, {Name: "third place", Value: "encrypted S3"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every site's backups have two destinations in the resource graph, each over SSH or TLS, neither in the site itself"},
			{Level: promises.Live, How: "the newest backups are listed and their checksums compared in all three places"},
		},
		Keywords: []string{
			"backup copied other data centre", "backup other location", "backup secure channel", "offsite copies",
			"backup transferred encrypted channel", "backups outside the data centre", "copies of backups", "other data centre", "third location",
			"secure channel", "backup transfer encrypted", "copied to a second site", "remote copy of backups", "outside the data centre",
			"backup replication between sites", "backups away from primary site", "off-site backup", "third place", "3-2-1",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: copiedAway},
	}
}
