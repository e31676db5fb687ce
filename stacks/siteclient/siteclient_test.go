package siteclient_test

import (
	"maps"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/berth-iac/berth/stacks/siteclient"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// reference is the reference client, changed by edit.
func reference(t *testing.T, edit func(*spec.SiteClient)) *spec.SiteClient {
	t.Helper()
	return graphtest.Reference(t, "globex", func(s *spec.Spec) *spec.SiteClient { return s.SiteClient }, edit)
}

func program(s *spec.SiteClient) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return siteclient.Program(ctx, s, secrets.Invented()) }
}

func TestProgram(t *testing.T) {
	for name, edit := range map[string]func(*spec.SiteClient){
		"reference": nil,
		"staging_that_owns_its_zone": func(s *spec.SiteClient) {
			yes := true
			s.Environment, s.Edge.ManageZone = spec.Staging, &yes
		},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Outline(t, program(reference(t, edit))) })
	}
}

func TestCloudflareAsksHomeFirst(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"edge-pool-jnb": "198.51.100.10", "edge-pool-cpt": "203.0.113.10"} {
		pool := graphtest.Find(t, resources, "cloudflare:index/loadBalancerPool:LoadBalancerPool", name)
		if got := pool.Inputs["origins"].([]any)[0].(map[string]any)["address"]; got != want {
			t.Errorf("%s asks %v, want %s", name, got, want)
		}
		if regions := pool.Inputs["checkRegions"].([]any); regions[0] != "SAF" {
			t.Errorf("%s is probed from %v, want southern Africa", name, regions)
		}
	}
	balancer := graphtest.Find(t, resources, "cloudflare:index/loadBalancer:LoadBalancer", "edge-balancer")
	if pools := balancer.Inputs["defaultPoolIds"].([]any); pools[0] != "edge-pool-jnb-id" {
		t.Errorf("pools = %v, want home first", pools)
	}
	balanced, err := graphtest.Run(graphtest.Update, program(reference(t, func(s *spec.SiteClient) { s.Pair.Home.Origin = "198.51.100.99" })))
	if err != nil {
		t.Fatal(err)
	}
	pool := graphtest.Find(t, balanced, "cloudflare:index/loadBalancerPool:LoadBalancerPool", "edge-pool-jnb")
	if got := pool.Inputs["origins"].([]any)[0].(map[string]any)["address"]; got != "198.51.100.99" {
		t.Errorf("behind a load balancer Cloudflare asks %v", got)
	}
}

func TestBothMachinesGetTheClient(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{"jnb-client": "198.51.100.10", "cpt-client": "203.0.113.10"} {
		b := graphtest.Find(t, resources, "machine:index:Bundle", name)
		if got := b.Inputs["connection"].(map[string]any)["address"]; got != address || b.Inputs["name"] != "client-globex" {
			t.Errorf("%s: bundle %v at %v", name, b.Inputs["name"], got)
		}
		if b.Options["protect"] != true {
			t.Errorf("%s is not protected in production", name)
		}
	}
}

func TestAClientThatMovesReplacesNothing(t *testing.T) {
	addresses := func(edit func(*spec.SiteClient)) map[string]any {
		resources, err := graphtest.Run(graphtest.Update, program(reference(t, edit)))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]any{}
		for _, r := range resources {
			if r.Type == "machine:index:Bundle" {
				found[r.Name] = r.Inputs["connection"].(map[string]any)["address"]
			}
		}
		return found
	}
	before := addresses(nil)
	after := addresses(func(s *spec.SiteClient) { s.Pair.Home, s.Pair.Standby = s.Pair.Standby, s.Pair.Home })
	if !maps.Equal(before, after) {
		t.Errorf("bundles before %v, after %v: the machine of one changed", before, after)
	}
}
