package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/tenancy"
)

type backupOptions struct {
	clients []string
	to      string
	ifOlder time.Duration
	wait    time.Duration
}

// backedUp is what became of one client.
type backedUp struct {
	Client  string       `json:"client"`
	Done    bool         `json:"done"`
	Skipped string       `json:"skipped,omitempty"`
	Backup  *backup.Made `json:"backup,omitempty"`
	Problem string       `json:"problem,omitempty"`
}

func (p *program) backup() *cobra.Command {
	var o backupOptions
	c := &cobra.Command{
		Use: "backup", Short: "Back up clients: encrypted, and verified by restoring", Args: cobra.NoArgs,
		Long: `Back up all that clients have: every table in one snapshot, and the attachments. It is encrypted with age for backups.recipients, or with
backups.key where there are none, and is never written otherwise. While it is written it is restored once for trial, into a temporary
database, and compared; what does not compare is not kept. Each backup is recorded in the client's audit log.

One machine makes a client's backup; another that is told to at the same time waits and is content with it. A client that fails keeps no
other from being backed up. A run that was killed leaves nothing that looks like a backup, and the next one removes what it left.`,
		Example: "  taskflow backup --config /etc/taskflow\n  taskflow backup --client acme,zenith --to /mnt/backups",
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runBackup(cmd.Context(), o) },
	}
	c.Flags().StringSliceVar(&o.clients, "client", nil, "these clients only; all where none is named")
	c.Flags().StringVar(&o.to, "to", "", "a folder to write to instead of the configuration's place")
	c.Flags().DurationVar(&o.ifOlder, "if-older", 0, "only where the newest backup is older than this, such as 12h")
	c.Flags().DurationVar(&o.wait, "wait", 2*time.Hour, "how long to wait for another run of the same client")
	_ = c.RegisterFlagCompletionFunc("client", func(cmd *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		return p.completeNames(cmd, nil, text)
	})
	c.AddCommand(p.backupList(), p.backupVerify())
	return c
}

func (p *program) runBackup(ctx context.Context, o backupOptions) error {
	return p.with(ctx, func(c *config.Config, parts *server.Parts) error {
		place, to, err := p.backupPlace(ctx, c, o.to)
		if err != nil {
			return err
		}
		names, err := p.clientNames(parts.Directory, o.clients)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return p.say([]backedUp{}, func(w io.Writer) { line(w, "there is no client to back up") })
		}
		var all []backedUp
		var problems []error
		for _, name := range names {
			done, err := p.backUpOne(ctx, c, parts, place, to, name, o)
			if err != nil {
				done.Problem = explain(err)
				problems = append(problems, fmt.Errorf("client %s: %w", name, err))
			}
			all = append(all, done)
			if ctx.Err() != nil {
				break
			}
		}
		if err := p.say(all, func(w io.Writer) { backupLines(w, all) }); err != nil {
			return err
		}
		return errors.Join(problems...)
	})
}

func backupLines(w io.Writer, all []backedUp) {
	for _, one := range all {
		switch {
		case one.Skipped != "":
			line(w, "client %s: %s", one.Client, one.Skipped)
		case one.Done && one.Backup.Other:
			line(w, "client %s: another run made it: %s", one.Client, one.Backup.Where)
		case one.Done:
			line(w, "client %s: %s (%s, %d rows, %d files, restored for trial)", one.Client, one.Backup.Where, config.Size(one.Backup.Size), one.Backup.Rows, one.Backup.Files)
		}
	}
}

// clientNames are the clients to work on: those that are named, or all but those that are being deleted.
func (p *program) clientNames(d *tenancy.Directory, given []string) ([]string, error) {
	if len(given) > 0 {
		return given, nil
	}
	var names []string
	for name, err := range d.Names() {
		if err != nil {
			return nil, err
		}
		record, err := d.Get(name)
		if err == nil && (record.State == tenancy.Deleting || unfinishedRestore(record)) {
			continue
		}
		names = append(names, name) // one whose file is broken fails by name, and not silently
	}
	return names, nil
}

