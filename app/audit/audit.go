// Package audit is one client's log of what was done (AC-5): every login, refusal, change and export; who, what, from where, when. Entries
// are appended and never changed; each holds the hash of the one before, so that whoever alters the table is found out by Verify. It
// knows the store and nothing of what the entries tell of.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/ent/audithead"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/store"
)

// Who did it.
const (
	Person     = auditentry.ActorKindPerson
	Provider   = auditentry.ActorKindProvider // AC-8: the provider's staff, under a grant
	Token      = auditentry.ActorKindToken
	System     = auditentry.ActorKindSystem
	Automation = auditentry.ActorKindAutomation
	Anonymous  = auditentry.ActorKindAnonymous
)

// How it ended.
const (
	OK      = auditentry.OutcomeOk
	Refused = auditentry.OutcomeRefused
	Failed  = auditentry.OutcomeFailed
)

// Entry is what is to be logged.
type Entry struct {
	At        time.Time
	ActorKind auditentry.ActorKind
	ActorID   uuid.UUID // uuid.Nil for nobody
	ActorName string
	GrantID   uuid.UUID // AC-8; uuid.Nil for none
	Action    string    // such as "task.update"
	Target    string    // such as "task OPS-12"
	TargetID  uuid.UUID
	Outcome   auditentry.Outcome // "" is OK
	Address   string
	Agent     string
	Detail    map[string]string // see Redact for what becomes of secrets
}

// head is the key of the one row that knows the newest entry.
const head = "head"

// genesis is the hash before the first entry.
var genesis = strings.Repeat("0", 64)

// Log is one client's log.
type Log struct{ store *store.Store }

// New gives the log of a client's database.
func New(s *store.Store) *Log { return &Log{store: s} }

// Record appends an entry by itself: for what leaves no other trace, such as a refusal.
func (l *Log) Record(ctx context.Context, e Entry) error {
	return l.store.Tx(ctx, func(tx *ent.Tx) error { return Append(ctx, tx, e) })
}

// Append appends an entry in the transaction of what it tells of, so that there is neither without the other. It locks the end of the
// log until the transaction is over: call it last.
func Append(ctx context.Context, tx *ent.Tx, e Entry) error {
	last, err := lockHead(ctx, tx, e.At)
	if err != nil {
		return fmt.Errorf("end of the audit log: %w", err)
	}
	row := clean(e)
	row.Seq, row.PrevHash = last.Seq+1, last.Hash
	row.Hash = Hash(row)
	create := tx.AuditEntry.Create().SetID(row.ID).SetSeq(row.Seq).SetAt(row.At).SetActorKind(row.ActorKind).SetNillableActorID(row.ActorID).
		SetActorName(row.ActorName).SetNillableGrantID(row.GrantID).SetAction(row.Action).SetTarget(row.Target).
		SetNillableTargetID(row.TargetID).SetOutcome(row.Outcome).SetAddress(row.Address).SetAgent(row.Agent).SetDetail(row.Detail).
		SetPrevHash(row.PrevHash).SetHash(row.Hash)
	if err := create.Exec(ctx); err != nil {
		return fmt.Errorf("append %q to the audit log: %w", e.Action, err)
	}
	n, err := tx.AuditHead.Update().Where(audithead.ID(head), audithead.Seq(last.Seq)).
		SetSeq(row.Seq).SetHash(row.Hash).SetUpdatedAt(row.At).Save(ctx)
	if err != nil {
		return fmt.Errorf("move the end of the audit log: %w", err)
	}
	if n != 1 {
		return errors.New("the end of the audit log moved although it was locked")
	}
	return nil
}

func lockHead(ctx context.Context, tx *ent.Tx, at time.Time) (*ent.AuditHead, error) {
	locked := func() (*ent.AuditHead, error) {
		query := tx.AuditHead.Query().Where(audithead.ID(head))
		query.Modify(func(s *sql.Selector) {
			if s.Dialect() != dialect.SQLite { // there a transaction that writes is alone from its beginning
				s.ForUpdate()
			}
		})
		return query.Only(ctx)
	}
	found, err := locked()
	if !ent.IsNotFound(err) {
		return found, err
	}
	// The log begins. Whoever comes second waits here for whoever came first.
	if err := tx.AuditHead.Create().SetID(head).SetSeq(0).SetHash(genesis).SetUpdatedAt(at).
		OnConflictColumns(audithead.FieldID).Ignore().Exec(ctx); err != nil {
		return nil, err
	}
	return locked()
}

// clean gives the row of an entry: what does not fit is cut rather than refused, or an attacker's long name would keep the log silent.
func clean(e Entry) *ent.AuditEntry {
	row := &ent.AuditEntry{
		ID: schema.NewID(), At: store.Moment(e.At), ActorKind: e.ActorKind, Outcome: e.Outcome,
		ActorName: oneLine(e.ActorName, schema.MaxEmail), Action: e.Action, Target: oneLine(e.Target, schema.MaxTitle+50),
		Address: oneLine(ascii(e.Address), schema.MaxAddress-2), Agent: oneLine(e.Agent, schema.MaxAgent), // … takes three bytes
	}
	if row.Outcome == "" {
		row.Outcome = OK
	}
	for _, one := range []struct {
		id uuid.UUID
		to **uuid.UUID
	}{{e.ActorID, &row.ActorID}, {e.GrantID, &row.GrantID}, {e.TargetID, &row.TargetID}} {
		if one.id != uuid.Nil {
			*one.to = &one.id
		}
	}
	if detail := Redact(e.Detail); len(detail) > 0 {
		text, err := json.Marshal(detail) // sorted by key
		if err == nil {
			row.Detail = string(text)
		}
	}
	return row
}

// Hash is an entry's hash: SHA-256 of all that it says, each part with its length, and of the hash before it.
func Hash(e *ent.AuditEntry) string {
	id := func(id *uuid.UUID) string {
		if id == nil {
			return ""
		}
		return id.String()
	}
	data := []byte("taskflow audit 1\x00")
	data = binary.AppendVarint(data, e.Seq)
	data = binary.AppendVarint(data, e.At.UnixMicro())
	for _, part := range []string{
		e.PrevHash, e.ID.String(), string(e.ActorKind), id(e.ActorID), e.ActorName, id(e.GrantID), e.Action, e.Target, id(e.TargetID),
		string(e.Outcome), e.Address, e.Agent, e.Detail,
	} {
		data = binary.AppendUvarint(data, uint64(len(part)))
		data = append(data, part...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
