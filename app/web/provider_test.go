package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/web"
	"github.com/berth-iac/berth/app/work"
)

const staffSecret = "Correct-horse-battery-7"

// later puts the place's clock ahead.
func (p *place) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// staff is the provider's account, whose invitation was taken up while nothing lets it in.
func (p *place) staff() *browser {
	p.t.Helper()
	link := ""
	_, err := p.c.Accounts.InviteStaff(p.t.Context(), operator, "sam@provider.example", "Sam Support", func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
		link = "/invitation/" + secret
		return outbox.Mail{To: to.Email, Subject: "A link", Text: secret}, nil
	})
	must(p.t, err)
	b := p.browser()
	b.get(link).want(200)
	b.post(link, url.Values{"name": {"Sam Support"}, "password": {secret}, "password-again": {secret}}).want(422) // AC-7: four kinds of characters
	b.post(link, url.Values{"name": {"Sam Support"}, "password": {staffSecret}, "password-again": {staffSecret}}).to("/sign-in")
	if b.cookieValue("__Host-session") != "" {
		p.t.Error("the provider's account is in without a grant")
	}
	b.token = ""
	return b
}

// enters signs the provider's account in, with a second step that is new or, where there is one, is given.
func (b *browser) enters(factor string) string {
	b.p.t.Helper()
	b.token = ""
	b.get("/sign-in").want(200)
	in := b.post("/sign-in", url.Values{"email": {"sam@provider.example"}, "password": {staffSecret}})
	if factor != "" {
		in.to("/sign-in/code")
		b.get("/sign-in/code").want(200)
		code, err := totp.GenerateCode(factor, b.p.clock())
		must(b.p.t, err)
		b.post("/sign-in/code", url.Values{"code": {code}}).to("/")
		b.get("/").want(200)
		return factor
	}
	in.to("/me/second-factor") // AC-7: nothing else before it
	b.get("/me/second-factor").want(200)
	b.post("/me/second-factor/start", nil).to("/me/second-factor/setup")
	page := b.get("/me/second-factor/setup").want(200)
	factor = strings.ReplaceAll(regexp.MustCompile(`<code class="secret">([A-Z2-7 ]+)<`).FindStringSubmatch(page.body)[1], " ", "")
	code, err := totp.GenerateCode(factor, b.p.clock())
	must(b.p.t, err)
	b.post("/me/second-factor", url.Values{"code": {code}}).want(200)
	b.get("/").want(200)
	return factor
}

