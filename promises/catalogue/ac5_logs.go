package catalogue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// wantRetention reports whether a log group keeps what is written to it as long as the spec says.
func wantRetention(r *promises.Report, group *graph.Resource, days int, key string) {
	kept, given := group.Number("retentionInDays")
	r.Want(group, given && kept >= float64(days), "retentionInDays", fmt.Sprintf("%d days or more", days), "set "+key)
}

// writeActions are what it takes to write to a log group.
var writeActions = []string{"logs:CreateLogStream", "logs:PutLogEvents"}

// groupNamed is the log group of a name, or nil: AWS writes to whatever goes by the name.
func groupNamed(s promises.Subject, name string) *graph.Resource {
	for _, group := range s.Graph.OfType(typeLogGroup) {
		if group.Text("name") == name {
			return group
		}
	}
	return nil
}

// mayWrite tells whether a role may write to a log group.
func mayWrite(s promises.Subject, role, group *graph.Resource) bool {
	permissions := permissionsOf(s.Graph, role)
	return !slices.ContainsFunc(writeActions, func(action string) bool {
		return !slices.ContainsFunc(allowing(permissions, action), func(statement policy.Statement) bool {
			return slices.ContainsFunc(statement.Resources, func(arn string) bool {
				return group.Goes(strings.TrimSuffix(arn, ":*")) || strings.Contains(arn+":", ":log-group:"+group.Text("name")+":")
			})
		})
	})
}

// wantGuardedLog reports whether the program cannot delete a log that says who did what. Logs of test data may go.
func wantGuardedLog(s promises.Subject, r *promises.Report, group *graph.Resource) {
	if lasting(s) {
		r.Say(group, (group.Protect || group.Retain) && len(group.IgnoreChanges) == 0, fmt.Sprintf("protected: %t, changes ignored: %s", group.Protect, listed(group.IgnoreChanges)),
			"protected, or kept when it leaves the program; no change of it ignored", "pass Scope.Stateful to the log group")
	}
}

// wantAccessLogs judges the buckets that logs of accesses are written to: nobody but AWS's own log delivery writes, and
// nothing goes before its time.
func wantAccessLogs(s promises.Subject, r *promises.Report, days int) {
	writers := map[*graph.Resource]string{}
	for _, logging := range s.Graph.OfType("aws:s3/bucketLoggingV2:BucketLoggingV2") {
		if target := logging.Ref("targetBucket", typeBucket); target != nil {
			writers[target] = "logging.s3.amazonaws.com"
		}
	}
	for _, balancer := range s.Graph.OfType("aws:lb/loadBalancer:LoadBalancer") {
		for _, property := range []string{"accessLogs.bucket", "connectionLogs.bucket"} {
			if target := balancer.Ref(property, typeBucket); target != nil {
				writers[target] = "logdelivery.elasticloadbalancing.amazonaws.com"
			}
		}
	}
	for _, bucket := range s.Graph.OfType(typeBucket) {
		service, isTarget := writers[bucket]
		if !isTarget {
			continue
		}
		keeping{days: days, until: days, older: 30, stays: lasting(s)}.wantKept(r, bucket)
		if s.Organisation() != nil { // log delivery takes no key but S3's own; a client's encryption is judged by itself
			if e := part(r, bucket, "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "encryption"); e != nil {
				const property = "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm"
				r.Want(e, e.Text(property) == "AES256" || e.Text(property) == "aws:kms", property, "AES256 or aws:kms", fixBucket)
			}
		}
		p, document, ok := bucketPolicy(r, bucket)
		if !ok {
			continue
		}
		wantSecureOnly(r, p, document, bucket)
		writes, others := false, []string{}
		for _, statement := range document.Allows() {
			own := len(statement.Principals) == 1 && slices.Equal(statement.Principals["Service"], []string{service}) && slices.Equal(statement.Actions, []string{"s3:PutObject"}) && ownSource(statement, accountOf(s)) &&
				!slices.ContainsFunc(statement.Resources, func(arn string) bool { return !inBucket(bucket, arn) })
			writes = writes || own
			if !own {
				others = append(others, statement.Sid)
			}
		}
		r.Say(p, writes && len(others) == 0, fmt.Sprintf("%s writes: %t, others: %s", service, writes, listed(others)), service+" writes to it for this account, and nobody else", "correct the bucket's statements where it is made")
	}
}

