// Package edge puts Cloudflare in front of a client: the load balancer that is
// the client's host name and knows which origin is healthy, and, in the one
// stack that manages the zone, the zone's settings, its firewall, rate limits,
// cache and DNSSEC.
//
// Cloudflare keeps one list of rules per zone and phase, so that two stacks in
// one zone would fight over it. The stack with manageZone therefore carries the
// rules for every host name in the zone; the others make only what is theirs
// alone (load balancer, pools, monitor, notifications) and stand behind the
// owner's rules.
//
// It knows origins by host name and nothing of what runs behind them.
package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe the edge of one client. Providers: cloudflare.
type Args struct {
	Scope scope.Scope
	Edge  spec.Edge
	// Origins in order of preference: the primary first, standbys last. At least one that is no standby.
	Origins []Origin
	// CheckRegions are Cloudflare's codes of the regions that probe the origins. Default WEU, Western Europe.
	CheckRegions []string
	// Emails are told when an origin's health changes. None: nobody is.
	Emails []string
}

// Origin is one place that serves the client, known by its public host name or address.
type Origin struct {
	Name    string // unique among the origins, such as "primary"
	Host    pulumi.StringInput
	Standby bool // takes over when those before it fail
}

// Edge is what stands in front of the client.
type Edge struct {
	pulumi.ResourceState

	Hostname       pulumi.StringOutput
	LoadBalancerID pulumi.StringOutput
	MonitorID      pulumi.StringOutput
	PoolIDs        pulumi.StringArrayOutput // in order of preference
	// DNSSECRecord is the DS record that the zone's registrar needs; nil where the zone is managed elsewhere.
	DNSSECRecord *pulumi.StringOutput
}

// HealthPath answers 200 when an origin can serve.
const HealthPath = "/healthz"

func (a Args) managesZone() bool { return a.Edge.ManageZone == nil || *a.Edge.ManageZone }

func (a Args) check() error {
	var errs []error
	fail := func(format string, values ...any) { errs = append(errs, fmt.Errorf(format, values...)) }
	for what, value := range map[string]string{
		"hostname": a.Edge.Hostname, "zone": a.Edge.Zone, "zone id": a.Edge.ZoneID, "account id": a.Edge.AccountID,
	} {
		if value == "" {
			fail("%s is empty: set it in the spec's edge section", what)
		}
	}
	if h, z := a.Edge.Hostname, a.Edge.Zone; h != z && !strings.HasSuffix(h, "."+z) {
		fail("host name %q lies outside zone %q", h, z)
	}
	if a.managesZone() {
		if a.Edge.RateLimit.Requests <= 0 || a.Edge.RateLimit.PeriodSeconds <= 0 {
			fail("rate limit is %d requests in %d s: both must be positive", a.Edge.RateLimit.Requests, a.Edge.RateLimit.PeriodSeconds)
		}
		if a.Edge.HSTSDays < 180 {
			fail("strict transport security lasts %d days: use 180 or more", a.Edge.HSTSDays)
		}
	}
	if !slices.ContainsFunc(a.Origins, func(o Origin) bool { return !o.Standby }) {
		fail("no origin serves: pass at least one that is no standby")
	}
	names := map[string]bool{}
	standby := false
	for _, o := range a.Origins {
		switch {
		case o.Name == "" || o.Host == nil:
			fail("origin %q needs a name and a host", o.Name)
		case names[o.Name]:
			fail("two origins are called %q", o.Name)
		case standby && !o.Standby:
			fail("origin %q comes after a standby: list standbys last", o.Name)
		}
		names[o.Name], standby = true, standby || o.Standby
	}
	slices.SortFunc(errs, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
	return errors.Join(errs...)
}

// New makes the client's load balancer and, where this stack manages the zone, what protects the whole zone.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Edge, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	if len(args.CheckRegions) == 0 {
		args.CheckRegions = []string{"WEU"}
	}
	e := &Edge{Hostname: pulumi.String(args.Edge.Hostname).ToStringOutput()}
	inputs := pulumi.Map{
		"hostname": pulumi.String(args.Edge.Hostname), "zone": pulumi.String(args.Edge.Zone),
		"manageZone": pulumi.Bool(args.managesZone()),
	}
	if err := ctx.RegisterComponentResourceV2("berth:edge:Edge", name, inputs, e, opts...); err != nil {
		return nil, err
	}
	b := builder{ctx: ctx, name: name, args: args, edge: e}
	if err := b.balance(); err != nil {
		return nil, fmt.Errorf("edge %q: %w", name, err)
	}
	if args.managesZone() {
		if err := errors.Join(b.zone(), b.certificateAuthorities(), b.firewall(), b.limits(), b.cache()); err != nil {
			return nil, fmt.Errorf("edge %q: zone %s: %w", name, args.Edge.Zone, err)
		}
	}
	outputs := pulumi.Map{"hostname": e.Hostname, "loadBalancerId": e.LoadBalancerID, "poolIds": e.PoolIDs}
	return e, ctx.RegisterResourceOutputs(e, outputs)
}

// builder carries what every step of New needs.
type builder struct {
	ctx  *pulumi.Context
	name string
	args Args
	edge *Edge
}

func (b builder) zoneID() pulumi.String    { return pulumi.String(b.args.Edge.ZoneID) }
func (b builder) accountID() pulumi.String { return pulumi.String(b.args.Edge.AccountID) }

