package loadbalancer

import (
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// tlsPolicy takes TLS 1.2 and 1.3 with forward secrecy and without CBC ciphers (DP-4).
const tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

// targetGroup is what machines register with. Requests go where the fewest are open. AWS offers no
// slow start with that, and none is needed: a fresh machine that answers slowly gets less.
func (a Args) targetGroup(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) (*lb.TargetGroup, error) {
	// The port is part of the name, for a change of it makes a second group beside the first.
	physical := a.Scope.Name(naming.TargetGroup, "8443")
	return lb.NewTargetGroup(ctx, name+"-targets", &lb.TargetGroupArgs{
		Name:                       pulumi.String(physical),
		VpcId:                      a.Network.VPCID,
		TargetType:                 pulumi.String("instance"),
		Protocol:                   pulumi.String("HTTPS"),
		Port:                       pulumi.Int(TargetPort),
		DeregistrationDelay:        pulumi.Int(30), // seconds for open requests to end
		LoadBalancingAlgorithmType: pulumi.String("least_outstanding_requests"),
		HealthCheck: lb.TargetGroupHealthCheckArgs{
			Enabled:            pulumi.Bool(true),
			Protocol:           pulumi.String("HTTPS"),
			Port:               pulumi.String("traffic-port"),
			Path:               pulumi.String(HealthPath),
			Matcher:            pulumi.String("200"),
			Interval:           pulumi.Int(10),
			Timeout:            pulumi.Int(5),
			HealthyThreshold:   pulumi.Int(2),
			UnhealthyThreshold: pulumi.Int(3),
		},
		Tags: a.Scope.Tags(scope.None, physical),
	}, opts...)
}

// listeners are HTTPS for the client's host, and HTTP that only sends on to HTTPS. It returns the
// rule that leads to the targets.
func (a Args) listeners(ctx *pulumi.Context, name string, balancer *lb.LoadBalancer, targets *lb.TargetGroup, opts ...pulumi.ResourceOption) (*lb.ListenerRule, error) {
	trustName := a.Scope.Name(naming.TrustStore, "edge")
	trust, err := lb.NewTrustStore(ctx, name+"-trust", &lb.TrustStoreArgs{
		Name:                         pulumi.String(trustName),
		CaCertificatesBundleS3Bucket: pulumi.String(a.TrustBundleBucket),
		CaCertificatesBundleS3Key:    pulumi.String(a.TrustBundleKey),
		Tags:                         a.Scope.Tags(scope.None, trustName),
	}, opts...)
	if err != nil {
		return nil, err
	}
	https, err := lb.NewListener(ctx, name+"-https", &lb.ListenerArgs{
		LoadBalancerArn: balancer.Arn,
		Port:            pulumi.Int(443),
		Protocol:        pulumi.String("HTTPS"),
		SslPolicy:       pulumi.String(tlsPolicy),
		CertificateArn:  a.CertificateArn.ToStringOutput(),
		MutualAuthentication: lb.ListenerMutualAuthenticationArgs{
			Mode:                          pulumi.String("verify"),
			TrustStoreArn:                 trust.Arn,
			IgnoreClientCertificateExpiry: pulumi.Bool(false),
		},
		// Whoever asks for another host learns nothing about this one.
		DefaultActions: lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("fixed-response"),
			FixedResponse: lb.ListenerDefaultActionFixedResponseArgs{
				ContentType: pulumi.String("text/plain"), StatusCode: pulumi.String("404"), MessageBody: pulumi.String("Not found"),
			},
		}},
		Tags: a.Scope.Tags(scope.None, a.Scope.Name(naming.Text, "https")),
	}, opts...)
	if err != nil {
		return nil, err
	}
	if _, err := lb.NewListener(ctx, name+"-http", &lb.ListenerArgs{
		LoadBalancerArn: balancer.Arn,
		Port:            pulumi.Int(80),
		Protocol:        pulumi.String("HTTP"),
		DefaultActions: lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("redirect"),
			Redirect: lb.ListenerDefaultActionRedirectArgs{
				Protocol: pulumi.String("HTTPS"), Port: pulumi.String("443"), StatusCode: pulumi.String("HTTP_301"),
				Host: pulumi.String(a.Hostname),
			},
		}},
		Tags: a.Scope.Tags(scope.None, a.Scope.Name(naming.Text, "http")),
	}, opts...); err != nil {
		return nil, err
	}
	return lb.NewListenerRule(ctx, name+"-host", &lb.ListenerRuleArgs{
		ListenerArn: https.Arn,
		Priority:    pulumi.Int(10),
		Conditions: lb.ListenerRuleConditionArray{lb.ListenerRuleConditionArgs{
			HostHeader: lb.ListenerRuleConditionHostHeaderArgs{Values: pulumi.ToStringArray([]string{a.Hostname})},
		}},
		Actions: lb.ListenerRuleActionArray{lb.ListenerRuleActionArgs{
			Type: pulumi.String("forward"), TargetGroupArn: targets.Arn,
		}},
		Tags: a.Scope.Tags(scope.None, a.Scope.Name(naming.Text, "host")),
	}, opts...)
}
