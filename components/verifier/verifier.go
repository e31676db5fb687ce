// Package verifier makes the role that `berth verify` works as: berth-verify,
// which reads back how an account is set up and can do nothing else. What it may
// read is handed in, action by action (package actions has the list); a denial
// beside it keeps clients' data and secrets from it, whatever some other policy,
// of a bucket or of a role, may come to allow.
//
// The name is fixed, so that policies of other accounts can name the role before
// it exists; an account has one. It trusts only those whom the stack's file
// names: roles, whose own trust says who takes them, and users with a second
// factor, each under their own name.
//
// It knows accounts, people and actions, and none of the promises that are shown.
package verifier

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RoleName is the role's name, in every account that has it, and that of its policy.
const RoleName = "berth-verify"

// RoleArn is the role's ARN, for policies that cannot wait for it.
func RoleArn(account string) string { return "arn:aws:iam::" + account + ":role/" + RoleName }

// sessionSeconds is how long the role's credentials last at most: the least that AWS offers as a role's limit.
const sessionSeconds = 60 * 60

// Args say who reads back and what. Providers: aws.
type Args struct {
	Scope     scope.Scope
	Verifiers []string // ARNs of IAM roles and users; empty: nothing is made
	Actions   []string // IAM actions such as rds:DescribeDBInstances; each only looks, at no data
	// OfficeCIDRs are where users must come from; empty: from anywhere. Roles come from wherever theirs may be taken.
	OfficeCIDRs []netip.Prefix
	// After is what makes the verifiers, where it is the same stack: AWS refuses to trust who is not there.
	After []pulumi.Resource
}

// Verifier is who reads an account back.
type Verifier struct {
	pulumi.ResourceState

	RoleArn pulumi.StringOutput
}

var (
	principal = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:(role|user)/([A-Za-z0-9._@+-]+/)*[A-Za-z0-9._@+-]+$`)
	// looking are actions that change nothing. The report on credentials is made anew for whoever reads it.
	looking = regexp.MustCompile(`^[a-z0-9-]+:((Describe|Get|List|Lookup|Simulate)[A-Za-z0-9]*|GenerateCredentialReport)$`)
)

func (a Args) check() error {
	var errs []error
	if a.Scope.Account == "" {
		errs = append(errs, errors.New("the account is missing"))
	}
	for _, arn := range a.Verifiers {
		if !principal.MatchString(arn) {
			errs = append(errs, fmt.Errorf("%q is no IAM role or user: name each verifier's own ARN, without wildcards", arn))
		}
	}
	for _, action := range a.Actions {
		if !looking.MatchString(action) {
			errs = append(errs, fmt.Errorf("%s is not known to only look: name single actions that describe, get, list, look up or simulate", action))
		}
		if pattern := denial(action); pattern != "" {
			errs = append(errs, fmt.Errorf("%s shows data or secrets, and is denied as %s: show the promise by something else", action, pattern))
		}
	}
	if n := size(a.Actions); n > managedPolicyLimit {
		errs = append(errs, fmt.Errorf("the policy has %d characters with %d actions, and IAM takes %d: let the looks make do with fewer calls", n, len(a.Actions), managedPolicyLimit))
	}
	return errors.Join(errs...)
}

// New makes the role and its policy. Where nobody may verify it makes nothing and returns nil.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Verifier, error) {
	if len(args.Verifiers) == 0 {
		return nil, nil
	}
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("verifier %q: %w", name, err)
	}
	v := &Verifier{}
	if err := ctx.RegisterComponentResourceV2("berth:verifier:Verifier", name, pulumi.Map{"verifiers": pulumi.ToStringArray(args.Verifiers)}, v, opts...); err != nil {
		return nil, err
	}
	child, tags := pulumi.Parent(v), args.Scope.Tags(scope.None, RoleName)
	may, err := iam.NewPolicy(ctx, name+"-policy", &iam.PolicyArgs{
		Name: pulumi.String(RoleName), Description: pulumi.String("Reads how the account is set up: no data, no secrets, no changes"),
		Policy: policy.Document(permissions(args.Actions)...), Tags: tags,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("verifier %q: policy: %w", name, err)
	}
	role, err := iam.NewRole(ctx, name+"-role", &iam.RoleArgs{
		Name: pulumi.String(RoleName), Description: pulumi.String("Shows by looking that promises hold (berth verify); changes nothing"),
		MaxSessionDuration: pulumi.Int(sessionSeconds), AssumeRolePolicy: policy.Document(args.trust()...),
		// The same policy bounds the role: whatever else is attached to it adds nothing.
		PermissionsBoundary: may.Arn, Tags: tags,
	}, child, pulumi.DependsOn(args.After))
	if err != nil {
		return nil, fmt.Errorf("verifier %q: role: %w", name, err)
	}
	if _, err := iam.NewRolePolicyAttachment(ctx, name+"-may-look", &iam.RolePolicyAttachmentArgs{Role: role.Name, PolicyArn: may.Arn}, child); err != nil {
		return nil, fmt.Errorf("verifier %q: attachment: %w", name, err)
	}
	v.RoleArn = role.Arn
	return v, ctx.RegisterResourceOutputs(v, pulumi.Map{"roleArn": v.RoleArn})
}

// trust lets in those who are named, and nobody else. A role shows no second factor: who takes it was asked for theirs
// there, or is a run of the pipeline.
func (a Args) trust() []policy.Statement {
	var roles, users []string
	for _, arn := range a.Verifiers {
		if strings.Contains(arn, ":user/") {
			users = append(users, arn)
		} else {
			roles = append(roles, arn)
		}
	}
	var list []policy.Statement
	if len(roles) > 0 {
		list = append(list, policy.Statement{Sid: "Roles", Principals: policy.AWS(policy.Strings(roles...)...), Actions: []string{"sts:AssumeRole"}})
	}
	if len(users) > 0 {
		conditions := []policy.Condition{
			policy.Is("Bool", "aws:MultiFactorAuthPresent", "true"),
			policy.Is("NumericLessThan", "aws:MultiFactorAuthAge", fmt.Sprint(sessionSeconds)),
			policy.Is("StringEquals", "sts:RoleSessionName", "${aws:username}"), // so that the trail names the person
		}
		if len(a.OfficeCIDRs) > 0 {
			var offices []string
			for _, c := range a.OfficeCIDRs {
				offices = append(offices, c.String())
			}
			conditions = append(conditions, policy.Is("IpAddress", "aws:SourceIp", offices...))
		}
		list = append(list, policy.Statement{Sid: "People", Principals: policy.AWS(policy.Strings(users...)...), Actions: []string{"sts:AssumeRole"}, Conditions: conditions})
	}
	return list
}
