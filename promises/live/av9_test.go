package live

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// kinds are what keeps data, by the call that lists it: its answer with one of them named id.
var kinds = map[string]struct {
	empty  any
	with   func(id string) any
	copied bool
}{
	"EC2:DescribeInstances": {&ec2.DescribeInstancesOutput{}, func(id string) any {
		return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: []ec2types.Instance{{InstanceId: &id}}}}}
	}, false},
	"EC2:DescribeVolumes": {&ec2.DescribeVolumesOutput{}, func(id string) any { return &ec2.DescribeVolumesOutput{Volumes: []ec2types.Volume{{VolumeId: &id}}} }, false},
	"EC2:DescribeSnapshots": {&ec2.DescribeSnapshotsOutput{}, func(id string) any {
		return &ec2.DescribeSnapshotsOutput{Snapshots: []ec2types.Snapshot{{SnapshotId: &id}}}
	}, true},
	"EC2:DescribeImages": {&ec2.DescribeImagesOutput{}, func(id string) any { return &ec2.DescribeImagesOutput{Images: []ec2types.Image{{ImageId: &id}}} }, true},
	"RDS:DescribeDBInstances": {&rds.DescribeDBInstancesOutput{}, func(id string) any {
		return &rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{{DBInstanceArn: &id}}}
	}, false},
	"RDS:DescribeDBClusters": {&rds.DescribeDBClustersOutput{}, func(id string) any {
		return &rds.DescribeDBClustersOutput{DBClusters: []rdstypes.DBCluster{{DBClusterArn: &id}}}
	}, false},
	"RDS:DescribeDBSnapshots": {&rds.DescribeDBSnapshotsOutput{}, func(id string) any {
		return &rds.DescribeDBSnapshotsOutput{DBSnapshots: []rdstypes.DBSnapshot{{DBSnapshotArn: &id}}}
	}, true},
	"RDS:DescribeDBClusterSnapshots": {&rds.DescribeDBClusterSnapshotsOutput{}, func(id string) any {
		return &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: []rdstypes.DBClusterSnapshot{{DBClusterSnapshotArn: &id}}}
	}, true},
	"RDS:DescribeDBInstanceAutomatedBackups": {&rds.DescribeDBInstanceAutomatedBackupsOutput{}, func(id string) any {
		return &rds.DescribeDBInstanceAutomatedBackupsOutput{DBInstanceAutomatedBackups: []rdstypes.DBInstanceAutomatedBackup{{DBInstanceAutomatedBackupsArn: &id}}}
	}, true},
	"ElastiCache:DescribeReplicationGroups": {&elasticache.DescribeReplicationGroupsOutput{}, func(id string) any {
		return &elasticache.DescribeReplicationGroupsOutput{ReplicationGroups: []cachetypes.ReplicationGroup{{ARN: &id}}}
	}, false},
	"ElastiCache:DescribeCacheClusters": {&elasticache.DescribeCacheClustersOutput{}, func(id string) any {
		return &elasticache.DescribeCacheClustersOutput{CacheClusters: []cachetypes.CacheCluster{{ARN: &id}}}
	}, false},
	"ElastiCache:DescribeSnapshots": {&elasticache.DescribeSnapshotsOutput{}, func(id string) any {
		return &elasticache.DescribeSnapshotsOutput{Snapshots: []cachetypes.Snapshot{{ARN: &id}}}
	}, true},
	"Backup:ListBackupVaults": {&backup.ListBackupVaultsOutput{BackupVaultList: []backuptypes.BackupVaultListMember{{BackupVaultName: aws.String("Default")}}}, func(id string) any {
		return &backup.ListBackupVaultsOutput{BackupVaultList: []backuptypes.BackupVaultListMember{{BackupVaultName: aws.String("v"), BackupVaultArn: &id}}}
	}, true},
	"CloudWatchLogs:DescribeLogGroups": {&cloudwatchlogs.DescribeLogGroupsOutput{}, func(id string) any {
		return &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []logtypes.LogGroup{{LogGroupName: &id}}}
	}, false},
	"SecretsManager:ListSecrets": {&secretsmanager.ListSecretsOutput{}, func(id string) any {
		return &secretsmanager.ListSecretsOutput{SecretList: []secrettypes.SecretListEntry{{ARN: &id}}}
	}, false},
}

