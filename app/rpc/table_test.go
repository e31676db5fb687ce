package rpc_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/work"
)

// entry is what the suite knows of a method: what is sent, and what a guest, a member and an administrator get for it; an owner gets what an
// administrator does. The guest is a member of no project, and all of them are somebody else than whose things they ask for.
type entry struct {
	method  string
	roles   string // guest, member, administrator
	body    string // of a right call; {task} and the like are filled in with the owner's things, or with one's own where they can only be that
	foreign string // what another client's things are to it: not_found, where this is empty
}

// table has an entry for every method. A method without one fails TestEveryMethodIsInTheTable.
func table() []entry {
	const (
		all, members, seen = "ok ok ok", "permission_denied ok ok", "not_found ok ok"
		administrators     = "permission_denied permission_denied ok"
		managers           = "not_found permission_denied ok"
		rule               = `"name":"A rule","trigger":"task.created","condition":"task.title == 'x'","then":[{"do":"priority","value":"high"}]`
	)
	return []entry{
		{"AccountService/GetAccount", all, `{}`, "ok"},
		{"ActivityService/ListActivity", seen, `{"projectKey":"{project}","pageSize":3}`, ""},
		{"AttachmentService/ListAttachments", seen, `{"taskKey":"{task}"}`, ""},
		{"AttachmentService/UploadAttachment", seen, `{"file":{"taskKey":"{task}","name":"notes.txt","contentType":"text/plain"}}`, ""},
		{"AttachmentService/DownloadAttachment", seen, `{"id":"{attachment}"}`, ""},
		{"AttachmentService/DeleteAttachment", managers, `{"id":"{attachment}"}`, ""},
		{"AuditService/ListEntries", administrators, `{"actorKind":"person","outcome":"ok","action":"task.","from":"2020-01-01T00:00:00Z","pageSize":3}`, "ok"},
		{"CommentService/ListComments", seen, `{"taskKey":"{task}"}`, ""},
		{"CommentService/CreateComment", seen, `{"taskKey":"{task}","body":"A word"}`, ""},
		{"CommentService/UpdateComment", seen, `{"id":"{comment}","body":"Another word"}`, ""},
		{"CommentService/DeleteComment", seen, `{"id":"{comment}"}`, ""},
		{"ExportService/Export", administrators, `{"format":"csv","table":"tasks","projectKey":"{project}","reason":"A copy"}`, "invalid_argument"},
		{"FilterService/ListFilters", all, `{}`, "ok"},
		{"FilterService/SaveFilter", all, `{"name":"{word}","filter":{"assignee":"me","words":"lift"}}`, "ok"},
		{"FilterService/DeleteFilter", all, `{"id":"{filter}"}`, ""},
		{"ImportService/ImportTasks", seen, `{"projectKey":"{project}","name":"tasks.csv","data":"VGl0bGUKTWVuZCB0aGUgbGlmdAo="}`, ""},
		{"NotificationService/ListNotifications", all, `{"kind":"assigned"}`, "ok"},
		{"NotificationService/CountUnread", all, `{}`, "ok"},
		{"NotificationService/MarkRead", all, `{"id":"{notification}"}`, ""},
		{"NotificationService/MarkAllRead", all, `{}`, "ok"},
		{"PeopleService/ListPeople", members, `{"words":"example","status":"active","role":"member","pageSize":2}`, "ok"},
		{"PeopleService/GetPerson", seen, `{"id":"{person}"}`, ""},
		{"PeopleService/ListInvitations", administrators, `{}`, "ok"},
		{"PeopleService/InvitePerson", administrators, `{"email":"{address}","role":"member","name":"Somebody New"}`, "ok"},
		{"PeopleService/ResendInvitation", administrators, `{"id":"{invitation}"}`, ""},
		{"PeopleService/RevokeInvitation", administrators, `{"id":"{invitation}"}`, ""},
		{"PeopleService/SendReset", administrators, `{"id":"{person}"}`, ""},
		{"PeopleService/SignOutPerson", administrators, `{"id":"{person}"}`, ""},
		{"PeopleService/DisablePerson", administrators, `{"id":"{person}"}`, ""},
		{"PeopleService/EnablePerson", administrators, `{"id":"{disabled}"}`, ""},
		{"ProjectService/ListProjects", all, `{}`, "ok"},
		{"ProjectService/GetProject", seen, `{"key":"{project}"}`, ""},
		{"ProjectService/GetBoard", seen, `{"key":"{project}","words":"task"}`, ""},
		{"ProjectService/GetProjectSettings", managers, `{"key":"{project}"}`, ""},
		{"ProjectService/CreateProject", members, `{"key":"{new}","name":"{word}","description":"words","columns":[{"name":"One"},{"name":"Two","done":true}],"labels":[{"name":"bug","hue":3}]}`, "ok"},
		{"ProjectService/UpdateProject", managers, `{"key":"{project}","name":"{word}"}`, ""},
		{"ProjectService/ArchiveProject", managers, `{"key":"{project}","archived":true}`, ""},
		{"ProjectService/ListSharedLabels", all, `{}`, "ok"},
		{"ProjectService/SaveSharedLabels", administrators, `{"labels":{"items":[{"name":"everywhere","hue":1}]}}`, "ok"},
		{"RuleService/ListRules", seen, `{"projectKey":"{project}"}`, ""},
		{"RuleService/GetRule", seen, `{"id":"{rule}"}`, ""},
		{"RuleService/CreateRule", managers, `{"projectKey":"{project}",` + rule + `,"enabled":true}`, ""},
		{"RuleService/UpdateRule", managers, `{"id":"{rule}","name":"Another name"}`, ""},
		{"RuleService/EnableRule", managers, `{"id":"{rule}","enabled":false}`, ""},
		{"RuleService/DeleteRule", managers, `{"id":"{rule}"}`, ""},
		{"RuleService/TestRule", "invalid_argument ok ok", `{"taskKey":"{task}",` + rule + `}`, "invalid_argument"},
		{"SearchService/Search", all, `{"text":"task"}`, "ok"},
		{"TaskService/ListTasks", seen, `{"filter":{"projectKey":"{project}","sort":"due"},"pageSize":5}`, ""},
		{"TaskService/GetTask", seen, `{"key":"{task}"}`, ""},
		{"TaskService/CreateTask", seen, `{"projectKey":"{project}","title":"New","description":"words","priority":"high","due":"2026-11-30"}`, ""},
		{"TaskService/UpdateTask", seen, `{"key":"{task}","version":1,"title":"Other","due":""}`, ""},
		{"TaskService/MoveTask", seen, `{"key":"{task}","statusId":"{column}"}`, ""},
		{"TaskService/DeleteTask", seen, `{"key":"{task}"}`, ""},
		{"TaskService/AddChecklistItem", seen, `{"taskKey":"{task}","text":"One more"}`, ""},
		{"TaskService/UpdateChecklistItem", seen, `{"taskKey":"{task}","id":"{item}","done":true}`, ""},
		{"TaskService/DeleteChecklistItem", seen, `{"taskKey":"{task}","id":"{item}"}`, ""},
		{"TaskService/AddRelation", seen, `{"taskKey":"{task}","kind":"relates","otherKey":"{other}"}`, ""},
		{"TaskService/RemoveRelation", seen, `{"taskKey":"{task}","id":"{relation}"}`, ""},
		{"TeamService/ListTeams", members, `{}`, "ok"},
		{"TeamService/CreateTeam", administrators, `{"name":"{word}","description":"What it does","memberIds":["{me}"]}`, "invalid_argument"},
		{"TeamService/UpdateTeam", administrators, `{"id":"{team}","description":"Other words"}`, ""},
		{"TeamService/DeleteTeam", administrators, `{"id":"{team}"}`, ""},
	}
}

