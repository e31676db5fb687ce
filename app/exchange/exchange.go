// Package exchange takes a client's data out and in (DP-7). An export is everything that the client owns, of one moment, as CSV and JSON
// with the attachments in a zip archive, or one kind of thing as CSV or JSON. It is streamed: a page of rows is held at a time, however
// much there is. An import makes tasks of a CSV file, after showing what it would make of it; it makes all of them or none.
//
// Who may do it is checked first thing, and every export and import goes into the audit log, a refused one too (AC-5). What opens an
// account is never exported: no passwords or their hashes, no second factors, no tokens, no links. An Exchange is made of one client's
// own parts and knows no other client (DP-1). It knows no HTTP and no command line.
package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/work"
)

// Options are the parts of one client. All are required.
type Options struct {
	Client string // its short name, which the files are called by
	Store  *store.Store
	Files  files.Store
	Feed   feed.Feed
	Work   *work.Work
	Audit  *audit.Log
	Space  *space.Space // remembers uploads until they are imported
	Clock  func() time.Time
}

// Exchange takes one client's data out and in.
type Exchange struct{ o Options }

// New makes a client's exchange.
func New(o Options) (*Exchange, error) {
	if o.Client == "" || o.Store == nil || o.Files == nil || o.Feed == nil || o.Work == nil || o.Audit == nil || o.Space == nil || o.Clock == nil {
		return nil, errors.New("an exchange needs a client's name, store, files, feed, work, audit log, space and a clock")
	}
	return &Exchange{o: o}, nil
}

func (x *Exchange) now() time.Time { return store.Moment(x.o.Clock()) }

// Format is what an export is written as.
type Format string

// The formats.
const (
	Zip  Format = "zip"  // everything, as CSV and as JSON, with the attachments
	JSON Format = "json" // one table, or all of them in one document
	CSV  Format = "csv"  // one table
)

// Order says what to export.
type Order struct {
	Format      Format
	Table       string // "" is all of them, and of CSV the tasks; see Tables
	Project     string // the key of the only project wanted; "" is all. Only tables that belong to projects can be narrowed down
	Attachments bool   // of a zip: with their content
	Reason      string // why: the operator at the command line has to say
	By          string // who the operator is, in words

	// Still is asked now and then whether whoever ordered it may still have it; an error ends the export.
	Still func(context.Context) error
	// Progress is told now and then how far it is.
	Progress func(Progress)
}

// Progress is how far an export is.
type Progress struct {
	Doing string // the table or the file
	Rows  int64
	Bytes int64
}

// File is what an export is called, and its type.
type File struct{ Name, Type string }

// Result is what an export came to.
type Result struct {
	File    string
	Rows    int64 // as JSON or CSV; those that a zip has as both count once
	Bytes   int64
	SHA256  string
	Files   int64 // attachments
	Missing int64 // attachments whose content was not there
}

const (
	lease     = "exchange.export" // one export of a client at a time, on whatever machine: it holds a transaction and a connection
	leaseFor  = 2 * time.Minute   // a machine that dies holds it no longer than that
	lookEvery = 5 * time.Second
)

// Export writes what is ordered. It checks, and logs that it begins, before it calls open for the place to write to; nothing is written
// when it fails before. When it fails after, what was written is no export: whoever reads it has to be told, as by a broken connection.
func (x *Exchange) Export(ctx context.Context, who actor.Actor, o Order, open func(File) (io.Writer, error)) (Result, error) {
	if err := x.mayExport(ctx, who, o); err != nil {
		return Result{}, err
	}
	plan, err := x.plan(ctx, o)
	if err != nil {
		return Result{}, err
	}
	id := uuid.NewString()
	taken, err := x.o.Store.Take(ctx, lease, id, x.now(), leaseFor)
	if err != nil {
		return Result{}, fmt.Errorf("wait for other exports: %w", err)
	}
	if !taken {
		return Result{}, fault.Clash("another export is being made", "wait until it is finished")
	}
	defer func() { _ = x.o.Store.Release(context.WithoutCancel(ctx), lease, id) }() // it ends by itself
	began := x.entry(who, o, "data.export")
	began.Detail["export"] = id
	if err := x.o.Audit.Record(ctx, began); err != nil {
		return Result{}, fmt.Errorf("log the export: %w", err)
	}
	result, err := x.write(ctx, id, who, o, plan, open)
	return result, errors.Join(err, x.ended(ctx, who, o, id, result, err))
}

