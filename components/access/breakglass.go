package access

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// BreakGlassUser is the database user of staff during an incident.
	BreakGlassUser = "breakglass"
	// maxOpen is the longest that break-glass access may last (AC-4); IAM takes no shorter session than that.
	maxOpen = time.Hour
)

// BreakGlassArgs describe the way for staff to the database during an incident.
type BreakGlassArgs struct {
	Scope      scope.Scope
	BreakGlass *spec.BreakGlass // nil: closed, nothing is made

	VPCID                   pulumi.StringInput
	PrivateSubnetIDs        pulumi.StringArrayInput // the relay is in the first, the endpoints in all
	Endpoint                pulumi.StringInput      // the database's host name
	Port                    int
	ConnectArn              pulumi.StringInput // rds-db:connect as BreakGlassUser
	DatabaseSecurityGroupID pulumi.StringInput
	EndpointSecurityGroupID pulumi.StringInput
	S3PrefixListID          pulumi.StringInput

	ImageID       string // Amazon Linux 2023, x86_64
	LogsKeyArn    pulumi.StringInput
	VolumesKeyArn pulumi.StringInput
	LogDays       int
	TopicArn      pulumi.StringInput // hears of every use
}

// BreakGlass is the open door for staff. Whoever is named assumes RoleArn with a second factor, opens a tunnel with
//
//	aws ssm start-session --target <RelayID> --document-name <DocumentName> --parameters localPortNumber=15432
//
// and signs in to the database at localhost with an IAM token, over TLS. The document is AWS's own
// AWS-StartPortForwardingSessionToRemoteHost, except that host and port are the database's and cannot be chosen.
// What passes through the tunnel is encrypted to the database itself: Session Manager cannot record it, the
// database's audit log does.
type BreakGlass struct {
	pulumi.ResourceState

	RoleArn      pulumi.StringOutput
	RelayID      pulumi.StringOutput
	DocumentName pulumi.StringOutput
	LogGroup     string // what the role did, and what the relay's agent says
}

func (a BreakGlassArgs) check() error {
	var errs []error
	fail := func(format string, v ...any) { errs = append(errs, fmt.Errorf(format, v...)) }
	g := a.BreakGlass
	if len(g.People) == 0 {
		fail("nobody is named: give the ARNs of the employees' own IAM users")
	}
	for _, arn := range g.People {
		if !strings.HasPrefix(arn, "arn:aws:iam::") || !strings.Contains(arn, ":user/") || strings.ContainsAny(arn, "*?") {
			fail("%q is no IAM user: accounts are personal, name each employee's own", arn)
		}
	}
	switch open := g.Closes.Sub(g.Opens.Time); {
	case open <= 0:
		fail("access closes at %s, before it opens at %s", g.Closes, g.Opens)
	case open > maxOpen:
		fail("access is open for %s: an hour is the most", open)
	}
	if a.Port <= 0 || a.Port > 65535 {
		fail("port %d is no port: use the database's", a.Port)
	}
	if a.ImageID == "" {
		fail("no machine image is given")
	}
	if a.LogDays <= 0 {
		fail("logs are kept %d days: use at least 1", a.LogDays)
	}
	for _, in := range []struct {
		what  string
		given bool
	}{
		{"VPC", a.VPCID != nil}, {"private subnets", a.PrivateSubnetIDs != nil}, {"database's endpoint", a.Endpoint != nil},
		{"database's connect ARN", a.ConnectArn != nil}, {"database's security group", a.DatabaseSecurityGroupID != nil},
		{"endpoints' security group", a.EndpointSecurityGroupID != nil}, {"prefix list of S3", a.S3PrefixListID != nil},
		{"logs key", a.LogsKeyArn != nil}, {"volumes key", a.VolumesKeyArn != nil}, {"topic", a.TopicArn != nil},
	} {
		if !in.given {
			fail("no %s given", in.what)
		}
	}
	return errors.Join(errs...)
}

