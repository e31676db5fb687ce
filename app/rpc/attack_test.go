package rpc_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/work"
)

// TestUndeclaredNamesAreRefused_AS_3: unknown services and methods, private and Go's own names, other spellings, other protocols' reflection
// and odd paths all get the one plain answer that tells nothing, whoever asks.
func TestUndeclaredNamesAreRefused_AS_3(t *testing.T) {
	p := newPlace(t, "acme")
	before := p.changes()
	const task = "/taskflow.v1.TaskService/"
	for _, path := range []string{
		"/", "", "/taskflow.v1.TaskService", "/taskflow.v1.TaskService/", task + "Unknown", task + "listTasks", task + "LISTTASKS", task + "list_tasks", task + "ListTasks/", task + "ListTasks/x",
		"//taskflow.v1.TaskService/ListTasks", task + "/ListTasks", task + "../TaskService/ListTasks", task + "./ListTasks", "/../rpc" + task + "ListTasks", task + "%4CistTasks", task + "ListTasks%00", task + "ListTasks%20",
		"/taskflow.v1.TaskService%2FListTasks", "/taskflow%2Ev1.TaskService/ListTasks", task + "List%54asks", task + "ListTasks;x=y", task + "ListTasks.json",
		"/taskflow.v1.taskservice/ListTasks", "/taskflow.v2.TaskService/ListTasks", "/TaskService/ListTasks", "/v1.TaskService/ListTasks", "/taskflow.v1.Tasks/List", "/taskflow/v1/TaskService/ListTasks",
		"/taskflow.v1.calls/ListTasks", task + "taskOf", task + "step", task + "to", task + "ServeHTTP", task + "WrapUnary", task + "report", task + "refused", task + "ListTokens",
		task + "ListProjects", "/taskflow.v1.ProjectService/ListTasks", // declared elsewhere
		"/taskflow.v1.AccountService/NewToken", "/taskflow.v1.PeopleService/ChangeRole", "/taskflow.v1.ProjectService/DeleteProject", "/taskflow.v1.AuditService/Append", "/taskflow.v1.AuditService/Record",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/grpc.health.v1.Health/Check",
		"/taskflow.v1.Failure", "/google.protobuf.Empty", "/debug/pprof/", "/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", `/..\..\x`,
	} {
		seen := map[string]bool{}
		for _, b := range []*program{p.owner, {place: p}} {
			for _, method := range []string{"POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
				r := b.request("/x", `{}`)
				r.Method = method
				r.URL.Path, r.URL.RawPath = rpc.Prefix+path, ""
				if strings.Contains(path, "%") { // as net/http reads it
					u, err := r.URL.Parse("http://acme.example.org" + rpc.Prefix + path)
					if err != nil {
						continue
					}
					r.URL = u
				}
				a := p.send(r)
				if a.status != http.StatusNotFound {
					t.Errorf("%s %s gave %d: %s", method, path, a.status, a.body)
				}
				walls(a)
				seen[string(a.body)] = true
			}
		}
		if len(seen) != 1 || !seen["404 page not found\n"] {
			t.Errorf("%s is answered with %v", path, seen)
		}
	}
	if p.changes() != before {
		t.Error("something changed")
	}
	if log := p.logged.String(); strings.Contains(log, "Unknown") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the log repeats what was asked: %.500s", log)
	}
}

// TestOnlyPostIsACall: a GET, of which a browser makes many by itself, calls nothing, nor does what a header says it should have been.
func TestOnlyPostIsACall(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	for _, m := range methods(t) {
		body := p.fill(known[m.Procedure], p.owner)
		before := p.changes()
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post"} {
			r := p.owner.request(m.Procedure, body)
			r.Method = method
			r.Header.Set("X-HTTP-Method-Override", "POST")
			r.URL.RawQuery = "connect=v1&encoding=json&message=" + "%7B%7D"
			a := p.send(r)
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
				t.Errorf("%s %s gave %d", method, m.Procedure, a.status)
			}
		}
		if p.changes() != before {
			t.Errorf("%s: something changed", m.Procedure)
		}
	}
}

