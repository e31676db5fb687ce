// Package cache gives a client a Redis of its own (DP-1) for sessions, cached
// values and rate limits: an Amazon ElastiCache replication group in isolated
// subnets, encrypted with the client's key and over TLS, with a replica in another
// zone where asked for.
//
// There is no password anywhere: the service's machines sign in with their role
// (IAM authentication), and Redis's own default user is off. What is cached may be
// lost at any time; the nightly snapshot only saves people from signing in again.
package cache

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/securitygroup"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/elasticache"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// Port is where Redis listens, with TLS.
	Port = 6379

	engine        = "redis"
	engineVersion = "7.1"
	family        = "redis7"
	// snapshotWindow is an hour, the least that ElastiCache takes.
	snapshotWindow = "00:00-01:00"
	// minMaintenanceMinutes is the least that ElastiCache takes.
	minMaintenanceMinutes = 60

	// rights are what the service does with Redis: its data, transactions and scripts, no administration.
	rights = "on ~* &* -@all +@read +@write +@connection +@transaction +@scripting +@pubsub -@admin -@dangerous +info"
	// noRights switch a user off.
	noRights = "off ~* -@all"
)

// Args describe a client's cache.
type Args struct {
	Scope scope.Scope
	Cache spec.Cache // decoded: every field has a value

	VPCID     pulumi.StringInput
	SubnetIDs pulumi.StringArrayInput // isolated, in two zones or more
	// ClientSecurityGroupID belongs to the machines that use the cache. Nobody else reaches it.
	ClientSecurityGroupID pulumi.StringInput

	KeyArn     pulumi.StringInput // encrypts memory swapped to disk and snapshots
	LogsKeyArn pulumi.StringInput
	LogDays    int
	TopicArn   pulumi.StringInput // hears of failovers and replacements

	SnapshotDays int // 1 to 35
	// MaintenanceWindow in UTC, as in "sun:02:00-sun:04:00": an hour at least, clear of 00:00 to 01:00.
	MaintenanceWindow string
}

// Cache is a client's Redis.
type Cache struct {
	pulumi.ResourceState

	ReplicationGroupID pulumi.StringOutput
	Arn                pulumi.StringOutput
	Endpoint           pulumi.StringOutput // of the primary, host name without the port
	Port               int
	UserID             string // also the user's name, as IAM authentication asks
	// ConnectArns are what a role must be allowed to elasticache:Connect to.
	ConnectArns     []pulumi.StringInput
	SecurityGroupID pulumi.StringOutput
	// NodeIDs name the nodes in metrics.
	NodeIDs   []string
	LogGroups []string
}

func (a Args) check() error {
	var errs []error
	fail := func(format string, v ...any) { errs = append(errs, fmt.Errorf(format, v...)) }
	if a.Cache.NodeType == "" {
		fail("node type is empty: decode the spec, which sets it by tier")
	}
	if a.Cache.Replicas == nil {
		fail("replicas is not set: decode the spec, which sets it by environment")
	} else if n := *a.Cache.Replicas; n < 0 || n > 5 {
		fail("%d replicas: use 0 to 5", n)
	}
	if a.SnapshotDays < 1 || a.SnapshotDays > 35 {
		fail("snapshots are kept %d days: use 1 to 35", a.SnapshotDays)
	}
	if a.LogDays <= 0 {
		fail("logs are kept %d days: use at least 1", a.LogDays)
	}
	if minutes, err := windowMinutes(a.MaintenanceWindow); err != nil {
		errs = append(errs, err)
	} else if minutes < minMaintenanceMinutes {
		fail("the maintenance window %s is %d minutes long: ElastiCache takes no less than %d", a.MaintenanceWindow, minutes, minMaintenanceMinutes)
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

// New makes the cache. It checks args before it registers anything.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Cache, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("cache %q: %w", name, err)
	}
	c := &Cache{Port: Port}
	inputs := pulumi.Map{"nodeType": pulumi.String(args.Cache.NodeType), "replicas": pulumi.Int(*args.Cache.Replicas)}
	if err := ctx.RegisterComponentResourceV2("berth:cache:Cache", name, inputs, c, opts...); err != nil {
		return nil, err
	}
	b := builder{ctx, name, args, c, pulumi.Parent(c)}
	if err := b.firewall(); err != nil {
		return nil, err
	}
	users, err := b.users()
	if err != nil {
		return nil, err
	}
	if err := b.replicationGroup(users); err != nil {
		return nil, err
	}
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{
		"replicationGroupId": c.ReplicationGroupID, "endpoint": c.Endpoint, "port": pulumi.Int(Port), "userId": pulumi.String(c.UserID),
	})
}

