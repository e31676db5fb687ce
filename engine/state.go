package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// State is the stack's state as `pulumi stack export` writes it. It holds secrets in plain text: keep it
// in memory, or encrypt it.
func (s *Stack) State(ctx context.Context) (apitype.UntypedDeployment, error) {
	if err := s.begin(ctx, "export"); err != nil {
		return apitype.UntypedDeployment{}, err
	}
	state, err := s.stack.Export(ctx)
	if err != nil {
		return state, fmt.Errorf("export the state of stack %s: %w", s.options.Stack, plain(err))
	}
	return state, nil
}

// SetState puts a state in the place of the stack's own, as `pulumi stack import` does.
func (s *Stack) SetState(ctx context.Context, state apitype.UntypedDeployment) error {
	if err := s.begin(ctx, "import"); err != nil {
		return err
	}
	if err := s.stack.Import(ctx, state); err != nil {
		return fmt.Errorf("import the state of stack %s: %w", s.options.Stack, plain(err))
	}
	return nil
}

// Resources are the resources that the state holds.
func (s *Stack) Resources(ctx context.Context) ([]apitype.ResourceV3, error) {
	untyped, err := s.State(ctx)
	if err != nil {
		return nil, err
	}
	var state apitype.DeploymentV3
	if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
		return nil, fmt.Errorf("read the state of stack %s: %w", s.options.Stack, err)
	}
	return state.Resources, nil
}

// Outputs are the stack's outputs. Secret ones have a value only with showSecrets.
func (s *Stack) Outputs(ctx context.Context, showSecrets bool) (map[string]Output, error) {
	if err := s.begin(ctx, "outputs"); err != nil {
		return nil, err
	}
	values, err := s.stack.Outputs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the outputs of stack %s: %w", s.options.Stack, plain(err))
	}
	outputs := map[string]Output{}
	for name, v := range values {
		output := Output{Value: v.Value, Secret: v.Secret}
		if v.Secret && !showSecrets {
			output.Value = nil
		}
		outputs[name] = output
	}
	purposes(outputs)
	return outputs, nil
}

// Orphans are what exists in the embedded cloud and is in no state, as "type id (name)", sorted. What waits
// for its deletion, as an encryption key does, is none.
func (s *Stack) Orphans(ctx context.Context) ([]string, error) {
	if !s.options.Local {
		return nil, nil // what else lives in a real account is nothing that this stack can judge
	}
	resources, err := s.Resources(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, r := range resources {
		known[string(r.URN)+" "+string(r.ID)] = true
	}
	objects, err := s.cloud.Objects(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the embedded cloud's objects: %w", err)
	}
	var orphans []string
	for _, o := range objects {
		if o.Deleted == nil && !known[o.URN+" "+o.ID] {
			orphans = append(orphans, fmt.Sprintf("%s %s (%s)", o.Type, o.ID, nameOf(o.URN)))
		}
	}
	slices.Sort(orphans)
	return orphans, nil
}
