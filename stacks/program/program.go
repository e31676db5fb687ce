// Package program is the way into every stack: it reads the stack's spec from
// Pulumi's configuration, refuses a stack that breaks what clients are
// promised, and hands over to the program of that kind. It runs the same under
// `pulumi up`, under berth and in tests, and reads nothing but Pulumi's
// configuration and the clock.
package program

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/awsclient"
	"github.com/berth-iac/berth/stacks/lightclient"
	"github.com/berth-iac/berth/stacks/onpremises"
	"github.com/berth-iac/berth/stacks/organisation"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/berth-iac/berth/stacks/siteclient"
	"github.com/berth-iac/berth/stacks/sites"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// project is the Pulumi project that the stacks belong to.
const project = "berth"

// configKey is where a stack's configuration holds its spec.
const configKey = "berth:spec"

// Program is the whole program of a stack, judged by the present time.
func Program(ctx *pulumi.Context) error { return At(time.Now)(ctx) }

// At is Program with a clock of its own: dates in a spec are held against it.
func At(now func() time.Time) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		at := now()
		s, err := load(ctx, at)
		if err != nil {
			return err
		}
		// Before the first resource: what needs the whole graph would come too late afterwards.
		_, assessment, err := Assess(ctx.Context(), ctx.Stack(), s, at)
		if err != nil {
			return err
		}
		if err := assessment.Refusal(ctx.Stack()); err != nil {
			return err
		}
		for _, warning := range assessment.Warnings {
			if err := ctx.Log.Warn(warning, nil); err != nil {
				return fmt.Errorf("warn about a waiver: %w", err)
			}
		}
		return register(ctx, s, secrets.Configured(ctx))
	}
}

// register hands over to the program of the stack's kind.
func register(ctx *pulumi.Context, s *spec.Spec, source secrets.Source) error {
	switch s.Kind {
	case spec.KindAWSClient:
		return awsclient.Program(ctx, s.AWSClient)
	case spec.KindOrganisation:
		return organisation.Program(ctx, s.Organisation)
	case spec.KindSites:
		return sites.Program(ctx, s.Sites, source)
	case spec.KindSiteClient:
		return siteclient.Program(ctx, s.SiteClient, source)
	case spec.KindOnPremises:
		return onpremises.Program(ctx, s.OnPremises, source)
	case spec.KindLightClient:
		return lightclient.Program(ctx, s.LightClient, source)
	default:
		return fmt.Errorf("%s.kind: %q has no program", configKey, s.Kind)
	}
}

// Graph is the resource graph of a stack with that spec. Nothing is registered with an engine, and no secret is needed.
func Graph(ctx context.Context, stack string, s *spec.Spec) (*graph.Graph, error) {
	g, err := graph.Record(ctx, func(ctx *pulumi.Context) error { return register(ctx, s, secrets.Invented()) },
		graph.Recording{Project: project, Stack: stack, Account: account(s)})
	if err != nil {
		return nil, fmt.Errorf("work out the resources of stack %s: %w", stack, err)
	}
	return g, nil
}

// account is the AWS account of a stack; empty for one that has none.
func account(s *spec.Spec) string {
	switch s.Kind {
	case spec.KindAWSClient:
		return s.AWSClient.AWS.Account
	case spec.KindOrganisation:
		return s.Organisation.AWS.Account
	case spec.KindLightClient:
		return s.LightClient.AWS.Account
	default:
		return ""
	}
}

// Assess judges a stack with that spec by all promises and by the baseline, at a time.
func Assess(ctx context.Context, stack string, s *spec.Spec, now time.Time) (*graph.Graph, *promises.Assessment, error) {
	g, err := Graph(ctx, stack, s)
	if err != nil {
		return nil, nil, err
	}
	assessment, err := promises.Assess(promises.Subject{Stack: stack, Spec: s, Graph: g, Now: now}, catalogue.All(), baseline.All())
	if err != nil {
		return nil, nil, err
	}
	return g, assessment, nil
}

func load(ctx *pulumi.Context, now time.Time) (*spec.Spec, error) {
	text, ok := ctx.GetConfig(configKey)
	if !ok {
		return nil, fmt.Errorf("stack %s has no %s: describe the client in Pulumi.%s.yaml; Pulumi.prod.yaml is an example",
			ctx.Stack(), configKey, ctx.Stack())
	}
	if ctx.IsConfigSecret(configKey) {
		return nil, errors.New(configKey + " holds a secret: move it to a key of its own with `pulumi config set --secret berth:<name>`")
	}
	return spec.Decode([]byte(text), spec.Options{Now: now})
}
