package compute_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/compute"
	"github.com/berth-iac/berth/components/configuration"
	"github.com/berth-iac/berth/components/encryption"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/loadbalancer"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const templateType = "aws:ec2/launchTemplate:LaunchTemplate"

var production = scope.Scope{
	Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true,
}

func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

// stand-ins for the components that machines lean on.
func network1() *network.Network {
	return &network.Network{
		VPCID: text("vpc-1"), EndpointSecurityGroupID: text("sg-endpoints"), S3PrefixListID: text("pl-s3"),
		PrivateSubnetIDs: pulumi.ToStringArray([]string{"subnet-a", "subnet-b", "subnet-c"}).ToStringArrayOutput(),
	}
}

func balancer() *loadbalancer.LoadBalancer {
	return &loadbalancer.LoadBalancer{
		SecurityGroupID: text("sg-balancer"), TargetGroupArn: text("arn:targets"),
		ArnSuffix: text("app/acme/1"), TargetGroupArnSuffix: text("targetgroup/acme/2"),
	}
}

func key(name string) encryption.Key {
	return encryption.Key{Arn: text("arn:aws:kms:eu-west-2:123456789012:key/" + name), ID: text(name)}
}

func valid() compute.Args {
	return compute.Args{
		Scope: production, Network: network1(), LoadBalancer: balancer(), Tier: spec.Standard,
		Keys: &encryption.Keys{
			Storage: key("storage"), Secrets: key("secrets"), Logs: key("logs"), Volumes: key("volumes"), Backup: key("backup"),
			AutoScalingRoleArn: text("arn:aws:iam::123456789012:role/autoscaling"),
		},
		Configuration: &configuration.Configuration{
			ParameterPath: "/berth/acme/production", Keys: []string{"database-host", "hostname"}, Digest: text("0123456789abcdef"),
			SecretName: "berth/acme/production/service", SecretArn: text("arn:secret:service"),
		},
		Service: spec.Service{
			Release: spec.Release{
				Version: "1.0.0", SHA256: strings.Repeat("9f", 32), Bucket: "berth-northwind-releases-111122223333-eu-west-2",
			},
			InstanceType: "t3.medium", ImageID: "ami-0a1b2c3d4e5f60718", MinMachines: 3, MaxMachines: 9, LogDays: 365,
		},
		DatabaseConnectArn: text("arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-1/taskflow"),
		CacheConnectArns:   []pulumi.StringInput{text("arn:cache"), text("arn:user")},
		SecretArns:         []pulumi.StringInput{text("arn:secret:database")},
		BackupBucketArn:    text("arn:aws:s3:::backup"),
		FilesBucketArn:     text("arn:aws:s3:::files"),
	}
}

// program makes identity and machines, as a stack does.
func program(args compute.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		identity, err := compute.NewIdentity(ctx, "machines", compute.IdentityArgs{
			Scope: args.Scope, Network: network1(), LoadBalancer: balancer()})
		if err != nil {
			return err
		}
		args.Identity = identity
		_, err = compute.New(ctx, "service", args)
		return err
	}
}

// version is what EC2 answers with.
func version(typeToken, _ string, _ resource.PropertyMap) map[string]any {
	if typeToken == templateType {
		return map[string]any{"latestVersion": 1}
	}
	return nil
}

