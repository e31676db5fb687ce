package catalogue

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
)

// wantedAlarm is one thing that an alarm must be raised for.
type wantedAlarm struct {
	what string          // what is wrong when it is raised, in words
	of   *graph.Resource // what is watched; the alarm is in its region unless region says otherwise
	// value of the dimension; empty: any name that the resource goes by. There are no others than it and those of with.
	namespace, metric, statistic, dimension, value, region string
	with                                                   map[string]string

	under   bool    // raised below the limit; otherwise above it
	limit   float64 // the alarm's own may be stricter
	seconds float64 // until it is raised, at most
	points  float64 // of the periods in them that must be bad; 0: all
	missing string  // what no data means: breaching where there must be some
}

const (
	minutes = 60.0 // seconds
	mebi    = float64(1 << 20)
	gibi    = float64(1 << 30)
)

// must reports whether an alarm is raised for each of the watches.
func (w watcher) must(watches ...wantedAlarm) {
	for _, one := range watches {
		w.one(one)
	}
}

func (w watcher) one(want wantedAlarm) {
	var candidates []*graph.Resource
	for _, alarm := range w.subject.Graph.OfType(typeAlarm) {
		if alarm.Text("namespace") == want.namespace && alarm.Text("metricName") == want.metric && want.isOf(alarm.Text("dimensions."+want.dimension)) {
			candidates = append(candidates, alarm)
		}
	}
	if len(candidates) == 0 {
		w.Say(want.of, false, "no alarm on "+want.namespace+" "+want.metric, "an alarm: "+want.what, fixAlarms)
		return
	}
	// Several alarms may watch one metric, each for another statistic.
	slices.SortStableFunc(candidates, func(a, b *graph.Resource) int {
		rank := func(r *graph.Resource) int {
			if statisticOf(r) == want.statistic {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	for _, alarm := range candidates {
		if property, _ := want.lacks(alarm); property == "" {
			w.judged[alarm] = true
			w.Say(alarm, true, summary(alarm), "an alarm: "+want.what, "")
			return
		}
	}
	property, expected := want.lacks(candidates[0])
	w.judged[candidates[0]] = true
	w.Want(candidates[0], false, property, expected+", for an alarm: "+want.what, fixAlarms)
}

func (want wantedAlarm) isOf(name string) bool {
	if want.value != "" {
		return name == want.value
	}
	return name != "" && (want.of.Goes(name) || answered(want.of, "arnSuffix") == name)
}

func statisticOf(alarm *graph.Resource) string {
	if alarm.Has("extendedStatistic") {
		return alarm.Text("extendedStatistic")
	}
	return alarm.Text("statistic")
}

// lacks is the first property of an alarm that keeps it from being the watch, and what is expected there.
func (want wantedAlarm) lacks(alarm *graph.Resource) (property, expected string) {
	region := want.region
	if region == "" {
		region = want.of.Region()
	}
	threshold, _ := alarm.Number("threshold")
	period, _ := alarm.Number("period")
	periods, _ := alarm.Number("evaluationPeriods")
	points, given := alarm.Number("datapointsToAlarm")
	if !given {
		points = periods
	}
	most := periods
	if want.points > 0 {
		most = min(periods, want.points)
	}
	comparison, strict := "GreaterThan", alarm.Has("threshold") && threshold >= 0 && threshold <= want.limit
	if want.under {
		comparison, strict = "LessThan", threshold >= want.limit
	}
	dimensions, _ := alarm.At("dimensions").(map[string]any)
	narrowed := len(dimensions) > len(want.with)+1
	for name, value := range want.with {
		narrowed = narrowed || alarm.Text("dimensions."+name) != value
	}
	switch {
	case alarm.Region() != region:
		return "namespace", "an alarm in " + region + ", where the metric is"
	case want.dimension != "" && narrowed:
		return "dimensions", "the whole of " + want.of.Name
	case statisticOf(alarm) != want.statistic:
		return "statistic", want.statistic
	case !strings.HasPrefix(alarm.Text("comparisonOperator"), comparison):
		return "comparisonOperator", comparison + "Threshold"
	case !strict:
		return "threshold", fmt.Sprintf("%v or stricter", want.limit)
	case period <= 0 || period*periods <= 0 || period*periods > want.seconds:
		return "evaluationPeriods", fmt.Sprintf("raised within %.0f minutes, its period times their number", want.seconds/minutes)
	case points <= 0 || points > most:
		return "datapointsToAlarm", fmt.Sprintf("at most %.0f of %.0f periods", most, periods)
	case alarm.Text("treatMissingData") != want.missing:
		return "treatMissingData", want.missing
	case !tells(alarm):
		return "alarmActions", toldTo
	}
	return "", ""
}

// summary is an alarm in one line.
func summary(alarm *graph.Resource) string {
	period, _ := alarm.Number("period")
	periods, _ := alarm.Number("evaluationPeriods")
	return fmt.Sprintf("%s %s %s %s within %.0f minutes, to %s", statisticOf(alarm), alarm.Text("metricName"), alarm.Text("comparisonOperator"),
		alarm.Text("threshold"), period*periods/minutes, namesOf(alarm.Refs("alarmActions", typeTopic)))
}

// service are the alarms on what people's requests go through.
func (w watcher) service() {
	expected := "alarms on a load balancer and the machines behind it"
	for _, balancer := range w.Must(frontDoors(w.subject.Graph), "load balancer", expected, fixBalancer) {
		errorRate := w.errorRate(balancer)
		w.must(wantedAlarm{what: "machines refuse the load balancer's connections", of: balancer, namespace: "AWS/ApplicationELB", metric: "TargetConnectionErrorCount",
			statistic: "Sum", dimension: "LoadBalancer", limit: 10, seconds: 5 * minutes, missing: "notBreaching"})
		for _, group := range targetsOf(balancer) {
			w.machines(balancer, group)
			w.down(balancer, errorRate, group)
		}
		for _, association := range balancer.Referrers("resourceArn", "aws:wafv2/webAclAssociation:WebAclAssociation") {
			if acl := association.Ref("webAclArn", "aws:wafv2/webAcl:WebAcl"); acl != nil {
				w.must(wantedAlarm{what: "the firewall blocks many requests", of: acl, namespace: "AWS/WAFV2", metric: "BlockedRequests",
					statistic: "Sum", dimension: "WebACL", value: acl.Text("visibilityConfig.metricName"), with: map[string]string{"Region": acl.Region(), "Rule": "ALL"}, limit: 1000, seconds: 5 * minutes, missing: "notBreaching"})
			}
		}
	}
	for _, gateway := range w.subject.Graph.OfType("aws:ec2/natGateway:NatGateway") {
		w.must(wantedAlarm{what: "a NAT gateway is out of ports, and machines cannot reach what is outside", of: gateway, namespace: "AWS/NATGateway", metric: "ErrorPortAllocation",
			statistic: "Sum", dimension: "NatGatewayId", limit: 0, seconds: 5 * minutes, missing: "notBreaching"})
	}
	w.loggedErrors()
}

func (w watcher) machines(balancer, group *graph.Resource) {
	with := map[string]string{"LoadBalancer": answered(balancer, "arnSuffix")}
	for _, fleet := range fleetsOf(group) {
		least, _ := fleet.Number("minSize")
		w.must(
			wantedAlarm{what: "fewer machines serve than the group's minimum", of: group, namespace: "AWS/ApplicationELB", metric: "HealthyHostCount",
				statistic: "Minimum", dimension: "TargetGroup", with: with, under: true, limit: least, seconds: 15 * minutes, points: 10, missing: "breaching"},
			wantedAlarm{what: "the machines are busy although their group grows", of: fleet, namespace: "AWS/EC2", metric: "CPUUtilization",
				statistic: "Average", dimension: "AutoScalingGroupName", limit: 80, seconds: 15 * minutes, missing: "notBreaching"},
			wantedAlarm{what: "a machine fails AWS's status checks", of: fleet, namespace: "AWS/EC2", metric: "StatusCheckFailed",
				statistic: "Maximum", dimension: "AutoScalingGroupName", limit: 0, seconds: 5 * minutes, missing: "notBreaching"})
	}
	w.must(
		wantedAlarm{what: "no machine serves", of: group, namespace: "AWS/ApplicationELB", metric: "HealthyHostCount",
			statistic: "Maximum", dimension: "TargetGroup", with: with, under: true, limit: 1, seconds: 2 * minutes, missing: "breaching"},
		wantedAlarm{what: "a machine does not serve", of: group, namespace: "AWS/ApplicationELB", metric: "UnHealthyHostCount",
			statistic: "Maximum", dimension: "TargetGroup", with: with, limit: 0, seconds: 5 * minutes, missing: "notBreaching"},
		wantedAlarm{what: "the service answers with errors", of: group, namespace: "AWS/ApplicationELB", metric: "HTTPCode_Target_5XX_Count",
			statistic: "Sum", dimension: "TargetGroup", with: with, limit: 25, seconds: 5 * minutes, missing: "notBreaching"},
		wantedAlarm{what: "one request in twenty takes longer than 2 s", of: group, namespace: "AWS/ApplicationELB", metric: "TargetResponseTime",
			statistic: "p95", dimension: "TargetGroup", with: with, limit: 2, seconds: 10 * minutes, points: 5, missing: "notBreaching"})
}

// errorRate reports whether an alarm is raised when more than 5 % of requests fail, and returns it.
func (w watcher) errorRate(balancer *graph.Resource) *graph.Resource {
	const what = "an alarm when more than 5 % of requests fail, by the load balancer or by the service"
	for _, alarm := range w.subject.Graph.OfType(typeAlarm) {
		parts := map[string]string{} // the queries by their metric
		expression, period := "", 0.0
		for _, query := range alarm.Items("metricQueries") {
			if query.Bool("returnData") {
				expression = query.Text("expression")
			}
			ours := query.Text("metric.namespace") == "AWS/ApplicationELB" && query.Text("metric.stat") == "Sum" &&
				query.Text("metric.dimensions.LoadBalancer") == answered(balancer, "arnSuffix")
			if seconds, _ := query.Number("metric.period"); ours {
				parts[query.Text("metric.metricName")] = query.Text("id")
				period = max(period, seconds)
			}
		}
		all, elb, service := parts["RequestCount"], parts["HTTPCode_ELB_5XX_Count"], parts["HTTPCode_Target_5XX_Count"]
		if !alarm.Has("metricQueries") || all == "" && elb == "" && service == "" {
			continue
		}
		w.judged[alarm] = true
		threshold, _ := alarm.Number("threshold")
		periods, _ := alarm.Number("evaluationPeriods")
		points, _ := alarm.Number("datapointsToAlarm")
		w.Want(alarm, all != "" && elb != "" && service != "" && percentOf(expression, all, elb, service), "metricQueries",
			"the share, in percent, of HTTPCode_ELB_5XX_Count and HTTPCode_Target_5XX_Count in this load balancer's RequestCount", fixAlarms)
		w.Want(alarm, alarm.Text("comparisonOperator") == "GreaterThanThreshold" && threshold > 0 && threshold <= 5, "threshold", "more than 5 percent, or stricter", fixAlarms)
		w.Want(alarm, period > 0 && periods > 0 && period*periods <= 5*minutes && points > 0 && points <= min(periods, 3), "evaluationPeriods",
			"raised within 5 minutes, when 3 of them are bad", fixAlarms)
		w.Want(alarm, alarm.Text("treatMissingData") == "notBreaching" && tells(alarm), "alarmActions", toldTo, fixAlarms)
		return alarm
	}
	w.Say(balancer, false, "no alarm on the share of failed requests", what, fixAlarms)
	return nil
}

// percentOf tells whether an expression is the share of two parts in a whole, in percent; where the whole is under a
// hundred it may be taken for none.
func percentOf(expression, whole, one, two string) bool {
	least, begins := strings.CutPrefix(expression, "IF("+whole+">")
	least, ends := strings.CutSuffix(least, fmt.Sprintf(",100*(FILL(%s,0)+FILL(%s,0))/%s,0)", one, two, whole))
	n, err := strconv.Atoi(least)
	return begins && ends && err == nil && n < 100
}

var inAlarm = regexp.MustCompile(`^ALARM\("?([^")]+)"?\)$`)

// down reports whether one alarm says that the service is down, whichever of its signs there is.
func (w watcher) down(balancer, errorRate, group *graph.Resource) {
	const fix = "mend the composite alarm in components/monitoring, alarms.go"
	for _, alarm := range w.subject.Graph.OfType(typeComposite) {
		noMachine, errors := false, false
		for _, part := range strings.Split(alarm.Text("alarmRule"), " OR ") {
			match := inAlarm.FindStringSubmatch(strings.TrimSpace(part))
			if match == nil {
				continue
			}
			sign := w.subject.Graph.Resolve(match[1], typeAlarm)
			if sign == nil {
				continue
			}
			errors = errors || sign == errorRate
			noMachine = noMachine || sign.Text("metricName") == "HealthyHostCount" && statisticOf(sign) == "Maximum" &&
				sign.Text("dimensions.TargetGroup") == answered(group, "arnSuffix")
		}
		w.Want(alarm, noMachine && errors, "alarmRule", "raised when no machine serves, or when many requests fail", fix)
		w.Want(alarm, tells(alarm), "alarmActions", toldTo, fix)
		w.Want(alarm, !alarm.Has("actionsSuppressor"), "actionsSuppressor", "nothing that keeps the alarm quiet", fix)
		return
	}
	w.Say(balancer, false, "no alarm that says that the service is down", "one alarm for an outage, whichever of its signs there is", fix)
}

// loggedErrors reports whether errors in the service's logs raise an alarm.
func (w watcher) loggedErrors() {
	ofTrail := func(filter *graph.Resource) bool { // what the audit trail says is AC-5's
		return slices.ContainsFunc(w.subject.Graph.OfType(auditTrail), func(trail *graph.Resource) bool {
			group := trailGroup(w.subject.Graph, trail)
			return group != nil && filter.Ref("logGroupName", typeLogGroup) == group
		})
	}
	filters := slices.DeleteFunc(w.subject.Graph.OfType("aws:cloudwatch/logMetricFilter:LogMetricFilter"), ofTrail)
	for _, filter := range w.Must(filters, "filter that counts errors in the service's logs",
		"an alarm when the service logs many errors", "keep the filter in components/monitoring, alarms.go") {
		log := filter.Ref("logGroupName", typeLogGroup)
		w.Want(filter, log != nil && strings.HasSuffix(log.Text("name"), "/service"), "logGroupName", "the service's log group", fixAlarms)
		w.Want(filter, filter.Text("pattern") == `{ $.level = "ERROR" }`, "pattern", "the service's errors", fixAlarms)
		counted := filter.Text("metricTransformation.value") == "1"
		w.Want(filter, counted, "metricTransformation.value", "1 for each", fixAlarms)
		namespace, metric := filter.Text("metricTransformation.namespace"), filter.Text("metricTransformation.name")
		w.loggedErrorsAlarm(filter, namespace, metric)
	}
}

func (w watcher) loggedErrorsAlarm(filter *graph.Resource, namespace, metric string) {
	want := wantedAlarm{what: "the service logs many errors", of: filter, statistic: "Sum", limit: 10, seconds: 10 * minutes, missing: "notBreaching"}
	for _, alarm := range w.subject.Graph.OfType(typeAlarm) {
		if alarm.Text("namespace") != namespace || alarm.Text("metricName") != metric {
			continue
		}
		w.judged[alarm] = true
		if property, expected := want.lacks(alarm); property != "" {
			w.Want(alarm, false, property, expected+", for an alarm: "+want.what, fixAlarms)
			return
		}
		w.Say(alarm, true, summary(alarm), "an alarm: "+want.what, "")
		return
	}
	w.Say(filter, false, "no alarm on the metric that it counts", "an alarm: "+want.what, fixAlarms)
}

// data are the alarms on what keeps the client's data: its capacity, not its copies (BK-9).
func (w watcher) data() {
	g := w.subject.Graph
	for _, db := range g.OfType(typeDatabase) {
		if db.Has("replicateSourceDb") {
			continue
		}
		storage, _ := db.Number("allocatedStorage")
		rds := func(what, metric, statistic string, under bool, limit, length float64, missing string) wantedAlarm {
			return wantedAlarm{what: what, of: db, namespace: "AWS/RDS", metric: metric, statistic: statistic, dimension: "DBInstanceIdentifier",
				under: under, limit: limit, seconds: length * minutes, missing: missing}
		}
		w.must(
			rds("the database is busy, or silent", "CPUUtilization", "Average", false, 80, 15, "breaching"),
			rds("less than a tenth of the database's storage is free", "FreeStorageSpace", "Minimum", true, storage*gibi/10, 5, "missing"),
			rds("the database has little memory left", "FreeableMemory", "Minimum", true, 256*mebi, 15, "missing"),
			rds("writes take long", "WriteLatency", "Average", false, 0.05, 15, "notBreaching"),
			rds("reads take long", "ReadLatency", "Average", false, 0.05, 15, "notBreaching"))
		w.heard(db, "aws:rds/eventSubscription:EventSubscription", "snsTopic", "db-instance", "availability", "configuration change", "failover", "failure", "low storage", "maintenance", "notification")
	}
	for _, cluster := range g.OfType(typeDocuments) {
		documents := wantedAlarm{of: cluster, namespace: "AWS/DocDB", dimension: "DBClusterIdentifier", seconds: 15 * minutes, missing: "missing"}
		busy, memory := documents, documents
		busy.what, busy.metric, busy.statistic, busy.limit = "the document database is busy", "CPUUtilization", "Average", 80
		memory.what, memory.metric, memory.statistic, memory.limit, memory.under = "the document database has little memory left", "FreeableMemory", "Minimum", 256*mebi, true
		w.must(busy, memory)
		w.heard(cluster, "aws:docdb/eventSubscription:EventSubscription", "snsTopicArn", "db-cluster", "failover", "failure", "maintenance", "notification")
	}
	for _, cache := range g.OfType(typeCache) {
		nodes, _ := cache.Number("numCacheClusters")
		for n := 1; n <= int(nodes); n++ {
			node := func(what, metric, statistic string, limit float64) wantedAlarm {
				return wantedAlarm{what: fmt.Sprintf("node %d of the cache %s", n, what), of: cache, namespace: "AWS/ElastiCache", metric: metric, statistic: statistic,
					dimension: "CacheClusterId", value: fmt.Sprintf("%s-%03d", cache.Text("replicationGroupId"), n), limit: limit, seconds: 10 * minutes, missing: "missing"}
			}
			w.must(node("is busy", "EngineCPUUtilization", "Average", 80), node("is nearly full", "DatabaseMemoryUsagePercentage", "Maximum", 85),
				node("throws entries out", "Evictions", "Sum", 100))
		}
		w.Want(cache, sameRegion(cache, cache.Ref("notificationTopicArn", typeTopic)), "notificationTopicArn", "a topic of this stack, which is told of failovers", "mend components/cache")
	}
}

func sameRegion(r, other *graph.Resource) bool { return other != nil && other.Region() == r.Region() }

// heard reports whether a database's own events reach a topic.
func (w watcher) heard(db *graph.Resource, typeToken, topic, kind string, least ...string) {
	fix := "mend the event subscription in the database's component"
	subscriptions := db.Referrers("sourceIds", typeToken)
	if len(subscriptions) == 0 {
		w.Say(db, false, "nobody is told of its events", "a subscription to its events: "+strings.Join(least, ", "), fix)
		return
	}
	for _, subscription := range subscriptions {
		w.Want(subscription, sameRegion(subscription, subscription.Ref(topic, typeTopic)), topic, "a topic of this stack", fix)
		w.Want(subscription, subscription.Text("sourceType") == kind, "sourceType", kind, fix)
		w.Want(subscription, !subscription.Has("enabled") || subscription.Bool("enabled"), "enabled", "true", fix)
		kinds := subscription.Texts("eventCategories")
		missing := slices.ContainsFunc(least, func(category string) bool { return !slices.Contains(kinds, category) })
		w.Want(subscription, !missing || !subscription.Has("eventCategories"), "eventCategories", "at least "+strings.Join(least, ", "), fix)
	}
}