// mayExport keeps out whoever may not. A browser has to have confirmed who it is; a program has the scope for it; the operator says why.
func (x *Exchange) mayExport(ctx context.Context, who actor.Actor, o Order) error {
	err := who.Need(actor.Export)
	switch {
	case err != nil:
	case who.Kind == actor.System && o.Reason == "":
		err = fault.BadInput("reason", "it is not said why", "say it, for the client's audit log")
	case who.Kind != actor.System && who.TokenID == uuid.Nil:
		err = who.NeedConfirmed(x.o.Clock())
	}
	if fault.Is(err, fault.Forbidden) && !errors.Is(err, actor.ErrConfirm) {
		return errors.Join(err, x.refuse(ctx, x.entry(who, o, "data.export"), err))
	}
	return err
}

// refuse logs a refusal, of whoever is known.
func (x *Exchange) refuse(ctx context.Context, e audit.Entry, why error) error {
	e.Outcome = audit.Refused
	for _, one := range fault.Problems(why) {
		e.Detail["refusal"] = one.Shown()
	}
	if err := x.o.Audit.Record(ctx, e); err != nil {
		return fmt.Errorf("log a refusal: %w", err)
	}
	return nil
}

func (x *Exchange) entry(who actor.Actor, o Order, action string) audit.Entry {
	e := trail.Entry(who, x.now(), action)
	e.Target = "everything"
	for name, value := range map[string]string{"format": string(o.Format), "table": o.Table, "project": o.Project, "reason": o.Reason, "by": o.By} {
		if value != "" {
			e.Detail[name] = value
		}
	}
	if o.Table != "" {
		e.Target = o.Table
	}
	if o.Format == Zip && !o.Attachments {
		e.Detail["attachments"] = "left out"
	}
	return e
}

// ended logs how an export ended, whether whoever wanted it still waits or not.
func (x *Exchange) ended(ctx context.Context, who actor.Actor, o Order, id string, r Result, failed error) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	e := x.entry(who, o, "data.export.end")
	e.Detail["export"] = id
	e.Detail["rows"], e.Detail["bytes"] = strconv.FormatInt(r.Rows, 10), strconv.FormatInt(r.Bytes, 10)
	if r.Files > 0 || r.Missing > 0 {
		e.Detail["files"], e.Detail["missing"] = strconv.FormatInt(r.Files, 10), strconv.FormatInt(r.Missing, 10)
	}
	if failed != nil {
		e.Outcome = audit.Failed
		e.Detail["failure"] = fault.KindOf(failed).String()
		if errors.Is(failed, context.Canceled) {
			e.Detail["failure"] = "broken off"
		}
	} else {
		e.Detail["sha256"] = r.SHA256
	}
	if err := x.o.Audit.Record(ctx, e); err != nil {
		return fmt.Errorf("log how the export ended: %w", err)
	}
	return nil
}

// planned is an order that can be carried out.
type planned struct {
	File
	tables  []table
	project *ent.Project // the only one; nil: all
}

