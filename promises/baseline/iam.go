package baseline

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	managedPolicyType  = "aws:iam/policy:Policy"
	groupPolicyType    = "aws:iam/groupPolicy:GroupPolicy"
	groupType          = "aws:iam/group:Group"
	userType           = "aws:iam/user:User"
	passwordPolicyType = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"
	inAccountFile      = "components/identity, account.go"
)

// inlinePolicyTypes are policies inside a role, group or user.
var inlinePolicyTypes = []string{"aws:iam/rolePolicy:RolePolicy", groupPolicyType, "aws:iam/userPolicy:UserPolicy"}

// attachmentTypes tie managed policies to roles, groups and users.
var attachmentTypes = []string{
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
	"aws:iam/userPolicyAttachment:UserPolicyAttachment", "aws:iam/policyAttachment:PolicyAttachment",
}

// isBoundary tells whether a policy only limits what others allow: it is somebody's boundary and attached to nobody.
func isBoundary(p *graph.Resource) bool {
	return len(p.Referrers("permissionsBoundary", roleType, userType)) > 0 && len(p.Referrers("policyArn", attachmentTypes...)) == 0
}

// allowsAll tells whether a policy lets its holder do everything with everything.
func allowsAll(d policy.Document) bool {
	return slices.ContainsFunc(d.Allows(), func(st policy.Statement) bool {
		all := slices.ContainsFunc(st.Actions, func(action string) bool { return action == "*" || action == "*:*" })
		return (all || len(st.NotActions) > 0) && (slices.Contains(st.Resources, "*") || len(st.NotResources) > 0)
	})
}

// IAM1 is administrators without limits.
func (baseline) IAM1() promises.Control {
	return promises.Control{
		ID: "IAM.1", Title: "No policy allows everything, except within a boundary", Severity: "high",
		References: []string{fsbp("IAM.1"), cis("1.16")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, p := range s.Graph.OfType(append([]string{managedPolicyType}, inlinePolicyTypes...)...) {
				if isBoundary(p) {
					continue
				}
				d, readable := document(p, "policy")
				r.Want(p, readable && !allowsAll(d), "policy", "named actions or named resources, not * on *", "name the actions that are needed")
			}
			for _, a := range s.Graph.OfType(attachmentTypes...) {
				if arn := a.Text("policyArn"); strings.HasPrefix(arn, "arn:aws:iam::aws:policy/") {
					role := a.Ref("role", roleType)
					holds := !strings.HasSuffix(arn, "/AdministratorAccess") || role != nil && bounded(role)
					r.Want(a, holds, "policyArn", "a policy of AWS that does not allow everything, or a role whose boundary denies what no administrator may do",
						"give the role a permissionsBoundary (components/identity, roles.go)")
				}
			}
		},
	}
}

// bounded tells whether a role has a boundary of the stack that denies something.
func bounded(role *graph.Resource) bool {
	boundary := role.Ref("permissionsBoundary", managedPolicyType)
	if boundary == nil {
		return false
	}
	d, _ := document(boundary, "policy")
	return len(d.Denies()) > 0
}

// IAM2 is permissions through groups.
func (baseline) IAM2() promises.Control {
	return promises.Control{
		ID: "IAM.2", Title: "People get permissions through groups, never one by one", Severity: "low",
		References: []string{fsbp("IAM.2"), cis("1.15")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, user := range s.Graph.OfType(userType) {
				own := append(user.Referrers("user", "aws:iam/userPolicy:UserPolicy", "aws:iam/userPolicyAttachment:UserPolicyAttachment"),
					user.Referrers("users", "aws:iam/policyAttachment:PolicyAttachment")...)
				r.Say(user, len(own) == 0, either(len(own) == 0, "no policy of their own", "a policy of their own"), "policies of groups and roles only",
					"move the permission to a group or role (components/identity)")
			}
		},
	}
}

// IAM3 is access keys that nobody has to rotate.
func (baseline) IAM3() promises.Control {
	return promises.Control{
		ID: "IAM.3", Title: "People have no access keys that could grow old", Severity: "medium",
		References: []string{fsbp("IAM.3"), cis("1.14")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, user := range s.Graph.OfType(userType) {
				none := len(user.Referrers("user", "aws:iam/accessKey:AccessKey")) == 0
				r.Say(user, none, either(none, "no access key", "an access key"), "none: roles give short-lived keys", "remove the access key and let the person assume a role")
			}
		},
	}
}

