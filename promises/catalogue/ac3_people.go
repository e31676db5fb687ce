package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// staffBoundaries are the policies that bound people, as themselves and in roles.
func staffBoundaries(g *graph.Graph) []*graph.Resource {
	var found []*graph.Resource
	for _, holder := range append(g.OfType(iamUser), g.OfType(typeRole)...) {
		boundary := holder.Ref("permissionsBoundary", iamPolicy)
		if boundary != nil && !slices.Contains(found, boundary) && (holder.Type == iamUser || takers(holder) == takenByPeople) {
			found = append(found, boundary)
		}
	}
	return found
}

// assumable are the roles that an assignment lets people take: in the organisation's account and in each client's.
func assumable(o *spec.Organisation, role string) []string {
	arns := []string{"arn:aws:iam::" + o.AWS.Account + ":role/" + o.Name + "-" + kebabRoles[role]}
	for _, client := range o.Clients {
		arns = append(arns, "arn:aws:iam::"+client.Account+":role/berth-"+kebabRoles[role])
		if role == breakGlassDatabase { // made by the client's stack while the door is open
			arns = append(arns, "arn:aws:iam::"+client.Account+":role/"+client.Name+"-*-break-glass")
		}
	}
	return arns
}

// wantGroup reports whether the holders of an assignment may take its roles and do nothing else by it.
func wantGroup(s promises.Subject, r *promises.Report, role string) {
	o := s.Organisation()
	const fix = "correct the group in components/identity/people.go"
	name := o.Name + "-" + kebabRoles[role]
	group := s.Graph.Resolve(name, iamGroup)
	if group == nil {
		r.Missing("group "+name, "a group for the assignment "+role, "keep the component identity in the organisation's stack")
		return
	}
	want := assumable(o, role)
	var found, wrong []string
	for _, p := range permissionsOf(s.Graph, group) {
		if p.unread || p.managed != "" {
			wrong = append(wrong, "a policy beyond taking roles: "+p.managed)
		}
		for _, statement := range p.document.Allows() {
			found = append(found, statement.Resources...)
			if !slices.Equal(statement.Actions, []string{"sts:AssumeRole"}) || len(statement.NotActions)+len(statement.NotResources) > 0 {
				wrong = append(wrong, "it allows "+listed(append(statement.Actions, statement.NotActions...)))
			}
			wrong = append(wrong, lacks(statement, is("Bool", "aws:MultiFactorAuthPresent", "true"))...)
		}
	}
	r.Say(group, sameTexts(want, found), "lets its members take "+listed(found), "exactly the assignment's own roles: "+listed(want), fix)
	how := "nothing but taking roles, with a second factor"
	if len(wrong) > 0 {
		how = "not exactly so: " + strings.Join(wrong, "; ")
	}
	r.Say(group, len(wrong) == 0, how, "nothing but taking roles, with a second factor", fix)
}

// staffUsers judges users: bounded, without power of their own, and in the groups of their assignments only.
func staffUsers(s promises.Subject, r *promises.Report) {
	o := s.Organisation()
	for _, person := range o.Staff {
		user := s.Graph.Resolve(person.Name, iamUser)
		if user == nil {
			continue // AC-5 says who should have an account
		}
		const fix = "change staff.assignments in the organisation's spec; components/identity/people.go makes the groups from it"
		given := permissionsOf(s.Graph, user)
		r.Say(user, len(given) == 0, fmt.Sprintf("policies of the person's own: %d", len(given)), "no policy of the person's own: roles give access, and end", fix)
		r.Want(user, user.Ref("permissionsBoundary", iamPolicy) != nil, "permissionsBoundary", "a boundary of this stack, beyond which nothing can be allowed", "set it in components/identity/people.go")
		r.Want(user, user.Bool("forceDestroy"), "forceDestroy", "true: password, second factor and all go with the user when the person leaves", "set ForceDestroy in components/identity/people.go")
		want := []string{o.Name + "-staff"}
		for _, a := range person.Assignments {
			want = append(want, o.Name+"-"+kebabRoles[a.Role])
		}
		var found []string
		for _, membership := range user.Referrers("user", "aws:iam/userGroupMembership:UserGroupMembership") {
			found = append(found, membership.Texts("groups")...)
		}
		for _, membership := range user.Referrers("users", "aws:iam/groupMembership:GroupMembership") {
			found = append(found, membership.Text("group"))
		}
		r.Say(user, sameTexts(want, found), "member of "+listed(found), "member of exactly the groups of the person's assignments: "+listed(want), fix)
	}
}

// staffAsThemselves judges what all staff may do as themselves: look after their own credentials and take roles from the
// office, and nothing else.
func staffAsThemselves(s promises.Subject, r *promises.Report, w width) {
	o := s.Organisation()
	const fix = "correct components/identity/people.go"
	group := s.Graph.Resolve(o.Name+"-staff", iamGroup)
	if group == nil {
		r.Missing("group "+o.Name+"-staff", "a group of all staff, with what they may do as themselves", "keep the component identity in the organisation's stack")
		return
	}
	office := false
	for _, p := range permissionsOf(s.Graph, group) {
		if p.unread || p.managed != "" {
			r.Say(p.source, false, "a policy that cannot be judged", "a policy of the stack's own", fix)
			continue
		}
		wantNarrowDocument(r, w, p.source, p.document, fix)
		wantOwnOnly(r, p.source, p.document, fix)
		office = office || slices.ContainsFunc(p.document.Denies(), func(d policy.Statement) bool {
			return d.Covers("sts:AssumeRole") && slices.Contains(d.Resources, "*") && len(d.Conditions) == 1 && len(lacks(d, is("NotIpAddress", "aws:SourceIp", offices(o)...))) == 0
		})
	}
	found := "roles can be taken from anywhere"
	if office {
		found = "roles are taken from " + listed(offices(o)) + " only"
	}
	r.Say(group, office, found, "roles are taken from the office's addresses only: "+listed(offices(o)), "set officeCidrs in the organisation's spec")

	var want []string
	for _, role := range slices.Sorted(maps.Keys(kebabRoles)) {
		want = append(want, assumable(o, role)...)
	}
	seen := map[*graph.Resource]bool{}
	for _, user := range s.Graph.OfType(iamUser) {
		boundary := user.Ref("permissionsBoundary", iamPolicy)
		if boundary == nil || seen[boundary] {
			continue
		}
		seen[boundary] = true
		document, err := policy.Parse(boundary.Text("policy"))
		if err != nil {
			r.Say(boundary, false, "a policy that cannot be read", "a boundary that can be judged", fix)
			continue
		}
		wantNarrowDocument(r, w, boundary, document, fix)
		wantOwnOnly(r, boundary, document, fix)
		var roles []string
		for _, statement := range document.Allows() {
			if statement.Covers("sts:AssumeRole") {
				roles = append(roles, statement.Resources...)
			}
		}
		r.Say(boundary, sameTexts(want, roles), "at most these roles: "+listed(roles), "at most the roles of assignments: "+listed(want), fix)
	}
}

// wantOwnOnly reports whether people change nobody's credentials but their own.
func wantOwnOnly(r *promises.Report, source *graph.Resource, document policy.Document, fix string) {
	var others []string
	for _, statement := range document.Allows() {
		for _, resource := range statement.Resources {
			if strings.Contains(resource, ":user/") && !strings.HasSuffix(resource, "/${aws:username}") {
				others = append(others, resource)
			}
		}
	}
	found := "their own only"
	if len(others) > 0 {
		found = "also " + listed(others)
	}
	r.Say(source, len(others) == 0, "credentials: "+found, "people look after their own credentials only", fix)
}
