package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// emergencyUser is the database user of staff during an incident.
const emergencyUser = "breakglass"

// fixDoor is what mends most that can be wrong with the open door.
const fixDoor = "correct components/access, which makes the door from access.breakGlass in the client's spec"

// door is what the emergency access of a client consists of.
type door struct {
	s     promises.Subject
	r     *promises.Report
	spec  *spec.BreakGlass
	role  *graph.Resource // what the people take
	relay *graph.Resource // the machine that carries their tunnel
}

// openDoor judges the emergency access while the spec asks for it: people, window, second factor, what it leads to,
// how it ends, and that uses are recorded and told.
func openDoor(s promises.Subject, r *promises.Report) {
	d := door{s: s, r: r, spec: s.Client().Access.BreakGlass}
	length := d.spec.Closes.Sub(d.spec.Opens.Time)
	roles := slices.DeleteFunc(s.Graph.OfType(typeRole), func(role *graph.Resource) bool { return takers(role) != takenByPeople })
	relays := s.Graph.OfType("aws:ec2/instance:Instance")
	if len(roles) != 1 || len(relays) != 1 {
		r.Missing(fmt.Sprintf("single emergency role and relay, but %d and %d", len(roles), len(relays)), "one role that the named people take, and one relay that carries their tunnel", fixDoor)
		return
	}
	d.role, d.relay = roles[0], relays[0]
	r.Say(d.role, length > 0 && length.Seconds() <= longestBreakGlass, "open for "+length.String(), "60 minutes at most", "set access.breakGlass.closes to an hour after opens, or earlier")
	d.people()
	d.powers()
	d.record()
	d.path()
	d.tunnel()
	d.ending()
	d.uses()
}

// people judges who takes the role, and when.
func (d door) people() {
	expected := fmt.Sprintf("taken by %s only, from %s to %s, with a second factor within the hour and under the person's own name", listed(d.spec.People), d.spec.Opens, d.spec.Closes)
	trust, ok := trustOf(d.role)
	var found, wrong []string
	for _, statement := range trust.Allows() {
		found = append(found, statement.Principals["AWS"]...)
		if len(statement.Principals) != 1 || len(statement.NotPrincipals) > 0 || !slices.Equal(statement.Actions, []string{"sts:AssumeRole"}) {
			wrong = append(wrong, "more than people taking the role")
		}
		wrong = append(wrong, lacks(statement, is("Bool", "aws:MultiFactorAuthPresent", "true"), is("NumericLessThan", "aws:MultiFactorAuthAge", fmt.Sprint(longestBreakGlass)),
			is("DateGreaterThan", "aws:CurrentTime", d.spec.Opens.String()), is("DateLessThan", "aws:CurrentTime", d.spec.Closes.String()),
			is("StringEquals", "sts:RoleSessionName", "${aws:username}"))...)
	}
	text := "taken by " + listed(found)
	if len(wrong) > 0 {
		text += "; not exactly so: " + strings.Join(wrong, "; ")
	}
	d.r.Say(d.role, ok && sameTexts(found, d.spec.People) && len(wrong) == 0, text, expected, "correct access.breakGlass in the client's spec")
	wantSession(d.r, d.role, longestBreakGlass)
}

