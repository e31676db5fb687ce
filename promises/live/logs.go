package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const logGroupType = "aws:cloudwatch/logGroup:LogGroup"

// logGroups are all log groups of a region.
func (a *account) logGroups(ctx context.Context, region string) ([]types.LogGroup, error) {
	return once(a, []string{"logs", "groups", region}, func() ([]types.LogGroup, error) {
		p := cloudwatchlogs.NewDescribeLogGroupsPaginator(cloudwatchlogs.NewFromConfig(a.config(region)), &cloudwatchlogs.DescribeLogGroupsInput{})
		return paged(ctx, p, func(o *cloudwatchlogs.DescribeLogGroupsOutput) []types.LogGroup { return o.LogGroups })
	})
}
