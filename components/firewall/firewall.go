// Package firewall makes the web application firewall in front of a client's
// load balancer. It stands behind the edge's own and holds if that is passed
// by: it blocks what AWS's managed rules know as attacks and whoever asks too
// often, and lets in nothing but requests for the client's own host.
//
// It does not know the load balancer beyond its ARN.
package firewall

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/wafv2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe a firewall.
type Args struct {
	Scope           scope.Scope
	LoadBalancerArn pulumi.StringInput
	Hostname        string // the only host that is let in
	// RateLimit is what one client address may ask for; a period under 60 seconds counts over 60.
	RateLimit  spec.RateLimit
	LogsKeyArn pulumi.StringInput
	LogDays    int
}

// Firewall is a regional web ACL.
type Firewall struct {
	pulumi.ResourceState

	Arn      pulumi.StringOutput
	Name     pulumi.StringOutput // the dimension WebACL of its metrics
	LogGroup pulumi.StringOutput
}

// New makes the firewall and puts it in front of the load balancer.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Firewall, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("firewall %q: %w", name, err)
	}
	f := &Firewall{}
	inputs := pulumi.Map{"hostname": pulumi.String(args.Hostname)}
	if err := ctx.RegisterComponentResourceV2("berth:firewall:Firewall", name, inputs, f, opts...); err != nil {
		return nil, err
	}
	child := pulumi.Parent(f)
	physical := args.Scope.Name(naming.WebACL, "service")
	acl, err := wafv2.NewWebAcl(ctx, name+"-acl", &wafv2.WebAclArgs{
		Name:          pulumi.String(physical),
		Description:   pulumi.String("Only requests for the client's host, as far as no rule blocks them"),
		Scope:         pulumi.String("REGIONAL"),
		DefaultAction: wafv2.WebAclDefaultActionArgs{Block: wafv2.WebAclDefaultActionBlockArgs{}},
		Rules:         args.rules(),
		VisibilityConfig: wafv2.WebAclVisibilityConfigArgs{
			CloudwatchMetricsEnabled: pulumi.Bool(true), SampledRequestsEnabled: pulumi.Bool(false), MetricName: pulumi.String(physical),
		},
		Tags: args.Scope.Tags(scope.None, physical),
	}, child)
	if err != nil {
		return nil, err
	}
	if _, err := wafv2.NewWebAclAssociation(ctx, name+"-association", &wafv2.WebAclAssociationArgs{
		WebAclArn: acl.Arn, ResourceArn: args.LoadBalancerArn.ToStringOutput(),
	}, child); err != nil {
		return nil, err
	}
	group, err := args.logging(ctx, name, acl, child)
	if err != nil {
		return nil, err
	}
	f.Arn, f.Name, f.LogGroup = acl.Arn, acl.Name, group.Name
	return f, ctx.RegisterResourceOutputs(f, pulumi.Map{"arn": f.Arn, "name": f.Name})
}

func (a Args) check() error {
	var errs []error
	if a.LoadBalancerArn == nil {
		errs = append(errs, errors.New("no load balancer is given: pass its ARN"))
	}
	if a.Hostname == "" {
		errs = append(errs, errors.New("no host name is given: pass the name that the edge serves"))
	}
	if a.RateLimit.Requests <= 0 || a.RateLimit.PeriodSeconds <= 0 {
		errs = append(errs, fmt.Errorf("the rate limit is %d requests in %d s: give both", a.RateLimit.Requests, a.RateLimit.PeriodSeconds))
	} else if _, err := window(a.RateLimit); err != nil {
		errs = append(errs, err)
	}
	if a.LogsKeyArn == nil {
		errs = append(errs, errors.New("no key for the logs: pass the ARN of the logs key"))
	}
	if a.LogDays <= 0 {
		errs = append(errs, fmt.Errorf("logs are kept for %d days: keep them at least one day", a.LogDays))
	}
	return errors.Join(errs...)
}

// logging writes every request that a rule decided on to a log group, without its credentials.
func (a Args) logging(ctx *pulumi.Context, name string, acl *wafv2.WebAcl, child pulumi.ResourceOption) (*cloudwatch.LogGroup, error) {
	s := a.Scope
	physical := s.Name(naming.WAFLogGroup)
	group, err := cloudwatch.NewLogGroup(ctx, name+"-log-group", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(physical),
		RetentionInDays: pulumi.Int(a.LogDays),
		KmsKeyId:        a.LogsKeyArn.ToStringOutput(),
		Tags:            s.Tags(scope.Audit, physical),
	}, s.Stateful(child)...)
	if err != nil {
		return nil, err
	}
	// Without a policy of ours WAF would add one of its own, for all log groups of the account.
	deliver, err := cloudwatch.NewLogResourcePolicy(ctx, name+"-log-delivery", &cloudwatch.LogResourcePolicyArgs{
		PolicyName: pulumi.String(s.Name(naming.Policy, "waf-log-delivery")),
		PolicyDocument: policy.Document(policy.Statement{
			Sid: "Firewall", Principals: policy.Service("delivery.logs.amazonaws.com"),
			Actions:    []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources:  policy.Strings(s.ARN("logs", s.Region, "log-group:"+physical+":log-stream:*")),
			Conditions: policy.OnlyFor(s.Account, pulumi.String(s.ARN("logs", s.Region, "*"))),
		}),
	}, child)
	if err != nil {
		return nil, err
	}
	redacted := wafv2.WebAclLoggingConfigurationRedactedFieldArray{}
	for _, header := range []string{"authorization", "cookie"} {
		redacted = append(redacted, wafv2.WebAclLoggingConfigurationRedactedFieldArgs{
			SingleHeader: wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs{Name: pulumi.String(header)},
		})
	}
	_, err = wafv2.NewWebAclLoggingConfiguration(ctx, name+"-logging", &wafv2.WebAclLoggingConfigurationArgs{
		ResourceArn:           acl.Arn,
		LogDestinationConfigs: pulumi.StringArray{group.Arn},
		RedactedFields:        redacted,
	}, child, pulumi.DependsOn([]pulumi.Resource{deliver}))
	return group, err
}
