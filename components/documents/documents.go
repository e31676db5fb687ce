// Package documents gives a client a document store of its own (DP-1): an Amazon
// DocumentDB cluster in isolated subnets, encrypted with the client's key, over
// TLS 1.2 or later only, audited, with daily backups and a restore window.
//
// It knows one client of the cluster, by its security group, and nothing of what
// is stored. The master password is made, kept and rotated by Secrets Manager.
package documents

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/securitygroup"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/docdb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// Port is where the cluster listens.
	Port = 27017
	// MasterUser may do everything and is used by operations only.
	MasterUser = "berthadmin"

	engineVersion        = "5.0.0"
	family               = "docdb5.0"
	backupWindow         = "00:00-00:30"
	certificateAuthority = "rds-ca-rsa2048-g1"
	// slowMillis is from where on an operation is logged.
	slowMillis = "200"
)

// logExports are the logs that DocumentDB ships to CloudWatch.
var logExports = []string{"audit", "profiler"}

// Args describe a client's document store.
type Args struct {
	Scope     scope.Scope
	Documents spec.Documents // decoded: every field has a value

	VPCID     pulumi.StringInput
	SubnetIDs pulumi.StringArrayInput // isolated, in two zones or more
	// ClientSecurityGroupID belongs to the machines that use the cluster. Nobody else reaches it.
	ClientSecurityGroupID pulumi.StringInput

	KeyArn     pulumi.StringInput // encrypts storage, snapshots and performance data
	LogsKeyArn pulumi.StringInput
	LogDays    int
	TopicArn   pulumi.StringInput // hears of failures and failovers

	PointInTimeDays   int    // restore window, 1 to 35
	MaintenanceWindow string // in UTC, as in "sun:02:00-sun:04:00", clear of the backup at 00:00
}

// Documents is a client's document store.
type Documents struct {
	pulumi.ResourceState

	ClusterIdentifier pulumi.StringOutput
	Arn               pulumi.StringOutput
	Endpoint          pulumi.StringOutput
	ReaderEndpoint    pulumi.StringOutput
	Port              int
	MasterSecretArn   pulumi.StringOutput
	SecurityGroupID   pulumi.StringOutput
	SubnetGroupName   pulumi.StringOutput
	LogGroups         []string
}

func (a Args) check() error {
	var errs []error
	fail := func(format string, v ...any) { errs = append(errs, fmt.Errorf(format, v...)) }
	if a.Documents.InstanceClass == "" {
		fail("instance class is empty: decode the spec, which sets it by tier")
	}
	if n := a.Documents.Instances; n < 1 || n > 16 {
		fail("%d instances: use 1 to 16", n)
	}
	if a.PointInTimeDays < 1 || a.PointInTimeDays > 35 {
		fail("point-in-time recovery covers %d days: use 1 to 35", a.PointInTimeDays)
	}
	if a.LogDays <= 0 {
		fail("logs are kept %d days: use at least 1", a.LogDays)
	}
	if a.MaintenanceWindow == "" {
		fail(`the maintenance window is empty: set it, for example to "sun:02:00-sun:04:00"`)
	}
	for _, in := range []struct {
		what  string
		given bool
	}{
		{"VPC", a.VPCID != nil}, {"isolated subnets", a.SubnetIDs != nil}, {"client's security group", a.ClientSecurityGroupID != nil},
		{"database key", a.KeyArn != nil}, {"logs key", a.LogsKeyArn != nil}, {"topic", a.TopicArn != nil},
	} {
		if !in.given {
			fail("no %s given", in.what)
		}
	}
	return errors.Join(errs...)
}

// New makes the cluster. It checks args before it registers anything.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Documents, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("documents %q: %w", name, err)
	}
	d := &Documents{Port: Port}
	inputs := pulumi.Map{"instances": pulumi.Int(args.Documents.Instances), "instanceClass": pulumi.String(args.Documents.InstanceClass)}
	if err := ctx.RegisterComponentResourceV2("berth:documents:Documents", name, inputs, d, opts...); err != nil {
		return nil, err
	}
	b := builder{ctx, name, args, d, pulumi.Parent(d)}
	if err := b.firewall(); err != nil {
		return nil, err
	}
	cluster, err := b.cluster()
	if err != nil {
		return nil, err
	}
	if err := b.instances(cluster); err != nil {
		return nil, err
	}
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{
		"clusterIdentifier": d.ClusterIdentifier, "endpoint": d.Endpoint, "port": pulumi.Int(Port), "masterSecretArn": d.MasterSecretArn,
	})
}

