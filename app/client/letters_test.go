package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/work"
)

// queued are the mails that are due, taken out.
func queued(t *testing.T, c *client.Client) []outbox.Mail {
	t.Helper()
	var all []outbox.Mail
	for {
		done, err := c.Outbox.Deliver(t.Context(), func(_ context.Context, m outbox.Mail) error {
			all = append(all, m)
			return nil
		})
		must(t, err)
		if !done.More {
			return all
		}
	}
}

// Mails of notifications go by each person's choices, as text and as HTML, with a link to what they are about.
func TestNotificationsByMail(t *testing.T) {
	p := newPlace(t)
	p.sender()
	c := p.open(p.tenant("acme"))
	ada, ben := join(t, c, actor.Owner, "Ada Lovelace"), join(t, c, actor.Member, "Ben Brooks")
	_, err := c.Work.CreateProject(t.Context(), ada.Actor, work.ProjectEdit{Key: "OPS", Name: "Operations", Everyone: true})
	must(t, err)
	_, err = c.Work.SaveRule(t.Context(), ada.Actor, work.Rule{Project: "OPS", Name: "Fire alarm", When: "task.created", If: `task.title.contains("fire")`,
		Then: []work.Action{{Do: work.DoNotify, Value: "ben.brooks"}}, Enabled: true})
	must(t, err)
	task := func(title string, assignee bool, due string) string {
		n := work.NewTask{Project: "OPS", Title: title, Due: due}
		if assignee {
			n.Assignee = ben.Person.ID
		}
		ref, err := c.Work.CreateTask(t.Context(), ada.Actor, n)
		must(t, err)
		return ref.Key
	}
	comment := func(key, body string) string {
		id, err := c.Work.AddComment(t.Context(), ada.Actor, key, body)
		must(t, err)
		return "#comment-" + id.String()
	}
	all := schema.MailChoices{Assigned: true, Mentioned: true, Commented: true, DueSoon: true}
	for name, one := range map[string]struct {
		without schema.MailChoices // what else is chosen
		happens func(t *testing.T) (link string)
		subject string
		words   []string
	}{
		"assigned": {schema.MailChoices{Mentioned: true, Commented: true, DueSoon: true}, func(*testing.T) string { return task("Mend the lift", true, "2026-03-09") },
			"Yours now: OPS-", []string{"Ada Lovelace", "Operations", "normal", "9 March"}},
		"mentioned": {schema.MailChoices{Assigned: true, Commented: true, DueSoon: true}, func(*testing.T) string {
			key := task("Mend the lift", false, "")
			return key + comment(key, "Look, @ben.brooks <b>now</b>")
		}, "Ada Lovelace mentioned you: OPS-", []string{"Look, @ben.brooks"}},
		"commented": {schema.MailChoices{Assigned: true, Mentioned: true, DueSoon: true}, func(t *testing.T) string {
			key := task("Mend the lift", true, "")
			queued(t, c)
			return key + comment(key, "Nearly done")
		}, "Ada Lovelace commented on OPS-", []string{"Nearly done", "/me/notifications"}},
		"due": {schema.MailChoices{Assigned: true, Mentioned: true, Commented: true}, func(t *testing.T) string {
			p.later(24 * time.Hour)
			key := task("Mend the lift", true, p.now().Format(time.DateOnly))
			queued(t, c)
			must(t, c.Remind(t.Context(), "machine "+p.now().String()))
			return key
		}, "1 task due", []string{"OPS-", "/me/notifications"}},
		"rule": {schema.MailChoices{}, func(*testing.T) string { return task("Put out the fire", false, "") },
			"The rule “Fire alarm” tells you of OPS-", []string{"/me/notifications"}},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, c.Accounts.SetMail(t.Context(), ben, all))
			queued(t, c)
			link := "https://acme.example.org/tasks/" + one.happens(t)
			got := queued(t, c)
			if len(got) != 1 || got[0].To != ben.Person.Email || !strings.Contains(got[0].Subject, one.subject) {
				t.Fatalf("the mails are %+v", got)
			}
			for _, word := range append(one.words, link) {
				if !strings.Contains(got[0].Text, word) || !strings.Contains(got[0].HTML, word) {
					t.Errorf("%q is missing in\n%s\n%s", word, got[0].Text, got[0].HTML)
				}
			}
			if strings.Contains(got[0].HTML, "<b>now") {
				t.Error("what somebody wrote is markup in the mail")
			}
			if name == "rule" {
				return // nobody can be without these
			}
			must(t, c.Accounts.SetMail(t.Context(), ben, one.without))
			one.happens(t)
			for _, m := range queued(t, c) {
				if strings.Contains(m.Subject, one.subject) {
					t.Errorf("it comes although it was not chosen: %s", m.Subject)
				}
			}
		})
	}
	must(t, c.Accounts.SetMail(t.Context(), ben, all))
	must(t, c.Accounts.Disable(t.Context(), operator, ben.Person.ID))
	task("fire again", false, "")
	if got := queued(t, c); len(got) != 0 {
		t.Errorf("somebody whose account is closed gets %+v", got)
	}
}

