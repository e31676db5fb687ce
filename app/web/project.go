package web

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

func projectList(c *call) error {
	away := c.r.URL.Query().Get("archived") == "yes"
	all, err := c.work.Projects(c.ctx(), c.who(), away)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	return c.page(pages.Projects{Chrome: chrome, Items: summariesOf(all), Archived: away})
}

// projectForm reads the form of a project. Rows are numbered from 0 without gaps.
func projectForm(form url.Values) (work.ProjectEdit, error) {
	e := work.ProjectEdit{Key: form.Get("key"), Name: form.Get("name"), Description: form.Get("description"), Everyone: form.Get("visibility") == "everyone",
		Columns: []work.ColumnEdit{}, Labels: []work.LabelEdit{}}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	if v := form.Get("visibility"); v != "everyone" && v != "members" {
		note(fault.BadInput("visibility", "it is not said who sees the project", "choose one"))
	}
	for i := 0; form.Has(fmt.Sprintf("column-name-%d", i)); i++ {
		id, err := oneID(form, fmt.Sprintf("column-id-%d", i))
		note(err)
		limit, err := number(form, fmt.Sprintf("column-limit-%d", i))
		note(err)
		e.Columns = append(e.Columns, work.ColumnEdit{ID: id, Name: form.Get(fmt.Sprintf("column-name-%d", i)), Limit: limit,
			Done: form.Get(fmt.Sprintf("column-done-%d", i)) == "yes"})
	}
	for i := 0; form.Has(fmt.Sprintf("label-name-%d", i)); i++ {
		id, err := oneID(form, fmt.Sprintf("label-id-%d", i))
		note(err)
		hue, err := number(form, fmt.Sprintf("label-hue-%d", i))
		note(err)
		e.Labels = append(e.Labels, work.LabelEdit{ID: id, Name: form.Get(fmt.Sprintf("label-name-%d", i)), Hue: hue})
	}
	members, err := ids(form, "member")
	note(err)
	e.Members = members
	return e, errors.Join(problems...)
}

// projectPage shows the form of a project.
func (c *call) projectPage(form pages.Form, e work.ProjectEdit, people []work.Person, is bool) (pages.ProjectEdit, error) {
	chrome, err := c.chrome()
	page := pages.ProjectEdit{Chrome: chrome, Form: form, New: !is, Key: e.Key, Name: e.Name, Description: e.Description, Everyone: e.Everyone}
	for _, one := range e.Columns {
		if one.Name != "" || one.ID != uuid.Nil {
			page.Columns = append(page.Columns, pages.ColumnEdit{ID: text(one.ID), Name: one.Name, Limit: one.Limit, Done: one.Done})
		}
	}
	for _, one := range e.Labels {
		if one.Name != "" || one.ID != uuid.Nil {
			page.Labels = append(page.Labels, pages.Label{ID: text(one.ID), Name: one.Name, Hue: one.Hue})
		}
	}
	for _, one := range people {
		o := pages.Option{Value: one.ID.String(), Text: one.Name}
		for _, id := range e.Members {
			o.Selected = o.Selected || id == one.ID
		}
		page.Members = append(page.Members, o)
	}
	return page, err
}

func newProjectPage(c *call) error {
	people, err := c.work.Candidates(c.ctx(), c.who())
	if err != nil {
		return err
	}
	page, err := c.projectPage(pages.Form{}, work.ProjectEdit{Everyone: true, Members: []uuid.UUID{c.who().ID},
		Columns: []work.ColumnEdit{{Name: "To do"}, {Name: "In progress"}, {Name: "Done", Done: true}}}, people, false)
	if err != nil {
		return err
	}
	return c.page(page)
}

func createProject(c *call) error {
	e, err := projectForm(c.form)
	var made work.ProjectName
	if err == nil {
		made, err = c.work.CreateProject(c.ctx(), c.who(), e)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			people, err := c.work.Candidates(c.ctx(), c.who())
			if err != nil {
				return nil, err
			}
			return c.projectPage(form, e, people, false)
		})
	}
	return c.done("created", projectPath(made.Key))
}

