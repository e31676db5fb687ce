package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/berth-iac/berth/promises"
)

func TestTeamIsAlerted(t *testing.T) {
	const home = "eu-west-2"
	here := topicIn(home)
	alarm := func(name string, change func(*cwtypes.MetricAlarm)) func(*site) {
		return func(s *site) {
			for _, all := range s.alarms {
				for i := range all {
					if *all[i].AlarmName == "acme-production-"+name {
						change(&all[i])
						return
					}
				}
			}
			t.Fatalf("no alarm %s", name)
		}
	}
	without := func(names ...string) func(*site) {
		return func(s *site) {
			for region, all := range s.alarms {
				s.alarms[region] = slices.DeleteFunc(all, func(a cwtypes.MetricAlarm) bool {
					return slices.Contains(names, strings.TrimPrefix(*a.AlarmName, "acme-production-"))
				})
			}
		}
	}
	subscriptions := func(change func([]snstypes.Subscription) []snstypes.Subscription) func(*site) {
		return func(s *site) { s.subscribed[home] = change(s.subscribed[home]) }
	}
	probe := probeID + "."
	mutations := []mutation{
		// Who is told.
		{"no topic where health checks' alarms are", func(s *site) { delete(s.topics, "us-east-1") },
			[]string{alarmNamed("us-east-1", "outside-slow") + ".alarmActions", alarmNamed("us-east-1", "outside") + ".alarmActions", promises.StackName}},
		{"nobody is written to", subscriptions(func(all []snstypes.Subscription) []snstypes.Subscription { return all[1:] }), []string{here + ".subscriptions.email"}},
		{"no phone", subscriptions(func(all []snstypes.Subscription) []snstypes.Subscription { return all[:1] }), []string{here + ".subscriptions.sms"}},
		{"somebody else is written to", subscriptions(func(all []snstypes.Subscription) []snstypes.Subscription {
			all[0].Endpoint = aws.String("former@northwind.example")
			return all
		}), []string{here + ".subscriptions.email"}},
		{"never confirmed", subscriptions(func(all []snstypes.Subscription) []snstypes.Subscription {
			all[0].SubscriptionArn = aws.String("PendingConfirmation")
			return all
		}), []string{here + ".subscriptions.email"}},
		{"unsubscribed", subscriptions(func(all []snstypes.Subscription) []snstypes.Subscription {
			all[0].SubscriptionArn = aws.String("Deleted")
			return all
		}), []string{here + ".subscriptions.email"}},
		{"told of little", func(s *site) { s.filtered[here+":mail"] = `{"severity":["high"]}` }, []string{here + ".subscriptions.email"}},
		{"a policy that cannot be read", func(s *site) { s.topics[home]["Policy"] = "{" }, []string{here + ".policy"}},
		{"alarms may not publish", func(s *site) {
			s.topics[home]["Policy"] = strings.ReplaceAll(s.topics[home]["Policy"], "cloudwatch.amazonaws.com", "s3.amazonaws.com")
		}, []string{here + ".policy"}},
		{"anybody may publish", func(s *site) {
			s.topics[home]["Policy"] = strings.Replace(s.topics[home]["Policy"], `{"Sid":"Alarms"`, `{"Sid":"All","Effect":"Allow","Principal":"*","Action":"sns:Publish","Resource":"*"},{"Sid":"Alarms"`, 1)
		}, []string{here + ".policy"}},
		{"alarms of any account may publish", func(s *site) {
			s.topics[home]["Policy"] = strings.ReplaceAll(s.topics[home]["Policy"], "123456789012\"}}", "999999999999\"}}")
		}, []string{here + ".policy"}},
		{"SNS's own key", func(s *site) { s.topics[home]["KmsMasterKeyId"] = "alias/aws/sns" }, []string{here + ".kmsMasterKeyId"}},
		{"the key is about to go", func(s *site) { s.keyState = kmstypes.KeyStatePendingDeletion },
			[]string{topicIn("eu-west-1") + ".kmsMasterKeyId", here + ".kmsMasterKeyId", topicIn("us-east-1") + ".kmsMasterKeyId"}},
		{"SMS to nobody but the verified", func(s *site) { s.sandbox = true },
			[]string{topicIn("eu-west-1") + ".subscriptions.sms.delivery", here + ".subscriptions.sms.delivery", topicIn("us-east-1") + ".subscriptions.sms.delivery"}},
		{"a phone answered STOP", func(s *site) { s.optedOut = []string{"+442079460123"} },
			[]string{topicIn("eu-west-1") + ".subscriptions.sms.delivery", here + ".subscriptions.sms.delivery", topicIn("us-east-1") + ".subscriptions.sms.delivery"}},
		{"another channel", func(s *site) { s.channels[0].SlackChannelId = aws.String("C0000") },
			[]string{topicIn("eu-west-1") + ".subscriptions.slack", here + ".subscriptions.slack", topicIn("us-east-1") + ".subscriptions.slack"}},
		{"a topic that nobody posts", func(s *site) { s.channels[0].SnsTopicArns = s.channels[0].SnsTopicArns[1:] }, []string{here + ".subscriptions.slack"}},
		{"the channel is disabled", func(s *site) { s.channels[0].State = aws.String("DISABLED") }, []string{*goodSite().channels[0].ChatConfigurationArn + ".state"}},
		// What is watched.
		{"silence is no alarm", without("outside"), []string{probe + "alarms"}},
		{"slowness is no alarm", without("outside-slow"), []string{probe + "alarms"}},
		{"nobody asks from outside", func(s *site) { s.probes = nil }, []string{promises.StackName}},
		{"asked in plain text", func(s *site) { s.probes[0].HealthCheckConfig.Type = "HTTP" }, []string{probe + "type"}},
		{"another port is asked", func(s *site) { s.probes[0].HealthCheckConfig.Port = aws.Int32(80) }, []string{probe + "port"}},
		{"another path is asked", func(s *site) { s.probes[0].HealthCheckConfig.ResourcePath = aws.String("/") }, []string{probe + "resourcePath"}},
		{"asked without a name", func(s *site) { s.probes[0].HealthCheckConfig.EnableSNI = aws.Bool(false) }, []string{probe + "enableSni"}},
		{"noticed late", func(s *site) { s.probes[0].HealthCheckConfig.FailureThreshold = aws.Int32(10) }, []string{probe + "requestInterval"}},
		{"asked from one place", func(s *site) {
			s.probes[0].HealthCheckConfig.Regions = s.probes[0].HealthCheckConfig.Regions[:1]
		}, []string{probe + "regions"}},
		{"switched off", func(s *site) { s.probes[0].HealthCheckConfig.Disabled = aws.Bool(true) }, []string{probe + "disabled"}},
		{"slowness is not measured", func(s *site) { s.probes[0].HealthCheckConfig.MeasureLatency = nil }, []string{probe + "measureLatency"}},
		{"the service's errors are not counted", func(s *site) { s.filters = nil }, []string{promises.StackName}},
		{"no alarm on the share of errors", without("error-rate"), []string{alarmNamed(home, "service-down") + ".alarmRule", doorARN + ".alarms"}},
		{"half of the errors", alarm("error-rate", func(a *cwtypes.MetricAlarm) { a.Metrics = a.Metrics[:2] }), []string{alarmNamed(home, "error-rate") + ".metricQueries"}},
		{"half of the requests fail", alarm("error-rate", func(a *cwtypes.MetricAlarm) { a.Threshold = aws.Float64(50) }), []string{alarmNamed(home, "error-rate") + ".threshold"}},
		{"errors for an hour", alarm("error-rate", func(a *cwtypes.MetricAlarm) { a.EvaluationPeriods = aws.Int32(60) }), []string{alarmNamed(home, "error-rate") + ".evaluationPeriods"}},
		{"errors told to nobody", alarm("error-rate", func(a *cwtypes.MetricAlarm) { a.AlarmActions = nil }), []string{alarmNamed(home, "error-rate") + ".alarmActions"}},
		{"nothing says that the service is down", func(s *site) { s.composite = nil }, []string{doorARN + ".alarms"}},
		{"down by one sign only", func(s *site) { s.composite[0].AlarmRule = aws.String(`ALARM("acme-production-error-rate")`) }, []string{alarmNamed(home, "service-down") + ".alarmRule"}},
		{"down told to nobody", func(s *site) { s.composite[0].ActionsEnabled = aws.Bool(false) }, []string{alarmNamed(home, "service-down") + ".alarmActions"}},
		{"down kept quiet", func(s *site) { s.composite[0].ActionsSuppressor = aws.String("arn:x") }, []string{alarmNamed(home, "service-down") + ".actionsSuppressor"}},
		{"the storage's alarm has no data", alarm("database-storage", func(a *cwtypes.MetricAlarm) { a.StateValue = cwtypes.StateValueInsufficientData }), []string{alarmNamed(home, "database-storage") + ".stateValue"}},
		{"the storage's alarm is for another database", alarm("database-storage", func(a *cwtypes.MetricAlarm) { a.Dimensions[0].Value = aws.String("other") }), []string{databaseARN + ".alarms"}},
		{"a database that nobody watches", func(s *site) {
			db := s.databases[0]
			db.DBInstanceArn, db.DBInstanceIdentifier = aws.String("arn:stray"), aws.String("stray")
			s.databases = append(s.databases, db)
		}, []string{"arn:stray.alarms", "arn:stray.eventCategories"}},
		{"the database's failover is told to nobody", func(s *site) { s.dbEvents[0].EventCategoriesList = []string{"maintenance"} }, []string{databaseARN + ".eventCategories"}},
		{"the database's events are off", func(s *site) { s.dbEvents[0].Enabled = aws.Bool(false) }, []string{databaseARN + ".eventCategories"}},
		{"events go to another topic", func(s *site) {
			s.dbEvents[1] = rdstypes.EventSubscription{SourceType: aws.String("db-cluster"), Enabled: aws.Bool(true), SnsTopicArn: aws.String("arn:other")}
		},
			[]string{documentsARN + ".eventCategories"}},
		{"no rule for the certificate", func(s *site) { s.events = s.events[1:] }, []string{promises.StackName}},
		{"AWS's issues are only told in part", func(s *site) {
			s.events[1].EventPattern = aws.String(strings.Replace(*s.events[1].EventPattern, `"investigation"`, `"other"`, 1))
		}, []string{promises.StackName}},
		{"another group's machines are told of", func(s *site) {
			s.events[3].EventPattern = aws.String(strings.Replace(*s.events[3].EventPattern, fleetName, "other", 1))
		}, []string{promises.StackName}},
		{"narrowed by a key that nobody knows", func(s *site) {
			s.events[2].EventPattern = aws.String(strings.Replace(*s.events[2].EventPattern, `"eventName"`, `"awsRegion":["us-east-1"],"eventName"`, 1))
		}, []string{promises.StackName}},
		{"a rule is off", func(s *site) { s.events[1].State = eventtypes.RuleStateDisabled }, []string{"rule/health.state"}},
		{"warnings go nowhere", func(s *site) { s.told = "arn:other" }, []string{"rule/certificate.targets", "rule/health.targets", "rule/keys.targets", "rule/machines.targets"}},
		{"an alarm of the trail without an action", alarm("trail-root", func(a *cwtypes.MetricAlarm) { a.AlarmActions = nil }), []string{alarmNamed(home, "trail-root") + ".alarmActions"}},
		{"an alarm of the trail for a topic elsewhere", alarm("trail-root", func(a *cwtypes.MetricAlarm) { a.AlarmActions = []string{topicIn("eu-west-1")} }), []string{alarmNamed(home, "trail-root") + ".alarmActions"}},
		{"actions off", alarm("trail-root", func(a *cwtypes.MetricAlarm) { a.ActionsEnabled = aws.Bool(false) }), []string{alarmNamed(home, "trail-root") + ".alarmActions"}},
	}
	// Each alarm that is asked for, when it is not there: what it watches is told.
	of := map[string]string{"no-healthy-machine": targetsARN, "few-healthy-machines": targetsARN, "unhealthy-machines": targetsARN, "service-errors": targetsARN, "latency": targetsARN,
		"refused-connections": doorARN, "machines-cpu": fleetName, "machines-status": fleetName, "logged-errors": "/berth/acme/production/service", "firewall-blocked": firewallARN,
		"nat-b": "nat-b", "database-cpu": databaseARN, "database-storage": databaseARN, "database-memory": databaseARN, "database-write-latency": databaseARN, "database-read-latency": databaseARN,
		"documents-cpu": documentsARN, "documents-memory": documentsARN, "acme-production-002-cpu": cacheARN, "acme-production-002-memory": cacheARN, "acme-production-002-evictions": cacheARN}
	for name, watched := range of {
		want := []string{watched + ".alarms"}
		if name == "no-healthy-machine" {
			want = []string{alarmNamed(home, "service-down") + ".alarmRule", watched + ".alarms"}
		}
		slices.Sort(want)
		mutations = append(mutations, mutation{"without " + name, without(name), want})
	}
	mutations = append(mutations, mutation{"another statistic", alarm("database-storage", func(a *cwtypes.MetricAlarm) { a.Statistic = cwtypes.StatisticMaximum }), []string{databaseARN + ".alarms"}})
	for property, change := range map[string]func(*cwtypes.MetricAlarm){
		"comparisonOperator": func(a *cwtypes.MetricAlarm) { a.ComparisonOperator = cwtypes.ComparisonOperatorGreaterThanThreshold },
		"threshold":          func(a *cwtypes.MetricAlarm) { a.Threshold = aws.Float64(1) },
		"evaluationPeriods":  func(a *cwtypes.MetricAlarm) { a.EvaluationPeriods = aws.Int32(12) },
		"datapointsToAlarm":  func(a *cwtypes.MetricAlarm) { a.DatapointsToAlarm = aws.Int32(0) },
		"treatMissingData":   func(a *cwtypes.MetricAlarm) { a.TreatMissingData = nil },
		"alarmActions":       func(a *cwtypes.MetricAlarm) { a.ActionsEnabled = aws.Bool(false) },
	} {
		name := "database-storage"
		if property == "treatMissingData" {
			name = "database-cpu"
		}
		mutations = append(mutations, mutation{"another " + property, alarm(name, change), []string{alarmNamed(home, name) + "." + property}})
	}
	mutated(t, "AV-7", nil, mutations)
	unreadable(t, "AV-7", Outside{}, "SNS:ListTopics", "SNS:GetTopicAttributes", "SNS:ListTagsForResource", "SNS:ListSubscriptionsByTopic", "SNS:GetSubscriptionAttributes", "KMS:DescribeKey", "CloudWatch:DescribeAlarms",
		"CloudWatchLogs:DescribeMetricFilters", "RDS:DescribeEventSubscriptions", "Route53:ListHealthChecks", "SNS:GetSMSSandboxAccountStatus", "SNS:ListPhoneNumbersOptedOut", "chatbot:DescribeSlackChannelConfigurations",
		"WAFV2:GetWebACLForResource", "EC2:DescribeNatGateways", "ElastiCache:DescribeReplicationGroups", "EventBridge:ListRules")
}

