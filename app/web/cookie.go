package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
)

// The cookies. With https their names begin with __Host-, so that no other site, not even a neighbour below the same domain, sets them.
const (
	sessionCookie   = "session"
	deviceCookie    = "device"
	visitorCookie   = "visitor"   // before sign-in: what the tokens of forms are bound to
	flashCookie     = "flash"     // what was just done: a name of the table below
	shortcutsCookie = "shortcuts" // off: no keyboard shortcuts in this browser
)

func (s *Site) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// cookie reads a cookie. Of two by one name neither counts: somebody planted one.
func (c *call) cookie(name string) string {
	all := c.r.CookiesNamed(c.cookieName(name))
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

// keep sets a cookie; 0 lasts until the browser is closed.
func (c *call) keep(name, value string, lasts time.Duration) {
	http.SetCookie(c.w, &http.Cookie{
		Name: c.cookieName(name), Value: value, Path: "/", MaxAge: int(lasts.Seconds()), HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (c *call) forget(name string) {
	http.SetCookie(c.w, &http.Cookie{
		Name: c.cookieName(name), Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
}

// signedIn keeps what a browser gets when somebody came in or rose.
func (c *call) signedIn(in accounts.SignedIn) {
	if in.Cookie != "" {
		c.keep(sessionCookie, in.Cookie, 0)
		c.forget(visitorCookie)
	}
	if in.Device != "" {
		c.keep(deviceCookie, in.Device, accounts.DeviceLasts)
	}
	c.visit = in.Visit
}

// tokenField is the name of the field that carries the token.
const tokenField = "csrf"

const tokenBytes = sha256.Size

// bound is what the tokens of a browser's forms are bound to: its session, or before sign-in a cookie of its own. It is made where it is
// missing and asked for.
func (c *call) bound(create bool) string {
	if c.visit.Session.ID != uuid.Nil {
		return "session " + c.visit.Session.ID.String()
	}
	value := c.cookie(visitorCookie)
	if len(value) != 43 {
		value = ""
	}
	if value == "" && c.visitor == "" && create {
		var random [32]byte
		_, _ = rand.Read(random[:]) // it never fails
		c.visitor = base64.RawURLEncoding.EncodeToString(random[:])
		c.keep(visitorCookie, c.visitor, 0)
	}
	if value == "" {
		value = c.visitor
	}
	if value == "" {
		return ""
	}
	return "visitor " + value
}

func (s *Site) mac(bound string) []byte {
	h := hmac.New(sha256.New, s.client.Keys.Derive("web: form tokens"))
	_, _ = h.Write([]byte(bound)) // a hash never fails to be written to
	return h.Sum(nil)
}

// token is the token of a form (AS-4). It is masked anew each time, so that a page's compression tells nothing of it.
func (c *call) token() string {
	mac := c.mac(c.bound(true))
	var both [2 * tokenBytes]byte
	_, _ = rand.Read(both[:tokenBytes]) // it never fails
	subtle.XORBytes(both[tokenBytes:], both[:tokenBytes], mac)
	return base64.RawURLEncoding.EncodeToString(both[:])
}

// rightToken tells whether a form's token is this browser's.
func (c *call) rightToken(token string) bool {
	bound := c.bound(false)
	both, err := base64.RawURLEncoding.DecodeString(token)
	if bound == "" || err != nil || len(both) != 2*tokenBytes {
		return false
	}
	var mac [tokenBytes]byte
	subtle.XORBytes(mac[:], both[:tokenBytes], both[tokenBytes:])
	return hmac.Equal(mac[:], c.mac(bound))
}
