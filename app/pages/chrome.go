package pages

import (
	"strings"
	"time"
	"unicode"

	"github.com/berth-iac/berth/app/fault"
)

// Chrome is what every page carries besides its own content. Every view struct embeds it.
type Chrome struct {
	Client    string       // the client's name, as people know it
	Accent    Accent       // the client's colour
	User      Person       // who is signed in; no ID while nobody is
	Theme     Theme        // the user's choice
	Shortcuts bool         // the user wants keyboard shortcuts
	CSRF      string       // the token of this session; AS-5 has it in every form that changes something
	CSRFField string       // the name of the field that carries it
	Unread    int          // notifications not seen yet
	Provider  *Visit       // set while the provider's account acts here (AC-8)
	Flash     *Flash       // what was just done
	Projects  []NavProject // the projects of the navigation
	Can       Abilities    // what the navigation offers
	Clock     Clock        // for words such as "yesterday"
}

func (c Chrome) chrome() Chrome { return c }

// Abilities are the parts of the navigation that not everybody has.
type Abilities struct {
	CreateTask    bool // in at least one project
	CreateProject bool
	SeePeople     bool
	Administer    bool // client settings, audit log, security
	Exchange      bool // export and import of the client's data
}

// Clock is the time that a page is made at, and the zone that its reader lives in.
type Clock struct {
	Now  time.Time
	Zone *time.Location // nil is UTC
}

// Theme is light or dark.
type Theme string

// The themes.
const (
	ThemeAuto  Theme = "auto" // as the reader's machine has it
	ThemeLight Theme = "light"
	ThemeDark  Theme = "dark"
)

// Accent is one of the colours that a client may choose.
type Accent string

// The accents; the first is the default.
const (
	AccentLagoon   Accent = "lagoon"
	AccentHarbour  Accent = "harbour"
	AccentHeather  Accent = "heather"
	AccentBramble  Accent = "bramble"
	AccentEmber    Accent = "ember"
	AccentForest   Accent = "forest"
	AccentGraphite Accent = "graphite"
)

// Accents are all of them, for a form.
func Accents() []Accent {
	return []Accent{AccentLagoon, AccentHarbour, AccentHeather, AccentBramble, AccentEmber, AccentForest, AccentGraphite}
}

// Role is what somebody is to the client, as shown: "owner", "administrator", "member", "guest".
type Role string

// Person is somebody, as others see them.
type Person struct {
	ID     string
	Name   string
	Handle string // what stands after the @ of a mention
	Role   Role
}

// Initials are one or two letters of the name.
func (p Person) Initials() string {
	var letters []rune
	for word := range strings.FieldsSeq(p.Name) {
		for _, r := range word {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				letters = append(letters, unicode.ToUpper(r))
				break
			}
		}
	}
	switch len(letters) {
	case 0:
		return "?"
	case 1:
		return string(letters)
	default:
		return string([]rune{letters[0], letters[len(letters)-1]})
	}
}

// First is the first of the names.
func (p Person) First() string {
	first, _, _ := strings.Cut(strings.TrimSpace(p.Name), " ")
	return first
}

// hues is how many colours the style sheet has for people, labels and projects.
const hues = 10

// Hue is the person's colour: always the same for the same ID.
func (p Person) Hue() int { return hueOf(p.ID) }

func hueOf(id string) int {
	h := uint32(2166136261) // FNV-1a, by hand: a board asks for hundreds
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return int((h >> 8) % hues)
}

// Visit is the provider's account at work in the client's instance (AC-8).
type Visit struct {
	Name   string // who, by name: accounts are personal (AC-5)
	Reason string
	Until  time.Time // when the grant ends
}

// Flash is a message about what was just done.
type Flash struct {
	Kind FlashKind
	Text string
}

// FlashKind is how a message is meant.
type FlashKind string

// The kinds of message.
const (
	FlashGood    FlashKind = "good"
	FlashNotice  FlashKind = "notice"
	FlashWarning FlashKind = "warning"
)

// NavProject is a project in the navigation.
type NavProject struct {
	Key     string
	Name    string
	MayEdit bool // the reader may change its settings
}

// Hue is the project's colour.
func (p NavProject) Hue() int { return hueOf(p.Key) }

// Form is what a form carries besides its values: what was wrong with what was sent. Field of a problem is the name of the
// form's field; one without a field concerns the whole.
type Form struct {
	Problems []*fault.Error
}

// ProblemWith is what is wrong with one field, or nothing.
func (f Form) ProblemWith(field string) string {
	for _, p := range f.Problems {
		if p.Field == field {
			return p.Shown()
		}
	}
	return ""
}

// Option is one choice of several.
type Option struct {
	Value    string
	Text     string
	Hint     string // a sentence more, for radio buttons and checkboxes
	Selected bool
}

// Pager leads from one stretch of a long list to the next.
type Pager struct {
	Shown string // "1 to 50 of 312"
	Prev  string // paths with their query; "" where there is none
	Next  string
}
