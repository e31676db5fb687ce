package database

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// A large instance takes its time: a snapshot before a deletion, a copy of all data before a change of storage.
var patience = pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "90m", Update: "180m", Delete: "90m"})

// common is what the primary and its replica share.
func (b *builder) common(identifier string) *rds.InstanceArgs {
	args := &rds.InstanceArgs{
		Identifier:          pulumi.String(identifier),
		InstanceClass:       pulumi.String(b.Database.InstanceClass),
		StorageType:         pulumi.String("gp3"),
		StorageEncrypted:    pulumi.Bool(true),
		MaxAllocatedStorage: pulumi.Int(b.Database.MaxStorageGiB),

		VpcSecurityGroupIds: pulumi.StringArray{b.db.SecurityGroupID},
		PubliclyAccessible:  pulumi.Bool(false),
		NetworkType:         pulumi.String("IPV4"),
		Port:                pulumi.Int(b.db.Port),
		CaCertIdentifier:    pulumi.String(certificateAuthority),

		ParameterGroupName:               b.parameterGroup.Name,
		IamDatabaseAuthenticationEnabled: pulumi.Bool(true),
		AutoMinorVersionUpgrade:          pulumi.Bool(true),
		AllowMajorVersionUpgrade:         pulumi.Bool(false),
		MaintenanceWindow:                pulumi.String(b.MaintenanceWindow),
		// Changes that restart the database wait for the announced window (AV-6).
		ApplyImmediately:   pulumi.Bool(false),
		CopyTagsToSnapshot: pulumi.Bool(true),

		MonitoringInterval:           pulumi.Int(monitoringSeconds),
		MonitoringRoleArn:            b.monitoringRole.Arn,
		EnabledCloudwatchLogsExports: pulumi.ToStringArray(LogExports(b.Database.Engine)),
		Tags:                         b.Scope.Tags(scope.Personal, identifier),
	}
	if b.optionGroup != nil {
		args.OptionGroupName = b.optionGroup.Name
	}
	if PerformanceInsights(b.Database.Engine, b.Database.InstanceClass) {
		args.PerformanceInsightsEnabled = pulumi.Bool(true)
		args.PerformanceInsightsKmsKeyId = b.KeyArn.ToStringOutput()
		args.PerformanceInsightsRetentionPeriod = pulumi.Int(insightsDays)
	}
	return args
}

func (b *builder) primary() error {
	logs, err := b.logGroups("", b.identifier)
	if err != nil {
		return err
	}
	args := b.common(b.identifier)
	args.Engine = pulumi.String(engineName(b.Database.Engine))
	// The major version only: RDS moves to new minor versions by itself, in the maintenance window.
	args.EngineVersion = pulumi.String(b.Database.Version)
	args.DbName = pulumi.String(DatabaseName)
	args.Username = pulumi.String(MasterUser)
	args.ManageMasterUserPassword = pulumi.Bool(true)
	args.MasterUserSecretKmsKeyId = b.SecretsKeyArn.ToStringOutput()
	args.DbSubnetGroupName = b.subnetGroup.Name
	args.MultiAz = pulumi.Bool(*b.Database.MultiAZ)
	args.AllocatedStorage = pulumi.Int(b.Database.StorageGiB)
	args.KmsKeyId = b.KeyArn.ToStringOutput()
	args.BackupRetentionPeriod = pulumi.Int(b.Database.PointInTimeDays)
	args.BackupWindow = pulumi.String(backupWindow)
	args.DeletionProtection = pulumi.Bool(b.Scope.Protect)
	args.DeleteAutomatedBackups = pulumi.Bool(!b.Scope.Protect)
	// A client who leaves loses the protection and keeps the last snapshot.
	args.SkipFinalSnapshot = pulumi.Bool(!b.Scope.Production())
	if b.Scope.Production() {
		args.FinalSnapshotIdentifier = pulumi.String(b.Scope.Name(naming.DBInstance, "database", "final"))
	}
	instance, err := rds.NewInstance(b.ctx, b.name+"-instance", args, b.Scope.Stateful(b.parent, patience,
		pulumi.DependsOn(append(logs, b.monitoring)))...)
	if err != nil {
		return err
	}
	b.db.Identifier, b.db.Arn, b.db.Endpoint = instance.Identifier, instance.Arn, instance.Address
	b.db.ResourceID = instance.ResourceId
	b.db.MasterSecretArn = masterSecret(instance.MasterUserSecrets)
	return nil
}

