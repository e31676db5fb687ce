package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// BusyError says that another process works on the stack.
type BusyError struct {
	Stack string
	Run   Run
}

func (e *BusyError) Error() string {
	who, pid := fmt.Sprintf("process %d", e.Run.PID), e.Run.PID
	if !alive(e.Run.PID) && e.Run.CLI != 0 {
		pid = e.Run.CLI
		who = fmt.Sprintf("process %d, the Pulumi CLI of a run that was killed and that finishes by itself,", e.Run.CLI)
	}
	return fmt.Sprintf("stack %s is being worked on: %s runs %s since %s\nwait for it to end, or interrupt it with `kill -INT %d`",
		e.Stack, who, e.Run.Operation, e.Run.Started.UTC().Format(time.RFC3339), pid)
}

// Run is one process's work on a stack, as its lock file tells it.
type Run struct {
	PID       int       `json:"pid"`
	Operation Operation `json:"operation"`
	Started   time.Time `json:"started"`
	CLI       int       `json:"cli,omitempty"` // process id of the last Pulumi CLI that it started
}

// runLock makes sure that one process works on a stack. It is a lock of the operating system's on a file
// that the CLI inherits: it ends with the last of the two processes, however they end. The file's text
// says who holds it; text that is still there when the lock is free tells of a run that was killed.
type runLock struct {
	file *os.File
	run  Run
}

// acquire takes the lock. interrupted is the run that held it last and was killed, if any.
func acquire(path, stack string, run Run) (lock *runLock, interrupted *Run, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("lock stack %s: %w", stack, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("lock stack %s: %w", stack, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	var holder Run
	if text, readErr := os.ReadFile(path); readErr == nil && len(text) > 0 && json.Unmarshal(text, &holder) == nil {
		interrupted = &holder
	}
	if err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil, &BusyError{Stack: stack, Run: holder}
		}
		return nil, nil, fmt.Errorf("lock stack %s: %w", stack, err)
	}
	lock = &runLock{file: file, run: run}
	return lock, interrupted, lock.write()
}

// started notes the CLI's process.
func (l *runLock) started(pid int) {
	l.run.CLI = pid
	_ = l.write() // only what an error message says depends on it
}

func (l *runLock) write() error {
	text, err := json.Marshal(l.run)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("write the stack's lock: %w", err)
	}
	if _, err := l.file.WriteAt(append(text, '\n'), 0); err != nil {
		return fmt.Errorf("write the stack's lock: %w", err)
	}
	return nil
}

// release ends an orderly run: nothing is left to put right.
func (l *runLock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

// abandon gives the lock up and leaves on record that the run did not end in order: the next one looks after it.
func (l *runLock) abandon() error { return l.file.Close() }

// alive tells whether a process runs. One that has ended and that nobody collects, as in a container whose first
// process does not look after orphans, does not; only Linux tells them apart.
func alive(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, found := strings.Cut(string(text), ") ") // a program's name may hold anything but rarely that
	return !found || !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// removeStaleLocks removes the locks that killed CLIs left in a file backend's folder. The caller holds the
// stack's run lock, which a CLI of ours would share while it lives: such locks are stale. Where others
// may use the backend (ours is false), only the lock of the CLI that our killed run started is removed.
func removeStaleLocks(backend, stack, host string, interrupted *Run, ours bool) (notes []string, err error) {
	root := filepath.Join(backend, ".pulumi", "locks")
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) != stack {
			return err
		}
		if ours && strings.HasSuffix(path, ".tmp") { // a full disk or a kill came before it was a lock; the CLI would read it as one
			notes = append(notes, "removed a lock of the state that was not written to its end")
			return os.Remove(path)
		}
		if !strings.HasSuffix(path, ".json") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var held struct {
			PID      int    `json:"pid"`
			Hostname string `json:"hostname"`
		}
		if err := json.Unmarshal(text, &held); err != nil && !ours {
			return nil // not written by a CLI that we know; it says so itself
		}
		if !ours && (held.Hostname != host || interrupted == nil || held.PID != interrupted.CLI || alive(held.PID)) {
			return nil
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		notes = append(notes, fmt.Sprintf("removed the state's lock of process %d, which was killed", held.PID))
		return nil
	})
	if err != nil {
		return notes, fmt.Errorf("remove stale locks in %s: %w", root, err)
	}
	return notes, nil
}
