package live

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/berth-iac/berth/promises"
)

const pipelineIssuer = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"

func issuerAnswers(url string, audiences ...string) answers {
	return answers{
		"IAM:ListOpenIDConnectProviders": &iam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []iamtypes.OpenIDConnectProviderListEntry{{Arn: aws.String(pipelineIssuer)}}},
		"IAM:GetOpenIDConnectProvider":   &iam.GetOpenIDConnectProviderOutput{Url: &url, ClientIDList: audiences},
	}
}

func TestReviewedReleases(t *testing.T) {
	const releases, state = "berth-northwind-releases-111122223333-eu-west-2", "berth-northwind-pulumi-state-111122223333-eu-west-2"
	const boundary, staff = "arn:aws:iam::111122223333:policy/northwind-pipeline-boundary", "arn:aws:iam::111122223333:policy/northwind-staff-role-boundary"
	signing := func(t *testing.T, f *accessFixture) *fixtureKey {
		i := slices.IndexFunc(f.Keys, func(k fixtureKey) bool { return k.Usage == "SIGN_VERIFY" })
		if i < 0 {
			t.Fatal("the fixture has no key that signs")
		}
		return &f.Keys[i]
	}
	key := signing(t, readAccess(t, "organisation")).ID
	trust := func(job, old, new string) func(*testing.T, *accessFixture) {
		return func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-pipeline-"+job)
			r.Trust = changed(t, r.Trust, old, new)
		}
	}
	inBucket := func(name, old, new string) func(*testing.T, *accessFixture) {
		return func(t *testing.T, f *accessFixture) {
			b := f.bucket(t, name)
			b.Policy = changed(t, b.Policy, old, new)
		}
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, f *accessFixture)
		broken []string
	}{
		"as the stack makes it":  {func(*testing.T, *accessFixture) {}, nil},
		"another repository":     {trust("deploy", "repo:northwind/berth:environment:production", "repo:mallory/berth:environment:production"), []string{"northwind-pipeline-deploy.assumeRolePolicy", "northwind-pipeline-deploy.policies", "stack"}},
		"any branch deploys":     {trust("deploy", "repo:northwind/berth:environment:production", "repo:northwind/berth:*"), []string{"northwind-pipeline-deploy.assumeRolePolicy", "northwind-pipeline-deploy.policies", "stack"}},
		"releases without a tag": {trust("release", "refs/tags/*", "refs/heads/*"), []string{"northwind-pipeline-release.assumeRolePolicy", "northwind-pipeline-release.policies", "stack", key + ".policy"}},
		"another issuer":         {trust("preview", "oidc-provider/token.actions.githubusercontent.com", "oidc-provider/evil.example"), []string{"northwind-pipeline-preview.assumeRolePolicy"}},
		"long sessions":          {func(t *testing.T, f *accessFixture) { f.role(t, "northwind-pipeline-deploy").Session = 7200 }, []string{"northwind-pipeline-deploy.maxSessionDuration"}},
		"more power": {func(t *testing.T, f *accessFixture) {
			f.role(t, "northwind-pipeline-preview").Attached = []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
		}, []string{"northwind-pipeline-preview.policies"}},
		"another role": {func(t *testing.T, f *accessFixture) {
			r := f.role(t, "northwind-pipeline-deploy")
			r.Inline["deploy"] = changed(t, r.Inline["deploy"], "role/berth-deploy", "role/admin")
		}, []string{"northwind-pipeline-deploy.policies"}},
		"no boundary": {func(t *testing.T, f *accessFixture) { f.role(t, "northwind-pipeline-deploy").Boundary = "" }, []string{"northwind-pipeline-deploy.permissionsBoundary"}},
		"a wider boundary": {func(t *testing.T, f *accessFixture) {
			f.Policies[boundary] = changed(t, f.Policies[boundary], `"kms:Sign"`, `"iam:CreateRole"`)
		}, []string{boundary + ".policy"}},
		"keys may be made": {func(t *testing.T, f *accessFixture) {
			f.Policies[boundary] = changed(t, f.Policies[boundary], "iam:CreateAccessKey", "iam:Other")
		}, []string{boundary + ".policy"}},
		"people deploy past the review": {func(t *testing.T, f *accessFixture) {
			f.Policies[staff] = changed(t, f.Policies[staff], "role/northwind-pipeline-*", "role/northwind-other-*")
		}, []string{staff + ".policy"}},
		"a job is gone": {func(_ *testing.T, f *accessFixture) {
			f.Roles = slices.DeleteFunc(f.Roles, func(h fixtureHolder) bool { return h.Name == "northwind-pipeline-preview" })
		}, []string{"stack"}},
		"releases are not locked": {func(t *testing.T, f *accessFixture) { f.bucket(t, releases).LockMode = "" }, []string{releases + ".rule.defaultRetention"}},
		"a short lock":            {func(t *testing.T, f *accessFixture) { f.bucket(t, releases).LockDays = 30 }, []string{releases + ".rule.defaultRetention"}},
		"no copy":                 {func(t *testing.T, f *accessFixture) { f.bucket(t, state).CopyTo = "" }, []string{state + ".rules"}},
		"others write releases":   {inBucket(releases, "ArnNotEquals", "ArnEquals"), []string{releases + ".policy"}},
		"others read the state":   {inBucket(state, "role/northwind-engineer", "role/northwind-support"), []string{state + ".policy"}},
		"others write the state":  {inBucket(state, `"s3:DeleteObject"`, `"s3:Other"`), []string{state + ".policy"}},
		"versions are deleted":    {inBucket(state, "s3:DeleteObjectVersion", "s3:Other"), []string{state + ".policy"}},
		"strangers read releases": {inBucket(releases, "arn:aws:iam::123456789012:root", "arn:aws:iam::999999999999:root"), []string{releases + ".policy"}},
		"others sign": {func(t *testing.T, f *accessFixture) {
			k := signing(t, f)
			k.Policy = changed(t, k.Policy, "role/northwind-pipeline-release", "role/northwind-engineer")
		}, []string{key + ".policy"}},
		"nobody signs": {func(_ *testing.T, f *accessFixture) {
			f.Keys = slices.DeleteFunc(f.Keys, func(k fixtureKey) bool { return k.Usage == "SIGN_VERIFY" })
		}, []string{"stack"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := readAccess(t, "organisation")
			tc.change(t, f)
			got := makeLook(t, "OP-1", subjectOf(t, "organisation"), f.answers().with(issuerAnswers("token.actions.githubusercontent.com", "sts.amazonaws.com")), Outside{})
			wantLook(t, got, sorted(tc.broken))
		})
	}
}

