package live

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
)

// answers are what AWS would say of the world.
func (w *dataWorld) answers() answers {
	on := func(answer func(p *place, input any) any) func(region string, input any) (any, error) {
		return func(region string, input any) (any, error) {
			given := answer(w.at(region), input)
			if err, failed := given.(error); failed {
				return nil, err
			}
			return given, nil
		}
	}
	all := answers{}
	for name, answer := range map[string]func(p *place, input any) any{
		"RDS:DescribeDBInstances": func(p *place, _ any) any { return &rds.DescribeDBInstancesOutput{DBInstances: p.instances} },
		"RDS:DescribeDBClusters":  func(p *place, _ any) any { return &rds.DescribeDBClustersOutput{DBClusters: p.clusters} },
		"RDS:DescribeDBInstanceAutomatedBackups": func(p *place, _ any) any {
			return &rds.DescribeDBInstanceAutomatedBackupsOutput{DBInstanceAutomatedBackups: p.automated}
		},
		"RDS:DescribeDBSnapshots": func(p *place, in any) any {
			if aws.ToString(in.(*rds.DescribeDBSnapshotsInput).SnapshotType) == "shared" {
				return &rds.DescribeDBSnapshotsOutput{DBSnapshots: p.shared}
			}
			return &rds.DescribeDBSnapshotsOutput{DBSnapshots: p.snapshots}
		},
		"RDS:DescribeDBClusterSnapshots": func(*place, any) any { return &rds.DescribeDBClusterSnapshotsOutput{} },
		"RDS:DescribeDBSnapshotAttributes": func(p *place, in any) any {
			id := aws.ToString(in.(*rds.DescribeDBSnapshotAttributesInput).DBSnapshotIdentifier)
			return &rds.DescribeDBSnapshotAttributesOutput{DBSnapshotAttributesResult: &rdstypes.DBSnapshotAttributesResult{DBSnapshotAttributes: []rdstypes.DBSnapshotAttribute{{AttributeName: aws.String("restore"), AttributeValues: p.restorable[id]}}}}
		},
		"RDS:DescribeDBSubnetGroups": func(*place, any) any {
			return &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: []rdstypes.DBSubnetGroup{{DBSubnetGroupName: aws.String("acme-production"), Subnets: []rdstypes.Subnet{{SubnetIdentifier: aws.String("subnet-isolated")}}}}}
		},
		"RDS:DescribeDBParameters": func(p *place, _ any) any {
			return &rds.DescribeDBParametersOutput{Parameters: dbParametersOf(p.parameters)}
		},
		"RDS:DescribeDBClusterParameters": func(p *place, _ any) any {
			return &rds.DescribeDBClusterParametersOutput{Parameters: dbParametersOf(p.parameters)}
		},
		"RDS:DescribeEventSubscriptions": func(p *place, _ any) any {
			return &rds.DescribeEventSubscriptionsOutput{EventSubscriptionsList: p.events}
		},

		"ElastiCache:DescribeReplicationGroups": func(p *place, _ any) any {
			return &elasticache.DescribeReplicationGroupsOutput{ReplicationGroups: p.caches}
		},
		"ElastiCache:DescribeSnapshots": func(p *place, _ any) any { return &elasticache.DescribeSnapshotsOutput{Snapshots: p.cacheSnapshots} },
		"ElastiCache:DescribeUsers":     func(p *place, _ any) any { return &elasticache.DescribeUsersOutput{Users: p.cacheUsers} },
		"ElastiCache:ListTagsForResource": func(p *place, _ any) any {
			out := &elasticache.ListTagsForResourceOutput{}
			for k, v := range p.cacheTags {
				out.TagList = append(out.TagList, cachetypes.Tag{Key: aws.String(k), Value: aws.String(v)})
			}
			return out
		},
		"ElastiCache:DescribeCacheClusters": func(*place, any) any {
			return &elasticache.DescribeCacheClustersOutput{CacheClusters: []cachetypes.CacheCluster{{ReplicationGroupId: aws.String("acme-production"), CacheSubnetGroupName: aws.String("acme-production"),
				SecurityGroups: []cachetypes.SecurityGroupMembership{{SecurityGroupId: aws.String("sg-cache")}}}}}
		},
		"ElastiCache:DescribeCacheSubnetGroups": func(*place, any) any {
			return &elasticache.DescribeCacheSubnetGroupsOutput{CacheSubnetGroups: []cachetypes.CacheSubnetGroup{{CacheSubnetGroupName: aws.String("acme-production"), Subnets: []cachetypes.Subnet{{SubnetIdentifier: aws.String("subnet-isolated")}}}}}
		},

		"CloudWatch:DescribeAlarms":        func(p *place, _ any) any { return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: p.alarms} },
		"CloudWatchLogs:DescribeLogGroups": func(p *place, _ any) any { return &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: p.logs} },
		"EventBridge:ListRules":            func(p *place, _ any) any { return &eventbridge.ListRulesOutput{Rules: p.rules} },
		"EventBridge:ListTargetsByRule": func(p *place, in any) any {
			return &eventbridge.ListTargetsByRuleOutput{Targets: []eventtypes.Target{{Arn: aws.String(p.targets[aws.ToString(in.(*eventbridge.ListTargetsByRuleInput).Rule)])}}}
		},
		"Scheduler:ListSchedules": func(p *place, _ any) any {
			out := &scheduler.ListSchedulesOutput{}
			for _, s := range p.schedules {
				out.Schedules = append(out.Schedules, schedulertypes.ScheduleSummary{Name: s.Name})
			}
			return out
		},
		"Scheduler:GetSchedule": func(p *place, in any) any {
			i := slices.IndexFunc(p.schedules, func(s scheduler.GetScheduleOutput) bool { return *s.Name == *in.(*scheduler.GetScheduleInput).Name })
			return &p.schedules[i]
		},
		"AutoScaling:DescribeAutoScalingGroups": func(p *place, _ any) any {
			return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: p.fleets}
		},
		"SecretsManager:ListSecrets": func(p *place, _ any) any {
			out := &secretsmanager.ListSecretsOutput{}
			for _, s := range p.secrets {
				out.SecretList = append(out.SecretList, s.SecretListEntry)
			}
			return out
		},
		"SecretsManager:GetResourcePolicy": func(p *place, in any) any {
			i := slices.IndexFunc(p.secrets, func(s *testSecret) bool { return *s.ARN == *in.(*secretsmanager.GetResourcePolicyInput).SecretId })
			out := &secretsmanager.GetResourcePolicyOutput{}
			if text := p.secrets[i].policy; text != "" {
				out.ResourcePolicy = aws.String(text)
			}
			return out
		},
		"SNS:ListTopics": func(p *place, _ any) any {
			out := &sns.ListTopicsOutput{}
			for _, t := range p.topics {
				out.Topics = append(out.Topics, snstypes.Topic{TopicArn: aws.String(t.arn)})
			}
			return out
		},
		"SNS:GetTopicAttributes": func(p *place, in any) any {
			t := p.topic(*in.(*sns.GetTopicAttributesInput).TopicArn)
			return &sns.GetTopicAttributesOutput{Attributes: map[string]string{"Policy": t.policy, "KmsMasterKeyId": t.key}}
		},
		"SNS:ListTagsForResource": func(p *place, in any) any {
			out := &sns.ListTagsForResourceOutput{}
			for k, v := range p.topic(*in.(*sns.ListTagsForResourceInput).ResourceArn).tags {
				out.Tags = append(out.Tags, snstypes.Tag{Key: aws.String(k), Value: aws.String(v)})
			}
			return out
		},
		"SNS:ListSubscriptionsByTopic": func(*place, any) any { return &sns.ListSubscriptionsByTopicOutput{} },
	} {
		all[name] = on(answer)
	}
	for _, more := range []map[string]func(p *place, input any) any{w.backupAnswers(), w.keyAnswers(), w.bucketAnswers(), w.networkAnswers()} {
		for name, answer := range more {
			all[name] = on(answer)
		}
	}
	return all
}

