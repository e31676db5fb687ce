package network

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// endpoints lets machines reach the AWS services that they use without leaving the VPC. Each
// endpoint passes only what machines do, for this account's principals and on its own resources:
// stolen credentials of another account cannot carry data out through them.
func (b *builder) endpoints(n *Network) error {
	if err := b.s3Endpoint(n); err != nil {
		return err
	}
	group, err := ec2.NewSecurityGroup(b.ctx, b.name+"-endpoints-group", &ec2.SecurityGroupArgs{
		Name:        pulumi.String(b.args.Scope.Name(naming.SecurityGroup, "endpoints")),
		Description: pulumi.String("Interface endpoints of AWS services"),
		VpcId:       b.vpc.ID(),
		Tags:        b.tags("endpoints"),
	}, b.child)
	if err != nil {
		return err
	}
	n.EndpointSecurityGroupID = group.ID().ToStringOutput()

	subnets := make(pulumi.StringArray, len(b.private))
	for i, subnet := range b.private {
		subnets[i] = subnet.ID()
	}
	region, s := b.args.Scope.Region, b.args.Scope
	for _, service := range []struct {
		name      string
		actions   []string
		resources []string
	}{
		{"secretsmanager", []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"},
			[]string{s.ARN("secretsmanager", region, "secret:*")}},
		// The last action is what a relay's agent reports itself with while break-glass access is open (AC-4).
		{"ssm", []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:UpdateInstanceInformation"},
			[]string{s.ARN("ssm", region, "parameter/*"), s.ARN("ec2", region, "instance/*")}},
		{"kms", []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
			[]string{s.ARN("kms", region, "key/*")}},
		{"logs", []string{"logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"},
			[]string{s.ARN("logs", region, "log-group:*")}},
		// Neither of these two actions takes a resource.
		{"monitoring", []string{"cloudwatch:PutMetricData"}, []string{"*"}},
		{"sts", []string{"sts:GetCallerIdentity"}, []string{"*"}},
	} {
		if _, err := ec2.NewVpcEndpoint(b.ctx, b.name+"-endpoint-"+service.name, &ec2.VpcEndpointArgs{
			VpcId:             b.vpc.ID(),
			ServiceName:       pulumi.String("com.amazonaws." + region + "." + service.name),
			VpcEndpointType:   pulumi.String("Interface"),
			PrivateDnsEnabled: pulumi.Bool(true),
			SubnetIds:         subnets,
			SecurityGroupIds:  pulumi.StringArray{group.ID()},
			Policy: policy.Document(policy.Statement{
				Sid: "OwnPrincipals", Principals: policy.Anyone(),
				Actions: service.actions, Resources: policy.Strings(service.resources...),
				Conditions: []policy.Condition{b.ownPrincipals()},
			}),
			Tags: b.tags("endpoint", service.name),
		}, b.child); err != nil {
			return err
		}
	}
	return nil
}

// amazonLinuxRepositories is the suffix of the buckets that hold Amazon Linux 2023's packages, the
// same in every region.
const amazonLinuxRepositories = "de612dc2"

// s3Endpoint is a route from the machines' subnets to S3: to this account's own buckets, the release
// bucket and Amazon Linux's packages.
func (b *builder) s3Endpoint(n *Network) error {
	tables := make(pulumi.StringArray, len(b.privateTables))
	for i, table := range b.privateTables {
		tables[i] = table.ID()
	}
	account := b.args.Scope.Account
	endpoint, err := ec2.NewVpcEndpoint(b.ctx, b.name+"-endpoint-s3", &ec2.VpcEndpointArgs{
		VpcId:           b.vpc.ID(),
		ServiceName:     pulumi.String("com.amazonaws." + b.args.Scope.Region + ".s3"),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   tables,
		Policy: policy.Document(
			policy.Statement{
				Sid: "OwnBuckets", Principals: policy.Anyone(),
				Actions: []string{
					"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion",
					"s3:ListBucket", "s3:ListMultipartUploadParts", "s3:PutObject",
				},
				Resources:  policy.Strings("arn:aws:s3:::berth-*"),
				Conditions: []policy.Condition{b.ownPrincipals(), policy.Is("StringEquals", "aws:ResourceAccount", account)},
			},
			policy.Statement{
				Sid: "Releases", Principals: policy.Anyone(), Actions: []string{"s3:GetObject"},
				Resources:  policy.Strings("arn:aws:s3:::" + b.args.ReleaseBucket + "/taskflow/*"),
				Conditions: []policy.Condition{b.ownPrincipals()},
			},
			// The package manager signs no requests, so that they come from no account.
			policy.Statement{
				Sid: "AmazonLinuxPackages", Principals: policy.Anyone(), Actions: []string{"s3:GetObject"},
				Resources: policy.Strings("arn:aws:s3:::al2023-repos-" + b.args.Scope.Region + "-" + amazonLinuxRepositories + "/*"),
			},
		),
		Tags: b.tags("endpoint", "s3"),
	}, b.child)
	if err != nil {
		return err
	}
	n.S3PrefixListID = endpoint.PrefixListId
	return nil
}

func (b *builder) ownPrincipals() policy.Condition {
	return policy.Is("StringEquals", "aws:PrincipalAccount", b.args.Scope.Account)
}
