package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// pocketbaseServer is the yardstick: PocketBase with TaskFlow's tasks in collections, served by a process of its own.
type pocketbaseServer struct {
	*process
	facts pocketbaseFacts
}

// pocketbaseFacts are what a load has to know, written by the process that serves.
type pocketbaseFacts struct {
	Token, Project, Scratch, State string
}

// startPocketBase fills PocketBase with data and serves it.
func startPocketBase(ctx context.Context, dir string, data dataset) (*pocketbaseServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "dataset.json"), text, 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, _, err := start(ctx, address, "/api/health", filepath.Join(dir, "log"), self, "pocketbase", dir, address)
	if err != nil {
		return nil, err
	}
	s := &pocketbaseServer{process: p}
	if text, err = os.ReadFile(filepath.Join(dir, "facts.json")); err == nil {
		err = json.Unmarshal(text, &s.facts)
	}
	return s, err
}

func (s *pocketbaseServer) headers() map[string]string {
	return map[string]string{"Authorization": s.facts.Token, "Content-Type": "application/json"}
}

// list asks for what TaskFlow's list has: the same tasks in the same order with the same fields, and no count of them all.
func (s *pocketbaseServer) list(int64) []byte {
	query := url.Values{
		"perPage": {"100"}, "skipTotal": {"1"}, "sort": {"-updated,-id"}, "filter": {"project='" + s.facts.Project + "'"}, "expand": {"project,state,assignee,labels"},
		"fields": {"id,key,title,version,state,priority,due,created,updated,expand.project.key,expand.state.name,expand.state.done,expand.assignee.id,expand.assignee.name,expand.labels.id,expand.labels.name,expand.labels.hue"},
	}
	return raw(http.MethodGet, "/api/collections/tasks/records?"+query.Encode(), s.address, s.headers(), "")
}

func (s *pocketbaseServer) write(n int64) []byte {
	body := fmt.Sprintf(`{"project":%q,"key":"TMP-%d","title":"Measured task %d","description":"Written under load.","state":%q,"priority":"normal","version":1}`,
		s.facts.Scratch, n, n, s.facts.State)
	return raw(http.MethodPost, "/api/collections/tasks/records?fields=id,key,version", s.address, s.headers(), body)
}

// pocketbaseVersion is the one that this program is built with.
func pocketbaseVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/pocketbase/pocketbase" {
				return dep.Version
			}
		}
	}
	return "unknown"
}

// servePocketBase is the process: PocketBase as it comes, with collections made by this program.
func servePocketBase(dir, address string) error {
	text, err := os.ReadFile(filepath.Join(dir, "dataset.json"))
	if err != nil {
		return err
	}
	var data dataset
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	app := pocketbase.NewWithConfig(pocketbase.Config{HideStartBanner: true, DefaultDataDir: filepath.Join(dir, "data")})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	if err := app.RunAllMigrations(); err != nil {
		return err
	}
	facts, err := fillPocketBase(app, data)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(facts); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "facts.json"), text, 0o600); err != nil {
		return err
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.InstallerFunc = nil // it would print how to make the first administrator
		return e.Next()
	})
	if err := apis.Serve(app, apis.ServeConfig{HttpAddr: address}); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func fillPocketBase(app core.App, data dataset) (facts pocketbaseFacts, err error) {
	signedIn := `@request.auth.id != ""`
	collection := func(name string, fields ...core.Field) (*core.Collection, error) {
		c := core.NewBaseCollection(name)
		c.Fields.Add(fields...)
		c.ListRule, c.ViewRule, c.CreateRule = &signedIn, &signedIn, &signedIn
		return c, app.Save(c)
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return facts, err
	}
	users.ListRule, users.ViewRule = &signedIn, &signedIn // or nobody could be expanded
	projects, err1 := collection("projects", &core.TextField{Name: "key"}, &core.TextField{Name: "name"})
	states, err2 := collection("states", &core.TextField{Name: "name"}, &core.BoolField{Name: "done"})
	labels, err3 := collection("labels", &core.TextField{Name: "name"}, &core.NumberField{Name: "hue"})
	if err := errors.Join(app.Save(users), err1, err2, err3); err != nil {
		return facts, err
	}
	made := core.NewBaseCollection("tasks")
	made.ListRule, made.ViewRule, made.CreateRule = &signedIn, &signedIn, &signedIn
	made.Fields.Add(
		&core.RelationField{Name: "project", CollectionId: projects.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "state", CollectionId: states.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "assignee", CollectionId: users.Id, MaxSelect: 1},
		&core.RelationField{Name: "labels", CollectionId: labels.Id, MaxSelect: 20},
		&core.TextField{Name: "key", Required: true}, &core.TextField{Name: "title", Required: true, Max: 200}, &core.TextField{Name: "description", Max: 65536},
		&core.SelectField{Name: "priority", Values: []string{"low", "normal", "high", "urgent"}, MaxSelect: 1},
		&core.TextField{Name: "due"}, &core.NumberField{Name: "version"},
		&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	made.AddIndex("tasks_of_a_project", false, "project, updated", "")
	if err := app.Save(made); err != nil {
		return facts, err
	}
	err = app.RunInTransaction(func(tx core.App) error {
		ids := map[string]string{}
		save := func(c *core.Collection, id string, values map[string]any) (string, error) {
			if known := ids[c.Name+id]; known != "" {
				return known, nil
			}
			r := core.NewRecord(c)
			r.Load(values)
			if c.IsAuth() {
				r.SetEmail(strings.ToLower(id) + "@bench.localhost")
				r.SetRandomPassword()
			}
			if err := tx.Save(r); err != nil {
				return "", fmt.Errorf("%s %v: %w", c.Name, values, err)
			}
			ids[c.Name+id] = r.Id
			if c.IsAuth() && facts.Token == "" {
				if facts.Token, err = r.NewAuthToken(); err != nil {
					return "", err
				}
			}
			return r.Id, nil
		}
		var err error
		if facts.Scratch, err = save(projects, "TMP", map[string]any{"key": "TMP", "name": "Scratch"}); err != nil {
			return err
		}
		for _, t := range data.Tasks {
			values := map[string]any{"key": t.Key, "title": t.Title, "priority": t.Priority, "due": t.Due, "version": t.Version}
			if facts.Project, err = save(projects, t.ProjectKey, map[string]any{"key": t.ProjectKey, "name": t.ProjectKey}); err != nil {
				return err
			}
			if facts.State, err = save(states, t.StatusID, map[string]any{"name": t.Status, "done": t.Done}); err != nil {
				return err
			}
			values["project"], values["state"] = facts.Project, facts.State
			if t.Assignee != nil {
				if values["assignee"], err = save(users, t.Assignee.ID, map[string]any{"name": t.Assignee.Name}); err != nil {
					return err
				}
			}
			var some []string
			for _, l := range t.Labels {
				id, err := save(labels, l.ID, map[string]any{"name": l.Name, "hue": l.Hue})
				if err != nil {
					return err
				}
				some = append(some, id)
			}
			values["labels"] = some
			if _, err := save(made, t.ID, values); err != nil {
				return err
			}
		}
		return nil
	})
	return facts, err
}
