package live

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// trail is one trail, with what AWS tells separately of it.
type trail struct {
	trailtypes.Trail
	region   string // its own
	tags     map[string]string
	status   *cloudtrail.GetTrailStatusOutput
	advanced []trailtypes.AdvancedEventSelector
	basic    []trailtypes.EventSelector
	insights []string
}

func (t trail) object() object {
	return object{"aws:cloudtrail/trail:Trail", aws.ToString(t.TrailARN)}
}

// trails are those whose home is the region.
func (a *account) trails(ctx context.Context, region string) ([]trail, error) {
	return once(a, []string{"cloudtrail", "trails", region}, func() ([]trail, error) {
		client := cloudtrail.NewFromConfig(a.config(region))
		out, err := client.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(false)}) // of one page
		if err != nil {
			return nil, err
		}
		var all []trail
		for _, found := range out.TrailList {
			if home := aws.ToString(found.HomeRegion); home != "" && home != region {
				continue
			}
			t := trail{Trail: found, region: region}
			if err := t.fill(ctx, client); err != nil {
				return nil, err
			}
			all = append(all, t)
		}
		return all, nil
	})
}

func (t *trail) fill(ctx context.Context, client *cloudtrail.Client) error {
	tags := cloudtrail.NewListTagsPaginator(client, &cloudtrail.ListTagsInput{ResourceIdList: []string{aws.ToString(t.TrailARN)}})
	t.tags = map[string]string{}
	for tags.HasMorePages() {
		page, err := tags.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, list := range page.ResourceTagList {
			for _, tag := range list.TagsList {
				t.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
		}
	}
	var err error
	if t.status, err = client.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.Name}); err != nil {
		return err
	}
	selectors, err := client.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.Name})
	if err != nil {
		return err
	}
	t.advanced, t.basic = selectors.AdvancedEventSelectors, selectors.EventSelectors
	insights, err := client.GetInsightSelectors(ctx, &cloudtrail.GetInsightSelectorsInput{TrailName: t.Name})
	var none *trailtypes.InsightNotEnabledException
	switch {
	case errors.As(err, &none):
		return nil
	case err != nil:
		return err
	}
	for _, selector := range insights.InsightSelectors {
		t.insights = append(t.insights, string(selector.InsightType))
	}
	return nil
}
