package catalogue

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// written reads a catalogue as it lies in the tree.
func written(t *testing.T, name string) ([]byte, *Catalogue) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "localcloud", "catalogue", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	c := &Catalogue{}
	if err := d.Decode(c); err != nil {
		t.Fatalf("%s.json: %v", name, err)
	}
	return text, c
}

// cache finds the module cache, or skips the test when a package's SDK is not in it.
func cache(t *testing.T, p Package) string {
	t.Helper()
	dir, err := ModuleCache(t.Context())
	if err != nil {
		t.Skipf("%s: %v", p.Name, err)
	}
	if _, err := os.Stat(p.Dir(dir)); err != nil {
		t.Skipf("%s: the SDK %s %s is not in the Go module cache", p.Name, p.Module, p.Version)
	}
	return dir
}

// bare is a catalogue without all that the SDK's source does not tell.
func bare(c *Catalogue) *Catalogue {
	for _, members := range []map[string]*Member{c.Types, c.Functions} {
		for _, m := range members {
			strip := func(_ string, p *Property) {
				for ; p != nil; p = p.Elem {
					*p = Property{Type: p.Type, Elem: p.Elem, Properties: p.Properties}
				}
			}
			m.Needs = nil
			m.Inputs.Walk(strip)
			m.Outputs.Walk(strip)
		}
	}
	c.Source = ""
	return c
}

func encode(t *testing.T, c *Catalogue) string {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// same fails with the first line that differs, which names the member.
func same(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(no line)", "(no line)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d of the file in the tree is not what the sources give; generate it again (README.md)\ngenerated: %.600s\nin tree:   %.600s", i+1, a, b)
		}
	}
}

func TestNamesAndTypesAreTheSDKs(t *testing.T) {
	for _, p := range Packages() {
		t.Run(p.Name, func(t *testing.T) {
			read, err := p.Read(cache(t, p))
			if err != nil {
				t.Fatal(err)
			}
			_, have := written(t, p.Name)
			same(t, encode(t, bare(read)), encode(t, bare(have)))
		})
	}
}

func TestWholeFileIsReproduced(t *testing.T) {
	for _, p := range Packages() {
		t.Run(p.Name, func(t *testing.T) {
			dir := cache(t, p)
			var provider *Provider
			if p.Terraform != "" {
				path, err := FindProvider()
				if err != nil {
					t.Skipf("%s: %v", p.Name, err)
				}
				if testing.Short() {
					t.Skipf("%s: asking the Terraform provider takes minutes, and -short is set", p.Name)
				}
				if provider, err = StartProvider(t.Context(), path); err != nil {
					t.Fatal(err)
				}
				defer provider.Stop()
			}
			made, report, err := p.Make(t.Context(), dir, provider)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := written(t, p.Name)
			same(t, encode(t, made), string(text))
			if p.Terraform != "" {
				findings, err := os.ReadFile("undetermined.txt")
				if err != nil {
					t.Fatal(err)
				}
				same(t, string(report.Text()), string(findings))
			}
		})
	}
}

func TestFilesAreNotTooLarge(t *testing.T) {
	for _, p := range Packages() {
		if text, _ := written(t, p.Name); len(text) > 1_500_000 {
			t.Errorf("%s.json has %d bytes", p.Name, len(text))
		}
	}
}