type builder struct {
	ctx  *pulumi.Context
	name string
	Args
	documents *Documents
	parent    pulumi.ResourceOption
}

// firewall lets the client's machines in on the cluster's port, and nothing out (DP-2).
func (b builder) firewall() (err error) {
	b.documents.SecurityGroupID, err = securitygroup.New(b.ctx, b.name, securitygroup.Args{
		Scope: b.Scope, Part: "documents", What: "The document store", Peer: "The document store", Port: Port,
		VPCID: b.VPCID, ClientSecurityGroupID: b.ClientSecurityGroupID,
	}, b.parent)
	return err
}

func (b builder) cluster() (*docdb.Cluster, error) {
	groupName := b.Scope.Name(naming.DBGroup, "documents")
	subnets, err := docdb.NewSubnetGroup(b.ctx, b.name+"-subnets", &docdb.SubnetGroupArgs{
		Name: pulumi.String(groupName), Description: pulumi.String("Isolated subnets of the document store"),
		SubnetIds: b.SubnetIDs, Tags: b.Scope.Tags(scope.None, groupName),
	}, b.parent)
	if err != nil {
		return nil, err
	}
	b.documents.SubnetGroupName = subnets.Name
	// The family is part of the name: a new major version needs a new group, and both exist for a while.
	parametersName := b.Scope.Name(naming.DBGroup, "documents", "docdb5-0")
	parameters, err := docdb.NewClusterParameterGroup(b.ctx, b.name+"-parameters", &docdb.ClusterParameterGroupArgs{
		Name: pulumi.String(parametersName), Description: pulumi.String("TLS only, audited"), Family: pulumi.String(family),
		Parameters: docdb.ClusterParameterGroupParameterArray{
			parameter("tls", "tls1.2+", "pending-reboot"), // "enabled" would let TLS 1.0 and 1.1 in
			parameter("audit_logs", "enabled", "immediate"),
			parameter("profiler", "enabled", "immediate"),
			parameter("profiler_threshold_ms", slowMillis, "immediate"),
		},
		Tags: b.Scope.Tags(scope.Internal, parametersName),
	}, b.parent)
	if err != nil {
		return nil, err
	}
	identifier := b.Scope.Name(naming.DBInstance, "documents")
	logs, err := b.logGroups(identifier)
	if err != nil {
		return nil, err
	}
	args := &docdb.ClusterArgs{
		ClusterIdentifier: pulumi.String(identifier), Engine: pulumi.String("docdb"), EngineVersion: pulumi.String(engineVersion),
		Port: pulumi.Int(Port), MasterUsername: pulumi.String(MasterUser), ManageMasterUserPassword: pulumi.Bool(true),
		DbSubnetGroupName: subnets.Name, DbClusterParameterGroupName: parameters.Name,
		VpcSecurityGroupIds: pulumi.StringArray{b.documents.SecurityGroupID},
		StorageEncrypted:    pulumi.Bool(true), KmsKeyId: b.KeyArn.ToStringOutput(),
		BackupRetentionPeriod: pulumi.Int(b.PointInTimeDays), PreferredBackupWindow: pulumi.String(backupWindow),
		PreferredMaintenanceWindow: pulumi.String(b.MaintenanceWindow), ApplyImmediately: pulumi.Bool(false),
		AllowMajorVersionUpgrade:     pulumi.Bool(false),
		EnabledCloudwatchLogsExports: pulumi.ToStringArray(logExports),
		DeletionProtection:           pulumi.Bool(b.Scope.Protect), SkipFinalSnapshot: pulumi.Bool(!b.Scope.Production()),
		Tags: b.Scope.Tags(scope.Personal, identifier),
	}
	if b.Scope.Production() {
		args.FinalSnapshotIdentifier = pulumi.String(b.Scope.Name(naming.DBInstance, "documents", "final"))
	}
	cluster, err := docdb.NewCluster(b.ctx, b.name+"-cluster", args, b.Scope.Stateful(b.parent, pulumi.DependsOn(logs),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "120m", Update: "120m", Delete: "120m"}))...)
	if err != nil {
		return nil, err
	}
	b.documents.ClusterIdentifier, b.documents.Arn = cluster.ClusterIdentifier, cluster.Arn
	b.documents.Endpoint, b.documents.ReaderEndpoint = cluster.Endpoint, cluster.ReaderEndpoint
	b.documents.MasterSecretArn = masterSecret(cluster.MasterUserSecrets)
	return cluster, nil
}

