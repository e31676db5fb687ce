package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// AC3 is least privilege, for the length of an assignment.
func (catalogue) AC3() promises.Promise {
	return promises.Promise{
		ID:    "AC-3",
		Title: "Access by assignment, and no longer",
		Sentence: "Our staff get only the access that their current assignment needs, for as long as it lasts: each role names its people, " +
			"asks for a second factor, and closes by itself on the assignment's last day.",
		Duties: map[promises.Hosting]promises.Duty{promises.Organisation: promises.Ours, promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			list := []promises.Parameter{
				{Name: "longest assignment", Value: "366 days, then it is decided anew", Key: "staff.assignments.until"},
				{Name: "longest session", Value: "4 hours; 1 hour for administrators"},
			}
			held, next := 0, ""
			for _, person := range organisationSpec(s).Staff {
				for _, assignment := range person.Assignments {
					held++
					if last := assignment.Until.String(); next == "" || last < next {
						next = last
					}
				}
			}
			if held > 0 {
				list = append(list, promises.Parameter{Name: "assignments", Value: fmt.Sprintf("%d, of which the first ends on %s", held, next), Key: "staff.assignments"})
			}
			return list
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every role's trust in the graph is compared with the assignments in the spec, person by person and day by day, and every policy is searched for more than it needs"},
			{Level: promises.Live, How: "users, groups, roles, policies and boundaries are read back from the account and compared the same way, with the day on which " +
				"each trust ends"},
		},
		Keywords: []string{
			"least privilege", "staff permissions assignment", "staff access rights", "role based access staff", "permissions reviewed",
			"permissions expire", "staff roles", "access limited to job", "minimum permissions", "access to cloud accounts staff",
			"who has access to our data", "authorised staff access to data", "access by assignment", "time-limited access",
			"privileged access management", "access review", "permissions boundary", "segregation of duties", "separation of duties",
			"joiner-mover-leaver", "iam roles", "recertification", "staff access", "administrator privileges", "role-based access control", "rbac",
			"need to know", "just-in-time access", "access expiry", "access rights",
		},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Organisation() != nil {
				staffAccess(s, r)
				return
			}
			rolesOfClient(s, r)
		},
	}
}

// serviceManaged are the policies of AWS's own that a role may have, and the one service that takes such a role.
var serviceManaged = map[string]string{
	"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup":   "backup.amazonaws.com",
	"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores": "backup.amazonaws.com",
	"arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole":       "monitoring.rds.amazonaws.com",
}

// rolesOfClient judges a client's stack: no role in it is for people, but for the emergency role while it is open, and
// none allows more than its work on this client's own resources.
func rolesOfClient(s promises.Subject, r *promises.Report) {
	c := s.Client()
	w := width{graph: s.Graph, accounts: []string{c.AWS.Account}, foreign: []string{"arn:aws:s3:::" + c.Service.Release.Bucket}, narrow: true}
	roles := r.Must(s.Graph.OfType(typeRole), "role", "roles for the services that run the client", "keep the component compute in the client's stack")
	machines := machineRoles(s.Graph)
	for _, role := range roles {
		if takers(role) == takenByVerifiers {
			continue
		}
		w.machine = slices.Contains(machines, role)
		if c.Access.BreakGlass != nil && takers(role) == takenByPeople && !anybody(role) {
			continue // AC-4 says who takes it, when, and for what
		}
		wantServiceTrust(s, r, role, c.AWS.Account)
		w.relay = c.Access.BreakGlass != nil && slices.ContainsFunc(s.Graph.OfType("aws:ec2/instance:Instance"), func(relay *graph.Resource) bool { return roleOfMachine(s.Graph, relay) == role })
		wantNarrow(s, r, w, role)
	}
	wantChatReads(s, r, w)
	wantVerifier(s, r)
}

// anybody tells whether a role's trust names no one in particular.
func anybody(role *graph.Resource) bool {
	trust, ok := trustOf(role)
	return !ok || slices.ContainsFunc(trust.Allows(), func(s policy.Statement) bool { return s.Everyone() })
}

// wantNarrow reports whether a service's role is allowed no more than its work.
func wantNarrow(s promises.Subject, r *promises.Report, w width, role *graph.Resource) {
	const fix = "name the actions and the resources in the component that makes the policy"
	trust, _ := trustOf(role)
	for _, p := range permissionsOf(s.Graph, role) {
		switch {
		case p.unread:
			r.Say(p.source, false, "a policy that cannot be read", "a policy whose statements can be judged", fix)
		case p.managed != "":
			service, known := serviceManaged[p.managed]
			fits := known && slices.ContainsFunc(trust.Allows(), func(t policy.Statement) bool { return slices.Equal(t.Principals["Service"], []string{service}) })
			r.Say(p.source, fits, p.managed+" for "+role.Name, "no policy of AWS's own, except those made for the one service that takes the role", "write a policy for the role, with the actions it needs")
		default:
			wantNarrowDocument(r, w, p.source, p.document, fix)
		}
	}
}

func wantNarrowDocument(r *promises.Report, w width, source *graph.Resource, document policy.Document, fix string) {
	var problems []string
	for _, statement := range document.Allows() {
		if problem := w.excess(statement); problem != "" {
			problems = append(problems, problem)
		}
	}
	found := "named actions on named resources"
	if len(problems) > 0 {
		found = strings.Join(problems, "; ")
	}
	r.Say(source, len(problems) == 0, found, "named actions on named resources of the account, and nothing that changes what guards them", fix)
}

// wantChatReads reports whether whoever writes in the chat channel can do more than look.
func wantChatReads(s promises.Subject, r *promises.Report, w width) {
	for _, channel := range s.Graph.OfType("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration") {
		const fix = "keep the guardrail of components/alerting/slack.go"
		rails := channel.Texts("guardrailPolicyArns")
		role := channel.Ref("iamRoleArn", typeRole)
		holds := len(rails) > 0
		shows := role != nil && takenBy(role, "chatbot.amazonaws.com") && len(allowing(permissionsOf(s.Graph, role), "cloudwatch:DescribeAlarms")) > 0
		r.Want(channel, shows, "iamRoleArn", "a role of the stack that Chatbot takes, and that reads alarms", fix)
		for _, arn := range rails {
			rail := s.Graph.Resolve(arn, iamPolicy)
			holds = holds && rail != nil
			if rail == nil {
				continue
			}
			document, err := policy.Parse(rail.Text("policy"))
			reads := err == nil && len(document.Allows()) > 0
			for _, statement := range document.Allows() {
				reads = reads && w.excess(statement) == "" && !slices.ContainsFunc(statement.Actions, func(action string) bool {
					return !strings.HasPrefix(action, "cloudwatch:") || slices.Contains(daily, action)
				})
			}
			r.Say(rail, reads, "the most that people in the chat channel can do", "reads alarms and their graphs, and nothing else", fix)
		}
		r.Want(channel, holds, "guardrailPolicyArns", "a policy of the stack that lets people in the channel read alarms only", fix)
		r.Want(channel, channel.Bool("userAuthorizationRequired"), "userAuthorizationRequired", "true: the channel itself acts for nobody", fix)
	}
}
