package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	benchHost     = "bench.localhost"
	benchOwner    = "owner@bench.localhost"
	benchPassword = "measured-and-not-guessed-7"
	scratch       = "TMP" // the project that is written to, so that what is read stays as it is
)

// taskflow is a service of TaskFlow with one client that has data.
type taskflow struct {
	*process
	program, dir, config string
	project              string // that is read
	cookie, token        string // of the owner
	visitor              string // of a form of sign-in: its cookie and its token, escaped
	rpc                  bool   // whether the release has calls for programs
}

// settings are how a service is set up, beside what all have.
type settings struct {
	synchronous string   // of SQLite
	database    []string // flags of tenant create
	tasks       int
}

// buildTaskFlow builds the program of this repository.
func buildTaskFlow(ctx context.Context, app, dir string) (string, error) {
	program := filepath.Join(dir, "taskflow")
	_, err := output(ctx, app, "go", "build", "-ldflags", "-s -w -X main.version=bench", "-o", program, "./cmd/taskflow")
	return program, err
}

// newTaskFlow makes a service with a client and its data, and starts it.
func newTaskFlow(ctx context.Context, program, dir string, s settings) (*taskflow, error) {
	t := &taskflow{program: program, dir: dir, config: filepath.Join(dir, "taskflow.yaml")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := t.configure(); err != nil {
		return nil, err
	}
	made, err := t.command(ctx, append([]string{"tenant", "create", "bench", "--name", "Bench", "--host", benchHost, "--owner", benchOwner, "--output", "json"}, s.database...)...)
	if err != nil {
		return nil, err
	}
	var client struct{ OwnerLink string }
	if err := json.Unmarshal(made, &client); err != nil {
		return nil, err
	}
	if s.synchronous != "" {
		if err := t.edit(func(client map[string]any) { client["database"].(map[string]any)["synchronous"] = s.synchronous }); err != nil {
			return nil, err
		}
	}
	if _, err := t.command(ctx, "seed", "bench", "--people", "10", "--projects", "1", "--tasks", fmt.Sprint(s.tasks)); err != nil {
		return nil, err
	}
	if _, err := t.serve(ctx); err != nil {
		return nil, err
	}
	link, err := url.Parse(client.OwnerLink)
	if err == nil {
		err = t.settle(ctx, link.Path)
	}
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("set the service up: %w\n%s", err, tail(t.log))
	}
	return t, nil
}

// configure writes the configuration: as it comes, but without limits of how often one may ask, for only one asks.
func (t *taskflow) configure() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	rate := map[string]any{"requests": 10_000_000, "period": "1s"}
	text, err := json.Marshal(map[string]any{
		"listen": map[string]any{"addresses": []string{address}}, "rates": map[string]any{"client": rate, "user": rate, "address": rate, "login": rate},
		"tenants": map[string]any{"directory": filepath.Join(t.dir, "tenants"), "demo": false},
		"storage": map[string]any{"kind": "disk", "directory": filepath.Join(t.dir, "files")},
	})
	if err != nil {
		return err
	}
	t.process = &process{address: address, log: filepath.Join(t.dir, "log")}
	return os.WriteFile(t.config, text, 0o600)
}

func (t *taskflow) command(ctx context.Context, args ...string) ([]byte, error) {
	return output(ctx, t.dir, append(append([]string{t.program}, args...), "--config", t.config)...)
}

