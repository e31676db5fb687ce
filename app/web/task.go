package web

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// taskPage is the page of the task of this path.
func (c *call) taskPage(form pages.Form) (pages.Page, error) {
	d, err := c.work.Task(c.ctx(), c.who(), c.key())
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	chosen := make([]string, len(d.Labels))
	for i, one := range d.Labels {
		chosen[i] = one.ID.String()
	}
	page := pages.Task{
		Chrome: chrome, Form: form, Project: navOf(d.Project, d.MayManage), Key: d.Key, Title: d.Title, Version: d.Version,
		Description: pages.SanitisedMarkdown{HTML: d.HTML}, HasText: strings.TrimSpace(d.Description) != "", Status: d.StatusName, Done: d.Done,
		Created: d.Created, CreatedBy: personOf(d.CreatedBy), Updated: d.Updated,
		Statuses: statusOptions(d.Columns, d.Status.String()), Priority: pages.Priority(d.Priority), Priorities: priorityOptions(d.Priority),
		Assignee: personOf(d.Assignee), Assignees: assigneeOptions(d.People, text(d.Assignee.ID), "Nobody"),
		Labels: labelsOf(d.Labels), LabelSet: labelOptions(d.LabelSet, chosen), Due: d.DueDay(),
		Draft: c.form.Get("body"), MaxUpload: c.work.MaxUpload(), Types: "pictures, documents, archives", Events: eventsOf(d.Events), Mentionable: peopleOf(d.People),
		May: pages.TaskAbilities{Edit: d.MayEdit, Comment: d.MayComment, Attach: d.MayEdit, Delete: d.MayDelete},
	}
	for _, one := range d.Steps {
		page.Checklist = append(page.Checklist, pages.Item{ID: one.ID.String(), Text: one.Text, Done: one.Done})
	}
	for _, one := range d.Relations {
		page.Relations = append(page.Relations, pages.Relation{ID: one.ID.String(), Kind: relation(one.Kind), Key: one.Key, Title: one.Title, Done: one.Done})
	}
	for _, kind := range work.RelationKinds() {
		page.Kinds = append(page.Kinds, pages.Option{Value: kind, Text: relation(kind), Selected: kind == work.Relates})
	}
	for _, one := range d.Discussion {
		page.Comments = append(page.Comments, pages.Comment{ID: one.ID.String(), Who: personOf(one.Who), Visit: one.Who.Visit, At: one.At, Edited: one.Edited,
			Body: pages.SanitisedMarkdown{HTML: one.HTML}, MayEdit: one.MayEdit, MayDelete: one.MayDelete})
	}
	for _, one := range d.Files {
		page.Attachments = append(page.Attachments, pages.Attachment{ID: one.ID.String(), Name: one.Name, Type: kindOfFile(one.Type), Size: one.Size,
			Who: personOf(one.Uploader), At: one.At, MayDo: one.MayDo})
	}
	return page, err
}

// relation is a kind of relation in words.
func relation(kind string) string {
	words := map[string]string{work.Blocks: "blocks", work.BlockedBy: "is blocked by", work.Relates: "relates to", work.Duplicates: "duplicates",
		work.Parent: "is the parent of", work.ChildOf: "is a part of"}[kind]
	if words == "" {
		return kind
	}
	return words
}

// kindOfFile is a content type in words.
func kindOfFile(kind string) string {
	switch {
	case kind == "application/pdf":
		return "PDF"
	case strings.HasPrefix(kind, "image/"):
		return "Picture"
	case strings.HasPrefix(kind, "text/"):
		return "Text"
	case strings.Contains(kind, "zip"), strings.Contains(kind, "tar"), strings.Contains(kind, "compress"):
		return "Archive"
	case strings.Contains(kind, "sheet"), strings.Contains(kind, "excel"):
		return "Spreadsheet"
	case strings.Contains(kind, "presentation"), strings.Contains(kind, "powerpoint"):
		return "Presentation"
	case strings.Contains(kind, "document"), strings.Contains(kind, "word"):
		return "Document"
	}
	return "File"
}

func task(c *call) error {
	page, err := c.taskPage(pages.Form{})
	if err != nil {
		return err
	}
	return c.page(page)
}

