package live

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	analyzertypes "github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	guardtypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/berth-iac/berth/promises"
)

// recordedAccount is an account with a good trail.
type recordedAccount struct {
	*accessFixture
	stack, number, bucket string
	days                  int32
	trail                 trailtypes.Trail
	status                cloudtrail.GetTrailStatusOutput
	selectors             []trailtypes.AdvancedEventSelector
	insights              []trailtypes.InsightSelector
	group                 logtypes.LogGroup
	lock                  s3types.ObjectLockRetention
}

func recorded(t *testing.T, stack string) *recordedAccount {
	r := &recordedAccount{accessFixture: readAccess(t, stack), stack: stack, number: "111122223333", bucket: "berth-northwind-trail-111122223333-eu-west-2", days: 400}
	name, group := "northwind-trail", "/berth/northwind/trail"
	if stack == "prod" {
		r.number, r.bucket, r.days = "123456789012", "berth-acme-production-trail-123456789012-eu-west-2", 365
		name, group = "acme-production-trail", "/berth/acme/production/trail"
	}
	arn := "arn:aws:cloudtrail:eu-west-2:" + r.number + ":trail/" + name
	groupARN := "arn:aws:logs:eu-west-2:" + r.number + ":log-group:" + group + ":*"
	key := r.accessFixture.bucket(t, r.bucket).Key
	r.trail = trailtypes.Trail{Name: &name, TrailARN: &arn, HomeRegion: aws.String("eu-west-2"), IsMultiRegionTrail: aws.Bool(true), IncludeGlobalServiceEvents: aws.Bool(true),
		LogFileValidationEnabled: aws.Bool(true), KmsKeyId: &key, S3BucketName: &r.bucket, CloudWatchLogsLogGroupArn: &groupARN}
	r.status = cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(true), StartLoggingTime: aws.Time(now.AddDate(0, 0, -100)), LatestDeliveryTime: aws.Time(now.Add(-7 * time.Minute)),
		LatestDigestDeliveryTime: aws.Time(now.Add(-50 * time.Minute)), LatestCloudWatchLogsDeliveryTime: aws.Time(now.Add(-6 * time.Minute))}
	equals := func(field, value string) trailtypes.AdvancedFieldSelector {
		return trailtypes.AdvancedFieldSelector{Field: &field, Equals: []string{value}}
	}
	r.selectors = []trailtypes.AdvancedEventSelector{{FieldSelectors: []trailtypes.AdvancedFieldSelector{equals("eventCategory", "Management")}},
		{FieldSelectors: []trailtypes.AdvancedFieldSelector{equals("eventCategory", "Data"), equals("resources.type", "AWS::S3::Object")}}}
	r.insights = []trailtypes.InsightSelector{{InsightType: trailtypes.InsightTypeApiCallRateInsight}, {InsightType: trailtypes.InsightTypeApiErrorRateInsight}}
	r.group = logtypes.LogGroup{LogGroupName: &group, Arn: &groupARN, RetentionInDays: aws.Int32(365), KmsKeyId: &key}
	r.lock = s3types.ObjectLockRetention{Mode: s3types.ObjectLockRetentionModeCompliance, RetainUntilDate: aws.Time(now.Add(-50*time.Minute).AddDate(0, 0, int(r.days)))}
	return r
}

