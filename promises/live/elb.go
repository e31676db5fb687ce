package live

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func (a *account) elb(region string) *elb.Client { return elb.NewFromConfig(a.config(region)) }

// balancer is a load balancer with what AWS tells separately of it.
type balancer struct {
	elbtypes.LoadBalancer
	tags       map[string]string
	attributes map[string]string
	listeners  []listener
}

// listener is a load balancer's listener with its rules, the default one among them.
type listener struct {
	elbtypes.Listener
	rules []elbtypes.Rule
}

func (b balancer) arn() string { return aws.ToString(b.LoadBalancerArn) }

// application tells whether the load balancer understands HTTP.
func (b balancer) application() bool { return b.Type == elbtypes.LoadBalancerTypeEnumApplication }

// public tells whether the internet can find its way to it.
func (b balancer) public() bool { return b.Scheme != elbtypes.LoadBalancerSchemeEnumInternal }

// targets are the ARNs of the target groups that requests are forwarded to.
func (b balancer) targets() []string {
	var groups []string
	for _, l := range b.listeners {
		groups = append(groups, forwards(l.DefaultActions)...)
		for _, r := range l.rules {
			groups = append(groups, forwards(r.Actions)...)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// forwards are the ARNs of the target groups that actions send requests to.
func forwards(actions []elbtypes.Action) []string {
	var groups []string
	for _, action := range actions {
		if action.TargetGroupArn != nil {
			groups = append(groups, *action.TargetGroupArn)
		}
		if action.ForwardConfig != nil {
			for _, t := range action.ForwardConfig.TargetGroups {
				groups = append(groups, aws.ToString(t.TargetGroupArn))
			}
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// dimension is how CloudWatch names a load balancer or a target group: what follows the kind in its ARN.
func dimension(arn string) string {
	_, name, _ := strings.Cut(arn, ":loadbalancer/")
	if name == "" {
		_, name, _ = strings.Cut(arn, ":targetgroup/")
		return "targetgroup/" + name
	}
	return name
}

// balancers are the load balancers of all kinds.
func (a *account) balancers(ctx context.Context, region string) ([]balancer, error) {
	return once(a, []string{"elbv2", "load balancers", region}, func() ([]balancer, error) {
		client := a.elb(region)
		found, err := paged(ctx, elb.NewDescribeLoadBalancersPaginator(client, &elb.DescribeLoadBalancersInput{}),
			func(o *elb.DescribeLoadBalancersOutput) []elbtypes.LoadBalancer { return o.LoadBalancers })
		if err != nil {
			return nil, err
		}
		var arns []string
		for _, b := range found {
			arns = append(arns, aws.ToString(b.LoadBalancerArn))
		}
		tags, err := elbTags(ctx, client, arns)
		if err != nil {
			return nil, err
		}
		all := make([]balancer, len(found))
		for i, b := range found {
			all[i] = balancer{LoadBalancer: b, tags: tags[arns[i]], attributes: map[string]string{}}
			attributes, err := client.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: b.LoadBalancerArn})
			if err != nil {
				return nil, err
			}
			for _, one := range attributes.Attributes {
				all[i].attributes[aws.ToString(one.Key)] = aws.ToString(one.Value)
			}
			if all[i].listeners, err = elbListeners(ctx, client, b.LoadBalancerArn); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// frontDoors are the stack's own application load balancers: what takes people's requests.
func (a *account) frontDoors(ctx context.Context) ([]balancer, error) {
	all, err := a.balancers(ctx, a.home)
	return slices.DeleteFunc(slices.Clone(all), func(b balancer) bool { return !b.application() || !a.ours(b.tags) }), err
}

// elbTags are tags by ARN. AWS tells those of 20 at once.
func elbTags(ctx context.Context, client *elb.Client, arns []string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for some := range slices.Chunk(arns, 20) {
		out, err := client.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: some})
		if err != nil {
			return nil, err
		}
		for _, d := range out.TagDescriptions {
			all[aws.ToString(d.ResourceArn)] = tagMap(d.Tags, func(t elbtypes.Tag) (key, value *string) { return t.Key, t.Value })
		}
	}
	return all, nil
}

func elbListeners(ctx context.Context, client *elb.Client, balancer *string) ([]listener, error) {
	found, err := paged(ctx, elb.NewDescribeListenersPaginator(client, &elb.DescribeListenersInput{LoadBalancerArn: balancer}),
		func(o *elb.DescribeListenersOutput) []elbtypes.Listener { return o.Listeners })
	if err != nil {
		return nil, err
	}
	all := make([]listener, len(found))
	for i, l := range found {
		all[i].Listener = l
		if p := l.Protocol; p != elbtypes.ProtocolEnumHttp && p != elbtypes.ProtocolEnumHttps {
			continue // only these have rules
		}
		all[i].rules, err = paged(ctx, elb.NewDescribeRulesPaginator(client, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn}),
			func(o *elb.DescribeRulesOutput) []elbtypes.Rule { return o.Rules })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// targetGroups are what load balancers can forward to.
func (a *account) targetGroups(ctx context.Context, region string) ([]elbtypes.TargetGroup, error) {
	return once(a, []string{"elbv2", "target groups", region}, func() ([]elbtypes.TargetGroup, error) {
		p := elb.NewDescribeTargetGroupsPaginator(a.elb(region), &elb.DescribeTargetGroupsInput{})
		return paged(ctx, p, func(o *elb.DescribeTargetGroupsOutput) []elbtypes.TargetGroup { return o.TargetGroups })
	})
}

// targetHealth is how the load balancer finds a target group's machines.
func (a *account) targetHealth(ctx context.Context, region, group string) ([]elbtypes.TargetHealthDescription, error) {
	return once(a, []string{"elbv2", "target health", region, group}, func() ([]elbtypes.TargetHealthDescription, error) {
		out, err := a.elb(region).DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(group)})
		if err != nil {
			return nil, err
		}
		return out.TargetHealthDescriptions, nil
	})
}

// trustStores are the authorities that client certificates are checked against.
func (a *account) trustStores(ctx context.Context, region string) ([]elbtypes.TrustStore, error) {
	return once(a, []string{"elbv2", "trust stores", region}, func() ([]elbtypes.TrustStore, error) {
		p := elb.NewDescribeTrustStoresPaginator(a.elb(region), &elb.DescribeTrustStoresInput{})
		return paged(ctx, p, func(o *elb.DescribeTrustStoresOutput) []elbtypes.TrustStore { return o.TrustStores })
	})
}