// powers judges what the role allows: one database user, one tunnel, the person's own sessions, and nothing before or
// after the window.
func (d door) powers() {
	account := d.s.Client().AWS.Account
	var extra []string
	connect, tunnel, before, after := false, false, false, false
	for _, p := range permissionsOf(d.s.Graph, d.role) {
		if p.managed != "" || p.unread {
			extra = append(extra, "the policy "+p.managed)
		}
		for _, statement := range p.document.Statements {
			if statement.Effect == "Deny" {
				everything := slices.Equal(statement.Actions, []string{"*"}) && slices.Equal(statement.Resources, []string{"*"}) && len(statement.Conditions) == 1
				before = before || everything && len(lacks(statement, is("DateLessThan", "aws:CurrentTime", d.spec.Opens.String()))) == 0
				after = after || everything && len(lacks(statement, is("DateGreaterThan", "aws:CurrentTime", d.spec.Closes.String()))) == 0
				continue
			}
			extra = append(extra, statement.NotActions...)
			for _, action := range statement.Actions {
				for _, resource := range statement.Resources {
					switch {
					case action == "rds-db:connect" && databaseUser(d.s, resource, emergencyUser):
						connect = true
					case action == "ssm:StartSession" && d.leadsToTunnel(resource) && len(lacks(statement, is("BoolIfExists", "ssm:SessionDocumentAccessCheck", "true"))) == 0:
						tunnel = true
					case (action == "ssm:ResumeSession" || action == "ssm:TerminateSession") && d.ownSession(resource, account):
					default:
						extra = append(extra, action+" on "+resource)
					}
				}
			}
		}
	}
	d.r.Say(d.role, len(extra) == 0, "allows besides: "+listed(extra), "one database user, the tunnel to the database, and the person's own sessions", fixDoor)
	d.r.Say(d.role, connect && tunnel, fmt.Sprintf("sign-in as %s: %t, tunnel: %t", emergencyUser, connect, tunnel), "sign-in as "+emergencyUser+" through the tunnel", fixDoor)
	d.r.Say(d.role, before && after, fmt.Sprintf("denied before %s: %t, denied after %s: %t", d.spec.Opens, before, d.spec.Closes, after),
		"everything denied before and after the window, whatever credentials still last", fixDoor)
}

// leadsToTunnel tells whether an ARN stands for the relay, or for the document that says where a session leads.
func (d door) leadsToTunnel(arn string) bool {
	if name, ok := strings.CutPrefix(arn[strings.LastIndex(arn, ":")+1:], "instance/"); ok {
		return d.relay.Goes(name)
	}
	name, ok := strings.CutPrefix(arn[strings.LastIndex(arn, ":")+1:], "document/")
	return ok && d.s.Graph.Resolve(name, sessionDocument) != nil
}

func (d door) ownSession(arn, account string) bool {
	return slices.ContainsFunc(d.spec.People, func(person string) bool {
		return strings.HasSuffix(arn, ":"+account+":session/"+person[strings.LastIndex(person, "/")+1:]+"-*")
	})
}

// record judges that incident and reason stand in the stack.
func (d door) record() {
	const recordType = "berth:access:BreakGlass"
	for _, made := range d.r.Must(d.s.Graph.OfType(recordType), "record of the emergency access", "incident and reason, recorded with the access", fixDoor) {
		d.r.Want(made, made.Text("incident") == d.spec.Incident, "incident", "the incident's number, "+d.spec.Incident, fixDoor)
		d.r.Want(made, made.Text("reason") == d.spec.Reason, "reason", "the reason that the spec gives", fixDoor)
	}
	d.r.Want(d.role, strings.Contains(d.role.Text("description"), d.spec.Incident), "description", "names the incident, "+d.spec.Incident, fixDoor)
}

