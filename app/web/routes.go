package web

import (
	"net/http"
	"strings"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
)

// Access says who may come to a route at all. What they may do there is decided by work and accounts.
type Access string

// Who may come.
const (
	Asset         Access = "asset"  // anyone, and who it is is not even looked at
	Anyone        Access = "anyone" // signed in or not
	SignedIn      Access = "signed in"
	Member        Access = "member" // and above
	Administrator Access = "administrator"
)

func (a Access) role() actor.Role {
	switch a {
	case SignedIn:
		return actor.Guest
	case Member:
		return actor.Member
	default: // deny what is not known
		return actor.Administrator
	}
}

// Handler answers a request of a route.
type Handler func(*call) error

// Route is one row of the table.
type Route struct {
	Method  string
	Pattern string
	Access  Access
	// Stages are those of signing in, besides the last, at which somebody may come here.
	Stages []accounts.Stage
	// Doing is what somebody is about to do, in words, where they have to say again who they are first; "" where they need not.
	Doing string
	// Upload says that the handler reads the body itself, and checks the token in it.
	Upload bool
	// Lasts says that answering may take long: a file comes in or goes out.
	Lasts   bool
	Handler Handler
}

func get(pattern string, access Access, h Handler) Route {
	return Route{Method: http.MethodGet, Pattern: pattern, Access: access, Handler: h}
}

func post(pattern string, access Access, h Handler) Route {
	return Route{Method: http.MethodPost, Pattern: pattern, Access: access, Handler: h}
}

// at allows a route at earlier stages of signing in.
func (r Route) at(stages ...accounts.Stage) Route {
	r.Stages = stages
	return r
}

// confirmed asks again who somebody is, before they do something.
func (r Route) confirmed(doing string) Route {
	r.Doing = doing
	return r
}

func (r Route) upload() Route {
	r.Upload, r.Lasts = true, true
	return r
}

func (r Route) lasting() Route {
	r.Lasts = true
	return r
}

// Transfers tells, by method and path alone, which requests may last: a server gives them more time, and larger bodies.
func Transfers(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost:
		return strings.HasPrefix(r.URL.Path, "/tasks/") && strings.HasSuffix(r.URL.Path, "/attachments") || r.URL.Path == "/audit/export" ||
			r.URL.Path == "/data/export" || r.URL.Path == "/data/import" || strings.HasPrefix(r.URL.Path, "/data/import/")
	case http.MethodGet, http.MethodHead:
		return strings.HasPrefix(r.URL.Path, "/attachments/")
	}
	return false
}

// Routes is the table of all routes.
func Routes() []Route {
	var all []Route
	for _, some := range [][]Route{entranceRoutes(), meRoutes(), workRoutes(), peopleRoutes(), clientRoutes()} {
		all = append(all, some...)
	}
	return all
}

func entranceRoutes() []Route {
	return []Route{
		get("/assets/{name}", Asset, asset),
		get("/favicon.ico", Asset, favicon),
		get("/robots.txt", Asset, robots),
		get("/sign-in", Anyone, signInPage),
		post("/sign-in", Anyone, signIn),
		get("/sign-in/code", SignedIn, codePage).at(accounts.NeedsCode),
		post("/sign-in/code", SignedIn, code).at(accounts.NeedsCode),
		get("/sign-in/recovery", SignedIn, recoveryPage).at(accounts.NeedsCode),
		post("/sign-in/recovery", SignedIn, recovery).at(accounts.NeedsCode),
		post("/sign-out", SignedIn, signOut).at(accounts.NeedsCode, accounts.NeedsFactor, accounts.NeedsChange),
		get("/forgotten", Anyone, forgottenPage),
		post("/forgotten", Anyone, forgotten),
		get("/reset/{token}", Anyone, resetPage),
		post("/reset/{token}", Anyone, reset),
		get("/invitation/{token}", Anyone, invitationPage),
		post("/invitation/{token}", Anyone, acceptInvitation),
		get("/confirm", SignedIn, confirmPage).at(accounts.NeedsFactor),
		post("/confirm", SignedIn, confirm).at(accounts.NeedsFactor),
	}
}

func meRoutes() []Route {
	return []Route{
		get("/me", SignedIn, profilePage),
		post("/me/profile", SignedIn, saveProfile),
		get("/me/appearance", SignedIn, appearancePage),
		post("/me/appearance", SignedIn, saveAppearance),
		post("/me/theme", SignedIn, saveTheme),
		get("/me/password", SignedIn, passwordPage).at(accounts.NeedsChange),
		post("/me/password", SignedIn, changePassword).at(accounts.NeedsChange),
		get("/me/second-factor", SignedIn, factorPage).at(accounts.NeedsFactor),
		post("/me/second-factor/start", SignedIn, startFactor).at(accounts.NeedsFactor).confirmed("set up a second step"),
		get("/me/second-factor/setup", SignedIn, factorSetupPage).at(accounts.NeedsFactor),
		get("/me/second-factor/qr.png", SignedIn, factorPicture).at(accounts.NeedsFactor),
		post("/me/second-factor", SignedIn, confirmFactor).at(accounts.NeedsFactor).confirmed("set up a second step"),
		post("/me/second-factor/remove", SignedIn, removeFactor).confirmed("switch the second step off"),
		post("/me/second-factor/recovery-codes", SignedIn, newRecoveryCodes).confirmed("make new recovery codes"),
		get("/me/sessions", SignedIn, sessionsPage),
		post("/me/sessions/{id}/revoke", SignedIn, revokeSession),
		post("/me/sessions/revoke-others", SignedIn, revokeOtherSessions),
		get("/me/tokens", SignedIn, tokensPage),
		post("/me/tokens", SignedIn, newToken).confirmed("make an API token"),
		post("/me/tokens/{id}/revoke", SignedIn, revokeToken),
		get("/me/notifications", SignedIn, noticeChoicesPage),
		post("/me/notifications", SignedIn, saveNoticeChoices),
	}
}

