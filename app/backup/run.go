package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"time"

	"filippo.io/age"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Options say how a backup is made.
type Options struct {
	Place      Place
	Recipients []age.Recipient
	Keep       int
	Scratch    string // the folder for what is verified; "" is the system's
	Holder     string // who makes it: a name that no other run has
	By         string // for the audit log
	Now        func() time.Time
	Wait       time.Duration       // how long to wait for another run of the same client
	Progress   func(written int64) // hears now and then how much was written; may be nil
}

// Made is a backup that was made, verified and recorded.
type Made struct {
	Summary
	Where   string   `json:"where"`
	Size    int64    `json:"size"`
	SHA256  string   `json:"sha256"`
	Removed []string `json:"removed,omitempty"`
	Other   bool     `json:"other,omitempty"` // another machine made it while this one waited
}

const (
	lockName   = "backup"
	actionMade = "backup.made"
	// lease is how long a run that died keeps others waiting; a run that lives renews it.
	lease = 20 * time.Second
	// together is how far apart machines may begin that were told to at the same time: the first one's backup is then everybody's.
	together = time.Minute
)

// Run makes one backup of a client, verifies it, and records it in the client's audit log. One machine does it: others wait, and are content
// with what it made.
func Run(ctx context.Context, s Source, o Options) (Made, error) {
	began := o.Now()
	ctx, free, other, err := alone(ctx, s.Store, o, began)
	if err != nil {
		return Made{}, err
	}
	if other != nil {
		return Made{Other: true, Where: other.Where, Size: other.Size, SHA256: other.SHA256, Summary: Summary{Header: Header{ID: other.ID, Client: s.Client, Made: other.At}}}, nil
	}
	defer free()
	made, err := run(ctx, s, o)
	if err != nil {
		// A client should see that its backup fails. What cannot be written there is told to whoever called.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return Made{}, errors.Join(err, record(late, s.Store, o, Made{}, audit.Failed))
	}
	if err := record(ctx, s.Store, o, made, audit.OK); err != nil {
		return made, fmt.Errorf("the backup is at %s, and could not be recorded: %w", made.Where, err)
	}
	if made.Removed, err = o.Place.Keep(ctx, s.Client, o.Keep); err != nil {
		return made, fmt.Errorf("the backup is at %s: %w", made.Where, err)
	}
	return made, nil
}

// alone takes the client's lock and keeps it. The context that it gives ends when the lock is lost.
func alone(ctx context.Context, s *store.Store, o Options, began time.Time) (_ context.Context, free func(), other *Newest, err error) {
	for waited := false; ; waited = true {
		taken, err := s.Take(ctx, lockName, o.Holder, o.Now(), lease)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("take the lock of backups: %w", err)
		}
		if taken {
			newest, err := Latest(ctx, s)
			if err != nil {
				return nil, nil, nil, errors.Join(err, s.Release(ctx, lockName, o.Holder))
			}
			asked := store.Moment(began)
			if waited {
				asked = asked.Add(-together)
			}
			if newest == nil || newest.Recorded.Before(store.Moment(began)) || newest.At.Before(asked) {
				break // nobody made one, or whoever began did not end
			}
			return nil, nil, newest, s.Release(ctx, lockName, o.Holder)
		}
		if o.Now().Sub(began) >= o.Wait {
			return nil, nil, nil, fault.Clash("another backup of this client is being made", "wait until it is finished")
		}
		select {
		case <-ctx.Done():
			return nil, nil, nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	held, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-held.Done():
				return
			case <-time.After(lease / 3):
			}
			if taken, err := s.Take(held, lockName, o.Holder, o.Now(), lease); err == nil && !taken {
				cancel(fault.Clash("another run took over this client's backup", "see whether this machine was stopped for a while"))
			}
		}
	}()
	return held, func() {
		cancel(nil)
		<-ended
		late, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		_ = s.Release(late, lockName, o.Holder) // it ends by itself
	}, nil, nil
}

