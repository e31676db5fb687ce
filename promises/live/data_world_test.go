package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/berth-iac/berth/promises"
	"github.com/google/go-cmp/cmp"
)

// dataWorld is the account of the client in Pulumi.prod.yaml as its data is seen: what the looks at BK and DP read. It begins good;
// tests change one thing in it.
type dataWorld struct {
	here, there *place // eu-west-2 and eu-west-1
	outside     Outside
}

// place is one region of a world.
type place struct {
	region string

	instances  []rdstypes.DBInstance
	clusters   []rdstypes.DBCluster
	automated  []rdstypes.DBInstanceAutomatedBackup
	snapshots  []rdstypes.DBSnapshot
	shared     []rdstypes.DBSnapshot // by others
	restorable map[string][]string   // snapshot: accounts
	parameters map[string]string
	events     []rdstypes.EventSubscription

	caches         []cachetypes.ReplicationGroup
	cacheSnapshots []cachetypes.Snapshot
	cacheUsers     []cachetypes.User
	cacheTags      map[string]string

	buckets  []*storage
	keys     []*testKey
	logs     []logstypes.LogGroup
	secrets  []*testSecret
	topics   []*testTopic
	alarms   []cwtypes.MetricAlarm
	rules    []eventtypes.Rule
	targets  map[string]string
	vaults   []backuptypes.BackupVaultListMember
	guards   map[string]string // policies of vaults
	tells    *backup.GetBackupVaultNotificationsOutput
	plans    []backuptypes.BackupPlan
	points   []backuptypes.RecoveryPointByBackupVault
	backups  []backuptypes.BackupJob
	copies   []backuptypes.CopyJob
	restores []backuptypes.RestoreJobsListMember
	trials   []backuptypes.RestoreTestingPlanForList

	vpcs      []ec2types.Vpc
	subnets   []ec2types.Subnet
	tables    []ec2types.RouteTable
	acls      []ec2types.NetworkAcl
	groups    []ec2types.SecurityGroup
	machines  []ec2types.Instance
	volumes   []ec2types.Volume
	disks     []ec2types.Snapshot
	images    []ec2types.Image
	shares    []ec2types.CreateVolumePermission
	launches  []ec2types.LaunchPermission
	peerings  []ec2types.VpcPeeringConnection
	transits  []ec2types.TransitGatewayVpcAttachment
	vpns      []ec2types.VpnConnection
	offers    []ec2types.ServiceConfiguration
	templates []ec2types.LaunchTemplateVersion
	sgRules   []ec2types.SecurityGroupRule

	balancers []elbtypes.LoadBalancer
	listeners map[string][]elbtypes.Listener
	lbRules   map[string][]elbtypes.Rule
	targetsOf []elbtypes.TargetGroup
	fleets    []asgtypes.AutoScalingGroup
	schedules []scheduler.GetScheduleOutput
}

// storage is a bucket with its settings. What is nil was never made.
type storage struct {
	name        string
	tags        map[string]string
	encryption  *s3types.ServerSideEncryptionByDefault
	policy      string
	versioning  s3types.BucketVersioningStatus
	lifecycle   []s3types.LifecycleRule
	lock        *s3types.ObjectLockConfiguration
	block       *s3types.PublicAccessBlockConfiguration
	ownership   s3types.ObjectOwnership
	replication *s3types.ReplicationConfiguration
	logsTo      string
	objects     []s3types.ObjectVersion
	deletions   []s3types.DeleteMarkerEntry
}

type testKey struct {
	kmstypes.KeyMetadata
	tags    map[string]string
	policy  string
	rotated bool
	grants  []kmstypes.GrantListEntry
}

type testSecret struct {
	secrettypes.SecretListEntry
	policy string
}

type testTopic struct {
	arn, policy, key string
	tags             map[string]string
}

const testAccount = "123456789012"

func ourTags(class string) map[string]string {
	return map[string]string{"client": "acme", "environment": "production", "stack": "prod", "managed-by": "berth", "data-class": class}
}

func arnOf(service, region, rest string) string {
	return "arn:aws:" + service + ":" + region + ":" + testAccount + ":" + rest
}

func past(n float64) *time.Time { return aws.Time(now.Add(-time.Duration(n * float64(day)))) }

func minutesPast(n int) *time.Time { return aws.Time(now.Add(-time.Duration(n) * time.Minute)) }

func keyARN(region, what string) string { return arnOf("kms", region, "key/"+what+"-"+region) }

