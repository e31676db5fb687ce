//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrLocked is the error when another process holds the directory.
var ErrLocked = errors.New("another process uses the directory")

// Lock makes the caller the only user of dir until release is called or the process dies.
func Lock(dir string) (release func() error, err error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = file.Close() }() // nothing was written
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		holder := "unknown"
		if raw, err := os.ReadFile(path); err == nil && len(raw) > 0 {
			holder = strings.TrimSpace(string(raw))
		}
		return nil, fmt.Errorf("lock %s: %w: wait for process %s to end, or give another directory", dir, ErrLocked, holder)
	}
	// The pid is for the reader of the error only; the lock itself is the kernel's and ends with the process.
	if err := file.Truncate(0); err == nil {
		_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), file.Close())
		}
	}
	return file.Close, nil
}
