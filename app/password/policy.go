// Package password says which passwords are good enough, and hashes and compares them (AC-7, AC-9). It knows no account: what
// is stored, who may change it and when it was changed last is the caller's.
//
// The rules: staff of the provider always have those of Staff; a client chooses those of its own users, and starts with Default,
// which asks for length and for a password that is not on the lists that attackers try first, and for nothing that makes people
// write "Summer2026!".
//
// The hash: bcrypt of cost 12 or more, of an HMAC of the password. bcrypt reads 72 bytes and no more, so the whole password is
// folded into 44 characters first: a long pass phrase counts to its last letter. The HMAC's key is no secret; it makes what goes
// into bcrypt unlike any digest that leaked elsewhere, which otherwise could be tried as it is.
package password

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/berth-iac/berth/app/fault"
)

const (
	field = "password"
	// MaxBytes is how long a password may be. It is far beyond what anybody types; it bounds the work of looking at it.
	MaxBytes = 512
	// LeastLength is the shortest that a policy may ask for.
	LeastLength = 8
	// mostLength keeps a policy from asking for what MaxBytes cannot hold.
	mostLength = 128
	// mostHistory bounds how many hashes one change of a password has to compare.
	mostHistory = 12
)

// Policy is what is asked of a password.
type Policy struct {
	MinLength      int           // in characters, not bytes; from LeastLength to 128
	Upper          bool          // at least one capital letter
	Lower          bool          // at least one small letter
	Digit          bool          // at least one digit
	Symbol         bool          // at least one character that is neither letter nor digit; a space is one
	MaxAge         time.Duration // how long it may be used; 0 is without end
	History        int           // how many earlier ones may not come back; 0 to 12
	RefuseBreached bool          // refuse what is on the embedded list, and what is easily derived from it
}

// Staff is what is asked of the provider's staff, whatever a client chooses (AC-7).
func Staff() Policy {
	return Policy{MinLength: 12, Upper: true, Lower: true, Digit: true, Symbol: true, MaxAge: 30 * 24 * time.Hour, History: 5, RefuseBreached: true}
}

// Default is what is asked of a client's users until the client chooses.
func Default() Policy { return Policy{MinLength: 10, RefuseBreached: true} }

// Valid tells whether a policy can be used, all problems at once. A policy weaker than LeastLength is none.
func (p Policy) Valid() error {
	var all []error
	if p.MinLength < LeastLength || p.MinLength > mostLength {
		all = append(all, fault.BadInput("min_length", fmt.Sprintf("it is %d characters", p.MinLength), fmt.Sprintf("choose from %d to %d", LeastLength, mostLength)))
	}
	if p.MaxAge < 0 || (p.MaxAge > 0 && p.MaxAge < 24*time.Hour) {
		all = append(all, fault.BadInput("max_age", "it is less than a day", "choose a day or more, or 0 for no end"))
	}
	if p.History < 0 || p.History > mostHistory {
		all = append(all, fault.BadInput("history", fmt.Sprintf("it is %d", p.History), fmt.Sprintf("choose from 0 to %d", mostHistory)))
	}
	return errors.Join(all...)
}

// Expired tells whether a password last changed at changed has to be changed before it is used again.
func (p Policy) Expired(changed, now time.Time) bool {
	return p.MaxAge > 0 && now.Sub(changed) >= p.MaxAge
}

// Check tells whether candidate may become a password. Every problem is one fault.BadInput of field "password", all joined. about
// is what others know of the person: name, e-mail address, the client's name. History is compared by Hasher.Used.
func Check(p Policy, candidate string, about []string) error {
	if len(candidate) > MaxBytes {
		return bad(fmt.Sprintf("it is longer than %d bytes", MaxBytes), "use a shorter one")
	}
	if !utf8.ValidString(candidate) {
		return bad("it is not valid text", "use letters, digits, symbols and spaces")
	}
	candidate = norm.NFKC.String(candidate)
	var all []error
	if n := utf8.RuneCountInString(candidate); n < max(p.MinLength, LeastLength) {
		all = append(all, bad(fmt.Sprintf("it has %d characters", n), fmt.Sprintf("use at least %d", max(p.MinLength, LeastLength))))
	}
	has := classes(candidate)
	for _, class := range []struct {
		asked, has bool
		msg, fix   string
	}{
		{p.Upper, has.upper, "it has no capital letter", "add one, such as K"},
		{p.Lower, has.lower, "it has no small letter", "add one, such as k"},
		{p.Digit, has.digit, "it has no digit", "add one, such as 7"},
		{p.Symbol, has.symbol, "it has no symbol", "add one, such as & or a space"},
	} {
		if class.asked && !class.has {
			all = append(all, bad(class.msg, class.fix))
		}
	}
	if has.control {
		all = append(all, bad("it has a control character", "use letters, digits, symbols and spaces"))
	}
	if aboutPerson(candidate, about) {
		all = append(all, bad("it is made from your name, your address or your organisation", "use words that have nothing to do with you"))
	}
	if p.RefuseBreached && Common(candidate) {
		all = append(all, bad("it is one of those that attackers try first", "use several words that do not belong together"))
	}
	return errors.Join(all...)
}

func bad(msg, fix string) error { return fault.BadInput(field, msg, fix) }

type classSet struct{ upper, lower, digit, symbol, control bool }

func classes(s string) classSet {
	var c classSet
	for _, r := range s {
		switch {
		case unicode.IsControl(r):
			c.control = true
		case unicode.IsUpper(r):
			c.upper = true
		case unicode.IsDigit(r):
			c.digit = true
		case unicode.IsLower(r):
			c.lower = true
		case !unicode.IsLetter(r):
			c.symbol = true
		}
	}
	return c
}

// aboutPerson tells whether little is left of a password without the words that describe the person.
func aboutPerson(candidate string, about []string) bool {
	rest := strings.ToLower(candidate)
	for _, text := range about {
		words := strings.FieldsFunc(strings.ToLower(norm.NFKC.String(text)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range words {
			if utf8.RuneCountInString(word) >= 4 {
				rest = strings.ReplaceAll(rest, word, "")
			}
		}
	}
	// Somebody called Will may use "Will the heron come back"; "Will2026!!" is only Will.
	return len(rest) < len(candidate) && utf8.RuneCountInString(rest) < 8
}
