package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/ent/audithead"
	"github.com/berth-iac/berth/app/fault"
)

// Anchor is the log's end at one moment. Kept outside of the database, it shows later that nothing up to there was altered, even by
// somebody who made all hashes anew.
type Anchor struct {
	Seq  int64
	Hash string
	At   time.Time
}

// String is how an anchor is written down: taskflow-audit:<seq>:<hash>:<time>.
func (a Anchor) String() string {
	return fmt.Sprintf("taskflow-audit:%d:%s:%s", a.Seq, a.Hash, a.At.UTC().Format("20060102T150405Z"))
}

// ParseAnchor reads an anchor that was written down.
func ParseAnchor(text string) (Anchor, error) {
	wrong := fault.BadInput("anchor", "is none", "use one as taskflow audit verify prints it: taskflow-audit:<number>:<hash>:<time>")
	parts := strings.Split(strings.TrimSpace(text), ":")
	if len(parts) != 4 || parts[0] != "taskflow-audit" || len(parts[2]) != 64 || strings.Trim(parts[2], "0123456789abcdef") != "" {
		return Anchor{}, wrong
	}
	seq, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || seq < 0 || strconv.FormatInt(seq, 10) != parts[1] {
		return Anchor{}, wrong
	}
	at, err := time.Parse("20060102T150405Z", parts[3])
	if err != nil {
		return Anchor{}, wrong
	}
	return Anchor{Seq: seq, Hash: parts[2], At: at}, nil
}

// Problem is a place where the log is not what it was.
type Problem struct {
	Seq  int64
	What string
}

// Report is what Verify found.
type Report struct {
	Entries     int64
	First, Last time.Time
	End         Anchor    // to be kept
	Problems    []Problem // the first hundred
	More        int       // how many besides
}

// OK tells whether the log is whole.
func (r Report) OK() bool { return len(r.Problems) == 0 }

const (
	pageSize    = 500
	maxProblems = 100
)

// Verify reads the whole log, as it is at one moment, and finds entries that were altered, removed, inserted or put elsewhere, an end
// that was cut off, and whatever differs from an anchor.
func (l *Log) Verify(ctx context.Context, anchors ...Anchor) (Report, error) {
	var r Report
	err := l.store.View(ctx, func(tx *ent.Tx) error {
		r = Report{End: Anchor{Hash: genesis}}
		for {
			page, err := tx.AuditEntry.Query().Where(auditentry.SeqGT(r.End.Seq)).Order(auditentry.BySeq()).Limit(pageSize).All(ctx)
			if err != nil {
				return fmt.Errorf("read the audit log: %w", err)
			}
			for _, entry := range page {
				r.add(entry, anchors)
			}
			if len(page) < pageSize {
				break
			}
		}
		ends, err := tx.AuditHead.Query().All(ctx)
		if err != nil {
			return fmt.Errorf("read the end of the audit log: %w", err)
		}
		r.end(ends, anchors)
		if n, err := tx.AuditEntry.Query().Where(auditentry.SeqLTE(0)).Count(ctx); err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		} else if n > 0 {
			r.problem(0, "%d entries were inserted before the first", n)
		}
		return nil
	})
	return r, err
}

func (r *Report) problem(seq int64, format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{seq, fmt.Sprintf(format, args...)})
}

func (r *Report) add(e *ent.AuditEntry, anchors []Anchor) {
	switch missing := e.Seq - r.End.Seq - 1; {
	case missing == 1:
		r.problem(e.Seq-1, "the entry was removed")
	case missing > 1:
		r.problem(e.Seq-missing, "%d entries were removed, up to %d", missing, e.Seq-1)
	case e.PrevHash != r.End.Hash:
		r.problem(e.Seq, "does not follow the entry before it: one of the two was altered, inserted or put elsewhere")
	}
	if Hash(e) != e.Hash {
		r.problem(e.Seq, "the entry was altered")
	}
	for _, a := range anchors {
		if a.Seq == e.Seq && a.Hash != e.Hash {
			r.problem(e.Seq, "differs from the anchor of %s: the log up to here was made anew", a.At.Format(time.RFC3339))
		}
	}
	if r.Entries++; r.Entries == 1 {
		r.First = e.At
	}
	r.Last = e.At
	r.End = Anchor{Seq: e.Seq, Hash: e.Hash, At: e.At}
}

func (r *Report) end(ends []*ent.AuditHead, anchors []Anchor) {
	switch {
	case len(ends) == 0 && r.Entries == 0:
	case len(ends) != 1 || ends[0].ID != head:
		r.problem(r.End.Seq, "the record of the log's end was removed or there are others beside it")
	case ends[0].Seq > r.End.Seq:
		r.problem(r.End.Seq, "%d entries were cut off after this one", ends[0].Seq-r.End.Seq)
	case ends[0].Seq < r.End.Seq:
		r.problem(ends[0].Seq, "%d entries were inserted after this one", r.End.Seq-ends[0].Seq)
	case ends[0].Hash != r.End.Hash:
		r.problem(r.End.Seq, "is not the entry that was the last")
	}
	for _, a := range anchors {
		if a.Seq > r.End.Seq {
			r.problem(r.End.Seq, "the anchor of %s is of entry %d: the log was cut off", a.At.Format(time.RFC3339), a.Seq)
		}
	}
}

// End gives the log's end without reading all of it.
func (l *Log) End(ctx context.Context) (Anchor, error) {
	row, err := l.store.Client().AuditHead.Query().Where(audithead.ID(head)).Only(ctx)
	if ent.IsNotFound(err) {
		return Anchor{Hash: genesis}, nil
	}
	if err != nil {
		return Anchor{}, fmt.Errorf("read the end of the audit log: %w", err)
	}
	return Anchor{Seq: row.Seq, Hash: row.Hash, At: row.UpdatedAt}, nil
}
