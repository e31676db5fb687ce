package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const (
	listenerType     = "aws:lb/listener:Listener"
	listenerRuleType = "aws:lb/listenerRule:ListenerRule"
	targetGroupType  = "aws:lb/targetGroup:TargetGroup"
	inBalancer       = "components/loadbalancer, loadbalancer.go"
	inListeners      = "components/loadbalancer, listeners.go"
)

// isApplication tells whether a load balancer is one for HTTP. Others come and go: the gateway of a client's BI tools.
func isApplication(balancer *graph.Resource) bool {
	return slices.Contains([]string{"", "application"}, balancer.Text("loadBalancerType"))
}

// applications are the load balancers for HTTP.
func applications(s promises.Subject) []*graph.Resource {
	return slices.DeleteFunc(slices.Clone(s.Graph.OfType(balancerType)), func(b *graph.Resource) bool { return !isApplication(b) })
}

// wantApplication is the check that something holds of every load balancer for HTTP.
func wantApplication(property, expected, fix string, holds func(*graph.Resource) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, balancer := range applications(s) {
			r.Want(balancer, holds(balancer), property, expected, fix)
		}
	}
}

// carriesTLS tells whether connections to a port are a database's, which takes none without TLS: whatever stands between
// passes on what it cannot read.
func carriesTLS(s promises.Subject, protocol, port string) bool {
	return protocol == "TCP" && slices.ContainsFunc(s.Graph.OfType(databaseType), func(db *graph.Resource) bool { return db.Text("port") == port }) &&
		!slices.ContainsFunc(s.Graph.OfType(databaseType), func(db *graph.Resource) bool { return db.Text("port") == port && !forcesTLS(db) })
}

// redirects tells whether a listener does nothing but send people to HTTPS.
func redirects(listener *graph.Resource) bool {
	actions := listener.Items("defaultActions")
	elsewhere := slices.ContainsFunc(actions, func(a graph.Item) bool {
		return a.Text("type") != "redirect" || a.Text("redirect.protocol") != "HTTPS"
	})
	return len(actions) > 0 && !elsewhere && len(listener.Referrers("listenerArn", listenerRuleType)) == 0
}

// ELB1 is HTTP that leads to HTTPS.
func (baseline) ELB1() promises.Control {
	return promises.Control{
		ID: "ELB.1", Title: "Listeners for HTTP do nothing but redirect to HTTPS", Severity: "medium",
		References: []string{fsbp("ELB.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, listener := range s.Graph.OfType(listenerType) {
				if listener.Text("protocol") == "HTTP" {
					r.Want(listener, redirects(listener), "defaultActions", "a redirect to HTTPS, and no rule beside it", "redirect to HTTPS in "+inListeners)
				}
			}
		},
	}
}

// ELB4 is headers that no client sends in good faith.
func (baseline) ELB4() promises.Control {
	return promises.Control{
		ID: "ELB.4", Title: "Load balancers drop invalid headers", Severity: "medium",
		References: []string{fsbp("ELB.4")},
		Check: wantApplication("dropInvalidHeaderFields", "true", "set dropInvalidHeaderFields in "+inBalancer,
			func(b *graph.Resource) bool { return b.Bool("dropInvalidHeaderFields") }),
	}
}

// ELB5 is logs of requests.
func (baseline) ELB5() promises.Control {
	return promises.Control{
		ID: "ELB.5", Title: "Load balancers log every request", Severity: "medium",
		References: []string{fsbp("ELB.5")},
		Check: wantApplication("accessLogs", "enabled, with a bucket of the stack", "set accessLogs in "+inBalancer, func(b *graph.Resource) bool {
			return b.Bool("accessLogs.enabled") && b.Ref("accessLogs.bucket", bucketType, bucketOldType) != nil
		}),
	}
}

// ELB6 is protection of load balancers against deletion.
func (baseline) ELB6() promises.Control {
	return promises.Control{
		ID: "ELB.6", Title: "Load balancers of clients are protected against deletion", Severity: "medium",
		References: []string{fsbp("ELB.6")},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Production() && !s.Leaving() {
				wantApplication("enableDeletionProtection", "true", "set enableDeletionProtection in "+inBalancer,
					func(b *graph.Resource) bool { return b.Bool("enableDeletionProtection") })(s, r)
			}
		},
	}
}

// ELB12 is requests that two servers read differently.
func (baseline) ELB12() promises.Control {
	return promises.Control{
		ID: "ELB.12", Title: "Load balancers refuse requests that could be read in two ways", Severity: "medium",
		References: []string{fsbp("ELB.12")},
		Check: wantApplication("desyncMitigationMode", "strictest or defensive", "set desyncMitigationMode in "+inBalancer, func(b *graph.Resource) bool {
			return slices.Contains([]string{"strictest", "defensive"}, b.Text("desyncMitigationMode"))
		}),
	}
}

