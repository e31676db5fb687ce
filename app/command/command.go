// Package command is the program taskflow: its commands, what they print, and how they end. What they do is done elsewhere. The
// environment, the clock and the streams come in with Env, so that tests run commands as people do.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/server"
)

// Env is the world outside of the program.
type Env struct {
	Out, Err  io.Writer
	Environ   []string
	LookupEnv func(string) (string, bool)
	ReadFile  func(string) ([]byte, error)
	Clock     func() time.Time
	Random    io.Reader
	AWS       config.AWS

	Sockets func() []*os.File // that were opened for this process; asked once
	Hangups <-chan os.Signal  // each asks for the configuration to be read anew
	Version string

	Web       func(*client.Client) (http.Handler, error) // a client's pages
	RPC       func(*client.Client) (http.Handler, error) // what programs call; nil: nothing
	Transfers func(*http.Request) bool                   // requests that may last; nil: none
}

// How a command ends. Scripts may rely on it.
const (
	Done      = 0
	Failed    = 1 // it did not work, and trying again may help
	Wrong     = 2 // what was given is wrong: arguments, configuration, input
	Missing   = 3 // what was named is not there
	Refused   = 4 // it may not be done, or not now
	Unhealthy = 5 // it was looked at, and it is not in order: probe, audit verify, migrate status
)

// finding is the end of a command that worked and found something wrong.
type finding struct{ error }

func (f finding) Unwrap() error { return f.error }

// usage is a mistake on the command line.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// Code is how a command ends that came to this error.
func Code(err error) int {
	if err == nil {
		return Done
	}
	if _, found := errors.AsType[finding](err); found {
		return Unhealthy
	}
	_, mistaken := errors.AsType[usage](err)
	_, problems := errors.AsType[config.Problems](err)
	if mistaken || problems {
		return Wrong
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.TooLarge:
		return Wrong
	case fault.NotFound:
		return Missing
	case fault.Forbidden, fault.Conflict, fault.Unauthenticated:
		return Refused
	}
	return Failed
}

// Run runs one command and tells how the process should end.
func Run(ctx context.Context, e Env, args []string) int {
	root := New(e)
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	if err != nil && c.ValidateRequiredFlags() != nil { // cobra's own errors have no type
		err = usage{fmt.Errorf("%w\n  see %s --help", err, c.CommandPath())}
	}
	if err != nil {
		_, _ = fmt.Fprintln(e.Err, "taskflow: "+explain(err))
	}
	return Code(err)
}

// explain is an error for whoever typed the command: what is wrong, and how to mend it.
func explain(err error) string {
	faults := fault.Problems(err)
	if len(faults) == 0 {
		if f, found := errors.AsType[*fault.Error](err); found {
			faults = append(faults, f)
		}
	}
	text := err.Error()
	for _, f := range faults {
		if f.Fix != "" && !strings.Contains(text, f.Fix) {
			text += "\n  " + f.Fix
		}
	}
	return text
}

// program is what all commands share.
type program struct {
	Env
	configPath string
	output     string
}

// New makes the program.
func New(e Env) *cobra.Command {
	p := &program{Env: e}
	root := &cobra.Command{
		Use:   "taskflow",
		Short: "TaskFlow: projects and tasks for teams, one client or thousands",
		Long: `TaskFlow serves projects and tasks to teams. Without any configuration, "taskflow serve" begins with a demonstration.

How a command ends:
  0  it is done
  1  it did not work; trying again may help
  2  what was given is wrong: arguments, configuration, input
  3  what was named is not there
  4  it may not be done, or not now
  5  it was looked at, and it is not in order (probe, audit verify, migrate status)`,
		Example:       "  taskflow serve\n  taskflow serve --config /etc/taskflow --listen :8443\n  taskflow tenant create acme --name \"Acme Ltd\" --host acme.example.org --owner ann@acme.example",
		SilenceErrors: true, SilenceUsage: true, Version: e.Version,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if p.output != "text" && p.output != "json" {
				return usage{fmt.Errorf("--output %q is neither text nor json", p.output)}
			}
			return nil
		},
	}
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	root.PersistentFlags().StringVar(&p.configPath, "config", "", "file or folder of the configuration; nothing for the defaults")
	root.PersistentFlags().StringVar(&p.output, "output", "text", "text or json")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(p.serve(), p.tenant(), p.user(), p.access(), p.migrate(), p.backup(), p.restore(), p.bi(), p.export(), p.audit(), p.seed(), p.probe(), p.config(), p.version())
	mistakes(root)
	return root
}

