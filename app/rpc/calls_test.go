package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/rpc"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/rpc/gen/taskflow/v1/taskflowv1connect"
	"github.com/berth-iac/berth/app/tenancy"
)

// serve is a place behind a real server of HTTP/1.1.
func (p *place) serve() *httptest.Server {
	p.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.handler.ServeHTTP(w, r.WithContext(client.WithRequest(r.Context(), &client.Request{ID: "ref-1", Address: netip.MustParseAddr("192.0.2.7")})))
	}))
	p.Cleanup(s.Close)
	return s
}

// carrier puts a token on every request.
type carrier struct {
	token string
	next  http.RoundTripper
}

// RoundTrip is http.RoundTripper's.
func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+c.token)
	return c.next.RoundTrip(r)
}

// TestAProgramsDay does what a program does, with the clients that were generated, in both encodings, over a real connection.
func TestAProgramsDay(t *testing.T) {
	p := newPlace(t, "acme")
	s := p.serve()
	for name, encoding := range map[string]connect.ClientOption{"protobuf": connect.WithOptions(), "JSON": connect.WithProtoJSON()} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			web := &http.Client{Transport: carrier{p.owner.token, s.Client().Transport}}
			base := s.URL + rpc.Prefix
			projects, tasks := taskflowv1connect.NewProjectServiceClient(web, base, encoding), taskflowv1connect.NewTaskServiceClient(web, base, encoding)
			files, filters := taskflowv1connect.NewAttachmentServiceClient(web, base, encoding), taskflowv1connect.NewFilterServiceClient(web, base, encoding)

			key := "DAY" + strings.ToUpper(name[:1])
			_, err := projects.CreateProject(ctx, &taskflowv1.CreateProjectRequest{Key: key, Name: "A day", Everyone: true, Labels: []*taskflowv1.LabelEdit{{Name: "bug", Hue: 1}}})
			must(t, err)
			project, err := projects.GetProject(ctx, &taskflowv1.GetProjectRequest{Key: key})
			must(t, err)
			label := project.GetLabels()[0].GetId()
			made, err := tasks.CreateTask(ctx, &taskflowv1.CreateTaskRequest{ProjectKey: key, Title: "Mend the lift", Description: "It is *stuck*", Due: "2026-12-24", LabelIds: []string{label}, AssigneeId: p.owner.who().ID.String()})
			must(t, err)

			// What is given is changed, and nothing else.
			title, none := "Mend both lifts", ""
			changed, err := tasks.UpdateTask(ctx, &taskflowv1.UpdateTaskRequest{Key: made.GetTask().GetKey(), Version: made.GetTask().GetVersion(), Title: &title})
			must(t, err)
			got, err := tasks.GetTask(ctx, &taskflowv1.GetTaskRequest{Key: made.GetTask().GetKey()})
			must(t, err)
			if one := got.GetTask(); one.GetTitle() != title || one.GetDue() != "2026-12-24" || got.GetDescription() != "It is *stuck*" || len(one.GetLabels()) != 1 || one.GetAssignee().GetName() != p.owner.who().Name || one.GetVersion() != changed.GetTask().GetVersion() {
				t.Errorf("after a change of its title the task is %v", got)
			}
			_, err = tasks.UpdateTask(ctx, &taskflowv1.UpdateTaskRequest{Key: made.GetTask().GetKey(), Version: made.GetTask().GetVersion(), Title: &title})
			if connect.CodeOf(err) != connect.CodeAborted {
				t.Errorf("a change of what another has changed gives %v, want aborted", err)
			}
			_, err = tasks.UpdateTask(ctx, &taskflowv1.UpdateTaskRequest{Key: made.GetTask().GetKey(), Due: &none, AssigneeId: &none, Labels: &taskflowv1.IdList{}})
			must(t, err)
			list, err := tasks.ListTasks(ctx, &taskflowv1.ListTasksRequest{Filter: &taskflowv1.TaskFilter{ProjectKey: key}, Counts: true})
			must(t, err)
			if one := list.GetTasks()[0]; one.GetDue() != "" || one.GetAssignee() != nil || len(one.GetLabels()) != 0 || one.GetTitle() != title || one.GetCounts() == nil {
				t.Errorf("after what was emptied the task is %v", one)
			}

			// A project keeps what is not given.
			_, err = projects.UpdateProject(ctx, &taskflowv1.UpdateProjectRequest{Key: key, Description: &title})
			must(t, err)
			settings, err := projects.GetProjectSettings(ctx, &taskflowv1.GetProjectSettingsRequest{Key: key})
			must(t, err)
			if settings.GetName() != "A day" || !settings.GetEveryone() || settings.GetDescription() != title || len(settings.GetColumns()) != 3 || len(settings.GetLabels()) != 1 {
				t.Errorf("after a change of its description the project is %v", settings)
			}

			// What is wrong is told by the names of the fields, all at once.
			_, err = tasks.CreateTask(ctx, &taskflowv1.CreateTaskRequest{ProjectKey: key, Priority: "x", Due: "tomorrow"})
			if problems := failureOf(t, err).GetProblems(); connect.CodeOf(err) != connect.CodeInvalidArgument || len(problems) != 3 || problems[0].GetField() != "title" || problems[0].GetFix() == "" {
				t.Errorf("a bad task gives %v with %v", err, problems)
			}

			// A filter comes back as it was.
			filter := &taskflowv1.TaskFilter{ProjectKey: key, Words: "a&b=c", Assignee: "me", Sort: "due", Archived: true, LabelId: label}
			_, err = filters.SaveFilter(ctx, &taskflowv1.SaveFilterRequest{Name: "Mine " + name, Filter: filter})
			must(t, err)
			kept, err := filters.ListFilters(ctx, &taskflowv1.ListFiltersRequest{})
			must(t, err)
			if one := kept.GetFilters()[len(kept.GetFilters())-1]; one.GetFilter().String() != filter.String() && kept.GetFilters()[0].GetFilter().String() != filter.String() {
				t.Errorf("a filter came back as %v, want %v", kept, filter)
			}

			// A file comes back as it was.
			content := bytes.Repeat([]byte("A line of words.\n"), 40_000)
			up, err := files.UploadAttachment(ctx)
			must(t, err)
			must(t, up.Send(&taskflowv1.UploadAttachmentRequest{Part: &taskflowv1.UploadAttachmentRequest_File{File: &taskflowv1.NewAttachment{TaskKey: made.GetTask().GetKey(), Name: "notes.txt"}}}))
			for rest := content; len(rest) > 0; {
				n := min(len(rest), 512<<10)
				must(t, up.Send(&taskflowv1.UploadAttachmentRequest{Part: &taskflowv1.UploadAttachmentRequest_Chunk{Chunk: rest[:n]}}))
				rest = rest[n:]
			}
			sent, err := up.CloseAndReceive()
			must(t, err)
			down, err := files.DownloadAttachment(ctx, &taskflowv1.DownloadAttachmentRequest{Id: sent.GetId()})
			must(t, err)
			var back bytes.Buffer
			for i := 0; down.Receive(); i++ {
				if about := down.Msg().GetFile(); (i == 0) != (about != nil) || i == 0 && (about.GetName() != "notes.txt" || about.GetSize() != int64(len(content)) || about.GetContentType() == "") {
					t.Errorf("message %d is about %v", i, about)
				}
				back.Write(down.Msg().GetChunk())
			}
			must(t, down.Err())
			if !bytes.Equal(back.Bytes(), content) {
				t.Errorf("%d bytes came back of %d", back.Len(), len(content))
			}
			must(t, down.Close())
		})
	}
}

