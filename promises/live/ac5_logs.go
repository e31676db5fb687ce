package live

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const fixLogs = "run `berth up` for the stack, and find out who changed it: the trail says so"

// groupNamed is the log group of a name in a list, or nil.
func groupNamed(groups []logtypes.LogGroup, name string) *logtypes.LogGroup {
	i := slices.IndexFunc(groups, func(g logtypes.LogGroup) bool { return aws.ToString(g.LogGroupName) == name })
	if i < 0 {
		return nil
	}
	return &groups[i]
}

// flowsRecorded judges that all traffic of every network is recorded, but for AWS's own default network while nothing is in it.
func (l *look) flowsRecorded(ctx context.Context) error {
	for _, region := range l.regions() {
		vpcs, err := l.vpcs(ctx, region)
		if err != nil {
			return err
		}
		flows, err := l.flowLogs(ctx, region)
		if err != nil {
			return err
		}
		machines, err := l.instances(ctx, region)
		if err != nil {
			return err
		}
		groups, err := l.logGroups(ctx, region)
		if err != nil {
			return err
		}
		for _, vpc := range vpcs {
			id := aws.ToString(vpc.VpcId)
			inhabited := slices.ContainsFunc(machines, func(m ec2types.Instance) bool { return aws.ToString(m.VpcId) == id })
			if aws.ToBool(vpc.IsDefault) && !inhabited {
				continue
			}
			judged := 0
			for _, f := range flows {
				if aws.ToString(f.ResourceId) == id {
					judged++
					l.flow(f, groups)
				}
			}
			l.want(object{"aws:ec2/vpc:Vpc", id}, judged > 0, "flowLogs", judged, "all traffic of the network is recorded", fixLogs)
		}
	}
	return nil
}

// flow judges one flow log, and the log group that it writes to.
func (l *look) flow(f ec2types.FlowLog, groups []logtypes.LogGroup) {
	at := object{"aws:ec2/flowLog:FlowLog", aws.ToString(f.FlowLogId)}
	l.want(at, f.TrafficType == ec2types.TrafficTypeAll, "trafficType", string(f.TrafficType), "ALL: what passes and what is refused", fixLogs)
	l.want(at, aws.ToInt32(f.MaxAggregationInterval) == 60, "maxAggregationInterval", aws.ToInt32(f.MaxAggregationInterval), "60 seconds", fixLogs)
	l.want(at, aws.ToString(f.FlowLogStatus) == "ACTIVE", "flowLogStatus", aws.ToString(f.FlowLogStatus), "ACTIVE", fixLogs)
	l.want(at, aws.ToString(f.DeliverLogsStatus) != "FAILED", "deliverLogsStatus", strings.TrimSpace(aws.ToString(f.DeliverLogsStatus)+" "+aws.ToString(f.DeliverLogsErrorMessage)), "no failed delivery", fixLogs)
	name := aws.ToString(f.LogGroupName)
	if name == "" {
		_, rest, _ := strings.Cut(aws.ToString(f.LogDestination), ":log-group:")
		name = strings.TrimSuffix(rest, ":*")
	}
	group := groupNamed(groups, name)
	l.want(at, group != nil, "logDestination", name, "a log group of the account", fixLogs)
	if group != nil {
		l.retained(*group, l.subject.Client().Network.FlowLogDays, "network.flowLogDays")
	}
}

// retained judges how long a log group keeps what is written to it.
func (l *look) retained(g logtypes.LogGroup, days int, key string) {
	l.want(object{logGroupType, aws.ToString(g.LogGroupName)}, g.RetentionInDays == nil || int(*g.RetentionInDays) >= days, "retentionInDays", retention(g.RetentionInDays),
		fmt.Sprintf("%d days or more, as %s says", days, key), fixLogs)
}

// logsKept judges every log group of the stack's: those whose names have the client and the environment in them.
// Groups that AWS's services make for themselves are none of them.
func (l *look) logsKept(ctx context.Context) error {
	c := l.subject.Client()
	own := []string{c.Client.Name + "-" + string(c.Environment), c.Client.Name + "/" + string(c.Environment)}
	judged := 0
	for _, region := range l.regions() {
		groups, err := l.logGroups(ctx, region)
		if err != nil {
			return err
		}
		flows, err := l.flowLogs(ctx, region)
		if err != nil {
			return err
		}
		for _, g := range groups {
			name := aws.ToString(g.LogGroupName)
			ours := slices.ContainsFunc(own, func(part string) bool { return strings.Contains(name, part) })
			flow := slices.ContainsFunc(flows, func(f ec2types.FlowLog) bool {
				return aws.ToString(f.LogGroupName) == name || strings.Contains(aws.ToString(f.LogDestination)+":", ":log-group:"+name+":")
			})
			if ours && !flow {
				judged++
				l.retained(g, c.Service.LogDays, "service.logDays")
			}
		}
	}
	if judged == 0 {
		l.missing("log group of the stack", "logs of the machines, the web firewall and the databases", fixLogs)
	}
	return nil
}

