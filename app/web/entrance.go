package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/password"
)

// signInPage asks who somebody is.
func signInPage(c *call) error {
	if c.visit.Session.ID != uuid.Nil {
		return c.onwards(c.r.URL.Query().Get("next"))
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.SignIn{Chrome: chrome, Next: local(c.r.URL.Query().Get("next"))})
}

// onwards leads to what is missing of signing in, or to where somebody wanted to go.
func (c *call) onwards(next string) error {
	if c.visit.Stage != accounts.Full {
		return c.to(withNext(missing(c.visit.Stage), local(next)))
	}
	return c.to(next)
}

// wrong shows a form of the entrance again. What was wrong with it names no field: it does not tell what was right.
func (c *call) wrong(err error, page func(pages.Chrome, pages.Form) pages.Page) error {
	status := http.StatusUnprocessableEntity
	switch fault.KindOf(err) {
	case fault.Unauthenticated, fault.Invalid:
	case fault.TooMany:
		status = http.StatusTooManyRequests
		limits.RetryAfter(c.w.Header(), err)
	default:
		return err
	}
	chrome, made := c.chrome()
	if made != nil {
		return made
	}
	return c.render(status, page(chrome, pages.Form{Problems: fault.Problems(err)}))
}

func signIn(c *call) error {
	email, next := c.form.Get("email"), local(c.form.Get("next"))
	in, err := accounts.SignedIn{}, c.client.AllowSignIn(c.ctx(), c.from.Address)
	if err == nil {
		in, err = c.accounts.SignIn(c.ctx(), c.from, email, c.form.Get("password"))
	}
	if err != nil {
		return c.wrong(err, func(chrome pages.Chrome, form pages.Form) pages.Page {
			return pages.SignIn{Chrome: chrome, Form: form, Email: email, Next: next}
		})
	}
	c.signedIn(in)
	return c.onwards(next)
}

func codePage(c *call) error {
	if c.visit.Stage != accounts.NeedsCode {
		return c.onwards(c.r.URL.Query().Get("next"))
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.SecondFactor{Chrome: chrome, Next: local(c.r.URL.Query().Get("next"))})
}

func code(c *call) error {
	return c.giveCode(func(chrome pages.Chrome, form pages.Form, next string) pages.Page {
		return pages.SecondFactor{Chrome: chrome, Form: form, Next: next}
	})
}

func recoveryPage(c *call) error {
	if c.visit.Stage != accounts.NeedsCode {
		return c.onwards(c.r.URL.Query().Get("next"))
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.RecoveryCode{Chrome: chrome, Next: local(c.r.URL.Query().Get("next"))})
}

func recovery(c *call) error {
	return c.giveCode(func(chrome pages.Chrome, form pages.Form, next string) pages.Page {
		return pages.RecoveryCode{Chrome: chrome, Form: form, Next: next}
	})
}

func (c *call) giveCode(page func(pages.Chrome, pages.Form, string) pages.Page) error {
	next := local(c.form.Get("next"))
	if c.visit.Stage != accounts.NeedsCode {
		return c.onwards(next)
	}
	in, err := accounts.SignedIn{}, c.client.AllowSignIn(c.ctx(), c.from.Address)
	if err == nil {
		in, err = c.accounts.Code(c.ctx(), c.from, c.visit, c.form.Get("code"))
	}
	if err != nil {
		return c.wrong(err, func(chrome pages.Chrome, form pages.Form) pages.Page { return page(chrome, form, next) })
	}
	c.signedIn(in)
	return c.onwards(next)
}

func signOut(c *call) error {
	if err := c.accounts.SignOut(c.ctx(), c.visit); err != nil {
		return err
	}
	c.forget(sessionCookie)
	c.w.Header().Set("Clear-Site-Data", `"cache"`)
	return c.done("bye", "/sign-in")
}

func forgottenPage(c *call) error {
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.Forgotten{Chrome: chrome})
}

// forgotten sends reset instructions (AC-9), and says the same for every address.
func forgotten(c *call) error {
	email := strings.TrimSpace(c.form.Get("email"))
	err := c.accounts.Forgotten(c.ctx(), c.from, email, c.client.Reset(c.ctx()))
	if err != nil {
		return c.wrong(err, func(chrome pages.Chrome, form pages.Form) pages.Page {
			return pages.Forgotten{Chrome: chrome, Form: form, Email: email}
		})
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.Forgotten{Chrome: chrome, Sent: true})
}

// policyOf is what a person's password has to keep, as sentences.
func (c *call) policyOf(p accounts.Person) (pages.Policy, error) {
	rules, err := c.accounts.Rules(c.ctx())
	if err != nil {
		return pages.Policy{}, err
	}
	policy := rules.Password
	if p.Staff {
		policy = password.Staff()
	}
	shown := pages.Policy{MinLength: policy.MinLength, MaxDays: int(policy.MaxAge / (24 * time.Hour))}
	for _, rule := range []struct {
		asked bool
		words string
	}{
		{policy.Upper, "an upper-case letter"}, {policy.Lower, "a lower-case letter"}, {policy.Digit, "a digit"}, {policy.Symbol, "a symbol"},
	} {
		if rule.asked {
			shown.Rules = append(shown.Rules, rule.words)
		}
	}
	return shown, nil
}

