package browser_test

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

const secret = "correct-horse-battery-7"

const cards = `((name) => [...[...document.querySelectorAll(".column")].find((c) => c.dataset.name === name).querySelectorAll(".card")].map((c) => c.dataset.card).join(" "))`

// TestTheFirstTenMinutesInChromium is what somebody does who starts TaskFlow for the first time: from the link on the terminal to the
// second sign-in. Every page on the way is looked at, at three widths, light and dark.
func TestTheFirstTenMinutesInChromium(t *testing.T) {
	mails := newPost(t)
	s := start(t, mails.environ()...)
	p := browse(t, s)

	// The invitation, and the second step
	p.act(chromedp.Navigate(s.link))
	p.shows("Welcome to Demonstration")
	p.step("invitation")
	p.fill("Password", secret)
	p.fill("Password, once more", "something else")
	p.click("Join Demonstration")
	p.shows("There is a problem")
	p.step("invitation-problem", "status of 422")
	p.fill("Password", secret)
	p.fill("Password, once more", secret)
	p.click("Join Demonstration")
	p.at("/")
	p.step("home")
	p.tabs("home", 60)
	p.click("Your account: Olivia Owner")
	p.click("Your settings")
	p.at("/me")
	p.step("profile")
	p.click("Second step")
	p.at("/me/second-factor")
	p.step("second-step")
	p.click("Set it up")
	p.at("/me/second-factor/setup")
	p.until(`document.querySelector(".qr img").naturalWidth > 100`)
	p.step("second-step-setup")
	factor := eval[string](p, `document.querySelector("code.secret").textContent`)
	p.fill("Six digits", s.code(factor))
	p.click("Switch it on")
	p.shows("Keep your recovery codes")
	p.step("recovery-codes")
	recovery := eval[[]string](p, `[...document.querySelectorAll(".codes code")].map((e) => e.textContent)`)
	if len(recovery) < 8 {
		t.Errorf("the recovery codes are %q", recovery)
	}
	p.click("I have kept them")
	p.shows("Your second step is on")

	p.project()
	p.board()
	p.task()
	colleague := p.invite(mails)
	p.rule(mails, colleague)
	p.finding()
	p.notifications(colleague, mails)
	p.token()
	p.workspace()
	p.comingBack(factor, recovery[0])
}

// project makes one.
func (p *person) project() {
	p.t.Helper()
	p.open("/projects")
	p.step("projects")
	p.click("New project")
	p.at("/projects/new")
	p.fill("Name", "Summer festival")
	p.fill("Key", "FEST")
	p.fill("What it is about", "Three days, two stages, one field. The gates open on **24 July**.")
	p.step("project-new")
	p.click("Create the project")
	p.at("/projects/FEST")
	p.step("board-empty")
}

// board writes tasks down and moves them: with the keyboard, with the mouse, with the small button.
func (p *person) board() {
	p.t.Helper()
	for _, title := range []string{"Book the main stage", "Ask the fire brigade about the exits", "Posters",
		"Donaudampfschifffahrtsgesellschaftskapitänsmützenverleihvertragsentwurf"} {
		p.act(chromedp.Focus(chromedp.CSS(".column:first-child .quick input[name=title]")))
		p.keys(title)
		p.press("Enter")
		p.until(`document.querySelector(".column:first-child .quick input[name=title]").value === "" && document.body.innerText.includes(` + quote(title) + `)`)
	}
	columns := eval[[]string](p, `[...document.querySelectorAll(".column")].map((c) => c.dataset.name)`)
	if len(columns) < 3 {
		p.t.Fatalf("the columns are %q", columns)
	}
	const answered = `!document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")` // what was shown beforehand is so
	holds := func(column, want string) {
		p.t.Helper()
		p.until(cards + `(` + quote(column) + `) === ` + quote(want))
	}
	holds(columns[0], "FEST-1 FEST-2 FEST-3 FEST-4")

	// With the keyboard alone
	p.act(chromedp.Focus(chromedp.CSS("#card-FEST-2")))
	p.press("m", "ArrowRight", "Enter")
	holds(columns[1], "FEST-2")
	p.until(`document.activeElement.id === "card-FEST-2"`)
	p.until(answered)
	// With the mouse
	p.window(1280, "light")
	from := eval[[]float64](p, `(() => { const b = document.querySelector("[data-card=FEST-3]").getBoundingClientRect(); return [b.left + 40, b.top + 14]; })()`)
	to := eval[[]float64](p, `(() => { const b = document.querySelector("[data-card=FEST-2]").getBoundingClientRect(); return [b.left + 40, b.top + 4]; })()`)
	p.act(chromedp.DragAndDropXY(from[0], from[1], to[0], to[1], 12))
	holds(columns[1], "FEST-3 FEST-2")
	p.until(`!document.querySelector(".ghost, .gap, .dragging")`)
	p.until(answered)
	// With the small button, on a phone
	p.window(360, "light")
	p.click("Move FEST-1")
	p.until(`document.querySelector("#move").open`)
	p.picture("board-move-360")
	p.click(columns[2])
	holds(columns[2], "FEST-1")
	p.window(1280, "light")
	// It is so for everybody, not only in this window.
	p.until(answered)
	p.open("/projects/FEST")
	holds(columns[0], "FEST-4")
	holds(columns[1], "FEST-3 FEST-2")
	holds(columns[2], "FEST-1")
	p.step("board-few")
	p.tabs("board", 60)

	p.open("/projects/WEB") // the demonstration's, which is full
	p.step("board")
	p.window(360, "light")
	eval[bool](p, `(document.querySelector("#board").scrollBy(300, 0), true)`)
	p.act(chromedp.Sleep(200 * time.Millisecond))
	p.picture("board-scrolled-360")
	p.click("Menu")
	p.until(`getComputedStyle(document.querySelector("#nav")).visibility === "visible" && document.querySelector("#nav").contains(document.activeElement)`)
	p.act(chromedp.Sleep(250 * time.Millisecond))
	p.picture("menu-360")
	p.press("Escape")
	p.window(1280, "light")
}

