package oncall

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssmcontacts"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Minutes between the steps of an escalation.
const (
	messageMinutes = 5  // from message to call
	callMinutes    = 5  // from call to the next step
	personMinutes  = 10 // from one person to the next: one message and one call
	lastMinutes    = 30 // for everybody together: the most that Incident Manager lets a stage last
)

// stage engages people and waits for one of them to answer.
type stage struct {
	minutes int
	people  []int // places in the rotation
}

// stages are the escalation in the week of the person at place first: that person, the next, everybody.
func stages(first, people int) []stage {
	all := make([]int, people)
	for i := range all {
		all[i] = (first + i) % people
	}
	return []stage{{personMinutes, all[:1]}, {personMinutes, all[1:2]}, {lastMinutes, all}}
}

// generation tells one rotation from the next: its first day, and a checksum of who is in it and in which order.
func (a Args) generation() string {
	sum := sha256.Sum256([]byte(strings.Join(a.OnCall.Rotation, "\n")))
	return a.OnCall.Starts.Format("20060102") + "-" + hex.EncodeToString(sum[:3])
}

// people makes a contact for everybody in the rotation.
func (b *builder) people() error {
	for _, name := range b.args.OnCall.Rotation {
		person, _ := b.args.person(name)
		if err := b.contact(person); err != nil {
			return fmt.Errorf("contact %s: %w", name, err)
		}
	}
	return nil
}

func (b *builder) contact(p spec.Person) error {
	s, child := b.args.Scope, b.name+"-contact-"+p.Name
	alias := s.Name(naming.ContactAlias, p.Name)
	contact, err := ssmcontacts.NewContact(b.ctx, child, &ssmcontacts.ContactArgs{
		Alias: pulumi.String(alias), DisplayName: pulumi.String(p.Name), Type: pulumi.String("PERSONAL"), Tags: s.Tags(scope.Internal, alias),
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{b.replicationSet})) // no contacts before Incident Manager is switched on
	if err != nil {
		return err
	}
	channel := func(kind, address string) (ssmcontacts.PlanStageTargetInput, error) {
		made, err := ssmcontacts.NewContactChannel(b.ctx, child+"-"+strings.ToLower(kind), &ssmcontacts.ContactChannelArgs{
			ContactId: contact.Arn, Name: pulumi.String(strings.ToLower(kind)), Type: pulumi.String(kind),
			DeliveryAddress: ssmcontacts.ContactChannelDeliveryAddressArgs{SimpleAddress: pulumi.String(address)},
		}, b.parent)
		if err != nil {
			return nil, fmt.Errorf("channel %s: %w", kind, err)
		}
		return ssmcontacts.PlanStageTargetArgs{ChannelTargetInfo: ssmcontacts.PlanStageTargetChannelTargetInfoArgs{
			ContactChannelId: made.Arn, RetryIntervalInMinutes: pulumi.Int(1)}}, nil
	}
	mail, err := channel("EMAIL", p.Email)
	if err != nil {
		return err
	}
	message, err := channel("SMS", p.Phone)
	if err != nil {
		return err
	}
	call, err := channel("VOICE", p.Phone)
	if err != nil {
		return err
	}
	if _, err := ssmcontacts.NewPlan(b.ctx, child+"-plan", &ssmcontacts.PlanArgs{ContactId: contact.Arn, Stages: ssmcontacts.PlanStageArray{
		ssmcontacts.PlanStageArgs{DurationInMinutes: pulumi.Int(messageMinutes), Targets: ssmcontacts.PlanStageTargetArray{mail, message}},
		ssmcontacts.PlanStageArgs{DurationInMinutes: pulumi.Int(callMinutes), Targets: ssmcontacts.PlanStageTargetArray{call}},
	}}, b.parent); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	b.contacts = append(b.contacts, contact.Arn)
	return nil
}

// escalate makes the escalation as it is in the first person's week; from then on the schedules own its stages.
// Every generation has a contact of its own: an old plan may name somebody who has left, and Incident Manager
// leaves it so. Response plans turn to the new one before the old one goes.
func (b *builder) escalate() error {
	s, generation := b.args.Scope, b.args.generation()
	alias := s.Name(naming.ContactAlias, "on-call", generation)
	contact, err := ssmcontacts.NewContact(b.ctx, b.name+"-escalation-"+generation, &ssmcontacts.ContactArgs{
		Alias: pulumi.String(alias), DisplayName: pulumi.String("On call from " + b.args.OnCall.Starts.String()),
		Type: pulumi.String("ESCALATION"), Tags: s.Tags(scope.Internal, alias),
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{b.replicationSet}))
	if err != nil {
		return fmt.Errorf("escalation: %w", err)
	}
	list := ssmcontacts.PlanStageArray{}
	for _, stage := range stages(0, len(b.contacts)) {
		targets := ssmcontacts.PlanStageTargetArray{}
		for _, i := range stage.people {
			targets = append(targets, ssmcontacts.PlanStageTargetArgs{ContactTargetInfo: ssmcontacts.PlanStageTargetContactTargetInfoArgs{
				ContactId: b.contacts[i], IsEssential: pulumi.Bool(true)}}) // who answers ends the escalation
		}
		list = append(list, ssmcontacts.PlanStageArgs{DurationInMinutes: pulumi.Int(stage.minutes), Targets: targets})
	}
	if _, err := ssmcontacts.NewPlan(b.ctx, b.name+"-escalation-"+generation+"-plan", &ssmcontacts.PlanArgs{
		ContactId: contact.Arn, Stages: list,
	}, b.parent, pulumi.IgnoreChanges([]string{"stages"})); err != nil {
		return fmt.Errorf("escalation plan: %w", err)
	}
	b.escalation = contact.Arn
	return nil
}
