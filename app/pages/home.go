package pages

import (
	"html/template"
	"time"
)

// SanitisedMarkdown is Markdown that has been turned into safe HTML already. Its field is the only one in this package
// that is not escaped (AS-2): fill it from the markdown package and from nowhere else.
type SanitisedMarkdown struct {
	HTML template.HTML
}

// TaskRow is a task in one line.
type TaskRow struct {
	Key       string // "OPS-12"
	Title     string
	Project   NavProject
	Status    string // the name of its column
	Done      bool
	Priority  Priority
	Assignee  Person // no ID: nobody
	Due       time.Time
	Labels    []Label
	Updated   time.Time
	Comments  int
	Checklist Progress
}

// Priority says how urgent a task is.
type Priority string

// The priorities.
const (
	PriorityLow    Priority = "low"
	PriorityNormal Priority = "normal"
	PriorityHigh   Priority = "high"
	PriorityUrgent Priority = "urgent"
)

// Label is a coloured word on a task.
type Label struct {
	ID   string
	Name string
	Hue  int // 0 to 9
}

// Progress is how much of a checklist is done.
type Progress struct {
	Done  int
	Total int
}

// Complete tells whether all is done.
func (p Progress) Complete() bool { return p.Total > 0 && p.Done == p.Total }

// Home is the first page: what concerns me. GET /.
type Home struct {
	Chrome
	Mine     []TaskRow // assigned to me, the nearest due first
	DueSoon  []TaskRow // in my projects, due within a week
	Mentions []Notification
	Overview []ProjectSummary
	Welcome  bool // the first visit: explains what to do
}

func (Home) about() about { return about{template: "home", title: "Home", here: "home"} }

// Greeting is what the page says first, by the reader's clock.
func (p Home) Greeting() string {
	switch hour := p.Clock.in(p.Clock.Now).Hour(); {
	case hour >= 5 && hour < 12:
		return "Good morning"
	case hour >= 12 && hour < 18:
		return "Good afternoon"
	default:
		return "Good evening"
	}
}

// ProjectSummary is a project as a list shows it.
type ProjectSummary struct {
	NavProject
	Description string
	Open        int
	Done        int
	Overdue     int
	Members     []Person // the first few
	MoreMembers int
	Everyone    bool // all members see it; otherwise only its own
	Archived    bool
	Updated     time.Time
}

// Total is how many tasks it has.
func (p ProjectSummary) Total() int { return p.Open + p.Done }

// Event is something that happened.
type Event struct {
	ID      string
	Who     Person
	Visit   bool   // the provider's account did it (AC-8)
	What    string // "moved", "commented on", …
	Key     string // the task; "" if it is about none
	Subject string // the task's title or what else it is about
	Path    string // where the subject is
	Detail  string // "from To do to In progress", or the first words of a comment
	At      time.Time
}

// Activity is the feed. GET /activity or /projects/{key}/activity.
type Activity struct {
	Chrome
	Project NavProject // no key: everything that the reader may see
	Events  []Event
	Pager   Pager
}

func (p Activity) about() about {
	if p.Project.Key != "" {
		return about{template: "activity", title: "Activity in " + p.Project.Name, here: "project:" + p.Project.Key}
	}
	return about{template: "activity", title: "Activity", here: "activity"}
}

// Notification is a message to one person.
type Notification struct {
	ID      string
	Who     Person
	What    string // "mentioned you in", "assigned you", …
	Key     string
	Subject string
	Path    string
	Excerpt string
	At      time.Time
	Unread  bool
}

// Notifications are all of them. POST /notifications/read.
type Notifications struct {
	Chrome
	Items []Notification
	Pager Pager
}

func (Notifications) about() about {
	return about{template: "notifications", title: "Notifications", here: "notifications"}
}

// Search shows what was found. GET /search?q=.
type Search struct {
	Chrome
	Form
	Query    string
	Tasks    []TaskRow
	Comments []Found
	Projects []ProjectSummary
	Pager    Pager
}

// Found is a place where the words stand.
type Found struct {
	Key     string
	Title   string
	Path    string
	Who     Person
	Excerpt []Piece
	At      time.Time
}

// Piece is a stretch of text; what was looked for is marked.
type Piece struct {
	Text   string
	Marked bool
}

func (p Search) about() about { return about{template: "search", title: "Search", here: "search"} }

// Count is how many things were found.
func (p Search) Count() int { return len(p.Tasks) + len(p.Comments) + len(p.Projects) }
