package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const (
	missingHours   = 26 // a day, and the time that a backup may take
	replicaSeconds = 60
	cacheSeconds   = 10
)

// alarmDue is one alarm that must be there.
type alarmDue struct {
	of                *graph.Resource // what is watched
	what              string          // what the alarm tells of
	region            string          // where the cloud publishes the metric
	namespace, metric string
	statistic         string
	dimensions        func(alarm *graph.Resource) bool
	below             bool // the alarm is raised below the limit, otherwise above it
	limit             float64
	seconds           float64 // within which it is raised
	silence           bool    // no data raises it too
	fix               string
}

const inMonitoring = "leave the alarm to components/monitoring"

// backupAlarms reports whether everything that can fail or lag has its alarm.
func backupAlarms(s promises.Subject, r *promises.Report) {
	for _, plan := range s.Graph.OfType(backupPlanType) {
		for _, rule := range plan.Items("rules") {
			if vault := vaultIn(s.Graph, rule.Text("targetVaultName"), plan.Region()); vault != nil {
				vaultAlarms(s, r, vault, len(rule.Items("copyActions")) > 0)
			}
		}
	}
	for _, config := range s.Graph.OfType(typeReplication) {
		if source := config.Ref("bucket", typeBucket); source != nil && len(source.Referrers("s3BucketName", auditTrail)) > 0 {
			continue // the audit trail's copy is no backup; AC-5 judges it
		}
		replicationAlarms(s, r, config)
	}
	replicaAlarms(s, r)
}

// inDimension tells whether an alarm is about what goes by the name.
func inDimension(name string, one *graph.Resource) func(*graph.Resource) bool {
	return func(alarm *graph.Resource) bool { return one.Goes(alarm.Text("dimensions." + name)) }
}

func vaultAlarms(s promises.Subject, r *promises.Report, vault *graph.Resource, copies bool) {
	const hour = 3600
	about := alarmDue{of: vault, region: vault.Region(), namespace: "AWS/Backup", statistic: "Sum", dimensions: inDimension("BackupVaultName", vault), seconds: hour, fix: inMonitoring}
	failed, missing, uncopied := about, about, about
	failed.what, failed.metric = "failed backups", "NumberOfBackupJobsFailed"
	missing.what, missing.metric = "missing backups", "NumberOfBackupJobsCompleted"
	missing.below, missing.limit, missing.seconds, missing.silence = true, 1, missingHours*hour, true
	uncopied.what, uncopied.metric = "failed copies", "NumberOfCopyJobsFailed"
	failed.want(s, r)
	missing.want(s, r)
	if copies {
		uncopied.want(s, r)
	}
}

// replicationAlarms are those of one bucket's copy. S3 publishes how late a copy is where the copy lies, and how many
// objects failed where they come from.
func replicationAlarms(s promises.Subject, r *promises.Report, config *graph.Resource) {
	source := config.Ref("bucket", typeBucket)
	for _, rule := range config.Items("rules") {
		to := rule.Ref("destination.bucket", typeBucket)
		if source == nil || to == nil {
			continue // BK-3 and BK-5 say so
		}
		id := rule.Text("id")
		about := alarmDue{of: config, namespace: "AWS/S3", fix: "add the alarm to components/monitoring, in the region that has the metric",
			dimensions: func(alarm *graph.Resource) bool {
				return source.Goes(alarm.Text("dimensions.SourceBucket")) && to.Goes(alarm.Text("dimensions.DestinationBucket")) && alarm.Text("dimensions.RuleId") == id
			}}
		late, failed := about, about
		late.what, late.metric, late.statistic, late.region = "late copies of objects", "ReplicationLatency", "Maximum", to.Region()
		late.limit, late.seconds = copyMinutes*60, copyMinutes*60
		failed.what, failed.metric, failed.statistic, failed.region = "failed copies of objects", "OperationsFailedReplication", "Sum", source.Region()
		failed.seconds = copyMinutes * 60
		late.want(s, r)
		failed.want(s, r)
	}
}

