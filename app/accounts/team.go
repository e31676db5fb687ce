package accounts

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/team"
	"github.com/berth-iac/berth/app/ent/teammember"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Team is people who are named together.
type Team struct {
	ID          uuid.UUID
	Name        string
	Description string
	Members     []Person // by name
}

// Teams are all teams, by name. Guests see none.
func (a *Accounts) Teams(ctx context.Context, who actor.Actor) ([]Team, error) {
	if err := who.Need(actor.Read); err != nil {
		return nil, err
	}
	if !who.Role.AtLeast(actor.Member) {
		return nil, fault.Refused("guests do not see who else is here")
	}
	rows, err := a.options.Store.Client().Team.Query().Order(team.ByName()).
		WithMembers(func(q *ent.TeamMemberQuery) { q.WithUser().Order(teammember.ByUserField(user.FieldName)) }).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list teams: %w", store.Translate(err))
	}
	teams := make([]Team, len(rows))
	for i, row := range rows {
		teams[i] = teamFrom(row)
	}
	return teams, nil
}

func teamFrom(row *ent.Team) Team {
	t := Team{ID: row.ID, Name: row.Name, Description: row.Description}
	for _, m := range row.Edges.Members {
		t.Members = append(t.Members, person(m.Edges.User))
	}
	return t
}

// NewTeam makes a team of people.
func (a *Accounts) NewTeam(ctx context.Context, who actor.Actor, name, description string, members []uuid.UUID) (Team, error) {
	if err := admin(who); err != nil {
		return Team{}, err
	}
	var made Team
	err := a.tx(ctx, func(c *change) error {
		now := a.now()
		row, err := c.Team.Create().SetName(strings.TrimSpace(name)).SetDescription(strings.TrimSpace(description)).SetCreatedAt(now).SetUpdatedAt(now).Save(ctx)
		if err != nil {
			return fmt.Errorf("make a team: %w", err)
		}
		made = teamFrom(row)
		if err := a.setMembers(ctx, c, row.ID, members); err != nil {
			return err
		}
		return c.log(ctx, who, "team.create", target("team "+row.Name, row.ID))
	})
	return made, err
}

// ChangeTeam gives a team another name, description and members.
func (a *Accounts) ChangeTeam(ctx context.Context, who actor.Actor, id uuid.UUID, name, description string, members []uuid.UUID) error {
	if err := admin(who); err != nil {
		return err
	}
	return a.tx(ctx, func(c *change) error {
		row, err := c.Team.UpdateOneID(id).SetName(strings.TrimSpace(name)).SetDescription(strings.TrimSpace(description)).SetUpdatedAt(a.now()).Save(ctx)
		if err != nil {
			return fmt.Errorf("change a team: %w", err)
		}
		if err := a.setMembers(ctx, c, id, members); err != nil {
			return err
		}
		return c.log(ctx, who, "team.change", target("team "+row.Name, id), detail("members", fmt.Sprint(len(members))))
	})
}

// setMembers leaves those who stay as they are. The provider's staff are in no team: it would show them the team's projects after the grant.
func (a *Accounts) setMembers(ctx context.Context, c *change, id uuid.UUID, members []uuid.UUID) error {
	if _, err := c.TeamMember.Delete().Where(teammember.TeamID(id), teammember.UserIDNotIn(members...)).Exec(ctx); err != nil {
		return fmt.Errorf("take out of a team: %w", err)
	}
	there, err := c.TeamMember.Query().Where(teammember.TeamID(id)).All(ctx)
	if err != nil {
		return fmt.Errorf("read a team: %w", err)
	}
	known := map[uuid.UUID]bool{}
	for _, m := range there {
		known[m.UserID] = true
	}
	for _, member := range members {
		if known[member] {
			continue
		}
		known[member] = true
		ok, err := c.User.Query().Where(user.ID(member), user.KindEQ(user.KindPerson)).Exist(ctx)
		if err != nil {
			return fmt.Errorf("put into a team: %w", err)
		}
		if !ok {
			return fault.BadInput("member", "there is no such person", "choose from the list")
		}
		if err := c.TeamMember.Create().SetTeamID(id).SetUserID(member).SetCreatedAt(a.now()).Exec(ctx); err != nil {
			return fmt.Errorf("put into a team: %w", err)
		}
	}
	return nil
}

// DeleteTeam removes a team. Its people stay; what they saw through it they do not any more.
func (a *Accounts) DeleteTeam(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	if err := admin(who); err != nil {
		return err
	}
	return a.tx(ctx, func(c *change) error {
		row, err := c.Team.Get(ctx, id)
		if err != nil {
			return fmt.Errorf("find a team: %w", err)
		}
		if err := c.Team.DeleteOneID(id).Exec(ctx); err != nil {
			return fmt.Errorf("delete a team: %w", err)
		}
		return c.log(ctx, who, "team.delete", target("team "+row.Name, id))
	})
}
