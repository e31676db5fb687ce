package live

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const (
	minutes = 60.0 // seconds
	mebi    = float64(1 << 20)
	gibi    = float64(1 << 30)

	settling = time.Hour // in which an alarm may wait for its metric's first values
)

func (w watcher) readAlarms(ctx context.Context, region string) error {
	all, err := w.alarms(ctx, region)
	w.alarmed[region] = all
	return err
}

// wantedAlarm is one thing that an alarm must be raised for.
type wantedAlarm struct {
	what                                 string // is wrong when it is raised
	of                                   object // what is watched
	region, namespace, metric, statistic string
	dimensions                           map[string]string // these and no others
	under                                bool              // raised below the limit; otherwise above it
	limit                                float64           // the alarm's own may be stricter
	seconds                              float64           // until it is raised, at most
	points                               float64           // of the periods in them that must be bad; 0: all
	missing                              string            // what no data means
	fed                                  bool              // there is always data: without any, the alarm watches nothing
}

// must reports whether an alarm is raised for each of the watches.
func (w watcher) must(watches ...wantedAlarm) {
	for _, one := range watches {
		var candidates []cwtypes.MetricAlarm
		for _, a := range w.alarmed[one.region].metric {
			if aws.ToString(a.Namespace) == one.namespace && aws.ToString(a.MetricName) == one.metric && statisticOf(a) == one.statistic &&
				maps.Equal(dimensionsOf(a.Dimensions), one.dimensions) {
				candidates = append(candidates, a)
			}
		}
		w.oneOf(one, candidates)
	}
}

// oneOf reports whether one of the alarms is the watch. The first tells what the others lack.
func (w watcher) oneOf(one wantedAlarm, candidates []cwtypes.MetricAlarm) {
	if len(candidates) == 0 {
		w.want(one.of, false, "alarms", "no alarm on the "+one.statistic+" of "+one.namespace+" "+one.metric, "an alarm: "+one.what, fixAlarms)
		return
	}
	chosen := candidates[0]
	if i := slices.IndexFunc(candidates, func(a cwtypes.MetricAlarm) bool { property, _, _ := w.lacks(one, a); return property == "" }); i >= 0 {
		chosen = candidates[i]
	}
	arn := aws.ToString(chosen.AlarmArn)
	w.judged[arn] = true
	o := object{alarmType, arn}
	if property, found, expected := w.lacks(one, chosen); property != "" {
		w.want(o, false, property, found, expected+", for an alarm: "+one.what, fixAlarms)
		return
	}
	w.want(o, true, "alarmActions", fmt.Sprintf("%s %s %s %v", statisticOf(chosen), one.metric, chosen.ComparisonOperator, aws.ToFloat64(chosen.Threshold)), "an alarm: "+one.what, "")
	if !one.fed || chosen.StateValue != cwtypes.StateValueInsufficientData {
		return
	}
	if w.younger(chosen.StateUpdatedTimestamp, settling) {
		w.tooEarly("alarm %s has no data yet: that it gets some is told from %s on", w.called(o), when(chosen.StateUpdatedTimestamp.Add(settling)))
		return
	}
	w.want(o, false, "stateValue", string(chosen.StateValue), "data: an alarm without any watches nothing", fixAlarms)
}

func statisticOf(a cwtypes.MetricAlarm) string {
	if s := aws.ToString(a.ExtendedStatistic); s != "" {
		return s
	}
	return string(a.Statistic)
}

// lacks is the first property of an alarm that keeps it from being the watch.
func (w watcher) lacks(one wantedAlarm, a cwtypes.MetricAlarm) (property string, found any, expected string) {
	threshold, period, periods := aws.ToFloat64(a.Threshold), float64(aws.ToInt32(a.Period)), float64(aws.ToInt32(a.EvaluationPeriods))
	points := periods
	if a.DatapointsToAlarm != nil {
		points = float64(*a.DatapointsToAlarm)
	}
	most := periods
	if one.points > 0 {
		most = min(periods, one.points)
	}
	comparison, strict := "GreaterThan", threshold >= 0 && threshold <= one.limit
	if one.under {
		comparison, strict = "LessThan", threshold >= one.limit
	}
	missing := aws.ToString(a.TreatMissingData)
	if missing == "" {
		missing = "missing" // the default
	}
	switch {
	case !strings.HasPrefix(string(a.ComparisonOperator), comparison):
		return "comparisonOperator", string(a.ComparisonOperator), comparison + "Threshold"
	case a.Threshold == nil || !strict:
		return "threshold", threshold, fmt.Sprintf("%v or stricter", one.limit)
	case period*periods <= 0 || period*periods > one.seconds:
		return "evaluationPeriods", period * periods, fmt.Sprintf("raised within %.0f minutes, its period times their number", one.seconds/minutes)
	case points <= 0 || points > most:
		return "datapointsToAlarm", points, fmt.Sprintf("at most %.0f of %.0f periods", most, periods)
	case missing != one.missing:
		return "treatMissingData", missing, one.missing
	case !w.tells(one.region, a.ActionsEnabled, a.AlarmActions):
		return "alarmActions", actionsOf(a.ActionsEnabled, a.AlarmActions), toldTo
	}
	return "", nil, ""
}

