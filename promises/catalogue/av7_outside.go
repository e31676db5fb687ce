package catalogue

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
)

// outside reports whether the client's own address is asked from outside, and its silence is an alarm.
func (w watcher) outside() {
	const fix = "mend the health check in components/monitoring, alarms.go"
	hostname := w.client.Edge.Hostname
	probes := slices.DeleteFunc(slices.Clone(w.subject.Graph.OfType(typeProbe)), func(p *graph.Resource) bool { return !strings.EqualFold(p.Text("fqdn"), hostname) })
	for _, probe := range w.Must(probes, "health check that asks "+hostname+" from outside", "a probe of the client's own address, as its people reach it", fix) {
		port, _ := probe.Number("port")
		interval, _ := probe.Number("requestInterval")
		failures, _ := probe.Number("failureThreshold")
		w.Want(probe, probe.Text("type") == "HTTPS", "type", "HTTPS, as people come", fix)
		w.Want(probe, port == 443, "port", "443", fix)
		w.Want(probe, probe.Text("resourcePath") == healthPath, "resourcePath", healthPath+", which the service answers only while it can serve", fix)
		w.Want(probe, probe.Bool("enableSni"), "enableSni", "true: the edge serves many names", fix)
		w.Want(probe, interval > 0 && failures > 0 && interval*failures <= minutes, "requestInterval", "an outage noticed within a minute, the interval times failureThreshold", fix)
		regions := probe.Texts("regions")
		odd := slices.ContainsFunc(regions, func(region string) bool { return !slices.Contains(probing, region) })
		w.Want(probe, len(regions) >= 3 && !odd || !probe.Has("regions"), "regions", "at least 3 of Route 53's regions, so that one of AWS's own troubles is not taken for the client's", fix)
		w.Want(probe, !probe.Bool("disabled") && !probe.Bool("invertHealthcheck"), "disabled", "neither disabled nor inverted", fix)
		w.Want(probe, probe.Bool("measureLatency"), "measureLatency", "true: slowness is watched too", fix)
		w.must(
			wantedAlarm{what: "the site does not answer from outside", of: probe, region: globalMetrics, namespace: "AWS/Route53", metric: "HealthCheckStatus",
				statistic: "Minimum", dimension: "HealthCheckId", under: true, limit: 1, seconds: 2 * minutes, missing: "breaching"},
			wantedAlarm{what: "the site is slow from outside", of: probe, region: globalMetrics, namespace: "AWS/Route53", metric: "TimeToFirstByte",
				statistic: "Average", dimension: "HealthCheckId", limit: 3000, seconds: 15 * minutes, missing: "missing"})
	}
	w.edge()
	w.unchallenged()
}

// probing are the regions that Route 53 asks from.
var probing = []string{"us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1"}

// edge reports whether people are told when Cloudflare sees an origin fail.
func (w watcher) edge() {
	const fix = "mend the notification in components/edge, edge.go"
	pools := w.subject.Graph.OfType(typePool)
	if len(pools) == 0 {
		return // AV-11 says so
	}
	policies := slices.DeleteFunc(slices.Clone(w.subject.Graph.OfType("cloudflare:index/notificationPolicy:NotificationPolicy")),
		func(p *graph.Resource) bool { return p.Text("alertType") != "load_balancing_health_alert" })
	for _, policy := range w.Must(policies, "notification of an origin's health at the edge", "people are told when the edge sees an origin fail or recover", fix) {
		w.Want(policy, policy.Bool("enabled"), "enabled", "true", fix)
		w.Want(policy, policy.Text("accountId") == w.client.Edge.AccountID, "accountId", "the account of edge.accountId", fix)
		var told []string
		for _, person := range policy.Items("emailIntegrations") {
			told = append(told, strings.ToLower(person.Text("id")))
		}
		reached := len(w.client.Alerts.Emails) > 0
		for _, email := range w.client.Alerts.Emails {
			reached = reached && slices.Contains(told, strings.ToLower(email))
		}
		w.Say(policy, reached, howMany(len(told), "address"), "each e-mail address of the spec's alerts", fix)
		healths := policy.Texts("filters.newHealths")
		w.Want(policy, !policy.Has("filters.newHealths") || slices.Contains(healths, "Unhealthy") && slices.Contains(healths, "Healthy"),
			"filters.newHealths", "failures and recoveries", fix)
		sources := policy.Texts("filters.eventSources")
		w.Want(policy, !policy.Has("filters.eventSources") || slices.Contains(sources, "origin") && slices.Contains(sources, "pool"),
			"filters.eventSources", "origins and pools", fix)
		covered := policy.Refs("filters.poolIds", typePool)
		all := !policy.Has("filters.poolIds")
		for _, pool := range pools {
			w.Want(policy, all || slices.Contains(covered, pool), "filters.poolIds", "pool "+pool.Name, fix)
		}
	}
}

