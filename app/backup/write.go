package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/store"
)

// write writes a client's backup, plain: see Seal for the encryption. It holds one page of rows and one chunk of a file at a time.
func write(ctx context.Context, w io.Writer, s Source, id string, made time.Time) (Summary, error) {
	if len(s.Keys) == 0 {
		return Summary{}, errors.New("the client's keys are missing")
	}
	sum := Summary{Tables: map[string]Count{}, Header: Header{
		Format: format, ID: id, Client: s.Client, Display: s.Display, Hosts: s.Hosts, Made: store.Moment(made), Release: s.Release,
		Engine: string(s.Store.Engine()),
	}}
	status, err := s.Store.MigrationStatus(ctx)
	if err != nil {
		return sum, err
	}
	if len(status.Pending) > 0 {
		return sum, fault.Clash("the client's database is not up to date", "run taskflow migrate first")
	}
	sum.Schema = status.Newest()
	all, err := tables()
	if err != nil {
		return sum, err
	}
	out := newFrameWriter(w)
	err = s.Store.View(ctx, func(tx *ent.Tx) error {
		c := tx.Client()
		head, err := c.AuditHead.Query().First(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return fmt.Errorf("read the end of the audit log: %w", err)
		}
		if head != nil {
			sum.Audit = AuditEnd{head.Seq, head.Hash}
		}
		if err := out.json(kindHeader, sum.Header); err != nil {
			return err
		}
		keys := make([]string, len(s.Keys))
		for i, key := range s.Keys {
			keys[i] = key.Encode() // inside the encryption, and nowhere else: see the package's comment
		}
		if err := out.json(kindKeys, keys); err != nil {
			return err
		}
		for _, t := range all {
			count, err := writeTable(ctx, out, c, t, s.Feed)
			if err != nil {
				return err
			}
			sum.Tables[t.name] = count
			sum.Rows += count.Rows
		}
		return writeFiles(ctx, out, c, s, &sum)
	})
	if err != nil {
		return sum, err
	}
	return sum, out.end(trailer{Tables: sum.Tables, Files: sum.Files, Bytes: sum.Bytes, Missing: sum.Missing})
}

func writeTable(ctx context.Context, out *frameWriter, c *ent.Client, t table, lines feed.Feed) (Count, error) {
	if err := out.json(kindTable, tableHead{t.name, t.names()}); err != nil {
		return Count{}, err
	}
	var n counter
	row := func(r values) error {
		text, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write a row of %s: %w", t.name, err)
		}
		n.add(text)
		return out.raw(kindRow, text)
	}
	if err := t.each(ctx, c, row); err != nil {
		return Count{}, err
	}
	if t.name == "activities" && lines != nil {
		if err := writeFeed(ctx, c, t, lines, row); err != nil {
			return Count{}, err
		}
	}
	return n.count(), out.json(kindTableEnd, n.count())
}

// writeFeed writes the lines of a feed that lies elsewhere as rows of the table in which lines wait for the feed: that is where a restore
// puts them, and from there they go to wherever the feed then lies. A line may just have been moved: it is written once.
func writeFeed(ctx context.Context, c *ent.Client, t table, lines feed.Feed, row func(values) error) error {
	projects, err := c.Project.Query().IDs(ctx)
	if err != nil {
		return fmt.Errorf("read the projects: %w", err)
	}
	for _, project := range projects {
		filter := feed.Filter{Projects: []uuid.UUID{project}, Limit: pageRows}
		for {
			page, err := lines.Page(ctx, filter)
			if err != nil {
				return fmt.Errorf("read the activity feed: %w", err)
			}
			for _, line := range page.Lines {
				if waits, err := c.Activity.Get(ctx, line.ID); err == nil && waits != nil {
					continue
				} else if !ent.IsNotFound(err) {
					return fmt.Errorf("look for a line of the feed: %w", err)
				}
				text, err := t.encode(ctx, line.ID, c.Activity.UpdateOne(activityOf(line)).Mutation())
				if err != nil {
					return err
				}
				if err := row(text); err != nil {
					return err
				}
			}
			if filter.After = page.Next; filter.After == "" {
				break
			}
		}
	}
	return nil
}

func activityOf(l feed.Line) *ent.Activity {
	id := func(id uuid.UUID) *uuid.UUID {
		if id == uuid.Nil {
			return nil
		}
		return &id
	}
	return &ent.Activity{
		ID: l.ID, At: l.At, ActorID: id(l.ActorID), ActorName: l.ActorName, Verb: l.Verb, ProjectID: id(l.ProjectID), TaskID: id(l.TaskID),
		Subject: l.Subject, Detail: l.Detail,
	}
}

// writeFiles writes the content of all attachments that the snapshot has. Content never changes under its key; what somebody removes
// meanwhile is noted as gone.
func writeFiles(ctx context.Context, out *frameWriter, c *ent.Client, s Source, sum *Summary) error {
	after := uuid.Nil
	for {
		rows, err := c.Attachment.Query().Where(attachment.StateEQ(attachment.StateStored), attachment.IDGT(after)).
			Order(ent.Asc(attachment.FieldID)).Limit(pageRows).All(ctx)
		if err != nil {
			return fmt.Errorf("read the attachments: %w", err)
		}
		for _, row := range rows {
			end, err := writeFile(ctx, out, s, row)
			if err != nil {
				return fmt.Errorf("attachment %s: %w", row.ID, err)
			}
			sum.Files++
			sum.Bytes += end.Size
			if end.Gone {
				sum.Missing++
			}
		}
		if len(rows) < pageRows {
			return nil
		}
		after = rows[len(rows)-1].ID
	}
}

func writeFile(ctx context.Context, out *frameWriter, s Source, row *ent.Attachment) (fileEnd, error) {
	if err := out.json(kindFile, fileHead{row.StorageKey, row.Size, row.Sha256}); err != nil {
		return fileEnd{}, err
	}
	file, err := s.Files.Open(ctx, row.StorageKey)
	if fault.Is(err, fault.NotFound) {
		return gone(ctx, out, s, row)
	}
	if err != nil {
		return fileEnd{}, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	hash := sha256.New()
	var end fileEnd
	chunk := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(file, chunk)
		if n > 0 {
			hash.Write(chunk[:n])
			end.Size += int64(n)
			if err := out.raw(kindChunk, chunk[:n]); err != nil {
				return fileEnd{}, err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fileEnd{}, fmt.Errorf("read its content: %w", err)
		}
	}
	end.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if end.Size != row.Size || row.Sha256 != "" && end.SHA256 != row.Sha256 {
		return fileEnd{}, errors.New("its content is not what was stored: its size or its hash is another")
	}
	return end, out.json(kindFileEnd, end)
}

// gone tells whether a file that is not there was removed by somebody. If not, content is lost, and a backup without it is not whole.
func gone(ctx context.Context, out *frameWriter, s Source, row *ent.Attachment) (fileEnd, error) {
	now, err := s.Store.Client().Attachment.Get(ctx, row.ID)
	if err != nil && !ent.IsNotFound(err) {
		return fileEnd{}, fmt.Errorf("look whether it was removed: %w", store.Translate(err))
	}
	if err == nil && now.State == attachment.StateStored && now.TaskID != nil {
		return fileEnd{}, errors.New("its content is not in the storage")
	}
	end := fileEnd{Gone: true}
	return end, out.json(kindFileEnd, end)
}

// newID is the name of a backup.
func newID() string { return schema.NewID().String() }
