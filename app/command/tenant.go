package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/tenancy"
)

func (p *program) tenant() *cobra.Command {
	c := &cobra.Command{Use: "tenant", Short: "Make, list, suspend, resume and delete clients", Example: "  taskflow tenant list"}
	c.AddCommand(p.tenantCreate(), p.tenantList(), p.tenantDelete(), p.tenantCertificate(),
		p.tenantState("suspend", "Stop serving a client; nothing is removed", (*tenancy.Directory).Suspend),
		p.tenantState("resume", "Serve a suspended client again", (*tenancy.Directory).Resume))
	return c
}

// shownTenant is a client in an answer.
type shownTenant struct {
	Name      string    `json:"name"`
	Display   string    `json:"displayName"`
	State     string    `json:"state"`
	Hosts     []string  `json:"hosts"`
	Engine    string    `json:"engine"`
	Created   time.Time `json:"created"`
	Site      string    `json:"site,omitempty"`
	OwnerLink string    `json:"ownerLink,omitempty"`
}

func shown(r tenancy.Record) shownTenant {
	return shownTenant{Name: r.Client.Name, Display: r.Client.DisplayName, State: string(r.State), Hosts: r.Client.Hosts, Engine: r.Client.Database.Engine, Created: r.Created}
}

func (p *program) tenantCreate() *cobra.Command {
	made := config.Client{}
	var owner, password string
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a client with a database and a key of its own, and invite its owner", Args: cobra.ExactArgs(1),
		Long: `Make a client. NAME is its short name in folders, keys and logs; it never changes. Without --engine the client's data is in a file in its
own folder; a database on a server has to be there already, with a user of its own (DP-1).`,
		Example: `  taskflow tenant create acme --name "Acme Ltd" --host acme.example.org --owner ann@acme.example
  taskflow tenant create acme --name "Acme Ltd" --host acme.example.org --engine postgresql --db-host db.example.org --db-name acme --db-user acme --db-password file:/run/secrets/acme`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			made.Name = args[0]
			if err := made.Database.Password.UnmarshalText([]byte(password)); err != nil {
				return usage{fmt.Errorf("--db-password: %w", err)}
			}
			return p.with(ctx, func(c *config.Config, parts *server.Parts) error {
				if c.Client != nil {
					return fault.Refused("the configuration names the only client of this service")
				}
				record, err := parts.Directory.Create(ctx, made, p.Clock())
				if err != nil {
					return err
				}
				if err := p.migrateRecord(ctx, record); err != nil {
					return fmt.Errorf("%w\n  the client is there; when the database is in order: taskflow migrate --client %s", err, made.Name)
				}
				answer := shown(record)
				on, release, err := parts.Open(ctx, made.Name)
				if err != nil {
					return err
				}
				defer release()
				answer.Site = on.Site
				if owner != "" {
					if answer.OwnerLink, err = p.inviteTo(ctx, on, owner, "", actor.Owner, false); err != nil {
						return fmt.Errorf("%w\n  the client is there; invite its owner with: taskflow user invite %s ADDRESS --role owner", err, made.Name)
					}
				}
				return p.say(answer, func(w io.Writer) {
					line(w, "client %s is served at %s", made.Name, answer.Site)
					if answer.OwnerLink != "" {
						line(w, "its owner chooses a password here, once: %s", answer.OwnerLink)
					}
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&made.DisplayName, "name", "", "the client's name as people read it (required)")
	f.StringSliceVar(&made.Hosts, "host", nil, "a host name of the client; the first is in links (required)")
	f.StringVar(&owner, "owner", "", "e-mail address of the owner to invite")
	f.StringVar(&made.Database.Engine, "engine", "", "sqlite, postgresql or mysql")
	f.StringVar(&made.Database.Host, "db-host", "", "host of the database")
	f.IntVar(&made.Database.Port, "db-port", 0, "port of the database")
	f.StringVar(&made.Database.Name, "db-name", "", "name of the database")
	f.StringVar(&made.Database.User, "db-user", "", "user of the database")
	f.StringVar(&password, "db-password", "", "where its password is, as in file:/run/secrets/acme; never the password itself")
	f.StringVar(&made.Database.TLS, "db-tls", "", "verify or off")
	f.StringVar(&made.Database.CAFile, "db-ca", "", "file with the authority of the database's certificate")
	f.StringVar(&made.Facts.Residency, "residency", "", "where the data is kept, as the client is told")
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("host")
	return c
}

func (p *program) tenantList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all clients", Example: "  taskflow tenant list --output json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(_ *config.Config, parts *server.Parts) error {
				all := []shownTenant{}
				var problems []error
				for name, err := range parts.Directory.Names() {
					if err != nil {
						return err
					}
					record, err := parts.Directory.Get(name)
					if err != nil {
						problems = append(problems, fmt.Errorf("client %s: %w", name, err))
						continue
					}
					all = append(all, shown(record))
				}
				err := p.say(all, func(w io.Writer) {
					t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
					line(t, "client\tstate\tdatabase\thosts\tname")
					for _, one := range all {
						line(t, "%s\t%s\t%s\t%s\t%s", one.Name, one.State, one.Engine, one.Hosts[0], one.Display)
					}
					_ = t.Flush()
				})
				return errors.Join(append(problems, err)...)
			})
		},
	}
}

