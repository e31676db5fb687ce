package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// BK4 is recovery to a point in time.
func (catalogue) BK4() promises.Promise {
	return promises.Promise{
		ID:       "BK-4",
		Title:    "Restore to any second of the past week",
		Sentence: "Your database can be restored to any second of the past 7 days, or of a longer time where you agreed on one.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours,
			promises.OnPremises: promises.Clients},
		Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
			key := ""
			if h == promises.OnAWS {
				key = "database.pointInTimeDays"
			}
			return []promises.Parameter{{Name: "point-in-time window", Value: inDays(windowDays(s)), Key: key}}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every database in the resource graph keeps its log for the whole window, in both regions, and can neither be deleted nor lose its backups"},
			{Level: promises.Live, How: "the days that backups are kept and the earliest and latest second to which each database can be restored are read back from both regions, " +
				"with its protection against deletion and the buckets' versioning"},
			{Level: promises.Drill, How: "a database is restored to a named second and compared with what was written until then; the time is measured and recorded"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"point in time restore", "point-in-time recovery", "restore database moment", "how far back restore", "undo accidental deletion restore",
			"restore window", "recover accidentally deleted data", "recover deleted records", "PITR", "roll back to a moment", "past 7 days",
			"restore granularity", "deletion protection", "undo accidental deletion", "restore to any second", "point in time", "restorable window",
			"recovery window", "restore to a specific time",
		},
		Check:  pointInTime,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: anySecond},
	}
}

// leastWindow is the window that every client in production has, in days.
const leastWindow = 7

func pointInTime(s promises.Subject, r *promises.Report) {
	databases := r.Must(sources(s.Graph), "database instance", "a database that can be restored to any second", "give the client a database")
	for _, db := range databases {
		wantWindow(s, r, db, "backupRetentionPeriod")
		wantLastSnapshot(r, db)
		r.Want(db, db.Bool("copyTagsToSnapshot"), "copyTagsToSnapshot", "true: a snapshot says whose data it holds", "set it in components/database")
		if guarded(s) {
			r.Want(db, db.Has("deleteAutomatedBackups") && !db.Bool("deleteAutomatedBackups"), "deleteAutomatedBackups",
				"false: the backups outlive the database", "set it in components/database")
		}
		for _, replica := range db.Referrers("sourceDbInstanceArn", "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication") {
			wantWindow(s, r, replica, "retentionPeriod")
		}
	}
	for _, cluster := range s.Graph.OfType(typeDocuments) {
		wantWindow(s, r, cluster, "backupRetentionPeriod")
		wantLastSnapshot(r, cluster)
		for _, member := range cluster.Referrers("clusterIdentifier", "aws:docdb/clusterInstance:ClusterInstance") {
			r.Want(member, member.Bool("copyTagsToSnapshot"), "copyTagsToSnapshot", "true: a snapshot says whose data it holds", "set it in components/documents")
		}
		databases = append(databases, cluster)
	}
	keys := map[*graph.Resource]bool{}
	for _, db := range databases {
		if guarded(s) {
			r.Want(db, db.Bool("deletionProtection"), "deletionProtection", "true: nobody deletes the database by mistake",
				"remove leaving from the client's spec; components/database and components/documents set it then")
		}
		wantGuarded(s, r, db)
		// Whether there is a key is DP-4; several databases may have the same.
		if key := db.Ref("kmsKeyId", typeKey); key != nil && !keys[key] {
			keys[key] = true
			wantKeySafe(s, r, key)
		}
	}
}

func wantWindow(s promises.Subject, r *promises.Report, keeper *graph.Resource, property string) {
	want := max(windowDays(s.Spec), leastWindow)
	days, _ := keeper.Number(property)
	r.Want(keeper, days >= float64(want), property, fmt.Sprintf("at least %d, the days of the window", want), "set database.pointInTimeDays in the client's spec")
}

// wantLastSnapshot reports whether a deletion leaves a snapshot behind, also when the client is leaving.
func wantLastSnapshot(r *promises.Report, db *graph.Resource) {
	const fix = "set it in the component that makes the database"
	r.Want(db, db.Has("skipFinalSnapshot") && !db.Bool("skipFinalSnapshot"), "skipFinalSnapshot", "false: a deletion leaves a snapshot behind", fix)
	r.Want(db, db.Text("finalSnapshotIdentifier") != "", "finalSnapshotIdentifier", "a name for that snapshot", fix)
}
