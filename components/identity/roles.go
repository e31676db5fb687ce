package identity

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/verifier"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// role is one assignment's role in the organisation's account.
type role struct {
	name, says string
	hours      int // a session lasts at most
	managed    []string
	statements func(Args) []policy.Statement
}

// AWS's own policies.
const (
	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
	viewOnly            = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
	securityAudit       = "arn:aws:iam::aws:policy/SecurityAudit"
	supportCases        = "arn:aws:iam::aws:policy/AWSSupportAccess" // opens and follows cases with AWS
)

var assignable = []role{
	{name: Administrator, says: "Looks after accounts and people; within the boundary", hours: 1, managed: []string{administratorAccess}},
	{name: Engineer, says: "Runs Pulumi and looks for faults", hours: 4, managed: []string{viewOnly}, statements: engineering},
	{name: Support, says: "Sees whether things work, and none of the data", hours: 2, managed: []string{viewOnly, supportCases}, statements: supporting},
	{name: ReadOnly, says: "Audits", hours: 4, managed: []string{securityAudit, viewOnly}, statements: auditing},
	{name: BreakGlassDatabase, says: "Reaches a client's database while the client's stack has the door open (AC-4)", hours: 1,
		statements: func(a Args) []policy.Statement {
			return []policy.Statement{{Sid: "WhoAmI", Actions: []string{"sts:GetCallerIdentity"}, Resources: policy.Strings("*")}}
		}},
}

// engineering lets engineers preview and deploy by hand, as CI does; what they deploy is done by the clients' own roles.
func engineering(a Args) []policy.Statement {
	state := []pulumi.StringInput{a.StateBucketArn}
	return []policy.Statement{
		{Sid: "ListState", Actions: []string{"s3:ListBucket"}, Resources: state},
		{Sid: "UseState", Actions: []string{"s3:DeleteObject", "s3:GetObject", "s3:PutObject"}, Resources: []pulumi.StringInput{pulumi.Sprintf("%s/.pulumi/*", a.StateBucketArn)}},
		{Sid: "UseStateKey", Actions: []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}, Resources: []pulumi.StringInput{a.StateKeyArn}},
		{Sid: "ReadLogs", Actions: []string{"logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"},
			Resources: policy.Strings(a.Scope.ARN("logs", "*", "log-group:*"))},
		{Sid: "ReadQueries", Actions: []string{"logs:GetQueryResults", "logs:StopQuery"}, Resources: policy.Strings("*")}, // know no resources
		readBack(a),
	}
}

// auditing adds reading accounts back to viewing.
func auditing(a Args) []policy.Statement { return append(noData(), readBack(a)) }

// readBack lets somebody show by looking that promises hold, in the accounts whose files name the role as a verifier.
func readBack(a Args) policy.Statement {
	roles := policy.Strings(verifier.RoleArn(a.Scope.Account))
	for _, c := range a.Clients {
		roles = append(roles, pulumi.String(verifier.RoleArn(c.Account)))
	}
	return policy.Statement{Sid: "ReadBack", Actions: []string{"sts:AssumeRole"}, Resources: roles}
}

// supporting adds what an incident needs to viewing.
func supporting(a Args) []policy.Statement {
	return append(noData(),
		policy.Statement{Sid: "StartIncident", Actions: []string{"ssm-incidents:StartIncident"},
			Resources: policy.Strings("arn:aws:ssm-incidents::" + a.Scope.Account + ":response-plan/*")},
		policy.Statement{Sid: "FollowIncident", Actions: []string{"ssm-incidents:CreateTimelineEvent", "ssm-incidents:GetIncidentRecord", "ssm-incidents:UpdateIncidentRecord"},
			Resources: policy.Strings("arn:aws:ssm-incidents::" + a.Scope.Account + ":incident-record/*")})
}