func (p *program) backUpOne(ctx context.Context, c *config.Config, parts *server.Parts, place backup.Place, to []age.Recipient, name string, o backupOptions) (done backedUp, err error) {
	done.Client = name
	record, err := parts.Directory.Get(name)
	if err != nil {
		return done, err
	}
	keys, err := p.sealKeys(ctx, record)
	if err != nil {
		return done, err
	}
	on, release, err := parts.Open(ctx, name)
	if err != nil {
		return done, err
	}
	defer release()
	if o.ifOlder > 0 {
		newest, err := backup.Latest(ctx, on.Store)
		if err != nil {
			return done, err
		}
		if newest != nil && p.Clock().Sub(newest.At) < o.ifOlder {
			done.Skipped = "the newest backup is of " + newest.At.UTC().Format(time.RFC3339)
			return done, nil
		}
	}
	from := backup.Source{
		Client: name, Display: record.Client.DisplayName, Hosts: record.Client.Hosts, Release: p.Version, Keys: keys, Store: on.Store, Files: on.Files,
	}
	if parts.Process.Documents != nil {
		if err := on.Settle(ctx); err != nil {
			return done, err
		}
		from.Feed = on.Feed
	}
	progress, end := p.progress(name)
	defer end()
	made, err := backup.Run(ctx, from, backup.Options{
		Place: place, Recipients: to, Keep: c.Backups.Keep, Scratch: c.Backups.Scratch, Holder: uuid.NewString(), By: "taskflow backup", Now: p.Clock,
		Wait: o.wait, Progress: progress,
	})
	if err != nil {
		return done, err
	}
	done.Done, done.Backup = true, &made
	return done, nil
}

// sealKeys are a client's keys themselves, which only a backup asks for: see package backup on why they are in it.
func (p *program) sealKeys(ctx context.Context, record tenancy.Record) ([]seal.Key, error) {
	var keys []seal.Key
	for _, ref := range record.Client.SealKeys {
		text, err := p.resolve(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("key of client %s: %w", record.Client.Name, err)
		}
		key, err := seal.ReadKey(text)
		if err != nil {
			return nil, fmt.Errorf("key of client %s: %w", record.Client.Name, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// backupPlace is where to write, and for whom.
func (p *program) backupPlace(ctx context.Context, c *config.Config, to string) (backup.Place, []age.Recipient, error) {
	passphrase, err := p.backupKey(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	recipients, err := backup.Recipients(c.Backups.Recipients, passphrase)
	if err != nil {
		return nil, nil, err
	}
	place, err := p.whereBackupsLie(ctx, c, to)
	return place, recipients, err
}

func (p *program) whereBackupsLie(ctx context.Context, c *config.Config, folder string) (backup.Place, error) {
	if folder != "" {
		return backup.Folder{Directory: folder}, nil
	}
	return server.BackupPlace(ctx, server.PartsOptions{Config: c, Resolve: p.resolve})
}

func (p *program) backupKey(ctx context.Context, c *config.Config) (string, error) {
	if c.Backups.Key == "" {
		return "", nil
	}
	return p.resolve(ctx, c.Backups.Key)
}

// progress tells somebody at a terminal how far it is, and nobody else.
func (p *program) progress(name string) (hear func(int64), end func()) {
	file, is := p.Err.(*os.File)
	if !is {
		return nil, func() {}
	}
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		return nil, func() {}
	}
	var last time.Time
	return func(written int64) {
			if now := p.Clock(); now.Sub(last) >= 200*time.Millisecond {
				last = now
				_, _ = fmt.Fprintf(file, "\r%s: %d MB written", name, written>>20)
			}
		}, func() {
			_, _ = fmt.Fprint(file, "\r\x1b[K")
		}
}

func (p *program) backupList() *cobra.Command {
	var clients []string
	var from string
	c := &cobra.Command{
		Use: "list", Short: "List the stored backups, the newest first", Example: "  taskflow backup list --client acme --output json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(c *config.Config, parts *server.Parts) error {
				place, err := p.whereBackupsLie(cmd.Context(), c, from)
				if err != nil {
					return err
				}
				names, err := p.clientNames(parts.Directory, clients)
				if err != nil {
					return err
				}
				all := []backup.Object{}
				for _, name := range names {
					some, err := place.List(cmd.Context(), name)
					if err != nil {
						return fmt.Errorf("client %s: %w", name, err)
					}
					all = append(all, some...)
				}
				return p.say(all, func(w io.Writer) {
					t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
					line(t, "client\tmade\tsize\twhere")
					for _, one := range all {
						line(t, "%s\t%s\t%d\t%s", one.Client, one.Made.Format(time.RFC3339), one.Size, one.Where)
					}
					_ = t.Flush()
				})
			})
		},
	}
	c.Flags().StringSliceVar(&clients, "client", nil, "these clients only, also ones that are gone")
	c.Flags().StringVar(&from, "from", "", "a folder to look in instead of the configuration's place")
	return c
}

func (p *program) backupVerify() *cobra.Command {
	var identity string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a stored backup with the secret half: decrypt it and restore it for trial", Args: cobra.ExactArgs(1),
		Long: `Decrypt a stored backup and restore it into a temporary database, with all comparisons that a restore makes. FILE is a file, or the address
that "taskflow backup list" shows. The machine that made the backup need not be there, and no client has to exist.`,
		Example: "  taskflow backup verify backups/acme/20260302T093015Z-0123456789ab.age --identity backup-key.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := p.load()
			if err != nil {
				return err
			}
			open, err := p.opener(ctx, c, args[0], identity)
			if err != nil {
				return err
			}
			stream, err := open()
			if err != nil {
				return damagedIsFound(err)
			}
			defer stream.Close() //nolint:errcheck // it was only read
			sum, err := backup.Verify(ctx, stream, c.Backups.Scratch, p.Clock)
			if err != nil {
				return damagedIsFound(err)
			}
			return p.say(sum, func(w io.Writer) {
				line(w, "the backup of client %s of %s is whole: %d rows and %d files were restored for trial", sum.Client, sum.Made.Format(time.RFC3339), sum.Rows, sum.Files)
			})
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "the file with the secret half, as age-keygen wrote it; without it backups.key is used")
	return c
}