func (p *program) tenantState(verb, short string, change func(*tenancy.Directory, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Example: "  taskflow tenant " + verb + " acme", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), func(_ *config.Config, parts *server.Parts) error {
				if err := change(parts.Directory, cmd.Context(), args[0]); err != nil {
					return err
				}
				record, err := parts.Directory.Get(args[0])
				if err != nil {
					return err
				}
				return p.say(shown(record), func(w io.Writer) { line(w, "client %s is %s", args[0], record.State) })
			})
		},
	}
}

// completeNames completes a client's name.
func (p *program) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	if err := p.with(cmd.Context(), func(_ *config.Config, parts *server.Parts) error {
		for name, err := range parts.Directory.Names() {
			if err != nil {
				return err
			}
			names = append(names, name)
		}
		return nil
	}); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (p *program) tenantDelete() *cobra.Command {
	var o deletion
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a client for good, and certify it", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Long: `Delete a client: nobody finds it from the first moment on, then its attachments, its activity feed, its shared cache and its own folder with
its key and its database file are removed. What cannot be removed from here (a database on a server, backups) the certificate names under
"left". Cut short, the command is run again and goes on.`,
		Example: "  taskflow tenant delete acme --confirm acme --by \"Jo Ops\" --reason \"contract ended\" --certificate acme-deleted.json --signing-key file:/etc/taskflow/deletion.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			if o.confirm != args[0] {
				return usage{fmt.Errorf("deleting cannot be undone: repeat the name with --confirm %s", args[0])}
			}
			return p.with(cmd.Context(), func(c *config.Config, parts *server.Parts) error { return p.runDelete(cmd.Context(), c, parts, o) })
		},
	}
	f := c.Flags()
	f.StringVar(&o.confirm, "confirm", "", "the client's name again")
	f.StringVar(&o.by, "by", "", "who deletes it (required)")
	f.StringVar(&o.reason, "reason", "", "why (required)")
	f.StringVar(&o.certificate, "certificate", "", "the file to write the certificate to; NAME-deletion-certificate.json here")
	f.StringVar(&o.key, "signing-key", "", "where the ed25519 key (PEM, PKCS 8) is that signs the certificate, as in file:/etc/taskflow/deletion.pem")
	_ = c.MarkFlagRequired("by")
	_ = c.MarkFlagRequired("reason")
	return c
}

func (p *program) tenantCertificate() *cobra.Command {
	var public string
	c := &cobra.Command{
		Use: "certificate FILE", Short: "Check a deletion certificate", Args: cobra.ExactArgs(1),
		Example: "  taskflow tenant certificate acme-deletion-certificate.json --public-key MCowBQYDK2VwAyEA…",
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the certificate: %w", err)
			}
			checked, err := checkCertificate(text, public)
			if err != nil {
				return finding{err}
			}
			return p.say(checked, func(w io.Writer) {
				line(w, "the certificate of the deletion of %s is whole; signed: %s", checked.Client, checked.Signed)
			})
		},
	}
	c.Flags().StringVar(&public, "public-key", "", "the key that must have signed it, in base64 as the certificate shows it")
	return c
}
