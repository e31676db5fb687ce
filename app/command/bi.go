package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/bi"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/dbrole"
	"github.com/berth-iac/berth/app/tenancy"
)

func (p *program) bi() *cobra.Command {
	c := &cobra.Command{
		Use: "bi", Short: "Give a client's BI tools access to its database: reading, and for a while",
		Example: "  taskflow bi grant acme --name sales --days 30 --address 192.0.2.0/24 --reason \"quarterly report, asked for by Ann\"",
	}
	c.AddCommand(p.biGrant(), p.biList(), p.biRevoke())
	return c
}

func (p *program) biGrant() *cobra.Command {
	var r bi.Request
	c := &cobra.Command{
		Use: "grant CLIENT", Short: "Make a database role that reads some columns and does nothing else", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Long: `Make a database role for a client's BI tool. It reads projects, tasks, comments and the like, none of the secrets, and writes nothing; it ends
by itself, and is in the client's audit log. Its password is shown once and kept nowhere. The database has to be PostgreSQL or MySQL, and the
client's file has to say under database.master where the account is that may make roles: a secret such as {"username": …, "password": …}.`,
		Example: "  taskflow bi grant acme --name sales --days 30 --address 192.0.2.0/24 --reason \"quarterly report, asked for by Ann\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withAccess(cmd.Context(), args[0], func(a bi.Access) error {
				granted, err := bi.Grant(cmd.Context(), a, r)
				if err != nil {
					return err
				}
				return p.say(granted, func(w io.Writer) {
					line(w, "role      %s\npassword  %s\nuntil     %s", granted.Role, granted.Password, granted.Until.Format(time.RFC3339))
					line(w, "The password is shown this once. It may read: %s", strings.Join(granted.Tables, ", "))
					for _, note := range granted.Notes {
						line(w, "%s", note)
					}
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&r.Name, "name", "", "what it is for, in one word (required)")
	f.IntVar(&r.Days, "days", 30, fmt.Sprintf("for how long, at most %d", bi.MaxDays))
	f.StringSliceVar(&r.Addresses, "address", nil, "a network or address from where it may be used (required)")
	f.StringVar(&r.Reason, "reason", "", "who asked for it and what for (required)")
	f.StringVar(&r.By, "by", "operator at the command line", "who grants it, for the client's audit log")
	for _, name := range []string{"name", "address", "reason"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func (p *program) biList() *cobra.Command {
	return &cobra.Command{
		Use: "list CLIENT", Short: "List the roles that were given, and which are open", Example: "  taskflow bi list acme", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withClient(cmd.Context(), args[0], func(_ *config.Config, on *client.Client) error {
				all, err := bi.List(cmd.Context(), on.Store, p.Clock())
				if err != nil {
					return err
				}
				return p.say(all, func(w io.Writer) {
					t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
					line(t, "role\tstate\tuntil\tfrom\treason")
					for _, one := range all {
						line(t, "%s\t%s\t%s\t%s\t%s", one.Role, one.State, one.Until.Format(time.RFC3339), strings.Join(one.Addresses, " "), one.Reason)
					}
					_ = t.Flush()
				})
			})
		},
	}
}

func (p *program) biRevoke() *cobra.Command {
	var name, by, reason string
	var expired bool
	c := &cobra.Command{
		Use: "revoke [CLIENT]", Short: "End an access at once, or all whose time is over", Args: cobra.MaximumNArgs(1), ValidArgsFunction: p.completeNames,
		Long: `End an access: its role cannot sign in any more, its open sessions end, and it is removed. With --expired all are ended whose time is over, of
the client that is named or of all; run it every hour, for MySQL's accounts do not end by themselves.`,
		Example: "  taskflow bi revoke acme --name sales --reason \"report is done\"\n  taskflow bi revoke --expired",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if expired == (name != "") || len(args) == 0 && !expired {
				return usage{errors.New("name the client and the access (--name), or give --expired")}
			}
			if expired {
				return p.biExpire(ctx, args, by)
			}
			return p.withAccess(ctx, args[0], func(a bi.Access) error {
				if err := bi.Revoke(ctx, a, name, by, reason); err != nil {
					return err
				}
				return p.say(map[string]string{"client": args[0], "revoked": name}, func(w io.Writer) { line(w, "access %s of client %s is revoked", name, args[0]) })
			})
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "the access, as it was named, or its role")
	f.BoolVar(&expired, "expired", false, "all whose time is over")
	f.StringVar(&by, "by", "operator at the command line", "who revokes it, for the client's audit log")
	f.StringVar(&reason, "reason", "", "why, for the client's audit log")
	return c
}

// biExpire asks a client's master account only where something is over.
func (p *program) biExpire(ctx context.Context, given []string, by string) error {
	return p.with(ctx, func(_ *config.Config, parts *server.Parts) error {
		names, err := p.clientNames(parts.Directory, given)
		if err != nil {
			return err
		}
		ended := map[string][]string{}
		var problems []error
		for _, name := range names {
			roles, err := p.biExpireOne(ctx, parts, name, by)
			if err != nil {
				problems = append(problems, fmt.Errorf("client %s: %w", name, err))
			}
			if len(roles) > 0 {
				ended[name] = roles
			}
		}
		err = p.say(ended, func(w io.Writer) {
			for _, name := range names {
				for _, role := range ended[name] {
					line(w, "client %s: %s is revoked, its time is over", name, role)
				}
			}
		})
		return errors.Join(append(problems, err)...)
	})
}

func (p *program) biExpireOne(ctx context.Context, parts *server.Parts, name, by string) ([]string, error) {
	record, err := parts.Directory.Get(name)
	if err != nil || record.Client.Database.Engine == string(store.SQLite) {
		return nil, err
	}
	t, release, err := parts.Directory.OpenName(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	over, err := bi.Over(ctx, t.Store, p.Clock())
	if err != nil || len(over) == 0 {
		return nil, err
	}
	var done []string
	err = p.openAccess(ctx, record, t.Store, func(a bi.Access) (err error) {
		done, err = bi.Expire(ctx, a, by)
		return err
	})
	return done, err
}

func (p *program) withAccess(ctx context.Context, name string, do func(bi.Access) error) error {
	return p.with(ctx, func(_ *config.Config, parts *server.Parts) error {
		record, err := parts.Directory.Get(name)
		if err != nil {
			return fmt.Errorf("client %s: %w", name, err)
		}
		if record.Client.Database.Engine == string(store.SQLite) {
			return fault.Refused(fmt.Sprintf("the database of client %s is a file, which has no roles: give them an export instead", name))
		}
		t, release, err := parts.Directory.OpenName(ctx, name)
		if err != nil {
			return fmt.Errorf("client %s: %w", name, err)
		}
		defer release()
		return p.openAccess(ctx, record, t.Store, do)
	})
}

// openAccess opens a client's database for its master account, and for the service's own.
func (p *program) openAccess(ctx context.Context, record tenancy.Record, s *store.Store, do func(bi.Access) error) (err error) {
	options, err := p.master(ctx, record.Client.Database)
	if err != nil {
		return err
	}
	master, err := dbrole.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, master.Close()) }()
	owner, err := dbrole.Open(ctx, tenancy.StoreOptions(record.Client.Database, p.resolve))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, owner.Close()) }()
	return do(bi.Access{Client: record.Client.Name, Store: s, Master: master, Owner: owner, Now: p.Clock})
}

