package tenancy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
)

func noClient() error { return fault.Missing("client") }

// Create makes a client. What is left out of the record is decided here: a database file and a key in the client's own folder, and
// prefixes of its name. It does not open the database.
func (d *Directory) Create(ctx context.Context, client config.Client, now time.Time) (Record, error) {
	if client.Database.Engine == "" {
		client.Database = config.Database{Engine: "sqlite", Path: "taskflow.db"}
	}
	if client.StoragePrefix == "" {
		client.StoragePrefix = client.Name
	}
	if client.SpacePrefix == "" {
		client.SpacePrefix = client.Name
	}
	hosts, err := parseHosts(client.Hosts)
	if err != nil {
		return Record{}, err
	}
	client.Hosts = hosts
	record := Record{State: Active, Created: now.UTC().Truncate(time.Second), Client: client}
	err = d.disk.change(ctx, client.Name, func() error {
		if _, err := os.Stat(d.disk.folder(client.Name)); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fault.Clash(fmt.Sprintf("there is a client %s already", client.Name), "choose another name"), err)
		}
		if _, err := d.disk.complete(record); err != nil {
			return err
		}
		draft := d.disk.draft(client.Name)
		if err := os.Mkdir(draft, 0o700); err != nil {
			return fmt.Errorf("make the client's folder: %w", err)
		}
		if len(client.SealKeys) == 0 {
			if err := makeKey(draft); err != nil {
				return err
			}
		}
		if err := d.disk.save(draft, record); err != nil {
			return err
		}
		for _, host := range client.Hosts {
			if err := d.disk.claim(host, client.Name); err != nil {
				return err
			}
		}
		if err := os.Rename(draft, d.disk.folder(client.Name)); err != nil { // from here on there is such a client
			return fmt.Errorf("make the client: %w", err)
		}
		d.disk.step("made")
		return syncFolder(filepath.Join(d.disk.root, tenantsFolder))
	})
	if err != nil {
		return Record{}, err
	}
	return d.disk.complete(record)
}

func parseHosts(given []string) ([]string, error) {
	var problems []error
	var hosts []string
	for _, one := range given {
		host, ok := ParseHost(one)
		if !ok || strings.Contains(one, ":") {
			problems = append(problems, fault.BadInput("hosts", fmt.Sprintf("%q is no host name", one), "use letters, digits, hyphens and dots; other letters as punycode"))
		} else if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts, errors.Join(problems...)
}

// update changes a client's record.
func (d *Directory) update(ctx context.Context, name string, edit func(*Record) error) error {
	return d.disk.change(ctx, name, func() error {
		record, err := d.disk.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			return noClient()
		}
		if err != nil {
			return err
		}
		if record.State == Deleting {
			return fault.Clash(fmt.Sprintf("client %s is being deleted", name), "delete it again to finish")
		}
		before := record.Client.Hosts
		if err := edit(&record); err != nil {
			return err
		}
		if _, err := d.disk.complete(record); err != nil {
			return err
		}
		for _, host := range record.Client.Hosts {
			if err := d.disk.claim(host, name); err != nil {
				return err
			}
		}
		if err := d.disk.save(d.disk.folder(name), record); err != nil {
			return err
		}
		for _, host := range before {
			if !slices.Contains(record.Client.Hosts, host) {
				if err := os.Remove(d.disk.hostPath(host)); err != nil {
					return fmt.Errorf("give host %s back: %w", host, err)
				}
				d.disk.step("gave back " + host)
			}
		}
		return syncFolder(filepath.Join(d.disk.root, hostsFolder))
	})
}

// Rename changes how a client is called and where it is found. Its short name stays: keys, prefixes and backups go by it.
func (d *Directory) Rename(ctx context.Context, name, displayName string, hosts ...string) error {
	parsed, err := parseHosts(hosts)
	if err != nil {
		return err
	}
	return d.update(ctx, name, func(r *Record) error {
		r.Client.DisplayName = displayName
		if len(parsed) > 0 {
			r.Client.Hosts = parsed
		}
		return nil
	})
}

// Suspend stops serving a client. Nothing of it is removed.
func (d *Directory) Suspend(ctx context.Context, name string) error {
	return d.update(ctx, name, func(r *Record) error { r.State = Suspended; return nil })
}

// Resume serves a client again.
func (d *Directory) Resume(ctx context.Context, name string) error {
	return d.update(ctx, name, func(r *Record) error { r.State = Active; return nil })
}

// Delete removes a client for good: nobody finds it from the first moment on, then erase removes what lies elsewhere (a database, a
// bucket's folder), and then its own folder goes with its database file and key. Cut short, it is called again and goes on; erase must
// bear that.
func (d *Directory) Delete(ctx context.Context, name string, erase func(context.Context, Record) error) error {
	return d.disk.change(ctx, name, func() error {
		record, err := d.disk.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			return noClient()
		}
		if err != nil {
			return err
		}
		hosts := record.Client.Hosts
		record.State = Deleting
		if err := d.disk.save(d.disk.folder(name), record); err != nil {
			return err
		}
		d.forgetOpen(name)
		for _, host := range hosts {
			if owner, err := d.disk.named(host); err != nil || owner != name {
				continue
			}
			if err := os.Remove(d.disk.hostPath(host)); err != nil {
				return fmt.Errorf("give host %s back: %w", host, err)
			}
			d.disk.step("gave back " + host)
		}
		full, err := d.disk.complete(record)
		if err != nil {
			return err
		}
		if err := erase(ctx, full); err != nil {
			return fmt.Errorf("erase what client %s has elsewhere: %w", name, err)
		}
		d.disk.step("erased")
		if err := os.Rename(d.disk.folder(name), d.disk.gone(name)); err != nil {
			return fmt.Errorf("remove the client: %w", err)
		}
		d.disk.step("gone")
		if err := os.RemoveAll(d.disk.gone(name)); err != nil {
			return fmt.Errorf("remove the client's folder: %w", err)
		}
		return syncFolder(filepath.Join(d.disk.root, tenantsFolder))
	})
}

// Get reads a client's record.
func (d *Directory) Get(name string) (Record, error) {
	if record, ok := d.fixed[name]; ok {
		return record, nil
	}
	if !config.ClientName(name) {
		return Record{}, noClient()
	}
	record, err := d.disk.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, noClient()
	}
	if err != nil {
		return Record{}, err
	}
	return d.disk.complete(record)
}

// Names gives the short names of all clients, in order. It holds one page of them at a time.
func (d *Directory) Names() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name := range d.fixed {
			if !yield(name, nil) {
				return
			}
		}
		if d.disk.root == "" {
			return
		}
		entries, err := os.ReadDir(filepath.Join(d.disk.root, tenantsFolder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", fmt.Errorf("read the clients' folder: %w", err))
			return
		}
		for _, entry := range entries {
			if config.ClientName(entry.Name()) && !yield(entry.Name(), nil) {
				return
			}
		}
	}
}

// Repair puts right what a change left half done whose process died. Every change does so too.
func (d *Directory) Repair(ctx context.Context) error {
	if d.disk.root == "" {
		return nil
	}
	notes, err := os.ReadDir(filepath.Join(d.disk.root, notesFolder))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(notes) == 0 {
		return nil
	}
	unlock, err := d.disk.lock(ctx)
	if err != nil {
		return err
	}
	return errors.Join(d.disk.repairAll(), unlock())
}
