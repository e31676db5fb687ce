package backup_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/backup"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	lockType   = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
	planType   = "aws:backup/plan:Plan"
	policyType = "aws:iam/rolePolicy:RolePolicy"
)

// arguments are those of the reference client in production.
func arguments() backup.Args {
	return backup.Args{
		Scope:  scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Backup: spec.Backup{SecondRegion: "eu-west-1", RetentionDays: 90, ArchiveAfterDays: 90, DeleteAfterDays: 2555, Lock: "governance"},
		KeyArn: pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/backup"), TopicArn: pulumi.String("arn:aws:sns:eu-west-2:123456789012:alerts"),
		LogsTo:       pulumi.String("berth-acme-production-access-logs-123456789012-eu-west-2"),
		SecondRegion: "eu-west-1", SecondKeyArn: pulumi.String("arn:aws:kms:eu-west-1:123456789012:key/backup"),
		SecondTopicArn:    pulumi.String("arn:aws:sns:eu-west-1:123456789012:alerts"),
		SecondLogsTo:      pulumi.String("berth-acme-production-access-logs-123456789012-eu-west-1"),
		ResourceArns:      []pulumi.StringInput{pulumi.String(databaseArn)},
		WriterRoleArn:     pulumi.String("arn:aws:iam::123456789012:role/acme-production-service"),
		AdministratorArns: []string{"arn:aws:iam::123456789012:role/backup-administrator"},
		RestoreTest: &backup.RestoreTest{DatabaseArn: pulumi.String(databaseArn), SubnetGroupName: pulumi.String("acme-production-database"),
			VPCID: pulumi.String("vpc-1")},
	}
}

const databaseArn = "arn:aws:rds:eu-west-2:123456789012:db:acme-production-database"

func program(args backup.Args, second bool) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if second {
			provider, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
			if err != nil {
				return err
			}
			args.Second = provider
		}
		_, err := backup.New(ctx, "backup", args)
		return err
	}
}

func TestNew(t *testing.T) {
	compliance := arguments()
	compliance.Backup.Lock, compliance.AdministratorArns = "compliance", nil

	development := arguments()
	development.Scope.Environment, development.Scope.Stack, development.Scope.Protect = "development", "dev", false
	development.Backup.RetentionDays, development.RestoreTest = 7, nil

	for name, tc := range map[string]struct {
		args   backup.Args
		second bool
	}{
		"governance":       {arguments(), true},
		"compliance":       {compliance, true},
		"no_second_region": {development, false},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, "", program(tc.args, tc.second)) })
	}
}

func TestNewRefusesBadArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*backup.Args)
		want  string
	}{
		"retention": {func(a *backup.Args) { a.Backup.RetentionDays = 0 }, "retention is 0 days: decode the spec, which sets it"},
		"archive": {func(a *backup.Args) { a.Backup.DeleteAfterDays = 90 },
			"objects are archived after 90 days and deleted after 90: delete later than archive"},
		"outlives": {func(a *backup.Args) { a.Backup.RetentionDays = 3000 },
			"snapshots are kept 3000 days, longer than the 2555 after which everything is deleted"},
		"lock":    {func(a *backup.Args) { a.Backup.Lock = "none" }, `lock is "none": use "governance" or "compliance"`},
		"nothing": {func(a *backup.Args) { a.ResourceArns = nil }, "nothing to back up: name at least one resource"},
		"several": {func(a *backup.Args) { a.KeyArn, a.LogsTo = nil, nil }, "no backup key given\nno bucket for access logs given"},
		"restore": {func(a *backup.Args) { a.RestoreTest.VPCID = nil }, "a restore test is asked for without its database, subnet group or VPC"},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			tc.spoil(&args)
			graphtest.Golden(t, `backup "backup": `+tc.want, program(args, false))
		})
	}
	t.Run("second_without_key", func(t *testing.T) {
		args := arguments()
		args.SecondKeyArn = nil
		graphtest.Golden(t, "a second region is given without its name, key, topic or bucket for access logs", program(args, true))
	})
}

type statement struct {
	Sid, Effect string
	Action      any
	Resource    any
	Condition   map[string]map[string]any
}

