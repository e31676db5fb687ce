package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV12 is resilience against floods of requests.
func (catalogue) AV12() promises.Promise {
	return promises.Promise{
		ID:    "AV-12",
		Title: "Resilient against DDoS",
		Sentence: "Your service withstands floods of requests: only Cloudflare's network reaches it, and whoever asks too often is refused " +
			"before your people are slowed.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			limit := spec.RateLimit{Requests: 600, PeriodSeconds: 60}
			if c := clientOnAWS(s); c != nil {
				limit = c.Edge.RateLimit
			}
			return []promises.Parameter{
				{Name: "requests from one address", Value: fmt.Sprintf("%d in %d s", limit.Requests, limit.PeriodSeconds), Key: "edge.rateLimit"},
				{Name: "sign-in attempts from one address", Value: fmt.Sprintf("%d in %d s", signInRequests, signInSeconds)},
				{Name: "who reaches the origin", Value: "Cloudflare's published addresses with its client certificate"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the resource graph shows that the load balancer takes connections from Cloudflare alone, with its certificate, and that both firewalls count requests by the client's limit"},
			{Level: promises.Live, How: "the origin is asked past Cloudflare and must not take the connection; who reaches load balancer and machines, the client certificate that is asked for, and the firewall in front of the load balancer with its limit are read back from AWS; Cloudflare's own limits are not"},
			{Level: promises.Drill, How: "a burst of requests gets answer 429 while a neighbour's requests are timed: they may not be slowed"},
		},
		Keywords: []string{
			"ddos", "origin reached directly", "edge bypass", "attack traffic filtered", "web application firewall", "ddos protection",
			"rate limited api edge", "attacker origin", "api limited per client", "flood of requests", "heavy use api slows others",
			"neighbours not slowed", "origin servers hidden", "reach origin past the edge", "floods of requests attack",
			"servers behind cloudflare addressed directly", "attack on the site", "servers behind edge reached directly", "denial-of-service attack",
			"rate limiting", "bot protection", "traffic spikes", "origin protection", "mutual tls to the origin", "authenticated origin pulls",
			"layer 7 attack", "brute force sign-in limit", "denial of service", "rate limit", "waf", "only the edge reaches the origin",
			"volumetric attack",
		},
		Check:  onlyTheEdge,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: onlyTheEdgeReaches, promises.OnLightsail: onlyTheEdgeReaches},
	}
}

const (
	signInRequests = 10 // in signInSeconds: people mistype, robots try lists
	signInSeconds  = 60

	fixOrigin = "mend components/loadbalancer, securitygroup.go and listeners.go"
)

// edgeRanges are Cloudflare's addresses as https://www.cloudflare.com/ips-v4 and https://www.cloudflare.com/ips-v6 list
// them, read on 2026-11-21. They stand here besides in components/loadbalancer so that one of them shows a slip in the other.
var edgeRanges = map[string][]string{
	"IPv4": {
		"103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "104.16.0.0/13", "104.24.0.0/14", "108.162.192.0/18", "131.0.72.0/22", "141.101.64.0/18",
		"162.158.0.0/15", "172.64.0.0/13", "173.245.48.0/20", "188.114.96.0/20", "190.93.240.0/20", "197.234.240.0/22", "198.41.128.0/17",
	},
	"IPv6": {
		"2400:cb00::/32", "2405:8100::/32", "2405:b500::/32", "2606:4700::/32", "2803:f800::/32", "2a06:98c0::/29", "2c0f:f248::/32",
	},
}

// EdgeRanges are Cloudflare's addresses of a family, IPv4 or IPv6, in order: whoever judges what runs goes by the same list.
func EdgeRanges(family string) []string { return slices.Sorted(slices.Values(edgeRanges[family])) }

// edgeAuthority is where the organisation publishes the authority that signs Cloudflare's client certificate.
const edgeAuthority = "edge/origin-pull-ca.pem"

func onlyTheEdge(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	o := originCheck{Report: r, g: s.Graph, client: client}
	for _, balancer := range r.Must(frontDoors(s.Graph), "load balancer", "a load balancer that only Cloudflare reaches", fixOrigin) {
		o.connections(balancer)
		o.listeners(balancer)
		o.machines(balancer)
		o.firewall(balancer)
	}
	o.zone()
	wantToldNumber(r, s.Graph, "rate-limit-requests", client.Edge.RateLimit.Requests)
	wantToldNumber(r, s.Graph, "rate-limit-seconds", client.Edge.RateLimit.PeriodSeconds)
}

