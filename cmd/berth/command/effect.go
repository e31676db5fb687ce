package command

import (
	"context"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// specKey is where a stack's configuration holds its spec.
const specKey = "berth:spec"

// judge says how the promises will stand once the stack is what its file says. A stack that breaks one is
// refused here, before anything is started; the program itself would refuse it too.
func judge(ctx context.Context, env Env, stack string, read *spec.Spec) (*promises.Assessment, error) {
	judged, err := env.Assess(ctx, stack, read, env.Now())
	if err != nil {
		return nil, err
	}
	return judged.Assessment, judged.Assessment.Refusal(stack)
}

// effects notes in a preview which promises its change strengthens, weakens or touches.
func effects(ctx context.Context, env Env, stack Stack, read *spec.Spec, preview *engine.Result, after *promises.Assessment) error {
	if preview.Changes() == 0 {
		return nil
	}
	before, err := standing(ctx, env, stack, read, preview)
	if err != nil {
		return err
	}
	preview.Promises = promises.Effects(before, after, touched(preview))
	return nil
}

// standing says how the promises stand now: what the state holds, judged by the spec that it was made from.
func standing(ctx context.Context, env Env, stack Stack, read *spec.Spec, preview *engine.Result) (*promises.Assessment, error) {
	subject := promises.Subject{Stack: preview.Stack, Spec: read, Graph: preview.Before(), Now: env.Now()}
	if len(subject.Graph.Clouds()) == 0 {
		return promises.Assess(subject, env.Promises, env.Controls)
	}
	update, err := stack.LastUpdate(ctx)
	if err != nil {
		return nil, err
	}
	if update != nil {
		// What was valid when it was brought up may by now name dates that have passed.
		last, err := spec.Decode([]byte(update.Config[specKey]), spec.Options{Now: update.At})
		if err == nil {
			subject.Spec, subject.Now = last, update.At
		} else {
			preview.Notes = append(preview.Notes, "the spec of the last update cannot be read by this release; what exists is judged by the spec of today")
		}
	}
	return promises.Assess(subject, env.Promises, env.Controls)
}

// touched tells whether a change alters what a finding read.
func touched(preview *engine.Result) func(promises.Finding) bool {
	type key struct{ typeToken, name string }
	steps := map[key]engine.Step{}
	for _, step := range preview.Steps {
		if step.Op.Changes() {
			steps[key{step.Type, step.Name}] = step
		}
	}
	return func(f promises.Finding) bool {
		step, changes := steps[key{f.Type, f.Resource}]
		if !changes {
			return f.Resource == promises.StackName
		}
		if step.Op != engine.OpUpdate || f.Property == "" {
			return true
		}
		top := f.Property
		if i := strings.IndexAny(top, ".["); i >= 0 {
			top = top[:i]
		}
		return slices.ContainsFunc(step.Diffs, func(d engine.Diff) bool {
			property := d.Property
			if i := strings.IndexAny(property, ".["); i >= 0 {
				property = property[:i]
			}
			return property == top
		})
	}
}
