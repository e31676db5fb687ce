package organisation

import (
	"github.com/berth-iac/berth/components/alerting"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/oncall"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// keys are those that belong to no component: of the topics and of incidents, in both regions.
func (o *organisation) keys() (err error) {
	if o.alertsKey, o.incidentsKey, err = o.region("", o.scope.Region, pulumi.Provider(o.primary)); err != nil {
		return err
	}
	o.secondAlertsKey, o.secondIncidentsKey, err = o.region("second-", o.spec.AWS.SecondRegion, pulumi.Provider(o.second))
	return err
}

func (o *organisation) region(prefix, region string, opts ...pulumi.ResourceOption) (alerts, incidents key.Key, err error) {
	alerts, err = key.New(o.ctx, prefix+"alerts-key", key.Args{
		Scope: o.scope, Alias: o.scope.Name(naming.KeyAlias, "alerts"), Description: "Topics that carry alarms", Region: region,
		Services: []string{"sns"}, Transient: true,
		Statements: alerting.KeyStatements(o.scope, region, "backup.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com",
			"ssm-incidents.amazonaws.com"),
	}, opts...)
	if err != nil {
		return alerts, incidents, err
	}
	incidents, err = key.New(o.ctx, prefix+"incidents-key", key.Args{
		Scope: o.scope, Alias: o.scope.Name(naming.KeyAlias, "incidents"), Description: "Incidents and on-call plans", Region: region,
		Services: []string{"sqs"}, Statements: oncall.KeyStatements(o.scope.Account),
	}, opts...)
	return alerts, incidents, err
}