// TestOnlyDeclaredEncodingsAreRead: other content types, other protocols, other character sets, and what is compressed.
func TestOnlyDeclaredEncodingsAreRead(t *testing.T) {
	p := newPlace(t, "acme")
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 64<<20))
	must(t, z.Close())
	for _, m := range methods(t) {
		for _, kind := range []string{"", "text/plain", "text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "application/json-patch+json", "application/jsonx",
			"application/grpc", "application/grpc+proto", "application/grpc+json", "application/grpc-web+proto", "application/grpc-web-text", "application/connect+xml", "application/json; charset=utf-16",
			"application/json; charset=utf-7", "application/json, text/html", "application/protobuf", "*/*", "application/"} {
			r := p.owner.request(m.Procedure, `{}`)
			r.Header.Set("Content-Type", kind)
			if a := p.send(r); a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s with content of type %q gave %d %s", m.Procedure, kind, a.status, a.body)
			}
		}
		for _, encoding := range []string{"gzip", "br", "zstd", "deflate", "gzip, gzip", "x"} {
			r := p.owner.request(m.Procedure, bomb.String())
			r.Header.Set("Content-Encoding", encoding)
			if m.Streams {
				r.Header.Set("Content-Type", "application/connect+json")
			}
			if a := p.send(r); a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s with content that is %s gave %d %s", m.Procedure, encoding, a.status, a.body)
			}
		}
		if !m.Streams {
			continue
		}
		// A stream says by a header and a flag that its messages are compressed.
		r := p.owner.request(m.Procedure, "\x01"+frame(bomb.String())[1:])
		r.Header.Set("Content-Type", "application/connect+json")
		r.Header.Set("Connect-Content-Encoding", "gzip")
		p.send(r).want("unimplemented")
		r = p.owner.request(m.Procedure, "\x01"+frame(bomb.String())[1:])
		r.Header.Set("Content-Type", "application/connect+json")
		if code := p.send(r).code(); code == "ok" || code == "internal" && m.Procedure == "" {
			t.Errorf("%s took a message that was compressed without saying how: %s", m.Procedure, code)
		}
	}
	r := p.owner.request("/taskflow.v1.AccountService/GetAccount", `{}`)
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	p.send(r).want("ok")
	r.Header.Add("Content-Type", "text/html")
	if a := p.send(r); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("two content types gave %d", a.status)
	}
}

