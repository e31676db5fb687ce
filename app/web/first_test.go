package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/work"
)

// TestTheFirstTenMinutes is what somebody does first, by forms and with the script of the pages.
func TestTheFirstTenMinutes(t *testing.T) {
	for name, htmx := range map[string]bool{"by forms": false, "with htmx": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "acme")
			owner := p.join(actor.Owner)
			owner.htmx = htmx
			p.mails()
			owner.get("/people/invite").want(200)
			owner.post("/people/invite", url.Values{"emails": {"ada@example.org"}, "role": {"member"}}).to("/people")
			mails := p.mails()
			if len(mails) != 1 || mails[0].To != "ada@example.org" {
				t.Fatalf("the mails are %v", mails)
			}
			link := regexp.MustCompile(`https://acme\.example\.org(/invitation/[\w-]{43})`).FindStringSubmatch(mails[0].Text)
			b := p.browser()
			b.htmx = htmx
			b.get(link[1]).want(200).shows("Welcome to The acme company")
			b.post(link[1], url.Values{"name": {"Ada Lovelace"}, "password": {"short"}, "password-again": {"other"}}).want(422)
			b.post(link[1], url.Values{"name": {"Ada Lovelace"}, "password": {secret}, "password-again": {secret}}).to("/")
			b.get("/").want(200).shows("Ada")
			b.get(link[1]).want(404)
			b.get("/me/second-factor").want(200)
			b.post("/me/second-factor/start", nil).to("/me/second-factor/setup")
			page := b.get("/me/second-factor/setup").want(200)
			key := strings.ReplaceAll(regexp.MustCompile(`<code class="secret">([A-Z2-7 ]+)<`).FindStringSubmatch(page.body)[1], " ", "")
			code, err := totp.GenerateCode(key, p.clock())
			must(t, err)
			b.post("/me/second-factor", url.Values{"code": {code}}).want(200).shows("Keep your recovery codes")
			b.get("/projects/new").want(200)
			b.post("/projects", url.Values{"key": {"OPS"}, "name": {"Operations"}, "visibility": {"everyone"}}).to("/projects/OPS")
			b.get("/projects/OPS").want(200).shows("Operations", "To do", "Created.")
			b.post("/projects/OPS/tasks", url.Values{"title": {"Mend the lift"}, "return": {"board"}}).to("/projects/OPS")
			b.get("/projects/OPS").shows("OPS-1", "Mend the lift")
			board, err := p.c.Work.Board(t.Context(), p.owner, "OPS", work.BoardFilter{})
			must(t, err)
			b.post("/tasks/OPS-1/move", url.Values{"status": {board.Columns[1].ID.String()}, "return": {"board"}}).to("/projects/OPS")
			handle := work.Handle(owner.visit.Person.Name)
			if a := b.post("/tasks/OPS-1/comments", url.Values{"body": {"Look, @" + handle}}); a.status != 303 || !strings.HasPrefix(a.location, "/tasks/OPS-1#comment-") {
				t.Errorf("commenting gave %d to %s", a.status, a.location)
			}
			owner.get("/notifications").want(200).shows("mentioned you in")
			b.post("/projects/OPS/rules", url.Values{"name": {"Urgent ones"}, "when": {"task.created"}, "if": {`task.title.contains("fire")`}, "then-0-do": {"priority"},
				"then-0-value": {"urgent"}, "enabled": {"yes"}, "do": {"save"}}).want(303)
			b.post("/projects/OPS/tasks", url.Values{"title": {"Put out the fire"}}).to("/tasks/OPS-2")
			b.get("/tasks/OPS-2").shows("Put out the fire", "Urgent")
			b.get("/search?q=fire").want(200).shows("Put out the")
			b.get("/search?q=OPS-1").to("/tasks/OPS-1")
		})
	}
}
