package access

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// BIUser is the database user of the client's tools; it may only read.
const BIUser = "bi"

// BIArgs describe the way for a client's tools to a read replica.
type BIArgs struct {
	Scope scope.Scope
	BI    *spec.BIAccess // nil: closed, nothing is made

	VPCID            pulumi.StringInput
	PublicSubnetIDs  pulumi.StringArrayInput // of the load balancer
	PrivateSubnetIDs pulumi.StringArrayInput // of the forwarders
	// Endpoint is the replica's host name; the tools never reach the primary.
	Endpoint                pulumi.StringInput
	Port                    int
	DatabaseSecurityGroupID pulumi.StringInput
	EndpointSecurityGroupID pulumi.StringInput // of the VPC's interface endpoints: logs
	S3PrefixListID          pulumi.StringInput // where Amazon Linux's packages come from

	ImageID string // Amazon Linux 2023, x86_64
	// AutoScalingRoleArn is the service-linked role that the volumes key lets start machines.
	AutoScalingRoleArn pulumi.StringInput
	SecretsKeyArn      pulumi.StringInput
	LogsKeyArn         pulumi.StringInput
	VolumesKeyArn      pulumi.StringInput
	LogDays            int
}

// BI is the open door for a client's tools. They connect to Host and Port over TLS as BIUser. The certificate is
// the database's own and names its endpoint, not Host: tools verify the authority (sslmode=verify-ca, VERIFY_CA).
type BI struct {
	pulumi.ResourceState

	Host      pulumi.StringOutput
	Port      int
	SecretArn pulumi.StringOutput // username and password as JSON
	LogGroup  string
	// GroupName is the auto-scaling group of the forwarders.
	GroupName pulumi.StringOutput
}

func (a BIArgs) check() error {
	var errs []error
	fail := func(format string, v ...any) { errs = append(errs, fmt.Errorf(format, v...)) }
	if len(a.BI.From) == 0 {
		fail("nobody is allowed in: name the client's addresses in from")
	}
	for _, p := range a.BI.From {
		switch {
		case !p.Addr().Is4():
			fail("from holds %s: the VPC speaks IPv4 only, give the client's IPv4 addresses", p)
		case p.Bits() < 24:
			fail("from holds %s: use a /24 or smaller", p)
		case p != p.Masked():
			fail("from holds %s, which has bits beyond its length: write %s", p, p.Masked())
		}
	}
	if a.BI.Until.IsZero() {
		fail("until is not set: name the last day of access")
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
		{"VPC", a.VPCID != nil}, {"public subnets", a.PublicSubnetIDs != nil}, {"private subnets", a.PrivateSubnetIDs != nil},
		{"replica's endpoint", a.Endpoint != nil}, {"database's security group", a.DatabaseSecurityGroupID != nil},
		{"endpoints' security group", a.EndpointSecurityGroupID != nil}, {"prefix list of S3", a.S3PrefixListID != nil},
		{"secrets key", a.SecretsKeyArn != nil}, {"logs key", a.LogsKeyArn != nil}, {"volumes key", a.VolumesKeyArn != nil},
		{"role of auto scaling", a.AutoScalingRoleArn != nil},
	} {
		if !in.given {
			fail("no %s given", in.what)
		}
	}
	return errors.Join(errs...)
}

// bi carries what the steps of NewBI share.
type bi struct {
	door
	BIArgs
	access   *BI
	logGroup *cloudwatch.LogGroup
	public   *ec2.SecurityGroup // of the load balancer
	inside   *ec2.SecurityGroup // of the forwarders
}

// NewBI opens read-only access for a client's tools (DP-5), or returns nil when the spec does not ask for it.
func NewBI(ctx *pulumi.Context, name string, args BIArgs, opts ...pulumi.ResourceOption) (*BI, error) {
	if args.BI == nil {
		return nil, nil
	}
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("BI access %q: %w", name, err)
	}
	a := &BI{Port: args.Port}
	inputs := pulumi.Map{"reason": pulumi.String(args.BI.Reason), "until": pulumi.String(args.BI.Until.String())}
	if err := ctx.RegisterComponentResourceV2("berth:access:BI", name, inputs, a, opts...); err != nil {
		return nil, err
	}
	b := &bi{door: door{ctx, name, "bi", args.Scope, pulumi.Parent(a)}, BIArgs: args, access: a}
	for _, step := range []func() error{b.credentials, b.logs, b.firewall, b.gateway} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return a, ctx.RegisterResourceOutputs(a, pulumi.Map{"host": a.Host, "port": pulumi.Int(a.Port), "secretArn": a.SecretArn})
}

// credentials are made once and kept: a new password at every preview would be none. The service takes them from
// here when it makes the user; a new pair is made by replacing the version. A closed door keeps no key: the secret
// is deleted at once, and its name is free when access is opened again.
func (b *bi) credentials() error {
	name := b.Scope.Path(naming.Secret, "database", BIUser)
	secret, err := secretsmanager.NewSecret(b.ctx, b.name+"-credentials", &secretsmanager.SecretArgs{
		Name: pulumi.String(name), Description: pulumi.String("Read-only database credentials of the client's tools"),
		KmsKeyId: b.SecretsKeyArn.ToStringOutput(), RecoveryWindowInDays: pulumi.Int(0), Tags: b.Scope.Tags(scope.Secret, name),
	}, b.parent)
	if err != nil {
		return err
	}
	if _, err := secretsmanager.NewSecretPolicy(b.ctx, b.name+"-credentials-policy", &secretsmanager.SecretPolicyArgs{
		SecretArn: secret.Arn, BlockPublicPolicy: pulumi.Bool(true), Policy: policy.Document(policy.OwnAccountOnly(b.Scope.Account)...),
	}, b.parent); err != nil {
		return err
	}
	password := secretsmanager.GetRandomPasswordOutput(b.ctx, secretsmanager.GetRandomPasswordOutputArgs{
		PasswordLength: pulumi.Int(40), ExcludePunctuation: pulumi.Bool(true), // tools put it into URLs
	}, pulumi.Parent(b.access)).RandomPassword()
	_, err = secretsmanager.NewSecretVersion(b.ctx, b.name+"-credentials", &secretsmanager.SecretVersionArgs{
		SecretId: secret.ID(),
		SecretString: pulumi.ToSecret(pulumi.JSONMarshal(pulumi.Map{
			"username": pulumi.String(BIUser), "password": password})).(pulumi.StringOutput),
	}, b.parent, pulumi.IgnoreChanges([]string{"secretString"}))
	b.access.SecretArn = secret.Arn
	return err
}

func (b *bi) logs() error {
	b.access.LogGroup = "/" + b.Scope.Path(naming.LogGroup, "bi", "connections")
	var err error
	b.logGroup, err = cloudwatch.NewLogGroup(b.ctx, b.name+"-log", &cloudwatch.LogGroupArgs{
		Name: pulumi.String(b.access.LogGroup), KmsKeyId: b.LogsKeyArn.ToStringOutput(), RetentionInDays: pulumi.Int(b.LogDays),
		Tags: b.Scope.Tags(scope.Audit, b.access.LogGroup),
	}, b.parent)
	return err
}
