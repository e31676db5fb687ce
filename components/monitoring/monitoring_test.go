package monitoring_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/monitoring"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() monitoring.Args {
	s := func(text string) pulumi.StringInput { return pulumi.String(text) }
	return monitoring.Args{
		Scope:    scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Hostname: "acme.taskflow.example", TopicArn: s("arn:aws:sns:eu-west-2:123456789012:acme-production-alerts"),
		GlobalTopicArn: s("arn:aws:sns:us-east-1:123456789012:acme-production-alerts"),
		LoadBalancer:   monitoring.LoadBalancer{ArnSuffix: s("app/acme/1a2b"), TargetGroupArnSuffix: s("targetgroup/acme/3c4d")},
		Machines:       monitoring.Machines{GroupName: s("acme-production"), Min: 3, LogGroup: s("berth/acme/production/service")},
		Database:       monitoring.Database{Identifier: s("acme-production"), StorageGiB: 50, MaxConnections: 400},
	}
}

func full() monitoring.Args {
	s := func(text string) pulumi.StringInput { return pulumi.String(text) }
	a := reference()
	a.Database.Replica = s("acme-production-replica")
	a.Documents = &monitoring.Documents{ClusterIdentifier: s("acme-production-documents")}
	a.Cache = &monitoring.Cache{ReplicationGroupID: s("acme-production"), Nodes: 2}
	a.NATGateways = []monitoring.NATGateway{{Name: "a", ID: s("nat-1")}, {Name: "b", ID: s("nat-2")}}
	a.Firewall = &monitoring.Firewall{Name: s("acme-production")}
	a.Backup = &monitoring.Backup{VaultName: s("acme-production")}
	a.Replications = []monitoring.Replication{{Name: "backup", Source: s("backups"), Destination: s("backups-2"), RuleID: "all"}}
	a.SecondTopicArn = s("arn:aws:sns:eu-west-1:123456789012:acme-alerts")
	a.CertificateArn = s("arn:aws:acm:eu-west-2:123456789012:certificate/1")
	return a
}

func program(args monitoring.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		global, err := aws.NewProvider(ctx, "global", &aws.ProviderArgs{Region: pulumi.String("us-east-1")})
		if err != nil {
			return err
		}
		args.Global = global
		if args.SecondTopicArn != nil {
			if args.Second, err = aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")}); err != nil {
				return err
			}
		}
		_, err = monitoring.New(ctx, "monitoring", args)
		return err
	}
}

