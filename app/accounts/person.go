package accounts

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a person's time zone is known on a machine without a list of them

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/apitoken"
	"github.com/berth-iac/berth/app/ent/link"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Status is where an account stands.
type Status string

// The states.
const (
	Active   Status = "active"
	Invited  Status = "invited"
	Disabled Status = "disabled"
)

// Person is somebody with an account. It holds no secret.
type Person struct {
	ID           uuid.UUID
	Email        string
	Name         string
	Role         actor.Role
	Staff        bool // of the provider (AC-8)
	Status       Status
	SecondFactor bool
	Timezone     string
	Locale       string
	Theme        string // light, dark, system
	Mail         schema.MailChoices
	Created      time.Time
	LastLogin    time.Time // zero: never
	PasswordSet  time.Time // zero: never
}

func person(u *ent.User) Person {
	p := Person{
		ID: u.ID, Email: u.Email, Name: u.Name, Role: actor.Role(u.Role), Staff: u.Kind == user.KindProvider, Status: Status(u.Status),
		SecondFactor: u.TotpConfirmedAt != nil, Timezone: u.Timezone, Locale: u.Locale, Theme: string(u.Theme), Mail: u.MailChoices,
		Created: u.CreatedAt,
	}
	if u.LastLoginAt != nil {
		p.LastLogin = *u.LastLoginAt
	}
	if u.PasswordSetAt != nil {
		p.PasswordSet = *u.PasswordSetAt
	}
	return p
}

// maxWords bounds a query: SQLite follows only so many conditions.
const maxWords = 10

// Search picks people. What is empty picks all.
type Search struct {
	Words  string // parts of a name or of an address; what comes after the tenth is left out
	Status Status
	Role   actor.Role
	Page   int // from 1
	Size   int // of a page; 50, and never more than 200
}

// People lists people by name, and tells how many there are in all. Guests see nobody by it.
func (a *Accounts) People(ctx context.Context, who actor.Actor, s Search) ([]Person, int, error) {
	if err := who.Need(actor.Read); err != nil {
		return nil, 0, err
	}
	if !who.Role.AtLeast(actor.Member) {
		return nil, 0, fault.Refused("guests do not see who else is here")
	}
	var which []predicate.User
	words := strings.Fields(s.Words)
	for _, word := range words[:min(len(words), maxWords)] {
		which = append(which, user.Or(user.NameContainsFold(word), user.EmailContainsFold(word)))
	}
	if s.Status != "" {
		which = append(which, user.StatusEQ(user.Status(s.Status)))
	}
	if s.Role != "" {
		which = append(which, user.RoleEQ(user.Role(s.Role)))
	}
	if s.Size <= 0 {
		s.Size = 50
	}
	s.Size, s.Page = min(s.Size, 200), max(s.Page, 1)
	query := a.options.Store.Client().User.Query().Where(which...)
	total, err := query.Clone().Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count people: %w", store.Translate(err))
	}
	rows, err := query.Order(user.ByName(), user.ByID()).Offset((s.Page - 1) * s.Size).Limit(s.Size).All(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list people: %w", store.Translate(err))
	}
	people := make([]Person, len(rows))
	for i, u := range rows {
		people[i] = person(u)
	}
	return people, total, nil
}

// Person gives one person.
func (a *Accounts) Person(ctx context.Context, who actor.Actor, id uuid.UUID) (Person, error) {
	if err := who.Need(actor.Read); err != nil {
		return Person{}, err
	}
	if !who.Role.AtLeast(actor.Member) && who.ID != id {
		return Person{}, fault.Missing("person")
	}
	u, err := a.options.Store.Client().User.Get(ctx, id)
	if ent.IsNotFound(err) {
		return Person{}, fault.Missing("person")
	}
	if err != nil {
		return Person{}, fmt.Errorf("find a person: %w", store.Translate(err))
	}
	return person(u), nil
}

// ByEmail gives the person of an address, to somebody who administers.
func (a *Accounts) ByEmail(ctx context.Context, who actor.Actor, email string) (Person, error) {
	if err := admin(who); err != nil {
		return Person{}, err
	}
	u, err := a.byEmail(ctx, schema.FoldEmail(email))
	if err != nil {
		return Person{}, err
	}
	if u == nil {
		return Person{}, fault.Missing("person")
	}
	return person(u), nil
}