// breakGlass carries what the steps of NewBreakGlass share.
type breakGlass struct {
	door
	BreakGlassArgs
	access   *BreakGlass
	logGroup *cloudwatch.LogGroup
	role     *iam.Role
}

// NewBreakGlass opens database access for named staff (AC-4), or returns nil when the spec does not ask for it.
func NewBreakGlass(ctx *pulumi.Context, name string, args BreakGlassArgs, opts ...pulumi.ResourceOption) (*BreakGlass, error) {
	if args.BreakGlass == nil {
		return nil, nil
	}
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("break-glass access %q: %w", name, err)
	}
	a := &BreakGlass{}
	inputs := pulumi.Map{"incident": pulumi.String(args.BreakGlass.Incident), "reason": pulumi.String(args.BreakGlass.Reason),
		"closes": pulumi.String(args.BreakGlass.Closes.String())}
	if err := ctx.RegisterComponentResourceV2("berth:access:BreakGlass", name, inputs, a, opts...); err != nil {
		return nil, err
	}
	b := &breakGlass{door: door{ctx, name, "break-glass", args.Scope, pulumi.Parent(a)}, BreakGlassArgs: args, access: a}
	for _, step := range []func() error{b.people, b.record, b.tunnel, b.permit} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return a, ctx.RegisterResourceOutputs(a, pulumi.Map{"roleArn": a.RoleArn, "relayId": a.RelayID, "documentName": a.DocumentName})
}

// people may assume the role: those who are named, with a second factor, while it is open, and under their own name.
func (b *breakGlass) people() error {
	name := b.Scope.Name(naming.Role, "break-glass")
	g := b.BreakGlass
	var err error
	b.role, err = iam.NewRole(b.ctx, b.name+"-role", &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String(naming.Text.Join("Database access during incident " + g.Incident)),
		MaxSessionDuration: pulumi.Int(int(maxOpen.Seconds())),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Principals: policy.AWS(policy.Strings(g.People...)...), Actions: []string{"sts:AssumeRole"},
			Conditions: []policy.Condition{
				policy.Is("Bool", "aws:MultiFactorAuthPresent", "true"),
				policy.Is("NumericLessThan", "aws:MultiFactorAuthAge", fmt.Sprint(int(maxOpen.Seconds()))),
				policy.Is("DateGreaterThan", "aws:CurrentTime", g.Opens.String()),
				policy.Is("DateLessThan", "aws:CurrentTime", g.Closes.String()),
				policy.Is("StringEquals", "sts:RoleSessionName", "${aws:username}"),
			},
		}),
		Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err == nil {
		b.access.RoleArn = b.role.Arn
	}
	return err
}

// permit lets the role open the tunnel and sign in as one database user, until the door closes, whatever
// credentials are still valid then.
func (b *breakGlass) permit() error {
	g := b.BreakGlass
	var sessions []pulumi.StringInput
	for _, arn := range g.People { // a session's id begins with the role session's name, which is the person's
		sessions = append(sessions, pulumi.String(b.Scope.ARN("ssm", b.Scope.Region, "session/"+person(arn)+"-*")))
	}
	everything := policy.Strings("*")
	_, err := iam.NewRolePolicy(b.ctx, b.name+"-role", &iam.RolePolicyArgs{
		Role: b.role.ID(), Name: pulumi.String("database"),
		Policy: policy.Document(
			policy.Statement{Sid: "SignIn", Actions: []string{"rds-db:connect"}, Resources: []pulumi.StringInput{b.ConnectArn}},
			policy.Statement{Sid: "OpenTheTunnel", Actions: []string{"ssm:StartSession"}, Resources: []pulumi.StringInput{
				pulumi.Sprintf("%s/%s", b.Scope.ARN("ec2", b.Scope.Region, "instance"), b.access.RelayID),
				pulumi.Sprintf("%s/%s", b.Scope.ARN("ssm", b.Scope.Region, "document"), b.access.DocumentName)},
				Conditions: []policy.Condition{policy.Is("BoolIfExists", "ssm:SessionDocumentAccessCheck", "true")}},
			policy.Statement{Sid: "OwnSessions", Actions: []string{"ssm:ResumeSession", "ssm:TerminateSession"}, Resources: sessions},
			policy.Statement{Sid: "NotBefore", Effect: policy.Deny, Actions: []string{"*"}, Resources: everything,
				Conditions: []policy.Condition{policy.Is("DateLessThan", "aws:CurrentTime", g.Opens.String())}},
			policy.Statement{Sid: "NotAfter", Effect: policy.Deny, Actions: []string{"*"}, Resources: everything,
				Conditions: []policy.Condition{policy.Is("DateGreaterThan", "aws:CurrentTime", g.Closes.String())}},
		),
	}, b.parent)
	return err
}

