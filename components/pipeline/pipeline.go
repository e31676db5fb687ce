// Package pipeline lets the repository's CI preview, deploy and release without
// keys (OP-1): AWS trusts the tokens that the CI's own identity provider signs,
// for one repository, and nothing else. Any pull request may preview. Only a run
// that a reviewer has released may deploy, and only such a run of a tag may store
// and sign a release.
//
// In clients' accounts CI works through roles called berth-preview and
// berth-deploy, which trust the two roles made here; they are made where the
// client's account is set up. CI changes nothing in the organisation's own
// account: that is done by people. What previews also reads accounts back, as
// berth-verify (package verifier) where an account has it.
package pipeline

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args name the repository and what it works on. Providers: aws.
type Args struct {
	Scope        scope.Scope
	Pipeline     spec.Pipeline
	Clients      []spec.ClientAccount
	SecondRegion string // the only region besides the scope's in which CI may act; empty: none
	// The stores, as package statebackend makes them. ReleaseKeyArn may be nil where S3's own key encrypts releases.
	StateBucketArn, StateKeyArn, ReleaseBucketArn, SigningKeyArn, ReleaseKeyArn pulumi.StringInput
}

// Pipeline is what CI signs in as.
type Pipeline struct {
	pulumi.ResourceState

	PreviewRoleArn, DeployRoleArn, ReleaseRoleArn pulumi.StringOutput
}

// The roles that CI takes.
const (
	preview = "preview" // any pull request
	deploy  = "deploy"  // what a reviewer released
	release = "release" // the same, for a tag
)

// The roles of a client's account that CI works through.
const (
	ClientPreviewRole = "berth-preview"
	ClientDeployRole  = "berth-deploy"
)

// PreviewRoleArn is the ARN of the role that previews. All three are known before the roles are, for policies that name them.
func PreviewRoleArn(s scope.Scope) string { return roleArn(s, preview) }

// DeployRoleArn is the ARN of the role that deploys.
func DeployRoleArn(s scope.Scope) string { return roleArn(s, deploy) }

// ReleaseRoleArn is the ARN of the role that stores and signs releases.
func ReleaseRoleArn(s scope.Scope) string { return roleArn(s, release) }

func roleArn(s scope.Scope, role string) string { return s.ARN("iam", "", "role/"+roleName(s, role)) }

func roleName(s scope.Scope, role string) string { return s.Name(naming.Role, "pipeline", role) }

// sessionSeconds is how long a run's credentials last: the least that AWS offers as a role's limit.
const sessionSeconds = 60 * 60

func (a Args) check() error {
	var errs []error
	if a.Scope.Account == "" || a.Scope.Region == "" {
		errs = append(errs, errors.New("the account or the region is missing: policies name them"))
	}
	if err := checkRepository(a.Pipeline); err != nil {
		errs = append(errs, err)
	}
	if a.Pipeline.Provider == github && a.Pipeline.Environment == "" {
		errs = append(errs, errors.New("no environment: name the one that a reviewer must release"))
	}
	if len(a.Clients) == 0 {
		errs = append(errs, errors.New("no clients: there is nothing to deploy"))
	}
	if a.StateBucketArn == nil || a.StateKeyArn == nil || a.ReleaseBucketArn == nil || a.SigningKeyArn == nil {
		errs = append(errs, errors.New("the stores are missing: pass buckets and keys of state and releases"))
	}
	return errors.Join(errs...)
}

// New makes the identity provider, the boundary and the roles.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Pipeline, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("pipeline %q: %w", name, err)
	}
	p := &Pipeline{}
	inputs := pulumi.Map{"provider": pulumi.String(args.Pipeline.Provider), "repository": pulumi.String(args.Pipeline.Repository)}
	if err := ctx.RegisterComponentResourceV2("berth:pipeline:Pipeline", name, inputs, p, opts...); err != nil {
		return nil, err
	}
	child, s, from := pulumi.Parent(p), args.Scope, issuerOf(args.Pipeline)
	provider, err := iam.NewOpenIdConnectProvider(ctx, name+"-provider", &iam.OpenIdConnectProviderArgs{
		Url: pulumi.String(from.url), ClientIdLists: pulumi.ToStringArray([]string{from.audience}),
		ThumbprintLists: pulumi.ToStringArray(from.thumbprints), Tags: s.Tags(scope.None, args.Pipeline.Provider),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("pipeline %q: identity provider: %w", name, err)
	}
	boundaryName := s.Name(naming.Policy, "pipeline", "boundary")
	boundary, err := iam.NewPolicy(ctx, name+"-boundary", &iam.PolicyArgs{
		Name: pulumi.String(boundaryName), Description: pulumi.String("The most that CI can do, whatever its roles say"),
		Policy: policy.Document(args.boundary()...), Tags: s.Tags(scope.None, boundaryName),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("pipeline %q: boundary: %w", name, err)
	}
	for _, r := range []struct {
		name, says string
		statements []policy.Statement
		into       *pulumi.StringOutput
	}{
		{preview, "CI shows what a change would do; reads only", args.previewing(), &p.PreviewRoleArn},
		{deploy, "CI deploys what reviewers released", args.deploying(), &p.DeployRoleArn},
		{release, "CI stores and signs releases", args.releasing(), &p.ReleaseRoleArn},
	} {
		physical := roleName(s, r.name)
		role, err := iam.NewRole(ctx, name+"-"+r.name, &iam.RoleArgs{
			Name: pulumi.String(physical), Description: pulumi.String(r.says), MaxSessionDuration: pulumi.Int(sessionSeconds),
			PermissionsBoundary: boundary.Arn, Tags: s.Tags(scope.None, physical),
			AssumeRolePolicy: policy.Document(policy.Statement{
				Principals: policy.Principals{"Federated": []pulumi.StringInput{provider.Arn}},
				Actions:    []string{"sts:AssumeRoleWithWebIdentity"}, Conditions: from.trust(r.name),
			}),
		}, child)
		if err != nil {
			return nil, fmt.Errorf("pipeline %q: role %s: %w", name, r.name, err)
		}
		if _, err := iam.NewRolePolicy(ctx, name+"-"+r.name+"-policy", &iam.RolePolicyArgs{
			Name: pulumi.String(r.name), Role: role.Name, Policy: policy.Document(r.statements...),
		}, child); err != nil {
			return nil, fmt.Errorf("pipeline %q: policy of %s: %w", name, r.name, err)
		}
		*r.into = role.Arn
	}
	return p, ctx.RegisterResourceOutputs(p, pulumi.Map{
		"previewRoleArn": p.PreviewRoleArn, "deployRoleArn": p.DeployRoleArn, "releaseRoleArn": p.ReleaseRoleArn})
}
