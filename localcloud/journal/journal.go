package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	path string
	file *os.File

	mu     sync.Mutex
	dirty  bool  // something is written and not synced
	failed error // the first error of a write or sync: nothing is accepted after it
	closed bool

	stop    chan struct{}
	stopped chan struct{}
}

// syncEvery is how much a machine that loses power may forget at most.
const syncEvery = 100 * time.Millisecond

// Open reads the journal at path, hands every record to visit in the order of writing, drops a torn tail
// and returns the journal ready for more. A journal that is not there is made. The caller sees to it that
// no other process has it open.
func Open(path string, visit func(payload []byte) error) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	if err := replay(file, visit); err != nil {
		return nil, errors.Join(fmt.Errorf("read the journal %s: %w", path, err), file.Close())
	}
	j := &Journal{path: path, file: file, stop: make(chan struct{}), stopped: make(chan struct{})}
	go j.keepSynced()
	return j, nil
}

func replay(file *os.File, visit func([]byte) error) error {
	data, err := os.ReadFile(file.Name())
	if err != nil {
		return err
	}
	sound, err := decode(data, visit)
	if err != nil {
		return err
	}
	if sound == 0 {
		if _, err := file.WriteAt([]byte(header), 0); err != nil {
			return err
		}
		sound = len(header)
	}
	if err := file.Truncate(int64(sound)); err != nil {
		return err
	}
	if _, err := file.Seek(int64(sound), 0); err != nil {
		return err
	}
	if len(data) != sound {
		return errors.Join(file.Sync(), syncDir(filepath.Dir(file.Name())))
	}
	return nil
}

// Append writes a record. When it returns, the record outlives the process; it outlives the machine soon after.
func (j *Journal) Append(payload []byte) error {
	if len(payload) == 0 || bytes.ContainsRune(payload, '\n') {
		return errors.New("append to the journal: a record has to be one line")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return errors.New("append to the journal: it is closed")
	case j.failed != nil:
		return j.failed
	}
	if _, err := j.file.Write(appendRecord(nil, payload)); err != nil {
		// What was written in part would be damage in the middle if anything followed it.
		j.failed = fmt.Errorf("write the journal %s: %w", j.path, err)
	}
	j.dirty = true
	return j.failed
}

// keepSynced syncs what is written until the journal is closed.
func (j *Journal) keepSynced() {
	defer close(j.stopped)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			j.sync()
		case <-j.stop:
			j.sync()
			return
		}
	}
}

func (j *Journal) sync() {
	j.mu.Lock()
	dirty := j.dirty
	j.dirty = false
	j.mu.Unlock()
	if !dirty {
		return
	}
	if err := j.file.Sync(); err != nil { // outside the lock: a slow disk holds up nobody
		j.mu.Lock()
		j.failed = errors.Join(j.failed, fmt.Errorf("sync the journal %s: %w", j.path, err))
		j.mu.Unlock()
	}
}

// Close syncs what is written and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed {
		return nil
	}
	close(j.stop)
	<-j.stopped
	return errors.Join(j.failed, j.file.Close())
}

// Rewrite replaces the journal at path by one that holds the given records, in one step: whoever dies
// in the middle leaves the old one. The journal must not be open.
func Rewrite(path string, records [][]byte) error {
	buf := []byte(header)
	for _, r := range records {
		buf = appendRecord(buf, r)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("rewrite the journal: %w", err)
	}
	_, err = temporary.Write(buf)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("rewrite the journal: %w", errors.Join(err, os.Remove(temporary.Name())))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
