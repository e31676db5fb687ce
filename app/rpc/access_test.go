package rpc_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/work"
)

// TestAccessOfEveryMethod calls every method as every role.
func TestAccessOfEveryMethod(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	people := []*program{p.join(actor.Guest), p.join(actor.Member), p.join(actor.Administrator), p.owner}
	for _, m := range methods(t) {
		e := known[m.Procedure]
		var want [4]string
		if _, err := fmt.Sscan(e.roles, &want[0], &want[1], &want[2]); err != nil {
			t.Fatalf("%s: %v", e.method, err)
		}
		want[3] = want[2]
		for i, b := range people {
			body := p.fill(e, b)
			before := p.changes()
			a := b.ask(m, body).want(want[i])
			after := p.changes()
			switch {
			case m.Reads && after != before:
				t.Errorf("%s as %s changed something, though it only reads", e.method, b.who().Role)
			case !m.Reads && want[i] == "ok" && after == before && !strings.Contains(m.Procedure, "/Mark"): // of what one has read there is no entry
				t.Errorf("%s as %s left no entry in the log: %s", e.method, b.who().Role, a.body)
			case want[i] != "ok" && after != before:
				t.Errorf("%s as %s was refused and changed something", e.method, b.who().Role)
			}
			walls(a)
		}
	}
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("something failed: %.2000s", p.logged.String())
	}
}

// walls tells whether an answer has the headers that every answer has: nobody takes it for a page, and nobody keeps it.
func walls(a *answer) {
	a.Helper()
	if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		a.Errorf("%s: %v", a.asked, a.header)
	}
	kind := a.header.Get("Content-Type")
	if !slices.Contains([]string{"application/json", "application/proto", "application/connect+json", "application/connect+proto", "text/plain; charset=utf-8"}, kind) {
		a.Errorf("%s is answered as %q", a.asked, kind)
	}
	for _, name := range []string{"Set-Cookie", "Access-Control-Allow-Origin", "Server"} {
		if got := a.header.Get(name); got != "" {
			a.Errorf("%s: %s is %q", a.asked, name, got)
		}
	}
}

// TestOnlyAGoodTokenLetsIn (AC-5): nobody's calls, and those with a token that was made up, altered, revoked or that ended, with one that is
// not where it belongs, and with that of somebody who was shut out, are refused before anything of them is looked at.
func TestOnlyAGoodTokenLetsIn(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	ends, revoked, gone := p.join(actor.Owner), p.join(actor.Owner), p.join(actor.Owner)
	tokens, err := p.c.Accounts.Tokens(t.Context(), revoked.visit)
	must(t, err)
	must(t, p.c.Accounts.RevokeToken(t.Context(), revoked.visit, tokens[0].ID))
	must(t, p.c.Accounts.Disable(t.Context(), p.owner.who(), gone.who().ID))
	good := p.owner.with(actor.Scopes()...)
	right := map[string]string{}
	for _, m := range methods(t) {
		right[m.Procedure] = p.fill(known[m.Procedure], p.owner)
	}
	before := p.changes()
	with := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("Authorization")
			for _, one := range headers {
				r.Header.Add("Authorization", one)
			}
		}
	}
	wrong := map[string]func(*http.Request){
		"none": with(), "an empty one": with(""), "no word before it": with(good.token), "another scheme": with("Basic " + good.token),
		"nonsense": with("Bearer x"), "only a beginning": with("Bearer tfp_"), "an altered one": with("Bearer " + flip(good.token)), "two": with("Bearer "+good.token, "Bearer "+good.token),
		"a space too much": with("Bearer  " + good.token), "one that is too long": with("Bearer " + good.token + "A"), "a list": with("Bearer " + good.token + ",Bearer " + good.token),
		"a revoked one": with("Bearer " + revoked.token), "that of somebody who was shut out": with("Bearer " + gone.token),
		"one in the address": func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "access_token=" + good.token + "&token=" + good.token
		},
		"one in another header": func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-Api-Key", good.token)
			r.Header.Set("Token", good.token)
		},
		// AS-4: what a browser sends by itself opens nothing, so that no other site can make a browser do anything here.
		"a cookie": func(r *http.Request) {
			r.Header.Del("Authorization")
			for _, name := range []string{"__Host-session", "session", "token"} {
				r.AddCookie(&http.Cookie{Name: name, Value: p.owner.from.Cookie})
			}
			r.Header.Set("Origin", "https://acme.example.org")
		},
	}
	refused := func(what string, m rpc.Method, a *answer) {
		t.Helper()
		if m.Streams && a.code() != "unauthenticated" || !m.Streams && (a.status != http.StatusUnauthorized || a.code() != "unauthenticated") || a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s with %s as its token gave %d %s, want unauthenticated", m.Procedure, what, a.status, a.code())
		}
		a.hides("acme", "Owner", "revoked", "expired", "disabled")
	}
	for _, m := range methods(t) {
		for what, set := range wrong {
			r := good.request(m.Procedure, right[m.Procedure])
			if m.Streams {
				r.Header.Set("Content-Type", "application/connect+json")
			}
			set(r)
			refused(what, m, p.send(r))
		}
	}
	p.later(32 * 24 * time.Hour) // tokens of join are good for a month
	for _, m := range methods(t) {
		refused("one that ended", m, ends.ask(m, right[m.Procedure]))
	}
	if p.changes() != before {
		t.Error("something changed without a good token")
	}
	logged := 0
	for _, e := range p.entries() {
		if e.Action == "access.refused" && e.Outcome == audit.Refused && e.Address == "192.0.2.7" {
			logged++
		}
	}
	if logged == 0 {
		t.Error("the log does not say that somebody came with a wrong token")
	}
}