func (r *recordedAccount) answers() answers {
	page := func(region string) bool { return region == "eu-west-2" }
	a := r.accessFixture.answers().with(reportAnswers(staffReport(func(all map[string]*person) {
		if r.stack == "prod" {
			for name := range all {
				if name != rootAccount {
					delete(all, name)
				}
			}
		}
	})))
	return a.with(answers{
		"CloudTrail:DescribeTrails": func(region string, _ any) (any, error) {
			out := &cloudtrail.DescribeTrailsOutput{}
			if page(region) {
				out.TrailList = []trailtypes.Trail{r.trail}
			}
			return out, nil
		},
		"CloudTrail:ListTags": &cloudtrail.ListTagsOutput{ResourceTagList: []trailtypes.ResourceTag{{TagsList: []trailtypes.Tag{
			{Key: aws.String("stack"), Value: &r.stack}, {Key: aws.String("managed-by"), Value: aws.String("berth")}}}}},
		"CloudTrail:GetTrailStatus":      &r.status,
		"CloudTrail:GetEventSelectors":   &cloudtrail.GetEventSelectorsOutput{AdvancedEventSelectors: r.selectors},
		"CloudTrail:GetInsightSelectors": &cloudtrail.GetInsightSelectorsOutput{InsightSelectors: r.insights},
		"CloudWatchLogs:DescribeLogGroups": func(region string, _ any) (any, error) {
			out := &cloudwatchlogs.DescribeLogGroupsOutput{}
			if page(region) {
				out.LogGroups = []logtypes.LogGroup{r.group}
			}
			return out, nil
		},
		"S3:ListObjectsV2": func(_ string, in any) (any, error) {
			prefix := *in.(*s3.ListObjectsV2Input).Prefix
			if prefix != "AWSLogs/"+r.number+"/CloudTrail-Digest/eu-west-2/2026/11/22/" {
				return nil, errors.New("unexpected prefix " + prefix)
			}
			return &s3.ListObjectsV2Output{Contents: []s3types.Object{
				{Key: aws.String(prefix + "old"), LastModified: aws.Time(now.Add(-110 * time.Minute))}, {Key: aws.String(prefix + "new"), LastModified: aws.Time(now.Add(-50 * time.Minute))}}}, nil
		},
		"S3:GetObjectRetention": func(_ string, in any) (any, error) {
			if !strings.HasSuffix(*in.(*s3.GetObjectRetentionInput).Key, "/new") {
				return nil, errors.New("that is not the newest")
			}
			return &s3.GetObjectRetentionOutput{Retention: &r.lock}, nil
		},
	})
}

// watchedAccount adds what the organisation looks for intruders with.
func watchedAccount() answers {
	features := []guardtypes.DetectorFeatureConfigurationResult{}
	for _, name := range detectorFeatures {
		features = append(features, guardtypes.DetectorFeatureConfigurationResult{Name: guardtypes.DetectorFeatureResult(name), Status: guardtypes.FeatureStatusEnabled})
	}
	return answers{
		"GuardDuty:ListDetectors":      &guardduty.ListDetectorsOutput{DetectorIds: []string{"d1"}},
		"GuardDuty:GetDetector":        &guardduty.GetDetectorOutput{Status: guardtypes.DetectorStatusEnabled, FindingPublishingFrequency: guardtypes.FindingPublishingFrequencyFifteenMinutes, Features: features},
		"AccessAnalyzer:ListAnalyzers": &accessanalyzer.ListAnalyzersOutput{Analyzers: []analyzertypes.AnalyzerSummary{{Name: aws.String("a1"), Type: analyzertypes.TypeAccount, Status: analyzertypes.AnalyzerStatusActive}}},
		"EventBridge:ListRules": func(region string, in any) (any, error) { // of two pages
			rule := func(name, source string) []eventtypes.Rule {
				return []eventtypes.Rule{{Name: &name, Arn: aws.String("rule/" + region + "/" + name), State: eventtypes.RuleStateEnabled, EventPattern: aws.String(`{"source":["` + source + `"]}`)}}
			}
			if in.(*eventbridge.ListRulesInput).NextToken == nil {
				return &eventbridge.ListRulesOutput{Rules: rule("findings", "aws.guardduty"), NextToken: aws.String("more")}, nil
			}
			return &eventbridge.ListRulesOutput{Rules: rule("doors", "aws.access-analyzer")}, nil
		},
		"EventBridge:ListTargetsByRule": func(region string, _ any) (any, error) {
			return &eventbridge.ListTargetsByRuleOutput{Targets: []eventtypes.Target{{Arn: aws.String("arn:aws:sns:" + region + ":111122223333:northwind-alerts")}}}, nil
		},
	}
}

