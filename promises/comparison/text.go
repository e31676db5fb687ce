package comparison

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style is how the comparison is printed on a terminal.
type Style struct {
	Color bool
	Width int // columns; 0: unknown
}

const (
	plainWidth  = 100 // where nobody tells
	leastWidth  = 40
	tableWidth  = 72 // below this, a row's cells stand in a line of their own
	cellWidth   = 9
	idWidth     = 6
	mostColumns = 120 // longer lines are hard to read
)

// The colours, by what they mean. All sixteen-colour codes, so that the terminal's own theme decides.
const (
	strong = "1"
	faint  = "2"
)

var colors = map[Keeper]string{We: "32", Shared: "36", InPart: "33", You: "34", NotOffered: faint}

// printer writes lines of a terminal.
type printer struct {
	b     strings.Builder
	style Style
}

// Text writes the comparison for a terminal.
func (c *Comparison) Text(w io.Writer, style Style) error {
	if style.Width == 0 {
		style.Width = plainWidth
	}
	style.Width = min(max(style.Width, leastWidth), mostColumns)
	p := &printer{style: style}
	p.line(p.paint(strong, title))
	p.wrap("", lead)
	for _, k := range c.Kinds {
		p.line("")
		p.line(p.paint(strong, fmt.Sprintf("%s  %s", k.Hosting, k.Title)))
		p.wrap("   ", k.For)
		p.wrap("   ", "You "+strings.Join(k.YourOwn, "; ")+".")
		if len(k.Limits) > 0 {
			p.wrap("   ", limitsTitle+": "+strings.Join(k.Limits, "; ")+".")
		}
		p.wrap("   ", k.tally())
	}
	p.line("")
	for _, k := range Keepers() {
		p.hang(p.paint(colors[k], pad(string(k), cellWidth)), cellWidth, k.Meaning())
	}
	p.line("")
	p.wrap("", c.proofNote())
	for _, s := range c.sections() {
		p.line("")
		p.line(p.paint(strong, s.Title))
		if s.Lead != "" {
			p.wrap("", s.Lead)
		}
		for _, g := range s.Groups {
			p.line("")
			p.head(c, g)
			for _, row := range g.Rows {
				p.row(row)
			}
		}
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// head is the line above a group's rows.
func (p *printer) head(c *Comparison, g Group) {
	if len(g.Rows[0].Cells) == 0 || p.style.Width < tableWidth {
		p.line(p.paint(strong, g.Title))
		return
	}
	line := p.paint(strong, pad(g.Title, p.style.Width-cellWidth*len(c.Kinds)))
	for _, k := range c.Kinds {
		line += p.paint(strong, pad(string(k.Hosting), cellWidth))
	}
	p.line(line)
}

func (p *printer) row(row Row) {
	width := p.style.Width - idWidth
	if len(row.Cells) > 0 && p.style.Width >= tableWidth {
		width -= cellWidth * len(row.Cells)
	}
	for i, text := range fold(row.Title, width-1) {
		id := ""
		if i == 0 {
			id = row.ID
		}
		line := pad(id, idWidth) + pad(text, width)
		if i == 0 && p.style.Width >= tableWidth {
			for _, cell := range row.Cells {
				line += p.paint(colors[cell.Keeper], pad(string(cell.Keeper), cellWidth))
			}
		}
		p.line(line)
	}
	indent := strings.Repeat(" ", idWidth)
	if p.style.Width < tableWidth && len(row.Cells) > 0 {
		var keepers []string
		for _, cell := range row.Cells {
			keepers = append(keepers, fmt.Sprintf("%s %s", cell.Hosting, cell.Keeper))
		}
		p.wrap(indent, strings.Join(keepers, " · "))
	}
	p.wrap(indent, figures(row.Parameters))
	for _, f := range row.byFigures() {
		mark := indent + f.hostings + ": "
		p.hang(mark, len(mark), f.text)
	}
	note := row.proofs()
	if row.Company && len(row.Cells) > 0 {
		note += "; " + companyNote
	}
	p.faint(indent, note)
}

// tally counts a kind's promises by keeper.
func (k Kind) tally() string {
	var counts []string
	for _, keeper := range Keepers() {
		if n := k.Counts[keeper]; n > 0 {
			counts = append(counts, fmt.Sprintf("%s: %d", keeper, n))
		}
	}
	return "Promises by who keeps them: " + strings.Join(counts, ", ") + "."
}

func (p *printer) paint(code, text string) string {
	if !p.style.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *printer) line(text string) { p.b.WriteString(strings.TrimRight(text, " ") + "\n") }

// wrap writes text in lines that fit.
func (p *printer) wrap(indent, text string) {
	for _, line := range fold(text, p.style.Width-len(indent)) {
		p.line(indent + line)
	}
}

func (p *printer) faint(indent, text string) {
	for _, line := range fold(text, p.style.Width-len(indent)) {
		p.line(indent + p.paint(faint, line))
	}
}

// hang writes text behind a mark of a width; its further lines begin where the first did.
func (p *printer) hang(mark string, width int, text string) {
	for i, line := range fold(text, p.style.Width-width) {
		if i > 0 {
			mark = strings.Repeat(" ", width)
		}
		p.line(mark + line)
	}
}

// fold breaks text into lines of a width in characters, between words.
func fold(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// pad fills text with spaces up to a width in characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