func (w *dataWorld) places() []*place { return []*place{w.here, w.there} }

func (w *dataWorld) at(region string) *place {
	if region == w.there.region {
		return w.there
	}
	return w.here
}

// the database, the buckets and the rest of the good world, for changing.
func (w *dataWorld) db() *rdstypes.DBInstance { return &w.here.instances[0] }

func (p *place) bucket(part string) *storage {
	i := slices.IndexFunc(p.buckets, func(b *storage) bool { return strings.Contains(b.name, "-"+part+"-") })
	return p.buckets[i]
}

const (
	testDatabase = "arn:aws:rds:eu-west-2:123456789012:db:acme-production"
	testReplicas = "arn:aws:rds:eu-west-1:123456789012:auto-backup:ab-1"
	testCache    = "arn:aws:elasticache:eu-west-2:123456789012:replicationgroup:acme-production"
	testVault    = "acme-production-backup"
	testPlan     = "plan-1"
)

// goodDataWorld is an account that is 200 days old and as it should be.
func goodDataWorld() *dataWorld {
	w := &dataWorld{here: goodPlace("eu-west-2"), there: goodPlace("eu-west-1")}
	w.home()
	w.data()
	w.watch()
	w.network()
	w.outside = Outside{
		Do: func(r *http.Request) (*http.Response, error) {
			answer := &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Strict-Transport-Security": {"max-age=31536000; includeSubDomains"}}, Body: http.NoBody}
			switch {
			case strings.Contains(r.URL.Host, ".s3."):
				answer.StatusCode, answer.Status = http.StatusForbidden, "403 Forbidden"
			case r.URL.Scheme == "http":
				answer.StatusCode, answer.Status, answer.Header = http.StatusMovedPermanently, "301 Moved Permanently", http.Header{"Location": {"https://" + r.URL.Host + "/"}}
			}
			return answer, nil
		},
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":443") {
				ours, theirs := net.Pipe()
				_ = theirs.Close() // as a server that knows no such version does
				return ours, nil
			}
			return nil, errors.New("no route to host")
		},
	}
	return w
}

