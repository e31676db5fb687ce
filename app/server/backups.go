package server

import (
	"context"
	"sync"
	"time"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/tenancy"
)

// backupPrefix is where in its bucket backups lie: machines may write there and nowhere else.
const backupPrefix = "taskflow/"

// backupLate is how old the newest backup of a night may be, with time for the night's to be made.
const backupLate = 26 * time.Hour

// BackupPlace is where backups go, of the configuration.
func BackupPlace(ctx context.Context, o PartsOptions) (backup.Place, error) {
	c := o.Config
	if c.Backups.Bucket == "" {
		return backup.Folder{Directory: c.Backups.Directory}, nil
	}
	region, access, err := bucketAccess(ctx, o)
	if err != nil {
		return nil, err
	}
	return backup.NewBucket(backup.BucketOptions{
		Bucket: c.Backups.Bucket, Prefix: backupPrefix, Region: region, Endpoint: c.Storage.Endpoint, PathStyle: c.Storage.PathStyle, Credentials: access,
	})
}

// backups is what a client's security page says of its backups. It is read from the client's own audit log, so that no client's page has a
// way to where all clients' backups lie (DP-1).
func backups(c *config.Config, now func() time.Time) func(*tenancy.Tenant) func(context.Context) ([]client.Backup, error) {
	where, kept := "the service's own disk", backup.Folder{}.Kept(c.Backups.Keep)
	if c.Backups.Bucket != "" {
		where, kept = "bucket "+c.Backups.Bucket, (*backup.Bucket)(nil).Kept(0)
	}
	return func(t *tenancy.Tenant) func(context.Context) ([]client.Backup, error) {
		return func(ctx context.Context) ([]client.Backup, error) {
			newest, err := backup.Latest(ctx, t.Store)
			if err != nil {
				return nil, err
			}
			b := client.Backup{What: "Everything, encrypted and restored for trial", Where: where, Kept: kept}
			if newest != nil {
				b.At, b.Restored = newest.At, newest.Recorded
			}
			if newest == nil && len(c.Backups.Recipients) == 0 && c.Backups.Key == "" {
				return nil, nil // this service makes none, such as one that is tried out
			}
			b.Late = now().Sub(later(b.At, t.Created)) > backupLate
			return []client.Backup{b}, nil
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ages are how old clients' newest backups are. Their names are no labels of a metric: one number says whether somebody's is late.
type ages struct {
	mu  sync.Mutex
	all map[string]age
}

type age struct{ made, seen time.Time }

// forgotten is how long a client counts that was not looked at: it is gone, or another process has it.
const forgotten = 3 * round

func (a *ages) look(ctx context.Context, c *client.Client) {
	known := c.Facts(ctx).Backups
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]age{}
	}
	delete(a.all, c.Name)
	for _, one := range known {
		a.all[c.Name] = age{later(one.At, c.Created), c.Now()}
	}
}

func (a *ages) oldest(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var oldest time.Duration
	for name, one := range a.all {
		if now.Sub(one.seen) > forgotten {
			delete(a.all, name)
			continue
		}
		oldest = max(oldest, now.Sub(one.made))
	}
	return oldest
}
