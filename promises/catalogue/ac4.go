package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// longestBreakGlass is the longest that staff may reach a database for one incident, in seconds.
const longestBreakGlass = 3600

// AC4 is staff's access to databases: off, but in an incident.
func (catalogue) AC4() promises.Promise {
	return promises.Promise{
		ID:    "AC-4",
		Title: "Database access for staff is off",
		Sentence: "Our staff have no access to your database. For an incident it is granted to named employees, with a reason, for 60 minutes at most, " +
			"with a second factor; it ends by itself, and every use is recorded.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.Organisation: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			now := "closed"
			if b := clientSpec(s).Access.BreakGlass; b != nil {
				now = fmt.Sprintf("open for %d people from %s to %s, incident %s", len(b.People), b.Opens, b.Closes, b.Incident)
			}
			return []promises.Parameter{
				{Name: "longest access", Value: "60 minutes", Key: "access.breakGlass.closes"},
				{Name: "access now", Value: now, Key: "access.breakGlass"},
			}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the graph has no way for a person to the database while the spec asks for none; while it does, people, window, second factor and ending are compared with the spec"},
			{Level: promises.Drill, How: "access is granted, used, and left to run out; afterwards it must be refused, and the log must name the person"},
		},
		Keywords: []string{
			"staff database access", "standing access database", "emergency access", "access production database", "break-glass access",
			"contractor database access", "emergency access approved", "engineers read customer data", "incident database access",
			"temporary database access", "staff see our data", "employees access our data", "access to data limited in time",
			"access to customer data approved", "who can access our data", "privileged access management", "firefighter account",
			"production data access", "dba access", "database administrator access", "just-in-time access", "incident access", "standing access",
			"zero standing privileges", "support access to customer data", "break glass", "break-glass", "staff access to database",
			"privileged access", "can your employees see our data", "temporary access",
		},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Organisation() != nil {
				emergencyAssignment(s, r)
				return
			}
			databaseStaffPaths(s, r)
			if len(s.Graph.OfType(auditTrail)) > 0 { // AC-5 says where there is none
				wantTrailAlarm(s, r, emergencyWords, "somebody takes an emergency role")
			}
			if s.Client().Access.BreakGlass != nil {
				openDoor(s, r)
			}
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: staffDoors},
	}
}

// emergencyAssignment judges the organisation's side: who may take a client's emergency role, and that a use is told.
func emergencyAssignment(s promises.Subject, r *promises.Report) {
	role := staffRole(s, r, breakGlassDatabase)
	if role != nil {
		wantStaffTrust(s, r, role, breakGlassDatabase)
		wantSession(r, role, longestBreakGlass)
		wantRoleBoundary(r, role)
		for _, p := range permissionsOf(s.Graph, role) {
			var more []string
			for _, statement := range p.document.Allows() {
				more = append(more, slices.DeleteFunc(append(slices.Clone(statement.Actions), statement.NotActions...), func(action string) bool { return action == "sts:GetCallerIdentity" })...)
			}
			if p.managed != "" || p.unread {
				more = append(more, "the policy "+p.managed)
			}
			r.Say(p.source, len(more) == 0, "allows besides: "+listed(more), "nothing by itself: access comes from the client's stack, while its door is open", "correct the role in components/identity/roles.go")
		}
	}
	wantGroup(s, r, breakGlassDatabase)
	wantTrailAlarm(s, r, emergencyWords, "somebody takes an emergency role")
}

// emergencyWords stand in the record of somebody taking an emergency role.
var emergencyWords = []string{"AssumeRole", "break-glass"}

// wantTrailAlarm reports whether people are told of what the trail records: a filter on the trail's log with all the
// words, and an alarm on its first match.
func wantTrailAlarm(s promises.Subject, r *promises.Report, words []string, when string) {
	const fix = "keep the filter and its alarm in components/trail/benchmark.go"
	expected := "an alarm to people when " + when
	for _, filter := range s.Graph.OfType("aws:cloudwatch/logMetricFilter:LogMetricFilter") {
		pattern := filter.Text("pattern")
		if slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(pattern, word) }) {
			continue
		}
		group := filter.Ref("logGroupName", typeLogGroup)
		onTrail := group != nil && slices.ContainsFunc(s.Graph.OfType(auditTrail), func(t *graph.Resource) bool { return trailGroup(s.Graph, t) == group })
		r.Want(filter, onTrail, "logGroupName", "the trail's own log group", fix)
		r.Want(filter, filter.Text("metricTransformation.value") == "1", "metricTransformation.value", "1 for each match", fix)
		told := 0
		for _, alarm := range s.Graph.OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
			same := alarm.Text("metricName") == filter.Text("metricTransformation.name") && alarm.Text("namespace") == filter.Text("metricTransformation.namespace")
			if same && filter.Has("metricTransformation.name") {
				told++
				wantFirstAlarm(r, alarm, fix)
			}
		}
		r.Say(filter, told > 0, fmt.Sprintf("alarms on it: %d", told), expected, fix)
		return
	}
	r.Missing("filter on the trail for: "+strings.Join(words, ", "), expected, fix)
}

