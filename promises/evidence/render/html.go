package render

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageScript string

// HTML is the page to hand to a client's auditor: one file that asks the network for nothing.
func HTML(d *evidence.Document, o Options) ([]byte, error) {
	v, err := newView(d, o)
	if err != nil {
		return nil, fmt.Errorf("write evidence as HTML: %w", err)
	}
	page, err := template.New("page").Funcs(functions(v)).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("write evidence as HTML: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("write evidence as HTML: %w", err)
	}
	return b.Bytes(), nil
}

// policy lets the page's own style and script in, by their hashes, and nothing else.
func policy() string {
	source := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + source(pageCSS) + "; script-src " + source(pageScript) + "; base-uri 'none'; form-action 'none'"
}

// A list of resources that are alike is folded when it is longer than most, and shows the first of them.
const most, first = 8, 5

func functions(v *view) template.FuncMap {
	return template.FuncMap{
		// the page's parts
		"policy": policy,
		"css":    func() template.CSS { return template.CSS(pageCSS) },
		"script": func() template.JS { return template.JS(pageScript) },
		// words and figures
		"day": day, "minute": minute, "count": count, "kind": kind, "duty": duty, "levels": levels, "anchor": anchor,
		"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"age":      func(t time.Time) string { return age(t, v.Now) },
		"short":    func(commit string) string { return commit[:min(len(commit), 12)] },
		"maxAge":   func(l string) int { return promises.Level(l).MaxAgeDays() },
		"unproven": func(c evidence.Counts) int { return c.NotShown - c.Stale },
		// how things stand
		"class": class, "sign": sign, "verdict": word, "parts": parts,
		"wants":     func(states []state) bool { return wanting(states[0]) },
		"lookClass": func(l look) string { return class(l.state()) },
		"lookSign":  func(l look) string { return sign(l.state()) },
		"lookWord":  lookWord,
		"verdicts":  func(all []state) []state { return merged(all, func(s state) any { return word(s) }) },
		"reasons":   func(all []state) []state { return merged(all, func(s state) any { return s.Why }) },
		"ends":      func(all []state) []state { return merged(all, func(s state) any { return s.counts() }) },
		"proven": func(all []state) []state {
			return merged(all, func(s state) any { return []any{s.Level, s.At, len(s.Stale)} })
		},
		// long lists
		"fold": func(n int) bool { return n > most },
		"more": func(n int) string { return fmt.Sprintf("and %d more", n-first) },
		"few":  func() int { return first },
	}
}

// wanting tells whether somebody has to look at it.
func wanting(s state) bool {
	return s.Verdict == promises.Broken || s.Verdict == promises.WaivedVerdict || s.IsStale()
}

// part is controls that are shown together.
type part struct {
	Title    string
	Open     bool // somebody has to look at them
	Controls []control
}

func parts(v *view) []part {
	var want, kept, rest part
	for _, c := range v.Controls {
		switch s := c.States[0]; {
		case wanting(s):
			want.Controls = append(want.Controls, c)
		case s.Verdict == promises.Kept:
			kept.Controls = append(kept.Controls, c)
		default:
			rest.Controls = append(rest.Controls, c)
		}
	}
	want.Title, want.Open = count(len(want.Controls), "control to look at", "controls to look at"), true
	kept.Title = count(len(kept.Controls), "control that was kept on ", "controls that were kept on ") + day(v.Now)
	rest.Title = count(len(rest.Controls), "control that the stack has nothing for", "controls that the stack has nothing for")
	return slices.DeleteFunc([]part{want, kept, rest}, func(p part) bool { return len(p.Controls) == 0 })
}

// state is how what was looked at stands by itself.
func (l look) state() state {
	switch {
	case l.Holds:
		return state{Standing: evidence.Standing{Verdict: promises.Kept}}
	case l.Waiver != nil:
		return state{Standing: evidence.Standing{Verdict: promises.WaivedVerdict}}
	}
	return state{Standing: evidence.Standing{Verdict: promises.Broken}}
}

// counts is until when what is shown counts; zero where it does not.
func (s state) counts() time.Time {
	if s.Level == "" {
		return time.Time{}
	}
	return s.ValidUntil
}

func lookWord(l look) string {
	switch {
	case l.Holds:
		return "holds"
	case l.Waiver != nil:
		return "waived"
	}
	return "fails"
}

func class(s state) string {
	if s.IsStale() {
		return "stale"
	}
	return map[promises.Verdict]string{promises.Kept: "kept", promises.Broken: "broken", promises.WaivedVerdict: "waived", promises.ClientsDuty: "client"}[s.Verdict]
}

// sign stands beside the word, for whoever looks for it on the page. The word says all that it says.
func sign(s state) string {
	if s.IsStale() {
		return "!"
	}
	return map[promises.Verdict]string{
		promises.Kept: "✓", promises.Broken: "✗", promises.WaivedVerdict: "~", promises.NotShown: "?", promises.ClientsDuty: "→", promises.NotApplicable: "–",
	}[s.Verdict]
}

func word(s state) string {
	if s.IsStale() {
		return "stale"
	}
	return strings.ReplaceAll(string(s.Verdict), "'", "’")
}

func levels(all []promises.Level) string {
	var words []string
	for _, l := range all {
		words = append(words, string(l))
	}
	return strings.Join(words, ", ")
}

// anchor is an ID as a place on the page.
func anchor(id string) string {
	return "of-" + strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, id)
}
