package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	volumeType        = "aws:ebs/volume:Volume"
	rdsParameters     = "aws:rds/parameterGroup:ParameterGroup"
	docParameters     = "aws:docdb/clusterParameterGroup:ClusterParameterGroup"
	zoneSettingsToken = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
)

// encrypted is the look at DP-4.
func encrypted(ctx context.Context, l *look) error {
	errs := []error{l.wantThere(ctx), machinesAtRest(ctx, l), storesAtRest(ctx, l), storesInTransit(ctx, l), frontDoorTLS(ctx, l), siteTLS(ctx, l)}
	for _, region := range l.regions() {
		errs = append(errs, bucketsEncrypted(ctx, l, region), othersEncrypted(ctx, l, region), keysRenewed(ctx, l, region))
	}
	return errors.Join(errs...)
}

// storesAtRest follows databases, document clusters and caches to their keys.
func storesAtRest(ctx context.Context, l *look) error {
	instances, err := l.dbInstances(ctx, l.home)
	if err != nil {
		return err
	}
	at := func(o object, property string, on *bool, key *string) error {
		l.want(o, aws.ToBool(on), property, aws.ToBool(on), "true", "encryption is chosen when it is made: make it anew and move the data")
		return l.wantOwnKey(ctx, o, l.home, "kmsKeyId", aws.ToString(key))
	}
	for _, db := range instances {
		if err := at(dbObject(db), "storageEncrypted", db.StorageEncrypted, db.KmsKeyId); err != nil {
			return err
		}
		if aws.ToBool(db.PerformanceInsightsEnabled) { // it keeps the text of queries
			if err := l.wantOwnKey(ctx, dbObject(db), l.home, "performanceInsightsKmsKeyId", aws.ToString(db.PerformanceInsightsKMSKeyId)); err != nil {
				return err
			}
		}
	}
	clusters, err := l.dbClusters(ctx, l.home)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		if err := at(clusterObject(c), "storageEncrypted", c.StorageEncrypted, c.KmsKeyId); err != nil {
			return err
		}
	}
	groups, err := l.caches(ctx, l.home)
	if err != nil {
		return err
	}
	if l.subject.Client().Cache != nil && len(groups) == 0 {
		l.missing("cache in "+l.home, "the client's cache, encrypted", fixByUpdate)
	}
	for _, g := range groups {
		if err := at(object{cacheType, aws.ToString(g.ARN)}, "atRestEncryptionEnabled", g.AtRestEncryptionEnabled, g.KmsKeyId); err != nil {
			return err
		}
	}
	return nil
}

// storesInTransit reports whether databases, document clusters and caches refuse connections without TLS.
func storesInTransit(ctx context.Context, l *look) error {
	instances, err := l.dbInstances(ctx, l.home)
	if err != nil {
		return err
	}
	for _, db := range instances {
		if trial(db) || aws.ToString(db.DBClusterIdentifier) != "" {
			continue
		}
		if err := forcesTLS(ctx, l, db); err != nil {
			return err
		}
		l.want(dbObject(db), slices.Contains(goodAuthorities, aws.ToString(db.CACertificateIdentifier)), "caCertIdentifier", orAbsent(aws.ToString(db.CACertificateIdentifier)),
			"one of AWS's authorities of 2021 or later, which clients verify", fixByUpdate)
	}
	clusters, err := l.documentClusters(ctx, l.home)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		group := aws.ToString(c.DBClusterParameterGroup)
		parameters, err := l.dbClusterParameters(ctx, l.home, group)
		if err != nil {
			return err
		}
		l.want(object{docParameters, group}, slices.Contains([]string{"tls1.2+", "tls1.3+", "fips-140-3"}, parameters["tls"]), "parameters.tls", orAbsent(parameters["tls"]), "tls1.2+: TLS 1.2 or later asked of every connection", fixByUpdate)
	}
	groups, err := l.caches(ctx, l.home)
	for _, g := range groups {
		o := object{cacheType, aws.ToString(g.ARN)}
		l.want(o, aws.ToBool(g.TransitEncryptionEnabled), "transitEncryptionEnabled", aws.ToBool(g.TransitEncryptionEnabled), "true", fixByUpdate)
		l.want(o, g.TransitEncryptionMode == "required", "transitEncryptionMode", orAbsent(string(g.TransitEncryptionMode)), "required: connections without TLS are refused", fixByUpdate)
	}
	return err
}

