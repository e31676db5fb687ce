package connect

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// remembering opens connections to SQLite that keep the statements they prepared: to parse and plan a statement takes SQLite as long as
// to run it, and the same few come again and again. SQLite prepares a kept one anew by itself when the schema has changed.
type remembering struct {
	driver driver.Driver
	source string
}

// keptStatements is how many a connection keeps. Each holds some 10 kB, and thousands of connections may be open.
const keptStatements = 40

// Driver is driver.Connector's.
func (r remembering) Driver() driver.Driver { return r.driver }

// Connect is driver.Connector's.
func (r remembering) Connect(context.Context) (driver.Conn, error) {
	opened, err := r.driver.Open(r.source)
	if err != nil {
		return nil, err
	}
	c, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a connection of %T is not what is known", opened), opened.Close())
	}
	return &conn{sqliteConn: c, at: map[string]*list.Element{}, order: list.New()}, nil
}

// sqliteConn is what the driver's connections can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type conn struct {
	sqliteConn
	at    map[string]*list.Element
	order *list.List // of *kept, the one used last in front
}

type kept struct {
	query string
	statement
	busy bool // rows of it are being read
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// of gives a statement to use, or nil where the query is better run by itself.
func (c *conn) of(ctx context.Context, query string) (*kept, error) {
	if found := c.at[query]; found != nil {
		k := found.Value.(*kept)
		if k.busy {
			return nil, nil
		}
		c.order.MoveToFront(found)
		return k, nil
	}
	if !comesAgain(query) {
		return nil, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, prepared.Close()
	}
	k := &kept{query: query, statement: s}
	c.at[query] = c.order.PushFront(k)
	for last := c.order.Back(); c.order.Len() > keptStatements && last != c.order.Front(); last = last.Prev() {
		if old := last.Value.(*kept); !old.busy {
			return k, c.drop(old)
		}
	}
	return k, nil
}

// comesAgain tells what ent asks with arguments from what a migration or a pragma says once.
func comesAgain(query string) bool {
	if !strings.Contains(query, "?") {
		return false
	}
	for _, verb := range []string{"SELECT ", "INSERT ", "UPDATE ", "DELETE "} {
		if strings.HasPrefix(query, verb) {
			return true
		}
	}
	return false
}

func (c *conn) drop(k *kept) error {
	c.order.Remove(c.at[k.query])
	delete(c.at, k.query)
	return k.Close()
}

// ExecContext is driver.ExecerContext's.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	k, err := c.of(ctx, query)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	result, err := k.ExecContext(ctx, args)
	if err != nil {
		_ = c.drop(k) // what is wrong with it has been told
	}
	return result, err
}

// QueryContext is driver.QueryerContext's.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	k, err := c.of(ctx, query)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	found, err := k.QueryContext(ctx, args)
	if err != nil {
		_ = c.drop(k) // what is wrong with it has been told
		return nil, err
	}
	k.busy = true
	return &rows{found, k}, nil
}

// Close is driver.Conn's.
func (c *conn) Close() error {
	var problems []error
	for c.order.Len() > 0 {
		problems = append(problems, c.drop(c.order.Front().Value.(*kept)))
	}
	return errors.Join(append(problems, c.sqliteConn.Close())...)
}

// rows give their statement back when they are closed.
type rows struct {
	driver.Rows
	of *kept
}

// Close is driver.Rows's.
func (r *rows) Close() error {
	err := r.Rows.Close()
	r.of.busy = false
	return err
}