// record tells the team when the role is assumed and used, and keeps what it did. Whoever assumes it through the
// global STS endpoint is seen at the first use here.
func (b *breakGlass) record() error {
	b.access.LogGroup = "/aws/events/" + b.Scope.Path(naming.LogGroup, "break-glass") // the prefix is EventBridge's
	var err error
	b.logGroup, err = cloudwatch.NewLogGroup(b.ctx, b.name+"-log", &cloudwatch.LogGroupArgs{
		Name: pulumi.String(b.access.LogGroup), KmsKeyId: b.LogsKeyArn.ToStringOutput(), RetentionInDays: pulumi.Int(b.LogDays),
		Tags: b.Scope.Tags(scope.Audit, b.access.LogGroup),
	}, b.parent)
	if err != nil {
		return err
	}
	name := b.Scope.Name(naming.EventRule, "break-glass")
	pattern := pulumi.JSONMarshal(pulumi.Map{
		"detail-type": pulumi.ToStringArray([]string{"AWS API Call via CloudTrail"}),
		"$or": pulumi.Array{
			pulumi.Map{"detail": pulumi.Map{"eventName": pulumi.ToStringArray([]string{"AssumeRole"}),
				"requestParameters": pulumi.Map{"roleArn": pulumi.StringArray{b.role.Arn}}}},
			pulumi.Map{"detail": pulumi.Map{"userIdentity": pulumi.Map{"sessionContext": pulumi.Map{"sessionIssuer": pulumi.Map{
				"arn": pulumi.StringArray{b.role.Arn}}}}}},
		},
	})
	rule, err := cloudwatch.NewEventRule(b.ctx, b.name+"-use", &cloudwatch.EventRuleArgs{
		Name: pulumi.String(name), Description: pulumi.String("Break-glass database access is used"), EventPattern: pattern,
		Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return err
	}
	for _, to := range []struct {
		id  string
		arn pulumi.StringInput
	}{{"alerts", b.TopicArn}, {"log", b.logGroup.Arn}} {
		if _, err := cloudwatch.NewEventTarget(b.ctx, b.name+"-use-"+to.id, &cloudwatch.EventTargetArgs{
			Rule: rule.Name, TargetId: pulumi.String(to.id), Arn: to.arn,
		}, b.parent); err != nil {
			return err
		}
	}
	_, err = cloudwatch.NewLogResourcePolicy(b.ctx, b.name+"-log", &cloudwatch.LogResourcePolicyArgs{
		PolicyName: pulumi.String(name),
		PolicyDocument: policy.Document(policy.Statement{
			Principals: policy.Service("delivery.logs.amazonaws.com", "events.amazonaws.com"), Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources:  []pulumi.StringInput{pulumi.Sprintf("%s:*", b.logGroup.Arn)},
			Conditions: []policy.Condition{policy.When("ArnEquals", "aws:SourceArn", rule.Arn)},
		}),
	}, b.parent)
	return err
}
