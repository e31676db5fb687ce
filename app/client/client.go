// Package client is one client's whole while it is open: accounts, work, feed, audit log, outbox, settings and limits, put together from
// a tenant and the parts that a process has once. What serves people is handed a Client and finds all it needs there. It has no
// reference to the directory of clients, so nothing that is reached through a Client leads to another (DP-1).
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/mail"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/tenancy"
	"github.com/berth-iac/berth/app/work"
)

// Process is what a process has once, for all of its clients. None of it holds what is a client's.
type Process struct {
	Hasher   *password.Hasher
	Sandbox  *expression.Sandbox
	Renderer *markdown.Renderer
	Gate     *limits.Gate
	Memory   space.Store
	Redis    space.Store // nil: sessions are in each client's database, counters in Memory
	Clock    func() time.Time
	Random   io.Reader
	Log      *slog.Logger

	SessionIdle, SessionAbsolute, SessionFresh time.Duration // of people; 0 is what accounts has

	Mail      *mail.Sender                                                  // nil: mail waits until there is one
	Documents func(client string) *mongo.Database                           // nil: the feed is in each client's database
	Uploads   files.Rules                                                   // of one attachment; those of package files where they are empty
	Quota     int64                                                         // of all of a client's attachments; 0 is work's own
	Scheme    string                                                        // http or https: how people reach the service
	Port      int                                                           // 0: the scheme's own
	Provider  Provider                                                      //
	Backups   func(*tenancy.Tenant) func(context.Context) ([]Backup, error) // asked once, when a client is opened; nil: nothing is known
}

// Client is one client while it is open.
type Client struct {
	Name    string // short, in file names and logs
	Display string // as its people know it, until they choose: see Settings
	Host    string // the first of its host names, which links in mails carry
	Hosts   []string
	Site    string // "https://acme.example.org", without a slash at its end
	Created time.Time

	Store    *store.Store
	Space    *space.Space
	Files    files.Store
	Keys     *seal.Keys
	Audit    *audit.Log
	Outbox   *outbox.Outbox
	Accounts *accounts.Accounts
	Work     *work.Work
	Feed     feed.Feed
	Limits   *limits.Limiter // of addresses and of the client as a whole; the server takes from it before anything else
	Settings *Settings

	people  *limits.Limiter
	signIns limits.Bucket
	rates   rates
	lasting lasting
	process Process
	facts   facts
}

// Open puts a client together. The tenant must stay open for as long as the Client is used; there is nothing else to close.
func Open(ctx context.Context, t *tenancy.Tenant, p Process) (*Client, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if t.Space == nil || t.Files == nil || len(t.Hosts) == 0 {
		return nil, fmt.Errorf("client %s has no space, no files or no host", t.Name)
	}
	c := &Client{
		Name: t.Name, Display: t.DisplayName, Host: t.Hosts[0], Hosts: t.Hosts, Site: p.site(t.Hosts[0]), Created: t.Created,
		Store: t.Store, Space: t.Space, Files: t.Files, Keys: t.Seal,
		Audit: audit.New(t.Store), Outbox: outbox.New(t.Store, t.Seal, p.Clock), process: p,
	}
	c.Settings = &Settings{store: t.Store, clock: p.Clock, name: t.DisplayName}
	c.facts = facts{Facts: Facts{Provider: p.Provider.Name, Residency: t.Facts.Residency, MaintenanceWindow: t.Facts.MaintenanceWindow,
		MaintenanceNoticeDays: t.Facts.MaintenanceNoticeDays}, promises: p.Provider.Promises}
	if p.Backups != nil {
		c.facts.backups = p.Backups(t)
	}
	var err error
	if err = c.openLimits(t, p); err != nil {
		return nil, err
	}
	if c.Feed, err = openFeed(ctx, t, p); err != nil {
		return nil, err
	}
	c.Accounts, err = accounts.New(accounts.Options{
		Client: t.DisplayName, Store: t.Store, Space: t.Space, SessionsInSpace: p.Redis != nil, Keys: t.Seal, Hasher: p.Hasher, Log: c.Audit,
		Outbox: c.Outbox, Policy: policy(t.Passwords), Clock: p.Clock, Random: p.Random,
		Idle: p.SessionIdle, Absolute: p.SessionAbsolute, Fresh: p.SessionFresh,
	})
	if err != nil {
		return nil, fmt.Errorf("accounts of client %s: %w", t.Name, err)
	}
	c.Work, err = work.New(work.Options{
		Store: t.Store, Files: t.Files, Feed: c.Feed, Conditions: p.Sandbox, Markdown: p.Renderer, Clock: p.Clock, Notify: c.notify,
		Report: func(ctx context.Context, err error) {
			p.Log.WarnContext(ctx, "something failed after a change was kept", "client", t.Name, "error", err)
		},
		Quota: p.Quota, Uploads: p.Uploads,
	})
	if err != nil {
		return nil, fmt.Errorf("work of client %s: %w", t.Name, err)
	}
	if t.Passwords.SecondFactor {
		if err := c.requireFactor(ctx); err != nil {
			return nil, fmt.Errorf("client %s: %w", t.Name, err)
		}
	}
	return c, nil
}

// Exchange is how the client's data comes out and in.
func (c *Client) Exchange() (*exchange.Exchange, error) {
	return exchange.New(exchange.Options{Client: c.Name, Store: c.Store, Files: c.Files, Feed: c.Feed, Work: c.Work, Audit: c.Audit, Space: c.Space, Clock: c.Now})
}

func (p *Process) check() error {
	for name, missing := range map[string]bool{
		"Hasher": p.Hasher == nil, "Sandbox": p.Sandbox == nil, "Renderer": p.Renderer == nil, "Gate": p.Gate == nil, "Memory": p.Memory == nil,
		"Clock": p.Clock == nil, "Random": p.Random == nil, "Log": p.Log == nil, "Scheme": p.Scheme != "http" && p.Scheme != "https",
	} {
		if missing {
			return errors.New("the process lacks " + name)
		}
	}
	return nil
}

// site is the address of a host's pages.
func (p *Process) site(host string) string {
	if p.Port != 0 && (p.Scheme != "http" || p.Port != 80) && (p.Scheme != "https" || p.Port != 443) {
		host = net.JoinHostPort(host, strconv.Itoa(p.Port))
	}
	return p.Scheme + "://" + host
}

func openFeed(ctx context.Context, t *tenancy.Tenant, p Process) (feed.Feed, error) {
	if p.Documents == nil {
		return feed.NewRelational(t.Store), nil
	}
	f, err := feed.NewDocuments(ctx, t.Store, p.Documents(t.Name))
	if err != nil {
		return nil, fmt.Errorf("feed of client %s: %w", t.Name, err)
	}
	return f, nil
}

// Enter waits for a place among all requests that are answered at once; clients take turns (AV-12). Call leave when done.
func (c *Client) Enter(ctx context.Context) (leave func(), err error) {
	return c.process.Gate.Enter(ctx, c.Name)
}

// Now is the process's clock.
func (c *Client) Now() time.Time { return c.process.Clock() }

// Log is where the client's handlers log; it names the client.
func (c *Client) Log() *slog.Logger { return c.process.Log.With("client", c.Name) }

// Mails tells whether e-mail leaves this service at all.
func (c *Client) Mails() bool { return c.process.Mail != nil }

// Secure tells whether cookies may be sent over TLS only.
func (c *Client) Secure() bool { return c.process.Scheme == "https" }
