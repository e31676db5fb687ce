// Package database gives a client a relational database of its own (DP-1):
// PostgreSQL or MySQL on Amazon RDS, in isolated subnets, encrypted with the
// client's key, over TLS only, restorable to any second of its window, with its
// automated backups replicated to the second region and, where asked for, a
// standby in another zone and a replica for reading.
//
// It knows one client of the database, by its security group, and nothing of
// what is stored. Users, schemas and grants are the service's own business; the
// master password is made, kept and rotated by Secrets Manager and never seen here.
package database

import (
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// DatabaseName is the one database on the instance.
	DatabaseName = "taskflow"
	// MasterUser may do everything and is used by operations only.
	MasterUser = "berthadmin"

	// backupWindow begins the daily backup at midnight UTC, where the clients' contracts put it.
	backupWindow = "00:00-00:30"
	// certificateAuthority signs the servers' certificates; clients trust AWS's bundle, which holds it until 2061.
	certificateAuthority = "rds-ca-rsa2048-g1"
	// monitoringSeconds between two measurements of the operating system.
	monitoringSeconds = 60
	// insightsDays of performance data: the free retention, enough for the last release.
	insightsDays = 7
)

// Database is a client's database with all that guards it.
type Database struct {
	pulumi.ResourceState

	Identifier      pulumi.StringOutput
	Arn             pulumi.StringOutput
	Endpoint        pulumi.StringOutput // host name without the port
	Port            int
	Name            string              // of the database on the instance
	ResourceID      pulumi.StringOutput // names the instance in IAM database authentication
	MasterSecretArn pulumi.StringOutput
	SecurityGroupID pulumi.StringOutput
	SubnetGroupName pulumi.StringOutput
	LogGroups       []string

	// The replica for reading; nil when there is none.
	ReplicaIdentifier *pulumi.StringOutput
	ReplicaArn        *pulumi.StringOutput
	ReplicaEndpoint   *pulumi.StringOutput
	ReplicaResourceID *pulumi.StringOutput

	scope scope.Scope
}

// ConnectArn is what a role must be allowed to rds-db:connect to in order to sign in as user.
func (d *Database) ConnectArn(user string) pulumi.StringOutput {
	return d.connectArn(d.ResourceID, user)
}

// ReplicaConnectArn does the same for the replica; it must exist.
func (d *Database) ReplicaConnectArn(user string) pulumi.StringOutput {
	return d.connectArn(*d.ReplicaResourceID, user)
}

func (d *Database) connectArn(resourceID pulumi.StringOutput, user string) pulumi.StringOutput {
	return pulumi.Sprintf("%s:%s/%s", d.scope.ARN("rds-db", d.scope.Region, "dbuser"), resourceID, user)
}

// builder carries what the steps of New share.
type builder struct {
	ctx  *pulumi.Context
	name string
	Args
	db     *Database
	parent pulumi.ResourceOption

	identifier     string
	subnetGroup    *rds.SubnetGroup
	parameterGroup *rds.ParameterGroup
	optionGroup    *rds.OptionGroup // nil for PostgreSQL
	monitoringRole *iam.Role
	monitoring     *iam.RolePolicyAttachment
}

// New makes the database. It checks args before it registers anything.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Database, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("database %q: %w", name, err)
	}
	d := &Database{scope: args.Scope, Port: Port(args.Database.Engine), Name: DatabaseName}
	inputs := pulumi.Map{"engine": pulumi.String(args.Database.Engine), "version": pulumi.String(args.Database.Version)}
	if err := ctx.RegisterComponentResourceV2("berth:database:Database", name, inputs, d, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, Args: args, db: d, parent: pulumi.Parent(d),
		identifier: args.Scope.Name(naming.DBInstance, "database")}
	for _, step := range []func() error{b.securityGroup, b.groups, b.monitoringAccess, b.primary, b.replica, b.copies, b.events} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{
		"identifier": d.Identifier, "endpoint": d.Endpoint, "port": pulumi.Int(d.Port), "masterSecretArn": d.MasterSecretArn,
	})
}

