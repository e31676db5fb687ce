package pages

import "time"

// People are the client's accounts, invitations and teams. GET /people.
type People struct {
	Chrome
	Form
	Accounts    []Account
	Invitations []Invitation
	Words       string // what the list is searched for
	Pager       Pager
	MayInvite   bool
	MayManage   bool
}

// Account is one person's account, as administrators see it.
type Account struct {
	Person
	Email    string
	Roles    []Option // those that the reader may give; empty: none
	Teams    []string
	LastSeen time.Time // zero: never
	Factor   bool      // has a second factor
	Disabled bool
	Locked   bool
	Me       bool
}

// Invitation is one that was not accepted yet.
type Invitation struct {
	ID      string
	Email   string
	Role    Role
	By      Person
	Sent    time.Time
	Expires time.Time
	Expired bool
}

func (People) about() about { return about{template: "people", title: "People", here: "people"} }

// Invite asks whom to invite. POST /people/invite.
type Invite struct {
	Chrome
	Form
	Emails   string // one a line
	Roles    []Option
	Projects []Option // for guests: what they see
	Teams    []Option
}

func (Invite) about() about { return about{template: "invite", title: "Invite people", here: "people"} }

// Teams are groups of people. GET /teams.
type Teams struct {
	Chrome
	Items   []Team
	MayEdit bool
}

// Team is one group.
type Team struct {
	ID          string
	Name        string
	Description string
	Members     []Person
}

func (Teams) about() about { return about{template: "teams", title: "Teams", here: "people"} }

// TeamEdit makes a team or changes one: POST /teams or /teams/{id}.
type TeamEdit struct {
	Chrome
	Form
	New         bool
	ID          string
	Name        string
	Description string
	Members     []Option
}

func (p TeamEdit) about() about {
	if p.New {
		return about{template: "team-edit", title: "New team", here: "people"}
	}
	return about{template: "team-edit", title: "Edit team", here: "people"}
}
