package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/outbox"
)

// operator is who acts at the command line, as the client's log shows it.
func operator() actor.Actor { return actor.Service("operator at the command line") }

// noting hears of a letter's secret while the letter is rendered.
func noting(letter accounts.Letter, hear func(secret string)) accounts.Letter {
	return func(to accounts.Person, secret string, until time.Time) (outbox.Mail, error) {
		hear(secret)
		return letter(to, secret, until)
	}
}

// deliver sends what was just queued: the service may have the client closed. Mail that fails stays and is tried again by the service.
func (p *program) deliver(ctx context.Context, on *client.Client) {
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := on.Deliver(limited); err != nil {
		line(p.Err, "the mail was queued and is sent later: %v", err)
	}
}

// inviteTo invites somebody, or sends another link to whoever has not taken one up yet.
func (p *program) inviteTo(ctx context.Context, on *client.Client, address, name string, role actor.Role, staff bool) (string, error) {
	link := ""
	letter := keepLink(ctx, on, &link)
	var err error
	if staff {
		_, err = on.Accounts.InviteStaff(ctx, operator(), address, name, letter)
	} else {
		_, err = on.Accounts.Invite(ctx, operator(), accounts.Invitation{Email: address, Name: name, Role: role}, letter)
	}
	if fault.Is(err, fault.Conflict) {
		known, found := on.Accounts.ByEmail(ctx, operator(), address)
		if found == nil && known.Status == accounts.Invited && known.Staff == staff {
			err = on.Accounts.InviteAgain(ctx, operator(), known.ID, letter)
		}
	}
	if err != nil {
		return "", err
	}
	p.deliver(ctx, on)
	return link, nil
}

type linkAnswer struct {
	Client  string    `json:"client"`
	Email   string    `json:"email"`
	Link    string    `json:"link"`
	Expires time.Time `json:"expires"`
}

func (p *program) user() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Invite people, send them a new password's link, disable them", Example: "  taskflow user invite acme ann@acme.example --role owner"}
	c.AddCommand(p.userInvite(), p.userReset(), p.userDisable())
	return c
}

func (p *program) userInvite() *cobra.Command {
	var name, role string
	var staff bool
	c := &cobra.Command{
		Use: "invite CLIENT EMAIL", Short: "Invite somebody; prints the link, which works once", Args: cobra.ExactArgs(2), ValidArgsFunction: p.completeNames,
		Long: `Invite somebody to a client. Whoever was invited and has not come yet gets a new link. --staff makes an account of the provider's, which
comes in only while a grant is open (AC-8) and must be named under provider.staff in the configuration.`,
		Example: "  taskflow user invite acme ann@acme.example --name \"Ann Acre\" --role owner\n  taskflow user invite acme sam@provider.example --staff",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := actor.ParseRole(role)
			if err != nil {
				return err
			}
			return p.withClient(cmd.Context(), args[0], func(c *config.Config, on *client.Client) error {
				if staff && !slices.ContainsFunc(c.Provider.Staff, func(known string) bool { return strings.EqualFold(known, args[1]) }) {
					return fault.BadInput("email", "it is no address of the provider's staff", "name it under provider.staff in the configuration")
				}
				link, err := p.inviteTo(cmd.Context(), on, args[1], name, r, staff)
				if err != nil {
					return err
				}
				until := p.Clock().Add(accounts.InvitationLasts).UTC().Truncate(time.Second)
				return p.say(linkAnswer{args[0], args[1], link, until}, func(w io.Writer) {
					line(w, "%s is invited; the link works once, until %s:\n%s", args[1], until.Format(time.RFC1123), link)
				})
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "the person's name; people choose their own when they come")
	c.Flags().StringVar(&role, "role", "member", "owner, administrator, member or guest")
	c.Flags().BoolVar(&staff, "staff", false, "an account of the provider's staff")
	_ = c.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]string{"owner", "administrator", "member", "guest"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (p *program) userReset() *cobra.Command {
	var factor bool
	c := &cobra.Command{
		Use: "reset CLIENT EMAIL", Short: "Make a link to choose a new password (AC-9); prints it", Args: cobra.ExactArgs(2), ValidArgsFunction: p.completeNames,
		Example: "  taskflow user reset acme ann@acme.example\n  taskflow user reset acme ann@acme.example --second-factor",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.withClient(ctx, args[0], func(_ *config.Config, on *client.Client) error {
				who, err := on.Accounts.ByEmail(ctx, operator(), args[1])
				if err != nil {
					return err
				}
				if factor {
					if err := on.Accounts.ResetFactor(ctx, operator(), who.ID); err != nil {
						return err
					}
				}
				link := ""
				if err := on.Accounts.SendReset(ctx, operator(), who.ID, noting(on.Reset(ctx), func(secret string) { link = on.ResetLink(secret) })); err != nil {
					return err
				}
				p.deliver(ctx, on)
				until := p.Clock().Add(accounts.ResetLasts).UTC().Truncate(time.Second)
				return p.say(linkAnswer{args[0], args[1], link, until}, func(w io.Writer) {
					line(w, "the link for %s works once, until %s:\n%s", args[1], until.Format(time.RFC1123), link)
				})
			})
		},
	}
	c.Flags().BoolVar(&factor, "second-factor", false, "take the second factor away too, for somebody who lost it")
	return c
}

func (p *program) userDisable() *cobra.Command {
	return &cobra.Command{
		Use: "disable CLIENT EMAIL", Short: "Let somebody in no more, and end their sessions and tokens", Args: cobra.ExactArgs(2), ValidArgsFunction: p.completeNames,
		Example: "  taskflow user disable acme ann@acme.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withClient(cmd.Context(), args[0], func(_ *config.Config, on *client.Client) error {
				who, err := on.Accounts.ByEmail(cmd.Context(), operator(), args[1])
				if err != nil {
					return err
				}
				if err := on.Accounts.Disable(cmd.Context(), operator(), who.ID); err != nil {
					return err
				}
				return p.say(map[string]string{"client": args[0], "email": args[1], "status": "disabled"}, func(w io.Writer) { line(w, "%s is disabled", args[1]) })
			})
		},
	}
}

