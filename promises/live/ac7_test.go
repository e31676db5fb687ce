package live

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/berth-iac/berth/promises"
)

// person is a line of the credential report, as AWS writes it.
type person struct {
	name, created, password, used, changed, mfa, key, certificate string
}

func staffReport(change func(map[string]*person)) string {
	people := map[string]*person{
		rootAccount:     {rootAccount, ago(400), "not_supported", ago(395), "not_supported", "true", "false", "false"},
		"ada.lindqvist": {"ada.lindqvist", ago(300), "true", ago(1), ago(20), "true", "false", "false"},
		"ben.adeyemi":   {"ben.adeyemi", ago(300), "true", ago(50), ago(60), "true", "false", "false"},
		"chiara.rossi":  {"chiara.rossi", ago(10), "false", "N/A", "N/A", "false", "false", "false"},
		"dev.patel":     {"dev.patel", ago(10), "true", "no_information", ago(30), "true", "false", "false"},
	}
	if change != nil {
		change(people)
	}
	text := "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_2_active,cert_1_active,cert_2_active,additional_credentials_info\n"
	for name, p := range people {
		text += fmt.Sprintf("%s,arn:aws:iam::111122223333:user/staff/%s,%s,%s,%s,%s,N/A,%s,%s,N/A,false,%s,false,N/A\n", p.name, name, p.created, p.password, p.used, p.changed, p.mfa, p.key, p.certificate)
	}
	return text
}

func ago(days int) string { return now.AddDate(0, 0, -days).Format("2006-01-02T15:04:05+00:00") }

func reportAnswers(text string) answers {
	return answers{
		"IAM:GenerateCredentialReport": &iam.GenerateCredentialReportOutput{State: iamtypes.ReportStateTypeComplete},
		"IAM:GetCredentialReport":      &iam.GetCredentialReportOutput{Content: []byte(text)},
	}
}

func passwordRules(change func(*iamtypes.PasswordPolicy)) answers {
	p := &iamtypes.PasswordPolicy{MinimumPasswordLength: aws.Int32(14), MaxPasswordAge: aws.Int32(30), PasswordReusePrevention: aws.Int32(24), ExpirePasswords: true,
		RequireUppercaseCharacters: true, RequireLowercaseCharacters: true, RequireNumbers: true, RequireSymbols: true, AllowUsersToChangePassword: true}
	if change != nil {
		change(p)
	}
	return answers{"IAM:GetAccountPasswordPolicy": &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: p}}
}

func TestStaffPasswords(t *testing.T) {
	const rules = "iam-account-password-policy."
	rule := func(change func(*iamtypes.PasswordPolicy)) answers { return passwordRules(change) }
	line := func(name string, change func(*person)) answers {
		return reportAnswers(staffReport(func(all map[string]*person) { change(all[name]) }))
	}
	for name, tc := range map[string]struct {
		answers answers
		broken  []string
	}{
		"as it should be":              {nil, nil},
		"short":                        {rule(func(p *iamtypes.PasswordPolicy) { p.MinimumPasswordLength = aws.Int32(11) }), []string{rules + "minimumPasswordLength"}},
		"no upper case":                {rule(func(p *iamtypes.PasswordPolicy) { p.RequireUppercaseCharacters = false }), []string{rules + "requireUppercaseCharacters"}},
		"no lower case":                {rule(func(p *iamtypes.PasswordPolicy) { p.RequireLowercaseCharacters = false }), []string{rules + "requireLowercaseCharacters"}},
		"no digits":                    {rule(func(p *iamtypes.PasswordPolicy) { p.RequireNumbers = false }), []string{rules + "requireNumbers"}},
		"no symbols":                   {rule(func(p *iamtypes.PasswordPolicy) { p.RequireSymbols = false }), []string{rules + "requireSymbols"}},
		"for ever":                     {rule(func(p *iamtypes.PasswordPolicy) { p.MaxPasswordAge = nil }), []string{rules + "maxPasswordAge"}},
		"for long":                     {rule(func(p *iamtypes.PasswordPolicy) { p.MaxPasswordAge = aws.Int32(31) }), []string{rules + "maxPasswordAge"}},
		"the same again":               {rule(func(p *iamtypes.PasswordPolicy) { p.PasswordReusePrevention = aws.Int32(3) }), []string{rules + "passwordReusePrevention"}},
		"set by others":                {rule(func(p *iamtypes.PasswordPolicy) { p.AllowUsersToChangePassword = false }), []string{rules + "allowUsersToChangePassword"}},
		"no policy":                    {answers{"IAM:GetAccountPasswordPolicy": &iamtypes.NoSuchEntityException{}}, []string{"stack"}},
		"no second factor":             {line("ada.lindqvist", func(p *person) { p.mfa = "false" }), []string{"ada.lindqvist.mfaActive"}},
		"a key":                        {line("chiara.rossi", func(p *person) { p.key = "true" }), []string{"chiara.rossi.accessKeys"}},
		"a certificate":                {line("chiara.rossi", func(p *person) { p.certificate = "true" }), []string{"chiara.rossi.accessKeys"}},
		"an old password":              {line("ada.lindqvist", func(p *person) { p.changed = ago(35) }), []string{"ada.lindqvist.passwordLastChanged"}},
		"root's key":                   {line(rootAccount, func(p *person) { p.key = "true" }), []string{"root user.accessKeys"}},
		"root without a second factor": {line(rootAccount, func(p *person) { p.mfa = "false" }), []string{"root user.mfaActive"}},
		"root without a password":      {line(rootAccount, func(p *person) { p.mfa, p.password = "false", "false" }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := readAccess(t, "organisation").answers().with(passwordRules(nil)).with(reportAnswers(staffReport(nil))).with(tc.answers)
			wantLook(t, makeLook(t, "AC-7", subjectOf(t, "organisation"), a, Outside{}), tc.broken)
		})
	}
}

