package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schemarevision"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

func TestAReleaseServesWithANewerSchema_AV_6(t *testing.T) {
	const own = "20260601000000"
	step := func(version, description string, done, total int) store.Migration {
		return store.Migration{Version: version, Description: description, Done: done, Total: total}
	}
	base := []store.Migration{step("20260101000000", "expand_first", 1, 1), step(own, "expand_second", 1, 1)}
	for name, test := range map[string]struct {
		status store.Status
		serves bool
	}{
		"its own schema":                       {store.Status{Applied: base}, true},
		"nothing applied":                      {store.Status{Pending: base}, false},
		"a step to be applied":                 {store.Status{Applied: base[:1], Pending: base[1:]}, false},
		"a removal to be applied":              {store.Status{Applied: base, Pending: []store.Migration{step("20260701000000", "contract_drop_x_after_20260601000000", 0, 0)}}, true},
		"a newer release added":                {store.Status{Applied: base, Newer: []store.Migration{step("20260701000000", "expand_third", 1, 1)}}, true},
		"a newer release is adding":            {store.Status{Applied: base, Newer: []store.Migration{step("20260701000000", "expand_third", 1, 3)}}, true},
		"what it no longer reads was removed":  {store.Status{Applied: base, Newer: []store.Migration{step("20260701000000", "contract_drop_x_after_20260601000000", 1, 1)}}, true},
		"what it still reads was removed":      {store.Status{Applied: base, Newer: []store.Migration{step("20260801000000", "contract_drop_x_after_20260701000000", 1, 1)}}, false},
		"nobody knows what was done":           {store.Status{Applied: base, Newer: []store.Migration{step("20260801000000", "drop_everything", 1, 1)}}, false},
		"a removal that names no release":      {store.Status{Applied: base, Newer: []store.Migration{step("20260801000000", "contract_drop_x", 1, 1)}}, false},
		"it added, and then removed too early": {store.Status{Applied: base, Newer: []store.Migration{step("20260701000000", "expand_third", 1, 1), step("20260801000000", "contract_drop_x_after_20260701000000", 1, 1)}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.status.Compatible(); (err == nil) != test.serves {
				t.Errorf("serves: %v", err)
			}
		})
	}
}

func TestTheRunningReleaseSeesTheNewerStep_AV_6(t *testing.T) {
	eachEngine(t, func(t *testing.T, e storetest.Engine) {
		s := storetest.Reopen(t, e.Migrated(t))
		makeWorld(t, s)
		if err := s.MigrateFrom(t.Context(), clock, with(t, e, map[string]string{
			"29990101000000_expand_color.sql": "ALTER TABLE tasks ADD COLUMN color varchar(7) NULL;",
		})); err != nil {
			t.Fatal(err)
		}
		status, err := s.MigrationStatus(t.Context())
		if err != nil || len(status.Newer) != 1 || status.Compatible() != nil {
			t.Fatalf("status is %+v, %v, %v", status, err, status.Compatible())
		}
		if n := s.Client().Task.Query().Where(task.Number(1)).CountX(t.Context()); n != 0 {
			t.Errorf("%d tasks", n)
		}
		if err := s.Migrate(t.Context(), clock); err != nil {
			t.Errorf("the previous release, started again: %v", err)
		}
	})
}

func TestDataMigrationsGoOnWhereTheyStopped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		s := open(t)
		w := makeWorld(t, s)
		for n := range 25 {
			w.task(s.Client().Task, n+1).ExecX(t.Context())
		}
		interrupt := errors.New("the machine went away")
		batches, failAt := 0, 2
		change := store.DataMigration{Name: "fill_search", Batch: func(ctx context.Context, tx *ent.Tx, cursor string) (string, int, error) {
			batches++
			query := tx.Task.Query().Order(task.ByID()).Limit(10)
			if cursor != "" {
				query.Where(task.IDGT(uuid.MustParse(cursor)))
			}
			rows, err := query.All(ctx)
			if err != nil {
				return "", 0, err
			}
			for _, row := range rows {
				if err := row.Update().SetSearch(row.Search + "x").Exec(ctx); err != nil {
					return "", 0, err
				}
			}
			if batches == failAt {
				return "", 0, interrupt
			}
			if len(rows) < 10 {
				return "", len(rows), nil
			}
			return rows[len(rows)-1].ID.String(), len(rows), nil
		}}
		if err := s.RunData(t.Context(), clock, change); !errors.Is(err, interrupt) {
			t.Fatalf("error is %v", err)
		}
		for range 2 {
			if err := s.RunData(t.Context(), clock, change); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.Client().Task.Query().Where(task.Search("x")).CountX(t.Context()); n != 25 {
			t.Errorf("%d tasks were changed once; want 25", n)
		}
		record := s.Client().DataMigration.GetX(t.Context(), "fill_search")
		if record.Changed != 25 || record.FinishedAt == nil || batches != 4 {
			t.Errorf("record is %+v after %d batches", record, batches)
		}
	})
}

