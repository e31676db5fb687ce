package schema

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// How much each thing may hold. Names and titles are counted in characters, texts in bytes.
const (
	MaxName        = 100      // the name of a project, a column, a label, a team, a token, a filter, a rule
	MaxPersonName  = 100      // characters
	MaxEmail       = 254      // RFC 5321
	MaxTitle       = 200      // of a task
	MaxMarkdown    = 64 << 10 // bytes: a description or a comment
	MaxChecklist   = 500      // characters of one item
	MaxReason      = 500      // why somebody did something
	MaxFileName    = 255      // bytes
	MaxSearch      = 128 << 10
	MaxCondition   = 4 << 10 // a rule's condition
	MaxAuditDetail = 64 << 10
	MaxAgent       = 300 // a browser's name of itself
	MaxAddress     = 64  // a network address
	MaxMail        = 256 << 10
)

// How many of each there may be.
const (
	MaxLabelsPerTask      = 20
	MaxChecklistPerTask   = 100
	MaxRelationsPerTask   = 100
	MaxAttachmentsPerTask = 100
	MaxStatesPerProject   = 20
	MaxActionsPerRule     = 10
	MaxPreviousHashes     = 10
)

// Priority is how much a task presses. It is a number so that every engine sorts it alike.
type Priority int8

// The priorities.
const (
	PriorityNone Priority = iota
	PriorityLow
	PriorityMedium
	PriorityHigh
	PriorityUrgent
)

var priorities = [...]string{"none", "low", "medium", "high", "urgent"}

// Priorities are the names of all priorities, the lowest first.
func Priorities() []string { return priorities[:] }

func (p Priority) String() string {
	if p < 0 || int(p) >= len(priorities) {
		return fmt.Sprintf("priority %d", int8(p))
	}
	return priorities[p]
}

// ParsePriority reads a priority's name.
func ParsePriority(name string) (Priority, error) {
	for i, known := range priorities {
		if name == known {
			return Priority(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no priority: use one of %s", name, strings.Join(priorities[:], ", "))
}

// MarshalText gives the name.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the name.
func (p *Priority) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePriority(string(text))
	return err
}

// MailChoices are what a person wants to hear of by e-mail.
type MailChoices struct {
	Assigned  bool `json:"assigned"`
	Mentioned bool `json:"mentioned"`
	Commented bool `json:"commented"`
	DueSoon   bool `json:"dueSoon"`
}

// AllMail is what a new person gets.
func AllMail() MailChoices {
	return MailChoices{Assigned: true, Mentioned: true, Commented: true, DueSoon: true}
}

// FoldEmail gives an address as it is stored and looked up: no spaces around it, in lower case.
func FoldEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// FoldSearch gives text as Task.search holds it and as a search asks for it.
func FoldSearch(text string) string { return strings.ToLower(text) }

var (
	emailForm = regexp.MustCompile(`^[^\s@<>"(),:;\[\]\\]+@[^\s@<>"(),:;\[\]\\]+$`)
	dateForm  = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`)
	keyForm   = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}$`)
	colorForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	hashForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func folded(address string) error {
	if address != FoldEmail(address) {
		return errors.New("is not in lower case")
	}
	return nil
}

func plain(text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return errors.New("holds bytes that are no text")
	}
	return nil
}

// line is text without line breaks and other control characters, such as a name that ends up in a mail's header.
func line(text string) error {
	if err := plain(text); err != nil {
		return err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("holds line breaks or other control characters")
	}
	return nil
}
