package pages

import "time"

// Projects is the list. GET /projects.
type Projects struct {
	Chrome
	Items    []ProjectSummary
	Archived bool // shows those that are put away
}

func (Projects) about() about {
	return about{template: "projects", title: "Projects", here: "projects"}
}

// ProjectEdit makes a project or changes one: POST /projects or /projects/{key}/edit.
type ProjectEdit struct {
	Chrome
	Form
	New         bool
	Key         string
	Name        string
	Description string
	Everyone    bool // all members see it; otherwise only its own
	Columns     []ColumnEdit
	Labels      []Label
	Members     []Option
	Archived    bool
	MayDelete   bool
}

// ColumnEdit is a column of the board, to be changed. ID is empty for one to be added.
type ColumnEdit struct {
	ID    string
	Name  string
	Limit int
	Done  bool // tasks here are finished
}

func (p ProjectEdit) about() about {
	if p.New {
		return about{template: "project-edit", title: "New project", here: "projects"}
	}
	return about{template: "project-edit", title: "Settings of " + p.Name, here: "project:" + p.Key}
}

// Spare are empty rows for what is to be added, so that it works without a script.
func (p ProjectEdit) Spare() []int { return []int{0, 1} }

// NoColumn fills an empty row.
func (p ProjectEdit) NoColumn() ColumnEdit { return ColumnEdit{} }

// NoLabel fills an empty row.
func (p ProjectEdit) NoLabel() Label { return Label{} }

// ProjectOf is the project itself, for the head of the page.
func (p ProjectEdit) ProjectOf() NavProject {
	return NavProject{Key: p.Key, Name: p.Name, MayEdit: true}
}

// Board shows a project's tasks in columns. GET /projects/{key}.
type Board struct {
	Chrome
	Form
	Project   NavProject
	Summary   string // one line about the project
	Columns   []Column
	MayCreate bool
	MayMove   bool
	MayManage bool
	Filter    BoardFilter
}

// BoardFilter narrows the board down.
type BoardFilter struct {
	Assignees []Option
	Labels    []Option
	Words     string
	Active    bool
}

// Column is one column of a board.
type Column struct {
	ID    string
	Name  string
	Limit int // 0: none
	Done  bool
	Cards []Card
	More  int // cards that are not shown here, for a long column of what is done
}

// Over tells whether there is more in it than its limit allows.
func (c Column) Over() bool { return c.Limit > 0 && c.Count() > c.Limit }

// Count is how many tasks are in it.
func (c Column) Count() int { return len(c.Cards) + c.More }

// Card is a task on the board.
type Card struct {
	Key         string
	Title       string
	Priority    Priority
	Labels      []Label
	Assignee    Person // no ID: nobody
	Due         time.Time
	Checklist   Progress
	Comments    int
	Attachments int
	Blocked     bool
}

// lane and slip are a column and a card with everything worked out: a board has hundreds of cards, and a call from within a
// template costs ten times what it costs here.
type lane struct {
	Column
	Count int
	Over  bool
	Slips []slip
}

// Its fields are its own, not those of an embedded card, which a template would look for by name each time.
type slip struct {
	Key, Title, Path   string
	Low, High, Urgent  bool
	Blocked            bool
	Labels             []Label
	HasDue             bool
	Due                deadline
	Steps, Done        int
	Complete           bool
	Comments           int
	Attachments        int
	Hue                int
	Initials, Assignee string
}

type boardAhead struct {
	Board
	Lanes []lane
}

func (p Board) ahead() any {
	lanes := make([]lane, len(p.Columns))
	for i, column := range p.Columns {
		slips := make([]slip, len(column.Cards))
		for j, card := range column.Cards {
			s := slip{
				Key: card.Key, Title: card.Title, Path: "/tasks/" + segment(card.Key),
				Low: card.Priority == PriorityLow, High: card.Priority == PriorityHigh, Urgent: card.Priority == PriorityUrgent,
				Blocked: card.Blocked, Labels: card.Labels, Steps: card.Checklist.Total, Done: card.Checklist.Done,
				Complete: card.Checklist.Complete(), Comments: card.Comments, Attachments: card.Attachments,
			}
			if !card.Due.IsZero() {
				s.HasDue, s.Due = true, due(p.Clock, card.Due, column.Done)
			}
			if card.Assignee.ID != "" {
				s.Hue, s.Initials, s.Assignee = card.Assignee.Hue(), card.Assignee.Initials(), card.Assignee.Name
			}
			slips[j] = s
		}
		lanes[i] = lane{Column: column, Count: column.Count(), Over: column.Over(), Slips: slips}
	}
	return boardAhead{Board: p, Lanes: lanes}
}

func (p Board) about() about {
	return about{template: "board", title: p.Project.Name, here: "project:" + p.Project.Key, wide: true}
}

// MoveTask moves a task to another place of the board, for who has no script and no mouse: POST /tasks/{key}/move.
type MoveTask struct {
	Chrome
	Form
	Project NavProject
	Key     string
	Title   string
	Columns []Option
	Before  []Option // the tasks of the chosen column; the empty value is its end
}

func (p MoveTask) about() about {
	return about{template: "move-task", title: "Move " + p.Key, here: "project:" + p.Project.Key}
}

// TaskList shows tasks in rows, filtered, sorted and paged: GET /projects/{key}/list, or /tasks for all projects.
type TaskList struct {
	Chrome
	Form
	Project   NavProject // no key: all projects
	Tasks     []TaskRow
	Words     string
	Statuses  []Option
	Assignees []Option
	Labels    []Option
	Priority  []Option
	Due       []Option
	Sort      []Option
	Filtered  bool
	Query     string // the present filter as a query string: what a saved filter keeps
	Saved     []SavedFilter
	Pager     Pager
	MayCreate bool
}

// SavedFilter is a filter that somebody gave a name.
type SavedFilter struct {
	ID     string
	Name   string
	Path   string // the list with this filter
	Shared bool
	Mine   bool
	Active bool
}

func (p TaskList) about() about {
	if p.Project.Key != "" {
		return about{template: "task-list", title: "Tasks of " + p.Project.Name, here: "project:" + p.Project.Key}
	}
	return about{template: "task-list", title: "All tasks", here: "tasks"}
}

// Base is the path that the filter form goes to.
func (p TaskList) Base() string {
	if p.Project.Key != "" {
		return "/projects/" + segment(p.Project.Key) + "/list"
	}
	return "/tasks"
}