func goodPlace(region string) *place {
	p := &place{region: region, restorable: map[string][]string{}, guards: map[string]string{}, targets: map[string]string{},
		listeners: map[string][]elbtypes.Listener{}, lbRules: map[string][]elbtypes.Rule{}}
	for _, what := range []string{"database", "storage", "secrets", "logs", "volumes", "alerts", "backup"} {
		p.keys = append(p.keys, &testKey{KeyMetadata: kmstypes.KeyMetadata{
			KeyId: aws.String(what + "-" + region), Arn: aws.String(keyARN(region, what)), KeyManager: kmstypes.KeyManagerTypeCustomer, KeyState: kmstypes.KeyStateEnabled,
			KeySpec: kmstypes.KeySpecSymmetricDefault, Origin: kmstypes.OriginTypeAwsKms},
			tags: ourTags("secret"), rotated: true,
			policy: `{"Statement":[{"Sid":"Administration","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:Put*","Resource":"*"},
				{"Effect":"Allow","Principal":{"Service":"logs.` + region + `.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*",
				"Condition":{"ArnLike":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:` + region + `:123456789012:log-group:*"}}}]}`,
			grants: []kmstypes.GrantListEntry{{GranteePrincipal: aws.String("rds." + region + ".amazonaws.com")}}})
	}
	p.keys = append(p.keys, &testKey{KeyMetadata: kmstypes.KeyMetadata{KeyId: aws.String("awss-" + region), Arn: aws.String(keyARN(region, "awss")), KeyManager: kmstypes.KeyManagerTypeAws}})
	p.topics = []*testTopic{{arn: arnOf("sns", region, "acme-production-alerts"), key: keyARN(region, "alerts"), tags: ourTags("telemetry"),
		policy: `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sns:Publish","Resource":"` + arnOf("sns", region, "acme-production-alerts") + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
			{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}]}`}}
	p.logs = []logstypes.LogGroup{{LogGroupName: aws.String("/aws/rds/instance/acme-production/postgresql"), KmsKeyId: aws.String(keyARN(region, "logs"))},
		{LogGroupName: aws.String("RDSOSMetrics")}}
	p.buckets = []*storage{goodBucket(region, "backup", "personal", "backup"), goodBucket(region, "files", "personal", "storage"), goodBucket(region, "access-logs", "audit", "")}
	p.vaults = []backuptypes.BackupVaultListMember{{BackupVaultName: aws.String(testVault), BackupVaultArn: aws.String(arnOf("backup", region, "backup-vault:"+testVault)), CreationDate: past(200),
		EncryptionKeyArn: aws.String(keyARN(region, "backup")), Locked: aws.Bool(true), MinRetentionDays: aws.Int64(90), MaxRetentionDays: aws.Int64(2555)},
		{BackupVaultName: aws.String("Default")}, {BackupVaultName: aws.String("aws/efs/automatic-backup-vault")}}
	p.guards[testVault] = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":["backup:DeleteRecoveryPoint","backup:UpdateRecoveryPointLifecycle"],"Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":["backup:CopyFromBackupVault","backup:CopyIntoBackupVault","backup:DeleteBackupVault","backup:PutBackupVaultAccessPolicy","backup:StartRestoreJob"],
		"Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}}]}`
	p.tells = &backup.GetBackupVaultNotificationsOutput{SNSTopicArn: aws.String(p.topics[0].arn), BackupVaultEvents: []backuptypes.BackupVaultEvent{
		"BACKUP_JOB_EXPIRED", "BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_FAILED"}}
	for i := range 90 {
		at := now.Truncate(day).AddDate(0, 0, -i)
		p.points = append(p.points, backuptypes.RecoveryPointByBackupVault{RecoveryPointArn: aws.String(fmt.Sprintf("arn:aws:rds:%s:123456789012:snapshot:awsbackup:job-%d", region, i)),
			ResourceArn: aws.String(testDatabase), BackupVaultName: aws.String(testVault), Status: backuptypes.RecoveryPointStatusCompleted, CreationDate: aws.Time(at), CompletionDate: aws.Time(at.Add(time.Hour)),
			IsEncrypted: true, EncryptionKeyArn: aws.String(keyARN(region, "backup")), Lifecycle: &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(90)},
			CalculatedLifecycle: &backuptypes.CalculatedLifecycle{DeleteAt: aws.Time(at.AddDate(0, 0, 90))}})
	}
	ends := `{"source":["aws.backup"],"detail-type":["Backup Job State Change","Copy Job State Change","Restore Job State Change"],
		"$or":[{"detail":{"state":["ABORTED","EXPIRED","FAILED","PARTIAL"]}},{"detail":{"status":["ABORTED","EXPIRED","FAILED","PARTIAL"]}}]}`
	calls := `{"source":["aws.backup"],"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventSource":["backup.amazonaws.com"],"eventName":["DeleteBackupVault","DeleteBackupVaultAccessPolicy",
		"DeleteBackupVaultLockConfiguration","DeleteRecoveryPoint","PutBackupVaultAccessPolicy","UpdateRecoveryPointLifecycle"]}}`
	for _, rule := range [][2]string{{"failed", ends}, {"deleted", calls}} {
		name, pattern := rule[0], rule[1]
		p.rules = append(p.rules, eventtypes.Rule{Name: aws.String(name), Arn: aws.String(arnOf("events", region, "rule/"+name)), EventPattern: aws.String(pattern), State: eventtypes.RuleStateEnabled})
		p.targets[name] = p.topics[0].arn
	}
	return p
}

