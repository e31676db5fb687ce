package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	analyzertypes "github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
)

// detector is GuardDuty in one region.
type detector struct {
	guardduty.GetDetectorOutput
	id string
}

func (a *account) detectors(ctx context.Context, region string) ([]detector, error) {
	return once(a, []string{"guardduty", "detectors", region}, func() ([]detector, error) {
		client := guardduty.NewFromConfig(a.config(region))
		ids, err := paged(ctx, guardduty.NewListDetectorsPaginator(client, &guardduty.ListDetectorsInput{}), func(o *guardduty.ListDetectorsOutput) []string { return o.DetectorIds })
		if err != nil {
			return nil, err
		}
		var all []detector
		for _, id := range ids {
			out, err := client.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: &id})
			if err != nil {
				return nil, err
			}
			all = append(all, detector{*out, id})
		}
		return all, nil
	})
}

// analyzers look for what is open to strangers.
func (a *account) analyzers(ctx context.Context, region string) ([]analyzertypes.AnalyzerSummary, error) {
	return once(a, []string{"accessanalyzer", "analyzers", region}, func() ([]analyzertypes.AnalyzerSummary, error) {
		p := accessanalyzer.NewListAnalyzersPaginator(accessanalyzer.NewFromConfig(a.config(region)), &accessanalyzer.ListAnalyzersInput{})
		return paged(ctx, p, func(o *accessanalyzer.ListAnalyzersOutput) []analyzertypes.AnalyzerSummary { return o.Analyzers })
	})
}
