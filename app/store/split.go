package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store/internal/connect"
)

// split is ent's driver for SQLite: selections go to the connections that read, all else to the one that writes. The gate lets one
// writer in at a time, in the order of arrival, and lets nobody wait for ever: a write outside the transaction that its own caller
// has open would.
type split struct {
	read, write *entsql.Driver
	gate        chan struct{}
	wait        time.Duration
	flusher     *flusher // nil: SQLite does it
}

func newSplit(handles *connect.Handles, f *flusher) *split {
	return &split{
		flusher: f,
		read:    entsql.OpenDB(dialect.SQLite, handles.Read),
		write:   entsql.OpenDB(dialect.SQLite, handles.Write),
		gate:    make(chan struct{}, 1),
		wait:    handles.Wait,
	}
}

func (d *split) enter(ctx context.Context) (leave func(), err error) {
	select {
	case d.gate <- struct{}{}:
	default:
		timer := time.NewTimer(d.wait)
		defer timer.Stop()
		select {
		case d.gate <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait to write: %w", ctx.Err())
		case <-timer.C:
			return nil, fault.Away("the database", errors.New("another write holds it; is something written outside of an open transaction?"))
		}
	}
	var once sync.Once
	return func() { once.Do(func() { <-d.gate }) }, nil
}

// Exec writes.
func (d *split) Exec(ctx context.Context, query string, args, v any) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	err = d.write.Exec(ctx, query, args, v)
	leave()
	if err != nil {
		return err
	}
	return d.flusher.wait()
}

// Query reads, or writes and gives back what it wrote.
func (d *split) Query(ctx context.Context, query string, args, v any) error {
	if strings.HasPrefix(query, "SELECT") {
		return d.read.Query(ctx, query, args, v)
	}
	if err := d.write.Query(ctx, query, args, v); err != nil {
		return err
	}
	if found, ok := v.(*entsql.Rows); ok && d.flusher != nil {
		found.ColumnScanner = &flushed{ColumnScanner: found.ColumnScanner, flusher: d.flusher}
	}
	return nil
}

// Tx begins a transaction that writes.
func (d *split) Tx(ctx context.Context) (dialect.Tx, error) { return d.BeginTx(ctx, nil) }

// BeginTx begins a transaction. One that only reads sees the database as it is at its first look, and nobody waits for it.
func (d *split) BeginTx(ctx context.Context, o *sql.TxOptions) (dialect.Tx, error) {
	if o != nil && o.ReadOnly {
		return d.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	}
	leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		leave()
		return nil, err
	}
	return &splitTx{Tx: tx, leave: leave, flusher: d.flusher}, nil
}

// Close closes both.
func (d *split) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Dialect is SQLite's.
func (*split) Dialect() string { return dialect.SQLite }

type splitTx struct {
	dialect.Tx
	leave   func()
	flusher *flusher
}

// Commit lets the next writer in before it waits for the disk.
func (t *splitTx) Commit() error {
	err := t.Tx.Commit()
	t.leave()
	if err != nil {
		return err
	}
	return t.flusher.wait()
}

func (t *splitTx) Rollback() error {
	defer t.leave()
	return t.Tx.Rollback()
}