func run(t *testing.T, args compute.Args) []graphtest.Resource {
	t.Helper()
	resources, err := graphtest.Run(graphtest.Update, program(args), version)
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

func TestNew(t *testing.T) {
	dedicated := valid()
	dedicated.Tier, dedicated.Service.InstanceType = spec.Dedicated, "m6i.xlarge"
	least := valid()
	least.DatabaseConnectArn, least.CacheConnectArns, least.SecretArns = nil, nil, nil
	least.BackupBucketArn, least.FilesBucketArn = nil, nil
	t.Run("standard", func(t *testing.T) { graphtest.Golden(t, "", program(valid()), version) })
	t.Run("dedicated", func(t *testing.T) { graphtest.Golden(t, "", program(dedicated), version) })
	t.Run("least", func(t *testing.T) { graphtest.Golden(t, "", program(least), version) })
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	graphtest.Golden(t, `compute "service": no identity: pass the client's
no network: pass the client's
no load balancer: pass the client's
no keys: pass the client's
no configuration: pass the client's
0 to 0 machines: use 2 or more, and a most that is not below the least
logs are kept for 0 days: keep them at least one day
no image or no instance type: give both
the release is incomplete: give its version, checksum and bucket
tier is "": use "standard" or "dedicated"`, func(ctx *pulumi.Context) error {
		_, err := compute.New(ctx, "service", compute.Args{Scope: production})
		return err
	})
	graphtest.Golden(t, `identity "machines": no network or no load balancer: pass both of the client's`, func(ctx *pulumi.Context) error {
		_, err := compute.NewIdentity(ctx, "machines", compute.IdentityArgs{Scope: production})
		return err
	})
}

func TestMachines(t *testing.T) {
	resources := run(t, valid())
	machine := graphtest.Find(t, resources, templateType, "service-template").Inputs
	group := graphtest.Find(t, resources, "aws:autoscaling/group:Group", "service-group")
	t.Run("DP-4 the disk is encrypted with the volumes key", func(t *testing.T) {
		disk := machine["blockDeviceMappings"].([]any)[0].(map[string]any)["ebs"].(map[string]any)
		if disk["encrypted"] != "true" || disk["kmsKeyId"] != "arn:aws:kms:eu-west-2:123456789012:key/volumes" {
			t.Errorf("disk = %v", disk)
		}
	})
	t.Run("DP-2 credentials come by IMDSv2, one hop, and no address is public", func(t *testing.T) {
		metadata := machine["metadataOptions"].(map[string]any)
		if metadata["httpTokens"] != "required" || metadata["httpPutResponseHopLimit"] != 1.0 {
			t.Errorf("metadata = %v", metadata)
		}
		if card := machine["networkInterfaces"].([]any)[0].(map[string]any); card["associatePublicIpAddress"] != "false" {
			t.Errorf("network interface = %v", card)
		}
	})
	t.Run("AC-1 machines have no key pair and are replaced within 30 days", func(t *testing.T) {
		if machine["keyName"] != nil {
			t.Errorf("key pair %v", machine["keyName"])
		}
		if group.Inputs["maxInstanceLifetime"] != 2592000.0 {
			t.Errorf("lifetime = %v s", group.Inputs["maxInstanceLifetime"])
		}
	})
	t.Run("AV-2 three machines over three zones, replaced when the load balancer finds them ill", func(t *testing.T) {
		if group.Inputs["minSize"] != 3.0 || group.Inputs["healthCheckType"] != "ELB" || len(group.Inputs["vpcZoneIdentifiers"].([]any)) != 3 {
			t.Errorf("group = %v", group.Inputs)
		}
	})
	t.Run("AV-6 a release never takes capacity away and rolls back by itself", func(t *testing.T) {
		refresh := group.Inputs["instanceRefresh"].(map[string]any)["preferences"].(map[string]any)
		if refresh["minHealthyPercentage"] != 100.0 || refresh["autoRollback"] != true {
			t.Errorf("refresh = %v", refresh)
		}
		if group.Inputs["launchTemplate"].(map[string]any)["version"] != "1" {
			t.Errorf("template = %v: only a version by number starts a refresh", group.Inputs["launchTemplate"])
		}
		if group.Inputs["desiredCapacity"] != nil || group.Options["ignoreChanges"] == nil {
			t.Error("Pulumi would undo what the scaling policies did")
		}
	})
	t.Run("AV-8 the dedicated tier has machines of its own", func(t *testing.T) {
		if machine["placement"] != nil {
			t.Errorf("the standard tier has placement %v", machine["placement"])
		}
		args := valid()
		args.Tier = spec.Dedicated
		own := graphtest.Find(t, run(t, args), templateType, "service-template").Inputs
		if placement, ok := own["placement"].(map[string]any); !ok || placement["tenancy"] != "dedicated" {
			t.Errorf("placement = %v", own["placement"])
		}
	})
}

func TestWhoMachinesSpeakWith(t *testing.T) {
	for _, r := range run(t, valid()) {
		switch r.Type {
		case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
			t.Run("DP-2 "+r.Name+" names its peer", func(t *testing.T) {
				if r.Inputs["referencedSecurityGroupId"] == nil || r.Inputs["cidrIpv4"] != nil || r.Inputs["cidrIpv6"] != nil {
					t.Errorf("rule = %v", r.Inputs)
				}
			})
		case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
			t.Run("DP-4 "+r.Name+" is for TLS", func(t *testing.T) {
				if port := r.Inputs["fromPort"]; port != r.Inputs["toPort"] || (port != 443.0 && port != 8443.0) {
					t.Errorf("rule = %v", r.Inputs)
				}
			})
		}
	}
}

func TestMachinesMayDoNoMoreThanTheyNeed(t *testing.T) {
	policies := 0
	for _, r := range run(t, valid()) {
		if r.Type != "aws:iam/rolePolicy:RolePolicy" {
			continue
		}
		policies++
		var document struct {
			Statement []struct {
				Sid              string
				Action, Resource any
				Condition        map[string]map[string]any
			}
		}
		if err := json.Unmarshal([]byte(r.Inputs["policy"].(string)), &document); err != nil {
			t.Fatal(err)
		}
		for _, s := range document.Statement {
			t.Run("DP-1 "+r.Name+" "+s.Sid, func(t *testing.T) {
				for _, action := range list(s.Action) {
					if strings.Contains(action, "*") {
						t.Errorf("allows %s: name the actions", action)
					}
					if strings.HasPrefix(action, "kms:") && s.Condition["StringEquals"]["kms:ViaService"] == nil {
						t.Errorf("%s is allowed without a service", action)
					}
				}
				for _, arn := range list(s.Resource) {
					if arn == "*" && s.Condition["StringEquals"]["cloudwatch:namespace"] == nil {
						t.Error("is for every resource")
					}
				}
			})
		}
	}
	if policies != 4 {
		t.Errorf("%d policies, want 4", policies)
	}
}

func list(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var all []string
	for _, s := range v.([]any) {
		all = append(all, s.(string))
	}
	return all
}

func TestUserDataHoldsNoSecretAndFollowsTheConfiguration(t *testing.T) {
	script := func(args compute.Args) string {
		encoded := graphtest.Find(t, run(t, args), templateType, "service-template").Inputs["userData"].(string)
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := script(valid())
	t.Run("DP-4 names of secrets, no values", func(t *testing.T) {
		if !strings.Contains(before, "--secret-id 'berth/acme/production/service'") || strings.Contains(before, "arn:secret") {
			t.Error("the script should fetch its secret by name and hold nothing of it")
		}
	})
	t.Run("AC-1 a change of configuration makes new machines", func(t *testing.T) {
		args := valid()
		args.Configuration.Digest = text("fedcba9876543210")
		if script(args) == before {
			t.Error("the launch template stays the same")
		}
	})
}

func TestNamesStayLegal(t *testing.T) {
	args := valid()
	args.Scope.Client, args.Scope.Environment = "a-client-of-24-character", "development"
	resources := run(t, args)
	for _, limit := range []struct {
		resource, name string
		max            int
	}{
		{"aws:iam/role:Role", "machines-role", 64},
		{"aws:iam/instanceProfile:InstanceProfile", "machines-profile", 128},
		{"aws:ec2/securityGroup:SecurityGroup", "machines-group", 255},
		{templateType, "service-template", 128},
		{"aws:autoscaling/group:Group", "service-group", 255},
		{"aws:cloudwatch/logGroup:LogGroup", "service-boot-log-group", 512},
	} {
		if name := graphtest.Find(t, resources, limit.resource, limit.name).Inputs["name"].(string); len(name) > limit.max {
			t.Errorf("%s %q has %d characters, AWS takes %d", limit.name, name, len(name), limit.max)
		}
	}
}
