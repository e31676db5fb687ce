package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV11 is Cloudflare in front.
func (catalogue) AV11() promises.Promise {
	return promises.Promise{
		ID:    "AV-11",
		Title: "Cloudflare in front",
		Sentence: "Cloudflare stands in front of your service: its network delivers what can be cached from near your people, " +
			"and Argo smart routing is on where you ask for it.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			argo := "off, on request on"
			parameters := []promises.Parameter{{Name: "content delivery network", Value: "Cloudflare"}}
			if c := clientOnAWS(s); c != nil {
				argo = "off"
				if c.Edge.Argo {
					argo = "on"
				}
				parameters = append(parameters, promises.Parameter{Name: "host name", Value: c.Edge.Hostname, Key: "edge.hostname"})
			}
			return append(parameters, promises.Parameter{Name: "Argo smart routing", Value: argo, Key: "edge.argo"})
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the client's host name is followed through Cloudflare to the origin in the resource graph; caching and Argo are compared with the client's spec"},
			{Level: promises.Live, How: "the site is asked from outside: its answers carry the marks of Cloudflare's network, and plain HTTP is sent on to HTTPS; what is cached, and Argo, are not looked at"},
		},
		Keywords: []string{
			"content delivery network", "edge network", "performance worldwide", "edge locations", "distant users", "users far away served quickly",
			"static content cached close", "edge caching", "smart routing", "tiered cache", "static assets cached", "proxied dns", "dns provider",
			"reverse proxy in front", "global delivery", "latency for remote users", "caching of content", "static content cached", "cloudflare",
			"cdn", "argo",
		},
		Check:  edgeInFront,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: edgeBeforeMachines, promises.OnLightsail: edgeBeforeMachines},
	}
}

const fixEdge = "mend components/edge"

func edgeInFront(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	e := edgeCheck{Report: r, g: s.Graph, client: client}
	e.hostname()
	e.pools()
	e.records()
	if managesZone(client) {
		e.settings()
		e.caching()
		e.argo()
		e.authorities()
		return
	}
	// Cloudflare keeps one list of rules per zone: with two owners, each would undo the other's.
	own := append(zoneRules(s.Graph, client, ""), inZone(s.Graph, client, typeZoneSettings)...)
	for _, edge := range e.hosts() {
		r.Say(edge, len(own) == 0, "besides it, "+namesOf(own)+" in the zone", "nothing of this stack that the owner of zone "+client.Edge.Zone+" sets",
			"set edge.manageZone: true in exactly one stack of the zone")
	}
}

// edgeCheck judges what stands in front of the client.
type edgeCheck struct {
	*promises.Report
	g      *graph.Graph
	client *spec.AWSClient
}

// hosts are what answers for the client's host name at Cloudflare: a load balancer, or a plain record.
func (e edgeCheck) hosts() []*graph.Resource {
	return slices.DeleteFunc(e.g.OfType(typeEdge, typeRecord), func(r *graph.Resource) bool {
		address := r.Type == typeEdge || slices.Contains([]string{"A", "AAAA", "CNAME"}, r.Text("type"))
		return !address || !strings.EqualFold(r.Text("name"), e.client.Edge.Hostname)
	})
}

func (e edgeCheck) hostname() {
	host := e.client.Edge.Hostname
	expected := "requests for " + host + " go through Cloudflare"
	for _, edge := range e.Must(e.hosts(), "load balancer or record for "+host+" at Cloudflare", expected, fixEdge) {
		e.Want(edge, edge.Bool("proxied"), "proxied", "true: "+expected, fixEdge)
		e.Want(edge, edge.Text("zoneId") == e.client.Edge.ZoneID, "zoneId", "the zone of edge.zoneId", fixEdge)
		if edge.Type != typeEdge {
			continue
		}
		e.Want(edge, !edge.Has("enabled") || edge.Bool("enabled"), "enabled", "true", fixEdge)
		pools := edge.Refs("defaultPoolIds", typePool)
		e.Want(edge, len(pools) > 0 && len(pools) == len(edge.Texts("defaultPoolIds")), "defaultPoolIds", "pools of this stack, which have the service as their origins", fixEdge)
		e.Want(edge, edge.Ref("fallbackPoolId", typePool) != nil, "fallbackPoolId", "a pool of this stack", fixEdge)
		e.Want(edge, edge.Text("steeringPolicy") == "off", "steeringPolicy", "off: the pools are tried in order", fixEdge)
		e.Want(edge, !edge.Has("sessionAffinity") || edge.Text("sessionAffinity") == "none", "sessionAffinity", "none: any machine can answer", fixEdge)
	}
}