func TestTheTrailCannotBeAltered(t *testing.T) {
	const trail, bucket = "arn:aws:cloudtrail:eu-west-2:111122223333:trail/northwind-trail", "berth-northwind-trail-111122223333-eu-west-2"
	const second = "berth-northwind-trail-111122223333-eu-west-1"
	const boundary = "arn:aws:iam::111122223333:policy/northwind-staff-role-boundary"
	key := readAccess(t, "organisation").bucket(t, bucket).Key
	keyID := key[strings.LastIndex(key, "/")+1:]
	for name, tc := range map[string]struct {
		change func(r *recordedAccount)
		broken []string
	}{
		"as the stack makes it":    {func(*recordedAccount) {}, nil},
		"of one region":            {func(r *recordedAccount) { r.trail.IsMultiRegionTrail = nil }, []string{trail + ".isMultiRegionTrail"}},
		"without global services":  {func(r *recordedAccount) { r.trail.IncludeGlobalServiceEvents = nil }, []string{trail + ".includeGlobalServiceEvents"}},
		"not validated":            {func(r *recordedAccount) { r.trail.LogFileValidationEnabled = aws.Bool(false) }, []string{trail + ".enableLogFileValidation"}},
		"stopped":                  {func(r *recordedAccount) { r.status.IsLogging = aws.Bool(false) }, []string{trail + ".enableLogging"}},
		"no record for days":       {func(r *recordedAccount) { r.status.LatestDeliveryTime = aws.Time(now.AddDate(0, 0, -2)) }, []string{trail + ".latestDeliveryTime"}},
		"no digest for hours":      {func(r *recordedAccount) { r.status.LatestDigestDeliveryTime = aws.Time(now.Add(-4 * time.Hour)) }, []string{trail + ".latestDigestDeliveryTime"}},
		"nothing to be searched":   {func(r *recordedAccount) { r.status.LatestCloudWatchLogsDeliveryTime = nil }, []string{trail + ".latestCloudWatchLogsDeliveryTime"}},
		"the last delivery failed": {func(r *recordedAccount) { r.status.LatestDeliveryError = aws.String("AccessDenied") }, []string{trail + ".latestDeliveryTime"}},
		"only what writes": {func(r *recordedAccount) {
			r.selectors[0].FieldSelectors = append(r.selectors[0].FieldSelectors, trailtypes.AdvancedFieldSelector{Field: aws.String("readOnly"), Equals: []string{"false"}})
		}, []string{trail + ".advancedEventSelectors"}},
		"some objects only": {func(r *recordedAccount) {
			r.selectors[1].FieldSelectors = append(r.selectors[1].FieldSelectors, trailtypes.AdvancedFieldSelector{Field: aws.String("resources.ARN"), StartsWith: []string{"arn:aws:s3:::x/"}})
		}, []string{trail + ".advancedEventSelectors"}},
		"nothing unusual":            {func(r *recordedAccount) { r.insights = nil }, []string{trail + ".insightSelectors"}},
		"searched for a month":       {func(r *recordedAccount) { r.group.RetentionInDays = aws.Int32(30) }, []string{"/berth/northwind/trail.retentionInDays"}},
		"searched under another key": {func(r *recordedAccount) { r.group.KmsKeyId = nil }, []string{"/berth/northwind/trail.kmsKeyId"}},
		"no log group":               {func(r *recordedAccount) { r.trail.CloudWatchLogsLogGroupArn = nil }, []string{trail + ".cloudWatchLogsGroupArn"}},
		"no key":                     {func(r *recordedAccount) { r.trail.KmsKeyId = nil; r.group.KmsKeyId = nil }, []string{"/berth/northwind/trail.kmsKeyId", trail + ".kmsKeyId", bucket + ".rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"}},
		"the key serves another trail": {func(r *recordedAccount) {
			for i := range r.Keys {
				if r.Keys[i].ARN == key {
					r.Keys[i].Policy = changed(t, r.Keys[i].Policy, "trail/northwind-trail", "trail/*")
				}
			}
		}, []string{keyID + ".policy"}},
		"another bucket":            {func(r *recordedAccount) { r.trail.S3BucketName = aws.String("elsewhere") }, []string{trail + ".s3BucketName", boundary + ".policy"}},
		"a lock for administrators": {func(r *recordedAccount) { r.accessFixture.bucket(t, bucket).LockMode = "GOVERNANCE" }, []string{bucket + ".rule.defaultRetention.mode"}},
		"a short lock":              {func(r *recordedAccount) { r.accessFixture.bucket(t, bucket).LockDays = 399 }, []string{bucket + ".rule.defaultRetention.days"}},
		"a short lock of the copy":  {func(r *recordedAccount) { r.accessFixture.bucket(t, second).LockDays = 30 }, []string{second + ".rule.defaultRetention.days"}},
		"no copy":                   {func(r *recordedAccount) { r.accessFixture.bucket(t, bucket).CopyTo = "" }, []string{bucket + ".rules"}},
		"others write": {func(r *recordedAccount) {
			b := r.accessFixture.bucket(t, bucket)
			b.Policy = changed(t, b.Policy, `"Service":"cloudtrail.amazonaws.com"`, `"AWS":"arn:aws:iam::999999999999:root"`)
		}, []string{bucket + ".policy"}},
		"somebody writes the copy": {func(r *recordedAccount) {
			r.accessFixture.bucket(t, second).Policy = raw(`{"Statement":{"Sid":"Open","Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"*"}}`)
		}, []string{second + ".policy"}},
		"the newest record is not locked": {func(r *recordedAccount) { r.lock = s3types.ObjectLockRetention{} }, []string{bucket + ".newestRecord.retention"}},
		"people may stop it": {func(r *recordedAccount) {
			r.Policies[boundary] = changed(t, r.Policies[boundary], "cloudtrail:StopLogging", "cloudtrail:Other")
		}, []string{boundary + ".policy"}},
		"people may switch the key off": {func(r *recordedAccount) {
			r.Policies[boundary] = changed(t, r.Policies[boundary], "kms:DisableKey", "kms:Other")
		}, []string{boundary + ".policy"}},
		"somebody has no account": {func(r *recordedAccount) { r.Users = r.Users[1:] }, []string{"stack"}},
		"a stranger has one":      {func(r *recordedAccount) { r.Users = append(r.Users, fixtureHolder{Name: "mallory"}) }, []string{"mallory.name"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(t, "organisation")
			tc.change(r)
			wantLook(t, makeLook(t, "AC-5", subjectOf(t, "organisation"), r.answers().with(watchedAccount()), Outside{}), tc.broken)
		})
	}
}

