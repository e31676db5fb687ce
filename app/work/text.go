package work

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
)

// form collects the problems of an input, so that all are told at once.
type form struct{ problems []error }

func (f *form) bad(field, msg, fix string) {
	f.problems = append(f.problems, fault.BadInput(field, msg, fix))
}

func (f *form) err() error { return errors.Join(f.problems...) }

// line is a text in one line: trimmed, of at most so many characters.
func (f *form) line(field, text string, most int, needed bool) string {
	text = strings.TrimSpace(text)
	switch {
	case text == "" && needed:
		f.bad(field, "it is empty", "write something")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		f.bad(field, "it holds line breaks or other control characters", "write it in one line")
	case utf8.RuneCountInString(text) > most:
		f.bad(field, "it is too long", fmt.Sprintf("use at most %d characters", most))
	}
	return text
}

// markdown is a long text.
func (f *form) markdown(field, text string, needed bool) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	switch {
	case needed && strings.TrimSpace(text) == "":
		f.bad(field, "it is empty", "write something")
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		f.bad(field, "it holds bytes that are no text", "write it as text")
	case len(text) > schema.MaxMarkdown:
		f.bad(field, "it is too long", "use at most 64 kB")
	}
	return text
}

// day is a date or nothing.
func (f *form) day(field, text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if d, err := time.Parse(time.DateOnly, text); err != nil || d.Year() < 1900 || d.Year() > 9999 {
		f.bad(field, "it is no date", "write it like 2026-11-30")
	}
	return text
}

// Priorities as pages and programs name them, the lowest first.
const (
	PriorityLow    = "low"
	PriorityNormal = "normal"
	PriorityHigh   = "high"
	PriorityUrgent = "urgent"
)

// Priorities are all priorities, the lowest first.
func Priorities() []string {
	return []string{PriorityLow, PriorityNormal, PriorityHigh, PriorityUrgent}
}

func parsePriority(text string) (schema.Priority, bool) {
	switch strings.TrimSpace(text) {
	case "", PriorityNormal, "medium", "none":
		return schema.PriorityMedium, true
	case PriorityLow:
		return schema.PriorityLow, true
	case PriorityHigh:
		return schema.PriorityHigh, true
	case PriorityUrgent:
		return schema.PriorityUrgent, true
	}
	return 0, false
}

// PriorityName is what people call a priority; none reads as normal.
func PriorityName(p schema.Priority) string {
	switch p {
	case schema.PriorityLow:
		return PriorityLow
	case schema.PriorityHigh:
		return PriorityHigh
	case schema.PriorityUrgent:
		return PriorityUrgent
	}
	return PriorityNormal
}

func (f *form) priority(field, text string) schema.Priority {
	p, ok := parsePriority(text)
	if !ok {
		f.bad(field, fmt.Sprintf("%q is no priority", cut(text, 20)), "use one of low, normal, high, urgent")
	}
	return p
}

// hues are the colours of labels, by their number.
func hues() [10]string {
	return [10]string{"#6b7280", "#dc2626", "#ea580c", "#ca8a04", "#16a34a", "#0d9488", "#2563eb", "#4f46e5", "#9333ea", "#db2777"}
}

func hueOf(color string) int {
	for i, one := range hues() {
		if one == color {
			return i
		}
	}
	return 0
}

func colorOf(hue int) string {
	all := hues()
	if hue < 0 || hue >= len(all) {
		hue = 0
	}
	return all[hue]
}

var (
	keyForm        = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,8}$`)
	projectKeyForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}$`)
)

func taskKey(project string, number int) string { return project + "-" + strconv.Itoa(number) }

// parseKey reads OPS-12, in any case.
func parseKey(text string) (project string, number int, ok bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if !keyForm.MatchString(text) {
		return "", 0, false
	}
	project, digits, _ := strings.Cut(text, "-")
	number, err := strconv.Atoi(digits)
	return project, number, err == nil
}

// cut shortens a text to so many characters, in one line.
func cut(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool { return unicode.IsControl(r) }), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// Handle is how a person is named in a text, after an @: their name in lower case, with dots for what is between its words. Namesakes
// share one, and are all meant by it.
func Handle(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), ".")
}

func within(n, usual, most int) int {
	if n <= 0 {
		return usual
	}
	return min(n, most)
}

// place marks a place in a list that is sorted by time and id.
func place(at time.Time, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), id[:]...))
}

func parsePlace(text string) (time.Time, uuid.UUID, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) != 24 {
		return time.Time{}, uuid.Nil, noPage()
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(data))).UTC()
	if at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, uuid.Nil, noPage()
	}
	return at, uuid.UUID(data[8:]), nil
}

func noPage() error { return fault.BadInput("page", "there is no such page", "begin at the first") }
