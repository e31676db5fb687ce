// Package program is the way into every stack: it reads the stack's spec from
// Pulumi's configuration and hands over to the program of that kind. It runs
// the same under `pulumi up`, under berth and in tests, and reads nothing but
// Pulumi's configuration and the clock.
package program

import (
	"errors"
	"fmt"
	"time"

	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/awsclient"
	"github.com/berth-iac/berth/stacks/organisation"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// configKey is where a stack's configuration holds its spec.
const configKey = "berth:spec"

// Program is the whole program of a stack, judged by the present time.
func Program(ctx *pulumi.Context) error { return At(time.Now)(ctx) }

// At is Program with a clock of its own: dates in a spec are held against it.
func At(now func() time.Time) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		s, err := load(ctx, now())
		if err != nil {
			return err
		}
		switch s.Kind {
		case spec.KindAWSClient:
			return awsclient.Program(ctx, s.AWSClient)
		case spec.KindOrganisation:
			return organisation.Program(ctx, s.Organisation)
		default:
			return fmt.Errorf("%s.kind: %q has no program", configKey, s.Kind)
		}
	}
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
