package audit_test

import (
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
	want := `audit "audit": the audit is due on day 31: use 1 to 28, which every month has
the trail's copy needs a second region and its provider
nobody is told: pass both topics and the key of the first`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference()))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("OP-4 the audit is due every month", func(t *testing.T) {
		schedule := graphtest.Find(t, resources, "aws:scheduler/schedule:Schedule", "audit-reminder")
		if schedule.Inputs["scheduleExpression"] != "cron(0 8 1 * ? *)" {
			t.Errorf("schedule = %v", schedule.Inputs["scheduleExpression"])
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
