package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/seed"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/tenancy"
)

const (
	demoName  = "demo"
	demoHost  = "demo.localhost"
	demoOwner = "owner@demo.localhost"
)

// demo makes the demonstration client where there is no client at all, and gives what to say about it; "" where there is none. Whether
// it was finished shows in a file beside: cut short, the next start begins anew.
func (p *program) demo(ctx context.Context, c *config.Config, parts *server.Parts) (string, error) {
	unfinished := filepath.Join(c.Tenants.Directory, "demo.unfinished")
	_, err := os.Stat(unfinished)
	switch {
	case err == nil:
		if err := parts.Directory.Delete(ctx, demoName, func(_ context.Context, r tenancy.Record) error { return eraseDisk(c, r) }); err != nil && !fault.Is(err, fault.NotFound) {
			return "", fmt.Errorf("take back what was begun: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("look whether it was finished: %w", err)
	}
	for name, listErr := range parts.Directory.Names() {
		if listErr != nil {
			return "", listErr
		}
		if name == demoName {
			return p.demoAgain(ctx, parts)
		}
		return "", nil // there are clients: nobody needs a demonstration
	}
	if err := os.WriteFile(unfinished, []byte("The demonstration client is being made. If no process does, the next start begins anew.\n"), 0o600); err != nil {
		return "", fmt.Errorf("note that it is begun: %w", err)
	}
	record, err := parts.Directory.Create(ctx, config.Client{Name: demoName, DisplayName: "Demonstration", Hosts: []string{demoHost}}, p.Clock())
	if err != nil {
		return "", err
	}
	if err := p.migrateRecord(ctx, record); err != nil {
		return "", err
	}
	on, release, err := parts.Open(ctx, demoName)
	if err != nil {
		return "", err
	}
	defer release()
	link := ""
	if _, err := on.Accounts.Invite(ctx, actor.Service("demonstration"), accounts.Invitation{Email: demoOwner, Name: "Olivia Owner", Role: actor.Owner}, keepLink(ctx, on, &link)); err != nil {
		return "", err
	}
	if _, err := seed.Fill(ctx, p.seeding(on), seed.Demo()); err != nil {
		return "", err
	}
	if err := os.Remove(unfinished); err != nil {
		return "", fmt.Errorf("note that it is finished: %w", err)
	}
	return firstWords(on, link), nil
}

// demoAgain says where the demonstration is; as long as nobody chose the owner's password, it gives a new link for that.
func (p *program) demoAgain(ctx context.Context, parts *server.Parts) (string, error) {
	on, release, err := parts.Open(ctx, demoName)
	if err != nil {
		return "", err
	}
	defer release()
	who := actor.Service("demonstration")
	owner, err := on.Accounts.ByEmail(ctx, who, demoOwner)
	if fault.Is(err, fault.NotFound) || err == nil && owner.Status != accounts.Invited {
		return fmt.Sprintf("\nTaskFlow is at %s\n", on.Site), nil
	}
	if err != nil {
		return "", err
	}
	link := ""
	if err := on.Accounts.InviteAgain(ctx, who, owner.ID, keepLink(ctx, on, &link)); err != nil {
		return "", err
	}
	return firstWords(on, link), nil
}

func firstWords(on *client.Client, link string) string {
	return fmt.Sprintf(`
TaskFlow is at %s

It shows a demonstration with made-up people and projects. To sign in for the first time as its owner, %s,
open this link and choose a password. It works once, until %s:

  %s
`, on.Site, demoOwner, on.Now().Add(accounts.InvitationLasts).UTC().Format("2 January 2006"), link)
}

// keepLink renders an invitation and notes its link, for whoever sits at the terminal.
func keepLink(ctx context.Context, on *client.Client, link *string) accounts.Letter {
	letter := on.Invitation(ctx, on.Facts(ctx).Provider)
	return noting(letter, func(secret string) { *link = on.InvitationLink(secret) })
}

func (p *program) seeding(on *client.Client) seed.Into {
	return seed.Into{Accounts: on.Accounts, Work: on.Work, Clock: p.Clock, Random: p.Random, Domain: "people.example"}
}

// eraseDisk removes a client's attachments from this machine's disk.
func eraseDisk(c *config.Config, r tenancy.Record) error {
	if c.Storage.Kind != "disk" {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(c.Storage.Directory, r.Client.StoragePrefix)); err != nil {
		return fmt.Errorf("remove the attachments: %w", err)
	}
	return nil
}
