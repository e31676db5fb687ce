package pages_test

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

// Times are told in the reader's zone, in words that depend on how long ago it was.
func TestTimesAreToldInTheReadersZone(t *testing.T) {
	now := time.Date(2026, 3, 12, 9, 24, 0, 0, time.UTC)
	tokyo := time.FixedZone("JST", 9*3600)
	for _, c := range []struct {
		name string
		zone *time.Location
		at   time.Time
		want string
	}{
		{"seconds", nil, now.Add(-20 * time.Second), `datetime="2026-03-12T09:23:40Z" title="Thursday 12 March 2026 at 09:23 UTC">just now<`},
		{"one minute", nil, now.Add(-time.Minute), ">1 minute ago<"},
		{"hours", nil, now.Add(-3 * time.Hour), ">3 hours ago<"},
		{"yesterday", nil, now.Add(-20 * time.Hour), ">yesterday at 13:24<"},
		{"the same instant, elsewhere", tokyo, now.Add(-20 * time.Hour), `datetime="2026-03-11T22:24:00&#43;09:00"`},
		{"a weekday", nil, now.Add(-72 * time.Hour), ">Monday at 09:24<"},
		{"this year", nil, now.Add(-400 * time.Hour), ">23 February<"},
		{"long ago", nil, now.Add(-9000 * time.Hour), ">2 March 2025<"},
		{"not yet", nil, now.Add(time.Hour), ">12 March<"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := pages.Activity{Chrome: pages.Chrome{Clock: pages.Clock{Now: now, Zone: c.zone}}, Events: []pages.Event{{At: c.at}}}
			if source, _ := render(t, page); !strings.Contains(source, c.want) {
				t.Errorf("there is no %s in it: %s", c.want, source[strings.Index(source, "<time"):][:160])
			}
		})
	}
}

// A due date is a day: what it is by the reader's calendar, and said in words as well as in colour.
func TestDueDates(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	auckland := time.FixedZone("NZDT", 13*3600)
	for _, c := range []struct {
		name string
		now  time.Time
		zone *time.Location
		due  time.Time
		done bool
		want string
	}{
		{"overdue", day(12), nil, day(10), false, `<span class="due overdue">|Overdue </span><time datetime="2026-03-10">10 Mar<`},
		{"today", day(12), nil, day(12), false, `<span class="due today">|Due </span><time datetime="2026-03-12">Today<`},
		{"tomorrow", day(12), nil, day(13), false, `<span class="due soon">|>Tomorrow<`},
		{"soon", day(12), nil, day(15), false, `<span class="due soon">|>15 Mar<`},
		{"later", day(12), nil, day(20), false, `<span class="due later">|>20 Mar<`},
		{"another year", day(12), nil, time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), false, `>2 Jan 2027<`},
		{"done", day(12), nil, day(10), true, `<span class="due done">|Was due </span>`},
		{"today is tomorrow elsewhere", day(12).Add(20 * time.Hour), auckland, day(13), false, `<span class="due today">|>Today<`},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := pages.Board{
				Chrome:  pages.Chrome{Clock: pages.Clock{Now: c.now, Zone: c.zone}},
				Columns: []pages.Column{{ID: "c", Done: c.done, Cards: []pages.Card{{Key: "OPS-1", Due: c.due}}}},
			}
			source, _ := render(t, page)
			for want := range strings.SplitSeq(c.want, "|") {
				if !strings.Contains(source, want) {
					t.Errorf("there is no %s in it", want)
				}
			}
		})
	}
}

// Problems stand above the form with a way to each field, and at the field, which says so to who does not see it.
func TestProblemsLeadToTheirFields(t *testing.T) {
	page := pages.TaskEdit{New: true, Form: pages.Form{Problems: []*fault.Error{
		fault.BadInput("title", "the title is empty", "write one"), fault.Clash("the project was put away", ""),
	}}}
	source, _ := render(t, page)
	for _, want := range []string{
		"There are 2 problems", `<a href="#in-title">The title is empty: write one</a>`, "<li>The project was put away</li>",
		`id="in-title" required aria-invalid="true" aria-describedby="in-title-problem"`, `id="in-title-problem"`,
	} {
		if !strings.Contains(source, want) {
			t.Errorf("there is no %s in it", want)
		}
	}
	if strings.Contains(source, "autofocus") {
		t.Error("a field takes the focus away from the problems")
	}
}

// AC-9: a password is never sent back, not even to who typed it.
func TestAC9_PasswordsAreNotSentBack(t *testing.T) {
	for _, page := range []pages.Page{pages.SignIn{Email: "a@example.org"}, pages.SetPassword{Invitation: true}, pages.PasswordChange{}, pages.Confirm{Code: true}} {
		source, _ := render(t, page)
		if strings.Contains(source, `type="password"`) && !strings.Contains(source, `value=""`) {
			t.Errorf("%T fills a password in", page)
		}
		if strings.Count(source, `type="password"`) == 0 {
			t.Errorf("%T asks for no password", page)
		}
	}
}

// What nobody may do is not offered.
func TestNothingIsOfferedThatIsNotAllowed(t *testing.T) {
	guest := pages.Chrome{User: pages.Person{ID: "g", Name: "Gwen"}}
	source, _ := render(t, pages.Home{Chrome: guest})
	for _, path := range []string{"/settings", "/audit", "/security", "/data", "/people", "/projects/new", "/tasks/new"} {
		if strings.Contains(source, `href="`+path+`"`) {
			t.Errorf("a guest is led to %s", path)
		}
	}
	project := pages.NavProject{Key: "OPS", Name: "Operations"}
	for _, page := range []pages.Page{
		pages.Board{Chrome: guest, Project: project, Columns: []pages.Column{{ID: "c", Cards: []pages.Card{{Key: "OPS-1"}}}}},
		pages.Task{Chrome: guest, Project: project, Key: "OPS-1", Checklist: []pages.Item{{ID: "i"}}, Attachments: []pages.Attachment{{ID: "a"}}, Relations: []pages.Relation{{ID: "r"}}, Comments: []pages.Comment{{ID: "c"}}},
		pages.Rules{Chrome: guest, Project: project, Items: []pages.Rule{{ID: "r"}}}, pages.Teams{Chrome: guest, Items: []pages.Team{{ID: "t"}}},
		pages.People{Chrome: guest, Accounts: []pages.Account{{Person: pages.Person{ID: "p"}}}, Invitations: []pages.Invitation{{ID: "i"}}},
	} {
		source, root := render(t, page)
		if strings.Contains(source, `"/projects/OPS/edit"`) {
			t.Errorf("%T leads to the settings of the project", page)
		}
		if n := strings.Count(source, `method="post"`); n != 2 { // the theme, and signing out
			t.Errorf("%T offers %d changes", page, n)
		}
		_ = root
	}
}
