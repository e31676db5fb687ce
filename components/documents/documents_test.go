package documents_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/documents"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const clusterType = "aws:docdb/cluster:Cluster"

func arguments() documents.Args {
	return documents.Args{
		Scope:     scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Documents: spec.Documents{InstanceClass: "db.t4g.medium", Instances: 2},
		VPCID:     pulumi.String("vpc-1"), SubnetIDs: pulumi.ToStringArray([]string{"subnet-1", "subnet-2", "subnet-3"}),
		ClientSecurityGroupID: pulumi.String("sg-machines"),
		KeyArn:                pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/database"),
		LogsKeyArn:            pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
		TopicArn:              pulumi.String("arn:aws:sns:eu-west-2:123456789012:alerts"),
		LogDays:               365, PointInTimeDays: 7, MaintenanceWindow: "sun:02:00-sun:04:00",
	}
}

func program(args documents.Args, read ...func(*documents.Documents)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		d, err := documents.New(ctx, "documents", args)
		for _, f := range read {
			if err == nil {
				f(d)
			}
		}
		return err
	}
}

func answer(typeToken, name string, _ resource.PropertyMap) map[string]any {
	if typeToken != clusterType {
		return nil
	}
	return map[string]any{"masterUserSecrets": []any{map[string]any{"secretArn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:" + name}}}
}

func TestNew(t *testing.T) {
	development := arguments()
	development.Scope.Environment, development.Scope.Stack, development.Scope.Protect = "development", "dev", false
	development.Documents.Instances, development.PointInTimeDays = 1, 1
	for name, args := range map[string]documents.Args{"production": arguments(), "development": development} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, "", program(args), answer) })
	}
}

func TestNewRefusesBadArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*documents.Args)
		want  string
	}{
		"class":       {func(a *documents.Args) { a.Documents.InstanceClass = "" }, "instance class is empty: decode the spec, which sets it by tier"},
		"instances":   {func(a *documents.Args) { a.Documents.Instances = 17 }, "17 instances: use 1 to 16"},
		"window":      {func(a *documents.Args) { a.PointInTimeDays = 0 }, "point-in-time recovery covers 0 days: use 1 to 35"},
		"maintenance": {func(a *documents.Args) { a.MaintenanceWindow = "" }, `the maintenance window is empty: set it, for example to "sun:02:00-sun:04:00"`},
		"several":     {func(a *documents.Args) { a.LogDays, a.KeyArn = 0, nil }, "logs are kept 0 days: use at least 1\nno database key given"},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			tc.spoil(&args)
			graphtest.Golden(t, `documents "documents": `+tc.want, program(args))
		})
	}
}

func TestPromises(t *testing.T) {
	var secret string
	resources, err := graphtest.Run(graphtest.Update, program(arguments(), func(d *documents.Documents) {
		d.MasterSecretArn.ApplyT(func(v string) string { secret = v; return v })
	}), answer)
	if err != nil {
		t.Fatal(err)
	}
	cluster := graphtest.Find(t, resources, clusterType, "documents-cluster")
	t.Run("DP-2 in from the client's machines only", func(t *testing.T) {
		in := graphtest.Find(t, resources, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "documents-from-client")
		if in.Inputs["referencedSecurityGroupId"] != "sg-machines" || in.Inputs["fromPort"] != 27017.0 {
			t.Errorf("ingress = %v", in.Inputs)
		}
	})
	t.Run("DP-4 encrypted at rest, TLS 1.2 or later, audited", func(t *testing.T) {
		if cluster.Inputs["storageEncrypted"] != true || cluster.Inputs["kmsKeyId"] != "arn:aws:kms:eu-west-2:123456789012:key/database" {
			t.Errorf("cluster = %v, want it encrypted with the client's key", cluster.Inputs)
		}
		group := graphtest.Find(t, resources, "aws:docdb/clusterParameterGroup:ClusterParameterGroup", "documents-parameters")
		text, err := json.Marshal(group.Inputs["parameters"])
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"name":"tls","value":"tls1.2+"`, `"name":"audit_logs","value":"enabled"`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("parameters %s, want %s", text, want)
			}
		}
	})
	t.Run("BK-4 any second of seven days", func(t *testing.T) {
		if cluster.Inputs["backupRetentionPeriod"] != 7.0 {
			t.Errorf("backupRetentionPeriod = %v", cluster.Inputs["backupRetentionPeriod"])
		}
	})
	t.Run("protected, without a password of ours", func(t *testing.T) {
		if cluster.Options["protect"] != true || cluster.Inputs["deletionProtection"] != true || cluster.Inputs["masterPassword"] != nil {
			t.Errorf("options %v, inputs %v", cluster.Options, cluster.Inputs)
		}
		if secret != "arn:aws:secretsmanager:eu-west-2:123456789012:secret:documents-cluster" {
			t.Errorf("secret = %q", secret)
		}
	})
}
