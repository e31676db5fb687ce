package client

import (
	"context"
	"time"
)

// Provider is who runs the service.
type Provider struct {
	Name     string
	Promises func(context.Context) ([]Promise, error) // nil: nothing is known
}

// Promise is one of the provider's, and what is known of it.
type Promise struct {
	ID    string    `json:"id"`
	Words string    `json:"words"`
	State string    `json:"state"` // kept, broken, unknown
	Proof string    `json:"proof,omitempty"`
	At    time.Time `json:"at"`
}

// Backup is one kind of backup of a client.
type Backup struct {
	What     string    // such as "Everything"
	Where    string    //
	At       time.Time // of the newest
	Restored time.Time // when the newest was restored for trial
	Kept     string    // such as "35 days"
	Late     bool
}

// Facts are what the provider says of a client, for its security page. All of it comes from the configuration.
type Facts struct {
	Provider              string
	Residency             string
	MaintenanceWindow     string
	MaintenanceNoticeDays int
	Promises              []Promise
	Backups               []Backup
}

type facts struct {
	Facts
	promises func(context.Context) ([]Promise, error)
	backups  func(context.Context) ([]Backup, error)
}

// Facts gives what is known now. What cannot be found out is left out and logged: the page says that it is not known.
func (c *Client) Facts(ctx context.Context) Facts {
	f := c.facts.Facts
	var err error
	if c.facts.promises != nil {
		if f.Promises, err = c.facts.promises(ctx); err != nil {
			c.Log().WarnContext(ctx, "the promises' status cannot be read", "error", err)
		}
	}
	if c.facts.backups != nil {
		if f.Backups, err = c.facts.backups(ctx); err != nil {
			c.Log().WarnContext(ctx, "the backups' age cannot be found out", "error", err)
		}
	}
	return f
}