// projectSettings shows the settings of a project, as they are or as they were sent.
func (c *call) projectSettings(form pages.Form, sent *work.ProjectEdit) (pages.Page, error) {
	now, err := c.work.Settings(c.ctx(), c.who(), c.key())
	if err != nil {
		return nil, err
	}
	e := now.ProjectEdit
	if sent != nil {
		e = *sent
	}
	e.Key = now.Key
	page, err := c.projectPage(form, e, now.People, true)
	page.Archived, page.MayDelete = now.Archived, now.MayDelete
	return page, err
}

func editProjectPage(c *call) error {
	page, err := c.projectSettings(pages.Form{}, nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

func saveProject(c *call) error {
	e, err := projectForm(c.form)
	if err == nil {
		err = c.work.UpdateProject(c.ctx(), c.who(), c.key(), e)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.projectSettings(form, &e) })
	}
	return c.done("saved", projectPath(c.key()))
}

func archiveProject(c *call) error {
	away := c.form.Get("archived") == "yes"
	if err := c.work.ArchiveProject(c.ctx(), c.who(), c.key(), away); err != nil {
		return err
	}
	if away {
		return c.done("archived", "/projects")
	}
	return c.done("fetched", projectPath(c.key()))
}

func deleteProject(c *call) error {
	if err := c.work.DeleteProject(c.ctx(), c.who(), c.key()); err != nil {
		return err
	}
	return c.done("deleted", "/projects")
}

// board shows a project's tasks in columns.
func board(c *call) error {
	query := c.r.URL.Query()
	filter := work.BoardFilter{Words: query.Get("words")}
	var problems error
	for field, into := range map[string]*uuid.UUID{"assignee": &filter.Assignee, "label": &filter.Label} {
		id, err := oneID(query, field)
		*into, problems = id, errors.Join(problems, err)
	}
	if problems != nil {
		return problems
	}
	b, err := c.work.Board(c.ctx(), c.who(), c.key(), filter)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Board{Chrome: chrome, Project: navOf(b.Project, b.MayManage), Summary: b.Description, MayCreate: b.MayCreate, MayMove: b.MayMove,
		MayManage: b.MayManage, Filter: pages.BoardFilter{Words: filter.Words, Assignees: assigneeOptions(b.People, query.Get("assignee"), "Anybody"),
			Labels: append([]pages.Option{{Text: "Any label", Selected: query.Get("label") == ""}}, labelOptions(b.Labels, query["label"])...),
			Active: filter != work.BoardFilter{}}}
	for _, column := range b.Columns {
		shown := pages.Column{ID: column.ID.String(), Name: column.Name, Limit: column.Limit, Done: column.Done(), More: column.More, Cards: make([]pages.Card, len(column.Cards))}
		for i, t := range column.Cards {
			shown.Cards[i] = pages.Card{Key: t.Key, Title: t.Title, Priority: pages.Priority(t.Priority), Labels: labelsOf(t.Labels), Assignee: personOf(t.Assignee),
				Due: t.DueDay(), Checklist: pages.Progress(t.Checklist), Comments: t.Comments, Attachments: t.Attachments, Blocked: t.Blocked}
		}
		page.Columns = append(page.Columns, shown)
	}
	return c.page(page)
}

// The fields that make a list's filter; page and filter are not kept with it.
func filterFields() []string {
	return []string{"words", "status", "assignee", "label", "priority", "due", "sort"}
}

// chosen is one option of those of a filter field.
func chosen(now string, pairs ...string) []pages.Option {
	var all []pages.Option
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pages.Option{Value: pairs[i], Text: pairs[i+1], Selected: now == pairs[i]})
	}
	return all
}

