package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
)

// An attachment is pending before its content is put into the storage, and stored once it is there: only then anybody sees it. What a
// crash leaves in between is pending, and Sweep removes it with its content after leftover.
const leftover = 24 * time.Hour

// MaxUpload is how large one attachment may be.
func (w *Work) MaxUpload() int64 { return w.o.Uploads.MaxBytes }

// CanAttach says before an upload is taken in whether it may be: the key's task is there and may be changed, and how many bytes there
// is room for.
func (w *Work) CanAttach(ctx context.Context, who actor.Actor, key string) (room int64, err error) {
	if err := who.Need(actor.Write); err != nil {
		return 0, err
	}
	if _, err := taskFor(ctx, w.db(), who, key, EditTask); err != nil {
		return 0, err
	}
	return w.room(ctx, w.db())
}

// room is what is left of the quota, for one file.
func (w *Work) room(ctx context.Context, db *ent.Client) (int64, error) {
	var sums []struct {
		Sum *int64 `json:"sum"`
	}
	err := db.Attachment.Query().Where(attachment.StateNEQ(attachment.StateRemoved)).
		Aggregate(func(s *sql.Selector) string { return sql.As(sql.Sum(s.C(attachment.FieldSize)), "sum") }).Scan(ctx, &sums)
	if err != nil {
		return 0, wrap("add up attachments", err)
	}
	used := int64(0)
	if len(sums) == 1 && sums[0].Sum != nil {
		used = *sums[0].Sum
	}
	return files.Room(w.o.Uploads.MaxBytes, w.o.Quota, used)
}

// Attach scans what was sent and keeps it with a task.
func (w *Work) Attach(ctx context.Context, who actor.Actor, key, name, declared string, upload *files.Upload) (uuid.UUID, error) {
	if _, err := w.CanAttach(ctx, who, key); err != nil {
		return uuid.Nil, err
	}
	if who.ID == uuid.Nil {
		return uuid.Nil, fault.Refused("a file has an uploader: somebody with an account")
	}
	scanned, err := files.Scan(ctx, upload, upload.Size, name, declared, w.o.Uploads)
	if err != nil {
		return uuid.Nil, err
	}
	if _, err := upload.Seek(0, io.SeekStart); err != nil {
		return uuid.Nil, fmt.Errorf("go to the beginning of the upload: %w", err)
	}
	id := schema.NewID()
	storage := id.String()
	if err := w.o.Store.Tx(ctx, func(tx *ent.Tx) error { return w.reserve(ctx, tx, who, key, id, storage, scanned, upload.Size) }); err != nil {
		return uuid.Nil, err
	}
	info, err := w.o.Files.Put(ctx, storage, upload, upload.Size)
	if err == nil && (info.Size != upload.Size || info.SHA256 != upload.SHA256) {
		err = errors.New("the storage kept something else than was sent")
	}
	if err != nil {
		return uuid.Nil, errors.Join(fmt.Errorf("keep the file: %w", err), w.abandon(ctx, id))
	}
	err = w.change(ctx, who, func(c *change) error {
		t, err := taskFor(ctx, c.Client(), who, key, EditTask)
		if err != nil {
			return err
		}
		n, err := c.Attachment.Update().Where(attachment.ID(id), attachment.TaskID(t.ID), attachment.StateEQ(attachment.StatePending)).
			SetState(attachment.StateStored).SetSha256(info.SHA256).Save(ctx)
		if err != nil {
			return wrap("show the file", err)
		}
		if n != 1 {
			return fault.Clash("the upload took too long", "send it again")
		}
		c.log("attachment.create", "task "+t.key, t.ID, "file", scanned.Name, "size", fmt.Sprint(info.Size), "type", scanned.Type)
		c.say("attachment.added", t.ProjectID, t.ID, t.subject(), "file", cut(scanned.Name, 100))
		c.happen(event{name: "attachment.added", task: t.ID, project: t.ProjectID})
		return nil
	})
	if err != nil {
		return uuid.Nil, errors.Join(err, w.abandon(ctx, id))
	}
	return id, nil
}

// reserve notes a file before its content is put, so that whatever is put is known of.
func (w *Work) reserve(ctx context.Context, tx *ent.Tx, who actor.Actor, key string, id uuid.UUID, storage string, s files.Scanned, size int64) error {
	t, err := taskFor(ctx, tx.Client(), who, key, EditTask)
	if err != nil {
		return err
	}
	c := &change{Tx: tx, w: w, who: who, at: w.now()}
	if err := c.lock(ctx, "work.attachments"); err != nil { // two at once would both find the last of the room
		return err
	}
	room, err := w.room(ctx, tx.Client())
	if err != nil {
		return err
	}
	if size > room {
		return fault.Oversize("file", "there is not enough room for it", "delete attachments that nobody needs, or ask for more room")
	}
	n, err := tx.Attachment.Query().Where(attachment.TaskID(t.ID), attachment.StateNEQ(attachment.StateRemoved)).Count(ctx)
	if err != nil {
		return wrap("count attachments", err)
	}
	if n >= schema.MaxAttachmentsPerTask {
		return fault.BadInput("file", "the task has too many files", "delete some that nobody needs")
	}
	return wrap("note the file", tx.Attachment.Create().SetID(id).SetTaskID(t.ID).SetUploaderID(who.ID).SetName(s.Name).SetSize(size).
		SetContentType(s.Type).SetStorageKey(storage).SetState(attachment.StatePending).SetCreatedAt(c.at).Exec(ctx))
}

// abandon gives a file up that was not kept: Sweep removes what there is of it.
func (w *Work) abandon(ctx context.Context, id uuid.UUID) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return w.o.Store.Tx(ctx, func(tx *ent.Tx) error {
		return tx.Attachment.Update().Where(attachment.ID(id), attachment.StateEQ(attachment.StatePending)).
			SetState(attachment.StateRemoved).SetRemovedAt(w.now()).Exec(ctx)
	})
}

