package live

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/components/verifier/actions"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// verifyRole is the role that reads the account back.
const verifyRole = "berth-verify"

// assignment is what one kind of assignment may give.
type assignment struct {
	role    string
	name    string // as names of roles and groups write it
	session time.Duration
	managed []string // AWS's own policies, exactly these
	blind   bool     // sees no data, whatever those policies come to allow
}

const awsPolicy = "arn:aws:iam::aws:policy/"

// breakGlass is the one assignment whose role does nothing by itself.
const breakGlass = "breakGlassDatabase"

var assignments = []assignment{
	{"administrator", "administrator", time.Hour, []string{awsPolicy + "AdministratorAccess"}, false},
	{"engineer", "engineer", 4 * time.Hour, []string{awsPolicy + "job-function/ViewOnlyAccess"}, false},
	{"support", "support", 2 * time.Hour, []string{awsPolicy + "job-function/ViewOnlyAccess", awsPolicy + "AWSSupportAccess"}, true},
	{"readOnly", "read-only", 4 * time.Hour, []string{awsPolicy + "job-function/ViewOnlyAccess", awsPolicy + "SecurityAudit"}, true},
	{breakGlass, "break-glass-database", time.Hour, nil, false},
}

// dataActions show data or secrets, or open a way to them.
var dataActions = []string{
	"athena:GetQueryResults", "backup:StartRestoreJob", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "ebs:GetSnapshotBlock", "ec2:GetConsoleOutput", "ec2:GetPasswordData",
	"kms:Decrypt", "lambda:GetFunction", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetQueryResults", "logs:StartQuery", "rds-data:ExecuteStatement", "rds-db:connect",
	"s3:GetObject", "s3:GetObjectVersion", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:StartSession",
}

const fixStaff = "run `berth up` for the organisation, or find out who changed it by hand: staff.assignments in its spec is where access is given"

// leastPrivilege is the look at AC-3.
func leastPrivilege(ctx context.Context, l *look) error {
	all, err := l.authority(ctx)
	if err != nil {
		return err
	}
	w, err := l.width(ctx)
	if err != nil {
		return err
	}
	if l.subject.Organisation() != nil {
		l.staffAccess(all, w)
		return nil
	}
	l.clientAccess(all, w)
	return nil
}

// width is what may be named in the account's policies.
func (l *look) width(ctx context.Context) (width, error) {
	w := width{accounts: []string{l.number}, buckets: map[string]bool{}}
	own, err := l.allBuckets(ctx)
	if err != nil {
		return w, err
	}
	for _, b := range own {
		w.buckets[b.name] = true
	}
	if o := l.subject.Organisation(); o != nil {
		for _, c := range o.Clients {
			w.accounts = append(w.accounts, c.Account)
		}
		return w, nil
	}
	w.narrow = true
	w.buckets[l.subject.Client().Service.Release.Bucket] = true
	return w, nil
}

// staffAccess holds the organisation's account against the assignments of the spec.
func (l *look) staffAccess(all *authority, w width) {
	o := l.subject.Organisation()
	staff := map[string]bool{}
	var boundaries []string
	for _, a := range assignments {
		staff[o.Name+"-"+a.name] = true
		role := all.role(o.Name + "-" + a.name)
		if role == nil {
			l.missing("role "+o.Name+"-"+a.name, "a role for the assignment "+a.role, fixStaff)
			continue
		}
		l.wantStaffTrust(*role, a)
		l.want(role.object, role.session <= a.session && role.session > 0, "maxSessionDuration", role.session.Seconds(), fmt.Sprintf("at most %g hours", a.session.Hours()), fixStaff)
		l.wantAssignment(*role, a, w)
		_, bounded := all.policies[role.boundary]
		l.want(role.object, bounded, "permissionsBoundary", role.boundary, "a boundary of the account's own, beyond which nothing can be allowed", fixStaff)
		if bounded && !slices.Contains(boundaries, role.boundary) {
			boundaries = append(boundaries, role.boundary)
		}
		l.wantGroup(all, a)
	}
	for _, boundary := range boundaries {
		l.wantStaffBoundary(all, boundary)
	}
	for _, role := range all.roles {
		switch {
		case role.linked() || staff[role.name] || role.takers() == byFederated: // OP-1 looks at those of the pipeline
		case role.name == verifyRole:
			l.wantVerifier(role, o.AWS.Verifiers)
		case o.AWS.DeployRoleArn != "" && role.arn == o.AWS.DeployRoleArn:
			l.wantNamed(role, l.number)
		default:
			l.wantServiceTrust(role)
			l.wantNarrow(role, w)
		}
	}
	l.staffUsers(all)
	l.staffAsThemselves(all, w)
	known := map[string]bool{o.Name + "-staff": true}
	for _, a := range assignments {
		known[o.Name+"-"+a.name] = true
	}
	for _, group := range all.groups {
		l.want(group.object, known[group.name], "name", group.name, "a group of all staff or of an assignment", "delete the group: assignments are given in the organisation's spec")
	}
}

