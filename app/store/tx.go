package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
)

// attempts is how often a transaction is tried that others got in the way of.
const attempts = 6

// Tx runs do in a transaction and commits it; an error rolls it back and is returned, translated (see Translate). Where others got in
// the way (a deadlock, a busy database) it is run again: do may run several times, so it must change nothing but what the
// transaction holds. What it writes goes through tx; on SQLite a write through Client would wait for do itself.
func (s *Store) Tx(ctx context.Context, do func(tx *ent.Tx) error) error {
	var o *sql.TxOptions
	if s.options.Engine != SQLite {
		o = &sql.TxOptions{Isolation: sql.LevelReadCommitted} // MySQL's own level differs from the others'
	}
	pause := 5 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, o, do)
		if err == nil || !again(err) {
			return Translate(err)
		}
		if attempt == attempts {
			return fault.Clash("others kept changing the same things", "try again").Because(err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("transaction: %w", errors.Join(ctx.Err(), err))
		case <-time.After(pause + rand.N(pause)):
		}
		pause *= 2
	}
}

// View runs do on the database as it is at one moment: what others change meanwhile is not seen, and nobody waits for it. An export
// and a backup read through it.
func (s *Store) View(ctx context.Context, do func(tx *ent.Tx) error) error {
	return Translate(s.once(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, do))
}

func (s *Store) once(ctx context.Context, o *sql.TxOptions, do func(tx *ent.Tx) error) (err error) {
	tx, err := s.client.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			_ = tx.Rollback() // the panic says more
			panic(p)
		}
	}()
	if err := do(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", undo))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// again tells whether a transaction failed because of others, and may succeed when it is run once more.
func again(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "40001" || e.Code == "40P01" // serialisation failure, deadlock
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == 1213 || e.Number == 1205 || e.Number == 1020 // deadlock, lock wait, changed since last read (MariaDB)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED
	}
	return false
}
