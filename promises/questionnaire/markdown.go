package questionnaire

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// markdownFile is Markdown as it was read, line by line, with the places where answers go.
type markdownFile struct {
	lines  []string // with what ends them
	ending string   // what ends a line: "\n" or "\r\n"
	places []place  // one for each question
	wider  []table
}

// place is where the answer to a question goes: below the text of a list item, or into a cell of a table.
type place struct {
	line   int    // index of the last line of the question
	indent string // of a list item's text
	cell   bool
	column int // of the answers, in a table
}

// table is a table that gets a column for answers.
type table struct {
	first, last int // its lines: names, rule, rows
	column      int // the new one
}

var (
	headingLine   = regexp.MustCompile(`^ {0,3}#{1,6}(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$`)
	underline     = regexp.MustCompile(`^ {0,3}(?:=+|-{2,})[ \t]*$`)
	fenceLine     = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})")
	itemLine      = regexp.MustCompile(`^([ \t]*)([-*+]|\d{1,9}[.)])([ \t]+)(\S.*)$`)
	checkbox      = regexp.MustCompile(`^\[[ xX]\][ \t]+`)
	ruleCell      = regexp.MustCompile(`^:?-+:?$`)
	thematicBreak = regexp.MustCompile(`^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$`)
	link          = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	marks         = strings.NewReplacer("**", "", "__", "", "`", "", "<br>", " ", "<br/>", " ", "<br />", " ")
)

// asks are the words with which a question begins that has no question mark.
var asks = []string{
	"describe", "explain", "list", "state", "provide", "specify", "name", "confirm", "outline", "detail", "give", "tell", "indicate",
	"please", "show", "summarise", "identify", "what", "how", "who", "where", "when", "which", "why",
}

func (q *Questionnaire) readMarkdown(data []byte) Problems {
	f := &markdownFile{lines: strings.SplitAfter(string(data), "\n"), ending: "\n"}
	if strings.Contains(f.lines[0], "\r\n") {
		f.ending = "\r\n"
	}
	var problems Problems
	section := ""
	for i := 0; i < len(f.lines); i++ {
		text := f.line(i)
		below := ""
		if i+1 < len(f.lines) {
			below = f.line(i + 1)
		}
		last, unclosed := f.passedOver(i)
		if unclosed != nil {
			problems = append(problems, Problem{q.Name, i + 1, unclosed.Found, unclosed.Fix})
		}
		switch {
		case last >= i:
			i = last
		case headingLine.MatchString(text):
			section = plain(headingLine.FindStringSubmatch(text)[1])
		case isTitle(text) && underline.MatchString(below):
			section = plain(text)
			i++
		case isRule(below, text):
			last, found := q.readTable(f, i, section)
			problems = append(problems, found...)
			i = last
		case itemLine.MatchString(text) && !thematicBreak.MatchString(text):
			i = q.readItem(f, i, section)
		}
	}
	if len(q.Questions) == 0 && len(problems) == 0 {
		problems = Problems{{File: q.Name, Found: "no question was found",
			Fix: `write questions as items of a list, ending with "?" or beginning with a word such as "describe", or in a table with a column "Question"`}}
	}
	q.file = f
	return problems
}

// passedOver is the last line of the code block or comment that begins in line i, and before i where none
// does. unclosed says what is wrong with one that does not end.
func (f *markdownFile) passedOver(i int) (last int, unclosed *Problem) {
	text := f.line(i)
	if fence := fenceLine.FindStringSubmatch(text); fence != nil {
		for last = i + 1; last < len(f.lines); last++ {
			trimmed := strings.TrimSpace(f.line(last))
			if strings.HasPrefix(trimmed, fence[1]) && strings.Trim(trimmed, fence[1][:1]) == "" {
				return last, nil
			}
		}
		return len(f.lines), &Problem{Found: "the code block that opens here is never closed", Fix: "close it with a line of " + fence[1]}
	}
	if strings.HasPrefix(strings.TrimSpace(text), "<!--") {
		for last = i; last < len(f.lines); last++ {
			if strings.Contains(f.line(last), "-->") {
				return last, nil
			}
		}
		return len(f.lines), &Problem{Found: "the comment that opens here is never closed", Fix: "close it with -->"}
	}
	return i - 1, nil
}