// taskList shows tasks in rows, of a project or of all.
func taskList(c *call) error {
	key, sent := c.key(), c.r.URL.Query()
	saved, err := c.work.Filters(c.ctx(), c.who())
	if err != nil {
		return err
	}
	if id := sent.Get("filter"); id != "" { // a saved one: its fields are as if they had been sent
		for _, one := range saved {
			if one.ID.String() == id {
				if kept, err := url.ParseQuery(one.Query); err == nil {
					for _, field := range filterFields() {
						if !sent.Has(field) && kept.Has(field) {
							sent.Set(field, kept.Get(field))
						}
					}
				}
			}
		}
	}
	label, err := oneID(sent, "label")
	if err != nil {
		return err
	}
	q := work.Query{Project: key, Words: sent.Get("words"), Status: sent.Get("status"), Assignee: sent.Get("assignee"), Label: label,
		Priority: sent.Get("priority"), Due: sent.Get("due"), Sort: sent.Get("sort"), Page: sent.Get("page")}
	tasks, err := c.work.List(c.ctx(), c.who(), q)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	query, path := url.Values{}, "/tasks"
	for _, field := range filterFields() {
		if v := sent.Get(field); v != "" {
			query.Set(field, v)
		}
	}
	page := pages.TaskList{Chrome: chrome, Tasks: rowsOf(tasks.Tasks), Words: q.Words, Filtered: len(query) > 0, Query: query.Encode(), MayCreate: chrome.Can.CreateTask,
		Statuses:  chosen(q.Status, "", "Any status", "open", "Open", "done", "Done"),
		Assignees: chosen(q.Assignee, "", "Anybody", "me", "Me", "nobody", "Nobody"),
		Labels:    chosen(sent.Get("label"), "", "Any label"),
		Priority:  chosen(q.Priority, "", "Any priority", "urgent", "Urgent", "high", "High", "normal", "Normal", "low", "Low"),
		Due:       chosen(q.Due, "", "Any time", "overdue", "Overdue", "today", "Today", "week", "This week", "any", "With a date", "none", "Without a date"),
		Sort: chosen(q.Sort, "", "Changed last first", "created", "Newest first", "due", "Nearest due first", "priority", "Most urgent first", "title", "By title",
			"number", "By number"),
	}
	if key != "" {
		choices, err := c.work.Choices(c.ctx(), c.who(), key)
		if err != nil {
			return err
		}
		path, page.Project, page.MayCreate = projectPath(key)+"/list", navOf(choices.Project, choices.MayManage), choices.MayCreate
		page.Statuses = append(page.Statuses, statusOptions(choices.Columns, q.Status)...)
		page.Assignees = append(page.Assignees, assigneeOptions(choices.People, q.Assignee, "")[1:]...)
		page.Labels = append(page.Labels, labelOptions(choices.Labels, sent["label"])...)
	}
	for _, one := range saved {
		page.Saved = append(page.Saved, pages.SavedFilter{ID: one.ID.String(), Name: one.Name, Path: filterPath(one), Shared: one.Shared, Mine: one.Mine,
			Active: one.ID.String() == sent.Get("filter")})
	}
	query["page"] = some(q.Page)
	page.Pager = older(path, query, "page", tasks.Next)
	return c.page(page)
}

func filterPath(f work.SavedFilter) string {
	values, err := url.ParseQuery(f.Query)
	if key := values.Get("project"); err == nil && key != "" {
		return projectPath(key) + "/list?filter=" + f.ID.String()
	}
	return "/tasks?filter=" + f.ID.String()
}

func saveFilter(c *call) error {
	key := strings.ToUpper(c.form.Get("project"))
	id, err := c.work.SaveFilter(c.ctx(), c.who(), c.form.Get("name"), c.form.Get("query"), key, c.form.Get("shared") == "yes")
	if err != nil {
		return err
	}
	if key != "" {
		return c.done("saved", projectPath(key)+"/list?filter="+id.String())
	}
	return c.done("saved", "/tasks?filter="+id.String())
}

func deleteFilter(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.work.DeleteFilter(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done("deleted", "/tasks")
}
