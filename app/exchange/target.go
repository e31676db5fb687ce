package exchange

import (
	"slices"
	"strings"
	"unicode"
)

// Target is what a column of a file becomes. "" leaves it out.
type Target string

// The targets.
const (
	LeftOut     Target = ""
	Title       Target = "title"
	Description Target = "description"
	Status      Target = "status"
	Priority    Target = "priority"
	Assignee    Target = "assignee"
	Due         Target = "due"
	Labels      Target = "labels"
	Steps       Target = "checklist"
	ID          Target = "id" // what the task is called elsewhere: the same one is imported once
)

// Targets are all that a column can become.
func Targets() []Target {
	return []Target{Title, Description, Status, Priority, Assignee, Due, Labels, Steps, ID}
}

// several columns may become the same thing where it is a list.
func (t Target) several() bool { return t == Labels || t == Steps || t == LeftOut }

// known are the names that columns have in our own export and in what common tools write, the likeliest first.
func known(t Target) []string {
	return map[Target][]string{
		Title:       {"title", "summary", "taskname", "cardname", "name", "task", "subject", "issue", "todo", "what"},
		Description: {"description", "carddescription", "notes", "desc", "body", "details", "content"},
		Status:      {"status", "state", "column", "sectioncolumn", "section", "listname", "list", "stage", "bucketname"},
		Priority:    {"priority", "importance", "urgency"},
		Assignee:    {"assignee", "assigneeemail", "assignedto", "assigneename", "owner", "responsible", "members", "who"},
		Due:         {"due", "duedate", "dueon", "deadline", "dateend", "enddate", "until", "when"},
		Labels:      {"labels", "label", "tags", "tag", "categories", "category"},
		Steps:       {"checklist", "checklistitems", "subtasks", "steps"},
		ID:          {"id", "externalid", "issuekey", "taskid", "cardid", "issueid", "key", "ref"},
	}[t]
}

// Guess says what columns become, by their names.
func Guess(heads []string) []Target {
	targets := make([]Target, len(heads))
	for _, t := range Targets() {
		best, rank := -1, 0
		for i, head := range heads {
			at := slices.Index(known(t), folded(head))
			switch {
			case at < 0 || targets[i] != LeftOut:
			case t.several():
				targets[i] = t
			case best < 0 || at < rank:
				best, rank = i, at
			}
		}
		if best >= 0 {
			targets[best] = t
		}
	}
	return targets
}

// folded is a name without what people write differently: capitals, spaces, signs.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}
