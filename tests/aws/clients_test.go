package aws_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
)

// The regions of the stacks as they are in the repository.
const (
	first  = "eu-west-2"
	second = "eu-west-1"
	global = "us-east-1" // where AWS keeps what belongs to no region
)

// clients are AWS's services in one region of an account.
type clients struct {
	autoscaling *autoscaling.Client
	backup      *backup.Client
	cache       *elasticache.Client
	elb         *elb.Client
	cloudtrail  *cloudtrail.Client
	cloudwatch  *cloudwatch.Client
	ec2         *ec2.Client
	events      *eventbridge.Client
	guardduty   *guardduty.Client
	iam         *iam.Client
	kms         *kms.Client
	logs        *cloudwatchlogs.Client
	rds         *rds.Client
	route53     *route53.Client
	s3          *s3.Client
	s3control   *s3control.Client
	scheduler   *scheduler.Client
	secrets     *secretsmanager.Client
	sns         *sns.Client
	sqs         *sqs.Client
	ssm         *ssm.Client
	tagging     *tagging.Client
	waf         *wafv2.Client
}

// in is the account's services in a region, through AWS's own API.
func (d *deployed) in(region string) *clients {
	c := d.config(region)
	return &clients{
		autoscaling: autoscaling.NewFromConfig(c), backup: backup.NewFromConfig(c), cache: elasticache.NewFromConfig(c),
		elb: elb.NewFromConfig(c), cloudtrail: cloudtrail.NewFromConfig(c), cloudwatch: cloudwatch.NewFromConfig(c), ec2: ec2.NewFromConfig(c),
		events: eventbridge.NewFromConfig(c), guardduty: guardduty.NewFromConfig(c), iam: iam.NewFromConfig(c), kms: kms.NewFromConfig(c),
		logs: cloudwatchlogs.NewFromConfig(c), rds: rds.NewFromConfig(c), route53: route53.NewFromConfig(c), s3: s3.NewFromConfig(c),
		s3control: s3control.NewFromConfig(c), scheduler: scheduler.NewFromConfig(c), secrets: secretsmanager.NewFromConfig(c),
		sns: sns.NewFromConfig(c), sqs: sqs.NewFromConfig(c), ssm: ssm.NewFromConfig(c), tagging: tagging.NewFromConfig(c), waf: wafv2.NewFromConfig(c),
	}
}

// of gives what a call returned, and ends the test where it failed: of(c.sns.ListTopics(ctx, nil))(t).Topics.
func of[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
