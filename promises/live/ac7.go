package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	passwordLength  = 12
	passwordDays    = 30
	passwordHistory = 12
	// firstSignIn is how long a new password may wait for its first use: the second factor is set up then.
	firstSignIn = 7 * 24 * time.Hour
)

// withoutSecondFactor is all that somebody may do before the second factor: set it up, and the password.
var withoutSecondFactor = []string{
	"iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetAccountPasswordPolicy", "iam:GetUser", "iam:ListMFADevices", "iam:ListVirtualMFADevices",
	"iam:ResyncMFADevice", "sts:GetSessionToken",
}

// staffPasswords is the look at AC-7: the rules for passwords, the denial without a second factor, and everybody's credentials.
func staffPasswords(ctx context.Context, l *look) error {
	if err := l.passwordRules(ctx); err != nil {
		return err
	}
	all, err := l.authority(ctx)
	if err != nil {
		return err
	}
	l.secondFactor(all)
	report, err := l.credentialReport(ctx)
	if err != nil {
		return err
	}
	for _, c := range report {
		l.wantCredential(c)
	}
	return nil
}

func (l *look) passwordRules(ctx context.Context) error {
	const fix = "run `berth up` for the organisation: components/identity/account.go holds the policy"
	rules, err := l.passwordPolicy(ctx)
	if err != nil {
		return err
	}
	if rules == nil {
		l.missing("password policy of the account", "a password policy", fix)
		return nil
	}
	at := object{"aws:iam/accountPasswordPolicy:AccountPasswordPolicy", "iam-account-password-policy"}
	length, days, history := aws.ToInt32(rules.MinimumPasswordLength), aws.ToInt32(rules.MaxPasswordAge), aws.ToInt32(rules.PasswordReusePrevention)
	l.want(at, length >= passwordLength, "minimumPasswordLength", length, fmt.Sprintf("%d or more", passwordLength), fix)
	for _, class := range []struct {
		property string
		required bool
	}{
		{"requireUppercaseCharacters", rules.RequireUppercaseCharacters}, {"requireLowercaseCharacters", rules.RequireLowercaseCharacters},
		{"requireNumbers", rules.RequireNumbers}, {"requireSymbols", rules.RequireSymbols}, {"allowUsersToChangePassword", rules.AllowUsersToChangePassword},
	} {
		l.want(at, class.required, class.property, class.required, "true", fix)
	}
	l.want(at, days > 0 && days <= passwordDays, "maxPasswordAge", days, fmt.Sprintf("%d days or fewer", passwordDays), fix)
	l.want(at, history >= passwordHistory, "passwordReusePrevention", history, fmt.Sprintf("none of the last %d, or more: a year's", passwordHistory), fix)
	return nil
}

// secondFactor judges that the group of all staff denies everything without a second factor, and that all users are in it.
func (l *look) secondFactor(all *authority) {
	name := l.subject.Organisation().Name + "-staff"
	group := all.group(name)
	if group == nil {
		l.missing("group "+name, "a group of all staff that denies everything without a second factor", fixStaff)
		return
	}
	asked, found := false, "nothing is denied without a second factor"
	for _, p := range group.permissions {
		for _, d := range p.document.Denies() {
			if len(lacks(d, is("BoolIfExists", "aws:MultiFactorAuthPresent", "false"))) > 0 {
				continue
			}
			more := slices.DeleteFunc(slices.Clone(d.NotActions), func(action string) bool { return slices.Contains(withoutSecondFactor, action) })
			asked = asked || everythingBut(d) && len(more) == 0
			found = "allowed without a second factor: " + inOrder(d.NotActions)
		}
	}
	l.want(group.object, asked, "policies", found, "nothing without a second factor but setting it up and changing one's own password", fixStaff)
	for _, user := range all.users {
		l.want(user.object, slices.Contains(user.groups, name), "groups", inOrder(user.groups), "member of "+name+", which asks for the second factor", fixStaff)
	}
}

// everythingBut tells whether a denial is of all actions but those it names, on everything, with one condition only.
func everythingBut(d policy.Statement) bool {
	return len(d.NotActions) > 0 && len(d.Actions) == 0 && slices.Equal(d.Resources, []string{"*"}) && len(d.Conditions) == 1
}

// wantCredential judges one line of the credential report.
func (l *look) wantCredential(c credential) {
	at := object{tokenUser, c.user}
	if c.root {
		at = object{"", "root user"}
		const fix = "sign in as the root user, set up a second factor and delete its access keys; better, let AWS Organizations take its credentials away"
		// Without a password there is nobody to ask for a second factor. AWS does not always say whether there is one.
		l.want(at, c.secondFactor || !c.password && !c.passwordNotSupported, "mfaActive", c.secondFactor, "true: the root user needs a second factor too", fix)
		l.want(at, c.keys+c.certificates == 0, "accessKeys", c.keys+c.certificates, "0: keys know no second factor", fix)
		return
	}
	l.want(at, c.keys+c.certificates == 0, "accessKeys", c.keys+c.certificates, "0: keys know no second factor", "delete the user's access keys and certificates")
	if !c.password {
		l.want(at, true, "loginProfile", "no password", "no password, or one that is young, with a second factor", "")
		return
	}
	now := l.subject.Now
	if c.used.IsZero() && !c.secondFactor && !c.changed.IsZero() && now.Sub(c.changed) <= firstSignIn {
		l.tooEarly("%s has a password since %s and has not signed in yet: the second factor is set up then, by %s at the latest", c.user,
			c.changed.UTC().Format(time.DateOnly), c.changed.Add(firstSignIn).UTC().Format(time.DateOnly))
	} else {
		l.want(at, c.secondFactor, "mfaActive", c.secondFactor, "true: whoever has a password has a second factor", "have the person set up a second factor, or delete the password")
	}
	// A password that has run out opens nothing but its own change; it counts as old only if it was used after that.
	ends := c.changed.AddDate(0, 0, passwordDays)
	found := fmt.Sprintf("changed %d days ago", int(now.Sub(c.changed).Hours()/24))
	holds := !c.changed.IsZero() && (!now.After(ends) || !c.used.After(ends))
	if c.changed.IsZero() {
		found = "nobody knows since when"
	}
	if now.After(ends) && holds {
		found += ", run out and not used since"
	}
	l.want(at, holds, "passwordLastChanged", strings.TrimSpace(found), fmt.Sprintf("%d days ago at most, or run out and not used since", passwordDays),
		"have the person change the password; the password policy makes it run out")
}
