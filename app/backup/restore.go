package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
)

// Target is where to restore to: one client's open parts. Its schema is this release's.
type Target struct {
	Store   *store.Store
	Files   files.Store // nil: content is checked and dropped
	Keys    *seal.Keys  // nil: what is sealed is opened and left as it is
	Replace bool        // what is there goes; without it only an empty database is restored to
	By      string      // who restores, for the audit log
	Now     func() time.Time
}

// Restore restores what open gives, decrypted. Everything becomes visible at once, at the end, when the backup was read to its end, all
// rows were read back and compared, and all files are there; until then, and after a failure, what was there is unchanged. open may be
// called several times.
func Restore(ctx context.Context, t Target, open func() (io.ReadCloser, error)) (Summary, error) {
	r := &restore{target: t}
	err := t.Store.Tx(ctx, func(tx *ent.Tx) (err error) {
		stream, err := open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stream.Close()) }()
		return r.run(ctx, tx, stream)
	})
	if err != nil {
		return Summary{}, errors.Join(err, r.takeBack(ctx))
	}
	return r.sum, nil
}

type restore struct {
	target  Target
	tx      *ent.Tx
	in      *frameReader
	all     map[string]table
	order   []table
	sum     Summary
	keys    []seal.Key
	keepLog bool
	gone    []string
	put     []string // files that were not there before
}

func (r *restore) run(ctx context.Context, tx *ent.Tx, stream io.Reader) error {
	r.tx, r.in, r.gone = tx, newFrameReader(stream), nil
	r.sum = Summary{Tables: map[string]Count{}}
	var err error
	if r.order, err = tables(); err != nil {
		return err
	}
	r.all = map[string]table{}
	for _, t := range r.order {
		r.all[t.name] = t
	}
	if err := r.head(ctx); err != nil {
		return err
	}
	if err := r.makeRoom(ctx); err != nil {
		return err
	}
	if err := r.body(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	return r.settle(ctx)
}

func (r *restore) expect(kind byte) (frame, error) {
	f, err := r.in.next()
	if err != nil {
		return f, err
	}
	if f.kind != kind {
		return f, damaged("part %q stands where %q belongs", f.kind, kind)
	}
	return f, nil
}

// head reads what the backup says of itself.
func (r *restore) head(ctx context.Context) error {
	f, err := r.expect(kindHeader)
	if err != nil {
		return err
	}
	if err := f.decode(&r.sum.Header); err != nil {
		return err
	}
	if r.sum.Format != format {
		return fault.Clash(fmt.Sprintf("the backup has form %d, and this release reads form %d", r.sum.Format, format), "restore it with the release that made it: "+r.sum.Release)
	}
	status, err := r.target.Store.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	if err := status.Compatible(); err != nil {
		return err
	}
	if r.sum.Schema > status.Newest() {
		return fault.Clash(fmt.Sprintf("the backup was made by a newer release (%s, schema %s)", r.sum.Release, r.sum.Schema), "install that release or a newer one")
	}
	if f, err = r.expect(kindKeys); err != nil {
		return err
	}
	var texts []string
	if err := f.decode(&texts); err != nil {
		return err
	}
	r.keys = nil
	for _, text := range texts {
		key, err := seal.ParseKey(text)
		if err != nil {
			return damaged("one of its keys cannot be read")
		}
		r.keys = append(r.keys, key)
	}
	return nil
}

// makeRoom empties the database. The audit log is only ever appended to (AC-5): one that is there stays, if the backup is of its past.
func (r *restore) makeRoom(ctx context.Context) error {
	c := r.tx.Client()
	entries, err := c.AuditEntry.Query().Count(ctx)
	if err != nil {
		return fmt.Errorf("look at the audit log: %w", err)
	}
	r.keepLog = entries > 0
	people, err := c.User.Query().Count(ctx)
	if err != nil {
		return fmt.Errorf("look for people: %w", err)
	}
	if !r.target.Replace && (people > 0 || entries > 0) {
		return fault.Clash("the database holds a client's data already", "restore under another name, or suspend the client and replace it")
	}
	if r.keepLog && r.sum.Audit.Seq > 0 {
		ours, err := c.AuditEntry.Query().Where(auditentry.Seq(r.sum.Audit.Seq), auditentry.Hash(r.sum.Audit.Hash)).Exist(ctx)
		if err != nil {
			return fmt.Errorf("compare the audit logs: %w", err)
		}
		if !ours {
			return fault.Clash("the audit log that is there is not a continuation of the backup's, and an audit log is never removed",
				"restore into an empty database, or under another name")
		}
	}
	for _, t := range slices.Backward(r.order) {
		if r.keepLog && logTable(t.name) || t.name == "audit_entries" { // which is empty then
			continue
		}
		if err := t.clear(ctx, c); err != nil {
			return fmt.Errorf("empty table %s: %w", t.name, err)
		}
	}
	return nil
}

func logTable(name string) bool { return name == "audit_entries" || name == "audit_heads" }

func (r *restore) body(ctx context.Context) error {
	for {
		f, err := r.in.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kindTable:
			err = r.table(ctx, f)
		case kindFile:
			err = r.file(ctx, f)
		case kindEnd:
			return r.end(f)
		default:
			err = damaged("part %q stands where a table or a file belongs", f.kind)
		}
		if err != nil {
			return err
		}
	}
}

