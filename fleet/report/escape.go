package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain is text without what a reader cannot see and a terminal or a browser might obey: control characters, and those that
// turn the direction of writing or have no width. Lines stay when keepLines is set.
func plain(s string, keepLines bool) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' && keepLines:
			b.WriteByte('\n')
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == '\r':
		case hidden(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r) // bytes that are no character have become RuneError
		}
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' { // signs of other writings are looked at one by one
			return false
		}
	}
	return true
}

func hidden(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// inline is text that can stand in a line of Markdown or HTML, though not at its beginning: no sign in it becomes markup, a link, a
// mention of a person or of an issue.
func inline(s string) string {
	s = plain(s, false)
	var b strings.Builder
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		escaped := strings.ContainsRune("&<>`*[]\\|~@#$!%", r)
		switch r {
		case '_': // within a word it is no emphasis
			escaped = i == 0 || !isASCIIWord(rune(s[i-1])) || !isASCIIWord(next)
		case ':': // :smile: and http://
			escaped = i+1 < len(s) && next != ' '
		case '.': // www.somewhere
			escaped = i > 0 && (s[i-1] == 'w' || s[i-1] == 'W')
		}
		if !escaped {
			b.WriteRune(r)
			continue
		}
		b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		// Forges look for these in the text that comes out: a space without width keeps them from what follows.
		if strings.ContainsRune("@#!$%~&", r) && (unicode.IsLetter(next) || unicode.IsDigit(next) || next == '_' || next == '"') {
			b.WriteString("&#8203;")
		}
	}
	return b.String()
}

func isASCIIWord(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// code is foreign text as code, in which forges look for nothing.
func code(s string) string { return "<code>" + inline(s) + "</code>" }

// block is text in lines for a <pre>: Markdown ends there only at its own end tag, which cannot come up inside.
func block(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain(s, true))
}

// clip shortens text to so many bytes, between characters.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	limit = max(limit-len("…"), 0)
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// oneLine is the first line of a text, and a sign where there are more.
func oneLine(s string, limit int) string {
	first, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if more {
		first += " …"
	}
	return clip(first, limit)
}
