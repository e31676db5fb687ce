package questionnaire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// csvFile is a CSV as it was read: every record knows its place, so that what nobody touches is written back
// byte for byte.
type csvFile struct {
	text      string
	delimiter byte
	records   []csvRecord
	question  int // the column with the questions
}

type csvRecord struct {
	line       int
	start, end int // without what ends the line
	fields     []csvField
	question   bool // whether it asks something
}

type csvField struct {
	start, end int // with its quotes
	text       string
}

func (r csvRecord) text(column int) string {
	if column < 0 || column >= len(r.fields) {
		return ""
	}
	return oneLine(r.fields[column].text)
}

func (r csvRecord) blank() bool {
	return len(r.fields) == 1 && strings.TrimSpace(r.fields[0].text) == ""
}

// The names by which columns are recognised, as fold writes them.
var (
	questionColumns = []string{"question", "questions", "question text", "control question", "security question", "requirement", "query"}
	sectionColumns  = []string{"section", "category", "topic", "domain", "area", "chapter", "group", "heading"}
	refColumns      = []string{"id", "no", "no.", "nr", "number", "ref", "reference", "question id", "question no", "question number", "#"}
	answerColumns   = []string{"answer", "response", "reply", "supplier response", "supplier answer", "vendor response", "vendor answer", "your answer", "your response"}
)

// column is where one of names is in a row of names, the names being tried in turn; -1 where none is.
func column(row, names []string) int {
	for _, name := range names {
		if i := slices.Index(row, name); i >= 0 {
			return i
		}
	}
	return -1
}

// readCSV reads the questions of a CSV whose delimiter nobody has told: the one counts under which the header
// names a column of questions and all rows are as wide as it.
func (q *Questionnaire) readCSV(data []byte) Problems {
	text := string(data)
	var best *csvFile
	var bestProblems Problems
	for _, delimiter := range []byte{',', ';', '\t'} {
		f, problems := parseCSV(q.Name, text, delimiter)
		if len(problems) == 0 {
			best, bestProblems = f, nil
			break
		}
		better := best == nil
		if !better && (f.question >= 0) != (best.question >= 0) {
			better = f.question >= 0
		} else if !better {
			better = len(f.header()) > len(best.header())
		}
		if better {
			best, bestProblems = f, problems
		}
	}
	if len(bestProblems) > 0 {
		return bestProblems
	}
	header := best.header()
	section, ref := column(header, sectionColumns), column(header, refColumns)
	for i := range best.records {
		record := &best.records[i]
		if i == 0 || record.text(best.question) == "" {
			continue
		}
		record.question = true
		q.Questions = append(q.Questions, Question{
			Ref: record.text(ref), Section: record.text(section), Text: record.text(best.question), Line: record.line,
		})
	}
	if len(q.Questions) == 0 {
		return Problems{{File: q.Name, Line: best.records[0].line, Found: "the column of questions is empty", Fix: "put one question in each row"}}
	}
	q.file = best
	return nil
}

// header is the names of the columns; the first record has them.
func (f *csvFile) header() []string {
	if len(f.records) == 0 {
		return nil
	}
	var names []string
	for _, field := range f.records[0].fields {
		names = append(names, fold(field.text))
	}
	return names
}

// parseCSV never gives up at the first problem, so that all are told at once.
func parseCSV(name, text string, delimiter byte) (*csvFile, Problems) {
	f := &csvFile{text: text, delimiter: delimiter, question: -1}
	var problems Problems
	report := func(line int, found, fix string) {
		problems = append(problems, Problem{File: name, Line: line, Found: found, Fix: fix})
	}
	pos, line := 0, 1
	if strings.HasPrefix(text, bom) {
		pos = len(bom)
	}
	for pos < len(text) {
		record := csvRecord{line: line, start: pos}
		for {
			field, next, problem := f.field(pos)
			if problem != "" {
				report(line+newlines(text[record.start:field.start]), problem, "double the quotes that belong to the text, and close the quoted text with one")
			}
			record.fields = append(record.fields, field)
			pos = next
			if pos >= len(text) || text[pos] != delimiter {
				break
			}
			pos++
		}
		record.end = pos
		line += newlines(text[record.start:record.end])
		if pos < len(text) { // what ends the line
			if strings.HasPrefix(text[pos:], "\r\n") {
				pos++
			}
			pos++
			line++
		}
		if len(f.records) > 0 || !record.blank() { // empty lines may stand before the header
			f.records = append(f.records, record)
		}
	}
	if len(f.records) == 0 {
		report(0, "the file is empty", "give a file with questions")
		return f, problems
	}
	header := f.header()
	f.question = column(header, questionColumns)
	if f.question < 0 {
		report(f.records[0].line, fmt.Sprintf("no column of questions: the first row has %s", quoteAll(header)), `name the column of questions "question" in the first row`)
		return f, problems
	}
	for _, record := range f.records[1:] {
		if len(record.fields) > len(header) {
			report(record.line, fmt.Sprintf("%d fields, and the first row names %d columns", len(record.fields), len(header)),
				fmt.Sprintf("put quotes around text that contains %q", string(delimiter)))
		}
	}
	return f, problems
}

