package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"ariga.io/atlas/sql/migrate"
	atlasmysql "ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	entschema "entgo.io/ent/dialect/sql/schema"
	"github.com/go-sql-driver/mysql"
	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/ent"
	entmigrate "github.com/berth-iac/berth/app/ent/migrate"
	"github.com/berth-iac/berth/app/store/internal/connect"
)

//go:embed migrations
var embedded embed.FS

// Steps are the migrations of an engine that this release carries, as atlas reads them.
func Steps(engine Engine) (migrate.Dir, error) {
	dir := &migrate.MemDir{}
	folder := path.Join("migrations", string(engine))
	files, err := fs.ReadDir(embedded, folder)
	if err != nil {
		return nil, fmt.Errorf("migrations of %q: %w", engine, err)
	}
	for _, file := range files {
		content, err := fs.ReadFile(embedded, path.Join(folder, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", file.Name(), err)
		}
		if err := dir.WriteFile(file.Name(), content); err != nil {
			return nil, fmt.Errorf("migration %s: %w", file.Name(), err)
		}
	}
	return dir, nil
}

// Tables are those that the migrations make: all but the one that records them.
func Tables() []*entschema.Table {
	var tables []*entschema.Table
	for _, table := range entmigrate.Tables {
		if table != entmigrate.SchemaRevisionsTable {
			tables = append(tables, table)
		}
	}
	return tables
}

// Migrate brings the schema and the data up to this release. Several machines may call it together: one does it, the others wait and
// find it done. Killed at any moment, the next call carries on:
//
//   - on PostgreSQL and SQLite each file is one transaction, together with its line in schema_revisions;
//   - MySQL commits with every statement, so a line counts the statements that are done. The one statement that may have been done and
//     not counted is run again, and that what it makes is there already is then no failure. A statement itself is whole or not there.
func (s *Store) Migrate(ctx context.Context, now func() time.Time) error {
	dir, err := Steps(s.options.Engine)
	if err != nil {
		return err
	}
	data := dataMigrations()
	if status, err := s.MigrationStatus(ctx); err == nil && len(status.Pending) == 0 && len(data) == 0 {
		return nil // the usual case, at the price of one look
	}
	return s.migrate(ctx, now, dir, data)
}

func (s *Store) migrate(ctx context.Context, now func() time.Time, dir migrate.Dir, data []DataMigration) error {
	// Connections of its own: the lock keeps one, and SQLite's foreign keys are off on another for the time being.
	o := s.options
	o.Pool.MaxOpen, o.Pool.MaxIdle = 4, 4
	handles, err := connect.Open(o)
	if err != nil {
		return err
	}
	defer handles.Close() //nolint:errcheck // nothing is lost
	unlock, err := s.lockMigrations(ctx, handles.Write)
	if err != nil {
		return fmt.Errorf("wait for the migrations of another machine: %w", err)
	}
	err = s.apply(ctx, handles.Write, dir)
	if err == nil {
		err = s.RunData(ctx, now, data...)
	}
	return errors.Join(err, unlock())
}

func (s *Store) apply(ctx context.Context, db *sql.DB, dir migrate.Dir) error {
	plain := entsql.OpenDB(s.dialect(), db)
	first, err := entschema.NewMigrate(plain)
	if err != nil {
		return fmt.Errorf("prepare the table of migrations: %w", err)
	}
	// ent notes things in the tables that it is given, and several clients may be migrated at the same time.
	own, err := entschema.CopyTables([]*entschema.Table{entmigrate.SchemaRevisionsTable})
	if err != nil {
		return fmt.Errorf("prepare the table of migrations: %w", err)
	}
	if err := first.Create(ctx, own...); err != nil {
		return fmt.Errorf("make the table of migrations: %w", err)
	}
	pending, err := s.pending(ctx, db, dir)
	if err != nil {
		return err
	}
	for _, file := range pending {
		if err := s.applyFile(ctx, db, dir, file); err != nil {
			return fmt.Errorf("migration %s: %w", file.Name(), err)
		}
	}
	return nil
}

func (s *Store) pending(ctx context.Context, db *sql.DB, dir migrate.Dir) ([]migrate.File, error) {
	run, err := s.executor(ctx, db, dir)
	if err != nil {
		return nil, err
	}
	pending, err := run.Pending(ctx)
	if err != nil && !errors.Is(err, migrate.ErrNoPendingFiles) {
		return nil, fmt.Errorf("find what is to migrate: %w", err)
	}
	return pending, nil
}

func (s *Store) applyFile(ctx context.Context, db *sql.DB, dir migrate.Dir, file migrate.File) (err error) {
	if s.options.Engine == MySQL {
		run, err := s.executor(ctx, db, dir)
		if err != nil {
			return err
		}
		return run.Execute(ctx, file)
	}
	var tx *sql.Tx
	commit, undo := func() error { return tx.Commit() }, func() error { return tx.Rollback() }
	if s.options.Engine == SQLite {
		// A table is changed by making it anew, so the keys that point to it are checked when all is done.
		careful, err := sqlite.OpenTx(ctx, db, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		tx, commit, undo = careful.Tx, careful.CommitFn, careful.RollbackFn
	} else if tx, err = db.BeginTx(ctx, nil); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	run, err := s.executor(ctx, tx, dir)
	if err == nil {
		err = run.Execute(ctx, file)
	}
	if err != nil {
		return errors.Join(err, undo())
	}
	if err := commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (s *Store) executor(ctx context.Context, on schema.ExecQuerier, dir migrate.Dir) (*migrate.Executor, error) {
	at, err := s.atlas(on)
	if err != nil {
		return nil, err
	}
	revisions := revisions{client: ent.NewClient(ent.Driver(onConn{entsql.NewDriver(s.dialect(), entsql.Conn{ExecQuerier: on})}))}
	if s.options.Engine == MySQL {
		began, err := revisions.interrupted(ctx)
		if err != nil {
			return nil, err
		}
		at = &resuming{Driver: at, tolerant: began}
	}
	run, err := migrate.NewExecutor(at, dir, revisions, migrate.WithAllowDirty(true), migrate.WithOperatorVersion("taskflow"))
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	return run, nil
}

func (s *Store) atlas(on schema.ExecQuerier) (at migrate.Driver, err error) {
	switch s.options.Engine {
	case PostgreSQL:
		at, err = postgres.Open(on)
	case MySQL:
		at, err = atlasmysql.Open(on)
	default:
		at, err = sqlite.Open(on)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the database: %w", err)
	}
	return at, nil
}

func (s *Store) dialect() string { return s.driver.Dialect() }

// onConn lets ent work on one connection or transaction that somebody else commits.
type onConn struct{ dialect.Driver }

func (d onConn) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d.Driver), nil }

// resuming is MySQL where a run was killed: the first statement may have been done before.
type resuming struct {
	migrate.Driver
	tolerant bool
}

func (d *resuming) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := d.Driver.ExecContext(ctx, query, args...)
	tolerant := d.tolerant
	d.tolerant = false
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && tolerant {
		switch e.Number {
		case 1050, 1060, 1061, 1091, 1826, 1146, 1051: // there: table, column, key; gone: column or key; there: foreign key; gone: table
			return driver.ResultNoRows, nil
		}
	}
	return result, err
}

// lockMigrations waits until no other process migrates this database. A lock goes with the process that holds it.
func (s *Store) lockMigrations(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	if s.options.Engine == SQLite {
		return lockFile(ctx, s.options.Path+".migrating")
	}
	at, err := s.atlas(db)
	if err != nil {
		return nil, err
	}
	locker, ok := at.(schema.Locker)
	if !ok {
		return nil, fmt.Errorf("%s has no locks", s.options.Engine)
	}
	name := "taskflow migrate " + s.options.Name // MySQL's locks are the server's, so the database's name belongs to it
	name = name[:min(len(name), 64)]
	for {
		free, err := locker.Lock(ctx, name, time.Second)
		if err == nil {
			return free, nil
		}
		if !errors.Is(err, schema.ErrLocked) || ctx.Err() != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func lockFile(ctx context.Context, name string) (unlock func() error, err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
