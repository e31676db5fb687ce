// Package identity says who the provider's people are and what each may do, for
// as long as the current assignment lasts (AC-3, AC-5, AC-6, AC-7).
//
// Everybody has an IAM user of their own, without access keys, and can do
// nothing with it but look after their own password and second factor and
// assume the roles of their assignments. A role trusts exactly the people who
// hold the assignment: with a second factor, from the office, under their own
// name, and until the assignment's last day. That day passes in AWS itself: no
// update is needed to end it.
//
// Roles in clients' accounts are called berth-<role>; they are made where the
// client's account is set up, and trust this account's users in the same way.
// Taking a person out of the list takes away the user with all that hangs on it.
//
// It knows people and roles, and none of what the roles are used on.
package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args name the people. Providers: aws.
type Args struct {
	Scope       scope.Scope
	Staff       []spec.Person
	OfficeCIDRs []netip.Prefix
	Clients     []spec.ClientAccount
	// Second is the provider of SecondRegion, whose defaults are made safe as well; nil: the first region's only.
	Second pulumi.ProviderResource
	// EvidenceBuckets are the ARNs of buckets that no person may change or empty, whatever their role.
	EvidenceBuckets []string
	// StateKeyArn and StateBucketArn let administrators and engineers run Pulumi by hand.
	StateKeyArn, StateBucketArn pulumi.StringInput
}

// Identity is what people are known by.
type Identity struct {
	pulumi.ResourceState

	UserArns pulumi.StringMapOutput // by name
	RoleArns pulumi.StringMapOutput // by role
}

// RoleName is the physical name of an assignment's role in the organisation's own account.
func RoleName(s scope.Scope, role string) string { return s.Name(naming.Role, kebab[role]) }

// RoleArn is its ARN, for policies that cannot wait for it.
func RoleArn(s scope.Scope, role string) string { return s.ARN("iam", "", "role/"+RoleName(s, role)) }

// kebab writes a role as names do; its keys are all the roles.
var kebab = map[string]string{
	Administrator: "administrator", Engineer: "engineer", Support: "support", ReadOnly: "read-only", BreakGlassDatabase: "break-glass-database",
}

// The roles of assignments, as the spec writes them.
const (
	Administrator      = "administrator"
	Engineer           = "engineer"
	Support            = "support"
	ReadOnly           = "readOnly"
	BreakGlassDatabase = "breakGlassDatabase"
)

func (a Args) check() error {
	var errs []error
	if len(a.Staff) == 0 {
		errs = append(errs, errors.New("no staff: name at least one person"))
	}
	if len(a.OfficeCIDRs) == 0 {
		errs = append(errs, errors.New("no office addresses: staff could sign in from anywhere, or from nowhere"))
	}
	for _, c := range a.OfficeCIDRs {
		if !c.IsValid() || c.Bits() == 0 {
			errs = append(errs, fmt.Errorf("office address %s is no range", c))
		}
	}
	if a.StateKeyArn == nil || a.StateBucketArn == nil {
		errs = append(errs, errors.New("no state is given: pass its bucket and its key"))
	}
	names := map[string]bool{}
	for _, p := range a.Staff {
		if names[p.Name] {
			errs = append(errs, fmt.Errorf("two people are called %q: every account is personal", p.Name))
		}
		names[p.Name] = true
		for _, assignment := range p.Assignments {
			if _, known := kebab[assignment.Role]; !known {
				errs = append(errs, fmt.Errorf("%s has the assignment %q, which is no role", p.Name, assignment.Role))
			}
			if assignment.Until.IsZero() {
				errs = append(errs, fmt.Errorf("%s is %s without end: every assignment has a last day", p.Name, assignment.Role))
			}
		}
	}
	return errors.Join(errs...)
}

// New makes users, groups, roles and the account's own rules.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Identity, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("identity %q: %w", name, err)
	}
	id := &Identity{}
	if err := ctx.RegisterComponentResourceV2("berth:identity:Identity", name, pulumi.Map{"people": pulumi.Int(len(args.Staff))}, id, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(id), users: map[string]pulumi.StringOutput{}, userNames: map[string]pulumi.StringOutput{}}
	for _, step := range []func() error{b.account, b.boundaries, b.people, b.roles, b.groups} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("identity %q: %w", name, err)
		}
	}
	users, roles := pulumi.StringMap{}, pulumi.StringMap{}
	for person, arn := range b.users {
		users[person] = arn
	}
	for _, r := range assignable {
		roles[r.name] = pulumi.String(RoleArn(args.Scope, r.name))
	}
	id.UserArns, id.RoleArns = users.ToStringMapOutput(), roles.ToStringMapOutput()
	return id, ctx.RegisterResourceOutputs(id, pulumi.Map{"userArns": id.UserArns, "roleArns": id.RoleArns})
}

// builder carries what every step of New needs, and what one step makes for the next.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   Args
	parent pulumi.ResourceOption

	userBoundary, roleBoundary pulumi.StringOutput
	users, userNames           map[string]pulumi.StringOutput // ARNs and names, by name
}

// holders are the people with an assignment to role, with the latest day if one has it twice.
func (a Args) holders(role string) []holder {
	var list []holder
	for _, p := range a.Staff {
		h := holder{name: p.Name}
		for _, assignment := range p.Assignments {
			if assignment.Role == role && (h.until.IsZero() || assignment.Until.After(h.until.Time)) {
				h.until = assignment.Until
			}
		}
		if !h.until.IsZero() {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(x, y holder) int { return strings.Compare(x.name, y.name) })
	return list
}

type holder struct {
	name  string
	until spec.Date
}
