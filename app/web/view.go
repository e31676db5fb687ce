package web

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// text is an id as pages have it; "" for none.
func text(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

func navOf(p work.ProjectName, mayEdit bool) pages.NavProject {
	return pages.NavProject{Key: p.Key, Name: p.Name, MayEdit: mayEdit}
}

func personOf(p work.Person) pages.Person {
	return pages.Person{ID: text(p.ID), Name: p.Name, Handle: p.Handle, Role: pages.Role(p.Role)}
}

func peopleOf(all []work.Person) []pages.Person {
	shown := make([]pages.Person, len(all))
	for i, one := range all {
		shown[i] = personOf(one)
	}
	return shown
}

func labelsOf(all []work.Label) []pages.Label {
	shown := make([]pages.Label, len(all))
	for i, one := range all {
		shown[i] = pages.Label{ID: text(one.ID), Name: one.Name, Hue: one.Hue}
	}
	return shown
}

func rowOf(t work.TaskRow) pages.TaskRow {
	return pages.TaskRow{
		Key: t.Key, Title: t.Title, Project: navOf(t.Project, false), Status: t.StatusName, Done: t.Done, Priority: pages.Priority(t.Priority),
		Assignee: personOf(t.Assignee), Due: t.DueDay(), Labels: labelsOf(t.Labels), Updated: t.Updated, Comments: t.Comments,
		Checklist: pages.Progress(t.Checklist),
	}
}

func rowsOf(all []work.TaskRow) []pages.TaskRow {
	shown := make([]pages.TaskRow, len(all))
	for i, one := range all {
		shown[i] = rowOf(one)
	}
	return shown
}

func summariesOf(all []work.ProjectSummary) []pages.ProjectSummary {
	shown := make([]pages.ProjectSummary, len(all))
	for i, p := range all {
		shown[i] = pages.ProjectSummary{NavProject: navOf(p.ProjectName, p.MayManage), Description: p.Description, Open: p.Open, Done: p.Done,
			Overdue: p.Overdue, Members: peopleOf(p.Members), MoreMembers: p.MoreMembers, Everyone: p.Everyone, Archived: p.Archived, Updated: p.Updated}
	}
	return shown
}

func taskPath(key string) string { return "/tasks/" + seg(key) }

func projectPath(key string) string { return "/projects/" + seg(key) }

// noticeOf is a notification in words.
func noticeOf(n work.Notification) pages.Notification {
	what := map[string]string{work.NoticeAssigned: "assigned you", work.NoticeMentioned: "mentioned you in", work.NoticeCommented: "commented on",
		work.NoticeDue: "reminds you of", work.NoticeRule: "tells you of"}[n.Kind]
	where := taskPath(n.Key)
	if n.CommentID != uuid.Nil {
		where += "#comment-" + n.CommentID.String()
	}
	who := n.ActorName
	if who == "" {
		who = "TaskFlow"
	}
	return pages.Notification{ID: n.ID.String(), Who: pages.Person{ID: n.ActorName, Name: who}, What: what, Key: n.Key, Subject: n.Title,
		Path: where, Excerpt: n.Text, At: n.At, Unread: n.Unread}
}

// eventOf is a line of the feed in words.
func eventOf(l feed.Line) pages.Event {
	what := map[string]string{"task.created": "wrote down", "task.changed": "changed", "task.moved": "moved", "task.deleted": "deleted",
		"task.checklist": "worked on the checklist of", "task.relation": "related", "comment.added": "commented on",
		"attachment.added": "added a file to", "attachment.removed": "removed a file from", "project.created": "started",
		"project.changed": "changed the settings of", "project.archived": "put away or fetched back"}[l.Verb]
	if what == "" {
		what = l.Verb
	}
	key, subject, _ := strings.Cut(l.Subject, " ")
	e := pages.Event{ID: l.ID.String(), Who: pages.Person{ID: text(l.ActorID), Name: l.ActorName}, Visit: l.Detail["visit"] == "provider", What: what,
		Key: key, Subject: subject, At: l.At, Detail: detailOf(l)}
	switch {
	case l.TaskID != uuid.Nil:
		e.Path = taskPath(key)
		if id := l.Detail["comment"]; l.Verb == "comment.added" && id != "" {
			e.Path += "#comment-" + seg(id)
		}
	case strings.HasPrefix(l.Verb, "project."):
		e.Path = projectPath(key)
	}
	return e
}

// detailOf is what a line tells besides, in one line.
func detailOf(l feed.Line) string {
	var all []string
	for _, name := range []string{"title", "status", "assignee", "priority", "due", "labels", "description", "what", "file"} {
		value := l.Detail[name]
		switch {
		case value == "":
		case name == "description":
			all = append(all, "the description")
		case name == "what", name == "file", name == "status" && l.Verb == "task.moved":
			all = append(all, value)
		default:
			all = append(all, fmt.Sprintf("%s: %s", name, value))
		}
	}
	return strings.Join(all, "; ")
}

func eventsOf(lines []feed.Line) []pages.Event {
	events := make([]pages.Event, len(lines))
	for i, one := range lines {
		events[i] = eventOf(one)
	}
	return events
}

// The options of select fields.

func statusOptions(columns []work.Column, chosen string) []pages.Option {
	var all []pages.Option
	for _, one := range columns {
		all = append(all, pages.Option{Value: one.ID.String(), Text: one.Name, Selected: one.ID.String() == chosen})
	}
	return all
}

func priorityOptions(chosen string) []pages.Option {
	if chosen == "" {
		chosen = work.PriorityNormal
	}
	var all []pages.Option
	for _, one := range work.Priorities() {
		all = append(all, pages.Option{Value: one, Text: strings.ToUpper(one[:1]) + one[1:], Selected: one == chosen})
	}
	return all
}

func assigneeOptions(people []work.Person, chosen, none string) []pages.Option {
	all := []pages.Option{{Value: "", Text: none, Selected: chosen == ""}}
	for _, one := range people {
		all = append(all, pages.Option{Value: one.ID.String(), Text: one.Name, Selected: one.ID.String() == chosen})
	}
	return all
}

func labelOptions(labels []work.Label, chosen []string) []pages.Option {
	var all []pages.Option
	for _, one := range labels {
		o := pages.Option{Value: one.ID.String(), Text: one.Name}
		for _, id := range chosen {
			o.Selected = o.Selected || id == o.Value
		}
		all = append(all, o)
	}
	return all
}

// marked cuts a text around the first of the words that were looked for, and marks them.
func marked(text string, words []string) []pages.Piece {
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // a letter whose small form has another length: places would not fit
		return []pages.Piece{{Text: cut(text, 200)}}
	}
	first := -1
	for _, word := range words {
		if at := strings.Index(lower, strings.ToLower(word)); word != "" && at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	start := 0
	if first > 80 {
		start = first - 80
		for start < first && text[start]&0xc0 == 0x80 {
			start++
		}
	}
	rest := cut(text[start:], 240)
	var pieces []pages.Piece
	for rest != "" {
		at, long := -1, 0
		low := strings.ToLower(rest)
		for _, word := range words {
			if i := strings.Index(low, strings.ToLower(word)); word != "" && i >= 0 && (at < 0 || i < at) && len(low) == len(rest) {
				at, long = i, len(strings.ToLower(word))
			}
		}
		if at < 0 {
			return append(pieces, pages.Piece{Text: rest})
		}
		if at > 0 {
			pieces = append(pieces, pages.Piece{Text: rest[:at]})
		}
		pieces = append(pieces, pages.Piece{Text: rest[at : at+long], Marked: true})
		rest = rest[at+long:]
	}
	return pieces
}

// cut is the beginning of a text.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