// goodBucket is a bucket as components/bucket makes it.
func goodBucket(region, part, class, key string) *storage {
	b := &storage{name: "berth-acme-production-" + part + "-" + testAccount + "-" + region, tags: ourTags(class), versioning: s3types.BucketVersioningStatusEnabled,
		ownership: s3types.ObjectOwnershipBucketOwnerEnforced, logsTo: "berth-acme-production-access-logs-" + testAccount + "-" + region,
		block:      &s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true)},
		encryption: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAes256}}
	if key != "" {
		b.encryption = &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(keyARN(region, key))}
	}
	all := &s3types.LifecycleRuleFilter{Prefix: aws.String("")}
	rule := func(id string) s3types.LifecycleRule {
		return s3types.LifecycleRule{ID: aws.String(id), Status: s3types.ExpirationStatusEnabled, Filter: all}
	}
	uploads, gone := rule("abort-incomplete-uploads"), rule("delete-old-versions")
	uploads.AbortIncompleteMultipartUpload = &s3types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)}
	gone.NoncurrentVersionExpiration = &s3types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(90)}
	b.lifecycle = []s3types.LifecycleRule{uploads, gone}
	statements := []string{
		`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::` + b.name + `","arn:aws:s3:::` + b.name + `/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`,
		`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::` + b.name + `","arn:aws:s3:::` + b.name + `/*"],"Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}}`}
	switch part {
	case "backup":
		b.lock = &s3types.ObjectLockConfiguration{ObjectLockEnabled: s3types.ObjectLockEnabledEnabled, Rule: &s3types.ObjectLockRule{
			DefaultRetention: &s3types.DefaultRetention{Days: aws.Int32(90), Mode: s3types.ObjectLockRetentionModeGovernance}}}
		archive, end := rule("archive"), rule("delete")
		archive.Transitions = []s3types.Transition{{Days: aws.Int32(90), StorageClass: s3types.TransitionStorageClassGlacier}}
		end.Expiration = &s3types.LifecycleExpiration{Days: aws.Int32(2555)}
		b.lifecycle = append(b.lifecycle, archive, end)
		statements = append(statements, `{"Effect":"Deny","Principal":"*","Action":["s3:BypassGovernanceRetention","s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":"arn:aws:s3:::`+b.name+`/*"}`)
		b.objects = []s3types.ObjectVersion{
			{Key: aws.String("db/1"), LastModified: past(120), IsLatest: aws.Bool(true), StorageClass: "GLACIER"},
			{Key: aws.String("db/2"), LastModified: past(10), IsLatest: aws.Bool(true), StorageClass: "STANDARD"},
			{Key: aws.String("db/2"), LastModified: past(100), IsLatest: aws.Bool(false), StorageClass: "STANDARD"}, // replaced 10 days ago
		}
	case "access-logs":
		statements = append(statements, `{"Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::`+b.name+`/*","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}`)
	}
	b.policy = `{"Statement":[` + strings.Join(statements, ",") + `]}`
	if region == "eu-west-2" && class == "personal" {
		b.replication = &s3types.ReplicationConfiguration{Rules: []s3types.ReplicationRule{{ID: aws.String(part), Status: s3types.ReplicationRuleStatusEnabled, Filter: &s3types.ReplicationRuleFilter{Prefix: aws.String("")},
			DeleteMarkerReplication: &s3types.DeleteMarkerReplication{Status: s3types.DeleteMarkerReplicationStatusDisabled},
			SourceSelectionCriteria: &s3types.SourceSelectionCriteria{SseKmsEncryptedObjects: &s3types.SseKmsEncryptedObjects{Status: s3types.SseKmsEncryptedObjectsStatusEnabled}},
			Destination: &s3types.Destination{Bucket: aws.String("arn:aws:s3:::" + strings.ReplaceAll(b.name, "eu-west-2", "eu-west-1")),
				EncryptionConfiguration: &s3types.EncryptionConfiguration{ReplicaKmsKeyID: aws.String(keyARN("eu-west-1", "backup"))},
				ReplicationTime:         &s3types.ReplicationTime{Status: s3types.ReplicationTimeStatusEnabled, Time: &s3types.ReplicationTimeValue{Minutes: aws.Int32(15)}}}}}}
	}
	return b
}