// statements reads a policy document back.
func statements(t *testing.T, document any) map[string]statement {
	t.Helper()
	var d struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document.(string)), &d); err != nil {
		t.Fatal(err)
	}
	bySid := map[string]statement{}
	for _, s := range d.Statement {
		bySid[s.Sid] = s
	}
	return bySid
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(arguments(), true))
	if err != nil {
		t.Fatal(err)
	}
	find := func(t *testing.T, typeToken, name string) graphtest.Resource {
		t.Helper()
		return graphtest.Find(t, resources, typeToken, name)
	}
	t.Run("BK-5 kept 90 days in two regions", func(t *testing.T) {
		rule := find(t, planType, "backup-plan").Inputs["rules"].([]any)[0].(map[string]any)
		copies := rule["copyActions"].([]any)[0].(map[string]any)
		for _, kept := range []any{rule["lifecycle"], copies["lifecycle"]} {
			if days := kept.(map[string]any)["deleteAfter"]; days != 90.0 {
				t.Errorf("kept %v days, want 90", days)
			}
		}
		if rule["schedule"] != "cron(0 0 * * ? *)" || copies["destinationVaultArn"] != "arn:aws:test:eu-west-2:123456789012:Vault/backup-second-vault" {
			t.Errorf("rule = %v", rule)
		}
		for _, r := range resources {
			if second := strings.HasPrefix(r.Name, "backup-second"); second && r.Options["provider"] != "pulumi:providers:aws::second" && !strings.HasPrefix(r.Type, "berth:") {
				t.Errorf("%s %s has provider %v, want the second region's", r.Type, r.Name, r.Options["provider"])
			}
		}
	})
	t.Run("BK-5 locked in both vaults", func(t *testing.T) {
		for _, name := range []string{"backup-vault-lock", "backup-second-vault-lock"} {
			lock := find(t, lockType, name).Inputs
			if lock["minRetentionDays"] != 90.0 || lock["maxRetentionDays"] != 2555.0 || lock["changeableForDays"] != nil {
				t.Errorf("%s = %v, want 90 to 2555 days under governance", name, lock)
			}
		}
	})
	t.Run("BK-5 only an administrator deletes", func(t *testing.T) {
		for _, document := range []any{
			find(t, "aws:backup/vaultPolicy:VaultPolicy", "backup-vault-policy").Inputs["policy"],
			find(t, "aws:backup/vaultPolicy:VaultPolicy", "backup-second-vault-policy").Inputs["policy"],
			find(t, "aws:s3/bucketPolicy:BucketPolicy", "backup-bucket-policy").Inputs["policy"],
			find(t, "aws:s3/bucketPolicy:BucketPolicy", "backup-second-bucket-policy").Inputs["policy"],
		} {
			deny := statements(t, document)["DenyDeletion"]
			if deny.Effect != "Deny" || deny.Condition["ArnNotLike"]["aws:PrincipalArn"] != "arn:aws:iam::123456789012:role/backup-administrator" {
				t.Errorf("statement = %+v", deny)
			}
		}
	})
	t.Run("BK-6 to Glacier from day 90, DP-8 deleted on schedule", func(t *testing.T) {
		for _, name := range []string{"backup-bucket-lifecycle", "backup-second-bucket-lifecycle"} {
			text, err := json.Marshal(find(t, "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", name).Inputs)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`{"days":90,"storageClass":"GLACIER"}`, `"expiration":{"days":2555}`} {
				if !strings.Contains(string(text), want) {
					t.Errorf("%s: %s, want %s", name, text, want)
				}
			}
		}
	})
	t.Run("BK-3 copied within minutes, deletions stay behind", func(t *testing.T) {
		rule := find(t, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "backup-replication-configuration").Inputs["rules"].([]any)[0].(map[string]any)
		if rule["deleteMarkerReplication"].(map[string]any)["status"] != "Disabled" || rule["status"] != "Enabled" {
			t.Errorf("rule = %v", rule)
		}
	})
	t.Run("AC-3 the replication's role copies and can delete nothing", func(t *testing.T) {
		for sid, s := range statements(t, find(t, policyType, "backup-replication-policy").Inputs["policy"]) {
			text, err := json.Marshal(s.Action)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "Delete") || strings.Contains(string(text), "*") || s.Resource == "*" {
				t.Errorf("%s allows %s on %v", sid, text, s.Resource)
			}
		}
	})
	t.Run("AC-3 services act for this account only", func(t *testing.T) {
		for _, r := range resources {
			if r.Type != "aws:iam/role:Role" {
				continue
			}
			for _, s := range statements(t, r.Inputs["assumeRolePolicy"]) {
				if s.Condition["StringEquals"]["aws:SourceAccount"] != "123456789012" {
					t.Errorf("%s: condition %v", r.Name, s.Condition)
				}
			}
		}
	})
	t.Run("BK-9 failures alert in both regions", func(t *testing.T) {
		for name, topic := range map[string]string{"backup-failures": "arn:aws:sns:eu-west-2:123456789012:alerts", "backup-second-failures": "arn:aws:sns:eu-west-1:123456789012:alerts"} {
			if got := find(t, "aws:cloudwatch/eventTarget:EventTarget", name).Inputs["arn"]; got != topic {
				t.Errorf("%s goes to %v, want %s", name, got, topic)
			}
		}
	})
	t.Run("BK-8 a restore is tried every week", func(t *testing.T) {
		plan := find(t, "aws:backup/restoreTestingPlan:RestoreTestingPlan", "backup-restore-test").Inputs
		if plan["scheduleExpression"] != "cron(0 5 ? * MON *)" || strings.Contains(plan["name"].(string), "-") {
			t.Errorf("plan = %v", plan)
		}
	})
	t.Run("what is backed up is named", func(t *testing.T) {
		got := find(t, "aws:backup/selection:Selection", "backup-selection").Inputs["resources"]
		if !slices.Equal(got.([]any), []any{databaseArn}) {
			t.Errorf("resources = %v", got)
		}
	})
}