// toldTo is what tells asks for, in words.
const toldTo = "actions on, and a topic of the stack in the alarm's own region"

// tells tells whether an alarm, when it is raised, speaks to a topic of the stack in its own region.
func (w watcher) tells(region string, enabled *bool, actions []string) bool {
	return aws.ToBool(enabled) && slices.ContainsFunc(actions, func(arn string) bool { return w.topicHere(region, arn) })
}

func actionsOf(enabled *bool, actions []string) string {
	state := "on"
	if !aws.ToBool(enabled) {
		state = "off"
	}
	return state + ", to " + joined(actions)
}

// service are the alarms on what people's requests go through.
func (w watcher) service(ctx context.Context) error {
	doors, err := w.frontDoors(ctx)
	if err != nil {
		return err
	}
	if len(doors) == 0 {
		w.missing("load balancer", "alarms on a load balancer and the machines behind it", fixBalancer)
	}
	fleets, err := w.fleets(ctx, w.home)
	if err != nil {
		return err
	}
	for _, door := range doors {
		o, name := object{balancerType, door.arn()}, dimension(door.arn())
		errorRate := w.errorRate(o, name)
		w.must(wantedAlarm{what: "machines refuse the load balancer's connections", of: o, region: w.home, namespace: "AWS/ApplicationELB", metric: "TargetConnectionErrorCount",
			statistic: "Sum", dimensions: map[string]string{"LoadBalancer": name}, limit: 10, seconds: 5 * minutes, missing: "notBreaching"})
		for _, group := range door.targets() {
			w.targets(name, group)
			for _, fleet := range fleets {
				if slices.Contains(fleet.TargetGroupARNs, group) {
					w.machines(name, group, aws.ToString(fleet.AutoScalingGroupName), float64(aws.ToInt32(fleet.MinSize)))
				}
			}
			w.down(o, errorRate, dimension(group))
		}
		acl, err := w.webFirewall(ctx, w.home, door.arn())
		if err != nil {
			return err
		}
		if acl != nil && acl.VisibilityConfig != nil {
			w.must(wantedAlarm{what: "the firewall blocks many requests", of: object{webFirewallType, aws.ToString(acl.ARN)}, region: w.home, namespace: "AWS/WAFV2", metric: "BlockedRequests", statistic: "Sum",
				dimensions: map[string]string{"WebACL": aws.ToString(acl.VisibilityConfig.MetricName), "Region": w.home, "Rule": "ALL"}, limit: 1000, seconds: 5 * minutes, missing: "notBreaching"})
		}
	}
	gateways, err := w.natGateways(ctx, w.home)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		id := aws.ToString(g.NatGatewayId)
		w.must(wantedAlarm{what: "a NAT gateway is out of ports, and machines cannot reach what is outside", of: object{natType, id}, region: w.home, namespace: "AWS/NATGateway",
			metric: "ErrorPortAllocation", statistic: "Sum", dimensions: map[string]string{"NatGatewayId": id}, seconds: 5 * minutes, missing: "notBreaching"})
	}
	return w.loggedErrors(ctx)
}

// onTargets is a watch on what a load balancer tells of a target group.
func (w watcher) onTargets(balancer, group, what, metric, statistic string, limit, length, points float64, under bool, missing string) wantedAlarm {
	return wantedAlarm{what: what, of: object{targetGroupType, group}, region: w.home, namespace: "AWS/ApplicationELB", metric: metric, statistic: statistic,
		dimensions: map[string]string{"LoadBalancer": balancer, "TargetGroup": dimension(group)}, under: under, limit: limit, seconds: length * minutes, points: points, missing: missing}
}

