// Package awsclient is the program of one client on AWS, standard or dedicated
// tier: network, machines, databases, backups in two regions, alarms, and
// Cloudflare in front. It composes components and has no logic of its own
// beyond who is told about whom; the order of the steps is the order in which
// they need each other.
//
// What belongs to the whole account (trail, staff, password policy, GuardDuty)
// is the organisation's stack.
package awsclient

import (
	"github.com/berth-iac/berth/components/access"
	"github.com/berth-iac/berth/components/alerting"
	"github.com/berth-iac/berth/components/backup"
	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/cache"
	"github.com/berth-iac/berth/components/certificate"
	"github.com/berth-iac/berth/components/compute"
	"github.com/berth-iac/berth/components/configuration"
	"github.com/berth-iac/berth/components/database"
	"github.com/berth-iac/berth/components/documents"
	"github.com/berth-iac/berth/components/edge"
	"github.com/berth-iac/berth/components/encryption"
	"github.com/berth-iac/berth/components/firewall"
	"github.com/berth-iac/berth/components/loadbalancer"
	"github.com/berth-iac/berth/components/monitoring"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/trail"
	"github.com/berth-iac/berth/components/verifier"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/output"
	"github.com/berth-iac/berth/stacks/providers"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// globalRegion is where Route 53 keeps the metrics of health checks, for every region.
const globalRegion = "us-east-1"

// originCA is where the organisation publishes the authority that signs Cloudflare's client certificate.
const originCA = "edge/origin-pull-ca.pem"

// trailDays is how long the record of every call in the account is locked, and can be searched, at least.
const trailDays = 365

// client carries what the steps share.
type client struct {
	ctx   *pulumi.Context
	spec  *spec.AWSClient
	scope scope.Scope

	primary, second, global *aws.Provider // second is nil where nothing is copied

	keys          *encryption.Keys
	channels      *alerting.Channels
	logs          *bucket.Bucket
	secondLogs    *bucket.Bucket
	trail         *trail.Trail
	network       *network.Network
	certificate   *certificate.Certificate
	balancer      *loadbalancer.LoadBalancer
	firewall      *firewall.Firewall
	identity      *compute.Identity
	database      *database.Database
	documents     *documents.Documents
	cache         *cache.Cache
	files         *bucket.Bucket
	filesCopy     *bucket.Bucket // nil where there is no second region
	backup        *backup.Backup
	configuration *configuration.Configuration
	machines      *compute.Compute
	bi            *access.BI
	breakGlass    *access.BreakGlass
	monitoring    *monitoring.Monitoring
	edge          *edge.Edge
	verifier      *verifier.Verifier // nil where the spec names nobody
}

// Program registers everything that one client on AWS has.
func Program(ctx *pulumi.Context, s *spec.AWSClient) error {
	c := &client{ctx: ctx, spec: s, scope: scope.Scope{
		Client: s.Client.Name, Environment: string(s.Environment), Stack: ctx.Stack(),
		Account: s.AWS.Account, Region: s.AWS.Region,
		Protect: s.Environment == spec.Production && s.Leaving == nil,
	}}
	for _, step := range []func() error{
		c.regions, c.foundations, c.front, c.data, c.copies, c.service, c.doors, c.watch, c.outside, c.proof,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return output.Export(ctx, c.outputs())
}

// regions makes the provider of each region that the client has something in.
func (c *client) regions() (err error) {
	if c.primary, err = providers.AWS(c.ctx, "aws", c.scope.Region, c.scope, c.spec.AWS.DeployRoleArn); err != nil {
		return err
	}
	if region := c.spec.Backup.SecondRegion; region != "" {
		if c.second, err = providers.AWS(c.ctx, "aws-second", region, c.scope, c.spec.AWS.DeployRoleArn); err != nil {
			return err
		}
	}
	c.global, err = providers.AWS(c.ctx, "aws-global", globalRegion, c.scope, c.spec.AWS.DeployRoleArn)
	return err
}

// in are the options of a component whose resources are in the client's own region.
func (c *client) in() pulumi.ResourceOption { return pulumi.Providers(c.primary) }

// secondProvider is an interface without a value where there is no second region.
func (c *client) secondProvider() pulumi.ProviderResource {
	if c.second == nil {
		return nil
	}
	return c.second
}

// foundations are what everything else stands on: keys, channels for alarms, targets of access logs, the network.
func (c *client) foundations() (err error) {
	s := c.spec
	if c.keys, err = encryption.New(c.ctx, "encryption", encryption.Args{
		Scope: c.scope, Second: c.secondProvider(), SecondRegion: s.Backup.SecondRegion,
	}, c.in()); err != nil {
		return err
	}
	channels := alerting.Args{
		Scope: c.scope, Alerts: s.Alerts, KeyArn: c.keys.Alerts.Arn,
		Second: c.secondProvider(), SecondRegion: s.Backup.SecondRegion, Global: c.global,
	}
	if c.keys.SecondAlerts != nil {
		channels.SecondKeyArn = c.keys.SecondAlerts.Arn
	}
	if c.channels, err = alerting.New(c.ctx, "alerting", channels, c.in()); err != nil {
		return err
	}
	if c.logs, err = bucket.LogTarget(c.ctx, "access-logs", c.scope, c.scope.Region, s.Service.LogDays, nil, c.in()); err != nil {
		return err
	}
	if c.second != nil {
		if c.secondLogs, err = bucket.LogTarget(c.ctx, "second-access-logs", c.scope, s.Backup.SecondRegion, s.Service.LogDays, nil,
			pulumi.Providers(c.second)); err != nil {
			return err
		}
	}
	days := max(trailDays, s.Service.LogDays)
	records := trail.Args{
		Scope: c.scope, Days: days, LogDays: days, Second: c.secondProvider(), SecondRegion: s.Backup.SecondRegion,
		LogsTo: c.logs.Name, TopicArn: c.channels.TopicArn,
	}
	if c.second != nil {
		records.SecondLogsTo = c.secondLogs.Name
	}
	if c.trail, err = trail.New(c.ctx, "trail", records, c.in()); err != nil {
		return err
	}
	c.network, err = network.New(c.ctx, "network", network.Args{
		Scope: c.scope, CIDR: s.Network.CIDR, Zones: s.ZoneNames(), NATGateways: s.Network.NATGateways,
		DatabasePorts: c.databasePorts(), ReleaseBucket: s.Service.Release.Bucket,
		FlowLogDays: s.Network.FlowLogDays, LogsKeyArn: c.keys.Logs.Arn,
	}, c.in())
	return err
}

// databasePorts are the only ports that are open in the isolated subnets.
func (c *client) databasePorts() []int {
	ports := []int{database.Port(c.spec.Database.Engine)}
	if c.spec.Documents != nil {
		ports = append(ports, documents.Port)
	}
	if c.spec.Cache != nil {
		ports = append(ports, cache.Port)
	}
	return ports
}

// front is what a request meets inside AWS: certificate, load balancer, firewall; and who the machines behind it are.
func (c *client) front() (err error) {
	s := c.spec
	if c.certificate, err = certificate.New(c.ctx, "certificate", certificate.Args{
		Scope: c.scope, Hostname: s.Edge.Hostname, ZoneID: s.Edge.ZoneID,
	}, c.in()); err != nil {
		return err
	}
	if c.balancer, err = loadbalancer.New(c.ctx, "load-balancer", loadbalancer.Args{
		Scope: c.scope, Network: c.network, Hostname: s.Edge.Hostname, CertificateArn: c.certificate.Arn,
		TrustBundleBucket: s.Service.Release.Bucket, TrustBundleKey: originCA, LogDays: s.Service.LogDays, LogsTo: c.logs.Name,
	}, c.in()); err != nil {
		return err
	}
	if c.firewall, err = firewall.New(c.ctx, "firewall", firewall.Args{
		Scope: c.scope, LoadBalancerArn: c.balancer.Arn, Hostname: s.Edge.Hostname, RateLimit: s.Edge.RateLimit,
		LogsKeyArn: c.keys.Logs.Arn, LogDays: s.Service.LogDays,
	}, c.in()); err != nil {
		return err
	}
	c.identity, err = compute.NewIdentity(c.ctx, "identity", compute.IdentityArgs{
		Scope: c.scope, Network: c.network, LoadBalancer: c.balancer,
	}, c.in())
	return err
}
