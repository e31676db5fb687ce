package live

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/berth-iac/berth/promises/policy"
)

// Who may do what in the account: IAM knows no regions.

const (
	tokenRole   = "aws:iam/role:Role"
	tokenUser   = "aws:iam/user:User"
	tokenGroup  = "aws:iam/group:Group"
	tokenPolicy = "aws:iam/policy:Policy"
)

// permission is one policy that a user, group or role is given.
type permission struct {
	name     string // of an inline policy, or the ARN
	managed  bool   // AWS's own: it has no document here
	document policy.Document
	unread   bool // its text cannot be read
}

// holder is a user, a group or a role, with all that it is given.
type holder struct {
	object
	name, arn, path string
	boundary        string // ARN; empty: none
	permissions     []permission
	groups          []string // of a user
	trust           policy.Document
	trusted         bool // the trust could be read
	session         time.Duration
	machine         bool // an instance profile carries the role
	tags            map[string]string
}

// authority is all that IAM says of the account.
type authority struct {
	users, groups, roles []holder
	policies             map[string]policy.Document // the account's own managed policies in force, by ARN
}

// role is the role of a name, or nil; group likewise.
func (a *authority) role(name string) *holder  { return holderNamed(a.roles, name) }
func (a *authority) group(name string) *holder { return holderNamed(a.groups, name) }

