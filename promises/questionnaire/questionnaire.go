package questionnaire

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format is how a questionnaire is written.
type Format string

// The formats.
const (
	CSV      Format = "csv"
	Markdown Format = "markdown"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 10 << 20

// Questionnaire is a client's file with its questions.
type Questionnaire struct {
	Name      string // the file's name
	Format    Format
	Questions []Question // at least one, in the order of the file
	file      file
}

// Question is one question of a questionnaire.
type Question struct {
	Number  int    // from 1, through the whole file
	Ref     string // what the file itself calls it, such as "H-01"; may be empty
	Section string // the heading or section that it is under; may be empty
	Text    string // on one line
	Line    int    // where it begins, from 1
}

// file is a file as it was read, into which answers can be written.
type file interface {
	write(answers []Answer) []byte // one answer for each question, in their order
}

// Read reads a questionnaire: CSV with a column of questions, or Markdown with questions in lists or tables.
// The name decides which. The error is a Problems.
func Read(name string, data []byte) (*Questionnaire, error) {
	q := &Questionnaire{Name: filepath.Base(name)}
	var problems Problems
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv", ".tsv", ".txt":
		q.Format = CSV
	case ".md", ".markdown":
		q.Format = Markdown
	default:
		return nil, Problems{{File: q.Name, Found: "the file's name does not say what it is",
			Fix: "save it as CSV (UTF-8) with the ending .csv, or as Markdown with the ending .md"}}
	}
	if problems = readable(q.Name, data); len(problems) > 0 {
		return nil, problems
	}
	if q.Format == CSV {
		problems = q.readCSV(data)
	} else {
		problems = q.readMarkdown(data)
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, problems
	}
	for i := range q.Questions {
		q.Questions[i].Number = i + 1
	}
	return q, nil
}

// Write is the file with the answers, as Answer or Answers made them, in the file's own format: a CSV gets
// columns, Markdown an answer under each question or in the table's column. All else stays as it was.
func (q *Questionnaire) Write(answers []Answer) []byte { return q.file.write(answers) }

// Problem is one thing that is wrong with a questionnaire's file and how to mend it.
type Problem struct {
	File  string
	Line  int // from 1; 0: the file as a whole
	Found string
	Fix   string
}

func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return where + ": " + p.Found + "; " + p.Fix
}

// Problems are all that is wrong with a questionnaire's file, by line.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

const mostLines = 10 // of one kind of problem that are named

// readable tells what keeps a file from being read as text.
func readable(name string, data []byte) Problems {
	whole := func(found, fix string) Problems { return Problems{{File: name, Found: found, Fix: fix}} }
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return whole("the file is empty", "give a file with questions")
	case len(data) > MaxSize:
		return whole(fmt.Sprintf("the file has %d MB", len(data)>>20), fmt.Sprintf("split it into files of at most %d MB", MaxSize>>20))
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0")):
		return whole("this is a workbook or a document of an office program, not text", `save it there as "CSV UTF-8"`)
	case bytes.HasPrefix(data, []byte("%PDF-")):
		return whole("this is a PDF, not text", "ask the client for the questionnaire as CSV or Markdown")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return whole("the text is in UTF-16", `save it as UTF-8; some programs call that "CSV UTF-8"`)
	}
	var problems Problems
	more := 0
	for number, line := range bytes.Split(data, []byte("\n")) {
		found := ""
		if at := bytes.IndexByte(line, 0); at >= 0 {
			found = fmt.Sprintf("a zero byte at column %d: this is not text", at+1)
		} else if at := invalidUTF8(line); at >= 0 {
			found = fmt.Sprintf("byte 0x%02X at column %d is not UTF-8; the text is probably in Latin-1 or Windows-1252", line[at], at+1)
		}
		switch {
		case found == "":
		case len(problems) == mostLines:
			more++
		default:
			problems = append(problems, Problem{name, number + 1, found, "save the file as UTF-8 and try again"})
		}
	}
	if more > 0 {
		last := &problems[len(problems)-1]
		last.Found += fmt.Sprintf(" (and so on %d more lines)", more)
	}
	return problems
}

// invalidUTF8 is where text stops being UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// bom is the mark that some programs put before UTF-8.
const bom = "\ufeff"

// oneLine is text without line breaks and repeated spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// fold makes names of columns comparable.
func fold(name string) string {
	return strings.ToLower(strings.Trim(oneLine(strings.NewReplacer("_", " ", "*", "", ":", "", "`", "").Replace(name)), " "))
}