func TestWhoIsToldOfAnAlarmIsNotInTheFindings(t *testing.T) {
	s := goodSite()
	s.subscribed["eu-west-2"] = nil
	r := makeLook(t, "AV-7", subjectOf(t, "prod"), s.answers(), Outside{})
	for _, f := range r.Findings {
		if text := f.Found + f.Expected + f.Fix; strings.Contains(text, "northwind.example") || strings.Contains(text, "+44") {
			t.Errorf("an address in %+v", f)
		}
	}
}

func TestAlertingOfANewClient(t *testing.T) {
	s := goodSite()
	s.balancers[0].CreatedTime = daysAgo(1)
	s.subscribed["eu-west-2"][0].SubscriptionArn = aws.String("PendingConfirmation")
	if why := notShown(t, "AV-7", s, nil, Outside{}); why != "topic "+topicIn("eu-west-2")+" in eu-west-2: 0 of 1 told by email, 1 did not confirm yet; every addressee has to follow the link in AWS's mail by 2026-11-24 09:00 UTC" {
		t.Error(why)
	}
	s = goodSite()
	s.sandbox, s.verified = true, []string{"+442079460123"}
	if r := makeLook(t, "AV-7", subjectOf(t, "prod"), s.answers(), Outside{}); r.Verdict != promises.Kept {
		t.Errorf("verified in the sandbox: %s, %v", r.Why, brokenAt(r))
	}
	s = goodSite()
	for i := range s.alarms["eu-west-2"] {
		s.alarms["eu-west-2"][i].StateValue, s.alarms["eu-west-2"][i].StateUpdatedTimestamp = cwtypes.StateValueInsufficientData, aws.Time(now.Add(-5*time.Minute))
	}
	if why := notShown(t, "AV-7", s, nil, Outside{}); !strings.HasPrefix(why, "alarm "+alarmNamed("eu-west-2", "database-storage")+" has no data yet: that it gets some is told from 2026-11-22 09:55 UTC on") {
		t.Error(why)
	}
	// The disk grew by itself: the alarm is as the spec made it.
	s = goodSite()
	s.databases[0].AllocatedStorage = aws.Int32(200)
	if r := makeLook(t, "AV-7", subjectOf(t, "prod"), s.answers(), Outside{}); r.Verdict != promises.Kept {
		t.Errorf("a disk that grew: %s, %v", r.Why, brokenAt(r))
	}
}

