package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/ent/providergrant"
	entsession "github.com/berth-iac/berth/app/ent/session"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// How long the provider's account may be open at most (AC-8): opened by the client, and by the provider's operator.
const (
	ClientGrant   = 30 * 24 * time.Hour
	OperatorGrant = 72 * time.Hour
)

// Grant is what opens the provider's account for a while, as the client sees it.
type Grant struct {
	ID       uuid.UUID
	By       string // who opened it
	ByClient bool   // one of the client's people, not the provider's operator
	Reason   string
	From     time.Time
	Until    time.Time
	Closed   time.Time // zero: not before its time
}

// Open tells whether it lets somebody in.
func (g Grant) Open(now time.Time) bool {
	return !now.Before(g.From) && now.Before(g.Until) && g.Closed.IsZero()
}

// OpenGrant lets the provider's staff in for a while (AC-8): an owner or administrator of the client does it, or the operator at the
// command line. The provider's staff cannot let themselves stay.
func (a *Accounts) OpenGrant(ctx context.Context, who actor.Actor, reason string, length time.Duration) (Grant, error) {
	if err := errors.Join(a.mayGrant(who), a.confirmed(who)); err != nil {
		return Grant{}, err
	}
	most, by := ClientGrant, who.Name
	if who.Kind == actor.System {
		most, by = OperatorGrant, "the provider: "+who.Name
	}
	reason = strings.TrimSpace(reason)
	problems := []error{reasonable(reason)}
	if length < time.Minute || length > most {
		problems = append(problems, fault.BadInput("hours", "the time is too short or too long", fmt.Sprintf("use at most %d hours", int(most.Hours()))))
	}
	if err := errors.Join(problems...); err != nil {
		return Grant{}, err
	}
	var made Grant
	err := a.tx(ctx, func(c *change) error {
		now := a.now()
		create := c.ProviderGrant.Create().SetGrantedByName(by).SetReason(reason).SetCreatedAt(now).SetStartsAt(now).SetEndsAt(now.Add(length))
		if who.IsPerson() {
			create.SetGrantedBy(who.ID)
		}
		row, err := create.Save(ctx)
		if err != nil {
			return fmt.Errorf("open the provider's account: %w", err)
		}
		made = grantFrom(row)
		return c.log(ctx, who, "provider.open", target("provider's account", row.ID), detail("reason", reason), detail("until", row.EndsAt.Format(time.RFC3339)))
	})
	return made, err
}

func (a *Accounts) mayGrant(who actor.Actor) error {
	if err := admin(who); err != nil {
		return err
	}
	if who.Kind != actor.Person && who.Kind != actor.System {
		return fault.Refused("only the client opens or closes this")
	}
	return nil
}

// CloseGrant ends a grant before its time, and every session under it.
func (a *Accounts) CloseGrant(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	if err := a.mayGrant(who); err != nil {
		return err
	}
	return a.tx(ctx, func(c *change) error {
		now := a.now()
		update := c.ProviderGrant.Update().Where(providergrant.ID(id), providergrant.ClosedAtIsNil(), providergrant.EndsAtGT(now)).SetClosedAt(now)
		if who.IsPerson() {
			update.SetClosedBy(who.ID)
		}
		n, err := update.Save(ctx)
		if err != nil {
			return fmt.Errorf("close the provider's account: %w", err)
		}
		if n == 0 {
			return fault.Missing("open grant")
		}
		// Those that lie elsewhere end all the same: see Accounts.alive.
		if _, err := c.Session.Delete().Where(entsession.GrantID(id)).Exec(ctx); err != nil {
			return fmt.Errorf("end the sessions of a grant: %w", err)
		}
		return c.log(ctx, who, "provider.close", target("provider's account", id))
	})
}