type builder struct {
	ctx  *pulumi.Context
	name string
	Args
	cache  *Cache
	parent pulumi.ResourceOption
}

// firewall lets the client's machines in on Redis's port, and nothing out (DP-2).
func (b builder) firewall() (err error) {
	b.cache.SecurityGroupID, err = securitygroup.New(b.ctx, b.name, securitygroup.Args{
		Scope: b.Scope, Part: "cache", What: "The cache", Peer: "The cache", Port: Port,
		VPCID: b.VPCID, ClientSecurityGroupID: b.ClientSecurityGroupID,
	}, b.parent)
	return err
}

// users are the service, which signs in with its role, and Redis's default user. Every group must have the
// latter; here it has no rights and is off.
func (b builder) users() (*elasticache.UserGroup, error) {
	b.cache.UserID = b.Scope.Name(naming.CacheUser, "service")
	service, err := elasticache.NewUser(b.ctx, b.name+"-service", &elasticache.UserArgs{
		UserId: pulumi.String(b.cache.UserID), UserName: pulumi.String(b.cache.UserID), Engine: pulumi.String(engine),
		AccessString:       pulumi.String(rights),
		AuthenticationMode: elasticache.UserAuthenticationModeArgs{Type: pulumi.String("iam")},
		Tags:               b.Scope.Tags(scope.None, b.cache.UserID),
	}, b.parent)
	if err != nil {
		return nil, err
	}
	defaultID := b.Scope.Name(naming.CacheUser, "default")
	nobody, err := elasticache.NewUser(b.ctx, b.name+"-default", &elasticache.UserArgs{
		UserId: pulumi.String(defaultID), UserName: pulumi.String("default"), Engine: pulumi.String(engine),
		AccessString:       pulumi.String(noRights),
		AuthenticationMode: elasticache.UserAuthenticationModeArgs{Type: pulumi.String("no-password-required")},
		Tags:               b.Scope.Tags(scope.None, defaultID),
	}, b.parent)
	if err != nil {
		return nil, err
	}
	groupID := b.Scope.Name(naming.CacheUser, "cache")
	return elasticache.NewUserGroup(b.ctx, b.name+"-users", &elasticache.UserGroupArgs{
		UserGroupId: pulumi.String(groupID), Engine: pulumi.String(engine),
		UserIds: pulumi.StringArray{nobody.UserId, service.UserId}, Tags: b.Scope.Tags(scope.None, groupID),
	}, b.parent)
}