// zones are the availability zones of subnets.
func zones(subnets []*graph.Resource) []string {
	var names []string
	for _, subnet := range subnets {
		if zone := subnet.Text("availabilityZone") + subnet.Text("availabilityZoneId"); zone != "" && !slices.Contains(names, zone) {
			names = append(names, zone)
		}
	}
	return names
}

// ELB13 is load balancers in several zones.
func (baseline) ELB13() promises.Control {
	return promises.Control{
		ID: "ELB.13", Title: "Load balancers stand in two zones or more", Severity: "medium",
		References: []string{fsbp("ELB.13")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, balancer := range s.Graph.OfType(balancerType) {
				r.Want(balancer, len(zones(balancer.Refs("subnets", subnetType))) >= 2, "subnets", "subnets of the stack in two zones or more", "raise aws.zones in the client's spec")
			}
		},
	}
}

// ELB16 is a firewall for requests.
func (baseline) ELB16() promises.Control {
	return promises.Control{
		ID: "ELB.16", Title: "Load balancers stand behind AWS WAF", Severity: "medium",
		References: []string{hub("ELB.16")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, balancer := range applications(s) {
				guarded := slices.ContainsFunc(balancer.Referrers("resourceArn", "aws:wafv2/webAclAssociation:WebAclAssociation"), func(a *graph.Resource) bool {
					return a.Ref("webAclArn", aclType) != nil
				})
				r.Say(balancer, guarded, either(guarded, "a web ACL is tied to it", "no web ACL is tied to it"), "a web ACL of the stack", "tie the ACL to the load balancer (components/firewall)")
			}
		},
	}
}

// strongPolicies are the policies for TLS that Security Hub recommends: TLS 1.3 alone, or with what is left of TLS 1.2 when
// ciphers without authentication of their own (CBC) are taken out.
var strongPolicies = []string{
	"ELBSecurityPolicy-TLS13-1-3-2021-06", "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
	"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
	"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
}

// ELB17 is the strength of TLS.
func (baseline) ELB17() promises.Control {
	return promises.Control{
		ID: "ELB.17", Title: "Listeners use a recommended policy for TLS", Severity: "medium",
		References: []string{fsbp("ELB.17")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, listener := range s.Graph.OfType(listenerType) {
				if slices.Contains([]string{"HTTPS", "TLS"}, listener.Text("protocol")) {
					r.Want(listener, slices.Contains(strongPolicies, listener.Text("sslPolicy")), "sslPolicy",
						"a policy with TLS 1.3, or with TLS 1.2 and no CBC ciphers", "set sslPolicy to ELBSecurityPolicy-TLS13-1-2-Res-2021-06 in "+inListeners)
				}
			}
		},
	}
}

// ELB18 is encryption on the way to load balancers.
func (baseline) ELB18() promises.Control {
	return promises.Control{
		ID: "ELB.18", Title: "Listeners take encrypted connections only", Severity: "medium",
		References: []string{fsbp("ELB.18")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, listener := range s.Graph.OfType(listenerType) {
				protocol := listener.Text("protocol")
				encrypted := slices.Contains([]string{"HTTPS", "TLS"}, protocol) || protocol == "HTTP" && redirects(listener) ||
					carriesTLS(s, protocol, listener.Text("port"))
				r.Want(listener, encrypted, "protocol", "HTTPS or TLS; HTTP that only redirects; or TCP to a database that takes TLS alone", "set protocol to HTTPS in "+inListeners)
			}
		},
	}
}

// ELB21 is encryption of health checks.
func (baseline) ELB21() promises.Control {
	return promises.Control{
		ID: "ELB.21", Title: "Health checks are encrypted", Severity: "medium",
		References: []string{hub("ELB.21")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, group := range s.Graph.OfType(targetGroupType) {
				protocol := group.Text("healthCheck.protocol")
				r.Want(group, protocol == "HTTPS" || carriesTLS(s, protocol, group.Text("port")), "healthCheck.protocol",
					"HTTPS; or TCP, which says nothing, to a database", "set the health check's protocol to HTTPS in "+inListeners)
			}
		},
	}
}

// ELB22 is encryption on the way from load balancers to machines.
func (baseline) ELB22() promises.Control {
	return promises.Control{
		ID: "ELB.22", Title: "Load balancers speak to machines encrypted", Severity: "medium",
		References: []string{hub("ELB.22")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, group := range s.Graph.OfType(targetGroupType) {
				protocol := group.Text("protocol")
				encrypted := slices.Contains([]string{"HTTPS", "TLS", "QUIC"}, protocol) || carriesTLS(s, protocol, group.Text("port"))
				r.Want(group, encrypted, "protocol", "HTTPS or TLS; or TCP to a database that takes TLS alone", "set protocol to HTTPS in "+inListeners)
			}
		},
	}
}
