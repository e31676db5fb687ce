package compute

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/loadbalancer"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// IdentityArgs describe who the machines are.
type IdentityArgs struct {
	Scope        scope.Scope
	Network      *network.Network
	LoadBalancer *loadbalancer.LoadBalancer
}

// Identity is who the machines are to others: a security group and a role. Databases and caches let
// the group in, and add the rule that lets the machines out to them.
type Identity struct {
	pulumi.ResourceState

	SecurityGroupID pulumi.StringOutput
	RoleName        pulumi.StringOutput
	RoleArn         pulumi.StringOutput
	ProfileArn      pulumi.StringOutput
}

// NewIdentity makes the machines' security group, role and instance profile.
func NewIdentity(ctx *pulumi.Context, name string, args IdentityArgs, opts ...pulumi.ResourceOption) (*Identity, error) {
	if args.Network == nil || args.LoadBalancer == nil {
		return nil, fmt.Errorf("identity %q: %w", name, errors.New("no network or no load balancer: pass both of the client's"))
	}
	id := &Identity{}
	if err := ctx.RegisterComponentResourceV2("berth:compute:Identity", name, pulumi.Map{}, id, opts...); err != nil {
		return nil, err
	}
	child := pulumi.Parent(id)
	physical := args.Scope.Name(naming.SecurityGroup, "machines")
	group, err := ec2.NewSecurityGroup(ctx, name+"-group", &ec2.SecurityGroupArgs{
		Name:        pulumi.String(physical),
		Description: pulumi.String("Machines of the service"),
		VpcId:       args.Network.VPCID,
		Tags:        args.Scope.Tags(scope.None, physical),
	}, child)
	if err != nil {
		return nil, err
	}
	id.SecurityGroupID = group.ID().ToStringOutput()
	if err := args.rules(ctx, name, group, child); err != nil {
		return nil, err
	}

	roleName := args.Scope.Name(naming.Role, "machines")
	role, err := iam.NewRole(ctx, name+"-role", &iam.RoleArgs{
		Name:        pulumi.String(roleName),
		Description: pulumi.String("What the machines of the service may do"),
		// EC2 names no source when a machine takes its role; who may give a machine this role is up to
		// iam:PassRole, which reaches no other account's roles.
		AssumeRolePolicy: policy.Document(policy.Statement{
			Sid: "Machines", Principals: policy.Service("ec2.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
		}),
		Tags: args.Scope.Tags(scope.None, roleName),
	}, child)
	if err != nil {
		return nil, err
	}
	profile, err := iam.NewInstanceProfile(ctx, name+"-profile", &iam.InstanceProfileArgs{
		Name: pulumi.String(roleName), Role: role.Name, Tags: args.Scope.Tags(scope.None, roleName),
	}, child)
	if err != nil {
		return nil, err
	}
	id.RoleName, id.RoleArn, id.ProfileArn = role.Name, role.Arn, profile.Arn
	return id, ctx.RegisterResourceOutputs(id, pulumi.Map{"securityGroupId": id.SecurityGroupID, "roleArn": id.RoleArn})
}

// rules let the load balancer in, and the machines out: to AWS's services inside the VPC, to S3, and
// over HTTPS to the internet for mail, webhooks and the database's certificate authority.
func (a IdentityArgs) rules(ctx *pulumi.Context, name string, machines *ec2.SecurityGroup, child pulumi.ResourceOption) error {
	type end struct{ group, peer, prefixList, cidr pulumi.StringInput }
	for _, rule := range []struct {
		what, says string
		ingress    bool
		port       int
		end
	}{
		{"from-balancer", "Load balancer", true, loadbalancer.TargetPort,
			end{group: machines.ID(), peer: a.LoadBalancer.SecurityGroupID}},
		{"balancer-out", "Machines of the service", false, loadbalancer.TargetPort,
			end{group: a.LoadBalancer.SecurityGroupID, peer: machines.ID()}},
		{"endpoints-in", "Machines of the service", true, 443,
			end{group: a.Network.EndpointSecurityGroupID, peer: machines.ID()}},
		{"to-endpoints", "AWS services inside the VPC", false, 443,
			end{group: machines.ID(), peer: a.Network.EndpointSecurityGroupID}},
		{"to-s3", "S3: releases, packages, backups, attachments", false, 443,
			end{group: machines.ID(), prefixList: a.Network.S3PrefixListID}},
		{"to-internet", "HTTPS: mail, webhooks, certificate authority, autoscaling", false, 443,
			end{group: machines.ID(), cidr: pulumi.String("0.0.0.0/0")}},
	} {
		tags := a.Scope.Tags(scope.None, a.Scope.Name(naming.Text, "machines", rule.what))
		var err error
		if rule.ingress {
			_, err = vpc.NewSecurityGroupIngressRule(ctx, name+"-"+rule.what, &vpc.SecurityGroupIngressRuleArgs{
				SecurityGroupId: rule.group, ReferencedSecurityGroupId: optional(rule.peer),
				IpProtocol: pulumi.String("tcp"), FromPort: pulumi.Int(rule.port), ToPort: pulumi.Int(rule.port),
				Description: pulumi.String(rule.says), Tags: tags,
			}, child)
		} else {
			_, err = vpc.NewSecurityGroupEgressRule(ctx, name+"-"+rule.what, &vpc.SecurityGroupEgressRuleArgs{
				SecurityGroupId: rule.group, ReferencedSecurityGroupId: optional(rule.peer),
				PrefixListId: optional(rule.prefixList), CidrIpv4: optional(rule.cidr),
				IpProtocol: pulumi.String("tcp"), FromPort: pulumi.Int(rule.port), ToPort: pulumi.Int(rule.port),
				Description: pulumi.String(rule.says), Tags: tags,
			}, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// optional leaves out what is nil.
func optional(v pulumi.StringInput) pulumi.StringPtrInput {
	if v == nil {
		return nil
	}
	return v.ToStringOutput().ToStringPtrOutput()
}