// wantFirstAlarm reports whether an alarm tells people of the first occurrence.
func wantFirstAlarm(r *promises.Report, alarm *graph.Resource, fix string) {
	threshold, given := alarm.Number("threshold")
	first := given && (threshold == 1 && alarm.Text("comparisonOperator") == "GreaterThanOrEqualToThreshold" || threshold == 0 && alarm.Text("comparisonOperator") == "GreaterThanThreshold")
	r.Want(alarm, first, "threshold", "the first occurrence", fix)
	periods, _ := alarm.Number("evaluationPeriods")
	seconds, _ := alarm.Number("period")
	r.Want(alarm, periods == 1 && seconds > 0 && seconds <= 300, "period", "looked at every 300 seconds or more often", fix)
	statistic := alarm.Text("statistic")
	r.Want(alarm, statistic == "Sum" || statistic == "Maximum", "statistic", "every occurrence counted: Sum or Maximum", fix)
	topics := alarm.Refs("alarmActions", typeTopic)
	r.Want(alarm, len(topics) > 0 && !slices.ContainsFunc(topics, func(topic *graph.Resource) bool { return topic.Region() != alarm.Region() }), "alarmActions", "a topic of the alarm's own region that people are subscribed to", fix)
	r.Want(alarm, !alarm.Has("actionsEnabled") || alarm.Bool("actionsEnabled"), "actionsEnabled", "true", fix)
}

// databaseStaffPaths judges that nobody of the staff gets to a client's data: through the network, with credentials of
// the database, or with a secret. While the emergency door is open its relay and its role do, and nobody else.
func databaseStaffPaths(s promises.Subject, r *promises.Report) {
	stores := s.Graph.OfType("aws:rds/instance:Instance", "aws:docdb/cluster:Cluster", "aws:elasticache/replicationGroup:ReplicationGroup")
	r.Must(s.Graph.OfType("aws:rds/instance:Instance"), "database instance", "a database that no person reaches", "give the client a database")
	allowed := machineGroups(s)
	for _, store := range stores {
		property := "vpcSecurityGroupIds"
		if store.Type == "aws:elasticache/replicationGroup:ReplicationGroup" {
			property = "securityGroupIds"
		}
		groups := store.Refs(property, typeSecurityGroup)
		r.Say(store, len(groups) > 0, fmt.Sprintf("security groups of the stack: %d", len(groups)), "a security group of this stack, which says who connects", "pass the component's own security group")
		for _, group := range groups {
			for _, rule := range group.Referrers("securityGroupId", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
				wantFromMachines(r, rule, rule.Ref("referencedSecurityGroupId", typeSecurityGroup), allowed)
			}
			for _, rule := range group.Referrers("securityGroupId", "aws:ec2/securityGroupRule:SecurityGroupRule") {
				if rule.Text("type") != "egress" {
					wantFromMachines(r, rule, rule.Ref("sourceSecurityGroupId", typeSecurityGroup), allowed)
				}
			}
			r.Say(group, len(group.Items("ingress")) == 0, "rules written into it: "+fmt.Sprint(len(group.Items("ingress"))), "rules of their own only, each judged by itself", "write the rule as a resource of its own")
		}
	}
	for _, store := range s.Graph.OfType("aws:rds/instance:Instance", "aws:docdb/cluster:Cluster") {
		if store.Type == "aws:rds/instance:Instance" && store.Has("replicateSourceDb") {
			continue // its users are its source's
		}
		r.Want(store, store.Bool("manageMasterUserPassword"), "manageMasterUserPassword", "true: the master password is made and changed by AWS, and no person knows it", "set manageMasterUserPassword in the component")
	}
	for _, db := range s.Graph.OfType("aws:rds/instance:Instance") {
		r.Want(db, db.Bool("iamDatabaseAuthenticationEnabled"), "iamDatabaseAuthenticationEnabled", "true: who signs in has a role that ends, and no password that stays", "set iamDatabaseAuthenticationEnabled in components/database")
	}
	databaseCredentials(s, r)
	dataInLogs(s, r)
}

// wantFromMachines reports whether a rule lets connections in from machines that nobody signs in to, and from nowhere else.
func wantFromMachines(r *promises.Report, rule, from *graph.Resource, allowed map[*graph.Resource]bool) {
	found := "from no security group of the stack"
	if from != nil {
		found = "from " + from.Name
	}
	r.Say(rule, from != nil && allowed[from], found, "from machines in auto-scaling groups only, which nobody signs in to", "remove the rule; during an incident set access.breakGlass in the client's spec")
}

