package access

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// sessionEndpoints are what Session Manager's agent talks to. They stand only while the door is open.
var sessionEndpoints = []string{"ec2messages", "ssmmessages"}

// tunnel is the relay, what it may reach, and the document that says where a session leads.
func (b *breakGlass) tunnel() error {
	profile, permissions, err := b.machineRole("relay", "The break-glass relay speaks to Session Manager",
		policy.Statement{Sid: "SessionManager", Resources: policy.Strings("*"), // none of these takes a resource
			Actions: []string{"ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
				"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"}},
		writeLogs(b.logGroup.Arn))
	if err != nil {
		return err
	}
	groupName := b.Scope.Name(naming.SecurityGroup, "break-glass")
	group, err := ec2.NewSecurityGroup(b.ctx, b.name+"-relay", &ec2.SecurityGroupArgs{
		Name: pulumi.String(groupName), Description: pulumi.String("The break-glass relay: nothing in, out to the database only"),
		VpcId: b.VPCID.ToStringOutput(), Tags: b.Scope.Tags(scope.None, groupName),
	}, b.parent)
	if err != nil {
		return err
	}
	inside := group.ID().ToStringOutput()
	if err := b.open(
		opening{what: "database", from: inside, to: b.DatabaseSecurityGroupID, port: b.Port, egress: true, ingress: true,
			fromText: naming.Text.Join("Staff during incident " + b.BreakGlass.Incident), toText: "The database"},
		opening{what: "endpoints", from: inside, to: b.EndpointSecurityGroupID, port: httpsPort, egress: true, ingress: true,
			fromText: "The break-glass relay", toText: "AWS services through endpoints in the VPC"},
		opening{what: "packages", from: inside, toPrefixList: b.S3PrefixListID, port: httpsPort, egress: true, toText: "Amazon Linux packages in S3"},
	); err != nil {
		return err
	}
	endpoints, err := b.endpoints()
	if err != nil {
		return err
	}
	if err := b.document(); err != nil {
		return err
	}
	return b.relay(group, profile, append(endpoints, permissions))
}

func (b *breakGlass) endpoints() ([]pulumi.Resource, error) {
	var endpoints []pulumi.Resource
	for _, service := range sessionEndpoints {
		endpoint, err := ec2.NewVpcEndpoint(b.ctx, b.name+"-"+service, &ec2.VpcEndpointArgs{
			VpcId: b.VPCID, ServiceName: pulumi.String("com.amazonaws." + b.Scope.Region + "." + service),
			VpcEndpointType: pulumi.String("Interface"), PrivateDnsEnabled: pulumi.Bool(true),
			SubnetIds: b.PrivateSubnetIDs, SecurityGroupIds: pulumi.StringArray{b.EndpointSecurityGroupID},
			// Open to the account's own roles, whatever they may do; closed to credentials that somebody brings along.
			Policy: policy.Document(policy.Statement{Principals: policy.Anyone(), Actions: []string{service + ":*"}, Resources: policy.Strings("*"),
				Conditions: []policy.Condition{policy.Is("StringEquals", "aws:PrincipalAccount", b.Scope.Account)}}),
			Tags: b.tags(service),
		}, b.parent)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, endpoint)
	}
	return endpoints, nil
}

// document leads a session to the database and nowhere else; the person chooses the port at home only.
func (b *breakGlass) document() error {
	name := b.Scope.Name(naming.Document, "break-glass")
	document, err := ssm.NewDocument(b.ctx, b.name+"-tunnel", &ssm.DocumentArgs{
		Name: pulumi.String(name), DocumentType: pulumi.String("Session"), DocumentFormat: pulumi.String("JSON"),
		Content: pulumi.JSONMarshal(pulumi.Map{
			"schemaVersion": pulumi.String("1.0"),
			"description":   pulumi.String("Tunnel to the database during incident " + b.BreakGlass.Incident),
			"sessionType":   pulumi.String("Port"),
			"parameters": pulumi.Map{"localPortNumber": pulumi.Map{
				"type": pulumi.String("String"), "description": pulumi.String("Port on the person's own machine"),
				"allowedPattern": pulumi.String("^([1-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3})$"), "default": pulumi.String("15432"),
			}},
			"properties": pulumi.Map{
				"type": pulumi.String("LocalPortForwarding"), "host": b.Endpoint, "portNumber": pulumi.Sprintf("%d", b.Port),
				"localPortNumber": pulumi.String("{{ localPortNumber }}"),
			},
		}),
		Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return err
	}
	b.access.DocumentName = document.Name
	return nil
}

// relay is a machine without a door: no address, no key, no way in. It dies when the access closes.
func (b *breakGlass) relay(group *ec2.SecurityGroup, profile *iam.InstanceProfile, needs []pulumi.Resource) error {
	name := b.Scope.Name(naming.Text, "break-glass", "relay")
	tags := b.Scope.Tags(scope.None, name)
	userData := b.logGroup.Name.ApplyT(func(logGroup string) (string, error) {
		return script("relay.sh.tmpl", map[string]any{"LogGroup": logGroup})
	}).(pulumi.StringOutput)
	relay, err := ec2.NewInstance(b.ctx, b.name+"-relay", &ec2.InstanceArgs{
		Ami: pulumi.String(b.ImageID), InstanceType: pulumi.String(machineType),
		SubnetId:                 b.PrivateSubnetIDs.ToStringArrayOutput().Index(pulumi.Int(0)),
		VpcSecurityGroupIds:      pulumi.StringArray{group.ID()},
		AssociatePublicIpAddress: pulumi.Bool(false),
		IamInstanceProfile:       profile.Name,
		MetadataOptions: ec2.InstanceMetadataOptionsArgs{HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"),
			HttpPutResponseHopLimit: pulumi.Int(1), InstanceMetadataTags: pulumi.String("disabled")},
		RootBlockDevice: ec2.InstanceRootBlockDeviceArgs{VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(diskGiB), Encrypted: pulumi.Bool(true),
			KmsKeyId: b.VolumesKeyArn.ToStringOutput(), DeleteOnTermination: pulumi.Bool(true), Tags: tags},
		InstanceInitiatedShutdownBehavior: pulumi.String("terminate"),
		UserDataBase64:                    userData, UserDataReplaceOnChange: pulumi.Bool(true), Tags: tags,
	}, b.parent, pulumi.DependsOn(needs))
	if err != nil {
		return err
	}
	b.access.RelayID = relay.ID().ToStringOutput()
	return b.closeAt(b.BreakGlass.Closes.Time, []policy.Statement{{
		Sid: "StopTheRelay", Actions: []string{"ec2:TerminateInstances"},
		Resources: []pulumi.StringInput{pulumi.Sprintf("%s/%s", b.Scope.ARN("ec2", b.Scope.Region, "instance"), relay.ID())},
	}}, []ending{{"terminate-relay", "ec2:terminateInstances", pulumi.Map{"InstanceIds": pulumi.StringArray{relay.ID()}}}})
}