// wantStaffTrust reports whether exactly the people who hold an assignment take its role, each until their own last
// day, from the office, under their own name and with a fresh second factor. Whoever's day has passed takes it no more.
func (l *look) wantStaffTrust(role holder, a assignment) {
	o := l.subject.Organisation()
	var want, found, wrong []string
	for _, p := range o.Staff {
		var last spec.Date
		for _, one := range p.Assignments {
			if one.Role == a.role && one.Until.After(last.Time) {
				last = one.Until
			}
		}
		if !last.IsZero() {
			want = append(want, p.Name+" until "+last.End().UTC().Format(time.RFC3339))
		}
	}
	conditions := []policy.Condition{
		is("Bool", "aws:MultiFactorAuthPresent", "true"), is("NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
		is("IpAddress", "aws:SourceIp", offices(o)...), is("StringEquals", "sts:RoleSessionName", "${aws:username}"),
	}
	user := "arn:aws:iam::" + l.number + ":user/staff/"
	for _, s := range role.trust.Allows() {
		until, dated := s.Condition("DateLessThan", "aws:CurrentTime")
		if !dated || len(until) != 1 {
			until = []string{"for ever"}
		}
		for kind, who := range s.Principals {
			for _, arn := range who {
				name := kind + " " + arn
				if person, isUser := strings.CutPrefix(arn, user); isUser && kind == "AWS" {
					name = person
				}
				found = append(found, name+" until "+until[0])
			}
		}
		if len(s.NotPrincipals) > 0 {
			found = append(found, "everybody but a few")
		}
		if !slices.Equal(s.Actions, []string{"sts:AssumeRole"}) {
			wrong = append(wrong, "it allows "+inOrder(s.Actions))
		}
		wrong = append(wrong, lacks(s, conditions...)...)
	}
	if !role.trusted {
		found = append(found, "a trust that cannot be read")
	}
	l.want(role.object, sameTexts(want, found), "assumeRolePolicy", "taken by "+inOrder(found), "exactly the people who are assigned, each until the end of the assignment: "+inOrder(want), fixStaff)
	how := "second factor within the hour, from the office, under the person's own name"
	if len(wrong) > 0 {
		how = "not exactly so: " + strings.Join(wrong, "; ")
	}
	l.want(role.object, len(wrong) == 0, "assumeRolePolicy", how, "a second factor within the hour, from the office's addresses only, and a session in the person's own name", fixStaff)
}

func offices(o *spec.Organisation) []string {
	var list []string
	for _, p := range o.OfficeCIDRs {
		list = append(list, p.String())
	}
	return list
}

// wantAssignment reports whether a role allows no more than the assignment.
func (l *look) wantAssignment(role holder, a assignment, w width) {
	w.keys = true // engineers preview and deploy by hand, as the pipeline does
	var managed, problems []string
	blind := false
	for _, p := range role.permissions {
		switch {
		case p.unread:
			problems = append(problems, p.name+" cannot be read")
		case p.managed:
			managed = append(managed, p.name)
		default:
			problems = append(problems, w.problems(p)...)
			blind = blind || !slices.ContainsFunc(dataActions, func(action string) bool { return !denies(p.document, action, "*") })
		}
	}
	l.wantNoProblems(role, problems)
	l.want(role.object, sameTexts(managed, a.managed), "managedPolicyArns", inOrder(managed), "exactly "+inOrder(a.managed), fixStaff)
	if a.blind {
		found := "some data could be read"
		if blind {
			found = "all reading of data and secrets is denied"
		}
		l.want(role.object, blind, "policies", found, "a denial of everything that shows clients' data or secrets", fixStaff)
	}
}

// assumable are the roles that an assignment lets people take: in the organisation's account and in each client's.
func (a assignment) assumable(o *spec.Organisation) []string {
	arns := []string{"arn:aws:iam::" + o.AWS.Account + ":role/" + o.Name + "-" + a.name}
	for _, client := range o.Clients {
		arns = append(arns, "arn:aws:iam::"+client.Account+":role/berth-"+a.name)
		if a.role == breakGlass { // made by the client's stack while the door is open
			arns = append(arns, "arn:aws:iam::"+client.Account+":role/"+client.Name+"-*-break-glass")
		}
	}
	return arns
}

// wantGroup reports whether the holders of an assignment may take its roles and do nothing else by it.
func (l *look) wantGroup(all *authority, a assignment) {
	o := l.subject.Organisation()
	group := all.group(o.Name + "-" + a.name)
	if group == nil {
		l.missing("group "+o.Name+"-"+a.name, "a group for the assignment "+a.role, fixStaff)
		return
	}
	var found, wrong []string
	for _, p := range group.permissions {
		if p.unread || p.managed {
			wrong = append(wrong, "a policy beyond taking roles: "+p.name)
		}
		for _, s := range p.document.Allows() {
			found = append(found, s.Resources...)
			if !slices.Equal(s.Actions, []string{"sts:AssumeRole"}) || len(s.NotActions)+len(s.NotResources) > 0 {
				wrong = append(wrong, "it allows "+inOrder(slices.Concat(s.Actions, s.NotActions)))
			}
			wrong = append(wrong, lacks(s, is("Bool", "aws:MultiFactorAuthPresent", "true"))...)
		}
	}
	if want := a.assumable(o); !sameTexts(want, found) {
		wrong = append(wrong, "it lets its members take "+inOrder(found))
	}
	how := "its members take the assignment's own roles, with a second factor"
	if len(wrong) > 0 {
		how = strings.Join(wrong, "; ")
	}
	l.want(group.object, len(wrong) == 0, "policies", how, "nothing but taking the assignment's own roles, with a second factor", fixStaff)
}

// staffUsers judges users: of the staff, bounded, without power of their own, and in the groups of their assignments only.
func (l *look) staffUsers(all *authority) {
	o := l.subject.Organisation()
	for _, user := range all.users {
		i := slices.IndexFunc(o.Staff, func(p spec.Person) bool { return p.Name == user.name })
		l.want(user.object, i >= 0, "name", user.name, "a member of the staff that the spec lists", "delete the user, or add the person to staff in the organisation's spec")
		if i < 0 {
			continue
		}
		var own []string
		for _, p := range user.permissions {
			own = append(own, p.name)
		}
		l.want(user.object, len(own) == 0, "policies", inOrder(own), "none of the person's own: roles give access, and end", fixStaff)
		_, bounded := all.policies[user.boundary]
		l.want(user.object, bounded, "permissionsBoundary", user.boundary, "a boundary of the account's own, beyond which nothing can be allowed", fixStaff)
		want := []string{o.Name + "-staff"}
		for _, given := range o.Staff[i].Assignments {
			for _, a := range assignments {
				if a.role == given.Role {
					want = append(want, o.Name+"-"+a.name)
				}
			}
		}
		l.want(user.object, sameTexts(want, user.groups), "groups", inOrder(user.groups), "exactly the groups of the person's assignments: "+inOrder(want), fixStaff)
	}
}

// staffAsThemselves judges what all staff may do as themselves: look after their own credentials and take roles from the
// office, and nothing else.
func (l *look) staffAsThemselves(all *authority, w width) {
	o := l.subject.Organisation()
	group := all.group(o.Name + "-staff")
	if group == nil {
		l.missing("group "+o.Name+"-staff", "a group of all staff, with what they may do as themselves", fixStaff)
		return
	}
	l.wantNarrow(*group, w)
	office := false
	for _, p := range group.permissions {
		l.wantOwnOnly(group.object, p.document)
		office = office || slices.ContainsFunc(p.document.Denies(), func(d policy.Statement) bool {
			return d.Covers("sts:AssumeRole") && slices.Contains(d.Resources, "*") && len(d.Conditions) == 1 && len(lacks(d, is("NotIpAddress", "aws:SourceIp", offices(o)...))) == 0
		})
	}
	l.want(group.object, office, "policies", fmt.Sprintf("roles are taken from the office only: %t", office), "roles are taken from the office's addresses only: "+inOrder(offices(o)), fixStaff)

	var want []string
	for _, a := range assignments {
		want = append(want, a.assumable(o)...)
	}
	seen := map[string]bool{}
	for _, user := range all.users {
		document, known := all.policies[user.boundary]
		if !known || seen[user.boundary] {
			continue
		}
		seen[user.boundary] = true
		at := object{tokenPolicy, user.boundary}
		l.wantNarrow(holder{object: at, permissions: []permission{{name: "boundary", document: document}}}, w)
		l.wantOwnOnly(at, document)
		var roles []string
		for _, s := range document.Allows() {
			if s.Covers("sts:AssumeRole") {
				roles = append(roles, s.Resources...)
			}
		}
		l.want(at, sameTexts(want, roles), "policy", "at most these roles: "+inOrder(roles), "at most the roles of assignments: "+inOrder(want), fixStaff)
	}
}

// wantOwnOnly reports whether people change nobody's credentials but their own.
func (l *look) wantOwnOnly(o object, document policy.Document) {
	var others []string
	for _, s := range document.Allows() {
		for _, resource := range s.Resources {
			if strings.Contains(resource, ":user/") && !strings.HasSuffix(resource, "/${aws:username}") {
				others = append(others, resource)
			}
		}
	}
	l.want(o, len(others) == 0, "policy", "credentials of others: "+inOrder(others), "people look after their own credentials only", fixStaff)
}

// wantStaffBoundary reports whether a boundary of staff roles keeps people from making keys, roles or users without it.
func (l *look) wantStaffBoundary(all *authority, boundary string) {
	const fix = "restore the denial: run `berth up` for the organisation"
	document := all.policies[boundary]
	account := "arn:aws:iam::" + l.number
	l.wantDenied(boundary, document, []string{"iam:CreateAccessKey", "iam:CreateServiceSpecificCredential", "iam:UploadSSHPublicKey"}, account+":user/staff/somebody",
		"nobody has credentials without a second factor", fix)
	l.wantDenied(boundary, document, []string{"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"},
		account+":role/any", "nobody steps out of a boundary", fix)
	limits := map[string]bool{boundary: true}
	for _, user := range all.users {
		if _, own := all.policies[user.boundary]; own {
			limits[user.boundary] = true
		}
	}
	for _, one := range slices.Sorted(maps.Keys(limits)) {
		l.wantDenied(boundary, document, []string{"iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"}, one, "nobody changes a boundary", fix)
	}
	bound := slices.ContainsFunc(document.Denies(), func(s policy.Statement) bool {
		given, ok := s.Condition("ArnNotEquals", "iam:PermissionsBoundary")
		own := ok && len(given) > 0 && !slices.ContainsFunc(given, func(arn string) bool { return !limits[arn] })
		return own && len(s.Conditions) == 1 && s.Covers("iam:CreateRole") && s.Covers("iam:CreateUser") && slices.Contains(s.Resources, "*")
	})
	l.want(object{tokenPolicy, boundary}, bound, "policy", fmt.Sprintf("new roles and users only with a boundary of the staff's: %t", bound),
		"a denial of iam:CreateRole and iam:CreateUser without a boundary of the staff's", fix)
}

// accountsRoles are the roles that are made where a client's account is set up, besides those that the client's stack makes.
var accountsRoles = regexp.MustCompile(`^berth-(preview|deploy|administrator|engineer|support|read-only|break-glass-database)$`)

// releaseAccount is the organisation's account, which the name of its bucket of releases ends on, before the region.
var releaseAccount = regexp.MustCompile(`-([0-9]{12})-[a-z]{2}(?:-[a-z]+)+-[0-9]$`)

// clientAccess holds a client's account against what it is: no people of its own, roles for services, and the roles that
// the organisation's people and pipeline take.
func (l *look) clientAccess(all *authority, w width) {
	c := l.subject.Client()
	for _, user := range all.users {
		l.want(user.object, false, "name", user.name, "no users: people sign in with their own account at the organisation and take a role", "delete the user")
	}
	organisation := ""
	if parts := releaseAccount.FindStringSubmatch(c.Service.Release.Bucket); parts != nil {
		organisation = parts[1]
	}
	judged := 0
	for _, role := range all.roles {
		w.machine, w.relay = role.machine && role.takenBy("ec2.amazonaws.com"), false
		switch {
		case role.linked():
			continue
		case role.name == verifyRole:
			l.wantVerifier(role, c.AWS.Verifiers)
		case c.Access.BreakGlass != nil && strings.HasSuffix(role.name, "-break-glass") && l.ours(role.tags):
			continue // AC-4 says who takes it, when, and for what
		case accountsRoles.MatchString(role.name), c.AWS.DeployRoleArn != "" && role.arn == c.AWS.DeployRoleArn:
			l.wantNamed(role, cmp.Or(organisation, l.number))
			if role.name != "berth-deploy" && role.name != "berth-administrator" && role.arn != c.AWS.DeployRoleArn {
				l.wantNoMaster(role)
			}
		default:
			judged++
			w.relay = c.Access.BreakGlass != nil && strings.Contains(role.name, "break-glass") && w.machine
			l.wantServiceTrust(role)
			l.wantNarrow(role, w)
		}
	}
	if judged == 0 {
		l.missing("role for a service", "roles for the services that run the client", "run `berth up` for the stack")
	}
}

// wantNamed reports whether a role trusts users and roles by name, of one account: no whole account, nobody unknown; and
// people with a second factor and until a day.
func (l *look) wantNamed(role holder, account string) {
	var who, wrong []string
	if !role.trusted {
		wrong = append(wrong, "a trust that cannot be read")
	}
	for _, s := range role.trust.Allows() {
		if s.Everyone() || len(s.Principals) != 1 || len(s.Principals["AWS"]) == 0 {
			wrong = append(wrong, "it trusts "+principalsOf(s))
			continue
		}
		for _, arn := range s.Principals["AWS"] {
			who = append(who, arn)
			kind, isNamed := strings.CutPrefix(arn, "arn:aws:iam::"+account+":")
			person := strings.HasPrefix(kind, "user/")
			if !isNamed || wild(arn) || !person && !strings.HasPrefix(kind, "role/") {
				wrong = append(wrong, "it trusts "+arn)
			}
			if until, dated := s.Condition("DateLessThan", "aws:CurrentTime"); person && (!dated || len(until) != 1) {
				wrong = append(wrong, arn+" takes it for ever")
			}
			if person && len(lacks(s, is("Bool", "aws:MultiFactorAuthPresent", "true"))) > 0 {
				wrong = append(wrong, arn+" takes it without a second factor")
			}
		}
	}
	found := "taken by " + inOrder(who)
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	l.want(role.object, len(wrong) == 0, "assumeRolePolicy", found, "users and roles of account "+account+" by name, people with a second factor and until a day",
		"correct the trust where the account is set up, or find out who changed it")
}

// wantNoMaster reports whether a role lacks the power over everything, which is the administrators' and the deployment's.
func (l *look) wantNoMaster(role holder) {
	var wrong []string
	for _, p := range role.permissions {
		if p.unread || p.managed && slices.Contains([]string{awsPolicy + "AdministratorAccess", awsPolicy + "PowerUserAccess", awsPolicy + "IAMFullAccess"}, p.name) {
			wrong = append(wrong, p.name)
		}
		for _, s := range p.document.Allows() {
			if len(s.NotActions) > 0 || slices.Contains(s.Actions, "*") && slices.Contains(s.Resources, "*") || s.Covers("iam:CreateAccessKey") {
				wrong = append(wrong, p.name+" allows "+inOrder(slices.Concat(s.Actions, s.NotActions)))
			}
		}
	}
	found := "no power over everything"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	l.want(role.object, len(wrong) == 0, "policies", found, "no power over everything: that is the administrators' and the deployment's", fixNarrow)
}

// wantVerifier reports whether the role that reads the account back is taken by those that the spec names, and only reads settings.
func (l *look) wantVerifier(role holder, verifiers []string) {
	var who []string
	for _, s := range role.trust.Allows() {
		for _, arns := range s.Principals {
			who = append(who, arns...)
		}
		if len(s.NotPrincipals) > 0 {
			who = append(who, "everybody but a few")
		}
	}
	const fix = "run `berth up`: aws.verifiers in the spec says who takes the role"
	l.want(role.object, role.trusted && sameTexts(who, verifiers), "assumeRolePolicy", "taken by "+inOrder(who), "taken by those whom aws.verifiers names: "+inOrder(verifiers), fix)
	l.want(role.object, role.readsSettings(), "policies", fmt.Sprintf("reads settings only: %t", role.readsSettings()), fmt.Sprintf("no more than the %d actions of the looks", len(actions.All())), fix)
}
