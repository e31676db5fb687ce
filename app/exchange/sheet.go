package exchange

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
)

// The limits of a file to import. The whole file is held while it is looked at.
const (
	MaxBytes   = 10 << 20
	MaxRows    = 10_000
	MaxColumns = 100
	maxRecord  = 1 << 20 // bytes of one row
)

// Problem is what is wrong with a file, and where.
type Problem struct {
	Line   int    // from 1; 0 where it is about the whole file
	Column string // by its name; "" where it is about the whole line
	Words  string
}

// problems collects them, up to as many as anybody reads.
type problems struct {
	all  []Problem
	more int // that were not kept
}

const maxProblems = 500

func (p *problems) add(line int, column, words string, args ...any) {
	if len(p.all) == maxProblems {
		p.more++
		return
	}
	p.all = append(p.all, Problem{line, column, fmt.Sprintf(words, args...)})
}

// sheet is a CSV file that was read.
type sheet struct {
	heads []string
	rows  []record
}

type record struct {
	line  int
	cells []string
}

// readSheet reads a CSV file as people's programs write it: with commas, semicolons or tabs, with any line ends, in UTF-8 with or without
// a mark, or in UTF-16 with one. What is no such file is a fault; what is wrong with single lines are problems.
func readSheet(data []byte, p *problems) (sheet, error) {
	var s sheet
	if len(data) > MaxBytes {
		return s, fault.Oversize("file", fmt.Sprintf("it is larger than %d MB", MaxBytes>>20), "split it")
	}
	data, err := asUTF8(data)
	if err != nil {
		return s, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return s, fault.BadInput("file", "it is empty", "choose another")
	}
	if !bytes.ContainsRune(data, '\n') {
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n")) // of old programs
	}
	first := 1
	var comma rune
	if line, rest, found := bytes.Cut(data, []byte("\n")); found && bytes.HasPrefix(bytes.ToLower(line), []byte("sep=")) && len(bytes.TrimSpace(line)) == 5 {
		data, first, comma = rest, 2, rune(line[4])
	}
	if !strings.ContainsRune(",;\t|", comma) || comma == 0 {
		comma = commaOf(data)
	}
	if err := bounded(data, byte(comma), first, p); err != nil { //nolint:gosec // it is one of four letters
		return s, err
	}
	return s, s.read(data, comma, first, p)
}

// asUTF8 takes the mark of an encoding away.
func asUTF8(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		plain, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
		if err != nil {
			return nil, fault.BadInput("file", "it is damaged", "save it as CSV in UTF-8").Because(err)
		}
		return plain, nil
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// commaOf is what parts the cells of the first row.
func commaOf(data []byte) rune {
	var counts [256]int
	quoted := false
	for _, b := range data {
		if b == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if b == '\n' {
			break
		}
		counts[b]++
	}
	best := byte(',')
	for _, b := range []byte(";\t|") {
		if counts[b] > counts[best] {
			best = b
		}
	}
	return rune(best)
}

// bounded looks through a file before it is taken apart, so that none takes more room than it may: how many cells a row has, how long it
// is, how many there are; and that it is text.
func bounded(data []byte, comma byte, line int, p *problems) error {
	rows, cells, size, began, quoted, foreign := 0, 1, 0, line, false, 0
	for rest := data; len(rest) > 0; {
		b := rest[0]
		n := 1
		if b >= utf8.RuneSelf {
			r, width := utf8.DecodeRune(rest)
			if r == utf8.RuneError && width == 1 && foreign != line {
				p.add(line, "", "it holds letters in another encoding: save the file as CSV in UTF-8")
				foreign = line
			}
			n = width
		}
		size += n
		switch {
		case b == 0 && foreign != line:
			p.add(line, "", "it holds a NUL, which is no text")
			foreign = line
		case b == '"':
			quoted = !quoted
		case b == comma && !quoted:
			cells++
		case b == '\n':
			line++
			if !quoted {
				rows, cells, size, began = rows+1, 1, 0, line
			}
		}
		if cells > MaxColumns {
			return tooMuch(began, fmt.Sprintf("has more than %d columns", MaxColumns), "remove those that are not needed")
		}
		if size > maxRecord {
			return tooMuch(began, fmt.Sprintf("is longer than %d kB", maxRecord>>10), "look for a quote that is never closed")
		}
		if rows > MaxRows+1 && len(rest) > 1 {
			return fault.Oversize("file", fmt.Sprintf("it has more than %d rows", MaxRows), "split it")
		}
		rest = rest[n:]
	}
	if len(p.all) > 0 { // what is no text cannot be taken apart
		return errNoText
	}
	return nil
}

// errNoText ends the reading of a file whose problems are told already.
var errNoText = errors.New("the file is no text")

func tooMuch(line int, what, fix string) error {
	return fault.Oversize("file", fmt.Sprintf("line %d %s", line, what), fix)
}

func (s *sheet) read(data []byte, comma rune, first int, p *problems) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord = comma, -1
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			words := "there is a quote where none can be: put quotes around the whole cell, and write those inside of it twice"
			if errors.Is(broken.Err, csv.ErrQuote) {
				words = "a quote that begins a cell is never closed, or something follows the one that closes it"
			}
			p.add(broken.Line+first-1, "", "%s (letter %d)", words, broken.Column)
			return nil // what comes after cannot be told apart
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		line, _ := r.FieldPos(0)
		line += first - 1
		if s.heads == nil {
			for i := range cells {
				cells[i] = strings.TrimSpace(unguard(cells[i]))
			}
			s.heads = cells
			continue
		}
		empty := true
		for i := range cells {
			cells[i] = unguard(cells[i])
			empty = empty && strings.TrimSpace(cells[i]) == ""
		}
		if empty {
			continue // spreadsheets leave such rows at the end
		}
		for len(cells) > len(s.heads) && strings.TrimSpace(cells[len(cells)-1]) == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) > len(s.heads) {
			p.add(line, "", "it has %d cells, and the first line only names %d: put quotes around cells that hold a %s", len(cells), len(s.heads), commaName(comma))
			continue
		}
		for len(cells) < len(s.heads) {
			cells = append(cells, "")
		}
		s.rows = append(s.rows, record{line, cells})
	}
	for i, head := range s.heads {
		if len(head) > schema.MaxTitle {
			s.heads[i] = shorten(head, 40)
		}
	}
	if len(s.rows) > MaxRows {
		return fault.Oversize("file", fmt.Sprintf("it has more than %d rows", MaxRows), "split it")
	}
	return nil
}

func commaName(comma rune) string {
	switch comma {
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	case '|':
		return "bar"
	}
	return "comma"
}

// shorten gives the beginning of a text.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
