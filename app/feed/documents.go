package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/activity"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Documents is a feed in MongoDB or DocumentDB. No transaction spans two databases, so a line is written into the client's own first, with
// what it tells of, and Settle moves it: a crash in between delays a line and loses none.
type Documents struct {
	store *store.Store
	lines *mongo.Collection
}

// Verbs of lines that are orders to Settle and never shown.
const (
	forgetTask    = "feed.forget-task"
	forgetProject = "feed.forget-project"
)

// batch is how many lines Settle moves at once.
const batch = 200

// NewDocuments gives the feed in a database of documents that is this client's alone. It makes the indexes.
func NewDocuments(ctx context.Context, s *store.Store, database *mongo.Database) (*Documents, error) {
	d := &Documents{store: s, lines: database.Collection("activity")}
	newest := bson.E{Key: "at", Value: -1}
	_, err := d.lines.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: bson.D{{Key: "project", Value: 1}, newest, {Key: "_id", Value: -1}}},
		{Keys: bson.D{{Key: "task", Value: 1}, newest, {Key: "_id", Value: -1}}},
	})
	if err != nil {
		return nil, fault.Away("the store of the activity feed", fmt.Errorf("make its indexes: %w", err))
	}
	return d, nil
}

// document is a line as it is stored. The time is a number, for a date there has no microseconds; ids are texts, for they sort.
type document struct {
	ID        string            `bson:"_id"`
	At        int64             `bson:"at"`
	ActorID   string            `bson:"actor,omitempty"`
	ActorName string            `bson:"name"`
	Verb      string            `bson:"verb"`
	ProjectID string            `bson:"project,omitempty"`
	TaskID    string            `bson:"task,omitempty"`
	Subject   string            `bson:"subject"`
	Detail    map[string]string `bson:"detail,omitempty"`
}

// Append adds lines, for Settle to move.
func (*Documents) Append(ctx context.Context, tx *ent.Tx, lines ...Line) error {
	return write(ctx, tx, lines)
}

// ForgetTask leaves the order to remove a task's lines.
func (*Documents) ForgetTask(ctx context.Context, tx *ent.Tx, project, task uuid.UUID, at time.Time) error {
	return write(ctx, tx, []Line{{At: at, Verb: forgetTask, ProjectID: project, TaskID: task}})
}

// ForgetProject leaves the order to remove a project's lines.
func (*Documents) ForgetProject(ctx context.Context, tx *ent.Tx, project uuid.UUID, at time.Time) error {
	return write(ctx, tx, []Line{{At: at, Verb: forgetProject, ProjectID: project}})
}

// Settle moves what lies in the client's database, the oldest first.
func (d *Documents) Settle(ctx context.Context) error {
	for {
		rows, err := d.store.Client().Activity.Query().Order(ent.Asc(activity.FieldAt, activity.FieldID)).Limit(batch).All(ctx)
		if err != nil {
			return store.Translate(fmt.Errorf("read what waits for the feed: %w", err))
		}
		if len(rows) == 0 {
			return nil
		}
		ids := make([]uuid.UUID, len(rows))
		var waiting []any
		for i, row := range rows {
			ids[i] = row.ID
			var order bson.D
			switch l := line(row); l.Verb {
			case forgetTask:
				order = bson.D{{Key: "task", Value: l.TaskID.String()}}
			case forgetProject:
				order = bson.D{{Key: "project", Value: l.ProjectID.String()}}
			default:
				waiting = append(waiting, toDocument(l))
				continue
			}
			if waiting, err = d.put(ctx, waiting); err != nil {
				return err
			}
			if _, err := d.lines.DeleteMany(ctx, order); err != nil {
				return fault.Away("the store of the activity feed", fmt.Errorf("forget lines: %w", err))
			}
		}
		if _, err = d.put(ctx, waiting); err != nil {
			return err
		}
		if err := d.store.Tx(ctx, func(tx *ent.Tx) error {
			_, err := tx.Activity.Delete().Where(activity.IDIn(ids...)).Exec(ctx)
			return err
		}); err != nil {
			return fmt.Errorf("clear what was moved to the feed: %w", err)
		}
		if len(rows) < batch {
			return nil
		}
	}
}

// put stores documents; those that are there already were moved before a crash, or by another machine.
func (d *Documents) put(ctx context.Context, documents []any) ([]any, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	_, err := d.lines.InsertMany(ctx, documents, options.InsertMany().SetOrdered(false))
	if err != nil && !onlyDuplicates(err) {
		return documents, fault.Away("the store of the activity feed", fmt.Errorf("append: %w", err))
	}
	return nil, nil
}

func onlyDuplicates(err error) bool {
	many, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || many.WriteConcernError != nil || len(many.WriteErrors) == 0 {
		return false
	}
	for _, one := range many.WriteErrors {
		if one.Code != 11000 {
			return false
		}
	}
	return true
}

// Page reads.
func (d *Documents) Page(ctx context.Context, f Filter) (Page, error) {
	if len(f.Projects) == 0 {
		return Page{}, nil
	}
	projects := make([]string, len(f.Projects))
	for i, id := range f.Projects {
		projects[i] = id.String()
	}
	where := bson.D{{Key: "project", Value: bson.D{{Key: "$in", Value: projects}}}}
	if f.Task != uuid.Nil {
		where = append(where, bson.E{Key: "task", Value: f.Task.String()})
	}
	if f.After != "" {
		m, err := parseMark(f.After)
		if err != nil {
			return Page{}, err
		}
		where = append(where, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: "at", Value: bson.D{{Key: "$lt", Value: m.at}}}},
			bson.D{{Key: "at", Value: m.at}, {Key: "_id", Value: bson.D{{Key: "$lt", Value: m.id.String()}}}},
		}})
	}
	found, err := d.lines.Find(ctx, where, options.Find().SetSort(bson.D{{Key: "at", Value: -1}, {Key: "_id", Value: -1}}).SetLimit(int64(f.limit()+1)))
	if err != nil {
		return Page{}, fault.Away("the store of the activity feed", fmt.Errorf("read: %w", err))
	}
	var documents []document
	if err := found.All(ctx, &documents); err != nil {
		return Page{}, fault.Away("the store of the activity feed", fmt.Errorf("read: %w", err))
	}
	lines := make([]Line, len(documents))
	for i, one := range documents {
		if lines[i], err = one.line(); err != nil {
			return Page{}, err
		}
	}
	return cut(lines, f.limit()), nil
}

func toDocument(l Line) document {
	id := func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		return id.String()
	}
	if l.ID == uuid.Nil {
		l.ID = schema.NewID()
	}
	return document{
		ID: l.ID.String(), At: l.At.UnixMicro(), ActorID: id(l.ActorID), ActorName: l.ActorName, Verb: l.Verb,
		ProjectID: id(l.ProjectID), TaskID: id(l.TaskID), Subject: l.Subject, Detail: l.Detail,
	}
}

func (d document) line() (Line, error) {
	l := Line{At: time.UnixMicro(d.At).UTC(), ActorName: d.ActorName, Verb: d.Verb, Subject: d.Subject, Detail: d.Detail}
	for _, one := range []struct {
		text string
		to   *uuid.UUID
	}{{d.ID, &l.ID}, {d.ActorID, &l.ActorID}, {d.ProjectID, &l.ProjectID}, {d.TaskID, &l.TaskID}} {
		if one.text == "" {
			continue
		}
		id, err := uuid.Parse(one.text)
		if err != nil {
			return Line{}, fmt.Errorf("line %s of the feed holds what is no id: %w", d.ID, err)
		}
		*one.to = id
	}
	return l, nil
}