func (b builder) replicationGroup(users *elasticache.UserGroup) error {
	groupName := b.Scope.Name(naming.DBGroup, "cache")
	subnets, err := elasticache.NewSubnetGroup(b.ctx, b.name+"-subnets", &elasticache.SubnetGroupArgs{
		Name: pulumi.String(groupName), Description: pulumi.String("Isolated subnets of the cache"),
		SubnetIds: b.SubnetIDs, Tags: b.Scope.Tags(scope.None, groupName),
	}, b.parent)
	if err != nil {
		return err
	}
	parametersName := b.Scope.Name(naming.DBGroup, "cache", family)
	parameters, err := elasticache.NewParameterGroup(b.ctx, b.name+"-parameters", &elasticache.ParameterGroupArgs{
		Name: pulumi.String(parametersName), Description: pulumi.String("What goes first when memory is full"), Family: pulumi.String(family),
		Parameters: elasticache.ParameterGroupParameterArray{
			// Everything has an expiry; what would expire soonest is missed least. Sessions live longest.
			elasticache.ParameterGroupParameterArgs{Name: pulumi.String("maxmemory-policy"), Value: pulumi.String("volatile-ttl")},
			elasticache.ParameterGroupParameterArgs{Name: pulumi.String("timeout"), Value: pulumi.String("900")},
		},
		Tags: b.Scope.Tags(scope.Internal, parametersName),
	}, b.parent)
	if err != nil {
		return err
	}
	id := b.Scope.Name(naming.ReplicationGroup, "cache")
	deliveries, logs, err := b.logDeliveries(id)
	if err != nil {
		return err
	}
	nodes := 1 + *b.Cache.Replicas
	args := &elasticache.ReplicationGroupArgs{
		ReplicationGroupId: pulumi.String(id), Description: pulumi.String("Sessions, cache and rate limits"),
		Engine: pulumi.String(engine), EngineVersion: pulumi.String(engineVersion), NodeType: pulumi.String(b.Cache.NodeType),
		NumCacheClusters: pulumi.Int(nodes), AutomaticFailoverEnabled: pulumi.Bool(nodes > 1), MultiAzEnabled: pulumi.Bool(nodes > 1),
		Port: pulumi.Int(Port), NetworkType: pulumi.String("ipv4"),
		SubnetGroupName: subnets.Name, ParameterGroupName: parameters.Name, SecurityGroupIds: pulumi.StringArray{b.cache.SecurityGroupID},
		TransitEncryptionEnabled: pulumi.Bool(true), TransitEncryptionMode: pulumi.String("required"), UserGroupIds: pulumi.StringArray{users.UserGroupId},
		AtRestEncryptionEnabled: pulumi.Bool(true), KmsKeyId: b.KeyArn.ToStringOutput(),
		SnapshotRetentionLimit: pulumi.Int(b.SnapshotDays), SnapshotWindow: pulumi.String(snapshotWindow),
		MaintenanceWindow: pulumi.String(b.MaintenanceWindow), AutoMinorVersionUpgrade: pulumi.Bool(true), ApplyImmediately: pulumi.Bool(false),
		LogDeliveryConfigurations: deliveries, NotificationTopicArn: b.TopicArn.ToStringOutput(),
		Tags: b.Scope.Tags(scope.Personal, id),
	}
	if b.Scope.Protect {
		args.FinalSnapshotIdentifier = pulumi.String(b.Scope.Name(naming.ReplicationGroup, "cache", "final"))
	}
	group, err := elasticache.NewReplicationGroup(b.ctx, b.name+"-group", args, b.Scope.Stateful(b.parent, pulumi.DependsOn(logs),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "90m", Update: "90m", Delete: "60m"}))...)
	if err != nil {
		return err
	}
	b.cache.ReplicationGroupID, b.cache.Arn, b.cache.Endpoint = group.ReplicationGroupId, group.Arn, group.PrimaryEndpointAddress
	b.cache.ConnectArns = []pulumi.StringInput{
		pulumi.Sprintf("%s:%s", b.Scope.ARN("elasticache", b.Scope.Region, "replicationgroup"), group.ReplicationGroupId),
		pulumi.String(b.Scope.ARN("elasticache", b.Scope.Region, "user:"+b.cache.UserID)),
	}
	for i := range nodes {
		b.cache.NodeIDs = append(b.cache.NodeIDs, fmt.Sprintf("%s-%03d", id, i+1))
	}
	return nil
}

// logDeliveries send both of Redis's logs to groups made here. The prefix is the one for which log delivery
// needs no entry in the account's resource policy, which is limited in size.
func (b builder) logDeliveries(id string) (elasticache.ReplicationGroupLogDeliveryConfigurationArray, []pulumi.Resource, error) {
	var deliveries elasticache.ReplicationGroupLogDeliveryConfigurationArray
	var groups []pulumi.Resource
	for _, kind := range []string{"engine-log", "slow-log"} {
		path := "/aws/vendedlogs/elasticache/" + id + "/" + kind
		group, err := cloudwatch.NewLogGroup(b.ctx, b.name+"-"+kind, &cloudwatch.LogGroupArgs{
			Name: pulumi.String(path), KmsKeyId: b.LogsKeyArn.ToStringOutput(), RetentionInDays: pulumi.Int(b.LogDays),
			Tags: b.Scope.Tags(scope.Telemetry, path),
		}, b.parent)
		if err != nil {
			return nil, nil, err
		}
		groups = append(groups, group)
		b.cache.LogGroups = append(b.cache.LogGroups, path)
		deliveries = append(deliveries, elasticache.ReplicationGroupLogDeliveryConfigurationArgs{
			Destination: group.Name, DestinationType: pulumi.String("cloudwatch-logs"), LogFormat: pulumi.String("json"), LogType: pulumi.String(kind)})
	}
	return deliveries, groups, nil
}