// IAM5 is the second factor.
func (baseline) IAM5() promises.Control {
	return promises.Control{
		ID: "IAM.5", Title: "People can do nothing without a second factor", Severity: "medium",
		References: []string{fsbp("IAM.5"), cis("1.10")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, user := range s.Graph.OfType(userType) {
				held := slices.ContainsFunc(groupsOf(s, user), func(group *graph.Resource) bool {
					return slices.ContainsFunc(group.Referrers("group", groupPolicyType), func(p *graph.Resource) bool {
						d, _ := document(p, "policy")
						return slices.ContainsFunc(d.Denies(), needsFactor)
					})
				})
				r.Say(user, held, either(held, "a group of theirs denies the rest", "no group of theirs denies it"),
					"a group whose policy denies all but setting up the second factor", "put everybody into the staff group, whose policy denies it (components/identity, people.go)")
			}
			for _, role := range s.Graph.OfType(roleType) {
				d, readable := document(role, "assumeRolePolicy")
				people := slices.DeleteFunc(d.Allows(), func(st policy.Statement) bool { return len(st.Principals["AWS"])+len(st.Principals["*"]) == 0 })
				lax := slices.ContainsFunc(people, func(st policy.Statement) bool {
					if verifyingRoles(s, role, st) {
						return false
					}
					values, _ := st.Condition("Bool", "aws:MultiFactorAuthPresent")
					return !slices.Equal(values, []string{"true"})
				})
				if len(people) > 0 || !readable {
					r.Want(role, readable && !lax, "assumeRolePolicy", "aws:MultiFactorAuthPresent true for everybody who may take the role", "add the condition to the role's trust")
				}
			}
		},
	}
}

// verifyingRoles tells whether a statement lets in only roles that the spec has read the account back. A role shows no
// second factor: who takes one was asked for theirs there, or is the pipeline.
func verifyingRoles(s promises.Subject, role *graph.Resource, st policy.Statement) bool {
	return len(st.Principals) == 1 && !slices.ContainsFunc(st.Principals["AWS"], func(arn string) bool {
		return !strings.Contains(arn, ":role/") || !verifies(s, role, arn)
	})
}

// verifies tells whether a principal may take a role because the spec names it as one who reads the account back.
func verifies(s promises.Subject, role *graph.Resource, principal string) bool {
	return role.Type == roleType && role.Text("name") == "berth-verify" && slices.Contains(s.Verifiers(), principal)
}

// groupsOf are the groups that a user is in.
func groupsOf(s promises.Subject, user *graph.Resource) []*graph.Resource {
	var groups []*graph.Resource
	for _, membership := range user.Referrers("user", "aws:iam/userGroupMembership:UserGroupMembership") {
		groups = append(groups, membership.Refs("groups", groupType)...)
	}
	for _, membership := range s.Graph.OfType("aws:iam/groupMembership:GroupMembership") {
		if group := membership.Ref("group", groupType); group != nil && slices.ContainsFunc(membership.Texts("users"), user.Goes) {
			groups = append(groups, group)
		}
	}
	return groups
}

// needsFactor tells whether a statement denies everything without a second factor, except what it takes to set one up.
func needsFactor(st policy.Statement) bool {
	values, _ := st.Condition("BoolIfExists", "aws:MultiFactorAuthPresent")
	return slices.Equal(values, []string{"false"}) && len(st.Conditions) == 1 && slices.Contains(st.Resources, "*") &&
		(slices.Contains(st.Actions, "*") || len(st.NotActions) > 0) &&
		!slices.ContainsFunc(st.NotActions, func(action string) bool {
			looks := strings.HasPrefix(action, "iam:Get") || strings.HasPrefix(action, "iam:List")
			return strings.Contains(action, "*") || !looks && !strings.HasSuffix(action, "MFADevice") && action != "iam:ChangePassword" && action != "sts:GetSessionToken"
		})
}

// wantPasswords judges the account's rule for passwords.
func wantPasswords(property, expected string, holds func(*graph.Resource) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		fix := "set " + property + " in " + inAccountFile
		for _, rules := range inAccount(s, r, passwordPolicyType, "rule for passwords", expected, fix) {
			r.Want(rules, holds(rules), property, expected, fix)
		}
	}
}

// IAM7 is the make of passwords.
func (baseline) IAM7() promises.Control {
	return promises.Control{
		ID: "IAM.7", Title: "Passwords have upper and lower case, digits and symbols", Severity: "medium",
		References: []string{fsbp("IAM.7")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "true: passwords need one of each", "set it in " + inAccountFile
			for _, rules := range inAccount(s, r, passwordPolicyType, "rule for passwords", expected, fix) {
				for _, property := range []string{"requireUppercaseCharacters", "requireLowercaseCharacters", "requireNumbers", "requireSymbols"} {
					r.Want(rules, rules.Bool(property), property, expected, fix)
				}
				r.Want(rules, atLeast(rules, "minimumPasswordLength", 8), "minimumPasswordLength", "8 characters or more", fix)
			}
		},
	}
}

// IAM15 is the length of passwords.
func (baseline) IAM15() promises.Control {
	return promises.Control{
		ID: "IAM.15", Title: "Passwords have 14 characters or more", Severity: "medium",
		References: []string{hub("IAM.15"), cis("1.8")},
		Check: wantPasswords("minimumPasswordLength", "14 characters or more", func(rules *graph.Resource) bool {
			return atLeast(rules, "minimumPasswordLength", 14)
		}),
	}
}

