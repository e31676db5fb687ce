package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AV4 is the standby in a second data centre.
func (catalogue) AV4() promises.Promise {
	return promises.Promise{
		ID:    "AV-4",
		Title: "Standby in a second data centre",
		Sentence: "You have a standby instance in a second data centre. The databases of each site are streamed to the other in real time, " +
			"both ways, so that either can serve you.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{
				{Name: "sites", Value: "Johannesburg and Cape Town, unless you choose others", Key: "sites"},
				{Name: "possible sites", Value: "any Hetzner location, or a colocated machine"},
			}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "each instance in the resource graph has a counterpart at another site, and each database a stream to the other and from it"},
			{Level: promises.Live, How: "both databases are asked whether they stream and how far each is behind the other"},
			{Level: promises.Drill, How: "a row is written at each site and read at the other, and the time between is measured"},
		},
		Keywords: []string{
			"standby instance second data centre", "replication to the other data centre", "real time replication", "secondary site",
			"database replication between sites", "mirrored site", "synchronised second location", "copy of databases at the other site",
			"geographically separate secondary site", "two data centres same data", "data centres in step", "standby instance",
			"disaster recovery site", "replication between sites", "streaming replication", "geo-redundancy", "geographic redundancy", "johannesburg",
			"cape town", "site failover", "active-active", "second data centre", "standby site", "hot standby", "real-time replication",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: streamed},
	}
}
