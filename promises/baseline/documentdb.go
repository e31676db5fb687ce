package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const inDocuments = "components/documents"

// DocumentDB1 is encryption of document stores at rest.
func (baseline) DocumentDB1() promises.Control {
	return promises.Control{
		ID: "DocumentDB.1", Title: "Document stores are encrypted at rest", Severity: "medium",
		References: []string{fsbp("DocumentDB.1")},
		Check:      wantTrue(documentsType, "storageEncrypted", "true", "set storageEncrypted in "+inDocuments),
	}
}

// DocumentDB2 is automatic backups of document stores.
func (baseline) DocumentDB2() promises.Control {
	return promises.Control{
		ID: "DocumentDB.2", Title: "Document stores keep automatic backups for 7 days or longer", Severity: "medium",
		References: []string{fsbp("DocumentDB.2")},
		Check: want(documentsType, "backupRetentionPeriod", "7 days or more", "set backupRetentionPeriod in "+inDocuments,
			func(cluster *graph.Resource) bool { return atLeast(cluster, "backupRetentionPeriod", 7) }),
	}
}

// clusterParameter is a parameter of a cluster of documents.
func clusterParameter(cluster *graph.Resource, name string) string {
	return parameter(cluster.Ref("dbClusterParameterGroupName", "aws:docdb/clusterParameterGroup:ClusterParameterGroup"), name)
}

// DocumentDB4 is the audit log of document stores.
func (baseline) DocumentDB4() promises.Control {
	return promises.Control{
		ID: "DocumentDB.4", Title: "Document stores send their audit log to CloudWatch", Severity: "medium",
		References: []string{fsbp("DocumentDB.4")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, cluster := range s.Graph.OfType(documentsType) {
				r.Want(cluster, slices.Contains(cluster.Texts("enabledCloudwatchLogsExports"), "audit"), "enabledCloudwatchLogsExports", "the log audit", "name it in "+inDocuments)
				logs := slices.Contains([]string{"enabled", "all"}, clusterParameter(cluster, "audit_logs"))
				r.Want(cluster, logs, "dbClusterParameterGroupName", "a parameter group with audit_logs enabled", "set audit_logs to enabled in "+inDocuments)
			}
		},
	}
}

// DocumentDB5 is protection of document stores against deletion.
func (baseline) DocumentDB5() promises.Control {
	return promises.Control{
		ID: "DocumentDB.5", Title: "Document stores that hold clients' data are protected against deletion", Severity: "medium",
		References: []string{fsbp("DocumentDB.5")},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Production() && !s.Leaving() {
				wantTrue(documentsType, "deletionProtection", "true", "set deletionProtection in "+inDocuments)(s, r)
			}
		},
	}
}

// DocumentDB6 is TLS to document stores.
func (baseline) DocumentDB6() promises.Control {
	return promises.Control{
		ID: "DocumentDB.6", Title: "Document stores refuse connections without TLS 1.2", Severity: "medium",
		References: []string{fsbp("DocumentDB.6")},
		Check: want(documentsType, "dbClusterParameterGroupName", "a parameter group with tls set to tls1.2+ or stronger", "set tls to tls1.2+ in "+inDocuments,
			func(cluster *graph.Resource) bool {
				return slices.Contains([]string{"tls1.2+", "tls1.3+", "fips-140-3"}, clusterParameter(cluster, "tls"))
			}),
	}
}