func dbParametersOf(values map[string]string) (all []rdstypes.Parameter) {
	for k, v := range values {
		all = append(all, rdstypes.Parameter{ParameterName: aws.String(k), ParameterValue: aws.String(v)})
	}
	return all
}

func (p *place) topic(arn string) *testTopic {
	return p.topics[slices.IndexFunc(p.topics, func(t *testTopic) bool { return t.arn == arn })]
}

func (w *dataWorld) backupAnswers() map[string]func(p *place, input any) any {
	return map[string]func(p *place, input any) any{
		"Backup:ListBackupVaults": func(p *place, _ any) any { return &backup.ListBackupVaultsOutput{BackupVaultList: p.vaults} },
		"Backup:GetBackupVaultAccessPolicy": func(p *place, in any) any {
			text, given := p.guards[*in.(*backup.GetBackupVaultAccessPolicyInput).BackupVaultName]
			if !given {
				return &backuptypes.ResourceNotFoundException{Message: aws.String("no policy")}
			}
			return &backup.GetBackupVaultAccessPolicyOutput{Policy: aws.String(text)}
		},
		"Backup:GetBackupVaultNotifications": func(p *place, _ any) any {
			if p.tells == nil {
				return &backuptypes.ResourceNotFoundException{Message: aws.String("no notifications")}
			}
			return p.tells
		},
		"Backup:ListBackupPlans": func(p *place, _ any) any {
			out := &backup.ListBackupPlansOutput{}
			for i, one := range p.plans {
				out.BackupPlansList = append(out.BackupPlansList, backuptypes.BackupPlansListMember{BackupPlanName: one.BackupPlanName, BackupPlanId: aws.String(fmt.Sprintf("plan-%d", i+1)), CreationDate: past(200)})
			}
			return out
		},
		"Backup:GetBackupPlan": func(p *place, in any) any {
			var n int
			if _, err := fmt.Sscanf(*in.(*backup.GetBackupPlanInput).BackupPlanId, "plan-%d", &n); err != nil {
				return err
			}
			return &backup.GetBackupPlanOutput{BackupPlan: &p.plans[n-1]}
		},
		// The list comes in pages, as it does from AWS.
		"Backup:ListRecoveryPointsByBackupVault": func(p *place, in any) any {
			first := 0
			if token := aws.ToString(in.(*backup.ListRecoveryPointsByBackupVaultInput).NextToken); token != "" {
				if _, err := fmt.Sscan(token, &first); err != nil {
					return err
				}
			}
			last := min(first+50, len(p.points))
			out := &backup.ListRecoveryPointsByBackupVaultOutput{RecoveryPoints: p.points[first:last]}
			if last < len(p.points) {
				out.NextToken = aws.String(fmt.Sprint(last))
			}
			return out
		},
		"Backup:ListBackupJobs":          func(p *place, _ any) any { return &backup.ListBackupJobsOutput{BackupJobs: p.backups} },
		"Backup:ListCopyJobs":            func(p *place, _ any) any { return &backup.ListCopyJobsOutput{CopyJobs: p.copies} },
		"Backup:ListRestoreJobs":         func(p *place, _ any) any { return &backup.ListRestoreJobsOutput{RestoreJobs: p.restores} },
		"Backup:ListRestoreTestingPlans": func(p *place, _ any) any { return &backup.ListRestoreTestingPlansOutput{RestoreTestingPlans: p.trials} },
	}
}