// originCheck judges who and how much reaches the service.
type originCheck struct {
	*promises.Report
	g      *graph.Graph
	client *spec.AWSClient
}

// connections reports whether the load balancer's security groups take connections from Cloudflare's addresses alone.
func (o originCheck) connections(balancer *graph.Resource) {
	groups := balancer.Refs("securityGroups", typeSecurityGroup)
	o.Want(balancer, len(groups) > 0 && len(groups) == len(balancer.Texts("securityGroups")), "securityGroups", "security groups of this stack, which let only Cloudflare in", fixOrigin)
	judged := map[*graph.Resource]bool{}
	for _, group := range groups {
		o.Want(group, len(group.List("ingress")) == 0, "ingress", "none but the rules that stand beside it", fixOrigin)
		for _, rule := range group.Referrers("securityGroupId", "aws:ec2/securityGroupRule:SecurityGroupRule") {
			o.Say(rule, rule.Text("type") == "egress", "a rule of the old kind, "+rule.Text("type"), "rules of the kind SecurityGroupIngressRule alone, from Cloudflare's addresses", fixOrigin)
		}
		for _, rule := range group.Referrers("securityGroupId", typeIngress) {
			first, _ := rule.Number("fromPort")
			last, _ := rule.Number("toPort")
			o.Want(rule, rule.Text("ipProtocol") == "tcp" && first == last && (first == 443 || first == 80), "fromPort", "tcp on port 443, or on port 80 for the redirect", fixOrigin)
			list := rule.Ref("prefixListId", typePrefixList)
			open := rule.Has("cidrIpv4") || rule.Has("cidrIpv6") || rule.Has("referencedSecurityGroupId")
			o.Want(rule, list != nil && !open, "prefixListId", "a list of Cloudflare's addresses, and nobody else", fixOrigin)
			if list != nil && !judged[list] {
				judged[list] = true
				o.addresses(list)
			}
		}
	}
}

// addresses reports whether a prefix list is exactly what Cloudflare publishes.
func (o originCheck) addresses(list *graph.Resource) {
	const fix = "compare components/loadbalancer, cloudflare.go, with what Cloudflare publishes"
	want := edgeRanges[list.Text("addressFamily")]
	var ranges []string
	for _, entry := range list.Items("entries") {
		ranges = append(ranges, entry.Text("cidr"))
	}
	slices.Sort(ranges)
	o.Want(list, len(want) > 0 && slices.Equal(ranges, slices.Sorted(slices.Values(want))), "entries",
		fmt.Sprintf("the %d ranges that Cloudflare publishes, and no other", len(want)), fix)
	room, _ := list.Number("maxEntries")
	o.Want(list, int(room) >= len(want), "maxEntries", fmt.Sprintf("room for all %d ranges", len(want)), fix)
}