// noData takes back whatever would show data or secrets.
func noData() []policy.Statement {
	return []policy.Statement{{Sid: "NoData", Effect: policy.Deny, Resources: policy.Strings("*"), Actions: []string{
		"athena:GetQueryResults", "backup:StartRestoreJob", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan",
		"ebs:GetSnapshotBlock", "ec2:GetConsoleOutput", "ec2:GetPasswordData", "kms:Decrypt", "lambda:GetFunction", "logs:FilterLogEvents",
		"logs:GetLogEvents", "logs:GetQueryResults", "logs:StartQuery", "rds-data:ExecuteStatement", "rds-db:connect", "s3:GetObject",
		"s3:GetObjectVersion", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage", "ssm:GetParameter", "ssm:GetParameters",
		"ssm:GetParametersByPath", "ssm:StartSession",
	}}}
}

// boundaries bound what users and roles can ever do, whatever policies say.
func (b *builder) boundaries() error {
	s := b.args.Scope
	var assume []pulumi.StringInput
	for _, r := range assignable {
		assume = append(assume, b.args.assumable(r.name)...)
	}
	users, err := b.policy("staff-boundary", "The most that a member of staff can do as themselves", append(b.args.ownCredentials(),
		policy.Statement{Sid: "AssumeRoles", Actions: []string{"sts:AssumeRole"}, Resources: assume},
		policy.Statement{Sid: "WhoAmI", Actions: []string{"sts:GetCallerIdentity", "sts:GetSessionToken"}, Resources: policy.Strings("*")})...)
	if err != nil {
		return err
	}
	b.userBoundary = users
	evidence := policy.Strings()
	for _, arn := range b.args.EvidenceBuckets {
		evidence = append(evidence, pulumi.String(arn), pulumi.String(arn+"/*"))
	}
	own := func(pattern string) []pulumi.StringInput { return policy.Strings(s.ARN("iam", "", pattern)) }
	statements := []policy.Statement{
		// A boundary grants nothing: it is the outer edge of what the role's own policies grant.
		{Sid: "WithinPolicies", Actions: []string{"*"}, Resources: policy.Strings("*")},
		{Sid: "NoAccessKeys", Effect: policy.Deny, Actions: []string{"iam:CreateAccessKey", "iam:CreateServiceSpecificCredential", "iam:UploadSSHPublicKey"}, Resources: own("user/*")},
		{Sid: "NoWayOutOfBoundaries", Effect: policy.Deny, Resources: policy.Strings("*"),
			Actions: []string{"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"}},
		// A new role or user without a boundary would have none of these limits.
		{Sid: "NewOnesAreBound", Effect: policy.Deny, Actions: []string{"iam:CreateRole", "iam:CreateUser"}, Resources: policy.Strings("*"),
			Conditions: []policy.Condition{policy.Is("ArnNotEquals", "iam:PermissionsBoundary", b.boundaryArn("staff-role-boundary"), b.boundaryArn("staff-boundary"))}},
		{Sid: "BoundariesStay", Effect: policy.Deny, Actions: []string{"iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"},
			Resources: policy.Strings(b.boundaryArn("staff-boundary"), b.boundaryArn("staff-role-boundary"))},
		// The roles that CI deploys with, and who they trust, change in the repository only.
		{Sid: "DeployRolesStay", Effect: policy.Deny, Resources: own("role/" + s.Name(naming.Role, "pipeline") + "-*"),
			Actions: []string{"iam:AttachRolePolicy", "iam:DeleteRole", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole"}},
		{Sid: "TheTrailStays", Effect: policy.Deny, Resources: policy.Strings("*"), Actions: []string{
			"cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "cloudtrail:PutInsightSelectors", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail",
			"guardduty:DeleteDetector", "guardduty:DisassociateFromAdministratorAccount", "guardduty:UpdateDetector",
			"access-analyzer:DeleteAnalyzer", "organizations:LeaveOrganization"}},
		// A record whose key is gone is as good as deleted. Keys change in the repository only.
		{Sid: "KeysStay", Effect: policy.Deny, Actions: []string{"kms:DeleteImportedKeyMaterial", "kms:DisableKey", "kms:ScheduleKeyDeletion"}, Resources: policy.Strings("*")},
		{Sid: "LocksStay", Effect: policy.Deny, Actions: []string{"s3:BypassGovernanceRetention", "backup:DeleteBackupVaultLockConfiguration"}, Resources: policy.Strings("*")},
	}
	if len(evidence) > 0 {
		statements = append(statements, policy.Statement{Sid: "EvidenceStays", Effect: policy.Deny, Resources: evidence, Actions: []string{
			"s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy",
			"s3:PutBucketVersioning", "s3:PutLifecycleConfiguration", "s3:PutObject", "s3:PutReplicationConfiguration"}})
	}
	b.roleBoundary, err = b.policy("staff-role-boundary", "The most that a member of staff can do in a role", statements...)
	return err
}

func (b *builder) boundaryArn(what string) string {
	return b.args.Scope.ARN("iam", "", "policy/"+b.args.Scope.Name(naming.Policy, what))
}

func (b *builder) policy(what, description string, statements ...policy.Statement) (pulumi.StringOutput, error) {
	name := b.args.Scope.Name(naming.Policy, what)
	made, err := iam.NewPolicy(b.ctx, b.name+"-"+what, &iam.PolicyArgs{
		Name: pulumi.String(name), Description: pulumi.String(description), Policy: policy.Document(statements...),
		Tags: b.args.Scope.Tags(scope.None, name)}, b.parent)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("policy %s: %w", name, err)
	}
	return made.Arn, nil
}

// roles makes each assignment's role.
func (b *builder) roles() error {
	for _, r := range assignable {
		if err := b.role(r); err != nil {
			return fmt.Errorf("role %s: %w", r.name, err)
		}
	}
	return nil
}

func (b *builder) role(r role) error {
	child, name := b.name+"-role-"+kebab[r.name], RoleName(b.args.Scope, r.name)
	made, err := iam.NewRole(b.ctx, child, &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String(r.says), MaxSessionDuration: pulumi.Int(r.hours * 60 * 60),
		AssumeRolePolicy: policy.Document(b.trust(r.name)...), PermissionsBoundary: b.roleBoundary,
		Tags: b.args.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return err
	}
	for i, arn := range r.managed {
		if _, err := iam.NewRolePolicyAttachment(b.ctx, fmt.Sprintf("%s-managed-%d", child, i+1), &iam.RolePolicyAttachmentArgs{
			Role: made.Name, PolicyArn: pulumi.String(arn)}, b.parent); err != nil {
			return err
		}
	}
	if r.statements == nil {
		return nil
	}
	_, err = iam.NewRolePolicy(b.ctx, child+"-policy", &iam.RolePolicyArgs{
		Name: pulumi.String("assignment"), Role: made.Name, Policy: policy.Document(r.statements(b.args)...)}, b.parent)
	return err
}

// trust names the people who hold the assignment, each until their own last day. Those with the same day share a
// statement: a trust policy has room for 2,048 characters.
func (b *builder) trust(role string) []policy.Statement {
	people := map[string][]pulumi.StringInput{}
	for _, h := range b.args.holders(role) {
		end := h.until.End().UTC().Format(time.RFC3339)
		people[end] = append(people[end], b.users[h.name])
	}
	var list []policy.Statement
	for _, end := range slices.Sorted(maps.Keys(people)) {
		list = append(list, policy.Statement{
			Principals: policy.AWS(people[end]...), Actions: []string{"sts:AssumeRole"},
			Conditions: []policy.Condition{
				policy.Is("Bool", "aws:MultiFactorAuthPresent", "true"),
				policy.Is("NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
				policy.Is("IpAddress", "aws:SourceIp", b.args.offices()...),
				policy.Is("StringEquals", "sts:RoleSessionName", "${aws:username}"), // so that the trail names the person
				policy.Is("DateLessThan", "aws:CurrentTime", end),
			},
		})
	}
	if len(list) == 0 { // a role has to trust somebody; nobody is said by denying everybody
		list = append(list, policy.Statement{Sid: "Nobody", Effect: policy.Deny, Principals: policy.AWS(pulumi.String("*")), Actions: []string{"sts:AssumeRole"}})
	}
	return list
}
