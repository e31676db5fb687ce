package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// triggerWords are what a rule waits for, in words.
func triggerWords(when string) string {
	words := map[string]string{"task.created": "a task is written down", "task.changed": "a task is changed", "task.moved": "a task is moved to another column",
		"comment.added": "somebody comments", "attachment.added": "a file is added", "task.due": "a task falls due"}[when]
	if words == "" {
		return when
	}
	return words
}

// actionWords are what a rule does, in words.
func actionWords(do string) string {
	words := map[string]string{work.DoPriority: "set the priority to", work.DoDue: "set the due date to", work.DoMove: "move it to", work.DoAssign: "assign it to",
		work.DoLabel: "add the label", work.DoUnlabel: "take away the label", work.DoComment: "comment", work.DoNotify: "tell", work.DoArchive: "put it away"}[do]
	if words == "" {
		return do
	}
	return words
}

func sentence(actions []work.Action) string {
	all := make([]string, len(actions))
	for i, one := range actions {
		all[i] = strings.TrimSpace(actionWords(one.Do) + " " + one.Value)
	}
	return strings.Join(all, ", then ")
}

func rules(c *call) error {
	all, err := c.work.Rules(c.ctx(), c.who(), c.key())
	if err != nil {
		return err
	}
	choices, err := c.work.Choices(c.ctx(), c.who(), c.key())
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Rules{Chrome: chrome, Project: navOf(choices.Project, choices.MayManage), MayEdit: choices.MayManage && !choices.Archived}
	for _, one := range all {
		page.Items = append(page.Items, pages.Rule{ID: one.ID.String(), Name: one.Name, When: triggerWords(one.When), If: one.If, Then: sentence(one.Then),
			Otherwise: sentence(one.Else), Enabled: one.Enabled, Runs: int(one.Runs), LastRun: one.LastRun, LastError: one.LastError})
	}
	return c.page(page)
}

// conditionNames and conditionExamples explain what a condition can speak of.
func conditionNames() []pages.Explained {
	return []pages.Explained{
		{Code: "task.title", Words: "its title; also task.key, task.project, task.description, task.author"},
		{Code: "task.status", Words: "the name of its column"},
		{Code: "task.priority", Words: "low, normal, high or urgent"},
		{Code: "task.assignee", Words: "who does it; empty for nobody"},
		{Code: "task.labels", Words: "the names of its labels, a list"},
		{Code: "task.due", Words: "when it is due, if task.has_due"},
		{Code: "task.open", Words: "whether it is not done; also task.done, task.comments, task.created"},
		{Code: "before.status", Words: "as it was before the change; all that task has"},
		{Code: "changed", Words: "the names of what was changed, a list"},
		{Code: "actor.role", Words: "who did it: actor.id, actor.name, actor.role, actor.teams"},
		{Code: "comment", Words: "the text of the comment"},
		{Code: "now", Words: "the present time"},
	}
}

func conditionExamples() []pages.Explained {
	return []pages.Explained{
		{Code: `task.priority == "urgent"`, Words: "only urgent tasks"},
		{Code: `"release" in task.labels && task.status == "Done"`, Words: "a task with a label, in a column"},
		{Code: `task.title.contains("invoice") && task.assignee == ""`, Words: "a word in the title, and nobody does it"},
		{Code: `task.has_due && task.due - now < duration("48h")`, Words: "due within two days"},
	}
}

func ruleForm(form url.Values) work.Rule {
	r := work.Rule{Name: form.Get("name"), When: form.Get("when"), If: form.Get("if"), Enabled: form.Get("enabled") == "yes"}
	branch := func(name string) []work.Action {
		var all []work.Action
		for i := 0; form.Has(fmt.Sprintf("%s-%d-do", name, i)); i++ {
			all = append(all, work.Action{Do: form.Get(fmt.Sprintf("%s-%d-do", name, i)), Value: form.Get(fmt.Sprintf("%s-%d-value", name, i))})
		}
		return all
	}
	r.Then, r.Else = branch("then"), branch("else")
	return r
}

