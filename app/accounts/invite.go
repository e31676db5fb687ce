package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/link"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Invitation says who is invited.
type Invitation struct {
	Email string
	Name  string // "" is what stands before the @; people choose theirs when they accept
	Role  actor.Role
	Teams []uuid.UUID
}

func goodEmail(address string) error {
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address || len(address) > schema.MaxEmail || !strings.Contains(address, "@") {
		return fault.BadInput("email", "it is no e-mail address", "write it like name@example.com")
	}
	return nil
}

func goodName(name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > schema.MaxPersonName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fault.BadInput("name", "the name is empty or too long", fmt.Sprintf("use 1 to %d characters, on one line", schema.MaxPersonName))
	}
	return nil
}

// Invite makes an account that waits for its owner, and queues the mail with the link, which is good for InvitationLasts and once.
func (a *Accounts) Invite(ctx context.Context, who actor.Actor, i Invitation, letter Letter) (Person, error) {
	return a.invite(ctx, who, i, user.KindPerson, letter)
}

func (a *Accounts) invite(ctx context.Context, who actor.Actor, i Invitation, kind user.Kind, letter Letter) (Person, error) {
	if err := admin(who); err != nil {
		return Person{}, err
	}
	i.Email, i.Name = schema.FoldEmail(i.Email), strings.TrimSpace(i.Name)
	if i.Name == "" {
		before, _, _ := strings.Cut(i.Email, "@")
		i.Name = string([]rune(before)[:min(len([]rune(before)), schema.MaxPersonName)])
	}
	_, wrong := actor.ParseRole(string(i.Role))
	if err := errors.Join(goodEmail(i.Email), wrong); err != nil {
		return Person{}, err
	}
	if err := goodName(i.Name); err != nil {
		return Person{}, err
	}
	if !who.Role.AtLeast(i.Role) {
		return Person{}, fault.Refused("nobody gives a role above their own")
	}
	id := schema.NewID()
	secret, until, queue, err := a.letter(Person{ID: id, Email: i.Email, Name: i.Name, Role: i.Role, Staff: kind == user.KindProvider, Status: Invited, Timezone: "UTC", Locale: "en"}, letter)
	if err != nil {
		return Person{}, err
	}
	var made Person
	err = a.tx(ctx, func(c *change) error {
		there, err := c.User.Query().Where(user.Email(i.Email)).Only(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return fmt.Errorf("look for a person: %w", err)
		}
		if there != nil {
			return alreadyThere(there)
		}
		now := a.now()
		u, err := c.User.Create().SetID(id).SetEmail(i.Email).SetName(i.Name).SetRole(user.Role(i.Role)).SetKind(kind).SetStatus(user.StatusInvited).
			SetCreatedAt(now).SetUpdatedAt(now).Save(ctx)
		if err != nil {
			return fmt.Errorf("make an account: %w", err)
		}
		for _, team := range i.Teams {
			if err := c.TeamMember.Create().SetTeamID(team).SetUserID(id).SetCreatedAt(now).Exec(ctx); err != nil {
				return fmt.Errorf("put into a team: %w", err)
			}
		}
		made = person(u)
		if err := putLink(ctx, c, link.KindInvite, id, secret, by(who), now, until); err != nil {
			return err
		}
		if err := queue(ctx, c); err != nil {
			return err
		}
		return c.log(ctx, who, "person.invite", target("person "+u.Name, u.ID), detail("role", string(i.Role)), detail("kind", string(kind)))
	})
	return made, err
}

func alreadyThere(u *ent.User) error {
	switch u.Status {
	case user.StatusInvited:
		return fault.Clash("this address is invited already", "send the invitation again")
	case user.StatusDisabled:
		return fault.Clash("this address has an account that is disabled", "enable it")
	}
	return fault.Clash("this address has an account already", "look for it among the people")
}

func by(who actor.Actor) *uuid.UUID {
	if !who.IsPerson() {
		return nil
	}
	return &who.ID
}

// letter makes a link's secret and the mail that carries it.
func (a *Accounts) letter(to Person, letter Letter) (secret string, until time.Time, queue func(ctx context.Context, c *change) error, err error) {
	if secret, err = a.secret(); err != nil {
		return "", until, nil, err
	}
	until = a.now().Add(InvitationLasts)
	mail, err := letter(to, secret, until)
	if err != nil {
		return "", until, nil, fmt.Errorf("write an invitation: %w", err)
	}
	return secret, until, func(ctx context.Context, c *change) error { return a.options.Outbox.Queue(ctx, c.Tx, mail) }, nil
}

