// Package tenancy finds the client that a host name is of, and gives its tenant: a database, credentials, keys, prefixes and limits of its
// own (DP-1). Clients are files in a folder and cost nothing until they are asked for; their databases are opened on demand, up to a
// number, and closed when nobody uses them.
//
// What is below this package is handed a Tenant and has no way from there to another: a Tenant does not know the Directory.
package tenancy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
)

// Tenant is one client while it is open.
type Tenant struct {
	Name        string
	DisplayName string
	Hosts       []string
	State       State
	Created     time.Time

	Store *store.Store
	Seal  *seal.Keys
	Space *space.Space // nil where Options.Space is
	Files files.Store  // nil where Options.Files is

	Rates     config.Rates
	Passwords config.Passwords
	Facts     config.Facts
}

// Options say how clients are opened.
type Options struct {
	Root  string          // the clients' folder; "" where all are in Fixed
	Fixed []config.Client // clients that are in the configuration itself

	Resolve func(context.Context, config.Ref) (string, error)
	Space   func(prefix string) (*space.Space, error)
	Files   func(ctx context.Context, prefix string) (files.Store, error)
	Now     func() time.Time

	Rates     config.Rates // for clients that have none of their own
	Passwords config.Passwords

	MaxOpen   int           // clients with an open database; 256
	IdleClose time.Duration // until an unused one is closed; 5 minutes
	Migrate   bool          // bring a database up to date when it is opened
}

// open opens a client's tenant.
func (o *Options) open(ctx context.Context, r Record) (_ *Tenant, err error) {
	keys := make([]seal.Key, len(r.Client.SealKeys))
	for i, ref := range r.Client.SealKeys {
		text, err := o.Resolve(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("key of client %s: %w", r.Client.Name, err)
		}
		if keys[i], err = seal.ReadKey(text); err != nil {
			return nil, fmt.Errorf("key of client %s: %w", r.Client.Name, err)
		}
	}
	t := &Tenant{
		Name: r.Client.Name, DisplayName: r.Client.DisplayName, Hosts: r.Client.Hosts, State: r.State, Created: r.Created,
		Rates: o.Rates, Passwords: o.Passwords, Facts: r.Client.Facts,
	}
	if r.Client.Rates != nil {
		t.Rates = config.Rates{
			Client: cmp.Or(r.Client.Rates.Client, o.Rates.Client), User: cmp.Or(r.Client.Rates.User, o.Rates.User),
			Address: cmp.Or(r.Client.Rates.Address, o.Rates.Address), Login: cmp.Or(r.Client.Rates.Login, o.Rates.Login),
		}
	}
	if r.Client.Passwords != nil {
		t.Passwords = *r.Client.Passwords
	}
	if t.Seal, err = seal.New(r.Client.Name, keys...); err != nil {
		return nil, fmt.Errorf("keys of client %s: %w", r.Client.Name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if o.Space != nil {
		if t.Space, err = o.Space(r.Client.SpacePrefix); err != nil {
			return nil, fmt.Errorf("space of client %s: %w", r.Client.Name, err)
		}
	}
	if o.Files != nil {
		if t.Files, err = o.Files(ctx, r.Client.StoragePrefix); err != nil {
			return nil, fmt.Errorf("files of client %s: %w", r.Client.Name, err)
		}
	}
	if t.Store, err = store.Open(ctx, StoreOptions(r.Client.Database, o.Resolve)); err != nil {
		return nil, fmt.Errorf("database of client %s: %w", r.Client.Name, err)
	}
	if o.Migrate {
		if err := t.Store.Migrate(ctx, o.Now); err != nil {
			return nil, fmt.Errorf("migrate client %s: %w", r.Client.Name, err)
		}
	}
	status, err := t.Store.MigrationStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("schema of client %s: %w", r.Client.Name, err)
	}
	if err := status.Compatible(); err != nil {
		return nil, fmt.Errorf("schema of client %s: %w", r.Client.Name, err)
	}
	return t, nil
}

func (t *Tenant) close() error {
	var problems []error
	if t.Store != nil {
		problems = append(problems, t.Store.Close())
	}
	if t.Files != nil {
		problems = append(problems, t.Files.Close())
	}
	return errors.Join(problems...)
}

// StoreOptions are a client's database for package store.
func StoreOptions(d config.Database, resolve func(context.Context, config.Ref) (string, error)) store.Options {
	o := store.Options{
		Engine: store.Engine(d.Engine), Path: d.Path, Synchronous: d.Synchronous, Host: d.Host, Port: d.Port, Name: d.Name, User: d.User,
		TLS: store.TLS(d.TLS), CAFile: d.CAFile, Pool: store.Pool{MaxOpen: d.MaxOpen},
	}
	if d.Password != "" {
		o.Password = func(ctx context.Context) (string, error) { return resolve(ctx, d.Password) }
	}
	return o
}

// errUnknown is all that anybody hears of a host name that is no client's.
func errUnknown() error { return fault.Missing("page") }

// errSuspended is for a client that is known and not served.
func errSuspended() error {
	return fault.Refused("this workspace is suspended").Because(errors.New("the client is suspended"))
}