// ruleEdit shows a rule in its form.
func (c *call) ruleEdit(form pages.Form, r work.Rule, test *pages.RuleTest) (pages.Page, error) {
	choices, err := c.work.Choices(c.ctx(), c.who(), r.Project)
	if err != nil {
		return nil, err
	}
	if !choices.MayManage {
		return nil, fault.Refused("you may not change the rules")
	}
	chrome, err := c.chrome()
	page := pages.RuleEdit{Chrome: chrome, Form: form, New: r.ID == uuid.Nil, ID: text(r.ID), Project: navOf(choices.Project, choices.MayManage), Name: r.Name,
		Condition: r.If, Then: actionRows(r.Then), Otherwise: actionRows(r.Else), Enabled: r.Enabled, Names: conditionNames(), Examples: conditionExamples(),
		Test: test, TestTask: c.form.Get("test-task"), LastError: r.LastError, LastRun: r.LastRun}
	for _, when := range work.Triggers() {
		page.Events = append(page.Events, pages.Option{Value: when, Text: upper(triggerWords(when)), Selected: when == r.When})
	}
	return page, err
}

// upper begins with a capital letter.
func upper(words string) string { return strings.ToUpper(words[:1]) + words[1:] }

// actionRows are the rows of a branch, and one more for what is to be added.
func actionRows(actions []work.Action) []pages.ActionEdit {
	var rows []pages.ActionEdit
	chosen := slices.DeleteFunc(slices.Clone(actions), func(a work.Action) bool { return a.Do == "" })
	for _, one := range append(chosen, work.Action{}) {
		row := pages.ActionEdit{Value: one.Value, Actions: []pages.Option{{Text: "Nothing", Selected: one.Do == ""}}}
		for _, do := range work.Actions() {
			row.Actions = append(row.Actions, pages.Option{Value: do, Text: upper(actionWords(do)), Selected: do == one.Do})
		}
		rows = append(rows, row)
	}
	return rows
}

func newRulePage(c *call) error {
	page, err := c.ruleEdit(pages.Form{}, work.Rule{Project: c.key(), Enabled: true, When: work.Triggers()[0]}, nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

func rulePage(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	r, err := c.work.Rule(c.ctx(), c.who(), id)
	if err != nil {
		return err
	}
	page, err := c.ruleEdit(pages.Form{}, r, nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

// saveRule makes a rule, changes it, or only tries it.
func saveRule(c *call) error {
	r := ruleForm(c.form)
	if key := c.key(); key != "" {
		r.Project = key
	} else {
		id, err := c.id("id")
		if err != nil {
			return err
		}
		is, err := c.work.Rule(c.ctx(), c.who(), id)
		if err != nil {
			return err
		}
		r.ID, r.Project, r.LastError, r.LastRun = id, is.Project, is.LastError, is.LastRun
	}
	if c.form.Get("do") == "test" {
		return c.tryRule(r)
	}
	if _, err := c.work.SaveRule(c.ctx(), c.who(), r); err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.ruleEdit(form, r, nil) })
	}
	return c.done("saved", projectPath(r.Project)+"/rules")
}

func (c *call) tryRule(r work.Rule) error {
	key := strings.ToUpper(strings.TrimSpace(c.form.Get("test-task")))
	tried, err := c.work.TestRule(c.ctx(), c.who(), r, key)
	if fault.Is(err, fault.NotFound) {
		err = fault.BadInput("test-task", "there is no such task", "write its key, such as OPS-12")
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.ruleEdit(form, r, nil) })
	}
	result := pages.RuleTest{Key: tried.Key, Holds: tried.Holds}
	for _, one := range tried.Would {
		result.Would = append(result.Would, strings.TrimSpace(actionWords(one.Do)+" "+one.Value))
	}
	page, err := c.ruleEdit(pages.Form{}, r, &result)
	if err != nil {
		return err
	}
	return c.page(page)
}

func enableRule(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	on := c.form.Get("enabled") == "yes"
	key, err := c.work.EnableRule(c.ctx(), c.who(), id, on)
	if err != nil {
		return err
	}
	if on {
		return c.done("on", projectPath(key)+"/rules")
	}
	return c.done("off", projectPath(key)+"/rules")
}

func deleteRule(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	key, err := c.work.DeleteRule(c.ctx(), c.who(), id)
	if err != nil {
		return err
	}
	return c.done("deleted", projectPath(key)+"/rules")
}