func TestTheTrailsAnswers(t *testing.T) {
	good := func(t *testing.T) answers { return recorded(t, "organisation").answers().with(watchedAccount()) }
	const bucket = "berth-northwind-trail-111122223333-eu-west-2"
	for name, tc := range map[string]struct {
		answers answers
		broken  []string
	}{
		"no trail":                        {answers{"CloudTrail:DescribeTrails": &cloudtrail.DescribeTrailsOutput{}}, []string{"stack"}},
		"only somebody else's":            {answers{"CloudTrail:ListTags": &cloudtrail.ListTagsOutput{}}, []string{"stack"}},
		"not versioned":                   {answers{"S3:GetBucketVersioning": &s3.GetBucketVersioningOutput{Status: s3types.BucketVersioningStatusSuspended}}, []string{bucket + ".versioningConfiguration.status", "berth-northwind-trail-111122223333-eu-west-1.versioningConfiguration.status"}},
		"no record where there should be": {answers{"S3:ListObjectsV2": &s3.ListObjectsV2Output{}}, []string{bucket + ".newestRecord"}},
		"no detector":                     {answers{"GuardDuty:ListDetectors": &guardduty.ListDetectorsOutput{}}, []string{"stack"}},
		"a detector that sleeps":          {answers{"GuardDuty:GetDetector": &guardduty.GetDetectorOutput{}}, []string{"d1.enable", "d1.features", "d1.findingPublishingFrequency"}},
		"no analyzer":                     {answers{"AccessAnalyzer:ListAnalyzers": &accessanalyzer.ListAnalyzersOutput{}}, []string{"stack"}},
		"a broken analyzer":               {answers{"AccessAnalyzer:ListAnalyzers": &accessanalyzer.ListAnalyzersOutput{Analyzers: []analyzertypes.AnalyzerSummary{{Name: aws.String("a1"), Type: analyzertypes.TypeAccount, Status: analyzertypes.AnalyzerStatusFailed}}}}, []string{"a1.status"}},
		"nobody is told":                  {answers{"EventBridge:ListTargetsByRule": &eventbridge.ListTargetsByRuleOutput{}}, []string{"rule/eu-west-1/doors.targets", "rule/eu-west-1/findings.targets", "rule/eu-west-2/doors.targets", "rule/eu-west-2/findings.targets"}},
		"no rules":                        {answers{"EventBridge:ListRules": &eventbridge.ListRulesOutput{}}, []string{"stack"}},
		"root at work":                    {reportAnswers(staffReport(func(all map[string]*person) { all[rootAccount].used = ago(3) })), []string{"root user.passwordLastUsed"}},
		"root set a new account up":       {reportAnswers(staffReport(func(all map[string]*person) { all[rootAccount].used, all[rootAccount].created = ago(3), ago(5) })), nil},
		"a key":                           {reportAnswers(staffReport(func(all map[string]*person) { all["dev.patel"].key = "true" })), []string{"dev.patel.accessKeys"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantLook(t, makeLook(t, "AC-5", subjectOf(t, "organisation"), good(t).with(tc.answers), Outside{}), sorted(tc.broken))
		})
	}
	for _, call := range []string{"IAM:GetCredentialReport", "CloudTrail:DescribeTrails", "CloudTrail:GetTrailStatus", "CloudTrail:GetInsightSelectors", "S3:GetObjectRetention", "S3:GetBucketPolicy", "KMS:ListKeys",
		"GuardDuty:GetDetector", "AccessAnalyzer:ListAnalyzers", "EventBridge:ListRules", "CloudWatchLogs:DescribeLogGroups"} {
		got := makeLook(t, "AC-5", subjectOf(t, "organisation"), good(t).with(answers{call: errors.New("api error AccessDenied: no")}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %s (%s) %v", call, got.Verdict, got.Why, brokenAt(got))
		}
	}
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

func TestANewTrailIsTooEarly(t *testing.T) {
	r := recorded(t, "organisation")
	r.status = cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(true), StartLoggingTime: aws.Time(now.Add(-30 * time.Minute))}
	got := makeLook(t, "AC-5", subjectOf(t, "organisation"), r.answers().with(watchedAccount()), Outside{})
	if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "2026-11-22T09:30:00Z") || !strings.Contains(got.Why, "digest is due by 2026-11-22T11:30:00Z") {
		t.Errorf("after half an hour: %s (%s) %v", got.Verdict, got.Why, brokenAt(got))
	}
	r.status.StartLoggingTime = aws.Time(now.Add(-4 * time.Hour))
	const trail = "arn:aws:cloudtrail:eu-west-2:111122223333:trail/northwind-trail"
	wantLook(t, makeLook(t, "AC-5", subjectOf(t, "organisation"), r.answers().with(watchedAccount()), Outside{}),
		[]string{trail + ".latestCloudWatchLogsDeliveryTime", trail + ".latestDeliveryTime", trail + ".latestDigestDeliveryTime"})
}

