package catalogue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// The reference stacks show most of what the checks of availability read, and their mutants that they read it. These
// tests are about choices of a spec that no reference stack makes.

// availabilityClient is a client in production, with an edit.
func availabilityClient(edit func(*spec.AWSClient)) *spec.Spec {
	yes, replicas := true, 1
	c := &spec.AWSClient{
		Kind: spec.KindAWSClient, Environment: spec.Production, Tier: spec.Standard, Residency: spec.UnitedKingdom,
		AWS:      spec.AWS{Account: "123456789012", Region: "eu-west-2", Zones: 3},
		Edge:     spec.Edge{Hostname: "acme.taskflow.example", Zone: "taskflow.example", ZoneID: "zone", AccountID: "account", RateLimit: spec.RateLimit{Requests: 600, PeriodSeconds: 60}},
		Service:  spec.Service{InstanceType: "t3.medium", MinMachines: 3, MaxMachines: 9},
		Database: spec.Database{InstanceClass: "db.t4g.medium", MultiAZ: &yes, StorageGiB: 50, MaxStorageGiB: 200},
		Cache:    &spec.Cache{NodeType: "cache.t4g.small", Replicas: &replicas},
		Backup:   spec.Backup{SecondRegion: "eu-west-1", CopiesAbroad: "agreed on 2026-03-02"},
		Alerts:   spec.Alerts{Emails: []string{"operations@northwind.example"}},
	}
	if edit != nil {
		edit(c)
	}
	return &spec.Spec{Kind: spec.KindAWSClient, AWSClient: c}
}

// brokenOf are the findings of a promise that do not hold, one line each.
func brokenOf(t *testing.T, id string, s *spec.Spec, resources ...*graph.Resource) []string {
	t.Helper()
	p, ok := catalogue.Find(id)
	if !ok {
		t.Fatalf("no promise %s", id)
	}
	var r promises.Report
	p.Check(promises.Subject{Stack: "prod", Spec: s, Graph: graph.New(resources), Now: time.Unix(0, 0)}, &r)
	var lines []string
	for _, f := range r.Findings() {
		if !f.Holds {
			lines = append(lines, fmt.Sprintf("%s %s: %s (%s)", f.Resource, f.Property, f.Found, f.Expected))
		}
	}
	return lines
}

func providerOf(name, region string) *graph.Resource {
	return &graph.Resource{Type: "pulumi:providers:aws", Name: name, ID: name + "-id", URN: name, Inputs: map[string]any{"region": region}}
}

func resourceOf(typeToken, name, provider string, inputs map[string]any) *graph.Resource {
	return &graph.Resource{Type: typeToken, Name: name, ID: name + "-id", URN: typeToken + name, Provider: provider, Inputs: inputs, Outputs: map[string]any{"arn": "arn:" + name}}
}

// Where data may be follows from the residency, the second region and the client's consent.
func TestResidency(t *testing.T) {
	const bucket = "aws:s3/bucketV2:BucketV2"
	for name, c := range map[string]struct {
		second string // where a copy is
		edit   func(*spec.AWSClient)
		want   string // part of what is wrong; empty: nothing
	}{
		"copies abroad by consent":        {"eu-west-1", nil, ""},
		"copies abroad without consent":   {"eu-west-1", func(c *spec.AWSClient) { c.Backup.CopiesAbroad = "" }, "consent to copies in eu-west-1 is not recorded"},
		"copies of test data":             {"eu-west-1", func(c *spec.AWSClient) { c.Backup.CopiesAbroad, c.Environment = "", spec.Staging }, ""},
		"copies where nobody asked":       {"eu-central-1", nil, "in eu-central-1"},
		"no second region is wanted":      {"eu-west-1", func(c *spec.AWSClient) { c.Backup.SecondRegion = "" }, "eu-west-2 alone"},
		"copies in the region of metrics": {"us-east-1", nil, "nothing in us-east-1 but alarms"},
		"served from elsewhere": {"eu-west-1", func(c *spec.AWSClient) { c.Residency = spec.EuropeanUnion },
			"bucket : in eu-west-2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := brokenOf(t, "AV-9", availabilityClient(c.edit), providerOf("aws", "eu-west-2"), providerOf("second", c.second),
				resourceOf(bucket, "bucket", "aws", nil), resourceOf(bucket, "copy", "second", nil))
			if all := strings.Join(got, "\n"); (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("broken:\n%s\nwant %q", all, c.want)
			}
		})
	}
	inEurope := availabilityClient(func(c *spec.AWSClient) {
		c.Residency, c.AWS.Region, c.Backup = spec.EuropeanUnion, "eu-west-1", spec.Backup{SecondRegion: "eu-central-1"}
	})
	if got := brokenOf(t, "AV-9", inEurope, providerOf("aws", "eu-west-1"), providerOf("second", "eu-central-1"),
		resourceOf(bucket, "bucket", "aws", nil), resourceOf(bucket, "copy", "second", nil)); len(got) > 0 {
		t.Errorf("copies within the residency need no consent: %q", got)
	}
	if got := brokenOf(t, "AV-9", availabilityClient(nil), providerOf("aws", "eu-west-2"), providerOf("second", "eu-west-1"),
		resourceOf("aws:rds/instance:Instance", "database", "second", nil)); len(got) != 1 {
		t.Errorf("a database in the region of copies: %q, want one finding", got)
	}
	if got := brokenOf(t, "AV-9", availabilityClient(nil), providerOf("aws", "eu-west-2"), resourceOf(bucket, "bucket", "", nil)); len(got) != 1 {
		t.Errorf("a bucket in a region that nobody names: %q, want one finding", got)
	}
}

