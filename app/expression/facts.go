package expression

import (
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
)

// Facts are all that a condition can see. Texts and lists longer than the limits below are cut, so that a condition's cost is
// bounded by what it says and not by what somebody wrote into a task.
type Facts struct {
	Now     time.Time
	Event   string   // what happened, such as task.created, task.changed, comment.added
	Changed []string // names of the fields that changed, such as status
	Actor   Actor    // who did it
	Task    Task     // as it is now
	Before  Task     // as it was; of a new task the same as Task
	Comment string   // the text of the comment, if the event is about one
}

// Actor is who did something.
type Actor struct {
	ID, Name, Role string
	Teams          []string
}

// Task is a task as conditions see it.
type Task struct {
	Key, Project, Title, Description string
	Status, Priority                 string
	Assignee, Author                 string // IDs; "" for nobody
	Labels                           []string
	Due                              time.Time // zero for none
	Created                          time.Time
	Open, Done                       int // items of the checklist
	Comments                         int
}

// Limits of what a condition sees.
const (
	longText  = 16 << 10 // bytes of a description or a comment
	shortText = 500      // bytes of any other text
	longList  = 100      // items
)

// variable is one name that conditions may use.
type variable struct {
	name string
	kind *cel.Type
	size uint64 // the longest text or list; of a list, its items are shortText
	of   func(*Facts) any
}

// variables are all of them. They are flat names with a dot, so that each has a type and a misspelt one is found when the rule is
// written.
func variables() []variable {
	list := cel.ListType(cel.StringType)
	all := []variable{
		{"now", cel.TimestampType, 0, func(f *Facts) any { return f.Now.UTC() }},
		{"event", cel.StringType, shortText, func(f *Facts) any { return text(f.Event, shortText) }},
		{"changed", list, longList, func(f *Facts) any { return texts(f.Changed) }},
		{"comment", cel.StringType, longText, func(f *Facts) any { return text(f.Comment, longText) }},
		{"actor.id", cel.StringType, shortText, func(f *Facts) any { return text(f.Actor.ID, shortText) }},
		{"actor.name", cel.StringType, shortText, func(f *Facts) any { return text(f.Actor.Name, shortText) }},
		{"actor.role", cel.StringType, shortText, func(f *Facts) any { return text(f.Actor.Role, shortText) }},
		{"actor.teams", list, longList, func(f *Facts) any { return texts(f.Actor.Teams) }},
	}
	for _, one := range []struct {
		name string
		of   func(*Facts) *Task
	}{{"task", func(f *Facts) *Task { return &f.Task }}, {"before", func(f *Facts) *Task { return &f.Before }}} {
		for field, of := range map[string]func(*Task) string{
			"key": func(t *Task) string { return t.Key }, "project": func(t *Task) string { return t.Project },
			"title": func(t *Task) string { return t.Title }, "status": func(t *Task) string { return t.Status },
			"priority": func(t *Task) string { return t.Priority }, "assignee": func(t *Task) string { return t.Assignee },
			"author": func(t *Task) string { return t.Author },
		} {
			all = append(all, variable{one.name + "." + field, cel.StringType, shortText, func(f *Facts) any { return text(of(one.of(f)), shortText) }})
		}
		for field, of := range map[string]func(*Task) int{
			"open": func(t *Task) int { return t.Open }, "done": func(t *Task) int { return t.Done }, "comments": func(t *Task) int { return t.Comments },
		} {
			all = append(all, variable{one.name + "." + field, cel.IntType, 0, func(f *Facts) any { return int64(of(one.of(f))) }})
		}
		all = append(all,
			variable{one.name + ".description", cel.StringType, longText, func(f *Facts) any { return text(one.of(f).Description, longText) }},
			variable{one.name + ".labels", list, longList, func(f *Facts) any { return texts(one.of(f).Labels) }},
			variable{one.name + ".has_due", cel.BoolType, 0, func(f *Facts) any { return !one.of(f).Due.IsZero() }},
			variable{one.name + ".due", cel.TimestampType, 0, func(f *Facts) any { return due(one.of(f).Due) }},
			variable{one.name + ".created", cel.TimestampType, 0, func(f *Facts) any { return one.of(f).Created.UTC() }},
		)
	}
	return all
}

// due of a task without one is the end of time, so that "task.due < now" is not true of it.
func due(t time.Time) time.Time {
	if t.IsZero() {
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t.UTC()
}

func text(s string, most int) string {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func texts(all []string) []string {
	list := make([]string, 0, min(len(all), longList))
	for _, s := range all[:min(len(all), longList)] {
		list = append(list, text(s, shortText))
	}
	return list
}
