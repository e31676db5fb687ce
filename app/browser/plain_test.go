package browser_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheFirstTenMinutesWithoutAScript is the same by plain HTTP, with the forms as they stand on the pages: nothing needs the script.
func TestTheFirstTenMinutesWithoutAScript(t *testing.T) {
	mails := newPost(t)
	s := start(t, mails.environ()...)
	v := newVisitor(t, s)

	// The invitation: once, and with a password that is good enough
	link := strings.TrimPrefix(s.link, s.site)
	v.get("/").want(200, "Sign in")
	v.get(link).want(200, "Welcome to Demonstration")
	v.send(link, "name", "Olivia Owner", "password", "short", "password-again", "other").want(422, "problem")
	v.send(link, "name", "Olivia Owner", "password", secret, "password-again", secret).to("/")
	v.get("/").want(200, "Olivia", "My tasks")
	v.get(link).want(404, "This link no longer works")

	// The second step
	v.get("/me/second-factor").want(200)
	v.send("/me/second-factor/start").to("/me/second-factor/setup")
	page := v.get("/me/second-factor/setup").want(200, "Scan the picture")
	factor := text(page.element("secret"))
	if picture := v.get("/me/second-factor/qr.png"); picture.status != 200 || !strings.HasPrefix(picture.body, "\x89PNG") {
		t.Errorf("the picture came with %d", picture.status)
	}
	v.send("/me/second-factor", "code", "000000").want(422)
	v.send("/me/second-factor", "code", s.code(factor)).want(200, "Keep your recovery codes")
	recovery := text(v.last.element("codes").FirstChild)

	// A project and its board
	v.get("/projects/new").want(200)
	v.send("/projects", "name", "Summer festival", "key", "FEST").to("/projects/FEST")
	v.get("/projects/FEST").want(200, "Summer festival", "To do")
	v.send("/projects/FEST/tasks", "title", "Book the main stage").to("/projects/FEST")
	v.get("/projects/FEST").want(200, "FEST-1", "Book the main stage")
	column := regexp.MustCompile(`data-column="([0-9a-f-]{36})" data-name="([^"]+)"`).FindAllStringSubmatch(v.last.body, -1)
	if len(column) < 3 {
		t.Fatalf("the columns are %q", column)
	}
	v.get("/tasks/FEST-1/move").want(200)
	v.send("/tasks/FEST-1/move", "status", column[1][1]).to("/projects/FEST")
	v.get("/tasks/FEST-1").want(200, column[1][2])

	// A colleague, by mail
	v.get("/people/invite").want(200)
	v.send("/people/invite", "emails", "mira@festival.example", "role", "member").to("/people")
	mira := newVisitor(t, s)
	theirs := strings.TrimPrefix(invitation.FindString(mails.to("mira@festival.example", "Demonstration").text), s.site)
	mira.get(theirs).want(200, "Welcome to Demonstration")
	mira.send(theirs, "name", "Mira Sandberg", "password", secret, "password-again", secret).to("/")

	// A comment with a mention: the mail leads to the very comment
	mira.get("/tasks/FEST-1").want(200)
	where := mira.send("/tasks/FEST-1/comments", "body", "Look, @olivia.owner: **done** <script>alert(1)</script>").to("/tasks/FEST-1#comment-").header.Get("Location")
	mail := mails.to("owner@demo.localhost", "Mira Sandberg mentioned you: FEST-1")
	if !strings.Contains(mail.text, s.site+where) || !strings.Contains(mail.html, s.site+where) || strings.Contains(mail.html, "<script") {
		t.Errorf("the mail is %+v, want the link %s", mail, s.site+where)
	}
	v.get("/notifications").want(200, "Mira Sandberg mentioned you in", "FEST-1")
	v.send("/notifications/read").to("/notifications")
	v.get("/tasks/FEST-1").want(200, "Look, Olivia Owner: done")

	// A rule that acts
	v.get("/projects/FEST/rules/new").want(200)
	v.send("/projects/FEST/rules", "name", "What burns is urgent", "when", "task.created", "if", `task.title.contains("fire")`, "then-0-do", "priority", "then-0-value", "urgent",
		"enabled", "yes", "!do", "save").to("/projects/FEST/rules")
	v.get("/projects/FEST").want(200)
	v.send("/projects/FEST/tasks", "title", "Put out the camp fire").to("/projects/FEST")
	v.get("/tasks/FEST-2").want(200, "Put out the camp fire")
	if got := chosen(v.last.element("in-priority")); got != "urgent" {
		t.Errorf("after the rule the priority is %q", got)
	}
	v.get("/projects/FEST/rules").want(200, "Ran 1 time")

	// Finding things
	v.get("/search?q=camp+fire").want(200, "Put out the", "FEST-2")
	v.get("/search?q=FEST-2").want(200, "Description")
	v.get("/tasks?priority=urgent").want(200, "Put out the camp fire")
	v.send("/filters", "name", "Urgent ones").to("/tasks")
	v.get("/tasks").want(200, "Urgent ones")

	// A token, the log, the security page
	v.get("/me/tokens").want(200)
	v.send("/me/tokens", "name", "Nightly report").want(200, "tfp_")
	v.get("/audit").want(200, "access.create", "rule.", "The log is whole")
	v.get("/security").want(200, "Support access", "Nobody, so far.")

	// Everything, to take along (DP-7)
	v.get("/data").want(200)
	if a := v.send("/data/export", "attachments", "yes"); a.status != 200 || !strings.HasPrefix(a.body, "PK") || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the export gave %d %v", a.status, a.header)
	}

	// Out, and in again: the same code is not taken twice
	v.get("/").want(200)
	v.send("/sign-out").to("/sign-in")
	v.get("/audit").want(200, "Sign in")
	v.send("/sign-in", "email", "owner@demo.localhost", "password", "not it").want(422)
	v.send("/sign-in", "email", "owner@demo.localhost", "password", secret).to("/sign-in/code")
	v.get("/audit").want(200, "Second step")
	v.send("/sign-in/code", "code", "123456").want(422)
	s.later(31 * time.Second)
	v.send("/sign-in/code", "code", s.code(factor)).to("/audit")
	v.get("/audit").want(200, "sign-in")
	v.send("/sign-out").to("/sign-in")
	v.get("/sign-in").want(200)
	v.send("/sign-in", "email", "owner@demo.localhost", "password", secret).to("/sign-in/code")
	v.get("/sign-in/code").want(200)
	v.send("/sign-in/code", "code", s.code(factor)).want(422) // it was used already
	v.get("/sign-in/recovery").want(200, "Recovery code")
	v.send("/sign-in/recovery", "code", recovery).to("/")
	v.get("/me/second-factor").want(200, "9 recovery codes left")
}
