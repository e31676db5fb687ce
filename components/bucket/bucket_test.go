package bucket_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var acme = scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true}

func TestNew(t *testing.T) {
	for name, tc := range map[string]struct {
		args    bucket.Args
		wantErr string
	}{
		"locked": {bucket.Args{Scope: acme, Parts: []string{"backup"}, Region: "eu-west-2", Class: scope.Personal,
			KeyArn: pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/1"), LockDays: 90,
			LogsTo:    pulumi.String("logs"),
			Lifecycle: bucket.Lifecycle{ArchiveAfterDays: 90, DeleteAfterDays: 2555, NoncurrentDays: 90}}, ""},
		"all_problems_at_once": {bucket.Args{Scope: acme, LockMode: "SOFT", ForceDestroy: true,
			Lifecycle: bucket.Lifecycle{ArchiveAfterDays: 90, DeleteAfterDays: 30}},
			`bucket "files": no parts for a name: set Parts, for example to "backup"
no region: set Region to where the provider makes the bucket
no data class: set Class, so that the bucket's tags say what it holds
lock mode is "SOFT": use GOVERNANCE or COMPLIANCE
ForceDestroy on a protected stack: leave it off where Scope.Protect is on
objects go to the archive after 90 days and are deleted after 30: delete later than archive`},
	} {
		t.Run(name, func(t *testing.T) {
			graphtest.Golden(t, tc.wantErr, func(ctx *pulumi.Context) error {
				_, err := bucket.New(ctx, "files", tc.args)
				return err
			})
		})
	}
}

func TestLogTarget(t *testing.T) {
	graphtest.Golden(t, "", func(ctx *pulumi.Context) error {
		_, err := bucket.LogTarget(ctx, "access-logs", acme, "eu-west-2", 400, nil)
		return err
	})
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		_, err := bucket.New(ctx, "files", bucket.Args{Scope: acme, Parts: []string{"files"}, Region: "eu-west-2",
			Class: scope.Personal, KeyArn: pulumi.String("key-arn")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("BK-5 not reachable by the public", func(t *testing.T) {
		block := graphtest.Find(t, resources, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "files-public-access-block")
		for _, key := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			if block.Inputs[key] != true {
				t.Errorf("%s = %v, want true", key, block.Inputs[key])
			}
		}
	})
	t.Run("DP-4 TLS only and its own key", func(t *testing.T) {
		guard := graphtest.Find(t, resources, "aws:s3/bucketPolicy:BucketPolicy", "files-policy")
		text := guard.Inputs["policy"].(string)
		for _, want := range []string{`"aws:SecureTransport":"false"`, `"s3:TlsVersion":"1.2"`, `"key-arn"`} {
			if !strings.Contains(text, want) {
				t.Errorf("policy lacks %s: %s", want, text)
			}
		}
	})
	t.Run("a protected bucket cannot be deleted by Pulumi", func(t *testing.T) {
		if own := graphtest.Find(t, resources, "aws:s3/bucketV2:BucketV2", "files-bucket"); own.Options["protect"] != true {
			t.Errorf("options = %v, want protect", own.Options)
		}
	})
}