func (e entry) procedure() string { return "/taskflow.v1." + e.method }

func entries(t testing.TB) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	for _, one := range table() {
		if _, twice := all[one.procedure()]; twice {
			t.Errorf("%s is in the table twice", one.method)
		}
		all[one.procedure()] = one
	}
	return all
}

// methods are those that are served.
func methods(t testing.TB) []rpc.Method {
	t.Helper()
	all, err := rpc.Methods()
	must(t, err)
	return all
}

// TestEveryMethodIsInTheTable_AS_3: what is declared is served, and a new method has to be tried as all others are.
func TestEveryMethodIsInTheTable_AS_3(t *testing.T) {
	known, served := entries(t), map[string]bool{}
	for _, m := range methods(t) {
		served[m.Procedure] = true
	}
	declared := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("taskflow.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				declared++
				procedure := "/" + string(service.FullName()) + "/" + string(service.Methods().Get(j).Name())
				if !served[procedure] {
					t.Errorf("%s is declared and not served", procedure)
				}
				if _, there := known[procedure]; !there {
					t.Errorf("%s has no entry in the table of the security suite", procedure)
				}
				delete(known, procedure)
			}
		}
		return true
	})
	for name := range known {
		t.Errorf("the table has %s, which is not declared", name)
	}
	if declared == 0 || declared != len(served) {
		t.Errorf("%d methods are declared, %d served", declared, len(served))
	}
}