// task fills one in: words, a day, steps, a file, another task, a comment.
func (p *person) task() {
	p.t.Helper()
	p.open("/projects/FEST")
	p.press("c")
	p.at("/tasks/new")
	p.pick("Project", "Summer festival")
	p.fill("Title", "Plan the volunteers’ shifts")
	p.fill("Description", "Two of them:\n\n- morning, **from six**\n- evening\n\n| Where | How many |\n|---|---:|\n| Gate | 4 |\n| Bar | 6 |\n\n`see also` the [list](https://example.org/volunteers).")
	p.pick("Priority", "High")
	p.fill("Due", p.s.now().AddDate(0, 0, 3).Format(time.DateOnly))
	p.step("task-new")
	p.click("Create the task")
	p.at("/tasks/FEST-5")
	for _, step := range []string{"Ask who can", "Draw the table"} {
		p.fill("New item", step)
		p.press("Enter")
		p.until(`[...document.querySelectorAll(".checklist li")].some((li) => li.innerText.includes(` + quote(step) + `))`)
	}
	p.click("Ask who can") // its box
	p.until(`document.querySelector(".checklist [aria-checked=true]") && document.querySelector("#checklist progress").value === 1`)
	file := filepath.Join(p.t.TempDir(), "shifts.txt")
	must(p.t, os.WriteFile(file, []byte("morning: 4\nevening: 6\n"), 0o600))
	p.act(chromedp.SetUploadFiles(chromedp.CSS("#in-file"), []string{file}))
	p.click("Upload")
	p.until(`document.querySelector("#attachments .files")?.innerText.includes("shifts.txt")`)
	p.fill("Key of the other task", "FEST-2")
	p.click("Relate")
	p.until(`document.querySelector("#relations").innerText.includes("Ask the fire brigade")`)
	p.pick("Status", "In progress")
	p.until(`document.querySelector(".toast")?.textContent === "Saved"`)

	p.act(chromedp.Focus(chromedp.CSS("#in-body")))
	p.keys("Could you look at the table, @ad")
	p.until(`document.querySelector("#suggest [aria-selected=true]")?.textContent.startsWith("Ada")`)
	p.picture("mention")
	p.press("Enter")
	p.until(`/@ada[\w.-]* $/.test(document.querySelector("#in-body").value)`)
	p.click("Comment")
	p.until(`document.querySelector("#comments .comment")?.innerText.includes("Could you look at the table") && document.querySelector("#in-body").value === ""`)
	p.until(`!document.querySelector(".toast")`)
	p.step("task")
	p.tabs("task", 80)
	p.open("/activity")
	p.shows("Plan the volunteers’ shifts")
	p.step("activity")
}

// invite asks a colleague in, who takes it up elsewhere.
func (p *person) invite(mails *post) *visitor {
	p.t.Helper()
	p.open("/people")
	p.step("people")
	p.click("Invite people")
	p.at("/people/invite")
	p.fill("E-mail addresses", "mira@festival.example")
	p.click("Member")
	p.step("invite")
	p.click("Send invitations")
	p.at("/people")
	p.shows("mira@festival.example")
	mail := mails.to("mira@festival.example", "Demonstration")
	link := invitation.FindString(mail.text)
	if link == "" || !strings.Contains(mail.html, link) {
		p.t.Fatalf("the invitation is %+v", mail)
	}
	v := newVisitor(p.t, p.s)
	v.get(strings.TrimPrefix(link, p.s.site)).want(200, "Welcome to Demonstration")
	v.send("/invitation/", "name", "Mira Sandberg", "password", secret, "password-again", secret).to("/")
	v.get("/").want(200, "Mira")
	return v
}

