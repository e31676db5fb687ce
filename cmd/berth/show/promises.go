package show

import (
	"io"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
)

// effectMarks are how an effect on a promise is shown.
var effectMarks = map[promises.EffectKind]struct{ sign, color string }{
	promises.Breaks:      {"!", danger},
	promises.Weakens:     {"↓", removed},
	promises.Strengthens: {"↑", added},
	promises.Touches:     {"·", changed},
}

// maxPoints are the changes shown under a promise; the rest are counted.
const maxPoints = 4

// Promises prints the promises that a change strengthens, weakens or touches. Those that a new stack begins to
// keep are counted only.
func Promises(w io.Writer, s Style, r *engine.Result) {
	fresh := 0
	var shown []promises.Effect
	for _, e := range r.Promises {
		if e.Before == promises.NotShown && e.After == promises.Kept {
			fresh++
			continue
		}
		shown = append(shown, e)
	}
	if len(r.Promises) == 0 {
		return
	}
	line(w, "%s", s.paint(strong, "Promises to the client"))
	for _, e := range shown {
		mark := effectMarks[e.Kind]
		verdict := string(e.Before) + " → " + string(e.After)
		if e.Before == e.After {
			verdict = "stays " + string(e.After)
		}
		line(w, "  %s %s %s  %s", s.paint(mark.color, mark.sign), s.paint(mark.color, pad(string(e.Kind), 11)), pad(e.ID, 5), e.Title+s.paint(faint, "  ("+verdict+")"))
		for i, point := range e.Points {
			if i == maxPoints {
				line(w, "                      %s", s.paint(faint, plural(len(e.Points)-i, "more change", "more changes")))
				break
			}
			line(w, "                      %s", cut(point, max(s.Width-22, 78)))
		}
	}
	if fresh > 0 {
		mark := effectMarks[promises.Strengthens]
		line(w, "  %s %s", s.paint(mark.color, mark.sign), plural(fresh, "promise that nothing showed before is kept", "promises that nothing showed before are kept"))
	}
	line(w, "")
}
