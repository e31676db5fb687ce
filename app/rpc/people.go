package rpc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

func accountOf(p accounts.Person) *taskflowv1.Account {
	return &taskflowv1.Account{Id: p.ID.String(), Email: p.Email, Name: p.Name, Role: string(p.Role), Status: string(p.Status), Provider: p.Staff,
		SecondFactor: p.SecondFactor, CreatedAt: stamp(p.Created), LastLoginAt: stamp(p.LastLogin)}
}

// maxWords is how long a search for people may be, in characters: each word of it makes the question to the database longer.
const maxWords = 200

// ListPeople gives a page of people.
func (c *calls) ListPeople(ctx context.Context, q *taskflowv1.ListPeopleRequest) (*taskflowv1.ListPeopleResponse, error) {
	s := accounts.Search{Words: q.GetWords(), Status: accounts.Status(q.GetStatus()), Role: actor.Role(q.GetRole()), Page: 1, Size: int(q.GetPageSize())}
	var f fields
	if utf8.RuneCountInString(s.Words) > maxWords {
		f.bad("words", "it is too long", fmt.Sprintf("use at most %d characters", maxWords))
	}
	if known := []accounts.Status{"", accounts.Active, accounts.Invited, accounts.Disabled}; !slices.Contains(known, s.Status) {
		f.bad("status", "there is no such status", "use one of invited, active, disabled")
	}
	if s.Role != "" {
		if _, err := actor.ParseRole(q.GetRole()); err != nil {
			f.problems = append(f.problems, err)
		}
	}
	if q.GetPageToken() != "" {
		n, err := strconv.Atoi(q.GetPageToken())
		if err != nil || n < 2 || n > 1_000_000 {
			f.bad("page_token", "there is no such page", "begin at the first")
		}
		s.Page = n
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if s.Size <= 0 {
		s.Size = 50
	}
	s.Size = min(s.Size, 200)
	all, total, err := c.accounts.People(ctx, who(ctx), s)
	if err != nil {
		return nil, err
	}
	out := &taskflowv1.ListPeopleResponse{People: mapped(all, accountOf), Total: int32(total)}
	if s.Page*s.Size < total {
		out.NextPageToken = strconv.Itoa(s.Page + 1)
	}
	return out, nil
}

// GetPerson gives one person.
func (c *calls) GetPerson(ctx context.Context, q *taskflowv1.GetPersonRequest) (*taskflowv1.GetPersonResponse, error) {
	id, err := named("person", q.GetId())
	if err != nil {
		return nil, err
	}
	p, err := c.accounts.Person(ctx, who(ctx), id)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.GetPersonResponse{Person: accountOf(p)}, nil
}

// ListInvitations gives those that nobody has taken up yet.
func (c *calls) ListInvitations(ctx context.Context, _ *taskflowv1.ListInvitationsRequest) (*taskflowv1.ListInvitationsResponse, error) {
	all, err := c.accounts.Invitations(ctx, who(ctx))
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListInvitationsResponse{Invitations: mapped(all, func(one accounts.Pending) *taskflowv1.PendingInvitation {
		return &taskflowv1.PendingInvitation{Person: accountOf(one.Person), SentAt: stamp(one.Sent), ExpiresAt: stamp(one.Expires)}
	})}, nil
}

// InvitePerson sends an invitation.
func (c *calls) InvitePerson(ctx context.Context, q *taskflowv1.InvitePersonRequest) (*taskflowv1.InvitePersonResponse, error) {
	var f fields
	teams := f.ids("team_ids", q.GetTeamIds())
	if err := f.err(); err != nil {
		return nil, err
	}
	p, err := c.accounts.Invite(ctx, who(ctx), accounts.Invitation{Email: q.GetEmail(), Name: q.GetName(), Role: actor.Role(q.GetRole()), Teams: teams},
		c.client.Invitation(ctx, who(ctx).Name))
	if err != nil {
		return nil, err
	}
	return &taskflowv1.InvitePersonResponse{Id: p.ID.String()}, nil
}

// to does something about a person, whose id is given.
func (c *calls) to(ctx context.Context, what, text string, do func(ctx context.Context, who actor.Actor, id uuid.UUID) error) error {
	id, err := named(what, text)
	if err != nil {
		return err
	}
	return do(ctx, who(ctx), id)
}

// ResendInvitation sends another link.
func (c *calls) ResendInvitation(ctx context.Context, q *taskflowv1.ResendInvitationRequest) (*taskflowv1.ResendInvitationResponse, error) {
	return &taskflowv1.ResendInvitationResponse{}, c.to(ctx, "invitation", q.GetId(), func(ctx context.Context, who actor.Actor, id uuid.UUID) error {
		return c.accounts.InviteAgain(ctx, who, id, c.client.Invitation(ctx, who.Name))
	})
}

// RevokeInvitation takes an invitation back.
func (c *calls) RevokeInvitation(ctx context.Context, q *taskflowv1.RevokeInvitationRequest) (*taskflowv1.RevokeInvitationResponse, error) {
	return &taskflowv1.RevokeInvitationResponse{}, c.to(ctx, "invitation", q.GetId(), c.accounts.Uninvite)
}

// SendReset sends a link to choose another password.
func (c *calls) SendReset(ctx context.Context, q *taskflowv1.SendResetRequest) (*taskflowv1.SendResetResponse, error) {
	return &taskflowv1.SendResetResponse{}, c.to(ctx, "person", q.GetId(), func(ctx context.Context, who actor.Actor, id uuid.UUID) error {
		return c.accounts.SendReset(ctx, who, id, c.client.Reset(ctx))
	})
}

// SignOutPerson ends somebody's sessions.
func (c *calls) SignOutPerson(ctx context.Context, q *taskflowv1.SignOutPersonRequest) (*taskflowv1.SignOutPersonResponse, error) {
	return &taskflowv1.SignOutPersonResponse{}, c.to(ctx, "person", q.GetId(), c.accounts.SignOutPerson)
}

// DisablePerson keeps somebody out.
func (c *calls) DisablePerson(ctx context.Context, q *taskflowv1.DisablePersonRequest) (*taskflowv1.DisablePersonResponse, error) {
	return &taskflowv1.DisablePersonResponse{}, c.to(ctx, "person", q.GetId(), c.accounts.Disable)
}

// EnablePerson lets somebody in again.
func (c *calls) EnablePerson(ctx context.Context, q *taskflowv1.EnablePersonRequest) (*taskflowv1.EnablePersonResponse, error) {
	return &taskflowv1.EnablePersonResponse{}, c.to(ctx, "person", q.GetId(), c.accounts.Enable)
}

// ListTeams gives all teams.
func (c *calls) ListTeams(ctx context.Context, _ *taskflowv1.ListTeamsRequest) (*taskflowv1.ListTeamsResponse, error) {
	all, err := c.accounts.Teams(ctx, who(ctx))
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListTeamsResponse{Teams: mapped(all, func(t accounts.Team) *taskflowv1.Team {
		return &taskflowv1.Team{Id: t.ID.String(), Name: t.Name, Description: t.Description, Members: mapped(t.Members, account)}
	})}, nil
}

// CreateTeam makes a team.
func (c *calls) CreateTeam(ctx context.Context, q *taskflowv1.CreateTeamRequest) (*taskflowv1.CreateTeamResponse, error) {
	var f fields
	members := f.ids("member_ids", q.GetMemberIds())
	if err := f.err(); err != nil {
		return nil, err
	}
	team, err := c.accounts.NewTeam(ctx, who(ctx), q.GetName(), q.GetDescription(), members)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.CreateTeamResponse{Id: team.ID.String()}, nil
}

// UpdateTeam changes what is given of a team.
func (c *calls) UpdateTeam(ctx context.Context, q *taskflowv1.UpdateTeamRequest) (*taskflowv1.UpdateTeamResponse, error) {
	id, err := named("team", q.GetId())
	if err != nil {
		return nil, err
	}
	var f fields
	members := f.list("members", q.GetMembers())
	if err := f.err(); err != nil {
		return nil, err
	}
	var was accounts.Team
	if q.Name == nil || q.Description == nil || q.Members == nil { // accounts writes these three always
		all, err := c.accounts.Teams(ctx, who(ctx))
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(t accounts.Team) bool { return t.ID == id })
		if i < 0 {
			return nil, fault.Missing("team")
		}
		was = all[i]
	}
	if members == nil {
		members = mapped(was.Members, func(p accounts.Person) uuid.UUID { return p.ID })
	}
	return &taskflowv1.UpdateTeamResponse{}, c.accounts.ChangeTeam(ctx, who(ctx), id, given(q.Name, was.Name), given(q.Description, was.Description), members)
}

// DeleteTeam deletes a team.
func (c *calls) DeleteTeam(ctx context.Context, q *taskflowv1.DeleteTeamRequest) (*taskflowv1.DeleteTeamResponse, error) {
	return &taskflowv1.DeleteTeamResponse{}, c.to(ctx, "team", q.GetId(), c.accounts.DeleteTeam)
}