// Grants are what let the provider in, the newest first.
func (a *Accounts) Grants(ctx context.Context, who actor.Actor, limit int) ([]Grant, error) {
	if err := admin(who); err != nil {
		return nil, err
	}
	rows, err := a.options.Store.Client().ProviderGrant.Query().
		Order(providergrant.ByStartsAt(sql.OrderDesc()), providergrant.ByID(sql.OrderDesc())).Limit(limit).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", store.Translate(err))
	}
	all := make([]Grant, len(rows))
	for i, row := range rows {
		all[i] = grantFrom(row)
	}
	return all, nil
}

// ProviderVisit is a sign-in of the provider's staff.
type ProviderVisit struct {
	Name    string
	At      time.Time
	Address string
	Reason  string
	GrantID uuid.UUID
}

// ProviderVisits are the sign-ins of the provider's staff, the newest first, for the client's security page (AC-8).
func (a *Accounts) ProviderVisits(ctx context.Context, who actor.Actor, limit int) ([]ProviderVisit, error) {
	if err := admin(who); err != nil {
		return nil, err
	}
	entries, err := a.options.Store.Client().AuditEntry.Query().
		Where(auditentry.ActorKindEQ(audit.Provider), auditentry.Action("sign-in"), auditentry.OutcomeEQ(audit.OK)).
		Order(auditentry.BySeq(sql.OrderDesc())).Limit(limit).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the provider's visits: %w", store.Translate(err))
	}
	var ids []uuid.UUID
	for _, e := range entries {
		if e.GrantID != nil {
			ids = append(ids, *e.GrantID)
		}
	}
	grants, err := a.options.Store.Client().ProviderGrant.Query().Where(providergrant.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the provider's visits: %w", store.Translate(err))
	}
	reasons := map[uuid.UUID]string{}
	for _, g := range grants {
		reasons[g.ID] = g.Reason
	}
	var visits []ProviderVisit
	for _, e := range entries {
		v := ProviderVisit{Name: e.ActorName, At: e.At, Address: e.Address}
		if e.GrantID != nil {
			v.GrantID, v.Reason = *e.GrantID, reasons[*e.GrantID]
		}
		visits = append(visits, v)
	}
	return visits, nil
}

func grantFrom(row *ent.ProviderGrant) Grant {
	g := Grant{ID: row.ID, By: row.GrantedByName, ByClient: row.GrantedBy != nil, Reason: row.Reason, From: row.StartsAt, Until: row.EndsAt}
	if row.ClosedAt != nil {
		g.Closed = *row.ClosedAt
	}
	return g
}

// openGrant is the grant that is open the longest, or nil.
func (a *Accounts) openGrant(ctx context.Context) (*actor.Grant, error) {
	now := a.now()
	row, err := a.options.Store.Client().ProviderGrant.Query().
		Where(providergrant.StartsAtLTE(now), providergrant.EndsAtGT(now), providergrant.ClosedAtIsNil()).
		Order(providergrant.ByEndsAt(sql.OrderDesc())).First(ctx)
	return grantFor(row, err)
}

// grantOf is a session's grant, or nil where it is over.
func (a *Accounts) grantOf(ctx context.Context, id uuid.UUID) (*actor.Grant, error) {
	now := a.now()
	row, err := a.options.Store.Client().ProviderGrant.Query().
		Where(providergrant.ID(id), providergrant.StartsAtLTE(now), providergrant.EndsAtGT(now), providergrant.ClosedAtIsNil()).Only(ctx)
	return grantFor(row, err)
}

func grantFor(row *ent.ProviderGrant, err error) (*actor.Grant, error) {
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for an open grant: %w", store.Translate(err))
	}
	return &actor.Grant{ID: row.ID, Reason: row.Reason, Ends: row.EndsAt}, nil
}

// InviteStaff makes an account of the provider's staff (AC-8): the operator at the command line alone does. It is an administrator's, and
// comes in under a grant only.
func (a *Accounts) InviteStaff(ctx context.Context, who actor.Actor, email, name string, letter Letter) (Person, error) {
	if who.Kind != actor.System {
		return Person{}, fault.Refused("only the provider's operator does this")
	}
	return a.invite(ctx, who, Invitation{Email: email, Name: name, Role: actor.Administrator}, user.KindProvider, letter)
}
