package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/tenancy"
)

// migrated is a client's schema.
type migrated struct {
	Client     string `json:"client"`
	Applied    int    `json:"applied"`
	Pending    int    `json:"pending"`
	Newer      int    `json:"newer"`
	Compatible bool   `json:"compatible"` // this release may serve with it
	Problem    string `json:"problem,omitempty"`

	Made []string `json:"made,omitempty"` // on the database's server, by its master account
}

func (p *program) migrate() *cobra.Command {
	var only string
	up := func(cmd *cobra.Command, _ []string) error { return p.migrations(cmd.Context(), only, true) }
	c := &cobra.Command{
		Use: "migrate", Short: "Bring the clients' databases up to date; the release before may serve meanwhile", Args: cobra.NoArgs,
		Example: "  taskflow migrate --config /etc/taskflow\n  taskflow migrate status --client acme", RunE: up,
	}
	c.PersistentFlags().StringVar(&only, "client", "", "this client only")
	c.AddCommand(
		&cobra.Command{Use: "up", Short: "Apply what is to be applied", Example: "  taskflow migrate up --client acme", Args: cobra.NoArgs, RunE: up},
		&cobra.Command{Use: "status", Short: "Show what is applied and what is not", Example: "  taskflow migrate status --output json", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return p.migrations(cmd.Context(), only, false) }},
	)
	return c
}

// migrations goes through the clients. One that fails keeps no other from being brought up to date.
func (p *program) migrations(ctx context.Context, only string, up bool) error {
	return p.with(ctx, func(_ *config.Config, parts *server.Parts) error {
		var all []migrated
		var problems []error
		one := func(name string) {
			m, err := p.migrateOne(ctx, parts.Directory, name, up)
			if err != nil {
				m.Problem = err.Error()
				problems = append(problems, fmt.Errorf("client %s: %w", name, err))
			}
			all = append(all, m)
		}
		if only != "" {
			one(only)
		} else {
			for name, err := range parts.Directory.Names() {
				if err != nil {
					return err
				}
				one(name)
			}
		}
		if err := p.say(all, func(w io.Writer) { migrationTable(w, all) }); err != nil {
			return err
		}
		if err := errors.Join(problems...); err != nil {
			return err
		}
		for _, m := range all {
			if !m.Compatible {
				return finding{fmt.Errorf("client %s cannot be served as its database is: run taskflow migrate up", m.Client)}
			}
		}
		return nil
	})
}

func migrationTable(w io.Writer, all []migrated) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line(t, "client\tapplied\tpending\tnewer\tcan be served")
	for _, m := range all {
		answer := "yes"
		if !m.Compatible {
			answer = "no"
		}
		line(t, "%s\t%d\t%d\t%d\t%s", m.Client, m.Applied, m.Pending, m.Newer, answer)
	}
	_ = t.Flush()
}

func (p *program) migrateOne(ctx context.Context, d *tenancy.Directory, name string, up bool) (m migrated, err error) {
	m.Client = name
	record, err := d.Get(name)
	if err != nil {
		return m, err
	}
	if record.State == tenancy.Deleting {
		return m, fault.Clash("the client is being deleted", "delete it again to finish")
	}
	if up {
		if m.Made, err = p.provide(ctx, record.Client.Database); err != nil {
			return m, fmt.Errorf("make the service's database and account: %w", err)
		}
	}
	s, err := store.Open(ctx, tenancy.StoreOptions(record.Client.Database, p.resolve))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if up {
		if err := s.Migrate(ctx, p.Clock); err != nil {
			return m, err
		}
	}
	status, err := s.MigrationStatus(ctx)
	if err != nil {
		return m, err
	}
	m.Applied, m.Pending, m.Newer, m.Compatible = len(status.Applied), len(status.Pending), len(status.Newer), status.Compatible() == nil
	return m, nil
}

// migrateRecord brings a new client's database up to date.
func (p *program) migrateRecord(ctx context.Context, r tenancy.Record) (err error) {
	s, err := store.Open(ctx, tenancy.StoreOptions(r.Client.Database, p.resolve))
	if err != nil {
		return fmt.Errorf("database of client %s: %w", r.Client.Name, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Migrate(ctx, p.Clock)
}
