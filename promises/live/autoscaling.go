package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func (a *account) scaling(region string) *autoscaling.Client {
	return autoscaling.NewFromConfig(a.config(region))
}

// fleets are the auto-scaling groups.
func (a *account) fleets(ctx context.Context, region string) ([]asgtypes.AutoScalingGroup, error) {
	return once(a, []string{"autoscaling", "groups", region}, func() ([]asgtypes.AutoScalingGroup, error) {
		p := autoscaling.NewDescribeAutoScalingGroupsPaginator(a.scaling(region), &autoscaling.DescribeAutoScalingGroupsInput{})
		return paged(ctx, p, func(o *autoscaling.DescribeAutoScalingGroupsOutput) []asgtypes.AutoScalingGroup {
			return o.AutoScalingGroups
		})
	})
}

// scalingPolicies are those of all groups.
func (a *account) scalingPolicies(ctx context.Context, region string) ([]asgtypes.ScalingPolicy, error) {
	return once(a, []string{"autoscaling", "policies", region}, func() ([]asgtypes.ScalingPolicy, error) {
		p := autoscaling.NewDescribePoliciesPaginator(a.scaling(region), &autoscaling.DescribePoliciesInput{})
		return paged(ctx, p, func(o *autoscaling.DescribePoliciesOutput) []asgtypes.ScalingPolicy { return o.ScalingPolicies })
	})
}

// refreshes are the renewals of a group's machines, the newest first.
func (a *account) refreshes(ctx context.Context, region, group string) ([]asgtypes.InstanceRefresh, error) {
	return once(a, []string{"autoscaling", "instance refreshes", region, group}, func() ([]asgtypes.InstanceRefresh, error) {
		p := autoscaling.NewDescribeInstanceRefreshesPaginator(a.scaling(region), &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: aws.String(group)})
		return paged(ctx, p, func(o *autoscaling.DescribeInstanceRefreshesOutput) []asgtypes.InstanceRefresh {
			return o.InstanceRefreshes
		})
	})
}
