package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/tenancy"
)

type restoreOptions struct {
	file, identity   string
	as, display      string
	hosts            []string
	replace, stopped bool
	by               string
	database         config.Database
	password         string
}

// restored is what a restore did.
type restored struct {
	Client string         `json:"client"`
	State  string         `json:"state"`
	Hosts  []string       `json:"hosts"`
	Backup backup.Summary `json:"backup"`
}

func (p *program) restore() *cobra.Command {
	var o restoreOptions
	c := &cobra.Command{
		Use: "restore FILE", Short: "Restore a client from a backup, as a new client or in place of what is there", Args: cobra.ExactArgs(1),
		Long: `Restore a client from a backup. FILE is a file, or the address that "taskflow backup list" shows. Without --as the client gets its old name
and host names back. The database may be of another engine than the backup was made on; one on a server has to be there already, and empty.

Everything becomes visible at once, when all was read, compared and written; a restore that fails or is killed leaves nothing that is
served, and the next one removes what it left. A client that is there is replaced only if it is suspended and --replace is given; it
stays suspended, and its audit log goes on. The only client of a service cannot be suspended: stop the service on all machines and say so
with --stopped.

After a restore nobody is signed in, tokens are revoked, the provider's grants are closed, and mail that was waiting is not sent again.`,
		Example: `  taskflow restore backups/acme/20260302T093015Z-0123456789ab.age --identity backup-key.txt
  taskflow restore acme.age --identity backup-key.txt --as acme-trial --host acme-trial.example.org
  taskflow restore acme.age --identity backup-key.txt --replace`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			if err := o.database.Password.UnmarshalText([]byte(o.password)); err != nil {
				return usage{fmt.Errorf("--db-password: %w", err)}
			}
			return p.with(cmd.Context(), func(c *config.Config, parts *server.Parts) error { return p.runRestore(cmd.Context(), c, parts, o) })
		},
	}
	f := c.Flags()
	f.StringVar(&o.identity, "identity", "", "the file with the secret half, as age-keygen wrote it; without it backups.key is used")
	f.StringVar(&o.as, "as", "", "the short name of the client to restore to; the backup's own")
	f.StringVar(&o.display, "name", "", "the client's name as people read it; the backup's own")
	f.StringSliceVar(&o.hosts, "host", nil, "a host name of the new client; the backup's own")
	f.BoolVar(&o.replace, "replace", false, "replace what a suspended client has")
	f.BoolVar(&o.stopped, "stopped", false, "the service is stopped on all machines, where its only client is to be replaced")
	f.StringVar(&o.by, "by", "operator at the command line", "who restores, for the client's audit log")
	f.StringVar(&o.database.Engine, "engine", "", "sqlite, postgresql or mysql, for a new client")
	f.StringVar(&o.database.Host, "db-host", "", "host of the database")
	f.IntVar(&o.database.Port, "db-port", 0, "port of the database")
	f.StringVar(&o.database.Name, "db-name", "", "name of the database")
	f.StringVar(&o.database.User, "db-user", "", "user of the database")
	f.StringVar(&o.password, "db-password", "", "where its password is, as in file:/run/secrets/acme; never the password itself")
	f.StringVar(&o.database.TLS, "db-tls", "", "verify or off")
	f.StringVar(&o.database.CAFile, "db-ca", "", "file with the authority of the database's certificate")
	return c
}

// restoring is the end of the host name that a client has while it is restored: nobody can guess the rest, and no request leads there. Who
// finds it on a client knows that its restore did not end.
const restoring = ".restoring.invalid"

func unfinishedRestore(r tenancy.Record) bool {
	return len(r.Client.Hosts) > 0 && strings.HasSuffix(r.Client.Hosts[0], restoring)
}

func (p *program) runRestore(ctx context.Context, c *config.Config, parts *server.Parts, o restoreOptions) error {
	open, err := p.opener(ctx, c, o.file, o.identity)
	if err != nil {
		return err
	}
	head, err := peek(open)
	if err != nil {
		return err
	}
	name := o.as
	if name == "" {
		name = head.Client
	}
	if err := restorable(c, name); err != nil {
		return err
	}
	record, err := parts.Directory.Get(name)
	if err == nil && unfinishedRestore(record) {
		line(p.Err, "client %s was restored in part before; what is there of it is removed", name)
		if err = p.dropRestored(ctx, c, parts, name); err == nil {
			record, err = parts.Directory.Get(name)
		}
	}
	if err == nil && record.State == tenancy.Deleting {
		return fault.Clash(fmt.Sprintf("client %s is being deleted", name), "delete it again to finish")
	}
	switch {
	case fault.Is(err, fault.NotFound):
		return p.restoreNew(ctx, c, parts, o, name, head, open)
	case err != nil:
		return err
	}
	return p.restoreOver(ctx, c, parts, o, record, open)
}

func peek(open func() (io.ReadCloser, error)) (h backup.Header, err error) {
	stream, err := open()
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	return backup.Peek(stream)
}