// balancersLogged judges that every request and every connection is recorded, and every verdict of the web firewall.
func (l *look) balancersLogged(ctx context.Context) error {
	balancers, err := l.balancers(ctx, l.home)
	if err != nil {
		return err
	}
	verdicts, err := l.webFirewallLogs(ctx, l.home)
	if err != nil {
		return err
	}
	groups, err := l.logGroups(ctx, l.home)
	if err != nil {
		return err
	}
	for _, b := range balancers {
		if !b.application() {
			continue // a gateway for tools; its forwarders log the connections
		}
		at := object{"aws:lb/loadBalancer:LoadBalancer", b.arn()}
		for attribute, property := range map[string]string{"access_logs.s3.enabled": "accessLogs.enabled", "connection_logs.s3.enabled": "connectionLogs.enabled"} {
			l.want(at, b.attributes[attribute] == "true", property, b.attributes[attribute], "true", fixLogs)
		}
		acl, err := l.webFirewall(ctx, l.home, b.arn())
		if err != nil {
			return err
		}
		if acl == nil {
			continue // AV-12 asks for it
		}
		log, logged := verdicts[aws.ToString(acl.ARN)]
		written := slices.ContainsFunc(log.LogDestinationConfigs, func(arn string) bool {
			_, name, _ := strings.Cut(strings.TrimSuffix(arn, ":*"), ":log-group:")
			return groupNamed(groups, name) != nil
		})
		l.want(object{"aws:wafv2/webAcl:WebAcl", aws.ToString(acl.ARN)}, logged && written && log.LoggingFilter == nil, "logging", inOrder(log.LogDestinationConfigs),
			"every verdict goes to a log group of the account, without a filter", fixLogs)
	}
	return nil
}

// databaseExports are the logs that each engine ships, who signed in and who changed rights among them.
var databaseExports = map[string][]string{"postgres": {"postgresql", "upgrade"}, "mysql": {"audit", "error", "slowquery"}, "docdb": {"audit", "profiler"}}

// databasesLogged judges that databases ship who signed in and who changed rights.
func (l *look) databasesLogged(ctx context.Context) error {
	for _, region := range l.regions() {
		instances, err := l.dbInstances(ctx, region)
		if err != nil {
			return err
		}
		clusters, err := l.dbClusters(ctx, region)
		if err != nil {
			return err
		}
		for _, db := range instances {
			if aws.ToString(db.DBClusterIdentifier) != "" || trial(db) {
				continue // its cluster ships them; what is restored for a trial is gone in an hour
			}
			l.exports(dbObject(db), aws.ToString(db.Engine), db.EnabledCloudwatchLogsExports)
			if err := l.auditing(ctx, region, db); err != nil {
				return err
			}
		}
		for _, c := range clusters {
			l.exports(clusterObject(c), aws.ToString(c.Engine), c.EnabledCloudwatchLogsExports)
		}
	}
	return nil
}

func (l *look) exports(at object, engine string, found []string) {
	want := databaseExports[engine]
	missing := slices.DeleteFunc(slices.Clone(want), func(log string) bool { return slices.Contains(found, log) })
	l.want(at, len(want) > 0 && len(missing) == 0, "enabledCloudwatchLogsExports", inOrder(found), inOrder(want), fixLogs)
}

// auditing judges the settings by which PostgreSQL records sign-ins and changes of rights. MySQL's are options of a plugin.
func (l *look) auditing(ctx context.Context, region string, db rdstypes.DBInstance) error {
	if aws.ToString(db.Engine) != "postgres" {
		return nil
	}
	for _, group := range db.DBParameterGroups {
		name := aws.ToString(group.DBParameterGroupName)
		settings, err := l.dbParameters(ctx, region, name)
		if err != nil {
			return err
		}
		at := object{"aws:rds/parameterGroup:ParameterGroup", name}
		for _, switched := range []string{"log_connections", "log_disconnections"} {
			l.want(at, settings[switched] == "1", switched, settings[switched], "1: every sign-in and its end is recorded", fixLogs)
		}
		logged := strings.Split(settings["pgaudit.log"], ",")
		l.want(at, slices.Contains(logged, "ddl") && slices.Contains(logged, "role"), "pgaudit.log", settings["pgaudit.log"], "ddl and role: changes of structure and of rights are recorded", fixLogs)
		l.want(at, slices.Contains(strings.Split(settings["shared_preload_libraries"], ","), "pgaudit"), "shared_preload_libraries", settings["shared_preload_libraries"], "pgaudit among them", fixLogs)
	}
	return nil
}
