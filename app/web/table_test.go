package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/web"
	"github.com/berth-iac/berth/app/work"
)

var auditAll = audit.Filter{Limit: 200}

// entry is what the suite knows of a route: what is sent, and what a guest, a member and an administrator get for it. The guest is a
// member of no project, and all of them are somebody else than whose things they ask for.
type entry struct {
	route string
	roles string // guest, member, administrator
	form  string // fields of a right change, as an address line has them; {column} and {me} are filled in
}

// table has an entry for every route. A route without one fails TestEveryRouteIsInTheTable.
func table() []entry {
	const project = "name=A+name&visibility=everyone&column-name-0=To+do&column-name-1=Done&column-done-1=yes"
	const password = "password=" + secret + "x&password-again=" + secret + "x"
	return []entry{
		{"GET /assets/{name}", "200 200 200", ""},
		{"GET /favicon.ico", "302 302 302", ""},
		{"GET /robots.txt", "200 200 200", ""},
		{"GET /sign-in", "303 303 303", ""},
		{"POST /sign-in", "422 422 422", "email=a@example.org&password=wrong&next=/tasks"},
		{"GET /sign-in/code", "303 303 303", ""},
		{"POST /sign-in/code", "303 303 303", "code=123456"},
		{"GET /sign-in/recovery", "303 303 303", ""},
		{"POST /sign-in/recovery", "303 303 303", "code=abcd-efgh-abcd-efgh"},
		{"POST /sign-out", "303 303 303", ""},
		{"GET /forgotten", "200 200 200", ""},
		{"POST /forgotten", "200 200 200", "email=a@example.org"},
		{"GET /reset/{token}", "200 200 200", ""},
		{"POST /reset/{token}", "303 303 303", password},
		{"GET /invitation/{token}", "200 200 200", ""},
		{"POST /invitation/{token}", "303 303 303", "name=Somebody+New&" + password},
		{"GET /confirm", "200 200 200", ""},
		{"POST /confirm", "303 303 303", "password=" + secret},
		{"GET /me", "200 200 200", ""},
		{"POST /me/profile", "303 303 303", "name=Another+Name&email={email}&zone=Europe/Paris"},
		{"GET /me/appearance", "200 200 200", ""},
		{"POST /me/appearance", "303 303 303", "theme=dark&shortcuts=on"},
		{"POST /me/theme", "303 303 303", "theme=light"},
		{"GET /me/password", "200 200 200", ""},
		{"POST /me/password", "303 303 303", "current=" + secret + "&" + password},
		{"GET /me/second-factor", "200 200 200", ""},
		{"POST /me/second-factor/start", "303 303 303", ""},
		{"GET /me/second-factor/setup", "303 303 303", ""},
		{"GET /me/second-factor/qr.png", "404 404 404", ""},
		{"POST /me/second-factor", "303 303 303", "code=123456"},
		{"POST /me/second-factor/remove", "303 303 303", ""},
		{"POST /me/second-factor/recovery-codes", "422 422 422", ""},
		{"GET /me/sessions", "200 200 200", ""},
		{"POST /me/sessions/{id}/revoke", "303 303 303", ""},
		{"POST /me/sessions/revoke-others", "303 303 303", ""},
		{"GET /me/tokens", "200 200 200", ""},
		{"POST /me/tokens", "200 200 200", "name=Nightly&scope=read&expires=30"},
		{"POST /me/tokens/{id}/revoke", "303 303 303", ""},
		{"GET /me/notifications", "200 200 200", ""},
		{"POST /me/notifications", "303 303 303", "mail-mentioned=yes"},
		{"GET /{$}", "200 200 200", ""},
		{"GET /activity", "200 200 200", ""},
		{"GET /notifications", "200 200 200", ""},
		{"POST /notifications/read", "303 303 303", "id=all"},
		{"GET /search", "200 200 200", ""},
		{"GET /projects", "200 200 200", ""},
		{"GET /projects/new", "403 200 200", ""},
		{"POST /projects", "403 303 303", "key={new}&" + project},
		{"GET /projects/{key}", "404 200 200", ""},
		{"GET /projects/{key}/list", "404 200 200", ""},
		{"GET /projects/{key}/activity", "404 200 200", ""},
		{"GET /projects/{key}/edit", "403 403 200", ""},
		{"POST /projects/{key}/edit", "403 403 303", project},
		{"POST /projects/{key}/archive", "403 403 303", "archived=yes"},
		{"POST /projects/{key}/delete", "403 403 303", ""},
		{"GET /projects/{key}/tasks/new", "403 200 200", ""},
		{"POST /projects/{key}/tasks", "403 303 303", "title=New&status={column}&priority=high&due=2026-11-30&description=words"},
		{"GET /projects/{key}/rules", "404 200 200", ""},
		{"GET /projects/{key}/rules/new", "403 403 200", ""},
		{"POST /projects/{key}/rules", "403 403 303", "name=A+rule&when=task.created&if=task.title+==+'x'&then-0-do=priority&then-0-value=high&enabled=yes&do=save&test-task=X-1"},
		{"GET /rules/{id}", "403 403 200", ""},
		{"POST /rules/{id}", "403 403 303", "name=A+rule&when=task.created&then-0-do=comment&then-0-value=words&else-0-do=notify&else-0-value=author&do=save"},
		{"POST /rules/{id}/enabled", "403 403 303", "enabled=no"},
		{"POST /rules/{id}/delete", "403 403 303", ""},
		{"GET /tasks", "200 200 200", ""},
		{"GET /tasks/new", "403 200 200", ""},
		{"POST /tasks", "403 303 303", "project={project}&title=New&assignee={me}&description=words&due=2026-11-30&priority=low"},
		{"GET /tasks/{key}", "404 200 200", ""},
		{"GET /tasks/{key}/edit", "404 200 200", ""},
		{"POST /tasks/{key}/edit", "404 303 303", "title=Other&description=words&version=1"},
		{"POST /tasks/{key}/fields", "404 303 303", "version=1&priority=urgent&due=2026-12-01&assignee={me}&status={column}"},
		{"GET /tasks/{key}/move", "404 200 200", ""},
		{"POST /tasks/{key}/move", "404 303 303", "status={column}&return=board&before="},
		{"POST /tasks/{key}/delete", "403 303 303", ""},
		{"POST /tasks/{key}/checklist", "404 303 303", "item=One+more"},
		{"POST /tasks/{key}/checklist/{id}", "404 303 303", "do=done"},
		{"POST /tasks/{key}/relations", "404 303 303", "kind=relates&other={task}"},
		{"POST /tasks/{key}/relations/{id}/delete", "404 303 303", ""},
		{"POST /tasks/{key}/comments", "404 303 303", "body=A+word"},
		{"GET /comments/{id}/edit", "404 200 200", ""},
		{"POST /comments/{id}/edit", "404 303 303", "body=Another+word"},
		{"POST /comments/{id}/delete", "404 303 303", ""},
		{"POST /tasks/{key}/attachments", "404 303 303", "upload"},
		{"GET /attachments/{id}", "404 200 200", ""},
		{"POST /attachments/{id}/delete", "404 403 303", ""},
		{"POST /filters", "303 303 303", "name=Mine&query=assignee%3Dme&project="},
		{"POST /filters/{id}/delete", "303 303 303", ""},
		{"GET /people", "403 200 200", ""},
		{"POST /people/{id}/role", "403 403 303", "role=guest"},
		{"POST /people/{id}/reset", "403 403 303", ""},
		{"POST /people/{id}/sign-out", "403 403 303", ""},
		{"POST /people/{id}/disabled", "403 403 303", "disabled=yes"},
		{"GET /people/invite", "403 403 200", ""},
		{"POST /people/invite", "403 403 303", "emails={address}&role=member"},
		{"POST /people/invitations/{id}/resend", "403 403 303", ""},
		{"POST /people/invitations/{id}/revoke", "403 403 303", ""},
		{"GET /teams", "403 200 200", ""},
		{"GET /teams/new", "403 403 200", ""},
		{"POST /teams", "403 403 303", "name={word}&description=What+it+does&member={me}"},
		{"GET /teams/{id}", "403 403 200", ""},
		{"POST /teams/{id}", "403 403 303", "name={word}&description=words"},
		{"POST /teams/{id}/delete", "403 403 303", ""},
		{"GET /settings", "403 403 200", ""},
		{"POST /settings/general", "403 403 303", "name=Another+name&accent=ember"},
		{"POST /settings/passwords", "403 403 303", "min-length=10&max-days=0&factor=optional"},
		{"POST /settings/provider/grants", "403 403 303", "reason=A+question&hours=4"},
		{"POST /settings/provider/grants/{id}/end", "403 403 303", ""},
		{"GET /audit", "403 403 200", ""},
		{"POST /audit/export", "403 403 200", "query=&format=csv"},
		{"GET /security", "403 403 200", ""},
		{"GET /data", "403 403 200", ""},
		{"POST /data/export", "403 403 200", "format=csv&table=tasks&project=&attachments=yes"},
		{"POST /data/import", "403 403 422", "upload"},
		{"GET /data/import/{id}", "403 403 200", ""},
		{"POST /data/import/{id}", "403 403 303", "map-0=title&do=preview"},
	}
}

