package aws_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// company is what the organisation's stack is to be like.
type company struct {
	name  string
	staff map[string][]string // groups of each person, by the end of their names
}

// organisation is as Pulumi.organisation.yaml has it.
var organisation = company{name: "northwind", staff: map[string][]string{
	"ada.lindqvist": {"administrator", "staff"}, "ben.adeyemi": {"break-glass-database", "engineer", "staff"},
	"chiara.rossi": {"staff", "support"}, "dev.patel": {"read-only", "staff"},
}}

func organisationProofs() []proof[company] {
	return []proof[company]{
		{"AC-3 AC-5 everybody has a user of their own, in the groups of their assignments", personal},
		{"AC-3 roles are taken with a second factor, until the assignment ends", secondFactor},
		{"AC-5 every call is recorded, in a bucket that is locked", func(t *testing.T, d *deployed, _ company) { trailRecords(t, d) }},
		{"AC-5 both regions are watched by GuardDuty", watched},
		{"AC-7 passwords are long, mixed and changed every 30 days", passwords},
		{"DP-4 no bucket of the account can be made public", blocked},
		{"DP-4 every bucket is encrypted, versioned, private and takes TLS only", func(t *testing.T, d *deployed, _ company) {
			n := 0
			for region, buckets := range bucketsByRegion(t, d) {
				for _, bucket := range buckets {
					n++
					safeBucket(t, d.in(region), region, bucket)
				}
			}
			if n < 8 {
				t.Errorf("there are %d buckets, want those of state, releases, trail and logs in both regions", n)
			}
		}},
		{"DP-4 disks are encrypted without anybody asking", func(t *testing.T, d *deployed, _ company) {
			for _, region := range []string{first, second} {
				if got := of(d.in(region).ec2.GetEbsEncryptionByDefault(t.Context(), &ec2.GetEbsEncryptionByDefaultInput{}))(t); !aws.ToBool(got.EbsEncryptionByDefault) {
					t.Errorf("%s: disks are not encrypted by default", region)
				}
			}
		}},
		{"DP-4 keys are turned over every year", rotated},
		{"OP-1 the pipeline signs in as itself, from one repository", pipelineTrust},
		{"OP-3 OP-4 duty is handed over and the audit called for on schedule", scheduled},
		{"everything says whose it is", func(t *testing.T, d *deployed, want company) {
			wantTagged(t, d, map[string]string{"client": want.name, "stack": "organisation", "managed-by": "berth"}, first, second)
		}},
	}
}

// staffGroup is the name of the group of an assignment.
func (d *deployed) staffGroup(t *testing.T, assignment string) *string {
	t.Helper()
	for _, g := range of(d.in(first).iam.ListGroups(t.Context(), nil))(t).Groups {
		if strings.HasSuffix(*g.GroupName, assignment) {
			return g.GroupName
		}
	}
	t.Fatalf("there is no group %s", assignment)
	return nil
}

func personal(t *testing.T, d *deployed, want company) {
	c := d.in(first)
	users := of(c.iam.ListUsers(t.Context(), nil))(t).Users
	if len(users) != len(want.staff) {
		t.Errorf("there are %d users, want one for each of %d people", len(users), len(want.staff))
	}
	for _, user := range users {
		var groups []string
		for _, g := range of(c.iam.ListGroupsForUser(t.Context(), &iam.ListGroupsForUserInput{UserName: user.UserName}))(t).Groups {
			groups = append(groups, *g.GroupName)
		}
		slices.Sort(groups)
		wanted := want.staff[*user.UserName]
		fits := len(groups) == len(wanted)
		for i := range min(len(groups), len(wanted)) {
			fits = fits && strings.HasSuffix(groups[i], wanted[i])
		}
		if !fits {
			t.Errorf("%s is in %v, want %v", *user.UserName, groups, wanted)
		}
		if keys := of(c.iam.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: user.UserName}))(t).AccessKeyMetadata; len(keys) > 0 {
			t.Errorf("%s has %d access keys, want none made by the stack", *user.UserName, len(keys))
		}
	}
}

func secondFactor(t *testing.T, d *deployed, want company) {
	n := 0
	for _, role := range of(d.in(first).iam.ListRoles(t.Context(), &iam.ListRolesInput{MaxItems: aws.Int32(1000)}))(t).Roles {
		trust := unescaped(t, role.AssumeRolePolicyDocument)
		if !strings.Contains(trust, ":user/staff/") && !strings.Contains(trust, ":root") {
			continue
		}
		n++
		if !strings.Contains(trust, "aws:MultiFactorAuthPresent") {
			t.Errorf("%s can be taken without a second factor: %s", *role.RoleName, trust)
		}
	}
	if n < 5 {
		t.Errorf("people can take %d roles, want one for each assignment of %s", n, want.name)
	}
}

