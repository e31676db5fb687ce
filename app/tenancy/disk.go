package tenancy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/seal"
)

// State is whether a client is served.
type State string

// The states.
const (
	Active    State = "active"
	Suspended State = "suspended"
	Deleting  State = "deleting" // its data is being removed: it is as good as gone
)

// Record is a client's file, tenants/<name>/tenant.json: the one truth of what a client is. What lies under hosts/ is an index of it.
type Record struct {
	State   State         `json:"state"`
	Created time.Time     `json:"created"`
	Client  config.Client `json:"client"`
}

// disk is the folder of the clients' files. Everything that changes it holds its lock, and first leaves a note of what it changes; who
// finds a note while holding the lock knows that its writer died, and puts things right.
type disk struct {
	root  string
	crash func(step string) // tests die here
}

const (
	tenantsFolder = "tenants"
	hostsFolder   = "hosts"
	notesFolder   = "changing"
	recordFile    = "tenant.json"
	keyFile       = "seal.key"
)

func (d *disk) step(name string) {
	if d.crash != nil {
		d.crash(name)
	}
}

func (d *disk) prepare() error {
	for _, folder := range []string{tenantsFolder, hostsFolder, notesFolder} {
		if err := os.MkdirAll(filepath.Join(d.root, folder), 0o700); err != nil {
			return fmt.Errorf("make the clients' folder: %w", err)
		}
	}
	return nil
}

func (d *disk) folder(name string) string     { return filepath.Join(d.root, tenantsFolder, name) }
func (d *disk) recordPath(name string) string { return filepath.Join(d.folder(name), recordFile) }
func (d *disk) hostPath(host string) string   { return filepath.Join(d.root, hostsFolder, host) }
func (d *disk) notePath(name string) string   { return filepath.Join(d.root, notesFolder, name) }

// named finds which client a host name is of. Only the client's own record says so for certain.
func (d *disk) named(host string) (string, error) {
	text, err := os.ReadFile(d.hostPath(host))
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(text))
	if !config.ClientName(name) {
		return "", fmt.Errorf("the file of host %s names no client", host)
	}
	return name, nil
}

// read reads a client's record, checked.
func (d *disk) read(name string) (Record, error) {
	text, err := os.ReadFile(d.recordPath(name))
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := config.Decode(filepath.Join(name, recordFile), text, &r); err != nil {
		return Record{}, err
	}
	if r.Client.Name != name || r.State != Active && r.State != Suspended && r.State != Deleting {
		return Record{}, fmt.Errorf("the file of client %s says that it is %q and %q", name, r.Client.Name, r.State)
	}
	return r, nil
}

// complete fills in what a record leaves to its folder: the database's file and the key.
func (d *disk) complete(r Record) (Record, error) {
	folder, err := filepath.Abs(d.folder(r.Client.Name))
	if err != nil {
		return Record{}, fmt.Errorf("folder of client %s: %w", r.Client.Name, err)
	}
	if path := r.Client.Database.Path; path != "" && !filepath.IsAbs(path) {
		r.Client.Database.Path = filepath.Join(folder, path)
	}
	if len(r.Client.SealKeys) == 0 {
		r.Client.SealKeys = []config.Ref{config.Ref("file:" + filepath.Join(folder, keyFile))}
	}
	return r, config.CheckClient(filepath.Join(r.Client.Name, recordFile), &r.Client)
}

