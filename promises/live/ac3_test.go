package live

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
)

func TestLeastPrivilegeInTheOrganisation(t *testing.T) {
	const boundary = "arn:aws:iam::111122223333:policy/northwind-staff-role-boundary"
	for name, tc := range map[string]struct {
		change func(t *testing.T, f *accessFixture)
		broken []string
	}{
		"as the stack makes it": {func(*testing.T, *accessFixture) {}, nil},
		"AWS's own role": {func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, fixtureHolder{Name: "AWSServiceRoleForRDS", Path: "/aws-service-role/rds.amazonaws.com/", Trust: raw(`{"Statement":{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
		}, nil},
		"an assignment prolonged by hand": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-engineer")
			r.Trust = changed(t, r.Trust, "2027-07-01T00:00:00Z", "2028-07-01T00:00:00Z")
		}, []string{"northwind-engineer.assumeRolePolicy"}},
		"somebody else takes a role": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-support")
			r.Trust = changed(t, r.Trust, "user/staff/chiara.rossi", "user/staff/dev.patel")
		}, []string{"northwind-support.assumeRolePolicy"}},
		"from anywhere": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-support")
			r.Trust = changed(t, r.Trust, "203.0.113.16/29", "0.0.0.0/0")
		}, []string{"northwind-support.assumeRolePolicy"}},
		"without a second factor": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-read-only")
			r.Trust = changed(t, r.Trust, `"aws:MultiFactorAuthPresent":"true"`, `"aws:MultiFactorAuthPresent":"false"`)
		}, []string{"northwind-read-only.assumeRolePolicy"}},
		"long sessions": {func(t *testing.T, f *accessFixture) { f.role(t, "northwind-administrator").Session = 43200 }, []string{"northwind-administrator.maxSessionDuration"}},
		"a policy of AWS's too many": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-engineer")
			r.Attached = append(r.Attached, "arn:aws:iam::aws:policy/AdministratorAccess")
		}, []string{"northwind-engineer.managedPolicyArns"}},
		"everything on everything": {func(t *testing.T, f *accessFixture) {
			f.role(t, "northwind-engineer").Inline["more"] = raw(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
		}, []string{"northwind-engineer.policies"}},
		"support reads data": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-support")
			r.Inline["assignment"] = changed(t, r.Inline["assignment"], "secretsmanager:GetSecretValue", "secretsmanager:Other")
		}, []string{"northwind-support.policies"}},
		"no boundary": {func(t *testing.T, f *accessFixture) { f.role(t, "northwind-engineer").Boundary = "" }, []string{"northwind-engineer.permissionsBoundary"}},
		"a way out of the boundary": {func(t *testing.T, f *accessFixture) {
			f.Policies[boundary] = changed(t, f.Policies[boundary], "iam:DeleteRolePermissionsBoundary", "iam:Other")
		}, []string{boundary + ".policy"}},
		"new roles without a boundary": {func(t *testing.T, f *accessFixture) {
			f.Policies[boundary] = changed(t, f.Policies[boundary], "iam:CreateRole", "iam:Other")
		}, []string{boundary + ".policy"}},
		"a group that lets more be taken": {func(t *testing.T, f *accessFixture) {
			g := f.group(t, "northwind-support")
			g.Inline["assume"] = changed(t, g.Inline["assume"], "role/northwind-support", "role/northwind-engineer")
		}, []string{"northwind-support.policies"}},
		"a stranger's group": {func(_ *testing.T, f *accessFixture) {
			f.Groups = append(f.Groups, fixtureHolder{Name: "contractors"})
		}, []string{"contractors.name"}},
		"a user who is not of the staff": {func(_ *testing.T, f *accessFixture) { f.Users = append(f.Users, fixtureHolder{Name: "mallory"}) }, []string{"mallory.name"}},
		"a person in a group too many": {func(t *testing.T, f *accessFixture) {
			u := f.user(t, "dev.patel")
			u.Groups = append(u.Groups, "northwind-administrator")
		}, []string{"dev.patel.groups"}},
		"a policy of the person's own": {func(t *testing.T, f *accessFixture) {
			f.user(t, "dev.patel").Attached = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
		}, []string{"dev.patel.policies"}},
		"an unbounded person": {func(t *testing.T, f *accessFixture) { f.user(t, "ben.adeyemi").Boundary = "" }, []string{"ben.adeyemi.permissionsBoundary"}},
		"roles taken from everywhere": {func(t *testing.T, f *accessFixture) {
			g := f.group(t, "northwind-staff")
			g.Inline["everybody"] = changed(t, g.Inline["everybody"], "203.0.113.16/29", "0.0.0.0/0")
		}, []string{"northwind-staff.policies"}},
		"other people's credentials": {func(t *testing.T, f *accessFixture) {
			g := f.group(t, "northwind-staff")
			g.Inline["everybody"] = changed(t, g.Inline["everybody"], "user/staff/${aws:username}", "user/staff/everybody")
		}, []string{"northwind-staff.policy"}},
		"a role for a stranger's account": {func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, fixtureHolder{Name: "vendor", Path: "/", Trust: raw(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}}`)})
		}, []string{"vendor.assumeRolePolicy"}},
		"a role for everybody": {func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, fixtureHolder{Name: "open", Path: "/", Trust: raw(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`)})
		}, []string{"open.assumeRolePolicy"}},
		"a service acts for others": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-monthly-audit")
			r.Trust = changed(t, r.Trust, `"aws:SourceAccount":"111122223333"`, `"aws:SourceAccount":"999999999999"`)
		}, []string{"northwind-monthly-audit.assumeRolePolicy"}},
		"a service's role is widened": {func(t *testing.T, f *accessFixture) {
			f.role(t, "northwind-monthly-audit").Inline["more"] = raw(`{"Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}}`)
		}, []string{"northwind-monthly-audit.policies"}},
		"a role is gone": {func(t *testing.T, f *accessFixture) {
			f.Roles = slices.DeleteFunc(f.Roles, func(h fixtureHolder) bool { return h.Name == "northwind-read-only" })
		}, []string{"stack"}},
		"the verifying role, as the stack makes it": {func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, verifier("arn:aws:iam::111122223333:role/northwind-pipeline-preview", `"iam:ListRoles","cloudtrail:DescribeTrails"`))
		}, nil},
		"the verifying role, taken by others": {func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, verifier("arn:aws:iam::999999999999:role/x", `"iam:ListRoles"`))
		}, []string{"berth-verify.assumeRolePolicy"}},
		"the verifying role, with more": {func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, verifier("arn:aws:iam::111122223333:role/northwind-pipeline-preview", `"iam:ListRoles","s3:GetObject"`))
		}, []string{"berth-verify.policies"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := readAccess(t, "organisation")
			tc.change(t, f)
			subject := subjectOf(t, "organisation")
			subject.Spec.Organisation.AWS.Verifiers = []string{"arn:aws:iam::111122223333:role/northwind-pipeline-preview"}
			wantLook(t, makeLook(t, "AC-3", subject, f.answers(), Outside{}), tc.broken)
		})
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func verifier(taker, actions string) fixtureHolder {
	return fixtureHolder{Name: verifyRole, ARN: "arn:aws:iam::111122223333:role/" + verifyRole, Path: "/", Session: 3600,
		Trust:  raw(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + taker + `"},"Action":"sts:AssumeRole"}}`),
		Inline: map[string]json.RawMessage{"look": raw(`{"Statement":{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}}`)}}
}