// masterSecret is the ARN of the one secret. An update that leaves a new cluster out knows of none yet.
func masterSecret(secrets docdb.ClusterMasterUserSecretArrayOutput) pulumi.StringOutput {
	return secrets.ApplyT(func(secrets []docdb.ClusterMasterUserSecret) string {
		if len(secrets) == 0 || secrets[0].SecretArn == nil {
			return ""
		}
		return *secrets[0].SecretArn
	}).(pulumi.StringOutput)
}

func parameter(name, value, method string) docdb.ClusterParameterGroupParameterArgs {
	return docdb.ClusterParameterGroupParameterArgs{
		Name: pulumi.String(name), Value: pulumi.String(value), ApplyMethod: pulumi.String(method)}
}

// logGroups exist before DocumentDB would make them without key and retention.
func (b builder) logGroups(identifier string) ([]pulumi.Resource, error) {
	var groups []pulumi.Resource
	for _, export := range logExports {
		path := "/aws/docdb/" + identifier + "/" + export // the service sets the name
		class := scope.Audit
		if export == "profiler" {
			class = scope.Telemetry
		}
		group, err := cloudwatch.NewLogGroup(b.ctx, b.name+"-log-"+export, &cloudwatch.LogGroupArgs{
			Name: pulumi.String(path), KmsKeyId: b.LogsKeyArn.ToStringOutput(), RetentionInDays: pulumi.Int(b.LogDays),
			Tags: b.Scope.Tags(class, path),
		}, b.Scope.Stateful(b.parent)...)
		if err != nil {
			return nil, err
		}
		b.documents.LogGroups = append(b.documents.LogGroups, path)
		groups = append(groups, group)
	}
	return groups, nil
}

// instances serve the cluster. DocumentDB spreads them over the zones; the first is preferred as primary.
func (b builder) instances(cluster *docdb.Cluster) error {
	for i := range b.Documents.Instances {
		number := fmt.Sprint(i + 1)
		identifier := b.Scope.Name(naming.DBInstance, "documents", number)
		if _, err := docdb.NewClusterInstance(b.ctx, b.name+"-instance-"+number, &docdb.ClusterInstanceArgs{
			Identifier: pulumi.String(identifier), ClusterIdentifier: cluster.ID(), Engine: pulumi.String("docdb"),
			InstanceClass: pulumi.String(b.Documents.InstanceClass), CaCertIdentifier: pulumi.String(certificateAuthority),
			PromotionTier: pulumi.Int(min(i, 15)), AutoMinorVersionUpgrade: pulumi.Bool(true),
			PreferredMaintenanceWindow: pulumi.String(b.MaintenanceWindow), ApplyImmediately: pulumi.Bool(false),
			CopyTagsToSnapshot: pulumi.Bool(true), EnablePerformanceInsights: pulumi.Bool(true),
			PerformanceInsightsKmsKeyId: b.KeyArn.ToStringOutput(), Tags: b.Scope.Tags(scope.Personal, identifier),
		}, b.parent, pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "90m", Update: "90m", Delete: "90m"})); err != nil {
			return err
		}
	}
	name := b.Scope.Name(naming.DBGroup, "documents")
	_, err := docdb.NewEventSubscription(b.ctx, b.name+"-events", &docdb.EventSubscriptionArgs{
		Name: pulumi.String(name), SnsTopicArn: b.TopicArn, SourceType: pulumi.String("db-cluster"),
		SourceIds:       pulumi.StringArray{cluster.ID().ToStringOutput()},
		EventCategories: pulumi.ToStringArray([]string{"deletion", "failover", "failure", "maintenance", "notification"}),
		Tags:            b.Scope.Tags(scope.Telemetry, name),
	}, b.parent)
	return err
}
