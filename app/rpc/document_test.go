package rpc_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"connectrpc.com/connect"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/work"
)

var update = flag.Bool("update", false, "rewrite docs/taskflow-rpc.md")

const document = "../../docs/taskflow-rpc.md"

// said are the comments of the declarations, by the names of services and methods.
func said(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("proto/taskflow/v1/*.proto")
	must(t, err)
	declared := regexp.MustCompile(`^\s*(?:service|rpc) (\w+)`)
	all := map[string]string{}
	for _, name := range names {
		source, err := os.ReadFile(name)
		must(t, err)
		var comment []string
		for line := range strings.Lines(string(source)) {
			if words, is := strings.CutPrefix(strings.TrimSpace(line), "// "); is {
				comment = append(comment, words)
				continue
			}
			if m := declared.FindStringSubmatch(line); m != nil {
				all[m[1]] = strings.Join(comment, " ")
			}
			comment = nil
		}
	}
	return all
}

type method struct {
	rpc.Method
	Name, Words string
}

type service struct {
	Name, Words string
	Methods     []method
}

const exampleBody = `{"filter": {"projectKey": "OPS", "status": "open"}, "pageSize": 1}`

func written(t *testing.T) []byte {
	t.Helper()
	words := said(t)
	var services []*service
	about := func(name string) string {
		text, found := words[name]
		if !found || !strings.HasSuffix(text, ".") {
			t.Errorf("%s has no comment that ends: %q", name, text)
		}
		return strings.ReplaceAll(text, "|", `\|`)
	}
	for _, m := range methods(t) {
		path, name, _ := strings.Cut(m.Procedure[1:], "/")
		of := strings.TrimPrefix(path, "taskflow.v1.")
		if len(services) == 0 || services[len(services)-1].Name != of {
			services = append(services, &service{Name: of, Words: about(of)})
		}
		last := services[len(services)-1]
		last.Methods = append(last.Methods, method{m, name, strings.TrimPrefix(about(name), name+" ")})
	}
	o := rpc.Defaults()
	source, err := os.ReadFile("testdata/taskflow-rpc.md.tmpl")
	must(t, err)
	page, err := template.New("document").Option("missingkey=error").Parse(string(source))
	must(t, err)
	codes := []map[string]any{}
	for _, one := range []struct {
		kind fault.Kind
		when string
	}{
		{fault.Invalid, "the message breaks a rule: mend what `problems` names"},
		{fault.Unauthenticated, "there is no good token: make another"},
		{fault.Forbidden, "the token's scopes or the person's role do not allow it"},
		{fault.NotFound, "it is not there, or not to be seen"},
		{fault.Conflict, "somebody else was faster, it is there already, or its project is archived: read it again"},
		{fault.TooMany, "a limit: with `Retry-After`, come back then; without it, send less at once"},
		{fault.Unavailable, "something does not answer: try again in a moment"},
		{fault.Internal, "a mistake of the service's: ask for help with `requestId`"},
	} {
		codes = append(codes, coded(t, rpc.Code(one.kind), one.when))
	}
	codes = append(codes, coded(t, connect.CodeDeadlineExceeded, "it took too long, or the message did not come in whole"))
	var out bytes.Buffer
	must(t, page.Execute(&out, map[string]any{
		"Services": services, "Codes": codes, "MaxMessage": fmt.Sprintf("%d MiB", o.MaxMessage>>20), "MaxDepth": rpc.MaxDepth,
		"Time": fmt.Sprintf("%d seconds", int(o.Time.Seconds())), "Transfer": "an hour",
		"Curl": "curl https://acme.example.org/rpc/taskflow.v1.TaskService/ListTasks \\\n  --header 'Content-Type: application/json' --header \"Authorization: Bearer $TASKFLOW_TOKEN\" \\\n  --data '" + exampleBody + "'",
		"Answer": strings.TrimSpace(`
{"tasks":[{"id":"01938d3c-7a00-7a5e-8d43-0f1c5a3b2e10","key":"OPS-12","title":"Mend the lift","version":3,"projectKey":"OPS",
"statusId":"01938d3c-7a00-7c11-9b7e-2f7d6c1e4a58","status":"To do","priority":"high","due":"2026-12-24",
"createdAt":"2026-11-20T09:12:44.120Z","updatedAt":"2026-11-22T08:01:09.004512Z"}],"nextPageToken":"eyJz…"}`),
	}))
	return out.Bytes()
}

// coded is a row of the table of codes.
func coded(t *testing.T, code connect.Code, when string) map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	must(t, connect.NewErrorWriter().Write(w, r, connect.NewError(code, nil)))
	return map[string]any{"Code": code.String(), "HTTP": w.Code, "When": when}
}

// TestDocument: the page says what is declared.
func TestDocument(t *testing.T) {
	want := written(t)
	if *update {
		must(t, os.WriteFile(document, want, 0o644))
	}
	got, err := os.ReadFile(document)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("docs/taskflow-rpc.md is not what is declared: run go test ./rpc -run TestDocument -update and review it")
	}
	if text := string(got); strings.Contains(text, "<no value>") || !strings.Contains(text, exampleBody) {
		t.Error("the page is broken")
	}
	if o := rpc.Defaults(); o.Transfer.Hours() != 1 {
		t.Error("a transfer does not take an hour: mend the page")
	}
}

// TestTheDocumentsExample sends what the page says, and gets what it shows: the same fields.
func TestTheDocumentsExample(t *testing.T) {
	p := newPlace(t, "acme")
	owner := p.owner.who()
	_, err := p.c.Work.CreateProject(t.Context(), owner, work.ProjectEdit{Key: "OPS", Name: "Operations", Everyone: true})
	must(t, err)
	for range 2 {
		_, err := p.c.Work.CreateTask(t.Context(), owner, work.NewTask{Project: "OPS", Title: "Mend the lift", Priority: "high", Due: "2026-12-24"})
		must(t, err)
	}
	a := p.owner.task("ListTasks", exampleBody).want("ok")
	page, err := os.ReadFile(document)
	must(t, err)
	_, shown, found := strings.Cut(string(page), "```json\n")
	shown, _, _ = strings.Cut(shown, "\n```")
	var one, two struct {
		Tasks []map[string]any
		Next  string `json:"nextPageToken"`
	}
	must(t, json.Unmarshal(a.body, &one))
	must(t, json.Unmarshal([]byte(strings.ReplaceAll(shown, "\n", "")), &two))
	if !found || len(one.Tasks) != 1 || len(two.Tasks) != 1 || one.Next == "" || two.Next == "" || a.status != http.StatusOK {
		t.Fatalf("the answer is %s", a.body)
	}
	for name, value := range two.Tasks[0] {
		if got, there := one.Tasks[0][name]; !there || fmt.Sprintf("%T", got) != fmt.Sprintf("%T", value) {
			t.Errorf("the page shows %s as %v, and it is %v", name, value, got)
		}
	}
	if len(one.Tasks[0]) != len(two.Tasks[0]) {
		t.Errorf("the answer is %s", a.body)
	}
}
