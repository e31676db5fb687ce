package store_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/project"
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