// listeners reports whether what connects must show Cloudflare's certificate and name the client's host.
func (o originCheck) listeners(balancer *graph.Resource) {
	secure := 0
	for _, listener := range listenersOf(balancer) {
		rules := listener.Referrers("listenerArn", typeListenerRule)
		port, _ := listener.Number("port")
		if listener.Text("protocol") != "HTTPS" {
			sends := len(forwards(listener, "defaultActions")) > 0 || slices.ContainsFunc(rules, func(r *graph.Resource) bool { return len(forwards(r, "actions")) > 0 })
			o.Want(listener, !sends && port == 80 && listener.Text("protocol") == "HTTP" && onlyActions(listener, "defaultActions", "redirect", "fixed-response"), "defaultActions",
				"requests without the edge's certificate reach no machine: a redirect on port 80 and nothing else", fixOrigin)
			continue
		}
		secure++
		o.Want(listener, port == 443, "port", "443, where Cloudflare connects", fixOrigin)
		o.Want(listener, listener.Text("mutualAuthentication.mode") == "verify", "mutualAuthentication.mode", "verify: whoever connects shows a certificate of Cloudflare's", fixOrigin)
		o.Want(listener, !listener.Bool("mutualAuthentication.ignoreClientCertificateExpiry"), "mutualAuthentication.ignoreClientCertificateExpiry", "false", fixOrigin)
		store := listener.Ref("mutualAuthentication.trustStoreArn", "aws:lb/trustStore:TrustStore")
		o.Want(listener, store != nil, "mutualAuthentication.trustStoreArn", "a trust store of this stack", fixOrigin)
		if store != nil {
			o.Want(store, store.Text("caCertificatesBundleS3Bucket") == o.client.Service.Release.Bucket, "caCertificatesBundleS3Bucket",
				"the organisation's release bucket, "+o.client.Service.Release.Bucket, "set service.release.bucket in the client's spec")
			o.Want(store, store.Text("caCertificatesBundleS3Key") == edgeAuthority, "caCertificatesBundleS3Key", edgeAuthority+", the authority that signs the edge's certificate", fixOrigin)
		}
		refuses := onlyActions(listener, "defaultActions", "fixed-response") && strings.HasPrefix(listener.Text("defaultActions.0.fixedResponse.statusCode"), "4")
		o.Want(listener, refuses, "defaultActions", "every host but the client's is refused with 404", fixOrigin)
		for _, rule := range rules {
			if len(forwards(rule, "actions")) == 0 {
				continue
			}
			named := slices.ContainsFunc(rule.Items("conditions"), func(c graph.Item) bool {
				return slices.Equal(c.Texts("hostHeader.values"), []string{o.client.Edge.Hostname})
			})
			o.Want(rule, named, "conditions", "the client's host, "+o.client.Edge.Hostname+", and no other", fixOrigin)
		}
	}
	if secure == 0 {
		o.Say(balancer, false, "no HTTPS listener", "a listener that asks for Cloudflare's client certificate", fixOrigin)
	}
}

// onlyActions tells whether there are actions, and all are of the types.
func onlyActions(of *graph.Resource, property string, types ...string) bool {
	actions := of.Items(property)
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(a graph.Item) bool { return !slices.Contains(types, a.Text("type")) })
}

// machines reports whether only the load balancer reaches the machines, and it reaches nothing else.
func (o originCheck) machines(balancer *graph.Resource) {
	const fix = "mend components/compute, identity.go"
	doors := balancer.Refs("securityGroups", typeSecurityGroup)
	for _, target := range targetsOf(balancer) {
		port, _ := target.Number("port")
		for _, fleet := range fleetsOf(target) {
			template := fleet.Ref("launchTemplate.id", typeTemplate)
			if template == nil {
				continue // AV-2 says so
			}
			o.Want(template, len(template.Items("networkInterfaces")) == 1 && template.Text("networkInterfaces.0.associatePublicIpAddress") == "false",
				"networkInterfaces.0.associatePublicIpAddress", "false: machines have no public address", "mend components/compute, machines.go")
			groups := firewallsOf(template)
			for _, group := range groups {
				o.Want(group, len(group.List("ingress")) == 0, "ingress", "none but the rules that stand beside it", fix)
				for _, rule := range group.Referrers("securityGroupId", typeIngress) {
					o.between(rule, doors, port, "from the load balancer, on port %.0f", fix)
				}
			}
			for _, door := range doors {
				for _, rule := range door.Referrers("securityGroupId", typeEgress) {
					o.between(rule, groups, port, "to the machines, on port %.0f", fix)
				}
			}
		}
	}
}

// between reports whether a rule is about one of the peers and one port and nothing else.
func (o originCheck) between(rule *graph.Resource, peers []*graph.Resource, port float64, expected, fix string) {
	first, _ := rule.Number("fromPort")
	last, _ := rule.Number("toPort")
	open := rule.Has("cidrIpv4") || rule.Has("cidrIpv6") || rule.Has("prefixListId")
	exact := rule.Text("ipProtocol") == "tcp" && first == port && last == port
	o.Want(rule, exact && !open && slices.Contains(peers, rule.Ref("referencedSecurityGroupId", typeSecurityGroup)), "referencedSecurityGroupId",
		fmt.Sprintf(expected, port)+", and nothing else", fix)
}