// unchallenged reports whether the zone lets probes pass: a challenge would look like an outage, and hide a true one.
func (w watcher) unchallenged() {
	if !managesZone(w.client) || len(zoneRules(w.subject.Graph, w.client, "")) == 0 {
		return // another stack's concern, or AV-11's
	}
	const fix = "mend the rules of http_config_settings in components/edge, rules.go"
	const expected = "a rule that lets probes of " + healthPath + " pass without a browser check"
	for _, set := range w.Must(zoneRules(w.subject.Graph, w.client, "http_config_settings"), "rule for probes at the edge", expected, fix) {
		passes := slices.ContainsFunc(set.Items("rules"), func(rule graph.Item) bool {
			return rule.Bool("enabled") && rule.Text("action") == "set_config" && rule.Text("expression") == isProbe &&
				rule.Has("actionParameters.bic") && !rule.Bool("actionParameters.bic") && rule.Text("actionParameters.securityLevel") == "essentially_off"
		})
		w.Want(set, passes, "rules", expected, fix)
	}
}

// events reports whether the cloud's own warnings about the service reach people.
func (w watcher) events() {
	g := w.subject.Graph
	for _, fleet := range serviceFleets(g) {
		w.event("a machine could not be replaced", "aws.autoscaling", []string{"EC2 Instance Launch Unsuccessful", "EC2 Instance Terminate Unsuccessful",
			"EC2 Auto Scaling Instance Refresh Failed", "EC2 Auto Scaling Instance Refresh Cancelled"}, func(p pattern) bool {
			return p.only("detail") && p.detailOnly("AutoScalingGroupName") && p.has("detail.AutoScalingGroupName", fleet.Goes)
		})
	}
	w.event("AWS reports an issue that touches the account", "aws.health", []string{"AWS Health Event"}, func(p pattern) bool {
		fits := p.only("detail") && p.detailOnly("eventTypeCategory")
		for _, category := range []string{"issue", "scheduledChange", "investigation"} {
			fits = fits && p.has("detail.eventTypeCategory", func(c string) bool { return c == category })
		}
		return fits
	})
	w.event("a key is disabled or about to be deleted, which would take the databases away", "aws.kms", []string{"AWS API Call via CloudTrail"}, func(p pattern) bool {
		fits := p.only("detail") && p.detailOnly("eventSource", "eventName") && p.has("detail.eventSource", func(s string) bool { return s == "kms.amazonaws.com" })
		for _, call := range []string{"DisableKey", "DisableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial"} {
			fits = fits && p.has("detail.eventName", func(c string) bool { return c == call })
		}
		return fits
	})
	for _, balancer := range frontDoors(g) {
		for _, listener := range listenersOf(balancer) {
			if certificate := listener.Ref("certificateArn", "aws:acm/certificate:Certificate"); certificate != nil {
				w.event("the certificate runs out and was not renewed", "aws.acm", []string{"ACM Certificate Approaching Expiration", "ACM Certificate Expired",
					"ACM Certificate Renewal Action Required"}, func(p pattern) bool {
					return p.only("resources") && p.has("resources", certificate.Goes)
				})
			}
		}
	}
}

