package database_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/berth-iac/berth/components/database"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	instanceType = "aws:rds/instance:Instance"
	groupType    = "aws:rds/parameterGroup:ParameterGroup"
)

func ptr[T any](v T) *T { return &v }

// arguments are those of the reference client in production.
func arguments() database.Args {
	return database.Args{
		Scope: scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Database: spec.Database{Engine: spec.PostgreSQL, Version: "16", InstanceClass: "db.t4g.medium", StorageGiB: 50, MaxStorageGiB: 200,
			MultiAZ: ptr(true), PointInTimeDays: 7, ReadReplica: ptr(false)},
		VPCID: pulumi.String("vpc-1"), SubnetIDs: pulumi.ToStringArray([]string{"subnet-1", "subnet-2", "subnet-3"}),
		ClientSecurityGroupID: pulumi.String("sg-machines"),
		KeyArn:                pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/database"),
		SecretsKeyArn:         pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/secrets"),
		LogsKeyArn:            pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
		TopicArn:              pulumi.String("arn:aws:sns:eu-west-2:123456789012:alerts"),
		LogDays:               365, MaintenanceWindow: "sun:02:00-sun:04:00",
		SecondRegion: "eu-west-1", SecondKeyArn: pulumi.String("arn:aws:kms:eu-west-1:123456789012:key/database"),
	}
}

// program makes a database; with a second region its provider is made in the program, as stacks do.
func program(args database.Args, second bool, read ...func(*database.Database)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if second {
			provider, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String(args.SecondRegion)})
			if err != nil {
				return err
			}
			args.Second = provider
		}
		d, err := database.New(ctx, "database", args)
		for _, f := range read {
			if err == nil {
				f(d)
			}
		}
		return err
	}
}

func answer(typeToken, name string, _ resource.PropertyMap) map[string]any {
	if typeToken != instanceType {
		return nil
	}
	return map[string]any{"address": name + ".rds.test", "resourceId": "db-" + strings.ToUpper(name),
		"masterUserSecrets": []any{map[string]any{"secretArn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:" + name}}}
}

func TestNew(t *testing.T) {
	mysql := arguments()
	mysql.Database.Engine, mysql.Database.Version, mysql.Database.InstanceClass = spec.MySQL, "8.4", "db.r6g.large"
	mysql.Database.ReadReplica = ptr(true)

	development := arguments()
	development.Scope.Environment, development.Scope.Stack, development.Scope.Protect = "development", "dev", false
	development.Database = spec.Database{Engine: spec.MySQL, Version: "8.0", InstanceClass: "db.t4g.micro", StorageGiB: 20, MaxStorageGiB: 40,
		MultiAZ: ptr(false), PointInTimeDays: 1, ReadReplica: ptr(false)}

	bi := arguments()
	bi.Replica = true

	for name, tc := range map[string]struct {
		args   database.Args
		second bool
	}{
		"postgresql_standard": {arguments(), true},
		"postgresql_for_bi":   {bi, true},
		"mysql_dedicated":     {mysql, true},
		"mysql_development":   {development, false},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, "", program(tc.args, tc.second), answer) })
	}
}

func TestNewRefusesBadArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*database.Args)
		want  string
	}{
		"engine":      {func(a *database.Args) { a.Database.Engine = "oracle" }, `engine "oracle" is unknown: use "postgresql" or "mysql"`},
		"version":     {func(a *database.Args) { a.Database.Version = "9" }, `version "9" of postgresql is not offered: use one of 14, 15, 16, 17`},
		"class":       {func(a *database.Args) { a.Database.InstanceClass = "" }, "instance class is empty: decode the spec, which sets it by tier"},
		"multi_az":    {func(a *database.Args) { a.Database.MultiAZ = nil }, "multiAz or readReplica is not set: decode the spec, which sets them by environment and tier"},
		"storage":     {func(a *database.Args) { a.Database.StorageGiB = 5 }, "storage is 5 GiB: use at least 20"},
		"growth":      {func(a *database.Args) { a.Database.MaxStorageGiB = 40 }, "storage may grow to 40 GiB, less than the 50 GiB it begins with"},
		"window":      {func(a *database.Args) { a.Database.PointInTimeDays = 36 }, "point-in-time recovery covers 36 days: use 1 to 35"},
		"log_days":    {func(a *database.Args) { a.LogDays = 0 }, "logs are kept 0 days: use at least 1"},
		"maintenance": {func(a *database.Args) { a.MaintenanceWindow = "" }, `the maintenance window is empty: set it, for example to "sun:02:00-sun:04:00"`},
		"key":         {func(a *database.Args) { a.KeyArn = nil }, "no database key given"},
		"several":     {func(a *database.Args) { a.VPCID, a.TopicArn = nil, nil }, "no VPC given\nno topic given"},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			tc.spoil(&args)
			graphtest.Golden(t, `database "database": `+tc.want, program(args, false))
		})
	}
	t.Run("second_without_key", func(t *testing.T) {
		args := arguments()
		args.SecondKeyArn = nil
		graphtest.Golden(t, "a second region is given without its name or its key", program(args, true))
	})
}

