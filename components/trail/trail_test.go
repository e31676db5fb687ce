package trail_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/trail"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func least() trail.Args {
	return trail.Args{
		Scope: scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true},
		Days:  400, LogDays: 365, LogsTo: pulumi.String("access-logs"),
		TopicArn: pulumi.String("arn:aws:sns:eu-west-2:111122223333:northwind-alerts"),
	}
}

func reference() trail.Args {
	args := least()
	args.SecondRegion, args.SecondLogsTo = "eu-west-1", pulumi.String("access-logs-2")
	return args
}

func program(args trail.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if args.SecondRegion != "" {
			second, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
			if err != nil {
				return err
			}
			args.Second = second
		}
		_, err := trail.New(ctx, "trail", args)
		return err
	}
}

func TestNew(t *testing.T) {
	t.Run("two_regions", func(t *testing.T) { graphtest.Golden(t, "", program(reference())) })
	t.Run("one_region", func(t *testing.T) { graphtest.Golden(t, "", program(least())) })
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := trail.New(ctx, "trail", trail.Args{Days: 30, SecondRegion: "eu-west-1"})
		return err
	})
	want := `trail "trail": the trail is locked for 30 days: keep it 365 or more
the log group keeps 0 days: say how long
the trail's copy needs a second region and its provider, both or none
reads of the trail are not logged: pass the buckets for access logs
nobody is told what the trail says: pass a topic`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference()))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("AC-5 every region's calls are recorded and sealed", func(t *testing.T) {
		trail := graphtest.Find(t, resources, "aws:cloudtrail/trail:Trail", "trail")
		for _, key := range []string{"isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation", "enableLogging"} {
			if trail.Inputs[key] != true {
				t.Errorf("%s = %v", key, trail.Inputs[key])
			}
		}
		if trail.Inputs["kmsKeyId"] == nil || trail.Options["protect"] != true {
			t.Errorf("trail = %v %v", trail.Inputs, trail.Options)
		}
	})
	t.Run("AC-5 nobody can alter the trail, nor its copy in the second region", func(t *testing.T) {
		for _, name := range []string{"trail-records", "trail-copy"} {
			lock := graphtest.Find(t, resources, "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", name+"-object-lock")
			retention := lock.Inputs["rule"].(map[string]any)["defaultRetention"].(map[string]any)
			if retention["mode"] != "COMPLIANCE" || retention["days"] != 400.0 {
				t.Errorf("%s: retention = %v", name, retention)
			}
		}
		if copied := graphtest.Find(t, resources, "aws:s3/bucketV2:BucketV2", "trail-copy-bucket"); copied.Options["provider"] != "pulumi:providers:aws::second" {
			t.Errorf("the copy's provider is %v", copied.Options["provider"])
		}
		graphtest.Find(t, resources, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "trail-replication-configuration")
	})
	t.Run("only this account's one trail writes", func(t *testing.T) {
		const arn = "arn:aws:cloudtrail:eu-west-2:111122223333:trail/northwind-trail"
		var document struct{ Statement []map[string]any }
		text := graphtest.Find(t, resources, "aws:s3/bucketPolicy:BucketPolicy", "trail-records-policy").Inputs["policy"].(string)
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		for _, s := range document.Statement {
			if condition, _ := json.Marshal(s["Condition"]); s["Effect"] == "Allow" && !strings.Contains(string(condition), arn) {
				t.Errorf("%v is allowed on %s", s["Sid"], condition)
			}
		}
		if graphtest.Find(t, resources, "aws:cloudtrail/trail:Trail", "trail").Inputs["name"] != "northwind-trail" {
			t.Error("the trail has another name than its key and bucket trust")
		}
	})
	t.Run("the benchmark's controls each have filter and alarm on the same metric", func(t *testing.T) {
		filters, alarms := map[any]bool{}, map[any]bool{}
		for _, r := range resources {
			switch r.Type {
			case "aws:cloudwatch/logMetricFilter:LogMetricFilter":
				filters[r.Inputs["metricTransformation"].(map[string]any)["name"]] = true
			case "aws:cloudwatch/metricAlarm:MetricAlarm":
				alarms[r.Inputs["metricName"]] = true
			}
		}
		if len(filters) < 15 || len(filters) != len(alarms) {
			t.Errorf("%d filters, %d alarms", len(filters), len(alarms))
		}
		for metric := range filters {
			if !alarms[metric] {
				t.Errorf("nothing watches %v", metric)
			}
		}
	})
}
