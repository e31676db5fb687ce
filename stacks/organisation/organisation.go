// Package organisation is the program of the provider's own stack: what is
// account-wide and what all clients share. People and their roles, the audit
// trail, channels for alarms, the stores of Pulumi's state, of releases and of
// copies of backups, the pipeline's roles and the on-call rotation.
//
// It is brought up by an administrator, the first time with its state on a disk
// (`berth bootstrap`), because the store of the state is part of it. CI previews
// it and does not deploy it. Everything in it is protected.
//
// Clients' accounts trust it by name: their roles berth-preview and berth-deploy
// trust the pipeline's roles, berth-<role> trust the people of an assignment, and
// berth-verify trusts whom the client's file names, such as the preview role.
// It composes components and has no logic of its own beyond who is told about
// whom; the order of the steps is the order in which they need each other.
package organisation

import (
	"github.com/berth-iac/berth/components/alerting"
	"github.com/berth-iac/berth/components/audit"
	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/identity"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/oncall"
	"github.com/berth-iac/berth/components/pipeline"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/statebackend"
	"github.com/berth-iac/berth/components/trail"
	"github.com/berth-iac/berth/components/verifier"
	"github.com/berth-iac/berth/components/verifier/actions"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/output"
	"github.com/berth-iac/berth/stacks/providers"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// searchDays is how long the trail can be searched in CloudWatch; the locked bucket keeps it longer.
const searchDays = 365

// organisation carries what the steps share.
type organisation struct {
	ctx   *pulumi.Context
	spec  *spec.Organisation
	scope scope.Scope

	primary, second, global *aws.Provider

	alertsKey, secondAlertsKey       key.Key
	incidentsKey, secondIncidentsKey key.Key
	logs, secondLogs                 *bucket.Bucket
	channels                         *alerting.Channels
	state                            *statebackend.StateBackend
	audit                            *audit.Audit
	identity                         *identity.Identity
	pipeline                         *pipeline.Pipeline
	verifier                         *verifier.Verifier // nil where the spec names nobody
	onCall                           *oncall.OnCall
}

// Scope is the scope of the organisation's stack, for whoever needs the names that it gives.
func Scope(s *spec.Organisation, stack string) scope.Scope {
	return scope.Scope{Client: s.Name, Environment: "organisation", Stack: stack, Account: s.AWS.Account, Region: s.AWS.Region, Protect: true}
}

// Program registers everything that the organisation has.
func Program(ctx *pulumi.Context, s *spec.Organisation) error {
	o := &organisation{ctx: ctx, spec: s, scope: Scope(s, ctx.Stack())}
	for _, step := range []func() error{o.regions, o.keys, o.accessLogs, o.alerts, o.stores, o.trail, o.people, o.delivery, o.proof, o.rotation} {
		if err := step(); err != nil {
			return err
		}
	}
	return output.Export(ctx, o.outputs())
}

// in are the options of a component whose resources are in the organisation's own region.
func (o *organisation) in() pulumi.ResourceOption { return pulumi.Providers(o.primary) }

// regions makes the provider of each region that the organisation has something in.
func (o *organisation) regions() (err error) {
	if o.primary, err = providers.AWS(o.ctx, "aws", o.scope.Region, o.scope, o.spec.AWS.DeployRoleArn); err != nil {
		return err
	}
	if o.second, err = providers.AWS(o.ctx, "aws-second", o.spec.AWS.SecondRegion, o.scope, o.spec.AWS.DeployRoleArn); err != nil {
		return err
	}
	o.global, err = providers.AWS(o.ctx, "aws-global", alerting.GlobalRegion, o.scope, o.spec.AWS.DeployRoleArn)
	return err
}

// accessLogs makes the buckets that all others log their accesses to.
func (o *organisation) accessLogs() (err error) {
	if o.logs, err = bucket.LogTarget(o.ctx, "access-logs", o.scope, o.scope.Region, o.spec.TrailDays, nil, o.in()); err != nil {
		return err
	}
	o.secondLogs, err = bucket.LogTarget(o.ctx, "second-access-logs", o.scope, o.spec.AWS.SecondRegion, o.spec.TrailDays, nil, pulumi.Providers(o.second))
	return err
}

// alerts are the channels to people.
func (o *organisation) alerts() (err error) {
	o.channels, err = alerting.New(o.ctx, "alerting", alerting.Args{
		Scope: o.scope, Alerts: o.spec.Alerts, KeyArn: o.alertsKey.Arn, Incidents: true,
		Second: o.second, SecondRegion: o.spec.AWS.SecondRegion, SecondKeyArn: o.secondAlertsKey.Arn, Global: o.global,
	}, o.in())
	return err
}

// stores keep Pulumi's state, releases and copies of backups.
func (o *organisation) stores() (err error) {
	users := []string{
		identity.RoleArn(o.scope, identity.Administrator), identity.RoleArn(o.scope, identity.Engineer), pipeline.DeployRoleArn(o.scope)}
	if role := o.spec.AWS.DeployRoleArn; role != "" {
		users = append(users, role)
	}
	o.state, err = statebackend.New(o.ctx, "state-backend", statebackend.Args{
		Scope: o.scope, Second: o.second, SecondRegion: o.spec.AWS.SecondRegion, Clients: o.spec.Clients,
		StateUsers: users, StateReaders: []string{pipeline.PreviewRoleArn(o.scope)}, ReleaseWriter: pipeline.ReleaseRoleArn(o.scope),
		BackupRetentionDays: o.spec.BackupRetentionDays, LogsTo: o.logs.ID, SecondLogsTo: o.secondLogs.ID,
		TopicArn: o.channels.TopicArn, SecondTopicArn: *o.channels.SecondTopicArn,
	}, o.in())
	return err
}

// trail records what everybody does.
func (o *organisation) trail() (err error) {
	o.audit, err = audit.New(o.ctx, "audit", audit.Args{
		Scope: o.scope, Days: o.spec.TrailDays, LogDays: searchDays, Day: o.spec.AuditDay, Second: o.second, SecondRegion: o.spec.AWS.SecondRegion,
		TopicArn: o.channels.TopicArn, SecondTopicArn: *o.channels.SecondTopicArn, AlertsKeyArn: o.alertsKey.Arn,
		LogsTo: o.logs.ID, SecondLogsTo: o.secondLogs.ID,
	}, o.in())
	return err
}

// people are the staff, their assignments and what holds for the whole account.
func (o *organisation) people() (err error) {
	o.identity, err = identity.New(o.ctx, "identity", identity.Args{
		Scope: o.scope, Staff: o.spec.Staff, OfficeCIDRs: o.spec.OfficeCIDRs, Clients: o.spec.Clients, Second: o.second,
		EvidenceBuckets: trail.BucketArns(o.scope, o.scope.Region, o.spec.AWS.SecondRegion),
		StateKeyArn:     o.state.StateKeyArn, StateBucketArn: o.state.StateBucketArn,
	}, o.in())
	return err
}

// delivery is what CI signs in as.
func (o *organisation) delivery() (err error) {
	o.pipeline, err = pipeline.New(o.ctx, "pipeline", pipeline.Args{
		Scope: o.scope, Pipeline: o.spec.Pipeline, Clients: o.spec.Clients, SecondRegion: o.spec.AWS.SecondRegion,
		StateBucketArn: o.state.StateBucketArn, StateKeyArn: o.state.StateKeyArn, ReleaseBucketArn: o.state.ReleaseBucketArn,
		ReleaseKeyArn: o.state.ReleaseKeyArn, SigningKeyArn: o.state.SigningKeyArn,
	}, o.in())
	return err
}

// proof is who reads the account back. It comes after people and pipeline, who may be named.
func (o *organisation) proof() (err error) {
	o.verifier, err = verifier.New(o.ctx, "verifier", verifier.Args{
		Scope: o.scope, Verifiers: o.spec.AWS.Verifiers, Actions: actions.All(), OfficeCIDRs: o.spec.OfficeCIDRs,
		After: []pulumi.Resource{o.identity, o.pipeline},
	}, o.in())
	return err
}

// rotation is who is called when something happened.
func (o *organisation) rotation() (err error) {
	o.onCall, err = oncall.New(o.ctx, "on-call", oncall.Args{
		Scope: o.scope, OnCall: o.spec.OnCall, Staff: o.spec.Staff, TopicArn: o.channels.TopicArn, SecondRegion: o.spec.AWS.SecondRegion,
		KeyArn: o.incidentsKey.Arn, SecondKeyArn: o.secondIncidentsKey.Arn,
	}, o.in())
	return err
}
