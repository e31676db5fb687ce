// Package loadbalancer makes the one way in to a client's machines: an
// application load balancer in the public subnets that speaks only to
// Cloudflare. Its security group takes connections from Cloudflare's ranges
// alone, and its listener asks for Cloudflare's client certificate, so that a
// connection is not let in for its address only. It answers for the client's
// host name and for no other.
//
// It does not know the machines: they register with its target group, and their
// component adds the rules that let the two speak.
package loadbalancer

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TargetPort is where machines serve HTTPS to the load balancer.
const TargetPort = 8443

// HealthPath answers 200 while a machine can serve.
const HealthPath = "/healthz"

// Args describe a load balancer.
type Args struct {
	Scope    scope.Scope
	Network  *network.Network
	Hostname string // the only host that is served
	// CertificateArn of a certificate for Hostname.
	CertificateArn pulumi.StringInput
	// TrustBundleBucket and TrustBundleKey are where the CA lies that signs the edge's client certificate.
	TrustBundleBucket, TrustBundleKey string
	// LogDays is how long access and connection logs are kept, and LogsTo the bucket that says who read them.
	LogDays int
	LogsTo  pulumi.StringInput
}

// LoadBalancer is a load balancer with its target group.
type LoadBalancer struct {
	pulumi.ResourceState

	DNSName   pulumi.StringOutput
	ZoneID    pulumi.StringOutput // of DNSName, for alias records
	Arn       pulumi.StringOutput
	ArnSuffix pulumi.StringOutput // the dimension of its metrics
	// TargetGroupArn comes out when the listener sends to the group: only then can machines be found
	// healthy in it and scaling follow its requests.
	TargetGroupArn       pulumi.StringOutput
	TargetGroupArnSuffix pulumi.StringOutput
	SecurityGroupID      pulumi.StringOutput
	LogBucketName        pulumi.StringOutput
}

// New makes the load balancer.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*LoadBalancer, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("load balancer %q: %w", name, err)
	}
	l := &LoadBalancer{}
	inputs := pulumi.Map{"hostname": pulumi.String(args.Hostname)}
	if err := ctx.RegisterComponentResourceV2("berth:loadbalancer:LoadBalancer", name, inputs, l, opts...); err != nil {
		return nil, err
	}
	child := pulumi.Parent(l)
	group, err := args.securityGroup(ctx, name, child)
	if err != nil {
		return nil, err
	}
	logs, err := args.logBucket(ctx, name, child)
	if err != nil {
		return nil, err
	}
	l.LogBucketName = logs.Name
	physical := args.Scope.Name(naming.LoadBalancer, "service")
	balancer, err := lb.NewLoadBalancer(ctx, name+"-balancer", &lb.LoadBalancerArgs{
		Name:                     pulumi.String(physical),
		LoadBalancerType:         pulumi.String("application"),
		Internal:                 pulumi.Bool(false),
		IpAddressType:            pulumi.String("ipv4"),
		Subnets:                  args.Network.PublicSubnetIDs,
		SecurityGroups:           pulumi.StringArray{group.ID()},
		EnableDeletionProtection: pulumi.Bool(args.Scope.Protect),
		EnableHttp2:              pulumi.Bool(true),
		DropInvalidHeaderFields:  pulumi.Bool(true),
		DesyncMitigationMode:     pulumi.String("strictest"),
		XffHeaderProcessingMode:  pulumi.String("preserve"), // the edge has written it
		PreserveHostHeader:       pulumi.Bool(true),
		EnableWafFailOpen:        pulumi.Bool(false),
		IdleTimeout:              pulumi.Int(60),
		AccessLogs: lb.LoadBalancerAccessLogsArgs{
			Enabled: pulumi.Bool(true), Bucket: logs.ID, Prefix: pulumi.String(accessPrefix),
		},
		ConnectionLogs: lb.LoadBalancerConnectionLogsArgs{
			Enabled: pulumi.Bool(true), Bucket: logs.ID, Prefix: pulumi.String(connectionPrefix),
		},
		Tags: args.Scope.Tags(scope.None, physical),
	}, child)
	if err != nil {
		return nil, err
	}
	targets, err := args.targetGroup(ctx, name, child)
	if err != nil {
		return nil, err
	}
	rule, err := args.listeners(ctx, name, balancer, targets, child)
	if err != nil {
		return nil, err
	}
	l.DNSName, l.ZoneID, l.Arn, l.ArnSuffix = balancer.DnsName, balancer.ZoneId, balancer.Arn, balancer.ArnSuffix
	l.SecurityGroupID = group.ID().ToStringOutput()
	l.TargetGroupArnSuffix = targets.ArnSuffix
	l.TargetGroupArn = pulumi.All(targets.Arn, rule.URN()).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return l, ctx.RegisterResourceOutputs(l, pulumi.Map{"dnsName": l.DNSName, "arn": l.Arn})
}

func (a Args) check() error {
	var errs []error
	if a.Network == nil {
		errs = append(errs, errors.New("no network is given: pass the client's"))
	}
	if a.Hostname == "" {
		errs = append(errs, errors.New("no host name is given: pass the name that the edge serves"))
	}
	if a.CertificateArn == nil {
		errs = append(errs, errors.New("no certificate is given: pass the ARN of one for the host name"))
	}
	if a.TrustBundleBucket == "" || a.TrustBundleKey == "" {
		errs = append(errs, errors.New("no trust bundle is given: name the bucket and key of the CA that signs the edge's client certificate"))
	}
	if a.LogsTo == nil {
		errs = append(errs, errors.New("reads of the access logs are not logged: pass the bucket for that"))
	}
	if a.LogDays <= 0 {
		errs = append(errs, fmt.Errorf("access logs are kept for %d days: keep them at least one day", a.LogDays))
	}
	return errors.Join(errs...)
}

// The prefixes of the log bucket.
const (
	accessPrefix     = "access"
	connectionPrefix = "connection"
)

// logBucket takes the access and connection logs. S3's own key encrypts it, for log delivery to it
// knows no other.
func (a Args) logBucket(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) (*bucket.Bucket, error) {
	s := a.Scope
	return bucket.New(ctx, name+"-logs", bucket.Args{
		Scope: s, Parts: []string{"balancer-logs"}, Region: s.Region, Class: scope.Audit,
		Lifecycle:    bucket.Lifecycle{DeleteAfterDays: a.LogDays, NoncurrentDays: 30},
		ForceDestroy: !s.Protect, LogsTo: a.LogsTo,
		Statements: func(arn pulumi.StringOutput) []policy.Statement {
			var resources []pulumi.StringInput
			for _, prefix := range []string{accessPrefix, connectionPrefix} {
				resources = append(resources, pulumi.Sprintf("%s/%s/AWSLogs/%s/*", arn, prefix, s.Account))
			}
			return []policy.Statement{{
				Sid: "LogDelivery", Principals: policy.Service("logdelivery.elasticloadbalancing.amazonaws.com"),
				Actions: []string{"s3:PutObject"}, Resources: resources,
				// The ARN holds the account; log delivery is not documented to send aws:SourceAccount besides.
				Conditions: []policy.Condition{policy.Is("ArnLike", "aws:SourceArn", s.ARN("elasticloadbalancing", s.Region, "loadbalancer/*"))},
			}}
		},
	}, opts...)
}
