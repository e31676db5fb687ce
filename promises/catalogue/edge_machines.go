package catalogue

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
	"github.com/berth-iac/berth/spec"
)

// Cloudflare in front of machines: the same edge as in front of load balancers on AWS, with addresses as its origins.

// edgeOf is what the checks of the edge need of a client on machines: they know a client by the form that a client on AWS has.
func edgeOf(s *spec.Spec) *spec.AWSClient {
	switch {
	case s.SiteClient != nil:
		c := s.SiteClient
		return &spec.AWSClient{Client: c.Client, Environment: c.Environment, Edge: c.Edge, Alerts: c.Alerts}
	case s.LightClient != nil:
		c := s.LightClient
		return &spec.AWSClient{Client: c.Client, Environment: c.Environment, Edge: c.Edge, Alerts: c.Alerts}
	}
	return nil
}

// edgeBeforeMachines is AV-11 for clients on machines.
func edgeBeforeMachines(s promises.Subject, r *promises.Report) {
	client := edgeOf(s.Spec)
	if client == nil {
		return // the pair's own stack has no clients
	}
	e := edgeCheck{Report: r, g: s.Graph, client: client}
	e.hostname()
	e.addresses(s)
	if managesZone(client) {
		e.settings()
		e.caching()
		e.argo()
		e.authorities()
		return
	}
	own := append(zoneRules(s.Graph, client, ""), inZone(s.Graph, client, typeZoneSettings)...)
	for _, edge := range e.hosts() {
		r.Say(edge, len(own) == 0, "besides it, "+namesOf(own)+" in the zone", "nothing of this stack that the owner of zone "+client.Edge.Zone+" sets",
			"set edge.manageZone: true in exactly one stack of the zone")
	}
}

// addresses reports whether Cloudflare sends requests to the client's machines, and knows whether they are well.
func (e edgeCheck) addresses(s promises.Subject) {
	own := originsOf(s)
	for _, pool := range e.Must(e.g.OfType(typePool), "pool of origins at Cloudflare", "requests go to the client's machines", fixEdge) {
		e.Want(pool, !pool.Has("enabled") || pool.Bool("enabled"), "enabled", "true", fixEdge)
		e.Want(pool, pool.Text("accountId") == e.client.Edge.AccountID, "accountId", "the account of edge.accountId", fixEdge)
		for _, origin := range e.origins(pool) {
			e.Want(pool, slices.Contains(own, origin.Text("address")), origin.Path+".address", "one of "+strings.Join(own, ", ")+": the client's own machines", fixEdge)
			weight, given := origin.Number("weight")
			e.Want(pool, (!origin.Has("enabled") || origin.Bool("enabled")) && (!given || weight > 0), origin.Path+".enabled", "true, and a weight above 0", fixEdge)
			e.Want(pool, headerIs(origin, e.client.Edge.Hostname), origin.Path+".headers", "Host: "+e.client.Edge.Hostname+", by which the machine knows the client", fixEdge)
		}
		monitor := pool.Ref("monitor", typeMonitor)
		if monitor == nil {
			e.Want(pool, false, "monitor", "a monitor of this stack, so that a dead origin gets no requests", fixEdge)
			continue
		}
		e.monitor(monitor)
	}
	for _, record := range e.g.OfType(typeRecord) {
		for _, property := range []string{"content", "value"} {
			if slices.Contains(own, record.Text(property)) {
				e.Want(record, record.Bool("proxied"), "proxied", "true: the origin's own address is nobody's business", fixEdge)
			}
		}
	}
}

// originsOf are the addresses at which a client's machines serve it.
func originsOf(s promises.Subject) []string {
	if c := s.Spec.SiteClient; c != nil {
		return []string{c.Pair.Home.Serves(), c.Pair.Standby.Serves()}
	}
	var all []string
	for _, address := range s.Graph.OfType(typeLightAddress) {
		all = append(all, answered(address, "ipAddress"))
	}
	return all
}

const (
	nginxConf  = "/etc/nginx/berth.conf"
	nginxSites = "/etc/nginx/berth.d/"
	nftConf    = "/etc/nftables.conf"

	typeCloudFirewall = "hcloud:index/firewall:Firewall"
	typeCloudServer   = "hcloud:index/server:Server"
	typeLightAddress  = "aws:lightsail/staticIp:StaticIp"
	typeLightPorts    = "aws:lightsail/instancePublicPorts:InstancePublicPorts"
	typeLightServer   = "aws:lightsail/instance:Instance"
	typeLightDatabase = "aws:lightsail/database:Database"
)

