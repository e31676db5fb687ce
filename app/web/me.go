package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// zones are the time zones that the profile offers; whoever has another one keeps it.
func zones(mine string) []pages.Option {
	all := []string{"UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Argentina/Buenos_Aires", "America/Bogota",
		"America/Chicago", "America/Denver", "America/Halifax", "America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Phoenix",
		"America/Sao_Paulo", "America/Toronto", "Asia/Bangkok", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Karachi", "Asia/Kolkata",
		"Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Brisbane", "Australia/Perth", "Australia/Sydney",
		"Europe/Amsterdam", "Europe/Athens", "Europe/Berlin", "Europe/Brussels", "Europe/Budapest", "Europe/Copenhagen", "Europe/Dublin",
		"Europe/Helsinki", "Europe/Istanbul", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Oslo", "Europe/Paris", "Europe/Prague",
		"Europe/Rome", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland", "Pacific/Honolulu"}
	options, found := make([]pages.Option, 0, len(all)+1), false
	for _, name := range all {
		found = found || name == mine
		options = append(options, pages.Option{Value: name, Text: strings.ReplaceAll(name, "_", " "), Selected: name == mine})
	}
	if !found && mine != "" {
		options = append(options, pages.Option{Value: mine, Text: mine, Selected: true})
	}
	return options
}

func (c *call) profile(form pages.Form, name, email, zone string) (pages.Page, error) {
	chrome, err := c.chrome()
	return pages.Profile{Chrome: chrome, Form: form, Name: name, Handle: work.Handle(c.visit.Person.Name), Email: email, Zones: zones(zone)}, err
}

func profilePage(c *call) error {
	page, err := c.profile(pages.Form{}, c.visit.Person.Name, c.visit.Person.Email, c.visit.Person.Timezone)
	if err != nil {
		return err
	}
	return c.page(page)
}

func saveProfile(c *call) error {
	p := accounts.Profile{Name: c.form.Get("name"), Email: c.form.Get("email"), Timezone: c.form.Get("zone")}
	if err := c.accounts.SetProfile(c.ctx(), c.visit, p); err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			return c.profile(form, p.Name, p.Email, c.visit.Person.Timezone)
		})
	}
	return c.done("saved", "/me")
}

func appearancePage(c *call) error {
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.Appearance{Chrome: chrome})
}

// shownTheme and keptTheme: what has no preference is called system where it is kept, and auto where it is shown.
func shownTheme(kept string) pages.Theme {
	switch kept {
	case string(pages.ThemeLight), string(pages.ThemeDark):
		return pages.Theme(kept)
	}
	return pages.ThemeAuto
}

func keptTheme(shown string) string {
	if shown == string(pages.ThemeAuto) {
		return "system"
	}
	return shown
}

func saveAppearance(c *call) error {
	if err := c.accounts.SetTheme(c.ctx(), c.visit, keptTheme(c.form.Get("theme"))); err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			chrome, err := c.chrome()
			return pages.Appearance{Chrome: chrome, Form: form}, err
		})
	}
	if c.form.Get("shortcuts") == "on" {
		c.forget(shortcutsCookie)
	} else {
		c.keep(shortcutsCookie, "off", 365*24*time.Hour)
	}
	return c.done("saved", "/me/appearance")
}

// saveTheme is the menu's; it leads back to where one was.
func saveTheme(c *call) error {
	if err := c.accounts.SetTheme(c.ctx(), c.visit, keptTheme(c.form.Get("theme"))); err != nil {
		return err
	}
	return c.to(c.back())
}

func (c *call) passwords(form pages.Form) (pages.Page, error) {
	policy, err := c.policyOf(c.visit.Person)
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	page := pages.PasswordChange{Chrome: chrome, Form: form, Policy: policy, Changed: c.visit.Person.PasswordSet, Forced: c.visit.Stage == accounts.NeedsChange}
	if policy.MaxDays > 0 && !page.Changed.IsZero() {
		page.Due = page.Changed.AddDate(0, 0, policy.MaxDays)
	}
	return page, err
}

func passwordPage(c *call) error {
	page, err := c.passwords(pages.Form{})
	if err != nil {
		return err
	}
	return c.page(page)
}

