package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// alarm is one alarm as the catalogue writes it.
type alarm struct {
	name, says        string // says: what is wrong and where to look
	namespace, metric string
	statistic         string // Average, Sum, Minimum, Maximum, or a percentile such as p95
	dimensions        pulumi.StringMap
	comparison        string
	threshold         float64
	period            int // seconds
	of, last          int // datapoints out of the last ones; of 0: all
	missing           string
	ratio             *ratio // instead of a metric
	down              bool   // part of "the service is down"
}

// ratio is a share of requests in percent.
type ratio struct {
	parts []string // metrics whose sum is the part
	whole string
}

// How a value is compared, and what missing data means.
const (
	above = "GreaterThanThreshold"
	below = "LessThanThreshold"

	quiet   = "notBreaching" // no data is good news: nothing was counted
	silence = "breaching"    // no data is bad news: it ought to be there
	keep    = "missing"
)

const (
	minute = 60
	hour   = 60 * minute
	mebi   = 1 << 20
	gibi   = 1 << 30
)

// catalogue lists the alarms of the client's own region that fit what is there.
func (a Args) catalogue() []alarm {
	list := append(a.service(), a.data()...)
	for _, nat := range a.NATGateways {
		list = append(list, alarm{name: "nat-" + nat.Name + "-ports", says: "The NAT gateway ran out of ports: machines cannot reach what is outside",
			namespace: "AWS/NATGateway", metric: "ErrorPortAllocation", statistic: "Sum", dimensions: pulumi.StringMap{"NatGatewayId": nat.ID},
			comparison: above, threshold: 0, period: 5 * minute, last: 1, missing: quiet})
	}
	if f := a.Firewall; f != nil {
		list = append(list, alarm{name: "firewall-blocked", says: "The firewall blocks many requests: an attack, or a rule that is too strict",
			namespace: "AWS/WAFV2", metric: "BlockedRequests", statistic: "Sum",
			dimensions: pulumi.StringMap{"WebACL": f.Name, "Region": pulumi.String(a.Scope.Region), "Rule": pulumi.String("ALL")},
			comparison: above, threshold: 1000, period: 5 * minute, last: 1, missing: quiet})
	}
	if a.Backup != nil {
		list = append(list, a.Backup.alarms()...)
	}
	for _, r := range a.Replications {
		list = append(list, r.failed())
	}
	return list
}