func (b builder) child() pulumi.ResourceOption { return pulumi.Parent(b.edge) }

// balance makes the host name itself: a proxied load balancer over one pool an origin, tried in order.
func (b builder) balance() error {
	host := b.args.Edge.Hostname
	monitor, err := cloudflare.NewLoadBalancerMonitor(b.ctx, b.name+"-monitor", &cloudflare.LoadBalancerMonitorArgs{
		AccountId: b.accountID(), Description: pulumi.Sprintf("berth: %s is healthy", host),
		Type: pulumi.String("https"), Method: pulumi.String("GET"), Path: pulumi.String(HealthPath), Port: pulumi.Int(443),
		ExpectedCodes: pulumi.String("200"), FollowRedirects: pulumi.Bool(false), AllowInsecure: pulumi.Bool(false),
		Interval: pulumi.Int(60), Timeout: pulumi.Int(5), Retries: pulumi.Int(2),
		// The probe comes as the zone would, with its client certificate: the origin refuses others.
		ProbeZone: pulumi.String(b.args.Edge.Zone),
		Headers: cloudflare.LoadBalancerMonitorHeaderArray{cloudflare.LoadBalancerMonitorHeaderArgs{
			Header: pulumi.String("Host"), Values: pulumi.ToStringArray([]string{host})}},
	}, b.child())
	if err != nil {
		return err
	}
	b.edge.MonitorID = monitor.ID().ToStringOutput()

	var pools pulumi.StringArray
	for _, origin := range b.args.Origins {
		pool, err := cloudflare.NewLoadBalancerPool(b.ctx, b.name+"-pool-"+origin.Name, &cloudflare.LoadBalancerPoolArgs{
			AccountId: b.accountID(), Name: pulumi.String(b.args.Scope.Name(naming.Pool, origin.Name)),
			Description: pulumi.Sprintf("berth: %s, %s", host, origin.role()),
			Monitor:     monitor.ID().ToStringOutput(), MinimumOrigins: pulumi.Int(1), Enabled: pulumi.Bool(true),
			CheckRegions: pulumi.ToStringArray(b.args.CheckRegions),
			Origins: cloudflare.LoadBalancerPoolOriginArray{cloudflare.LoadBalancerPoolOriginArgs{
				Name: pulumi.String(origin.Name), Address: origin.Host, Enabled: pulumi.Bool(true), Weight: pulumi.Float64(1),
				Headers: cloudflare.LoadBalancerPoolOriginHeaderArray{cloudflare.LoadBalancerPoolOriginHeaderArgs{
					Header: pulumi.String("Host"), Values: pulumi.ToStringArray([]string{host})}},
			}},
		}, b.child())
		if err != nil {
			return err
		}
		pools = append(pools, pool.ID().ToStringOutput())
	}
	b.edge.PoolIDs = pools.ToStringArrayOutput()

	balancer, err := cloudflare.NewLoadBalancer(b.ctx, b.name+"-balancer", &cloudflare.LoadBalancerArgs{
		ZoneId: b.zoneID(), Name: pulumi.String(host), Description: pulumi.Sprintf("berth: %s", host),
		Enabled: pulumi.Bool(true), Proxied: pulumi.Bool(true),
		DefaultPoolIds: pools, FallbackPoolId: pools[len(pools)-1],
		// "off" tries the pools in order; sessions live in the cache, so that any machine can answer.
		SteeringPolicy: pulumi.String("off"), SessionAffinity: pulumi.String("none"),
		AdaptiveRoutings: cloudflare.LoadBalancerAdaptiveRoutingArray{
			cloudflare.LoadBalancerAdaptiveRoutingArgs{FailoverAcrossPools: pulumi.Bool(true)}},
	}, b.child())
	if err != nil {
		return err
	}
	b.edge.LoadBalancerID = balancer.ID().ToStringOutput()
	return b.notify(pools)
}

func (o Origin) role() string {
	if o.Standby {
		return "standby"
	}
	return "serving"
}

// notify tells people when Cloudflare sees an origin fail or recover (AV-7).
func (b builder) notify(pools pulumi.StringArray) error {
	if len(b.args.Emails) == 0 {
		return nil
	}
	var people cloudflare.NotificationPolicyEmailIntegrationArray
	for _, email := range b.args.Emails {
		people = append(people, cloudflare.NotificationPolicyEmailIntegrationArgs{Id: pulumi.String(email), Name: pulumi.String(email)})
	}
	_, err := cloudflare.NewNotificationPolicy(b.ctx, b.name+"-health", &cloudflare.NotificationPolicyArgs{
		AccountId: b.accountID(), Name: pulumi.String(b.args.Scope.Name(naming.Text, "origin-health")),
		Description: pulumi.Sprintf("berth: an origin of %s failed or recovered", b.args.Edge.Hostname),
		Enabled:     pulumi.Bool(true), AlertType: pulumi.String("load_balancing_health_alert"), EmailIntegrations: people,
		Filters: cloudflare.NotificationPolicyFiltersArgs{
			PoolIds: pools, NewHealths: pulumi.ToStringArray([]string{"Healthy", "Unhealthy"}),
			EventSources: pulumi.ToStringArray([]string{"origin", "pool"})},
	}, b.child())
	return err
}
