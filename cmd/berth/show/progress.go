package show

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/berth-iac/berth/engine"
)

// Progress shows how a run goes on. Start begins its clock, Handle is told the engine's events, and Stop
// clears what was drawn.
type Progress struct {
	w     io.Writer
	style Style
	live  bool // redraw in place; otherwise a plain line now and then
	now   func() time.Time

	mu       sync.Mutex
	title    string
	began    time.Time
	said     time.Time // of the last plain line
	expected map[string]int
	done     map[string]int
	total    int
	finished int
	seen     int // resources that were looked at, changed or not
	running  map[string]running
	failed   []string
	drawn    int // lines of the live picture
	stop     chan struct{}
	ended    sync.WaitGroup
}

type running struct {
	step  engine.Step
	since time.Time
}

// Rates of the two kinds of progress.
const (
	liveEvery  = 100 * time.Millisecond
	plainEvery = 5 * time.Second
)

// NewProgress makes a Progress that writes to w.
func NewProgress(w io.Writer, style Style, live bool, now func() time.Time) *Progress {
	return &Progress{w: w, style: style, live: live, now: now}
}

// Start begins showing. reviewed is the preview of the run, or nil; it tells what is to be expected.
func (p *Progress) Start(title string, reviewed *engine.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.title, p.began, p.said = title, p.now(), p.now()
	p.expected, p.done, p.running = map[string]int{}, map[string]int{}, map[string]running{}
	p.total, p.finished, p.seen, p.failed = 0, 0, 0, nil
	if reviewed != nil {
		for _, step := range reviewed.Steps {
			if step.Op.Changes() && !step.Group {
				p.expected[top(step.Component)]++
				p.total++
			}
		}
	}
	if !p.live {
		line(p.w, "%s …", title)
	}
	p.stop = make(chan struct{})
	p.ended.Add(1)
	go p.tick(p.stop)
}

func (p *Progress) tick(stop <-chan struct{}) {
	defer p.ended.Done()
	every := plainEvery
	if p.live {
		every = liveEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		}
	}
}

// Handle takes one event of the engine's.
func (p *Progress) Handle(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Phase != "":
		p.title = strings.ToUpper(e.Phase[:1]) + e.Phase[1:]
		p.finished, p.seen, p.total, p.done, p.running = 0, 0, e.Expected, map[string]int{}, map[string]running{}
	case e.Began != nil && !e.Began.Group:
		p.running[e.Began.URN] = running{*e.Began, p.now()}
	case e.Ended != nil && !e.Ended.Group:
		delete(p.running, e.Ended.URN)
		p.seen++
		switch {
		case e.Ended.Status == engine.Failed:
			p.failed = append(p.failed, e.Ended.Name)
			p.clear()
			line(p.w, "  %s %s %s", p.style.paint(danger, "failed"), e.Ended.Name, p.style.paint(faint, Kind(e.Ended.Type)))
		case e.Ended.Op.Changes():
			p.finished++
			p.done[top(e.Ended.Component)]++
		}
	}
}

// Stop ends showing.
func (p *Progress) Stop() {
	if p.stop == nil {
		return
	}
	close(p.stop)
	p.ended.Wait()
	p.stop = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func top(component string) string {
	first, _, _ := strings.Cut(component, "/")
	return first
}

func (p *Progress) clear() {
	if p.drawn > 0 {
		_, _ = fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (p *Progress) draw() {
	elapsed := p.now().Sub(p.began)
	if !p.live {
		line(p.w, "%s: %s, %s", p.title, p.countText(), seconds(elapsed.Seconds())+p.runningText(3))
		return
	}
	lines := []string{fmt.Sprintf("%s  %s  %s", p.style.paint(strong, p.title), p.countText(), p.style.paint(faint, clock(elapsed)))}
	names := slices.Clone(p.components())
	width := 0
	for _, name := range names {
		width = max(width, len(label(name)))
	}
	for _, name := range names {
		lines = append(lines, p.row(name, width))
	}
	columns := p.style.Width
	if columns <= 0 {
		columns = 80
	}
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, text := range lines {
		b.WriteString("\x1b[2K" + clip(text, columns) + "\n")
	}
	b.WriteString("\x1b[J")
	_, _ = io.WriteString(p.w, b.String())
	p.drawn = len(lines)
}

// components are those with something to show, in a steady order.
func (p *Progress) components() []string {
	seen := map[string]bool{}
	for name := range p.expected {
		seen[name] = true
	}
	for name := range p.done {
		seen[name] = true
	}
	for _, r := range p.running {
		if r.step.Op.Changes() {
			seen[top(r.step.Component)] = true
		}
	}
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (p *Progress) row(name string, width int) string {
	done, expected := p.done[name], p.expected[name]
	at := []running{}
	for _, r := range p.running {
		if top(r.step.Component) == name && r.step.Op.Changes() {
			at = append(at, r)
		}
	}
	slices.SortFunc(at, func(a, b running) int {
		if c := a.since.Compare(b.since); c != 0 {
			return c
		}
		return strings.Compare(a.step.URN, b.step.URN)
	})
	sign, color := "·", faint
	switch {
	case len(at) > 0:
		sign, color = "●", changed
	case done > 0 && done >= expected:
		sign, color = "✓", added
	}
	count := fmt.Sprintf("%3d", done)
	if expected > 0 {
		count = fmt.Sprintf("%3d/%-3d", done, expected)
	}
	var words []string
	for i, r := range at {
		if i == 3 {
			words = append(words, fmt.Sprintf("and %d more", len(at)-i))
			break
		}
		words = append(words, strings.TrimPrefix(r.step.Name, name+"-"))
	}
	return fmt.Sprintf("  %s %s %s %s", p.style.paint(color, sign), pad(label(name), width), count, p.style.paint(faint, strings.Join(words, ", ")))
}

func label(component string) string {
	if component == "" {
		return "(stack)"
	}
	return component
}

func (p *Progress) countText() string {
	if p.total > 0 {
		return fmt.Sprintf("%d of %d", p.finished, p.total)
	}
	return plural(p.seen, "resource", "resources")
}

func (p *Progress) runningText(most int) string {
	var names []string
	for _, r := range p.running {
		names = append(names, r.step.Name)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return ", at work on " + strings.Join(names, ", ") + more
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// clip cuts a line to the terminal's width without counting colour codes.
func clip(text string, columns int) string {
	var b strings.Builder
	n, escape := 0, false
	for _, c := range text {
		switch {
		case c == '\x1b':
			escape = true
		case escape:
			escape = c != 'm'
		default:
			if n++; n >= columns {
				return b.String() + "\x1b[0m"
			}
		}
		b.WriteRune(c)
	}
	return b.String()
}