// Attachment is a file of a task.
type Attachment struct {
	ID       uuid.UUID
	Name     string
	Type     string // its content type, as the scan found it
	Size     int64
	Uploader Person
	At       time.Time
	MayDo    bool // may be deleted by who reads
}

// OpenAttachment gives a file's content to whoever sees its task. The caller closes it.
func (w *Work) OpenAttachment(ctx context.Context, who actor.Actor, id uuid.UUID) (Attachment, files.File, error) {
	row, _, err := w.attachmentFor(ctx, w.db(), who, id, SeeProject)
	if err != nil {
		return Attachment{}, nil, err
	}
	content, err := w.o.Files.Open(ctx, row.StorageKey)
	if err != nil {
		return Attachment{}, nil, fmt.Errorf("open attachment %s: %w", id, err)
	}
	return Attachment{ID: row.ID, Name: row.Name, Type: row.ContentType, Size: row.Size, At: row.CreatedAt}, content, nil
}

func (w *Work) attachmentFor(ctx context.Context, db *ent.Client, who actor.Actor, id uuid.UUID, d Deed) (*ent.Attachment, found, error) {
	if err := who.Need(mustScope(d)); err != nil {
		return nil, found{}, err
	}
	row, err := db.Attachment.Query().Where(attachment.ID(id), attachment.StateEQ(attachment.StateStored), attachment.TaskIDNotNil()).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, found{}, fault.Missing("file")
	}
	if err != nil {
		return nil, found{}, wrap("find the file", err)
	}
	reader := who
	reader.Scopes = []actor.Scope{actor.Read}
	t, err := taskByID(ctx, db, reader, *row.TaskID, SeeProject)
	if fault.Is(err, fault.NotFound) {
		return nil, found{}, fault.Missing("file")
	}
	if err != nil {
		return nil, found{}, err
	}
	t.s.Own = row.UploaderID == who.ID
	return row, t, need(who, d, t.s, "file")
}

// DeleteAttachment removes a file: its uploader may, and administrators. It gives the task's key.
func (w *Work) DeleteAttachment(ctx context.Context, who actor.Actor, id uuid.UUID) (key string, err error) {
	if err := who.Need(actor.Write); err != nil {
		return "", err
	}
	err = w.change(ctx, who, func(c *change) error {
		row, t, err := w.attachmentFor(ctx, c.Client(), who, id, DeleteAttachment)
		if err != nil {
			return err
		}
		if err := archived(t.project); err != nil {
			return err
		}
		key = t.key
		if err := c.Attachment.UpdateOneID(id).SetState(attachment.StateRemoved).SetRemovedAt(c.at).Exec(ctx); err != nil {
			return wrap("remove the file", err)
		}
		c.log("attachment.delete", "task "+t.key, t.ID, "file", row.Name)
		c.say("attachment.removed", t.ProjectID, t.ID, t.subject(), "file", cut(row.Name, 100))
		return nil
	})
	return key, err
}

// Swept is what Sweep did.
type Swept struct{ Removed, Strays int }

// Sweep removes the content of what was deleted, what a crash left half-made, and content that no row knows of. The service calls it from
// time to time; it may run on several machines at once, and be stopped anywhere.
func (w *Work) Sweep(ctx context.Context) (Swept, error) {
	var swept Swept
	var problems []error
	old := w.now().Add(-leftover)
	for {
		rows, err := w.db().Attachment.Query().Where(attachment.Or(
			attachment.StateEQ(attachment.StateRemoved), attachment.TaskIDIsNil(),
			attachment.And(attachment.StateEQ(attachment.StatePending), attachment.CreatedAtLT(old)),
		)).Limit(100).Order(ent.Asc(attachment.FieldCreatedAt)).All(ctx)
		if err != nil {
			return swept, wrap("find files to remove", err)
		}
		for _, row := range rows {
			// Marked first: an upload that is just being finished then fails rather than showing what is gone.
			err := w.o.Store.Tx(ctx, func(tx *ent.Tx) error {
				return tx.Attachment.Update().Where(attachment.ID(row.ID)).SetState(attachment.StateRemoved).Exec(ctx)
			})
			if err == nil {
				err = w.o.Files.Delete(ctx, row.StorageKey)
			}
			if err == nil {
				err = w.o.Store.Tx(ctx, func(tx *ent.Tx) error { return tx.Attachment.DeleteOneID(row.ID).Exec(ctx) })
			}
			if err != nil && !ent.IsNotFound(err) && !fault.Is(err, fault.NotFound) {
				problems = append(problems, fmt.Errorf("remove file %s: %w", row.ID, err))
				continue
			}
			swept.Removed++
		}
		if len(rows) < 100 || len(problems) > 0 {
			break
		}
	}
	var strays []string
	err := w.o.Files.Walk(ctx, func(info files.Info) error {
		if info.Modified.Before(old) {
			known, err := w.db().Attachment.Query().Where(attachment.StorageKey(info.Key)).Exist(ctx)
			if err != nil {
				return wrap("look for a file", err)
			}
			if _, ours := uuid.Parse(info.Key); !known && ours == nil {
				strays = append(strays, info.Key)
			}
		}
		return nil
	})
	if err != nil {
		problems = append(problems, fmt.Errorf("look through the files: %w", err))
	}
	for _, key := range strays {
		if err := w.o.Files.Delete(ctx, key); err != nil {
			problems = append(problems, fmt.Errorf("remove a stray file: %w", err))
			continue
		}
		swept.Strays++
	}
	return swept, errors.Join(problems...)
}
