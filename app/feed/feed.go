// Package feed is one client's activity feed: who did what, the newest first. It lies in the client's database or, when one is
// configured, in a store of documents (MongoDB, DocumentDB), with the same behaviour. It knows nothing of who may see what: the caller
// names the projects whose lines are wanted, and an empty list is none.
package feed

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
)

// Line is one thing that happened.
type Line struct {
	ID        uuid.UUID // made by Append where it is uuid.Nil
	At        time.Time
	ActorID   uuid.UUID // uuid.Nil for nobody
	ActorName string
	Verb      string // such as "task.moved"
	ProjectID uuid.UUID
	TaskID    uuid.UUID // uuid.Nil where it is about none
	Subject   string    // such as "OPS-12 Mend the lift"
	Detail    map[string]string
}

// Filter picks lines.
type Filter struct {
	Projects []uuid.UUID // whose lines; none gives none
	Task     uuid.UUID   // of one task only, which has to be in one of Projects; uuid.Nil for all
	After    string      // Next of the page before
	Limit    int         // at most; 50, and never more than 200
}

func (f Filter) limit() int {
	if f.Limit <= 0 {
		return 50
	}
	return min(f.Limit, 200)
}

// Page is a part of the feed, the newest line first.
type Page struct {
	Lines []Line
	Next  string // for Filter.After; "" at the end
}

// Feed is a client's feed.
type Feed interface {
	// Append adds lines in the transaction of what they tell of: there is neither without the other.
	Append(ctx context.Context, tx *ent.Tx, lines ...Line) error
	// ForgetTask removes a task's lines, and ForgetProject a project's, with the transaction that removes the thing itself.
	ForgetTask(ctx context.Context, tx *ent.Tx, project, task uuid.UUID, at time.Time) error
	ForgetProject(ctx context.Context, tx *ent.Tx, project uuid.UUID, at time.Time) error
	// Settle brings what transactions left to where pages are read from. It is called after each change and, for what a crash left
	// behind, from time to time. What is there already is not there twice.
	Settle(ctx context.Context) error
	// Page reads.
	Page(ctx context.Context, f Filter) (Page, error)
}

// mark is a place in the feed: behind the line of that time and id.
type mark struct {
	at int64 // microseconds
	id uuid.UUID
}

func (m mark) String() string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(m.at)), m.id[:]...))
}

func parseMark(text string) (mark, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) != 8+len(uuid.UUID{}) {
		return mark{}, fault.BadInput("page", "this page of the feed does not exist", "begin at the newest")
	}
	m := mark{at: int64(binary.BigEndian.Uint64(data))}
	copy(m.id[:], data[8:])
	if year := time.UnixMicro(m.at).UTC().Year(); year < 1970 || year > 9999 { // no engine has to make sense of it
		return mark{}, fault.BadInput("page", "this page of the feed does not exist", "begin at the newest")
	}
	return m, nil
}

// cut makes a page of one line more than were asked for.
func cut(lines []Line, limit int) Page {
	if len(lines) <= limit {
		return Page{Lines: lines}
	}
	lines = lines[:limit]
	last := lines[limit-1]
	return Page{Lines: lines, Next: mark{last.At.UnixMicro(), last.ID}.String()}
}