func damagedIsFound(err error) error {
	if errors.Is(err, backup.ErrDamaged) {
		return finding{err}
	}
	return err
}

// opener decrypts a stored backup, as often as it is called.
func (p *program) opener(ctx context.Context, c *config.Config, file, identity string) (func() (io.ReadCloser, error), error) {
	var keys []byte
	var passphrase string
	var err error
	if identity != "" {
		keys, err = p.ReadFile(identity)
		if err == nil && len(keys) == 0 {
			err = errors.New("it is empty")
		}
	} else {
		passphrase, err = p.backupKey(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	with, err := backup.Identities(keys, passphrase)
	if err != nil {
		return nil, err
	}
	var place backup.Place = backup.Folder{}
	if strings.HasPrefix(file, "s3://") {
		if place, err = p.whereBackupsLie(ctx, c, ""); err != nil {
			return nil, err
		}
	} else if file, err = filepath.Abs(file); err != nil {
		return nil, fmt.Errorf("file of the backup: %w", err)
	}
	return func() (io.ReadCloser, error) {
		stored, err := place.Open(ctx, file)
		if err != nil {
			return nil, err
		}
		plain, err := backup.Open(stored, with)
		if err != nil {
			return nil, errors.Join(err, stored.Close())
		}
		return both{plain, stored}, nil
	}, nil
}

// both closes what is read and what it is read from.
type both struct {
	io.ReadCloser
	below io.Closer
}

func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.below.Close()) }

// restorable tells of the one client of this service that it may be restored.
func restorable(c *config.Config, name string) error {
	if c.Client != nil && c.Client.Name != name {
		return fault.Refused(fmt.Sprintf("this service has one client, %s, and the backup is of %s", c.Client.Name, name))
	}
	return nil
}
