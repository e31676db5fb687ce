package exchange

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a file holds, it is read within its limits, or refused; and all that is read is text.
func FuzzReadSheet(f *testing.F) {
	for _, seed := range []string{"Title,Due\nx,2026-01-01\n", "a;b\r\n\"x;y\";z", "\xef\xbb\xbft\n1", "\xff\xfet\x00\n\x00", "sep=;\na;b\n", "\"", "a\"b,c\n", "\x00", strings.Repeat(",", 200), "t\n\"a\n\nb\",c\n", "t\r1\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p problems
		s, err := readSheet(data, &p)
		if err != nil {
			return
		}
		if len(s.heads) > MaxColumns || len(s.rows) > MaxRows {
			t.Errorf("%d columns, %d rows", len(s.heads), len(s.rows))
		}
		before := 0
		for _, row := range s.rows {
			if len(row.cells) != len(s.heads) || row.line <= before {
				t.Errorf("line %d after %d has %d cells of %d", row.line, before, len(row.cells), len(s.heads))
			}
			before = row.line
			for _, cell := range row.cells {
				if !utf8.ValidString(cell) || strings.ContainsRune(cell, 0) {
					t.Errorf("%q is no text", cell)
				}
			}
		}
		Guess(s.heads)
	})
}

// What is written into a cell is read out of it again, and no spreadsheet takes it for a formula.
func FuzzCells(f *testing.F) {
	for _, seed := range []string{"=1", "'=1", "''", "-", "a\"b", "a\r\nb", "\r", "\t", "＝1", "", " x "} {
		f.Add(seed, "other")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		for _, text := range []string{one, two} {
			safe := guard(text)
			if unguard(safe) != text {
				t.Errorf("%q is read as %q", text, unguard(safe))
			}
			for _, first := range safe {
				if strings.ContainsRune(formulas, first) {
					t.Errorf("%q begins like a formula", safe)
				}
				break
			}
		}
		record, err := csv.NewReader(strings.NewReader(string(csvLine(nil, []string{"x", one, two})))).Read()
		if err != nil {
			t.Fatalf("%q, %q: %v", one, two, err)
		}
		for i, text := range []string{one, two} {
			if record[i+1] != strings.ReplaceAll(text, "\r\n", "\n") {
				t.Errorf("%q is read as %q", text, record[i+1])
			}
		}
		words := []string{}
		for _, word := range []string{one, two} { // names have neither spaces around them nor control characters
			word = strings.TrimSpace(strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					return -1
				}
				return r
			}, word))
			if word != "" {
				words = append(words, word)
			}
		}
		if got := splitList(joinList(words)); !slices.Equal(got, words) && len(words) > 0 {
			t.Errorf("%q is read as %q", words, got)
		}
	})
}