// failureOf is the detail of an error.
func failureOf(t testing.TB, err error) *taskflowv1.Failure {
	t.Helper()
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || len(e.Details()) != 1 {
		t.Fatalf("%v has no detail", err)
	}
	v, err := e.Details()[0].Value()
	must(t, err)
	return v.(*taskflowv1.Failure)
}

// TestUploadsAreLookedThrough: what is not allowed, too large, or sent by somebody who may not, is not kept, and is not even taken in.
func TestUploadsAreLookedThrough(t *testing.T) {
	p := newPlace(t, "acme")
	key := p.newTask()
	const up = "/taskflow.v1.AttachmentService/UploadAttachment"
	about := func(name, kind string) string {
		return jsonOf(t, map[string]any{"file": map[string]any{"taskKey": key, "name": name, "contentType": kind}})
	}
	page := `{"chunk":"PCFkb2N0eXBlIGh0bWw+PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="}` // a page with a script
	p.owner.stream(up, about("page.html", "text/html"), page).want("invalid_argument")
	p.owner.stream(up, about("picture.png", "image/png"), page).want("invalid_argument")
	p.owner.stream(up, about("notes.txt", "text/plain")).want("invalid_argument")
	p.owner.stream(up).want("invalid_argument")
	p.owner.stream(up, about("a.txt", ""), about("b.txt", "")).want("invalid_argument")
	p.owner.with(actor.Read).stream(up, about("notes.txt", ""), page).want("permission_denied")
	p.join(actor.Guest).stream(up, about("notes.txt", ""), `{"chunk":"eA=="}`).want("not_found")
	piece := `{"chunk":"` + strings.Repeat("QUJD", 170<<10) + `"}`
	var large []string
	for n := int64(0); n <= p.c.Work.MaxUpload(); n += 510 << 10 {
		large = append(large, piece)
	}
	p.owner.stream(up, append([]string{about("notes.txt", "")}, large...)...).want("resource_exhausted")
	d, err := p.c.Work.Task(t.Context(), p.owner.who(), key)
	must(t, err)
	if len(d.Files) != 0 {
		t.Errorf("kept were %v", d.Files)
	}
}