func holderNamed(all []holder, name string) *holder {
	i := slices.IndexFunc(all, func(h holder) bool { return h.name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// authority reads users, groups, roles and policies, with what hangs on them.
func (a *account) authority(ctx context.Context) (*authority, error) {
	return once(a, []string{"iam", "users, groups, roles and policies"}, func() (*authority, error) {
		client := iam.NewFromConfig(a.config(a.home))
		all := &authority{policies: map[string]policy.Document{}}
		var users []iamtypes.UserDetail
		var groups []iamtypes.GroupDetail
		var roles []iamtypes.RoleDetail
		pages := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{Filter: []iamtypes.EntityType{
			iamtypes.EntityTypeUser, iamtypes.EntityTypeGroup, iamtypes.EntityTypeRole, iamtypes.EntityTypeLocalManagedPolicy}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			users, groups, roles = append(users, page.UserDetailList...), append(groups, page.GroupDetailList...), append(roles, page.RoleDetailList...)
			for _, p := range page.Policies {
				for _, version := range p.PolicyVersionList {
					if document, err := documentOf(version.Document); err == nil && version.IsDefaultVersion {
						all.policies[aws.ToString(p.Arn)] = document
					}
				}
			}
		}
		sessions, err := a.sessions(ctx, client)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			one := holder{object: object{tokenUser, aws.ToString(u.UserName)}, name: aws.ToString(u.UserName), arn: aws.ToString(u.Arn), path: aws.ToString(u.Path),
				groups: u.GroupList, permissions: all.given(u.UserPolicyList, u.AttachedManagedPolicies), tags: iamTags(u.Tags)}
			if b := u.PermissionsBoundary; b != nil {
				one.boundary = aws.ToString(b.PermissionsBoundaryArn)
			}
			all.users = append(all.users, one)
		}
		for _, g := range groups {
			all.groups = append(all.groups, holder{object: object{tokenGroup, aws.ToString(g.GroupName)}, name: aws.ToString(g.GroupName), arn: aws.ToString(g.Arn),
				path: aws.ToString(g.Path), permissions: all.given(g.GroupPolicyList, g.AttachedManagedPolicies)})
		}
		for _, r := range roles {
			one := holder{object: object{tokenRole, aws.ToString(r.RoleName)}, name: aws.ToString(r.RoleName), arn: aws.ToString(r.Arn), path: aws.ToString(r.Path),
				permissions: all.given(r.RolePolicyList, r.AttachedManagedPolicies), tags: iamTags(r.Tags), machine: len(r.InstanceProfileList) > 0, session: sessions[aws.ToString(r.RoleName)]}
			if b := r.PermissionsBoundary; b != nil {
				one.boundary = aws.ToString(b.PermissionsBoundaryArn)
			}
			trust, err := documentOf(r.AssumeRolePolicyDocument)
			one.trust, one.trusted = trust, err == nil
			all.roles = append(all.roles, one)
		}
		return all, nil
	})
}

// sessions are how long a session of each role may last, which the account's details leave out.
func (a *account) sessions(ctx context.Context, client *iam.Client) (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	pages := iam.NewListRolesPaginator(client, &iam.ListRolesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, role := range page.Roles {
			all[aws.ToString(role.RoleName)] = time.Duration(aws.ToInt32(role.MaxSessionDuration)) * time.Second
		}
	}
	return all, nil
}

// given are the policies of a holder, its own and those attached.
func (a *authority) given(inline []iamtypes.PolicyDetail, attached []iamtypes.AttachedPolicy) []permission {
	var all []permission
	for _, p := range inline {
		document, err := documentOf(p.PolicyDocument)
		all = append(all, permission{name: aws.ToString(p.PolicyName), document: document, unread: err != nil})
	}
	for _, p := range attached {
		arn := aws.ToString(p.PolicyArn)
		document, own := a.policies[arn]
		managed := strings.HasPrefix(arn, "arn:aws:iam::aws:")
		all = append(all, permission{name: arn, managed: managed, document: document, unread: !managed && !own})
	}
	return all
}

// documentOf reads a policy as IAM writes it: percent-encoded.
func documentOf(text *string) (policy.Document, error) {
	plain := aws.ToString(text)
	if !strings.HasPrefix(strings.TrimSpace(plain), "{") {
		var err error
		if plain, err = url.PathUnescape(plain); err != nil {
			return policy.Document{}, fmt.Errorf("read a policy: %w", err)
		}
	}
	return policy.Parse(plain)
}

func iamTags(tags []iamtypes.Tag) map[string]string {
	return tagMap(tags, func(t iamtypes.Tag) (key, value *string) { return t.Key, t.Value })
}

// passwordPolicy is the account's, or nil where it has none.
func (a *account) passwordPolicy(ctx context.Context) (*iamtypes.PasswordPolicy, error) {
	return once(a, []string{"iam", "password policy"}, func() (*iamtypes.PasswordPolicy, error) {
		out, err := iam.NewFromConfig(a.config(a.home)).GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		var none *iamtypes.NoSuchEntityException
		switch {
		case errors.As(err, &none):
			return nil, nil
		case err != nil:
			return nil, err
		}
		return out.PasswordPolicy, nil
	})
}

// credential is one line of the account's credential report. Instants that the report does not give are zero.
type credential struct {
	user, arn            string
	root                 bool
	created              time.Time
	password             bool
	used, changed        time.Time // the password
	secondFactor         bool
	keys, certificates   int // that are active
	passwordNotSupported bool
}

// rootAccount is what the credential report calls the account's root user.
const rootAccount = "<root_account>"

// reportTries and reportPause are how often and after which pause a credential report is asked for until it is made: seconds at most.
const (
	reportTries = 30
	reportPause = time.Second
)

// credentialReport is who has which credentials, and since when. AWS makes it anew when it is four hours old.
func (a *account) credentialReport(ctx context.Context) ([]credential, error) {
	return once(a, []string{"iam", "credential report"}, func() ([]credential, error) {
		client := iam.NewFromConfig(a.config(a.home))
		for try := 0; ; try++ {
			out, err := client.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
			if err != nil {
				return nil, err
			}
			if out.State == iamtypes.ReportStateTypeComplete {
				break
			}
			if try == reportTries {
				return nil, fmt.Errorf("it is not made after %s: its state is %s", reportTries*reportPause, out.State)
			}
			wait := time.NewTimer(reportPause)
			select {
			case <-ctx.Done():
				wait.Stop()
				return nil, ctx.Err()
			case <-wait.C:
			}
		}
		out, err := client.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		if err != nil {
			return nil, err
		}
		return readCredentials(string(out.Content))
	})
}

// readCredentials reads the report's table by its columns' names.
func readCredentials(text string) ([]credential, error) {
	lines := csv.NewReader(strings.NewReader(text))
	lines.FieldsPerRecord = -1
	table, err := lines.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("it is no table: %w", err)
	}
	if len(table) == 0 || !slices.Contains(table[0], "mfa_active") || !slices.Contains(table[0], "user") {
		return nil, errors.New("it has no columns user and mfa_active")
	}
	var all []credential
	for _, line := range table[1:] {
		field := func(name string) string {
			if i := slices.Index(table[0], name); i >= 0 && i < len(line) {
				return line[i]
			}
			return ""
		}
		instant := func(name string) time.Time {
			at, err := time.Parse(time.RFC3339, field(name))
			if err != nil {
				return time.Time{} // N/A, no_information, not_supported
			}
			return at
		}
		count := func(names ...string) (n int) {
			for _, name := range names {
				if field(name) == "true" {
					n++
				}
			}
			return n
		}
		all = append(all, credential{
			user: field("user"), arn: field("arn"), root: field("user") == rootAccount, created: instant("user_creation_time"),
			password: field("password_enabled") == "true", passwordNotSupported: field("password_enabled") == "not_supported",
			used: instant("password_last_used"), changed: instant("password_last_changed"), secondFactor: field("mfa_active") == "true",
			keys: count("access_key_1_active", "access_key_2_active"), certificates: count("cert_1_active", "cert_2_active"),
		})
	}
	return all, nil
}

// issuers are the identity providers whose tokens roles may trust.
type identityProvider struct {
	arn, url  string
	audiences []string
}

// identityProviders are those for OpenID Connect.
func (a *account) identityProviders(ctx context.Context) ([]identityProvider, error) {
	return once(a, []string{"iam", "OpenID Connect providers"}, func() ([]identityProvider, error) {
		client := iam.NewFromConfig(a.config(a.home))
		list, err := client.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{}) // of one page
		if err != nil {
			return nil, err
		}
		var all []identityProvider
		for _, entry := range list.OpenIDConnectProviderList {
			out, err := client.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: entry.Arn})
			if err != nil {
				return nil, err
			}
			all = append(all, identityProvider{aws.ToString(entry.Arn), aws.ToString(out.Url), out.ClientIDList})
		}
		return all, nil
	})
}
