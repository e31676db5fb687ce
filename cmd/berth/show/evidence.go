package show

import (
	"io"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/live"
)

// verdictSigns are how a verdict is shown besides its word.
var verdictSigns = map[promises.Verdict]string{
	promises.Kept: "✓", promises.Broken: "✗", promises.WaivedVerdict: "~", promises.NotShown: "?",
	promises.ClientsDuty: "→", promises.NotApplicable: "-",
}

// Evidence prints how the promises of a document stand at a time.
func Evidence(w io.Writer, s Style, d *evidence.Document, now time.Time) {
	line(w, "%s %s %s", s.paint(strong, "Evidence of "+d.Subject.Stack), d.Subject.DisplayName, s.paint(faint, "· made "+d.Made.Format("2006-01-02 15:04 UTC")))
	for _, statement := range []string{d.Subject.Statement, d.Source.Statement} {
		if statement != "" {
			wrap(w, statement, "", s.room(0))
		}
	}
	group := ""
	for _, p := range d.Promises {
		if p.Group != group {
			group = p.Group
			line(w, "\n%s", s.paint(strong, group))
		}
		standing := p.At(now)
		color, word := verdictColors[standing.Verdict], string(standing.Verdict)
		if standing.Verdict == promises.NotShown && len(standing.Stale) > 0 {
			color, word = danger, "stale"
		}
		note := ""
		if standing.Level != "" {
			note = "by " + string(standing.Level) + ", valid until " + standing.ValidUntil.Format(time.DateOnly)
		}
		line(w, "  %s %s %s %s  %s", s.paint(color, verdictSigns[standing.Verdict]), pad(p.ID, 5), s.paint(color, pad(word, 14)), p.Title, s.paint(faint, note))
		for _, f := range p.Findings() {
			if !f.Holds && f.Waiver == nil {
				line(w, "                           %s: found %s; expected %s", f.Resource, f.Found, f.Expected)
			}
		}
	}
	summary := d.At(now)
	line(w, "\n%s", s.paint(strong, "Promises: "+countsText(summary.Promises)))
	line(w, "Baseline: %s", countsText(summary.Baseline))
	for _, c := range d.Baseline {
		if standing := c.At(now); standing.Verdict == promises.Broken {
			line(w, "  %s %s %s", s.paint(danger, "✗"), c.ID, c.Title)
		}
	}
	for _, warning := range d.Warnings {
		line(w, "%s %s", s.paint(changed, "warning:"), warning)
	}
}

func countsText(c evidence.Counts) string {
	var parts []string
	for _, count := range []struct {
		n    int
		word string
	}{
		{c.Kept, "kept"}, {c.Broken, "broken"}, {c.Waived, "waived"}, {c.NotShown - c.Stale, "not shown"}, {c.Stale, "stale"},
		{c.ClientsDuty, "the client's duty"}, {c.NotApplicable, "not applicable"},
	} {
		if count.n > 0 {
			parts = append(parts, plural(count.n, count.word, count.word))
		}
	}
	return strings.Join(parts, ", ")
}

// Look prints how one live look ended.
func Look(w io.Writer, s Style, r live.Result) {
	note := r.Why
	if note == "" {
		note = plural(len(r.Findings), "thing looked at", "things looked at")
	}
	line(w, "  %s %s %s  %s", s.paint(verdictColors[r.Verdict], verdictSigns[r.Verdict]), pad(r.ID, 5), pad(string(r.Verdict), 9), s.paint(faint, note))
}
