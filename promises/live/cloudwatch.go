package live

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
)

// cloudwatch is a client for a region. An endpoint of one's own knows the service's first protocol only.
func (a *account) cloudwatch(region string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(a.config(region), func(o *cloudwatch.Options) {
		if o.BaseEndpoint != nil {
			o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801)
		}
	})
}

// alarms are those on metrics and those on other alarms.
type alarms struct {
	metric    []cwtypes.MetricAlarm
	composite []cwtypes.CompositeAlarm
}

func (a *account) alarms(ctx context.Context, region string) (alarms, error) {
	return once(a, []string{"cloudwatch", "alarms", region}, func() (alarms, error) {
		var all alarms
		p := cloudwatch.NewDescribeAlarmsPaginator(a.cloudwatch(region), &cloudwatch.DescribeAlarmsInput{
			AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm}}) // unasked, only the first kind is told
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if err != nil {
				return alarms{}, err
			}
			all.metric, all.composite = append(all.metric, page.MetricAlarms...), append(all.composite, page.CompositeAlarms...)
		}
		return all, nil
	})
}

// metric is what was measured of something: one value for each period in which there was a measurement.
type metric struct {
	namespace, name, statistic string
	dimensions                 map[string]string
	period                     time.Duration
	from, until                time.Time
}

// sample is the value of the period that begins at a time.
type sample struct {
	at    time.Time
	value float64
}

// samples are a metric's values, the oldest first.
func (a *account) samples(ctx context.Context, region string, m metric) ([]sample, error) {
	key := []string{"cloudwatch", "metric", region, m.namespace, m.name, m.statistic, m.period.String(), strconv.FormatInt(m.from.Unix(), 10), strconv.FormatInt(m.until.Unix(), 10)}
	var dimensions []cwtypes.Dimension
	for name, value := range m.dimensions {
		dimensions = append(dimensions, cwtypes.Dimension{Name: aws.String(name), Value: aws.String(value)})
	}
	slices.SortFunc(dimensions, func(a, b cwtypes.Dimension) int { return compareText(a.Name, b.Name) })
	for _, d := range dimensions {
		key = append(key, *d.Name+"="+*d.Value)
	}
	return once(a, key, func() ([]sample, error) {
		p := cloudwatch.NewGetMetricDataPaginator(a.cloudwatch(region), &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(m.from), EndTime: aws.Time(m.until), ScanBy: cwtypes.ScanByTimestampAscending,
			MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("m"), MetricStat: &cwtypes.MetricStat{
				Metric: &cwtypes.Metric{Namespace: aws.String(m.namespace), MetricName: aws.String(m.name), Dimensions: dimensions},
				Period: aws.Int32(int32(m.period / time.Second)), Stat: aws.String(m.statistic),
			}}},
		})
		all, err := paged(ctx, p, func(o *cloudwatch.GetMetricDataOutput) []sample {
			var some []sample
			for _, r := range o.MetricDataResults {
				for i := range min(len(r.Timestamps), len(r.Values)) {
					some = append(some, sample{r.Timestamps[i].UTC(), r.Values[i]})
				}
			}
			return some
		})
		slices.SortFunc(all, func(a, b sample) int { return a.at.Compare(b.at) })
		return all, err
	})
}

func compareText(a, b *string) int {
	switch x, y := aws.ToString(a), aws.ToString(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func dimensionsOf(dimensions []cwtypes.Dimension) map[string]string {
	return tagMap(dimensions, func(d cwtypes.Dimension) (name, value *string) { return d.Name, d.Value })
}
