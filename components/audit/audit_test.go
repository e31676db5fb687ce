package audit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/audit"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() audit.Args {
	return audit.Args{
		Scope: scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true},
		Days:  400, LogDays: 365, Day: 1, SecondRegion: "eu-west-1",
		TopicArn:       pulumi.String("arn:aws:sns:eu-west-2:111122223333:northwind-alerts"),
		SecondTopicArn: pulumi.String("arn:aws:sns:eu-west-1:111122223333:northwind-alerts"),
		AlertsKeyArn:   pulumi.String("arn:aws:kms:eu-west-2:111122223333:key/alerts"),
		LogsTo:         pulumi.String("access-logs"), SecondLogsTo: pulumi.String("access-logs-2"),
		Watched: []pulumi.StringInput{pulumi.String("arn:aws:s3:::berth-northwind-pulumi-state-111122223333-eu-west-2")},
	}
}

func program(args audit.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		second, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
		if err != nil {
			return err
		}
		args.Second = second
		_, err = audit.New(ctx, "audit", args)
		return err
	}
}

func TestNew(t *testing.T) { graphtest.Golden(t, "", program(reference())) }

func TestNewRefusesAllAtOnce(t *testing.T) {
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := audit.New(ctx, "audit", audit.Args{Days: 30, Day: 31})
		return err
	})
	want := `audit "audit": the trail is locked for 30 days: keep it 365 or more
the log group keeps 0 days: say how long
the audit is due on day 31: use 1 to 28, which every month has
the trail's copy needs a second region and its provider
nobody is told: pass both topics and the key of the first
reads of the trail are not logged: pass the buckets for access logs`
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
		trail := graphtest.Find(t, resources, "aws:cloudtrail/trail:Trail", "audit-trail")
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
		for _, name := range []string{"audit-trail", "audit-trail-copy"} {
			lock := graphtest.Find(t, resources, "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2", name+"-object-lock")
			retention := lock.Inputs["rule"].(map[string]any)["defaultRetention"].(map[string]any)
			if retention["mode"] != "COMPLIANCE" || retention["days"] != 400.0 {
				t.Errorf("%s: retention = %v", name, retention)
			}
		}
		if copied := graphtest.Find(t, resources, "aws:s3/bucketV2:BucketV2", "audit-trail-copy-bucket"); copied.Options["provider"] != "pulumi:providers:aws::second" {
			t.Errorf("the copy's provider is %v", copied.Options["provider"])
		}
		graphtest.Find(t, resources, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "audit-replication-configuration")
	})
	t.Run("only this account's one trail writes", func(t *testing.T) {
		const arn = "arn:aws:cloudtrail:eu-west-2:111122223333:trail/northwind-trail"
		var document struct{ Statement []map[string]any }
		text := graphtest.Find(t, resources, "aws:s3/bucketPolicy:BucketPolicy", "audit-trail-policy").Inputs["policy"].(string)
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		for _, s := range document.Statement {
			if condition, _ := json.Marshal(s["Condition"]); s["Effect"] == "Allow" && !strings.Contains(string(condition), arn) {
				t.Errorf("%v is allowed on %s", s["Sid"], condition)
			}
		}
		if graphtest.Find(t, resources, "aws:cloudtrail/trail:Trail", "audit-trail").Inputs["name"] != "northwind-trail" {
			t.Error("the trail has another name than its key and bucket trust")
		}
	})
	t.Run("OP-4 the audit is due every month", func(t *testing.T) {
		schedule := graphtest.Find(t, resources, "aws:scheduler/schedule:Schedule", "audit-reminder")
		if schedule.Inputs["scheduleExpression"] != "cron(0 8 1 * ? *)" {
			t.Errorf("schedule = %v", schedule.Inputs["scheduleExpression"])
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
	t.Run("both regions look for intruders", func(t *testing.T) {
		for _, name := range []string{"audit-detector", "audit-detector-second"} {
			if graphtest.Find(t, resources, "aws:guardduty/detector:Detector", name).Inputs["enable"] != true {
				t.Errorf("%s is off", name)
			}
		}
	})
}
