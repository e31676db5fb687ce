// Package certificate gives the load balancer its TLS certificate: issued by
// AWS Certificate Manager, proved through a DNS record in the client's
// Cloudflare zone, renewed by AWS for as long as that record stays.
//
// It knows the host name and the zone, and nothing of what serves behind them.
package certificate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/acm"
	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args name the host and its zone. Providers: aws, cloudflare.
type Args struct {
	Scope    scope.Scope
	Hostname string
	ZoneID   string // Cloudflare's, of the zone that holds Hostname
}

// Certificate is issued and proved.
type Certificate struct {
	pulumi.ResourceState

	// Arn is known once AWS has seen the proof, so that nothing is built on a certificate that is still pending.
	Arn pulumi.StringOutput
}

func (a Args) check() error {
	var errs []error
	if !strings.Contains(a.Hostname, ".") || strings.ContainsAny(a.Hostname, " /:*") {
		errs = append(errs, fmt.Errorf("host name is %q: use one full name, such as acme.taskflow.example", a.Hostname))
	}
	if a.ZoneID == "" {
		errs = append(errs, errors.New("zone id is empty: set edge.zoneId in the spec"))
	}
	return errors.Join(errs...)
}

// New asks for the certificate, writes its proof and waits until it is issued.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Certificate, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("certificate %q: %w", name, err)
	}
	c := &Certificate{}
	if err := ctx.RegisterComponentResourceV2("berth:certificate:Certificate", name,
		pulumi.Map{"hostname": pulumi.String(args.Hostname)}, c, opts...); err != nil {
		return nil, err
	}
	requested, err := acm.NewCertificate(ctx, name+"-certificate", &acm.CertificateArgs{
		DomainName: pulumi.String(args.Hostname), ValidationMethod: pulumi.String("DNS"), KeyAlgorithm: pulumi.String("RSA_2048"),
		Options: acm.CertificateOptionsArgs{CertificateTransparencyLoggingPreference: pulumi.String("ENABLED")},
		Tags:    args.Scope.Tags(scope.None, args.Hostname),
	}, pulumi.Parent(c))
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", name, err)
	}
	// One name, one proof; an update that leaves a new certificate out knows of none yet. AWS writes names with a
	// final dot, Cloudflare keeps them without: left in, it would be a change on every run.
	proof := func(field func(acm.CertificateDomainValidationOption) *string) pulumi.StringOutput {
		return requested.DomainValidationOptions.ApplyT(func(options []acm.CertificateDomainValidationOption) string {
			if len(options) == 0 || field(options[0]) == nil {
				return ""
			}
			return strings.TrimSuffix(*field(options[0]), ".")
		}).(pulumi.StringOutput)
	}
	type option = acm.CertificateDomainValidationOption
	record, err := cloudflare.NewRecord(ctx, name+"-proof", &cloudflare.RecordArgs{
		ZoneId: pulumi.String(args.ZoneID), Name: proof(func(o option) *string { return o.ResourceRecordName }), Type: proof(func(o option) *string { return o.ResourceRecordType }),
		Content: proof(func(o option) *string { return o.ResourceRecordValue }), Ttl: pulumi.Int(300), Proxied: pulumi.Bool(false),
		Comment: pulumi.Sprintf("berth: proves %s to AWS; renewals need it", args.Hostname),
	}, pulumi.Parent(c))
	if err != nil {
		return nil, fmt.Errorf("certificate %q: proof: %w", name, err)
	}
	issued, err := acm.NewCertificateValidation(ctx, name+"-issued", &acm.CertificateValidationArgs{
		CertificateArn:        requested.Arn,
		ValidationRecordFqdns: pulumi.StringArray{record.Hostname},
	}, pulumi.Parent(c))
	if err != nil {
		return nil, fmt.Errorf("certificate %q: wait until issued: %w", name, err)
	}
	c.Arn = issued.CertificateArn
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{"arn": c.Arn})
}
