package web

import (
	"net/url"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

func home(c *call) error {
	h, err := c.work.Home(c.ctx(), c.who())
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Home{Chrome: chrome, Mine: rowsOf(h.Mine), DueSoon: rowsOf(h.DueSoon), Overview: summariesOf(h.Projects)}
	for _, one := range h.Mentions {
		page.Mentions = append(page.Mentions, noticeOf(one))
	}
	page.Welcome = len(h.Mine) == 0 && len(h.DueSoon) == 0 && len(h.Projects) == 0
	return c.page(page)
}

// older is the pager of a list that is read from its newest entry on.
func older(path string, query url.Values, field, next string) pages.Pager {
	p := pages.Pager{}
	if next != "" {
		values := url.Values{}
		for name, all := range query {
			values[name] = all
		}
		values.Set(field, next)
		p.Next = path + "?" + values.Encode()
	}
	if query.Get(field) != "" {
		values := url.Values{}
		for name, all := range query {
			if name != field {
				values[name] = all
			}
		}
		p.Prev = withQuery(path, values)
	}
	return p
}

func withQuery(path string, values url.Values) string {
	if query := values.Encode(); query != "" {
		return path + "?" + query
	}
	return path
}

func activity(c *call) error {
	key, path, after := c.key(), "/activity", c.r.URL.Query().Get("after")
	lines, err := c.work.Activity(c.ctx(), c.who(), key, after, 50)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Activity{Chrome: chrome, Events: eventsOf(lines.Lines)}
	if key != "" {
		choices, err := c.work.Choices(c.ctx(), c.who(), key)
		if err != nil {
			return err
		}
		page.Project, path = navOf(choices.Project, choices.MayManage), projectPath(key)+"/activity"
	}
	page.Pager = older(path, url.Values{"after": some(after)}, "after", lines.Next)
	return c.page(page)
}

// some is a value of an address line, or none.
func some(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func notifications(c *call) error {
	after := c.r.URL.Query().Get("after")
	all, err := c.work.Notifications(c.ctx(), c.who(), "", after, 50)
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Notifications{Chrome: chrome, Pager: older("/notifications", url.Values{"after": some(after)}, "after", all.Next)}
	for _, one := range all.Items {
		page.Items = append(page.Items, noticeOf(one))
	}
	return c.page(page)
}

func readNotifications(c *call) error {
	id := uuid.Nil
	if text := c.form.Get("id"); text != "all" {
		var err error
		if id, err = uuid.Parse(text); err != nil || id == uuid.Nil {
			return fault.BadInput("id", "there is no such notification", "choose one of the list")
		}
	}
	if err := c.work.MarkRead(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done("read", "/notifications")
}

func search(c *call) error {
	query := c.r.URL.Query()
	words := query.Get("q")
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Search{Chrome: chrome, Query: words}
	if words == "" {
		return c.page(page)
	}
	found, err := c.work.Search(c.ctx(), c.who(), words, query.Get("page"))
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			page.Form = form
			return page, nil
		})
	}
	if found.Key != "" {
		return c.to(taskPath(found.Key))
	}
	page.Tasks, page.Projects = rowsOf(found.Tasks), summariesOf(found.Projects)
	for _, one := range found.Comments {
		page.Comments = append(page.Comments, pages.Found{Key: one.Key, Title: one.Title, Path: taskPath(one.Key) + "#comment-" + one.ID.String(),
			Who: personOf(one.Who), Excerpt: marked(one.Text, found.Words), At: one.At})
	}
	page.Pager = older("/search", url.Values{"q": {words}, "page": some(query.Get("page"))}, "page", found.Next)
	return c.page(page)
}