// fill puts things of this place into the body of an entry; what can only be one's own is that of who asks.
func (p *place) fill(e entry, b *program) string {
	p.Helper()
	body := e.body
	put := func(mark string, with func() string) {
		if strings.Contains(body, mark) {
			body = strings.ReplaceAll(body, mark, with())
		}
	}
	made := func(id uuid.UUID, err error) string {
		must(p, err)
		return id.String()
	}
	ctx, owner := p.Context(), p.owner.who()
	var key string // of the task that is asked about
	put("{task}", func() string { key = p.newTask(); return key })
	put("{other}", func() string { return p.newTask() })
	put("{project}", func() string { return p.project() })
	put("{column}", func() string {
		d, err := p.c.Work.Task(ctx, owner, key)
		must(p, err)
		return d.Columns[1].ID.String()
	})
	put("{item}", func() string { return made(p.c.Work.AddStep(ctx, owner, key, "An item of "+p.c.Name)) })
	put("{relation}", func() string { return made(p.c.Work.Relate(ctx, owner, key, work.Blocks, p.newTask())) })
	put("{comment}", func() string {
		who := owner
		if b.place == p && b.who().Role.AtLeast(actor.Member) { // their own
			who = b.who()
		}
		return made(p.c.Work.AddComment(ctx, who, p.newTask(), "A comment of "+p.c.Name))
	})
	put("{attachment}", func() string {
		return made(p.c.Work.Attach(ctx, owner, p.newTask(), "notes.txt", "text/plain", upload(p, "the content of "+p.c.Name+"\n")))
	})
	put("{rule}", func() string {
		return made(p.c.Work.SaveRule(ctx, owner, work.Rule{Project: p.project(), Name: "A rule of " + p.c.Name, When: "task.created",
			Then: []work.Action{{Do: work.DoPriority, Value: "high"}}, Enabled: true}))
	})
	put("{filter}", func() string {
		return made(p.c.Work.SaveFilter(ctx, b.who(), "Mine "+uuid.NewString()[:8], "assignee=me", "", false))
	})
	put("{notification}", func() string {
		name := "P" + strings.ToUpper(uuid.NewString()[:7])
		_, err := p.c.Work.CreateProject(ctx, owner, work.ProjectEdit{Key: name, Name: "For " + b.who().Name, Members: []uuid.UUID{b.who().ID}})
		must(p, err)
		from := p.join(actor.Administrator).who()
		_, err = p.c.Work.CreateTask(ctx, from, work.NewTask{Project: name, Title: "For you", Assignee: b.who().ID})
		must(p, err)
		page, err := p.c.Work.Notifications(ctx, b.who(), "", "", 1)
		must(p, err)
		return page.Items[0].ID.String()
	})
	put("{person}", func() string { return p.join(actor.Member).who().ID.String() })
	put("{disabled}", func() string {
		id := p.join(actor.Member).who().ID
		must(p, p.c.Accounts.Disable(ctx, operator, id))
		return id.String()
	})
	put("{invitation}", func() string { id, _ := p.invited(actor.Member); return id })
	put("{team}", func() string {
		team, err := p.c.Accounts.NewTeam(ctx, owner, "Team "+uuid.NewString()[:8], "Of "+p.c.Name, nil)
		return made(team.ID, err)
	})
	put("{me}", func() string { return b.who().ID.String() })
	put("{new}", func() string { return "N" + strings.ToUpper(uuid.NewString()[:7]) })
	put("{word}", func() string { return "Word " + uuid.NewString()[:8] })
	put("{address}", func() string { return uuid.NewString()[:12] + "@example.org" })
	if strings.Contains(body, "{a") || strings.Contains(body, `"{`) && !strings.Contains(body, `{"`) {
		p.Fatalf("the suite does not know how to fill %s", body)
	}
	return body
}

func (p *place) project() string {
	p.Helper()
	key := "P" + strings.ToUpper(uuid.NewString()[:7])
	_, err := p.c.Work.CreateProject(p.Context(), p.owner.who(), work.ProjectEdit{Key: key, Name: "Project " + key + " of " + p.c.Name, Everyone: true})
	must(p, err)
	return key
}

func (p *place) newTask() string {
	p.Helper()
	ref, err := p.c.Work.CreateTask(p.Context(), p.owner.who(), work.NewTask{Project: p.project(), Title: "A task of " + p.c.Name, Description: "What **" + p.c.Name + "** knows"})
	must(p, err)
	return ref.Key
}

// ask calls a method with a body that is right.
func (b *program) ask(m rpc.Method, body string) *answer {
	b.Helper()
	switch {
	case strings.HasSuffix(m.Procedure, "/UploadAttachment"):
		return b.stream(m.Procedure, body, `{"chunk":"c29tZSB3b3Jkcwo="}`)
	case m.Streams:
		return b.stream(m.Procedure, body)
	}
	return b.call(m.Procedure, body)
}
