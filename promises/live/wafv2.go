package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

func (a *account) waf(region string) *wafv2.Client { return wafv2.NewFromConfig(a.config(region)) }

// webFirewall is the web ACL that is tied to a load balancer; nil where there is none.
func (a *account) webFirewall(ctx context.Context, region, balancer string) (*waftypes.WebACL, error) {
	return once(a, []string{"wafv2", "web ACL", region, balancer}, func() (*waftypes.WebACL, error) {
		tied, err := a.waf(region).GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(balancer)})
		if err != nil || tied.WebACL == nil {
			return nil, err
		}
		whole, err := a.waf(region).GetWebACL(ctx, &wafv2.GetWebACLInput{Id: tied.WebACL.Id, Name: tied.WebACL.Name, Scope: waftypes.ScopeRegional})
		if err != nil {
			return nil, err
		}
		return whole.WebACL, nil
	})
}

// webFirewallLogs says how the decisions of the region's web ACLs are logged, by the ACL's ARN.
func (a *account) webFirewallLogs(ctx context.Context, region string) (map[string]waftypes.LoggingConfiguration, error) {
	return once(a, []string{"wafv2", "logging", region}, func() (map[string]waftypes.LoggingConfiguration, error) {
		all := map[string]waftypes.LoggingConfiguration{}
		in := &wafv2.ListLoggingConfigurationsInput{Scope: waftypes.ScopeRegional}
		for { // the SDK has no paginator for it
			out, err := a.waf(region).ListLoggingConfigurations(ctx, in)
			if err != nil {
				return nil, err
			}
			for _, c := range out.LoggingConfigurations {
				all[aws.ToString(c.ResourceArn)] = c
			}
			if aws.ToString(out.NextMarker) == "" {
				return all, nil
			}
			in = &wafv2.ListLoggingConfigurationsInput{Scope: in.Scope, NextMarker: out.NextMarker}
		}
	})
}
