package identity

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// self is a user as a policy's variable writes it: whoever asks.
const self = "user/staff/${aws:username}"

// people makes a user for everybody. First passwords are set by an administrator in the console and changed at the
// first sign-in: they never pass through here. Deleting a user takes passwords, second factors and sessions with it.
func (b *builder) people() error {
	for _, p := range b.args.Staff {
		tags := b.args.Scope.Tags(scope.None, p.Name)
		tags["email"] = pulumi.String(p.Email)
		user, err := iam.NewUser(b.ctx, b.name+"-user-"+p.Name, &iam.UserArgs{
			Name: pulumi.String(p.Name), Path: pulumi.String("/staff/"), ForceDestroy: pulumi.Bool(true),
			PermissionsBoundary: b.userBoundary, Tags: tags,
		}, b.parent)
		if err != nil {
			return fmt.Errorf("user %s: %w", p.Name, err)
		}
		b.users[p.Name], b.userNames[p.Name] = user.Arn, user.Name
	}
	return nil
}

// ownCredentials let people look after their own password and second factor.
func (a Args) ownCredentials() []policy.Statement {
	me := policy.Strings(a.Scope.ARN("iam", "", self))
	return []policy.Statement{
		// These know no resources.
		{Sid: "ReadRules", Actions: []string{"iam:GetAccountPasswordPolicy", "iam:GetAccountSummary", "iam:ListAccountAliases", "iam:ListVirtualMFADevices"},
			Resources: policy.Strings("*")},
		{Sid: "OwnPassword", Actions: []string{"iam:ChangePassword", "iam:GetLoginProfile", "iam:GetUser", "iam:ListGroupsForUser"}, Resources: me},
		{Sid: "OwnSecondFactor", Actions: []string{"iam:EnableMFADevice", "iam:ListMFADevices", "iam:ResyncMFADevice"}, Resources: me},
		{Sid: "NewSecondFactor", Actions: []string{"iam:CreateVirtualMFADevice"}, Resources: policy.Strings(a.Scope.ARN("iam", "", "mfa/*"))},
	}
}

// assumable are the roles that people may be given, here and in clients' accounts.
func (a Args) assumable(role string) []pulumi.StringInput {
	arns := policy.Strings(RoleArn(a.Scope, role))
	for _, c := range a.Clients {
		arns = append(arns, pulumi.String("arn:aws:iam::"+c.Account+":role/"+ClientRoleName(role)))
		if role == BreakGlassDatabase { // made by the client's stack while the door is open
			arns = append(arns, pulumi.String("arn:aws:iam::"+c.Account+":role/"+c.Name+"-*-break-glass"))
		}
	}
	return arns
}

// ClientRoleName is the name of an assignment's role in every client's account.
func ClientRoleName(role string) string { return "berth-" + kebab[role] }

// groups give everybody their own credentials, and each assignment's holders the right to assume its roles.
func (b *builder) groups() error {
	everybody, err := b.group("staff", "everybody", append(b.args.ownCredentials(),
		policy.Statement{
			Sid: "NothingElseWithoutSecondFactor", Effect: policy.Deny, Resources: policy.Strings("*"),
			NotActions: []string{"iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetAccountPasswordPolicy",
				"iam:GetUser", "iam:ListMFADevices", "iam:ListVirtualMFADevices", "iam:ResyncMFADevice", "sts:GetSessionToken"},
			Conditions: []policy.Condition{policy.Is("BoolIfExists", "aws:MultiFactorAuthPresent", "false")},
		},
		policy.Statement{
			Sid: "OnlyFromTheOffice", Effect: policy.Deny, Actions: []string{"sts:AssumeRole"}, Resources: policy.Strings("*"),
			Conditions: []policy.Condition{policy.Is("NotIpAddress", "aws:SourceIp", b.args.offices()...)},
		})...)
	if err != nil {
		return err
	}
	member := map[string]pulumi.StringArray{}
	for _, p := range b.args.Staff {
		member[p.Name] = pulumi.StringArray{everybody}
	}
	for _, r := range assignable {
		group, err := b.group(kebab[r.name], "assume", policy.Statement{
			Sid: "AssumeRole", Actions: []string{"sts:AssumeRole"}, Resources: b.args.assumable(r.name),
			Conditions: []policy.Condition{policy.Is("Bool", "aws:MultiFactorAuthPresent", "true")}})
		if err != nil {
			return err
		}
		for _, h := range b.args.holders(r.name) {
			member[h.name] = append(member[h.name], group)
		}
	}
	for _, p := range b.args.Staff {
		if _, err := iam.NewUserGroupMembership(b.ctx, b.name+"-groups-"+p.Name, &iam.UserGroupMembershipArgs{
			User: b.userNames[p.Name], Groups: member[p.Name],
		}, b.parent); err != nil {
			return fmt.Errorf("groups of %s: %w", p.Name, err)
		}
	}
	return nil
}

func (b *builder) group(what, policyName string, statements ...policy.Statement) (pulumi.StringOutput, error) {
	group, err := iam.NewGroup(b.ctx, b.name+"-group-"+what, &iam.GroupArgs{
		Name: pulumi.String(b.args.Scope.Name(naming.Group, what)), Path: pulumi.String("/staff/")}, b.parent)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("group %s: %w", what, err)
	}
	_, err = iam.NewGroupPolicy(b.ctx, b.name+"-group-"+what+"-policy", &iam.GroupPolicyArgs{
		Name: pulumi.String(policyName), Group: group.Name, Policy: policy.Document(statements...)}, b.parent)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("policy of group %s: %w", what, err)
	}
	return group.Name, nil
}

func (a Args) offices() []string {
	var list []string
	for _, c := range a.OfficeCIDRs {
		list = append(list, c.String())
	}
	return list
}