// ownSource tells whether a statement goes for resources of the account, or for buckets that carry the stack's name.
func ownSource(statement policy.Statement, account string) bool {
	owners, owned := statement.Condition("StringEquals", "aws:SourceAccount")
	sources, named := statement.Condition("ArnLike", "aws:SourceArn")
	return named && !slices.Contains(sources, "*") && (owned && slices.Equal(owners, []string{account}) || !slices.ContainsFunc(sources, func(arn string) bool { return !strings.Contains(arn, ":"+account+":") }))
}

// clientLogs judges what is recorded of a client's stack: the network, the machines, the firewall, the load balancer and
// the databases.
func clientLogs(s promises.Subject, r *promises.Report) {
	flows(s, r)
	machineLogs(s, r)
	firewallLogs(s, r)
	balancerLogs(s, r)
	databaseLogs(s, r)
	wantAccessLogs(s, r, s.Client().Service.LogDays)
	for _, group := range s.Graph.OfType(typeLogGroup) {
		days, key := s.Client().Service.LogDays, "service.logDays"
		if len(group.Referrers("logDestination", "aws:ec2/flowLog:FlowLog")) > 0 {
			days, key = s.Client().Network.FlowLogDays, "network.flowLogDays"
		}
		wantRetention(r, group, days, key+" in the client's spec")
	}
	for _, role := range s.Graph.OfType(typeRole) {
		permissions, open := permissionsOf(s.Graph, role), []string{}
		for _, action := range []string{"logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy", "logs:PutSubscriptionFilter", "logs:PutDataProtectionPolicy",
			"ec2:DeleteFlowLogs", "wafv2:DeleteLoggingConfiguration", "elasticloadbalancing:ModifyLoadBalancerAttributes", "cloudtrail:StopLogging", "cloudtrail:DeleteTrail"} {
			if len(allowing(permissions, action)) > 0 {
				open = append(open, action)
			}
		}
		r.Say(role, len(open) == 0, "can: "+listed(open), "cannot delete, shorten or stop a log", "take the permission out of the role's policy")
	}
}

// flows judges that all traffic of every network is recorded.
func flows(s promises.Subject, r *promises.Report) {
	const fix = "keep the flow log of components/network"
	for _, vpc := range r.Must(s.Graph.OfType("aws:ec2/vpc:Vpc"), "network", "a network whose traffic is recorded", "keep the component network in the client's stack") {
		logs := r.Must(vpc.Referrers("vpcId", "aws:ec2/flowLog:FlowLog"), "flow log of "+vpc.Name, "all traffic of the network recorded", fix)
		for _, flow := range logs {
			r.Want(flow, flow.Text("trafficType") == "ALL", "trafficType", "ALL: what passes and what is refused", fix)
			interval, _ := flow.Number("maxAggregationInterval")
			r.Want(flow, interval == 60, "maxAggregationInterval", "60 seconds", fix)
			group := flow.Ref("logDestination", typeLogGroup)
			r.Want(flow, group != nil && flow.Text("logDestinationType") == "cloud-watch-logs", "logDestination", "a log group of the stack", fix)
			role := flow.Ref("iamRoleArn", typeRole)
			r.Want(flow, group != nil && role != nil && takenBy(role, "vpc-flow-logs.amazonaws.com") && mayWrite(s, role, group), "iamRoleArn", "a role that may write to that log group", fix)
			if group != nil {
				wantGuardedLog(s, r, group)
			}
		}
	}
}

var (
	shippedFile  = regexp.MustCompile(`"file_path": *"([^"]+)"`)
	shippedGroup = regexp.MustCompile(`"log_group_name": *"([^"]+)"`)
)

// signInFiles say who signed in to a machine and what was done there.
var signInFiles = []string{"/var/log/secure", "/var/log/audit/audit.log", "/var/log/messages", "/var/log/taskflow/service.log", "/var/log/cloud-init-output.log"}