// mistakes marks wrong arguments as such, and makes a command that only has others below say so.
func mistakes(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage{fmt.Errorf("%w\n  see %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	if c.Run == nil && c.RunE == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				maybe := ""
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					maybe = ", but " + strings.Join(near, ", ")
				}
				return usage{fmt.Errorf("there is no %s %s%s\n  see %s --help", cmd.CommandPath(), args[0], maybe, cmd.CommandPath())}
			}
			return cmd.Help()
		}
	}
	for _, below := range c.Commands() {
		mistakes(below)
	}
}

// say prints an answer: as JSON, or as text says.
func (p *program) say(value any, text func(w io.Writer)) error {
	if p.output == "json" {
		e := json.NewEncoder(p.Out)
		e.SetIndent("", "  ")
		if err := e.Encode(value); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
		return nil
	}
	text(p.Out)
	return nil
}

func line(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

func (p *program) load() (*config.Config, error) {
	c, err := config.Load(config.Source{Path: p.configPath, ReadFile: p.ReadFile, Environ: p.Environ})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (p *program) resolve(ctx context.Context, ref config.Ref) (string, error) {
	return config.Resolver{ReadFile: p.ReadFile, LookupEnv: p.LookupEnv, AWS: p.AWS}.Resolve(ctx, ref)
}

// logger writes JSON. Commands but serve only say what went wrong beside.
func (p *program) logger(level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(p.Err, &slog.HandlerOptions{Level: l}))
}

// parts makes what works on clients, of the configuration.
func (p *program) parts(ctx context.Context, c *config.Config, log *slog.Logger) (*server.Parts, error) {
	return server.NewParts(ctx, server.PartsOptions{Config: c, Resolve: p.resolve, Clock: p.Clock, Random: p.Random, Log: log})
}

// with does something with the clients' directory.
func (p *program) with(ctx context.Context, do func(c *config.Config, parts *server.Parts) error) (err error) {
	c, err := p.load()
	if err != nil {
		return err
	}
	parts, err := p.parts(ctx, c, p.logger("warn"))
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, parts.Close(closing))
	}()
	return do(c, parts)
}

// withClient does something with one client.
func (p *program) withClient(ctx context.Context, name string, do func(c *config.Config, on *client.Client) error) error {
	return p.with(ctx, func(c *config.Config, parts *server.Parts) error {
		on, release, err := parts.Open(ctx, name)
		if err != nil {
			return fmt.Errorf("client %s: %w", name, err)
		}
		defer release()
		return do(c, on)
	})
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which release this is", Example: "  taskflow version --output json", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.say(map[string]string{"version": p.Version}, func(w io.Writer) { line(w, "taskflow %s", p.Version) })
		},
	}
}

func (p *program) config() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration", Example: "  taskflow config check --config /etc/taskflow"}
	c.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Check the configuration and report all that is wrong with it", Example: "  taskflow config check --config taskflow.yaml", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				c, err := p.load()
				if err != nil {
					return err
				}
				return p.say(map[string]any{"ok": true, "environment": c.Environment}, func(w io.Writer) { line(w, "the configuration is in order (%s)", c.Environment) })
			},
		},
		&cobra.Command{
			Use: "show", Short: "Show the configuration as it is used, with defaults and variables; secrets are only referred to",
			Example: "  taskflow config show --config taskflow.yaml", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				c, err := p.load()
				if err != nil {
					return err
				}
				line(p.Out, "%s", c)
				return nil
			},
		},
	)
	return c
}
