package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/berth-iac/berth/engine"
)

// Journal keeps what a run found out, stack by stack, so that a run that is killed can be resumed. Each line reaches the disk
// before the next stack is thought of as begun; the one that a kill tears counts for nothing.
type Journal struct {
	id    string
	file  *os.File
	head  head
	taken map[string]record // of the runs before, by stack
	began time.Time         // of the first of them
	torn  bool              // the last line has no end
}

// head is the first line of a run, and of each that resumes it.
type head struct {
	Version   int       `json:"version"`
	Operation Operation `json:"operation"`
	Basis     string    `json:"basis"`
	Revision  string    `json:"revision,omitempty"`
	Shard     string    `json:"shard,omitempty"`
	Began     time.Time `json:"began"`
	PID       int       `json:"pid"`
	Stacks    []string  `json:"stacks"`
}

// record is a line about one stack.
type record struct {
	Inputs string         `json:"inputs"`
	Entry  *Entry         `json:"entry"`
	Result *engine.Result `json:"result,omitempty"`
}

// line is one line of a journal: one of its parts is set.
type line struct {
	Run   *head   `json:"run,omitempty"`
	Stack *record `json:"stack,omitempty"`
	Ended bool    `json:"ended,omitempty"` // every stack came to an answer
}

const (
	journalVersion = 1
	journalName    = "journal.jsonl"
	idForm         = "20060102T150405Z" // sorts by time
	keptRuns       = 30
)

// RunningError says that another process is at the run that was to be resumed.
type RunningError struct {
	ID    string
	PID   int
	Began time.Time
}

func (e *RunningError) Error() string {
	return fmt.Sprintf("run %s is still going on: process %d, since %s\nwait for it to end, or interrupt it with `kill -INT %d`", e.ID, e.PID, e.Began.UTC().Format(time.RFC3339), e.PID)
}

// NoRunError says that there is nothing to resume.
type NoRunError struct {
	ID string // that was asked for; empty: the latest
}

func (e *NoRunError) Error() string {
	if e.ID == "" {
		return "no run of this operation on these stacks was cut short: there is nothing to resume; leave out --resume"
	}
	return fmt.Sprintf("there is no run %s of this operation to resume; leave out its name for the latest that was cut short", e.ID)
}

// NewJournal begins the journal of a new run. It removes those of runs long ago.
func NewJournal(root string, plan Plan, now time.Time) (*Journal, error) {
	folder := Folder(root)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("begin the run's journal: %w", err)
	}
	prune(folder)
	id := now.UTC().Format(idForm)
	for n := 2; ; n++ {
		err := os.Mkdir(filepath.Join(folder, id), 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("begin the run's journal: %w", err)
		}
		id = fmt.Sprintf("%s-%d", now.UTC().Format(idForm), n)
	}
	file, err := os.OpenFile(filepath.Join(folder, id, journalName), os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin the run's journal: %w", err)
	}
	j := &Journal{id: id, file: file, taken: map[string]record{}, began: now}
	if err := j.begin(plan, now); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	for _, dir := range []string{filepath.Join(folder, id), folder} {
		if err := syncFolder(dir); err != nil {
			return nil, errors.Join(fmt.Errorf("begin the run's journal: %w", err), file.Close())
		}
	}
	return j, nil
}

// Resume goes on with a run that was cut short, or whose stacks did not all come to an answer: those that did are not done again while
// their inputs are the same. An empty id means the latest such run that has a stack of the plan.
func Resume(root, id string, plan Plan, now time.Time) (*Journal, error) {
	folder := Folder(root)
	ids := []string{id}
	if id == "" {
		ids = runIDs(folder)
		slices.Reverse(ids)
	}
	for _, candidate := range ids {
		j, ended, err := openJournal(folder, candidate)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		if !j.head.same(plan) || id == "" && (ended || !overlaps(j.head.Stacks, plan.Members)) {
			if err := j.Close(); err != nil {
				return nil, err
			}
			continue
		}
		if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			running := &RunningError{ID: candidate, PID: j.head.PID, Began: j.head.Began}
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = running
			}
			return nil, errors.Join(err, j.Close())
		}
		// Only now that nobody else writes can the journal be read to its end.
		if _, err := j.load(); err != nil {
			return nil, errors.Join(err, j.Close())
		}
		return j, j.begin(plan, now)
	}
	return nil, &NoRunError{ID: id}
}

// ID names the run.
func (j *Journal) ID() string { return j.id }

