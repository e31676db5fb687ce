package monitoring

import (
	"encoding/json"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// board is a dashboard's body, as CloudWatch reads it.
type board struct {
	Widgets []widget `json:"widgets"`
}

type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

type graph struct {
	Title   string  `json:"title"`
	Region  string  `json:"region"`
	View    string  `json:"view"`
	Stat    string  `json:"stat"`
	Period  int     `json:"period"`
	Metrics [][]any `json:"metrics"`
}

type text struct {
	Markdown string `json:"markdown"`
}

// names are the physical names that a dashboard speaks of; an empty one is not there.
type names struct {
	loadBalancer, targetGroup, machines, database, replica, cache, documents, firewall, vault, healthCheck string
}

// dashboard shows on one page what people ask first: does it answer, how fast, and what is busy.
func (b builder) dashboard(m *Monitoring) error {
	a := b.args
	inputs := pulumi.StringMap{
		"loadBalancer": a.LoadBalancer.ArnSuffix, "targetGroup": a.LoadBalancer.TargetGroupArnSuffix,
		"machines": a.Machines.GroupName, "database": a.Database.Identifier, "healthCheck": m.HealthCheckID,
	}
	optional := func(key string, value pulumi.StringInput) {
		if value != nil {
			inputs[key] = value
		}
	}
	optional("replica", a.Database.Replica)
	if a.Cache != nil {
		optional("cache", a.Cache.ReplicationGroupID)
	}
	if a.Documents != nil {
		optional("documents", a.Documents.ClusterIdentifier)
	}
	if a.Firewall != nil {
		optional("firewall", a.Firewall.Name)
	}
	if a.Backup != nil {
		optional("vault", a.Backup.VaultName)
	}
	body := inputs.ToStringMapOutput().ApplyT(func(n map[string]string) (string, error) {
		text, err := json.Marshal(a.board(names{n["loadBalancer"], n["targetGroup"], n["machines"], n["database"], n["replica"],
			n["cache"], n["documents"], n["firewall"], n["vault"], n["healthCheck"]}))
		return string(text), err
	}).(pulumi.StringOutput)
	made, err := cloudwatch.NewDashboard(b.ctx, b.name+"-dashboard", &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(a.Scope.Name(naming.Dashboard, "service")), DashboardBody: body,
	}, b.parent)
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	m.DashboardName = made.DashboardName
	return nil
}

func (a Args) board(n names) board {
	const columns, width, height = 3, 8, 6
	b := board{Widgets: []widget{{Type: "text", Width: 24, Height: 2, Properties: text{
		fmt.Sprintf("# %s, %s\n[%s](https://%s)", a.Scope.Client, a.Scope.Environment, a.Hostname, a.Hostname)}}}}
	add := func(title, region, stat string, metrics ...[]any) {
		i := len(b.Widgets) - 1
		b.Widgets = append(b.Widgets, widget{Type: "metric", X: i % columns * width, Y: 2 + i/columns*height, Width: width, Height: height,
			Properties: graph{Title: title, Region: region, View: "timeSeries", Stat: stat, Period: 5 * minute, Metrics: metrics}})
	}
	lb := func(metric string) []any { return []any{"AWS/ApplicationELB", metric, "LoadBalancer", n.loadBalancer} }
	group := func(metric string) []any { return append(lb(metric), "TargetGroup", n.targetGroup) }
	rds := func(metric, id string) []any { return []any{"AWS/RDS", metric, "DBInstanceIdentifier", id} }
	here := a.Scope.Region
	add("Answers from outside", "us-east-1", "Minimum", []any{"AWS/Route53", "HealthCheckStatus", "HealthCheckId", n.healthCheck})
	add("Requests", here, "Sum", lb("RequestCount"), lb("HTTPCode_Target_4XX_Count"), lb("HTTPCode_Target_5XX_Count"), lb("HTTPCode_ELB_5XX_Count"))
	add("Response time, p95", here, "p95", group("TargetResponseTime"))
	add("Machines", here, "Average", group("HealthyHostCount"), group("UnHealthyHostCount"))
	add("Machines' processors", here, "Average", []any{"AWS/EC2", "CPUUtilization", "AutoScalingGroupName", n.machines})
	add("Database's processor", here, "Average", rds("CPUUtilization", n.database))
	add("Database's connections", here, "Maximum", rds("DatabaseConnections", n.database))
	add("Database's free storage", here, "Minimum", rds("FreeStorageSpace", n.database))
	add("Database's latency", here, "Average", rds("ReadLatency", n.database), rds("WriteLatency", n.database))
	if n.replica != "" {
		add("Replica's lag", here, "Maximum", rds("ReplicaLag", n.replica))
	}
	if n.cache != "" {
		var memory [][]any
		for i := 1; i <= a.Cache.Nodes; i++ {
			memory = append(memory, []any{"AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", fmt.Sprintf("%s-%03d", n.cache, i)})
		}
		add("Cache's memory", here, "Maximum", memory...)
	}
	if n.documents != "" {
		add("Documents' processor", here, "Average", []any{"AWS/DocDB", "CPUUtilization", "DBClusterIdentifier", n.documents})
	}
	if n.firewall != "" {
		add("Blocked requests", here, "Sum", []any{"AWS/WAFV2", "BlockedRequests", "WebACL", n.firewall, "Region", here, "Rule", "ALL"})
	}
	if n.vault != "" {
		add("Backup jobs", here, "Sum", []any{"AWS/Backup", "NumberOfBackupJobsCompleted", "BackupVaultName", n.vault},
			[]any{"AWS/Backup", "NumberOfBackupJobsFailed", "BackupVaultName", n.vault})
	}
	return b
}
