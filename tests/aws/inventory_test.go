package aws_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/aws/smithy-go"
)

// things are what an account has, by kind.
type things map[string][]string

// inventory is everything that the account has in a region, as AWS's API lists it. What belongs to no region is
// listed with the first one.
func (d *deployed) inventory(t *testing.T, region string) things {
	t.Helper()
	c, ctx := d.in(region), t.Context()
	all := things{}
	add := func(kind string, name *string) { all[kind] = append(all[kind], aws.ToString(name)) }

	for _, v := range of(c.ec2.DescribeVpcs(ctx, nil))(t).Vpcs {
		add("ec2 vpc", v.VpcId)
	}
	for _, v := range of(c.ec2.DescribeSubnets(ctx, nil))(t).Subnets {
		add("ec2 subnet", v.SubnetId)
	}
	for _, v := range of(c.ec2.DescribeRouteTables(ctx, nil))(t).RouteTables {
		add("ec2 route table", v.RouteTableId)
	}
	for _, v := range of(c.ec2.DescribeSecurityGroups(ctx, nil))(t).SecurityGroups {
		add("ec2 security group", aws.String(*v.GroupId+" "+*v.GroupName))
	}
	for _, v := range of(c.ec2.DescribeNetworkAcls(ctx, nil))(t).NetworkAcls {
		if aws.ToBool(v.IsDefault) {
			add("ec2 network acl", aws.String("default"))
		} else {
			add("ec2 network acl", v.NetworkAclId)
		}
	}
	for _, v := range of(c.ec2.DescribeInternetGateways(ctx, nil))(t).InternetGateways {
		add("ec2 internet gateway", v.InternetGatewayId)
	}
	for _, v := range of(c.ec2.DescribeNatGateways(ctx, nil))(t).NatGateways {
		if v.State != ec2types.NatGatewayStateDeleted { // AWS lists one that is gone for an hour
			add("ec2 nat gateway", v.NatGatewayId)
		}
	}
	for _, v := range of(c.ec2.DescribeAddresses(ctx, nil))(t).Addresses {
		add("ec2 address", v.PublicIp)
	}
	for _, v := range of(c.ec2.DescribeVpcEndpoints(ctx, nil))(t).VpcEndpoints {
		if v.State != "deleted" {
			add("ec2 endpoint", v.VpcEndpointId)
		}
	}
	for _, v := range of(c.ec2.DescribeFlowLogs(ctx, nil))(t).FlowLogs {
		add("ec2 flow log", v.FlowLogId)
	}
	for _, v := range of(c.ec2.DescribeManagedPrefixLists(ctx, nil))(t).PrefixLists {
		if aws.ToString(v.OwnerId) != "AWS" {
			add("ec2 prefix list", v.PrefixListName)
		}
	}
	for _, v := range of(c.ec2.DescribeLaunchTemplates(ctx, nil))(t).LaunchTemplates {
		add("ec2 launch template", v.LaunchTemplateName)
	}
	for _, v := range of(c.ec2.DescribeInstances(ctx, nil))(t).Reservations {
		for _, i := range v.Instances {
			if i.State.Name != ec2types.InstanceStateNameTerminated { // AWS lists one that is gone for an hour
				add("ec2 instance", i.InstanceId)
			}
		}
	}
	for _, v := range of(c.ec2.DescribeVolumes(ctx, nil))(t).Volumes {
		add("ec2 volume", v.VolumeId)
	}
	for _, v := range of(c.ec2.DescribeKeyPairs(ctx, nil))(t).KeyPairs {
		add("ec2 key pair", v.KeyName)
	}

	for _, v := range of(c.autoscaling.DescribeAutoScalingGroups(ctx, nil))(t).AutoScalingGroups {
		add("auto scaling group", v.AutoScalingGroupName)
	}
	for _, v := range of(c.elb.DescribeLoadBalancers(ctx, nil))(t).LoadBalancers {
		add("load balancer", v.LoadBalancerName)
	}
	for _, v := range of(c.elb.DescribeTargetGroups(ctx, nil))(t).TargetGroups {
		add("target group", v.TargetGroupName)
	}
	// Moto cannot list certificates once one is issued; by its tags each is found.
	for _, v := range of(c.tagging.GetResources(ctx, &tagging.GetResourcesInput{ResourceTypeFilters: []string{"acm:certificate"}}))(t).ResourceTagMappingList {
		add("certificate", v.ResourceARN)
	}
	for _, v := range of(c.waf.ListWebACLs(ctx, &wafv2.ListWebACLsInput{Scope: waftypes.ScopeRegional}))(t).WebACLs {
		add("web acl", v.Name)
	}
	for _, v := range of(c.rds.DescribeDBInstances(ctx, nil))(t).DBInstances {
		add("rds instance", v.DBInstanceIdentifier)
	}
	for _, v := range of(c.rds.DescribeDBSnapshots(ctx, nil))(t).DBSnapshots {
		add("rds snapshot", v.DBSnapshotIdentifier)
	}
	for _, v := range of(c.rds.DescribeDBSubnetGroups(ctx, nil))(t).DBSubnetGroups {
		add("rds subnet group", v.DBSubnetGroupName)
	}
	for _, v := range of(c.rds.DescribeDBParameterGroups(ctx, nil))(t).DBParameterGroups {
		add("rds parameter group", v.DBParameterGroupName)
	}
	for _, v := range of(c.rds.DescribeEventSubscriptions(ctx, nil))(t).EventSubscriptionsList {
		add("rds event subscription", v.CustSubscriptionId)
	}
	for _, v := range of(c.cache.DescribeReplicationGroups(ctx, nil))(t).ReplicationGroups {
		add("cache", v.ReplicationGroupId)
	}
	for _, v := range of(c.cache.DescribeCacheSubnetGroups(ctx, nil))(t).CacheSubnetGroups {
		add("cache subnet group", v.CacheSubnetGroupName)
	}
	for _, v := range of(c.cache.DescribeUsers(ctx, nil))(t).Users {
		add("cache user", v.UserId)
	}
	for _, v := range of(c.backup.ListBackupVaults(ctx, nil))(t).BackupVaultList {
		add("backup vault", v.BackupVaultName)
	}
	for _, v := range of(c.backup.ListBackupPlans(ctx, nil))(t).BackupPlansList {
		add("backup plan", v.BackupPlanName)
	}
	for _, v := range of(c.cloudwatch.DescribeAlarms(ctx, nil))(t).MetricAlarms {
		add("alarm", v.AlarmName)
	}
	for _, v := range of(c.cloudwatch.ListDashboards(ctx, nil))(t).DashboardEntries {
		add("dashboard", v.DashboardName)
	}
	for _, v := range of(c.logs.DescribeLogGroups(ctx, nil))(t).LogGroups {
		add("log group", v.LogGroupName)
	}
	for _, v := range of(c.logs.DescribeResourcePolicies(ctx, nil))(t).ResourcePolicies {
		add("log resource policy", v.PolicyName)
	}
	for _, v := range of(c.events.ListRules(ctx, &eventbridge.ListRulesInput{}))(t).Rules {
		add("event rule", v.Name)
	}
	for _, v := range of(c.scheduler.ListSchedules(ctx, nil))(t).Schedules {
		add("schedule", v.Name)
	}
	for _, v := range of(c.scheduler.ListScheduleGroups(ctx, nil))(t).ScheduleGroups {
		add("schedule group", v.Name)
	}
	for _, v := range of(c.sns.ListTopics(ctx, nil))(t).Topics {
		add("topic", v.TopicArn)
	}
	for _, v := range of(c.sns.ListSubscriptions(ctx, nil))(t).Subscriptions {
		add("subscription", aws.String(aws.ToString(v.TopicArn)+" "+aws.ToString(v.Endpoint)))
	}
	for _, v := range of(c.sqs.ListQueues(ctx, nil))(t).QueueUrls {
		add("queue", &v)
	}
	for _, v := range of(c.secrets.ListSecrets(ctx, nil))(t).SecretList {
		if v.DeletedDate == nil {
			add("secret", v.Name)
		} else {
			add("secret that waits for its deletion", v.Name)
		}
	}
	for _, v := range of(c.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{MaxResults: aws.Int32(50)}))(t).Parameters {
		add("ssm parameter", v.Name)
	}
	for _, v := range of(c.cloudtrail.DescribeTrails(ctx, nil))(t).TrailList {
		if aws.ToString(v.HomeRegion) == region {
			add("trail", v.Name)
		}
	}
	for _, v := range of(c.guardduty.ListDetectors(ctx, nil))(t).DetectorIds {
		add("detector", &v)
	}
	for _, v := range of(c.kms.ListAliases(ctx, nil))(t).Aliases {
		if !strings.HasPrefix(*v.AliasName, "alias/aws/") {
			add("key alias", v.AliasName)
		}
	}
	for _, v := range of(c.kms.ListKeys(ctx, nil))(t).Keys {
		key := of(c.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: v.KeyId}))(t).KeyMetadata
		switch {
		case key.KeyManager == "AWS":
		case key.KeyState == "PendingDeletion":
			add("key that waits for its deletion", key.Description)
		default:
			add("key", aws.String(aws.ToString(key.Description)+" "+*key.KeyId))
		}
	}
	if region == first {
		d.regionless(t, c, add)
	}
	for _, names := range all {
		slices.Sort(names)
	}
	return all
}