// newTask shows the form of a new task, with what was sent of it.
func (c *call) newTask(form pages.Form, key string, t work.NewTask) (pages.Page, error) {
	chrome, err := c.chrome()
	if err != nil {
		return nil, err
	}
	page := pages.TaskEdit{Chrome: chrome, Form: form, New: true, Title: t.Title, Description: t.Description, Priorities: priorityOptions(t.Priority)}
	page.Due, _ = time.Parse(time.DateOnly, t.Due) // what is no day is not shown again
	var of string
	if key == "" {
		for i, one := range chrome.Projects {
			o := pages.Option{Value: one.Key, Text: one.Name, Selected: one.Key == t.Project || t.Project == "" && i == 0}
			if o.Selected {
				of = one.Key
			}
			page.Projects = append(page.Projects, o)
		}
		page.Assignees = []pages.Option{{Text: "Nobody", Selected: true}, {Value: c.who().ID.String(), Text: "Me", Selected: t.Assignee == c.who().ID}}
		if of != "" {
			choices, err := c.work.Choices(c.ctx(), c.who(), of)
			if err != nil {
				return nil, err
			}
			page.Mentionable = peopleOf(choices.People)
		}
		return page, nil
	}
	choices, err := c.work.Choices(c.ctx(), c.who(), key)
	if err != nil {
		return nil, err
	}
	if !choices.MayCreate {
		return nil, fault.Refused("you may not create tasks here")
	}
	labels := make([]string, len(t.Labels))
	for i, one := range t.Labels {
		labels[i] = one.String()
	}
	page.Project = navOf(choices.Project, choices.MayManage)
	page.Statuses, page.Assignees = statusOptions(choices.Columns, text(t.Status)), assigneeOptions(choices.People, text(t.Assignee), "Nobody")
	page.LabelSet, page.Mentionable = labelOptions(choices.Labels, labels), peopleOf(choices.People)
	return page, nil
}

func newTaskPage(c *call) error {
	status, err := oneID(c.r.URL.Query(), "status")
	if err != nil {
		return err
	}
	page, err := c.newTask(pages.Form{}, c.key(), work.NewTask{Status: status})
	if err != nil {
		return err
	}
	return c.page(page)
}

func createTask(c *call) error {
	t := work.NewTask{Project: c.key(), Title: c.form.Get("title"), Description: c.form.Get("description"), Priority: c.form.Get("priority"), Due: c.form.Get("due")}
	if t.Project == "" {
		t.Project = strings.ToUpper(strings.TrimSpace(c.form.Get("project")))
	}
	var wrong [3]error
	t.Status, wrong[0] = oneID(c.form, "status")
	t.Assignee, wrong[1] = oneID(c.form, "assignee")
	t.Labels, wrong[2] = ids(c.form, "label")
	made, err := work.TaskRef{}, errors.Join(wrong[:]...)
	if err == nil {
		made, err = c.work.CreateTask(c.ctx(), c.who(), t)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.newTask(form, c.key(), t) })
	}
	if c.form.Get("return") == "board" {
		return c.to(projectPath(made.Project))
	}
	return c.done("created", taskPath(made.Key))
}

// editTask shows a task's words in a form.
func (c *call) editTask(form pages.Form, title, description *string) (pages.Page, error) {
	d, err := c.work.Task(c.ctx(), c.who(), c.key())
	if err != nil {
		return nil, err
	}
	if !d.MayEdit {
		return nil, fault.Refused("you may not change this task")
	}
	chrome, err := c.chrome()
	page := pages.TaskEdit{Chrome: chrome, Form: form, Project: navOf(d.Project, d.MayManage), Key: d.Key, Version: d.Version, Title: d.Title,
		Description: d.Description, Mentionable: peopleOf(d.People)}
	if title != nil {
		page.Title, page.Description = *title, *description
	}
	return page, err
}

func editTaskPage(c *call) error {
	page, err := c.editTask(pages.Form{}, nil, nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

func saveTask(c *call) error {
	version, err := number(c.form, "version")
	title, description := c.form.Get("title"), c.form.Get("description")
	if err == nil {
		_, err = c.work.UpdateTask(c.ctx(), c.who(), work.TaskChange{Key: c.key(), Version: version, Title: &title, Description: &description})
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.editTask(form, &title, &description) })
	}
	return c.done("saved", taskPath(c.key()))
}

