package graph_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/graph"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sites is the preview of a pair of sites at Hetzner Cloud.
func sites() *engine.Result {
	r := &engine.Result{Stack: "sites-hetzner"}
	for typeToken, inputs := range map[string]map[string]any{
		"hcloud:index/network:Network":                   {"ipRange": "10.30.0.0/22"},
		"hcloud:index/networkSubnet:NetworkSubnet":       nil,
		"hcloud:index/placementGroup:PlacementGroup":     nil,
		"hcloud:index/sshKey:SshKey":                     nil,
		"hcloud:index/server:Server":                     {"serverType": "ccx23"},
		"hcloud:index/volume:Volume":                     {"size": 100.0},
		"hcloud:index/volumeAttachment:VolumeAttachment": nil,
		"hcloud:index/firewall:Firewall":                 nil,
		"hcloud:index/primaryIp:PrimaryIp":               nil,
		"machine:index:Keys":                             nil,
		"machine:index:Bundle":                           nil,
	} {
		for _, site := range []string{"fsn", "hel"} {
			r.Steps = append(r.Steps, engine.Step{Type: typeToken, Name: site, Component: site, Op: engine.OpCreate}.WithInputs(inputs))
		}
	}
	return r
}

var subject = graph.Subject{Stack: "prod", Title: "Acme Logistics Ltd", Detail: "production · standard tier · acme.taskflow.example",
	Region: "eu-west-2", SecondRegion: "eu-west-1"}

// client is the preview of a client's stack, as far as a picture needs it: type, how many, component, inputs.
func client() *engine.Result {
	r := &engine.Result{Stack: "prod"}
	add := func(typeToken string, n int, component, provider string, inputs ...map[string]any) {
		for i := range n {
			name := fmt.Sprintf("%s-%d", component, i)
			in := map[string]any{}
			if len(inputs) > 0 {
				in = inputs[i%len(inputs)]
			}
			if given, ok := in["name"].(string); ok {
				name = given
			}
			r.Steps = append(r.Steps, engine.Step{Type: typeToken, Name: name, Component: component, Provider: provider, Op: engine.OpCreate}.WithInputs(in))
		}
	}
	add("pulumi:providers:aws", 1, "", "", map[string]any{"name": "home", "region": "eu-west-2"})
	add("pulumi:providers:aws", 1, "", "", map[string]any{"name": "second", "region": "eu-west-1"})
	add("cloudflare:index/record:Record", 2, "edge", "cloudflare")
	add("cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride", 1, "edge", "cloudflare")
	add("cloudflare:index/argo:Argo", 1, "edge", "cloudflare")
	add("cloudflare:index/ruleset:Ruleset", 3, "edge", "cloudflare")
	add("cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls", 1, "edge", "cloudflare")
	add("cloudflare:index/loadBalancerPool:LoadBalancerPool", 1, "edge", "cloudflare")
	add("aws:ec2/vpc:Vpc", 1, "network", "home", map[string]any{"cidrBlock": "10.20.0.0/16"})
	for _, zone := range []string{"public", "private", "isolated"} {
		for _, az := range []string{"a", "b", "c"} {
			add("aws:ec2/subnet:Subnet", 1, "network", "home", map[string]any{"name": "network-" + zone + "-" + az, "availabilityZone": "eu-west-2" + az})
		}
	}
	add("aws:ec2/routeTable:RouteTable", 7, "network", "home")
	add("aws:ec2/natGateway:NatGateway", 3, "network", "home")
	add("aws:ec2/eip:Eip", 3, "network", "home")
	add("aws:ec2/vpcEndpoint:VpcEndpoint", 9, "network", "home")
	add("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", 14, "network", "home")
	add("aws:lb/loadBalancer:LoadBalancer", 1, "loadbalancer", "home")
	add("aws:lb/listener:Listener", 2, "loadbalancer", "home")
	add("aws:lb/targetGroup:TargetGroup", 1, "loadbalancer", "home")
	add("aws:wafv2/webAcl:WebAcl", 1, "firewall", "home")
	add("aws:wafv2/webAclAssociation:WebAclAssociation", 1, "firewall", "home")
	add("aws:autoscaling/group:Group", 1, "compute", "home", map[string]any{"minSize": 3.0, "maxSize": 9.0})
	add("aws:ec2/launchTemplate:LaunchTemplate", 1, "compute", "home", map[string]any{"instanceType": "t3.medium"})
	add("aws:autoscaling/policy:Policy", 2, "compute", "home")
	add("aws:rds/instance:Instance", 1, "database", "home", map[string]any{"engine": "postgres", "engineVersion": "16", "instanceClass": "db.t4g.medium", "multiAz": true})
	add("aws:rds/subnetGroup:SubnetGroup", 1, "database", "home")
	add("aws:rds/parameterGroup:ParameterGroup", 1, "database", "home")
	add("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication", 1, "database", "second")
	add("aws:elasticache/replicationGroup:ReplicationGroup", 1, "cache", "home", map[string]any{"engine": "redis", "nodeType": "cache.t4g.small", "numCacheClusters": 2.0})
	add("aws:elasticache/user:User", 2, "cache", "home")
	add("aws:elasticache/subnetGroup:SubnetGroup", 1, "cache", "home")
	add("aws:s3/bucketV2:BucketV2", 1, "backup", "home")
	add("aws:s3/bucketV2:BucketV2", 1, "backup", "second")
	add("aws:s3/bucketV2:BucketV2", 1, "logs", "home")
	add("aws:s3/bucketPolicy:BucketPolicy", 1, "logs", "home")
	add("aws:backup/vault:Vault", 1, "backup", "home")
	add("aws:backup/plan:Plan", 1, "backup", "home")
	add("aws:backup/vault:Vault", 1, "backup", "second")
	add("aws:kms/key:Key", 7, "encryption", "home")
	add("aws:kms/alias:Alias", 7, "encryption", "home")
	add("aws:kms/key:Key", 3, "encryption", "second")
	add("aws:secretsmanager/secret:Secret", 2, "configuration", "home")
	add("aws:ssm/parameter:Parameter", 8, "configuration", "home")
	add("aws:iam/role:Role", 6, "compute", "home")
	add("aws:iam/rolePolicy:RolePolicy", 8, "compute", "home")
	add("aws:acm/certificate:Certificate", 1, "certificate", "home")
	add("aws:cloudwatch/logGroup:LogGroup", 8, "monitoring", "home")
	add("aws:cloudwatch/metricAlarm:MetricAlarm", 21, "monitoring", "home")
	add("aws:cloudwatch/dashboard:Dashboard", 1, "monitoring", "home")
	add("aws:sns/topic:Topic", 1, "alerting", "home")
	add("aws:sns/topicSubscription:TopicSubscription", 3, "alerting", "home")
	add("aws:sns/topic:Topic", 1, "alerting", "second")
	return r
}