var goodAuthorities = []string{"rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}

// forcesTLS reads the parameters that a database runs with: those of its group, once it has taken them over.
func forcesTLS(ctx context.Context, l *look, db rdstypes.DBInstance) error {
	for _, group := range db.DBParameterGroups {
		name := aws.ToString(group.DBParameterGroupName)
		o := object{rdsParameters, name}
		parameters, err := l.dbParameters(ctx, l.home, name)
		if err != nil {
			return err
		}
		status := aws.ToString(group.ParameterApplyStatus)
		l.want(dbObject(db), status != "pending-reboot", "parameterGroupName", name+" is "+orAbsent(status), "in force", "restart the database in its maintenance window")
		want := func(name string, holds func(value string) bool, expected string) {
			l.want(o, holds(parameters[name]), "parameters."+name, orAbsent(parameters[name]), expected, fixByUpdate)
		}
		on := func(value string) bool { return value == "1" || strings.EqualFold(value, "on") }
		if strings.Contains(aws.ToString(db.Engine), "postgres") {
			want("rds.force_ssl", on, "1: connections without TLS are refused")
			want("ssl_min_protocol_version", func(v string) bool { return v == "TLSv1.2" || v == "TLSv1.3" }, "TLSv1.2 or later")
			continue
		}
		want("require_secure_transport", on, "1: connections without TLS are refused")
		want("tls_version", func(v string) bool {
			return v != "" && !slices.ContainsFunc(strings.Split(v, ","), func(one string) bool { return one != "TLSv1.2" && one != "TLSv1.3" })
		}, "TLSv1.2 and later only")
	}
	if len(db.DBParameterGroups) == 0 {
		l.want(dbObject(db), false, "parameterGroupName", "absent", "settings of the stack's own, which ask for TLS 1.2 or later", fixByUpdate)
	}
	return nil
}

// machinesAtRest reports whether all disks of the account are encrypted under the client's keys.
func machinesAtRest(ctx context.Context, l *look) error {
	volumes, err := l.volumes(ctx, l.home)
	for _, v := range volumes {
		o := object{volumeType, aws.ToString(v.VolumeId)}
		l.want(o, aws.ToBool(v.Encrypted), "encrypted", aws.ToBool(v.Encrypted), "true", "replace the machine; encryption is chosen when a disk is made")
		if aws.ToBool(v.Encrypted) {
			if err := l.wantOwnKey(ctx, o, l.home, "kmsKeyId", aws.ToString(v.KmsKeyId)); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	snapshots, err := l.ownDisks(ctx, l.home)
	for _, s := range snapshots {
		l.want(object{ebsSnapshot, aws.ToString(s.SnapshotId)}, aws.ToBool(s.Encrypted) || s.State != ec2types.SnapshotStateCompleted, "encrypted", aws.ToBool(s.Encrypted), "true", "copy the snapshot with the stack's key, and delete it")
	}
	return err
}

// bucketsEncrypted reports whether each bucket encrypts with a key of the client's own and refuses plain transport. Buckets that
// receive access logs have S3's own key: log delivery writes with no other.
func bucketsEncrypted(ctx context.Context, l *look, region string) error {
	buckets, err := l.buckets(ctx, region)
	if err != nil {
		return err
	}
	if len(buckets) == 0 {
		l.missing("bucket in "+region, "encrypted buckets", fixByUpdate)
	}
	targets, err := l.logTargets(ctx, region, buckets)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		setting, err := l.bucketDefault(ctx, b)
		if err != nil {
			return err
		}
		if targets[b.name] && setting != nil && setting.SSEAlgorithm == s3types.ServerSideEncryptionAes256 {
			l.want(b.of(s3Encryption), true, "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "AES256", "AES256, S3's own keys: log delivery writes with no others", "")
		} else if err := wantBucketKey(ctx, l, b); err != nil {
			return err
		}
		text, err := l.bucketPolicy(ctx, b)
		if err != nil {
			return err
		}
		o := b.of(s3Policy)
		document, readable := l.readPolicy(o, text)
		if !readable {
			continue
		}
		l.wantRefused(o, document, b.whole, "plain HTTP is refused, for the bucket and all that is in it", []policy.Condition{withoutTLS}, "s3:GetObject", "s3:PutObject")
		l.wantRefused(o, document, b.whole, "TLS before 1.2 is refused, for the bucket and all that is in it", []policy.Condition{withOldTLS}, "s3:GetObject", "s3:PutObject")
	}
	return nil
}

// logTargets are the buckets that other buckets or load balancers of the region write their access logs to.
func (l *look) logTargets(ctx context.Context, region string, buckets []bucket) (map[string]bool, error) {
	targets := map[string]bool{}
	for _, b := range buckets {
		to, err := l.bucketLogTarget(ctx, b)
		if err != nil {
			return nil, err
		}
		targets[to] = true
	}
	balancers, err := l.balancers(ctx, region)
	for _, one := range balancers {
		targets[one.attributes["access_logs.s3.bucket"]] = true
	}
	return targets, err
}

// operatingSystems is where RDS writes measurements of the databases' machines, which are no client's data. It makes the log group
// itself, one for the account, and takes no key.
const operatingSystems = "RDSOSMetrics"

// othersEncrypted reports on what else keeps something: vaults, topics, log groups and secrets.
func othersEncrypted(ctx context.Context, l *look, region string) error {
	var errs []error
	key := func(o object, property, id string) { errs = append(errs, l.wantOwnKey(ctx, o, region, property, id)) }
	vaults, err := l.vaults(ctx, region)
	errs = append(errs, err)
	for _, name := range slices.Sorted(maps.Keys(vaults)) {
		member := vaults[name]
		key(vault{member, region}.of(backupVault), "kmsKeyArn", aws.ToString(member.EncryptionKeyArn))
	}
	topics, err := l.topics(ctx, region)
	errs = append(errs, err)
	for _, t := range topics {
		key(object{topicType, t.arn}, "kmsMasterKeyId", t.attributes["KmsMasterKeyId"])
		refused := refusedPlain(t.attributes["Policy"], "sns:Publish", t.arn)
		l.want(object{topicPolicy, t.arn}, refused, "policy", plainRefusal(refused), "plain HTTP is refused", fixByUpdate)
	}
	groups, err := l.logGroups(ctx, region)
	errs = append(errs, err)
	for _, g := range groups {
		if aws.ToString(g.LogGroupName) == operatingSystems {
			continue
		}
		key(object{logGroupType, aws.ToString(g.LogGroupName)}, "kmsKeyId", aws.ToString(g.KmsKeyId))
	}
	secrets, err := l.secrets(ctx, region)
	errs = append(errs, err)
	for _, s := range secrets {
		key(s.object(), "kmsKeyId", aws.ToString(s.KmsKeyId))
		if l.ours(s.tags) {
			refused := refusedPlain(s.policy, "secretsmanager:GetSecretValue", aws.ToString(s.ARN))
			l.want(object{secretPolicy, aws.ToString(s.ARN)}, refused, "policy", plainRefusal(refused), "plain HTTP is refused", fixByUpdate)
		}
	}
	return errors.Join(errs...)
}

// refusedPlain tells whether a policy refuses an action on something to whoever comes without TLS.
func refusedPlain(text, action, arn string) bool {
	document, err := policy.Parse(text)
	return err == nil && refusesAll(document, action, func(resources []string) bool {
		return slices.Contains(resources, "*") || slices.Contains(resources, arn)
	}, withoutTLS)
}

func plainRefusal(refused bool) string {
	return map[bool]string{true: "plain HTTP is refused", false: "plain HTTP is not refused"}[refused]
}

// keysRenewed reports whether the client's keys are AES-256 and renewed every year.
func keysRenewed(ctx context.Context, l *look, region string) error {
	keys, err := l.keys(ctx, region)
	own := 0
	for _, k := range keys {
		if !k.customers() || k.DeletionDate != nil || !l.ours(k.tags) {
			continue
		}
		own++
		l.want(k.object(), k.KeySpec == kmstypes.KeySpecSymmetricDefault, "customerMasterKeySpec", string(k.KeySpec), "SYMMETRIC_DEFAULT: AES-256", "make the key anew")
		l.want(k.object(), k.rotated, "enableKeyRotation", k.rotated, "true: AWS renews the key every year", fixByUpdate)
	}
	if err == nil && own == 0 {
		l.missing("key of the stack in "+region, "keys of the client's own", fixByUpdate)
	}
	return err
}

// modernTLS are AWS's TLS policies that know nothing before TLS 1.2 and no ciphers without forward secrecy.
var modernTLS = []string{
	"ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06",
	"ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
}

// frontDoorTLS reports whether the load balancer serves HTTPS only, to people and to the machines behind it.
func frontDoorTLS(ctx context.Context, l *look) error {
	doors, err := l.frontDoors(ctx)
	if err != nil {
		return err
	}
	if len(doors) == 0 {
		l.missing("load balancer in "+l.home, "a load balancer that speaks HTTPS", fixByUpdate)
	}
	targets, err := l.targetGroups(ctx, l.home)
	if err != nil {
		return err
	}
	for _, door := range doors {
		secure := 0
		for _, at := range door.listeners {
			o := object{listenerType, aws.ToString(at.ListenerArn)}
			if at.Protocol == elbtypes.ProtocolEnumHttps {
				secure++
				l.want(o, slices.Contains(modernTLS, aws.ToString(at.SslPolicy)), "sslPolicy", orAbsent(aws.ToString(at.SslPolicy)), "one of AWS's policies for TLS 1.2 or later", fixByUpdate)
				continue
			}
			l.want(o, redirects(at.DefaultActions), "defaultActions", "redirects to HTTPS: "+strconv.FormatBool(redirects(at.DefaultActions)), "nothing but a redirect to HTTPS", fixByUpdate)
			served := slices.ContainsFunc(at.rules, func(r elbtypes.Rule) bool { return !aws.ToBool(r.IsDefault) && !redirects(r.Actions) })
			l.want(o, !served, "", fmt.Sprintf("a rule that does not redirect: %t", served), "no rule: everything is redirected", fixByUpdate)
		}
		l.want(object{balancerType, door.arn()}, secure > 0, "", several(secure, "HTTPS listener"), "a listener on HTTPS", fixByUpdate)
		behind := door.targets()
		for _, g := range targets {
			if slices.Contains(behind, aws.ToString(g.TargetGroupArn)) {
				l.want(object{targetGroupType, aws.ToString(g.TargetGroupArn)}, g.Protocol == elbtypes.ProtocolEnumHttps, "protocol", string(g.Protocol), "HTTPS, to the machines as well", fixByUpdate)
			}
		}
	}
	return nil
}

func redirects(actions []elbtypes.Action) bool {
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(a elbtypes.Action) bool {
		return a.Type != elbtypes.ActionTypeEnumRedirect || a.RedirectConfig == nil || aws.ToString(a.RedirectConfig.Protocol) != "HTTPS"
	})
}

// siteTLS asks the client's address as a browser does: plain HTTP is redirected, HTTPS says that it is to stay so, and a TLS that is
// older than 1.2 is refused.
func siteTLS(ctx context.Context, l *look) error {
	edge := l.subject.Client().Edge
	o := object{zoneSettingsToken, edge.Hostname}
	plain, err := l.ask(ctx, "http://"+edge.Hostname+"/")
	if err != nil {
		return err
	}
	to := plain.header.Get("Location")
	moved := slices.Contains([]int{http.StatusMovedPermanently, http.StatusPermanentRedirect}, plain.status) && strings.HasPrefix(to, "https://"+edge.Hostname)
	l.want(o, moved, "settings.alwaysUseHttps", fmt.Sprintf("http is answered %d to %s", plain.status, orAbsent(to)), "redirected for good to https://"+edge.Hostname, fixByUpdate)
	secure, err := l.ask(ctx, "https://"+edge.Hostname+healthPath)
	if err != nil {
		return err
	}
	header := secure.header.Get("Strict-Transport-Security")
	l.want(o, lastsFor(header) >= edge.HSTSDays*24*60*60, "settings.securityHeader.maxAge", orAbsent(header), fmt.Sprintf("at least %d days, in seconds", edge.HSTSDays), fixByUpdate)
	return oldRefused(ctx, l, o, edge.Hostname)
}

// lastsFor is how long a browser is to keep to HTTPS, in seconds.
func lastsFor(header string) int {
	for _, part := range strings.Split(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(name, "max-age") {
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err == nil {
				return seconds
			}
		}
	}
	return 0
}

// oldRefused speaks TLS 1.1 and older to the site. That it speaks a newer one was seen before.
func oldRefused(ctx context.Context, l *look, o object, host string) error {
	if l.outside.Dial == nil {
		return errNotAsked
	}
	connection, err := l.outside.Dial(ctx, "tcp", net.JoinHostPort(host, "443"))
	if err != nil {
		return fmt.Errorf("reach %s from outside: %w", host, err)
	}
	defer func() { _ = connection.Close() }()
	patience, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	err = tls.Client(connection, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).HandshakeContext(patience)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var certificate *tls.CertificateVerificationError // only whoever speaks the old version shows one
	spoken := err == nil || errors.As(err, &certificate)
	l.want(o, !spoken, "settings.minTlsVersion", "TLS 1.1 is "+map[bool]string{true: "spoken", false: "refused"}[spoken], "refused: TLS 1.2 or later", fixByUpdate)
	return nil
}