func entries(t *testing.T) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	for _, one := range table() {
		if _, twice := all[one.route]; twice {
			t.Errorf("%s is in the table twice", one.route)
		}
		all[one.route] = one
	}
	return all
}

// TestEveryRouteIsInTheTable: a new route has to be tried as all others are.
func TestEveryRouteIsInTheTable(t *testing.T) {
	known := entries(t)
	for _, route := range web.Routes() {
		name := route.Method + " " + route.Pattern
		if _, there := known[name]; !there {
			t.Errorf("%s has no entry in the table of the security suite", name)
		}
		delete(known, name)
		if route.Handler == nil {
			t.Errorf("%s has no handler", name)
		}
		if route.Method == http.MethodPost && route.Access == web.Asset {
			t.Errorf("%s changes something for whoever asks", name)
		}
	}
	for name := range known {
		t.Errorf("the table has %s, which is no route", name)
	}
}

// path fills a route's pattern with things that are there at a place; what can only be one's own is that of who asks.
func (p *place) path(route web.Route, b *browser) string {
	p.t.Helper()
	path := strings.TrimSuffix(route.Pattern, "{$}")
	ctx, what := p.t.Context(), route.Method+" "+route.Pattern
	id := ""
	var err error
	made := func(of uuid.UUID, failed error) { id, err = of.String(), failed }
	switch {
	case !strings.Contains(path, "{"):
		return path
	case strings.HasPrefix(path, "/tasks/{key}"):
		key := p.task()
		path = strings.Replace(path, "{key}", key, 1)
		switch {
		case strings.Contains(path, "/checklist/"):
			made(p.c.Work.AddStep(ctx, p.owner, key, "A step"))
		case strings.Contains(path, "/relations/"):
			made(p.c.Work.Relate(ctx, p.owner, key, work.Relates, p.task()))
		}
	case strings.HasPrefix(path, "/projects/{key}"):
		path = strings.Replace(path, "{key}", p.project(true), 1)
	case strings.HasPrefix(path, "/comments/"):
		id = p.comment(b.visit.Actor)
	case strings.HasPrefix(path, "/attachments/"):
		id = p.attachment()
	case strings.HasPrefix(path, "/rules/"):
		id = p.rule()
	case strings.HasPrefix(path, "/filters/"):
		made(p.c.Work.SaveFilter(ctx, b.visit.Actor, "Mine", "assignee=me", "", false))
	case strings.HasPrefix(path, "/people/invitations/"):
		id, _ = p.invited()
	case strings.HasPrefix(path, "/people/"):
		id = p.join(actor.Member).visit.Person.ID.String()
	case strings.HasPrefix(path, "/teams/"):
		team, failed := p.c.Accounts.NewTeam(ctx, p.owner, "Team "+uuid.NewString()[:8], "", nil)
		made(team.ID, failed)
	case strings.HasPrefix(path, "/me/sessions/"):
		in, failed := p.c.Accounts.SignIn(ctx, accounts.From{Address: b.from.Address}, b.visit.Person.Email, secret)
		made(in.Visit.Session.ID, failed)
	case strings.HasPrefix(path, "/me/tokens/"):
		token, _, failed := p.c.Accounts.NewToken(ctx, b.visit, "A token", []actor.Scope{actor.Read}, p.clock().AddDate(0, 0, 1))
		made(token.ID, failed)
	case strings.HasPrefix(path, "/settings/provider/grants/"):
		grant, failed := p.c.Accounts.OpenGrant(ctx, operator, "A question", 3600e9)
		made(grant.ID, failed)
	case strings.HasPrefix(path, "/data/import/"):
		id = p.kept(b.visit.Actor)
	case strings.HasPrefix(path, "/invitation/"):
		_, id = p.invited()
	case strings.HasPrefix(path, "/reset/"):
		id = p.resetLink()
	case strings.HasPrefix(path, "/assets/"):
		id = strings.TrimPrefix(pages.AssetPath("app.css"), pages.AssetPrefix)
	default:
		p.t.Fatalf("the suite does not know how to fill %s", what)
	}
	must(p.t, err)
	return strings.NewReplacer("{id}", id, "{token}", id, "{name}", id).Replace(path)
}

