package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// probes are Route 53's health checks, which belong to no region.
func (a *account) probes(ctx context.Context) ([]route53types.HealthCheck, error) {
	return once(a, []string{"route53", "health checks"}, func() ([]route53types.HealthCheck, error) {
		p := route53.NewListHealthChecksPaginator(route53.NewFromConfig(a.config(global)), &route53.ListHealthChecksInput{})
		return paged(ctx, p, func(o *route53.ListHealthChecksOutput) []route53types.HealthCheck { return o.HealthChecks })
	})
}
