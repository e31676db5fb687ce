package store

import (
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
)

// Translate says what a failure of the database is to whoever asked: not found, a conflict, an input that breaks the schema's rules, a
// database that is away. An error that says so already, or that is none of these, is returned as it is.
func Translate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*ent.NotFoundError](err); ok {
		what := strings.TrimSuffix(strings.TrimPrefix(e.Error(), "ent: "), " not found")
		return fault.Missing(strings.ReplaceAll(what, "_", " ")).Because(err)
	}
	if e, ok := errors.AsType[*ent.ValidationError](err); ok {
		return fault.BadInput(e.Name, reason(e), "").Because(err)
	}
	switch {
	case sqlgraph.IsUniqueConstraintError(err):
		return fault.Clash("there is one like that already", "choose another name").Because(err)
	case sqlgraph.IsForeignKeyConstraintError(err):
		return fault.Clash("something else needs it, or what it belongs to is gone", "look again at what is there now").Because(err)
	case away(err):
		return fault.Away("the database", err)
	}
	return err
}

// reason is what is wrong with a field, without the words that ent puts in front.
func reason(e *ent.ValidationError) string {
	if cause := e.Unwrap(); cause != nil {
		return cause.Error()
	}
	return "is missing"
}

func away(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") || e.Code == "53300" // shut down, connection, too many
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == 1040 || e.Number == 1053 // too many connections, shutting down
	}
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}
