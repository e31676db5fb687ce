package audit

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// LeftOut stands where a secret was.
const LeftOut = "(left out)"

const (
	maxDetails = 30  // with all of it escaped, they stay below schema.MaxAuditDetail
	maxValue   = 300 // characters
)

var (
	secretName  = regexp.MustCompile(`(?i)pass(word|phrase|wd)?|secret|token|cookie|authori[sz]ation|credential|totp|otp|recovery|private|hash|seal|session|csrf|signature|(^|[._-]|api)key$`)
	secretValue = regexp.MustCompile(`tfp_[A-Za-z0-9_-]{20,}|\$2[aby]\$[0-9]{2}\$|-----BEGIN|(?i:bearer|basic)\s+[A-Za-z0-9+/=_.-]{8,}|AGE-SECRET-KEY-|A(KI|SI)A[A-Z0-9]{16}|eyJ[A-Za-z0-9_-]{10,}\.`)
)

// Redact gives the detail that may be logged: what is named like a secret or looks like one is left out, what is long is cut.
func Redact(detail map[string]string) map[string]string {
	safe := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		if len(safe) == maxDetails {
			break
		}
		value := detail[name]
		if secretName.MatchString(name) || secretValue.MatchString(value) {
			value = LeftOut
		}
		if secretValue.MatchString(name) {
			continue
		}
		safe[oneLine(name, 50)] = oneLine(value, maxValue)
	}
	return safe
}

// oneLine makes text of one line of it, of at most so many characters.
func oneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// ascii is text of which every character is one byte, as an address is.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, text)
}
