package work

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/projectmember"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/team"
	"github.com/berth-iac/berth/app/ent/teammember"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
)

// Deed is something that a person may do or not.
type Deed string

// The deeds.
const (
	SeeProject       Deed = "see the project"
	ManageProject    Deed = "change the project's settings"
	DeleteProject    Deed = "delete the project"
	CreateProject    Deed = "create projects"
	CreateTask       Deed = "create tasks"
	EditTask         Deed = "change this task"
	DeleteTask       Deed = "delete this task"
	WriteComment     Deed = "comment"
	EditComment      Deed = "edit this comment"
	DeleteComment    Deed = "delete this comment"
	DeleteAttachment Deed = "delete this file"
	EditRules        Deed = "change the rules"
	ShareFilter      Deed = "share filters"
	SharedLabels     Deed = "change the labels of all projects"
)

// Standing is what somebody is to a thing.
type Standing struct {
	Everyone bool // all members see the project
	Member   bool // of the project, by name or by team
	Assignee bool // of the task
	Own      bool // wrote the comment, sent the file
}

// permission is a row of the table: who may do a deed. What no field allows is not allowed.
type permission struct {
	scope  actor.Scope
	see    bool       // needs to see the project
	always actor.Role // from this role on, whatever the standing
	member actor.Role // from this role on, with a membership of the project
	anyone actor.Role // from this role on, if they see the project
	mine   bool       // the task's assignee, if they see the project
	own    bool       // the author, if they see the project
}

// permissions is the table. Roles: owner > administrator > member > guest.
func permissions(d Deed) (permission, bool) {
	p, known := map[Deed]permission{
		SeeProject:       {scope: actor.Read, see: true, anyone: actor.Guest},
		ManageProject:    {scope: actor.Write, see: true, always: actor.Administrator, member: actor.Member},
		DeleteProject:    {scope: actor.Admin, see: true, always: actor.Administrator},
		CreateProject:    {scope: actor.Write, always: actor.Member},
		CreateTask:       {scope: actor.Write, see: true, anyone: actor.Member},
		EditTask:         {scope: actor.Write, see: true, anyone: actor.Member, mine: true},
		DeleteTask:       {scope: actor.Write, see: true, anyone: actor.Member},
		WriteComment:     {scope: actor.Write, see: true, anyone: actor.Guest},
		EditComment:      {scope: actor.Write, see: true, own: true},
		DeleteComment:    {scope: actor.Write, see: true, always: actor.Administrator, own: true},
		DeleteAttachment: {scope: actor.Write, see: true, always: actor.Administrator, own: true},
		EditRules:        {scope: actor.Write, see: true, always: actor.Administrator, member: actor.Member},
		ShareFilter:      {scope: actor.Write, always: actor.Member},
		SharedLabels:     {scope: actor.Admin, always: actor.Administrator},
	}[d]
	return p, known
}

// Sees tells whether somebody of a role sees a project they have that standing to.
func (s Standing) Sees(role actor.Role) bool {
	switch {
	case role.AtLeast(actor.Administrator):
		return true
	case role.AtLeast(actor.Member):
		return s.Everyone || s.Member
	default:
		return role.AtLeast(actor.Guest) && s.Member
	}
}

// Can tells whether an actor may do a deed to a thing they have that standing to.
func Can(who actor.Actor, d Deed, s Standing) bool {
	p, known := permissions(d)
	if !known || !who.May(p.scope) || p.see && !s.Sees(who.Role) {
		return false
	}
	from := func(least actor.Role) bool { return least != "" && who.Role.AtLeast(least) }
	return from(p.always) || s.Member && from(p.member) || from(p.anyone) || p.mine && s.Assignee || p.own && s.Own
}

// need is Can as an error: what somebody does not see is missing to them.
func need(who actor.Actor, d Deed, s Standing, what string) error {
	if Can(who, d, s) {
		return nil
	}
	p, _ := permissions(d)
	if err := who.Need(p.scope); err != nil && (p.scope == actor.Read || !who.May(actor.Read) || !p.see || s.Sees(who.Role)) {
		return err
	}
	if p.see && !s.Sees(who.Role) {
		return fault.Missing(what)
	}
	return fault.Refused("you may not " + string(d))
}

