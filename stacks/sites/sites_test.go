package sites_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/berth-iac/berth/stacks/sites"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// reference is a reference pair, changed by edit.
func reference(t *testing.T, stack string, edit func(*spec.Sites)) *spec.Sites {
	t.Helper()
	return graphtest.Reference(t, stack, func(s *spec.Spec) *spec.Sites { return s.Sites }, edit)
}

func program(s *spec.Sites) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return sites.Program(ctx, s, secrets.Invented()) }
}

func TestProgram(t *testing.T) {
	for name, c := range map[string]struct {
		stack string
		edit  func(*spec.Sites)
	}{
		"adopted": {"sites", nil},
		"hetzner": {"sites-hetzner", nil},
		"hetzner_behind_load_balancers_leaving": {"sites-hetzner", func(s *spec.Sites) {
			s.Sites[0].Hetzner.LoadBalancer, s.Sites[1].Hetzner.LoadBalancer = true, true
			s.Leaving = &spec.Leaving{Confirm: "nordic", Reason: "contract ends"}
		}},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Outline(t, program(reference(t, c.stack, c.edit))) })
	}
}

func find(t *testing.T, stack, typeToken, name string, edit func(*spec.Sites)) graphtest.Resource {
	t.Helper()
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, stack, edit)))
	if err != nil {
		t.Fatal(err)
	}
	return graphtest.Find(t, resources, typeToken, name)
}

func TestEachSiteTrustsTheOther(t *testing.T) {
	for own, other := range map[string]string{"jnb": "cpt", "cpt": "jnb"} {
		settings := find(t, "sites", "machine:index:Bundle", own+"-host", nil).Inputs["settings"].(map[string]any)
		for key, value := range settings {
			text, _ := value.(string)
			if strings.HasPrefix(key, "sister-") && key != "sister-endpoint" && !strings.HasPrefix(text, other+"-keys") {
				t.Errorf("%s of %s is %q, want what the keys of %s say", key, own, text, other)
			}
		}
	}
}

func TestServersTakeSSHFromTheOfficeAndHTTPSFromTheEdge(t *testing.T) {
	rules := find(t, "sites-hetzner", "hcloud:index/firewall:Firewall", "fsn-firewall", nil).Inputs["rules"].([]any)
	from := map[string][]any{}
	for _, r := range rules {
		rule := r.(map[string]any)
		from[rule["protocol"].(string)+" "+rule["port"].(string)] = rule["sourceIps"].([]any)
	}
	if len(from) != 2 || len(from["tcp 22"]) != 1 || from["tcp 22"][0] != "203.0.113.16/29" || len(from["tcp 443"]) != 15 {
		t.Errorf("the firewall lets in %v", from)
	}
	server := find(t, "sites-hetzner", "hcloud:index/server:Server", "fsn-server", nil)
	if ids := server.Inputs["firewallIds"].([]any); len(ids) != 1 || ids[0] == 0.0 {
		t.Errorf("firewallIds = %v, want the firewall from the first second on", ids)
	}
	if server.Inputs["datacenter"] != nil || server.Inputs["location"] != "fsn1" {
		t.Errorf("the server is placed by %v, want a location", server.Inputs)
	}
	behind := find(t, "sites-hetzner", "hcloud:index/firewall:Firewall", "fsn-firewall", func(s *spec.Sites) { s.Sites[0].Hetzner.LoadBalancer = true })
	if n := len(behind.Inputs["rules"].([]any)); n != 1 {
		t.Errorf("%d rules behind a load balancer, want the one for SSH", n)
	}
	bi := find(t, "sites-hetzner", "hcloud:index/firewall:Firewall", "fsn-firewall", func(s *spec.Sites) {
		s.Sites[0].Hetzner.BICIDRs = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
	}).Inputs["rules"].([]any)
	last := bi[len(bi)-1].(map[string]any)
	if len(bi) != 3 || last["port"] != "5432" || fmt.Sprint(last["sourceIps"]) != "[198.51.100.7/32]" {
		t.Errorf("the firewall lets BI tools in by %v", last)
	}
}

func TestOneFirstContactAndAServerThatIsReplaced(t *testing.T) {
	connection := func(typeToken, name string) map[string]any {
		return find(t, "sites-hetzner", typeToken, name, nil).Inputs["connection"].(map[string]any)
	}
	keys, host := connection("machine:index:Keys", "fsn-keys"), connection("machine:index:Bundle", "fsn-host")
	if keys["hostKey"] != "" || host["hostKey"] != "fsn-keys.Keys.hostKey" {
		t.Errorf("host keys %v and %v: secrets go to another machine than the keys came from", keys["hostKey"], host["hostKey"])
	}
	if keys["instance"] == nil || keys["instance"] != host["instance"] {
		t.Errorf("instances %v and %v: a server that took the other's place gets nothing", keys["instance"], host["instance"])
	}
}

func TestAPairThatLeavesLosesItsProtection(t *testing.T) {
	for want, edit := range map[bool]func(*spec.Sites){
		true:  nil,
		false: func(s *spec.Sites) { s.Leaving = &spec.Leaving{Confirm: "nordic", Reason: "contract ends"} },
	} {
		disk := find(t, "sites-hetzner", "hcloud:index/volume:Volume", "hel-disk-b", edit)
		if disk.Inputs["deleteProtection"] != want || (disk.Options["protect"] == true) != want {
			t.Errorf("deleteProtection %v, protect %v, want %v", disk.Inputs["deleteProtection"], disk.Options["protect"], want)
		}
	}
}

func TestBundlesOfThePair(t *testing.T) {
	for _, stack := range []string{"sites", "sites-hetzner"} {
		rendered, err := sites.Bundles(reference(t, stack, nil))
		if err != nil {
			t.Fatal(err)
		}
		if rendered[0].Name != "host" || rendered[1].Name != "host" {
			t.Errorf("%s: bundles %q and %q", stack, rendered[0].Name, rendered[1].Name)
		}
	}
}
