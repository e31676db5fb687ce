package statebackend_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/statebackend"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const deploy = "arn:aws:iam::111122223333:role/northwind-pipeline-deploy"

var organisation = scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true}

func program(ctx *pulumi.Context) error {
	second, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
	if err != nil {
		return err
	}
	_, err = statebackend.New(ctx, "state", statebackend.Args{
		Scope: organisation, Second: second, SecondRegion: "eu-west-1",
		Clients:    []spec.ClientAccount{{Name: "acme", Account: "123456789012"}, {Name: "globex", Account: "210987654321"}},
		StateUsers: []string{deploy}, StateReaders: []string{"arn:aws:iam::111122223333:role/northwind-pipeline-preview"}, ReleaseWriter: deploy,
		BackupRetentionDays: 90, LogsTo: pulumi.String("access-logs"), SecondLogsTo: pulumi.String("access-logs-2"),
		TopicArn: pulumi.String("arn:aws:sns:eu-west-2:111122223333:alerts"), SecondTopicArn: pulumi.String("arn:aws:sns:eu-west-1:111122223333:alerts"),
	})
	return err
}

func TestNew(t *testing.T) { graphtest.Golden(t, "", program) }

func TestNewRefusesAllAtOnce(t *testing.T) {
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := statebackend.New(ctx, "state", statebackend.Args{BackupRetentionDays: 30})
		return err
	})
	want := `state backend "state": copies need a second region and its provider
no clients: nobody could read releases or send copies of backups
nobody may use Pulumi's state: pass the roles that deploy
nobody may write releases: pass the pipeline's role
copies of backups are kept 30 days: 90 are promised (BK-5)
accesses are not logged: pass the buckets for access logs
nobody hears of failed copies: pass both topics`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}

type statement struct {
	Sid, Effect       string
	Principal, Action any
	Condition         map[string]map[string]any
}

func find(t *testing.T, resources []graphtest.Resource, typeToken, name, sid string) statement {
	t.Helper()
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(graphtest.Find(t, resources, typeToken, name).Inputs["policy"].(string)), &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Statement {
		if s.Sid == sid {
			return s
		}
	}
	t.Fatalf("%s has no statement %s", name, sid)
	return statement{}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program)
	if err != nil {
		t.Fatal(err)
	}
	const bucketPolicy = "aws:s3/bucketPolicy:BucketPolicy"
	t.Run("names are those that pulumi login and clients' files give", func(t *testing.T) {
		for name, want := range map[string]string{
			"state-state-bucket":    statebackend.StateBucket(organisation),
			"state-releases-bucket": "berth-northwind-releases-111122223333-eu-west-2",
		} {
			if got := graphtest.Find(t, resources, "aws:s3/bucketV2:BucketV2", name).Inputs["bucket"]; got != want {
				t.Errorf("%s = %v, want %s", name, got, want)
			}
		}
		if got := graphtest.Find(t, resources, "aws:kms/alias:Alias", "state-state-key-alias").Inputs["name"]; got != "alias/berth-northwind-pulumi-state" {
			t.Errorf("alias = %v", got)
		}
	})
	t.Run("OP-1 only the pipeline writes releases, and signs them", func(t *testing.T) {
		if s := find(t, resources, bucketPolicy, "state-releases-policy", "DenyOtherWriters"); s.Effect != "Deny" || s.Condition["ArnNotEquals"]["aws:PrincipalArn"] != deploy {
			t.Errorf("statement = %v", s)
		}
		if s := find(t, resources, "aws:kms/key:Key", "state-signing-key", "PipelineSigns"); s.Condition["ArnEquals"]["aws:PrincipalArn"] != deploy {
			t.Errorf("statement = %v", s)
		}
		if usage := graphtest.Find(t, resources, "aws:kms/key:Key", "state-signing-key").Inputs["keyUsage"]; usage != "SIGN_VERIFY" {
			t.Errorf("key usage = %v", usage)
		}
	})
	t.Run("only deploying roles write the state, and nobody deletes its versions", func(t *testing.T) {
		if s := find(t, resources, bucketPolicy, "state-state-policy", "DenyOtherWriters"); s.Condition["ArnNotEquals"]["aws:PrincipalArn"] != deploy {
			t.Errorf("statement = %v", s)
		}
		if s := find(t, resources, bucketPolicy, "state-state-policy", "DenyDeletingVersions"); s.Principal != "*" || s.Action != "s3:DeleteObjectVersion" || s.Condition != nil {
			t.Errorf("statement = %v", s)
		}
	})
	t.Run("the copy of the state can be read when the first region is lost", func(t *testing.T) {
		if graphtest.Find(t, resources, "aws:kms/key:Key", "state-state-key").Inputs["multiRegion"] != true {
			t.Error("the key has no replicas")
		}
		replica := graphtest.Find(t, resources, "aws:kms/replicaKey:ReplicaKey", "state-state-key-second")
		if replica.Options["provider"] != "pulumi:providers:aws::second" {
			t.Errorf("options = %v", replica.Options)
		}
	})
	t.Run("BK-5 copies lie in two regions, locked for 90 days", func(t *testing.T) {
		for _, suffix := range []string{"", "-second"} {
			lock := graphtest.Find(t, resources, "aws:backup/vaultLockConfiguration:VaultLockConfiguration", "state-vault-lock"+suffix)
			if lock.Inputs["minRetentionDays"] != 90.0 {
				t.Errorf("lock = %v", lock.Inputs)
			}
			s := find(t, resources, "aws:backup/vaultPolicy:VaultPolicy", "state-vault-policy"+suffix, "ClientsSendCopies")
			if s.Action != "backup:CopyIntoBackupVault" {
				t.Errorf("clients may %v", s.Action)
			}
		}
	})
}