func TestStaffPasswordsAskForASecondFactor(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(t *testing.T, f *accessFixture)
		broken []string
	}{
		"no denial": {func(t *testing.T, f *accessFixture) {
			g := f.group(t, "northwind-staff")
			g.Inline["everybody"] = changed(t, g.Inline["everybody"], "BoolIfExists", "Bool")
		}, []string{"northwind-staff.policies"}},
		"more without it": {func(t *testing.T, f *accessFixture) {
			g := f.group(t, "northwind-staff")
			g.Inline["everybody"] = changed(t, g.Inline["everybody"], `"iam:EnableMFADevice","iam:GetAccountPasswordPolicy"`, `"iam:EnableMFADevice","sts:AssumeRole"`)
		}, []string{"northwind-staff.policies"}},
		"somebody outside": {func(t *testing.T, f *accessFixture) { f.user(t, "ben.adeyemi").Groups = nil }, []string{"ben.adeyemi.groups"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := readAccess(t, "organisation")
			tc.change(t, f)
			a := f.answers().with(passwordRules(nil)).with(reportAnswers(staffReport(nil)))
			wantLook(t, makeLook(t, "AC-7", subjectOf(t, "organisation"), a, Outside{}), tc.broken)
		})
	}
}

func TestAFirstPasswordIsGivenAWeek(t *testing.T) {
	for days, verdict := range map[int]promises.Verdict{6: promises.NotShown, 8: promises.Broken} {
		a := readAccess(t, "organisation").answers().with(passwordRules(nil)).with(reportAnswers(staffReport(func(all map[string]*person) {
			all["dev.patel"].changed, all["dev.patel"].mfa = ago(days), "false"
		})))
		got := makeLook(t, "AC-7", subjectOf(t, "organisation"), a, Outside{})
		if got.Verdict != verdict || verdict == promises.NotShown && !strings.Contains(got.Why, "2026-11-23") {
			t.Errorf("after %d days: %s (%s)", days, got.Verdict, got.Why)
		}
	}
}

func TestStaffPasswordsUnread(t *testing.T) {
	good := readAccess(t, "organisation").answers().with(passwordRules(nil)).with(reportAnswers(staffReport(nil)))
	denied := errors.New("api error AccessDenied: no")
	for call, answer := range map[string]any{
		"IAM:GetAccountPasswordPolicy": denied, "IAM:GetAccountAuthorizationDetails": denied, "IAM:GenerateCredentialReport": denied, "IAM:GetCredentialReport": denied,
	} {
		got := makeLook(t, "AC-7", subjectOf(t, "organisation"), good.with(answers{call: answer}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %+v", call, got)
		}
	}
	got := makeLook(t, "AC-7", subjectOf(t, "organisation"), good.with(answers{"IAM:GetCredentialReport": &iam.GetCredentialReportOutput{Content: []byte("nonsense\n")}}), Outside{})
	if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "mfa_active") {
		t.Errorf("of a report without columns: %+v", got)
	}
}

func TestTheCredentialReportIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		made := 3
		a := reportAnswers(staffReport(nil)).with(answers{"IAM:GenerateCredentialReport": func(string, any) (any, error) {
			asked++
			if asked < made {
				return &iam.GenerateCredentialReportOutput{State: iamtypes.ReportStateTypeInprogress}, nil
			}
			return &iam.GenerateCredentialReportOutput{State: iamtypes.ReportStateTypeComplete}, nil
		}})
		account, err := newAccount(Options{Subject: subjectOf(t, "organisation"), Config: a.config()})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if report, err := account.credentialReport(t.Context()); err != nil || len(report) != 5 || time.Since(begin) != 2*reportPause {
			t.Errorf("%d lines after %s, %v", len(report), time.Since(begin), err)
		}
		made, asked = reportTries+2, 0
		account, _ = newAccount(Options{Subject: subjectOf(t, "organisation"), Config: a.config()})
		if _, err := account.credentialReport(t.Context()); err == nil || !strings.Contains(err.Error(), "INPROGRESS") {
			t.Errorf("a report that is never made: %v", err)
		}
	})
}
