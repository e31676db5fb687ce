package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// call is one request on its way to an answer.
type call struct {
	*Site
	w       http.ResponseWriter
	r       *http.Request
	route   Route
	from    accounts.From
	visit   accounts.Visit // nobody's where nobody is signed in
	form    url.Values     // of a change
	visitor string         // the visitor's cookie, where it was made just now
	failed  bool           // the answer is a page of what went wrong
}

func (s *Site) call(w http.ResponseWriter, r *http.Request, route Route) *call {
	c := &call{Site: s, w: w, r: r, route: route}
	c.from = accounts.From{Address: s.options.Address(r), Agent: r.UserAgent(), Cookie: c.cookie(sessionCookie), Device: c.cookie(deviceCookie)}
	return c
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) who() actor.Actor { return c.visit.Actor }

// serve answers a route's requests.
func (s *Site) serve(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := s.call(w, r, route)
		client.Route(r.Context(), route.Method+" "+route.Pattern)
		defer func() {
			if caught := recover(); caught != nil {
				if caught == http.ErrAbortHandler { //nolint:errorlint // it is this very value that net/http knows
					panic(caught)
				}
				s.report(r.Context(), "a handler panicked", errors.New("panic"), "route", route.Method+" "+route.Pattern, "panic", caught, "stack", string(debug.Stack()))
				c.fail(errors.New("panic"))
			}
		}()
		if err := c.run(); err != nil {
			c.fail(err)
		}
	})
}

func (c *call) run() error {
	if c.route.Access == Asset {
		return c.route.Handler(c)
	}
	if err := c.recognise(); err != nil {
		return err
	}
	if c.route.Lasts && c.who().ID != uuid.Nil {
		end, err := c.client.Lasting(c.who().ID)
		if err != nil {
			return err
		}
		defer end()
	}
	change := c.route.Method == http.MethodPost
	if change {
		if err := c.origin.Check(c.r); err != nil {
			return errStale("another site sent it")
		}
	}
	if err := c.enter(); err != nil {
		return err
	}
	switch {
	case !change:
		if len(c.r.URL.RawQuery) > maxQuery {
			return errTooLong()
		}
	case c.route.Upload: // the handler reads it as it comes, its token first
	default:
		if err := c.readForm(); err != nil {
			return err
		}
		if !c.rightToken(c.form.Get(tokenField)) {
			return errStale("its token is missing or wrong")
		}
	}
	if c.route.Doing != "" && !c.who().Confirmed(c.now()) {
		return actor.ErrConfirm
	}
	return c.route.Handler(c)
}

// recognise finds out who it is.
func (c *call) recognise() error {
	visit, err := c.accounts.Visit(c.ctx(), c.from)
	if fault.Is(err, fault.Unauthenticated) {
		return nil
	}
	if err != nil {
		return err
	}
	c.visit = visit
	return c.client.AllowPerson(c.ctx(), c.who().ID, 1)
}

// enter keeps out whoever cannot be right, and leads who has not come in all the way to what is missing.
func (c *call) enter() error {
	if c.route.Access == Anyone {
		return nil
	}
	if c.visit.Session.ID == uuid.Nil {
		return errNobody()
	}
	if c.visit.Stage != accounts.Full {
		for _, stage := range c.route.Stages {
			if stage == c.visit.Stage {
				return nil
			}
		}
		return errUnfinished{c.visit.Stage}
	}
	if least := c.route.Access.role(); !c.who().Role.AtLeast(least) {
		return fault.Refused("your role does not allow it")
	}
	return nil
}

// htmx tells whether a script of the page asks.
func (c *call) htmx() bool { return c.r.Header.Get("HX-Request") == "true" }

// render answers with a page: all of it, or to htmx the part below the frame.
func (c *call) render(status int, page pages.Page) error {
	var body bytes.Buffer
	render := pages.Render
	if c.htmx() && c.r.Header.Get("HX-History-Restore-Request") != "true" && c.r.Header.Get("HX-Boosted") != "true" {
		render = pages.RenderPart
	}
	if err := render(&body, page); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "HX-Request, HX-Boosted")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body.Bytes()) // a browser that went away is not our failure
	}
	return nil
}

func (c *call) page(page pages.Page) error { return c.render(http.StatusOK, page) }