// form fills the fields of an entry for a path of this place.
func (p *place) form(e entry, path string, b *browser) url.Values {
	p.t.Helper()
	filled := e.form
	fill := func(mark string, with func() string) {
		if strings.Contains(filled, mark) {
			filled = strings.ReplaceAll(filled, mark, url.QueryEscape(with()))
		}
	}
	fill("{column}", func() string {
		key := strings.Split(path, "/")[2]
		key, _, _ = strings.Cut(key, "-")
		board, err := p.c.Work.Board(p.t.Context(), p.owner, key, work.BoardFilter{})
		if err != nil { // it is of another place
			return uuid.NewString()
		}
		return board.Columns[0].ID.String()
	})
	fill("{me}", func() string { return b.visit.Person.ID.String() })
	fill("{email}", func() string { return b.visit.Person.Email })
	fill("{new}", func() string { return "N" + strings.ToUpper(uuid.NewString()[:7]) })
	fill("{word}", func() string { return "Word " + uuid.NewString()[:8] })
	fill("{address}", func() string { return uuid.NewString()[:8] + "@example.org" })
	fill("{project}", func() string { return p.project(true) })
	fill("{task}", p.task)
	values, err := url.ParseQuery(filled)
	must(p.t, err)
	return values
}

// ask sends what an entry says.
func (b *browser) ask(route web.Route, e entry, path string) *answer {
	b.p.t.Helper()
	switch {
	case route.Method == http.MethodGet:
		return b.get(path)
	case route.Upload:
		return b.upload(path, "notes.txt", "some words\n", nil)
	default:
		return b.post(path, b.p.form(e, path, b))
	}
}

