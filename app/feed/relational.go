package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/activity"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/store"
)

// Relational is a feed in the client's database.
type Relational struct{ store *store.Store }

// NewRelational gives the feed of a client's database.
func NewRelational(s *store.Store) *Relational { return &Relational{store: s} }

// Append adds lines.
func (*Relational) Append(ctx context.Context, tx *ent.Tx, lines ...Line) error {
	return write(ctx, tx, lines)
}

func write(ctx context.Context, tx *ent.Tx, lines []Line) error {
	rows := make([]*ent.ActivityCreate, 0, len(lines))
	for _, l := range lines {
		if l.ID == uuid.Nil {
			l.ID = schema.NewID()
		}
		row := tx.Activity.Create().SetID(l.ID).SetAt(l.At).SetActorName(clip(l.ActorName, schema.MaxPersonName)).SetVerb(l.Verb).
			SetSubject(clip(l.Subject, schema.MaxTitle+20))
		if len(l.Detail) > 0 {
			row.SetDetail(l.Detail)
		}
		if l.ActorID != uuid.Nil {
			row.SetActorID(l.ActorID)
		}
		if l.ProjectID != uuid.Nil {
			row.SetProjectID(l.ProjectID)
		}
		if l.TaskID != uuid.Nil {
			row.SetTaskID(l.TaskID)
		}
		rows = append(rows, row)
	}
	var err error
	switch len(rows) {
	case 0:
	case 1:
		err = rows[0].Exec(ctx)
	default:
		err = tx.Activity.CreateBulk(rows...).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("append to the feed: %w", err)
	}
	return nil
}

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// ForgetTask removes a task's lines.
func (*Relational) ForgetTask(ctx context.Context, tx *ent.Tx, _, task uuid.UUID, _ time.Time) error {
	if _, err := tx.Activity.Delete().Where(activity.TaskID(task)).Exec(ctx); err != nil {
		return fmt.Errorf("forget the lines of a task: %w", err)
	}
	return nil
}

// ForgetProject removes a project's lines.
func (*Relational) ForgetProject(ctx context.Context, tx *ent.Tx, project uuid.UUID, _ time.Time) error {
	if _, err := tx.Activity.Delete().Where(activity.ProjectID(project)).Exec(ctx); err != nil {
		return fmt.Errorf("forget the lines of a project: %w", err)
	}
	return nil
}

// Settle has nothing to do: the transaction did it.
func (*Relational) Settle(context.Context) error { return nil }

// Page reads.
func (r *Relational) Page(ctx context.Context, f Filter) (Page, error) {
	if len(f.Projects) == 0 {
		return Page{}, nil
	}
	query := r.store.Client().Activity.Query().Where(activity.ProjectIDIn(f.Projects...))
	if f.Task != uuid.Nil {
		query.Where(activity.TaskID(f.Task))
	}
	if f.After != "" {
		m, err := parseMark(f.After)
		if err != nil {
			return Page{}, err
		}
		at := time.UnixMicro(m.at).UTC()
		query.Where(activity.Or(activity.AtLT(at), activity.And(activity.At(at), activity.IDLT(m.id))))
	}
	rows, err := query.Order(ent.Desc(activity.FieldAt, activity.FieldID)).Limit(f.limit() + 1).All(ctx)
	if err != nil {
		return Page{}, store.Translate(fmt.Errorf("read the feed: %w", err))
	}
	lines := make([]Line, len(rows))
	for i, row := range rows {
		lines[i] = line(row)
	}
	return cut(lines, f.limit()), nil
}

func line(row *ent.Activity) Line {
	l := Line{ID: row.ID, At: row.At.UTC(), ActorName: row.ActorName, Verb: row.Verb, Subject: row.Subject, Detail: row.Detail}
	for _, one := range []struct {
		from *uuid.UUID
		to   *uuid.UUID
	}{{row.ActorID, &l.ActorID}, {row.ProjectID, &l.ProjectID}, {row.TaskID, &l.TaskID}} {
		if one.from != nil {
			*one.to = *one.from
		}
	}
	return l
}