// home has what is in the first region only: the databases and the plans.
func (w *dataWorld) home() {
	p := w.here
	tags := func(of map[string]string) (all []rdstypes.Tag) {
		for k, v := range of {
			all = append(all, rdstypes.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		return all
	}
	p.instances = []rdstypes.DBInstance{{DBInstanceArn: aws.String(testDatabase), DBInstanceIdentifier: aws.String("acme-production"), Engine: aws.String("postgres"), InstanceCreateTime: past(200),
		LatestRestorableTime: minutesPast(4), BackupRetentionPeriod: aws.Int32(7), DeletionProtection: aws.Bool(true), CopyTagsToSnapshot: aws.Bool(true), TagList: tags(ourTags("personal")),
		IAMDatabaseAuthenticationEnabled: aws.Bool(true), MasterUserSecret: &rdstypes.MasterUserSecret{SecretStatus: aws.String("active"), KmsKeyId: aws.String(keyARN("eu-west-2", "secrets"))},
		StorageEncrypted: aws.Bool(true), KmsKeyId: aws.String(keyARN("eu-west-2", "database")), PubliclyAccessible: aws.Bool(false), CACertificateIdentifier: aws.String("rds-ca-rsa2048-g1"),
		DBParameterGroups: []rdstypes.DBParameterGroupStatus{{DBParameterGroupName: aws.String("acme-production"), ParameterApplyStatus: aws.String("in-sync")}},
		Endpoint:          &rdstypes.Endpoint{Address: aws.String("acme-production.x.eu-west-2.rds.amazonaws.com"), Port: aws.Int32(5432)},
		DBSubnetGroup:     &rdstypes.DBSubnetGroup{Subnets: []rdstypes.Subnet{{SubnetIdentifier: aws.String("subnet-isolated")}}},
		VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-database")}}},
		{DBInstanceArn: aws.String(arnOf("rds", "eu-west-2", "db:awsbackup-restore-test-1")), DBInstanceIdentifier: aws.String("awsbackup-restore-test-1"), Engine: aws.String("postgres"), InstanceCreateTime: minutesPast(30),
			StorageEncrypted: aws.Bool(true), KmsKeyId: aws.String(keyARN("eu-west-2", "database")), PubliclyAccessible: aws.Bool(false),
			DBSubnetGroup:     &rdstypes.DBSubnetGroup{Subnets: []rdstypes.Subnet{{SubnetIdentifier: aws.String("subnet-isolated")}}},
			VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-nowhere")}}}}
	p.parameters = map[string]string{"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.2"}
	p.automated = []rdstypes.DBInstanceAutomatedBackup{{DBInstanceArn: aws.String(testDatabase), RestoreWindow: &rdstypes.RestoreWindow{EarliestTime: past(7.5), LatestTime: minutesPast(4)}}}
	w.there.automated = []rdstypes.DBInstanceAutomatedBackup{{DBInstanceArn: aws.String(testDatabase), DBInstanceAutomatedBackupsArn: aws.String(testReplicas), Status: aws.String("replicating"), Encrypted: aws.Bool(true),
		KmsKeyId: aws.String(keyARN("eu-west-1", "database")), BackupRetentionPeriod: aws.Int32(7), RestoreWindow: &rdstypes.RestoreWindow{EarliestTime: past(7.5), LatestTime: minutesPast(9)}}}
	p.events = []rdstypes.EventSubscription{{CustSubscriptionId: aws.String("acme-production-database"), Enabled: aws.Bool(true), SourceType: aws.String("db-instance"), SourceIdsList: []string{"acme-production"},
		SnsTopicArn: aws.String(p.topics[0].arn), EventCategoriesList: []string{"deletion", "failure", "read replica", "recovery", "restoration"}}}
	p.caches = []cachetypes.ReplicationGroup{{ARN: aws.String(testCache), ReplicationGroupId: aws.String("acme-production"), ReplicationGroupCreateTime: past(200), SnapshotRetentionLimit: aws.Int32(7),
		MemberClusters: []string{"acme-production-001", "acme-production-002"}, AuthTokenEnabled: aws.Bool(false), UserGroupIds: []string{"acme-production"}, AtRestEncryptionEnabled: aws.Bool(true),
		KmsKeyId: aws.String(keyARN("eu-west-2", "database")), TransitEncryptionEnabled: aws.Bool(true), TransitEncryptionMode: cachetypes.TransitEncryptionModeRequired,
		NodeGroups: []cachetypes.NodeGroup{{PrimaryEndpoint: &cachetypes.Endpoint{Address: aws.String("master.acme-production.cache.amazonaws.com"), Port: aws.Int32(6379)}}}}}
	p.cacheTags = ourTags("personal")
	p.cacheSnapshots = []cachetypes.Snapshot{{ReplicationGroupId: aws.String("acme-production"), NodeSnapshots: []cachetypes.NodeSnapshot{{SnapshotCreateTime: past(0.3)}}}}
	p.cacheUsers = []cachetypes.User{
		{UserId: aws.String("acme-production-nobody"), UserName: aws.String("default"), UserGroupIds: []string{"acme-production"}, AccessString: aws.String("off -@all")},
		{UserId: aws.String("acme-production"), UserName: aws.String("acme-production"), UserGroupIds: []string{"acme-production"}, AccessString: aws.String("on ~* -@all +@read"),
			Authentication: &cachetypes.Authentication{Type: cachetypes.AuthenticationTypeIam}},
		{UserId: aws.String("default"), UserName: aws.String("default"), AccessString: aws.String("on ~* +@all")}} // AWS's own, in no group
	p.secrets = []*testSecret{{SecretListEntry: secrettypes.SecretListEntry{ARN: aws.String(arnOf("secretsmanager", "eu-west-2", "secret:service")), Name: aws.String("berth/acme/production/service"),
		KmsKeyId: aws.String(keyARN("eu-west-2", "secrets"))}, policy: goodSecretPolicy},
		{SecretListEntry: secrettypes.SecretListEntry{ARN: aws.String(arnOf("secretsmanager", "eu-west-2", "secret:rds!db-1")), Name: aws.String("rds!db-1"), OwningService: aws.String("rds"),
			KmsKeyId: aws.String(keyARN("eu-west-2", "secrets"))}}}
	for k, v := range ourTags("secret") {
		p.secrets[0].Tags = append(p.secrets[0].Tags, secrettypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	p.plans = []backuptypes.BackupPlan{{BackupPlanName: aws.String(testVault), Rules: []backuptypes.BackupRule{{RuleName: aws.String("daily"), TargetBackupVaultName: aws.String(testVault),
		ScheduleExpression: aws.String("cron(0 0 * * ? *)"), ScheduleExpressionTimezone: aws.String("Etc/UTC"), Lifecycle: &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(90)},
		CopyActions: []backuptypes.CopyAction{{DestinationBackupVaultArn: aws.String(arnOf("backup", "eu-west-1", "backup-vault:"+testVault)), Lifecycle: &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(90)}}}}}}}
}

const goodSecretPolicy = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"},"Bool":{"aws:PrincipalIsAWSService":"false"}}},
	{"Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

// data has jobs that ended.
func (w *dataWorld) data() {
	p := w.here
	at := aws.Time(now.Truncate(day).Add(time.Hour))
	p.backups = []backuptypes.BackupJob{{ResourceArn: aws.String(testDatabase), State: backuptypes.BackupJobStateCompleted, CompletionDate: at},
		{ResourceArn: aws.String(testDatabase), State: backuptypes.BackupJobStateFailed, CompletionDate: past(3)}}
	p.copies = []backuptypes.CopyJob{{ResourceArn: aws.String(testDatabase), State: backuptypes.CopyJobStateCompleted, CompletionDate: at}, {ResourceArn: aws.String(testDatabase), State: backuptypes.CopyJobStateRunning}}
	trial := aws.String(arnOf("backup", "eu-west-2", "restore-testing-plan:weekly"))
	p.trials = []backuptypes.RestoreTestingPlanForList{{RestoreTestingPlanArn: trial, CreationTime: past(200)}}
	p.restores = []backuptypes.RestoreJobsListMember{{SourceResourceArn: aws.String(testDatabase), Status: backuptypes.RestoreJobStatusCompleted, CompletionDate: past(5), CreatedBy: &backuptypes.RestoreJobCreator{RestoreTestingPlanArn: trial}}}
}

// watch has the alarms.
func (w *dataWorld) watch() {
	add := func(p *place, namespace, metric string, threshold float64, operator cwtypes.ComparisonOperator, missing string, dimensions ...string) {
		a := cwtypes.MetricAlarm{AlarmArn: aws.String(arnOf("cloudwatch", p.region, fmt.Sprintf("alarm:%s-%d", metric, len(p.alarms)))), Namespace: aws.String(namespace), MetricName: aws.String(metric),
			Threshold: aws.Float64(threshold), ComparisonOperator: operator, TreatMissingData: aws.String(missing), ActionsEnabled: aws.Bool(true), AlarmActions: []string{p.topics[0].arn},
			StateValue: cwtypes.StateValueOk, StateUpdatedTimestamp: past(1)}
		for i := 0; i < len(dimensions); i += 2 {
			a.Dimensions = append(a.Dimensions, cwtypes.Dimension{Name: aws.String(dimensions[i]), Value: aws.String(dimensions[i+1])})
		}
		p.alarms = append(p.alarms, a)
	}
	const above, below = cwtypes.ComparisonOperatorGreaterThanThreshold, cwtypes.ComparisonOperatorLessThanThreshold
	add(w.here, "AWS/Backup", "NumberOfBackupJobsFailed", 0, above, "notBreaching", "BackupVaultName", testVault)
	add(w.here, "AWS/Backup", "NumberOfBackupJobsCompleted", 1, below, "breaching", "BackupVaultName", testVault)
	add(w.here, "AWS/Backup", "NumberOfCopyJobsFailed", 0, above, "notBreaching", "BackupVaultName", testVault)
	for _, part := range []string{"backup", "files"} {
		b := w.here.bucket(part)
		d := []string{"SourceBucket", b.name, "DestinationBucket", strings.ReplaceAll(b.name, "eu-west-2", "eu-west-1"), "RuleId", part}
		add(w.there, "AWS/S3", "ReplicationLatency", 900, above, "notBreaching", d...)
		add(w.here, "AWS/S3", "OperationsFailedReplication", 0, above, "notBreaching", d...)
	}
	for _, node := range w.here.caches[0].MemberClusters {
		add(w.here, "AWS/ElastiCache", "ReplicationLag", 10, above, "notBreaching", "CacheClusterId", node)
	}
}

// network has what surrounds the databases.
func (w *dataWorld) network() {
	p := w.here
	own := func(class string) (all []ec2types.Tag) {
		for k, v := range ourTags(class) {
			all = append(all, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		return all
	}
	p.vpcs = []ec2types.Vpc{{VpcId: aws.String("vpc-1"), CidrBlock: aws.String("10.20.0.0/16"), Tags: own("none")}, {VpcId: aws.String("vpc-default"), CidrBlock: aws.String("172.31.0.0/16"), IsDefault: aws.Bool(true)}}
	p.subnets = []ec2types.Subnet{{SubnetId: aws.String("subnet-isolated"), VpcId: aws.String("vpc-1"), OwnerId: aws.String(testAccount), MapPublicIpOnLaunch: aws.Bool(false)},
		{SubnetId: aws.String("subnet-private"), VpcId: aws.String("vpc-1"), OwnerId: aws.String(testAccount), MapPublicIpOnLaunch: aws.Bool(false)},
		{SubnetId: aws.String("subnet-default"), VpcId: aws.String("vpc-default"), OwnerId: aws.String(testAccount), MapPublicIpOnLaunch: aws.Bool(true)}}
	local := ec2types.Route{GatewayId: aws.String("local"), DestinationCidrBlock: aws.String("10.20.0.0/16")}
	p.tables = []ec2types.RouteTable{
		{RouteTableId: aws.String("rtb-main"), VpcId: aws.String("vpc-1"), Associations: []ec2types.RouteTableAssociation{{Main: aws.Bool(true)}}, Routes: []ec2types.Route{local}},
		{RouteTableId: aws.String("rtb-isolated"), VpcId: aws.String("vpc-1"), Associations: []ec2types.RouteTableAssociation{{SubnetId: aws.String("subnet-isolated")}}, Routes: []ec2types.Route{local}}}
	p.acls = []ec2types.NetworkAcl{{NetworkAclId: aws.String("acl-isolated"), Associations: []ec2types.NetworkAclAssociation{{SubnetId: aws.String("subnet-isolated")}}, Entries: []ec2types.NetworkAclEntry{
		{RuleAction: ec2types.RuleActionAllow, CidrBlock: aws.String("10.20.64.0/20")}, {RuleAction: ec2types.RuleActionDeny, CidrBlock: aws.String("0.0.0.0/0")},
		{RuleAction: ec2types.RuleActionAllow, Egress: aws.Bool(true), CidrBlock: aws.String("10.20.64.0/20")}}}}
	from := func(group string, port int32) []ec2types.IpPermission {
		return []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}}}}
	}
	p.groups = []ec2types.SecurityGroup{
		{GroupId: aws.String("sg-database"), GroupName: aws.String("database"), VpcId: aws.String("vpc-1"), IpPermissions: from("sg-machines", 5432)},
		{GroupId: aws.String("sg-cache"), GroupName: aws.String("cache"), VpcId: aws.String("vpc-1"), IpPermissions: from("sg-machines", 6379)},
		{GroupId: aws.String("sg-nowhere"), GroupName: aws.String("nowhere"), VpcId: aws.String("vpc-1")},
		{GroupId: aws.String("sg-machines"), GroupName: aws.String("machines"), VpcId: aws.String("vpc-1"), IpPermissions: from("sg-door", 8443)},
		{GroupId: aws.String("sg-default"), GroupName: aws.String("default"), VpcId: aws.String("vpc-1")},
		{GroupId: aws.String("sg-theirs"), GroupName: aws.String("default"), VpcId: aws.String("vpc-default"), IpPermissions: from("sg-theirs", 0)},
		{GroupId: aws.String("sg-door"), GroupName: aws.String("door"), VpcId: aws.String("vpc-1"), IpPermissions: []ec2types.IpPermission{{IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}}}
	p.machines = []ec2types.Instance{{InstanceId: aws.String("i-1"), Tags: own("none")}}
	p.volumes = []ec2types.Volume{{VolumeId: aws.String("vol-1"), Encrypted: aws.Bool(true), KmsKeyId: aws.String(keyARN("eu-west-2", "volumes"))}}
	p.templates = []ec2types.LaunchTemplateVersion{{LaunchTemplateId: aws.String("lt-1"), LaunchTemplateData: &ec2types.ResponseLaunchTemplateData{
		NetworkInterfaces: []ec2types.LaunchTemplateInstanceNetworkInterfaceSpecification{{Groups: []string{"sg-machines"}}}}}}
	const door, at, targets = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/acme/1", "arn:listener/1", "arn:targetgroup/1"
	p.fleets = []asgtypes.AutoScalingGroup{{AutoScalingGroupName: aws.String("acme-production"), AutoScalingGroupARN: aws.String("arn:fleet/1"), TargetGroupARNs: []string{targets}, DesiredCapacity: aws.Int32(2),
		LaunchTemplate: &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1")}}}
	p.balancers = []elbtypes.LoadBalancer{{LoadBalancerArn: aws.String(door), Type: elbtypes.LoadBalancerTypeEnumApplication, SecurityGroups: []string{"sg-door"}}}
	forward := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(targets)}}
	moved := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumRedirect, RedirectConfig: &elbtypes.RedirectActionConfig{Protocol: aws.String("HTTPS"), StatusCode: elbtypes.RedirectActionStatusCodeEnumHttp301}}}
	refused := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse}}
	p.listeners[door] = []elbtypes.Listener{{ListenerArn: aws.String(at), Protocol: elbtypes.ProtocolEnumHttps, SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06"), DefaultActions: refused},
		{ListenerArn: aws.String(at + "/plain"), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: moved}}
	p.lbRules[at] = []elbtypes.Rule{{RuleArn: aws.String("arn:rule/default"), IsDefault: aws.Bool(true), Actions: refused},
		{RuleArn: aws.String("arn:rule/1"), Actions: forward, Conditions: []elbtypes.RuleCondition{{Field: aws.String("host-header"), HostHeaderConfig: &elbtypes.HostHeaderConditionConfig{Values: []string{"acme.taskflow.example"}}}}}}
	p.targetsOf = []elbtypes.TargetGroup{{TargetGroupArn: aws.String(targets), Protocol: elbtypes.ProtocolEnumHttps}}
}

// look makes one look at the world.
func (w *dataWorld) look(t *testing.T, id string) Result {
	t.Helper()
	return makeLook(t, id, subjectOf(t, "prod"), w.answers(), w.outside)
}

// dataChange is one change of a good world and what it must break.
type dataChange struct {
	make   func(w *dataWorld)
	broken []string
}

// breaksIn holds a look against changes of a good world: each breaks just what it is about, and nothing is wrong without them.
func breaksIn(t *testing.T, id string, changes map[string]dataChange) {
	t.Helper()
	if r := goodDataWorld().look(t, id); r.Verdict != promises.Kept {
		t.Fatalf("%s of a good account: %s %s %v", id, r.Verdict, r.Why, brokenAt(r))
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			w := goodDataWorld()
			c.make(w)
			r := w.look(t, id)
			if diff := cmp.Diff(c.broken, brokenAt(r)); diff != "" || r.Verdict != promises.Broken {
				t.Errorf("%s (%s) breaks:\n%s", r.Verdict, r.Why, diff)
			}
		})
	}
}