// IAM16 is old passwords.
func (baseline) IAM16() promises.Control {
	return promises.Control{
		ID: "IAM.16", Title: "Passwords are not used again", Severity: "low",
		References: []string{hub("IAM.16"), cis("1.9")},
		Check: wantPasswords("passwordReusePrevention", "24: the last 24 passwords are refused", func(rules *graph.Resource) bool {
			return atLeast(rules, "passwordReusePrevention", 24)
		}),
	}
}

// IAM17 is the age of passwords.
func (baseline) IAM17() promises.Control {
	return promises.Control{
		ID: "IAM.17", Title: "Passwords expire after 90 days or sooner", Severity: "low",
		References: []string{hub("IAM.17")},
		Check: wantPasswords("maxPasswordAge", "from 1 to 90 days", func(rules *graph.Resource) bool {
			days, ok := rules.Number("maxPasswordAge")
			return ok && days >= 1 && days <= 90
		}),
	}
}

// IAM18 is who may speak with AWS's support.
func (baseline) IAM18() promises.Control {
	return promises.Control{
		ID: "IAM.18", Title: "A role can open cases with AWS Support", Severity: "low",
		References: []string{hub("IAM.18"), cis("1.17")},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Organisation() == nil {
				return
			}
			const expected, fix = "a role with the policy AWSSupportAccess", "attach arn:aws:iam::aws:policy/AWSSupportAccess to the support role (components/identity, roles.go)"
			var able []*graph.Resource
			for _, a := range s.Graph.OfType(attachmentTypes...) {
				if role := a.Ref("role", roleType); role != nil && a.Text("policyArn") == "arn:aws:iam::aws:policy/AWSSupportAccess" {
					able = append(able, role)
				}
			}
			for _, role := range r.Must(able, "role for AWS Support", expected, fix) {
				r.Say(role, true, "AWSSupportAccess", expected, fix)
			}
		},
	}
}

// IAM21 is whole services.
func (baseline) IAM21() promises.Control {
	return promises.Control{
		ID: "IAM.21", Title: "Policies name actions, not whole services", Severity: "low",
		References: []string{fsbp("IAM.21")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, p := range s.Graph.OfType(append([]string{managedPolicyType}, inlinePolicyTypes...)...) {
				d, readable := document(p, "policy")
				whole := slices.ContainsFunc(d.Allows(), func(st policy.Statement) bool {
					return slices.ContainsFunc(st.Actions, func(action string) bool { return strings.HasSuffix(action, ":*") }) || len(st.NotActions) > 0
				})
				r.Want(p, readable && !whole, "policy", "named actions, no service:* among what is allowed", "name the actions that are needed")
			}
		},
	}
}

// IAM27 is the shell in the cloud.
func (baseline) IAM27() promises.Control {
	return promises.Control{
		ID: "IAM.27", Title: "Nobody gets AWS CloudShell whole", Severity: "medium",
		References: []string{hub("IAM.27"), cis("1.22")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, a := range s.Graph.OfType(attachmentTypes...) {
				r.Want(a, a.Has("policyArn") && !strings.HasSuffix(a.Text("policyArn"), "/AWSCloudShellFullAccess"), "policyArn",
					"a policy other than AWSCloudShellFullAccess, which lets files in and out", "detach the policy")
			}
		},
	}
}

// IAM28 is the search for what is open to others.
func (baseline) IAM28() promises.Control {
	return promises.Control{
		ID: "IAM.28", Title: "IAM Access Analyzer looks for what is open to outsiders", Severity: "high",
		References: []string{hub("IAM.28"), cis("1.20")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "an analyzer of external access, for the account or the organisation", "make an analyzer of type ACCOUNT in each region (" + inAccountFile + ")"
			for _, analyzer := range inEveryRegion(s, r, "aws:accessanalyzer/analyzer:Analyzer", "access analyzer", expected, fix) {
				r.Want(analyzer, slices.Contains([]string{"", "ACCOUNT", "ORGANIZATION"}, analyzer.Text("type")), "type", expected, fix)
			}
		},
	}
}

// CIS118 is roles of machines.
func (baseline) CIS118() promises.Control {
	return promises.Control{
		ID: "CIS-1.18", Title: "Machines use roles, not stored keys", Severity: "medium",
		References: []string{cis("1.18")},
		Check: func(s promises.Subject, r *promises.Report) {
			const profileType = "aws:iam/instanceProfile:InstanceProfile"
			const expected, fix = "an instance profile of the stack with a role in it", "give the machine an instance profile (components/compute, identity.go)"
			judge := func(machine *graph.Resource, path string) {
				profile := machine.Ref(path, profileType)
				r.Want(machine, profile != nil && profile.Ref("role", roleType) != nil, path, expected, fix)
			}
			for _, machine := range s.Graph.OfType(machineType) {
				judge(machine, "iamInstanceProfile")
			}
			for _, template := range s.Graph.OfType(templateType) {
				judge(template, either(template.Has("iamInstanceProfile.arn"), "iamInstanceProfile.arn", "iamInstanceProfile.name"))
			}
		},
	}
}