func (w watcher) targets(balancer, group string) {
	w.must(
		w.onTargets(balancer, group, "no machine serves", "HealthyHostCount", "Maximum", 1, 2, 0, true, "breaching"),
		w.onTargets(balancer, group, "a machine does not serve", "UnHealthyHostCount", "Maximum", 0, 5, 0, false, "notBreaching"),
		w.onTargets(balancer, group, "the service answers with errors", "HTTPCode_Target_5XX_Count", "Sum", 25, 5, 0, false, "notBreaching"),
		w.onTargets(balancer, group, "one request in twenty takes longer than 2 s", "TargetResponseTime", "p95", 2, 10, 5, false, "notBreaching"))
}

func (w watcher) machines(balancer, group, fleet string, least float64) {
	of := func(what, metric, statistic string, limit, length float64) wantedAlarm {
		return wantedAlarm{what: what, of: object{fleetType, fleet}, region: w.home, namespace: "AWS/EC2", metric: metric, statistic: statistic,
			dimensions: map[string]string{"AutoScalingGroupName": fleet}, limit: limit, seconds: length * minutes, missing: "notBreaching"}
	}
	w.must(
		w.onTargets(balancer, group, "fewer machines serve than the group's minimum", "HealthyHostCount", "Minimum", least, 15, 10, true, "breaching"),
		of("the machines are busy although their group grows", "CPUUtilization", "Average", 80, 15),
		of("a machine fails AWS's status checks", "StatusCheckFailed", "Maximum", 0, 5))
}

// errorRate reports whether an alarm is raised when more than 5 % of requests fail, and returns its name.
func (w watcher) errorRate(door object, balancer string) string {
	const what = "an alarm when more than 5 % of requests fail, by the load balancer or by the service"
	for _, a := range w.alarmed[w.home].metric {
		parts, period := map[string]bool{}, int32(0)
		for _, q := range a.Metrics {
			if s := q.MetricStat; s != nil && s.Metric != nil && aws.ToString(s.Metric.Namespace) == "AWS/ApplicationELB" && dimensionsOf(s.Metric.Dimensions)["LoadBalancer"] == balancer {
				parts[aws.ToString(s.Metric.MetricName)] = true
				period = max(period, aws.ToInt32(s.Period))
			}
		}
		if len(parts) == 0 {
			continue
		}
		o := object{alarmType, aws.ToString(a.AlarmArn)}
		w.judged[o.id] = true
		whole := parts["RequestCount"] && parts["HTTPCode_ELB_5XX_Count"] && parts["HTTPCode_Target_5XX_Count"]
		w.want(o, whole, "metricQueries", listed(parts), "the share of HTTPCode_ELB_5XX_Count and HTTPCode_Target_5XX_Count in this load balancer's RequestCount", fixAlarms)
		threshold, length, points := aws.ToFloat64(a.Threshold), period*aws.ToInt32(a.EvaluationPeriods), aws.ToInt32(a.DatapointsToAlarm)
		w.want(o, a.ComparisonOperator == cwtypes.ComparisonOperatorGreaterThanThreshold && threshold > 0 && threshold <= 5, "threshold", threshold, "more than 5 percent, or stricter", fixAlarms)
		w.want(o, length > 0 && float64(length) <= 5*minutes && points > 0 && points <= 3, "evaluationPeriods", length, "raised within 5 minutes, when 3 of them are bad", fixAlarms)
		w.want(o, w.tells(w.home, a.ActionsEnabled, a.AlarmActions), "alarmActions", actionsOf(a.ActionsEnabled, a.AlarmActions), toldTo, fixAlarms)
		return aws.ToString(a.AlarmName)
	}
	w.want(door, false, "alarms", "no alarm on the share of failed requests", what, fixAlarms)
	return ""
}

// down reports whether one alarm says that the service is down, whichever of its signs there is.
func (w watcher) down(door object, errorRate, group string) {
	const fix = "mend the composite alarm in components/monitoring, alarms.go"
	var noMachine []string
	for _, a := range w.alarmed[w.home].metric {
		if aws.ToString(a.MetricName) == "HealthyHostCount" && statisticOf(a) == "Maximum" && dimensionsOf(a.Dimensions)["TargetGroup"] == group {
			noMachine = append(noMachine, aws.ToString(a.AlarmName))
		}
	}
	for _, a := range w.alarmed[w.home].composite {
		o := object{compositeType, aws.ToString(a.AlarmArn)}
		w.judged[o.id] = true
		rule := aws.ToString(a.AlarmRule)
		signs := strings.Split(rule, " OR ")
		has := func(name string) bool {
			return name != "" && (slices.Contains(signs, `ALARM("`+name+`")`) || slices.Contains(signs, "ALARM("+name+")"))
		}
		w.want(o, has(errorRate) && slices.ContainsFunc(noMachine, has), "alarmRule", rule, "raised when no machine serves, or when many requests fail", fix)
		w.want(o, w.tells(w.home, a.ActionsEnabled, a.AlarmActions), "alarmActions", actionsOf(a.ActionsEnabled, a.AlarmActions), toldTo, fix)
		w.want(o, aws.ToString(a.ActionsSuppressor) == "", "actionsSuppressor", aws.ToString(a.ActionsSuppressor), "nothing that keeps the alarm quiet", fix)
		return
	}
	w.want(door, false, "alarms", "no alarm that says that the service is down", "one alarm for an outage, whichever of its signs there is", fix)
}

