package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/group"
	"github.com/berth-iac/berth/fleet/report"
	"github.com/spf13/pflag"
)

// reportForms are the forms that an answer can be written in.
var reportForms = []string{"markdown", "html", "junit", "sarif", "json", "text"}

// reporting says where an answer is written besides.
type reporting struct {
	files         []string // form=file
	marker, whole string   // of the form for pull requests
}

func (r *reporting) flags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&r.files, "report", nil, "`form=file` to write the answer to, besides: markdown, html, junit, sarif, json or text; may be repeated")
	flags.StringVar(&r.marker, "marker", "", "`word` in the comment's first line, by which CI finds the comment that it brings up to date (default fleet)")
	flags.StringVar(&r.whole, "whole", "", "`address` or artefact that has the whole answer, for a comment that has no room for it")
}

// checkReports holds the values of --report against the forms that there are.
func checkReports(reports []string) error {
	for _, text := range reports {
		if form, file, ok := strings.Cut(text, "="); !ok || file == "" || !slices.Contains(reportForms, form) {
			return usage("--report is %q; it is a form and a file, such as markdown=comment.md; the forms are %s", text, strings.Join(reportForms, ", "))
		}
	}
	return nil
}

// grouping says once what many stacks have in common.
func grouping() fleet.Grouping {
	return fleet.Grouping{Changes: group.Changes, Promises: group.Promises}
}

// answered prints an answer, writes the reports that were asked for, and returns what the answer comes to.
func (g *global) answered(env Env, answer *fleet.Answer, reports reporting) error {
	var errs []error
	if g.output == "json" {
		errs = append(errs, report.JSON(env.Out, answer))
	} else {
		errs = append(errs, g.printAnswer(env.Out, env, answer))
	}
	for _, text := range reports.files {
		form, file, _ := strings.Cut(text, "=")
		errs = append(errs, reports.write(env, form, file, answer))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if answer.Exit() == ExitOK {
		return nil
	}
	return &verdictError{answer}
}

func (g *global) printAnswer(w io.Writer, env Env, answer *fleet.Answer) error {
	style := g.style(env)
	return report.Text(w, report.Style{Color: style.Color, Width: style.Width}, answer)
}

func (r reporting) write(env Env, form, file string, answer *fleet.Answer) error {
	var text bytes.Buffer
	var err error
	switch form {
	case "markdown":
		text.WriteString(report.Markdown(answer, report.MarkdownOptions{Marker: r.marker, Whole: r.whole}))
	case "html":
		err = report.HTML(&text, answer)
	case "junit":
		err = report.JUnit(&text, answer)
	case "sarif":
		err = report.SARIF(&text, answer, env.versions().Berth)
	case "json":
		err = report.JSON(&text, answer)
	default:
		err = report.Text(&text, report.Style{}, answer)
	}
	if err != nil {
		return fmt.Errorf("make the report %s: %w", file, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	return replaceFile(file, text.Bytes())
}

// fleetExit is the exit code for an answer, and whether err is one.
func fleetExit(err error) (int, bool) {
	var verdict *verdictError
	if !errors.As(err, &verdict) {
		return 0, false
	}
	var declined *unconfirmedError
	went := verdict.answer.Statuses
	switch {
	case errors.Is(err, context.Canceled):
		return ExitInterrupted, true
	case errors.As(err, &declined) && went[fleet.Failed]+went[fleet.Interrupted] == 0:
		return ExitRefused, true
	}
	return verdict.answer.Exit(), true
}