// What people rely on, whatever the way it was found out.
func TestKnownFacts(t *testing.T) {
	catalogues := map[string]*Catalogue{}
	for _, p := range Packages() {
		_, catalogues[p.Name] = written(t, p.Name)
	}
	for _, f := range []struct{ token, path, want string }{
		{"aws:ec2/vpc:Vpc", "cidrBlock", "computed replace"},
		{"aws:ec2/vpc:Vpc", "tags", ""},
		{"aws:ec2/subnet:Subnet", "vpcId", "required replace"},
		{"aws:ec2/subnet:Subnet", "mapPublicIpOnLaunch", "default"},
		{"aws:ec2/natGateway:NatGateway", "subnetId", "required replace"},
		{"aws:ec2/instance:Instance", "ebsBlockDevices.volumeSize", "computed replace"},
		{"aws:ec2/securityGroup:SecurityGroup", "description", "replace default"},
		{"aws:lb/loadBalancer:LoadBalancer", "internal", "computed replace"},
		{"aws:lb/loadBalancer:LoadBalancer", "idleTimeout", "default"},
		{"aws:lb/loadBalancer:LoadBalancer", "loadBalancerType", "replace default"},
		{"aws:lb/targetGroup:TargetGroup", "port", "replace"},
		{"aws:lb/targetGroup:TargetGroup", "healthCheck.path", "computed"},
		{"aws:lb/listener:Listener", "loadBalancerArn", "required replace"},
		{"aws:lb/listener:Listener", "defaultActions.redirect.statusCode", "required"},
		{"aws:autoscaling/group:Group", "name", "computed replace"},
		{"aws:autoscaling/group:Group", "maxSize", "required"},
		{"aws:rds/instance:Instance", "identifier", "computed"},
		{"aws:rds/instance:Instance", "kmsKeyId", "computed replace"},
		{"aws:rds/instance:Instance", "password", "secret"},
		{"aws:rds/instance:Instance", "storageEncrypted", "replace"},
		{"aws:docdb/cluster:Cluster", "port", "replace default"},
		{"aws:docdb/cluster:Cluster", "masterPassword", "secret"},
		{"aws:elasticache/replicationGroup:ReplicationGroup", "atRestEncryptionEnabled", "computed replace"},
		{"aws:elasticache/replicationGroup:ReplicationGroup", "authToken", "secret"},
		{"aws:s3/bucketV2:BucketV2", "bucket", "computed replace"},
		{"aws:s3/bucketV2:BucketV2", "forceDestroy", "default"},
		{"aws:kms/key:Key", "keyUsage", "replace default"},
		{"aws:kms/key:Key", "policy", "computed"},
		{"aws:iam/role:Role", "assumeRolePolicy", "required"},
		{"aws:iam/role:Role", "path", "replace default"},
		{"aws:secretsmanager/secretVersion:SecretVersion", "secretString", "replace secret"},
		{"aws:ssm/parameter:Parameter", "value", "computed secret"},
		{"aws:sns/topicSubscription:TopicSubscription", "topic", "required replace"},
		{"aws:backup/vault:Vault", "kmsKeyArn", "computed replace"},
		{"aws:backup/selection:Selection", "selectionTags.key", "required replace"},
		{"aws:route53/record:Record", "zoneId", "required replace"},
		{"aws:route53/record:Record", "records", ""},
		{"aws:acm/certificate:Certificate", "domainName", "computed replace"},
		{"aws:wafv2/webAcl:WebAcl", "scope", "required replace"},
		{"aws:wafv2/webAcl:WebAcl", "rules.priority", "required"},
		{"cloudflare:index/record:Record", "name", "required replace"},
		{"cloudflare:index/record:Record", "content", "computed"},
		{"cloudflare:index/ruleset:Ruleset", "phase", "required replace"},
		{"cloudflare:index/ruleset:Ruleset", "rules", ""},
		{"cloudflare:index/loadBalancerPool:LoadBalancerPool", "enabled", "default"},
		{"hcloud:index/server:Server", "userData", "replace"},
		{"hcloud:index/server:Server", "serverType", "required"},
		{"hcloud:index/server:Server", "firewallIds", "computed"},
		{"command:local:Command", "triggers", "replace"},
		{"command:local:Command", "update", ""},
		{"command:remote:Command", "connection.privateKey", "secret"},
	} {
		t.Run(f.token+" "+f.path, func(t *testing.T) {
			name, _, _ := strings.Cut(f.token, ":")
			m := catalogues[name].Types[f.token]
			if m == nil {
				t.Fatal("no such type")
			}
			p := m.Inputs.Find(strings.Split(f.path, ".")...)
			if p == nil {
				t.Fatal("no such input")
			}
			var got []string
			for _, flag := range []struct {
				set  bool
				name string
			}{
				{p.Required, "required"}, {p.Computed, "computed"}, {p.Replace, "replace"},
				{p.Default != nil, "default"}, {p.Secret, "secret"},
			} {
				if flag.set {
					got = append(got, flag.name)
				}
			}
			if s := strings.Join(got, " "); s != f.want {
				t.Errorf("got %q, want %q", s, f.want)
			}
		})
	}
}

func TestRandomPasswordIsSecret(t *testing.T) {
	_, c := written(t, "aws")
	f := c.Functions["aws:secretsmanager/getRandomPassword:getRandomPassword"]
	if p := f.Outputs["randomPassword"]; p == nil || !p.Secret {
		t.Errorf("randomPassword is %+v, want it secret", p)
	}
}