// placed is an account with one of everything at home, and in the regions what is named: call to region.
func placed(strays map[string]string, buckets map[string]string) answers {
	all := answers{"EC2:DescribeRegions": &ec2.DescribeRegionsOutput{Regions: []ec2types.Region{{RegionName: aws.String("eu-west-2")}, {RegionName: aws.String("eu-west-1")},
		{RegionName: aws.String("us-east-1")}, {RegionName: aws.String("ap-south-1")}}}}
	for call, kind := range kinds {
		all[call] = func(region string, _ any) (any, error) {
			switch region {
			case "eu-west-2":
				return kind.with("home"), nil
			case strays[call]:
				return kind.with("stray"), nil
			}
			return kind.empty, nil
		}
	}
	out := &s3.ListBucketsOutput{}
	for name, region := range buckets {
		out.Buckets = append(out.Buckets, s3types.Bucket{Name: aws.String(name), BucketRegion: aws.String(region)})
	}
	all["S3:ListBuckets"] = out
	return all
}

func TestDataStays(t *testing.T) {
	subject := subjectOf(t, "prod")
	good := makeLook(t, "AV-9", subject, placed(nil, map[string]string{"files": "eu-west-2", "copies": "eu-west-1"}), Outside{})
	if good.Verdict != promises.Kept || len(good.Findings) != len(kinds)+2 {
		t.Fatalf("%s: %s, %v, %d findings", good.Verdict, good.Why, brokenAt(good), len(good.Findings))
	}
	for call, kind := range kinds {
		for _, region := range []string{"us-east-1", "ap-south-1"} {
			if r := makeLook(t, "AV-9", subject, placed(map[string]string{call: region}, nil), Outside{}); !slices.Equal(brokenAt(r), []string{"stray.region"}) {
				t.Errorf("%s in %s: %s, %v", call, region, r.Why, brokenAt(r))
			}
		}
		want := promises.Broken
		if kind.copied {
			want = promises.Kept
		}
		if r := makeLook(t, "AV-9", subject, placed(map[string]string{call: "eu-west-1"}, nil), Outside{}); r.Verdict != want {
			t.Errorf("%s in the second region is %s: %s", call, r.Verdict, r.Why)
		}
		if r := makeLook(t, "AV-9", subject, placed(nil, nil).with(answers{call: errDenied}), Outside{}); r.Verdict != promises.NotShown || !strings.Contains(r.Why, "what keeps data in ") {
			t.Errorf("%s denied: %s, %s", call, r.Verdict, r.Why)
		}
	}
	if r := makeLook(t, "AV-9", subject, placed(nil, map[string]string{"files": "us-east-1"}), Outside{}); !slices.Equal(brokenAt(r), []string{"files.region"}) {
		t.Errorf("a bucket abroad: %s, %v", r.Why, brokenAt(r))
	}
	for _, call := range []string{"EC2:DescribeRegions", "S3:ListBuckets"} {
		if r := makeLook(t, "AV-9", subject, placed(nil, nil).with(answers{call: errDenied}), Outside{}); r.Verdict != promises.NotShown || !strings.Contains(r.Why, errDenied.Error()) {
			t.Errorf("%s denied: %s, %s", call, r.Verdict, r.Why)
		}
	}
}

func TestCopiesAbroadNeedConsent(t *testing.T) {
	account := placed(map[string]string{"Backup:ListBackupVaults": "eu-west-1"}, map[string]string{"copies": "eu-west-1"})
	for name, tc := range map[string]struct {
		change func(*spec.AWSClient)
		want   []string
	}{
		"with consent":                 {func(*spec.AWSClient) {}, nil},
		"without consent":              {func(c *spec.AWSClient) { c.Backup.CopiesAbroad = "" }, []string{"copies.region", "stray.region"}},
		"test data needs none":         {func(c *spec.AWSClient) { c.Backup.CopiesAbroad, c.Environment = "", spec.Staging }, nil},
		"no second region":             {func(c *spec.AWSClient) { c.Backup.SecondRegion = "" }, []string{"copies.region", "stray.region"}},
		"consent for another region":   {func(c *spec.AWSClient) { c.Backup.SecondRegion = "eu-central-1" }, []string{"copies.region", "stray.region"}},
		"served from another than its": {func(c *spec.AWSClient) { c.Residency = spec.EuropeanUnion; c.Backup.SecondRegion = "eu-west-1" }, []string{"home.region"}},
	} {
		t.Run(name, func(t *testing.T) {
			subject := subjectOf(t, "prod")
			tc.change(subject.Spec.AWSClient)
			if r := makeLook(t, "AV-9", subject, account, Outside{}); !slices.Equal(brokenAt(r), tc.want) {
				t.Errorf("%s: %s, %v", r.Verdict, r.Why, brokenAt(r))
			}
		})
	}
}

func TestAnEmptyAccountKeepsNoData(t *testing.T) {
	all := placed(nil, nil)
	for call, kind := range kinds {
		all[call] = kind.empty
	}
	if r := makeLook(t, "AV-9", subjectOf(t, "prod"), all, Outside{}); !slices.Equal(brokenAt(r), []string{promises.StackName}) {
		t.Errorf("%s: %s, %v", r.Verdict, r.Why, brokenAt(r))
	}
}
