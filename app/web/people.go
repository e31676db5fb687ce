package web

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

const peoplePerPage = 50

func roleOptions(mine actor.Role, chosen actor.Role, hints bool) []pages.Option {
	words := map[actor.Role]string{actor.Owner: "Everything, and owners too", actor.Administrator: "People, settings, the audit log", actor.Member: "Projects and tasks",
		actor.Guest: "Comments in the projects they were added to"}
	var all []pages.Option
	for _, role := range actor.Roles() {
		if !mine.AtLeast(role) { // nobody gives a role above their own
			continue
		}
		o := pages.Option{Value: string(role), Text: upper(string(role)), Selected: role == chosen}
		if hints {
			o.Hint = words[role]
		}
		all = append(all, o)
	}
	return all
}

func people(c *call) error {
	query := c.r.URL.Query()
	n, _ := strconv.Atoi(query.Get("page")) // what is no number is the first page
	n = min(max(n, 1), 100_000)
	all, total, err := c.accounts.People(c.ctx(), c.who(), accounts.Search{Words: query.Get("words"), Page: n, Size: peoplePerPage})
	if err != nil {
		return err
	}
	groups, err := c.accounts.Teams(c.ctx(), c.who())
	if err != nil {
		return err
	}
	of := map[uuid.UUID][]string{}
	for _, team := range groups {
		for _, one := range team.Members {
			of[one.ID] = append(of[one.ID], team.Name)
		}
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	manage := c.who().May(actor.Admin)
	page := pages.People{Chrome: chrome, Words: query.Get("words"), MayInvite: manage, MayManage: manage}
	names := map[uuid.UUID]string{}
	for _, one := range all {
		names[one.ID] = one.Name
		if one.Status == accounts.Invited {
			continue
		}
		a := pages.Account{Person: me(one), Email: one.Email, Teams: of[one.ID], LastSeen: one.LastLogin, Factor: one.SecondFactor,
			Disabled: one.Status == accounts.Disabled, Me: one.ID == c.who().ID}
		if manage && !a.Me && !one.Staff && c.who().Role.AtLeast(one.Role) {
			a.Roles = roleOptions(c.who().Role, one.Role, false)
		}
		page.Accounts = append(page.Accounts, a)
	}
	page.Pager = numbered("/people", url.Values{"words": some(page.Words)}, n, len(all), total)
	if manage {
		waiting, err := c.accounts.Invitations(c.ctx(), c.who())
		if err != nil {
			return err
		}
		for _, one := range waiting {
			by := names[one.By]
			if by == "" {
				by = "the service"
				if p, err := c.accounts.Person(c.ctx(), c.who(), one.By); err == nil {
					by = p.Name
				}
			}
			page.Invitations = append(page.Invitations, pages.Invitation{ID: one.Person.ID.String(), Email: one.Person.Email, Role: pages.Role(one.Person.Role),
				By: pages.Person{ID: text(one.By), Name: by}, Sent: one.Sent, Expires: one.Expires, Expired: !one.Expires.After(c.now())})
		}
	}
	return c.page(page)
}

// numbered is the pager of a list with numbered pages.
func numbered(path string, query url.Values, page, shown, total int) pages.Pager {
	if total == 0 {
		return pages.Pager{}
	}
	first := (page-1)*peoplePerPage + 1
	p := pages.Pager{Shown: fmt.Sprintf("%d to %d of %d", first, first+shown-1, total)}
	at := func(n int) string {
		query.Set("page", strconv.Itoa(n))
		return withQuery(path, query)
	}
	if page > 1 {
		p.Prev = at(page - 1)
	}
	if first+shown-1 < total && shown > 0 {
		p.Next = at(page + 1)
	}
	return p
}

func changeRole(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.ChangeRole(c.ctx(), c.who(), id, actor.Role(c.form.Get("role"))); err != nil {
		return err
	}
	return c.done("saved", "/people")
}

func sendReset(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.SendReset(c.ctx(), c.who(), id, c.client.Reset(c.ctx())); err != nil {
		return err
	}
	return c.posted("sent", "/people")
}

func signOutPerson(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.SignOutPerson(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done("signed-out", "/people")
}

func disablePerson(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	what, change := flash("closed"), c.accounts.Disable
	if c.form.Get("disabled") != "yes" {
		what, change = "opened", c.accounts.Enable
	}
	if err := change(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done(what, "/people")
}

func (c *call) inviting(form pages.Form) (pages.Page, error) {
	groups, err := c.accounts.Teams(c.ctx(), c.who())
	if err != nil {
		return nil, err
	}
	projects, err := c.work.Nav(c.ctx(), c.who())
	if err != nil {
		return nil, err
	}
	role := actor.Member
	if sent := c.form.Get("role"); sent != "" {
		role = actor.Role(sent)
	}
	chrome, err := c.chrome()
	page := pages.Invite{Chrome: chrome, Form: form, Emails: c.form.Get("emails"), Roles: roleOptions(c.who().Role, role, true)}
	for _, one := range groups {
		page.Teams = append(page.Teams, pages.Option{Value: one.ID.String(), Text: one.Name, Selected: among(c.form["team"], one.ID.String())})
	}
	for _, one := range projects {
		page.Projects = append(page.Projects, pages.Option{Value: one.Key, Text: one.Name, Selected: among(c.form["project"], one.Key)})
	}
	return page, err
}

func among(all []string, one string) bool {
	for _, other := range all {
		if other == one {
			return true
		}
	}
	return false
}

func invitePage(c *call) error {
	page, err := c.inviting(pages.Form{})
	if err != nil {
		return err
	}
	return c.page(page)
}

// maxInvitations is how many people are invited at once.
const maxInvitations = 50

func invite(c *call) error {
	emails := strings.FieldsFunc(c.form.Get("emails"), func(r rune) bool { return r <= ' ' || r == ',' || r == ';' })
	groups, err := ids(c.form, "team")
	_, wrong := actor.ParseRole(c.form.Get("role"))
	err = errors.Join(err, wrong)
	switch {
	case len(emails) == 0:
		err = errors.Join(err, fault.BadInput("emails", "nobody is named", "write at least one address"))
	case len(emails) > maxInvitations:
		err = errors.Join(err, fault.BadInput("emails", "these are too many at once", fmt.Sprintf("use at most %d", maxInvitations)))
	}
	if err == nil {
		var left []string
		for _, email := range emails { // what worked is not done again
			if one := c.inviteOne(email, groups); one != nil {
				left, err = append(left, email), errors.Join(err, one)
			}
		}
		if err != nil {
			c.form.Set("emails", strings.Join(left, "\n"))
		}
	}
	if err != nil {
		return c.again(err, c.inviting)
	}
	return c.posted("invited", "/people")
}

func (c *call) inviteOne(email string, groups []uuid.UUID) error {
	p, err := c.accounts.Invite(c.ctx(), c.who(), accounts.Invitation{Email: email, Role: actor.Role(c.form.Get("role")), Teams: groups},
		c.client.Invitation(c.ctx(), c.who().Name))
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.Conflict) {
		words := make([]string, 0, 1)
		for _, one := range fault.Problems(err) {
			words = append(words, one.Shown())
		}
		return fault.BadInput("emails", email+": "+strings.Join(words, ", "), "").Because(err)
	}
	if err != nil {
		return err
	}
	for _, key := range c.form["project"] {
		now, err := c.work.Settings(c.ctx(), c.who(), key)
		if err != nil {
			return err
		}
		if err := c.work.UpdateProject(c.ctx(), c.who(), key, work.ProjectEdit{Name: now.Name, Description: now.Description, Everyone: now.Everyone,
			Members: append(now.Members, p.ID)}); err != nil {
			return err
		}
	}
	return nil
}

func inviteAgain(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.InviteAgain(c.ctx(), c.who(), id, c.client.Invitation(c.ctx(), c.who().Name)); err != nil {
		return err
	}
	return c.posted("invited", "/people")
}

func uninvite(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.Uninvite(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done("withdrawn", "/people")
}

func teamOf(t accounts.Team) pages.Team {
	shown := pages.Team{ID: t.ID.String(), Name: t.Name, Description: t.Description}
	for _, one := range t.Members {
		shown.Members = append(shown.Members, me(one))
	}
	return shown
}

func teams(c *call) error {
	all, err := c.accounts.Teams(c.ctx(), c.who())
	if err != nil {
		return err
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	page := pages.Teams{Chrome: chrome, MayEdit: c.who().May(actor.Admin)}
	for _, one := range all {
		page.Items = append(page.Items, teamOf(one))
	}
	return c.page(page)
}

// team shows a team in its form; id is uuid.Nil for a new one.
func (c *call) team(form pages.Form, id uuid.UUID, name, description string, members []string) (pages.Page, error) {
	chrome, err := c.chrome()
	if err != nil {
		return nil, err
	}
	page := pages.TeamEdit{Chrome: chrome, Form: form, New: id == uuid.Nil, ID: text(id), Name: name, Description: description}
	everybody, _, err := c.accounts.People(c.ctx(), c.who(), accounts.Search{Size: 200, Status: accounts.Active})
	for _, one := range everybody {
		page.Members = append(page.Members, pages.Option{Value: one.ID.String(), Text: one.Name, Selected: among(members, one.ID.String())})
	}
	return page, err
}

func newTeamPage(c *call) error {
	page, err := c.team(pages.Form{}, uuid.Nil, "", "", nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

func createTeam(c *call) error {
	members, err := ids(c.form, "member")
	if err == nil {
		_, err = c.accounts.NewTeam(c.ctx(), c.who(), c.form.Get("name"), c.form.Get("description"), members)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			return c.team(form, uuid.Nil, c.form.Get("name"), c.form.Get("description"), c.form["member"])
		})
	}
	return c.done("created", "/teams")
}

func teamPage(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	all, err := c.accounts.Teams(c.ctx(), c.who())
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.ID != id {
			continue
		}
		var members []string
		for _, person := range one.Members {
			members = append(members, person.ID.String())
		}
		page, err := c.team(pages.Form{}, id, one.Name, one.Description, members)
		if err != nil {
			return err
		}
		return c.page(page)
	}
	return errNotHere()
}

func saveTeam(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	members, err := ids(c.form, "member")
	if err == nil {
		err = c.accounts.ChangeTeam(c.ctx(), c.who(), id, c.form.Get("name"), c.form.Get("description"), members)
	}
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) {
			return c.team(form, id, c.form.Get("name"), c.form.Get("description"), c.form["member"])
		})
	}
	return c.done("saved", "/teams")
}

func deleteTeam(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	if err := c.accounts.DeleteTeam(c.ctx(), c.who(), id); err != nil {
		return err
	}
	return c.done("deleted", "/teams")
}
