package show

import (
	"io"
	"strings"

	"github.com/berth-iac/berth/promises"
)

// Page is everything that is known of one promise, as it is printed.
type Page struct {
	Title, Text string
	Standing    *promises.Result // nil: not judged on a stack
	facts       [][2]string
}

// Add adds a line with its label; a label that repeats is printed once.
func (p *Page) Add(label, text string) { p.facts = append(p.facts, [2]string{label, text}) }

var verdictColors = map[promises.Verdict]string{
	promises.Kept: added, promises.Broken: danger, promises.WaivedVerdict: changed, promises.NotShown: faint,
	promises.ClientsDuty: faint, promises.NotApplicable: faint,
}

// Explanation prints a page.
func Explanation(w io.Writer, s Style, p Page) {
	line(w, "%s", s.paint(strong, p.Title))
	if p.Text != "" {
		wrap(w, p.Text, "", s.room(0))
	}
	line(w, "")
	width, last := 0, ""
	for _, fact := range p.facts {
		width = max(width, len([]rune(fact[0])))
	}
	for _, fact := range p.facts {
		label := fact[0]
		if label == last {
			label = ""
		}
		last = fact[0]
		head := "  " + s.paint(faint, pad(label, width)) + "  "
		for i, text := range lines(fact[1], s.room(width+4)) {
			if i > 0 {
				head = strings.Repeat(" ", width+4)
			}
			line(w, "%s%s", head, text)
		}
	}
	if p.Standing == nil {
		return
	}
	r := p.Standing
	line(w, "")
	verdict := strings.ToUpper(string(r.Verdict))
	if r.Why != "" {
		verdict += ": " + r.Why
	}
	line(w, "%s", s.paint(verdictColors[r.Verdict], verdict))
	for _, f := range r.Findings {
		mark, color := "✓", added
		switch {
		case !f.Holds && f.Waiver != nil:
			mark, color = "~", changed
		case !f.Holds:
			mark, color = "✗", danger
		}
		name := f.Resource
		if f.Property != "" {
			name += "." + f.Property
		}
		line(w, "  %s %s %s", s.paint(color, mark), name, s.paint(faint, Kind(f.Type)))
		wrap(w, "found "+f.Found+"; expected "+f.Expected, "      ", s.room(6))
		if f.Fix != "" {
			wrap(w, "to mend it: "+f.Fix, "      ", s.room(6))
		}
		if f.Waiver != nil {
			wrap(w, "waived until "+f.Waiver.Expires+" by "+f.Waiver.Owner+": "+f.Waiver.Reason, "      ", s.room(6))
		}
	}
}

// ListRow is one line of a list by groups.
type ListRow struct{ Group, ID, Title, Note string }

// List prints rows, each group under its title.
func List(w io.Writer, s Style, rows []ListRow) {
	width, group := 0, ""
	for _, row := range rows {
		width = max(width, len(row.ID))
	}
	for _, row := range rows {
		if row.Group != group {
			if group != "" {
				line(w, "")
			}
			line(w, "%s", s.paint(strong, row.Group))
			group = row.Group
		}
		note := ""
		if row.Note != "" {
			note = s.paint(faint, "  ("+row.Note+")")
		}
		line(w, "  %s  %s%s", pad(row.ID, width), row.Title, note)
	}
}

// room is how many columns text has beside an indent.
func (s Style) room(indent int) int {
	if s.Width == 0 {
		return 100 - indent
	}
	return max(s.Width-indent, 40)
}

func wrap(w io.Writer, text, indent string, width int) {
	for _, part := range lines(text, width) {
		line(w, "%s%s", indent, part)
	}
}

// lines breaks text between words.
func lines(text string, width int) []string {
	var out []string
	current := ""
	for _, word := range strings.Fields(text) {
		switch {
		case current == "":
			current = word
		case len([]rune(current))+1+len([]rune(word)) <= width:
			current += " " + word
		default:
			out, current = append(out, current), word
		}
	}
	return append(out, current)
}