// loggingClient is a client's account in which everything is logged.
type loggingClient struct {
	flow       ec2types.FlowLog
	groups     map[string]int32
	attributes map[string]string
	verdicts   waftypes.LoggingConfiguration
	db         rdstypes.DBInstance
	settings   map[string]string
}

func logging() *loggingClient {
	return &loggingClient{
		flow: ec2types.FlowLog{FlowLogId: aws.String("fl-1"), ResourceId: aws.String("vpc-1"), TrafficType: ec2types.TrafficTypeAll, MaxAggregationInterval: aws.Int32(60), FlowLogStatus: aws.String("ACTIVE"),
			DeliverLogsStatus: aws.String("SUCCESS"), LogDestination: aws.String("arn:aws:logs:eu-west-2:123456789012:log-group:/berth/acme/production/flows")},
		groups:     map[string]int32{"/berth/acme/production/flows": 365, "/berth/acme/production/service": 365, "aws-waf-logs-acme-production": 365, "RDSOSMetrics": 30},
		attributes: map[string]string{"access_logs.s3.enabled": "true", "connection_logs.s3.enabled": "true"},
		verdicts:   waftypes.LoggingConfiguration{ResourceArn: aws.String("acl"), LogDestinationConfigs: []string{"arn:aws:logs:eu-west-2:123456789012:log-group:aws-waf-logs-acme-production"}},
		db: rdstypes.DBInstance{DBInstanceArn: aws.String("db"), DBInstanceIdentifier: aws.String("acme-production-database"), Engine: aws.String("postgres"), EnabledCloudwatchLogsExports: []string{"postgresql", "upgrade"},
			DBParameterGroups: []rdstypes.DBParameterGroupStatus{{DBParameterGroupName: aws.String("pg")}}},
		settings: map[string]string{"log_connections": "1", "log_disconnections": "1", "pgaudit.log": "ddl,role", "shared_preload_libraries": "pg_stat_statements,pgaudit"},
	}
}