func (w *dataWorld) keyAnswers() map[string]func(p *place, input any) any {
	find := func(p *place, id *string) *testKey {
		return p.keys[slices.IndexFunc(p.keys, func(k *testKey) bool { return *k.KeyId == *id })]
	}
	return map[string]func(p *place, input any) any{
		"KMS:ListKeys": func(p *place, _ any) any {
			out := &kms.ListKeysOutput{}
			for _, k := range p.keys {
				out.Keys = append(out.Keys, kmstypes.KeyListEntry{KeyId: k.KeyId})
			}
			return out
		},
		"KMS:DescribeKey": func(p *place, in any) any {
			return &kms.DescribeKeyOutput{KeyMetadata: &find(p, in.(*kms.DescribeKeyInput).KeyId).KeyMetadata}
		},
		"KMS:ListResourceTags": func(p *place, in any) any {
			out := &kms.ListResourceTagsOutput{}
			for k, v := range find(p, in.(*kms.ListResourceTagsInput).KeyId).tags {
				out.Tags = append(out.Tags, kmstypes.Tag{TagKey: aws.String(k), TagValue: aws.String(v)})
			}
			return out
		},
		"KMS:GetKeyPolicy": func(p *place, in any) any {
			return &kms.GetKeyPolicyOutput{Policy: aws.String(find(p, in.(*kms.GetKeyPolicyInput).KeyId).policy)}
		},
		"KMS:GetKeyRotationStatus": func(p *place, in any) any {
			return &kms.GetKeyRotationStatusOutput{KeyRotationEnabled: find(p, in.(*kms.GetKeyRotationStatusInput).KeyId).rotated}
		},
		"KMS:ListGrants": func(p *place, in any) any {
			return &kms.ListGrantsOutput{Grants: find(p, in.(*kms.ListGrantsInput).KeyId).grants}
		},
	}
}