// TestTheProviderIsLetInAndMarked_AC_8: the provider's account is off; the client opens it for a while with a reason; while it is in, every
// page says so, everything it does is marked in the client's log, in the activity and on the security page; and it is out at once when
// the client ends the grant.
func TestTheProviderIsLetInAndMarked_AC_8(t *testing.T) {
	p := newPlace(t, "acme")
	owner, sam := p.join(actor.Owner), p.staff()
	without := sam.post("/sign-in", url.Values{"email": {"sam@provider.example"}, "password": {staffSecret}}).want(422)
	wrong := sam.post("/sign-in", url.Values{"email": {"sam@provider.example"}, "password": {"something else"}}).want(422)
	if text(without.body) != text(wrong.body) {
		t.Errorf("a right password is told from a wrong one:\n%s\n%s", text(without.body), text(wrong.body))
	}
	owner.get("/security").want(200).shows("Nobody, so far.", "Only while a grant is open; none is")

	owner.get("/settings").want(200)
	owner.post("/settings/provider/grants", url.Values{"reason": {""}, "hours": {"4"}}).want(422)
	owner.post("/settings/provider/grants", url.Values{"reason": {"ticket 4711"}, "hours": {"4"}}).to("/settings")
	factor := sam.enters("")
	for _, route := range web.Routes() {
		if route.Method != http.MethodGet || strings.Contains(strings.TrimSuffix(route.Pattern, "{$}"), "{") {
			continue
		}
		a := sam.get(strings.TrimSuffix(route.Pattern, "{$}"))
		if a.status == 200 && strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && !strings.Contains(text(a.body), "Support access: Sam Support is signed in for the provider because of “ticket 4711”") {
			t.Errorf("%s does not say that the provider is in: %.300s", route.Pattern, text(a.body))
		}
	}
	key := p.task()
	sam.post("/tasks/"+key+"/comments", url.Values{"body": {"We looked into it."}}).want(303)
	sam.post("/teams", url.Values{"name": {"Made by the provider"}}).to("/teams")
	sam.get("/tasks/NONE-1").want(404)
	sam.post("/settings/provider/grants", url.Values{"reason": {"let me stay"}, "hours": {"24"}}).want(403)
	for _, page := range []string{"/tasks/" + key, "/activity"} {
		if !strings.Contains(owner.get(page).want(200).body, `<span class="tag warn">Support</span>`) {
			t.Errorf("%s does not mark what the provider did", page)
		}
	}
	marked := 0
	for _, e := range p.entries() {
		theirs := e.ActorName == "Sam Support" && e.Action != "invitation.accept" && e.Outcome != "refused" || e.Action == "page.refused"
		if !theirs {
			continue
		}
		marked++
		if e.ActorKind != audit.Provider || e.GrantID == nil || !strings.Contains(e.Detail, "ticket 4711") {
			t.Errorf("%s of %s is not marked: %v", e.Action, e.ActorName, e)
		}
	}
	if marked < 5 { // sign-in, second step, comment, team, the refusal
		t.Errorf("%d entries are the provider's", marked)
	}
	log := owner.get("/audit?kind="+url.QueryEscape("provider's account")).want(200).shows("Sam Support", "comment.", "team.create", "page.refused")
	if rows := strings.Count(log.body, "<tr class=\"visited\"") + strings.Count(log.body, "<tr class=\"refused\""); rows != strings.Count(log.body, "<tr")-1 {
		t.Errorf("%d of %d rows are marked", rows, strings.Count(log.body, "<tr")-1)
	}
	owner.get("/security").want(200).shows("Sam Support", "ticket 4711", "Still here", "A grant is open now", fmt.Sprintf("%d actions", marked))

	// The client ends it: the very next request is nobody's.
	grants, err := p.c.Accounts.Grants(t.Context(), owner.visit.Actor, 10)
	must(t, err)
	owner.post("/settings/provider/grants/"+grants[0].ID.String()+"/end", nil).to("/settings")
	if a := sam.get("/"); a.status != 303 || !strings.HasPrefix(a.location, "/sign-in") {
		t.Errorf("after the grant was ended the provider gets %d %s", a.status, a.location)
	}
	sam.token = ""
	sam.get("/sign-in")
	sam.post("/sign-in", url.Values{"email": {"sam@provider.example"}, "password": {staffSecret}}).want(422)

	// The operator opens it, too, with a reason, and time ends it.
	_, err = p.c.Accounts.OpenGrant(t.Context(), operator, "incident 9", time.Hour)
	must(t, err)
	p.later(time.Minute)
	sam.enters(factor)
	sam.get("/").want(200).shows("because of “incident 9”")
	for range 3 {
		p.later(20 * time.Minute)
		sam.get("/")
	}
	if a := sam.get("/"); a.status != 303 {
		t.Errorf("when the time of the grant was over the provider got %d", a.status)
	}
	owner = p.join(actor.Owner) // whose session did not last as long
	owner.get("/security").want(200).shows("incident 9", "ticket 4711", "Only while a grant is open; none is").hides("Still here")
	verified, err := p.c.Audit.Verify(t.Context())
	if err != nil || !verified.OK() {
		t.Errorf("the log is not whole: %v %v", verified, err)
	}
}

