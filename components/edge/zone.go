package edge

import (
	"fmt"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const secondsPerDay = 24 * 60 * 60

// zone makes the whole zone speak TLS only (DP-4) and proves itself to origins with a client certificate (AV-12).
func (b builder) zone() error {
	on, off := pulumi.String("on"), pulumi.String("off")
	_, err := cloudflare.NewZoneSettingsOverride(b.ctx, b.name+"-settings", &cloudflare.ZoneSettingsOverrideArgs{
		ZoneId: b.zoneID(),
		Settings: cloudflare.ZoneSettingsOverrideSettingsArgs{
			Ssl: pulumi.String("strict"), MinTlsVersion: pulumi.String("1.2"), Tls13: on, ZeroRtt: off, // 0-RTT can be replayed
			AlwaysUseHttps: on, AutomaticHttpsRewrites: on, OpportunisticEncryption: on,
			SecurityHeader: cloudflare.ZoneSettingsOverrideSettingsSecurityHeaderArgs{
				Enabled: pulumi.Bool(true), IncludeSubdomains: pulumi.Bool(true), Preload: pulumi.Bool(true), Nosniff: pulumi.Bool(true),
				MaxAge: pulumi.Int(b.args.Edge.HSTSDays * secondsPerDay),
			},
			Http2: on, Http3: on, Brotli: on, Websockets: on, IpGeolocation: on,
			SecurityLevel: pulumi.String("medium"), BrowserCheck: on, ChallengeTtl: pulumi.Int(1800),
			// What rewrites pages would break the service's content security policy; what serves old
			// copies would show one person's pages to another.
			EmailObfuscation: off, RocketLoader: off, ServerSideExclude: off, AlwaysOnline: off, DevelopmentMode: off,
			CacheLevel: pulumi.String("aggressive"),
		},
	}, b.child())
	if err != nil {
		return err
	}
	dnssec, err := cloudflare.NewZoneDnssec(b.ctx, b.name+"-dnssec", &cloudflare.ZoneDnssecArgs{ZoneId: b.zoneID()}, b.child())
	if err != nil {
		return err
	}
	record := dnssec.Ds
	b.edge.DNSSECRecord = &record
	if _, err := cloudflare.NewAuthenticatedOriginPulls(b.ctx, b.name+"-origin-pulls", &cloudflare.AuthenticatedOriginPullsArgs{
		ZoneId: b.zoneID(), Enabled: pulumi.Bool(true),
	}, b.child()); err != nil {
		return err
	}
	if !b.args.Edge.Argo {
		return nil
	}
	if _, err := cloudflare.NewArgo(b.ctx, b.name+"-argo", &cloudflare.ArgoArgs{ZoneId: b.zoneID(), SmartRouting: on}, b.child()); err != nil {
		return err
	}
	_, err = cloudflare.NewTieredCache(b.ctx, b.name+"-tiered-cache", &cloudflare.TieredCacheArgs{
		ZoneId: b.zoneID(), CacheType: pulumi.String("smart"),
	}, b.child())
	return err
}

// issuers may sign certificates for the zone: Amazon for origins, the others for Cloudflare's edge.
var issuers = []struct{ name, domain string }{
	{"amazon", "amazon.com"},
	{"google", "pki.goog; cansignhttpexchanges=yes"},
	{"letsencrypt", "letsencrypt.org"},
	{"sslcom", "ssl.com"},
}

// certificateAuthorities forbids every other authority to issue for the zone or anything below it.
func (b builder) certificateAuthorities() error {
	for _, issuer := range issuers {
		for _, tag := range []string{"issue", "issuewild"} {
			if err := b.caa(tag+"-"+issuer.name, tag, issuer.domain); err != nil {
				return err
			}
		}
	}
	if len(b.args.Emails) == 0 {
		return nil
	}
	return b.caa("iodef", "iodef", "mailto:"+b.args.Emails[0])
}

func (b builder) caa(child, tag, value string) error {
	_, err := cloudflare.NewRecord(b.ctx, b.name+"-caa-"+child, &cloudflare.RecordArgs{
		ZoneId: b.zoneID(), Name: pulumi.String(b.args.Edge.Zone), Type: pulumi.String("CAA"), Ttl: pulumi.Int(3600), Proxied: pulumi.Bool(false),
		Data:    cloudflare.RecordDataArgs{Flags: pulumi.String("0"), Tag: pulumi.String(tag), Value: pulumi.String(value)},
		Comment: pulumi.String("berth: who may issue certificates"),
	}, b.child())
	if err != nil {
		return fmt.Errorf("CAA record %s %q: %w", tag, value, err)
	}
	return nil
}
