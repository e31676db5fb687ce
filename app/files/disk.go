package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

// leftover is how old an incomplete file is before it is taken for one that a crash left: far longer than a request may last.
const leftover = 24 * time.Hour

const (
	objects    = "objects"
	incomplete = "incomplete"
)

// Disk keeps files in a folder of this machine. os.Root holds it: no key and no link can lead out of it.
type Disk struct{ root *os.Root }

var folders = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// NewDisk opens a client's folder in the folder of all, makes it if it is not there, and removes what crashes left behind. Only the
// service's own user can read it. client has 1 to 63 small letters, digits and hyphens.
func NewDisk(folder, client string, now time.Time) (*Disk, error) {
	if !folders.MatchString(client) {
		return nil, fault.BadInput("client", fmt.Sprintf("%q cannot be a folder of files", client), "use 1 to 63 small letters, digits and hyphens")
	}
	own := filepath.Join(folder, client)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	root, err := os.OpenRoot(own)
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	d := &Disk{root: root}
	for _, name := range []string{objects, incomplete} {
		if err := root.MkdirAll(name, 0o700); err != nil {
			_ = root.Close()
			return nil, fmt.Errorf("make a folder of files: %w", err)
		}
	}
	if err := d.clean(now); err != nil {
		_ = root.Close()
		return nil, err
	}
	return d, nil
}

// Close is of Store.
func (d *Disk) Close() error { return d.root.Close() }

func (d *Disk) clean(now time.Time) error {
	all, err := fs.ReadDir(d.root.FS(), incomplete)
	if err != nil {
		return fmt.Errorf("look for incomplete files: %w", err)
	}
	for _, one := range all {
		info, err := one.Info()
		if err != nil || now.Sub(info.ModTime()) < leftover { // another process may be at it
			continue
		}
		if err := d.root.Remove(path.Join(incomplete, one.Name())); err != nil && !notFound(err) {
			return fmt.Errorf("remove an incomplete file: %w", err)
		}
	}
	return nil
}

// place spreads keys over 256 folders.
func place(key string) (folder, name string) {
	sum := sha256.Sum256([]byte(key))
	folder = path.Join(objects, hex.EncodeToString(sum[:1]))
	return folder, path.Join(folder, key)
}

// Put is of Store.
func (d *Disk) Put(ctx context.Context, key string, r io.Reader, limit int64) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	temporary := path.Join(incomplete, random())
	f, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Info{}, fmt.Errorf("make a file: %w", err)
	}
	info := Info{Key: key}
	info.Size, info.SHA256, err = receive(ctx, f, r, limit)
	if err == nil {
		err = f.Sync()
	}
	if stat, statErr := f.Stat(); err == nil && statErr == nil {
		info.Modified = stat.ModTime().UTC()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.show(temporary, key)
	}
	if err != nil {
		_ = d.root.Remove(temporary)
		return Info{}, err
	}
	return info, nil
}

// show gives a complete file its name, and makes sure that the name survives a crash.
func (d *Disk) show(temporary, key string) error {
	folder, name := place(key)
	switch err := d.root.Mkdir(folder, 0o700); {
	case err == nil:
		if err := d.sync(objects); err != nil {
			return err
		}
	case !errors.Is(err, os.ErrExist):
		return fmt.Errorf("make a folder of files: %w", err)
	}
	if err := d.root.Rename(temporary, name); err != nil {
		return fmt.Errorf("name a file: %w", err)
	}
	return d.sync(folder)
}

func (d *Disk) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return fmt.Errorf("open a folder of files: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("make a folder of files last: %w", err)
	}
	return nil
}

// Open is of Store.
func (d *Disk) Open(ctx context.Context, key string) (File, error) {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return nil, err
	}
	_, name := place(key)
	f, err := d.root.Open(name)
	if notFound(err) {
		return nil, fault.Missing("file")
	}
	if err != nil {
		return nil, fmt.Errorf("open a file: %w", err)
	}
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open a file: %w", err)
	}
	return &diskFile{f, Info{Key: key, Size: stat.Size(), Modified: stat.ModTime().UTC()}}, nil
}

type diskFile struct {
	*os.File
	info Info
}

// Info is of File.
func (f *diskFile) Info() Info { return f.info }

// Delete is of Store.
func (d *Disk) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return err
	}
	_, name := place(key)
	if err := d.root.Remove(name); err != nil && !notFound(err) {
		return fmt.Errorf("delete a file: %w", err)
	}
	return nil
}

// Walk is of Store.
func (d *Disk) Walk(ctx context.Context, each func(Info) error) error {
	return fs.WalkDir(d.root.FS(), objects, func(_ string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		stat, err := entry.Info()
		if notFound(err) { // deleted meanwhile
			return nil
		}
		if err != nil {
			return fmt.Errorf("look at a file: %w", err)
		}
		return each(Info{Key: entry.Name(), Size: stat.Size(), Modified: stat.ModTime().UTC()})
	})
}
