package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/berth-iac/berth/app/ent"
	entmigrate "github.com/berth-iac/berth/app/ent/migrate"
	"github.com/berth-iac/berth/app/ent/schemarevision"
)

// revisions is atlas' record of what was applied, kept through ent.
type revisions struct{ client *ent.Client }

// Ident names the table.
func (revisions) Ident() *migrate.TableIdent {
	return &migrate.TableIdent{Name: entmigrate.SchemaRevisionsTable.Name}
}

// ReadRevisions gives all, the oldest first.
func (r revisions) ReadRevisions(ctx context.Context) ([]*migrate.Revision, error) {
	rows, err := r.client.SchemaRevision.Query().Order(schemarevision.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the table of migrations: %w", err)
	}
	all := make([]*migrate.Revision, len(rows))
	for i, row := range rows {
		all[i] = revision(row)
	}
	return all, nil
}

// ReadRevision gives one.
func (r revisions) ReadRevision(ctx context.Context, version string) (*migrate.Revision, error) {
	row, err := r.client.SchemaRevision.Get(ctx, version)
	if ent.IsNotFound(err) {
		return nil, migrate.ErrRevisionNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("read migration %s: %w", version, err)
	}
	return revision(row), nil
}

// WriteRevision adds one, or changes it.
func (r revisions) WriteRevision(ctx context.Context, v *migrate.Revision) error {
	err := r.client.SchemaRevision.Create().SetID(v.Version).SetDescription(v.Description).SetKind(uint(v.Type)).
		SetApplied(v.Applied).SetTotal(v.Total).SetExecutedAt(Moment(v.ExecutedAt)).SetExecutionTime(int64(v.ExecutionTime)).
		SetError(v.Error).SetErrorStatement(v.ErrorStmt).SetHash(v.Hash).SetPartialHashes(v.PartialHashes).
		SetOperatorVersion(v.OperatorVersion).
		OnConflictColumns(schemarevision.FieldID).UpdateNewValues().Exec(ctx)
	if err != nil {
		return fmt.Errorf("write migration %s: %w", v.Version, err)
	}
	return nil
}

// DeleteRevision removes one.
func (r revisions) DeleteRevision(ctx context.Context, version string) error {
	if err := r.client.SchemaRevision.DeleteOneID(version).Exec(ctx); err != nil {
		return fmt.Errorf("delete migration %s: %w", version, err)
	}
	return nil
}

// interrupted tells whether a run was killed amid the newest migration. One that failed says why, and one of its statements was not done.
func (r revisions) interrupted(ctx context.Context) (bool, error) {
	all, err := r.ReadRevisions(ctx)
	if err != nil || len(all) == 0 {
		return false, err
	}
	newest := all[len(all)-1]
	return newest.Applied < newest.Total && newest.Error == "", nil
}

func revision(row *ent.SchemaRevision) *migrate.Revision {
	return &migrate.Revision{
		Version: row.ID, Description: row.Description, Type: migrate.RevisionType(row.Kind), Applied: row.Applied, Total: row.Total,
		ExecutedAt: row.ExecutedAt, ExecutionTime: time.Duration(row.ExecutionTime), Error: row.Error, ErrorStmt: row.ErrorStatement,
		Hash: row.Hash, PartialHashes: row.PartialHashes, OperatorVersion: row.OperatorVersion,
	}
}

// noTable tells whether a failure is that a table is not there.
func noTable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "42P01"
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == 1146
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && strings.Contains(e.Error(), "no such table")
}
