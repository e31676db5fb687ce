package exchange

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What a cell holds. A list is several words; as CSV they stand in one cell, as a line of CSV of its own. Lines are several lines of text.
// Plain is text of which it is known that no spreadsheet takes it for a formula.
type (
	list  []string
	lines []string
	plain string
)

// moment is a time as it is exported: RFC 3339, UTC.
func moment(t time.Time) plain {
	if t.IsZero() {
		return ""
	}
	return plain(t.UTC().Format(time.RFC3339Nano))
}

func maybe(t *time.Time) any {
	if t == nil {
		return nil
	}
	return moment(*t)
}

func maybeID(id *uuid.UUID) any {
	if id == nil {
		return nil
	}
	return plain(id.String())
}

// csvCell is a value as CSV has it, before quoting.
func csvCell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case plain:
		return string(v)
	case string:
		return guard(v)
	case uuid.UUID:
		return v.String()
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case list:
		return guard(joinList(v))
	case lines:
		return guard(strings.Join(v, "\n"))
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return guard(string(text))
	}
}

// jsonCell is a value as JSON has it.
func jsonCell(v any) ([]byte, error) {
	switch one := v.(type) {
	case list:
		if one == nil {
			return []byte("[]"), nil
		}
	case lines:
		if one == nil {
			return []byte("[]"), nil
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", v, err)
	}
	return text, nil
}

// formulas are what a spreadsheet takes for the beginning of a formula, in its wide form too.
const formulas = "=+-@\t\r\n＝＋－＠"

// guard puts an apostrophe in front of what a spreadsheet would take for a formula, and in front of what looks as if that had been
// done already, so that unguard gives back exactly what there was.
func guard(text string) string {
	if risky(text) {
		return "'" + text
	}
	return text
}

// unguard undoes guard. What was never guarded stays as it is.
func unguard(text string) string {
	if rest, marked := strings.CutPrefix(text, "'"); marked && risky(rest) {
		return rest
	}
	return text
}

func risky(text string) bool {
	for _, first := range strings.TrimLeft(text, "'") {
		return strings.ContainsRune(formulas, first)
	}
	return false
}

// joinList writes words into one cell, quoted where they hold what parts them.
func joinList(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		if word == "" || strings.ContainsAny(word, ",\"\r\n") || strings.TrimSpace(word) != word {
			word = `"` + strings.ReplaceAll(word, `"`, `""`) + `"`
		}
		b.WriteString(word)
	}
	return b.String()
}

// splitList reads what joinList wrote, and what other programs write: words between commas, or one on each line.
func splitList(cell string) []string {
	r := csv.NewReader(strings.NewReader(cell))
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1
	var words []string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // quotes that are none of ours
			words = strings.FieldsFunc(cell, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
			break
		}
		words = append(words, record...)
	}
	kept := words[:0]
	for _, word := range words {
		if word = strings.TrimSpace(word); word != "" {
			kept = append(kept, word)
		}
	}
	return kept
}

// csvLine appends a record as RFC 4180 has it. The standard library's writer would alter line breaks inside of cells.
func csvLine(line []byte, cells []string) []byte {
	for i, cell := range cells {
		if i > 0 {
			line = append(line, ',')
		}
		if cell == "" || !strings.ContainsAny(cell, ",;\"\r\n\t") && cell[0] != ' ' && cell[len(cell)-1] != ' ' {
			line = append(line, cell...)
			continue
		}
		line = append(line, '"')
		for j := range len(cell) {
			if cell[j] == '"' {
				line = append(line, '"')
			}
			line = append(line, cell[j])
		}
		line = append(line, '"')
	}
	return append(line, '\r', '\n')
}