// locked gives a row that nobody else changes until the transaction ends.
func locked(s *sql.Selector) {
	if s.Dialect() != dialect.SQLite { // there a transaction that writes is alone from its beginning
		s.ForUpdate()
	}
}

// administer changes somebody's account: nobody changes that of somebody above them, nor their own.
func (a *Accounts) administer(ctx context.Context, who actor.Actor, id uuid.UUID, action string, do func(c *change, u *ent.User) error) error {
	if err := admin(who); err != nil {
		return err
	}
	if who.ID == id {
		return fault.Refused("nobody does this to their own account")
	}
	return a.tx(ctx, func(c *change) error {
		query := c.User.Query().Where(user.ID(id))
		query.Modify(locked)
		u, err := query.Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("person")
		}
		if err != nil {
			return fmt.Errorf("find a person: %w", err)
		}
		if !who.Role.AtLeast(actor.Role(u.Role)) {
			return fault.Refused("their role is above yours")
		}
		if err := do(c, u); err != nil {
			return err
		}
		return c.log(ctx, who, action, target("person "+u.Name, u.ID))
	})
}

// ChangeRole gives somebody another role: none above one's own, and the last owner stays. Their sessions end, so that none from before
// carries the new rights.
func (a *Accounts) ChangeRole(ctx context.Context, who actor.Actor, id uuid.UUID, role actor.Role) error {
	if _, err := actor.ParseRole(string(role)); err != nil {
		return err
	}
	if err := admin(who); err != nil {
		return err
	}
	if err := a.confirmed(who); err != nil {
		return err
	}
	if !who.Role.AtLeast(role) {
		return fault.Refused("nobody gives a role above their own")
	}
	change := func(c *change, u *ent.User) error {
		if u.Kind == user.KindProvider {
			return fault.Refused("the role of the provider's staff stays as it is")
		}
		if err := a.keepsOwner(ctx, c, u, role); err != nil {
			return err
		}
		if err := c.User.UpdateOneID(u.ID).SetRole(user.Role(role)).SetUpdatedAt(a.now()).Exec(ctx); err != nil {
			return fmt.Errorf("change a role: %w", err)
		}
		return c.keep(func(k keeper) error { return k.dropAll(ctx, u.ID, "") })
	}
	return a.administer(ctx, who, id, "person.role."+string(role), change)
}

// keepsOwner refuses what would leave the client without an owner who can sign in. All owners stay locked until the transaction ends:
// two who step down at the same moment would else both see the other.
func (a *Accounts) keepsOwner(ctx context.Context, c *change, u *ent.User, role actor.Role) error {
	if u.Role != user.RoleOwner || role == actor.Owner {
		return nil
	}
	query := c.User.Query().Where(user.RoleEQ(user.RoleOwner), user.StatusEQ(user.StatusActive)).Order(user.ByID())
	query.Modify(locked)
	owners, err := query.All(ctx)
	if err != nil {
		return fmt.Errorf("count owners: %w", err)
	}
	if !slices.ContainsFunc(owners, func(o *ent.User) bool { return o.ID != u.ID }) {
		return fault.Clash("there has to be an owner", "make somebody else an owner first")
	}
	return nil
}

// Disable shuts somebody out: sessions, tokens and links end at once. What they did keeps their name.
func (a *Accounts) Disable(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	return a.administer(ctx, who, id, "person.disable", func(c *change, u *ent.User) error {
		if err := a.keepsOwner(ctx, c, u, ""); err != nil {
			return err
		}
		now := a.now()
		if err := errors.Join(
			c.User.UpdateOneID(u.ID).SetStatus(user.StatusDisabled).SetUpdatedAt(now).Exec(ctx),
			c.Link.Update().Where(link.UserID(u.ID), link.UsedAtIsNil()).SetUsedAt(now).Exec(ctx),
			c.APIToken.Update().Where(apitoken.UserID(u.ID), apitoken.RevokedAtIsNil()).SetRevokedAt(now).Exec(ctx),
		); err != nil {
			return fmt.Errorf("disable an account: %w", err)
		}
		return c.keep(func(k keeper) error { return k.dropAll(ctx, u.ID, "") })
	})
}

