package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

// eventRule is a rule of the account's own bus, with the ARNs of what it calls.
type eventRule struct {
	eventtypes.Rule
	targets []string
}

// eventRules are the rules of a region. The SDK has no paginators for them.
func (a *account) eventRules(ctx context.Context, region string) ([]eventRule, error) {
	return once(a, []string{"events", "rules", region}, func() ([]eventRule, error) {
		client := eventbridge.NewFromConfig(a.config(region))
		var all []eventRule
		for token := (*string)(nil); ; {
			page, err := client.ListRules(ctx, &eventbridge.ListRulesInput{NextToken: token})
			if err != nil {
				return nil, err
			}
			for _, rule := range page.Rules {
				targets, err := eventTargets(ctx, client, rule.Name)
				if err != nil {
					return nil, err
				}
				all = append(all, eventRule{rule, targets})
			}
			if token = page.NextToken; aws.ToString(token) == "" {
				return all, nil
			}
		}
	})
}

func eventTargets(ctx context.Context, client *eventbridge.Client, rule *string) ([]string, error) {
	var all []string
	for token := (*string)(nil); ; {
		page, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: rule, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, target := range page.Targets {
			all = append(all, aws.ToString(target.Arn))
		}
		if token = page.NextToken; aws.ToString(token) == "" {
			return all, nil
		}
	}
}

const scheduleType = "aws:scheduler/schedule:Schedule"

// schedules are all schedules of a region, of all groups, with what they call.
func (a *account) schedules(ctx context.Context, region string) ([]scheduler.GetScheduleOutput, error) {
	return once(a, []string{"scheduler", "schedules", region}, func() ([]scheduler.GetScheduleOutput, error) {
		client := scheduler.NewFromConfig(a.config(region))
		list, err := paged(ctx, scheduler.NewListSchedulesPaginator(client, &scheduler.ListSchedulesInput{}),
			func(o *scheduler.ListSchedulesOutput) []schedulertypes.ScheduleSummary { return o.Schedules })
		if err != nil {
			return nil, err
		}
		var all []scheduler.GetScheduleOutput
		for _, entry := range list {
			out, err := client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: entry.Name, GroupName: entry.GroupName})
			if err != nil {
				return nil, err
			}
			all = append(all, *out)
		}
		return all, nil
	})
}

// scheduleObject is a schedule as Pulumi knows it: by its group and name.
func scheduleObject(s scheduler.GetScheduleOutput) object {
	return object{scheduleType, aws.ToString(s.GroupName) + "/" + aws.ToString(s.Name)}
}
