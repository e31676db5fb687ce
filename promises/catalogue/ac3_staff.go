package catalogue

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// assignment is what one kind of assignment may give.
type assignment struct {
	role    string
	seconds float64  // a session lasts at most
	managed []string // AWS's own policies, no more than these
	blind   bool     // sees no data, whatever those policies come to allow
	needs   []string // what the assignment could not do without
}

const (
	managedAdministrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	managedViewOnly      = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
	managedAudit         = "arn:aws:iam::aws:policy/SecurityAudit"
	managedSupport       = "arn:aws:iam::aws:policy/AWSSupportAccess" // opens cases with AWS
)

// breakGlassDatabase is the one assignment that AC-4 looks after.
const breakGlassDatabase = "breakGlassDatabase"

var staffAssignments = []assignment{
	{role: "administrator", seconds: 3600, managed: []string{managedAdministrator}},
	{role: "engineer", seconds: 4 * 3600, managed: []string{managedViewOnly}, needs: []string{"s3:GetObject", "s3:PutObject", "kms:Decrypt", "logs:FilterLogEvents"}},
	{role: "support", seconds: 2 * 3600, managed: []string{managedViewOnly, managedSupport}, blind: true, needs: []string{"ssm-incidents:StartIncident"}},
	{role: "readOnly", seconds: 4 * 3600, managed: []string{managedViewOnly, managedAudit}, blind: true},
}

// dataActions show data or secrets, or open a way to them.
var dataActions = []string{
	"athena:GetQueryResults", "backup:StartRestoreJob", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "ebs:GetSnapshotBlock", "ec2:GetConsoleOutput", "ec2:GetPasswordData",
	"kms:Decrypt", "lambda:GetFunction", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetQueryResults", "logs:StartQuery", "rds-data:ExecuteStatement", "rds-db:connect",
	"s3:GetObject", "s3:GetObjectVersion", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:StartSession",
}

// staffAccess judges the organisation's stack: roles, boundaries, people and their groups.
func staffAccess(s promises.Subject, r *promises.Report) {
	o := s.Organisation()
	w := width{graph: s.Graph, accounts: []string{o.AWS.Account}}
	for _, client := range o.Clients {
		w.accounts = append(w.accounts, client.Account)
	}
	var boundaries []*graph.Resource
	staff := map[*graph.Resource]bool{staffRoleOf(s, breakGlassDatabase): true}
	for _, a := range staffAssignments {
		role := staffRole(s, r, a.role)
		if role == nil {
			continue
		}
		staff[role] = true
		wantStaffTrust(s, r, role, a.role)
		wantSession(r, role, a.seconds)
		byHand := w
		byHand.keys = true // engineers preview and deploy by hand, as the pipeline does
		wantAssignment(s, r, byHand, role, a)
		if boundary := wantRoleBoundary(r, role); boundary != nil && !slices.Contains(boundaries, boundary) {
			boundaries = append(boundaries, boundary)
			wantStaffBoundary(s, r, boundary)
		}
		wantGroup(s, r, a.role)
	}
	for _, role := range s.Graph.OfType(typeRole) {
		if staff[role] || takers(role) == takenByFederated || takers(role) == takenByVerifiers {
			continue // the pipeline's roles are OP-1's
		}
		wantServiceTrust(s, r, role, o.AWS.Account)
		wantNarrow(s, r, w, role)
	}
	staffUsers(s, r)
	sharedVaults(s, r)
	staffAsThemselves(s, r, w)
	wantChatReads(s, r, w)
	wantVerifier(s, r)
}

// staffRoleOf is the role of an assignment, or nil.
func staffRoleOf(s promises.Subject, role string) *graph.Resource {
	return s.Graph.Resolve(s.Organisation().Name+"-"+kebabRoles[role], typeRole)
}

// wantAssignment reports whether a role allows what the assignment needs and no more.
func wantAssignment(s promises.Subject, r *promises.Report, w width, role *graph.Resource, a assignment) {
	const fix = "correct the role in components/identity/roles.go"
	var managed []string
	blind := false
	permissions := permissionsOf(s.Graph, role)
	for _, p := range permissions {
		switch {
		case p.unread:
			r.Say(p.source, false, "a policy that cannot be read", "a policy whose statements can be judged", fix)
		case p.managed != "":
			managed = append(managed, p.managed)
		default:
			wantNarrowDocument(r, w, p.source, p.document, fix)
			if a.blind && !blind {
				blind = !slices.ContainsFunc(dataActions, func(action string) bool { return !denied(p.document, action, "*") })
			}
		}
	}
	missing := slices.DeleteFunc(slices.Clone(a.needs), func(action string) bool { return len(allowing(permissions, action)) > 0 })
	r.Say(role, len(missing) == 0, "cannot: "+listed(missing), "can do what the assignment needs: "+listed(a.needs), fix)
	r.Say(role, sameTexts(managed, a.managed), "policies of AWS's own: "+listed(managed), "exactly "+listed(a.managed), fix)
	if a.blind {
		found := "some data could be read"
		if blind {
			found = "all reading of data and secrets is denied"
		}
		r.Say(role, blind, found, "a denial of everything that shows clients' data or secrets", fix)
	}
}

// wantRoleBoundary reports whether a role is bounded, so that nobody grows out of an assignment.
func wantRoleBoundary(r *promises.Report, role *graph.Resource) *graph.Resource {
	const fix = "set PermissionsBoundary to the staff's boundary in components/identity/roles.go"
	boundary := role.Ref("permissionsBoundary", iamPolicy)
	r.Want(role, boundary != nil, "permissionsBoundary", "a boundary of this stack, beyond which nothing can be allowed", fix)
	return boundary
}

// wantStaffBoundary reports whether a boundary of staff roles keeps people from making keys, roles or users without it.
func wantStaffBoundary(s promises.Subject, r *promises.Report, boundary *graph.Resource) {
	account := s.Organisation().AWS.Account
	const fix = "restore the denial in components/identity/roles.go"
	wantDenied(r, boundary, []string{"iam:CreateAccessKey", "iam:CreateServiceSpecificCredential", "iam:UploadSSHPublicKey"}, "arn:aws:iam::"+account+":user/staff/somebody",
		"nobody has credentials without a second factor", fix)
	wantDenied(r, boundary, []string{"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"}, "arn:aws:iam::"+account+":role/any",
		"nobody steps out of a boundary", fix)
	boundaries := staffBoundaries(s.Graph)
	for _, other := range boundaries {
		wantDenied(r, boundary, []string{"iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"}, "arn:aws:iam::"+account+":policy/"+other.Text("name"),
			"nobody changes a boundary", fix)
	}
	document, _ := policy.Parse(boundary.Text("policy"))
	bound := false
	for _, statement := range document.Denies() {
		limits, ok := statement.Condition("ArnNotEquals", "iam:PermissionsBoundary")
		own := ok && len(limits) > 0 && !slices.ContainsFunc(limits, func(arn string) bool {
			return !slices.ContainsFunc(boundaries, func(b *graph.Resource) bool { return arn == "arn:aws:iam::"+account+":policy/"+b.Text("name") })
		})
		bound = bound || own && len(statement.Conditions) == 1 && statement.Covers("iam:CreateRole") && statement.Covers("iam:CreateUser") && slices.Contains(statement.Resources, "*")
	}
	found := "new roles and users may be made without it"
	if bound {
		found = "new roles and users only with a boundary of the staff's"
	}
	r.Say(boundary, bound, found, "a denial of iam:CreateRole and iam:CreateUser without a boundary of the staff's", fix)
}