// wantLook holds a look's result against what should be broken; nothing: it is kept.
func wantLook(t *testing.T, got Result, broken []string) {
	t.Helper()
	verdict := promises.Kept
	if len(broken) > 0 {
		verdict = promises.Broken
	}
	if got.Verdict != verdict || !slices.Equal(brokenAt(got), broken) {
		t.Errorf("%s is %s (%s), broken at %v; want %s, broken at %v", got.ID, got.Verdict, got.Why, brokenAt(got), verdict, broken)
		for _, f := range got.Findings {
			if !f.Holds {
				t.Logf("%s.%s: found %s, expected %s", f.Resource, f.Property, f.Found, f.Expected)
			}
		}
	}
}

func TestAnAssignmentThatHasEndedGivesNothing(t *testing.T) {
	subject := subjectOf(t, "organisation")
	subject.Now = time.Date(2027, 4, 2, 0, 0, 0, 0, time.UTC) // chiara's and dev's ended
	got := makeLook(t, "AC-3", subject, readAccess(t, "organisation").answers(), Outside{})
	wantLook(t, got, nil)
	said := slices.ContainsFunc(got.Findings, func(f promises.Finding) bool {
		return f.Resource == "northwind-support" && strings.Contains(f.Found, "chiara.rossi until 2027-04-01T00:00:00Z")
	})
	if !said {
		t.Error("the finding does not say until when the role could be taken")
	}
}