func watched(t *testing.T, d *deployed, _ company) {
	for _, region := range []string{first, second} {
		c := d.in(region)
		ids := of(c.guardduty.ListDetectors(t.Context(), nil))(t).DetectorIds
		if len(ids) != 1 {
			t.Errorf("%s has %d detectors, want one", region, len(ids))
			continue
		}
		if got := of(c.guardduty.GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: &ids[0]}))(t); got.Status != "ENABLED" {
			t.Errorf("%s: the detector is %s", region, got.Status)
		}
	}
}

func passwords(t *testing.T, d *deployed, _ company) {
	got := of(d.in(first).iam.GetAccountPasswordPolicy(t.Context(), nil))(t).PasswordPolicy
	if aws.ToInt32(got.MinimumPasswordLength) < 12 || aws.ToInt32(got.MaxPasswordAge) != 30 || !got.RequireLowercaseCharacters ||
		!got.RequireUppercaseCharacters || !got.RequireNumbers || !got.RequireSymbols {
		t.Errorf("the password policy is %+v", *got)
	}
}

func blocked(t *testing.T, d *deployed, _ company) {
	got := of(d.in(first).s3control.GetPublicAccessBlock(t.Context(),
		&s3control.GetPublicAccessBlockInput{AccountId: aws.String(d.account.Account())}))(t).PublicAccessBlockConfiguration
	if !aws.ToBool(got.BlockPublicAcls) || !aws.ToBool(got.BlockPublicPolicy) || !aws.ToBool(got.IgnorePublicAcls) || !aws.ToBool(got.RestrictPublicBuckets) {
		t.Errorf("the account's public access block is %+v, want all four", *got)
	}
}

func rotated(t *testing.T, d *deployed, _ company) {
	for _, region := range []string{first, second} {
		c, n := d.in(region), 0
		for _, key := range of(c.kms.ListKeys(t.Context(), nil))(t).Keys {
			is := of(c.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId}))(t).KeyMetadata
			if is.KeyManager != kmstypes.KeyManagerTypeCustomer || is.KeyUsage != kmstypes.KeyUsageTypeEncryptDecrypt || is.MultiRegionConfiguration != nil {
				continue // AWS's own, one that signs, or a replica, which turns over with its primary
			}
			n++
			if got := of(c.kms.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId}))(t); !got.KeyRotationEnabled {
				t.Errorf("%s: key %s %q is not turned over", region, *key.KeyId, aws.ToString(is.Description))
			}
		}
		if n < 3 {
			t.Errorf("%s has %d keys of the stack's", region, n)
		}
	}
}

func pipelineTrust(t *testing.T, d *deployed, _ company) {
	c := d.in(first)
	providers := of(c.iam.ListOpenIDConnectProviders(t.Context(), nil))(t).OpenIDConnectProviderList
	if len(providers) != 1 || !strings.HasSuffix(aws.ToString(providers[0].Arn), "token.actions.githubusercontent.com") {
		t.Errorf("identity providers: %+v, want GitHub's", providers)
	}
	n := 0
	for _, role := range of(c.iam.ListRoles(t.Context(), &iam.ListRolesInput{MaxItems: aws.Int32(1000)}))(t).Roles {
		if trust := unescaped(t, role.AssumeRolePolicyDocument); strings.Contains(trust, "token.actions.githubusercontent.com") {
			n++
			if !strings.Contains(trust, "repo:northwind/berth") {
				t.Errorf("%s trusts more than the repository: %s", *role.RoleName, trust)
			}
		}
	}
	if n != 3 {
		t.Errorf("the pipeline can take %d roles, want those to preview, to deploy and to release", n)
	}
}

func scheduled(t *testing.T, d *deployed, want company) {
	people, audits := 0, 0
	for _, s := range of(d.in(first).scheduler.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{}))(t).Schedules {
		for person := range want.staff {
			if strings.Contains(*s.Name, person) {
				people++
			}
		}
		if strings.Contains(*s.Name, "audit") {
			audits++
		}
	}
	if people != 3 || audits != 1 {
		t.Errorf("%d hand-overs of duty and %d calls for the audit, want three and one", people, audits)
	}
}

// unescaped is a policy as IAM's API gives it, in plain text.
func unescaped(t *testing.T, document *string) string {
	t.Helper()
	text, err := url.QueryUnescape(aws.ToString(document))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