// onlyTheEdgeReaches is AV-12 on machines: firewalls take connections to 443 from Cloudflare's addresses alone, nginx asks for its
// certificate, and requests are counted at the edge, in nginx and in the service.
func onlyTheEdgeReaches(s promises.Subject, r *promises.Report) {
	switch {
	case s.Spec.Sites != nil:
		eachHost(s, r, func(m machineCheck) {
			m.webFrom(webRanges(s, m.machine))
			m.paced()
		})
		for _, firewall := range s.Graph.OfType(typeCloudFirewall) {
			cloudWeb(r, firewall, "rules", "sourceIps")
		}
	case s.Spec.LightClient != nil:
		eachHost(s, r, func(m machineCheck) {
			m.webFrom(edgeRanges["IPv4"])
			m.paced()
		})
		for _, ports := range r.Must(s.Graph.OfType(typeLightPorts), "firewall of the server", "443 from Cloudflare's addresses alone", "keep component light in the stack") {
			cloudWeb(r, ports, "portInfos", "cidrs")
		}
	}
	client := edgeOf(s.Spec)
	if client == nil {
		return
	}
	o := originCheck{Report: r, g: s.Graph, client: client}
	o.zone()
	want := 1
	if s.Spec.SiteClient != nil {
		want = 2
	}
	eachClient(s, r, want, func(m machineCheck, _ *graph.Resource, name string) {
		m.asksForCertificate(name, client.Edge.Hostname)
		m.countsRequests(name, client.Edge.RateLimit)
	})
}

// webRanges are the addresses that 443 of a site's machine is open to: Cloudflare's, or the load balancer's.
func webRanges(s promises.Subject, m *machine) []string {
	if m.site != nil && m.site.Hetzner != nil && m.site.Hetzner.LoadBalancer {
		var all []string
		for _, attached := range s.Graph.OfType("hcloud:index/loadBalancerNetwork:LoadBalancerNetwork") {
			if address, err := netip.ParseAddr(attached.Text("ip")); err == nil && m.site.Hetzner.CIDR.Contains(address) {
				all = append(all, address.String()+"/32")
			}
		}
		return all
	}
	return edgeRanges["IPv4"]
}

// webFrom reports whether the machine's firewall opens 443 to the given addresses and nobody else.
func (m machineCheck) webFrom(ranges []string) {
	var from []string
	open := false
	for _, o := range host.ReadFirewall(m.files, nftConf).Open("input") {
		if o.Follows() || loopback(o) || !reaches(o, "tcp", 443) {
			continue
		}
		open = open || o.Anybody() || o.Filled
		for _, p := range o.Sources {
			from = append(from, p.String())
		}
	}
	slices.Sort(from)
	from = slices.Compact(from)
	holds := !open && len(from) > 0 && slices.Equal(from, slices.Sorted(slices.Values(ranges)))
	found := fmt.Sprintf("open to %d ranges of addresses", len(from))
	if open {
		found = "open to everybody"
	}
	m.Note(m.by(nftConf), holds, fileAt(nftConf, "tcp 443"), found, fmt.Sprintf("open to the %d ranges of the edge in front, and to nobody else", len(ranges)), fixRuleset)
}

const fixRuleset = "mend the ruleset in components/host, firewall.go"

// loopback tells whether an opening is for what the machine says to itself.
func loopback(o host.Opening) bool { return slices.Equal(o.Interfaces, []string{"lo"}) }

// reaches tells whether an opening lets something through to a port.
func reaches(o host.Opening, protocol string, port int) bool {
	return (len(o.Protocols) == 0 || slices.Contains(o.Protocols, protocol)) &&
		(len(o.Ports) == 0 || slices.ContainsFunc(o.Ports, func(p host.PortRange) bool { return p.First <= port && port <= p.Last }))
}

// cloudWeb reports whether a cloud's firewall in front of a machine opens 443 to Cloudflare alone.
func cloudWeb(r *promises.Report, firewall *graph.Resource, rules, sources string) {
	for _, rule := range firewall.Items(rules) {
		first, last := portsOf(rule)
		if rule.Text("direction") == "out" || first > 443 || last < 443 {
			continue
		}
		from := rule.Texts(sources)
		slices.Sort(from)
		r.Want(firewall, slices.Equal(from, slices.Sorted(slices.Values(edgeRanges["IPv4"]))) && len(rule.Texts("ipv6Cidrs")) == 0 && len(rule.Texts("cidrListAliases")) == 0,
			rule.Path+"."+sources, "the ranges that Cloudflare publishes, and no other", "compare components/origin with what Cloudflare publishes")
	}
}

// portsOf are the ports that a rule of a cloud's firewall opens.
func portsOf(rule graph.Item) (first, last int) {
	if rule.Has("fromPort") {
		a, _ := rule.Number("fromPort")
		b, _ := rule.Number("toPort")
		return int(a), int(b)
	}
	text := rule.Text("port")
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	if _, err := fmt.Sscan(from, &first); err != nil {
		return 0, 65535 // any, or nothing that is known
	}
	if _, err := fmt.Sscan(to, &last); err != nil {
		return 0, 65535
	}
	return first, last
}