// The files are written on MariaDB and must run on MySQL, which is not there to try.
func TestMySQLsMigrationsUseNothingOfMariaDBsOwn(t *testing.T) {
	files, err := fs.Glob(os.DirFS("migrations/mysql"), "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	foreign := regexp.MustCompile("(?i)` (uuid|inet4|inet6)\\b|text [^,]*DEFAULT '|(json|blob) [^,]*DEFAULT '|RETURNING|SEQUENCE|json_valid")
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join("migrations/mysql", name))
		if err != nil {
			t.Fatal(err)
		}
		if found := foreign.FindAllString(string(text), -1); len(found) > 0 {
			t.Errorf("%s has %q", name, found)
		}
	}
}

func TestStepsAreNamedAlikeOnAllEngines(t *testing.T) {
	names := map[string][]string{}
	form := regexp.MustCompile(`^[0-9]{14}_(expand_[a-z0-9_]+|contract_[a-z0-9_]+_after_[0-9]{14})\.sql$`)
	for _, e := range storetest.Engines() {
		dir, err := store.Steps(e.Kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := migrate.Validate(dir); err != nil {
			t.Errorf("%s: %v: a file was changed by hand", e.Name, err)
		}
		files, err := dir.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !form.MatchString(file.Name()) {
				t.Errorf("%s is no step's name", file.Name())
			}
			names[file.Name()] = append(names[file.Name()], e.Name)
		}
	}
	if len(names) == 0 {
		t.Error("there are no steps")
	}
}

var dump = flag.Bool("dump", false, "write dumps of the newest schema, on all engines, which must all be there")

type expectation struct {
	Rows   map[string]int `json:"rows"`
	Title  string         `json:"title"`
	DoneAt time.Time      `json:"doneAt"`
}

func newest(t *testing.T) string {
	t.Helper()
	dir, err := store.Steps(store.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	return files[len(files)-1].Version()
}

// Every release leaves a dump of its schema behind:
//
//	go test ./store -run TestDumpsOfEverySchema -dump
func TestDumpsOfEverySchemaAreMigrated(t *testing.T) {
	if *dump {
		eachEngine(t, func(t *testing.T, e storetest.Engine) {
			o := e.Migrated(t)
			s, err := store.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			fill(t, s)
			rows, err := counts(t.Context(), s.Client())
			if err != nil {
				t.Fatal(err)
			}
			one := s.Client().Task.Query().Where(task.Number(1)).OnlyX(t.Context())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join("testdata", newest(t))
			e.Dump(t, o, filepath.Join(folder, string(e.Kind)+".gz"))
			text, err := json.MarshalIndent(expectation{rows, one.Title, *one.DoneAt}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "expected.json"), append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
	folders, err := filepath.Glob("testdata/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(folders, filepath.Join("testdata", newest(t))) {
		t.Errorf("there is no dump of schema %s: go test ./store -run %s -dump", newest(t), t.Name())
	}
	for _, folder := range folders {
		var expected expectation
		text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &expected); err != nil {
			t.Fatal(err)
		}
		eachEngine(t, func(t *testing.T, e storetest.Engine) {
			o := e.Load(t, filepath.Join(folder, string(e.Kind)+".gz"))
			s := storetest.Reopen(t, o)
			if err := s.Migrate(t.Context(), clock); err != nil {
				t.Fatal(err)
			}
			wantServes(t, s)
			wantSameSchema(t, e, o)
			rows, err := counts(t.Context(), s.Client())
			if err != nil {
				t.Fatal(err)
			}
			for table, n := range expected.Rows {
				if got, there := rows[table]; there && got != n {
					t.Errorf("%s has %d rows; want %d", table, got, n)
				}
			}
			one := s.Client().Task.Query().Where(task.Number(1)).WithLabels().WithComments().OnlyX(t.Context())
			if one.Title != expected.Title || !one.DoneAt.Equal(expected.DoneAt) || len(one.Edges.Labels) != 1 || len(one.Edges.Comments) != 1 {
				t.Errorf("a task of then is %+v", one)
			}
			one.Update().SetTitle("changed now").AddVersion(1).ExecX(t.Context())
			if n := s.Client().SchemaRevision.Query().Where(schemarevision.ErrorNEQ("")).CountX(t.Context()); n != 0 {
				t.Errorf("%d steps failed", n)
			}
		})
	}
}