// field reads one field from pos on; next is behind it. problem is empty where all is well.
func (f *csvFile) field(pos int) (field csvField, next int, problem string) {
	text := f.text
	field.start = pos
	if pos < len(text) && text[pos] == '"' {
		var b strings.Builder
		for pos++; ; {
			quote := strings.IndexByte(text[pos:], '"')
			if quote < 0 {
				field.end = len(text)
				field.text = text[field.start:]
				return field, len(text), "the quote that opens here is never closed"
			}
			b.WriteString(text[pos : pos+quote])
			pos += quote + 1
			if pos >= len(text) || text[pos] != '"' {
				break
			}
			b.WriteByte('"')
			pos++
		}
		field.text, field.end = b.String(), f.stop(pos)
		if strings.TrimSpace(text[pos:field.end]) != "" {
			problem = "text stands behind a closing quote"
		}
		return field, field.end, problem
	}
	field.end = f.stop(pos)
	field.text = text[pos:field.end]
	return field, field.end, ""
}

// stop is where an unquoted field that goes on at pos ends.
func (f *csvFile) stop(pos int) int {
	if i := strings.IndexAny(f.text[pos:], "\r\n"+string(f.delimiter)); i >= 0 {
		return pos + i
	}
	return len(f.text)
}

// newlines counts the lines that end in text.
func newlines(text string) int {
	return strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}

// addedColumns are what a CSV gets, and what each says of an answer.
var addedColumns = []struct {
	name string
	cell func(Answer) string
}{
	{"answer", func(a Answer) string { return a.Text }},
	{"promises", func(a Answer) string { return strings.Join(a.Promises, ";") }},
	{"confidence", func(a Answer) string { return strconv.FormatFloat(a.Confidence, 'f', 2, 64) }},
	{"needs a person", func(a Answer) string {
		if a.NeedsPerson {
			return "yes: " + a.Why
		}
		return "no"
	}},
}

// write fills the columns, and adds those that the file does not have. A column that has text of the client's
// or of an earlier run is left alone.
func (f *csvFile) write(answers []Answer) []byte {
	header := f.header()
	width := len(header)
	places := make([]int, len(addedColumns)) // the column of each; from width on: added
	var names []string
	for i, added := range addedColumns {
		name, at := added.name, slices.Index(header, added.name)
		if i == 0 {
			at = column(header, answerColumns)
		}
		if at >= 0 && !f.unused(at) {
			for n := 2; at >= 0; n++ {
				name = fmt.Sprintf("%s %d", added.name, n)
				at = slices.Index(header, name)
			}
		}
		if at < 0 {
			at = width + len(names)
			names = append(names, name)
		}
		places[i] = at
	}
	var b strings.Builder
	at, answered := 0, 0
	for i, record := range f.records {
		cells := map[int]string{}
		switch {
		case i == 0:
			for n, name := range names {
				cells[width+n] = name
			}
		case record.question:
			for n, added := range addedColumns {
				cells[places[n]] = safeCell(added.cell(answers[answered]))
			}
			answered++
		case record.blank():
			continue
		}
		for column := range width + len(names) {
			if column < len(record.fields) {
				field := record.fields[column]
				b.WriteString(f.text[at:field.start])
				at = field.start
				if cell, ok := cells[column]; ok {
					b.WriteString(f.encode(cell))
					at = field.end
				}
				b.WriteString(f.text[at:field.end])
				at = field.end
				continue
			}
			b.WriteByte(f.delimiter)
			b.WriteString(f.encode(cells[column]))
		}
	}
	b.WriteString(f.text[at:])
	return []byte(b.String())
}

// unused tells whether a column is empty in all rows below the header.
func (f *csvFile) unused(column int) bool {
	return !slices.ContainsFunc(f.records[1:], func(r csvRecord) bool { return r.text(column) != "" })
}

// encode puts quotes around a cell that needs them.
func (f *csvFile) encode(cell string) string {
	if !strings.ContainsAny(cell, "\"\r\n"+string(f.delimiter)) && strings.TrimSpace(cell) == cell {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}

// safeCell keeps a spreadsheet from taking a cell for a formula and carrying it out.
func safeCell(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