func TestReviewedReleasesAnswers(t *testing.T) {
	good := func() answers {
		return readAccess(t, "organisation").answers().with(issuerAnswers("token.actions.githubusercontent.com", "sts.amazonaws.com"))
	}
	for name, tc := range map[string]struct {
		answers answers
		broken  []string
	}{
		"another issuer":   {issuerAnswers("evil.example", "sts.amazonaws.com"), []string{pipelineIssuer + ".url"}},
		"another audience": {issuerAnswers("token.actions.githubusercontent.com", "sts.amazonaws.com", "x"), []string{pipelineIssuer + ".clientIdLists"}},
		"no issuer":        {answers{"IAM:ListOpenIDConnectProviders": &iam.ListOpenIDConnectProvidersOutput{}}, []string{"stack"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantLook(t, makeLook(t, "OP-1", subjectOf(t, "organisation"), good().with(tc.answers), Outside{}), tc.broken)
		})
	}
	granted := good().with(answers{"KMS:ListGrants": &kms.ListGrantsOutput{Grants: []kmstypes.GrantListEntry{{GranteePrincipal: aws.String("mallory"), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationSign}}}}})
	if got := makeLook(t, "OP-1", subjectOf(t, "organisation"), granted, Outside{}); got.Verdict != promises.Broken || len(brokenAt(got)) != 1 {
		t.Errorf("with a grant to sign: %s %v", got.Verdict, brokenAt(got))
	}
	for _, call := range []string{"IAM:GetAccountAuthorizationDetails", "IAM:ListOpenIDConnectProviders", "S3:GetObjectLockConfiguration", "S3:GetBucketPolicy", "S3:GetBucketReplication", "KMS:GetKeyPolicy"} {
		got := makeLook(t, "OP-1", subjectOf(t, "organisation"), good().with(answers{call: errors.New("api error AccessDenied: no")}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %s (%s) %v", call, got.Verdict, got.Why, brokenAt(got))
		}
	}
}
