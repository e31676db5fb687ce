// Package oncall calls people when something happened: three classes of
// incident, each with the time within which somebody answers, and a weekly
// rotation of people whom Incident Manager pages (OP-3).
//
// An incident engages the rotation's escalation plan: the person of the week,
// after ten minutes the next one, after ten more everybody. The topic is told of
// every incident from its beginning. Once a week a schedule rewrites the
// escalation plan, so that no program of ours has to run for the handover.
//
// Two things it needs that no program can do:
//
//   - Everybody confirms their e-mail address and phone once, in Incident
//     Manager's console, with the code sent there; until then they are not paged.
//   - AWS has taken no new customers for Incident Manager since 7 November 2025:
//     the replication set can be made only in an account that used it before.
//
// A new rotation needs a new start. AWS refuses schedules that begin in the past,
// and nothing here asks what day it is: who changes the rotation sets onCall.starts
// to the coming Monday. Schedules and escalation plan are then made anew, and the
// first of the list is on call from the deployment on.
//
// The package knows people and clocks. What an incident is, alarms and people decide.
package oncall

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssmincidents"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args say who is called. Providers: aws.
type Args struct {
	Scope  scope.Scope
	OnCall spec.OnCall
	Staff  []spec.Person // all whom the rotation names are among them
	// TopicArn is told of incidents, and of a handover that failed. Its policy lets ssm-incidents.amazonaws.com publish.
	TopicArn pulumi.StringInput
	// SecondRegion keeps a copy of incidents and plans.
	SecondRegion string
	// KeyArn and SecondKeyArn encrypt them, each in its region: Incident Manager wants either a key for every region
	// or none. KeyArn encrypts the queue of failed handovers too. See KeyStatements.
	KeyArn, SecondKeyArn pulumi.StringInput
}

// OnCall is how incidents are started and who answers.
type OnCall struct {
	pulumi.ResourceState

	EscalationArn     pulumi.StringOutput
	ReplicationSetArn pulumi.StringOutput
	ResponsePlanArns  pulumi.StringMapOutput // by class: "first", "second", "third"
	HandoverQueueArn  pulumi.StringOutput    // handovers that failed
}

// KeyStatements let Incident Manager take what it needs of a key, on behalf of those in the account who may use
// both. The key of the scope's region has to serve "sqs" besides.
func KeyStatements(account string) []policy.Statement {
	return []policy.Statement{{
		Sid: "GrantsToIncidentManager", Principals: key.Root(account), Actions: []string{"kms:CreateGrant"}, Resources: key.This(),
		Conditions: []policy.Condition{
			policy.Is("StringEquals", "kms:CallerAccount", account),
			policy.Is("StringEquals", "kms:ViaService", "ssm-incidents.amazonaws.com", "ssm-contacts.amazonaws.com"),
		},
	}}
}

func (a Args) check() error {
	var errs []error
	if a.Scope.Account == "" || a.Scope.Region == "" {
		errs = append(errs, errors.New("the account or the region is missing: roles and conditions name them"))
	}
	if a.SecondRegion == "" || a.SecondRegion == a.Scope.Region {
		errs = append(errs, fmt.Errorf("the second region is %q: name one besides %q", a.SecondRegion, a.Scope.Region))
	}
	if a.KeyArn == nil || a.SecondKeyArn == nil {
		errs = append(errs, errors.New("a key is missing: pass one for each of the two regions"))
	}
	if a.TopicArn == nil {
		errs = append(errs, errors.New("no topic is given: pass the alert channels' topic"))
	}
	if len(a.OnCall.Rotation) < 2 {
		errs = append(errs, errors.New("the rotation needs two people or more: somebody has to stand in"))
	}
	seen := map[string]bool{}
	for _, name := range a.OnCall.Rotation {
		person, known := a.person(name)
		switch {
		case seen[name]:
			errs = append(errs, fmt.Errorf("%s is in the rotation twice", name))
		case !known:
			errs = append(errs, fmt.Errorf("%q is in the rotation and not among the staff", name))
		case person.Email == "" || person.Phone == "":
			errs = append(errs, fmt.Errorf("%s needs an e-mail address and a phone to be called", name))
		}
		seen[name] = true
	}
	if a.OnCall.Starts.IsZero() || a.OnCall.Starts.Weekday() != time.Monday {
		errs = append(errs, fmt.Errorf("the rotation starts on %s: use a Monday", a.OnCall.Starts))
	}
	return errors.Join(errs...)
}

func (a Args) person(name string) (spec.Person, bool) {
	i := slices.IndexFunc(a.Staff, func(p spec.Person) bool { return p.Name == name })
	if i < 0 {
		return spec.Person{}, false
	}
	return a.Staff[i], true
}

// New makes contacts, the escalation plan, its weekly handover and the response plans.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*OnCall, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("on call %q: %w", name, err)
	}
	o := &OnCall{}
	inputs := pulumi.Map{"rotation": pulumi.ToStringArray(args.OnCall.Rotation), "starts": pulumi.String(args.OnCall.Starts.String())}
	if err := ctx.RegisterComponentResourceV2("berth:oncall:OnCall", name, inputs, o, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(o)}
	for _, step := range []func() error{b.replication, b.people, b.escalate, b.handover, b.respond} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("on call %q: %w", name, err)
		}
	}
	o.EscalationArn, o.ReplicationSetArn = b.escalation, b.replicationSet.Arn
	o.ResponsePlanArns, o.HandoverQueueArn = b.responsePlans.ToStringMapOutput(), b.queueArn
	return o, ctx.RegisterResourceOutputs(o, pulumi.Map{
		"escalationArn": o.EscalationArn, "replicationSetArn": o.ReplicationSetArn,
		"responsePlanArns": o.ResponsePlanArns, "handoverQueueArn": o.HandoverQueueArn})
}

// builder carries what every step of New needs, and what one step makes for the next.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   Args
	parent pulumi.ResourceOption

	replicationSet *ssmincidents.ReplicationSet
	contacts       []pulumi.StringOutput // ARNs, in the rotation's order
	escalation     pulumi.StringOutput   // ARN
	queueArn       pulumi.StringOutput
	responsePlans  pulumi.StringMap
}

// replication switches Incident Manager on, in both regions. There is one set in an account, and with it
// would go every incident, plan and contact.
func (b *builder) replication() error {
	s := b.args.Scope
	made, err := ssmincidents.NewReplicationSet(b.ctx, b.name+"-replication", &ssmincidents.ReplicationSetArgs{
		Regions: ssmincidents.ReplicationSetRegionArray{
			ssmincidents.ReplicationSetRegionArgs{Name: pulumi.String(s.Region), KmsKeyArn: b.args.KeyArn.ToStringOutput()},
			ssmincidents.ReplicationSetRegionArgs{Name: pulumi.String(b.args.SecondRegion), KmsKeyArn: b.args.SecondKeyArn.ToStringOutput()},
		},
		Tags: s.Tags(scope.Internal, s.Name(naming.Text, "incidents")),
	}, s.Stateful(b.parent)...)
	if err != nil {
		return fmt.Errorf("replication set: %w", err)
	}
	b.replicationSet = made
	return nil
}