// replicaAlarms are those of databases' replicas.
func replicaAlarms(s promises.Subject, r *promises.Report) {
	const minutes = 60
	for _, db := range s.Graph.OfType(typeDatabase) {
		if db.Has("replicateSourceDb") {
			alarmDue{of: db, what: "its lag", region: db.Region(), namespace: "AWS/RDS", metric: "ReplicaLag", statistic: "Maximum",
				dimensions: inDimension("DBInstanceIdentifier", db), limit: replicaSeconds, seconds: 10 * minutes, silence: true, fix: inMonitoring}.want(s, r)
		}
	}
	for _, cluster := range s.Graph.OfType(typeDocuments) {
		if len(cluster.Referrers("clusterIdentifier", "aws:docdb/clusterInstance:ClusterInstance")) > 1 {
			alarmDue{of: cluster, what: "its replicas' lag", region: cluster.Region(), namespace: "AWS/DocDB", metric: "DBClusterReplicaLagMaximum", statistic: "Maximum",
				dimensions: inDimension("DBClusterIdentifier", cluster), limit: 1000, seconds: 15 * minutes, fix: inMonitoring}.want(s, r) // in milliseconds
		}
	}
	for _, group := range s.Graph.OfType(typeCache) {
		nodes, _ := group.Number("numCacheClusters")
		for n := 1; nodes > 1 && n <= int(nodes); n++ {
			// Whichever node is the primary has none; each can become a replica.
			node := fmt.Sprintf("%s-%03d", group.Text("replicationGroupId"), n)
			alarmDue{of: group, what: "the lag of node " + node, region: group.Region(), namespace: "AWS/ElastiCache", metric: "ReplicationLag", statistic: "Maximum",
				dimensions: func(alarm *graph.Resource) bool { return alarm.Text("dimensions.CacheClusterId") == node },
				limit:      cacheSeconds, seconds: 10 * minutes, fix: inMonitoring}.want(s, r)
		}
	}
}

// want reports whether there is such an alarm and whether it is raised in time and heard.
func (w alarmDue) want(s promises.Subject, r *promises.Report) {
	for _, alarm := range s.Graph.OfType(typeAlarm) {
		if alarm.Text("namespace") == w.namespace && alarm.Text("metricName") == w.metric && alarm.Region() == w.region && w.dimensions(alarm) {
			w.judge(r, alarm)
			return
		}
	}
	r.Say(w.of, false, fmt.Sprintf("no alarm in %s on metric %s of it", w.region, w.metric), "an alarm on "+w.what, w.fix)
}

func (w alarmDue) judge(r *promises.Report, alarm *graph.Resource) {
	var failed []string
	check := func(holds bool, property, expected string) {
		if !holds {
			r.Want(alarm, false, property, expected, w.fix)
			failed = append(failed, property)
		}
	}
	number := func(property string) float64 {
		n, _ := alarm.Number(property)
		return n
	}
	threshold, given := alarm.Number("threshold")
	period, last := number("period"), number("evaluationPeriods")
	operator := alarm.Text("comparisonOperator")
	if w.below {
		check(operator == "LessThanThreshold" || operator == "LessThanOrEqualToThreshold", "comparisonOperator", "raised below the limit")
		check(given && threshold >= w.limit, "threshold", fmt.Sprintf("at least %g", w.limit))
	} else {
		check(operator == "GreaterThanThreshold" || operator == "GreaterThanOrEqualToThreshold", "comparisonOperator", "raised above the limit")
		check(given && threshold <= w.limit, "threshold", fmt.Sprintf("at most %g", w.limit))
	}
	check(alarm.Text("statistic") == w.statistic, "statistic", w.statistic)
	check(period > 0 && last > 0 && period*last <= w.seconds, "evaluationPeriods", fmt.Sprintf("raised within %g minutes: period times evaluationPeriods", w.seconds/60))
	if alarm.Has("datapointsToAlarm") {
		check(number("datapointsToAlarm") <= last, "datapointsToAlarm", "no more than evaluationPeriods")
	}
	check(!w.silence || alarm.Text("treatMissingData") == "breaching", "treatMissingData", "breaching: silence is bad news too")
	check(!alarm.Has("actionsEnabled") || alarm.Bool("actionsEnabled"), "actionsEnabled", "not false")
	check(toTopic(alarm, "alarmActions"), "alarmActions", "the alerts' topic in "+alarm.Region())
	if len(failed) == 0 {
		limit := "above"
		if w.below {
			limit = "below"
		}
		r.Say(alarm, true, fmt.Sprintf("raised %s %g within %g minutes, to the alerts' topic in %s", limit, threshold, period*last/60, alarm.Region()),
			"an alarm on "+w.what+" that reaches the team", "")
	}
}
