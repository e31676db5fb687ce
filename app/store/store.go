// Package store opens one client's database and keeps its schema up to date: SQLite, PostgreSQL or MySQL, alike for whoever asks.
// It knows nothing of host names and of other clients, and nothing of who may do what.
//
// All reading and writing goes through ent's client (AS-1). Writes that belong together go through Tx.
//
// # Changes of the schema
//
// The previous release serves while the next one migrates (AV-6), so a change comes in steps, each in a release of its own:
//
//  1. expand: add tables, columns that may be empty or have a default, and indexes. The previous release does not notice.
//  2. migrate: fill what was added, in Go and in batches (see DataMigrations), while both releases serve.
//  3. contract: remove what no release reads any more. The release that carries this step is not the one that stopped reading.
//
// The files in migrations/ are written by ent and atlas from package ent/schema, one folder for each engine (see Generate), and are
// named by their step: 20260101000000_expand_first.sql. A file that removes something is named
// 20270101000000_contract_drop_color_after_20260701000000.sql: releases that know 20260701000000 do without what it drops. From
// these names a running release sees whether it may serve with a schema that is newer than itself (see Compatible).
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store/internal/connect"
)

// Engine is a kind of database.
type Engine = connect.Engine

// Options say where a database is and how much of it to use.
type Options = connect.Options

// Pool says how many connections there are.
type Pool = connect.Pool

// TLS says how a connection over the network is protected.
type TLS = connect.TLS

// The engines, and how a connection is protected.
const (
	SQLite     = connect.SQLite
	PostgreSQL = connect.PostgreSQL
	MySQL      = connect.MySQL

	Verify = connect.Verify
	Off    = connect.Off
)

// Store is one client's open database.
type Store struct {
	options Options
	handles *connect.Handles
	driver  dialect.Driver
	client  *ent.Client
}

// Open opens the database and sees that it answers. It changes nothing in it; see Migrate.
func Open(ctx context.Context, o Options) (*Store, error) {
	own := o
	together := o.Engine == SQLite && (o.Synchronous == "" || strings.EqualFold(o.Synchronous, "FULL"))
	if together {
		own.Synchronous = "NORMAL" // see flusher
	}
	handles, err := connect.Open(own)
	if err != nil {
		return nil, err
	}
	var f *flusher
	if together {
		if f, err = newFlusher(o.Path); err != nil {
			return nil, errors.Join(err, handles.Close())
		}
	}
	s := &Store{options: o, handles: handles, driver: entDriver(o.Engine, handles, f)}
	s.client = ent.NewClient(ent.Driver(s.driver))
	guard(s.client)
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func entDriver(engine Engine, handles *connect.Handles, f *flusher) dialect.Driver {
	switch engine {
	case PostgreSQL:
		return entsql.OpenDB(dialect.Postgres, handles.Write)
	case MySQL:
		return entsql.OpenDB(dialect.MySQL, handles.Write)
	default:
		return newSplit(handles, f)
	}
}

// Client reads and writes. Each call stands by itself; see Tx for those that belong together.
func (s *Store) Client() *ent.Client { return s.client }

// Engine is what kind of database it is.
func (s *Store) Engine() Engine { return s.options.Engine }

// Options are what it was opened with.
func (s *Store) Options() Options { return s.options }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.handles.Write.PingContext(ctx); err != nil {
		return fault.Away("the database", fmt.Errorf("ping %s: %w", s.options.Engine, err))
	}
	return nil
}

// Close closes all connections.
func (s *Store) Close() error {
	if err := s.handles.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}
