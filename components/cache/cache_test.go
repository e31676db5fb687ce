package cache_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/berth-iac/berth/components/cache"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	groupType = "aws:elasticache/replicationGroup:ReplicationGroup"
	userType  = "aws:elasticache/user:User"
)

func ptr[T any](v T) *T { return &v }

func arguments() cache.Args {
	return cache.Args{
		Scope: scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Cache: spec.Cache{NodeType: "cache.t4g.small", Replicas: ptr(1)},
		VPCID: pulumi.String("vpc-1"), SubnetIDs: pulumi.ToStringArray([]string{"subnet-1", "subnet-2", "subnet-3"}),
		ClientSecurityGroupID: pulumi.String("sg-machines"),
		KeyArn:                pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/database"),
		LogsKeyArn:            pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
		TopicArn:              pulumi.String("arn:aws:sns:eu-west-2:123456789012:alerts"),
		LogDays:               365, SnapshotDays: 7, MaintenanceWindow: "sun:02:00-sun:04:00",
	}
}

func program(args cache.Args, read ...func(*cache.Cache)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := cache.New(ctx, "cache", args)
		for _, f := range read {
			if err == nil {
				f(c)
			}
		}
		return err
	}
}

func TestNew(t *testing.T) {
	development := arguments()
	development.Scope.Environment, development.Scope.Stack, development.Scope.Protect = "development", "dev", false
	development.Cache.Replicas, development.SnapshotDays = ptr(0), 1
	for name, args := range map[string]cache.Args{"with_replica": arguments(), "development": development} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, "", program(args)) })
	}
}

func TestNewRefusesBadArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*cache.Args)
		want  string
	}{
		"node":      {func(a *cache.Args) { a.Cache.NodeType = "" }, "node type is empty: decode the spec, which sets it by tier"},
		"unset":     {func(a *cache.Args) { a.Cache.Replicas = nil }, "replicas is not set: decode the spec, which sets it by environment"},
		"replicas":  {func(a *cache.Args) { a.Cache.Replicas = ptr(6) }, "6 replicas: use 0 to 5"},
		"snapshots": {func(a *cache.Args) { a.SnapshotDays = 0 }, "snapshots are kept 0 days: use 1 to 35"},
		"window":    {func(a *cache.Args) { a.MaintenanceWindow = "sunday night" }, `the maintenance window is "sunday night": write it as "sun:02:00-sun:04:00"`},
		"short": {func(a *cache.Args) { a.MaintenanceWindow = "sun:23:45-mon:00:15" },
			"the maintenance window sun:23:45-mon:00:15 is 30 minutes long: ElastiCache takes no less than 60"},
		"several": {func(a *cache.Args) { a.LogDays, a.TopicArn = 0, nil }, "logs are kept 0 days: use at least 1\nno topic given"},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			tc.spoil(&args)
			graphtest.Golden(t, `cache "cache": `+tc.want, program(args))
		})
	}
}

func TestPromises(t *testing.T) {
	connect := make([]string, 2)
	var known sync.WaitGroup // outputs may still be on their way when the program has ended
	resources, err := graphtest.Run(graphtest.Update, program(arguments(), func(c *cache.Cache) {
		for i, arn := range c.ConnectArns {
			known.Add(1)
			arn.ToStringOutput().ApplyT(func(v string) string { defer known.Done(); connect[i] = v; return v })
		}
		if want := "acme-production-cache-001 acme-production-cache-002"; strings.Join(c.NodeIDs, " ") != want {
			t.Errorf("nodes = %q, want %q", c.NodeIDs, want)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	group := graphtest.Find(t, resources, groupType, "cache-group")
	t.Run("DP-4 encrypted at rest and in transit", func(t *testing.T) {
		for key, want := range map[string]any{"transitEncryptionEnabled": true, "transitEncryptionMode": "required",
			"atRestEncryptionEnabled": true, "kmsKeyId": "arn:aws:kms:eu-west-2:123456789012:key/database"} {
			if got := group.Inputs[key]; got != want {
				t.Errorf("%s = %v, want %v", key, got, want)
			}
		}
	})
	t.Run("DP-2 in from the client's machines only", func(t *testing.T) {
		in := graphtest.Find(t, resources, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cache-from-client")
		if in.Inputs["referencedSecurityGroupId"] != "sg-machines" || in.Inputs["fromPort"] != 6379.0 {
			t.Errorf("ingress = %v", in.Inputs)
		}
	})
	t.Run("DP-1 no password: the role signs in, the default user is off", func(t *testing.T) {
		if group.Inputs["authToken"] != nil {
			t.Error("the group has a password")
		}
		service := graphtest.Find(t, resources, userType, "cache-service")
		if mode := service.Inputs["authenticationMode"].(map[string]any); mode["type"] != "iam" || service.Inputs["userId"] != service.Inputs["userName"] {
			t.Errorf("service user = %v, want IAM and one name", service.Inputs)
		}
		nobody := graphtest.Find(t, resources, userType, "cache-default")
		if nobody.Inputs["userName"] != "default" || nobody.Inputs["accessString"] != "off ~* -@all" {
			t.Errorf("default user = %v, want it off", nobody.Inputs)
		}
		known.Wait()
		want := "arn:aws:elasticache:eu-west-2:123456789012:replicationgroup:acme-production-cache " +
			"arn:aws:elasticache:eu-west-2:123456789012:user:acme-production-service"
		if strings.Join(connect, " ") != want {
			t.Errorf("connect = %q, want %q", connect, want)
		}
	})
	t.Run("AV-2 a replica in another zone takes over", func(t *testing.T) {
		if group.Inputs["automaticFailoverEnabled"] != true || group.Inputs["multiAzEnabled"] != true || group.Inputs["numCacheClusters"] != 2.0 {
			t.Errorf("group = %v", group.Inputs)
		}
	})
}
