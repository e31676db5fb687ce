package report

import (
	"cmp"
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/berth-iac/berth/fleet"
)

// DefaultLimit is below what GitHub takes as a comment (65,536 characters), and so below what others take.
const DefaultLimit = 65_000

// minLimit is what the heading and the line that says what is left out need.
const minLimit = 2_000

// MarkdownOptions are how a comment is written.
type MarkdownOptions struct {
	// Marker tells this comment from others of berth's on the same pull request, in letters, digits and hyphens. Default "fleet".
	Marker string
	// Limit is how many bytes the comment may have, and so how many characters at most. Default DefaultLimit; at least 2,000.
	Limit int
	// Whole is where the whole answer is: an address, or an artefact's name. Empty: nowhere.
	Whole string
}

// notMarker is what a marker must not hold: it could end the comment that it stands in.
var notMarker = regexp.MustCompile(`[^A-Za-z0-9]+`)

// MarkerLine is the first line of a comment with such a marker, by which CI finds it again.
func MarkerLine(marker string) string {
	return "<!-- berth:" + cmp.Or(strings.Trim(notMarker.ReplaceAllString(marker, "-"), "-"), "fleet") + " -->"
}

// part is one thing that a comment says: a line, and what can be unfolded below it.
type part struct {
	heading string // of the section that it begins
	line    string
	detail  string
}

// Markdown is an answer as a comment on a pull request: the gravest first, details folded. When it is longer than it may be, details
// are left out from the mildest on, then lines, and the end says how many and where the whole is.
func Markdown(a *fleet.Answer, o MarkdownOptions) string {
	v := newView(a)
	limit := max(cmp.Or(o.Limit, DefaultLimit), minLimit)
	head := MarkerLine(clip(o.Marker, 80)) + "\n## " + inline(v.heading()) + "\n\n" + inline(clip(v.about(), 300)) + "<br>\n<b>" + inline(v.counts()) + "</b>\n"
	parts := v.parts()
	whole := ""
	if o.Whole != "" {
		whole = " The whole answer is in " + code(clip(o.Whole, 300)) + "."
		if strings.HasPrefix(o.Whole, "https://") && len(o.Whole) <= 300 {
			whole = ` <a href="` + html.EscapeString(plain(o.Whole, false)) + `">The whole answer</a>.`
		}
	}
	foot := func(lines, details int) string {
		var left []string
		if lines > 0 {
			left = append(left, plural(lines, "milder point", "milder points"))
		}
		if details > 0 {
			left = append(left, "the details of "+plural(details, "milder point", "milder points"))
		}
		switch {
		case len(left) > 0:
			return "\n<b>Left out, for length:</b> " + strings.Join(left, " and ") + "." + whole + "\n"
		case whole != "":
			return "\n" + strings.TrimSpace(whole) + "\n"
		}
		return ""
	}
	// First every line, the gravest first, then details in the same order: neither ever makes room for a milder one.
	room := limit - len(head) - len(foot(len(parts), len(parts)))
	lines := 0
	for lines < len(parts) && room >= len(parts[lines].text(false)) {
		room -= len(parts[lines].text(false))
		lines++
	}
	details, detailed, left := true, 0, 0
	for i := range parts[:lines] {
		more := len(parts[i].text(true)) - len(parts[i].text(false))
		details = details && more <= room
		switch {
		case details:
			room -= more
			detailed = i + 1
		case parts[i].detail != "":
			left++
		}
	}
	var b strings.Builder
	b.WriteString(head)
	for i := range parts[:lines] {
		b.WriteString(parts[i].text(i < detailed))
	}
	b.WriteString(foot(len(parts)-lines, left))
	return b.String()
}

func (p part) text(detailed bool) string {
	head := ""
	if p.heading != "" {
		head = "\n### " + p.heading + "\n\n"
	}
	if !detailed || p.detail == "" {
		// A line of its own, wherever it stands: a list's item would take in what follows it.
		return head + p.line + "<br>\n"
	}
	return head + "<details><summary>" + p.line + "</summary>\n\n" + p.detail + "\n</details>\n\n"
}

// limits of one point in a comment, so that none takes the room of all.
const (
	maxTitle  = 240
	maxNames  = 3_000
	maxDetail = 6_000
)