// TestAccessOfEveryRoute asks for every route as every role.
func TestAccessOfEveryRoute(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	for _, route := range web.Routes() {
		e := known[route.Method+" "+route.Pattern]
		var want [3]int
		if _, err := fmt.Sscan(e.roles, &want[0], &want[1], &want[2]); err != nil {
			t.Fatalf("%s: %v", e.route, err)
		}
		for i, role := range []actor.Role{actor.Guest, actor.Member, actor.Administrator} {
			b := p.join(role)
			a := b.ask(route, e, p.path(route, b))
			if a.status != want[i] {
				t.Errorf("%s as %s gave %d %s, want %d: %.300s", e.route, role, a.status, a.location, want[i], text(a.body))
			}
		}
		// Nobody gets in, but where everybody does.
		b := p.browser()
		path := p.path(route, p.join(actor.Owner))
		a := b.ask(route, e, path)
		if route.Access == web.Asset || route.Access == web.Anyone {
			if a.status >= 500 || a.status == 403 {
				t.Errorf("%s for nobody gave %d", e.route, a.status)
			}
			continue
		}
		if a.status != 303 || !strings.HasPrefix(a.location, "/sign-in") {
			t.Errorf("%s for nobody gave %d to %q, want sign-in", e.route, a.status, a.location)
		}
		b.htmx = true
		if a := b.ask(route, e, path); a.status != 401 {
			t.Errorf("%s for nobody's script gave %d, want 401", e.route, a.status)
		}
	}
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("something failed: %.2000s", p.logged.String())
	}
}
