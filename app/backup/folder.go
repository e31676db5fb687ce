package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/fault"
)

// Folder keeps backups on a disk: DIRECTORY/CLIENT/TIME-ID.age.
type Folder struct{ Directory string }

const unfinished = ".unfinished"

// Create is of Place. What a killed run left unfinished is removed on the way: its lock went with the process.
func (f Folder) Create(_ context.Context, client, name string) (Upload, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	own := filepath.Join(f.Directory, client)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of backups: %w", diskError(err))
	}
	left, err := os.ReadDir(own)
	if err != nil {
		return nil, fmt.Errorf("read the folder of backups: %w", err)
	}
	for _, one := range left {
		if old := filepath.Join(own, one.Name()); strings.HasSuffix(one.Name(), unfinished) && abandoned(old) {
			if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("remove an unfinished backup: %w", err)
			}
		}
	}
	final := filepath.Join(own, name)
	file, err := lockNew(filepath.Join(own, "."+name+unfinished))
	if err != nil {
		return nil, fmt.Errorf("begin a backup: %w", diskError(err))
	}
	return &folderUpload{file: file, final: final}, nil
}

type folderUpload struct {
	file  *os.File
	final string
	done  bool
}

func (u *folderUpload) Write(p []byte) (int, error) {
	n, err := u.file.Write(p)
	return n, diskError(err)
}

// Commit gives the file its name, which must not be taken, and makes sure that both survive a power cut.
func (u *folderUpload) Commit() (string, error) {
	if err := u.file.Sync(); err != nil {
		return "", fmt.Errorf("write the backup: %w", diskError(err))
	}
	if err := os.Link(u.file.Name(), u.final); err != nil {
		return "", fmt.Errorf("name the backup: %w", err)
	}
	u.done = true
	err := errors.Join(os.Remove(u.file.Name()), u.file.Close(), syncFolder(filepath.Dir(u.final)))
	if err != nil {
		return "", fmt.Errorf("name the backup: %w", err)
	}
	return u.final, nil
}

func (u *folderUpload) Abort() error {
	if u.done {
		return nil
	}
	u.done = true
	return errors.Join(os.Remove(u.file.Name()), u.file.Close())
}

func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// diskError says what a full disk means here.
func diskError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return &fault.Error{Kind: fault.Unavailable, Msg: "the disk is full", Fix: "make room where backups lie, or set backups.keep lower; what was begun is removed", Err: err}
	}
	return err
}

// List is of Place.
func (f Folder) List(_ context.Context, client string) ([]Object, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(f.Directory, client))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the folder of backups: %w", err)
	}
	var all []Object
	for _, one := range entries {
		made, ours := madeAt(one.Name())
		info, err := one.Info()
		if !ours || err != nil || !info.Mode().IsRegular() {
			continue
		}
		all = append(all, Object{client, one.Name(), filepath.Join(f.Directory, client, one.Name()), made, info.Size()})
	}
	newestFirst(all)
	return all, nil
}

func newestFirst(all []Object) {
	slices.SortFunc(all, func(a, b Object) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(b.Name, a.Name)) })
}

// Open is of Place.
func (Folder) Open(_ context.Context, where string) (io.ReadCloser, error) {
	file, err := os.Open(where)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Missing("backup")
	}
	if err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	return file, nil
}

// Keep is of Place.
func (f Folder) Keep(ctx context.Context, client string, n int) ([]string, error) {
	all, err := f.List(ctx, client)
	if err != nil || len(all) <= max(n, 1) {
		return nil, err
	}
	var removed []string
	for _, old := range all[max(n, 1):] {
		if err := os.Remove(old.Where); err != nil {
			return removed, fmt.Errorf("remove an old backup: %w", err)
		}
		removed = append(removed, old.Where)
	}
	return removed, nil
}

// Kept is of Place.
func (Folder) Kept(n int) string { return fmt.Sprintf("the newest %d", n) }