// readItem reads the item of a list that begins in line i; last is the last line of its text.
func (q *Questionnaire) readItem(f *markdownFile, i int, section string) (last int) {
	m := itemLine.FindStringSubmatch(f.line(i))
	last = i
	words := []string{m[4]}
	for last+1 < len(f.lines) && f.continues(last+1) {
		last++
		words = append(words, f.line(last))
	}
	indent := columns(m[1]) + len(m[2]) + columns(m[3])
	if columns(m[3]) > 4 { // the rest of the blanks belongs to the text
		indent = columns(m[1]) + len(m[2]) + 1
	}
	question := plain(checkbox.ReplaceAllString(strings.Join(words, " "), ""))
	if isQuestion(question) {
		q.Questions = append(q.Questions, Question{Section: section, Text: question, Line: i + 1})
		f.places = append(f.places, place{line: last, indent: strings.Repeat(" ", indent)})
	}
	return last
}

// isTitle tells whether a line may be a heading that is underlined.
func isTitle(text string) bool {
	return strings.TrimSpace(text) != "" && !itemLine.MatchString(text) && !strings.Contains(text, "|")
}

// readTable reads the table whose names are in line i; last is its last line. A table without a column of
// questions is passed over.
func (q *Questionnaire) readTable(f *markdownFile, i int, section string) (last int, problems Problems) {
	var names []string
	for _, cell := range cells(f.line(i)) {
		names = append(names, fold(cell.text))
	}
	question, answer, ref := column(names, questionColumns), column(names, answerColumns), column(names, refColumns)
	added := answer < 0
	if added {
		answer = len(names)
	}
	last = i + 1
	for last+1 < len(f.lines) && strings.TrimSpace(f.line(last+1)) != "" && strings.Contains(f.line(last+1), "|") {
		last++
		if question < 0 {
			continue
		}
		row := cells(f.line(last))
		if len(row) > len(names) {
			problems = append(problems, Problem{q.Name, last + 1, fmt.Sprintf("%d cells, and the table has %d columns", len(row), len(names)),
				`write a "|" that belongs to the text as "\|"`})
			continue
		}
		if question >= len(row) || plain(row[question].text) == "" {
			continue
		}
		at := Question{Section: section, Text: plain(row[question].text), Line: last + 1}
		if ref >= 0 && ref < len(row) {
			at.Ref = plain(row[ref].text)
		}
		q.Questions = append(q.Questions, at)
		f.places = append(f.places, place{line: last, cell: true, column: answer})
	}
	if question >= 0 && added {
		f.wider = append(f.wider, table{i, last, answer})
	}
	return last, problems
}

// line is a line without what ends it.
func (f *markdownFile) line(i int) string {
	text := strings.TrimRight(f.lines[i], "\r\n")
	if i == 0 {
		text = strings.TrimPrefix(text, bom)
	}
	return text
}

// continues tells whether a line goes on with the paragraph above it.
func (f *markdownFile) continues(i int) bool {
	text := f.line(i)
	trimmed := strings.TrimSpace(text)
	return trimmed != "" && itemLine.FindString(text) == "" && headingLine.FindString(text) == "" && fenceLine.FindString(trimmed) == "" &&
		!underline.MatchString(text) && !thematicBreak.MatchString(text) && !strings.HasPrefix(trimmed, "|") && !strings.HasPrefix(trimmed, ">") && !strings.HasPrefix(trimmed, "<!--")
}

// cell is a cell of a table's row: its place in the line and its text.
type cell struct {
	start, end int
	text       string
}

// cells are the cells of a table's row. A "|" behind a backslash belongs to the text.
func cells(line string) []cell {
	start, end := 0, len(strings.TrimRight(line, " \t"))
	start = len(line) - len(strings.TrimLeft(line, " \t"))
	if start < end && line[start] == '|' {
		start++
	}
	if end > start && line[end-1] == '|' && !escaped(line, end-1) {
		end--
	}
	var row []cell
	for from, i := start, start; i <= end; i++ {
		if i == end || line[i] == '|' && !escaped(line, i) {
			row = append(row, cell{from, i, strings.ReplaceAll(strings.TrimSpace(line[from:i]), `\|`, "|")})
			from = i + 1
		}
	}
	return row
}

