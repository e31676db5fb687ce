package baseline

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const (
	databaseGroupType  = "aws:rds/parameterGroup:ParameterGroup"
	databaseEventsType = "aws:rds/eventSubscription:EventSubscription"
	inDatabase         = "components/database, instance.go"
)

// isReplica tells whether an instance only follows another one.
func isReplica(db *graph.Resource) bool { return db.Has("replicateSourceDb") }

// primaries are the database instances that are written to.
func primaries(s promises.Subject) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(s.Graph.OfType(databaseType)), isReplica)
}

// speaks tells whether an instance is of an engine. A replica has its source's.
func speaks(db *graph.Resource, engine string) bool {
	if source := db.Ref("replicateSourceDb", databaseType); source != nil {
		db = source
	}
	return strings.HasPrefix(db.Text("engine"), engine)
}

// engines are the instances of an engine.
func engines(s promises.Subject, engine string) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(s.Graph.OfType(databaseType)), func(db *graph.Resource) bool { return !speaks(db, engine) })
}

// parameter is a parameter that a group of parameters sets.
func parameter(group *graph.Resource, name string) string {
	if group != nil {
		for _, p := range group.Items("parameters") {
			if p.Text("name") == name {
				return p.Text("value")
			}
		}
	}
	return ""
}

// forcesTLS tells whether a database refuses connections without TLS.
func forcesTLS(db *graph.Resource) bool {
	group := db.Ref("parameterGroupName", databaseGroupType)
	if speaks(db, "postgres") {
		return parameter(group, "rds.force_ssl") == "1"
	}
	return slices.Contains([]string{"1", "ON"}, parameter(group, "require_secure_transport"))
}

// wantTLS judges the instances of an engine.
func wantTLS(engine, name string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, db := range engines(s, engine) {
			r.Want(db, forcesTLS(db), "parameterGroupName", "a parameter group with "+name+" set to 1, so that no client speaks without TLS",
				"set "+name+" to 1 in the engine's parameters (components/database, engine.go)")
		}
	}
}

// tells tells whether a subscription to events sends the categories to a topic of the stack. No categories are all.
func tells(events *graph.Resource, topic string, categories ...string) bool {
	named := events.Texts("eventCategories")
	all := len(named) == 0 && !events.Has("eventCategories")
	return on(events, "enabled") && events.Ref(topic, topicType) != nil &&
		(all || !slices.ContainsFunc(categories, func(c string) bool { return !slices.Contains(named, c) }))
}

// RDS2 is databases without an address on the internet.
func (baseline) RDS2() promises.Control {
	return promises.Control{
		ID: "RDS.2", Title: "Database instances have no public address", Severity: "critical",
		References: []string{fsbp("RDS.2"), cis("2.3.3")},
		Check: want(databaseType, "publiclyAccessible", "false", "set publiclyAccessible to false in "+inDatabase,
			func(db *graph.Resource) bool { return off(db, "publiclyAccessible") }),
	}
}

// RDS3 is encryption of database instances at rest.
func (baseline) RDS3() promises.Control {
	return promises.Control{
		ID: "RDS.3", Title: "Database instances are encrypted at rest", Severity: "medium",
		References: []string{fsbp("RDS.3"), cis("2.3.1")},
		Check:      wantTrue(databaseType, "storageEncrypted", "true", "set storageEncrypted on the instance"),
	}
}

// RDS5 is the standby in a second zone.
func (baseline) RDS5() promises.Control {
	return promises.Control{
		ID: "RDS.5", Title: "Databases that hold clients' data have a standby in a second zone", Severity: "medium",
		References: []string{fsbp("RDS.5")},
		Check: func(s promises.Subject, r *promises.Report) {
			if !s.Production() {
				return
			}
			for _, db := range primaries(s) {
				r.Want(db, db.Bool("multiAz"), "multiAz", "true", "set database.multiAz: true in the client's spec")
			}
		},
	}
}

// RDS6 is monitoring of the database's operating system.
func (baseline) RDS6() promises.Control {
	return promises.Control{
		ID: "RDS.6", Title: "Database instances report on their operating system", Severity: "low",
		References: []string{fsbp("RDS.6")},
		Check: want(databaseType, "monitoringInterval", "a figure of seconds from 1 to 60, with a role that may write the measurements",
			"set monitoringInterval and monitoringRoleArn in "+inDatabase, func(db *graph.Resource) bool {
				return atLeast(db, "monitoringInterval", 1) && db.Ref("monitoringRoleArn", roleType) != nil
			}),
	}
}

// RDS8 is protection of databases against deletion.
func (baseline) RDS8() promises.Control {
	return promises.Control{
		ID: "RDS.8", Title: "Databases that hold clients' data are protected against deletion", Severity: "low",
		References: []string{fsbp("RDS.8")},
		Check: func(s promises.Subject, r *promises.Report) {
			if !s.Production() || s.Leaving() {
				return
			}
			for _, db := range primaries(s) {
				r.Want(db, db.Bool("deletionProtection"), "deletionProtection", "true", "set deletionProtection in "+inDatabase)
			}
		},
	}
}