// TestLimits_AS_6: a person's calls are counted whatever tokens they come with; who has made too many is told when to come back.
func TestLimits_AS_6(t *testing.T) {
	p := newPlace(t, "acme", func(tenant *tenancy.Tenant, _ *rpc.Options) {
		tenant.Rates.User = config.Rate{Requests: 5, Period: config.Duration(time.Minute)}
	})
	b, other := p.join(actor.Member), p.join(actor.Member)
	second := b.with(actor.Read)
	const account = "/taskflow.v1.AccountService/GetAccount"
	for range 3 {
		b.call(account, `{}`).want("ok")
	}
	for range 2 {
		second.call(account, `{}`).want("ok")
	}
	a := second.call(account, `{}`).want("resource_exhausted")
	if a.status != http.StatusTooManyRequests {
		t.Errorf("the sixth call gave %d", a.status)
	}
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 60 || a.text("details", 0, "debug", "retryAfter") == "" || len(a.header.Values("Retry-After")) != 1 {
		t.Errorf("it is to come back after %q: %s", a.header.Values("Retry-After"), a.body)
	}
	a = b.stream("/taskflow.v1.AttachmentService/DownloadAttachment", `{"id":"x"}`).want("resource_exhausted")
	if a.header.Get("Retry-After") == "" {
		t.Errorf("a stream is not told when to come back: %v", a.header)
	}
	other.call(account, `{}`).want("ok")
	p.later(time.Duration(wait) * time.Second)
	b.call(account, `{}`).want("ok")
}

// TestCallsEnd: a call that takes too long is ended, and so is one whose message does not come.
func TestCallsEnd(t *testing.T) {
	p := newPlace(t, "acme", func(_ *tenancy.Tenant, o *rpc.Options) { o.Time, o.Transfer = time.Nanosecond, time.Nanosecond })
	p.owner.call("/taskflow.v1.AccountService/GetAccount", `{}`).want("deadline_exceeded")
	p.owner.stream("/taskflow.v1.AttachmentService/DownloadAttachment", `{"id":"x"}`).want("deadline_exceeded")

	p = newPlace(t, "blue", func(_ *tenancy.Tenant, o *rpc.Options) { o.Time = 2 * time.Second })
	r := p.owner.request("/taskflow.v1.TaskService/ListTasks", `{}`)
	r.Header.Set("Connect-Timeout-Ms", "0")
	p.send(r).want("deadline_exceeded")
	for _, timeout := range []string{"x", "-5", "99999999999", "1e3"} {
		r := p.owner.request("/taskflow.v1.TaskService/ListTasks", `{}`)
		r.Header.Set("Connect-Timeout-Ms", timeout)
		p.send(r).want("invalid_argument")
	}
	s := p.serve()
	began := time.Now()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(began.Add(20*time.Second)))
	_, err = io.WriteString(conn, "POST /rpc/taskflow.v1.TaskService/ListTasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\nAuthorization: Bearer "+p.owner.token+"\r\n\r\n{")
	must(t, err)
	got, _ := io.ReadAll(conn)
	if took := time.Since(began); took > 10*time.Second || !bytes.Contains(got, []byte("deadline_exceeded")) {
		t.Errorf("who sent a byte and no more got %q after %s", got, took)
	}
	for _, hidden := range []string{"127.0.0.1", "i/o timeout", "tcp"} {
		if bytes.Contains(got, []byte(hidden)) {
			t.Errorf("the answer tells of the connection: %s", got)
		}
	}
}

