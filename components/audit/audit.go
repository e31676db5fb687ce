// Package audit records what everybody does in the account, where nobody can
// alter it (AC-5), looks for intruders, and reminds people of the monthly audit
// (OP-4): package trail's trail with its alarms, GuardDuty, and a schedule.
//
// It knows the account and none of what is in it. Who is told is decided by the
// topics.
package audit

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/trail"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe the audit. Providers: aws.
type Args struct {
	Scope scope.Scope
	// Days is how long the trail is locked, and LogDays how long CloudWatch keeps its own copy for searching.
	Days, LogDays int
	// Day of the month on which the audit is due, 1 to 28.
	Day int
	// Second is the provider of SecondRegion, which holds the trail's copy and a detector of its own.
	Second       pulumi.ProviderResource
	SecondRegion string
	// TopicArn and SecondTopicArn are told, each in its region; AlertsKeyArn encrypts the first.
	TopicArn, SecondTopicArn, AlertsKeyArn pulumi.StringInput
	// LogsTo and SecondLogsTo are the buckets for access logs.
	LogsTo, SecondLogsTo pulumi.StringInput
}

// Audit is in place.
type Audit struct {
	pulumi.ResourceState

	TrailArn         pulumi.StringOutput
	BucketName       pulumi.StringOutput
	BucketArn        pulumi.StringOutput
	CopyBucketName   pulumi.StringOutput
	LogGroupName     pulumi.StringOutput
	DetectorID       pulumi.StringOutput
	SecondDetectorID pulumi.StringOutput
}

func (a Args) check() error {
	var errs []error
	need := func(missing bool, format string, values ...any) {
		if missing {
			errs = append(errs, fmt.Errorf(format, values...))
		}
	}
	need(a.Day < 1 || a.Day > 28, "the audit is due on day %d: use 1 to 28, which every month has", a.Day)
	need(a.Second == nil || a.SecondRegion == "" || a.SecondRegion == a.Scope.Region, "the trail's copy needs a second region and its provider")
	need(a.TopicArn == nil || a.SecondTopicArn == nil || a.AlertsKeyArn == nil, "nobody is told: pass both topics and the key of the first")
	return errors.Join(errs...)
}

// New makes trail, detectors, alarms and schedule.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Audit, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("audit %q: %w", name, err)
	}
	a := &Audit{}
	if err := ctx.RegisterComponentResourceV2("berth:audit:Audit", name, pulumi.Map{"days": pulumi.Int(args.Days)}, a, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, args: args, audit: a, parent: pulumi.Parent(a), second: pulumi.Provider(args.Second)}
	for _, step := range []func() error{b.trail, b.detectors, b.reminder} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("audit %q: %w", name, err)
		}
	}
	return a, ctx.RegisterResourceOutputs(a, pulumi.Map{"trailArn": a.TrailArn, "bucketName": a.BucketName, "logGroupName": a.LogGroupName})
}

// builder carries what every step of New needs, and what one step makes for the next.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   Args
	audit  *Audit
	parent pulumi.ResourceOption
	second pulumi.ResourceOption
}

// trail records everything; what follows reads it.
func (b *builder) trail() error {
	t, err := trail.New(b.ctx, b.name+"-trail", trail.Args{
		Scope: b.args.Scope, Days: b.args.Days, LogDays: b.args.LogDays, Second: b.args.Second, SecondRegion: b.args.SecondRegion,
		LogsTo: b.args.LogsTo, SecondLogsTo: b.args.SecondLogsTo, TopicArn: b.args.TopicArn,
	}, b.parent)
	if err != nil {
		return err
	}
	b.audit.TrailArn, b.audit.BucketName, b.audit.BucketArn, b.audit.CopyBucketName = t.Arn, t.BucketName, t.BucketArn, *t.CopyBucketName
	b.audit.LogGroupName = t.LogGroupName
	return nil
}
