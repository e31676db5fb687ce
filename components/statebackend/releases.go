package statebackend

import (
	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// releaseLockDays is how long a release can be neither altered nor deleted: machines are rebuilt from it (BK-10).
const releaseLockDays = 400

// releases keeps what machines install. One role writes and signs; clients' machines read and verify.
func (b *builder) releases() error {
	s := b.args.Scope
	var accounts []string
	var machines, anybody []pulumi.StringInput
	var roots []pulumi.StringInput
	for _, c := range b.args.Clients {
		accounts = append(accounts, c.Account)
		roots = append(roots, pulumi.String("arn:aws:iam::"+c.Account+":root"))
		// The role of a client's machines is called <client>-<environment>-machines.
		machines = append(machines, pulumi.String("arn:aws:iam::"+c.Account+":role/"+c.Name+"-*-machines"))
		anybody = append(anybody, pulumi.String("arn:aws:iam::"+c.Account+":*"))
	}
	readers := []policy.Condition{policy.When("ArnLike", "aws:PrincipalArn", anybody...)}
	statements := []policy.Statement{{
		Sid: "ClientsRead", Principals: policy.AWS(roots...), Actions: []string{"kms:Decrypt"}, Resources: key.This(),
		Conditions: append(readers, policy.Is("StringEquals", "kms:ViaService", "s3."+s.Region+".amazonaws.com"), policy.Is("StringEquals", "kms:CallerAccount", accounts...)),
	}}
	first, err := key.New(b.ctx, b.name+"-release-key", key.Args{Scope: s, Alias: s.Name(naming.KeyAlias, "releases"), Description: "Releases",
		Region: s.Region, Services: []string{"s3"}, Statements: statements}, b.parent)
	if err != nil {
		return err
	}
	second, err := key.New(b.ctx, b.name+"-release-key-second", key.Args{Scope: s, Alias: s.Name(naming.KeyAlias, "releases"), Description: "Copy of releases",
		Region: b.args.SecondRegion, Services: []string{"s3"}}, b.parent, b.second)
	if err != nil {
		return err
	}
	made, err := b.pair("releases", bucket.Args{
		Scope: s, Parts: []string{"releases"}, Region: s.Region, Class: scope.Internal, KeyArn: first.Arn,
		LockDays: releaseLockDays, LockMode: bucket.Governance, Lifecycle: bucket.Lifecycle{NoncurrentDays: releaseLockDays}, LogsTo: b.args.LogsTo,
		Statements: func(arn pulumi.StringOutput) []policy.Statement {
			under := func(prefix string) []pulumi.StringInput {
				return []pulumi.StringInput{pulumi.Sprintf("%s/%s*", arn, prefix)}
			}
			return []policy.Statement{
				{Sid: "MachinesReadReleases", Principals: policy.AWS(roots...), Actions: []string{"s3:GetObject", "s3:GetObjectVersion"}, Resources: under("taskflow/"),
					Conditions: []policy.Condition{policy.When("ArnLike", "aws:PrincipalArn", machines...)}},
				// Public knowledge, read by whoever sets a client's load balancer up.
				{Sid: "ClientsReadEdgeAuthority", Principals: policy.AWS(roots...), Actions: []string{"s3:GetObject", "s3:GetObjectVersion"}, Resources: under("edge/"),
					Conditions: readers},
				{Sid: "DenyOtherWriters", Effect: policy.Deny, Principals: policy.Anyone(), Resources: under(""),
					Actions: []string{"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"}, Conditions: who("ArnNotEquals", b.args.ReleaseWriter)},
			}
		},
	}, first, second)
	if err != nil {
		return err
	}
	root := key.Root(s.Account)
	signing, err := key.New(b.ctx, b.name+"-signing-key", key.Args{
		Scope: s, Alias: naming.KeyAlias.Join("berth", s.Client, "release-signing"), Description: "Signs releases (OP-1)", Region: s.Region, Signing: true,
		Statements: []policy.Statement{
			{Sid: "PipelineSigns", Principals: root, Actions: []string{"kms:Sign", "kms:Verify"}, Resources: key.This(),
				Conditions: append(who("ArnEquals", b.args.ReleaseWriter), policy.Is("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256"))},
			{Sid: "EverybodyVerifies", Principals: policy.AWS(append([]pulumi.StringInput{pulumi.String("arn:aws:iam::" + s.Account + ":root")}, roots...)...),
				Actions: []string{"kms:GetPublicKey"}, Resources: key.This()},
		},
	}, b.parent)
	if err != nil {
		return err
	}
	b.made.ReleaseBucketName, b.made.ReleaseBucketArn, b.made.ReleaseKeyArn, b.made.SigningKeyArn = made.ID, made.Arn, first.Arn, signing.Arn
	return nil
}
