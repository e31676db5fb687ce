package pages

import "time"

// Task is the page of one task. GET /tasks/{key}.
type Task struct {
	Chrome
	Form
	Project     NavProject
	Key         string
	Title       string
	Version     int // of what is shown: a change made meanwhile is noticed
	Description SanitisedMarkdown
	HasText     bool
	Status      string
	Done        bool
	Created     time.Time
	CreatedBy   Person
	Updated     time.Time

	Statuses   []Option
	Priority   Priority
	Priorities []Option
	Assignee   Person
	Assignees  []Option
	Labels     []Label
	LabelSet   []Option
	Due        time.Time

	Checklist   []Item
	Relations   []Relation
	Kinds       []Option // kinds of relation to add
	Comments    []Comment
	Draft       string // a comment that was not accepted
	Attachments []Attachment
	MaxUpload   int64
	Types       string // what may be attached, in words
	Events      []Event
	Mentionable []Person
	May         TaskAbilities
}

// TaskAbilities are what the reader may do with the task.
type TaskAbilities struct {
	Edit    bool
	Comment bool
	Attach  bool
	Delete  bool
}

// Item is one line of a checklist.
type Item struct {
	ID   string
	Text string
	Done bool
}

// Relation is a link to another task.
type Relation struct {
	ID    string
	Kind  string // "blocks", "is blocked by", "relates to", "duplicates"
	Key   string
	Title string
	Done  bool
}

// Comment is what somebody said about a task.
type Comment struct {
	ID      string
	Who     Person
	Visit   bool // the provider's account wrote it (AC-8)
	At      time.Time
	Edited  bool
	Body    SanitisedMarkdown
	MayEdit bool

	MayDelete bool
}

// Attachment is a file of a task. GET /attachments/{id} downloads it.
type Attachment struct {
	ID    string
	Name  string
	Type  string // in words: "PDF", "Picture"
	Size  int64
	Who   Person
	At    time.Time
	MayDo bool // may be deleted
}

func (p Task) about() about {
	return about{template: "task", title: p.Key + " " + p.Title, here: "project:" + p.Project.Key}
}

// Progress of the checklist.
func (p Task) Progress() Progress {
	progress := Progress{Total: len(p.Checklist)}
	for _, item := range p.Checklist {
		if item.Done {
			progress.Done++
		}
	}
	return progress
}

// TaskEdit makes a task or changes its words: POST /tasks (with project) or /tasks/{key}/edit.
type TaskEdit struct {
	Chrome
	Form
	New         bool
	Project     NavProject
	Projects    []Option // to choose from, for a new one
	Key         string
	Version     int
	Title       string
	Description string // Markdown as written
	Statuses    []Option
	Priorities  []Option
	Assignees   []Option
	LabelSet    []Option
	Due         time.Time
	Mentionable []Person
}

func (p TaskEdit) about() about {
	if p.New {
		here := "tasks"
		if p.Project.Key != "" {
			here = "project:" + p.Project.Key
		}
		return about{template: "task-edit", title: "New task", here: here}
	}
	return about{template: "task-edit", title: "Edit " + p.Key, here: "project:" + p.Project.Key}
}

// CommentEdit changes a comment: POST /comments/{id}/edit.
type CommentEdit struct {
	Chrome
	Form
	ID          string
	Project     NavProject
	Key         string
	Title       string
	Body        string // Markdown as written
	Mentionable []Person
}

func (p CommentEdit) about() about {
	return about{template: "comment-edit", title: "Edit your comment", here: "project:" + p.Project.Key}
}

// Rules are a project's automation rules. GET /projects/{key}/rules.
type Rules struct {
	Chrome
	Project NavProject
	Items   []Rule
	MayEdit bool
}

// Rule is "when … if … then …".
type Rule struct {
	ID        string
	Name      string
	When      string // in words
	If        string // CEL (AS-5); "" for always
	Then      string // in words
	Otherwise string // in words; "" for nothing
	Enabled   bool
	Runs      int
	LastRun   time.Time // zero: never
	LastError string
}

func (p Rules) about() about {
	return about{template: "rules", title: "Automation of " + p.Project.Name, here: "project:" + p.Project.Key}
}

// RuleEdit makes a rule or changes one: POST /projects/{key}/rules or /rules/{id}; the button do=test only tries it.
type RuleEdit struct {
	Chrome
	Form
	New       bool
	ID        string
	Project   NavProject
	Name      string
	Events    []Option // field when
	Condition string   // field if
	Then      []ActionEdit
	Otherwise []ActionEdit
	Enabled   bool
	Names     []Explained // what a condition can speak of
	Examples  []Explained
	Test      *RuleTest
	TestTask  string // field test-task: the key of the task to try it with
	LastError string
	LastRun   time.Time
}

// ActionEdit is one thing that a rule does: fields then-{n}-do and then-{n}-value, or else-….
type ActionEdit struct {
	Actions []Option
	Value   string
}

// Explained is a name or an example, and what it means.
type Explained struct {
	Code  string
	Words string
}

// RuleTest is what trying a rule came to.
type RuleTest struct {
	Key     string // the task
	Holds   bool
	Problem string   // what is wrong with the condition; "" for nothing
	Would   []string // what would be done
	Cost    string   // "12 of 10,000"
}

func (p RuleEdit) about() about {
	title := "Edit rule"
	if p.New {
		title = "New rule"
	}
	return about{template: "rule-edit", title: title, here: "project:" + p.Project.Key}
}