// loggedErrors reports whether errors in the service's logs raise an alarm.
func (w watcher) loggedErrors(ctx context.Context) error {
	filters, err := w.logCounters(ctx, w.home)
	if err != nil {
		return err
	}
	found := false
	for _, f := range filters {
		if !strings.HasSuffix(aws.ToString(f.LogGroupName), "/service") || aws.ToString(f.FilterPattern) != `{ $.level = "ERROR" }` {
			continue
		}
		for _, m := range f.MetricTransformations {
			found = true
			w.must(wantedAlarm{what: "the service logs many errors", of: object{logGroupType, aws.ToString(f.LogGroupName)}, region: w.home, namespace: aws.ToString(m.MetricNamespace),
				metric: aws.ToString(m.MetricName), statistic: "Sum", dimensions: map[string]string{}, limit: 10, seconds: 10 * minutes, missing: "notBreaching"})
		}
	}
	if !found {
		w.missing("filter that counts errors in the service's logs", "an alarm when the service logs many errors", "keep the filter in components/monitoring, alarms.go")
	}
	return nil
}

// data are the alarms on what keeps the client's data: its capacity, not its copies (BK-9).
func (w watcher) data(ctx context.Context) error {
	databases, err := w.databases(ctx, w.home)
	if err != nil {
		return err
	}
	for _, db := range databases {
		rds := func(what, metric, statistic string, under bool, limit, length float64, missing string) wantedAlarm {
			return wantedAlarm{what: what, of: object{databaseType, aws.ToString(db.DBInstanceArn)}, region: w.home, namespace: "AWS/RDS", metric: metric, statistic: statistic,
				dimensions: map[string]string{"DBInstanceIdentifier": aws.ToString(db.DBInstanceIdentifier)}, under: under, limit: limit, seconds: length * minutes, missing: missing, fed: missing == "missing"}
		}
		// The disk grows by itself; the alarm stays at a tenth of what the spec began with.
		storage := math.Min(float64(w.client.Database.StorageGiB), float64(aws.ToInt32(db.AllocatedStorage)))
		w.must(
			rds("the database is busy, or silent", "CPUUtilization", "Average", false, 80, 15, "breaching"),
			rds("less than a tenth of the database's storage is free", "FreeStorageSpace", "Minimum", true, storage*gibi/10, 5, "missing"),
			rds("the database has little memory left", "FreeableMemory", "Minimum", true, 256*mebi, 15, "missing"),
			rds("writes take long", "WriteLatency", "Average", false, 0.05, 15, "notBreaching"),
			rds("reads take long", "ReadLatency", "Average", false, 0.05, 15, "notBreaching"))
	}
	clusters, err := w.dbClusters(ctx, w.home)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		if aws.ToString(c.Engine) != documentEngine {
			continue
		}
		documents := wantedAlarm{of: object{documentsType, aws.ToString(c.DBClusterArn)}, region: w.home, namespace: "AWS/DocDB",
			dimensions: map[string]string{"DBClusterIdentifier": aws.ToString(c.DBClusterIdentifier)}, seconds: 15 * minutes, missing: "missing", fed: true}
		busy, memory := documents, documents
		busy.what, busy.metric, busy.statistic, busy.limit = "the document database is busy", "CPUUtilization", "Average", 80
		memory.what, memory.metric, memory.statistic, memory.limit, memory.under = "the document database has little memory left", "FreeableMemory", "Minimum", 256*mebi, true
		w.must(busy, memory)
	}
	caches, err := w.caches(ctx, w.home)
	if err != nil {
		return err
	}
	for _, c := range caches {
		for _, member := range c.MemberClusters {
			node := func(what, metric, statistic string, limit float64) wantedAlarm {
				return wantedAlarm{what: "node " + member + " of the cache " + what, of: object{cacheType, aws.ToString(c.ARN)}, region: w.home, namespace: "AWS/ElastiCache", metric: metric, statistic: statistic,
					dimensions: map[string]string{"CacheClusterId": member}, limit: limit, seconds: 10 * minutes, missing: "missing", fed: true}
			}
			w.must(node("is busy", "EngineCPUUtilization", "Average", 80), node("is nearly full", "DatabaseMemoryUsagePercentage", "Maximum", 85), node("throws entries out", "Evictions", "Sum", 100))
		}
	}
	return nil
}

