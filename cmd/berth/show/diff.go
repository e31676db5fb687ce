package show

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine"
)

// Diff prints what a run did or would do: dangers first, then each component's changes, then the count.
func Diff(w io.Writer, s Style, r *engine.Result) {
	Dangers(w, s, r)
	Promises(w, s, r)
	var components []string
	byComponent := map[string][]engine.Step{}
	for _, step := range r.Steps {
		if step.Group || !step.Op.Changes() {
			continue
		}
		if _, known := byComponent[step.Component]; !known {
			components = append(components, step.Component)
		}
		byComponent[step.Component] = append(byComponent[step.Component], step)
	}
	for _, component := range components {
		steps := byComponent[component]
		title := component
		if title == "" {
			title = "(the stack itself)"
		}
		line(w, "%s  %s", s.paint(strong, title), s.paint(faint, count(steps, false, planned(r))))
		width := 0
		for _, step := range steps {
			width = max(width, len([]rune(step.Name)))
		}
		for _, step := range steps {
			printStep(w, s, step, min(width, 44))
		}
		line(w, "")
	}
	Summary(w, s, r)
}

// Dangers prints the resources that hold data and are replaced or deleted, so that nobody can miss them.
func Dangers(w io.Writer, s Style, r *engine.Result) {
	if len(r.Dangers) == 0 {
		return
	}
	bar := s.paint(danger, "!")
	what := plural(len(r.Dangers), "resource that holds data is", "resources that hold data are")
	if planned(r) {
		what += " to be replaced or deleted:"
	} else {
		what += " replaced or deleted:"
	}
	line(w, "%s %s", bar, s.paint(danger, what))
	for _, d := range r.Dangers {
		line(w, "%s   %s %s %s: %s", bar, s.paint(marks[d.Op].color, pad(string(d.Op), 7)), s.paint(strong, d.Name), s.paint(faint, Kind(d.Type)), d.Holds)
		if len(d.Because) > 0 {
			line(w, "%s           because of %s", bar, strings.Join(d.Because, ", "))
		}
	}
	if planned(r) {
		line(w, "%s to allow it: --yes --confirm %s", bar, strings.Join(engine.Names(r.Dangers), " --confirm "))
	}
	line(w, "")
}

// Summary prints the count of changes and what was noted on the way.
func Summary(w io.Writer, s Style, r *engine.Result) {
	steps := slices.DeleteFunc(slices.Clone(r.Steps), func(step engine.Step) bool { return step.Group })
	text := count(steps, true, planned(r))
	if r.Outcome != engine.Succeeded && len(steps) == 0 {
		text = "Nothing was done."
	} else if r.Changes() == 0 && r.Outcome == engine.Succeeded {
		text = "No changes: " + plural(len(steps), "resource is", "resources are") + " as the program says."
		if r.Operation == engine.Refresh {
			text = "No changes: " + plural(len(steps), "resource is", "resources are") + " as the state says."
		}
		if len(steps) == 0 {
			text = "No changes: there are no resources."
		}
	}
	line(w, "%s", s.paint(strong, text))
	for _, note := range r.Notes {
		line(w, "%s %s", s.paint(faint, "note:"), note)
	}
}

func planned(r *engine.Result) bool {
	return r.Operation == engine.Preview || r.Operation == engine.PreviewDestroy
}

