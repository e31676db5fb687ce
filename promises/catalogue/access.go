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

// What the promises on access (AC) and operations (OP) share: who may do what, as IAM's resources say it.

const (
	iamUser   = "aws:iam/user:User"
	iamGroup  = "aws:iam/group:Group"
	iamPolicy = "aws:iam/policy:Policy"

	sessionDocument = "aws:ssm/document:Document"
	auditTrail      = "aws:cloudtrail/trail:Trail"
)

// permission is one policy of a role, a user or a group.
type permission struct {
	source   *graph.Resource // what gives it: where a finding points
	managed  string          // ARN of a policy that is no resource of the stack, such as one of AWS's own
	document policy.Document
	unread   bool // its text cannot be read
}

// bindings are the resources that give permissions to a kind of holder, by the property that names the holder.
var bindings = map[string]struct{ one, several, inline, attached string }{
	typeRole: {"role", "roles", "aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"},
	iamUser:  {"user", "users", "aws:iam/userPolicy:UserPolicy", "aws:iam/userPolicyAttachment:UserPolicyAttachment"},
	iamGroup: {"group", "groups", "aws:iam/groupPolicy:GroupPolicy", "aws:iam/groupPolicyAttachment:GroupPolicyAttachment"},
}

// permissionsOf is all that a role, user or group is given. Boundaries give nothing.
func permissionsOf(g *graph.Graph, holder *graph.Resource) []permission {
	var all []permission
	read := func(source *graph.Resource, text string) {
		document, err := policy.Parse(text)
		all = append(all, permission{source: source, document: document, unread: err != nil})
	}
	attach := func(source *graph.Resource, arn string) {
		if own := g.Resolve(arn, iamPolicy); own != nil {
			read(own, own.Text("policy"))
			return
		}
		all = append(all, permission{source: source, managed: arn})
	}
	by := bindings[holder.Type]
	for _, inline := range holder.Referrers(by.one, by.inline) {
		read(inline, inline.Text("policy"))
	}
	attached := append(holder.Referrers(by.one, by.attached), holder.Referrers(by.several, "aws:iam/policyAttachment:PolicyAttachment")...)
	for _, attachment := range attached {
		attach(attachment, attachment.Text("policyArn"))
	}
	if holder.Type == typeRole {
		for _, inline := range holder.Items("inlinePolicies") {
			if inline.Has("policy") {
				read(holder, inline.Text("policy"))
			}
		}
		for _, arn := range holder.Texts("managedPolicyArns") {
			attach(holder, arn)
		}
	}
	return all
}

// allowing are the statements that allow an action, of all permissions.
func allowing(permissions []permission, action string) []policy.Statement {
	var found []policy.Statement
	for _, p := range permissions {
		for _, statement := range p.document.Allows() {
			if statement.Covers(action) {
				found = append(found, statement)
			}
		}
	}
	return found
}

// trustOf is the policy that says who takes a role; false where it cannot be read.
func trustOf(role *graph.Resource) (policy.Document, bool) {
	document, err := policy.Parse(role.Text("assumeRolePolicy"))
	return document, err == nil
}

// Who takes a role, as far as its trust tells.
const (
	takenByServices  = "services"
	takenByPeople    = "people" // users, roles, accounts, or everybody
	takenByFederated = "federated"
	takenByVerifiers = "verifiers" // the role that reads the account back: AC-3 holds it to those whom the spec names, and to looking
)

// takers is the most that a role's trust lets in. A trust that cannot be read might let everybody in.
func takers(role *graph.Resource) string {
	if role.Text("name") == verifierRole {
		return takenByVerifiers
	}
	trust, ok := trustOf(role)
	if !ok {
		return takenByPeople
	}
	who := takenByServices
	for _, s := range trust.Allows() {
		switch {
		case s.Everyone(), len(s.Principals["AWS"]) > 0, len(s.Principals["CanonicalUser"]) > 0:
			return takenByPeople
		case len(s.Principals["Federated"]) > 0:
			who = takenByFederated
		}
	}
	return who
}

// takenBy tells whether a service of AWS takes a role.
func takenBy(role *graph.Resource, service string) bool {
	trust, _ := trustOf(role)
	return slices.ContainsFunc(trust.Allows(), func(s policy.Statement) bool { return slices.Contains(s.Principals["Service"], service) })
}