// master gives the options of the account that may make roles in a client's database.
func (p *program) master(ctx context.Context, d config.Database) (store.Options, error) {
	if d.Master == "" {
		return store.Options{}, fault.BadInput("database.master", "no account is named that may make roles",
			`set database.master in the client's file to where a secret {"username": …, "password": …} is`)
	}
	text, err := p.resolve(ctx, d.Master)
	if err != nil {
		return store.Options{}, fmt.Errorf("database.master: %w", err)
	}
	var secret struct{ Username, Password string }
	if err := json.Unmarshal([]byte(text), &secret); err != nil || secret.Username == "" {
		return store.Options{}, fault.BadInput("database.master", "the secret has no username and password", `it has to be {"username": …, "password": …}`) // and is not repeated
	}
	o := tenancy.StoreOptions(d, p.resolve)
	o.User, o.Password = secret.Username, func(context.Context) (string, error) { return secret.Password, nil }
	return o, nil
}

// provide makes a client's database and the service's account in it, where the configuration names the account that may. Machines of the
// infrastructure start with a server on which there is neither.
func (p *program) provide(ctx context.Context, d config.Database) ([]string, error) {
	if d.Master == "" || d.Engine == string(store.SQLite) {
		return nil, nil
	}
	options, err := p.master(ctx, d)
	if err != nil {
		return nil, err
	}
	want := dbrole.Service{Database: d.Name, User: d.User, IAM: strings.HasPrefix(string(d.Password), "aws-rds-iam:")}
	if !want.IAM {
		if d.Password == "" {
			return nil, fault.BadInput("database.password", "it is missing", "say where the password of the service's account is")
		}
		if want.Password, err = p.resolve(ctx, d.Password); err != nil {
			return nil, fmt.Errorf("database.password: %w", err)
		}
	}
	return dbrole.Provide(ctx, func(database string) store.Options {
		o := options
		o.Name = database
		return o
	}, want)
}