func TestWithoutAMailServerNothingWaits(t *testing.T) {
	p := newPlace(t)
	c := p.open(p.tenant("acme"))
	ada, ben := join(t, c, actor.Owner, "Ada"), join(t, c, actor.Member, "Ben")
	_, err := c.Work.CreateProject(t.Context(), ada.Actor, work.ProjectEdit{Key: "OPS", Name: "Operations", Everyone: true})
	must(t, err)
	_, err = c.Work.CreateTask(t.Context(), ada.Actor, work.NewTask{Project: "OPS", Title: "Mend the lift", Assignee: ben.Person.ID})
	must(t, err)
	if got := queued(t, c); len(got) != 0 {
		t.Errorf("these would wait for ever: %+v", got)
	}
	if more, err := c.Deliver(t.Context()); more || err != nil {
		t.Errorf("delivering gives %v %v", more, err)
	}
	page, err := c.Work.Notifications(t.Context(), ben.Actor, "", "", 10)
	if err != nil || len(page.Items) != 1 {
		t.Errorf("on the page there are %v, %v", page.Items, err)
	}
}

func TestLettersCarryTheClientsNameAndLink_AC_9(t *testing.T) {
	p := newPlace(t)
	p.sender()
	c := p.open(p.tenant("acme"))
	must(t, c.Settings.SetGeneral(t.Context(), operator, client.General{Name: "Acme & Söhne", Accent: "ember"}))
	ada := join(t, c, actor.Owner, "Ada Lovelace")
	for name, letter := range map[string]func() (outbox.Mail, error){
		"/invitation/s3cret": func() (outbox.Mail, error) {
			return c.Invitation(t.Context(), "Bashir Khan")(ada.Person, "s3cret", p.now().Add(time.Hour))
		},
		"/reset/s3cret": func() (outbox.Mail, error) { return c.Reset(t.Context())(ada.Person, "s3cret", p.now()) },
	} {
		m, err := letter()
		must(t, err)
		if m.To != ada.Person.Email || !strings.Contains(m.Subject, "Acme & Söhne") || !strings.Contains(m.Text, "https://acme.example.org"+name) || !strings.Contains(m.HTML, "https://acme.example.org"+name) ||
			!strings.Contains(m.HTML, "Acme &amp; Söhne") {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// What cannot be sent now is tried again, what never can be is given up, and what was sent is not sent twice.
func TestMailIsDelivered(t *testing.T) {
	p := newPlace(t)
	server := p.sender()
	c := p.open(p.tenant("acme"))
	ada := join(t, c, actor.Owner, "Ada")
	send := func() {
		t.Helper()
		must(t, c.Accounts.SendReset(t.Context(), operator, ada.Person.ID, c.Reset(t.Context())))
	}
	deliver := func() {
		t.Helper()
		for more := true; more; {
			var err error
			more, err = c.Deliver(t.Context())
			must(t, err)
		}
	}
	count := func(sent, waiting, givenUp int) {
		t.Helper()
		w, g, err := c.Outbox.Waiting(t.Context())
		must(t, err)
		w-- // the invitation of join, which is for later
		if got := fmt.Sprint(len(server.all()), w, g); got != fmt.Sprint(sent, waiting, givenUp) {
			t.Errorf("sent, waiting and given up are %s, want %d %d %d", got, sent, waiting, givenUp)
		}
	}
	send()
	deliver()
	deliver()
	count(1, 0, 0)
	if m := server.all()[0]; !strings.Contains(m, "To: <"+ada.Person.Email) || !strings.Contains(m, "multipart/alternative") || !strings.Contains(m, "Auto-Submitted: auto-generated") {
		t.Errorf("the message is %s", m)
	}
	server.say("450 4.2.1 busy")
	send()
	deliver()
	count(1, 1, 0)
	server.say("250 fine")
	deliver() // not at once
	count(1, 1, 0)
	p.later(time.Hour)
	deliver()
	count(2, 0, 0)
	server.say("550 5.1.1 nobody")
	send()
	deliver()
	count(2, 0, 1)
	p.later(31 * 24 * time.Hour)
	must(t, c.Sweep(t.Context(), "this machine"))
	count(2, 0, 0)
}

// Duties of a whole client are done by one machine, and by another when that one failed.
func TestDutiesAreDoneByOneMachine(t *testing.T) {
	p := newPlace(t)
	p.sender()
	tenant := p.tenant("acme")
	here, elsewhere := p.open(tenant), p.open(tenant)
	ada, ben := join(t, here, actor.Owner, "Ada"), join(t, here, actor.Member, "Ben")
	_, err := here.Work.CreateProject(t.Context(), ada.Actor, work.ProjectEdit{Key: "OPS", Name: "Operations", Everyone: true})
	must(t, err)
	_, err = here.Work.CreateTask(t.Context(), ada.Actor, work.NewTask{Project: "OPS", Title: "Mend the lift", Assignee: ben.Person.ID, Due: p.now().Format(time.DateOnly)})
	must(t, err)
	queued(t, here)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := here.Remind(over, "here"); err == nil {
		t.Error("a duty that was cut short says that it was done")
	}
	must(t, elsewhere.Remind(t.Context(), "elsewhere"))
	must(t, here.Remind(t.Context(), "here"))
	if got := queued(t, here); len(got) != 1 {
		t.Errorf("%d reminders were sent", len(got))
	}
	must(t, here.Settle(t.Context()))
}