func escaped(line string, i int) bool {
	n := 0
	for i--; i >= 0 && line[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// isRule tells whether a line rules off the names of a table that stand above it.
func isRule(line, names string) bool {
	if !strings.Contains(line, "|") || !strings.Contains(names, "|") {
		return false
	}
	row := cells(line)
	return len(row) == len(cells(names)) && !slices.ContainsFunc(row, func(c cell) bool { return !ruleCell.MatchString(c.text) })
}

func columns(blank string) int {
	n := 0
	for _, r := range blank {
		n++
		if r == '\t' {
			n += (4 - n%4) % 4
		}
	}
	return n
}

// plain is Markdown's text without its marks.
func plain(text string) string {
	return oneLine(marks.Replace(link.ReplaceAllString(text, "$1")))
}

// isQuestion tells a question from another item of a list.
func isQuestion(text string) bool {
	if strings.Contains(text, "?") {
		return len(strings.Fields(text)) > 1
	}
	first, rest, _ := strings.Cut(strings.ToLower(text), " ")
	return rest != "" && slices.Contains(asks, strings.Trim(first, ",.:"))
}

// write puts each answer below its question, as a quotation that belongs to the list's item, or into the
// table's column for answers, which a table gets that has none.
func (f *markdownFile) write(answers []Answer) []byte {
	below := map[int]string{} // by line: what is put under it
	type fill struct {
		column int
		text   string
	}
	fills := map[int]fill{} // by line of a table: what goes into a cell
	for _, t := range f.wider {
		for i := t.first; i <= t.last; i++ {
			fills[i] = fill{t.column, ""}
		}
		fills[t.first], fills[t.first+1] = fill{t.column, "Answer"}, fill{t.column, "---"}
	}
	for i, p := range f.places {
		if p.cell {
			fills[p.line] = fill{p.column, remark(answers[i])}
		} else {
			below[p.line] = f.ending + p.indent + "> " + remark(answers[i]) + f.ending
		}
	}
	var b strings.Builder
	for i, raw := range f.lines {
		text := f.line(i)
		if i == 0 && strings.HasPrefix(raw, bom) {
			b.WriteString(bom)
		}
		if cell, ok := fills[i]; ok {
			text = fillCell(text, cell.column, cell.text)
		}
		b.WriteString(text)
		ending := raw[len(strings.TrimRight(raw, "\r\n")):]
		answer, ok := below[i]
		if !ok {
			b.WriteString(ending)
			continue
		}
		b.WriteString(cmp.Or(ending, f.ending) + answer)
		if i+1 < len(f.lines) && strings.TrimSpace(f.line(i+1)) != "" {
			b.WriteString(f.ending)
		}
	}
	return []byte(b.String())
}

// fillCell puts text into a cell of a row, which is made longer where it is too short. What is in the cell
// already stays before the text.
func fillCell(line string, column int, text string) string {
	row := cells(line)
	if column < len(row) {
		at := row[column]
		if text = joinNonEmpty("<br>", strings.TrimSpace(line[at.start:at.end]), text); text != "" {
			text = " " + text
		}
		return line[:at.start] + text + " " + line[at.end:]
	}
	line = strings.TrimRight(line, " \t")
	if !strings.HasSuffix(line, "|") || escaped(line, len(line)-1) {
		line += " |"
	}
	line += strings.Repeat(" |", column-len(row))
	if text != "" {
		line += " " + text
	}
	return line + " |"
}

func joinNonEmpty(by string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), by)
}

// remark is an answer as it is put into Markdown.
func remark(a Answer) string {
	if a.NeedsPerson {
		return "**Needs a person:** " + escapeMarkdown(joinNonEmpty(" ", a.Why+".", a.Text))
	}
	return "**Answer:** " + escapeMarkdown(a.Text)
}

var markdownMarks = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, "*", `\*`, "_", `\_`, "[", `\[`, "`", "\\`", "#", `\#`)

// escapeMarkdown keeps a text from being taken for anything but text.
func escapeMarkdown(text string) string { return markdownMarks.Replace(oneLine(text)) }