// count says how many of each Op there are: "3 to create, 1 to update, 40 unchanged".
func count(steps []engine.Step, all, plan bool) string {
	counts := map[engine.Op]int{}
	failed, same := 0, 0
	for _, step := range steps {
		switch {
		case step.Status == engine.Failed || step.Status == engine.Interrupted && step.Op.Changes():
			failed++
		case step.Op.Changes():
			counts[step.Op]++
		default:
			same++
		}
	}
	var parts []string
	for _, op := range order {
		if n := counts[op]; n > 0 {
			word := marks[op].deed
			if plan {
				word = marks[op].plan
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	if failed > 0 {
		parts = append(parts, fmt.Sprintf("%d not finished", failed))
	}
	if all && same > 0 {
		parts = append(parts, fmt.Sprintf("%d unchanged", same))
	}
	return strings.Join(parts, ", ")
}

func printStep(w io.Writer, s Style, step engine.Step, width int) {
	mark := marks[step.Op]
	note := ""
	switch {
	case step.Status == engine.Failed:
		note = s.paint(danger, "  failed")
	case step.Status == engine.Interrupted:
		note = s.paint(danger, "  interrupted")
	case step.Stateful != "" && (step.Op == engine.OpReplace || step.Op == engine.OpDelete):
		note = s.paint(danger, "  holds data: "+step.Stateful)
	}
	line(w, "  %s %s  %s%s", s.paint(mark.color, mark.sign), s.paint(mark.color, pad(step.Name, width)), s.paint(faint, Kind(step.Type)), note)
	room := 100
	if s.Width > 40 {
		room = s.Width - 12
	}
	for _, d := range step.Diffs {
		forces := ""
		if d.Replaces {
			forces = s.paint(replaced, "  (forces the replacement)")
		}
		switch d.Kind {
		case "add":
			line(w, "      %s %s: %s%s", s.paint(added, "+"), d.Property, value(d.New, room-len(d.Property)), forces)
		case "delete":
			line(w, "      %s %s: %s%s", s.paint(removed, "-"), d.Property, value(d.Old, room-len(d.Property)), forces)
		default:
			before, after := d.Old, d.New
			if a, b, narrowed := narrow(before, after); narrowed {
				before, after = a, b
			}
			half := max((room-len(d.Property))/2, 16)
			line(w, "      %s %s: %s → %s%s", s.paint(changed, "~"), d.Property, value(before, half), value(after, half), forces)
		}
	}
}

// value prints a property's value on one line.
func value(v any, room int) string {
	text, isText := v.(string)
	if !isText || text == "" {
		encoded, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = string(encoded)
	}
	text = strings.Join(strings.Fields(text), " ")
	return cut(text, max(room, 24))
}

// narrow leaves out what two long texts have in common, so that what differs can be seen.
func narrow(a, b any) (string, string, bool) {
	x, isText := a.(string)
	y, isTextToo := b.(string)
	if !isText || !isTextToo || len(x)+len(y) < 80 {
		return "", "", false
	}
	left, right := []rune(x), []rune(y)
	start := 0
	for start < len(left) && start < len(right) && left[start] == right[start] {
		start++
	}
	end := 0
	for end < len(left)-start && end < len(right)-start && left[len(left)-1-end] == right[len(right)-1-end] {
		end++
	}
	const context = 12
	start, end = max(start-context, 0), max(end-context, 0)
	trim := func(t []rune) string {
		text := string(t[start : len(t)-end])
		if start > 0 {
			text = "…" + text
		}
		if end > 0 {
			text += "…"
		}
		return text
	}
	return trim(left), trim(right), true
}

// Outputs prints a stack's outputs, each with its purpose.
func Outputs(w io.Writer, s Style, outputs map[string]engine.Output) {
	names := slices.Sorted(maps.Keys(outputs))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		output := outputs[name]
		text := ""
		switch {
		case output.Value == nil && output.Secret:
			text = s.paint(faint, "[secret]")
		case output.Value == nil:
			text = s.paint(faint, "[not known yet]")
		default:
			text = value(output.Value, 4096)
		}
		line(w, "  %s  %s", s.paint(strong, pad(name, width)), text)
		if output.Purpose != "" {
			line(w, "  %s  %s", pad("", width), s.paint(faint, output.Purpose))
		}
	}
}

// Title prints what a result is about and where it happened.
func Title(w io.Writer, s Style, title string, r *engine.Result) {
	line(w, "%s %s %s\n", s.paint(strong, title+" "+r.Stack), where(r.Cloud), s.paint(faint, "· "+seconds(r.DurationSeconds)))
}

// Warning prints what the engine or a provider warns of.
func Warning(w io.Writer, s Style, d engine.Diagnostic) {
	name := ""
	if i := strings.LastIndex(d.URN, "::"); i >= 0 {
		name = d.URN[i+2:] + ": "
	}
	line(w, "%s %s%s", s.paint(changed, "warning:"), name, d.Message)
}

// Next prints a command that can be tried next, and what for.
func Next(w io.Writer, s Style, command, purpose string) {
	line(w, "  %s  %s", pad(command, 48), s.paint(faint, purpose))
}