type grantAnswer struct {
	Client string    `json:"client"`
	ID     uuid.UUID `json:"id"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// access opens and closes the provider's account on a client (AC-8).
func (p *program) access() *cobra.Command {
	var reason string
	var hours int
	open := &cobra.Command{
		Use: "open CLIENT", Short: "Let the provider's staff in for some hours, with a reason that the client sees", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  taskflow access open acme --reason \"ticket 4711: import fails\" --hours 4",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withClient(cmd.Context(), args[0], func(_ *config.Config, on *client.Client) error {
				g, err := on.Accounts.OpenGrant(cmd.Context(), operator(), reason, time.Duration(hours)*time.Hour)
				if err != nil {
					return err
				}
				return p.say(grantAnswer{args[0], g.ID, g.Reason, g.Until}, func(w io.Writer) {
					line(w, "the provider's staff may sign in to %s until %s; the client sees it\nclose it with: taskflow access close %s %s", args[0], g.Until.Format(time.RFC1123), args[0], g.ID)
				})
			})
		},
	}
	open.Flags().StringVar(&reason, "reason", "", "why, as the client reads it (required)")
	open.Flags().IntVar(&hours, "hours", 4, "for how many hours, 72 at most")
	_ = open.MarkFlagRequired("reason")
	shut := &cobra.Command{
		Use: "close CLIENT [ID]", Short: "End a grant before its time; without ID all that are open", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: p.completeNames,
		Example: "  taskflow access close acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withClient(cmd.Context(), args[0], func(_ *config.Config, on *client.Client) error {
				ids, err := grants(cmd.Context(), on, args[1:])
				if err != nil {
					return err
				}
				var problems []error
				for _, id := range ids {
					problems = append(problems, on.Accounts.CloseGrant(cmd.Context(), operator(), id))
				}
				if err := errors.Join(problems...); err != nil {
					return err
				}
				return p.say(map[string]any{"client": args[0], "closed": ids}, func(w io.Writer) { line(w, "closed: %d", len(ids)) })
			})
		},
	}
	c := &cobra.Command{Use: "access", Short: "Open and close the provider's account on a client", Example: "  taskflow access open acme --reason \"ticket 4711\""}
	c.AddCommand(open, shut)
	return c
}

func grants(ctx context.Context, on *client.Client, given []string) ([]uuid.UUID, error) {
	if len(given) == 1 {
		id, err := uuid.Parse(given[0])
		if err != nil {
			return nil, usage{fmt.Errorf("%q is no ID of a grant", given[0])}
		}
		return []uuid.UUID{id}, nil
	}
	all, err := on.Accounts.Grants(ctx, operator(), 200)
	if err != nil {
		return nil, err
	}
	ids := []uuid.UUID{}
	for _, g := range all {
		if g.Open(on.Now()) {
			ids = append(ids, g.ID)
		}
	}
	return ids, nil
}