// TestMessagesThatAreNone: what is nested deep, large, half, twice, not declared, no text or no JSON at all is refused, and says why.
func TestMessagesThatAreNone(t *testing.T) {
	p := newPlace(t, "acme")
	project := p.project()
	before := p.changes()
	deep := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	for what, body := range map[string]string{
		"deep lists": `{"labelIds":` + deep("[", "]", 100_000) + `}`, "deep objects": deep(`{"filter":`, "}", 50_000), "deep and open": strings.Repeat("[", 500_000), "deep in what is not declared": `{"x":` + deep("[", "]", 17) + `}`,
		"empty": "", "half": `{"title":"x"`, "words": "title=x", "a list": `[{}]`, "a number": `1`, "nothing": `null`, "two": `{}{}`, "after it": `{} x`, "a comment": `{/**/}`, "a comma": `{"title":"x",}`,
		"not declared": `{"project_key":"` + project + `","titel":"x"}`, "a field twice": `{"title":"a","title":"b"}`, "a field under both names": `{"projectKey":"A1","project_key":"B2"}`, "a number as text": `{"title":5}`,
		"a list as text": `{"title":["x"]}`, "an object as text": `{"title":{"$ne":""}}`, "text as a list": `{"labelIds":"x"}`, "no text": "{\"title\":\"\xff\xfe\"}", "half a character": `{"title":"\ud800"}`, "a private field": `{"sizeCache":1}`,
		"an extension": `{"[taskflow.v1.scope]":"admin"}`, "a type": `{"@type":"type.googleapis.com/taskflow.v1.Failure"}`, "a prototype": `{"__proto__":{"x":1}}`, "a zero byte": `{"project_key":"` + project + `","title":"a\u0000b"}`,
		"a zero byte in an id": `{"project_key":"` + project + `","title":"x","label_ids":["a\u0000"]}`,
	} {
		a := p.owner.task("CreateTask", body).want("invalid_argument")
		if len(a.text("message")) < 10 || strings.Contains(a.text("message"), "taskflowv1") || !utf8.Valid(a.body) {
			t.Errorf("%s is told as %s", what, a.body)
		}
	}
	large := `{"project_key":"` + project + `","title":"x","description":"` + strings.Repeat("x", 2<<20) + `"}`
	p.owner.task("CreateTask", large).want("resource_exhausted")
	r := p.owner.request("/taskflow.v1.TaskService/CreateTask", large)
	r.ContentLength = -1 // it does not say how long it is
	p.send(r).want("resource_exhausted")
	p.owner.task("CreateTask", `{"project_key":"`+project+`","title":"x","description":"`+strings.Repeat("x", 65<<10)+`"}`).want("invalid_argument")
	p.owner.task("CreateTask", `{"project_key":"`+project+`","title":"x","label_ids":[`+strings.Repeat(`"01938d3c-7a00-7000-8000-000000000000",`, 20_000)+`"01938d3c-7a00-7000-8000-000000000000"]}`).want("invalid_argument")
	for what, body := range map[string]string{"no protobuf": "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "half": "\x0a\x7fx", "no text": "\x12\x02\xff\xfe", "deep groups": strings.Repeat("\x7b", 100_000)} {
		r := p.owner.request("/taskflow.v1.TaskService/CreateTask", body)
		r.Header.Set("Content-Type", "application/proto")
		if a := p.send(r).want("invalid_argument"); strings.Contains(string(a.body), "taskflowv1") {
			t.Errorf("%s is told as %s", what, a.body)
		}
	}
	for _, body := range []string{"", "\x00", "\x00\x00\x00\x00\x05{}", "\x00\xff\xff\xff\xff{}", "\x02" + frame("{}")[1:], "\x80" + frame("{}")[1:], frame("{"), frame(`{"chunk":"eA=="}`), frame(`{"file":{"taskKey":"X-1"}}`) + "\x00\x00",
		frame(`{"file":` + deep("[", "]", 10_000) + `}`), frame(`{"chunk":"` + strings.Repeat("eHh4", 1<<19) + `"}`)} {
		r := p.owner.request("/taskflow.v1.AttachmentService/UploadAttachment", body)
		r.Header.Set("Content-Type", "application/connect+json")
		if a := p.send(r); a.code() == "ok" || a.code() == "internal" || a.code() == "broken" {
			t.Errorf("an upload of %.40q gave %s: %s", body, a.code(), a.body)
		}
	}
	if p.changes() != before {
		t.Error("something changed")
	}
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("something failed: %.2000s", p.logged.String())
	}
}

// TestEmptyMessagesChangeNothing: what is left out is never taken for everything, nor for a failure of the service's own.
func TestEmptyMessagesChangeNothing(t *testing.T) {
	p := newPlace(t, "acme")
	p.newTask()
	before := p.changes()
	for _, m := range methods(t) {
		for _, body := range []string{`{}`, `{"id":"","key":"","taskKey":"","name":"","title":"","email":""}`, `{"id":"00000000-0000-0000-0000-000000000000"}`} {
			if a := p.owner.ask(m, body); a.code() == "internal" || a.code() == "unavailable" || a.code() == "broken" {
				t.Errorf("%s with %s gave %d: %s", m.Procedure, body, a.status, a.body)
			}
		}
	}
	if p.changes() != before {
		t.Errorf("something changed: %v", p.entries()[0])
	}
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("something failed: %.2000s", p.logged.String())
	}
}