func TestLeastPrivilegeInAClientsAccount(t *testing.T) {
	const people = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/staff/ada.lindqvist"},"Action":"sts:AssumeRole",
		"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"DateLessThan":{"aws:CurrentTime":"2027-07-01T00:00:00Z"}}}}`
	const pipeline = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/northwind-pipeline-deploy"},"Action":"sts:AssumeRole"}}`
	role := func(name, trust string, attached ...string) func(*testing.T, *accessFixture) {
		return func(_ *testing.T, f *accessFixture) {
			f.Roles = append(f.Roles, fixtureHolder{Name: name, ARN: "arn:aws:iam::123456789012:role/" + name, Path: "/", Trust: raw(trust), Attached: attached})
		}
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, f *accessFixture)
		broken []string
	}{
		"as the stack makes it":                  {func(*testing.T, *accessFixture) {}, nil},
		"an account's administrators":            {role("berth-administrator", people, "arn:aws:iam::aws:policy/AdministratorAccess"), nil},
		"the deployment's role":                  {role("berth-deploy", pipeline, "arn:aws:iam::aws:policy/AdministratorAccess"), nil},
		"an engineer with power over everything": {role("berth-engineer", people, "arn:aws:iam::aws:policy/AdministratorAccess"), []string{"berth-engineer.policies"}},
		"a whole account takes a role":           {role("berth-deploy", strings.Replace(pipeline, "role/northwind-pipeline-deploy", "root", 1)), []string{"berth-deploy.assumeRolePolicy"}},
		"a stranger takes a role":                {role("berth-deploy", strings.Replace(pipeline, "111122223333", "999999999999", 1)), []string{"berth-deploy.assumeRolePolicy"}},
		"people take a role for ever":            {role("berth-support", strings.Replace(people, "DateLessThan", "DateGreaterThan", 1)), []string{"berth-support.assumeRolePolicy"}},
		"people need no second factor":           {role("berth-support", strings.Replace(people, `"true"`, `"false"`, 1)), []string{"berth-support.assumeRolePolicy"}},
		"the management account's role":          {role("OrganizationAccountAccessRole", strings.Replace(pipeline, "role/northwind-pipeline-deploy", "root", 1), "arn:aws:iam::aws:policy/AdministratorAccess"), []string{"OrganizationAccountAccessRole.assumeRolePolicy", "OrganizationAccountAccessRole.policies"}},
		"a user":                                 {func(_ *testing.T, f *accessFixture) { f.Users = append(f.Users, fixtureHolder{Name: "root2"}) }, []string{"root2.name"}},
		"the machines list whole buckets":        {widen("s3:ListBucket", "arn:aws:s3:::berth-northwind-releases-111122223333-eu-west-2"), []string{"acme-production-machines.policies"}},
		"the machines reach a stranger's bucket": {widen("s3:GetObject", "arn:aws:s3:::somebody-elses/*"), []string{"acme-production-machines.policies"}},
		"the machines change what guards them":   {widen("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/acme-production-machines"), []string{"acme-production-machines.policies"}},
		"the machines decrypt whatever there is": {widen("kms:Decrypt", "arn:aws:kms:eu-west-2:123456789012:key/x"), []string{"acme-production-machines.policies"}},
		"a policy of AWS's for the machines": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "acme-production-machines")
			r.Attached = append(r.Attached, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
		}, []string{"acme-production-machines.policies"}},
		"everything is gone": {func(_ *testing.T, f *accessFixture) { f.Roles = nil }, []string{"stack"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := readAccess(t, "prod")
			tc.change(t, f)
			wantLook(t, makeLook(t, "AC-3", subjectOf(t, "prod"), f.answers(), Outside{}), tc.broken)
		})
	}
}

func widen(action, resource string) func(*testing.T, *accessFixture) {
	return func(t *testing.T, f *accessFixture) {
		f.role(t, "acme-production-machines").Inline["more"] = raw(`{"Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}}`)
	}
}

func TestLeastPrivilegeUnread(t *testing.T) {
	f := readAccess(t, "prod")
	for _, call := range []string{"IAM:GetAccountAuthorizationDetails", "IAM:ListRoles", "S3:ListBuckets"} {
		got := makeLook(t, "AC-3", subjectOf(t, "prod"), f.answers().with(answers{call: errors.New("api error AccessDenied: no")}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %+v", call, got)
		}
	}
}
