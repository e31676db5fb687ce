package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// written are the logs that a service writes under names of its own making: by type, where the names' middle
// stands, and what is before it.
var written = []struct{ typeToken, identifier, prefix string }{
	{databaseType, "identifier", "/aws/rds/instance/"},
	{documentsType, "clusterIdentifier", "/aws/docdb/"},
}

// BerthLogs1 is groups for logs that databases and caches write: one that the stack does not make is made by AWS,
// without a key, and kept for ever.
func (baseline) BerthLogs1() promises.Control {
	return promises.Control{
		ID: "Berth.Logs.1", Title: "Databases and caches log to groups of the stack", Severity: "medium",
		References: []string{prowler("cloudwatch_log_group_kms_encryption_enabled"), prowler("cloudwatch_log_group_retention_policy_specific_days_enabled")},
		Check: func(s promises.Subject, r *promises.Report) {
			groups := s.Graph.OfType(logGroupType)
			wantGroup := func(resource *graph.Resource, property, name string) {
				made := slices.ContainsFunc(groups, func(group *graph.Resource) bool {
					return group.Text("name") == name && group.Region() == resource.Region()
				})
				r.Want(resource, name != "" && made, property, "the log group "+name+" in the stack", "make the group in the component, with a key and days to keep")
			}
			for _, of := range written {
				for _, resource := range s.Graph.OfType(of.typeToken) {
					for _, log := range resource.Texts("enabledCloudwatchLogsExports") {
						wantGroup(resource, "enabledCloudwatchLogsExports", of.prefix+resource.Text(of.identifier)+"/"+log)
					}
				}
			}
			for _, cache := range s.Graph.OfType("aws:elasticache/replicationGroup:ReplicationGroup") {
				for _, log := range cache.Items("logDeliveryConfigurations") {
					if log.Text("destinationType") == "cloudwatch-logs" {
						wantGroup(cache, log.Path+".destination", log.Text("destination"))
					}
				}
			}
		},
	}
}