// flip alters a token in its middle.
func flip(token string) string {
	i := len(token) / 2
	other := byte('A')
	if token[i] == 'A' {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

// TestATokenOpensItsScopesOnly: an owner's token that has all scopes but the one that a method needs, and one for exports only.
func TestATokenOpensItsScopesOnly(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	without := map[actor.Scope]*program{}
	for _, scope := range actor.Scopes() {
		rest := slices.DeleteFunc(actor.Scopes(), func(one actor.Scope) bool { return one == scope })
		without[scope] = p.owner.with(rest...)
	}
	exports, reads := p.owner.with(actor.Export), p.owner.with(actor.Read)
	for _, m := range methods(t) {
		body := p.fill(known[m.Procedure], p.owner)
		before := p.changes()
		only := exports
		if m.Scope == actor.Export {
			only = reads
		}
		for _, b := range []*program{without[m.Scope], only} {
			a := b.ask(m, body).want("permission_denied")
			if !strings.Contains(string(a.body), "scope "+string(m.Scope)) {
				t.Errorf("%s does not say which scope is missing: %s", m.Procedure, a.body)
			}
		}
		if p.changes() != before {
			t.Errorf("%s changed something without its scope", m.Procedure)
		}
	}
	// What a role does not allow, no scope of a token opens: somebody who was an administrator is a member now.
	b := p.join(actor.Administrator)
	b.call("/taskflow.v1.AuditService/ListEntries", `{}`).want("ok")
	must(t, p.c.Accounts.ChangeRole(t.Context(), operator, b.who().ID, actor.Member))
	b.call("/taskflow.v1.AuditService/ListEntries", `{}`).want("permission_denied")
	b.call("/taskflow.v1.PeopleService/ListPeople", `{}`).want("ok")
}

// TestNothingReachesAcrossClients_DP_1: everything of one client, asked for at another: with the one's token, and by the other's owner with
// all rights there.
func TestNothingReachesAcrossClients_DP_1(t *testing.T) {
	acme, blue, known := newPlace(t, "acme"), newPlace(t, "blue"), entries(t)
	words := []string{"of acme", "acme knows", "The acme company", acme.owner.who().Name, acme.owner.visit.Person.Email}
	for _, m := range methods(t) {
		e := known[m.Procedure]
		body := acme.fill(e, acme.owner)
		before, here := acme.changes(), blue.changes()

		stranger := &program{place: blue, token: acme.owner.token}
		a := stranger.ask(m, body)
		if a.code() != "unauthenticated" {
			t.Errorf("%s: acme's token got %d %s at blue", e.method, a.status, a.code())
		}
		a.hides(words...)
		if blue.changes() != here {
			t.Errorf("%s: acme's token changed something at blue", e.method)
		}

		want := e.foreign
		if want == "" {
			want = "not_found"
		}
		blue.owner.ask(m, body).want(want).hides(words...)
		if acme.changes() != before {
			t.Errorf("%s: something changed at acme", e.method)
		}
	}
	for _, e := range blue.entries() {
		if strings.Contains(e.ActorName+e.Target+e.Detail, "acme") && !strings.Contains(e.Target, "call ") {
			t.Errorf("blue's log speaks of acme: %v", e)
		}
	}
}

// TestRefusalsAreLogged (AC-5): who was refused what, from where, by which token.
func TestRefusalsAreLogged(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Guest)
	b.call("/taskflow.v1.AuditService/ListEntries", `{}`).want("permission_denied")
	b.with(actor.Read).task("CreateTask", `{}`).want("permission_denied")
	b.stream("/taskflow.v1.AttachmentService/UploadAttachment", `{"file":{"taskKey":"X-1"}}`).want("not_found")
	all := p.entries()
	var refusals []string
	for _, e := range all {
		if e.Action == "call.refused" {
			if e.Outcome != audit.Refused || e.ActorName != b.who().Name || e.ActorKind != audit.Token || e.Address != "192.0.2.7" || e.Agent != "a-program/1.0" {
				t.Errorf("a refusal is logged as %v", e)
			}
			refusals = append(refusals, e.Target)
		}
	}
	if want := []string{"call /taskflow.v1.TaskService/CreateTask", "call /taskflow.v1.AuditService/ListEntries"}; !slices.Equal(refusals, want) {
		t.Errorf("logged are %q, want %q", refusals, want)
	}
}

// TestProgramsHaveTheRightsOfPages does the same deeds through work, as somebody at a browser, and through calls: the verdicts are the same.
func TestProgramsHaveTheRightsOfPages(t *testing.T) {
	p := newPlace(t, "acme")
	ctx := t.Context()
	member := p.join(actor.Member)
	insider := p.join(actor.Guest)
	people := map[string]*program{"guest": p.join(actor.Guest), "guest of the project": insider, "member": p.join(actor.Member), "member of the project": member,
		"administrator": p.join(actor.Administrator), "owner": p.owner}
	type thing struct{ project, task, column, comment, file, rule string }
	things := func(everyone bool) thing {
		t.Helper()
		owner := p.owner.who()
		key := p.projectOf(everyone, member, insider)
		ref, err := p.c.Work.CreateTask(ctx, owner, work.NewTask{Project: key, Title: "A task", Assignee: insider.who().ID})
		must(t, err)
		d, err := p.c.Work.Task(ctx, owner, ref.Key)
		must(t, err)
		comment, err := p.c.Work.AddComment(ctx, owner, ref.Key, "words")
		must(t, err)
		file, err := p.c.Work.Attach(ctx, owner, ref.Key, "notes.txt", "text/plain", upload(t, "words\n"))
		must(t, err)
		rule, err := p.c.Work.SaveRule(ctx, owner, work.Rule{Project: key, Name: "A rule", When: "task.due", Then: []work.Action{{Do: work.DoPriority, Value: "high"}}})
		must(t, err)
		return thing{key, ref.Key, d.Columns[1].ID.String(), comment.String(), file.String(), rule.String()}
	}
	title := "Another"
	deeds := []struct {
		name   string
		direct func(who actor.Actor, on thing) error
		call   func(b *program, on thing) *answer
	}{
		{"see the project", func(who actor.Actor, on thing) error { _, err := p.c.Work.Choices(ctx, who, on.project); return err },
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.ProjectService/GetProject", `{"key":"`+on.project+`"}`)
			}},
		{"change the project", func(who actor.Actor, on thing) error {
			return p.c.Work.UpdateProject(ctx, who, on.project, work.ProjectEdit{Name: "Another"})
		}, func(b *program, on thing) *answer {
			return b.call("/taskflow.v1.ProjectService/UpdateProject", `{"key":"`+on.project+`","name":"Another","description":"","everyone":false}`)
		}},
		{"archive the project", func(who actor.Actor, on thing) error { return p.c.Work.ArchiveProject(ctx, who, on.project, true) },
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.ProjectService/ArchiveProject", `{"key":"`+on.project+`","archived":true}`)
			}},
		{"create a task", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.CreateTask(ctx, who, work.NewTask{Project: on.project, Title: "New"})
			return err
		}, func(b *program, on thing) *answer {
			return b.task("CreateTask", `{"projectKey":"`+on.project+`","title":"New"}`)
		}},
		{"see the task", func(who actor.Actor, on thing) error { _, err := p.c.Work.Task(ctx, who, on.task); return err },
			func(b *program, on thing) *answer { return b.task("GetTask", `{"key":"`+on.task+`"}`) }},
		{"change the task", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.UpdateTask(ctx, who, work.TaskChange{Key: on.task, Title: &title})
			return err
		}, func(b *program, on thing) *answer {
			return b.task("UpdateTask", `{"key":"`+on.task+`","title":"Another"}`)
		}},
		{"move the task", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.MoveTask(ctx, who, work.Move{Key: on.task, Status: id(on.column)})
			return err
		}, func(b *program, on thing) *answer {
			return b.task("MoveTask", `{"key":"`+on.task+`","statusId":"`+on.column+`"}`)
		}},
		{"delete the task", func(who actor.Actor, on thing) error { return p.c.Work.DeleteTask(ctx, who, on.task) },
			func(b *program, on thing) *answer { return b.task("DeleteTask", `{"key":"`+on.task+`"}`) }},
		{"comment", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.AddComment(ctx, who, on.task, "words")
			return err
		},
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.CommentService/CreateComment", `{"taskKey":"`+on.task+`","body":"words"}`)
			}},
		{"edit the comment", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.EditComment(ctx, who, id(on.comment), "other")
			return err
		},
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.CommentService/UpdateComment", `{"id":"`+on.comment+`","body":"other"}`)
			}},
		{"delete the comment", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.DeleteComment(ctx, who, id(on.comment))
			return err
		},
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.CommentService/DeleteComment", `{"id":"`+on.comment+`"}`)
			}},
		{"delete the file", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.DeleteAttachment(ctx, who, id(on.file))
			return err
		},
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.AttachmentService/DeleteAttachment", `{"id":"`+on.file+`"}`)
			}},
		{"switch the rule on", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.EnableRule(ctx, who, id(on.rule), true)
			return err
		},
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.RuleService/EnableRule", `{"id":"`+on.rule+`","enabled":true}`)
			}},
		{"share a filter", func(who actor.Actor, on thing) error {
			_, err := p.c.Work.SaveFilter(ctx, who, "Shared", "", on.project, true)
			return err
		},
			func(b *program, on thing) *answer {
				return b.call("/taskflow.v1.FilterService/SaveFilter", `{"name":"Shared","shared":true,"filter":{"projectKey":"`+on.project+`"}}`)
			}},
		{"change the labels of all projects", func(who actor.Actor, _ thing) error { return p.c.Work.SaveSharedLabels(ctx, who, nil) },
			func(b *program, _ thing) *answer {
				return b.call("/taskflow.v1.ProjectService/SaveSharedLabels", `{"labels":{}}`)
			}},
	}
	verdicts := map[string]int{}
	for _, everyone := range []bool{true, false} {
		for _, deed := range deeds {
			for name, b := range people {
				direct := codeOf(deed.direct(b.who(), things(everyone)))
				called := deed.call(b, things(everyone)).code()
				if direct != called {
					t.Errorf("%s as %s in a project for everyone (%t): %s through work, %s through a call", deed.name, name, everyone, direct, called)
				}
				verdicts[direct]++
			}
		}
	}
	t.Logf("verdicts: %v", verdicts)
	for _, one := range []string{"ok", "permission_denied", "not_found"} {
		if verdicts[one] < 10 {
			t.Errorf("only %d verdicts are %s", verdicts[one], one)
		}
	}
}