// regionless lists what belongs to no region.
func (d *deployed) regionless(t *testing.T, c *clients, add func(kind string, name *string)) {
	t.Helper()
	ctx := t.Context()
	for region, buckets := range bucketsByRegion(t, d) {
		for _, bucket := range buckets {
			add("bucket", aws.String(region+" "+bucket))
		}
	}
	for _, v := range of(c.iam.ListRoles(ctx, &iam.ListRolesInput{MaxItems: aws.Int32(1000)}))(t).Roles {
		add("role", v.RoleName)
	}
	for _, v := range of(c.iam.ListUsers(ctx, nil))(t).Users {
		add("user", v.UserName)
	}
	for _, v := range of(c.iam.ListGroups(ctx, nil))(t).Groups {
		add("group", v.GroupName)
	}
	for _, v := range of(c.iam.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal}))(t).Policies {
		add("policy", v.PolicyName)
	}
	for _, v := range of(c.iam.ListInstanceProfiles(ctx, nil))(t).InstanceProfiles {
		add("instance profile", v.InstanceProfileName)
	}
	for _, v := range of(c.iam.ListOpenIDConnectProviders(ctx, nil))(t).OpenIDConnectProviderList {
		add("identity provider", v.Arn)
	}
	for _, v := range of(c.iam.ListAccountAliases(ctx, nil))(t).AccountAliases {
		add("account alias", &v)
	}
	if _, err := c.iam.GetAccountPasswordPolicy(ctx, nil); err == nil {
		add("password policy", aws.String("of the account"))
	} else if !isCode(err, "NoSuchEntity") {
		t.Error(err)
	}
	if _, err := c.s3control.GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: aws.String(d.account.Account())}); err == nil {
		add("public access block", aws.String("of the account"))
	} else if !isCode(err, "NoSuchPublicAccessBlockConfiguration") {
		t.Error(err)
	}
	for _, v := range of(c.route53.ListHealthChecks(ctx, nil))(t).HealthChecks {
		add("health check", v.Id)
	}
	for _, v := range of(c.route53.ListHostedZones(ctx, nil))(t).HostedZones {
		add("hosted zone", v.Name)
	}
}

func isCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// wantLeft wants the account as it was before, but for what is named: by region and kind, what is there beside.
// Of each it is said why it stays.
func wantLeft(t *testing.T, before, after map[string]things, stays map[string]things) {
	t.Helper()
	for region, now := range after {
		left := things{}
		for kind, names := range now {
			if rest := without(names, before[region][kind]); len(rest) > 0 {
				left[kind] = rest
			}
		}
		for kind, names := range before[region] {
			if gone := without(names, now[kind]); len(gone) > 0 {
				t.Errorf("%s: %s was there before the stack came up, and is gone: %v", region, kind, gone)
			}
		}
		kinds := maps.Clone(left)
		maps.Copy(kinds, stays[region])
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			if got, want := left[kind], stays[region][kind]; !slices.Equal(got, want) {
				t.Errorf("%s: left of %s: %s\nwant %s", region, kind, text(got), text(want))
			}
		}
	}
}

func text(names []string) string { return fmt.Sprintf("%d: %q", len(names), names) }

// without is a's entries beyond those of b; equal entries are counted.
func without(a, b []string) []string {
	count := map[string]int{}
	for _, s := range b {
		count[s]++
	}
	var rest []string
	for _, s := range a {
		if count[s]--; count[s] < 0 {
			rest = append(rest, s)
		}
	}
	return rest
}