// payloads are what somebody writes where words belong: markup, statements for a database, templates, paths and the like. Each carries the
// word pwn, by which it is found.
func payloads() []string {
	return []string{
		`<script>pwn(1)</script>`, `"><img src=x onerror=pwn(1)>`, `javascript:pwn(1)`, `</script><svg/onload=pwn(1)>`, `[pwn](javascript:pwn(1))`,
		`pwn' OR '1'='1`, `pwn'; DROP TABLE tasks; --`, `pwn" OR 1=1 --`, `pwn' UNION SELECT hash FROM api_tokens --`, `pwn%' ESCAPE '\`, `pwn\'; --`, `pwn$1`, `pwn?`, "pwn`;", `pwn{"$gt":""}`,
		`{{pwn}}`, `${pwn}`, `../../pwn`, `pwn%00`, "pwn\r\nSet-Cookie: pwn=1", `%pwn%_`, "=pwn()", "\u202epwn", strings.Repeat("pwn ", 5000),
	}
}

// messageOf is an empty message that a method takes.
func messageOf(t testing.TB, m rpc.Method) proto.Message {
	t.Helper()
	service, name, _ := strings.Cut(strings.TrimPrefix(m.Procedure, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	must(t, err)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.(protoreflect.MethodDescriptor).Input().FullName())
	must(t, err)
	return kind.New().Interface()
}

// strung calls for every text of a message, those in lists and messages of it included; set puts another in its place.
func strung(m protoreflect.Message, path string, do func(path string, set func(string))) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		at := path + string(f.Name())
		switch {
		case f.IsList() && f.Kind() == protoreflect.StringKind:
			do(at, func(s string) {
				l := m.NewField(f).List()
				l.Append(protoreflect.ValueOfString(s))
				m.Set(f, protoreflect.ValueOfList(l))
			})
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			l := m.Mutable(f).List()
			if l.Len() == 0 {
				l.AppendMutable()
			}
			strung(l.Get(0).Message(), at+"[0].", do)
		case f.Kind() == protoreflect.StringKind:
			do(at, func(s string) { m.Set(f, protoreflect.ValueOfString(s)) })
		case f.Kind() == protoreflect.MessageKind && f.Message().ParentFile().Package() == "taskflow.v1":
			strung(m.Mutable(f).Message(), at+".", do)
		}
	}
}