// databaseLogs are the logs by engine that are worth keeping. Not MySQL's general log: it repeats every statement, and
// clients' data with it.
var databaseLogs = []struct {
	engine string
	logs   []string
}{
	{"postgres", []string{"postgresql", "upgrade"}}, {"mysql", []string{"audit", "error", "slowquery"}}, {"mariadb", []string{"audit", "error", "slowquery"}},
}

// RDS9 is logs of databases outside them.
func (baseline) RDS9() promises.Control {
	return promises.Control{
		ID: "RDS.9", Title: "Database instances send their logs to CloudWatch", Severity: "medium",
		References: []string{fsbp("RDS.9")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, of := range databaseLogs {
				for _, db := range engines(s, of.engine) {
					sent := db.Texts("enabledCloudwatchLogsExports")
					missing := slices.ContainsFunc(of.logs, func(log string) bool { return !slices.Contains(sent, log) })
					r.Want(db, !missing, "enabledCloudwatchLogsExports", "the logs "+strings.Join(of.logs, ", "),
						"name them in enabledCloudwatchLogsExports (components/database, engine.go)")
				}
			}
		},
	}
}

// RDS10 is signing in to databases without passwords.
func (baseline) RDS10() promises.Control {
	return promises.Control{
		ID: "RDS.10", Title: "Database instances take IAM's short-lived tokens", Severity: "medium",
		References: []string{fsbp("RDS.10")},
		Check: wantTrue(databaseType, "iamDatabaseAuthenticationEnabled", "true, so that the service needs no stored password",
			"set iamDatabaseAuthenticationEnabled in "+inDatabase),
	}
}

// RDS11 is automatic backups of databases.
func (baseline) RDS11() promises.Control {
	return promises.Control{
		ID: "RDS.11", Title: "Databases keep automatic backups for 7 days or longer", Severity: "medium",
		References: []string{fsbp("RDS.11")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range primaries(s) {
				r.Want(db, atLeast(db, "backupRetentionPeriod", 7), "backupRetentionPeriod", "7 days or more", "raise database.pointInTimeDays in the client's spec")
			}
		},
	}
}

// RDS13 is minor upgrades by themselves.
func (baseline) RDS13() promises.Control {
	return promises.Control{
		ID: "RDS.13", Title: "Database instances take minor versions by themselves", Severity: "high",
		References: []string{fsbp("RDS.13"), cis("2.3.2")},
		Check:      wantTrue(databaseType, "autoMinorVersionUpgrade", "true", "set autoMinorVersionUpgrade in "+inDatabase),
	}
}

// RDS17 is tags on snapshots.
func (baseline) RDS17() promises.Control {
	return promises.Control{
		ID: "RDS.17", Title: "Snapshots carry the tags of their database instance", Severity: "low",
		References: []string{fsbp("RDS.17")},
		Check:      wantTrue(databaseType, "copyTagsToSnapshot", "true", "set copyTagsToSnapshot in "+inDatabase),
	}
}

// RDS19 is news of clusters: DocumentDB's come through RDS.
func (baseline) RDS19() promises.Control {
	return promises.Control{
		ID: "RDS.19", Title: "People hear of maintenance and failures of clusters", Severity: "low",
		References: []string{fsbp("RDS.19")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, cluster := range s.Graph.OfType(documentsType) {
				heard := slices.ContainsFunc(cluster.Referrers("sourceIds", "aws:docdb/eventSubscription:EventSubscription"), func(events *graph.Resource) bool {
					return events.Text("sourceType") == "db-cluster" && tells(events, "snsTopicArn", "maintenance", "failure")
				})
				r.Say(cluster, heard, either(heard, "its events go to a topic", "nobody is told of its events"),
					"a subscription that sends maintenance and failure events to a topic", "subscribe the alerting topic to both categories (components/documents)")
			}
		},
	}
}

// RDS20 is news of database instances.
func (baseline) RDS20() promises.Control {
	return promises.Control{
		ID: "RDS.20", Title: "People hear of maintenance, failures and changes of database instances", Severity: "low",
		References: []string{fsbp("RDS.20")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range s.Graph.OfType(databaseType) {
				heard := slices.ContainsFunc(s.Graph.OfType(databaseEventsType), func(events *graph.Resource) bool {
					about := !events.Has("sourceIds") || slices.ContainsFunc(events.Texts("sourceIds"), db.Goes)
					return about && slices.Contains([]string{"", "db-instance"}, events.Text("sourceType")) &&
						tells(events, "snsTopic", "maintenance", "configuration change", "failure")
				})
				r.Say(db, heard, either(heard, "its events go to a topic", "nobody is told of its events"),
					"a subscription that sends maintenance, configuration change and failure events to a topic",
					"subscribe the alerting topic to the three categories in "+inDatabase)
			}
		},
	}
}

