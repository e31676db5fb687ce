package rpc

import (
	"context"

	"github.com/berth-iac/berth/app/actor"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// GetAccount tells as whom the token acts.
func (c *calls) GetAccount(ctx context.Context, _ *taskflowv1.GetAccountRequest) (*taskflowv1.GetAccountResponse, error) {
	visit := callOf(ctx).visit
	chosen, err := c.client.Settings.General(ctx)
	if err != nil {
		return nil, err
	}
	may := c.work.Abilities(visit.Actor)
	return &taskflowv1.GetAccountResponse{
		Person: account(visit.Person), Email: visit.Person.Email, Timezone: visit.Person.Timezone, Locale: visit.Person.Locale, Client: chosen.Name,
		TokenId: text(visit.Actor.TokenID), Scopes: scopes(visit.Actor.Scopes), MayCreateProjects: may.CreateProject, MayAdminister: may.Administer,
	}, nil
}

func scopes(all []actor.Scope) []string {
	return mapped(all, func(one actor.Scope) string { return string(one) })
}