// organisation is a stack without a network.
func organisation() *engine.Result {
	r := &engine.Result{Stack: "organisation"}
	for _, token := range []string{"aws:cloudtrail/trail:Trail", "aws:guardduty/detector:Detector", "aws:iam/user:User", "aws:iam/user:User",
		"aws:iam/role:Role", "aws:s3/bucketV2:BucketV2", "aws:kms/key:Key", "aws:sns/topic:Topic", "aws:unheardof/thing:Thing"} {
		r.Steps = append(r.Steps, engine.Step{Type: token, Name: "x", Component: "c", Op: engine.OpSame})
	}
	return r
}

func TestPictures(t *testing.T) {
	for name, p := range map[string]graph.Picture{
		"client":       graph.From(client(), subject),
		"sites":        graph.From(sites(), graph.Subject{Stack: "sites-hetzner", Title: "Falkenstein and Helsinki", Place: "Sites fsn, hel", By: "Hetzner Cloud"}),
		"organisation": graph.From(organisation(), graph.Subject{Stack: "organisation", Title: "northwind.example", Region: "eu-west-2", SecondRegion: "eu-west-1"}),
	} {
		t.Run(name, func(t *testing.T) {
			svg := p.SVG()
			if again := p.SVG(); again != svg {
				t.Error("two pictures of one graph differ")
			}
			wellFormed(t, svg)
			golden(t, name+".svg", svg)
			golden(t, name+".mmd", p.Mermaid())
		})
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; look at it and run the test with -update", path)
	}
}

func TestEveryResourceIsInABoxOrInTheNetwork(t *testing.T) {
	for _, r := range []*engine.Result{client(), organisation()} {
		p := graph.From(r, subject)
		count := p.Network.Count
		for _, b := range p.Boxes {
			count += b.Count
		}
		if count != p.Resources {
			t.Errorf("boxes and network hold %d of %d resources", count, p.Resources)
		}
	}
}

func TestPlacesAndFacts(t *testing.T) {
	p := graph.From(client(), subject)
	box := func(id string) graph.Box {
		i := slices.IndexFunc(p.Boxes, func(b graph.Box) bool { return b.ID == id })
		if i < 0 {
			t.Fatalf("no box %q", id)
		}
		return p.Boxes[i]
	}
	if got := box("database"); got.Zone != graph.Isolated || strings.Join(got.Facts, ", ") != "PostgreSQL 16, db.t4g.medium, in several zones" {
		t.Errorf("DP-2 database = %+v", got)
	}
	if got := box("secondBackups"); got.Zone != graph.Second || got.Count != 2 {
		t.Errorf("BK-5 second region's backups = %+v, want the vault and the bucket", got)
	}
	if got := box("machines"); got.Zone != graph.Private {
		t.Errorf("machines = %+v", got)
	}
	if got := box("backups"); strings.Join(got.Facts, ", ") != "1 vault, 1 bucket" {
		t.Errorf("backups = %+v", got)
	}
	if got := p.Network.Subnets[graph.Isolated]; len(got) != 3 {
		t.Errorf("isolated subnets = %v", got)
	}
}
