package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/seed"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/store"
)

type auditAnswer struct {
	Client   string          `json:"client"`
	OK       bool            `json:"ok"`
	Entries  int64           `json:"entries"`
	End      string          `json:"end"` // to be kept outside of the service
	Problems []audit.Problem `json:"problems,omitempty"`
}

func (p *program) audit() *cobra.Command {
	var anchors []string
	verify := &cobra.Command{
		Use: "verify CLIENT", Short: "Check that a client's audit log is whole (AC-5)", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Long:    `Read the whole log of a client and find what was altered, removed or inserted. Anchors that were kept elsewhere also show an end that was cut off and a log that was written anew.`,
		Example: "  taskflow audit verify acme --anchor \"$(cat acme.anchor)\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			known := make([]audit.Anchor, len(anchors))
			for i, text := range anchors {
				var err error
				if known[i], err = audit.ParseAnchor(strings.TrimSpace(text)); err != nil {
					return usage{fmt.Errorf("--anchor: %w", err)}
				}
			}
			return p.withClient(cmd.Context(), args[0], func(_ *config.Config, on *client.Client) error {
				r, err := on.Audit.Verify(cmd.Context(), known...)
				if err != nil {
					return err
				}
				if err := p.say(auditAnswer{args[0], r.OK(), r.Entries, r.End.String(), r.Problems}, func(w io.Writer) {
					line(w, "%d entries; the end is %s", r.Entries, r.End)
					for _, one := range r.Problems {
						line(w, "entry %d: %s", one.Seq, one.What)
					}
				}); err != nil {
					return err
				}
				if !r.OK() {
					return finding{fmt.Errorf("the audit log of client %s is not what it was: %d problems", args[0], len(r.Problems)+r.More)}
				}
				return nil
			})
		},
	}
	verify.Flags().StringArrayVar(&anchors, "anchor", nil, "an end of the log that was noted before; may be given several times")
	anchor := &cobra.Command{
		Use: "anchor CLIENT", Short: "Print the end of a client's audit log, to be kept elsewhere", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  taskflow audit anchor acme >> acme.anchors",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withClient(cmd.Context(), args[0], func(_ *config.Config, on *client.Client) error {
				end, err := on.Audit.End(cmd.Context())
				if err != nil {
					return err
				}
				return p.say(map[string]string{"client": args[0], "anchor": end.String()}, func(w io.Writer) { line(w, "%s", end) })
			})
		},
	}
	c := &cobra.Command{Use: "audit", Short: "Check clients' audit logs", Example: "  taskflow audit verify acme"}
	c.AddCommand(verify, anchor)
	return c
}

func (p *program) seed() *cobra.Command {
	much := seed.Demo()
	var add bool
	c := &cobra.Command{
		Use: "seed CLIENT", Short: "Fill a client with made-up data; never in production (DP-6)", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  taskflow seed acme --people 50 --projects 10 --tasks 5000",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := much.Check(); err != nil {
				return err
			}
			return p.withClient(cmd.Context(), args[0], func(c *config.Config, on *client.Client) error {
				if c.Environment == config.Production || !c.TestDataOnly {
					return fault.Refused("made-up data has no place in production")
				}
				if err := p.empty(cmd.Context(), on); err != nil && !add {
					return err
				}
				made, err := seed.Fill(cmd.Context(), p.seeding(on), much)
				if err != nil {
					return err
				}
				return p.say(made, func(w io.Writer) {
					line(w, "made up %d people, %d projects, %d tasks, %d comments", made.People, made.Projects, made.Tasks, made.Comments)
				})
			})
		},
	}
	f := c.Flags()
	f.IntVar(&much.People, "people", much.People, "how many people")
	f.IntVar(&much.Projects, "projects", much.Projects, "how many projects")
	f.IntVar(&much.Tasks, "tasks", much.Tasks, "how many tasks in all")
	f.Uint64Var(&much.Seed, "number", much.Seed, "another number makes other data")
	f.BoolVar(&add, "add", false, "also where there is data already")
	return c
}

// empty refuses a client that somebody works with: the owner alone, and no project, is empty.
func (p *program) empty(ctx context.Context, on *client.Client) error {
	projects, err := on.Store.Client().Project.Query().Count(ctx)
	if err != nil {
		return fmt.Errorf("look for data: %w", store.Translate(err))
	}
	people, err := on.Store.Client().User.Query().Where(user.RoleNEQ(user.RoleOwner)).Count(ctx)
	if err != nil {
		return fmt.Errorf("look for data: %w", store.Translate(err))
	}
	if projects+people > 0 {
		return fault.Clash("there is data already", "give --add to put the made-up data beside it")
	}
	return nil
}

type probed struct {
	URL     string    `json:"url"`
	Healthy bool      `json:"healthy"`
	Status  int       `json:"status,omitempty"`
	Millis  float64   `json:"milliseconds"`
	Expires time.Time `json:"certificateExpires,omitzero"`
	Problem string    `json:"problem,omitempty"`
}

func (p *program) probe() *cobra.Command {
	var host string
	var ready, insecure bool
	var timeout time.Duration
	c := &cobra.Command{
		Use: "probe URL", Short: "Ask a service how it is, from outside as a load balancer does", Args: cobra.ExactArgs(1),
		Example: "  taskflow probe https://10.0.1.7:8443 --insecure\n  taskflow probe https://acme.example.org --ready",
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := url.Parse(args[0])
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
				return usage{fmt.Errorf("%q is no address such as https://10.0.1.7:8443", args[0])}
			}
			u.Path = server.HealthPath
			if ready {
				u.Path = server.ReadyPath
			}
			answer := p.ask(cmd.Context(), u.String(), host, insecure, timeout)
			if err := p.say(answer, func(w io.Writer) {
				line(w, "%s: %d in %.1f ms", answer.URL, answer.Status, answer.Millis)
				if !answer.Expires.IsZero() {
					line(w, "the certificate is good until %s", answer.Expires.Format(time.RFC1123))
				}
			}); err != nil {
				return err
			}
			if !answer.Healthy {
				return finding{errors.New("the service is not healthy: " + answer.Problem)}
			}
			return nil
		},
	}
	c.Flags().StringVar(&host, "host", "", "host name to ask for, where the URL has an address")
	c.Flags().BoolVar(&ready, "ready", false, "ask for readiness: database, migrations, storage")
	c.Flags().BoolVar(&insecure, "insecure", false, "do not check the certificate, as load balancers do not")
	c.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait")
	return c
}

func (p *program) ask(ctx context.Context, address, host string, insecure bool, timeout time.Duration) probed {
	answer := probed{URL: address}
	began := p.Clock()
	fail := func(err error) probed {
		answer.Millis = float64(p.Clock().Sub(began).Microseconds()) / 1000
		answer.Problem = err.Error()
		return answer
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure, ServerName: host}} //nolint:gosec // asked for by a flag
	defer transport.CloseIdleConnections()
	asking := &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fail(err)
	}
	if host != "" {
		r.Host = host
	}
	response, err := asking.Do(r)
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 4096)); err != nil {
		return fail(err)
	}
	answer.Millis = float64(p.Clock().Sub(began).Microseconds()) / 1000
	answer.Status = response.StatusCode
	answer.Healthy = response.StatusCode == http.StatusOK
	if !answer.Healthy {
		answer.Problem = "it answers " + response.Status
	}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		answer.Expires = response.TLS.PeerCertificates[0].NotAfter
	}
	return answer
}