// visible picks the projects that somebody sees.
func visible(who actor.Actor) predicate.Project {
	switch {
	case who.Role.AtLeast(actor.Administrator):
		return func(*sql.Selector) {} // all
	case who.Role.AtLeast(actor.Member):
		return project.Or(project.VisibilityEQ(project.VisibilityEveryone), belongs(who.ID))
	case who.Role.AtLeast(actor.Guest):
		return belongs(who.ID)
	}
	return project.Key("") // nobody: none
}

// seenTasks picks the tasks that somebody sees.
func seenTasks(who actor.Actor) []predicate.Task {
	if who.Role.AtLeast(actor.Administrator) {
		return nil
	}
	return []predicate.Task{task.HasProjectWith(visible(who))}
}

// belongs picks the projects that a person is a member of, by name or by team.
func belongs(id uuid.UUID) predicate.Project {
	return project.Or(project.HasMembersWith(projectmember.UserID(id)),
		project.HasTeamsWith(team.HasMembersWith(teammember.UserID(id))))
}

// access picks the people who see a project.
func access(p *ent.Project) predicate.User {
	may := []predicate.User{
		user.RoleIn(user.RoleOwner, user.RoleAdministrator),
		user.HasProjectMembershipsWith(projectmember.ProjectID(p.ID)),
		user.HasTeamMembershipsWith(teammember.HasTeamWith(team.HasProjectsWith(project.ID(p.ID)))),
	}
	if p.Visibility == project.VisibilityEveryone {
		may = append(may, user.RoleEQ(user.RoleMember))
	}
	return user.And(user.StatusEQ(user.StatusActive), user.KindEQ(user.KindPerson), user.Or(may...))
}

// standing says what somebody is to a project. It looks for the membership only where it matters.
func standing(ctx context.Context, db *ent.Client, who actor.Actor, p *ent.Project) (Standing, error) {
	s := Standing{Everyone: p.Visibility == project.VisibilityEveryone}
	if who.Role.AtLeast(actor.Administrator) || who.ID == uuid.Nil {
		return s, nil
	}
	var err error
	s.Member, err = db.Project.Query().Where(project.ID(p.ID), belongs(who.ID)).Exist(ctx)
	if err != nil {
		return s, wrap("read memberships", err)
	}
	return s, nil
}

// quick is standing for deeds that a membership adds nothing to: it spares the look.
func quick(ctx context.Context, db *ent.Client, who actor.Actor, d Deed, p *ent.Project) (Standing, error) {
	s := Standing{Everyone: p.Visibility == project.VisibilityEveryone}
	if Can(who, d, s) {
		return s, nil
	}
	return standing(ctx, db, who, p)
}

// projectFor finds a project by its key for a deed.
func projectFor(ctx context.Context, db *ent.Client, who actor.Actor, key string, d Deed) (*ent.Project, Standing, error) {
	if d != SeeProject {
		if err := who.Need(mustScope(d)); err != nil {
			return nil, Standing{}, err
		}
	} else if err := who.Need(actor.Read); err != nil {
		return nil, Standing{}, err
	}
	if !projectKeyForm.MatchString(key) { // no engine has to make sense of it
		return nil, Standing{}, fault.Missing("project")
	}
	p, err := db.Project.Query().Where(project.Key(key)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, Standing{}, fault.Missing("project")
	}
	if err != nil {
		return nil, Standing{}, wrap("find the project", err)
	}
	s, err := quick(ctx, db, who, d, p)
	if err != nil {
		return nil, s, err
	}
	return p, s, need(who, d, s, "project")
}

func mustScope(d Deed) actor.Scope {
	p, known := permissions(d)
	if !known {
		return "" // no actor has it
	}
	return p.scope
}

// Abilities are what somebody may do in general, for menus.
type Abilities struct{ CreateProject, CreateTask, Administer bool }

// Abilities says what somebody may do in general.
func (w *Work) Abilities(who actor.Actor) Abilities {
	return Abilities{
		CreateProject: Can(who, CreateProject, Standing{}),
		CreateTask:    Can(who, CreateTask, Standing{Everyone: true, Member: true}),
		Administer:    who.May(actor.Admin),
	}
}

// archived refuses changes to what is put away.
func archived(p *ent.Project) error {
	if p.ArchivedAt != nil {
		return fault.Clash("the project is archived", "bring it back from the archive first")
	}
	return nil
}

func uniq[T comparable](all []T) []T {
	var one []T
	for _, v := range all {
		if !slices.Contains(one, v) {
			one = append(one, v)
		}
	}
	return one
}
