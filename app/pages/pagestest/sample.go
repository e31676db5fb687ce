// Package pagestest is a sample of every page: one small company's work, made up, the same every time. Tests render it, take
// pictures of it and try to break out of it; a server without data can show it. It knows nothing but the view structs.
package pagestest

import (
	"fmt"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

// Now is the time in the samples.
var Now = time.Date(2026, 3, 12, 9, 24, 0, 0, time.UTC)

// Sample is one page with a name that a file can have.
type Sample struct {
	Name string
	Page pages.Page
}

func day(n int) time.Time { return Now.Truncate(24*time.Hour).AddDate(0, 0, n) }

func ago(d time.Duration) time.Time { return Now.Add(-d) }

const hour = time.Hour

// The people of the sample.
func person(i int) pages.Person {
	all := []pages.Person{
		{ID: "0195a1", Name: "Ada Whitcombe", Handle: "ada", Role: "owner"},
		{ID: "0195a2", Name: "Bashir Khan", Handle: "bashir", Role: "administrator"},
		{ID: "0195a3", Name: "Carys Pugh", Handle: "carys", Role: "member"},
		{ID: "0195a4", Name: "Dónal Byrne", Handle: "donal", Role: "member"},
		{ID: "0195a5", Name: "Eun-ji Park", Handle: "eunji", Role: "guest"},
	}
	return all[i%len(all)]
}

func people() []pages.Person {
	return []pages.Person{person(0), person(1), person(2), person(3), person(4)}
}

// The projects of the sample.
func project(i int) pages.NavProject {
	all := []pages.NavProject{
		{Key: "WEB", Name: "Website relaunch", MayEdit: true}, {Key: "OPS", Name: "Operations", MayEdit: true},
		{Key: "GARDEN", Name: "Roof garden"}, {Key: "HIRE", Name: "Hiring"},
	}
	return all[i%len(all)]
}

// Chrome is what all pages of somebody who is signed in carry.
func Chrome() pages.Chrome {
	return pages.Chrome{
		Client: "Marlow & Finch", Accent: pages.AccentLagoon, User: person(0), Theme: pages.ThemeAuto, Shortcuts: true,
		CSRF: "7yJZ0bq3Xw9TnL2kPdVvR8sFh1Mc4GaEoUi6YtKxBzQ", CSRFField: "csrf", Unread: 3,
		Projects: []pages.NavProject{project(0), project(1), project(2), project(3)},
		Can:      pages.Abilities{CreateTask: true, CreateProject: true, SeePeople: true, Administer: true, Exchange: true},
		Clock:    pages.Clock{Now: Now},
	}
}

// Outside is what pages carry before anybody is signed in.
func Outside() pages.Chrome {
	c := Chrome()
	c.User, c.Unread, c.Projects, c.Can, c.Shortcuts = pages.Person{}, 0, nil, pages.Abilities{}, false
	return c
}

func label(i int) pages.Label {
	all := []pages.Label{{ID: "l1", Name: "design", Hue: 8}, {ID: "l2", Name: "content", Hue: 5}, {ID: "l3", Name: "bug", Hue: 1}, {ID: "l4", Name: "release", Hue: 7}, {ID: "l5", Name: "accessibility", Hue: 3}}
	return all[i%len(all)]
}

func options(chosen int, texts ...string) []pages.Option {
	var all []pages.Option
	for i, text := range texts {
		all = append(all, pages.Option{Value: fmt.Sprintf("v%d", i), Text: text, Selected: i == chosen})
	}
	return all
}

func problems(all ...*fault.Error) pages.Form { return pages.Form{Problems: all} }

var policy = pages.Policy{MinLength: 12, Rules: []string{"an upper-case and a lower-case letter", "a digit and a symbol"}, MaxDays: 90}

// Board is the board of the sample.
func Board() pages.Board {
	none := pages.Person{}
	return pages.Board{
		Chrome: Chrome(), Project: project(0), MayCreate: true, MayMove: true, MayManage: true,
		Filter: pages.BoardFilter{Assignees: options(0, "Anybody", "Ada Whitcombe", "Bashir Khan"), Labels: options(0, "Any label", "design", "content")},
		Columns: []pages.Column{
			{ID: "c1", Name: "To do", Cards: []pages.Card{
				{Key: "WEB-41", Title: "Write the words for the page about deliveries", Priority: pages.PriorityNormal, Labels: []pages.Label{label(1)}, Assignee: person(2), Due: day(6), Checklist: pages.Progress{Total: 4}},
				{Key: "WEB-44", Title: "Photographs of the new workshop", Priority: pages.PriorityLow, Assignee: none, Comments: 2},
				{Key: "WEB-38", Title: "Choose who hosts the newsletter", Priority: pages.PriorityHigh, Labels: []pages.Label{label(1), label(3)}, Assignee: person(1), Due: day(1), Comments: 5, Blocked: true},
				{Key: "WEB-47", Title: "Redirect the old addresses", Priority: pages.PriorityNormal, Assignee: person(3)},
			}},
			{ID: "c2", Name: "In progress", Limit: 2, Cards: []pages.Card{
				{Key: "WEB-29", Title: "Basket: say what delivery costs before the last step", Priority: pages.PriorityUrgent, Labels: []pages.Label{label(2), label(0)}, Assignee: person(0), Due: day(-2), Checklist: pages.Progress{Done: 3, Total: 5}, Comments: 8, Attachments: 2},
				{Key: "WEB-33", Title: "Product page: larger pictures, and text that can be read on a phone", Priority: pages.PriorityHigh, Labels: []pages.Label{label(0)}, Assignee: person(2), Due: day(0), Checklist: pages.Progress{Done: 1, Total: 6}, Attachments: 4},
				{Key: "WEB-36", Title: "Search that forgives typing mistakes", Priority: pages.PriorityNormal, Assignee: person(3), Comments: 1},
			}},
			{ID: "c3", Name: "Review", Limit: 4, Cards: []pages.Card{
				{Key: "WEB-27", Title: "Keyboard can reach everything in the menu", Priority: pages.PriorityHigh, Labels: []pages.Label{label(4)}, Assignee: person(3), Due: day(3), Checklist: pages.Progress{Done: 4, Total: 4}, Comments: 3},
				{Key: "WEB-31", Title: "Colours for the dark theme", Priority: pages.PriorityNormal, Labels: []pages.Label{label(0), label(4)}, Assignee: person(4), Attachments: 1},
			}},
			{ID: "c4", Name: "Done", Done: true, More: 21, Cards: []pages.Card{
				{Key: "WEB-19", Title: "New address and certificates", Priority: pages.PriorityNormal, Labels: []pages.Label{label(3)}, Assignee: person(1), Due: day(-9), Checklist: pages.Progress{Done: 3, Total: 3}},
				{Key: "WEB-22", Title: "Interview ten customers", Priority: pages.PriorityNormal, Assignee: person(0), Comments: 12, Attachments: 10},
			}},
		},
	}
}

func rows() []pages.TaskRow {
	return []pages.TaskRow{
		{Key: "WEB-29", Title: "Basket: say what delivery costs before the last step", Project: project(0), Status: "In progress", Priority: pages.PriorityUrgent, Assignee: person(0), Due: day(-2), Labels: []pages.Label{label(2), label(0)}, Updated: ago(20 * time.Minute), Comments: 8},
		{Key: "OPS-12", Title: "Renew the insurance of the van", Project: project(1), Status: "To do", Priority: pages.PriorityHigh, Assignee: person(0), Due: day(0), Updated: ago(26 * hour)},
		{Key: "WEB-27", Title: "Keyboard can reach everything in the menu", Project: project(0), Status: "Review", Priority: pages.PriorityHigh, Assignee: person(3), Due: day(3), Labels: []pages.Label{label(4)}, Updated: ago(3 * hour)},
		{Key: "HIRE-4", Title: "Answer the applicants of last week", Project: project(3), Status: "To do", Priority: pages.PriorityNormal, Due: day(8), Updated: ago(80 * hour)},
		{Key: "GARDEN-7", Title: "Order soil, and ask the neighbours about the lift", Project: project(2), Status: "Done", Done: true, Priority: pages.PriorityLow, Assignee: person(4), Due: day(-4), Updated: ago(300 * hour)},
	}
}

func notifications() []pages.Notification {
	return []pages.Notification{
		{ID: "n1", Who: person(1), What: "mentioned you in", Key: "WEB-29", Subject: "Basket: say what delivery costs", Path: "/tasks/WEB-29#comment-2", Excerpt: "@ada could you look at the words? I am not sure about “from”.", At: ago(14 * time.Minute), Unread: true},
		{ID: "n2", Who: person(2), What: "assigned you", Key: "OPS-12", Subject: "Renew the insurance of the van", Path: "/tasks/OPS-12", At: ago(3 * hour), Unread: true},
		{ID: "n3", Who: person(3), What: "mentioned you in", Key: "WEB-27", Subject: "Keyboard can reach everything", Path: "/tasks/WEB-27", Excerpt: "Works for me now, thanks to @ada.", At: ago(30 * hour)},
	}
}

func events() []pages.Event {
	return []pages.Event{
		{ID: "e1", Who: person(0), What: "moved", Key: "WEB-29", Subject: "Basket: say what delivery costs", Path: "/tasks/WEB-29", Detail: "from To do to In progress", At: ago(9 * time.Minute)},
		{ID: "e2", Who: person(1), What: "commented on", Key: "WEB-29", Subject: "Basket: say what delivery costs", Path: "/tasks/WEB-29", Detail: "@ada could you look at the words?", At: ago(14 * time.Minute)},
		{ID: "e3", Who: pages.Person{ID: "p", Name: "Jo Marsh"}, Visit: true, What: "looked at", Subject: "the automation rules", Path: "/projects/WEB/rules", At: ago(5 * hour)},
		{ID: "e4", Who: person(2), What: "finished", Key: "GARDEN-7", Subject: "Order soil", Path: "/tasks/GARDEN-7", At: ago(29 * hour)},
		{ID: "e5", Who: person(3), What: "left the team", Subject: "Editors", At: ago(200 * hour)},
	}
}

func summaries() []pages.ProjectSummary {
	return []pages.ProjectSummary{
		{NavProject: project(0), Description: "A shop that people find their way through, on a phone, in the rain, with one hand.", Open: 18, Done: 23, Overdue: 2, Members: people()[:4], MoreMembers: 3, Everyone: true, Updated: ago(9 * time.Minute)},
		{NavProject: project(1), Description: "What keeps the place running.", Open: 9, Done: 54, Members: people()[:2], Everyone: true, Updated: ago(5 * hour)},
		{NavProject: project(2), Description: "Tomatoes, bees and a bench.", Open: 4, Done: 3, Members: people()[2:], Updated: ago(29 * hour)},
		{NavProject: project(3), Description: "Two people for the workshop, one for the shop.", Open: 6, Done: 0, Overdue: 1, Members: people()[:3], Updated: ago(90 * hour)},
	}
}