func (c *loggingClient) answers(r *recordedAccount) answers {
	home := func(region string, out, none any) (any, error) {
		if region == "eu-west-2" {
			return out, nil
		}
		return none, nil
	}
	return r.answers().with(answers{
		"EC2:DescribeVpcs": func(region string, _ any) (any, error) {
			return home(region, &ec2.DescribeVpcsOutput{Vpcs: []ec2types.Vpc{{VpcId: aws.String("vpc-1")}, {VpcId: aws.String("vpc-default"), IsDefault: aws.Bool(true)}}}, &ec2.DescribeVpcsOutput{})
		},
		"EC2:DescribeFlowLogs": func(region string, _ any) (any, error) {
			return home(region, &ec2.DescribeFlowLogsOutput{FlowLogs: []ec2types.FlowLog{c.flow}}, &ec2.DescribeFlowLogsOutput{})
		},
		"EC2:DescribeInstances": &ec2.DescribeInstancesOutput{},
		"CloudWatchLogs:DescribeLogGroups": func(region string, _ any) (any, error) {
			out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []logtypes.LogGroup{r.group}}
			for name, days := range c.groups {
				out.LogGroups = append(out.LogGroups, logtypes.LogGroup{LogGroupName: &name, RetentionInDays: &days})
			}
			return home(region, out, &cloudwatchlogs.DescribeLogGroupsOutput{})
		},
		"ElasticLoadBalancingv2:DescribeLoadBalancers": &elb.DescribeLoadBalancersOutput{LoadBalancers: []elbtypes.LoadBalancer{{LoadBalancerArn: aws.String("lb"), Type: elbtypes.LoadBalancerTypeEnumApplication}}},
		"ElasticLoadBalancingv2:DescribeTags":          &elb.DescribeTagsOutput{},
		"ElasticLoadBalancingv2:DescribeListeners":     &elb.DescribeListenersOutput{},
		"ElasticLoadBalancingv2:DescribeLoadBalancerAttributes": func(string, any) (any, error) {
			out := &elb.DescribeLoadBalancerAttributesOutput{}
			for k, v := range c.attributes {
				out.Attributes = append(out.Attributes, elbtypes.LoadBalancerAttribute{Key: &k, Value: &v})
			}
			return out, nil
		},
		"WAFV2:GetWebACLForResource":      &wafv2.GetWebACLForResourceOutput{WebACL: &waftypes.WebACL{ARN: aws.String("acl"), Id: aws.String("1"), Name: aws.String("acl")}},
		"WAFV2:GetWebACL":                 &wafv2.GetWebACLOutput{WebACL: &waftypes.WebACL{ARN: aws.String("acl")}},
		"WAFV2:ListLoggingConfigurations": &wafv2.ListLoggingConfigurationsOutput{LoggingConfigurations: []waftypes.LoggingConfiguration{c.verdicts}},
		"RDS:DescribeDBInstances":         &rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{c.db, {DBInstanceIdentifier: aws.String("awsbackup-restore-test-1"), Engine: aws.String("postgres")}}},
		"RDS:DescribeDBClusters":          &rds.DescribeDBClustersOutput{},
		"RDS:DescribeDBParameters": func(string, any) (any, error) {
			out := &rds.DescribeDBParametersOutput{}
			for k, v := range c.settings {
				out.Parameters = append(out.Parameters, rdstypes.Parameter{ParameterName: &k, ParameterValue: &v})
			}
			return out, nil
		},
	})
}