func TestNew(t *testing.T) {
	t.Run("everything", func(t *testing.T) { graphtest.Golden(t, "", program(full())) })
	t.Run("least", func(t *testing.T) {
		args := reference()
		args.Machines.LogGroup, args.Database.MaxConnections = nil, 0
		graphtest.Golden(t, "", program(args))
	})
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := monitoring.New(ctx, "monitoring", monitoring.Args{
			Cache: &monitoring.Cache{}, NATGateways: []monitoring.NATGateway{{Name: "a"}},
			Replications: []monitoring.Replication{{Source: pulumi.String("b")}},
		})
		return err
	})
	want := `monitoring "monitoring": host name is empty: there is nothing to check from outside
no topic is given: pass the alert channels' topic
health checks report in us-east-1: pass its provider and its topic
the load balancer's suffixes are missing
the machines need their group's name and a minimum of 1 or more
the database needs its identifier and its storage
the cache needs its id and 1 node or more
replication is timed in the second region: pass its provider and a topic there
replication "" needs a name, both buckets and its rule's id
NAT gateway "a" needs an id and a name of its own`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(full()))
	if err != nil {
		t.Fatal(err)
	}
	const alarmType = "aws:cloudwatch/metricAlarm:MetricAlarm"
	t.Run("AV-1 the service is asked from outside, through its own address", func(t *testing.T) {
		check := graphtest.Find(t, resources, "aws:route53/healthCheck:HealthCheck", "monitoring-outside").Inputs
		if check["type"] != "HTTPS" || check["fqdn"] != "acme.taskflow.example" || check["enableSni"] != true || len(check["regions"].([]any)) < 3 {
			t.Errorf("health check = %v", check)
		}
		alarm := graphtest.Find(t, resources, alarmType, "monitoring-outside")
		if alarm.Options["provider"] == nil || !strings.Contains(alarm.Options["provider"].(string), "global") {
			t.Errorf("options = %v, want the provider of us-east-1", alarm.Options)
		}
		if alarm.Inputs["treatMissingData"] != "breaching" {
			t.Error("a probe that is silent would pass for health")
		}
	})
	t.Run("AV-7 every alarm tells people, of trouble and of its end", func(t *testing.T) {
		count := 0
		for _, r := range resources {
			if r.Type != alarmType {
				continue
			}
			count++
			for _, key := range []string{"alarmActions", "okActions"} {
				topics, _ := r.Inputs[key].([]any)
				if len(topics) != 1 || !strings.HasPrefix(topics[0].(string), "arn:aws:sns:") {
					t.Errorf("%s: %s = %v", r.Name, key, topics)
				}
			}
			if r.Inputs["alarmDescription"] == "" {
				t.Errorf("%s does not say what is wrong", r.Name)
			}
		}
		if count < 30 {
			t.Errorf("%d alarms, want 30 or more", count)
		}
	})
	t.Run("BK-9 failed, missing and late backups alert", func(t *testing.T) {
		missing := graphtest.Find(t, resources, alarmType, "monitoring-backup-missing").Inputs
		if missing["treatMissingData"] != "breaching" || missing["evaluationPeriods"].(float64)*missing["period"].(float64) != 26*3600 {
			t.Errorf("missing backup = %v, want 26 hours of silence to alert", missing)
		}
		for _, name := range []string{"backup-failed", "backup-copy-failed", "backup-replication-late", "backup-replication-failed", "database-replica-lag", "cache-2-lag"} {
			graphtest.Find(t, resources, alarmType, "monitoring-"+name)
		}
		// S3 times copies in the region where they arrive; an alarm elsewhere would stay quiet for ever.
		if late := graphtest.Find(t, resources, alarmType, "monitoring-backup-replication-late"); late.Options["provider"] != "pulumi:providers:aws::second" {
			t.Errorf("late copies are watched by %v, want the second region", late.Options["provider"])
		}
	})
	t.Run("the composite names alarms that exist", func(t *testing.T) {
		rule := graphtest.Find(t, resources, "aws:cloudwatch/compositeAlarm:CompositeAlarm", "monitoring-service-down").Inputs["alarmRule"].(string)
		for _, part := range strings.Split(rule, " OR ") {
			name := strings.TrimSuffix(strings.TrimPrefix(part, `ALARM("`), `")`)
			found := false
			for _, r := range resources {
				found = found || r.Type == alarmType && r.Inputs["name"] == name
			}
			if !found {
				t.Errorf("no alarm is called %q", name)
			}
		}
	})
	t.Run("messages and patterns are JSON", func(t *testing.T) {
		for _, r := range resources {
			switch r.Type {
			case "aws:cloudwatch/eventTarget:EventTarget":
				template := r.Inputs["inputTransformer"].(map[string]any)
				if !json.Valid([]byte(template["inputTemplate"].(string))) {
					t.Errorf("%s: %v", r.Name, template["inputTemplate"])
				}
				for field := range template["inputPaths"].(map[string]any) {
					if !strings.Contains(template["inputTemplate"].(string), "<"+field+">") {
						t.Errorf("%s: field %s is read and not told", r.Name, field)
					}
				}
			case "aws:cloudwatch/eventRule:EventRule":
				if !json.Valid([]byte(r.Inputs["eventPattern"].(string))) {
					t.Errorf("%s: %v", r.Name, r.Inputs["eventPattern"])
				}
			}
		}
	})
	t.Run("widgets do not overlap", func(t *testing.T) {
		var board struct {
			Widgets []struct{ X, Y, Width, Height int }
		}
		body := graphtest.Find(t, resources, "aws:cloudwatch/dashboard:Dashboard", "monitoring-dashboard").Inputs["dashboardBody"].(string)
		if err := json.Unmarshal([]byte(body), &board); err != nil {
			t.Fatal(err)
		}
		taken := map[[2]int]int{}
		for i, w := range board.Widgets {
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if other, found := taken[[2]int{x, y}]; found {
						t.Fatalf("widgets %d and %d overlap", other, i)
					}
					taken[[2]int{x, y}] = i
				}
			}
		}
	})
}