// change does something to a client under the folder's lock, with a note of it beside.
func (d *disk) change(ctx context.Context, name string, do func() error) (err error) {
	if !config.ClientName(name) {
		return fault.BadInput("name", fmt.Sprintf("%q cannot be a client's name", name), "use lower-case letters, digits and hyphens, at most 40")
	}
	if err := d.prepare(); err != nil {
		return err
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := d.repairAll(); err != nil {
		return err
	}
	if err := write(d.notePath(name), []byte(name+"\n")); err != nil {
		return fmt.Errorf("note the change: %w", err)
	}
	d.step("noted")
	if err := do(); err != nil {
		return errors.Join(err, d.repair(name)) // what was begun is taken back
	}
	d.step("done")
	return d.forget(name)
}

func (d *disk) forget(name string) error {
	if err := os.Remove(d.notePath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the note of the change: %w", err)
	}
	return syncFolder(filepath.Join(d.root, notesFolder))
}

func (d *disk) lock(ctx context.Context) (unlock func() error, err error) {
	file, err := os.OpenFile(filepath.Join(d.root, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the clients' folder: %w", err)
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock the clients' folder: %w", err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another change of the clients: %w", ctx.Err()), file.Close())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// repairAll puts right what others left half done. Its caller holds the lock.
func (d *disk) repairAll() error {
	notes, err := os.ReadDir(filepath.Join(d.root, notesFolder))
	if err != nil {
		return fmt.Errorf("look for changes that were cut short: %w", err)
	}
	for _, note := range notes {
		if !config.ClientName(note.Name()) { // a note that was never finished
			if err := os.Remove(filepath.Join(d.root, notesFolder, note.Name())); err != nil {
				return fmt.Errorf("remove a note: %w", err)
			}
			continue
		}
		if err := d.repair(note.Name()); err != nil {
			return fmt.Errorf("put client %s right: %w", note.Name(), err)
		}
	}
	return nil
}

// repair makes what lies around a client's record agree with it: no record, no client.
func (d *disk) repair(name string) error {
	record, err := d.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, left := range []string{d.folder(name), d.draft(name), d.gone(name)} {
			if err := os.RemoveAll(left); err != nil {
				return fmt.Errorf("remove what is left: %w", err)
			}
		}
		record = Record{}
	case err != nil:
		return err
	default:
		for _, left := range []string{d.draft(name), d.gone(name), d.recordPath(name) + newSuffix} {
			if err := os.RemoveAll(left); err != nil {
				return fmt.Errorf("remove what is left: %w", err)
			}
		}
	}
	wanted := map[string]bool{}
	if record.State == Active || record.State == Suspended {
		for _, host := range record.Client.Hosts {
			wanted[host] = true
		}
	}
	if err := d.index(name, wanted); err != nil {
		return err
	}
	return d.forget(name)
}

// index makes the files of host names say what a client's record does. It reads all of them, which only a repair does.
func (d *disk) index(name string, wanted map[string]bool) error {
	hosts, err := os.ReadDir(filepath.Join(d.root, hostsFolder))
	if err != nil {
		return fmt.Errorf("read the host names: %w", err)
	}
	for _, file := range hosts {
		if owner, err := d.named(file.Name()); err == nil && owner != name || wanted[file.Name()] && err == nil {
			continue
		}
		if err := os.Remove(d.hostPath(file.Name())); err != nil {
			return fmt.Errorf("remove host %s: %w", file.Name(), err)
		}
	}
	for host := range wanted {
		if err := d.claim(host, name); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Join(d.root, hostsFolder))
}

// claim takes a host name for a client, unless another has it.
func (d *disk) claim(host, name string) error {
	switch owner, err := d.named(host); {
	case err == nil && owner == name:
		return nil
	case err == nil:
		return fault.Clash(fmt.Sprintf("host %s is another client's", host), "choose another host name")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := write(d.hostPath(host), []byte(name+"\n")); err != nil {
		return fmt.Errorf("take host %s: %w", host, err)
	}
	d.step("claimed " + host)
	return nil
}

func (d *disk) draft(name string) string {
	return filepath.Join(d.root, tenantsFolder, "."+name+newSuffix)
}
func (d *disk) gone(name string) string {
	return filepath.Join(d.root, tenantsFolder, "."+name+".gone")
}

// save replaces a client's record.
func (d *disk) save(folder string, r Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write client %s: %w", r.Client.Name, err)
	}
	if err := write(filepath.Join(folder, recordFile), append(text, '\n')); err != nil {
		return fmt.Errorf("write client %s: %w", r.Client.Name, err)
	}
	d.step("saved")
	return nil
}

// makeKey makes a client's key in its folder.
func makeKey(folder string) error {
	if err := write(filepath.Join(folder, keyFile), []byte(seal.NewKey().Encode()+"\n")); err != nil {
		return fmt.Errorf("make the client's key: %w", err)
	}
	return nil
}

const newSuffix = ".new"

// write puts a file in place as a whole: after a crash there is the old one or the new one, and never a part.
func write(name string, content []byte) error {
	file, err := os.OpenFile(name+newSuffix, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+newSuffix, name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
