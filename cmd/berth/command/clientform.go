package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/berth-iac/berth/fleet/draft"
	"github.com/charmbracelet/huh"
)

// form asks a person questions, one at a time. Accessible, it asks line by line: for screen readers, and where another
// program answers.
type form struct {
	env        Env
	in         *oneLine
	accessible bool
}

func newForm(env Env, accessible bool) *form {
	for _, entry := range env.Environ {
		name, value, _ := strings.Cut(entry, "=")
		accessible = accessible || name == "ACCESSIBLE" && value != "" || name == "TERM" && value == "dumb"
	}
	return &form{env: env, in: &oneLine{from: env.In}, accessible: accessible}
}

// ask puts one question. preset is the answer that is taken for an empty one.
func (f *form) ask(ctx context.Context, q draft.Question, preset string) (string, error) {
	answer := preset
	var field huh.Field
	switch {
	case len(q.Choices) > 0:
		var options []huh.Option[string]
		for _, c := range q.Choices {
			label := c.Value
			if c.Means != "" {
				label += ": " + c.Means
			}
			options = append(options, huh.NewOption(label, c.Value))
		}
		field = huh.NewSelect[string]().Title(q.Title).Description(q.Why).Options(options...).Value(&answer)
	default:
		title := q.Title
		if q.Form == draft.YesNo {
			title += " (yes or no)"
		}
		if preset != "" && f.accessible {
			title += " [" + preset + "]"
		}
		field = huh.NewInput().Title(title).Description(q.Why).Value(&answer)
	}
	if f.accessible && q.Why != "" {
		_, _ = fmt.Fprintf(f.env.Err, "\n%s\n", q.Why)
	}
	in := f.env.In // the terminal itself, which shows every key as it is pressed
	if f.accessible {
		in = f.in
	}
	err := huh.NewForm(huh.NewGroup(field)).WithAccessible(f.accessible).WithInput(in).WithOutput(f.env.Err).WithShowHelp(true).RunWithContext(ctx)
	switch {
	case errors.Is(err, huh.ErrUserAborted), err == nil && f.in.ended:
		return "", &unconfirmedError{"no answer; nothing was changed"}
	case err != nil:
		return "", fmt.Errorf("ask for %s: %w", q.Key, err)
	}
	return strings.TrimSpace(answer), nil
}

// agree asks for a yes.
func (f *form) agree(ctx context.Context, question string) (bool, error) {
	answer, err := f.ask(ctx, draft.Question{Key: "consent", Title: question, Form: draft.YesNo}, "yes")
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}

// oneLine hands on one byte at a time, so that whoever wants a line takes no more than that.
type oneLine struct {
	from  io.Reader
	ended bool
	begun bool // a line is under way
}

func (r *oneLine) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.from.Read(p[:1])
	if n > 0 {
		r.begun = p[0] != '\n'
	}
	if err != nil && !r.begun {
		r.ended = true
	}
	if err != nil {
		r.begun = false
	}
	return n, err //nolint:wrapcheck // io.EOF has to stay what it is
}
