package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	entsql "entgo.io/ent/dialect/sql"
	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/fault"
)

// flusher brings what SQLite has committed to the disk, once for all who wait. SQLite's own way (synchronous FULL) does it once for
// each commit, while the next writer waits. So the database is opened with NORMAL, in which a commit is written and not yet flushed,
// and nobody is told that it is done before a flush of the write-ahead log that began after it: what is acknowledged survives when the
// power fails, as with FULL. (Others may read it some milliseconds earlier.) What SQLite itself has to flush, before and after it
// moves the log into the database, it does. After a flush that failed nobody knows what is on the disk, and asking again would not
// tell: nothing more is acknowledged until the database is opened anew.
type flusher struct {
	log string

	mu   sync.Mutex
	next *flush // that has not begun: whoever comes waits for it

	one   sync.Mutex // a flush at a time
	lost  error      // of the flush that failed
	seen  uint64     // the log's file, whose name is in its folder for good
	count atomic.Int64
}

type flush struct {
	done chan struct{}
	err  error
}

// newFlusher is for a database whose file is there.
func newFlusher(path string) (*flusher, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path) // the log lies beside the file itself
	}
	if err != nil {
		return nil, fmt.Errorf("find the database's file: %w", err)
	}
	return &flusher{log: path + "-wal"}, nil
}

// wait returns when all that was committed before is on the disk.
func (f *flusher) wait() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	mine, first := f.next, false
	if mine == nil {
		mine, first = &flush{done: make(chan struct{})}, true
		f.next = mine
	}
	f.mu.Unlock()
	if !first {
		<-mine.done
		return mine.err
	}
	f.one.Lock()
	f.mu.Lock()
	f.next = nil // whoever comes from here on waits for the next one
	f.mu.Unlock()
	f.count.Add(1)
	err := f.lost
	if err == nil {
		err = f.sync()
		if _, lost := errors.AsType[unflushed](err); lost {
			f.lost = err
		}
	}
	if err != nil {
		mine.err = fault.Away("the database", fmt.Errorf("flush what was written: %w", err))
	}
	f.one.Unlock()
	close(mine.done)
	return mine.err
}

func (f *flusher) sync() error {
	file, err := syncFile(f.log)
	if errors.Is(err, fs.ErrNotExist) {
		// The last connection that was closed took it away, after it had flushed the database. That is not opened here: to close it
		// would drop SQLite's locks on it.
		_, err = syncFile(filepath.Dir(f.log))
		return err
	}
	if err != nil || file == f.seen {
		return err
	}
	if _, err := syncFile(filepath.Dir(f.log)); err != nil {
		return err
	}
	f.seen = file
	return nil
}

// unflushed is a flush that was tried and failed: the kernel may have dropped what was to be written.
type unflushed struct{ error }

func (u unflushed) Unwrap() error { return u.error }

// syncFile flushes a file or a folder, and tells its number.
func syncFile(path string) (uint64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // nothing was written through it
	if err := file.Sync(); err != nil {
		return 0, unflushed{err}
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return 0, err
	}
	return stat.Ino, nil
}

// flushed is what a writing statement gives back. It is written when it has been read to its end.
type flushed struct {
	entsql.ColumnScanner
	flusher *flusher
	err     error
	ended   bool
}

// Next is ColumnScanner's.
func (r *flushed) Next() bool {
	if r.ColumnScanner.Next() {
		return true
	}
	r.end()
	return false
}

func (r *flushed) end() {
	if !r.ended {
		r.ended, r.err = true, r.flusher.wait()
	}
}

// Err is ColumnScanner's.
func (r *flushed) Err() error { return errors.Join(r.ColumnScanner.Err(), r.err) }

// Close is ColumnScanner's.
func (r *flushed) Close() error {
	err := r.ColumnScanner.Close()
	r.end()
	return errors.Join(err, r.err)
}