func (w *dataWorld) bucketAnswers() map[string]func(p *place, input any) any {
	absent := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "there is none"} }
	find := func(p *place, name *string) *storage {
		return p.buckets[slices.IndexFunc(p.buckets, func(b *storage) bool { return b.name == *name })]
	}
	return map[string]func(p *place, input any) any{
		// In two pages: the buckets of one region, then those of the other.
		"S3:ListBuckets": func(_ *place, in any) any {
			out := &s3.ListBucketsOutput{}
			p := w.here
			if in.(*s3.ListBucketsInput).ContinuationToken != nil {
				p = w.there
			} else {
				out.ContinuationToken = aws.String("more")
			}
			for _, b := range p.buckets {
				out.Buckets = append(out.Buckets, s3types.Bucket{Name: aws.String(b.name), BucketRegion: aws.String(p.region), CreationDate: past(200)})
			}
			return out
		},
		"S3:GetBucketTagging": func(p *place, in any) any {
			b := find(p, in.(*s3.GetBucketTaggingInput).Bucket)
			if b.tags == nil {
				return absent("NoSuchTagSet")
			}
			out := &s3.GetBucketTaggingOutput{}
			for k, v := range b.tags {
				out.TagSet = append(out.TagSet, s3types.Tag{Key: aws.String(k), Value: aws.String(v)})
			}
			return out
		},
		"S3:GetBucketEncryption": func(p *place, in any) any {
			b := find(p, in.(*s3.GetBucketEncryptionInput).Bucket)
			if b.encryption == nil {
				return absent("ServerSideEncryptionConfigurationNotFoundError")
			}
			return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: b.encryption}}}}
		},
		"S3:GetBucketPolicy": func(p *place, in any) any {
			b := find(p, in.(*s3.GetBucketPolicyInput).Bucket)
			if b.policy == "" {
				return absent("NoSuchBucketPolicy")
			}
			return &s3.GetBucketPolicyOutput{Policy: aws.String(b.policy)}
		},
		"S3:GetBucketVersioning": func(p *place, in any) any {
			return &s3.GetBucketVersioningOutput{Status: find(p, in.(*s3.GetBucketVersioningInput).Bucket).versioning}
		},
		"S3:GetBucketLifecycleConfiguration": func(p *place, in any) any {
			b := find(p, in.(*s3.GetBucketLifecycleConfigurationInput).Bucket)
			if b.lifecycle == nil {
				return absent("NoSuchLifecycleConfiguration")
			}
			return &s3.GetBucketLifecycleConfigurationOutput{Rules: b.lifecycle}
		},
		"S3:GetObjectLockConfiguration": func(p *place, in any) any {
			b := find(p, in.(*s3.GetObjectLockConfigurationInput).Bucket)
			if b.lock == nil {
				return absent("ObjectLockConfigurationNotFoundError")
			}
			return &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: b.lock}
		},
		"S3:GetPublicAccessBlock": func(p *place, in any) any {
			b := find(p, in.(*s3.GetPublicAccessBlockInput).Bucket)
			if b.block == nil {
				return absent("NoSuchPublicAccessBlockConfiguration")
			}
			return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: b.block}
		},
		"S3:GetBucketOwnershipControls": func(p *place, in any) any {
			b := find(p, in.(*s3.GetBucketOwnershipControlsInput).Bucket)
			if b.ownership == "" {
				return absent("OwnershipControlsNotFoundError")
			}
			return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &s3types.OwnershipControls{Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: b.ownership}}}}
		},
		"S3:GetBucketReplication": func(p *place, in any) any {
			b := find(p, in.(*s3.GetBucketReplicationInput).Bucket)
			if b.replication == nil {
				return absent("ReplicationConfigurationNotFoundError")
			}
			return &s3.GetBucketReplicationOutput{ReplicationConfiguration: b.replication}
		},
		"S3:GetBucketLogging": func(p *place, in any) any {
			return &s3.GetBucketLoggingOutput{LoggingEnabled: &s3types.LoggingEnabled{TargetBucket: aws.String(find(p, in.(*s3.GetBucketLoggingInput).Bucket).logsTo)}}
		},
		"S3:ListObjectVersions": func(p *place, in any) any {
			b := find(p, in.(*s3.ListObjectVersionsInput).Bucket)
			return &s3.ListObjectVersionsOutput{Versions: b.objects, DeleteMarkers: b.deletions}
		},
	}
}