// deniedBy holds a look against an account that denies one call after the other: none is then kept.
func deniedBy(t *testing.T, id string, calls ...string) {
	t.Helper()
	for _, call := range calls {
		w := goodDataWorld()
		denied := w.answers().with(answers{call: &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized to perform: " + call}})
		r := makeLook(t, id, subjectOf(t, "prod"), denied, w.outside)
		if r.Verdict != promises.NotShown || !strings.Contains(r.Why, "AccessDenied") {
			t.Errorf("%s without %s: %s %q %v", id, call, r.Verdict, r.Why, brokenAt(r))
		}
	}
}

// tooEarlyFor holds a look against a world in which something had no time to happen.
func tooEarlyFor(t *testing.T, id string, because string, change func(w *dataWorld)) {
	t.Helper()
	w := goodDataWorld()
	change(w)
	if r := w.look(t, id); r.Verdict != promises.NotShown || !strings.Contains(r.Why, because) {
		t.Errorf("%s: %s %q %v, want it not shown because %q", id, r.Verdict, r.Why, brokenAt(r), because)
	}
}

// statement adds a statement to a policy.
func statement(policy, more string) string {
	var d struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(policy), &d); err != nil {
		panic(err)
	}
	d.Statement = append(d.Statement, json.RawMessage(more))
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(text)
}

const toEveryone = `{"Sid":"Open","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
