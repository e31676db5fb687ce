package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/opthistory"
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

// Update is one run that changed a stack, as the backend's history has it.
type Update struct {
	Version int       // counts up from 1
	At      time.Time // when it ended
	// Config is the configuration that it ran with, by full key; secret values are left out.
	Config map[string]string
}

// historyPage is how far back the last good update is looked for: those that failed come in between.
const historyPage = 20

// LastUpdate is the last update that succeeded; nil when there is none.
func (s *Stack) LastUpdate(ctx context.Context) (*Update, error) {
	if from := s.options.From; from != nil {
		if from.Update == nil {
			return nil, nil
		}
		return &Update{Version: from.Update.Version, At: from.Update.At, Config: from.Update.Config}, nil
	}
	if err := s.begin(ctx, "history"); err != nil {
		return nil, err
	}
	history, err := s.stack.History(ctx, historyPage, 1, opthistory.ShowSecrets(false))
	if err != nil {
		return nil, fmt.Errorf("read the history of stack %s: %w", s.options.Stack, plain(err))
	}
	if len(history) > 0 && history[0].Version == 0 { // a backend without a service does not number its updates
		all := history
		if len(history) == historyPage {
			if all, err = s.stack.History(ctx, 0, 0, opthistory.ShowSecrets(false)); err != nil {
				return nil, fmt.Errorf("read the history of stack %s: %w", s.options.Stack, plain(err))
			}
		}
		for i := range history {
			history[i].Version = len(all) - i
		}
	}
	for _, update := range history {
		if update.Kind != "update" || update.Result != "succeeded" || update.EndTime == nil {
			continue
		}
		ended, err := time.Parse(time.RFC3339, *update.EndTime)
		if err != nil {
			return nil, fmt.Errorf("read the history of stack %s: update %d: %w", s.options.Stack, update.Version, err)
		}
		last := &Update{Version: update.Version, At: ended.UTC(), Config: map[string]string{}}
		for key, value := range update.Config {
			if !value.Secret {
				last.Config[key] = value.Value
			}
		}
		return last, nil
	}
	return nil, nil
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
