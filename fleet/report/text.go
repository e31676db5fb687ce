package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
)

// Style is how text is printed.
type Style struct {
	Color bool
	Width int // columns; 0: unknown, 100 are used
}

// The colours, by what they mean. All sixteen-colour codes, so that the terminal's own theme decides.
const (
	green  = "32"
	yellow = "33"
	red    = "31"
	purple = "35"
	alarm  = "1;31"
	strong = "1"
	faint  = "2"
)

// limits of what a terminal shows of one change.
const (
	minWidth      = 40
	maxTextDiffs  = 12
	maxNameLines  = 3
	maxErrorLines = 12
	indent        = "  "
)

var colors = map[engine.Op]string{engine.OpCreate: green, engine.OpUpdate: yellow, engine.OpReplace: purple, engine.OpDelete: red, engine.OpImport: yellow, engine.OpForget: yellow}

// paper writes lines that fit.
type paper struct {
	w     io.Writer
	color bool
	width int
	err   error
}

func (p *paper) paint(code, text string) string {
	if !p.color || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line prints text after a beginning that the lines it is broken into are indented by. A sign may have a colour of its own.
func (p *paper) line(begin, sign, signColor, color, text string) {
	blank := strings.Repeat(" ", utf8.RuneCountInString(begin+sign))
	for i, part := range wrap(plain(text, false), p.width-len(blank)) {
		lead := blank
		if i == 0 {
			lead = begin + p.paint(signColor, sign)
		}
		p.write(lead + p.paint(color, part))
	}
}

func (p *paper) write(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(text, " ")+"\n")
	}
}

// wrap breaks text into lines of so many characters, between words where it can.
func wrap(text string, width int) []string {
	width = max(width, 8)
	var lines []string
	var b strings.Builder
	used := 0
	flush := func() {
		lines = append(lines, b.String())
		b.Reset()
		used = 0
	}
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > width {
			flush()
		}
		if used > 0 {
			b.WriteByte(' ')
			used++
		}
		for n > width { // used is 0 here
			runes := []rune(word)
			b.WriteString(string(runes[:width]))
			flush()
			word, n = string(runes[width:]), n-width
		}
		b.WriteString(word)
		used += n
	}
	if used > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// Text prints an answer on a terminal, the gravest first.
func Text(w io.Writer, s Style, a *fleet.Answer) error {
	v := newView(a)
	p := &paper{w: w, color: s.Color, width: s.Width}
	if p.width == 0 {
		p.width = 100
	}
	p.width = max(p.width, minWidth)
	verdictColor := map[fleet.Verdict]string{fleet.Failures: alarm, fleet.Dangerous: alarm, fleet.Changes: yellow, fleet.NoChange: green}[v.Verdict]
	p.line("", "", "", verdictColor, v.heading())
	p.line("", "", "", faint, v.about())
	p.line("", "", "", strong, v.counts())
	p.textDangers(v)
	p.textProblems(v)
	p.textPromises(v, "Promises weakened", alarm, v.grave)
	p.textStanding(v)
	if len(v.changes) > 0 {
		p.heading("Changes", "")
		for _, c := range v.changes {
			p.textChange(v, c)
		}
	}
	p.textPromises(v, "Promises otherwise", "", v.mild)
	if len(v.held) > 0 {
		p.heading("Not begun", yellow)
		p.names(indent, v.held)
	}
	if len(v.Notes) > 0 {
		p.write("")
		for _, note := range v.Notes {
			p.line("", "note: ", faint, "", note)
		}
	}
	return p.err
}

func (p *paper) heading(text, color string) {
	p.write("")
	if color == "" {
		color = strong
	}
	p.line("", "", "", color, text)
}

func (p *paper) textDangers(v *view) {
	if len(v.dangers) == 0 {
		return
	}
	p.heading("Data is lost", alarm)
	for _, c := range v.dangers {
		c.Title += " (holds " + c.Stateful + ")"
		p.textChange(v, c)
	}
}

func (p *paper) textChange(v *view, c change) {
	text := v.people(c.Stacks) + ": " + c.title()
	p.line(indent, signs[c.Op]+" ", colors[c.Op], strong, text)
	inner := indent + indent + indent
	for i, d := range c.Diffs {
		if i == maxTextDiffs && len(c.Diffs) > maxTextDiffs+1 {
			p.line(inner, "", "", faint, fmt.Sprintf("and %d more properties", len(c.Diffs)-i))
			break
		}
		if d.Old == nil && d.New == nil && d.Kind == "" {
			continue
		}
		shown := strings.Split(plain(values(d), true), "\n")
		for k, line := range shown {
			if k > 8 {
				p.line(inner, "", "", faint, fmt.Sprintf("and %d more lines", len(shown)-k))
				break
			}
			lead := line[:len(line)-len(strings.TrimLeft(line, " "))]
			p.line(inner+lead, "", "", "", line)
		}
	}
	if len(c.also) > 0 {
		var also []string
		for _, g := range c.also {
			also = append(also, g.Name)
		}
		p.names(inner+"the same of ", also)
	}
	for _, g := range c.follows {
		p.line(inner, "↳ ", faint, "", "and so "+g.Title)
	}
	p.names(inner, c.Stacks)
}

// names prints names on a few lines and counts the rest.
func (p *paper) names(begin string, all []string) {
	width := p.width - utf8.RuneCountInString(begin)
	used, lines, count := 0, 1, 0
	for _, name := range all {
		n := utf8.RuneCountInString(name) + 2
		room := width
		if lines == maxNameLines {
			room = width - 16 // " and 1000 more"
		}
		if used > 0 && used+n > room {
			if lines == maxNameLines {
				break
			}
			lines++
			used = 0
		}
		used += n
		count++
	}
	text := strings.Join(all[:count], ", ")
	if count < len(all) {
		text += fmt.Sprintf(" and %d more", len(all)-count)
	}
	p.line(begin, "", "", faint, text)
}

func (p *paper) textProblems(v *view) {
	if len(v.problems) == 0 {
		return
	}
	p.heading("Without an answer", alarm)
	for _, problem := range v.problems {
		p.line(indent, "! ", alarm, strong, v.people(problem.stacks)+" "+string(problem.status)+": "+strings.Join(problem.stacks[:min(3, len(problem.stacks))], ", ")+more(len(problem.stacks)-3))
		lines := strings.Split(plain(problem.text, true), "\n")
		for i, line := range lines {
			if i == maxErrorLines && len(lines) > maxErrorLines+1 {
				p.line(indent+indent+indent, "", "", faint, fmt.Sprintf("and %d more lines", len(lines)-i))
				break
			}
			p.line(indent+indent+indent, "", "", "", line)
		}
	}
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func (p *paper) textPromises(v *view, heading, color string, groups []fleet.PromiseGroup) {
	if len(groups) == 0 {
		return
	}
	p.heading(heading, color)
	for _, g := range groups {
		p.line(indent, "", "", "", v.people(g.Stacks)+": "+string(g.Effect)+" "+g.ID+" "+g.Title)
		for i, point := range g.Points {
			if i == 6 && len(g.Points) > 7 {
				p.line(indent+indent+indent, "", "", faint, fmt.Sprintf("and %d more", len(g.Points)-i))
				break
			}
			p.line(indent+indent+indent, "", "", "", point)
		}
		p.names(indent+indent+indent, g.Stacks)
	}
}

func (p *paper) textStanding(v *view) {
	if len(v.standing) == 0 {
		return
	}
	p.heading("Promises broken", alarm)
	for _, e := range v.standing {
		p.line(indent, "! ", alarm, "", e.Stack+": "+standingOf(e))
	}
}