// saveFields changes what stands beside a task, as soon as it is changed on the page.
func saveFields(c *call) error {
	var wrong [4]error
	change := work.TaskChange{Key: c.key()}
	change.Version, wrong[0] = number(c.form, "version")
	if c.form.Has("status") {
		var id uuid.UUID
		id, wrong[1] = oneID(c.form, "status")
		change.Status = &id
	}
	if c.form.Has("assignee") {
		var id uuid.UUID
		id, wrong[2] = oneID(c.form, "assignee")
		change.Assignee = &id
	}
	var labels []uuid.UUID
	labels, wrong[3] = ids(c.form, "label")
	change.Labels = &labels
	for field, into := range map[string]**string{"priority": &change.Priority, "due": &change.Due} {
		if c.form.Has(field) {
			value := c.form.Get(field)
			*into = &value
		}
	}
	err := errors.Join(wrong[:]...)
	if err == nil {
		_, err = c.work.UpdateTask(c.ctx(), c.who(), change)
	}
	if fault.Is(err, fault.Conflict) { // a script shows it, and leaves the page as it is
		return err
	}
	if err != nil {
		return c.again(err, c.taskPage)
	}
	return c.to(taskPath(c.key()))
}

func (c *call) moving(form pages.Form, status string) (pages.Page, error) {
	d, err := c.work.Task(c.ctx(), c.who(), c.key())
	if err != nil {
		return nil, err
	}
	if !d.MayEdit {
		return nil, fault.Refused("you may not change this task")
	}
	b, err := c.work.Board(c.ctx(), c.who(), d.Project.Key, work.BoardFilter{})
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	if status == "" {
		status = d.Status.String()
	}
	page := pages.MoveTask{Chrome: chrome, Form: form, Project: navOf(d.Project, d.MayManage), Key: d.Key, Title: d.Title, Columns: statusOptions(d.Columns, status),
		Before: []pages.Option{{Text: "At the end", Selected: true}}}
	for _, column := range b.Columns {
		for _, one := range column.Cards {
			if column.ID.String() == status && one.Key != d.Key {
				page.Before = append(page.Before, pages.Option{Value: one.Key, Text: "Before " + one.Key + " " + cut(one.Title, 60)})
			}
		}
	}
	return page, err
}

func moveTaskPage(c *call) error {
	page, err := c.moving(pages.Form{}, "")
	if err != nil {
		return err
	}
	return c.page(page)
}

func moveTask(c *call) error {
	status, err := oneID(c.form, "status")
	moved := work.TaskRef{}
	if err == nil {
		moved, err = c.work.MoveTask(c.ctx(), c.who(), work.Move{Key: c.key(), Status: status, Before: strings.ToUpper(c.form.Get("before"))})
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.moving(form, c.form.Get("status")) })
	}
	if c.form.Get("return") == "board" {
		return c.to(projectPath(moved.Project))
	}
	return c.to(taskPath(moved.Key))
}

func deleteTask(c *call) error {
	d, err := c.work.Task(c.ctx(), c.who(), c.key())
	if err != nil {
		return err
	}
	if err := c.work.DeleteTask(c.ctx(), c.who(), c.key()); err != nil {
		return err
	}
	return c.done("deleted", projectPath(d.Project.Key))
}

// onTask ends a change of a part of a task: back to the task, or the task with what was wrong.
func (c *call) onTask(err error, place string) error {
	if err != nil {
		return c.again(err, c.taskPage)
	}
	return c.to(taskPath(c.key()) + place)
}

func addStep(c *call) error {
	_, err := c.work.AddStep(c.ctx(), c.who(), c.key(), c.form.Get("item"))
	return c.onTask(err, "#checklist")
}

func changeStep(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	return c.onTask(c.work.ChangeStep(c.ctx(), c.who(), c.key(), id, c.form.Get("do")), "#checklist")
}

func relate(c *call) error {
	_, err := c.work.Relate(c.ctx(), c.who(), c.key(), c.form.Get("kind"), strings.ToUpper(strings.TrimSpace(c.form.Get("other"))))
	if fault.Is(err, fault.NotFound) {
		if _, there := c.work.Task(c.ctx(), c.who(), c.key()); there == nil {
			err = fault.BadInput("other", "there is no such task", "write its key, such as OPS-12")
		}
	}
	return c.onTask(err, "#relations")
}

func unrelate(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	return c.onTask(c.work.Unrelate(c.ctx(), c.who(), c.key(), id), "#relations")
}