func (r *restore) table(ctx context.Context, f frame) error {
	var head tableHead
	if err := f.decode(&head); err != nil {
		return err
	}
	t, known := r.all[head.Name]
	if _, twice := r.sum.Tables[head.Name]; !known || twice || r.sum.Files > 0 {
		return r.unknown("table " + short(head.Name))
	}
	for i, name := range head.Columns {
		if !slices.ContainsFunc(t.columns, func(c column) bool { return c.name == name }) || slices.Contains(head.Columns[:i], name) {
			return r.unknown("column " + short(head.Name+"."+name))
		}
	}
	for _, key := range t.keys {
		if !slices.Contains(head.Columns, key) {
			return damaged("rows of %s have no key", t.name)
		}
	}
	skip := r.keepLog && logTable(t.name)
	var n counter
	var rows [][]json.RawMessage
	size := 0
	flush := func() error {
		if len(rows) == 0 || skip {
			rows, size = nil, 0
			return nil
		}
		if err := t.write(ctx, r.tx.Client(), head.Columns, rows); err != nil {
			return fmt.Errorf("write table %s: %w", t.name, err)
		}
		rows, size = nil, 0
		return nil
	}
	for {
		f, err := r.in.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kindRow:
			n.add(f.content)
			var row []json.RawMessage
			if err := json.Unmarshal(bytes.Clone(f.content), &row); err != nil || len(row) != len(head.Columns) {
				return damaged("a row of %s cannot be read", t.name)
			}
			rows = append(rows, row)
			if size += len(f.content); len(rows) >= pageRows || size >= pageBytes {
				if err := flush(); err != nil {
					return err
				}
			}
		case kindTableEnd:
			var said Count
			if err := f.decode(&said); err != nil {
				return err
			}
			if said != n.count() {
				return damaged("table %s has other rows than it says", t.name)
			}
			r.sum.Tables[t.name] = said
			r.sum.Rows += said.Rows
			return flush()
		default:
			return damaged("part %q stands in the middle of a table", f.kind)
		}
	}
}

// unknown refuses what this release has no place for. An expand step adds what may be empty, so an older backup lacks it and takes the
// defaults; a contract step takes away what a data migration has moved on before, and a backup from before that migration holds it in the
// old place only.
func (r *restore) unknown(what string) error {
	return fault.Clash(fmt.Sprintf("the backup holds %s, twice or unknown to this release; it was made by release %q", what, r.sum.Release),
		"restore it with that release, and upgrade afterwards")
}

func (r *restore) file(ctx context.Context, f frame) error {
	var head fileHead
	if err := f.decode(&head); err != nil {
		return err
	}
	row, err := r.tx.Attachment.Query().Where(attachment.StorageKey(head.Key)).Only(ctx)
	if ent.IsNotFound(err) {
		return damaged("it holds a file that no attachment names")
	}
	if err != nil {
		return fmt.Errorf("look for an attachment: %w", err)
	}
	if row.Size != head.Size || row.Sha256 != head.SHA256 || row.State != attachment.StateStored {
		return damaged("a file is another than its attachment says")
	}
	content := &fileReader{in: r.in, hash: sha256.New()}
	if r.target.Files == nil {
		_, err = io.Copy(io.Discard, content)
	} else {
		err = r.keep(ctx, head, content)
	}
	if err != nil {
		return err
	}
	r.sum.Files++
	r.sum.Bytes += content.end.Size
	if content.end.Gone {
		r.sum.Missing++
		r.gone = append(r.gone, head.Key)
	} else if content.end.Size != row.Size || row.Sha256 != "" && content.end.SHA256 != row.Sha256 {
		return damaged("a file is another than its attachment says")
	}
	return nil
}