// machineRoles are the roles that machines get by launch templates.
func machineRoles(g *graph.Graph) []*graph.Resource {
	var roles []*graph.Resource
	for _, template := range g.OfType("aws:ec2/launchTemplate:LaunchTemplate") {
		if role := roleOfMachine(g, template); role != nil && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// roleOfMachine is the role that a launch template or an instance gives to its machines, or nil.
func roleOfMachine(g *graph.Graph, machine *graph.Resource) *graph.Resource {
	properties := []string{"iamInstanceProfile.arn", "iamInstanceProfile.name"}
	if machine.Type == "aws:ec2/instance:Instance" {
		properties = []string{"iamInstanceProfile"}
	}
	for _, property := range properties {
		if profile := g.Resolve(machine.Text(property), "aws:iam/instanceProfile:InstanceProfile"); profile != nil {
			return profile.Ref("role", typeRole)
		}
	}
	return nil
}

// is is a condition that a policy's statement should have.
func is(operator, key string, values ...string) policy.Condition {
	return policy.Condition{Operator: operator, Key: key, Values: values}
}

// lacks names the conditions that a statement does not have exactly so. More conditions only narrow it.
func lacks(s policy.Statement, want ...policy.Condition) []string {
	var missing []string
	for _, c := range want {
		if values, ok := s.Condition(c.Operator, c.Key); !ok || !sameTexts(values, c.Values) {
			missing = append(missing, c.Operator+" "+c.Key+" "+strings.Join(c.Values, " or "))
		}
	}
	return missing
}

// wild tells whether a name stands for more than itself.
func wild(name string) bool { return strings.ContainsAny(name, "*?") }

// sameTexts tells whether two lists say the same, in whatever order.
func sameTexts(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// listed is a list for people.
func listed(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

// denied tells whether a document denies an action on a resource, whatever else is allowed and whoever asks.
func denied(d policy.Document, action, resource string) bool {
	return slices.ContainsFunc(d.Denies(), func(s policy.Statement) bool {
		return len(s.Conditions) == 0 && s.Covers(action) && slices.ContainsFunc(s.Resources, func(pattern string) bool { return policy.Matches(pattern, resource) })
	})
}

// wantDenied reports whether a policy denies actions on a resource whatever else is allowed.
func wantDenied(r *promises.Report, source *graph.Resource, actions []string, resource, why, fix string) {
	document, err := policy.Parse(source.Text("policy"))
	var open []string
	for _, action := range actions {
		if err != nil || !denied(document, action, resource) {
			open = append(open, action)
		}
	}
	found := "denies " + strings.Join(actions, ", ") + " on " + resource
	if len(open) > 0 {
		found = "does not deny " + strings.Join(open, ", ") + " on " + resource
	}
	r.Say(source, len(open) == 0, found, "denied: "+why, fix)
}

// wantServiceTrust reports whether a role is taken by AWS's services alone, and by each on the account's own behalf:
// otherwise somebody else's backup plan or log could act with it.
func wantServiceTrust(s promises.Subject, r *promises.Report, role *graph.Resource, account string) {
	const fix = "trust one service with policy.OnlyFor(account, source) in the component that makes the role"
	expected := "taken by AWS services only, on behalf of account " + account
	trust, ok := trustOf(role)
	if !ok {
		r.Want(role, false, "assumeRolePolicy", expected, fix)
		return
	}
	var services, wrong []string
	for _, statement := range trust.Allows() {
		services = append(services, statement.Principals["Service"]...)
		if len(statement.Principals["Service"]) == 0 || len(statement.Principals) > 1 || len(statement.NotPrincipals) > 0 {
			wrong = append(wrong, "others than services may take it")
		}
		if !slices.Equal(statement.Actions, []string{"sts:AssumeRole"}) {
			wrong = append(wrong, "it allows "+listed(statement.Actions))
		}
		for _, service := range statement.Principals["Service"] {
			if !strings.HasSuffix(service, ".amazonaws.com") || wild(service) {
				wrong = append(wrong, service+" is no service of AWS")
			}
			wrong = append(wrong, behalf(s.Graph, statement, service, account)...)
		}
	}
	if len(services) == 0 {
		wrong = append(wrong, "nobody may take it")
	}
	found := "taken by " + listed(services) + " for the account's own resources"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	r.Say(role, len(wrong) == 0, found, expected, fix)
}

// behalf says what is missing for a service to act for the account alone.
func behalf(g *graph.Graph, statement policy.Statement, service, account string) []string {
	if service == "ec2.amazonaws.com" {
		return nil // EC2 hands a role to the account's own machines only, and sends no source
	}
	wrong := lacks(statement, is("StringEquals", "aws:SourceAccount", account))
	if service == "backup.amazonaws.com" {
		return wrong // sends no source ARN
	}
	named := false
	for _, c := range statement.Conditions {
		if !strings.EqualFold(c.Key, "aws:SourceArn") || !strings.HasPrefix(c.Operator, "Arn") || strings.Contains(c.Operator, "Not") || strings.HasSuffix(c.Operator, "IfExists") {
			continue
		}
		named = true
		for _, source := range c.Values {
			if g.Resolve(source) == nil && !strings.Contains(source, ":"+account+":") {
				wrong = append(wrong, "aws:SourceArn "+source+" is none of the account's")
			}
		}
	}
	if !named {
		wrong = append(wrong, "ArnLike aws:SourceArn")
	}
	return wrong
}

// accountOf is the AWS account that a stack is in.
func accountOf(s promises.Subject) string {
	if o := s.Organisation(); o != nil {
		return o.AWS.Account
	}
	return s.Client().AWS.Account
}

// assigned is one person's assignment to a role.
type assigned struct{ person, until string }

// assignments are who holds a role by the spec, and the instant at which each assignment ends.
func assignments(o *spec.Organisation, role string) []assigned {
	var list []assigned
	for _, p := range o.Staff {
		for _, a := range p.Assignments {
			if a.Role == role {
				list = append(list, assigned{p.Name, a.Until.End().UTC().Format("2006-01-02T15:04:05Z")})
			}
		}
	}
	return list
}

// kebabRoles are the assignments' roles as names of resources write them.
var kebabRoles = map[string]string{
	"administrator": "administrator", "engineer": "engineer", "support": "support", "readOnly": "read-only", "breakGlassDatabase": "break-glass-database",
}

// staffRole is the role of an assignment in the organisation's own account; what is missing is reported.
func staffRole(s promises.Subject, r *promises.Report, role string) *graph.Resource {
	name := s.Organisation().Name + "-" + kebabRoles[role]
	found := s.Graph.Resolve(name, typeRole)
	if found == nil {
		r.Missing("role "+name, "a role for the assignment "+role, "keep the component identity in the organisation's stack")
	}
	return found
}

// wantStaffTrust reports whether exactly the people who hold an assignment take its role, each until their own last
// day, from the office, under their own name and with a fresh second factor.
func wantStaffTrust(s promises.Subject, r *promises.Report, role *graph.Resource, assignment string) {
	o := s.Organisation()
	const fix = "change staff.assignments in the organisation's spec; the component identity writes the trust from it"
	trust, ok := trustOf(role)
	if !ok {
		r.Want(role, false, "assumeRolePolicy", "a trust policy that can be read", fix)
		return
	}
	var want, found, wrong []string
	for _, a := range assignments(o, assignment) {
		want = append(want, a.person+" until "+a.until)
	}
	conditions := []policy.Condition{
		is("Bool", "aws:MultiFactorAuthPresent", "true"), is("NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
		is("IpAddress", "aws:SourceIp", offices(o)...), is("StringEquals", "sts:RoleSessionName", "${aws:username}"),
	}
	for _, statement := range trust.Allows() {
		until, dated := statement.Condition("DateLessThan", "aws:CurrentTime")
		if !dated || len(until) != 1 {
			until = []string{"for ever"}
		}
		for kind, who := range statement.Principals {
			for _, arn := range who {
				name := kind + " " + arn
				if user := s.Graph.Resolve(arn, iamUser); user != nil && kind == "AWS" {
					name = user.Text("name")
				}
				found = append(found, name+" until "+until[0])
			}
		}
		if len(statement.NotPrincipals) > 0 {
			found = append(found, "everybody but a few")
		}
		if !slices.Equal(statement.Actions, []string{"sts:AssumeRole"}) {
			wrong = append(wrong, "it allows "+listed(statement.Actions))
		}
		wrong = append(wrong, lacks(statement, conditions...)...)
	}
	r.Say(role, sameTexts(want, found), "taken by "+listed(found), "exactly the people who are assigned, each until the end of the assignment: "+listed(want), fix)
	how := "second factor within the hour, from the office, under the person's own name"
	if len(wrong) > 0 {
		how = "not exactly so: " + strings.Join(wrong, "; ")
	}
	r.Say(role, len(wrong) == 0, how, "a second factor within the hour, from the office's addresses only, and a session in the person's own name",
		"restore the conditions in components/identity/roles.go, and officeCidrs in the spec")
}

// offices are the office's addresses as policies write them.
func offices(o *spec.Organisation) []string {
	var list []string
	for _, p := range o.OfficeCIDRs {
		list = append(list, p.String())
	}
	return list
}

// wantSession reports whether sessions of a role are as short as they should be.
func wantSession(r *promises.Report, role *graph.Resource, seconds float64) {
	length, given := role.Number("maxSessionDuration")
	r.Want(role, given && length <= seconds, "maxSessionDuration", fmt.Sprintf("at most %g hours", seconds/3600), "shorten the role's sessions in the component that makes it")
}

// clientSpec is the spec of a client on AWS; an empty one where the spec is of another kind, or none.
func clientSpec(s *spec.Spec) *spec.AWSClient {
	if s == nil || s.AWSClient == nil {
		return &spec.AWSClient{}
	}
	return s.AWSClient
}

// organisationSpec is the organisation's spec; an empty one where the spec is of another kind, or none.
func organisationSpec(s *spec.Spec) *spec.Organisation {
	if s == nil || s.Organisation == nil {
		return &spec.Organisation{}
	}
	return s.Organisation
}
