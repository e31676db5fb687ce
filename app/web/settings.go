package web

import (
	"errors"
	"fmt"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

// settingsPage are the settings as they are; change puts what was sent and what was wrong with it in place.
func (c *call) settingsPage(change func(*pages.ClientSettings)) (pages.Page, error) {
	chrome, err := c.chrome()
	if err != nil {
		return nil, err
	}
	rules, err := c.accounts.Rules(c.ctx())
	if err != nil {
		return nil, err
	}
	grants, err := c.accounts.Grants(c.ctx(), c.who(), 20)
	if err != nil {
		return nil, err
	}
	visits, err := c.accounts.ProviderVisits(c.ctx(), c.who(), 200)
	if err != nil {
		return nil, err
	}
	page := pages.ClientSettings{Chrome: chrome, General: pages.GeneralForm{Name: chrome.Client, Accent: chrome.Accent},
		Passwords: pages.PasswordForm{MinLength: rules.Password.MinLength, MaxDays: int(rules.Password.MaxAge / (24 * time.Hour)),
			Classes: rules.Password.Upper && rules.Password.Lower && rules.Password.Digit && rules.Password.Symbol, Factor: factorOptions(rules.Factor)},
		ProviderAccess: pages.ProviderForm{Hours: chosen("4", "1", "1 hour", "4", "4 hours", "24", "A day", "168", "A week")}}
	for _, one := range grants {
		g := pages.Grant{ID: one.ID.String(), Reason: one.Reason, By: pages.Person{ID: one.By, Name: one.By}, From: one.From, Until: one.Until, Active: one.Open(c.now())}
		if !one.Closed.IsZero() {
			g.Until = one.Closed
		}
		for _, visit := range visits {
			if visit.GrantID == one.ID {
				g.Uses++
			}
		}
		page.ProviderAccess.Grants = append(page.ProviderAccess.Grants, g)
	}
	if change != nil {
		change(&page)
	}
	return page, nil
}

func factorOptions(now accounts.Factor) []pages.Option {
	return chosen(string(now), string(accounts.FactorOptional), "Everybody chooses", string(accounts.FactorAdministrators), "Owners and administrators need it",
		string(accounts.FactorEveryone), "Everybody needs it")
}

func settings(c *call) error {
	page, err := c.settingsPage(nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

func saveGeneral(c *call) error {
	g := client.General{Name: c.form.Get("name"), Accent: pages.Accent(c.form.Get("accent"))}
	if err := c.client.Settings.SetGeneral(c.ctx(), c.who(), g); err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			return c.settingsPage(func(page *pages.ClientSettings) { page.General.Form, page.General.Name = form, g.Name })
		})
	}
	return c.done("saved", "/settings")
}

func savePasswords(c *call) error {
	rules, err := c.accounts.Rules(c.ctx())
	if err != nil {
		return err
	}
	length, wrong := number(c.form, "min-length")
	days, wrong2 := number(c.form, "max-days")
	err = errors.Join(wrong, wrong2)
	if err == nil && days > 3650 {
		err = fault.BadInput("max-days", "that is too long", "use at most 3650, or 0 for never")
	}
	classes := c.form.Get("classes") == "yes"
	rules.Password.MinLength, rules.Password.MaxAge = length, time.Duration(days)*24*time.Hour
	rules.Password.Upper, rules.Password.Lower, rules.Password.Digit, rules.Password.Symbol = classes, classes, classes, classes
	rules.Factor = accounts.Factor(c.form.Get("factor"))
	if err == nil {
		err = c.accounts.SetRules(c.ctx(), c.who(), rules)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			return c.settingsPage(func(page *pages.ClientSettings) {
				page.Passwords = pages.PasswordForm{Form: form, MinLength: length, MaxDays: days, Classes: classes, Factor: factorOptions(rules.Factor)}
			})
		})
	}
	return c.done("saved", "/settings")
}

// openGrant lets the provider in for a while (AC-8).
func openGrant(c *call) error {
	hours, err := number(c.form, "hours")
	if err == nil && hours > 24*31 {
		err = fault.BadInput("hours", "that is too long", fmt.Sprintf("use at most %d", int(accounts.ClientGrant.Hours())))
	}
	if err == nil {
		_, err = c.accounts.OpenGrant(c.ctx(), c.who(), c.form.Get("reason"), time.Duration(hours)*time.Hour)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			return c.settingsPage(func(page *pages.ClientSettings) {
				page.ProviderAccess.Form, page.ProviderAccess.Reason = form, c.form.Get("reason")
			})
		})
	}
	return c.done("grant", "/settings")
}

func endGrant(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.CloseGrant(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done("grant-ended", "/settings")
}

// security is what the provider does with the client's data, and what it promises.
func security(c *call) error {
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	grants, err := c.accounts.Grants(c.ctx(), c.who(), 50)
	if err != nil {
		return err
	}
	visits, err := c.accounts.ProviderVisits(c.ctx(), c.who(), 50)
	if err != nil {
		return err
	}
	page := pages.Security{Chrome: chrome, Access: "Only while a grant is open; none is", Verified: c.verified()}
	for _, one := range grants {
		if one.Open(c.now()) {
			page.Access = "A grant is open now"
		}
	}
	for _, one := range visits {
		visit := pages.ProviderVisit{Name: one.Name, Reason: one.Reason, Began: one.At, Ended: one.At, Path: withQuery("/audit", map[string][]string{"kind": {kindProvider}})}
		for _, grant := range grants {
			if grant.ID != one.GrantID {
				continue
			}
			if grant.Open(c.now()) && c.now().Sub(one.At) < accounts.StaffAbsolute {
				visit.Ended = time.Time{}
			}
		}
		if visit.Actions, err = c.actionsUnder(one); err != nil {
			return err
		}
		page.Visits = append(page.Visits, visit)
	}
	facts := c.client.Facts(c.ctx())
	for _, one := range facts.Backups {
		page.Backups = append(page.Backups, pages.Backup{What: one.What, Where: one.Where, At: one.At, Late: one.Late, Kept: one.Kept})
		if one.At.After(page.Newest) {
			page.Newest = one.At
		}
		if one.Restored.After(page.Restored) {
			page.Restored = one.Restored
		}
	}
	for _, one := range facts.Promises {
		state := pages.PromiseUnknown
		if s := pages.PromiseState(one.State); s == pages.PromiseKept || s == pages.PromiseBroken {
			state = s
		}
		page.Promises = append(page.Promises, pages.Promise{ID: one.ID, Words: one.Words, State: state, Proof: one.Proof, At: one.At})
	}
	return c.page(page)
}