func (a Args) service() []alarm {
	lb := pulumi.StringMap{"LoadBalancer": a.LoadBalancer.ArnSuffix}
	group := pulumi.StringMap{"LoadBalancer": a.LoadBalancer.ArnSuffix, "TargetGroup": a.LoadBalancer.TargetGroupArnSuffix}
	machines := pulumi.StringMap{"AutoScalingGroupName": a.Machines.GroupName}
	list := []alarm{
		{name: "error-rate", says: "More than 5 % of requests fail, by the load balancer or the service", down: true,
			ratio:      &ratio{parts: []string{"HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"}, whole: "RequestCount"},
			namespace:  "AWS/ApplicationELB",
			dimensions: lb, comparison: above, threshold: 5, period: minute, of: 3, last: 5, missing: quiet},
		{name: "no-healthy-machine", says: "No machine passes the load balancer's check", down: true,
			namespace: "AWS/ApplicationELB", metric: "HealthyHostCount", statistic: "Maximum", dimensions: group,
			comparison: below, threshold: 1, period: minute, last: 2, missing: silence},
		{name: "few-healthy-machines", says: "Fewer machines serve than the group's minimum: a spare is starting or cannot",
			namespace: "AWS/ApplicationELB", metric: "HealthyHostCount", statistic: "Minimum", dimensions: group,
			comparison: below, threshold: float64(a.Machines.Min), period: minute, of: 10, last: 15, missing: silence},
		{name: "unhealthy-machines", says: "A machine fails the load balancer's check",
			namespace: "AWS/ApplicationELB", metric: "UnHealthyHostCount", statistic: "Maximum", dimensions: group,
			comparison: above, threshold: 0, period: minute, last: 5, missing: quiet},
		{name: "service-errors", says: "The service answers 5xx: read its logs",
			namespace: "AWS/ApplicationELB", metric: "HTTPCode_Target_5XX_Count", statistic: "Sum", dimensions: group,
			comparison: above, threshold: 25, period: 5 * minute, last: 1, missing: quiet},
		{name: "latency", says: "One request in twenty takes longer than 2 s",
			namespace: "AWS/ApplicationELB", metric: "TargetResponseTime", statistic: "p95", dimensions: group,
			comparison: above, threshold: 2, period: minute, of: 5, last: 10, missing: quiet},
		{name: "refused-connections", says: "Machines refuse the load balancer's connections",
			namespace: "AWS/ApplicationELB", metric: "TargetConnectionErrorCount", statistic: "Sum", dimensions: lb,
			comparison: above, threshold: 10, period: 5 * minute, last: 1, missing: quiet},
		{name: "machines-cpu", says: "The machines are busy although the group grows: raise maxMachines or the instance type",
			namespace: "AWS/EC2", metric: "CPUUtilization", statistic: "Average", dimensions: machines,
			comparison: above, threshold: 80, period: 5 * minute, last: 3, missing: quiet},
		{name: "machines-status", says: "A machine fails AWS's status checks",
			namespace: "AWS/EC2", metric: "StatusCheckFailed", statistic: "Maximum", dimensions: machines,
			comparison: above, threshold: 0, period: minute, last: 5, missing: quiet},
	}
	if a.Machines.LogGroup != nil {
		list = append(list, alarm{name: "logged-errors", says: "The service logs many errors",
			namespace: logNamespace, metric: a.errorMetric(), statistic: "Sum",
			comparison: above, threshold: 10, period: 5 * minute, last: 2, missing: quiet})
	}
	return list
}

func (a Args) data() []alarm {
	db := pulumi.StringMap{"DBInstanceIdentifier": a.Database.Identifier}
	rds := func(name, says, metric, statistic, comparison string, threshold float64, last int, missing string) alarm {
		return alarm{name: "database-" + name, says: says, namespace: "AWS/RDS", metric: metric, statistic: statistic, dimensions: db,
			comparison: comparison, threshold: threshold, period: 5 * minute, last: last, missing: missing}
	}
	list := []alarm{
		rds("cpu", "The database is busy: look for slow queries in its logs", "CPUUtilization", "Average", above, 80, 3, silence),
		rds("storage", "Less than a tenth of the database's storage is free, and growing it did not help yet",
			"FreeStorageSpace", "Minimum", below, float64(a.Database.StorageGiB)*gibi/10, 1, keep),
		rds("memory", "The database has less than 256 MiB of memory left", "FreeableMemory", "Minimum", below, 256*mebi, 3, keep),
		rds("write-latency", "Writes take longer than 50 ms", "WriteLatency", "Average", above, 0.05, 3, quiet),
		rds("read-latency", "Reads take longer than 50 ms", "ReadLatency", "Average", above, 0.05, 3, quiet),
	}
	if n := a.Database.MaxConnections; n > 0 {
		list = append(list, rds("connections", "Four fifths of the database's connections are taken", "DatabaseConnections", "Maximum", above, float64(n)*0.8, 2, quiet))
	}
	if a.Database.Replica != nil {
		lag := rds("replica-lag", "The replica is more than a minute behind (BK-9)", "ReplicaLag", "Maximum", above, 60, 2, silence)
		lag.dimensions = pulumi.StringMap{"DBInstanceIdentifier": a.Database.Replica}
		list = append(list, lag)
	}
	if d := a.Documents; d != nil {
		doc := func(name, says, metric, statistic, comparison string, threshold float64) alarm {
			return alarm{name: "documents-" + name, says: says, namespace: "AWS/DocDB", metric: metric, statistic: statistic,
				dimensions: pulumi.StringMap{"DBClusterIdentifier": d.ClusterIdentifier},
				comparison: comparison, threshold: threshold, period: 5 * minute, last: 3, missing: keep}
		}
		list = append(list,
			doc("cpu", "The document database is busy", "CPUUtilization", "Average", above, 80),
			doc("memory", "The document database has less than 256 MiB of memory left", "FreeableMemory", "Minimum", below, 256*mebi),
			doc("replica-lag", "A document replica is more than a second behind", "DBClusterReplicaLagMaximum", "Maximum", above, 1000))
	}
	if c := a.Cache; c != nil {
		list = append(list, c.alarms()...)
	}
	return list
}