// rule lets a rule act.
func (p *person) rule(mails *post, colleague *visitor) {
	p.t.Helper()
	p.open("/projects/FEST/rules")
	p.step("rules-empty")
	p.click("Write the first one")
	p.at("/projects/FEST/rules/new")
	p.fill("Name", "What is on fire is urgent")
	p.pick("When", "A task is written down")
	p.fill("If", `task.title.contains("fire")`)
	p.act(chromedp.SetValue(chromedp.CSS("select[name=then-0-do]"), "priority"))
	p.act(chromedp.SetValue(chromedp.CSS("input[name=then-0-value]"), "urgent"))
	p.fill("Task to try it with", "FEST-2")
	p.click("Try")
	p.shows("the condition holds")
	p.until(`document.querySelector("select[name=then-1-do]") && document.querySelector("select[name=else-0-do]")`)
	p.step("rule")
	// The row for one more has come.
	p.act(chromedp.SetValue(chromedp.CSS("select[name=then-1-do]"), "notify"))
	p.act(chromedp.SetValue(chromedp.CSS("input[name=then-1-value]"), "olivia.owner"))
	p.click("Save the rule")
	p.at("/projects/FEST/rules")
	p.shows("What is on fire is urgent")
	p.open("/projects/FEST")
	p.act(chromedp.Focus(chromedp.CSS(".column:first-child .quick input[name=title]")))
	p.keys("Put out the camp fire")
	p.press("Enter")
	p.until(`document.querySelector("[data-card=FEST-6] .priority.urgent")`)
	p.open("/projects/FEST/rules")
	p.shows("Ran 1 time")
	p.step("rules")
	if mail := mails.to("owner@demo.localhost", "FEST-6"); !strings.Contains(mail.text, "What is on fire is urgent") || !strings.Contains(mail.html, p.s.site+"/tasks/FEST-6") {
		p.t.Errorf("the mail of the rule is %+v", mail)
	}
}

// finding looks for things, and keeps a filter.
func (p *person) finding() {
	p.t.Helper()
	p.open("/projects/FEST")
	p.press("/")
	p.until(`document.activeElement.id === "q"`)
	p.keys("fire")
	p.press("Enter")
	p.at("/search")
	p.shows("results for “fire”")
	p.step("search")
	p.open("/search?q=zebra")
	p.step("search-nothing")
	p.open("/tasks")
	p.step("tasks")
	p.pick("Priority", "Urgent")
	p.until(`new URLSearchParams(location.search).get("priority") === "urgent" && document.readyState === "complete"`)
	p.click("Keep this filter")
	p.fill("Name of the filter", "Urgent ones")
	p.picture("filter-open")
	p.click("Keep it")
	p.until(`document.querySelector(".saved")?.innerText.includes("Urgent ones")`)
	p.open("/tasks")
	p.click("Urgent ones")
	p.until(`new URLSearchParams(location.search).has("filter") && document.querySelector("#tasks").innerText.includes("Put out the camp fire")`)
	p.step("filter")
}

// notifications come from a colleague, on the page and by mail.
func (p *person) notifications(colleague *visitor, mails *post) {
	p.t.Helper()
	colleague.get("/tasks/FEST-5").want(200, "Plan the volunteers’ shifts")
	colleague.send("/tasks/FEST-5/comments", "body", "I can do the morning, @olivia.owner!").to("/tasks/FEST-5#comment-")
	p.open("/notifications")
	p.shows("Mira Sandberg mentioned you in")
	p.step("notifications")
	mail := mails.to("owner@demo.localhost", "mentioned you: FEST-5")
	link := regexp.MustCompile(`http://demo\.localhost:\d+(/tasks/FEST-5#comment-[\w-]+)`).FindString(mail.text)
	if link == "" || !strings.Contains(mail.html, link) {
		p.t.Fatalf("the mail of the mention is %+v", mail)
	}
	p.act(chromedp.Navigate(link))
	p.until(`document.querySelector(".comment:target")?.innerText.includes("I can do the morning")`)
	p.open("/notifications")
	p.click("Mark all as read")
	p.until(`!document.querySelector(".feed-item.unread") && !document.querySelector(".count")`)
	p.open("/me/notifications")
	p.step("notification-choices")
}

