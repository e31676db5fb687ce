package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/fault"
)

// exporting is what to export, and where to.
type exporting struct {
	exchange.Order
	client  string
	out     string // a file; "-" is the terminal or pipe
	replace bool
}

type exportAnswer struct {
	Client  string `json:"client"`
	Out     string `json:"out"`
	Rows    int64  `json:"rows"`
	Files   int64  `json:"files"`
	Missing int64  `json:"missing"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// export is DP-7 at the command line.
func (p *program) export() *cobra.Command {
	var o exporting
	var format string
	var bare bool
	c := &cobra.Command{
		Use: "export CLIENT", Short: "Export a client's data (DP-7): everything as a zip archive, or one table", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Long: `Export what a client owns, as it is at one moment, while the service goes on. A zip archive has every table as CSV and as JSON, the content
of the attachments, a README and a manifest with hashes; --format json is every table in one document, and with --table or --project one table.
Passwords and other secrets are never exported. The client's audit log has who exported, why and how much.

The file has its name only when it is complete: an export that is cut short leaves none, or the one that was there.

Tables: ` + strings.Join(tableNames(), ", "),
		Example: `  taskflow export acme --out acme.zip --reason "the contract ends"
  taskflow export acme --format csv --table tasks --project OPS --out - --reason "figures for Ann" | head`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" || strings.TrimSpace(o.Reason) == "" {
				return usage{errors.New("say where to with --out, and why with --reason: the client reads it in its audit log")}
			}
			o.client, o.Format, o.Attachments = args[0], exchange.Format(format), !bare
			return p.runExport(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "zip", "zip, json or csv")
	f.StringVar(&o.out, "out", "", "the file to write; - for the standard output (required)")
	f.StringVar(&o.Reason, "reason", "", "why, as the client reads it in its audit log (required)")
	f.StringVar(&o.By, "by", "", "who exports it, as the client reads it")
	f.StringVar(&o.Table, "table", "", "this table only")
	f.StringVar(&o.Project, "project", "", "key of the only project wanted, such as OPS")
	f.BoolVar(&bare, "no-attachments", false, "leave the content of attachments out")
	f.BoolVar(&o.replace, "replace", false, "replace the file if it is there")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"zip", "json", "csv"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("table", cobra.FixedCompletions(tableNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func tableNames() []string {
	var names []string
	for _, one := range exchange.Tables() {
		names = append(names, one.Name)
	}
	return names
}

func (p *program) runExport(ctx context.Context, o exporting) error {
	return p.withClient(ctx, o.client, func(_ *config.Config, on *client.Client) error {
		x, err := on.Exchange()
		if err != nil {
			return err
		}
		hear, end := p.progress(o.client)
		watched := hear != nil
		if watched {
			o.Progress = func(now exchange.Progress) { hear(now.Bytes) }
		}
		var r exchange.Result
		if o.out == "-" {
			r, err = x.Export(ctx, operator(), o.Order, func(exchange.File) (io.Writer, error) { return p.Out, nil })
		} else {
			err = whole(o.out, o.replace, func(open func() (io.Writer, error)) error {
				r, err = x.Export(ctx, operator(), o.Order, func(exchange.File) (io.Writer, error) { return open() })
				return err
			})
		}
		end()
		if err != nil {
			return err
		}
		if o.out == "-" { // the data has the standard output to itself
			if watched {
				line(p.Err, "%d rows, %d bytes, SHA-256 %s", r.Rows, r.Bytes, r.SHA256)
			}
			return nil
		}
		return p.say(exportAnswer{o.client, o.out, r.Rows, r.Files, r.Missing, r.Bytes, r.SHA256}, func(w io.Writer) {
			line(w, "%s has %d rows and %d attachments of client %s in %d bytes, SHA-256 %s", o.out, r.Rows, r.Files, o.client, r.Bytes, r.SHA256)
			if r.Missing > 0 {
				line(w, "the content of %d attachments was not there or is not what was sent: see manifest.json", r.Missing)
			}
		})
	})
}

// whole writes a file that has its name only when it is complete, and survives a crash from then on. Without replace one that is there is
// left alone.
func whole(name string, replace bool, write func(open func() (io.Writer, error)) error) (err error) {
	taken := func() error {
		if _, err := os.Lstat(name); !replace && !errors.Is(err, fs.ErrNotExist) {
			return fault.Clash(name+" is there already", "choose another name, or say --replace")
		}
		return nil
	}
	if err := taken(); err != nil {
		return err
	}
	var file *os.File
	defer func() {
		if err != nil && file != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	if err := write(func() (io.Writer, error) {
		var err error
		if file, err = os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".partial-*"); err != nil { // for its owner alone
			return nil, fmt.Errorf("make the file: %w", err)
		}
		return file, nil
	}); err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	if err := taken(); err != nil { // somebody made it meanwhile
		return err
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return fmt.Errorf("give the file its name: %w", err)
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("keep the file's name: %w", err)
	}
	_ = folder.Sync() // not every system can
	return folder.Close()
}