// RDS21 is news of changes to databases' parameters.
func (baseline) RDS21() promises.Control {
	return promises.Control{
		ID: "RDS.21", Title: "People hear when parameters of a database change", Severity: "low",
		References: []string{fsbp("RDS.21")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, group := range s.Graph.OfType(databaseGroupType) {
				heard := slices.ContainsFunc(s.Graph.OfType(databaseEventsType), func(events *graph.Resource) bool {
					about := !events.Has("sourceIds") || slices.ContainsFunc(events.Texts("sourceIds"), group.Goes)
					return about && slices.Contains([]string{"", "db-parameter-group"}, events.Text("sourceType")) &&
						tells(events, "snsTopic", "configuration change")
				})
				r.Say(group, heard, either(heard, "its events go to a topic", "nobody is told of its events"),
					"a subscription that sends configuration change events of parameter groups to a topic",
					"add an event subscription with sourceType db-parameter-group in "+inDatabase)
			}
		},
	}
}

// RDS25 is the administrator's name.
func (baseline) RDS25() promises.Control {
	return promises.Control{
		ID: "RDS.25", Title: "The administrator of a database does not go by the engine's usual name", Severity: "medium",
		References: []string{fsbp("RDS.25")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range primaries(s) {
				usual := slices.Contains([]string{"", "admin", "administrator", "postgres", "mysql", "root", "rdsadmin", "sa"}, strings.ToLower(db.Text("username")))
				r.Want(db, !usual, "username", "a name of its own, not admin, postgres or root", "set username in "+inDatabase)
			}
		},
	}
}

// RDS26 is databases in a backup plan.
func (baseline) RDS26() promises.Control {
	return promises.Control{
		ID: "RDS.26", Title: "Databases are in a backup plan", Severity: "medium",
		References: []string{hub("RDS.26")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range primaries(s) {
				planned := slices.ContainsFunc(db.Referrers("resources", "aws:backup/selection:Selection"), func(selection *graph.Resource) bool {
					return selection.Ref("planId", "aws:backup/plan:Plan") != nil
				})
				r.Say(db, planned, either(planned, "a backup plan selects it", "no backup plan selects it"), "a selection of a backup plan that names it",
					"name the database in the selection (components/backup, plan.go)")
			}
		},
	}
}

// RDS36 is PostgreSQL's log outside the database.
func (baseline) RDS36() promises.Control {
	return promises.Control{
		ID: "RDS.36", Title: "PostgreSQL instances send their log to CloudWatch", Severity: "medium",
		References: []string{fsbp("RDS.36")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range engines(s, "postgres") {
				r.Want(db, slices.Contains(db.Texts("enabledCloudwatchLogsExports"), "postgresql"), "enabledCloudwatchLogsExports", "the log postgresql",
					"name it in enabledCloudwatchLogsExports (components/database, engine.go)")
			}
		},
	}
}

// RDS38 is TLS to PostgreSQL.
func (baseline) RDS38() promises.Control {
	return promises.Control{
		ID: "RDS.38", Title: "PostgreSQL instances refuse connections without TLS", Severity: "medium",
		References: []string{hub("RDS.38")},
		Check:      wantTLS("postgres", "rds.force_ssl"),
	}
}

// RDS39 is TLS to MySQL.
func (baseline) RDS39() promises.Control {
	return promises.Control{
		ID: "RDS.39", Title: "MySQL instances refuse connections without TLS", Severity: "medium",
		References: []string{hub("RDS.39")},
		Check:      wantTLS("mysql", "require_secure_transport"),
	}
}

// RDS46 is databases in subnets that the internet does not reach.
func (baseline) RDS46() promises.Control {
	return promises.Control{
		ID: "RDS.46", Title: "Databases stand in subnets without a route to the internet gateway", Severity: "high",
		References: []string{fsbp("RDS.46")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, db := range primaries(s) {
				group := db.Ref("dbSubnetGroupName", "aws:rds/subnetGroup:SubnetGroup")
				if group == nil {
					r.Want(db, false, "dbSubnetGroupName", "a subnet group of the stack", "give the instance the isolated subnets in "+inDatabase)
					continue
				}
				named := group.Texts("subnetIds")
				subnets := group.Refs("subnetIds", subnetType)
				if len(subnets) == 0 || len(subnets) != len(named) {
					r.Want(group, false, "subnetIds", "subnets of the stack", "give the group the isolated subnets in "+inDatabase)
				}
				for _, subnet := range subnets {
					found, closed := way(subnet)
					r.Say(subnet, closed, found, "a route table of the stack without a route to the internet gateway",
						"give the database the isolated subnets (components/network, subnets.go)")
				}
			}
		},
	}
}
