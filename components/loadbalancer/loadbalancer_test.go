package loadbalancer_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/loadbalancer"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var production = scope.Scope{
	Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true,
}

func valid() loadbalancer.Args {
	return loadbalancer.Args{
		Scope: production,
		Network: &network.Network{
			VPCID:           pulumi.String("vpc-1").ToStringOutput(),
			PublicSubnetIDs: pulumi.ToStringArray([]string{"subnet-a", "subnet-b", "subnet-c"}).ToStringArrayOutput(),
		},
		Hostname:          "acme.taskflow.example",
		CertificateArn:    pulumi.String("arn:aws:acm:eu-west-2:123456789012:certificate/1"),
		TrustBundleBucket: "releases", TrustBundleKey: "edge/origin-pull-ca.pem",
		LogDays: 365, LogsTo: pulumi.String("access-logs"),
	}
}

func program(args loadbalancer.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := loadbalancer.New(ctx, "web", args)
		return err
	}
}

func TestNew(t *testing.T) {
	leaving := valid()
	leaving.Scope.Protect = false
	t.Run("protected", func(t *testing.T) { graphtest.Golden(t, "", program(valid())) })
	t.Run("unprotected", func(t *testing.T) { graphtest.Golden(t, "", program(leaving)) })
}

func TestNewRefusesAllAtOnce(t *testing.T) {
	graphtest.Golden(t, `load balancer "web": no network is given: pass the client's
no host name is given: pass the name that the edge serves
no certificate is given: pass the ARN of one for the host name
no trust bundle is given: name the bucket and key of the CA that signs the edge's client certificate
reads of the access logs are not logged: pass the bucket for that
access logs are kept for 0 days: keep them at least one day`, program(loadbalancer.Args{Scope: production}))
}

func TestOnlyTheEdgeGetsIn(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(valid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("AV-12 only Cloudflare's ranges reach the listener", func(t *testing.T) {
		ranges := map[string]int{}
		for _, r := range resources {
			switch r.Type {
			case "aws:ec2/managedPrefixList:ManagedPrefixList":
				entries := r.Inputs["entries"].([]any)
				ranges[r.Inputs["addressFamily"].(string)] = len(entries)
				if r.Inputs["maxEntries"] != float64(len(entries)) {
					t.Errorf("%s has room for %v, want its %d entries", r.Name, r.Inputs["maxEntries"], len(entries))
				}
				if !slices.IsSortedFunc(entries, func(a, b any) int {
					return strings.Compare(a.(map[string]any)["cidr"].(string), b.(map[string]any)["cidr"].(string))
				}) {
					t.Errorf("%s is not sorted: a change of it would be hard to read", r.Name)
				}
			case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
				if r.Inputs["cidrIpv4"] != nil || r.Inputs["cidrIpv6"] != nil || r.Inputs["prefixListId"] == nil {
					t.Errorf("%s takes connections from %v", r.Name, r.Inputs)
				}
			case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
				t.Errorf("%s lets something out", r.Name)
			}
		}
		if ranges["IPv4"] != 15 || ranges["IPv6"] != 7 {
			t.Errorf("%v ranges, want 15 IPv4 and 7 IPv6", ranges)
		}
	})
	https := graphtest.Find(t, resources, "aws:lb/listener:Listener", "web-https")
	t.Run("AV-12 the edge shows a client certificate", func(t *testing.T) {
		if mutual := https.Inputs["mutualAuthentication"].(map[string]any); mutual["mode"] != "verify" || mutual["trustStoreArn"] == nil {
			t.Errorf("mutual authentication = %v", mutual)
		}
	})
	t.Run("DP-2 only the client's host leads to the machines", func(t *testing.T) {
		if action := https.Inputs["defaultActions"].([]any)[0].(map[string]any); action["type"] != "fixed-response" {
			t.Errorf("default action = %v", action)
		}
		rule := graphtest.Find(t, resources, "aws:lb/listenerRule:ListenerRule", "web-host")
		condition := rule.Inputs["conditions"].([]any)[0].(map[string]any)["hostHeader"].(map[string]any)
		if got := condition["values"].([]any); len(got) != 1 || got[0] != "acme.taskflow.example" {
			t.Errorf("hosts = %v", got)
		}
	})
	t.Run("DP-4 HTTPS only, from the edge to the machines", func(t *testing.T) {
		if https.Inputs["sslPolicy"] != "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" {
			t.Errorf("TLS policy = %v", https.Inputs["sslPolicy"])
		}
		http := graphtest.Find(t, resources, "aws:lb/listener:Listener", "web-http")
		if action := http.Inputs["defaultActions"].([]any)[0].(map[string]any); action["type"] != "redirect" {
			t.Errorf("plain HTTP leads to %v", action)
		}
		targets := graphtest.Find(t, resources, "aws:lb/targetGroup:TargetGroup", "web-targets")
		if targets.Inputs["protocol"] != "HTTPS" || targets.Inputs["port"] != 8443.0 {
			t.Errorf("targets = %v %v", targets.Inputs["protocol"], targets.Inputs["port"])
		}
	})
	t.Run("AC-5 logs go to a bucket that only this account's load balancers write to", func(t *testing.T) {
		policy := graphtest.Find(t, resources, "aws:s3/bucketPolicy:BucketPolicy", "web-logs-policy").Inputs["policy"].(string)
		var document struct{ Statement []map[string]any }
		if err := json.Unmarshal([]byte(policy), &document); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(document.Statement, func(s map[string]any) bool { return s["Sid"] == "LogDelivery" })
		if i < 0 {
			t.Fatal("nobody may deliver logs")
		}
		got := document.Statement[i]["Condition"].(map[string]any)["ArnLike"].(map[string]any)["aws:SourceArn"]
		if got != "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/*" {
			t.Errorf("source = %v", got)
		}
	})
}

func TestNamesStayLegal(t *testing.T) {
	args := valid()
	args.Scope.Client, args.Scope.Environment = "a-client-of-24-character", "development"
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []struct {
		resource, name, input string
		max                   int
	}{
		{"aws:lb/loadBalancer:LoadBalancer", "web-balancer", "name", 32},
		{"aws:lb/targetGroup:TargetGroup", "web-targets", "name", 32},
		{"aws:lb/trustStore:TrustStore", "web-trust", "name", 32},
		{"aws:s3/bucketV2:BucketV2", "web-logs-bucket", "bucket", 63},
	} {
		name := graphtest.Find(t, resources, limit.resource, limit.name).Inputs[limit.input].(string)
		if len(name) > limit.max || strings.HasSuffix(name, "-") || strings.Contains(name, "--") {
			t.Errorf("%s is named %q: AWS takes %d characters", limit.name, name, limit.max)
		}
	}
}