func TestAClientsLogs(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(r *recordedAccount, c *loggingClient)
		broken []string
	}{
		"as the stack makes it":   {func(*recordedAccount, *loggingClient) {}, nil},
		"refused traffic only":    {func(_ *recordedAccount, c *loggingClient) { c.flow.TrafficType = ec2types.TrafficTypeReject }, []string{"fl-1.trafficType"}},
		"a slow flow log":         {func(_ *recordedAccount, c *loggingClient) { c.flow.MaxAggregationInterval = aws.Int32(600) }, []string{"fl-1.maxAggregationInterval"}},
		"a flow log that stopped": {func(_ *recordedAccount, c *loggingClient) { c.flow.FlowLogStatus = nil }, []string{"fl-1.flowLogStatus"}},
		"a flow log that fails":   {func(_ *recordedAccount, c *loggingClient) { c.flow.DeliverLogsStatus = aws.String("FAILED") }, []string{"fl-1.deliverLogsStatus"}},
		"no flow log":             {func(_ *recordedAccount, c *loggingClient) { c.flow.ResourceId = aws.String("vpc-2") }, []string{"vpc-1.flowLogs"}},
		"flows are forgotten":     {func(_ *recordedAccount, c *loggingClient) { c.groups["/berth/acme/production/flows"] = 90 }, []string{"/berth/acme/production/flows.retentionInDays"}},
		"flows lead nowhere":      {func(_ *recordedAccount, c *loggingClient) { delete(c.groups, "/berth/acme/production/flows") }, []string{"fl-1.logDestination"}},
		"logs are forgotten":      {func(_ *recordedAccount, c *loggingClient) { c.groups["/berth/acme/production/service"] = 30 }, []string{"/berth/acme/production/service.retentionInDays"}},
		"requests are not logged": {func(_ *recordedAccount, c *loggingClient) { c.attributes["access_logs.s3.enabled"] = "false" }, []string{"lb.accessLogs.enabled"}},
		"connections are not":     {func(_ *recordedAccount, c *loggingClient) { delete(c.attributes, "connection_logs.s3.enabled") }, []string{"lb.connectionLogs.enabled"}},
		"verdicts are not":        {func(_ *recordedAccount, c *loggingClient) { c.verdicts.ResourceArn = aws.String("other") }, []string{"acl.logging"}},
		"verdicts are filtered":   {func(_ *recordedAccount, c *loggingClient) { c.verdicts.LoggingFilter = &waftypes.LoggingFilter{} }, []string{"acl.logging"}},
		"the database is silent":  {func(_ *recordedAccount, c *loggingClient) { c.db.EnabledCloudwatchLogsExports = nil }, []string{"db.enabledCloudwatchLogsExports"}},
		"sign-ins are not":        {func(_ *recordedAccount, c *loggingClient) { c.settings["log_connections"] = "0" }, []string{"pg.log_connections"}},
		"rights are not":          {func(_ *recordedAccount, c *loggingClient) { c.settings["pgaudit.log"] = "ddl" }, []string{"pg.pgaudit.log"}},
		"no auditor":              {func(_ *recordedAccount, c *loggingClient) { c.settings["shared_preload_libraries"] = "" }, []string{"pg.shared_preload_libraries"}},
		"a user":                  {func(r *recordedAccount, _ *loggingClient) { r.Users = append(r.Users, fixtureHolder{Name: "x"}) }, []string{"x.name"}},
		"the trail stopped":       {func(r *recordedAccount, _ *loggingClient) { r.status.IsLogging = nil }, []string{"arn:aws:cloudtrail:eu-west-2:123456789012:trail/acme-production-trail.enableLogging"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, c := recorded(t, "prod"), logging()
			tc.change(r, c)
			wantLook(t, makeLook(t, "AC-5", subjectOf(t, "prod"), c.answers(r), Outside{}), tc.broken)
		})
	}
	for _, call := range []string{"EC2:DescribeFlowLogs", "ElasticLoadBalancingv2:DescribeLoadBalancers", "WAFV2:ListLoggingConfigurations", "RDS:DescribeDBInstances", "RDS:DescribeDBParameters"} {
		got := makeLook(t, "AC-5", subjectOf(t, "prod"), logging().answers(recorded(t, "prod")).with(answers{call: errors.New("api error AccessDenied: no")}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %s (%s) %v", call, got.Verdict, got.Why, brokenAt(got))
		}
	}
}

func TestAKeyThatIsOffOpensNoTrail(t *testing.T) {
	r := recorded(t, "organisation")
	was := r.answers().with(watchedAccount())
	describe := was["KMS:DescribeKey"].(func(string, any) (any, error))
	a := was.with(answers{"KMS:DescribeKey": func(region string, in any) (any, error) {
		out, err := describe(region, in)
		if k := out.(*kms.DescribeKeyOutput).KeyMetadata; *k.Arn == *r.trail.KmsKeyId {
			k.KeyState = kmstypes.KeyStateDisabled
		}
		return out, err
	}})
	wantLook(t, makeLook(t, "AC-5", subjectOf(t, "organisation"), a, Outside{}),
		[]string{"arn:aws:cloudtrail:eu-west-2:111122223333:trail/northwind-trail.kmsKeyId", r.bucket + ".rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"})
}