func (r *restore) keep(ctx context.Context, head fileHead, content *fileReader) error {
	before, err := r.target.Files.Open(ctx, head.Key)
	switch {
	case err == nil:
		if err := before.Close(); err != nil {
			return fmt.Errorf("look for file %s: %w", head.Key, err)
		}
	case fault.Is(err, fault.NotFound):
		r.put = append(r.put, head.Key)
	default:
		return err
	}
	// What is gone has no content: nothing is put then.
	first := make([]byte, 1)
	n, err := content.Read(first)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if content.end.Gone {
		return nil
	}
	info, err := r.target.Files.Put(ctx, head.Key, io.MultiReader(bytes.NewReader(first[:n]), content), max(head.Size, 1))
	if err != nil {
		return err
	}
	if info.Size != content.end.Size || info.SHA256 != content.end.SHA256 {
		return errors.New("the storage kept something else than it was given")
	}
	return nil
}

// fileReader reads a file's chunks to its end, and sees that they are what the end says.
type fileReader struct {
	in   *frameReader
	hash hash.Hash
	rest []byte
	size int64
	end  fileEnd
	done bool
}

func (f *fileReader) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.done {
			return 0, io.EOF
		}
		next, err := f.in.next()
		if err != nil {
			return 0, err
		}
		switch next.kind {
		case kindChunk:
			f.rest = next.content
			f.size += int64(len(f.rest))
			f.hash.Write(f.rest)
		case kindFileEnd:
			if err := next.decode(&f.end); err != nil {
				return 0, err
			}
			if f.end.Size != f.size || !f.end.Gone && f.end.SHA256 != hex.EncodeToString(f.hash.Sum(nil)) || f.end.Gone && f.size > 0 {
				return 0, damaged("a file is another than its end says")
			}
			f.done = true
		default:
			return 0, damaged("part %q stands in the middle of a file", next.kind)
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// end checks the last part: the stream is whole, and has what it says.
func (r *restore) end(f frame) error {
	var t trailer
	if err := f.decode(&t); err != nil {
		return err
	}
	if t.SHA256 != r.in.before || !maps.Equal(t.Tables, r.sum.Tables) || t.Files != r.sum.Files || t.Bytes != r.sum.Bytes || t.Missing != r.sum.Missing {
		return damaged("its end does not fit what stands before")
	}
	return r.in.finish()
}

// compare reads back what was written. Only a backup of this very schema can be compared by sums: an older one's rows have grown since.
func (r *restore) compare(ctx context.Context) error {
	status, err := r.target.Store.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	for _, t := range r.order {
		said, there := r.sum.Tables[t.name]
		if !there && r.sum.Schema == status.Newest() {
			return damaged("table %s is missing", t.name)
		}
		if r.keepLog && logTable(t.name) {
			continue
		}
		var n counter
		if err := t.each(ctx, r.tx.Client(), func(row values) error {
			text, err := json.Marshal(row)
			n.add(text)
			return err
		}); err != nil {
			return err
		}
		found := n.count()
		if found.Rows != said.Rows || r.sum.Schema == status.Newest() && found != said {
			return fmt.Errorf("table %s has %d rows (%s) after it was restored, and the backup %d (%s)", t.name, found.Rows, short(found.Sum), said.Rows, short(said.Sum))
		}
	}
	stored, err := r.tx.Attachment.Query().Where(attachment.StateEQ(attachment.StateStored)).Count(ctx)
	if err != nil {
		return fmt.Errorf("count the attachments: %w", err)
	}
	if int64(stored) != r.sum.Files {
		return damaged("it has %d files for %d attachments", r.sum.Files, stored)
	}
	return nil
}

// takeBack removes files that a failed restore has put.
func (r *restore) takeBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var problems []error
	for _, key := range r.put {
		if err := r.target.Files.Delete(ctx, key); err != nil {
			problems = append(problems, fmt.Errorf("remove what was restored of the files: %w", err))
		}
	}
	return errors.Join(problems...)
}

func short(text string) string {
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return fmt.Sprintf("%q", text)
}