func TestAlarmsOnTheSecondPage(t *testing.T) {
	s := goodSite()
	stray := cwtypes.MetricAlarm{AlarmName: aws.String("stray"), AlarmArn: aws.String("arn:stray"), Namespace: aws.String("Custom"), ActionsEnabled: aws.Bool(true)}
	pages := func(region string, in any) (any, error) {
		if in.(*cloudwatch.DescribeAlarmsInput).NextToken == nil {
			return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: s.alarms[region], NextToken: aws.String("more")}, nil
		}
		out := &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []cwtypes.MetricAlarm{stray}}
		if region == "eu-west-2" {
			out.CompositeAlarms = s.composite
		}
		return out, nil
	}
	r := makeLook(t, "AV-7", subjectOf(t, "prod"), s.answers().with(answers{"CloudWatch:DescribeAlarms": pages}), Outside{})
	if got := strings.Join(brokenAt(r), " "); got != "arn:stray.alarmActions" {
		t.Errorf("broken at %s", got)
	}
}

func TestBrokenAlarmsAreToldWhereTheRestCannotBeRead(t *testing.T) {
	s := goodSite()
	s.alarms["eu-west-2"] = nil
	s.balancers[0].State = &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive}
	r := makeLook(t, "AV-7", subjectOf(t, "prod"), s.answers().with(answers{"SNS:GetSMSSandboxAccountStatus": errDenied, "chatbot:DescribeSlackChannelConfigurations": errDenied}), Outside{})
	if r.Verdict != promises.Broken || len(brokenAt(r)) < 10 {
		t.Errorf("%s: %s, %v", r.Verdict, r.Why, brokenAt(r))
	}
}
