package web_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
)

var masked = regexp.MustCompile(`name="csrf" value="[\w-]+"`)

// bare is an answer without what is new each time: tokens of forms, and the link.
func (a *answer) bare(link string) string {
	return fmt.Sprintf("%d %v %s", a.status, a.header, strings.ReplaceAll(masked.ReplaceAllString(a.body, ""), link, ""))
}

// TestAnswersDoNotTellWhoHasAnAccount_AC_9: sign-in and reset answer with the same status, headers and body for a person, for one whose
// account is closed, who was only invited, for the provider's account, and for an address that nobody has; and also when it is tried until
// it is too often.
func TestAnswersDoNotTellWhoHasAnAccount_AC_9(t *testing.T) {
	addresses := map[string]func(p *place) string{
		"a person":              func(p *place) string { return p.join(actor.Member).visit.Person.Email },
		"a person, in capitals": func(p *place) string { return strings.ToUpper(p.join(actor.Member).visit.Person.Email) },
		"a closed account": func(p *place) string {
			closed := p.join(actor.Member).visit.Person
			must(t, p.c.Accounts.Disable(t.Context(), operator, closed.ID))
			return closed.Email
		},
		"one who was invited": func(p *place) string {
			p.invited()
			all, err := p.c.Accounts.Invitations(t.Context(), p.owner)
			must(t, err)
			return all[0].Person.Email
		},
		"the provider's account": func(p *place) string {
			p.staff()
			return "sam@provider.example"
		},
	}
	for path, form := range map[string]url.Values{"/sign-in": {"password": {"a wrong password"}}, "/forgotten": {}} {
		tries := func(address func(p *place) string) (all []string) {
			p := newPlace(t, "acme")
			email := address(p)
			b := p.browser()
			b.get(path).want(200)
			for range 12 {
				form.Set("email", email)
				a := b.post(path, form)
				all = append(all, fmt.Sprintf("%d %v %s", a.status, a.header, strings.ReplaceAll(masked.ReplaceAllString(a.body, ""), email, "")))
			}
			return all
		}
		want := tries(func(*place) string { return "nobody@example.org" })
		for name, address := range addresses {
			for i, got := range tries(address) {
				if got != want[i] {
					t.Fatalf("%s for %s, the %d. time, gives\n%.3000s\nwant\n%.3000s", path, name, i+1, got, want[i])
				}
			}
		}
	}
}

// TestLinksTellNothing: a link that never was looks as one that was used.
func TestLinksTellNothing(t *testing.T) {
	p := newPlace(t, "acme")
	for kind, link := range map[string]string{"/reset/": p.resetLink(), "/invitation/": func() string { _, link := p.invited(); return link }()} {
		b := p.browser()
		b.get(kind + link).want(200)
		fields := url.Values{"password": {secret + "x"}, "password-again": {secret + "x"}}
		if kind == "/invitation/" {
			fields.Set("name", "New")
		}
		b.post(kind+link, fields).want(303)
		other := p.browser()
		other.get("/sign-in") // from now on it has its cookie
		made := strings.Repeat("A", 43)
		if used, never := other.get(kind+link).want(404).bare(link), other.get(kind+made).want(404).bare(made); used != never {
			t.Errorf("%s: a used link is told from one that never was:\n%s\n%s", kind, used, never)
		}
	}
}

// TestASessionIsRevokedAtOnce: the page of sessions lists them, and one that is ended there is nobody's with its next request.
func TestASessionIsRevokedAtOnce(t *testing.T) {
	p := newPlace(t, "acme")
	here := p.join(actor.Member)
	elsewhere := func() *browser {
		in, err := p.c.Accounts.SignIn(t.Context(), accounts.From{Address: here.from.Address, Agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Safari/605"}, here.visit.Person.Email, secret)
		must(t, err)
		b := p.browser()
		b.cookie("__Host-session", in.Cookie)
		b.get("/").want(200)
		b.visit = in.Visit
		return b
	}
	phone, tablet := elsewhere(), elsewhere()
	page := here.get("/me/sessions").want(200).shows("Safari on iPhone", "Another browser This one", "192.0.2.7")
	ids := regexp.MustCompile(`action="/me/sessions/([0-9a-f-]{36})/revoke"`).FindAllStringSubmatch(page.body, -1)
	if len(ids) != 2 {
		t.Fatalf("the page has %d sessions to end, want 2: %s", len(ids), text(page.body))
	}
	here.post("/me/sessions/"+phone.visit.Session.ID.String()+"/revoke", nil).to("/me/sessions")
	if a := phone.get("/"); a.status != 303 || !strings.HasPrefix(a.location, "/sign-in") {
		t.Errorf("the session that was ended gets %d %s", a.status, a.location)
	}
	phone.htmx = true
	phone.get("/").want(401)
	tablet.get("/").want(200)
	// Of somebody else's sessions nobody knows.
	other := p.join(actor.Owner)
	other.post("/me/sessions/"+tablet.visit.Session.ID.String()+"/revoke", nil)
	tablet.get("/").want(200)
	here.post("/me/sessions/revoke-others", nil).to("/me/sessions")
	tablet.get("/").want(303)
	here.get("/me/sessions").want(200).hides("Safari on iPhone")
	found := map[string]int{}
	for _, e := range p.entries() {
		found[e.Action]++
	}
	if found["sign-in.revoke"] != 1 || found["sign-in.revoke-others"] != 1 {
		t.Errorf("the log has %v", found)
	}
}

// TestNobodyIsToldOfMailThatIsNeverSent: without a mail server the page says so.
func TestNobodyIsToldOfMailThatIsNeverSent(t *testing.T) {
	b := newPlace(t, "acme").join(actor.Administrator)
	b.post("/people/invite", url.Values{"emails": {"ada@example.org"}, "role": {"member"}}).to("/people")
	b.get("/people").want(200).shows("This service sends no e-mail.").hides("on their way")
}