func changePassword(c *call) error {
	in, err := accounts.SignedIn{}, same(c.form)
	if err == nil {
		in, err = c.accounts.ChangePassword(c.ctx(), c.from, c.visit, c.form.Get("current"), c.form.Get("password"))
	}
	if err != nil {
		return c.again(err, c.passwords)
	}
	c.signedIn(in)
	return c.done("password", "/me/password")
}

func (c *call) factor(form pages.Form) (pages.Page, error) {
	state, err := c.accounts.FactorState(c.ctx(), c.visit)
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	return pages.FactorStatus{Chrome: chrome, Form: form, Enabled: state.On, Since: state.Since, CodesLeft: state.CodesLeft, Mandatory: state.Required}, err
}

func factorPage(c *call) error {
	page, err := c.factor(pages.Form{})
	if err != nil {
		return err
	}
	return c.page(page)
}

func startFactor(c *call) error {
	if _, err := c.accounts.StartFactor(c.ctx(), c.visit); err != nil {
		return c.again(err, c.factor)
	}
	return c.to("/me/second-factor/setup")
}

func (c *call) settingUp(form pages.Form) (pages.Page, error) {
	setup, err := c.accounts.PendingFactor(c.ctx(), c.visit)
	if err != nil {
		return nil, err
	}
	var groups []string
	for i := 0; i < len(setup.Secret); i += 4 {
		groups = append(groups, setup.Secret[i:min(i+4, len(setup.Secret))])
	}
	chrome, err := c.chrome()
	return pages.SecondFactorSetup{Chrome: chrome, Form: form, Secret: strings.Join(groups, " "), Mandatory: c.visit.Stage == accounts.NeedsFactor}, err
}

func factorSetupPage(c *call) error {
	page, err := c.settingUp(pages.Form{})
	if fault.Is(err, fault.NotFound) { // none was begun
		return c.to("/me/second-factor")
	}
	if err != nil {
		return err
	}
	return c.page(page)
}

func factorPicture(c *call) error {
	setup, err := c.accounts.PendingFactor(c.ctx(), c.visit)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "image/png")
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(setup.PNG) // a browser that went away is not our failure
	}
	return nil
}

func (c *call) codes(codes []string, next string) error {
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.RecoveryCodes{Chrome: chrome, Codes: codes, Next: next})
}

func confirmFactor(c *call) error {
	in, codes, err := c.accounts.ConfirmFactor(c.ctx(), c.from, c.visit, c.form.Get("code"))
	if fault.Is(err, fault.NotFound) {
		return c.to("/me/second-factor")
	}
	if err != nil {
		return c.again(err, c.settingUp)
	}
	mandatory := c.visit.Stage == accounts.NeedsFactor
	c.signedIn(in)
	if mandatory {
		return c.codes(codes, "/")
	}
	return c.codes(codes, "/me/second-factor")
}

func removeFactor(c *call) error {
	if err := c.accounts.RemoveFactor(c.ctx(), c.visit); err != nil {
		return err
	}
	return c.done("factor-off", "/me/second-factor")
}

func newRecoveryCodes(c *call) error {
	codes, err := c.accounts.NewRecoveryCodes(c.ctx(), c.visit)
	if err != nil {
		return c.again(err, c.factor)
	}
	return c.codes(codes, "/me/second-factor")
}

func sessionsPage(c *call) error {
	all, err := c.accounts.Sessions(c.ctx(), c.visit)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Sessions{Chrome: chrome}
	for _, one := range all {
		page.Items = append(page.Items, pages.Session{ID: one.ID.String(), Device: device(one.Agent), Address: one.Address, Began: one.Created, Seen: one.Seen, Current: one.Current})
	}
	return c.page(page)
}

// device is what a browser's name of itself means to people, roughly.
func device(agent string) string {
	pick := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := pick("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	system := pick("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "Mac", "Linux", "Linux")
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser+system != "":
		return browser + system
	}
	return "Another browser"
}

func revokeSession(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.Revoke(c.ctx(), c.visit, id); err != nil {
		return err
	}
	return c.done("signed-out", "/me/sessions")
}