// edit changes the client's file.
func (t *taskflow) edit(change func(client map[string]any)) error {
	file := filepath.Join(t.folder("bench"), "tenant.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var record map[string]any
	if err := json.Unmarshal(text, &record); err != nil {
		return err
	}
	change(record["client"].(map[string]any))
	if text, err = json.Marshal(record); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func (t *taskflow) folder(client string) string {
	return filepath.Join(t.dir, "tenants", "tenants", client)
}

// serve starts the service and tells how long it took to be ready.
func (t *taskflow) serve(ctx context.Context) (time.Duration, error) {
	p, took, err := start(ctx, t.address, "/readyz", t.log, t.program, "serve", "--config", t.config)
	if err == nil {
		t.process = p
	}
	return took, err
}

var (
	formToken = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
	apiToken  = regexp.MustCompile(`tfp_[A-Za-z0-9_-]{43}`)
	aProject  = regexp.MustCompile(`href="/projects/([A-Z][A-Z0-9]*)"`)
)

// settle does what the owner does first: takes the invitation up, makes a project and a token, as people do it in a browser.
func (t *taskflow) settle(ctx context.Context, invitation string) error {
	_, page, err := t.do(ctx, http.MethodGet, "/sign-in", nil, nil, http.StatusOK)
	if err != nil {
		return err
	}
	found := formToken.FindStringSubmatch(page)
	if found == nil {
		return errors.New("there is no form on the page of sign-in")
	}
	t.visitor, t.cookie = t.cookie, ""
	signIn := url.Values{"csrf": {found[1]}, "email": {benchOwner}, "password": {benchPassword}}.Encode()
	submit := func(path, to string, form url.Values, status int) (string, error) {
		_, page, err := t.do(ctx, http.MethodGet, path, nil, nil, http.StatusOK)
		if err != nil {
			return "", err
		}
		found := formToken.FindStringSubmatch(page)
		if found == nil {
			return "", fmt.Errorf("there is no form on %s", path)
		}
		form.Set("csrf", found[1])
		_, page, err = t.do(ctx, http.MethodPost, to, strings.NewReader(form.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status)
		return page, err
	}
	if _, err := submit(invitation, invitation, url.Values{"name": {"Olivia Owner"}, "password": {benchPassword}, "password-again": {benchPassword}}, http.StatusSeeOther); err != nil {
		return err
	}
	t.visitor = t.visitor + "\n" + signIn
	if _, page, err = t.do(ctx, http.MethodGet, "/projects", nil, nil, http.StatusOK); err != nil {
		return err
	}
	if found = aProject.FindStringSubmatch(page); found == nil {
		return errors.New("there is no project")
	}
	t.project = found[1]
	if _, err := submit("/projects/new", "/projects", url.Values{"key": {scratch}, "name": {"Scratch"}, "visibility": {"everyone"}}, http.StatusSeeOther); err != nil {
		return err
	}
	page, err = submit("/me/tokens", "/me/tokens", url.Values{"name": {"bench"}, "scope": {"read", "write"}, "expires": {"30"}}, http.StatusOK)
	if err != nil {
		return err
	}
	if t.token = apiToken.FindString(page); t.token == "" {
		return errors.New("no token was made")
	}
	status, _, err := t.do(ctx, http.MethodPost, listPath, strings.NewReader("{}"), t.headers(), 0)
	t.rpc = status == http.StatusOK
	return err
}

// do asks once as a browser does, keeps the cookies, and wants this status; 0 for any.
func (t *taskflow) do(ctx context.Context, method, path string, body io.Reader, headers map[string]string, want int) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+t.address+path, body)
	if err != nil {
		return 0, "", err
	}
	r.Host = benchHost
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	if t.cookie != "" && headers["Authorization"] == "" {
		r.Header.Set("Cookie", t.cookie)
	}
	asking := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := asking.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", err
	}
	if want != 0 && answer.StatusCode != want {
		return 0, "", fmt.Errorf("%s %s: %s instead of %d\n%.2000s", method, path, answer.Status, want, text)
	}
	for _, one := range answer.Cookies() {
		if one.MaxAge >= 0 && one.Value != "" && one.Name != "flash" {
			t.cookie = strings.TrimPrefix(t.cookie+"; "+one.Name+"="+one.Value, "; ")
		}
	}
	return answer.StatusCode, string(text), nil
}

const (
	listPath   = "/rpc/taskflow.v1.TaskService/ListTasks"
	createPath = "/rpc/taskflow.v1.TaskService/CreateTask"
)

func (t *taskflow) headers() map[string]string {
	return map[string]string{"Authorization": "Bearer " + t.token, "Content-Type": "application/json"}
}

func (t *taskflow) list(int64) []byte {
	return raw(http.MethodPost, listPath, benchHost, t.headers(), fmt.Sprintf(`{"filter":{"projectKey":%q},"pageSize":100}`, t.project))
}

func (t *taskflow) write(n int64) []byte {
	return raw(http.MethodPost, createPath, benchHost, t.headers(), fmt.Sprintf(`{"projectKey":%q,"title":"Measured task %d","description":"Written under load.","priority":"normal"}`, scratch, n))
}

func (t *taskflow) board(int64) []byte {
	return raw(http.MethodGet, "/projects/"+t.project, benchHost, map[string]string{"Cookie": t.cookie}, "")
}

func (t *taskflow) login(int64) []byte {
	cookie, form, _ := strings.Cut(t.visitor, "\n")
	return raw(http.MethodPost, "/sign-in", benchHost, map[string]string{"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}, form)
}

// dataset is a client's tasks as TaskFlow lists them.
type dataset struct {
	Tasks []struct {
		ID, Key, Title, ProjectKey, StatusID, Status, Priority, Due string
		Version                                                     int
		Done                                                        bool
		Assignee                                                    *struct{ ID, Name string }
		Labels                                                      []struct {
			ID, Name string
			Hue      int
		}
	}
}

// data reads all tasks of the project, the one that was changed last at the end.
func (t *taskflow) data(ctx context.Context) (dataset, error) {
	var all dataset
	next := ""
	for {
		body, err := json.Marshal(map[string]any{"filter": map[string]any{"projectKey": t.project, "sort": "created"}, "pageSize": 200, "pageToken": next})
		if err != nil {
			return all, err
		}
		_, text, err := t.do(ctx, http.MethodPost, listPath, bytes.NewReader(body), t.headers(), http.StatusOK)
		if err != nil {
			return all, err
		}
		var page struct {
			dataset
			NextPageToken string
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			return all, err
		}
		all.Tasks = append(all.Tasks, page.Tasks...)
		if next = page.NextPageToken; next == "" {
			return all, nil
		}
	}
}