// Enable lets somebody in again, with the password that they had. Who never had one has to be invited again.
func (a *Accounts) Enable(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	return a.administer(ctx, who, id, "person.enable", func(c *change, u *ent.User) error {
		if u.Status != user.StatusDisabled {
			return fault.Clash("the account is not disabled", "look again at how it stands")
		}
		status := user.StatusActive
		if u.PasswordHash == "" {
			status = user.StatusInvited
		}
		if err := c.User.UpdateOneID(u.ID).SetStatus(status).SetUpdatedAt(a.now()).Exec(ctx); err != nil {
			return fmt.Errorf("enable an account: %w", err)
		}
		return nil
	})
}

var localeForm = regexp.MustCompile(`^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$`)

// Profile is what people say of themselves.
type Profile struct {
	Name     string
	Email    string // another one has to be confirmed: see actor.ErrConfirm
	Timezone string
	Locale   string
}

// SetProfile changes a visitor's own profile.
func (a *Accounts) SetProfile(ctx context.Context, v Visit, p Profile) error {
	if err := v.Actor.Need(actor.Write); err != nil {
		return err
	}
	p.Name, p.Email = strings.TrimSpace(p.Name), schema.FoldEmail(p.Email)
	var problems []error
	problems = append(problems, goodName(p.Name), goodEmail(p.Email))
	if _, err := time.LoadLocation(p.Timezone); err != nil || p.Timezone == "" || p.Timezone == "Local" {
		problems = append(problems, fault.BadInput("zone", "there is no such time zone", "choose one such as Europe/London"))
	}
	if p.Locale != "" && (len(p.Locale) > 35 || !localeForm.MatchString(p.Locale)) {
		problems = append(problems, fault.BadInput("locale", "it is no language", "use one such as en or de-AT"))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	moved := p.Email != v.Person.Email
	if moved {
		if err := a.confirmed(v.Actor); err != nil {
			return err
		}
	}
	err := a.tx(ctx, func(c *change) error {
		update := c.User.UpdateOneID(v.Person.ID).SetName(p.Name).SetTimezone(p.Timezone).SetUpdatedAt(a.now())
		if p.Locale != "" {
			update.SetLocale(p.Locale)
		}
		if moved {
			update.SetEmail(p.Email)
			// A link that was sent to the old address opens nothing any more.
			if err := c.Link.Update().Where(link.UserID(v.Person.ID), link.UsedAtIsNil()).SetUsedAt(a.now()).Exec(ctx); err != nil {
				return fmt.Errorf("make links void: %w", err)
			}
		}
		if err := update.Exec(ctx); err != nil {
			return fmt.Errorf("change a profile: %w", err)
		}
		if moved {
			return c.log(ctx, v.Actor, "profile.email", target("person "+p.Name, v.Person.ID))
		}
		return c.log(ctx, v.Actor, "profile.change", target("person "+p.Name, v.Person.ID))
	})
	if moved && fault.Is(err, fault.Conflict) {
		return fault.BadInput("email", "this address cannot be used", "give another one").Because(err)
	}
	return err
}

// SetTheme changes a visitor's own colours.
func (a *Accounts) SetTheme(ctx context.Context, v Visit, theme string) error {
	if err := v.Actor.Need(actor.Write); err != nil {
		return err
	}
	if user.ThemeValidator(user.Theme(theme)) != nil {
		return fault.BadInput("theme", "there is no such theme", "use light, dark or system")
	}
	if err := a.options.Store.Client().User.UpdateOneID(v.Person.ID).SetTheme(user.Theme(theme)).SetUpdatedAt(a.now()).Exec(ctx); err != nil {
		return fmt.Errorf("change a theme: %w", store.Translate(err))
	}
	return nil
}

// SetMail changes what a visitor wants to hear of by e-mail.
func (a *Accounts) SetMail(ctx context.Context, v Visit, choices schema.MailChoices) error {
	if err := v.Actor.Need(actor.Write); err != nil {
		return err
	}
	if err := a.options.Store.Client().User.UpdateOneID(v.Person.ID).SetMailChoices(choices).SetUpdatedAt(a.now()).Exec(ctx); err != nil {
		return fmt.Errorf("change notification choices: %w", store.Translate(err))
	}
	return nil
}
