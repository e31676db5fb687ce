package store_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/schemarevision"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

func clock() time.Time { return now }

func sqliteStore(t *testing.T) *store.Store { return storetest.SQLite(t) }

func eachEngine(t *testing.T, do func(t *testing.T, e storetest.Engine)) {
	t.Helper()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) { e.Need(t); do(t, e) })
	}
}

func wantServes(t *testing.T, s *store.Store) {
	t.Helper()
	status, err := s.MigrationStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := status.Compatible(); err != nil || len(status.Pending) != 0 || len(status.Applied) == 0 {
		t.Fatalf("status is %+v: %v", status, err)
	}
}

// wantSameSchema compares with a database that was migrated in one go.
func wantSameSchema(t *testing.T, e storetest.Engine, o store.Options) {
	t.Helper()
	if differences := store.Differences(t, e.Migrated(t), o); len(differences) > 0 {
		t.Errorf("the schema differs: %v", differences)
	}
}

func TestAnEmptyDatabaseIsMigratedOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e storetest.Engine) {
		s := storetest.Reopen(t, e.Empty(t))
		status, err := s.MigrationStatus(t.Context())
		if err != nil || len(status.Applied) != 0 || len(status.Pending) == 0 {
			t.Fatalf("at first: %+v, %v", status, err)
		}
		wantKind(t, status.Compatible(), fault.Unavailable)
		for range 2 {
			if err := s.Migrate(t.Context(), clock); err != nil {
				t.Fatal(err)
			}
			wantServes(t, s)
		}
		fill(t, s)
	})
}