// pools reports whether Cloudflare sends requests to the service, and knows whether that is well.
func (e edgeCheck) pools() {
	host := e.client.Edge.Hostname
	for _, pool := range e.g.OfType(typePool) {
		e.Want(pool, !pool.Has("enabled") || pool.Bool("enabled"), "enabled", "true", fixEdge)
		e.Want(pool, pool.Text("accountId") == e.client.Edge.AccountID, "accountId", "the account of edge.accountId", fixEdge)
		for _, origin := range e.origins(pool) {
			balancer := origin.Ref("address", typeBalancer)
			e.Want(pool, balancer != nil && !balancer.Bool("internal") && slices.Contains(frontDoors(e.g), balancer), origin.Path+".address",
				"the public address of this stack's load balancer", fixEdge)
			weight, given := origin.Number("weight")
			e.Want(pool, (!origin.Has("enabled") || origin.Bool("enabled")) && (!given || weight > 0), origin.Path+".enabled", "true, and a weight above 0", fixEdge)
			e.Want(pool, headerIs(origin, host), origin.Path+".headers", "Host: "+host+", by which the origin knows the client", fixEdge)
		}
		monitor := pool.Ref("monitor", "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor")
		if monitor == nil {
			e.Want(pool, false, "monitor", "a monitor of this stack, so that a dead origin gets no requests", fixEdge)
			continue
		}
		e.monitor(monitor)
	}
	for _, balancer := range frontDoors(e.g) {
		e.reachable(balancer)
	}
}

func (e edgeCheck) origins(pool *graph.Resource) []graph.Item {
	origins := pool.Items("origins")
	least, given := pool.Number("minimumOrigins")
	e.Want(pool, len(origins) > 0 && (!given || least >= 1 && int(least) <= len(origins)), "origins", "at least one origin, and as many as minimumOrigins asks for", fixEdge)
	return origins
}

// headerIs tells whether an origin's or monitor's requests are for a host.
func headerIs(of interface{ Items(string) []graph.Item }, host string) bool {
	return slices.ContainsFunc(of.Items("headers"), func(h graph.Item) bool {
		return strings.EqualFold(h.Text("header"), "Host") && slices.Equal(h.Texts("values"), []string{host})
	})
}

func (e edgeCheck) monitor(monitor *graph.Resource) {
	want := func(holds bool, property, expected string) { e.Want(monitor, holds, property, expected, fixEdge) }
	interval, _ := monitor.Number("interval")
	port, _ := monitor.Number("port")
	timeout, _ := monitor.Number("timeout")
	want(monitor.Text("accountId") == e.client.Edge.AccountID, "accountId", "the account of edge.accountId")
	want(monitor.Text("type") == "https", "type", "https")
	want(!monitor.Bool("allowInsecure"), "allowInsecure", "false: the origin's certificate is checked")
	want(port == 443, "port", "443")
	want(monitor.Text("path") == healthPath, "path", healthPath+", which the service answers only while it can serve")
	want(monitor.Text("method") == "GET", "method", "GET")
	want(monitor.Text("expectedCodes") == "200", "expectedCodes", "200 alone")
	want(interval > 0 && interval <= 60, "interval", "at most 60 seconds")
	want(timeout > 0 && timeout <= 10, "timeout", "at most 10 seconds")
	want(!monitor.Bool("followRedirects"), "followRedirects", "false: a redirect is no sign of health")
	want(headerIs(monitor, e.client.Edge.Hostname), "headers", "Host: "+e.client.Edge.Hostname)
	want(monitor.Text("probeZone") == e.client.Edge.Zone, "probeZone", e.client.Edge.Zone+", so that the probe shows the zone's client certificate")
}