func run(ctx context.Context, s Source, o Options) (_ Made, err error) {
	made := o.Now()
	id := newID()
	upload, err := o.Place.Create(ctx, s.Client, name(made, id))
	if err != nil {
		return Made{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(cause(ctx, err), upload.Abort())
		}
	}()
	stored := &counting{w: upload, hash: sha256.New(), progress: o.Progress}
	verifying, tee := io.Pipe()
	type verdict struct {
		sum Summary
		err error
	}
	verified := make(chan verdict, 1)
	go func() {
		sum, err := verifyPacked(ctx, verifying, o)
		// Whoever writes goes on to the end or hears why not.
		_ = verifying.CloseWithError(errors.Join(err, errVerified))
		verified <- verdict{sum, err}
	}()
	sum, err := pack(ctx, stored, tee, s, o, id, made)
	_ = tee.CloseWithError(err) // nil is the end
	v := <-verified
	if v.err != nil && (err == nil || errors.Is(err, errVerified)) {
		return Made{}, fmt.Errorf("the backup was not kept, for restoring it failed: %w", v.err)
	}
	if err != nil {
		return Made{}, err
	}
	if v.sum.ID != sum.ID || !maps.Equal(v.sum.Tables, sum.Tables) || v.sum.Files != sum.Files || v.sum.Bytes != sum.Bytes {
		return Made{}, errors.New("the backup was not kept, for what was restored is not what was read")
	}
	where, err := upload.Commit()
	if err != nil {
		return Made{}, err
	}
	done := Made{Summary: sum, Where: where, Size: stored.size, SHA256: hex.EncodeToString(stored.hash.Sum(nil))}
	if folder, on := o.Place.(Folder); on {
		if err := reread(ctx, folder, done); err != nil {
			return Made{}, errors.Join(err, os.Remove(done.Where))
		}
	}
	return done, nil
}

var errVerified = errors.New("the verification has ended")

// cause is why a context ended, where that is what went wrong.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(err, why) {
		return errors.Join(why, err)
	}
	return err
}

func pack(ctx context.Context, stored, tee io.Writer, s Source, o Options, id string, made time.Time) (Summary, error) {
	sealed, err := newSealing(stored, tee, o.Recipients)
	if err != nil {
		return Summary{}, err
	}
	sum, err := write(ctx, sealed, s, id, made)
	if err != nil {
		_ = sealed.Encoder.Close() // what is encrypted stays without its end
		return sum, err
	}
	return sum, sealed.Close()
}

func verifyPacked(ctx context.Context, packed io.Reader, o Options) (Summary, error) {
	stream, err := unpack(packed)
	if err != nil {
		return Summary{}, err
	}
	defer stream.Close() //nolint:errcheck // it was only read
	return Verify(ctx, stream, o.Scratch, o.Now)
}

// reread compares what the disk has with what was written to it.
func reread(ctx context.Context, f Folder, made Made) error {
	file, err := f.Open(ctx, made.Where)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("read the backup again: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != made.SHA256 {
		return fmt.Errorf("the disk does not give back what was written: %s", made.Where)
	}
	return nil
}

// counting counts and sums what is stored.
type counting struct {
	w        io.Writer
	hash     hash.Hash
	size     int64
	progress func(int64)
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.hash.Write(p[:n])
	c.size += int64(n)
	if c.progress != nil {
		c.progress(c.size)
	}
	return n, err
}

func record(ctx context.Context, s *store.Store, o Options, made Made, outcome auditentry.Outcome) error {
	e := audit.Entry{At: o.Now(), ActorKind: audit.System, ActorName: o.By, Action: actionMade, Target: "backup", Outcome: outcome}
	if outcome == audit.OK {
		e.Target = "backup " + made.ID
		e.Detail = map[string]string{
			"id": made.ID, "where": made.Where, "size": fmt.Sprint(made.Size), "sha256": made.SHA256, "made": made.Made.Format(time.RFC3339Nano),
			"rows": fmt.Sprint(made.Rows), "files": fmt.Sprint(made.Files), "verified": "restored",
		}
	}
	return audit.New(s).Record(ctx, e)
}

// Newest is what a client's audit log says of its newest backup.
type Newest struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"` // of the data in it
	Where    string    `json:"where"`
	Size     int64     `json:"size,string"`
	SHA256   string    `json:"sha256"`
	Verified string    `json:"verified"`
	Recorded time.Time `json:"-"` // when it was made and verified
}

// Latest reads it; nil where there is none.
func Latest(ctx context.Context, s *store.Store) (*Newest, error) {
	row, err := s.Client().AuditEntry.Query().Where(auditentry.Action(actionMade), auditentry.OutcomeEQ(audit.OK)).
		Order(ent.Desc(auditentry.FieldSeq)).First(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, store.Translate(fmt.Errorf("read when the newest backup was made: %w", err))
	}
	var said struct {
		Newest
		Made time.Time `json:"made"`
	}
	if err := json.Unmarshal([]byte(row.Detail), &said); err != nil {
		return nil, fmt.Errorf("read when the newest backup was made: %w", err)
	}
	said.At, said.Recorded = said.Made, row.At
	return &said.Newest, nil
}