// A stack that does not manage its zone has no rules in it; what it has is its own host name.
func TestZoneManagedElsewhere(t *testing.T) {
	no := false
	s := availabilityClient(func(c *spec.AWSClient) { c.Edge.ManageZone = &no })
	host := resourceOf("cloudflare:index/record:Record", "host", "", map[string]any{"name": "acme.taskflow.example", "type": "CNAME", "proxied": true, "zoneId": "zone"})
	if got := brokenOf(t, "AV-11", s, host); len(got) > 0 {
		t.Errorf("AV-11: %q", got)
	}
	rules := resourceOf("cloudflare:index/ruleset:Ruleset", "rules", "", map[string]any{"zoneId": "zone", "kind": "zone", "phase": "http_ratelimit"})
	if got := brokenOf(t, "AV-11", s, host, rules); len(got) != 1 || !strings.Contains(got[0], "besides it, rules") {
		t.Errorf("AV-11 with rules that the zone's owner would undo: %q", got)
	}
	for _, line := range brokenOf(t, "AV-12", s, host) {
		if strings.Contains(line, "zone") {
			t.Errorf("AV-12 asks for what the zone's owner has: %s", line)
		}
	}
	managed := strings.Join(brokenOf(t, "AV-12", availabilityClient(nil), host), "\n")
	for _, want := range []string{"no rate limits in zone", "no firewall rules in zone", "no managed rules in zone", "no authenticated origin pulls in zone"} {
		if !strings.Contains(managed, want) {
			t.Errorf("AV-12 of a managed zone without rules: no %q in\n%s", want, managed)
		}
	}
}

// AWS's firewall counts over a minute at least; a shorter period keeps its rate.
func TestRateLimitOverAWindow(t *testing.T) {
	acl := func(limit, seconds float64) []*graph.Resource {
		rule := map[string]any{"name": "rate", "priority": 0.0, "action": map[string]any{"block": map[string]any{"customResponse": map[string]any{"responseCode": 429.0}}},
			"statement": map[string]any{"rateBasedStatement": map[string]any{"limit": limit, "evaluationWindowSec": seconds, "aggregateKeyType": "FORWARDED_IP",
				"forwardedIpConfig": map[string]any{"headerName": "CF-Connecting-IP", "fallbackBehavior": "MATCH"}}}}
		return []*graph.Resource{
			resourceOf("aws:lb/loadBalancer:LoadBalancer", "balancer", "", map[string]any{}),
			resourceOf("aws:wafv2/webAcl:WebAcl", "acl", "", map[string]any{"rules": []any{rule}}),
			resourceOf("aws:wafv2/webAclAssociation:WebAclAssociation", "tie", "", map[string]any{"resourceArn": "arn:balancer", "webAclArn": "arn:acl"}),
		}
	}
	tenSeconds := availabilityClient(func(c *spec.AWSClient) { c.Edge.RateLimit = spec.RateLimit{Requests: 50, PeriodSeconds: 10} })
	for name, c := range map[string]struct {
		limit, seconds float64
		want           bool
	}{"the same rate": {300, 60, true}, "the requests of ten seconds in a minute": {50, 60, false}, "a window that AWS does not have": {50, 10, false}} {
		wrong := slices.ContainsFunc(brokenOf(t, "AV-12", tenSeconds, acl(c.limit, c.seconds)...), func(line string) bool { return strings.Contains(line, "edge.rateLimit") })
		if wrong == c.want {
			t.Errorf("%s holds: %t, want %t", name, !wrong, c.want)
		}
	}
}