// quiet are the settings by which an engine keeps clients' data out of the logs that staff may read.
var quiet = map[string]map[string]string{
	"postgres": {"log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0", "pgaudit.log_parameter": "0"},
	"mysql":    {"general_log": "0"},
}

// dataInLogs judges that logs do not show what the database would not.
func dataInLogs(s promises.Subject, r *promises.Report) {
	for _, group := range s.Graph.OfType("aws:rds/parameterGroup:ParameterGroup") {
		settings := map[string]string{}
		for _, parameter := range group.Items("parameters") {
			settings[parameter.Text("name")] = parameter.Text("value")
		}
		for family, wanted := range quiet {
			if !strings.HasPrefix(group.Text("family"), family) {
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(wanted)) {
				r.Say(group, settings[name] == wanted[name], name+" = "+settings[name], wanted[name]+": staff may read logs, and no value of the client's stands there", "restore the parameter in components/database/engine.go")
			}
		}
	}
}

// machineGroups are the security groups of machines that may connect to a store of data.
func machineGroups(s promises.Subject) map[*graph.Resource]bool {
	allowed := map[*graph.Resource]bool{}
	add := func(machine *graph.Resource) {
		groups := machine.Refs("vpcSecurityGroupIds", typeSecurityGroup)
		for _, adapter := range machine.Items("networkInterfaces") {
			for _, id := range adapter.Texts("securityGroups") {
				groups = append(groups, s.Graph.Resolve(id, typeSecurityGroup))
			}
		}
		for _, group := range groups {
			if group != nil {
				allowed[group] = true
			}
		}
	}
	for _, fleet := range s.Graph.OfType("aws:autoscaling/group:Group") {
		if template := fleet.Ref("launchTemplate.id", "aws:ec2/launchTemplate:LaunchTemplate"); template != nil {
			add(template)
		}
	}
	if s.Client().Access.BreakGlass != nil {
		for _, relay := range s.Graph.OfType("aws:ec2/instance:Instance") {
			add(relay)
		}
	}
	return allowed
}

// databaseCredentials judges who may sign in to a database, and who may read the secrets that let one sign in.
func databaseCredentials(s promises.Subject, r *promises.Report) {
	const fix = "take the permission out of the role; during an incident set access.breakGlass in the client's spec"
	open := s.Client().Access.BreakGlass != nil
	service := map[*graph.Resource]bool{}
	for _, fleet := range s.Graph.OfType("aws:autoscaling/group:Group") {
		if template := fleet.Ref("launchTemplate.id", "aws:ec2/launchTemplate:LaunchTemplate"); template != nil && servesRequests(fleet) {
			service[roleOfMachine(s.Graph, template)] = true
		}
	}
	for _, role := range append(s.Graph.OfType(typeRole), s.Graph.OfType(iamUser, iamGroup)...) {
		permissions := permissionsOf(s.Graph, role)
		taken := role.Type != typeRole || takers(role) == takenByPeople
		if taken && (!open || role.Type != typeRole) {
			r.Say(role, false, "people may take it", "no role, user or group for people in a client's stack while no incident is open", "remove it; during an incident set access.breakGlass in the client's spec")
		}
		for _, action := range []string{"rds-db:connect", "elasticache:Connect", "secretsmanager:GetSecretValue", "rds-data:ExecuteStatement"} {
			statements := allowing(permissions, action)
			if len(statements) == 0 || taken && open && action == "rds-db:connect" {
				continue // openDoor says as whom and to which database
			}
			holds, found := service[role] && action != "rds-data:ExecuteStatement", action+" for "+role.Name
			for _, statement := range statements {
				for _, resource := range statement.Resources {
					if action == "rds-db:connect" && !databaseUser(s, resource, serviceUser(s)) {
						holds, found = false, found+" as "+resource
					}
				}
			}
			r.Say(role, holds, found, "only the service's machines sign in, each as the service's own user, or read secrets", fix)
		}
	}
}

// serviceUser is the name by which the service signs in to its database, as its configuration says.
func serviceUser(s promises.Subject) string {
	for _, parameter := range s.Graph.OfType("aws:ssm/parameter:Parameter") {
		if strings.HasSuffix(parameter.Text("name"), "/database-user") {
			return parameter.Text("insecureValue") + parameter.Text("value")
		}
	}
	return ""
}

// databaseUser tells whether an ARN of rds-db:connect stands for one user of a database of the stack, and not the master.
func databaseUser(s promises.Subject, arn, user string) bool {
	_, who, ok := strings.Cut(arn, ":dbuser:")
	id, name, named := strings.Cut(who, "/")
	db := s.Graph.Resolve(id, "aws:rds/instance:Instance")
	return ok && named && db != nil && name == user && name != "" && name != db.Text("username")
}