// outside reports whether the client's own address is asked from outside, and its silence is an alarm.
func (w watcher) outside(ctx context.Context) error {
	hostname := w.client.Edge.Hostname
	probes, err := w.probesOf(ctx, hostname)
	if err != nil {
		return err
	}
	if len(probes) == 0 {
		w.missing("health check that asks "+hostname+" from outside", "a probe of the client's own address, as its people reach it", fixProbe)
	}
	for _, probe := range probes {
		c := probe.HealthCheckConfig
		o := object{probeType, aws.ToString(probe.Id)}
		port, interval, failures := aws.ToInt32(c.Port), aws.ToInt32(c.RequestInterval), aws.ToInt32(c.FailureThreshold)
		w.want(o, string(c.Type) == "HTTPS", "type", string(c.Type), "HTTPS, as people come", fixProbe)
		w.want(o, port == 443, "port", port, "443", fixProbe)
		w.want(o, aws.ToString(c.ResourcePath) == healthPath, "resourcePath", aws.ToString(c.ResourcePath), healthPath+", which the service answers only while it can serve", fixProbe)
		w.want(o, aws.ToBool(c.EnableSNI), "enableSni", aws.ToBool(c.EnableSNI), "true: the edge serves many names", fixProbe)
		w.want(o, interval > 0 && failures > 0 && interval*failures <= 60, "requestInterval", interval*failures, "an outage noticed within a minute, the interval times failureThreshold", fixProbe)
		w.want(o, len(c.Regions) == 0 || len(c.Regions) >= 3, "regions", c.Regions, "at least 3 of Route 53's regions, so that one of AWS's own troubles is not taken for the client's", fixProbe)
		w.want(o, !aws.ToBool(c.Disabled) && !aws.ToBool(c.Inverted), "disabled", aws.ToBool(c.Disabled), "neither disabled nor inverted", fixProbe)
		w.want(o, aws.ToBool(c.MeasureLatency), "measureLatency", aws.ToBool(c.MeasureLatency), "true: slowness is watched too", fixProbe)
		seen := map[string]string{"HealthCheckId": o.id}
		w.must(
			wantedAlarm{what: "the site does not answer from outside", of: o, region: global, namespace: "AWS/Route53", metric: "HealthCheckStatus", statistic: "Minimum",
				dimensions: seen, under: true, limit: 1, seconds: 2 * minutes, missing: "breaching"},
			wantedAlarm{what: "the site is slow from outside", of: o, region: global, namespace: "AWS/Route53", metric: "TimeToFirstByte", statistic: "Average",
				dimensions: seen, limit: 3000, seconds: 15 * minutes, missing: "missing"})
	}
	return nil
}

// otherAlarms are those that nothing here asks for: they too must be heard, or do something. Those on backups and
// replication are BK-9's.
func (w watcher) otherAlarms(region string) {
	heard := func(token, arn string, enabled *bool, actions []string) {
		telling := slices.ContainsFunc(actions, func(a string) bool { return w.topicHere(region, a) })
		acting := slices.ContainsFunc(actions, func(a string) bool { return strings.HasPrefix(a, "arn:") && !strings.HasPrefix(a, "arn:aws:sns:") })
		if !w.judged[arn] {
			w.want(object{token, arn}, aws.ToBool(enabled) && (telling || acting), "alarmActions", actionsOf(enabled, actions), toldTo, fixAlarms)
		}
	}
	for _, a := range w.alarmed[region].metric {
		if !slices.Contains([]string{"AWS/Backup", "AWS/S3"}, aws.ToString(a.Namespace)) && !strings.Contains(aws.ToString(a.MetricName), "Replica") {
			heard(alarmType, aws.ToString(a.AlarmArn), a.ActionsEnabled, a.AlarmActions)
		}
	}
	for _, a := range w.alarmed[region].composite {
		heard(compositeType, aws.ToString(a.AlarmArn), a.ActionsEnabled, a.AlarmActions)
	}
}