func revokeOtherSessions(c *call) error {
	if err := c.accounts.RevokeOthers(c.ctx(), c.visit); err != nil {
		return err
	}
	return c.done("signed-out", "/me/sessions")
}

// tokenDays are how long a token may last, in days, as the form offers it.
func tokenDays() []struct{ value, text string } {
	return []struct{ value, text string }{{"30", "30 days"}, {"90", "90 days"}, {"180", "180 days"}, {"365", "A year"}}
}

func (c *call) tokens(form pages.Form, fresh string) (pages.Page, error) {
	all, err := c.accounts.Tokens(c.ctx(), c.visit)
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	page := pages.Tokens{Chrome: chrome, Form: form, Fresh: fresh}
	words := map[actor.Scope]string{actor.Read: "Read", actor.Write: "Change", actor.Admin: "Administer", actor.Export: "Export"}
	for _, scope := range c.who().Role.Allows() {
		chosen := scope == actor.Read
		if c.form != nil && fresh == "" {
			chosen = false
			for _, one := range c.form["scope"] {
				chosen = chosen || one == string(scope)
			}
		}
		page.Scopes = append(page.Scopes, pages.Option{Value: string(scope), Text: words[scope], Selected: chosen})
	}
	if c.form != nil && fresh == "" {
		page.Name = c.form.Get("name")
	}
	for _, one := range tokenDays() {
		page.Expires = append(page.Expires, pages.Option{Value: one.value, Text: one.text, Selected: one.value == "90"})
	}
	for _, one := range all {
		if !one.Revoked.IsZero() {
			continue
		}
		t := pages.Token{ID: one.ID.String(), Name: one.Name, Start: accounts.TokenPrefix + "…" + one.Ending, Created: one.Created, Used: one.LastUsed,
			Expires: one.Expires, Expired: !one.Expires.After(c.now())}
		for _, scope := range one.Scopes {
			t.Scopes = append(t.Scopes, string(scope))
		}
		page.Items = append(page.Items, t)
	}
	return page, err
}

func tokensPage(c *call) error {
	page, err := c.tokens(pages.Form{}, "")
	if err != nil {
		return err
	}
	return c.page(page)
}

func newToken(c *call) error {
	var scopes []actor.Scope
	for _, one := range c.form["scope"] {
		scopes = append(scopes, actor.Scope(one))
	}
	days, wrong := number(c.form, "expires")
	secret := ""
	err := wrong
	if err == nil {
		_, secret, err = c.accounts.NewToken(c.ctx(), c.visit, c.form.Get("name"), scopes, c.now().Add(time.Duration(min(days, 400))*24*time.Hour))
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.tokens(form, "") })
	}
	page, err := c.tokens(pages.Form{}, secret)
	if err != nil {
		return err
	}
	return c.page(page)
}

func revokeToken(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.RevokeToken(c.ctx(), c.visit, id); err != nil {
		return err
	}
	return c.done("revoked", "/me/tokens")
}

func (c *call) noticeChoices(form pages.Form) (pages.Page, error) {
	mail := c.visit.Person.Mail
	chrome, err := c.chrome()
	return pages.NotificationChoices{Chrome: chrome, Form: form, Choices: []pages.NotificationChoice{
		{ID: "mentioned", Words: "Somebody mentions me", Mail: mail.Mentioned},
		{ID: "assigned", Words: "A task is given to me", Mail: mail.Assigned},
		{ID: "commented", Words: "Somebody comments on a task of mine", Mail: mail.Commented},
		{ID: "due", Words: "A task of mine falls due", Mail: mail.DueSoon},
	}}, err
}

func noticeChoicesPage(c *call) error {
	page, err := c.noticeChoices(pages.Form{})
	if err != nil {
		return err
	}
	return c.page(page)
}

func saveNoticeChoices(c *call) error {
	yes := func(id string) bool { return c.form.Get("mail-"+id) == "yes" }
	chosen := schema.MailChoices{Assigned: yes("assigned"), Mentioned: yes("mentioned"), Commented: yes("commented"), DueSoon: yes("due")}
	if err := c.accounts.SetMail(c.ctx(), c.visit, chosen); err != nil {
		return err
	}
	return c.done("saved", "/me/notifications")
}