// restoreOver restores to a client that is there.
func (p *program) restoreOver(ctx context.Context, c *config.Config, parts *server.Parts, o restoreOptions, record tenancy.Record, open func() (io.ReadCloser, error)) error {
	name := record.Client.Name
	only := c.Client != nil
	switch {
	case len(o.hosts) > 0 || o.display != "" || o.database != (config.Database{}):
		return usage{fmt.Errorf("client %s is there: its names and its database stay as they are", name)}
	case !only && (!o.replace || record.State != tenancy.Suspended):
		return fault.Clash(fmt.Sprintf("client %s is there (%s)", name, record.State),
			fmt.Sprintf("restore under another name with --as, or suspend it (taskflow tenant suspend %s) and add --replace", name))
	case only && o.replace && !o.stopped:
		return fault.Clash(fmt.Sprintf("%s is the only client of this service and cannot be suspended", name), "stop the service on all machines, and add --stopped")
	}
	sum, err := p.restoreInto(ctx, parts, o, name, open)
	if err != nil {
		return err
	}
	return p.say(restored{name, string(record.State), record.Client.Hosts, sum}, func(w io.Writer) {
		line(w, "client %s is as it was on %s: %d rows, %d files", name, sum.Made.Format("2 January 2006 15:04:05 MST"), sum.Rows, sum.Files)
		if !only {
			line(w, "it is still suspended; look at it, and then: taskflow tenant resume %s", name)
		}
	})
}

// restoreNew makes a client that nobody can reach, restores to it, and then gives it its host names.
func (p *program) restoreNew(ctx context.Context, c *config.Config, parts *server.Parts, o restoreOptions, name string, head backup.Header, open func() (io.ReadCloser, error)) (err error) {
	hosts, display := o.hosts, o.display
	if len(hosts) == 0 {
		hosts = head.Hosts
	}
	if display == "" {
		display = head.Display
	}
	for _, host := range hosts {
		_, release, err := parts.Directory.Open(ctx, host)
		if err == nil {
			release()
		}
		if !fault.Is(err, fault.NotFound) {
			return fault.Clash(fmt.Sprintf("host %s is another client's", host), "choose others with --host")
		}
	}
	made := config.Client{Name: name, DisplayName: display, Hosts: []string{strings.ToLower(rand.Text()) + restoring}, Database: o.database}
	record, err := parts.Directory.Create(ctx, made, p.Clock())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.dropRestored(context.WithoutCancel(ctx), c, parts, name))
		}
	}()
	// A service that runs leaves suspended clients alone, which otherwise it visits for their duties.
	if err := parts.Directory.Suspend(ctx, name); err != nil {
		return err
	}
	if err := p.migrateRecord(ctx, record); err != nil {
		return err
	}
	sum, err := p.restoreInto(ctx, parts, o, name, open)
	if err != nil {
		return err
	}
	// The host names come last: until then it counts as unfinished, and the next run begins anew.
	if err := parts.Directory.Resume(ctx, name); err != nil {
		return err
	}
	if err := parts.Directory.Rename(ctx, name, display, hosts...); err != nil {
		return err
	}
	return p.say(restored{name, string(tenancy.Active), hosts, sum}, func(w io.Writer) {
		line(w, "client %s is served at %s as it was on %s: %d rows, %d files", name, hosts[0], sum.Made.Format("2 January 2006 15:04:05 MST"), sum.Rows, sum.Files)
	})
}

// restoreInto does it, and replaces what lies outside of the database.
func (p *program) restoreInto(ctx context.Context, parts *server.Parts, o restoreOptions, name string, open func() (io.ReadCloser, error)) (backup.Summary, error) {
	t, release, err := parts.Directory.OpenName(ctx, name) // and not the client, whose opening may write
	if err != nil {
		return backup.Summary{}, err
	}
	defer release()
	// Nobody is served meanwhile. Cleared first and again afterwards, no session outlives a restore that is killed in between.
	if o.replace && parts.Process.Redis != nil {
		if err := t.Space.Clear(ctx); err != nil {
			return backup.Summary{}, fmt.Errorf("end the sessions in Redis: %w", err)
		}
	}
	sum, err := backup.Restore(ctx, backup.Target{Store: t.Store, Files: t.Files, Keys: t.Seal, Replace: o.replace, By: o.by, Now: p.Clock}, open)
	if err != nil {
		return backup.Summary{}, err
	}
	// What lies outside of the database is of the time after the backup: sessions above all.
	if parts.Process.Redis != nil {
		if err := t.Space.Clear(ctx); err != nil {
			return sum, fmt.Errorf("the data is restored, and sessions in Redis could not be ended: %w", err)
		}
	}
	if parts.Process.Documents != nil {
		if err := parts.Process.Documents(name).Drop(ctx); err != nil {
			return sum, fmt.Errorf("the data is restored, and the activity feed could not be replaced: %w", err)
		}
		on, err := client.Open(ctx, t, parts.Process)
		if err != nil {
			return sum, err
		}
		if err := on.Settle(ctx); err != nil {
			return sum, fmt.Errorf("the data is restored, and the activity feed is filled later: %w", err)
		}
	}
	return sum, nil
}

// dropRestored removes a client whose restore did not end. Nobody has seen it.
func (p *program) dropRestored(ctx context.Context, c *config.Config, parts *server.Parts, name string) error {
	err := parts.Directory.Delete(ctx, name, func(ctx context.Context, r tenancy.Record) error {
		if !unfinishedRestore(r) {
			return fmt.Errorf("client %s is in use", name)
		}
		if c.Storage.Kind != "disk" {
			if err := p.eraseBucket(ctx, parts, r.Client.StoragePrefix); err != nil {
				return err
			}
		}
		if parts.Process.Redis != nil {
			shared, err := space.New(parts.Process.Redis, r.Client.SpacePrefix)
			if err != nil {
				return err
			}
			if err := shared.Clear(ctx); err != nil {
				return err
			}
		}
		return eraseDisk(c, r)
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("remove what was restored in part: %w", err)
	}
	return nil
}
