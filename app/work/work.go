// Package work is the domain: projects, tasks, comments, filters, automation, search. Every permission check is here, first thing in
// each method and deny by default, so that pages and programs have the same rights. What a person may not see is missing to them, not
// forbidden. A Work is made of one client's own storage and has no way to another's (DP-1). It knows no HTTP, no pages and no accounts
// beyond the rows that name people.
package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/store"
)

// Options are what one client's work is made of. All but Notify, Report, Quota and Uploads are required.
type Options struct {
	Store      *store.Store
	Files      files.Store
	Feed       feed.Feed
	Conditions *expression.Sandbox
	Markdown   *markdown.Renderer
	Clock      func() time.Time

	// Notify is told of each notification in the transaction that makes it, for example to queue an e-mail. It may run again when the
	// transaction does.
	Notify func(ctx context.Context, tx *ent.Tx, n Notice) error
	// Report is told of what failed after a change was kept.
	Report func(ctx context.Context, err error)
	// Quota is the room for all attachments, in bytes; DefaultQuota where it is 0.
	Quota int64
	// Uploads are the limits of one attachment; those of package files where they are empty.
	Uploads files.Rules
}

// DefaultQuota is the room for a client's attachments.
const DefaultQuota = 10 << 30

// Work is one client's work.
type Work struct {
	o          Options // not embedded: through it, whatever it holds could be had without a permission
	mu         sync.Mutex
	conditions map[string]*expression.Condition
}

// New gives a client's work.
func New(o Options) (*Work, error) {
	if o.Store == nil || o.Files == nil || o.Feed == nil || o.Conditions == nil || o.Markdown == nil || o.Clock == nil {
		return nil, errors.New("work needs a store, files, a feed, a sandbox, a Markdown renderer and a clock")
	}
	if o.Report == nil {
		o.Report = func(context.Context, error) {}
	}
	if o.Quota == 0 {
		o.Quota = DefaultQuota
	}
	if o.Uploads.MaxBytes == 0 {
		o.Uploads = files.DefaultRules()
	}
	return &Work{o: o, conditions: map[string]*expression.Condition{}}, nil
}

func (w *Work) now() time.Time { return store.Moment(w.o.Clock()) }

func (w *Work) db() *ent.Client { return w.o.Store.Client() }

// change is one change, from its first look to its last entry in the log.
type change struct {
	*ent.Tx
	w       *Work
	who     actor.Actor
	at      time.Time
	lines   []feed.Line
	notices []Notice
	entries []audit.Entry
	events  []event
	rules   []uuid.UUID // that led to this change
}

// log notes what the change did, for the audit log (AC-5, AC-8).
func (c *change) log(action, target string, id uuid.UUID, detail ...string) {
	e := trail.Entry(c.who, c.at, action)
	e.Target, e.TargetID = target, id
	for i := 0; i+1 < len(detail); i += 2 {
		e.Detail[detail[i]] = detail[i+1]
	}
	c.entries = append(c.entries, e)
}

// say notes what the change did, for the feed.
func (c *change) say(verb string, project, task uuid.UUID, subject string, detail ...string) {
	l := feed.Line{At: c.at, ActorID: c.who.ID, ActorName: c.who.Name, Verb: verb, ProjectID: project, TaskID: task, Subject: subject}
	for i := 0; i+1 < len(detail); i += 2 {
		if l.Detail == nil {
			l.Detail = map[string]string{}
		}
		l.Detail[detail[i]] = detail[i+1]
	}
	if c.who.Grant != nil {
		if l.Detail == nil {
			l.Detail = map[string]string{}
		}
		l.Detail["visit"] = "provider" // AC-8: shown in the feed too
	}
	c.lines = append(c.lines, l)
}

// change runs do in a transaction, which may run several times, and then writes what it noted. What follows of it comes after.
func (w *Work) change(ctx context.Context, who actor.Actor, do func(c *change) error) error {
	return w.changeBy(ctx, who, 0, nil, do)
}

// changeBy is change, as deep as that in what follows of another change by these rules.
func (w *Work) changeBy(ctx context.Context, who actor.Actor, depth int, rules []uuid.UUID, do func(c *change) error) error {
	var c *change
	err := w.o.Store.Tx(ctx, func(tx *ent.Tx) error {
		c = &change{Tx: tx, w: w, who: who, at: w.now(), rules: rules}
		if err := do(c); err != nil {
			return err
		}
		return c.finish(ctx)
	})
	if err != nil {
		return err
	}
	if len(c.lines) > 0 {
		if err := w.o.Feed.Settle(ctx); err != nil {
			w.o.Report(ctx, fmt.Errorf("settle the feed: %w", err)) // the next change settles it
		}
	}
	w.automate(ctx, c.events, depth)
	return nil
}

func (c *change) finish(ctx context.Context) error {
	if err := c.deliver(ctx); err != nil {
		return err
	}
	if err := c.w.o.Feed.Append(ctx, c.Tx, c.lines...); err != nil {
		return err
	}
	for _, e := range c.entries { // last: it locks the end of the log
		if err := audit.Append(ctx, c.Tx, e); err != nil {
			return err
		}
	}
	return nil
}

// wrap says what was being done when reading failed.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return store.Translate(fmt.Errorf("%s: %w", doing, err))
}
