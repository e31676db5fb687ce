package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// logCounters are the filters that count lines of logs.
func (a *account) logCounters(ctx context.Context, region string) ([]logtypes.MetricFilter, error) {
	return once(a, []string{"logs", "metric filters", region}, func() ([]logtypes.MetricFilter, error) {
		p := cloudwatchlogs.NewDescribeMetricFiltersPaginator(cloudwatchlogs.NewFromConfig(a.config(region)), &cloudwatchlogs.DescribeMetricFiltersInput{})
		return paged(ctx, p, func(o *cloudwatchlogs.DescribeMetricFiltersOutput) []logtypes.MetricFilter { return o.MetricFilters })
	})
}
