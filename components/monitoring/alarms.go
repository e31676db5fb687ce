package monitoring

import (
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	logNamespace = "Berth"
	// fewRequests: below this many in a period one failure would be a high rate.
	fewRequests = 20
)

func (a Args) errorMetric() string { return a.Scope.Name(naming.Alarm, "logged-errors") }

// logs counts the errors in the service's structured logs.
func (b builder) logs() error {
	if b.args.Machines.LogGroup == nil {
		return nil
	}
	_, err := cloudwatch.NewLogMetricFilter(b.ctx, b.name+"-logged-errors-filter", &cloudwatch.LogMetricFilterArgs{
		Name: pulumi.String(b.args.Scope.Name(naming.MetricFilter, "logged-errors")), LogGroupName: b.args.Machines.LogGroup,
		Pattern: pulumi.String(`{ $.level = "ERROR" }`),
		MetricTransformation: cloudwatch.LogMetricFilterMetricTransformationArgs{
			Namespace: pulumi.String(logNamespace), Name: pulumi.String(b.args.errorMetric()), Value: pulumi.String("1"),
			DefaultValue: pulumi.String("0"), Unit: pulumi.String("Count")},
	}, b.parent)
	return err
}

// alarms makes the catalogue's alarms and the composite over those that mean "down".
func (b builder) alarms(m *Monitoring) error {
	var down []string
	var members []pulumi.Resource
	for _, a := range b.args.catalogue() {
		made, err := b.alarm(a, b.args.TopicArn, b.parent)
		if err != nil {
			return fmt.Errorf("alarm %s: %w", a.name, err)
		}
		if a.down {
			down = append(down, fmt.Sprintf("ALARM(%q)", b.args.Scope.Name(naming.Alarm, a.name)))
			members = append(members, made)
		}
	}
	for _, r := range b.args.Replications {
		if _, err := b.alarm(r.late(), b.args.SecondTopicArn, b.parent, pulumi.Provider(b.args.Second)); err != nil {
			return fmt.Errorf("alarm on replication %s: %w", r.Name, err)
		}
	}
	physical := b.args.Scope.Name(naming.Alarm, "service-down")
	actions := pulumi.StringArray{b.args.TopicArn}
	composite, err := cloudwatch.NewCompositeAlarm(b.ctx, b.name+"-service-down", &cloudwatch.CompositeAlarmArgs{
		AlarmName: pulumi.String(physical), AlarmDescription: pulumi.Sprintf("%s is down: first class, 120 minutes (OP-3)", b.args.Hostname),
		AlarmRule: pulumi.String(strings.Join(down, " OR ")), ActionsEnabled: pulumi.Bool(true),
		AlarmActions: actions, OkActions: actions, Tags: b.args.Scope.Tags(scope.Telemetry, physical),
	}, b.parent, pulumi.DependsOn(members)) // the rule names them, which Pulumi cannot see
	if err != nil {
		return err
	}
	m.ServiceDownAlarmArn = composite.Arn
	return nil
}

func (b builder) alarm(a alarm, topic pulumi.StringInput, opts ...pulumi.ResourceOption) (*cloudwatch.MetricAlarm, error) {
	physical := b.args.Scope.Name(naming.Alarm, a.name)
	args := &cloudwatch.MetricAlarmArgs{
		Name: pulumi.String(physical), AlarmDescription: pulumi.String(a.says), ActionsEnabled: pulumi.Bool(true),
		AlarmActions: pulumi.Array{topic}, OkActions: pulumi.Array{topic},
		ComparisonOperator: pulumi.String(a.comparison), Threshold: pulumi.Float64(a.threshold),
		EvaluationPeriods: pulumi.Int(a.last), TreatMissingData: pulumi.String(a.missing),
		Tags: b.args.Scope.Tags(scope.Telemetry, physical),
	}
	if a.of > 0 {
		args.DatapointsToAlarm = pulumi.Int(a.of)
	}
	if a.ratio != nil {
		args.MetricQueries = a.ratio.queries(a)
		return cloudwatch.NewMetricAlarm(b.ctx, b.name+"-"+a.name, args, opts...)
	}
	args.Namespace, args.MetricName, args.Period = pulumi.String(a.namespace), pulumi.String(a.metric), pulumi.Int(a.period)
	if a.dimensions != nil {
		args.Dimensions = a.dimensions
	}
	if strings.HasPrefix(a.statistic, "p") {
		args.ExtendedStatistic = pulumi.String(a.statistic)
		args.EvaluateLowSampleCountPercentiles = pulumi.String("ignore")
	} else {
		args.Statistic = pulumi.String(a.statistic)
	}
	return cloudwatch.NewMetricAlarm(b.ctx, b.name+"-"+a.name, args, opts...)
}