func (x *Exchange) plan(ctx context.Context, o Order) (planned, error) {
	p := planned{tables: tables()}
	wanted := o.Table
	switch o.Format {
	case Zip:
		p.Type = "application/zip"
		if wanted != "" || o.Project != "" {
			return p, fault.BadInput("format", "a zip archive is of everything", "choose CSV or JSON for one table")
		}
	case CSV:
		p.Type = "text/csv; charset=utf-8"
		if wanted == "" {
			wanted = "tasks"
		}
	case JSON:
		p.Type = "application/json"
		if wanted == "" && o.Project != "" {
			wanted = "tasks"
		}
	default:
		return p, fault.BadInput("format", "there is no such format", "choose zip, CSV or JSON")
	}
	called := x.o.Client
	if wanted != "" {
		one, found := tableOf(wanted)
		if !found {
			return p, fault.BadInput("table", "there is no such table", "choose one of the list")
		}
		p.tables = []table{one}
		called += "-" + one.name
		if o.Project != "" && !one.ofProject {
			return p, fault.BadInput("project", "this table is not of projects", "export it for all of them")
		}
	}
	if o.Project != "" {
		row, err := x.o.Store.Client().Project.Query().Where(project.Key(o.Project)).Only(ctx)
		if ent.IsNotFound(err) {
			return p, fault.BadInput("project", "there is no such project", "choose one of the list")
		}
		if err != nil {
			return p, store.Translate(fmt.Errorf("find the project: %w", err))
		}
		p.project = row
		called += "-" + row.Key
	}
	p.Name = called + "-" + x.now().Format(time.DateOnly) + "." + string(o.Format)
	return p, nil
}

// write streams an export of one moment.
func (x *Exchange) write(ctx context.Context, id string, who actor.Actor, o Order, p planned, open func(File) (io.Writer, error)) (r Result, err error) {
	r.File = p.Name
	out, err := open(p.File)
	if err != nil {
		return r, err
	}
	sum := &counted{w: out, sum: sha256.New()}
	w := &watch{x: x, id: id, order: o, out: sum, result: &r, looked: x.now()}
	err = x.o.Store.View(ctx, func(tx *ent.Tx) error {
		if _, err := tx.User.Query().Exist(ctx); err != nil { // the first look is the moment that all is of
			return err
		}
		s := &snapshot{Tx: tx, tick: w.tick}
		if p.project != nil {
			s.only = p.project.ID
		}
		if _, inside := x.o.Feed.(*feed.Relational); !inside {
			s.feed = x.o.Feed
		}
		switch {
		case o.Format == Zip:
			return (&archive{x: x, snapshot: s, watch: w, who: who, at: x.now()}).write(ctx, sum, p.tables, o.Attachments)
		case len(p.tables) > 1:
			return document(ctx, s, w, sum, x.o.Client, x.now(), p.tables)
		default:
			return w.table(ctx, s, sum, o.Format, p.tables[0])
		}
	})
	r.Bytes, r.SHA256 = sum.n, hex.EncodeToString(sum.sum.Sum(nil))
	if err != nil {
		return r, fmt.Errorf("export %s: %w", p.Name, err)
	}
	return r, nil
}

// counted counts and hashes what goes through it.
type counted struct {
	w   io.Writer
	n   int64
	sum hash.Hash
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	return n, err
}

// watch looks now and then whether an export may go on, and tells how far it is.
type watch struct {
	x      *Exchange
	id     string
	order  Order
	out    *counted
	result *Result
	doing  string
	looked time.Time
	twice  bool // the rows are written once more, and were counted
}

func (w *watch) tick(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := w.x.now()
	if now.Sub(w.looked) < lookEvery && !now.Before(w.looked) {
		return nil
	}
	w.looked = now
	if w.order.Progress != nil {
		w.order.Progress(Progress{Doing: w.doing, Rows: w.result.Rows, Bytes: w.out.n})
	}
	if w.order.Still != nil {
		if err := w.order.Still(ctx); err != nil {
			return fmt.Errorf("whoever ordered it may have it no more: %w", err)
		}
	}
	taken, err := w.x.o.Store.Take(ctx, lease, w.id, now, leaseFor)
	if err == nil && !taken {
		err = fault.Clash("it took so long between two pages that another export began", "try again")
	}
	return err
}
