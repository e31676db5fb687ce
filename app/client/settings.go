package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/setting"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/store"
)

// General is how a client shows itself to its people.
type General struct {
	Name   string       `json:"name"`
	Accent pages.Accent `json:"accent"`
}

const (
	generalName  = "client.general"
	generalFresh = 5 * time.Second // how long another machine's change may go unnoticed
)

// Settings are what a client chose for all of its people. The rules for passwords and second factors are Accounts.Rules.
type Settings struct {
	store *store.Store
	clock func() time.Time
	name  string
	known atomic.Pointer[knownGeneral]
}

type knownGeneral struct {
	General
	at time.Time
}

// General is what was chosen, or else the tenant's name and the first accent.
func (s *Settings) General(ctx context.Context) (General, error) {
	now := s.clock()
	if known := s.known.Load(); known != nil && now.Sub(known.at) < generalFresh && !now.Before(known.at) {
		return known.General, nil
	}
	g := General{Name: s.name, Accent: pages.Accents()[0]}
	row, err := s.store.Client().Setting.Get(ctx, generalName)
	switch {
	case ent.IsNotFound(err):
	case err != nil:
		return General{}, fmt.Errorf("read the settings: %w", store.Translate(err))
	default:
		if err := json.Unmarshal(row.Value, &g); err != nil {
			return General{}, fmt.Errorf("read the settings: %w", err)
		}
	}
	s.known.Store(&knownGeneral{General: g, at: now})
	return g, nil
}

// SetGeneral changes it; administrators do.
func (s *Settings) SetGeneral(ctx context.Context, who actor.Actor, g General) error {
	if err := who.Need(actor.Admin); err != nil {
		return err
	}
	g.Name = strings.TrimSpace(g.Name)
	var problems []error
	if n := utf8.RuneCountInString(g.Name); n == 0 || n > schema.MaxName || !utf8.ValidString(g.Name) || strings.ContainsFunc(g.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		problems = append(problems, fault.BadInput("name", "the name is empty or too long", fmt.Sprintf("use 1 to %d characters, on one line", schema.MaxName)))
	}
	if !slices.Contains(pages.Accents(), g.Accent) {
		problems = append(problems, fault.BadInput("accent", "it is none of the colours", "choose one that the page offers"))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	value, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	now := store.Moment(s.clock())
	if err := s.store.Tx(ctx, func(tx *ent.Tx) error {
		create := tx.Setting.Create().SetID(generalName).SetValue(value).SetUpdatedAt(now)
		if who.IsPerson() {
			create.SetUpdatedBy(who.ID)
		}
		if err := create.OnConflictColumns(setting.FieldID).UpdateNewValues().Exec(ctx); err != nil {
			return fmt.Errorf("write the settings: %w", err)
		}
		e := trail.Entry(who, now, "settings.general")
		e.Detail["name"], e.Detail["accent"] = g.Name, string(g.Accent)
		return audit.Append(ctx, tx, e)
	}); err != nil {
		return err
	}
	s.known.Store(&knownGeneral{General: g, at: now})
	return nil
}

// policy is the configuration's policy for people's passwords. The breached ones are always refused.
func policy(p config.Passwords) password.Policy {
	return password.Policy{
		MinLength: p.Minimum, Upper: p.Mixed, Lower: p.Mixed, Digit: p.Mixed, Symbol: p.Mixed,
		MaxAge: time.Duration(p.MaxAgeDays) * 24 * time.Hour, RefuseBreached: true,
	}
}

// requireFactor makes the second factor everybody's where the configuration asks for it and the client has not chosen yet.
func (c *Client) requireFactor(ctx context.Context) error {
	rules, err := c.Accounts.Rules(ctx)
	if err != nil || rules.Factor != accounts.FactorOptional {
		return err
	}
	chosen, err := c.Store.Client().Setting.Query().Where(setting.ID("accounts.rules")).Exist(ctx)
	if err != nil {
		return fmt.Errorf("read the rules for accounts: %w", store.Translate(err))
	}
	if chosen {
		return nil
	}
	rules.Factor = accounts.FactorEveryone
	return c.Accounts.SetRules(ctx, actor.Service("configuration"), rules)
}