// path judges the relay and its security group: no way in, and out to the database, AWS's endpoints and packages only.
func (d door) path() {
	d.r.Want(d.relay, !d.relay.Bool("associatePublicIpAddress") && d.relay.Has("associatePublicIpAddress"), "associatePublicIpAddress", "false: the relay has no address of its own", fixDoor)
	d.r.Want(d.relay, d.relay.Text("instanceInitiatedShutdownBehavior") == "terminate", "instanceInitiatedShutdownBehavior", "terminate: the relay does not come back", fixDoor)
	d.r.Want(d.relay, d.relay.Bool("userDataReplaceOnChange"), "userDataReplaceOnChange", "true: a change replaces the relay", fixDoor)
	d.r.Want(d.relay, d.relay.Text("ami") == d.s.Client().Service.ImageID, "ami", "the image that the spec names, "+d.s.Client().Service.ImageID, fixDoor)
	groups := d.relay.Refs("vpcSecurityGroupIds", typeSecurityGroup)
	d.r.Say(d.relay, len(groups) == 1, fmt.Sprintf("security groups of the stack: %d", len(groups)), "one security group of its own", fixDoor)
	for _, group := range groups {
		shared := len(group.Referrers("vpcSecurityGroupIds", "aws:ec2/launchTemplate:LaunchTemplate", "aws:rds/instance:Instance")) > 0
		in := group.Referrers("securityGroupId", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
		d.r.Say(group, !shared && len(in)+len(group.Items("ingress")) == 0, fmt.Sprintf("ways in: %d", len(in)+len(group.Items("ingress"))), "the relay's alone, with no way in", fixDoor)
		toDatabase := false
		for _, rule := range group.Referrers("securityGroupId", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") {
			first, _ := rule.Number("fromPort")
			last, _ := rule.Number("toPort")
			to := rule.Ref("referencedSecurityGroupId", typeSecurityGroup)
			database, known := false, false
			if to != nil {
				for _, db := range to.Referrers("vpcSecurityGroupIds", "aws:rds/instance:Instance") {
					port, _ := db.Number("port")
					database = database || port == first
				}
				known = database || first == 443 && len(to.Referrers("securityGroupIds", "aws:ec2/vpcEndpoint:VpcEndpoint")) > 0
			}
			if list := rule.Text("prefixListId"); list != "" {
				known = first == 443 && slices.ContainsFunc(d.s.Graph.OfType("aws:ec2/vpcEndpoint:VpcEndpoint"), func(e *graph.Resource) bool { return e.Outputs["prefixListId"] == list })
			}
			toDatabase = toDatabase || database
			d.r.Say(rule, known && first == last && rule.Text("ipProtocol") == "tcp" && !rule.Has("cidrIpv4") && !rule.Has("cidrIpv6"), rule.Text("description"),
				"out to the database's port, to AWS's endpoints or to packages, and nowhere else", fixDoor)
		}
		d.r.Say(group, toDatabase, fmt.Sprintf("a way to the database: %t", toDatabase), "a way to the database", fixDoor)
		reached := slices.ContainsFunc(group.Referrers("referencedSecurityGroupId", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"), func(rule *graph.Resource) bool {
			to := rule.Ref("securityGroupId", typeSecurityGroup)
			return to != nil && len(to.Referrers("vpcSecurityGroupIds", "aws:rds/instance:Instance")) > 0
		})
		d.r.Say(group, reached, fmt.Sprintf("the database takes its connections: %t", reached), "the database takes connections from the relay while the door is open", fixDoor)
	}
	role := roleOfMachine(d.s.Graph, d.relay)
	if role == nil {
		d.r.Want(d.relay, false, "iamInstanceProfile", "a role of the relay's own", fixDoor)
		return
	}
	var extra []string
	for _, p := range permissionsOf(d.s.Graph, role) {
		if p.managed != "" || p.unread {
			extra = append(extra, "the policy "+p.managed)
		}
		for _, statement := range p.document.Allows() {
			extra = append(extra, slices.DeleteFunc(append(slices.Clone(statement.Actions), statement.NotActions...), func(action string) bool {
				return slices.Contains([]string{"ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
					"ssmmessages:OpenDataChannel", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}, action)
			})...)
		}
	}
	d.r.Say(role, len(extra) == 0, "allows besides: "+listed(extra), "carrying sessions and writing logs, nothing else", fixDoor)
	for _, service := range []string{"ssmmessages", "ec2messages"} {
		endpoints := slices.DeleteFunc(d.s.Graph.OfType("aws:ec2/vpcEndpoint:VpcEndpoint"), func(e *graph.Resource) bool { return !strings.HasSuffix(e.Text("serviceName"), "."+service) })
		for _, endpoint := range d.r.Must(endpoints, "endpoint of "+service, "the tunnel stays inside the network", fixDoor) {
			document, err := policy.Parse(endpoint.Text("policy"))
			own := err == nil && len(document.Allows()) > 0
			for _, statement := range document.Allows() {
				own = own && len(lacks(statement, is("StringEquals", "aws:PrincipalAccount", d.s.Client().AWS.Account))) == 0
			}
			d.r.Want(endpoint, own, "policy", "for the client's own account only", fixDoor)
			d.reaches(endpoint)
		}
	}
}

// reaches reports whether the relay gets to an endpoint of Session Manager, and the endpoint takes it in.
func (d door) reaches(endpoint *graph.Resource) {
	relays := d.relay.Refs("vpcSecurityGroupIds", typeSecurityGroup)
	groups := endpoint.Refs("securityGroupIds", typeSecurityGroup)
	passes := func(from, to []*graph.Resource, rules string) bool {
		return len(from) == 1 && len(to) == 1 && slices.ContainsFunc(from[0].Referrers("securityGroupId", rules), func(rule *graph.Resource) bool {
			port, _ := rule.Number("fromPort")
			return port == 443 && rule.Ref("referencedSecurityGroupId", typeSecurityGroup) == to[0]
		})
	}
	out, in := passes(relays, groups, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"), passes(groups, relays, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
	d.r.Say(endpoint, out && in, fmt.Sprintf("the relay may send: %t, the endpoint takes it in: %t", out, in), "the relay speaks to it, and to nothing beside it", fixDoor)
	subnet := d.relay.Ref("subnetId", "aws:ec2/subnet:Subnet")
	d.r.Want(endpoint, subnet != nil && slices.Contains(endpoint.Refs("subnetIds", subnet.Type), subnet), "subnetIds", "in the relay's own subnet too", fixDoor)
}

// tunnel judges the document: a session leads to the database's port and nowhere else.
func (d door) tunnel() {
	for _, document := range d.r.Must(d.s.Graph.OfType(sessionDocument), "document of the tunnel", "a session that leads to the database only", fixDoor) {
		var content struct {
			SessionType string `json:"sessionType"`
			Properties  struct {
				Host       string `json:"host"`
				PortNumber string `json:"portNumber"`
				Type       string `json:"type"`
			} `json:"properties"`
		}
		err := json.Unmarshal([]byte(document.Text("content")), &content)
		db := d.s.Graph.Resolve(content.Properties.Host, "aws:rds/instance:Instance")
		holds := err == nil && db != nil && content.SessionType == "Port" && content.Properties.Type == "LocalPortForwarding" && content.Properties.PortNumber == db.Text("port")
		d.r.Want(document, holds && document.Text("documentType") == "Session", "content", "a tunnel to the database's address and port, neither of which can be chosen", fixDoor)
	}
}

// ending judges that the relay dies at the end of the window, whoever runs Pulumi or not.
func (d door) ending() {
	const target = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
	at := "at(" + d.spec.Closes.UTC().Format("2006-01-02T15:04:05") + ")"
	for _, schedule := range d.s.Graph.OfType("aws:scheduler/schedule:Schedule") {
		var input struct{ InstanceIds []string }
		if schedule.Text("target.arn") != target || json.Unmarshal([]byte(schedule.Text("target.input")), &input) != nil || !slices.ContainsFunc(input.InstanceIds, d.relay.Goes) {
			continue
		}
		d.r.Want(schedule, schedule.Text("scheduleExpression") == at, "scheduleExpression", at+", when the access ends", fixDoor)
		d.r.Want(schedule, schedule.Text("scheduleExpressionTimezone") == "UTC", "scheduleExpressionTimezone", "UTC", fixDoor)
		d.r.Want(schedule, schedule.Text("flexibleTimeWindow.mode") == "OFF", "flexibleTimeWindow.mode", "OFF: at that minute", fixDoor)
		d.r.Want(schedule, !schedule.Has("state") || schedule.Text("state") == "ENABLED", "state", "ENABLED", fixDoor)
		attempts, _ := schedule.Number("target.retryPolicy.maximumRetryAttempts")
		age, _ := schedule.Number("target.retryPolicy.maximumEventAgeInSeconds")
		d.r.Want(schedule, attempts >= 10 && age >= 3600, "target.retryPolicy", "tried again, 10 times or more, for an hour or longer", fixDoor)
		d.r.Want(schedule, mayAct(schedule, d.s.Client().AWS.Account), "groupName", "a group of schedules that may take the role", fixDoor)
		role := schedule.Ref("target.roleArn", typeRole)
		can := role != nil && slices.ContainsFunc(allowing(permissionsOf(d.s.Graph, role), "ec2:TerminateInstances"), func(statement policy.Statement) bool {
			return slices.ContainsFunc(statement.Resources, func(arn string) bool { return d.relay.Goes(arn[strings.LastIndex(arn, "/")+1:]) })
		})
		d.r.Want(schedule, can, "target.roleArn", "a role that may end the relay", fixDoor)
		return
	}
	d.r.Missing("schedule that ends the relay", "the relay ends at "+d.spec.Closes.String()+" by itself", fixDoor)
}

// usePattern is what an event rule listens to.
type usePattern struct {
	DetailType []string `json:"detail-type"`
	Or         []struct {
		Detail struct {
			EventName         []string `json:"eventName"`
			RequestParameters struct {
				RoleArn []string `json:"roleArn"`
			} `json:"requestParameters"`
			UserIdentity struct {
				SessionContext struct {
					SessionIssuer struct {
						Arn []string `json:"arn"`
					} `json:"sessionIssuer"`
				} `json:"sessionContext"`
			} `json:"userIdentity"`
		} `json:"detail"`
	} `json:"$or"`
}

// uses judges that taking the role, and what is done with it, is recorded and told at once.
func (d door) uses() {
	for _, rule := range d.s.Graph.OfType("aws:cloudwatch/eventRule:EventRule") {
		var pattern usePattern
		if json.Unmarshal([]byte(rule.Text("eventPattern")), &pattern) != nil || !slices.Equal(pattern.DetailType, []string{"AWS API Call via CloudTrail"}) {
			continue
		}
		taken, used := false, false
		for _, one := range pattern.Or {
			taken = taken || slices.Contains(one.Detail.EventName, "AssumeRole") && slices.ContainsFunc(one.Detail.RequestParameters.RoleArn, d.role.Goes)
			used = used || len(one.Detail.EventName) == 0 && slices.ContainsFunc(one.Detail.UserIdentity.SessionContext.SessionIssuer.Arn, d.role.Goes)
		}
		if !taken && !used {
			continue
		}
		d.r.Want(rule, taken && used, "eventPattern", "the role being taken, and every call with it", fixDoor)
		d.r.Want(rule, !rule.Has("state") || strings.HasPrefix(rule.Text("state"), "ENABLED"), "state", "ENABLED", fixDoor)
		told, kept := false, (*graph.Resource)(nil)
		for _, target := range rule.Referrers("rule", "aws:cloudwatch/eventTarget:EventTarget") {
			topic := target.Ref("arn", typeTopic)
			told = told || topic != nil && topic.Region() == rule.Region()
			if group := target.Ref("arn", typeLogGroup); group != nil {
				kept = group
			}
		}
		d.r.Say(rule, told && kept != nil, fmt.Sprintf("told to people: %t, kept in a log: %t", told, kept != nil), "told to people and kept in a log", fixDoor)
		if kept != nil {
			wantRetention(d.r, kept, d.s.Client().Service.LogDays, "service.logDays")
			d.writable(rule, kept)
		}
		return
	}
	d.r.Missing("event rule on the emergency role", "every use of the role is recorded and told at once", fixDoor)
}

// writable reports whether events may write to the log that keeps them.
func (d door) writable(rule, kept *graph.Resource) {
	for _, resource := range d.s.Graph.OfType("aws:cloudwatch/logResourcePolicy:LogResourcePolicy") {
		document, err := policy.Parse(resource.Text("policyDocument"))
		if err != nil {
			continue
		}
		for _, statement := range document.Allows() {
			source, _ := statement.Condition("ArnEquals", "aws:SourceArn")
			on := slices.ContainsFunc(statement.Resources, func(arn string) bool { return kept.Goes(strings.TrimSuffix(arn, ":*")) })
			if on && sameTexts(statement.Actions, writeActions) && !slices.ContainsFunc(statement.Principals["Service"], wild) && slices.Contains(statement.Principals["Service"], "events.amazonaws.com") && slices.ContainsFunc(source, rule.Goes) {
				d.r.Say(resource, true, "events of the rule may write to "+kept.Name, "the rule's events reach the log", "")
				return
			}
		}
	}
	d.r.Say(kept, false, "no policy lets the rule's events in", "the rule's events reach the log", fixDoor)
}