// masterSecret is the ARN of the one secret. An update that leaves a new instance out knows of none yet.
func masterSecret(secrets rds.InstanceMasterUserSecretArrayOutput) pulumi.StringOutput {
	return secrets.ApplyT(func(secrets []rds.InstanceMasterUserSecret) string {
		if len(secrets) == 0 || secrets[0].SecretArn == nil {
			return ""
		}
		return *secrets[0].SecretArn
	}).(pulumi.StringOutput)
}

// replica follows the primary asynchronously. It holds no data of its own and can be made anew at any time:
// neither backups nor protection are spent on it, and it goes when nobody reads from it any more.
func (b *builder) replica() error {
	if !b.Replica && !*b.Database.ReadReplica {
		return nil
	}
	identifier := b.replicaIdentifier()
	logs, err := b.logGroups("-replica", identifier)
	if err != nil {
		return err
	}
	// Engine, user, subnets, key and storage are the primary's: RDS refuses to be told them in the same region.
	args := b.common(identifier)
	args.ReplicateSourceDb = b.db.Identifier
	args.MultiAz = pulumi.Bool(false)
	args.DeletionProtection = pulumi.Bool(false)
	args.SkipFinalSnapshot = pulumi.Bool(true)
	replica, err := rds.NewInstance(b.ctx, b.name+"-replica", args, b.parent, patience, pulumi.DependsOn(logs))
	if err != nil {
		return err
	}
	b.db.ReplicaIdentifier, b.db.ReplicaArn = &replica.Identifier, &replica.Arn
	b.db.ReplicaEndpoint, b.db.ReplicaResourceID = &replica.Address, &replica.ResourceId
	return nil
}

// copies send snapshots and transaction logs to the second region as they come (BK-3, BK-5): there too the
// database can be restored to any second of the window.
func (b *builder) copies() error {
	if b.Second == nil {
		return nil
	}
	_, err := rds.NewInstanceAutomatedBackupsReplication(b.ctx, b.name+"-backups", &rds.InstanceAutomatedBackupsReplicationArgs{
		SourceDbInstanceArn: b.db.Arn, KmsKeyId: b.SecondKeyArn.ToStringOutput(),
		RetentionPeriod: pulumi.Int(b.Database.PointInTimeDays),
	}, b.parent, pulumi.Provider(b.Second), patience)
	return err
}

// events tell the team what RDS says about the instance (AV-7, BK-9).
func (b *builder) events() error {
	sources := pulumi.StringArray{b.db.Identifier}
	if b.db.ReplicaIdentifier != nil {
		sources = append(sources, *b.db.ReplicaIdentifier)
	}
	name := b.Scope.Name(naming.DBGroup, "database")
	if _, err := rds.NewEventSubscription(b.ctx, b.name+"-events", &rds.EventSubscriptionArgs{
		Name: pulumi.String(name), SnsTopic: b.TopicArn, SourceType: pulumi.String("db-instance"), SourceIds: sources,
		EventCategories: pulumi.ToStringArray([]string{"availability", "configuration change", "deletion", "failover", "failure",
			"low storage", "maintenance", "notification", "read replica", "recovery", "restoration"}),
		Tags: b.Scope.Tags(scope.Telemetry, name),
	}, b.parent); err != nil {
		return err
	}
	settings := b.Scope.Name(naming.DBGroup, "database", "settings")
	_, err := rds.NewEventSubscription(b.ctx, b.name+"-settings-events", &rds.EventSubscriptionArgs{
		Name: pulumi.String(settings), SnsTopic: b.TopicArn, SourceType: pulumi.String("db-parameter-group"),
		EventCategories: pulumi.ToStringArray([]string{"configuration change"}), Tags: b.Scope.Tags(scope.Telemetry, settings),
	}, b.parent)
	return err
}