// TestUnfinishedSignInsGetNowhere_AC_7: who has not given a code, has not set up the second step that is asked for, or whose password is
// too old, gets to what is missing, to signing out, and to nothing else: by every route.
func TestUnfinishedSignInsGetNowhere_AC_7(t *testing.T) {
	for stage, prepare := range map[accounts.Stage]func(p *place, b *browser){
		accounts.NeedsCode: func(p *place, b *browser) {
			setup, err := p.c.Accounts.StartFactor(p.t.Context(), b.visit)
			must(p.t, err)
			code, err := totp.GenerateCode(setup.Secret, p.clock())
			must(p.t, err)
			begun, err := p.c.Accounts.Visit(p.t.Context(), b.from)
			must(p.t, err)
			_, _, err = p.c.Accounts.ConfirmFactor(p.t.Context(), b.from, begun, code)
			must(p.t, err)
		},
		accounts.NeedsFactor: func(p *place, _ *browser) {
			rules, err := p.c.Accounts.Rules(p.t.Context())
			must(p.t, err)
			rules.Factor = accounts.FactorEveryone
			must(p.t, p.c.Accounts.SetRules(p.t.Context(), operator, rules))
		},
		accounts.NeedsChange: func(p *place, _ *browser) {
			rules, err := p.c.Accounts.Rules(p.t.Context())
			must(p.t, err)
			rules.Password.MaxAge = 30 * 24 * time.Hour
			must(p.t, p.c.Accounts.SetRules(p.t.Context(), operator, rules))
			p.later(31 * 24 * time.Hour)
		},
	} {
		t.Run(string(stage), func(t *testing.T) {
			p, known := newPlace(t, "acme"), entries(t)
			who := p.join(actor.Owner) // whom no role keeps out
			helper := p.join(actor.Owner)
			paths := map[string]string{}
			forms := map[string]url.Values{}
			for _, route := range web.Routes() {
				e := known[route.Method+" "+route.Pattern]
				paths[e.route] = p.path(route, helper)
				forms[e.route] = p.form(e, paths[e.route], helper)
			}
			prepare(p, who)
			for _, route := range web.Routes() {
				in, err := p.c.Accounts.SignIn(t.Context(), accounts.From{Address: who.from.Address, Agent: "Firefox"}, who.visit.Person.Email, secret)
				must(t, err)
				if in.Visit.Stage != stage {
					t.Fatalf("the stage is %s, want %s", in.Visit.Stage, stage)
				}
				b := p.browser()
				b.cookie("__Host-session", in.Cookie)
				missing := map[accounts.Stage]string{accounts.NeedsCode: "/sign-in/code", accounts.NeedsFactor: "/me/second-factor", accounts.NeedsChange: "/me/password"}[stage]
				b.get(missing).want(200).hides("All tasks", "Audit log")
				before := changes(p)
				name := route.Method + " " + route.Pattern
				form := url.Values{}
				for field, values := range forms[name] {
					form[field] = values
				}
				form.Set("csrf", b.token)
				if name == "POST /me/password" {
					form.Set("current", "not this one") // the others sign in after it
				}
				b.visit = in.Visit
				a := b.askAs(route, paths[name], form)
				may := route.Access == web.Asset || route.Access == web.Anyone
				for _, one := range route.Stages {
					may = may || one == stage
				}
				if may {
					if a.status >= 500 || a.status == 403 || a.status == 404 && route.Access != web.Anyone && !strings.Contains(route.Pattern, "qr.png") {
						t.Errorf("%s gave %d at the stage %s, where it is needed", name, a.status, stage)
					}
					continue
				}
				if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, missing) {
					t.Errorf("%s gave %d %s at the stage %s, want to be led to %s", name, a.status, a.location, stage, missing)
				}
				if changes(p) != before {
					t.Errorf("%s changed something at the stage %s", name, stage)
				}
			}
		})
	}
}

// TestActivityOfPeopleIsNotMarked: the mark is the provider's alone.
func TestActivityOfPeopleIsNotMarked(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Member)
	key := p.task()
	_, err := p.c.Work.AddComment(t.Context(), b.visit.Actor, key, "Mine")
	must(t, err)
	_, err = p.c.Work.CreateProject(t.Context(), p.owner, work.ProjectEdit{Key: "MARK", Name: "Marks", Everyone: true})
	must(t, err)
	b.get("/tasks/"+key).want(200).hides("Support</span>", "Support access:")
	b.get("/activity").want(200).hides("Support</span>")
}

func (a *answer) shows(words ...string) *answer {
	a.t.Helper()
	shown := text(a.body)
	for _, one := range words {
		if !strings.Contains(shown, one) {
			a.t.Errorf("%s does not show %q: %.1500s", a.asked, one, shown)
		}
	}
	return a
}
