package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/pages"
)

func errNotHere() error { return fault.Missing("page") }

func errNobody() error { return fault.SignIn("sign in first") }

func errTooLong() error { return fault.Oversize("", "the address is too long", "use a shorter one") }

// stale says that a change carries no token of this browser (AS-4).
type stale struct{ why string }

func (e stale) Error() string { return "a change was refused: " + e.why }

func errStale(why string) error { return stale{why} }

// errUnfinished says that somebody has not come in all the way.
type errUnfinished struct{ stage accounts.Stage }

func (e errUnfinished) Error() string { return "signing in is not finished: " + string(e.stage) }

// missing is the page where somebody does what a stage lacks.
func missing(stage accounts.Stage) string {
	switch stage {
	case accounts.NeedsCode:
		return "/sign-in/code"
	case accounts.NeedsFactor:
		return "/me/second-factor"
	case accounts.NeedsChange:
		return "/me/password"
	}
	return "/"
}

// kept is the page that somebody comes back to after what is in between: this one, or the one that the change was sent from.
func (c *call) kept() string {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return local(c.r.URL.RequestURI())
	}
	return c.back()
}

func withNext(where, next string, more ...string) string {
	values := url.Values{}
	if next != "" && next != "/" {
		values.Set("next", next)
	}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	if len(values) == 0 {
		return where
	}
	return where + "?" + values.Encode()
}

// fail answers with what went wrong: the one place where failures become answers.
func (c *call) fail(err error) {
	if unfinished, ok := errors.AsType[errUnfinished](err); ok {
		_ = c.to(withNext(missing(unfinished.stage), c.kept()))
		return
	}
	if errors.Is(err, actor.ErrConfirm) {
		_ = c.to(withNext("/confirm", c.kept(), "for", c.route.Method+" "+c.route.Pattern))
		return
	}
	if wrong, ok := errors.AsType[stale](err); ok {
		c.refused(wrong.why)
		c.failure(http.StatusForbidden, pages.Failure{Kind: pages.FailureStale})
		return
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		c.failure(http.StatusRequestEntityTooLarge, pages.Failure{Kind: pages.FailureOversize})
		return
	}
	shown := fault.Problems(err)
	words := make([]string, 0, len(shown))
	var wait time.Duration
	for _, one := range shown {
		words = append(words, one.Shown())
		wait = max(wait, one.RetryAfter)
	}
	page := pages.Failure{Words: strings.Join(words, ", "), RetryAfter: wait}
	status := http.StatusInternalServerError
	switch fault.KindOf(err) {
	case fault.Invalid:
		status, page.Kind = http.StatusBadRequest, pages.FailureInvalid
	case fault.Unauthenticated:
		c.signInFirst()
		return
	case fault.Forbidden:
		c.refused(page.Words)
		status, page.Kind = http.StatusForbidden, pages.FailureForbidden
	case fault.NotFound:
		status, page.Kind, page.Words = http.StatusNotFound, pages.FailureMissing, ""
	case fault.Conflict:
		status, page.Kind = http.StatusConflict, pages.FailureInvalid
	case fault.TooMany:
		status, page.Kind = http.StatusTooManyRequests, pages.FailureTooMany
		limits.RetryAfter(c.w.Header(), err)
	case fault.TooLarge:
		status, page.Kind = http.StatusRequestEntityTooLarge, pages.FailureOversize
	case fault.Unavailable:
		status, page.Kind = http.StatusServiceUnavailable, pages.FailureAway
		limits.RetryAfter(c.w.Header(), err)
		c.report(c.ctx(), "something does not answer", err, "route", c.route.Method+" "+c.route.Pattern)
	default:
		if c.ctx().Err() != nil { // the browser went away
			return
		}
		page = pages.Failure{Kind: pages.FailureInternal, Reference: client.RequestID(c.ctx())}
		c.report(c.ctx(), "a request failed", err, "route", c.route.Method+" "+c.route.Pattern, "reference", page.Reference)
	}
	c.failure(status, page)
}

// signInFirst leads to sign-in and from there back. A script gets the bare fact, and loads the page anew.
func (c *call) signInFirst() {
	if c.htmx() {
		c.failure(http.StatusUnauthorized, pages.Failure{Kind: pages.FailureForbidden, Words: "sign in first"})
		return
	}
	_ = c.to(withNext("/sign-in", c.kept()))
}

// refused writes a refusal into the client's log (AC-5). Of visitors who are not signed in nothing is written here: they could fill it.
func (c *call) refused(why string) {
	if c.visit.Session.ID == uuid.Nil {
		return
	}
	e := trail.Entry(c.who(), c.now(), "page.refused")
	e.Target, e.Outcome = "page "+c.route.Method+" "+c.route.Pattern, audit.Refused
	if why != "" {
		e.Detail["reason"] = why
	}
	if err := c.client.Audit.Record(c.ctx(), e); err != nil {
		c.report(c.ctx(), "a refusal could not be logged", err)
	}
}

// failure shows a page of what went wrong. When not even that can be made, a line has to do.
func (c *call) failure(status int, page pages.Failure) {
	c.failed = true
	chrome, err := c.chrome()
	if err != nil {
		chrome = pages.Chrome{Theme: pages.ThemeAuto, Clock: pages.Clock{Now: c.now()}}
	}
	page.Chrome = chrome
	if err := c.render(status, page); err != nil {
		c.report(c.ctx(), "a failure could not be shown", err)
		http.Error(c.w, fmt.Sprintf("%d", status), status)
	}
}
