// Package monitoring watches a client's environment: alarms on everything that
// people or data depend on, one composite alarm that says "the service is down",
// a health check from outside (AV-1), rules that carry the cloud's own warnings
// to people (AV-7, BK-9), and a dashboard.
//
// It knows metrics and names; what is measured is told to it by name, and a part
// that the client does not have is nil. Who is told is decided by the topics.
package monitoring

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args name what is watched. Providers: aws.
type Args struct {
	Scope    scope.Scope
	Hostname string
	// TopicArn is told of alarms and events of the scope's region.
	TopicArn pulumi.StringInput
	// Global is the provider of us-east-1, where health checks keep their metric; GlobalTopicArn is a topic there.
	Global         pulumi.ProviderResource
	GlobalTopicArn pulumi.StringInput

	LoadBalancer LoadBalancer
	Machines     Machines
	Database     Database
	Documents    *Documents // nil: none
	Cache        *Cache     // nil: none
	NATGateways  []NATGateway
	Firewall     *Firewall // nil: none
	Backup       *Backup   // nil: none
	Replications []Replication
	// Second is the provider of the second region, SecondTopicArn a topic there; nil: there is none. Vaults are guarded,
	// and replication is timed, where the copies arrive.
	Second         pulumi.ProviderResource
	SecondTopicArn pulumi.StringInput
	// CertificateArn of the load balancer; nil: not watched.
	CertificateArn pulumi.StringInput
}

// LoadBalancer by the suffixes of its ARNs, as CloudWatch knows them.
type LoadBalancer struct{ ArnSuffix, TargetGroupArnSuffix pulumi.StringInput }

// Machines is the auto-scaling group of the service.
type Machines struct {
	GroupName pulumi.StringInput
	Min       int
	// LogGroup holds the service's structured logs; nil: its errors are not counted.
	LogGroup pulumi.StringInput
}

// Database is the relational database.
type Database struct {
	Identifier     pulumi.StringInput
	Replica        pulumi.StringInput // nil: none
	StorageGiB     int
	MaxConnections int // 0: connections are not watched
}

// Documents is the DocumentDB cluster.
type Documents struct{ ClusterIdentifier pulumi.StringInput }

// Cache is the Redis replication group; its nodes are called "<id>-001" and so on.
type Cache struct {
	ReplicationGroupID pulumi.StringInput
	Nodes              int
}

// NATGateway is one way out.
type NATGateway struct {
	Name string // such as "a"
	ID   pulumi.StringInput
}

// Firewall is the regional web ACL.
type Firewall struct{ Name pulumi.StringInput }

// Backup is where snapshots go.
type Backup struct{ VaultName pulumi.StringInput }

// Replication copies a bucket's objects to the second region.
type Replication struct {
	Name                string // such as "backup"
	Source, Destination pulumi.StringInput
	RuleID              string
}

// Monitoring is what watches.
type Monitoring struct {
	pulumi.ResourceState

	ServiceDownAlarmArn pulumi.StringOutput // the composite alarm
	HealthCheckID       pulumi.StringOutput
	DashboardName       pulumi.StringOutput
}

func (a Args) check() error {
	var errs []error
	need := func(missing bool, what string) {
		if missing {
			errs = append(errs, errors.New(what))
		}
	}
	need(a.Hostname == "", "host name is empty: there is nothing to check from outside")
	need(a.TopicArn == nil, "no topic is given: pass the alert channels' topic")
	need(a.Global == nil || a.GlobalTopicArn == nil, "health checks report in us-east-1: pass its provider and its topic")
	need(a.LoadBalancer.ArnSuffix == nil || a.LoadBalancer.TargetGroupArnSuffix == nil, "the load balancer's suffixes are missing")
	need(a.Machines.GroupName == nil || a.Machines.Min < 1, "the machines need their group's name and a minimum of 1 or more")
	need(a.Database.Identifier == nil || a.Database.StorageGiB < 1, "the database needs its identifier and its storage")
	need(a.Cache != nil && (a.Cache.ReplicationGroupID == nil || a.Cache.Nodes < 1), "the cache needs its id and 1 node or more")
	need((a.Second == nil) != (a.SecondTopicArn == nil), "the second region needs its provider and a topic there, both or none")
	need(len(a.Replications) > 0 && a.Second == nil, "replication is timed in the second region: pass its provider and a topic there")
	names := map[string]bool{}
	for _, r := range a.Replications {
		need(r.Name == "" || r.Source == nil || r.Destination == nil || r.RuleID == "", fmt.Sprintf("replication %q needs a name, both buckets and its rule's id", r.Name))
	}
	for _, n := range a.NATGateways {
		need(n.Name == "" || n.ID == nil || names[n.Name], fmt.Sprintf("NAT gateway %q needs an id and a name of its own", n.Name))
		names[n.Name] = true
	}
	return errors.Join(errs...)
}

// New makes alarms, health check, rules and dashboard.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Monitoring, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("monitoring %q: %w", name, err)
	}
	m := &Monitoring{}
	if err := ctx.RegisterComponentResourceV2("berth:monitoring:Monitoring", name,
		pulumi.Map{"hostname": pulumi.String(args.Hostname)}, m, opts...); err != nil {
		return nil, err
	}
	b := builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(m)}
	if err := errors.Join(b.logs(), b.alarms(m), b.outside(m), b.events(), b.dashboard(m)); err != nil {
		return nil, fmt.Errorf("monitoring %q: %w", name, err)
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{
		"serviceDownAlarmArn": m.ServiceDownAlarmArn, "healthCheckId": m.HealthCheckID, "dashboardName": m.DashboardName,
	})
}

// builder carries what every step of New needs.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   Args
	parent pulumi.ResourceOption
}