// expired is the page of a link that opens nothing any more.
func (c *call) expired(err error, invitation bool) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	chrome, made := c.chrome()
	if made != nil {
		return made
	}
	return c.render(http.StatusNotFound, pages.LinkExpired{Chrome: chrome, Invitation: invitation})
}

// choosing is the page where somebody chooses a password by a link.
func (c *call) choosing(status int, p accounts.Person, invitation bool, form pages.Form, name string) error {
	policy, err := c.policyOf(p)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.render(status, pages.SetPassword{Chrome: chrome, Form: form, Token: c.r.PathValue("token"), Invitation: invitation, Email: p.Email, Name: name, Policy: policy})
}

func resetPage(c *call) error {
	p, err := c.accounts.ResetOf(c.ctx(), c.r.PathValue("token"))
	if err != nil {
		return c.expired(err, false)
	}
	return c.choosing(http.StatusOK, p, false, pages.Form{}, "")
}

func reset(c *call) error {
	p, err := c.accounts.ResetOf(c.ctx(), c.r.PathValue("token"))
	if err != nil {
		return c.expired(err, false)
	}
	device := ""
	if err = c.client.AllowSignIn(c.ctx(), c.from.Address); err == nil {
		err = same(c.form)
	}
	if err == nil {
		_, device, err = c.accounts.Reset(c.ctx(), c.from, c.r.PathValue("token"), c.form.Get("password"))
	}
	if fault.Is(err, fault.Invalid) {
		return c.choosing(http.StatusUnprocessableEntity, p, false, pages.Form{Problems: fault.Problems(err)}, "")
	}
	if err != nil {
		return c.expired(err, false)
	}
	if device != "" {
		c.keep(deviceCookie, device, accounts.DeviceLasts)
	}
	return c.done("reset", "/sign-in")
}

func invitationPage(c *call) error {
	p, err := c.accounts.InvitationOf(c.ctx(), c.r.PathValue("token"))
	if err != nil {
		return c.expired(err, true)
	}
	return c.choosing(http.StatusOK, p, true, pages.Form{}, p.Name)
}

func acceptInvitation(c *call) error {
	p, err := c.accounts.InvitationOf(c.ctx(), c.r.PathValue("token"))
	if err != nil {
		return c.expired(err, true)
	}
	var in accounts.SignedIn
	if err = c.client.AllowSignIn(c.ctx(), c.from.Address); err == nil {
		err = same(c.form)
	}
	if err == nil {
		in, err = c.accounts.Accept(c.ctx(), c.from, c.r.PathValue("token"), c.form.Get("name"), c.form.Get("password"))
	}
	if fault.Is(err, fault.Invalid) {
		return c.choosing(http.StatusUnprocessableEntity, p, true, pages.Form{Problems: fault.Problems(err)}, c.form.Get("name"))
	}
	if err != nil {
		return c.expired(err, true)
	}
	c.signedIn(in)
	if in.Cookie == "" { // the provider's staff, while no grant is open (AC-8)
		return c.done("welcome-later", "/sign-in")
	}
	return c.onwards("/")
}

// doing is what somebody is about to do: the words of the route that sent them to confirm.
func doing(route string) string {
	for _, one := range Routes() {
		if one.Doing != "" && one.Method+" "+one.Pattern == route {
			return one.Doing
		}
	}
	return "do something that matters"
}

func (c *call) confirming(status int, form pages.Form, next, route string) error {
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	if chrome.User.ID == "" { // the form names the account
		chrome.User = me(c.visit.Person)
		chrome.User.ID = ""
	}
	return c.render(status, pages.Confirm{Chrome: chrome, Form: form, Doing: doing(route), Next: local(next), Code: c.visit.Person.SecondFactor})
}

func confirmPage(c *call) error {
	query := c.r.URL.Query()
	return c.confirming(http.StatusOK, pages.Form{}, query.Get("next"), query.Get("for"))
}

// confirm takes the password once more, and leads back to where somebody can do what they wanted to.
func confirm(c *call) error {
	in, err := c.accounts.Confirm(c.ctx(), c.from, c.visit, c.form.Get("password"), c.form.Get("code"))
	if kind := fault.KindOf(err); err != nil && (kind == fault.Unauthenticated || kind == fault.Invalid || kind == fault.TooMany) {
		status := http.StatusUnprocessableEntity
		if kind == fault.TooMany {
			status = http.StatusTooManyRequests
			limits.RetryAfter(c.w.Header(), err)
		}
		if _, gone := c.accounts.Visit(c.ctx(), c.from); gone != nil { // it ended the session
			return errors.Join(errNobody(), gone)
		}
		return c.confirming(status, pages.Form{Problems: fault.Problems(err)}, c.form.Get("next"), "")
	}
	if err != nil {
		return err
	}
	c.signedIn(in)
	return c.to(c.form.Get("next"))
}