// The dedicated tier has no burstable machine, even where the spec names one.
func TestDedicatedTierIsNotBurstable(t *testing.T) {
	s := availabilityClient(func(c *spec.AWSClient) { c.Tier = spec.Dedicated })
	db := resourceOf("aws:rds/instance:Instance", "database", "", map[string]any{"instanceClass": "db.t4g.medium", "allocatedStorage": 50.0, "maxAllocatedStorage": 200.0})
	if got := strings.Join(brokenOf(t, "AV-8", s, db), "\n"); !strings.Contains(got, "database instanceClass: db.t4g.medium") {
		t.Errorf("AV-8: %s", got)
	}
}

// Instances of a document cluster that are pinned to one zone are no standby of each other.
func TestDocumentsPinnedToOneZone(t *testing.T) {
	s := availabilityClient(func(c *spec.AWSClient) { c.Cache, c.Documents = nil, &spec.Documents{Instances: 2} })
	instance := func(name, zone string) *graph.Resource {
		return resourceOf("aws:docdb/clusterInstance:ClusterInstance", name, "", map[string]any{"clusterIdentifier": "documents-id", "availabilityZone": zone})
	}
	cluster := resourceOf("aws:docdb/cluster:Cluster", "documents", "", map[string]any{})
	pinned := func(lines []string) bool {
		return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "availabilityZone") })
	}
	if got := brokenOf(t, "AV-3", s, cluster, instance("one", "eu-west-2a"), instance("two", "eu-west-2a")); !pinned(got) {
		t.Errorf("both in one zone: %q", got)
	}
	if got := brokenOf(t, "AV-3", s, cluster, instance("one", "eu-west-2a"), instance("two", "eu-west-2b")); pinned(got) {
		t.Errorf("each in its own: %q", got)
	}
}

// In production all three channels are needed; elsewhere what the spec names.
func TestChannelsInProduction(t *testing.T) {
	topic := resourceOf("aws:sns/topic:Topic", "topic", "", map[string]any{})
	lines := strings.Join(brokenOf(t, "AV-7", availabilityClient(nil), topic), "\n")
	if !strings.Contains(lines, "no phone that is told by SMS") || !strings.Contains(lines, "no Slack channel") {
		t.Errorf("production without phones and Slack: %s", lines)
	}
	lines = strings.Join(brokenOf(t, "AV-7", availabilityClient(func(c *spec.AWSClient) { c.Environment = spec.Staging }), topic), "\n")
	if strings.Contains(lines, "no phone") || strings.Contains(lines, "Slack") {
		t.Errorf("staging without phones and Slack: %s", lines)
	}
	if strings.Contains(lines, "operations@northwind.example") {
		t.Errorf("a finding repeats a person's address: %s", lines)
	}
}

// Parameters say what the spec at hand says.
func TestAvailabilityParameters(t *testing.T) {
	s := availabilityClient(func(c *spec.AWSClient) {
		c.AWS.Zones, c.Service.MinMachines, c.Network.NATGateways, c.Edge.Argo = 2, 2, spec.SingleGateway, true
		c.Edge.RateLimit, c.Maintenance = spec.RateLimit{Requests: 100, PeriodSeconds: 10}, spec.Maintenance{Window: "sat:03:00-sat:05:00", NoticeDays: 1}
	})
	for id, want := range map[string][]string{
		"AV-1":  {"8.64 minutes"},
		"AV-2":  {"aws.zones=2 zones", "service.minMachines=2 machines", "network.natGateways=one for all zones"},
		"AV-3":  {"database.multiAz=in a second zone", "cache.replicas=1 replica"},
		"AV-6":  {"maintenance.noticeDays=1 day", "maintenance.window=sat:03:00-sat:05:00 UTC"},
		"AV-7":  {"alerts.emails=1 address", "alerts.phones=0 phones", "alerts.slack=no"},
		"AV-8":  {"tier=standard", "service.instanceType=t3.medium"},
		"AV-9":  {"residency=United Kingdom", "backup.secondRegion=in eu-west-1, agreed on 2026-03-02"},
		"AV-11": {"edge.argo=on", "edge.hostname=acme.taskflow.example"},
		"AV-12": {"edge.rateLimit=100 in 10 s"},
	} {
		p, _ := catalogue.Find(id)
		var got []string
		for _, parameter := range p.Parameters(promises.OnAWS, s) {
			got = append(got, parameter.Key+"="+parameter.Value)
		}
		for _, one := range want {
			if !strings.Contains(strings.Join(got, "\n"), one) {
				t.Errorf("%s: no %q in %q", id, one, got)
			}
		}
	}
}
