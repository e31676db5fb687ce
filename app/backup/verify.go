package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/store"
)

const roomPrefix = "taskflow-verify-"

// Verify restores a decrypted backup into a temporary SQLite database below folder ("" is the system's), checks all that Restore checks, and
// removes it.
func Verify(ctx context.Context, stream io.Reader, folder string, now func() time.Time) (_ Summary, err error) {
	room, leave, err := makeRoom(folder)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	// What is verified need not survive a crash.
	s, err := store.Open(ctx, store.Options{Engine: store.SQLite, Path: filepath.Join(room, "verify.db"), Synchronous: "NORMAL"})
	if err != nil {
		return Summary{}, fmt.Errorf("verify the backup: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Migrate(ctx, now); err != nil {
		return Summary{}, fmt.Errorf("verify the backup: %w", err)
	}
	read := false
	return Restore(ctx, Target{Store: s, By: "verification", Now: now}, func() (io.ReadCloser, error) {
		if read {
			return nil, errors.New("the verification did not go through at once")
		}
		read = true
		return io.NopCloser(stream), nil
	})
}

// makeRoom makes a folder for one verification. It holds a client's data in the plain, so those that a crash left are removed first; a
// lock tells them from those in use.
func makeRoom(folder string) (room string, leave func() error, err error) {
	if folder == "" {
		folder = os.TempDir()
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, fmt.Errorf("make room to verify: %w", err)
	}
	left, err := os.ReadDir(folder)
	if err != nil {
		return "", nil, fmt.Errorf("look for what a crash left: %w", err)
	}
	for _, one := range left {
		if old := filepath.Join(folder, one.Name()); one.IsDir() && strings.HasPrefix(one.Name(), roomPrefix) && abandoned(filepath.Join(old, "lock")) {
			if err := os.RemoveAll(old); err != nil && !errors.Is(err, os.ErrPermission) {
				return "", nil, fmt.Errorf("remove what a crash left: %w", err)
			}
		}
	}
	room, err = os.MkdirTemp(folder, roomPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("make room to verify: %w", err)
	}
	lock, err := lockNew(filepath.Join(room, "lock"))
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(room))
	}
	return room, func() error { return errors.Join(os.RemoveAll(room), lock.Close()) }, nil
}

// lockNew makes a file and locks it for as long as it is open.
func lockNew(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a file: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
	}
	return file, nil
}

// abandoned tells whether the process that locked a file is gone.
func abandoned(name string) bool {
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // it was only looked at
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false
	}
	return true
}
