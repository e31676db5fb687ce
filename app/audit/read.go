package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/store"
)

// Filter picks entries. What is empty picks all.
type Filter struct {
	ActorID   uuid.UUID
	ActorKind auditentry.ActorKind
	TargetID  uuid.UUID
	Action    string // or how it begins: "task." is all that was done to tasks
	Outcome   auditentry.Outcome
	From, To  time.Time // From is included, To is not
	Before    int64     // entries with a smaller number: the next page
	Limit     int       // at most; 50, and never more than 200
}

func (f Filter) where() []predicate.AuditEntry {
	var where []predicate.AuditEntry
	add := func(wanted bool, p predicate.AuditEntry) {
		if wanted {
			where = append(where, p)
		}
	}
	add(f.ActorID != uuid.Nil, auditentry.ActorID(f.ActorID))
	add(f.ActorKind != "", auditentry.ActorKindEQ(f.ActorKind))
	add(f.TargetID != uuid.Nil, auditentry.TargetID(f.TargetID))
	add(f.Action != "", auditentry.ActionHasPrefix(f.Action))
	add(f.Outcome != "", auditentry.OutcomeEQ(f.Outcome))
	add(!f.From.IsZero(), auditentry.AtGTE(store.Moment(f.From)))
	add(!f.To.IsZero(), auditentry.AtLT(store.Moment(f.To)))
	add(f.Before > 0, auditentry.SeqLT(f.Before))
	return where
}

// Page gives entries, the newest first, and the Before of the next page; 0 where there is none.
func (l *Log) Page(ctx context.Context, f Filter) (entries []*ent.AuditEntry, before int64, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 200)
	entries, err = l.store.Client().AuditEntry.Query().Where(f.where()...).Order(ent.Desc(auditentry.FieldSeq)).Limit(limit + 1).All(ctx)
	if err != nil {
		return nil, 0, store.Translate(fmt.Errorf("read the audit log: %w", err))
	}
	if len(entries) > limit {
		entries = entries[:limit]
		before = entries[limit-1].Seq
	}
	return entries, before, nil
}

// All gives every entry that a filter picks, the oldest first, page by page: for an export.
func (l *Log) All(ctx context.Context, f Filter) iter.Seq2[*ent.AuditEntry, error] {
	return func(yield func(*ent.AuditEntry, error) bool) {
		last := int64(0)
		for {
			page, err := l.store.Client().AuditEntry.Query().Where(f.where()...).Where(auditentry.SeqGT(last)).
				Order(auditentry.BySeq()).Limit(pageSize).All(ctx)
			if err != nil {
				yield(nil, store.Translate(fmt.Errorf("read the audit log: %w", err)))
				return
			}
			for _, entry := range page {
				if !yield(entry, nil) {
					return
				}
				last = entry.Seq
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}
