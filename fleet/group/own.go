package group

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/berth-iac/berth/fleet"
)

// firstMark is the first of the signs that stand for a placeholder while a text is worked on: private ones, that no text has.
const firstMark = '\uE000'

// owner replaces what is one stack's own.
type owner struct {
	values   []ownValue // the longest first
	names    []string   // of placeholders, by mark
	account  bool       // whether the stack's account is known: any other is then somebody else's, and named
	region   bool       // the same for its region
	replacer *strings.Replacer
}

type ownValue struct {
	text string
	mark string
}

func newOwner(m fleet.Member) *owner {
	o := &owner{}
	byText := map[string]string{}
	add := func(name, text string) {
		if _, taken := byText[text]; text != "" && !taken {
			byText[text] = name
		}
	}
	// A value that is two things at once, such as a stack that is named as its client, is always called the same.
	if m.Client != "" && m.Environment != "" {
		for _, between := range []string{"-", "/", "_", "."} {
			add("client", m.Client+between+string(m.Environment))
		}
	}
	add("client", m.Client)
	for _, name := range slices.Sorted(maps.Keys(m.Own)) {
		add(name, m.Own[name])
	}
	add("stack", m.Stack)
	if strings.Contains(m.Client, "-") { // as databases and units write it
		add("client", strings.ReplaceAll(m.Client, "-", "_"))
	}
	o.account, o.region = m.Own["account"] != "", m.Own["region"] != ""
	marks := map[string]string{}
	for _, text := range slices.SortedFunc(maps.Keys(byText), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	}) {
		name := byText[text]
		if marks[name] == "" {
			marks[name] = string(firstMark + rune(len(o.names)))
			o.names = append(o.names, "{"+name+"}")
		}
		o.values = append(o.values, ownValue{text: text, mark: marks[name]})
	}
	var pairs []string
	for i, name := range o.names {
		pairs = append(pairs, string(firstMark+rune(i)), name)
	}
	o.replacer = strings.NewReplacer(pairs...)
	return o
}

// mark puts marks where the stack's own values stand as whole words.
func (o *owner) mark(s string) string {
	for _, v := range o.values {
		if len(v.text) <= len(s) && strings.Contains(s, v.text) {
			s = replaceWord(s, v.text, v.mark)
		}
	}
	return s
}

// expand writes marks as placeholders.
func (o *owner) expand(s string) string {
	if strings.IndexByte(s, 0xEE) < 0 { // the first byte of every mark
		return s
	}
	return o.replacer.Replace(s)
}

func isMark(r rune) bool { return r >= firstMark && r < '\uF8FF' }

// replaceWord replaces word where no letter or digit touches it. A region is followed by its zone's letter at times.
func replaceWord(s, word, by string) string {
	var b strings.Builder
	rest := s
	last := rune(0) // what stands before rest
	for {
		i := strings.Index(rest, word)
		if i < 0 {
			break
		}
		before, after := last, rune(0)
		if i > 0 {
			before, _ = utf8.DecodeLastRuneInString(rest[:i])
		}
		tail := rest[i+len(word):]
		if tail != "" {
			after, _ = utf8.DecodeRuneInString(tail)
		}
		if isWord(after) && zoneLetter(word, tail) {
			after = 0
		}
		b.WriteString(rest[:i])
		if isWord(before) || isWord(after) {
			_, size := utf8.DecodeRuneInString(word)
			b.WriteString(word[:size])
			last, _ = utf8.DecodeRuneInString(word)
			rest = rest[i+size:]
			continue
		}
		b.WriteString(by)
		last, rest = 0, tail
	}
	if b.Len() == 0 {
		return s
	}
	b.WriteString(rest)
	return b.String()
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 127 && !isMark(r)
}

// zoneLetter tells that word is a region's name and tail goes on with a zone's letter: "eu-west-2" and "a/…".
func zoneLetter(word, tail string) bool {
	if strings.Count(word, "-") != 2 || word[len(word)-1] < '1' || word[len(word)-1] > '9' {
		return false
	}
	if tail[0] < 'a' || tail[0] > 'f' {
		return false
	}
	return len(tail) == 1 || !isWord(rune(tail[1]))
}
