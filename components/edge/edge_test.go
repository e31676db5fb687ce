package edge_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/edge"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() edge.Args {
	manage := true
	return edge.Args{
		Scope: scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Edge: spec.Edge{
			Hostname: "acme.taskflow.example", Zone: "taskflow.example",
			ZoneID: "023e105f4ecef8ad9ca31a8372d0c353", AccountID: "01a7362d577a6c3019a474fd6f485823",
			ManageZone: &manage, Argo: true, RateLimit: spec.RateLimit{Requests: 600, PeriodSeconds: 60}, HSTSDays: 365,
		},
		Origins: []edge.Origin{
			{Name: "primary", Host: pulumi.String("alb-1.eu-west-2.elb.amazonaws.com")},
			{Name: "standby", Host: pulumi.String("alb-2.eu-west-1.elb.amazonaws.com"), Standby: true},
		},
		Emails: []string{"operations@northwind.example"},
	}
}

func program(args edge.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := edge.New(ctx, "edge", args)
		return err
	}
}

func TestNew(t *testing.T) {
	shared := false
	for name, change := range map[string]func(*edge.Args){
		"zone_owner":     func(*edge.Args) {},
		"in_shared_zone": func(a *edge.Args) { a.Edge.ManageZone, a.Edge.Argo, a.Origins = &shared, false, a.Origins[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			args := reference()
			change(&args)
			graphtest.Golden(t, "", program(args))
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*edge.Args)
		want   string
	}{
		"no hostname":         {func(a *edge.Args) { a.Edge.Hostname = "" }, "hostname is empty: set it in the spec's edge section"},
		"outside the zone":    {func(a *edge.Args) { a.Edge.Hostname = "acme.example" }, `host name "acme.example" lies outside zone "taskflow.example"`},
		"no rate":             {func(a *edge.Args) { a.Edge.RateLimit.Requests = 0 }, "rate limit is 0 requests in 60 s: both must be positive"},
		"short HSTS":          {func(a *edge.Args) { a.Edge.HSTSDays = 30 }, "strict transport security lasts 30 days: use 180 or more"},
		"only a standby":      {func(a *edge.Args) { a.Origins = a.Origins[1:] }, "no origin serves: pass at least one that is no standby"},
		"two of one name":     {func(a *edge.Args) { a.Origins[1].Name = "primary" }, `two origins are called "primary"`},
		"origin without host": {func(a *edge.Args) { a.Origins[0].Host = nil }, `origin "primary" needs a name and a host`},
		"standby first": {func(a *edge.Args) { a.Origins[0], a.Origins[1] = a.Origins[1], a.Origins[0] },
			`origin "primary" comes after a standby: list standbys last`},
		"several at once": {func(a *edge.Args) { a.Edge.ZoneID, a.Edge.HSTSDays = "", 1 },
			"edge \"edge\": strict transport security lasts 1 days: use 180 or more\nzone id is empty: set it in the spec's edge section"},
	} {
		t.Run(name, func(t *testing.T) {
			args := reference()
			tc.change(&args)
			resources, err := graphtest.Run(graphtest.Preview, program(args))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
			if len(resources) > 0 {
				t.Errorf("%d resources were registered before the arguments were checked", len(resources))
			}
		})
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference()))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("DP-4 HTTPS only, TLS 1.2 or later, strict transport security", func(t *testing.T) {
		settings := graphtest.Find(t, resources, "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride", "edge-settings").Inputs["settings"].(map[string]any)
		for key, want := range map[string]any{"ssl": "strict", "minTlsVersion": "1.2", "tls13": "on", "alwaysUseHttps": "on", "zeroRtt": "off"} {
			if settings[key] != want {
				t.Errorf("%s = %v, want %v", key, settings[key], want)
			}
		}
		header := settings["securityHeader"].(map[string]any)
		for key, want := range map[string]any{"enabled": true, "includeSubdomains": true, "preload": true, "nosniff": true, "maxAge": 365.0 * 86400} {
			if header[key] != want {
				t.Errorf("HSTS %s = %v, want %v", key, header[key], want)
			}
		}
	})
	t.Run("AV-11 traffic goes through Cloudflare to the first healthy origin", func(t *testing.T) {
		lb := graphtest.Find(t, resources, "cloudflare:index/loadBalancer:LoadBalancer", "edge-balancer").Inputs
		if lb["proxied"] != true || lb["steeringPolicy"] != "off" || lb["fallbackPoolId"] != "edge-pool-standby-id" {
			t.Errorf("load balancer = %v", lb)
		}
		if pools := lb["defaultPoolIds"].([]any); len(pools) != 2 || pools[0] != "edge-pool-primary-id" {
			t.Errorf("pools = %v, want the primary first", pools)
		}
		graphtest.Find(t, resources, "cloudflare:index/argo:Argo", "edge-argo")
	})
	t.Run("AV-12 requests are counted, and origins recognise the edge by its certificate", func(t *testing.T) {
		rules := graphtest.Find(t, resources, "cloudflare:index/ruleset:Ruleset", "edge-rate-limits").Inputs["rules"].([]any)
		all := rules[len(rules)-1].(map[string]any)
		limit := all["ratelimit"].(map[string]any)
		if all["action"] != "block" || limit["requestsPerPeriod"] != 600.0 || limit["period"] != 60.0 {
			t.Errorf("rate limit = %v", all)
		}
		pulls := graphtest.Find(t, resources, "cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls", "edge-origin-pulls")
		if pulls.Inputs["enabled"] != true {
			t.Error("authenticated origin pulls are off")
		}
		monitor := graphtest.Find(t, resources, "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor", "edge-monitor")
		if monitor.Inputs["probeZone"] != "taskflow.example" {
			t.Error("the monitor would come without the client certificate that origins ask for")
		}
	})
}

func TestStacksInOneZoneDoNotFight(t *testing.T) {
	shared := false
	args := reference()
	args.Edge.ManageZone = &shared
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources {
		switch r.Type {
		case "berth:edge:Edge", "cloudflare:index/loadBalancer:LoadBalancer", "cloudflare:index/loadBalancerPool:LoadBalancerPool",
			"cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor", "cloudflare:index/notificationPolicy:NotificationPolicy":
		default:
			t.Errorf("%s %q belongs to the zone's owner", r.Type, r.Name)
		}
	}
}