// reachable reports whether the load balancer's security group lets Cloudflare in; that nobody else comes in is AV-12.
func (e edgeCheck) reachable(balancer *graph.Resource) {
	families := map[string]bool{}
	for _, group := range balancer.Refs("securityGroups", typeSecurityGroup) {
		for _, rule := range group.Referrers("securityGroupId", typeIngress) {
			first, _ := rule.Number("fromPort")
			last, _ := rule.Number("toPort")
			list := rule.Ref("prefixListId", typePrefixList)
			if list != nil && first <= 443 && 443 <= last {
				families[list.Text("addressFamily")] = true
			}
		}
	}
	found := "lets in IPv4: " + yes(families["IPv4"]) + ", IPv6: " + yes(families["IPv6"])
	e.Say(balancer, families["IPv4"] && families["IPv6"], found, "Cloudflare's IPv4 and IPv6 addresses are let in on port 443", "mend components/loadbalancer, securitygroup.go")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// records reports whether a record tells the origin's own address to everybody.
func (e edgeCheck) records() {
	for _, record := range e.g.OfType(typeRecord) {
		balancer := record.Ref("content", typeBalancer)
		if balancer == nil {
			balancer = record.Ref("value", typeBalancer)
		}
		if balancer != nil && slices.Contains(frontDoors(e.g), balancer) {
			e.Want(record, record.Bool("proxied"), "proxied", "true: the origin's own address is nobody's business", fixEdge)
		}
	}
}

// settings reports whether the zone's settings let the edge deliver, and show nobody another's or an old page.
func (e edgeCheck) settings() {
	expected := "the zone's settings"
	for _, settings := range e.Must(inZone(e.g, e.client, typeZoneSettings), "settings of zone "+e.client.Edge.Zone, expected, fixEdge) {
		for _, one := range []struct{ name, value, why string }{
			{"cacheLevel", "aggressive", "assets are cached"},
			{"developmentMode", "off", "it would turn the cache off"},
			{"alwaysOnline", "off", "it would show old pages"},
			{"rocketLoader", "off", "it rewrites pages"},
			{"emailObfuscation", "off", "it rewrites pages"},
			{"serverSideExclude", "off", "it rewrites pages"},
			{"http2", "on", "delivery is fast"},
			{"http3", "on", "delivery is fast"},
			{"brotli", "on", "delivery is fast"},
			{"websockets", "on", "the service pushes updates"},
		} {
			e.Want(settings, settings.Text("settings."+one.name) == one.value, "settings."+one.name, one.value+": "+one.why, fixEdge)
		}
	}
}

// caching reports whether assets are cached at the edge, and nothing else: pages and the API are personal.
func (e edgeCheck) caching() {
	const fix = "mend the cache rules in components/edge, rules.go"
	for _, set := range e.Must(zoneRules(e.g, e.client, "http_request_cache_settings"), "cache rules for zone "+e.client.Edge.Zone, "assets are cached and nothing else", fix) {
		first, assets := false, false
		for i, rule := range set.Items("rules") {
			caches := rule.Bool("actionParameters.cache")
			known := rule.Text("action") == "set_cache_settings" && rule.Bool("enabled")
			switch {
			case !caches:
				first = first || i == 0 && known && rule.Has("actionParameters.cache") && rule.Text("expression") == isEverything
				continue
			case rule.Text("expression") == isStatic:
				assets = assets || known
			}
			e.Want(set, rule.Text("expression") == isStatic, rule.Path+".expression", "nothing but what lies below /static/ is cached", fix)
			e.Want(set, rule.Bool("actionParameters.cacheKey.cacheDeceptionArmor"), rule.Path+".actionParameters.cacheKey.cacheDeceptionArmor",
				"true: a page that pretends to be an asset is not cached", fix)
			for _, ttl := range []string{"edgeTtl", "browserTtl"} {
				path := "actionParameters." + ttl + ".mode"
				e.Want(set, rule.Text(path) == "respect_origin", rule.Path+"."+path, "respect_origin: the service says how long each asset lasts", fix)
			}
		}
		e.Want(set, first, "rules", "first of all, nothing is cached", fix)
		e.Want(set, assets, "rules", "then, what lies below /static/ is cached", fix)
	}
}

// certificateAuthorities sign for AWS and for Cloudflare's edge.
var certificateAuthorities = []string{"amazon.com", "letsencrypt.org", "pki.goog", "ssl.com"}

// authorities reports whether those who renew the edge's and the origin's certificates may do so; that nobody else may is DP-4.
func (e edgeCheck) authorities() {
	allowed := map[string]bool{}
	for _, record := range inZone(e.g, e.client, typeRecord) {
		if record.Text("type") != "CAA" {
			continue
		}
		signer, _, _ := strings.Cut(record.Text("data.value"), ";")
		if record.Text("data.flags") == "0" && !record.Bool("proxied") && record.Text("name") == e.client.Edge.Zone {
			allowed[record.Text("data.tag")+" "+strings.TrimSpace(signer)] = true
		}
	}
	if len(allowed) == 0 {
		return // every authority may
	}
	for _, edge := range e.hosts() {
		var missing []string
		for _, signer := range certificateAuthorities {
			if !allowed["issue "+signer] || !allowed["issuewild "+signer] {
				missing = append(missing, signer)
			}
		}
		found := "all authorities may renew its certificates"
		if len(missing) > 0 {
			found = strings.Join(missing, ", ") + " may not renew its certificates"
		}
		e.Say(edge, len(missing) == 0, found, "AWS's and Cloudflare's authorities may sign for the zone, or its certificates run out", "mend the records in components/edge, zone.go")
	}
}

// argo reports whether smart routing and tiered caching are on or off as the client asked.
func (e edgeCheck) argo() {
	routing := inZone(e.g, e.client, "cloudflare:index/argo:Argo")
	tiered := inZone(e.g, e.client, "cloudflare:index/tieredCache:TieredCache")
	const fix = "set edge.argo in the client's spec"
	wanted := "off"
	if e.client.Edge.Argo {
		wanted = "on"
		e.Must(routing, "smart routing", "Argo smart routing on, as edge.argo says", fix)
		e.Must(tiered, "tiered cache", "a tiered cache, as edge.argo says", fix)
	}
	expected := fmt.Sprintf("%s, as edge.argo says", wanted)
	for _, argo := range routing {
		e.Want(argo, argo.Text("smartRouting") == wanted, "smartRouting", expected, fix)
	}
	for _, cache := range tiered {
		e.Want(cache, cache.Text("cacheType") == "smart" == e.client.Edge.Argo, "cacheType", "smart where edge.argo is on, off otherwise", fix)
	}
}
