package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/setting"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/store"
)

// Factor says who has to have a second factor. The provider's staff always have to (AC-7).
type Factor string

// Who has to.
const (
	FactorOptional       Factor = "optional"
	FactorAdministrators Factor = "administrators" // and owners
	FactorEveryone       Factor = "everyone"
)

// Factors are all choices, the most lenient first.
func Factors() []Factor { return []Factor{FactorOptional, FactorAdministrators, FactorEveryone} }

// Rules are what a client chose for its people. None of it weakens what holds for the provider's staff.
type Rules struct {
	Password password.Policy
	Factor   Factor
}

const (
	rulesName  = "accounts.rules"
	rulesFresh = 5 * time.Second // how long another machine's change may go unnoticed
)

type knownRules struct {
	Rules
	at time.Time
}

// Rules are the client's rules.
func (a *Accounts) Rules(ctx context.Context) (Rules, error) {
	now := a.now()
	if known := a.rules.Load(); known != nil && now.Sub(known.at) < rulesFresh && !now.Before(known.at) {
		return known.Rules, nil
	}
	rules := Rules{Password: a.options.Policy, Factor: FactorOptional}
	row, err := a.options.Store.Client().Setting.Get(ctx, rulesName)
	switch {
	case ent.IsNotFound(err):
	case err != nil:
		return Rules{}, fmt.Errorf("read the rules for accounts: %w", store.Translate(err))
	default:
		if err := json.Unmarshal(row.Value, &rules); err != nil {
			return Rules{}, fmt.Errorf("read the rules for accounts: %w", err)
		}
		if err := rules.valid(); err != nil { // deny rather than let in by half a rule
			return Rules{}, fmt.Errorf("the stored rules for accounts: %w", err)
		}
	}
	a.rules.Store(&knownRules{Rules: rules, at: now})
	return rules, nil
}

func (r Rules) valid() error {
	var all []error
	all = append(all, r.Password.Valid())
	if r.Password.History > schema.MaxPreviousHashes {
		all = append(all, fault.BadInput("history", "too many earlier passwords", fmt.Sprintf("use at most %d", schema.MaxPreviousHashes)))
	}
	if !slices.Contains(Factors(), r.Factor) {
		all = append(all, fault.BadInput("factor", fmt.Sprintf("%q is no choice", r.Factor), "use optional, administrators or everyone"))
	}
	return errors.Join(all...)
}

// SetRules changes the client's rules.
func (a *Accounts) SetRules(ctx context.Context, who actor.Actor, rules Rules) error {
	if err := errors.Join(admin(who), a.confirmed(who)); err != nil {
		return err
	}
	if err := rules.valid(); err != nil {
		return err
	}
	value, err := json.Marshal(rules)
	if err != nil {
		return fmt.Errorf("write the rules for accounts: %w", err)
	}
	now := a.now()
	if err := a.tx(ctx, func(c *change) error {
		create := c.Setting.Create().SetID(rulesName).SetValue(value).SetUpdatedAt(now)
		if who.IsPerson() {
			create.SetUpdatedBy(who.ID)
		}
		if err := create.OnConflictColumns(setting.FieldID).UpdateNewValues().Exec(ctx); err != nil {
			return fmt.Errorf("write the rules for accounts: %w", err)
		}
		return c.log(ctx, who, "settings.accounts", detail("factor", string(rules.Factor)),
			detail("length", fmt.Sprint(rules.Password.MinLength)), detail("days", fmt.Sprint(int(rules.Password.MaxAge.Hours()/24))))
	}); err != nil {
		return err
	}
	a.rules.Store(&knownRules{Rules: rules, at: now})
	return nil
}

// policy is what is asked of a person's password.
func (r Rules) policy(u *ent.User) password.Policy {
	if u.Kind == user.KindProvider {
		return password.Staff()
	}
	return r.Password
}

func (r Rules) needsFactor(u *ent.User) bool {
	switch {
	case u.Kind == user.KindProvider, r.Factor == FactorEveryone:
		return true
	case r.Factor == FactorAdministrators:
		return actor.Role(u.Role).AtLeast(actor.Administrator)
	}
	return false
}
