package rpc

import (
	"context"

	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

func ruleOf(r work.Rule) *taskflowv1.Rule {
	return &taskflowv1.Rule{
		Id: r.ID.String(), ProjectKey: r.Project, Name: r.Name, Trigger: r.When, Condition: r.If, Then: actionsOf(r.Then), Otherwise: actionsOf(r.Else),
		Enabled: r.Enabled, Runs: r.Runs, LastRunAt: stamp(r.LastRun), LastError: r.LastError, OwnerId: text(r.OwnerID),
	}
}

func actionsOf(all []work.Action) []*taskflowv1.Action {
	return mapped(all, func(one work.Action) *taskflowv1.Action { return &taskflowv1.Action{Do: one.Do, Value: one.Value} })
}

func actionsFrom(all []*taskflowv1.Action) []work.Action {
	return mapped(all, func(one *taskflowv1.Action) work.Action { return work.Action{Do: one.GetDo(), Value: one.GetValue()} })
}

// ListRules gives a project's rules.
func (c *calls) ListRules(ctx context.Context, q *taskflowv1.ListRulesRequest) (*taskflowv1.ListRulesResponse, error) {
	all, err := c.work.Rules(ctx, who(ctx), q.GetProjectKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListRulesResponse{Rules: mapped(all, ruleOf)}, nil
}

// GetRule gives one rule.
func (c *calls) GetRule(ctx context.Context, q *taskflowv1.GetRuleRequest) (*taskflowv1.GetRuleResponse, error) {
	id, err := named("rule", q.GetId())
	if err != nil {
		return nil, err
	}
	rule, err := c.work.Rule(ctx, who(ctx), id)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.GetRuleResponse{Rule: ruleOf(rule)}, nil
}

// CreateRule makes a rule.
func (c *calls) CreateRule(ctx context.Context, q *taskflowv1.CreateRuleRequest) (*taskflowv1.CreateRuleResponse, error) {
	id, err := c.work.SaveRule(ctx, who(ctx), work.Rule{
		Project: q.GetProjectKey(), Name: q.GetName(), When: q.GetTrigger(), If: q.GetCondition(), Then: actionsFrom(q.GetThen()),
		Else: actionsFrom(q.GetOtherwise()), Enabled: q.GetEnabled(),
	})
	if err != nil {
		return nil, err
	}
	return &taskflowv1.CreateRuleResponse{Id: id.String()}, nil
}

// UpdateRule changes what is given of a rule.
func (c *calls) UpdateRule(ctx context.Context, q *taskflowv1.UpdateRuleRequest) (*taskflowv1.UpdateRuleResponse, error) {
	id, err := named("rule", q.GetId())
	if err != nil {
		return nil, err
	}
	rule, err := c.work.Rule(ctx, who(ctx), id)
	if err != nil {
		return nil, err
	}
	rule.Name, rule.When, rule.If, rule.Enabled = given(q.Name, rule.Name), given(q.Trigger, rule.When), given(q.Condition, rule.If), given(q.Enabled, rule.Enabled)
	if q.GetThen() != nil {
		rule.Then = actionsFrom(q.GetThen().GetItems())
	}
	if q.GetOtherwise() != nil {
		rule.Else = actionsFrom(q.GetOtherwise().GetItems())
	}
	_, err = c.work.SaveRule(ctx, who(ctx), rule)
	return &taskflowv1.UpdateRuleResponse{}, err
}

// EnableRule switches a rule on or off.
func (c *calls) EnableRule(ctx context.Context, q *taskflowv1.EnableRuleRequest) (*taskflowv1.EnableRuleResponse, error) {
	id, err := named("rule", q.GetId())
	if err != nil {
		return nil, err
	}
	_, err = c.work.EnableRule(ctx, who(ctx), id, q.GetEnabled())
	return &taskflowv1.EnableRuleResponse{}, err
}

// DeleteRule deletes a rule.
func (c *calls) DeleteRule(ctx context.Context, q *taskflowv1.DeleteRuleRequest) (*taskflowv1.DeleteRuleResponse, error) {
	id, err := named("rule", q.GetId())
	if err != nil {
		return nil, err
	}
	_, err = c.work.DeleteRule(ctx, who(ctx), id)
	return &taskflowv1.DeleteRuleResponse{}, err
}

// TestRule tells what a rule would do.
func (c *calls) TestRule(ctx context.Context, q *taskflowv1.TestRuleRequest) (*taskflowv1.TestRuleResponse, error) {
	test, err := c.work.TestRule(ctx, who(ctx), work.Rule{
		Name: q.GetName(), When: q.GetTrigger(), If: q.GetCondition(), Then: actionsFrom(q.GetThen()), Else: actionsFrom(q.GetOtherwise()),
	}, q.GetTaskKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.TestRuleResponse{Holds: test.Holds, Would: actionsOf(test.Would)}, nil
}