func (w *dataWorld) networkAnswers() map[string]func(p *place, input any) any {
	tags := func() (all []elbtypes.Tag) {
		for k, v := range ourTags("none") {
			all = append(all, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		return all
	}
	return map[string]func(p *place, input any) any{
		"EC2:DescribeVpcs":           func(p *place, _ any) any { return &ec2.DescribeVpcsOutput{Vpcs: p.vpcs} },
		"EC2:DescribeSubnets":        func(p *place, _ any) any { return &ec2.DescribeSubnetsOutput{Subnets: p.subnets} },
		"EC2:DescribeRouteTables":    func(p *place, _ any) any { return &ec2.DescribeRouteTablesOutput{RouteTables: p.tables} },
		"EC2:DescribeNetworkAcls":    func(p *place, _ any) any { return &ec2.DescribeNetworkAclsOutput{NetworkAcls: p.acls} },
		"EC2:DescribeSecurityGroups": func(p *place, _ any) any { return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: p.groups} },
		"EC2:DescribeSecurityGroupRules": func(p *place, _ any) any {
			return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: p.sgRules}
		},
		"EC2:DescribeInstances": func(p *place, _ any) any {
			return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: p.machines}}}
		},
		"EC2:DescribeVolumes":   func(p *place, _ any) any { return &ec2.DescribeVolumesOutput{Volumes: p.volumes} },
		"EC2:DescribeSnapshots": func(p *place, _ any) any { return &ec2.DescribeSnapshotsOutput{Snapshots: p.disks} },
		"EC2:DescribeSnapshotAttribute": func(p *place, _ any) any {
			return &ec2.DescribeSnapshotAttributeOutput{CreateVolumePermissions: p.shares}
		},
		"EC2:DescribeImages":         func(p *place, _ any) any { return &ec2.DescribeImagesOutput{Images: p.images} },
		"EC2:DescribeImageAttribute": func(p *place, _ any) any { return &ec2.DescribeImageAttributeOutput{LaunchPermissions: p.launches} },
		"EC2:DescribeLaunchTemplates": func(p *place, _ any) any {
			out := &ec2.DescribeLaunchTemplatesOutput{}
			for _, v := range p.templates {
				out.LaunchTemplates = append(out.LaunchTemplates, ec2types.LaunchTemplate{LaunchTemplateId: v.LaunchTemplateId})
			}
			return out
		},
		"EC2:DescribeLaunchTemplateVersions": func(p *place, in any) any {
			id := *in.(*ec2.DescribeLaunchTemplateVersionsInput).LaunchTemplateId
			return &ec2.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: slices.DeleteFunc(slices.Clone(p.templates), func(v ec2types.LaunchTemplateVersion) bool { return *v.LaunchTemplateId != id })}
		},
		"EC2:DescribeVpcPeeringConnections": func(p *place, _ any) any {
			return &ec2.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: p.peerings}
		},
		"EC2:DescribeTransitGatewayVpcAttachments": func(p *place, _ any) any {
			return &ec2.DescribeTransitGatewayVpcAttachmentsOutput{TransitGatewayVpcAttachments: p.transits}
		},
		"EC2:DescribeVpnConnections": func(p *place, _ any) any { return &ec2.DescribeVpnConnectionsOutput{VpnConnections: p.vpns} },
		"EC2:DescribeVpcEndpointServiceConfigurations": func(p *place, _ any) any {
			return &ec2.DescribeVpcEndpointServiceConfigurationsOutput{ServiceConfigurations: p.offers}
		},
		"ElasticLoadBalancingv2:DescribeLoadBalancers": func(p *place, _ any) any { return &elb.DescribeLoadBalancersOutput{LoadBalancers: p.balancers} },
		"ElasticLoadBalancingv2:DescribeTags": func(_ *place, in any) any {
			out := &elb.DescribeTagsOutput{}
			for _, arn := range in.(*elb.DescribeTagsInput).ResourceArns {
				out.TagDescriptions = append(out.TagDescriptions, elbtypes.TagDescription{ResourceArn: aws.String(arn), Tags: tags()})
			}
			return out
		},
		"ElasticLoadBalancingv2:DescribeLoadBalancerAttributes": func(*place, any) any {
			return &elb.DescribeLoadBalancerAttributesOutput{Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String("access_logs.s3.bucket"), Value: aws.String("berth-acme-production-access-logs-123456789012-eu-west-2")}}}
		},
		"ElasticLoadBalancingv2:DescribeListeners": func(p *place, in any) any {
			return &elb.DescribeListenersOutput{Listeners: p.listeners[*in.(*elb.DescribeListenersInput).LoadBalancerArn]}
		},
		"ElasticLoadBalancingv2:DescribeRules": func(p *place, in any) any {
			return &elb.DescribeRulesOutput{Rules: p.lbRules[*in.(*elb.DescribeRulesInput).ListenerArn]}
		},
		"ElasticLoadBalancingv2:DescribeTargetGroups": func(p *place, _ any) any { return &elb.DescribeTargetGroupsOutput{TargetGroups: p.targetsOf} },
	}
}
