package web

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

// The limits of what a browser sends.
const (
	maxForm   = 512 << 10 // bytes: the largest text, encoded, and room
	maxFields = 1000
	maxQuery  = 4 << 10
)

// readForm reads a form, within its limits of size, number and time.
func (c *call) readForm() error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return fault.BadInput("", "it is no form", "send it from the page")
	}
	stop := c.hurry(c.options.FormTime)
	defer stop()
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		if tooMuch, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return tooMuch
		}
		return fault.BadInput("", "the form could not be read", "send it again").Because(err)
	}
	c.form = c.r.PostForm
	n := 0
	for _, values := range c.form {
		n += len(values)
	}
	if n > maxFields {
		return fault.Oversize("", "the form has too many fields", "send fewer")
	}
	return nil
}

// hurry ends the reading of a body that takes too long. The clock is the runtime's: what it sets is a time long past.
func (c *call) hurry(within time.Duration) (stop func()) {
	control := http.NewResponseController(c.w)
	timer := time.AfterFunc(within, func() {
		_ = control.SetReadDeadline(time.Unix(1, 0)) // where it cannot be set, the server's own limits hold
	})
	return func() { timer.Stop() }
}

// ids are a field's ids; what is none is a problem of the field.
func ids(form url.Values, field string) ([]uuid.UUID, error) {
	all := []uuid.UUID{}
	for _, text := range form[field] {
		if text == "" {
			continue
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, fault.BadInput(field, "there is no such choice", "choose one of the list")
		}
		all = append(all, id)
	}
	return all, nil
}

// oneID is a field's id; uuid.Nil where it is empty.
func oneID(form url.Values, field string) (uuid.UUID, error) {
	text := form.Get(field)
	if text == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, fault.BadInput(field, "there is no such choice", "choose one of the list")
	}
	return id, nil
}

// number is a field's whole number; 0 where it is empty.
func number(form url.Values, field string) (int, error) {
	text := strings.TrimSpace(form.Get(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return 0, fault.BadInput(field, "it is no number", "write it with digits")
	}
	return n, nil
}

// same tells whether a new password was typed alike twice.
func same(form url.Values) error {
	if form.Get("password") != form.Get("password-again") {
		return fault.BadInput("password-again", "the two are not the same", "type it once more")
	}
	return nil
}

// flash is a message about what was just done, by its name.
type flash string

// unsent says that a mail was made, and that nothing sends it.
const unsent flash = "unsent"

// posted is done, after something that went out by mail.
func (c *call) posted(what flash, where string) error {
	if !c.client.Mails() {
		what = unsent
	}
	return c.done(what, where)
}

func flashes(name flash) (string, bool) {
	text, known := map[flash]string{
		"saved": "Saved.", "created": "Created.", "deleted": "Deleted.", "archived": "The project was put away.", "fetched": "The project is back.",
		"invited": "The invitations are on their way.", unsent: "This service sends no e-mail. Whoever runs it prints a link for each of them: taskflow user invite.", "sent": "Sent.", "signed-out": "Signed out there.", "password": "Your password was changed.",
		"reset": "Your new password is set. Sign in with it.", "withdrawn": "The invitation was withdrawn.", "revoked": "Revoked.",
		"closed": "The account is closed.", "opened": "The account is open again.", "factor-off": "The second step is off.",
		"grant": "Support access is open.", "grant-ended": "Support access has ended.", "bye": "You are signed out.", "on": "Switched on.", "off": "Switched off.",
		"welcome-later": "Your password is set. Signing in is possible while support access is open.", "read": "All read.",
	}[name]
	return text, known
}

// flashed is the message that the page before left, which is shown once.
func (c *call) flashed() *pages.Flash {
	name := c.cookie(flashCookie)
	if name == "" {
		return nil
	}
	c.forget(flashCookie)
	text, known := flashes(flash(name))
	if !known {
		return nil
	}
	kind := pages.FlashGood
	if flash(name) == unsent {
		kind = pages.FlashWarning
	}
	return &pages.Flash{Kind: kind, Text: text}
}
