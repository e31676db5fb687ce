package rpc

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// ListEntries gives a page of the log. The log itself asks nobody who they are: that it is for administrators is said here, as the table of
// the pages' routes says it.
func (c *calls) ListEntries(ctx context.Context, q *taskflowv1.ListEntriesRequest) (*taskflowv1.ListEntriesResponse, error) {
	if err := who(ctx).Need(actor.Admin); err != nil {
		return nil, err
	}
	filter, err := filterOf(q)
	if err != nil {
		return nil, err
	}
	entries, before, err := c.client.Audit.Page(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := &taskflowv1.ListEntriesResponse{Entries: mapped(entries, entryOf)}
	if before > 0 {
		out.NextPageToken = strconv.FormatInt(before, 10)
	}
	return out, nil
}

func filterOf(q *taskflowv1.ListEntriesRequest) (audit.Filter, error) {
	var f fields
	filter := audit.Filter{
		ActorID: f.id("actor_id", q.GetActorId()), ActorKind: auditentry.ActorKind(q.GetActorKind()), TargetID: f.id("target_id", q.GetTargetId()),
		Action: q.GetAction(), Outcome: auditentry.Outcome(q.GetOutcome()), From: f.moment("from", q.GetFrom()), To: f.moment("to", q.GetTo()),
		Limit: int(q.GetPageSize()),
	}
	if filter.ActorKind != "" && auditentry.ActorKindValidator(filter.ActorKind) != nil {
		f.bad("actor_kind", "there is no such kind", "use one of person, provider, token, system, automation, anonymous")
	}
	if filter.Outcome != "" && auditentry.OutcomeValidator(filter.Outcome) != nil {
		f.bad("outcome", "there is no such outcome", "use one of ok, refused, failed")
	}
	if q.GetPageToken() != "" {
		var err error
		if filter.Before, err = strconv.ParseInt(q.GetPageToken(), 10, 64); err != nil || filter.Before < 1 {
			f.bad("page_token", "there is no such page", "begin at the newest")
		}
	}
	return filter, f.err()
}

// moment is a time that every engine can make sense of, or none.
func (f *fields) moment(field string, at *timestamppb.Timestamp) time.Time {
	if at == nil {
		return time.Time{}
	}
	t := at.AsTime()
	if err := at.CheckValid(); err != nil || t.Year() < 1970 || t.Year() > 9999 {
		f.bad(field, "it is no time", "write it like 2026-11-30T12:00:00Z")
	}
	return t
}

func entryOf(e *ent.AuditEntry) *taskflowv1.Entry {
	id := func(id *uuid.UUID) string {
		if id == nil {
			return ""
		}
		return id.String()
	}
	var detail map[string]string
	if e.Detail != "" && json.Unmarshal([]byte(e.Detail), &detail) != nil {
		detail = map[string]string{"detail": e.Detail} // somebody altered it: it is shown as it is
	}
	return &taskflowv1.Entry{
		Number: e.Seq, At: stamp(e.At), ActorKind: string(e.ActorKind), ActorId: id(e.ActorID), ActorName: e.ActorName, GrantId: id(e.GrantID),
		Action: e.Action, Target: e.Target, TargetId: id(e.TargetID), Outcome: string(e.Outcome), Address: e.Address, Agent: e.Agent, Detail: detail,
		PreviousHash: e.PrevHash, Hash: e.Hash,
	}
}
