package pagestest

import (
	"html/template"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

// All is every page, some of them in several states.
func All() []Sample {
	var all []Sample
	for _, some := range [][]Sample{entrance(), work(), task(), rules(), peoplePages(), me(), client(), failures()} {
		all = append(all, some...)
	}
	return all
}

func entrance() []Sample {
	out := Outside()
	return []Sample{
		{"sign-in", pages.SignIn{Chrome: out, Next: "/"}},
		{"sign-in-wrong", pages.SignIn{Chrome: out, Email: "ada@example.org", Next: "/tasks", Form: problems(fault.SignIn("the address and the password do not belong together"))}},
		{"second-factor", pages.SecondFactor{Chrome: out, Next: "/", Form: problems(fault.BadInput("code", "that code is not right", "wait for the next one"))}},
		{"recovery-code", pages.RecoveryCode{Chrome: out, Next: "/"}},
		{"forgotten", pages.Forgotten{Chrome: out, Email: "ada@example.org"}},
		{"forgotten-sent", pages.Forgotten{Chrome: out, Sent: true}},
		{"invitation", pages.SetPassword{Chrome: out, Token: "Zk1", Invitation: true, Inviter: "Bashir Khan", Email: "carys@example.org", Name: "Carys Pugh", Policy: policy,
			Form: problems(fault.BadInput("password", "the password is too short", "use at least 12 characters"), fault.BadInput("password-again", "the two are not the same", "type it once more"))}},
		{"reset", pages.SetPassword{Chrome: out, Token: "Zk2", Email: "ada@example.org", Policy: policy}},
		{"link-expired", pages.LinkExpired{Chrome: out}},
		{"invitation-expired", pages.LinkExpired{Chrome: out, Invitation: true}},
		{"second-factor-setup", pages.SecondFactorSetup{Chrome: Chrome(), Secret: "JBSW Y3DP EHPK 3PXP JBSW Y3DP"}},
		{"second-factor-mandatory", pages.SecondFactorSetup{Chrome: Chrome(), Secret: "JBSW Y3DP EHPK 3PXP JBSW Y3DP", Mandatory: true}},
		{"recovery-codes", pages.RecoveryCodes{Chrome: Chrome(), Next: "/me/second-factor", Codes: []string{"k3vn-8qpx", "r7td-2mwe", "h5yc-9bzf", "p4xs-6gun", "d8ka-3rjt", "w2mf-7vhq", "t9eb-5ycs", "n6gz-4pdx"}}},
		{"confirm", pages.Confirm{Chrome: Chrome(), Doing: "delete the project Roof garden", Next: "/projects/GARDEN/edit", Code: true}},
	}
}

func work() []Sample {
	c := Chrome()
	visited := Chrome()
	visited.Provider = &pages.Visit{Name: "Jo Marsh", Reason: "the import of last night failed", Until: Now.Add(2 * hour)}
	visited.Flash = &pages.Flash{Kind: pages.FlashGood, Text: "WEB-47 was written down."}
	board := Board()
	board.Chrome = visited
	dark := Chrome()
	dark.Theme, dark.Accent = pages.ThemeDark, pages.AccentHeather
	flashed := Chrome()
	flashed.Flash = &pages.Flash{Kind: pages.FlashNotice, Text: "Nothing new since yesterday."}
	warned := Chrome()
	warned.Flash = &pages.Flash{Kind: pages.FlashWarning, Text: "The filter was not kept."}
	columns := []pages.ColumnEdit{{ID: "c1", Name: "To do"}, {ID: "c2", Name: "In progress", Limit: 2}, {ID: "c3", Name: "Review", Limit: 4}, {ID: "c4", Name: "Done", Done: true}}
	list := pages.TaskList{
		Chrome: c, Project: project(0), Tasks: rows(), Words: "", MayCreate: true, Filtered: true, Query: "assignee=me&due=week",
		Statuses: options(0, "Any status", "To do", "In progress"), Assignees: options(1, "Anybody", "Me", "Bashir Khan"), Labels: options(0, "Any label", "design"),
		Priority: options(0, "Any priority", "Urgent", "High"), Due: options(2, "Any time", "Overdue", "This week"), Sort: options(0, "Nearest due first", "Newest first"),
		Saved: []pages.SavedFilter{{ID: "f1", Name: "Mine, this week", Path: "/tasks?filter=f1", Mine: true, Active: true}, {ID: "f2", Name: "Waiting for review", Path: "/tasks?filter=f2", Shared: true}},
		Pager: pages.Pager{Shown: "1 to 5 of 41", Next: "/tasks?page=2"},
	}
	none := list
	none.Project, none.Tasks, none.Filtered, none.Saved, none.Pager = pages.NavProject{}, nil, false, nil, pages.Pager{}
	return []Sample{
		{"home", pages.Home{Chrome: c, Mine: rows()[:2], DueSoon: rows()[:3], Mentions: notifications()[:2], Overview: summaries()}},
		{"home-first", pages.Home{Chrome: c, Welcome: true}},
		{"board", Board()},
		{"board-visited", board},
		{"board-empty", pages.Board{Chrome: c, Project: project(2), MayManage: true}},
		{"board-reader", func() pages.Board { b := Board(); b.MayCreate, b.MayMove = false, false; return b }()},
		{"move-task", pages.MoveTask{Chrome: c, Project: project(0), Key: "WEB-29", Title: "Basket: say what delivery costs", Columns: options(1, "To do", "In progress", "Review", "Done"), Before: options(0, "At the end", "Before WEB-33", "Before WEB-36")}},
		{"list", list},
		{"list-empty", none},
		{"projects", pages.Projects{Chrome: c, Items: summaries()}},
		{"projects-empty", pages.Projects{Chrome: dark}},
		{"project-new", pages.ProjectEdit{Chrome: c, New: true, Everyone: true, Columns: columns, Form: problems(fault.BadInput("key", "WEB is taken", "choose another key"))}},
		{"project-edit", pages.ProjectEdit{Chrome: c, Key: "WEB", Name: "Website relaunch", Description: "A shop that people find their way through.", Columns: columns, Labels: []pages.Label{label(0), label(1), label(2)}, Members: options(1, "Ada Whitcombe", "Bashir Khan", "Carys Pugh"), MayDelete: true}},
		{"activity", pages.Activity{Chrome: flashed, Events: events(), Pager: pages.Pager{Prev: "/activity?page=1", Next: "/activity?page=3", Shown: "51 to 100"}}},
		{"activity-project", pages.Activity{Chrome: c, Project: project(0)}},
		{"notifications", pages.Notifications{Chrome: c, Items: notifications()}},
		{"search", pages.Search{Chrome: warned, Query: "delivery", Tasks: rows()[:2], Projects: summaries()[:1], Comments: []pages.Found{{Key: "WEB-29", Title: "Basket", Path: "/tasks/WEB-29#comment-2", Who: person(1), At: ago(14 * time.Minute), Excerpt: []pages.Piece{{Text: "what "}, {Text: "delivery", Marked: true}, {Text: " costs, before the last step"}}}}}},
		{"search-empty", pages.Search{Chrome: c}},
	}
}

// prose is what the markdown package would have made of comments and descriptions.
var prose = []template.HTML{
	`<p>Many leave at the <strong>last step</strong>, where they see for the first time what delivery costs.</p><p>What we want:</p><ul><li>the price as soon as something is in the basket</li><li>no surprise for islands: <a href="/tasks/WEB-22">WEB-22</a> has the numbers</li></ul><pre><code>basket.total = goods + delivery(weight, postcode)</code></pre>`,
	`<p>The carriers charge by weight only up to 30 kg. Above that we have to ask.</p>`,
	`<p><strong>@ada</strong> could you look at the words? I am not sure about <em>“from”</em>.</p>`,
}

func task() []Sample {
	c := Chrome()
	t := pages.Task{
		Chrome: c, Project: project(0), Key: "WEB-29", Title: "Basket: say what delivery costs before the last step", Version: 7,
		Description: pages.SanitisedMarkdown{HTML: prose[0]}, HasText: true, Status: "In progress", Created: ago(400 * hour), CreatedBy: person(2), Updated: ago(9 * time.Minute),
		Statuses: options(1, "To do", "In progress", "Review", "Done"), Priority: pages.PriorityUrgent, Priorities: options(3, "Low", "Normal", "High", "Urgent"),
		Assignee: person(0), Assignees: options(1, "Nobody", "Ada Whitcombe", "Bashir Khan"), Labels: []pages.Label{label(2), label(0)}, LabelSet: options(2, "design", "content", "bug", "release", "accessibility"), Due: day(-2),
		Checklist: []pages.Item{{ID: "i1", Text: "Ask what the carriers charge", Done: true}, {ID: "i2", Text: "Weights of the twenty best sellers", Done: true}, {ID: "i3", Text: "Draw the three states", Done: true}, {ID: "i4", Text: "Words for “we cannot deliver there”"}, {ID: "i5", Text: "Try it with a screen reader"}},
		Relations: []pages.Relation{{ID: "r1", Kind: "blocks", Key: "WEB-33", Title: "Product page: larger pictures"}, {ID: "r2", Kind: "relates to", Key: "WEB-22", Title: "Interview ten customers", Done: true}}, Kinds: options(0, "blocks", "is blocked by", "relates to", "duplicates"),
		Comments: []pages.Comment{
			{ID: "1", Who: person(2), At: ago(50 * hour), Body: pages.SanitisedMarkdown{HTML: prose[1]}},
			{ID: "2", Who: person(1), At: ago(14 * time.Minute), Edited: true, Body: pages.SanitisedMarkdown{HTML: prose[2]}, MayEdit: true, MayDelete: true},
			{ID: "3", Who: pages.Person{ID: "p", Name: "Jo Marsh"}, Visit: true, At: ago(5 * time.Minute), Body: pages.SanitisedMarkdown{HTML: prose[1]}},
		},
		Attachments: []pages.Attachment{{ID: "a1", Name: "carriers-2026.pdf", Type: "PDF", Size: 482_113, Who: person(2), At: ago(60 * hour), MayDo: true}, {ID: "a2", Name: "sketch of the three states.png", Type: "Picture", Size: 1_904_224, Who: person(0), At: ago(20 * hour)}},
		MaxUpload:   25 << 20, Types: "pictures, documents, archives", Events: events()[:4], Mentionable: people(), May: pages.TaskAbilities{Edit: true, Comment: true, Attach: true, Delete: true},
	}
	reader := t
	reader.May, reader.Description, reader.HasText, reader.Done = pages.TaskAbilities{Comment: true}, pages.SanitisedMarkdown{}, false, true
	reader.Form = problems(fault.BadInput("body", "the comment is empty", "write something"))
	return []Sample{
		{"task", t},
		{"task-reader", reader},
		{"task-new", pages.TaskEdit{Chrome: c, New: true, Projects: options(0, "Website relaunch", "Operations"), Statuses: options(0, "To do", "In progress"), Priorities: options(1, "Low", "Normal", "High", "Urgent"), Assignees: options(0, "Nobody", "Ada Whitcombe"), LabelSet: options(-1, "design", "content", "bug"), Mentionable: people()}},
		{"task-edit", pages.TaskEdit{Chrome: c, Project: project(0), Key: "WEB-29", Version: 7, Title: t.Title, Description: "Many leave at the **last step**.\n\n- say it earlier\n- say it plainly", Mentionable: people(), Form: problems(fault.Clash("somebody changed this task meanwhile", "compare and save again"))}},
		{"comment-edit", pages.CommentEdit{Chrome: c, ID: "2", Project: project(0), Key: "WEB-29", Title: t.Title, Body: "@ada could you look at the words?", Mentionable: people()}},
	}
}

func rules() []Sample {
	c := Chrome()
	actions := options(1, "Nothing", "Add the label", "Assign to", "Notify")
	edit := pages.RuleEdit{
		Chrome: c, ID: "r1", Project: project(0), Name: "Urgent bugs go to Ada", Events: options(0, "a task is made", "a task is moved", "a comment is written"),
		Condition: `task.priority == "urgent" && "bug" in task.labels`, Then: []pages.ActionEdit{{Actions: actions, Value: "ada"}, {Actions: actions}}, Otherwise: []pages.ActionEdit{{Actions: actions}}, Enabled: true,
		Names:    []pages.Explained{{Code: "task.title", Words: "Text of the title"}, {Code: "task.priority", Words: "low, normal, high or urgent"}, {Code: "task.labels", Words: "A list of names"}, {Code: "task.due", Words: "A time, or null"}},
		Examples: []pages.Explained{{Code: `task.due != null && task.due < now + duration("48h")`, Words: "Due within two days"}, {Code: `task.title.contains("invoice")`, Words: "The word invoice is in the title"}},
		TestTask: "WEB-29", Test: &pages.RuleTest{Key: "WEB-29", Holds: true, Would: []string{"Assign to Ada Whitcombe"}, Cost: "14 of 10,000"},
	}
	failing := edit
	failing.New, failing.LastError, failing.LastRun = false, "the condition took too long", ago(2*hour)
	failing.Test = &pages.RuleTest{Key: "WEB-29", Problem: "line 1, column 8: there is no name “priorty”"}
	failing.Form = problems(fault.BadInput("if", "there is no name “priorty”", "did you mean task.priority?"))
	return []Sample{
		{"rules", pages.Rules{Chrome: c, Project: project(0), MayEdit: true, Items: []pages.Rule{
			{ID: "r1", Name: "Urgent bugs go to Ada", When: "a task is made", If: edit.Condition, Then: "assign it to Ada Whitcombe", Enabled: true, Runs: 41, LastRun: ago(3 * hour)},
			{ID: "r2", Name: "Tell the team about releases", When: "a task is moved to Done", If: `"release" in task.labels`, Then: "notify Editors", Otherwise: "add the label quiet", Runs: 1, LastRun: ago(200 * hour), LastError: "there is no team Editors"},
		}}},
		{"rules-empty", pages.Rules{Chrome: c, Project: project(2)}},
		{"rule-edit", edit},
		{"rule-failing", failing},
		{"rule-new", pages.RuleEdit{Chrome: c, New: true, Project: project(0), Events: edit.Events, Then: edit.Then, Otherwise: edit.Otherwise, Names: edit.Names, Examples: edit.Examples}},
	}
}

func peoplePages() []Sample {
	c := Chrome()
	roles := func(n int) []pages.Option { return options(n, "Owner", "Administrator", "Member", "Guest") }
	return []Sample{
		{"people", pages.People{Chrome: c, MayInvite: true, MayManage: true, Pager: pages.Pager{Shown: "1 to 5 of 5"},
			Accounts: []pages.Account{
				{Person: person(0), Email: "ada@example.org", Teams: []string{"Shop", "Editors"}, LastSeen: ago(time.Minute / 2), Factor: true, Me: true},
				{Person: person(1), Email: "bashir@example.org", Roles: roles(1), Teams: []string{"Shop"}, LastSeen: ago(3 * hour), Factor: true},
				{Person: person(2), Email: "carys@example.org", Roles: roles(2), LastSeen: ago(50 * hour), Locked: true},
				{Person: person(3), Email: "donal.byrne.of.the.workshop@example.org", Roles: roles(2), Disabled: true},
				{Person: person(4), Email: "eunji@example.org", Roles: roles(3), LastSeen: ago(900 * hour)},
			},
			Invitations: []pages.Invitation{{ID: "v1", Email: "fern@example.org", Role: "member", By: person(0), Sent: ago(20 * hour), Expires: Now.Add(100 * hour)}, {ID: "v2", Email: "gwen@example.org", Role: "guest", By: person(1), Sent: ago(300 * hour), Expired: true}}}},
		{"invite", pages.Invite{Chrome: c, Roles: []pages.Option{{Value: "member", Text: "Member", Hint: "Works on all projects that everybody sees.", Selected: true}, {Value: "guest", Text: "Guest", Hint: "Sees only chosen projects."}}, Teams: options(0, "Shop", "Editors"), Projects: options(-1, "Website relaunch", "Roof garden"), Form: problems(fault.BadInput("emails", "“fern@” is no address", "write it as name@example.org"))}},
		{"teams", pages.Teams{Chrome: c, MayEdit: true, Items: []pages.Team{{ID: "t1", Name: "Shop", Description: "Everybody at the counter.", Members: people()[:3]}, {ID: "t2", Name: "Editors", Description: "Words and pictures.", Members: people()[2:3]}}}},
		{"teams-empty", pages.Teams{Chrome: c}},
		{"team-edit", pages.TeamEdit{Chrome: c, ID: "t1", Name: "Shop", Description: "Everybody at the counter.", Members: options(0, "Ada Whitcombe", "Bashir Khan", "Carys Pugh")}},
		{"team-new", pages.TeamEdit{Chrome: c, New: true, Members: options(-1, "Ada Whitcombe")}},
	}
}

func me() []Sample {
	c := Chrome()
	tokens := pages.Tokens{Chrome: c, Fresh: "tfp_Xq8vN2kR7mZ4tW1yB6cJ9dL3fH5gP0sAeUiOaQwErTy", Name: "Nightly report", Scopes: []pages.Option{{Value: "read", Text: "Read", Hint: "See what you see.", Selected: true}, {Value: "write", Text: "Write", Hint: "Change what you may change."}, {Value: "export", Text: "Export"}, {Value: "admin", Text: "Administer"}}, Expires: options(1, "30 days", "90 days", "One year"),
		Items: []pages.Token{{ID: "k1", Name: "Nightly report", Start: "tfp_…Xq8v", Scopes: []string{"read", "export"}, Created: ago(time.Minute / 2), Expires: day(90)}, {ID: "k2", Name: "Old script", Start: "tfp_…b0aR", Scopes: []string{"write"}, Created: ago(9000 * hour), Used: ago(2000 * hour), Expires: day(-10), Expired: true}}}
	empty := tokens
	empty.Fresh, empty.Items = "", nil
	return []Sample{
		{"profile", pages.Profile{Chrome: c, Name: "Ada Whitcombe", Handle: "ada", Email: "ada@example.org", Zones: options(0, "London", "Dublin")}},
		{"appearance", pages.Appearance{Chrome: c}},
		{"password", pages.PasswordChange{Chrome: c, Policy: policy, Changed: ago(1000 * hour), Due: day(40), Form: problems(fault.BadInput("current", "that is not your present password", ""))}},
		{"password-forced", pages.PasswordChange{Chrome: c, Policy: policy, Forced: true}},
		{"factor-on", pages.FactorStatus{Chrome: c, Enabled: true, Since: ago(900 * hour), CodesLeft: 7}},
		{"factor-off", pages.FactorStatus{Chrome: c, Mandatory: true}},
		{"sessions", pages.Sessions{Chrome: c, Items: []pages.Session{{ID: "s1", Device: "Firefox on Linux", Address: "192.0.2.17", Began: ago(30 * hour), Seen: ago(time.Second), Current: true}, {ID: "s2", Device: "Safari on an iPhone", Address: "2001:db8::17", Began: ago(300 * hour), Seen: ago(20 * hour)}}}},
		{"tokens", tokens},
		{"tokens-empty", empty},
		{"notification-choices", pages.NotificationChoices{Chrome: c, Choices: []pages.NotificationChoice{{ID: "mention", Words: "Somebody mentions me", Mail: true}, {ID: "assign", Words: "A task is assigned to me", Mail: true}, {ID: "comment", Words: "Somebody comments on a task of mine"}}}},
	}
}

func client() []Sample {
	c := Chrome()
	whole := pages.Verified{State: pages.VerifiedWhole, At: ago(20 * time.Minute), Entries: 48213}
	entries := []pages.AuditEntry{
		{Number: 48213, At: ago(9 * time.Minute), Who: "Ada Whitcombe", What: "task.move", Subject: "WEB-29", Detail: "from To do to In progress", Address: "192.0.2.17", Hash: "9f2c1ab0"},
		{Number: 48212, At: ago(5 * hour), Who: "Jo Marsh", Visit: true, What: "rules.read", Subject: "Website relaunch", Detail: "Reason: the import of last night failed", Address: "198.51.100.4", Hash: "51d0aa7e"},
		{Number: 48211, At: ago(7 * hour), Who: "unknown", What: "sign-in", Subject: "carys@example.org", Address: "203.0.113.99", Refused: true, Hash: "c07be611"},
		{Number: 48210, At: ago(8 * hour), Who: "Bashir Khan", What: "export.csv", Address: "2001:db8::5", Hash: "77ab04d3"},
	}
	log := pages.AuditLog{Chrome: c, Entries: entries, Kinds: options(0, "Everything", "Sign-in", "Refusals", "Changes", "Exports"), From: day(-30), To: day(0), Query: "from=2026-02-10", Verified: whole, Pager: pages.Pager{Shown: "1 to 50 of 48,213", Next: "/audit?before=48164"}}
	broken := log
	broken.Entries, broken.Verified = nil, pages.Verified{State: pages.VerifiedBroken, At: Now, Entries: 9, Broken: 7}
	settings := pages.ClientSettings{Chrome: c,
		General:   pages.GeneralForm{Name: "Marlow & Finch", Accent: pages.AccentLagoon},
		Passwords: pages.PasswordForm{MinLength: 12, MaxDays: 90, Classes: true, Factor: []pages.Option{{Value: "nobody", Text: "Everybody chooses"}, {Value: "administrators", Text: "Owners and administrators need it", Selected: true}, {Value: "all", Text: "Everybody needs it"}}, Form: problems(fault.BadInput("min-length", "6 is too short", "choose 8 or more"))},
		ProviderAccess: pages.ProviderForm{Hours: options(1, "1 hour", "4 hours", "A day"), Grants: []pages.Grant{
			{ID: "g1", Reason: "The import of last night failed", By: person(0), From: ago(2 * hour), Until: Now.Add(2 * hour), Active: true, Uses: 1},
			{ID: "g2", Reason: "Question about rules", By: person(1), From: ago(700 * hour), Until: ago(699 * hour), Uses: 2}}},
	}
	security := pages.Security{Chrome: c, Access: "Only while a grant is open", Newest: ago(3 * hour), Restored: ago(60 * hour), Verified: whole,
		Visits:  []pages.ProviderVisit{{Name: "Jo Marsh", Reason: "The import of last night failed", Began: ago(5 * hour), Actions: 12, Path: "/audit?who=Jo+Marsh"}, {Name: "Sam Ito", Reason: "Question about rules", Began: ago(700 * hour), Ended: ago(699 * hour), Actions: 1, Path: "/audit?who=Sam+Ito"}},
		Backups: []pages.Backup{{What: "Database", Where: "Ireland", At: ago(3 * hour), Kept: "35 days"}, {What: "Files", Where: "Frankfurt", At: ago(55 * hour), Late: true, Kept: "35 days"}},
		Promises: []pages.Promise{
			{ID: "DP-1", Words: "Your database and its credentials are yours alone", State: pages.PromiseKept, Proof: "Attempts across clients were refused", At: ago(20 * hour)},
			{ID: "AC-8", Words: "The provider’s account is for support only, and you see each use", State: pages.PromiseKept, Proof: "Drill", At: ago(90 * hour)},
			{ID: "AV-12", Words: "A burst of requests does not slow you down", State: pages.PromiseUnknown},
			{ID: "DP-9", Words: "Backups are kept in a second place", State: pages.PromiseBroken, Proof: "The files’ backup is late", At: ago(2 * hour)}},
	}
	data := pages.Data{Chrome: c, Projects: options(0, "Website relaunch", "Operations"), MaxBytes: 10 << 20, MaxRows: 10_000,
		Tables: options(0, "Tasks", "Comments", "People", "Audit log"), Narrow: options(0, "All projects", "Website relaunch", "Operations"),
		Imports:  []pages.ImportRun{{ID: "m1", File: "old-board.csv", Project: "OPS", By: person(1), At: ago(400 * hour), Tasks: 212, State: "Done"}},
		Database: &pages.DatabaseAccess{Host: "db.marlow.example.org", Name: "taskflow", User: "bi_marlow_1", Expires: Now.Add(300 * hour)}}
	targets := func(n int) []pages.Option {
		return options(n, "Left out", "Title", "Description", "Status", "Assignee", "Due")
	}
	preview := pages.ImportPreview{Chrome: c, ID: "m2", File: "old-board.csv", Project: project(0), Rows: 214,
		Fields: []pages.ImportField{{Column: "Summary", Example: "Order new labels", Targets: targets(1)}, {Column: "Who", Example: "carys", Targets: targets(4)}, {Column: "When", Example: "2026-04-01", Targets: targets(5)}},
		Heads:  []string{"Summary", "Who", "When"}, Sample: [][]string{{"Order new labels", "carys", "2026-04-01"}, {"Repair the shelf by the door, the one that leans", "donal", ""}},
		Faults: []pages.LineProblem{{Line: 17, Column: "When", Words: "“soon” is no date: write it as 2026-04-01"}, {Line: 103, Words: "there are 4 fields, not 3"}}, More: 0}
	ready := preview
	ready.Faults, ready.Ready, ready.There, ready.Labels = nil, 212, 2, []string{"warehouse", "front of house"}
	return []Sample{
		{"settings", settings}, {"audit", log}, {"audit-broken", broken}, {"security", security}, {"security-unknown", pages.Security{Chrome: c, Verified: pages.Verified{State: pages.VerifiedPending}}},
		{"data", data}, {"import-preview", preview}, {"import-ready", ready},
	}
}

func failures() []Sample {
	var all []Sample
	for _, kind := range []pages.FailureKind{pages.FailureForbidden, pages.FailureMissing, pages.FailureInvalid, pages.FailureOversize, pages.FailureTooMany, pages.FailureInternal, pages.FailureAway, pages.FailureSuspended, pages.FailureStale} {
		all = append(all, Sample{"failure-" + string(kind), pages.Failure{Chrome: Outside(), Kind: kind, Reference: "7f3a-91c2", RetryAfter: 12 * time.Second}})
	}
	return append(all,
		Sample{"failure-inside", pages.Failure{Chrome: Chrome(), Kind: pages.FailureForbidden, Words: "guests may not change tasks"}},
		Sample{"failure-unknown-host", pages.Failure{Chrome: pages.Chrome{Theme: pages.ThemeAuto}, Kind: pages.FailureMissing}})
}

// Mails is every mail.
func Mails() []pages.Mail {
	l := pages.Letter{Client: "Marlow & Finch", To: "Ada", Site: "https://marlow.example.org", Clock: pages.Clock{Now: Now}}
	lines := []pages.DigestLine{{Key: "WEB-29", Words: "Basket: say what delivery costs", Link: l.Site + "/tasks/WEB-29", Due: day(-2)}, {Key: "OPS-12", Words: "Renew the insurance of the van", Link: l.Site + "/tasks/OPS-12"}}
	return []pages.Mail{
		pages.InvitationMail{Letter: l, Inviter: "Bashir Khan", Role: "member", Link: l.Site + "/invitation/Zk1", Expires: Now.Add(168 * hour)},
		pages.ResetMail{Letter: l, Link: l.Site + "/reset/Zk2", Minutes: 30},
		pages.MentionMail{Letter: l, Who: "Bashir Khan", Key: "WEB-29", Subject: "Basket: say what delivery costs", Excerpt: "@ada could you look at the words?", Link: l.Site + "/tasks/WEB-29"},
		pages.TaskMail{Letter: l, Who: "Bashir Khan", What: "commented on", Key: "WEB-29", Subject: "Basket: say what delivery costs", Excerpt: "Fine by me.", Link: l.Site + "/tasks/WEB-29", Choices: l.Site + "/me/notifications"},
		pages.AssignmentMail{Letter: l, Who: "Carys Pugh", Key: "OPS-12", Subject: "Renew the insurance of the van", Project: "Operations", Priority: pages.PriorityHigh, Due: day(0), Link: l.Site + "/tasks/OPS-12"},
		pages.DigestMail{Letter: l, Period: "today", Overdue: lines[:1], Due: lines, Events: lines[1:], Link: l.Site + "/", Choices: l.Site + "/me/notifications"},
		pages.NoticeMail{Letter: l, What: "your password was changed", At: Now, Address: "192.0.2.17", Link: l.Site + "/me/sessions"},
	}
}
