package catalogue

import (
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// How DP-4 follows data on its way: to databases and caches, into buckets, through topics, and to people.

// databaseTransit is refused where it is not encrypted.
func (e *encryption) databaseTransit() {
	for _, db := range e.g.OfType(typeDatabase) {
		forcesTLS(e.r, db)
		e.authority(db)
	}
	for _, instance := range e.g.OfType(typeDocument) {
		e.authority(instance)
	}
	e.verified()
	for _, cluster := range e.g.OfType(typeDocuments) {
		group := cluster.Ref("dbClusterParameterGroupName", "aws:docdb/clusterParameterGroup:ClusterParameterGroup")
		if group == nil {
			e.r.Want(cluster, false, "dbClusterParameterGroupName", "settings of the stack's own, which ask for TLS 1.2 or later", "components/documents makes them")
			continue
		}
		tls := setTo(group, "tls")
		e.r.Say(group, slices.Contains([]string{"tls1.2+", "tls1.3+", "fips-140-3"}, tls), "tls is "+orUnset(tls), "TLS 1.2 or later asked of every connection", "components/documents sets tls: tls1.2+")
	}
	for _, cache := range e.g.OfType(typeCache) {
		const fix = "components/cache sets it"
		e.r.Want(cache, cache.Bool("transitEncryptionEnabled"), "transitEncryptionEnabled", "true", fix)
		e.r.Want(cache, cache.Text("transitEncryptionMode") == "required", "transitEncryptionMode", "required: connections without TLS are refused", fix)
	}
}

// verified reports whether the service knows by whose signature it recognises its database.
func (e *encryption) verified() {
	const fix = "stacks/awsclient, service.go, tells the service where AWS publishes its authorities"
	bundle := "https://truststore.pki.rds.amazonaws.com/" + e.client.AWS.Region + "/"
	var found []*graph.Resource
	for _, parameter := range e.g.OfType(typeParameter) {
		if strings.HasSuffix(parameter.Text("name"), "/database-ca-url") {
			found = append(found, parameter)
		}
	}
	for _, parameter := range e.r.Must(found, "parameter database-ca-url", "the authorities by which the service verifies its database", fix) {
		e.r.Want(parameter, strings.HasPrefix(parameter.Text("insecureValue"), bundle), "insecureValue", "AWS's own authorities, below "+bundle, fix)
	}
}

// authority reports whether a database shows a certificate of one of AWS's authorities that are still good.
func (e *encryption) authority(db *graph.Resource) {
	good := slices.Contains([]string{"rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}, db.Text("caCertIdentifier"))
	e.r.Want(db, good, "caCertIdentifier", "one of AWS's authorities of 2021 or later, which clients verify", "the component sets rds-ca-rsa2048-g1")
}

// forcesTLS reports whether a database instance refuses connections without TLS 1.2 or later.
func forcesTLS(r *promises.Report, db *graph.Resource) {
	const fix = "components/database, engine.go, sets it"
	group := db.Ref("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup")
	if group == nil {
		r.Want(db, false, "parameterGroupName", "settings of the stack's own, which ask for TLS 1.2 or later", "components/database makes them")
		return
	}
	if strings.HasPrefix(group.Text("family"), "postgres") {
		force, least := setTo(group, "rds.force_ssl"), setTo(group, "ssl_min_protocol_version")
		r.Say(group, force == "1", "rds.force_ssl is "+orUnset(force), "1: connections without TLS are refused", fix)
		r.Say(group, least == "TLSv1.2" || least == "TLSv1.3", "ssl_min_protocol_version is "+orUnset(least), "TLSv1.2 or later", fix)
		return
	}
	force, versions := setTo(group, "require_secure_transport"), setTo(group, "tls_version")
	r.Say(group, force == "1" || strings.EqualFold(force, "on"), "require_secure_transport is "+orUnset(force), "1: connections without TLS are refused", fix)
	old := slices.ContainsFunc(strings.Split(versions, ","), func(v string) bool { return v != "TLSv1.2" && v != "TLSv1.3" })
	r.Say(group, !old, "tls_version is "+orUnset(versions), "TLSv1.2 and later only", fix)
}

// setTo is what a parameter group sets a parameter to; empty where it does not.
func setTo(group *graph.Resource, parameter string) string {
	for _, one := range group.Items("parameters") {
		if one.Text("name") == parameter {
			return one.Text("value")
		}
	}
	return ""
}

func orUnset(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

// refuses tells whether a policy denies an action to all on all that it guards, under one condition alone.
func refuses(document policy.Document, action string, when policy.Condition, covers func(st policy.Statement) bool) bool {
	return slices.ContainsFunc(document.Denies(), func(st policy.Statement) bool {
		return st.Everyone() && len(st.NotPrincipals) == 0 && st.Covers(action) && covers(st) && len(st.Conditions) == 1 && st.Conditions[0].Operator == when.Operator &&
			strings.EqualFold(st.Conditions[0].Key, when.Key) && slices.Equal(st.Conditions[0].Values, when.Values)
	})
}

var plainHTTP = policy.Condition{Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"false"}}

// bucketTransit is by TLS 1.2 or later only, and nothing is put into a bucket under another key than the bucket's.
func (e *encryption) bucketTransit() {
	const fix = "make the bucket with components/bucket, which writes its policy"
	oldTLS := policy.Condition{Operator: "NumericLessThan", Key: "s3:TlsVersion", Values: []string{"1.2"}}
	for _, bucket := range e.r.Must(e.g.OfType(typeBucket), "bucket", "buckets that refuse plain HTTP", "components/bucket makes them") {
		policies := bucket.Referrers("bucket", typeBucketPolicy)
		e.r.Say(bucket, len(policies) == 1, "bucket policies: "+strconv.Itoa(len(policies)), "a policy that refuses plain HTTP", fix)
		for _, holder := range policies {
			document, err := policy.Parse(holder.Text("policy"))
			whole := func(st policy.Statement) bool {
				return slices.ContainsFunc(st.Resources, bucket.Goes) && coversObjects(st, bucket)
			}
			objects := func(st policy.Statement) bool { return coversObjects(st, bucket) }
			plain := err == nil && refuses(document, "s3:GetObject", plainHTTP, whole) && refuses(document, "s3:PutObject", plainHTTP, whole)
			old := err == nil && refuses(document, "s3:GetObject", oldTLS, whole) && refuses(document, "s3:PutObject", oldTLS, whole)
			e.r.Say(holder, plain, refusal(plain, "plain HTTP"), "plain HTTP refused, for the bucket and all that is in it", fix)
			e.r.Say(holder, old, refusal(old, "TLS before 1.2"), "TLS before 1.2 refused, for the bucket and all that is in it", fix)
			if keys := bucketKeys(bucket); len(keys) == 1 {
				other := err == nil && slices.ContainsFunc(document.Denies(), func(st policy.Statement) bool { return otherKeys(st, keys[0]) && objects(st) })
				e.r.Say(holder, other, refusal(other, "other keys"), "objects under another key than the bucket's refused", fix)
			}
		}
	}
}

func coversObjects(st policy.Statement, bucket *graph.Resource) bool {
	return slices.ContainsFunc(st.Resources, func(arn string) bool {
		base, all := strings.CutSuffix(arn, "/*")
		return all && bucket.Goes(base)
	})
}

// otherKeys tells whether a statement refuses objects that name another key. Those that name none get the bucket's.
func otherKeys(st policy.Statement, key *graph.Resource) bool {
	const named = "s3:x-amz-server-side-encryption-aws-kms-key-id"
	keys, _ := st.Condition("StringNotEquals", named)
	absent, _ := st.Condition("Null", named)
	rest := len(st.Conditions) == 1 || len(st.Conditions) == 2 && slices.Equal(absent, []string{"false"})
	return st.Everyone() && st.Covers("s3:PutObject") && rest && len(keys) == 1 && key.Goes(keys[0])
}

func refusal(refused bool, what string) string {
	if refused {
		return what + " is refused"
	}
	return what + " is not refused"
}

// messageTransit: topics, queues and secrets are spoken to by TLS only.
func (e *encryption) messageTransit() {
	for _, kind := range []struct{ typeToken, policyType, property, action, fix string }{
		{typeTopic, typeTopicPolicy, "arn", "sns:Publish", "components/alerting writes the policy"},
		{typeQueue, typeQueuePolicy, "queueUrl", "sqs:SendMessage", "add a statement that denies sqs:* where aws:SecureTransport is false"},
		{typeSecret, typeSecretPolicy, "secretArn", "secretsmanager:GetSecretValue", "add a secret policy like that of components/configuration"},
	} {
		for _, guarded := range e.g.OfType(kind.typeToken) {
			policies := guarded.Referrers(kind.property, kind.policyType)
			refused := slices.ContainsFunc(policies, func(holder *graph.Resource) bool {
				document, err := policy.Parse(holder.Text("policy"))
				return err == nil && refuses(document, kind.action, plainHTTP, func(st policy.Statement) bool {
					return slices.Contains(st.Resources, "*") || slices.ContainsFunc(st.Resources, guarded.Goes)
				})
			})
			e.r.Say(guarded, refused, refusal(refused, "plain HTTP"), "plain HTTP refused by its policy", kind.fix)
		}
	}
}

// frontDoor is the load balancer: HTTPS, with the client's own certificate, on to machines that speak HTTPS too.
func (e *encryption) frontDoor() {
	const fix = "components/loadbalancer, listeners.go, makes the listeners"
	hostname := e.client.Edge.Hostname
	for _, balancer := range e.r.Must(frontDoors(e.g), "load balancer", "a load balancer that speaks HTTPS", "components/loadbalancer makes it") {
		secure := 0
		for _, listener := range listenersOf(balancer) {
			if listener.Text("protocol") == "HTTPS" {
				secure++
				e.secureListener(listener, fix)
				continue
			}
			for _, action := range listener.Items("defaultActions") {
				to := action.Text("redirect.protocol") == "HTTPS" && action.Text("redirect.port") == "443" && action.Text("redirect.host") == hostname
				e.r.Want(listener, action.Text("type") == "redirect" && to, action.Path, "nothing but a redirect to https://"+hostname, fix)
			}
			rules := listener.Referrers("listenerArn", typeListenerRule)
			e.r.Say(listener, len(rules) == 0 && len(listener.List("defaultActions")) > 0, howMany(len(rules), "rule")+" besides", "no rule: everything is redirected", fix)
		}
		e.r.Say(balancer, secure > 0, howMany(secure, "HTTPS listener"), "a listener on HTTPS", fix)
		for _, group := range targetsOf(balancer) {
			e.r.Want(group, group.Text("protocol") == "HTTPS", "protocol", "HTTPS, to the machines as well", fix)
			e.r.Want(group, group.Text("healthCheck.protocol") == "HTTPS", "healthCheck.protocol", "HTTPS", fix)
		}
	}
}

// modern are AWS's TLS policies that know nothing before TLS 1.2 and no ciphers without forward secrecy.
var modern = []string{
	"ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06",
	"ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
}

// strongKeys are the certificate's keys that hold for years; AWS makes RSA_2048 where none is named.
var strongKeys = []string{"", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"}

func (e *encryption) secureListener(listener *graph.Resource, fix string) {
	const certificateType = "aws:acm/certificate:Certificate"
	const fixCertificate = "components/certificate makes it"
	e.r.Want(listener, slices.Contains(modern, listener.Text("sslPolicy")), "sslPolicy", "one of AWS's policies for TLS 1.2 or later", fix)
	certificate := listener.Ref("certificateArn", certificateType)
	e.r.Want(listener, certificate != nil, "certificateArn", "the stack's own certificate", fix)
	if certificate == nil {
		return
	}
	e.r.Want(certificate, certificate.Text("domainName") == e.client.Edge.Hostname, "domainName", "the client's host name "+e.client.Edge.Hostname, fixCertificate)
	e.r.Want(certificate, certificate.Text("validationMethod") == "DNS", "validationMethod", "DNS: AWS renews it by itself", fixCertificate)
	e.r.Want(certificate, slices.Contains(strongKeys, certificate.Text("keyAlgorithm")), "keyAlgorithm", "RSA of 2048 bits or more, or an elliptic curve", fixCertificate)
	issued := certificate.Referrers("certificateArn", "aws:acm/certificateValidation:CertificateValidation")
	e.r.Say(certificate, len(issued) > 0, "waits until it is issued: "+strconv.Itoa(len(issued)), "the stack waits until the certificate is issued", fixCertificate)
	var proof string
	if options, _ := certificate.Outputs["domainValidationOptions"].([]any); len(options) > 0 {
		option, _ := options[0].(map[string]any)
		proof, _ = option["resourceRecordValue"].(string)
	}
	proven := slices.ContainsFunc(e.g.OfType("cloudflare:index/record:Record"), func(record *graph.Resource) bool {
		content := record.Text("content")
		return record.Text("type") == "CNAME" && !record.Bool("proxied") && content != "" && strings.TrimSuffix(content, ".") == strings.TrimSuffix(proof, ".") && record.Text("zoneId") == e.client.Edge.ZoneID
	})
	e.r.Say(certificate, proven, map[bool]string{true: "the record is there", false: "there is no such record"}[proven],
		"the record in the client's zone by which AWS issues and renews it", fixCertificate)
}

// edge is what browsers are told by Cloudflare. A zone that several stacks share is set by one of them.
func (e *encryption) edge() {
	const fix = "components/edge, zone.go, sets it"
	if e.client.Edge.ManageZone != nil && !*e.client.Edge.ManageZone {
		return
	}
	for _, zone := range e.r.Must(e.g.OfType("cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"), "settings of the zone", "a zone that speaks HTTPS only", "components/edge makes them") {
		e.r.Want(zone, zone.Text("zoneId") == e.client.Edge.ZoneID, "zoneId", "the client's zone", "set edge.zoneId in the client's spec")
		for _, want := range []struct{ setting, value, expected string }{
			{"ssl", "strict", "strict: HTTPS to the origin too, and its certificate is checked"},
			{"alwaysUseHttps", "on", "on: plain HTTP is redirected"},
			{"tls13", "on", "on: TLS 1.3 is offered"},
			{"automaticHttpsRewrites", "on", "on: links in pages lead to HTTPS"},
			{"opportunisticEncryption", "on", "on: no request goes in the clear where it need not"},
			{"zeroRtt", "off", "off: early data can be replayed"},
		} {
			e.r.Want(zone, zone.Text("settings."+want.setting) == want.value, "settings."+want.setting, want.expected, fix)
		}
		least := zone.Text("settings.minTlsVersion")
		e.r.Want(zone, least == "1.2" || least == "1.3", "settings.minTlsVersion", "1.2 or later", fix)
		header := "settings.securityHeader."
		seconds, _ := zone.Number(header + "maxAge")
		e.r.Want(zone, seconds == float64(e.client.Edge.HSTSDays*24*60*60), header+"maxAge", inDays(e.client.Edge.HSTSDays)+", in seconds", "set edge.hstsDays in the client's spec")
		for _, name := range []string{"enabled", "includeSubdomains", "preload", "nosniff"} {
			e.r.Want(zone, zone.Bool(header+name), header+name, "true", fix)
		}
	}
	e.issuers()
}

// issuers are who may sign certificates for the zone, and the signature under that answer.
func (e *encryption) issuers() {
	const fix = "components/edge, zone.go, writes the records"
	known := []string{"amazon.com", "pki.goog", "letsencrypt.org", "ssl.com"}
	limits := map[string]int{}
	for _, record := range e.g.OfType("cloudflare:index/record:Record") {
		tag := record.Text("data.tag")
		if record.Text("type") != "CAA" || tag != "issue" && tag != "issuewild" {
			continue
		}
		issuer, _, _ := strings.Cut(record.Text("data.value"), ";")
		right := slices.Contains(known, strings.TrimSpace(issuer)) && record.Text("zoneId") == e.client.Edge.ZoneID && record.Text("name") == e.client.Edge.Zone
		e.r.Want(record, right, "data.value", "one of the authorities that AWS and Cloudflare use", fix)
		if right {
			limits[tag]++
		}
	}
	if limits["issue"] == 0 || limits["issuewild"] == 0 {
		e.r.Missing("record of who may issue certificates", "records that name who may issue certificates for the zone", fix)
	}
	signed := slices.DeleteFunc(e.g.OfType("cloudflare:index/zoneDnssec:ZoneDnssec"), func(d *graph.Resource) bool { return d.Text("zoneId") != e.client.Edge.ZoneID })
	for _, dnssec := range e.r.Must(signed, "DNSSEC", "answers of the zone's name servers are signed", "components/edge, zone.go, turns it on") {
		e.r.Want(dnssec, true, "zoneId", "the client's zone", fix)
	}
}