// token makes one for a program.
func (p *person) token() {
	p.t.Helper()
	p.open("/me/tokens")
	p.fill("What it is for", "Nightly report")
	p.step("tokens")
	p.click("Make the token")
	p.until(`document.querySelector(".fresh .secret")`)
	if token := eval[string](p, `document.querySelector(".fresh .secret").textContent`); !regexp.MustCompile(`^tfp_[\w-]{43}$`).MatchString(token) {
		p.t.Errorf("the token is %q", token)
	}
	p.step("token")
	p.open("/me/tokens")
	if eval[bool](p, `document.body.innerText.includes("tfp_") && /tfp_[\w-]{43}/.test(document.body.innerText)`) {
		p.t.Error("the token is shown twice")
	}
	p.open("/me/sessions")
	p.step("sessions")
	p.open("/me/appearance")
	p.step("appearance")
	p.open("/me/password")
	p.step("password")
}

// workspace looks after the whole: settings, security, the log, the export.
func (p *person) workspace() {
	p.t.Helper()
	p.open("/settings")
	p.click("Ember")
	p.fill("Name of the workspace", "Field & Stage")
	p.click("Save")
	p.until(`document.querySelector(".brand").innerText.includes("Field & Stage") && document.documentElement.dataset.accent === "ember"`)
	p.step("settings")
	p.fill("Name of the workspace", "Demonstration")
	p.click("Lagoon")
	p.click("Save")
	p.until(`document.documentElement.dataset.accent === "lagoon"`)
	p.open("/security")
	p.shows("The log is whole")
	p.step("security")
	p.open("/audit")
	p.shows("settings.general")
	p.step("audit")
	p.open("/teams")
	p.step("teams-empty")
	p.open("/projects/WEB/edit")
	p.step("project-settings")
	p.open("/projects/WEB/list")
	p.step("list")
	p.act(chromedp.Navigate(p.s.site + "/no-such-page"))
	p.shows("There is nothing here")
	p.step("nothing-here", "status of 404")
	p.open("/data")
	p.step("data")
	folder := p.t.TempDir()
	call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder}) //nolint:misspell // the browser’s own word
	p.click("Export everything")
	var archive *zip.ReadCloser
	for deadline := time.Now().Add(time.Minute); archive == nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if all, _ := filepath.Glob(filepath.Join(folder, "*.zip")); len(all) == 1 {
			archive, _ = zip.OpenReader(all[0]) // it is whole when it can be opened
		}
	}
	if archive == nil {
		p.t.Fatal("no export came")
	}
	defer archive.Close()
	holds := func(name string) bool {
		return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return strings.Contains(f.Name, name) })
	}
	for _, name := range []string{"tasks.csv", "tasks.json", "comments.csv", "shifts.txt"} {
		if !holds(name) {
			p.t.Errorf("the export has no %s", name)
		}
	}
}

// comingBack signs out, and in again with the second step: with the app, and with a recovery code.
func (p *person) comingBack(factor, recovery string) {
	p.t.Helper()
	p.open("/")
	p.step("home-busy")
	p.click("Your account: Olivia Owner")
	p.click("Dark")
	p.until(`document.documentElement.dataset.theme === "dark" && document.readyState === "complete"`)
	p.click("Your account: Olivia Owner")
	p.picture("menu-dark")
	p.click("Auto")
	p.until(`document.documentElement.dataset.theme === "auto" && document.readyState === "complete"`)
	for i, code := range []func() string{func() string { return p.s.code(factor) }, func() string { return recovery }} {
		p.click("Your account: Olivia Owner")
		p.click("Sign out")
		p.at("/sign-in")
		p.s.later(31 * time.Second) // for the next code: none is taken twice
		p.act(chromedp.Navigate(p.s.site + "/tasks/FEST-5"))
		p.at("/sign-in")
		if i == 0 {
			p.step("sign-in")
		}
		p.fill("E-mail address", "owner@demo.localhost")
		p.fill("Password", secret)
		p.click("Sign in")
		p.at("/sign-in/code")
		label := "Code"
		if i == 0 {
			p.step("sign-in-code")
		} else {
			p.click("Use a recovery code instead")
			p.at("/sign-in/recovery")
			label = "Recovery code"
		}
		p.fill(label, code())
		p.click("Continue")
		p.at("/tasks/FEST-5") // where one wanted to go
	}
	p.open("/me/second-factor")
	p.shows(fmt.Sprintf("%d recovery codes left", 9))
	p.act(chromedp.Navigate(p.s.link)) // the invitation was for one use
	p.shows("This link no longer works")
	p.step("link-expired", "status of 404")
	p.open("/forgotten")
	p.step("forgotten")
	p.quiet("the end")
}