func TestClientsAreMigratedSideBySide(t *testing.T) {
	e := storetest.Engines()[0]
	var wait sync.WaitGroup
	for range 6 {
		s := storetest.Reopen(t, e.Empty(t))
		wait.Go(func() {
			if err := s.Migrate(t.Context(), clock); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestMachinesMigrateOneAfterTheOther(t *testing.T) {
	eachEngine(t, func(t *testing.T, e storetest.Engine) {
		o := e.Empty(t)
		var wait sync.WaitGroup
		for range 4 {
			s := storetest.Reopen(t, o)
			wait.Go(func() {
				if err := s.Migrate(t.Context(), clock); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		wantServes(t, storetest.Reopen(t, o))
		wantSameSchema(t, e, o)
	})
}

// The child of tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv("TASKFLOW_TEST_MIGRATE") == "" {
		os.Exit(m.Run())
	}
	var o store.Options
	var plain struct{ Engine, Path, Host, Name, User string }
	if err := json.Unmarshal([]byte(os.Getenv("TASKFLOW_TEST_MIGRATE")), &plain); err != nil {
		panic(err)
	}
	o = store.Options{Engine: store.Engine(plain.Engine), Path: plain.Path, Host: plain.Host, Name: plain.Name, User: plain.User, TLS: store.Off}
	s, err := store.Open(context.Background(), o)
	if err == nil {
		fmt.Println("ready")
		if os.Getenv("TASKFLOW_TEST_WRITE") != "" {
			err = writeForEver(s)
		} else {
			err = s.Migrate(context.Background(), clock)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// childOf prepares a process that opens the database.
func childOf(t *testing.T, o store.Options, environ ...string) *exec.Cmd {
	t.Helper()
	plain, err := json.Marshal(map[string]string{"Engine": string(o.Engine), "Path": o.Path, "Host": o.Host, "Name": o.Name, "User": o.User})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(append(os.Environ(), "TASKFLOW_TEST_MIGRATE="+string(plain)), environ...)
	return child
}

// writeForEver makes projects with two columns each, several at a time, and says which ones it was told are there.
func writeForEver(s *store.Store) error {
	ctx, failures, said := context.Background(), make(chan error), make(chan string)
	for range 4 {
		go func() {
			for {
				key := "P" + strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", ""))[:9]
				err := s.Tx(ctx, func(tx *ent.Tx) error {
					p, err := tx.Project.Create().SetKey(key).SetName(key).SetCreatedAt(now).SetUpdatedAt(now).Save(ctx)
					if err != nil {
						return err
					}
					for i := range 2 {
						if err := tx.State.Create().SetProject(p).SetName(fmt.Sprint(i)).SetKind("todo").SetPosition(i).Exec(ctx); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					failures <- err
				}
				said <- key
			}
		}()
	}
	for {
		select {
		case err := <-failures:
			return err
		case key := <-said:
			fmt.Println(key)
		}
	}
}

func TestAKillUnderWriteLoadLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s is skipped: -short", t.Name())
	}
	eachEngine(t, func(t *testing.T, e storetest.Engine) {
		o := e.Migrated(t)
		var acknowledged []string
		for range 5 {
			child := childOf(t, o, "TASKFLOW_TEST_WRITE=1")
			var failure strings.Builder
			child.Stderr = &failure
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				if key := lines.Text(); key != "ready" {
					acknowledged = append(acknowledged, key)
				}
				if n == 40 {
					_ = child.Process.Kill()
				}
			}
			if err := child.Wait(); err == nil || failure.Len() > 0 {
				t.Fatalf("the child ended: %v: %s", err, &failure)
			}
		}
		s := storetest.Reopen(t, o)
		wantServes(t, s)
		for _, key := range acknowledged {
			if !s.Client().Project.Query().Where(project.Key(key)).ExistX(t.Context()) {
				t.Errorf("%s was acknowledged and is lost", key)
			}
		}
		all := s.Client().Project.Query().WithStates().AllX(t.Context())
		for _, p := range all {
			if len(p.Edges.States) != 2 {
				t.Errorf("%s is half made: it has %d columns", p.Key, len(p.Edges.States))
			}
		}
		t.Logf("%d were acknowledged and %d are there", len(acknowledged), len(all))
	})
}

func TestAKilledMigrationCarriesOn(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s is skipped: -short", t.Name())
	}
	eachEngine(t, func(t *testing.T, e storetest.Engine) {
		o := e.Empty(t)
		killed := 0
		step := 8 * time.Millisecond
		if e.Kind == store.SQLite {
			step = time.Millisecond
		}
		for delay := time.Duration(0); ; delay += step {
			child := childOf(t, o)
			var failure strings.Builder
			child.Stderr = &failure
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 16)); err != nil {
				t.Fatalf("the child: %v: %s", err, &failure)
			}
			timer := time.AfterFunc(delay, func() { _ = child.Process.Kill() })
			err = child.Wait()
			timer.Stop()
			if err == nil {
				break
			}
			if failure.Len() > 0 {
				t.Fatalf("after %d kills: %s", killed, &failure)
			}
			killed++
		}
		t.Logf("killed %d times", killed)
		s := storetest.Reopen(t, o)
		wantServes(t, s)
		wantSameSchema(t, e, o)
		fill(t, s)
	})
}

// What a kill between a statement and its record leaves on MySQL, at every statement.
func TestAStatementThatWasDoneAndNotRecordedIsNoFailure(t *testing.T) {
	e := storetest.Engines()[2]
	e.Need(t)
	steps, err := store.Steps(e.Kind)
	if err != nil {
		t.Fatal(err)
	}
	files, err := steps.Files()
	if err != nil {
		t.Fatal(err)
	}
	statements, err := files[0].Stmts()
	if err != nil {
		t.Fatal(err)
	}
	for done := 1; done <= len(statements); done += 7 {
		t.Run(fmt.Sprint(done), func(t *testing.T) {
			o := e.Empty(t)
			s := storetest.Reopen(t, o)
			part := &migrate.MemDir{}
			writeStep(t, part, files[0].Name(), strings.Join(statements[:done], "\n"))
			if err := s.MigrateFrom(t.Context(), clock, part); err != nil {
				t.Fatal(err)
			}
			// As the executor leaves it: the hash of each statement that it counted.
			store.Uncount(t, s, files[0].Version(), len(statements), statements[:done-1])
			if err := s.Migrate(t.Context(), clock); err != nil {
				t.Fatal(err)
			}
			wantServes(t, s)
			wantSameSchema(t, e, o)
		})
	}
}

func writeStep(t *testing.T, dir *migrate.MemDir, name, text string) {
	t.Helper()
	if err := dir.WriteFile(name, []byte(text)); err != nil {
		t.Fatal(err)
	}
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		t.Fatal(err)
	}
}

// with gives the real steps and some more.
func with(t *testing.T, e storetest.Engine, more map[string]string) *migrate.MemDir {
	t.Helper()
	steps, err := store.Steps(e.Kind)
	if err != nil {
		t.Fatal(err)
	}
	files, err := steps.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := &migrate.MemDir{}
	if err := dir.CopyFiles(files); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		writeStep(t, dir, name, more[name])
	}
	return dir
}

func TestAFailedMigrationLeavesWhatWasThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, e storetest.Engine) {
		o := e.Migrated(t)
		s := storetest.Reopen(t, o)
		broken := with(t, e, map[string]string{"29990101000000_expand_broken.sql": "CREATE TABLE extra (id int);\nCREATE TABLE extra (id int);"})
		for range 2 { // it fails alike every time: what was refused is not taken for done
			if err := s.MigrateFrom(t.Context(), clock, broken); err == nil {
				t.Fatal("it was applied")
			}
		}
		whole := len(store.Differences(t, e.Migrated(t), o)) == 0
		if transactional := e.Kind != store.MySQL; whole != transactional {
			t.Errorf("the schema is as before: %v", whole)
		}
		fill(t, s) // the release that runs goes on
		mended := with(t, e, map[string]string{"29990101000000_expand_broken.sql": "CREATE TABLE extra (id int);\nCREATE TABLE other (id int);"})
		if err := s.MigrateFrom(t.Context(), clock, mended); err != nil {
			t.Fatal(err)
		}
	})
}