// Close gives the journal up. Whoever resumes the run may have it then.
func (j *Journal) Close() error { return j.file.Close() }

// begin takes the lock and writes the first line.
func (j *Journal) begin(plan Plan, now time.Time) error {
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock the run's journal: %w", err)
	}
	j.head = head{Version: journalVersion, Operation: plan.Operation, Basis: plan.Basis, Revision: plan.Revision, Shard: plan.shard(),
		Began: now, PID: os.Getpid()}
	for _, m := range plan.Members {
		j.head.Stacks = append(j.head.Stacks, m.Stack)
	}
	if j.torn {
		if _, err := j.file.WriteString("\n"); err != nil {
			return fmt.Errorf("write the journal of run %s: %w", j.id, err)
		}
		j.torn = false
	}
	return j.write(line{Run: &j.head})
}

// take gives what an earlier run found out about a stack, when it need not be found out again.
func (j *Journal) take(stack, inputs string) (record, bool) {
	if j == nil || inputs == "" {
		return record{}, false
	}
	r, ok := j.taken[stack]
	return r, ok && r.Inputs == inputs && r.Entry.Status.answered()
}

// note keeps what came out of one stack.
func (j *Journal) note(inputs string, e Entry, result *engine.Result) error {
	if j == nil {
		return nil
	}
	return j.write(line{Stack: &record{Inputs: inputs, Entry: &e, Result: result}})
}

// end says that nothing is left to resume.
func (j *Journal) end() error {
	if j == nil {
		return nil
	}
	return j.write(line{Ended: true})
}

func (j *Journal) write(l line) error {
	text, err := json.Marshal(l)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal of run %s: %w", j.id, err)
	}
	return nil
}

// openJournal reads a run's journal.
func openJournal(folder, id string) (j *Journal, ended bool, err error) {
	if filepath.Base(id) != id {
		return nil, false, fs.ErrNotExist
	}
	file, err := os.OpenFile(filepath.Join(folder, id, journalName), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, false, fmt.Errorf("read the journal of run %s: %w", id, err)
	}
	j = &Journal{id: id, file: file}
	if ended, err = j.load(); err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	return j, ended, nil
}

// load reads all lines. One that a kill has torn counts for nothing.
func (j *Journal) load() (ended bool, err error) {
	j.head, j.taken, j.began = head{}, map[string]record{}, time.Time{}
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("read the journal of run %s: %w", j.id, err)
	}
	text, err := io.ReadAll(j.file)
	if err != nil {
		return false, fmt.Errorf("read the journal of run %s: %w", j.id, err)
	}
	j.torn = len(text) > 0 && text[len(text)-1] != '\n'
	for one := range bytes.Lines(text) {
		var l line
		if json.Unmarshal(one, &l) != nil {
			continue // torn: its stack is done again
		}
		switch {
		case l.Run != nil && l.Run.Version == journalVersion:
			if j.began.IsZero() {
				j.began = l.Run.Began
			}
			j.head, ended = *l.Run, false
		case l.Stack != nil && l.Stack.Entry != nil:
			j.taken[l.Stack.Entry.Stack] = *l.Stack
		case l.Ended:
			ended = true
		}
	}
	return ended, nil
}

// same tells whether a run did what the plan is to do.
func (h head) same(plan Plan) bool {
	return h.Version == journalVersion && h.Operation == plan.Operation && h.Basis == plan.Basis && h.Shard == plan.shard()
}

func overlaps(stacks []string, members []Member) bool {
	known := set(stacks)
	return slices.ContainsFunc(members, func(m Member) bool { return known[m.Stack] })
}

// runIDs are the runs that have a folder, the oldest first.
func runIDs(folder string) []string {
	entries, _ := os.ReadDir(folder) // no folder, no runs
	var ids []string
	for _, entry := range entries {
		if len(entry.Name()) < len(idForm) || !entry.IsDir() {
			continue
		}
		if _, err := time.Parse(idForm, entry.Name()[:len(idForm)]); err == nil {
			ids = append(ids, entry.Name())
		}
	}
	return ids // as ReadDir sorts them
}

// prune removes the journals of runs long ago. What cannot be removed stays.
func prune(folder string) {
	ids := runIDs(folder)
	for _, id := range ids[:max(0, len(ids)-keptRuns)] {
		file, err := os.Open(filepath.Join(folder, id, journalName))
		if err != nil {
			continue
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Join(folder, id))
		}
		_ = file.Close()
	}
}

// syncFolder has a folder's new names reach the disk.
func syncFolder(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