// InviteAgain sends another link; those from before are void.
func (a *Accounts) InviteAgain(ctx context.Context, who actor.Actor, id uuid.UUID, letter Letter) error {
	if err := admin(who); err != nil {
		return err
	}
	u, err := a.options.Store.Client().User.Get(ctx, id)
	if ent.IsNotFound(err) {
		return fault.Missing("invitation")
	}
	if err != nil {
		return fmt.Errorf("find a person: %w", store.Translate(err))
	}
	secret, until, queue, err := a.letter(person(u), letter)
	if err != nil {
		return err
	}
	return a.administer(ctx, who, id, "person.invite-again", func(c *change, u *ent.User) error {
		if u.Status != user.StatusInvited {
			return fault.Missing("invitation")
		}
		now := a.now()
		if err := c.Link.Update().Where(link.UserID(id), link.UsedAtIsNil()).SetUsedAt(now).Exec(ctx); err != nil {
			return fmt.Errorf("make links void: %w", err)
		}
		if err := putLink(ctx, c, link.KindInvite, id, secret, by(who), now, until); err != nil {
			return err
		}
		return queue(ctx, c)
	})
}

// Uninvite takes an invitation back. The address can be invited again once the account is enabled.
func (a *Accounts) Uninvite(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	return a.administer(ctx, who, id, "person.uninvite", func(c *change, u *ent.User) error {
		if u.Status != user.StatusInvited {
			return fault.Missing("invitation")
		}
		now := a.now()
		if err := errors.Join(
			c.Link.Update().Where(link.UserID(id), link.UsedAtIsNil()).SetUsedAt(now).Exec(ctx),
			c.User.UpdateOneID(id).SetStatus(user.StatusDisabled).SetUpdatedAt(now).Exec(ctx),
		); err != nil {
			return fmt.Errorf("take an invitation back: %w", err)
		}
		return nil
	})
}

// Pending is an invitation that was not accepted yet.
type Pending struct {
	Person  Person
	By      uuid.UUID // uuid.Nil: the operator
	Sent    time.Time
	Expires time.Time
}

// Invitations are those that were not accepted yet, the newest first.
func (a *Accounts) Invitations(ctx context.Context, who actor.Actor) ([]Pending, error) {
	if err := admin(who); err != nil {
		return nil, err
	}
	rows, err := a.options.Store.Client().Link.Query().
		Where(link.KindEQ(link.KindInvite), link.UsedAtIsNil(), link.HasUserWith(user.StatusEQ(user.StatusInvited))).
		WithUser().Order(link.ByCreatedAt(sql.OrderDesc()), link.ByID(sql.OrderDesc())).Limit(500).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", store.Translate(err))
	}
	all := make([]Pending, len(rows))
	for i, row := range rows {
		all[i] = Pending{Person: person(row.Edges.User), Sent: row.CreatedAt, Expires: row.ExpiresAt}
		if row.CreatedBy != nil {
			all[i].By = *row.CreatedBy
		}
	}
	return all, nil
}

// InvitationOf tells who a link invites.
func (a *Accounts) InvitationOf(ctx context.Context, secret string) (Person, error) {
	_, u, err := a.opened(ctx, link.KindInvite, secret)
	if err != nil {
		return Person{}, err
	}
	return person(u), nil
}

// Accept takes up an invitation with a name and a password, and signs in: whoever has the link is who was invited. The provider's staff
// are signed in only where a grant is open (AC-8); the Cookie is empty otherwise.
func (a *Accounts) Accept(ctx context.Context, from From, secret, name, chosen string) (SignedIn, error) {
	row, u, err := a.opened(ctx, link.KindInvite, secret)
	if err != nil {
		return SignedIn{}, err
	}
	name = strings.TrimSpace(name)
	hash, err := a.choose(ctx, u, name, chosen)
	if err := errors.Join(goodName(name), err); err != nil {
		return SignedIn{}, err
	}
	why, grant, err := a.mayCome(ctx, u)
	if err != nil {
		return SignedIn{}, err
	}
	accept := func(c *change) error {
		if err := a.use(ctx, c, row); err != nil {
			return err
		}
		return a.setPassword(ctx, c, u, hash, func(update *ent.UserUpdate) {
			update.SetName(name).SetStatus(user.StatusActive).Where(user.StatusEQ(user.StatusInvited))
			if why == "" {
				update.SetLastLoginAt(a.now())
			}
		})
	}
	if why != "" {
		return SignedIn{}, a.tx(ctx, func(c *change) error {
			if err := accept(c); err != nil {
				return err
			}
			return c.log(ctx, from.nobody(), "invitation.accept", target("person "+name, u.ID))
		})
	}
	return a.begin(ctx, u, grant, from, "invitation.accept", accept)
}