func TestARebuiltTableKeepsWhatPointsToIt(t *testing.T) {
	e := storetest.Engines()[0]
	s := storetest.Reopen(t, e.Migrated(t))
	fill(t, s)
	before, err := counts(t.Context(), s.Client())
	if err != nil {
		t.Fatal(err)
	}
	// How atlas changes a table on SQLite. With the keys in force, the DROP would delete every member of every team.
	rebuild := "PRAGMA foreign_keys = off;\n" +
		"CREATE TABLE `new_teams` (`id` uuid NOT NULL, `name` text NOT NULL, `description` text NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`));\n" +
		"INSERT INTO `new_teams` (`id`, `name`, `description`, `created_at`, `updated_at`) SELECT `id`, `name`, `description`, `created_at`, `updated_at` FROM `teams`;\n" +
		"DROP TABLE `teams`;\nALTER TABLE `new_teams` RENAME TO `teams`;\nPRAGMA foreign_keys = on;"
	if err := s.MigrateFrom(t.Context(), clock, with(t, e, map[string]string{"29990101000000_expand_rebuild.sql": rebuild})); err != nil {
		t.Fatal(err)
	}
	after, err := counts(t.Context(), s.Client())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, after) {
		t.Errorf("before %v\nafter %v", before, after)
	}
	err = s.Client().TeamMember.Create().SetTeamID(uuid.New()).SetUserID(uuid.New()).SetCreatedAt(now).Exec(t.Context())
	wantKind(t, store.Translate(err), fault.Conflict) // the keys are in force again
	orphan := "DELETE FROM `teams`;"
	if err := s.MigrateFrom(t.Context(), clock, with(t, e, map[string]string{
		"29990101000000_expand_rebuild.sql": rebuild, "29990102000000_expand_orphans.sql": orphan,
	})); err == nil {
		t.Error("a step that leaves members without their team was committed")
	}
}

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
