package replication_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/replication"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var organisation = scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true}

func side(ctx *pulumi.Context, name, region string) (replication.Side, error) {
	versioning, err := s3.NewBucketVersioningV2(ctx, name, &s3.BucketVersioningV2Args{Bucket: pulumi.String(name),
		VersioningConfiguration: s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")}})
	return replication.Side{Region: region, Name: pulumi.String(name), Arn: pulumi.String("arn:aws:s3:::" + name),
		KeyArn: pulumi.String("arn:aws:kms:" + region + ":111122223333:key/" + name), VersioningOn: versioning}, err
}

func program(toRegion string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		from, err := side(ctx, "source", "eu-west-2")
		if err != nil {
			return err
		}
		to, err := side(ctx, "copy", toRegion)
		if err != nil {
			return err
		}
		_, err = replication.New(ctx, "trail", replication.Args{Scope: organisation, What: "trail", From: from, To: to})
		return err
	}
}

func TestNew(t *testing.T) {
	t.Run("to_another_region", func(t *testing.T) { graphtest.Golden(t, "", program("eu-west-1")) })
	t.Run("to_the_same_region", func(t *testing.T) {
		graphtest.Golden(t, `replication "trail": both buckets are in eu-west-2: copy to another region`, program("eu-west-2"))
	})
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := replication.New(ctx, "trail", replication.Args{})
		return err
	})
	for _, want := range []string{"what is replicated is not said: the role is named after it",
		"the source needs region, name, ARN, key and versioning", "the destination needs region, name, ARN, key and versioning"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %s", err, want)
		}
	}
}

func TestDeletionsAreNotCopied(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program("eu-west-1"))
	if err != nil {
		t.Fatal(err)
	}
	configuration := graphtest.Find(t, resources, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "trail-configuration")
	rule := configuration.Inputs["rules"].([]any)[0].(map[string]any)
	if rule["deleteMarkerReplication"].(map[string]any)["status"] != "Disabled" {
		t.Errorf("rule = %v", rule)
	}
	if text := graphtest.Find(t, resources, "aws:iam/rolePolicy:RolePolicy", "trail-policy").Inputs["policy"].(string); strings.Contains(text, "Delete") {
		t.Errorf("the role may delete: %s", text)
	}
}
