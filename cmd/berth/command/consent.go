package command

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine"
)

// consent asks for agreement to a change that was shown, and returns the names that are confirmed. The
// dangers in it are judged by the engine as well; here they are asked for.
func consent(env Env, g *global, t target, stack string, preview *engine.Result) ([]string, error) {
	var open []string
	for _, name := range engine.Names(preview.Dangers) {
		if !slices.Contains(t.confirm, name) {
			open = append(open, name)
		}
	}
	if t.yes {
		if len(open) == 0 {
			return t.confirm, nil
		}
		return nil, refusal(preview, open)
	}
	if !env.Terminal || g.output == "json" {
		return nil, &unconfirmedError{fmt.Sprintf("%d changes to stack %s need consent, and nobody can be asked here; nothing was changed\n"+
			"look at `berth preview %s`, then add --yes%s", preview.Changes(), stack, stack, confirmFlags(open))}
	}
	in := bufio.NewReader(env.In)
	for _, name := range open {
		answer, err := ask(env, in, fmt.Sprintf("%s will lose its data. Type its name to allow it: ", name))
		if err != nil {
			return nil, err
		}
		if answer != name {
			return nil, &unconfirmedError{fmt.Sprintf("%q was not confirmed; nothing was changed", name)}
		}
	}
	answer, err := ask(env, in, fmt.Sprintf("Make these %d changes to %s? [y/N] ", preview.Changes(), stack))
	if err != nil {
		return nil, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return nil, &unconfirmedError{"not confirmed; nothing was changed"}
	}
	return append(slices.Clone(t.confirm), open...), nil
}

func refusal(preview *engine.Result, open []string) error {
	refused := &engine.RefusedError{Operation: engine.Up, Stack: preview.Stack}
	if preview.Operation == engine.PreviewDestroy {
		refused.Operation = engine.Destroy
	}
	for _, d := range preview.Dangers {
		if slices.Contains(open, d.Name) {
			refused.Dangers = append(refused.Dangers, d)
		}
	}
	return fmt.Errorf("%w\nto allow it, add%s", refused, confirmFlags(open))
}

func confirmFlags(names []string) string {
	text := ""
	for _, name := range names {
		text += " --confirm " + name
	}
	return text
}

// ask puts a question on the terminal and reads one line. No answer is a refusal.
func ask(env Env, in *bufio.Reader, question string) (string, error) {
	_, _ = fmt.Fprint(env.Err, question)
	answer, err := in.ReadString('\n')
	if err != nil && answer == "" {
		_, _ = fmt.Fprintln(env.Err)
		return "", &unconfirmedError{"no answer; nothing was changed"}
	}
	return strings.TrimSpace(answer), nil
}