// paced reports whether nginx limits what one address may ask for, and holds slow requests off.
func (m machineCheck) paced() {
	conf := host.ReadNginx(m.files[nginxConf].Content)
	said := map[string]string{}
	host.Walk(conf, func(around []string, d host.Directive) {
		if len(around) == 1 && around[0] == "http" {
			said[d.Name] = strings.Join(d.Args, " ")
		}
	})
	for _, want := range []struct{ name, part, what string }{
		{"limit_conn_zone", "$binary_remote_addr", "connections are counted by address"},
		{"limit_conn", "connections", "and are limited"},
		{"limit_req_zone", "rate=", "requests are counted by address"},
		{"limit_req", "zone=requests", "and are limited"},
		{"client_header_timeout", "s", "slow requests are given up"},
		{"client_body_timeout", "s", "slow requests are given up"},
		{"client_max_body_size", "m", "requests have a size that they may not pass"},
	} {
		m.wantKey(nginxConf, want.name, said[want.name], strings.Contains(said[want.name], want.part), want.what)
	}
	m.whoAsks(conf)
	realIP := said["real_ip_header"]
	m.wantKey(nginxConf, "real_ip_header", realIP, realIP == "CF-Connecting-IP", "CF-Connecting-IP: who asks is told by Cloudflare, which alone connects")
	m.wantRunning("nginx.service", "what stands before the service")
}

// whoAsks reports whether nginx believes Cloudflare alone about who asks, and tells the service.
func (m machineCheck) whoAsks(conf []host.Directive) {
	var believed []string
	headers := map[string]string{}
	host.Walk(conf, func(around []string, d host.Directive) {
		if len(around) != 1 || around[0] != "http" || len(d.Args) == 0 {
			return
		}
		switch d.Name {
		case "set_real_ip_from":
			believed = append(believed, d.Args[0])
		case "proxy_set_header":
			headers[d.Args[0]] = strings.Join(d.Args[1:], " ")
		}
	})
	slices.Sort(believed)
	want := slices.Sorted(slices.Values(webRangesOf(m)))
	m.Note(m.by(nginxConf), slices.Equal(believed, want), fileAt(nginxConf, "set_real_ip_from"), fmt.Sprintf("%d ranges", len(believed)), fmt.Sprintf("the %d ranges of the edge in front: nobody else says who asks", len(want)), fixBundle)
	for _, header := range []struct{ name, value string }{{"Host", "$host"}, {"X-Forwarded-For", "$remote_addr"}, {"X-Forwarded-Proto", "https"}, {"Forwarded", ""}} {
		got, set := headers[header.name]
		m.wantKey(nginxConf, "proxy_set_header "+header.name, got, set && got == header.value, or(header.value, "empty")+": the service counts by who asks, not by what they say")
	}
}

func webRangesOf(m machineCheck) []string {
	if m.s.Spec.Sites != nil {
		return webRanges(m.s, m.machine)
	}
	return edgeRanges["IPv4"]
}

// clientSite is where a step takes a client's file for nginx from.
func clientSite(name string) string { return "/usr/local/lib/berth/client-" + name + "/site.conf" }

// servers are the servers of a client's file for nginx.
func (m machineCheck) servers(path string) []host.Directive {
	return slices.DeleteFunc(host.ReadNginx(m.files[path].Content), func(d host.Directive) bool { return d.Name != "server" })
}

// asksForCertificate reports whether each server of a client asks for Cloudflare's client certificate, for the client's host alone.
func (m machineCheck) asksForCertificate(name, hostname string) {
	path := clientSite(name)
	servers := m.servers(path)
	if len(servers) == 0 {
		m.wantKey(path, "server", "", false, "a server for "+hostname)
	}
	for _, server := range servers {
		verify, names := host.Arg(server.Block, "ssl_verify_client"), host.Arg(server.Block, "server_name")
		m.wantKey(path, "ssl_verify_client", verify, verify == "on", "on: whoever connects shows Cloudflare's certificate")
		pulls := host.Arg(server.Block, "ssl_client_certificate")
		m.wantKey(path, "ssl_client_certificate", pulls, pulls == nginxSites+name+".pulls", nginxSites+name+".pulls: the authority that signs it, from the setting origin-pull-authority")
		m.wantKey(path, "server_name", names, names == hostname, "the client's host, "+hostname+", and no other")
	}
}

// countsRequests reports whether the service is told the client's own limit.
func (m machineCheck) countsRequests(name string, limit spec.RateLimit) {
	config := m.taskflow(name)
	want := []struct{ path, value string }{
		{"rates.client.requests", fmt.Sprint(limit.Requests)}, {"rates.client.period", fmt.Sprintf("%ds", limit.PeriodSeconds)},
	}
	for _, w := range want {
		got := config.text(w.path)
		m.wantKey(config.path, w.path, got, got == w.value, w.value+", the figure of the client's spec")
	}
}
