// Package storetest gives tests a database of their own on each engine that this machine has: SQLite always, PostgreSQL and MariaDB from
// the installed packages, each started once for a test binary and gone with it. It is for tests only.
//
// The environment variable TASKFLOW_TEST_ENGINES names the engines to use, such as "sqlite" or "sqlite,postgresql"; empty means all.
package storetest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/internal/connect"
)

// Now is when tests happen.
var Now = time.Date(2026, time.March, 2, 9, 30, 15, 123456000, time.UTC)

// Engine is one that the tests run on.
type Engine struct {
	Name string // as tests name it: SQLite, PostgreSQL, MariaDB
	Kind store.Engine
}

// Engines are all that TaskFlow runs on.
func Engines() []Engine {
	return []Engine{{"SQLite", store.SQLite}, {"PostgreSQL", store.PostgreSQL}, {"MariaDB", store.MySQL}}
}

// Each runs a test on every engine. open gives an empty, migrated database of its own, every time that it is called, and closes it at
// the end. An engine that is not there is skipped by name.
func Each(t *testing.T, do func(t *testing.T, open func(t *testing.T) *store.Store)) {
	t.Helper()
	for _, engine := range Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			engine.Need(t)
			do(t, func(t *testing.T) *store.Store { return engine.Open(t) })
		})
	}
}

// SQLite gives an empty, migrated database: for tests to which the engine does not matter.
func SQLite(t testing.TB) *store.Store { return Engine{"SQLite", store.SQLite}.Open(t) }

// Need skips the test where the engine is not there.
func (e Engine) Need(t testing.TB) {
	t.Helper()
	if only := os.Getenv("TASKFLOW_TEST_ENGINES"); only != "" && !slices.Contains(strings.Split(only, ","), string(e.Kind)) {
		t.Skipf("%s is skipped: TASKFLOW_TEST_ENGINES is %s", t.Name(), only)
	}
	var err error
	switch e.Kind {
	case store.PostgreSQL:
		_, err = postgres()
	case store.MySQL:
		_, err = mariadb()
	}
	if missing, ok := err.(notInstalled); ok { //nolint:errorlint // nobody wraps it
		t.Skipf("%s is skipped: %s", t.Name(), missing)
	}
	if err != nil {
		t.Fatalf("start %s: %v", e.Name, err)
	}
}

// Empty gives the options of a database in which there is nothing.
func (e Engine) Empty(t testing.TB) store.Options {
	t.Helper()
	e.Need(t)
	switch e.Kind {
	case store.PostgreSQL:
		s, _ := postgres()
		return s.database(t, "template0")
	case store.MySQL:
		s, _ := mariadb()
		return s.database(t)
	}
	return store.Options{Engine: store.SQLite, Path: filepath.Join(t.TempDir(), "data", "taskflow.db"), Synchronous: "NORMAL"}
}

// Open gives an empty, migrated database.
func (e Engine) Open(t testing.TB) *store.Store {
	t.Helper()
	return Reopen(t, e.Migrated(t))
}

// Migrated gives the options of an empty, migrated database.
func (e Engine) Migrated(t testing.TB) store.Options {
	t.Helper()
	e.Need(t)
	switch e.Kind {
	case store.PostgreSQL:
		s, _ := postgres()
		name, err := s.template()
		if err != nil {
			t.Fatal(err)
		}
		return s.database(t, name)
	case store.MySQL:
		s, _ := mariadb()
		o := s.database(t)
		if err := migrate(o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := e.Empty(t)
	from, err := sqliteTemplate()
	if err != nil {
		t.Fatal(err)
	}
	if err := copyFile(from, o.Path); err != nil {
		t.Fatal(err)
	}
	return o
}

// Reopen opens a database once more, and closes it at the end.
func Reopen(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open %s: %v", o.Engine, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", o.Engine, err)
		}
	})
	return s
}

// Raw gives a client without the guards of package store: to try what somebody does who has the database itself in hand.
func Raw(t testing.TB, o store.Options) *ent.Client {
	t.Helper()
	handles, err := connect.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handles.Close() })
	name := map[store.Engine]string{store.SQLite: dialect.SQLite, store.PostgreSQL: dialect.Postgres, store.MySQL: dialect.MySQL}[o.Engine]
	return ent.NewClient(ent.Driver(entsql.OpenDB(name, handles.Write)))
}

func migrate(o store.Options) error {
	ctx := context.Background()
	s, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // Migrate has told
	return s.Migrate(ctx, func() time.Time { return Now })
}

var sqliteTemplate = sync.OnceValues(func() (string, error) {
	dir, err := folder("sqlite")
	if err != nil {
		return "", err
	}
	made := store.Options{Engine: store.SQLite, Path: filepath.Join(dir, "template.db"), Synchronous: "NORMAL"}
	if err := migrate(made); err != nil {
		return "", fmt.Errorf("migrate a database to copy: %w", err)
	}
	return made.Path, nil
})

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return out.Close()
}