// parts are all that there is to say, the gravest first.
func (v *view) parts() []part {
	var parts []part
	section := func(heading string, points []part) {
		if len(points) > 0 {
			points[0].heading = heading
			parts = append(parts, points...)
		}
	}
	section("Data is lost", v.changeParts(v.dangers))
	section("Without an answer", v.problemParts())
	section("Promises weakened", v.promiseParts(v.grave))
	section("Promises broken", v.standingParts())
	section("Changes", v.changeParts(v.changes))
	section("Promises otherwise", v.promiseParts(v.mild))
	var rest []part
	if len(v.held) > 0 {
		rest = append(rest, part{line: "<b>" + v.people(v.held) + "</b> not begun", detail: names(v.held)})
	}
	for _, note := range v.Notes {
		rest = append(rest, part{line: "<b>Note</b>: " + inline(clip(note, maxTitle))})
	}
	if len(v.same) > 0 {
		rest = append(rest, part{line: "<b>" + v.people(v.same) + "</b> without changes", detail: names(v.same)})
	}
	section("Besides", rest)
	return parts
}

func (v *view) changeParts(changes []change) []part {
	var parts []part
	for _, c := range changes {
		line := "<b>" + v.people(c.Stacks) + "</b>: " + inline(clip(c.title(), maxTitle))
		if c.Danger {
			line += " (holds " + inline(clip(c.Stateful, 80)) + ")"
			line += few(c.Stacks)
		}
		var b strings.Builder
		b.WriteString("<pre>\n" + block(clip(c.detail(), maxDetail)) + "\n</pre>\n\n" + names(c.Stacks))
		parts = append(parts, part{line: line, detail: b.String()})
	}
	return parts
}

// few names stacks on the line itself where they are few.
func few(stacks []string) string {
	const most = 3
	var named []string
	for _, stack := range stacks[:min(most, len(stacks))] {
		named = append(named, code(clip(stack, 60)))
	}
	text := " – " + strings.Join(named, ", ")
	if n := len(stacks) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// detail says what changes in a change, in lines.
func (c change) detail() string {
	var b strings.Builder
	place := c.Component
	if place == "" {
		place = "the stack itself"
	}
	fmt.Fprintf(&b, "%s %s  %s, in %s\n", signs[c.Op], c.Name, c.Type, place)
	if len(c.Replaces) > 0 {
		fmt.Fprintf(&b, "  replaced because of %s\n", strings.Join(c.Replaces, ", "))
	}
	for _, d := range c.Diffs {
		b.WriteString(indented("  ", values(d)) + "\n")
	}
	if len(c.also) > 0 {
		b.WriteString("the same of\n")
		for _, g := range c.also {
			fmt.Fprintf(&b, "%s %s  %s\n", signs[g.Op], g.Name, g.Type)
		}
	}
	for _, g := range c.follows {
		fmt.Fprintf(&b, "and so %s\n", g.Title)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (v *view) problemParts() []part {
	var parts []part
	for _, p := range v.problems {
		line := "<b>" + v.people(p.stacks) + "</b> " + inline(string(p.status)) + ": " + inline(oneLine(p.text, maxTitle)) + few(p.stacks)
		detail := names(p.stacks)
		if strings.Contains(p.text, "\n") || len(p.text) > maxTitle {
			detail = "<pre>\n" + block(clip(p.text, maxDetail)) + "\n</pre>\n\n" + detail
		} else if len(p.stacks) <= 3 {
			detail = "" // the line says it all
		}
		parts = append(parts, part{line: line, detail: detail})
	}
	return parts
}

func (v *view) promiseParts(groups []fleet.PromiseGroup) []part {
	var parts []part
	for _, p := range groups {
		line := "<b>" + v.people(p.Stacks) + "</b>: " + inline(string(p.Effect)+" "+clip(p.ID, 40)+" "+clip(p.Title, maxTitle))
		detail := names(p.Stacks)
		if len(p.Points) > 0 {
			detail = "<pre>\n" + block(clip(strings.Join(p.Points, "\n"), maxDetail)) + "\n</pre>\n\n" + detail
		}
		parts = append(parts, part{line: line, detail: detail})
	}
	return parts
}

func (v *view) standingParts() []part {
	var parts []part
	for _, e := range v.standing {
		parts = append(parts, part{line: code(clip(e.Stack, 60)) + ": <b>" + inline(standingOf(e)) + "</b>"})
	}
	return parts
}

// names are stacks' names in a paragraph.
func names(stacks []string) string {
	var b strings.Builder
	for i, stack := range stacks {
		text := code(clip(stack, 80))
		if b.Len()+len(text) > maxNames {
			fmt.Fprintf(&b, " and %d more", len(stacks)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
	return b.String() + "\n"
}