// groups are the subnets, engine settings and plug-ins of the instance. The engine's family is part of their
// names: a new major version needs a new group, and both exist for a while.
func (b *builder) groups() error {
	engine, version := b.Database.Engine, b.Database.Version
	subnetGroup := b.Scope.Name(naming.DBGroup, "database")
	var err error
	b.subnetGroup, err = rds.NewSubnetGroup(b.ctx, b.name+"-subnets", &rds.SubnetGroupArgs{
		Name: pulumi.String(subnetGroup), Description: pulumi.String("Isolated subnets of the database"),
		SubnetIds: b.SubnetIDs, Tags: b.Scope.Tags(scope.None, subnetGroup),
	}, b.parent)
	if err != nil {
		return err
	}
	b.db.SubnetGroupName = b.subnetGroup.Name

	settings := rds.ParameterGroupParameterArray{}
	for _, p := range parameters(engine) {
		method := "immediate"
		if p.static {
			method = "pending-reboot"
		}
		settings = append(settings, rds.ParameterGroupParameterArgs{
			Name: pulumi.String(p.name), Value: pulumi.String(p.value), ApplyMethod: pulumi.String(method)})
	}
	family := Family(engine, version)
	group := b.Scope.Name(naming.DBGroup, "database", strings.ReplaceAll(family, ".", "-"))
	b.parameterGroup, err = rds.NewParameterGroup(b.ctx, b.name+"-parameters", &rds.ParameterGroupArgs{
		Name: pulumi.String(group), Description: pulumi.String("TLS only, logging and auditing"),
		Family: pulumi.String(family), Parameters: settings, Tags: b.Scope.Tags(scope.Internal, group),
	}, b.parent)
	if err != nil || engineName(engine) != "mysql" {
		return err
	}

	// MySQL's community edition has no audit log; RDS brings one as an option.
	b.optionGroup, err = rds.NewOptionGroup(b.ctx, b.name+"-options", &rds.OptionGroupArgs{
		Name: pulumi.String(group), OptionGroupDescription: pulumi.String("Audit log"),
		EngineName: pulumi.String("mysql"), MajorEngineVersion: pulumi.String(version),
		Options: rds.OptionGroupOptionArray{rds.OptionGroupOptionArgs{
			OptionName: pulumi.String("MARIADB_AUDIT_PLUGIN"),
			OptionSettings: rds.OptionGroupOptionOptionSettingArray{rds.OptionGroupOptionOptionSettingArgs{
				Name: pulumi.String("SERVER_AUDIT_EVENTS"), Value: pulumi.String("CONNECT,QUERY_DDL,QUERY_DCL")}},
		}},
		Tags: b.Scope.Tags(scope.Internal, group),
	}, b.parent)
	return err
}

// monitoringAccess lets RDS write the operating system's measurements, for this client's instances only.
func (b *builder) monitoringAccess() error {
	name := b.Scope.Name(naming.Role, "database", "monitoring")
	instances := pulumi.String(b.Scope.ARN("rds", b.Scope.Region, "db:"+b.identifier))
	replica := pulumi.String(b.Scope.ARN("rds", b.Scope.Region, "db:"+b.replicaIdentifier()))
	var err error
	b.monitoringRole, err = iam.NewRole(b.ctx, b.name+"-monitoring", &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String("RDS writes enhanced monitoring of the database"),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Principals: policy.Service("monitoring.rds.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(b.Scope.Account, instances, replica),
		}),
		Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return err
	}
	// The log group RDSOSMetrics is shared by all instances of an account; AWS's policy names exactly that.
	b.monitoring, err = iam.NewRolePolicyAttachment(b.ctx, b.name+"-monitoring", &iam.RolePolicyAttachmentArgs{
		Role: b.monitoringRole.Name, PolicyArn: pulumi.String("arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"),
	}, b.parent)
	return err
}

// logGroups exist before RDS would make them without key and retention.
func (b *builder) logGroups(suffix, identifier string) ([]pulumi.Resource, error) {
	var groups []pulumi.Resource
	keep := b.Scope.Stateful(b.parent)
	if suffix != "" { // the replica goes when nobody reads from it any more, and its logs with it
		keep = []pulumi.ResourceOption{b.parent}
	}
	for _, export := range LogExports(b.Database.Engine) {
		path := LogGroup(identifier, export)
		group, err := cloudwatch.NewLogGroup(b.ctx, b.name+suffix+"-log-"+export, &cloudwatch.LogGroupArgs{
			Name: pulumi.String(path), KmsKeyId: b.LogsKeyArn.ToStringOutput(), RetentionInDays: pulumi.Int(b.LogDays),
			Tags: b.Scope.Tags(logClass(export), path),
		}, keep...)
		if err != nil {
			return nil, err
		}
		b.db.LogGroups = append(b.db.LogGroups, path)
		groups = append(groups, group)
	}
	return groups, nil
}

// logClass tells the logs that say who did what from those that say how it went. PostgreSQL writes both into one.
func logClass(export string) scope.DataClass {
	if export == "audit" || export == "postgresql" {
		return scope.Audit
	}
	return scope.Telemetry
}

func (b *builder) replicaIdentifier() string {
	return b.Scope.Name(naming.DBInstance, "database", "replica")
}
