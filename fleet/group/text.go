package group

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

func isLong(s string) bool { return len(s) > longText || strings.IndexByte(s, '\n') >= 0 }

// isProse tells a sentence from an expression: words with little between them.
func isProse(s string) bool {
	letters := 0
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
		case r == ' ', unicode.IsDigit(r), strings.ContainsRune(".,;:'’!?()-–—%", r):
		default:
			return false
		}
	}
	return letters > len(s)/2 && strings.Count(s, " ") >= minProse-1
}

// parsed is what a text in JSON holds; nil for every other value.
func parsed(v any) any {
	s, ok := v.(string)
	if !ok || len(s) < 2 || s[0] != '{' && s[0] != '[' {
		return nil
	}
	var out any
	if json.Unmarshal([]byte(s), &out) != nil {
		return nil
	}
	return out
}

// decoded is the text inside base64, and inside gzip in it, as machines are handed theirs.
func decoded(s string) string {
	if len(s) < 64 || strings.ContainsAny(s, " \n\"{:") {
		return s
	}
	inside, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return s
	}
	if len(inside) > 2 && inside[0] == 0x1f && inside[1] == 0x8b {
		if r, err := gzip.NewReader(bytes.NewReader(inside)); err == nil {
			if text, err := io.ReadAll(io.LimitReader(r, maxDecoding)); err == nil {
				inside = text
			}
		}
	}
	text := string(inside)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }) {
		return s
	}
	return text
}

// fields are the parts that texts are compared by: lines, or words where there is one line.
func fields(s string, words bool) []string {
	if s == "" {
		return nil
	}
	if words || strings.IndexByte(s, '\n') < 0 {
		return strings.Fields(s)
	}
	return strings.Split(s, "\n")
}

// difference is what each list has more of than the other, in order.
func difference(a, b []string) (onlyA, onlyB []string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	count := make(map[string]int, len(a))
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		if count[s] > 0 {
			count[s]--
		} else if strings.TrimSpace(s) != "" {
			onlyB = append(onlyB, s)
		}
	}
	for i := len(a) - 1; i >= 0; i-- { // what is left of the count are the last ones
		if s := a[i]; count[s] > 0 {
			count[s]--
			if strings.TrimSpace(s) != "" {
				onlyA = append(onlyA, s)
			}
		}
	}
	for i, j := 0, len(onlyA)-1; i < j; i, j = i+1, j-1 {
		onlyA[i], onlyA[j] = onlyA[j], onlyA[i]
	}
	return onlyA, onlyB
}

// setting tells a line that sets something from one of a text, so that no switch or number is left out of account. In prose it
// is a number or a switch by itself.
func setting(line string, prose bool) (string, bool) {
	line = strings.Trim(strings.TrimSpace(line), ",;.\"'")
	if prose {
		return line, isSwitch(line)
	}
	i := strings.IndexAny(line, "=: \t")
	if i <= 0 || len(line) > 120 {
		return line, isSwitch(line)
	}
	value := strings.Trim(line[i+1:], "=: \t\"'`,;")
	if isSwitch(value) {
		return line, true
	}
	if line[i] == ' ' || line[i] == '\t' {
		if rest := strings.TrimLeft(line[i:], " \t"); !strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, ":") {
			return "", false
		}
	}
	return line, isWordValue(value)
}

// switches are the words that turn something on, off, open or shut.
var switches = map[string]bool{"true": true, "false": true, "on": true, "off": true, "yes": true, "no": true, "enabled": true,
	"disabled": true, "enable": true, "disable": true, "allow": true, "deny": true, "accept": true, "drop": true, "reject": true,
	"none": true, "all": true, "any": true, "public": true, "private": true, "required": true, "optional": true, "*": true}

// isSwitch tells a switch or a number, with a unit perhaps.
func isSwitch(word string) bool {
	if switches[strings.ToLower(word)] {
		return true
	}
	if word == "" || len(word) > 16 || word[0] < '0' || word[0] > '9' {
		return false
	}
	number := strings.TrimLeft(word, "0123456789.,_")
	return len(number) <= 3
}

// isWordValue tells a single word such as "debug" from a client's own text.
func isWordValue(v string) bool {
	if v == "" || len(v) > 24 {
		return false
	}
	for i := range len(v) {
		if c := v[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// clip shortens a text to so many bytes, between characters.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	limit -= len("…")
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
