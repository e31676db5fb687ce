package catalogue

import (
	"fmt"
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// What a password of the staff has to be.
const (
	passwordLength = 12
	passwordDays   = 30
)

// AC7 is the staff's passwords and their second factor.
func (catalogue) AC7() promises.Promise {
	return promises.Promise{
		ID:    "AC-7",
		Title: "Strong passwords and a second factor for staff",
		Sentence: "Our staff's passwords have at least 12 characters, with upper and lower case, digit and symbol, and are changed every 30 days; " +
			"besides the password our staff need a second factor.",
		Duties: map[promises.Hosting]promises.Duty{promises.Organisation: promises.Ours, promises.Service: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{
				{Name: "least length of a password", Value: fmt.Sprintf("%d characters", passwordLength)},
				{Name: "made of", Value: "upper case, lower case, digit and symbol"},
				{Name: "changed every", Value: fmt.Sprintf("%d days", passwordDays)},
				{Name: "second factor", Value: "always"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the account's password policy in the graph is read figure by figure, and the staff's group denies everything without a second factor"},
			{Level: promises.Live, How: "the account's password policy, the staff's group and the credential report are read back: who has a password has a second " +
				"factor, changed it within 30 days or cannot use it any more, and has no keys; the service's own rules are not asked"},
		},
		Keywords: []string{
			"staff password", "password length complexity", "second factor staff", "password rules", "mfa", "password expiry",
			"staff password changed", "password policy", "mfa employees", "password policy employees", "password rotation", "strong authentication",
			"minimum password length", "password age", "password history", "staff authentication", "administrator mfa", "totp",
			"multi-factor authentication", "two-factor authentication", "2fa", "password complexity", "password length", "second factor",
		},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Organisation() != nil { // the service's own rules for staff are no resources
				passwords(s, r)
				secondFactor(s, r)
			}
		},
	}
}

// passwords judges the account's password policy.
func passwords(s promises.Subject, r *promises.Report) {
	const fix = "correct the password policy in components/identity/account.go"
	policies := r.Must(s.Graph.OfType("aws:iam/accountPasswordPolicy:AccountPasswordPolicy"), "password policy of the account", "a password policy", "keep the component identity in the organisation's stack")
	for _, p := range policies {
		length, _ := p.Number("minimumPasswordLength")
		r.Want(p, length >= passwordLength, "minimumPasswordLength", fmt.Sprintf("%d or more", passwordLength), fix)
		for _, property := range []string{"requireUppercaseCharacters", "requireLowercaseCharacters", "requireNumbers", "requireSymbols"} {
			r.Want(p, p.Bool(property), property, "true", fix)
		}
		days, _ := p.Number("maxPasswordAge")
		r.Want(p, days > 0 && days <= passwordDays, "maxPasswordAge", fmt.Sprintf("%d days or fewer", passwordDays), fix)
		history, _ := p.Number("passwordReusePrevention")
		r.Want(p, history >= 12, "passwordReusePrevention", "none of the last 12, or more: a year's", fix)
		r.Want(p, p.Bool("allowUsersToChangePassword"), "allowUsersToChangePassword", "true: people change their own", fix)
	}
}

// withoutSecondFactor is all that somebody may do before the second factor: set it up, and the password.
var withoutSecondFactor = []string{
	"iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetAccountPasswordPolicy", "iam:GetUser", "iam:ListMFADevices", "iam:ListVirtualMFADevices",
	"iam:ResyncMFADevice", "sts:GetSessionToken",
}

// secondFactor judges that the group of all staff denies everything without a second factor, and that all staff are in it.
func secondFactor(s promises.Subject, r *promises.Report) {
	const fix = "restore the denial in components/identity/people.go"
	name := s.Organisation().Name + "-staff"
	group := s.Graph.Resolve(name, iamGroup)
	if group == nil {
		r.Missing("group "+name, "a group of all staff that denies everything without a second factor", "keep the component identity in the organisation's stack")
		return
	}
	asked, found := false, "nothing is denied without a second factor"
	for _, p := range permissionsOf(s.Graph, group) {
		for _, denial := range p.document.Denies() {
			if len(lacks(denial, is("BoolIfExists", "aws:MultiFactorAuthPresent", "false"))) > 0 {
				continue
			}
			allowed := slices.DeleteFunc(slices.Clone(denial.NotActions), func(action string) bool { return slices.Contains(withoutSecondFactor, action) })
			asked = asked || everythingBut(denial) && len(allowed) == 0
			found = "allowed without a second factor: " + listed(denial.NotActions)
		}
	}
	r.Say(group, asked, found, "nothing without a second factor but setting it up and changing one's own password", fix)
	for _, user := range s.Graph.OfType(iamUser) {
		member := slices.ContainsFunc(user.Referrers("user", "aws:iam/userGroupMembership:UserGroupMembership"), func(m *graph.Resource) bool { return slices.Contains(m.Texts("groups"), name) })
		r.Say(user, member, fmt.Sprintf("member of %s: %t", name, member), "member of "+name+", which asks for the second factor", "keep the group for everybody in components/identity/people.go")
	}
}

// everythingBut tells whether a denial is of all actions but those it names, on everything, with one condition only.
func everythingBut(denial policy.Statement) bool {
	return len(denial.NotActions) > 0 && len(denial.Actions) == 0 && slices.Equal(denial.Resources, []string{"*"}) && len(denial.Conditions) == 1
}