func (c Cache) alarms() []alarm {
	var list []alarm
	for n := 1; n <= c.Nodes; n++ {
		suffix := fmt.Sprintf("-%03d", n)
		node := func(name, says, metric, statistic string, threshold float64) alarm {
			return alarm{name: fmt.Sprintf("cache-%d-%s", n, name), says: says, namespace: "AWS/ElastiCache", metric: metric, statistic: statistic,
				dimensions: pulumi.StringMap{"CacheClusterId": pulumi.Sprintf("%s%s", c.ReplicationGroupID, suffix)},
				comparison: above, threshold: threshold, period: 5 * minute, last: 2, missing: keep}
		}
		list = append(list,
			node("cpu", "The cache node is busy", "EngineCPUUtilization", "Average", 80),
			node("memory", "The cache node is nearly full", "DatabaseMemoryUsagePercentage", "Maximum", 85),
			node("evictions", "The cache throws entries out: sessions may end early", "Evictions", "Sum", 100))
		if c.Nodes > 1 {
			// Whichever node is the primary reports none.
			lag := node("lag", "The cache replica is more than 10 s behind", "ReplicationLag", "Maximum", 10)
			lag.missing = quiet
			list = append(list, lag)
		}
	}
	return list
}

func (b Backup) alarms() []alarm {
	vault := pulumi.StringMap{"BackupVaultName": b.VaultName}
	return []alarm{
		{name: "backup-failed", says: "A backup job failed (BK-9)", namespace: "AWS/Backup", metric: "NumberOfBackupJobsFailed", statistic: "Sum",
			dimensions: vault, comparison: above, threshold: 0, period: hour, last: 1, missing: quiet},
		{name: "backup-missing", says: "No backup job has finished for 26 hours (BK-7, BK-9); a new client's first comes at midnight", namespace: "AWS/Backup",
			metric: "NumberOfBackupJobsCompleted", statistic: "Sum", dimensions: vault,
			comparison: below, threshold: 1, period: hour, last: 26, missing: silence},
		{name: "backup-copy-failed", says: "A backup did not reach the second region (BK-9)", namespace: "AWS/Backup",
			metric: "NumberOfCopyJobsFailed", statistic: "Sum", dimensions: vault,
			comparison: above, threshold: 0, period: hour, last: 1, missing: quiet},
	}
}

// failed counts, in the source's region, what could not be copied; late times, in the destination's, what is under way.
func (r Replication) failed() alarm {
	return alarm{name: r.Name + "-replication-failed", says: "Objects of the bucket " + r.Name + " could not be copied (BK-9)", namespace: "AWS/S3",
		metric: "OperationsFailedReplication", statistic: "Sum", dimensions: r.rule(),
		comparison: above, threshold: 0, period: 5 * minute, last: 1, missing: quiet}
}

func (r Replication) late() alarm {
	return alarm{name: r.Name + "-replication-late", says: "The copy of the bucket " + r.Name + " is more than 15 minutes behind (BK-9)", namespace: "AWS/S3",
		metric: "ReplicationLatency", statistic: "Maximum", dimensions: r.rule(),
		comparison: above, threshold: 15 * minute, period: 5 * minute, last: 3, missing: quiet}
}

func (r Replication) rule() pulumi.StringMap {
	return pulumi.StringMap{"SourceBucket": r.Source, "DestinationBucket": r.Destination, "RuleId": pulumi.String(r.RuleID)}
}