// queries are the metric math of a share in percent.
func (r ratio) queries(a alarm) cloudwatch.MetricAlarmMetricQueryArray {
	metric := func(id, name string) cloudwatch.MetricAlarmMetricQueryArgs {
		return cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String(id), Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace: pulumi.String(a.namespace), MetricName: pulumi.String(name), Period: pulumi.Int(a.period),
			Stat: pulumi.String("Sum"), Dimensions: a.dimensions}}
	}
	var sum []string
	queries := cloudwatch.MetricAlarmMetricQueryArray{metric("whole", r.whole)}
	for i, part := range r.parts {
		id := fmt.Sprintf("part%d", i+1)
		sum = append(sum, fmt.Sprintf("FILL(%s,0)", id))
		queries = append(queries, metric(id, part))
	}
	return append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
		Id: pulumi.String("share"), Label: pulumi.String("percent"), ReturnData: pulumi.Bool(true),
		Expression: pulumi.Sprintf("IF(whole>%d,100*(%s)/whole,0)", fewRequests, strings.Join(sum, "+")),
	})
}

// probeRegions are spread over the earth, so that one of AWS's own troubles is not taken for the client's.
var probeRegions = []string{"eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1"}

// outside asks the client's own address from outside, through the edge, as its people do (AV-1).
func (b builder) outside(m *Monitoring) error {
	physical := b.args.Scope.Name(naming.Alarm, "outside")
	check, err := route53.NewHealthCheck(b.ctx, b.name+"-outside", &route53.HealthCheckArgs{
		Type: pulumi.String("HTTPS"), Fqdn: pulumi.String(b.args.Hostname), Port: pulumi.Int(443), ResourcePath: pulumi.String("/healthz"),
		EnableSni: pulumi.Bool(true), MeasureLatency: pulumi.Bool(true), RequestInterval: pulumi.Int(30), FailureThreshold: pulumi.Int(2),
		Regions: pulumi.ToStringArray(probeRegions), Tags: b.args.Scope.Tags(scope.Telemetry, physical),
	}, b.parent)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	m.HealthCheckID = check.ID().ToStringOutput()
	dimensions := pulumi.StringMap{"HealthCheckId": m.HealthCheckID}
	for _, a := range []alarm{
		{name: "outside", says: b.args.Hostname + " does not answer from outside: first class, 120 minutes (OP-3)", metric: "HealthCheckStatus",
			statistic: "Minimum", comparison: below, threshold: 1, period: minute, last: 2, missing: silence},
		{name: "outside-slow", says: b.args.Hostname + " takes longer than 3 s to begin its answer", metric: "TimeToFirstByte",
			statistic: "Average", comparison: above, threshold: 3000, period: 5 * minute, last: 3, missing: keep},
	} {
		a.namespace, a.dimensions = "AWS/Route53", dimensions
		if _, err := b.alarm(a, b.args.GlobalTopicArn, b.parent, pulumi.Provider(b.args.Global)); err != nil {
			return fmt.Errorf("alarm %s: %w", a.name, err)
		}
	}
	return nil
}