// machineLogs judges that machines ship their logs to log groups of the stack, which they can write to.
func machineLogs(s promises.Subject, r *promises.Report) {
	const fix = "keep the section logs in the machine's boot script, and the log groups of its component"
	for _, machine := range append(s.Graph.OfType("aws:ec2/launchTemplate:LaunchTemplate"), s.Graph.OfType("aws:ec2/instance:Instance")...) {
		script := bootScript(machine)
		var missing, files []string
		for _, match := range shippedFile.FindAllStringSubmatch(script, -1) {
			files = append(files, match[1])
		}
		if slices.ContainsFunc(machine.Referrers("launchTemplate.id", "aws:autoscaling/group:Group"), servesRequests) {
			missing = slices.DeleteFunc(slices.Clone(signInFiles), func(file string) bool { return slices.Contains(files, file) })
		}
		r.Say(machine, len(files) > 0 && len(missing) == 0, fmt.Sprintf("ships %s; not %s", listed(files), listed(missing)), "sign-ins, calls, the service's own log and the first boot are shipped off the machine", fix)
		role := roleOfMachine(s.Graph, machine)
		seen := map[string]bool{}
		for _, match := range shippedGroup.FindAllStringSubmatch(script, -1) {
			if seen[match[1]] {
				continue
			}
			seen[match[1]] = true
			group := groupNamed(s, match[1])
			if group == nil {
				r.Say(machine, false, "ships logs to "+match[1]+", which is no log group of the stack", "log groups of the stack, with their retention", fix)
				continue
			}
			r.Say(group, role != nil && mayWrite(s, role, group), "written to by "+machine.Name, "a log group that the machine may write to", fix)
			if machine.Type != "aws:ec2/instance:Instance" && slices.ContainsFunc(machine.Referrers("launchTemplate.id", "aws:autoscaling/group:Group"), servesRequests) {
				wantGuardedLog(s, r, group)
			}
		}
	}
}

// firewallLogs judges that the web firewall's verdicts are recorded, without what people sign in with.
func firewallLogs(s promises.Subject, r *promises.Report) {
	const fix = "keep the logging of components/firewall"
	for _, acl := range r.Must(s.Graph.OfType("aws:wafv2/webAcl:WebAcl"), "web firewall", "a web firewall whose verdicts are recorded", "keep the component firewall in the client's stack") {
		for _, logging := range r.Must(acl.Referrers("resourceArn", "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"), "log of "+acl.Name, "the web firewall's verdicts recorded", fix) {
			groups := logging.Refs("logDestinationConfigs", typeLogGroup)
			r.Want(logging, len(groups) > 0, "logDestinationConfigs", "a log group of the stack", fix)
			r.Want(logging, !logging.Has("loggingFilter"), "loggingFilter", "absent: every verdict is recorded", fix)
			var redacted []string
			for _, field := range logging.Items("redactedFields") {
				redacted = append(redacted, field.Text("singleHeader.name"))
			}
			r.Want(logging, slices.Contains(redacted, "authorization") && slices.Contains(redacted, "cookie"), "redactedFields", "authorization and cookie: nobody signs in with what a log holds", fix)
			for _, group := range groups {
				wantGuardedLog(s, r, group)
				wantDelivery(s, r, group, fix)
			}
		}
	}
}

// wantDelivery reports whether AWS's log delivery, and for this account only, may write to a log group.
func wantDelivery(s promises.Subject, r *promises.Report, group *graph.Resource, fix string) {
	writes := false
	for _, resource := range s.Graph.OfType("aws:cloudwatch/logResourcePolicy:LogResourcePolicy") {
		document, err := policy.Parse(resource.Text("policyDocument"))
		for _, statement := range document.Allows() {
			on := slices.ContainsFunc(statement.Resources, func(arn string) bool { return strings.Contains(arn, ":log-group:"+group.Text("name")+":") })
			if err != nil || !on {
				continue
			}
			own := slices.Equal(statement.Principals["Service"], []string{"delivery.logs.amazonaws.com"}) && sameTexts(statement.Actions, writeActions) && ownSource(statement, accountOf(s))
			r.Want(resource, own, "policyDocument", "AWS's log delivery for this account only", fix)
			writes = writes || own
		}
	}
	r.Say(group, writes, fmt.Sprintf("log delivery may write: %t", writes), "log delivery may write to it", fix)
}

// balancerLogs judges that every request and every connection is recorded.
func balancerLogs(s promises.Subject, r *promises.Report) {
	const fix = "keep the logs of components/loadbalancer"
	for _, balancer := range s.Graph.OfType("aws:lb/loadBalancer:LoadBalancer") {
		if balancer.Text("loadBalancerType") == "network" {
			continue // a gateway for tools; its forwarders log the connections
		}
		for _, property := range []string{"accessLogs", "connectionLogs"} {
			r.Want(balancer, balancer.Bool(property+".enabled"), property+".enabled", "true", fix)
			r.Want(balancer, balancer.Ref(property+".bucket", typeBucket) != nil, property+".bucket", "a bucket of the stack", fix)
		}
	}
}

// databaseExports are the logs that each engine ships, who signed in and who changed rights among them.
var databaseExports = map[string][]string{"postgres": {"postgresql", "upgrade"}, "mysql": {"audit", "error", "slowquery"}, "docdb": {"audit", "profiler"}}