func TestPromises(t *testing.T) {
	mysql := arguments()
	mysql.Database.Engine, mysql.Database.Version = spec.MySQL, "8.4"
	mysql.Replica = true
	for engine, args := range map[string]database.Args{"postgresql": arguments(), "mysql": mysql} {
		resources, err := graphtest.Run(graphtest.Update, program(args, true), answer)
		if err != nil {
			t.Fatal(err)
		}
		instance := graphtest.Find(t, resources, instanceType, "database-instance")
		is := func(t *testing.T, want map[string]any) {
			t.Helper()
			for key, value := range want {
				if got := instance.Inputs[key]; got != value {
					t.Errorf("%s: %s = %v, want %v", engine, key, got, value)
				}
			}
		}
		t.Run("AV-3 a standby in another zone/"+engine, func(t *testing.T) { is(t, map[string]any{"multiAz": true}) })
		t.Run("BK-4 any second of seven days/"+engine, func(t *testing.T) { is(t, map[string]any{"backupRetentionPeriod": 7.0}) })
		t.Run("BK-3 automated backups in the second region/"+engine, func(t *testing.T) {
			copies := graphtest.Find(t, resources, "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication", "database-backups")
			if copies.Options["provider"] != "pulumi:providers:aws::second" {
				t.Errorf("provider = %v, want the second region's", copies.Options["provider"])
			}
			if copies.Inputs["kmsKeyId"] != "arn:aws:kms:eu-west-1:123456789012:key/database" || copies.Inputs["retentionPeriod"] != 7.0 {
				t.Errorf("inputs = %v, want the second key and seven days", copies.Inputs)
			}
		})
		t.Run("DP-2 not reachable from the internet/"+engine, func(t *testing.T) {
			is(t, map[string]any{"publiclyAccessible": false})
			for _, r := range resources {
				if _, cidr := r.Inputs["cidrIpv4"]; cidr {
					t.Errorf("%s names addresses instead of a group", r.Name)
				}
			}
			in := graphtest.Find(t, resources, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "database-from-client")
			if in.Inputs["referencedSecurityGroupId"] != "sg-machines" {
				t.Errorf("ingress = %v, want the client's group only", in.Inputs)
			}
		})
		t.Run("DP-4 encrypted at rest with the client's key/"+engine, func(t *testing.T) {
			is(t, map[string]any{"storageEncrypted": true, "kmsKeyId": "arn:aws:kms:eu-west-2:123456789012:key/database"})
		})
		t.Run("DP-4 TLS is forced/"+engine, func(t *testing.T) {
			for _, r := range resources {
				if r.Type != groupType {
					continue
				}
				text, err := json.Marshal(r.Inputs["parameters"])
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range map[string][]string{
					"postgresql": {`"name":"rds.force_ssl","value":"1"`, `"name":"ssl_min_protocol_version","value":"TLSv1.2"`},
					"mysql":      {`"name":"require_secure_transport","value":"1"`, `"name":"tls_version","value":"TLSv1.2,TLSv1.3"`},
				}[engine] {
					if !strings.Contains(string(text), want) {
						t.Errorf("parameters %s, want %s", text, want)
					}
				}
			}
		})
		t.Run("protected, with a final snapshot and no password/"+engine, func(t *testing.T) {
			is(t, map[string]any{"deletionProtection": true, "skipFinalSnapshot": false, "manageMasterUserPassword": true,
				"masterUserSecretKmsKeyId": "arn:aws:kms:eu-west-2:123456789012:key/secrets"})
			if instance.Options["protect"] != true || instance.Inputs["password"] != nil {
				t.Errorf("options %v, password %v", instance.Options, instance.Inputs["password"])
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	args := arguments()
	args.Replica = true
	var mu sync.Mutex // outputs resolve concurrently
	got := map[string]string{}
	keep := func(what string, o pulumi.StringOutput) {
		o.ApplyT(func(v string) string {
			mu.Lock()
			defer mu.Unlock()
			got[what] = v
			return v
		})
	}
	_, err := graphtest.Run(graphtest.Update, program(args, true, func(d *database.Database) {
		keep("endpoint", d.Endpoint)
		keep("connect", d.ConnectArn("breakglass"))
		keep("replica connect", d.ReplicaConnectArn("bi"))
		keep("secret", d.MasterSecretArn)
		keep("replica", *d.ReplicaEndpoint)
	}), answer)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"endpoint": "database-instance.rds.test", "replica": "database-replica.rds.test",
		"connect":         "arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-DATABASE-INSTANCE/breakglass",
		"replica connect": "arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-DATABASE-REPLICA/bi",
		"secret":          "arn:aws:secretsmanager:eu-west-2:123456789012:secret:database-instance",
	} {
		if got[what] != want {
			t.Errorf("%s = %q, want %q", what, got[what], want)
		}
	}
}