// event reports whether a rule for events of that source and those types, which is narrowed no further than narrow
// allows, has people as its target.
func (w watcher) event(what, source string, types []string, narrow func(pattern) bool) {
	var candidates []*graph.Resource
	fitting := -1
	for _, rule := range w.subject.Graph.OfType(typeEventRule) {
		p := patternOf(rule)
		if rule.Region() != w.client.AWS.Region || !p.has("source", func(s string) bool { return s == source }) {
			continue
		}
		fits := narrow(p)
		for _, kind := range types {
			fits = fits && p.has("detail-type", func(k string) bool { return k == kind })
		}
		if fits && fitting < 0 {
			fitting = len(candidates)
		}
		candidates = append(candidates, rule)
	}
	if len(candidates) == 0 {
		w.Missing("rule for events of "+source, "people are told when "+what, fixEvents)
		return
	}
	rule := candidates[max(fitting, 0)]
	w.Want(rule, fitting >= 0, "eventPattern", "every event that says that "+what, fixEvents)
	w.Want(rule, (!rule.Has("state") || rule.Text("state") == "ENABLED") && (!rule.Has("isEnabled") || rule.Bool("isEnabled")), "state", "enabled", fixEvents)
	told := false
	for _, target := range rule.Referrers("rule", typeEventTarget) {
		if target.Region() != rule.Region() || !sameRegion(rule, target.Ref("arn", typeTopic)) {
			continue
		}
		told = true
		// Slack drops what has another form.
		template := target.Text("inputTransformer.inputTemplate")
		known := !target.Has("inputTransformer") || strings.HasPrefix(template, `{"version":"1.0","source":"custom","content":{`)
		w.Want(target, known, "inputTransformer.inputTemplate", "the form of message that Slack shows", fixEvents)
		attempts, few := target.Number("retryPolicy.maximumRetryAttempts")
		w.Want(target, !few || attempts >= 3, "retryPolicy.maximumRetryAttempts", "at least 3, should the topic be busy", fixEvents)
		age, short := target.Number("retryPolicy.maximumEventAgeInSeconds")
		w.Want(target, !short || age >= 900, "retryPolicy.maximumEventAgeInSeconds", "at least 900 seconds, should the topic be busy", fixEvents)
	}
	if !told {
		w.Say(rule, false, "no target that is a topic", "a topic as its target, so that people are told", fixEvents)
	}
}

// pattern is an event pattern: what an event must have for its rule to speak.
type pattern map[string]any

func patternOf(rule *graph.Resource) pattern {
	var p pattern
	if err := json.Unmarshal([]byte(rule.Text("eventPattern")), &p); err != nil {
		return nil // it fits nothing that is looked for
	}
	return p
}

// has tells whether the list at path, which may have one dot, has a text that fits.
func (p pattern) has(path string, fits func(string) bool) bool {
	outer, inner, nested := strings.Cut(path, ".")
	value := p[outer]
	if nested {
		object, _ := value.(map[string]any)
		value = object[inner]
	}
	list, _ := value.([]any)
	return slices.ContainsFunc(list, func(element any) bool {
		text, ok := element.(string)
		return ok && fits(text)
	})
}

// only tells whether nothing but source, detail-type and the keys narrow the pattern.
func (p pattern) only(keys ...string) bool {
	for key := range p {
		if key != "source" && key != "detail-type" && !slices.Contains(keys, key) {
			return false
		}
	}
	return true
}

// detailOnly tells whether nothing but the keys narrows an event's details.
func (p pattern) detailOnly(keys ...string) bool {
	detail, _ := p["detail"].(map[string]any)
	for key := range detail {
		if !slices.Contains(keys, key) {
			return false
		}
	}
	return true
}