// TestWhatFailsTellsNothing: neither a mistake in the service nor what it needs and does not have is told, but a number to ask for help
// with. The log says it, without what was thrown.
func TestWhatFailsTellsNothing(t *testing.T) {
	p := newPlace(t, "acme")
	calls := map[string]func() *answer{
		"a call": func() *answer { return p.owner.task("ListTasks", `{}`) },
		"a stream": func() *answer {
			return p.owner.stream("/taskflow.v1.AttachmentService/DownloadAttachment", `{"id":"01938d3c-7a00-7000-8000-000000000000"}`)
		},
	}
	whole, handler := p.c.Work, p.handler
	p.c.Work = nil // whoever uses it panics
	broken, err := rpc.New(p.c, rpc.Options{})
	must(t, err)
	p.handler = broken
	for what, call := range calls {
		a := call().want("internal").hides("nil pointer", "panic", "goroutine", ".go:", "runtime")
		if !strings.Contains(string(a.body), "ref-1") {
			t.Errorf("%s that panics is not told its number: %s", what, a.body)
		}
	}
	if log := p.logged.String(); !strings.Contains(log, "panic of type runtime.") || !strings.Contains(log, "ref-1") {
		t.Errorf("the log does not say where: %.500s", log)
	}
	p.c.Work, p.handler = whole, handler
	calls["a call"]().want("ok")
	p.logged.Reset()
	must(t, p.c.Store.Close())
	for what, call := range calls {
		a := call()
		if code := a.code(); code != "internal" && code != "unavailable" {
			t.Errorf("%s without a database gave %s: %s", what, code, a.body)
		}
		a.hides("sql", "database", "closed", "sqlite")
	}
	if !strings.Contains(p.logged.String(), "closed") {
		t.Errorf("the log does not say why: %.500s", p.logged.String())
	}
	if strings.Contains(p.logged.String(), p.owner.token) || strings.Contains(p.logged.String(), p.owner.visit.Person.Email) {
		t.Error("the log has a secret or somebody's address")
	}
}

// TestNobodyIsKeptWaiting: who goes away in the middle leaves nothing half done and nothing running.
func TestNobodyIsKeptWaiting(t *testing.T) {
	p := newPlace(t, "acme")
	key := p.newTask()
	s := p.serve()
	files := taskflowv1connect.NewAttachmentServiceClient(&http.Client{Transport: carrier{p.owner.token, s.Client().Transport}}, s.URL+rpc.Prefix)
	ctx, cancel := context.WithCancel(t.Context())
	up, err := files.UploadAttachment(ctx)
	must(t, err)
	must(t, up.Send(&taskflowv1.UploadAttachmentRequest{Part: &taskflowv1.UploadAttachmentRequest_File{File: &taskflowv1.NewAttachment{TaskKey: key, Name: "notes.txt"}}}))
	must(t, up.Send(&taskflowv1.UploadAttachmentRequest{Part: &taskflowv1.UploadAttachmentRequest_Chunk{Chunk: []byte("half of it")}}))
	cancel()
	if _, err := up.CloseAndReceive(); err == nil {
		t.Error("an upload that was broken off gave no error")
	}
	s.Close() // waits for what runs
	d, err := p.c.Work.Task(t.Context(), p.owner.who(), key)
	must(t, err)
	if len(d.Files) != 0 {
		t.Errorf("kept were %v", d.Files)
	}
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("that somebody went away is no error: %.500s", p.logged.String())
	}
}
