package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AV3 is the database in several zones.
func (catalogue) AV3() promises.Promise {
	return promises.Promise{
		ID:       "AV-3",
		Title:    "Database in several zones",
		Sentence: "Your database runs in several availability zones; when one zone fails, a standby in another takes over by itself.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			standby := "in a second zone"
			if s != nil && s.AWSClient != nil && s.AWSClient.Database.MultiAZ != nil && !*s.AWSClient.Database.MultiAZ {
				standby = "none"
			}
			return []promises.Parameter{{Name: "standby", Value: standby, Key: "database.multiAz"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every database instance and cluster in the graph has a standby in another zone"},
			{Level: promises.Live, How: "the instances' zones are read back from the account"},
		},
		ProductionOnly: true,
		Keywords:       []string{"multi-az", "database failover", "standby database", "automatic failover", "database redundancy"},
		Check:          databaseZones,
	}
}

func databaseZones(s promises.Subject, r *promises.Report) {
	const fix = "set database.multiAz: true in the client's spec"
	primaries := 0
	for _, db := range s.Graph.OfType("aws:rds/instance:Instance") {
		if db.Has("replicateSourceDb") {
			continue // a replica is for reading; its source has the standby
		}
		primaries++
		r.Want(db, db.Bool("multiAz"), "multiAz", "true, for a standby in a second zone", fix)
	}
	if primaries == 0 {
		r.Missing("database instance", "a database with a standby in a second zone", "give the client a database")
	}
}