// databaseLogs judges that databases say who signed in and who changed rights, to log groups of the stack.
func databaseLogs(s promises.Subject, r *promises.Report) {
	const fix = "keep the log exports in components/database and components/documents"
	for _, db := range s.Graph.OfType("aws:rds/instance:Instance", "aws:docdb/cluster:Cluster") {
		source := db
		if db.Type == "aws:rds/instance:Instance" && db.Has("replicateSourceDb") {
			if source = db.Ref("replicateSourceDb", db.Type); source == nil {
				source = db
			}
		}
		want := databaseExports[source.Text("engine")]
		exports := db.Texts("enabledCloudwatchLogsExports")
		r.Want(db, len(want) > 0 && sameTexts(exports, want), "enabledCloudwatchLogsExports", listed(want), fix)
		name := ""
		if db.Type == "aws:docdb/cluster:Cluster" {
			name = "/aws/docdb/" + db.Text("clusterIdentifier")
		} else {
			name = "/aws/rds/instance/" + db.Text("identifier")
		}
		for _, export := range want {
			group := groupNamed(s, name+"/"+export)
			r.Say(db, group != nil, fmt.Sprintf("log group of %s in the stack: %t", export, group != nil), "a log group for "+export+", with its retention", fix)
			if group != nil && source == db {
				wantGuardedLog(s, r, group)
			}
		}
		databaseAudit(r, db, source.Text("engine"))
	}
	for _, cache := range s.Graph.OfType("aws:elasticache/replicationGroup:ReplicationGroup") {
		var kinds []string
		for _, delivery := range cache.Items("logDeliveryConfigurations") {
			if groupNamed(s, delivery.Text("destination")) != nil && delivery.Text("destinationType") == "cloudwatch-logs" {
				kinds = append(kinds, delivery.Text("logType"))
			}
		}
		r.Want(cache, sameTexts(kinds, []string{"engine-log", "slow-log"}), "logDeliveryConfigurations", "engine-log and slow-log to log groups of the stack", "keep the logs of components/cache")
	}
}

// databaseAudit judges the settings by which an engine records sign-ins and changes of rights.
func databaseAudit(r *promises.Report, db *graph.Resource, engine string) {
	const fix = "restore the parameter in components/database/engine.go or components/documents"
	var group *graph.Resource
	if engine != "docdb" {
		group = db.Ref("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup")
	} else {
		group = db.Ref("dbClusterParameterGroupName", "aws:docdb/clusterParameterGroup:ClusterParameterGroup")
	}
	if group == nil {
		r.Say(db, false, "no parameter group of the stack", "settings of the stack's own, which record sign-ins", fix)
		return
	}
	settings := map[string]string{}
	for _, parameter := range group.Items("parameters") {
		settings[parameter.Text("name")] = parameter.Text("value")
	}
	want := func(name string, holds bool, expected string) {
		r.Say(group, holds, name+" = "+settings[name], expected, fix)
	}
	switch engine {
	case "postgres":
		want("log_connections", settings["log_connections"] == "1", "1: every sign-in is recorded")
		want("log_disconnections", settings["log_disconnections"] == "1", "1: and its end")
		loaded := strings.Split(settings["shared_preload_libraries"], ",")
		want("shared_preload_libraries", sameTexts(loaded, []string{"pg_stat_statements", "pgaudit"}), "pg_stat_statements and pgaudit")
		logged := strings.Split(settings["pgaudit.log"], ",")
		want("pgaudit.log", slices.Contains(logged, "ddl") && slices.Contains(logged, "role"), "ddl and role: changes of structure and of rights are recorded")
	case "docdb":
		want("audit_logs", settings["audit_logs"] == "enabled", "enabled: every sign-in and every change of rights is recorded")
	case "mysql":
		want("log_output", settings["log_output"] == "FILE", "FILE: tables are not shipped")
		options := db.Ref("optionGroupName", "aws:rds/optionGroup:OptionGroup")
		if options == nil {
			r.Say(db, false, "no option group of the stack", "the audit plugin, which records sign-ins", fix)
			return
		}
		var events []string
		for _, option := range options.Items("options") {
			for _, setting := range option.Items("optionSettings") {
				if option.Text("optionName") == "MARIADB_AUDIT_PLUGIN" && setting.Text("name") == "SERVER_AUDIT_EVENTS" {
					events = strings.Split(setting.Text("value"), ",")
				}
			}
		}
		r.Say(options, slices.Contains(events, "CONNECT") && slices.Contains(events, "QUERY_DDL") && slices.Contains(events, "QUERY_DCL"), "records "+listed(events),
			"CONNECT, QUERY_DDL and QUERY_DCL: sign-ins, changes of structure and of rights", fix)
	}
}
