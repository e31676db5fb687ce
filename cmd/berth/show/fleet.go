package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/berth-iac/berth/fleet"
)

// Fleet draws how a fleet's run goes on, in place: what runs, what waits, and the time left. What went wrong stays on the screen.
// Its methods are called by one goroutine at a time.
type Fleet struct {
	w     io.Writer
	style Style
	title string
	now   func() time.Time

	at    map[string]stackAt
	waits map[string]string // for whom a stack waits
	last  time.Time
	drawn int
}

type stackAt struct {
	began          time.Time
	phase          string
	done, expected int
}

// mostRows is how many running stacks are drawn, one a row.
const mostRows = 12

// NewFleet makes a picture that is drawn on w.
func NewFleet(w io.Writer, style Style, title string, now func() time.Time) *Fleet {
	return &Fleet{w: w, style: style, title: title, now: now, at: map[string]stackAt{}, waits: map[string]string{}}
}

// Handle takes one event of the run.
func (f *Fleet) Handle(e fleet.Event) {
	switch e.Kind {
	case fleet.Began:
		f.at[e.Stack] = stackAt{began: f.now()}
		delete(f.waits, e.Stack)
	case fleet.Moved:
		at := f.at[e.Stack]
		at.phase, at.done, at.expected = e.Phase, e.Done, e.Expected
		f.at[e.Stack] = at
	case fleet.Waits:
		f.waits[e.Stack] = e.Because
		delete(f.at, e.Stack)
	case fleet.Ended:
		delete(f.at, e.Stack)
		delete(f.waits, e.Stack)
		f.ended(e.Entry)
	case fleet.WaveStopped:
		f.Clear()
		line(f.w, "%s", f.style.paint(danger, e.Because+"; the later waves are not begun"))
	}
	if now := f.now(); e.Kind == fleet.WaveBegan || e.Kind == fleet.Ticked || now.Sub(f.last) >= liveEvery {
		f.last = now
		f.draw(e.Overview)
	}
}

// ended leaves a line for what somebody has to look at.
func (f *Fleet) ended(e *fleet.Entry) {
	if e == nil || e.Status != fleet.Failed && e.Status != fleet.Refused {
		return
	}
	f.Clear()
	first, _, _ := strings.Cut(e.Error, "\n")
	line(f.w, "  %s %s %s", f.style.paint(danger, string(e.Status)), e.Stack, f.style.paint(faint, clip(first, f.columns()-len(e.Status)-len(e.Stack)-6)))
}

// Clear takes the picture away.
func (f *Fleet) Clear() {
	if f.drawn > 0 {
		_, _ = fmt.Fprintf(f.w, "\x1b[%dA\x1b[J", f.drawn)
		f.drawn = 0
	}
}

func (f *Fleet) columns() int {
	if f.style.Width <= 0 {
		return 80
	}
	return f.style.Width
}

func (f *Fleet) draw(o fleet.Overview) {
	title := f.title
	if o.Wave != 0 {
		title += fmt.Sprintf(" wave %d", o.Wave)
	}
	lines := []string{fmt.Sprintf("%s  %d of %d%s  %s", f.style.paint(strong, title), o.Ended, o.Total, f.statuses(o), f.style.paint(faint, times(o)))}
	width := 0
	for _, name := range o.Running {
		width = max(width, len(name))
	}
	for i, name := range o.Running {
		if i == mostRows {
			lines = append(lines, f.style.paint(faint, fmt.Sprintf("  and %d more at work", len(o.Running)-i)))
			break
		}
		at := f.at[name]
		words := []string{}
		if at.phase != "" {
			words = append(words, at.phase)
		}
		switch {
		case at.expected > 0:
			words = append(words, fmt.Sprintf("%d of %d", at.done, at.expected))
		case at.done > 0:
			words = append(words, plural(at.done, "resource", "resources"))
		}
		if !at.began.IsZero() {
			words = append(words, clock(f.now().Sub(at.began)))
		}
		lines = append(lines, fmt.Sprintf("  %s %s %s", f.style.paint(changed, "●"), pad(name, width), f.style.paint(faint, strings.Join(words, ", "))))
	}
	if o.Waiting > 0 {
		text := fmt.Sprintf("  %d wait", o.Waiting)
		if n := len(f.waits); n > 0 {
			text += fmt.Sprintf(", %d of them for another process", n)
		}
		lines = append(lines, f.style.paint(faint, text))
	}
	var b strings.Builder
	if f.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", f.drawn)
	}
	for _, text := range lines {
		b.WriteString("\x1b[2K" + clip(text, f.columns()) + "\n")
	}
	b.WriteString("\x1b[J")
	_, _ = io.WriteString(f.w, b.String())
	f.drawn = len(lines)
}

// shownStatuses are counted on the screen, in this order.
var shownStatuses = []struct {
	status fleet.Status
	color  string
}{{fleet.Failed, danger}, {fleet.Refused, danger}, {fleet.Interrupted, danger}, {fleet.Held, faint}, {fleet.Risky, danger}, {fleet.Changed, changed}, {fleet.Unchanged, faint}}

func (f *Fleet) statuses(o fleet.Overview) string {
	var words []string
	for _, s := range shownStatuses {
		if n := o.Statuses[s.status]; n > 0 {
			words = append(words, f.style.paint(s.color, fmt.Sprintf("%d %s", n, s.status)))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, ", ")
}

func times(o fleet.Overview) string {
	text := clock(o.Elapsed)
	if o.LeftKnown && o.Ended < o.Total {
		text += ", about " + clock(o.Left) + " left"
	}
	return text
}
