package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"
	text "text/template"
	"time"
	"unicode"
)

// Mail is one kind of e-mail: a struct of this package.
type Mail interface {
	letter() (name, subject string)
}

// Message is a mail that is ready to be sent.
type Message struct {
	Subject string // one line, without control characters
	Text    string
	HTML    string
}

// Letter is what every mail carries.
type Letter struct {
	Client string
	To     string // the name of who gets it; "" where nobody knows it yet
	Site   string // "https://acme.example.org", to name the place
	Clock  Clock
}

// InvitationMail invites.
type InvitationMail struct {
	Letter
	Inviter string
	Role    Role
	Link    string
	Expires time.Time
}

func (m InvitationMail) letter() (string, string) {
	return "invitation", m.Inviter + " invites you to " + m.Client
}

// ResetMail carries the link to choose a new password (AC-9).
type ResetMail struct {
	Letter
	Link    string
	Minutes int
}

func (m ResetMail) letter() (string, string) {
	return "reset", "Choose a new password for " + m.Client
}

// MentionMail tells of a mention.
type MentionMail struct {
	Letter
	Who     string
	Key     string
	Subject string
	Excerpt string
	Link    string
}

func (m MentionMail) letter() (string, string) {
	return "mention", fmt.Sprintf("%s mentioned you: %s %s", m.Who, m.Key, m.Subject)
}

// TaskMail tells of something else that happened to a task: a comment, a rule.
type TaskMail struct {
	Letter
	Who     string
	What    string // "commented on"
	Key     string
	Subject string
	Excerpt string // "" for none
	Link    string
	Choices string // where to change what comes by mail
}

func (m TaskMail) letter() (string, string) {
	return "task", fmt.Sprintf("%s %s %s %s", m.Who, m.What, m.Key, m.Subject)
}

// AssignmentMail tells of a task that was assigned.
type AssignmentMail struct {
	Letter
	Who      string
	Key      string
	Subject  string
	Project  string
	Priority Priority
	Due      time.Time
	Link     string
}

func (m AssignmentMail) letter() (string, string) {
	return "assignment", fmt.Sprintf("Yours now: %s %s", m.Key, m.Subject)
}

// DigestMail sums up a day or a week.
type DigestMail struct {
	Letter
	Period  string // "today", "this week"
	Overdue []DigestLine
	Due     []DigestLine
	Events  []DigestLine
	Link    string
	Choices string // where to change how often it comes
}

// DigestLine is one line of a digest.
type DigestLine struct {
	Key   string
	Words string
	Link  string
	Due   time.Time
}

func (m DigestMail) letter() (string, string) {
	return "digest", fmt.Sprintf("%s %s: %s", m.Client, m.Period, plural(len(m.Overdue)+len(m.Due), "task")+" due")
}

// NoticeMail tells somebody what was changed about the account: a password, a second factor.
type NoticeMail struct {
	Letter
	What    string // "your password was changed"
	At      time.Time
	Address string
	Link    string // where to look
}

func (m NoticeMail) letter() (string, string) {
	return "notice", sentence(m.What) + " at " + m.Client
}

//go:embed mails
var mailFiles embed.FS

// mailTemplates are parsed once and never change afterwards.
var mailTemplates = sync.OnceValues(func() (mails, error) {
	words := map[string]any{
		"line": line, "web": web, "exact": exact, "date": date, "plural": plural, "title": sentence,
	}
	html, err := template.New("").Funcs(words).ParseFS(mailFiles, "mails/*.html")
	if err != nil {
		return mails{}, fmt.Errorf("parsing the mails: %w", err)
	}
	plain, err := text.New("").Funcs(words).ParseFS(mailFiles, "mails/*.txt")
	if err != nil {
		return mails{}, fmt.Errorf("parsing the mails' texts: %w", err)
	}
	return mails{html, plain}, nil
})

type mails struct {
	html *template.Template
	text *text.Template
}

// Compose makes a mail.
func Compose(mail Mail) (Message, error) {
	set, err := mailTemplates()
	if err != nil {
		return Message{}, err
	}
	name, subject := mail.letter()
	var html, plain bytes.Buffer
	if err := set.html.ExecuteTemplate(&html, name, mail); err != nil {
		return Message{}, fmt.Errorf("making the mail %s: %w", name, err)
	}
	if err := set.text.ExecuteTemplate(&plain, name, mail); err != nil {
		return Message{}, fmt.Errorf("making the text of the mail %s: %w", name, err)
	}
	return Message{Subject: shorten(line(subject), 150), Text: plain.String(), HTML: html.String()}, nil
}

// line makes one line of what somebody wrote: nobody writes headers or paragraphs of their own into a mail.
func line(v any) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, fmt.Sprint(v))
	return strings.Join(strings.Fields(clean), " ")
}

func shorten(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// web is an address of the web, or nothing that leads anywhere.
func web(address string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.ContainsFunc(address, unicode.IsSpace) {
		return "#"
	}
	return u.String()
}