// again shows a form once more with what was wrong with it. What is not wrong with the form is a failure.
func (c *call) again(err error, page func(pages.Form) (pages.Page, error)) error {
	switch kind := fault.KindOf(err); {
	case errors.Is(err, actor.ErrConfirm):
		return err
	case kind == fault.Invalid, kind == fault.TooLarge, kind == fault.Conflict:
	default:
		return err
	}
	form := pages.Form{Problems: fault.Problems(err)}
	p, made := page(form)
	if made != nil {
		return made
	}
	return c.render(http.StatusUnprocessableEntity, p)
}

// to leads on to another page, after a change.
func (c *call) to(where string) error {
	http.Redirect(c.w, c.r, local(where), http.StatusSeeOther)
	return nil
}

// done is to, with a message that the next page shows.
func (c *call) done(what flash, where string) error {
	c.keep(flashCookie, string(what), time.Minute)
	return c.to(where)
}

// local is a path on this site, whatever it is given: nobody is led elsewhere.
func local(where string) string {
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(where, "/") ||
		strings.HasPrefix(where, "//") || strings.ContainsFunc(where, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) ||
		strings.HasPrefix(clean(u.Path), "//") || len(where) > maxQuery {
		return "/"
	}
	return where
}

// seg is one segment of a path.
func seg(text string) string { return url.PathEscape(text) }

// back is the page that a change came from.
func (c *call) back() string {
	u, err := url.Parse(c.r.Referer())
	if err != nil || u.Host != c.r.Host {
		return "/"
	}
	return local(u.RequestURI())
}

// id is an id of the path: what is none is not there.
func (c *call) id(name string) (uuid.UUID, error) {
	id, err := uuid.Parse(c.r.PathValue(name))
	if err != nil || len(c.r.PathValue(name)) != 36 {
		return uuid.Nil, errNotHere()
	}
	return id, nil
}

// key is a project's or task's key of the path.
func (c *call) key() string { return strings.ToUpper(c.r.PathValue("key")) }

// chrome is what every page carries.
func (c *call) chrome() (pages.Chrome, error) {
	ctx := c.ctx()
	chosen, err := c.client.Settings.General(ctx)
	if err != nil {
		return pages.Chrome{}, err
	}
	chrome := pages.Chrome{Client: chosen.Name, Accent: chosen.Accent, Theme: pages.ThemeAuto, CSRFField: tokenField,
		Flash: c.flashed(), Clock: pages.Clock{Now: c.now().UTC(), Zone: c.zone()}}
	if !c.failed || c.visit.Session.ID != uuid.Nil { // a failure has no form for a visitor, who needs no cookie for it
		chrome.CSRF = c.token()
	}
	if c.visit.Session.ID == uuid.Nil {
		return chrome, nil
	}
	chrome.Theme = shownTheme(c.visit.Person.Theme)
	if grant := c.who().Grant; grant != nil {
		chrome.Provider = &pages.Visit{Name: c.who().Name, Reason: grant.Reason, Until: grant.Ends}
	}
	if c.visit.Stage != accounts.Full {
		return chrome, nil // nothing to navigate to yet
	}
	chrome.User = me(c.visit.Person)
	chrome.Shortcuts = c.cookie(shortcutsCookie) != "off"
	if chrome.Unread, err = c.work.Unread(ctx, c.who()); err != nil {
		return chrome, err
	}
	nav, err := c.work.Nav(ctx, c.who())
	if err != nil {
		return chrome, err
	}
	for _, one := range nav {
		chrome.Projects = append(chrome.Projects, navOf(one.ProjectName, one.MayManage))
	}
	may := c.work.Abilities(c.who())
	chrome.Can = pages.Abilities{CreateTask: may.CreateTask && len(nav) > 0, CreateProject: may.CreateProject,
		SeePeople: c.who().Role.AtLeast(actor.Member), Administer: may.Administer, Exchange: c.who().May(actor.Export)}
	return chrome, nil
}

func (c *call) zone() *time.Location {
	zone, err := time.LoadLocation(c.visit.Person.Timezone)
	if err != nil {
		return time.UTC
	}
	return zone
}

func me(p accounts.Person) pages.Person {
	return pages.Person{ID: p.ID.String(), Name: p.Name, Handle: work.Handle(p.Name), Role: pages.Role(p.Role)}
}