func workRoutes() []Route {
	return []Route{
		get("/{$}", SignedIn, home),
		get("/activity", SignedIn, activity),
		get("/notifications", SignedIn, notifications),
		post("/notifications/read", SignedIn, readNotifications),
		get("/search", SignedIn, search),
		get("/projects", SignedIn, projectList),
		get("/projects/new", Member, newProjectPage),
		post("/projects", Member, createProject),
		get("/projects/{key}", SignedIn, board),
		get("/projects/{key}/list", SignedIn, taskList),
		get("/projects/{key}/activity", SignedIn, activity),
		get("/projects/{key}/edit", Member, editProjectPage),
		post("/projects/{key}/edit", Member, saveProject),
		post("/projects/{key}/archive", Member, archiveProject),
		post("/projects/{key}/delete", Administrator, deleteProject).confirmed("delete a project with all its tasks"),
		get("/projects/{key}/tasks/new", Member, newTaskPage),
		post("/projects/{key}/tasks", Member, createTask),
		get("/projects/{key}/rules", SignedIn, rules),
		get("/projects/{key}/rules/new", Member, newRulePage),
		post("/projects/{key}/rules", Member, saveRule),
		get("/rules/{id}", Member, rulePage),
		post("/rules/{id}", Member, saveRule),
		post("/rules/{id}/enabled", Member, enableRule),
		post("/rules/{id}/delete", Member, deleteRule),
		get("/tasks", SignedIn, taskList),
		get("/tasks/new", Member, newTaskPage),
		post("/tasks", Member, createTask),
		get("/tasks/{key}", SignedIn, task),
		get("/tasks/{key}/edit", SignedIn, editTaskPage),
		post("/tasks/{key}/edit", SignedIn, saveTask),
		post("/tasks/{key}/fields", SignedIn, saveFields),
		get("/tasks/{key}/move", SignedIn, moveTaskPage),
		post("/tasks/{key}/move", SignedIn, moveTask),
		post("/tasks/{key}/delete", Member, deleteTask),
		post("/tasks/{key}/checklist", SignedIn, addStep),
		post("/tasks/{key}/checklist/{id}", SignedIn, changeStep),
		post("/tasks/{key}/relations", SignedIn, relate),
		post("/tasks/{key}/relations/{id}/delete", SignedIn, unrelate),
		post("/tasks/{key}/comments", SignedIn, addComment),
		get("/comments/{id}/edit", SignedIn, editCommentPage),
		post("/comments/{id}/edit", SignedIn, saveComment),
		post("/comments/{id}/delete", SignedIn, deleteComment),
		post("/tasks/{key}/attachments", SignedIn, attach).upload(),
		get("/attachments/{id}", SignedIn, download).lasting(),
		post("/attachments/{id}/delete", SignedIn, deleteAttachment),
		post("/filters", SignedIn, saveFilter),
		post("/filters/{id}/delete", SignedIn, deleteFilter),
	}
}

func peopleRoutes() []Route {
	return []Route{
		get("/people", Member, people),
		post("/people/{id}/role", Administrator, changeRole).confirmed("change somebody’s role"),
		post("/people/{id}/reset", Administrator, sendReset),
		post("/people/{id}/sign-out", Administrator, signOutPerson),
		post("/people/{id}/disabled", Administrator, disablePerson),
		get("/people/invite", Administrator, invitePage),
		post("/people/invite", Administrator, invite),
		post("/people/invitations/{id}/resend", Administrator, inviteAgain),
		post("/people/invitations/{id}/revoke", Administrator, uninvite),
		get("/teams", Member, teams),
		get("/teams/new", Administrator, newTeamPage),
		post("/teams", Administrator, createTeam),
		get("/teams/{id}", Administrator, teamPage),
		post("/teams/{id}", Administrator, saveTeam),
		post("/teams/{id}/delete", Administrator, deleteTeam),
	}
}

func clientRoutes() []Route {
	return []Route{
		get("/settings", Administrator, settings),
		post("/settings/general", Administrator, saveGeneral),
		post("/settings/passwords", Administrator, savePasswords).confirmed("change the rules for passwords"),
		post("/settings/provider/grants", Administrator, openGrant).confirmed("let the provider in"),
		post("/settings/provider/grants/{id}/end", Administrator, endGrant),
		get("/audit", Administrator, auditLog),
		post("/audit/export", Administrator, exportAudit).confirmed("export the audit log").lasting(),
		get("/security", Administrator, security),
		get("/data", Administrator, data),
		post("/data/export", Administrator, exportData).confirmed("export the workspace’s data").lasting(),
		post("/data/import", Administrator, keepImport).upload(),
		get("/data/import/{id}", Administrator, importPage),
		post("/data/import/{id}", Administrator, runImport).lasting(),
	}
}