// TestWhatIsWrittenComesBackAsData (AS-1, AS-2): hostile texts through every text field of every method. None is a failure of the service's
// own, none changes what anything else says, and what is kept comes back as the same text in JSON that no browser takes for a page.
func TestWhatIsWrittenComesBackAsData(t *testing.T) {
	p, known := newPlace(t, "acme"), entries(t)
	witness := p.newTask()
	tried := 0
	for _, m := range methods(t) {
		e := known[m.Procedure]
		var names []string
		strung(messageOf(t, m).ProtoReflect(), "", func(path string, _ func(string)) { names = append(names, path) })
		for _, name := range names {
			right := p.fill(e, p.owner)
			for _, payload := range payloads() {
				message := messageOf(t, m)
				must(t, protojson.Unmarshal([]byte(right), message))
				strung(message.ProtoReflect(), "", func(path string, set func(string)) {
					if path == name {
						set(payload)
					}
				})
				body, err := protojson.Marshal(message)
				must(t, err)
				a := p.owner.ask(m, string(body))
				tried++
				walls(a)
				switch code := a.code(); code {
				case "ok", "invalid_argument", "not_found", "aborted", "resource_exhausted":
				default:
					t.Errorf("%s with %.60q as %s gave %d %s: %.300s", m.Procedure, payload, name, a.status, code, a.body)
				}
				if !m.Streams && !json.Valid(a.body) {
					t.Errorf("%s with %.60q as %s gave no JSON: %.300s", m.Procedure, payload, name, a.body)
				}
				for header, values := range a.header {
					if strings.Contains(strings.Join(values, ""), "pwn") {
						t.Errorf("%s: the header %s says %q", m.Procedure, header, values)
					}
				}
			}
		}
	}
	t.Logf("%d calls", tried)
	if strings.Contains(p.logged.String(), "level=ERROR") {
		t.Errorf("something failed: %.3000s", p.logged.String())
	}
	a := p.owner.task("GetTask", `{"key":"`+witness+`"}`).want("ok")
	if a.text("task", "title") != "A task of acme" || a.text("description") != "What **acme** knows" {
		t.Errorf("another task says %s", a.body)
	}
	report, err := p.c.Audit.Verify(t.Context())
	must(t, err)
	if !report.OK() {
		t.Errorf("the log is not whole any more: %v", report)
	}
	for _, payload := range payloads() {
		if strings.ContainsAny(payload, "\r\n") || len(payload) > 200 {
			continue
		}
		made := p.owner.task("CreateTask", jsonOf(t, map[string]any{"projectKey": p.project(), "title": payload, "description": payload})).want("ok")
		key := made.text("task", "key")
		p.owner.call("/taskflow.v1.CommentService/CreateComment", jsonOf(t, map[string]any{"taskKey": key, "body": payload})).want("ok")
		got := p.owner.task("GetTask", jsonOf(t, map[string]any{"key": key}))
		comments := p.owner.call("/taskflow.v1.CommentService/ListComments", jsonOf(t, map[string]any{"taskKey": key}))
		for _, text := range []string{got.text("task", "title"), got.text("description"), comments.text("comments", 0, "body")} {
			if text != strings.TrimSpace(payload) {
				t.Errorf("%q came back as %q", payload, text)
			}
		}
		found := p.owner.call("/taskflow.v1.SearchService/Search", jsonOf(t, map[string]any{"text": payload})).want("ok")
		if strings.Contains(payload, "pwn%' ESCAPE") && found.value("tasks") == nil {
			t.Errorf("what was written is not found by its own words: %s", found.body)
		}
	}
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	return string(data)
}

// TestPlacesOfPagesAreChecked: the marks of pages come from the outside again; none of them leads to an error of the service's own.
func TestPlacesOfPagesAreChecked(t *testing.T) {
	p := newPlace(t, "acme")
	b := p.join(actor.Administrator)
	p.newTask()
	for _, method := range []string{"TaskService/ListTasks", "ActivityService/ListActivity", "NotificationService/ListNotifications", "PeopleService/ListPeople", "AuditService/ListEntries"} {
		for _, token := range []string{"x", "-1", "0", "99999999999999999999", "eyJzIjoidGl0bGUifQ", "AAAA", strings.Repeat("_", 32), "1e3", "' OR 1=1"} {
			b.call("/taskflow.v1."+method, jsonOf(t, map[string]any{"pageToken": token})).want("invalid_argument")
		}
		for _, size := range []int{-2147483648, -1, 0, 2147483647} {
			b.call("/taskflow.v1."+method, jsonOf(t, map[string]any{"pageSize": size})).want("ok")
		}
	}
	key := p.project()
	for range 5 {
		_, err := p.c.Work.CreateTask(t.Context(), p.owner.who(), work.NewTask{Project: key, Title: "One"})
		must(t, err)
	}
	seen, token := map[string]bool{}, ""
	for range 10 {
		a := b.task("ListTasks", jsonOf(t, map[string]any{"filter": map[string]any{"projectKey": key, "sort": "due"}, "pageSize": 2, "pageToken": token})).want("ok")
		all, _ := a.value("tasks").([]any)
		for i := range all {
			seen[a.text("tasks", i, "key")] = true
		}
		if token = a.text("nextPageToken"); token == "" {
			break
		}
	}
	if len(seen) != 5 || token != "" {
		t.Errorf("page by page there are %d tasks, want 5", len(seen))
	}
}
